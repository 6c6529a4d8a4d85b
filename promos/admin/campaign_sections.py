"""How a campaign does: the sections below the facts of its page."""

from typing import Any

from django.http import (
    HttpRequest,
)
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from promos import (
    approvals,
    charts,
    products,
    statistics,
)
from promos.admin import uplift
from promos.admin.codes import code_buttons
from promos.admin.looks import looks
from promos.models import (
    Batch,
    Campaign,
    CampaignStatus,
    Code,
)
from promos.rules import Reason
from quizarena.staff import approvals as second_person
from quizarena.staff import audit, dates
from quizarena.staff.desk import (
    age,
    badge,
    link,
    object_link,
)
from quizarena.staff.models import ApprovalRequest

STATUS_COLOURS = {
    CampaignStatus.DRAFT: "info",
    CampaignStatus.ACTIVE: "success",
    CampaignStatus.PAUSED: "warning",
    CampaignStatus.EXPIRED: "default",
    CampaignStatus.DEPLETED: "primary",
    CampaignStatus.ENDED: "danger",
}
RESERVATIONS_SHOWN = 20
BATCHES_SHOWN = 20
AUDIT_SHOWN = 30
DAYS_SHOWN = 30
HOURS_SHOWN = 72


def status_badge(campaign: Campaign) -> SafeString:
    """Return the campaign's status in its colour."""
    status = CampaignStatus(campaign.status)
    return badge(status.label, STATUS_COLOURS[status])


def results(request: HttpRequest, campaign: Campaign) -> dict[str, Any]:
    """Return what the page shows below the terms."""
    now = timezone.now()
    hourly = request.GET.get("by", "hour" if statistics.is_short(campaign, now=now) else "day")
    by_hour = hourly == "hour"
    tried = statistics.attempts(campaign)
    funnel = statistics.funnel(campaign, attempts=sum(tried.values()))
    spans = (
        statistics.by_hour(campaign, hours=HOURS_SHOWN, now=now)
        if by_hour
        else statistics.by_day(campaign, days=DAYS_SHOWN, now=now)
    )
    left = funnel.used - funnel.refunded
    return {
        "now": now,
        "status": status_badge(campaign),
        "window_bar": charts.window_bar(campaign, now=now),
        "uses_bar": charts.limit_bar(campaign.applied, campaign.reserved, campaign.uses_max),
        "stars_bar": charts.limit_bar(
            campaign.stars_given, campaign.stars_reserved, campaign.stars_max, unit="★"
        )
        if campaign.is_discount
        else None,
        "given": None if campaign.is_discount else statistics.goods_given(campaign, left),
        "waiting": _waiting(campaign),
        "releasing": campaign.reserved if campaign.killed_at else 0,
        "revoking": charts.limit_bar(funnel.refunded, 0, funnel.used, unit="taken back")
        if campaign.revoking_since
        else None,
        "funnel": charts.funnel_rows(funnel, is_discount=campaign.is_discount),
        "flow": charts.flow_chart(spans, by_hour=by_hour),
        "by_hour": by_hour,
        "refusals": _refusals(tried),
        "sales": _sales(campaign) if campaign.is_discount else None,
        "reservations": _reservations(campaign) if campaign.is_discount else None,
        "uplift": uplift.section(campaign),
        "looks": looks(campaign),
        "reservations_more": max(0, funnel.reserved - RESERVATIONS_SHOWN),
        "codes": _codes(campaign),
        "code_buttons": code_buttons(request, campaign),
        "links": _links(request, campaign),
        "audit": {
            "headers": ["When", "Who", "What"],
            "rows": [
                [age(entry.at), entry.actor or "System", entry.summary]
                for entry in audit.of_object(campaign)[:AUDIT_SHOWN]
            ],
        },
    }


def asked_about(campaign: Campaign) -> ApprovalRequest | None:
    """Return what a second person has to decide about the campaign, if there is it."""
    waiting = second_person.waiting_about(
        [campaign], kind=(approvals.START, approvals.REVOKE), now=timezone.now()
    )
    return waiting.get(str(campaign.pk))


def _waiting(campaign: Campaign) -> SafeString | None:
    """Return a link to what a second person has to decide about the campaign, if there is it."""
    asked = asked_about(campaign)
    if asked is None:
        return None
    moment = dates.moment(asked.asked_at)
    return object_link(
        asked, f"{second_person.label_of(asked.kind)}, asked by {asked.maker} at {moment}"
    )


def _refusals(tried: dict[str, int]) -> dict[str, Any]:
    """Return why codes were refused, with the error code that the player got."""
    counted = [(detail, times) for detail, times in tried.items() if detail]
    whole = sum(times for _, times in counted)
    return {
        "headers": ["Reason", "Error code", "Times", "Share"],
        "rows": [
            [
                detail.replace("_", " ").lower(),
                Reason(detail).refusal.value if detail in set(Reason) else "–",
                f"{times:,}",
                f"{times / whole:.0%}",
            ]
            for detail, times in counted
        ],
    }


def _sales(campaign: Campaign) -> dict[str, Any]:
    """Return what the discounts have sold, with the revenue and what it would have been."""
    return {
        "headers": ["Product", "Sold", "Stars paid", "Without the discount"],
        "rows": [
            [sale.product_code, f"{sale.times:,}", f"{sale.stars_paid:,}", f"{sale.stars_full:,}"]
            for sale in products.sales_of(campaign)
        ],
    }


def _reservations(campaign: Campaign) -> dict[str, Any]:
    """Return the reservations that run out next, with what is left of their time."""
    return {
        "headers": ["Player", "Takes off", "Runs out"],
        "rows": [
            [
                object_link(reservation.player),
                f"{reservation.stars_off:,} Stars" if reservation.stars_off else "–",
                "locked for payment"
                if reservation.is_locked_for_payment or reservation.reserved_until is None
                else format_html(
                    '<time data-countdown="{}">{}</time>',
                    reservation.reserved_until.isoformat(),
                    f"{timezone.localtime(reservation.reserved_until):%H:%M:%S}",
                ),
            ]
            for reservation in statistics.reservations(campaign, limit=RESERVATIONS_SHOWN)
        ],
    }


def _codes(campaign: Campaign) -> dict[str, Any]:
    """Return the shared code, the imported ones, and the batches of the campaign."""
    rows: list[list[object]] = [
        [
            format_html("<strong>{}</strong>", code.label),
            "shared by all",
            "revoked" if code.revoked_at else "good",
        ]
        for code in Code.objects.filter(campaign=campaign, batch=None, is_shared=True).order_by(
            "-pk"
        )
    ]
    if imported := statistics.imported_codes(campaign):
        rows.append(["imported", f"{imported:,} codes", "good"])
    for batch in campaign.batches.order_by("-pk")[:BATCHES_SHOWN]:
        name = batch.prefix or "no prefix"
        rows.append(
            [
                format_html("{} ({})", object_link(batch, f"Batch {batch.pk}"), name),
                f"{batch.made:,} of {batch.size:,} codes",
                _state_of(batch),
            ]
        )
    return {"headers": ["Codes", "How many", "State"], "rows": rows}


def _links(request: HttpRequest, campaign: Campaign) -> list[SafeString]:
    """Return links to the lists of what belongs to the campaign, for who may see them."""
    query = f"campaign__id__exact={campaign.pk}"
    return [
        link(name, f"promos_{model}_changelist", query=query)
        for name, model in (
            ("Attempts", "attempt"),
            ("Redemptions", "redemption"),
            ("Batches", "batch"),
        )
        if request.user.has_perm(f"promos.view_{model}")
    ]


def _state_of(batch: Batch) -> str:
    """Return where a batch stands."""
    if batch.revoked_at:
        return "revoked"
    if batch.made < batch.size:
        return f"being made, {batch.made / batch.size:.0%}"
    return "downloaded" if batch.downloaded_at else "to be downloaded"
