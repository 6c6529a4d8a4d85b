"""Logins for whoever tries the desk on their own machine."""

import secrets
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from quizarena.staff import accounts, approvals, audit, factors
from quizarena.staff.hashers import OneAtATime
from quizarena.staff.roles import ROLES

# Who guesses 96 random bits is not slowed down by slow hashing, and whoever starts the demo waits
# for it six times. At the first sign-in the password is hashed as everybody's.
ITERATIONS = 1_000


class Command(BaseCommand):
    """Give one user of each role a fresh password."""

    help = (
        "Make one user for each role, named like it in lower case, with a fresh random password, "
        "and print ROLE USERNAME PASSWORD, one user a line. Not for production."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Set and print the passwords; refuse where users are real people."""
        if settings.ENVIRONMENT == "production":
            raise CommandError(
                "These logins are for demonstrations: in production, make each person a user of "
                "their own in the admin (the first one with `manage.py security_account NAME`)."
            )
        for role in ROLES:
            password = secrets.token_urlsafe(12)
            self._give(role, password)
            self.stdout.write(f"{role} {role.lower()} {password}")
            self.stdout.flush()

    @transaction.atomic
    def _give(self, role: str, password: str) -> None:
        """Make the role's user if there is none, and let the password be the only way in."""
        # As if it had been long ago: who tries approvals need not wait three days.
        with accounts.changing(by=None, now=timezone.now() - approvals.PROBATION):
            user, _ = User.objects.get_or_create(username=role.lower())
            user.is_staff = user.is_active = True
            user.is_superuser = False
            user.password = _hashed(password)
            user.save()
            user.groups.set([Group.objects.get(name=role)])
        # An authenticator app of the demo before has no use.
        factors.remove(user)
        audit.record(
            actor=None,
            action="user.demo_password_set",
            obj=user,
            summary=f"{user} has a fresh password for demonstrations.",
        )


def _hashed(password: str) -> str:
    hasher = OneAtATime()
    return hasher.encode(password, hasher.salt(), iterations=ITERATIONS)
