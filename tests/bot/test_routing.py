"""What the bot answers, through the whole road but in this process."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from telegram import InlineKeyboardButton

from bot.chat import navigation, profile
from bot.queue.models import InboxUpdate, OutgoingCall
from bot.queue.updates import ALLOWED_UPDATES, HANDLED_UPDATES
from bot.screens.registry import SCREENS
from quizarena.game import rounds
from quizarena.game.models import Question, Round, RoundQuestion
from quizarena.players import services as players
from quizarena.players.models import Player
from tests.conftest import Road
from tests.game.test_round import bank as bank  # noqa: PLC0414 - The same questions here.
from tests.game.test_round import labels, right, wrong


def play(road: Road, player: int, mode: str = "Artikel-Sprint") -> dict[str, Any]:
    """Let the player start a round and return its first question."""
    road.say(player, "/play")
    return road.tap(player, mode)


def toast(road: Road, player: int) -> str:
    """Return the last notice over the player's chat."""
    return str(road.sandbox.toasts(player)[-1]["text"])


def push(road: Road, **content: Any) -> InboxUpdate:
    """Send the bot an update of any content, let it travel, and return its row."""
    update = road.sandbox.push(content)
    road.travel()
    return InboxUpdate.objects.get(pk=update["update_id"])


class TestCommands:
    @pytest.mark.parametrize(
        ("command", "begin"),
        [
            ("/start", "👋 Hallo, Anna!"),
            ("/play", "🎯 Was möchtest du spielen?"),
            ("/language", "🌍 "),
            ("/help", "So funktioniert es"),
            ("/terms", "Nutzungsbedingungen"),
            ("/start@quizarena_bot", "👋 Hallo, Anna!"),
            ("Guten Tag", "Das habe ich nicht verstanden."),
            ("/unsinn", "Das habe ich nicht verstanden."),
        ],
    )
    def test_a_message_is_answered(self, road: Road, command: str, begin: str) -> None:
        anna = road.sandbox.add_player("Anna")

        answer = road.say(anna, command)

        assert answer["text"].startswith(begin)
        assert answer["reply_markup"]["inline_keyboard"]
        assert len(road.sandbox.chat(anna)) == 2

    @pytest.mark.parametrize(
        ("code", "name", "greeting", "help_"),
        [
            ("de", "Deutsch", "Hallo, Anna!", "So funktioniert es"),
            ("en", "English", "Hello, Anna!", "How it works"),
            ("uk", "Українська", "Привіт, Anna!", "Як це працює"),
        ],
    )
    def test_the_chosen_language_is_spoken_from_then_on(
        self, road: Road, code: str, name: str, greeting: str, help_: str
    ) -> None:
        anna = road.sandbox.add_player("Anna", language_code="fr")
        road.say(anna, "/language")

        confirmed = road.tap(anna, name)
        later = road.say(anna, "/help")

        assert greeting in confirmed["text"]
        assert later["text"].startswith(help_)
        assert Player.objects.get().language == code

    @pytest.mark.parametrize(
        ("telegram", "greeting"),
        [("de-AT", "Hallo"), ("uk", "Привіт"), ("en-GB", "Hello"), ("fr", "Hello"), ("", "Hello")],
    )
    def test_the_first_language_is_telegrams(
        self, road: Road, telegram: str, greeting: str
    ) -> None:
        anna = road.sandbox.add_player("Anna", language_code=telegram)

        assert greeting in road.say(anna, "/start")["text"]

    @pytest.mark.parametrize("name", ["<b>Anna", "</b></i>", "A & B", "{name}", "%s", "\u202eanna"])
    def test_a_name_is_shown_as_it_is(self, road: Road, name: str) -> None:
        anna = road.sandbox.add_player(name, language_code="en")

        answer = road.say(anna, "/start")

        assert f"Hello, {name}!" in answer["text"]
        assert {call.state for call in OutgoingCall.objects.all()} == {"SENT"}

    def test_names_follow_telegram(self, road: Road) -> None:
        anna = road.sandbox.add_player("Anna", username="anna")
        road.say(anna, "/start")
        road.sandbox.add_player("Anna Maria", username="am", player_id=anna)

        road.say(anna, "/help")

        player = Player.objects.get()
        assert (player.first_name, player.username) == ("Anna Maria", "am")


class TestButtons:
    def test_the_menus_lead_back_and_forth_in_one_message(self, road: Road) -> None:
        anna = road.sandbox.add_player("Anna")
        road.say(anna, "/help")

        road.tap(anna, "▶️ Spielen")
        home = road.tap(anna, "◀️ Zurück")
        choice = road.tap(anna, "🌍 Sprache")
        back = road.tap(anna, "◀️ Zurück")

        assert home["text"] == back["text"]
        assert labels(choice)[:3] == ["Deutsch", "English", "Українська"]
        assert len(road.sandbox.chat(anna)) == 2

    def test_a_second_tap_on_an_answered_question_changes_nothing_and_is_answered_kindly(
        self, road: Road
    ) -> None:
        anna = road.sandbox.add_player("Anna")
        question = play(road, anna)
        following = road.tap(anna, wrong(question))
        old = next(
            button["callback_data"]
            for row in question["reply_markup"]["inline_keyboard"]
            for button in row
            if button["text"] == right(question)
        )

        road.sandbox.tap(anna, old, message_id=question["message_id"])
        road.travel()

        assert toast(road, anna) == (
            "Diese Frage hast du schon beantwortet – deine erste Antwort zählt."
        )
        assert road.sandbox.last_message(anna) == following
        played = Round.objects.get()
        assert rounds.outcomes(played) == [False]

    def test_two_taps_on_one_mode_start_one_round(self, road: Road) -> None:
        anna = road.sandbox.add_player("Anna")
        menu = road.say(anna, "/play")
        road.sandbox.tap(anna, "Artikel-Sprint")
        road.sandbox.tap(anna, "Artikel-Sprint", message_id=menu["message_id"])

        road.travel()

        assert Round.objects.count() == RoundQuestion.objects.count() == 1
        assert labels(road.sandbox.last_message(anna))[-1] == "⏹ Beenden"

    @pytest.mark.parametrize(
        "data",
        [
            "answer:1:0",
            "answer:99999999999999999999:0",
            "answer:1:99999999999999999999",
            "answer:1:-1",
            "answer:-1:1",
            "answer:²:1",
            "answer::",
            "answer",
            "answer:1:2:3",
            "stop:1",
            "stop:",
            "stop:x",
            "continue:1",
            "continue:99999999999999999999",
            "continue:",
            "continue:x",
            "play:NO_SUCH_MODE:k",
            "play::",
            "language:xx",
            "language:",
            "nonsense",
            ":",
            "menus",
        ],
    )
    def test_a_button_that_never_was_is_answered_kindly(self, road: Road, data: str) -> None:
        anna = road.sandbox.add_player("Anna", language_code="en")
        greeting = road.say(anna, "/start")

        road.sandbox.tap(anna, data, message_id=greeting["message_id"])
        road.travel()

        assert toast(road, anna) == ("This button is no longer valid. Send /play for a new round!")
        assert road.sandbox.last_message(anna) == greeting
        assert not InboxUpdate.objects.exclude(state="DONE").exists()

    def test_a_button_of_a_round_that_is_over_is_answered_kindly(self, road: Road) -> None:
        anna = road.sandbox.add_player("Anna")
        question = play(road, anna)
        data = question["reply_markup"]["inline_keyboard"][0][0]["callback_data"]
        result = road.tap(anna, "⏹ Beenden")

        road.sandbox.tap(anna, data, message_id=question["message_id"])
        road.travel()

        assert toast(road, anna).startswith("Dieser Button gilt nicht mehr.")
        assert road.sandbox.last_message(anna) == result
        assert Round.objects.get().state == "STOPPED"

    def test_another_players_button_is_none(self, road: Road) -> None:
        anna, ben = road.sandbox.add_player("Anna"), road.sandbox.add_player("Ben")
        question = play(road, anna)
        greeting = road.say(ben, "/start")
        data = question["reply_markup"]["inline_keyboard"][0][0]["callback_data"]

        road.sandbox.tap(ben, data, message_id=greeting["message_id"])
        road.travel()

        assert RoundQuestion.objects.get().answered_at is None
        assert road.sandbox.last_message(ben) == greeting

    def test_a_message_too_old_to_be_edited_is_followed_by_a_fresh_one(self, road: Road) -> None:
        anna = road.sandbox.add_player("Anna")
        road.say(anna, "/start")

        road.sandbox.tap(anna, "menu", message_id=900)
        road.travel()

        assert road.sandbox.last_message(anna)["text"] == "🎯 Was möchtest du spielen?"

    def test_a_mode_without_questions_says_so(self, road: Road) -> None:
        anna = road.sandbox.add_player("Anna", language_code="en")
        menu = road.say(anna, "/play")
        Question.objects.update(is_enabled=False)

        road.tap(anna, "Article sprint")

        assert toast(road, anna) == (
            "There are no questions in this mode yet. Please choose another one."
        )
        assert road.sandbox.last_message(anna) == menu

    def test_a_mode_whose_questions_are_all_disabled_during_a_round_ends_it(
        self, road: Road
    ) -> None:
        anna = road.sandbox.add_player("Anna")
        question = play(road, anna)
        Question.objects.update(is_enabled=False)

        message = road.tap(anna, right(question))

        assert "🟩" in message["text"]
        played = Round.objects.get()
        assert (played.state, rounds.outcomes(played)) == ("FINISHED", [True])


class TestWho:
    def test_who_is_suspended_is_notified_once_and_plays_no_more(self, road: Road) -> None:
        anna = road.sandbox.add_player("Anna", language_code="en")
        question = play(road, anna, "Article sprint")
        players.suspend(player_id=Player.objects.get().pk, now=timezone.now())

        answer = road.say(anna, "/start")
        road.say(anna, "/play")
        road.say(anna, "please")
        road.sandbox.tap(anna, right(question))
        road.travel()

        sentence = (
            "Your account is suspended at the moment. You cannot play for now. Our support still "
            "answers you: /paysupport"
        )
        texts = [message["text"] for message in road.sandbox.chat(anna)]
        assert answer["text"] == sentence
        assert texts.count(sentence) == 1
        assert toast(road, anna) == sentence
        assert RoundQuestion.objects.get().answered_at is None

    def test_who_is_unsuspended_and_suspended_again_is_notified_again(self, road: Road) -> None:
        anna = road.sandbox.add_player("Anna", language_code="en")
        road.say(anna, "/start")
        player_id = Player.objects.get().pk

        for _ in range(2):
            players.suspend(player_id=player_id, now=timezone.now())
            road.say(anna, "/play")
            players.unsuspend(player_id=player_id)

        texts = [message["text"] for message in road.sandbox.chat(anna)]
        assert sum(text.startswith("Your account is suspended") for text in texts) == 2

    def test_blocking_and_coming_back_are_noted(self, road: Road) -> None:
        anna = road.sandbox.add_player("Anna")
        road.say(anna, "/start")

        road.sandbox.block(anna)
        road.travel()
        blocked = Player.objects.get().bot_blocked_at
        road.sandbox.unblock(anna)
        road.travel()

        assert blocked is not None
        assert Player.objects.get().bot_blocked_at is None
        assert len(road.sandbox.chat(anna)) == 2

    def test_every_update_is_seen_but_only_one_in_five_minutes_is_written_down(
        self, road: Road
    ) -> None:
        anna = road.sandbox.add_player("Anna")
        road.say(anna, "/start")
        seen = Player.objects.get().last_seen_at

        with CaptureQueriesContext(connection) as queries:
            road.say(anna, "/help")

        assert Player.objects.get().last_seen_at == seen
        assert not [query for query in queries if 'UPDATE "players_player"' in query["sql"]]


class TestIgnored:
    PERSON = {"id": 5, "is_bot": False, "first_name": "Eva", "language_code": "de"}
    GROUP = {"id": -100, "type": "group", "title": "Klasse 5b"}

    @pytest.mark.parametrize(
        "content",
        [
            {"message": {"chat": GROUP, "from": PERSON, "text": "/start"}},
            {"message": {"chat": GROUP, "from": PERSON, "text": "hello bot"}},
            {
                "channel_post": {
                    "chat": {"id": -1, "type": "channel", "title": "X"},
                    "text": "/start",
                }
            },
            {
                "edited_message": {
                    "chat": {"id": 5, "type": "private"},
                    "from": PERSON,
                    "text": "/start",
                }
            },
            {"telepathy": {"from": PERSON}},
            {"chosen_inline_result": {"result_id": "1", "from": PERSON, "query": ""}},
            {"message": {"chat": {"id": 5, "type": "private"}, "from": {**PERSON, "is_bot": True}}},
            {"message": {"chat": {"id": 5, "type": "private"}, "text": "from nobody"}},
        ],
        ids=lambda content: next(iter(content)),
    )
    def test_what_is_none_of_our_business_is_done_without_an_answer(
        self, road: Road, content: dict[str, dict[str, Any]]
    ) -> None:
        ((kind, inner),) = content.items()
        inner = {"message_id": 1, "date": 1_790_000_000, **inner}
        if "text" in inner and inner["text"].startswith("/"):
            inner["entities"] = [{"type": "bot_command", "offset": 0, "length": 6}]

        row = push(road, **{kind: inner})

        assert (row.state, row.kind) == ("DONE", kind)
        assert not OutgoingCall.objects.exists()

    @pytest.mark.parametrize(
        "content",
        [
            {"pinned_message": {"message_id": 1, "date": 0, "chat": {"id": 5, "type": "private"}}},
            {"message_auto_delete_timer_changed": {"message_auto_delete_time": 86_400}},
            {"write_access_allowed": {"from_request": True}},
            {"chat_background_set": {"type": {"type": "chat_theme", "theme_name": "🎨"}}},
            {"proximity_alert_triggered": {"traveler": PERSON, "watcher": PERSON, "distance": 1}},
            # One that this version of the library does not know.
            {"something_of_next_year": {"on": True}},
        ],
        ids=lambda content: next(iter(content)),
    )
    def test_a_service_message_gets_no_answer_and_ends_no_waiting(
        self, road: Road, content: dict[str, Any]
    ) -> None:
        anna = road.sandbox.add_player("Anna", player_id=5)
        road.say(anna, "/paysupport")
        before = OutgoingCall.objects.count()

        row = push(
            road,
            message={
                "message_id": 900,
                "date": 1_790_000_000,
                "chat": {"id": 5, "type": "private"},
                "from": self.PERSON,
                **content,
            },
        )

        assert row.state == "DONE"
        assert OutgoingCall.objects.count() == before
        assert Player.objects.get(telegram_id=5).awaits == "PAYMENT_QUESTION"

    @pytest.mark.parametrize(
        "content",
        [
            # The library wants `options`, `total_voter_count` and more.
            {"poll": {"id": "1", "question": "What next?"}},
            {"poll_answer": {"poll_id": "1"}},
            {"message_reaction": {}},
            {"chat_boost": {"boost": None}},
            {"edited_message": {"text": "no message_id, no chat"}},
        ],
        ids=lambda content: next(iter(content)),
    )
    def test_a_kind_that_nobody_handles_is_done_without_being_read(
        self, road: Road, content: dict[str, Any]
    ) -> None:
        row = push(road, **content)

        assert (row.state, row.attempts, row.last_error) == ("DONE", 1, "")

    def test_every_kind_that_is_handled_is_asked_for(self) -> None:
        assert set(HANDLED_UPDATES) <= set(ALLOWED_UPDATES)

    def test_an_update_that_makes_no_sense_is_dead_at_last_and_harms_nobody(
        self, road: Road
    ) -> None:
        row = push(road, message="not an object")

        assert (row.state, row.attempts) == ("NEW", 1)
        assert "Error" in row.last_error


class TestCost:
    """SQL statements from the claim to DONE, savepoints included: at most twelve.

    Except for an answer, which looks at the player's level and brings points, and where a round is
    given up, whose question is refunded.
    """

    def statements(self, road: Road) -> list[str]:
        road.fetch()
        with CaptureQueriesContext(connection) as queries:
            assert road.work() == 1
        return [query["sql"] for query in queries]

    def cost(self, road: Road) -> int:
        """Return the statements of one update; without the last, empty claim.

        The outermost savepoint is the test's own: there the update begins and commits.
        """
        found = self.statements(road)
        assert sum("AS claimed" in statement for statement in found) == 2
        return len(found) - 1 - 2

    @pytest.mark.parametrize("text", ["/start", "/play", "/help"])
    def test_a_command_of_a_known_player(self, road: Road, text: str) -> None:
        anna = road.sandbox.add_player("Anna")
        road.say(anna, "/start")
        road.sandbox.say(anna, text)

        cost = self.cost(road)

        print(f"{text}: {cost} statements")  # noqa: T201 - For `pytest -s`: the measured cost.
        assert cost <= 12

    @pytest.mark.parametrize(
        ("what", "most"),
        [
            ("a tap on a mode", 12),
            ("a tap on another mode", 21),
            ("an answer", 14),
            # The bot looks for an offer then, and whether to ask about reminders: once in a
            # player's life, with the hour by the player's clock. On the first day it counts the
            # rounds as well, and it says what the round has brought.
            ("the last answer", 19),
            ("a stop", 16),
            ("a tap on Continue", 8),
        ],
    )
    def test_a_tap(self, road: Road, clock: time_machine.Traveller, what: str, most: int) -> None:
        anna = road.sandbox.add_player("Anna")
        road.say(anna, "/play")
        # The first answer of a day costs more: it rolls the streak over.
        question = road.tap(anna, "Artikel-Sprint")
        question = road.tap(anna, wrong(question))
        if what == "a tap on a mode":
            road.tap(anna, "⏹ Beenden")
        if what.startswith("a tap on"):
            road.say(anna, "/play")
            is_back = what == "a tap on Continue"
            road.sandbox.tap(anna, "▶️ Weiterspielen (2/10)" if is_back else "Artikel-Sprint")
        else:
            for _ in range(8 if what == "the last answer" else 0):
                question = road.tap(anna, right(question))
            clock.shift(timedelta(seconds=1))
            road.sandbox.tap(anna, "⏹ Beenden" if what == "a stop" else right(question))

        cost = self.cost(road)

        print(f"{what}: {cost} statements")  # noqa: T201 - For `pytest -s`: the measured cost.
        assert cost <= most


def test_every_button_is_answered_by_one_screen() -> None:
    answered = [data for screen in SCREENS for data in screen.buttons]

    assert sorted(answered) == sorted(navigation.Data)


def test_every_command_of_the_menu_is_answered_by_one_screen() -> None:
    answered = [name for screen in SCREENS for name in screen.commands]

    assert len(answered) == len(set(answered))
    assert {name for name, _ in profile.commands()} <= set(answered)


def test_a_button_goes_to_telegram_as_the_library_would_send_it() -> None:
    (row, *_) = navigation.way_back().inline_keyboard

    assert InlineKeyboardButton.to_dict(row[0]) == row[0].to_dict()
    assert row[0].to_dict() == {"text": "▶️ Play", "callback_data": "menu"}
