"""`python -m quizarena.local.handbook`: build the handbook of staff, and fail on a broken link."""

import fcntl
import importlib.util
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from quizarena.local.errors import LocalError

# The build of the image has none of what a developer's machine has: standard library alone.
CHECKOUT = Path(__file__).resolve().parents[2]
# The file of the site that says what it was built of.
BUILT_OF = ".built-of"


def main() -> None:
    """Build it, or say in one sentence why not."""
    try:
        build()
    except LocalError as error:
        sys.exit(f"error: {error}")


def build() -> None:
    """Build the site beside the one that is there, and then put it in its place.

    Locks mkdocs.yml. Raises LocalError with what mkdocs has said if it fails; the site that is
    there stays then.
    """
    if importlib.util.find_spec("mkdocs") is None:
        raise LocalError("mkdocs is not installed: run make setup.")
    site = CHECKOUT / "site"
    with (
        (CHECKOUT / "mkdocs.yml").open() as configuration,
        TemporaryDirectory(dir=CHECKOUT, prefix=".site-") as beside,
    ):
        fcntl.flock(configuration, fcntl.LOCK_EX)
        digest, built = _digest(), Path(beside, "site")
        done = subprocess.run(
            # Not --quiet: then no warning is counted, and nothing is strict.
            [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", built],
            cwd=CHECKOUT,
            # Material's notice about other software is not for whoever starts the demo.
            env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise LocalError(f"The handbook cannot be built.\n{done.stdout}{done.stderr}".rstrip())
        (built / BUILT_OF).write_text(digest)
        if site.exists():
            site.rename(Path(beside, "before"))
        built.rename(site)


def is_current() -> bool:
    """Return whether the site is there and of the pages as they are now."""
    built_of = CHECKOUT / "site" / BUILT_OF
    return built_of.exists() and built_of.read_text() == _digest()


def _digest() -> str:
    """Return what stands for the content of everything that the site is made of."""
    digest = sha256()
    pages = (CHECKOUT / "docs" / "handbook").rglob("*")
    made_of = (CHECKOUT / "mkdocs.yml", CHECKOUT / "quizarena" / "local" / "handbook_hooks.py")
    for path in (*made_of, *sorted(filter(Path.is_file, pages))):
        digest.update(f"{path.relative_to(CHECKOUT)}\0".encode())
        digest.update(sha256(path.read_bytes()).digest())
    return digest.hexdigest()


if __name__ == "__main__":
    main()
