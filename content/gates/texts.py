"""What can be said of each question by itself, without knowing German."""

import re
from collections.abc import Iterable, Iterator

from content.gates.faults import Fault
from content.questions import KINDS, Question

QUESTION_MAX = 200
OPTION_MAX = 60
ANSWER_MAX = 100
EXPLANATION_MAX = 200
ID_MAX = 64
OPTIONS_MIN, OPTIONS_MAX = 2, 4
GAP = "___"
LEVELS = ("A1", "A2", "B1", "B2")

_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_CYRILLIC = re.compile(r"[\u0400-\u04ff]")
# An apostrophe in Ukrainian words and the stress mark are Ukrainian.
_NOT_UKRAINIAN = re.compile(r"[ыэъёЫЭЪЁ]")
# A joiner belongs into a picture, not between letters.
_INVISIBLE = re.compile(
    r"[\u0000-\u001f\u00a0\u00ad\u200b\u200c\u200e\u200f\u2028-\u202e\ufeff]|(?<=\w)\u200d"
)
_PLACEHOLDER = re.compile(r"[{}]|\bNone\b|\bTODO\b")


def check(
    questions: Iterable[Question], rules: dict[str, str], topics: frozenset[str]
) -> Iterator[Fault]:
    """Yield what is wrong with ids, lengths, languages, rules and topics.

    `rules` maps each rule card to its topic.
    """
    seen: set[str] = set()
    for question in questions:
        problems = [*_ids(question), *_stem(question), *_options(question)]
        problems += _explanations(question)
        if question.quiz_id in seen:
            problems.append("the id stands twice; make one different")
        seen.add(question.quiz_id)
        if question.level not in LEVELS:
            problems.append(f"level {question.level!r} is none")
        if question.rule not in rules:
            problems.append(f"rule {question.rule!r} has no card; name one of rules.yaml")
        elif question.topic != rules[question.rule]:
            problems.append(f"topic {question.topic!r} is not that of the rule {question.rule!r}")
        if question.topic not in topics:
            problems.append(f"topic {question.topic!r} does not exist; name one of topics.yaml")
        yield from (Fault(question.quiz_id, "text", problem) for problem in problems)


def _ids(question: Question) -> Iterator[str]:
    if not _ID.fullmatch(question.quiz_id):
        yield "the id has other letters than a-z, 0-9 and single hyphens"
    if len(question.quiz_id) > ID_MAX:
        yield f"the id has {len(question.quiz_id)} characters; {ID_MAX} is the most"
    if not question.quiz_id.startswith(f"{question.family}-"):
        yield f"the id does not begin with the family {question.family!r}"


def _stem(question: Question) -> Iterator[str]:
    text = question.question
    if len(text) > QUESTION_MAX:
        yield f"the question has {len(text)} characters; {QUESTION_MAX} is the most"
    if text.count(GAP) > 1:
        yield "the question has two gaps; leave one"
    if GAP not in text and not re.search(r"[?:]", text):
        yield f"the question has neither a gap {GAP} nor a question mark"
    yield from _letters("the question", text)
    if re.search(r"[.!?,] *[.!?,]|\s[.,;:!?](?!\w)", text.replace("...", "…")):
        yield "the question has doubled or loose punctuation"


def _options(question: Question) -> Iterator[str]:
    options = question.options
    if question.kind not in KINDS:
        yield f"kind {question.kind!r} is none"
    if question.has_options and not OPTIONS_MIN <= len(options) <= OPTIONS_MAX:
        yield f"there are {len(options)} options; give {OPTIONS_MIN} to {OPTIONS_MAX}"
    if question.has_options and question.accepted:
        yield "a question with options has no further answers"
    if not question.has_options:
        yield from _answers(question)
        return
    if len({option.casefold().strip() for option in options}) < len(options) and len(
        {option.strip() for option in options}
    ) < len(options):
        yield "two options are the same"
    for option in options:
        if not option:
            yield "an option is empty"
        if len(option) > OPTION_MAX:
            yield f"the option {option!r} has {len(option)} characters; {OPTION_MAX} is the most"
        yield from _letters(f"the option {option!r}", option)
    if len(options) > 1 and question.answer:
        ends = {option[-1:] in ".!?" for option in options}
        starts = {option[:1].isupper() for option in options if option[:1].isalpha()}
        if len(ends) > 1 and _differs_alone([option[-1:] in ".!?" for option in options]):
            yield "only the right option differs in its punctuation"
        if len(starts) > 1 and _differs_alone([option[:1].isupper() for option in options]):
            yield "only the right option differs in its first letter"


def _answers(question: Question) -> Iterator[str]:
    if len(question.options) != 1:
        yield "a question without options has its answer and nothing else"
    answers = (*question.options, *question.accepted)
    words = [re.findall(r"\w+", answer.casefold()) for answer in answers]
    if len({" ".join(each) for each in words}) < len(answers):
        yield "two answers are the same"
    if question.kind == "order" and any(sorted(each) != sorted(words[0]) for each in words):
        yield "the orders have different words"
    for answer in answers:
        if not answer or len(answer) > ANSWER_MAX:
            yield f"the answer {answer!r} has {len(answer)} characters; 1 to {ANSWER_MAX} are right"
        yield from _letters(f"the answer {answer!r}", answer)


def _differs_alone(marks: list[bool]) -> bool:
    return len(marks) > 2 and marks[0] not in marks[1:]


def _explanations(question: Question) -> Iterator[str]:
    texts = {
        "German": question.explanation_de,
        "English": question.explanation_en,
        "Ukrainian": question.explanation_uk,
    }
    for language, text in texts.items():
        if not text.strip():
            yield f"the {language} explanation is empty"
            continue
        if len(text) > EXPLANATION_MAX:
            yield f"the {language} explanation has {len(text)} characters, over {EXPLANATION_MAX}"
        yield from _letters(f"the {language} explanation", text)
        if text[-1] not in ".!?…)“”»":
            yield f"the {language} explanation does not end like a sentence"
    # Emoji and gap words may be foreign; what is explained in a language has its letters.
    if _CYRILLIC.search(question.explanation_de):
        yield "the German explanation has Cyrillic letters"
    if question.explanation_uk and not _CYRILLIC.search(question.explanation_uk):
        yield "the Ukrainian explanation has no Cyrillic letter"
    if letter := _NOT_UKRAINIAN.search(question.explanation_uk + question.question):
        yield f"{letter.group()!r} is no Ukrainian letter"
    for language, text in (
        ("English", question.explanation_en),
        ("German", question.explanation_de),
    ):
        if (
            text
            and text in (question.explanation_uk, question.explanation_de)
            and language == "English"
        ):
            yield "the English explanation is the same as another language's"


def _letters(name: str, text: str) -> Iterator[str]:
    if text != text.strip() or "  " in text:
        yield f"{name} has superfluous spaces"
    if _INVISIBLE.search(text):
        yield f"{name} has an invisible character"
    if _PLACEHOLDER.search(text):
        yield f"{name} has an unfilled place"
