"""The picture of a result: ordered with it, drawn and sent by a worker, once."""

import base64
import io
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.utils import timezone
from PIL import Image

from bot import tasks
from bot.chat import cards as orders
from bot.chat.models import Card, CardKind
from bot.messages import cards
from bot.queue.models import CallState, OutgoingCall
from economy import streaks
from economy.streak_rules import DAY
from economy.streaks import StreakChange
from quizarena.game.models import DailyRun, Duel
from quizarena.players.models import Player
from tests.bot.screens import test_duel as duels
from tests.bot.screens.buyers import newcomer, row, tap, travel
from tests.bot.screens.test_daily import finish
from tests.concurrency import meet_after, run_together, take_row_locks_away
from tests.conftest import Road
from tests.factories import PlayerFactory, QuestionFactory
from tests.game.challenges import NOON, make_bank, play
from tests.game.duelling import played
from tests.sandbox import buttons

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
SIX_OF_SEVEN = [True, False, True, True, True, True, True]


@pytest.fixture
def _bank(db: None) -> None:
    make_bank(A1=10, A2=15, B1=10)


def order(player: Player, subject: int = 1) -> Card:
    orders.order(kind=CardKind.DAILY, subject=subject, player=player, now=timezone.now())
    return Card.objects.get(player=player, subject=subject)


@pytest.mark.usefixtures("_bank")
class TestDailyChallenge:
    @pytest.mark.parametrize(
        ("language", "caption", "label"),
        [
            (
                "en",
                "Quiz Arena, daily challenge of 16 Dec: 6/7\n🟩🟥🟩🟩🟩🟩🟩\nhttps://t.me/quizarena_bot",
                "📨 Share my result",
            ),
            (
                "de",
                "Quiz Arena, Tages-Challenge vom 16.12.: 6/7\n🟩🟥🟩🟩🟩🟩🟩\nhttps://t.me/quizarena_bot",
                "📨 Mein Ergebnis teilen",
            ),
            (
                "uk",
                "Quiz Arena, щоденний виклик за 16.12: 6/7\n🟩🟥🟩🟩🟩🟩🟩\nhttps://t.me/quizarena_bot",
                "📨 Поділитися результатом",
            ),
        ],
    )
    def test_its_picture_comes_below_the_result(
        self, road: Road, language: str, caption: str, label: str
    ) -> None:
        anna = newcomer(road, language=language)
        result = finish(road, anna, SIX_OF_SEVEN)
        assert "photo" not in result

        assert tasks.send_cards() == 1
        road.send()

        below = road.sandbox.last_message(anna)
        assert below["message_id"] > result["message_id"]
        assert (below["photo"][0]["width"], below["photo"][0]["height"]) == (1200, 630)
        assert below["caption"] == caption
        (share,) = below["reply_markup"]["inline_keyboard"][0]
        assert share["text"] == label
        assert share["url"].startswith("https://t.me/share/url?url=https")

    def test_it_comes_once_however_often_one_looks_at_the_result(self, road: Road) -> None:
        anna = newcomer(road)
        finish(road, anna, SIX_OF_SEVEN)

        road.say(anna, "/daily")
        assert [tasks.send_cards(), tasks.send_cards()] == [1, 0]

        assert Card.objects.count() == 1
        assert OutgoingCall.objects.filter(method="sendPhoto").count() == 1

    def test_its_file_is_kept_at_telegram_and_not_here(self, road: Road) -> None:
        anna = newcomer(road)
        finish(road, anna, SIX_OF_SEVEN)
        tasks.send_cards()
        call = OutgoingCall.objects.get(method="sendPhoto")
        assert call.files is not None

        road.send()
        tasks.send_cards()

        call.refresh_from_db()
        assert (call.state, call.files) == (CallState.SENT, None)
        file_id = road.sandbox.last_message(anna)["photo"][-1]["file_id"]
        assert (call.file_id, Card.objects.get().file_id) == (file_id, file_id)

    def test_a_failed_call_keeps_what_it_would_upload(self, road: Road) -> None:
        anna = newcomer(road)
        finish(road, anna, SIX_OF_SEVEN)
        tasks.send_cards()
        road.sandbox.block(anna)

        road.send()

        call = OutgoingCall.objects.get(method="sendPhoto")
        assert (call.state, call.file_id) == (CallState.REFUSED, "")
        assert call.files is not None

    def test_a_bot_that_cannot_draw_stops_nobody(
        self, road: Road, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        anna = newcomer(road)
        finish(road, anna, SIX_OF_SEVEN)
        good = DailyRun.objects.get()
        order(good.player, subject=2**40)  # Of a run that is not there.

        assert tasks.send_cards() == 1

        assert Card.objects.get(sent_at=None).subject == 2**40
        assert OutgoingCall.objects.filter(method="sendPhoto").count() == 1


@pytest.mark.usefixtures("_bank")
class TestTooLate:
    @pytest.mark.parametrize(("late_by", "sent"), [(10 * MINUTE - SECOND, 1), (10 * MINUTE, 0)])
    def test_after_ten_minutes_it_is_not_sent_any_more(
        self, road: Road, late_by: timedelta, sent: int
    ) -> None:
        with time_machine.travel(datetime(2026, 12, 16, 11, tzinfo=UTC), tick=False) as clock:
            finish(road, newcomer(road), SIX_OF_SEVEN)
            clock.shift(late_by)

            assert tasks.send_cards() == sent

            assert Card.objects.filter(sent_at=timezone.now()).count() == 1
            assert OutgoingCall.objects.filter(method="sendPhoto").count() == sent

    def test_nor_by_a_sender_that_was_away(self, road: Road) -> None:
        with time_machine.travel(datetime(2026, 12, 16, 11, tzinfo=UTC), tick=False):
            finish(road, newcomer(road), SIX_OF_SEVEN)
            tasks.send_cards()

        call = OutgoingCall.objects.get(method="sendPhoto")
        assert call.expires_at == datetime(2026, 12, 16, 11, 10, tzinfo=UTC)

    def test_nor_to_somebody_who_has_blocked_the_bot(self, road: Road) -> None:
        finish(road, newcomer(road), SIX_OF_SEVEN)
        Player.objects.update(bot_blocked_at=timezone.now())

        assert tasks.send_cards() == 0

        assert not Card.objects.filter(sent_at=None).exists()


@pytest.mark.django_db
class TestDatabase:
    def test_one_card_of_each_result(self) -> None:
        anna = PlayerFactory.create()
        order(anna)
        orders.order(kind=CardKind.DAILY, subject=1, player=anna, now=timezone.now())
        assert Card.objects.count() == 1

        with pytest.raises(IntegrityError, match="card_one_of_each_result"), transaction.atomic():
            Card.objects.create(
                kind=CardKind.DAILY, subject=1, player=anna, created_at=timezone.now()
            )

    def test_of_a_kind_that_is_known(self) -> None:
        with pytest.raises(IntegrityError, match="card_kind_is_known"):
            Card.objects.create(
                kind="X", subject=1, player=PlayerFactory.create(), created_at=timezone.now()
            )

    def test_a_call_belongs_to_one_that_is_sent(self) -> None:
        card = order(PlayerFactory.create())

        with pytest.raises(IntegrityError, match="card_sent_has_sent_at"):
            Card.objects.filter(pk=card.pk).update(call_id=1)


@pytest.mark.django_db(transaction=True)
class TestConcurrency:
    def send_twice(self, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
        """Let two workers send one card at once; return what each has done."""
        make_bank(A1=10, A2=15, B1=10)
        run = play(outcomes=SIX_OF_SEVEN)
        card = order(run.player, subject=run.pk)
        meet_after(monkeypatch, cards, "_lock")
        return run_together(*[partial(cards._send, card.pk)] * 2)

    def test_two_workers_send_it_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with time_machine.travel(NOON, tick=False):
            assert sorted(self.send_twice(monkeypatch)) == [False, True]

        assert OutgoingCall.objects.filter(method="sendPhoto").count() == 1

    def test_without_the_lock_both_do(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Show that the test above can fail: take the lock away, and it must."""
        take_row_locks_away(monkeypatch)

        with time_machine.travel(NOON, tick=False):
            assert self.send_twice(monkeypatch) == [True, True]

        assert OutgoingCall.objects.filter(method="sendPhoto").count() == 2


@pytest.mark.usefixtures("_bank")
def test_what_is_uploaded_is_the_picture(road: Road) -> None:
    finish(road, newcomer(road), SIX_OF_SEVEN)
    tasks.send_cards()

    files = OutgoingCall.objects.get(method="sendPhoto").files
    assert files is not None
    _, mime_type, content = files["photo"]
    assert mime_type == "image/png"
    assert Image.open(io.BytesIO(base64.b64decode(content))).size == (1200, 630)


def to_play(road: Road, player: int) -> dict[str, Any]:
    """Let the player open the only duel; return its first question."""
    return tap(road, player, f"duel-play:{Duel.objects.get().pk}")


class TestDuel:
    @pytest.fixture(autouse=True)
    def _questions(self, db: None) -> None:
        make_bank("QUICK_MIX_A1A2", A1=20)

    @pytest.mark.parametrize(
        ("language", "caption"),
        [
            ("en", "Quiz Arena, duel: 2:1\n🟩🟩🟥\nhttps://t.me/quizarena_bot"),
            ("de", "Quiz Arena, Duell: 2:1\n🟩🟩🟥\nhttps://t.me/quizarena_bot"),
            ("uk", "Quiz Arena, дуель: 2:1\n🟩🟩🟥\nhttps://t.me/quizarena_bot"),
        ],
    )
    def test_who_wins_gets_its_picture_and_who_loses_does_not(
        self, road: Road, language: str, caption: str
    ) -> None:
        anna, ben, question = duels.begin(road, language=language)
        duels.finish(road, ben, question, [True, False, False])
        duels.finish(road, anna, to_play(road, anna), [True, True, False])
        duels.remind(road)

        assert tasks.send_cards() == 1
        travel(road)

        assert road.sandbox.last_message(anna)["caption"] == caption
        assert not any("photo" in message for message in road.sandbox.chat(ben))

    def test_after_a_draw_both_get_it(self, road: Road) -> None:
        anna, ben, question = duels.begin(road)
        duels.finish(road, ben, question, [True, False, False])
        duels.finish(road, anna, to_play(road, anna), [False, True, False])
        duels.remind(road)

        assert tasks.send_cards() == 2

        assert Card.objects.filter(kind=CardKind.DUEL).count() == 2

    def test_once_however_often_one_looks_at_the_result(self, road: Road) -> None:
        anna, ben, question = duels.begin(road)
        duels.finish(road, ben, question, [False, False, False])
        duels.finish(road, anna, to_play(road, anna), [True, True, False])
        assert tasks.send_cards() == 1

        with time_machine.travel(NOON + DAY, tick=False):
            road.say(anna, "/duel")
            duel_id = Card.objects.get().subject
            tap(road, anna, "duels")
            tap(road, anna, f"duel-show:{duel_id}")

            assert tasks.send_cards() == 0

    @pytest.mark.parametrize(("late_by", "cards"), [(DAY - SECOND, 1), (DAY, 0)])
    def test_what_ended_a_day_ago_is_no_news(
        self, late_by: timedelta, cards: int, db: None
    ) -> None:
        duel = played(PlayerFactory.create(), PlayerFactory.create())

        orders.order_duel(duel, player=duel.creator, now=NOON + late_by)

        assert Card.objects.count() == cards


@pytest.mark.usefixtures("_bank")
class TestStreakMilestone:
    @pytest.mark.parametrize(
        ("language", "caption"),
        [
            ("en", "🔥 My streak with Quiz Arena: 7 days of German!\nhttps://t.me/quizarena_bot"),
            ("de", "🔥 Meine Serie mit Quiz Arena: 7 Tage Deutsch!\nhttps://t.me/quizarena_bot"),
            ("uk", "🔥 Моя серія з Quiz Arena: 7 днів німецької!\nhttps://t.me/quizarena_bot"),
        ],
    )
    def test_the_seventh_day_has_a_picture(self, road: Road, language: str, caption: str) -> None:
        anna = newcomer(road, language=language)
        streak_of(anna, days=6)

        finish(road, anna, SIX_OF_SEVEN)
        assert tasks.send_cards() == 2
        travel(road)

        assert road.sandbox.last_message(anna)["caption"] == caption

    @pytest.mark.parametrize(
        ("days", "subjects"), [(5, []), (6, [7]), (7, []), (29, [30]), (49, [50])]
    )
    def test_only_milestones_have_one(self, road: Road, days: int, subjects: list[int]) -> None:
        anna = newcomer(road)
        streak_of(anna, days=days)

        finish(road, anna, SIX_OF_SEVEN)

        milestones = Card.objects.filter(kind=CardKind.STREAK)
        assert list(milestones.values_list("subject", flat=True)) == subjects

    @pytest.mark.parametrize("days", [7, 30, 50, 100, 200, 365, 500, 1_000])
    def test_each_milestone_has_one_on_its_day_alone(self, days: int) -> None:
        anna = PlayerFactory.create()

        for reached in (days - 1, days, days + 1):
            change = StreakChange(current=reached, best=reached, is_first_of_day=True)
            orders.order_milestone(change, player=anna, now=NOON)

        milestones = Card.objects.filter(kind=CardKind.STREAK)
        assert list(milestones.values_list("subject", flat=True)) == [days]

    def test_a_round_brings_it_with_its_first_answer(self, road: Road) -> None:
        QuestionFactory.create_batch(2, category="QUICK_MIX_A1A2")
        anna = newcomer(road)
        streak_of(anna, days=29)
        road.say(anna, "/play")

        message = tap(road, anna, "play:QUICK_MIX_A1A2:k1")
        tap(road, anna, buttons(message)[0]["callback_data"])

        assert Card.objects.get().subject == 30


def streak_of(telegram_id: int, *, days: int) -> None:
    """Let the player have played on so many days up to yesterday."""
    player = row(telegram_id)
    for ago in range(days, 0, -1):
        streaks.record_activity(player=player, now=NOON - ago * DAY)
