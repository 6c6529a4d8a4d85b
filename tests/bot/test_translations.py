"""The catalogues are whole, and a broken one is found."""

import gettext
import re
from pathlib import Path

import pytest

from quizarena import translations

CATALOGUES = translations.catalogues()


def test_german_and_ukrainian_are_there() -> None:
    assert [path.parent.parent.name for path in CATALOGUES] == ["de", "uk"]


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parent.parent.name)
def test_a_catalogue_is_whole(path: Path) -> None:
    assert translations.faults(path) == []


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parent.parent.name)
def test_what_is_compiled_is_what_is_written(path: Path) -> None:
    translations.compile_all()

    with path.with_suffix(".mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)

    assert compiled.gettext("Terms") == translations.read(path)["Terms"].string


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (r'msgstr "Regeln"', 'msgstr ""', "untranslated: 'Terms'"),
        (r'msgid "Terms"\nmsgstr "Regeln"\n', "", "missing: 'Terms'"),
        (r'msgid "Terms"', '#, fuzzy\nmsgid "Terms"', "fuzzy: 'Terms'"),
        (r'msgid "Terms"', 'msgid "Conditions"', "no longer used: 'Conditions'"),
        (r"Hallo, \{name\}", "Hallo, {nam}", "placeholders or tags differ"),
        (r"Hallo, \{name\}", "Hallo", "placeholders or tags differ"),
        (r"<b>Regeln</b>", "<b>Regeln<b>", "placeholders or tags differ"),
        (r'msgstr\[1\] ".*?"\n', 'msgstr[1] ""\n', "untranslated"),
    ],
)
def test_a_broken_catalogue_is_found(tmp_path: Path, old: str, new: str, fault: str) -> None:
    german = next(path for path in CATALOGUES if path.parent.parent.name == "de")
    text, count = re.subn(old, new.replace("\\", r"\\"), german.read_text(), count=1)
    broken = tmp_path / "de" / "LC_MESSAGES" / "django.po"
    broken.parent.mkdir(parents=True)
    broken.write_text(text)

    found = translations.faults(broken)

    assert count == 1
    assert any(sentence.startswith(fault) for sentence in found), found
