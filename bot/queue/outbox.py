"""What goes to Telegram: rows of the transaction that wants them sent.

Handlers use the ordinary python-telegram-bot API; `OutboxRequest` stands where its HTTP client
would and collects the calls, `collecting` writes them down together. Only bot/queue/sender.py
speaks to Telegram.
"""

import base64
import json
import math
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import IO, Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from telegram.error import TelegramError
from telegram.request import BaseRequest, RequestData

from bot.queue import wake
from bot.queue.models import FAILED_STATES, CallState, Lane, OutgoingCall, RateLimit

# One new message per second and chat, three at once after a rest (Telegram's own advice).
CHAT_INTERVAL = timedelta(seconds=1)
CHAT_BURST = 3
# When Telegram limits so many chats within so short a time, the whole bot is over its limit.
LIMITED_CHATS_MAX = 3
LIMITED_TOGETHER = timedelta(seconds=3)
# Reminders and broadcasts, all chats together (Telegram: about 30 per second).
BULK_PER_SECOND = 28
# How long a claimed call may stay without an outcome before its sender counts as dead. Longer
# than bot/queue/transport.py waits for an answer.
LEASE = timedelta(seconds=30)
# After so many failures on the way, or senders that died with it, a call is given up.
ATTEMPTS_MAX = 8
# An answer that could not be delivered for a day answers nothing any more.
GIVE_UP_AFTER = timedelta(hours=24)

# A call on its way into the table: its columns as JSON, as far as they are known.
Call = dict[str, Any]

_collected: ContextVar[list[Call] | None] = ContextVar("collected", default=None)
_round_question: ContextVar[int | None] = ContextVar("round_question", default=None)


class NotCollectingError(TelegramError):
    """A call to Telegram was made outside of `collecting`. Nothing has been sent."""


@contextmanager
def collecting(
    *,
    update_id: int | None = None,
    lane: Lane = Lane.ANSWER,
    expires_at: datetime | None = None,
) -> Iterator[list[int]]:
    """Write the calls made inside down as one INSERT, in order, when the block ends.

    Yields their ids, which are there afterwards. Belongs into the transaction that wants them sent:
    if that one rolls back, nothing is sent. After its commit a sender is woken. What has not left
    by `expires_at` is given up.
    """
    calls: list[Call] = []
    written: list[int] = []
    token = _collected.set(calls)
    try:
        yield written
    finally:
        _collected.reset(token)
    if calls:
        written += _insert(calls, update_id=update_id, lane=lane, expires_at=expires_at)
        transaction.on_commit(wake.senders)


@contextmanager
def asking(round_question_id: int | None) -> Iterator[None]:
    """Note of the calls made inside that they show the player this question, if it is one.

    Should they fail, bot/screens/game/undelivered.py refunds it.
    """
    token = _round_question.set(round_question_id)
    try:
        yield
    finally:
        _round_question.reset(token)


class OutboxRequest(BaseRequest):
    """Answers python-telegram-bot at once with what Telegram would say, and keeps the call.

    It never waits, so a handler's coroutine runs to its end without an event loop, inside the
    worker's transaction.
    """

    @property
    def read_timeout(self) -> float | None:
        """Return None: nothing is read."""
        return None

    async def initialize(self) -> None:
        """Open nothing."""

    async def shutdown(self) -> None:
        """Close nothing."""

    async def do_request(
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        *timeouts: Any,
        **more_timeouts: Any,
    ) -> tuple[int, bytes]:
        """Keep the call for the sender and return 200 with a plausible result.

        A message that will be sent has no id yet: it carries 0, and whoever edits a message does
        so from the update that names it.
        """
        api_method = url.rsplit("/", 1)[-1]
        if api_method == "getMe":
            return 200, json.dumps({"ok": True, "result": _me()}).encode()
        calls = _collected.get()
        if calls is None:
            raise NotCollectingError(f"{api_method} was called outside of outbox.collecting().")
        call = _call(api_method, request_data, now=timezone.now())
        calls.append(call)
        return 200, json.dumps({"ok": True, "result": _result(call)}).encode()


def _me() -> dict[str, Any]:
    """Return the bot's own user without asking Telegram: the token begins with its id."""
    return {
        "id": int(settings.TELEGRAM_BOT_TOKEN.split(":")[0]),
        "is_bot": True,
        "first_name": "Quiz Arena",
        "username": settings.TELEGRAM_BOT_USERNAME,
    }


def _call(method: str, request_data: RequestData | None, *, now: datetime) -> Call:
    """Return the row for one call."""
    parameters = dict(request_data.parameters) if request_data else {}
    files = {
        name: [file_name, mime_type, base64.b64encode(_bytes(content)).decode("ascii")]
        for name, (file_name, content, mime_type) in (
            request_data.multipart_data if request_data else {}
        ).items()
    }
    # What is about a player without a chat (a subscription) keeps its order with it.
    chat_key: Any = parameters.get("chat_id", parameters.get("user_id"))
    return {
        "method": method,
        "chat_key": int(chat_key) if chat_key is not None else None,
        "parameters": parameters,
        "files": files or None,
        # A new message; typing signs and the like are not limited.
        "paced": method.startswith("send") and method != "sendChatAction",
        "round_question_id": _round_question.get(),
        "created_at": now.isoformat(),
    }


def _insert(
    calls: Sequence[Call], *, update_id: int | None, lane: Lane, expires_at: datetime | None
) -> list[int]:
    """Write calls down, in order, in one statement that is the same for any number of them.

    Return their ids.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO bot_outgoingcall
              (method, chat_key, parameters, files, lane, paced, state, caused_by_id,
               round_question_id, created_at, due_at, expires_at, attempts, delivery_uncertain,
               error)
            SELECT method, chat_key, parameters, files, %s, paced, 'PENDING', %s, round_question_id,
              created_at, created_at, %s, 0, false, ''
            FROM jsonb_to_recordset(%s::jsonb) AS call (
              method text, chat_key bigint, parameters jsonb, files jsonb, paced boolean,
              round_question_id bigint, created_at timestamptz
            )
            RETURNING id
            """,
            [lane, update_id, expires_at, json.dumps(calls)],
        )
        return [pk for (pk,) in cursor.fetchall()]


def _bytes(content: bytes | IO[bytes]) -> bytes:
    """Return what is to be uploaded, read now: the file may be gone when the call is made."""
    return content if isinstance(content, bytes) else content.read()


def _result(call: Call) -> Any:
    """Return what python-telegram-bot can read as the outcome of a call yet to be made.

    That is True wherever the Bot API may answer so, as it does to the edit of an inline message.
    """
    if not call["method"].startswith("send"):
        return True
    return {
        "message_id": 0,
        "date": int(datetime.fromisoformat(call["created_at"]).timestamp()),
        "chat": {"id": call["chat_key"], "type": "private"},
        "text": call["parameters"].get("text", ""),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A claimed call: what a sender needs to make it."""

    id: int
    method: str
    chat_key: int | None
    parameters: dict[str, Any]
    files: dict[str, tuple[str, str, str]] | None
    lane: int
    created_at: datetime
    attempts: int
    delivery_uncertain: bool
    claim_number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a claimed call ended; PENDING means: again at `due_at`.

    `rate_limited` says that Telegram wants its chat left alone until then.
    """

    id: int
    claim_number: int
    state: CallState
    due_at: datetime
    attempts: int
    rate_limited: bool = False
    delivery_uncertain: bool = False
    error: str = ""
    message_id: int | None = None
    file_id: str = ""


@transaction.atomic
def record_and_claim(
    *,
    outcomes: Sequence[Outcome],
    limit: int,
    now: datetime,
    stop_until: datetime | None = None,
) -> list[Delivery]:
    """Record `outcomes`, then claim at most `limit` calls that may leave now.

    Answers first, then bulk as far as its rate limit allows. A chat that Telegram has limited is
    left alone by all senders; until `stop_until` no sender claims anything. Locks the rate limits
    that it uses, so all senders together keep them.
    """
    if outcomes:
        _record(outcomes, now=now)
    limited = [outcome for outcome in outcomes if outcome.rate_limited]
    if limited:
        _limit_chats(limited, now=now)
    if stop_until is not None:
        _stop(until=stop_until)
    # After a limit the next turn claims: chats are locked after lanes there, and before here.
    if limit <= 0 or limited:
        return []
    stopped, bulk_waits = _signals(now=now)
    if stopped:
        return []
    deliveries = _claim_paced(
        Lane.ANSWER, per_second=settings.OUTGOING_ANSWERS_PER_SECOND, limit=limit, now=now
    )
    if bulk_waits and len(deliveries) < limit:
        deliveries += _claim_paced(
            Lane.BULK, per_second=BULK_PER_SECOND, limit=limit - len(deliveries), now=now
        )
    return deliveries


def release_expired_claims() -> int:
    """Release the calls that senders had claimed before they died; return how many there were.

    Such a call may have arrived, which cannot be found out: an answer is made again and its
    delivery is uncertain; a bulk message is not sent twice knowingly and ends as MAYBE_SENT. A
    claim's age is measured by the clock of the database, which all senders share: one that runs
    ahead must not take calls away from senders that are alive.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE bot_outgoingcall AS call
            SET delivery_uncertain = true, error = 'The sender died while the call was on its way.',
                attempts = call.attempts + 1,
                state = CASE WHEN lost.for_good THEN 'MAYBE_SENT' ELSE 'PENDING' END,
                finished_at = CASE WHEN lost.for_good THEN statement_timestamp() END
            FROM (
              SELECT id, (lane = %(bulk)s AND paced) OR attempts + 1 >= %(max)s AS for_good
              FROM bot_outgoingcall
              WHERE state = 'SENDING'
                AND claimed_at <= statement_timestamp() - make_interval(secs => %(lease)s)
              ORDER BY id
              FOR UPDATE SKIP LOCKED
            ) AS lost
            WHERE call.id = lost.id
            """,
            {"bulk": Lane.BULK, "max": ATTEMPTS_MAX, "lease": LEASE.total_seconds()},
        )
        count: int = cursor.rowcount
    return count


def give_up_expired(*, now: datetime) -> int:
    """Give up the calls that are not worth sending any more; return how many there were."""
    expired = OutgoingCall.objects.filter(state=CallState.PENDING, expires_at__lte=now)
    return expired.update(
        state=CallState.GIVEN_UP, finished_at=now, error="It expired before it could be sent."
    )


def bulk_room(*, at_most: int) -> int:
    """Return how many bulk calls can be written down until `at_most` of them wait for a sender."""
    waiting = OutgoingCall.objects.filter(lane=Lane.BULK, state=CallState.PENDING)
    return max(0, at_most - len(waiting.values_list("pk", flat=True)[:at_most]))


@transaction.atomic
def cancel_pending(*, call_ids: Collection[int]) -> set[int]:
    """Delete those of the calls that have not left; return which. Locks them.

    What a sender has claimed is on its way and stays, and so does what may have arrived.
    """
    waiting = OutgoingCall.objects.select_for_update(skip_locked=True).filter(
        pk__in=call_ids, state=CallState.PENDING, delivery_uncertain=False
    )
    taken = set(waiting.values_list("pk", flat=True))
    OutgoingCall.objects.filter(pk__in=taken).delete()
    return taken


def send_again(*, call_id: int) -> bool:
    """Let a call that was refused, given up or maybe sent be made again; False if it is none."""
    failed = OutgoingCall.objects.filter(pk=call_id, state__in=FAILED_STATES)
    now = timezone.now()
    return (
        failed.update(
            state=CallState.PENDING,
            finished_at=None,
            attempts=0,
            due_at=now,
            created_at=now,
            expires_at=None,
        )
        == 1
    )


def purge_rate_limits(*, now: datetime) -> int:
    """Delete the rate limits of chats that are at rest; return how many there were."""
    at_rest = RateLimit.objects.filter(name__startswith="chat:", free_at__lt=now)
    return at_rest.exclude(limited_until__gte=now).delete()[0]


def _record(outcomes: Sequence[Outcome], *, now: datetime) -> None:
    """Write down how claimed calls ended, in one statement, unless their claims were lost."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE bot_outgoingcall AS call
            SET state = outcome.state, due_at = outcome.due_at, attempts = outcome.attempts,
                delivery_uncertain = outcome.delivery_uncertain, error = outcome.error,
                message_id = outcome.message_id, file_id = outcome.file_id,
                files = CASE WHEN outcome.state <> 'SENT' THEN call.files END,
                finished_at = CASE WHEN outcome.state <> 'PENDING' THEN %s::timestamptz END
            FROM unnest(
              %s::bigint[], %s::integer[], %s::text[], %s::timestamptz[], %s::smallint[],
              %s::boolean[], %s::text[], %s::bigint[], %s::text[]
            ) AS outcome (
              id, claim_number, state, due_at, attempts, delivery_uncertain, error, message_id,
              file_id
            )
            WHERE call.id = outcome.id AND call.claim_number = outcome.claim_number
              AND call.state = 'SENDING'
            """,
            [
                now,
                [outcome.id for outcome in outcomes],
                [outcome.claim_number for outcome in outcomes],
                [outcome.state.value for outcome in outcomes],
                [outcome.due_at for outcome in outcomes],
                [outcome.attempts for outcome in outcomes],
                [outcome.delivery_uncertain for outcome in outcomes],
                [outcome.error for outcome in outcomes],
                [outcome.message_id for outcome in outcomes],
                [outcome.file_id for outcome in outcomes],
            ],
        )


def _signals(*, now: datetime) -> tuple[bool, bool]:
    """Return whether nothing may leave, and whether bulk calls are waiting."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT EXISTS (SELECT FROM bot_ratelimit WHERE name = 'stop' AND free_at > %s),
                   EXISTS (SELECT FROM bot_outgoingcall WHERE lane = %s AND state = 'PENDING')
            """,
            [now, Lane.BULK],
        )
        stopped, bulk_waits = cursor.fetchone()
    return stopped, bulk_waits


def _limit_chats(outcomes: Sequence[Outcome], *, now: datetime) -> None:
    """Leave the chats alone that Telegram has limited, and all of them if the whole bot is.

    A call without a chat counts as one of the player who caused it. The whole bot counts as limited
    when a bulk call was, or LIMITED_CHATS_MAX chats at about the same time.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH refused AS MATERIALIZED (
              SELECT coalesce(call.chat_key, cause.player_key) AS chat_key, call.lane, outcome.until
              FROM unnest(%(ids)s::bigint[], %(untils)s::timestamptz[]) AS outcome (id, until)
              JOIN bot_outgoingcall AS call ON call.id = outcome.id
              LEFT JOIN bot_inboxupdate AS cause ON cause.update_id = call.caused_by_id
            ), limited AS (
              INSERT INTO bot_ratelimit (name, free_at, limited_at, limited_until)
              SELECT 'chat:' || chat_key, %(now)s, %(now)s, max(until)
              FROM refused WHERE chat_key IS NOT NULL
              GROUP BY 1 ORDER BY 1
              ON CONFLICT (name) DO UPDATE
              SET limited_at = excluded.limited_at,
                  limited_until = greatest(bot_ratelimit.limited_until, excluded.limited_until)
            )
            SELECT max(until) FROM refused WHERE lane = %(bulk)s
            """,
            {
                "ids": [outcome.id for outcome in outcomes],
                "untils": [outcome.due_at for outcome in outcomes],
                "now": now,
                "bulk": Lane.BULK,
            },
        )
        (bulk_until,) = cursor.fetchone()
    together = RateLimit.objects.filter(limited_at__gt=now - LIMITED_TOGETHER)
    untils = list(together.values_list("limited_until", flat=True))
    stops = [bulk_until] if bulk_until else []
    if len(untils) >= LIMITED_CHATS_MAX:
        stops += [until for until in untils if until is not None]
    if stops:
        _stop(until=max(stops))


def _stop(*, until: datetime) -> None:
    """Keep every sender from claiming before `until`; a longer stop stays."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO bot_ratelimit AS stop (name, free_at) VALUES ('stop', %s)
            ON CONFLICT (name) DO UPDATE SET free_at = greatest(stop.free_at, excluded.free_at)
            """,
            [until],
        )


def _claim_paced(
    lane: Lane, *, per_second: int | None, limit: int, now: datetime
) -> list[Delivery]:
    """Claim calls of `lane`, at most as many as its rate limit allows; None is no limit at all.

    A lane at rest saves up a tenth of a second, so that senders may look ten times a second and
    no second sees much more than `per_second`. Its row stays locked until the transaction ends.
    """
    if per_second is None:
        return _claim(lane, limit=limit, now=now)
    interval = timedelta(seconds=1) / per_second
    saved = interval * (math.ceil(per_second / 10) - 1)
    RateLimit.objects.bulk_create(
        [RateLimit(name=lane.label, free_at=now - saved)], ignore_conflicts=True
    )
    rate = RateLimit.objects.select_for_update().get(name=lane.label)
    free_at = max(rate.free_at, now - saved)
    allowed = max(0, (now - free_at) // interval + 1) if free_at <= now else 0
    if not allowed:
        return []
    deliveries = _claim(lane, limit=min(limit, allowed), now=now)
    rate.free_at = free_at + len(deliveries) * interval
    rate.save(update_fields=["free_at"])
    return deliveries


# What newer edits supersede leaves the queue in the same statement as what is claimed.
_CLAIM = """
WITH head AS MATERIALIZED (
  SELECT waiting.id, waiting.chat_key, waiting.lane, waiting.method,
    waiting.parameters -> 'message_id' AS message_id
  FROM bot_outgoingcall AS waiting
  LEFT JOIN bot_ratelimit AS rate ON rate.name = 'chat:' || waiting.chat_key
  WHERE waiting.state = 'PENDING' AND waiting.lane = %(lane)s
    AND waiting.due_at <= %(now)s
    AND (waiting.expires_at IS NULL OR waiting.expires_at > %(now)s)
    AND (rate.free_at IS NULL OR rate.free_at <= %(burst_until)s OR NOT waiting.paced)
    AND (rate.limited_until IS NULL OR rate.limited_until <= %(now)s)
    AND NOT EXISTS (
      SELECT FROM bot_outgoingcall AS earlier
      WHERE earlier.chat_key = waiting.chat_key
        AND earlier.state IN ('PENDING', 'SENDING')
        AND (earlier.lane, earlier.id) < (waiting.lane, waiting.id)
    )
  ORDER BY waiting.id
  LIMIT %(limit)s
  FOR UPDATE OF waiting SKIP LOCKED
), chosen AS MATERIALIZED (
  -- What replaces the text replaces the buttons with it, but not the other way round.
  SELECT head.id AS head_id, head.chat_key, head.message_id, newest.round_question_id,
    coalesce(newest.id, head.id) AS id
  FROM head LEFT JOIN LATERAL (
    SELECT newer.id, newer.round_question_id FROM bot_outgoingcall AS newer
    WHERE head.method LIKE 'edit%%'
      AND newer.chat_key = head.chat_key AND newer.lane = head.lane
      AND newer.state = 'PENDING' AND newer.id > head.id
      AND newer.parameters -> 'message_id' = head.message_id
      AND (newer.method = head.method OR (
        head.method = 'editMessageReplyMarkup' AND newer.method LIKE 'edit%%'
      ))
    ORDER BY newer.method = 'editMessageReplyMarkup', newer.id DESC
    LIMIT 1
    FOR UPDATE OF newer SKIP LOCKED
  ) AS newest ON true
), superseded AS (
  UPDATE bot_outgoingcall AS call
  SET state = 'SUPERSEDED', finished_at = %(now)s,
      round_question_id = nullif(call.round_question_id, older.newest_round_question_id)
  FROM (
    SELECT older.id, chosen.round_question_id AS newest_round_question_id
    FROM chosen CROSS JOIN LATERAL (
      SELECT older.id FROM bot_outgoingcall AS older
      WHERE chosen.id > chosen.head_id
        AND older.chat_key = chosen.chat_key AND older.lane = %(lane)s
        AND older.id >= chosen.head_id AND older.id < chosen.id
        AND older.state = 'PENDING' AND older.method LIKE 'edit%%'
        AND older.parameters -> 'message_id' = chosen.message_id
      -- Looked up for each in the index of its chat, and never joined with all calls.
      OFFSET 0
    ) AS older
  ) AS older
  WHERE call.id = older.id
), claimed AS (
  UPDATE bot_outgoingcall AS call
  SET state = 'SENDING', claimed_at = statement_timestamp(),
      claim_number = call.claim_number + 1
  FROM chosen WHERE call.id = chosen.id
  RETURNING call.*
), paced AS (
  INSERT INTO bot_ratelimit (name, free_at)
  SELECT DISTINCT
    'chat:' || chat_key, %(now)s::timestamptz + make_interval(secs => %(interval)s)
  FROM claimed WHERE paced
  ORDER BY 1
  ON CONFLICT (name) DO UPDATE
  SET free_at =
    greatest(bot_ratelimit.free_at, %(now)s) + make_interval(secs => %(interval)s)
)
SELECT id, method, chat_key, parameters, files, lane, created_at, attempts,
  delivery_uncertain, claim_number
FROM claimed ORDER BY id
"""


def _claim(lane: Lane, *, limit: int, now: datetime) -> list[Delivery]:
    """Claim up to `limit` calls of `lane`, the first waiting one of each chat, in one statement.

    A new message leaves only if its chat has not had CHAT_BURST in a row, one per CHAT_INTERVAL;
    the chat's rate limit moves with the claim. Nothing leaves for a chat that is limited. Where
    an edit has its turn and newer ones of the same message wait, the newest leaves in its place
    and the others are superseded. The database dates the claim, since `release_expired_claims`
    reads its clock.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _CLAIM,
            {
                "lane": lane,
                "now": now,
                "limit": limit,
                "interval": CHAT_INTERVAL.total_seconds(),
                "burst_until": now + CHAT_INTERVAL * (CHAT_BURST - 1),
            },
        )
        return [
            Delivery(
                id=row[0],
                method=row[1],
                chat_key=row[2],
                parameters=json.loads(row[3]),
                files=json.loads(row[4]) if row[4] else None,
                lane=row[5],
                created_at=row[6],
                attempts=row[7],
                delivery_uncertain=row[8],
                claim_number=row[9],
            )
            for row in cursor.fetchall()
        ]


def purge(*, before: datetime, limit: int) -> int:
    """Delete at most `limit` calls that were finished before `before`; return how many."""
    finished = OutgoingCall.objects.filter(finished_at__lt=before)
    oldest = finished.order_by("id").values_list("id", flat=True)[:limit]
    return OutgoingCall.objects.filter(id__in=list(oldest)).delete()[0]
