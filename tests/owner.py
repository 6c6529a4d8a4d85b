"""Tests have the rights of the application, and where they need more they say so.

The suite logs in as the owner, which makes its database, and then is the application on every
connection; PostgreSQL lets who has logged in as the owner return to its role. Who logs in as the
application cannot (tests/ops/test_database_roles.py, and every process of the stories).
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from quizarena.ops import database_roles


def log_in_as_owner() -> None:
    """Let this process log in as the owner, with all rights until use_application_role."""
    if database_roles.are_apart():
        settings.DATABASES["default"] |= settings.DATABASE_OWNER or {}
        use_owner_role()


def use_application_role() -> None:
    """Have the rights of the application and no others on every further connection."""
    if database_roles.are_apart():
        options = settings.DATABASES["default"]["OPTIONS"]
        options["assume_role"] = settings.DATABASE_APPLICATION["USER"]
    connection.close()


def use_owner_role() -> None:
    """Have all rights again on every further connection."""
    settings.DATABASES["default"]["OPTIONS"].pop("assume_role", None)
    connection.close()


@contextmanager
def as_owner() -> Iterator[CursorWrapper]:
    """Yield a cursor of the tests' own connection with all the rights of the owner.

    Inside a transaction, so that an exception takes the rights back, too.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE NONE")
        yield cursor
        if role := connection.settings_dict["OPTIONS"].get("assume_role"):
            cursor.execute(f'SET LOCAL ROLE "{role}"')


@contextmanager
def behind_the_guards() -> Iterator[CursorWrapper]:
    """Yield a cursor that no trigger and no foreign key watches, as after a faulty restore."""
    with as_owner() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        yield cursor
        cursor.execute("SET LOCAL session_replication_role = origin")


def analyze(*tables: str) -> None:
    """Let the planner know the tables as they are now: PostgreSQL lets only their owner do so.

    Who asks without the right gets a warning that nobody reads, and plans that depend on whether
    autovacuum has passed by.
    """
    with as_owner() as cursor:
        cursor.execute(f"ANALYZE {', '.join(tables)}")
