"""Nothing that answers an HTTP request may wait for Telegram, and here that is enforced.

Telegram takes seconds when it is slow, and a web process has few threads: whoever needs Telegram
leaves the work to a worker and shows the result once it is there.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.http import HttpRequest, HttpResponseBase

View = Callable[[HttpRequest], HttpResponseBase]

_answers_a_request: ContextVar[bool] = ContextVar("answers_a_request", default=False)


class CalledInRequestError(RuntimeError):
    """Telegram was to be asked while a request waits for its answer. No call has been made."""


@contextmanager
def request() -> Iterator[None]:
    """Mark everything inside as part of a request's answer."""
    token = _answers_a_request.set(True)
    try:
        yield
    finally:
        _answers_a_request.reset(token)


def middleware(get_response: View) -> View:
    """Mark all requests that Django answers (settings.MIDDLEWARE)."""

    def respond(asked: HttpRequest) -> HttpResponseBase:
        with request():
            return get_response(asked)

    return respond


def require_no_request() -> None:
    """Raise CalledInRequestError inside a request; every client of Telegram begins with this."""
    if _answers_a_request.get():
        raise CalledInRequestError("Telegram is asked by workers: leave it to a task.")
