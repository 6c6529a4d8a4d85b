"""Between Telegram and us updates are doubled, reordered, delayed and dropped."""

import pytest

from tests.sandbox import buttons
from tests.stack import Stack

pytestmark = pytest.mark.slow


def test_each_tap_counts_once_however_updates_travel(stack: Stack) -> None:
    players = [stack.sandbox.add_player(f"Player {number}") for number in range(5)]
    for player in players:
        stack.say(player, "/play")
    for player in players:
        stack.tap(player, "Artikel-Sprint")
    stack.sandbox.network(duplicate=0.7, reorder=0.3, drop=0.4, delay_ms=[0, 150])

    for _ in range(4):
        before = {player: stack.sandbox.last_message(player) for player in players}
        for player, message in before.items():
            labels = [button["text"] for button in buttons(message)]
            stack.sandbox.tap(player, next(one for one in labels if one.startswith("richtig")))
            # An impatient player taps a second answer at once: the first to arrive counts.
            stack.sandbox.tap(player, next(one for one in labels if one.startswith("daneben")))
        for player, message in before.items():
            stack.next_look(player, message)
    stack.wait_until_at_rest(updates=5 + 5 + 40)

    counters = stack.sandbox.counters()
    assert counters["duplicated"] > 0
    assert counters["reordered"] > 0
    assert counters["dropped"] > 0
    assert stack.value("SELECT count(*) FROM game_round WHERE state = 'OPEN'") == 5
    answered = """
        SELECT count(*) FROM game_roundquestion WHERE answered_at IS NOT NULL GROUP BY round_id
    """
    assert stack.rows(answered) == [(4,)] * 5
    # Of each pair of taps one was graded and one got the answer that the first one counts.
    sent = "SELECT count(*) FROM bot_outgoingcall WHERE method = %s AND state = 'SENT'"
    assert stack.value(sent, "answerCallbackQuery") == 5 + 40
    assert stack.value(sent, "editMessageText") == 5 + 20
