"""Configuration of the app."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class PaymentsConfig(AppConfig):
    """Products, purchases, refunds and what Telegram says about them."""

    name = "payments"

    def ready(self) -> None:
        """Seed the catalogue after migrations; register approvals, alerts and ports for promos."""
        from payments import (
            approvals,
            catalogue,
            offer_funnel,
            pricing,
            purchases,
            reconciliation,
            refunds,
            revenue,
            subscriptions,
        )
        from promos import buyable, products
        from quizarena.staff import alerts

        post_migrate.connect(
            catalogue.seed_catalogue, sender=self, dispatch_uid="catalogue.seed_catalogue"
        )
        approvals.register()
        pricing.register()
        products.read_with(
            on_sale=catalogue.on_sale,
            at_reference_price=catalogue.at_reference_price,
            sales=revenue.of_campaign,
            goods=catalogue.goods_of,
        )
        buyable.read_with(catalogue.buyable_by)
        alerts.declare(
            kind=purchases.IN_REVIEW,
            label="Payment in review",
            runbook="docs/runbooks/payments.md",
        )
        alerts.declare(
            kind=refunds.STUCK,
            label="Refund does not get through",
            runbook="docs/runbooks/payments.md",
        )
        alerts.declare(
            kind=subscriptions.NOT_CANCELED,
            label="Subscription not cancelled by Telegram",
            runbook="docs/runbooks/payments.md",
        )
        alerts.declare(
            kind=refunds.INCOMPLETE,
            label="Refund paid by Telegram, not completed here",
            runbook="docs/runbooks/payments.md",
        )
        alerts.declare(
            kind=reconciliation.DIFFERENCE,
            label="Reconciliation mismatch",
            runbook="docs/runbooks/payments.md",
        )
        alerts.declare(
            kind=offer_funnel.DROP,
            label="Offer sells far less than before",
            runbook="docs/runbooks/offers.md",
        )
        alerts.declare(
            kind=offer_funnel.SPAM,
            label="Offer muted by many players",
            runbook="docs/runbooks/offers.md",
        )
