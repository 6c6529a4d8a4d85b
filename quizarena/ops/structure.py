"""The tables as the migrations leave them, in one file: what a first `migrate` executes.

Django makes every model anew for every step of every migration, which takes half a minute; the
database needs two seconds for all that they execute. So an empty database executes what they have
executed once (`make structure` writes it down), and notes them as applied. A database that has any
table is migrated as always, and so is an empty one when the file is not of these migrations.
"""

import hashlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone
from psycopg import ClientCursor

FILE = Path(__file__).with_name("structure.sql")
_HEADING = "-- What the migrations execute on an empty database, by `make structure`. SHA-256: "
# What leaves nothing behind.
_READS = ("SELECT", "SAVEPOINT", "RELEASE SAVEPOINT")


def is_current() -> bool:
    """Return whether the file is there and of the installed migrations, third-party ones too."""
    if not FILE.exists():
        return False
    with FILE.open() as file:
        return file.readline().strip() == _HEADING + _fingerprint()


def execute(connection: BaseDatabaseWrapper) -> bool:
    """Make all tables in an empty database, and note the migrations as applied.

    Returns whether that was done: not in a database that has any table, and not when the file is
    not current. One transaction.
    """
    if connection.introspection.table_names() or not is_current():
        return False
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        recorder = MigrationRecorder(connection)
        recorder.ensure_schema()
        cursor.execute(FILE.read_text())
        applied, now = recorder.Migration, timezone.now()
        applied.objects.using(connection.alias).bulk_create(
            applied(app=app, name=name, applied=now)
            for app, name in MigrationLoader(connection).disk_migrations
        )
    return True


def record(connection: BaseDatabaseWrapper) -> str:
    """Apply all migrations to an empty database, and return what they have executed as a script.

    Raises ValueError when the database is not empty.
    """
    if connection.introspection.table_names():
        raise ValueError("The database has tables: take an empty one.")
    statements: list[str] = []
    connection.ensure_connection()

    def note(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        text = ClientCursor(connection.connection).mogrify(sql, params) if params else str(sql)
        text = text.strip().removesuffix(";")
        if not text.startswith(_READS) and '"django_migrations"' not in text:
            statements.append(text)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes())
    return "\n".join((_HEADING + _fingerprint(), *(f"{one};" for one in statements), ""))


def describe(connection: BaseDatabaseWrapper) -> list[str]:
    """Return all that a schema is made of, sorted, each as PostgreSQL itself describes it."""
    with connection.cursor() as cursor:
        cursor.execute(_DESCRIPTIONS)
        return sorted(row[0] for row in cursor.fetchall())


_DESCRIPTIONS = """
SELECT format('extension %s', extname) FROM pg_extension
UNION ALL
SELECT format('table %s %s', relname, relpersistence)
FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'S', 'v')
UNION ALL
SELECT format('column %s.%s %s %s %s %s', attrelid::regclass, attname,
              format_type(atttypid, atttypmod), attnotnull, attidentity,
              pg_get_expr(adbin, adrelid))
FROM pg_attribute
JOIN pg_class ON pg_class.oid = attrelid AND relkind IN ('r', 'p')
LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE relnamespace = 'public'::regnamespace AND attnum > 0 AND NOT attisdropped
UNION ALL
SELECT format('constraint %s.%s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL
SELECT format('index %s', indexdef) FROM pg_indexes WHERE schemaname = 'public'
UNION ALL
SELECT format('trigger %s %s', pg_get_triggerdef(oid), tgenabled)
FROM pg_trigger WHERE NOT tgisinternal
UNION ALL
SELECT format('function %s', pg_get_functiondef(pg_proc.oid))
FROM pg_proc
WHERE pronamespace = 'public'::regnamespace AND prokind = 'f' AND NOT EXISTS (
  SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e'
)
UNION ALL
SELECT format('comment %s %s', objoid::regclass, description)
FROM pg_description WHERE classoid = 'pg_class'::regclass
  AND objoid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)
"""


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for part in _sources():
        digest.update(part)
    return digest.hexdigest()


def _sources() -> Iterator[bytes]:
    for (app, name), migration in sorted(MigrationLoader(None).disk_migrations.items()):
        yield f"{app}.{name}\n".encode()
        yield Path(inspect.getfile(type(migration))).read_bytes()
