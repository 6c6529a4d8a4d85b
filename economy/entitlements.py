"""What a player may do until when: Premium and access to modes. Product rules, section 6.

How granted time lies is computed in economy/layout.py; who grants it and takes it back is
economy/grants.py. Nothing here has to run for a plan to expire or for the next one to start.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Least

from economy.goods import Goods, Plan
from economy.layout import Piece, lay_out
from economy.models import (
    LedgerEntry,
    ModeSpan,
    NoticeKind,
    PremiumNotice,
    PremiumSpan,
    Span,
    SpanQuerySet,
)
from quizarena.players.models import Player
from quizarena.prepared import insert, prepared

# Open to everybody; every other mode needs Premium or a grant.
FREE_MODES = frozenset({"QUICK_MIX_A1A2", "ARTIKEL_SPRINT", "DAILY_CHALLENGE"})

# How long before its end Premium is announced to end: at most, and more than. An end that nobody
# noticed in time (we were away) is still worth a notice for three days.
NOTICE_WINDOWS = {
    NoticeKind.THREE_DAYS_LEFT: (timedelta(hours=72), timedelta(hours=24)),
    NoticeKind.ONE_DAY_LEFT: (timedelta(hours=24), timedelta(0)),
    NoticeKind.ENDED: (timedelta(0), timedelta(hours=-72)),
}

AnySpan = TypeVar("AnySpan", bound=Span)


# --- Questions ------------------------------------------------------------------------------------


def premium_at(*, player: Player, at: datetime) -> Plan | None:
    """Return the plan the player has, had or will have at `at`. One query.

    A past instant is answered as it was then, whatever has been revoked since.
    """
    plan = _plans_at.first(player_id=player.pk, at=at)
    return Plan(plan) if plan else None


@prepared
def _plans_at(*, player_id: int, at: datetime) -> QuerySet[PremiumSpan, str]:
    spans = PremiumSpan.objects.active(at).filter(player_id=player_id)
    return spans.values_list("plan", flat=True)


@prepared
def _modes_at(*, player_id: int, at: datetime) -> QuerySet[ModeSpan, str]:
    spans = ModeSpan.objects.active(at).filter(player_id=player_id)
    return spans.values_list("mode", flat=True)


def premium_until(*, player: Player, now: datetime) -> datetime | None:
    """Return the end of the player's Premium, over all plans that follow each other, if any."""
    until = None
    for span in PremiumSpan.objects.live(now).filter(player=player):
        if span.starts_at <= (until or now):
            until = span.ends_at
    return until


def can_play(*, player: Player, mode: str, at: datetime) -> bool:
    """Return whether `mode` is open to the player at `at`."""
    return (
        mode in FREE_MODES
        or premium_at(player=player, at=at) is not None
        or mode in _modes_at.rows(player_id=player.pk, at=at)
    )


def open_modes(*, player: Player, at: datetime) -> frozenset[str] | None:
    """Return the modes that are open to the player at `at`; None with Premium: all of them are."""
    if premium_at(player=player, at=at) is not None:
        return None
    return FREE_MODES.union(_modes_at.rows(player_id=player.pk, at=at))


def modes_until(*, player: Player, now: datetime) -> dict[str, datetime]:
    """Return until when the modes that have been granted and are open at `now` stay so.

    By code, so that players always read them in the same order.
    """
    until: dict[str, datetime] = {}
    for span in ModeSpan.objects.live(now).filter(player=player):
        if span.starts_at <= until.get(span.mode, now):
            until[span.mode] = span.ends_at
    return dict(sorted(until.items()))


class Reason(StrEnum):
    """Why a mode is open or not; the first that holds."""

    PREMIUM = "PREMIUM"
    MODE_GRANT = "MODE_GRANT"
    FREE_MODE = "FREE_MODE"
    LOCKED = "LOCKED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Why a mode was open or locked: `span` is what opened it or, locked, what did so last."""

    reason: Reason
    span: Span | None = None

    @property
    def is_open(self) -> bool:
        """Whether the mode could be played."""
        return self.reason is not Reason.LOCKED

    @property
    def until(self) -> datetime | None:
        """Return until when the span lasts or has lasted, if there is one."""
        return self.span.until if self.span else None

    @property
    def entry(self) -> LedgerEntry | None:
        """Return the grant that the span comes from, if there is one."""
        return self.span.entry if self.span else None


def explain_access(*, player: Player, mode: str, at: datetime) -> Access:
    """Return why `mode` is open or locked to the player at `at`, as it was then."""
    premium = PremiumSpan.objects.select_related("entry").filter(player=player)
    access = ModeSpan.objects.select_related("entry").filter(player=player, mode=mode)
    if plan := premium.active(at).first():
        return Access(reason=Reason.PREMIUM, span=plan)
    if grant := access.active(at).first():
        return Access(reason=Reason.MODE_GRANT, span=grant)
    if mode in FREE_MODES:
        return Access(reason=Reason.FREE_MODE)
    over: list[Span | None] = [_latest(premium.begun(at)), _latest(access.begun(at))]
    last = max(filter(None, over), key=lambda span: span.until, default=None)
    return Access(reason=Reason.LOCKED, span=last)


def _latest(spans: SpanQuerySet[AnySpan]) -> AnySpan | None:
    """Return the span that was over last."""
    # For PostgreSQL what is NULL is not the least.
    return spans.order_by(Least("ends_at", "revoked_at").desc()).first()


# --- Changes, with the player's wallet locked -----------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What is left of a grant: of its Premium, and of each of its modes."""

    premium: timedelta
    modes: Mapping[str, timedelta]


def left(*, entry: LedgerEntry, now: datetime) -> Left:
    """Return what is left of the grant `entry` at `now`."""
    premium = _time_left(PremiumSpan.objects.live(now).filter(entry=entry), at=now)
    modes = _time_left(ModeSpan.objects.live(now).filter(entry=entry), at=now)
    return Left(premium=sum(premium.values(), timedelta()), modes=modes)


def add(*, entry: LedgerEntry, goods: Goods) -> None:
    """Entitle the player of the grant `entry`, just posted, to the Premium and modes of `goods`.

    The entry has locked the player's wallet, and all happens at its instant: nobody has laid out
    this player's time later than that. A higher plan starts at once and what is left of a lower one
    follows it; the same plan follows itself, and so does access to a mode.
    """
    at = entry.created_at
    if goods.premium:
        _add(
            _live_premium.rows(player_id=entry.player_id, at=at),
            [PremiumSpan(player_id=entry.player_id, entry=entry, plan=goods.premium)],
            time=goods.premium_time,
            at=at,
        )
    if goods.mode_codes:
        _add(
            ModeSpan.objects.filter(player=entry.player_id, mode__in=goods.mode_codes).live(at),
            [
                ModeSpan(player_id=entry.player_id, entry=entry, mode=mode)
                for mode in goods.mode_codes
            ],
            time=goods.mode_time,
            at=at,
        )


@prepared
def _live_premium(*, player_id: int, at: datetime) -> QuerySet[PremiumSpan]:
    return PremiumSpan.objects.filter(player=player_id).live(at)


def revoke(*, entry: LedgerEntry, goods: Goods, at: datetime) -> Left:
    """Take away what is left of the grant `entry` of `goods` at `at`, and return it.

    The caller holds the lock of the player's wallet, and no entry of it is later than `at`. What
    lies behind moves forward; nobody else's time and nothing that has passed is touched.
    """
    premium: Mapping[str, timedelta] = {}
    modes: Mapping[str, timedelta] = {}
    if goods.premium:
        spans = PremiumSpan.objects.filter(player=entry.player_id)
        premium = _revoke(spans, entry=entry, at=at)
    if goods.mode_codes:
        access = ModeSpan.objects.filter(player=entry.player_id, mode__in=goods.mode_codes)
        modes = _revoke(access, entry=entry, at=at)
    return Left(premium=sum(premium.values(), timedelta()), modes=modes)


def _add(
    lying: Iterable[AnySpan], arriving: Sequence[AnySpan], *, time: timedelta, at: datetime
) -> None:
    """Lay out what is `lying` already and, with `time` each, what is `arriving`."""
    for span in arriving:
        span.starts_at, span.ends_at = at, at + time
    _write(type(arriving[0]), _laid_out([*lying, *arriving], at=at))


def _revoke(
    spans: SpanQuerySet[AnySpan], *, entry: LedgerEntry, at: datetime
) -> Mapping[str, timedelta]:
    """Revoke what is left of `entry` among `spans`, lay out the others; return what was left."""
    lying = list(spans.live(at))
    revoked = [span for span in lying if span.entry_id == entry.pk]
    for span in revoked:
        span.revoked_at = span.laid_at = at
    others = [span for span in lying if span.entry_id != entry.pk]
    _write(spans.model, [*revoked, *_laid_out(others, at=at)])
    return _time_left(revoked, at=at)


def _laid_out(spans: Sequence[AnySpan], *, at: datetime) -> list[AnySpan]:
    """Give each span its place from `at` on; return those that change and those that are new."""
    changes: list[AnySpan] = []
    for lane in {span.lane for span in spans}:
        by_grant = {span.entry_id: span for span in spans if span.lane == lane}
        for piece in lay_out([_piece(span) for span in by_grant.values()], now=at):
            span = by_grant[piece.grant]
            is_new = span.pk is None
            if not is_new and piece == _piece(span):
                continue
            span.laid_at = at
            if not is_new and span.starts_at < at:
                # It has begun, and a higher plan goes before the rest of it.
                rest = copy(span)
                rest.pk = None
                span.ends_at = at
                changes.append(span)
                span = rest
            span.starts_at, span.ends_at = piece.starts_at, piece.ends_at
            changes.append(span)
    return changes


def _write(model: type[AnySpan], changes: Sequence[AnySpan]) -> None:
    """Keep the spans that have changed, then those that are new: one statement each."""
    spans = model._default_manager
    if moved := [span for span in changes if span.pk]:
        spans.bulk_update(moved, ["starts_at", "ends_at", "revoked_at", "laid_at"])
    new = [span for span in changes if not span.pk]
    if len(new) == 1:
        insert(new[0])  # As nearly always; it takes half the time.
    elif new:
        spans.bulk_create(new)


def _piece(span: Span) -> Piece:
    """Return the span as the layout sees it."""
    return Piece(
        grant=span.entry_id, rank=span.rank, starts_at=span.starts_at, ends_at=span.ends_at
    )


def _time_left(spans: Iterable[Span], *, at: datetime) -> dict[str, timedelta]:
    """Return by lane how much of `spans`, one for each lane, is to come at `at`."""
    return {span.lane: _piece(span).left(at) for span in spans}


# --- Notices --------------------------------------------------------------------------------------


def premium_notices(*, now: datetime, limit: int) -> int:
    """Create the notices that Premium ends soon or has ended; return how many are new.

    There is a notice 72 h and 24 h before each end and when it has come, once per player and
    instant and none after its time. An end that another plan follows is none. Safe to run twice at
    once.
    """
    written = 0
    for kind, (at_most, more_than) in NOTICE_WINDOWS.items():
        known = PremiumNotice.objects.filter(
            player=OuterRef("player"), ends_at=OuterRef("ends_at"), kind=kind
        )
        due = PremiumSpan.objects.final().filter(
            ~Exists(known), ends_at__lte=now + at_most, ends_at__gt=now + more_than
        )
        notices = [
            PremiumNotice(
                player_id=span.player_id, span=span, ends_at=span.ends_at, kind=kind, created_at=now
            )
            for span in due.order_by("ends_at")[: limit - written]
        ]
        PremiumNotice.objects.bulk_create(notices, ignore_conflicts=True)
        written += len(notices)
    return written


def is_timely(*, notice: PremiumNotice, now: datetime) -> bool:
    """Return whether `notice` may still be sent: its window is not over."""
    _, more_than = NOTICE_WINDOWS[NoticeKind(notice.kind)]
    return notice.ends_at - now > more_than


def mark_notified(*, notice_ids: Collection[int], now: datetime) -> int:
    """Mark the notices as delivered; return how many were not marked before."""
    return PremiumNotice.objects.filter(pk__in=notice_ids, notified_at=None).update(notified_at=now)
