"""What a gate finds, and what a person has decided about it."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

DECISIONS = Path(__file__).parent.parent / "decisions.csv"
COLUMNS = ["subject", "gate", "decision", "reason"]
# The decision that a question may stay although the gate objects.
KEEP = "keep"


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """Something that keeps a question out of the bank. `gate` is the name of who found it."""

    quiz_id: str
    gate: str
    problem: str

    def __str__(self) -> str:
        return f"{self.quiz_id}: {self.gate}: {self.problem}"


@dataclass(frozen=True, slots=True)
class Decision:
    """`subject` is a quiz_id or a lemma; `decision` is `keep`, or what the gate shall take."""

    subject: str
    gate: str
    decision: str
    reason: str


def read_decisions(path: Path = DECISIONS) -> tuple[Decision, ...]:
    """Return what was decided. Raises `ValueError` for a row without a decision and a reason."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    if not rows or rows[0] != COLUMNS:
        raise ValueError(f"{path.name} must begin with the columns {', '.join(COLUMNS)}")
    for line, row in enumerate(rows[1:], 2):
        if len(row) != len(COLUMNS) or not all(cell.strip() for cell in row):
            raise ValueError(f"{path.name}, line {line}: fill in {', '.join(COLUMNS)}")
    return tuple(Decision(*row) for row in rows[1:])


def open_faults(faults: Iterable[Fault], decisions: Iterable[Decision]) -> list[Fault]:
    """Return the faults that nobody has decided to keep, in order."""
    kept = {(each.subject, each.gate) for each in decisions if each.decision == KEEP}
    return sorted({fault for fault in faults if (fault.quiz_id, fault.gate) not in kept})
