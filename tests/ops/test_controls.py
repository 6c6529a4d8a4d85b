"""Controls do not fail silently: what they find, what has not run, and what is switched off."""

from datetime import UTC, datetime, timedelta

import pytest
from celery.schedules import crontab
from django.conf import settings as the_settings
from django.contrib.auth.models import User
from django.db import DatabaseError, transaction
from django.test import Client
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from pytest_django.fixtures import Settings

from economy import controls as runs
from economy import verification
from economy.models import ControlFinding, ControlRun, VerificationRun
from payments import reconciliation
from promos import counters
from quizarena.celery import app
from quizarena.ops import controls
from quizarena.ops.scheduler import Entry, Scheduler
from quizarena.staff import alerts, audit
from quizarena.staff.models import Alert
from tests.economy.test_verification import give
from tests.factories import PlayerFactory, make_campaign
from tests.owner import as_owner, behind_the_guards
from tests.payments.test_admin import log_in

NOON = datetime(2026, 11, 22, 11, tzinfo=UTC)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)

pytestmark = pytest.mark.django_db


@pytest.fixture
def schedule() -> None:
    """Put the controls' jobs of the settings into the database, as beat does when it starts."""
    of_controls = {control.task for control in runs.CONTROLS.values()}
    for name, entry in the_settings.CELERY_BEAT_SCHEDULE.items():
        if entry["task"] in of_controls:
            Entry.from_entry(name, app=app, **entry)


def clean_runs(*, at: datetime) -> None:
    """Let every control have run cleanly."""
    for code in runs.CONTROLS:
        ControlRun.objects.create(control=code, started_at=at, last_at=at, finished_at=at)


def unresolved() -> list[tuple[str, str]]:
    """Return kind and key of the open alerts."""
    return sorted(Alert.objects.unresolved().values_list("kind", "key"))


class TestRuns:
    """What is stored of a run."""

    def test_an_item_that_raises_is_a_finding_and_the_others_are_done(self) -> None:
        done = []

        def work(number: int) -> int:
            if number == 2:
                raise ValueError("no")
            done.append(number)
            return number

        with runs.running("refund_completion", now=NOON) as run:
            total = runs.each(run, [1, 2, 3], work, noun="Refund")

        assert (total, done) == (4, [1, 3])
        stored = ControlRun.objects.get()
        assert (stored.checked, stored.findings, stored.error) == (3, 1, "")
        finding = ControlFinding.objects.get()
        assert finding.run == stored
        assert finding.summary == "Refund 2 could not be checked: ValueError."
        alert = Alert.objects.get()
        assert (alert.kind, alert.key) == ("control_findings", "refund_completion")
        assert alert.summary == (
            "Refund completion: 1 finding. Refund 2 could not be checked: ValueError."
        )

    def test_a_run_that_raises_as_a_whole_is_stored_with_its_error(self) -> None:
        with pytest.raises(RuntimeError), runs.running("ledger", now=NOON):
            raise RuntimeError("the token is 12345")

        stored = ControlRun.objects.get()
        assert (stored.error, stored.is_clean) == ("RuntimeError", False)

    def test_the_clean_runs_of_an_hour_of_a_frequent_control_are_one_row(self) -> None:
        for minutes in (0, 5, 59, 60):
            with runs.running("payment_recovery", now=NOON + minutes * HOUR / 60) as run:
                runs.each(run, ["a", "b"], lambda _: 1, noun="Charge")

        rows = ControlRun.objects.order_by("pk").values_list("runs", "checked", "last_at")
        assert list(rows) == [(3, 6, NOON + 59 * HOUR / 60), (1, 2, NOON + HOUR)]

    @pytest.mark.usefixtures("owner")
    def test_findings_are_append_only(self) -> None:
        with runs.running("ledger", now=NOON) as run:
            runs.add_finding(run, summary="Something.", subject=None, details={})

        with pytest.raises(DatabaseError, match="Cannot update or delete"), transaction.atomic():
            ControlFinding.objects.update(summary="Nothing.")
        with pytest.raises(DatabaseError, match="Cannot update or delete"), transaction.atomic():
            ControlFinding.objects.all().delete()


class TestLedger:
    """A difference that the ledger's verification finds is an alert, not only a line in a log."""

    def test_a_finding_is_an_alert_that_closes_with_the_next_clean_run(self) -> None:
        player = PlayerFactory.create()
        give(player, 5)
        with behind_the_guards() as cursor:
            cursor.execute("UPDATE economy_wallet SET paid_energy = 7")

        run = verification.verify_nightly(now=NOON)

        stored = ControlRun.objects.get(control="ledger")
        assert run.control_run == stored
        assert stored.findings == 1
        alert = Alert.objects.get()
        assert (alert.kind, alert.key) == ("control_findings", "ledger")
        assert alert.summary == (
            f"Ledger verification: 1 finding. player {player.pk}: "
            "7 paid energy in the wallet, 5 by the entries"
        )
        with behind_the_guards() as cursor:
            cursor.execute("UPDATE economy_wallet SET paid_energy = 5")
        verification.verify_nightly(now=NOON + HOUR)
        assert unresolved() == []

    def test_a_range_that_cannot_be_verified_costs_the_others_nothing(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(verification, "ENTRIES_PER_RANGE", 1)
        players = [PlayerFactory.create() for _ in range(3)]
        for player in players:
            give(player, 5)
        first, last = players[0].pk, players[-1].pk
        with behind_the_guards() as cursor:
            cursor.execute(
                "UPDATE economy_wallet SET paid_energy = 7 WHERE player_id = ANY(%s)",
                [[first, last]],
            )
            cursor.execute(
                "CREATE FUNCTION tests_no_finding() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN RAISE EXCEPTION 'No room.'; END; $$"
            )
            cursor.execute(
                "CREATE TRIGGER tests_no_finding BEFORE INSERT ON economy_verificationfinding "
                f"FOR EACH ROW WHEN (NEW.player_id = {first}) EXECUTE FUNCTION tests_no_finding()"
            )
        with as_owner() as cursor:
            # Each player is a range, since there are more entries than players.
            cursor.execute("ANALYZE economy_ledgerentry")

        run = verification.verify_nightly(now=NOON)

        assert list(run.findings.values_list("player_id", flat=True)) == [last]
        finding = ControlFinding.objects.get()
        assert finding.summary.startswith(f"Players {first} to ")
        assert finding.details["error"] == "ProgrammingError"
        assert ControlRun.objects.get().findings == 2
        assert VerificationRun.objects.get().seconds is not None


class TestCampaignCounters:
    """Each campaign that differs is a stored finding, and its alert closes when it agrees again."""

    def test_findings_are_stored_row_by_row(self) -> None:
        campaign, _ = make_campaign(), make_campaign()
        with behind_the_guards() as cursor:
            cursor.execute("UPDATE promos_campaign SET reserved = 2 WHERE id = %s", [campaign.pk])

        assert counters.verify(now=NOON) == 1

        finding = ControlFinding.objects.get()
        assert finding.details == {"reserved": {"counter": 2, "redemptions": 0}}
        assert ControlRun.objects.get().checked == 2
        assert unresolved() == [("promo_miscounted", str(campaign.pk))]
        with behind_the_guards() as cursor:
            cursor.execute("UPDATE promos_campaign SET reserved = 0")
        assert counters.verify(now=NOON + HOUR) == 0
        assert unresolved() == []


class TestOverdue:
    """An alert for a control that has had no clean run for too long."""

    @pytest.mark.parametrize(
        ("code", "hours", "critical_hours"),
        [
            ("ledger", 30, 72),
            ("campaign_counters", 30, 72),
            ("reconciliation", 1, 24),
            ("full_reconciliation", 30, 72),
            ("payment_recovery", 1, 24),
            ("refund_completion", 1, 24),
        ],
    )
    def test_after_hours_and_again_after_days(
        self, schedule: None, code: str, hours: int, critical_hours: int
    ) -> None:
        clean_runs(at=NOON + 10_000 * HOUR)
        ControlRun.objects.filter(control=code).update(
            started_at=NOON, last_at=NOON, finished_at=NOON
        )

        assert controls.watch(now=NOON + hours * HOUR) == 0
        assert controls.watch(now=NOON + hours * HOUR + SECOND) == 1
        assert unresolved() == [("control_overdue", code)]
        assert controls.watch(now=NOON + critical_hours * HOUR) == 1
        assert unresolved() == [("control_overdue", code)]
        assert controls.watch(now=NOON + critical_hours * HOUR + SECOND) == 1
        assert ("control_overdue_for_days", code) in unresolved()

    def test_a_run_with_findings_or_an_error_or_without_an_end_does_not_count(
        self, schedule: None
    ) -> None:
        clean_runs(at=NOON)
        later = NOON + 31 * HOUR
        clean_runs(at=later)
        ControlRun.objects.filter(started_at=later, control="ledger").update(findings=1)
        ControlRun.objects.filter(started_at=later, control="campaign_counters").update(error="Oh")
        ControlRun.objects.filter(started_at=later, control="full_reconciliation").update(
            finished_at=None
        )

        assert controls.watch(now=later) == 3
        assert unresolved() == [
            ("control_overdue", "campaign_counters"),
            ("control_overdue", "full_reconciliation"),
            ("control_overdue", "ledger"),
        ]

    def test_what_has_never_run_is_counted_from_the_first_run_of_any(self, schedule: None) -> None:
        assert controls.watch(now=NOON) == 0
        with runs.running("refund_completion", now=NOON):
            pass

        assert controls.watch(now=NOON + HOUR) == 0
        assert controls.watch(now=NOON + HOUR + SECOND) == 3
        assert Alert.objects.get(key="payment_recovery").summary == (
            "Payment recovery has had no clean run for 1 hour. It has never run."
        )

    def test_the_next_clean_run_closes_it(self, schedule: None) -> None:
        clean_runs(at=NOON)
        controls.watch(now=NOON + 73 * HOUR)
        assert ("control_overdue_for_days", "ledger") in unresolved()

        verification.verify_nightly(now=NOON + 73 * HOUR)

        assert not [key for _, key in unresolved() if key == "ledger"]

    def test_telegram_away_for_days_becomes_critical(
        self, schedule: None, settings: Settings
    ) -> None:
        settings.TELEGRAM_API_URL = "http://127.0.0.1:1"
        clean_runs(at=NOON)

        for hours in range(1, 26):
            reconciliation.run(is_full=False, now=NOON + hours * HOUR)
        controls.watch(now=NOON + 25 * HOUR)

        alert = Alert.objects.get(kind="control_overdue_for_days", key="reconciliation")
        assert alerts.label_of(alert.kind) == ("Critical: a control has had no clean run for days")
        assert alert.summary.startswith("Reconciliation has had no clean run for 1 day.")

    def test_who_closes_it_by_hand_sees_it_again_while_there_is_a_reason(
        self, schedule: None
    ) -> None:
        staff = User.objects.create_user("anna")
        clean_runs(at=NOON)
        controls.watch(now=NOON + 31 * HOUR)
        alert = Alert.objects.get(key="ledger", resolved_at=None)
        alerts.resolve_by_hand(
            alert_id=alert.pk, staff=staff, reason="Nothing to see here.", now=NOON + 31 * HOUR
        )

        controls.watch(now=NOON + 31 * HOUR + SECOND)

        assert ("control_overdue", "ledger") in unresolved()


@pytest.mark.usefixtures("schedule")
class TestSwitchedOff:
    """An alert for a control that somebody has switched off or changed."""

    def test_a_schedule_as_the_settings_have_it_is_fine(self) -> None:
        clean_runs(at=NOON)

        assert controls.watch(now=NOON) == 0
        assert unresolved() == []

    @pytest.mark.parametrize("code", list(runs.CONTROLS))
    def test_each_control_has_a_job(self, code: str) -> None:
        assert len(controls.jobs_of(runs.CONTROLS[code])) == 1

    def test_a_paused_job_is_an_alert_that_names_who_has_done_it(self) -> None:
        clean_runs(at=NOON)
        row = PeriodicTask.objects.get(task="economy.tasks.verify_ledger")
        PeriodicTask.objects.filter(pk=row.pk).update(enabled=False)
        staff = User.objects.create_user("mallory")
        audit.record(actor=staff, action="periodictask.paused", obj=row, summary="Paused.")

        assert controls.watch(now=NOON) == 1

        alert = Alert.objects.get()
        assert (alert.kind, alert.key) == ("control_switched_off", "ledger")
        assert alert.summary == (
            f'Ledger verification: "{row.name}" is paused (last changed by mallory).'
        )
        alerts.resolve_by_hand(alert_id=alert.pk, staff=staff, reason="I know it.", now=NOON)
        controls.watch(now=NOON + SECOND)
        assert unresolved() == [("control_switched_off", "ledger")]
        PeriodicTask.objects.filter(pk=row.pk).update(enabled=True)
        controls.watch(now=NOON + 2 * SECOND)
        assert unresolved() == []

    @pytest.mark.parametrize(
        "change",
        [
            {"task": "economy.tasks.premium_notices"},
            {"args": "[1]"},
            {"kwargs": '{"is_full": false}'},
            {"queue": "nowhere"},
            {"one_off": True},
            {"start_time": NOON + 1_000 * HOUR},
            {"expires": NOON},
            {"expire_seconds": 1},
        ],
        ids=str,
    )
    def test_a_changed_job_is_an_alert(self, change: dict[str, object]) -> None:
        clean_runs(at=NOON)
        row = PeriodicTask.objects.get(task="economy.tasks.verify_ledger")
        PeriodicTask.objects.filter(pk=row.pk).update(**change)

        assert controls.watch(now=NOON) == 1
        assert unresolved() == [("control_switched_off", "ledger")]

    def test_another_rhythm_is_an_alert(self) -> None:
        clean_runs(at=NOON)
        yearly = IntervalSchedule.objects.create(every=365, period="days")
        row = PeriodicTask.objects.get(task="payments.tasks.finish_refunds")
        PeriodicTask.objects.filter(pk=row.pk).update(interval=yearly, crontab=None)

        assert controls.watch(now=NOON) == 1
        assert unresolved() == [("control_switched_off", "refund_completion")]

    @pytest.mark.out_of_order
    def test_a_deleted_job_is_an_alert(self) -> None:
        clean_runs(at=NOON)
        PeriodicTask.objects.filter(task="promos.tasks.verify_campaign_counters").delete()

        assert controls.watch(now=NOON) == 1
        assert Alert.objects.get().summary.endswith("is missing in the schedule.")

    @pytest.mark.out_of_order
    def test_nobody_pauses_a_control_at_the_desk(self, client: Client) -> None:
        log_in(client, "Administrator")
        control = PeriodicTask.objects.get(task="economy.tasks.verify_ledger")
        other = PeriodicTask.objects.create(
            name="other", task="payments.tasks.guard_offers", crontab=control.crontab
        )

        client.post(
            "/admin/django_celery_beat/periodictask/",
            {"action": "pause", "_selected_action": [control.pk, other.pk]},
        )

        control.refresh_from_db()
        other.refresh_from_db()
        assert (control.enabled, other.enabled) == (True, False)


@pytest.mark.django_db(transaction=True)
def test_beat_itself_watches() -> None:
    """No row of the schedule can pause the watch, since there is none."""
    assert not [
        job for job in the_settings.CELERY_BEAT_SCHEDULE.values() if "controls" in str(job["task"])
    ]

    Scheduler(app=app, lazy=True).tick()  # type: ignore[no-untyped-call]

    # Nothing is in the schedule of this database.
    assert ("control_switched_off", "ledger") in unresolved()


def test_the_page_of_controls(client: Client) -> None:
    log_in(client, "Finance")
    with runs.running("ledger", now=NOON) as run:
        runs.add_finding(run, summary="Something is wrong.", subject=None, details={"a": 1})

    assert "Ledger verification" in client.get("/admin/economy/controlrun/").content.decode()
    shown = client.get(f"/admin/economy/controlrun/{run.pk}/change/").content.decode()
    assert "Something is wrong." in shown


def test_a_crontab_of_the_settings_is_recognised() -> None:
    """The database's crontabs carry a zone, which must not count as a change."""
    entry = {"task": "x", "schedule": crontab(hour="3", minute="30")}
    Entry.from_entry("x", app=app, **entry)

    assert controls._changed(PeriodicTask.objects.get(name="x"), entry) == ""
