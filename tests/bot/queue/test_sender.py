"""How a call ends: with every answer of Telegram, and with none."""

import asyncio
import base64
import socket
import traceback
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any

import pytest
from aiohttp import web
from asgiref.sync import async_to_sync, sync_to_async
from django.db import connection, transaction
from django.utils import timezone
from pytest_django.fixtures import Settings
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)

from bot.queue import client, outbox, sender, transport
from bot.queue.models import Lane, OutgoingCall, RateLimit
from bot.queue.outbox import Delivery, Outcome
from bot.queue.sender import Sender, build_bot, deliver, describe, judge
from bot.queue.transport import AnswerLostError, NotSentError
from quizarena.players.models import Player
from tests.concurrency import another_connection, wait_for_waiting
from tests.conftest import Road
from tests.sandbox import Sandbox, free_port

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def a_delivery(**fields: Any) -> Delivery:
    """Return a message to player 1 that a sender has just claimed for the first time."""
    return Delivery(
        **{
            "id": 1,
            "method": "sendMessage",
            "chat_key": 1,
            "parameters": {"chat_id": 1, "text": "Hallo"},
            "files": None,
            "lane": Lane.ANSWER,
            "created_at": NOON,
            "attempts": 0,
            "delivery_uncertain": False,
            "claim_number": 1,
            **fields,
        }
    )


def caused(error: TelegramError, cause: Exception) -> TelegramError:
    """Return `error` as if it had been raised from `cause`."""
    error.__cause__ = cause
    return error


class TestJudge:
    """(what Telegram said, state, seconds until the next try, counts as a try, uncertain)"""

    ANSWERS = [
        (BadRequest("Chat not found"), "REFUSED", None, True, False),
        (
            BadRequest("Bad Request: message is not modified: specified new message content"),
            "SENT",
            None,
            True,
            False,
        ),
        (Forbidden("Forbidden: bot was blocked by the user"), "REFUSED", None, True, False),
        (ChatMigrated(-100), "REFUSED", None, True, False),
        (RetryAfter(7), "PENDING", 7, False, False),
        (RetryAfter(timedelta(seconds=0.5)), "PENDING", 0.5, False, False),
        (InvalidToken("Unauthorized"), "PENDING", 30, False, False),
        (caused(InvalidToken(), InvalidToken("Not Found")), "REFUSED", None, True, False),
        (NotSentError("no connection"), "PENDING", 2, False, False),
        (AnswerLostError("no answer"), "PENDING", 2, True, True),
        (NetworkError("Bad Gateway"), "PENDING", 2, True, False),
        (NetworkError("Internal Server Error (500)"), "PENDING", 2, True, False),
        (TimedOut(), "PENDING", 2, True, False),
        (Conflict("Conflict"), "PENDING", 2, True, False),
        (TelegramError("Invalid server response"), "PENDING", 2, True, False),
    ]

    @pytest.mark.parametrize(
        ("error", "state", "seconds", "counts", "delivery_uncertain"),
        ANSWERS,
        ids=[type(answer[0]).__name__ for answer in ANSWERS],
    )
    def test_an_answer_means(
        self,
        error: TelegramError,
        state: str,
        seconds: float | None,
        counts: bool,
        delivery_uncertain: bool,
    ) -> None:
        outcome = judge(a_delivery(), error, now=NOON)

        assert (outcome.state, outcome.attempts, outcome.delivery_uncertain) == (
            state,
            int(counts),
            delivery_uncertain,
        )
        if seconds is not None:
            assert outcome.due_at == NOON + timedelta(seconds=seconds)

    @pytest.mark.parametrize(
        ("method", "state"),
        [("sendMessage", "MAYBE_SENT"), ("editMessageText", "PENDING")],
    )
    def test_a_bulk_message_is_not_sent_twice_knowingly(self, method: str, state: str) -> None:
        delivery = a_delivery(lane=Lane.BULK, method=method)

        outcome = judge(delivery, AnswerLostError("no answer"), now=NOON)

        assert (outcome.state, outcome.delivery_uncertain) == (state, True)

    def test_the_pauses_double_up_to_a_minute(self) -> None:
        pauses = [
            judge(a_delivery(attempts=attempts), NetworkError("500"), now=NOON).due_at - NOON
            for attempts in range(7)
        ]

        assert [pause.total_seconds() for pause in pauses] == [2, 4, 8, 16, 32, 60, 60]

    @pytest.mark.parametrize(
        ("fields", "error", "state"),
        [
            ({"attempts": 6}, NetworkError("500"), "PENDING"),
            ({"attempts": 7}, NetworkError("500"), "GIVEN_UP"),
            ({"attempts": 7, "delivery_uncertain": True}, NetworkError("500"), "MAYBE_SENT"),
            ({"attempts": 7}, AnswerLostError("?"), "MAYBE_SENT"),
            ({"attempts": 7}, RetryAfter(1), "PENDING"),
            ({"attempts": 7}, NotSentError("no connection"), "PENDING"),
            ({"created_at": NOON - timedelta(hours=23, minutes=59)}, RetryAfter(1), "PENDING"),
            ({"created_at": NOON - timedelta(hours=24)}, RetryAfter(1), "GIVEN_UP"),
            ({"created_at": NOON - timedelta(hours=24)}, NotSentError("?"), "GIVEN_UP"),
            ({"created_at": NOON - timedelta(hours=24)}, AnswerLostError("?"), "MAYBE_SENT"),
        ],
    )
    def test_after_eight_tries_or_a_day_it_is_enough(
        self, fields: dict[str, Any], error: TelegramError, state: str
    ) -> None:
        assert judge(a_delivery(**fields), error, now=NOON).state == state

    def test_a_long_error_is_cut_and_has_no_nul(self) -> None:
        outcome = judge(a_delivery(), BadRequest("a\0b" + "x" * 5_000), now=NOON)

        assert outcome.error.startswith("abxxx")
        assert len(outcome.error) == 1_000


def once(delivery: Delivery) -> Outcome:
    """Make one call as a sender does and return its outcome."""

    async def call() -> Outcome:
        bot = build_bot()
        async with bot.request:
            return (await deliver(bot, delivery))[0]

    return async_to_sync(call)()


class TestDeliver:
    """Against a Telegram that answers over HTTP."""

    def deliver(self, **fields: Any) -> Outcome:
        """Make one call and return its outcome."""

        return once(a_delivery(created_at=timezone.now(), **fields))

    def message_to(self, player: int, **parameters: Any) -> dict[str, Any]:
        """Return the fields of a message to the player."""
        return {
            "chat_key": player,
            "parameters": {"chat_id": player, "text": "Hallo", **parameters},
        }

    def test_a_message_that_arrives(self, sandbox: Sandbox) -> None:
        anna = sandbox.add_player("Anna")
        sandbox.say(anna, "/start")

        outcome = self.deliver(**self.message_to(anna))

        message = sandbox.last_message(anna)
        assert message["text"] == "Hallo"
        assert (outcome.state, outcome.message_id) == ("SENT", message["message_id"])

    def test_a_chat_that_does_not_exist(self, sandbox: Sandbox) -> None:
        outcome = self.deliver(**self.message_to(99))

        assert (outcome.state, outcome.error) == ("REFUSED", "Chat not found")

    def test_a_player_who_has_blocked_the_bot(self, sandbox: Sandbox) -> None:
        anna = sandbox.add_player("Anna")
        sandbox.say(anna, "/start")
        sandbox.block(anna)

        outcome = self.deliver(**self.message_to(anna))

        assert outcome.state == "REFUSED"
        assert outcome.error == "Forbidden: bot was blocked by the user"

    def test_an_edit_that_changes_nothing(self, sandbox: Sandbox) -> None:
        anna = sandbox.add_player("Anna")
        sandbox.say(anna, "/start")
        message_id = self.deliver(**self.message_to(anna)).message_id

        outcome = self.deliver(
            method="editMessageText", **self.message_to(anna, message_id=message_id)
        )

        assert outcome.state == "SENT"

    def test_a_tap_that_was_too_long_ago(self, sandbox: Sandbox) -> None:
        outcome = self.deliver(
            method="answerCallbackQuery", chat_key=None, parameters={"callback_query_id": "1"}
        )

        assert outcome.state == "REFUSED"

    def test_a_method_that_does_not_exist(self, sandbox: Sandbox) -> None:
        assert self.deliver(method="sendTelepathy").state == "REFUSED"

    @pytest.mark.parametrize(
        ("network", "state", "counts", "delivery_uncertain"),
        [
            ({"too_many": {"count": 1, "retry_after": 3}}, "PENDING", 0, False),
            ({"lose_answer": {"count": 1}}, "PENDING", 1, True),
            ({"fail": {"count": 1, "status": 500}}, "PENDING", 1, False),
            ({"fail": {"count": 1, "status": 502}}, "PENDING", 1, False),
        ],
        ids=["too many", "lost answer", "500", "502"],
    )
    def test_a_bad_network(
        self,
        sandbox: Sandbox,
        network: dict[str, Any],
        state: str,
        counts: int,
        delivery_uncertain: bool,
    ) -> None:
        anna = sandbox.add_player("Anna")
        sandbox.say(anna, "/start")
        wanted = {name: {**fault, "methods": ["sendMessage"]} for name, fault in network.items()}
        sandbox.network(**wanted)

        outcome = self.deliver(**self.message_to(anna))

        assert (outcome.state, outcome.attempts, outcome.delivery_uncertain) == (
            state,
            counts,
            delivery_uncertain,
        )

    def test_uploads_travel_through_the_outbox(self, road: Road) -> None:
        anna = road.sandbox.add_player("Anna")
        road.say(anna, "/start")
        bot = client.bot()

        with outbox.collecting():
            client.run(bot.send_photo(anna, PNG, caption="Ein Punkt", filename="punkt.png"))
            client.run(bot.send_document(anna, b"a;b\n1;2\n", filename="liste.csv"))
        stored = OutgoingCall.objects.order_by("pk").values_list("method", "paced")
        road.send()

        assert [*stored][-2:] == [("sendPhoto", True), ("sendDocument", True)]
        assert {call.state for call in OutgoingCall.objects.all()} == {"SENT"}
        photo, document = road.sandbox.chat(anna)[-2:]
        assert photo["caption"] == "Ein Punkt"
        assert (photo["photo"][0]["width"], photo["photo"][0]["file_size"]) == (1, len(PNG))
        assert document["document"]["file_name"] == "liste.csv"
        assert document["document"]["file_size"] == 8


def test_where_nobody_listens_a_call_has_certainly_not_left(settings: Settings) -> None:
    settings.TELEGRAM_API_URL = f"http://127.0.0.1:{free_port()}"

    outcome = once(a_delivery(created_at=timezone.now()))

    assert (outcome.state, outcome.attempts, outcome.delivery_uncertain) == ("PENDING", 0, False)


TOKEN = "4200000001:AAbbCCddEEffGGhhIIjjKKllMMnnOOppQQr"


@contextmanager
def silent_server(*, accepts: bool) -> Iterator[str]:
    """Yield the address of a server that never answers, or that does not even take connections."""
    with socket.socket() as listener, ExitStack() as callers:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        for _ in range(0 if accepts else 3):  # Nobody takes them, and there is no room for more.
            caller = callers.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(address)
        yield f"127.0.0.1:{address[1]}"


class TestNoSecretInErrors:
    """Errors of the transport name the address, and the address holds the token."""

    @pytest.fixture(autouse=True)
    def _impatience(self, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
        monkeypatch.setattr(transport, "CONNECT_SECONDS", 0.2)
        monkeypatch.setattr(transport, "READ_SECONDS", 0.2)
        settings.TELEGRAM_BOT_TOKEN = TOKEN

    def error(self) -> TelegramError:
        """Make one call as a sender does and return its error."""

        async def call() -> TelegramError | None:
            bot = build_bot()
            async with bot.request:
                return (await deliver(bot, a_delivery(created_at=timezone.now())))[1]

        error = async_to_sync(call)()
        assert error is not None
        return error

    def check(self, error: TelegramError, text: str) -> None:
        """See that error, traceback and outcome say `text` and not the token."""
        outcome = judge(a_delivery(), error, now=NOON)
        assert outcome.error == text
        assert "AAbbCCdd" not in "".join(traceback.format_exception(error))

    def test_a_connection_that_is_refused(self, settings: Settings) -> None:
        settings.TELEGRAM_API_URL = f"http://127.0.0.1:{free_port()}"

        self.check(self.error(), "No connection to Telegram: ClientConnectorError")

    def test_a_connection_that_times_out(self, settings: Settings) -> None:
        with silent_server(accepts=False) as address:
            settings.TELEGRAM_API_URL = f"http://{address}"
            error = self.error()

        self.check(error, "No connection to Telegram: ConnectionTimeoutError")

    def test_an_answer_that_times_out(self, settings: Settings) -> None:
        with silent_server(accepts=True) as address:
            settings.TELEGRAM_API_URL = f"http://{address}"
            error = self.error()

        self.check(error, "No answer from Telegram: SocketTimeoutError")

    def test_tls_that_fails(self, sandbox: Sandbox, settings: Settings) -> None:
        settings.TELEGRAM_BOT_TOKEN = TOKEN
        settings.TELEGRAM_API_URL = sandbox.url.replace("http://", "https://")

        self.check(self.error(), "No connection to Telegram: ClientConnectorSSLError")

    def test_an_address_that_is_none(self, settings: Settings) -> None:
        settings.TELEGRAM_API_URL = "http://127.0.0.1:99999999"

        self.check(self.error(), "No connection to Telegram: InvalidUrlClientError")

    def test_a_token_that_telegram_does_not_know(self) -> None:
        error = InvalidToken(f"The token `{TOKEN}` was rejected by the server.")

        assert describe(error) == "The token `***` was rejected by the server."


def test_a_wrong_token_is_waited_for(sandbox: Sandbox, settings: Settings) -> None:
    settings.TELEGRAM_BOT_TOKEN = "1:wrong"

    outcome = once(a_delivery(created_at=timezone.now()))

    assert (outcome.state, outcome.attempts) == ("PENDING", 0)


def too_many_requests(*, retry_after: int) -> dict[str, Any]:
    """Return what Telegram says with status 429."""
    return {
        "ok": False,
        "error_code": 429,
        "description": f"Too Many Requests: retry after {retry_after}",
        "parameters": {"retry_after": retry_after},
    }


class Telegram:
    """A Telegram that answers when the test says so."""

    def __init__(self) -> None:
        self.url = ""
        self.calls: list[str] = []
        self._called = asyncio.Event()
        self.may_answer = asyncio.Event()
        # Each call is answered so many seconds later than the one before.
        self.pause = 0.0
        self.status = 200
        self.body: dict[str, Any] = {"ok": True, "result": {"message_id": 17}}
        # Whose messages are answered with a retry_after.
        self.limited_chat: int | None = None

    async def __aenter__(self) -> "Telegram":
        app = web.Application()
        app.router.add_post("/{token}/{method}", self._answer)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        port = free_port()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        self.url = f"http://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        self.calls.append(request.match_info["method"])
        self._called.set()
        later = len(self.calls) * self.pause
        await self.may_answer.wait()
        await asyncio.sleep(later)
        if (await request.json())["chat_id"] == self.limited_chat:
            return web.json_response(too_many_requests(retry_after=5), status=429)
        return web.json_response(self.body, status=self.status)

    async def is_called(self) -> None:
        """Wait for the first call."""
        await asyncio.wait_for(self._called.wait(), 10)


async def until(happens: Callable[[], Awaitable[bool] | bool]) -> None:
    """Wait until `happens` says so, ten seconds at most."""
    for _ in range(1_000):
        answer = happens()
        if answer is True or (answer is not False and await answer):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("Still not so after ten seconds.")


def disconnect() -> None:
    """Close the connection of the thread that runs this."""
    connection.close()


def make_call(chat: int = 1, **fields: Any) -> None:
    """Store a message that may leave now."""
    OutgoingCall.objects.create(
        **{
            "method": "sendMessage",
            "chat_key": chat,
            "parameters": {"chat_id": chat, "text": "Hallo"},
            "paced": True,
            "created_at": timezone.now(),
            "due_at": timezone.now(),
            **fields,
        }
    )


def with_sender(settings: Settings, story: Callable[[Telegram, Sender], Awaitable[None]]) -> None:
    """Let `story` happen beside a running sender, and end the sender as SIGTERM does."""

    async def run() -> None:
        async with Telegram() as telegram:
            settings.TELEGRAM_API_URL = telegram.url
            one = Sender(build_bot())
            running = asyncio.create_task(one.run())
            try:
                await story(telegram, one)
            finally:
                telegram.may_answer.set()
                one.stop()
                await asyncio.wait_for(running, 20)
                await sync_to_async(disconnect)()

    asyncio.run(run())


@pytest.mark.django_db(transaction=True)
class TestSender:
    def states(self) -> list[tuple[str, bool, int]]:
        """Return state, doubt and tries of every call."""
        rows = OutgoingCall.objects.order_by("pk")
        return [(row.state, row.delivery_uncertain, row.attempts) for row in rows]

    def test_calls_under_way_are_finished_before_it_ends(self, settings: Settings) -> None:
        make_call()

        async def story(telegram: Telegram, one: Sender) -> None:
            await telegram.is_called()
            one.stop()
            await asyncio.sleep(0.3)
            telegram.may_answer.set()

        with_sender(settings, story)

        assert self.states() == [("SENT", False, 1)]

    def test_an_outage_longer_than_the_lease_sends_nothing_twice(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sender, "HOUSEKEEPING", timedelta(0))
        do_housekeeping = sender._do_housekeeping
        is_over = Event()
        # What begins before the outage sees no claim that is too old.
        monkeypatch.setattr(
            sender, "_do_housekeeping", lambda: do_housekeeping() if is_over.is_set() else 0
        )
        make_call()

        async def story(telegram: Telegram, one: Sender) -> None:
            await telegram.is_called()
            waiting, landed = asyncio.Event(), Event()

            def outage() -> None:
                """Nobody reaches the calls for half a minute; meanwhile the answer comes."""
                with transaction.atomic(), connection.cursor() as cursor:
                    cursor.execute("LOCK TABLE bot_outgoingcall")
                    wait_for_waiting()
                    loop.call_soon_threadsafe(waiting.set)
                    landed.wait(10)
                    cursor.execute(
                        "UPDATE bot_outgoingcall SET claimed_at = claimed_at - interval '31 s'"
                    )
                    is_over.set()
                disconnect()

            loop = asyncio.get_running_loop()
            outage_over = asyncio.create_task(asyncio.to_thread(outage))
            # The sender asks for more calls already, and cannot have brought the outcome along.
            await waiting.wait()
            telegram.may_answer.set()
            await until(lambda: bool(one._landed))
            landed.set()
            await outage_over
            await until(sync_to_async(OutgoingCall.objects.filter(state="SENT").exists))

            assert telegram.calls == ["sendMessage"]

        with_sender(settings, story)

        assert self.states() == [("SENT", False, 1)]

    def test_a_database_that_breaks_off_loses_no_outcome(self, settings: Settings) -> None:
        for chat in range(40):
            make_call(chat)

        def break_off() -> None:
            with another_connection() as cursor:
                cursor.execute("SET ROLE NONE")
                cursor.execute(
                    """
                    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE datname = current_database() AND pid <> pg_backend_pid()
                      AND pid <> %s
                    """,
                    [own_backend],
                )

        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            (own_backend,) = cursor.fetchone()

        async def story(telegram: Telegram, one: Sender) -> None:
            telegram.pause = 0.01
            await telegram.is_called()
            telegram.may_answer.set()
            await until(sync_to_async(OutgoingCall.objects.filter(state="SENT").exists))
            await asyncio.to_thread(break_off)

        with_sender(settings, story)

        assert self.states() == [("SENT", False, 1)] * 40

    def test_a_retry_after_that_comes_while_the_database_is_asked_is_not_forgotten(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_call(1)
        ask = outbox.record_and_claim
        asked: list[int] = []

        async def story(telegram: Telegram, one: Sender) -> None:
            loop = asyncio.get_running_loop()
            landed = asyncio.Event()
            await telegram.is_called()
            telegram.status = 429
            telegram.body = too_many_requests(retry_after=600)

            def slowly(**arguments: Any) -> list[Delivery]:
                if not asked:
                    asked.append(1)
                    loop.call_soon_threadsafe(telegram.may_answer.set)
                    asyncio.run_coroutine_threadsafe(asyncio.sleep(0.3), loop).result()
                    loop.call_soon_threadsafe(landed.set)
                return ask(**arguments)

            monkeypatch.setattr(outbox, "record_and_claim", slowly)
            await landed.wait()
            await asyncio.sleep(0.3)
            await sync_to_async(make_call)(1)
            await asyncio.sleep(0.5)

            assert telegram.calls == ["sendMessage"]

        with_sender(settings, story)

        assert self.states() == [("PENDING", False, 0), ("PENDING", False, 0)]
        limited_until = RateLimit.objects.get(name="chat:1").limited_until
        assert limited_until is not None
        assert limited_until > timezone.now() + timedelta(seconds=500)

    def test_while_one_chat_is_limited_ten_others_are_served_at_once(
        self, settings: Settings
    ) -> None:
        make_call(1)
        limited = RateLimit.objects.filter(name="chat:1", limited_until__isnull=False)
        others = OutgoingCall.objects.exclude(chat_key=1)

        async def story(telegram: Telegram, one: Sender) -> None:
            telegram.limited_chat = 1
            telegram.may_answer.set()
            await until(sync_to_async(limited.exists))
            for chat in range(2, 12):
                await sync_to_async(make_call)(chat)
            await until(sync_to_async(lambda: others.filter(state="SENT").count() == 10))

        with_sender(settings, story)

        assert self.states() == [("PENDING", False, 0)] + [("SENT", False, 1)] * 10
        pace = limited.get()
        last = others.latest("finished_at")
        assert last.finished_at is not None
        assert pace.limited_until is not None
        assert last.finished_at < pace.limited_until

    def test_a_player_who_has_blocked_the_bot_is_marked(self, settings: Settings) -> None:
        Player.objects.create(telegram_id=1, first_name="Anna", created_at=NOON, last_seen_at=NOON)
        make_call(1)

        async def story(telegram: Telegram, one: Sender) -> None:
            telegram.status = 403
            telegram.body = {
                "ok": False,
                "error_code": 403,
                "description": "Forbidden: bot was blocked by the user",
            }
            telegram.may_answer.set()
            await until(sync_to_async(Player.objects.exclude(bot_blocked_at=None).exists))

        with_sender(settings, story)

        assert self.states() == [("REFUSED", False, 1)]

    @pytest.mark.parametrize(
        ("description", "is_marked"),
        [
            ("Bad Request: chat not found", True),
            ("Bad Request: PEER_ID_INVALID", True),
            ("Bad Request: message text is empty", False),
        ],
    )
    def test_a_player_whose_chat_is_gone_is_marked(
        self, settings: Settings, description: str, is_marked: bool
    ) -> None:
        Player.objects.create(telegram_id=1, first_name="Anna", created_at=NOON, last_seen_at=NOON)
        make_call(1)

        async def story(telegram: Telegram, one: Sender) -> None:
            telegram.status = 400
            telegram.body = {"ok": False, "error_code": 400, "description": description}
            telegram.may_answer.set()
            await until(sync_to_async(OutgoingCall.objects.filter(state="REFUSED").exists))

        with_sender(settings, story)

        assert (Player.objects.get().bot_blocked_at is not None) is is_marked

    def test_a_call_that_cannot_even_be_made_is_given_up_and_stops_nobody(
        self, settings: Settings
    ) -> None:
        make_call(1, files={"photo": ["a.png", "image/png", "not base64!"]}, method="sendPhoto")
        make_call(2)

        async def story(telegram: Telegram, one: Sender) -> None:
            telegram.may_answer.set()
            await telegram.is_called()

        with_sender(settings, story)

        assert self.states() == [("GIVEN_UP", False, 1), ("SENT", False, 1)]
        # What a defect of ours says may be secret: its name alone is stored.
        assert OutgoingCall.objects.get(state="GIVEN_UP").error == "Internal error: Error"
