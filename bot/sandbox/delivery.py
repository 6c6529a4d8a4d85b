"""Updates on their way to the bot: by webhook, as Telegram posts them, or by long polling.

Updates of one kind from one chat wait for each other in a lane; different lanes are posted at the
same time, up to max_connections of them. Whatever is not acknowledged with 2xx is posted again.
"""

import asyncio
import json
import random
from collections import deque
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

import aiohttp

from bot.sandbox import clock
from bot.sandbox.errors import ConflictError
from bot.sandbox.state import PendingUpdate

if TYPE_CHECKING:
    from bot.sandbox.telegram import Telegram

Json = dict[str, Any]

ANSWER_TIMEOUT_S = 30
FIRST_RETRY_S = 0.5
LONGEST_RETRY_S = 30.0
KEPT_S = 24 * 60 * 60
# A copy arrives together with the original or up to this much later.
COPY_LATER_S = 0.3
# What Telegram does not carry out when it comes as the body of a webhook answer.
NOT_IN_ANSWERS = ("get", "setwebhook", "deletewebhook")


class Lane:
    """Updates that may not overtake each other, each with the moment from which it may go."""

    __slots__ = ("key", "waiting")

    def __init__(self, key: tuple[str, int] | None) -> None:
        self.key = key
        self.waiting: deque[tuple[float, PendingUpdate]] = deque()


class Delivery:
    """Takes updates from the sandbox to the bot."""

    def __init__(self, *, telegram: "Telegram") -> None:
        self.telegram = telegram
        # Carries out the call in the body of a webhook answer.
        self.execute: Callable[[Json], Coroutine[None, None, object]] | None = None
        self._calls: set[asyncio.Task[object]] = set()
        self._session: aiohttp.ClientSession | None = None
        self._next_number = max(telegram.state.pending, default=0) + 1
        self._lanes: dict[tuple[str, int], Lane] = {}
        self._ready: deque[Lane] = deque()
        self._timers: set[asyncio.TimerHandle] = set()
        self._workers: set[asyncio.Task[None]] = set()
        self._posting: set[int] = set()
        # Grows whenever the lanes are built anew; work begun before leaves the new ones alone.
        self._generation = 0
        self._poller: asyncio.Future[str] | None = None

    def start(self) -> None:
        """Begin to deliver what an earlier run left. Needs the running event loop."""
        self._session = aiohttp.ClientSession(
            # Bots close idle connections too; be the first, so that no post runs into it.
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=4),
            timeout=aiohttp.ClientTimeout(total=ANSWER_TIMEOUT_S),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        self.restart()

    async def stop(self) -> None:
        """Break off deliveries; what was not acknowledged stays pending."""
        self._generation += 1
        self._clear_lanes()
        self._wake_poller("stop")
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def push(self, *, kind: str, content: Json) -> int | None:
        """Send the bot an update, unless it does not want this kind. Return its update_id."""
        if not self.telegram.state.accepts(kind):
            return None
        update_id = self.telegram.state.take_update_id()
        self.push_raw({"update_id": update_id, kind: content})
        return update_id

    def push_raw(self, body: Json) -> None:
        """Send the bot an update as it stands, wanted or not."""
        update = self._remember(body)
        if self.telegram.state.webhook is not None:
            self._send_over_network(update)
        self._wake_poller("update")

    def restart(self) -> None:
        """Build the lanes from what is pending: the webhook has changed."""
        self._generation += 1
        self._clear_lanes()
        if self.telegram.state.webhook is not None:
            self._wake_poller("webhook")
            for update in self.telegram.state.pending.values():
                if update.number not in self._posting:
                    self._line_up(update, at=0.0)

    def drop_pending(self) -> None:
        """Drop all updates that the bot has not received."""
        self.telegram.state.pending.clear()
        self._generation += 1
        self._clear_lanes()
        self.telegram.changed()

    async def poll(self, *, offset: int, limit: int, timeout_s: int) -> list[Json]:
        """Return updates from `offset` on, waiting for the first; those before are acknowledged.

        Raise ConflictError when a webhook is set, or when somebody else begins to poll.
        """
        if self.telegram.state.webhook is not None:
            raise ConflictError(
                "can't use getUpdates method while webhook is active; "
                "use deleteWebhook to delete the webhook first"
            )
        self._wake_poller("poller")
        self._acknowledge(offset)
        if not self.telegram.state.pending and timeout_s > 0:
            await self._wait_for_update(timeout_s)
        pending = self.telegram.state.pending
        oldest = clock.now() - KEPT_S
        while pending and next(iter(pending.values())).created_at < oldest:
            pending.popitem(last=False)
        return [update.body for update, _ in zip(pending.values(), range(limit), strict=False)]

    async def _wait_for_update(self, timeout_s: int) -> None:
        poller: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._poller = poller
        try:
            reason = await asyncio.wait_for(poller, timeout_s)
        except TimeoutError:
            return
        finally:
            if self._poller is poller:
                self._poller = None
        if reason == "poller":
            raise ConflictError(
                "terminated by other getUpdates request; "
                "make sure that only one bot instance is running"
            )
        if reason == "webhook":
            raise ConflictError("terminated by setWebhook request")

    def _wake_poller(self, reason: str) -> None:
        if self._poller is not None and not self._poller.done():
            self._poller.set_result(reason)

    def _acknowledge(self, offset: int) -> None:
        pending = self.telegram.state.pending
        surplus = len(pending) + offset if offset < 0 else 0
        while pending:
            update = next(iter(pending.values()))
            if surplus <= 0 and (offset <= 0 or update.body["update_id"] >= offset):
                return
            surplus -= 1
            self._received(update)

    def _remember(self, body: Json) -> PendingUpdate:
        update = PendingUpdate(number=self._next_number, body=body, created_at=clock.now())
        self._next_number += 1
        self.telegram.state.pending[update.number] = update
        self.telegram.changed()
        return update

    def _send_over_network(self, update: PendingUpdate) -> None:
        """Line an update up, with the mischief that was ordered."""
        network = self.telegram.network
        now = asyncio.get_running_loop().time()
        update.loses_first_attempt = network.drops()
        if network.duplicates():
            network.counters.duplicated += 1
            self._line_up_alone(
                self._remember(update.body),
                at=now + network.delay_s() + random.choice((0.0, random.uniform(0, COPY_LATER_S))),
            )
        if network.reorders():
            network.counters.reordered += 1
            self._line_up_alone(update, at=now + network.delay_s() + network.overtaken_s())
        else:
            self._line_up(update, at=now + network.delay_s())

    def _line_up(self, update: PendingUpdate, *, at: float) -> None:
        key = _lane_key(update)
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = Lane(key)
            lane.waiting.append((at, update))
            self._release(lane, at)
        else:
            lane.waiting.append((at, update))

    def _line_up_alone(self, update: PendingUpdate, *, at: float) -> None:
        lane = Lane(None)
        lane.waiting.append((at, update))
        self._release(lane, at)

    def _release(self, lane: Lane, at: float) -> None:
        """Let the head of `lane` go at the moment `at` of the loop's clock."""
        loop = asyncio.get_running_loop()
        if at <= loop.time():
            self._ready.append(lane)
            self._employ()
            return

        def ready() -> None:
            self._timers.discard(timer)
            self._ready.append(lane)
            self._employ()

        timer = loop.call_at(at, ready)
        self._timers.add(timer)

    def _employ(self) -> None:
        webhook = self.telegram.state.webhook
        if webhook is None or len(self._workers) >= webhook.max_connections:
            return
        worker = asyncio.get_running_loop().create_task(self._work())
        self._workers.add(worker)
        worker.add_done_callback(self._leave)

    def _leave(self, worker: asyncio.Task[None]) -> None:
        self._workers.discard(worker)
        if self._ready and not worker.cancelled():
            self._employ()

    async def _work(self) -> None:
        while self._ready and self.telegram.state.webhook is not None:
            await self._deliver_head(self._ready.popleft())

    async def _deliver_head(self, lane: Lane) -> None:
        generation = self._generation
        _, update = lane.waiting[0]
        self._posting.add(update.number)
        try:
            failure = await self._attempt(update)
        finally:
            self._posting.discard(update.number)
        if failure is None:
            self._received(update)
        else:
            self._note_failure(failure)
        if generation != self._generation:
            # These lanes are gone. The new ones were built without this update.
            if failure and update.number in self.telegram.state.pending:
                self._line_up(update, at=0.0)
        elif failure is None:
            lane.waiting.popleft()
            self._advance(lane)
        else:
            pause = min(FIRST_RETRY_S * 2 ** min(update.attempts - 1, 16), LONGEST_RETRY_S)
            self._release(lane, asyncio.get_running_loop().time() + pause)

    def _advance(self, lane: Lane) -> None:
        if lane.waiting:
            at = lane.waiting[0][0]
            if at > asyncio.get_running_loop().time():
                self._release(lane, at)
            else:
                self._ready.append(lane)  # The worker that came here takes it next.
        elif lane.key is not None:
            del self._lanes[lane.key]

    async def _attempt(self, update: PendingUpdate) -> str | None:
        """Post an update once. Return why that failed, or None when the bot has it."""
        if update.created_at < clock.now() - KEPT_S:
            return None  # Telegram gives up on it as well.
        network = self.telegram.network
        if update.attempts:
            network.counters.retried += 1
        update.attempts += 1
        if update.loses_first_attempt:
            update.loses_first_attempt = False
            network.counters.dropped += 1
            return "Connection timed out"
        return await self._post(update.body)

    async def _post(self, body: Json) -> str | None:
        webhook, session = self.telegram.state.webhook, self._session
        assert webhook is not None
        assert session is not None
        headers = {"Content-Type": "application/json"}
        if webhook.secret_token:
            headers["X-Telegram-Bot-Api-Secret-Token"] = webhook.secret_token
        try:
            async with session.post(
                webhook.url,
                data=json.dumps(body, ensure_ascii=False).encode(),
                headers=headers,
                allow_redirects=False,
            ) as response:
                answer = await response.read()
                if not 200 <= response.status < 300:
                    return f"Wrong response from the webhook: {response.status} {response.reason}"
        except TimeoutError:
            return "Read timeout expired"
        except aiohttp.ClientConnectorError:
            return "Connection refused"
        except aiohttp.ClientError:
            return "Webhook connection closed"
        self.telegram.network.counters.delivered += 1
        if answer.startswith(b"{"):
            self._execute(answer)
        return None

    def _execute(self, answer: bytes) -> None:
        try:
            call = json.loads(answer)
        except ValueError:
            return
        method = str(call.get("method") or "").lower()
        if method and not method.startswith(NOT_IN_ANSWERS) and self.execute is not None:
            # On its own: however the call ends, the update has arrived.
            task = asyncio.get_running_loop().create_task(self.execute(call))
            self._calls.add(task)
            task.add_done_callback(self._calls.discard)

    def _received(self, update: PendingUpdate) -> None:
        """Drop an update that the bot has, and show the second tick on its message."""
        self.telegram.state.pending.pop(update.number, None)
        self.telegram.changed()
        if update.kind != "message":
            return
        message = update.body["message"]
        chat = self.telegram.state.chats.get(_id_of(message, "chat"))
        if chat is not None and message.get("message_id") in chat.undelivered:
            chat.undelivered.discard(message["message_id"])
            self.telegram.events.publish(
                "delivered", chat_id=chat.player.id, message_id=message["message_id"]
            )

    def _note_failure(self, failure: str) -> None:
        webhook = self.telegram.state.webhook
        if webhook is not None:
            webhook.last_error_date = int(clock.now())
            webhook.last_error_message = failure
            self.telegram.changed()

    def _clear_lanes(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._lanes.clear()
        self._ready.clear()


def _lane_key(update: PendingUpdate) -> tuple[str, int]:
    """Return what an update must not overtake: the same kind from the same chat or person."""
    content = update.body.get(update.kind)
    if not isinstance(content, dict):
        return update.kind, -update.number
    party = _id_of(content, "chat") or _id_of(content, "from") or _id_of(content, "user")
    return update.kind, party or -update.number


def _id_of(content: Json, name: str) -> int:
    party = content.get(name)
    found = party.get("id") if isinstance(party, dict) else None
    return found if isinstance(found, int) else 0
