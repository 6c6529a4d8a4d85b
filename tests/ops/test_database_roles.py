"""What PostgreSQL lets the application do, tried by SQL by who has really logged in as it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from psycopg import sql
from pytest_django.fixtures import Settings
from structlog.testing import capture_logs

from economy.models import LedgerEntry, Wallet
from quizarena.ops import database_roles
from tests.factories import PlayerFactory
from tests.owner import as_owner

pytestmark = pytest.mark.django_db
# What others have to see is committed.
committed = pytest.mark.django_db(transaction=True)


@contextmanager
def logged_in(**role: Any) -> Iterator[psycopg.Connection]:
    """Yield a connection to the tests' database of who logs in with name and password."""
    database = connection.settings_dict
    with psycopg.connect(
        host=database["HOST"],
        port=database["PORT"],
        dbname=database["NAME"],
        user=role["USER"],
        password=role["PASSWORD"],
        autocommit=True,
    ) as other:
        yield other


@pytest.fixture
def application(db: None) -> Iterator[psycopg.Connection]:
    """Return a connection of the application."""
    with logged_in(**settings.DATABASE_APPLICATION) as other:
        yield other


@pytest.fixture
def wallet(transactional_db: None) -> Wallet:
    """Return a wallet with seven points of paid energy."""
    player = PlayerFactory.create()
    with connection.cursor() as cursor:
        cursor.execute(ENTRY, {"player": player.pk, "amount": 7})
    return Wallet.objects.get(player=player)


ENTRY = """
INSERT INTO public.economy_ledgerentry (
  player_id, type, asset, direction, amount, free_energy, paid_energy, streak_savers, duel_tickets,
  free_energy_after, paid_energy_after, streak_savers_after, duel_tickets_after,
  source, idempotency_key, fingerprint, metadata, reason, created_at
) VALUES (
  %(player)s, 'PRIZE', 'PAID_ENERGY', 'CREDIT', %(amount)s, 0, %(amount)s, 0, 0, 0, 0, 0, 0,
  'SYSTEM', 'key:' || %(amount)s::text, repeat('f', 64), '{}', '', now()
)
"""
# A table of its own with a trigger that writes to wallets, as deep as the ledger's own.
FORGERY = """
CREATE TEMPORARY TABLE forgery (n int);
CREATE FUNCTION pg_temp.forge() RETURNS trigger LANGUAGE plpgsql AS
  'BEGIN UPDATE public.economy_wallet SET paid_energy = 1000; RETURN NEW; END';
CREATE TRIGGER forge BEFORE INSERT ON forgery FOR EACH ROW EXECUTE FUNCTION pg_temp.forge();
INSERT INTO forgery VALUES (1);
"""
# The ledger's own function, on a table whose rows nobody keeps.
BORROWED = """
CREATE TEMPORARY TABLE forgery (LIKE public.economy_ledgerentry);
CREATE TRIGGER forge BEFORE INSERT ON forgery FOR EACH ROW EXECUTE FUNCTION {function}();
"""


def apply_to_wallet() -> str:
    """Return the name of the function that writes to wallets."""
    return database_roles._function(LedgerEntry, "apply_to_wallet")


class TestApplication:
    @pytest.mark.parametrize(
        ("statement", "says"),
        [
            # Nothing to run its own triggers on.
            ("CREATE TEMPORARY TABLE forgery (n int)", "permission denied to create temporary"),
            ("CREATE TABLE forgery (n int)", "permission denied for schema public"),
            ("CREATE VIEW forgery AS SELECT 1", "permission denied for schema public"),
            ("CREATE SCHEMA forgery", "permission denied for database"),
            ("CREATE EXTENSION hstore", "permission denied to create extension"),
            (
                (
                    "CREATE TRIGGER forge BEFORE INSERT ON players_player"
                    " FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()"
                ),
                "permission denied for table players_player",
            ),
            (
                (
                    "CREATE OR REPLACE FUNCTION public._pgtrigger_should_ignore(trigger_name name)"
                    " RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true'"
                ),
                "permission denied for schema public",
            ),
            # None of the guards is switched off.
            ("SET session_replication_role = replica", "permission denied to set parameter"),
            ("ALTER TABLE economy_wallet DISABLE TRIGGER USER", "must be owner of table"),
            ("ALTER TABLE economy_wallet OWNER TO {role}", "must be owner of table"),
            ("DROP TABLE economy_wallet", "must be owner of table"),
            # Nobody else's power.
            ("SET ROLE {owner}", "permission denied to set role"),
            ("SET SESSION AUTHORIZATION {owner}", "permission denied to set session auth"),
            ("CREATE ROLE forger SUPERUSER", "permission denied to create role|must be superuser"),
            ("ALTER ROLE {role} SUPERUSER", "permission denied to alter role|must be superuser"),
            (
                "COPY players_player TO PROGRAM 'true'",
                "external program",
            ),
            # Wallets.
            ("UPDATE economy_wallet SET paid_energy = 1000", "permission denied for table"),
            ("DELETE FROM economy_wallet", "permission denied for table"),
            ("TRUNCATE economy_wallet", "permission denied for table"),
            (
                (
                    "INSERT INTO economy_wallet SELECT * FROM economy_wallet"
                    " ON CONFLICT (player_id) DO UPDATE SET paid_energy = 1000"
                ),
                "permission denied for table",
            ),
            # The ledger, and what else is for ever.
            ("UPDATE economy_ledgerentry SET amount = 1000", "permission denied for table"),
            ("DELETE FROM economy_ledgerentry", "permission denied for table"),
            ("TRUNCATE economy_ledgerentry CASCADE", "permission denied for table"),
            ("SELECT setval('economy_ledgerentry_id_seq', 1)", "permission denied for sequence"),
            ("UPDATE staff_auditentry SET summary = ''", "permission denied for table"),
            ("DELETE FROM staff_auditentry", "permission denied for table"),
            ("DELETE FROM payments_purchase", "permission denied for table"),
            ("DELETE FROM django_migrations", "permission denied for table"),
            (
                (
                    "INSERT INTO payments_purchaseevent (purchase_id, kind, status, evidence, at)"
                    " VALUES (gen_random_uuid(), 'CREDITED', 'CREDITED', '{{}}', now())"
                ),
                "written by what happens to the purchase",
            ),
        ],
    )
    def test_it_is_refused(
        self, application: psycopg.Connection, statement: str, says: str
    ) -> None:
        names = {
            "role": sql.Identifier(settings.DATABASE_APPLICATION["USER"]),
            "owner": sql.Identifier((settings.DATABASE_OWNER or {})["USER"]),
        }

        with pytest.raises(psycopg.Error, match=says):
            application.execute(sql.SQL(statement).format(**names))

    @committed
    def test_what_it_may_only_lock_it_cannot_change(
        self, application: psycopg.Connection, wallet: Wallet
    ) -> None:
        with pytest.raises(psycopg.Error, match="only by a ledger entry"):
            application.execute("UPDATE economy_wallet SET changed_at = now()")

    @committed
    def test_it_moves_a_wallet_by_an_entry(
        self, application: psycopg.Connection, wallet: Wallet
    ) -> None:
        application.execute(
            "SELECT FROM economy_wallet WHERE player_id = %s FOR UPDATE", [wallet.pk]
        )
        application.execute(ENTRY, {"player": wallet.pk, "amount": 3})

        wallet.refresh_from_db()
        assert wallet.paid_energy == 10

    def test_it_has_no_power(self) -> None:
        role = settings.DATABASE_APPLICATION["USER"]

        with connection.cursor() as cursor:
            assert database_roles.excess(cursor, role) == []

    def test_no_table_is_its_to_empty_or_to_put_a_trigger_on(
        self, application: psycopg.Connection
    ) -> None:
        tables = application.execute(
            """
            SELECT relname FROM pg_class
            WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
              AND has_table_privilege(oid, 'TRUNCATE, TRIGGER, REFERENCES')
            """
        )

        assert tables.fetchall() == []

    def test_what_is_for_ever_it_can_only_append_to(self, application: psycopg.Connection) -> None:
        tables = application.execute(
            """
            SELECT relname FROM pg_class
            WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
              AND has_table_privilege(oid, 'INSERT')
              AND NOT has_any_column_privilege(oid, 'UPDATE')
              AND NOT has_table_privilege(oid, 'DELETE')
            """
        )

        assert {name for (name,) in tables} >= {
            "economy_ledgerentry",
            "economy_outageday",
            "economy_perfectround",
            "game_questionversion",
            "payments_purchaseevent",
            "payments_startransaction",
            "staff_auditentry",
        }

    @pytest.mark.parametrize("operation", ["UPDATE", "DELETE"])
    def test_it_lacks_just_what_a_trigger_refuses_whatever_the_row(
        self, application: psycopg.Connection, operation: str
    ) -> None:
        tables = application.execute(
            """
            SELECT relname, has_table_privilege(pg_class.oid, %(operation)s), EXISTS (
              SELECT FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid
              WHERE tgrelid = pg_class.oid AND tgqual IS NULL AND tgattr = ''
                AND tgtype & %(bit)s <> 0 AND prosrc LIKE '%%pgtrigger: Cannot%%'
            )
            FROM pg_class
            WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
              AND relname NOT IN (
                'economy_wallet', 'game_daypoints', 'game_weekpoints', 'django_migrations'
              )
            """,
            {"operation": operation, "bit": {"UPDATE": 16, "DELETE": 8}[operation]},
        )

        assert [name for name, may, is_refused in tables if may == is_refused] == []

    @pytest.mark.parametrize("table", ["economy_wallet", "promos_inviter"])
    def test_what_is_locked_and_never_changed_has_one_column_for_it(
        self, application: psycopg.Connection, table: str
    ) -> None:
        columns = application.execute(
            """
            SELECT attname FROM pg_attribute
            WHERE attrelid = %s::regclass AND attnum > 0
              AND has_column_privilege(attrelid, attnum, 'UPDATE')
            """,
            [table],
        )

        assert len(columns.fetchall()) == 1
        application.execute(sql.SQL("SELECT FROM {} FOR UPDATE").format(sql.Identifier(table)))


@committed
class TestTemporaryTables:
    """What the application could do if it had them: no more."""

    @pytest.fixture(autouse=True)
    def _allowed(self, wallet: Wallet) -> Iterator[None]:
        """Let the application make temporary tables, as everybody may without our rights."""
        names = {
            "database": sql.Identifier(connection.settings_dict["NAME"]),
            "role": sql.Identifier(settings.DATABASE_APPLICATION["USER"]),
        }
        with as_owner() as cursor:
            cursor.execute(sql.SQL("GRANT TEMP ON DATABASE {database} TO {role}").format(**names))
        yield
        with as_owner() as cursor:
            cursor.execute(
                sql.SQL("REVOKE TEMP ON DATABASE {database} FROM {role}").format(**names)
            )

    def test_a_trigger_of_its_own_writes_to_no_wallet(
        self, application: psycopg.Connection, wallet: Wallet
    ) -> None:
        with pytest.raises(psycopg.Error, match="permission denied for table economy_wallet"):
            application.execute(FORGERY)

        wallet.refresh_from_db()
        assert wallet.paid_energy == 7

    def test_the_owners_would(self, wallet: Wallet) -> None:
        """Show that the test above can fail: by depth alone it is the ledger's."""
        with logged_in(**(settings.DATABASE_OWNER or {})) as owner:
            owner.execute(FORGERY)

        wallet.refresh_from_db()
        assert wallet.paid_energy == 1000

    def test_the_ledgers_function_works_for_the_ledger_alone(
        self, application: psycopg.Connection
    ) -> None:
        with pytest.raises(psycopg.Error, match="permission denied for function"):
            application.execute(BORROWED.format(function=apply_to_wallet()))

    def test_the_ledgers_function_sees_no_table_of_its_own(
        self, application: psycopg.Connection, wallet: Wallet
    ) -> None:
        application.execute("CREATE TEMPORARY TABLE economy_wallet (LIKE public.economy_wallet)")

        application.execute(ENTRY, {"player": wallet.pk, "amount": 3})

        wallet.refresh_from_db()
        assert wallet.paid_energy == 10
        assert application.execute("SELECT count(*) FROM pg_temp.economy_wallet").fetchone() == (0,)


def test_the_ledgers_function_is_the_owners_with_a_path_of_its_own() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT prosecdef, proconfig FROM pg_proc WHERE proname = %s", [apply_to_wallet()]
        )
        assert cursor.fetchall() == [(True, ["search_path=pg_catalog, public, pg_temp"])]


def protect() -> None:
    """Do what `migrate` does at its end."""
    with database_roles.as_owner():
        database_roles.protect()


@committed
class TestMigrating:
    """`migrate` makes the role and gives it its rights."""

    @pytest.fixture
    def role(self, settings: Settings) -> Iterator[dict[str, str]]:
        """Return a role that does not exist, as that of DATABASE_URL."""
        role = {"USER": f"role of {connection.settings_dict['NAME']}", "PASSWORD": "it's a secret"}
        usual, settings.DATABASE_APPLICATION = settings.DATABASE_APPLICATION, role
        yield role
        settings.DATABASE_APPLICATION = usual
        name = sql.Identifier(role["USER"])
        with as_owner() as cursor:
            cursor.execute("SELECT FROM pg_roles WHERE rolname = %s", [role["USER"]])
            if cursor.fetchone() is not None:
                cursor.execute(sql.SQL("DROP OWNED BY {}; DROP ROLE {}").format(name, name))

    def test_a_new_role_is_made_and_can_work(self, role: dict[str, str]) -> None:
        call_command("migrate", verbosity=0)

        with logged_in(**role) as other:
            assert other.execute("SELECT count(*) FROM players_player").fetchone() == (0,)
            with pytest.raises(psycopg.Error, match="permission denied for table"):
                other.execute("DELETE FROM economy_ledgerentry")

    def test_again_it_changes_nothing(self, role: dict[str, str]) -> None:
        protect()
        before = _rights(role["USER"])

        protect()

        assert _rights(role["USER"]) == before != []

    def test_a_right_that_somebody_gave_is_revoked(self, role: dict[str, str]) -> None:
        protect()
        before = _rights(role["USER"])
        with as_owner() as cursor:
            cursor.execute(
                sql.SQL("GRANT ALL ON economy_ledgerentry TO {}").format(
                    sql.Identifier(role["USER"])
                )
            )

        protect()

        assert _rights(role["USER"]) == before

    def test_a_new_password_is_given_to_the_role(self, role: dict[str, str]) -> None:
        protect()
        role["PASSWORD"] = "another secret"

        protect()

        with logged_in(**role) as other:
            assert other.execute("SELECT 1").fetchone() == (1,)

    def test_a_superuser_is_refused(self, role: dict[str, str]) -> None:
        with as_owner() as cursor:
            cursor.execute(
                sql.SQL("CREATE ROLE {} LOGIN SUPERUSER").format(sql.Identifier(role["USER"]))
            )

        with pytest.raises(CommandError, match="is a superuser, or can act as the owner"):
            protect()

    def test_a_plan_gives_no_rights(self, role: dict[str, str]) -> None:
        call_command("migrate", plan=True, verbosity=0)

        assert _rights(role["USER"]) == []

    def test_without_an_owner_there_is_one_role(
        self, role: dict[str, str], settings: Settings
    ) -> None:
        settings.DATABASE_OWNER = None
        with as_owner():
            pass

        assert not database_roles.are_apart()


class TestWarning:
    def test_an_application_that_owns_the_tables(self, settings: Settings) -> None:
        settings.PRODUCTION = True
        settings.DATABASE_APPLICATION = settings.DATABASE_OWNER

        [warning] = database_roles.application_is_no_owner(databases=["default"])

        assert warning.id == "quizarena.W001"
        assert "it is a superuser" in warning.msg
        assert "it owns tables" in warning.msg
        assert "DATABASE_OWNER_URL" in str(warning.hint)

    def test_the_role_that_migrate_has_made(self, settings: Settings) -> None:
        settings.PRODUCTION = True

        assert database_roles.application_is_no_owner(databases=["default"]) == []

    def test_a_process_that_has_power_says_so_once(self, settings: Settings) -> None:
        settings.PRODUCTION = True
        settings.DATABASE_APPLICATION = settings.DATABASE_OWNER

        with capture_logs() as logs:
            database_roles.warn_of_power(connection=connection)

        assert [(line["event"], line["log_level"]) for line in logs] == [
            ("database.role_has_power", "warning")
        ]


def _rights(role: str) -> list[tuple[Any, ...]]:
    """Return everything that was granted to a role."""
    with as_owner() as cursor:
        cursor.execute(
            """
            SELECT relname, acl.privilege_type FROM pg_class, aclexplode(relacl) AS acl
            WHERE acl.grantee = (SELECT oid FROM pg_roles WHERE rolname = %(role)s)
            UNION ALL
            SELECT attrelid::regclass::text || '.' || attname, acl.privilege_type
            FROM pg_attribute, aclexplode(attacl) AS acl
            WHERE acl.grantee = (SELECT oid FROM pg_roles WHERE rolname = %(role)s)
            ORDER BY 1, 2
            """,
            {"role": role},
        )
        return [*cursor.fetchall()]
