"""Failed sign-ins: counted within bounds, apart from the audit log, and purged."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from quizarena.staff import sign_ins
from quizarena.staff.models import AuditEntry, SignInFailure
from quizarena.staff.tasks import purge_failures
from tests.factories import make_staff

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def fail(name: str = "anna", address: str = "192.0.2.1", *, minutes: int = 0) -> None:
    """Fail to sign in, so many minutes after noon."""
    now = NOON + timedelta(minutes=minutes)
    sign_ins.record_failure(username=name, address=address, now=now)


def rows() -> list[tuple[str, str, int]]:
    """Return what is counted."""
    counted = SignInFailure.objects.order_by("pk")
    return list(counted.values_list("username", "address", "times"))


class TestCounting:
    def test_a_failed_login_is_counted_and_not_audited(self, client: Client) -> None:
        client.post("/admin/login/", {"username": "support", "password": "guessed-horse"})

        assert rows() == [("support", "127.0.0.1", 1)]
        assert "guessed-horse" not in str(SignInFailure.objects.values().get())
        assert not AuditEntry.objects.exists()

    def test_one_row_counts_an_hour(self) -> None:
        fail()
        fail(minutes=59)
        fail(minutes=60)

        assert rows() == [("anna", "192.0.2.1", 2), ("anna", "192.0.2.1", 1)]
        assert SignInFailure.objects.earliest("pk").last_at == NOON + timedelta(minutes=59)

    def test_one_address_fills_30_rows_an_hour(self) -> None:
        for number in range(40):
            fail(f"name{number}")

        assert len(rows()) == 31
        assert rows()[-1] == ("", "192.0.2.1", 10)

    def test_one_name_fills_50_rows_an_hour(self) -> None:
        for number in range(60):
            fail("anna", f"192.0.2.{number}")

        assert len(rows()) == 51
        assert rows()[-1] == ("anna", "", 10)

    def test_all_together_fill_a_thousand_rows_an_hour(self) -> None:
        SignInFailure.objects.bulk_create(
            SignInFailure(hour=NOON, username=f"name{number}", address="", times=1, last_at=NOON)
            for number in range(1_000)
        )

        fail("another", "198.51.100.1")
        fail("one more", "198.51.100.2")

        assert len(rows()) == 1_001
        assert rows()[-1] == ("", "", 2)

    def test_the_network_of_an_ipv6_address_counts(self) -> None:
        fail(address="2001:db8:1:2::1")
        fail(address="2001:db8:1:2:ffff::9")
        fail(address="2001:db8:1:3::1")

        assert rows() == [
            ("anna", "2001:db8:1:2::/64", 2),
            ("anna", "2001:db8:1:3::/64", 1),
        ]

    @pytest.mark.parametrize("name", ["a\0b", "x" * 5_000, ""])
    def test_any_name_is_counted(self, name: str) -> None:
        fail(name, "no address")

        assert len(rows()) == 1


class TestPurge:
    def test_it_is_kept_for_30_days(self) -> None:
        fail("old")
        fail("young", minutes=60)

        assert sign_ins.purge(now=NOON + timedelta(days=30)) == 1
        assert [name for name, _, _ in rows()] == ["young"]

    def test_a_task_does_it(self) -> None:
        fail()

        assert purge_failures() == 1


class TestDesk:
    def test_security_sees_who_tried_whom(self, client: Client) -> None:
        client.force_login(make_staff("Security"))
        fail("anna", "192.0.2.1")
        fail("berta", "192.0.2.2")

        page = client.get("/admin/staff/signinfailure/").content.decode()
        found = client.get("/admin/staff/signinfailure/?q=192.0.2.2").content.decode()

        assert "anna" in page
        assert "anna" not in found
        assert "berta" in found
