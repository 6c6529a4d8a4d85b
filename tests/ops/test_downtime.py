"""What recorded downtime is, and which days it makes outage days."""

from datetime import UTC, date, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.utils import timezone

from economy import streaks
from economy.models import OutageDay, StreakDay
from quizarena.ops import downtime, heartbeats, tasks
from quizarena.ops.models import Downtime, Heartbeat
from quizarena.staff.models import AuditEntry
from tests.concurrency import meet_after, run_together
from tests.factories import PlayerFactory, make_staff

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 11, 22, 11, tzinfo=UTC)

pytestmark = pytest.mark.django_db


def berlin(text: str) -> datetime:
    """Return an instant that is written as in Berlin."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).astimezone(UTC)


def away(began: str, ended: str, *, process: str = "worker") -> Downtime:
    """Let a process have been away."""
    return Downtime.objects.create(process=process, began_at=berlin(began), ended_at=berlin(ended))


def shielded(*, now: datetime = NOON) -> list[str]:
    """Judge what is recorded; return the days that became outage days."""
    return [str(one.day) for one in downtime.shield_outages(now=now)]


class TestRecording:
    def test_a_silence_of_more_than_five_minutes_is_downtime(self) -> None:
        for seconds in (0, 300, 601):
            heartbeats.record("worker", now=NOON + timedelta(seconds=seconds))

        silence = Downtime.objects.get()
        assert (silence.process, silence.judged_at) == ("worker", None)
        assert silence.began_at == NOON + timedelta(seconds=300)
        assert silence.ended_at == NOON + timedelta(seconds=601)
        assert Heartbeat.objects.get().seen_at == NOON + timedelta(seconds=601)

    def test_the_first_sign_of_life_ends_nothing(self) -> None:
        heartbeats.record("worker", now=NOON)

        assert not Downtime.objects.exists()

    def test_a_clock_that_jumps_back_makes_no_downtime(self) -> None:
        heartbeats.record("worker", now=NOON)
        heartbeats.record("worker", now=NOON - timedelta(hours=3))
        heartbeats.record("worker", now=NOON + timedelta(seconds=10))

        assert not Downtime.objects.exists()

    def test_processes_of_another_name_are_silent_on_their_own(self) -> None:
        heartbeats.record("worker", now=NOON)
        heartbeats.record("sender", now=NOON)
        heartbeats.record("worker", now=NOON + timedelta(minutes=4))
        heartbeats.record("worker", now=NOON + timedelta(minutes=8))
        heartbeats.record("sender", now=NOON + timedelta(minutes=8))

        assert Downtime.objects.get().process == "sender"

    def test_a_sign_of_life_as_processes_leave_it_records_the_silence(self) -> None:
        Heartbeat.objects.create(
            name="a worker that was away", seen_at=timezone.now() - timedelta(hours=3)
        )

        heartbeats.beat("a worker that was away")

        assert timedelta(hours=3) <= Downtime.objects.get().length < timedelta(hours=3, minutes=1)


@pytest.mark.django_db(transaction=True)
class TestConcurrency:
    def test_two_processes_that_come_back_at_once_end_one_downtime(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        heartbeats.record("worker", now=NOON)
        meet_after(monkeypatch, type(Heartbeat.objects.all()), "get_or_create")
        back = NOON + timedelta(hours=1)

        results = run_together(
            partial(heartbeats.record, "worker", now=back),
            partial(heartbeats.record, "worker", now=back + timedelta(seconds=1)),
        )

        assert results == [None, None]
        assert Downtime.objects.count() == 1

    def test_without_the_lock_only_the_database_stops_the_second_one(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the test above can fail: take the lock away."""
        heartbeats.record("worker", now=NOON)
        queryset = type(Heartbeat.objects.all())
        monkeypatch.setattr(queryset, "select_for_update", lambda self: self)
        meet_after(monkeypatch, queryset, "get_or_create")
        back = NOON + timedelta(hours=1)

        results = run_together(
            partial(heartbeats.record, "worker", now=back),
            partial(heartbeats.record, "worker", now=back + timedelta(seconds=1)),
        )

        assert sorted(type(result).__name__ for result in results) == ["IntegrityError", "NoneType"]


class TestJudging:
    @pytest.mark.parametrize(
        ("began", "ended", "days"),
        [
            # Two hours are none, a second more is one.
            ("2026-11-10 12:00:00", "2026-11-10 14:00:00", []),
            ("2026-11-10 12:00:00", "2026-11-10 14:00:01", ["2026-11-10"]),
            # Over midnight each day has its own part.
            ("2026-11-10 22:30:00", "2026-11-11 01:30:00", []),
            ("2026-11-10 21:59:59", "2026-11-11 02:00:00", ["2026-11-10"]),
            ("2026-11-10 22:00:00", "2026-11-11 02:00:01", ["2026-11-11"]),
            ("2026-11-10 22:00:00", "2026-11-11 02:00:00", []),
            ("2026-11-10 12:00:00", "2026-11-11 00:00:00", ["2026-11-10"]),
            ("2026-11-11 00:00:00", "2026-11-11 02:00:01", ["2026-11-11"]),
            (
                "2026-11-10 12:00:00",
                "2026-11-13 01:00:00",
                ["2026-11-10", "2026-11-11", "2026-11-12"],
            ),
            # In spring the hour from two to three does not exist, in autumn it comes twice.
            ("2026-03-29 01:00:00", "2026-03-29 04:00:00", []),
            ("2026-03-29 01:00:00", "2026-03-29 04:00:01", ["2026-03-29"]),
            ("2026-10-25 01:00:00", "2026-10-25 02:00:00", []),
            ("2026-10-25 01:30:00", "2026-10-25 03:00:00", ["2026-10-25"]),
            ("2026-03-28 23:00:00", "2026-03-29 03:00:00", []),
            ("2026-10-24 23:00:00", "2026-10-25 02:00:00", []),
        ],
    )
    def test_more_than_two_hours_of_a_day_make_it_an_outage_day(
        self, began: str, ended: str, days: list[str]
    ) -> None:
        away(began, ended)

        assert shielded() == days
        assert [str(one.day) for one in OutageDay.objects.order_by("day")] == days

    def test_what_is_missing_by_turns_adds_up_and_counts_once_together(self) -> None:
        away("2026-11-10 10:00:00", "2026-11-10 11:00:00", process="worker")
        away("2026-11-10 10:30:00", "2026-11-10 11:30:00", process="sender")
        assert shielded() == []

        away("2026-11-10 20:00:00", "2026-11-10 20:30:01", process="worker")
        assert shielded() == ["2026-11-10"]

    def test_what_playing_does_not_need_spoils_no_day(self) -> None:
        away("2026-11-10 10:00:00", "2026-11-10 20:00:00", process="beat")

        assert shielded() == []

    def test_each_downtime_is_assessed_once(self) -> None:
        away("2026-11-10 10:00:00", "2026-11-10 20:00:00")

        assert (shielded(), shielded()) == (["2026-11-10"], [])
        assert Downtime.objects.get().judged_at == NOON

    def test_a_day_that_staff_have_declared_stays_as_it_is(self) -> None:
        operator = make_staff("Operator")
        streaks.shield(
            first_day=date(2026, 11, 10),
            last_day=date(2026, 11, 10),
            staff=operator,
            reason="The network.",
            now=NOON,
        )
        away("2026-11-10 10:00:00", "2026-11-11 20:00:00")

        assert shielded() == ["2026-11-11"]
        assert OutageDay.objects.get(day=date(2026, 11, 10)).staff == operator

    def test_an_outage_of_months_is_shielded_whole(self) -> None:
        away("2026-08-10 10:00:00", "2026-11-21 20:00:00")

        assert len(shielded()) == 104

    def test_a_lost_streak_is_restored_and_the_log_says_why(self) -> None:
        player = PlayerFactory.create()
        for day in (9, 11):
            streaks.record_activity(player=player, now=berlin(f"2026-11-{day:02} 12:00:00"))
        away("2026-11-10 00:10:00", "2026-11-10 23:50:00")

        assert tasks.shield_outages() == 1
        streaks.roll_over(player=player, now=berlin("2026-11-11 13:00:00"))

        outcomes = StreakDay.objects.order_by("day").values_list("outcome", flat=True)
        assert list(outcomes) == ["PLAYED", "SHIELDED", "PLAYED"]
        written = AuditEntry.objects.get(action="streaks.shield")
        assert (written.actor, written.summary) == (
            None,
            ("Streaks shielded, 10 Nov 2026: Recorded downtime: the bot could not answer."),
        )


@pytest.mark.usefixtures("owner")
class TestDatabaseSaysNo:
    @pytest.mark.parametrize(
        ("statement", "says"),
        [
            ("UPDATE ops_downtime SET ended_at = now()", "Cannot update"),
            ("UPDATE ops_downtime SET process = 'beat'", "Cannot update"),
            ("DELETE FROM ops_downtime", "Cannot delete"),
            (
                (
                    "INSERT INTO ops_downtime (process, began_at, ended_at)"
                    " SELECT process, began_at, began_at + interval '1 hour' FROM ops_downtime"
                ),
                "downtime_once",
            ),
            (
                (
                    "INSERT INTO ops_downtime (process, began_at, ended_at)"
                    " VALUES ('worker', now(), now())"
                ),
                "downtime_ends_after_it_begins",
            ),
        ],
    )
    def test_nobody_writes_past_the_rules(self, statement: str, says: str) -> None:
        away("2026-11-10 10:00:00", "2026-11-10 20:00:00")

        with (
            pytest.raises(DatabaseError, match=says),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)


def test_the_list_shows_from_when_to_when_and_whether_it_is_assessed(client: Client) -> None:
    operator: User = make_staff("Operator")
    away("2026-11-10 10:00:00", "2026-11-10 20:00:00")
    client.force_login(operator)

    page = client.get("/admin/ops/downtime/").content.decode()

    assert "<time>10 Nov 2026,</time> <time>10:00:00</time>" in page
    assert "10 hours" in page
    assert "to be assessed" in page
