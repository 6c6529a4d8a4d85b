"""Run the Telegram sandbox beside the bot."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    """Serve the Bot API and the chat page of the sandbox until interrupted."""

    help = "Run a sandbox of the Bot API in Telegram's place, with a chat page for the browser."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8081)
        parser.add_argument(
            "--state", type=Path, help="file that carries everything over a restart"
        )
        parser.add_argument("--token", default=settings.TELEGRAM_BOT_TOKEN, help="the bot's token")

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve. Raise CommandError in production, or where aiohttp is not installed."""
        if settings.ENVIRONMENT == "production":
            raise CommandError("The sandbox does not run in production.")
        try:
            # Only here: the production image has no aiohttp.
            from bot.sandbox import server
        except ImportError as error:
            raise CommandError(
                f"The sandbox needs {error.name}: install requirements-dev.txt."
            ) from None
        server.run(
            host=options["host"],
            port=options["port"],
            token=options["token"] or server.DEFAULT_TOKEN,
            state_path=options["state"],
        )
