"""Whether a demo has to wait for migrations."""

from pathlib import Path

import pytest

from quizarena.local import landed


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a checkout with one migration."""
    migrations = tmp_path / "quizarena/game/migrations"
    migrations.mkdir(parents=True)
    (migrations / "0001_initial.py").write_text("operations = []")
    (tmp_path / "requirements.txt").write_text("django==5.2")
    return tmp_path


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("quizarena/game/migrations/0002_more.py", ""),
        ("quizarena/game/migrations/0001_initial.py", "operations = [1]"),
        ("requirements.txt", "django==5.3"),
    ],
)
def test_what_may_bring_a_migration_is_another_version(
    checkout: Path, path: str, content: str
) -> None:
    before = landed.version(checkout)
    (checkout / path).write_text(content)

    assert landed.version(checkout) != before


def test_whatever_else_changes_is_not(checkout: Path) -> None:
    before = landed.version(checkout)
    (checkout / "quizarena/game/models.py").write_text("")

    assert landed.version(checkout) == before


def test_it_finds_the_migrations_of_every_app() -> None:
    from django.apps import apps

    from quizarena.local.services import CHECKOUT

    found = {path.parents[1] for path in landed.migrations(CHECKOUT)}

    assert found == {
        Path(app.path)
        for app in apps.get_app_configs()
        if CHECKOUT / ".venv" not in Path(app.path).parents
        and CHECKOUT in Path(app.path).parents
        and (Path(app.path) / "migrations").exists()
    }
