"""Questions from a file: all of them or none, each once, each error with its line.

The columns are those of product.md section 11. What a file may be says quizarena/tables.py;
command line, seed and admin all go through `QuestionResource`.
"""

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from import_export.fields import Field
from import_export.instance_loaders import BaseInstanceLoader
from import_export.resources import ModelResource
from import_export.results import Result, RowResult
from import_export.widgets import SimpleArrayWidget
from tablib import Dataset

from quizarena import tables
from quizarena.game import bank, question_previews
from quizarena.game.models import OPTIONS, WRITTEN, Kind, Level, Mode, Question
from quizarena.staff import audit
from quizarena.staff.models import AuditEntry
from quizarena.tables import UnreadableFileError

# The columns that are fields of a question, the key first.
FIELDS = (
    "quiz_id",
    "question",
    "option_1",
    "option_2",
    "option_3",
    "option_4",
    "correct_option_id",
    "explanation",
    "level",
    "category",
    "key",
    "topic",
    "kind",
    "accepted",
    "explanation_en",
    "explanation_uk",
    "rule",
)
# What a file need not have. A question keeps what it has of a column that is not there.
OPTIONAL = ("topic", "kind", "accepted", "explanation_en", "explanation_uk", "rule")
# correct_answer repeats an option, so that a slip in correct_option_id is noticed.
COLUMNS = (*FIELDS[:7], "correct_answer", *FIELDS[7:])
REQUIRED = tuple(name for name in COLUMNS if name not in OPTIONAL)
OPTION_COLUMNS = tuple(f"option_{number}" for number in range(1, OPTIONS + 1))
# How many options there are depends on the kind.
NEVER_EMPTY = tuple(name for name in REQUIRED if name not in OPTION_COLUMNS[1:])
ALLOWED = {
    "correct_option_id": [str(number) for number in range(OPTIONS)],
    "level": Level.values,
    "category": Mode.values,
    "kind": Kind.values,
}
# An id as the rule cards have it.
_RULE = re.compile("[a-z0-9]+(?:-[a-z0-9]+)*")
MAX_LENGTHS = {
    name: length
    for name in FIELDS
    if (length := getattr(Question._meta.get_field(name), "max_length", None))
}
# Where a row remembers its line; the header cannot name it, since unknown columns are refused.
LINE = "line number"
BATCH_SIZE = 1_000
# The verb of the audit log for what people brought in; the product's own seed has another.
IMPORTED = "imported"
# A report has so many rows to look at beforehand.
PREVIEW_MAX = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What an import did, or would have done."""

    new: int
    changed: int
    unchanged: int
    # (line, sentence), in the order of the file; with any of them nothing was imported.
    errors: list[tuple[int, str]]
    # The first new and changed questions, see `_shown`.
    preview: list[dict[str, Any]] = field(default_factory=list, compare=False)


def template() -> list[list[str]]:
    """Return a question of each kind as rows under COLUMNS, as somebody might fill them in."""
    same = {"level": "A1", "category": Mode.QUICK_MIX_A1A2.value, "correct_option_id": "0"}
    rows = [
        {
            "quiz_id": "example-choice",
            "question": "Ich sehe ___ Tisch.",
            "option_1": "einen",
            "option_2": "ein",
            "option_3": "einem",
            "explanation": "„Tisch“ ist maskulin, hier im Akkusativ: einen Tisch.",
            "explanation_en": "“Tisch” is masculine, here in the accusative: einen Tisch.",
            "explanation_uk": "«Tisch» – чоловічого роду, тут знахідний відмінок: einen Tisch.",
            "key": "akkusativ-tisch",
            "topic": "accusative",
            "rule": "accusative-article",
        },
        {
            "quiz_id": "example-typed",
            "kind": Kind.TYPED.value,
            "question": "Schreib das Partizip von „gehen“.",
            "option_1": "gegangen",
            "accepted": "ist gegangen|sein gegangen",
            "explanation": "„gehen“ ist unregelmäßig: ist gegangen.",
            "key": "partizip-gehen",
            "topic": "participle",
        },
        {
            "quiz_id": "example-order",
            "kind": Kind.ORDER.value,
            "question": "Bilde einen Satz.",
            "option_1": "Heute spiele ich Tennis.",
            "accepted": "Ich spiele heute Tennis.",
            "explanation": "Das Verb steht auf Position 2.",
            "key": "verb-zweite-position",
            "topic": "word-order-main",
        },
        {
            "quiz_id": "example-picture",
            "kind": Kind.PICTURE.value,
            "question": "🍎",
            "option_1": "der Apfel",
            "option_2": "die Birne",
            "explanation": "Das ist ein Apfel: der Apfel.",
            "key": "apfel",
            "topic": "food",
        },
        {
            "quiz_id": "example-mistake",
            "kind": Kind.MISTAKE.value,
            "question": "Was ist falsch? Heute ich spiele Tennis.",
            "option_1": "ich spiele",
            "option_2": "Heute",
            "option_3": "Tennis",
            "explanation": "Das Verb steht auf Position 2: Heute spiele ich Tennis.",
            "key": "verb-zweite-position-fehler",
            "topic": "word-order-main",
        },
    ]
    return [
        [{**same, "correct_answer": row["option_1"], **row}.get(name, "") for name in COLUMNS]
        for row in rows
    ]


# --- Reading --------------------------------------------------------------------------------------


def _dataset(rows: Iterable[tuple[int, list[str]]]) -> Dataset:
    """Return the rows under the header. Raises UnreadableFileError."""
    filled = iter(rows)
    header = [bank.normalise_text(cell) for cell in next(filled, (0, []))[1]]
    while header and not header[-1]:
        header.pop()
    _check_header(header)
    dataset = Dataset(headers=[*header, LINE])
    for line, cells in filled:
        texts = [bank.normalise_text(cell) for cell in cells]
        if any(texts[len(header) :]):
            raise UnreadableFileError(
                f"Line {line} has {len(texts)} cells, but there are {len(header)} columns: put "
                "text with separators between double quotes."
            )
        texts += [""] * (len(header) - len(texts))
        dataset.append([*texts[: len(header)], line])
    if not len(dataset):
        raise UnreadableFileError("The file has no questions: put one on each line.")
    return dataset


def _check_header(header: list[str]) -> None:
    """Raise UnreadableFileError unless the header names each column once, and no other."""
    if not header:
        raise UnreadableFileError(
            f"The file is empty: its first line has to name the columns {', '.join(REQUIRED)}."
        )
    if missing := [name for name in REQUIRED if name not in header]:
        raise UnreadableFileError(
            f"The first line does not name {', '.join(missing)}: add what is missing, or check "
            "how it is spelled."
        )
    if doubled := [name for name in COLUMNS if header.count(name) > 1]:
        raise UnreadableFileError(
            f"The first line names {', '.join(doubled)} more than once: keep one of them."
        )
    # Refused rather than ignored: somebody expects an effect of what they wrote there.
    if unknown := [name or "(no name)" for name in header if name not in COLUMNS]:
        raise UnreadableFileError(
            f"The file has unknown columns: {', '.join(unknown)}. Remove them."
        )


# --- Checking -------------------------------------------------------------------------------------


def problems(row: dict[str, str]) -> list[str]:
    """Return a sentence for everything that is wrong with a tidy row, each saying what to do."""
    found = [f"{name} is empty: fill it in." for name in NEVER_EMPTY if not row[name]]
    found += [
        f"{name} has {len(row[name])} characters: shorten it to {length}."
        for name, length in MAX_LENGTHS.items()
        if len(row.get(name, "")) > length
    ]
    found += [
        f"{name} contains a NUL character, which is invisible: type it again."
        for name in FIELDS
        if "\0" in row.get(name, "")
    ]
    found += [
        f"{name} is “{row[name]}”: write one of {', '.join(allowed)}."
        for name, allowed in ALLOWED.items()
        if row.get(name) and row[name] not in allowed
    ]
    rule = row.get("rule", "")
    if rule and not _RULE.fullmatch(rule):
        found.append(f"rule is “{rule}”: write the id of a rule card, such as two-way.")
    return found + list(_answer_problems(row))


def _answer_problems(row: dict[str, str]) -> Iterable[str]:
    """Yield what is wrong with the options and the answer."""
    texts = [row[name] for name in OPTION_COLUMNS]
    known = row["correct_option_id"] in ALLOWED["correct_option_id"]
    number = int(row["correct_option_id"]) if known else None
    kind = row.get("kind") or Kind.CHOICE
    if kind in Kind.values:
        accepted = _split(row.get("accepted", ""))
        for _, sentence in bank.answer_problems(
            kind=kind, options=texts, right=number, accepted=accepted
        ):
            yield sentence
    if number is not None:
        right, answer = texts[number], row["correct_answer"]
        if right and answer and right != answer:
            yield (
                f"correct_answer is “{answer}”, but correct_option_id {number} points to "
                f"{OPTION_COLUMNS[number]}, “{right}”: correct one of them."
            )


def _split(cell: str) -> list[str]:
    """Return the further right answers of a cell."""
    return [text.strip() for text in cell.split(bank.BETWEEN_ACCEPTED)] if cell else []


# --- Importing ------------------------------------------------------------------------------------


class _Bank(BaseInstanceLoader):
    """The questions that the file may be about, fetched in one go."""

    def __init__(self, resource: ModelResource, dataset: Dataset | None = None) -> None:
        super().__init__(resource, dataset)
        ids = dataset["quiz_id"] if dataset else []
        self._known: dict[str, Question] = {}
        # In batches: a statement has room for 65,535 parameters.
        for start in range(0, len(ids), BATCH_SIZE):
            batch = ids[start : start + BATCH_SIZE]
            self._known |= Question.objects.in_bulk(batch, field_name="quiz_id")

    def get_instance(self, row: dict[str, str]) -> Question | None:
        """Return the stored question of the row, if there is one."""
        return self._known.get(row["quiz_id"])


class _Result(Result):
    """import-export's result, with lines of the file instead of numbers of rows."""

    def append_invalid_row(self, number: int, row: dict[str, Any], error: ValidationError) -> None:
        """Keep the row's sentences under its line."""
        super().append_invalid_row(row[LINE], row, error)


class QuestionResource(ModelResource):
    """Questions as rows of a file, for django-import-export.

    `verb` is what the audit log says of each question that was added or changed, `kept` are the
    keys of questions to be left as they are, and `on_row` gets the number of each row when done.
    """

    correct_answer = Field(attribute="correct_answer", column_name="correct_answer", readonly=True)
    accepted = Field(
        attribute="accepted",
        column_name="accepted",
        widget=SimpleArrayWidget(separator=bank.BETWEEN_ACCEPTED),
    )

    class Meta:
        model = Question
        fields = COLUMNS
        import_order = COLUMNS
        export_order = COLUMNS
        import_id_fields = ("quiz_id",)
        instance_loader_class = _Bank
        use_transactions = True
        use_bulk = True
        batch_size = BATCH_SIZE
        # import-export compares deep copies, in HTML; `import_instance` does it in passing.
        skip_diff = True
        report_skipped = False
        store_instance = True

    def __init__(
        self,
        *,
        verb: str = IMPORTED,
        kept: Collection[str] = (),
        on_row: Callable[[int], None] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._verb = verb
        self._kept = kept
        self._on_row = on_row
        self._line_of: dict[str, int] = {}
        # What stored questions have of the columns that the file does not have.
        self._stored: dict[str, dict[str, str]] = {}
        self._changes: dict[str, Any] = {}
        self._saved: list[Question] = []

    @classmethod
    def get_result_class(cls) -> type[Result]:
        """Return the result that knows lines."""
        return _Result

    def import_data(self, dataset: Dataset, *args: Any, **kwargs: Any) -> Result:
        """Import everything or, with any error, nothing."""
        return super().import_data(
            dataset, *args, **{**kwargs, "rollback_on_validation_errors": True}
        )

    def before_import(self, dataset: Dataset, **kwargs: Any) -> None:
        """Look up what decides over the answers, if the file does not name it."""
        if dataset.headers and {"kind", "accepted"} <= set(dataset.headers):
            return
        written = Question.objects.filter(kind__in=WRITTEN).values_list(
            "quiz_id", "kind", "accepted"
        )
        self._stored = {
            quiz_id: {"kind": kind, "accepted": bank.BETWEEN_ACCEPTED.join(accepted)}
            for quiz_id, kind, accepted in written
        }

    def before_import_row(self, row: dict[str, Any], **kwargs: Any) -> None:
        """Raise ValidationError with everything that is wrong with the row."""
        found = problems({**self._stored.get(row["quiz_id"], {}), **row})
        first = self._line_of.setdefault(row["quiz_id"], row[LINE])
        if row["quiz_id"] and first != row[LINE]:
            found.append(
                f"quiz_id “{row['quiz_id']}” is used on line {first} already: give each question "
                "a quiz_id of its own."
            )
        if found:
            raise ValidationError(found)

    def import_instance(self, instance: Question, row: dict[str, Any], **kwargs: Any) -> None:
        """Let the question read as the row does, and remember what that changes."""
        self._changes = {}
        for name in FIELDS:
            if name not in row:
                continue
            value = field_value(name, row[name])
            if (old := getattr(instance, name)) != value:
                self._changes[name] = [old, value]
                setattr(instance, name, value)

    def skip_row(
        self, instance: Question, original: None, row: dict[str, Any], errors: Any = None
    ) -> bool:
        """Return whether the stored question reads so already, or is to be kept as it is."""
        return not instance._state.adding and (not self._changes or instance.quiz_id in self._kept)

    def save_instance(
        self, instance: Question, is_create: bool, row: dict[str, Any], **kwargs: Any
    ) -> None:
        """Put the question with those that are stored next."""
        self.create_instances.append(instance)

    def bulk_create(self, *args: Any, **kwargs: Any) -> None:
        """Store what has come together: one statement for new and changed questions alike."""
        Question.objects.bulk_create(
            self.create_instances,
            update_conflicts=True,
            unique_fields=["quiz_id"],
            update_fields=FIELDS[1:],
        )
        # The database counts the versions.
        pks = [question.pk for question in self.create_instances]
        versions = dict(Question.objects.filter(pk__in=pks).values_list("pk", "version"))
        for question in self.create_instances:
            question.version = versions[question.pk]
        self._saved += self.create_instances
        self.create_instances.clear()

    def after_import_row(self, row: dict[str, Any], row_result: RowResult, **kwargs: Any) -> None:
        """Keep what changed for the preview."""
        row_result.changes = self._changes
        if self._on_row:
            self._on_row(kwargs["row_number"])

    def after_import(self, dataset: Dataset, result: Result, **kwargs: Any) -> None:
        """Write an audit entry for every question that was added or changed."""
        if kwargs["dry_run"] or result.has_validation_errors():
            return
        file_name = kwargs["file_name"]
        AuditEntry.objects.bulk_create(
            (
                audit.entry(
                    actor=kwargs.get("user"),
                    action=f"question.{self._verb}",
                    obj=question,
                    summary=f"{question}: {self._verb} from {file_name}.",
                    details={"file": file_name, "version": question.version},
                )
                for question in self._saved
            ),
            batch_size=BATCH_SIZE,
        )


def import_questions(
    raw: bytes,
    *,
    file_name: str,
    dry_run: bool = False,
    verb: str = IMPORTED,
    user: User | None = None,
    kept: Collection[str] = (),
    on_row: Callable[[int, int], None] | None = None,
) -> Report:
    """Import a file in one transaction, or say what that would do.

    Unchanged questions, and those in `kept`, are left alone and get no new version; with any error
    nothing is imported. `on_row` is called after each row with its number and that of all rows;
    `user` is who stands in the audit log. Raises UnreadableFileError.
    """
    table = tables.read(raw)
    dataset = _dataset(table.rows)
    if table.problems:
        return Report(new=0, changed=0, unchanged=0, errors=table.problems)
    total = len(dataset)
    resource = QuestionResource(
        verb=verb, kept=kept, on_row=(lambda number: on_row(number, total)) if on_row else None
    )
    result = resource.import_data(dataset, dry_run=dry_run, file_name=file_name, user=user)
    for failed in result.error_rows:
        raise failed.errors[0].error
    for error in result.base_errors:
        raise error.error
    shown = [row for row in result.rows if row.import_type in _SHOWN_TYPES][:PREVIEW_MAX]
    return Report(
        new=result.totals[RowResult.IMPORT_TYPE_NEW],
        changed=result.totals[RowResult.IMPORT_TYPE_UPDATE],
        unchanged=result.totals[RowResult.IMPORT_TYPE_SKIP],
        errors=_errors_of(result),
        preview=[_shown(row) for row in shown],
    )


def field_value(name: str, cell: str) -> object:
    """Return what a cell means for the question's field."""
    match name:
        case "correct_option_id":
            return int(cell)
        case "accepted":
            return _split(cell)
        case "kind":
            return cell or Kind.CHOICE.value
        case _:
            return cell


_SHOWN_TYPES = (RowResult.IMPORT_TYPE_NEW, RowResult.IMPORT_TYPE_UPDATE)


def _shown(row: RowResult) -> dict[str, Any]:
    """Return a question as the preview shows it; `changes` are [old, new] by column."""
    question: Question = row.instance
    return {
        "is_new": row.import_type == RowResult.IMPORT_TYPE_NEW,
        "quiz_id": question.quiz_id,
        "level": question.level,
        "mode": Mode(question.category).label,
        "kind": Kind(question.kind).label,
        "topic": question.topic,
        **question_previews.asked(question),
        # No option shows what is right of what is written.
        "answer": question.correct_answer if question.kind in WRITTEN else "",
        "accepted": question.accepted,
        "explanations": [
            text
            for text in (question.explanation, question.explanation_en, question.explanation_uk)
            if text
        ],
        "rule": question.rule,
        "changes": row.changes,
    }


def _errors_of(result: Result) -> list[tuple[int, str]]:
    """Return (line, sentence) for every error in the rows."""
    return [
        (row.number, sentence) for row in result.invalid_rows for sentence in row.error.messages
    ]


def written_by_people() -> set[str]:
    """Return the keys of the questions whose text somebody has added, changed or imported."""
    touched = AuditEntry.objects.filter(
        object_type=Question._meta.label_lower,
        action__in=("question.added", "question.changed", f"question.{IMPORTED}"),
    )
    pks = {int(pk) for pk in touched.values_list("object_id", flat=True)}
    known = Question.objects.values_list("pk", "quiz_id")
    return {quiz_id for pk, quiz_id in known if pk in pks}
