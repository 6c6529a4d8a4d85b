"""`make demo`: everything on this machine, from nothing to the addresses to open.

Without TELEGRAM_BOT_TOKEN the bot talks to the sandbox; with it, to Telegram, by long polling.
"""

import argparse
import http.client
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from quizarena.local import landed
from quizarena.local.errors import LocalError
from quizarena.local.home import Home, kept_secret, server_directory, take_lock
from quizarena.local.interrupts import interrupt_on_stop
from quizarena.local.ports import claim_port, parse_port
from quizarena.local.processes import TAIL_LINES, Console, Process, read_procfile
from quizarena.local.reachability import bot_username
from quizarena.local.services import CHECKOUT, data_directory, running

READY_SECONDS_MAX = 180
CRASHES_MAX = 3
POLL_SECONDS = 0.1
# What the demo keeps in its data directory beside the servers.
FILES = (
    "environment",
    "lock",
    "migrated",
    "payload-key",
    "promo-pepper",
    "sandbox-token",
    "sandbox.json",
    "secret-key",
    "webhook-secret",
)

_started_at = time.monotonic()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to run, and where people will play."""

    commands: Mapping[str, str]
    environment: Mapping[str, str]
    play: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxPorts:
    """Where the sandbox listens, and where it posts updates."""

    sandbox: int
    webhook: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A staff member who can use the admin."""

    role: str
    user: str
    password: str


def say(text: str) -> None:
    """Print one line with the seconds since the start."""
    with suppress(OSError):  # A closed terminal must not stop the stopping.
        print(f"{time.monotonic() - _started_at:5.1f} s  {text}", flush=True)


def main() -> None:
    """Run the demo, or delete its data; an error is one sentence."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reset", action="store_true", help="delete the data instead")
    arguments = parser.parse_args()
    interrupt_on_stop()
    data = data_directory()
    try:
        if arguments.reset:
            reset(data)
        else:
            run(data)
    except LocalError as error:
        sys.exit(f"error: {error}")
    except PermissionError as error:
        sys.exit(f"error: {error.filename} belongs to somebody else: run as its owner.")
    except KeyboardInterrupt:
        say("Stopped.")


def reset(data: Path) -> None:
    """Delete what demos have kept in `data`; raise LocalError while one runs."""
    if not data.exists():
        say(f"There is no data to delete in {data}.")
        return
    take_lock(data)
    shutil.rmtree(server_directory(data), ignore_errors=True)
    for name in FILES:
        (data / name).unlink(missing_ok=True)
    with suppress(OSError):  # Somebody keeps something else there.
        data.rmdir()
    say(f"The data in {data} was deleted.")


def run(data: Path) -> None:
    """Start everything, say where it is, and stay until it is stopped."""
    token = os.environ.get("TELEGRAM_BOT_TOKEN", "")
    with ExitStack() as claims:
        web_port = _port("PORT", default=8000, claims=claims)
        ports = None
        if not token:
            sandbox = _port("SANDBOX_PORT", default=web_port + 1, claims=claims)
            ports = SandboxPorts(
                sandbox=sandbox, webhook=_port("WEBHOOK_PORT", default=sandbox + 1, claims=claims)
            )
        _run(data, token=token, web_port=web_port, ports=ports)


def _run(data: Path, *, token: str, web_port: int, ports: SandboxPorts | None) -> None:
    """Start everything on ports that nobody else takes; stay until it is stopped."""
    home = Home.of(data)
    say("starting the database and the broker")
    with running(home) as services:
        environment = _environment(services.environment, data=data, web_port=web_port)
        if ports is None:
            plan = _plan_for_telegram(environment, token=token)
        else:
            plan = _plan_for_sandbox(environment, data=data, ports=ports)
        _keep_environment(plan.environment, path=data / "environment")
        processes = [
            Process(
                name=name,
                command=command,
                environment=_without_owner(plan.environment) | {"PROCESS_NAME": name},
                group=services.applications.group,
            )
            for name, command in plan.commands.items()
        ]
        try:
            logins = _start(
                processes,
                plan=plan,
                group=services.applications.group,
                # Somebody else's database may have become another one.
                migrated=data / "migrated" if services.postgres else None,
            )
            _show(_addresses(plan, logins=logins))
            console = Console(names=list(plan.commands))
            for process in processes:
                process.show_on(console)
            while True:
                signal.pause()
        finally:
            for process in processes:
                process.end()
            say("stopping everything (Ctrl-C again: at once)")


def _port(variable: str, *, default: int, claims: ExitStack) -> int:
    """Return the port that `variable` asks for, or the next free one, and say so.

    It is ours until `claims` are given up.
    """
    wanted = parse_port(os.environ.get(variable) or str(default), variable=variable)
    claim = claims.enter_context(claim_port(wanted, variable=variable))
    port: int = claim.getsockname()[1]
    if port != wanted:
        say(f"port {wanted} is in use: using {port}")
    return port


def _environment(base: Mapping[str, str], *, data: Path, web_port: int) -> dict[str, str]:
    """Return what all processes find in their environment; what the caller has set is kept."""
    loopback = ",".join(filter(None, (base.get("NO_PROXY"), "127.0.0.1", "localhost")))
    return {
        "LOG_FORMAT": "console",
        "SECRET_KEY": kept_secret(data / "secret-key"),
        "TELEGRAM_WEBHOOK_SECRET": kept_secret(data / "webhook-secret"),
        "PAYMENT_PAYLOAD_KEYS": f"local:{kept_secret(data / 'payload-key')}",
        "PROMO_PEPPERS": f"local:{kept_secret(data / 'promo-pepper')}",
        **base,
        "ENVIRONMENT": "local",
        # A password is enough, except for Security, where one can see how a factor is set up.
        "STAFF_SECOND_FACTOR": "optional",
        "NO_PROXY": loopback,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{base.get('PATH', os.defpath)}",
        "PORT": str(web_port),
        "PUBLIC_URL": f"http://127.0.0.1:{web_port}",
        "PYTHONUNBUFFERED": "1",
        "QUIZARENA_DATA": str(data),
    }


def _without_owner(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a process that does not migrate."""
    return {name: value for name, value in environment.items() if name != "DATABASE_OWNER_URL"}


def _plan_for_sandbox(environment: Mapping[str, str], *, data: Path, ports: SandboxPorts) -> Plan:
    """Plan everything of the Procfile: the sandbox stands where Telegram stands."""
    sandbox_url = f"http://127.0.0.1:{ports.sandbox}"
    return Plan(
        commands=read_procfile(CHECKOUT / "Procfile"),
        environment={
            **environment,
            "SANDBOX_PORT": str(ports.sandbox),
            "WEBHOOK_PORT": str(ports.webhook),
            "TELEGRAM_API_URL": sandbox_url,
            "TELEGRAM_BOT_TOKEN": f"1000000001:{kept_secret(data / 'sandbox-token')}",
        },
        play=f"{sandbox_url}/",
    )


def _plan_for_telegram(environment: Mapping[str, str], *, token: str) -> Plan:
    """Plan long polling in place of the sandbox; raise LocalError if Telegram refuses the token."""
    say("asking Telegram who this bot is")
    api_url = environment.get("TELEGRAM_API_URL", "https://api.telegram.org").rstrip("/")
    username = bot_username(api_url=api_url, token=token)
    commands = read_procfile(CHECKOUT / "Procfile")
    del commands["sandbox"], commands["webhook"]
    return Plan(
        commands={**commands, "poll": "python manage.py poll"},
        environment={**environment, "TELEGRAM_BOT_USERNAME": username},
        play=f"https://t.me/{username}",
    )


def _keep_environment(environment: Mapping[str, str], *, path: Path) -> None:
    """Write down what differs from ours, for `. .local/environment` before a manage.py command."""
    path.touch(mode=0o600)
    path.write_text(
        "".join(
            f"export {name}={shlex.quote(value)}\n"
            for name, value in sorted(environment.items())
            if os.environ.get(name) != value and name != "PATH"
        )
    )


def _start(
    processes: Sequence[Process], *, plan: Plan, group: int, migrated: Path | None
) -> list[Login]:
    """Start everything and return the staff's logins once /readyz is content.

    The sandbox comes first, since it has to know where to send updates; the others come when the
    database has all its tables. If `migrated` says that it has them from the last time, they wait
    for the translations only, which they read once: half of what a start takes is that each process
    imports what it needs.
    """
    sandbox = [process for process in processes if process.name == "sandbox"]
    others = [process for process in processes if process.name != "sandbox"]
    version = landed.version(CHECKOUT)
    has_tables = bool(migrated and migrated.exists() and migrated.read_text() == version)

    def start_others() -> None:
        _forget_heartbeats(plan.environment)
        say("starting " + ", ".join(process.name for process in others))
        for process in others:
            process.start()

    def when_translated() -> None:
        if has_tables:
            start_others()

    def when_migrated() -> None:
        if not has_tables:
            start_others()
        if migrated:
            migrated.write_text(version)

    for process in sandbox:
        process.start()
    logins = _prepare(
        plan.environment,
        group=group,
        when={"translated": when_translated, "migrated": when_migrated},
    )
    _wait_until_ready(processes, port=int(plan.environment["PORT"]))
    say("ready")
    return logins


def _forget_heartbeats(environment: Mapping[str, str]) -> None:
    """Delete the signs of life of processes that have ended, so that "ready" means the new ones."""
    import psycopg

    with psycopg.connect(environment["DATABASE_URL"], connect_timeout=5) as connection:
        connection.execute("DELETE FROM ops_heartbeat")


def _prepare(
    environment: Mapping[str, str], *, group: int, when: Mapping[str, Callable[[], None]]
) -> list[Login]:
    """Run quizarena.local.prepare, print its steps, and return the logins it creates.

    `when` says what to do once it has come so far.

    Raises LocalError if it fails, after quoting what it said, and ModuleNotFoundError as it does.
    """
    logins: list[Login] = []
    rest: list[str] = []
    with subprocess.Popen(
        [sys.executable, "-m", "quizarena.local.prepare"],
        env=environment,
        cwd=CHECKOUT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        process_group=group,
    ) as preparation:
        assert preparation.stdout is not None
        for line in map(str.strip, preparation.stdout):
            match line.split():
                case ["#", *words]:
                    say(" ".join(words))
                case [milestone] if milestone in when:
                    when[milestone]()
                case ["staff", role, user, password]:
                    logins.append(Login(role=role, user=user, password=password))
                case _:
                    rest.append(line)
    if preparation.returncode != 0:
        if rest and rest[-1].startswith("ModuleNotFoundError: "):
            raise ModuleNotFoundError(rest[-1].partition(": ")[2])
        _quote("prepare", rest[-TAIL_LINES:])
        raise LocalError(
            "The database could not be prepared: see the output above. "
            "`make demo-reset` starts with an empty database."
        )
    return logins


def _wait_until_ready(processes: Sequence[Process], *, port: int) -> None:
    """Return when /readyz says 200; raise LocalError, with the guilty one's last words, if not.

    The sandbox posts again what the webhook's server does not take yet.
    """
    deadline = time.monotonic() + READY_SECONDS_MAX
    report: Mapping[str, Any] = {}
    while not report.get("ready"):
        time.sleep(POLL_SECONDS)
        crashing = [process for process in processes if process.crashes >= CRASHES_MAX]
        if crashing or time.monotonic() > deadline:
            guilty = crashing or [p for p in processes if not _is_there(p.name, report)]
            for process in guilty:
                _quote(process.name, process.tail)
            names = ", ".join(process.name for process in guilty)
            raise LocalError(f"Not ready: {names}. The last output is above.")
        report = _readiness(port)


def _is_there(name: str, report: Mapping[str, Any]) -> bool:
    """Return whether /readyz misses nothing of the process: a worker stands there by its queues."""
    if name == "web":
        return bool(report)
    parts = [part for part in report if part == name or part.startswith(f"{name}-")]
    return all(report[part] for part in parts)


def _readiness(port: int) -> dict[str, Any]:
    """Return what /readyz says, or nothing as long as the web process does not answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        report: dict[str, Any] = json.load(connection.getresponse())
    except (OSError, http.client.HTTPException, ValueError):
        return {}
    else:
        return report
    finally:
        connection.close()


def _quote(name: str, lines: Iterable[str]) -> None:
    for line in lines:
        print(f"{name} | {line}")


def _addresses(plan: Plan, *, logins: Sequence[Login]) -> list[str]:
    """Return the lines that a newcomer waits for."""
    web = plan.environment["PUBLIC_URL"]
    widths = [max(map(len, column)) for column in zip(*map(astuple, logins), strict=True)]
    return [
        f"Play      {plan.play}",
        "",
        f"Admin     {web}/admin/",
        *("          " + "  ".join(map(str.ljust, astuple(login), widths)) for login in logins),
        "",
        f"API docs  {web}/api/docs/",
        "",
        "Ctrl-C stops everything; the data stays for the next time.",
    ]


def _show(lines: Sequence[str]) -> None:
    """Print `lines` in a box."""
    width = max(map(len, lines))
    edge = "─" * (width + 4)
    rows = [f"╭{edge}╮", *(f"│  {line:{width}}  │" for line in lines), f"╰{edge}╯"]
    print("", *rows, "", sep="\n", flush=True)
