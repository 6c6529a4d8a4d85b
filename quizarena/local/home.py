"""Where the embedded servers live: their directory, whose it is, and how durable they are."""

import fcntl
import hashlib
import os
import pwd
import secrets
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

import psutil

from quizarena.local.errors import LocalError

SHARED_MEMORY = Path("/dev/shm")
SHARED_MEMORY_BYTES_MIN = 2 * 1024**3
# A run that was killed needs this long at most until its watchdogs have stopped everything.
STOPPING_SECONDS_MAX = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """A directory for servers; `lock` is the open file that keeps other runs out."""

    directory: Path
    lock: int
    durable: bool
    throw_away: bool
    run_as: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, data: Path) -> Self:
        """Lock and return the lasting home below `data`; raise LocalError if another run has it."""
        if not data.exists():
            data.mkdir(parents=True)
            data.chmod(0o711)
        lock = take_lock(data)
        directory = server_directory(data)
        directory.mkdir(parents=True, exist_ok=True)
        return cls(
            directory=directory,
            lock=lock,
            durable=True,
            throw_away=False,
            run_as=_run_as(directory),
        )

    @classmethod
    def throw_away_home(cls, *, durable: bool) -> Self:
        """Return a home of this run alone: in memory if it fits, on a disk if it is `durable`."""
        parent: Path | None = None
        if durable:
            parent = Path("/var/tmp")
        elif (
            os.access(SHARED_MEMORY, os.W_OK)
            and shutil.disk_usage(SHARED_MEMORY).free > SHARED_MEMORY_BYTES_MIN
        ):
            parent = SHARED_MEMORY
        directory = Path(tempfile.mkdtemp(prefix="quizarena-", dir=parent))
        return cls(
            directory=directory,
            lock=take_lock(directory),
            durable=durable,
            throw_away=True,
            run_as=_run_as(directory),
        )

    def own_directory(self, name: str) -> Path:
        """Make and return a directory that only the servers' account can read."""
        directory = self.directory / name
        directory.mkdir(exist_ok=True)
        directory.chmod(0o700)
        self.hand_over(directory)
        return directory

    def hand_over(self, path: Path) -> None:
        """Give `path` to the account that the servers run as."""
        if self.run_as:
            os.chown(path, self.run_as["user"], self.run_as["group"])

    def password(self, name: str) -> str:
        """Return the password `name`, made at the first call and kept with the data."""
        return kept_secret(self.directory / f"{name}.password")

    def reachable(self, executable: Path) -> Path:
        """Return `executable`, or a copy of its package if the servers' account cannot reach it.

        A wheel keeps its shared libraries in a sibling directory PACKAGE.libs and finds them by
        a relative path, so both are copied, side by side.
        """
        if not self.run_as or _open_to_all(executable):
            return executable
        packages = ("site-packages", "dist-packages")
        package = next((p for p in executable.parents if p.parent.name in packages), None)
        if package is None:
            raise LocalError(
                f"{executable} cannot be run by the account nobody: make its directories "
                "readable for all, or set DATABASE_URL and REDIS_URL."
            )
        copies = self.directory / f"{package.name}-{executable.stat().st_mtime_ns}"
        if not copies.exists():
            unfinished = copies.with_suffix(".unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            for source in (package, package.with_name(f"{package.name}.libs")):
                if source.exists():
                    shutil.copytree(source, unfinished / source.name, symlinks=True)
            subprocess.run(["chmod", "-R", "a+rX", unfinished], check=True)
            unfinished.rename(copies)
        return copies / executable.relative_to(package.parent)


def server_directory(data: Path) -> Path:
    """Return where the servers of `data` keep theirs.

    Servers refuse to run as root, so root runs them as another account, and that must be able to
    reach them: a checkout below /root cannot hold them.
    """
    directory = data.resolve() / "servers"
    if os.geteuid() != 0 or _traversable_by_all(directory):
        return directory
    digest = hashlib.sha256(bytes(data.resolve())).hexdigest()[:12]
    return Path("/var/lib/quizarena") / digest


def take_lock(directory: Path) -> int:
    """Lock `directory` for this process and return the open lock file.

    Waits for the end of a run that was killed and is still being stopped. Raises LocalError if a
    living run has it.
    """
    path = directory / "lock"
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    give_up_at = time.monotonic() + STOPPING_SECONDS_MAX
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = path.read_text().strip()
            alive = holder.isdigit() and psutil.pid_exists(int(holder))
            if alive or time.monotonic() > give_up_at:
                os.close(lock)
                raise LocalError(
                    f"{directory} is in use by process {holder or 'unknown'}: stop that first, "
                    "or set QUIZARENA_DATA to another directory."
                ) from None
            time.sleep(0.1)
        else:
            os.ftruncate(lock, 0)
            os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
            return lock


def kept_secret(path: Path) -> str:
    """Return the secret in the file `path`, readable by its owner only; make one if it is new."""
    if not path.exists():
        unfinished = path.with_name(f"{path.name}.unfinished")
        unfinished.unlink(missing_ok=True)
        unfinished.touch(mode=0o600, exist_ok=False)
        unfinished.write_text(secrets.token_urlsafe(48))
        unfinished.rename(path)
    return path.read_text()


def package_directory(name: str) -> Path | None:
    """Return where the package `name` is installed, without importing it."""
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0])


def _run_as(directory: Path) -> dict[str, Any]:
    """Return what makes Popen use the servers' account: our own, or nobody in place of root."""
    if os.geteuid() != 0:
        return {}
    directory.chmod(0o711)
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _traversable_by_all(path: Path) -> bool:
    return all(p.stat().st_mode & stat.S_IXOTH for p in path.parents)


def _open_to_all(executable: Path) -> bool:
    readable = stat.S_IROTH | stat.S_IXOTH
    return executable.stat().st_mode & readable == readable and _traversable_by_all(executable)
