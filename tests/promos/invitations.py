"""What inviters, their friends and staff do, in short."""

from datetime import datetime, timedelta
from itertools import count

from django.contrib.auth.models import User

from economy import streaks
from promos import referral_reviews, referrals
from promos.models import Inviter, Referral, ReferralReward, RewardChoice
from promos.referral_reviews import Judgement, Verdict
from quizarena.game.models import Mode, Question, QuestionVersion, Round, RoundQuestion, RoundState
from quizarena.players.models import Player
from tests.factories import NOON, PlayerFactory, QuestionFactory, make_staff

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)

_keys = count(1)


def invite(player: Player | None = None, *, now: datetime = NOON) -> Inviter:
    """Return the player, or a new one, as an inviter."""
    return referrals.inviter_of(player=player or PlayerFactory.create(), now=now)


def come(inviter: Inviter, *, player: Player | None = None, now: datetime = NOON) -> Referral:
    """Let the player, or a new one, come by the inviter's link."""
    invited = player or PlayerFactory.create(created_at=now)
    referral = referrals.bind(invited=invited, code=inviter.code, now=now)
    assert referral is not None
    return referral


def answer(player: Player, number: int, *, at: datetime, seconds: float = 4.0) -> None:
    """Let the player answer so many questions at an instant, each after so many seconds."""
    question = Question.objects.first() or QuestionFactory.create()
    version = QuestionVersion.objects.get(question_row=question)
    played = Round.objects.create(
        player=player,
        mode=Mode.ARTIKEL_SPRINT,
        start_key=f"round:{next(_keys)}",
        state=RoundState.FINISHED,
        started_at=at,
        finished_at=at,
    )
    RoundQuestion.objects.bulk_create(
        RoundQuestion(
            round=played,
            number=place,
            player=player,
            mode=played.mode,
            question=question,
            version=version,
            order=[0, 1, 2, 3],
            shown_at=at - timedelta(seconds=seconds),
            answered_at=at,
            choice=1,
            is_correct=True,
        )
        for place in range(1, number + 1)
    )
    streaks.record_activity(player=player, now=at)


def play(referral: Referral, *, seconds: float = 4.0) -> None:
    """Let the invited player do just what counts: ten answers at once, and ten a day later."""
    answer(referral.invited, 10, at=referral.started_at + HOUR, seconds=seconds)
    answer(referral.invited, 10, at=referral.started_at + DAY + HOUR, seconds=seconds)


def check(now: datetime) -> int:
    """Let the job look at every invitation; return how many have come to count."""
    return referrals.check(now=now, until=datetime.max.replace(tzinfo=now.tzinfo))


def status(referral: Referral) -> str:
    """Return where an invitation is now."""
    return Referral.objects.values_list("status", flat=True).get(pk=referral.pk)


def qualified(inviter: Inviter, number: int = 1, *, now: datetime = NOON) -> list[Referral]:
    """Return so many of the inviter's friends; they have come to count at `now`."""
    friends = [come(inviter, now=now - 2 * DAY) for _ in range(number)]
    for friend in friends:
        play(friend)
    check(now)
    return friends


def offered(inviter: Inviter, *, now: datetime = NOON) -> ReferralReward:
    """Return a reward of the inviter that can be chosen from `now` on."""
    qualified(inviter, 3, now=now - 2 * DAY)
    referrals.offer_rewards(inviter_id=inviter.pk, now=now)
    return ReferralReward.objects.filter(inviter=inviter).latest("number")


def claim(
    reward: ReferralReward, choice: str = "MEGA_PACK_15", *, now: datetime = NOON
) -> referrals.Claim:
    """Let the inviter choose."""
    return referrals.claim(
        player=reward.inviter.player, number=reward.number, choice=RewardChoice(choice), now=now
    )


def judge(
    referral: Referral, verdict: str, *, staff: User | None = None, now: datetime = NOON
) -> Judgement:
    """Let staff decide about an invitation as it is."""
    staff = staff or User.objects.filter(username="operator").first() or make_staff("Operator")
    referral = Referral.objects.get(pk=referral.pk)
    return referral_reviews.judge(
        Verdict(verdict),
        referral_id=referral.pk,
        seen=referral_reviews.seen_as(referral),
        reason="Looked at it.",
        staff=staff,
        now=now,
    )
