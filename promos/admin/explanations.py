"""Why a code did not work, in words for staff."""

from promos.errors import Refusal
from promos.models import RESERVATION_TTL
from promos.rules import BLOCK_FOR, FAILURES_MAX, Reason

EXPLANATIONS = {
    Reason.BLOCKED: f"After {FAILURES_MAX} failed tries within a day the player cannot enter codes "
    f"for {BLOCK_FOR.seconds // 60} minutes. Trying meanwhile does not make it longer.",
    Reason.SUSPENDED: "The player is suspended: no code works, and nothing can be bought.",
    Reason.DENIED: "The player is on the deny list: no code works.",
    Reason.UNKNOWN: "There is no such code. It was mistyped, or is not ours.",
    Reason.REVOKED: "The code was revoked, alone or with its batch.",
    Reason.NOT_STARTED: "The campaign has not begun: it is a draft, or its window begins later.",
    Reason.ENDED: "Staff have ended the campaign for good.",
    Reason.EXPIRED: "The campaign's window is over.",
    Reason.DEPLETED: "All uses of the campaign are taken.",
    Reason.ALL_HELD: "All uses that are left are reserved for other players. A reservation "
    f"lasts {RESERVATION_TTL.seconds // 60} minutes, so the code can work again soon.",
    Reason.PAUSED: "The campaign is paused, by staff or by the guard against guessing.",
    Reason.USED_BY_PLAYER: "The player has used this campaign before; each player can once.",
    Reason.USED_BY_OTHER: "Another player has used this code; it works once.",
    Reason.TAKEN_TWICE: "The discount has expired twice for this player; there is no third time.",
    Reason.NOT_NEW: "It is for new players; this player had answered a question before that day.",
    Reason.HAS_BOUGHT: "It is for a first purchase; this player had bought something before.",
    Reason.LANGUAGE: "It is for players with another language.",
    Reason.LEVEL: "It is for players of another level.",
    Reason.NOT_LAPSED: "It is for players who have been away for longer.",
    Reason.HELD_OUT: "The campaign withholds itself from some players, chosen at random, to see "
    "what it brings; this player is one of them. It does not count as a failed try.",
    Reason.NOTHING_TO_BUY: "The player cannot buy anything that the discount is for: not for sale, "
    "bought only days ago, or a lower plan than the player has.",
}

# What the player reads, as staff may repeat it: no more than the player may know.
PLAYER_ANSWERS = {
    Refusal.INVALID: "There is no such code.",
    Refusal.EXPIRED: "The code is not valid any more.",
    Refusal.ALREADY_USED: "The code has been used.",
    Refusal.NOT_APPLICABLE: "The code is not for this player.",
    Refusal.RATE_LIMITED: "Too many tries; try again later.",
    Refusal.PAUSED: "The code is paused for the moment.",
}


def short(detail: str) -> str:
    """Return a reason in two or three words."""
    return detail.replace("_", " ").lower()


def explain(detail: str) -> str:
    """Return what stood against a try, in a sentence."""
    return EXPLANATIONS[Reason(detail)]
