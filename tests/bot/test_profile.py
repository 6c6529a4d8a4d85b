"""What Telegram shows of the bot: its commands and descriptions, in every language."""

import asyncio
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import translation

from bot.chat import profile
from bot.management.commands.webhook import set_profile
from bot.queue.models import OutgoingCall
from bot.queue.sender import build_bot
from tests.bot.screens.buyers import newcomer, tap
from tests.conftest import Road
from tests.sandbox import Sandbox

PLAY = {"de": "Eine Runde spielen", "en": "Play a round", "uk": "Зіграти раунд"}


def introduce() -> None:
    """Set everything, as `manage.py webhook set` does."""

    async def _set() -> None:
        async with build_bot() as bot:
            await set_profile(bot)

    asyncio.run(_set())


def menu(sandbox: Sandbox, player: int) -> dict[str, str]:
    """Return the commands that a player's phone shows."""
    return {one["command"]: one["description"] for one in sandbox.phone(player)["commands"]}


@pytest.mark.parametrize("language", ["de", "en", "uk"])
def test_nothing_is_longer_than_telegram_takes(language: str) -> None:
    with translation.override(language):
        assert 1 <= len(profile.description()) <= 512
        assert 1 <= len(profile.short_description()) <= 120
        assert all(1 <= len(about) <= 256 for _, about in profile.commands())


@pytest.mark.parametrize(
    ("language", "begin"),
    [
        ("de", "Deutsch in ein paar Minuten am Tag"),
        ("en", "German in a few minutes a day"),
        ("uk", "Німецька за кілька хвилин на день"),
        # Who speaks none of ours.
        ("fr", "German in a few minutes a day"),
        ("", "German in a few minutes a day"),
    ],
)
def test_descriptions_are_in_the_language_of_the_phone(
    sandbox: Sandbox, language: str, begin: str
) -> None:
    introduce()

    long: Any = sandbox.call("getMyDescription", language_code=language)
    short: Any = sandbox.call("getMyShortDescription", language_code=language)

    assert long["description"].startswith(begin)
    assert short["short_description"].startswith(begin)


def test_commands_are_in_the_language_of_the_phone(sandbox: Sandbox) -> None:
    introduce()

    for language, about in (*PLAY.items(), ("fr", PLAY["en"])):
        player = sandbox.add_player("Anna", language_code=language)
        assert menu(sandbox, player)["play"] == about
        assert "privacy" in menu(sandbox, player)


def test_setting_the_webhook_introduces_the_bot(sandbox: Sandbox) -> None:
    call_command("webhook", "set", url="https://quiz.example.org")

    shown: Any = sandbox.call("getMyShortDescription", language_code="de")
    assert shown["short_description"].startswith("Deutsch in ein paar Minuten")


class TestChosenLanguage:
    def test_the_commands_of_the_chat_follow(self, road: Road) -> None:
        introduce()
        anna = newcomer(road)
        assert menu(road.sandbox, anna)["play"] == PLAY["en"]

        tap(road, anna, "language:uk")
        assert menu(road.sandbox, anna)["play"] == PLAY["uk"]
        tap(road, anna, "language:en")

        assert menu(road.sandbox, anna)["play"] == PLAY["en"]
        assert not OutgoingCall.objects.exclude(state="SENT").exists()

    def test_so_they_do_at_the_first_start(self, road: Road) -> None:
        introduce()
        anna = newcomer(road)

        tap(road, anna, "welcome:de")

        assert menu(road.sandbox, anna)["play"] == PLAY["de"]

    def test_the_language_of_the_phone_needs_no_menu_of_its_own(self, road: Road) -> None:
        anna = newcomer(road)

        tap(road, anna, "welcome:en")

        assert not OutgoingCall.objects.filter(method="setMyCommands").exists()

    def test_another_chat_keeps_its_own(self, road: Road) -> None:
        introduce()
        anna, ben = newcomer(road), newcomer(road)

        tap(road, anna, "language:uk")

        assert menu(road.sandbox, ben)["play"] == PLAY["en"]


class TestPrivacy:
    @pytest.mark.parametrize(
        ("language", "begin", "word"),
        [
            ("en", "Privacy\n\nWhat is stored: your Telegram id", "/paysupport"),
            ("de", "Datenschutz\n\nWas gespeichert wird: deine Telegram-ID", "30 Tage"),
            ("uk", "Приватність\n\nЩо зберігається: твій ідентифікатор", "30 днів"),
        ],
    )
    def test_it_says_what_is_stored_and_for_how_long(
        self, road: Road, language: str, begin: str, word: str
    ) -> None:
        anna = newcomer(road, language=language)

        text = road.say(anna, "/privacy")["text"]

        assert text.startswith(begin)
        assert word in text
