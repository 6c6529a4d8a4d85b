"""Inbox and outbox at the desk."""

import re
from typing import Any

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bot.queue.models import InboxUpdate, OutgoingCall
from quizarena.staff.models import AuditEntry
from tests.factories import InboxUpdateFactory, OutgoingCallFactory, make_staff
from tests.owner import analyze

pytestmark = pytest.mark.django_db

INBOX = "/admin/bot/inboxupdate/"
OUTBOX = "/admin/bot/outgoingcall/"


@pytest.fixture
def support(client: Client) -> Client:
    """Return a browser in which support is logged in."""
    client.force_login(make_staff("Support"))
    return client


def shown(client: Client, path: str) -> set[int]:
    """Return the ids of the rows in a list."""
    page = client.get(path).content.decode()
    return {int(pk) for pk in re.findall(rf'name="{ACTION_CHECKBOX_NAME}" value="(\d+)"', page)}


def plan(client: Client, path: str, table: str) -> str:
    """Return how PostgreSQL finds the rows of a list, when it may not read the whole table."""
    with CaptureQueriesContext(connection) as queries:
        client.get(path)
    rows = next(query["sql"] for query in queries if f'FROM "{table}"' in query["sql"])
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("EXPLAIN " + rows.replace("%", "%%"), [])
        return "\n".join(line for (line,) in cursor.fetchall())


class TestInbox:
    def test_updates_are_found_by_their_id_and_by_their_player(self, support: Client) -> None:
        InboxUpdateFactory.create(update_id=31, player_key=900)
        InboxUpdateFactory.create(update_id=32, player_key=900)
        InboxUpdateFactory.create(update_id=33, player_key=901)

        assert shown(support, f"{INBOX}?q=33") == {33}
        assert shown(support, f"{INBOX}?q=900") == {31, 32}
        assert shown(support, f"{INBOX}?q=nobody") == set()

    def test_the_list_can_be_narrowed_to_a_state(self, support: Client) -> None:
        InboxUpdateFactory.create(update_id=31, dead=True)
        InboxUpdateFactory.create(update_id=32, done=True)

        assert shown(support, f"{INBOX}?state__exact=DEAD") == {31}

    def test_searches_and_states_use_their_indexes(self, support: Client) -> None:
        table = "bot_inboxupdate"

        assert "inbox_of_player" in plan(support, f"{INBOX}?q=900", table)
        assert "inbox_dead" in plan(support, f"{INBOX}?state__exact=DEAD", table)

    def test_a_list_leaves_the_payloads_in_the_database(self, support: Client) -> None:
        InboxUpdateFactory.create()

        with CaptureQueriesContext(connection) as queries:
            support.get(INBOX)

        assert [query["sql"] for query in queries if '"payload"' in query["sql"]] == []

    def test_the_page_shows_what_telegram_sent_and_why_it_failed(self, support: Client) -> None:
        update = InboxUpdateFactory.create(
            update_id=31, dead=True, payload={"update_id": 31, "message": {"text": "Grüße <3"}}
        )
        call = OutgoingCallFactory.create(caused_by=update)

        page = support.get(f"{INBOX}31/change/").content.decode()

        assert "Traceback (most recent call last):\nValueError: no such mode" in page
        assert "&quot;text&quot;: &quot;…&quot;" in page
        assert "Grüße" not in page
        assert f'href="/admin/bot/outgoingcall/{call.pk}/change/"' in page

    def test_try_again_revives_the_dead_and_names_the_others(self, support: Client) -> None:
        InboxUpdateFactory.create(update_id=31, dead=True)
        InboxUpdateFactory.create(update_id=32, done=True)

        page = support.post(
            INBOX, {"action": "try_again", ACTION_CHECKBOX_NAME: [31, 32]}, follow=True
        ).content.decode()

        revived = InboxUpdate.objects.get(pk=31)
        assert (revived.state, revived.attempts) == ("NEW", 0)
        assert InboxUpdate.objects.get(pk=32).state == "DONE"
        assert "1 update queued again." in page
        assert "only a dead update can be tried again: message 32." in page
        entry = AuditEntry.objects.get(action="inboxupdate.queued_again")
        assert (str(entry.actor), entry.object_id) == ("support", "31")

    def test_the_page_offers_try_again_to_the_dead_only(self, support: Client) -> None:
        InboxUpdateFactory.create(update_id=31, dead=True)
        InboxUpdateFactory.create(update_id=32, done=True)

        assert "Try again" in support.get(f"{INBOX}31/change/").content.decode()
        assert "Try again" not in support.get(f"{INBOX}32/change/").content.decode()

    def test_nobody_edits_an_update_not_even_a_superuser(self, admin_client: Client) -> None:
        InboxUpdateFactory.create(update_id=31, kind="message")

        answers = [
            admin_client.post(f"{INBOX}31/change/", {"kind": "poll"}).status_code,
            admin_client.post(f"{INBOX}31/delete/", {"post": "yes"}).status_code,
            admin_client.post(f"{INBOX}add/", {"update_id": "32"}).status_code,
        ]
        admin_client.post(INBOX, {"action": "delete_selected", ACTION_CHECKBOX_NAME: [31]})

        assert answers == [403, 403, 403]
        assert InboxUpdate.objects.get().kind == "message"


class TestOutbox:
    def test_calls_are_found_by_their_id_and_by_their_chat(self, support: Client) -> None:
        OutgoingCallFactory.create(pk=41, chat_key=900)
        OutgoingCallFactory.create(pk=42, chat_key=-100900)

        assert shown(support, f"{OUTBOX}?q=41") == {41}
        assert shown(support, f"{OUTBOX}?q=-100900") == {42}

    def test_searches_and_states_use_their_indexes(self, support: Client) -> None:
        table = "bot_outgoingcall"
        # With as few rows the primary key would do as well.
        OutgoingCallFactory.create_batch(50)
        analyze("bot_outgoingcall")

        assert "outbox_of_chat" in plan(support, f"{OUTBOX}?q=900", table)
        assert "outbox_failed" in plan(support, f"{OUTBOX}?state__exact=MAYBE_SENT", table)

    def test_the_page_names_the_files_without_their_content(self, support: Client) -> None:
        OutgoingCallFactory.create(pk=41, files={"photo": ["cup.png", "image/png", "QUJDRA=="]})

        page = support.get(f"{OUTBOX}41/change/").content.decode()

        assert "cup.png (image/png, 6 bytes)" in page
        assert "QUJDRA" not in page

    @pytest.mark.parametrize(
        ("state", "delivery_uncertain"),
        [("REFUSED", False), ("GIVEN_UP", False), ("MAYBE_SENT", True)],
    )
    def test_send_again_takes_up_what_failed(
        self, support: Client, state: str, delivery_uncertain: bool
    ) -> None:
        OutgoingCallFactory.create(
            pk=41, refused=True, state=state, delivery_uncertain=delivery_uncertain
        )

        support.post(OUTBOX, {"action": "send_again", ACTION_CHECKBOX_NAME: [41]})

        assert OutgoingCall.objects.get().state == "PENDING"
        assert AuditEntry.objects.get(action="outgoingcall.queued_again").object_id == "41"

    def test_what_was_sent_is_not_sent_again(self, support: Client) -> None:
        OutgoingCallFactory.create(pk=41, sent=True)

        page = support.post(
            OUTBOX, {"action": "send_again", ACTION_CHECKBOX_NAME: [41]}, follow=True
        ).content.decode()

        assert OutgoingCall.objects.get().state == "SENT"
        assert "can be sent again: sendMessage 41." in page

    def test_nobody_edits_a_call_not_even_a_superuser(self, admin_client: Client) -> None:
        OutgoingCallFactory.create(pk=41)

        posted: dict[str, Any] = {"method": "deleteMessage"}
        answers = [
            admin_client.post(f"{OUTBOX}41/change/", posted).status_code,
            admin_client.post(f"{OUTBOX}41/delete/", {"post": "yes"}).status_code,
        ]

        assert answers == [403, 403]
        assert OutgoingCall.objects.get().method == "sendMessage"
