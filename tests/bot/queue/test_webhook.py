"""The door for Telegram's updates."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from structlog.testing import capture_logs

from bot.queue.models import InboxUpdate
from bot.wsgi import application
from quizarena import wsgi
from tests.concurrency import another_connection
from tests.sandbox import free_port

UPDATE = {
    "update_id": 815,
    "message": {
        "message_id": 1,
        "date": 1_790_000_000,
        "chat": {"id": 4711, "type": "private"},
        "from": {"id": 4711, "is_bot": False, "first_name": "Anna"},
        "text": "/start",
    },
}


def request(method: str = "POST", body: bytes = b"", **headers: str) -> int:
    """Send a request to the webhook's server and return the status."""
    return answer_of(application, "/telegram/webhook/", method, body, **headers)


def answer_of(
    server: Any, path: str, method: str = "GET", body: bytes = b"", **headers: str
) -> int:
    """Send a request to a WSGI application and return the status."""
    statuses: list[str] = []

    def start_response(status: str, *details: object) -> Callable[[bytes], object]:
        statuses.append(status)
        return bytes

    environ = RequestFactory().generic(method, path, body, headers=headers).environ
    server(environ, start_response)
    return int(statuses[0].split()[0])


def post(body: object, *, secret: str | None = None) -> int:
    """Post `body` (bytes as they are, anything else as JSON) and return the status."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = settings.TELEGRAM_WEBHOOK_SECRET if secret is None else secret
    return request("POST", raw, **{"X-Telegram-Bot-Api-Secret-Token": given})


class TestServers:
    def test_the_webhooks_own_server_answers_nothing_else(self) -> None:
        found = {
            path: answer_of(application, path)
            for path in ("/healthz", "/", "/readyz", "/admin/login/", "/api/v1/schema/")
        }

        assert found == {
            "/healthz": 200,
            "/": 404,
            "/readyz": 404,
            "/admin/login/": 404,
            "/api/v1/schema/": 404,
        }

    @pytest.mark.django_db
    def test_web_takes_what_a_proxy_has_not_parted_and_says_so_once(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Another test may have made this process say so.
        monkeypatch.setattr(wsgi, "_said", [])
        secret = {"X-Telegram-Bot-Api-Secret-Token": settings.TELEGRAM_WEBHOOK_SECRET}

        with capture_logs() as said:
            for update_id in (1, 2):
                body = json.dumps({**UPDATE, "update_id": update_id}).encode()
                status = answer_of(wsgi.application, "/telegram/webhook/", "POST", body, **secret)
                assert status == 200

        assert InboxUpdate.objects.count() == 2
        assert [one["event"] for one in said] == ["webhook.not_routed"]


@pytest.mark.django_db
class TestRefusals:
    @pytest.mark.parametrize("secret", ["", "wrong", "local-webhook ", "LOCAL-WEBHOOK", "ümläut"])
    def test_a_wrong_secret_is_forbidden(self, secret: str) -> None:
        assert post(UPDATE, secret=secret) == 403
        assert not InboxUpdate.objects.exists()

    def test_a_missing_secret_is_forbidden(self) -> None:
        assert request("POST", json.dumps(UPDATE).encode()) == 403

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"hello",
            b'{"update_id": 1',
            b"\xff\xfe\xfd",
            b"[1]",
            b"null",
            b"1",
            b'"update_id"',
            b"{}",
            b'{"message": {}}',
            b'{"update_id": true}',
            b'{"update_id": "1"}',
            b'{"update_id": 1.0}',
            b'{"update_id": null}',
            b'{"update_id": -1}',
            b'{"update_id": 9223372036854775808}',
            b"[" * 100_000,
            '{"update_id": 1}'.encode("utf-16"),
        ],
        ids=lambda body: repr(body[:40]),
    )
    def test_what_is_no_update_is_a_bad_request(self, body: bytes) -> None:
        assert post(body) == 400
        assert not InboxUpdate.objects.exists()

    def test_more_than_one_mebibyte_is_too_large(self) -> None:
        def padded(size: int) -> bytes:
            return b'{"update_id": 1}'.ljust(size)

        assert post(padded(1024 * 1024 + 1)) == 413
        assert not InboxUpdate.objects.exists()
        assert post(padded(1024 * 1024)) == 200

    def test_only_posts_are_taken(self) -> None:
        assert request("GET") == 405


@pytest.mark.django_db(transaction=True)
class TestAcceptance:
    def test_an_update_costs_one_committed_statement(self) -> None:
        with CaptureQueriesContext(connection) as queries:
            status = post(UPDATE)

        assert status == 200
        assert len(queries) == 1
        with another_connection() as cursor:
            cursor.execute(
                "SELECT update_id, kind, player_key, state, attempts FROM bot_inboxupdate"
            )
            assert cursor.fetchall() == [(815, "message", 4711, "NEW", 0)]
        assert InboxUpdate.objects.get().payload == UPDATE

    def test_a_duplicate_is_accepted_and_changes_nothing(self) -> None:
        first = post(UPDATE)
        second = post({"update_id": 815, "message": {"text": "something else"}})

        assert (first, second) == (200, 200)
        assert InboxUpdate.objects.get().payload == UPDATE

    @pytest.mark.parametrize(
        ("update", "kind", "player_key"),
        [
            ({"update_id": 1, "telepathy": {"from": {"id": 7}}}, "telepathy", 7),
            ({"update_id": 1, "subscription": {"user": {"id": 8}}}, "subscription", 8),
            ({"update_id": 1, "channel_post": {"chat": {"id": -1009}}}, "channel_post", -1009),
            ({"update_id": 1, "callback_query": {"from": {"id": 2**40}}}, "callback_query", 2**40),
            ({"update_id": 1, "message": {"from": {"id": 2**70}}}, "message", None),
            ({"update_id": 1, "message": {"from": {"id": True}}}, "message", None),
            ({"update_id": 1, "message": "not an object"}, "message", None),
            ({"update_id": 1, "k" * 100: {}}, "k" * 64, None),
            ({"update_id": 0}, "", None),
            ({"update_id": 9223372036854775807}, "", None),
        ],
    )
    def test_updates_of_every_kind_are_kept(
        self, update: dict[str, Any], kind: str, player_key: int | None
    ) -> None:
        assert post(update) == 200

        kept = InboxUpdate.objects.get()
        assert (kept.payload, kept.kind, kept.player_key) == (update, kind, player_key)

    @pytest.mark.parametrize(
        ("text", "kept"),
        [
            (r'"a\u0000b"', "a\ufffdb"),
            (r'"half \ud83d of a pair"', "half \ufffd of a pair"),
            (r'"\ude00 the other half"', "\ufffd the other half"),
            (r'"NUL \u0000 and \\u0000 as text"', "NUL \ufffd and \\u0000 as text"),
            (r'"\\\u0000"', "\\\ufffd"),
            (r'"\ud83d\ude00 whole \ud83d"', "😀 whole \ufffd"),
        ],
    )
    def test_what_jsonb_refuses_is_replaced(self, text: str, kept: str) -> None:
        assert post(f'{{"update_id": 1, "message": {{"text": {text}}}}}'.encode()) == 200

        assert InboxUpdate.objects.get().payload["message"]["text"] == kept

    @pytest.mark.parametrize("name", [r"\ud800", r"a\u0000b"])
    def test_a_kind_that_is_no_text_for_postgresql_is_kept(self, name: str) -> None:
        assert post(f'{{"update_id": 1, "{name}": {{}}}}'.encode()) == 200

        assert InboxUpdate.objects.count() == 1

    def test_what_looks_like_json_to_python_only_is_a_bad_request(self) -> None:
        assert post(b'{"update_id": 1, "message": {"text": NaN}}') == 400
        assert not InboxUpdate.objects.exists()

    def test_without_a_database_telegram_is_asked_to_come_again(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patch:
            connection.close()
            patch.setitem(connection.settings_dict, "PORT", str(free_port()))
            away = post(UPDATE)
        back = post(UPDATE)

        assert (away, back) == (503, 200)

    def test_a_connection_that_the_database_has_closed_is_replaced(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            (before,) = cursor.fetchone()
        with another_connection() as cursor:
            cursor.execute("SET ROLE NONE")
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [before])

        status = post(UPDATE)

        assert status == 200
        assert InboxUpdate.objects.count() == 1
