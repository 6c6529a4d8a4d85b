"""`manage.py ready`: /readyz for a terminal, and for the health of the whole composition."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from quizarena.ops import health
from quizarena.ops.heartbeats import PROCESSES


class Command(BaseCommand):
    """Exit with 0 when everything is there, with 1 and a sentence when something is missing."""

    help = "Check whether every part that an update needs is ready, as /readyz does."
    # They would import every page of the admin.
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        """Look at every part."""
        report = health.report(now=timezone.now())
        if restarting := report["restarting"]:
            raise CommandError(f"Keeps restarting: {', '.join(restarting)}. Read its log.")
        if missing := [part for part in ("database", "broker", *PROCESSES) if not report[part]]:
            raise CommandError(f"Not ready: {', '.join(missing)}.")
        self.stdout.write("Ready.")
