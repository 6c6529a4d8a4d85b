"""Notices that players get without having asked: how they read, when, to whom, and once."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone

from bot import tasks
from bot.chat import reminder_settings
from bot.messages import notices, reminders
from bot.messages.models import Reminder
from bot.messages.notices import Source
from bot.queue import client, outbox
from bot.queue.models import Lane, OutgoingCall
from economy import streaks
from economy.goods import Goods, Plan
from economy.grants import grant
from economy.models import EntryType, PremiumNotice, StreakDay
from economy.models import Source as GrantSource
from economy.tasks import premium_notices
from quizarena.players.models import Player
from tests.concurrency import meet_after, run_together, take_row_locks_away
from tests.conftest import Road
from tests.factories import PlayerFactory, make_staff
from tests.game.test_round import bank, right
from tests.sandbox import buttons

__all__ = ["bank"]

BERLIN = ZoneInfo("Europe/Berlin")
pytestmark = pytest.mark.django_db


def at(day: int, hour: int = 9, minute: int = 0) -> datetime:
    """Return an instant of November 2026 in Berlin; the second is a Monday."""
    return datetime(2026, 11, day, hour, minute, tzinfo=BERLIN)


def make_player(**fields: Any) -> Player:
    """Return a player who reads English."""
    player: Player = PlayerFactory.create(language="en", **fields)
    return player


def play(player: Player, *days: int) -> None:
    """Answer a question at noon of each day."""
    for day in days:
        streaks.record_activity(player=player, now=at(day, 12))


def give(player: Player, *, now: datetime, **goods: Any) -> None:
    """Grant goods."""
    grant(
        player=player,
        goods=Goods(**goods),
        type=EntryType.PRIZE,
        source=GrantSource.SYSTEM,
        key=f"prize:{now}",
        now=now,
    )


def send(now: datetime, *, transactional: bool = False) -> list[str]:
    """Let the task notify everybody at `now`; return the texts of the messages that it leaves."""
    before = set(OutgoingCall.objects.values_list("pk", flat=True))
    with time_machine.travel(now, tick=False):
        tasks.send_notices(transactional=transactional)
    new = OutgoingCall.objects.exclude(pk__in=before).order_by("pk")
    return [call.parameters["text"] for call in new]


def lose_a_streak(**fields: Any) -> Player:
    """Return a player who played on Monday to Wednesday and not on Thursday. All is rolled over."""
    player = make_player(**fields)
    play(player, 2, 3, 4)
    streaks.roll_over(player=player, now=at(6, 0, 10))
    return player


class TestStreaks:
    def test_a_lost_streak_comes_with_the_way_to_earn_it_back(self) -> None:
        player = lose_a_streak()

        (text,) = send(at(6))

        assert text == (
            "💔 You did not play on 5 Nov: your streak of 3 days is over.\n"
            "💪 Earn your streak of 3 days back: 3 rounds with ten right answers. Done: 0. "
            "The chance is gone in 39 h."
        )
        call = OutgoingCall.objects.get()
        assert (call.chat_key, call.lane, call.method) == (
            player.telegram_id,
            Lane.BULK,
            "sendMessage",
        )
        keyboard = call.parameters["reply_markup"]["inline_keyboard"]
        assert [row[0]["text"] for row in keyboard] == ["▶️ Play", "◀️ Back"]

    def test_after_48_hours_there_is_nothing_to_offer(self) -> None:
        lose_a_streak()

        assert send(at(8)) == ["💔 You did not play on 5 Nov: your streak of 3 days is over."]

    def test_a_day_saved_by_a_saver(self) -> None:
        player = make_player()
        give(player, now=at(2), streak_savers=1)
        play(player, 2)
        streaks.roll_over(player=player, now=at(4, 0, 10))

        assert send(at(4)) == [
            "🛟 You did not play on 3 Nov – a streak saver has kept your streak of 1 day."
        ]

    def test_a_day_saved_by_premium(self) -> None:
        player = make_player()
        give(player, now=at(2), premium=Plan.SEASON, premium_days=90)
        play(player, 2, 3)
        streaks.roll_over(player=player, now=at(5, 0, 10))

        assert send(at(5)) == [
            "👑 You did not play on 4 Nov – your Premium has kept your streak of 2 days."
        ]

    def test_a_day_of_an_outage(self) -> None:
        player = lose_a_streak()
        with time_machine.travel(at(6), tick=False):
            streaks.shield(
                first_day=date(2026, 11, 5),
                last_day=date(2026, 11, 5),
                staff=make_staff("Operator"),
                reason="The database was away.",
                now=at(6),
            )
        streaks.roll_over(player=player, now=at(6, 10))

        assert send(at(6, 11)) == [
            "🛡 On 5 Nov the game was down, sorry! Your streak of 3 days goes on."
        ]

    def test_several_days_are_one_message_in_order(self) -> None:
        player = make_player()
        give(player, now=at(2), streak_savers=1)
        play(player, 2)
        streaks.roll_over(player=player, now=at(5, 0, 10))

        (text,) = send(at(5))

        assert text.split("\n")[::2] == [
            "🛟 You did not play on 3 Nov – a streak saver has kept your streak of 1 day.",
            "💔 You did not play on 4 Nov: your streak of 1 day is over.",
        ]

    @pytest.mark.parametrize(
        ("language", "begin"),
        [
            ("de", "💔 Am 05.11. hast du nicht gespielt: Deine Serie von 3 Tagen ist vorbei."),
            ("uk", "💔 05.11 – пропущений день: твоя серія завершилася (3 дні)."),
        ],
    )
    def test_the_notice_is_in_the_players_language(self, language: str, begin: str) -> None:
        player = lose_a_streak()
        Player.objects.filter(pk=player.pk).update(language=language)

        (text,) = send(at(6))

        assert text.startswith(begin)

    @pytest.mark.parametrize(
        ("now", "sent"),
        [
            (at(6, 7, 59), 0),
            (at(6, 8), 1),
            (at(6, 21, 54), 1),
            # What is written down now might not leave in time.
            (at(6, 21, 56), 0),
            (at(6, 22), 0),
        ],
    )
    def test_it_waits_for_the_end_of_the_quiet_hours(self, now: datetime, sent: int) -> None:
        lose_a_streak()

        assert len(send(now)) == sent
        assert len(send(at(7, 8))) == 1 - sent

    def test_a_player_whose_quiet_hours_have_begun_meanwhile_waits(self) -> None:
        player = lose_a_streak()
        sources = [source for source in notices.SOURCES if not source.transactional]

        # The job finds players and notifies them in one go; the quiet hours begin in between.
        with time_machine.travel(at(6, 21, 54), tick=False):
            found = notices._players_to_notify(sources, [])
            assert {one: [source.name for source in own] for one, own in found.items()} == {
                player.pk: ["streak"]
            }
        with time_machine.travel(at(6, 22), tick=False):
            assert notices._notify_one(sources, player.pk) == 0

        assert StreakDay.objects.undelivered().count() == 1
        assert not OutgoingCall.objects.exists()

    def test_quiet_hours_are_the_players_own(self) -> None:
        tokyo, berlin = lose_a_streak(), lose_a_streak()
        reminder_settings.change(player=tokyo, zone="Asia/Tokyo")

        send(at(6, 0, 30))
        send(at(6, 15))

        calls = OutgoingCall.objects.order_by("pk")
        assert [call.chat_key for call in calls] == [tokyo.telegram_id, berlin.telegram_id]
        # What has not left by ten in the evening stays away.
        assert [call.expires_at for call in calls] == [at(6, 14), at(6, 22)]


class TestPremium:
    @pytest.fixture(autouse=True)
    def player(self) -> Player:
        """Return a player whose Premium lasts from the second to the ninth, at nine."""
        player = make_player()
        give(player, now=at(2), premium=Plan.STARTER, premium_days=7)
        return player

    def note(self, now: datetime) -> None:
        with time_machine.travel(now, tick=False):
            premium_notices()

    @pytest.mark.parametrize(
        ("now", "begin"),
        [
            (at(6, 10), "👑 Your Premium ends in 3 days, on 9 Nov, 09:00. Until then"),
            (at(8, 10), "👑 Your Premium ends in 23 h, on 9 Nov, 09:00. Until then"),
            (at(9, 10), "👑 Your Premium ended on 9 Nov, 09:00. Questions cost energy again"),
        ],
    )
    def test_the_end_is_announced_before_and_after_once(self, now: datetime, begin: str) -> None:
        self.note(now)

        (text,) = send(now)

        assert text.startswith(begin)
        assert send(now) == []

    def test_what_was_not_sent_in_time_is_sent_as_it_is_now(self) -> None:
        for now in (at(6, 10), at(8, 10), at(9, 10)):
            self.note(now)

        (text,) = send(at(9, 10))

        assert text.startswith("👑 Your Premium ended")
        assert not PremiumNotice.objects.filter(notified_at=None).exists()

    def test_an_end_that_has_moved_is_not_announced(self, player: Player) -> None:
        self.note(at(6, 10))
        give(player, now=at(6, 11), premium=Plan.STARTER, premium_days=7)

        assert send(at(6, 12)) == []


class TestPlaces:
    """At most two messages a day: what finds no free slot waits for tomorrow."""

    def test_a_third_message_waits_for_the_next_day(self) -> None:
        player = lose_a_streak()
        settings = reminder_settings.change(player=player, streak_risk=True)
        for kind in ("STREAK_RISK", "DAILY_ROUND"):
            assert reminders.take_slot(settings=settings, kind=kind, now=at(6, 8))

        assert send(at(6, 9)) == []
        assert StreakDay.objects.undelivered().count() == 1
        assert len(send(at(7, 9))) == 1

    def test_news_of_streaks_and_of_premium_share_the_day(self) -> None:
        player = lose_a_streak()
        give(player, now=at(5), premium=Plan.STARTER, premium_days=7)
        with time_machine.travel(at(9, 10), tick=False):
            premium_notices()

        assert len(send(at(9, 11))) == 2

        placed = Reminder.objects.order_by("ordinal").values_list("kind", "ordinal")
        assert list(placed) == [("PREMIUM", 1), ("STREAK_NEWS", 2)]

    def test_who_wants_no_word_of_premium_gets_none_then_or_later(self) -> None:
        player = make_player()
        give(player, now=at(2), premium=Plan.STARTER, premium_days=7)
        reminder_settings.change(player=player, premium=False)
        with time_machine.travel(at(6, 10), tick=False):
            premium_notices()

        assert send(at(6, 10)) == []
        reminder_settings.change(player=player, premium=True)
        assert send(at(6, 11)) == []
        # What was not sent has taken no slot.
        assert not Reminder.objects.exists()


class TestToWhom:
    @pytest.mark.parametrize("away", ["bot_blocked_at", "suspended_at"])
    def test_a_reminder_for_who_cannot_play_is_dropped(self, away: str) -> None:
        player = lose_a_streak(**{away: at(5)})

        assert send(at(6)) == []

        Player.objects.filter(pk=player.pk).update(**{away: None})
        assert send(at(6, 10)) == []
        assert StreakDay.objects.get(outcome="MISSED").notified_at == at(6)

    def test_a_defect_in_one_row_holds_up_nobody(self, monkeypatch: pytest.MonkeyPatch) -> None:
        lose_a_streak()
        bad = lose_a_streak()
        lose_a_streak()
        (streak,) = [source for source in notices.SOURCES if source.name == "streak"]

        def render(day: StreakDay, now: datetime) -> notices.Notice | None:
            if day.player_id == bad.pk:
                raise ZeroDivisionError
            return streak.render(day, now)

        monkeypatch.setattr(notices, "SOURCES", (replaced(streak, render=render),))

        assert len(send(at(6))) == 2

        assert StreakDay.objects.get(notified_at=None, outcome="MISSED").player == bad
        monkeypatch.undo()
        assert len(send(at(6))) == 1

    def test_a_player_costs_fourteen_statements(self, django_assert_num_queries: Any) -> None:
        lose_a_streak()
        until = timezone.now() + timedelta(minutes=1)

        # Whom to notify, twice: then nobody is left, from five sources after the outbox's room.
        # For the player: transaction 2, player 1, settings 1, the rows of the one source in which
        # something was found 1, savepoints 2 and 2, claim 1, earn-back 2, slot 1, INSERT 1.
        with (
            time_machine.travel(at(6), tick=False),
            django_assert_num_queries(2 * 6 + 14),
        ):
            assert notices.send_due_notices(transactional=False, until=until) == 1

    def test_more_than_a_batch_of_them_are_notified_in_one_run(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(notices, "BATCH", 2)
        for _ in range(5):
            lose_a_streak()

        assert len(send(at(6))) == 5


def replaced(source: Source[Any], **fields: Any) -> Source[Any]:
    """Return the source with other fields."""
    return Source(
        **{
            name: fields.get(name, getattr(source, name))
            for name in ("name", "due", "claim", "render", "transactional", "kind")
        }
    )


class TestOwed:
    """Transactional notices, played by the days of streaks."""

    @pytest.fixture(autouse=True)
    def _streaks_are_transactional(self, monkeypatch: pytest.MonkeyPatch) -> None:
        transactional = tuple(replaced(source, transactional=True) for source in notices.SOURCES)
        monkeypatch.setattr(notices, "SOURCES", transactional)

    def test_it_goes_out_as_an_answer_with_a_sound_and_is_no_reminder(self) -> None:
        lose_a_streak()

        assert send(at(6, 3), transactional=False) == []
        assert len(send(at(6, 3), transactional=True)) == 1

        call = OutgoingCall.objects.get()
        assert call.lane == Lane.ANSWER
        assert "disable_notification" not in call.parameters

    def test_each_is_a_message_of_its_own(self) -> None:
        player = make_player()
        give(player, now=at(2), streak_savers=1)
        play(player, 2)
        streaks.roll_over(player=player, now=at(5, 0, 10))

        assert [text[0] for text in send(at(5), transactional=True)] == ["🛟", "💔"]

    def test_it_waits_for_who_has_blocked_the_bot(self) -> None:
        player = lose_a_streak(bot_blocked_at=at(5))

        assert send(at(6), transactional=True) == []

        Player.objects.filter(pk=player.pk).update(bot_blocked_at=None)
        assert len(send(at(6), transactional=True)) == 1

    def test_who_is_suspended_is_notified(self) -> None:
        lose_a_streak(suspended_at=at(5))

        assert len(send(at(6), transactional=True)) == 1
        # The bot refuses what any button would ask for.
        assert buttons(OutgoingCall.objects.get().parameters) == []


class TestInAHandler:
    def test_what_is_due_follows_what_the_handler_has_sent(self) -> None:
        player = lose_a_streak()
        bot = client.bot()

        with transaction.atomic(), outbox.collecting(update_id=None):
            client.run(bot.send_message(player.telegram_id, "Thank you!"))
            count = notices.notify(player=player, now=at(6))

        calls = OutgoingCall.objects.order_by("pk")
        assert count == 1
        assert [call.parameters["text"][0] for call in calls] == ["T", "💔"]
        assert {call.lane for call in calls} == {Lane.ANSWER}

    @pytest.mark.out_of_order
    def test_a_defect_in_a_notice_leaves_the_handlers_work_alone(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        player = lose_a_streak()
        (source,) = [source for source in notices.SOURCES if source.name == "streak"]

        def render(day: StreakDay, now: datetime) -> notices.Notice:
            # It fails in the database, which would spoil the whole transaction.
            return notices.Notice(str(StreakDay.objects.filter(pk=day.pk).update(length=0)))

        bad = replaced(source, render=render)
        monkeypatch.setattr(notices, "SOURCES", (bad,))

        with transaction.atomic(), outbox.collecting(update_id=None):
            assert notices.notify(player=player, now=at(6)) == 0
            Player.objects.filter(pk=player.pk).update(first_name="Maria")

        assert Player.objects.get().first_name == "Maria"
        assert StreakDay.objects.undelivered().count() == 1


@pytest.mark.django_db(transaction=True)
class TestConcurrency:
    def tell_twice(self, monkeypatch: pytest.MonkeyPatch, claim: Callable[..., bool]) -> int:
        """Let two workers notify one player at once; return how many messages that makes."""
        player = lose_a_streak()
        (source,) = [source for source in notices.SOURCES if source.name == "streak"]
        monkeypatch.setattr(notices, "SOURCES", (replaced(source, claim=claim),))
        meet_after(monkeypatch, streaks, "earn_back")
        until = timezone.now() + timedelta(minutes=1)

        run_together(*[partial(notices.send_due_notices, transactional=False, until=until)] * 2)

        return OutgoingCall.objects.filter(chat_key=player.telegram_id).count()

    def test_two_workers_at_once_tell_a_player_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def claim(day: StreakDay, now: datetime) -> bool:
            return streaks.mark_notified(day=day, now=now)

        assert self.tell_twice(monkeypatch, claim) == 1

    def test_without_lock_and_claim_they_tell_it_twice(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the test above can fail: take lock and claim away, and it must."""
        take_row_locks_away(monkeypatch)
        # The places of a day would protect, too.
        monkeypatch.setattr(reminders, "take_slot", lambda **_: True)

        assert self.tell_twice(monkeypatch, lambda *_: True) == 2


class TestEarningBack:
    """A lost streak on the player's screens, tap by tap."""

    def perfect_round(self, road: Road, anna: int, clock: Any) -> str:
        """Play a round without a mistake, ten seconds later, and return its result."""
        clock.shift(timedelta(seconds=10))
        road.say(anna, "/play")
        message = road.tap(anna, "Quick mix")
        for _ in range(10):
            message = road.tap(anna, right(message))
        return str(message["text"])

    def test_it_is_offered_counted_and_celebrated(self, road: Road, bank: None) -> None:
        anna = road.sandbox.add_player("Anna", language_code="en")
        with time_machine.travel(at(6, 10), tick=False) as clock:
            road.say(anna, "/start")
            # Here for some days: a second round of the first day ends with a message of its own.
            Player.objects.update(created_at=at(1))
            player = Player.objects.get()
            play(player, 2, 3, 4)
            give(player, now=at(5), paid_energy=20)
            before = road.say(anna, "/stats")["text"]
            first = self.perfect_round(road, anna, clock)
            second = self.perfect_round(road, anna, clock)
            clock.shift(timedelta(hours=1))
            between = road.say(anna, "/stats")["text"]
            third = self.perfect_round(road, anna, clock)
            after = road.say(anna, "/stats")["text"]

        assert "🔥 Streak: 0 days · best: 3\n💪 Earn your streak of 3 days back: 3 rounds" in before
        assert "Done: 0. The chance is gone in 38 h." in before
        assert "1 of 3 perfect rounds for your lost streak of 3 days." in first
        assert "2 of 3 perfect rounds for your lost streak of 3 days." in second
        assert "Done: 2. The chance is gone in 37 h." in between
        assert third.endswith("🎉 Your streak is back: 4 days! You have earned it.")
        assert "🔥 Streak: 4 days · best: 4" in after
        assert "💪" not in after

    def test_who_has_lost_nothing_hears_nothing_of_it(self, road: Road, bank: None) -> None:
        anna = road.sandbox.add_player("Anna", language_code="en")

        with time_machine.travel(at(6, 10), tick=False) as clock:
            result = self.perfect_round(road, anna, clock)

        assert "Perfect, not a single mistake! 🏆" in result
        assert "💪" not in result
