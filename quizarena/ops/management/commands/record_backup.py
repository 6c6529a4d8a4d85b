"""Record a backup that was made outside, or that one was restored to try it."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from quizarena.ops import backups
from quizarena.ops.models import BackupKind


class Command(BaseCommand):
    """For whoever makes backups by other means than backup.sh."""

    help = "Record a backup (--bytes), or the rehearsal of restoring one (--restored)."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take when it began, and what it is."""
        parser.add_argument("began_at", help="when it began, as 2026-11-30T03:00:00Z")
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--bytes", type=int, help="how large the backup is")
        what.add_argument("--restored", action="store_true", help="it was restored to try it")
        parser.add_argument("--note", default="", help="200 characters at most, for the admin")

    def handle(self, *args: Any, **options: Any) -> None:
        """Record it."""
        try:
            began_at = parse_datetime(options["began_at"])
        except ValueError:
            began_at = None
        if began_at is None or began_at.tzinfo is None:
            raise CommandError("Give the time with its zone, as 2026-11-30T03:00:00Z.")
        if len(options["note"]) > 200:
            raise CommandError("The note is longer than 200 characters: shorten it.")
        try:
            backup = backups.record(
                kind=BackupKind.REHEARSAL if options["restored"] else BackupKind.BACKUP,
                began_at=began_at,
                size=options["bytes"],
                note=options["note"],
                now=timezone.now(),
            )
        except ValueError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{backup}: recorded.")
