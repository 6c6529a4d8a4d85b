"""Run the processes of a Procfile, show what they say, and start again those that crash."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import cycle
from pathlib import Path
from typing import TextIO

TAIL_LINES = 20
LAST_WORDS_SECONDS_MAX = 1
BACKOFF_SECONDS = (1, 2, 4, 8, 16, 30)
# A process that has run this long was well: its next crash is the first again.
WELL_AFTER_SECONDS = 60
# cyan, green, yellow, magenta, blue: readable on dark and on light terminals
COLOURS = (36, 32, 33, 35, 34)


def read_procfile(path: Path) -> dict[str, str]:
    """Return the commands of a Procfile by name, in its order."""
    lines = (line.strip() for line in path.read_text().splitlines())
    pairs = (line.partition(":") for line in lines if line and not line.startswith("#"))
    return {name.strip(): command.strip() for name, _, command in pairs}


class Console:
    """One terminal for several processes: whole lines only, each with its process's name."""

    def __init__(self, *, names: Sequence[str], stream: TextIO | None = None) -> None:
        """Write to `stream`, standard output by default, and in colours if that is a terminal."""
        self._stream = stream or sys.stdout
        self._lock = threading.Lock()
        coloured = self._stream.isatty() and "NO_COLOR" not in os.environ
        width = max(map(len, names))
        self._prefixes = {
            name: f"\x1b[{colour}m{name:{width}} | \x1b[0m" if coloured else f"{name:{width}} | "
            for name, colour in zip(names, cycle(COLOURS), strict=False)
        }

    def write(self, name: str, line: str) -> None:
        """Show one line of the process `name`."""
        # A terminal that has been closed is no reason to leave processes behind.
        with self._lock, suppress(OSError):
            print(self._prefixes[name], line, sep="", file=self._stream, flush=True)


class Process:
    """One line of the Procfile: runs until the lifeline is let go, however often it crashes."""

    def __init__(
        self, *, name: str, command: str, environment: Mapping[str, str], group: int
    ) -> None:
        """Prepare the process; its children will belong to the process group `group`."""
        self.name = name
        self.crashes = 0
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._console: Console | None = None
        self._command = command
        self._environment = environment
        self._group = group
        self._ending = threading.Event()

    def start(self) -> None:
        """Start the process, and a thread that looks after it."""
        threading.Thread(target=self._look_after, name=self.name, daemon=True).start()

    def show_on(self, console: Console) -> None:
        """Show from now on what the process says; until then only its `tail` is kept."""
        self._console = console

    def end(self) -> None:
        """Say that an exit is no longer a crash."""
        self._ending.set()

    def _look_after(self) -> None:
        crashes_in_a_row = 0
        while not self._ending.is_set():
            started_at = time.monotonic()
            code = self._run()
            if self._ending.is_set():
                return
            self.crashes += 1
            if time.monotonic() - started_at > WELL_AFTER_SECONDS:
                crashes_in_a_row = 0
            pause = BACKOFF_SECONDS[min(crashes_in_a_row, len(BACKOFF_SECONDS) - 1)]
            crashes_in_a_row += 1
            self._say(f"{_how_it_ended(code)}; starting it again in {pause} s")
            self._ending.wait(pause)

    def _run(self) -> int:
        # `exec`: the shell replaces the variables and is gone, so signals reach the process itself.
        process = subprocess.Popen(
            ["/bin/sh", "-c", f"exec {self._command}"],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            process_group=self._group,
        )
        # In a thread of its own: what the process itself left running may keep the pipe open.
        relay = threading.Thread(target=self._relay, args=(process.stdout,), daemon=True)
        relay.start()
        code = process.wait()
        relay.join(LAST_WORDS_SECONDS_MAX)
        return code

    def _relay(self, output: TextIO) -> None:
        for line in output:
            if text := line.rstrip():
                self._say(text)

    def _say(self, line: str) -> None:
        self.tail.append(line)
        if self._console:
            self._console.write(self.name, line)


def _how_it_ended(code: int) -> str:
    return f"ended with code {code}" if code >= 0 else f"was ended by {signal.Signals(-code).name}"
