"""Whole updates: from a player's tap to the answer that the sandbox accepted.

Players tap through rounds. At full speed each taps again as soon as the answer is there; at a
fixed rate whoever has waited longest taps next.
"""

import http.client
import json
import statistics
import time
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from django.utils import timezone

from bot.chat.navigation import Data
from economy.goods import Goods
from economy.grants import grant
from economy.models import EntryType, Source
from quizarena.players.models import Player
from tests.bench.processes import SECRET, cpu_seconds, everything
from tests.bench.report import Figure
from tests.sandbox import Sandbox

PLAYERS = 200
STEADY_PER_SECOND = 50
WARM_UP_SECONDS = 5
# What leads on through rounds. What is to be typed, or put in order, is skipped.
ROUNDS = (f"{Data.ANSWER}:", f"{Data.SKIP}:", f"{Data.PLAY}:")


class Crowd:
    """Players who tap, and a watch on the calls that answer them.

    `taps` are the beginnings of the callback data that they tap: of each message, the first button
    that has one of them.
    """

    def __init__(self, sandbox: Sandbox, *, taps: tuple[str, ...] = ROUNDS) -> None:
        self._sandbox = sandbox
        self._taps = taps
        self._connection = http.client.HTTPConnection(urlsplit(sandbox.url).netloc, timeout=30)
        self._seen = 0
        self._tapped_at: dict[int, float] = {}
        # Players whose turn it is, with the message and the button they tap next.
        self.ready: deque[tuple[int, int, str]] = deque()

    def gather(self) -> None:
        """Let everybody enter and ask for the menu."""
        for number in range(PLAYERS):
            player = self._sandbox.add_player(f"Player {number}", language_code="de")
            self._tapped_at[player] = time.time()
            self._sandbox.say(player, "/play")
        self.come_to_rest()
        for known in Player.objects.all():
            # More than anybody can use up while it is measured.
            grant(
                player=known,
                goods=Goods(paid_energy=10_000),
                type=EntryType.PRIZE,
                source=Source.SYSTEM,
                key="bench",
                now=timezone.now(),
            )

    def come_to_rest(self) -> None:
        """Wait until everybody has their answer."""
        deadline = time.monotonic() + 60
        while len(self.ready) < PLAYERS:
            self.watch()
            assert time.monotonic() < deadline, f"only {len(self.ready)} players have an answer"
            time.sleep(0.05)

    def tap(self) -> None:
        """Let the player who has waited longest tap."""
        player, message_id, data = self.ready.popleft()
        self._tapped_at[player] = time.time()
        self._request(
            "POST",
            f"/sandbox/api/players/{player}/tap",
            {"message_id": message_id, "data": data, "force": True},
        )

    def watch(self) -> list[float]:
        """Return the seconds from tap to accepted answer of all answers since the last look."""
        waits = []
        for call in self._request("GET", f"/sandbox/api/calls?since={self._seen}", None):
            self._seen = call["seq"]
            player = int(call["parameters"].get("chat_id") or 0)
            if player not in self._tapped_at:
                continue
            button = next_button(call["parameters"], self._taps)
            if button is None:
                continue
            waits.append(call["time"] - self._tapped_at.pop(player))
            message_id = call["parameters"].get("message_id") or call["outcome"]["message_id"]
            self.ready.append((player, int(message_id), button))
        return waits

    def _request(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        self._connection.request(
            method,
            path,
            body=None if body is None else json.dumps(body),
            headers={"Content-Type": "application/json"},
        )
        return json.loads(self._connection.getresponse().read())


def measure(*, repetitions: int, seconds: int) -> Iterator[Figure]:
    """Measure full speed, then the waiting time at a steady rate."""
    with Sandbox() as sandbox, everything(sandbox) as url:
        sandbox.set_webhook(f"{url}/telegram/webhook/", secret_token=SECRET)
        crowd = Crowd(sandbox)
        crowd.gather()
        run(crowd, seconds=WARM_UP_SECONDS, per_second=None)
        before = cpu_seconds()
        full = [run(crowd, seconds=seconds, per_second=None) for _ in range(repetitions)]
        after = cpu_seconds()
        # What the crowd has asked for at full speed is no part of the samples at a fixed rate.
        crowd.come_to_rest()
        steady = [
            run(crowd, seconds=seconds, per_second=STEADY_PER_SECOND) for _ in range(repetitions)
        ]
    settings: dict[str, str | int | float] = {"players": PLAYERS, "seconds": seconds}
    yield Figure(
        what="updates fully processed, full speed",
        unit="updates/s",
        samples=[len(waits) / seconds for waits in full],
        target=">= 150, aim 300",
        settings=settings,
    )
    answered = sum(len(waits) for waits in full)
    for part in after:
        yield Figure(
            what=f"CPU per update: {part}",
            unit="ms",
            samples=[(after[part] - before.get(part, 0.0)) * 1_000 / answered],
            settings=settings,
        )
    yield Figure(
        what="tap to accepted answer, full speed: p95",
        unit="ms",
        samples=[p95_ms(waits) for waits in full],
        settings=settings,
    )
    yield Figure(
        what=f"tap to accepted answer, {STEADY_PER_SECOND}/s: p50",
        unit="ms",
        samples=[statistics.median(waits) * 1_000 for waits in steady],
        settings=settings,
    )
    yield Figure(
        what=f"tap to accepted answer, {STEADY_PER_SECOND}/s: p95",
        unit="ms",
        samples=[p95_ms(waits) for waits in steady],
        target="<= 150",
        settings=settings,
    )


def run(crowd: Crowd, *, seconds: int, per_second: int | None) -> list[float]:
    """Let the crowd tap for `seconds`; return how long each answer took, in seconds."""
    waits: list[float] = []
    start = time.monotonic()
    tapped = 0
    while (passed := time.monotonic() - start) < seconds:
        waits += crowd.watch()
        due = len(crowd.ready) if per_second is None else int(passed * per_second) - tapped
        for _ in range(min(due, len(crowd.ready))):
            crowd.tap()
            tapped += 1
        time.sleep(0.01)
    return waits


def next_button(message: Mapping[str, Any], taps: tuple[str, ...]) -> str | None:
    """Return the data of the button below a message that a player taps next, or None."""
    markup = message.get("reply_markup")
    if not markup:
        return None
    markup = json.loads(markup) if isinstance(markup, str) else markup
    data: list[str] = [
        button.get("callback_data", "") for row in markup["inline_keyboard"] for button in row
    ]
    return next((one for one in data if one.startswith(taps)), None)


def p95_ms(waits: list[float]) -> float:
    """Return the 95th percentile of seconds, in milliseconds."""
    return statistics.quantiles(waits, n=20)[-1] * 1_000
