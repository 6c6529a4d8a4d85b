"""Accounts of staff: who makes and changes them.

The database itself writes down every change of an account (`AccountChange`); this module names who.
Who changed whose account decides who may approve what (quizarena.staff.approvals).
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from axes.backends import AxesStandaloneBackend
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Group, User
from django.db import connection, transaction
from django.http import HttpRequest
from django.utils import timezone

from quizarena.staff import audit, factors, sessions
from quizarena.staff.errors import HoldsAnotherRoleError
from quizarena.staff.roles import SECURITY


@contextmanager
def changing(*, by: User | None, now: datetime) -> Iterator[None]:
    """Name who changes accounts in this block, and when. Is one transaction.

    Without this block it is the command line, at the time of the transaction.
    """
    with transaction.atomic():
        before = _name_changer(str(by.pk) if by else "", now.isoformat())
        yield
        _name_changer(*before)


def _name_changer(changer: str, moment: str) -> tuple[str, str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(current_setting('quizarena.changer', true), ''),"
            " coalesce(current_setting('quizarena.changed_at', true), '')"
        )
        changer_before, moment_before = cursor.fetchone()
        cursor.execute(
            "SELECT set_config('quizarena.changer', %s, true),"
            " set_config('quizarena.changed_at', %s, true)",
            [changer, moment],
        )
    return changer_before, moment_before


@transaction.atomic
def give_security(*, username: str, now: datetime) -> str:
    """Let `username` manage accounts, and return the new password, which is shown only now.

    Makes the account if there is none. For the command line. Raises HoldsAnotherRoleError.
    """
    password = secrets.token_urlsafe(15)
    with changing(by=None, now=now):
        user, _ = User.objects.get_or_create(username=username)
        held = user.groups.exclude(name=SECURITY).first()
        if held is not None or user.is_superuser:
            raise HoldsAnotherRoleError(
                f"{username} {'is a superuser' if held is None else f'has the role {held}'}, and "
                f"{SECURITY} cannot be combined with another role. Choose another name."
            )
        user.is_staff = user.is_active = True
        user.set_password(password)
        user.save()
        user.groups.add(Group.objects.get(name=SECURITY))
        # Who has lost the phone and the recovery codes, too.
        factors.remove(user)
        audit.record(
            actor=None,
            action="user.security_given",
            obj=user,
            summary=f"{user} manages accounts, has a new password, and no second factor yet.",
        )
    return password


@transaction.atomic
def sign_out(*, user: User, by: User, reason: str) -> int:
    """End every session of `user`, record it in the audit log, and return how many there were."""
    ended = sessions.end_all(user=user)
    audit.record(
        actor=by,
        action="user.signed_out_everywhere",
        obj=user,
        summary=f"{user} was signed out everywhere: {reason}",
        details={"sessions": ended, "reason": reason},
    )
    return ended


def can_be_managed() -> bool:
    """Return whether there is anybody who can manage accounts."""
    able = User.objects.filter(is_active=True, is_staff=True)
    return able.filter(is_superuser=True).exists() or able.filter(groups__name=SECURITY).exists()


class StaffBackend(AxesStandaloneBackend, ModelBackend):
    """Django's own, behind the lock-out (sign_ins.py), and with whose doing a change is.

    A login renews the hash of a password once Django hashes harder.
    """

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        if request is not None:
            # Raises PermissionDenied for who is locked out, before the password is looked at.
            AxesStandaloneBackend.authenticate(self, request, username, password)
        user = User.objects.filter(username=username or "").first()
        with changing(by=user, now=timezone.now()):
            found = ModelBackend.authenticate(
                self, request, username=username, password=password, **kwargs
            )
        assert found is None or isinstance(found, User)
        return found
