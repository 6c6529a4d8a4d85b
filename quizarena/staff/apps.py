"""What has to be listening from the start."""

import sys
from typing import Any

from django.apps import AppConfig
from django.contrib.auth import signals
from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models.signals import post_migrate
from django_structlog.signals import bind_extra_request_metadata


class StaffConfig(AppConfig):
    """Staff, their roles and what they did."""

    name = "quizarena.staff"

    def ready(self) -> None:
        """Keep roles in step with every migration, and note who comes and goes."""
        from quizarena.staff import (
            alerts,
            audit,
            factors,
            gate,
            inbox_sources,
            limits,
            navigation,
            proxies,
            roles,
        )

        navigation.name_pages()
        inbox_sources.declare()
        limits.register()
        alerts.declare(
            kind=factors.RESET,
            label="Second factor reset",
            runbook="docs/runbooks/staff-accounts.md",
        )
        post_migrate.connect(
            roles.sync_role_permissions, dispatch_uid="roles.sync_role_permissions"
        )
        post_migrate.connect(
            warn_if_nobody_manages_accounts, sender=self, dispatch_uid="staff.nobody_manages"
        )
        bind_extra_request_metadata.connect(
            proxies.bind_address, dispatch_uid="proxies.bind_address"
        )
        signals.user_logged_in.connect(audit.logged_in, dispatch_uid="audit.logged_in")
        signals.user_logged_out.connect(audit.logged_out, dispatch_uid="audit.logged_out")
        signals.user_logged_in.connect(gate.signed_in, dispatch_uid="gate.signed_in")


def warn_if_nobody_manages_accounts(*, verbosity: int, using: str, **kwargs: Any) -> None:
    """Print after a migration how to make the first account."""
    from quizarena.staff import accounts

    if not verbosity or using != DEFAULT_DB_ALIAS:
        return
    # A partial migration may not have come to django.contrib.auth.
    if "auth_user_groups" not in connection.introspection.table_names():
        return
    if not accounts.can_be_managed():
        sys.stderr.write(
            "No account can manage staff accounts yet: run `manage.py security_account NAME`.\n"
        )
