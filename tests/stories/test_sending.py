"""Telegram says "slow down", connections break, and senders die with calls on their way."""

import pytest

from tests.stack import Stack

pytestmark = pytest.mark.slow

INSERT_BULK = """
    INSERT INTO bot_outgoingcall (method, chat_key, parameters, lane, paced, state, created_at,
                                  due_at, attempts, delivery_uncertain, error)
    VALUES ('sendMessage', %s, jsonb_build_object('chat_id', %s::bigint, 'text', 'Rundbrief'), 1,
            true, 'PENDING', now(), now(), 0, false, '')
"""


def test_two_senders_are_silent_together_as_long_as_telegram_wants_it(stack: Stack) -> None:
    stack.start("sender")
    players = [stack.sandbox.add_player(f"Player {number}") for number in range(20)]
    stack.sandbox.network(too_many={"count": 45, "retry_after": 1, "methods": ["sendMessage"]})

    for player in players:
        stack.sandbox.say(player, "/help")
        stack.sandbox.say(player, "/terms")
    stack.wait_until_at_rest(updates=40)

    calls = stack.sandbox.calls("sendMessage")
    refused = [call["time"] for call in calls if call["outcome"]["status"] == 429]
    assert len(refused) == 45
    # Two limited chats may be about these two, three are about the whole bot. What was on
    # its way when the word came may still arrive; after that nothing does.
    too_early = [
        call["time"] - limited_at
        for limited_at in refused[2:]
        for call in calls
        if limited_at + 0.3 < call["time"] < limited_at + 1.0
    ]
    assert too_early == []
    assert stack.outbox("SENT") == 40
    assert all(len(stack.messages_from_bot(player)) == 2 for player in players)
    # A rate limit is no failure of the call.
    assert stack.rows("SELECT DISTINCT attempts FROM bot_outgoingcall") == [(1,)]


def test_an_answer_whose_receipt_is_lost_is_made_again_and_a_bulk_message_is_not(
    stack: Stack,
) -> None:
    anna = stack.sandbox.add_player("Anna")
    stack.say(anna, "/start")
    stack.wait_until_at_rest(updates=1)

    stack.sandbox.network(lose_answer={"count": 1, "methods": ["sendMessage"]})
    stack.sandbox.say(anna, "/help")
    stack.wait_until_at_rest(updates=2)
    stack.sandbox.network(lose_answer={"count": 1, "methods": ["sendMessage"]})
    stack.execute(INSERT_BULK, anna, anna)
    stack.wait_until_at_rest(updates=2)

    ends = stack.rows(
        "SELECT state, delivery_uncertain, attempts FROM bot_outgoingcall ORDER BY id"
    )
    assert ends == [("SENT", False, 1), ("SENT", True, 2), ("MAYBE_SENT", True, 1)]
    texts = [message["text"] for message in stack.messages_from_bot(anna)]
    assert len(texts) == 4
    assert texts[1] == texts[2]
    assert texts[3] == "Rundbrief"


def test_calls_of_a_killed_sender_are_made_by_the_next_one_and_marked_doubtful(
    stack: Stack,
) -> None:
    players = [stack.sandbox.add_player(f"Player {number}") for number in range(3)]
    reader = stack.sandbox.add_player("Reader")
    for player in [*players, reader]:
        stack.say(player, "/start")
    stack.wait_until_at_rest(updates=4)
    updates = [
        {
            "update_id": number + 1,
            "message": {
                "message_id": 1,
                "date": 1,
                "chat": {"id": player, "type": "private"},
                "from": {"id": player, "is_bot": False, "first_name": "Player"},
                "text": "/help",
                "entities": [{"type": "bot_command", "offset": 0, "length": 5}],
            },
        }
        for number, player in enumerate(players)
    ]

    with stack.frozen_telegram():
        assert [stack.post(update) for update in updates] == [200, 200, 200]
        stack.execute(INSERT_BULK, reader, reader)
        stack.wait_for(lambda: stack.outbox("SENDING") == 4)
        stack.kill("sender")
    # Thirty seconds later.
    stack.execute("UPDATE bot_outgoingcall SET claimed_at = claimed_at - interval '30 s'")
    stack.start("sender")
    stack.wait_until_at_rest(updates=7)

    ends = stack.rows("SELECT lane, state, delivery_uncertain FROM bot_outgoingcall ORDER BY id")
    assert ends[:4] == [(0, "SENT", False)] * 4
    assert sorted(ends[4:]) == [(0, "SENT", True)] * 3 + [(1, "MAYBE_SENT", True)]
    # At least once: the first copy had arrived, which cannot be known.
    for player in players:
        helps = [m for m in stack.messages_from_bot(player) if "/language" in m["text"]]
        assert len(helps) in (1, 2)
