"""What promos bring along."""

from django.apps import AppConfig


class PromosConfig(AppConfig):
    """Campaigns, codes, redemptions, and the guard over them."""

    name = "promos"

    def ready(self) -> None:
        """Say what staff have to look at and approve."""
        from promos import approvals, campaigns, proof
        from quizarena.staff import alerts

        approvals.register()
        alerts.declare(
            kind=campaigns.ATTACKED,
            label="Promo code attacked",
            runbook="docs/runbooks/promos.md",
        )
        alerts.declare(
            kind=proof.MISCOUNTED,
            label="Promo counters differ",
            runbook="docs/runbooks/promos.md",
        )
