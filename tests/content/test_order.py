"""Questions for word order."""

import pytest

from content.generators import order
from content.loading import load
from content.questions import Question


@pytest.fixture(scope="module")
def questions() -> dict[str, Question]:
    return {question.quiz_id: question for question in order.generate(load())}


@pytest.mark.parametrize(
    ("name", "options"),
    [
        (
            "hoeren-verb-second",
            (
                "Heute hört Tom das Lied.",
                "Heute Tom hört das Lied.",
                "Heute Tom das Lied hört.",
                "Tom heute hört das Lied.",
            ),
        ),
        (
            "buegeln-indirect",
            (
                "wann Jan das Hemd bügelt",
                "wann bügelt Jan das Hemd",
                "wann Jan bügelt das Hemd",
                "Jan wann das Hemd bügelt",
            ),
        ),
        (
            "eingiessen-um-zu",
            (
                "um den Tee einzugießen",
                "um einzugießen den Tee",
                "um zu den Tee eingießen",
                "um den Tee eingießen zu",
            ),
        ),
        (
            "nicht-wir-wohnen-in-berlin",
            (
                "Wir wohnen nicht in Berlin.",
                "Wir nicht wohnen in Berlin.",
                "Wir wohnen in nicht Berlin.",
                "Wir in Berlin nicht wohnen.",
            ),
        ),
    ],
)
def test_a_frame(questions: dict[str, Question], name: str, options: tuple[str, ...]) -> None:
    assert questions[f"order-{name}"].options == options


def test_no_wrong_order_is_one_that_colloquial_german_allows(
    questions: dict[str, Question],
) -> None:
    """`weil` with the verb second is heard everywhere."""
    for question in questions.values():
        assert not any(option.startswith("weil ") for option in question.options)


def test_the_options_of_a_sentence_have_the_same_words(questions: dict[str, Question]) -> None:
    for name in ("modal", "perfect", "dass"):
        for question in questions.values():
            if question.frame == name:
                letters = {"".join(sorted(option.lower())) for option in question.options}
                assert len({len(text.replace(" ", "")) for text in letters}) == 1, question


def test_a_sentence_with_a_time_has_no_second_one(questions: dict[str, Question]) -> None:
    for question in questions.values():
        assert not ("heute" in question.question and " Uhr" in question.question)


def test_the_same_lexicon_gives_the_same_questions() -> None:
    lexicon = load()
    assert list(order.generate(lexicon)) == list(order.generate(lexicon))
