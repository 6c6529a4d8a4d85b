"""The WSGI application that granian serves: Telegram's updates, and Django for everything else."""

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.core.wsgi import get_wsgi_application

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "quizarena.settings")

django = get_wsgi_application()

from bot import webhook  # noqa: E402 -- models can be imported only when Django is ready.


def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    """Hand a request to whom it belongs."""
    if environ.get("PATH_INFO") == webhook.PATH:
        return webhook.application(environ, start_response)
    return django(environ, start_response)
