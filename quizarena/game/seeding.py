"""The questions that come with the product: brought in, corrected, retired.

The seed owns what it has brought and nobody has written since: only that it corrects, and only
that it retires when the product no longer has it. Nothing is deleted: rounds refer to it.
"""

import csv
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from django.db import transaction

from quizarena.game import bank
from quizarena.game.importing import (
    BATCH_SIZE,
    FIELDS,
    field_value,
    import_questions,
    written_by_people,
)
from quizarena.game.models import Question
from quizarena.staff import audit
from quizarena.staff.models import AuditEntry
from quizarena.tables import UnreadableFileError

SEEDED, RETIRED, RETURNED = "question.seeded", "question.retired", "question.returned"
# Of a question's entries the latest of these says who decided whether it is asked.
DECISIONS = (RETIRED, RETURNED, "question.enabled", "question.disabled")


class SeedError(Exception):
    """The shipped files are incomplete or faulty; the sentence says where. Nothing was changed."""


@dataclass(slots=True, kw_only=True)
class Seeded:
    """How many questions the seed has brought, changed, left, retired and let return."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    retired: int = 0
    returned: int = 0


@transaction.atomic
def seed() -> Seeded:
    """Bring the shipped questions in; whatever people have written or decided stays.

    What the product no longer has is retired: disabled, unless an editor has enabled it since. It
    returns when the product has it again. Raises SeedError.
    """
    paths = bank.shipped()
    if len(paths) == 1:
        raise SeedError(f"{bank.GENERATED} has no questions: the installation is incomplete.")
    file_of: dict[str, str] = {}
    for path in paths:
        for row in _rows(path):
            quiz_id = row["quiz_id"]
            if file_of.setdefault(quiz_id, path.name) != path.name:
                raise SeedError(f"{quiz_id} is in {file_of[quiz_id]} and in {path.name}.")
    seeded, kept, stored = Seeded(), written_by_people(), _stored()
    for path in paths:
        rows = _rows(path)
        # At most starts of the product nothing has changed; that is seen in a tenth of the time.
        if all(_reads_so(stored.get(row["quiz_id"]), row) for row in rows):
            seeded.unchanged += len(rows)
        else:
            _bring(path, kept=kept, seeded=seeded)
    _retire(shipped=file_of.keys(), kept=kept, seeded=seeded)
    return seeded


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _stored() -> dict[str, dict[str, object]]:
    return {row["quiz_id"]: row for row in Question.objects.values(*FIELDS)}


def _reads_so(stored: dict[str, object] | None, row: dict[str, str]) -> bool:
    """Return whether a stored question is exactly what its row says."""
    return stored is not None and all(
        stored[name] == field_value(name, row[name]) for name in FIELDS if name in row
    )


def _bring(path: Path, *, kept: Collection[str], seeded: Seeded) -> None:
    """Add the file's questions, and correct those that nobody has written."""
    try:
        report = import_questions(path.read_bytes(), file_name=path.name, verb="seeded", kept=kept)
    except UnreadableFileError as error:
        raise SeedError(f"{path.name}: {error}") from None
    if report.errors:
        line, sentence = report.errors[0]
        raise SeedError(f"{path.name}, line {line}: {sentence}")
    seeded.new += report.new
    seeded.changed += report.changed
    seeded.unchanged += report.unchanged


def _retire(*, shipped: Collection[str], kept: Collection[str], seeded: Seeded) -> None:
    """Disable what the product no longer has, and enable what it has again."""
    entries = AuditEntry.objects.filter(object_type=Question._meta.label_lower)
    owned = set(entries.filter(action=SEEDED).values_list("object_id", flat=True).distinct())
    decided = entries.filter(action__in=DECISIONS).order_by("pk").values_list("object_id", "action")
    decision = dict(decided)
    gone, back = [], []
    for question in Question.objects.only("quiz_id", "question", "is_enabled"):
        own = str(question.pk)
        latest = decision.get(own, "")
        if own not in owned:
            continue
        if question.quiz_id in shipped:
            if latest == RETIRED and not question.is_enabled:
                back.append(question)
        elif question.is_enabled and latest != "question.enabled" and question.quiz_id not in kept:
            gone.append(question)
    seeded.retired = _decide(gone, RETIRED, "the product no longer has it", is_enabled=False)
    seeded.returned = _decide(back, RETURNED, "the product has it again", is_enabled=True)


def _decide(questions: list[Question], action: str, why: str, *, is_enabled: bool) -> int:
    """Let questions be asked, or no more, with an entry for each in the audit log."""
    pks = [question.pk for question in questions]
    Question.objects.filter(pk__in=pks).update(is_enabled=is_enabled)
    AuditEntry.objects.bulk_create(
        (
            audit.entry(
                actor=None,
                action=action,
                obj=question,
                summary=f"{question}: {action.removeprefix('question.')}, because {why}.",
            )
            for question in questions
        ),
        batch_size=BATCH_SIZE,
    )
    return len(questions)
