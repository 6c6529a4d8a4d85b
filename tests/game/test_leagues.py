"""Leagues: places in the order of the first points, ends of weeks, leaving, and a season."""

import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from quizarena import advisory_locks
from quizarena.game import leagues, tasks
from quizarena.game.models import (
    LeagueGroup,
    LeagueMember,
    LeaguePlayer,
    WeekPoints,
)
from quizarena.players.models import Player
from tests.concurrency import meet_after, overlap, run_together
from tests.factories import PlayerFactory
from tests.game.leagues import (
    DAY,
    NEXT_WEEK,
    NOON,
    SECOND,
    TODAY,
    WEEK,
    WEEK_ENDS,
    earn,
    earn_many,
    member,
    players_with,
    tiers,
    update_all,
)
from tests.owner import behind_the_guards

ONE_WEEK = timedelta(days=7)
# The last moment of the week.
SUNDAY = WEEK_ENDS - timedelta(microseconds=1)


def newcomers(number: int, *, now: datetime = NOON) -> list[Player]:
    """Return so many players who have earned ten points one after the other."""
    players = PlayerFactory.create_batch(number)
    for count, player in enumerate(players):
        earn(player, now=now + count * SECOND)
    return players


def in_tier(player: Player, tier: int) -> Player:
    """Let the player begin in that tier."""
    LeaguePlayer.objects.create(player=player, tier=tier)
    return player


def places(players: list[Player], week: date = WEEK) -> list[tuple[int, int, int | None]]:
    """Return the tier, the number of the group and the number in it of each player."""
    found = [member(player, week) for player in players]
    return [(one.group.tier, one.group.number, one.number) for one in found if one.group]


@pytest.mark.django_db
class TestPlaces:
    def test_places_are_given_in_the_order_of_the_first_points(self) -> None:
        late, early = PlayerFactory.create(), PlayerFactory.create()
        earn(late, now=NOON + SECOND)
        earn(early, now=NOON)

        assert update_all(NOON + 2 * SECOND) == 2

        assert places([early, late]) == [(1, 1, 1), (1, 1, 2)]

    def test_the_thirtieth_fills_a_group_and_the_next_opens_another(self) -> None:
        players = newcomers(31)

        update_all(NOON + DAY)

        assert places(players)[28:] == [(1, 1, 29), (1, 1, 30), (1, 2, 1)]

    def test_a_group_is_filled_up_by_who_comes_later(self) -> None:
        first = newcomers(29)
        update_all(NOON + DAY)
        second = newcomers(2, now=NOON + 2 * DAY)

        update_all(NOON + 3 * DAY)

        assert places(first)[-1] == (1, 1, 29)
        assert places(second) == [(1, 1, 30), (1, 2, 1)]

    def test_each_tier_has_groups_of_its_own(self) -> None:
        bronze, gold = PlayerFactory.create(), in_tier(PlayerFactory.create(), 3)
        earn(bronze)
        earn(gold)

        update_all(NOON)

        assert places([bronze, gold]) == [(1, 1, 1), (3, 1, 1)]

    def test_who_looks_is_placed_with_all_who_came_before(self) -> None:
        players = newcomers(3)

        league = leagues.of_player(player=players[2], now=NOON + DAY)

        assert places(players) == [(1, 1, 1), (1, 1, 2), (1, 1, 3)]
        assert league.board is not None
        assert (league.size, league.tier, league.is_waiting) == (3, 1, False)
        assert league.board.own is not None
        assert league.board.own.place == 3
        assert league.ends_at == WEEK_ENDS

    def test_where_too_many_wait_before_one_waits_on(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(leagues, "PLACED_AT_ONCE", 2)
        players = newcomers(3)

        first = leagues.of_player(player=players[2], now=NOON + DAY)
        second = leagues.of_player(player=players[2], now=NOON + DAY)

        assert (first.is_waiting, first.board) == (True, None)
        assert (second.is_waiting, second.size) == (False, 3)

    def test_without_points_there_is_no_group(self) -> None:
        anna = PlayerFactory.create()

        league = leagues.of_player(player=anna, now=NOON)

        assert (league.board, league.is_waiting, league.tier, league.last) == (None, False, 1, None)
        assert not LeaguePlayer.objects.exists()

    def test_nothing_to_do_takes_no_lock(
        self, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
    ) -> None:
        monkeypatch.setattr(advisory_locks, "lock", None)

        with django_assert_num_queries(2):
            assert leagues.update(now=NOON) == 0


@pytest.mark.django_db
class TestEnd:
    def test_the_first_seven_rise_and_the_last_five_fall(self) -> None:
        players = [in_tier(PlayerFactory.create(), 2) for _ in range(30)]
        for number, player in enumerate(players):
            earn_many(player, 300 - 10 * number)

        update_all(WEEK_ENDS)

        assert tiers(players) == [3] * 7 + [2] * 18 + [1] * 5
        ended = [member(player) for player in players]
        assert [one.place for one in ended] == list(range(1, 31))
        assert [one.points for one in ended][:2] == [300, 290]
        assert [one.outcome for one in ended][6:8] == ["ROSE", "STAYED"]
        assert [one.outcome for one in ended][24:26] == ["STAYED", "FELL"]

    def test_until_the_last_moment_of_sunday_nothing_is_over(self) -> None:
        players = players_with(20, 10)
        update_all(NOON)

        assert update_all(SUNDAY) == 0
        assert LeagueGroup.objects.get().finished_at is None

        assert update_all(WEEK_ENDS) == 1
        assert tiers(players) == [2, 1]

    def test_of_two_with_as_many_points_who_had_them_first_is_ahead(self) -> None:
        late, early = PlayerFactory.create(), PlayerFactory.create()
        earn(late, now=NOON)
        earn(early, now=NOON + SECOND)
        earn(early, now=NOON + 2 * SECOND)
        earn(late, now=NOON + 3 * SECOND)

        update_all(WEEK_ENDS)

        assert [member(early).place, member(late).place] == [1, 2]

    def test_bronze_does_not_fall_and_diamant_does_not_rise(self) -> None:
        bronze = [in_tier(PlayerFactory.create(), 1) for _ in range(3)]
        diamant = [in_tier(PlayerFactory.create(), 5) for _ in range(3)]
        for number, player in enumerate([*bronze, *diamant]):
            earn_many(player, 100 - 10 * number)

        update_all(WEEK_ENDS)

        assert tiers(bronze) == [2, 1, 1]
        assert tiers(diamant) == [5, 5, 4]

    def test_who_is_alone_stays(self) -> None:
        (anna,) = players_with(400)

        update_all(WEEK_ENDS)

        assert tiers([anna]) == [1]
        assert (member(anna).outcome, member(anna).place) == ("STAYED", 1)

    def test_who_had_no_week_keeps_the_tier(self) -> None:
        anna = in_tier(PlayerFactory.create(), 4)
        players_with(20, 10)

        update_all(WEEK_ENDS + 3 * ONE_WEEK)

        assert tiers([anna]) == [4]
        assert not LeagueMember.objects.filter(player=anna).exists()

    def test_a_second_time_changes_nothing(self) -> None:
        players = players_with(30, 20, 10)
        update_all(WEEK_ENDS)
        before = list(LeagueMember.objects.order_by("pk").values())

        assert update_all(WEEK_ENDS + DAY) == 0

        assert list(LeagueMember.objects.order_by("pk").values()) == before
        assert tiers(players) == [2, 1, 1]

    def test_the_points_of_the_last_moment_are_placed_before_the_week_is_finished(self) -> None:
        players = players_with(20, 10)
        update_all(NOON + DAY)
        last = PlayerFactory.create()
        earn_many(last, 400, now=SUNDAY)

        update_all(WEEK_ENDS)

        assert [member(one).place for one in [last, *players]] == [1, 2, 3]
        assert tiers([last, *players]) == [2, 1, 1]

    def test_who_comes_after_a_week_was_finished_has_a_group_of_their_own(self) -> None:
        """An answer of the last second may be stored only when the week has been finished."""
        players = players_with(20, 10)
        update_all(WEEK_ENDS)
        late = PlayerFactory.create()
        earn(late, now=SUNDAY)

        update_all(WEEK_ENDS + SECOND)

        assert places([*players, late]) == [(1, 1, 1), (1, 1, 2), (1, 2, 1)]
        assert (member(late).outcome, tiers([late])) == ("STAYED", [1])

    def test_the_next_week_is_played_in_the_new_tier(self) -> None:
        players = players_with(20, 10)
        for player in players:
            earn(player, now=WEEK_ENDS)

        update_all(WEEK_ENDS + SECOND)

        assert places(players, NEXT_WEEK) == [(2, 1, 1), (1, 1, 1)]

    def test_a_last_week_is_shown_with_its_place(self) -> None:
        anna, ben = players_with(20, 10)

        league = leagues.of_player(player=ben, now=WEEK_ENDS)

        assert league.tier == 1
        last = league.last
        assert last is not None
        assert (last.week, last.tier, last.place, last.size, last.outcome) == (
            WEEK,
            1,
            2,
            2,
            "STAYED",
        )
        assert leagues.of_player(player=anna, now=WEEK_ENDS).tier == 2


def by_the_job(players: list[Player], now: datetime) -> None:
    """Let the job do it."""
    update_all(now)


def by_who_looks(players: list[Player], now: datetime) -> None:
    """Let the players do it, one after the other, in no particular order."""
    for player in sorted(players, key=lambda one: one.pk % 7):
        leagues.of_player(player=player, now=now)


def by_both(players: list[Player], now: datetime) -> None:
    """Let some players look, then the job run, then the others look."""
    by_who_looks(players[::3], now)
    update_all(now)
    by_who_looks(players, now)


WAYS: list[Callable[[list[Player], datetime], None]] = [by_the_job, by_who_looks, by_both]


@pytest.mark.django_db
class TestJobAndLooking:
    def week(self, way: Callable[[list[Player], datetime], None]) -> list[tuple[Any, ...]]:
        """Play two weeks, finished that way, the first of them late; return how they ended."""
        players = [in_tier(PlayerFactory.create(), 1 + number % 5) for number in range(40)]
        chance = random.Random(7)
        for week in range(2):
            for player in players:
                now = NOON + week * ONE_WEEK + chance.randrange(3600) * SECOND
                earn_many(player, 10 * chance.randrange(1, 20), now=now)
        way(players, WEEK_ENDS + ONE_WEEK)
        # Who has not played since is finished by the job, too.
        update_all(WEEK_ENDS + ONE_WEEK)
        first = players[0].pk
        ended = LeagueMember.objects.exclude(outcome="").order_by("week", "player")
        return [
            (week, player - first, *rest)
            for week, player, *rest in ended.values_list(
                "week", "player", "group__tier", "group__number", "number", "place", "outcome"
            )
        ] + list(enumerate(tiers(players)))

    @pytest.mark.out_of_order
    def test_whoever_does_it_the_result_is_the_same(self) -> None:
        results = []
        for way in WAYS:
            with transaction.atomic():
                results.append(self.week(way))
                transaction.set_rollback(True)

        assert len(results[0]) == 40 + 40 + 40
        assert results[0] == results[1] == results[2]

    def test_the_task_does_all_that_is_due(self, clock: Any) -> None:
        players = players_with(20, 10)
        clock.move_to(WEEK_ENDS)

        # Two places and a group.
        assert tasks.update_leagues() == 3
        assert tasks.update_leagues() == 0
        assert tiers(players) == [2, 1]


@pytest.mark.django_db
class TestLeaving:
    def test_who_leaves_has_no_place_and_keeps_the_tier(self) -> None:
        players = [in_tier(PlayerFactory.create(), 2) for _ in range(4)]
        for number, player in enumerate(players):
            earn_many(player, 100 - 10 * number)
        update_all(NOON)

        leagues.opt_out(player=players[0], now=NOON + DAY)
        league = leagues.of_player(player=players[0], now=NOON + DAY)
        update_all(WEEK_ENDS)

        assert (league.is_opted_out, league.board) == (True, None)
        assert tiers(players) == [2, 3, 2, 1]
        left = member(players[0])
        assert (left.outcome, left.place, left.points) == ("LEFT", None, None)
        assert leagues.is_opted_out(players[0])

    def test_who_comes_back_in_the_same_week_has_the_same_place(self) -> None:
        players = players_with(20, 10)
        update_all(NOON)

        leagues.opt_out(player=players[0], now=NOON)
        leagues.opt_in(player=players[0], now=NOON + DAY)
        update_all(WEEK_ENDS)

        assert [member(player).place for player in players] == [1, 2]
        assert tiers(players) == [2, 1]

    def test_who_leaves_before_having_a_place_gets_none(self) -> None:
        (anna,) = players_with(10)

        leagues.opt_out(player=anna, now=NOON)

        assert update_all(WEEK_ENDS) == 0
        assert member(anna).group is None

    def test_who_joins_with_points_waits_for_a_place_from_then_on(self) -> None:
        anna = PlayerFactory.create()
        leagues.opt_out(player=anna, now=NOON)
        earn(anna, now=NOON + SECOND)

        leagues.opt_in(player=anna, now=NOON + DAY)

        assert member(anna).joined_at == NOON + DAY
        update_all(NOON + DAY)
        assert places([anna]) == [(1, 1, 1)]

    def test_who_joins_without_points_waits_for_the_first(self) -> None:
        anna = PlayerFactory.create()
        leagues.opt_out(player=anna, now=NOON)

        leagues.opt_in(player=anna, now=NOON + DAY)

        assert not LeagueMember.objects.exists()
        earn(anna, now=NOON + DAY)
        assert member(anna).joined_at == NOON + DAY

    def test_points_count_all_the_same(self) -> None:
        anna = PlayerFactory.create()
        leagues.opt_out(player=anna, now=NOON)

        earn(anna)

        assert WeekPoints.objects.get(player=anna).points == 10


@pytest.mark.django_db
class TestDatabase:
    """Each rule again, by a road that does not pass through the services."""

    def group(self, **changed: Any) -> LeagueGroup:
        """Store a group by the model."""
        return LeagueGroup.objects.create(**({"week": WEEK, "tier": 1, "number": 1} | changed))

    def join(self, group: LeagueGroup, **changed: Any) -> LeagueMember:
        """Store a member by the model."""
        fields = {"player": PlayerFactory.create(), "week": WEEK, "joined_at": NOON, "number": 1}
        return LeagueMember.objects.create(group=group, **(fields | changed))

    @pytest.mark.parametrize("number", [0, 31])
    def test_a_thirty_first_place_does_not_exist(self, number: int) -> None:
        with pytest.raises(IntegrityError, match="leaguemember_number_exists"):
            self.join(self.group(), number=number)

    def test_nobody_takes_a_place_that_is_taken(self) -> None:
        group = self.group()
        self.join(group, number=30)

        with pytest.raises(IntegrityError, match="leaguemember_number_once"):
            self.join(group, number=30)

    def test_nobody_is_in_two_groups_of_a_week(self) -> None:
        anna = PlayerFactory.create()
        self.join(self.group(), player=anna)

        with pytest.raises(IntegrityError, match="leaguemember_once_a_week"):
            self.join(self.group(number=2), player=anna)

    def test_a_group_is_of_the_week_of_its_members(self) -> None:
        with pytest.raises(DatabaseError, match="of the week of its members"):
            self.join(self.group(), week=NEXT_WEEK)

    def test_a_place_is_kept(self) -> None:
        joined = self.join(self.group())

        with pytest.raises(DatabaseError, match="A place in a league group is kept"):
            LeagueMember.objects.filter(pk=joined.pk).update(number=2)

    @pytest.mark.parametrize("changed", [{"week": NEXT_WEEK}, {"player_id": 0}])
    def test_a_member_stays(self, changed: dict[str, Any]) -> None:
        joined = self.join(self.group())

        with pytest.raises(DatabaseError, match="Cannot update rows"):
            LeagueMember.objects.filter(pk=joined.pk).update(**changed)

    def test_a_finished_group_takes_nobody(self) -> None:
        group = self.group(finished_at=NOON)

        with pytest.raises(DatabaseError, match="This league group is finished"):
            self.join(group)

    def test_a_group_is_finished_with_an_outcome_for_everybody(self) -> None:
        group = self.group()
        self.join(group)

        with pytest.raises(DatabaseError, match="when all of its members have their outcome"):
            LeagueGroup.objects.filter(pk=group.pk).update(finished_at=NOON)

    @pytest.mark.parametrize(
        ("tier", "outcome"), [(1, "FELL"), (5, "ROSE")], ids=["bronze", "diamant"]
    )
    def test_no_way_out_of_the_ends(self, tier: int, outcome: str) -> None:
        joined = self.join(self.group(tier=tier))

        with pytest.raises(DatabaseError, match="Nobody falls from the lowest tier"):
            LeagueMember.objects.filter(pk=joined.pk).update(outcome=outcome, place=1, points=10)

    def test_how_a_week_has_ended_stays(self) -> None:
        (anna,) = players_with(10)
        update_all(WEEK_ENDS)

        with pytest.raises(DatabaseError, match="How a league week has ended stays"):
            LeagueMember.objects.filter(player=anna).update(outcome="ROSE")

    def test_a_group_is_finished_once(self) -> None:
        self.group(finished_at=NOON)

        with pytest.raises(DatabaseError, match="Cannot update"):
            LeagueGroup.objects.update(finished_at=NOON + DAY)

    @pytest.mark.parametrize("changed", [{"tier": 2}, {"number": 2}, {"week": NEXT_WEEK}])
    def test_a_group_stays_what_it_is(self, changed: dict[str, Any]) -> None:
        self.group()

        with pytest.raises(DatabaseError, match="Cannot update"):
            LeagueGroup.objects.update(**changed)

    @pytest.mark.parametrize(
        ("changed", "constraint"),
        [
            ({"tier": 0}, "leaguegroup_tier_exists"),
            ({"tier": 6}, "leaguegroup_tier_exists"),
            ({"week": TODAY}, "leaguegroup_week_begins_on_monday"),
        ],
    )
    def test_a_group_that_cannot_be(self, changed: dict[str, Any], constraint: str) -> None:
        with pytest.raises(IntegrityError, match=constraint):
            self.group(**changed)

    def test_a_group_number_is_given_once(self) -> None:
        self.group()

        with pytest.raises(IntegrityError, match="leaguegroup_number_once"):
            self.group()

    @pytest.mark.parametrize("tier", [0, 6])
    def test_a_tier_that_does_not_exist(self, tier: int) -> None:
        with pytest.raises(IntegrityError, match="leagueplayer_tier_exists"):
            in_tier(PlayerFactory.create(), tier)

    @pytest.mark.parametrize(
        "changed",
        [
            {"outcome": "ROSE"},
            {"outcome": "ROSE", "place": 0, "points": 10},
            {"outcome": "ROSE", "place": 31, "points": 10},
            {"outcome": "ROSE", "place": 1, "points": 0},
            {"outcome": "ROSE", "place": 1, "points": 10, "left_at": NOON},
            {"outcome": "LEFT"},
            {"outcome": "LEFT", "left_at": NOON, "place": 1},
            {"outcome": "WON", "place": 1, "points": 10},
            {"place": 1},
            {"points": 1},
        ],
    )
    def test_an_outcome_that_is_not_whole(self, changed: dict[str, Any]) -> None:
        joined = self.join(self.group())

        with pytest.raises(IntegrityError, match="leaguemember_outcome_is_whole"):
            LeagueMember.objects.filter(pk=joined.pk).update(**changed)

    def test_two_do_not_share_a_place(self) -> None:
        players = players_with(20, 10)
        update_all(WEEK_ENDS)

        with (
            pytest.raises(IntegrityError, match="leaguemember_place_once"),
            behind_the_guards() as cursor,
        ):
            cursor.execute(
                "UPDATE game_leaguemember SET place = 1 WHERE player_id = %s", [players[1].pk]
            )

    @pytest.mark.parametrize("model", [LeagueGroup, LeagueMember])
    def test_nothing_is_deleted(self, model: Any) -> None:
        players_with(10)
        update_all(NOON)

        with pytest.raises(DatabaseError, match="permission denied"):
            model.objects.all()._raw_delete("default")


@pytest.mark.django_db(transaction=True)
class TestConcurrency:
    def last_place(self, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
        """Let two players who wait for the last place of a group look at once."""
        newcomers(29)
        update_all(NOON + DAY)
        first, second = newcomers(2, now=NOON + 2 * DAY)
        # Only who comes after them is placed by either.
        monkeypatch.setattr(leagues, "PLACED_AT_ONCE", 1)
        meet_after(monkeypatch, leagues, "_fill")
        now = NOON + 3 * DAY
        return run_together(
            partial(leagues.of_player, player=first, now=now),
            partial(leagues.of_player, player=second, now=now),
        )

    def test_two_for_the_last_place_of_a_group(self, monkeypatch: pytest.MonkeyPatch) -> None:
        results = self.last_place(monkeypatch)

        assert [type(result).__name__ for result in results] == ["League", "League"]
        sizes = Counter(LeagueMember.objects.values_list("group__number", flat=True))
        assert sizes == {1: 30, 2: 1}

    def test_without_the_lock_the_constraint_turns_one_of_them_away(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the test above can fail: take the lock away, and it must."""
        monkeypatch.setattr(advisory_locks, "lock", lambda *_: None)

        results = self.last_place(monkeypatch)

        # Both have seen the same one who has waited longest, and put the same player there.
        sizes = Counter(LeagueMember.objects.values_list("group__number", flat=True))
        assert sizes != {1: 30, 2: 1}
        assert sum(sizes.values()) == 31
        assert {type(result).__name__ for result in results} <= {
            "League",
            "IntegrityError",
            "ProgrammingError",
        }

    def finish_twice(self, monkeypatch: pytest.MonkeyPatch, *, looks: bool) -> list[Any]:
        """Let the job finish a week twice at once, or once while a player looks."""
        players = players_with(*range(10, 310, 10))
        update_all(NOON + DAY)
        meet_after(monkeypatch, leagues, "_standings")
        job = partial(leagues.update, now=WEEK_ENDS)
        other = partial(leagues.of_player, player=players[0], now=WEEK_ENDS) if looks else job
        results = run_together(job, other)
        self.players = players
        return results

    @pytest.mark.parametrize("looks", [False, True], ids=["two jobs", "a job and a player"])
    def test_a_week_that_two_finish_at_once_ends_once(
        self, monkeypatch: pytest.MonkeyPatch, looks: bool
    ) -> None:
        results = self.finish_twice(monkeypatch, looks=looks)

        assert not [result for result in results if isinstance(result, Exception)]
        assert tiers(self.players) == [1] * 23 + [2] * 7
        assert [member(player).place for player in self.players] == list(range(30, 0, -1))

    def test_without_the_lock_a_constraint_turns_one_of_them_away(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the test above can fail: take the lock away, and it must."""
        monkeypatch.setattr(advisory_locks, "lock", lambda *_: None)

        results = self.finish_twice(monkeypatch, looks=False)

        assert "ProgrammingError" in {type(result).__name__ for result in results} or (
            "InternalError" in {type(result).__name__ for result in results}
        )
        assert tiers(self.players) == [1] * 23 + [2] * 7

    def test_leaving_waits_for_who_finishes_the_week(self) -> None:
        players = players_with(20, 10)
        update_all(NOON)

        results = overlap(
            partial(leagues.update, now=WEEK_ENDS),
            partial(leagues.opt_out, player=players[0], now=WEEK_ENDS),
        )

        assert results == [1, None]
        assert (member(players[0]).outcome, member(players[0]).left_at) == ("ROSE", None)


@pytest.mark.django_db
class TestSeason:
    """Two hundred players over six weeks, one of which has a change of the clock."""

    # Monday to Monday; summer time ends on 25 October.
    FIRST_WEEK = date(2026, 10, 5)
    WEEKS = 6

    def test_players_are_conserved_and_every_group_is_valid(self) -> None:
        chance = random.Random(2026)
        players = PlayerFactory.create_batch(200)
        expected = dict.fromkeys((player.pk for player in players), 1)
        quitter = players[0]
        unchecked = []
        for number in range(self.WEEKS):
            week = self.FIRST_WEEK + number * ONE_WEEK
            present = {quitter, *chance.sample(players, chance.randrange(120, 190))}
            self.play(present, week, chance)
            if number == 2:
                update_all(self.instant(week, 6, 19))
                leagues.opt_out(player=quitter, now=self.instant(week, 6, 20))
            if number == 4:
                leagues.opt_in(player=quitter, now=self.instant(week, 6, 20))
            unchecked.append((week, present))
            if number == 3:
                continue  # Nobody looks on the next Monday, and the job comes a week late.
            now = self.instant(week + ONE_WEEK, 0, 0)
            by_who_looks(chance.sample(sorted(present, key=lambda one: one.pk), 5), now)
            update_all(now)
            while unchecked:
                self.check(*unchecked.pop(0), expected)
        self.check_all(players)

    def instant(self, week: date, day: int, hour: int) -> datetime:
        """Return an hour in Berlin on a day of the week."""
        local = datetime.combine(week + day * DAY, datetime.min.time()).replace(hour=hour)
        return local.replace(tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)

    def play(self, present: set[Player], week: date, chance: random.Random) -> None:
        """Let the players earn something on a few days of the week."""
        for player in sorted(present, key=lambda one: one.pk):
            for day in sorted(chance.sample(range(7), chance.randrange(1, 4))):
                hour = chance.randrange(24)
                earn_many(
                    player,
                    10 * chance.randrange(1, 8),
                    now=self.instant(week, day, hour) + chance.randrange(3600) * SECOND,
                )

    def check(self, week: date, present: set[Player], expected: dict[int, int]) -> None:
        """Hold a finished week against what is known of it, and move the tiers on."""
        members = LeagueMember.objects.filter(week=week).select_related("group")
        assert {one.player_id for one in members} <= {player.pk for player in present}
        assert all(one.outcome for one in members)
        groups: dict[int, list[LeagueMember]] = {}
        for one in members:
            assert one.group is not None
            assert one.group.tier == expected[one.player_id]
            groups.setdefault(one.group_id or 0, []).append(one)
            step = {"ROSE": 1, "FELL": -1}.get(one.outcome, 0)
            expected[one.player_id] = one.group.tier + step
        for group in groups.values():
            placed = [one for one in group if one.place is not None]
            assert len(group) <= 30
            assert sorted(one.number or 0 for one in group) == list(range(1, len(group) + 1))
            assert sorted(one.place or 0 for one in placed) == list(range(1, len(placed) + 1))
            rose = sum(one.outcome == "ROSE" for one in group)
            fell = sum(one.outcome == "FELL" for one in group)
            assert rose <= 7
            assert fell <= 5

    def check_all(self, players: list[Player]) -> None:
        """Hold the whole season against the points that were earned."""
        stored = LeaguePlayer.objects.all()
        assert {one.player_id for one in stored} <= {player.pk for player in players}
        assert all(1 <= one.tier <= 5 for one in stored)
        assert not LeagueMember.objects.waiting().exists()
        assert not LeagueGroup.objects.filter(finished_at=None).exists()
        # Everybody with points has had a week, unless out of the leagues.
        weeks = set(WeekPoints.objects.values_list("player", "week"))
        played = set(LeagueMember.objects.values_list("player", "week"))
        assert played <= weeks
        assert [player for player, _ in weeks - played] == [players[0].pk]
        assert max(tiers([one.player for one in stored])) == 5
