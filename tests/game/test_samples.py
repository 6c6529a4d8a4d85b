"""Samples of locked modes: one a day, three questions, and then what opens the mode."""

from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from economy import grants, wallets
from economy.errors import NoEnergyError
from economy.goods import Goods
from economy.models import EntryType, LedgerEntry, Source
from quizarena.game import rounds
from quizarena.game.errors import LockedModeError, NoQuestionsError, SampleTakenError, StaleTapError
from quizarena.game.models import Mode, Question, Round, RoundQuestion
from quizarena.game.rounds import Answer, Start
from quizarena.players import services as players
from quizarena.players.models import Player
from tests.concurrency import meet_after, run_together
from tests.conftest import Road
from tests.game.test_selection import make_player, make_questions
from tests.sandbox import buttons

# 12:00 in Berlin, and the last moment of that day.
NOON = datetime(2026, 11, 2, 11, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 2, 23, tzinfo=UTC)
SECOND = timedelta(seconds=1)
CASES, ORDER = Mode.CASES_PRACTICE, Mode.WORD_ORDER


def sample(player: Player, key: str = "s1", *, mode: Mode = CASES, now: datetime = NOON) -> Start:
    """Start the sample of a mode."""
    return rounds.start_sample(player=player, mode=mode, key=key, now=now)


def tap(player: Player, asked: RoundQuestion, *, now: datetime = NOON + SECOND) -> Answer:
    """Give the right answer."""
    return rounds.answer(
        player=player,
        round_question_id=asked.pk,
        option_index=asked.order.index(1),
        now=now,
    )


def play(player: Player, started: Start) -> Answer:
    """Answer until the round is over; return the last answer."""
    answer = tap(player, started.round_question)
    while answer.next is not None:
        answer = tap(player, answer.next)
    return answer


def open_mode(player: Player, mode: str = "CASES_PRACTICE") -> None:
    """Grant the mode for a day."""
    grants.grant(
        player=player,
        goods=Goods(mode_codes=(mode,), mode_hours=24),
        type=EntryType.PRIZE,
        source=Source.SYSTEM,
        key=f"prize:{mode}",
        now=NOON,
    )


@pytest.fixture
def player(db: None) -> Player:
    """Return a player, with questions in two locked modes."""
    make_questions(30, mode=CASES)
    make_questions(30, mode=ORDER)
    return make_player()


class TestSample:
    def test_it_has_three_questions_that_cost_what_any_question_costs(self, player: Player) -> None:
        last = play(player, sample(player))

        played = Round.objects.get()
        assert (played.state, played.sample_day) == ("FINISHED", date(2026, 11, 2))
        assert [one.number for one in rounds.answered(played)] == [1, 2, 3]
        assert (last.refusal, last.earn_back) == (None, None)
        assert LedgerEntry.objects.filter(type="QUESTION").count() == 3

    @pytest.mark.out_of_order
    def test_the_mode_stays_locked(self, player: Player) -> None:
        sample(player)

        with pytest.raises(LockedModeError):
            rounds.start(player=player, mode=CASES, key="k1", now=NOON)

    @pytest.mark.parametrize("mode", [CASES, ORDER])
    def test_a_second_one_on_the_day_is_refused_whatever_the_mode(
        self, player: Player, mode: Mode
    ) -> None:
        play(player, sample(player))

        with pytest.raises(SampleTakenError) as refusal:
            sample(player, "s2", mode=mode, now=MIDNIGHT - SECOND)

        assert (refusal.value.locked.mode, refusal.value.again_at) == (mode, MIDNIGHT)
        assert Round.objects.count() == 1

    def test_the_next_day_of_berlin_has_another_one(self, player: Player) -> None:
        play(player, sample(player, now=MIDNIGHT - SECOND))
        assert not rounds.has_sample(player=player, now=MIDNIGHT - SECOND)
        assert rounds.has_sample(player=player, now=MIDNIGHT)

        sample(player, "s2", now=MIDNIGHT)

        days = Round.objects.order_by("pk").values_list("sample_day", flat=True)
        assert [*days] == [date(2026, 11, 2), date(2026, 11, 3)]

    def test_the_same_tap_again_is_the_same_sample_also_after_midnight(
        self, player: Player
    ) -> None:
        first = sample(player, now=MIDNIGHT - SECOND)

        again = sample(player, now=MIDNIGHT)

        assert (again.round_question, again.charge) == (first.round_question, None)

    def test_the_same_tap_after_its_end_is_stale(self, player: Player) -> None:
        play(player, sample(player))

        with pytest.raises(StaleTapError):
            sample(player)

    def test_one_that_was_stopped_was_the_days(self, player: Player) -> None:
        started = sample(player)
        rounds.stop(player=player, round_id=started.round_question.round_id, now=NOON)

        with pytest.raises(SampleTakenError):
            sample(player, "s2")

    def test_a_mode_that_is_open_is_started_as_any(self, player: Player) -> None:
        open_mode(player)

        started = sample(player)

        assert (started.round_question.round.sample_day, started.round_question.round.length) == (
            None,
            10,
        )
        assert rounds.has_sample(player=player, now=NOON)

    def test_another_player_has_one_too(self, player: Player) -> None:
        sample(player)

        assert sample(make_player(2)).charge is not None

    def test_without_energy_it_is_not_used_up(self, player: Player) -> None:
        for number in range(20):
            wallets.charge_question(player=player, key=f"spent:{number}", now=NOON)

        with pytest.raises(NoEnergyError), transaction.atomic():
            sample(player)

        assert rounds.has_sample(player=player, now=NOON)

    def test_without_questions_it_is_not_used_up(self, player: Player) -> None:
        Question.objects.all().update(is_enabled=False)

        with pytest.raises(NoQuestionsError), transaction.atomic():
            sample(player)

        assert rounds.has_sample(player=player, now=NOON)

    def test_a_refunded_question_is_replaced_within_the_sample(self, player: Player) -> None:
        started = sample(player)
        rounds.refund_question(round_question_id=started.round_question.pk, now=NOON)

        again = rounds.resume(player=player, round_id=started.round_question.round_id, now=NOON)

        assert (again.round_question.number, again.charge is not None) == (1, True)

    def test_it_is_no_round_of_the_daily_goal(self, player: Player) -> None:
        play(player, sample(player))

        assert rounds.finished_today(player=player, now=NOON) == 0

    def test_it_ends_the_open_round(self, player: Player) -> None:
        make_questions(30)
        rounds.start(player=player, mode=Mode.QUICK_MIX_A1A2, key="k1", now=NOON)

        started = sample(player)

        assert started.has_returned_energy
        assert Round.objects.get(start_key="k1").state == "STOPPED"


@pytest.mark.django_db
def test_the_database_keeps_one_sample_a_day(player: Player) -> None:
    play(player, sample(player))
    again: dict[str, Any] = {
        "player": player,
        "mode": CASES,
        "state": "FINISHED",
        "started_at": NOON,
        "finished_at": NOON,
    }
    Round.objects.create(start_key="x", sample_day=date(2026, 11, 3), **again)
    Round.objects.create(start_key="y", **again)
    Round.objects.create(start_key="z", **again)

    with (
        pytest.raises(IntegrityError, match="round_one_sample_per_player_and_day"),
        transaction.atomic(),
    ):
        Round.objects.create(start_key="w", sample_day=date(2026, 11, 2), **again)


@pytest.mark.django_db(transaction=True)
class TestTwoAtOnce:
    def start_twice(self, monkeypatch: pytest.MonkeyPatch, player: Player) -> list[str]:
        """Let two taps start a sample at once, each by a button of its own; return what came."""
        meet_after(monkeypatch, QuerySet, "exists")
        starts = [partial(self.start_and_stop, player, key) for key in ("s1", "s2")]

        results = run_together(*starts)

        for result in results:
            if isinstance(result, IntegrityError):
                assert "round_one_sample_per_player_and_day" in str(result)
        return sorted(type(result).__name__ for result in results)

    @transaction.atomic
    def start_and_stop(self, player: Player, key: str) -> Start:
        """Start a sample and give it up: that one round is open at a time is another rule."""
        started = sample(player, key)
        rounds.stop(player=player, round_id=started.round_question.round_id, now=NOON)
        return started

    def test_they_are_one_sample(self, monkeypatch: pytest.MonkeyPatch, player: Player) -> None:
        assert self.start_twice(monkeypatch, player) == ["SampleTakenError", "Start"]

        assert Round.objects.count() == 1

    def test_without_the_lock_the_constraint_turns_one_of_them_away(
        self, monkeypatch: pytest.MonkeyPatch, player: Player
    ) -> None:
        """Show that the test above can fail: take the lock away, and it must."""
        monkeypatch.setattr(players, "lock", lambda _player: None)

        assert self.start_twice(monkeypatch, player) == ["IntegrityError", "Start"]

        assert Round.objects.count() == 1


# --- The screens ----------------------------------------------------------------------------------


def labels(message: dict[str, Any]) -> list[str]:
    """Return the labels of a message's buttons."""
    return [button["text"] for button in buttons(message)]


@pytest.fixture
def anna(road: Road, player: Player) -> int:
    """Return somebody who has opened the menu of modes, with no offer to come."""
    anna = road.sandbox.add_player("Anna", language_code="en")
    road.say(anna, "/play")
    road.tap(anna, "🔒 Cases")
    road.say(anna, "/play")
    return anna


class TestScreens:
    def test_from_the_lock_to_the_sample_to_what_opens_the_mode(
        self, road: Road, anna: int
    ) -> None:
        road.tap(anna, "🔒 Word order")

        message = road.tap(anna, "🎁 Try 3 questions")
        assert "1/3" in message["text"]
        for _ in range(3):
            message = road.tap(anna, "richtig")

        assert "3 of 3 questions right" in message["text"]
        assert message["text"].endswith(
            "🎁 That was today's sample of “Word order”.\n\nWhat opens it\n"
            "• Mega Pack: 15 energy points, and 24 hours of cases, separable verbs and word order: "
            "to practise what is hard.\n"
            "• Premium Starter: 7 days of unlimited energy and all modes: to try everything."
        )
        assert labels(message) == [
            "⭐ Save question 3",
            "Mega Pack · ⭐ 15",
            "Premium Starter · ⭐ 29",
            "🚩 Report",
            "🎯 Choose another mode",
        ]

    def test_afterwards_the_lock_says_when_the_next_one_is_there(
        self, road: Road, anna: int
    ) -> None:
        road.tap(anna, "🔒 Word order")
        road.tap(anna, "🎁 Try 3 questions")
        stopped = road.tap(anna, "⏹ Stop")
        road.say(anna, "/play")

        page = road.tap(anna, "🔒 Cases")

        assert "🎁 That was today's sample of “Word order”." in stopped["text"]
        assert page["text"].endswith(
            "🎁 You have had today's sample. From 00:00 on there is another one."
        )
        assert labels(page) == [
            "Mega Pack · ⭐ 15",
            "Premium Starter · ⭐ 29",
            "🛍 Shop",
            "◀️ Back",
        ]

    def test_an_old_button_leads_to_what_opens_the_mode(self, road: Road, anna: int) -> None:
        page = road.tap(anna, "🔒 Word order")
        road.tap(anna, "🎁 Try 3 questions")
        road.tap(anna, "⏹ Stop")

        again = road.sandbox.tap(anna, "sample:WORD_ORDER:s99", message_id=page["message_id"])
        road.travel()

        assert again is not None
        assert "You have had today's sample." in road.sandbox.last_message(anna)["text"]

    @pytest.mark.parametrize("data", ["sample", "sample:NO_MODE:s1", "sample:WORD_ORDER"])
    def test_a_button_that_was_never_ours_starts_nothing(
        self, road: Road, anna: int, data: str
    ) -> None:
        page = road.tap(anna, "🔒 Word order")

        road.sandbox.tap(anna, data, message_id=page["message_id"])
        road.travel()

        assert not Round.objects.exists()
        assert road.sandbox.toasts(anna)[-1]["text"].startswith("This button is no longer valid.")

    def test_the_back_button_leads_to_the_modes(self, road: Road, anna: int) -> None:
        road.tap(anna, "🔒 Word order")

        assert road.tap(anna, "◀️ Back")["text"] == "🎯 What would you like to play?"

    def test_it_runs_out_of_energy_as_any_round(self, road: Road, anna: int) -> None:
        row = Player.objects.get(telegram_id=anna)
        for number in range(19):
            wallets.charge_question(player=row, key=f"spent:{number}", now=timezone.now())
        road.say(anna, "/play")
        road.tap(anna, "🔒 Word order")
        road.tap(anna, "🎁 Try 3 questions")

        road.tap(anna, "richtig")

        said = [it["text"] for it in road.sandbox.chat(anna) if it.get("text")]
        assert any("🪫 Your energy is used up." in text for text in said)
