"""Sessions of staff: limited in time, and over with what they began with."""

from collections.abc import Callable

import pytest
import time_machine
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from quizarena.staff import accounts, sessions
from quizarena.staff.models import AuditEntry, StaffSession
from tests.factories import make_staff
from tests.staff.signing_in import FACTOR, NOON, PASSWORD, code_of, give_password, make_enrolled

pytestmark = pytest.mark.django_db

MINUTE = 60


def signed_in(user: User, code: str) -> Client:
    """Return a client that has signed in with a recovery code."""
    client = Client()
    give_password(client, user)
    client.post(FACTOR, {"code": code})
    assert client.get("/admin/").status_code == 200
    return client


def is_in(client: Client) -> bool:
    return client.get("/admin/").status_code == 200


def test_it_ends_after_half_an_hour_without_a_request(clock: time_machine.Traveller) -> None:
    user, codes = make_enrolled("Support")
    client = signed_in(user, codes[0])
    clock.shift(29 * MINUTE)
    assert is_in(client)
    clock.shift(29 * MINUTE)
    assert is_in(client)
    clock.shift(30 * MINUTE)

    answer = client.get("/admin/players/player/", follow=True)

    assert answer.redirect_chain == [("/admin/login/?next=%2Fadmin%2Fplayers%2Fplayer%2F", 302)]
    assert "Your session has ended." in answer.content.decode()


def test_a_page_that_asks_by_itself_is_loaded_anew_when_it_is_over(
    clock: time_machine.Traveller,
) -> None:
    user, codes = make_enrolled("Support")
    client = signed_in(user, codes[0])
    clock.shift(30 * MINUTE)

    answer = client.get("/admin/players/player/", headers={"HX-Request": "true"})

    assert (answer.content, answer.headers["HX-Refresh"]) == (b"", "true")


def test_a_page_that_asks_by_itself_does_not_keep_it(clock: time_machine.Traveller) -> None:
    user, codes = make_enrolled("Support")
    client = signed_in(user, codes[0])
    for _ in range(2):
        clock.shift(10 * MINUTE)
        client.get("/admin/players/player/", headers={"HX-Request": "true"})
    clock.shift(10 * MINUTE)
    answer = client.get("/admin/players/player/", headers={"HX-Request": "true"})

    assert answer.headers["HX-Refresh"] == "true"
    assert not is_in(client)


def test_a_search_by_hand_keeps_it(clock: time_machine.Traveller) -> None:
    user, codes = make_enrolled("Support")
    client = signed_in(user, codes[0])
    clock.shift(20 * MINUTE)
    client.post("/admin/search/", {"s": "anna", "extended": "1"}, headers={"HX-Request": "true"})
    clock.shift(20 * MINUTE)

    assert is_in(client)


def test_it_ends_after_twelve_hours_whatever_one_does(clock: time_machine.Traveller) -> None:
    user, codes = make_enrolled("Support")
    client = signed_in(user, codes[0])
    for _ in range(12 * 3 - 1):
        clock.shift(20 * MINUTE)
        assert is_in(client)
    clock.shift(20 * MINUTE)

    assert not is_in(client)


class TestEndedByAChange:
    @pytest.mark.parametrize(
        "change",
        [
            lambda user: User.objects.filter(pk=user.pk).update(password="another"),
            lambda user: User.objects.filter(pk=user.pk).update(is_active=False),
            lambda user: user.groups.set([Group.objects.get(name="Operator")]),
        ],
        ids=["password", "access", "roles"],
    )
    def test_of_the_account_on_any_road(self, change: Callable[[User], object]) -> None:
        user, codes = make_enrolled("Support")
        other, other_codes = make_enrolled("Finance")
        clients = [signed_in(user, codes[0]), signed_in(other, other_codes[0])]

        with accounts.changing(by=None, now=NOON):
            change(user)

        assert [is_in(client) for client in clients] == [False, True]
        assert not StaffSession.objects.filter(user=user).exists()

    def test_who_sets_their_own_password_stays_in_here_alone(
        self, clock: time_machine.Traveller
    ) -> None:
        user, codes = make_enrolled("Support")
        here = signed_in(user, codes[0])
        there = signed_in(user, codes[1])

        here.post(
            "/admin/password_change/",
            {
                "old_password": PASSWORD,
                "new_password1": "another-long-horse",
                "new_password2": "another-long-horse",
            },
        )

        user.refresh_from_db()
        assert user.check_password("another-long-horse")
        assert (is_in(here), is_in(there)) == (True, False)

    def test_the_first_enrolment_ends_what_has_shown_a_password_alone(self) -> None:
        user = make_staff("Support")
        user.set_password(PASSWORD)
        user.save()
        here, there = Client(), Client()
        give_password(here, user)
        give_password(there, user)
        here.get("/admin/second-factor/set-up/")
        here.post("/admin/second-factor/set-up/", {"code": code_of(user)})

        assert is_in(here)
        assert there.get("/admin/").headers["Location"].startswith("/admin/login/")


class TestSignOutEverywhere:
    def test_one_ends_all_other_sessions_of_ones_own(self) -> None:
        user, codes = make_enrolled("Support")
        here, there = signed_in(user, codes[0]), signed_in(user, codes[1])

        answer = here.post("/admin/my-sign-in/sign-out-everywhere/", follow=True)

        assert "1 other session ended" in answer.content.decode()
        assert (is_in(here), is_in(there)) == (True, False)
        entry = AuditEntry.objects.get(action="user.signed_out_everywhere")
        assert entry.summary == "support has ended all other sessions: 1."

    def test_security_ends_those_of_somebody_else(self, client: Client) -> None:
        user, codes = make_enrolled("Support")
        theirs = signed_in(user, codes[0])
        client.force_login(make_staff("Security"))

        client.post(
            f"/admin/auth/user/{user.pk}/sign-out/", {"reason": "Left a laptop.", "confirm": "1"}
        )

        assert not is_in(theirs)
        entry = AuditEntry.objects.get(action="user.signed_out_everywhere")
        assert entry.details == {"sessions": 1, "reason": "Left a laptop."}


def test_what_is_over_is_purged(clock: time_machine.Traveller) -> None:
    user, codes = make_enrolled("Support")
    signed_in(user, codes[0])
    clock.shift(12 * 60 * MINUTE)
    signed_in(user, codes[1])

    assert sessions.purge(now=timezone.now()) == 1
    assert StaffSession.objects.filter(user=user).count() == 1
