"""The cup and private tournaments, tap by tap, through the sandbox over HTTP."""

from typing import Any

import pytest
import time_machine
from django.utils import timezone

from bot.chat.models import TournamentBoard
from bot.chat.navigation import Data
from bot.queue.models import OutgoingCall, RateLimit
from bot.tasks import send_cards, send_notices, update_boards
from economy import streaks
from quizarena.game import tasks
from quizarena.game.models import (
    CupPrize,
    QuestionReport,
    Tournament,
    TournamentAnswer,
    TournamentNotice,
    TournamentPlayer,
    TournamentQuestion,
)
from quizarena.players.models import Player
from tests.bot.screens.buyers import row, statements, tap, toast, travel
from tests.conftest import Road
from tests.game.test_round import labels, right, wrong
from tests.game.touring import HALF_HOUR, HOUR, MINUTE, OPENS, STARTS, bank
from tests.sandbox import buttons

Json = dict[str, Any]


@pytest.fixture(autouse=True)
def _bank(db: None) -> None:
    bank()


def named(road: Road, name: str, *, language: str = "en") -> int:
    """Return the Telegram id of a player of this name who has said hello."""
    player = road.sandbox.add_player(name, language_code=language)
    road.say(player, "/start")
    return player


def data_of(message: Json, label: str) -> str:
    """Return the data of the button with this label."""
    return next(str(it["callback_data"]) for it in buttons(message) if it["text"] == label)


def press(road: Road, player: int, message: Json, label: str) -> Json:
    """Let the player tap the button with this label of the message; return the last message."""
    RateLimit.objects.all().delete()
    road.sandbox.tap(player, data_of(message, label), message_id=message["message_id"])
    travel(road)
    return road.sandbox.last_message(player)


def notify(road: Road) -> None:
    """Let the sweeps send what is due; the chats have been at rest."""
    send_notices(transactional=True)
    send_notices(transactional=False)
    RateLimit.objects.all().delete()
    road.send()


def four(road: Road) -> list[int]:
    """Return four players who have registered for the cup."""
    players = [named(road, name) for name in ("Anna", "Ben", "Carla", "Dora")]
    with time_machine.travel(OPENS, tick=False):
        for one in players:
            press(road, one, road.say(one, "/cup"), "✅ Register")
    return players


def begin(road: Road) -> list[int]:
    """Return four players who have been notified of the first round."""
    players = four(road)
    with time_machine.travel(STARTS, tick=False):
        tasks.run_tournaments()
        notify(road)
    return players


def finish(road: Road, player: int, *, right_ones: int, length: int = 7) -> Json:
    """Let the player answer all questions of the round; return what the last tap leads to."""
    message = press(road, player, road.sandbox.last_message(player), "▶️ Play the round")
    for number in range(length):
        is_right = number < right_ones
        message = press(road, player, message, right(message) if is_right else wrong(message))
    return message


class TestCupPage:
    def test_before_registration_it_says_when(self, road: Road) -> None:
        anna = named(road, "Anna")

        page = road.say(anna, "/cup")

        assert page["text"] == (
            "🏆 Daily cup\n\nA tournament every day, without energy. In each round you meet "
            "somebody else; both answer the same 7 questions, and more right answers win. A round "
            "lasts 30 minutes, or until all have finished. Of equal points, the points of your "
            "opponents decide, then right answers (✓), then time.\n\n"
            "Registration is open today from 16:00 to 18:00; then the cup begins."
        )
        assert labels(page) == ["👥 Tournament with friends", "◀️ Back"]
        assert "🏆 Cup today at 18:00" not in labels(road.say(anna, "/play"))

    def test_times_are_those_of_the_player(self, road: Road) -> None:
        anna = named(road, "Anna")
        tap(road, anna, "zone:Europe/Kyiv")

        assert "from 17:00 to 19:00" in road.say(anna, "/cup")["text"]

    def test_one_registers_and_leaves(self, road: Road) -> None:
        anna = named(road, "Anna")
        with time_machine.travel(OPENS, tick=False):
            menu = road.say(anna, "/play")
            page = press(road, anna, menu, "🏆 Cup today at 18:00")
            registered = press(road, anna, page, "✅ Register")
            first = toast(road, anna)
            left = press(road, anna, registered, "✖️ Do not play")

        assert "0 players have registered.\nThe first round begins at 18:00." in page["text"]
        assert registered["text"].endswith(
            "1 player has registered.\n✅ You are in! The first round begins at 18:00.\n"
            "At least 4 players are needed."
        )
        assert first == "✅ You are registered!"
        assert toast(road, anna) == "You are not registered any more."
        assert "✅ Register" in labels(left)
        assert not TournamentPlayer.objects.exists()

    def test_a_button_of_before_answers_kindly(self, road: Road) -> None:
        anna = named(road, "Anna")
        with time_machine.travel(STARTS, tick=False):
            page = tap(road, anna, "cup-in")

        assert toast(road, anna) == "Registration is closed."
        assert page["text"].endswith("There is no cup any more today. The next one is tomorrow.")

    @pytest.mark.parametrize(
        ("language", "head"),
        [("de", "🏆 Tagescup\n\nJeden Tag ein Turnier"), ("uk", "🏆 Кубок дня\n\nЩодня турнір")],
    )
    def test_in_german_and_ukrainian(self, road: Road, language: str, head: str) -> None:
        anna = named(road, "Anna", language=language)

        assert road.say(anna, "/cup")["text"].startswith(head)

    def test_too_few_are_notified_and_see_it(self, road: Road) -> None:
        anna = named(road, "Anna")
        with time_machine.travel(OPENS, tick=False):
            press(road, anna, road.say(anna, "/cup"), "✅ Register")
        with time_machine.travel(STARTS, tick=False):
            tasks.run_tournaments()
            notify(road)
            said = road.sandbox.last_message(anna)
            page = road.say(anna, "/cup")

        words = "Too few players have registered, so there is no cup today. Try tomorrow!"
        assert said["text"] == f"🏆 Cup of 16 Dec\n\n{words}"
        assert page["text"].endswith(words)


class TestRounds:
    def test_a_round_from_its_message_to_the_standings(self, road: Road) -> None:
        anna, *_ = begin(road)
        said = road.sandbox.last_message(anna)

        with time_machine.travel(STARTS + MINUTE):
            question = press(road, anna, said, "▶️ Play the round")
            following = press(road, anna, question, right(question))
            for _ in range(6):
                following = press(road, anna, following, right(following))

        assert said["text"].startswith(
            "🏆 Round 1 of 3 has begun! It lasts until 18:30.\n⚔️ You meet "
        )
        assert said["text"].endswith("👉 You have answered 0 of 7.")
        assert "●○○○○○○ 1/7" in question["text"]
        assert labels(question)[-1] == "⏸ Pause"
        assert "Round 1 of 3, until 18:30. Finished: 1 of 4." in following["text"]
        assert "✅ You have finished: 7 of 7 right." in following["text"]
        assert "🥇 Anna · 0 pts · 7 ✓" in following["text"]
        board = TournamentBoard.objects.get()
        assert (board.player.telegram_id, board.version) == (anna, 1_001)
        assert board.message_id == following["message_id"]

    def test_a_question_can_be_left_and_gone_on_with(self, road: Road) -> None:
        anna, *_ = begin(road)
        with time_machine.travel(STARTS + MINUTE):
            question = press(road, anna, road.sandbox.last_message(anna), "▶️ Play the round")
            following = press(road, anna, question, wrong(question))
            page = press(road, anna, following, "⏸ Pause")
            again = press(road, anna, page, "▶️ Play the round")

        assert "👉 You have answered 1 of 7." in page["text"]
        assert "●●○○○○○ 2/7" in again["text"]
        assert not TournamentBoard.objects.exists()

    def test_old_buttons_answer_kindly(self, road: Road) -> None:
        anna, ben, *_ = begin(road)
        with time_machine.travel(STARTS + MINUTE):
            question = press(road, anna, road.sandbox.last_message(anna), "▶️ Play the round")
            data = data_of(question, right(question))
            press(road, anna, question, right(question))
            tap(road, anna, data)
            answered = toast(road, anna)
            tap(road, ben, data)
            for unknown in ("tour:0", "tour:x", "tour-play:99", "tour-answer:x:1:1", "tour-join:x"):
                tap(road, anna, unknown)
        with time_machine.travel(STARTS + HALF_HOUR, tick=False):
            late = tap(road, anna, data.replace(":1:", ":2:"))

        assert answered == "You have answered this one already – your first answer counts."
        assert TournamentAnswer.objects.count() == 1
        assert "Round 2 of 3" in late["text"]

    def test_standings_are_kept_up_to_date_in_place(self, road: Road) -> None:
        anna, ben, *_ = begin(road)
        with time_machine.travel(STARTS + MINUTE):
            shown = finish(road, anna, right_ones=3)
            assert update_boards() == 0
            finish(road, ben, right_ones=5)

            assert update_boards() == 1
            assert update_boards() == 0
            travel(road)

        now = next(it for it in road.sandbox.chat(anna) if it["message_id"] == shown["message_id"])
        assert "Finished: 2 of 4." in now["text"]
        assert "🥇 Ben · 0 pts · 5 ✓" in now["text"]

    def test_who_goes_on_is_not_overwritten(self, road: Road) -> None:
        anna, ben, *_ = begin(road)
        with time_machine.travel(STARTS + MINUTE):
            page = press(road, anna, road.say(anna, "/cup"), "🔄 Refresh")
            press(road, anna, page, "▶️ Play the round")
            finish(road, ben, right_ones=5)
            update_boards()
            travel(road)

        assert "1/7" in road.sandbox.last_message(anna)["text"]

    def test_what_the_player_does_next_in_the_message_stays(self, road: Road) -> None:
        anna, ben, *_ = begin(road)
        with time_machine.travel(STARTS + MINUTE):
            board = finish(road, anna, right_ones=3)
            home = press(road, anna, board, "◀️ Back")
            finish(road, ben, right_ones=5)

            assert update_boards() == 0
            travel(road)

        assert road.sandbox.last_message(anna) == home
        assert not TournamentBoard.objects.filter(player__telegram_id=anna).exists()

    def test_why_the_last_answer_was_wrong_stays_above_until_the_next_round(
        self, road: Road
    ) -> None:
        anna, ben, carla, dora = begin(road)
        with time_machine.travel(STARTS + MINUTE):
            above = finish(road, anna, right_ones=3)["text"].split("➖➖➖")[0]
            finish(road, ben, right_ones=5)
            update_boards()
            travel(road)
            kept = road.sandbox.last_message(anna)["text"]
            finish(road, carla, right_ones=5)
            finish(road, dora, right_ones=5)
            update_boards()
            travel(road)

        assert "❌" in above
        assert kept.split("➖➖➖")[0] == above
        assert "➖➖➖" not in road.sandbox.last_message(anna)["text"]

    def test_the_last_answer_is_reported_and_the_standings_are_kept_up_to_date(
        self, road: Road
    ) -> None:
        anna, ben, carla, dora = begin(road)
        Player.objects.filter(telegram_id=anna).update(language="de")
        with time_machine.travel(STARTS + MINUTE):
            over = finish(road, anna, right_ones=7)
            asked = press(road, anna, over, "🚩 Melden")
            tap(road, anna, data_of(asked, "❓ Sie ist unklar"))
            finish(road, ben, right_ones=5)
            update_boards()
            travel(road)
            kept = road.sandbox.last_message(anna)
            finish(road, carla, right_ones=5)
            finish(road, dora, right_ones=5)
            update_boards()
            travel(road)

        last = TournamentQuestion.objects.get(round__number=1, number=7)
        report = QuestionReport.objects.get()
        assert (report.version_id, report.reason) == (last.version_id, "UNCLEAR")
        assert "2 von 4" in kept["text"]
        assert labels(kept) == labels(over)
        assert labels(kept)[-2] == "🚩 Melden"
        assert "🚩 Melden" not in labels(road.sandbox.last_message(anna))

    def test_who_has_opened_the_round_is_not_notified_that_it_has_begun(self, road: Road) -> None:
        anna, ben, *_ = four(road)
        with time_machine.travel(STARTS + MINUTE):
            tasks.run_tournaments()
            asked = tap(road, anna, f"{Data.TOURNAMENT_PLAY}:{Tournament.objects.get().pk}")
            notify(road)

        assert "1/7" in asked["text"]
        assert road.sandbox.last_message(anna) == asked
        assert "has begun" in road.sandbox.last_message(ben)["text"]

    def test_the_button_of_the_menu_shows_what_is_kept_up_to_date(self, road: Road) -> None:
        anna, *_ = begin(road)
        with time_machine.travel(STARTS + MINUTE):
            tap(road, anna, "cup")

        assert TournamentBoard.objects.get().player.telegram_id == anna

    def test_a_cup_from_registration_to_the_badge(self, road: Road) -> None:
        CupPrize.objects.create(place_from=1, place_to=1, duel_tickets=1, paid_energy=5)
        players = begin(road)
        for number in range(3):
            with time_machine.travel(STARTS + number * HALF_HOUR + MINUTE):
                for index, one in enumerate(players):
                    finish(road, one, right_ones=7 - index)
                notify(road)
        with time_machine.travel(STARTS + 2 * HALF_HOUR + 2 * MINUTE):
            update_boards()
            travel(road)

        anna, *_, dora = players
        cup = Tournament.objects.get()
        assert cup.state == "FINISHED"
        said = road.sandbox.last_message(anna)["text"]
        assert said.startswith("🏆 Cup of 16 Dec\n\n🥇 Place 1 of 4\n🏅 First in a daily cup\n")
        assert "🎁 Your prize: 🔋 5 energy points, 🎟 1 duel ticket\n\n✅ 1. " in said
        assert "🥇 Anna · 6 pts · 21 ✓\n🥈 Ben · 4 pts · 18 ✓" in said
        assert "🏁 Place 4 of 4" in road.sandbox.last_message(dora)["text"]
        assert labels(road.sandbox.last_message(anna)) == ["👥 Tournament with friends", "◀️ Back"]
        assert "🏅 Daily cups: 🥇 × 1" in road.say(anna, "/stats")["text"]
        assert not TournamentNotice.objects.filter(notified_at=None).exists()
        assert not TournamentBoard.objects.exists()

    def test_the_first_three_get_a_picture(self, road: Road) -> None:
        anna, ben, carla, dora = begin(road)
        for number in range(3):
            with time_machine.travel(STARTS + number * HALF_HOUR + MINUTE):
                for index, one in enumerate((anna, ben, carla)):
                    finish(road, one, right_ones=7 - index)
            with time_machine.travel(STARTS + (number + 1) * HALF_HOUR, tick=False):
                tasks.run_tournaments()
                notify(road)
        with time_machine.travel(STARTS + 3 * HALF_HOUR + MINUTE, tick=False):
            press(road, dora, road.say(dora, "/cup"), "👥 Tournament with friends")
            assert send_cards() == 3
            RateLimit.objects.all().delete()
            road.send()

        picture = road.sandbox.last_message(anna)
        assert "photo" in picture
        assert picture["caption"] == (
            "Quiz Arena, daily cup: place 1 of 4\nhttps://t.me/quizarena_bot"
        )
        assert "photo" not in road.sandbox.last_message(dora)

    def test_who_gives_the_last_answer_of_all_sees_the_next_round_once(self, road: Road) -> None:
        anna, *others = begin(road)
        with time_machine.travel(STARTS + MINUTE):
            for one in others:
                finish(road, one, right_ones=3)
            shown = finish(road, anna, right_ones=3)
            before = len(road.sandbox.chat(anna))
            notify(road)

        assert "Round 2 of 3" in shown["text"]
        assert len(road.sandbox.chat(anna)) == before
        assert road.sandbox.last_message(others[0])["text"].startswith("🏆 Round 2 of 3 has begun!")

    def test_a_suspended_player_gets_nothing(self, road: Road) -> None:
        anna, *_ = four(road)
        Player.objects.filter(telegram_id=anna).update(suspended_at=timezone.now())
        before = OutgoingCall.objects.count()
        with time_machine.travel(STARTS, tick=False):
            tasks.run_tournaments()
            notify(road)

        assert OutgoingCall.objects.count() == before + 3


class TestPrivate:
    def make(self, road: Road, player: int, length: str = "5") -> Json:
        """Let the player make a tournament; return its lobby."""
        page = press(road, player, road.say(player, "/cup"), "👥 Tournament with friends")
        return press(road, player, page, length)

    def follow(self, road: Road, player: int) -> Json:
        """Let the player open the link; return what the bot says."""
        road.sandbox.follow_link(player, f"tournament_{Tournament.objects.latest('pk').token}")
        travel(road)
        return road.sandbox.last_message(player)

    def test_a_tournament_of_two(self, road: Road) -> None:
        anna, ben = named(road, "Anna"), named(road, "Ben")
        lobby = self.make(road, anna)
        too_early = press(road, anna, lobby, "▶️ Begin now")
        alone = toast(road, anna)
        invitation = self.follow(road, ben)
        joined = press(road, ben, invitation, "✅ Take part")
        begun = press(road, anna, too_early, "▶️ Begin now")
        notify(road)
        said = road.sandbox.last_message(ben)

        assert labels(lobby)[:4] == [
            "📨 Send to friends", "📋 Copy the link", "▶️ Begin now", "✖️ Take it back",
        ]  # fmt: skip
        assert lobby["text"] == (
            "🏆 Tournament · 5 questions a round\n\n1 of 8 players:\n• Anna\n\n"
            "Send the link, and begin when all are here, by 17 Dec, 12:00 at the latest."
        )
        assert alone == "At least 2 players are needed."
        assert invitation["text"].startswith("🏆 Anna invites you to a tournament!")
        assert "2 of 8 players:\n• Anna\n• Ben" in joined["text"]
        assert "Round 1 of 1, until 17 Dec, 12:00. Finished: 0 of 2." in begun["text"]
        assert said["text"].startswith("🏆 Round 1 of 1 has begun! It lasts until 17 Dec, 12:00.")

        finish(road, anna, right_ones=5, length=5)
        message = finish(road, ben, right_ones=0, length=5)
        assert "🥈 Place 2 of 2" in message["text"]
        assert "🥇 Anna · 1 pt · 5 ✓" in message["text"]

    def test_the_creator_takes_it_back(self, road: Road) -> None:
        anna, ben = named(road, "Anna"), named(road, "Ben")
        press(road, anna, self.make(road, anna), "✖️ Take it back")

        assert toast(road, anna) == "This tournament was canceled by its creator."
        assert self.follow(road, ben)["text"] == "This tournament has begun or is over."

    def test_nobody_took_part_in_time(self, road: Road) -> None:
        anna = named(road, "Anna")
        self.make(road, anna)
        with time_machine.travel(timezone.now() + 24 * HOUR, tick=False):
            tasks.run_tournaments()
            notify(road)

        assert road.sandbox.last_message(anna)["text"].endswith(
            "⌛ This tournament was not begun in time."
        )

    def test_the_third_of_a_day_costs_a_ticket(self, road: Road) -> None:
        anna = named(road, "Anna")
        self.make(road, anna)
        self.make(road, anna)

        page = press(road, anna, road.say(anna, "/cup"), "👥 Tournament with friends")

        assert "Your 2 free duels and tournaments of today are used up." in page["text"]
        assert labels(page)[0] == "🎟 Duel ticket"
        assert Tournament.objects.count() == 2

    def test_a_link_that_is_none(self, road: Road) -> None:
        ben = named(road, "Ben")
        road.sandbox.follow_link(ben, "tournament_x")
        travel(road)

        assert road.sandbox.last_message(ben)["text"] == (
            "There is no such tournament, or you do not take part in it."
        )


class TestCost:
    """SQL statements from the claim to DONE: an answer costs no more than one of a duel (12)."""

    @pytest.mark.parametrize(
        ("what", "most"), [("the first question", 16), ("an answer", 12), ("the last answer", 26)]
    )
    def test_an_update(self, road: Road, what: str, most: int) -> None:
        anna, *_ = begin(road)
        with time_machine.travel(STARTS + MINUTE):
            streaks.record_activity(player=row(anna), now=timezone.now())
            message = road.sandbox.last_message(anna)
            answers = {"the first question": 0, "an answer": 1, "the last answer": 6}[what]
            if what != "the first question":
                message = press(road, anna, message, "▶️ Play the round")
            for _ in range(answers):
                message = press(road, anna, message, wrong(message))
            label = "▶️ Play the round" if what == "the first question" else wrong(message)
            road.sandbox.tap(anna, data_of(message, label), message_id=message["message_id"])

            cost = statements(road)

        print(f"{what}: {cost} statements")  # noqa: T201 - For `pytest -s`: the measured cost.
        assert cost <= most
