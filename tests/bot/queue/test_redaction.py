"""What players type leaves the inbox with the work that it causes."""

import json
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from bot.queue import inbox
from bot.queue.models import InboxUpdate
from bot.queue.redaction import without_texts
from tests.factories import make_staff
from tests.owner import as_owner

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SENDER = {"id": 7, "is_bot": False, "first_name": "Anna", "language_code": "de"}
CHAT = {"id": 7, "type": "private", "first_name": "Anna"}
MESSAGE: dict[str, Any] = {
    "message_id": 5,
    "date": 1795348800,
    "from": SENDER,
    "chat": CHAT,
    "text": "/promo GIFT-0001",
    "entities": [{"type": "bot_command", "offset": 0, "length": 6}],
}
UPDATES: list[dict[str, Any]] = [
    {"update_id": 1, "message": MESSAGE},
    {"update_id": 2, "message": {**MESSAGE, "text": "/start promo_GIFT0001"}},
    {"update_id": 3, "edited_message": {**MESSAGE, "text": "GIFT 0001"}},
    {
        "update_id": 4,
        "message": {
            **{name: part for name, part in MESSAGE.items() if name not in ("text", "entities")},
            "caption": "GIFT-0001",
            "photo": [{"file_id": "abc", "file_unique_id": "a", "width": 1, "height": 1}],
        },
    },
    {
        "update_id": 5,
        "message": {
            **MESSAGE,
            "reply_to_message": {**MESSAGE, "message_id": 4},
            "quote": {"text": "GIFT-0001", "position": 0},
        },
    },
    {
        "update_id": 6,
        "callback_query": {
            "id": "9",
            "from": SENDER,
            "chat_instance": "1",
            "data": "shop",
            "message": {**MESSAGE, "reply_to_message": MESSAGE},
        },
    },
    {
        "update_id": 7,
        "message": {
            **MESSAGE,
            "text": "here",
            "entities": [
                {
                    "type": "text_link",
                    "offset": 0,
                    "length": 4,
                    "url": "https://t.me/bot?start=promo_GIFT0001",
                }
            ],
        },
    },
    {
        "update_id": 8,
        "inline_query": {"id": "1", "from": SENDER, "query": "GIFT-0001", "offset": ""},
    },
]


def receive(update: dict[str, Any]) -> None:
    """Let an update arrive."""
    inbox.receive(raw=json.dumps(update).encode(), now=NOON)


def stored() -> str:
    """Return everything that the inbox has, as a dump of the database shows it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(string_agg(i::text, ' '), '') FROM bot_inboxupdate AS i")
        (dump,) = cursor.fetchone()
    return str(dump)


class TestWithoutTexts:
    @pytest.mark.parametrize("update", UPDATES, ids=lambda update: str(update["update_id"]))
    def test_no_code_is_left_and_everything_else_is(self, update: dict[str, Any]) -> None:
        redacted = without_texts(update)

        assert "GIFT" not in json.dumps(redacted)
        assert list(redacted) == list(update)
        part = next(name for name in update if name != "update_id")
        assert redacted[part].get("from") == SENDER
        assert list(redacted[part]) == list(update[part])

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text("abc"),
            lambda children: st.lists(children) | st.dictionaries(st.text("xyz"), children),
        )
    )
    def test_what_is_no_text_stays(self, payload: Any) -> None:
        assert without_texts(payload) == payload

    def test_a_payment_stays_evidence(self) -> None:
        paid = {
            "currency": "XTR",
            "total_amount": 5,
            "invoice_payload": "signed",
            "telegram_payment_charge_id": "charge",
            "provider_payment_charge_id": "provider",
        }
        message = {"message_id": 5, "chat": CHAT, "from": SENDER, "successful_payment": paid}

        assert without_texts({"message": message}) == {"message": message}


@pytest.mark.django_db(transaction=True)
class TestInbox:
    @pytest.mark.parametrize("update", UPDATES, ids=lambda update: str(update["update_id"]))
    def test_the_text_is_there_for_the_work_and_gone_with_it(self, update: dict[str, Any]) -> None:
        receive(update)
        seen: list[Any] = []
        assert "GIFT" in stored()

        inbox.work(handle=seen.append, slow_down=seen.append, give_up=seen.append, until=NOON)

        assert seen == [update]
        assert InboxUpdate.objects.get().state == "DONE"
        assert "GIFT" not in stored()

    def test_a_handler_that_changes_the_payload_changes_nothing_of_it(self) -> None:
        receive(UPDATES[0])

        inbox.work(
            handle=lambda payload: payload.clear(), slow_down=print, give_up=print, until=NOON
        )

        assert InboxUpdate.objects.get().payload["message"]["from"] == SENDER

    def test_what_failed_keeps_what_another_try_needs(self) -> None:
        receive(UPDATES[0])

        def fail(payload: dict[str, Any]) -> None:
            raise RuntimeError("Broken.")

        inbox.work(handle=fail, slow_down=fail, give_up=fail, until=NOON)
        update = InboxUpdate.objects.get()
        assert (update.state, update.payload) == ("NEW", UPDATES[0])

        InboxUpdate.objects.update(state="WORKING", claimed_at=NOON)
        InboxUpdate.objects.update(state="DEAD")
        assert inbox.try_again(update_id=1)
        seen: list[Any] = []
        inbox.work(handle=seen.append, slow_down=seen.append, give_up=seen.append, until=NOON)
        assert seen == [UPDATES[0]]
        assert "GIFT" not in stored()


@pytest.mark.django_db
@pytest.mark.parametrize("state", ["NEW", "DEAD"])
def test_staff_see_no_text_of_an_update_that_keeps_it(client: Client, state: str) -> None:
    InboxUpdate.objects.create(
        update_id=1,
        kind="message",
        player_key=7,
        payload=UPDATES[0],
        state=state,
        received_at=NOON,
        due_at=NOON,
    )
    client.force_login(make_staff("Administrator"))

    page = client.get("/admin/bot/inboxupdate/1/change/").content.decode()

    assert "GIFT" not in page
    assert "Anna" in page


@pytest.mark.django_db
def test_what_is_stored_already_is_redacted_alike() -> None:
    migration = import_module("bot.migrations.0012_done_updates_hold_no_texts")
    for state, first in (("DONE", 0), ("DEAD", 100), ("NEW", 200)):
        InboxUpdate.objects.bulk_create(
            InboxUpdate(
                update_id=first + update["update_id"],
                kind="message",
                payload=update,
                state=state,
                received_at=NOON,
                due_at=NOON,
                done_at=NOON if state == "DONE" else None,
            )
            for update in UPDATES
        )

    with as_owner() as cursor:
        cursor.execute(migration.REDACT)

    done = InboxUpdate.objects.filter(state="DONE").order_by("update_id")
    others = InboxUpdate.objects.exclude(state="DONE").order_by("update_id")
    assert [update.payload for update in done] == [without_texts(update) for update in UPDATES]
    assert [update.payload for update in others] == UPDATES * 2
