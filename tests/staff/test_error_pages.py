"""What somebody sees whose request goes wrong: a page of ours, with what to do and a way back."""

import pytest
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import path

from quizarena.urls import urlpatterns as addresses
from tests.factories import make_staff

pytestmark = pytest.mark.django_db


def fail(request: HttpRequest) -> HttpResponse:
    """Fail like a page with a defect."""
    raise ZeroDivisionError


urlpatterns = [path("defect/", fail), *addresses]


@pytest.fixture
def browser(client: Client) -> Client:
    """Return the browser of a member of support."""
    client.force_login(make_staff("Support", username="sigrid"))
    client.raise_request_exception = False
    return client


def page(browser: Client, address: str, *, status: int) -> str:
    """Return the page that the address answers with this status, on one line."""
    answer = browser.get(address)
    assert answer.status_code == status
    assert answer["Content-Type"] == "text/html; charset=utf-8"
    return " ".join(answer.content.decode().split())


def test_an_address_that_is_none(browser: Client) -> None:
    for address in ("/admin/nothing/", "/nothing/"):
        shown = page(browser, address, status=404)

        assert "<h1>There is no such page</h1>" in shown
        assert f'<p class="quiet">{address}</p>' in shown
        assert '<a class="way" href="/admin/">To the start page</a>' in shown


def test_what_is_mistyped_is_no_html(browser: Client) -> None:
    shown = page(browser, "/<script>alert(1)</script>/", status=404)

    assert "<script>" not in shown


def test_a_page_of_another_role(browser: Client) -> None:
    shown = page(browser, "/admin/auth/user/", status=403)

    assert "<h1>Your role does not include this page</h1>" in shown
    assert "You are logged in as sigrid." in shown
    assert "ask Security for a role that includes it" in shown


def test_what_nobody_may_says_that_no_role_does(client: Client) -> None:
    client.force_login(User.objects.create_superuser("owner"))

    shown = page(client, "/admin/staff/auditentry/add/", status=403)

    assert "No role does: what stands there is not entered or changed by hand." in shown
    assert "ask Security" not in shown


@pytest.mark.parametrize(
    "address",
    [
        "my-sign-in/recovery-codes/",
        "my-sign-in/sign-out-everywhere/",
        "approval-outcomes/1/dismiss/",
        "promos/campaign/find/",
        "logout/",
    ],
)
def test_an_address_that_only_takes_a_form(client: Client, address: str) -> None:
    client.force_login(make_staff("Operator"))

    shown = page(client, f"/admin/{address}", status=405)

    assert "<h1>This address only takes a form</h1>" in shown
    assert "Nothing was done." in shown
    assert '<a class="way" href="/admin/">To the start page</a>' in shown
    assert client.get(f"/admin/{address}").headers["Allow"].startswith("POST")


def test_a_program_that_asks_in_another_way_gets_no_page() -> None:
    answer = Client().get("/api/v1/purchases/")

    assert "<h1>" not in answer.content.decode()


def test_a_form_of_another_session() -> None:
    answer = Client(enforce_csrf_checks=True).post("/admin/login/", {"username": "sigrid"})

    assert answer.status_code == 403
    assert "<h1>This form is out of date</h1>" in answer.content.decode()
    assert "Nothing was saved." in answer.content.decode()


@override_settings(ROOT_URLCONF=__name__)
def test_a_defect(browser: Client) -> None:
    shown = page(browser, "/defect/", status=500)

    assert "<h1>Something went wrong here, not with you</h1>" in shown
    assert "Look whether what you did is done before you do it again." in shown
    assert "ZeroDivisionError" not in shown


def test_the_tab_has_an_icon(browser: Client) -> None:
    shown = page(browser, "/admin/", status=200)

    assert 'rel="icon" href="/static/staff/icon.svg" type="image/svg+xml"' in shown
