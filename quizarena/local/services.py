"""Run a command with a PostgreSQL and a Valkey of its own.

    python -m quizarena.local.services [--data DIR | --ephemeral [--durable]] -- COMMAND...

The command finds them in DATABASE_URL and REDIS_URL; what is set already is used instead. What owns
the tables, and migrates, is in DATABASE_OWNER_URL; see quizarena/ops/database_roles.py. The
servers, and everything the command has started, live exactly as long as this process.
"""

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from quizarena.local.errors import LocalError
from quizarena.local.home import Home
from quizarena.local.interrupts import interrupt_on_stop
from quizarena.local.lifeline import Lifeline
from quizarena.local.reachability import check_database, check_redis
from quizarena.local.servers import Postgres, Valkey

CHECKOUT = Path(__file__).resolve().parents[2]
# A Celery worker gets this long to finish its tasks, a server to write down what it has.
APPLICATION_GRACE_SECONDS = 8
SERVER_GRACE_SECONDS = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Running services, and the lifeline that the application's processes are to be started on."""

    applications: Lifeline
    postgres: Postgres | None
    valkey: Valkey | None

    @property
    def environment(self) -> dict[str, str]:
        """This process's environment, with the addresses of what runs."""
        environment = dict(os.environ)
        if self.postgres:
            environment["DATABASE_URL"] = self.postgres.url
            environment["DATABASE_OWNER_URL"] = self.postgres.owner_url
        if self.valkey:
            environment["REDIS_URL"] = self.valkey.url
        return environment


def data_directory() -> Path:
    """Return where lasting data is kept: QUIZARENA_DATA, or `.local` in the checkout."""
    return Path(os.environ.get("QUIZARENA_DATA") or CHECKOUT / ".local").absolute()


@contextmanager
def running(home: Home) -> Iterator[Services]:
    """Start what DATABASE_URL and REDIS_URL do not name; stop it, and all applications, at the end.

    Raises LocalError when a server does not start, or when one that is named does not answer.
    """
    with ExitStack() as stack:
        stack.callback(os.close, home.lock)
        servers = stack.enter_context(
            Lifeline(
                asks_with=signal.SIGINT,
                grace_seconds=SERVER_GRACE_SECONDS,
                delete=[home.directory] if home.throw_away else [],
                holds=[home.lock],
            )
        )
        applications = stack.enter_context(
            Lifeline(
                asks_with=signal.SIGTERM,
                grace_seconds=APPLICATION_GRACE_SECONDS,
                holds=[servers.write_end],
            )
        )
        postgres = valkey = None
        if url := os.environ.get("DATABASE_URL"):
            # The role of the application may be made only when the owner migrates.
            check_database(os.environ.get("DATABASE_OWNER_URL") or url)
        else:
            postgres = Postgres(home=home, group=servers.group)
            postgres.start()
        if url := os.environ.get("REDIS_URL"):
            check_redis(url)
        else:
            valkey = Valkey(home=home, group=servers.group)
            valkey.start()
        yield Services(applications=applications, postgres=postgres, valkey=valkey)


def run(command: Sequence[str], *, services: Services) -> int:
    """Run `command` on the services and return its exit code.

    It becomes the terminal's foreground job, as under a shell: it can read keys, and Ctrl-C is
    for it to answer.
    """
    group = services.applications.group
    has_terminal = sys.stdin.isatty() and os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    if has_terminal:
        # Ctrl-Z would stop the command, but the shell would not notice.
        signal.signal(signal.SIGTSTP, signal.SIG_IGN)
        os.tcsetpgrp(sys.stdin.fileno(), group)
    try:
        return subprocess.call(command, env=services.environment, process_group=group)
    except KeyboardInterrupt:
        # The terminal's Ctrl-C reaches only the command; this one was sent to us.
        return 128 + signal.SIGINT
    except FileNotFoundError:
        raise LocalError(f"There is no command {command[0]}.") from None
    finally:
        if has_terminal:
            signal.signal(signal.SIGTTOU, signal.SIG_IGN)
            os.tcsetpgrp(sys.stdin.fileno(), os.getpgrp())


def main() -> None:
    """Parse the command line, run the command, and exit as it did."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0], usage=__doc__.splitlines()[2].strip()
    )
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--data", type=Path, default=data_directory(), help="keep the data in DIR")
    kind.add_argument("--ephemeral", action="store_true", help="throw the data away at the end")
    parser.add_argument(
        "--durable",
        action="store_true",
        help="write throw-away data to disk as durably as lasting data",
    )
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args()
    interrupt_on_stop()
    try:
        home = (
            Home.throw_away_home(durable=arguments.durable)
            if arguments.ephemeral
            else Home.of(arguments.data)
        )
        with running(home) as services:
            code = run(arguments.command, services=services)
    except LocalError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    # As a shell says it: the command was ended by a signal.
    sys.exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main()
