"""When beat sends what, by the real schedules: in the nights when the clock changes, too."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from celery.schedules import crontab
from django.apps import apps
from django.conf import settings
from django.db import connection
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from quizarena.celery import app
from quizarena.ops.scheduler import Entry

BERLIN = ZoneInfo("Europe/Berlin")
# 02:00 becomes 03:00, and 03:00 becomes 02:00.
SPRING = datetime(2027, 3, 28, 1, 0, tzinfo=UTC)
AUTUMN = datetime(2026, 10, 25, 1, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
TABLE: dict[str, dict[str, Any]] = settings.CELERY_BEAT_SCHEDULE
SEVERAL_TIMES_A_DAY = [
    name for name, entry in TABLE.items() if not isinstance(entry["schedule"], crontab)
]
ONCE_A_DAY = [name for name in TABLE if name not in SEVERAL_TIMES_A_DAY]


def runs(name: str, *, since: datetime, until: datetime) -> Iterator[datetime]:
    """Yield when beat sends the task, asking the schedule of its row as often as beat does."""
    entry = Entry.from_entry(name, app=app, **TABLE[name])
    entry.last_run_at = entry.model.last_run_at = now = since
    while now < until:
        with time_machine.travel(now, tick=False):
            due, pause = entry.is_due()  # type: ignore[no-untyped-call]
            if due:
                yield now
                entry = next(entry)
        now += timedelta(seconds=pause)


@pytest.mark.django_db
@pytest.mark.parametrize("change", [SPRING, AUTUMN], ids=["spring", "autumn"])
@pytest.mark.parametrize("name", SEVERAL_TIMES_A_DAY)
def test_no_job_pauses_while_the_clock_changes(name: str, change: datetime) -> None:
    interval = timedelta(seconds=TABLE[name]["schedule"])
    since = change - max(interval, 2 * MINUTE)
    # The repeated hour and a little more; of what comes every few seconds, its seams.
    spans = (
        [(since, change + 65 * MINUTE + interval)]
        if interval > MINUTE
        else [(since, change + MINUTE), (change + 59 * MINUTE, change + 61 * MINUTE)]
    )

    for first, last in spans:
        times = [first, *runs(name, since=first, until=last)]
        gaps = {after - before for before, after in itertools.pairwise(times)}
        assert gaps == {interval}


@pytest.mark.django_db
@pytest.mark.parametrize("change", [SPRING, AUTUMN], ids=["spring", "autumn"])
@pytest.mark.parametrize("name", ONCE_A_DAY)
def test_a_daily_job_runs_once_on_the_day_of_a_change(name: str, change: datetime) -> None:
    midnight = datetime.combine(change.date(), datetime.min.time(), tzinfo=BERLIN)
    times = [
        time.astimezone(BERLIN)
        for time in runs(name, since=midnight.astimezone(UTC) - DAY, until=change + 2 * DAY)
    ]
    on_the_day = [time for time in times if time.date() == change.date()]

    assert len(on_the_day) == 1
    schedule = TABLE[name]["schedule"]
    assert {on_the_day[0].hour} == schedule.hour
    assert {on_the_day[0].minute} == schedule.minute


def test_a_crontab_that_runs_several_times_a_day_pauses_in_autumn() -> None:
    """Show that the tests above can fail."""
    quarters = crontab(minute="*/15", app=app)
    with time_machine.travel(AUTUMN, tick=False):
        due, pause = quarters.is_due(AUTUMN - 15 * MINUTE)

    assert (due, pause) == (False, 3_600)


@pytest.mark.parametrize(
    ("name", "seconds"),
    [
        ("run-tournaments", 5),
        ("finish-duels", 60),
        ("finish-sprints", 60),
        ("count-leaderboards", 60),
        ("count-play", 3_600),
    ],
)
def test_what_the_game_promises_comes_so_often(name: str, seconds: int) -> None:
    """Product rules, section 11."""
    assert TABLE[name]["schedule"] == seconds


@pytest.mark.parametrize("name", ONCE_A_DAY)
def test_a_crontab_is_at_one_hour_that_every_day_has_once(name: str) -> None:
    schedule = TABLE[name]["schedule"]

    assert len(schedule.hour) == len(schedule.minute) == 1
    assert schedule.hour.isdisjoint({2})


@pytest.mark.django_db
def test_the_row_of_a_crontab_becomes_an_interval_when_the_settings_say_so() -> None:
    stored = PeriodicTask.objects.create(
        name="reconcile-recent-transactions",
        task="payments.tasks.reconcile",
        crontab=CrontabSchedule.objects.create(minute="*/15", timezone=BERLIN),
        enabled=True,
    )

    entry = Entry.from_entry(stored.name, app=app, **TABLE[stored.name])

    stored.refresh_from_db()
    assert stored.crontab is None
    assert stored.interval == IntervalSchedule.objects.get(every=900, period="seconds")
    assert entry.schedule == timedelta(seconds=900)


@pytest.mark.django_db
@pytest.mark.parametrize("name", [*TABLE])
def test_a_tick_that_nobody_takes_expires(name: str) -> None:
    entry = Entry.from_entry(name, app=app, **TABLE[name])

    assert entry.options is not None
    assert entry.options["expires"] == TABLE[name]["options"]["expires"]
    assert entry.options.get("queue") == TABLE[name]["options"].get("queue")


@pytest.mark.django_db
class TestNewNames:
    """quizarena/ops/migrations/0005_schedule_names.py, with what beat has stored."""

    migration = import_module("quizarena.ops.migrations.0005_schedule_names")

    def store(self, name: str, *, enabled: bool) -> PeriodicTask:
        every = IntervalSchedule.objects.get_or_create(every=300, period="seconds")[0]
        return PeriodicTask.objects.create(
            name=name, task="promos.tasks.prove_counters", interval=every, enabled=enabled
        )

    @pytest.mark.out_of_order
    def test_what_staff_have_paused_stays_paused_and_runs_once(self) -> None:
        paused = self.store("prove campaigns", enabled=False)
        self.store("verify-campaign-counters", enabled=True)
        untouched = self.store("import-questions", enabled=True)

        with connection.schema_editor() as editor:
            self.migration.forwards(apps, editor)
            self.migration.forwards(apps, editor)
        Entry.from_entry("verify-campaign-counters", app=app, **TABLE["verify-campaign-counters"])

        rows = PeriodicTask.objects.order_by("pk").values_list("pk", "name", "task", "enabled")
        assert [*rows] == [
            (
                paused.pk,
                "verify-campaign-counters",
                "promos.tasks.verify_campaign_counters",
                False,
            ),
            (untouched.pk, "import-questions", "promos.tasks.prove_counters", True),
        ]

    def test_it_can_be_taken_back(self) -> None:
        self.store("prove campaigns", enabled=False)

        with connection.schema_editor() as editor:
            self.migration.forwards(apps, editor)
            self.migration.backwards(apps, editor)

        assert PeriodicTask.objects.get().name == "prove campaigns"

    def test_every_new_name_is_a_schedule_of_the_settings(self) -> None:
        assert {after for _, after in self.migration.NAMES} <= {*TABLE}
