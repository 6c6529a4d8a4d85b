"""What has become of approvals, for the chats of those who have asked for them."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from bot.chat.models import StaffPlayer
from bot.queue import client, outbox
from quizarena.staff import approvals
from quizarena.staff.models import ApprovalOutcome, Outcome

# One that could not leave for so long is on the home page alone.
SENT_WITHIN = timedelta(days=1)
BATCH = 50
_MARKS = {Outcome.APPROVED: "✅", Outcome.DONE: "✅", Outcome.FAILED: "⚠️"}


def send_due(*, now: datetime) -> int:
    """Write what is due into the outbox, each once; return how many. Locks each."""
    linked = StaffPlayer.objects.filter(user__is_active=True, player__bot_blocked_at=None)
    due = ApprovalOutcome.objects.filter(
        sent_at=None, at__gt=now - SENT_WITHIN, maker__in=linked.values("user")
    )
    return sum(_send(pk, now=now) for pk in due.order_by("at").values_list("pk", flat=True)[:BATCH])


@transaction.atomic
def _send(outcome_id: int, *, now: datetime) -> bool:
    outcome = _lock(outcome_id)
    if outcome is None:
        return False
    chat = StaffPlayer.objects.select_related("player").filter(user=outcome.maker_id).first()
    if chat is None:
        return False
    outcome.sent_at = now
    outcome.save(update_fields=["sent_at"])
    with outbox.collecting():
        client.run(client.bot().send_message(chat.player.telegram_id, in_words(outcome)))
    return True


def _lock(outcome_id: int) -> ApprovalOutcome | None:
    """Lock one that is not sent yet; None if it is, or somebody else has it."""
    unsent = ApprovalOutcome.objects.filter(sent_at=None).select_related("request")
    locked = unsent.select_for_update(of=("self",), skip_locked=True)
    return locked.filter(pk=outcome_id).first()


def in_words(outcome: ApprovalOutcome) -> str:
    """Return the message: what was asked for, what has become of it, and where it is."""
    request = outcome.request
    mark = _MARKS.get(Outcome(outcome.outcome), "❌")
    page = reverse("admin:staff_approvalrequest_change", args=[request.pk])
    lines = [
        f"{mark} {approvals.label_of(request.kind)}: {request.subject_name}",
        f"{outcome.get_outcome_display().capitalize()}. {outcome.text}",
        request.decision_reason if outcome.outcome == Outcome.DECLINED else "",
        f"{settings.PUBLIC_URL}{page}" if settings.PUBLIC_URL else "",
    ]
    return "\n".join(filter(None, lines))
