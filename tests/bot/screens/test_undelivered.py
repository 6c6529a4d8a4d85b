"""Questions that were charged and never reached their player."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from bot import tasks
from bot.queue import outbox
from bot.queue.models import CallState, OutgoingCall
from bot.screens.game import undelivered
from economy.models import LedgerEntry, Wallet
from quizarena.game import rounds
from quizarena.game.models import Round, RoundQuestion
from quizarena.players.models import Player
from tests.conftest import Road
from tests.game.test_round import bank, labels, right

__all__ = ["bank"]

NOON = datetime(2026, 11, 2, 11, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock() -> Any:
    """Stop the clock at noon in Berlin; `clock.shift` moves it."""
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


def give_back() -> int:
    """Give back whatever is due."""
    return undelivered.refund_questions(until=timezone.now() + timedelta(minutes=1))


def free_energy() -> int:
    """Return the only player's free energy."""
    return Wallet.objects.get().free_energy


@pytest.fixture
def anna(road: Road) -> int:
    """Let Anna be asked a question; the message that shows it has not left yet."""
    player = road.sandbox.add_player("Anna", language_code="en")
    road.say(player, "/play")
    road.sandbox.tap(player, "Quick mix")
    road.fetch()
    road.work()
    return player


def end(state: CallState, *, delivery_uncertain: bool = False) -> OutgoingCall:
    """Let the call that shows the question end in `state`."""
    shows = OutgoingCall.objects.filter(round_question__isnull=False)
    shows.update(state="SENDING", claimed_at=NOON)
    shows.update(state=state, delivery_uncertain=delivery_uncertain, finished_at=NOON)
    return shows.get()


def test_the_call_that_shows_a_question_knows_it(road: Road, anna: int) -> None:
    assert OutgoingCall.objects.get(round_question__isnull=False).method == "editMessageText"
    assert (
        OutgoingCall.objects.get(round_question__isnull=False).round_question
        == RoundQuestion.objects.get()
    )
    road.send()

    second = road.tap(anna, right(road.sandbox.last_message(anna)))

    shown = OutgoingCall.objects.filter(round_question__isnull=False).order_by("pk")
    assert [call.round_question.number for call in shown if call.round_question] == [1, 2]
    assert second["text"].split("\n")[-6:-4] == ["A1 · Quick mix", "●●○○○○○○○○ 2/10"]


def test_a_player_who_blocked_the_bot_before_the_question_came_gets_it_back_and_goes_on_later(
    road: Road, anna: int
) -> None:
    road.sandbox.block(anna)
    road.send()
    assert OutgoingCall.objects.get(round_question__isnull=False).state == "REFUSED"

    assert [give_back(), give_back()] == [1, 0]

    assert free_energy() == 20
    road.sandbox.unblock(anna)
    question = road.tap(anna, "Quick mix")
    assert question["text"].startswith("A1 · Quick mix\n●○○○○○○○○○ 1/10")
    assert (Round.objects.count(), free_energy()) == (1, 19)
    wallet = road.say(anna, "/wallet")
    assert "Question given back · +1 ⚡" in wallet["text"]


def test_a_call_that_was_too_old_to_be_made_gives_its_question_back(anna: int) -> None:
    call = end(CallState.GIVEN_UP)

    assert tasks.refund_undelivered() == 1

    call.refresh_from_db()
    assert (free_energy(), call.round_question_id) == (20, None)


@pytest.mark.parametrize("state", [CallState.PENDING, CallState.SENDING, CallState.SENT])
def test_while_it_may_still_come_or_has_come_nothing_is_given_back(
    anna: int, state: CallState
) -> None:
    shows = OutgoingCall.objects.filter(round_question__isnull=False)
    shows.update(state="SENDING", claimed_at=NOON)
    if state is not CallState.SENDING:
        shows.update(state=state, finished_at=NOON if state is CallState.SENT else None)

    assert (give_back(), free_energy()) == (0, 19)


@pytest.mark.parametrize(
    ("state", "delivery_uncertain"),
    [(CallState.MAYBE_SENT, True), (CallState.REFUSED, True), (CallState.GIVEN_UP, True)],
)
def test_what_may_have_been_seen_is_given_back_once_it_cannot_be_answered_any_more(
    anna: int, state: CallState, delivery_uncertain: bool
) -> None:
    end(state, delivery_uncertain=delivery_uncertain)
    assert (give_back(), free_energy()) == (0, 19)

    Round.objects.update(state="STOPPED", finished_at=NOON)

    assert (give_back(), free_energy()) == (1, 20)


@pytest.mark.parametrize("state", [CallState.MAYBE_SENT, CallState.REFUSED])
def test_what_was_given_up_is_given_back_once(anna: int, state: CallState) -> None:
    end(state, delivery_uncertain=True)

    rounds.stop(player=Player.objects.get(), round_id=Round.objects.get().pk, now=NOON)

    assert free_energy() == 20
    assert (give_back(), free_energy()) == (0, 20)


def test_a_question_whose_edit_a_newer_screen_has_superseded_is_given_back(
    road: Road, anna: int
) -> None:
    shop = road.tap(anna, "🛍 Shop")

    assert shop["text"].startswith("🛍")
    assert OutgoingCall.objects.get(round_question__isnull=False).state == "SUPERSEDED"
    assert (give_back(), free_energy()) == (1, 20)


def test_an_edit_that_a_newer_one_with_the_same_question_has_superseded_gives_nothing_back(
    road: Road, anna: int
) -> None:
    older = OutgoingCall.objects.get(round_question__isnull=False)
    newer = OutgoingCall.objects.get(pk=older.pk)
    newer.pk = None
    newer.save()

    road.send()

    older.refresh_from_db()
    assert (older.state, older.round_question_id) == ("SUPERSEDED", None)
    assert OutgoingCall.objects.get(round_question__isnull=False).state == "SENT"
    assert (give_back(), free_energy()) == (0, 19)


def test_what_was_answered_has_been_seen(anna: int) -> None:
    call = end(CallState.MAYBE_SENT, delivery_uncertain=True)
    round_question = RoundQuestion.objects.get()
    player = Player.objects.get()
    rounds.answer(player=player, round_question_id=round_question.pk, option_index=0, now=NOON)

    assert give_back() == 0

    call.refresh_from_db()
    assert (free_energy(), call.round_question_id) == (18, None)
    assert not LedgerEntry.objects.filter(type="QUESTION_RETURNED").exists()


def test_a_call_that_is_made_again_shows_a_question_whose_place_another_takes(
    road: Road, anna: int
) -> None:
    call = end(CallState.REFUSED)
    give_back()
    outbox.send_again(call_id=call.pk)
    road.send()
    late = road.sandbox.last_message(anna)

    another = road.tap(anna, right(late))

    assert another["text"].startswith("A1 · Quick mix\n●○○○○○○○○○ 1/10")
    assert labels(another) != labels(late)
    assert (free_energy(), RoundQuestion.objects.count()) == (19, 2)


def test_a_call_that_is_let_go_again_meanwhile_is_left_alone(anna: int) -> None:
    call = end(CallState.REFUSED)
    outbox.send_again(call_id=call.pk)

    assert (give_back(), free_energy()) == (0, 19)
