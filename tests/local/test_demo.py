"""`make demo`, as somebody meets it: from nothing to a round, and away again."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from quizarena.local.ports import any_free_port
from tests.local.runs import Run, marked_environment
from tests.sandbox import Sandbox

DEMO = [sys.executable, "-m", "quizarena.local"]
LAST_LINE_OF_THE_BOX = "Ctrl-C stops everything"


def get(url: str) -> tuple[int, str]:
    """Return status and text of a page on this machine."""
    host, _, path = url.removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(host, timeout=20)
    connection.request("GET", f"/{path}")
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def complaint(**environment: str) -> str:
    """Return what a demo says that cannot start."""
    done = subprocess.run(
        DEMO, env=marked_environment(**environment), capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    return done.stderr


@pytest.mark.slow
def test_a_demo_starts_survives_its_own_death_and_is_deleted(data: Path) -> None:
    environment = marked_environment(QUIZARENA_DATA=str(data), PORT=str(any_free_port()))

    run = Run.start(DEMO, environment=environment, until="translating")
    said = run.read_until(LAST_LINE_OF_THE_BOX)
    steps = [
        "migrating",
        "starting web, webhook, worker",
        "seeding",
        "passwords",
        "setting the webhook",
        "ready",
    ]
    assert sorted(steps, key=said.index) == steps
    addresses = dict(re.findall(r"(Play|Admin|API docs) +(http\S+)", said))
    assert [get(address)[0] for address in addresses.values()] == [200, 302, 302]
    assert re.findall(r"│ +(\w+) +\w+ +\S{16} +│", said) == [
        "Support",
        "Operator",
        "Finance",
        "Editor",
        "Administrator",
        "Security",
    ]
    web = addresses["Admin"].removesuffix("/admin/")
    assert json.loads(get(f"{web}/readyz")[1])["ready"] is True
    webhook = subprocess.check_output(
        ["sh", "-c", f". {data}/environment; {sys.executable} manage.py webhook show"], text=True
    )
    assert re.search(r"URL: http://127\.0\.0\.1:\d+/telegram/webhook/\n", webhook)
    assert f"URL: {web}/" not in webhook
    secrets = {
        name: (data / name).read_text()
        for name in ("secret-key", "webhook-secret", "sandbox-token")
    }
    assert {(data / name).stat().st_mode & 0o777 for name in [*secrets, "environment"]} == {0o600}

    in_use = complaint(QUIZARENA_DATA=str(data))
    assert in_use.startswith(f"error: {data} is in use by process {run.supervisor.pid}: ")
    refused = subprocess.run(
        [*DEMO, "--reset"], env=environment, capture_output=True, text=True, check=False
    )
    assert refused.stderr == in_use

    run.supervisor.kill()
    run.supervisor.wait()
    run.wait_until_nothing_is_left(seconds=60)

    # Again, with Telegram in place of the sandbox: long polling, and the same secrets.
    with Sandbox() as telegram:
        environment |= {"TELEGRAM_API_URL": telegram.url, "TELEGRAM_BOT_TOKEN": telegram.token}
        run = Run.start(DEMO, environment=environment, until="asking Telegram who this bot is")
        said = run.read_until(LAST_LINE_OF_THE_BOX)
        assert "starting web, worker, sender, beat, poll\n" in said
        # It has all its tables: nothing has to wait for them, but for what is read only once.
        assert said.index("translating") < said.index("starting web")
        assert said.index("starting web") < said.index("migrating the database")
        assert re.search(r"Play +https://t\.me/quizarena_bot +│", said)
        anna = telegram.add_player("Anna", language_code="en")
        telegram.say(anna, "/start")
        telegram.wait_for(lambda: telegram.last_message(anna)["from"]["is_bot"])

        run.supervisor.send_signal(signal.SIGINT)
        assert "stopping everything" in run.read_until("Stopped.")
        assert run.supervisor.wait(60) == 0
        assert run.left() == []
    assert {name: (data / name).read_text() for name in secrets} == secrets

    deleted = subprocess.check_output([*DEMO, "--reset"], env=environment, text=True)
    assert f"The data in {data} was deleted." in deleted
    assert not data.exists()


def test_what_is_missing_is_one_sentence(data: Path) -> None:
    unreachable = f"http://127.0.0.1:{any_free_port()}"
    sentences = [
        complaint(QUIZARENA_DATA=str(data), **environment)
        for environment in (
            {"PORT": "80000"},
            {"PORT": "web"},
            {"SANDBOX_PORT": "0"},
            {"TELEGRAM_BOT_TOKEN": "1:x", "TELEGRAM_API_URL": unreachable},
            {"DATABASE_URL": "postgresql://me:pw@127.0.0.1:1/x"},
            {"REDIS_URL": "redis://127.0.0.1:1/0"},
        )
    ]

    assert [sentence.partition("(")[0].strip() for sentence in sentences] == [
        "error: PORT is '80000': set it to a number from 1 to 65535.",
        "error: PORT is 'web': set it to a number from 1 to 65535.",
        "error: SANDBOX_PORT is '0': set it to a number from 1 to 65535.",
        f"error: Telegram at {unreachable} cannot be reached",
        "error: The database of DATABASE_URL does not answer",
        "error: The Redis of REDIS_URL does not answer",
    ]
    assert {sentence.count("\n") for sentence in sentences} == {1}


@pytest.mark.parametrize("package", ["psutil", "structlog"])
def test_a_half_installed_environment_is_one_sentence(
    package: str, data: Path, tmp_path: Path
) -> None:
    """Whether the demo itself lacks the package or what it starts."""
    (tmp_path / f"{package}.py").write_text(
        f"raise ModuleNotFoundError(\"No module named '{package}'\")"
    )

    # Where the clock is set, PYTHONPATH has something already (tests/clocks.py).
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    assert complaint(QUIZARENA_DATA=str(data), PYTHONPATH=path) == (
        f"error: The environment is incomplete (No module named '{package}'): delete .venv and "
        "run make again.\n"
    )


def test_there_may_be_nothing_to_delete(data: Path) -> None:
    said = subprocess.check_output(
        [*DEMO, "--reset"], env=marked_environment(QUIZARENA_DATA=str(data)), text=True
    )

    assert f"There is no data to delete in {data}." in said


def test_deleting_touches_nothing_else(tmp_path: Path) -> None:
    """QUIZARENA_DATA may be a directory that holds more."""
    (tmp_path / "letter").write_text("dear")
    (tmp_path / "secret-key").write_text("ours")

    subprocess.check_call([*DEMO, "--reset"], env=marked_environment(QUIZARENA_DATA=str(tmp_path)))

    assert [path.name for path in tmp_path.iterdir()] == ["letter"]
