"""Problem details (RFC 9457): every error of the API says what, why, and what to do about it.

`code` is stable, for programs; `title` and `detail` are for people and may become better words.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404
from rest_framework import exceptions, status
from rest_framework.response import Response

CONTENT_TYPE = "application/problem+json"
# `type` of a problem is this with its code.
TYPE_PREFIX = "urn:quizarena:problem:"

log = structlog.get_logger(__name__)


class Problem(exceptions.APIException):
    """The API refuses or cannot do it. Nothing has been changed.

    `more` are members beside the standard ones. `errors` names wrong fields: (field, code, why).
    """

    def __init__(
        self,
        code: str,
        *,
        status: int,
        title: str,
        detail: str,
        errors: list[tuple[str, str, str]] | None = None,
        retry_after_seconds: int | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail=detail, code=code)
        self.code = code
        self.status_code = status
        self.title = title
        self.errors = errors
        # What rest_framework takes for Retry-After.
        self.wait = retry_after_seconds
        self.more = more or {}

    def body(self) -> dict[str, Any]:
        """Return what is sent."""
        return {
            "type": f"{TYPE_PREFIX}{self.code}",
            "title": self.title,
            "status": self.status_code,
            "detail": str(self.detail),
            "code": self.code,
            **({"errors": [_named(error) for error in self.errors]} if self.errors else {}),
            **self.more,
        }


def _named(error: tuple[str, str, str]) -> dict[str, str]:
    """Return a wrong field as it is sent."""
    field, code, detail = error
    return {"field": field, "code": code, "detail": detail}


def unknown(field: str, *, code: str, detail: str) -> Problem:
    """Return the problem of a field that names something which does not exist."""
    return Problem(
        code,
        status=status.HTTP_422_UNPROCESSABLE_ENTITY,
        title="Unknown value",
        detail=detail,
        errors=[(field, code, detail)],
    )


def no_player() -> Problem:
    """Return the problem of a Telegram id without a player."""
    detail = "No player has this Telegram id: they have to start the bot first."
    return unknown("player", code="player_not_found", detail=detail)


def conflict(
    code: str,
    *,
    title: str,
    detail: str,
    retry_after_seconds: int | None = None,
    more: Mapping[str, Any] | None = None,
) -> Problem:
    """Return the problem of a conflict with the present state."""
    return Problem(
        code,
        status=status.HTTP_409_CONFLICT,
        title=title,
        detail=detail,
        retry_after_seconds=retry_after_seconds,
        more=more,
    )


def forbidden(code: str, *, title: str, detail: str, more: Mapping[str, Any]) -> Problem:
    """Return the problem of what somebody else may do; `more` says up to where the client may."""
    return Problem(code, status=status.HTTP_403_FORBIDDEN, title=title, detail=detail, more=more)


def invalid(errors: list[tuple[str, str, str]]) -> Problem:
    """Return the problem of a body with these wrong fields."""
    return Problem(
        "invalid_request",
        status=status.HTTP_400_BAD_REQUEST,
        title="Invalid request",
        detail="Correct the fields in `errors` and send the request again.",
        errors=errors,
    )


# What rest_framework itself can say: its code, with our code, title and detail.
_STANDARD: dict[type[exceptions.APIException], tuple[str, str, str]] = {
    exceptions.ParseError: (
        "malformed_request",
        "Malformed request body",
        "Send one JSON object in UTF-8.",
    ),
    exceptions.NotAuthenticated: (
        "not_authenticated",
        "Authentication required",
        "Send the header `Authorization: Bearer <token>`.",
    ),
    exceptions.AuthenticationFailed: (
        "invalid_token",
        "Invalid token",
        "The token is unknown or has been revoked. Ask an administrator for another one.",
    ),
    exceptions.PermissionDenied: (
        "permission_denied",
        "Permission denied",
        "You may not do this. Ask an administrator for the permission if you need it.",
    ),
    exceptions.NotFound: (
        "not_found",
        "Not found",
        "Check the address, which ends with a slash, and the id in it.",
    ),
    exceptions.MethodNotAllowed: (
        "method_not_allowed",
        "Method not allowed",
        "Use one of the methods in the header Allow.",
    ),
    exceptions.NotAcceptable: (
        "not_acceptable",
        "Not acceptable",
        "Accept application/json.",
    ),
    exceptions.UnsupportedMediaType: (
        "unsupported_media_type",
        "Unsupported media type",
        "Send JSON with the header `Content-Type: application/json`.",
    ),
    exceptions.Throttled: (
        "too_many_requests",
        "Too many requests",
        "Wait for as many seconds as the header Retry-After says, then try again.",
    ),
}


def respond(error: Exception, context: dict[str, Any]) -> Response:
    """Answer any error with its problem (EXCEPTION_HANDLER of rest_framework)."""
    # It loads the settings, which name modules that need this one.
    from rest_framework.views import exception_handler

    answer = exception_handler(error, context)
    if answer is None:
        error = _unexpected(error)
        answer = exception_handler(error, context)
        assert answer is not None
    problem = _problem(error)
    answer.data, answer.content_type = problem.body(), CONTENT_TYPE
    return answer


def _unexpected(error: Exception) -> Problem:
    """Return the problem of an error that was not caught, and log it."""
    if isinstance(error, OperationalError | InterfaceError):
        log.warning("api.database_away", error=str(error))
        return Problem(
            "unavailable",
            status=status.HTTP_503_SERVICE_UNAVAILABLE,
            title="Service unavailable",
            detail="Retry in a few seconds; with the same Idempotency-Key nothing happens twice.",
            retry_after_seconds=5,
        )
    log.error("api.failed", exc_info=error)
    return Problem(
        "internal_error",
        status=status.HTTP_500_INTERNAL_SERVER_ERROR,
        title="Internal server error",
        detail="The error has been logged. You can safely retry with the same Idempotency-Key.",
    )


def _problem(error: Exception) -> Problem:
    """Return the problem of an error that rest_framework knows."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, exceptions.ValidationError):
        return invalid(list(_fields(error.get_full_details())))
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    assert isinstance(error, exceptions.APIException)
    return standard_problem(type(error))


def standard_problem(kind: type[exceptions.APIException]) -> Problem:
    """Return the problem of a kind of error of rest_framework."""
    code, title, detail = _STANDARD[kind]
    return Problem(code, status=kind.status_code, title=title, detail=detail)


def _fields(details: Any, path: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield every wrong field with its path ("items.0.name"), code and reason."""
    if isinstance(details, dict) and "message" not in details:
        for name, inner in details.items():
            # What is wrong with the whole has no name of its own.
            inner_path = path if name == "non_field_errors" else f"{path}.{name}".lstrip(".")
            yield from _fields(inner, inner_path)
    elif isinstance(details, list):
        for place, inner in enumerate(details):
            is_leaf = isinstance(inner, dict) and isinstance(inner.get("message"), str)
            yield from _fields(inner, path if is_leaf else f"{path}.{place}".lstrip("."))
    else:
        yield path, str(details["code"]), str(details["message"])
