"""The second factor: after a password alone nothing opens."""

import re
from collections.abc import Iterable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import django_otp
import pytest
import time_machine
from django.test import Client
from django.urls import URLResolver, get_resolver
from django_otp.models import Device
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice
from pytest_django.fixtures import Settings

from quizarena.staff import factors, sessions
from quizarena.staff.errors import BadReasonError, FactorError
from quizarena.staff.models import Alert, AuditEntry
from tests.concurrency import meet_after, run_together
from tests.factories import make_staff
from tests.staff.signing_in import (
    FACTOR,
    NOON,
    PASSWORD,
    code_of,
    give_password,
    make_enrolled,
    sign_in,
)

pytestmark = pytest.mark.django_db

# What opens with no password, or with nothing but one.
OPEN = {"/admin/login/", "/admin/logout/", "/admin/jsi18n/"}
SET_UP = "/admin/second-factor/set-up/"
SECRET = re.compile(r'<code class="desk-secret">([A-Z2-7 ]+)</code>')


def secret_on(answer: Any) -> str:
    """Return the secret that a page shows."""
    found = SECRET.search(answer.content.decode())
    assert found is not None
    return found[1]


def pages(patterns: Iterable[Any], above: str = "/") -> Iterator[str]:
    """Return an address for each page of the admin."""
    for pattern in patterns:
        route = above + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from pages(pattern.url_patterns, route)
        elif route.startswith("/admin/"):
            route = re.sub(r"<uuid:\w+>", "00000000-0000-0000-0000-000000000000", route)
            route = re.sub(r"\^?\(\?P<app_label>.*", "auth/", route)
            yield re.sub(r"\(\?P<url>.*", "nothing/", re.sub(r"<[\w:]+>", "1", route))


class TestGate:
    def test_a_password_opens_only_the_second_factor_and_a_code_all_else(
        self, client: Client
    ) -> None:
        user = make_staff("Support")
        user.set_password(PASSWORD)
        user.save()

        assert give_password(client, user) == 302
        asked = client.get("/admin/players/player/?q=anna")
        assert (
            asked.headers["Location"]
            == "/admin/second-factor/?next=%2Fadmin%2Fplayers%2Fplayer%2F%3Fq%3Danna"
        )
        assert client.get(asked.headers["Location"]).headers["Location"].startswith(SET_UP)
        assert "<svg" in client.get(SET_UP).content.decode()
        codes = client.post(SET_UP, {"code": code_of(user)}).content.decode()

        assert client.get("/admin/players/player/").status_code == 200
        found = re.findall(r"<code>([a-z2-9-]{19})</code>", codes)
        kept = StaticToken.objects.values_list("token", flat=True)
        assert len(set(found)) == len(kept) == 10
        assert not set(kept) & {code.replace("-", "") for code in found}

    def test_a_secret_that_another_session_has_seen_is_never_confirmed(self) -> None:
        user = make_staff("Support")
        user.set_password(PASSWORD)
        user.save()
        thief, owner = Client(), Client()
        seen: list[str] = []
        for browser in (thief, owner, thief):
            if not seen or browser is owner:
                give_password(browser, user)
            seen.append(secret_on(browser.get(SET_UP)))

        of_the_thief = owner.post(SET_UP, {"code": code_of(user)})

        assert len(set(seen)) == 3
        assert not factors.is_enrolled(user)
        assert secret_on(of_the_thief) not in seen
        assert "replaced by a new one: scan the picture again" in of_the_thief.content.decode()
        owner.post(SET_UP, {"code": code_of(user)})
        assert factors.is_enrolled(user)
        assert thief.get("/admin/").headers["Location"].startswith("/admin/login/")

    def test_the_page_can_be_opened_again_with_the_same_secret(self, client: Client) -> None:
        user = make_staff("Support")
        user.set_password(PASSWORD)
        user.save()
        give_password(client, user)

        seen = {secret_on(client.get(SET_UP)) for _ in range(2)}

        assert len(seen) == 1

    def test_no_page_opens_with_a_password_alone(self, client: Client) -> None:
        user, _ = make_enrolled("Administrator")
        give_password(client, user)
        tried = set(pages(get_resolver().url_patterns)) - OPEN - {FACTOR, SET_UP}

        opened = [
            page
            for page in (*sorted(tried), "/api/docs/", "/api/v1/schema/")
            for answer in (client.get(page), client.post(page))
            if not answer.headers.get("Location", "").startswith(FACTOR)
        ]

        assert len(tried) > 300
        assert opened == []

    def test_who_is_not_signed_in_is_sent_to_the_password(self, client: Client) -> None:
        for page in (FACTOR, SET_UP, "/admin/my-sign-in/"):
            assert client.get(page).headers["Location"] == f"/admin/login/?next={page}"

    def test_a_next_page_elsewhere_is_not_followed(self, client: Client) -> None:
        user, codes = make_enrolled("Support")
        give_password(client, user)

        answer = client.post(f"{FACTOR}?next=//evil.example/", {"code": codes[0]})

        assert answer.headers["Location"] == "/admin/"

    def test_the_session_has_another_key_after_the_factor(self, client: Client) -> None:
        user, codes = make_enrolled("Support")
        give_password(client, user)
        before = client.session.session_key

        client.post(FACTOR, {"code": codes[0]})

        assert client.session.session_key != before

    def test_a_demonstration_asks_only_security_and_who_has_a_factor(
        self, client: Client, settings: Settings
    ) -> None:
        settings.STAFF_SECOND_FACTOR = "optional"
        enrolled, _ = make_enrolled("Operator")
        opened = {}
        for user in (enrolled, make_staff("Support"), make_staff("Security")):
            user.set_password(PASSWORD)
            user.save()
            give_password(client, user)
            opened[user.username] = client.get("/admin/").status_code

        assert opened == {"operator": 302, "support": 200, "security": 302}


class TestCodes:
    def test_a_code_of_the_app_is_taken_once(
        self, client: Client, clock: time_machine.Traveller
    ) -> None:
        user, _ = make_enrolled("Support")
        clock.shift(30)
        sign_in(client, user)
        other = Client()
        give_password(other, user)

        again = other.post(FACTOR, {"code": code_of(user)})

        assert "it was used already" in again.content.decode()
        assert other.get("/admin/").status_code == 302

    def test_a_recovery_code_is_taken_once_and_in_any_writing(self) -> None:
        user, codes = make_enrolled("Support")

        factors.verify(user=user, code=f" {codes[0].upper().replace('-', ' ')} ", now=NOON)

        assert factors.recovery_codes_left(user) == 9
        with pytest.raises(FactorError):
            factors.verify(user=user, code=codes[0], now=NOON)
        assert AuditEntry.objects.get(action="user.recovery_code_used").summary == (
            "support has used a recovery code; 9 are left."
        )

    def test_nobody_elses_code_is_taken(self) -> None:
        user, _ = make_enrolled("Support")
        _, codes = make_enrolled("Finance")

        with pytest.raises(FactorError, match="wrong"):
            factors.verify(user=user, code=codes[0], now=NOON)

    def test_a_code_that_meets_a_reset_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        user, codes = make_enrolled("Support")
        monkeypatch.setattr(django_otp, "verify_token", lambda *_: factors.remove(user))

        with pytest.raises(FactorError, match="of no use any more"):
            factors.verify(user=user, code=codes[0], now=NOON)

    def test_wrong_codes_make_the_next_one_wait(
        self, client: Client, clock: time_machine.Traveller
    ) -> None:
        user, _ = make_enrolled("Support")
        give_password(client, user)
        for _ in range(4):
            client.post(FACTOR, {"code": "000000"})
            clock.shift(60)
        client.post(FACTOR, {"code": "000000"})

        refused = client.post(FACTOR, {"code": code_of(user)}).content.decode()
        clock.shift(60)
        taken = client.post(FACTOR, {"code": code_of(user)})

        assert "Too many wrong codes" in refused
        assert taken.status_code == 302

    def test_new_recovery_codes_replace_the_old_ones(
        self, client: Client, clock: time_machine.Traveller
    ) -> None:
        user, codes = make_enrolled("Support")
        clock.shift(30)
        sign_in(client, user)

        shown = client.post("/admin/my-sign-in/recovery-codes/").content.decode()

        found = re.findall(r"<code>([a-z2-9-]{19})</code>", shown)
        with pytest.raises(FactorError):
            factors.verify(user=user, code=codes[0], now=NOON)
        clock.shift(2)
        factors.verify(user=user, code=found[0], now=NOON)

    def test_an_account_has_one_app(self) -> None:
        user, _ = make_enrolled("Support")

        with pytest.raises(FactorError, match="has an authenticator app already"):
            factors.new_secret(user=user, session=sessions.SessionStore())


@pytest.mark.django_db(transaction=True)
class TestConcurrency:
    def test_two_at_once_use_a_recovery_code_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self._together(monkeypatch) == ["FactorError", "NoneType"]

    def test_without_the_lock_it_is_used_twice(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Show that the test above can fail: take the lock away, and it must."""
        unlocked: Any = Device.from_persistent_id
        monkeypatch.setattr(Device, "from_persistent_id", lambda key, **_: unlocked(key))

        assert self._together(monkeypatch) == ["NoneType", "NoneType"]

    def _together(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        user, codes = make_enrolled("Support")
        use = partial(factors.verify, user=user, code=codes[0], now=NOON)
        meet_after(monkeypatch, Device, "from_persistent_id")
        return sorted(type(result).__name__ for result in run_together(use, use))


class TestReset:
    def test_security_resets_a_lost_factor_and_it_is_written_down(self, client: Client) -> None:
        user, codes = make_enrolled("Support")
        theirs = Client()
        give_password(theirs, user)
        theirs.post(FACTOR, {"code": codes[0]})
        client.force_login(make_staff("Security"))

        client.post(
            f"/admin/auth/user/{user.pk}/reset-factor/", {"reason": "Lost.", "confirm": "1"}
        )

        assert theirs.get("/admin/").headers["Location"].startswith("/admin/login/")
        assert not TOTPDevice.objects.exists()
        assert not StaticToken.objects.exists()
        entry = AuditEntry.objects.get(action="user.factor_reset")
        assert (str(entry.actor), entry.details) == ("security", {"reason": "Lost."})
        alert = Alert.objects.get(kind="second_factor_reset")
        assert alert.summary == (
            "The second factor of support was reset. Make sure that support has asked for it."
        )

    @pytest.mark.parametrize("role", ["Support", "Operator", "Finance", "Administrator"])
    def test_nobody_else_does(self, client: Client, role: str) -> None:
        user, _ = make_enrolled("Editor")
        client.force_login(make_staff(role))

        for action in ("reset-factor", "sign-out"):
            page = f"/admin/auth/user/{user.pk}/{action}/"
            assert client.post(page, {"reason": "x", "confirm": "1"}).status_code == 403
        assert factors.is_enrolled(user)

    def test_nobody_resets_their_own_and_none_without_a_reason(self, client: Client) -> None:
        user, _ = make_enrolled("Security")
        client.force_login(user)

        assert client.get(f"/admin/auth/user/{user.pk}/reset-factor/").status_code == 403
        with pytest.raises(BadReasonError):
            factors.reset(user=user, by=None, reason=" ", now=NOON + timedelta(days=1))
        assert factors.is_enrolled(user)
