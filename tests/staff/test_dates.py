"""How staff read days and hours: one format, one zone, wherever they look."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from django.apps import apps
from django.forms import DateField, DateTimeField
from django.test import Client
from django.utils import dateformat, timezone, translation
from django.utils.formats import get_format

from bot.messages.models import Reminder, ReminderSweep
from economy.models import ModeSpan, OutageDay, PremiumSpan, StreakDay
from payments.models import PurchaseEvent, ReconciliationRun, SupportRequest
from promos.models import Attempt, Block
from quizarena.game.models import Tournament
from quizarena.ops.models import Downtime, Heartbeat
from quizarena.staff import dates
from quizarena.staff.desk import DayInput, MomentInput, age, exactly, with_code
from quizarena.staff.navigation import GROUPS
from tests.factories import PlayerFactory, make_staff

ROOT = Path(__file__).resolve().parent.parent.parent
# 06:57:03 in Berlin.
MORNING = datetime(2026, 11, 29, 5, 57, 3, tzinfo=UTC)


class TestFormats:
    @pytest.mark.parametrize("language", ["en", "de", "uk"])
    def test_there_is_one(self, language: str) -> None:
        with translation.override(language):
            assert dates.moment(MORNING) == "29 Nov 2026, 06:57"
            assert dates.to_the_second(MORNING) == "29 Nov 2026, 06:57:03"
            assert dates.day(MORNING) == dates.day(date(2026, 11, 29)) == "29 Nov 2026"
            assert dates.short_day(MORNING) == "29 Nov"
            assert dates.time(MORNING) == "06:57"
            assert dates.for_csv(MORNING) == "2026-11-29 06:57:03"

    def test_django_has_the_same(self) -> None:
        local = timezone.localtime(MORNING)

        assert dateformat.format(local, get_format("DATETIME_FORMAT")) == "29 Nov 2026, 06:57"
        assert dateformat.format(local, get_format("DATE_FORMAT")) == "29 Nov 2026"
        assert dateformat.format(local, get_format("TIME_FORMAT")) == "06:57"

    def test_a_box_takes_what_it_shows(self) -> None:
        moments = DateTimeField(widget=MomentInput())
        days = DateField(widget=DayInput)

        assert 'value="29 Nov 2026, 06:57"' in moments.widget.render(
            "at", timezone.localtime(MORNING).replace(tzinfo=None)
        )
        assert 'value="29 Nov 2026"' in days.widget.render("day", date(2026, 11, 29))
        for written in ("29 Nov 2026, 06:57", "2026-11-29 06:57", "29.11.2026 06:57"):
            assert moments.clean(written) == MORNING.replace(second=0)
        for written in ("29 Nov 2026", "2026-11-29", "29.11.2026"):
            assert days.clean(written) == date(2026, 11, 29)

    def test_an_instant_breaks_between_day_and_time(self) -> None:
        assert exactly(MORNING) == "<time>29 Nov 2026,</time> <time>06:57:03</time>"

    def test_what_has_just_happened_is_no_number(self) -> None:
        assert ">just now<" in age(timezone.now() - timedelta(milliseconds=143))
        assert "Europe/Berlin" in age(timezone.now())


def test_a_code_stands_beside_the_name_in_small() -> None:
    assert with_code("Mega <Pack>", "MEGA_PACK_15") == (
        "Mega &lt;Pack&gt; <small>MEGA_PACK_15</small>"
    )
    assert with_code("unknown", "") == "unknown"


@pytest.mark.django_db
def test_no_row_calls_itself_by_another_clock() -> None:
    player = PlayerFactory.create(username="anna")

    named = [
        str(row)
        for row in (
            SupportRequest(player=player, asked_at=MORNING),
            Attempt(at=MORNING),
            Block(player=player, until=MORNING),
            PurchaseEvent(kind="PAID", at=MORNING),
            ReconciliationRun(started_at=MORNING),
            ReminderSweep(kind="STREAK_RISK", zone="Asia/Tokyo", due_at=MORNING),
            Heartbeat(name="web", seen_at=MORNING),
            Downtime(process="web", began_at=MORNING),
            PremiumSpan(plan="MONTH", ends_at=MORNING),
            ModeSpan(mode="WORD_ORDER", ends_at=MORNING),
        )
    ]

    assert [text for text in named if "29 Nov 2026, 06:57" not in text] == []


def test_a_day_has_its_month_in_words_wherever_staff_read_it() -> None:
    shown = [
        str(OutageDay(day=MORNING.date(), reason="Down.")),
        str(StreakDay(day=MORNING.date(), outcome="MISSED")),
        str(Reminder(kind="DAILY", day=MORNING.date())),
        str(Tournament(day=MORNING.date())),
    ]

    assert [text for text in shown if "29 Nov 2026" not in text] == []
    assert dates.days(MORNING.date(), MORNING.date()) == "29 Nov 2026"
    assert dates.days(MORNING.date(), date(2026, 12, 1)) == "29 Nov 2026 to 1 Dec 2026"


def test_nobody_formats_a_moment_alone() -> None:
    """An instant in an f-string prints UTC, and each author's own order of day and month."""
    allowed = {
        "quizarena/staff/dates.py",
        # A key of the ledger.
        "payments/subscriptions.py",
    }
    found = [
        f"{path.relative_to(ROOT).as_posix()}:{number}"
        for package in ("bot", "economy", "payments", "promos", "quizarena")
        for path in sorted((ROOT / package).rglob("*.py"))
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if ("%Y-%m-%d" in line or "%d.%m." in line)
        and "/formats/" not in path.as_posix()
        and path.relative_to(ROOT).as_posix() not in allowed
    ]

    assert found == []


@pytest.mark.django_db
class TestPages:
    def test_the_zone_stands_on_every_page(self, client: Client) -> None:
        client.force_login(make_staff("Administrator"))

        page = client.get("/admin/").content.decode()

        assert "Times are Europe/Berlin" in page

    def test_a_page_bears_the_sidebars_name(self) -> None:
        for pages in GROUPS.values():
            for title, _symbol, label in pages:
                app, model, *view = label.split(".")
                if not view:
                    plural = str(apps.get_model(app, model)._meta.verbose_name_plural)
                    assert plural.lower() == title.lower()
