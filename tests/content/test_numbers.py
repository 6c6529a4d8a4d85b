"""Questions for numbers, the clock, dates and prices."""

import pytest

from content.generators import numbers
from content.loading import load
from content.questions import Question


@pytest.fixture(scope="module")
def questions() -> dict[str, Question]:
    return {question.quiz_id: question for question in numbers.generate(load())}


@pytest.mark.parametrize(
    ("name", "options"),
    [
        (
            "numbers-units-first-vierundfuenfzig-word",
            ("vierundfünfzig", "fünfundvierzig", "fünfzigundvier", "fünfzigvier"),
        ),
        ("numbers-units-first-siebenundvierzig-digits", ("47", "74", "704", "407")),
        ("clock-informal-7-30-uhr-word", ("halb acht", "halb sieben", "halb neun", None)),
        ("clock-informal-12-45-uhr-digits", ("12.45 Uhr", "1.45 Uhr", "11.45 Uhr", "1.15 Uhr")),
        (
            "prices-2-50-word",
            ("zwei Euro fünfzig", "fünfzig Euro zwei", "zwölf Euro fünfzig", "zwei Euro fünf"),
        ),
        ("ordinals-3-maerz-date", ("dritte", "dritten", "drei", "dreiste")),
        ("days-months-dezember-next", ("Januar", "November", "Februar", "März")),
        ("when-der-film-beginnt-acht-uhr", ("um", "am", "im", "an")),
    ],
)
def test_a_question(
    questions: dict[str, Question], name: str, options: tuple[str | None, ...]
) -> None:
    found = questions[f"numbers-{name}"].options
    assert len(found) == 4
    for option, expected in zip(found, options, strict=True):
        assert expected in (option, None)


def test_another_way_to_say_the_same_time_is_no_wrong_option(
    questions: dict[str, Question],
) -> None:
    """`zehn nach halb acht` is `zwanzig vor acht`."""
    for question in questions.values():
        if question.rule == "clock-informal":
            assert not any("zehn vor halb" in option for option in question.options)
            assert not any("zehn nach halb" in option for option in question.options)


def test_no_wrong_number_is_the_right_one(questions: dict[str, Question]) -> None:
    for question in questions.values():
        assert len(set(question.options)) == len(question.options) == 4


def test_the_same_lexicon_gives_the_same_questions() -> None:
    lexicon = load()
    assert list(numbers.generate(lexicon)) == list(numbers.generate(lexicon))
