"""The second factor: an authenticator app (TOTP), and ten recovery codes for when it is lost.

django-otp keeps both, refuses a code that was used, and makes who guesses wait longer each time.
It would keep recovery codes as they are; here their HMAC stands in their place.
"""

import base64
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import django_otp
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.sessions.backends.base import SessionBase
from django.db import transaction
from django.utils.crypto import salted_hmac
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from quizarena.staff import alerts, audit, dates, reasons, sessions
from quizarena.staff.errors import FactorError
from quizarena.staff.roles import SECURITY

# The kind of the alert.
RESET = "second_factor_reset"
# For so long after a code one may do what needs a fresh factor.
FRESH_FOR = timedelta(minutes=10)
RECOVERY_CODES = 10
# 16 characters of 32 are 80 bits.
_RECOVERY_LENGTH = 16
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"

_AT = "factor_at"
_WAIVED = "factor_waived"
_UNCONFIRMED = "factor_unconfirmed"


# --- What a session knows ---------------------------------------------------------------------


def begin(session: SessionBase, *, user: User) -> None:
    """Forget what a session had shown: somebody has signed in with a password alone.

    Where STAFF_SECOND_FACTOR is `optional`, who has no factor needs none, except for Security.
    """
    for name in (_AT, _WAIVED, _UNCONFIRMED):
        session.pop(name, None)
    if settings.STAFF_SECOND_FACTOR == "optional":
        has_to = user.is_superuser or user.groups.filter(name=SECURITY).exists()
        if not has_to and not is_enrolled(user):
            session[_WAIVED] = True


def mark(session: SessionBase, *, now: datetime) -> None:
    """Write down that the factor has just been shown."""
    session[_AT] = now.timestamp()
    session.pop(_WAIVED, None)
    session.pop(_UNCONFIRMED, None)


def is_verified(session: SessionBase) -> bool:
    """Return whether the session has shown the factor, or needs none."""
    return _AT in session or _WAIVED in session


def is_fresh(session: SessionBase, *, now: datetime) -> bool:
    """Return whether it has shown the factor within the last ten minutes, or needs none."""
    if _WAIVED in session:
        return True
    return now.timestamp() - float(session.get(_AT, 0)) < FRESH_FOR.total_seconds()


# --- What an account has ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """What an authenticator app has to know."""

    url: str
    text: str


def is_enrolled(user: User) -> bool:
    """Return whether the account has an authenticator app."""
    return TOTPDevice.objects.filter(user=user, confirmed=True).exists()


def recovery_codes_left(user: User) -> int:
    """Return how many recovery codes have not been used."""
    return StaticToken.objects.filter(device__user=user, device__confirmed=True).count()


@transaction.atomic
def new_secret(*, user: User, session: SessionBase) -> Secret:
    """Return the secret that waits for its first code in this session, making it if there is none.

    What another session has been shown is thrown away: whoever knows the password, and nothing
    else, could have read it there, and would have every later code. Locks the account. Raises
    FactorError if the account has a factor already.
    """
    _lock(user)
    if is_enrolled(user):
        raise FactorError("This account has an authenticator app already")
    device = _unconfirmed(user, session)
    if device is None:
        TOTPDevice.objects.filter(user=user).delete()
        device = TOTPDevice.objects.create(user=user, confirmed=False, name="authenticator")
        session[_UNCONFIRMED] = device.pk
    text = base64.b32encode(device.bin_key).decode()
    groups = (text[place : place + 4] for place in range(0, len(text), 4))
    return Secret(url=device.config_url, text=" ".join(groups))


def enrol(*, user: User, session: SessionBase, code: str, now: datetime) -> Sequence[str]:
    """Confirm the new secret of this session with its first code, and return the recovery codes.

    Locks the account. Raises FactorError; a wrong code counts.
    """
    device = _unconfirmed(user, session)
    if device is None:
        raise FactorError("This secret was replaced by a new one: scan the picture again")
    with transaction.atomic():
        _lock(user)
        if is_enrolled(user):
            raise FactorError("This account has an authenticator app already")
        verified = django_otp.verify_token(user, device.persistent_id, _bare(code))
        if verified is not None:
            verified.confirmed = True
            verified.save(update_fields=["confirmed"])
            codes = _new_recovery_codes(user)
            audit.record(
                actor=user,
                action="user.factor_enrolled",
                obj=user,
                summary=f"{user} has set up an authenticator app.",
            )
            return codes
    raise _refusal(device, now=now)


def verify(*, user: User, code: str, now: datetime) -> None:
    """Take a code of the app, or a recovery code, which then is used up.

    Locks the device. Raises FactorError; a wrong code counts, and makes the next one wait.
    """
    bare = _bare(code)
    is_recovery = len(bare) == _RECOVERY_LENGTH
    if is_recovery:
        bare = _kept(bare)
    devices = StaticDevice.objects if is_recovery else TOTPDevice.objects
    device = devices.filter(user=user, confirmed=True).first()
    if device is None:
        raise FactorError("This code is wrong")
    with transaction.atomic():
        verified = django_otp.verify_token(user, device.persistent_id, bare)
        if verified is not None and is_recovery:
            left = recovery_codes_left(user)
            audit.record(
                actor=user,
                action="user.recovery_code_used",
                obj=user,
                summary=f"{user} has used a recovery code; {left} are left.",
            )
    if verified is None:
        raise _refusal(device, now=now)


@transaction.atomic
def renew_recovery_codes(*, user: User) -> Sequence[str]:
    """Return ten new recovery codes in place of all old ones. Locks the account."""
    _lock(user)
    codes = _new_recovery_codes(user)
    audit.record(
        actor=user,
        action="user.recovery_codes_renewed",
        obj=user,
        summary=f"{user} has new recovery codes; the old ones have no use any more.",
    )
    return codes


@transaction.atomic
def reset(*, user: User, by: User | None, reason: str, now: datetime) -> None:
    """Take the factor from an account, which sets up another one when it signs in next.

    Locks the account, ends its sessions, and raises an alert: until then a password alone is
    enough to come in. Nobody named is the command line. Raises BadReasonError.
    """
    reason = reasons.normalise(reason)
    _lock(user)
    remove(user)
    sessions.end_all(user=user)
    audit.record(
        actor=by,
        action="user.factor_reset",
        obj=user,
        summary=f"The second factor of {user} was reset: {reason}",
        details={"reason": reason},
    )
    alerts.raise_alert(
        kind=RESET,
        key=f"user:{user.pk}",
        summary=f"The second factor of {user} was reset. Make sure that {user} has asked for it.",
        details={"by": str(by or "the command line")},
        now=now,
        subject=user,
    )


def remove(user: User) -> None:
    """Delete what the account has; its next sign-in sets up another one."""
    TOTPDevice.objects.filter(user=user).delete()
    _delete_recovery_codes(user)


@transaction.atomic
def _delete_recovery_codes(user: User) -> None:
    # In the order in which one is used: the device, then its code.
    devices = StaticDevice.objects.select_for_update().filter(user=user)
    StaticDevice.objects.filter(pk__in=[device.pk for device in devices]).delete()


def _unconfirmed(user: User, session: SessionBase) -> TOTPDevice | None:
    return TOTPDevice.objects.filter(
        user=user, confirmed=False, pk=session.get(_UNCONFIRMED)
    ).first()


def _lock(user: User) -> None:
    User.objects.select_for_update().get(pk=user.pk)


def _new_recovery_codes(user: User) -> Sequence[str]:
    _delete_recovery_codes(user)
    device = StaticDevice.objects.create(user=user, name="recovery codes")
    codes = [
        "".join(secrets.choice(_ALPHABET) for _ in range(_RECOVERY_LENGTH))
        for _ in range(RECOVERY_CODES)
    ]
    StaticToken.objects.bulk_create(StaticToken(device=device, token=_kept(code)) for code in codes)
    return ["-".join(code[place : place + 4] for place in range(0, 16, 4)) for code in codes]


def _kept(code: str) -> str:
    """Return what the database has of a recovery code: 64 bits of its HMAC."""
    return salted_hmac("quizarena.staff.factors", code, algorithm="sha256").hexdigest()[:16]


def _bare(code: str) -> str:
    return "".join(code.split()).replace("-", "").lower()


def _refusal(device: TOTPDevice | StaticDevice, *, now: datetime) -> FactorError:
    """Return why a code was not taken: it is wrong, or it came too soon after wrong ones."""
    found = type(device).objects.filter(pk=device.pk).first()
    if found is None:
        # Security has reset the factor meanwhile, or another session sets up one.
        return FactorError("This code is of no use any more: open the page again")
    allowed, why = found.verify_is_allowed()
    until = (why or {}).get("locked_until")
    if not allowed and until is not None and until - now > timedelta(seconds=5):
        return FactorError(
            f"Too many wrong codes: the next one can be tried at {dates.to_the_second(until)}"
        )
    return FactorError("This code is wrong, or it was used already: wait for the next one")
