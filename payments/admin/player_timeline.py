"""What a player bought, was offered and asked: in the timeline and summary of the player's page."""

from collections.abc import Iterable

from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join

from payments.admin.offers import outcome, products, trigger_label
from payments.admin.purchase_display import price, product_name, remarks, status_badge
from payments.admin.purchases import next_steps, waiting_refunds
from payments.models import Impression, Purchase, PurchaseEvent, SupportRequest
from quizarena.players import timeline
from quizarena.players.admin import Fact, fact_source
from quizarena.players.models import Player
from quizarena.staff import dates
from quizarena.staff.desk import age, object_link


@fact_source
def last_payment_of_player(request: HttpRequest, player: Player) -> Iterable[Fact]:
    """Say what was bought last, with what can be done about it, and what waits for an answer."""
    if request.user.has_perm("payments.view_purchase"):
        latest = player.purchases.select_related("product").order_by("-opened_at", "-pk").first()
        if latest is not None:
            possible = next_steps(request, latest, waiting_refunds([latest]))
            steps = format_html_join(" ", "{}", ((one,) for one in possible))
            value = format_html(
                "{} for {} Stars, {} {} {}",
                object_link(latest, product_name(latest)),
                price(latest),
                age(latest.opened_at),
                status_badge(latest),
                steps,
            )
            yield Fact(label="Last purchase", value=value)
    if request.user.has_perm("payments.view_supportrequest"):
        waiting = SupportRequest.objects.unanswered().filter(player=player)[:1]
        for asked in waiting:
            value = format_html(
                "{}, {}", object_link(asked, f"no. {asked.pk}"), age(asked.asked_at)
            )
            yield Fact(label="Open support request", value=value)


def _purchases(player: Player) -> QuerySet[Purchase]:
    steps = PurchaseEvent.objects.order_by("pk").only("purchase", "kind", "at")
    return player.purchases.select_related("product").prefetch_related(
        Prefetch("events", queryset=steps)
    )


def _purchase_line(purchase: Purchase, player: Player) -> timeline.Line:
    steps = format_html_join(
        "",
        "<span>{} {}</span>",
        (
            (dates.to_the_second(event.at), event.get_kind_display())
            for event in purchase.events.all()
        ),
    )
    return timeline.Line(
        what=format_html(
            "{} for {} Stars {} {}",
            object_link(purchase, product_name(purchase)),
            price(purchase),
            status_badge(purchase),
            remarks(purchase) if purchase.problem or purchase.flags else "",
        ),
        detail=format_html('<span class="desk-steps">{}</span>', steps),
    )


def _offers(player: Player) -> QuerySet[Impression]:
    return player.impressions.prefetch_related("attributions__purchase")


def _offer_line(impression: Impression, player: Player) -> timeline.Line:
    return timeline.Line(
        what=format_html(
            "{} {}", object_link(impression, trigger_label(impression)), outcome(impression)
        ),
        detail=products(impression),
    )


def _request_line(asked: SupportRequest, player: Player) -> timeline.Line:
    if asked.answered_at is None:
        answered = "Waits for an answer."
    elif asked.answered_by is None:
        answered = "Closed: the player is deleted."
    else:
        answered = f"{asked.answered_by}, {dates.moment(asked.answered_at)}: {asked.answer}"
    return timeline.Line(
        what=object_link(asked, asked.text or "(pictures, no words yet)"), detail=answered
    )


_KINDS = (
    timeline.Kind(
        code="purchases",
        label="Purchases",
        permission="payments.view_purchase",
        streams=(
            timeline.Stream(
                name="purchase",
                rows=_purchases,
                order=("opened_at", "id"),
                at=lambda purchase: purchase.opened_at,
                line=_purchase_line,
            ),
        ),
    ),
    timeline.Kind(
        code="offers",
        label="Offers",
        permission="payments.view_impression",
        streams=(
            timeline.Stream(
                name="offer",
                rows=_offers,
                order=("shown_at", "id"),
                at=lambda impression: impression.shown_at,
                line=_offer_line,
            ),
        ),
    ),
    timeline.Kind(
        code="support",
        label="Support",
        permission="payments.view_supportrequest",
        streams=(
            timeline.Stream(
                name="request",
                rows=lambda player: player.support_requests.select_related("answered_by"),
                order=("id",),
                at=lambda asked: asked.asked_at,
                line=_request_line,
            ),
        ),
    ),
)
for _kind in _KINDS:
    timeline.declare(_kind)
