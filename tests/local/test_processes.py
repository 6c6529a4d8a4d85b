"""The Procfile's processes: read, shown, started again."""

import io
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from quizarena.local.lifeline import Lifeline
from quizarena.local.processes import Console, Process, read_procfile
from quizarena.local.services import CHECKOUT

Run = Callable[..., io.StringIO]


@pytest.fixture
def run() -> Iterator[Run]:
    """Return a function that starts a process and returns what its console shows."""
    processes = []
    with Lifeline(asks_with=signal.SIGTERM, grace_seconds=2) as lifeline:

        def run(*, name: str, command: str, **environment: str) -> io.StringIO:
            shown = io.StringIO()
            process = Process(
                name=name, command=command, environment=environment, group=lifeline.group
            )
            process.show_on(Console(names=["web", "worker"], stream=shown))
            process.start()
            processes.append(process)
            return shown

        yield run
        for process in processes:
            process.end()


def wait_for(stream: io.StringIO, text: str) -> str:
    """Return what `stream` holds once `text` is in it; fail after five seconds."""
    deadline = time.monotonic() + 5
    while text not in stream.getvalue():
        assert time.monotonic() < deadline, stream.getvalue()
        time.sleep(0.02)
    return stream.getvalue()


def test_the_procfile_names_every_process() -> None:
    assert list(read_procfile(CHECKOUT / "Procfile")) == [
        "web",
        "webhook",
        "worker",
        "sender",
        "beat",
        "sandbox",
    ]


def test_comments_and_empty_lines_of_a_procfile_say_nothing(tmp_path: Path) -> None:
    procfile = tmp_path / "Procfile"
    procfile.write_text("# two\n\nweb: serve --at 127.0.0.1:80\nworker:work\n")

    assert read_procfile(procfile) == {"web": "serve --at 127.0.0.1:80", "worker": "work"}


def test_each_line_carries_the_name_of_its_process(run: Run) -> None:
    shown = run(name="web", command="printf 'one\\ntwo\\n'")

    assert wait_for(shown, "two\n").startswith("web    | one\nweb    | two\n")


def test_variables_of_the_environment_are_filled_in(run: Run) -> None:
    shown = run(name="web", command="echo $PORT ${WORKERS:-1}", PORT="8123")

    assert "web    | 8123 1\n" in wait_for(shown, "8123")


def test_a_crashed_process_is_started_again_and_says_so(run: Run) -> None:
    shown = run(name="worker", command="sh -c 'echo at work; exit 3'")

    text = wait_for(shown, "starting it again in 2 s")
    assert text == (
        "worker | at work\n"
        "worker | ended with code 3; starting it again in 1 s\n"
        "worker | at work\n"
        "worker | ended with code 3; starting it again in 2 s\n"
    )


def test_a_killed_process_is_distinguished_from_one_that_ended(run: Run) -> None:
    shown = run(name="web", command="sh -c 'kill -9 $$'")

    assert "was ended by SIGKILL; starting it again in 1 s" in wait_for(shown, "again")


def test_a_process_has_nothing_to_read(run: Run) -> None:
    shown = run(name="web", command="cat")

    assert "web    | ended with code 0" in wait_for(shown, "again")


def test_there_are_colours_only_on_a_terminal() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal, file = Terminal(), io.StringIO()
    for stream in (terminal, file):
        Console(names=["web"], stream=stream).write("web", "hello")

    assert terminal.getvalue() == "\x1b[36mweb | \x1b[0mhello\n"
    assert file.getvalue() == "web | hello\n"
