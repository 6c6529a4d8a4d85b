"""The suite, stories aside, at eight instants that hurt: `make test-clocks`, or some of them with
`make test-clocks ARGS="night new-year"`. With `--brief` only what a clock can reach: CI does that.

Everything that is started believes that it is then: the tests, what they start, and the servers.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

BERLIN = ZoneInfo("Europe/Berlin")
# All in the past: a PostgreSQL that is ahead of the machine never times anything out, since a
# signal that wakes it from waiting finds the machine's own time. A run that begins shortly before
# midnight ends on the next day.
INSTANTS = {
    "night": ("in the quiet hours", datetime(2026, 1, 13, 4, 0, tzinfo=BERLIN)),
    "friday": ("on a Friday evening", datetime(2026, 1, 16, 18, 30, tzinfo=BERLIN)),
    "new-year": ("shortly before the new year", datetime(2025, 12, 31, 23, 58, tzinfo=BERLIN)),
    "month": ("in the last minute of a month", datetime(2026, 4, 30, 23, 59, tzinfo=BERLIN)),
    "spring": ("before the hour that is left out", datetime(2026, 3, 29, 1, 58, tzinfo=BERLIN)),
    "autumn": ("before the hour that comes twice", datetime(2025, 10, 26, 2, 58, tzinfo=BERLIN)),
    "leap-day": ("on 29 February", datetime(2024, 2, 29, 12, 0, tzinfo=BERLIN)),
    "sunday": ("in the last minute of a week", datetime(2026, 2, 8, 23, 59, tzinfo=BERLIN)),
}
# The tests have a clock of their own (tests/conftest.py): what can see another one has to do with
# the database's, with other processes, or with the hours of players.
BRIEF = (
    "tests/bot/messages/test_notices.py",
    "tests/bot/messages/test_reminders.py",
    "tests/bot/queue/test_inbox.py",
    "tests/bot/queue/test_outbox.py",
    "tests/bot/screens/test_daily.py",
    "tests/bot/screens/test_undelivered.py",
    "tests/economy/test_outages.py",
    "tests/economy/test_streaks.py",
    "tests/game/test_daily.py",
    "tests/game/test_energy.py",
    "tests/ops/test_downtime.py",
    "tests/ops/test_erasure.py",
    "tests/ops/test_health.py",
    "tests/ops/test_product_days.py",
    "tests/payments/test_catalogue.py",
    "tests/payments/test_price_changes.py",
    "tests/payments/test_recovery.py",
    "tests/payments/test_statements.py",
    "tests/staff/test_accounts.py",
    "tests/staff/test_alert_delivery.py",
    "tests/staff/test_alerts.py",
)
# CPython sleeps until an instant of the monotonic clock since 3.11, which libfaketime 0.9.10
# refuses. To wait for nothing is the same.
#
# libfaketime looks into C's environment whenever a thread waits, be it for the interpreter's lock,
# and C moves that environment to write a new name into it: a thread that reads meanwhile crashes.
# So what a process sets is for Python and for its children, and only the zone is for C as well,
# which has it from the start.
SITE = """
import os, select, subprocess, time
time.sleep = lambda seconds: (select.select([], [], [], seconds), None)[1]
put, start = os.putenv, subprocess.Popen.__init__
os.putenv = lambda name, value: put(name, value) if name == b"TZ" else None
os.unsetenv = lambda name: None
def start_with_environment(self, *args, env=None, **options):
    start(self, *args, env=os.environ.copy() if env is None else env, **options)
subprocess.Popen.__init__ = start_with_environment
"""


def main() -> None:
    """Run the tests at the instants asked for; exit with 1 when one of the runs fails."""
    parser = argparse.ArgumentParser(prog="make test-clocks")
    parser.add_argument("names", nargs="*", metavar="INSTANT", help=", ".join(INSTANTS))
    parser.add_argument("--workers", default="3", help="for pytest -n")
    parser.add_argument("--brief", action="store_true", help="only what a clock can reach")
    options = parser.parse_args()
    names = options.names or [*INSTANTS]
    if unknown := {*names} - {*INSTANTS}:
        parser.error(f"no instant {', '.join(sorted(unknown))}: choose from {', '.join(INSTANTS)}")
    if not shutil.which("faketime"):
        if options.brief and not os.environ.get("CI"):
            print("There is no faketime: two clocks are skipped (Debian: apt install faketime).")
            return
        sys.exit("error: faketime sets the clock: install it (Debian: apt install faketime).")
    paths = BRIEF if options.brief else ("tests",)
    failed = []
    for number, name in enumerate(names, start=1):
        what, instant = INSTANTS[name]
        print(f"\n{number} of {len(names)}: {instant:%A, %d.%m.%Y, %H:%M}, {what} ({name})")
        with faked_clock(instant) as environment:
            if subprocess.call(_tests(options.workers, paths), env=environment):
                failed.append(name)
    if failed:
        sys.exit(f"error: failed at {', '.join(failed)}; see above.")
    print(f"\nGreen at {', '.join(names)}.")


def _tests(workers: str, paths: Sequence[str]) -> list[str]:
    tests = [sys.executable, "-m", "pytest", "-n", workers, "-q", "--ignore", "tests/stories"]
    return [sys.executable, "-m", "quizarena.local.services", "--ephemeral", "--", *tests, *paths]


@contextmanager
def faked_clock(instant: datetime) -> Iterator[dict[str, str]]:
    """Yield an environment whose processes take `instant` for now; their clocks run on."""
    library = subprocess.check_output(
        ["faketime", "-m", "-f", "+0", "printenv", "LD_PRELOAD"], text=True
    ).strip()
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "sitecustomize.py").write_text(SITE)
        yield {
            **os.environ,
            "ENVIRONMENT": "test",
            "TZ": BERLIN.key,
            "LD_PRELOAD": library,
            "FAKETIME": f"{round(instant.timestamp() - time.time()):+d}",
            # Waiting takes as long as it takes, and files are as old as they are.
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
            "PYTHONPATH": directory,
        }


if __name__ == "__main__":
    main()
