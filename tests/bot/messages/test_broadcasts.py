"""Broadcasts: to whom, what, and that it continues wherever it was interrupted."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError
from django.db.models import QuerySet
from django.utils import timezone
from pytest_django.fixtures import Settings

from bot import tasks
from bot.chat import reminder_settings
from bot.chat.models import StaffPlayer
from bot.messages import broadcast_job, broadcasts
from bot.messages.broadcast_job import AHEAD
from bot.messages.broadcasts import (
    Action,
    ChangedMeanwhileError,
    IllegalMoveError,
    IncompleteError,
    NoPlayerError,
)
from bot.messages.models import (
    BROADCAST_MOVES,
    DELIVERED_MOVES,
    Broadcast,
    BroadcastRecipient,
    BroadcastStatus,
    Delivered,
)
from bot.queue import outbox
from bot.queue.models import Lane, OutgoingCall, RateLimit
from economy import streaks
from economy.goods import Goods, Plan
from economy.grants import grant
from economy.models import EntryType, Source
from quizarena.players.models import Player
from quizarena.staff import approvals
from quizarena.staff.errors import BadReasonError, ChangedError, RefusedError
from quizarena.staff.models import Alert, ApprovalOutcome, ApprovalRequest, AuditEntry
from tests.bot.messages.broadcast_steps import do, job, make_broadcast, operator, outcomes, start
from tests.concurrency import meet_after, run_together
from tests.conftest import Road
from tests.factories import OutgoingCallFactory, PlayerFactory, make_staff
from tests.killing import kill_at
from tests.owner import behind_the_guards
from tests.sandbox import buttons

pytestmark = pytest.mark.django_db


def names(broadcast: Broadcast) -> list[str]:
    """Return the first names of those whom the broadcast is for now."""
    players = broadcasts.segment(broadcast, now=timezone.now()).order_by("first_name")
    return list(players.values_list("first_name", flat=True))


def end_calls(state: str = "SENT", *, limit: int | None = None, error: str = "") -> None:
    """Let the calls that wait end so, as if a sender had made them."""
    waiting = OutgoingCall.objects.filter(state="PENDING").order_by("pk")[:limit]
    pks = list(waiting.values_list("pk", flat=True))
    calls = OutgoingCall.objects.filter(pk__in=pks)
    calls.update(state="SENDING", claimed_at=timezone.now())
    if state != "SENDING":
        calls.update(state=state, finished_at=timezone.now(), error=error)


class TestSegments:
    def test_who_cannot_or_does_not_want_to_be_reached_is_left_out(self) -> None:
        now = timezone.now()
        PlayerFactory.create(first_name="Blocked", bot_blocked_at=now)
        PlayerFactory.create(first_name="Suspended", suspended_at=now)
        mute = PlayerFactory.create(first_name="Mute")
        reminder_settings.change(player=mute, news=False)
        chosen = PlayerFactory.create(first_name="Other settings")
        reminder_settings.change(player=chosen, streak_risk=True)
        PlayerFactory.create(first_name="Without settings")

        assert names(make_broadcast()) == ["Other settings", "Without settings"]

    def test_by_language(self) -> None:
        for language in ("de", "en", "uk"):
            PlayerFactory.create(first_name=language, language=language)

        assert names(make_broadcast(for_language="uk")) == ["uk"]

    @pytest.mark.parametrize(
        ("terms", "expected"),
        [
            ({"for_active_days": 1}, ["0"]),
            ({"for_active_days": 3}, ["0", "2"]),
            ({"for_lapsed_days": 2}, ["2", "7"]),
            ({"for_lapsed_days": 3}, ["7"]),
        ],
    )
    def test_by_the_last_business_day_with_an_answer(
        self, terms: dict[str, int], expected: list[str]
    ) -> None:
        PlayerFactory.create(first_name="never")
        for days in (0, 2, 7):
            player = PlayerFactory.create(first_name=str(days))
            streaks.record_activity(player=player, now=timezone.now() - timedelta(days=days))

        assert names(make_broadcast(**terms)) == expected

    @pytest.mark.parametrize(("wanted", "expected"), [(True, ["Premium"]), (False, ["free"])])
    def test_by_premium(self, wanted: bool, expected: list[str]) -> None:
        PlayerFactory.create(first_name="free")
        grant(
            player=PlayerFactory.create(first_name="Premium"),
            goods=Goods(premium=Plan.MONTH, premium_days=30),
            type=EntryType.PRIZE,
            source=Source.SYSTEM,
            key="prize",
            now=timezone.now(),
        )

        assert names(make_broadcast(for_premium=wanted)) == expected

    def test_by_having_paid(self) -> None:
        PlayerFactory.create(first_name="free")

        assert names(make_broadcast(for_paid=False)) == ["free"]
        assert names(make_broadcast(for_paid=True)) == []

    def test_a_forecast_is_28_a_second(self) -> None:
        assert broadcasts.forecast(20_160) == timedelta(minutes=12)


class TestTexts:
    def test_every_language_that_the_segment_reaches_needs_its_text(self) -> None:
        broadcast = make_broadcast(text_uk="")

        with pytest.raises(IncompleteError, match=r"There is no text\."):
            do(Action.SCHEDULE, broadcast)

    def test_a_segment_of_one_language_needs_that_one(self) -> None:
        PlayerFactory.create(language="uk")
        broadcast = start(text_de="", text_en="", for_language="uk")

        assert OutgoingCall.objects.get().parameters["text"] == "<b>Привіт!</b>"
        assert broadcast.status == "RUNNING"

    @pytest.mark.parametrize(
        ("terms", "field"),
        [
            ({"text_en": "<b>Hello"}, "text_en"),
            ({"screen": "shop", "label_de": "Los", "label_en": "Go"}, "label_uk"),
            ({"text_de": "x" * 4097}, "text_de"),
            ({"url": "https://", "label_de": "L", "label_en": "R", "label_uk": "Ч"}, "url"),
            (
                {"url": "https://a b.org", "label_de": "L", "label_en": "R", "label_uk": "Ч"},
                "url",
            ),
        ],
    )
    def test_what_keeps_it_from_being_sent(self, terms: dict[str, str], field: str) -> None:
        assert list(broadcasts.faults(make_broadcast(**terms))) == [field]

    def test_each_reads_it_in_their_language_with_a_way_out_of_more(self) -> None:
        for language in ("de", "en", "uk"):
            PlayerFactory.create(language=language)

        start(screen="shop", label_de="Zum Laden", label_en="Shop", label_uk="Крамниця")

        calls = list(OutgoingCall.objects.order_by("pk"))
        assert [call.parameters["text"] for call in calls] == [
            "<b>Hallo!</b>",
            "<b>Hello!</b>",
            "<b>Привіт!</b>",
        ]
        assert {call.lane for call in calls} == {Lane.BULK}
        shop, out = buttons(calls[1].parameters)
        assert (shop["text"], shop["callback_data"]) == ("Shop", "shop")
        assert (out["text"], out["callback_data"]) == ("🔕 No more news", "nonews")

    def test_a_button_may_lead_out_of_telegram(self) -> None:
        PlayerFactory.create(language="en")

        start(url="https://example.org/", label_de="L", label_en="Read", label_uk="Ч")

        (button, _) = buttons(OutgoingCall.objects.get().parameters)
        assert (button["text"], button["url"]) == ("Read", "https://example.org/")


class TestLife:
    def test_it_starts_when_it_is_scheduled_for(self) -> None:
        PlayerFactory.create()
        broadcast = make_broadcast()
        do(Action.SCHEDULE, broadcast, at=timezone.now() + timedelta(hours=1))

        job(broadcast)
        assert broadcast.status == "SCHEDULED"

        Broadcast.objects.update(scheduled_at=timezone.now())
        job(broadcast)
        assert broadcast.status == "RUNNING"
        assert (broadcast.recipients, outcomes(broadcast)) == (1, ["QUEUED"])

    def test_whoever_finds_it_due_looks_again_under_its_lock(self) -> None:
        PlayerFactory.create()
        broadcast = make_broadcast()
        do(Action.SCHEDULE, broadcast, at=timezone.now() + timedelta(hours=1))

        # As if it had been put off after it was found.
        broadcast_job._continue(broadcast.pk)

        broadcast.refresh_from_db()
        assert broadcast.status == "SCHEDULED"

    def test_it_is_done_when_everybody_has_an_outcome(self) -> None:
        PlayerFactory.create_batch(3)
        broadcast = start()
        end_calls(limit=2)

        assert job(broadcast) == 2
        assert (broadcast.status, broadcast.sent, broadcast.left) == ("RUNNING", 2, 1)

        end_calls()
        assert job(broadcast) == 1
        assert (broadcast.status, broadcast.sent, broadcast.left) == ("DONE", 3, 0)

    def test_a_broadcast_to_nobody_is_done_at_once(self) -> None:
        assert start().status == "DONE"

    @pytest.mark.parametrize(
        ("state", "error", "outcome"),
        [
            ("SENT", "", "SENT"),
            ("REFUSED", "Forbidden: bot was blocked by the user", "BLOCKED"),
            ("REFUSED", "Bad Request: chat not found", "REFUSED"),
            ("GIVEN_UP", "Bad Gateway", "GIVEN_UP"),
            ("MAYBE_SENT", "no answer", "MAYBE_SENT"),
        ],
    )
    def test_how_a_call_ended_is_how_the_recipient_fared(
        self, state: str, error: str, outcome: str
    ) -> None:
        PlayerFactory.create()
        broadcast = start()
        end_calls(state, error=error)

        job(broadcast)

        assert outcomes(broadcast) == [outcome]
        assert getattr(broadcast, outcome.lower()) == 1
        assert broadcast.status == "DONE"

    def test_the_outcome_outlives_the_call(self) -> None:
        PlayerFactory.create()
        broadcast = start()
        end_calls()
        job(broadcast)

        outbox.purge(before=timezone.now() + timedelta(days=31), limit=10)

        assert not OutgoingCall.objects.exists()
        assert outcomes(broadcast) == ["SENT"]

    def test_a_call_that_is_gone_was_maybe_sent(self) -> None:
        PlayerFactory.create()
        broadcast = start()
        OutgoingCall.objects.all().delete()

        job(broadcast)

        assert outcomes(broadcast) == ["MAYBE_SENT"]
        assert (broadcast.status, broadcast.maybe_sent) == ("DONE", 1)

    def test_the_outbox_holds_five_seconds_of_it(self) -> None:
        PlayerFactory.create_batch(AHEAD + 10)
        broadcast = start()

        assert OutgoingCall.objects.count() == 140
        assert outcomes(broadcast).count("PENDING") == 10
        end_calls(limit=4)
        job(broadcast)
        assert OutgoingCall.objects.filter(state="PENDING").count() == 140

    def test_reminders_come_first(self) -> None:
        PlayerFactory.create_batch(5)
        OutgoingCallFactory.create_batch(138, lane=Lane.BULK)

        assert outcomes(start()).count("QUEUED") == 2

    def test_two_at_once_share_the_room(self) -> None:
        PlayerFactory.create_batch(100)
        one, two = make_broadcast(), make_broadcast()
        for broadcast in (one, two):
            do(Action.SCHEDULE, broadcast)
        job()
        job()

        assert outcomes(two).count("QUEUED") >= 40
        assert OutgoingCall.objects.count() == 140

    def test_who_blocks_the_bot_in_the_middle_is_left_out(self) -> None:
        players = PlayerFactory.create_batch(AHEAD + 3)
        broadcast = start()
        blocked, suspended, mute = players[-3:]
        Player.objects.filter(pk=blocked.pk).update(bot_blocked_at=timezone.now())
        Player.objects.filter(pk=suspended.pk).update(suspended_at=timezone.now())
        reminder_settings.change(player=mute, news=False)
        end_calls()

        job(broadcast)

        assert outcomes(broadcast)[-3:] == ["LEFT_OUT"] * 3
        assert (broadcast.status, broadcast.left_out) == ("DONE", 3)

    def test_the_list_is_made_page_by_page(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(broadcast_job, "PAGE", 4)
        PlayerFactory.create_batch(9)
        broadcast = make_broadcast()
        do(Action.SCHEDULE, broadcast)

        job(broadcast)

        assert (broadcast.recipients, broadcast.is_gathered) == (9, True)
        assert broadcast.cursor == Player.objects.latest("pk").pk


class TestPauseAndStop:
    def test_a_pause_takes_back_what_has_not_left(self) -> None:
        PlayerFactory.create_batch(5)
        broadcast = start()
        end_calls(limit=1)
        end_calls("SENDING", limit=1)

        do(Action.PAUSE, broadcast)

        assert outcomes(broadcast) == ["QUEUED", "QUEUED", "PENDING", "PENDING", "PENDING"]
        assert not OutgoingCall.objects.filter(state="PENDING").exists()

    def test_nothing_leaves_while_it_is_paused_but_what_ends_is_counted(self) -> None:
        PlayerFactory.create_batch(3)
        broadcast = start()
        end_calls("SENDING", limit=1)
        do(Action.PAUSE, broadcast)
        OutgoingCall.objects.update(state="SENT", finished_at=timezone.now())

        job(broadcast)

        assert (broadcast.status, broadcast.sent) == ("PAUSED", 1)
        assert outcomes(broadcast) == ["SENT", "PENDING", "PENDING"]

    def test_it_pauses_by_itself_when_telegram_takes_none_of_its_first_twenty(self) -> None:
        PlayerFactory.create_batch(30)
        broadcast = start()
        end_calls("REFUSED", limit=19, error="Bad Request: BUTTON_URL_INVALID")
        end_calls("REFUSED", limit=1, error="Forbidden: bot was blocked by the user")
        job(broadcast)
        assert broadcast.status == "RUNNING"

        end_calls("REFUSED", limit=1, error="Bad Request: BUTTON_URL_INVALID")
        job(broadcast)

        assert (broadcast.status, broadcast.refused, broadcast.left) == ("PAUSED", 20, 9)
        assert not OutgoingCall.objects.filter(state="PENDING").exists()
        alert = Alert.objects.get()
        assert (alert.kind, alert.summary) == (
            "broadcast_held",
            "Hello is paused. Telegram has refused the first 20 messages.",
        )

        do(Action.CONTINUE, broadcast)
        job(broadcast)
        alert.refresh_from_db()
        assert broadcast.status == "RUNNING"
        assert alert.resolved_at is not None

    def test_refusals_after_one_has_arrived_do_not_stop_it(self) -> None:
        PlayerFactory.create_batch(30)
        broadcast = start()
        end_calls(limit=1)
        end_calls("REFUSED", limit=25, error="Bad Request: chat not found")

        job(broadcast)

        assert (broadcast.status, broadcast.refused) == ("RUNNING", 25)

    def test_it_continues_with_those_who_are_left(self) -> None:
        PlayerFactory.create_batch(3)
        broadcast = start()
        end_calls(limit=1)
        do(Action.PAUSE, broadcast)
        do(Action.CONTINUE, broadcast)
        job(broadcast)
        end_calls()
        job(broadcast)

        assert (broadcast.status, broadcast.sent) == ("DONE", 3)
        chats = list(OutgoingCall.objects.values_list("chat_key", flat=True))
        assert len(chats) == len(set(chats)) == 3

    def test_what_may_have_arrived_is_not_taken_back(self) -> None:
        PlayerFactory.create()
        broadcast = start()
        OutgoingCall.objects.update(delivery_uncertain=True)

        do(Action.PAUSE, broadcast)

        assert outcomes(broadcast) == ["QUEUED"]

    def test_stopped_is_stopped(self) -> None:
        PlayerFactory.create_batch(3)
        broadcast = start()
        end_calls(limit=1)
        do(Action.STOP, broadcast)
        job(broadcast)

        assert (broadcast.status, broadcast.sent, broadcast.left) == ("STOPPED", 1, 2)
        with pytest.raises(IllegalMoveError):
            do(Action.CONTINUE, broadcast)

    def test_a_withdrawn_one_is_a_draft_again(self) -> None:
        broadcast = make_broadcast()
        do(Action.SCHEDULE, broadcast, at=timezone.now() + timedelta(hours=1))
        do(Action.WITHDRAW, broadcast)

        assert (broadcast.status, broadcast.scheduled_at) == ("DRAFT", None)


class TestTwoOperators:
    def test_whoever_looks_at_an_old_page_does_nothing(self) -> None:
        PlayerFactory.create()
        broadcast = start()

        with pytest.raises(ChangedMeanwhileError, match="it is running now"):
            do(Action.STOP, broadcast, seen_at=broadcast.created_at)

        assert broadcast.status == "RUNNING"

    @pytest.mark.parametrize("approval_above", [0, 10])
    def test_nobody_sends_what_somebody_else_has_written_meanwhile(
        self, settings: Settings, approval_above: int
    ) -> None:
        settings.BROADCAST_APPROVAL_PLAYERS = approval_above
        PlayerFactory.create()
        broadcast = make_broadcast()
        seen_at = broadcast.changed_at
        broadcasts.edit(
            broadcast_id=broadcast.pk,
            terms={"text_de": "Anders"},
            seen_at=seen_at,
            staff=operator(),
            now=timezone.now(),
        )

        with pytest.raises(ChangedMeanwhileError, match="broadcast meanwhile; it is draft now"):
            do(Action.SCHEDULE, broadcast, seen_at=seen_at)

        broadcast.refresh_from_db()
        assert broadcast.status == "DRAFT"
        assert not ApprovalRequest.objects.exists()

    def test_a_draft_that_somebody_else_has_changed_is_not_overwritten(self) -> None:
        broadcast = make_broadcast()
        seen_at = broadcast.changed_at
        change: Callable[..., Any] = partial(
            broadcasts.edit, broadcast_id=broadcast.pk, seen_at=seen_at, staff=operator()
        )
        change(terms={"name": "One"}, now=timezone.now())

        with pytest.raises(ChangedMeanwhileError):
            change(terms={"name": "Two"}, now=timezone.now())

    def test_only_a_draft_changes(self) -> None:
        broadcast = make_broadcast()
        do(Action.SCHEDULE, broadcast, at=timezone.now() + timedelta(hours=1))

        with pytest.raises(IllegalMoveError):
            broadcasts.edit(
                broadcast_id=broadcast.pk,
                terms={"name": "Two"},
                seen_at=broadcast.changed_at,
                staff=operator(),
                now=timezone.now(),
            )

    def test_one_page_makes_one_broadcast(self) -> None:
        broadcast = make_broadcast()
        again = Broadcast(key=broadcast.key, name="Hello")

        same, is_new = broadcasts.create(broadcast=again, staff=operator(), now=timezone.now())

        assert (same, is_new) == (broadcast, False)

    def test_a_reason_is_needed_and_kept(self) -> None:
        broadcast = make_broadcast()

        with pytest.raises(BadReasonError):
            do(Action.STOP, broadcast, reason=" ")
        do(Action.STOP, broadcast, reason="A typing error.")

        entry = AuditEntry.objects.latest("pk")
        assert (entry.action, entry.summary) == (
            "broadcast.stopped",
            "Hello: stopped. A typing error.",
        )


class TestSecondPerson:
    @pytest.fixture(autouse=True)
    def _small(self, settings: Settings) -> None:
        settings.BROADCAST_APPROVAL_PLAYERS = 2

    def test_a_broadcast_to_many_waits_for_somebody_else(self) -> None:
        PlayerFactory.create_batch(3)
        broadcast = make_broadcast()

        request = do(Action.SCHEDULE, broadcast)

        assert isinstance(request, ApprovalRequest)
        assert broadcast.status == "DRAFT"
        approvals.approve(
            request_id=request.pk, checker=make_staff("Administrator"), now=timezone.now()
        )
        broadcast.refresh_from_db()
        assert broadcast.status == "SCHEDULED"

    def test_at_the_threshold_nobody_is_asked(self) -> None:
        PlayerFactory.create_batch(2)
        broadcast = make_broadcast()

        assert isinstance(do(Action.SCHEDULE, broadcast), Broadcast)

    def test_what_one_person_sends_on_a_day_is_added_up(self) -> None:
        PlayerFactory.create_batch(1, language="uk")
        PlayerFactory.create_batch(2, language="de")
        one, two = make_broadcast(for_language="uk"), make_broadcast(for_language="de")
        later = make_broadcast(for_language="de")

        assert isinstance(do(Action.SCHEDULE, one), Broadcast)
        request = do(Action.SCHEDULE, two)

        assert isinstance(request, ApprovalRequest)
        assert [
            "Players",
            "more than 2, together with what the same person sends on that day",
        ] in request.preview
        # Another day begins anew.
        tomorrow = timezone.now() + timedelta(days=1)
        assert isinstance(do(Action.SCHEDULE, later, at=tomorrow), Broadcast)

    @pytest.mark.out_of_order
    def test_whoever_comes_into_the_segment_meanwhile_is_counted(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        PlayerFactory.create_batch(2)
        broadcast = make_broadcast()
        lock = broadcasts.lock

        def lock_later(broadcast_id: int) -> Broadcast:
            PlayerFactory.create()
            return lock(broadcast_id)

        monkeypatch.setattr(broadcasts, "lock", lock_later)

        with pytest.raises(ChangedMeanwhileError, match="a second person has to approve it"):
            do(Action.SCHEDULE, broadcast)

        broadcast.refresh_from_db()
        assert broadcast.status == "DRAFT"

    def test_one_that_has_outgrown_one_person_is_a_draft_again_when_it_would_start(self) -> None:
        PlayerFactory.create_batch(2)
        broadcast = make_broadcast()
        do(Action.SCHEDULE, broadcast)
        PlayerFactory.create()

        job(broadcast)

        assert (broadcast.status, broadcast.scheduled_at) == ("DRAFT", None)
        assert not OutgoingCall.objects.exists()
        entry, alert = AuditEntry.objects.latest("pk"), Alert.objects.get()
        assert (entry.action, entry.actor) == ("broadcast.draft", None)
        assert (alert.kind, alert.subject_id) == ("broadcast_held", str(broadcast.pk))
        assert alert.summary == (
            "Hello is draft. It reaches more players than who scheduled it reaches alone: "
            "a second person has to approve it."
        )

        request = do(Action.SCHEDULE, broadcast)
        assert isinstance(request, ApprovalRequest)
        PlayerFactory.create()
        approvals.approve(
            request_id=request.pk, checker=make_staff("Administrator"), now=timezone.now()
        )
        # Nothing has left yet.
        assert ApprovalOutcome.objects.get().text == "By administrator. It is under way."
        job(broadcast)
        alert.refresh_from_db()
        assert (broadcast.status, broadcast.recipients) == ("RUNNING", 4)
        assert alert.resolved_at is not None

    def test_a_withdrawn_one_has_to_be_approved_again(self) -> None:
        PlayerFactory.create_batch(3)
        broadcast = make_broadcast()
        request = do(Action.SCHEDULE, broadcast, at=timezone.now() + timedelta(hours=1))
        assert isinstance(request, ApprovalRequest)
        approvals.approve(
            request_id=request.pk, checker=make_staff("Administrator"), now=timezone.now()
        )
        do(Action.WITHDRAW, broadcast)

        assert isinstance(do(Action.SCHEDULE, broadcast), ApprovalRequest)

    def test_an_approval_after_its_time_sends_nothing(self) -> None:
        PlayerFactory.create_batch(3)
        broadcast = make_broadcast()
        at = timezone.now() + timedelta(hours=1)
        request = do(Action.SCHEDULE, broadcast, at=at)
        assert isinstance(request, ApprovalRequest)

        with pytest.raises(RefusedError, match="Choose another one"):
            approvals.approve(request_id=request.pk, checker=make_staff("Administrator"), now=at)

        broadcast.refresh_from_db()
        assert broadcast.status == "DRAFT"
        # approve() has refused before it came to this, which looks again under the lock.
        with pytest.raises(IllegalMoveError, match="Choose another one"):
            broadcasts._start_approved(request=request, now=at)

    def test_a_button_that_was_named_anew_is_not_approved(self) -> None:
        PlayerFactory.create_batch(3)
        broadcast = make_broadcast(screen="shop", label_de="L", label_en="Shop", label_uk="К")
        request = do(Action.SCHEDULE, broadcast)
        assert isinstance(request, ApprovalRequest)
        Broadcast.objects.update(label_en="Free money")

        with pytest.raises(ChangedError):
            approvals.approve(
                request_id=request.pk, checker=make_staff("Administrator"), now=timezone.now()
            )

    def test_what_was_changed_since_is_not_approved(self) -> None:
        PlayerFactory.create_batch(3)
        broadcast = make_broadcast()
        request = do(Action.SCHEDULE, broadcast)
        assert isinstance(request, ApprovalRequest)
        Broadcast.objects.update(text_de="<b>Anders</b>")

        with pytest.raises(ChangedError):
            approvals.approve(
                request_id=request.pk, checker=make_staff("Administrator"), now=timezone.now()
            )


class TestPreview:
    def test_it_goes_to_the_member_of_staff_alone_in_every_language(self) -> None:
        PlayerFactory.create_batch(2)
        own = PlayerFactory.create()
        broadcast = make_broadcast()
        StaffPlayer.objects.create(user=operator(), player=own)

        broadcasts.preview(broadcast=broadcast, staff=operator())

        calls = OutgoingCall.objects.order_by("pk")
        assert {call.chat_key for call in calls} == {own.telegram_id}
        assert [call.parameters["text"] for call in calls] == [
            "<b>Hallo!</b>",
            "<b>Hello!</b>",
            "<b>Привіт!</b>",
        ]

    def test_somebody_has_to_link_their_chat(self) -> None:
        with pytest.raises(NoPlayerError):
            broadcasts.preview(broadcast=make_broadcast(), staff=operator())


class TestWatching:
    def test_one_that_does_not_come_further_is_an_alert_until_it_does(self) -> None:
        PlayerFactory.create()
        broadcast = start()
        Broadcast.objects.update(progressed_at=timezone.now() - timedelta(minutes=4, seconds=50))
        assert tasks.watch_broadcasts() == 0

        Broadcast.objects.update(progressed_at=timezone.now() - timedelta(minutes=5, seconds=1))
        assert tasks.watch_broadcasts() == 1
        alert = Alert.objects.get()
        assert (alert.kind, alert.key, alert.resolved_at) == (
            "broadcast_stuck",
            str(broadcast.pk),
            None,
        )

        end_calls()
        job(broadcast)
        assert tasks.watch_broadcasts() == 0
        alert.refresh_from_db()
        assert alert.resolved_at is not None

    def test_a_defect_in_one_holds_up_nobody(self, monkeypatch: pytest.MonkeyPatch) -> None:
        PlayerFactory.create()
        bad, good = make_broadcast(name="bad"), make_broadcast()
        for broadcast in (bad, good):
            do(Action.SCHEDULE, broadcast)
        message = broadcasts.message

        def fails(broadcast: Broadcast, *, language: str) -> Any:
            assert broadcast.name != "bad"
            return message(broadcast, language=language)

        monkeypatch.setattr(broadcasts, "message", fails)

        job(good)

        assert outcomes(good) == ["QUEUED"]


@contextmanager
def no_triggers() -> Iterator[None]:
    """Let the triggers stand aside for a superuser who says so; conditions stay."""
    with behind_the_guards():
        yield


class TestDatabaseSaysNo:
    @pytest.mark.parametrize(
        ("old", "new"),
        [
            (old, new)
            for old in BroadcastStatus.values
            for new in BroadcastStatus.values
            if old != new and (old, new) not in {(a.value, b.value) for a, b in BROADCAST_MOVES}
        ],
    )
    def test_every_other_move_is_refused(self, old: str, new: str) -> None:
        broadcast, now = make_broadcast(), timezone.now()
        with no_triggers():
            Broadcast.objects.update(
                status=old,
                scheduled_at=None if old == "DRAFT" else now,
                started_at=now,
                progressed_at=now,
                ended_at=now if old in ("DONE", "STOPPED") else None,
            )

        with pytest.raises(DatabaseError, match="Invalid transition"):
            Broadcast.objects.filter(pk=broadcast.pk).update(status=new)

    @pytest.mark.parametrize(
        ("fields", "rule"),
        [
            ({"status": "LOUD"}, "broadcast_status_is_known"),
            ({"text_de": "", "status": "SCHEDULED"}, "broadcast_says_something_to_everybody"),
            (
                {"for_language": "de", "text_de": "", "status": "SCHEDULED"},
                "broadcast_says_something_to_everybody",
            ),
            ({"screen": "shop", "status": "SCHEDULED"}, "broadcast_button_has_its_labels"),
            (
                {"screen": "shop", "url": "https://example.org"},
                "broadcast_button_leads_to_one_place",
            ),
            ({"url": "http://example.org"}, "broadcast_url_is_https"),
            ({"screen": "admin"}, "broadcast_screen_is_known"),
            (
                {"for_active_days": 3, "for_lapsed_days": 3},
                "broadcast_nobody_is_active_and_lapsed",
            ),
            ({"for_active_days": 0}, "broadcast_days_are_at_least_one"),
            ({"for_lapsed_days": 0}, "broadcast_days_are_at_least_one"),
            ({"status": "SCHEDULED", "scheduled_at": None}, "broadcast_scheduled_has_scheduled_at"),
            ({"is_approved": True}, "broadcast_draft_is_not_approved"),
            ({"status": "RUNNING"}, "broadcast_begun_has_started_at"),
            ({"status": "STOPPED"}, "broadcast_over_has_ended_at"),
            ({"sent": 1}, "broadcast_counts_its_recipients"),
        ],
    )
    def test_what_a_broadcast_cannot_be(self, fields: dict[str, Any], rule: str) -> None:
        broadcast = make_broadcast()
        row = {"scheduled_at": timezone.now()} if fields.get("status") else {}

        # The arrows stand aside, so that the conditions are seen.
        with pytest.raises(IntegrityError, match=rule), no_triggers():
            Broadcast.objects.filter(pk=broadcast.pk).update(**{**row, **fields})

    def test_what_is_scheduled_stays_as_it_was_written(self) -> None:
        broadcast = make_broadcast()
        do(Action.SCHEDULE, broadcast, at=timezone.now() + timedelta(hours=1))

        with pytest.raises(DatabaseError, match="stays once it is scheduled"):
            Broadcast.objects.filter(pk=broadcast.pk).update(text_de="Anders")

    @pytest.mark.usefixtures("owner")
    def test_none_is_ever_deleted(self) -> None:
        broadcast = make_broadcast()

        with pytest.raises(DatabaseError, match="Cannot delete"):
            Broadcast.objects.filter(pk=broadcast.pk).delete()

    def test_nobody_is_twice_on_a_list(self) -> None:
        player = PlayerFactory.create()
        broadcast = start()

        with pytest.raises(IntegrityError, match="recipient_once_per_broadcast"):
            BroadcastRecipient.objects.create(broadcast=broadcast, player=player)

    @pytest.mark.parametrize(
        ("fields", "rule"),
        [
            ({"outcome": "LOST", "finished_at": timezone.now()}, "recipient_outcome_is_known"),
            ({"outcome": "PENDING"}, "recipient_has_a_call_once_it_left"),
            ({"call": None}, "recipient_has_a_call_once_it_left"),
            ({"outcome": "SENT"}, "recipient_finished_has_finished_at"),
            ({"finished_at": timezone.now()}, "recipient_finished_has_finished_at"),
        ],
    )
    def test_what_a_recipient_cannot_be(self, fields: dict[str, Any], rule: str) -> None:
        PlayerFactory.create()
        start()

        with pytest.raises(IntegrityError, match=rule), no_triggers():
            BroadcastRecipient.objects.update(**fields)

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            (old, new)
            for old in ("SENT", "MAYBE_SENT", "LEFT_OUT")
            for new in Delivered.values
            if old != new
        ]
        + [("PENDING", "SENT")],
    )
    def test_an_outcome_is_final(self, old: str, new: str) -> None:
        assert (old, new) not in {(a.value, b.value) for a, b in DELIVERED_MOVES}
        PlayerFactory.create()
        start()
        has_left = old not in ("PENDING", "LEFT_OUT")
        with no_triggers():
            BroadcastRecipient.objects.update(
                outcome=old,
                call=OutgoingCall.objects.get() if has_left else None,
                finished_at=None if old == "PENDING" else timezone.now(),
            )

        with pytest.raises(DatabaseError, match="Invalid transition"):
            BroadcastRecipient.objects.update(outcome=new)


@pytest.mark.django_db(transaction=True)
class TestConcurrency:
    def run_twice(self, monkeypatch: pytest.MonkeyPatch) -> int:
        """Let two jobs continue one broadcast at once; return how many messages that makes."""
        PlayerFactory.create_batch(5)
        # The list would keep them apart, too: it is there before.
        with monkeypatch.context() as patch:
            patch.setattr(broadcast_job, "AHEAD", 0)
            start()
        meet_after(monkeypatch, broadcasts, "reachable")
        until = timezone.now() + timedelta(seconds=5)

        run_together(*[partial(broadcast_job.run, until=until)] * 2)

        return OutgoingCall.objects.count()

    def test_two_jobs_at_once_send_each_player_one_message(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert self.run_twice(monkeypatch) == 5

    def test_without_the_lock_they_would_send_two(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Show that the test above can fail: take the lock away, and it must."""
        monkeypatch.setattr(QuerySet, "select_for_update", lambda rows, **_: rows)
        assert self.run_twice(monkeypatch) == 10

    @pytest.mark.parametrize(
        "point",
        [
            "after bot.messages.broadcast_job:_start_if_due",
            "after bot.messages.broadcast_job:_gather",
            "before bot.messages.broadcast_job:_fill",
            "after bot.messages.broadcast_job:_fill",
            "after bot.messages.broadcast_job:_record_outcomes",
            "after bot.messages.broadcast_job:_continue",
        ],
    )
    def test_a_job_that_is_killed_is_taken_over(self, point: str) -> None:
        PlayerFactory.create_batch(AHEAD + 5)
        broadcast = make_broadcast()
        do(Action.SCHEDULE, broadcast)

        kill_at(point, step="broadcast")
        while broadcast.status != "DONE":
            job(broadcast)
            end_calls()

        assert outcomes(broadcast) == ["SENT"] * 145
        assert (broadcast.recipients, broadcast.sent) == (145, 145)
        chats = list(OutgoingCall.objects.values_list("chat_key", flat=True))
        assert len(chats) == len(set(chats)) == 145

    def test_a_pause_and_the_job_come_one_after_the_other(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        PlayerFactory.create_batch(5)
        broadcast = start()
        until = timezone.now() + timedelta(seconds=5)
        meet_after(monkeypatch, outbox, "bulk_room")

        run_together(partial(broadcast_job.run, until=until), partial(do, Action.PAUSE, broadcast))
        job(broadcast)

        assert broadcast.status == "PAUSED"
        assert outcomes(broadcast) == ["PENDING"] * 5
        assert not OutgoingCall.objects.exists()


class TestOnThePhone:
    def test_no_more_news_by_one_tap(self, road: Road) -> None:
        anna = road.sandbox.add_player("Anna", language_code="en")
        road.say(anna, "/start")
        broadcast = start(screen="shop", label_de="L", label_en="Shop", label_uk="К")
        RateLimit.objects.all().delete()
        road.send()
        job(broadcast)

        assert outcomes(broadcast) == ["SENT"]
        message = road.tap(anna, "🔕 No more news")
        assert message["text"] == "Hello!"
        assert [button["text"] for button in buttons(message)] == ["Shop"]
        assert names(make_broadcast()) == []
        assert "no more news" in road.sandbox.toasts(anna)[-1]["text"]

    def test_the_button_opens_its_screen(self, road: Road) -> None:
        anna = road.sandbox.add_player("Anna", language_code="en")
        road.say(anna, "/start")
        start(screen="settings", label_de="L", label_en="Choose", label_uk="К")
        RateLimit.objects.all().delete()
        road.send()

        assert "Settings" in road.tap(anna, "Choose")["text"]

    def test_who_has_blocked_the_bot_is_known_from_then_on(self, road: Road) -> None:
        anna = road.sandbox.add_player("Anna", language_code="en")
        road.say(anna, "/start")
        road.sandbox.block(anna)
        broadcast = start()
        RateLimit.objects.all().delete()
        road.send()
        job(broadcast)

        assert outcomes(broadcast) == ["BLOCKED"]
