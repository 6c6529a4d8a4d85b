"""What a gate finds, and what a person has decided about it."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from content.records import Complaint, read_table

DECISIONS = Path(__file__).parent.parent / "decisions.csv"
COLUMNS = ("subject", "gate", "decision", "reason")
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


class DecisionsError(ValueError):
    """What was decided cannot be read; it says file, line, field and what to do."""

    def __init__(self, complaints: Iterable[Complaint]) -> None:
        super().__init__("\n".join(str(complaint) for complaint in complaints))


def read_decisions(path: Path = DECISIONS) -> tuple[Decision, ...]:
    """Return what was decided. Raises `DecisionsError` for a row that lacks something."""
    complaints: list[Complaint] = []
    decisions = tuple(
        Decision(*(record.needed(name) for name in COLUMNS))
        for record in read_table(path, COLUMNS, complaints)
    )
    if complaints:
        raise DecisionsError(complaints)
    return decisions


def open_faults(faults: Iterable[Fault], decisions: Iterable[Decision]) -> list[Fault]:
    """Return the faults that nobody has decided to keep, in order."""
    kept = {(each.subject, each.gate) for each in decisions if each.decision == KEEP}
    return sorted({fault for fault in faults if (fault.quiz_id, fault.gate) not in kept})
