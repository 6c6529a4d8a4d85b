"""Pre-checkouts while sign-in, schema, /readyz and API are hammered and Telegram is slow."""

import socketserver
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from django.contrib.auth.models import User
from django.utils import timezone

from quizarena.api import clients
from quizarena.api.models import ApiClient, Scope
from quizarena.players.models import Player
from tests.bench import payments
from tests.bench.acknowledgements import ask, wrk
from tests.bench.processes import process, server
from tests.bench.report import Figure

CONNECTIONS = 50
SLOW_SECONDS = 10
# Telegram ids of the players for whom a client of the API buys.
FIRST_TELEGRAM_ID = 4 * 10**15
CUSTOMERS = 200
SCRIPT = Path(__file__).with_name("hammer.lua")


def measure(*, repetitions: int, seconds: int) -> Iterator[Figure]:
    """Ask for pre-checkouts, one after the other, without anybody else and beside the crowd."""
    buyers = payments.buyers()
    _add_customers()
    maker, _ = User.objects.get_or_create(username="bench")
    scopes = [Scope.PURCHASES_WRITE.value]
    made = clients.add(client=ApiClient(name="bench", scopes=scopes), by=maker, now=timezone.now())
    crowd = {
        "API_TOKEN": made.token,
        "FIRST_PLAYER": str(FIRST_TELEGRAM_ID),
        "PLAYERS": str(CUSTOMERS),
    }
    alone, beside, answered = [], [], []
    with ExitStack() as stack:
        telegram = stack.enter_context(_slow_telegram())
        quiet = subprocess.DEVNULL  # Their logs are full of what is refused here on purpose.
        stack.enter_context(process("worker", stderr=quiet, TELEGRAM_API_URL=telegram))
        site = stack.enter_context(
            server(
                "web",
                workers=2,
                stderr=quiet,
                TELEGRAM_API_URL=telegram,
                API_RATE="1000000/min",
            )
        )
        webhook = stack.enter_context(server("webhook", workers=2))
        others = stack.enter_context(ThreadPoolExecutor(max_workers=1))
        for number in range(repetitions):
            queue = iter(buyers[number::repetitions])
            alone.append(_p95_ms(webhook, queue, until=time.monotonic() + seconds / 4))
            load = others.submit(
                wrk, site, script=SCRIPT, connections=CONNECTIONS, seconds=seconds, **crowd
            )
            beside.append(_p95_ms(webhook, queue, until=time.monotonic() + seconds))
            answered.append(load.result()["per_second"])
    yield Figure(what="pre-checkout alone: p95", unit="ms", samples=alone, settings={})
    yield Figure(
        what=f"pre-checkout while {CONNECTIONS} connections hammer the site: p95",
        unit="ms",
        samples=beside,
        target="<= 200",
        settings={"connections": CONNECTIONS, "web_processes": 2, "seconds": seconds},
    )
    yield Figure(
        what="what the site answers meanwhile",
        unit="requests/s",
        samples=answered,
        settings={"connections": CONNECTIONS},
    )


def _add_customers() -> None:
    now = timezone.now()
    Player.objects.bulk_create(
        Player(
            telegram_id=FIRST_TELEGRAM_ID + number,
            first_name="Bench",
            created_at=now,
            last_seen_at=now,
        )
        for number in range(CUSTOMERS)
    )


def _p95_ms(url: str, buyers: Iterator[Player], *, until: float) -> float:
    asked = []
    for buyer in buyers:
        asked.append(ask(url, payments.open_for(buyer), buyer))
        if time.monotonic() > until:
            break
    assert asked, "There are no buyers left: choose fewer repetitions."
    return sorted(asked)[int(len(asked) * 0.95)] * 1_000


@contextmanager
def _slow_telegram() -> Iterator[str]:
    """Accept every call of the bot, and answer none of them."""

    class Silence(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            time.sleep(SLOW_SECONDS)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Silence) as silent:
        threading.Thread(target=silent.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{silent.server_address[1]}"
        silent.shutdown()
