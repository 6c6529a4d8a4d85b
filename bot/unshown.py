"""Questions that were charged and never reached their player. Product rules, section 2."""

from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from bot.models import OutgoingCall
from quizarena import sweeps
from quizarena.game import rounds

# Calls are looked for so many at a time.
BATCH = 100


def give_back(*, until: datetime) -> int:
    """Give back the questions whose calls have failed, until it is `until`; return how many.

    A call that has been seen to lets go of its question, in the same transaction.
    """
    return sweeps.one_by_one(due=_due, settle=_see_to, until=until)


def _due(seen: Collection[int]) -> list[int]:
    unshown = OutgoingCall.objects.unshown().exclude(pk__in=seen).order_by("pk")
    return list(unshown.values_list("pk", flat=True)[:BATCH])


@transaction.atomic(durable=True)
def _see_to(call_id: int) -> bool:
    """Give back what the call was to show unless it has been answered; return whether.

    Locks the call first, so that nobody lets it be made again meanwhile.
    """
    unshown = OutgoingCall.objects.unshown().select_for_update(of=["self"], skip_locked=True)
    call = unshown.filter(pk=call_id).first()
    if call is None or call.showing_id is None:
        return False
    given_back = rounds.give_back(showing_id=call.showing_id, now=timezone.now())
    call.showing_id = None
    call.save(update_fields=["showing_id"])
    return given_back
