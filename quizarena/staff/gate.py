"""Who has signed in with a password alone comes no further than to the second factor."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.urls import reverse
from django.utils import timezone

from quizarena.staff import factors, sessions

# What is there for everybody, signed in or not.
_OPEN = frozenset({"admin:login", "admin:logout", "admin:jsi18n", "alive", "ready"})
# What is there after the password.
_BEFORE_THE_FACTOR = frozenset({"factor", "set_up_factor"})


def signed_in(*, request: HttpRequest, user: User, **kwargs: Any) -> None:
    """Let a session begin with nothing but the password (receiver of user_logged_in)."""
    sessions.begin(request.session, now=timezone.now())
    factors.begin(request.session, user=user)


class Gate:
    """Middleware that ends sessions whose time is over, and asks for the second factor.

    It stands before every view, whatever app it is of: what is added later is behind it, too. A
    client of the API has no session, so it is not asked.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        """Return where one has to go first; nothing for who may go on."""
        page = request.resolver_match.view_name if request.resolver_match else ""
        if page in _OPEN or not request.user.is_authenticated:
            return None
        now = timezone.now()
        if sessions.is_over(request.session, now=now):
            return self._end(request)
        if not _is_poll(request):
            sessions.touch(request.session, now=now)
        if page in _BEFORE_THE_FACTOR or factors.is_verified(request.session):
            return None
        return ask_first(request)

    def _end(self, request: HttpRequest) -> HttpResponse:
        logout(request)
        messages.info(request, "Your session has ended. Sign in again to go on.")
        return _to(resolve_url(settings.LOGIN_URL), request)


def ask_first(request: HttpRequest) -> HttpResponse:
    """Send somebody to the second factor, and afterwards to what they asked for."""
    return _to(reverse("factor"), request)


def is_fresh(request: HttpRequest, *, now: datetime) -> bool:
    """Return whether the member of staff has shown the factor within the last ten minutes."""
    return factors.is_fresh(request.session, now=now)


def _is_poll(request: HttpRequest) -> bool:
    """Return whether a piece of a page has asked by itself: nobody may be sitting before it."""
    return request.method == "GET" and "HX-Request" in request.headers


def _to(page: str, request: HttpRequest) -> HttpResponse:
    if "HX-Request" in request.headers:
        # A piece of a page that asks again and again: the whole page is to come here.
        return HttpResponse(headers={"HX-Refresh": "true"})
    # What was posted cannot be asked for again by its address.
    then = request.get_full_path() if request.method in ("GET", "HEAD") else ""
    return HttpResponseRedirect(f"{page}?{urlencode({'next': then})}" if then else page)
