"""Building the handbook: strictly, without a script in a page, and after a change."""

import importlib.util
import re
import shutil
from pathlib import Path

import pytest

from quizarena.local import handbook, handbook_hooks
from quizarena.local.errors import LocalError
from tests.staff.test_content_policy import INLINE

ADDRESS = re.compile(r"""(?:src|href)=["']?(?:https?:)?//""")


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with nothing but the handbook in it."""
    (tmp_path / "quizarena" / "local").mkdir(parents=True)
    for name in ("mkdocs.yml", "quizarena/local/handbook_hooks.py"):
        shutil.copy(handbook.CHECKOUT / name, tmp_path / name)
    shutil.copytree(handbook.CHECKOUT / "docs" / "handbook", tmp_path / "docs" / "handbook")
    monkeypatch.setattr(handbook, "CHECKOUT", tmp_path)
    return tmp_path


def test_no_page_has_a_script_or_leads_out_of_the_house(checkout: Path) -> None:
    handbook.build()

    pages = sorted((checkout / "site").rglob("*.html"))
    assert len(pages) > 40
    assert [page for page in pages if INLINE.search(page.read_text())] == []
    assert [page for page in pages if ADDRESS.search(page.read_text())] == []
    for page in pages:
        for script in re.findall(r'<script src="([^"]+)"', page.read_text()):
            assert (page.parent / script).is_file()


def test_it_is_built_again_only_after_a_change(checkout: Path) -> None:
    assert not handbook.is_current()
    handbook.build()
    assert handbook.is_current()

    (checkout / "docs" / "handbook" / "index.md").write_text("# Something else\n")

    assert not handbook.is_current()


def test_a_broken_link_fails_and_is_named(checkout: Path) -> None:
    page = checkout / "docs" / "handbook" / "finance" / "exports.md"
    page.write_text("# Exports\n\n[Nowhere](../nowhere.md)\n")

    with pytest.raises(LocalError, match=r"nowhere\.md"):
        handbook.build()

    assert not handbook.is_current()


def test_a_page_that_nobody_finds_fails(checkout: Path) -> None:
    (checkout / "docs" / "handbook" / "finance" / "forgotten.md").write_text("# Forgotten\n")

    with pytest.raises(LocalError, match=r"forgotten\.md"):
        handbook.build()


def test_without_mkdocs_it_says_what_to_do(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)

    with pytest.raises(LocalError, match="mkdocs is not installed: run make setup"):
        handbook.build()


def test_a_script_becomes_a_file_and_data_stays(tmp_path: Path) -> None:
    html = '<script>go()</script><script id="a" type="application/json">{}</script>'

    moved = handbook_hooks.without_scripts(html, site=tmp_path, url="support/refund/")

    [script] = (tmp_path / "assets" / "inline").iterdir()
    assert script.read_text() == "go()"
    assert moved == (
        f'<script src="../../assets/inline/{script.name}"></script>'
        '<script id="a" type="application/json">{}</script>'
    )
