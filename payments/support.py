"""What players ask about their payments, and what support answers. Product rules, section 5.9."""

from collections.abc import Sequence
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from economy.wallets import day_began
from payments.errors import AnsweredError, DailyLimitError, TooManyRequestsError
from payments.models import SupportRequest
from quizarena.players import services as players
from quizarena.players.models import Player

# So many of a player's requests may wait at once, and may be written on one day of Berlin.
WAITING_MAX = 5
PER_DAY_MAX = 5
# As many as an album of Telegram has.
ATTACHMENTS_MAX = 10


@transaction.atomic
def ask(
    *,
    player: Player,
    text: str,
    now: datetime,
    attachments: Sequence[dict[str, str]] = (),
    album: str = "",
) -> SupportRequest:
    """Keep what the player asks and shows. Locks the player.

    What was shown before without a word gets its words now and stays one request. `album` is
    Telegram's media_group_id, empty without one. Raises TooManyRequestsError while WAITING_MAX of
    them have not been answered, and DailyLimitError after PER_DAY_MAX on one day.
    """
    players.lock(player)
    mine = SupportRequest.objects.filter(player=player)
    wordless = mine.unanswered().filter(text="").select_for_update().last()
    if wordless is not None:
        return _add(wordless, text=text, attachments=attachments, album=album)
    if mine.unanswered().count() >= WAITING_MAX:
        raise TooManyRequestsError
    if mine.filter(asked_at__gte=day_began(now)).count() >= PER_DAY_MAX:
        raise DailyLimitError(PER_DAY_MAX)
    return SupportRequest.objects.create(
        player=player,
        text=text.strip(),
        attachments=list(attachments)[:ATTACHMENTS_MAX],
        album=album,
        asked_at=now,
    )


@transaction.atomic
def add_to_album(
    *, player: Player, album: str, text: str, attachments: Sequence[dict[str, str]]
) -> SupportRequest | None:
    """Keep a further picture with the request that its album has asked; None if it has not.

    Locks the request.
    """
    mine = SupportRequest.objects.filter(player=player, album=album).exclude(album="")
    request = mine.select_for_update().last()
    if request is None:
        return None
    return _add(request, text=text, attachments=attachments, album=album)


def _add(
    request: SupportRequest, *, text: str, attachments: Sequence[dict[str, str]], album: str
) -> SupportRequest:
    request.text = request.text or text.strip()
    request.attachments = [*request.attachments, *attachments][:ATTACHMENTS_MAX]
    request.album = album or request.album
    request.save(update_fields=["text", "attachments", "album"])
    return request


@transaction.atomic
def answer(*, request_id: int, text: str, staff: User, now: datetime) -> SupportRequest:
    """Store the answer, which the bot sends to the player. Locks the request.

    Raises AnsweredError if it has been answered already.
    """
    request = SupportRequest.objects.select_for_update().get(pk=request_id)
    if request.answered_at is not None:
        raise AnsweredError("This question has been answered already.")
    request.answer, request.answered_by, request.answered_at = text.strip(), staff, now
    request.save(update_fields=["answer", "answered_by", "answered_at"])
    return request
