"""What a fresh installation needs to be played."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from quizarena.game import bank, rule_cards
from quizarena.game.importing import import_questions, written_by_people
from quizarena.tables import UnreadableFileError


class Command(BaseCommand):
    """Bring the shipped questions into the bank, and the shipped rule cards beside it."""

    help = (
        "Import the questions and rule cards that come with the product. Can be run again at any "
        "time: it adds and corrects, and leaves alone what people have written."
    )

    def handle(self, *args: Any, verbosity: int = 1, **options: Any) -> None:
        """Import the shipped bank and rule cards, and report."""
        try:
            report = import_questions(
                bank.SHIPPED.read_bytes(),
                file_name=bank.SHIPPED.name,
                verb="seeded",
                kept=written_by_people(),
            )
        except UnreadableFileError as error:
            raise CommandError(f"{bank.SHIPPED.name}: {error}") from None
        if report.errors:
            line, sentence = report.errors[0]
            raise CommandError(f"{bank.SHIPPED.name}, line {line}: {sentence}")
        cards = rule_cards.seed()
        if verbosity > 0:
            self.stdout.write(
                f"Questions: {report.new} new, {report.changed} changed, "
                f"{report.unchanged} unchanged."
            )
            self.stdout.write(
                f"Rule cards: {cards.new} new, {cards.changed} changed, {cards.unchanged} "
                f"unchanged, {cards.hidden} hidden."
            )
