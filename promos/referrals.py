"""Who has invited whom, when that counts, and what it brings. Product rules, section 9.

Everything about one inviter's rewards happens under the lock of the inviter's row. What follows
from time (a reward that can be chosen, a month that begins) is applied by whoever comes first,
the player or the job, with the same result.
"""

import secrets
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, time, timedelta
from typing import Any

import structlog
from django.db import connection, transaction
from django.db.models import Count, F, Q
from django.utils import timezone

from economy import grants
from economy.goods import Goods
from economy.models import EntryType, LedgerEntry, Source, StreakDay
from economy.streak_rules import Outcome
from economy.wallets import business_zone
from promos import codes, products, redemptions, referral_rules
from promos.errors import NoRewardError, NotYetError
from promos.models import (
    REFUSED,
    CampaignKind,
    Inviter,
    Referral,
    ReferralNotice,
    ReferralNoticeKind,
    ReferralReward,
    ReferralStatus,
    RewardChoice,
)
from promos.referral_rules import (
    CLAIMABLE_AFTER,
    CLAIMS_PER_MONTH,
    PAIR_WITHIN,
    PER_REWARD,
    RING_MAX,
    WINDOW,
    Assessment,
    Evidence,
)
from quizarena import sweeps
from quizarena.game import activity
from quizarena.players.models import Player

CODE_LENGTH = 10
# What the job looks at together.
PAGE = 1000
# How many friends on their way a player sees.
FRIENDS_SHOWN = 5
# And how many rewards that are not chosen yet, those that can be chosen first.
REWARDS_SHOWN = 5
PREMIUM_DAYS = 7

log = structlog.get_logger(__name__)


def goods_of(choice: RewardChoice) -> Goods:
    """Return what a choice delivers: what the product does, or a week of Premium."""
    if choice is RewardChoice.PREMIUM_7:
        return redemptions.goods_of(kind=CampaignKind.PREMIUM_GRANT, value=PREMIUM_DAYS)
    return products.goods_of(choice.value)


def _lock(inviter_id: int) -> None:
    """Lock the inviter until the transaction ends."""
    Inviter.objects.select_for_update(no_key=True).only("pk").get(pk=inviter_id)


# --- Inviting and being invited -------------------------------------------------------------------


def inviter_of(*, player: Player, now: datetime) -> Inviter:
    """Return the player as an inviter, with a code that nobody can guess; made at the first call.

    23 letters, ten of them: 45 bits.
    """
    code = "".join(secrets.choice(codes.ALPHABET) for _ in range(CODE_LENGTH))
    inviter, _ = Inviter.objects.get_or_create(
        player=player, defaults={"code": code, "created_at": now}
    )
    return inviter


@transaction.atomic
def bind(*, invited: Player, code: str, now: datetime) -> Referral | None:
    """Write down that the player came by this link; None for a link that nobody has.

    For a player's very first start, and no other: the caller makes sure (players.start). Once bound
    the first one stands, by the database. Locks the inviter: the eleventh start of a day is held
    for staff, however many come at once. One's own link, and a link of somebody whom the player has
    invited within 30 days, are kept as fraud.
    """
    inviter = inviter_with(code=code)
    if inviter is None:
        return None
    _lock(inviter.pk)
    assessment = referral_rules.assess(
        Evidence(
            is_self=inviter.pk == invited.pk,
            ring=_ring(inviter_id=inviter.pk, invited_id=invited.pk, started_at=now),
            starts=inviter.referrals.filter(_on_the_day_of(now)).count() + 1,
        )
    )
    status = ReferralStatus.REJECTED_FRAUD if assessment.is_refused else ReferralStatus.STARTED
    referral, _ = Referral.objects.get_or_create(
        invited=invited,
        defaults={
            "inviter": inviter,
            "started_at": now,
            "status": status,
            "held_at": now if assessment.is_held() and not assessment.is_refused else None,
            **_assessment_columns(assessment),
        },
    )
    return referral


def inviter_with(*, code: str) -> Inviter | None:
    """Return whose link it is; None for a link that nobody has."""
    known = Inviter.objects.select_related("player")
    return known.filter(code=codes.normalised(code)).first()


def is_bound(*, invited: Player, inviter: Inviter) -> bool:
    """Return whether the player has come by the inviter's link."""
    return Referral.objects.filter(invited=invited, inviter=inviter).exists()


def friend_ids(*, player: Player, at_most: int) -> set[int]:
    """Return whom the player has invited, the latest first, and by whom the player was invited.

    What was refused makes nobody a friend. One query.
    """
    counted = Referral.objects.exclude(status__in=REFUSED).order_by()
    invited = counted.filter(inviter=player.pk).order_by("-started_at")
    of_inviter = counted.filter(invited=player).values_list("inviter", flat=True)
    return set(of_inviter.union(invited.values_list("invited", flat=True)[:at_most], all=True))


def _on_the_day_of(instant: datetime) -> Q:
    """Return the condition of a start on the business day of `instant`."""
    zone = business_zone()
    day = instant.astimezone(zone).date()
    midnight, next_midnight = (
        datetime.combine(one, time(), tzinfo=zone) for one in (day, day + timedelta(days=1))
    )
    return Q(started_at__gte=midnight, started_at__lt=next_midnight)


def _assessment_columns(assessment: Assessment) -> dict[str, Any]:
    return {
        "score": assessment.score,
        "reasons": [asdict(reason) for reason in assessment.reasons],
    }


# Who has invited the inviter, who has invited that one, and so on, until it is the invited one.
_RING = """
WITH RECURSIVE chain (player_id, length) AS (
  SELECT %(inviter)s::bigint, 1
  UNION ALL
  SELECT referral.inviter_id, length + 1
  FROM chain JOIN promos_referral AS referral ON referral.invited_id = chain.player_id
  WHERE length < %(most)s AND chain.player_id <> %(invited)s
    AND referral.inviter_id <> referral.invited_id
    AND referral.started_at > %(since)s AND referral.started_at < %(until)s
)
SELECT length FROM chain WHERE player_id = %(invited)s LIMIT 1
"""


def _ring(*, inviter_id: int, invited_id: int, started_at: datetime) -> int:
    """Return how many accounts invite each other in a circle with this pair; 0 if they do not.

    All within PAIR_WITHIN of this start. Everybody has been invited once at most, so there is one
    way up, and it is followed for RING_MAX accounts.
    """
    asked: dict[str, Any] = {
        "inviter": inviter_id,
        "invited": invited_id,
        "most": RING_MAX,
        "since": started_at - PAIR_WITHIN,
        "until": started_at + PAIR_WITHIN,
    }
    with connection.cursor() as cursor:
        cursor.execute(_RING, asked)
        found = cursor.fetchone()
    return found[0] if found and inviter_id != invited_id else 0


# --- Counting -------------------------------------------------------------------------------------


def span_of(referral: Referral) -> activity.Span:
    """Return when the answers of the invited player count."""
    since = referral.started_at
    return activity.Span(referral.invited_id, since, referral_rules.closes_at(since))


def check(*, now: datetime, until: datetime) -> int:
    """Look which invitations have come to count, each once, until it is `until`; return how many.

    Who has waited longest comes first, so nobody starves however many there are. A page is a few
    statements for all of it; one that counts is a transaction of its own, and a defect in it holds
    up nobody. What has not counted when its time is over is not looked at again; what somebody else
    is busy with waits for the next run.
    """
    qualified = 0
    busy: set[int] = set()
    while timezone.now() < until and (page := _page(now, without=busy)):
        passed = _passed(page)
        for seen, days in passed:
            try:
                qualified += _qualify(seen, days=days, now=now)
            except Exception:  # Of whatever kind: it is this one's alone.
                log.exception("referral.left_behind", referral=seen.pk)
        busy |= _mark(page, passed={seen.pk for seen, _ in passed}, now=now)
    return qualified


def _page(now: datetime, *, without: Collection[int]) -> list[Referral]:
    """Return those that have waited longest and were not looked at in this run."""
    waiting = Referral.objects.checkable().filter(Q(checked_at=None) | Q(checked_at__lt=now))
    waiting = waiting.exclude(pk__in=without)
    oldest = waiting.order_by(F("checked_at").asc(nulls_first=True), "pk")
    return list(oldest.only("inviter", "invited", "started_at")[:PAGE])


def _passed(page: Sequence[Referral]) -> list[tuple[Referral, Sequence[activity.AnsweredDay]]]:
    """Return which of these count now, with the days on which their players have answered.

    Who has not played on two recorded days need not be asked for: that is one cheap statement for
    all of them, and true of most.
    """
    zone = business_zone()
    first_day = min(referral.started_at for referral in page).astimezone(zone).date()
    played = (
        StreakDay.objects.filter(
            player__in=[referral.invited_id for referral in page],
            outcome=Outcome.PLAYED,
            day__gte=first_day,
        )
        .values_list("player")
        .annotate(days=Count("pk"))
        .filter(days__gte=referral_rules.DAYS_MIN)
        .order_by()
    )
    often = {player_id for player_id, _ in played}
    candidates = [referral for referral in page if referral.invited_id in often]
    answered = activity.answered(
        [span_of(referral) for referral in candidates], fast=referral_rules.FAST
    )
    return [
        (referral, days)
        for referral in candidates
        for days in [answered.get(referral.invited_id, ())]
        if referral_rules.is_qualified(answers=sum(day.answers for day in days), days=len(days))
    ]


@transaction.atomic
def _mark(page: Sequence[Referral], *, passed: Collection[int], now: datetime) -> set[int]:
    """Write down that a page was looked at, and what of it has lapsed; return what is left out.

    That is what somebody else has locked: a page is of many inviters, whose locks nobody can take
    at once, so it never waits. What has `passed` does not lapse though it may not count: it failed,
    or staff have reopened it this very moment.
    """
    pks = {referral.pk for referral in page}
    free = Referral.objects.select_for_update(no_key=True, skip_locked=True).filter(pk__in=pks)
    marked = set(free.values_list("pk", flat=True))
    looked_at = Referral.objects.filter(pk__in=marked)
    looked_at.update(checked_at=now)
    lapsed = looked_at.checkable().filter(started_at__lte=now - WINDOW)
    lapsed.exclude(pk__in=passed).update(lapsed_at=now)
    return pks - marked


@transaction.atomic
def _qualify(seen: Referral, *, days: Sequence[activity.AnsweredDay], now: datetime) -> bool:
    """Let an invitation count, or hold it for staff; return whether it counts. Locks the inviter.

    Every third makes a reward.
    """
    inviter_id, invited_id, started_at = seen.inviter_id, seen.invited_id, seen.started_at
    _lock(inviter_id)
    referral = Referral.objects.checkable().filter(pk=seen.pk).first()
    if referral is None:
        return False  # Somebody was faster.
    referral.answers = sum(day.answers for day in days)
    referral.fast_answers = sum(day.fast for day in days)
    referral.days = len(days)
    others = Referral.objects.filter(inviter=inviter_id)
    assessment = referral_rules.assess(
        Evidence(
            ring=_ring(inviter_id=inviter_id, invited_id=invited_id, started_at=started_at),
            answers=referral.answers,
            fast_answers=referral.fast_answers,
            starts=others.filter(_on_the_day_of(started_at), pk__lte=seen.pk).count(),
            confirmed=others.confirmed_fraud().count(),
        )
    )
    referral.score, referral.reasons = _assessment_columns(assessment).values()
    is_held = assessment.is_held(cleared=referral.cleared)
    if is_held:
        referral.held_at = now
    else:
        referral.status, referral.qualified_at = ReferralStatus.QUALIFIED, now
    referral.save(
        update_fields=[
            "answers", "fast_answers", "days", "score", "reasons", "held_at", "status",
            "qualified_at",
        ]
    )  # fmt: skip
    if is_held:
        return False
    # Once for each friend, also for one that was reopened and counts again.
    ReferralNotice.objects.bulk_create(
        [
            ReferralNotice(
                player_id=inviter_id,
                kind=ReferralNoticeKind.FRIEND_QUALIFIED,
                referral=referral,
                created_at=now,
            )
        ],
        ignore_conflicts=True,
    )
    form_rewards(inviter_id=inviter_id, now=now)
    return True


# --- Rewards --------------------------------------------------------------------------------------


def form_rewards(*, inviter_id: int, now: datetime) -> None:
    """Make a reward of every three invitations that count and are of none; the inviter is locked.

    It can be chosen 48 hours after the last of its three has come to count.
    """
    while True:
        unrewarded = Referral.objects.filter(inviter=inviter_id).unrewarded()
        three = list(unrewarded.order_by("qualified_at", "pk")[:PER_REWARD])
        if len(three) < PER_REWARD:
            return
        last = three[-1].qualified_at
        assert last is not None
        reward = ReferralReward.objects.create(
            inviter_id=inviter_id,
            number=ReferralReward.objects.filter(inviter=inviter_id).count() + 1,
            created_at=now,
            claimable_at=last + CLAIMABLE_AFTER,
        )
        Referral.objects.filter(pk__in=[one.pk for one in three]).update(reward=reward)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A reward that has been chosen; not `is_new` if it was chosen before this call."""

    reward: ReferralReward
    entry: LedgerEntry
    is_new: bool


@transaction.atomic
def claim(*, player: Player, number: int, choice: RewardChoice, now: datetime) -> Claim:
    """Hand over what the player chooses as reward `number`, once.

    However often and from wherever it is asked for, whatever the choice: the first one stands and
    is returned. Locks the inviter, then the wallet. Raises NotYetError before its time or when the
    month has no room, NoRewardError if there is no such reward or it was taken back.
    """
    if not Inviter.objects.select_for_update(no_key=True).filter(pk=player.pk).exists():
        raise NoRewardError("the player has invited nobody")
    rewards = _offer_rewards(inviter_id=player.pk, now=now, also=number)
    reward = next((reward for reward in rewards if reward.number == number), None)
    if reward is None or reward.revoked_at is not None:
        raise NoRewardError(f"there is no reward {number}")
    if reward.entry is not None:
        return Claim(reward=reward, entry=reward.entry, is_new=False)
    if reward.offered_at is None:
        raise NotYetError(
            at=reward.deferred_until or reward.claimable_at,
            is_deferred=reward.deferred_until is not None,
        )
    zone = business_zone()
    month = referral_rules.month_of(now, zone=zone)
    taken = {one.place for one in rewards if one.month == month and one.revoked_at is None}
    free = set(range(1, CLAIMS_PER_MONTH + 1)) - taken
    if not free:
        # The next month has begun while this waited for the lock, and has offered it.
        raise NotYetError(at=referral_rules.next_month(now, zone=zone), is_deferred=True)
    entry, _ = grants.grant(
        player=player,
        goods=goods_of(choice),
        type=EntryType.REFERRAL_REWARD,
        source=Source.REFERRAL,
        key=f"referral:{number}",
        now=now,
        metadata={"referral_reward": reward.pk, "number": number},
    )
    reward.choice, reward.chosen_at, reward.entry = choice, now, entry
    reward.month = month
    reward.place = min(free)
    reward.save(update_fields=["choice", "chosen_at", "entry", "month", "place"])
    reward.referrals.update(status=ReferralStatus.REWARDED)
    _offer_or_defer(rewards, now=now)
    return Claim(reward=reward, entry=entry, is_new=True)


@transaction.atomic
def offer_rewards(*, inviter_id: int, now: datetime) -> None:
    """Offer what can be chosen by now, and defer what the month has no room for. Locks the inviter.

    Called by the job, and before anything is shown or chosen.
    """
    _lock(inviter_id)
    _offer_rewards(inviter_id=inviter_id, now=now)


def offer_due_rewards(*, until: datetime) -> int:
    """Offer the rewards of every inviter for whom it is time; return how many, until `until`.

    In each month's first minutes that is what was deferred to it.
    """

    def due(seen: Collection[int]) -> list[int]:
        waiting = ReferralReward.objects.offered_by(timezone.now()).exclude(inviter__in=seen)
        return list(waiting.order_by("inviter").values_list("inviter", flat=True).distinct()[:PAGE])

    def offer_rewards_of(inviter_id: int) -> int:
        offer_rewards(inviter_id=inviter_id, now=timezone.now())
        return 1

    return sweeps.one_by_one(due=due, apply=offer_rewards_of, until=until)


def _offer_rewards(
    *, inviter_id: int, now: datetime, also: int | None = None
) -> list[ReferralReward]:
    """Offer or defer what is open; return it with this month's choices, and with number `also`."""
    month = referral_rules.month_of(now, zone=business_zone())
    wanted = Q(chosen_at=None, revoked_at=None) | Q(month=month, revoked_at=None)
    if also is not None:
        wanted |= Q(number=also)
    mine = ReferralReward.objects.filter(wanted, inviter=inviter_id)
    rewards = list(mine.select_related("entry").order_by("number"))
    _offer_or_defer(rewards, now=now)
    return rewards


def _offer_or_defer(rewards: Sequence[ReferralReward], *, now: datetime) -> None:
    """Offer what the month has room for, by number, and defer the others whose time has come.

    `rewards` are the inviter's open ones and this month's choices. One that is offered keeps its
    room until it is chosen or taken back; one that stays deferred says nothing again.
    """
    zone = business_zone()
    month = referral_rules.month_of(now, zone=zone)
    unchosen = [one for one in rewards if one.chosen_at is None and one.revoked_at is None]
    taken = sum(one.month == month and one.revoked_at is None for one in rewards)
    offered = sum(one.offered_at is not None for one in unchosen)
    room = max(0, CLAIMS_PER_MONTH - taken - offered)
    waiting = [one for one in unchosen if one.offered_at is None and one.claimable_at <= now]
    for reward in waiting[:room]:
        reward.offered_at, reward.deferred_until = now, None
        reward.save(update_fields=["offered_at", "deferred_until"])
        reward.referrals.exclude(status=ReferralStatus.QUALIFIED).update(
            status=ReferralStatus.QUALIFIED
        )
        notify(reward, ReferralNoticeKind.REWARD_READY, now=now)
    for reward in waiting[room:]:
        deferred_before = reward.deferred_until
        if deferred_before is not None and now < deferred_before:
            continue
        reward.deferred_until = referral_rules.next_month(now, zone=zone)
        reward.save(update_fields=["deferred_until"])
        if deferred_before is None:
            reward.referrals.update(status=ReferralStatus.DEFERRED_LIMIT)
            notify(reward, ReferralNoticeKind.REWARD_DEFERRED, now=now)


def notify(reward: ReferralReward, kind: ReferralNoticeKind, *, now: datetime) -> None:
    """Add a notice for the inviter; it supersedes unsent notices of the reward."""
    reward.notices.filter(notified_at=None).update(notified_at=now)
    ReferralNotice.objects.create(
        player_id=reward.inviter_id, kind=kind, reward=reward, created_at=now
    )


# --- What a player sees ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Friend:
    """Somebody on the way: how many answers on how many days, and until when they count."""

    first_name: str
    answers: int
    days: int
    closes_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """How a player's invitations stand.

    `counted` of PER_REWARD are there for the next reward; `friends` are the latest who are on the
    way, `on_the_way` all of them; `in_review` wait for staff. `rewards` are the first of those not
    chosen yet, what can be chosen before what cannot; `unchosen` are all of them.
    """

    code: str
    counted: int
    on_the_way: int
    in_review: int
    friends: Sequence[Friend]
    rewards: Sequence[ReferralReward]
    unchosen: int
    claimed: int
    claimed_this_month: int


def overview(*, player: Player, now: datetime) -> Overview:
    """Return how the player's invitations stand at `now`, after offering what is due.

    Whoever sees the overview needs no notice of it: those that are unsent count as sent.
    """
    inviter = inviter_of(player=player, now=now)
    offer_rewards(inviter_id=inviter.pk, now=now)
    news = player.referral_notices.undelivered(of_losses=False)
    news.order_by().update(notified_at=now)
    mine = Referral.objects.filter(inviter=inviter)
    on_the_way = mine.checkable().filter(started_at__gt=now - WINDOW)
    latest = list(on_the_way.select_related("invited").order_by("-started_at")[:FRIENDS_SHOWN])
    answered = activity.answered(
        [span_of(referral) for referral in latest], fast=referral_rules.FAST
    )
    live = inviter.rewards.filter(revoked_at=None)
    unchosen = live.filter(chosen_at=None)
    offered_first = unchosen.order_by(F("offered_at").asc(nulls_last=True), "number")
    month = referral_rules.month_of(now, zone=business_zone())
    return Overview(
        code=inviter.code,
        counted=mine.unrewarded().count(),
        on_the_way=on_the_way.count(),
        in_review=mine.held().count(),
        friends=[
            Friend(
                first_name=referral.invited.first_name,
                answers=sum(day.answers for day in days),
                days=len(days),
                closes_at=referral_rules.closes_at(referral.started_at),
            )
            for referral in latest
            for days in [answered.get(referral.invited_id, ())]
        ],
        rewards=list(offered_first[:REWARDS_SHOWN]),
        unchosen=unchosen.count(),
        claimed=live.exclude(chosen_at=None).count(),
        claimed_this_month=live.filter(month=month).count(),
    )
