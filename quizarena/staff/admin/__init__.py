"""Staff themselves in the admin: a module for each noun, which Django finds here."""

from quizarena.staff.admin import (
    accounts,
    alert_routing,
    alerts,
    approval_requests,
    audit_log,
    draft_templates,
    failed_sign_ins,
    home_panels,
    limits,
)

__all__ = [
    "accounts",
    "alert_routing",
    "alerts",
    "approval_requests",
    "audit_log",
    "draft_templates",
    "failed_sign_ins",
    "home_panels",
    "limits",
]
