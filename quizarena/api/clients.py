"""Clients of the API: made with a token that is shown once, found by it, revoked for good."""

import secrets
from datetime import datetime, timedelta
from hashlib import sha256

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q

from quizarena.api.models import APPROVAL, ApiClient, Scope
from quizarena.staff import approvals, audit, reasons
from quizarena.staff.approvals import Rows
from quizarena.staff.errors import StaffError
from quizarena.staff.models import ApprovalRequest

# What a token begins with, so that people and secret scanners know one when they see it.
TOKEN_PREFIX = "qa_"  # noqa: S105 -- protects nothing.
# How exactly we want to know when a client was last there.
USED_STEP = timedelta(hours=1)


class NothingToApproveError(StaffError):
    """The client has no scope that waits for a second person."""


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
def change(*, client: ApiClient) -> None:
    """Store the client's new name and scopes.

    A money scope that it has no longer needs a second person again if it comes back.
    """
    client.approved_scopes = sorted(set(client.approved_scopes).intersection(client.scopes))
    client.save(update_fields=["name", "scopes", "approved_scopes"])


def ask_for_approval(*, client: ApiClient, by: User, reason: str, now: datetime) -> ApprovalRequest:
    """Ask a second person to agree to the client's money scopes.

    Raises NothingToApproveError and what approvals.ask raises.
    """
    return approvals.ask(
        kind=APPROVAL,
        subject=client,
        parameters={"scopes": client.scopes_to_approve},
        reason=reason,
        maker=by,
        now=now,
    )


def register() -> None:
    """Make the approval of money scopes known."""
    approvals.register(
        kind=APPROVAL,
        label="Money scopes of an API client",
        permission="api.approve_apiclient",
        preview=_preview,
        perform=_approve,
        refusals=(NothingToApproveError,),
        headers=("What", "Now"),
    )


def _preview(*, request: ApprovalRequest, now: datetime) -> Rows:
    client = ApiClient.objects.get(pk=request.subject_id)
    _check_waits(client)
    return [
        ["Client", client.name],
        *(["May from now on", f"{Scope(one).label} ({one})"] for one in client.scopes_to_approve),
        ["All its scopes", ", ".join(sorted(client.scopes))],
    ]


def _approve(*, request: ApprovalRequest, now: datetime) -> None:
    client = ApiClient.objects.select_for_update().get(pk=request.subject_id)
    _check_waits(client)
    client.approved_scopes = sorted({*client.approved_scopes, *request.parameters["scopes"]})
    client.save(update_fields=["approved_scopes"])


def _check_waits(client: ApiClient) -> None:
    if client.revoked_at is not None:
        raise NothingToApproveError("the client is revoked")
    if not client.scopes_to_approve:
        raise NothingToApproveError("none of its scopes awaits approval")


@transaction.atomic
def revoke(*, client_id: int, by: User, reason: str, now: datetime) -> bool:
    """Shut the client out for good, from its next request on; return False if it was before.

    Records it with the reason in the audit log. Raises BadReasonError.
    """
    why = reasons.normalise(reason)
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
    return sha256(token.encode()).hexdigest()
