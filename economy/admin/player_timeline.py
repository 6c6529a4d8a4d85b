"""What the economy shows on a player's page: facts, buttons and the timeline."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from economy import wallets
from economy.admin.ledger import why
from economy.admin.wallets import player_buttons, premium_of
from economy.energy import FREE_CAP
from economy.models import (
    EntryType,
    LedgerEntry,
    PremiumSpan,
    Streak,
    Wallet,
)
from economy.statements import moved
from economy.timeline import minute
from quizarena.players import timeline as timelines
from quizarena.players.admin import (
    Fact,
    button_source,
    fact_source,
)
from quizarena.players.models import Player
from quizarena.staff import dates
from quizarena.staff.desk import (
    link,
    object_link,
)


@fact_source
def holdings_of_player(request: HttpRequest, player: Player) -> Iterable[Fact]:
    """Say what the player owns now and how long the streak is, for who may see wallets."""
    if not request.user.has_perm("economy.view_wallet"):
        return
    now = timezone.now()
    wallet = Wallet.objects.filter(player=player).first()
    energy = wallets.energy_of(wallet, now=now) if wallet else None
    yield Fact(label="Premium", value=_premium_with_origin(player, now=now))
    yield Fact(
        label="Energy",
        value=f"{energy.free if energy else FREE_CAP} of {FREE_CAP} free, "
        f"{wallet.paid_energy if wallet else 0:,} paid",
    )
    if wallet and (wallet.streak_savers or wallet.duel_tickets):
        owned = f"{wallet.streak_savers:,} streak savers, {wallet.duel_tickets:,} duel tickets"
        yield Fact(label="Also owns", value=owned)
    streak = Streak.objects.filter(player=player).first()
    if streak is not None:
        counted = f"{streak.current:,} {'day' if streak.current == 1 else 'days'}"
        last = f"last active {dates.day(streak.last_active_day)}"
        yield Fact(label="Streak", value=f"{counted}, {last}, best {streak.best:,}")


def _premium_with_origin(player: Player, *, now: datetime) -> str | SafeString:
    """Return the plan, its end and the entry of the ledger that it comes from, if there is one."""
    spans = PremiumSpan.objects.live(now).filter(player=player).select_related("entry")
    span, shown = spans.first(), premium_of(player, now=now)
    if span is None:
        return shown
    origin = object_link(span.entry, span.entry.get_type_display())
    return format_html("{}, from: {}", shown, origin)


button_source(player_buttons)


def _entry_line(entry: LedgerEntry, player: Player) -> timelines.Line:
    return timelines.Line(
        what=link(moved(entry), "economy_ledgerentry_change", entry.pk),
        detail=why(entry),
    )


def _entries(player: Player) -> QuerySet[LedgerEntry]:
    return LedgerEntry.objects.filter(player=player).select_related("staff")


def _premium_line(span: PremiumSpan, player: Player) -> timelines.Line:
    status = span.status(timezone.now()).label
    what = f"Premium {span.plan.title()}: {minute(span.starts_at)} – {minute(span.until)}"
    return timelines.Line(
        what=link(what, "economy_ledgerentry_change", span.entry_id), detail=status
    )


timelines.declare(
    timelines.Kind(
        code="ledger",
        label="Ledger",
        permission="economy.view_ledgerentry",
        streams=(
            timelines.Stream(
                name="entry",
                rows=lambda player: _entries(player).exclude(type=EntryType.QUESTION),
                order=("created_at", "id"),
                at=lambda entry: entry.created_at,
                line=_entry_line,
            ),
        ),
    )
)
timelines.declare(
    timelines.Kind(
        code="questions",
        label="Energy for questions",
        permission="economy.view_ledgerentry",
        is_frequent=True,
        streams=(
            timelines.Stream(
                name="question",
                rows=lambda player: _entries(player).filter(type=EntryType.QUESTION),
                order=("created_at", "id"),
                at=lambda entry: entry.created_at,
                line=_entry_line,
            ),
        ),
    )
)
timelines.declare(
    timelines.Kind(
        code="premium",
        label="Premium",
        permission="economy.view_wallet",
        streams=(
            timelines.Stream(
                name="premium",
                # By the end, which has the index; spans are laid behind each other.
                rows=lambda player: PremiumSpan.objects.filter(player=player),
                order=("ends_at", "id"),
                at=lambda span: span.laid_at,
                line=_premium_line,
            ),
        ),
    )
)
