"""Explanations that contradict the answer, the noun, or each other."""

import re
from collections.abc import Iterable, Iterator

from content.gates.clauses import allowed, fill, find_phrase
from content.gates.faults import Fault
from content.gates.nouns import Nouns
from content.questions import Question

# Of these families every explanation names the right option, in these languages.
_NAMES_ANSWER = {
    **dict.fromkeys(
        ("article", "plural", "case", "adjective", "comparison", "vocabulary", "present"),
        ("German", "English", "Ukrainian"),
    ),
    "perfect": ("German",),
}
_GENDERS = {
    "German": (r"„(\w+)“ ist (maskulin|feminin|neutral)", ("maskulin", "feminin", "neutral")),
    "English": (
        r"[“\"](\w+)[”\"] is (masculine|feminine|neuter)",
        ("masculine", "feminine", "neuter"),
    ),
    "Ukrainian": (
        r"[«„](\w+)[»“] – (чоловічого|жіночого|середнього) роду",
        ("чоловічого", "жіночого", "середнього"),
    ),
}
_CASES = {
    "German": {"nom": "Nominativ", "acc": "Akkusativ", "dat": "Dativ", "gen": "Genitiv"},
    "English": {"nom": "nominative", "acc": "accusative", "dat": "dative", "gen": "genitive"},
    "Ukrainian": {"nom": "називн", "acc": "знахідн", "dat": "давальн", "gen": "родов"},
}
_NAMES = {"nom": "nominative", "acc": "accusative", "dat": "dative", "gen": "genitive"}


def check(questions: Iterable[Question], nouns: Nouns) -> Iterator[Fault]:
    """Yield each explanation that names another answer, gender or case than the question has."""
    for question in questions:
        texts = {
            "German": question.explanation_de,
            "English": question.explanation_en,
            "Ukrainian": question.explanation_uk,
        }
        problems = [*_answers(question, texts), *_genders(texts, nouns)]
        problems += _cases(question, texts, nouns)
        yield from (Fault(question.quiz_id, "explanation", problem) for problem in problems)


def _answers(question: Question, texts: dict[str, str]) -> Iterator[str]:
    answer = question.answer.casefold().rstrip(".?!")
    for language in _NAMES_ANSWER.get(question.family, ()):
        words = re.findall(r"[\w'’-]+", texts[language].casefold())
        if not _stands_in(re.findall(r"[\w'’-]+", answer), words):
            yield f"the {language} explanation does not name {question.answer!r}"


def _stands_in(part: list[str], words: list[str]) -> bool:
    return any(words[start : start + len(part)] == part for start in range(len(words)))


def _genders(texts: dict[str, str], nouns: Nouns) -> Iterator[str]:
    for language, (pattern, names) in _GENDERS.items():
        for word, name in re.findall(pattern, texts[language]):
            gender = "mfn"[names.index(name)]
            known = nouns.genders(word) or {
                reading.gender for reading in nouns.readings(word) if reading.number == "sg"
            }
            if known and gender not in known:
                yield f"the {language} explanation says that {word} is {name}"


def _cases(question: Question, texts: dict[str, str], nouns: Nouns) -> Iterator[str]:
    said = {
        language: {case for case, name in names.items() if name in texts[language]}
        for language, names in _CASES.items()
    }
    german = said["German"]
    for language in ("English", "Ukrainian"):
        if said[language] and german and said[language] != german:
            yield f"the {language} explanation names other cases than the German one"
    if question.family not in ("case", "adjective") or len(german) != 1:
        return
    words, start, end = fill(re.sub(r"\s*\([^)]*\)", "", question.question), question.answer)
    gap = find_phrase(words, start, end, nouns)
    if gap is None or not gap.readings:
        return
    possible = allowed(words, gap, nouns) & {case for case, _ in gap.readings}
    if possible and not german & possible:
        names = ", ".join(_NAMES[case] for case in sorted(possible))
        yield f"the explanation names a case that it is not; it is {names}"
