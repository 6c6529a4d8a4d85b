"""The entitlements of a player as bars, placed along the time that they take."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from economy.models import ModeSpan, PremiumSpan, Span, SpanStatus
from quizarena.players.models import Player
from quizarena.staff import dates

# Of each kind so many of the latest; the ledger has them all.
SPANS_SHOWN = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A span on the timeline, placed in per cent of its whole length."""

    label: str
    title: str
    status: str
    left: float
    width: float
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """The lanes of what a player was, is and will be entitled to."""

    first: datetime
    last: datetime
    at: float
    lanes: Mapping[str, Sequence[Bar]]


def minute(instant: datetime | None) -> str:
    """Return an instant as staff read it, in the business zone."""
    return dates.moment(instant) if instant else "–"


def timeline(player: Player, *, at: datetime) -> Timeline | None:
    """Return the player's entitlements as they lie, with a mark at `at`; None without any."""
    spans: list[Span] = []
    for model in (PremiumSpan, ModeSpan):
        rows = model._default_manager.filter(player=player).order_by("-starts_at")[:SPANS_SHOWN]
        # Who was revoked before the beginning never lasted.
        spans += [row for row in reversed(rows) if row.until > row.starts_at]
    if not spans:
        return None
    first = min(at, *(row.starts_at for row in spans))
    last = max(at, *(row.until for row in spans))
    whole = last - first

    def place(instant: datetime) -> float:
        return round((instant - first) / whole * 100, 3)

    lanes: dict[str, list[Bar]] = {}
    for row in spans:
        status = row.status(at)
        lanes.setdefault(row.lane, []).append(
            Bar(
                label=row.plan.title() if isinstance(row, PremiumSpan) else "",
                title=f"{minute(row.starts_at)} – {minute(row.until)}, {status.label}",
                status=SpanStatus(status).lower(),
                left=place(row.starts_at),
                width=max(place(row.until) - place(row.starts_at), 0.4),
                url=reverse("admin:economy_ledgerentry_change", args=[row.entry_id]),
            )
        )
    return Timeline(first=first, last=last, at=place(at), lanes=lanes)
