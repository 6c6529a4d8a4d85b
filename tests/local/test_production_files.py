"""Dockerfile and docker-compose.yml, held against the code, and their commands really run.

They run as the image would run them: on its files, and with the packages of requirements.txt alone.
"""

import os
import re
import shlex
import shutil
import signal
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
from django.core.exceptions import ImproperlyConfigured
from django.core.management import get_commands
from django.utils.module_loading import import_string

from quizarena.local import production
from quizarena.local.home import Home
from quizarena.local.ports import any_free_port
from quizarena.local.processes import read_procfile
from quizarena.local.services import CHECKOUT, Services, running
from tests import fresh_settings
from tests.local import image, image_check
from tests.local.tls import tls_in_front_of
from tests.sandbox import Sandbox

COMPOSE: dict[str, Any] = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
APPLICATIONS = {name: service for name, service in SERVICES.items() if "build" in service}
WORKERS = {name: service for name, service in SERVICES.items() if name.startswith("worker-")}
EVERYWHERE = "0.0.0.0"  # noqa: S104  in a container, whose engine decides what is reached
# On a machine that is busy with other things; it is waited for facts, which come in seconds.
PATIENCE_SECONDS = 900
VARIABLE = re.compile(r"\$\{(\w+)(?::([?-])([^}]*))?\}")


def dockerfile_steps(name: str) -> list[str]:
    """Return the arguments of each `name` instruction of the Dockerfile, continuations joined."""
    return re.findall(rf"^{name}\s+(.*)$", image.CONTAINERFILE, re.MULTILINE)


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
            "backup",
            "valkey",
            "migrate",
            "web",
            "webhook",
            "worker-critical",
            "worker-default",
            "worker-bulk",
            "sender",
            "beat",
            "readiness",
            "prometheus",
            "grafana",
        ]
        # What is beside the product starts only for who asks for it.
        profiles = {
            name: service["profiles"] for name, service in SERVICES.items() if "profiles" in service
        }
        assert profiles == {
            "backup": ["backup"],
            "prometheus": ["monitoring"],
            "grafana": ["monitoring"],
        }

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
            # Without its address a channel is not used: empty is no secret.
            "ALERT_PAGERDUTY_ROUTING_KEY": "",
            "ALERT_PAGERDUTY_URL": "https://events.pagerduty.com/v2/enqueue",
            "ALERT_SLACK_WEBHOOK_URL": "",
            "ALERT_TELEGRAM_STAFF": "",
            "ALERT_WEBHOOK_SECRET": "",
            "ALERT_WEBHOOK_URL": "",
            "API_RATE": "120/min",
            "BACKUP_DIRECTORY": "backups",
            "BACKUP_HOUR": "2",
            "BACKUP_KEEP_DAYS": "14",
            "DOCUMENTATION_URL": "",
            "GRAFANA_PORT": "3000",
            "LOG_LEVEL": "INFO",
            # Without it there is no /metrics.
            "METRICS_TOKEN": "",
            "PLAYER_ACTIONS_PER_SECOND": "5",
            "PROMO_APPROVAL_STARS": "5000",
            "BROADCAST_APPROVAL_PLAYERS": "10000",
            "REFUND_APPROVAL_STARS": "100",
            "REFUND_DAILY_STARS": "500",
            "TELEGRAM_INLINE_MODE": "false",
            "TRUSTED_PROXIES": "0",
            "WEB_PORTS": "8000",
            "WEBHOOK_PORTS": "8001",
        }

    def test_the_example_names_every_variable_and_holds_no_secret(self) -> None:
        text = (CHECKOUT / "docker-compose.yml").read_text()
        example = dict(
            re.findall(r"^(\w+)=(.*)$", (CHECKOUT / ".env.example").read_text(), re.MULTILINE)
        )

        assert set(example) == {name for name, _, _ in VARIABLE.findall(text)}
        assert {name for name, value in example.items() if not value} == {
            "ALERT_PAGERDUTY_ROUTING_KEY",
            "ALERT_SLACK_WEBHOOK_URL",
            "ALERT_TELEGRAM_STAFF",
            "ALERT_WEBHOOK_SECRET",
            "ALERT_WEBHOOK_URL",
            "DOCUMENTATION_URL",
            "METRICS_TOKEN",
            "SECRET_KEY",
            "PAYMENT_PAYLOAD_KEYS",
            "POSTGRES_APP_PASSWORD",
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

    def test_only_what_migrates_is_the_owner_of_the_tables(self) -> None:
        owner = re.compile(r"postgresql://quizarena:\$\{POSTGRES_PASSWORD:")

        owners = {
            name
            for name, service in APPLICATIONS.items()
            if any(owner.match(str(value)) for value in service["environment"].values())
        }

        assert owners == {"migrate"}
        assert owner.match(SERVICES["migrate"]["environment"]["DATABASE_OWNER_URL"])
        for service in APPLICATIONS.values():
            assert service["environment"]["DATABASE_URL"].startswith(
                "postgresql://quizarena_app:${POSTGRES_APP_PASSWORD:"
            )

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
        assert SERVICES["webhook"]["ports"] == ["127.0.0.1:${WEBHOOK_PORTS:-8001}:8001"]
        opened = [name for name in SERVICES if "ports" in SERVICES[name]]
        assert opened == ["web", "webhook", "grafana"]
        assert SERVICES["grafana"]["ports"] == ["127.0.0.1:${GRAFANA_PORT:-3000}:3000"]

    def test_prometheus_may_ask_web_and_grafana_finds_its_files(self) -> None:
        monitoring = CHECKOUT / "docs" / "monitoring"
        asked = yaml.safe_load((monitoring / "prometheus.yml").read_text())["scrape_configs"][0]
        [target] = asked["static_configs"][0]["targets"]
        mounted = {
            inside: CHECKOUT / outside
            for name in ("prometheus", "grafana")
            for outside, inside, *_ in (one.split(":") for one in SERVICES[name]["volumes"])
            if outside.startswith("./")
        }

        host, port = target.split(":")
        assert command("web")[command("web").index("--port") + 1] == port
        assert SERVICES["web"]["environment"]["ALLOWED_HOSTS"].endswith(f",{host}")
        [config] = SERVICES["prometheus"]["configs"]
        assert asked["authorization"]["credentials_file"] == config["target"]
        assert COMPOSE["configs"][config["source"]]["content"] == "${METRICS_TOKEN:-}\n"
        assert all(path.exists() for path in mounted.values())
        [provider] = yaml.safe_load(
            (monitoring / "grafana" / "dashboards" / "provider.yml").read_text()
        )["providers"]
        assert (
            mounted["/etc/grafana/provisioning"] / Path(provider["options"]["path"]).name
        ).is_dir()
        home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
        assert (monitoring / "grafana" / "dashboards" / Path(home).name).is_file()
        # Nobody can sign in, and with the password that Grafana comes with least of all.
        assert SERVICES["grafana"]["environment"]["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
        assert SERVICES["grafana"]["environment"]["GF_AUTH_BASIC_ENABLED"] == "false"

    def test_compose_can_write_every_file_that_it_has_the_text_of(self) -> None:
        """It refuses to in a read-only container; of an empty text it makes a mount."""
        written = {
            name: VARIABLE.sub("", config["content"])
            for name, config in COMPOSE["configs"].items()
            if "content" in config
        }

        assert set(written) == {"valkey", "metrics_token"}
        assert "" not in written.values()
        wanting = [
            (name, config["source"])
            for name, service in SERVICES.items()
            for config in service.get("configs", ())
            if config["source"] in written
        ]
        assert wanting == [("valkey", "valkey"), ("prometheus", "metrics_token")]
        for name, _ in wanting:
            assert "read_only" not in SERVICES[name]

    @staticmethod
    def _first_complaint(environment: dict[str, str]) -> str | None:
        """Return the variable that the settings miss in `environment`, if any."""
        try:
            fresh_settings.load(environment)
        except ImproperlyConfigured as error:
            complaint = str(error)
        else:
            return None
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
            case ["sleep", "infinity"]:
                assert service == "readiness"
            case _:
                pytest.fail(f"nobody knows {words}")

    def test_beat_runs_our_scheduler(self) -> None:
        assert import_string(python_path("--scheduler", command("beat")))

    def test_the_demo_runs_what_production_runs(self) -> None:
        """The same commands, but for where web listens and how many queues a worker takes."""
        procfile = {
            name: shlex.split(
                line.replace("$PORT", "8000")
                .replace("$WEBHOOK_PORT", "8001")
                .replace("${WEB_WORKERS:-1}", "2")
                .replace("${WEBHOOK_WORKERS:-1}", "2")
            )
            for name, line in read_procfile(CHECKOUT / "Procfile").items()
        }

        def on_loopback(words: list[str]) -> list[str]:
            return ["127.0.0.1" if word == EVERYWHERE else word for word in words]

        worker = [
            "critical,default,bulk" if word == "default" else word
            for word in command("worker-default")
        ]
        assert procfile["web"] == on_loopback(command("web"))
        assert procfile["webhook"] == on_loopback(command("webhook"))
        assert procfile["worker"] == worker
        assert procfile["sender"] == command("sender")
        assert procfile["beat"] == command("beat")


class TestDockerfile:
    """The image is small, has no root, and nothing of a developer's machine."""

    def test_both_stages_stand_on_one_pinned_slim_image(self) -> None:
        assert dockerfile_steps("ARG") == ["PYTHON_IMAGE=python:3.11-slim-bookworm"]
        assert dockerfile_steps("FROM") == ["${PYTHON_IMAGE} AS build", "${PYTHON_IMAGE}"]

    def test_only_wheels_with_known_hashes_are_installed(self) -> None:
        installs = re.findall(r"pip install[^&\n]*", image.CONTAINERFILE)

        assert len(installs) == 3
        for install in installs:
            assert "--only-binary=:all:" in install
            assert "--require-hashes" in install
            assert "requirements-dev" not in install

    def test_the_build_finds_babel_in_the_development_requirements(self) -> None:
        [expression] = re.findall(r"sed -n '([^']*)' requirements-dev.txt", image.DOCKERFILE)

        found = subprocess.check_output(
            ["sed", "-n", expression, str(CHECKOUT / "requirements-dev.txt")], text=True
        )

        assert re.fullmatch(r"babel==[\d.]+ \\\n(    --hash=sha256:\w{64} ?\\?\n)+", found)

    def test_the_last_word_on_the_user_is_not_root(self) -> None:
        assert dockerfile_steps("USER") == ["10001:10001"]

    def test_nothing_of_a_developers_machine_is_copied(self) -> None:
        assert "*" in (CHECKOUT / ".dockerignore").read_text().splitlines()
        assert image.copied() == {
            "bot",
            "content/bank",
            "docs/handbook",
            "economy",
            "payments",
            "promos",
            "quizarena",
            "manage.py",
            "mkdocs.yml",
            "requirements.txt",
            "requirements-dev.txt",
            "requirements-handbook.txt",
        }
        assert image.removed() == ["quizarena/local", "bot/sandbox", "docs"]

    def test_the_handbook_is_built_into_it_with_the_packages_of_its_own_file(self) -> None:
        [build] = [step for step in dockerfile_steps("RUN") if "quizarena.local.handbook" in step]

        assert "PYTHONPATH=/tmp/handbook python -m quizarena.local.handbook" in build
        assert "--requirement requirements-handbook.txt --target /tmp/handbook" in (
            " ".join(dockerfile_steps("RUN"))
        )
        pins = set((CHECKOUT / "requirements-handbook.txt").read_text().splitlines())
        assert pins <= set((CHECKOUT / "requirements-dev.txt").read_text().splitlines())


class TestImageCheck:
    def test_it_plays_with_every_application(self) -> None:
        assert list(APPLICATIONS) == list(image_check.APPLICATIONS)

    def test_without_an_engine_it_fails_with_a_sentence(self, tmp_path: Path) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "tests.local.image_check"],
            env={**os.environ, "PATH": str(tmp_path)},
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            check=False,
        )

        assert done.returncode == 1
        assert done.stderr == (
            "error: There is no container engine with compose: install and start Docker or "
            "Podman.\n"
        )

    def test_where_the_composition_does_not_start_its_log_says_why(self, tmp_path: Path) -> None:
        engine = tmp_path / "docker"
        engine.write_text(
            "#!/bin/sh\n"
            'case "$*" in\n'
            "*' up '*) exit 1 ;;\n"
            "*' logs '*) echo 'migrate | no such host' ;;\n"
            "esac\n"
        )
        engine.chmod(0o755)

        done = subprocess.run(
            [sys.executable, "-m", "tests.local.image_check"],
            env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            check=False,
        )

        assert done.returncode == 1
        assert "migrate | no such host\n" in done.stdout
        assert done.stderr.endswith("up --detach failed: what it said stands above.\n")


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    """An empty PostgreSQL and Valkey."""
    with pytest.MonkeyPatch.context() as environment:
        for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL"):
            environment.delenv(name, raising=False)
        with running(Home.throw_away_home(durable=False)) as services:
            yield services


class Composition:
    """What compose would run, as processes on this machine: the commands, and how it asks them."""

    def __init__(
        self, services: Services, *, directory: Path, token: str, telegram_url: str, authority: Path
    ) -> None:
        self.image = image.build(directory)
        self.ports = {"8000": str(any_free_port()), "8001": str(any_free_port())}
        # Nothing of this process's environment: a container has none of it either.
        self.environment = {
            **production.environment(),
            "DATABASE_URL": services.environment["DATABASE_URL"],
            "REDIS_URL": services.environment["REDIS_URL"],
            "TELEGRAM_API_URL": telegram_url,
            "TELEGRAM_BOT_TOKEN": token,
            "SSL_CERT_FILE": str(authority),
            "PATH": self.image.path,
        }
        # What compose gives to the migration alone.
        self._owner = {"DATABASE_OWNER_URL": services.environment["DATABASE_OWNER_URL"]}
        self._group = services.applications.group

    @property
    def webhook_url(self) -> str:
        """The address of the webhook's server."""
        return f"http://127.0.0.1:{self.ports['8001']}"

    def start(self, name: str) -> subprocess.Popen[bytes]:
        """Start a service."""
        # In a container each worker has the container's name; here they need one each.
        named = ["--hostname", f"celery@{name}"] if name in WORKERS else []
        return subprocess.Popen(
            [*self._words(command(name)), *named],
            env=self.environment | (self._owner if name == "migrate" else {}),
            cwd=self.image.directory,
            process_group=self._group,
        )

    def health_check(self, name: str) -> int:
        """Ask a service as compose asks, and return the exit code."""
        kind, *check = SERVICES[name]["healthcheck"]["test"]
        assert kind == "CMD"
        return self.run(*self._words(check))

    def run(self, *words: str) -> int:
        """Run a command in a container and return its exit code."""
        return subprocess.call(words, env=self.environment, cwd=self.image.directory)

    def _words(self, given: list[str]) -> list[str]:
        words = [word.replace(EVERYWHERE, "127.0.0.1") for word in given]
        for inside, outside in self.ports.items():
            words = [word.replace(inside, outside) for word in words]
        # The engine finds a command in the container's PATH and not in ours.
        return [shutil.which(words[0], path=self.image.path) or words[0], *words[1:]]


def test_the_very_commands_run_and_an_update_is_done(services: Services, tmp_path: Path) -> None:
    """Start what compose starts, in its order; ask as its engine asks; play as a player plays."""
    authority = tmp_path / "authority.pem"
    with (
        Sandbox() as telegram,
        tls_in_front_of(telegram.port, authority=authority) as telegram_url,
    ):
        compose = Composition(
            services,
            directory=tmp_path / "app",
            token=telegram.token,
            telegram_url=telegram_url,
            authority=authority,
        )
        assert compose.start("migrate").wait(PATIENCE_SECONDS) == 0
        names = [name for name in APPLICATIONS if name != "migrate"]
        processes = {name: compose.start(name) for name in names}

        deadline = time.monotonic() + PATIENCE_SECONDS
        for name in names:
            while compose.health_check(name) != 0:
                assert processes[name].poll() is None, f"{name} has ended"
                assert time.monotonic() < deadline, f"{name} is not healthy"
                # Compose asks every few seconds; each asking is a process that takes from others.
                time.sleep(1)

        set_webhook = ("manage.py", "webhook", "set", "--url", compose.webhook_url)
        assert compose.run("python", *set_webhook) == 0
        anna = telegram.add_player("Anna")
        telegram.say(anna, "/start")
        telegram.wait_for(
            lambda: telegram.last_message(anna)["from"]["is_bot"], timeout=PATIENCE_SECONDS
        )

        for process in processes.values():
            process.terminate()
        ended = {name: process.wait(PATIENCE_SECONDS) for name, process in processes.items()}
        assert ended.pop("readiness") == -signal.SIGTERM
        assert set(ended.values()) == {0}, ended
        # And a health check has to be able to fail.
        assert compose.health_check("web") != 0
        assert compose.health_check("webhook") != 0
