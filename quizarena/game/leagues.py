"""Leagues: a place in a group for each week's players, and what the end of the week brings.

The week's first points enter a player (a trigger, quizarena/game/models/points.py). Places are
given in that order by whoever comes first, a player who looks or the job; and so is a week
finished. Both happen under one lock, so that they follow each other as if one had done it all.
Product rules, section 11.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import connection, transaction

from economy.wallets import business_zone
from quizarena import advisory_locks
from quizarena.advisory_locks import Space
from quizarena.game import leaderboards, league_rules, points
from quizarena.game.leaderboards import Board
from quizarena.game.league_rules import GROUP_SIZE, Outcome, Tier
from quizarena.game.models import LeagueGroup, LeagueMember, LeaguePlayer, WeekPoints
from quizarena.players.models import Player

# So many players get their places, and so many groups are finished, in one transaction.
PLACED_AT_ONCE, FINISHED_AT_ONCE = 500, 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How the player's latest finished week has ended."""

    week: date
    tier: Tier
    place: int
    size: int
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class League:
    """A player's league now.

    Without a `board` there are no points this week yet, or the group `is_waiting` to be made.
    """

    tier: Tier
    is_opted_out: bool
    ends_at: datetime
    is_waiting: bool = False
    size: int = 0
    board: Board | None = None
    last: Result | None = None


# --- What players see and choose ------------------------------------------------------------------


def of_player(*, player: Player, now: datetime) -> League:
    """Return the player's league, after doing what is due for it.

    That is to finish the player's last week and to give the player a place in this one; both take
    the lock of the leagues, and only when there is something to do.
    """
    week = points.this_week(now)
    _finish_of(player, week=week, now=now)
    member = _place_of(player, week=week, now=now)
    stored = LeaguePlayer.objects.filter(player=player).first()
    tier = Tier(stored.tier) if stored else Tier.BRONZE
    is_opted_out = stored is not None and stored.opted_out_at is not None
    board, size = None, 0
    if member is not None and member.group is not None and member.left_at is None:
        group = _members(member.group)
        size = len(group)
        rows = WeekPoints.objects.filter(week=week, player__in=group)
        board = leaderboards.of_rows(rows, player=player)
    return League(
        tier=tier,
        is_opted_out=is_opted_out,
        ends_at=league_rules.ends_at(week, zone=business_zone()),
        is_waiting=member is not None and member.group is None and member.left_at is None,
        size=size,
        board=board,
        last=_last_result(player),
    )


@transaction.atomic
def opt_out(*, player: Player, now: datetime) -> None:
    """Take the player out of the leagues at once; tier and points are kept.

    This week's group goes on without the player, who neither rises nor falls. Takes the lock of the
    leagues.
    """
    advisory_locks.lock(Space.LEAGUES)
    LeaguePlayer.objects.update_or_create(player=player, defaults={"opted_out_at": now})
    this_week = LeagueMember.objects.of_week(points.this_week(now)).filter(player=player)
    this_week.filter(left_at=None, outcome="").update(left_at=now)


@transaction.atomic
def opt_in(*, player: Player, now: datetime) -> None:
    """Let the player take part again: in the group that was left this week, or in a new one.

    Takes the lock of the leagues.
    """
    advisory_locks.lock(Space.LEAGUES)
    week = points.this_week(now)
    LeaguePlayer.objects.filter(player=player).update(opted_out_at=None)
    this_week = LeagueMember.objects.of_week(week).filter(player=player)
    if this_week.filter(outcome="").update(left_at=None):
        return
    if WeekPoints.objects.filter(player=player, week=week, points__gt=0).exists():
        LeagueMember.objects.get_or_create(player=player, week=week, defaults={"joined_at": now})


def is_opted_out(player: Player) -> bool:
    """Return whether the player has left the leagues."""
    return LeaguePlayer.objects.filter(player=player, opted_out_at__isnull=False).exists()


def _finish_of(player: Player, *, week: date, now: datetime) -> None:
    """Finish the groups of the player's earlier weeks, of which there is one at most."""
    open_groups = LeagueGroup.objects.filter(
        week__lt=week, finished_at=None, members__player=player
    )
    waits = LeagueMember.objects.waiting().filter(player=player, week__lt=week)
    if not waits.exists() and not open_groups.exists():
        return
    with transaction.atomic():
        advisory_locks.lock(Space.LEAGUES)
        _place_before(week, now=now)
        _finish(open_groups.values_list("pk", flat=True), now=now)


def _place_of(player: Player, *, week: date, now: datetime) -> LeagueMember | None:
    """Return the player's week, with a place in a group unless too many wait before it."""
    member = _member(player, week=week)
    if member is None or member.group is not None or member.left_at is not None:
        return member
    with transaction.atomic():
        advisory_locks.lock(Space.LEAGUES)
        _place_before(week, now=now)
        _place(week, now=now)
    return _member(player, week=week)


def _member(player: Player, *, week: date) -> LeagueMember | None:
    weeks = LeagueMember.objects.of_week(week).select_related("group")
    return weeks.filter(player=player).first()


def _members(group: LeagueGroup) -> list[int]:
    """Return the players of a group who have not left it."""
    return list(group.members.filter(left_at=None).values_list("player", flat=True))


def _last_result(player: Player) -> Result | None:
    finished = LeagueMember.objects.filter(player=player, place__isnull=False)
    member = finished.select_related("group").order_by("-week").first()
    if member is None:
        return None
    assert member.group is not None
    assert member.place is not None
    return Result(
        week=member.week,
        tier=Tier(member.group.tier),
        place=member.place,
        size=len(_members(member.group)),
        outcome=Outcome(member.outcome),
    )


# --- What the job does ----------------------------------------------------------------------------


def update(*, now: datetime) -> int:
    """Give places to those who wait and finish weeks that are over, a batch of each.

    Return how many players and groups that were; 0 when nothing is left. One transaction under the
    lock of the leagues, which is not taken when there is nothing to do.
    """
    week = points.this_week(now)
    unfinished = LeagueGroup.objects.filter(week__lt=week, finished_at=None).order_by("week", "id")
    if not LeagueMember.objects.waiting().exists() and not unfinished.exists():
        return 0
    with transaction.atomic():
        advisory_locks.lock(Space.LEAGUES)
        # Of earlier weeks all: a week is finished when each of its players has a place.
        done = _place_before(week, now=now)
        due = list(unfinished.values_list("pk", flat=True)[:FINISHED_AT_ONCE])
        _finish(due, now=now)
        return done + len(due) + _place(week, now=now)


# --- Under the lock -------------------------------------------------------------------------------


def _place_before(week: date, *, now: datetime) -> int:
    """Give a place to everybody who waits for one in an earlier week; return how many."""
    placed = 0
    while (first := LeagueMember.objects.waiting().filter(week__lt=week).first()) is not None:
        placed += _place(first.week, now=now)
    return placed


def _place(week: date, *, now: datetime) -> int:
    """Give places in groups of their tiers to those who have waited longest; return how many.

    Their tiers are those that their earlier weeks have led to, which are finished first.
    """
    waiting = list(LeagueMember.objects.waiting().of_week(week)[:PLACED_AT_ONCE])
    if not waiting:
        return 0
    players = [member.player_id for member in waiting]
    earlier = LeagueGroup.objects.filter(
        week__lt=week, finished_at=None, members__player__in=players
    )
    # One for each at most: a place in a week finishes that of the week before.
    _finish(earlier.values_list("pk", flat=True).distinct(), now=now)
    LeaguePlayer.objects.bulk_create(
        [LeaguePlayer(player_id=player) for player in players], ignore_conflicts=True
    )
    tiers = dict(LeaguePlayer.objects.filter(player__in=players).values_list("player", "tier"))
    by_tier: defaultdict[Tier, list[LeagueMember]] = defaultdict(list)
    for member in waiting:
        by_tier[Tier(tiers[member.player_id])].append(member)
    for tier, members in by_tier.items():
        _fill(members, week=week, tier=tier)
    placed = [(member.pk, member.group_id, member.number) for member in waiting]
    with connection.cursor() as cursor:
        cursor.execute(_WRITE_PLACES, [list(column) for column in zip(*placed, strict=True)])
    return len(waiting)


def _fill(members: Sequence[LeagueMember], *, week: date, tier: Tier) -> None:
    """Give the members, in their order, the next places of the tier's last group and new ones."""
    group = LeagueGroup.objects.filter(week=week, tier=tier).order_by("-number").first()
    number, taken = (group.number, group.members.count()) if group is not None else (0, GROUP_SIZE)
    if group is not None and group.finished_at is not None:
        taken = GROUP_SIZE  # What is over takes nobody: who comes that late has another group.
    for member in members:
        if taken == GROUP_SIZE:
            number, taken = number + 1, 0
            group = LeagueGroup.objects.create(week=week, tier=tier, number=number)
        taken += 1
        member.group, member.number = group, taken


def _finish(group_ids: Iterable[int], *, now: datetime) -> None:
    """Finish groups of weeks that are over: places, outcomes, and the tiers of the next week.

    Of two with as many points the one who had them first is ahead. Who has left has no place.
    """
    due = list(LeagueGroup.objects.filter(pk__in=list(group_ids), finished_at=None).order_by("pk"))
    if not due:
        return
    written: list[tuple[int, int, int, str, int, int]] = []
    for tier, standing in _standings(due):
        for place, (member_id, player_id, earned) in enumerate(standing, 1):
            outcome = league_rules.outcome(place, size=len(standing), tier=tier)
            next_tier = league_rules.next_tier(tier, outcome)
            written.append((member_id, place, earned, outcome.value, player_id, next_tier.value))
    left = LeagueMember.objects.filter(group__in=due, left_at__isnull=False, outcome="")
    left.update(outcome=Outcome.LEFT.value)
    if written:
        member_ids, places, earned_points, outcomes, players, tiers = map(
            list, zip(*written, strict=True)
        )
        with connection.cursor() as cursor:
            cursor.execute(_WRITE_OUTCOMES, [member_ids, places, earned_points, outcomes])
            cursor.execute(_WRITE_TIERS, [players, tiers])
    LeagueGroup.objects.filter(pk__in=[group.pk for group in due]).update(finished_at=now)


def _standings(
    groups: Collection[LeagueGroup],
) -> list[tuple[Tier, list[tuple[int, int, int]]]]:
    """Return for each group its tier, and member, player and points of everybody, best first."""
    members: defaultdict[int, list[tuple[int, int, int]]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_STANDINGS, [[group.pk for group in groups]])
        for group_id, *row in cursor.fetchall():
            members[group_id].append((row[0], row[1], row[2]))
    return [(Tier(group.tier), members[group.pk]) for group in groups]


_STANDINGS = """
SELECT member.group_id, member.id, member.player_id, counted.points
FROM game_leaguemember AS member
JOIN game_weekpoints AS counted
  ON counted.player_id = member.player_id AND counted.week = member.week
WHERE member.group_id = ANY(%s) AND member.left_at IS NULL
ORDER BY member.group_id, counted.points DESC, counted.reached_at, member.player_id
"""
_WRITE_PLACES = """
UPDATE game_leaguemember AS member SET group_id = found.group_id, number = found.number
FROM unnest(%s::bigint[], %s::bigint[], %s::smallint[]) AS found (id, group_id, number)
WHERE member.id = found.id
"""
_WRITE_OUTCOMES = """
UPDATE game_leaguemember AS member
SET place = found.place, points = found.points, outcome = found.outcome
FROM unnest(%s::bigint[], %s::smallint[], %s::smallint[], %s::text[])
  AS found (id, place, points, outcome)
WHERE member.id = found.id
"""
_WRITE_TIERS = """
UPDATE game_leagueplayer AS player SET tier = found.tier
FROM unnest(%s::bigint[], %s::smallint[]) AS found (player_id, tier)
WHERE player.player_id = found.player_id AND player.tier <> found.tier
"""


# --- What staff see -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A line of a group's table: the place so far, or the one with which the week has ended."""

    place: int | None
    member: LeagueMember
    points: int


def standings(group: LeagueGroup) -> list[Standing]:
    """Return the members of a group, best first, who has left last."""
    members = list(group.members.select_related("player"))
    weeks = WeekPoints.objects.filter(
        week=group.week, player__in=[member.player_id for member in members]
    )
    counted = {row.player_id: row for row in weeks}
    members.sort(
        key=lambda one: (
            one.left_at is not None,
            one.place or 0,
            -counted[one.player_id].points,
            counted[one.player_id].reached_at,
            one.player_id,
        )
    )
    return [
        Standing(
            place=None if member.left_at else place,
            member=member,
            points=member.points or counted[member.player_id].points,
        )
        for place, member in enumerate(members, 1)
    ]
