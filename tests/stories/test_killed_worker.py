"""A worker is killed with -9 in the middle of everything."""

import pytest

from tests.stack import Stack

pytestmark = pytest.mark.slow

PLAYERS = 20
UPDATES_EACH = 10


def test_a_worker_is_killed_amid_200_updates_and_each_has_its_effects_once_and_in_order(
    running: Stack,
) -> None:
    stack = running
    stack.begin("webhook", "sender", "beat")
    players = [stack.sandbox.add_player(f"Player {number}") for number in range(PLAYERS)]
    for _ in range(UPDATES_EACH):
        for player in players:
            stack.sandbox.say(player, "/help")
    stack.wait_for(lambda: stack.inbox("NEW") == 200)

    # First the pool's processes die and Celery replaces them; then the worker with all it has.
    stack.start("worker")
    stack.wait_for(lambda: stack.inbox("DONE") >= 20 and stack.inbox("WORKING"), timeout=90)
    pool = stack.kill_children("worker")
    stack.wait_for(lambda: stack.inbox("DONE") >= 70 and stack.inbox("WORKING"), timeout=90)
    stack.kill("worker")
    interrupted = stack.inbox("WORKING")
    left = stack.inbox("NEW")
    stack.start("worker")
    stack.wait_until_at_rest(updates=200)

    assert pool == 2
    assert interrupted > 0
    assert left > 0
    tried = stack.rows("SELECT attempts, count(*) FROM bot_inboxupdate GROUP BY 1 ORDER BY 1")
    assert sum(count for attempts, count in tried if attempts > 1) >= interrupted
    # Each update has left exactly one answer, and each answer has arrived once.
    answers = stack.rows("SELECT caused_by_id, count(*) FROM bot_outgoingcall GROUP BY 1")
    assert {count for _, count in answers} == {1}
    assert len(answers) == 200
    assert stack.outbox("SENT") == 200
    assert stack.value("SELECT count(*) FROM players_player") == 20
    for player in players:
        assert len(stack.messages_from_bot(player)) == 10
    out_of_order = """
        SELECT count(*) FROM bot_inboxupdate AS earlier JOIN bot_inboxupdate AS later
          ON later.player_key = earlier.player_key AND later.update_id > earlier.update_id
        WHERE later.done_at < earlier.done_at
    """
    assert stack.value(out_of_order) == 0
    calls_out_of_order = """
        SELECT count(*) FROM bot_outgoingcall AS earlier JOIN bot_outgoingcall AS later
          ON later.chat_key = earlier.chat_key AND later.caused_by_id > earlier.caused_by_id
        WHERE later.id < earlier.id
    """
    assert stack.value(calls_out_of_order) == 0
