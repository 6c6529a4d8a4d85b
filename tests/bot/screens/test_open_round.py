"""An open round on the screens: the way back to it, and what is said when it is given up."""

from typing import Any

import pytest

from economy.models import LedgerEntry, Wallet
from quizarena.game import rounds
from quizarena.game.models import Question, Round, RoundQuestion
from quizarena.players.models import Player
from tests.conftest import Road
from tests.game.test_energy import NOON, begin, clock, give, spend
from tests.game.test_round import bank, labels, right
from tests.sandbox import buttons

__all__ = ["bank", "clock"]

STALE = "This button is no longer valid. Send /play for a new round!"
BACK = "The open question's energy is yours again."


def free_energy() -> int:
    """Return the only player's free energy."""
    return Wallet.objects.get().free_energy


def data(message: dict[str, Any], label: str) -> str:
    """Return what the button with this label means."""
    return next(
        str(button["callback_data"]) for button in buttons(message) if button["text"] == label
    )


class TestContinue:
    def test_the_menu_and_the_home_screen_lead_first_to_the_question_that_waits(
        self, road: Road, clock: Any
    ) -> None:
        anna, _, message = begin(road, clock)
        for _ in range(3):
            message = road.tap(anna, right(message))
        texts = [road.say(anna, "/play"), road.say(anna, "/start")]

        question = road.tap(anna, "▶️ Continue (4/10)")

        assert [labels(screen)[0] for screen in texts] == ["▶️ Continue (4/10)"] * 2
        assert question["message_id"] == texts[1]["message_id"]
        assert question["text"].startswith("A1 · Quick mix\n●●●●○○○○○○ 4/10\n\nFrage ")
        assert question["text"].endswith("⚡ 16/20 · next point in 30 minutes")
        # The answer before is not there, and can be saved from the message that has it.
        assert labels(question) == [
            label for label in labels(message) if label not in ("🚩 Report", "⭐ Save question 3")
        ]
        assert (Round.objects.count(), free_energy()) == (1, 16)

    def test_without_an_open_round_there_is_nothing_to_continue(
        self, road: Road, clock: Any
    ) -> None:
        anna, _, _ = begin(road, clock)
        road.tap(anna, "⏹ Stop")

        shown = labels(road.say(anna, "/play")) + labels(road.say(anna, "/start"))

        assert not [label for label in shown if label.startswith("▶️ Continue")]

    def test_tapped_twice_and_on_two_messages_it_costs_nothing(
        self, road: Road, clock: Any
    ) -> None:
        anna, _, question = begin(road, clock)
        menu, home = road.say(anna, "/play"), road.say(anna, "/start")
        again = data(home, "▶️ Continue (1/10)")
        for message in (menu, home, menu):
            road.sandbox.tap(anna, again, message_id=message["message_id"])

        road.travel()

        shown = {one["message_id"]: one["text"] for one in road.sandbox.chat(anna)}
        assert shown[menu["message_id"]] == shown[home["message_id"]] == question["text"]
        assert (free_energy(), RoundQuestion.objects.count()) == (19, 1)

    def test_a_round_that_is_over_is_answered_kindly(self, road: Road, clock: Any) -> None:
        anna, _, _ = begin(road, clock)
        home = road.say(anna, "/start")
        again = data(home, "▶️ Continue (1/10)")
        result = road.tap(anna, "⏹ Stop")

        road.sandbox.tap(anna, again, message_id=home["message_id"])
        road.travel()

        assert road.sandbox.toasts(anna)[-1]["text"] == STALE
        assert road.sandbox.chat(anna)[-1] in (home, result)
        assert free_energy() == 20

    def test_another_players_round_is_none(self, road: Road, clock: Any) -> None:
        begin(road, clock)
        ben = road.sandbox.add_player("Ben", language_code="en")
        home = road.say(ben, "/start")

        road.sandbox.tap(ben, f"continue:{Round.objects.get().pk}", message_id=home["message_id"])
        road.travel()

        assert road.sandbox.toasts(ben)[-1]["text"] == STALE
        assert road.sandbox.last_message(ben) == home

    def test_in_place_of_a_question_that_was_refunded_another_comes_and_costs(
        self, road: Road, clock: Any
    ) -> None:
        anna, _, first = begin(road, clock)
        shown = RoundQuestion.objects.get()
        Question.objects.filter(pk=shown.question_id).update(is_enabled=False)
        rounds.refund_question(round_question_id=shown.pk, now=NOON)
        assert free_energy() == 20
        road.say(anna, "/play")

        another = road.tap(anna, "▶️ Continue (1/10)")

        assert another["text"].split("\n")[3] != first["text"].split("\n")[3]
        assert another["text"].endswith("⚡ 19/20 · next point in 30 minutes")
        assert (free_energy(), RoundQuestion.objects.count()) == (19, 2)

    def test_with_premium_it_says_so(self, road: Road, clock: Any) -> None:
        anna, player, _ = begin(road, clock)
        give(player, premium="MONTH", premium_days=30)
        road.say(anna, "/play")

        question = road.tap(anna, "▶️ Continue (1/10)")

        assert question["text"].endswith("👑 Premium: unlimited energy")

    @pytest.mark.parametrize(
        ("language", "mode", "label"),
        [
            ("de", "Artikel-Sprint", "▶️ Weiterspielen (1/10)"),
            ("uk", "Спринт артиклів", "▶️ Продовжити (1/10)"),
        ],
    )
    def test_in_the_players_language(
        self, road: Road, language: str, mode: str, label: str
    ) -> None:
        anna = road.sandbox.add_player("Anna", language_code=language)
        menu = road.say(anna, "/play")
        question = road.tap(anna, labels(menu)[2])
        road.say(anna, "/play")

        again = road.tap(anna, label)

        assert again["text"].split("\n")[3] == question["text"].split("\n")[3]


class TestGivenUp:
    def test_the_result_says_that_the_energy_is_back(self, road: Road, clock: Any) -> None:
        anna, _, first = begin(road, clock)
        road.tap(anna, right(first))

        result = road.tap(anna, "⏹ Stop")

        assert "1 of 1 question right" in result["text"]
        assert result["text"].endswith(f"⚡ {BACK}")
        assert free_energy() == 19

    def test_two_taps_on_stop_return_it_once(self, road: Road, clock: Any) -> None:
        anna, _, first = begin(road, clock)
        road.sandbox.tap(anna, "⏹ Stop")
        road.sandbox.tap(anna, data(first, "⏹ Stop"), message_id=first["message_id"])

        road.travel()

        result = road.sandbox.last_message(anna)
        assert result["text"] == f"⏹ Round stopped. Come back whenever you like!\n\n⚡ {BACK}"
        assert road.sandbox.toasts(anna)[-1]["text"] == STALE
        assert LedgerEntry.objects.filter(type="QUESTION_RETURNED").count() == 1

    def test_another_round_says_it_above_its_first_question(self, road: Road, clock: Any) -> None:
        anna, _, _ = begin(road, clock)
        road.say(anna, "/play")

        question = road.tap(anna, "Article sprint")

        assert question["text"].startswith(
            "⏹ Your other round has ended, and its open question's energy is yours again.\n\n"
            "A1 · Article sprint\n●○○○○○○○○○ 1/10\n\nFrage "
        )
        assert question["text"].endswith("⚡ 19/20 · next point in 30 minutes")
        assert [one.state for one in Round.objects.order_by("pk")] == ["STOPPED", "OPEN"]

    def test_where_nothing_comes_back_nothing_is_said(self, road: Road, clock: Any) -> None:
        anna = road.sandbox.add_player("Anna", language_code="en")
        road.say(anna, "/play")
        player = Player.objects.get()
        spend(player, 3)
        give(player, premium="MONTH", premium_days=30)
        road.tap(anna, "Quick mix")

        result = road.tap(anna, "⏹ Stop")

        assert result["text"] == "⏹ Round stopped. Come back whenever you like!"
        assert not LedgerEntry.objects.filter(type="QUESTION_RETURNED").exists()
