"""The pages of the second factor and of one's own sign-in."""

from collections.abc import Callable, Sequence
from functools import wraps

import segno
from django.contrib import admin, messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.defaultfilters import pluralize
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from quizarena.staff import audit, devices, factors, fresh_factor, sessions, sign_ins
from quizarena.staff.desk import own_user
from quizarena.staff.errors import FactorError
from quizarena.staff.forms import CodeForm

_View = Callable[[HttpRequest], HttpResponse]


def _of_staff(view: _View) -> _View:
    """Let in who has signed in, and keep the page out of every cache."""
    return wraps(view)(never_cache(login_required(view)))


@_of_staff
def ask(request: HttpRequest) -> HttpResponse:
    """Take a code, and go on to what was asked for."""
    user, now = own_user(request), timezone.now()
    if not factors.is_enrolled(user):
        return HttpResponseRedirect(f"{reverse('set_up_factor')}?{request.GET.urlencode()}")
    form = CodeForm(request.POST or None)
    if form.is_valid():
        try:
            factors.verify(user=user, code=form.cleaned_data["code"], now=now)
        except FactorError as error:
            form.add_error("code", f"{error}.")
            _count(request, user.username)
        else:
            factors.mark(request.session, now=now)
            request.session.cycle_key()
            response = HttpResponseRedirect(_next(request))
            devices.remember(response, user=user)
            return response
    context = {
        **admin.site.each_context(request),
        "title": "Second factor",
        "form": form,
        "left": factors.recovery_codes_left(user),
    }
    return TemplateResponse(request, "staff/factor.html", context)


@_of_staff
def set_up(request: HttpRequest) -> HttpResponse:
    """Show a new secret until its first code has come, and then the recovery codes, once."""
    user, now = own_user(request), timezone.now()
    form = CodeForm(request.POST or None)
    if form.is_valid():
        try:
            codes = factors.enrol(
                user=user, session=request.session, code=form.cleaned_data["code"], now=now
            )
        except FactorError as error:
            form.add_error("code", f"{error}.")
        else:
            factors.mark(request.session, now=now)
            request.session.cycle_key()
            # They have shown a password alone, if they have not signed in before there was a need.
            sessions.end_all(user=user, but=request.session.session_key)
            response = _recovery_codes(request, codes, then=_next(request))
            devices.remember(response, user=user)
            return response
    try:
        secret = factors.new_secret(user=user, session=request.session)
    except FactorError:
        return HttpResponseRedirect(_next(request))
    context = {
        **admin.site.each_context(request),
        "title": "Set up your second factor",
        "form": form,
        "qr": _picture(secret.url),
        "secret": secret.text,
    }
    return TemplateResponse(request, "staff/set_up_factor.html", context)


@_of_staff
def my_sign_in(request: HttpRequest) -> HttpResponse:
    """Show what one has for signing in, and what can be done about it."""
    user = own_user(request)
    context = {
        **admin.site.each_context(request),
        "title": "My sign-in",
        "is_enrolled": factors.is_enrolled(user),
        "left": factors.recovery_codes_left(user),
    }
    return TemplateResponse(request, "staff/my_sign_in.html", context)


@_of_staff
@require_POST
def new_recovery_codes(request: HttpRequest) -> HttpResponse:
    """Replace the recovery codes; needs a fresh code of the app."""
    user = own_user(request)
    if not factors.is_enrolled(user):
        return HttpResponseRedirect(reverse("set_up_factor"))
    question = fresh_factor.ask(request, back=reverse("my_sign_in"))
    if question is not None:
        return question
    codes = factors.renew_recovery_codes(user=user)
    return _recovery_codes(request, codes, then=reverse("my_sign_in"))


@_of_staff
@require_POST
def sign_out_everywhere(request: HttpRequest) -> HttpResponse:
    """End all other sessions of the account."""
    user = own_user(request)
    ended = sessions.end_all(user=user, but=request.session.session_key)
    audit.record(
        actor=user,
        action="user.signed_out_everywhere",
        obj=user,
        summary=f"{user} has ended all other sessions: {ended}.",
    )
    messages.success(
        request, f"Signed out everywhere else: {ended} other session{pluralize(ended)} ended."
    )
    return HttpResponseRedirect(reverse("my_sign_in"))


def _count(request: HttpRequest, username: str) -> None:
    """Count a wrong code after a right password as a failed sign-in, but not during a lock-out."""
    address, now = request.META.get("REMOTE_ADDR", ""), timezone.now()
    is_known = devices.knows(request, username=username)
    if factors.is_verified(request.session) or sign_ins.locked_until(
        username=username, address=address, now=now, is_known=is_known
    ):
        return
    sign_ins.record_failure(username=username, address=address, now=now)


def _recovery_codes(request: HttpRequest, codes: Sequence[str], *, then: str) -> HttpResponse:
    context = {
        **admin.site.each_context(request),
        "title": "Recovery codes",
        "codes": codes,
        "then": then,
    }
    return TemplateResponse(request, "staff/recovery_codes.html", context)


def _picture(url: str) -> SafeString:
    code = segno.make(url, error="m")
    return mark_safe(code.svg_inline(scale=5, border=3, light="#fff", dark="#000"))  # noqa: S308


def _next(request: HttpRequest) -> str:
    then = request.GET.get("next", "")
    if url_has_allowed_host_and_scheme(
        then, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    ):
        return then
    return reverse("admin:index")
