"""Whatever ends the supervisor ends everything it started."""

import signal
import sys
import time
from pathlib import Path

from tests.local.runs import Run, marked_environment

# Starts argv[2] with the grace argv[1], says "ready" and waits to be stopped.
SUPERVISOR = """
import signal, subprocess, sys
from quizarena.local.interrupts import interrupt_on_stop
from quizarena.local.lifeline import Lifeline

interrupt_on_stop()
with Lifeline(asks_with=signal.SIGTERM, grace_seconds=float(sys.argv[1])) as lifeline:
    child = subprocess.Popen(
        [sys.executable, "-c", sys.argv[2]], stdout=subprocess.PIPE, process_group=lifeline.group
    )
    child.stdout.readline()
    try:
        print("ready", flush=True)
        signal.pause()
    except KeyboardInterrupt:
        pass
"""
OBEDIENT = "print('up', flush=True); import time; time.sleep(600)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + OBEDIENT
WITH_GRANDCHILDREN = (
    "import subprocess, sys;"
    f"[subprocess.Popen([sys.executable, '-c', {STUBBORN!r}]) for _ in range(3)];" + OBEDIENT
)


def supervise(child: str, *, grace_seconds: float = 0.5) -> Run:
    """Start a supervisor of the Python program `child`; return when both run."""
    return Run.start(
        [sys.executable, "-c", SUPERVISOR, str(grace_seconds), child],
        environment=marked_environment(),
        until="ready",
    )


def test_a_killed_supervisor_leaves_no_process() -> None:
    run = supervise(WITH_GRANDCHILDREN)
    # The supervisor, its watchdog, the child and three grandchildren.
    assert len(run.left()) == 6

    run.supervisor.kill()
    run.supervisor.wait()

    run.wait_until_nothing_is_left(seconds=5)


def test_an_interrupted_supervisor_returns_when_nothing_is_left() -> None:
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # Under nohup it means nothing.
        numbers.append(signal.SIGHUP)
    for number in numbers:
        run = supervise(WITH_GRANDCHILDREN)

        run.supervisor.send_signal(number)

        assert run.supervisor.wait(60) == 0
        assert run.left() == []


def test_who_does_not_stop_when_asked_is_killed_after_the_grace() -> None:
    run = supervise(STUBBORN, grace_seconds=1)
    stopped_at = time.monotonic()

    run.supervisor.terminate()
    run.supervisor.wait(30)

    assert time.monotonic() - stopped_at >= 1
    assert run.left() == []


def test_a_second_interrupt_ends_the_grace() -> None:
    run = supervise(STUBBORN, grace_seconds=600)

    run.supervisor.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert len(run.left()) == 3
    run.supervisor.send_signal(signal.SIGINT)

    run.supervisor.wait(60)
    assert run.left() == []


def test_a_child_is_left_to_its_parent_until_the_parent_has_ended(tmp_path: Path) -> None:
    """As in Celery: who asks the pool behind the worker's back breaks the task under way."""
    grandchild = (
        "import signal, sys, time, pathlib;"
        f"signal.signal(signal.SIGTERM, lambda *_: pathlib.Path('{tmp_path}/asked').touch());"
        "print('up', flush=True); time.sleep(1);"
        f"pathlib.Path('{tmp_path}/finished').touch()"
    )
    child = (
        "import signal, subprocess, sys, time;"
        "signal.signal(signal.SIGTERM, lambda *_: task.wait() or sys.exit());"
        f"task = subprocess.Popen([sys.executable, '-c', {grandchild!r}]); time.sleep(600)"
    )
    run = supervise(child, grace_seconds=10)

    run.supervisor.kill()
    run.supervisor.wait()

    run.wait_until_nothing_is_left(seconds=5)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["finished"]
