"""Letting a client into the admin without a password, and with a second factor."""

from datetime import UTC, datetime

from django.contrib.auth.models import User
from django.test import Client

from quizarena.staff import factors, sessions

_force_login = Client.force_login
# Whatever a test does with the clock: the session is not over, and the factor is fresh.
_LATER = datetime(2054, 1, 1, tzinfo=UTC)


def let_in(client: Client, user: User, backend: str | None = None) -> None:
    """Sign the user in as if the password and the second factor had just been given.

    `Client.force_login` is this one while tests run (tests/conftest.py).
    """
    _force_login(client, user, backend)
    session = client.session
    sessions.begin(session, now=_LATER)
    factors.mark(session, now=_LATER)
    session.save()
