"""Runs of a supervisor, and what they leave behind."""

import os
import subprocess
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

import psutil

from quizarena.local.lifeline import lives

MARK = "QUIZARENA_TEST_RUN"
# With these a run would not start its own servers, sandbox and signal handling.
REPLACED = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "TELEGRAM_BOT_TOKEN", "MAKELEVEL")


def marked_environment(**more: str) -> dict[str, str]:
    """Return this environment with a mark by which its processes are found."""
    inherited = {name: value for name, value in os.environ.items() if name not in REPLACED}
    return {**inherited, MARK: uuid.uuid4().hex, **more}


@dataclass(kw_only=True)
class Run:
    """A supervisor under test and the processes that it has started."""

    supervisor: subprocess.Popen[str]
    environment: dict[str, str]
    family: list[psutil.Process] = field(default_factory=list)

    @classmethod
    def start(cls, command: Sequence[str], *, environment: dict[str, str], until: str) -> Self:
        """Start `command` and return once it prints the line `until`."""
        supervisor = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        run = cls(supervisor=supervisor, environment=environment)
        run.read_until(until)
        run.family = psutil.Process(supervisor.pid).children(recursive=True)
        return run

    def read_until(self, text: str) -> str:
        """Return what the run prints up to the first line that holds `text`."""
        assert self.supervisor.stdout is not None
        lines = []
        for line in self.supervisor.stdout:
            lines.append(line)
            if text in line:
                return "".join(lines)
        raise AssertionError(f"ended without {text!r}: {''.join(lines)}")

    def left(self) -> list[psutil.Process]:
        """Return the living processes of this run.

        They inherit its mark, but Valkey writes its title over its environment, so whoever was
        there at the start is looked for as well.
        """
        found = {process.pid: process for process in [*self.family, *self._marked()]}
        return [process for process in found.values() if lives(process)]

    def wait_until_nothing_is_left(self, *, seconds: float) -> None:
        """Return when the run has no process any more; fail after `seconds`."""
        deadline = time.monotonic() + seconds
        while left := self.left():
            assert time.monotonic() < deadline, f"still there: {left}"
            time.sleep(0.05)

    def _marked(self) -> list[psutil.Process]:
        marked = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get(MARK) == self.environment[MARK]:
                    marked.append(process)
        return marked
