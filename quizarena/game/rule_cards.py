"""Rule cards: those that come with the product, what editors may write, and where players look."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from django.db import models, transaction
from django.db.models import QuerySet

from quizarena.game.models import Level, RuleCard, Topic
from quizarena.game.models.rule import EXAMPLE_MAX, EXAMPLES_MAX, LANGUAGES
from quizarena.prepared import prepared
from quizarena.staff import audit
from quizarena.staff.models import AuditEntry

# Made from the lexicon (content/rule_cards.py).
SHIPPED = Path(__file__).with_name("rule_cards.json")

Row = TypeVar("Row", Topic, RuleCard)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seeded:
    """What a seed has done with the rule cards; those that it has hidden are no longer shipped."""

    new: int
    changed: int
    unchanged: int
    hidden: int


@transaction.atomic
def seed(*, shipped: Mapping[str, Sequence[Mapping[str, Any]]] | None = None) -> Seeded:
    """Bring the shipped topics and cards into the database; what editors have written stays.

    Can be run again at any time. A card that is shipped no more is hidden.
    """
    if shipped is None:
        shipped = json.loads(SHIPPED.read_text(encoding="utf-8"))
    topics = {
        entry["id"]: Topic(
            slug=entry["id"],
            level=entry["level"],
            number=number,
            **_texts(entry, "title"),
        )
        for number, entry in enumerate(shipped["topics"])
    }
    _store(Topic, topics, fields=("level", "number", *_names("title")))
    topic_ids = dict(Topic.objects.values_list("slug", "pk"))
    cards = {
        entry["id"]: RuleCard(
            slug=entry["id"],
            level=entry["level"],
            topic_id=topic_ids[entry["topic"]],
            number=number,
            **_texts(entry, "title"),
            **_texts(entry, "text"),
            examples=[dict(example) for example in entry["examples"]],
            table=list(entry["table"]),
        )
        for number, entry in enumerate(shipped["cards"])
    }
    fields = (
        *("level", "topic_id", "number", *_names("title"), *_names("text")),
        *("examples", "table", "is_shown"),
    )
    new, changed = _store(RuleCard, cards, fields=fields)
    unshipped = RuleCard.objects.shown().exclude(slug__in=cards)
    hidden = unshipped.exclude(slug__in=written_by_people(RuleCard)).update(is_shown=False)
    return Seeded(new=new, changed=changed, unchanged=len(cards) - new - changed, hidden=hidden)


def written_by_people(model: type[Topic] | type[RuleCard]) -> set[str]:
    """Return the slugs of the rows that somebody has added or changed."""
    name = model._meta.model_name
    touched = AuditEntry.objects.filter(
        object_type=model._meta.label_lower, action__in=(f"{name}.added", f"{name}.changed")
    )
    pks = {int(pk) for pk in touched.values_list("object_id", flat=True)}
    known = model._default_manager.filter(pk__in=pks)
    return set(known.values_list("slug", flat=True))


def _store(
    model: type[Row], shipped: Mapping[str, Row], *, fields: Collection[str]
) -> tuple[int, int]:
    """Store what is new or reads differently; return how many of each."""
    stored = {row.slug: row for row in model._default_manager.all()}
    kept = written_by_people(model)
    new: list[Row] = [row for slug, row in shipped.items() if slug not in stored]
    changed: list[Row] = [
        row
        for slug, row in shipped.items()
        if slug in stored
        and slug not in kept
        and any(getattr(row, name) != getattr(stored[slug], name) for name in fields)
    ]
    columns = [name.removesuffix("_id") for name in fields]
    manager: Any = model._default_manager
    manager.bulk_create(
        [*new, *changed], update_conflicts=True, unique_fields=["slug"], update_fields=columns
    )
    AuditEntry.objects.bulk_create(
        audit.entry(
            actor=None,
            action=f"{model._meta.model_name}.seeded",
            obj=row,
            summary=f"{row}: seeded.",
        )
        for row in (*new, *changed)
    )
    return len(new), len(changed)


def _texts(entry: Mapping[str, Any], name: str) -> dict[str, str]:
    return {f"{name}_{language}": entry[name][language] for language in LANGUAGES}


def _names(name: str) -> list[str]:
    return [f"{name}_{language}" for language in LANGUAGES]


# --- What editors may write -----------------------------------------------------------------------


def read_examples(text: str) -> list[dict[str, str]]:
    """Return the examples that somebody has typed: one a line, "German | English | Ukrainian".

    Raises ValueError with a sentence that says which line is wrong, and what to do.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not 1 <= len(lines) <= EXAMPLES_MAX:
        raise ValueError(f"Give 1 to {EXAMPLES_MAX} examples, one a line.")
    examples = []
    for number, line in enumerate(lines, 1):
        parts = [part.strip() for part in line.split("|")]
        if len(parts) != len(LANGUAGES) or not all(parts):
            raise ValueError(f"Line {number}: write German | English | Ukrainian.")
        if any(len(part) > EXAMPLE_MAX for part in parts):
            raise ValueError(f"Line {number}: each sentence has at most {EXAMPLE_MAX} characters.")
        examples.append(dict(zip(LANGUAGES, parts, strict=True)))
    return examples


def examples_as_text(examples: Sequence[Mapping[str, str]]) -> str:
    """Return the examples as they are typed."""
    lines = (" | ".join(example[language] for language in LANGUAGES) for example in examples)
    return "\n".join(lines)


# --- Where players look ---------------------------------------------------------------------------


def levels() -> list[Level]:
    """Return the levels that have cards."""
    stored = set(RuleCard.objects.shown().values_list("level", flat=True).distinct())
    return [level for level in Level if level.value in stored]


def topics_of(level: Level) -> list[Topic]:
    """Return the topics that have cards of the level."""
    topics = Topic.objects.filter(cards__level=level.value, cards__is_shown=True)
    return list(topics.distinct().order_by("number", "pk"))


def cards_of(*, topic_id: int, level: Level) -> QuerySet[RuleCard]:
    """Return the cards of a topic at the level, with the topic."""
    cards = RuleCard.objects.shown().filter(topic=topic_id, level=level.value)
    return cards.select_related("topic").order_by("number", "pk")


def find(card_id: int) -> RuleCard | None:
    """Return a card with its topic, if players see it."""
    if not 0 < card_id <= models.BigIntegerField.MAX_BIGINT:
        return None
    return RuleCard.objects.shown().select_related("topic").filter(pk=card_id).first()


def id_of(slug: str) -> int | None:
    """Return the id of the card that a question names, if it names one that players see."""
    if not slug:
        return None
    return _shown.first(slug=slug)


@prepared
def _shown(*, slug: str) -> QuerySet[RuleCard, int]:
    return RuleCard.objects.shown().filter(slug=slug).values_list("pk", flat=True)
