"""Invoice links: what only Telegram can make, and has to be asked for outside of a transaction."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F

from payments import purchases, subscriptions, telegram
from payments.models import OPEN, Purchase

# Doubled with each try that Telegram has refused or not answered.
RETRY_AFTER = timedelta(seconds=5)
RETRY_AFTER_MAX = timedelta(minutes=10)


def make_link(*, purchase_id: UUID, now: datetime) -> Purchase:
    """Return the open purchase with a link to its invoice, asking Telegram for one if need be.

    Not inside a transaction (Bot API createInvoiceLink). Whoever asks claims the try; what is being
    asked for, or has failed, gets its next try later. Raises TelegramError.
    """
    purchase = Purchase.objects.select_related("player", "product").get(pk=purchase_id)
    if purchase.invoice_link or purchase.status not in OPEN or not _claim(purchase, now=now):
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


def _claim(purchase: Purchase, *, now: datetime) -> bool:
    """Claim the try that is due; return whether this process has it."""
    due = Purchase.objects.link_may_be_asked_for(now).filter(
        pk=purchase.pk, link_tries=purchase.link_tries
    )
    pause = min(RETRY_AFTER * 2 ** min(purchase.link_tries, 10), RETRY_AFTER_MAX)
    return due.update(link_tries=F("link_tries") + 1, link_due_at=now + pause) == 1


@transaction.atomic(durable=True)
def _keep(*, purchase_id: UUID, link: str, now: datetime) -> Purchase:
    """Keep the link, unless somebody was faster or the purchase has moved on."""
    purchase = purchases.lock(pk=purchase_id)
    if not purchase.invoice_link and purchase.status in OPEN:
        purchase.invoice_link = link
        purchase.save(update_fields=["invoice_link"])
        purchases.invoice_sent(purchase, now=now)
    return purchase
