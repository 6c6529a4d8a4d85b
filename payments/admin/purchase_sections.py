"""What has happened to one purchase: the sections below the facts of its page."""

from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from payments import rechecks, reconciliation
from payments.admin.purchase_display import (
    SECTION_LENGTH,
    STATUS_COLOURS,
    asked_by,
    breaking,
    entry_link,
    healed_badge,
    received_facts,
    refund_badge,
)
from payments.models import (
    EventKind,
    Purchase,
    PurchaseEvent,
    PurchaseStatus,
    Refund,
    StarTransaction,
)
from quizarena.players.admin import TimelineSection
from quizarena.staff.desk import (
    age,
    badge,
    exactly,
    object_link,
)
from quizarena.staff.models import ApprovalRequest


def sections_of(request: HttpRequest, purchase: Purchase) -> list[TimelineSection]:
    """Return those that have something to show to this user: refund first, reconciliation last."""
    sections = [
        _refund(purchase),
        _approvals(request, purchase),
        _rechecks(purchase),
        _timeline(purchase),
        _telegram(purchase),
        _differences(request, purchase),
    ]
    return [section for section in sections if section]


def _timeline(purchase: Purchase) -> TimelineSection:
    events = list(purchase.events.order_by("pk"))
    ids = {event.evidence.get(name) for event in events for name in ("staff", "approved_by")}
    names = {user.pk: str(user) for user in User.objects.filter(pk__in=ids - {None})}
    return TimelineSection(
        title="Timeline",
        headers=["When", "What", "Status then", "Evidence"],
        rows=[
            [
                exactly(event.at),
                event.get_kind_display(),
                badge(event.get_status_display(), STATUS_COLOURS[PurchaseStatus(event.status)]),
                _evidence(event, names),
            ]
            for event in events
        ],
    )


def _evidence(event: PurchaseEvent, names: dict[int, str]) -> SafeString | str:
    """Return the evidence as one reads it, with all of it folded behind."""
    facts: dict[str, object] = {}
    for name, value in event.evidence.items():
        if value in ("", None, {}, []):
            continue
        shown: object = value
        if name in ("staff", "approved_by"):
            shown = names.get(value, value)
        elif name == "entry" and event.kind in (EventKind.CREDITED, EventKind.REFUNDED):
            shown = entry_link(value)
        facts[name] = shown
    return received_facts(facts, whole=event.evidence) if facts else "–"


def _refund(purchase: Purchase) -> TimelineSection | None:
    refund = Refund.objects.select_related("staff", "approved_by").filter(purchase=purchase).first()
    if refund is None:
        return None
    next_try = "–" if refund.finished_at else age(refund.due_at)
    return TimelineSection(
        title="Refund",
        headers=["Asked", "By", "Why", "State", "Tries", "Next try", "Last error"],
        rows=[
            [
                object_link(refund, age(refund.asked_at)),
                asked_by(refund),
                refund.reason,
                refund_badge(refund),
                str(refund.tries),
                next_try,
                breaking(refund.last_error or "–"),
            ]
        ],
    )


def _approvals(request: HttpRequest, purchase: Purchase) -> TimelineSection | None:
    if not request.user.has_perm("staff.view_approvalrequest"):
        return None
    asked = ApprovalRequest.objects.about(purchase).select_related("maker", "decided_by")
    rows = [
        [
            object_link(one, age(one.asked_at)),
            str(one.maker),
            one.reason,
            one.status_at(timezone.now()).label,
            str(one.decided_by or "–"),
        ]
        for one in asked[:SECTION_LENGTH]
    ]
    headers = ["Asked", "By", "Why", "State", "Decided by"]
    return TimelineSection(title="Approvals", headers=headers, rows=rows) if rows else None


def _rechecks(purchase: Purchase) -> TimelineSection | None:
    rows = [
        [exactly(entry.at), str(entry.actor or "–"), entry.summary]
        for entry in rechecks.of_purchase(purchase)[:SECTION_LENGTH]
    ]
    return (
        TimelineSection(title="Re-checks", headers=["When", "By", "What"], rows=rows)
        if rows
        else None
    )


def _telegram(purchase: Purchase) -> TimelineSection | None:
    lines: list[StarTransaction] = list(reconciliation.lines_of(purchase)[:SECTION_LENGTH])
    if not lines:
        return None
    return TimelineSection(
        title="Telegram's list",
        headers=["When", "Stars", "Commission of the affiliate", "Charge id", "Read"],
        rows=[
            [
                exactly(line.at),
                ("+" if line.gross_nanostars > 0 else "")
                + reconciliation.in_stars(line.gross_nanostars),
                reconciliation.in_stars(line.commission_nanostars)
                if line.commission_nanostars
                else "–",
                breaking(line.transaction_id),
                age(line.seen_at),
            ]
            for line in lines
        ],
    )


def _differences(request: HttpRequest, purchase: Purchase) -> TimelineSection | None:
    differences = purchase.differences.select_related("run").order_by("-pk")[:SECTION_LENGTH]
    may_see_run = request.user.has_perm("payments.view_reconciliationrun")
    rows = [
        [
            object_link(one.run, age(one.run.started_at))
            if may_see_run
            else age(one.run.started_at),
            one.get_kind_display(),
            healed_badge(one),
            received_facts(one.details, whole=one.details),
        ]
        for one in differences
    ]
    headers = ["Run", "Difference", "State", "Details"]
    return TimelineSection(title="Differences", headers=headers, rows=rows) if rows else None
