"""Who has invited whom, and what for. Product rules, section 9."""

from datetime import datetime
from typing import Self

import pgtrigger
from django.db import models
from django.db.models import F, Q

from economy.models import never_truncated
from promos.codes import ALPHABET
from promos.referral_rules import CLAIMS_PER_MONTH


class ReferralStatus(models.TextChoices):
    """Where an invitation is in its life."""

    STARTED = "STARTED", "started"
    QUALIFIED = "QUALIFIED", "qualified"
    REWARDED = "REWARDED", "rewarded"
    DEFERRED_LIMIT = "DEFERRED_LIMIT", "deferred"
    REJECTED_FRAUD = "REJECTED_FRAUD", "rejected as fraud"
    CANCELED = "CANCELED", "canceled"


# What counts for a reward, whether or not there is one yet.
COUNTING = (
    ReferralStatus.QUALIFIED,
    ReferralStatus.DEFERRED_LIMIT,
    ReferralStatus.REWARDED,
)
REFUSED = (ReferralStatus.REJECTED_FRAUD, ReferralStatus.CANCELED)

# Every arrow of an invitation's life.
REFERRAL_MOVES = (
    (ReferralStatus.STARTED, ReferralStatus.QUALIFIED),
    (ReferralStatus.QUALIFIED, ReferralStatus.DEFERRED_LIMIT),
    (ReferralStatus.DEFERRED_LIMIT, ReferralStatus.QUALIFIED),
    (ReferralStatus.QUALIFIED, ReferralStatus.REWARDED),
    # The reward was taken back because of another one of its three.
    (ReferralStatus.REWARDED, ReferralStatus.QUALIFIED),
    # What staff decide, at any status: reopen, call it fraud, cancel.
    *((old, ReferralStatus.STARTED) for old in ReferralStatus if old is not ReferralStatus.STARTED),
    *((old, new) for new in REFUSED for old in ReferralStatus if old is not new),
)

# What a reward is made of: three of the same inviter that count, and moved along with it. Checked
# when the transaction ends, for the reward that a row belongs to and the one it belonged to.
THREE_EACH = """
FOR one IN
  SELECT * FROM promos_referralreward WHERE id IN ({ids}) AND revoked_at IS NULL
LOOP
  SELECT count(*) AS all_of_them,
         count(*) FILTER (WHERE inviter_id = one.inviter_id AND CASE
           WHEN one.chosen_at IS NOT NULL THEN status = 'REWARDED'
           ELSE status IN ('QUALIFIED', 'DEFERRED_LIMIT') END) AS fitting
  INTO three FROM promos_referral WHERE reward_id = one.id;
  IF (three.all_of_them, three.fitting) IS DISTINCT FROM (3, 3) THEN
    RAISE EXCEPTION 'A reward is for three invitations of its inviter that count.';
  END IF;
END LOOP;
IF EXISTS (
  SELECT FROM promos_referral JOIN promos_referralreward AS reward ON reward.id = reward_id
  WHERE reward_id IN ({ids}) AND revoked_at IS NOT NULL
) THEN
  RAISE EXCEPTION 'A reward that was taken back is for nobody.';
END IF;
RETURN NULL;
"""


class Inviter(models.Model):
    """A player who invites. This row is the lock of everything about the player's rewards."""

    player = models.OneToOneField(
        "players.Player", primary_key=True, on_delete=models.PROTECT, related_name="inviter"
    )
    code = models.CharField(max_length=10, unique=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(code__regex=f"^[{ALPHABET}]{{10}}$"), name="inviter_code_is_a_code"
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
            never_truncated("never_truncated", "inviters"),
        ]

    def __str__(self) -> str:
        return f"inviter {self.pk}"


class RewardChoice(models.TextChoices):
    """What players choose between."""

    MEGA_PACK_15 = "MEGA_PACK_15", "Mega Pack"
    PREMIUM_7 = "PREMIUM_7", "7 days Premium"


class RewardQuerySet(models.QuerySet["ReferralReward"]):
    """Questions about rewards."""

    def open(self) -> Self:
        """Return those that are neither chosen nor taken back."""
        return self.filter(chosen_at=None, revoked_at=None)

    def offered_by(self, now: datetime) -> Self:
        """Return those that are to be offered by `now` and are not yet."""
        return self.open().filter(
            Q(deferred_until=None) | Q(deferred_until__lte=now),
            offered_at=None,
            claimable_at__lte=now,
        )


class ReferralReward(models.Model):
    """What an inviter gets for three: first waited for, then offered or deferred, then chosen."""

    inviter = models.ForeignKey(
        Inviter, on_delete=models.PROTECT, related_name="rewards", db_index=False
    )
    number = models.PositiveIntegerField()
    created_at = models.DateTimeField()
    claimable_at = models.DateTimeField()
    # Since when the inviter can choose.
    offered_at = models.DateTimeField(null=True)
    # The beginning of a month: those before have no room for it. None once it is offered.
    deferred_until = models.DateTimeField(null=True)
    choice = models.CharField(max_length=16, choices=RewardChoice, blank=True, default="")
    chosen_at = models.DateTimeField(null=True)
    # The business month of the choice, and the place in it: there are only two.
    month = models.DateField(null=True)
    place = models.PositiveSmallIntegerField(null=True)
    entry = models.OneToOneField(
        "economy.LedgerEntry", null=True, on_delete=models.PROTECT, related_name="referral_reward"
    )
    revoked_at = models.DateTimeField(null=True)

    objects = RewardQuerySet.as_manager()

    class Meta:
        indexes = [
            # What the job offers or defers.
            models.Index(
                fields=["claimable_at"],
                condition=Q(offered_at=None, chosen_at=None, revoked_at=None),
                name="reward_to_be_offered",
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["inviter", "number"], name="reward_number_once"),
            models.UniqueConstraint(
                fields=["inviter", "month", "place"],
                condition=Q(revoked_at=None),
                name="reward_two_per_month",
            ),
            models.CheckConstraint(
                condition=Q(place=None) | Q(place__gte=1, place__lte=CLAIMS_PER_MONTH),
                name="reward_place_makes_sense",
            ),
            models.CheckConstraint(
                condition=Q(choice="", chosen_at=None, month=None, place=None, entry=None)
                | Q(
                    choice__in=RewardChoice.values,
                    chosen_at__isnull=False,
                    month__isnull=False,
                    place__isnull=False,
                    entry__isnull=False,
                    offered_at__isnull=False,
                ),
                name="reward_chosen_wholly",
            ),
            models.CheckConstraint(
                condition=Q(offered_at=None) | Q(offered_at__gte=F("claimable_at")),
                name="reward_is_waited_for",
            ),
            models.CheckConstraint(
                condition=Q(deferred_until=None) | Q(offered_at=None),
                name="reward_deferred_is_waited_for",
            ),
        ]
        triggers = [
            pgtrigger.ReadOnly(
                name="reward_stays", fields=["inviter", "number", "created_at", "claimable_at"]
            ),
            pgtrigger.Trigger(
                name="chosen_once",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition(
                    "(OLD.chosen_at IS NOT NULL AND (NEW.choice, NEW.chosen_at, NEW.entry_id,"
                    " NEW.month, NEW.place) IS DISTINCT FROM (OLD.choice, OLD.chosen_at,"
                    " OLD.entry_id, OLD.month, OLD.place))"
                ),
                func="RAISE EXCEPTION 'A reward is chosen once.';",
            ),
            pgtrigger.Protect(
                name="revoked_once",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__revoked_at__isnull=False),
            ),
            pgtrigger.Trigger(
                name="for_three",
                when=pgtrigger.After,
                operation=pgtrigger.Insert | pgtrigger.Update,
                timing=pgtrigger.Deferred,
                declare=[("one", "promos_referralreward%ROWTYPE"), ("three", "RECORD")],
                func=THREE_EACH.format(ids="NEW.id"),
            ),
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
            never_truncated("never_truncated", "rewards"),
        ]

    def __str__(self) -> str:
        return f"reward {self.number} of player {self.inviter_id}"


class ReferralQuerySet(models.QuerySet["Referral"]):
    """Questions about invitations."""

    def checkable(self) -> Self:
        """Return those that may still come to count."""
        return self.filter(status=ReferralStatus.STARTED, held_at=None, lapsed_at=None)

    def held(self) -> Self:
        """Return those that wait for staff."""
        return self.filter(held_at__isnull=False)

    def confirmed_fraud(self) -> Self:
        """Return those that staff have called fraud; not what the bot refuses by itself."""
        return self.filter(status=ReferralStatus.REJECTED_FRAUD, judged_at__isnull=False)

    def unrewarded(self) -> Self:
        """Return those that count and are of no reward yet."""
        return self.filter(status=ReferralStatus.QUALIFIED, reward=None)


class Referral(models.Model):
    """That a player came by the link of another one: bound at the first start, and never again."""

    inviter = models.ForeignKey(
        Inviter, on_delete=models.PROTECT, related_name="referrals", db_index=False
    )
    invited = models.OneToOneField(
        "players.Player", on_delete=models.PROTECT, related_name="referral"
    )
    started_at = models.DateTimeField()
    status = models.CharField(max_length=16, choices=ReferralStatus, default=ReferralStatus.STARTED)
    qualified_at = models.DateTimeField(null=True)
    reward = models.ForeignKey(
        ReferralReward, null=True, on_delete=models.PROTECT, related_name="referrals"
    )
    # When the job has last looked at it: who has waited longest comes first.
    checked_at = models.DateTimeField(null=True)
    # Its time was over before it counted. It stays STARTED: nothing was wrong with it.
    lapsed_at = models.DateTimeField(null=True)
    # Waits for staff.
    held_at = models.DateTimeField(null=True)
    # When staff have last decided about it; what the bot refuses by itself has none.
    judged_at = models.DateTimeField(null=True)
    # The suspicions that stood when staff reopened it: they do not hold it any more.
    cleared = models.JSONField(default=list)
    # As it was when it was judged: answers, days, answers too fast to have been read.
    answers = models.PositiveIntegerField(default=0)
    days = models.PositiveSmallIntegerField(default=0)
    fast_answers = models.PositiveIntegerField(default=0)
    score = models.PositiveSmallIntegerField(default=0)
    reasons = models.JSONField(default=list)

    objects = ReferralQuerySet.as_manager()

    class Meta:
        permissions = [("judge_referral", "Can confirm fraud, reopen and cancel invitations")]
        indexes = [
            # What the job looks at, who has waited longest first.
            models.Index(
                F("checked_at").asc(nulls_first=True),
                "id",
                condition=Q(status="STARTED", held_at=None, lapsed_at=None),
                name="referral_to_be_checked",
            ),
            # What staff have to look at, and what is suspicious.
            models.Index(
                fields=["held_at"], condition=Q(held_at__isnull=False), name="referral_held"
            ),
            models.Index(fields=["-score", "-id"], condition=Q(score__gt=0), name="referral_score"),
            # The desk's list by status.
            models.Index(fields=["status", "-id"], name="referral_by_status"),
            # Of an inviter: the starts of a day, and what is to be seen of them.
            models.Index(fields=["inviter", "-started_at"], name="referral_of_inviter"),
            # Whose three are complete.
            models.Index(
                fields=["inviter", "qualified_at"],
                condition=Q(status="QUALIFIED", reward=None),
                name="referral_unrewarded",
            ),
            # What staff have called fraud, of an inviter.
            models.Index(
                fields=["inviter"],
                condition=Q(status="REJECTED_FRAUD", judged_at__isnull=False),
                name="referral_confirmed_fraud",
            ),
            # Funnel and top referrers of a period.
            models.Index(
                fields=["started_at"], include=["inviter", "status"], name="referral_by_start"
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=ReferralStatus.values), name="referral_status_is_known"
            ),
            models.CheckConstraint(
                condition=~Q(inviter=F("invited")) | Q(status__in=REFUSED),
                name="referral_of_oneself_never_counts",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=COUNTING) | Q(qualified_at__isnull=False),
                name="referral_counting_has_qualified",
            ),
            models.CheckConstraint(
                condition=Q(status="QUALIFIED")
                | Q(status__in=["REWARDED", "DEFERRED_LIMIT"], reward__isnull=False)
                | Q(status__in=["STARTED", *REFUSED], reward=None),
                name="referral_rewarded_has_its_reward",
            ),
            models.CheckConstraint(
                condition=Q(held_at=None) | Q(status="STARTED", lapsed_at=None),
                name="referral_held_does_not_count",
            ),
            models.CheckConstraint(
                condition=Q(lapsed_at=None) | Q(status="STARTED"), name="referral_lapsed_is_started"
            ),
            models.CheckConstraint(
                condition=Q(score__lte=100, fast_answers__lte=F("answers")),
                name="referral_evidence_makes_sense",
            ),
        ]
        triggers = [
            pgtrigger.FSM(
                name="referral_moves",
                field="status",
                transitions=[(old.value, new.value) for old, new in REFERRAL_MOVES],
            ),
            pgtrigger.Trigger(
                name="begins_as_a_start",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                condition=pgtrigger.Condition("NEW.status NOT IN ('STARTED', 'REJECTED_FRAUD')"),
                func="RAISE EXCEPTION 'An invitation begins with a start.';",
            ),
            pgtrigger.ReadOnly(name="referral_stays", fields=["inviter", "invited", "started_at"]),
            pgtrigger.Trigger(
                name="three_each",
                when=pgtrigger.After,
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition(
                    "((NEW.reward_id, NEW.status) IS DISTINCT FROM (OLD.reward_id, OLD.status)"
                    " AND (NEW.reward_id IS NOT NULL OR OLD.reward_id IS NOT NULL))"
                ),
                timing=pgtrigger.Deferred,
                declare=[("one", "promos_referralreward%ROWTYPE"), ("three", "RECORD")],
                func=THREE_EACH.format(ids="NEW.reward_id, OLD.reward_id"),
            ),
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
            never_truncated("never_truncated", "referrals"),
        ]

    def __str__(self) -> str:
        return f"invitation {self.pk}"

    @property
    def page_name(self) -> str:
        """Return what the heading of its page calls it."""
        return f"{self.invited} invited by {self.inviter.player}"


class ReferralNoticeKind(models.TextChoices):
    """What an inviter is notified of."""

    FRIEND_QUALIFIED = "FRIEND_QUALIFIED", "a friend counts"
    REWARD_READY = "REWARD_READY", "a reward can be chosen"
    REWARD_DEFERRED = "REWARD_DEFERRED", "a reward has to wait for the next month"
    REWARD_REVOKED = "REWARD_REVOKED", "a reward was taken back"


class ReferralNoticeQuerySet(models.QuerySet["ReferralNotice"]):
    """Questions about notices."""

    def undelivered(self, *, of_losses: bool) -> Self:
        """Return the unsent notices, those of losses or the others, in order."""
        losses = Q(kind=ReferralNoticeKind.REWARD_REVOKED)
        return self.filter(losses if of_losses else ~losses, notified_at=None).order_by("pk")


class ReferralNotice(models.Model):
    """A notice to an inviter, sent once. The bot fetches it."""

    player = models.ForeignKey(
        "players.Player",
        on_delete=models.PROTECT,
        related_name="referral_notices",
        db_index=False,
    )
    kind = models.CharField(max_length=16, choices=ReferralNoticeKind)
    referral = models.OneToOneField(
        Referral, null=True, on_delete=models.PROTECT, related_name="notice"
    )
    reward = models.ForeignKey(
        ReferralReward, null=True, on_delete=models.PROTECT, related_name="notices"
    )
    created_at = models.DateTimeField()
    notified_at = models.DateTimeField(null=True)

    objects = ReferralNoticeQuerySet.as_manager()

    class Meta:
        indexes = [
            # What the bot has to fetch.
            models.Index(
                fields=["id"],
                include=["player", "kind"],
                condition=Q(notified_at=None),
                name="referral_notice_unsent",
            ),
            # A player's unsent notices.
            models.Index(
                fields=["player"],
                condition=Q(notified_at=None),
                name="referral_notice_unsent_player",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["reward", "kind"],
                condition=Q(notified_at=None),
                name="referral_notice_waits_once",
            ),
            models.CheckConstraint(
                condition=Q(kind="FRIEND_QUALIFIED", referral__isnull=False, reward=None)
                | Q(
                    kind__in=["REWARD_READY", "REWARD_DEFERRED", "REWARD_REVOKED"],
                    referral=None,
                    reward__isnull=False,
                ),
                name="referral_notice_is_about_something",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} for player {self.player_id}"
