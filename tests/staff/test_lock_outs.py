"""Lock-outs: who guesses passwords has to stop, and keeps nobody out for ever."""

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from pytest_django.fixtures import Settings

from quizarena.staff import sign_ins
from quizarena.staff.models import AuditEntry, SignInFailure
from tests.factories import make_staff
from tests.staff.signing_in import LOGIN, NOON, PASSWORD, give_password, make_enrolled, sign_in

pytestmark = pytest.mark.django_db

HERE = "127.0.0.1"


def fail(times: int, *, name: str = "support", address: str = HERE) -> None:
    """Let so many sign-ins with the name from the address have failed at noon."""
    for _ in range(times):
        sign_ins.record_failure(username=name, address=address, now=NOON)


def until(name: str = "support", address: str = HERE, *, minutes: int = 0) -> str:
    """Return how long the lock-out lasts, as seen so many minutes after noon."""
    now = NOON + timedelta(minutes=minutes)
    end = sign_ins.locked_until(username=name, address=address, now=now)
    return f"{end - NOON}" if end else ""


class TestCounting:
    def test_five_failures_of_a_name_from_an_address_lock_both_together(self) -> None:
        fail(4)
        assert until() == ""
        fail(1)

        assert until() == "1:00:00"
        assert until(minutes=59) == "1:00:00"
        assert until(minutes=60) == ""
        assert until("finance") == ""
        assert until(address="192.0.2.1") == ""

    def test_thirty_of_an_address_lock_it_for_every_name(self) -> None:
        for number in range(29):
            fail(1, name=f"name{number}")
        assert until() == ""
        fail(1, name="another")

        assert until() == "1:00:00"
        assert until(address="192.0.2.1") == ""

    def test_twenty_of_a_name_lock_it_for_every_address(self) -> None:
        for number in range(5):
            fail(4 if number < 4 else 3, address=f"192.0.2.{number}")
        assert until() == ""
        fail(1, address="192.0.2.9")

        assert until() == "1:00:00"
        assert until("finance") == ""

    def test_the_network_of_an_ipv6_address_is_one_address(self) -> None:
        fail(5, address="2001:db8:1:2::1")

        assert until(address="2001:db8:1:2:ffff::9") == "1:00:00"

    def test_names_that_are_counted_together_lock_no_name(self) -> None:
        for number in range(35):
            fail(1, name=f"name{number}", address="192.0.2.1")

        assert SignInFailure.objects.get(username="").times == 5
        assert until("", "192.0.2.2") == ""


class TestSigningIn:
    def test_a_right_password_lifts_no_lock_out_and_an_hour_does(
        self, client: Client, clock: time_machine.Traveller
    ) -> None:
        user, _ = make_enrolled("Support")
        for _ in range(5):
            give_password(client, user, "a-wrong-old-horse")

        refused = client.post(LOGIN, {"username": "support", "password": PASSWORD})
        clock.shift(59 * 60)
        again = give_password(client, user)
        clock.shift(61)

        assert "Too many failed sign-ins. Try again after" in refused.content.decode()
        assert (again, give_password(client, user)) == (200, 302)

    def test_a_name_that_is_nobodys_is_locked_out_alike(self, client: Client) -> None:
        fail(5, name="nobody")

        answer = client.post(LOGIN, {"username": "nobody", "password": PASSWORD})

        assert "Too many failed sign-ins. Try again after" in answer.content.decode()

    def test_who_has_an_account_is_not_found_out_by_trying_many_names(self, client: Client) -> None:
        make_enrolled("Support")
        says = {}
        for name, address in (("support", "192.0.2.1"), ("nobody", "192.0.2.2")):
            for number in range(20):
                fail(1, name=f"name{number}", address=address)
            browser = Client(REMOTE_ADDR=address)
            form = {"username": name, "password": "a-wrong-old-horse"}
            pages = [browser.post(LOGIN, form).content.decode() for _ in range(6)]
            says[name] = ["Too many failed sign-ins" in page for page in pages]

        assert says["support"] == says["nobody"] == [False] * 5 + [True]

    def test_what_comes_while_it_is_locked_out_does_not_count(self, client: Client) -> None:
        user, _ = make_enrolled("Support")
        fail(5)

        give_password(client, user, "a-wrong-old-horse")

        assert SignInFailure.objects.get().times == 5

    def test_wrong_codes_after_a_right_password_count(
        self, client: Client, clock: time_machine.Traveller
    ) -> None:
        user, _ = make_enrolled("Support")
        give_password(client, user)
        for _ in range(5):
            client.post("/admin/second-factor/", {"code": "000000"})
            clock.shift(60)

        assert give_password(Client(), user) == 200

    def test_wrong_codes_while_it_is_locked_out_do_not_count(
        self, client: Client, clock: time_machine.Traveller
    ) -> None:
        user, codes = make_enrolled("Support")
        give_password(client, user)
        fail(5)
        clock.shift(20 * 60)

        client.post("/admin/second-factor/", {"code": "000000"})

        assert until() == "1:00:00"
        assert SignInFailure.objects.get().times == 5
        clock.shift(60)
        assert client.post("/admin/second-factor/", {"code": codes[0]}).status_code == 302

    def test_strangers_do_not_keep_out_a_browser_that_has_been_in(
        self, client: Client, clock: time_machine.Traveller
    ) -> None:
        user, _ = make_enrolled("Support")
        clock.shift(30)
        sign_in(client, user)
        client.post("/admin/logout/")
        for number in range(5):
            fail(4, address=f"192.0.2.{number}")
        fail(30, name="others")

        assert give_password(Client(REMOTE_ADDR="192.0.2.99"), user) == 200
        assert give_password(Client(), user) == 200
        assert give_password(client, user) == 302
        client.post("/admin/logout/")
        for _ in range(5):
            give_password(client, user, "a-wrong-old-horse")
        assert give_password(client, user) == 200

    def test_the_cookie_of_another_account_or_password_does_not_help(
        self, client: Client, clock: time_machine.Traveller
    ) -> None:
        user, _ = make_enrolled("Support")
        other, _ = make_enrolled("Finance")
        other.set_password(PASSWORD)
        clock.shift(30)
        sign_in(client, user)
        client.post("/admin/logout/")
        for name in ("support", "finance"):
            for number in range(5):
                fail(4, name=name, address=f"192.0.2.{number}")

        assert give_password(client, other) == 200
        user.set_password(PASSWORD)
        user.save()
        assert give_password(client, user) == 200
        client.cookies["staff_device"] = "1:forged"
        assert give_password(client, user) == 200

    def test_an_address_that_the_client_makes_up_is_not_believed(self, settings: Settings) -> None:
        settings.TRUSTED_PROXIES = 1
        user, _ = make_enrolled("Support")
        for number in range(5):
            made_up = f"198.51.100.{number}, 192.0.2.7"
            give_password(Client(HTTP_X_FORWARDED_FOR=made_up), user, "a-wrong-old-horse")

        assert list(SignInFailure.objects.values_list("address", "times")) == [("192.0.2.7", 5)]
        assert give_password(Client(HTTP_X_FORWARDED_FOR="192.0.2.7"), user) == 200
        assert give_password(Client(HTTP_X_FORWARDED_FOR="192.0.2.8"), user) == 302


class TestLift:
    def test_security_ends_a_lock_out_and_what_happened_stays(self, client: Client) -> None:
        client.force_login(make_staff("Security"))
        fail(7)
        failure = SignInFailure.objects.get()
        page = f"/admin/staff/signinfailure/{failure.pk}/"

        assert "End the lock-out" in client.get(f"{page}change/").content.decode()
        client.post(f"{page}lift/", {"reason": "Forgot it.", "confirm": "1"})

        assert until() == ""
        failure.refresh_from_db()
        assert (failure.times, failure.lifted_times) == (7, 7)
        entry = AuditEntry.objects.get(action="signinfailure.lifted")
        assert entry.details == {"failures": 7, "reason": "Forgot it."}
        fail(5)
        assert until() == "1:00:00"

    def test_nobody_else_does(self, client: Client) -> None:
        fail(5)
        page = f"/admin/staff/signinfailure/{SignInFailure.objects.get().pk}/lift/"
        client.force_login(make_staff("Administrator"))

        assert client.post(page, {"reason": "x", "confirm": "1"}).status_code == 403
        assert until() == "1:00:00"
