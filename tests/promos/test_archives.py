"""Downloads of batches: packed by a worker, encrypted while they are kept, gone after a day."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from io import BytesIO
from typing import Any
from uuid import UUID, uuid4
from zipfile import ZipFile

import pytest
import time_machine
from django.contrib.auth.models import User
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone
from psycopg import sql
from pytest_django.fixtures import Settings

from promos import archive_files, archives, batches, codes, tasks
from promos.errors import CodesGoneError, IllegalMoveError
from promos.models import Batch, BatchArchive, BatchArchivePart, SheetLanguage
from quizarena import advisory_locks
from quizarena.advisory_locks import Space
from quizarena.staff.models import AuditEntry
from tests.concurrency import meet_after, run_together
from tests.factories import NOON, PlayerFactory, make_campaign, make_staff
from tests.owner import as_owner
from tests.promos.desk import enter, page, submit
from tests.promos.test_console_codes import BATCHES, MADE, make_batch

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
DECISION = UUID("5b0ee2a4-9f0e-4c0e-9f5e-2f6d6b1f1a11")


@pytest.fixture(autouse=True)
def _at_noon() -> Iterator[None]:
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def operator() -> User:
    """Return who runs campaigns."""
    return make_staff("Operator")


@pytest.fixture
def desk(client: Client, operator: User) -> Client:
    """Return a browser in which an operator is signed in."""
    client.force_login(operator)
    return client


def request(batch: Batch, staff: User, **changes: Any) -> BatchArchive:
    """Request the archive of a batch."""
    wanted: dict[str, Any] = {
        "batch_id": batch.pk,
        "language": SheetLanguage.GERMAN,
        "decision": uuid4(),
        "staff": staff,
        "now": timezone.now(),
    }
    return archives.request(**{**wanted, **changes})


def packed(batch: Batch, staff: User, **changes: Any) -> BatchArchive:
    """Return an archive that the worker has packed."""
    archive = request(batch, staff, **changes)
    assert tasks.make_archives() == 1
    archive.refresh_from_db()
    return archive


def taken(archive: BatchArchive, staff: User, *, now: datetime | None = None) -> bytes:
    """Download an archive."""
    pieces = archives.take(archive_id=archive.pk, staff=staff, now=now or timezone.now())
    return b"".join(pieces)


def raw_codes(file: bytes) -> list[str]:
    """Return the codes in a ZIP."""
    return ZipFile(BytesIO(file)).read("codes.csv").decode().split()[1:]


class TestFile:
    def test_it_has_the_codes_their_links_and_cards_with_value_and_expiry(
        self, operator: User, settings: Settings
    ) -> None:
        settings.TELEGRAM_BOT_USERNAME = "arena_bot"
        campaign = make_campaign(
            kind="ENERGY_GRANT",
            value=5,
            scope="ANY",
            name="Christmas",
            ends_at=NOON + timedelta(days=10),
        )
        archive = packed(make_batch(size=3, campaign=campaign), operator)

        file = ZipFile(BytesIO(taken(archive, operator)))

        assert file.testzip() is None
        assert file.namelist() == ["README.txt", "codes.csv", "links.csv", "cards-001.pdf"]
        heading, *raw = file.read("codes.csv").decode().split()
        assert (heading, len(raw)) == ("code", 3)
        assert all(MADE.fullmatch(code) for code in raw)
        assert file.read("links.csv").decode().split() == [
            "code,link",
            *(f"{code},https://t.me/arena_bot?start=promo_{code.replace('-', '')}" for code in raw),
        ]
        assert file.read("cards-001.pdf").startswith(b"%PDF")
        assert (archive.printed_gives, archive.printed_ends_at) == (
            "5 Energie",
            NOON + timedelta(days=10),
        )
        readme = file.read("README.txt").decode()
        assert "3 codes of Christmas" in readme
        assert "Requested by: operator" in readme
        assert enter(PlayerFactory.create(), raw[0])

    def test_a_thousand_cards_are_one_file(
        self, operator: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(archive_files, "CARDS_TOGETHER", 2)
        archive = packed(make_batch(size=5), operator)

        names = ZipFile(BytesIO(taken(archive, operator))).namelist()

        assert names[3:] == ["cards-001.pdf", "cards-002.pdf", "cards-003.pdf"]

    def test_a_big_batch_has_lists_only_and_says_so(
        self, operator: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(archive_files, "CARDS_MAX", 2)
        archive = packed(make_batch(size=3), operator)

        file = ZipFile(BytesIO(taken(archive, operator)))

        assert file.namelist() == ["README.txt", "codes.csv", "links.csv"]
        assert (
            "No cards: a batch of more than 2 codes has none." in file.read("README.txt").decode()
        )

    def test_twenty_thousand_codes_have_cards_and_more_have_none(self) -> None:
        assert archive_files.has_cards(20_000)
        assert not archive_files.has_cards(20_001)

    def test_a_file_of_many_pieces_is_whole(
        self, operator: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(archive_files, "PART_BYTES", 500)
        monkeypatch.setattr(archive_files, "CARDS_TOGETHER", 1)
        archive = packed(make_batch(size=3), operator)

        file = taken(archive, operator)

        assert archive.parts.count() >= 3
        assert len(file) == archive.file_bytes
        assert len(raw_codes(file)) == 3


class TestAtRest:
    def test_no_code_stands_in_the_database(self, operator: User) -> None:
        archive = packed(make_batch(size=3), operator)

        stored = b"".join(bytes(part.content) for part in archive.parts.all())

        file = taken(archive, operator)
        assert file.startswith(b"PK")
        assert b"codes.csv" not in stored
        assert not stored.startswith(b"PK")
        with connection.cursor() as cursor:
            for table in connection.introspection.table_names():
                rows = sql.SQL("SELECT r::text FROM {} AS r").format(sql.Identifier(table))
                cursor.execute(rows)
                shown = str(cursor.fetchall())
                for raw in raw_codes(file):
                    for secret in (raw, codes.normalised(raw)):
                        assert secret not in shown, table
                        assert secret.encode().hex() not in shown, table

    def test_without_the_pepper_it_cannot_be_read(self, operator: User, settings: Settings) -> None:
        archive = packed(make_batch(size=3), operator)
        settings.PROMO_PEPPERS = {"other": "other-pepper"}

        with pytest.raises(CodesGoneError, match="missing in PROMO_PEPPERS"):
            taken(archive, operator)

        assert Batch.objects.get().downloaded_at is None

    def test_after_a_rotation_it_can(self, operator: User, settings: Settings) -> None:
        archive = packed(make_batch(size=3), operator)
        settings.PROMO_PEPPERS = {"new": "new-pepper", **settings.PROMO_PEPPERS}

        assert len(raw_codes(taken(archive, operator))) == 3

    def test_the_key_is_its_own(self, settings: Settings) -> None:
        settings.PROMO_PEPPERS = {"old": "old-pepper"}

        key = codes.archive_key(bytes(range(32)), pepper_id="old")

        assert key != codes.batch_key(bytes(range(32)), pepper_id="old")
        assert len(key) == 32


class TestDay:
    """The file is there for 24 hours after its first download."""

    def test_the_first_download_deletes_the_seed_and_every_one_is_recorded(
        self, operator: User
    ) -> None:
        batch = make_batch(size=3, campaign=make_campaign(name="Summer"))
        archive = packed(batch, operator)
        first = taken(archive, operator)
        other = make_staff("Administrator")

        again = taken(archive, other, now=NOON + 23 * HOUR)

        batch.refresh_from_db()
        assert again == first
        assert (batch.seed, batch.downloaded_at, batch.downloaded_by) == (None, NOON, operator)
        entries = AuditEntry.objects.filter(action="batch.downloaded").order_by("pk")
        assert [(entry.actor, entry.details["download"]) for entry in entries] == [
            (operator, 1),
            (other, 2),
        ]
        assert entries[0].summary == "3 codes of Summer: downloaded."
        assert entries[1].summary == "3 codes of Summer: downloaded again."

    def test_a_day_after_the_first_download_nothing_is_left(self, operator: User) -> None:
        archive = packed(make_batch(size=3), operator)
        taken(archive, operator, now=NOON + HOUR)
        end = NOON + 25 * HOUR

        assert taken(archive, operator, now=end - timedelta(seconds=1))
        with pytest.raises(CodesGoneError, match="There is no file"):
            taken(archive, operator, now=end)
        # An hour more for whoever has begun to download it.
        with time_machine.travel(end + HOUR - timedelta(seconds=1), tick=False):
            tasks.make_archives()
            assert archive.parts.exists()
        with time_machine.travel(end + HOUR, tick=False):
            tasks.make_archives()

        archive.refresh_from_db()
        assert (archive.status, archive.salt) == ("EXPIRED", None)
        assert not BatchArchivePart.objects.exists()
        with pytest.raises(CodesGoneError, match="downloaded already"):
            request(Batch.objects.get(), operator)

    def test_what_nobody_has_downloaded_can_be_packed_again(self, operator: User) -> None:
        batch = make_batch(size=3)
        archive = packed(batch, operator)

        with time_machine.travel(NOON + 25 * HOUR, tick=False):
            tasks.make_archives()
            with pytest.raises(CodesGoneError):
                taken(archive, operator)
            assert len(raw_codes(taken(packed(batch, operator), operator))) == 3

    def test_before_the_first_download_it_can_be_packed_anew(self, operator: User) -> None:
        batch = make_batch(size=3)
        old = packed(batch, operator)

        new = packed(batch, operator, language=SheetLanguage.ENGLISH)

        old.refresh_from_db()
        assert (old.status, new.status) == ("EXPIRED", "READY")
        assert not old.parts.exists()
        taken(new, operator)
        with pytest.raises(CodesGoneError, match="downloaded already"):
            request(batch, operator)

    def test_revoked_codes_do_not_leave(self, operator: User) -> None:
        batch, waiting = make_batch(size=3), make_batch(size=3)
        archive = packed(batch, operator)
        queued = request(waiting, operator)
        for one in (batch, waiting):
            batches.revoke(batch_id=one.pk, reason="Lost.", now=NOON, staff=operator)

        with pytest.raises(CodesGoneError, match="There is no file"):
            taken(archive, operator)
        with pytest.raises(CodesGoneError, match="revoked"):
            request(batch, operator)
        assert tasks.make_archives() == 0
        queued.refresh_from_db()
        assert (queued.status, queued.error) == ("FAILED", "The codes have been revoked.")
        assert not BatchArchivePart.objects.exists()


class TestAsking:
    def test_a_form_is_one_archive(self, operator: User) -> None:
        batch = make_batch(size=3)

        first = request(batch, operator, decision=DECISION)

        assert request(batch, operator, decision=DECISION) == first
        assert AuditEntry.objects.filter(action="batch.archive_requested").count() == 1

    def test_codes_that_are_being_made_are_not_packed(self, operator: User) -> None:
        batch = batches.order(
            campaign_id=make_campaign().pk, size=3, prefix="", now=NOON, staff=None
        )

        with pytest.raises(IllegalMoveError, match="0 of 3 have been made so far"):
            request(batch, operator)

    def test_one_is_packed_at_a_time(self, operator: User) -> None:
        batch = make_batch(size=3)
        request(batch, operator)

        with pytest.raises(IllegalMoveError, match="prepared already"):
            request(batch, operator)


class TestWorker:
    def test_who_was_taken_for_dead_writes_no_more(
        self, operator: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(archive_files, "PART_BYTES", 500)
        archive = request(make_batch(size=5), operator)
        pieces = archive_files.pieces

        def slow(one: BatchArchive) -> Iterator[archive_files.Piece]:
            for number, piece in enumerate(pieces(one)):
                yield piece
                if number == 1 and one.tries == 1:
                    # Taken for dead: another worker packs the whole file.
                    with time_machine.travel(NOON + timedelta(minutes=5), tick=False):
                        assert archives.make_one(one.pk) == 1

        monkeypatch.setattr(archive_files, "pieces", slow)

        assert archives.make_one(archive.pk) == 0

        archive.refresh_from_db()
        assert (archive.status, archive.tries) == ("READY", 2)
        assert len(raw_codes(taken(archive, operator))) == 5

    def test_one_that_is_revoked_meanwhile_is_not_packed_further(
        self, operator: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        batch = make_batch(size=5)
        archive = request(batch, operator)
        pieces = archive_files.pieces

        def interrupted(one: BatchArchive) -> Iterator[archive_files.Piece]:
            for piece in pieces(one):
                if piece.content:
                    batches.revoke(batch_id=batch.pk, reason="Lost.", now=NOON, staff=operator)
                yield piece

        monkeypatch.setattr(archive_files, "pieces", interrupted)

        assert tasks.make_archives() == 0

        archive.refresh_from_db()
        assert (archive.status, archive.salt) == ("FAILED", None)
        assert not BatchArchivePart.objects.exists()

    def test_what_fails_is_tried_three_times_and_then_says_so(
        self, operator: User, settings: Settings
    ) -> None:
        settings.TELEGRAM_BOT_USERNAME = "x" * 3000  # More than a QR code holds.
        batch = make_batch(size=1)
        archive = request(batch, operator)
        for minute in range(4):
            with time_machine.travel(NOON + timedelta(minutes=minute), tick=False):
                tasks.make_archives()

        archive.refresh_from_db()
        batch.refresh_from_db()
        assert (archive.status, archive.tries) == ("FAILED", 3)
        assert archive.error.startswith("It could not be packed (")
        assert batch.seed is not None
        request(batch, operator)

    def test_files_take_turns_with_exports(self, operator: User) -> None:
        request(make_batch(size=1), operator)
        made: list[object] = []

        with advisory_locks.locked(Space.CRITICAL_JOB, "exports"):
            made += run_together(tasks.make_archives)

        assert made == [0]


@pytest.mark.django_db(transaction=True)
class TestRaces:
    def test_of_two_requests_at_once_one_is_refused(
        self, operator: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        batch = make_batch(size=3)
        meet_after(monkeypatch, archives, "check")

        results = run_together(partial(request, batch, operator), partial(request, batch, operator))

        assert sorted(type(result).__name__ for result in results) == [
            "BatchArchive",
            "IllegalMoveError",
        ]

    def test_without_the_lock_only_the_constraint_is_left(
        self, operator: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the test above can fail: take the lock away."""
        batch = make_batch(size=3)
        monkeypatch.setattr(
            archives,
            "_lock_batch",
            lambda pk: Batch.objects.select_related("campaign").get(pk=pk),
        )
        meet_after(monkeypatch, archives, "check")

        results = run_together(partial(request, batch, operator), partial(request, batch, operator))

        assert sorted(type(result).__name__ for result in results) == [
            "BatchArchive",
            "IntegrityError",
        ]

    def test_of_two_first_downloads_at_once_each_is_counted(
        self, operator: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        archive = packed(make_batch(size=3), operator)
        meet_after(monkeypatch, archives, "_lock_batch")

        first, second = run_together(*[lambda: taken(archive, operator)] * 2)

        assert first == second
        archive.refresh_from_db()
        assert archive.downloads == 2


class TestDatabaseSaysNo:
    """Each rule again, by a road that does not pass through the services."""

    @pytest.fixture
    def archive(self, operator: User) -> BatchArchive:
        """Return an archive that waits for its worker."""
        return request(make_batch(size=1), operator)

    def test_two_live_archives_of_a_batch(self, archive: BatchArchive) -> None:
        archive.pk, archive.decision = None, uuid4()

        with pytest.raises(IntegrityError, match="archive_one_live_per_batch"):
            archive.save(force_insert=True)

    def test_a_move_that_is_none(self, archive: BatchArchive) -> None:
        with pytest.raises(DatabaseError, match=r"[Ii]nvalid"):
            BatchArchive.objects.update(status="READY", due_at=None)

    def test_a_key_that_stays_when_the_file_is_gone(self, archive: BatchArchive) -> None:
        with pytest.raises(IntegrityError, match="archive_is_due_or_there_or_gone"):
            BatchArchive.objects.update(
                status="FAILED", due_at=None, finished_at=NOON, error="Lost."
            )

    @pytest.mark.parametrize("change", [{"printed_gives": "a car"}, {"requested_at": NOON + HOUR}])
    def test_a_request_that_changes(self, archive: BatchArchive, change: dict[str, Any]) -> None:
        with pytest.raises(DatabaseError, match=r"[Cc]annot update"), transaction.atomic():
            BatchArchive.objects.update(**change)

    def test_a_request_that_is_deleted(self, archive: BatchArchive) -> None:
        with pytest.raises(DatabaseError), transaction.atomic():
            BatchArchive.objects.all().delete()
        with (
            pytest.raises(DatabaseError, match="Cannot truncate"),
            transaction.atomic(),
            as_owner(),
            connection.cursor() as cursor,
        ):
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; TRUNCATE promos_batcharchive CASCADE")


class TestDesk:
    def test_from_the_request_to_the_download(self, desk: Client) -> None:
        batch = make_batch(campaign=make_campaign(kind="ENERGY_GRANT", value=5, scope="ANY"))
        address = f"{BATCHES}{batch.pk}"
        form = {"language": "en", "decision": str(DECISION)}
        assert "Prepare download" in page(desk, f"{address}/change/")

        preview = submit(desk, f"{address}/prepare/", {**form, "preview": "1"})
        assert "Cards say 5 energy" in preview
        asked = submit(desk, f"{address}/prepare/", {**form, "confirm": "1"})
        assert "The download is being prepared." in asked
        assert "Download ZIP" not in asked
        waiting = desk.get(f"{address}/packing/")
        assert "queued, 0 %" in waiting.content.decode()
        assert "HX-Refresh" not in waiting
        tasks.make_archives()
        assert desk.get(f"{address}/packing/")["HX-Refresh"] == "true"
        assert "Download ZIP" in page(desk, f"{address}/change/")
        assert "For 24 hours from the first download" in page(desk, f"{address}/download/")
        answer: Any = desk.post(f"{address}/download/")

        assert answer["Content-Type"] == "application/zip"
        assert answer["Content-Disposition"] == f'attachment; filename="codes-{batch.pk}.zip"'
        assert "no-store" in answer["Cache-Control"]
        file = answer.getvalue()
        assert int(answer["Content-Length"]) == len(file)
        assert enter(PlayerFactory.create(), raw_codes(file)[0])
        after = page(desk, f"{address}/change/")
        assert "kept until" in after
        assert "Download ZIP" in after
        assert "Prepare" not in after

    def test_cards_that_say_something_else_by_now_are_named(
        self, desk: Client, operator: User
    ) -> None:
        campaign = make_campaign(status="DRAFT")
        batch = make_batch(campaign=campaign)
        packed(batch, operator)
        address = f"{BATCHES}{batch.pk}/download/"
        assert "has been changed since" not in page(desk, address)

        type(campaign).objects.update(ends_at=NOON + timedelta(days=99))

        assert "has been changed since" in page(desk, address)

    def test_looking_at_the_page_takes_nothing(self, desk: Client, operator: User) -> None:
        batch = make_batch()
        packed(batch, operator)

        page(desk, f"{BATCHES}{batch.pk}/download/")

        assert Batch.objects.get().seed is not None
        assert not AuditEntry.objects.filter(action="batch.downloaded").exists()

    def test_without_a_file_one_is_led_back(self, desk: Client) -> None:
        batch = make_batch()

        assert "There is no file" in submit(desk, f"{BATCHES}{batch.pk}/download/", {})

    @pytest.mark.parametrize("what", ["download", "prepare", "revoke"])
    def test_support_cannot(self, client: Client, operator: User, what: str) -> None:
        client.force_login(make_staff("Support"))
        batch = make_batch()
        packed(batch, operator)

        assert client.get(f"{BATCHES}{batch.pk}/{what}/").status_code == 403
        assert client.post(f"{BATCHES}{batch.pk}/{what}/").status_code == 403
        assert Batch.objects.get().seed is not None
