"""What a fresh installation needs to be played."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from quizarena.game import seeding
from quizarena.game.seeding import SeedError


class Command(BaseCommand):
    """Bring the shipped questions into the bank."""

    help = (
        "Import the questions that come with the product. Can be run again at any time: it adds "
        "and corrects, disables what the product no longer has, and leaves alone what people have "
        "written."
    )

    def handle(self, *args: Any, verbosity: int = 1, **options: Any) -> None:
        """Import the shipped bank and report."""
        try:
            seeded = seeding.seed()
        except SeedError as error:
            raise CommandError(str(error)) from None
        if verbosity > 0:
            self.stdout.write(
                f"Questions: {seeded.new} new, {seeded.changed} changed, "
                f"{seeded.unchanged} unchanged, {seeded.retired} retired, "
                f"{seeded.returned} returned."
            )
