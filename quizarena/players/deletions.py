"""The deletion of accounts, from the wish to the pseudonym. Product rules, section 16.

What of other tables is erased, and when that can begin, is known above (quizarena/ops/erasure.py).
"""

from datetime import datetime

from django.db import transaction

from quizarena.players import services
from quizarena.players.models import DELETION_DELAY, DeletionRequest, DeletionState, Player

# By what others and staff call somebody who is not there any more.
PSEUDONYM = "Deleted player"


def running(*, player: Player) -> DeletionRequest | None:
    """Return the deletion that the player has asked for, if it is neither cancelled nor done."""
    return DeletionRequest.objects.running().filter(player=player).first()


@transaction.atomic
def ask(*, player: Player, now: datetime) -> DeletionRequest:
    """Let the player be deleted in seven days; asking again changes nothing. Locks the player."""
    services.lock(player)
    return running(player=player) or DeletionRequest.objects.create(
        player=player, asked_at=now, due_at=now + DELETION_DELAY
    )


@transaction.atomic
def cancel(*, player: Player, now: datetime) -> bool:
    """Let the player stay; return False if nothing was to be cancelled. Locks the player."""
    services.lock(player)
    asked = DeletionRequest.objects.filter(player=player, state=DeletionState.ASKED)
    return asked.update(state=DeletionState.CANCELLED, ended_at=now) == 1


@transaction.atomic
def begin(*, request_id: int, now: datetime) -> bool:
    """Give the player a pseudonym, for good; return False if the request is not due (any more).

    Locks the player. The Telegram id, by which nobody finds the row again, and the names move to
    the request until `finish`. Whoever writes to the bot from now on is a new player.
    """
    player_ids = DeletionRequest.objects.filter(pk=request_id).values("player_id")
    player = Player.objects.select_for_update().get(pk__in=player_ids)
    request = DeletionRequest.objects.get(pk=request_id)
    if request.state != DeletionState.ASKED or now < request.due_at:
        return False
    names = {player.first_name, player.last_name, player.public_name, player.reset_name} - {""}
    DeletionRequest.objects.filter(pk=request_id).update(
        state=DeletionState.ERASING,
        begun_at=now,
        telegram_id=player.telegram_id,
        # The username first, which is looked for everywhere; the names only in what is about the
        # player: anybody may be called "@anna".
        names=[f"@{player.username}", *sorted(names)],
    )
    Player.objects.filter(pk=player.pk).update(
        telegram_id=-player.pk,
        first_name=PSEUDONYM,
        last_name="",
        username="",
        public_name="",
        reset_name="",
        is_hidden=True,
        awaits="",
        awaits_until=None,
        # Nobody is there to whom a message could go.
        bot_blocked_at=player.bot_blocked_at or now,
        deleted_at=now,
    )
    return True


def finish(*, request_id: int, now: datetime) -> bool:
    """Forget who the player was: everything else is erased. Return False if that was so."""
    erasing = DeletionRequest.objects.filter(pk=request_id, state=DeletionState.ERASING)
    done = {"state": DeletionState.DONE, "ended_at": now, "telegram_id": None, "names": []}
    return erasing.update(**done) == 1
