"""Write down what the migrations execute on an empty database."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from quizarena.ops import structure


class Command(BaseCommand):
    """For developers, by `make structure`: the database has to be empty."""

    help = "Apply all migrations to an empty database and write what they execute into a file."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Take --check."""
        parser.add_argument("--check", action="store_true", help="Only say whether it is current.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write quizarena/ops/structure.sql."""
        if options["check"]:
            if not structure.is_current():
                raise CommandError("The migrations have changed: run make structure.")
            return
        try:
            script = structure.record(connection)
        except ValueError as error:
            raise CommandError(str(error)) from error
        structure.FILE.write_text(script)
        self.stdout.write(f"{structure.FILE.name} has {script.count(chr(10)):,} lines.")
