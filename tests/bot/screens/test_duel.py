"""Duels, tap by tap, between two players, through the sandbox over HTTP."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.utils import timezone

from bot.queue.models import RateLimit
from bot.tasks import send_notices
from economy import streaks
from economy.models import LedgerEntry
from payments.models import Impression
from quizarena.game import tasks
from quizarena.game.models import Duel, DuelAnswer, DuelNotice
from quizarena.players.models import Player
from tests.bot.screens.buyers import buy, newcomer, row, statements, tap, toast, travel
from tests.conftest import Road
from tests.game.challenges import make_bank
from tests.game.duelling import give_premium, give_tickets, tickets_of
from tests.game.test_round import labels, right, wrong
from tests.sandbox import buttons

Json = dict[str, Any]

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _bank(db: None) -> None:
    make_bank("QUICK_MIX_A1A2", A1=40)


def named(road: Road, name: str, *, language: str = "en") -> int:
    """Return the Telegram id of a player of this name who has said hello."""
    player = road.sandbox.add_player(name, language_code=language)
    road.say(player, "/start")
    return player


def data_of(message: Json, label: str) -> str:
    """Return the data of the button with this label."""
    return next(str(it["callback_data"]) for it in buttons(message) if it["text"] == label)


def press(road: Road, player: int, message: Json, label: str) -> Json:
    """Let the player tap the button with this label; return the last message."""
    return tap(road, player, data_of(message, label))


def challenge(road: Road, player: int, *, length: int = 3) -> Json:
    """Let the player make a duel for a friend; return its card."""
    road.say(player, "/duel")
    travel(road)
    return press(road, player, tap(road, player, "duel-new:link"), str(length))


def follow(road: Road, player: int, token: str) -> Json:
    """Let the player open the link of a duel; return what the bot says."""
    road.sandbox.follow_link(player, f"duel_{token}")
    travel(road)
    return road.sandbox.last_message(player)


def answer(road: Road, player: int, message: Json, *, is_right: bool = True) -> Json:
    """Let the player answer the question of the message, and return what it becomes."""
    return press(road, player, message, right(message) if is_right else wrong(message))


def finish(road: Road, player: int, message: Json, outcomes: list[bool]) -> Json:
    """Let the player answer like that from the question of the message on; return the last one."""
    for is_right in outcomes:
        message = answer(road, player, message, is_right=is_right)
    return message


def begin(road: Road, *, length: int = 3, language: str = "en") -> tuple[int, int, Json]:
    """Return Anna, who has made a duel, Ben, who has accepted it, and his first question."""
    anna, ben = named(road, "Anna", language=language), named(road, "Ben", language=language)
    challenge(road, anna, length=length)
    token = Duel.objects.latest("pk").token
    invitation = follow(road, ben, token)
    return anna, ben, tap(road, ben, data_of(invitation, labels(invitation)[0]))


def remind(road: Road) -> None:
    """Let the sweep send what is due; the chats have been at rest."""
    send_notices(transactional=False)
    RateLimit.objects.all().delete()
    road.send()


class TestConfetti:
    EFFECT = "5046509860389126442"

    @pytest.mark.parametrize(
        ("hers", "his", "who"),
        [(3, 1, "Anna"), (1, 3, "Ben"), (2, 2, "nobody")],
    )
    def test_it_is_for_who_has_won_whoever_is_first(
        self, road: Road, hers: int, his: int, who: str
    ) -> None:
        anna, ben, question = begin(road)
        finish(road, ben, question, [number < his for number in range(3)])
        mine = tap(road, anna, f"duel-play:{Duel.objects.get().pk}")
        finish(road, anna, mine, [number < hers for number in range(3)])
        remind(road)

        celebrated = {
            name
            for name, player in (("Anna", anna), ("Ben", ben))
            for message in road.sandbox.chat(player)
            if message.get("effect_id") == self.EFFECT
        }
        assert celebrated == ({who} - {"nobody"})


class TestTheWayThere:
    def test_it_is_on_the_home_screen_and_a_command(self, road: Road) -> None:
        anna = named(road, "Anna")

        assert "⚔️ Duel" in labels(tap(road, anna, "home"))
        page = tap(road, anna, "duel")

        assert page["text"].startswith("⚔️ Duels\n\nTwo players answer the same questions")
        assert page["text"].endswith("🆓 You can still create 2 duels for free today.")
        assert labels(page) == [
            "👥 Challenge a friend", "🎲 Random opponent", "📋 My duels", "◀️ Back",
        ]  # fmt: skip
        assert road.say(anna, "/duel")["text"] == page["text"]

    @pytest.mark.parametrize(
        ("language", "head", "label"),
        [
            ("de", "⚔️ Duelle\n\nZwei Spieler beantworten dieselben Fragen", "👥 Freund"),
            ("uk", "⚔️ Дуелі\n\nДвоє гравців відповідають", "👥 Виклик другові"),
        ],
    )
    def test_in_german_and_ukrainian(
        self, road: Road, language: str, head: str, label: str
    ) -> None:
        anna = named(road, "Anna", language=language)

        page = road.say(anna, "/duel")

        assert page["text"].startswith(head)
        assert labels(page)[0].startswith(label)

    def test_a_duel_for_a_friend_is_a_link(self, road: Road) -> None:
        anna = named(road, "Anna")
        road.say(anna, "/duel")
        travel(road)
        lengths = tap(road, anna, "duel-new:link")

        card = press(road, anna, lengths, "5")

        duel = Duel.objects.get()
        assert labels(lengths) == ["3", "5", "12", "◀️ Back"]
        assert (duel.length, duel.is_open, duel.creator.first_name) == (5, False, "Anna")
        assert card["text"] == (
            "⚔️ Duel · 5 questions\n\n⬜⬜⬜⬜⬜ You\n\n"
            "⏳ Send the link to a friend. It can be accepted until 16 Dec, 18:00."
        )
        assert labels(card) == [
            "📨 Send to a friend", "📋 Copy the link", "▶️ Play my part", "✖️ Take it back",
            "📋 My duels", "◀️ Back",
        ]  # fmt: skip
        link = f"https://t.me/quizarena_bot?start=duel_{duel.token}"
        assert parse_qs(urlsplit(buttons(card)[0]["url"]).query) == {
            "url": [link],
            "text": ["I challenge you to a German duel: 5 questions. Can you beat me?"],
        }
        assert buttons(card)[1]["copy_text"] == {"text": link}

    def test_two_taps_make_one(self, road: Road) -> None:
        anna = named(road, "Anna")
        road.say(anna, "/duel")
        travel(road)
        lengths = tap(road, anna, "duel-new:link")
        data = data_of(lengths, "3")

        for _ in range(2):
            road.sandbox.tap(anna, data, message_id=lengths["message_id"])
        travel(road)

        assert Duel.objects.count() == 1


class TestPlaying:
    def test_from_the_link_to_the_result_of_both(self, road: Road) -> None:
        anna, ben = named(road, "Anna"), named(road, "Ben")
        challenge(road, anna)
        duel = Duel.objects.get()
        invitation = follow(road, ben, duel.token)
        first = press(road, ben, invitation, "⚔️ Accept and play")

        assert invitation["text"] == (
            "⚔️ Anna challenges you to a duel!\n\n"
            "3 questions, the same for both. They cost no energy, and you have 48 hours."
        )
        assert toast(road, ben) == "You play against Anna!"
        assert first["text"].startswith("⚔️ A1 · Quick mix\n●○○ 1/3\n\nFrage A1 ")
        second = answer(road, ben, first)
        assert "👤 Anna has not answered this one yet." in second["text"]
        assert "●●○ 2/3" in second["text"]

        remind(road)
        said = road.sandbox.last_message(anna)
        assert said["text"] == (
            "⚔️ Ben has accepted your duel!\n"
            "👉 It is your turn: you have answered 0 of 3.\nUntil 18 Dec, 12:00."
        )
        hers = press(road, anna, said, "▶️ Play my part")
        assert hers["text"] == first["text"]
        assert labels(hers) == labels(first)
        hers = answer(road, anna, hers, is_right=False)
        assert "👤 Ben: right ✅" in hers["text"]
        waiting = finish(road, anna, hers, [True, True])
        assert waiting["text"].endswith(
            "⚔️ Duel against Ben · 3 questions\n\n🟥🟩🟩 You\n🟩⬜⬜ Ben\n\n"
            "⏳ Waiting for Ben, who has answered 1 of 3.\nUntil 18 Dec, 12:00."
        )
        result = finish(road, ben, second, [True, True])

        assert result["text"] == (
            "⚔️ Duel against Anna · 3 questions\n\n🟩🟩🟩 You\n🟥🟩🟩 Anna\n\n🏆 You win 3:2!"
        )
        assert labels(result) == [
            "🔁 Rematch",
            "🏅 Best of three",
            "📋 My duels",
            "🚩 Report",
            "◀️ Back",
        ]
        assert "👤 Anna: right ✅" in road.sandbox.chat(ben)[-2]["text"]
        remind(road)
        assert road.sandbox.last_message(anna)["text"] == (
            "⚔️ Duel against Ben · 3 questions\n\n🟥🟩🟩 You\n🟩🟩🟩 Ben\n\n"
            "Ben wins 3:2. Next time it is your turn!"
        )
        # Who has seen how it ended is not notified again.
        assert road.sandbox.last_message(ben) == result
        assert not LedgerEntry.objects.filter(type="QUESTION").exists()
        assert not Impression.objects.exists()

    @pytest.mark.parametrize(
        ("language", "text"),
        [
            (
                "de",
                "⚔️ Duell gegen Anna · 3 Fragen\n\n🟩🟥🟥 Du\n🟩🟥🟥 Anna\n\n🤝 Unentschieden, 1:1!",
            ),
            (
                "uk",
                "⚔️ Дуель, суперник: Anna · 3 запитання\n\n🟩🟥🟥 Ти\n🟩🟥🟥 Anna\n\n🤝 Нічия, 1:1!",
            ),
        ],
    )
    def test_a_draw_in_german_and_ukrainian(self, road: Road, language: str, text: str) -> None:
        anna, ben, first = begin(road, language=language)
        card = tap(road, anna, f"duel-play:{Duel.objects.get().pk}")
        finish(road, anna, card, [True, False, False])

        result = finish(road, ben, first, [True, False, False])

        assert text in result["text"]

    def test_the_creator_plays_before_anybody_has_accepted(self, road: Road) -> None:
        anna, ben = named(road, "Anna"), named(road, "Ben")
        first = press(road, anna, challenge(road, anna), "▶️ Play my part")
        second = answer(road, anna, first)
        card = finish(road, anna, second, [True, True])

        assert "👤" not in second["text"]
        assert card["text"].endswith(
            "🟩🟩🟩 You\n\n⏳ Send the link to a friend. It can be accepted until 16 Dec, 18:00."
        )
        invitation = follow(road, ben, Duel.objects.get().token)
        mine = press(road, ben, invitation, "⚔️ Accept and play")
        assert "👤 Anna: right ✅" in answer(road, ben, mine, is_right=False)["text"]
        remind(road)
        assert road.sandbox.last_message(anna)["text"] == (
            "⚔️ Ben has accepted your duel!\nYou have played your part; I will tell you how it ends."
        )

    def test_who_plays_on_is_not_sent_that_the_duel_was_accepted(self, road: Road) -> None:
        anna, _, _ = begin(road)
        travel(road)
        first = tap(road, anna, f"duel-play:{Duel.objects.get().pk}")

        remind(road)

        assert road.sandbox.last_message(anna)["text"] == first["text"]
        assert DuelNotice.objects.get(kind="TURN").notified_at is not None

    def test_a_pause_and_the_way_back(self, road: Road) -> None:
        _, ben, first = begin(road)
        second = answer(road, ben, first)

        card = press(road, ben, second, "⏸ Pause")
        again = press(road, ben, card, "▶️ Continue")

        assert card["text"] == (
            "⚔️ Duel against Anna · 3 questions\n\n🟩⬜⬜ You\n⬜⬜⬜ Anna\n\n"
            "👉 It is your turn: you have answered 1 of 3.\nUntil 18 Dec, 12:00."
        )
        assert again["text"] in second["text"]
        assert [*labels(again)[:-1], "🚩 Report", "⏸ Pause"] == labels(second)

    def test_a_second_tap_on_an_option(self, road: Road) -> None:
        _, ben, first = begin(road)
        data = data_of(first, right(first))
        second = tap(road, ben, data)

        again = tap(road, ben, data)

        assert toast(road, ben) == "You have answered this one already – your first answer counts."
        assert again == second
        assert DuelAnswer.objects.count() == 1

    def test_a_button_that_never_was_is_answered_kindly(self, road: Road) -> None:
        _, ben, first = begin(road)
        duel = Duel.objects.get().pk

        for data in (
            "duel-answer", "duel-answer:x:1:0", "duel-answer:0:1:0", f"duel-answer:{duel}:2:0",
            f"duel-answer:{duel}:1:4", "duel-play", "duel-play:x", "duel-play:0",
            "duel-show:99999999999", "duel-cancel:x", "duel-again:x:one:0",
            f"duel-again:{duel}:one:0", "duel-new:x", "duel-make:link:4:0:u1",
            "duel-make:x:3:0:u1", "duel-make:link:3:0", f"duel-cancel:{duel}",
        ):  # fmt: skip
            tap(road, ben, data)

            assert "no longer valid" in toast(road, ben), data
            assert road.sandbox.last_message(ben) == first, data

    def test_another_players_buttons_are_none(self, road: Road) -> None:
        begin(road)
        carla = named(road, "Carla")
        duel = Duel.objects.get()

        for data in (f"duel-answer:{duel.pk}:1:0", f"duel-show:{duel.pk}", f"duel-play:{duel.pk}"):
            tap(road, carla, data)
            assert "no longer valid" in toast(road, carla)
        assert not DuelAnswer.objects.exists()


class TestLinks:
    def test_ones_own(self, road: Road) -> None:
        anna = named(road, "Anna")
        card = challenge(road, anna)
        token = Duel.objects.get().token

        said = follow(road, anna, token)

        assert said["text"] == (f"🔗 This is your own link. Send it to a friend!\n\n{card['text']}")
        tap(road, anna, f"duel-take:{token}")
        assert toast(road, anna) == "🔗 This is your own link. Send it to a friend!"

    def test_of_a_third_person(self, road: Road) -> None:
        begin(road)
        carla = named(road, "Carla")
        token = Duel.objects.get().token

        assert follow(road, carla, token)["text"] == (
            "Somebody else was faster: this duel is taken."
        )
        assert labels(road.sandbox.last_message(carla)) == ["⚔️ Duel", "◀️ Back"]
        tap(road, carla, f"duel-take:{token}")
        assert toast(road, carla) == "Somebody else was faster: this duel is taken."

    def test_again_by_who_has_accepted(self, road: Road) -> None:
        _, ben, _ = begin(road)

        said = follow(road, ben, Duel.objects.get().token)

        assert said["text"].startswith("⚔️ Duel against Anna · 3 questions")

    def test_of_a_duel_that_has_expired_or_was_taken_back(self, road: Road) -> None:
        anna, ben = named(road, "Anna <3"), named(road, "Ben")
        challenge(road, anna)
        expired = Duel.objects.latest("pk").token
        challenge(road, anna)
        canceled = Duel.objects.latest("pk").token
        tap(road, anna, f"duel-cancel:{Duel.objects.latest('pk').pk}")

        assert toast(road, anna) == "The duel is taken back."
        assert road.sandbox.last_message(anna)["text"].endswith("This duel was taken back.")
        assert follow(road, ben, canceled)["text"] == "Anna 3 has taken this duel back."
        tap(road, ben, f"duel-take:{canceled}")
        assert toast(road, ben) == "Anna 3 has taken this duel back."
        with time_machine.travel(timezone.now() + 6 * HOUR, tick=False):
            assert follow(road, ben, expired)["text"] == (
                "This duel has expired: nobody has accepted it within 6 hours."
            )

    @pytest.mark.parametrize("parameter", ["", "x", "duel_", "x" * 50])
    def test_that_is_none(self, road: Road, parameter: str) -> None:
        ben = named(road, "Ben")

        said = follow(road, ben, parameter)

        assert said["text"] == "There is no such duel, or it is not yours."

    @pytest.mark.parametrize("field", ["suspended_at", "bot_blocked_at"])
    def test_of_who_is_not_here(self, road: Road, field: str) -> None:
        anna, ben = named(road, "Anna"), named(road, "Ben")
        challenge(road, anna)
        Player.objects.filter(telegram_id=anna).update(**{field: timezone.now()})

        said = follow(road, ben, Duel.objects.get().token)

        assert said["text"] == (
            "The other player cannot play at the moment."
            if field == "suspended_at"
            else "Anna cannot play at the moment."
        )

    def test_by_a_newcomer(self, road: Road) -> None:
        anna = named(road, "Anna")
        challenge(road, anna)
        ben = road.sandbox.add_player("Ben", language_code="en")

        language = follow(road, ben, Duel.objects.get().token)
        assert labels(language) == ["English", "Deutsch", "Українська"]
        (invitation,) = [
            one for one in road.sandbox.chat(ben) if "⚔️ Accept and play" in labels(one)
        ]

        accept = data_of(invitation, "⚔️ Accept and play")
        road.sandbox.tap(ben, accept, message_id=invitation["message_id"])
        travel(road)
        first = next(
            one for one in road.sandbox.chat(ben) if one["message_id"] == invitation["message_id"]
        )
        assert "●○○ 1/3" in first["text"]

    def test_a_suspended_player_is_turned_away(self, road: Road) -> None:
        anna, ben = named(road, "Anna"), named(road, "Ben")
        challenge(road, anna)
        Player.objects.filter(telegram_id=ben).update(suspended_at=timezone.now())

        follow(road, ben, Duel.objects.get().token)

        assert Duel.objects.get().state == "PENDING"


class TestOpenDuels:
    def look(self, road: Road, player: int, length: str = "3") -> Json:
        """Let the player look for an opponent; return the last message."""
        road.say(player, "/duel")
        travel(road)
        return press(road, player, tap(road, player, "duel-new:open"), length)

    def test_who_looks_second_plays_at_once(self, road: Road) -> None:
        anna, ben = named(road, "Anna"), named(road, "Ben")

        waiting = self.look(road, anna)
        first = self.look(road, ben)

        assert waiting["text"] == (
            "⚔️ Duel · 3 questions\n\n⬜⬜⬜ You\n\n"
            "⏳ Waiting for an opponent of about your level, until 16 Dec, 18:00."
        )
        assert labels(waiting)[0] == "▶️ Play my part"
        assert toast(road, ben) == "You play against Anna!"
        assert "●○○ 1/3" in first["text"]
        assert Duel.objects.get().state == "ACCEPTED"

    def test_who_waits_already_sees_that_duel(self, road: Road) -> None:
        anna = named(road, "Anna")
        waiting = self.look(road, anna)

        again = self.look(road, anna, "5")

        assert toast(road, anna) == "You are waiting for an opponent already."
        assert again["text"] == waiting["text"]
        assert Duel.objects.count() == 1


class TestCosts:
    def test_the_third_of_a_day_costs_a_ticket(self, road: Road) -> None:
        anna = newcomer(road)
        for _ in range(2):
            challenge(road, anna)
        road.say(anna, "/duel")
        travel(road)
        none = tap(road, anna, "duel-new:link")
        buy(road, anna, "FRIEND_CHALLENGE_5")
        road.say(anna, "/duel")
        travel(road)
        lengths = tap(road, anna, "duel-new:link")

        card = press(road, anna, lengths, "🎟 3")

        assert none["text"] == (
            "🎟 This duel costs a ticket\n\nYour 2 free duels of today are used up. "
            "You have no ticket. Tomorrow there are two free duels again."
        )
        assert labels(none) == ["🎟 Duel ticket", "🛍 Shop", "◀️ Back"]
        assert data_of(none, "🎟 Duel ticket") == "product:FRIEND_CHALLENGE_5"
        assert "A further one costs a duel ticket 🎟; you have 1." in lengths["text"]
        assert tickets_of(row(anna)) == 0
        back = press(road, anna, card, "✖️ Take it back")
        assert back["text"].endswith("This duel was taken back.\n🎟 Your ticket has come back.")
        assert tickets_of(row(anna)) == 1
        wallet = road.say(anna, "/wallet")["text"]
        assert "Duel ticket used · −1 🎟" in wallet
        assert "Duel ticket given back · +1 🎟" in wallet

    def test_a_button_that_was_free_uses_no_ticket(self, road: Road) -> None:
        anna = newcomer(road)
        give_tickets(row(anna))
        road.say(anna, "/duel")
        travel(road)
        free = data_of(tap(road, anna, "duel-new:link"), "3")
        for _ in range(2):
            challenge(road, anna)

        shown = tap(road, anna, free)

        assert "A further one costs a duel ticket 🎟; you have 1." in shown["text"]
        assert labels(shown)[:3] == ["🎟 3", "🎟 5", "🎟 12"]
        assert (Duel.objects.count(), tickets_of(row(anna))) == (2, 1)

    def test_premium_costs_nothing_and_there_is_a_limit(self, road: Road) -> None:
        anna = newcomer(road)
        give_premium(row(anna))
        for _ in range(10):
            challenge(road, anna)
        assert "👑 With Premium your duels are free." in road.say(anna, "/duel")["text"]

        challenge(road, anna)

        assert toast(road, anna) == (
            "You have 10 duels going on, that is the most. Finish one of them first."
        )
        assert Duel.objects.count() == 10

    def test_a_rematch_that_costs_a_ticket_asks_first(self, road: Road) -> None:
        anna, ben, first = begin(road)
        duel = Duel.objects.get()
        finish(road, anna, tap(road, anna, f"duel-play:{duel.pk}"), [True] * 3)
        finish(road, ben, first, [False] * 3)
        challenge(road, anna)
        give_tickets(row(anna))
        result = tap(road, anna, f"duel-show:{duel.pk}")

        asked = press(road, anna, result, "🔁 Rematch")
        card = press(road, anna, asked, "🎟 🔁 Rematch")

        assert asked["text"] == (
            "🎟 This duel costs a ticket\n\nYour 2 free duels of today are used up. "
            "You have 1 ticket."
        )
        assert "⏳ Ben can accept until 16 Dec, 18:00." in card["text"]
        assert tickets_of(row(anna)) == 0


class TestAgain:
    def finished(self, road: Road) -> tuple[int, int, Json]:
        """Return Anna, Ben, and the result that Ben sees, who has won."""
        anna, ben, first = begin(road)
        finish(road, anna, tap(road, anna, f"duel-play:{Duel.objects.get().pk}"), [False] * 3)
        return anna, ben, finish(road, ben, first, [True] * 3)

    def test_a_rematch(self, road: Road) -> None:
        anna, ben, result = self.finished(road)

        card = press(road, ben, result, "🔁 Rematch")

        assert card["text"] == (
            "⚔️ Duel against Anna · 3 questions\n\n⬜⬜⬜ You\n⬜⬜⬜ Anna\n\n"
            "⏳ Anna can accept until 16 Dec, 18:00."
        )
        remind(road)
        asked = road.sandbox.last_message(anna)
        assert asked["text"].endswith(
            "⚔️ Ben would like a rematch.\nYou can accept until 16 Dec, 18:00."
        )
        first = press(road, anna, asked, "⚔️ Accept and play")
        assert toast(road, anna) == "You play against Ben!"
        assert "●○○ 1/3" in first["text"]

    def test_both_tap_it(self, road: Road) -> None:
        anna, ben, result = self.finished(road)
        press(road, ben, result, "🔁 Rematch")
        hers = tap(road, anna, f"duel-show:{Duel.objects.order_by('pk')[0].pk}")

        first = press(road, anna, hers, "🔁 Rematch")

        assert "●○○ 1/3" in first["text"]
        assert Duel.objects.latest("pk").state == "ACCEPTED"
        assert Duel.objects.count() == 2

    def test_who_is_not_here_is_not_asked(self, road: Road) -> None:
        anna, ben, result = self.finished(road)
        Player.objects.filter(telegram_id=anna).update(bot_blocked_at=timezone.now())

        press(road, ben, result, "🔁 Rematch")

        assert toast(road, ben) == "Anna cannot play at the moment."

    def test_a_best_of_three_to_its_end(self, road: Road) -> None:
        anna, ben, result = self.finished(road)
        press(road, ben, result, "🏅 Best of three")
        second = Duel.objects.latest("pk")
        remind(road)
        asked = road.sandbox.last_message(anna)
        assert "⚔️ Ben challenges you to a best of three." in asked["text"]
        hers = press(road, anna, asked, "⚔️ Accept and play")
        finish(road, ben, tap(road, ben, f"duel-play:{second.pk}"), [False] * 3)
        tied = finish(road, anna, hers, [True] * 3)

        assert tied["text"] == (
            "⚔️ Duel against Ben · 3 questions\nBest of three, duel 2 of 3\n\n"
            "🟩🟩🟩 You\n🟥🟥🟥 Ben\n\n🏆 You win 3:0!\n\n"
            "🏅 Best of three: 1:1. The third duel decides; it has begun."
        )
        remind(road)
        said = road.sandbox.last_message(ben)
        assert "🏅 Best of three: 1:1. The third duel decides; it has begun." in said["text"]
        finish(road, anna, press(road, anna, tied, "▶️ The third duel"), [True] * 3)
        over = finish(road, ben, press(road, ben, said, "▶️ The third duel"), [False] * 3)
        assert over["text"].endswith(
            "Anna wins 3:0. Next time it is your turn!\n\n🏅 Anna wins the best of three 2:1."
        )
        assert labels(over) == ["🔁 Rematch", "📋 My duels", "🚩 Report", "◀️ Back"]


class TestMine:
    def test_whose_turn_it_is(self, road: Road) -> None:
        anna, ben, first = begin(road)
        finish(road, ben, first, [True] * 3)
        challenge(road, anna, length=5)
        page = road.say(anna, "/duel")
        travel(road)

        hers = press(road, anna, page, "📋 My duels (2)")
        his = tap(road, ben, "duels")

        assert hers["text"] == (
            "📋 My duels\n\n"
            "👉 your part is open; nobody has accepted yet, until 16 Dec, 18:00\n"
            "👉 your turn against Ben, 0/3, until 18 Dec, 12:00"
        )
        assert labels(hers) == ["👉 waiting · 5", "👉 Ben · 3", "◀️ Back"]
        assert his["text"] == "📋 My duels\n\n⏳ waiting for Anna, until 18 Dec, 12:00"
        shown = press(road, anna, hers, "👉 Ben · 3")
        finish(road, anna, press(road, anna, shown, "▶️ Play my part"), [False] * 3)
        assert tap(road, anna, "duels")["text"].endswith("The last ones\n▫️ Ben 0:3")

    @pytest.mark.parametrize(
        ("language", "line", "label"),
        [
            ("de", "⌛ niemand hat angenommen", "⌛ niemand · 3"),
            ("en", "⌛ nobody has accepted", "⌛ nobody · 3"),
            ("uk", "⌛ ніхто не прийняв", "⌛ ніхто · 3"),
        ],
    )
    def test_one_that_nobody_has_accepted_waits_no_longer(
        self, road: Road, language: str, line: str, label: str
    ) -> None:
        anna = named(road, "Anna", language=language)
        challenge(road, anna)
        with time_machine.travel(timezone.now() + 7 * HOUR):
            tasks.finish_duels()
            mine = tap(road, anna, "duels")

        assert mine["text"].endswith(line)
        assert labels(mine)[0] == label

    def test_there_are_none(self, road: Road) -> None:
        anna = named(road, "Anna")

        assert tap(road, anna, "duels")["text"] == "📋 My duels\n\nNone yet. Challenge somebody!"


class TestTime:
    def test_an_answer_that_comes_too_late_shows_how_it_has_ended(self, road: Road) -> None:
        anna, ben, first = begin(road)
        finish(road, anna, tap(road, anna, f"duel-play:{Duel.objects.get().pk}"), [True] * 3)

        with time_machine.travel(timezone.now() + 48 * HOUR, tick=False):
            result = answer(road, ben, first)

        assert result["text"].endswith(
            "⬜⬜⬜ You\n🟩🟩🟩 Anna\n\n⌛ Anna wins: you have not answered everything in time."
        )
        assert Duel.objects.get().state == "WALKOVER"

    def test_who_is_left_alone_is_told_and_then_before_the_end(self, road: Road) -> None:
        anna, ben, first = begin(road)
        finish(road, anna, tap(road, anna, f"duel-play:{Duel.objects.get().pk}"), [True] * 3)
        start = timezone.now()
        said = []
        # Six hours before the end it is six in the morning: the message waits until eight.
        for hours in (0, 1, 42, 44, 48):
            with time_machine.travel(start + hours * HOUR, tick=False):
                tasks.finish_duels()
                remind(road)
                said.append(road.sandbox.last_message(ben)["text"])

        assert said[0] == first["text"]
        assert said[1] == (
            "⚔️ Anna has answered everything.\n"
            "👉 It is your turn: you have answered 0 of 3.\nUntil 18 Dec, 12:00."
        )
        assert said[2] == said[1]
        assert said[3] == "⏳ Your duel against Anna ends in 4 h.\nYou have answered 0 of 3."
        assert "⌛ Anna wins: you have not answered everything in time." in said[4]
        # Anna knows that it was accepted, has finished, and gets the result.
        assert (
            "🏆 You win! Ben has not answered everything in time."
            in (road.sandbox.last_message(anna)["text"])
        )
        counts = DuelNotice.objects.filter(notified_at__isnull=False).values_list(
            "player__first_name", "kind"
        )
        assert sorted(counts) == [
            ("Anna", "ENDING"), ("Anna", "RESULT"), ("Anna", "TURN"),
            ("Ben", "ENDING"), ("Ben", "RESULT"), ("Ben", "TURN"),
        ]  # fmt: skip

    def test_at_night_nothing_is_sent(self, road: Road) -> None:
        night = timezone.now().replace(hour=21, minute=30)
        with time_machine.travel(night, tick=False):
            anna, _, _ = begin(road)
            before = road.sandbox.last_message(anna)
            remind(road)
            assert road.sandbox.last_message(anna) == before
        with time_machine.travel(night + 10 * HOUR, tick=False):
            remind(road)
            assert road.sandbox.last_message(anna)["text"].startswith(
                "⚔️ Ben has accepted your duel!"
            )

    def test_who_does_not_want_it_is_not_told(self, road: Road) -> None:
        anna = named(road, "Anna")
        tap(road, anna, "switch:duels:0")
        before = len(road.sandbox.chat(anna))
        ben = named(road, "Ben")
        with time_machine.travel(timezone.now(), tick=False):
            challenge(road, anna)
            invitation = follow(road, ben, Duel.objects.get().token)
            press(road, ben, invitation, "⚔️ Accept and play")
            shown = road.sandbox.last_message(anna)
            remind(road)

        assert len(road.sandbox.chat(anna)) == before + 2
        assert road.sandbox.last_message(anna) == shown
        assert DuelNotice.objects.get(kind="TURN").notified_at is not None

    def test_messages_about_duels_take_no_slot_of_the_day(self, road: Road) -> None:
        anna, ben = named(road, "Anna"), named(road, "Ben")
        for number in range(2):
            challenge(road, anna)
            invitation = follow(road, ben, Duel.objects.latest("pk").token)
            press(road, ben, invitation, "⚔️ Accept and play")
            remind(road)
            accepted = [
                it for it in road.sandbox.chat(anna) if "has accepted" in str(it.get("text"))
            ]
            assert len(accepted) == number + 1

    def test_nobody_accepts(self, road: Road) -> None:
        anna = named(road, "Anna")
        give_tickets(row(anna))
        for _ in range(2):
            challenge(road, anna)
        road.say(anna, "/duel")
        travel(road)
        press(road, anna, tap(road, anna, "duel-new:link"), "🎟 3")

        with time_machine.travel(timezone.now() + 7 * HOUR, tick=False):
            assert tasks.finish_duels() == 3
            remind(road)

        text = road.sandbox.last_message(anna)["text"]
        assert text.count("⌛ Nobody has accepted this duel in time.") == 3
        assert text.endswith("🎟 Your ticket has come back.")
        assert tickets_of(row(anna)) == 1


class TestCost:
    """SQL statements from the claim to DONE: an answer no more than one of a round (12)."""

    @pytest.mark.parametrize(
        ("what", "most"), [("an answer", 12), ("the last answer", 17), ("the page", 12)]
    )
    def test_an_update(self, road: Road, what: str, most: int) -> None:
        anna, ben, message = begin(road)
        streaks.record_activity(player=row(ben), now=timezone.now())
        duel = Duel.objects.get()
        finish(road, anna, tap(road, anna, f"duel-play:{duel.pk}"), [True] * 3)
        for _ in range(2 if what == "the last answer" else 0):
            message = answer(road, ben, message)
        if what == "the page":
            road.sandbox.say(ben, "/duel")
        else:
            road.sandbox.tap(ben, data_of(message, wrong(message)))

        cost = statements(road)

        print(f"{what}: {cost} statements")  # noqa: T201 - For `pytest -s`: the measured cost.
        assert cost <= most
