"""`manage.py seen`: was a process alive recently? For health checks of what serves no requests."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from quizarena.ops import heartbeats


class Command(BaseCommand):
    """Exit with 0 when the process was seen recently, with 1 and a sentence when not."""

    help = "Check whether the worker of a queue, beat or sender was seen recently."
    # They would import every page of the admin.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the kind of process and how long ago it may have been."""
        parser.add_argument("name", choices=heartbeats.PROCESSES)
        parser.add_argument("--within", type=int, default=60, help="Seconds.")
        parser.add_argument("--here", action="store_true", help="Look on this host only.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Look for the sign of life, and for too many lives."""
        name, now = options["name"], timezone.now()
        within = timedelta(seconds=options["within"])
        seen = heartbeats.seen_here if options["here"] else heartbeats.seen_recently
        if not seen(name, now=now, within=within):
            where = "on this host " if options["here"] else ""
            raise CommandError(f"No {name} was seen {where}in the last {within}.")
        if name in heartbeats.restarting(now=now):
            raise CommandError(f"{name} keeps restarting: read its log.")
        self.stdout.write(f"{name} is alive.")
