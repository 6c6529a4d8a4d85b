"""Days and hours as players read them: by their own clock, in their language."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import translation

from bot.chat import dates, phrases
from bot.chat.models import ReminderSettings
from bot.screens.promo import texts as promo_texts
from bot.screens.shop import texts as shop_texts
from economy.goods import Goods, Plan
from economy.grants import grant
from economy.models import EntryType, Source
from payments import errors as payments
from payments.errors import RefusedError
from promos.errors import Refusal
from quizarena.players.models import Player
from tests.conftest import Road
from tests.factories import PlayerFactory
from tests.game.test_round import bank

__all__ = ["bank"]

pytestmark = pytest.mark.django_db
# 18:30 in Berlin.
EVENING = datetime(2026, 12, 5, 17, 30, tzinfo=UTC)


def somebody(language: str, zone: str) -> Player:
    """Return a player with a clock of their own."""
    player: Player = PlayerFactory.create(language=language)
    ReminderSettings.objects.create(player=player, zone=zone)
    return player


@pytest.mark.parametrize("language", ["de", "en", "uk"])
@pytest.mark.parametrize("minutes", [0, 1, 30, 60, 600, 95, 1_440, 5_000])
def test_how_long_something_takes_can_end_a_sentence(language: str, minutes: int) -> None:
    """No abbreviation with a full stop, after which the sentence would have two."""
    with translation.override(language):
        assert not phrases.time_until(timedelta(minutes=minutes)).endswith(".")


class TestFormats:
    @pytest.mark.parametrize(
        ("language", "short", "full", "day", "short_day"),
        [
            ("de", "05.12. 18:30", "05.12.2026 18:30", "05.12.2026", "05.12."),
            ("en", "5 Dec, 18:30", "5 Dec 2026, 18:30", "5 Dec 2026", "5 Dec"),
            ("uk", "05.12 18:30", "05.12.2026 18:30", "05.12.2026", "05.12"),
        ],
    )
    def test_each_language_has_its_own(
        self, language: str, short: str, full: str, day: str, short_day: str
    ) -> None:
        with dates.speaking_to(somebody(language, "Europe/Berlin")):
            assert dates.short(EVENING) == short
            assert dates.full(EVENING) == full
            assert dates.day(EVENING) == day
            assert dates.short_day(EVENING) == dates.short_day(date(2026, 12, 5)) == short_day
            assert dates.time(EVENING) == "18:30"

    @pytest.mark.parametrize(
        ("now", "read"),
        [
            # In Berlin the year has just not ended, and has just begun.
            (datetime(2026, 12, 31, 22, 59, tzinfo=UTC), "05.12."),
            (datetime(2026, 12, 31, 23, 0, tzinfo=UTC), "05.12.2026"),
        ],
    )
    def test_a_day_of_another_year_has_its_year(self, now: datetime, read: str) -> None:
        with dates.speaking_to(somebody("de", "Europe/Berlin")):
            assert dates.recent_day(EVENING, now=now) == read

    @pytest.mark.parametrize(
        ("zone", "read"),
        [
            ("America/New_York", "5 Dec, 12:30"),
            ("Europe/Kyiv", "5 Dec, 19:30"),
            ("Asia/Tokyo", "6 Dec, 02:30"),
        ],
    )
    def test_the_clock_is_the_players(self, zone: str, read: str) -> None:
        with dates.speaking_to(somebody("en", zone)):
            assert dates.short(EVENING) == read

    def test_who_has_chosen_none_has_the_clock_of_the_business(self) -> None:
        with dates.speaking_to(PlayerFactory.create(language="en")):
            assert dates.short(EVENING) == "5 Dec, 18:30"

    def test_a_clock_ends_with_its_player(self) -> None:
        with dates.speaking_to(somebody("en", "Asia/Tokyo")):
            with dates.speaking_to(somebody("uk", "Europe/Kyiv")):
                assert dates.short(EVENING) == "05.12 19:30"
            assert dates.short(EVENING) == "6 Dec, 02:30"
        assert dates.short(EVENING) == "5 Dec, 18:30"

    def test_a_text_without_a_time_asks_nothing_of_the_database(
        self, django_assert_num_queries: Any
    ) -> None:
        player = somebody("en", "Asia/Tokyo")

        with django_assert_num_queries(0), dates.speaking_to(player):
            pass
        with django_assert_num_queries(1), dates.speaking_to(player):
            dates.short(EVENING)
            dates.time(EVENING)


class TestScreens:
    """Every screen with a time, for a player one hour west or east of Berlin."""

    @pytest.fixture
    def london(self, road: Road) -> int:
        anna: int = road.sandbox.add_player("Anna", language_code="en")
        with time_machine.travel(EVENING, tick=False):
            road.say(anna, "/start")
        ReminderSettings.objects.create(player=Player.objects.get(), zone="Europe/London")
        return anna

    def test_the_wallet_and_the_shop(self, road: Road, london: int) -> None:
        grant(
            player=Player.objects.get(),
            goods=Goods(premium=Plan.YEAR, premium_days=365),
            type=EntryType.PRIZE,
            source=Source.SYSTEM,
            key="prize",
            now=EVENING,
        )

        with time_machine.travel(EVENING, tick=False):
            wallet = road.say(london, "/wallet")["text"]
            shop = road.say(london, "/shop")["text"]

        assert "👑 Premium until 5 Dec 2027, 17:30" in wallet
        assert "5 Dec, 17:30 · Prize" in wallet
        assert "👑 Premium until 5 Dec 2027, 17:30" in shop

    def test_help_names_the_hour_at_which_all_energy_is_back(self, road: Road, london: int) -> None:
        with time_machine.travel(EVENING, tick=False):
            text = road.say(london, "/help")["text"]

        assert "Every question costs 1 energy point; a point comes back every 30 minutes" in text
        assert "and all of them at 23:00." in text

    @pytest.mark.parametrize(
        ("zone", "read"),
        [
            ("Europe/Kyiv", "🌙 No messages 22:00–08:00, except your 22:00 streak reminder."),
            (
                "America/New_York",
                "🌙 No messages 22:00–08:00. Your streak reminder comes at 16:00.",
            ),
        ],
    )
    def test_the_settings_name_the_real_hour_of_the_streak_reminder(
        self, road: Road, london: int, zone: str, read: str
    ) -> None:
        ReminderSettings.objects.update(zone=zone)

        with time_machine.travel(EVENING, tick=False):
            text = road.say(london, "/settings")["text"]

        assert read in text

    def test_a_lock_out_and_a_refusal_end_by_the_players_clock(self, london: int) -> None:
        with dates.speaking_to(Player.objects.get()):
            locked_out = promo_texts.refused(Refusal.RATE_LIMITED, blocked_until=EVENING)
            too_soon = shop_texts.refused(RefusedError(payments.Refusal.TOO_SOON, until=EVENING))

        assert locked_out.endswith("You can try again from 5 Dec 2026, 17:30 on.")
        assert too_soon.endswith("The next one is for sale from 5 Dec 2026, 17:30.")
