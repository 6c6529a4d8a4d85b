"""`manage.py sender`: make the calls that wait in the outbox."""

import asyncio
import signal
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from telegram.error import InvalidToken

from bot.queue.sender import Sender, build_bot, introduce


class Command(BaseCommand):
    """Run one sender until SIGTERM or SIGINT; calls under way are finished first."""

    help = "Send the calls that wait in the outbox. Any number of senders share one rate limit."
    # They would import every page of the admin.
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the sender's event loop."""
        asyncio.run(self._run())

    async def _run(self) -> None:
        bot = build_bot()
        try:
            await introduce(bot)
        except InvalidToken:
            raise CommandError(
                "Telegram does not know this token: check TELEGRAM_BOT_TOKEN (from @BotFather)."
            ) from None
        sender = Sender(bot)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, sender.stop)
        self.stdout.write("The sender is running.")
        await sender.run()
