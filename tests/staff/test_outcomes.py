"""Whoever asks for an approval is notified of what has become of it."""

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, transaction
from django.test import Client
from pytest_django.fixtures import Settings

from bot.chat.models import StaffPlayer
from bot.messages import approval_outcomes
from bot.queue.models import OutgoingCall
from payments import approvals as refund_approvals
from payments import refunds
from payments.models import Refund
from quizarena.staff import approvals, limits, outcomes
from quizarena.staff.errors import ChangedError, NotOpenError
from quizarena.staff.models import ApprovalOutcome, ApprovalRequest
from tests.concurrency import meet_after, run_together
from tests.factories import PlayerFactory, make_staff
from tests.payments.steps import buy
from tests.sandbox import Sandbox

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def ask(maker: User, *, value: int = 200, now: datetime = NOON) -> ApprovalRequest:
    """Ask a second member of Security to raise a limit."""
    request = limits.change(
        name="refund-alone",
        role="Support",
        value=value,
        reason="Prices have risen.",
        staff=maker,
        now=now,
    )
    assert isinstance(request, ApprovalRequest)
    return request


def notices(maker: User) -> list[tuple[str, str]]:
    """Return what stands on the maker's home page."""
    return [(one.outcome, one.text) for one in outcomes.of(maker)]


@pytest.fixture
def anna(db: None) -> User:
    """Return the one who asks."""
    return make_staff("Security", username="anna")


@pytest.fixture
def berta(db: None) -> User:
    """Return the one who decides."""
    return make_staff("Security", username="berta")


@pytest.mark.django_db
class TestWhatBecomesOfIt:
    def test_nothing_as_long_as_it_waits(self, anna: User) -> None:
        ask(anna)

        assert notices(anna) == []

    def test_approved_and_done(self, anna: User, berta: User) -> None:
        approvals.approve(request_id=ask(anna).pk, checker=berta, now=NOON)

        assert notices(anna) == [("APPROVED", "By berta. It is done.")]
        assert notices(berta) == []

    def test_declined(self, anna: User, berta: User) -> None:
        request = ask(anna)
        approvals.decline(request_id=request.pk, checker=berta, reason="Too much.", now=NOON)

        assert notices(anna) == [("DECLINED", "By berta.")]

    def test_what_the_maker_withdraws_is_no_news(self, anna: User) -> None:
        approvals.withdraw(request_id=ask(anna).pk, maker=anna, now=NOON)

        assert notices(anna) == []

    def test_expired_by_the_job_and_once(self, anna: User) -> None:
        request, end = ask(anna), NOON + timedelta(hours=72)

        assert approvals.expire_due(now=end - timedelta(seconds=1)) == 0
        assert approvals.expire_due(now=end) == 1
        assert approvals.expire_due(now=end) == 0
        request.refresh_from_db()
        assert (request.status, request.decided_by) == ("EXPIRED", None)
        text = "Nobody has decided within 72 hours. It can be asked for again."
        assert notices(anna) == [("EXPIRED", text)]

    def test_approved_in_vain_and_still_open(self, anna: User, berta: User) -> None:
        request = ask(anna)
        limits.change(
            name="refund-alone", role="Support", value=50, reason="No.", staff=berta, now=NOON
        )

        for _ in range(2):
            with pytest.raises(ChangedError):
                approvals.approve(request_id=request.pk, checker=berta, now=NOON)

        text = (
            "berta wanted to approve it, but its effect has changed since it was requested; "
            "withdraw or decline it, and request it again."
        )
        assert notices(anna) == [("FAILED", text)]
        request.refresh_from_db()
        assert request.status == "OPEN"

    def test_a_second_decision_is_no_news(self, anna: User, berta: User) -> None:
        request = ask(anna)
        approvals.approve(request_id=request.pk, checker=berta, now=NOON)

        with pytest.raises(NotOpenError):
            approvals.approve(request_id=request.pk, checker=berta, now=NOON)

        assert len(notices(anna)) == 1


@pytest.mark.django_db
class TestRefund:
    def approved(self) -> tuple[User, Refund]:
        maker = make_staff("Support", username="maker")
        purchase = buy(PlayerFactory.create(), "PREMIUM_SEASON")
        request = refund_approvals.request(
            purchase_id=purchase.pk, reason="Bought twice.", staff=maker, now=NOON
        )
        assert isinstance(request, ApprovalRequest)
        checker = make_staff("Finance", username="checker")
        approvals.approve(request_id=request.pk, checker=checker, now=NOON)
        return maker, Refund.objects.get(purchase=purchase)

    def test_it_is_under_way_and_then_done(self) -> None:
        maker, refund = self.approved()
        assert notices(maker) == [("APPROVED", "By checker. It is under way.")]

        refunds.complete(purchase_id=refund.purchase_id, now=NOON)

        assert notices(maker)[0] == ("DONE", "The Stars are back.")

    def test_it_fails_at_telegram(self, sandbox: Sandbox) -> None:
        maker, refund = self.approved()

        # The sandbox knows nothing of this charge.
        refunds.finish(refund_id=refund.pk, now=NOON)

        assert notices(maker)[0] == (
            "FAILED",
            "Telegram does not refund it. It is tried again.",
        )


@pytest.mark.django_db
class TestHome:
    def test_a_notice_stays_until_its_owner_dismisses_it(
        self, anna: User, berta: User, client: Client
    ) -> None:
        request = ask(anna)
        approvals.decline(request_id=request.pk, checker=berta, reason="Too much.", now=NOON)
        outcome = ApprovalOutcome.objects.get()
        address = f"/admin/approval-outcomes/{outcome.pk}/dismiss/"

        client.force_login(berta)
        assert "What you have asked for" not in client.get("/admin/").content.decode()
        client.post(address)
        client.force_login(anna)
        page = client.get("/admin/").content.decode()
        assert "Raise limit: One refund, Support: 200 Stars" in page
        assert "By berta. Too much." in page
        assert client.get(address).status_code == 405
        client.post(address)
        client.post(address)

        assert "What you have asked for" not in client.get("/admin/").content.decode()


@pytest.mark.django_db
class TestChat:
    @pytest.fixture(autouse=True)
    def _address(self, settings: Settings) -> None:
        settings.PUBLIC_URL = "https://quiz.example"

    def link(self, staff: User, **fields: object) -> int:
        player = PlayerFactory.create(**fields)
        StaffPlayer.objects.create(user=staff, player=player)
        return int(player.telegram_id)

    def texts(self) -> list[tuple[int, str]]:
        calls = OutgoingCall.objects.order_by("pk")
        return [(call.parameters["chat_id"], call.parameters["text"]) for call in calls]

    def test_a_linked_chat_gets_it_once(self, anna: User, berta: User) -> None:
        chat = self.link(anna)
        request = ask(anna)
        approvals.decline(request_id=request.pk, checker=berta, reason="Too much.", now=NOON)

        assert approval_outcomes.send_due(now=NOON) == 1
        assert approval_outcomes.send_due(now=NOON) == 0

        text = (
            "❌ Raise limit: One refund, Support: 200 Stars\n"
            "Declined. By berta.\n"
            "Too much.\n"
            f"https://quiz.example/admin/staff/approvalrequest/{request.pk}/change/"
        )
        assert self.texts() == [(chat, text)]

    @pytest.mark.parametrize("why", ["not linked", "blocked", "inactive", "a day later"])
    def test_who_cannot_get_it_has_it_at_home(self, why: str, anna: User, berta: User) -> None:
        approvals.approve(request_id=ask(anna).pk, checker=berta, now=NOON)
        if why != "not linked":
            self.link(anna, bot_blocked_at=NOON if why == "blocked" else None)
        if why == "inactive":
            User.objects.filter(pk=anna.pk).update(is_active=False)

        at = NOON + timedelta(days=1) if why == "a day later" else NOON
        assert approval_outcomes.send_due(now=at) == 0
        assert len(notices(anna)) == 1


@pytest.mark.django_db
def test_a_notice_is_changed_by_nobody(anna: User, berta: User) -> None:
    approvals.approve(request_id=ask(anna).pk, checker=berta, now=NOON)

    with pytest.raises(DatabaseError), transaction.atomic():
        ApprovalOutcome.objects.update(outcome="DECLINED")
    with pytest.raises(DatabaseError, match="approvaloutcome_once"), transaction.atomic():
        ApprovalOutcome.objects.create(
            request=ApprovalRequest.objects.get(),
            maker=anna,
            outcome="APPROVED",
            text="Once more.",
            at=NOON,
        )


@pytest.mark.django_db(transaction=True)
class TestTwoAtOnce:
    """Two workers send what is due at the same instant."""

    def send_twice(self) -> list[int]:
        maker, checker = (make_staff("Security", username=name) for name in ("carla", "dora"))
        StaffPlayer.objects.create(user=maker, player=PlayerFactory.create())
        approvals.approve(request_id=ask(maker).pk, checker=checker, now=NOON)
        return sorted(run_together(*(partial(approval_outcomes.send_due, now=NOON),) * 2))

    def test_it_is_sent_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        meet_after(monkeypatch, approval_outcomes, "_lock")

        assert self.send_twice() == [0, 1]
        assert OutgoingCall.objects.count() == 1

    def test_without_the_lock_it_is_sent_twice(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Show that the test above can fail: take the lock away, and it must."""
        monkeypatch.setattr(
            approval_outcomes,
            "_lock",
            lambda pk: ApprovalOutcome.objects.filter(sent_at=None, pk=pk).first(),
        )
        meet_after(monkeypatch, approval_outcomes, "_lock")

        assert self.send_twice() == [1, 1]
