"""Clients of the API: made with a token that is shown once, found by it, revoked for good."""

import secrets
from datetime import datetime, timedelta
from hashlib import sha256

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q

from quizarena.api.models import ApiClient
from quizarena.staff import audit, reasons

# What a token begins with, so that people and secret scanners know one when they see it.
TOKEN_PREFIX = "qa_"  # noqa: S105 -- protects nothing.
# How exactly we want to know when a client was last there.
USED_STEP = timedelta(hours=1)


def add(*, client: ApiClient, by: User, now: datetime) -> ApiClient:
    """Store a new client that has its name and scopes; `token` is on what is returned, only now."""
    client.token = TOKEN_PREFIX + secrets.token_urlsafe(32)
    client.token_sha256 = _hashed(client.token)
    client.created_by, client.created_at = by, now
    client.save(force_insert=True)
    return client


def find(*, token: str, now: datetime) -> ApiClient | None:
    """Return the client to whom the token belongs, unless it is revoked.

    One statement; once an hour a second one, which writes down that the client is in use.
    """
    client = ApiClient.objects.filter(token_sha256=_hashed(token), revoked_at=None).first()
    if client is None:
        return None
    if client.last_used_at is None or client.last_used_at <= now - USED_STEP:
        # Of two requests at once one writes, and none meets a client that was revoked meanwhile.
        ApiClient.objects.filter(
            Q(last_used_at=None) | Q(last_used_at__lte=now - USED_STEP),
            pk=client.pk,
            revoked_at=None,
        ).update(last_used_at=now)
    return client


@transaction.atomic
def revoke(*, client_id: int, by: User, reason: str, now: datetime) -> bool:
    """Shut the client out for good, from its next request on; return False if it was before.

    Records it with the reason in the audit log. Raises BadReasonError.
    """
    why = reasons.tidy(reason)
    client = ApiClient.objects.select_for_update().get(pk=client_id)
    if client.revoked_at is not None:
        return False
    client.revoked_at = now
    client.save(update_fields=["revoked_at"])
    audit.record(
        actor=by, action="apiclient.revoked", obj=client, summary=f"{client}: revoked. {why}"
    )
    return True


def _hashed(token: str) -> str:
    """Return what is stored of a token."""
    return sha256(token.encode()).hexdigest()
