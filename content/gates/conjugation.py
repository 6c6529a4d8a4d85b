"""Which forms of a verb are right in the gap of a sentence that names the verb in brackets."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from content.gates import verbs
from content.gates.clauses import tokens, verbs_of
from content.gates.nouns import Nouns
from content.gates.phrases import PREPOSITIONS, SUBJECTS, determiner, phrase
from content.gates.verb_table import HABEN_WITH_OBJECT, SEIN_WITH_DIRECTION

GAP = "___"
_NAMED = re.compile(r"\((?:sich )?([a-zäöüß]+n)(?:, ([\w ]+))?\)")
# What brackets may ask for beside the verb, and the table it is taken from.
_PAST_TENSE, _SUBJUNCTIVE = "Präteritum", ("Konjunktiv II", "höflich")
_SUBORDINATING = frozenset(
    "dass ob weil wenn obwohl damit bevor nachdem während als bis seit seitdem sobald falls "
    "wer wo wann wie warum woher wohin da indem sodass".split()
)
_WITH_ZU = frozenset(
    "versuchen hoffen vergessen beginnen anfangen aufhören beschließen versprechen planen "
    "entscheiden freuen brauchen vorhaben bitten empfehlen raten erlauben verbieten helfen "
    "scheinen glauben lust zeit verabreden".split()
)
GIVEN_NAMES = frozenset(
    "Anna Paul Lena Tom Mia Jan Lisa Max Julia Peter Maria Lukas Emma Leon Sofia Ben Nina Tim Eva "
    "Olena Taras Oksana Andrij Iryna Thomas Laura Felix Sarah David Jonas Klaus Sabine".split()
)
_PAST = frozenset("gestern früher damals vorgestern einst plötzlich".split())
_NOW = frozenset("heute jetzt gerade morgen immer".split())


@dataclass(frozen=True, slots=True)
class Clause:
    """The clause with the gap: its words, where the gap is, and how the sentence goes on."""

    words: tuple[str, ...]
    gap: int
    lead: tuple[str, ...]
    end: str

    @property
    def is_last(self) -> bool:
        return self.gap == len(self.words) - 1

    @property
    def before(self) -> tuple[str, ...]:
        return self.words[: self.gap]

    @property
    def after(self) -> tuple[str, ...]:
        return self.words[self.gap + 1 :]


def named_verb(question: str) -> str | None:
    """Return the infinitive in brackets."""
    found = _NAMED.findall(question)
    return found[-1][0] if found else None


def asked_form(question: str) -> str:
    """Return what the brackets ask for beside the verb: `Präteritum`, or nothing."""
    found = _NAMED.findall(question)
    return found[-1][1] if found else ""


def clause_of(question: str) -> Clause | None:
    text = re.sub(r"\([^)]*\)", "", question).strip()
    if text.count(GAP) != 1:
        return None
    for sentence in re.split(r"(?<=[.!?])\s+", text):
        if GAP not in sentence:
            continue
        end = sentence[-1] if sentence[-1] in ".!?" else ""
        lead: tuple[str, ...] = ()
        for part in re.split(r"[,;:–]\s+", sentence.rstrip(".!?")):
            if GAP in part:
                words = tuple(tokens(part.replace(GAP, " GAP ")))
                return Clause(words, words.index("GAP"), lead, end)
            lead = tuple(tokens(part))
    return None


def person(words: Sequence[str], nouns: Nouns) -> frozenset[str]:
    """Return the persons that a subject of these words can be."""
    if not words:
        return frozenset({"3sg"})
    if "und" in words:
        return frozenset({"1pl"} if "ich" in words else {"3pl"})
    if len(words) == 1:
        word = words[0]
        if word == "Sie":
            return frozenset({"3pl"})
        if word.lower() in SUBJECTS:
            return frozenset({SUBJECTS[word.lower()]})
        if word in GIVEN_NAMES or word.lower() in ("es", "das"):
            return frozenset({"3sg"})
        if word == "sie":
            return frozenset({"3sg", "3pl"})
    places = {place for case, place in phrase(words, nouns) if case == "nom"}
    if not places:
        return frozenset({"3sg"})
    return frozenset("3pl" if place == "pl" else "3sg" for place in places)


def subject(clause: Clause, nouns: Nouns) -> frozenset[str]:
    """Return the persons of the clause's subject, wherever it stands."""
    before = [word for word in clause.before if word.lower() not in _SUBORDINATING]
    for place, word in enumerate(before):
        if word.lower() in SUBJECTS and not _owns(before, place):
            return person([word], nouns)
    if clause.before == ("Sie",):
        return frozenset({"3pl", "3sg"})
    if clause.gap == 0 or not before or _is_adverbial(before):
        return person(_first_phrase(clause.after), nouns)
    if clause.before[0].lower() in _SUBORDINATING:
        return person(_first_phrase(before), nouns)
    return person(_first_phrase(before) if not _is_second(clause) else before, nouns)


def _owns(words: Sequence[str], place: int) -> bool:
    return words[place].lower() == "ihr" and place + 1 < len(words)


def _is_second(clause: Clause) -> bool:
    return not clause.is_last or len(clause.words) <= 2


def _is_adverbial(words: Sequence[str]) -> bool:
    first = words[0].lower()
    return first in PREPOSITIONS or first in (
        *_PAST,
        *_NOW,
        *("am", "im", "um", "dann", "hier", "dort", "wann", "wo", "warum", "wie", "was", "wohin"),
        *("beim", "vom", "zum", "zur", "letzte", "letztes", "letzten", "jeden", "jede", "woher"),
        *("oft", "manchmal", "danach", "bald", "nie", "normalerweise", "deshalb", "trotzdem"),
    )


def _first_phrase(words: Sequence[str]) -> list[str]:
    """Return the first pronoun, name or noun with what belongs to it."""
    found: list[str] = []
    for index, word in enumerate(words):
        found.append(word)
        if (
            word.lower() in SUBJECTS
            or word in ("Sie", "sie", "es")
            or (word[:1].isupper() and determiner(word) is None)
        ):
            if index + 2 < len(words) and words[index + 1] == "und":
                return [*found, *words[index + 1 : index + 3]]
            return found
    return found[:1]


def right_forms(question: str, nouns: Nouns) -> frozenset[str] | None:
    """Return every form that is right in the gap, or None where the sentence is not understood."""
    verb, clause = named_verb(question), clause_of(question)
    if clause is None:
        return None
    if verb is None:
        return _passive(clause, nouns)
    asked = asked_form(question)
    reflexive = "(sich" in question
    helper = _helper(clause)
    if helper is None and not clause.is_last and _ends_with_participle(clause, verb):
        return _auxiliary(clause, verb, reflexive, nouns)
    if clause.is_last and helper and not _is_subordinate(clause):
        return _last(clause, verb, helper, nouns)
    if _is_subordinate(clause):
        return verbs.at_the_end(verb, _finite(clause, verb, nouns, asked))
    if clause.is_last and clause.lead and _takes_zu(clause):
        return verbs.zu_infinitives(verb)
    if clause.words[-1] == "werden" and helper:
        return verbs.participles(verb)
    return _main(clause, verb, nouns, asked)


def _passive(clause: Clause, nouns: Nouns) -> frozenset[str] | None:
    """Return what makes a passive with the participle that the clause has."""
    before = [word for word in clause.before if not determiner(word)]
    if clause.is_last and clause.before and _is_participle(clause.before[-1]):
        if any(word in forms for word in before for forms in _all_forms("sein")):
            return frozenset({"worden"})
        if _helper(clause) in verbs.MODALS:
            return frozenset({"werden"})
    if not clause.is_last and _is_participle(clause.words[-1]):
        forms = _finite(clause, "werden", nouns, "") | _finite(clause, "sein", nouns, "")
        return frozenset(_cased(form, clause) for form in forms)
    return None


def _is_participle(word: str) -> bool:
    lowered = word.lower()
    return lowered.endswith(("t", "en", "an")) and word == lowered and len(word) > 4


def _all_forms(verb: str) -> tuple[frozenset[str], ...]:
    return (*verbs.present(verb), *verbs.preterite(verb), *verbs.subjunctive(verb))


def _helper(clause: Clause) -> str | None:
    """Return the auxiliary or modal of the clause before its gap."""
    for word in clause.before:
        for helper in ("haben", "sein", "werden", *verbs.MODALS):
            tables = (verbs.present(helper), verbs.preterite(helper), verbs.subjunctive(helper))
            if any(word.lower() in forms for table in tables for forms in table):
                if word == "sein" or determiner(word):
                    continue
                return helper
    return None


def _is_subordinate(clause: Clause) -> bool:
    return bool(clause.is_last and clause.before and clause.before[0].lower() in _SUBORDINATING)


def _last(clause: Clause, verb: str, helper: str, nouns: Nouns) -> frozenset[str]:
    if helper in verbs.MODALS:
        return frozenset({verb})
    if helper == "haben":
        # "Er hätte kommen sollen" has two infinitives.
        is_doubled = verb in verbs.MODALS and clause.before[-1].endswith("n")
        return frozenset({verb}) if is_doubled else verbs.participles(verb)
    if helper == "sein":
        # "Er ist einkaufen" is said as well.
        return verbs.participles(verb) | {verb}
    # Whoever does something to somebody is no passive, nor is what would be if something were.
    is_active = _has_object(clause, nouns) or "wenn" in {word.lower() for word in clause.lead}
    return frozenset({verb}) if is_active else verbs.participles(verb) | {verb}


def _has_object(clause: Clause, nouns: Nouns) -> bool:
    """Say if a pronoun is the subject and a phrase without a preposition can be the object."""
    words = clause.before
    return any(word.lower() in SUBJECTS for word in words) and any(
        determiner(word) is not None
        and (index == 0 or words[index - 1].lower() not in PREPOSITIONS)
        and any(case == "acc" for case, _ in phrase(_first_phrase(words[index:]), nouns))
        for index, word in enumerate(words)
    )


def _ends_with_participle(clause: Clause, verb: str) -> bool:
    last = clause.words[-1].lower()
    return last in verbs.participles(verb) or any(
        last in verbs.participles(prefix + verb) for prefix in ("be", "ver", "er")
    )


def _auxiliary(clause: Clause, verb: str, reflexive: bool, nouns: Nouns) -> frozenset[str]:
    helpers = {"haben"} if reflexive or "sich" in clause.words else set(verbs.auxiliaries(verb))
    if len(helpers) == 2:
        helpers = _decided(clause, verb, nouns) or helpers
    persons = subject(clause, nouns)
    return frozenset(
        _cased(form, clause)
        for helper in helpers
        for each in persons
        for table in (verbs.present(helper), verbs.preterite(helper), verbs.subjunctive(helper))
        for form in table[verbs.PERSONS.index(each)]
    )


def _decided(clause: Clause, verb: str, nouns: Nouns) -> set[str]:
    """Return the auxiliary that an object or a direction asks for, where both are possible."""
    words = clause.after
    has_object = False
    for index, word in enumerate(words):
        preposition = word.lower()
        if preposition in ("nach", "zum", "zur", "ins", "zu", "durch", "um"):
            return {"sein"}
        if not determiner(word) or index + 1 >= len(words):
            continue
        cases = {case for case, _ in phrase(_first_phrase(words[index:]), nouns)}
        before = words[index - 1].lower() if index else ""
        if before not in PREPOSITIONS and "acc" in cases:
            has_object = True
        elif len(PREPOSITIONS.get(before, ())) == 2 and cases == {"acc"}:
            return {"sein"}
    if has_object:
        return {"haben"}
    if verb in HABEN_WITH_OBJECT:
        return {"sein"}
    return {"haben"} if verb in SEIN_WITH_DIRECTION else set()


def _takes_zu(clause: Clause) -> bool:
    lead = {word.lower() for word in clause.lead}
    before = clause.before[0].lower() if clause.before else ""
    return bool(
        before in ("um", "ohne", "statt", "anstatt")
        or verbs_of(clause.lead) & _WITH_ZU
        or lead & _WITH_ZU
        or any(
            word in verbs.present(verb)[2]
            for verb in _WITH_ZU
            if verb.endswith("n")
            for word in lead
        )
    )


def _finite(clause: Clause, verb: str, nouns: Nouns, asked: str) -> frozenset[str]:
    persons = subject(clause, nouns)
    if asked == _PAST_TENSE or asked in _SUBJUNCTIVE:
        table = verbs.preterite(verb) if asked == _PAST_TENSE else verbs.subjunctive(verb)
        return frozenset(form for each in persons for form in table[verbs.PERSONS.index(each)])
    lowered = {word.lower() for word in (*clause.words, *clause.lead)}
    tables = [verbs.preterite(verb), verbs.subjunctive(verb)]
    if not lowered & _PAST and "letzte" not in {word.rstrip("nsmr") for word in lowered}:
        tables.append(verbs.present(verb))
    if lowered & _NOW:
        tables.remove(verbs.preterite(verb))
    forms = {
        form for table in tables for each in persons for form in table[verbs.PERSONS.index(each)]
    }
    if "3sg" in persons and verbs.present(verb) in tables:
        forms |= reported(verb)
    return frozenset(forms)


def reported(verb: str) -> frozenset[str]:
    """Return the first subjunctive of the third person: `er komme`, `er sei`."""
    if verb == "sein":
        return frozenset({"sei"})
    base = verbs.parts(verb).rest if verbs.parts(verb).is_separable else verb
    return frozenset({base.removesuffix("n")}) if base.endswith("en") else frozenset()


def _main(clause: Clause, verb: str, nouns: Nouns, asked: str) -> frozenset[str] | None:
    taken = verbs.parts(verb)
    forms = _finite(clause, verb, nouns, asked)
    if clause.gap == 0 and clause.end != "?" and _has_no_subject(clause):
        return None
    if taken.is_separable:
        if clause.words[-1] == taken.prefix:
            return frozenset(_cased(form, clause) for form in forms)
        if clause.is_last:
            return frozenset(f"{_cased(form, clause)} {taken.prefix}" for form in forms)
        return None
    return frozenset(_cased(form, clause) for form in forms)


def _has_no_subject(clause: Clause) -> bool:
    return not any(word.lower() in SUBJECTS or word == "Sie" for word in clause.words)


def _cased(form: str, clause: Clause) -> str:
    return form[:1].upper() + form[1:] if clause.gap == 0 and not clause.lead else form
