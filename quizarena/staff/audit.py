"""The audit log: every action of staff, written in the transaction of what it changed."""

from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.db import models
from django.http import HttpRequest

from quizarena.staff.models import AuditEntry

SUMMARY_MAX_LENGTH = 500


def entry(
    *,
    actor: User | AnonymousUser | None,
    action: str,
    obj: models.Model | None = None,
    summary: str,
    details: dict[str, Any] | None = None,
) -> AuditEntry:
    """Return an entry that is not stored yet, for whoever stores many at once."""
    return AuditEntry(
        actor=actor if isinstance(actor, User) else None,
        action=action,
        object_type=obj._meta.label_lower if obj else "",
        object_id=str(obj.pk) if obj else "",
        summary=summary[:SUMMARY_MAX_LENGTH],
        details=details or {},
    )


def record(
    *,
    actor: User | AnonymousUser | None,
    action: str,
    obj: models.Model | None = None,
    summary: str,
    details: dict[str, Any] | None = None,
) -> AuditEntry:
    """Write down what `actor` did to `obj`; nobody can change or delete it afterwards.

    Belongs into the transaction of the action itself. No actor means the command line.
    """
    written = entry(actor=actor, action=action, obj=obj, summary=summary, details=details)
    written.save(force_insert=True)
    return written


def of_object(obj: models.Model) -> models.QuerySet[AuditEntry]:
    """Return everything that was done to `obj`, the latest first."""
    return (
        AuditEntry.objects.filter(object_type=obj._meta.label_lower, object_id=str(obj.pk))
        .select_related("actor")
        .order_by("-id")
    )


def _address(request: HttpRequest | None) -> dict[str, str]:
    """Return where a request came from (quizarena.staff.proxies)."""
    return {"address": request.META.get("REMOTE_ADDR", "")} if request else {}


def logged_in(*, request: HttpRequest, user: User, **kwargs: Any) -> None:
    """Record a login (receiver of user_logged_in)."""
    record(
        actor=user,
        action="user.logged_in",
        obj=user,
        summary=f"{user} logged in.",
        details=_address(request),
    )


def logged_out(*, request: HttpRequest, user: User | None, **kwargs: Any) -> None:
    """Record a logout (receiver of user_logged_out); a session without a user leaves none."""
    if user is not None:
        record(
            actor=user,
            action="user.logged_out",
            obj=user,
            summary=f"{user} logged out.",
            details=_address(request),
        )


class PasswordChanges:
    """Record each new password, also one's own, which passes no admin form of ours.

    Stands among AUTH_PASSWORD_VALIDATORS because Django calls validators at every change.
    """

    def validate(self, password: str, user: User | None = None) -> None:
        """Accept any password: this one only listens."""

    def get_help_text(self) -> str:
        """Return nothing: there is no rule to explain."""
        return ""

    def password_changed(self, password: str, user: User | None = None) -> None:
        """Record that `user` has a new password; who gave it stands in the entry beside it."""
        if user is not None:
            record(
                actor=None,
                action="user.password_set",
                obj=user,
                summary=f"{user} has a new password.",
            )
