"""`make image-check`: build the image, bring the composition up, and play with it.

Needs Docker or Podman with compose. Telegram is the sandbox, on this machine, behind TLS; whatever
happens, the containers and their volumes are removed at the end.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from quizarena.local import production
from quizarena.local.errors import LocalError
from quizarena.local.ports import any_free_port
from quizarena.local.services import CHECKOUT
from tests.local.tls import tls_in_front_of
from tests.sandbox import Sandbox

PROJECT = "quizarena-image-check"
ENGINES = (
    ("docker", ("docker", "compose")),
    ("docker", ("docker-compose",)),
    ("podman", ("podman", "compose")),
    ("podman", ("podman-compose",)),
)
HEALTHY_SECONDS_MAX = 600
# Crashing processes are started again within this; then none may have been.
WATCHED_SECONDS = 75
TELEGRAM = "telegram.test"
APPLICATION = """
    environment:
      TELEGRAM_API_URL: {url}
      SSL_CERT_FILE: /authority.pem
    extra_hosts: ["{host}:host-gateway"]
    volumes: ["{authority}:/authority.pem:ro"]
"""
APPLICATIONS = (
    "migrate",
    "web",
    "webhook",
    "worker-critical",
    "worker-default",
    "worker-bulk",
    "sender",
    "beat",
    "readiness",
)


def main() -> None:
    """Check the image; an error is one sentence."""
    try:
        engine, compose = find_engine()
        with tempfile.TemporaryDirectory() as directory:
            check(engine, compose, directory=Path(directory))
    except LocalError as error:
        sys.exit(f"error: {error}")
    except subprocess.CalledProcessError as error:
        sys.exit(f"error: {' '.join(map(str, error.cmd))} failed: what it said stands above.")


def find_engine() -> tuple[str, Sequence[str]]:
    """Return the engine's command and compose's. Raises LocalError where none answers."""
    for engine, compose in ENGINES:
        if shutil.which(engine) and _answers(engine, "info") and _answers(*compose, "version"):
            return engine, compose
    raise LocalError(
        "There is no container engine with compose: install and start Docker or Podman."
    )


def check(engine: str, compose: Sequence[str], *, directory: Path) -> None:
    """Build, start, wait for health, play, and see that nothing was started twice."""
    authority = directory / "authority.pem"
    web_port, webhook_port = any_free_port(), any_free_port()
    with (
        Sandbox() as sandbox,
        tls_in_front_of(
            sandbox.port,
            authority=authority,
            address="0.0.0.0",  # noqa: S104 -- containers reach this machine from outside.
            name=TELEGRAM,
        ) as url,
    ):
        # Containers read it as another user.
        directory.chmod(0o755)
        authority.chmod(0o644)
        override = directory / "override.yml"
        application = APPLICATION.format(url=url, host=TELEGRAM, authority=authority)
        override.write_text(
            "services:\n" + "".join(f"  {name}:{application}" for name in APPLICATIONS)
        )
        files = ("--file", str(CHECKOUT / "docker-compose.yml"), "--file", str(override))
        environment = {
            **os.environ,
            **production.environment(),
            "TELEGRAM_BOT_TOKEN": sandbox.token,
            "TELEGRAM_BOT_USERNAME": "quizarena_bot",
            "POSTGRES_APP_PASSWORD": "imagecheck",
            "POSTGRES_PASSWORD": "imagecheck",
            "VALKEY_PASSWORD": "imagecheck",
            "WEB_PORTS": str(web_port),
            "WEBHOOK_PORTS": str(webhook_port),
        }

        def run(*words: str) -> None:
            command = [*compose, "--project-name", PROJECT, *files, *words]
            subprocess.run(command, cwd=CHECKOUT, env=environment, check=True)

        try:
            run("build")
            run("up", "--detach")
            _wait_until_healthy(engine)
            where = f"http://127.0.0.1:{webhook_port}"
            run("exec", "-T", "web", "python", "manage.py", "webhook", "set", "--url", where)
            anna = sandbox.add_player("Anna")
            sandbox.say(anna, "/start")
            sandbox.wait_for(lambda: sandbox.last_message(anna)["from"]["is_bot"], timeout=60)
            print(f"An update is done; watching for {WATCHED_SECONDS} s.", flush=True)
            time.sleep(WATCHED_SECONDS)
            _wait_until_healthy(engine)
            print("The image is good: all healthy, nothing was started again, an update is done.")
        except (AssertionError, LocalError, subprocess.CalledProcessError):
            # Compose names a container that ended, but not what it said.
            run("logs", "--tail", "50")
            raise
        finally:
            run("down", "--volumes")


def _wait_until_healthy(engine: str) -> None:
    """Return when all containers are healthy. Raises LocalError if one ends or never is."""
    deadline = time.monotonic() + HEALTHY_SECONDS_MAX
    while True:
        containers = _containers(engine)
        for name, container in containers.items():
            state = container["State"]
            is_over = "migrate" in name and state["Status"] == "exited" and state["ExitCode"] == 0
            if container.get("RestartCount", 0) or (state["Status"] == "exited" and not is_over):
                raise LocalError(f"{name} has ended and is started again: see its log above.")
        waiting = [name for name, one in containers.items() if not _is_good(name, one)]
        if containers and not waiting:
            return
        if time.monotonic() > deadline:
            raise LocalError(f"Not healthy: {', '.join(waiting)}.")
        time.sleep(2)


def _is_good(name: str, container: dict[str, Any]) -> bool:
    state = container["State"]
    health = state.get("Health") or state.get("Healthcheck") or {}
    return health.get("Status") == "healthy" or ("migrate" in name and state["Status"] == "exited")


def _containers(engine: str) -> dict[str, dict[str, Any]]:
    """Return what the engine knows of each container of the composition."""
    label = f"label=com.docker.compose.project={PROJECT}"
    listed = subprocess.check_output([engine, "ps", "--all", "--quiet", "--filter", label])
    ids = listed.decode().split()
    if not ids:
        return {}
    inspected: list[dict[str, Any]] = json.loads(subprocess.check_output([engine, "inspect", *ids]))
    return {one["Name"].strip("/"): one for one in inspected}


def _answers(*command: str) -> bool:
    """Return whether a command exists and ends well."""
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


if __name__ == "__main__":
    main()
