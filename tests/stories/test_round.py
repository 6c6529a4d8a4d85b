"""A round through every process: webhook, worker, sender, and back to the player's screen."""

import pytest

from tests.sandbox import buttons
from tests.stack import Stack

pytestmark = pytest.mark.slow


def test_a_newcomer_plays_a_round_over_http_from_the_greeting_to_the_result(stack: Stack) -> None:
    oleh = stack.sandbox.add_player("Oleh", language_code="uk")

    greeting = stack.say(oleh, "/start")
    levels = stack.tap(oleh, "Українська")
    message = stack.tap(oleh, "A1")
    for _ in range(10):
        labels = [button["text"] for button in buttons(message)]
        message = stack.tap(oleh, next(label for label in labels if label.startswith("richtig")))

    # One update per tap; a perfect round ends with a message of its own, for its effect.
    stack.wait_until_at_rest(updates=13)
    message = stack.sandbox.last_message(oleh)
    assert "Oleh!" in greeting["text"]
    assert len(buttons(levels)) == 5
    assert "🟩🟩🟩🟩🟩🟩🟩🟩🟩🟩" in message["text"]
    assert stack.rows("SELECT state FROM game_round") == [("FINISHED",)]
    answers = stack.rows("SELECT number, is_correct FROM game_roundquestion ORDER BY number")
    assert answers == [(number, True) for number in range(1, 11)]
    assert len(stack.messages_from_bot(oleh)) == 2
    # Each tap was answered, and the message edited, exactly once.
    sent = stack.rows("SELECT method, count(*) FROM bot_outgoingcall GROUP BY 1 ORDER BY 1")
    assert sent == [("answerCallbackQuery", 12), ("editMessageText", 12), ("sendMessage", 2)]
    assert stack.rows("SELECT DISTINCT state FROM bot_outgoingcall") == [("SENT",)]
