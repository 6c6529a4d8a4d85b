"""Compile and check the translations: `python -m quizarena.translations`.

Babel does it, so that no system package is needed; the compiled catalogues are not committed.
"""

import ast
import io
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
LOCALES = ROOT / "bot" / "locale"
PACKAGES = ("bot", "economy", "payments", "promos", "quizarena")
# The functions that translate, with the arguments that are messages where that is not the first.
KEYWORDS: dict[str, tuple[int, int] | None] = {"_": None, "gettext": None, "ngettext": (1, 2)}
_SPEAKS = re.compile(r"^from django\.utils\.translation import .*gettext", re.MULTILINE)
_PLACEHOLDER = re.compile(r"\{[^{}]*\}")
_NOISE = tuple(
    f'"{header}'
    for header in (
        "Project-Id",
        "Report-Msgid",
        "POT-Creation",
        "PO-Revision",
        "Last-Translator",
        "Language-Team",
        "Generated-By",
    )
)
_TAG = re.compile(r"</?[a-z-]+(?: [a-z-]+)?>")


def catalogues() -> list[Path]:
    """Return every language's catalogue."""
    return sorted(LOCALES.glob("*/LC_MESSAGES/django.po"))


def sources() -> list[Path]:
    """Return every module of ours that asks for translations."""
    modules = (path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")))
    return [path for path in modules if _SPEAKS.search(path.read_text())]


def wanted() -> Catalog:
    """Return the messages that the sources ask for."""
    catalog = Catalog()
    for path in sources():
        name = path.relative_to(ROOT).as_posix()
        for line, message, comments, _context in extract_from_file(
            "python", path, keywords=KEYWORDS, comment_tags=("Translators:",)
        ):
            catalog.add(message, locations=[(name, line)], auto_comments=comments)
    return catalog


def hidden(source: str) -> list[int]:
    """Return the lines of a module that ask for a translation within an f-string.

    Nobody finds these: for Babel such a string is one piece.
    """
    return [
        inner.lineno
        for joined in ast.walk(ast.parse(source))
        if isinstance(joined, ast.JoinedStr)
        for inner in ast.walk(joined)
        if isinstance(inner, ast.Call)
        and isinstance(inner.func, ast.Name)
        and inner.func.id in KEYWORDS
    ]


def read(path: Path) -> Catalog:
    """Return one language's catalogue."""
    with path.open("rb") as file:
        return read_po(file, locale=path.parent.parent.name)


def faults(path: Path) -> list[str]:
    """Return a sentence for everything that is missing, left over or broken in a catalogue."""
    catalog, sources = read(path), wanted()
    found = []
    for message in sources:
        if not message.id:
            continue
        translated = catalog.get(message.id)
        if translated is None:
            found.append(f"missing: {message.id!r}")
            continue
        if translated.fuzzy:
            found.append(f"fuzzy: {message.id!r}")
        originals, strings = _forms(message.id), _forms(translated.string)
        if not all(strings):
            found.append(f"untranslated: {message.id!r}")
        elif any(_marks(string) != _marks(originals[-1]) for string in strings):
            found.append(f"placeholders or tags differ: {message.id!r}")
        if len(originals) > 1 and len(strings) != catalog.num_plurals:
            found.append(f"needs {catalog.num_plurals} plural forms: {message.id!r}")
    found += [
        f"no longer used: {message.id!r}"
        for message in catalog
        if message.id and sources.get(message.id) is None
    ]
    return found


def write(catalog: Catalog, path: Path) -> None:
    """Write one language's catalogue, with only those headers that say something."""
    buffer = io.BytesIO()
    # Without line numbers: a moved text is no change of its translation.
    write_po(buffer, catalog, width=100, include_lineno=False)
    kept = [
        line
        for line in buffer.getvalue().decode().splitlines(keepends=True)
        if not line.startswith(_NOISE)
    ]
    path.write_text("".join(kept))


def update() -> None:
    """Bring every catalogue in line with the sources, keeping what is translated."""
    for path in catalogues():
        catalog = read(path)
        catalog.update(wanted(), no_fuzzy_matching=True)
        catalog.obsolete.clear()
        write(catalog, path)


def compile_all() -> None:
    """Write the compiled catalogue beside each catalogue that is newer than its own."""
    for path in catalogues():
        compiled = path.with_suffix(".mo")
        if compiled.exists() and compiled.stat().st_mtime >= path.stat().st_mtime:
            continue
        with compiled.open("wb") as file:
            write_mo(file, read(path))


def _forms(message: str | Sequence[str] | None) -> list[str]:
    """Return a message's singular and plural forms, or its only form."""
    return [message or ""] if isinstance(message, str | None) else list(message)


def _marks(string: str) -> tuple[list[str], list[str]]:
    """Return the placeholders and tags of a message; a translation has the same."""
    return sorted(_PLACEHOLDER.findall(string)), sorted(_TAG.findall(string))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["update"]:
            update()
        case ["check"]:
            broken = [f"{path}: {fault}" for path in catalogues() for fault in faults(path)]
            broken += [
                f"{path}:{line}: take the translation out of the f-string"
                for path in sources()
                for line in hidden(path.read_text())
            ]
            sys.exit("\n".join(broken) or 0)
        case []:
            compile_all()
        case _:
            sys.exit("usage: python -m quizarena.translations [update|check]")
