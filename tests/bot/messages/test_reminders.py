"""Reminders: to whom, when by whose clock, and never more than two a day."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import IntegrityError, connection
from django.utils import timezone

from bot import tasks
from bot.chat import local_time, reminder_settings
from bot.chat.models import ReminderSettings, Zone
from bot.messages import reminders
from bot.messages.models import Reminder, ReminderKind, ReminderSweep
from bot.queue import outbox
from bot.queue.models import Lane, OutgoingCall
from economy import streaks
from economy.models import Streak
from payments import offers
from payments.models import Impression
from quizarena.players.models import Player
from tests.concurrency import meet_after, run_together
from tests.conftest import Road
from tests.factories import OutgoingCallFactory, PlayerFactory
from tests.game.challenges import make_bank, play
from tests.game.reviewing import make_card
from tests.game.test_round import bank, right
from tests.killing import kill_at
from tests.owner import as_owner
from tests.sandbox import buttons

__all__ = ["bank"]

BERLIN = ZoneInfo("Europe/Berlin")
pytestmark = pytest.mark.django_db


def at(day: int, hour: int, minute: int = 0, second: int = 0, *, month: int = 11) -> datetime:
    """Return an instant of 2026 by Berlin's clock; the second of November is a Monday."""
    return datetime(2026, month, day, hour, minute, second, tzinfo=BERLIN)


def make_player(*played: int, zone: str = "Europe/Berlin", **wanted: Any) -> Player:
    """Return a player who reads English, has played on these days of November and wants this."""
    player: Player = PlayerFactory.create(language="en")
    for day in played:
        streaks.record_activity(player=player, now=at(day, 12))
    reminder_settings.change(player=player, zone=zone, **wanted)
    return player


def remind(now: datetime) -> list[int]:
    """Let the task run at `now`; return whom it has reminded."""
    before = set(OutgoingCall.objects.values_list("pk", flat=True))
    with time_machine.travel(now, tick=False):
        for player in Player.objects.all():
            streaks.roll_over(player=player, now=now)
        tasks.remind_players()
    new = OutgoingCall.objects.exclude(pk__in=before).order_by("pk")
    players = dict(Player.objects.values_list("telegram_id", "pk"))
    return [players[call.chat_key or 0] for call in new]


class TestClocks:
    @pytest.mark.parametrize(
        ("day", "zone", "berlin"),
        [
            (date(2026, 11, 3), "Europe/Berlin", at(3, 22)),
            # Kyiv is an hour ahead.
            (date(2026, 11, 3), "Europe/Kyiv", at(3, 21)),
            # Ten in Tokyo is two in the afternoon in Berlin, in summer three.
            (date(2026, 11, 3), "Asia/Tokyo", at(3, 14)),
            (date(2026, 7, 3), "Asia/Tokyo", at(3, 15, month=7)),
            (date(2026, 11, 3), "Australia/Sydney", at(3, 12)),
            # Ten in New York would be tomorrow in Berlin: it is four in the afternoon there.
            (date(2026, 11, 3), "America/New_York", at(3, 22)),
            (date(2026, 11, 3), "America/Los_Angeles", at(3, 22)),
            # The days on which Berlin changes its clocks, and the week in which only America has.
            (date(2026, 3, 29), "Europe/Berlin", at(29, 22, month=3)),
            (date(2026, 3, 29), "Asia/Tokyo", at(29, 15, month=3)),
            (date(2026, 10, 25), "Europe/Kyiv", at(25, 21, month=10)),
            (date(2026, 10, 25), "Asia/Tokyo", at(25, 14, month=10)),
            (date(2026, 10, 27), "America/New_York", at(27, 22, month=10)),
        ],
    )
    def test_a_streak_is_at_risk_at_ten_there_or_in_berlin(
        self, day: date, zone: str, berlin: datetime
    ) -> None:
        assert local_time.streak_risk_at(day, zone=zone, business=BERLIN) == berlin

    @pytest.mark.parametrize("zone", Zone.values)
    def test_it_is_always_that_berlin_day_and_never_a_quiet_hour_but_ten(self, zone: str) -> None:
        for number in range(366):
            day = date(2027, 1, 1) + timedelta(days=number)

            risk = local_time.streak_risk_at(day, zone=zone, business=BERLIN)

            there = risk.astimezone(ZoneInfo(zone))
            assert risk.astimezone(BERLIN).date() == day
            assert 8 <= there.hour < 22 or (there.hour, there.minute) == (22, 0)

    @pytest.mark.parametrize(
        ("clock", "quiet"),
        [
            (time(7, 59, 59), True),
            (time(8), False),
            (time(21, 59, 59), False),
            (time(22), True),
            (time(0), True),
        ],
    )
    @pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Tokyo", "America/New_York"])
    def test_quiet_hours_go_from_ten_to_eight(self, clock: time, quiet: bool, zone: str) -> None:
        now = datetime.combine(date(2026, 11, 3), clock, tzinfo=ZoneInfo(zone)).astimezone(UTC)

        assert local_time.is_quiet(now, zone=zone) is quiet

    @pytest.mark.parametrize(
        ("clock", "awake"),
        [
            (time(7, 59, 59), False),
            (time(8), True),
            (time(21, 54, 59), True),
            (time(21, 55), False),
            (time(22), False),
        ],
    )
    def test_news_are_written_down_until_five_minutes_before(
        self, clock: time, awake: bool
    ) -> None:
        now = datetime.combine(date(2026, 11, 3), clock, tzinfo=ZoneInfo("Asia/Tokyo"))

        assert (Zone.TOKYO in local_time.awake(now.astimezone(UTC))) is awake

    def test_the_database_knows_every_zone(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT name FROM pg_timezone_names")
            known = {name for (name,) in cursor.fetchall()}

        assert set(Zone.values) <= known


class TestStreakRisk:
    @pytest.mark.parametrize(
        ("now", "reminded"),
        [
            (at(3, 21, 59, 59), False),
            (at(3, 22), True),
            (at(3, 22, 59, 59), True),
            (at(3, 23), False),
        ],
    )
    def test_it_comes_at_ten_and_within_an_hour_or_not_at_all(
        self, now: datetime, reminded: bool
    ) -> None:
        player = make_player(2, streak_risk=True)

        assert remind(now) == ([player.pk] if reminded else [])

    def test_it_reads_and_leaves_like_this(self) -> None:
        player = make_player(1, 2, streak_risk=True)

        remind(at(3, 22))

        call = OutgoingCall.objects.get()
        assert call.parameters["text"] == (
            "🔥 <b>Your streak of 2 days is waiting for you.</b>\n\nYou have not played today. "
            "Answer one question by 00:00, and your streak stays."
        )
        assert (call.chat_key, call.lane) == (player.telegram_id, Lane.BULK)
        assert call.expires_at == at(3, 23)
        labels = [button["text"] for button in buttons(call.parameters)]
        assert labels == ["▶️ Play", "⚙️ Settings"]

    def test_a_long_streak_is_offered_a_saver_in_the_same_message(self) -> None:
        player = make_player(2, streak_risk=True)
        Streak.objects.filter(player=player).update(current=15, best=15)

        remind(at(3, 22))

        call = OutgoingCall.objects.get()
        assert call.parameters["text"] == (
            "🔥 <b>Your streak of 15 days is waiting for you.</b>\n\nYou have not played today. "
            "Answer one question by 00:00, and your streak stays. If you cannot play any more "
            "today, this saves the day:\n\n<b>Streak saver</b> · ⭐ 20\n🛟 1 streak saver"
        )
        assert [button["text"] for button in buttons(call.parameters)] == [
            "▶️ Play",
            "Streak saver · ⭐ 20",
            "Not now",
            "🔕 Do not show for 3 days",
            "⚙️ Settings",
        ]
        shown = Impression.objects.get()
        assert (shown.trigger, shown.event, shown.player) == ("STREAK_RISK_22", "EVENING", player)

    def test_fourteen_days_or_an_earlier_hour_in_berlin_bring_no_offer(self) -> None:
        short, early = (
            make_player(2, streak_risk=True),
            make_player(2, zone="Europe/Kyiv", streak_risk=True),
        )
        Streak.objects.filter(player=short).update(current=14, best=14)
        Streak.objects.filter(player=early).update(current=15, best=15)

        assert remind(at(3, 21)) == [early.pk]
        assert remind(at(3, 22)) == [short.pk]

        assert not Impression.objects.exists()

    @pytest.mark.parametrize(
        ("zone", "early", "due", "until"),
        [
            ("Europe/Kyiv", at(3, 20, 59), at(3, 21), "01:00"),
            ("Asia/Tokyo", at(3, 13, 59), at(3, 14), "08:00"),
            ("America/New_York", at(3, 21, 59), at(3, 22), "18:00"),
        ],
    )
    def test_by_the_players_own_clock(
        self, zone: str, early: datetime, due: datetime, until: str
    ) -> None:
        player = make_player(2, zone=zone, streak_risk=True)

        assert remind(early) == []
        assert remind(due) == [player.pk]
        assert (
            f"Answer one question by {until}, and" in OutgoingCall.objects.get().parameters["text"]
        )

    def test_who_has_played_today_or_has_nothing_to_lose_hears_nothing(self) -> None:
        make_player(2, 3, streak_risk=True)
        make_player(streak_risk=True)
        # Lost on Monday.
        make_player(1, streak_risk=True)

        assert remind(at(3, 22)) == []

    def test_whose_days_are_not_rolled_over_gets_nothing_that_may_be_wrong(self) -> None:
        make_player(1, streak_risk=True)

        with time_machine.travel(at(3, 22), tick=False):
            tasks.remind_players()

        assert not OutgoingCall.objects.exists()

    def test_opting_in_means_opting_in(self) -> None:
        make_player(2)
        PlayerFactory.create()

        assert remind(at(3, 22)) == []

    @pytest.mark.parametrize("away", ["bot_blocked_at", "suspended_at"])
    def test_never_to_who_has_blocked_the_bot_or_is_suspended(self, away: str) -> None:
        player = make_player(2, streak_risk=True)
        Player.objects.filter(pk=player.pk).update(**{away: at(2, 13)})

        assert remind(at(3, 22)) == []
        assert not Reminder.objects.exists()

    def test_once_however_often_the_job_runs(self) -> None:
        player = make_player(2, streak_risk=True)

        assert remind(at(3, 22)) == [player.pk]
        assert remind(at(3, 22, 0, 10)) == []
        ReminderSweep.objects.update(finished_at=None, cursor=0)
        assert remind(at(3, 22, 30)) == []
        assert list(Reminder.objects.values_list("kind", "day", "ordinal")) == [
            ("STREAK_RISK", date(2026, 11, 3), 1)
        ]


class TestDefects:
    """What goes wrong with one player is that player's alone."""

    @pytest.fixture
    def players(self) -> list[Player]:
        """Return three players with a long streak at risk, who are offered a saver."""
        players = [make_player(2, streak_risk=True) for _ in range(3)]
        Streak.objects.update(current=15, best=15)
        return players

    def test_without_the_offer_the_reminder_still_comes(
        self, players: list[Player], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        propose = offers.propose

        def fails(*, player: Player, **about: Any) -> offers.Proposal | None:
            proposal = propose(player=player, **about)
            if player == players[1]:
                # It fails in the database, which would spoil the whole transaction.
                Player.objects.filter(pk=player.pk).update(telegram_id=None)
            return proposal

        monkeypatch.setattr(offers, "propose", fails)

        assert remind(at(3, 22)) == [player.pk for player in players]

        texts = [call.parameters["text"] for call in OutgoingCall.objects.order_by("pk")]
        assert ["Streak saver" in text for text in texts] == [True, False, True]
        shown = Impression.objects.order_by("player").values_list("player", flat=True)
        assert list(shown) == [players[0].pk, players[2].pk]

    def test_who_cannot_be_reminded_at_all_is_left_out_and_has_the_slot_back(
        self, players: list[Player], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        send = reminders.send_reminder

        def fails(player: Player, *about: Any) -> None:
            assert player != players[1]
            send(player, *about)

        monkeypatch.setattr(reminders, "send_reminder", fails)

        assert remind(at(3, 22)) == [players[0].pk, players[2].pk]
        assert remind(at(3, 22, 0, 10)) == []
        placed = Reminder.objects.order_by("player").values_list("player", flat=True)
        assert list(placed) == [players[0].pk, players[2].pk]

    def test_a_sweep_that_fails_holds_up_no_other(self, monkeypatch: pytest.MonkeyPatch) -> None:
        make_player(2, zone="America/New_York", streak_risk=True)
        player = make_player(2, streak_risk=True)
        local_day = local_time.local_day

        def fails(now: datetime, *, zone: str) -> date:
            assert zone != "America/New_York"
            return local_day(now, zone=zone)

        monkeypatch.setattr(local_time, "local_day", fails)

        assert remind(at(3, 22)) == [player.pk]

        monkeypatch.undo()
        assert len(remind(at(3, 22, 0, 10))) == 1


class TestDailyRound:
    @pytest.mark.parametrize(
        ("now", "reminded"),
        [(at(3, 17, 59), False), (at(3, 18), True), (at(3, 18, 59), True), (at(3, 19), False)],
    )
    def test_it_comes_at_the_hour_of_the_players_choice(
        self, now: datetime, reminded: bool
    ) -> None:
        player = make_player(daily_round=True, daily_hour=18)

        assert remind(now) == ([player.pk] if reminded else [])

    def test_only_without_activity_on_that_berlin_day(self) -> None:
        make_player(3, daily_round=True)
        player = make_player(2, daily_round=True)

        assert remind(at(3, 18)) == [player.pk]

    def test_by_the_players_own_clock(self) -> None:
        player = make_player(zone="Asia/Tokyo", daily_round=True, daily_hour=8)

        assert remind(at(3, 0)) == [player.pk]
        assert Reminder.objects.get().day == date(2026, 11, 3)

    def test_both_kinds_on_one_day_are_two_slots(self) -> None:
        player = make_player(2, streak_risk=True, daily_round=True)

        assert remind(at(3, 18)) == [player.pk]
        assert remind(at(3, 22)) == [player.pk]
        ordinals = Reminder.objects.order_by("pk").values_list("kind", "ordinal")
        assert list(ordinals) == [("DAILY_ROUND", 1), ("STREAK_RISK", 2)]


class TestReview:
    @pytest.mark.parametrize(
        ("due", "reminded"), [(at(3, 18), True), (at(3, 18, 0, 1), False), (at(1, 12), True)]
    )
    def test_it_comes_at_the_hour_of_the_players_choice_if_cards_are_due(
        self, due: datetime, reminded: bool
    ) -> None:
        player = make_player(3, review=True)
        make_card(player, due=due)

        assert remind(at(3, 17, 59)) == []
        assert remind(at(3, 18)) == ([player.pk] if reminded else [])

    @pytest.mark.parametrize(
        ("language", "text", "label"),
        [
            (
                "en",
                (
                    "🔁 <b>2 cards are due, Anna!</b>\n\nWhat comes back at the right time stays "
                    "in your memory. A review costs no energy."
                ),
                "🔁 Review",
            ),
            (
                "de",
                (
                    "🔁 <b>2 Karten sind fällig, Anna!</b>\n\nWas zur rechten Zeit wiederkommt, "
                    "bleibt im Gedächtnis. Wiederholen kostet keine Energie."
                ),
                "🔁 Wiederholen",
            ),
            (
                "uk",
                (
                    "🔁 <b>2 картки час повторити, Anna!</b>\n\nЩо повертається вчасно, "
                    "залишається в пам'яті. Повторення не коштує енергії."
                ),
                "🔁 Повторення",
            ),
        ],
    )
    def test_it_reads_like_this_and_leads_to_the_review(
        self, language: str, text: str, label: str
    ) -> None:
        player = make_player(review=True)
        Player.objects.filter(pk=player.pk).update(language=language)
        for _ in range(2):
            make_card(player, due=at(2, 12))

        remind(at(3, 18))

        call = OutgoingCall.objects.get()
        assert call.parameters["text"] == text
        (first, _) = buttons(call.parameters)
        assert (first["text"], first["callback_data"]) == (label, "review")

    def test_opting_in_means_opting_in(self) -> None:
        make_card(make_player(), due=at(2, 12))
        make_card(PlayerFactory.create(), due=at(2, 12))

        assert remind(at(3, 18)) == []

    def test_a_disabled_question_is_no_reason(self) -> None:
        card = make_card(make_player(review=True), due=at(2, 12))
        card.question.is_enabled = False
        card.question.save()

        assert remind(at(3, 18)) == []

    @pytest.mark.parametrize(
        ("has_cards", "has_finished", "kind"),
        [
            (True, False, "DAILY_CHALLENGE"),
            (False, False, "DAILY_CHALLENGE"),
            (True, True, "REVIEW"),
        ],
    )
    def test_of_three_daily_reminders_one_comes(
        self, has_cards: bool, has_finished: bool, kind: str
    ) -> None:
        make_bank(A1=10, A2=15, B1=10)
        player = make_player(daily_round=True, daily_challenge=True, review=True)
        if has_cards:
            make_card(player, due=at(2, 12))
        if has_finished:
            play(player, [True] * 7, started=at(3, 12), now=at(3, 12))

        assert remind(at(3, 18)) == [player.pk]
        assert list(Reminder.objects.values_list("kind", "ordinal")) == [(kind, 1)]

    @pytest.mark.parametrize(("has_cards", "kind"), [(True, "REVIEW"), (False, "DAILY_ROUND")])
    def test_a_review_comes_before_a_round(self, has_cards: bool, kind: str) -> None:
        player = make_player(daily_round=True, review=True)
        if has_cards:
            make_card(player, due=at(2, 12))

        assert remind(at(3, 18)) == [player.pk]
        assert list(Reminder.objects.values_list("kind", flat=True)) == [kind]


class TestDailyChallenge:
    @pytest.fixture(autouse=True)
    def _bank(self, db: None) -> None:
        make_bank(A1=10, A2=15, B1=10)

    @pytest.mark.parametrize(
        ("now", "reminded"),
        [(at(3, 17, 59), False), (at(3, 18), True), (at(3, 18, 59), True), (at(3, 19), False)],
    )
    def test_it_comes_at_the_hour_of_the_players_choice(
        self, now: datetime, reminded: bool
    ) -> None:
        player = make_player(daily_challenge=True, daily_hour=18)

        assert remind(now) == ([player.pk] if reminded else [])

    @pytest.mark.parametrize(
        ("language", "text", "labels"),
        [
            (
                "en",
                (
                    "📅 <b>Today's challenge is waiting for you, Anna!</b>\n\nSeven questions, the "
                    "same for everyone, and no energy needed."
                ),
                ["📅 Daily challenge", "⚙️ Settings"],
            ),
            (
                "de",
                (
                    "📅 <b>Die Challenge von heute wartet auf dich, Anna!</b>\n\nSieben Fragen, "
                    "für alle die gleichen, und ganz ohne Energie."
                ),
                ["📅 Tages-Challenge", "⚙️ Einstellungen"],
            ),
            (
                "uk",
                (
                    "📅 <b>Сьогоднішній виклик чекає на тебе, Anna!</b>\n\nСім запитань, для всіх "
                    "однакові, і без витрат енергії."
                ),
                ["📅 Щоденний виклик", "⚙️ Налаштування"],
            ),
        ],
    )
    def test_it_reads_like_this_and_leads_to_the_challenge(
        self, language: str, text: str, labels: list[str]
    ) -> None:
        player = make_player(daily_challenge=True)
        Player.objects.filter(pk=player.pk).update(language=language)

        remind(at(3, 18))

        call = OutgoingCall.objects.get()
        assert call.parameters["text"] == text
        assert [button["text"] for button in buttons(call.parameters)] == labels
        assert buttons(call.parameters)[0]["callback_data"] == "daily"
        assert (call.lane, call.expires_at) == (Lane.BULK, at(3, 19))

    def test_only_who_has_not_finished_todays(self) -> None:
        finished, halfway, yesterday = (make_player(daily_challenge=True) for _ in range(3))
        for player, outcomes, day in (
            (finished, [True] * 7, 3), (halfway, [True] * 6, 3), (yesterday, [True] * 7, 2),
        ):  # fmt: skip
            play(player, outcomes, started=at(day, 12), now=at(day, 12))

        assert remind(at(3, 18)) == [halfway.pk, yesterday.pk]

    def test_who_has_played_rounds_only_is_reminded(self) -> None:
        player = make_player(3, daily_challenge=True)

        assert remind(at(3, 18)) == [player.pk]

    def test_opting_in_means_opting_in(self) -> None:
        make_player()
        PlayerFactory.create()

        assert remind(at(3, 18)) == []

    def test_by_the_players_own_clock_about_the_challenge_of_berlin(self) -> None:
        tokyo = make_player(zone="Asia/Tokyo", daily_challenge=True, daily_hour=8)
        done = make_player(zone="Asia/Tokyo", daily_challenge=True, daily_hour=8)
        play(done, [True] * 7, started=at(2, 23, 30), now=at(2, 23, 30))

        # Eight in the morning there is midnight in Berlin, where a new challenge begins.
        assert remind(at(3, 0)) == [tokyo.pk, done.pk]
        assert set(Reminder.objects.values_list("day", flat=True)) == {date(2026, 11, 3)}

    def test_of_both_daily_reminders_one_comes(self) -> None:
        player = make_player(daily_round=True, daily_challenge=True)

        assert remind(at(3, 18)) == [player.pk]
        assert list(Reminder.objects.values_list("kind", "ordinal")) == [("DAILY_CHALLENGE", 1)]

    def test_it_is_one_of_two_a_day(self) -> None:
        player = make_player(2, streak_risk=True, daily_challenge=True)
        settings = reminder_settings.settings_of(player)
        assert reminders.take_slot(settings=settings, kind="PREMIUM", now=at(3, 9))

        assert remind(at(3, 18)) == [player.pk]
        assert remind(at(3, 22)) == []
        ordinals = Reminder.objects.order_by("pk").values_list("kind", "ordinal")
        assert list(ordinals) == [("PREMIUM", 1), ("DAILY_CHALLENGE", 2), ("STREAK_RISK", None)]

    def test_once_however_often_the_job_runs(self) -> None:
        player = make_player(daily_challenge=True)

        assert remind(at(3, 18)) == [player.pk]
        ReminderSweep.objects.update(finished_at=None, cursor=0)
        assert remind(at(3, 18, 30)) == []


class TestTwoADay:
    def test_a_third_is_skipped_and_noted(self) -> None:
        player = make_player(2, streak_risk=True)
        settings = reminder_settings.settings_of(player)
        for kind in ("PREMIUM", "STREAK_NEWS"):
            assert reminders.take_slot(settings=settings, kind=kind, now=at(3, 9))

        assert remind(at(3, 22)) == []
        assert Reminder.objects.get(kind="STREAK_RISK").ordinal is None

    def test_the_next_day_has_its_own_slots(self) -> None:
        player = make_player(2, daily_round=True)
        settings = reminder_settings.settings_of(player)
        for kind in ("PREMIUM", "STREAK_NEWS"):
            assert reminders.take_slot(settings=settings, kind=kind, now=at(3, 23, 59, 59))

        assert not reminders.take_slot(settings=settings, kind="DAILY_ROUND", now=at(3, 23, 59))
        assert reminders.take_slot(settings=settings, kind="DAILY_ROUND", now=at(4, 0))

    @pytest.mark.parametrize(
        ("fields", "rule"),
        [
            ({"ordinal": 3}, "reminder_two_places_a_day"),
            ({"ordinal": 0}, "reminder_two_places_a_day"),
            ({"ordinal": 1}, "reminder_one_in_each_place"),
            ({"ordinal": 2, "kind": "PREMIUM"}, "reminder_one_of_a_kind_and_day"),
            ({"ordinal": 2, "kind": "ADVERT"}, "reminder_kind_is_known"),
        ],
    )
    def test_the_database_says_no(self, fields: dict[str, Any], rule: str) -> None:
        player = make_player()
        row = {"player": player, "day": date(2026, 11, 3), "created_at": at(3, 9)}
        Reminder.objects.create(**row, kind="PREMIUM", ordinal=1)

        with pytest.raises(IntegrityError, match=rule):
            Reminder.objects.create(**{**row, "kind": "STREAK_RISK", **fields})

    @pytest.mark.parametrize(
        ("fields", "rule"),
        [
            ({"zone": "Europe/Atlantis"}, "remindersettings_zone_is_known"),
            ({"daily_hour": 7}, "remindersettings_hour_is_not_quiet"),
            ({"daily_hour": 22}, "remindersettings_hour_is_not_quiet"),
        ],
    )
    def test_settings_are_within_their_bounds(self, fields: dict[str, Any], rule: str) -> None:
        player = make_player()

        with pytest.raises(IntegrityError, match=rule):
            ReminderSettings.objects.filter(player=player).update(**fields)


class TestTheQueue:
    def test_a_reminder_that_could_not_leave_in_time_is_given_up(self) -> None:
        make_player(2, streak_risk=True)
        remind(at(3, 22))

        assert outbox.record_and_claim(outcomes=[], limit=9, now=at(3, 23)) == []
        assert outbox.give_up_expired(now=at(3, 22, 59, 59)) == 0
        assert outbox.give_up_expired(now=at(3, 23)) == 1
        assert OutgoingCall.objects.get().state == "GIVEN_UP"

    def test_it_leaves_until_then(self) -> None:
        make_player(2, streak_risk=True)
        remind(at(3, 22))

        assert len(outbox.record_and_claim(outcomes=[], limit=9, now=at(3, 22, 59, 59))) == 1

    def test_no_more_than_ten_seconds_of_bulk_wait_and_nobody_is_left_out(self) -> None:
        players = [make_player(2, streak_risk=True) for _ in range(5)]
        OutgoingCallFactory.create_batch(277, lane=Lane.BULK)

        assert remind(at(3, 22)) == [player.pk for player in players[:3]]
        assert remind(at(3, 22, 0, 10)) == []
        OutgoingCall.objects.all().delete()
        assert remind(at(3, 22, 0, 20)) == [player.pk for player in players[3:]]

    def test_a_page_with_offers_is_small(self) -> None:
        for _ in range(31):
            make_player(2, streak_risk=True, daily_round=True, daily_hour=21)
        # The job goes on from page to page, and returns the sum.
        with time_machine.travel(at(3, 21), tick=False):
            for player in Player.objects.all():
                streaks.roll_over(player=player, now=at(3, 21))
            reminders._open_sweeps(at(3, 21))
            daily = ReminderSweep.objects.get(kind="DAILY_ROUND", zone="Europe/Berlin")
            assert reminders._remind_page(daily.pk) == 31
        with time_machine.travel(at(3, 22), tick=False):
            reminders._open_sweeps(at(3, 22))
            risk = ReminderSweep.objects.get(kind="STREAK_RISK", zone="Europe/Berlin")
            pages = [reminders._remind_page(risk.pk) for _ in range(3)]

        assert pages == [30, 1, None]

    def test_what_is_old_is_forgotten(self) -> None:
        make_player(2, streak_risk=True)
        remind(at(3, 22))

        assert reminders.purge(before=at(3, 21), limit=10) == 0
        assert reminders.purge(before=at(3, 22, 0, 1), limit=10) > 0
        assert not Reminder.objects.exists()
        assert not ReminderSweep.objects.exists()


@pytest.mark.django_db(transaction=True)
class TestConcurrency:
    def test_two_jobs_at_once_remind_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        make_player(2, streak_risk=True)
        meet_after(monkeypatch, reminder_settings, "settings_of")
        meet_after(monkeypatch, outbox, "bulk_room")

        with time_machine.travel(at(3, 22), tick=True):
            until = timezone.now() + timedelta(seconds=60)
            run_together(*[partial(reminders.remind, until=until)] * 2)

        assert OutgoingCall.objects.count() == 1

    def take_three(self, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
        """Let three kinds want a slot of one day at once; return who has got one."""
        settings = reminder_settings.settings_of(make_player())
        meet_after(monkeypatch, local_time, "local_day", callers=3)
        kinds = ("STREAK_RISK", "DAILY_ROUND", "PREMIUM")
        take = partial(reminders.take_slot, settings=settings, now=at(3, 18))
        return sorted(run_together(*[partial(take, kind=kind) for kind in kinds]))

    def test_a_day_has_two_slots_for_three_jobs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self.take_three(monkeypatch) == [False, True, True]

    @pytest.fixture
    def without_constraints(self) -> Iterator[None]:
        """Take the places' own constraint away."""
        with as_owner() as cursor:
            cursor.execute("ALTER TABLE bot_reminder DROP CONSTRAINT reminder_one_in_each_place")
        yield
        Reminder.objects.all().delete()
        with as_owner() as cursor:
            cursor.execute(
                "ALTER TABLE bot_reminder ADD CONSTRAINT reminder_one_in_each_place "
                "UNIQUE (player_id, day, ordinal)"
            )

    def test_without_the_constraint_it_would_have_three(
        self, monkeypatch: pytest.MonkeyPatch, without_constraints: None
    ) -> None:
        """Show that the test above can fail: take the constraint away, and it must."""
        assert self.take_three(monkeypatch) == [True, True, True]

    def test_a_job_that_is_killed_in_the_middle_is_taken_over(self) -> None:
        now = timezone.now()
        player = PlayerFactory.create()
        streaks.record_activity(player=player, now=now - timedelta(days=1))
        reminder_settings.change(player=player, streak_risk=True)
        ReminderSweep.objects.create(kind="STREAK_RISK", zone="Europe/Berlin", due_at=now)

        kill_at("after bot.messages.reminders:send_reminder", step="remind")
        lost = OutgoingCall.objects.count(), Reminder.objects.count()
        reminders.remind(until=timezone.now() + timedelta(seconds=5))

        assert lost == (0, 0)
        assert [call.chat_key for call in OutgoingCall.objects.all()] == [player.telegram_id]


class TestAMillionPlayers:
    def plan(self, sweep: ReminderSweep) -> str:
        """Return how PostgreSQL finds the next page of a sweep among many."""
        rules = reminders.SWEEPS[ReminderKind(sweep.kind)]
        wanted = rules.wanted(ReminderSettings.objects.all(), sweep).filter(player__gt=5_000)
        page = wanted.order_by("player").values_list("player", flat=True)[:280]
        return page.explain()

    @pytest.fixture(autouse=True)
    def _many(self) -> None:
        with as_owner() as cursor:
            cursor.execute(
                """
                INSERT INTO players_player
                  (telegram_id, first_name, last_name, username, language, created_at,
                   last_seen_at, awaits)
                SELECT n, 'P', '', 'p' || n, 'de', now(), now(), ''
                FROM generate_series(1, 20000) AS n;
                INSERT INTO bot_remindersettings
                  (player_id, zone, streak_risk, daily_round, daily_challenge, daily_hour, premium,
                   news, review)
                SELECT id, 'Europe/Berlin', id % 20 = 0, id % 3 = 0, id % 5 = 0, 8 + id % 2, true,
                       true, id % 7 = 0
                FROM players_player;
                ANALYZE players_player, bot_remindersettings;
                """
            )

    @pytest.mark.parametrize(
        ("kind", "index"),
        [
            ("STREAK_RISK", "remindersettings_risk"),
            ("DAILY_ROUND", "remindersettings_daily"),
            ("DAILY_CHALLENGE", "remindersettings_challenge"),
            ("REVIEW", "remindersettings_review"),
        ],
    )
    def test_a_page_is_read_from_its_index(self, kind: str, index: str) -> None:
        sweep = ReminderSweep(kind=kind, zone="Europe/Berlin", due_at=at(3, 8))

        plan = self.plan(sweep)

        assert index in plan
        assert "Sort" not in plan
        assert "Seq Scan" not in plan

    def test_a_page_costs_ten_statements(self, django_assert_num_queries: Any) -> None:
        with time_machine.travel(at(3, 18), tick=False):
            reminders.remind(until=timezone.now())
            ReminderSettings.objects.filter(daily_round=True).update(daily_hour=18)
            sweep = ReminderSweep.objects.get(kind="DAILY_ROUND", zone="Europe/Berlin")
            # Transaction 2, sweep 1, room 1, page 1, players 1, places 1, INSERT 1, cursor 1; the
            # bulk INSERT's savepoint is the test's own transaction.
            with django_assert_num_queries(9):
                assert reminders._remind_page(sweep.pk) == 280


class TestScreens:
    def test_the_first_finished_round_ends_with_the_question_once(
        self, road: Road, bank: None
    ) -> None:
        anna = road.sandbox.add_player("Anna", language_code="en")
        with time_machine.travel(at(6, 15, 4), tick=False) as clock:
            first = self.round(road, anna, clock)
            road.tap(anna, "🔥 Only when my streak ends")
            second = self.round(road, anna, clock)

        assert first["text"].endswith(
            "🔔 May I remind you?\n\nEvery day when you have not played yet, or only at 22:00 when "
            "a day without a question would end your streak. You can change that at any time in "
            "/settings."
        )
        assert [button["text"] for button in buttons(first)][-4:] == [
            "🚩 Report",
            "⏰ Daily at 18:00",
            "🔥 Only when my streak ends",
            "No, thanks",
        ]
        assert "/settings" not in second["text"]
        settings = reminder_settings.settings_of(Player.objects.get())
        assert (settings.streak_risk, settings.daily_round) == (True, False)

    def test_every_day_at_six(self, road: Road, bank: None) -> None:
        anna = road.sandbox.add_player("Anna", language_code="en")
        with time_machine.travel(at(6, 15, 3), tick=False) as clock:
            self.round(road, anna, clock)
            answer = road.tap(anna, "⏰ Daily at 18:00")

        assert answer["text"] == (
            "🔔 Good, I will remind you at 18:00 when you have not played yet.\n\nIt is 15:04 "
            "where you are (Berlin), right? You can change that in the settings."
        )
        settings = ReminderSettings.objects.get()
        assert (settings.streak_risk, settings.daily_round, settings.daily_hour) == (
            False,
            True,
            18,
        )

    def test_yes_shows_the_clock_and_keeps_the_result(self, road: Road, bank: None) -> None:
        anna = road.sandbox.add_player("Anna", language_code="en")
        with time_machine.travel(at(6, 15, 3), tick=False) as clock:
            self.round(road, anna, clock)
            answer = road.tap(anna, "🔥 Only when my streak ends")

        result, thanks = road.sandbox.chat(anna)[-2:]
        assert "🏁" in result["text"]
        assert [button["text"] for button in buttons(result)] == [
            "🔁 Play again",
            "🎯 Choose another mode",
            "📨 Share my result",
            "⭐ Save question 10",
            "🚩 Report",
        ]
        assert answer["text"].startswith(
            "🔔 Good, I will remind you.\n\nIt is 15:04 where you are (Berlin), right?"
        )
        assert thanks == answer

    def test_no_means_no(self, road: Road, bank: None) -> None:
        anna = road.sandbox.add_player("Anna", language_code="en")
        with time_machine.travel(at(6, 15, 4), tick=False) as clock:
            self.round(road, anna, clock)
            road.tap(anna, "No, thanks")

        settings = ReminderSettings.objects.get()
        assert (settings.streak_risk, settings.daily_round) == (False, False)
        assert road.sandbox.toasts(anna)[-1]["text"].startswith("All right, I stay quiet.")

    def round(self, road: Road, anna: int, clock: Any) -> dict[str, Any]:
        """Play a round to its end and return the last message."""
        clock.shift(timedelta(minutes=1))
        road.say(anna, "/play")
        message = road.tap(anna, "Quick mix")
        for _ in range(10):
            message = road.tap(anna, right(message))
        return message

    def test_the_settings_switch_by_a_tap(self, road: Road) -> None:
        anna = road.sandbox.add_player("Anna", language_code="en")
        with time_machine.travel(at(6, 15, 4), tick=False):
            shown = road.say(anna, "/settings")
            assert [button["text"] for button in buttons(shown)] == [
                "⬜ 🔥 When my streak is at risk",
                "⬜ ⏰ A daily reminder",
                "⬜ 📅 The daily challenge",
                "⬜ 🔁 Cards to review",
                "✅ ⚔️ Duels and tournaments",
                "✅ 👑 Before Premium ends",
                "✅ 📣 News",
                "🎯 1 round a day",
                "🕰 My clock: 15:04",
                "🎓 My level",
                "🌍 Language",
                "👤 Name and league",
                "◀️ Back",
            ]
            road.tap(anna, "⬜ ⏰ A daily reminder")
            road.tap(anna, "⏰ At 18:00")
            road.tap(anna, "20:00")
            road.tap(anna, "🕰 My clock: 15:04")
            shown = road.tap(anna, "Tokyo 23:04")
            road.tap(anna, "✅ 📣 News")

        assert "🕰 Your clock: 23:04 (Tokyo)" in shown["text"]
        settings = ReminderSettings.objects.get()
        assert (settings.zone, settings.daily_round, settings.daily_hour, settings.news) == (
            "Asia/Tokyo",
            True,
            20,
            False,
        )

    def test_the_hour_is_that_of_the_challenge_too(self, road: Road) -> None:
        anna = road.sandbox.add_player("Anna", language_code="en")
        road.say(anna, "/settings")

        road.tap(anna, "⬜ 📅 The daily challenge")
        asked = road.tap(anna, "⏰ At 18:00")
        shown = road.tap(anna, "20:00")

        assert asked["text"] == (
            "⏰ When shall I remind you?\n\nOnly on days on which you have not played before, or "
            "not finished the daily challenge, or when cards are due."
        )
        assert [button["text"] for button in buttons(shown)][1:5] == [
            "⬜ ⏰ A daily reminder",
            "✅ 📅 The daily challenge",
            "⬜ 🔁 Cards to review",
            "⏰ At 20:00",
        ]
        settings = ReminderSettings.objects.get()
        assert (settings.daily_round, settings.daily_challenge, settings.daily_hour) == (
            False,
            True,
            20,
        )

    @pytest.mark.parametrize(
        ("language", "label"),
        [("en", "📅 The daily challenge"), ("de", "📅 Die Tages-Challenge"),
         ("uk", "📅 Щоденний виклик")],
    )  # fmt: skip
    def test_the_challenge_is_switched_on_and_off(
        self, road: Road, language: str, label: str
    ) -> None:
        anna = road.sandbox.add_player("Anna", language_code=language)
        road.say(anna, "/settings")

        road.tap(anna, f"⬜ {label}")
        assert ReminderSettings.objects.get().daily_challenge
        road.tap(anna, f"✅ {label}")
        assert not ReminderSettings.objects.get().daily_challenge

    def test_the_review_is_switched_on_and_has_the_same_hour(self, road: Road) -> None:
        anna = road.sandbox.add_player("Anna", language_code="en")
        road.say(anna, "/settings")

        road.tap(anna, "⬜ 🔁 Cards to review")
        road.tap(anna, "⏰ At 18:00")
        road.tap(anna, "20:00")

        settings = ReminderSettings.objects.get()
        assert (settings.review, settings.daily_round, settings.daily_hour) == (True, False, 20)
        road.tap(anna, "✅ 🔁 Cards to review")
        assert not ReminderSettings.objects.get().review

    @pytest.mark.parametrize(
        "data", ["switch:password:1", "switch:news:2", "zone:Mars", "hour:7", "hour:22", "hour:x"]
    )
    def test_a_button_that_never_was_is_answered_kindly(self, road: Road, data: str) -> None:
        anna = road.sandbox.add_player("Anna", language_code="en")
        shown = road.say(anna, "/settings")

        road.sandbox.tap(anna, data, message_id=shown["message_id"])
        road.travel()

        assert "no longer valid" in road.sandbox.toasts(anna)[-1]["text"]
        assert not ReminderSettings.objects.exists()
