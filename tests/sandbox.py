"""A real Telegram sandbox in a process of its own, and the people who use it.

with Sandbox() as sandbox:
    sandbox.set_webhook("http://127.0.0.1:8000/telegram/webhook/", secret_token="…")
    anna = sandbox.add_player("Anna", language_code="de")
    sandbox.say(anna, "/start")
    sandbox.wait_for(lambda: sandbox.last_message(anna)["from"]["is_bot"])
    sandbox.tap(anna, "Play")
"""

import atexit
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import urllib3

Json = dict[str, Any]
Found = TypeVar("Found")

TOKEN = "4200000001:TEST-token-of-the-sandbox"
ROOT = Path(__file__).resolve().parent.parent
READY_WITHIN_S = 20


class SandboxRefusedError(AssertionError):
    """The sandbox answered with an error; `status` and `body` say which."""

    def __init__(self, *, status: int, body: Json) -> None:
        super().__init__(f"{status}: {body.get('error') or body.get('description')}")
        self.status = status
        self.body = body


class Sandbox:
    """A sandbox that runs from `start` to `stop`, or for the length of a `with` block.

    With a `state` file it remembers everything when it is started again, on the same address.
    """

    def __init__(self, *, token: str = TOKEN, state: Path | None = None) -> None:
        self.token = token
        self.state = state
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        # Its connections stay open: tests ask thousands of times.
        self._http = urllib3.PoolManager(maxsize=10, retries=False, timeout=60)

    @property
    def url(self) -> str:
        """The address of the chat page, and what TELEGRAM_API_URL is to be."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def bot_api_url(self) -> str:
        """What python-telegram-bot takes as base_url."""
        return f"{self.url}/bot"

    def start(self) -> Self:
        """Start the process and wait until it answers."""
        command = [sys.executable, "-m", "bot.sandbox", "--port", str(self.port)]
        command += ["--token", self.token]
        if self.state is not None:
            command += ["--state", str(self.state)]
        self._process = subprocess.Popen(command, cwd=ROOT)
        atexit.register(self.kill)
        self.wait_for(self._answers, timeout=READY_WITHIN_S)
        return self

    def stop(self) -> None:
        """End the process as a terminal's Ctrl-C does; it saves its state."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=10)
            self._process = None

    def kill(self) -> None:
        """End the process at once; it can save nothing."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        atexit.unregister(self.kill)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill()

    # What people do.

    def add_player(
        self,
        first_name: str = "Anna",
        *,
        language_code: str = "de",
        username: str = "",
        player_id: int | None = None,
    ) -> int:
        """Add a player who has not written to the bot yet, and return their Telegram id."""
        player = self.request(
            "/sandbox/api/players",
            {
                "id": player_id,
                "first_name": first_name,
                "language_code": language_code,
                "username": username,
            },
        )
        return int(player["id"])

    def say(self, player: int, text: str) -> Json:
        """Send a text to the bot as `player`, at the test's time, and return the message."""
        return self._act(player, "message", text=text, date=int(time.time()))

    def follow_link(self, player: int, parameter: str) -> Json:
        """Open the bot's deep link with a start parameter and return the message it sends."""
        return self._act(player, "start", parameter=parameter)

    def tap(self, player: int, text_or_data: str, *, message_id: int | None = None) -> Json:
        """Tap a button by what stands on it or by its callback data; return the callback query.

        Without a `message_id` the newest message with such a button is meant. With one, data of a
        button that is no longer there is sent all the same: a phone may still show it.
        """
        for message in reversed(self.chat(player)):
            if message_id is not None and message["message_id"] != message_id:
                continue
            for button in buttons(message):
                if text_or_data in (button["text"], button.get("callback_data")):
                    return self._tap(player, message["message_id"], button["callback_data"])
        if message_id is None:
            raise AssertionError(f"No message has a button {text_or_data!r}.")
        return self._tap(player, message_id, text_or_data)

    def ask_inline(self, player: int, query: str = "") -> str:
        """Write `@bot query` as `player`; return the id of the inline query."""
        return str(self._act(player, "inline", query=query)["id"])

    def inline(self, query_id: str) -> Json:
        """Return an inline query: `is_answered`, and its `results` and `button` if it is."""
        return dict(self.request(f"/sandbox/api/inline/{query_id}"))

    def share(self, player: int, query_id: str, result_id: str, *, to: int) -> Json:
        """Send one of the results to the player `to`; return the message on that phone."""
        return self._act(player, "share", query_id=query_id, result_id=result_id, to=to)

    # What they do with Stars.

    def buy(
        self,
        player: int,
        *,
        message_id: int = 0,
        link: str = "",
        faults: Iterable[str] = (),
        wait: bool = True,
    ) -> Json:
        """Press Pay on a card, the newest unless `message_id` says which, or on an invoice `link`.

        Return the checkout once its `state` is paid, refused (see `reason`) or timed_out; with
        wait=False at once, for `checkout` to look again. `faults` are names from
        network.PAYMENT_FAULTS. Raise SandboxRefusedError when Telegram would not ask the bot.
        """
        if not message_id and not link:
            cards = [it["message_id"] for it in self.chat(player) if "invoice" in it]
            assert cards, "There is no invoice in this chat."
            message_id = cards[-1]
        checkout = self._act(
            player, "pay", message_id=message_id, slug=slug_of(link), faults=list(faults)
        )
        if wait:
            self.wait_for(lambda: self.checkout(checkout["id"])["state"] != "waiting")
        return self.checkout(checkout["id"])

    def let_payments_arrive(self) -> None:
        """Let the bot get now the update of every payment with the fault payment_delayed."""
        self.request("/sandbox/api/payments/arrive", {})

    def checkout(self, checkout_id: str) -> Json:
        """Return how a payment goes."""
        return dict(self.request(f"/sandbox/api/checkouts/{checkout_id}"))

    def open_link(self, link: str) -> Json:
        """Return the invoice that a link of createInvoiceLink shows."""
        return dict(self.request(f"/sandbox/api/invoices/{slug_of(link)}"))

    def stars(self, player: int) -> int:
        """Return how many Stars a player has."""
        return int(self.account(player)["balance"])

    def account(self, player: int) -> Json:
        """Return a player's balance, latest payments (newest first) and subscriptions."""
        return dict(self.request(f"/sandbox/api/players/{player}/stars"))

    def top_up(self, player: int, stars: int) -> None:
        """Buy Stars from Telegram."""
        self._act(player, "top_up", stars=stars)

    def set_stars(self, player: int, stars: int) -> None:
        """Let a player have exactly so many Stars."""
        self._act(player, "set_stars", stars=stars)

    def come_through_affiliate(self, player: int, *, per_mille: int) -> None:
        """Let an affiliate get a commission of what a player pays from now on."""
        self._act(player, "affiliate", per_mille=per_mille)

    def transactions(self) -> list[Json]:
        """Return all of the bot's transactions as getStarTransactions does, oldest first."""
        return list(self.request("/sandbox/api/transactions")["transactions"])

    def refund_at_telegram(self, player: int, charge_id: str) -> None:
        """Refund a payment without the bot's asking."""
        self._act(player, "refund", charge_id=charge_id)

    def next_month(self, player: int, subscription: str = "") -> str:
        """Let a subscription's paid period end. Return renewed, failed or ended.

        Here and below: without an id the player's newest subscription is meant.
        """
        return str(self._subscription(player, "next_month", subscription)["outcome"])

    def cancel_subscription(self, player: int, subscription: str = "") -> None:
        """Stop the renewal as the player."""
        self._subscription(player, "cancel_subscription", subscription)

    def enable_subscription(self, player: int, subscription: str = "") -> None:
        """Have it renewed after all."""
        self._subscription(player, "enable_subscription", subscription)

    def _subscription(self, player: int, deed: str, subscription: str) -> Json:
        if not subscription:
            subscriptions = self.account(player)["subscriptions"]
            assert subscriptions, "The player is not subscribed to anything."
            subscription = subscriptions[-1]["id"]
        return self._act(player, deed, subscription=subscription)

    def block(self, player: int) -> None:
        """Block the bot."""
        self._act(player, "block")

    def unblock(self, player: int) -> None:
        """Unblock the bot."""
        self._act(player, "unblock")

    def push(self, update: Json) -> Json:
        """Send the bot any update, and return it with its update_id."""
        return dict(self.request("/sandbox/api/updates", update))

    # What can be seen.

    def chat(self, player: int) -> list[Json]:
        """Return the messages of a player's chat, oldest first."""
        return list(self.phone(player)["messages"])

    def last_message(self, player: int) -> Json:
        """Return the newest message of a player's chat, or an empty object."""
        messages = self.chat(player)
        return messages[-1] if messages else {}

    def toasts(self, player: int) -> list[Json]:
        """Return the notices that answered a player's taps, oldest first."""
        return list(self.phone(player)["toasts"])

    def phone(self, player: int) -> Json:
        """Return everything a player's phone shows."""
        return dict(self.request(f"/sandbox/api/players/{player}/chat"))

    def calls(self, method: str = "", *, since: int = 0) -> list[Json]:
        """Return the bot's calls after number `since`, oldest first."""
        return list(self.request(f"/sandbox/api/calls?since={since}&method={method}"))

    def network(self, **settings: Any) -> Json:
        """Change the network, e.g. duplicate=1.0, too_many={"count": 5, "retry_after": 1}.

        Return its settings and counters; without arguments nothing changes.
        """
        return dict(self.request("/sandbox/api/network", settings))

    def counters(self) -> dict[str, int]:
        """Return what has happened on the network so far."""
        return dict(self.network()["counters"])

    def reset(self, *, now: datetime | None = None) -> None:
        """Forget people, messages, calls and network settings; the webhook stays.

        With `now` it is then that time at Telegram, and goes on from there.
        """
        self.request("/sandbox/api/reset", {} if now is None else {"now": now.timestamp()})

    # What the bot sets up.

    def call(self, method: str, **parameters: Any) -> Any:
        """Make a Bot API call and return its result."""
        return self.request(f"/bot{self.token}/{method}", parameters)["result"]

    def set_webhook(self, url: str, *, secret_token: str = "", **parameters: Any) -> None:
        """Have updates posted to `url`."""
        self.call("setWebhook", url=url, secret_token=secret_token, **parameters)

    def wait_for(self, predicate: Callable[[], Found], *, timeout: float = 60.0) -> Found:
        """Return the first true value of `predicate`. Fail after `timeout` seconds.

        Look ever more seldom: what waits long would take the time of what it waits for.
        """
        end = time.monotonic() + timeout
        pause = 0.01
        while True:
            if found := predicate():
                return found
            if time.monotonic() > end:
                raise AssertionError(f"Still not so after {timeout:g} seconds.")
            time.sleep(pause)
            pause = min(pause * 1.3, 0.1)

    def request(self, path: str, body: Json | None = None) -> Any:
        """Post `body`, or get without one, and return the JSON answer.

        Raise SandboxRefusedError when the answer is an error.
        """
        method = "GET" if body is None else "POST"
        answer = self._http.request(method, self.url + path, json=body)
        if answer.status >= 400:
            raise SandboxRefusedError(status=answer.status, body=answer.json())
        return answer.json()

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, "The sandbox did not start; see its output."
        try:
            self.call("getMe")
        except urllib3.exceptions.HTTPError:
            return False
        return True

    def _act(self, player: int, deed: str, **details: Any) -> Json:
        return dict(self.request(f"/sandbox/api/players/{player}/{deed}", details))

    def _tap(self, player: int, message_id: int, data: str) -> Json:
        return self._act(player, "tap", message_id=message_id, data=data, force=True)


def buttons(message: Json) -> list[Json]:
    """Return the inline buttons under a message, row by row."""
    rows = message.get("reply_markup", {}).get("inline_keyboard", [])
    return [button for row in rows for button in row]


def slug_of(link: str) -> str:
    """Return what names the invoice in a link, empty without a link."""
    return link.rpartition("$")[2]


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
