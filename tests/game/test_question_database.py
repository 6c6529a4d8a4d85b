"""What the database refuses of questions and of what shows them, whoever writes it."""

from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from quizarena.game import bank
from quizarena.game.models import (
    Kind,
    Question,
    QuestionVersion,
    Round,
    RoundQuestion,
)
from tests.factories import NOON, PlayerFactory, QuestionFactory

pytestmark = pytest.mark.django_db

TYPED = {"kind": "typed", "option_1": "gegangen", "option_2": "", "option_3": "", "option_4": ""}
TYPED |= {"correct_option_id": 0}  # type: ignore[dict-item]


def refused(constraint: str, **change: Any) -> None:
    """Try to change a question round forms and services; only the constraint stands in the way."""
    question = QuestionFactory.create()
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Question.objects.filter(pk=question.pk).update(**change)


def refused_to_show(version: QuestionVersion, order: list[int], message: str) -> None:
    """Try to show the options in an order that is none."""
    with pytest.raises(IntegrityError, match=message), transaction.atomic():
        show(version, order)


def show(version: QuestionVersion, order: list[int]) -> RoundQuestion:
    """Write down a round that shows the question in the order, round the service."""
    player = PlayerFactory.create()
    played = Round.objects.create(
        player=player, mode="ARTIKEL_SPRINT", start_key="key", started_at=NOON
    )
    return RoundQuestion.objects.create(
        round=played,
        number=1,
        player=player,
        mode="ARTIKEL_SPRINT",
        question=version.question_row,
        version=version,
        order=order,
        shown_at=NOON,
    )


class TestOptions:
    @pytest.mark.parametrize(
        ("change", "options"),
        [
            ({}, ["die", "der", "das", "den"]),
            ({"option_4": ""}, ["die", "der", "das"]),
            ({"option_4": "", "option_3": ""}, ["die", "der"]),
        ],
    )
    def test_two_to_four_are_taken_and_the_version_has_as_many(
        self, change: dict[str, str], options: list[str]
    ) -> None:
        question = QuestionFactory.create(**change)

        assert question.options == options
        assert question.versions.get().options == options

    def test_one_is_too_few_to_choose_from(self) -> None:
        refused(
            "question_options_of_its_kind",
            option_2="",
            option_3="",
            option_4="",
            correct_option_id=0,
        )

    @pytest.mark.parametrize("kind", ["picture", "mistake"])
    def test_whatever_has_buttons_needs_two(self, kind: str) -> None:
        QuestionFactory.create(kind=kind, option_3="", option_4="")

        refused(
            "question_options_of_its_kind",
            kind=kind,
            option_2="",
            option_3="",
            option_4="",
            correct_option_id=0,
        )

    @pytest.mark.parametrize(
        "change",
        [
            {"option_1": ""},
            {"option_3": ""},
            {"kind": "typed", "option_2": "", "option_3": "", "correct_option_id": 0},
        ],
    )
    def test_none_is_missing_before_another_one(self, change: dict[str, Any]) -> None:
        refused("question_options_without_hole", **change)

    @pytest.mark.parametrize(
        "change",
        [
            {"option_4": "", "correct_option_id": 3},
            {"option_4": "", "option_3": "", "correct_option_id": 2},
            {"correct_option_id": 4},
        ],
    )
    def test_the_right_one_exists(self, change: dict[str, Any]) -> None:
        refused("question_correct_option_exists", **change)

    @pytest.mark.parametrize(
        "change",
        [
            {"option_2": "die"},
            {"option_4": "das"},
            {"option_4": "", "option_3": "der"},
            {"option_4": "", "option_3": "", "option_2": "die"},
        ],
    )
    def test_none_stands_there_twice(self, change: dict[str, Any]) -> None:
        refused("question_options_differ", **change)

    def test_a_version_without_its_right_option_is_not_stored(self) -> None:
        question = QuestionFactory.create()

        with pytest.raises(IntegrityError, match="version_correct_option"), transaction.atomic():
            QuestionVersion.objects.create(
                question_row=question,
                number=2,
                question="?",
                options=["die", "der"],
                correct_option_id=2,
                explanation="!",
                created_at=NOON,
            )


class TestWrittenAnswers:
    @pytest.mark.parametrize("kind", ["typed", "order"])
    def test_the_only_option_is_the_right_answer(self, kind: str) -> None:
        question = QuestionFactory.create(**TYPED | {"kind": kind, "accepted": ["ist gegangen"]})

        version = question.versions.get()
        assert (version.kind, version.options, version.accepted) == (
            kind,
            ["gegangen"],
            ["ist gegangen"],
        )

    def test_a_second_option_is_refused(self) -> None:
        refused("question_options_of_its_kind", **TYPED | {"option_2": "gehen"})

    def test_the_right_answer_is_the_first(self) -> None:
        refused("question_correct_option_exists", **TYPED | {"correct_option_id": 1})

    def test_an_unknown_kind_is_refused(self) -> None:
        refused("question_options_of_its_kind", kind="spoken")

    def test_only_they_have_further_right_answers(self) -> None:
        refused("question_accepted_of_written_answers", accepted=["das"])

    def test_an_empty_further_answer_is_refused(self) -> None:
        refused("question_accepted_of_written_answers", **TYPED | {"accepted": ["ok", ""]})


class TestVersions:
    @pytest.mark.parametrize(
        "change",
        [
            {"explanation_en": "It is."},
            {"explanation_uk": "Так."},
            {"rule": "article-three"},
            {"kind": "picture"},
        ],
    )
    def test_a_change_of_what_a_player_gets_makes_one(self, change: dict[str, str]) -> None:
        question = QuestionFactory.create()

        Question.objects.filter(pk=question.pk).update(**change)

        latest = question.versions.get(number=2)
        ((name, value),) = change.items()
        assert getattr(latest, name) == value

    def test_what_is_written_without_the_new_columns_is_a_choice(self) -> None:
        """As SQL that is older than they are does it."""
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO game_question (quiz_id, question, option_1, option_2, option_3,"
                " option_4, correct_option_id, explanation, level, category, key, is_enabled,"
                " version) VALUES ('old', '?', 'a', 'b', 'c', 'd', 0, '!', 'A1',"
                " 'WORD_ORDER', 'k', true, 1)"
            )

        version = QuestionVersion.objects.get()
        assert (version.kind, version.accepted, version.explanation_en, version.rule) == (
            Kind.CHOICE,
            [],
            "",
            "",
        )


class TestOrders:
    @pytest.mark.parametrize("order", [[0, 1], [1, 0]])
    def test_each_option_once_is_taken(self, order: list[int]) -> None:
        question = QuestionFactory.create(option_3="", option_4="")

        assert show(question.versions.get(), order).order == order

    @pytest.mark.parametrize("order", [[0, 0, 1], [0, 1, 3], [], [0, 1, 2, 2]])
    def test_what_is_no_order_is_refused(self, order: list[int]) -> None:
        question = QuestionFactory.create(option_4="")

        refused_to_show(question.versions.get(), order, "order")

    @pytest.mark.parametrize("order", [[0], [1, 0], [0, 1, 2, 3]])
    def test_it_is_as_long_as_there_are_options(self, order: list[int]) -> None:
        question = QuestionFactory.create(option_4="")

        refused_to_show(
            question.versions.get(), order, "The order has each option of the question once"
        )

    def test_it_cannot_be_made_longer_afterwards(self) -> None:
        shown = show(QuestionFactory.create(option_4="").versions.get(), [2, 0, 1])

        with pytest.raises(DatabaseError, match="each option"), transaction.atomic():
            RoundQuestion.objects.filter(pk=shown.pk).update(order=[2, 0, 1, 3])

    def test_a_choice_is_one_of_the_options(self) -> None:
        shown = show(QuestionFactory.create(option_4="").versions.get(), [2, 0, 1])

        with pytest.raises(IntegrityError, match="choice_exists"), transaction.atomic():
            RoundQuestion.objects.filter(pk=shown.pk).update(
                choice=3, is_correct=False, answered_at=timezone.now()
            )

    @pytest.mark.parametrize(
        "table",
        [
            "dailyquestion",
            "duelquestion",
            "placementquestion",
            "roundquestion",
            "tournamentquestion",
        ],
    )
    def test_whatever_shows_options_has_both_rules(self, table: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_constraint WHERE conname = %s",
                [f"{table}_order_is_a_permutation"],
            )
            (constraints,) = cursor.fetchone()
            cursor.execute(
                "SELECT count(*) FROM pg_trigger WHERE tgrelid = %s::regclass"
                " AND tgname LIKE 'pgtrigger_order_of_its_options%%'",
                [f"game_{table}"],
            )
            (triggers,) = cursor.fetchone()

        assert (constraints, triggers) == (1, 1)

    @pytest.mark.parametrize("options", [1, 2, 3, 4])
    def test_a_shuffled_order_has_each_once(self, options: int) -> None:
        assert sorted(bank.shuffled(options)) == list(range(options))
