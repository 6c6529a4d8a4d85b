"""The second factor: after a password alone nothing opens."""

import re

import pytest
from django.test import Client
from django.utils import timezone
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from tests.factories import make_staff

pytestmark = pytest.mark.django_db
PASSWORD = "a-long-enough-horse"


def test_a_password_opens_only_the_second_factor_and_a_code_all_else(client: Client) -> None:
    user = make_staff("Support")
    user.set_password(PASSWORD)
    user.save()

    client.post("/admin/login/", {"username": user.username, "password": PASSWORD})
    for page in ("/admin/", "/admin/players/player/", "/api/docs/", "/api/v1/schema/"):
        assert client.get(page).headers["Location"].startswith("/admin/second-factor/?next=")
    shown = client.get("/admin/second-factor/set-up/")
    assert "unsafe-inline" not in shown.headers["Content-Security-Policy"].split(";")[1]
    key = TOTPDevice.objects.get(user=user).bin_key
    code = f"{_now(key):06}"
    codes = client.post("/admin/second-factor/set-up/", {"code": code}).content.decode()

    assert client.get("/admin/players/player/").status_code == 200
    found = re.findall(r"<code>([a-z0-9-]{19})</code>", codes)
    assert len(found) == 10
    kept = set(StaticToken.objects.values_list("token", flat=True))
    assert not kept & {one.replace("-", "") for one in found}

    again = Client()
    again.post("/admin/login/", {"username": user.username, "password": PASSWORD})
    assert again.post("/admin/second-factor/", {"code": code}).status_code == 200
    assert again.get("/admin/").status_code == 302
    assert again.post("/admin/second-factor/", {"code": found[0]}).status_code == 302
    assert again.get("/admin/").status_code == 200
    assert len(kept) - 1 == StaticToken.objects.count()


def _now(key: bytes) -> int:

    device = TOTP(key)
    device.time = timezone.now().timestamp()
    return device.token()
