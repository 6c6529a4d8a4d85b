"""`manage.py webhook`: set, show or delete the address to which Telegram posts updates."""

import asyncio
from argparse import ArgumentParser
from typing import Any
from urllib.parse import urljoin

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import translation
from telegram import Bot, BotCommand
from telegram.error import TelegramError

from bot.chat import profile
from bot.queue.sender import build_bot, describe
from bot.queue.updates import ALLOWED_UPDATES
from bot.queue.webhook import PATH
from quizarena.players.models import Language


class Command(BaseCommand):
    """Set, show or delete the webhook (Bot API setWebhook, getWebhookInfo, deleteWebhook)."""

    help = "Set, show or delete the bot's webhook; setting it also sets commands and descriptions."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the verb, and for `set` the address of this site."""
        parser.add_argument("verb", choices=["set", "show", "delete"])
        parser.add_argument(
            "--url",
            default=settings.PUBLIC_URL,
            help="Address of this site, or of the webhook itself. Default: PUBLIC_URL.",
        )
        parser.add_argument("--max-connections", type=int, default=40)

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, or raise CommandError with Telegram's answer in one sentence."""
        try:
            asyncio.run(self._do(options))
        except TelegramError as error:
            raise CommandError(
                f"Telegram says: {describe(error)}. Check TELEGRAM_BOT_TOKEN."
            ) from None

    async def _do(self, options: dict[str, Any]) -> None:
        async with build_bot() as bot:
            match options["verb"]:
                case "set":
                    if not options["url"]:
                        raise CommandError("No address: pass --url https://… or set PUBLIC_URL.")
                    url = urljoin(options["url"], PATH)
                    await bot.set_webhook(
                        url,
                        secret_token=settings.TELEGRAM_WEBHOOK_SECRET,
                        max_connections=options["max_connections"],
                        allowed_updates=ALLOWED_UPDATES,
                    )
                    await set_profile(bot)
                    self.stdout.write(f"Telegram posts updates to {url}.")
                    if settings.TELEGRAM_INLINE_MODE and not bot.supports_inline_queries:
                        self.stdout.write(
                            "TELEGRAM_INLINE_MODE is on, but the bot has no inline mode: send "
                            "/setinline to @BotFather, or pictures of results are refused."
                        )
                case "show":
                    info = await bot.get_webhook_info()
                    self.stdout.write(f"URL: {info.url or 'none'}")
                    self.stdout.write(f"Waiting updates: {info.pending_update_count}")
                    if info.last_error_message:
                        self.stdout.write(f"Last error: {info.last_error_message}")
                case "delete":
                    await bot.delete_webhook()
                    self.stdout.write("The webhook is deleted.")


async def set_profile(bot: Bot) -> None:
    """Set commands and descriptions in every language, in English for everybody else."""
    for language in Language:
        with translation.override(language.value):
            commands = [BotCommand(name, about) for name, about in profile.commands()]
            description, short = profile.description(), profile.short_description()
        codes = (language.value, "") if language is Language.ENGLISH else (language.value,)
        for code in codes:
            await bot.set_my_commands(commands, language_code=code)
            await bot.set_my_description(description, language_code=code)
            await bot.set_my_short_description(short, language_code=code)
