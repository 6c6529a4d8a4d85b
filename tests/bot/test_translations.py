"""The catalogues are whole, and a broken one is found."""

import ast
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
        (r'msgstr "Nutzungsbedingungen"', 'msgstr ""', "untranslated: 'Terms'"),
        (r'msgid "Terms"\nmsgstr "Nutzungsbedingungen"\n', "", "missing: 'Terms'"),
        (r'msgid "Terms"', '#, fuzzy\nmsgid "Terms"', "fuzzy: 'Terms'"),
        (r'msgid "Terms"', 'msgid "Conditions"', "no longer used: 'Conditions'"),
        (r"Hallo, \{name\}", "Hallo, {nam}", "placeholders or tags differ"),
        (r"Hallo, \{name\}", "Hallo", "placeholders or tags differ"),
        (r"<b>Nutzungsbedingungen</b>", "<b>Nutzungsbedingungen<b>", "placeholders or tags differ"),
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


def test_no_module_hides_a_text_in_an_f_string() -> None:
    hidden = {path: translations.hidden(path.read_text()) for path in translations.sources()}

    assert {path: lines for path, lines in hidden.items() if lines} == {}


def test_a_text_that_is_hidden_in_an_f_string_is_found() -> None:
    assert translations.hidden("a = _('b')\nc = f\"{d} {_('e')}\"\n") == [2]


# --- What a module asks for -----------------------------------------------------------------------


def asked(source: str) -> tuple[list[str], list[str]]:
    """Return the messages that a module asks gettext for, and what no extraction can find."""
    tree = ast.parse(source)
    names = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation"
        for alias in node.names
        if "gettext" in alias.name
    }
    hidden = {
        id(inner)
        for outer in ast.walk(tree)
        if isinstance(outer, ast.JoinedStr)
        for inner in ast.walk(outer)
    }
    found, lost = [], []
    for node in ast.walk(tree):
        if not (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names
        ):
            continue
        texts = node.args[:2] if len(node.args) > 1 else node.args
        for text in texts:
            if id(node) in hidden or not isinstance(text, ast.Constant):
                lost.append(f"line {node.lineno}: {ast.unparse(node)}")
            else:
                found.append(str(text.value))
    return found, lost


@pytest.mark.parametrize(
    "source",
    translations.sources(),
    ids=lambda path: path.relative_to(translations.ROOT).as_posix(),
)
def test_every_sentence_of_a_module_is_in_both_catalogues(source: Path) -> None:
    found, lost = asked(source.read_text())

    assert lost == []
    assert found
    for path in CATALOGUES:
        known = {
            form
            for message in translations.read(path)
            for form in ([message.id] if isinstance(message.id, str) else message.id)
        }
        assert [message for message in found if message not in known] == []


@pytest.mark.parametrize(
    "call",
    [
        "f\"{head} {_('One answered question is enough.')}\"",
        '_(f"{count} energy points")',
        "_(head)",
        'ngettext("{count} day", f"{count} days", 2)',
    ],
)
def test_a_sentence_that_no_extraction_can_find_is_refused(call: str) -> None:
    _found, lost = asked(
        "from django.utils.translation import gettext as _\n"
        f"from django.utils.translation import ngettext\n\nx = {call}\n"
    )

    assert len(lost) == 1


def test_all_modules_with_texts_for_players_are_looked_at() -> None:
    names = {path.relative_to(translations.ROOT).as_posix() for path in translations.sources()}

    assert names >= {
        "bot/chat/goods_texts.py",
        "bot/chat/phrases.py",
        "bot/messages/texts.py",
        "bot/screens/game/texts.py",
        "bot/screens/invite/texts.py",
        "bot/screens/offers/texts.py",
        "bot/screens/promo/texts.py",
        "bot/screens/receipts/texts.py",
        "bot/screens/settings/texts.py",
        "bot/screens/shop/texts.py",
        "bot/screens/support/texts.py",
        "bot/screens/wallet/texts.py",
        "bot/texts.py",
    }
