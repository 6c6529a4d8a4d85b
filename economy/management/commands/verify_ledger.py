"""`manage.py verify_ledger`: recompute every wallet from its entries."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.template.defaultfilters import pluralize
from django.utils import timezone
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from economy import verification

# All findings are in the admin, at Ledger checks.
FINDINGS_SHOWN = 50


class Command(BaseCommand):
    """Verify the ledger, and exit with 1 on any difference."""

    help = (
        "Recompute every wallet from its entries, and every balance that an entry states. Stores "
        "the run and its findings; exits with 1 when there are any."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Verify, with a progress bar on a terminal, and report."""
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as progress:
            bar = progress.add_task("ranges of players", total=None)
            try:
                run = verification.verify_all(
                    now=timezone.now(),
                    on_range=lambda done, ranges: progress.update(
                        bar, completed=done, total=ranges
                    ),
                )
            except verification.RunningError as error:
                raise CommandError(str(error)) from None
        wallets = f"{run.wallets:,} wallet{pluralize(run.wallets)}"
        entries = f"{run.entries:,} entr{pluralize(run.entries, 'y,ies')}"
        scope = f"{wallets}, {entries} in {run.seconds:.1f} s"
        if not run.differences:
            self.stdout.write(f"Verified: {scope}.")
            return
        for finding in run.findings.order_by("pk")[:FINDINGS_SHOWN]:
            self.stderr.write(str(finding))
        if run.differences > FINDINGS_SHOWN:
            self.stderr.write(f"... and {run.differences - FINDINGS_SHOWN} more.")
        raise CommandError(
            f"{run.differences} difference{pluralize(run.differences)} in {scope}: "
            f"see ledger check {run.pk} in the admin."
        )
