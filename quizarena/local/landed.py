"""Which migrations there are, so that a demo knows before Django whether any is new."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

PACKAGES = ("bot", "economy", "payments", "promos", "quizarena")


def version(checkout: Path) -> str:
    """Return what changes with every migration of ours, and with the packages that have others."""
    found = hashlib.sha256()
    for path in (checkout / "requirements.txt", *migrations(checkout)):
        content = path.read_bytes()
        found.update(f"{path.relative_to(checkout)} {len(content)}\n".encode())
        found.update(content)
    return found.hexdigest()


def migrations(checkout: Path) -> Iterator[Path]:
    """Yield the files with migrations of ours, package by package, in order."""
    for package in PACKAGES:
        yield from sorted((checkout / package).rglob("migrations/*.py"))
