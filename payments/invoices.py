"""Invoice links: what only Telegram can make, and has to be asked for outside of a transaction."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from payments import purchases, subscriptions, telegram
from payments.models import OPEN, Purchase


def make_link(*, purchase_id: UUID, now: datetime) -> Purchase:
    """Return the open purchase with a link to its invoice, asking Telegram for one if need be.

    Not inside a transaction (Bot API createInvoiceLink). Two at once make two links to the same
    invoice, and the first one is kept. Raises TelegramError.
    """
    purchase = Purchase.objects.select_related("player", "product").get(pk=purchase_id)
    if purchase.invoice_link or purchase.status not in OPEN:
        return purchase
    product, language = purchase.product, purchase.player.language
    assert product is not None
    assert purchase.payload is not None
    assert purchase.stars is not None
    link = telegram.invoice_link(
        title=product.title(language),
        description=product.description(language),
        payload=purchase.payload,
        stars=purchase.stars,
        subscription_seconds=(
            int(subscriptions.PERIOD.total_seconds()) if purchase.is_subscription else None
        ),
    )
    return _keep(purchase_id=purchase_id, link=link, now=now)


@transaction.atomic(durable=True)
def _keep(*, purchase_id: UUID, link: str, now: datetime) -> Purchase:
    """Keep the link, unless somebody was faster or the purchase has moved on."""
    purchase = purchases.lock(pk=purchase_id)
    if not purchase.invoice_link and purchase.status in OPEN:
        purchase.invoice_link = link
        purchase.save(update_fields=["invoice_link"])
        purchases.invoice_sent(purchase, now=now)
    return purchase
