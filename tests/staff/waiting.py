"""One of everything that can wait for a person in the staff inbox."""

from datetime import datetime, timedelta

from economy import controls
from payments import reconciliation
from payments.models import Refund, SupportRequest
from promos import campaigns, counters
from promos.models import Inviter, Referral
from quizarena.game.models import FairPlayFinding, QuestionReport
from quizarena.players.models import DeletionRequest
from quizarena.staff import alerts
from quizarena.staff.alert_models import AlertDelivery
from quizarena.staff.models import Alert, ApprovalRequest
from tests.factories import (
    InboxUpdateFactory,
    PlayerFactory,
    QuestionFactory,
    make_campaign,
    make_staff,
)
from tests.payments.steps import buy, open_purchase, pay

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def one_of_everything(*, now: datetime) -> None:
    """Let one thing of each source wait since an hour ago."""
    since = now - HOUR
    anna = PlayerFactory.create(username="anna")
    ben = PlayerFactory.create(username="ben")
    pay(open_purchase(anna, "ENERGY_10", now=since), stars=3, now=since)
    refunded = buy(ben, now=since)
    Refund.objects.create(
        purchase=refunded,
        source="API",
        reason="Wrong one.",
        asked_at=since,
        due_at=now + HOUR,
        tries=1,
        last_error="USER_NOT_FOUND",
    )
    SupportRequest.objects.create(player=anna, text="Where is it?", asked_at=since)
    raise_alert(reconciliation.DIFFERENCE, "reconciliation", "1 difference.", now=since)
    raise_alert(controls.FINDINGS, "ledger", "1 finding.", now=since)
    attacked = make_campaign(status="PAUSED", name="Summer")
    raise_alert(campaigns.ATTACKED, str(attacked.pk), "Summer was paused.", now=since)
    other = raise_alert(counters.MISCOUNTED, "1", "The counters differ.", now=since)
    AlertDelivery.objects.create(
        alert=other,
        channel="SLACK",
        event="RAISED",
        severity="CRITICAL",
        state="FAILED",
        created_at=since,
        next_at=since,
        finished_at=since,
        error="Answered with HTTP 500",
    )
    inviter = Inviter.objects.create(player=anna, code="AAAAAAAAAA", created_at=since)
    Referral.objects.create(inviter=inviter, invited=ben, started_at=since, held_at=since)
    question = QuestionFactory.create()
    question.refresh_from_db()
    QuestionReport.objects.create(
        player=anna,
        question=question,
        version=question.versions.get(),
        reason="TYPO",
        reported_at=since,
    )
    QuestionFactory.create(is_enabled=False, withdrawn_at=since, withdrawn_because="DISTRACTOR")
    FairPlayFinding.objects.create(
        kind="FAST_ANSWERS",
        player=ben,
        first_day=since.date(),
        last_day=since.date(),
        figures={"fast": 20, "answers": 30},
        found_at=since,
    )
    DeletionRequest.objects.create(
        player=PlayerFactory.create(username="cleo"),
        asked_at=since - 7 * DAY,
        due_at=since,
    )
    InboxUpdateFactory.create(dead=True, update_id=4711, received_at=since)
    ApprovalRequest.objects.create(
        kind="refund",
        subject_type="payments.purchase",
        subject_id=str(refunded.pk),
        subject_name="⭐ 5 – @ben – 10 energy points",
        preview=[],
        reason="Please.",
        maker=make_staff("Support", username="petra"),
        asked_at=since,
        expires_at=since + 72 * HOUR,
    )


def raise_alert(kind: str, key: str, summary: str, *, now: datetime) -> Alert:
    """Raise an alert without details."""
    return alerts.raise_alert(kind=kind, key=key, summary=summary, details={}, now=now)
