"""The running system as a Django application."""

from typing import Any

from celery.signals import heartbeat_sent, worker_process_shutdown
from django.apps import AppConfig
from django.db.backends.signals import connection_created


class OpsConfig(AppConfig):
    """Health, heartbeats and controls."""

    name = "quizarena.ops"

    def ready(self) -> None:
        """Let Celery workers leave their signs of life, and say what staff have to look at."""
        from economy import controls
        from quizarena.ops import (
            backups,
            database_locale,  # noqa: F401 -- importing it registers its check.
            database_roles,
            inbox_sources,
        )
        from quizarena.staff import alerts
        from quizarena.staff.alert_models import Severity

        inbox_sources.declare()
        for kind, label, severity in (
            (controls.FINDINGS, "A control has found something", Severity.CRITICAL),
            (controls.OVERDUE, "A control has had no clean run for hours", Severity.WARNING),
            (
                controls.OVERDUE_FOR_DAYS,
                "Critical: a control has had no clean run for days",
                Severity.CRITICAL,
            ),
            (controls.SWITCHED_OFF, "A control is switched off or changed", Severity.WARNING),
        ):
            alerts.declare(
                kind=kind, label=label, runbook="docs/runbooks/controls.md", severity=severity
            )
        alerts.declare(
            kind=backups.OVERDUE,
            label="The last backup is too old",
            runbook="docs/runbooks/backups.md",
            severity=Severity.CRITICAL,
        )
        connection_created.connect(
            database_roles.warn_of_power, dispatch_uid="database_roles.warn_of_power"
        )
        heartbeat_sent.connect(_worker_is_alive, dispatch_uid="ops.worker_is_alive")
        worker_process_shutdown.connect(_worker_ends, dispatch_uid="ops.worker_ends")


def _worker_is_alive(**kwargs: Any) -> None:
    """Leave a sign of life for each queue of this worker (Celery asks every two seconds)."""
    from quizarena.celery import app
    from quizarena.ops import heartbeats

    for queue in app.amqp.queues.consume_from:
        heartbeats.beat(f"worker-{queue}")


def _worker_ends(**kwargs: Any) -> None:
    """Add what one of the worker's processes has counted since its last time."""
    from quizarena.ops import timings

    timings.flush()
