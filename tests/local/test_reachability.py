"""Telegram, as it is before the demo starts: right, wrong or out of reach."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from quizarena.local.errors import LocalError
from quizarena.local.ports import any_free_port
from quizarena.local.reachability import bot_username

UNKNOWN = "Telegram does not know this TELEGRAM_BOT_TOKEN: copy it again from @BotFather"


class Answer(BaseHTTPRequestHandler):
    """Knows the token 1:right, is out of order for 1:broken, and talks nonsense to 1:nonsense."""

    def do_GET(self) -> None:
        token = self.path.split("/")[1].removeprefix("bot")
        status = {"1:right": 200, "1:nonsense": 200, "1:broken": 502}.get(token, 401)
        body = {"ok": True, "result": {"username": "arena_bot"}} if token == "1:right" else []
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *arguments: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def api_url() -> Iterator[str]:
    """A server in Telegram's place."""
    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_telegram_says_who_the_bot_is(api_url: str) -> None:
    assert bot_username(api_url=api_url, token="1:right") == "arena_bot"


@pytest.mark.parametrize("token", ["1:wrong", "no token at all", "1:two\nlines", ":x", "1:"])
def test_a_wrong_token_is_one_sentence(api_url: str, token: str) -> None:
    with pytest.raises(LocalError, match=UNKNOWN):
        bot_username(api_url=api_url, token=token)


@pytest.mark.parametrize(
    ("token", "reason"), [("1:broken", "error 502"), ("1:nonsense", "list indices")]
)
def test_a_telegram_that_does_not_work_is_distinguished_from_a_wrong_token(
    api_url: str, token: str, reason: str
) -> None:
    with pytest.raises(LocalError, match=f"cannot be reached .{reason}"):
        bot_username(api_url=api_url, token=token)


def test_a_telegram_out_of_reach_is_one_sentence_without_the_token() -> None:
    with pytest.raises(LocalError, match=r"cannot be reached .*Connection refused") as caught:
        bot_username(api_url=f"http://127.0.0.1:{any_free_port()}", token="1:right")

    assert "1:right" not in str(caught.value)
