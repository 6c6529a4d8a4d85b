"""Configuration of the app."""

from django.apps import AppConfig


class PromosConfig(AppConfig):
    """Campaigns, codes, redemptions, and the guard over them."""

    name = "promos"

    def ready(self) -> None:
        """Register approvals, templates, alerts and what waits."""
        from promos import (
            approvals,
            campaign_templates,
            campaigns,
            counters,
            inbox_sources,
            planning,
            referral_reviews,
        )
        from quizarena.staff import alerts, limits
        from quizarena.staff.alert_models import Severity

        approvals.register()
        campaign_templates.register()
        limits.declare(planning.DAY_COST)
        inbox_sources.declare()
        alerts.declare(
            kind=campaigns.ATTACKED,
            label="Promo code attacked",
            runbook="docs/runbooks/promos.md",
        )
        alerts.declare(
            kind=counters.MISCOUNTED,
            label="Promo counters differ",
            runbook="docs/runbooks/promos.md",
            severity=Severity.CRITICAL,
        )
        alerts.declare(
            kind=referral_reviews.IN_REVIEW,
            label="Invitations in review",
            runbook="docs/runbooks/promos.md",
            severity=Severity.INFO,
        )
