"""Backups: recorded once, missed when they are too old, and really made and restored."""

import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.utils import timezone

from quizarena.local.servers import find_postgres
from quizarena.local.services import CHECKOUT
from quizarena.ops import backups
from quizarena.ops.models import Backup, BackupKind
from quizarena.staff.models import Alert
from tests.economy.test_verification import give
from tests.factories import PlayerFactory
from tests.payments.test_admin import log_in, read

NOON = datetime(2026, 11, 22, 11, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)

pytestmark = pytest.mark.django_db


def record(
    began_at: datetime,
    *,
    kind: BackupKind = BackupKind.BACKUP,
    size: int | None = 1_500_000,
    now: datetime = NOON,
) -> Backup:
    """Record a backup."""
    return backups.record(kind=kind, began_at=began_at, size=size, note="nightly", now=now)


class TestRecord:
    """What was done outside, in one row."""

    def test_a_backup_is_recorded_once(self) -> None:
        first = record(NOON - HOUR)
        second = record(NOON - HOUR, size=2_000_000, now=NOON + HOUR)

        assert first == second
        assert list(Backup.objects.values_list("kind", "began_at", "recorded_at", "size")) == [
            ("BACKUP", NOON - HOUR, NOON, 1_500_000)
        ]

    def test_a_clock_that_is_a_little_ahead_is_believed(self) -> None:
        assert record(NOON + 5 * MINUTE).began_at == NOON

    @pytest.mark.parametrize(
        ("began_at", "kind", "size", "error"),
        [
            (NOON + 6 * MINUTE, BackupKind.BACKUP, 1, "begins in the future"),
            (NOON, BackupKind.BACKUP, 0, "An empty file is no backup"),
            (NOON, BackupKind.BACKUP, None, "has a size in bytes"),
            (NOON, BackupKind.REHEARSAL, 1, "has a size in bytes"),
        ],
    )
    def test_what_cannot_be_is_refused(
        self, began_at: datetime, kind: BackupKind, size: int | None, error: str
    ) -> None:
        with pytest.raises(ValueError, match=error):
            record(began_at, kind=kind, size=size)
        assert not Backup.objects.exists()

    def test_a_row_stays_as_it_is(self) -> None:
        backup = record(NOON)

        for change in (
            lambda: Backup.objects.update(size=2),
            lambda: Backup.objects.all().delete(),
        ):
            with pytest.raises(DatabaseError), transaction.atomic():
                change()
        backup.refresh_from_db()
        assert backup.size == 1_500_000

    def test_the_command_takes_a_backup_and_a_rehearsal(self, capsys: Any) -> None:
        call_command("record_backup", "2026-11-22T03:00:00+01:00", "--bytes=7", "--note=by hand")
        call_command("record_backup", "2026-11-22T03:00:00+01:00", "--restored")

        assert list(Backup.objects.order_by("pk").values_list("kind", "size", "note")) == [
            ("BACKUP", 7, "by hand"),
            ("REHEARSAL", None, ""),
        ]
        assert Backup.objects.earliest("pk").began_at == datetime(2026, 11, 22, 2, tzinfo=UTC)
        assert capsys.readouterr().out.splitlines() == [
            "Backup of 22 Nov 2026, 03:00: recorded.",
            "Restore, as a rehearsal of 22 Nov 2026, 03:00: recorded.",
        ]

    @pytest.mark.parametrize(
        ("words", "error"),
        [
            (["2026-11-22T03:00:00", "--bytes=7"], "with its zone"),
            (["yesterday", "--bytes=7"], "with its zone"),
            (["2026-13-45T03:00:00Z", "--bytes=7"], "with its zone"),
            (["2026-11-22T02:00:00Z", "--bytes=0"], "An empty file is no backup"),
            (["2026-11-22T02:00:00Z", "--bytes=7", "--note=" + 201 * "x"], "shorten it"),
        ],
    )
    def test_the_command_says_what_to_do(self, words: list[str], error: str) -> None:
        with pytest.raises(CommandError, match=error):
            call_command("record_backup", *words)


class TestWatch:
    """Beat looks every minute how old the last backup is."""

    def test_no_backup_was_ever_recorded(self) -> None:
        record(NOON, kind=BackupKind.REHEARSAL, size=None)
        backups.watch(now=NOON + timedelta(days=30))

        assert not Alert.objects.exists()

    def test_a_backup_of_26_hours_is_not_too_old_and_an_older_one_is(self) -> None:
        record(NOON)

        backups.watch(now=NOON + 26 * HOUR)
        assert not Alert.objects.exists()

        backups.watch(now=NOON + 26 * HOUR + MINUTE)
        backups.watch(now=NOON + 26 * HOUR + 2 * MINUTE)
        alert = Alert.objects.get(kind="backup_overdue")
        assert alert.resolved_at is None
        assert alert.summary == "The last backup began 1 day ago."

    def test_the_next_backup_resolves_it(self) -> None:
        record(NOON)
        backups.watch(now=NOON + 27 * HOUR)

        record(NOON + 27 * HOUR, now=NOON + 28 * HOUR)
        backups.watch(now=NOON + 28 * HOUR)

        assert Alert.objects.get().resolved_at == NOON + 28 * HOUR


def test_the_home_page_says_how_old_they_are(client: Client) -> None:
    log_in(client, "Administrator")
    nothing = read(client, "/admin/")
    assert "Last backup never recorded" in nothing
    assert "Last restored to try it never recorded" in nothing

    now = timezone.now()
    record(now - 27 * HOUR, now=now)
    record(now - 99 * 24 * HOUR, kind=BackupKind.REHEARSAL, size=None, now=now)
    page = read(client, "/admin/")

    assert "1.4 MB overdue" in page
    assert page.count("overdue") == 1
    assert "1.4 MB" in read(client, "/admin/ops/backup/")


def addresses(database: str) -> dict[str, str]:
    """Return the environment in which our own processes find `database` on the tests' server."""
    place = f"{connection.settings_dict['HOST']}:{connection.settings_dict['PORT']}/{database}"
    roles = {
        "DATABASE_URL": settings.DATABASE_APPLICATION,
        "DATABASE_OWNER_URL": settings.DATABASE_OWNER or {},
    }
    return {
        name: f"postgresql://{role['USER']}:{quote(role['PASSWORD'])}@{place}"
        for name, role in roles.items()
    }


def libpq(role: Mapping[str, Any], *, database: str) -> dict[str, str]:
    """Return the environment in which PostgreSQL's programs find the tests' server."""
    return {
        **os.environ,
        "PATH": f"{find_postgres().parent}:{os.environ['PATH']}",
        "PGHOST": str(connection.settings_dict["HOST"]),
        "PGPORT": str(connection.settings_dict["PORT"]),
        "PGUSER": role["USER"],
        "PGPASSWORD": role["PASSWORD"],
        "PGDATABASE": database,
    }


class TestScript:
    """backup.sh where something goes wrong."""

    def environment(self, tmp_path: Path, **programs: str) -> dict[str, str]:
        """Put programs of this name in front of the real ones."""
        (tmp_path / "bin").mkdir()
        (tmp_path / "backups").mkdir()
        for name, script in programs.items():
            (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{script}\n")
            (tmp_path / "bin" / name).chmod(0o700)
        return os.environ | {
            "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
            "BACKUP_DIRECTORY": str(tmp_path / "backups"),
        }

    def test_half_a_backup_takes_no_room(self, tmp_path: Path) -> None:
        environment = self.environment(
            tmp_path, pg_dump='echo half > "${3#--file=}"; echo "$3" >&2; exit 1'
        )

        done = subprocess.run(
            ["sh", "quizarena/ops/backup.sh"],
            cwd=CHECKOUT,
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

        assert done.returncode == 1
        assert ".dump.part" in done.stderr
        assert list((tmp_path / "backups").iterdir()) == []

    @pytest.mark.parametrize("hour", ["0", "08", "9"])
    def test_every_way_to_write_an_hour_is_understood(self, hour: str, tmp_path: Path) -> None:
        # Instead of waiting it says, by its own clock, at which hour that would end, and ends all.
        sleep = f"echo $((($(date -u +%s) + $1 + 60) % 86400 / 3600)) > {tmp_path}/hour; kill $PPID"
        environment = self.environment(tmp_path, sleep=sleep) | {"BACKUP_HOUR": hour}
        (tmp_path / "backups" / "quizarena-1.dump").touch()

        subprocess.run(
            ["sh", "quizarena/ops/backup.sh", "nightly"],
            cwd=CHECKOUT,
            env=environment,
            timeout=30,
            check=False,
        )

        assert (tmp_path / "hour").read_text() == f"{int(hour)}\n"


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_backup_is_made_recorded_and_restored(tmp_path: Path) -> None:
    player = PlayerFactory.create()
    give(player, 7)
    owner = settings.DATABASE_OWNER
    assert owner
    name = connection.settings_dict["NAME"]
    environment = libpq(owner, database=name) | {"BACKUP_DIRECTORY": str(tmp_path)}

    subprocess.run(["sh", "quizarena/ops/backup.sh"], cwd=CHECKOUT, env=environment, check=True)

    (file,) = tmp_path.iterdir()
    backup = Backup.objects.get()
    assert (backup.kind, backup.size, backup.note) == ("BACKUP", file.stat().st_size, file.name)
    assert abs(backup.recorded_at - backup.began_at) < timedelta(minutes=10)
    assert file.stat().st_mode & 0o077 == 0

    restored = f"{name}_restored"
    there = libpq(owner, database=restored)
    subprocess.run(["createdb", restored], env=there, check=True)
    try:
        command = ["pg_restore", "--exit-on-error", f"--dbname={restored}", str(file)]
        subprocess.run(command, env=there, check=True)
        for words in (["migrate", "--verbosity=0"], ["verify_ledger"]):
            subprocess.run(
                [sys.executable, "manage.py", *words],
                cwd=CHECKOUT,
                env=os.environ | addresses(restored),
                check=True,
            )
        with psycopg.connect(addresses(restored)["DATABASE_URL"]) as application:
            held = application.execute("SELECT paid_energy FROM economy_wallet").fetchall()
            assert held == [(7,)]
            with pytest.raises(psycopg.DatabaseError):
                application.execute("UPDATE economy_wallet SET paid_energy = 8")
    finally:
        subprocess.run(["dropdb", "--force", restored], env=there, check=True)
