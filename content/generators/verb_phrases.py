"""A verb with the words that stand beside it, read from the lines written by hand."""

from dataclasses import dataclass

from content.generators.verb_phrase_lines import LINES
from content.schema import Lexicon, Verb

# "Ist angefangen" is said in the north, "ist geendet" is old, "ist ausgeschlafen" a state.
OTHER_AUXILIARY = frozenset(("anfangen", "beginnen", "enden", "ausschlafen"))
LOWERED = frozenset(("Der", "Die", "Das", "Alles", "Ein"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrase:
    """A verb with the words that stand beside it. `subject` is empty where a person fits."""

    verb: Verb
    subject: str
    thing: str
    rest: str
    is_plural_thing: bool
    has_passive: bool
    is_deliberate: bool
    is_willing: bool
    is_auxiliary_sure: bool

    @property
    def subject_inside(self) -> str:
        """Return the subject as it stands within a sentence."""
        first = self.subject.split(" ")[0]
        return self.subject.replace(first, first.lower(), 1) if first in LOWERED else self.subject

    @property
    def words(self) -> str:
        return f"{self.thing} {self.rest}".strip()

    @property
    def key(self) -> str:
        """Return the verb in ASCII, apart from its other rows."""
        return self.verb.verb + ("-sich" if self.verb.reflexive else "")


def phrases(lexicon: Lexicon) -> tuple[Phrase, ...]:
    """Return a phrase for each verb of `lexicon` that has a line here."""
    rows: dict[tuple[str, str], Verb] = {}
    for verb in lexicon.verbs:
        rows.setdefault((verb.verb, verb.reflexive), verb)
    found = []
    for line in LINES.strip().splitlines():
        name, words, subject, marks = line.split("|")
        verb_name, _, reflexive = name.partition("~")
        row = rows.get((verb_name, reflexive))
        if row is None:
            continue
        mark = len(words) - len(words.lstrip(">"))
        thing, _, rest = words.lstrip(">").partition("+")
        if not mark:
            thing, rest = "", words
        found.append(
            Phrase(
                verb=row,
                subject=subject,
                thing=thing,
                rest=rest,
                is_plural_thing=mark == 2,
                has_passive=mark > 0,
                is_deliberate="n" not in marks,
                is_willing="n" not in marks and not subject,
                is_auxiliary_sure=_is_sure(row) or "a" in marks,
            )
        )
    return tuple(found)


def _is_sure(verb: Verb) -> bool:
    return (
        verb.auxiliary != "haben/sein"
        and verb.verb not in OTHER_AUXILIARY
        and "auch sein" not in verb.note
        and "auch haben" not in verb.note
    )
