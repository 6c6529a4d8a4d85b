"""Questions that were charged and never reached their player. Product rules, section 2."""

from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from bot.queue.models import UNDELIVERED_STATES, CallState, OutgoingCall
from quizarena import sweeps
from quizarena.game import rounds
from quizarena.game.models import RoundState

# Calls are looked for so many at a time.
BATCH = 100


def unshown() -> QuerySet[OutgoingCall]:
    """Return failed calls that were to show a question which nobody will answer any more.

    While it can be answered, a call that may have arrived counts as seen.
    """
    certain = ~Q(state=CallState.MAYBE_SENT) & Q(doubtful=False)
    over = ~Q(showing__round__state=RoundState.OPEN) | Q(showing__answered_at__isnull=False)
    return OutgoingCall.objects.filter(
        certain | over, state__in=UNDELIVERED_STATES, showing__isnull=False
    )


def refund_questions(*, until: datetime) -> int:
    """Give back the questions whose calls have failed, until it is `until`; return how many.

    A call that has been seen to lets go of its question, in the same transaction.
    """
    return sweeps.one_by_one(due=_due, apply=_see_to, until=until)


def _due(seen: Collection[int]) -> list[int]:
    due = unshown().exclude(pk__in=seen).order_by("pk")
    return list(due.values_list("pk", flat=True)[:BATCH])


@transaction.atomic(durable=True)
def _see_to(call_id: int) -> bool:
    """Give back what the call was to show unless it has been answered; return whether.

    Locks the call first, so that nobody lets it be made again meanwhile.
    """
    due = unshown().select_for_update(of=["self"], skip_locked=True)
    call = due.filter(pk=call_id).first()
    if call is None or call.showing_id is None:
        return False
    given_back = rounds.refund_question(showing_id=call.showing_id, now=timezone.now())
    call.showing_id = None
    call.save(update_fields=["showing_id"])
    return given_back
