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


def undelivered_calls() -> QuerySet[OutgoingCall]:
    """Return failed calls that were to show a question which will not be answered any more.

    While it can be answered, a call that may have arrived counts as seen.
    """
    certain = ~Q(state=CallState.MAYBE_SENT) & Q(delivery_uncertain=False)
    over = ~Q(round_question__round__state=RoundState.OPEN) | Q(
        round_question__answered_at__isnull=False
    )
    return OutgoingCall.objects.filter(
        certain | over, state__in=UNDELIVERED_STATES, round_question__isnull=False
    )


def refund_questions(*, until: datetime) -> int:
    """Refund the questions whose calls have failed, until it is `until`; return how many.

    A call loses its question in the same transaction.
    """
    return sweeps.one_by_one(due=_due, apply=_refund_question, until=until)


def _due(seen: Collection[int]) -> list[int]:
    due = undelivered_calls().exclude(pk__in=seen).order_by("pk")
    return list(due.values_list("pk", flat=True)[:BATCH])


@transaction.atomic(durable=True)
def _refund_question(call_id: int) -> bool:
    """Refund the question of the call unless it has been answered; return whether.

    Locks the call first, so that it is not sent again meanwhile.
    """
    due = undelivered_calls().select_for_update(of=["self"], skip_locked=True)
    call = due.filter(pk=call_id).first()
    if call is None or call.round_question_id is None:
        return False
    is_refunded = rounds.refund_question(
        round_question_id=call.round_question_id, now=timezone.now()
    )
    call.round_question_id = None
    call.save(update_fields=["round_question_id"])
    return is_refunded
