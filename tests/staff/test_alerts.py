"""Alerts: one per trouble, counted, resolved once, and on top of the front page."""

import logging
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.utils import timezone

from quizarena.staff import alerts, reasons
from quizarena.staff.errors import AlertResolvedError, BadReasonError
from quizarena.staff.models import Alert, AuditEntry
from tests.concurrency import meet_after, run_together
from tests.factories import PlayerFactory, make_staff
from tests.owner import as_owner
from tests.staff.test_approvals import read, text

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)
LIST = "/admin/staff/alert/"


@pytest.fixture(autouse=True)
def _a_kind_of_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    """Declare a trouble of Telegram's."""
    monkeypatch.setattr(alerts, "kinds", {})
    alerts.declare(
        kind="silence",
        label="Telegram is silent",
        runbook="docs/runbooks/updates-do-not-get-through.md",
    )


def happen(key: str = "chat:1", *, now: datetime = NOON, **fields: Any) -> Alert:
    """Let the trouble happen."""
    values = {"summary": f"No answer in {key}.", "details": {"seconds": 30}, **fields}
    return alerts.raise_alert(kind="silence", key=key, now=now, **values)


@pytest.mark.django_db
class TestRaising:
    def test_the_first_time_makes_an_alert(self) -> None:
        player = PlayerFactory.create()

        alert = happen(subject=player)

        alert.refresh_from_db()
        assert (alert.kind, alert.key, alert.times) == ("silence", "chat:1", 1)
        assert alert.summary == "No answer in chat:1."
        assert alert.details == {"seconds": 30}
        assert (alert.first_at, alert.last_at, alert.resolved_at) == (NOON, NOON, None)
        assert (alert.subject_type, alert.subject_id) == ("players.player", str(player.pk))

    def test_a_repeat_counts_up_and_brings_it_up_to_date(self) -> None:
        first = happen()

        second = happen(now=LATER, summary="Still no answer.", details={"seconds": 3630})

        assert second == first
        assert (second.times, second.first_at, second.last_at) == (2, NOON, LATER)
        assert (second.summary, second.details) == ("Still no answer.", {"seconds": 3630})

    def test_a_late_repeat_does_not_turn_the_clock_back(self) -> None:
        happen(now=LATER)

        assert happen(now=NOON).last_at == LATER

    def test_another_key_is_another_alert(self) -> None:
        assert happen("chat:1") != happen("chat:2")

    def test_once_resolved_the_next_time_is_a_first_time(self) -> None:
        first = happen()
        alerts.resolve(kind="silence", key="chat:1", now=NOON)

        second = happen(now=LATER)

        assert second != first
        assert (second.times, second.first_at) == (1, LATER)

    def test_it_is_one_statement(self, django_assert_num_queries: Any) -> None:
        with django_assert_num_queries(1):
            happen()
        with django_assert_num_queries(1):
            happen()

    def test_only_the_first_time_is_logged_as_an_error(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        happen()
        happen()

        errors = [record for record in caplog.records if record.levelno == logging.ERROR]
        assert len(errors) == 1
        assert "alert.raised" in errors[0].getMessage()

    def test_a_summary_that_is_too_long_is_cut(self) -> None:
        assert len(happen(summary="x" * 600).summary) == 500

    def test_a_kind_that_no_app_declares_is_a_mistake(self) -> None:
        with pytest.raises(AssertionError, match="No app declares alerts of the kind flood"):
            alerts.raise_alert(kind="flood", key="1", summary="Wet.", details={}, now=NOON)


@pytest.mark.django_db
class TestSettling:
    def test_a_trouble_that_has_gone_by_itself_needs_nobody(self) -> None:
        alert = happen()

        resolved = alerts.resolve(kind="silence", key="chat:1", now=LATER)

        alert.refresh_from_db()
        assert resolved
        assert (alert.resolved_at, alert.resolved_by, alert.resolve_reason) == (LATER, None, "")

    def test_settling_what_is_not_open_changes_nothing(self) -> None:
        happen("chat:2")

        assert not alerts.resolve(kind="silence", key="chat:1", now=LATER)
        assert Alert.objects.unresolved().count() == 1

    def test_staff_resolve_for_a_reason(self) -> None:
        alert, finance = happen(), make_staff("Finance")

        alerts.resolve_by_hand(alert_id=alert.pk, staff=finance, reason=" Called them. ", now=LATER)

        alert.refresh_from_db()
        assert (alert.resolved_at, alert.resolved_by, alert.resolve_reason) == (
            LATER,
            finance,
            "Called them.",
        )
        entry = AuditEntry.objects.get(action="alert.resolved")
        assert entry.actor == finance
        assert entry.summary == "Telegram is silent: resolved. Called them."

    def test_without_a_reason_it_stays_open(self) -> None:
        alert, finance = happen(), make_staff("Finance")

        with pytest.raises(BadReasonError):
            alerts.resolve_by_hand(alert_id=alert.pk, staff=finance, reason=" ", now=LATER)

        assert Alert.objects.unresolved().exists()

    def test_it_is_resolved_once(self) -> None:
        alert, finance = happen(), make_staff("Finance")
        alerts.resolve(kind="silence", key="chat:1", now=NOON)

        with pytest.raises(AlertResolvedError):
            alerts.resolve_by_hand(alert_id=alert.pk, staff=finance, reason="Done.", now=LATER)


@pytest.mark.django_db
class TestDatabaseSaysNo:
    """Each rule again, by a road that does not pass through the functions."""

    @pytest.mark.parametrize(
        ("change", "rule"),
        [
            ("times = 0", "alert_has_happened"),
            ("times = -1", "check constraint"),
            ("last_at = first_at - interval '1 second'", "last_is_not_before_first"),
            ("resolve_reason = 'Done.'", "resolved_by_hand_has_reason"),
            ("resolved_by_id = %(staff)s, resolve_reason = 'Done.'", "resolved_by_hand_has_reason"),
            ("resolved_at = now(), resolved_by_id = %(staff)s", "resolved_by_hand_has_reason"),
            ("resolved_at = now(), resolve_reason = 'Done.'", "resolved_by_hand_has_reason"),
            ("kind = 'flood'", "Cannot update"),
            ("key = 'chat:2'", "Cannot update"),
            ("first_at = first_at - interval '1 day'", "Cannot update"),
        ],
    )
    def test_an_open_alert_is_changed_by_sql(self, change: str, rule: str) -> None:
        happen()
        staff = make_staff("Finance")

        with (
            pytest.raises(DatabaseError, match=rule),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(
                f"UPDATE staff_alert SET {change}",  # noqa: S608 - Our own literals.
                {"staff": staff.pk},
            )

    @pytest.mark.parametrize("change", ["resolved_at = NULL", "times = 9", "summary = 'Nothing.'"])
    def test_a_resolved_alert_is_changed_by_sql(self, change: str) -> None:
        happen()
        alerts.resolve(kind="silence", key="chat:1", now=LATER)

        with (
            pytest.raises(DatabaseError, match="Cannot update"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(f"UPDATE staff_alert SET {change}")  # noqa: S608 - Our own literals.

    def test_a_second_open_alert_is_inserted(self) -> None:
        happen()

        with (
            pytest.raises(DatabaseError, match="alert_one_open_per_key"),
            transaction.atomic(),
        ):
            Alert.objects.create(
                kind="silence", key="chat:1", summary="Again.", first_at=NOON, last_at=NOON
            )


@pytest.mark.django_db
class TestIndexes:
    """Thousands of troubles of the past cost nothing."""

    @pytest.fixture(autouse=True)
    def _a_long_past(self) -> None:
        with as_owner() as cursor:
            cursor.execute(
                """
                INSERT INTO staff_alert (
                  kind, key, summary, details, subject_type, subject_id, times, first_at, last_at,
                  resolved_at, resolve_reason
                )
                SELECT 'silence', number, 'No answer.', '{}', '', '', 1, now(), now(),
                       CASE WHEN number > 20 THEN now() - number * interval '1 hour' END, ''
                FROM generate_series(1, 5000) AS number
                """
            )
            cursor.execute("ANALYZE staff_alert")

    def test_the_number_beside_the_page_reads_an_index(self) -> None:
        plan = Alert.objects.unresolved().values_list("pk", flat=True)[:100].explain()

        assert "alert_o" in plan
        assert "Seq Scan" not in plan

    def test_the_list_is_sorted_by_its_index(self) -> None:
        plan = Alert.objects.order_by("-resolved_at", "-last_at", "-id")[:51].explain()

        assert "alert_open_first" in plan
        assert "Sort " not in plan


@pytest.mark.django_db(transaction=True)
class TestConcurrency:
    def test_two_at_once_make_one_alert_and_count_both(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        meet_after(monkeypatch, alerts, "raise_alert")

        results = run_together(*(transaction.atomic(partial(happen, now=NOON)) for _ in range(2)))

        assert sorted(alert.times for alert in results) == [1, 2]
        assert Alert.objects.get().times == 2

    def test_eight_at_once_are_counted_all(self) -> None:
        happen()

        run_together(*(happen for _ in range(8)))

        assert Alert.objects.get().times == 9

    def test_reading_before_counting_loses_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Show that the tests above can fail: count in two statements, and they must."""

        class Counting:
            @staticmethod
            def read() -> Alert:
                return Alert.objects.get()

        def count() -> None:
            alert = Counting.read()
            alert.times += 1
            alert.save(update_fields=["times"])

        happen()
        meet_after(monkeypatch, Counting, "read")

        run_together(count, count)

        assert Alert.objects.get().times == 2

    def test_two_resolve_at_once_and_one_is_recorded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        alert = happen()
        people = [make_staff("Finance"), make_staff("Support")]
        # The first that happens behind the lock.
        meet_after(monkeypatch, reasons, "normalise")

        results = run_together(
            *(
                partial(
                    alerts.resolve_by_hand,
                    alert_id=alert.pk,
                    staff=staff,
                    reason="Done.",
                    now=LATER,
                )
                for staff in people
            )
        )

        assert sorted(type(result).__name__ for result in results) == [
            "Alert",
            "AlertResolvedError",
        ]
        assert AuditEntry.objects.filter(action="alert.resolved").count() == 1


@pytest.mark.django_db
class TestDesk:
    def test_the_list_shows_what_is_open_first_and_the_latest_on_top(self, client: Client) -> None:
        for place, key in enumerate(("old", "new", "gone")):
            happen(f"chat:{key}", now=timezone.now() + timedelta(minutes=place))
        alerts.resolve(kind="silence", key="chat:gone", now=timezone.now())
        client.force_login(make_staff("Operator"))

        page = read(client, LIST)

        places = [page.index(f"No answer in chat:{key}.") for key in ("new", "old", "gone")]
        assert places == sorted(places)
        assert "docs/runbooks/updates-do-not-get-through.md" in page
        assert "resolved by the system" in page

    def test_the_page_has_details_subject_and_runbook(self, client: Client) -> None:
        player = PlayerFactory.create()
        alert = happen(subject=player, details={"seconds": 30})
        client.force_login(make_staff("Operator"))

        page = client.get(f"{LIST}{alert.pk}/change/").content.decode()

        assert "&quot;seconds&quot;: 30" in page
        assert f'href="/admin/players/player/{player.pk}/change/"' in page
        assert "docs/runbooks/updates-do-not-get-through.md" in page

    def test_who_may_not_open_the_page_of_the_subject_is_not_led_to_it(
        self, client: Client
    ) -> None:
        alert = happen(subject=make_staff("Security", username="berta"))
        client.force_login(make_staff("Operator"))

        page = client.get(f"{LIST}{alert.pk}/change/").content

        assert "About berta Runbook" in text(page)
        assert b"/admin/auth/user/" not in page

    def test_finance_resolves_with_a_reason(self, client: Client) -> None:
        alert = happen()
        client.force_login(make_staff("Finance"))
        address = f"{LIST}{alert.pk}/resolve/"

        page = client.get(f"{LIST}{alert.pk}/change/").content.decode()
        without = client.post(address, {"confirm": "1"}, follow=True)
        answer = client.post(address, {"confirm": "1", "reason": "Called them."}, follow=True)
        again = client.post(address, {"confirm": "1", "reason": "Called them."}, follow=True)

        assert f'href="{address}"' in page
        assert "This field is required." in text(without.content)
        assert "Resolved: No answer in chat:1." in text(answer.content)
        assert "resolved by finance" in text(answer.content)
        assert "Refused: it is resolved already." in text(again.content)

    def test_an_operator_sees_and_does_not_resolve(self, client: Client) -> None:
        alert = happen()
        client.force_login(make_staff("Operator"))

        page = client.get(f"{LIST}{alert.pk}/change/").content.decode()
        assert f"{alert.pk}/resolve/" not in page
        assert client.get(f"{LIST}{alert.pk}/resolve/").status_code == 403
        answer = client.post(f"{LIST}{alert.pk}/resolve/", {"confirm": "1", "reason": "Mine."})
        assert answer.status_code == 403
        assert Alert.objects.unresolved().exists()

    def test_the_front_page_begins_with_what_is_open(self, client: Client) -> None:
        happen("chat:1")
        happen("chat:1")
        happen("chat:2")
        alerts.resolve(kind="silence", key="chat:2", now=NOON)
        client.force_login(make_staff("Support"))

        page = read(client, "/admin/")

        assert "Telegram is silent No answer in chat:1. " in page
        assert "Claim Look into it" in page
        assert "chat:2" not in page
        assert "Alerts 1" in page

    def test_the_front_page_of_an_editor_has_none(self, client: Client) -> None:
        happen()
        client.force_login(make_staff("Editor"))

        assert "No answer" not in read(client, "/admin/")

    def test_a_quiet_front_page_says_nothing(self, client: Client) -> None:
        client.force_login(make_staff("Support"))

        assert "Nothing waits. Here you would see: Alerts" in read(client, "/admin/")


def test_every_declared_kind_has_its_runbook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # The kinds of the product, not the one of this file.

    missing = [
        kind.runbook
        for kind in alerts.kinds.values()
        if not (settings.BASE_DIR / kind.runbook).is_file()
    ]

    assert missing == []
