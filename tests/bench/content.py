"""Making the bank of the lexicon: time and memory of `make content`, and of the gates alone.

Each sample is a process of its own, as `make content` is, so that its memory is that of nothing
else; nothing is written.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from tests.bench.processes import ROOT
from tests.bench.report import Figure

# What content/build.py does; before and after the gates the seconds of the processor, and the most
# memory that the process had until then. That is Linux's own count of this program: `ru_maxrss`
# begins with the size of whatever has started it.
_STEPS = """
import json, re, time
from pathlib import Path
from content import build
from content.generators import FAMILIES
from content.loading import load

def step():
    status = Path("/proc/self/status").read_text()
    peak_mb = int(re.search(r"VmHWM:\\s*(\\d+) kB", status)[1]) / 1024
    return {"cpu": time.process_time(), "peak_mb": peak_mb}

lexicon = load()
questions = [question for make in FAMILIES.values() for question in make(lexicon)]
build.changes(questions, build.read_bank())
before = step()
result = build.build(questions, lexicon, is_dry=True)
after = step()
faults = len(result.faults)
print(json.dumps({"before": before, "after": after, "made": len(questions), "faults": faults}))
"""


def measure(*, repetitions: int, seconds: int) -> Iterator[Figure]:
    """Make the bank so many times, and say how long that takes, and how long its gates."""
    runs = [_run() for _ in range(repetitions)]
    settings: dict[str, str | int | float] = {
        "questions": runs[0]["made"],
        "faults": runs[0]["faults"],
    }
    parts: list[tuple[str, list[dict[str, float]]]] = [
        ("before the gates: lexicon, generators, what changes", [run["before"] for run in runs]),
        ("with all gates", [run["after"] for run in runs]),
    ]
    for part, samples in parts:
        yield Figure(
            what=f"`make content`, {part}: processor time",
            unit="s",
            samples=[one["cpu"] for one in samples],
            settings=settings,
        )
        yield Figure(
            what=f"`make content`, {part}: peak of memory",
            unit="MB",
            samples=[one["peak_mb"] for one in samples],
            settings=settings,
        )
    yield Figure(
        what="the gates alone: processor time",
        unit="s",
        samples=[run["after"]["cpu"] - run["before"]["cpu"] for run in runs],
        settings=settings,
    )


def _run() -> dict[str, Any]:
    output = subprocess.check_output([sys.executable, "-c", _STEPS], cwd=ROOT, text=True)
    found: dict[str, Any] = json.loads(output)
    return found
