"""Leagues at the desk: the groups of all weeks, and how each of them stands or has ended."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.decorators import display

from quizarena.game import league_rules, leagues, points
from quizarena.game.league_rules import Tier
from quizarena.game.leagues import Standing
from quizarena.game.models import (
    TIER_NAMES,
    LeagueGroup,
    LeagueMember,
    PointEvent,
    WeekPoints,
)
from quizarena.players import names
from quizarena.players.admin import TimelineSection, timeline_source
from quizarena.players.models import Player
from quizarena.staff import dates
from quizarena.staff.desk import ReadOnlyAdmin, age, badge, object_link

SECTION_LENGTH = 10
OUTCOME_COLOURS = {"ROSE": "success", "STAYED": "info", "FELL": "warning", "LEFT": "primary"}


@admin.register(LeagueGroup)
class LeagueGroupAdmin(ReadOnlyAdmin[LeagueGroup]):
    """The groups of all weeks, the latest first."""

    list_display = ("of_week", "of_tier", "group", "members", "state")
    list_filter = ("tier",)
    linked_lookups = ("week",)
    # Backwards over the index of the numbers.
    ordering = ("-week", "-tier", "-number")
    fieldsets = ((None, {"fields": (("of_week", "of_tier", "group"), ("members", "state"))}),)
    change_form_outer_after_template = "game/league_group.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[LeagueGroup]:
        """Return the groups with their members, of whom there are thirty at most."""
        return super().get_queryset(request).prefetch_related("members")

    @display(description="Week of")
    def of_week(self, group: LeagueGroup) -> str:
        return dates.day(group.week)

    @display(description="Tier")
    def of_tier(self, group: LeagueGroup) -> str:
        return TIER_NAMES[Tier(group.tier)]

    @display(description="Group")
    def group(self, group: LeagueGroup) -> str:
        return f"{group.number:,}"

    @display(description="Players")
    def members(self, group: LeagueGroup) -> str:
        """Return how many have a place in the group, and how many of them have left."""
        found = list(group.members.all())
        left = sum(member.left_at is not None for member in found)
        return f"{len(found)}, {left} left" if left else str(len(found))

    @display(description="State")
    def state(self, group: LeagueGroup) -> SafeString:
        """Return whether the week goes on, is over, or waits to be finished."""
        if group.finished_at is not None:
            return badge("finished", "primary")
        if group.week < points.this_week(timezone.now()):
            return badge("to be finished", "warning")
        return badge("playing", "success")

    def page_context(self, request: HttpRequest, obj: LeagueGroup) -> dict[str, Any]:
        """Return the standings for their template."""
        standings = leagues.standings(obj)
        size = sum(standing.place is not None for standing in standings)
        links = request.user.has_perm("players.view_player")
        return {
            "standings": {
                "headers": ["Place", "Player", "Shown as", "Points", "Joined", "Outcome"],
                "rows": [
                    _row(standing, group=obj, size=size, links=links) for standing in standings
                ],
            }
        }


def _row(standing: Standing, *, group: LeagueGroup, size: int, links: bool) -> list[object]:
    """Return a line of a group's table; before its end with what would become of it now."""
    member = standing.member
    player = member.player
    outcome: str | SafeString
    if member.left_at is not None:
        outcome = badge("left the leagues", OUTCOME_COLOURS["LEFT"])
    elif member.outcome:
        outcome = badge(member.get_outcome_display(), OUTCOME_COLOURS[member.outcome])
    else:
        assert standing.place is not None
        so_far = league_rules.outcome(standing.place, size=size, tier=Tier(group.tier))
        outcome = {"ROSE": "would rise", "FELL": "would fall"}.get(so_far.value, "would stay")
    return [
        str(standing.place or "–"),
        object_link(player) if links else str(player),
        names.public_name(player),
        f"{standing.points:,}",
        age(member.joined_at),
        outcome,
    ]


@timeline_source
def leagues_of_player(request: HttpRequest, player: Player) -> TimelineSection | None:
    """Show the latest weeks with their points and leagues, for who may see points."""
    if not request.user.has_perm("game.view_pointevent"):
        return None
    weeks = list(WeekPoints.objects.filter(player=player).order_by("-week")[:SECTION_LENGTH])
    found = LeagueMember.objects.filter(player=player, week__in=[row.week for row in weeks])
    members = {member.week: member for member in found.select_related("group")}
    return TimelineSection(
        title="Latest weeks in the leagues",
        headers=["Week of", "Points", "League", "Place", "Outcome"],
        rows=[
            [dates.day(row.week), f"{row.points:,}", *_week(members.get(row.week))] for row in weeks
        ],
    )


def _week(member: LeagueMember | None) -> list[object]:
    if member is None:
        return ["not in the leagues", "–", "–"]
    if member.group is None:
        return ["left the leagues" if member.left_at else "waits for a group", "–", "–"]
    return [
        object_link(member.group),
        str(member.place or "–"),
        member.get_outcome_display() if member.outcome else "playing",
    ]


@timeline_source
def points_of_player(request: HttpRequest, player: Player) -> TimelineSection | None:
    """Show what has brought the latest points, and how much of it counted."""
    if not request.user.has_perm("game.view_pointevent"):
        return None
    events = PointEvent.objects.filter(player=player).order_by("-pk")[:SECTION_LENGTH]
    return TimelineSection(
        title="Latest points",
        headers=["When", "For", "Key", "Earned", "Counted", "Day", "Week"],
        rows=[
            [
                age(event.at),
                event.get_kind_display(),
                event.key,
                str(event.earned),
                str(event.points),
                f"{event.day_total:,}",
                f"{event.week_total:,}",
            ]
            for event in events
        ],
    )
