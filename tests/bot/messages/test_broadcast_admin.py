"""Broadcasts at the desk: written, previewed, sent, paused, stopped, and reported."""

import html
import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bot.chat.models import StaffPlayer
from bot.messages.broadcasts import Action
from bot.messages.models import Broadcast, BroadcastRecipient
from bot.queue.models import OutgoingCall
from quizarena.staff.models import AuditEntry
from tests.bot.messages.broadcast_steps import do, job, make_broadcast, operator, outcomes, start
from tests.conftest import Road
from tests.factories import PlayerFactory, make_staff
from tests.promos.desk import page, submit, text

pytestmark = pytest.mark.django_db

LIST = "/admin/bot/broadcast/"


@pytest.fixture
def desk(client: Client) -> Client:
    """Return a browser in which the operator is logged in."""
    client.force_login(operator())
    return client


def written(**terms: str) -> dict[str, str]:
    """Return what the page sends."""
    return {
        "decision": str(uuid4()),
        "name": "Hello",
        "text_de": "<b>Hallo</b>",
        "text_en": "<b>Hello</b>",
        "text_uk": "<b>Привіт</b>",
        **terms,
    }


def decide(client: Client, verb: str, broadcast: Broadcast, *, step: str, **values: str) -> str:
    """Preview or confirm a decision, and return what the page says."""
    form = {
        "seen_at": broadcast.changed_at.isoformat(),
        "decision": str(uuid4()),
        "reason": "Because.",
        **values,
    }
    return submit(client, f"{LIST}{broadcast.pk}/{verb}/decide/", {**form, step: "1"})


class TestWriting:
    def test_a_draft_is_stored_once_however_often_it_is_sent(self, desk: Client) -> None:
        form = written(for_premium="True", for_lapsed_days="7")

        assert "Hello: saved." in submit(desk, f"{LIST}add/", form)
        submit(desk, f"{LIST}add/", form)

        broadcast = Broadcast.objects.get()
        assert (broadcast.status, broadcast.for_premium, broadcast.for_lapsed_days) == (
            "DRAFT",
            True,
            7,
        )
        assert broadcast.owner == operator()

    @pytest.mark.parametrize(
        ("terms", "error"),
        [
            ({"text_en": "<h1>Hello</h1>"}, 'Unsupported start tag "h1"'),
            ({"text_de": "<b>Hallo"}, "Can't find end tag"),
            ({"text_uk": "x" * 4097}, "Telegram takes 4,096 at most"),
            ({"url": "http://example.org"}, "The address has to begin with https://"),
            ({"url": "https://"}, "The address has to begin with https:// and to name a site"),
            ({"url": "https://example.org", "screen": "shop"}, "not both"),
            ({"for_active_days": "0"}, "Enter at least 1"),
            (
                {"for_active_days": "3", "for_lapsed_days": "3"},
                "A player cannot be active and away at once.",
            ),
            ({"name": ""}, "This field is required."),
        ],
    )
    def test_what_is_wrong_is_said(self, desk: Client, terms: dict[str, str], error: str) -> None:
        assert error in submit(desk, f"{LIST}add/", written(**terms))
        assert not Broadcast.objects.exists()

    def test_a_draft_may_be_unfinished(self, desk: Client) -> None:
        assert "saved" in submit(desk, f"{LIST}add/", written(text_uk=""))

    def test_the_page_shows_how_it_looks_while_it_is_written(self, desk: Client) -> None:
        form = written(
            text_de="<b>Neu</b> <script>", screen="shop", label_en="Shop", label_de="", text_uk=""
        )

        answer = desk.post(f"{LIST}add/check/", form).json()

        assert answer["good"] is False
        assert 'Unsupported start tag "script"' in answer["errors"]["text_de"][0]
        assert "<b>Hello</b>" in answer["outlook"]
        assert "<script>" not in answer["outlook"]
        assert "Ukrainian: There is no text." in answer["outlook"]
        assert "German: The button has no label." in answer["outlook"]
        assert "🔕 No more news" in answer["outlook"]
        assert not Broadcast.objects.exists()

    def test_whoever_saves_what_somebody_else_has_changed_gets_an_error(self, desk: Client) -> None:
        broadcast = make_broadcast()
        form = written(name="Mine", seen_at=broadcast.changed_at.isoformat())
        Broadcast.objects.update(name="Theirs", changed_at=timezone.now())

        assert "Somebody else has changed this broadcast meanwhile." in submit(
            desk, f"{LIST}{broadcast.pk}/edit/", form
        )
        assert Broadcast.objects.get().name == "Theirs"

    def test_a_change_is_kept_with_what_was_before(self, desk: Client) -> None:
        broadcast = make_broadcast()

        submit(
            desk,
            f"{LIST}{broadcast.pk}/edit/",
            written(name="Better", seen_at=broadcast.changed_at.isoformat()),
        )

        entry = AuditEntry.objects.get(action="broadcast.edited")
        assert entry.details["changed"]["name"] == ["Hello", "Better"]


class TestSending:
    def test_the_decision_tells_how_many_and_how_long(self, desk: Client) -> None:
        PlayerFactory.create_batch(56)
        broadcast = make_broadcast()

        shown = decide(desk, "schedule", broadcast, step="preview")

        assert "Players 56 Takes 2 s Starts at once Second person not needed" in shown
        assert Broadcast.objects.get().status == "DRAFT"

    def test_it_is_sent_paused_continued_and_stopped(self, desk: Client) -> None:
        PlayerFactory.create_batch(3)
        broadcast = make_broadcast()

        assert "Hello: scheduled." in decide(desk, "schedule", broadcast, step="confirm")
        job(broadcast)
        assert "Hello: paused." in decide(desk, "pause", broadcast, step="confirm")
        assert not OutgoingCall.objects.exists()
        broadcast.refresh_from_db()
        assert "Hello: running." in decide(desk, "continue", broadcast, step="confirm")
        broadcast.refresh_from_db()
        assert "Hello: stopped." in decide(desk, "stop", broadcast, step="confirm")
        actions = AuditEntry.objects.filter(action__startswith="broadcast.").order_by("pk")
        assert [entry.action.partition(".")[2] for entry in actions] == [
            "created",
            "scheduled",
            "running",
            "paused",
            "running",
            "stopped",
        ]

    def test_for_later(self, desk: Client) -> None:
        broadcast = make_broadcast()
        at = timezone.localtime() + timedelta(days=1)

        decide(desk, "schedule", broadcast, step="confirm", at=f"{at:%Y-%m-%dT%H:%M}")

        broadcast.refresh_from_db()
        assert broadcast.scheduled_at == at.replace(second=0, microsecond=0)

    def test_an_unfinished_one_is_refused_with_the_reason(self, desk: Client) -> None:
        broadcast = make_broadcast(text_uk="")

        assert "Refused: There is no text." in decide(desk, "schedule", broadcast, step="preview")

    def test_an_old_page_does_nothing(self, desk: Client) -> None:
        PlayerFactory.create()
        old = make_broadcast()
        do(Action.SCHEDULE, Broadcast.objects.get())
        job()

        assert "Somebody else has changed" in decide(desk, "stop", old, step="confirm")
        assert Broadcast.objects.get().status == "RUNNING"

    def test_the_buttons_carry_along_what_was_seen(self, desk: Client) -> None:
        broadcast = make_broadcast()
        seen = desk.get(f"{LIST}{broadcast.pk}/change/").content.decode()
        address = re.findall(r'href="([^"]*/schedule/decide/[^"]*)"', seen)[0]
        Broadcast.objects.update(text_de="Anders", changed_at=timezone.now())

        form = desk.get(html.unescape(address)).context["form"]
        confirmed = {"decision": str(uuid4()), "reason": "Because.", "confirm": "1"}
        refused = submit(desk, address, {**confirmed, "seen_at": form["seen_at"].value()})

        assert "Somebody else has changed" in refused
        assert Broadcast.objects.get().status == "DRAFT"

    def test_the_page_offers_what_makes_sense(self, desk: Client) -> None:
        PlayerFactory.create()
        draft, running = make_broadcast(), start()

        assert "Edit Send to me Send… Stop" in page(desk, f"{LIST}{draft.pk}/change/")
        assert "Send to me Pause Stop Export CSV" not in page(desk, f"{LIST}{draft.pk}/change/")
        assert "Send to me Pause Stop" in page(desk, f"{LIST}{running.pk}/change/")


class TestToMe:
    def code(self, desk: Client, broadcast: Broadcast) -> str:
        """Return the code that the page gives out."""
        page = f"{LIST}{broadcast.pk}/change/"
        shown = submit(desk, f"{LIST}me/", {"next": page, "confirm": "1"})
        (code,) = re.findall(r"/start link_([2-9A-Z]{12}) ", shown)
        return str(code)

    def test_it_goes_to_the_chat_that_has_sent_the_code(
        self, desk: Client, road: Road, clock: time_machine.Traveller
    ) -> None:
        anna, broadcast = road.sandbox.add_player("Anna", language_code="de"), make_broadcast()
        road.say(anna, "/start")
        asked = desk.get(f"{LIST}{broadcast.pk}/preview/", follow=True)
        assert "Link your chat" in text(asked.content)
        code = self.code(desk, broadcast)

        answer = road.say(anna, f"/start link_{code}")

        assert "Nachrichten für das Mitarbeiterkonto operator" in answer["text"]
        address = f"{LIST}{broadcast.pk}/preview/"
        assert "The broadcast is on its way to" in submit(desk, address, {"confirm": "1"})
        for _ in range(3):  # One chat takes a message a second.
            road.send()
            clock.shift(timedelta(seconds=2))
        texts = [message.get("text") for message in road.sandbox.chat(anna)]
        assert [one for one in texts if one in ("Hallo!", "Hello!", "Привіт!")] == [
            "Hallo!",
            "Hello!",
            "Привіт!",
        ]

    def test_nobody_names_a_chat(self, desk: Client) -> None:
        PlayerFactory.create(telegram_id=4711)
        form = {"next": LIST, "telegram_id": "4711", "confirm": "1"}

        submit(desk, f"{LIST}me/", form)

        assert not StaffPlayer.objects.exists()
        assert not OutgoingCall.objects.exists()

    def test_a_linked_chat_is_unlinked(self, desk: Client) -> None:
        own = PlayerFactory.create(username="op")
        StaffPlayer.objects.create(user=operator(), player=own)

        page = text(desk.get(f"{LIST}me/").content)
        assert "Your test messages go to @op." in page
        assert "Your chat is unlinked." in submit(desk, f"{LIST}me/", {"confirm": "1"})

        assert not StaffPlayer.objects.exists()

    def test_it_leads_nowhere_else(self, desk: Client) -> None:
        form = {"next": "https://example.org/", "confirm": "1"}

        assert desk.post(f"{LIST}me/", form).headers["Location"] == LIST


class TestProgress:
    def test_it_shows_what_has_come_of_it_and_follows(self, desk: Client) -> None:
        PlayerFactory.create_batch(4)
        broadcast = start()
        for number, (state, error) in enumerate(
            [("SENT", ""), ("SENT", ""), ("REFUSED", "Forbidden: blocked")]
        ):
            call = OutgoingCall.objects.order_by("pk")[number]
            OutgoingCall.objects.filter(pk=call.pk).update(
                state="SENDING", claimed_at=timezone.now()
            )
            OutgoingCall.objects.filter(pk=call.pk).update(
                state=state, error=error, finished_at=timezone.now()
            )
        job(broadcast)

        answer = desk.get(f"{LIST}{broadcast.pk}/progress/?seen=RUNNING")

        shown = text(answer.content)
        assert "3 of 4" in shown
        assert "2 sent 1 have blocked the bot 1 left" in shown
        assert "every 2s" in answer.content.decode()
        assert "HX-Refresh" not in answer.headers

    def test_the_page_is_loaded_again_when_the_status_has_changed(self, desk: Client) -> None:
        broadcast = start()

        answer = desk.get(f"{LIST}{broadcast.pk}/progress/?seen=RUNNING")

        assert answer.headers["HX-Refresh"] == "true"
        assert "every 2s" not in answer.content.decode()

    def test_recipients_one_by_one_without_counting(self, desk: Client) -> None:
        players = PlayerFactory.create_batch(3)
        broadcast = start()
        address = f"/admin/bot/broadcastrecipient/?broadcast__id__exact={broadcast.pk}"

        with CaptureQueriesContext(connection) as queries:
            shown = page(desk, address)

        assert all(f"@{player.username}" in shown for player in players)
        assert not [query for query in queries if "COUNT(" in query["sql"]]
        assert f"@{players[0].username}" not in page(desk, f"{address}&outcome=SENT")
        found = page(desk, f"/admin/bot/broadcastrecipient/?q={players[1].telegram_id}")
        assert f"@{players[1].username}" in found
        assert f"@{players[0].username}" not in found

    def test_the_list_is_read_from_its_indexes(self) -> None:
        PlayerFactory.create()
        broadcast = start()
        rows = BroadcastRecipient.objects.filter(broadcast=broadcast)

        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_sort = off")
            plans = [
                rows.order_by("-broadcast", "-player")[:50].explain(),
                rows.filter(outcome="PENDING").order_by("pk")[:140].explain(),
                rows.filter(outcome="QUEUED").explain(),
            ]

        assert "recipient_once_per_broadcast" in plans[0]
        assert "recipient_by_outcome" in plans[1]
        assert "recipient_queued" in plans[2]

    def test_the_outcomes_leave_as_csv(self, desk: Client) -> None:
        player = PlayerFactory.create(telegram_id=4711, username="anna")
        broadcast = start()

        answer: Any = desk.get(f"{LIST}{broadcast.pk}/export/")
        content = b"".join(answer.streaming_content).decode()

        assert content == (
            f"\ufefftelegram_id,username,outcome,finished_at (Europe/Berlin)\r\n"
            f"4711,{player.username},QUEUED,\r\n"
        )
        assert AuditEntry.objects.latest("pk").action == "broadcast.exported"

    def test_a_player_s_story_tells_of_broadcasts(self, client: Client) -> None:
        client.force_login(make_staff("Support"))
        player = PlayerFactory.create()
        broadcast = start()

        shown = page(client, f"/admin/players/player/{player.pk}/change/")

        assert outcomes(broadcast) == ["QUEUED"]
        assert "Hello on its way" in shown


class TestWhoMayDoWhat:
    @pytest.mark.parametrize(
        "address",
        ["add/", "add/check/", "me/", "{pk}/edit/", "{pk}/preview/", "{pk}/stop/decide/"],
    )
    def test_support_sees_and_does_not_send(self, client: Client, address: str) -> None:
        broadcast = make_broadcast()
        client.force_login(make_staff("Support"))

        assert client.get(f"{LIST}{broadcast.pk}/change/").status_code == 200
        assert client.get(LIST + address.format(pk=broadcast.pk)).status_code == 403
