"""How many SQL statements an update costs, all of them: claim, savepoints, outbox."""

import json
from collections.abc import Iterator
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bot import application
from bot.queue import inbox
from bot.queue.models import OutgoingCall
from tests.bench.report import Figure

PLAYER = 9_000_000_001
_ids = iter(range(5 * 10**15, 6 * 10**15))


def measure(*, repetitions: int, seconds: int) -> Iterator[Figure]:
    """Work on single updates in this process and count; once is enough."""
    _work(message("/start"))
    counts = {
        "/start of a known player": _work(message("/start")),
        "/play": _work(message("/play")),
        "start of a round": _work(tap(_button("play:"))),
        "one answer": _work(tap(_button("answer:"))),
    }
    for what, count in counts.items():
        yield Figure(what=f"statements: {what}", unit="count", samples=[count], target="<= 13")
    with CaptureQueriesContext(connection) as queries:
        inbox.receive(raw=json.dumps(message("/help")).encode(), now=timezone.now())
    yield Figure(
        what="statements: acknowledgement", unit="count", samples=[len(queries)], target="1"
    )


def _work(update: dict[str, Any]) -> int:
    """Do everything an update causes; return the statements it took, BEGIN and COMMIT aside."""
    inbox.receive(raw=json.dumps(update).encode(), now=timezone.now())
    with CaptureQueriesContext(connection) as queries:
        for claim in inbox.claim(now=timezone.now()):
            inbox.process(
                claim,
                handle=application.handle,
                slow_down=application.slow_down,
                give_up=application.give_up,
            )
    return sum(query["sql"] not in ("BEGIN", "COMMIT") for query in queries.captured_queries)


def _person(player: int) -> dict[str, Any]:
    return {"id": player, "is_bot": False, "first_name": "Bench", "language_code": "de"}


def message(text: str, *, player: int = PLAYER) -> dict[str, Any]:
    """Return the update of a command that a player sends."""
    entity = {"type": "bot_command", "offset": 0, "length": len(text)}
    return {
        "update_id": next(_ids),
        "message": {
            "message_id": 1,
            "date": 1_700_000_000,
            "chat": {"id": player, "type": "private"},
            "from": _person(player),
            "text": text,
            "entities": [entity],
        },
    }


def _button(prefix: str) -> str:
    """Return the data of the first button with `prefix` that the bot has shown last."""
    keyboard = OutgoingCall.objects.exclude(parameters__reply_markup=None).latest("id")
    rows = keyboard.parameters["reply_markup"]["inline_keyboard"]
    data = [button["callback_data"] for row in rows for button in row]
    return next(str(one) for one in data if one.startswith(prefix))


def tap(data: str, *, player: int = PLAYER) -> dict[str, Any]:
    """Return the update of a tap on the button with this data."""
    chat = {"id": player, "type": "private"}
    tapped = {"message_id": 1, "date": 1_700_000_000, "chat": chat}
    return {
        "update_id": next(_ids),
        "callback_query": {
            "id": "1",
            "from": _person(player),
            "chat_instance": "1",
            "message": tapped,
            "data": data,
        },
    }
