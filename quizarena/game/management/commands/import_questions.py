"""Questions from a file, on the command line."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.template.defaultfilters import pluralize
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from quizarena.game.importing import import_questions
from quizarena.tables import UnreadableFileError

# A file with the wrong delimiter has an error on every line: nobody reads more than these.
ERRORS_SHOWN = 50


class Command(BaseCommand):
    """Import questions, all of them or none."""

    help = (
        "Import questions from a CSV or .xlsx file: new ones are added, changed ones get a "
        "new version, unchanged ones are left alone. With any error nothing is imported."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the file, and whether to import it for good."""
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would happen, and change nothing"
        )

    def handle(self, *args: Any, file: Path, dry_run: bool, **options: Any) -> None:
        """Import, with a progress bar on a terminal, and report; exit with 1 on any error."""
        try:
            raw = file.read_bytes()
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}.") from None
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as progress:
            bar = progress.add_task(file.name, total=None)
            try:
                report = import_questions(
                    raw,
                    file_name=file.name,
                    dry_run=dry_run,
                    on_row=lambda row, rows: progress.update(bar, completed=row, total=rows),
                )
            except UnreadableFileError as error:
                raise CommandError(f"{file.name}: {error} Nothing was imported.") from None
        for line, sentence in report.errors[:ERRORS_SHOWN]:
            self.stderr.write(f"line {line}: {sentence}")
        if len(report.errors) > ERRORS_SHOWN:
            self.stderr.write(f"... and {len(report.errors) - ERRORS_SHOWN} more.")
        if report.errors:
            count = len(report.errors)
            raise CommandError(f"{count} error{pluralize(count)}: nothing was imported.")
        summary = f"{report.new} new, {report.changed} changed, {report.unchanged} unchanged."
        self.stdout.write(f"Dry run, nothing was imported: {summary}" if dry_run else summary)
