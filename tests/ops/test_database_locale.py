"""A database that knows English letters alone says so in production."""

import pytest
from django.db import connection
from pytest_django.fixtures import Settings

from quizarena.ops import database_locale

pytestmark = pytest.mark.django_db


def own_locale() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT datctype FROM pg_database WHERE datname = current_database()")
        (ctype,) = cursor.fetchone()
    return str(ctype)


def test_where_only_english_has_letters_production_is_warned(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PRODUCTION = True
    monkeypatch.setattr(database_locale, "ENGLISH_ONLY", (own_locale(),))

    [warning] = database_locale.letters_are_known(databases=["default"])

    assert warning.id == "quizarena.W002"
    assert "searched without an index" in warning.msg
    assert "C.UTF-8" in str(warning.hint)


def test_where_all_languages_have_letters_nobody_is_warned(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PRODUCTION = True
    monkeypatch.setattr(database_locale, "ENGLISH_ONLY", ("Klingon",))

    assert database_locale.letters_are_known(databases=["default"]) == []


def test_outside_of_production_nobody_is_warned(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PRODUCTION = False
    monkeypatch.setattr(database_locale, "ENGLISH_ONLY", (own_locale(),))

    assert database_locale.letters_are_known(databases=["default"]) == []
