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
            monthly,
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
        payments, offers = "docs/runbooks/payments.md", "docs/runbooks/offers.md"
        for kind, label, runbook in (
            (purchases.IN_REVIEW, "Payment in review", payments),
            (refunds.STUCK, "Refund does not get through", payments),
            (refunds.INCOMPLETE, "Refund paid by Telegram, not completed here", payments),
            (subscriptions.NOT_CANCELED, "Subscription not cancelled by Telegram", payments),
            (reconciliation.DIFFERENCE, "Reconciliation mismatch", payments),
            (monthly.DIFFERENCE, "Monthly statement does not add up", payments),
            (offer_funnel.DROP, "Offer sells far less than before", offers),
            (offer_funnel.SPAM, "Offer muted by many players", offers),
        ):
            alerts.declare(kind=kind, label=label, runbook=runbook)
