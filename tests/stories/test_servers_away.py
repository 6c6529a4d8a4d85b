"""Redis and PostgreSQL are flushed, stopped and killed while people play."""

import pytest
import redis

from tests.stack import Stack

pytestmark = pytest.mark.slow

PROCESSES = ("web", "webhook", "worker", "sender", "beat")


def test_a_flushed_redis_loses_nothing(stack: Stack) -> None:
    players = [stack.sandbox.add_player(f"Player {number}") for number in range(5)]
    stack.kill("worker")
    for player in players:
        stack.sandbox.say(player, "/help")
    stack.wait_for(lambda: stack.inbox("NEW") == 5)

    with redis.Redis.from_url(stack.valkey.url) as client:
        assert client.flushall()
    stack.start("worker")
    stack.wait_until_at_rest(updates=5)

    assert [len(stack.messages_from_bot(player)) for player in players] == [1, 1, 1, 1, 1]


def test_without_redis_updates_are_accepted_and_sent_and_worked_on_as_soon_as_it_is_back(
    stack: Stack,
) -> None:
    anna, ben = stack.sandbox.add_player("Anna"), stack.sandbox.add_player("Ben")
    stack.say(anna, "/start")
    stack.valkey.stop()

    stack.sandbox.say(ben, "/start")
    stack.wait_for(lambda: stack.inbox("NEW") == 1)
    stack.execute(
        """
        INSERT INTO bot_outgoingcall (method, chat_key, parameters, lane, paced, state, created_at,
                                      due_at, attempts, delivery_uncertain, error)
        VALUES ('sendMessage', %s, jsonb_build_object('chat_id', %s::bigint, 'text', 'Servus'), 0,
                true, 'PENDING', now(), now(), 0, false, '')
        """,
        anna,
        anna,
    )
    stack.wait_for(lambda: stack.sandbox.last_message(anna)["text"] == "Servus")
    # What /readyz has found out is a second old at most.
    stack.wait_for(lambda: stack.get("/readyz")[0] == 503)
    status, report = stack.get("/readyz")
    stack.valkey.start()

    def supervised() -> bool:
        # Celery's consumer sometimes does not outlive its broker; then its supervisor (the demo's,
        # or compose's restart policy) starts it again, as this does.
        stack.keep(*PROCESSES)
        return stack.inbox("DONE") == 2 and not stack.outbox("PENDING", "SENDING")

    stack.wait_for(supervised, timeout=90)

    assert (status, report["broker"], report["database"]) == (503, False, True)
    assert len(stack.messages_from_bot(ben)) == 1
    assert all(stack.is_alive(name) for name in PROCESSES)


@pytest.mark.parametrize("ending", ["fast", "immediate"])
def test_telegram_gets_503_while_the_database_restarts_and_nothing_is_lost(
    stack: Stack, ending: str
) -> None:
    players = [stack.sandbox.add_player(f"Player {number}") for number in range(10)]
    for player in players:
        stack.sandbox.say(player, "/help")
    stack.wait_for(lambda: stack.inbox("DONE") >= 3)

    if ending == "fast":
        stack.postgres.stop()
    else:
        stack.postgres.kill()
    while_away = stack.post({"update_id": 1})
    for player in players:
        stack.sandbox.say(player, "/terms")
    stack.wait_for(lambda: stack.sandbox.counters()["retried"] >= 3)
    stack.postgres.start()
    back = stack.value("SELECT now()")
    stack.wait_until_at_rest(updates=20)

    assert while_away == 503
    assert stack.post({"update_id": 1}) == 200
    assert all(stack.is_alive(name) for name in PROCESSES)
    for player in players:
        answers = {message["text"].split("\n")[0] for message in stack.messages_from_bot(player)}
        assert answers == {"So funktioniert es", "Nutzungsbedingungen"}
    lost = """
        SELECT count(*) FROM bot_inboxupdate AS update
        WHERE update.state = 'DONE' AND update.kind = 'message'
          AND (SELECT count(*) FROM bot_outgoingcall AS call
               WHERE call.caused_by_id = update.update_id AND call.state = 'SENT') <> 1
    """
    assert stack.value(lost) == 0
    # Every process gives signs of life again, not only those that this test made work.
    seen = "SELECT count(*) FROM ops_heartbeat WHERE seen_at > %s"
    stack.wait_for(lambda: stack.value(seen, back) == 5)
