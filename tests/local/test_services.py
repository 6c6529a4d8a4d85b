"""The embedded servers: they work, they keep what they should, and they end with their command."""

import json
import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from quizarena.local.home import server_directory
from quizarena.local.ports import any_free_port
from tests.local.runs import Run, marked_environment

SERVICES = [sys.executable, "-m", "quizarena.local.services"]
# Says as JSON what the servers' own settings are, and where PostgreSQL keeps its data.
REPORT = """
import json, os, psycopg, redis
broker = redis.Redis.from_url(os.environ["REDIS_URL"])
with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as connection:
    shown = ("data_directory", "fsync", "synchronous_commit", "listen_addresses",
             "max_connections", "shared_preload_libraries", "unix_socket_directories")
    report = {name: connection.execute(f"SHOW {name}").fetchone()[0] for name in shown}
    connection.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    report["letters"] = connection.execute("SELECT show_trgm('Ева') <> '{}'").fetchone()[0]
    report["sorted"] = [row[0] for row in connection.execute(
        "SELECT word FROM unnest(ARRAY['b', 'ä', 'Z']) AS word ORDER BY word")]
report["appendonly"] = broker.config_get("appendonly")["appendonly"]
report["owner"] = os.stat(report["data_directory"]).st_uid
print(json.dumps(report))
"""
FOR_EVER = "print('up', flush=True); import time; time.sleep(600)"
# Adds one to a counter in each server and says what they are now.
COUNT = """
import os, psycopg, redis
broker = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
with psycopg.connect(os.environ["DATABASE_OWNER_URL"]) as connection:
    connection.execute("CREATE TABLE IF NOT EXISTS visit (id serial)")
    connection.execute("INSERT INTO visit DEFAULT VALUES")
    visits = connection.execute("SELECT count(*) FROM visit").fetchone()[0]
print(visits, broker.incr("visits"))
"""


def python(program: str, *options: str, environment: dict[str, str]) -> str:
    """Run a Python program on embedded servers and return what it prints."""
    done = subprocess.run(
        [*SERVICES, *options, "--", sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def background(*options: str, environment: dict[str, str], program: str = FOR_EVER) -> Run:
    """Start a Python program on embedded servers and return once it runs."""
    return Run.start(
        [*SERVICES, *options, "--", sys.executable, "-c", program],
        environment=environment,
        until="up",
    )


def test_throw_away_servers_are_fast_private_and_gone_afterwards() -> None:
    report = json.loads(python(REPORT, "--ephemeral", environment=marked_environment()))

    assert report["fsync"] == report["synchronous_commit"] == "off"
    assert report["appendonly"] == "no"
    assert report["listen_addresses"] == "127.0.0.1"
    assert report["unix_socket_directories"] == ""
    assert report["max_connections"] == "200"
    assert report["shared_preload_libraries"] == "pg_stat_statements"
    assert report["sorted"] == ["Z", "b", "ä"]
    assert report["letters"]
    assert report["owner"] != 0
    assert not Path(report["data_directory"]).parent.exists()


def test_durable_throw_away_servers_are_as_safe_as_lasting_ones() -> None:
    report = json.loads(
        python(REPORT, "--ephemeral", "--durable", environment=marked_environment())
    )

    assert report["fsync"] == report["synchronous_commit"] == "on"
    assert report["appendonly"] == "yes"
    assert not report["data_directory"].startswith("/dev/shm/")
    assert not Path(report["data_directory"]).parent.exists()


def test_lasting_data_survives_a_kill_of_the_whole_run(data: Path) -> None:
    environment = marked_environment()
    options = ("--data", str(data))
    assert python(COUNT, *options, environment=environment) == "1 1\n"
    assert python(COUNT, *options, environment=environment) == "2 2\n"

    run = background(*options, environment=environment)
    # The watchdogs as well: nobody is left to stop the servers.
    killed = [process for process in run.left() if process.name().startswith("python")]
    for process in killed:
        process.kill()
    run.supervisor.wait()
    psutil.wait_procs(killed)
    assert {process.name() for process in run.left()} == {"postgres", "valkey-server"}

    assert python(COUNT, *options, environment=environment) == "3 3\n"
    assert run.left() == []


def test_a_killed_run_leaves_nothing() -> None:
    run = background("--ephemeral", environment=marked_environment())
    [postmaster] = [process for process in run.left() if "-D" in process.cmdline()]
    cluster = Path(postmaster.cmdline()[2])
    assert cluster.exists()

    run.supervisor.kill()
    run.supervisor.wait()

    run.wait_until_nothing_is_left(seconds=10)
    assert not cluster.parent.exists()


def test_servers_end_after_the_command_that_uses_them() -> None:
    """A process that is stopped may still write down what it has done."""
    at_the_end = (
        "import os, psycopg, redis, signal, sys, time\n"
        "def finish(*_):\n"
        "    time.sleep(1)\n"
        "    psycopg.connect(os.environ['DATABASE_OWNER_URL']).execute('SELECT 1')\n"
        "    redis.Redis.from_url(os.environ['REDIS_URL']).ping()\n"
        "    print('written down', flush=True)\n"
        "    sys.exit()\n"
        "signal.signal(signal.SIGTERM, finish)\n"
        "print('up', flush=True)\n"
        "time.sleep(600)"
    )
    run = background(
        "--ephemeral", environment=marked_environment(), program=f"exec({at_the_end!r})"
    )

    run.supervisor.kill()

    run.read_until("written down")
    run.wait_until_nothing_is_left(seconds=10)


def test_the_death_of_make_ends_the_run() -> None:
    command = [*SERVICES, "--ephemeral", "--", sys.executable, "-c", FOR_EVER]
    make = Run.start(
        [sys.executable, "-c", f"import subprocess; subprocess.run({command!r})"],
        environment=marked_environment(MAKELEVEL="1"),
        until="up",
    )

    make.supervisor.kill()
    make.supervisor.wait()

    make.wait_until_nothing_is_left(seconds=10)


def test_ctrl_c_is_for_the_command_which_has_the_terminal() -> None:
    answers = (
        "trap 'echo caught; exit 7' INT; read -r line; echo got $line; while :; do sleep 1; done"
    )
    environment = marked_environment()
    terminal = subprocess.Popen(
        [
            *(sys.executable, "-c", "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)"),
            *(*SERVICES, "--ephemeral", "--", "bash", "-c", answers),
        ],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert terminal.stdin is not None
    run = Run(supervisor=terminal, environment=environment)

    terminal.stdin.write("hello\n")
    terminal.stdin.flush()
    run.read_until("got hello")
    run.family = psutil.Process(terminal.pid).children(recursive=True)
    terminal.stdin.write("\x03")
    terminal.stdin.flush()

    run.read_until("caught")
    assert terminal.wait(120) == 7
    assert run.left() == []


def test_the_command_s_exit_code_is_passed_on() -> None:
    environment = marked_environment()
    exits = [
        subprocess.run(
            [*SERVICES, "--ephemeral", "--", "sh", "-c", command], env=environment, check=False
        ).returncode
        for command in ("exit 0", "exit 5", "kill -9 $$")
    ]

    assert exits == [0, 5, 137]


def test_a_second_run_on_the_same_data_is_refused_by_name(data: Path) -> None:
    environment = marked_environment()
    options = ("--data", str(data))
    first = background(*options, environment=environment)

    second = subprocess.run(
        [*SERVICES, *options, "--", "true"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    first.supervisor.terminate()

    assert second.returncode == 1
    assert second.stderr == (
        f"error: {data} is in use by process {first.supervisor.pid}: stop that first, or set "
        "QUIZARENA_DATA to another directory.\n"
    )
    assert first.supervisor.wait(120) == 130
    assert first.left() == []


def test_a_run_waits_for_a_killed_one_that_is_still_being_stopped(data: Path) -> None:
    environment = marked_environment()
    options = ("--data", str(data))
    slow = (
        "import signal, sys, time;"
        "signal.signal(signal.SIGTERM, lambda *_: time.sleep(2) or sys.exit());" + FOR_EVER
    )
    first = background(*options, environment=environment, program=slow)
    first.supervisor.kill()
    first.supervisor.wait()

    assert python(COUNT, *options, environment=environment) == "1 1\n"


@pytest.mark.parametrize(
    ("variable", "url", "sentence"),
    [
        (
            "DATABASE_URL",
            "postgresql://me:pw@127.0.0.1:{port}/x",
            "The database of DATABASE_URL does",
        ),
        ("DATABASE_URL", "sqlite:///x", "DATABASE_URL is no PostgreSQL address"),
        ("REDIS_URL", "redis://:pw@127.0.0.1:{port}/0", "The Redis of REDIS_URL does not answer"),
        ("REDIS_URL", "somewhere", "REDIS_URL is no Redis address"),
    ],
)
def test_a_service_that_is_named_has_to_answer(variable: str, url: str, sentence: str) -> None:
    environment = marked_environment(**{variable: url.format(port=any_free_port())})

    done = subprocess.run(
        [*SERVICES, "--ephemeral", "--", "true"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {sentence}")
    assert done.stderr.count("\n") == 1
    assert "pw" not in done.stderr


def test_services_that_are_named_are_used_instead() -> None:
    urls = {name: os.environ[name] for name in ("DATABASE_URL", "REDIS_URL")}
    # The role of the application is there when its owner has migrated.
    owner = {"DATABASE_OWNER_URL": os.environ["DATABASE_OWNER_URL"]}
    environment = marked_environment(**urls, **owner)

    names = python(
        "import os, psutil; print(os.environ['DATABASE_URL'], os.environ['REDIS_URL'])",
        "--ephemeral",
        environment=environment,
    )

    assert names.split() == [urls["DATABASE_URL"], urls["REDIS_URL"]]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the servers as somebody else")
def test_roots_servers_live_where_their_account_can_reach_them(tmp_path: Path) -> None:
    """Pytest's directories are for root only, as /root is."""
    data = tmp_path / "data"

    report = json.loads(python(REPORT, "--data", str(data), environment=marked_environment()))

    home = Path(report["data_directory"]).parent
    assert home.parent == Path("/var/lib/quizarena")
    assert home == server_directory(data)
    assert report["owner"] == pwd.getpwnam("nobody").pw_uid
    shutil.rmtree(home)


def test_the_list_of_processes_shows_no_password() -> None:
    run = background(
        "--ephemeral",
        environment=marked_environment(),
        program=FOR_EVER.replace(
            "up', ",
            "up'); import os; print(os.environ['DATABASE_URL'], os.environ['DATABASE_OWNER_URL'], "
            "os.environ['REDIS_URL'], ",
        ),
    )
    urls = run.read_until("redis://").split()
    passwords = {url.split(":")[2].split("@")[0] for url in urls}

    command_lines = [word for process in run.left() for word in process.cmdline()]
    run.supervisor.terminate()
    run.supervisor.wait(120)

    assert len(passwords) == 3
    assert not any(password in word for password in passwords for word in command_lines)
