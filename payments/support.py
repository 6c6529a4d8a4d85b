"""What players ask about their payments, and what support answers. Product rules, section 5.9."""

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from payments.errors import AnsweredError, TooManyRequestsError
from payments.models import SupportRequest
from quizarena.players import services as players
from quizarena.players.models import Player

# So many of a player's requests may wait at once.
WAITING_MAX = 5


@transaction.atomic
def ask(*, player: Player, text: str, now: datetime) -> SupportRequest:
    """Keep what the player asks. Locks the player.

    Raises TooManyRequestsError while WAITING_MAX of them have not been answered.
    """
    players.lock(player)
    if SupportRequest.objects.unanswered().filter(player=player).count() >= WAITING_MAX:
        raise TooManyRequestsError
    return SupportRequest.objects.create(player=player, text=text.strip(), asked_at=now)


@transaction.atomic
def answer(*, request_id: int, text: str, staff: User, now: datetime) -> SupportRequest:
    """Answer the player, who hears of it through the bot. Locks the request.

    Raises AnsweredError if somebody was faster.
    """
    request = SupportRequest.objects.select_for_update().get(pk=request_id)
    if request.answered_at is not None:
        raise AnsweredError("somebody has answered it before")
    request.answer, request.answered_by, request.answered_at = text.strip(), staff, now
    request.save(update_fields=["answer", "answered_by", "answered_at"])
    return request
