"""The door for Telegram's updates (Bot API setWebhook): a WSGI application of its own.

It stands beside Django's in quizarena/wsgi.py. No session, user, cookie or template is needed to
store an update, and without Django's request cycle a worker thread takes three times as many
(docs/decisions/0008).
"""

import json
import time
from collections.abc import Iterable
from hmac import compare_digest
from typing import TYPE_CHECKING

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from bot.queue import inbox, intake
from quizarena import web_guard
from quizarena.ops import timings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

PATH = "/telegram/webhook/"
BODY_MAX_BYTES = 1024 * 1024

log = structlog.get_logger(__name__)


def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    """Store one update and answer 200; what it causes is done by a worker.

    What cannot wait for one (bot/queue/intake.py) stands in the body, as a call for Telegram to
    make. 403 without the right secret, 413 for more than 1 MiB, 400 for what is no update, and 503
    when the database is unavailable: Telegram keeps everything but a 200 and sends it again.
    """
    began = time.perf_counter()
    with web_guard.request():
        status, body = _receive(environ)
    timings.observe(timings.ACKNOWLEDGEMENT, time.perf_counter() - began)
    timings.count(timings.REQUESTS, status[:3])
    kind = "application/json" if body.startswith(b"{") else "text/plain"
    start_response(status, [("Content-Type", kind), ("Content-Length", str(len(body)))])
    return [body]


def _receive(environ: "WSGIEnvironment") -> tuple[str, bytes]:
    """Return the status line and the body: what is to be said about it, or a call in JSON."""
    if environ["REQUEST_METHOD"] != "POST":
        return "405 Method Not Allowed", b"Only POST is allowed."
    given = environ.get("HTTP_X_TELEGRAM_BOT_API_SECRET_TOKEN", "")
    # WSGI hands headers over as Latin-1.
    if not compare_digest(given.encode("latin-1"), settings.TELEGRAM_WEBHOOK_SECRET.encode()):
        return "403 Forbidden", b"The secret token is wrong."
    body = _read(environ)
    if body is None:
        return "413 Content Too Large", b"The body is larger than 1 MiB."
    try:
        answer = intake.arrive(raw=body, now=timezone.now())
    except inbox.NotAnUpdateError as error:
        return "400 Bad Request", str(error).encode()
    except (OperationalError, InterfaceError) as error:
        log.warning("webhook.database_away", error=str(error))
        return "503 Service Unavailable", b"The database is unavailable."
    return "200 OK", json.dumps(answer).encode() if answer else b""


def _read(environ: "WSGIEnvironment") -> bytes | None:
    """Return the body, or None when it says of itself that it is too large."""
    length = environ.get("CONTENT_LENGTH") or ""
    size = int(length) if length.isdecimal() else 0
    if size > BODY_MAX_BYTES:
        return None
    body: bytes = environ["wsgi.input"].read(size)
    return body
