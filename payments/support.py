"""What players ask about their payments, and what support answers. Product rules, section 5.9."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Q, QuerySet

from economy.wallets import day_began
from payments.errors import (
    AnsweredError,
    DailyLimitError,
    NotAnsweredError,
    TooManyRequestsError,
)
from payments.models import SupportRequest
from quizarena.players import services as players
from quizarena.players.models import Player
from quizarena.staff import inbox

# So many of a player's requests may wait at once, and may be written on one day of Berlin.
WAITING_MAX = 5
PER_DAY_MAX = 5
# As many as an album of Telegram has.
ATTACHMENTS_MAX = 10
# Answers and solutions of so long a time are counted.
SHOWN_DAYS = timedelta(days=30)


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

    What was shown before without a word gets its words now and stays one request. Belongs to the
    thread of the player that is not solved, if there is one, which is locked. `album` is
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
    first = _lock_unsolved(player)
    request = SupportRequest.objects.create(
        player=player,
        text=text.strip(),
        attachments=list(attachments)[:ATTACHMENTS_MAX],
        album=album,
        asked_at=now,
        thread=first,
    )
    if first is not None:
        before = thread_of(first).exclude(pk=request.pk).select_related("answered_by").last()
        assert before is not None
        inbox.continue_claim(of=before, to=request, owner=before.answered_by, now=now)
    return request


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


def _lock_unsolved(player: Player) -> SupportRequest | None:
    """Lock the first request of the player's thread that is not solved."""
    firsts = SupportRequest.objects.filter(player=player, thread=None, solved_at=None)
    return firsts.select_for_update(of=("self",)).order_by("-pk").first()


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
    """Store the answer, which the bot sends to the player. Locks the requests of the thread.

    What waits of the thread from before this request is answered with it; what has come since
    waits on. Raises AnsweredError if it has been answered already.
    """
    thread = _lock_thread(request_id)
    request = next(one for one in thread if one.pk == request_id)
    if request.answered_at is not None:
        raise AnsweredError("This question has been answered already.")
    for earlier in thread:
        if earlier.pk < request_id and earlier.answered_at is None:
            earlier.answered_by, earlier.answered_at, earlier.notified_at = staff, now, now
            earlier.save(update_fields=["answered_by", "answered_at", "notified_at"])
    request.answer, request.answered_by, request.answered_at = text.strip(), staff, now
    request.save(update_fields=["answer", "answered_by", "answered_at"])
    return request


@transaction.atomic
def solve(*, request_id: int, staff: User, now: datetime) -> SupportRequest:
    """Store that the thread of the request is done with; return its first request.

    What the player writes afterwards begins another one. Locks the requests of the thread. Raises
    NotAnsweredError while something of it waits for an answer, and AnsweredError if it is solved.
    """
    first, *further = _lock_thread(request_id)
    if first.solved_at is not None:
        raise AnsweredError("This request is solved already.")
    if any(one.answered_at is None for one in (first, *further)):
        raise NotAnsweredError("The player waits for an answer.")
    first.solved_at, first.solved_by = now, staff
    first.save(update_fields=["solved_at", "solved_by"])
    return first


def thread_of(request: SupportRequest) -> QuerySet[SupportRequest]:
    """Return the requests of the thread, the first one first."""
    first_id = request.thread_id or request.pk
    return SupportRequest.objects.filter(Q(pk=first_id) | Q(thread=first_id)).order_by("pk")


def _lock_thread(request_id: int) -> list[SupportRequest]:
    """Lock the requests of a thread, the first one first: of two who come, one waits there."""
    request = SupportRequest.objects.get(pk=request_id)
    locked = SupportRequest.objects.select_for_update(of=("self",))
    locked.get(pk=request.thread_id or request.pk)
    return list(thread_of(request).select_for_update(of=("self",)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Durations:
    """How long something took: half of the time at most `median`, nine times of ten `p90`."""

    median: timedelta | None
    p90: timedelta | None


def first_answers(*, now: datetime) -> Durations:
    """Return how long threads have waited for their first answers, in the last SHOWN_DAYS."""
    return _durations("answered_at", "answered_by_id", now=now)


def solutions(*, now: datetime) -> Durations:
    """Return how long threads have taken until they were solved, in the last SHOWN_DAYS."""
    return _durations("solved_at", "solved_by_id", now=now)


def _durations(until: str, by: str, *, now: datetime) -> Durations:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT
              percentile_cont(0.5) WITHIN GROUP (ORDER BY {until} - asked_at),
              percentile_cont(0.9) WITHIN GROUP (ORDER BY {until} - asked_at)
            FROM payments_supportrequest
            WHERE thread_id IS NULL AND {by} IS NOT NULL AND {until} > %s AND {until} <= %s
            """,  # noqa: S608 -- the names are ours.
            [now - SHOWN_DAYS, now],
        )
        median, p90 = cursor.fetchone()
    return Durations(median=median, p90=p90)
