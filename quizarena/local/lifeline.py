"""Whatever ends the supervisor ends everything it started.

A lifeline is a pipe and a watchdog. Only the supervisor holds the write end, so the kernel closes
it when the supervisor ends, in whatever way, `kill -9` included. The watchdog waits for that at
the read end. It leads a process group, and everything is started *into* this group: there is no
moment in which a process runs that the watchdog would not find.

The watchdog runs this file as a script, by its path: so it imports nothing else of ours and is
ready at once.
"""

import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

import psutil

POLL_SECONDS = 0.05


class Lifeline:
    """Holds the write end: when it is let go, the processes of `group` are stopped."""

    def __init__(
        self,
        *,
        asks_with: signal.Signals,
        grace_seconds: float,
        delete: Sequence[Path] = (),
        holds: Sequence[int] = (),
    ) -> None:
        """Start the watchdog.

        It asks with the signal `asks_with`, kills after `grace_seconds` and then deletes the
        directories `delete`. Until it is done it keeps the file descriptors `holds` open: the
        write end of another lifeline is thus let go after this one, a lock as well.
        """
        read_end, self.write_end = os.pipe()
        try:
            self._watchdog = subprocess.Popen(
                [
                    *(sys.executable, "-I", __file__),
                    *(str(read_end), str(asks_with.value), str(grace_seconds)),
                    *map(str, delete),
                ],
                pass_fds=[read_end, *holds],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                cwd="/",
                process_group=0,
            )
        finally:
            os.close(read_end)

    @property
    def group(self) -> int:
        """The process group that everything has to be started into."""
        return self._watchdog.pid

    def let_go(self) -> None:
        """Stop the processes and return when none is left; an interrupt ends their grace."""
        os.close(self.write_end)
        while self._watchdog.returncode is None:
            try:
                self._watchdog.wait()
            except KeyboardInterrupt:
                self._watchdog.send_signal(signal.SIGUSR1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.let_go()


def watch(*, read_end: int, asks_with: int, grace_seconds: float, delete: Sequence[Path]) -> None:
    """Wait until the pipe closes, then stop the group of this process and delete `delete`."""
    hurried: list[int] = []

    def hurry(number: int, frame: FrameType | None) -> None:
        hurried.append(number)

    for ignored in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP, signal.SIGTSTP):
        signal.signal(ignored, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, hurry)
    while os.read(read_end, 1):
        pass

    asked: set[int] = set()
    kill_at = time.monotonic() + grace_seconds
    while members := _members_of_own_group():
        for process in members.values():
            with suppress(psutil.NoSuchProcess):
                if hurried or time.monotonic() > kill_at:
                    process.kill()
                # Only those nobody in the group looks after: a Celery worker finishes its tasks
                # when it alone is asked, but not when its pool is asked behind its back.
                elif process.pid not in asked and process.ppid() not in members:
                    asked.add(process.pid)
                    process.send_signal(asks_with)
        # As good as time.sleep, and works under faketime too.
        select.select([], [], [], POLL_SECONDS)
    for directory in delete:
        shutil.rmtree(directory, ignore_errors=True)


def lives(process: psutil.Process) -> bool:
    """Return whether `process` runs; one that ended may have nobody to reap it."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _members_of_own_group() -> dict[int, psutil.Process]:
    """Return the living processes of this process's group but itself."""
    members = {}
    for process in psutil.process_iter():
        with suppress(ProcessLookupError):
            in_group = os.getpgid(process.pid) == os.getpgrp() and process.pid != os.getpid()
            if in_group and lives(process):
                members[process.pid] = process
    return members


if __name__ == "__main__":
    _, read_end, asks_with, grace_seconds, *delete = sys.argv
    watch(
        read_end=int(read_end),
        asks_with=int(asks_with),
        grace_seconds=float(grace_seconds),
        delete=[Path(directory) for directory in delete],
    )
