"""Browsers that an account has signed in with: strangers' failures do not keep them out.

Whoever knows a name could otherwise lock its owner out for ever, an hour at a time. The cookie
opens nothing; it names an account, and ends with the password that was used.
"""

from django.conf import settings
from django.contrib.auth.models import User
from django.core.signing import BadSignature
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare

COOKIE = "staff_device"
KEPT_FOR_SECONDS = 90 * 86_400
_SALT = "quizarena.staff.devices"


def remember(response: HttpResponse, *, user: User) -> None:
    """Let the browser say later that this account has signed in with it, second factor and all."""
    response.set_signed_cookie(
        COOKIE,
        f"{user.pk}:{_password_of(user)}",
        salt=_SALT,
        max_age=KEPT_FOR_SECONDS,
        path=settings.SESSION_COOKIE_PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def knows(request: HttpRequest, *, username: str) -> bool:
    """Return whether the account of this name has signed in with this browser."""
    if COOKIE not in request.COOKIES:
        return False
    try:
        kept = request.get_signed_cookie(COOKIE, salt=_SALT, max_age=KEPT_FOR_SECONDS)
    except BadSignature:
        return False
    pk, _, password = str(kept).partition(":")
    user = User.objects.filter(username=username.replace("\0", ""), pk=pk).first()
    return user is not None and constant_time_compare(_password_of(user), password)


def _password_of(user: User) -> str:
    """Return what is another one as soon as the password is."""
    return user.get_session_auth_hash()[:16]
