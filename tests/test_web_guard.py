"""Nothing that answers a request waits for Telegram."""

import asyncio

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from bot.queue.transport import AiohttpRequest
from bot.queue.webhook import application
from payments import telegram
from quizarena import web_guard
from quizarena.web_guard import CalledInRequestError
from tests.sandbox import Sandbox


def balance(request: HttpRequest) -> HttpResponse:
    """Ask Telegram in a view."""
    return HttpResponse(str(telegram.balance()))


def nothing(request: HttpRequest) -> HttpResponse:
    """Answer at once."""
    return HttpResponse()


def profile(request: HttpRequest) -> HttpResponse:
    """Ask Telegram in a view, as python-telegram-bot does."""

    async def ask() -> bytes:
        asker = AiohttpRequest(connections=1)
        return (await asker.do_request("http://127.0.0.1:1/", "GET"))[1]

    return HttpResponse(asyncio.run(ask()))


@pytest.mark.parametrize("view", [balance, profile])
def test_a_view_cannot_ask_telegram(view: web_guard.View, sandbox: Sandbox) -> None:
    respond = web_guard.middleware(view)

    with pytest.raises(CalledInRequestError):
        respond(RequestFactory().get("/"))

    assert sandbox.calls("getMyStarBalance") == []


def test_outside_of_a_request_telegram_is_asked(sandbox: Sandbox) -> None:
    web_guard.middleware(nothing)(RequestFactory().get("/"))

    assert telegram.balance() == 0


@pytest.mark.django_db
def test_the_webhook_cannot_ask_telegram(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.queue.webhook.intake.arrive", lambda **_: telegram.balance())
    secret = {"X-Telegram-Bot-Api-Secret-Token": "local-webhook"}
    environ = (
        RequestFactory().post("/telegram/webhook/", b"{}", "text/json", headers=secret).environ
    )

    with pytest.raises(CalledInRequestError):
        application(environ, lambda *_: lambda _: None)


def test_every_request_to_the_site_is_guarded() -> None:
    from django.conf import settings

    assert settings.MIDDLEWARE[0] == "quizarena.web_guard.middleware"
