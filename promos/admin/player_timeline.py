"""The codes that a player entered, and the player's invitations, as kinds of the timeline."""

from django.db.models import QuerySet
from django.utils.html import format_html

from promos.admin import sections
from promos.admin.referrals import status_badge
from promos.models import Attempt, Referral
from quizarena.players import timeline
from quizarena.players.models import Player
from quizarena.staff.desk import object_link


def _attempts(player: Player) -> QuerySet[Attempt]:
    return player.promo_attempts.select_related("code", "campaign", "redemption")


def _attempt_line(attempt: Attempt, player: Player) -> timeline.Line:
    name = attempt.code.label if attempt.code else "an unknown code"
    campaign = f" of {attempt.campaign}" if attempt.campaign else ""
    return timeline.Line(
        what=format_html(
            "{} {}", object_link(attempt, f"Entered {name}{campaign}"), sections.outcome(attempt)
        ),
        detail=sections.why(attempt),
    )


def _invited(player: Player) -> QuerySet[Referral]:
    return Referral.objects.filter(inviter=player.pk).select_related("invited")


def _invited_line(referral: Referral, player: Player) -> timeline.Line:
    return timeline.Line(
        what=format_html(
            "{} {}", object_link(referral, f"Invited {referral.invited}"), status_badge(referral)
        )
    )


def _came(player: Player) -> QuerySet[Referral]:
    return Referral.objects.filter(invited=player).select_related("inviter__player")


def _came_line(referral: Referral, player: Player) -> timeline.Line:
    what = f"Came by the invitation of {referral.inviter.player}"
    return timeline.Line(
        what=format_html("{} {}", object_link(referral, what), status_badge(referral))
    )


_KINDS = (
    timeline.Kind(
        code="codes",
        label="Promo codes",
        permission="promos.view_attempt",
        streams=(
            timeline.Stream(
                name="attempt",
                rows=_attempts,
                order=("at", "id"),
                at=lambda attempt: attempt.at,
                line=_attempt_line,
            ),
        ),
    ),
    timeline.Kind(
        code="invitations",
        label="Invitations",
        permission="promos.view_referral",
        streams=(
            timeline.Stream(
                name="invited",
                rows=_invited,
                order=("started_at", "id"),
                at=lambda referral: referral.started_at,
                line=_invited_line,
            ),
            timeline.Stream(
                name="came",
                rows=_came,
                order=("id",),
                at=lambda referral: referral.started_at,
                line=_came_line,
            ),
        ),
    ),
)
for _kind in _KINDS:
    timeline.declare(_kind)
