"""Players who act faster than five times a second. Product rules, section 13."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from pytest_django.fixtures import Settings

from bot.queue import inbox
from bot.queue.models import InboxUpdate, PlayerRateLimit
from tests.conftest import Road

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
Json = dict[str, Any]
PAID = {"message": {"successful_payment": {"total_amount": 5}}}
REFUNDED = {"message": {"refunded_payment": {"total_amount": 5}}}


def after(seconds: float) -> datetime:
    """Return the instant so many seconds after noon."""
    return NOON + timedelta(seconds=seconds)


class Player:
    """Somebody who taps, and a bot that writes down what it does about it."""

    def __init__(self, key: int | None = 1) -> None:
        self.key = key
        self.handled: list[int] = []
        self.slowed: list[int] = []
        self.fails = 0

    def act(self, *seconds: float, kind: str = "callback_query", **payload: Any) -> None:
        """Let an action come in so many seconds after noon, for each."""
        for at in seconds:
            update_id = InboxUpdate.objects.count() + 1
            InboxUpdate.objects.create(
                update_id=update_id,
                kind=kind,
                player_key=self.key,
                payload={"update_id": update_id, **payload},
                received_at=after(at),
                due_at=after(at),
            )

    def work(self, at: float = 0) -> None:
        """Work on everything that has come in, so many seconds after noon."""
        with time_machine.travel(after(at), tick=False):
            inbox.work(
                handle=self._handle,
                slow_down=self._slow_down,
                give_up=self._slow_down,
                until=after(at + 60),
            )

    def _slow_down(self, update: Json) -> None:
        self.slowed.append(update["update_id"])

    def _handle(self, update: Json) -> None:
        if self.fails:
            self.fails -= 1
            raise ZeroDivisionError
        self.handled.append(update["update_id"])


@pytest.mark.django_db(transaction=True)
class TestLimit:
    def test_ten_at_once_are_done_the_next_is_answered_and_the_rest_is_dropped(self) -> None:
        player = Player()
        player.act(*[0.0] * 15)

        player.work()

        assert player.handled == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
        assert player.slowed == [11]
        assert InboxUpdate.objects.filter(state="DONE").count() == 15

    def test_then_it_is_five_a_second(self) -> None:
        player = Player()
        player.act(*[0.0] * 10)
        player.act(*[1.0] * 7)

        player.work(1)

        assert player.handled == [*range(1, 16)]
        assert player.slowed == [16]

    def test_after_a_rest_it_is_ten_again_and_no_more(self) -> None:
        player = Player()
        player.act(*[0.0] * 10)
        player.act(*[60.0] * 11)

        player.work(60)

        assert player.handled == [*range(1, 21)]

    def test_a_player_is_notified_once_a_minute_at_most(self) -> None:
        player = Player()
        player.act(*[0.0] * 12)
        player.act(*[30.0] * 12)
        player.act(*[61.0] * 12)

        player.work(61)

        assert player.slowed == [11, 35]

    def test_what_came_in_slowly_may_be_worked_on_at_once(self) -> None:
        """After an outage of ours the backlog is not the player's doing."""
        player = Player()
        player.act(*[number / 5 for number in range(40)])

        player.work(10)

        assert len(player.handled) == 40

    def test_each_player_has_a_limit_of_their_own_and_groups_have_none(self) -> None:
        for key in (1, 2):
            Player(key).act(*[0.0] * 10)
        Player(-100).act(*[0.0] * 12)
        Player(None).act(*[0.0] * 12)
        bot = Player()

        bot.work()

        assert len(bot.handled) == 44

    @pytest.mark.parametrize(
        ("kind", "payload"),
        [
            ("message", PAID),
            ("message", REFUNDED),
            ("pre_checkout_query", {}),
            ("subscription", {}),
            ("my_chat_member", {}),
        ],
    )
    def test_money_and_what_is_no_action_always_goes_through(
        self, kind: str, payload: Json
    ) -> None:
        player = Player()
        player.act(*[0.0] * 12)
        player.act(*[0.0] * 20, kind=kind, **payload)

        player.work()

        assert player.handled == [*range(1, 11), *range(13, 33)]

    def test_inline_queries_have_a_limit_of_their_own(self) -> None:
        player = Player()
        player.act(*[0.0] * 12, kind="inline_query")
        player.act(*[0.0] * 12)

        player.work()

        assert player.handled == [*range(1, 11), *range(13, 23)]
        assert player.slowed == [11, 23]

    def test_an_action_that_fails_and_is_tried_again_counts_once(self) -> None:
        player = Player()
        player.act(*[0.0] * 10)
        player.fails = 1

        player.work()
        player.work(1)

        assert player.handled == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
        assert player.slowed == []

    def test_another_limit_can_be_set_and_none(self, settings: Settings) -> None:
        settings.PLAYER_ACTIONS_PER_SECOND = None
        player = Player()
        player.act(*[0.0] * 50)

        player.work()

        assert len(player.handled) == 50
        assert not PlayerRateLimit.objects.exists()

    def test_the_limits_of_players_at_rest_are_purged(self) -> None:
        player = Player()
        player.act(0.0)
        player.work()

        assert inbox.purge_rate_limits(now=after(60)) == 0
        assert inbox.purge_rate_limits(now=after(61)) == 1


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("de", "Das war etwas zu schnell für mich. Atme kurz durch und mach gleich weiter."),
        ("en", "That was a bit fast for me. Take a breath and go on in a few seconds."),
        ("uk", "Це було для мене зашвидко. Переведи подих і продовжуй за кілька секунд."),
    ],
)
def test_it_is_said_kindly(road: Road, settings: Settings, language: str, text: str) -> None:
    settings.PLAYER_ACTIONS_PER_SECOND = 5
    anna = road.sandbox.add_player("Anna", language_code=language)

    with time_machine.travel(NOON, tick=False):
        for _ in range(11):
            road.sandbox.say(anna, "/terms")
        road.fetch()
        road.work()
        road.sandbox.say(anna, "/terms")
        road.fetch()
        road.work()
    for minute in range(1, 5):
        with time_machine.travel(NOON + timedelta(minutes=minute), tick=False):
            road.send()

    answers = [one["text"] for one in road.sandbox.chat(anna) if one["from"]["is_bot"]]
    assert len(answers) == 11
    assert answers[10] == text
