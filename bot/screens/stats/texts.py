"""Streak and statistics in words; see bot/chat/phrases.py."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from html import escape

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bot.chat import phrases
from economy.streak_rules import EARN_BACK_ROUNDS, Outcome
from economy.streaks import EarnBack
from quizarena.game.models import Badge, BadgeKind
from quizarena.game.statistics import Accuracy
from quizarena.game.tournament_rules import CUPS_IN_A_ROW


def earn_back_offer(offer: EarnBack, *, now: datetime) -> str:
    """Return how a lost streak can be earned back, how far the player is, and until when."""
    offered = ngettext(
        "💪 Earn your streak of {days} day back: {rounds} rounds with ten right answers. "
        "Done: {done}. The chance is gone {wait}.",
        "💪 Earn your streak of {days} days back: {rounds} rounds with ten right answers. "
        "Done: {done}. The chance is gone {wait}.",
        offer.length,
    )
    return offered.format(
        days=offer.length,
        rounds=EARN_BACK_ROUNDS,
        done=offer.rounds_done,
        wait=phrases.time_until(offer.until - now),
    )


DAY_SIGNS = {
    Outcome.PLAYED: "🟩",
    Outcome.FROZEN_SAVER: "🛟",
    Outcome.FROZEN_PREMIUM: "👑",
    Outcome.SHIELDED: "🛡",
    Outcome.EARNED_BACK: "🟨",
    Outcome.MISSED: "🟥",
}


MEDALS = {BadgeKind.CUP_FIRST: "🥇", BadgeKind.CUP_SECOND: "🥈", BadgeKind.CUP_THIRD: "🥉"}


def stats(
    *,
    current: int,
    best: int,
    earn_back: EarnBack | None,
    calendar: Sequence[tuple[date, Outcome]],
    badges: Sequence[Badge],
    modes: Sequence[Accuracy],
    levels: Sequence[Accuracy],
    now: datetime,
) -> str:
    """Return the streak with this month's days, and the accuracy per mode and level.

    `earn_back` is a lost streak that can still be had back.
    """
    lines = [
        _("📊 <b>Your statistics</b>"),
        "",
        ngettext("🔥 Streak: {days} day", "🔥 Streak: {days} days", current).format(days=current)
        + " · "
        + _("best: {best}").format(best=best),
    ]
    if earn_back:
        lines += [earn_back_offer(earn_back, now=now)]
    if calendar:
        lines += ["", *_weeks(calendar)]
    if badges:
        lines += ["", _("🏅 Daily cups: {badges}").format(badges=_badges(badges))]
    if modes:
        lines += ["", _("<b>Right answers</b>")]
        lines += [_accuracy(phrases.mode_name(accuracy.of), accuracy) for accuracy in modes]
        lines += [_accuracy(accuracy.of, accuracy) for accuracy in levels]
    else:
        lines += ["", _("Play a round, and you will find it here.")]
    return "\n".join(lines)


def _badges(badges: Sequence[Badge]) -> str:
    """Return how often each of the first places was reached, and the row of cups."""
    kinds = [badge.kind for badge in badges]
    parts = [f"{medal} × {kinds.count(kind)}" for kind, medal in MEDALS.items() if kind in kinds]
    if BadgeKind.CUPS_IN_A_ROW in kinds:
        parts.append(_("{count} cups in a row").format(count=CUPS_IN_A_ROW))
    return ", ".join(parts)


def _weeks(calendar: Sequence[tuple[date, Outcome]]) -> list[str]:
    """Return the days as rows of seven, Monday first, days before the first one left out."""
    signs = dict(calendar)
    first, last = calendar[0][0], calendar[-1][0]
    monday = first - timedelta(days=first.weekday())
    rows = []
    while monday <= last:
        week = [monday + timedelta(days=number) for number in range(7)]
        rows.append("".join(DAY_SIGNS[signs[day]] if day in signs else "⬜" for day in week))
        monday += timedelta(days=7)
    return rows


def _accuracy(name: str, accuracy: Accuracy) -> str:
    """Return one line of the accuracy: name, share, and of how many."""
    return f"{escape(name)}: {accuracy.percent} % ({accuracy.right}/{accuracy.answered})"
