"""Configuration of the app."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class PaymentsConfig(AppConfig):
    """Products, purchases, refunds and what Telegram says about them."""

    name = "payments"

    def ready(self) -> None:
        """Seed the catalogue after migrations; register what others ask payments for."""
        from payments import (
            approvals,
            catalogue,
            inbox_sources,
            monthly,
            offer_funnel,
            price_changes,
            purchases,
            reconciliation,
            refunds,
            revenue,
            subscriptions,
        )
        from promos import buyable, products
        from quizarena.staff import alerts
        from quizarena.staff.alert_models import Severity

        post_migrate.connect(
            catalogue.seed_catalogue, sender=self, dispatch_uid="catalogue.seed_catalogue"
        )
        approvals.register()
        price_changes.register()
        inbox_sources.declare()
        products.read_with(
            on_sale=catalogue.on_sale,
            at_reference_price=catalogue.at_reference_price,
            sales=revenue.of_campaign,
            goods=catalogue.goods_of,
        )
        buyable.read_with(catalogue.buyable_by)
        payments, offers = "docs/runbooks/payments.md", "docs/runbooks/offers.md"
        critical, warning = Severity.CRITICAL, Severity.WARNING
        not_completed = "Refund paid by Telegram, not completed here"
        not_canceled = "Subscription not cancelled by Telegram"
        for kind, label, runbook, severity in (
            (purchases.IN_REVIEW, "Payment in review", payments, critical),
            (refunds.STUCK, "Refund does not get through", payments, critical),
            (refunds.INCOMPLETE, not_completed, payments, critical),
            (subscriptions.NOT_CANCELED, not_canceled, payments, warning),
            (reconciliation.DIFFERENCE, "Reconciliation mismatch", payments, critical),
            (monthly.DIFFERENCE, "Monthly statement does not add up", payments, critical),
            (offer_funnel.DROP, "Offer sells far less than before", offers, warning),
            (offer_funnel.SPAM, "Offer muted by many players", offers, warning),
        ):
            alerts.declare(kind=kind, label=label, runbook=runbook, severity=severity)
