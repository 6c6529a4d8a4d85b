"""`manage.py staff_passwords`: a way in for whoever tries the desk."""

from io import StringIO

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django.fixtures import Settings

pytestmark = pytest.mark.django_db


def hand_out() -> dict[str, tuple[str, str]]:
    """Run the command; return (user name, password) of each role."""
    out = StringIO()
    call_command("staff_passwords", stdout=out)
    lines = [line.split() for line in out.getvalue().splitlines()]
    return {role: (username, password) for role, username, password in lines}


def test_each_role_gets_a_user_who_can_log_in(client: Client) -> None:
    logins = hand_out()

    assert {role: name for role, (name, _) in logins.items()} == {
        "Support": "support",
        "Operator": "operator",
        "Finance": "finance",
        "Editor": "editor",
        "Administrator": "administrator",
        "Security": "security",
    }
    for role, (username, password) in logins.items():
        assert client.login(username=username, password=password)
        user = User.objects.get(username=username)
        assert user.is_staff
        assert not user.is_superuser
        assert [group.name for group in user.groups.all()] == [role]


def test_a_second_time_makes_the_first_passwords_useless(client: Client) -> None:
    first = hand_out()

    second = hand_out()

    assert not client.login(username="support", password=first["Support"][1])
    assert client.login(username="support", password=second["Support"][1])
    assert User.objects.count() == 6


def test_they_are_hashed_quickly_and_at_the_first_sign_in_as_everybodys(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def iterations() -> str:
        return User.objects.get(username="support").password.split("$")[1]

    logins = hand_out()
    assert iterations() == "1000"
    # The tests' own number is smaller.
    monkeypatch.setattr(PBKDF2PasswordHasher, "iterations", 2_000)

    assert client.login(username="support", password=logins["Support"][1])

    assert iterations() == "2000"


def test_it_refuses_in_production(settings: Settings) -> None:
    settings.ENVIRONMENT = "production"

    with pytest.raises(CommandError, match="make each person a user of their own"):
        hand_out()

    assert not User.objects.exists()
