"""`manage.py seen`: was a process alive lately? For health checks of what serves no requests."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from quizarena.ops import heartbeats
from quizarena.ops.health import PROCESSES


class Command(BaseCommand):
    """Exit with 0 when the process was seen lately, with 1 and a sentence when not."""

    help = "Tell whether a worker, beat or sender was seen lately."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the kind of process and how long ago it may have been."""
        parser.add_argument("name", choices=PROCESSES)
        parser.add_argument("--within", type=int, default=60, help="Seconds.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Look for the sign of life."""
        within = timedelta(seconds=options["within"])
        if not heartbeats.seen_lately(options["name"], now=timezone.now(), within=within):
            raise CommandError(f"No {options['name']} was seen in the last {within}.")
        self.stdout.write(f"A {options['name']} is alive.")
