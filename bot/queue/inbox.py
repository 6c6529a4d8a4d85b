"""What comes from Telegram: durable before the 200, worked on exactly once, in each player's order.

The road of one update is drawn in docs/architecture.md. `receive` is the only way in (webhook and
long polling use it), `work` the only way through.
"""

import json
import re
import time
import traceback
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import structlog
from django.conf import settings
from django.db import DataError, OperationalError, connection, transaction
from django.db.models import Q
from django.utils import timezone

from bot.queue import outbox
from bot.queue.models import InboxState, InboxUpdate, PlayerRateLimit
from bot.queue.redaction import without_texts
from quizarena.ops import timings
from quizarena.redaction import redact

# How long to wait after the first, second, ... failure; after the last one an update is dead.
RETRY_DELAYS = (
    timedelta(seconds=1),
    timedelta(seconds=3),
    timedelta(seconds=9),
    timedelta(seconds=27),
)
# How long a claim may wait for its turn in a worker before another worker takes it over. Work
# itself holds the row's lock, so a slow handler is never taken over, and a killed worker's
# lock is gone at once.
LEASE = timedelta(seconds=10)
CLAIM_SIZE = 10
# An update whose claims have been lost so often kills its workers.
CLAIMS_MAX = 20
BIGINT_MAX = 2**63 - 1
# So much may a player who has rested do at once; the rate is settings.PLAYER_ACTIONS_PER_SECOND.
ACTION_BURST = 10
# Who acts faster is asked to slow down, but not more often than this.
RATE_LIMIT_NOTICE_INTERVAL = timedelta(minutes=1)

# Takes an update's payload.
Handler = Callable[[dict[str, Any]], None]

log = structlog.get_logger(__name__)


class Verdict(StrEnum):
    """Whether a player may act as fast as they do. Product rules, section 13."""

    ALLOWED = "allowed"
    NOTIFY = "notify"  # Too fast, and the player has not been notified yet.
    DROP = "drop"


class NotAnUpdateError(ValueError):
    """What was posted is not an update of the Bot API. Nothing has been changed."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker's right to one try at an update; `attempt` distinguishes it from later claims."""

    update_id: int
    attempt: int


def receive(*, raw: bytes, now: datetime) -> bool:
    """Store one update for ever, once per update_id; return whether it was new.

    One statement, committed on return. A connection that turns out to be broken (the database was
    restarted) is replaced once. Raises NotAnUpdateError, and OperationalError or InterfaceError
    when the database cannot be reached: then Telegram has to keep the update.
    """
    try:
        text = raw.decode()
        update = json.loads(text)
    except (ValueError, RecursionError):
        raise NotAnUpdateError("The body is not JSON in UTF-8.") from None
    update_id = update.get("update_id") if isinstance(update, dict) else None
    if type(update_id) is not int or not 0 <= update_id <= BIGINT_MAX:
        raise NotAnUpdateError("The body has no update_id.")
    kind = next((key for key in update if key != "update_id"), "")
    return _insert(
        update_id=update_id,
        kind=kind[:64].encode("ascii", "replace").decode().replace("\0", "?"),
        player_key=_player_key(update.get(kind)),
        payload=text,
        now=now,
    )


def _player_key(content: object) -> int | None:
    """Return the Telegram id of who caused the update, else of its chat, else None."""
    if not isinstance(content, dict):
        return None
    for owner in ("from", "user", "chat"):
        key = content[owner].get("id") if isinstance(content.get(owner), dict) else None
        if type(key) is int and abs(key) <= BIGINT_MAX:
            return key
    return None


def _insert(
    *, update_id: int, kind: str, player_key: int | None, payload: str, now: datetime
) -> bool:
    """Insert the row unless it is there; return whether it was inserted."""
    for try_again in (True, False):
        try:
            with connection.cursor() as cursor:
                cursor.execute(
                    """
                    INSERT INTO bot_inboxupdate
                      (update_id, kind, player_key, payload, received_at, due_at,
                       state, attempts, last_error)
                    VALUES (%s, %s, %s, %s::jsonb, %s, %s, 'NEW', 0, '')
                    ON CONFLICT (update_id) DO NOTHING
                    """,
                    [update_id, kind, player_key, payload, now, now],
                )
                return bool(cursor.rowcount)
        except DataError:
            payload = _storable(payload)
        except OperationalError:
            connection.close()
            if not try_again:
                raise
    raise NotAnUpdateError("PostgreSQL cannot store the body as JSON.")


def _storable(payload: str) -> str:
    """Return JSON text with U+FFFD for what jsonb refuses: NUL and half a surrogate pair."""
    text = json.dumps(json.loads(payload), ensure_ascii=False)
    # An escaped backslash before "u0000" is text; only an unescaped one makes a NUL.
    text = re.sub(r"(?<!\\)((?:\\\\)*)\\u0000", "\\1\ufffd", text)
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def claim(*, now: datetime, limit: int = CLAIM_SIZE) -> list[Claim]:
    """Claim up to `limit` updates that are due, oldest first, at most one of each player.

    An update can be claimed when no earlier one of its player waits and none is being worked on;
    rows that another worker is just claiming are skipped. The claim is committed on return and is
    good for LEASE.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            -- Materialized: joined as a subquery, the head may be looked for more than once, and
            -- more than `limit` rows be locked and claimed.
            WITH head AS MATERIALIZED (
              SELECT update_id FROM bot_inboxupdate AS waiting
              WHERE state = 'NEW' AND due_at <= %(now)s
                AND (player_key IS NULL OR update_id = (
                  -- Scalars: a player's backlog is looked up in an index and never joined.
                  SELECT min(earlier.update_id) FROM bot_inboxupdate AS earlier
                  WHERE earlier.player_key = waiting.player_key
                    AND earlier.state IN ('NEW', 'WORKING')
                ))
                AND 0 = (
                  SELECT count(*) FROM bot_inboxupdate AS working
                  WHERE working.player_key = waiting.player_key AND working.state = 'WORKING'
                )
              ORDER BY due_at, update_id
              LIMIT %(limit)s
              FOR UPDATE SKIP LOCKED
            )
            UPDATE bot_inboxupdate AS claimed
            SET state = 'WORKING', claimed_at = %(now)s, attempts = claimed.attempts + 1
            FROM head
            WHERE claimed.update_id = head.update_id
            RETURNING claimed.update_id, claimed.attempts
            """,
            {"now": now, "limit": limit},
        )
        return [Claim(*row) for row in sorted(cursor.fetchall())]


def release_expired_claims(*, now: datetime) -> int:
    """Give back the claims that no living worker holds; return how many there were.

    An update that has outlived CLAIMS_MAX claims is dead: it takes its workers with it.

    A worker holds the lock of the row it works on, so an expired claim without a lock belongs to
    a worker that died, or that has not come to it yet (its attempt number then fences it off).
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE bot_inboxupdate
            SET state = CASE WHEN attempts < %s THEN 'NEW' ELSE 'DEAD' END,
                last_error = 'The worker died while it was processing this update.'
            WHERE update_id IN (
              SELECT update_id FROM bot_inboxupdate
              WHERE state = 'WORKING' AND claimed_at <= %s
              ORDER BY update_id
              FOR UPDATE SKIP LOCKED
            )
            """,
            [CLAIMS_MAX, now - LEASE],
        )
        count: int = cursor.rowcount
    return count


def work(*, handle: Handler, slow_down: Handler, give_up: Handler, until: datetime) -> int:
    """Work on updates until none is due or it is `until`.

    `handle` causes everything that an update causes; `slow_down` asks a player who acts too fast
    to wait, once; `give_up` says what is to be said when one has died. Returns how many updates
    were claimed.
    """
    count = 0
    while claims := claim(now=timezone.now()):
        for one in claims:
            process(one, handle=handle, slow_down=slow_down, give_up=give_up)
        count += len(claims)
        if timezone.now() >= until:
            break
    return count


def process(one: Claim, *, handle: Handler, slow_down: Handler, give_up: Handler) -> None:
    """Do everything that a claimed update causes, in one transaction that also marks it DONE.

    That is nothing if its player acts too fast; the first one of these is answered. The texts that
    somebody typed leave its payload then; one that failed keeps them for the next try.

    Whatever `handle` raises rolls all of it back and is written down: the update is tried again
    after RETRY_DELAYS and is dead at last.
    """
    began = time.perf_counter()
    with structlog.contextvars.bound_contextvars(update_id=one.update_id, attempt=one.attempt):
        try:
            with transaction.atomic(durable=True):
                begun = _begin(one)
                if begun is None:
                    log.info("update.claim_lost")
                    return
                payload, verdict, received_at = begun
                redacted = without_texts(payload)
                if verdict is not Verdict.DROP:
                    causes = handle if verdict is Verdict.ALLOWED else slow_down
                    with outbox.collecting(update_id=one.update_id):
                        causes(payload)
                _done(one, redacted)
        except Exception as error:  # Of whatever kind: the update must not be lost with it.
            log.exception("update.failed")
            has_another_try = _has_another_try(one, error)
            timings.count(timings.UPDATES, "failed" if has_another_try else "dead")
            if not has_another_try:
                _dead_letter(one, give_up=give_up)
        else:
            timings.count(timings.UPDATES, "dropped" if verdict is Verdict.DROP else "done")
            timings.observe(timings.HANDLING, time.perf_counter() - began)
            waited = timezone.now() - received_at
            timings.observe(timings.UPDATE, waited.total_seconds())


_BEGIN = """
WITH taken AS MATERIALIZED (
  SELECT payload, player_key, received_at,
    -- Whoever types an inline query has their taps left; no player's id is negative.
    CASE kind WHEN 'inline_query' THEN -player_key ELSE player_key END AS rate_key,
    %(is_limited)s AND kind IN ('message', 'callback_query', 'inline_query')
    AND player_key > 0
    AND NOT coalesce(
      payload -> 'message' ?| ARRAY['successful_payment', 'refunded_payment'], false
    ) AS is_action
  FROM bot_inboxupdate
  WHERE update_id = %(update_id)s AND attempts = %(attempt)s AND state = 'WORKING'
  FOR UPDATE
), rate AS (
  INSERT INTO bot_playerratelimit AS rate (player_key, free_at, verdict)
  SELECT rate_key, received_at + %(interval)s, 'allowed' FROM taken WHERE is_action
  ON CONFLICT (player_key) DO UPDATE SET
    verdict = CASE
      WHEN rate.free_at <= excluded.free_at + %(slack)s THEN 'allowed'
      WHEN rate.notified_at + %(notice_interval)s > excluded.free_at THEN 'drop'
      ELSE 'notify'
    END,
    free_at = CASE
      WHEN rate.free_at > excluded.free_at + %(slack)s THEN rate.free_at
      ELSE greatest(rate.free_at + %(interval)s, excluded.free_at)
    END,
    notified_at = CASE
      WHEN rate.free_at > excluded.free_at + %(slack)s AND coalesce(
        rate.notified_at + %(notice_interval)s <= excluded.free_at, true
      ) THEN excluded.free_at
      ELSE rate.notified_at
    END
  RETURNING verdict
)
SELECT payload, pg_advisory_xact_lock(player_key), coalesce(verdict, 'allowed'), received_at
FROM taken LEFT JOIN rate ON true
"""


def _begin(one: Claim) -> tuple[dict[str, Any], Verdict, datetime] | None:
    """Lock the update and its player's turn; return the payload and when it came in.

    None if the claim was lost.

    The advisory lock keeps two updates of one player apart when the earlier one arrives late,
    while the later one is being worked on. The same statement counts the update as an action of
    its player, by the time it came in: how fast we work through a backlog is not their doing.
    Payments and refunds are no actions, and inline queries are counted for themselves.
    """
    per_second = settings.PLAYER_ACTIONS_PER_SECOND
    interval = timedelta(seconds=1) / (per_second or 1)
    values: dict[str, Any] = {
        "update_id": one.update_id,
        "attempt": one.attempt,
        "is_limited": per_second is not None,
        "interval": interval,
        # Measured from the end of this action's own interval.
        "slack": interval * (ACTION_BURST - 2),
        "notice_interval": RATE_LIMIT_NOTICE_INTERVAL,
    }
    with connection.cursor() as cursor:
        cursor.execute(
            _BEGIN,
            values,
        )
        row = cursor.fetchone()
    if row is None:
        return None
    verdict = Verdict(row[2])
    if verdict is not Verdict.ALLOWED:
        log.info("update.too_fast", verdict=verdict.value)
    return json.loads(row[0]), verdict, row[3]


def lock_idle(player_keys: Collection[int]) -> set[int]:
    """Lock the turns of players of whom no update is being worked on; return theirs.

    It waits for nobody. Until the transaction ends their next updates wait, so what it writes down
    goes out before whatever these lead to.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT player_key FROM unnest(%s::bigint[]) AS player_key
            WHERE pg_try_advisory_xact_lock(player_key)
            """,
            [list(player_keys)],
        )
        return {key for (key,) in cursor.fetchall()}


def _done(one: Claim, redacted: dict[str, Any]) -> None:
    """Mark the update DONE, and keep what is left of its payload."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE bot_inboxupdate SET state = 'DONE', done_at = %s, payload = %s::jsonb
            WHERE update_id = %s
            """,
            [timezone.now(), json.dumps(redacted), one.update_id],
        )


def _has_another_try(one: Claim, error: Exception) -> bool:
    """Write the failure down, with the time of the next try if there is one; return whether."""
    now = timezone.now()
    alive = one.attempt <= len(RETRY_DELAYS)
    ours = InboxUpdate.objects.filter(
        pk=one.update_id, attempts=one.attempt, state=InboxState.WORKING
    )
    still_ours = ours.update(
        state=InboxState.NEW if alive else InboxState.DEAD,
        due_at=now + RETRY_DELAYS[one.attempt - 1] if alive else now,
        last_error=redact("".join(traceback.format_exception(error))).replace("\0", "")[-20_000:],
    )
    return alive or not still_ours


def _dead_letter(one: Claim, *, give_up: Handler) -> None:
    """Let `give_up` say something about a dead update; whether it can makes no difference."""
    try:
        with transaction.atomic(), outbox.collecting(update_id=one.update_id):
            give_up(InboxUpdate.objects.get(pk=one.update_id).payload)
    except Exception:  # The update is dead and in the admin, whatever is wrong here too.
        log.exception("update.apology_failed")


@transaction.atomic
def try_again(*, update_id: int) -> bool:
    """Queue a dead update again with all its tries; return False if it is not dead."""
    dead = InboxUpdate.objects.filter(pk=update_id, state=InboxState.DEAD)
    return dead.update(state=InboxState.NEW, attempts=0, due_at=timezone.now()) == 1


def purge_rate_limits(*, now: datetime) -> int:
    """Delete the rate limits of players at rest; return how many there were."""
    at_rest = PlayerRateLimit.objects.filter(free_at__lt=now - RATE_LIMIT_NOTICE_INTERVAL)
    return at_rest.delete()[0]


def purge(*, before: datetime, limit: int) -> int:
    """Delete at most `limit` updates that were done, or came and failed for good, before `before`.

    Return how many. What was paid with a failed one stands with its purchase; its texts may stay no
    longer than any others (product rules, section 16).
    """
    finished = InboxUpdate.objects.filter(
        Q(state=InboxState.DONE, done_at__lt=before)
        | Q(state=InboxState.DEAD, received_at__lt=before)
    )
    oldest = finished.order_by("update_id").values_list("update_id", flat=True)[:limit]
    return InboxUpdate.objects.filter(update_id__in=list(oldest)).delete()[0]
