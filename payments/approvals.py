"""When a refund needs a second person, and what staff see of it beforehand. Product rules, 5.7.

Staff refund up to the limit REFUND_ALONE of their role at once, and up to its limit REFUND_DAY on
a day of business; what goes beyond waits in quizarena.staff.approvals. Lock order: the member of
staff, the request for approval, Purchase.
"""

from datetime import datetime, time, timedelta
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Sum

from economy.adjustments import lock_staff
from economy.goods import Goods
from economy.layout import Piece, lay_out
from economy.models import LedgerEntry, ModeSpan, PremiumSpan, Span
from economy.statements import mode_name
from economy.timeline import minute
from economy.wallets import business_zone
from payments import refunds
from payments.errors import NotRefundableError
from payments.models import PAID, XTR, Purchase, Refund, RefundSource, Subscription
from quizarena.staff import approvals, limits, reasons
from quizarena.staff.models import ApprovalRequest

# The kind of request for approval.
REFUND = refunds.APPROVAL
HEADERS = ("What", "Before", "After")

_REFUNDING = ("Support", "Finance", "Administrator", limits.API_CLIENTS)
REFUND_ALONE = limits.Kind(
    name="refund-alone",
    label="One refund",
    unit="Stars",
    defaults=lambda: dict.fromkeys(_REFUNDING, settings.REFUND_APPROVAL_STARS),
)
# Of clients of the API: what all of them refund within 24 hours.
REFUND_DAY = limits.Kind(
    name="refund-day",
    label="Refunds of one person on a day",
    unit="Stars",
    defaults=lambda: dict.fromkeys(_REFUNDING, settings.REFUND_DAILY_STARS),
)

Row = tuple[str, str, str]


def register() -> None:
    """Make refunds and their limits known to quizarena.staff."""
    limits.declare(REFUND_ALONE)
    limits.declare(REFUND_DAY)
    approvals.register(
        kind=REFUND,
        label="Refund",
        permission="payments.approve_refund",
        preview=_preview,
        perform=_perform,
        refusals=(NotRefundableError,),
        headers=HEADERS,
        takes_time=True,
    )


@transaction.atomic
def request(
    *, purchase_id: UUID, reason: str, staff: User, now: datetime
) -> Refund | ApprovalRequest:
    """Refund the purchase, or ask a second person where one has to agree; return what there is now.

    Locks the member of staff, so that two refunds at once do not pass the day's limit together;
    then what `refunds.ask` or `approvals.ask` lock. Raises NotRefundableError, and the errors of
    quizarena.staff for a bad reason or for a request that is open already.
    """
    lock_staff(staff)
    purchase = refundable(purchase_id)
    if why_a_second_person(purchase=purchase, staff=staff, now=now):
        return approvals.ask(
            kind=REFUND,
            subject=purchase,
            title=title(purchase),
            parameters={},
            reason=reason,
            maker=staff,
            now=now,
        )
    return refunds.ask(
        purchase_id=purchase_id,
        source=RefundSource.STAFF,
        reason=reasons.normalise(reason),
        staff=staff,
        now=now,
    )


def title(purchase: Purchase) -> str:
    """Return what a refund is of: ⭐ 249 – @anna – Premium Season."""
    is_in_stars = purchase.paid_currency == XTR
    paid = f"{purchase.paid_stars:,}"
    return " – ".join(
        (
            f"⭐ {paid}" if is_in_stars else f"{paid} {purchase.paid_currency}",
            str(purchase.player),
            purchase.product.title("en") if purchase.product else "unknown product",
        )
    )


def why_a_second_person(*, purchase: Purchase, staff: User, now: datetime) -> str:
    """Return why `staff` cannot refund the paid purchase alone; empty if they can."""
    stars = purchase.paid_stars or 0
    alone = limits.of(REFUND_ALONE.name, staff=staff)
    if stars > alone:
        return f"it is more than {alone:,} Stars"
    today, limit = refunded_today(staff=staff, now=now), limits.of(REFUND_DAY.name, staff=staff)
    if today + stars > limit:
        return f"you have refunded {today:,} of at most {limit:,} Stars today"
    return ""


def refunded_today(*, staff: User, now: datetime) -> int:
    """Return how many Stars `staff` have refunded on this day of business without anybody else."""
    midnight = datetime.combine(
        now.astimezone(business_zone()).date(), time.min, tzinfo=business_zone()
    )
    alone = Refund.objects.filter(staff=staff, approved_by=None, asked_at__gte=midnight)
    stars: int = alone.aggregate(stars=Sum("purchase__paid_stars", default=0))["stars"]
    return stars


def refundable(purchase_id: UUID | str) -> Purchase:
    """Return the purchase. Raises NotRefundableError unless a refund can be asked for."""
    beside = ("player", "product", "credit_entry")
    purchase = Purchase.objects.select_related(*beside).get(pk=purchase_id)
    if purchase.refund_asked_at is not None:
        raise NotRefundableError("It has been refunded, or a refund is under way.")
    if purchase.status not in PAID:
        raise NotRefundableError(f"It is {purchase.get_status_display()}: nothing was paid.")
    if purchase.player.deleted_at is not None:
        raise NotRefundableError("The player is deleted: nobody is there to get the Stars.")
    return purchase


def _preview(*, request: ApprovalRequest, now: datetime) -> list[Row]:
    """Return what a refund would do, for the request and for whoever approves it."""
    return preview(purchase=refundable(request.subject_id), now=now)


def _perform(*, request: ApprovalRequest, now: datetime) -> None:
    """Refund, in the name of who asked for it and with who agreed."""
    refunds.ask(
        purchase_id=UUID(request.subject_id),
        source=RefundSource.STAFF,
        reason=request.reason,
        staff=request.maker,
        approved_by=request.decided_by,
        now=now,
    )


# --- What a refund would do -----------------------------------------------------------------------


def preview(*, purchase: Purchase, now: datetime) -> list[Row]:
    """Return in words what a refund would take back, what is spent and what the player keeps.

    The rows change when what they are about does, not as time goes by: approvals compare them.
    """
    currency = "Stars" if purchase.paid_currency == XTR else purchase.paid_currency
    paid = f"{purchase.paid_stars:,} {currency}"
    rows = [("Stars", f"{paid} from {purchase.player}", "given back")]
    if Subscription.objects.filter(pk=purchase.renews_id or purchase.pk, canceled_at=None).exists():
        rows.append(("Subscription", "renews every 30 days", "does not renew any more"))
    goods, entry = purchase.delivers, purchase.credit_entry
    if goods is None or entry is None:
        return [*rows, ("Goods", "nothing was delivered", "nothing to take back")]
    plan = refunds.preview_reversal(purchase=purchase, now=now)
    for name, units in goods.units.items():
        if units:
            spent = plan.shortfall.get(name, 0)
            rows.append(
                (
                    _words(name),
                    f"{units:,} delivered, {spent:,} spent" if spent else f"{units:,} delivered",
                    f"{plan.taken.get(name, 0):,} taken back",
                )
            )
    return [*rows, *_of_time(goods, entry, now=now)]


def _of_time(goods: Goods, entry: LedgerEntry, *, now: datetime) -> list[Row]:
    """Return what would become of Premium and modes, and of what lies behind them."""
    spans: list[Span] = []
    for model in (PremiumSpan, ModeSpan):
        rows = model._default_manager.live(now).select_related("entry")
        spans += rows.filter(player=entry.player_id)
    lanes = [*(["PREMIUM"] if goods.premium else []), *goods.mode_codes]
    changes: list[Row] = []
    for lane in lanes:
        lying = [span for span in spans if span.lane == lane]
        mine = [span for span in lying if span.entry_id == entry.pk]
        others = {span.entry_id: span for span in lying if span.entry_id != entry.pk}
        name = (
            f"Premium {goods.premium.title()}"
            if lane == "PREMIUM" and goods.premium
            else mode_name(lane)
        )
        changes += [
            (name, f"{minute(span.starts_at)} – {minute(span.ends_at)}", "taken away")
            for span in mine
        ] or [(name, "is over", "nothing to take back")]
        for piece in lay_out([_piece(span) for span in others.values()], now=now):
            span = others[piece.grant]
            if piece.starts_at < span.starts_at:
                moves = "begins at once" if piece.starts_at <= now else "moves forward"
                changes.append(
                    (
                        f"{_name(span)} ({span.entry.get_type_display()})",
                        f"begins {minute(span.starts_at)}",
                        f"{moves}, keeps all {_length(_piece(span).left(now))}",
                    )
                )
    return changes


def _piece(span: Span) -> Piece:
    return Piece(
        grant=span.entry_id, rank=span.rank, starts_at=span.starts_at, ends_at=span.ends_at
    )


def _name(span: Span) -> str:
    return f"Premium {span.plan.title()}" if isinstance(span, PremiumSpan) else mode_name(span.lane)


def _length(time_left: timedelta) -> str:
    """Return a length of time in days and hours."""
    days, hours = time_left.days, time_left.seconds // 3_600
    parts = [f"{days} days"] if days else []
    return " ".join([*parts, *([f"{hours} h"] if hours or not days else [])])


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()
