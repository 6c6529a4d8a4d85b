"""The WSGI application of web: Django, and Telegram's updates where no proxy parts them.

Updates belong to the webhook's own server (bot/wsgi.py). One that comes here is taken all the same:
a proxy that does not know of the other server yet must lose nothing.
"""

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

import structlog
from django.core.wsgi import get_wsgi_application

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "quizarena.settings")

django = get_wsgi_application()

from bot.queue import webhook  # noqa: E402 -- models can be imported only when Django is ready.

log = structlog.get_logger(__name__)
_said: list[str] = []


def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    """Hand a request to whom it belongs."""
    if environ.get("PATH_INFO") == webhook.PATH:
        if not _said:
            # Payments that are approved here wait behind staff and clients of the API.
            _said.append(webhook.PATH)
            log.warning("webhook.not_routed", path=webhook.PATH, belongs_to="webhook")
        return webhook.application(environ, start_response)
    return django(environ, start_response)
