"""Durable webhook acknowledgements per second, beside pgbench's one-row INSERT."""

import json
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.request import Request, urlopen
from uuid import uuid4

from django.db import connection

from bot.queue import webhook
from payments.models import Purchase
from quizarena.players.models import Player
from tests.bench import payments
from tests.bench.pgbench import transactions_per_second
from tests.bench.processes import SECRET, server
from tests.bench.report import Figure

CONNECTIONS = (1, 16, 64)
FLOOR_TABLE = """
CREATE TABLE IF NOT EXISTS bench_floor (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, kind text NOT NULL, payload jsonb NOT NULL
)
"""
FLOOR = "INSERT INTO bench_floor (kind, payload) VALUES ('message', '{\"text\": \"/start\"}');\n"
# Update ids of the benchmark lie far above the sandbox's own.
_ids = iter(range(10**15, 2 * 10**15, 10**9))


def measure(*, repetitions: int, seconds: int) -> Iterator[Figure]:
    """Post and insert in turns with the same number of connections, everything on this machine."""
    with connection.cursor() as cursor:
        cursor.execute(FLOOR_TABLE)
    with tempfile.TemporaryDirectory() as directory:
        script = Path(directory) / "floor.sql"
        script.write_text(FLOOR)
        with server("webhook", workers=2) as url:
            _post(url, connections=16, seconds=2)
            for connections in CONNECTIONS:
                ours, floor = [], []
                for _ in range(repetitions):
                    floor.append(
                        transactions_per_second(script, clients=connections, seconds=seconds)
                    )
                    ours.append(_post(url, connections=connections, seconds=seconds))
                settings: dict[str, str | int | float] = {
                    "connections": connections,
                    "webhook_processes": 2,
                    "seconds": seconds,
                }
                name = f"webhook, {connections} connection{'s' if connections > 1 else ''}"
                yield Figure(
                    what=f"{name}: acknowledged",
                    unit="updates/s",
                    samples=[one["per_second"] for one in ours],
                    settings=settings,
                )
                yield Figure(
                    what=f"{name}: ratio to pgbench INSERT",
                    unit="ratio",
                    samples=[
                        one["per_second"] / least for one, least in zip(ours, floor, strict=True)
                    ],
                    target=">= 0.15, aim 0.3" if connections > 1 else "",
                    settings={**settings, "pgbench_per_second": max(floor)},
                )
                for percentile in ("p50_ms", "p95_ms", "p99_ms"):
                    yield Figure(
                        what=f"{name}: {percentile[:3]}",
                        unit="ms",
                        samples=[one[percentile] for one in ours],
                        settings=settings,
                    )
                yield Figure(
                    what=f"{name}: p99 to p50",
                    unit="ratio",
                    samples=[one["p99_ms"] / one["p50_ms"] for one in ours],
                    target="<= 3" if connections == 16 else "",
                    settings=settings,
                )
                yield Figure(
                    what=f"{name}: errors",
                    unit="count",
                    samples=[one["errors"] for one in ours],
                    target="0",
                    settings=settings,
                )
            yield _pre_checkouts(url, repetitions=repetitions, seconds=seconds)


def _pre_checkouts(url: str, *, repetitions: int, seconds: int) -> Figure:
    """Ask for pre-checkouts, one after the other, while the server takes as many updates as it can.

    The answer stands in the response of the webhook, so this is all that Telegram waits for.
    """
    buyers = payments.buyers()
    samples = []
    with ThreadPoolExecutor(max_workers=1) as others:
        for number in range(repetitions):
            load = others.submit(_post, url, connections=16, seconds=seconds)
            asked = []
            for buyer in buyers[number::repetitions]:
                if load.done():
                    break
                asked.append(ask(url, payments.open_for(buyer), buyer))
            load.result()
            samples.append(sorted(asked)[int(len(asked) * 0.95)] * 1000)
    return Figure(
        what="pre-checkout beside 16 connections: p95",
        unit="ms",
        samples=samples,
        target="<= 100",
        settings={"connections": 16, "webhook_processes": 2, "seconds": seconds},
    )


def ask(url: str, purchase: Purchase, buyer: Player) -> float:
    """Post a pre-checkout as Telegram does; return how many seconds the approval took."""
    query = {
        "id": uuid4().hex,
        "from": {"id": buyer.telegram_id, "is_bot": False, "first_name": "Bench"},
        "currency": "XTR",
        "total_amount": 5,
        "invoice_payload": purchase.payload,
    }
    request = Request(
        f"{url}{webhook.PATH}",
        data=json.dumps({"update_id": next(_ids), "pre_checkout_query": query}).encode(),
        headers={"X-Telegram-Bot-Api-Secret-Token": SECRET, "Content-Type": "application/json"},
    )
    began = time.perf_counter()
    with urlopen(request, timeout=10) as response:
        answer = json.load(response)
    assert answer["ok"], answer
    return time.perf_counter() - began


def _post(url: str, *, connections: int, seconds: int) -> dict[str, float]:
    """Post as fast as the server takes it; return wrk's figures."""
    script = Path(__file__).with_name("webhook.lua")
    return wrk(
        url,
        script=script,
        connections=connections,
        seconds=seconds,
        WEBHOOK_SECRET=SECRET,
        FIRST_ID=str(next(_ids)),
    )


def wrk(
    url: str, *, script: Path, connections: int, seconds: int, **environment: str
) -> dict[str, float]:
    """Ask as `script` says, as fast as the server answers; return wrk's figures."""
    output = subprocess.run(
        [
            "wrk",
            "--threads=1",
            f"--connections={connections}",
            f"--duration={seconds}",
            f"--script={script}",
            url,
        ],
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    found = re.search(r"^RESULT (.*)$", output, re.MULTILINE)
    assert found, output
    figures: dict[str, float] = json.loads(found[1])
    return figures
