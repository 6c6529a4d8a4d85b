"""Which question comes next."""

from datetime import UTC, datetime

import pytest

from quizarena.game import selection
from quizarena.game.errors import NoQuestionsError
from quizarena.game.models import Mode, Question, Round, RoundQuestion
from quizarena.players.models import Player

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
MIX, SPRINT = Mode.QUICK_MIX_A1A2, Mode.ARTIKEL_SPRINT


def make_player(telegram_id: int = 1) -> Player:
    """Store a player."""
    return Player.objects.create(
        telegram_id=telegram_id, first_name="Anna", created_at=NOON, last_seen_at=NOON
    )


def make_questions(count: int, *, mode: Mode = MIX) -> None:
    """Store so many questions of a mode; the second option is right."""
    Question.objects.bulk_create(
        Question(
            quiz_id=f"{mode}-{number}",
            question=f"Frage {number}?",
            option_1="falsch",
            option_2="richtig",
            option_3="verkehrt",
            option_4="daneben",
            correct_option_id=1,
            explanation="Darum.",
            level="A1",
            category=mode,
            key=f"key-{number}",
        )
        for number in range(count)
    )


def show(player: Player, *, mode: Mode = MIX) -> int:
    """Show the player the next question, as a round does, and return its id."""
    version = selection.next_question(player=player, mode=mode)
    played, _ = Round.objects.get_or_create(
        player=player, mode=mode, state="OPEN", defaults={"start_key": "k", "started_at": NOON}
    )
    played.round_questions.filter(answered_at=None).update(
        answered_at=NOON, choice=0, is_correct=False
    )
    RoundQuestion.objects.create(
        round=played,
        number=played.round_questions.count() + 1,
        player=player,
        mode=mode,
        question_id=version.question_row_id,
        version=version,
        order=[0, 1, 2, 3],
        shown_at=NOON,
    )
    return version.question_row_id


def test_a_question_does_not_return_before_twenty_others_were_asked() -> None:
    player = make_player()
    make_questions(25)

    shown = [show(player) for _ in range(100)]

    for place, question in enumerate(shown):
        assert question not in shown[max(0, place - 20) : place]
    assert len(set(shown)) == 25


def test_a_bank_of_twenty_one_goes_round_in_one_order() -> None:
    player = make_player()
    make_questions(21)

    shown = [show(player) for _ in range(63)]

    assert shown[:21] == shown[21:42] == shown[42:]


@pytest.mark.parametrize("size", [1, 2, 5, 20])
def test_a_small_bank_gives_what_was_asked_longest_ago(size: int) -> None:
    player = make_player()
    make_questions(size)

    shown = [show(player) for _ in range(3 * size)]

    assert len(set(shown[:size])) == size
    assert shown[size : 2 * size] == shown[:size]
    assert shown[2 * size :] == shown[:size]


def test_questions_come_in_another_order_for_everybody() -> None:
    make_questions(30)
    orders = set()

    for telegram_id in range(5):
        player = make_player(telegram_id)
        orders.add(tuple(show(player) for _ in range(10)))

    assert len(orders) == 5


def test_a_disabled_question_is_never_asked() -> None:
    player = make_player()
    make_questions(5)
    Question.objects.filter(quiz_id__in=["QUICK_MIX_A1A2-1", "QUICK_MIX_A1A2-3"]).update(
        is_enabled=False
    )

    shown = {show(player) for _ in range(30)}

    asked = Question.objects.filter(pk__in=shown).values_list("quiz_id", flat=True)
    assert sorted(asked) == ["QUICK_MIX_A1A2-0", "QUICK_MIX_A1A2-2", "QUICK_MIX_A1A2-4"]


def test_modes_do_not_mix() -> None:
    player = make_player()
    make_questions(3, mode=MIX)
    make_questions(3, mode=SPRINT)

    mix = {show(player, mode=MIX) for _ in range(9)}

    assert set(Question.objects.filter(pk__in=mix).values_list("category", flat=True)) == {MIX}
    assert len(mix) == 3


def test_what_others_were_asked_does_not_matter() -> None:
    make_questions(2)
    anna, ben = make_player(1), make_player(2)

    turns = [(show(anna), show(ben)) for _ in range(20)]

    of_anna, of_ben = zip(*turns, strict=True)
    assert of_anna == of_anna[:2] * 10
    assert of_ben == of_ben[:2] * 10


def test_the_question_is_asked_as_it_reads_now() -> None:
    player = make_player()
    make_questions(1)
    Question.objects.update(question="Frage, besser gestellt?")

    version = selection.next_question(player=player, mode=MIX)

    assert (version.number, version.question) == (2, "Frage, besser gestellt?")


def test_an_edited_question_does_not_return_as_another_one() -> None:
    player = make_player()
    make_questions(2)
    first = show(player)
    Question.objects.update(explanation="Deshalb.")

    assert show(player) != first


@pytest.mark.parametrize("disabled", [False, True])
def test_without_a_question_it_says_so(disabled: bool) -> None:
    player = make_player()
    if disabled:
        make_questions(3)
        Question.objects.update(is_enabled=False)

    with pytest.raises(NoQuestionsError) as refusal:
        selection.next_question(player=player, mode=MIX)

    assert refusal.value.mode == MIX
