"""A laptop without a public address fetches its updates."""

import pytest

from tests.stack import Stack

pytestmark = pytest.mark.slow


def test_polling_takes_the_webhook_away_and_feeds_the_same_inbox(stack: Stack) -> None:
    anna = stack.sandbox.add_player("Anna")
    stack.say(anna, "/start")
    stack.kill("webhook")
    stack.sandbox.say(anna, "/help")

    stack.start("poll")
    stack.wait_until_at_rest(updates=2)
    stack.say(anna, "/terms")

    assert stack.sandbox.call("getWebhookInfo")["url"] == ""
    assert stack.inbox("DONE") == 3
    assert len(stack.messages_from_bot(anna)) == 3
    assert [command["command"] for command in stack.sandbox.phone(anna)["commands"]] == [
        "play",
        "daily",
        "review",
        "duel",
        "cup",
        "top",
        "rules",
        "shop",
        "promo",
        "invite",
        "wallet",
        "stats",
        "settings",
        "language",
        "help",
        "terms",
        "privacy",
        "my_data",
        "delete_me",
        "paysupport",
    ]
