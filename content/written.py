"""Questions written by hand, a file for each family: `content/lexicon/written/<family>.csv`."""

from collections.abc import Mapping

from content.lists import identifier
from content.records import Record
from content.schema import LEVELS, WRITTEN_CATEGORIES, RuleCard, Text, Written
from content.spelling import wrong_letters
from content.tables import sentence

COLUMNS = (
    *("id", "level", "category", "topic", "rule", "question", "right"),
    *("wrong_1", "wrong_2", "wrong_3", "explanation", "explanation_en", "explanation_uk"),
)
WRONG = ("wrong_1", "wrong_2", "wrong_3")


def written(row: Record, family: str, cards: Mapping[str, RuleCard] | None) -> Written:
    """Return a question; its rule must be one of `cards`, if the file of rule cards is there."""
    name = identifier(row)
    if name and not name.startswith(f"{family}-"):
        row.complain("id", f"{name!r} does not begin with the family; write {family}-{name}")
    level = row.one_of("level", LEVELS)
    topic, rule = row.needed("topic"), row.needed("rule")
    if rule and cards is not None:
        _card(row, cards.get(rule), level, topic, rule)
    wrong = [row.needed("wrong_1"), row.text("wrong_2"), row.text("wrong_3")]
    if wrong[2] and not wrong[1]:
        row.complain("wrong_2", "is empty, but wrong_3 is not; fill them in this order")
    right = sentence(row, "right", "de")
    for column, option in zip(WRONG, wrong, strict=True):
        # A Cyrillic а would be a wrong option that looks like the right one.
        if problem := wrong_letters(option, "de"):
            row.complain(column, problem)
        elif option and option == right:
            row.complain(column, f"{option!r} is the right option; write a wrong one")
    return Written(
        id=name,
        family=family,
        level=level,
        category=row.one_of("category", WRITTEN_CATEGORIES),
        topic=topic,
        rule=rule,
        question=sentence(row, "question", "de"),
        right=right,
        wrong=tuple(option for option in wrong if option),
        explanation=Text(
            de=sentence(row, "explanation", "de"),
            en=sentence(row, "explanation_en", "en"),
            uk=sentence(row, "explanation_uk", "uk"),
        ),
    )


def _card(row: Record, card: RuleCard | None, level: str, topic: str, rule: str) -> None:
    """Complain of a card that is not there, or that has another topic or a higher level."""
    if card is None:
        row.complain("rule", f"{rule!r} is not in rules.yaml; add the card or name another")
        return
    if topic and topic != card.topic:
        row.complain("topic", f"{topic!r} is not that of the card {rule!r}; write {card.topic}")
    if level in LEVELS and card.level in LEVELS and LEVELS.index(level) < LEVELS.index(card.level):
        problem = f"{level} is below the card {rule!r}; write {card.level} or name another card"
        row.complain("level", problem)
