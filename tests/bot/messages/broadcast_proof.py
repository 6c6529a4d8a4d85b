"""The proof that a broadcast reaches everybody once: `make prove-broadcast`.

Players of a sandbox get a broadcast at its pace, over HTTP, from the processes of the Procfile.
Telegram says 429 now and then, loses answers, some players block the bot in the middle, and worker
and sender are killed by SIGKILL. Meanwhile other players write, and wait for their answers.
"""

import argparse
import http.client
import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from tests.stack import SECRET, Stack, running_stack

NAMES = ("web", "webhook", "worker", "sender", "beat")
# Telegram ids of those who get the broadcast, and of those who write meanwhile.
READERS, WRITERS = 800_000_000, 900_000_000
TEXT = "Rundbrief"
# Writers write so often together, each rarely enough for Telegram's pace of a chat.
WRITES_PER_SECOND = 4
WRITERS_COUNT = 60
# Every so many readers blocks the bot before the broadcast, while it runs, or wants no news.
BLOCKED_EVERY, BLOCKS_LATER_EVERY, MUTE_EVERY = 101, 211, 97
# What waits in the outbox at most, see bot/messages/broadcast_job.py AHEAD.
AHEAD_MAX = 140
# Telegram's own patience with notifications.
PER_SECOND = 28

ADD_PLAYERS = """
INSERT INTO players_player
  (telegram_id, first_name, last_name, username, language, created_at, last_seen_at, awaits)
SELECT %s + n, 'Player', '', '', (ARRAY['de', 'en', 'uk'])[1 + n %% 3], now(), now(), ''
FROM generate_series(0, %s - 1) AS n
"""
ADD_MUTE = """
INSERT INTO bot_remindersettings (player_id, news)
SELECT id, false FROM players_player
WHERE telegram_id >= %s OR (telegram_id - %s) %% %s = 0
"""
ADD_BROADCAST = """
INSERT INTO bot_broadcast
  (name, text_de, text_en, text_uk, label_de, label_en, label_uk, screen, url, for_language,
   status, key, created_at, changed_at, scheduled_at, cursor, is_gathered, recipients, sent,
   refused, blocked, given_up, maybe_sent, left_out, is_approved)
VALUES ('Proof', %s, %s, %s, 'Los', 'Go', 'Go', 'menu', '', '', 'SCHEDULED', %s, now(), now(),
        now(), 0, false, 0, 0, 0, 0, 0, 0, 0, true)
RETURNING id
"""


@dataclass(kw_only=True)
class Report:
    """What has happened, and everything that was wrong."""

    recipients: int
    outcomes: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    kills: int = 0
    too_many: int = 0
    queued_max: int = 0
    answers: int = 0
    answer_p50_ms: float = 0.0
    answer_p95_ms: float = 0.0
    busiest_second: int = 0
    wrong: list[str] = field(default_factory=list)


class Phones:
    """Everybody's phone, over one connection that is kept."""

    def __init__(self, stack: Stack) -> None:
        self._connection = http.client.HTTPConnection(
            urlsplit(stack.sandbox.url).netloc, timeout=60
        )
        self._seen = 0
        self._asked: dict[int, float] = {}
        self.waits: list[float] = []
        self.deliveries: Counter[int] = Counter()
        self.moments: list[float] = []
        self.too_many = 0

    def request(self, path: str, body: dict[str, Any] | None) -> Any:
        """Post `body`, or get without one, and return the answer."""
        self._connection.request(
            "GET" if body is None else "POST",
            path,
            body=None if body is None else json.dumps(body),
            headers={"Content-Type": "application/json"},
        )
        answer = self._connection.getresponse()
        content = answer.read()
        assert answer.status == 200, content
        return json.loads(content)

    def add(self, player: int) -> None:
        """Let somebody have an account who has written to the bot."""
        self.request("/sandbox/api/players", {"id": player, "first_name": "Player"})
        self.request(f"/sandbox/api/players/{player}/message", {"text": "/start"})

    def ask(self, player: int) -> None:
        """Let a player write something that is answered, unless an answer is still to come."""
        if player not in self._asked:
            self._asked[player] = time.time()
            self.request(f"/sandbox/api/players/{player}/message", {"text": "/help"})

    def watch(self) -> None:
        """See what the bot has sent since the last look."""
        for call in self.request(f"/sandbox/api/calls?since={self._seen}&method=", None):
            self._seen = call["seq"]
            parameters, outcome = call["parameters"], call["outcome"]
            self.too_many += outcome.get("status") == 429
            chat = int(parameters.get("chat_id") or 0)
            if "message_id" not in outcome:
                continue
            if TEXT in str(parameters.get("text")):
                self.deliveries[chat] += 1
                self.moments.append(call["time"])
            elif chat in self._asked:
                self.waits.append(call["time"] - self._asked.pop(chat))


def run(
    stack: Stack,
    *,
    recipients: int,
    kills: int = 2,
    too_many: int = 5,
    progress: Callable[[str], None] | None = None,
) -> Report:
    """Broadcast to so many players and prove the outcome; everything runs on `stack`.

    The worker and the sender are killed in turn, `kills` times in all, and Telegram says
    `too_many` times to wait for a second, all of it spread over the broadcast.
    """
    report_progress = progress or (lambda _: None)
    phones = _populate(stack, recipients=recipients)
    report = Report(recipients=recipients)
    began = time.monotonic()
    texts = [f"<b>{TEXT}</b> {language}" for language in ("de", "en", "uk")]
    broadcast = stack.value(ADD_BROADCAST, *texts, uuid4())
    events = sorted(
        [(number / (kills + 1), "kill") for number in range(1, kills + 1)]
        + [((number + 0.5) / too_many, "429") for number in range(too_many)]
        + [(0.45, "block")]
    )
    written, looked, status = 0, 0.0, "SCHEDULED"
    deadline = began + 180 + 4 * recipients / PER_SECOND
    while status not in ("DONE", "STOPPED"):
        assert time.monotonic() < deadline, f"Not done in time.\n{stack.report()}"
        phones.watch()
        while written < (time.monotonic() - began) * WRITES_PER_SECOND:
            phones.ask(WRITERS + written % WRITERS_COUNT)
            written += 1
        if time.monotonic() - looked > 0.5:
            looked = time.monotonic()
            status, finished = _look(stack, broadcast, report)
            while events and finished >= events[0][0] * recipients:
                _happen(events.pop(0)[1], stack, report, recipients=recipients)
                report_progress(
                    f"{finished:,} finished after {looked - began:.0f} s, {report.kills} kills"
                )
        time.sleep(0.01)
    report.seconds = time.monotonic() - began
    time.sleep(1)
    phones.watch()
    _judge(stack, broadcast, phones, report)
    return report


def _populate(stack: Stack, *, recipients: int) -> Phones:
    """Let everybody have written to the bot once, in the sandbox and in the database."""
    stack.sandbox.call("deleteWebhook")
    phones = Phones(stack)
    for player in [
        *range(READERS, READERS + recipients),
        *range(WRITERS, WRITERS + WRITERS_COUNT),
    ]:
        phones.add(player)
    for number in range(0, recipients, BLOCKED_EVERY):
        stack.sandbox.block(READERS + number)
    stack.sandbox.call("deleteWebhook", drop_pending_updates=True)
    stack.execute(ADD_PLAYERS, READERS, recipients)
    stack.execute(ADD_PLAYERS, WRITERS, WRITERS_COUNT)
    stack.execute(ADD_MUTE, WRITERS, READERS, MUTE_EVERY)
    stack.execute("ANALYZE")
    stack.sandbox.set_webhook(stack.webhook_url, secret_token=SECRET)
    return phones


def _look(stack: Stack, broadcast: int, report: Report) -> tuple[str, int]:
    """Return the broadcast's status, and how many recipients have an outcome."""
    ((status, finished),) = stack.rows(
        "SELECT status, sent + refused + blocked + given_up + maybe_sent + left_out "
        "FROM bot_broadcast WHERE id = %s",
        broadcast,
    )
    waiting = stack.value(
        "SELECT count(*) FROM bot_outgoingcall WHERE lane = 1 AND state = 'PENDING'"
    )
    report.queued_max = max(report.queued_max, waiting)
    return str(status), int(finished)


def _happen(event: str, stack: Stack, report: Report, *, recipients: int) -> None:
    """Let something go wrong."""
    match event:
        case "kill":
            name = ("worker", "sender")[report.kills % 2]
            stack.kill(name)
            stack.start(name)
            report.kills += 1
        case "429":
            methods = ["sendMessage"]
            stack.sandbox.network(
                too_many={"count": 3, "retry_after": 1, "methods": methods},
                lose_answer={"count": 1, "methods": methods},
            )
        case "block":
            for number in range(1, recipients, BLOCKS_LATER_EVERY):
                stack.sandbox.block(READERS + number)


def _judge(stack: Stack, broadcast: int, phones: Phones, report: Report) -> None:
    """Compare what our books say with what has arrived on the phones."""
    rows = dict(
        stack.rows(
            "SELECT player.telegram_id, recipient.outcome FROM bot_broadcastrecipient AS recipient "
            "JOIN players_player AS player ON player.id = recipient.player_id "
            "WHERE recipient.broadcast_id = %s",
            broadcast,
        )
    )
    report.outcomes = dict(sorted(Counter(rows.values()).items()))
    expected = {READERS + number for number in range(report.recipients) if number % MUTE_EVERY != 0}
    # Who had blocked the bot by then may have been noticed before the list was made.
    wrong = report.wrong
    if left_out := expected - rows.keys():
        wrong.append(f"{len(left_out)} were left out.")
    if too_many := rows.keys() - expected:
        wrong.append(f"{len(too_many)} should not be on the list.")
    if unfinished := [one for one in rows.values() if one in ("PENDING", "QUEUED")]:
        wrong.append(f"{len(unfinished)} have no outcome.")
    for player, outcome in rows.items():
        arrived = phones.deliveries[player]
        allowed = {"SENT": (1,), "MAYBE_SENT": (0, 1)}.get(outcome, (0,))
        if arrived not in allowed:
            wrong.append(f"{player} is {outcome} and has got it {arrived} times.")
    counts = dict(
        zip(
            ("SENT", "REFUSED", "BLOCKED", "GIVEN_UP", "MAYBE_SENT", "LEFT_OUT"),
            stack.rows(
                "SELECT sent, refused, blocked, given_up, maybe_sent, left_out "
                "FROM bot_broadcast WHERE id = %s",
                broadcast,
            )[0],
            strict=True,
        )
    )
    if {key: value for key, value in counts.items() if value} != report.outcomes:
        wrong.append(f"The counters say {counts}, the list {report.outcomes}.")
    if report.queued_max > AHEAD_MAX:
        wrong.append(f"{report.queued_max} messages waited in the outbox.")
    report.too_many = phones.too_many
    report.answers = len(phones.waits)
    report.answer_p50_ms = statistics.median(phones.waits) * 1_000
    report.answer_p95_ms = statistics.quantiles(phones.waits, n=20)[-1] * 1_000
    report.busiest_second = max(Counter(map(int, phones.moments)).values())


def main() -> None:
    """Run the proof and say what has come of it."""
    parser = argparse.ArgumentParser(prog="make prove-broadcast")
    parser.add_argument("--recipients", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=2)
    parser.add_argument("--too-many", type=int, default=8)
    options = parser.parse_args()

    def report_progress(line: str) -> None:
        sys.stderr.write(f"{line}\n")

    with TemporaryDirectory() as directory, running_stack(Path(directory)) as stack:
        stack.begin(*NAMES)
        report_progress(f"Letting {options.recipients:,} people have accounts.")
        report = run(
            stack,
            recipients=options.recipients,
            kills=options.kills,
            too_many=options.too_many,
            progress=report_progress,
        )
    for name, value in vars(report).items():
        sys.stdout.write(f"{name:>16}: {value}\n")
    sys.exit(1 if report.wrong else 0)


if __name__ == "__main__":
    main()
