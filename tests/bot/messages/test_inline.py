"""Inline queries: what `@bot` offers in any chat, through the sandbox over HTTP."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import override_settings
from django.utils import timezone

from bot import tasks
from bot.chat.models import Card
from bot.queue.models import InboxUpdate, OutgoingCall, RateLimit
from bot.queue.updates import ALLOWED_UPDATES, HANDLED_UPDATES
from promos.models import Inviter
from quizarena.game.models import Duel
from quizarena.players import services as players
from quizarena.players.models import Player
from tests.bot.screens import test_duel as duels
from tests.bot.screens.buyers import newcomer, row, tap, travel
from tests.bot.screens.test_daily import finish
from tests.conftest import Road
from tests.game.challenges import make_bank
from tests.game.test_round import right
from tests.sandbox import buttons

Json = dict[str, Any]
SECOND = timedelta(seconds=1)
SIX_OF_SEVEN = [True, False, True, True, True, True, True]


@pytest.fixture(autouse=True)
def _bank(db: None) -> None:
    make_bank("QUICK_MIX_A1A2", A1=40, A2=15, B1=10)


def ask(road: Road, player: int, words: str = "") -> Json:
    """Let the player write `@bot words`; return the query with its answer, if one came."""
    query_id = road.sandbox.ask_inline(player, words)
    RateLimit.objects.all().delete()
    road.travel()
    return road.sandbox.inline(query_id)


def titles(query: Json) -> list[str]:
    """Return the titles of what was offered."""
    return [str(result["title"]) for result in query["results"]]


def with_card(road: Road, player: int) -> Card:
    """Let the player have finished the daily challenge, with its picture at Telegram."""
    finish(road, player, SIX_OF_SEVEN)
    tasks.send_cards()
    travel(road)
    tasks.send_cards()
    return Card.objects.get(player__telegram_id=player)


class TestResults:
    def test_who_has_neither_a_duel_nor_a_result_can_invite_and_make_a_duel(
        self, road: Road
    ) -> None:
        anna = newcomer(road)

        query = ask(road, anna)

        assert titles(query) == ["🤝 Invite"]
        (invitation,) = query["results"]
        link = f"https://t.me/quizarena_bot?start=ref_{Inviter.objects.get().code}"
        assert invitation["content"]["text"] == (
            f"I am learning German with Quiz Arena. Play along!\n{link}"
        )
        assert buttons(invitation["content"]) == [{"text": "▶️ Play along", "url": link}]
        assert query["button"] == {
            "text": "⚔️ Make a duel to challenge somebody",
            "start_parameter": "challenge",
        }
        (call,) = road.sandbox.calls("answerInlineQuery")
        assert (call["parameters"]["cache_time"], call["parameters"]["is_personal"]) == (5, True)

    @pytest.mark.parametrize(
        ("language", "offered"),
        [
            ("de", ["🤝 Einladen", "⚔️ Fordere mich heraus", "🏅 Mein Ergebnis"]),
            ("en", ["🤝 Invite", "⚔️ Challenge me", "🏅 My result"]),
            ("uk", ["🤝 Запросити", "⚔️ Кинь мені виклик", "🏅 Мій результат"]),
        ],
    )
    def test_all_three_in_the_players_language(
        self, road: Road, language: str, offered: list[str]
    ) -> None:
        anna = newcomer(road, language=language)
        with_card(road, anna)
        road.sandbox.follow_link(anna, "challenge")
        travel(road)
        duels.press(road, anna, tap(road, anna, "duel-new:link"), "3")

        query = ask(road, anna)

        assert titles(query) == offered
        assert query["button"] is None

    def test_the_button_leads_to_the_page_of_duels(self, road: Road) -> None:
        anna = newcomer(road)

        road.sandbox.follow_link(anna, "challenge")
        travel(road)

        assert "Duel" in road.sandbox.last_message(anna)["text"]
        assert "👥 Challenge a friend" in [
            it["text"] for it in buttons(road.sandbox.last_message(anna))
        ]

    def test_an_inline_query_makes_no_duel_and_one_code(self, road: Road) -> None:
        anna = newcomer(road)

        for words in ("", "d", "du"):
            ask(road, anna, words)

        assert (Duel.objects.count(), Inviter.objects.count()) == (0, 1)

    def test_the_latest_duel_that_can_be_accepted_is_offered(self, road: Road) -> None:
        anna = newcomer(road)
        duels.challenge(road, anna)
        duels.challenge(road, anna, length=5)
        latest = Duel.objects.latest("pk")

        query = ask(road, anna)

        assert query["results"][1]["content"]["text"] == (
            "I challenge you to a German duel: 5 questions. Can you beat me?\n"
            f"https://t.me/quizarena_bot?start=duel_{latest.token}"
        )

    @pytest.mark.parametrize("how", ["too late", "accepted", "canceled"])
    def test_one_that_cannot_be_accepted_any_more_is_not(self, road: Road, how: str) -> None:
        anna = newcomer(road)
        duels.challenge(road, anna)
        made = Duel.objects.get()
        match how:
            case "too late":
                with time_machine.travel(made.deadline, tick=False):
                    assert titles(ask(road, anna)) == ["🤝 Invite"]
                return
            case "accepted":
                ben = newcomer(road)
                tap(road, ben, f"duel-take:{made.token}")
            case "canceled":
                tap(road, anna, f"duel-cancel:{made.pk}")

        assert "⚔️ Challenge me" not in titles(ask(road, anna))

    def test_one_moment_before_its_end_it_is(self, road: Road) -> None:
        anna = newcomer(road)
        duels.challenge(road, anna)

        with time_machine.travel(Duel.objects.get().deadline - SECOND, tick=False):
            query = ask(road, anna)

        assert titles(query) == ["🤝 Invite", "⚔️ Challenge me"]

    def test_a_result_without_a_picture_is_a_text(self, road: Road) -> None:
        anna = newcomer(road)
        road.say(anna, "/play")
        road.tap(anna, right(road.tap(anna, "Quick mix")))

        query = ask(road, anna)

        assert query["results"][-1]["content"]["text"].startswith(
            "🎯 1 of 1 question right with Quiz Arena. I am learning German!\nhttps://t.me/"
        )

    def test_a_picture_is_the_one_that_telegram_has(self, road: Road) -> None:
        anna = newcomer(road)
        card = with_card(road, anna)

        result = ask(road, anna)["results"][-1]

        assert result["id"] == f"card-{card.pk}"
        assert result["content"]["photo"][0]["file_id"] == card.file_id
        assert result["content"]["caption"].startswith(
            "Quiz Arena, daily challenge of 16 Dec: 6/7\n🟩🟥🟩🟩🟩🟩🟩\nhttps://t.me/quizarena_bot?start=ref_"
        )

    def test_one_that_telegram_does_not_have_yet_is_left_out(self, road: Road) -> None:
        anna = newcomer(road)
        finish(road, anna, SIX_OF_SEVEN)

        assert titles(ask(road, anna)) == ["🤝 Invite"]


class TestShareButton:
    @override_settings(TELEGRAM_INLINE_MODE=True)
    def test_the_button_below_a_picture_asks_for_this_picture_alone(self, road: Road) -> None:
        anna = newcomer(road)
        card = with_card(road, anna)
        (share,) = buttons(road.sandbox.last_message(anna))
        Card.objects.create(
            player=row(anna),
            kind="STREAK",
            subject=7,
            created_at=timezone.now(),
            sent_at=timezone.now(),
            file_id=card.file_id,
        )

        query = ask(road, anna, share["switch_inline_query"])

        assert share == {"text": "📨 Share my result", "switch_inline_query": f"#{card.pk}"}
        assert [it["id"] for it in query["results"]] == [f"card-{card.pk}"]
        assert query["button"] is None

    @pytest.mark.parametrize("words", ["#0", "#1 x", "#99999999999999999999", "#", "#-1", "# 1"])
    def test_a_number_of_no_picture_offers_everything(self, road: Road, words: str) -> None:
        anna = newcomer(road)

        assert titles(ask(road, anna, words)) == ["🤝 Invite"]

    def test_nobody_shares_somebody_elses_picture(self, road: Road) -> None:
        anna, ben = newcomer(road), newcomer(road)
        card = with_card(road, anna)

        assert titles(ask(road, ben, f"#{card.pk}")) == ["🤝 Invite"]

    @override_settings(TELEGRAM_INLINE_MODE=False)
    def test_without_inline_mode_the_words_are_shared(self, road: Road) -> None:
        anna = newcomer(road)
        with_card(road, anna)

        (share,) = buttons(road.sandbox.last_message(anna))

        assert share["url"].startswith("https://t.me/share/url?url=https")
        assert "switch_inline_query" not in share

    def test_from_the_button_into_another_players_chat_and_back_into_the_game(
        self, road: Road
    ) -> None:
        anna = newcomer(road)
        card = with_card(road, anna)
        ben = road.sandbox.add_player("Ben", language_code="en")
        query = ask(road, anna, f"#{card.pk}")

        shared = road.sandbox.share(anna, query["id"], f"card-{card.pk}", to=ben)

        assert road.sandbox.last_message(ben) == shared
        assert (shared["from"]["first_name"], shared["via_bot"]["username"]) == (
            "Anna",
            "quizarena_bot",
        )
        assert shared["photo"][0]["file_id"] == card.file_id
        (way,) = buttons(shared)
        road.sandbox.follow_link(ben, way["url"].rpartition("start=")[2])
        travel(road)
        assert row(ben).referral.inviter.player == row(anna)


class TestWhoAsks:
    def test_a_stranger_can_show_the_game_and_leaves_no_trace(self, road: Road) -> None:
        anna = road.sandbox.add_player("Anna", language_code="uk")

        query = ask(road, anna)

        (invitation,) = query["results"]
        assert invitation["title"] == "🤝 Запросити"
        assert invitation["content"]["text"].endswith("\nhttps://t.me/quizarena_bot")
        assert query["button"] is None
        assert not Player.objects.exists()

    def test_a_suspended_player_shares_nothing(self, road: Road) -> None:
        anna = newcomer(road)
        players.suspend(player_id=row(anna).pk, now=timezone.now())

        query = ask(road, anna)

        assert (query["is_answered"], query["results"]) == (True, [])
        assert not Inviter.objects.exists()


class TestInTime:
    @pytest.mark.parametrize(("after", "answers"), [(9.9, 1), (10, 0)])
    def test_a_query_that_a_worker_comes_to_too_late_is_not_answered(
        self, road: Road, after: float, answers: int
    ) -> None:
        anna = newcomer(road)
        now = timezone.now()
        with time_machine.travel(now, tick=False):
            road.sandbox.ask_inline(anna)
            road.fetch()

        with time_machine.travel(now + after * SECOND, tick=False):
            road.work()

        assert OutgoingCall.objects.filter(method="answerInlineQuery").count() == answers
        assert InboxUpdate.objects.get(kind="inline_query").state == "DONE"

    def test_an_answer_that_no_sender_takes_in_time_is_given_up(self, road: Road) -> None:
        anna = newcomer(road)
        now = timezone.now()
        with time_machine.travel(now, tick=False):
            road.sandbox.ask_inline(anna)
            road.fetch()
            road.work()

        call = OutgoingCall.objects.get(method="answerInlineQuery")

        assert (call.expires_at, call.lane) == (now + 10 * SECOND, 0)

    def test_somebody_who_types_fast_gets_no_more_answers_than_actions(self, road: Road) -> None:
        anna = newcomer(road)
        now = timezone.now() + timedelta(minutes=5)
        with time_machine.travel(now, tick=False), override_settings(PLAYER_ACTIONS_PER_SECOND=5):
            for _ in range(13):
                road.sandbox.ask_inline(anna)
            road.fetch()
            road.work()

        assert OutgoingCall.objects.filter(method="answerInlineQuery").count() == 10
        # There is nothing that it could be said in.
        assert not OutgoingCall.objects.filter(method="sendMessage", created_at__gte=now).exists()

    def test_what_was_typed_does_not_stay(self, road: Road) -> None:
        anna = newcomer(road)

        ask(road, anna, "a secret")

        assert "secret" not in str(InboxUpdate.objects.get(kind="inline_query").payload)

    def test_telegram_is_asked_for_such_updates(self) -> None:
        assert "inline_query" in ALLOWED_UPDATES
        assert "inline_query" in HANDLED_UPDATES
