"""Everything of the Procfile as real processes, on servers of their own that a test may kill.

with running_stack(directory) as stack:
    stack.start("web", "webhook", "worker", "sender", "beat")
    stack.wait_until_ready()
    stack.kill("worker")
    stack.valkey.stop()
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import psutil
import psycopg
import pytest
import redis

from quizarena.beat_schedule import BEAT_SCHEDULE
from quizarena.celery import app
from quizarena.local.home import Home
from quizarena.local.processes import read_procfile
from quizarena.local.servers import Postgres, Valkey
from quizarena.local.services import Services, running
from tests.sandbox import ROOT, Found, Json, Sandbox, free_port

SECRET = "the-webhook-secret-of-the-stack"
READY_WITHIN_S = 240
# So often in a row the emptying of the tables may be the victim of a deadlock.
DEADLOCKS_MAX = 5
# The two players' modes of the menu, thirty questions each; the second option is always right.
BANK = """
INSERT INTO game_question
  (quiz_id, question, option_1, option_2, option_3, option_4, correct_option_id, explanation,
   level, category, key, is_enabled, version)
SELECT mode || '-' || n, 'Frage ' || n || '?', 'falsch ' || n, 'richtig ' || n, 'verkehrt ' || n,
       'daneben ' || n, 1, 'Weil ' || n || ' richtig ist.', 'A1', mode, 'key-' || n, true, 1
FROM unnest(ARRAY['QUICK_MIX_A1A2', 'ARTIKEL_SPRINT']) AS mode, generate_series(1, 30) AS n
"""
PLAYED = (
    "bot_inboxupdate, bot_outgoingcall, bot_ratelimit, bot_broadcast, bot_remindersettings, "
    "game_roundquestion, game_round, game_tournament, players_player, "
    # Who sets up a second factor does not have it in the next test.
    "otp_totp_totpdevice, otp_static_staticdevice, "
    # Whom a test kills and starts again does not keep restarting.
    "ops_processrun"
)


class Stack:
    """Processes by their names in the Procfile, and the eyes to see what they do."""

    def __init__(self, *, services: Services, sandbox: Sandbox, directory: Path) -> None:
        assert services.postgres is not None
        assert services.valkey is not None
        self.postgres: Postgres = services.postgres
        self.valkey: Valkey = services.valkey
        self.sandbox = sandbox
        self.directory = directory
        self.port = free_port()
        self.webhook_port = free_port()
        self._commands = {
            **read_procfile(ROOT / "Procfile"),
            "poll": "python manage.py poll",
        }
        self._group = services.applications.group
        self._processes: dict[str, list[subprocess.Popen[bytes]]] = {}
        self._connection: psycopg.Connection[Any] | None = None
        self.environment = {
            **services.environment,
            "ENVIRONMENT": "test",
            "STAFF_SECOND_FACTOR": "optional",
            "LOG_FORMAT": "json",
            "NO_PROXY": "127.0.0.1",
            # Tests act faster than people.
            "PLAYER_ACTIONS_PER_SECOND": "0",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PORT": str(self.port),
            "WEBHOOK_PORT": str(self.webhook_port),
            "PUBLIC_URL": f"http://127.0.0.1:{self.port}",
            "TELEGRAM_API_URL": sandbox.url,
            "TELEGRAM_BOT_TOKEN": sandbox.token,
            "TELEGRAM_WEBHOOK_SECRET": SECRET,
        }

    @property
    def url(self) -> str:
        """The address of the web process."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def webhook_url(self) -> str:
        """Where the webhook's server takes updates."""
        return f"http://127.0.0.1:{self.webhook_port}/telegram/webhook/"

    # Processes.

    def start(self, *names: str) -> None:
        """Start one more process of each name."""
        for name in names:
            with (self.directory / f"{name}.log").open("ab") as log:
                process = subprocess.Popen(
                    ["/bin/sh", "-c", f"exec {self._commands[name]}"],
                    cwd=ROOT,
                    # The application alone: only what migrates is the owner.
                    env=self.environment | {"PROCESS_NAME": name, "DATABASE_OWNER_URL": ""},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    process_group=self._group,
                )
            self._processes.setdefault(name, []).append(process)

    def kill(self, name: str) -> None:
        """Kill every process `name` with all its children, as `kill -9` does."""
        for process in self._processes.pop(name, []):
            with suppress(psutil.NoSuchProcess):
                tree = [*psutil.Process(process.pid).children(recursive=True)]
                process.kill()
                for child in tree:
                    with suppress(psutil.NoSuchProcess):
                        child.kill()
            process.wait()

    def kill_children(self, name: str) -> int:
        """Kill only the children of `name`, as the kernel's OOM killer may; return how many."""
        children = [
            child
            for process in self._processes[name]
            for child in psutil.Process(process.pid).children(recursive=True)
        ]
        for child in children:
            child.kill()
        return len(children)

    def stop(self, name: str) -> None:
        """Ask every process `name` to end (SIGTERM), and wait for it."""
        processes = self._processes.pop(name, [])
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(timeout=120)

    def is_alive(self, name: str) -> bool:
        """Return whether all processes `name` that were started still run."""
        return all(process.poll() is None for process in self._processes[name])

    def count(self, name: str) -> int:
        """Return how many processes `name` run."""
        return sum(process.poll() is None for process in self._processes.get(name, []))

    def keep(self, *names: str) -> None:
        """Have exactly one process of each of `names`, and no others; without names none."""
        for name in [*self._processes]:
            if name not in names or self.count(name) != 1 or len(self._processes[name]) != 1:
                self.kill(name)
        self.start(*(name for name in names if name not in self._processes))

    def manage(self, *arguments: str) -> str:
        """Run a `manage.py` command to its good end and return what it says."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def run_now(self, task: str) -> None:
        """Send a task to the workers, as operators may, besides its schedule."""
        (job,) = (job for job in BEAT_SCHEDULE.values() if job["task"] == task)
        with app.connection(self.valkey.url) as broker:
            app.send_task(task, queue=job["options"].get("queue"), connection=broker)

    # People.

    def say(self, player: int, text: str) -> Json:
        """Let the player write, and return the bot's answer once it is there."""
        before = len(self.messages_from_bot(player))
        self.sandbox.say(player, text)
        return self.wait_for(lambda: self.messages_from_bot(player)[before:])[0]

    def tap(self, player: int, label: str) -> Json:
        """Let the player tap a button of the last message, and return the message as it is then."""
        before = self.sandbox.last_message(player)
        self.sandbox.tap(player, label)
        return self.next_look(player, before)

    def next_look(self, player: int, before: Json) -> Json:
        """Return the player's last message once it is no longer as it was `before`."""

        def changed() -> Json:
            message = self.sandbox.last_message(player)
            return message if message != before else {}

        return self.wait_for(changed)

    @contextmanager
    def frozen_telegram(self) -> Iterator[None]:
        """Let Telegram accept calls and answer none inside; then it works off what has come."""
        (telegram,) = (
            process
            for process in psutil.Process().children()
            if {"bot.sandbox", str(self.sandbox.port)} <= {*process.cmdline()}
        )
        telegram.suspend()
        try:
            yield
        finally:
            telegram.resume()

    # Looking.

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Return the rows of an SQL query."""
        return list(self._look(query, *parameters).fetchall())

    def value(self, query: str, *parameters: object) -> Any:
        """Return the only value of an SQL query."""
        ((value,),) = self.rows(query, *parameters)
        return value

    def execute(self, statement: str, *parameters: object) -> None:
        """Execute an SQL statement."""
        self._look(statement, *parameters)

    def inbox(self, *states: str) -> int:
        """Return how many updates are in one of `states`."""
        return int(
            self.value("SELECT count(*) FROM bot_inboxupdate WHERE state = ANY(%s)", [*states])
        )

    def outbox(self, *states: str) -> int:
        """Return how many calls are in one of `states`."""
        return int(
            self.value("SELECT count(*) FROM bot_outgoingcall WHERE state = ANY(%s)", [*states])
        )

    def wait_for(self, predicate: Callable[[], Found], *, timeout: float = 60) -> Found:
        """Return the first true value of `predicate`; fail after `timeout` s, with a report."""
        try:
            return self.sandbox.wait_for(predicate, timeout=timeout)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.report()}") from None

    def wait_until_at_rest(self, *, updates: int, timeout: float = 90) -> None:
        """Wait until `updates` updates are in the inbox and done, and every call has ended."""

        def at_rest() -> bool:
            return self.inbox("DONE") == updates and not self.outbox("PENDING", "SENDING")

        self.wait_for(at_rest, timeout=timeout)

    def wait_until_ready(self) -> None:
        """Wait until /readyz says that every process is there."""
        self.wait_for(lambda: self.get("/readyz")[0] == 200, timeout=READY_WITHIN_S)

    def get(self, path: str) -> tuple[int, Any]:
        """Return status and JSON of an address of the web process; 0 if it does not answer."""
        return self._open(Request(self.url + path))

    def post(self, update: object, *, secret: str = SECRET) -> int:
        """Post an update as Telegram does and return the status; 0 without an answer."""
        headers = {
            "Content-Type": "application/json",
            "X-Telegram-Bot-Api-Secret-Token": secret,
        }
        return self._open(Request(self.webhook_url, json.dumps(update).encode(), headers))[0]

    def messages_from_bot(self, player: int) -> list[Json]:
        """Return what the bot has written to the player."""
        return [message for message in self.sandbox.chat(player) if is_bots(message)]

    def report(self) -> str:
        """Return what stands where, and the last words of every process."""
        inbox = self.rows("SELECT update_id, state, attempts, due_at::text FROM bot_inboxupdate")
        outbox = self.rows("SELECT id, state, attempts, due_at::text FROM bot_outgoingcall")
        seen = self.rows("SELECT name, (now() - seen_at)::text AS ago FROM ops_heartbeat")
        alive = {name: self.is_alive(name) for name in self._processes}
        lines = [f"{alive = }", f"{seen = }", f"inbox = {inbox[-20:]}", f"outbox = {outbox[-20:]}"]
        for log in sorted(self.directory.glob("*.log")):
            lines += [f"--- {log.name}", log.read_text(errors="replace")[-3_000:]]
        return "\n".join(lines)

    # Between tests.

    def begin(self, *names: str) -> None:
        """Start a test: nothing played, nothing queued, and exactly the processes `names` run.

        The webhook is set when its server runs.
        """
        if not self._answers(self.postgres.owner_url):
            self.postgres.start()
        if not self._pings():
            self.valkey.start()
        self.sandbox.call("deleteWebhook", drop_pending_updates=True)
        self.sandbox.reset()
        self._empty_tables()
        with redis.Redis.from_url(self.valkey.url) as client:
            client.flushall()
        self.keep(*names)
        if {"web", "worker", "sender", "beat"} <= {*names}:
            self.wait_until_ready()
        if "webhook" in names:
            # 403 for want of the secret: it listens.
            self.wait_for(lambda: self.post({}, secret="") == 403, timeout=READY_WITHIN_S)
            self.sandbox.set_webhook(self.webhook_url, secret_token=SECRET)

    def _empty_tables(self) -> None:
        """Delete all that was played, while processes of the test before may still be at work.

        One that has a table and waits for another makes a deadlock; who is its victim tries again.
        """
        # The guards of append-only tables stand aside for a superuser who says so.
        statement = f"SET LOCAL session_replication_role = replica; TRUNCATE {PLAYED} CASCADE"
        for _ in range(DEADLOCKS_MAX):
            with suppress(psycopg.errors.DeadlockDetected):
                self.execute(statement)
                return
        self.execute(statement)

    def _look(self, statement: str, *parameters: object) -> psycopg.Cursor[Any]:
        """Execute a statement over a connection that stays open while PostgreSQL runs.

        Who waits looks often, and each new connection is a new process of PostgreSQL.
        """
        if self._connection is not None:
            try:
                return self._connection.execute(statement, parameters or None)
            except psycopg.OperationalError:
                if not self._connection.broken:
                    raise
        self._connection = psycopg.connect(
            self.postgres.owner_url, autocommit=True, connect_timeout=5
        )
        return self._connection.execute(statement, parameters or None)

    def _open(self, request: Request) -> tuple[int, Any]:
        try:
            with urlopen(request, timeout=15) as answer:
                body = answer.read()
                return answer.status, json.loads(body) if body else None
        except HTTPError as error:
            with error:
                body = error.read()
                return error.code, json.loads(body) if body.startswith(b"{") else None
        except (URLError, OSError):
            return 0, None

    def _answers(self, url: str) -> bool:
        try:
            psycopg.connect(url, connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def _pings(self) -> bool:
        try:
            with redis.Redis.from_url(self.valkey.url, socket_timeout=1, retry=None) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


def is_bots(message: Json) -> bool:
    """Return whether the bot wrote the message."""
    return bool(message["from"]["is_bot"])


@contextmanager
def running_stack(directory: Path) -> Iterator[Stack]:
    """Start PostgreSQL, Valkey and the sandbox, with the tables made and a small bank in them.

    The servers write to disk as in production: a killed PostgreSQL has kept what it committed. All
    of it ends with this process, however that ends.
    """
    with ExitStack() as exits:
        with pytest.MonkeyPatch.context() as patch:
            for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL"):
                patch.delenv(name, raising=False)
            services = exits.enter_context(running(Home.throw_away_home(durable=True)))
        sandbox = exits.enter_context(Sandbox())
        stack = Stack(services=services, sandbox=sandbox, directory=directory)
        exits.callback(stack.keep)
        stack.manage("migrate", "--verbosity", "0")
        stack.execute(BANK)
        yield stack
