"""Configuration of the app."""

from django.apps import AppConfig


class GameConfig(AppConfig):
    """Questions, rounds, and everything that is played."""

    name = "quizarena.game"

    def ready(self) -> None:
        """Register the alerts and what waits."""
        from quizarena.game import inbox_sources, reports
        from quizarena.staff import alerts
        from quizarena.staff.alert_models import Severity

        inbox_sources.declare()
        alerts.declare(
            kind=reports.WITHDRAWN,
            label="Question withdrawn",
            runbook="docs/runbooks/questions.md",
            severity=Severity.INFO,
        )
