"""Sends what leaves the house about alerts: claims a delivery, makes the call, records its outcome.

A job does this and no request: between the claim and the outcome there is no transaction. A
channel that does not answer, or has too much, is left alone for a while by all workers, with
whatever else is due by it, so that it holds up no other.
"""

import asyncio
import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx
import structlog
from asgiref.sync import async_to_sync
from django.db import transaction
from django.utils import timezone

from quizarena import web_guard
from quizarena.staff import alert_messages, alert_routing, alerts
from quizarena.staff.alert_messages import Message, Post
from quizarena.staff.alert_models import (
    AlertChannel,
    AlertDelivery,
    AlertEvent,
    DeliveryState,
    Severity,
)

CONNECT_SECONDS = 3.0
# From the first byte sent to the last byte read, redirects and slow drips included.
TOTAL_SECONDS = 10.0
# Longer than a call may take: after it, another worker tries.
LEASE = timedelta(seconds=60)
# After the first failure, the second and so on; the last one again and again.
RETRY_AFTER = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=25),
    timedelta(hours=2),
)
ATTEMPTS_MAX = 10
# A "too many requests" counts as no attempt; but nothing is tried for longer than this.
GIVE_UP_AFTER = timedelta(hours=24)
RETRY_AFTER_MAX = timedelta(hours=1)
_TOO_MANY_REQUESTS = 429
# Of these, too, one hopes that they pass; any other answer but 2xx will be the same tomorrow.
_PASSING = frozenset({408, 425, _TOO_MANY_REQUESTS})

_CLAIM = """
UPDATE staff_alertdelivery
SET attempts = attempts + 1, claim_number = claim_number + 1, next_at = %(leased)s
WHERE id = (
  SELECT id FROM staff_alertdelivery AS due
  WHERE state = 'PENDING' AND next_at <= %(now)s AND channel <> ALL (%(but)s::text[])
    AND NOT EXISTS (
      SELECT FROM staff_alertdelivery AS earlier
      WHERE earlier.alert_id = due.alert_id AND earlier.channel = due.channel
        AND earlier.state = 'PENDING' AND earlier.id < due.id
    )
  ORDER BY next_at, id
  LIMIT 1
  FOR UPDATE SKIP LOCKED
)
RETURNING *
"""

log = structlog.get_logger(__name__)


class NoChatError(Exception):
    """No chat of staff is linked that could get the message. Nothing has been written."""


# How the bot sends to the chats of staff, in a transaction: an app above ours knows.
_telegram: list[Callable[[Message], None]] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an attempt has ended."""

    state: DeliveryState
    error: str = ""
    # At least so long the receiver wants to be left alone.
    wait: timedelta = timedelta()
    counts: bool = True
    # So long nothing else goes to the receiver either: it has not answered, or has too much.
    rest: timedelta = timedelta()


def send_to_staff_chats_with(send: Callable[[Message], None]) -> None:
    """Let `send` write a message into the outbox; it raises NoChatError if there is no chat."""
    _telegram[:] = [send]


def deliver_due(*, now: datetime, until: datetime) -> int:
    """Send what is due, at least one, the longest due first; return how many were tried.

    Begins nothing at or after `until`. May run in several workers at once.
    """
    web_guard.require_no_request()
    resting: set[AlertChannel] = set()
    tried = 0
    while (delivery := claim(now=now, but=resting)) is not None:
        outcome = _attempt(delivery, now=now)
        tried += 1
        if outcome is not None and outcome.rest:
            channel = AlertChannel(delivery.channel)
            resting.add(channel)
            _let_rest(channel, now=now, until=now + outcome.rest)
        if timezone.now() >= until:
            break
    return tried


def claim(*, now: datetime, but: Collection[AlertChannel] = ()) -> AlertDelivery | None:
    """Claim the delivery that has been due the longest, for LEASE; None if none is due.

    What a channel gets about one alert keeps its order: raised comes before resolved.
    """
    claimed = AlertDelivery.objects.raw(
        _CLAIM,
        {"now": now, "leased": now + LEASE, "but": [channel.value for channel in but]},
    )
    return next(iter(claimed), None)


@transaction.atomic
def _let_rest(channel: AlertChannel, *, now: datetime, until: datetime) -> None:
    """Let whatever else is due by the channel wait until then. Counts as no attempt.

    Else each of many would wait for an answer on its own, and what goes elsewhere behind it.
    """
    due = AlertDelivery.objects.select_for_update(skip_locked=True).filter(
        channel=channel, state=DeliveryState.PENDING, next_at__lte=now
    )
    AlertDelivery.objects.filter(pk__in=due.values("pk")).update(next_at=until)


def _attempt(delivery: AlertDelivery, *, now: datetime) -> Outcome | None:
    """Try a claimed delivery and record how that ended; None if the claim was lost meanwhile."""
    message = message_of(delivery)
    if delivery.channel == AlertChannel.TELEGRAM:
        return _write_to_chats(delivery, message, now=now)
    outcome = post(_post_of(delivery, message))
    return outcome if record(delivery, outcome, now=now) else None


def _write_to_chats(delivery: AlertDelivery, message: Message, *, now: datetime) -> Outcome | None:
    """Hand the message to our own outbox, in the transaction that records it: exactly once."""
    sent = Outcome(state=DeliveryState.SENT)
    try:
        with transaction.atomic():
            if not record(delivery, sent, now=now):
                return None
            assert _telegram, "No app sends to the chats of staff."
            _telegram[0](message)
    except NoChatError as error:
        outcome = Outcome(state=DeliveryState.FAILED, error=str(error))
        return outcome if record(delivery, outcome, now=now) else None
    return sent


def message_of(delivery: AlertDelivery) -> Message:
    """Return what the delivery says, as the alert stands now."""
    event, severity = AlertEvent(delivery.event), Severity(delivery.severity)
    alert = delivery.alert
    if alert is None:
        return Message(
            delivery_id=delivery.pk,
            event=event,
            severity=severity,
            deduplication_key=f"quizarena-test-{delivery.pk}",
            kind="test",
            label="Test message",
            key="",
            summary="Quiz Arena can reach this channel. Nothing has to be done.",
            at=delivery.created_at,
        )
    return Message(
        delivery_id=delivery.pk,
        event=event,
        severity=severity,
        deduplication_key=f"quizarena-alert-{alert.pk}",
        kind=alert.kind,
        label=alerts.label_of(alert.kind),
        key=alert.key,
        summary=alert.summary,
        at=(alert.resolved_at if event == AlertEvent.RESOLVED else None) or alert.first_at,
        url=alert_routing.alert_url(alert.pk),
        runbook_url=alert_routing.runbook_url(alerts.runbook_of(alert.kind)),
    )


def _post_of(delivery: AlertDelivery, message: Message) -> Post | None:
    """Return the call; None if the channel has lost its address since."""
    if delivery.channel not in alert_routing.configured():
        return None
    match delivery.channel:
        case AlertChannel.SLACK:
            return alert_messages.slack(message)
        case AlertChannel.PAGERDUTY:
            return alert_messages.pagerduty(message)
        case _:
            return alert_messages.webhook(message, now=timezone.now())


def post(what: Post | None) -> Outcome:
    """Make the call and say how it ended. Stores no text of others: an address is a secret."""
    if what is None:
        return Outcome(state=DeliveryState.FAILED, error="The channel is not configured any more.")
    try:
        status, retry_after = async_to_sync(_send)(what)
    except TimeoutError:
        error = f"No answer within {TOTAL_SECONDS:.0f} s."
        return Outcome(state=DeliveryState.PENDING, error=error, rest=RETRY_AFTER[0])
    except Exception as error:  # noqa: BLE001 - Whatever it is: its words may have the address.
        return Outcome(state=DeliveryState.PENDING, error=type(error).__name__, rest=RETRY_AFTER[0])
    if 200 <= status < 300:
        return Outcome(state=DeliveryState.SENT)
    may_pass = status in _PASSING or status >= 500
    wait, has_too_much = _wait(retry_after), status == _TOO_MANY_REQUESTS
    return Outcome(
        state=DeliveryState.PENDING if may_pass else DeliveryState.FAILED,
        error=f"Answered with HTTP {status}.",
        wait=wait,
        counts=not has_too_much,
        rest=(wait or RETRY_AFTER[0]) if has_too_much else timedelta(),
    )


async def _send(what: Post) -> tuple[int, str]:
    """Return the status and how long to wait; httpx itself limits each read, and not their sum."""
    timeout = httpx.Timeout(TOTAL_SECONDS, connect=CONNECT_SECONDS)
    async with (
        asyncio.timeout(TOTAL_SECONDS),
        # A redirect leads elsewhere than the environment says, and is not followed.
        httpx.AsyncClient(timeout=timeout, follow_redirects=False) as client,
        client.stream("POST", what.url, content=what.body, headers=what.headers) as response,
    ):
        return response.status_code, response.headers.get("Retry-After", "")


def _wait(retry_after: str) -> timedelta:
    """Return what a Retry-After asks for, in seconds or as a date, but no more than an hour."""
    try:
        if retry_after.isdecimal():
            asked = timedelta(seconds=int(retry_after))
        else:
            date = parsedate_to_datetime(retry_after)
            date = date if date.tzinfo else date.replace(tzinfo=UTC)
            asked = timedelta(seconds=math.ceil((date - timezone.now()).total_seconds()))
    except (ValueError, OverflowError):  # Neither, or a number that no calendar has.
        return timedelta()
    return min(max(asked, timedelta()), RETRY_AFTER_MAX)


def record(delivery: AlertDelivery, outcome: Outcome, *, now: datetime) -> bool:
    """Record the outcome of a claim; False, and nothing changed, if another one has taken it over.

    A delivery that cannot be tried any more fails. An attempt that does not count is taken back.
    """
    attempts = delivery.attempts if outcome.counts else delivery.attempts - 1
    pause = RETRY_AFTER[min(max(attempts, 1), len(RETRY_AFTER)) - 1]
    wait = outcome.wait if outcome.wait and not outcome.counts else max(pause, outcome.wait)
    state = outcome.state
    is_over = attempts >= ATTEMPTS_MAX or now - delivery.created_at >= GIVE_UP_AFTER
    if state == DeliveryState.PENDING and is_over:
        state = DeliveryState.FAILED
    mine = AlertDelivery.objects.filter(
        pk=delivery.pk, claim_number=delivery.claim_number, state=DeliveryState.PENDING
    )
    recorded = mine.update(
        state=state,
        attempts=attempts,
        next_at=now + wait,
        finished_at=None if state == DeliveryState.PENDING else now,
        error=outcome.error[:200],
    )
    if recorded and outcome.error:
        log.warning(
            "alert.not_delivered",
            delivery=delivery.pk,
            alert=delivery.alert_id,
            channel=delivery.channel,
            state=state.value,
            error=outcome.error,
        )
    return recorded == 1
