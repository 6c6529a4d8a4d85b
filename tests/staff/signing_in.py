"""Signing in as people do: a password, and then a code of an authenticator app."""

from datetime import UTC, datetime

from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice

from quizarena.staff import factors, sessions
from tests.factories import make_staff

# When every test begins (tests/conftest.py).
NOON = datetime(2026, 12, 16, 11, tzinfo=UTC)
PASSWORD = "a-long-enough-horse"
LOGIN = "/admin/login/"
FACTOR = "/admin/second-factor/"


def make_enrolled(role: str, *, username: str = "") -> tuple[User, list[str]]:
    """Return a member of staff with PASSWORD and an app, and the recovery codes.

    The app's codes are good from half a minute after NOON on: the one of NOON has been used.
    """
    user = make_staff(role, username=username)
    user.set_password(PASSWORD)
    user.save()
    session = sessions.SessionStore()
    factors.new_secret(user=user, session=session)
    code = code_of(user, at=NOON)
    return user, list(factors.enrol(user=user, session=session, code=code, now=NOON))


def code_of(user: User, *, at: datetime | None = None) -> str:
    """Return what the app of the account shows."""
    app = TOTP(TOTPDevice.objects.get(user=user).bin_key)
    app.time = (at or timezone.now()).timestamp()
    return f"{app.token():06}"


def give_password(client: Client, user: User, password: str = PASSWORD) -> int:
    """Post name and password; return the status: 302 is in."""
    return client.post(LOGIN, {"username": user.username, "password": password}).status_code


def sign_in(client: Client, user: User) -> None:
    """Sign in, second factor and all."""
    assert give_password(client, user) == 302
    assert client.post(FACTOR, {"code": code_of(user)}).status_code == 302
