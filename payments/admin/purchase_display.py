"""How purchases, refunds and differences are shown, wherever they are."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import prefetch_related_objects
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from payments.models import (
    Difference,
    Flag,
    Problem,
    Purchase,
    PurchaseStatus,
    Refund,
)
from quizarena.players.admin import TimelineSection
from quizarena.players.models import Player
from quizarena.staff.desk import (
    age,
    badge,
    format_json,
    link,
    object_link,
    with_code,
)

SECTION_LENGTH = 10
STATUS_COLOURS = {
    PurchaseStatus.CREATED: "info",
    PurchaseStatus.INVOICE_SENT: "info",
    PurchaseStatus.PRECHECKOUT_OK: "info",
    PurchaseStatus.PAID_UNCREDITED: "warning",
    PurchaseStatus.CREDITED: "success",
    PurchaseStatus.CREDIT_REVIEW: "danger",
    PurchaseStatus.REFUNDED: "primary",
    PurchaseStatus.FAILED: "",
}
# What to do about a payment in review.
ADVICE = {
    Problem.AMOUNT: "Refund it. Replay the credit only if we charged the wrong amount.",
    Problem.CURRENCY: "Re-check the payment with Telegram, then refund it.",
    Problem.UNKNOWN_PAYLOAD: "Unknown product. Refund this payment.",
    Problem.FOREIGN_PLAYER: "Refund the payer. A replay delivers the goods to the payer.",
    Problem.SECOND_CHARGE: "Refund it. Replay the credit only if the player wants it twice.",
    Problem.NOT_CREDITED: "Read the last error in the timeline. Replay the credit once its cause "
    "is fixed, or refund the payment.",
}
ADVICE_UNCREDITED = "Recovery tries it every 5 minutes, 3 times in all. A replay tries it now."
ADVICE_REFUNDING = (
    "A refund is under way and continues automatically. Its last error says what delays it."
)


def status_badge(purchase: Purchase) -> SafeString:
    status = PurchaseStatus(purchase.status)
    if purchase.refund_asked_at is not None and status is not PurchaseStatus.REFUNDED:
        return badge(f"{status.label}, refund under way", "warning")
    return badge(status.label, STATUS_COLOURS[status])


def product_name(purchase: Purchase) -> str:
    """Return the name of what was bought, and in which way."""
    name = purchase.product.title("en") if purchase.product else "unknown"
    if purchase.renews_id is not None:
        return f"{name} (renewal)"
    return f"{name} (subscription)" if purchase.is_subscription else name


def product_label(purchase: Purchase) -> str:
    """Return the name of what was bought, with the product's code in small."""
    return with_code(product_name(purchase), purchase.product_id or "")


def price(purchase: Purchase) -> str:
    """Return what was paid, or is to be, in Stars as far as it is Stars."""
    if purchase.paid_stars is None:
        return f"{purchase.stars:,}"
    if purchase.paid_currency != "XTR":
        return f"{purchase.paid_stars:,} {purchase.paid_currency}"
    if purchase.stars is not None and purchase.paid_stars != purchase.stars:
        return f"{purchase.paid_stars:,} of {purchase.stars:,}"
    return f"{purchase.paid_stars:,}"


def remarks(purchase: Purchase) -> SafeString | str:
    """Return the problem and the flags."""
    labels = [badge(Problem(purchase.problem).label, "danger")] if purchase.problem else []
    labels += [badge(Flag(flag).label, "warning") for flag in purchase.flags]
    return side_by_side(labels) if labels else "–"


def purchase_table(found: Iterable[Purchase]) -> dict[str, Any]:
    """Return purchases as Unfold's table takes them."""
    found = list(found)
    prefetch_related_objects(found, "product")
    return {
        "headers": ["Opened", "Purchase", "Stars", "Status", "Flags"],
        "rows": [
            [
                age(purchase.opened_at),
                object_link(purchase, product_label(purchase)),
                price(purchase),
                status_badge(purchase),
                remarks(purchase),
            ]
            for purchase in found
        ],
    }


def advice(purchase: Purchase) -> str:
    """Return what to do about a purchase that is stuck."""
    if purchase.refund_asked_at is not None:
        return ADVICE_REFUNDING
    return ADVICE[Problem(purchase.problem)] if purchase.problem else ADVICE_UNCREDITED


def received_facts(facts: Mapping[str, object], *, whole: object) -> SafeString:
    """Return facts as one reads them, with all of it as JSON folded behind."""
    lines = (
        (
            name.replace("_", " "),
            ", ".join(f"{key.replace('_', ' ')} {part}" for key, part in fact.items())
            if isinstance(fact, dict)
            else fact,
        )
        for name, fact in facts.items()
    )
    return format_html(
        '<div class="payments-evidence">{}<details><summary>JSON</summary>{}</details></div>',
        format_html_join("", "<div><b>{}</b> {}</div>", lines),
        format_json(whole),
    )


def asked_by(refund: Refund) -> str:
    """Return who wanted the refund, and who agreed."""
    who = str(refund.staff) if refund.staff else refund.get_source_display()
    return f"{who}, approved by {refund.approved_by}" if refund.approved_by else who


def refund_badge(refund: Refund) -> SafeString:
    """Return how far the refund is."""
    if refund.finished_at is not None:
        return badge("done", "success")
    if refund.telegram_at is not None and refund.last_error:
        return badge("refunded by Telegram, not completed here", "danger")
    if refund.last_error:
        return badge("Telegram did not refund", "danger")
    return badge("under way", "warning")


def healed_badge(difference: Difference) -> SafeString:
    """Return whether the run itself has set it right."""
    return badge("set right", "success") if difference.is_healed else badge("open", "danger")


def side_by_side(parts: Iterable[SafeString]) -> SafeString:
    """Return badges or buttons, as many in a row as there is room for."""
    joined = format_html_join("", "{}", ((part,) for part in parts))
    return format_html('<div class="payments-badges">{}</div>', joined)


def breaking(text: object) -> SafeString:
    """Return what has no blanks, and breaks anywhere."""
    return format_html('<span class="economy-breaks">{}</span>', text)


def purchases_of_player(request: HttpRequest, player: Player) -> TimelineSection | None:
    """Return the latest purchases of the player, for users who may see them."""
    if not request.user.has_perm("payments.view_purchase"):
        return None
    latest = player.purchases.order_by("-opened_at")[:SECTION_LENGTH]
    query = f"q={player.telegram_id}"
    return TimelineSection(
        title="Latest purchases",
        **purchase_table(latest),
        more=link("All purchases", "payments_purchase_changelist", query=query),
    )


def entry_link(pk: int | None) -> SafeString | str:
    """Return a link to an entry of the ledger, if there is one."""
    return link(f"entry {pk}", "economy_ledgerentry_change", pk) if pk else "–"
