"""Leaderboards and leagues in words; see bot/chat/phrases.py."""

from collections.abc import Iterator
from enum import StrEnum
from html import escape

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bot.chat import dates
from quizarena.game import league_rules
from quizarena.game.leaderboards import Board, Entry
from quizarena.game.league_rules import Outcome, Tier
from quizarena.game.leagues import League, Result
from quizarena.game.models import POINTS, POINTS_PER_DAY, PointKind
from quizarena.players import names
from quizarena.players.models import Player

MEDALS = {1: "🥇", 2: "🥈", 3: "🥉"}
TIER_SIGNS = {
    Tier.BRONZE: "🟤",
    Tier.SILBER: "⚪",
    Tier.GOLD: "🟡",
    Tier.PLATIN: "🔵",
    Tier.DIAMANT: "💎",
}


class Tab(StrEnum):
    """What the screen can show; its data is on old messages."""

    DAY = "day"
    WEEK = "week"
    FRIENDS = "friends"
    LEAGUE = "league"


def tab(which: Tab, *, is_shown: bool) -> str:
    """Return the label of a tab's button."""
    label = {
        Tab.DAY: _("Today"),
        Tab.WEEK: _("This week"),
        Tab.FRIENDS: _("Friends"),
        Tab.LEAGUE: _("My league"),
    }[which]
    return f"· {label} ·" if is_shown else label


def board(which: Tab, shown: Board, *, viewer: Player) -> str:
    """Return the board of the day or the week."""
    if which is Tab.DAY:
        title = _("🏆 <b>Today's points</b>")
        none_yet = _("You have no points today yet.")
    else:
        title = _("🏆 <b>This week's points</b>")
        none_yet = _("You have no points this week yet.")
    return _page(title, shown, viewer=viewer, none_yet=none_yet)


def friends(shown: Board, *, viewer: Player, has_friends: bool) -> str:
    """Return the week's board of the player's friends."""
    title = _("🏆 <b>This week's points: you and your friends</b>")
    if not has_friends:
        lonely = _(
            "Your friends are those whom you have invited, who have invited you, or with whom you "
            "have had a duel."
        )
        title = f"{title}\n\n{lonely}"
    none_yet = _("You have no points this week yet.")
    return _page(title, shown, viewer=viewer, none_yet=none_yet)


def _page(title: str, shown: Board, *, viewer: Player, none_yet: str) -> str:
    lines = [title, ""]
    if shown.first:
        lines += _lines(shown, viewer=viewer)
    else:
        lines.append(_("Nobody has any points yet. Be the first!"))
    if shown.own is None:
        if shown.first:
            lines += ["", none_yet]
    elif shown.own.place is None:
        lines += ["", _share(shown.per_cent)]
    return "\n".join([*lines, "", rules()])


def _share(per_cent: int | None) -> str:
    """Return about where one is who is not among those that are counted one by one."""
    if per_cent is None:
        return _("Your place is being counted; look again in a minute.")
    return _("You are among the first {per_cent} % (counted once a minute).").format(
        per_cent=per_cent
    )


def _lines(shown: Board, *, viewer: Player) -> Iterator[str]:
    """Yield the first, and the player with those around, each line once."""
    yield from (_line(entry, viewer=viewer) for entry in shown.first)
    around = [entry for entry in shown.around if not _is_among(entry, shown.first)]
    if around and around[0].place != len(shown.first) + 1:
        yield "…"
    yield from (_line(entry, viewer=viewer) for entry in around)


def _is_among(entry: Entry, others: object) -> bool:
    assert isinstance(others, list | tuple)
    return any(entry.player.pk == other.player.pk for other in others)


def _line(entry: Entry, *, viewer: Player) -> str:
    place = MEDALS.get(entry.place or 0) or (f"{entry.place}." if entry.place else "•")
    name = escape(names.public_name(entry.player, viewer=viewer))
    line = f"{place} {name} · {entry.points}"
    return f"<b>{line}</b> ◀️" if entry.player.pk == viewer.pk else line


def rules() -> str:
    """Return what brings points."""
    text = _(
        "{answer} points for a right answer, {daily} more for finishing the daily challenge, {won} "
        "for a duel won and {drawn} for one drawn, at most {most} a day. An answer that comes too "
        "fast to have read the question brings none."
    ).format(
        answer=POINTS[PointKind.ANSWER],
        daily=POINTS[PointKind.DAILY],
        won=POINTS[PointKind.DUEL_WON],
        drawn=POINTS[PointKind.DUEL_DRAWN],
        most=POINTS_PER_DAY,
    )
    return f"<i>{text}</i>"


def league(shown: League, *, viewer: Player) -> str:
    """Return the player's group, who of it rises and falls, and how the last week has ended."""
    title = _("{sign} <b>League: {tier}</b>").format(
        sign=TIER_SIGNS[shown.tier], tier=tier_name(shown.tier)
    )
    last = [_result(shown.last), ""] if shown.last else []
    if shown.is_opted_out:
        state = [_("You do not take part in the leagues. You can change that in /settings.")]
    elif shown.is_waiting:
        state = [_("Your group is being put together; look again in a minute.")]
    elif shown.board is None:
        state = [
            _(
                "Your first points of the week bring you into a group of up to {most} players. "
                "It plays until {when}."
            ).format(most=league_rules.GROUP_SIZE, when=dates.short(shown.ends_at))
        ]
    else:
        until = ngettext(
            "{size} player, until {when}", "{size} players, until {when}", shown.size
        ).format(size=shown.size, when=dates.short(shown.ends_at))
        lines = [*_lines(shown.board, viewer=viewer)]
        last_shown = [*shown.board.first, *shown.board.around][-1].place
        if last_shown is not None and last_shown < shown.size:
            lines.append("…")
        state = [until, "", *lines, "", *_moves(shown)]
    return "\n".join([title, "", *last, *state])


def _moves(shown: League) -> Iterator[str]:
    """Yield which places of the group as it is now rise and fall."""
    if rising := league_rules.rising(shown.size, tier=shown.tier):
        above = tier_name(league_rules.next_tier(shown.tier, Outcome.ROSE))
        yield _("⬆️ Up to {tier}: place {places}").format(tier=above, places=_places(1, rising))
    if falling := league_rules.falling(shown.size, tier=shown.tier):
        below = tier_name(league_rules.next_tier(shown.tier, Outcome.FELL))
        places = _places(shown.size - falling + 1, shown.size)
        yield _("⬇️ Down to {tier}: place {places}").format(tier=below, places=places)
    if not rising and not falling:
        yield _("As soon as there are more players, the best of them rise.")


def _places(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}–{last}"


def _result(last: Result) -> str:
    """Return how the player's last week has ended."""
    went = _("Week of {day}: place {place} of {size} in {tier}.").format(
        day=dates.short_day(last.week),
        place=last.place,
        size=last.size,
        tier=tier_name(last.tier),
    )
    following = tier_name(league_rules.next_tier(last.tier, last.outcome))
    match last.outcome:
        case Outcome.ROSE:
            return went + " " + _("🎉 Up to {tier}!").format(tier=following)
        case Outcome.FELL:
            return went + " " + _("You go on in {tier}.").format(tier=following)
        case _outcome:
            return went + " " + _("You stay in {tier}.").format(tier=following)


def tier_name(tier: Tier) -> str:
    """Return the name of a tier."""
    return {
        Tier.BRONZE: _("Bronze"),
        Tier.SILBER: _("Silver"),
        Tier.GOLD: _("Gold"),
        Tier.PLATIN: _("Platinum"),
        Tier.DIAMANT: _("Diamond"),
    }[tier]
