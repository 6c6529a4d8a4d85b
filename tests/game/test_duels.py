"""Duels: made, accepted, played, ended, asked for again."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import transaction

from economy import grants
from economy.models import EntryType, LedgerEntry, Source, StreakDay
from quizarena.game import daily, duel_play, duel_terms, duels, tasks
from quizarena.game.errors import (
    DuelAbsentError,
    DuelAnsweredError,
    DuelGoneError,
    DuelLimitError,
    DuelOverError,
    DuelTooFarError,
    NoDuelError,
    OpenDuelError,
    OwnDuelError,
    StaleTapError,
    TicketNeededError,
    TooFewDuelQuestionsError,
)
from quizarena.game.levels import choose
from quizarena.game.models import (
    DailyQuestion,
    Duel,
    DuelAnswer,
    DuelQuestion,
    Level,
    PointEvent,
    Question,
)
from quizarena.players.models import Player
from tests.game.challenges import make_bank
from tests.game.duelling import (
    HOUR,
    INSTANT,
    NOON,
    OVER,
    SECOND,
    TOO_LATE_TO_ACCEPT,
    accept,
    accepted,
    again,
    cancel,
    create,
    find,
    finish,
    give_premium,
    give_tickets,
    look,
    notices,
    play,
    played,
    player,
    state,
    tap,
    tickets_of,
)

pytestmark = pytest.mark.django_db

DAY = 24 * HOUR


@pytest.fixture(autouse=True)
def _bank(db: None) -> None:
    make_bank("QUICK_MIX_A1A2", A1=30, A2=30, B1=30)


@pytest.fixture
def anna() -> Player:
    """Return whoever makes the duels."""
    return player("Anna")


@pytest.fixture
def ben() -> Player:
    """Return whoever takes them."""
    return player("Ben")


def quiz_ids(duel: Duel) -> list[str]:
    """Return the questions of a duel in their order."""
    asked = DuelQuestion.objects.filter(duel=duel).order_by("number")
    return list(asked.values_list("version__question_row__quiz_id", flat=True))


def levels(duel: Duel) -> list[str]:
    """Return the levels of a duel's questions in their order."""
    return list(DuelQuestion.objects.filter(duel=duel).values_list("level", flat=True))


def others_of_a1(had: list[str], count: int) -> list[str]:
    """Return so many questions of the level that were not asked."""
    free = Question.objects.filter(level="A1").exclude(quiz_id__in=had).order_by("pk")
    return list(free.values_list("quiz_id", flat=True)[:count])


def has_level(somebody: Player, level: str) -> None:
    """Let the player have a level."""
    choose(player=somebody, level=Level(level), now=NOON)


class TestMaking:
    @pytest.mark.parametrize("length", [3, 5, 12])
    def test_it_has_as_many_frozen_questions_as_rounds(self, anna: Player, length: int) -> None:
        duel = create(anna, length)
        texts = DuelQuestion.objects.values_list("version__question", flat=True)
        before = list(texts)
        Question.objects.update(question="Anders?", is_enabled=False)

        assert len(set(quiz_ids(duel))) == length
        assert levels(duel) == ["A1"] * length
        assert list(texts) == before
        assert all(
            sorted(order) == [0, 1, 2, 3]
            for order in DuelQuestion.objects.values_list("order", flat=True)
        )
        assert (duel.state, duel.price, duel.level) == ("PENDING", "FREE", "A1")
        assert (duel.deadline, duel.opponent, len(duel.token)) == (TOO_LATE_TO_ACCEPT, None, 16)

    def test_one_button_makes_one(self, anna: Player) -> None:
        assert create(anna, key="u1") == create(anna, key="u1")
        assert create(anna, key="u2") != create(anna, key="u1")
        assert (Duel.objects.count(), DuelQuestion.objects.count()) == (2, 6)

    def test_what_a_level_lacks_comes_from_the_nearest(self, anna: Player) -> None:
        has_level(anna, "B2")
        Question.objects.filter(quiz_id__endswith="B1-0").update(level="B2")

        assert levels(create(anna)) == ["B2", "B1", "B1"]

    def test_what_one_has_had_in_a_duel_comes_last(self, anna: Player, ben: Player) -> None:
        first = accepted(anna, ben, 12)
        second = accepted(player("Carla"), ben, 12)
        third = create(ben, 5)

        assert not set(quiz_ids(third)) & {*quiz_ids(first), *quiz_ids(second)}

    @pytest.mark.parametrize(("later", "returns"), [(30 * DAY - INSTANT, False), (30 * DAY, True)])
    def test_for_thirty_days(self, anna: Player, later: timedelta, returns: bool) -> None:
        had = quiz_ids(create(anna, 12))
        Question.objects.exclude(quiz_id__in=[*had, *others_of_a1(had, 12)]).update(
            is_enabled=False
        )

        asked = quiz_ids(create(anna, 12, now=NOON + later))

        # Of twenty-four that are alike, just the other twelve come once in 2.7 million times.
        assert bool(set(asked) & set(had)) is returns

    def test_a_small_bank_asks_it_again(self, anna: Player) -> None:
        Question.objects.exclude(quiz_id__in=quiz_ids(create(anna))).update(is_enabled=False)

        assert len(quiz_ids(create(anna))) == 3

    def test_too_few_questions_are_no_duel(self, anna: Player) -> None:
        Question.objects.exclude(quiz_id__in=quiz_ids(create(anna))).update(is_enabled=False)

        with pytest.raises(TooFewDuelQuestionsError):
            create(anna, 5)

        assert Duel.objects.count() == 1

    def test_it_does_not_give_the_daily_challenge_away(self, anna: Player) -> None:
        daily.draw(day=date(2026, 12, 16), now=NOON)
        daily.draw(day=date(2026, 12, 15), now=NOON)
        asked = DailyQuestion.objects.filter(set__day=date(2026, 12, 16))
        hidden = set(asked.values_list("version__question_row__quiz_id", flat=True))
        make_bank("DAILY_CHALLENGE", A1=9)
        Question.objects.filter(level="A1").exclude(
            quiz_id__in=[*hidden, *[f"DAILY_CHALLENGE-A1-{number}" for number in range(9)]]
        ).update(is_enabled=False)

        assert levels(create(anna)) == ["A2"] * 3


class TestPrice:
    def test_two_a_day_are_free_then_a_ticket_pays(self, anna: Player) -> None:
        give_tickets(anna, 2)

        prices = [create(anna).price for _ in range(4)]

        assert prices == ["FREE", "FREE", "TICKET", "TICKET"]
        assert tickets_of(anna) == 0
        used = LedgerEntry.objects.filter(type="TICKET_USED").order_by("pk")
        keys = [f"duel:{duel.pk}" for duel in Duel.objects.order_by("pk")[2:]]
        assert [entry.idempotency_key for entry in used] == keys

    def test_the_day_is_one_of_berlin(self, anna: Player) -> None:
        midnight = datetime(2026, 12, 16, 23, tzinfo=UTC)

        prices = [create(anna, now=midnight - INSTANT).price for _ in range(2)]
        prices.append(create(anna, now=midnight).price)

        assert prices == ["FREE", "FREE", "FREE"]
        with pytest.raises(TicketNeededError):
            create(anna, now=midnight - INSTANT)

    @pytest.mark.parametrize(("owned", "with_ticket"), [(0, True), (1, False)])
    def test_no_ticket_is_used_that_is_not_there_or_not_offered(
        self, anna: Player, owned: int, with_ticket: bool
    ) -> None:
        if owned:
            give_tickets(anna, owned)
        create(anna)
        create(anna)

        with pytest.raises(TicketNeededError) as refusal:
            create(anna, with_ticket=with_ticket)

        assert refusal.value.owned == owned
        assert (Duel.objects.count(), tickets_of(anna)) == (2, owned)

    def test_premium_uses_no_ticket(self, anna: Player) -> None:
        give_premium(anna)
        give_tickets(anna)

        assert [create(anna).price for _ in range(3)] == ["FREE", "FREE", "PREMIUM"]
        assert tickets_of(anna) == 1

    def test_accepting_is_free(self, anna: Player, ben: Player) -> None:
        for _ in range(2):
            create(ben)

        accepted(anna, ben)

        assert not LedgerEntry.objects.filter(player=ben, type="TICKET_USED").exists()

    def test_the_terms_say_so_before(self, anna: Player) -> None:
        before = duel_terms.terms(player=anna, now=NOON)
        create(anna)
        create(anna)
        give_tickets(anna)
        after = duel_terms.terms(player=anna, now=NOON)

        assert (before.price, before.free_left, before.tickets) == ("FREE", 2, 0)
        assert (after.price, after.free_left, after.tickets) == ("TICKET", 0, 1)
        assert (after.live, after.created_today) == (2, 2)

    @pytest.mark.parametrize("how", ["expired", "canceled"])
    def test_the_ticket_of_what_nobody_accepted_returns_once(self, anna: Player, how: str) -> None:
        give_tickets(anna)
        duel = [create(anna) for _ in range(3)][2]
        assert tickets_of(anna) == 0

        for _ in range(2):
            if how == "expired":
                finish(duel, now=TOO_LATE_TO_ACCEPT)
            else:
                cancel(anna, duel)

        assert tickets_of(anna) == 1
        entry = LedgerEntry.objects.get(type="TICKET_RETURNED")
        assert entry.idempotency_key == f"return:duel:{duel.pk}"

    @pytest.mark.parametrize("finishes", [False, True])
    def test_that_of_an_accepted_one_does_not(
        self, anna: Player, ben: Player, finishes: bool
    ) -> None:
        give_tickets(anna)
        duel = accept(ben, [create(anna) for _ in range(3)][2])
        if finishes:
            play(ben, duel, [True] * 3)

        finish(duel, now=OVER)

        assert tickets_of(anna) == 0


class TestLimits:
    def test_ten_are_live(self, anna: Player, ben: Player) -> None:
        give_premium(anna)
        for _ in range(9):
            create(anna)
        accepted(ben, anna)

        with pytest.raises(DuelLimitError) as refusal:
            create(anna)
        with pytest.raises(DuelLimitError):
            accepted(ben, anna)
        with pytest.raises(DuelLimitError):
            find(anna)

        assert (refusal.value.limit, refusal.value.is_of_day) == (10, False)

    def test_what_has_run_out_of_time_is_not_live(self, anna: Player) -> None:
        give_premium(anna)
        for _ in range(10):
            create(anna)

        assert create(anna, now=TOO_LATE_TO_ACCEPT).day_number == 11

    def test_twenty_are_created_on_a_day(self, anna: Player) -> None:
        give_premium(anna)
        for _ in range(20):
            cancel(anna, create(anna))

        with pytest.raises(DuelLimitError) as refusal:
            create(anna)

        assert (refusal.value.limit, refusal.value.is_of_day) == (20, True)
        create(anna, now=NOON + 24 * HOUR)

    def test_one_is_open(self, anna: Player) -> None:
        waiting = find(anna)

        with pytest.raises(OpenDuelError) as refusal:
            find(anna, 5)

        assert refusal.value.duel == waiting
        assert find(anna, now=TOO_LATE_TO_ACCEPT) != waiting
        assert state(waiting) == ("EXPIRED", "")


class TestAccepting:
    def test_whoever_has_the_link_accepts(self, anna: Player, ben: Player) -> None:
        duel = create(anna)

        taken = accept(ben, duel, now=NOON + HOUR)

        assert taken == duel
        assert (taken.state, taken.opponent, taken.accepted_at) == ("ACCEPTED", ben, NOON + HOUR)
        assert taken.deadline == NOON + 49 * HOUR
        assert accept(ben, duel, now=NOON + 2 * HOUR).accepted_at == NOON + HOUR

    def test_the_last_moment_counts_and_then_it_has_expired(
        self, anna: Player, ben: Player
    ) -> None:
        first, second = create(anna), create(anna)

        accept(ben, first, now=TOO_LATE_TO_ACCEPT - INSTANT)
        with pytest.raises(DuelGoneError) as refusal:
            accept(ben, second, now=TOO_LATE_TO_ACCEPT)

        assert refusal.value.duel.state == "EXPIRED"

    def test_a_third_person_comes_too_late(self, anna: Player, ben: Player) -> None:
        duel = accepted(anna, ben)

        with pytest.raises(DuelGoneError) as refusal:
            accept(player("Carla"), duel)

        assert refusal.value.duel.state == "ACCEPTED"

    def test_nobody_plays_against_oneself(self, anna: Player) -> None:
        with pytest.raises(OwnDuelError):
            accept(anna, create(anna))

    def test_an_unknown_link_is_none(self, anna: Player) -> None:
        with pytest.raises(NoDuelError):
            duels.accept(player=anna, token="nothing", now=NOON)

    @pytest.mark.parametrize("field", ["suspended_at", "bot_blocked_at"])
    def test_nobody_plays_against_who_is_not_here(
        self, anna: Player, ben: Player, field: str
    ) -> None:
        duel = create(anna)
        Player.objects.filter(pk=anna.pk).update(**{field: NOON})

        with pytest.raises(DuelAbsentError):
            accept(ben, duel)

        assert state(duel) == ("PENDING", "")

    def test_what_was_canceled_has_gone(self, anna: Player, ben: Player) -> None:
        duel = cancel(anna, create(anna))

        with pytest.raises(DuelGoneError) as refusal:
            accept(ben, duel)

        assert refusal.value.duel.state == "CANCELED"

    def test_only_its_creator_cancels_and_only_before_it_is_accepted(
        self, anna: Player, ben: Player
    ) -> None:
        duel = create(anna)
        with pytest.raises(NoDuelError):
            cancel(ben, duel)
        accept(ben, duel)

        with pytest.raises(DuelGoneError):
            cancel(anna, duel)
        with pytest.raises(NoDuelError):
            cancel(ben, duel)


class TestOpenDuels:
    def test_two_who_look_find_each_other(self, anna: Player, ben: Player) -> None:
        waiting = find(anna)

        found = find(ben)

        assert found == waiting
        assert (found.state, found.opponent, found.creator) == ("ACCEPTED", ben, anna)
        assert not Duel.objects.filter(creator=ben).exists()

    def test_the_one_that_has_waited_longest_of_this_length(
        self, anna: Player, ben: Player
    ) -> None:
        find(player(), 5)
        first = find(anna)

        assert find(player("Carla")) == first
        second = find(player("Dora"))
        assert (find(ben), second.creator.first_name) == (second, "Dora")

    def test_a_second_tap_finds_the_same(self, anna: Player, ben: Player) -> None:
        waiting = find(anna, key="u1")
        assert find(anna, key="u1") == waiting

        found = find(ben, key="u2")
        find(player())

        assert find(ben, key="u2") == found

    @pytest.mark.parametrize("field", ["suspended_at", "bot_blocked_at"])
    def test_who_is_not_here_is_passed_over(self, anna: Player, ben: Player, field: str) -> None:
        find(anna)
        Player.objects.filter(pk=anna.pk).update(**{field: NOON})

        assert find(ben).state == "PENDING"

    @pytest.mark.parametrize(("level", "meet"), [("A1", True), ("A2", True), ("B1", False)])
    def test_players_at_most_a_level_apart_meet(
        self, anna: Player, ben: Player, level: str, meet: bool
    ) -> None:
        has_level(ben, level)
        waiting = find(anna)

        assert (find(ben) == waiting) is meet

    def test_nor_does_a_link_to_it_bring_them_together(self, anna: Player, ben: Player) -> None:
        has_level(ben, "B1")

        with pytest.raises(DuelTooFarError):
            accept(ben, find(anna))
        accept(ben, create(anna))

    def test_what_has_expired_is_not_found(self, anna: Player, ben: Player) -> None:
        find(anna)

        assert find(ben, now=TOO_LATE_TO_ACCEPT).creator == ben

    def test_finding_is_free(self, anna: Player, ben: Player) -> None:
        for _ in range(2):
            create(ben)
        with pytest.raises(TicketNeededError):
            find(ben, with_ticket=False)
        find(anna)

        assert find(ben, with_ticket=False).opponent == ben


class TestPlaying:
    def test_both_see_the_same(self, anna: Player, ben: Player) -> None:
        duel = accepted(anna, ben)

        hers = duel_play.play(player=anna, duel_id=duel.pk, now=NOON)
        his = duel_play.play(player=ben, duel_id=duel.pk, now=NOON + SECOND)

        assert hers.next is not None
        assert (hers.next, hers.next.number) == (his.next, 1)
        duel.refresh_from_db()
        assert (duel.creator_started_at, duel.opponent_started_at) == (NOON, NOON + SECOND)
        duel_play.play(player=anna, duel_id=duel.pk, now=NOON + HOUR)
        duel.refresh_from_db()
        assert duel.creator_started_at == NOON

    def test_the_creator_need_not_wait(self, anna: Player, ben: Player) -> None:
        duel = create(anna)
        play(anna, duel, [True, True, False])
        assert state(duel) == ("PENDING", "")

        accept(ben, duel)
        play(ben, duel, [True, False, False])

        assert state(duel) == ("COMPLETED", "CREATOR")

    def test_each_sees_the_others_result_of_a_round_after_answering_it(
        self, anna: Player, ben: Player
    ) -> None:
        duel = accepted(anna, ben)
        play(anna, duel, [True, False])

        before = look(ben, duel)
        answer = tap(ben, duel, 1, right=False)

        assert (before.other, before.other_answered) == ([], 2)
        assert answer.other_is_correct is True
        assert (answer.view.own, answer.view.other) == ([False], [True])
        assert look(anna, duel).other == [False]
        assert tap(anna, duel, 3).other_is_correct is None

    @pytest.mark.parametrize(
        ("own", "others", "result", "scores"),
        [
            ([True, True, False], [True, False, False], "CREATOR", (2, 1)),
            ([False] * 3, [True] * 3, "OPPONENT", (0, 3)),
            ([True, False, False], [False, False, True], "DRAW", (1, 1)),
        ],
    )
    def test_more_right_answers_win(
        self,
        anna: Player,
        ben: Player,
        own: list[bool],
        others: list[bool],
        result: str,
        scores: tuple[int, int],
    ) -> None:
        duel = played(anna, ben, own, others)

        assert state(duel) == ("COMPLETED", result)
        assert (duel.creator_score, duel.opponent_score) == scores
        assert duel.ended_at == NOON
        won = {"CREATOR": (True, False), "OPPONENT": (False, True), "DRAW": (None, None)}[result]
        assert (look(anna, duel).has_won, look(ben, duel).has_won) == won

    def test_an_answer_is_graded_against_what_was_shown(self, anna: Player) -> None:
        duel = create(anna)
        Question.objects.update(correct_option_id=3)

        assert tap(anna, duel, 1, now=NOON + SECOND).is_correct
        stored = DuelAnswer.objects.get()
        assert (stored.choice, stored.answered_at) == (1, NOON + SECOND)

    def test_the_server_knows_when_a_question_was_shown(self, anna: Player) -> None:
        duel = create(anna)
        duel_play.play(player=anna, duel_id=duel.pk, now=NOON + SECOND)

        tap(anna, duel, 1, now=NOON + 3 * SECOND)
        tap(anna, duel, 2, now=NOON + 4 * SECOND)

        shown = DuelAnswer.objects.order_by("number").values_list("shown_at", flat=True)
        assert list(shown) == [NOON + SECOND, NOON + 3 * SECOND]

    def test_it_costs_no_energy_and_makes_the_day_an_active_one(self, anna: Player) -> None:
        answer = tap(anna, create(anna), 1, right=False)

        assert (answer.streak.current, answer.streak.is_first_of_day) == (1, True)
        assert StreakDay.objects.get(player=anna).outcome == "PLAYED"
        assert not LedgerEntry.objects.filter(type="QUESTION").exists()

    def test_a_second_answer_changes_nothing(self, anna: Player) -> None:
        duel = create(anna)
        tap(anna, duel, 1, right=False)

        with pytest.raises(DuelAnsweredError):
            tap(anna, duel, 1)

        assert not DuelAnswer.objects.get().is_correct

    def test_who_does_not_take_part_cannot_answer(self, anna: Player, ben: Player) -> None:
        duel = create(anna)
        rematch = again(anna, played(ben, anna))

        for other in (duel, rematch):
            with pytest.raises(StaleTapError):
                tap(ben, other, 1)
        with pytest.raises(NoDuelError):
            look(ben, duel)

    @pytest.mark.parametrize(
        ("duel_id", "number", "option_index"),
        [(0, 1, 0), (-1, 1, 0), (10**30, 1, 0), (None, 0, 0), (None, 2, 0), (None, -1, 0),
         (None, 10**30, 0), (None, 1, 4), (None, 1, -1)],
    )  # fmt: skip
    def test_what_never_was_is_stale(
        self, anna: Player, duel_id: int | None, number: int, option_index: int
    ) -> None:
        duel = create(anna)

        with pytest.raises(StaleTapError):
            duel_play.answer(
                player=anna,
                duel_id=duel.pk if duel_id is None else duel_id,
                number=number,
                option_index=option_index,
                now=NOON,
            )

        assert not DuelAnswer.objects.exists()

    def test_there_is_no_fourth_of_three(self, anna: Player) -> None:
        duel = create(anna)
        play(anna, duel, [True] * 3)

        with pytest.raises(StaleTapError):
            duel_play.answer(player=anna, duel_id=duel.pk, number=4, option_index=0, now=NOON)


class TestEnding:
    def test_a_walkover_for_who_has_finished(self, anna: Player, ben: Player) -> None:
        duel = accepted(anna, ben)
        play(anna, duel, [True, True])
        play(ben, duel, [False] * 3)

        assert not finish(duel, now=OVER - INSTANT)
        assert finish(duel, now=OVER)

        assert state(duel) == ("WALKOVER", "OPPONENT")
        assert (duel.creator_score, duel.opponent_score, duel.ended_at) == (2, 0, OVER)

    def test_neither_has_finished(self, anna: Player, ben: Player) -> None:
        duel = accepted(anna, ben)
        play(anna, duel, [True, True])

        finish(duel, now=OVER)

        assert state(duel) == ("EXPIRED", "")
        assert (duel.creator_score, duel.ended_at) == (None, OVER)

    @pytest.mark.parametrize("when", [OVER, OVER + 100 * HOUR])
    @pytest.mark.parametrize("who", ["job", "look", "answer", "list"])
    def test_the_job_and_a_look_come_to_the_same(
        self, anna: Player, ben: Player, who: str, when: datetime
    ) -> None:
        duel = accepted(anna, ben)
        play(ben, duel, [True] * 3)

        match who:
            case "job":
                finish(duel, now=when)
            case "look":
                look(anna, duel, now=when)
            case "list":
                duel_play.mine(player=ben, now=when)
            case _:
                with transaction.atomic(), pytest.raises(DuelOverError):
                    duel_play.answer(
                        player=anna, duel_id=duel.pk, number=1, option_index=0, now=when
                    )

        assert state(duel) == ("WALKOVER", "OPPONENT")
        assert (duel.ended_at, duel.creator_score, duel.opponent_score) == (OVER, 0, 3)
        assert notices(duel)[-2:] == [("Anna", "RESULT", OVER), ("Ben", "RESULT", OVER)]
        assert not finish(duel, now=when)
        assert len(notices(duel)) == 5

    def test_the_last_moment_counts_and_then_no_answer_does(
        self, anna: Player, ben: Player
    ) -> None:
        duel = accepted(anna, ben)
        play(anna, duel, [True] * 3)
        play(ben, duel, [True] * 2)

        with pytest.raises(DuelOverError):
            tap(ben, duel, 3, now=OVER)
        tap(ben, duel, 3, now=OVER - INSTANT)

        assert state(duel) == ("COMPLETED", "DRAW")
        assert duel.ended_at == OVER - INSTANT

    def test_the_tasks_end_what_is_due(self, anna: Player, ben: Player) -> None:
        with time_machine.travel(TOO_LATE_TO_ACCEPT, tick=False):
            pending, later = create(anna), create(anna, now=NOON + SECOND)
            live = accepted(ben, anna)

            assert [tasks.finish_duels(), tasks.finish_duels()] == [1, 0]

        assert [state(duel)[0] for duel in (pending, later, live)] == [
            "EXPIRED", "PENDING", "ACCEPTED",
        ]  # fmt: skip
        with time_machine.travel(OVER + 100 * HOUR, tick=False):
            assert tasks.finish_duels() == 2
        assert live.deadline == OVER
        assert state(live)[0] == "EXPIRED"

    def test_a_refunded_ticket_does_not_come_back_with_it(self, anna: Player) -> None:
        entry = give_tickets(anna)
        duel = [create(anna) for _ in range(3)][2]
        reversal = grants.reverse(
            entry=entry,
            type=EntryType.PURCHASE_REFUND,
            source=Source.PURCHASE,
            key="refund:1",
            now=NOON,
        )

        finish(duel, now=TOO_LATE_TO_ACCEPT)

        assert reversal.shortfall == {"duel_tickets": 1}
        assert (state(duel)[0], tickets_of(anna)) == ("EXPIRED", 0)
        give_tickets(anna)
        assert create(anna).price == "TICKET"


class TestNotices:
    def test_an_acceptance_and_the_end_and_the_result(self, anna: Player, ben: Player) -> None:
        duel = accept(ben, create(anna), now=NOON + HOUR)

        assert notices(duel) == [
            ("Anna", "TURN", NOON + HOUR),
            ("Anna", "ENDING", NOON + 43 * HOUR),
            ("Ben", "ENDING", NOON + 43 * HOUR),
        ]

    def test_who_is_left_alone_is_told_after_ten_minutes(self, anna: Player, ben: Player) -> None:
        duel = accepted(anna, ben)

        play(anna, duel, [True] * 3, now=NOON + HOUR)

        assert ("Ben", "TURN", NOON + HOUR + 600 * SECOND) in notices(duel)
        assert len(notices(duel)) == 4

    def test_who_knows_that_it_was_accepted_gets_no_third_message(
        self, anna: Player, ben: Player
    ) -> None:
        duel = accepted(anna, ben)

        play(ben, duel, [True] * 3)

        assert [kind for name, kind, _ in notices(duel) if name == "Anna"] == ["TURN", "ENDING"]

    def test_before_it_is_accepted_there_is_nobody_to_tell(self, anna: Player) -> None:
        duel = create(anna)
        play(anna, duel, [True] * 3)
        finish(duel, now=TOO_LATE_TO_ACCEPT)

        assert notices(duel) == [("Anna", "RESULT", TOO_LATE_TO_ACCEPT)]

    def test_who_has_seen_the_result_is_not_told(self, anna: Player, ben: Player) -> None:
        duel = played(anna, ben)

        duels.mark_seen(player=ben, duel=duel, now=NOON)

        left = duel.notices.filter(kind="RESULT", notified_at=None)
        assert [one.player for one in left] == [anna]


class TestAgain:
    def test_a_rematch_is_asked_for_and_accepted(self, anna: Player, ben: Player) -> None:
        first = played(anna, ben)

        rematch = again(ben, first)

        assert (rematch.creator, rematch.opponent, rematch.length) == (ben, anna, 3)
        assert (rematch.state, rematch.rematch_of, rematch.series) == ("PENDING", first, None)
        assert notices(rematch) == [("Anna", "TURN", NOON)]
        assert not set(quiz_ids(first)) & set(quiz_ids(rematch))
        taken = accept(anna, rematch)
        assert (taken.state, taken.deadline) == ("ACCEPTED", OVER)
        assert [kind for name, kind, _ in notices(rematch) if name == "Ben"] == ["TURN", "ENDING"]

    def test_when_both_ask_the_second_accepts(self, anna: Player, ben: Player) -> None:
        first = played(anna, ben)

        rematch, same = again(ben, first), again(anna, first)

        assert rematch == same
        assert state(rematch) == ("ACCEPTED", "")

    def test_who_asks_twice_gets_the_same(self, anna: Player, ben: Player) -> None:
        first = played(anna, ben)

        assert again(anna, first) == again(anna, first)
        assert Duel.objects.count() == 2

    def test_a_third_person_cannot_accept_it(self, anna: Player, ben: Player) -> None:
        rematch = again(ben, played(anna, ben))

        with pytest.raises(NoDuelError):
            accept(player("Carla"), rematch)

    @pytest.mark.parametrize("how", ["expired", "canceled"])
    def test_what_nobody_took_can_be_asked_for_again(
        self, anna: Player, ben: Player, how: str
    ) -> None:
        first = played(anna, ben)
        rematch = again(ben, first)
        if how == "canceled":
            cancel(ben, rematch)

        later = again(ben, first, now=TOO_LATE_TO_ACCEPT)

        assert later != rematch
        assert state(rematch)[0] == how.upper()

    def test_it_costs_what_a_duel_costs(self, anna: Player, ben: Player) -> None:
        first = played(anna, ben)
        create(anna)
        with pytest.raises(TicketNeededError):
            again(anna, first, with_ticket=False)
        give_tickets(anna)

        assert again(anna, first).price == "TICKET"
        assert tickets_of(anna) == 0

    def test_accepting_the_others_costs_nothing(self, anna: Player, ben: Player) -> None:
        first = played(anna, ben)
        create(anna)
        again(ben, first)

        assert again(anna, first, with_ticket=False).state == "ACCEPTED"

    @pytest.mark.parametrize("field", ["suspended_at", "bot_blocked_at"])
    def test_who_is_not_here_is_not_asked(self, anna: Player, ben: Player, field: str) -> None:
        first = played(anna, ben)
        Player.objects.filter(pk=ben.pk).update(**{field: NOON})

        with pytest.raises(DuelAbsentError):
            again(anna, first)

    def test_there_is_none_of_what_is_live_was_never_accepted_or_is_of_others(
        self, anna: Player, ben: Player
    ) -> None:
        expired = create(anna)
        finish(expired, now=TOO_LATE_TO_ACCEPT)

        for duel, who in [
            (accepted(anna, ben), anna),
            (expired, anna),
            (played(ben, player()), anna),
        ]:
            with pytest.raises(StaleTapError):
                again(who, duel)


class TestBestOfThree:
    def second(self, anna: Player, ben: Player, *, won: str, then: str) -> tuple[Duel, Duel]:
        """Return the first two duels of a best of three, and who has won them."""
        right, wrong = [True] * 3, [False] * 3
        first = played(
            anna, ben, right if won == "Anna" else wrong, right if won == "Ben" else wrong
        )
        second = again(ben, first, best_of_three=True)
        accept(anna, second)
        play(anna, second, right if then == "Anna" else wrong)
        play(ben, second, right if then == "Ben" else wrong)
        second.refresh_from_db()
        return first, second

    @pytest.mark.parametrize(
        ("won", "then"), [("Anna", "Ben"), ("Anna", "nobody"), ("nobody", "nobody")]
    )
    def test_the_third_decides_and_follows_by_itself(
        self, anna: Player, ben: Player, won: str, then: str
    ) -> None:
        first, second = self.second(anna, ben, won=won, then=then)

        third = Duel.objects.get(rematch_of=second)

        assert (second.series, second.game) == (first, 2)
        assert (third.series, third.game, third.price) == (first, 3, "SERIES")
        assert (third.state, third.deadline, third.day_number) == ("ACCEPTED", OVER, None)
        assert {third.creator, third.opponent} == {anna, ben}
        # The result of the second says that it has begun.
        assert [kind for _, kind, _ in notices(third)] == ["ENDING", "ENDING"]
        play(anna, third, [True] * 3)
        play(ben, third, [False] * 3)
        assert [game.game for game in duels.games_of(third)] == [None, 2, 3]
        assert not Duel.objects.filter(rematch_of=third).exists()

    def test_who_has_won_two_needs_no_third(self, anna: Player, ben: Player) -> None:
        _, second = self.second(anna, ben, won="Anna", then="Anna")

        assert not Duel.objects.filter(rematch_of=second).exists()

    def test_a_walkover_ends_it(self, anna: Player, ben: Player) -> None:
        second = again(ben, played(anna, ben), best_of_three=True)
        accept(anna, second)
        play(ben, second, [True] * 3)

        finish(second, now=OVER)

        assert state(second) == ("WALKOVER", "CREATOR")
        assert not Duel.objects.filter(rematch_of=second).exists()

    def test_a_bank_that_does_not_suffice_ends_it_too(
        self, anna: Player, ben: Player, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        second = again(ben, played(anna, ben), best_of_three=True)
        accept(anna, second)
        Question.objects.update(is_enabled=False)
        play(ben, second, [True] * 3)
        play(anna, second, [False] * 3)

        assert state(second) == ("COMPLETED", "CREATOR")
        assert Duel.objects.count() == 2

    def test_a_best_of_three_is_not_made_of_another(self, anna: Player, ben: Player) -> None:
        _, second = self.second(anna, ben, won="Anna", then="Anna")

        with pytest.raises(StaleTapError):
            again(anna, second, best_of_three=True)
        assert again(anna, second).series is None


class TestMine:
    def test_whose_turn_it_is(self, anna: Player, ben: Player) -> None:
        waiting = accepted(anna, ben)
        play(anna, waiting, [True] * 3)
        asked = again(ben, played(anna, ben))
        hers = accepted(ben, anna, now=NOON + HOUR)
        ended = played(player("Carla"), anna)

        live, over = duel_play.mine(player=anna, now=NOON + 2 * HOUR)

        assert [view.duel for view in live] == [asked, hers, waiting]
        assert [(view.can_play, view.is_asked) for view in live] == [
            (False, True), (True, False), (False, False),
        ]  # fmt: skip
        assert (live[2].own, live[2].other) == ([True] * 3, [])
        assert over[0].duel == ended
        assert duel_play.waiting_for(anna, now=NOON + 2 * HOUR) == 2
        # Who has asked for a rematch can play at once.
        assert duel_play.waiting_for(ben, now=NOON + 2 * HOUR) == 3

    def test_five_that_have_ended_are_shown(self, anna: Player, ben: Player) -> None:
        give_premium(anna)
        for _ in range(6):
            played(anna, ben)
        cancel(anna, create(anna))

        live, over = duel_play.mine(player=anna, now=NOON)

        assert (len(live), len(over)) == (0, 5)
        assert {view.duel.state for view in over} == {"COMPLETED"}

    def test_it_is_four_queries_however_many_there_are(
        self, anna: Player, ben: Player, django_assert_num_queries: Any
    ) -> None:
        for _ in range(2):
            played(anna, ben)
            accepted(ben, anna)

        with django_assert_num_queries(4):
            duel_play.mine(player=anna, now=NOON)


def points(of: Player) -> list[tuple[str, str, int]]:
    """Return what has brought the player points, and how many."""
    events = PointEvent.objects.filter(player=of).order_by("pk")
    return list(events.values_list("kind", "key", "points"))


class TestPoints:
    def test_who_wins_has_twenty_and_ten_for_each_right_answer(
        self, anna: Player, ben: Player
    ) -> None:
        duel = accepted(anna, ben)
        duel_play.play(player=anna, duel_id=duel.pk, now=NOON)
        for number, right in ((1, True), (2, False), (3, True)):
            tap(anna, duel, number, right=right, now=NOON + number * SECOND)
        for number in (1, 2, 3):
            tap(ben, duel, number, right=False, now=NOON + number * SECOND)

        assert points(anna) == [
            ("ANSWER", f"duel:{duel.pk}:1", 10),
            ("ANSWER", f"duel:{duel.pk}:3", 10),
            ("DUEL_WON", f"duel:{duel.pk}", 20),
        ]
        assert points(ben) == []

    def test_a_draw_has_ten_for_both(self, anna: Player, ben: Player) -> None:
        duel = played(anna, ben, own=(True, False, False), others=(False, True, False))

        drawn = ("DUEL_DRAWN", f"duel:{duel.pk}", 10)
        assert (points(anna), points(ben)) == ([drawn], [drawn])

    @pytest.mark.parametrize(("milliseconds", "kinds"), [(699, []), (700, ["ANSWER"])])
    def test_under_seven_tenths_of_a_second_nothing_is_read(
        self, anna: Player, milliseconds: int, kinds: list[str]
    ) -> None:
        duel = create(anna)
        duel_play.play(player=anna, duel_id=duel.pk, now=NOON)

        tap(anna, duel, 1, now=NOON + timedelta(milliseconds=milliseconds))

        assert [kind for kind, _, _ in points(anna)] == kinds

    def test_answers_without_reading_have_none(self, anna: Player, ben: Player) -> None:
        """Everything at one instant: only the end counts."""
        duel = played(anna, ben)

        assert points(anna) == [("DUEL_WON", f"duel:{duel.pk}", 20)]
        assert points(ben) == []

    def test_a_walkover_is_won(self, anna: Player, ben: Player) -> None:
        duel = accepted(anna, ben)
        play(ben, duel, [False, False, False])

        assert finish(duel, now=OVER) is True
        assert finish(duel, now=OVER) is False

        assert (points(anna), points(ben)) == ([], [("DUEL_WON", f"duel:{duel.pk}", 20)])

    def test_what_nobody_has_finished_or_accepted_has_none(self, anna: Player, ben: Player) -> None:
        finish(accepted(anna, ben), now=OVER)
        finish(create(anna), now=TOO_LATE_TO_ACCEPT)

        assert not PointEvent.objects.exists()


class TestFriends:
    def test_whoever_has_had_a_duel_with_one(self, anna: Player, ben: Player) -> None:
        accepted(anna, ben)
        create(anna)

        assert duels.opponent_ids(player=anna, at_most=5) == {ben.pk}
        assert duels.opponent_ids(player=ben, at_most=5) == {anna.pk}
        assert duels.opponent_ids(player=ben, at_most=0) == set()
