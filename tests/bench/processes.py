"""The product's own processes, started for a measurement and stopped after it."""

import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import psutil

from tests.sandbox import Sandbox, free_port

ROOT = Path(__file__).resolve().parents[2]
READY_WITHIN_S = 240
SECRET = "bench-webhook-secret"
# What in a command line says which process it is.
PARTS = (
    ("bot.wsgi", "webhook"),
    ("granian", "web"),
    ("quizarena beat", "beat"),
    ("quizarena worker", "worker"),
    ("manage.py sender", "sender"),
    ("bot.sandbox", "sandbox"),
    ("postgres", "postgresql"),
    ("valkey", "redis"),
)


def procfile() -> dict[str, str]:
    """Return the command line of every process of the Procfile."""
    lines = (ROOT / "Procfile").read_text().splitlines()
    return dict(re.split(r":\s*", line, maxsplit=1) for line in lines if line.strip())


def cpu_seconds() -> dict[str, float]:
    """Return the CPU time used so far by each part of the product, servers included."""
    used: dict[str, float] = {}
    for one in family():
        try:
            line, times = " ".join(one.cmdline()), one.cpu_times()
        except psutil.Error:
            continue
        part = next((part for mark, part in PARTS if mark in line), None)
        if part:
            used[part] = used.get(part, 0.0) + times.user + times.system
    return used


def family() -> list[psutil.Process]:
    """Return everything that was started for this measurement: ours, and the embedded servers."""
    me = psutil.Process()
    return [*(me.parent() or me).children(recursive=True)]


def command(name: str, **environment: str) -> tuple[list[str], dict[str, str]]:
    """Return a command of the Procfile as a list, and its environment."""
    environ = {
        **os.environ,
        "LOG_LEVEL": "ERROR",
        # The programs of this environment, also where nobody has activated it.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        **environment,
    }
    line = re.sub(
        r"\$\{(\w+):-(\w+)\}|\$(\w+)",
        lambda match: environ.get(match[1] or match[3], match[2] or ""),
        procfile()[name],
    )
    return shlex.split(line), environ


@contextmanager
def process(
    name: str, *, stderr: int | None = None, **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run one process of the Procfile, quietly, for the length of the block."""
    arguments, environ = command(name, **environment)
    running = subprocess.Popen(
        arguments, cwd=ROOT, env=environ, stdout=subprocess.DEVNULL, stderr=stderr
    )
    try:
        yield running
    finally:
        running.terminate()
        try:
            running.wait(15)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


@contextmanager
def server(
    name: str, *, workers: int, stderr: int | None = None, **environment: str
) -> Iterator[str]:
    """Run `web` or `webhook` with `workers` processes; yield its address when it answers."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    settings = {
        "PORT" if name == "web" else "WEBHOOK_PORT": str(port),
        f"{name.upper()}_WORKERS": str(workers),
        "TELEGRAM_WEBHOOK_SECRET": SECRET,
        **environment,
    }
    with process(name, stderr=stderr, **settings):
        deadline = time.monotonic() + READY_WITHIN_S
        while not _answers(url):
            assert time.monotonic() < deadline, f"{name} does not answer."
            time.sleep(0.1)
        yield url


def _answers(url: str) -> bool:
    try:
        urlopen(f"{url}/healthz", timeout=1).close()
    except (URLError, OSError):
        return False
    return True


@contextmanager
def everything(sandbox: Sandbox) -> Iterator[str]:
    """Run the webhook's server, one worker, beat and a sender against the sandbox."""
    url, token = sandbox.url, sandbox.token
    with ExitStack() as stack:
        for name in ("worker", "sender", "beat"):
            stack.enter_context(process(name, TELEGRAM_API_URL=url, TELEGRAM_BOT_TOKEN=token))
        yield stack.enter_context(
            server("webhook", workers=1, TELEGRAM_API_URL=url, TELEGRAM_BOT_TOKEN=token)
        )
