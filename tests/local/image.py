"""What the image holds, made without a container engine.

The files that .dockerignore lets in, without what the Dockerfile removes, beside a virtual
environment of requirements.txt alone: whatever only a developer's machine has is missing here too.
"""

import fcntl
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from quizarena.local import production
from quizarena.local.services import CHECKOUT

DOCKERFILE = (CHECKOUT / "Dockerfile").read_text()
CONTAINERFILE = DOCKERFILE.replace("\\\n", " ")
# Environments are kept between runs, each under the hash of what it was made of.
KEPT = (CHECKOUT / ".venv").resolve()


@dataclass(frozen=True, slots=True)
class Image:
    """Where the image's files are: its /app and its /opt/venv."""

    directory: Path
    environment: Path

    @property
    def path(self) -> str:
        """What PATH is in a container."""
        return f"{self.environment / 'bin'}:/usr/bin:/bin"


def build(directory: Path) -> Image:
    """Put into `directory` what the Dockerfile puts into /app; return it with its environment."""
    image = Image(directory=directory, environment=production_environment())
    directory.mkdir()
    for name in copied():
        source = CHECKOUT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, directory / name, ignore=ignored)
        else:
            shutil.copy(source, directory / name)
    python = str(image.environment / "bin" / "python")
    settings = {**production.environment(), "PATH": image.path}
    for command in (
        [python, "manage.py", "collectstatic", "--noinput", "--verbosity", "0"],
        ["rm", "-r", *removed()],
        [python, "-m", "compileall", "-q", "."],
    ):
        subprocess.run(command, cwd=directory, env=settings, check=True)
    return image


def copied() -> set[str]:
    """Return what .dockerignore lets in."""
    lines = (CHECKOUT / ".dockerignore").read_text().splitlines()
    return {line.removeprefix("!") for line in lines if line.startswith("!")}


def removed() -> list[str]:
    """Return the directories that the Dockerfile removes."""
    [directories] = re.findall(r"&& rm -r ([^&]*?) +&&", CONTAINERFILE)
    return str(directories).split()


def production_environment() -> Path:
    """Return a virtual environment of requirements.txt alone, wheels with known hashes.

    It is made once per content of the file, interpreter and place, which its scripts name; whoever
    comes meanwhile waits.
    """
    requirements = CHECKOUT / "requirements.txt"
    made_for = f"{sys.version} {KEPT}".encode()
    digest = sha256(made_for + requirements.read_bytes()).hexdigest()[:16]
    environment = KEPT / f"production-{digest}"
    complete = environment / ".complete"
    with (KEPT / "production.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not complete.exists():
            for outdated in KEPT.glob("production-*"):
                shutil.rmtree(outdated)
            _make(environment, requirements)
            complete.touch()
    return environment


def _make(environment: Path, requirements: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    python = str(environment / "bin" / "python")
    checked = ["--only-binary=:all:", "--require-hashes", "--requirement", str(requirements)]
    uv = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--system-certs"]
    made = subprocess.run([*uv, "--compile-bytecode", "--python", python, *checked], check=False)
    if made.returncode != 0:
        # As in the Makefile: where uv cannot run, pip does the same slowly.
        pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet"]
        subprocess.run([*pip, *checked], check=True)
