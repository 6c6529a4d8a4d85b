"""Why a code is refused to a player, and why there is no reward for an invitation: for staff."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminTextInputWidget

from economy.wallets import business_zone
from promos import redemptions, referral_rules
from promos.admin import tester
from promos.admin.explanations import short
from promos.admin.referrals import status_badge
from promos.models import Referral, ReferralReward, ReferralStatus
from quizarena.players import why
from quizarena.players.models import Player
from quizarena.players.why import Answer
from quizarena.staff import dates
from quizarena.staff.desk import link, object_link

ROWS = 15


# --- A code ---------------------------------------------------------------------------------------


class CodeForm(why.WhyForm):
    """A code as the player has it."""

    code = forms.CharField(
        max_length=200,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text="It is neither stored nor logged.",
    )


def _code(player: Player, asked: Mapping[str, Any], now: datetime) -> Answer:
    verdict = tester.of_player(player=player, raw=asked["code"])["verdict"]
    code = redemptions.find(asked["code"])
    tried = redemptions.attempts_with(asked["code"]).filter(player=player)
    facts = [("Code", object_link(code)), ("Campaign", object_link(code.campaign))] if code else []
    against = [(reason, here) for reason, here in verdict["against"]["rows"]]
    return Answer(
        sentence="\n".join([verdict["sentence"], *verdict["notes"]]),
        facts=[*facts, *against],
        headers=("When", "Attempt", "Answer"),
        rows=[
            (
                dates.to_the_second(one.at),
                object_link(one),
                short(one.detail) if one.detail else "accepted",
            )
            for one in tried.order_by("-at", "-id")[:ROWS]
        ],
    )


# --- A reward -------------------------------------------------------------------------------------


def _reward(player: Player, asked: Mapping[str, Any], now: datetime) -> Answer:
    mine = Referral.objects.filter(inviter=player.pk)
    rewards = ReferralReward.objects.filter(inviter=player.pk, revoked_at=None)
    counting = mine.unrewarded().count()
    month = referral_rules.month_of(now, zone=business_zone())
    claimed = rewards.filter(month=month).count()
    waiting = rewards.filter(chosen_at=None).count()
    missing = referral_rules.PER_REWARD - counting
    sentences = [
        f"A reward is for {referral_rules.PER_REWARD} invitations that count.",
        f"{referral_rules.CLAIMS_PER_MONTH} rewards can be chosen in a month.",
    ]
    if waiting and claimed >= referral_rules.CLAIMS_PER_MONTH:
        sentences.append("The rewards of this month are used up: the next can be chosen then.")
    elif waiting:
        sentences.append("A reward waits to be chosen with /invite.")
    elif missing > 0:
        sentences.append(f"{missing} more have to count for the next one.")
    return Answer(
        sentence=" ".join(sentences),
        facts=(
            ("Count for the next reward", counting),
            ("On the way", mine.filter(status=ReferralStatus.STARTED, lapsed_at=None).count()),
            ("Too late", mine.filter(lapsed_at__isnull=False).count()),
            ("Wait for staff", mine.held().count()),
            ("Rewards that wait to be chosen", waiting),
            ("Chosen this month", claimed),
        ),
        headers=("Invited", "Started", "Status", "Because"),
        rows=[
            (
                object_link(one, one.invited),
                dates.moment(one.started_at),
                status_badge(one),
                _because(one),
            )
            for one in mine.select_related("invited").order_by("-started_at")[:ROWS]
        ],
        more=link("All invitations", "promos_referral_changelist"),
    )


def _because(referral: Referral) -> str:
    """Return what an invitation still needs, or what stood against it."""
    if referral.held_at is not None:
        return "It looks suspicious, and waits for staff."
    if referral.lapsed_at is not None:
        return "Its time was over before it counted."
    if referral.status == ReferralStatus.STARTED:
        closes = dates.moment(referral_rules.closes_at(referral.started_at))
        return (
            f"Needs {referral_rules.ANSWERS_MIN} answers on {referral_rules.DAYS_MIN} days"
            f" until {closes}."
        )
    return f"{referral.answers} answers on {referral.days} days."


_QUESTIONS = (
    why.Question(
        code="code",
        title="Why is a code refused?",
        permission="promos.view_attempt",
        form=CodeForm,
        answer=_code,
        is_secret=True,
    ),
    why.Question(
        code="reward",
        title="Why is there no reward for invitations?",
        permission="promos.view_referral",
        answer=_reward,
    ),
)


def declare() -> None:
    """Let the page “Why?” answer these questions."""
    for question in _QUESTIONS:
        why.declare(question)
