"""What the database says of tournaments, by roads that do not pass through the services."""

from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction

from quizarena.game.models import (
    Badge,
    CupPrize,
    Pairing,
    Tournament,
    TournamentAnswer,
    TournamentNotice,
    TournamentPlayer,
    TournamentQuestion,
    TournamentRound,
)
from quizarena.game.tournament_rules import TOURNAMENT_MOVES, TournamentState
from quizarena.players.models import Player
from tests.game.duelling import player
from tests.game.touring import (
    DAY,
    HALF_HOUR,
    INSTANT,
    MINUTE,
    NOON,
    OPENS,
    STARTS,
    bank,
    begun,
    cup,
    current,
    make,
    pairing_of,
    play,
    registered,
    run,
    show,
)

pytestmark = pytest.mark.django_db

SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def _bank(db: None) -> None:
    bank()


def refused(match: str, write: Callable[[], Any]) -> None:
    """Expect the database to refuse it, at the end of the transaction at the latest."""

    def write_and_check() -> None:
        with transaction.atomic():
            write()
            with connection.cursor() as cursor:
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")

    with pytest.raises(DatabaseError, match=match):
        write_and_check()


def change(row: Any, **fields: Any) -> Callable[[], Any]:
    """Return what changes a row."""
    return partial(type(row).objects.filter(pk=row.pk).update, **fields)


def raw_cup(**fields: Any) -> Callable[[], Any]:
    """Return what stores a cup that is right but for `fields`."""
    row: dict[str, Any] = {
        "kind": "CUP",
        "day": date(2027, 1, 1),
        "created_at": OPENS,
        "length": 7,
        "opens_at": OPENS,
        "closes_at": STARTS,
        **fields,
    }
    return lambda: Tournament.objects.create(**row)


def raw_private(creator: Player, **fields: Any) -> Callable[[], Any]:
    """Return what stores a private tournament that is right but for `fields`."""
    row: dict[str, Any] = {
        "kind": "PRIVATE",
        "token": "token",
        "creator": creator,
        "creation_key": "raw",
        "level": "A1",
        "price": "FREE",
        "created_on": DAY,
        "day_number": 1,
        "created_at": NOON,
        "length": 5,
        "opens_at": NOON,
        "closes_at": NOON + timedelta(hours=24),
        **fields,
    }
    return lambda: Tournament.objects.create(**row)


class TestTournament:
    @pytest.mark.parametrize(
        ("fields", "match"),
        [
            ({"day": None}, "tournament_is_of_a_kind"),
            ({"length": 5}, "tournament_is_of_a_kind"),
            ({"token": "x"}, "tournament_is_of_a_kind"),
            ({"price": "FREE"}, "tournament_is_of_a_kind"),
            ({"kind": "OTHER"}, "tournament_is_of_a_kind|tournament_registration"),
            ({"state": "RUNNING"}, "Cannot insert"),
            ({"closes_at": OPENS}, "tournament_registration_has_an_end"),
            ({"rounds": 3}, "tournament_state_by_its_times"),
            ({"started_at": STARTS}, "tournament_state_by_its_times"),
            ({"ended_at": STARTS}, "tournament_state_by_its_times"),
            ({"call_off": "STAFF"}, "tournament_called_off_for_a_reason"),
            ({"reason": "because"}, "tournament_called_off_for_a_reason"),
        ],
    )
    def test_a_cup_that_makes_no_sense(self, fields: dict[str, Any], match: str) -> None:
        raw_cup(day=date(2027, 1, 2))()

        refused(match, raw_cup(**fields))

    @pytest.mark.parametrize(
        ("fields", "match"),
        [
            ({"token": ""}, "tournament_is_of_a_kind"),
            ({"creation_key": ""}, "tournament_is_of_a_kind"),
            ({"level": "C1"}, "tournament_is_of_a_kind"),
            ({"price": "GIFT"}, "tournament_is_of_a_kind|tournament_price"),
            ({"length": 7}, "tournament_is_of_a_kind"),
            ({"day": DAY}, "tournament_is_of_a_kind"),
            ({"day_number": 3}, "tournament_price_by_number_of_day"),
            ({"day_number": 0}, "tournament_price_by_number_of_day"),
            ({"price": "TICKET", "day_number": 2}, "tournament_price_by_number_of_day"),
            ({"price": "TICKET", "day_number": 21}, "tournament_price_by_number_of_day"),
            ({"closes_at": NOON + timedelta(hours=24) + INSTANT}, "tournament_registration"),
            ({"opens_at": NOON + INSTANT}, "tournament_registration_has_an_end"),
        ],
    )
    def test_a_private_one_that_makes_no_sense(self, fields: dict[str, Any], match: str) -> None:
        anna = player("Anna")
        with transaction.atomic():
            assert raw_private(anna)().pk
            transaction.set_rollback(True)

        refused(match, raw_private(anna, **fields))

    def test_what_is_single(self) -> None:
        anna = player("Anna")
        raw_cup()()
        raw_private(anna)()

        refused("tournament_one_cup_a_day", raw_cup())
        refused("tournament_token_once", raw_private(player()))
        again = {"token": "other", "day_number": 2}
        refused("tournament_one_per_creation_key", raw_private(anna, **again))
        refused(
            "tournament_number_of_day_once",
            raw_private(anna, token="other", creation_key="other"),
        )

    def test_every_move_that_is_none(self) -> None:
        arrows = {(old.value, new.value) for old, new in TOURNAMENT_MOVES}
        begun(4)
        running = cup()
        opened = make(player())

        for found in (running, opened):
            for new in TournamentState:
                if new.value != found.state and (found.state, new.value) not in arrows:
                    refused(
                        "Invalid transition|tournament_state|finished with",
                        change(found, state=new.value),
                    )

    def test_one_that_has_ended_stays(self) -> None:
        registered(1)
        run(STARTS)

        refused("Cannot update", change(cup(), state="OPEN"))
        refused("Cannot update", change(cup(), call_off="CREATOR"))
        refused("Cannot delete", cup().delete)

    def test_how_it_was_made_and_when_it_has_begun_stays(self) -> None:
        begun(4)

        refused("Cannot update", change(cup(), closes_at=STARTS + SECOND))
        refused("Cannot update", change(cup(), day=date(2027, 1, 1)))
        refused("Cannot update", change(cup(), rounds=4))
        refused("Cannot update", change(cup(), started_at=STARTS + SECOND))

    def test_three_do_not_begin_a_cup(self) -> None:
        registered(3)

        refused(
            "begins with enough",
            change(cup(), state="RUNNING", rounds=3, started_at=STARTS),
        )

    def test_nobody_begins_a_private_one_alone(self) -> None:
        alone = make(player())

        refused(
            "begins with enough",
            change(alone, state="RUNNING", rounds=1, started_at=NOON),
        )
        TournamentPlayer.objects.create(tournament=alone, player=player(), registered_at=NOON)
        change(alone, state="RUNNING", rounds=1, started_at=NOON)()

    def test_it_is_not_finished_before_its_last_round(self) -> None:
        begun(4)

        refused("finished with its last", change(cup(), state="FINISHED", ended_at=STARTS))

    def test_staff_give_a_reason(self) -> None:
        registered(1)
        olga = User.objects.create_user("olga")
        ended: dict[str, Any] = {"state": "CALLED_OFF", "ended_at": OPENS}

        for fields in (
            {"call_off": ""},
            {"call_off": "STAFF", "reason": "", "called_off_by": olga},
            {"call_off": "STAFF", "reason": "x", "called_off_by": None},
            {"call_off": "TOO_FEW", "reason": "x"},
            {"call_off": "OTHER"},
        ):
            refused("tournament_called_off_for_a_reason", change(cup(), **ended, **fields))


class TestPlayers:
    def test_one_registers_in_time_and_once(self) -> None:
        anna, *_ = registered(2)
        row = partial(TournamentPlayer.objects.create, tournament=cup())
        ben = player()

        refused("registers_once", partial(row, player=anna, registered_at=OPENS))
        refused("registration is open", partial(row, player=ben, registered_at=OPENS - INSTANT))
        refused("registration is open", partial(row, player=ben, registered_at=STARTS))
        refused("tournamentplayer_prize", partial(row, player=ben, registered_at=OPENS, prize={}))
        entry = TournamentPlayer.objects.get(player=anna)
        refused("Cannot update", change(entry, registered_at=OPENS + SECOND))
        refused("place_from_one", change(entry, place=0))

    def test_one_hundred_and_eight_are_the_most(self) -> None:
        registered(100)
        row = partial(TournamentPlayer.objects.create, player=player())

        refused("is full", partial(row, tournament=cup(), registered_at=OPENS))
        private = make(player())
        for _ in range(7):
            TournamentPlayer.objects.create(tournament=private, player=player(), registered_at=NOON)
        refused("is full", partial(row, tournament=private, registered_at=NOON))

    def test_nobody_comes_or_goes_once_it_has_begun(self) -> None:
        begun(4)

        refused(
            "come and go until",
            partial(
                TournamentPlayer.objects.create,
                tournament=cup(),
                player=player(),
                registered_at=OPENS,
            ),
        )
        refused("come and go until", TournamentPlayer.objects.all().delete)

    def test_a_place_stays_and_is_one_players(self) -> None:
        begun(4)
        for number in (1, 2, 3):
            run(STARTS + number * HALF_HOUR)
        first, second = TournamentPlayer.objects.order_by("place")[:2]

        refused("Cannot update", change(first, place=9))
        refused("Cannot update", change(first, prize={"a": 1}))
        refused("place_once|Cannot update", change(second, place=1))


class TestRounds:
    def test_they_follow_one_another(self) -> None:
        begun(4)
        row = partial(
            TournamentRound.objects.create,
            tournament=cup(),
            begins_at=STARTS,
            deadline=STARTS + HALF_HOUR,
        )

        refused("follow one another", partial(row, number=2))
        refused("number_once|follow|one_at_a_time", partial(row, number=1))
        run(STARTS + HALF_HOUR)
        refused("follow one another", partial(row, number=3))
        refused("one_at_a_time|number_once", partial(row, number=2))

    def test_they_have_their_time(self) -> None:
        begun(4)
        first = current(cup())

        refused("ends_in_its_time", change(first, ended_at=first.deadline + INSTANT))
        refused("ends_in_its_time", change(first, ended_at=first.begins_at - INSTANT))
        refused("Cannot update", change(first, deadline=first.deadline + SECOND))
        refused("Cannot delete|violates foreign key", first.delete)
        run(STARTS + HALF_HOUR)
        first.refresh_from_db()
        refused("Cannot update", change(first, ended_at=first.begins_at))

    def test_a_short_one_is_none(self) -> None:
        registered(4)
        with transaction.atomic():
            change(cup(), state="RUNNING", rounds=3, started_at=STARTS)()
            refused(
                "has_its_time",
                partial(
                    TournamentRound.objects.create,
                    tournament=cup(),
                    number=1,
                    begins_at=STARTS,
                    deadline=STARTS + HALF_HOUR - INSTANT,
                ),
            )

    def test_questions_are_as_many_as_said_and_stay(self) -> None:
        begun(4)
        question = TournamentQuestion.objects.get(number=7)
        row = partial(
            TournamentQuestion.objects.create,
            round=question.round,
            version=question.version,
            level="A1",
            order=[0, 1, 2, 3],
        )

        refused("as many questions", partial(row, number=8))
        refused("number_once", partial(row, number=7))
        refused("denied|Cannot update", change(question, number=6))
        refused("denied|Cannot", question.delete)


class TestPairings:
    def test_nobody_meets_twice_and_byes_are_single(self) -> None:
        begun(5)
        met = Pairing.objects.exclude(opponent=None).first()
        bye = Pairing.objects.get(opponent=None)
        assert met is not None
        run(STARTS + HALF_HOUR)
        second = current(cup())
        third = player()
        row = partial(Pairing.objects.create, tournament=cup(), round=second)

        refused(
            "nobody_meets_twice|one_per_round",
            partial(row, player=met.player, opponent=met.opponent),
        )
        refused("one_bye_each|one_bye_a_round|one_per_round", partial(row, player=bye.player))
        refused("one_bye_a_round", partial(row, player=third))
        refused("pairing_is_of_two", partial(row, player=third, opponent=third))
        refused("meet each other", partial(row, player=third, opponent=met.player))
        refused("one_per_round", partial(row, player=met.player, opponent=third))
        refused("Cannot insert", partial(row, player=third, answered=1))

    def test_they_stay(self) -> None:
        one = begun(4)[0]
        pairing = pairing_of(one, cup())

        refused("Cannot update", change(pairing, opponent=None))
        refused("denied|Cannot delete", pairing.delete)
        show(one, cup(), now=STARTS)
        refused("Cannot update", change(pairing, started_at=STARTS + SECOND))

    def test_only_answers_count(self) -> None:
        pairing = pairing_of(begun(4)[0], cup())

        refused("only by an answer", change(pairing, answered=1))
        refused("only by an answer|correct_of", change(pairing, correct=1))
        refused("only by an answer", change(pairing, last_answer_at=STARTS))

    @pytest.mark.parametrize("outcome", ["WIN", "DRAW", "BYE", "X"])
    def test_an_outcome_follows_from_the_answers(self, outcome: str) -> None:
        pairing = pairing_of(begun(4)[0], cup())

        refused("follows from the answers|is_known", change(pairing, outcome=outcome))

    def test_and_stays(self) -> None:
        pairing = pairing_of(begun(4)[0], cup())
        run(STARTS + HALF_HOUR)

        refused("An outcome stays", change(pairing, outcome="WIN"))


class TestAnswers:
    def answer(self, pairing: Pairing, number: int = 2, **fields: Any) -> Callable[[], Any]:
        """Return what stores an answer that is right but for `fields`."""
        row: dict[str, Any] = {
            "pairing": pairing,
            "number": number,
            "choice": 1,
            "is_correct": True,
            "shown_at": STARTS + SECOND,
            "answered_at": STARTS + MINUTE,
            **fields,
        }
        return lambda: TournamentAnswer.objects.create(**row)

    @pytest.mark.parametrize(
        ("fields", "match"),
        [
            ({"number": 1}, "in their order"),
            ({"number": 3}, "in their order"),
            ({"number": 8}, "in their order"),
            ({"choice": 4, "is_correct": False}, "choice_exists"),
            ({"is_correct": False}, "graded by what was asked"),
            ({"choice": 0}, "graded by what was asked"),
            ({"shown_at": STARTS - INSTANT}, "in its time"),
            ({"answered_at": STARTS + HALF_HOUR}, "in its time"),
            ({"shown_at": STARTS + 2 * MINUTE}, "after_its_question"),
        ],
    )
    def test_what_makes_no_sense(self, fields: dict[str, Any], match: str) -> None:
        one = begun(4)[0]
        play(one, cup(), [True], now=STARTS)
        pairing = pairing_of(one, cup())
        with transaction.atomic():
            assert self.answer(pairing)().pk
            transaction.set_rollback(True)

        refused(match, self.answer(pairing, **fields))

    def test_before_the_question_was_shown_and_after_the_round(self) -> None:
        one, other, *_ = begun(4)
        unseen = pairing_of(other, cup())
        refused("in its time", self.answer(unseen, 1))
        play(one, cup(), [True], now=STARTS)
        pairing = pairing_of(one, cup())
        run(STARTS + HALF_HOUR)

        refused("in its time", self.answer(pairing))

    def test_they_stay(self) -> None:
        one = begun(4)[0]
        play(one, cup(), [True], now=STARTS)
        given = TournamentAnswer.objects.get()

        refused("denied|Cannot update", change(given, is_correct=False))
        refused("denied|Cannot delete", given.delete)


class TestTheRest:
    def test_a_notice_of_a_kind_is_sent_once(self) -> None:
        one = begun(4)[0]
        sent = TournamentNotice.objects.get(player=one)
        change(sent, notified_at=STARTS)()

        refused("Cannot update", change(sent, notified_at=STARTS + SECOND))
        refused(
            "one_of_a_kind",
            partial(
                TournamentNotice.objects.create,
                tournament=cup(),
                player=one,
                kind="ROUND",
                round_number=1,
                due_at=STARTS,
            ),
        )
        unsent = TournamentNotice.objects.filter(notified_at=None).first()
        refused("kind_is_known", change(unsent, kind="X"))

    @pytest.mark.parametrize(
        ("fields", "match"),
        [
            ({"place_from": 0}, "places_of_a_cup"),
            ({"place_from": 3, "place_to": 2}, "places_of_a_cup"),
            ({"place_to": 101}, "places_of_a_cup"),
            ({"paid_energy": 0}, "contains_something"),
            ({"paid_energy": 101}, "is_bounded"),
            ({"streak_savers": 6}, "is_bounded"),
            ({"duel_tickets": 11}, "is_bounded"),
            ({"premium_days": 31}, "is_bounded"),
            ({"place_from": 10, "place_to": 20}, "one_per_place"),
        ],
    )
    def test_prizes(self, fields: dict[str, Any], match: str) -> None:
        CupPrize.objects.create(place_from=4, place_to=10, paid_energy=1)
        row: dict[str, Any] = {"place_from": 1, "place_to": 3, "paid_energy": 100, **fields}

        refused(match, partial(CupPrize.objects.create, **row))

    def test_badges(self) -> None:
        one, other, *_ = begun(4)
        row = partial(Badge.objects.create, tournament=cup(), awarded_at=STARTS)
        row(player=one, kind="CUP_FIRST")
        row(player=one, kind="CUPS_IN_A_ROW")

        refused("badge_of_a_place_once", partial(row, player=other, kind="CUP_FIRST"))
        refused("badge_once|badge_of_a_row", partial(row, player=one, kind="CUPS_IN_A_ROW"))
        refused("kind_is_known", partial(row, player=other, kind="X"))
        refused("denied|Cannot", Badge.objects.all().delete)
