"""The webhook's own server: Telegram's updates, and nothing else (Procfile, docker-compose.yml).

Payments are approved here within seconds (bot/queue/intake.py), whatever staff, clients of the API
or strangers ask of the site at the time: they have another process, with threads of its own.
"""

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

import django

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "quizarena.settings")

django.setup()

from bot.queue import webhook  # noqa: E402 -- models can be imported only when Django is ready.

HEALTH_PATH = "/healthz"


def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    """Take updates, say that the process is alive, and answer 404 to everything else."""
    path = environ.get("PATH_INFO")
    if path == webhook.PATH:
        return webhook.application(environ, start_response)
    status, body = ("200 OK", b"alive") if path == HEALTH_PATH else ("404 Not Found", b"")
    start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
