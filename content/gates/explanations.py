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
    "German": (r"„([\w-]+)“ ist (maskulin|feminin|neutral)", ("maskulin", "feminin", "neutral")),
    "English": (
        r"[“\"]([\w-]+)[”\"] is (masculine|feminine|neuter)",
        ("masculine", "feminine", "neuter"),
    ),
    "Ukrainian": (
        r"[«„]([\w-]+)[»“] – (чоловічого|жіночого|середнього) роду",
        ("чоловічого", "жіночого", "середнього"),
    ),
}
_CASES = {
    "German": {"nom": "Nominativ", "acc": "Akkusativ", "dat": "Dativ", "gen": "Genitiv"},
    "English": {"nom": "nominative", "acc": "accusative", "dat": "dative", "gen": "genitive"},
    "Ukrainian": {"nom": "називн", "acc": "знахідн", "dat": "давальн", "gen": "родов"},
}
_UMLAUT = {"German": "Umlaut", "English": "umlaut", "Ukrainian": "умлаут"}
_PLAIN = str.maketrans("äöü", "aou")
_WRONG_ARTICLES = ("der", "den", "dem", "ein", "einen", "einem")
_PRONOUNS = {
    "ich": ("mich", "mir"),
    "du": ("dich", "dir"),
    "er": ("sich",),
    "wir": ("uns",),
    "ihr": ("euch",),
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
        problems += [*_missing(question, texts), *_without_pronoun(question, texts)]
        yield from (Fault(question.quiz_id, "explanation", problem) for problem in problems)


def _answers(question: Question, texts: dict[str, str]) -> Iterator[str]:
    answer = question.answer.casefold().rstrip(".?!")
    for language in _NAMES_ANSWER.get(question.family, ()):
        words = re.findall(r"[\w'’-]+", texts[language].casefold())
        if not _stands_in(re.findall(r"[\w'’-]+", answer), words):
            yield f"the {language} explanation does not name {question.answer!r}"


def _missing(question: Question, texts: dict[str, str]) -> Iterator[str]:
    """Yield what the question turns on and an explanation does not name: case, gender, umlaut."""
    for language, text in texts.items():
        if question.family == "case" and not any(n in text for n in _CASES[language].values()):
            yield f"the {language} explanation names no case"
        is_article = question.family == "mistake" and question.answer.split()[0] in _WRONG_ARTICLES
        if is_article and not re.search(_GENDERS[language][0], text):
            yield f"the {language} explanation does not name the gender"
        if _is_about_umlaut(question) and _UMLAUT[language] not in text:
            yield f"the {language} explanation does not name the umlaut"


def _is_about_umlaut(question: Question) -> bool:
    """Say if an option is the right one but for its umlaut."""
    plain = question.answer.translate(_PLAIN)
    return (
        question.family == "comparison" and plain != question.answer and plain in question.options
    )


def _without_pronoun(question: Question, texts: dict[str, str]) -> Iterator[str]:
    """Yield a form of a reflexive verb with its person and without its pronoun: er erkältete."""
    if "(sich " not in question.question:
        return
    for language, text in texts.items():
        for who, pronouns in _PRONOUNS.items():
            for found in re.findall(
                rf"(?<![\w/]){who} (?!hat\b|the\b|und\b|and\b)[a-zäöüß]+\b(?: \w+)?", text
            ):
                if len(found.split()) < 3 or found.split()[2] not in pronouns:
                    yield f"the {language} explanation leaves out the pronoun in {found!r}"


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
