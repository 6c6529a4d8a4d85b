"""What the database says of duels, by roads that do not pass through the services."""

from collections.abc import Callable
from datetime import date, datetime
from functools import partial
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from quizarena.game import duels
from quizarena.game.duel_rules import DUEL_MOVES, DuelState
from quizarena.game.models import Duel, DuelAnswer, DuelNotice, DuelQuestion
from quizarena.players.models import Player
from tests.game.challenges import make_bank
from tests.game.duelling import (
    HOUR,
    INSTANT,
    NOON,
    OVER,
    SECOND,
    TOO_LATE_TO_ACCEPT,
    accepted,
    again,
    cancel,
    create,
    find,
    finish,
    play,
    played,
    player,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _bank(db: None) -> None:
    make_bank("QUICK_MIX_A1A2", A1=30)


@pytest.fixture
def anna() -> Player:
    """Return whoever makes the duels."""
    return player("Anna")


@pytest.fixture
def ben() -> Player:
    """Return whoever takes them."""
    return player("Ben")


def refused(match: str, write: Callable[[], Any]) -> None:
    """Expect the database to refuse it."""
    with pytest.raises(DatabaseError, match=match), transaction.atomic():
        write()


def change(duel: Duel, **fields: Any) -> Callable[[], Any]:
    """Return what changes the row of a duel."""
    return partial(Duel.objects.filter(pk=duel.pk).update, **fields)


def make(creator: Player, **fields: Any) -> Callable[[], Any]:
    """Return what stores a duel that is right but for `fields`."""
    row: dict[str, Any] = {
        "token": f"token-{Duel.objects.count()}",
        "creator": creator,
        "length": 3,
        "level": "A1",
        "creation_key": f"raw:{Duel.objects.count()}",
        "price": "FREE",
        "created_on": date(2026, 12, 15),
        "day_number": 1,
        "created_at": NOON,
        "deadline": TOO_LATE_TO_ACCEPT,
        **fields,
    }
    return lambda: Duel.objects.create(**row)


class TestDuel:
    def test_one_that_is_right_is_stored(self, anna: Player) -> None:
        assert make(anna)().pk

    @pytest.mark.parametrize(
        ("fields", "match"),
        [
            ({"length": 4}, "duel_length_is_known"),
            ({"level": "C1"}, "duel_level_is_known"),
            ({"state": "ACCEPTED"}, "Cannot insert"),
            ({"state": "COMPLETED"}, "Cannot insert"),
            ({"deadline": TOO_LATE_TO_ACCEPT + INSTANT}, "duel_has_6_hours_then_48"),
            ({"deadline": TOO_LATE_TO_ACCEPT - INSTANT}, "duel_has_6_hours_then_48"),
            ({"day_number": 3}, "duel_price_by_number_of_day"),
            ({"day_number": 0}, "duel_price_by_number_of_day"),
            ({"day_number": None}, "duel_price_by_number_of_day"),
            ({"price": "TICKET", "day_number": 2}, "duel_price_by_number_of_day"),
            ({"price": "PREMIUM", "day_number": 2}, "duel_price_by_number_of_day"),
            ({"price": "TICKET", "day_number": 21}, "duel_price_by_number_of_day"),
            ({"price": "TICKET", "day_number": None}, "duel_price_by_number_of_day"),
            ({"price": "SERIES", "day_number": None}, "duel_price_by_number_of_day"),
            ({"price": "GIFT"}, "duel_price_by_number_of_day"),
            ({"result": "DRAW"}, "duel_scores_of_what_was_played|duel_more_right_answers_win"),
            ({"creator_score": 1}, "duel_scores_of_what_was_played"),
            ({"ended_at": NOON}, "duel_state_by_its_times"),
            ({"game": 2}, "duel_series_has_three_games"),
        ],
    )
    def test_what_makes_no_sense(self, anna: Player, fields: dict[str, Any], match: str) -> None:
        refused(match, make(anna, **fields))

    @pytest.mark.parametrize(
        ("price", "number"), [("FREE", 2), ("TICKET", 3), ("PREMIUM", 3), ("TICKET", 20)]
    )
    def test_prices_at_their_borders(self, anna: Player, price: str, number: int) -> None:
        assert make(anna, price=price, day_number=number)().pk

    def test_nobody_plays_against_oneself(self, anna: Player) -> None:
        refused("duel_is_of_two", make(anna, opponent=anna))

    def test_numbers_keys_tokens_and_open_duels_are_single(self, anna: Player) -> None:
        first = make(anna, is_open=True)()

        refused("duel_number_of_day_once", make(anna))
        refused("duel_one_open_per_creator", make(anna, day_number=2, is_open=True))
        refused(
            "duel_one_per_creation_key",
            make(anna, day_number=2, creation_key=first.creation_key),
        )
        refused("token", make(player(), token=first.token))

    def test_a_rematch_is_single_of_two_and_not_open(self, anna: Player, ben: Player) -> None:
        first = played(anna, ben)
        again(anna, first)
        other = partial(make, player(), rematch_of=first, opponent=ben)

        refused("duel_one_rematch", other())
        free = played(ben, anna)
        refused("duel_rematch_has_opponent", make(ben, rematch_of=free))
        refused("duel_rematch_is_not_open", make(ben, rematch_of=free, opponent=anna, is_open=True))

    @pytest.mark.parametrize("game", [None, 1, 4])
    def test_a_series_has_three_games(self, anna: Player, ben: Player, game: int | None) -> None:
        first = played(anna, ben)

        refused(
            "duel_series_has_three_games|duel_price_by",
            make(ben, rematch_of=first, opponent=anna, series=first, game=game),
        )
        refused("duel_series_has_three_games", make(ben, opponent=anna, series=first, game=2))

    @pytest.mark.parametrize(
        "fields",
        [{"token": "x"}, {"length": 5}, {"is_open": True}, {"level": "A2"}, {"price": "TICKET"},
         {"creation_key": "x"}, {"created_on": date(2026, 1, 1)}, {"day_number": 2},
         {"created_at": NOON - SECOND}],
    )  # fmt: skip
    def test_how_it_was_made_stays(self, anna: Player, fields: dict[str, Any]) -> None:
        refused("Cannot update|duel_", change(create(anna), **fields))

    @pytest.mark.usefixtures("owner")
    def test_it_is_never_deleted(self, anna: Player) -> None:
        duel = create(anna)
        with connection.cursor() as cursor:
            refused(
                "Cannot delete",
                lambda: cursor.execute("DELETE FROM game_duel WHERE id = %s", [duel.pk]),
            )


def reach(state: str, anna: Player, ben: Player) -> Duel:
    """Return a duel in this state."""
    match DuelState(state):
        case DuelState.PENDING:
            return create(anna)
        case DuelState.ACCEPTED:
            return accepted(anna, ben)
        case DuelState.COMPLETED:
            return played(anna, ben)
        case DuelState.CANCELED:
            return cancel(anna, create(anna))
        case DuelState.WALKOVER:
            duel = accepted(anna, ben)
            play(anna, duel, [True] * 3)
            finish(duel, now=OVER)
        case _:
            duel = create(anna)
            finish(duel, now=TOO_LATE_TO_ACCEPT)
    duel.refresh_from_db()
    return duel


class TestStates:
    @pytest.mark.parametrize("old", list(DuelState))
    @pytest.mark.parametrize("new", list(DuelState))
    def test_only_the_moves_of_the_map_are_possible(
        self, anna: Player, ben: Player, old: str, new: str
    ) -> None:
        duel = reach(old, anna, ben)
        if old == new or (old, new) in DUEL_MOVES:
            return

        refused(
            "Invalid transition|Cannot update|accepted once|ends by its answers|duel_",
            change(duel, state=new),
        )

    @pytest.mark.parametrize("old", ["COMPLETED", "WALKOVER", "EXPIRED", "CANCELED"])
    def test_what_has_ended_stays(self, anna: Player, ben: Player, old: str) -> None:
        duel = reach(old, anna, ben)

        refused("Cannot update", change(duel, ended_at=NOON + SECOND))
        refused("Cannot update", change(duel, creator_started_at=NOON))

    @pytest.mark.parametrize(
        "fields",
        [
            {"accepted_at": TOO_LATE_TO_ACCEPT, "deadline": TOO_LATE_TO_ACCEPT + 48 * HOUR},
            {"accepted_at": NOON - INSTANT, "deadline": NOON - INSTANT + 48 * HOUR},
            {"accepted_at": NOON, "deadline": OVER + INSTANT},
            {"accepted_at": NOON, "deadline": OVER, "opponent": None},
            {"accepted_at": None},
        ],
    )
    def test_an_acceptance_comes_in_time(
        self, anna: Player, ben: Player, fields: dict[str, Any]
    ) -> None:
        duel = create(anna)

        refused(
            "duel_has_6_hours_then_48|duel_state_by_its_times",
            change(duel, **{"state": "ACCEPTED", "opponent": ben, **fields}),
        )

    def test_the_opponent_comes_with_the_acceptance_and_stays(
        self, anna: Player, ben: Player
    ) -> None:
        carla = player("Carla")
        refused("accepted once", change(create(anna), opponent=ben))
        duel = accepted(anna, ben)
        for fields in (
            {"opponent": carla},
            {"deadline": OVER + HOUR, "accepted_at": NOON + HOUR},
        ):
            refused("accepted once", change(duel, **fields))
        rematch = again(ben, played(ben, anna))
        refused(
            "by whom it is for",
            change(rematch, state="ACCEPTED", opponent=carla, accepted_at=NOON, deadline=OVER),
        )

    def test_a_player_begins_once(self, anna: Player) -> None:
        duel = create(anna)
        change(duel, creator_started_at=NOON)()

        refused("begins once", change(duel, creator_started_at=NOON + SECOND))

    @pytest.mark.parametrize(
        ("own", "others", "fields", "match"),
        [
            # Nobody has finished.
            (2, 2, {"state": "COMPLETED", "result": "DRAW", "creator_score": 2,
                    "opponent_score": 2, "ended_at": NOON}, "by its answers"),
            (2, 2, {"state": "WALKOVER", "result": "CREATOR", "creator_score": 2,
                    "opponent_score": 2, "ended_at": OVER}, "by its answers"),
            # One has.
            (3, 2, {"state": "EXPIRED", "ended_at": OVER}, "by its answers"),
            (3, 2, {"state": "WALKOVER", "result": "OPPONENT", "creator_score": 3,
                    "opponent_score": 2, "ended_at": OVER}, "by its answers"),
            (3, 2, {"state": "WALKOVER", "result": "CREATOR", "creator_score": 3,
                    "opponent_score": 1, "ended_at": OVER}, "scores of a duel count"),
            (3, 2, {"state": "WALKOVER", "result": "CREATOR", "creator_score": 3,
                    "opponent_score": 2, "ended_at": OVER - INSTANT}, "duel_state_by_its_times"),
            (3, 2, {"state": "WALKOVER", "result": "DRAW", "creator_score": 3,
                    "opponent_score": 2, "ended_at": OVER}, "by its answers"),
            (3, 2, {"state": "WALKOVER", "creator_score": 3, "opponent_score": 2,
                    "result": "", "ended_at": OVER}, "by its answers"),
            (2, 2, {"state": "EXPIRED", "ended_at": OVER - INSTANT}, "duel_state_by_its_times"),
            (2, 2, {"state": "EXPIRED", "ended_at": None}, "duel_state_by_its_times"),
            (2, 2, {"state": "EXPIRED", "ended_at": OVER, "result": "DRAW"},
             "duel_scores_of|duel_more_right"),
            (2, 2, {"state": "CANCELED", "ended_at": NOON}, "Invalid transition|by its answers"),
        ],
    )  # fmt: skip
    def test_it_ends_by_its_answers(
        self,
        anna: Player,
        ben: Player,
        own: int,
        others: int,
        fields: dict[str, Any],
        match: str,
    ) -> None:
        duel = accepted(anna, ben)
        play(anna, duel, [True] * own)
        play(ben, duel, [True] * others)

        refused(match, change(duel, **fields))

    @pytest.mark.parametrize(
        ("fields", "match"),
        [
            ({"result": "OPPONENT"}, "duel_more_right_answers_win"),
            ({"result": "DRAW"}, "duel_more_right_answers_win"),
            ({"result": ""}, "duel_more_right_answers_win"),
            ({"creator_score": 3}, "scores of a duel count"),
            ({"opponent_score": 0}, "scores of a duel count"),
            ({"creator_score": None}, "duel_scores_of_what_was_played"),
            ({"ended_at": NOON + SECOND}, "ends with its last answer"),
            ({"state": "WALKOVER", "ended_at": OVER}, "by its answers"),
        ],
    )
    def test_a_completed_one_says_what_its_answers_say(
        self,
        anna: Player,
        ben: Player,
        fields: dict[str, Any],
        match: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(duels, "finish", lambda *_, **__: False)
        duel = accepted(anna, ben)
        play(anna, duel, [True, True, False])
        play(ben, duel, [True, False, False])
        right = {
            "state": "COMPLETED",
            "result": "CREATOR",
            "creator_score": 2,
            "opponent_score": 1,
            "ended_at": NOON,
        }

        refused(match, change(duel, **{**right, **fields}))
        change(duel, **right)()

    def test_what_is_canceled_is_so_before_its_end(self, anna: Player) -> None:
        duel = create(anna)

        refused(
            "duel_state_by_its_times",
            change(duel, state="CANCELED", ended_at=TOO_LATE_TO_ACCEPT),
        )
        refused("duel_state_by_its_times", change(duel, state="CANCELED"))

    def test_one_button_finds_one(self, anna: Player, ben: Player) -> None:
        find(anna)
        find(ben, key="u1")
        other = find(player("Carla"))

        refused(
            "duel_one_per_acceptance_key",
            change(
                other,
                state="ACCEPTED",
                opponent=ben,
                acceptance_key="u1",
                accepted_at=NOON,
                deadline=OVER,
            ),
        )


class TestQuestions:
    @pytest.mark.usefixtures("owner")
    def test_they_stay_as_they_were_drawn(self, anna: Player) -> None:
        create(anna)

        refused("Cannot update", lambda: DuelQuestion.objects.update(order=[0, 1, 2, 3]))
        refused("Cannot update", lambda: DuelQuestion.objects.all().delete())

    @pytest.mark.parametrize(
        ("number", "level", "match"),
        [
            (4, "A1", "as many questions as rounds"),
            (3, "A1", "duelquestion_number_once"),
            (0, "A1", "duelquestion_number_from_one"),
            (0, "C1", "duelquestion_"),
        ],
    )
    def test_there_is_one_for_each_round(
        self, anna: Player, number: int, level: str, match: str
    ) -> None:
        duel = create(anna)
        version = DuelQuestion.objects.get(duel=duel, number=1).version

        refused(
            match,
            lambda: DuelQuestion.objects.create(
                duel=duel, number=number, version=version, level=level, order=[0, 1, 2, 3]
            ),
        )


class TestAnswers:
    def answer(self, duel: Duel, playing: Player, **fields: Any) -> Callable[[], Any]:
        """Return what stores a wrong answer to the first question, but for `fields`."""
        row: dict[str, Any] = {
            "number": 1,
            "choice": 0,
            "is_correct": False,
            "shown_at": NOON,
            "answered_at": NOON,
            **fields,
        }
        return lambda: DuelAnswer.objects.create(duel=duel, player=playing, **row)

    @pytest.mark.usefixtures("owner")
    def test_they_are_final(self, anna: Player) -> None:
        play(anna, create(anna), [True])

        refused("Cannot update", lambda: DuelAnswer.objects.update(is_correct=False))
        refused("Cannot update", lambda: DuelAnswer.objects.all().delete())

    @pytest.mark.parametrize(
        ("fields", "match"),
        [
            ({"number": 2}, "in their order"),
            ({"number": 0}, "in their order"),
            ({"choice": 4}, "duelanswer_choice_exists"),
            ({"is_correct": True}, "graded by what was asked"),
            ({"choice": 1}, "graded by what was asked"),
            ({"answered_at": NOON - INSTANT}, "duelanswer_after_its_question"),
            ({"shown_at": NOON - INSTANT}, "in its time"),
            ({"answered_at": TOO_LATE_TO_ACCEPT}, "in its time"),
        ],
    )
    def test_they_come_in_order_in_time_and_graded(
        self, anna: Player, fields: dict[str, Any], match: str
    ) -> None:
        duel = create(anna)

        refused(match, self.answer(duel, anna, **fields))
        self.answer(duel, anna)()

    def test_each_is_given_once_and_there_are_three_of_three(self, anna: Player) -> None:
        duel = create(anna)
        play(anna, duel, [True] * 3)

        refused("in their order", self.answer(duel, anna, number=3))
        refused("in their order", self.answer(duel, anna, number=4))

    def test_only_who_plays_answers(self, anna: Player, ben: Player) -> None:
        pending, live = create(anna), accepted(anna, ben)
        rematch = again(ben, played(ben, anna))

        refused("answered by its players", self.answer(pending, ben))
        refused("answered by its players", self.answer(live, player()))
        refused("answered by its players", self.answer(rematch, anna))
        self.answer(live, ben, answered_at=OVER - INSTANT)()

    @pytest.mark.parametrize("state", ["CANCELED", "EXPIRED"])
    def test_what_has_ended_takes_none(self, anna: Player, ben: Player, state: str) -> None:
        refused("while it is live", self.answer(reach(state, anna, ben), anna))


class TestNotices:
    def test_one_of_a_kind_and_sent_once(self, anna: Player, ben: Player) -> None:
        duel = accepted(anna, ben)
        row = DuelNotice.objects.get(duel=duel, kind="TURN")
        make_one = partial(DuelNotice.objects.create, duel=duel, player=anna, due_at=NOON)

        refused("duelnotice_one_of_a_kind", partial(make_one, kind="TURN"))
        refused("duelnotice_kind_is_known", partial(make_one, kind="NEWS"))
        DuelNotice.objects.filter(pk=row.pk).update(notified_at=NOON)
        later: datetime = NOON + SECOND
        refused(
            "Cannot update",
            lambda: DuelNotice.objects.filter(pk=row.pk).update(notified_at=later),
        )
