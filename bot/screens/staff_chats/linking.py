"""The chat of a member of staff, to which test messages go: linked by a code from that very chat.

The code is shown to staff in the admin and sent to the bot by whoever has the chat, so a
member of staff cannot name a chat of somebody else.
"""

import secrets
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.utils.crypto import salted_hmac

from bot.chat.models import StaffPlayer
from quizarena.players.models import Player
from quizarena.staff import audit
from quizarena.staff.models import ChatLinkCode, ChatLinkFailures

# How the start parameter begins (t.me/<bot>?start=link_<code>).
LINK = "link_"
CODE_TTL = timedelta(minutes=10)
# Without letters and digits that look alike; 12 of them are 60 bits.
ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
CODE_LENGTH = 12
# So many wrong codes a chat may send within the window.
FAILURES_MAX = 5
FAILURES_WINDOW = timedelta(hours=1)


class LinkError(Exception):
    """The chat is not linked. Nothing has been changed but the count of wrong codes."""


class WrongCodeError(LinkError):
    """No member of staff has this code now."""


class TooManyWrongCodesError(LinkError):
    """The chat has sent so many wrong codes that it has to wait."""


def make_code(*, staff: User, now: datetime) -> str:
    """Return a code for `staff`, valid for CODE_TTL and once; an earlier one opens nothing more."""
    code = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))
    ChatLinkCode.objects.update_or_create(
        user=staff, defaults={"code_hmac": _hashed(code), "expires_at": now + CODE_TTL}
    )
    return code


def link(*, player: Player, code: str, now: datetime) -> User:
    """Let the test messages of the code's member of staff go to `player`; return who that is.

    Uses the code up. Locks the chat's count of wrong codes, and the code. Raises LinkError.
    """
    with transaction.atomic():
        staff = _link(player=player, code=code, now=now)
    # Raised only here, since the count of wrong codes has to stay.
    if staff is None:
        raise WrongCodeError
    return staff


def _link(*, player: Player, code: str, now: datetime) -> User | None:
    tries, _ = ChatLinkFailures.objects.select_for_update().get_or_create(
        telegram_id=player.telegram_id, defaults={"since": now, "times": 0}
    )
    if tries.since <= now - FAILURES_WINDOW:
        tries.since, tries.times = now, 0
    if tries.times >= FAILURES_MAX:
        raise TooManyWrongCodesError
    found = _lock_code(code)
    if found is None or found.expires_at <= now or not found.user.is_active:
        tries.times += 1
        tries.save(update_fields=["since", "times"])
        return None
    staff = found.user
    found.delete()
    StaffPlayer.objects.update_or_create(user=staff, defaults={"player": player})
    audit.record(
        actor=staff,
        action="staff.chat_linked",
        obj=staff,
        summary=f"{staff} gets test messages as {player}.",
        details={"player": player.pk},
    )
    return staff


def _lock_code(code: str) -> ChatLinkCode | None:
    """Lock the code until the transaction ends: of two chats that send it, one has it."""
    codes = ChatLinkCode.objects.select_for_update(of=("self",)).select_related("user")
    return codes.filter(code_hmac=_hashed(code.strip().upper())).first()


@transaction.atomic
def unlink(*, staff: User) -> bool:
    """Send `staff` no more test messages; return whether there was a chat."""
    return _unlink(StaffPlayer.objects.filter(user=staff), by=staff) > 0


@transaction.atomic
def unlink_chat(*, player: Player) -> bool:
    """Send the player no more test messages of anybody; return whether there were any."""
    return _unlink(StaffPlayer.objects.filter(player=player), by=None) > 0


def _unlink(links: QuerySet[StaffPlayer], *, by: User | None) -> int:
    found = list(links.select_for_update(of=("self",)).select_related("user", "player"))
    for one in found:
        where = "in the admin" if by else "from the chat"
        audit.record(
            actor=by,
            action="staff.chat_unlinked",
            obj=one.user,
            summary=f"{one.user} gets no more test messages as {one.player}: unlinked {where}.",
            details={"player": one.player.pk},
        )
        one.delete()
    return len(found)


def _hashed(code: str) -> str:
    return salted_hmac("bot.staff_chats", code, algorithm="sha256").hexdigest()
