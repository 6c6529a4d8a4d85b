"""The only place that speaks to Telegram: makes the outbox's calls and writes down how they ended.

A process has one event loop, one Bot and one database thread. Any number of processes may run:
what they share, pace included, is in the database (bot/queue/outbox.py).
"""

import asyncio
import base64
import time
import warnings
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import redis.asyncio
import structlog
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone
from telegram import Bot, InputFile
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Forbidden,
    InvalidToken,
    RetryAfter,
    TelegramError,
)
from telegram.warnings import PTBDeprecationWarning, PTBUserWarning

from bot.queue import outbox, wake
from bot.queue.models import CallState, Lane
from bot.queue.outbox import Delivery, Outcome
from bot.queue.transport import AiohttpRequest, AnswerLostError, NotSentError
from quizarena.ops import heartbeats, timings
from quizarena.players import services as players
from quizarena.redaction import redact

# Calls under way at once. Telegram answers within tens of milliseconds.
CONCURRENCY = 64
# Look into the outbox at least this often, called or not.
TICK_SECONDS = 0.1
# While calls are landing, their outcomes are collected this long and written down together.
BATCH_SECONDS = 0.02
HOUSEKEEPING = timedelta(seconds=10)
# A wrong token concerns every call; trying again soon would only be noise.
TOKEN_PAUSE = timedelta(seconds=30)

# The outbox keeps the method's name and its parameters: do_api_request is meant for that.
warnings.filterwarnings("ignore", "Please use 'Bot", PTBUserWarning)
warnings.filterwarnings("ignore", category=PTBDeprecationWarning)

log = structlog.get_logger(__name__)


def build_bot(token: str | None = None) -> Bot:
    """Return a Bot that speaks to TELEGRAM_API_URL, over connections that are kept."""
    return Bot(
        token or settings.TELEGRAM_BOT_TOKEN,
        base_url=f"{settings.TELEGRAM_API_URL}/bot",
        base_file_url=f"{settings.TELEGRAM_API_URL}/file/bot",
        request=AiohttpRequest(connections=CONCURRENCY),
        get_updates_request=AiohttpRequest(connections=1),
    )


async def introduce(bot: Bot) -> None:
    """Ask Telegram whether it knows the token; raise InvalidToken if not.

    Afterwards "Not Found" can only mean a method. Telegram being away is not waited for here.
    """
    try:
        await bot.get_me()
    except InvalidToken:
        raise
    except TelegramError as error:
        log.warning("sender.telegram_away", error=describe(error))


async def deliver(bot: Bot, delivery: Delivery) -> tuple[Outcome, TelegramError | None]:
    """Make one stored call to Telegram and say how it ended.

    After a connection that broke once the request had left, delivery is uncertain: Telegram has no
    idempotency key for sends.
    """
    try:
        result = await bot.do_api_request(delivery.method, api_kwargs=_arguments(delivery))
    except TelegramError as error:
        return judge(delivery, error, now=timezone.now()), error
    message = result if isinstance(result, dict) else {}
    photo = message.get("photo") or [{}]
    sent = Outcome(
        id=delivery.id,
        claim_number=delivery.claim_number,
        state=CallState.SENT,
        due_at=timezone.now(),
        attempts=delivery.attempts + 1,
        delivery_uncertain=delivery.delivery_uncertain,
        message_id=message.get("message_id"),
        file_id=photo[-1].get("file_id", ""),
    )
    return sent, None


def judge(delivery: Delivery, error: TelegramError, *, now: datetime) -> Outcome:
    """Say what an error means for the call: final, another try, or uncertain.

    BadRequest comes before the network's errors because python-telegram-bot derives the one from
    the other.
    """
    attempts = delivery.attempts + 1
    delivery_uncertain = delivery.delivery_uncertain
    due_at = now + timedelta(seconds=min(60, 2**attempts))
    match error:
        case BadRequest() if "message is not modified" in str(error).lower():
            state = CallState.SENT  # It reads already as it should.
        case BadRequest() | Forbidden() | ChatMigrated():
            state = CallState.REFUSED
        case RetryAfter():
            state, attempts = CallState.PENDING, delivery.attempts
            due_at = now + retry_after(error)
        case InvalidToken() if "Not Found" in str(error.__cause__):
            state = CallState.REFUSED  # The token is good (see introduce): no such method.
        case InvalidToken():
            state, attempts, due_at = CallState.PENDING, delivery.attempts, now + TOKEN_PAUSE
        case NotSentError():
            state, attempts, due_at = CallState.PENDING, delivery.attempts, now + HOUSEKEEPING / 5
        case AnswerLostError():
            delivery_uncertain = True
            # An answer has to arrive and is made again; a bulk message is not sent twice knowingly.
            must_arrive = delivery.lane == Lane.ANSWER or not delivery.method.startswith("send")
            state = CallState.PENDING if must_arrive else CallState.MAYBE_SENT
        case _:
            state = CallState.PENDING
    too_old = now - delivery.created_at >= outbox.GIVE_UP_AFTER
    if state is CallState.PENDING and (attempts >= outbox.ATTEMPTS_MAX or too_old):
        state = CallState.MAYBE_SENT if delivery_uncertain else CallState.GIVEN_UP
    return Outcome(
        id=delivery.id,
        claim_number=delivery.claim_number,
        state=state,
        due_at=due_at,
        rate_limited=isinstance(error, RetryAfter),
        attempts=attempts,
        delivery_uncertain=delivery_uncertain,
        error=describe(error),
    )


def is_unreachable(error: TelegramError) -> bool:
    """Return whether nothing can be sent to the chat until its player comes back.

    They have blocked the bot, or have gone from Telegram.
    """
    gone = ("chat not found", "peer_id_invalid", "user not found")
    return isinstance(error, Forbidden) or (
        isinstance(error, BadRequest) and any(words in str(error).lower() for words in gone)
    )


def _given_up(delivery: Delivery, defect: Exception) -> Outcome:
    """Return the outcome of a call that could not even be made."""
    return Outcome(
        id=delivery.id,
        claim_number=delivery.claim_number,
        state=CallState.GIVEN_UP,
        due_at=delivery.created_at,
        attempts=delivery.attempts + 1,
        delivery_uncertain=delivery.delivery_uncertain,
        error=f"Internal error: {type(defect).__name__}",
    )


def describe(error: TelegramError) -> str:
    """Return what may be stored and logged of an error: what Telegram has said, and no secret.

    Of an error of the transport that is its name (bot/queue/transport.py).
    """
    return redact(str(error)).replace("\0", "")[:1_000]


def retry_after(error: RetryAfter) -> timedelta:
    """Return how long Telegram wants to be left alone."""
    wait = error.retry_after
    return wait if isinstance(wait, timedelta) else timedelta(seconds=wait)


def _arguments(delivery: Delivery) -> dict[str, Any]:
    """Return the call's parameters with its uploads unpacked."""
    uploads = {
        name: InputFile(base64.b64decode(content), filename=file_name)
        for name, (file_name, _mime_type, content) in (delivery.files or {}).items()
    }
    return {**delivery.parameters, **uploads}


def _exchange(
    landed: list[Outcome], blocked: list[int], limit: int, stop_until: datetime | None
) -> list[Delivery]:
    """Record in the database what has happened and claim what comes next, in its thread.

    Recording twice does no harm: a connection that breaks leaves all of it to the next turn.
    """
    now = timezone.now()
    for telegram_id in blocked:
        players.bot_blocked(telegram_id=telegram_id, now=now)
    return outbox.record_and_claim(outcomes=landed, limit=limit, now=now, stop_until=stop_until)


def _do_housekeeping() -> None:
    """Leave a sign of life and look for calls of senders that have died; never raise for a
    database that is away."""
    heartbeats.beat("sender")
    try:
        outbox.release_expired_claims()
        outbox.give_up_expired(now=timezone.now())
    except (DatabaseError, InterfaceError) as error:
        log.warning("sender.database_away", error=str(error))
        _drop_connection()


def _count(delivery: Delivery, outcome: Outcome) -> None:
    """Count how a call has ended, and how long its player has waited for it."""
    lane = Lane(delivery.lane).label
    timings.count(timings.CALLS, outcome.state.lower())
    if outcome.rate_limited:
        timings.count(timings.RATE_LIMITED, lane)
    if outcome.state is CallState.SENT:
        waited = timezone.now() - delivery.created_at
        timings.observe(timings.DELIVERY, waited.total_seconds(), lane)


def _drop_connection() -> None:
    """Close this thread's connection; `connection.close` itself would be another thread's."""
    connection.close()


class Sender:
    """One process's share of the sending: claims calls, makes them at once, records outcomes."""

    def __init__(self, bot: Bot) -> None:
        self._bot = bot
        self._flying: set[asyncio.Task[None]] = set()
        self._landed: list[Outcome] = []
        self._stop_until: datetime | None = None
        self._blocked: list[int] = []
        self._look = asyncio.Event()
        self._stopping = False
        self._house_due = time.monotonic()

    def stop(self) -> None:
        """Claim nothing more; `run` returns when the calls under way have their outcomes."""
        self._stopping = True
        self._look.set()

    async def run(self) -> None:
        """Send until `stop` is called."""
        listener = asyncio.create_task(self._listen())
        try:
            while not self._stopping or self._flying or self._landed:
                await self._turn()
        finally:
            listener.cancel()
            await asyncio.gather(listener, return_exceptions=True)
            await self._bot.request.shutdown()

    async def _turn(self) -> None:
        """Exchange outcomes for deliveries with the database, then wait for a reason to do more."""
        self._look.clear()
        limit = 0 if self._stopping else CONCURRENCY - len(self._flying)
        # Taken out here, in the loop's thread: what lands meanwhile belongs to the next turn.
        landed, self._landed = self._landed, []
        blocked, self._blocked = self._blocked, []
        stop_until, self._stop_until = self._stop_until, None
        try:
            deliveries = await sync_to_async(_exchange)(landed, blocked, limit, stop_until)
        except (DatabaseError, InterfaceError) as error:
            # The database is away: everything is kept until it is back.
            self._landed = landed + self._landed
            self._blocked = blocked + self._blocked
            self._stop_until = max(filter(None, (stop_until, self._stop_until)), default=None)
            log.warning("sender.database_away", error=str(error))
            await sync_to_async(_drop_connection)()
            await asyncio.sleep(1)
            return
        for delivery in deliveries:
            task = asyncio.create_task(self._deliver(delivery))
            self._flying.add(task)
            task.add_done_callback(self._flying.discard)
        if time.monotonic() >= self._house_due and not self._landed:
            # Only when all outcomes are recorded, also those that have come meanwhile: a database
            # that was away for long must not make a sender take over its own calls.
            self._house_due = time.monotonic() + HOUSEKEEPING.total_seconds()
            await sync_to_async(_do_housekeeping)()
        if self._flying:
            await asyncio.sleep(BATCH_SECONDS)
        with suppress(TimeoutError):
            async with asyncio.timeout(TICK_SECONDS):
                await self._look.wait()

    async def _deliver(self, delivery: Delivery) -> None:
        """Make one call and keep its outcome for the next exchange."""
        began = time.perf_counter()
        try:
            outcome, error = await deliver(self._bot, delivery)
        except Exception as defect:  # A defect of ours must not bring the same call back for ever.
            log.exception("call.defect", call=delivery.id, method=delivery.method)
            self._landed.append(_given_up(delivery, defect))
            self._look.set()
            return
        timings.observe(timings.CALL, time.perf_counter() - began)
        _count(delivery, outcome)
        if error is not None:
            log.warning(
                "call.failed",
                call=delivery.id,
                method=delivery.method,
                player=delivery.chat_key,
                state=outcome.state.value,
                error=describe(error),
            )
        if error is not None and is_unreachable(error) and delivery.chat_key is not None:
            self._blocked.append(delivery.chat_key)
        if isinstance(error, InvalidToken) and outcome.state is CallState.PENDING:
            self._stop_until = max(outcome.due_at, self._stop_until or outcome.due_at)
        self._landed.append(outcome)
        self._look.set()

    async def _listen(self) -> None:
        """Look at once when a worker has written something; without Redis the tick remains."""
        client = redis.asyncio.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=1)
        try:
            while True:
                try:
                    if await client.blpop([wake.SENDERS], timeout=5):
                        self._look.set()
                except redis.RedisError:
                    await asyncio.sleep(TICK_SECONDS)
        finally:
            await client.aclose()
