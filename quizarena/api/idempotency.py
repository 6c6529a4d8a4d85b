"""Every effect only once: a client that asks again under the same Idempotency-Key gets the answer.

The answer is stored in the transaction of the effect. What an effect raises has changed nothing,
so nothing is stored and the same key may try again; what it returns is stored, a refusal too.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from django.db import transaction
from rest_framework import status
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from quizarena import advisory_locks
from quizarena.advisory_locks import Space
from quizarena.api.authentication import client_of
from quizarena.api.models import KEY_MAX_LENGTH, ApiClient, IdempotencyRecord
from quizarena.api.problems import CONTENT_TYPE, Problem, conflict

KEY_PATTERN = rf"^[\x21-\x7e]{{1,{KEY_MAX_LENGTH}}}$"
# How many answers one statement deletes.
PURGE_BATCH = 5_000


def key_required() -> Problem:
    """Return the problem of a request without a proper Idempotency-Key."""
    return Problem(
        "idempotency_key_required",
        status=status.HTTP_400_BAD_REQUEST,
        title="Idempotency key required",
        detail="Send a header Idempotency-Key of 1 to 255 visible ASCII characters, a UUID for "
        "instance: a new one for each operation, the same one when you retry it.",
    )


def in_progress() -> Problem:
    """Return the problem of a request whose twin has not been answered yet."""
    return conflict(
        "request_in_progress",
        title="Request in progress",
        detail="The first request is still running. Retry in a second with the same key.",
        retry_after_seconds=1,
    )


def key_reused() -> Problem:
    """Return the problem of a key that was sent with another request before."""
    return Problem(
        "idempotency_key_reused",
        status=status.HTTP_422_UNPROCESSABLE_ENTITY,
        title="Idempotency key reused",
        detail="This key belongs to another request. Use a new Idempotency-Key for a new request; "
        "retry a request with exactly the same method, address and body.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an effect answers; a refusal is the body of its Problem."""

    status: int
    body: Mapping[str, Any]


def once(
    request: Request,
    *,
    effect: Callable[[], Answer],
    now: datetime,
    complete: Callable[[dict[str, Any]], Mapping[str, Any]] | None = None,
) -> Response:
    """Answer a request that needs an Idempotency-Key, with its effect in one transaction.

    `effect` stores everything that must happen once. `complete` gets the stored body and returns
    what is sent, after asking others for what only they know: outside of a transaction, again
    whenever the same request comes again, and so of no effect when it is repeated.

    Raises Problem for a missing key, for a key that belongs to another request, and while the same
    request is still running; and whatever `effect` and `complete` raise.
    """
    key = request.headers.get("Idempotency-Key", "")
    if not re.fullmatch(KEY_PATTERN, key):
        raise key_required()
    client, fingerprint = client_of(request), _fingerprint(request)
    kept, is_replayed = _keep(
        client=client, key=key, fingerprint=fingerprint, effect=effect, now=now
    )
    if complete is not None:
        _complete(kept, complete)
    answer = Response(json.loads(kept.body), status=kept.status)
    if status.is_client_error(kept.status):
        answer.content_type = CONTENT_TYPE
    if is_replayed:
        answer["Idempotency-Replayed"] = "true"
    return answer


@transaction.atomic(durable=True)
def _keep(
    *,
    client: ApiClient,
    key: str,
    fingerprint: str,
    effect: Callable[[], Answer],
    now: datetime,
) -> tuple[IdempotencyRecord, bool]:
    """Return the kept answer and True, or run the effect, keep its answer and return False."""
    if not _take_turn(client=client, key=key):
        raise in_progress()
    kept = IdempotencyRecord.objects.filter(client=client, key=key).first()
    if kept is None:
        answer = effect()
        return (
            IdempotencyRecord.objects.create(
                client=client,
                key=key,
                fingerprint=fingerprint,
                status=answer.status,
                body=_rendered(answer.body),
                answered_at=now,
            ),
            False,
        )
    if kept.fingerprint != fingerprint:
        raise key_reused()
    return kept, True


def _take_turn(*, client: ApiClient, key: str) -> bool:
    """Return whether nobody else works on the key now; it is ours until the transaction ends.

    A lock of the database and not a row: it goes with the process that held it.
    """
    return advisory_locks.try_lock(Space.IDEMPOTENCY_KEY, f"{client.pk}:{key}")


def _complete(
    kept: IdempotencyRecord, complete: Callable[[dict[str, Any]], Mapping[str, Any]]
) -> None:
    """Put into the kept body what only others know; whoever comes second takes the first's."""
    body = _rendered(complete(json.loads(kept.body)))
    if body != kept.body:
        same = IdempotencyRecord.objects.filter(pk=kept.pk, body=kept.body)
        if same.update(body=body):
            kept.body = body
        else:
            kept.refresh_from_db(fields=["body"])


def _fingerprint(request: Request) -> str:
    """Return a hash that identifies the request; the order of names does not matter."""
    body = json.dumps(request.data, sort_keys=True)
    return sha256(f"{request.method} {request.get_full_path()}\n{body}".encode()).hexdigest()


def _rendered(body: Mapping[str, Any]) -> str:
    """Return the JSON that is sent."""
    return JSONRenderer().render(body).decode()


def purge(*, now: datetime) -> int:
    """Delete the answers whose time is over, a batch; return how many."""
    outdated = (
        IdempotencyRecord.objects.outdated(now).order_by("answered_at").values("pk")[:PURGE_BATCH]
    )
    return IdempotencyRecord.objects.filter(pk__in=outdated).delete()[0]
