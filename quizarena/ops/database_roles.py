"""The two roles that PostgreSQL knows: the owner of the tables, and the application.

`manage.py migrate` alone logs in as the owner (DATABASE_OWNER_URL); everything else is the
application (DATABASE_URL). It reads and writes rows and can do nothing else: make a table, not even
a temporary one, a trigger or a function; empty a table; change or delete what the triggers of a
model keep. Of a wallet it can only lock a row: the function of the ledger's trigger writes there,
because that runs as the owner; the same is true of the sums of points and their event. One function
of the owner's it may call: erase_personal_data, which takes the names of a player who is being
deleted out of what is otherwise for ever. Product rules, sections 3, 11 and 16.

`migrate` makes the role and gives it its rights, from nothing, every time.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import pgtrigger
import structlog
from django.apps import apps
from django.conf import settings
from django.core import checks
from django.core.management.base import CommandError
from django.db import DEFAULT_DB_ALIAS, DatabaseError, OperationalError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.db.backends.utils import CursorWrapper
from django.db.models import Model
from psycopg import sql

from quizarena.staff import guards

log = structlog.get_logger(__name__)

RUNBOOK = "docs/runbooks/database-roles.md"
# Tables that only a function of the database writes.
WRITTEN_BY_THE_DATABASE = {"economy.Wallet", "game.DayPoints", "game.WeekPoints"}
# The triggers whose functions write there. Nobody but the owner can attach them to a table.
WRITERS = (
    ("economy.LedgerEntry", "apply_to_wallet"),
    ("game.PointEvent", "count_points"),
)
# What the application may call and what runs as the owner then, and what that uses, which nobody
# else calls: what they do and refuse say bot/migrations/0020_erase_personal_data.py and
# 0022_names_in_documents.py.
CALLED = ("public.erase_personal_data(bigint, text)",)
CALLED_BY_THESE = (
    "public.without_personal_data(text, bigint, text, text, text[], boolean, boolean)",
    "public.document_without_personal_data(jsonb, bigint, text, text, text[], boolean, boolean)",
)
# Tables whose rows are locked and never changed, each with a column whose UPDATE is granted, since
# PostgreSQL locks no row without one. The triggers of the table refuse it all the same.
LOCKED = {
    "economy.Wallet": "changed_at",
    "game.DailySet": "drawn_at",
    "promos.Inviter": "created_at",
}
# The temporary schema last, where anybody who has one could put a table of the same name.
SEARCH_PATH = "pg_catalog, public, pg_temp"


def are_apart() -> bool:
    """Return whether the owner and the application are two roles."""
    owner = settings.DATABASE_OWNER
    return owner is not None and owner["USER"] != settings.DATABASE_APPLICATION["USER"]


@contextmanager
def as_owner(using: str = DEFAULT_DB_ALIAS) -> Iterator[None]:
    """Let this thread's connection be the owner's inside, if there is an owner of its own."""
    owner = settings.DATABASE_OWNER
    if owner is None or not are_apart():
        yield
        return
    connection = connections[using]
    usual = connection.settings_dict
    connection.close()
    connection.settings_dict = {**usual, **owner, "OPTIONS": _options(usual)}
    try:
        yield
    finally:
        connection.close()
        # Whoever makes a test's database changes its name meanwhile.
        usual["NAME"] = connection.settings_dict["NAME"]
        connection.settings_dict = usual


def protect(using: str = DEFAULT_DB_ALIAS) -> None:
    """Let the guards of the tables hold, and give the application its rights and no others.

    As the owner, after every migration, in one transaction. Raises CommandError when the role of
    DATABASE_URL could do more than it should, or can neither log in nor be made.
    """
    guards.enforce_guards(using)
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        _let_writers_be_the_owner(cursor)
        _let_nobody_call(cursor)
        if are_apart():
            _make_role(cursor, using)
            _refuse_power(cursor)
            _grant(cursor)
    if are_apart():
        _log_in(using)


def privileges(model: type[Model]) -> list[str]:
    """Return what the application may do with the rows of a model."""
    if model._meta.label in WRITTEN_BY_THE_DATABASE:
        kept = {"INSERT", "UPDATE", "DELETE"}
    else:
        kept = _kept(model)
    rights = [right for right in ("SELECT", "INSERT", "UPDATE", "DELETE") if right not in kept]
    if column := LOCKED.get(model._meta.label):
        rights.append(f'UPDATE ("{column}")')
    return rights


def _kept(model: type[Model]) -> set[str]:
    """Return what the triggers of a model refuse whatever the row."""
    return {
        str(operation)
        for trigger in getattr(model._meta, "triggers", ())
        if isinstance(trigger, pgtrigger.Protect)
        # Asked for, not read: ReadOnly makes its condition of its fields, and has none before.
        and trigger.get_condition(model) is None  # type: ignore[arg-type]
        for operation in trigger.operation or ()
    }


def excess(cursor: CursorWrapper, role: str) -> list[str]:
    """Return in words what a role may do and the application must not; nothing of no role."""
    cursor.execute(
        """
        SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls,
               EXISTS (
                 SELECT FROM pg_class
                 WHERE relnamespace = 'public'::regnamespace
                   AND pg_has_role(role.oid, relowner, 'MEMBER')
               ),
               has_database_privilege(role.oid, current_database(), 'TEMPORARY'),
               has_database_privilege(role.oid, current_database(), 'CREATE')
               OR has_schema_privilege(role.oid, 'public', 'CREATE')
        FROM pg_roles AS role WHERE rolname = %s
        """,
        [role],
    )
    found = cursor.fetchone()
    sentences = (
        "it is a superuser, or may make roles or databases",
        "it owns tables, or can act as their owner",
        "it may make temporary tables",
        "it may make tables, functions and triggers",
    )
    return [sentence for sentence, holds in zip(sentences, found or (), strict=False) if holds]


# --- Rights ---------------------------------------------------------------------------------------


def _let_writers_be_the_owner(cursor: CursorWrapper) -> None:
    """Let the functions that write for the application run as the owner, and be nobody's tool.

    A migration that replaces one makes it an ordinary function again.
    """
    for label, name in WRITERS:
        function = _function(apps.get_model(label), name)
        cursor.execute(
            "SELECT FROM pg_proc WHERE proname = %s AND pronamespace = 'public'::regnamespace",
            [function],
        )
        if cursor.fetchone() is None:
            continue  # A partial migration that has not come to it.
        for statement in (
            f"ALTER FUNCTION {{function}}() SECURITY DEFINER SET search_path = {SEARCH_PATH}",
            "REVOKE ALL ON FUNCTION {function}() FROM PUBLIC",
        ):
            cursor.execute(sql.SQL(statement).format(function=sql.Identifier("public", function)))


def _let_nobody_call(cursor: CursorWrapper) -> None:
    """Keep the functions that erase personal data from everybody but the owner, for the time being.

    PostgreSQL lets everybody call a new function, and a migration that replaces one forgets its
    settings.
    """
    for function in _existing(cursor, (*CALLED, *CALLED_BY_THESE)):
        cursor.execute(f"ALTER FUNCTION {function} SET search_path = {SEARCH_PATH}")
        cursor.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
    for function in _existing(cursor, CALLED):
        cursor.execute(f"ALTER FUNCTION {function} SECURITY DEFINER")


def _existing(cursor: CursorWrapper, functions: Sequence[str]) -> list[str]:
    """Return those that there are: a partial migration may not have come to them."""
    cursor.execute(
        "SELECT name FROM unnest(%s::text[]) AS name WHERE to_regprocedure(name) IS NOT NULL",
        [list(functions)],
    )
    return [name for (name,) in cursor.fetchall()]


def _function(model: type[Model], name: str) -> str:
    """Return how PostgreSQL calls the function of a model's trigger."""
    [trigger] = [one for one in getattr(model._meta, "triggers", ()) if one.name == name]
    pgid: str = trigger.get_pgid(model)
    return pgid


def _make_role(cursor: CursorWrapper, using: str) -> None:
    """Make the role of the application if it is new."""
    role, password = _application()
    if _exists(cursor, role):
        return
    try:
        with transaction.atomic(using=using):
            _set_password(cursor, "CREATE", role=role, password=password)
    except DatabaseError as error:
        # Somebody else may have made it just now, for another database of the same server.
        if not _exists(cursor, role):
            raise CommandError(
                f"The role {role} of DATABASE_URL does not exist and could not be made ({error}): "
                f"let an administrator of the server make it, see {RUNBOOK}."
            ) from error


def _refuse_power(cursor: CursorWrapper) -> None:
    """Raise CommandError when the role is one that no grant can hold."""
    role, _ = _application()
    cursor.execute(
        """
        SELECT FROM pg_roles
        WHERE rolname = %s AND (
          rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls
          OR pg_has_role(oid, current_user, 'MEMBER')
        )
        """,
        [role],
    )
    if cursor.fetchone() is not None:
        raise CommandError(
            f"The role {role} of DATABASE_URL is a superuser, or can act as the owner of the "
            f"tables: name a role of the application's own there, see {RUNBOOK}."
        )


def _grant(cursor: CursorWrapper) -> None:
    """Take every right from the application and give it those that it needs."""
    role = sql.Identifier(_application()[0])
    cursor.execute("SELECT quote_ident(current_database())")
    database = sql.SQL(cursor.fetchone()[0])
    # Ours alone: a table of somebody else's in the same schema is not ours to grant.
    cursor.execute(
        """
        SELECT relname, relkind = 'S' FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S')
          AND pg_has_role(relowner, 'USAGE')
        """
    )
    rows = cursor.fetchall()
    tables = {name for name, is_sequence in rows if not is_sequence}
    sequences = {name for name, is_sequence in rows if is_sequence}
    for statement, names in (
        ("REVOKE CREATE, TEMPORARY ON DATABASE {database} FROM PUBLIC, {role}", None),
        ("GRANT CONNECT ON DATABASE {database} TO {role}", None),
        ("REVOKE CREATE ON SCHEMA public FROM PUBLIC, {role}", None),
        ("GRANT USAGE ON SCHEMA public TO {role}", None),
        ("REVOKE ALL ON TABLE {names} FROM {role}", tables),
        ("REVOKE ALL ON SEQUENCE {names} FROM {role}", sequences),
        # What no model knows, such as django_migrations, can be read.
        ("GRANT SELECT ON TABLE {names} TO {role}", tables),
        ("GRANT USAGE, SELECT ON SEQUENCE {names} TO {role}", sequences),
    ):
        if names is None or names:
            listed = sql.SQL(", ").join(sql.Identifier("public", name) for name in names or ())
            cursor.execute(sql.SQL(statement).format(database=database, role=role, names=listed))
    for function in _existing(cursor, CALLED_BY_THESE):
        cursor.execute(sql.SQL(f"REVOKE ALL ON FUNCTION {function} FROM {{}}").format(role))
    for function in _existing(cursor, CALLED):
        cursor.execute(sql.SQL(f"GRANT EXECUTE ON FUNCTION {function} TO {{}}").format(role))
    for model in apps.get_models(include_auto_created=True):
        if model._meta.managed and model._meta.db_table in tables:
            cursor.execute(
                sql.SQL("GRANT {rights} ON public.{table} TO {role}").format(
                    rights=sql.SQL(", ".join(privileges(model))),
                    table=sql.Identifier(model._meta.db_table),
                    role=role,
                )
            )


def _log_in(using: str) -> None:
    """See that the application can log in; give its role the password of DATABASE_URL if not."""
    if _can_log_in(using):
        return
    role, password = _application()
    try:
        with connections[using].cursor() as cursor:
            _set_password(cursor, "ALTER", role=role, password=password)
    except DatabaseError as error:
        raise CommandError(
            f"The role {role} cannot log in with the password of DATABASE_URL, and it could not be "
            f"changed ({error}): let an administrator of the server do it, see {RUNBOOK}."
        ) from error


def _can_log_in(using: str) -> bool:
    application: BaseDatabaseWrapper = connections[using].copy()
    usual = connections.settings[using]
    application.settings_dict |= {
        "HOST": usual["HOST"],
        "PORT": usual["PORT"],
        **settings.DATABASE_APPLICATION,
    }
    try:
        application.ensure_connection()
    except OperationalError:
        return False
    else:
        return True
    finally:
        application.close()


def _application() -> tuple[str, str]:
    """Return the name and the password of the application's role."""
    role: dict[str, str] = settings.DATABASE_APPLICATION
    return role["USER"], role["PASSWORD"]


def _exists(cursor: CursorWrapper, role: str) -> bool:
    cursor.execute("SELECT FROM pg_roles WHERE rolname = %s", [role])
    return cursor.fetchone() is not None


def _set_password(cursor: CursorWrapper, verb: str, *, role: str, password: str) -> None:
    """CREATE or ALTER a role that can log in with the password, if there is one.

    What is sent is what PostgreSQL keeps of it, so that no log of statements shows the password.
    """
    words = [sql.SQL(f"{verb} ROLE {{}} LOGIN").format(sql.Identifier(role))]
    if password:
        pgconn = cursor.connection.pgconn
        kept = pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
        words.append(sql.SQL("PASSWORD {}").format(sql.Literal(kept.decode())))
    cursor.execute(sql.SQL(" ").join(words))


def _options(database: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a connection without the role that it may assume."""
    return {name: value for name, value in database["OPTIONS"].items() if name != "assume_role"}


# --- Warnings for staff ---------------------------------------------------------------------------


def warn_of_power(*, connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    """Log once in a process of production that the application has more power than it needs.

    A receiver of connection_created.
    """
    role, _ = _application()
    if not settings.PRODUCTION or connection.settings_dict["USER"] != role:
        return
    connection_created.disconnect(dispatch_uid="database_roles.warn_of_power")
    with suppress(DatabaseError), connection.cursor() as cursor:
        if reasons := excess(cursor, role):
            log.warning("database.role_has_power", role=role, reasons=reasons, runbook=RUNBOOK)


@checks.register(checks.Tags.database)
def application_is_no_owner(
    *, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[checks.CheckMessage]:
    """Warn in production when the application could do more than read and write rows.

    `manage.py migrate` shows it, and `manage.py check --deploy --database default`.
    """
    if not settings.PRODUCTION:
        return []
    found: list[checks.CheckMessage] = []
    for using in databases or ():
        with connections[using].cursor() as cursor:
            role, _ = _application()
            if reasons := excess(cursor, role):
                found.append(
                    checks.Warning(
                        f"PostgreSQL lets the role {role} of DATABASE_URL do more than the "
                        f"application needs: {'; '.join(reasons)}.",
                        hint=f"Give the tables an owner with DATABASE_OWNER_URL: {RUNBOOK}.",
                        id="quizarena.W001",
                    )
                )
    return found
