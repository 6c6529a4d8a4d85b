"""Alerts out of the house, against a receiver over real HTTP that refuses, hangs and limits."""

import json
import logging
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, IntegrityError, transaction
from django.test import Client
from pytest_django.fixtures import Settings

from bot.chat.models import StaffPlayer
from bot.models import OutgoingCall
from quizarena import web_guard
from quizarena.redaction import redact
from quizarena.staff import alert_delivery, alert_messages, alert_routing, alerts
from quizarena.staff.alert_delivery import deliver_due
from quizarena.staff.alert_models import AlertChannel, DeliveryState, Severity
from quizarena.staff.errors import (
    AlertResolvedError,
    ChannelNotConfiguredError,
    DeliveryNotFailedError,
)
from quizarena.staff.models import Alert, AlertDelivery, AlertRoute, AuditEntry
from tests.concurrency import meet_after, run_together
from tests.factories import PlayerFactory, make_staff
from tests.fresh_settings import load
from tests.test_settings import COMPLETE

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SECRET = "a-secret-of-the-webhook-of-tests"
PAGE = "/admin/staff/alertroute/"


class Receiver:
    """Slack, PagerDuty and a webhook in one, on a free port of this machine.

    `answers` are by path what it answers next: a status, a status with Retry-After, or "hang" and
    "drip", which end with the client's patience. What is not scripted is answered 202.
    """

    def __init__(self) -> None:
        self.answers: dict[str, list[Any]] = {}
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        self.over = Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append((self.path, dict(self.headers), body))
                script = receiver.answers.get(self.path, [])
                answer = script.pop(0) if script else 202
                if answer == "hang":
                    receiver.over.wait()
                    return
                if answer == "drip":
                    # Never silent for long, and never done.
                    with suppress(OSError):
                        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
                        while not receiver.over.wait(0.05):
                            self.wfile.write(b"X-Drip: 1\r\n")
                    return
                status, headers = answer if isinstance(answer, tuple) else (answer, {})
                self.send_response(status)
                for name, value in {"Content-Length": "0", **headers}.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def close(self) -> None:
        self.over.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def of(self, path: str) -> list[Any]:
        """Return the bodies that have come to the path."""
        return [json.loads(body) for where, _, body in self.got if where == path]


@pytest.fixture
def receiver(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """Return a receiver to which three channels point."""
    made = Receiver()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    settings.PUBLIC_URL = "https://quiz.example.org/"
    settings.DOCUMENTATION_URL = "https://docs.example.org/main"
    settings.ALERT_SLACK_WEBHOOK_URL = f"{made.url}/slack"
    settings.ALERT_PAGERDUTY_ROUTING_KEY = "a-routing-key"
    settings.ALERT_PAGERDUTY_URL = f"{made.url}/pagerduty"
    settings.ALERT_WEBHOOK_URL = f"{made.url}/webhook"
    settings.ALERT_WEBHOOK_SECRET = SECRET
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Declare one trouble of each severity."""
    monkeypatch.setattr(alerts, "kinds", {})
    for severity in Severity:
        alerts.declare(
            kind=f"a_{severity.label}",
            label=f"A {severity.label} thing",
            runbook="docs/runbooks/payments.md",
            severity=severity,
        )


def happen(severity: str = "critical", *, key: str = "purchase:12", now: datetime = NOON) -> Alert:
    """Raise an alert of that severity."""
    return alerts.raise_alert(
        kind=f"a_{severity}",
        key=key,
        summary="Anna & <Bert> paid twice.",
        details={"charge_id": "a-charge"},
        now=now,
    )


def work(now: datetime = NOON) -> int:
    """Do what the job does, without an end of its time."""
    with time_machine.travel(now):
        return deliver_due(now=now, until=now + timedelta(hours=1))


def states() -> dict[tuple[str, str], str]:
    """Return how far each delivery has come."""
    return {(one.channel, one.event): one.state for one in AlertDelivery.objects.all()}


@pytest.mark.django_db
class TestRouting:
    @pytest.mark.parametrize(
        ("severity", "paths"),
        [
            ("critical", ["/pagerduty", "/slack", "/webhook"]),
            ("warning", ["/slack", "/webhook"]),
            ("info", ["/slack", "/webhook"]),
        ],
    )
    def test_who_gets_it_hangs_on_the_severity(
        self, receiver: Receiver, severity: str, paths: list[str]
    ) -> None:
        happen(severity)

        work()

        assert sorted(path for path, _, _ in receiver.got) == paths

    def test_what_is_not_configured_is_not_written_down(self) -> None:
        happen()

        assert not AlertDelivery.objects.exists()

    def test_however_often_it_happens_it_leaves_once_and_is_resolved_once(
        self, receiver: Receiver
    ) -> None:
        for minute in range(3):
            happen(now=NOON + minute * MINUTE)
        work()
        for minute in range(3, 5):
            alerts.resolve(kind="a_critical", key="purchase:12", now=NOON + minute * MINUTE)
        work(NOON + 5 * MINUTE)

        assert [one["event_action"] for one in receiver.of("/pagerduty")] == ["trigger", "resolve"]
        assert [one["event"] for one in receiver.of("/webhook")] == [
            "alert.raised",
            "alert.resolved",
        ]
        assert len(receiver.of("/slack")) == 2
        assert work(NOON + timedelta(days=2)) == 0

    def test_what_somebody_resolves_by_hand_is_resolved_outside(self, receiver: Receiver) -> None:
        alert = happen()
        staff = make_staff("Support")

        alerts.resolve_by_hand(alert_id=alert.pk, staff=staff, reason="Refunded.", now=NOON)
        work()

        assert [one["event_action"] for one in receiver.of("/pagerduty")] == ["trigger", "resolve"]

    def test_a_transaction_that_is_rolled_back_sends_nothing(self, receiver: Receiver) -> None:
        with suppress(ZeroDivisionError), transaction.atomic():
            happen()
            raise ZeroDivisionError

        assert work() == 0
        assert receiver.got == []

    def test_every_kind_of_the_product_has_a_runbook(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.undo()

        assert len(alerts.kinds) > 10
        for kind in alerts.kinds.values():
            assert (settings.BASE_DIR / kind.runbook).is_file(), kind
        critical = {
            kind for kind, declared in alerts.kinds.items() if declared.severity == "CRITICAL"
        }
        assert critical >= {"payment_in_review", "reconciliation_difference"}


@pytest.mark.django_db
class TestMessages:
    def test_each_channel_gets_the_summary_and_links_and_no_details(
        self, receiver: Receiver
    ) -> None:
        alert = happen()

        work()

        page = f"https://quiz.example.org/admin/staff/alert/{alert.pk}/change/"
        runbook = "https://docs.example.org/main/docs/runbooks/payments.md"
        assert receiver.of("/slack") == [
            {
                "text": "*🔴 A critical thing (critical)*\nAnna &amp; &lt;Bert&gt; paid twice.\n"
                f"<{page}|Open the alert> · <{runbook}|Runbook>"
            }
        ]
        assert receiver.of("/pagerduty") == [
            {
                "routing_key": "a-routing-key",
                "dedup_key": f"quizarena-alert-{alert.pk}",
                "event_action": "trigger",
                "payload": {
                    "summary": "A critical thing: Anna & <Bert> paid twice.",
                    "source": "quiz.example.org",
                    "severity": "critical",
                    "timestamp": "2026-03-02T12:00:00+00:00",
                    "component": "quizarena",
                    "class": "a_critical",
                },
                "client": "Quiz Arena",
                "client_url": page,
                "links": [{"href": runbook, "text": "Runbook"}],
            }
        ]
        [(_, headers, body)] = [got for got in receiver.got if got[0] == "/webhook"]
        assert json.loads(body)["alert"] == f"quizarena-alert-{alert.pk}"
        timestamp, _, signature = headers["Quizarena-Signature"].partition(",v1=")
        assert signature == alert_messages.sign(body, timestamp=timestamp[2:], secret=SECRET)
        assert timestamp == f"t={int(NOON.timestamp())}"
        assert not any(b"a-charge" in body for _, _, body in receiver.got)

    def test_the_signature_is_an_hmac_over_timestamp_and_body(self) -> None:
        # printf '1.{}' | openssl dgst -sha256 -hmac key
        assert alert_messages.sign(b"{}", timestamp="1", secret="key") == (
            "1ba6b8171186efc613e8bcc0cbdab2748f24984d7c5a84faa2637afa0e40d224"
        )

    def test_staff_chats_get_it_through_the_outbox_once(self, settings: Settings) -> None:
        settings.ALERT_TELEGRAM_STAFF = ["anna", "bert", "gone"]
        anna, bert = (make_staff("Support", username=name) for name in ("anna", "bert"))
        StaffPlayer.objects.create(user=anna, player=PlayerFactory.create(telegram_id=701))
        StaffPlayer.objects.create(user=bert, player=PlayerFactory.create(telegram_id=702))
        happen("warning")

        assert (work(), work()) == (1, 0)

        calls = OutgoingCall.objects.order_by("chat_key")
        assert [call.chat_key for call in calls] == [701, 702]
        assert calls[0].parameters["text"] == (
            "🟠 A warning thing (warning)\nAnna & <Bert> paid twice."
        )
        assert "parse_mode" not in calls[0].parameters

    @pytest.mark.parametrize("has_blocked_the_bot", [False, True])
    def test_without_a_linked_chat_the_delivery_fails_and_says_why(
        self, settings: Settings, has_blocked_the_bot: bool
    ) -> None:
        settings.ALERT_TELEGRAM_STAFF = ["anna"]
        if has_blocked_the_bot:
            player = PlayerFactory.create(telegram_id=701, bot_blocked_at=NOON)
            StaffPlayer.objects.create(user=make_staff("Support", username="anna"), player=player)
        happen()

        work()

        assert not OutgoingCall.objects.exists()
        delivery = AlertDelivery.objects.get()
        assert (delivery.state, delivery.error) == (
            "FAILED",
            "No chat that has the bot is linked to an account that ALERT_TELEGRAM_STAFF names.",
        )


@pytest.mark.django_db
class TestRetries:
    def test_a_receiver_that_fails_gets_it_after_1_5_and_25_minutes_and_then_no_more(
        self, receiver: Receiver, settings: Settings
    ) -> None:
        settings.ALERT_PAGERDUTY_ROUTING_KEY = settings.ALERT_WEBHOOK_URL = ""
        receiver.answers["/slack"] = [500, 503, 408]
        happen()

        tries = []
        for minute in range(40):
            tries += [minute] * work(NOON + minute * MINUTE)

        assert tries == [0, 1, 6, 31]
        delivery = AlertDelivery.objects.get()
        assert (delivery.state, delivery.attempts, delivery.error) == ("SENT", 4, "")

    def test_a_failure_of_one_channel_holds_up_no_other_and_resolved_waits_for_raised(
        self, receiver: Receiver
    ) -> None:
        receiver.answers["/pagerduty"] = [500]
        happen()
        work()
        alerts.resolve(kind="a_critical", key="purchase:12", now=NOON)
        work()

        assert states() == {
            ("PAGERDUTY", "RAISED"): "PENDING",
            ("SLACK", "RAISED"): "SENT",
            ("WEBHOOK", "RAISED"): "SENT",
            ("PAGERDUTY", "RESOLVED"): "PENDING",
            ("SLACK", "RESOLVED"): "SENT",
            ("WEBHOOK", "RESOLVED"): "SENT",
        }
        work(NOON + MINUTE)
        assert [one["event_action"] for one in receiver.of("/pagerduty")] == [
            "trigger",
            "trigger",
            "resolve",
        ]
        assert len({one["dedup_key"] for one in receiver.of("/pagerduty")}) == 1

    @pytest.mark.parametrize("silence", ["hang", "drip"])
    def test_who_hangs_is_left_after_the_whole_time_and_asked_once_a_run(
        self, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, silence: str
    ) -> None:
        receiver.answers["/slack"] = [silence]
        happen("info", key="one")
        happen("info", key="two")
        monkeypatch.setattr(alert_delivery, "TOTAL_SECONDS", 1)
        record = alert_delivery.record

        def record_and_be_patient(*args: Any, **fields: Any) -> bool:
            # Who does answer may be slow here.
            monkeypatch.setattr(alert_delivery, "TOTAL_SECONDS", 10)
            return record(*args, **fields)

        monkeypatch.setattr(alert_delivery, "record", record_and_be_patient)

        work()

        assert len(receiver.of("/webhook")) == 2
        first, second = AlertDelivery.objects.filter(channel="SLACK").order_by("pk")
        assert (first.state, first.attempts, first.error) == ("PENDING", 1, "No answer within 1 s.")
        assert first.next_at == NOON + MINUTE
        assert (second.state, second.attempts) == ("PENDING", 0)
        receiver.answers.clear()
        work(NOON + MINUTE)
        assert {one.state for one in AlertDelivery.objects.all()} == {"SENT"}
        assert {one.attempts for one in AlertDelivery.objects.filter(channel="SLACK")} == {1, 2}

    @pytest.mark.parametrize(
        ("retry_after", "minutes"),
        [("90", 1.5), ("Mon, 02 Mar 2026 12:02:00 GMT", 2), ("99999", 60), ("", 1), ("soon", 1)],
    )
    def test_too_many_requests_counts_as_no_attempt_and_waits_as_asked(
        self, receiver: Receiver, retry_after: str, minutes: float
    ) -> None:
        receiver.answers["/slack"] = [(429, {"Retry-After": retry_after} if retry_after else {})]
        happen("info")

        with time_machine.travel(NOON, tick=False):
            deliver_due(now=NOON, until=NOON + MINUTE)

        delivery = AlertDelivery.objects.get(channel="SLACK")
        assert (delivery.state, delivery.attempts) == ("PENDING", 0)
        assert delivery.next_at == NOON + minutes * MINUTE
        work(NOON + minutes * MINUTE)
        delivery.refresh_from_db()
        assert (delivery.state, delivery.attempts) == ("SENT", 1)

    @pytest.mark.parametrize(
        "nonsense",
        ["soon", "-5", "9" * 30, "9" * 5_000, "Mon, 02 Mar 2026 12:00:00 +99999999999999"],
    )
    def test_whatever_a_receiver_asks_for_its_outcome_is_recorded(
        self, receiver: Receiver, nonsense: str
    ) -> None:
        receiver.answers["/slack"] = [(429, {"Retry-After": nonsense})]
        happen("info")

        work()

        delivery = AlertDelivery.objects.get(channel="SLACK")
        assert (delivery.state, delivery.error) == ("PENDING", "Answered with HTTP 429.")
        assert delivery.next_at == NOON + MINUTE

    @pytest.mark.parametrize("answer", [400, 403, 404, (302, {"Location": "http://127.0.0.1:1/"})])
    def test_what_will_be_refused_tomorrow_is_not_tried_again(
        self, receiver: Receiver, answer: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        receiver.answers["/slack"] = [answer]
        happen("info")

        with caplog.at_level(logging.WARNING):
            work()

        delivery = AlertDelivery.objects.get(channel="SLACK")
        status = answer if isinstance(answer, int) else answer[0]
        assert (delivery.state, delivery.error) == ("FAILED", f"Answered with HTTP {status}.")
        assert receiver.url not in caplog.text
        alert_routing.send_again(delivery_id=delivery.pk, now=NOON)
        work()
        delivery.refresh_from_db()
        assert delivery.state == "SENT"
        with pytest.raises(DeliveryNotFailedError):
            alert_routing.send_again(delivery_id=delivery.pk, now=NOON)

    @pytest.mark.parametrize(
        ("answer", "minutes"), [("hang", 1), (429, 1), ((429, {"Retry-After": "120"}), 2)]
    )
    def test_a_channel_that_is_down_is_asked_once_and_not_for_each_of_its_alerts(
        self, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, answer: Any, minutes: int
    ) -> None:
        monkeypatch.setattr(alert_delivery, "TOTAL_SECONDS", 2.0)
        receiver.answers["/slack"] = [answer]
        for key in ("first", "second", "third"):
            happen("info", key=key)

        work()
        # The next run comes before the channel has had its rest.
        work(NOON + timedelta(seconds=10))

        assert (len(receiver.of("/slack")), len(receiver.of("/webhook"))) == (1, 3)
        waiting = AlertDelivery.objects.filter(channel="SLACK", state="PENDING").order_by("pk")
        assert [one.next_at for one in waiting] == 3 * [NOON + minutes * MINUTE]
        assert sum(one.attempts for one in waiting) == (1 if answer == "hang" else 0)
        work(NOON + minutes * MINUTE)
        assert len(receiver.of("/slack")) == 4
        assert not waiting.all().exists()

    def test_what_is_resolved_is_not_raised_outside_any_more(self, receiver: Receiver) -> None:
        receiver.answers["/pagerduty"] = [400]
        happen()
        work()
        failed = AlertDelivery.objects.get(state="FAILED")
        alerts.resolve(kind="a_critical", key="purchase:12", now=NOON)
        work()

        with pytest.raises(AlertResolvedError):
            alert_routing.send_again(delivery_id=failed.pk, now=NOON)

        assert [one["event_action"] for one in receiver.of("/pagerduty")] == ["trigger", "resolve"]

    def test_nobody_there_is_tried_ten_times_and_no_longer_than_a_day(
        self, receiver: Receiver, settings: Settings
    ) -> None:
        settings.ALERT_SLACK_WEBHOOK_URL = "http://127.0.0.1:1/"
        happen("info")
        delivery = AlertDelivery.objects.get(channel="SLACK")

        for attempt in range(1, 10):
            work(delivery.next_at)
            delivery.refresh_from_db()
            assert (delivery.state, delivery.attempts) == ("PENDING", attempt)
        assert delivery.error == "ConnectError"
        work(delivery.next_at)
        delivery.refresh_from_db()
        assert (delivery.state, delivery.attempts) == ("FAILED", 10)

        happen("info", key="limited")
        receiver.answers["/webhook"] = [429]
        work(NOON + timedelta(hours=24))
        late = AlertDelivery.objects.get(channel="WEBHOOK", alert__key="limited")
        assert late.state == "FAILED"

    def test_a_worker_that_dies_after_the_call_sends_the_same_key_again(
        self, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        happen()
        with monkeypatch.context() as patch:
            patch.setattr(alert_delivery, "record", lambda *_args, **_fields: 1 / 0)
            with suppress(ZeroDivisionError):
                work()
        assert work() == 2
        assert AlertDelivery.objects.get(channel="PAGERDUTY").state == "PENDING"

        assert work(NOON + MINUTE) == 1

        first, second = receiver.of("/pagerduty")
        assert first == second

    def test_an_outcome_of_a_claim_that_was_taken_over_changes_nothing(
        self, receiver: Receiver
    ) -> None:
        happen("info")
        slow = alert_delivery.claim(now=NOON, but=[AlertChannel.WEBHOOK])
        fast = alert_delivery.claim(now=NOON + MINUTE, but=[AlertChannel.WEBHOOK])
        assert slow is not None
        assert fast is not None
        sent = alert_delivery.Outcome(state=DeliveryState.SENT)

        assert alert_delivery.record(fast, sent, now=NOON)
        assert not alert_delivery.record(
            slow, alert_delivery.Outcome(state=DeliveryState.FAILED), now=NOON
        )
        assert states()["SLACK", "RAISED"] == "SENT"

    def test_a_web_request_sends_nothing(self, receiver: Receiver) -> None:
        happen()

        with web_guard.request(), pytest.raises(web_guard.CalledInRequestError):
            deliver_due(now=NOON, until=NOON)

        assert receiver.got == []


@pytest.mark.django_db(transaction=True)
class TestConcurrency:
    @pytest.fixture(autouse=True)
    def _one_receiver(self, receiver: Receiver, settings: Settings) -> None:
        settings.ALERT_PAGERDUTY_ROUTING_KEY = settings.ALERT_WEBHOOK_URL = ""

    def work_together(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let two workers claim the one delivery that is due before either commits its claim."""
        happen("info")
        meet_after(monkeypatch, alert_delivery, "claim")
        monkeypatch.setattr(alert_delivery, "claim", transaction.atomic(alert_delivery.claim))
        job = partial(deliver_due, now=NOON, until=NOON + timedelta(days=36_500))
        tried = run_together(job, job)
        assert all(isinstance(one, int) for one in tried), tried

    def test_two_workers_send_an_alert_once(
        self, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.work_together(monkeypatch)

        assert [path for path, _, _ in receiver.got] == ["/slack"]
        assert states() == {("SLACK", "RAISED"): "SENT"}

    def test_without_the_lock_they_send_it_twice(
        self, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the test above can fail: take the lock away, and it must."""
        unlocked = alert_delivery._CLAIM.replace("FOR UPDATE SKIP LOCKED", "")
        monkeypatch.setattr(alert_delivery, "_CLAIM", unlocked)

        self.work_together(monkeypatch)

        assert [path for path, _, _ in receiver.got] == ["/slack", "/slack"]

    def test_chats_get_it_once_even_then(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The message is written in the transaction that records it, and only the last claim is."""
        settings.ALERT_SLACK_WEBHOOK_URL = ""
        settings.ALERT_TELEGRAM_STAFF = ["anna"]
        anna = make_staff("Support", username="anna")
        StaffPlayer.objects.create(user=anna, player=PlayerFactory.create(telegram_id=701))
        alerts.declare(
            kind="a_info",
            label="An info thing",
            runbook="docs/runbooks/payments.md",
            severity=Severity.WARNING,
        )
        unlocked = alert_delivery._CLAIM.replace("FOR UPDATE SKIP LOCKED", "")
        monkeypatch.setattr(alert_delivery, "_CLAIM", unlocked)

        self.work_together(monkeypatch)

        assert OutgoingCall.objects.count() == 1
        assert states() == {("TELEGRAM", "RAISED"): "SENT"}


@pytest.mark.django_db
class TestDatabaseSaysNo:
    def test_to_a_second_delivery_and_to_other_arrows(self, receiver: Receiver) -> None:
        alert = happen("info")
        [sent, _] = AlertDelivery.objects.order_by("pk")
        work()

        for wrong, change in (
            (IntegrityError, lambda: _deliver(alert, channel=sent.channel)),
            (IntegrityError, lambda: _deliver(alert, event="TEST", channel="TELEGRAM")),
            (IntegrityError, lambda: _deliver(None, event="RAISED")),
            (IntegrityError, lambda: _deliver(None, event="TEST", channel="FAX")),
            (IntegrityError, lambda: _deliver(None, event="TEST", finished_at=NOON)),
            (DatabaseError, lambda: _change(sent, state="PENDING", finished_at=None)),
            (DatabaseError, lambda: _change(sent, severity="CRITICAL")),
            (
                IntegrityError,
                lambda: AlertRoute.objects.create(kind="x", severity="LOW", channels=[]),
            ),
            (
                IntegrityError,
                lambda: AlertRoute.objects.create(kind="x", severity="INFO", channels=["FAX"]),
            ),
        ):
            with pytest.raises(wrong), transaction.atomic():
                change()


def _deliver(alert: Alert | None, **fields: Any) -> None:
    values = {"event": "RAISED", "channel": "SLACK", "severity": "INFO", **fields}
    AlertDelivery.objects.create(alert=alert, created_at=NOON, next_at=NOON, **values)


def _change(delivery: AlertDelivery, **fields: Any) -> None:
    AlertDelivery.objects.filter(pk=delivery.pk).update(**fields)


@pytest.mark.django_db
class TestDesk:
    def test_an_administrator_routes_a_kind_otherwise_and_back(
        self, client: Client, receiver: Receiver
    ) -> None:
        client.force_login(make_staff("Administrator"))
        page = client.get(PAGE).content.decode()
        assert "A critical thing" in page
        assert "set ALERT_TELEGRAM_STAFF" in page
        assert 'href="https://docs.example.org/main/docs/runbooks/payments.md"' in page
        form = client.get(f"{PAGE}kind/a_critical/").content.decode()
        assert "By default: critical, to PagerDuty, Slack, Webhook, Telegram." in form

        chosen = {"severity": "INFO", "channels": ["SLACK"], "reason": "Quiet."}
        client.post(f"{PAGE}kind/a_critical/", {**chosen, "confirm": "1"})
        happen()
        work()

        assert [path for path, _, _ in receiver.got] == ["/slack"]
        entry = AuditEntry.objects.get(action="alertroute.chosen")
        assert entry.summary == "A critical thing: info, to Slack. Quiet."
        default = {"severity": "CRITICAL", "channels": AlertChannel.values, "reason": "Loud."}
        client.post(f"{PAGE}kind/a_critical/", {**default, "confirm": "1"})
        assert not AlertRoute.objects.exists()

    def test_nobody_outside_is_a_route_too(self, client: Client, receiver: Receiver) -> None:
        client.force_login(make_staff("Administrator"))

        client.post(
            f"{PAGE}kind/a_info/", {"severity": "INFO", "reason": "Enough.", "confirm": "1"}
        )
        happen("info")

        assert "nobody outside" in client.get(PAGE).content.decode()
        assert not AlertDelivery.objects.exists()

    def test_a_test_message_leaves_by_the_job_and_not_by_the_request(
        self, client: Client, receiver: Receiver
    ) -> None:
        staff = make_staff("Administrator")
        client.force_login(staff)

        client.post(f"{PAGE}test/PAGERDUTY/", {"confirm": "1"})
        assert receiver.got == []
        work(datetime.now(UTC))

        [event] = receiver.of("/pagerduty")
        delivery = AlertDelivery.objects.get()
        assert (event["event_action"], event["dedup_key"]) == (
            "trigger",
            f"quizarena-test-{delivery.pk}",
        )
        assert event["payload"]["severity"] == "info"
        listed = client.get("/admin/staff/alertdelivery/").content.decode()
        assert "Test message" in listed
        assert client.get("/admin/staff/alertdelivery/?state=SENT").status_code == 200
        with pytest.raises(ChannelNotConfiguredError):
            alert_routing.request_test(channel=AlertChannel.TELEGRAM, staff=staff, now=NOON)

    def test_the_page_of_an_alert_says_what_has_left_and_failed_ones_are_sent_again(
        self, client: Client, receiver: Receiver
    ) -> None:
        client.force_login(make_staff("Administrator"))
        receiver.answers["/slack"] = [404]
        alert = happen()
        work()

        page = client.get(f"/admin/staff/alert/{alert.pk}/change/").content.decode()
        assert "Answered with HTTP 404." in page
        assert 'href="https://docs.example.org/main/docs/runbooks/payments.md"' in page
        failed = AlertDelivery.objects.get(state="FAILED")
        client.post(
            "/admin/staff/alertdelivery/",
            {"action": "send_again", "_selected_action": [failed.pk]},
        )
        failed.refresh_from_db()
        assert failed.state == "PENDING"

    @pytest.mark.parametrize("role", ["Support", "Operator", "Finance", "Editor", "Security"])
    def test_others_route_nothing(self, client: Client, receiver: Receiver, role: str) -> None:
        client.force_login(make_staff(role))

        for page in (PAGE, f"{PAGE}kind/a_info/", f"{PAGE}test/SLACK/"):
            assert client.get(page).status_code == 403
            assert client.post(page, {"confirm": "1", "reason": "x"}).status_code == 403
        assert client.get("/admin/staff/alertdelivery/").status_code == 403
        assert not AlertDelivery.objects.exists()


@pytest.mark.django_db
class TestSecrets:
    def test_addresses_and_keys_stand_nowhere_but_in_what_is_sent(
        self,
        client: Client,
        receiver: Receiver,
        settings: Settings,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """They are looked for in all rows, all logs before anything is taken out, and all pages."""
        hidden = {
            "slack": "services/T0/B0/slack-part",
            "pagerduty": "the-routing-key-of-pagerduty",
            "webhook": "hook?token=webhook-part",
            "secret": SECRET,
        }
        settings.ALERT_SLACK_WEBHOOK_URL = f"{receiver.url}/{hidden['slack']}"
        settings.ALERT_PAGERDUTY_ROUTING_KEY = hidden["pagerduty"]
        settings.ALERT_WEBHOOK_URL = f"{receiver.url}/{hidden['webhook']}"
        receiver.answers[f"/{hidden['slack']}"] = [
            404,
            (302, {"Location": "http://127.0.0.1:1/elsewhere"}),
        ]
        receiver.answers[f"/{hidden['webhook']}"] = [429, 500]
        staff = make_staff("Administrator")
        client.force_login(staff)

        with caplog.at_level(logging.DEBUG):
            alert = happen()
            work()
            for channel in (AlertChannel.SLACK, AlertChannel.WEBHOOK, AlertChannel.PAGERDUTY):
                alert_routing.request_test(channel=channel, staff=staff, now=NOON)
            work(NOON + MINUTE)
            port = receiver.url.rpartition(":")[2]
            for broken in ("http://127.0.0.1:1", f"http://127.0.0.1:{port}0000", "ftp://127.0.0.1"):
                settings.ALERT_SLACK_WEBHOOK_URL = f"{broken}/{hidden['slack']}"
                settings.ALERT_WEBHOOK_URL = f"{broken}/{hidden['webhook']}"
                happen(key=broken)
                work(NOON + MINUTE)
            pages = [
                client.get(page).content.decode()
                for page in (
                    PAGE,
                    f"{PAGE}kind/a_critical/",
                    f"{PAGE}test/SLACK/",
                    "/admin/staff/alertdelivery/",
                    *[
                        f"/admin/staff/alertdelivery/{one.pk}/change/"
                        for one in AlertDelivery.objects.all()
                    ],
                    f"/admin/staff/alert/{alert.pk}/change/",
                    "/admin/staff/auditentry/",
                )
            ]
        errors = {*AlertDelivery.objects.values_list("error", flat=True)}
        assert errors == {
            "",
            "Answered with HTTP 302.",
            "Answered with HTTP 404.",
            "Answered with HTTP 500.",
            "ConnectError",
            "ExceptionGroup",
            "UnsupportedProtocol",
        }

        rows = [
            str(model.objects.values())
            for model in (Alert, AlertDelivery, AlertRoute, AuditEntry, OutgoingCall)
        ]
        assert "alert.not_delivered" in caplog.text
        for text in (*pages, *rows, caplog.text):
            assert not [one for one in hidden.values() if one in text]
        for path, _, body in receiver.got:
            for name, one in hidden.items():
                assert (one in body.decode()) is ((name, path) == ("pagerduty", "/pagerduty"))
        delivery = AlertDelivery.objects.filter(channel="WEBHOOK").latest("pk")
        sent = alert_delivery._post_of(delivery, alert_delivery.message_of(delivery))
        assert repr(sent) == "Post()"

    def test_what_others_log_of_them_is_taken_out(self, settings: Settings) -> None:
        settings.ALERT_SLACK_WEBHOOK_URL = "https://hooks.example.org/services/T0/B0/slack-part"
        settings.ALERT_WEBHOOK_URL = "https://example.org/hook?token=webhook-part"
        settings.ALERT_PAGERDUTY_ROUTING_KEY = "the-routing-key"
        settings.ALERT_WEBHOOK_SECRET = SECRET
        text = (
            "POST https://hooks.example.org/services/T0/B0/slack-part, /hook?token=webhook-part "
            f"of example.org, the-routing-key, {SECRET}"
        )

        assert redact(text) == "POST ***, /*** of example.org, ***, ***"


class TestSettings:
    def test_addresses_are_https_but_for_this_machine(self) -> None:
        name = "ALERT_SLACK_WEBHOOK_URL"
        assert load(COMPLETE)[name] == ""
        for good in ("https://hooks.example.org/x", "http://127.0.0.1:9/x", "http://localhost/x"):
            assert load({**COMPLETE, name: good})[name] == good
        for bad in (
            "http://hooks.example.org/x",
            "ftp://example.org/x",
            "hooks.example.org/x",
            "https://example.org:99999/x",
            "https://[example.org/x",
        ):
            with pytest.raises(ImproperlyConfigured) as refused:
                load({**COMPLETE, name: bad})
            assert str(refused.value) == f"{name} must be an https address."

    def test_an_empty_address_of_pagerduty_is_the_usual_one(self) -> None:
        usual = "https://events.pagerduty.com/v2/enqueue"

        assert load({**COMPLETE, "ALERT_PAGERDUTY_URL": ""})["ALERT_PAGERDUTY_URL"] == usual

    def test_names_of_staff_may_have_spaces_around_them(self) -> None:
        found = load({**COMPLETE, "ALERT_TELEGRAM_STAFF": "anna, bert , "})

        assert found["ALERT_TELEGRAM_STAFF"] == ["anna", "bert"]
        assert load({**COMPLETE, "ALERT_TELEGRAM_STAFF": " "})["ALERT_TELEGRAM_STAFF"] == []

    def test_a_webhook_is_signed(self) -> None:
        webhook = {**COMPLETE, "ALERT_WEBHOOK_URL": "https://example.org/"}
        for wrong in (
            webhook,
            {**webhook, "ALERT_WEBHOOK_SECRET": "s" * 23},
        ):
            with pytest.raises(ImproperlyConfigured, match="at least 24 characters"):
                load(wrong)
        load({**webhook, "ALERT_WEBHOOK_SECRET": "s" * 24})
