"""Whose address a request has when proxies stand in front."""

from ipaddress import ip_network
from typing import Any

import pytest
import structlog
from django.test import Client
from django_structlog.signals import bind_extra_request_finished_metadata
from pytest_django.fixtures import Settings

from quizarena.staff.models import AuditEntry, SignInFailure
from quizarena.staff.proxies import client_address, parse_proxies
from tests.factories import make_staff

NONE = ""


@pytest.mark.parametrize(
    ("trusted", "forwarded_for", "peer", "client"),
    [
        # Nobody is trusted: what the header says was written by the client.
        ("", "203.0.113.9", "192.0.2.1", "192.0.2.1"),
        ("0", "203.0.113.9", "192.0.2.1", "192.0.2.1"),
        # One proxy.
        ("1", "203.0.113.9", "10.0.0.1", "203.0.113.9"),
        ("1", "198.51.100.66, 203.0.113.9", "10.0.0.1", "203.0.113.9"),
        ("1", NONE, "10.0.0.1", "10.0.0.1"),
        ("1", "nonsense", "10.0.0.1", "10.0.0.1"),
        # Two.
        ("2", "198.51.100.66, 203.0.113.9, 10.0.0.2", "10.0.0.1", "203.0.113.9"),
        ("2", "203.0.113.9", "10.0.0.1", "10.0.0.1"),
        # Networks.
        ("10.0.0.0/8", "203.0.113.9", "10.0.0.1", "203.0.113.9"),
        ("10.0.0.0/8", "198.51.100.66, 203.0.113.9, 10.0.0.2", "10.0.0.1", "203.0.113.9"),
        ("10.0.0.0/8", "10.1.1.1, 203.0.113.9", "10.0.0.1", "203.0.113.9"),
        ("10.0.0.0/8", "203.0.113.9", "192.0.2.1", "192.0.2.1"),
        ("10.0.0.0/8", "203.0.113.9, nonsense", "10.0.0.1", "10.0.0.1"),
        ("10.0.0.0/8", "10.0.0.7", "10.0.0.1", "10.0.0.7"),
        ("10.0.0.1, 192.0.2.0/24", "203.0.113.9", "192.0.2.7", "203.0.113.9"),
        # As some proxies write it.
        ("1", "203.0.113.9:50123", "10.0.0.1", "203.0.113.9"),
        ("1", "[2001:db8::9]:50123", "10.0.0.1", "2001:db8::9"),
        ("fd00::/8", "2001:db8::9", "fd00::1", "2001:db8::9"),
    ],
)
def test_the_first_that_is_no_proxy_of_ours(
    trusted: str, forwarded_for: str, peer: str, client: str
) -> None:
    found = client_address(peer=peer, forwarded_for=forwarded_for, trusted=parse_proxies(trusted))

    assert found == client


@pytest.mark.parametrize("value", ["10.0.0.1/8", "proxy", "1,x", "-1"])
def test_a_setting_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_proxies(value)


@pytest.mark.django_db
class TestWhereItIsWrittenDown:
    def sign_in(self, client: Client, password: str) -> None:
        client.post(
            "/admin/login/?next=/admin/",
            {"username": "support", "password": password},
            headers={
                "X-Forwarded-For": "198.51.100.66, 203.0.113.9",
                "X-Real-IP": "198.51.100.67",
                "Forwarded": "for=198.51.100.68",
            },
        )

    def test_behind_a_proxy_it_is_the_clients(self, client: Client, settings: Settings) -> None:
        settings.TRUSTED_PROXIES = (ip_network("127.0.0.0/8"),)
        make_staff("Support", password="right-horse")

        self.sign_in(client, "wrong-horse")
        self.sign_in(client, "right-horse")

        assert SignInFailure.objects.get().address == "203.0.113.9"
        entry = AuditEntry.objects.get(action="user.logged_in")
        assert entry.details == {"address": "203.0.113.9"}

    def test_without_one_the_header_is_not_believed(self, client: Client) -> None:
        self.sign_in(client, "wrong-horse")

        assert SignInFailure.objects.get().address == "127.0.0.1"

    def test_the_logs_have_the_same(self, client: Client, settings: Settings) -> None:
        settings.TRUSTED_PROXIES = 1
        seen = []

        def look(**kwargs: Any) -> None:
            seen.append(structlog.contextvars.get_contextvars()["ip"])

        bind_extra_request_finished_metadata.connect(look)
        try:
            client.get("/admin/login/", headers={"X-Forwarded-For": "1.1.1.1, 203.0.113.9"})
        finally:
            bind_extra_request_finished_metadata.disconnect(look)

        assert seen == ["203.0.113.9"]
