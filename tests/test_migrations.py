"""Migrations say what they mean, and take a database with data in it to the newest state."""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps as newest_apps
from django.core.management import call_command
from django.db import connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import ProjectState
from django.db.models import QuerySet
from pytest_django import DjangoDbBlocker

from quizarena.ops import structure
from tests.sandbox import ROOT
from tests.states import options_in_place

OURS = {"quizarena", "economy", "promos", "payments", "bot", "tests"}
MIGRATIONS = sorted(
    path
    for config in newest_apps.get_app_configs()
    if config.name.partition(".")[0] in OURS
    for path in Path(config.path, "migrations").glob("[0-9]*.py")
)
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def imported(source: str) -> Iterator[str]:
    """Yield the name of every module that the source imports, wherever in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "quizarena"  # A relative import is of ours.


@pytest.mark.parametrize("path", MIGRATIONS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_migration_imports_nothing_of_ours(path: Path) -> None:
    """What it imported would change under it, and makemigrations would stay silent."""
    ours = [name for name in imported(path.read_text()) if name.partition(".")[0] in OURS]

    assert ours == []


def test_every_way_of_importing_is_seen() -> None:
    source = "import a.b\nfrom c.d import e\nfrom . import f\ndef late():\n    import g as h\n"

    assert [*imported(source)] == ["a.b", "c.d", "quizarena", "g"]


# --- The walk -------------------------------------------------------------------------------------


class Past:
    """The tables as the migrations up to `targets` have left them."""

    def __init__(self, executor: MigrationExecutor, targets: list[tuple[str, str]]) -> None:
        self._apps = executor.loader.project_state(targets).apps
        self._alias = executor.connection.alias

    def of(self, label: str) -> QuerySet[Any]:
        """Return the rows of a model as it was."""
        rows: QuerySet[Any] = self._apps.get_model(label)._base_manager.using(self._alias)
        return rows

    def make(self, label: str, /, **fields: Any) -> Any:
        """Add a row to a model as it was."""
        return self.of(label).create(**fields)


def plant_playing(past: Past) -> None:
    """Leave what there is when somebody has played a question."""
    make = past.make
    player, _ = (
        make(
            "players.Player",
            telegram_id=telegram_id,
            first_name="Anna",
            username=f"anna_{telegram_id}",
            created_at=NOON,
            last_seen_at=NOON,
        )
        for telegram_id in (700_000_001, 700_000_002)
    )
    question = make(
        "game.Question",
        quiz_id="q-1",
        question="Welcher Artikel passt zu „Tisch“?",
        option_1="die",
        option_2="der",
        option_3="das",
        option_4="den",
        correct_option_id=1,
        explanation="„Tisch“ ist maskulin.",
        level="A1",
        category="ARTIKEL_SPRINT",
        key="artikel-tisch",
    )
    sitting = make(
        "game.Round", player=player, mode="ARTIKEL_SPRINT", start_key="update:1", started_at=NOON
    )
    make(
        "game.Showing",
        round=sitting,
        number=1,
        player=player,
        mode="ARTIKEL_SPRINT",
        question=question,
        version=past.of("game.QuestionVersion").get(),
        order=[2, 0, 1, 3],
        shown_at=NOON,
        answered_at=NOON,
        choice=1,
        is_correct=True,
    )
    for update_id, state in enumerate(("NEW", "WORKING", "DONE", "DEAD"), 1):
        make(
            "bot.InboxUpdate",
            update_id=update_id,
            kind="message",
            player_key=player.telegram_id,
            payload={"update_id": update_id},
            state=state,
            received_at=NOON,
            due_at=NOON,
            claimed_at=None if state == "NEW" else NOON,
            done_at=NOON if state == "DONE" else None,
            attempts=0 if state == "NEW" else 1,
            last_error="ValueError" if state == "DEAD" else "",
        )
    for state in ("PENDING", "SENT", "REFUSED"):
        make(
            "bot.OutgoingCall",
            method="sendMessage",
            chat_key=player.telegram_id,
            parameters={"chat_id": player.telegram_id, "text": "Hallo!"},
            paced=True,
            created_at=NOON,
            due_at=NOON,
            state=state,
            attempts=0 if state == "PENDING" else 1,
            claimed_at=None if state == "PENDING" else NOON,
            finished_at=None if state == "PENDING" else NOON,
            error="Bad Request: chat not found" if state == "REFUSED" else "",
            message_id=77 if state == "SENT" else None,
        )
    make("bot.Pace", name="everything", free_at=NOON)
    make("ops.Heartbeat", name="worker", seen_at=NOON)
    staff = make("auth.User", username="maria", is_staff=True)
    make("staff.AuditEntry", at=NOON, actor=staff, action="test", summary="Something was done.")


def plant_owning(past: Past) -> None:
    """Leave what there is when a player owns energy, Premium and a streak."""
    make = past.make
    player = past.of("players.Player").latest("pk")
    balances = dict.fromkeys(
        [
            "free_energy_after",
            "paid_energy_after",
            "streak_savers_after",
            "duel_tickets_after",
        ],
        0,
    )
    for key, fields in {
        "welcome": {"type": "WELCOME", "asset": "FREE_ENERGY", "free_energy": 20, "amount": 20},
        "saver": {"type": "PRIZE", "asset": "STREAK_SAVERS", "streak_savers": 1, "amount": 1},
        "premium": {"type": "PRIZE", "asset": "GOODS", "amount": 1},
    }.items():
        entry = make(
            "economy.LedgerEntry",
            player=player,
            direction="CREDIT",
            source="SYSTEM",
            idempotency_key=key,
            fingerprint="0" * 64,
            energy_counted_until=NOON,
            created_at=NOON,
            **balances,
            **fields,
        )
    # The trigger has given the entry another id than the one that Django knows.
    entry = past.of("economy.LedgerEntry").latest("pk")
    span = make(
        "economy.PremiumSpan",
        player=player,
        entry=entry,
        plan="MONTH",
        starts_at=NOON,
        ends_at=NOON + 720 * HOUR,
        laid_at=NOON,
    )
    make(
        "economy.ModeSpan",
        player=player,
        entry=entry,
        mode="WORD_ORDER",
        starts_at=NOON,
        ends_at=NOON + 24 * HOUR,
        laid_at=NOON,
    )
    make(
        "economy.PremiumNotice",
        player=player,
        span=span,
        ends_at=span.ends_at,
        kind="ONE_DAY_LEFT",
        created_at=NOON,
    )
    make("economy.StreakDay", player=player, day=date(2026, 11, 21), outcome="PLAYED", length=1)
    make("economy.PerfectRound", player=player, round_key="round:1", finished_at=NOON)
    make(
        "economy.OutageDay",
        day=date(2026, 11, 1),
        staff=past.of("auth.User").get(),
        reason="The power was away.",
        created_at=NOON,
    )
    make("economy.ProverRun", started_at=NOON)


def plant_buying(past: Past) -> None:
    """Leave what there is when a player has bought something and used a code."""
    make = past.make
    player = past.of("players.Player").latest("pk")
    staff = past.of("auth.User").get()
    product = make("payments.Product", code="ENERGY_10", stars=5, position=1, paid_energy=10)
    for status in ("CREATED", "FAILED", "PAID_UNCREDITED"):
        is_paid = status == "PAID_UNCREDITED"
        make(
            "payments.Purchase",
            player=player,
            product=product,
            goods={"paid_energy": 10},
            base_stars=5,
            stars=5,
            payload=f"payload-{status}",
            opened_at=NOON,
            changed_at=NOON,
            status=status,
            event="OPENED",
            charge_id="charge" if is_paid else None,
            paid_stars=5 if is_paid else None,
            paid_currency="XTR" if is_paid else "",
            paid_at=NOON if is_paid else None,
        )
    make("payments.SupportRequest", player=player, text="Wo ist meine Energie?", asked_at=NOON)
    make("payments.ReconciliationRun", is_full=True, started_at=NOON)
    campaigns = past.of("promos.Campaign")
    campaign = make(
        "promos.Campaign",
        name="Herbst",
        kind="PERCENT_DISCOUNT",
        value=20,
        starts_at=NOON,
        created_at=NOON,
        changed_at=NOON,
    )
    campaigns.update(status="ACTIVE")
    code = make(
        "promos.Code",
        campaign=campaign,
        is_shared=True,
        digest=b"d" * 32,
        pepper_id="one",
        label="HE…",
    )
    make(
        "promos.Redemption",
        campaign=campaign,
        code=code,
        is_shared=True,
        player=player,
        status="RESERVED",
        reserved_until=NOON + HOUR / 4,
        created_at=NOON,
        changed_at=NOON,
    )
    make(
        "promos.Attempt",
        player=player,
        digest=b"d" * 32,
        refusal="E_PROMO_INVALID",
        channel="COMMAND",
        idempotency_key="update:1",
        at=NOON,
    )
    make(
        "api.ApiClient",
        name="shop",
        token_sha256="a" * 64,
        scopes=["promos:write"],
        created_by=staff,
        created_at=NOON,
    )
    make(
        "staff.ApprovalRequest",
        kind="refund",
        subject_type="purchase",
        subject_id="1",
        subject_name="a purchase",
        preview={},
        reason="It did not arrive.",
        maker=staff,
        asked_at=NOON,
        expires_at=NOON + HOUR,
    )
    make(
        "staff.Alert",
        kind="payments",
        key="stuck",
        summary="A payment is stuck.",
        first_at=NOON,
        last_at=NOON,
    )
    make("ops.Downtime", process="worker", began_at=NOON, ended_at=NOON + HOUR)


def plant_offering(past: Past) -> None:
    """Leave what there is of invitations, offers, reminders and broadcasts."""
    make = past.make
    invited, player = past.of("players.Player").order_by("pk")
    inviter = make("promos.Inviter", player=player, code="34679ACDEF", created_at=NOON)
    make("promos.Referral", inviter=inviter, invited=invited, started_at=NOON)
    make(
        "payments.Impression",
        player=player,
        trigger="ENERGY_LOW",
        priority=60,
        event="HOME",
        is_blocking=False,
        prices={"ENERGY_10": 5},
        shown_at=NOON,
        day=date(2026, 11, 22),
        ordinal=1,
    )
    make("bot.ReminderSettings", player=player)
    broadcast = make("bot.Broadcast", name="Neu", key=uuid4(), created_at=NOON, changed_at=NOON)
    make("bot.BroadcastRecipient", broadcast=broadcast, player=player)


def plant_waiting(past: Past) -> None:
    """Leave something in every state of the queues, and a sent notice of every kind."""
    make = past.make
    player = past.of("players.Player").latest("pk")
    staff = past.of("auth.User").get()
    shown = past.of("game.Showing").get()
    for state in ("PENDING", "SENDING", "SENT", "REFUSED", "GIVEN_UP", "MAYBE_SENT", "SUPERSEDED"):
        is_waiting = state == "PENDING"
        is_over = state not in ("PENDING", "SENDING")
        make(
            "bot.OutgoingCall",
            method="sendMessage",
            chat_key=player.telegram_id,
            parameters={"chat_id": player.telegram_id, "text": state},
            paced=True,
            created_at=NOON,
            due_at=NOON,
            useless_at=NOON + HOUR if is_waiting else None,
            state=state,
            attempts=0 if is_waiting else 1,
            claimed_at=None if is_waiting else NOON,
            finished_at=NOON if is_over else None,
            doubtful=state == "MAYBE_SENT",
            showing_id=shown.pk,
        )
    make("bot.Pace", name="chat:1", free_at=NOON, limited_at=NOON, limited_until=NOON + HOUR)
    past.of("bot.BroadcastRecipient").update(outcome="LEFT_OUT", settled_at=NOON)
    past.of("economy.PremiumNotice").update(told_at=NOON)
    make(
        "economy.Streak",
        player=player,
        current=3,
        best=3,
        last_active_day=date(2026, 11, 20),
        settled_through=date(2026, 11, 21),
    )
    make(
        "economy.StreakDay",
        player=past.of("players.Player").earliest("pk"),
        day=date(2026, 11, 21),
        outcome="MISSED",
        length=1,
        told_at=NOON,
    )
    past.of("promos.Redemption").update(is_kept=True, locked_until=NOON + HOUR)
    make("promos.Denial", player=player, reason="Sells codes.", staff=staff, at=NOON)
    make(
        "promos.ReferralNotice",
        player=past.of("promos.Inviter").get().player,
        kind="FRIEND_QUALIFIED",
        referral=past.of("promos.Referral").get(),
        created_at=NOON,
        told_at=NOON,
    )
    past.of("payments.SupportRequest").update(
        answered_at=NOON, answered_by=staff, answer="Sie ist da.", told_at=NOON
    )
    past.of("staff.Alert").update(settled_at=NOON, settled_by=staff, settle_reason="Looked at it.")
    make(
        "api.KeptAnswer",
        client=past.of("api.ApiClient").get(),
        key="key-1",
        fingerprint="f" * 64,
        status=201,
        body="{}",
        answered_at=NOON,
    )
    past.of("players.Player").filter(pk=player.pk).update(
        suspended_at=NOON, suspension_told_at=NOON
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Landed:
    """Up to where each app had come when an installation could have been made, and its data."""

    migrations: dict[str, str]
    plant: Callable[[Past], None]


# Add one when a release has gone out; each goes on from the one before.
LANDED = [
    Landed(
        plant=plant_playing,
        migrations={
            "bot": "0002_pace_is_unlogged",
            "game": "0001_questions_and_rounds",
            "ops": "0001_heartbeats",
            "players": "0001_player",
            "staff": "0001_audit_log",
        },
    ),
    Landed(plant=plant_owning, migrations={"economy": "0001_ledger_and_wallets"}),
    Landed(
        plant=plant_buying,
        migrations={
            "api": "0001_clients_and_kept_answers",
            "bot": "0003_calls_that_show_a_question",
            "economy": "0005_renewal_grace",
            "game": "0002_showing_given_back",
            "ops": "0002_downtime",
            "payments": "0001_purchases",
            "players": "0003_awaits_promo_codes",
            "promos": "0001_campaigns",
            "staff": "0003_alerts",
        },
    ),
    Landed(
        plant=plant_offering,
        migrations={
            "bot": "0006_broadcasts",
            "economy": "0007_comeback_gift",
            "payments": "0003_offers",
            "players": "0004_started_at",
            "promos": "0004_weekend_offers",
        },
    ),
    Landed(
        plant=plant_waiting,
        migrations={
            "api": "0002_money_scopes_need_approval",
            "bot": "0013_player_rate_limits",
            "economy": "0008_control_runs",
            "game": "0003_question_imports",
            "ops": "0005_schedule_names",
            "payments": "0011_link_tries",
            "players": "0005_unsuspend",
            "promos": "0008_batch_derivation",
            "staff": "0009_unproven_chats",
        },
    ),
]

RENAMED_TABLES = {
    "api_keptanswer": "api_idempotencyrecord",
    "bot_pace": "bot_ratelimit",
    "economy_proverfinding": "economy_verificationfinding",
    "economy_proverrun": "economy_verificationrun",
    "game_showing": "game_roundquestion",
    "promos_denial": "promos_denylistentry",
}
# By the newest name of the table.
RENAMED_COLUMNS = {
    "bot_broadcastrecipient": {"settled_at": "finished_at"},
    "bot_outgoingcall": {
        "doubtful": "delivery_uncertain",
        "showing_id": "round_question_id",
        "useless_at": "expires_at",
    },
    "economy_premiumnotice": {"told_at": "notified_at"},
    "economy_streak": {"settled_through": "rolled_over_through"},
    "economy_streakday": {"told_at": "notified_at"},
    "game_roundquestion": {"given_back_at": "refunded_at"},
    "payments_purchase": {
        "delay_told_at": "delay_notified_at",
        "refund_told_at": "refund_notified_at",
    },
    "payments_subscription": {"grace_told_at": "grace_notified_at"},
    "payments_supportrequest": {"told_at": "notified_at"},
    "players_player": {"suspension_told_at": "suspension_notified_at"},
    "promos_campaign": {"held": "reserved", "stars_held": "stars_reserved"},
    "promos_redemption": {"is_kept": "is_locked_for_payment", "turn": "attempt_number"},
    "promos_referralnotice": {"told_at": "notified_at"},
    "staff_alert": {
        "settle_reason": "resolve_reason",
        "settled_at": "resolved_at",
        "settled_by_id": "resolved_by_id",
    },
}


@pytest.fixture
def walk(db: None, django_db_blocker: DjangoDbBlocker) -> Iterator[BaseDatabaseWrapper]:
    """Return a connection to an empty database of the test's own, beside that of the tests."""
    name = f"{connection.settings_dict['NAME']}_walk"
    with django_db_blocker.unblock():
        usual = connection.settings_dict
        options = {key: value for key, value in usual["OPTIONS"].items() if key != "assume_role"}
        connections.databases["walk"] = usual | {"NAME": name, "OPTIONS": options}
        walking = connections["walk"]
        with walking._nodb_cursor() as cursor:
            cursor.execute(f'DROP DATABASE IF EXISTS "{name}"')
            cursor.execute(f'CREATE DATABASE "{name}"')
        try:
            yield walking
        finally:
            walking.close()
            with walking._nodb_cursor() as cursor:
                cursor.execute(f'DROP DATABASE "{name}"')
            del connections.databases["walk"], connections["walk"]


# Every row: by its table, and by its first column.
Rows = dict[str, dict[Any, dict[str, Any]]]


def rows(database: BaseDatabaseWrapper) -> Rows:
    """Return every row of every table of ours."""
    found: Rows = {}
    with database.cursor() as cursor:
        for table in database.introspection.table_names(cursor):
            if table.partition("_")[0] not in {"django", "auth"}:
                cursor.execute(f'SELECT * FROM "{table}"')  # noqa: S608
                columns = [column.name for column in cursor.description]
                found[table] = {
                    row[0]: dict(zip(columns, row, strict=True)) for row in cursor.fetchall()
                }
    return found


def assert_kept(planted: Rows, found: Rows) -> None:
    """Every row is there with what it held, under the names of that time or the newest."""
    for old_table, planted_rows in planted.items():
        table = old_table if old_table in found else RENAMED_TABLES[old_table]
        columns = RENAMED_COLUMNS.get(table, {})
        for key, before in planted_rows.items():
            after = found[table][key]
            if table == "payments_reconciliationrun" and "compared" in after.keys() - before:
                # Nobody was left to continue it (payments/0005).
                before |= {"finished_at": before["started_at"], "error": "Interrupted."}
            expected = {
                name if name in after else columns[name]: value
                for name, value in before.items()
                if name in after or name in columns
            }
            assert {name: after[name] for name in expected} == expected


@pytest.mark.slow
def test_a_database_with_data_comes_to_the_newest_state(walk: BaseDatabaseWrapper) -> None:
    planted: Rows = {}
    reached: dict[str, str] = {"auth": "0012_alter_user_first_name_max_length"}
    state: ProjectState | None = None
    with options_in_place():
        for landed in LANDED:
            reached |= landed.migrations
            targets = [*reached.items()]
            executor = MigrationExecutor(walk)
            state = executor.migrate(targets, state=state)
            assert_kept(planted, rows(walk))
            landed.plant(Past(executor, targets))
            planted = rows(walk)

        call_command("migrate", database=walk.alias, verbosity=0)

    # A first `migrate`, like that of the tests' own database, goes another way to the same tables.
    assert {*structure.describe(walk)} ^ {*structure.describe(connection)} == set()
    newest = rows(walk)
    assert len(planted) > 30
    assert_kept(planted, newest)
    assert [
        (row["free_energy"], row["streak_savers"]) for row in newest["economy_wallet"].values()
    ] == [(20, 1)]


class TestStructure:
    def test_what_a_first_migrate_executes_is_of_these_migrations(self) -> None:
        assert structure.is_current(), "The migrations have changed: run make structure."

    def test_an_empty_database_gets_it_once(self, walk: BaseDatabaseWrapper) -> None:
        assert structure.execute(walk)
        assert not MigrationExecutor(walk).migration_plan(
            MigrationExecutor(walk).loader.graph.leaf_nodes()
        )
        assert not structure.execute(walk)

    def test_one_that_is_out_of_date_is_not_executed(
        self, walk: BaseDatabaseWrapper, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        stale = tmp_path / "structure.sql"
        stale.write_text(structure.FILE.read_text().replace("SHA-256: ", "SHA-256: 0", 1))
        monkeypatch.setattr(structure, "FILE", stale)

        assert not structure.execute(walk)
        assert walk.introspection.table_names() == []

    def test_without_the_file_an_empty_database_is_migrated_step_by_step(
        self, walk: BaseDatabaseWrapper, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr(structure, "FILE", tmp_path / "structure.sql")

        assert not structure.execute(walk)

    def test_a_database_with_tables_is_not_recorded(self, walk: BaseDatabaseWrapper) -> None:
        with walk.cursor() as cursor:
            cursor.execute("CREATE TABLE mine ()")

        with pytest.raises(ValueError, match="take an empty one"):
            structure.record(walk)
        assert not structure.execute(walk)
