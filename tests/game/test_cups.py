"""The daily cup: registration, rounds by the clock and early, results, badges, prizes."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from economy.models import LedgerEntry, Wallet
from quizarena.game import cups, daily, tournament_play, tournament_standings, tournaments
from quizarena.game.errors import (
    NoTournamentError,
    RegistrationClosedError,
    RoundAnsweredError,
    RoundOverError,
    StaleTapError,
    TournamentFullError,
    TournamentOverError,
)
from quizarena.game.models import (
    Badge,
    CupPrize,
    DailyQuestion,
    Pairing,
    PointEvent,
    Question,
    Tournament,
    TournamentAnswer,
    TournamentPlayer,
    TournamentQuestion,
    TournamentRound,
)
from quizarena.staff.errors import BadReasonError
from tests.game.duelling import player
from tests.game.touring import (
    DAY,
    HALF_HOUR,
    INSTANT,
    MINUTE,
    OPENS,
    STARTS,
    advance,
    bank,
    begun,
    cup,
    current,
    notices,
    outcome_of,
    pairing_of,
    places,
    play,
    play_round,
    players,
    registered,
    run,
    show,
    tap,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _bank(db: None) -> None:
    bank()


class TestRegistration:
    @pytest.mark.parametrize("now", [OPENS, STARTS - INSTANT])
    def test_it_is_open_from_four_to_six(self, now: datetime) -> None:
        anna = player("Anna")

        first = cups.register(player=anna, now=now)
        again = cups.register(player=anna, now=now)

        assert (first, first.tournament.day, first.registered_at) == (again, DAY, now)
        assert (cup().opens_at, cup().closes_at, cup().length) == (OPENS, STARTS, 7)

    @pytest.mark.parametrize("now", [OPENS - INSTANT, STARTS])
    def test_it_is_closed_before_and_after(self, now: datetime) -> None:
        with pytest.raises(RegistrationClosedError):
            cups.register(player=player(), now=now)

        assert not Tournament.objects.exists()

    @pytest.mark.parametrize(
        ("day", "opens"),
        [
            (date(2026, 3, 28), datetime(2026, 3, 28, 15, tzinfo=UTC)),
            (date(2026, 3, 29), datetime(2026, 3, 29, 14, tzinfo=UTC)),
            (date(2026, 10, 24), datetime(2026, 10, 24, 14, tzinfo=UTC)),
            (date(2026, 10, 25), datetime(2026, 10, 25, 15, tzinfo=UTC)),
        ],
    )
    def test_four_is_that_of_berlin(self, day: date, opens: datetime) -> None:
        assert cups.opens_at(day) == opens
        assert cups.starts_at(day) == opens + timedelta(hours=2)

    def test_one_hundred_can_register(self) -> None:
        hundred = registered(100)

        with pytest.raises(TournamentFullError) as refusal:
            cups.register(player=player(), now=STARTS - INSTANT)
        cups.register(player=hundred[0], now=STARTS - INSTANT)

        assert refusal.value.limit == 100
        assert TournamentPlayer.objects.count() == 100
        cups.leave(player=hundred[0], now=STARTS - INSTANT)
        cups.register(player=player(), now=STARTS - INSTANT)

        assert TournamentPlayer.objects.count() == 100

    def test_who_leaves_does_not_play(self) -> None:
        anna, *_ = registered(5)

        cups.leave(player=anna, now=STARTS - INSTANT)
        cups.leave(player=anna, now=STARTS - INSTANT)
        run(STARTS)

        assert not Pairing.objects.filter(player=anna).exists()
        assert Pairing.objects.count() == 4
        with pytest.raises(RegistrationClosedError):
            cups.leave(player=player(), now=STARTS)

    def test_at_six_nobody_leaves_also_where_the_job_is_late(self) -> None:
        anna, *_ = registered(4)

        with pytest.raises(RegistrationClosedError):
            cups.leave(player=anna, now=STARTS)

        assert TournamentPlayer.objects.count() == 4

    def test_the_job_opens_it_at_four_once(self) -> None:
        assert run(OPENS - INSTANT) == 0
        assert run(OPENS) == 1
        assert run(OPENS) == 0
        assert Tournament.objects.count() == 1


class TestBegin:
    def test_three_are_too_few(self) -> None:
        three = registered(3)

        assert run(STARTS - INSTANT) == 0
        assert run(STARTS) == 1
        assert run(STARTS) == 0

        assert (cup().state, cup().call_off, cup().ended_at) == ("CALLED_OFF", "TOO_FEW", STARTS)
        assert [notices(one) for one in three] == [[("CALLED_OFF", 0)]] * 3

    @pytest.mark.parametrize(("count", "rounds"), [(4, 3), (20, 3), (21, 4)])
    def test_rounds_by_the_number_of_players(self, count: int, rounds: int) -> None:
        everybody = begun(count)

        first = current(cup())
        assert (cup().state, cup().rounds, cup().started_at) == ("RUNNING", rounds, STARTS)
        assert (first.number, first.begins_at) == (1, STARTS)
        assert first.deadline == STARTS + HALF_HOUR
        assert Pairing.objects.count() == count
        assert Pairing.objects.filter(opponent=None).count() == count % 2
        assert notices(everybody[0]) == [("ROUND", 1)]

    def test_a_round_has_seven_questions_of_a_days_levels(self) -> None:
        begun(4)

        questions = TournamentQuestion.objects.order_by("number")
        levels = list(questions.values_list("level", flat=True))
        assert levels == ["A1", "A1", "A2", "A2", "A2", "B1", "B1"]
        assert questions.values("version").distinct().count() == 7

    def test_who_finishes_a_long_round_late_is_not_behind_who_does_not_finish(self) -> None:
        anna, ben, *others = begun(4)
        at = STARTS + 5 * MINUTE
        for one in (anna, ben, *others):
            play(one, cup(), [True] * 7, now=at)
        # The second round has begun early, and lasts until the clock's 19:00.
        play(anna, cup(), [False] * 6, now=at + MINUTE)
        show(ben, cup(), now=at + MINUTE)
        meeting = pairing_of(ben, cup())
        for number in range(1, 8):
            tap(ben, meeting, number, right=False, now=at + 50 * MINUTE)
        run(STARTS + 2 * HALF_HOUR)

        times = {
            one.score.player_id: one.score.time for one in tournament_standings.standings_of(cup())
        }
        # Seven seconds, all of the second round, and nothing of the third one yet.
        assert times[anna.pk] == times[ben.pk] == timedelta(minutes=60, seconds=7)

    def test_a_job_that_comes_late_leaves_a_round_its_time(self) -> None:
        registered(4)

        run(STARTS + 7 * MINUTE)

        first = current(cup())
        assert first.begins_at == STARTS + 7 * MINUTE
        assert first.deadline == STARTS + 37 * MINUTE

    @pytest.mark.parametrize(
        ("questions", "state", "why"), [(6, "CALLED_OFF", "NO_QUESTIONS"), (7, "RUNNING", "")]
    )
    def test_a_bank_with_six_questions_calls_it_off(
        self, questions: int, state: str, why: str
    ) -> None:
        kept = Question.objects.order_by("pk").values_list("pk", flat=True)[:questions]
        Question.objects.exclude(pk__in=list(kept)).update(is_enabled=False)
        registered(4)

        run(STARTS)

        assert (cup().state, cup().call_off) == (state, why)

    def test_it_does_not_give_the_daily_challenge_away(self) -> None:
        daily.draw(day=DAY, now=OPENS)
        begun(4)

        asked = set(TournamentQuestion.objects.values_list("version", flat=True))
        assert not asked & set(DailyQuestion.objects.values_list("version", flat=True))

    def test_rounds_ask_other_questions(self) -> None:
        begun(4)
        for number in (1, 2):
            run(STARTS + number * HALF_HOUR)

        assert TournamentQuestion.objects.count() == 21
        assert TournamentQuestion.objects.values("version").distinct().count() == 21


class TestRounds:
    def test_nobody_has_answered_and_the_clock_ends_it_all(self) -> None:
        begun(5)

        assert run(STARTS + HALF_HOUR - INSTANT) == 0
        steps = [run(STARTS + number * HALF_HOUR) for number in (1, 2, 3, 4)]

        assert steps == [1, 1, 1, 0]
        assert (cup().state, cup().ended_at) == ("FINISHED", STARTS + 3 * HALF_HOUR)
        assert sorted(places(cup())) == ["P1", "P2", "P3", "P4", "P5"]
        outcomes = Pairing.objects.values_list("outcome", flat=True)
        assert sorted(outcomes) == ["BYE"] * 3 + ["LOSS"] * 12
        assert not Badge.objects.exists()

    def test_the_last_answer_of_all_ends_a_round_and_the_next_begins_at_once(self) -> None:
        four = begun(4)
        now = STARTS + MINUTE
        for one in four[:3]:
            play(one, cup(), [True] * 7, now=now)
        assert current(cup()).number == 1

        play(four[3], cup(), [True] * 6 + [False], now=now)

        first = TournamentRound.objects.get(number=1)
        second = current(cup())
        assert first.ended_at == now + timedelta(seconds=7)
        assert (second.number, second.begins_at) == (2, now + timedelta(seconds=7))
        # Who comes at half past, by the clock, has all the time that was said.
        assert second.deadline == STARTS + 2 * HALF_HOUR
        assert run(now + MINUTE) == 0

    def test_more_right_answers_win_and_equal_ones_draw(self) -> None:
        four = begun(4)
        one = four[0]
        pairing = pairing_of(one, cup())
        assert pairing.opponent is not None
        others = [other for other in four[1:] if other != pairing.opponent]

        play_round(cup(), {one: 5, pairing.opponent: 4, others[0]: 3, others[1]: 3}, now=STARTS)

        assert outcome_of(one, cup(), 1) == "WIN"
        assert outcome_of(pairing.opponent, cup(), 1) == "LOSS"
        assert [outcome_of(other, cup(), 1) for other in others] == ["DRAW", "DRAW"]

    def test_what_is_not_answered_by_the_end_is_not_right(self) -> None:
        four = begun(4)
        one = four[0]
        opponent = pairing_of(one, cup()).opponent
        assert opponent is not None
        play(one, cup(), [True, True], now=STARTS)
        play(opponent, cup(), [True] + [False] * 6, now=STARTS)

        run(STARTS + HALF_HOUR)

        assert outcome_of(one, cup(), 1) == "WIN"
        assert outcome_of(opponent, cup(), 1) == "LOSS"

    def test_a_bye_is_worth_a_win_and_its_answers_count(self) -> None:
        everybody = begun(5)
        bye = Pairing.objects.get(opponent=None).player
        play_round(cup(), dict.fromkeys(everybody, 2), now=STARTS)

        standing = next(
            one for one in tournament_standings.standings_of(cup()) if one.score.player_id == bye.pk
        )
        assert (standing.place, standing.score.points, standing.score.right) == (1, 2, 2)
        assert outcome_of(bye, cup(), 1) == "BYE"
        for number in (1, 2):
            run(STARTS + (number + 1) * HALF_HOUR)
        byes = Pairing.objects.filter(opponent=None).values_list("player", flat=True)
        assert len(set(byes)) == 3

    @pytest.mark.parametrize("count", [4, 5, 6, 7, 21])
    def test_nobody_meets_twice(self, count: int) -> None:
        everybody = begun(count)
        rounds = cup().rounds or 0

        for number in range(rounds):
            play_round(
                cup(),
                {one: index % 8 for index, one in enumerate(everybody)},
                now=STARTS + number * HALF_HOUR,
            )

        assert cup().state == "FINISHED"
        met = [
            frozenset(pair)
            for pair in Pairing.objects.exclude(opponent=None).values_list("player", "opponent")
        ]
        assert len(met) == 2 * len(set(met))
        assert Pairing.objects.count() == count * rounds


class TestAnswers:
    def test_an_answer_is_graded_and_brings_points_and_an_active_day(self) -> None:
        four = begun(4)

        answer = play(four[0], cup(), [True, False], now=STARTS)

        assert answer is not None
        assert (answer.is_correct, answer.pairing.answered, answer.pairing.correct) == (False, 2, 1)
        assert answer.next is not None
        assert answer.next.number == 3
        assert answer.streak.current == 1
        event = PointEvent.objects.get(player=four[0])
        assert (event.kind, event.points) == ("ANSWER", 10)
        assert event.key == f"tournament:{answer.pairing.pk}:1"
        pairing = pairing_of(four[0], cup())
        assert (pairing.answered, pairing.correct) == (2, 1)
        assert pairing.started_at == STARTS
        assert pairing.last_answer_at == STARTS + timedelta(seconds=2)

    @pytest.mark.parametrize(("milliseconds", "earned"), [(699, []), (700, [10])])
    def test_too_fast_brings_no_points(self, milliseconds: int, earned: list[int]) -> None:
        one = begun(4)[0]
        show(one, cup(), now=STARTS)

        tap(one, pairing_of(one, cup()), 1, now=STARTS + timedelta(milliseconds=milliseconds))

        assert list(PointEvent.objects.values_list("points", flat=True)) == earned

    def test_a_second_tap_and_one_ahead_change_nothing(self) -> None:
        one, other, *_ = begun(4)
        play(one, cup(), [True], now=STARTS)
        pairing = pairing_of(one, cup())

        with pytest.raises(RoundAnsweredError):
            tap(one, pairing, 1, right=False, now=STARTS + MINUTE)
        with pytest.raises(StaleTapError):
            tap(one, pairing, 3, now=STARTS + MINUTE)
        with pytest.raises(StaleTapError):
            tap(other, pairing, 2, now=STARTS + MINUTE)
        with pytest.raises(StaleTapError):
            tap(other, pairing_of(other, cup()), 1, now=STARTS + MINUTE)
        assert TournamentAnswer.objects.count() == 1

    def test_the_last_moment_counts_and_the_next_one_does_not(self) -> None:
        one = begun(4)[0]
        play(one, cup(), [True], now=STARTS)
        pairing = pairing_of(one, cup())

        tap(one, pairing, 2, now=STARTS + HALF_HOUR - INSTANT)
        with pytest.raises(RoundOverError):
            tap(one, pairing, 3, now=STARTS + HALF_HOUR)

        assert TournamentAnswer.objects.count() == 2

    def test_a_look_takes_the_step_that_the_job_has_missed(self) -> None:
        one = begun(4)[0]

        view = tournament_play.look(
            player=one, tournament_id=cup().pk, now=STARTS + HALF_HOUR + MINUTE
        )

        assert view.current is not None
        assert view.current.number == 2
        assert view.current.deadline == STARTS + 2 * HALF_HOUR + MINUTE

    def test_a_second_look_does_not_begin_again(self) -> None:
        one = begun(4)[0]
        show(one, cup(), now=STARTS)
        show(one, cup(), now=STARTS + MINUTE)

        assert pairing_of(one, cup()).started_at == STARTS

    def test_an_answer_costs_few_statements(self) -> None:
        hundred = begun(40)
        one = hundred[0]
        play(one, cup(), [True] * 2, now=STARTS)
        pairing = pairing_of(one, cup())
        index = TournamentQuestion.objects.get(round=pairing.round, number=3).order.index(1)

        with CaptureQueriesContext(
            connection,
        ) as queries:
            tournament_play.answer(
                player=one,
                pairing_id=pairing.pk,
                number=3,
                option_index=index,
                now=STARTS + MINUTE,
            )

        assert len(queries) == 6

    def test_who_does_not_take_part_can_look_at_a_cup_but_not_play(self) -> None:
        begun(4)
        view = tournament_play.play(player=player(), tournament_id=cup().pk, now=STARTS)

        assert (view.entry, view.pairing, view.next, view.players) == (None, None, None, 4)
        with pytest.raises(NoTournamentError):
            tournament_play.look(player=player(), tournament_id=0, now=STARTS)


class TestEnd:
    def finish(self, right: list[int]) -> list[str]:
        """Let a cup be played, in which each has so many right answers in each round."""
        everybody = begun(len(right))
        for number in range(cup().rounds or 0):
            play_round(
                cup(), dict(zip(everybody, right, strict=True)), now=STARTS + number * HALF_HOUR
            )
        return places(cup())

    def test_places_badges_and_notices(self) -> None:
        assert self.finish([1, 7, 3, 5]) == ["P2", "P4", "P3", "P1"]

        badges = Badge.objects.order_by("kind").values_list("kind", "player__first_name")
        assert list(badges) == [("CUP_FIRST", "P2"), ("CUP_SECOND", "P4"), ("CUP_THIRD", "P3")]
        assert notices(TournamentPlayer.objects.get(place=1).player) == [
            ("ROUND", 1), ("ROUND", 2), ("ROUND", 3), ("RESULT", 0),
        ]  # fmt: skip
        assert not LedgerEntry.objects.filter(type="PRIZE").exists()

    def test_prizes_are_granted_once(self) -> None:
        CupPrize.objects.create(place_from=1, place_to=1, duel_tickets=2)
        CupPrize.objects.create(place_from=2, place_to=3, paid_energy=10)
        self.finish([1, 7, 3, 5])

        CupPrize.objects.update(paid_energy=99)
        assert run(STARTS + 3 * HALF_HOUR) == 3
        assert run(STARTS + 3 * HALF_HOUR) == 0

        entries = LedgerEntry.objects.filter(type="PRIZE").order_by("pk")
        winner = TournamentPlayer.objects.get(place=1)
        assert sorted(entry.idempotency_key for entry in entries) == sorted(
            f"cup:2026-12-16:{one.player_id}"
            for one in TournamentPlayer.objects.filter(place__lte=3)
        )
        assert Wallet.objects.get(player=winner.player).duel_tickets == 2
        assert [
            Wallet.objects.get(player=one.player).paid_energy
            for one in TournamentPlayer.objects.filter(place__in=(2, 3))
        ] == [10, 10]
        assert winner.prize_entry is not None
        assert winner.prize_entry.metadata["place"] == 1

    def test_who_has_not_come_wins_nothing(self) -> None:
        CupPrize.objects.create(place_from=1, place_to=4, paid_energy=10)
        four = begun(4)
        for number in range(3):
            play_round(cup(), dict.fromkeys(four[:3], 3), now=STARTS + number * HALF_HOUR)
            run(STARTS + (number + 1) * HALF_HOUR)

        assert places(cup())[-1] == "P4"
        assert LedgerEntry.objects.filter(type="PRIZE").count() == 3
        assert TournamentPlayer.objects.get(place=4).prize is None

    def test_five_cups_in_a_row_are_a_badge_once(self) -> None:
        four = players(4)
        for number in range(6):
            opens, starts = (at + timedelta(days=number) for at in (OPENS, STARTS))
            for one in four:
                cups.register(player=one, now=opens)
            run(starts)
            held = Tournament.objects.get(day=DAY + timedelta(days=number))
            # The last one misses the first cup.
            playing = four if number else four[:3]
            for index, one in enumerate(playing):
                play(one, held, [True] * (index + 1), now=starts)
            for step in (1, 2, 3):
                run(starts + step * HALF_HOUR)
            rows = Badge.objects.filter(kind="CUPS_IN_A_ROW").order_by("pk")
            names = sorted(rows.values_list("player__first_name", flat=True))
            assert names == [[], [], [], [], ["P1", "P2", "P3"], ["P1", "P2", "P3", "P4"]][number]

    def test_one_that_was_called_off_does_not_end_the_row(self) -> None:
        four = players(4)
        for number in range(6):
            opens, starts = (at + timedelta(days=number) for at in (OPENS, STARTS))
            # On the third day one is missing.
            for one in four[: 3 if number == 2 else 4]:
                cups.register(player=one, now=opens)
            run(starts)
            held = Tournament.objects.get(day=DAY + timedelta(days=number))
            assert held.state == ("CALLED_OFF" if number == 2 else "RUNNING")
            if number != 2:
                play(four[0], held, [True], now=starts)
                for step in (1, 2, 3):
                    run(starts + step * HALF_HOUR)
            badges = Badge.objects.filter(kind="CUPS_IN_A_ROW")
            assert [badge.player for badge in badges] == (four[:1] if number == 5 else [])


class TestCallOff:
    def staff(self) -> User:
        """Return an operator."""
        return User.objects.create_user("olga")

    def call_off(self, now: datetime, reason: str = " the questions were wrong ") -> Tournament:
        """Let the operator call the cup off."""
        staff = User.objects.filter(username="olga").first() or self.staff()
        return tournaments.call_off(tournament_id=cup().pk, staff=staff, reason=reason, now=now)

    def test_while_registration_is_open(self) -> None:
        four = registered(4)

        self.call_off(OPENS + MINUTE)

        assert (cup().state, cup().call_off) == ("CALLED_OFF", "STAFF")
        assert cup().reason == "the questions were wrong"
        assert str(cup().called_off_by) == "olga"
        assert notices(four[0]) == [("CALLED_OFF", 0)]
        assert run(STARTS) == 0
        with pytest.raises(RegistrationClosedError):
            cups.register(player=player(), now=OPENS + MINUTE)

    def test_in_the_midst_of_a_round(self) -> None:
        four = begun(4)
        play(four[0], cup(), [True], now=STARTS)
        pairing = pairing_of(four[0], cup())

        self.call_off(STARTS + MINUTE)

        with pytest.raises(RoundOverError):
            tap(four[0], pairing, 2, now=STARTS + MINUTE)
        assert not TournamentRound.objects.filter(ended_at=None).exists()
        assert not advance(cup(), now=STARTS + HALF_HOUR)
        assert notices(four[0]) == [("ROUND", 1), ("CALLED_OFF", 0)]
        with pytest.raises(TournamentOverError):
            self.call_off(STARTS + MINUTE)

    def test_a_reason_is_needed(self) -> None:
        registered(1)

        with pytest.raises(BadReasonError):
            self.call_off(OPENS, reason="  ")

        assert cup().state == "OPEN"
