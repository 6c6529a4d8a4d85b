"""What the API of promos refuses, as problem documents."""

from datetime import datetime

from django.utils import timezone
from rest_framework import status

from promos.errors import BadTermsError, IncompleteError, Refusal
from promos.models import (
    Campaign,
    Redemption,
)
from quizarena.api.problems import Problem, conflict, forbidden

# Each reason why a code is not accepted: title, and what to do about it.
REFUSALS = {
    Refusal.INVALID: (
        "There is no such code",
        "Check how it is written: the fifth failure within a day blocks the player for an hour.",
    ),
    Refusal.EXPIRED: (
        "The code is no longer valid",
        "Its campaign is over, or all uses are taken. Offer another code.",
    ),
    Refusal.ALREADY_USED: (
        "The code has been used",
        "The player has used it before, or it works once and another player has used it.",
    ),
    Refusal.NOT_APPLICABLE: (
        "The code is not for this player",
        "It is for other players, for example new ones or another language. Offer another code.",
    ),
    Refusal.RATE_LIMITED: (
        "The player has failed too often",
        "Ask again at the time in `blocked_until`, with a new Idempotency-Key.",
    ),
    Refusal.PAUSED: (
        "The code is paused",
        "It may work again later. Ask then, with a new Idempotency-Key.",
    ),
}


def refused(refusal: Refusal, *, blocked_until: datetime | None = None) -> Problem:
    """Return the problem of a code that is not accepted; why exactly is not for whoever guesses."""
    title, detail = REFUSALS[refusal]
    until = timezone.localtime(blocked_until).isoformat() if blocked_until else None
    return Problem(
        refusal.value,
        status=refusal.http_status,
        title=title,
        detail=detail,
        more={"blocked_until": until} if until else None,
    )


def status_changed(campaign: Campaign) -> Problem:
    """Return the problem of a campaign that is not as the client has seen it."""
    return conflict(
        "status_changed",
        title="The campaign has changed",
        detail="`current_status` is its status now. Get the campaign again before you decide.",
        more={"current_status": campaign.status},
    )


def illegal_move(campaign: Campaign, why: str) -> Problem:
    """Return the problem of a move that does not exist from where the campaign is."""
    return conflict(
        "illegal_move",
        title="Status change not allowed",
        detail=why,
        more={"current_status": campaign.status},
    )


def incomplete(error: IncompleteError) -> Problem:
    """Return the problem of a campaign that nobody could use."""
    return Problem(
        "campaign_incomplete",
        status=status.HTTP_422_UNPROCESSABLE_ENTITY,
        title="The campaign is not ready",
        detail="Operators have to complete it in the admin: see `reasons`.",
        more={"reasons": list(error.reasons)},
    )


def terms_not_possible(error: BadTermsError) -> Problem:
    """Return the problem of terms that a campaign cannot have."""
    return Problem(
        "terms_not_possible",
        status=status.HTTP_422_UNPROCESSABLE_ENTITY,
        title="Terms not possible",
        detail=str(error),
        errors=[(error.field, "terms_not_possible", str(error))],
    )


def needs_second_person(*, limit: int) -> Problem:
    """Return the problem of a campaign that can cost more Stars than a client may start."""
    return forbidden(
        "needs_second_person",
        title="A second person has to approve",
        detail="It can cost more than `stars_max`, or has no limit. Staff start it in the admin.",
        more={"stars_max": limit},
    )


def not_applied(redemption: Redemption) -> Problem:
    """Return the problem of a redemption that has given nothing."""
    return conflict(
        "not_applied",
        title="Nothing to roll back",
        detail="The redemption has given nothing: see `current_status`.",
        more={"current_status": redemption.status},
    )


def refund_instead() -> Problem:
    """Return the problem of a discount, of which there is nothing to take back but the purchase."""
    return conflict(
        "refund_the_purchase",
        title="Refund the purchase instead",
        detail="A discount gives nothing by itself. The refund of its purchase revokes it.",
    )
