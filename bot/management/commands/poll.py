"""`manage.py poll`: fetch updates where Telegram cannot reach us, into the same inbox."""

import asyncio
import json
from typing import Any

import structlog
from asgiref.sync import sync_to_async
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, InterfaceError
from django.utils import timezone
from telegram import Bot
from telegram.error import InvalidToken, RetryAfter, TelegramError

from bot.management.commands.webhook import set_profile
from bot.queue import intake
from bot.queue.sender import build_bot, retry_after
from bot.queue.updates import ALLOWED_UPDATES
from quizarena.redaction import redact

# Seconds that Telegram may keep an empty answer back (Bot API getUpdates).
LONG_POLL_SECONDS = 25

log = structlog.get_logger(__name__)


class Command(BaseCommand):
    """Long polling (Bot API getUpdates): a laptop without a public address is enough."""

    help = "Fetch updates by long polling, as `make demo` does with a TELEGRAM_BOT_TOKEN."

    def handle(self, *args: Any, **options: Any) -> None:
        """Poll until interrupted."""
        try:
            asyncio.run(poll())
        except KeyboardInterrupt:
            self.stdout.write("Polling has ended.")
        except InvalidToken:
            raise CommandError(
                "Telegram does not know this token: check TELEGRAM_BOT_TOKEN (from @BotFather)."
            ) from None


async def poll() -> None:
    """Move updates from Telegram to the inbox for ever.

    An update is acknowledged (by the next call's offset) only when it is in the inbox. Raises
    InvalidToken; any other trouble is waited out.
    """
    async with build_bot() as bot:
        await bot.delete_webhook()
        await set_profile(bot)
        log.info("poll.started", bot=bot.username)
        offset = 0
        while True:
            offset = await _fetch(bot, offset)


async def _fetch(bot: Bot, offset: int) -> int:
    """Fetch and store one batch; return the offset for the next."""
    try:
        updates = await bot.do_api_request(
            "getUpdates",
            api_kwargs={
                "offset": offset,
                "timeout": LONG_POLL_SECONDS,
                "allowed_updates": ALLOWED_UPDATES,
            },
            read_timeout=LONG_POLL_SECONDS + 5,
        )
        for update in updates:
            answer = await sync_to_async(intake.arrive)(
                raw=json.dumps(update).encode(), now=timezone.now()
            )
            if answer is not None:
                await bot.do_api_request(answer.pop("method"), api_kwargs=answer)
            offset = update["update_id"] + 1
    except RetryAfter as error:
        await asyncio.sleep(retry_after(error).total_seconds())
    except InvalidToken:
        raise
    except (TelegramError, DatabaseError, InterfaceError) as error:
        log.warning("poll.failed", error=redact(str(error)))
        await asyncio.sleep(2)
    return offset
