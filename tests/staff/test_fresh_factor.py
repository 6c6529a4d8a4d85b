"""Money, codes, exports and accounts want a code of the second factor from the last ten minutes."""

import re
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from economy.models import LedgerEntry
from quizarena.api.models import ApiClient
from quizarena.staff import factors, sessions
from tests.factories import PlayerFactory, make_campaign, make_staff
from tests.staff.signing_in import code_of, make_enrolled

pytestmark = pytest.mark.django_db

ASKED = "Enter a code to go on"
MINUTE = 60
WAYS = re.compile(r"<a .*?</a>", re.DOTALL)


def signed_in(role: str, clock: time_machine.Traveller, *, minutes: float) -> tuple[Client, User]:
    """Return who has shown the factor so many minutes ago and has not been away."""
    user, _ = make_enrolled(role)
    client = Client()
    client.force_login(user)
    session = client.session
    sessions.begin(session, now=timezone.now())
    factors.mark(session, now=timezone.now())
    session.save()
    clock.shift(minutes * MINUTE)
    return client, user


def hidden(page: str) -> dict[str, Any]:
    """Return what the page carries along."""
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page)
    return {name: value for name, value in found if name != "csrfmiddlewaretoken"}


def given() -> list[int]:
    """Return what staff have given."""
    return list(LedgerEntry.objects.filter(source="STAFF").values_list("paid_energy", flat=True))


def adjustment(**more: str) -> dict[str, str]:
    return {
        "asset": "PAID_ENERGY",
        "amount": "7",
        "reason": "The round hung, & “so on”.",
        "decision": "5b0ee2a4-9f0e-4c0e-9f5e-2f6d6b1f1a10",
        **more,
    }


class TestResumed:
    def test_what_was_confirmed_goes_on_with_the_code_and_nothing_is_lost(
        self, clock: time_machine.Traveller
    ) -> None:
        player = PlayerFactory.create()
        client, user = signed_in("Support", clock, minutes=10)
        page = f"/admin/economy/wallet/{player.pk}/adjust/"

        asked = client.post(page, adjustment(confirm="1"))
        nothing_yet = given()
        wrong = client.post(page, {**hidden(asked.content.decode()), "factor-code": "000000"})
        clock.shift(MINUTE)
        carried = hidden(wrong.content.decode())
        done = client.post(page, {**carried, "factor-code": code_of(user)})

        assert ASKED in asked.content.decode()
        assert "no-store" in asked.headers["Cache-Control"]
        assert "This code is wrong" in wrong.content.decode()
        assert nothing_yet == []
        assert done.status_code == 302
        assert given() == [7]

    def test_who_has_shown_it_less_than_ten_minutes_ago_is_not_asked(
        self, clock: time_machine.Traveller
    ) -> None:
        player = PlayerFactory.create()
        client, _ = signed_in("Support", clock, minutes=9.9)

        done = client.post(f"/admin/economy/wallet/{player.pk}/adjust/", adjustment(confirm="1"))

        assert done.status_code == 302
        assert given() == [7]

    def test_a_preview_asks_for_nothing(self, clock: time_machine.Traveller) -> None:
        player = PlayerFactory.create()
        client, _ = signed_in("Support", clock, minutes=20)

        shown = client.post(f"/admin/economy/wallet/{player.pk}/adjust/", adjustment())

        assert ASKED not in shown.content.decode()

    def test_roles_are_given_after_the_code(self, clock: time_machine.Traveller) -> None:
        someone = make_staff("Editor")
        client, user = signed_in("Security", clock, minutes=10)
        operator = Group.objects.get(name="Operator")
        page = f"/admin/auth/user/{someone.pk}/change/"
        form = {"username": "editor", "is_active": "on", "groups": str(operator.pk)}

        asked = client.post(page, {**form, "_save": "Save"})
        before = [group.name for group in someone.groups.all()]
        client.post(page, {**hidden(asked.content.decode()), "factor-code": code_of(user)})

        assert before == ["Editor"]
        assert [group.name for group in someone.groups.all()] == ["Operator"]

    def test_a_password_is_never_carried_in_a_page(self, clock: time_machine.Traveller) -> None:
        someone = make_staff("Editor")
        client, _ = signed_in("Security", clock, minutes=10)
        page = f"/admin/auth/user/{someone.pk}/password/"

        answer = client.post(
            page, {"password1": "a-brand-new-horse", "password2": "a-brand-new-horse"}
        )

        assert answer.headers["Location"].startswith("/admin/second-factor/?next=")
        assert "horse" not in answer.content.decode()
        someone.refresh_from_db()
        assert not someone.check_password("a-brand-new-horse")


class TestCancelled:
    """Nobody has to give a code to get away from the page that asks for one."""

    @pytest.mark.parametrize(
        ("role", "page", "back"),
        [
            ("Support", "/admin/my-sign-in/recovery-codes/", "/admin/my-sign-in/"),
            (
                "Support",
                "/admin/economy/wallet/{player}/adjust/",
                "/admin/players/player/{player}/change/",
            ),
            (
                "Operator",
                "/admin/promos/campaign/decide/start/",
                "/admin/promos/campaign/{campaign}/change/",
            ),
            (
                "Security",
                "/admin/api/apiclient/add/?name=Shop",
                "/admin/api/apiclient/add/?name=Shop",
            ),
        ],
    )
    def test_it_leads_to_a_page_that_is_there(
        self, role: str, page: str, back: str, clock: time_machine.Traveller
    ) -> None:
        ids = {"player": PlayerFactory.create().pk, "campaign": make_campaign().pk}
        client, _ = signed_in(role, clock, minutes=10)

        form = adjustment(confirm="1", seen=f"{ids['campaign']}:DRAFT")
        asked = client.post(page.format(**ids), form).content.decode()

        assert ASKED in asked
        cancel = next(way for way in WAYS.findall(asked) if "Cancel" in way)
        assert f'href="{back.format(**ids)}"' in cancel


class TestWhere:
    """Pages that ask before they show anything, and pages that ask when they are sent."""

    PAGES = (
        ("Support", "/admin/password_change/"),
        ("Security", "/admin/auth/user/add/"),
        ("Security", "/admin/auth/user/1/password/"),
        ("Security", "/admin/api/apiclient/add/"),
        ("Operator", "/admin/promos/batch/1/download/"),
        ("Operator", "/admin/promos/batch/import/1/"),
        ("Operator", "/admin/promos/campaign/add/"),
        ("Operator", "/admin/promos/campaign/1/export/csv/"),
        ("Operator", "/admin/bot/broadcast/1/export/"),
        ("Operator", "/admin/game/cupprize/add/"),
        ("Editor", "/admin/game/question/export/"),
        ("Finance", "/admin/payments/export/1/download/"),
    )

    @pytest.mark.parametrize(("role", "page"), PAGES)
    def test_a_page_is_opened_after_the_code(
        self, role: str, page: str, clock: time_machine.Traveller
    ) -> None:
        client, _ = signed_in(role, clock, minutes=10)

        location = client.get(page).headers["Location"]

        assert location.startswith("/admin/second-factor/?next=")

    @pytest.mark.parametrize(
        ("status", "page", "form"),
        [
            ("ACTIVE", "/admin/promos/campaign/{pk}/edit/", {"uses_max": "100000"}),
            ("DRAFT", "/admin/promos/campaign/{pk}/edit/", {"codes_size": "1000"}),
            (
                "DRAFT",
                "/admin/promos/campaign/drafts/",
                {"seen": "{pk}:0", "change_uses": "on", "uses_max": "5", "confirm": "1"},
            ),
            (
                "PAUSED",
                "/admin/promos/campaign/decide/unpause/",
                {
                    "seen": "{pk}:PAUSED",
                    "reason": "It was nothing.",
                    "decision": "5b0ee2a4-9f0e-4c0e-9f5e-2f6d6b1f1a10",
                    "confirm": "1",
                },
            ),
        ],
    )
    def test_what_a_campaign_may_give_is_changed_after_the_code(
        self, status: str, page: str, form: dict[str, str], clock: time_machine.Traveller
    ) -> None:
        campaign = make_campaign(status=status)
        client, _ = signed_in("Operator", clock, minutes=10)

        asked = client.post(
            page.format(pk=campaign.pk),
            {name: value.format(pk=campaign.pk) for name, value in form.items()},
        )

        assert ASKED in asked.content.decode()
        again = type(campaign).objects.get(pk=campaign.pk)
        assert (again.status, again.uses_max) == (status, campaign.uses_max)

    def test_a_client_of_the_api_is_revoked_after_the_code(
        self, clock: time_machine.Traveller
    ) -> None:
        client, user = signed_in("Security", clock, minutes=10)
        caller = ApiClient.objects.create(
            name="Shop",
            token_sha256="0" * 64,
            scopes=["products:read"],
            created_by=user,
            created_at=timezone.now(),
        )

        asked = client.post(
            f"/admin/api/apiclient/{caller.pk}/revoke/", {"reason": "Leaked.", "confirm": "1"}
        )

        assert ASKED in asked.content.decode()
        caller.refresh_from_db()
        assert caller.revoked_at is None

    def test_new_recovery_codes_want_it(self, clock: time_machine.Traveller) -> None:
        client, user = signed_in("Support", clock, minutes=10)

        asked = client.post("/admin/my-sign-in/recovery-codes/")

        assert ASKED in asked.content.decode()
        shown = client.post(
            "/admin/my-sign-in/recovery-codes/",
            {"fresh_factor": "1", "factor-code": code_of(user)},
        )
        assert "They are shown only now." in shown.content.decode()
