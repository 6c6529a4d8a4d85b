"""`manage.py telegram_smoke`: buy and refund for real, and check every fact."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from bot.smoke import Walk
from quizarena.players.models import Player


class Command(BaseCommand):
    """Walk a person through a purchase and its refund; say of every fact whether it is so."""

    help = "Buy and refund with real Stars, or in the sandbox: docs/runbooks/telegram-sandbox.md."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "telegram_id",
            type=int,
            help="Telegram id of the player who pays; has sent /start before",
        )
        parser.add_argument(
            "--patience",
            type=int,
            default=300,
            help="seconds that the player has to pay each invoice",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Walk. Raise CommandError when a fact is not so; what is open is closed in any case."""
        player = Player.objects.known_as(options["telegram_id"]).first()
        if player is None:
            raise CommandError(
                "No player has this Telegram id. Send /start to the bot from that account and try "
                "again; @userinfobot shows the id."
            )
        walk = Walk(
            player=player, patience=timedelta(seconds=options["patience"]), instruct=self._instruct
        )
        failures = 0
        try:
            for number, step in enumerate(walk.steps(), 1):
                mark = self.style.SUCCESS("pass") if step.passed else self.style.ERROR("FAIL")
                seen = f" ({step.seen})" if step.seen else ""
                self.stdout.write(f"{number:>2} {mark} {step.name}{seen}")
                failures += not step.passed
        finally:
            for sentence in walk.clean_up():
                self.stdout.write(f"   {sentence}")
        if failures:
            raise CommandError(
                f"{failures} of the checks failed: see docs/runbooks/telegram-sandbox.md."
            )
        self.stdout.write(self.style.SUCCESS("All checks passed."))

    def _instruct(self, what: str) -> None:
        self.stdout.write(self.style.WARNING(f"-> {what}"))
        self.stdout.flush()
