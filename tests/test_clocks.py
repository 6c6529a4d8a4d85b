"""The harness of faked clocks (tests/clocks.py): whatever runs under one lives."""

import os
import shutil
import subprocess
import sys
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from tests.clocks import faked_clock

# Three threads that want the interpreter's lock while a fourth writes names into the environment
# that were not there: that crashed within a second.
BUSY = """
import os, threading, time
def spin():
    while True:
        time.time()
for _ in range(3):
    threading.Thread(target=spin, daemon=True).start()
end = time.monotonic() + 3
number = 0
while time.monotonic() < end:
    os.environ[f"NAME_{number}"] = "anything"
    number += 1
    if number % 200 == 0:
        for old in range(number - 200, number):
            del os.environ[f"NAME_{old}"]
print("alive")
"""
# What a process sets reaches its children, and what it takes back does not.
CHILDREN = """
import os, subprocess
os.environ["NAME"] = "set"
print(subprocess.check_output("echo $NAME", shell=True, text=True).strip())
del os.environ["NAME"]
print(subprocess.check_output("echo [$NAME]", shell=True, text=True).strip())
"""

pytestmark = pytest.mark.skipif(
    not shutil.which("faketime") and not os.environ.get("CI"),
    reason="there is no faketime (Debian: apt install faketime)",
)


@pytest.mark.parametrize(
    ("program", "output"),
    [(BUSY, ["alive"]), (CHILDREN, ["set", "[]"])],
    ids=["a busy process lives", "children have the environment"],
)
def test_under_a_faked_clock(program: str, output: list[str]) -> None:
    with faked_clock(datetime(2026, 1, 13, 4, 0, tzinfo=ZoneInfo("Europe/Berlin"))) as environment:
        run = subprocess.run(
            [sys.executable, "-c", program],
            check=False,
            env=environment,
            capture_output=True,
            text=True,
        )

    assert run.stderr == ""
    assert run.returncode == 0
    assert run.stdout.splitlines() == output
