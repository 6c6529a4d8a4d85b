"""Accounts as files: asked for with a reason, made by a worker, masked, kept for a day."""

import csv
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from io import BytesIO, StringIO
from threading import get_ident
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.contrib.auth.models import Permission, User
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.html import strip_tags
from openpyxl import load_workbook

from payments import export_files, export_sources, exports, tasks
from payments.exports import NotExportableError
from payments.models import Export, ExportKind, ExportPart, FileFormat
from quizarena import advisory_locks
from quizarena.advisory_locks import Space
from quizarena.staff.models import AuditEntry
from tests.concurrency import Meeting, meet_after, run_together
from tests.factories import PlayerFactory, make_staff
from tests.payments.steps import NOON, buy, refund

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
DAY = date(2026, 11, 22)


def ask(staff: User, kind: ExportKind = ExportKind.PURCHASES, **changes: Any) -> Export:
    """Ask for the export of one day."""
    wanted: dict[str, Any] = {
        "decision": uuid4(),
        "kind": kind,
        "file_format": FileFormat.CSV,
        "first_day": DAY,
        "last_day": DAY,
        "filters": {},
        "with_names": False,
        "reason": "The books of November.",
        "staff": staff,
        "now": NOON,
    }
    return exports.request(**{**wanted, **changes})


def file_of(export: Export) -> bytes:
    """Return the stored file."""
    return b"".join(bytes(part.content) for part in export.parts.order_by("number"))


def lines(export: Export) -> list[list[str]]:
    """Return the cells of a CSV file."""
    return list(csv.reader(StringIO(file_of(export).decode("utf-8-sig"))))


def made(export: Export) -> Export:
    """Let the worker make what is due at the export's time."""
    with time_machine.travel(NOON, tick=False):
        tasks.make_exports()
    export.refresh_from_db()
    return export


class TestFiles:
    def test_a_file_says_what_it_is_and_masks_players(self) -> None:
        anna = PlayerFactory.create(username="anna_k", first_name="Anna", telegram_id=5550123)
        purchase = buy(anna)
        export = made(ask(make_staff("Finance")))

        rows = lines(export)

        assert rows[:7] == [
            ["# Export", f"{export.pk}: Purchases"],
            ["# Days", "22 Nov 2026 to 22 Nov 2026 (Europe/Berlin)"],
            ["# Filters", "none"],
            ["# Names of players", "masked"],
            ["# Requested by", "finance"],
            ["# Requested at", "22 Nov 2026, 12:00:00 (Europe/Berlin)"],
            ["# Reason", "The books of November."],
        ]
        table = [dict(zip(rows[7], row, strict=True)) for row in rows[8:-1]]
        assert [
            (row["purchase"], row["paid_at"], row["paid_stars"], row["product"]) for row in table
        ] == [(str(purchase.pk), "2026-11-22 12:00:00", "5", "ENERGY_10")]
        assert table[0]["player"] == str(anna.pk)
        assert (table[0]["telegram_id"], table[0]["username"]) == ("***123", "a***")
        assert table[0]["name"] == "A***"
        assert rows[-1] == ["# Rows", "1"]
        assert (export.status, export.rows, export.progress) == ("READY", 1, 100)
        assert export.file_bytes == len(file_of(export))

    def test_whoever_may_gets_the_names_and_no_formula(self) -> None:
        buy(PlayerFactory.create(username="=1+2", first_name="@SUM(A1)", last_name=""))
        admin = make_staff("Administrator")

        in_csv = lines(made(ask(admin, with_names=True)))
        book = made(ask(admin, with_names=True, file_format=FileFormat.XLSX))

        assert {"'=1+2", "'@SUM(A1)"} <= set(in_csv[8])
        workbook = load_workbook(BytesIO(file_of(book)))
        assert workbook.sheetnames == ["Purchases", "About this export"]
        cells = {cell.value: cell.data_type for cell in workbook["Purchases"][2]}
        assert (cells["=1+2"], cells["@SUM(A1)"], cells[5]) == ("s", "s", "n")
        about = [[cell.value for cell in row] for row in workbook["About this export"].rows]
        assert ["Requested by", "administrator"] in about
        assert about[-1] == ["Rows", "1"]

    @pytest.mark.parametrize(
        ("name", "cell"),
        [
            ("=1+2", "'=1+2"),
            ("+49 30", "'+49 30"),
            ("-2+3", "'-2+3"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "\t'=1"),
            ("\uff1d1", "'\uff1d1"),
            # Excel in Germany separates by semicolons, and does not know these quotes.
            ("a;=1+2", "a;'=1+2"),
            ('"\n@SUM(A1)', "\"\n'@SUM(A1)"),
            ('a;"=1+2', "a;\"'=1+2"),
            ("Anna - B; C", "Anna - B; C"),
        ],
    )
    def test_no_cell_of_csv_begins_a_formula(self, name: str, cell: str) -> None:
        assert export_files.for_csv(name) == cell

    def test_what_staff_have_typed_is_no_formula(self) -> None:
        fin = make_staff("Finance")

        in_csv = lines(made(ask(fin, reason="=HYPERLINK(A1)")))
        book = made(ask(fin, reason="=HYPERLINK(A1)", file_format=FileFormat.XLSX))

        assert ["# Reason", "'=HYPERLINK(A1)"] in in_csv
        about = load_workbook(BytesIO(file_of(book)))["About this export"]
        assert {cell.value: cell.data_type for cell in about["B"]}["=HYPERLINK(A1)"] == "s"

    @pytest.mark.parametrize("kind", list(ExportKind))
    def test_every_kind_has_a_cell_for_each_column(self, kind: ExportKind) -> None:
        purchase = refund(buy(PlayerFactory.create()))
        export = made(ask(make_staff("Finance"), kind))

        rows = lines(export)
        source = export_sources.KINDS[kind]
        expected = {
            # Opened with the purchase: the welcome energy.
            ExportKind.LEDGER: purchase.player.entries.count(),
            ExportKind.PURCHASES: 1,
            ExportKind.REFUNDS: 1,
            ExportKind.REVENUE: 1,
            ExportKind.RECONCILIATION: 0,
        }

        assert export.error == ""
        assert rows[7] == list(source.columns)
        assert {len(row) for row in rows[8:-1]} <= {len(source.columns)}
        assert export.rows == expected[kind]

    def test_days_are_those_of_berlin_and_filters_narrow_down(self) -> None:
        player = PlayerFactory.create()
        # 23:59:59 of the day before, the first and the last instant of the day, and the next.
        for hours in (-12, 0, 11.9997, 12):
            buy(player, now=NOON + timedelta(hours=hours) - timedelta(seconds=hours == -12))
        buy(PlayerFactory.create(), "PREMIUM_STARTER")
        fin = make_staff("Finance")

        assert made(ask(fin)).rows == 3
        narrowed = made(ask(fin, filters={"product": "PREMIUM_STARTER"}))
        assert narrowed.rows == 1
        assert ["# Filters", "Product: Premium Starter"] in lines(narrowed)

    def test_too_many_rows_fail_with_a_way_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(export_sources.ROWS_MAX, FileFormat.CSV, 1)
        fin, player = make_staff("Finance"), PlayerFactory.create()
        buy(player)
        assert made(ask(fin)).status == "READY"
        buy(player)

        with CaptureQueriesContext(connection) as queries:
            export = made(ask(fin))

        # The database has not collected more of them than it takes to know.
        [read] = [sql for query in queries if "charge_id" in (sql := query["sql"])]
        assert read.endswith("LIMIT 2")
        assert (export.status, export.parts.count()) == ("FAILED", 0)
        assert export.error == "There are more than 1 rows. Choose fewer days or a filter."


class TestWork:
    def test_one_decision_is_one_export_and_one_file(self) -> None:
        fin, decision = make_staff("Finance"), uuid4()
        export = ask(fin, decision=decision)

        assert ask(fin, decision=decision) == export
        made(export)
        before = file_of(export)
        assert exports.make_one(export.pk) == 0

        assert file_of(export) == before
        assert [entry.action for entry in AuditEntry.objects.filter(action__startswith="ex")] == [
            "export.requested"
        ]

    def test_a_dead_workers_export_is_taken_over_and_the_dead_one_writes_no_more(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(export_files, "PART_BYTES", 1)
        player = PlayerFactory.create()
        for _ in range(3):
            buy(player)
        export = ask(make_staff("Finance"))
        pieces = export_files.pieces
        late = NOON + exports.LEASE + MINUTE

        def slow(one: Export) -> Any:
            for number, piece in enumerate(pieces(one)):
                yield piece
                if number == 1 and one.tries == 1:
                    # Taken for dead: another worker makes the whole file.
                    with time_machine.travel(late, tick=False):
                        assert exports.make_one(one.pk) == 1

        monkeypatch.setattr(export_files, "pieces", slow)
        made(export)

        assert (export.status, export.tries, export.rows) == ("READY", 2, 3)
        assert len(lines(export)) == 7 + 1 + 3 + 1
        assert list(export.parts.order_by("number").values_list("number", flat=True)) == [
            *range(export.parts.count())
        ]
        assert export.file_bytes == len(file_of(export))

    def test_a_worker_has_its_lease_to_itself(self) -> None:
        export = ask(make_staff("Finance"))
        with time_machine.travel(NOON, tick=False):
            # A worker that dies right after its claim: nothing public ends there.
            assert exports._claim(export.pk) is not None
        with time_machine.travel(NOON + exports.LEASE - timedelta(seconds=1), tick=False):
            assert tasks.make_exports() == 0
        with time_machine.travel(NOON + exports.LEASE, tick=False):
            assert tasks.make_exports() == 1

    def test_what_fails_is_tried_three_times_and_then_says_so(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(one: Export) -> Any:
            raise ZeroDivisionError

        monkeypatch.setattr(export_files, "pieces", broken)
        export = ask(make_staff("Finance"))
        for number in range(4):
            with time_machine.travel(NOON + number * MINUTE, tick=False):
                tasks.make_exports()
        export.refresh_from_db()

        assert (export.status, export.tries) == ("FAILED", 3)
        assert export.error == (
            "It could not be made (ZeroDivisionError). The administrators have the details."
        )

    def test_who_has_lost_the_right_meanwhile_gets_nothing(self) -> None:
        fin = make_staff("Finance")
        export = ask(fin)
        User.objects.filter(pk=fin.pk).update(is_active=False)

        assert made(export).error == "finance may not export accounts."

    def test_a_file_is_deleted_after_24_hours_and_its_row_stays(self) -> None:
        export = made(ask(make_staff("Finance")))
        assert export.expires_at is not None
        # An hour more for whoever has begun to download it.
        hour_later = export.expires_at + timedelta(hours=1)
        with time_machine.travel(hour_later - timedelta(seconds=1), tick=False):
            tasks.make_exports()
            with pytest.raises(NotExportableError):
                exports.take(export=export, staff=export.requested_by, now=timezone.now())
        assert export.parts.count() == 1

        with time_machine.travel(hour_later, tick=False):
            tasks.make_exports()

        export.refresh_from_db()
        assert (export.status, ExportPart.objects.count(), export.rows) == ("EXPIRED", 0, 0)

    def test_what_cannot_be_asked_for(self) -> None:
        fin = make_staff("Finance")
        support = make_staff("Support")
        refusals: list[tuple[User, dict[str, Any]]] = [
            (support, {}),
            (fin, {"with_names": True}),
            (fin, {"last_day": DAY - timedelta(days=1)}),
            (fin, {"last_day": DAY + timedelta(days=366)}),
        ]
        for staff, changes in refusals:
            with pytest.raises(NotExportableError):
                ask(staff, **changes)
        ask(fin, last_day=DAY + timedelta(days=365))
        ask(fin)
        ask(fin)
        with pytest.raises(NotExportableError):
            ask(fin)

    @pytest.mark.parametrize(
        "changes",
        [
            {"status": "READY"},
            {"reason": "Another one."},
            {"with_names": True},
            {"progress": 101},
            {"due_at": None},
        ],
    )
    def test_the_database_keeps_the_rules(self, changes: dict[str, Any]) -> None:
        export = ask(make_staff("Finance"))
        with pytest.raises(DatabaseError), transaction.atomic():
            Export.objects.filter(pk=export.pk).update(**changes)
        with pytest.raises(DatabaseError), transaction.atomic():
            export.delete()


class TestDesk:
    def test_from_the_form_to_the_file(self) -> None:
        buy(PlayerFactory.create())
        client, fin = Client(), make_staff("Finance")
        client.force_login(fin)
        form = {
            "first_day": "22 Nov 2026",
            "last_day": "22 Nov 2026",
            "product": "",
            "status": "CREDITED",
            "file_format": "CSV",
            "with_names": "on",
            "reason": "The books of November.",
            "decision": str(uuid4()),
        }
        page = "/admin/payments/export/new/purchases/"
        preview = client.post(page, form).content.decode()
        assert "masked" in preview
        assert "With names" not in client.get(page).content.decode()
        with time_machine.travel(NOON, tick=False):
            waiting = client.post(page, {**form, "confirm": "1"}, follow=True)
        assert waiting["Refresh"] == "5"
        assert "QUEUED – –" in " ".join(strip_tags(waiting.content.decode()).split()).upper()
        export = Export.objects.get()
        assert (export.with_names, export.filters) == (False, {"status": "CREDITED"})
        assert (
            "Purchases"
            in client.get(f"/admin/payments/export/{export.pk}/change/").content.decode()
        )
        made(export)

        with time_machine.travel(NOON + MINUTE, tick=False):
            response = client.get(f"/admin/payments/export/{export.pk}/download/")
            content = b"".join(response.streaming_content)  # type: ignore[attr-defined]

        assert content == file_of(export)
        assert response["Content-Length"] == str(len(content))
        assert f"purchases-2026-11-22-2026-11-22-{export.pk}.csv" in response["Content-Disposition"]
        entry = AuditEntry.objects.get(action="export.downloaded")
        assert (entry.actor, entry.details["rows"]) == (fin, 1)
        assert "Refresh" not in client.get("/admin/payments/export/")
        with time_machine.travel(NOON + exports.KEEP_FOR, tick=False):
            client.force_login(fin)
            late = client.get(f"/admin/payments/export/{export.pk}/download/", follow=True)
        assert "There is no file" in late.content.decode()

    def test_a_file_with_names_is_for_who_may_see_them(self) -> None:
        export = made(ask(make_staff("Administrator"), with_names=True))
        client = Client()
        client.force_login(make_staff("Finance"))

        with time_machine.travel(NOON + MINUTE, tick=False):
            page = client.get(f"/admin/payments/export/{export.pk}/download/", follow=True)

        assert "finance may not export names of players." in page.content.decode()

    def test_nobody_else_gets_the_file(self) -> None:
        export = made(ask(make_staff("Finance")))
        page = f"/admin/payments/export/{export.pk}/download/"
        client = Client()

        assert client.get(page).status_code == 302
        for role in ("Support", "Operator", "Editor", "Security"):
            client.force_login(make_staff(role))
            assert client.get(page).status_code == 403

        assert not AuditEntry.objects.filter(action="export.downloaded").exists()

    def test_who_may_not_see_the_purchases_gets_no_file_of_them(self) -> None:
        export = made(ask(make_staff("Finance")))
        ben = User.objects.create_user("ben", is_staff=True)
        ben.user_permissions.set(
            Permission.objects.filter(codename__in=["view_export", "make_export"])
        )
        client = Client()
        client.force_login(ben)

        page = client.get(f"/admin/payments/export/{export.pk}/download/", follow=True)

        assert "ben may not see what is in it." in page.content.decode()
        assert not AuditEntry.objects.filter(action="export.downloaded").exists()


@pytest.mark.django_db(transaction=True)
class TestConcurrency:
    """Two at once, each on a connection of its own and outside of any transaction."""

    def test_a_file_is_of_one_instant_however_long_it_takes(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(export_files, "PART_BYTES", 1)
        monkeypatch.setattr(export_sources, "CHUNK", 1)
        player = PlayerFactory.create()
        bought = [buy(player) for _ in range(3)]
        export = ask(make_staff("Finance"))
        pieces = export_files.pieces

        def slow(one: Export) -> Any:
            for piece in pieces(one):
                # Each piece is committed; what is bought meanwhile is for the next file.
                bought.append(buy(player))
                yield piece

        monkeypatch.setattr(export_files, "pieces", slow)
        made(export)

        assert (export.status, export.rows) == ("READY", 3)
        written = {row[0] for row in lines(export)[8:-1]}
        assert written == {str(purchase.pk) for purchase in bought[:3]}
        assert len(bought) == 3 + export.parts.count()

    def test_one_of_two_workers_makes_the_file(self, monkeypatch: pytest.MonkeyPatch) -> None:
        buy(PlayerFactory.create())
        export = ask(make_staff("Finance"))
        make = partial(exports.make_one, export.pk)
        with time_machine.travel(NOON, tick=False):
            # Both have seen that it is due.
            meet_before_updates(monkeypatch, lambda rows: rows)
            results = run_together(make, make)
        export.refresh_from_db()

        assert sorted(results) == [0, 1]
        assert (export.status, export.tries, export.rows) == ("READY", 1, 1)
        assert lines(export)[-1] == ["# Rows", "1"]

    def test_with_a_look_before_the_claim_both_would(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Show that the test above can fail: what was due when they looked is claimed."""
        export = ask(make_staff("Finance"))
        make = partial(exports.make_one, export.pk)
        with time_machine.travel(NOON, tick=False):
            meet_before_updates(
                monkeypatch,
                lambda rows: Export.objects.filter(pk__in=list(rows.values_list("pk", flat=True))),
            )
            run_together(make, make)
        export.refresh_from_db()

        assert export.tries == 2

    def test_the_fourth_does_not_slip_in_beside_the_third(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fin = make_staff("Finance")
        ask(fin)
        ask(fin)
        meet_after(monkeypatch, type(Export.objects.get_queryset()), "count")

        results = run_together(partial(ask, fin), partial(ask, fin))

        assert sorted(type(result).__name__ for result in results) == [
            "Export",
            "NotExportableError",
        ]

    def test_without_the_lock_it_does(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Show that the test above can fail: both have counted two."""
        fin = make_staff("Finance")
        ask(fin)
        ask(fin)
        monkeypatch.setattr(exports, "lock_staff", lambda _: None)
        meet_after(monkeypatch, type(Export.objects.get_queryset()), "count")

        results = run_together(partial(ask, fin), partial(ask, fin))

        assert [type(result).__name__ for result in results] == ["Export"] * 2

    def test_while_one_worker_makes_files_the_other_place_stays_free(self) -> None:
        export = ask(make_staff("Finance"))

        def elsewhere() -> int:
            with advisory_locks.locked(Space.CRITICAL_JOB, "exports"):
                (made_here,) = run_together(tasks.make_exports)
            assert isinstance(made_here, int)
            return made_here

        with time_machine.travel(NOON, tick=False):
            assert elsewhere() == 0
            assert tasks.make_exports() == 1
        export.refresh_from_db()
        assert export.status == "READY"


def meet_before_updates(monkeypatch: pytest.MonkeyPatch, found: Callable[[Any], Any]) -> None:
    """Make two callers wait for each other before the first update of each.

    `found` says which rows that changes. Later updates are as they were.
    """
    kind = type(Export.objects.get_queryset())
    update, meeting = kind.update, Meeting(2)
    seen: set[int] = set()

    def waiting(rows: Any, /, **changes: Any) -> int:
        if get_ident() in seen:
            return int(update(rows, **changes))
        seen.add(get_ident())
        wanted = found(rows)
        meeting.wait()
        return int(update(wanted, **changes))

    monkeypatch.setattr(kind, "update", waiting)
