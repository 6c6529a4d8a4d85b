"""What looks like fraud, and what staff decide about it."""

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from economy import ledger
from economy.ledger import Deltas
from economy.models import (
    Asset,
    Direction,
    EntryType,
    LedgerEntry,
    PremiumSpan,
    Source,
    Wallet,
)
from promos import referral_reviews, referral_rules, referrals
from promos.errors import ChangedMeanwhileError, IllegalMoveError, NoRewardError
from promos.models import Referral, ReferralNotice, ReferralReward
from promos.referral_reviews import Verdict
from promos.referral_rules import Evidence
from quizarena.players.models import Player
from quizarena.staff.errors import BadReasonError
from quizarena.staff.models import Alert, AuditEntry
from tests.factories import NOON, PlayerFactory, make_staff
from tests.promos.invitations import (
    DAY,
    HOUR,
    check,
    claim,
    come,
    invite,
    judge,
    offered,
    play,
    qualified,
    status,
)

pytestmark = pytest.mark.django_db

SECOND = timedelta(seconds=1)


def suspicions(referral: Referral) -> list[tuple[str, int]]:
    """Return the reasons of an invitation's score, with their points."""
    [reasons] = Referral.objects.filter(pk=referral.pk).values_list("reasons", flat=True)
    return [(reason["suspicion"], reason["points"]) for reason in reasons]


def is_held(referral: Referral) -> bool:
    """Return whether the invitation waits for staff."""
    return Referral.objects.held().filter(pk=referral.pk).exists()


def chain(*players: Player, now: datetime = NOON) -> list[Referral]:
    """Let each player come by the link of the one before, a day after that one."""
    return [
        come(invite(inviter), player=invited, now=now + number * DAY)
        for number, (inviter, invited) in enumerate(itertools.pairwise(players))
    ]


class TestOneself:
    def test_ones_own_link_is_fraud_at_once(self) -> None:
        inviter = invite()

        referral = come(inviter, player=inviter.player)

        assert status(referral) == "REJECTED_FRAUD"
        assert suspicions(referral) == [("SELF", 100)]
        assert not is_held(referral)

    def test_and_staff_cannot_let_it_count(self) -> None:
        inviter = invite()
        referral = come(inviter, player=inviter.player)

        with pytest.raises(IllegalMoveError):
            judge(referral, "reopen")


class TestReversePair:
    def test_whoever_invites_back_within_thirty_days_is_fraud(self) -> None:
        anna, oleh = PlayerFactory.create_batch(2)
        come(invite(anna), player=oleh)

        back = come(invite(oleh), player=anna, now=NOON + 30 * DAY - SECOND)

        assert status(back) == "REJECTED_FRAUD"
        assert suspicions(back) == [("REVERSE_PAIR", 100)]

    def test_after_thirty_days_it_is_none(self) -> None:
        anna, oleh = PlayerFactory.create_batch(2)
        come(invite(anna), player=oleh)

        back = come(invite(oleh), player=anna, now=NOON + 30 * DAY)

        assert status(back) == "STARTED"
        assert suspicions(back) == []

    def test_the_first_of_the_two_is_held_when_it_would_count(self) -> None:
        anna, oleh = PlayerFactory.create_batch(2)
        first = come(invite(anna), player=oleh)
        come(invite(oleh), player=anna, now=NOON + HOUR)
        play(first)

        check(NOON + 2 * DAY)

        assert status(first) == "STARTED"
        assert is_held(first)
        assert suspicions(first) == [("REVERSE_PAIR", 100)]


class TestRing:
    def test_three_who_invite_each_other_in_a_circle_are_held(self) -> None:
        anna, oleh, emma = PlayerFactory.create_batch(3)
        referrals_of_ring = chain(anna, oleh, emma, anna)
        for referral in referrals_of_ring:
            play(referral)

        check(NOON + 10 * DAY)

        for referral in referrals_of_ring:
            assert is_held(referral)
            assert suspicions(referral) == [("RING", 70)]

    def test_a_circle_of_eight_is_found_and_one_of_nine_is_not(self) -> None:
        for size, expected in ((8, True), (9, False)):
            players = PlayerFactory.create_batch(size)
            last = chain(*players, players[0])[-1]
            play(last)
            check(NOON + 20 * DAY)

            assert is_held(last) is expected

    def test_a_circle_that_took_longer_than_thirty_days_is_none(self) -> None:
        anna, oleh, emma = PlayerFactory.create_batch(3)
        chain(anna, oleh, emma)

        last = come(invite(emma), player=anna, now=NOON + 31 * DAY)
        play(last)
        check(NOON + 40 * DAY)

        assert status(last) == "QUALIFIED"

    def test_a_chain_is_no_circle(self) -> None:
        first, second = chain(*PlayerFactory.create_batch(3))
        play(first)
        play(second)

        assert check(NOON + 5 * DAY) == 2


class TestVelocity:
    def test_the_eleventh_start_of_a_day_is_held_and_the_tenth_is_not(self) -> None:
        inviter = invite()
        friends = [come(inviter, now=NOON + number * SECOND) for number in range(11)]

        assert [is_held(friend) for friend in friends] == [False] * 10 + [True]
        assert suspicions(friends[10]) == [("VELOCITY", 50)]
        assert status(friends[10]) == "STARTED"

    def test_days_are_those_of_berlin(self) -> None:
        inviter = invite()
        for number in range(10):
            come(inviter, now=datetime(2026, 11, 22, 22, 59, number, tzinfo=UTC))

        next_day = come(inviter, now=datetime(2026, 11, 22, 23, 0, tzinfo=UTC))

        assert not is_held(next_day)

    def test_it_is_not_lost_and_counts_once_staff_reopen_it_however_late(self) -> None:
        inviter = invite()
        held = [come(inviter, now=NOON + number * SECOND) for number in range(11)][10]
        play(held)
        check(NOON + 20 * DAY)
        assert status(held) == "STARTED"

        judge(held, "reopen", now=NOON + 30 * DAY)
        check(NOON + 30 * DAY + HOUR)

        assert status(held) == "QUALIFIED"
        assert suspicions(held) == [("VELOCITY", 50)]

    def test_staff_are_alerted_until_nothing_waits_for_a_decision(self) -> None:
        inviter = invite()
        friends = [come(inviter, now=NOON + number * SECOND) for number in range(12)]

        assert referral_reviews.report_held(now=NOON + HOUR) == 2
        assert referral_reviews.report_held(now=NOON + 2 * HOUR) == 2
        alert = Alert.objects.get()
        assert (alert.kind, alert.summary) == (
            "referrals_in_review",
            "2 invitations wait for a decision.",
        )
        assert alert.resolved_at is None

        judge(friends[10], "reopen", now=NOON + 3 * HOUR)
        assert referral_reviews.report_held(now=NOON + 3 * HOUR) == 1
        judge(friends[11], "cancel", now=NOON + 4 * HOUR)
        assert referral_reviews.report_held(now=NOON + 4 * HOUR) == 0
        alert.refresh_from_db()
        assert alert.resolved_at == NOON + 4 * HOUR

    def test_another_inviter_is_not_concerned(self) -> None:
        inviter = invite()
        for number in range(10):
            come(inviter, now=NOON + number * SECOND)

        assert not is_held(come(invite(), now=NOON + 20 * SECOND))


class TestFastAnswers:
    @pytest.mark.parametrize(
        ("seconds", "expected"), [(1.499, "STARTED"), (1.5, "QUALIFIED"), (4.0, "QUALIFIED")]
    )
    def test_answers_that_nobody_can_have_read_are_held(
        self, seconds: float, expected: str
    ) -> None:
        referral = come(invite())
        play(referral, seconds=seconds)

        check(NOON + 3 * DAY)

        assert status(referral) == expected
        assert is_held(referral) is (expected == "STARTED")

    @pytest.mark.parametrize(
        ("fast", "score", "held"),
        [(19, 0, False), (20, 20, False), (49, 49, False), (50, 50, True), (100, 100, True)],
    )
    def test_each_hundredth_of_them_is_a_point_from_twenty_on(
        self, fast: int, score: int, held: bool
    ) -> None:
        assessment = referral_rules.assess(Evidence(answers=100, fast_answers=fast))

        assert (assessment.score, assessment.is_held()) == (score, held)

    def test_points_add_up_to_a_hundred_at_most(self) -> None:
        assessment = referral_rules.assess(
            Evidence(ring=3, starts=11, answers=10, fast_answers=10, confirmed=2)
        )

        assert assessment.score == 100
        assert [(reason.suspicion, reason.points) for reason in assessment.reasons] == [
            ("FAST_ANSWERS", 100), ("RING", 70), ("VELOCITY", 50), ("CONFIRMED_BEFORE", 30),
        ]  # fmt: skip

    def test_fraud_before_is_a_reason_and_not_enough(self) -> None:
        inviter = invite()
        [first] = qualified(inviter)
        judge(first, "confirm fraud")

        [second] = qualified(inviter, now=NOON + DAY)

        assert status(second) == "QUALIFIED"
        assert suspicions(second) == [("CONFIRMED_BEFORE", 30)]

    def test_what_the_bot_refuses_by_itself_is_not_held_against_anybody(self) -> None:
        anna, oleh = PlayerFactory.create_batch(2)
        come(invite(anna), player=oleh, now=NOON - DAY)
        back = come(invite(oleh), player=anna)
        assert status(back) == "REJECTED_FRAUD"

        [friend] = qualified(invite(oleh), now=NOON + 3 * DAY)
        assert suspicions(friend) == []

        judge(back, "reopen", now=NOON + 4 * DAY)
        judge(back, "confirm fraud", now=NOON + 4 * DAY)
        [another] = qualified(invite(oleh), now=NOON + 6 * DAY)
        assert suspicions(another) == [("CONFIRMED_BEFORE", 30)]

    def test_a_new_suspicion_holds_what_staff_have_reopened(self) -> None:
        inviter = invite()
        referral = [come(inviter, now=NOON + number * SECOND) for number in range(11)][10]
        judge(referral, "reopen")
        play(referral, seconds=0.3)

        check(NOON + 3 * DAY)
        assert is_held(referral)
        assert suspicions(referral) == [("FAST_ANSWERS", 100), ("VELOCITY", 50)]

        judge(referral, "reopen", now=NOON + 3 * DAY)
        check(NOON + 3 * DAY + HOUR)
        assert status(referral) == "QUALIFIED"
        referral.refresh_from_db()
        assert referral.cleared == ["FAST_ANSWERS", "VELOCITY"]

    def test_one_that_is_reopened_while_the_job_is_at_it_does_not_lapse(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        referral = come(invite())
        play(referral, seconds=0.3)
        late = NOON + 20 * DAY
        # It is held, and then marked with its page; nothing public is called between the two.
        qualify = referrals._qualify

        def and_reopen(seen: Referral, **how: Any) -> bool:
            counts = qualify(seen, **how)
            judge(seen, "reopen", now=late)
            return counts

        with monkeypatch.context() as patch:
            patch.setattr(referrals, "_qualify", and_reopen)
            assert check(late) == 0

        referral.refresh_from_db()
        assert (referral.status, referral.lapsed_at) == ("STARTED", None)
        assert check(late + HOUR) == 1

    def test_staff_have_the_last_word(self) -> None:
        referral = come(invite())
        play(referral, seconds=0.3)
        check(NOON + 3 * DAY)

        judge(referral, "reopen", now=NOON + 3 * DAY)
        check(NOON + 3 * DAY + HOUR)

        assert status(referral) == "QUALIFIED"
        assert suspicions(referral) == [("FAST_ANSWERS", 100)]


def rewarded() -> Referral:
    """Return one of three whose reward was a week of Premium."""
    reward = offered(invite())
    claim(reward, "PREMIUM_7")
    return reward.referrals.order_by("pk")[0]


def deferred() -> Referral:
    """Return one of three whose reward waits for the next month."""
    inviter = invite()
    rewards = [offered(inviter) for _ in range(3)]
    claim(rewards[0])
    claim(rewards[1])
    return rewards[2].referrals.order_by("pk")[0]


def started() -> Referral:
    """Return one that is on the way."""
    return come(invite())


def counted() -> Referral:
    """Return one that counts, and is of no reward yet."""
    return qualified(invite())[0]


def rejected() -> Referral:
    """Return one that staff have called fraud."""
    referral = counted()
    judge(referral, "confirm fraud")
    return referral


def canceled() -> Referral:
    """Return one that staff have canceled."""
    referral = counted()
    judge(referral, "cancel")
    return referral


class TestVerdicts:
    @pytest.mark.parametrize("make", [started, counted, rewarded, deferred, canceled])
    def test_fraud_at_any_status(self, make: Callable[[], Referral]) -> None:
        referral = make()

        judge(referral, "confirm fraud")

        assert status(referral) == "REJECTED_FRAUD"

    @pytest.mark.parametrize("make", [started, counted, rewarded, deferred, rejected])
    def test_cancel_at_any_status(self, make: Callable[[], Referral]) -> None:
        referral = make()

        judge(referral, "cancel")

        assert status(referral) == "CANCELED"

    @pytest.mark.parametrize("make", [counted, rewarded, deferred, rejected, canceled])
    def test_reopen_at_any_status_and_it_is_checked_anew(
        self, make: Callable[[], Referral]
    ) -> None:
        referral = make()

        judge(referral, "reopen", now=NOON + HOUR)
        assert status(referral) == "STARTED"
        check(NOON + 2 * HOUR)

        assert Referral.objects.get(pk=referral.pk).qualified_at == NOON + 2 * HOUR

    @pytest.mark.parametrize(
        ("make", "verdict"),
        [(rejected, "confirm fraud"), (canceled, "cancel"), (started, "reopen")],
    )
    def test_what_is_so_already_is_refused(
        self, make: Callable[[], Referral], verdict: str
    ) -> None:
        referral = make()

        with pytest.raises(IllegalMoveError):
            judge(referral, verdict)

    def test_what_was_given_is_taken_back(self) -> None:
        referral = rewarded()
        entry = LedgerEntry.objects.get(type="REFERRAL_REWARD")

        judged = judge(referral, "confirm fraud", now=NOON + 2 * DAY)

        back = LedgerEntry.objects.get(type="TAKEN_BACK")
        assert (back.reverses, back.direction, back.reason) == (entry, "DEBIT", "Looked at it.")
        assert judged.reversal is not None
        assert (judged.reversal.taken, judged.reversal.shortfall) == (
            {"premium_days": 5},
            {"premium_days": 2},
        )
        assert PremiumSpan.objects.get().revoked_at == NOON + 2 * DAY
        assert ReferralReward.objects.get().revoked_at == NOON + 2 * DAY
        notice = ReferralNotice.objects.get(kind="REWARD_REVOKED")
        assert (notice.player_id, notice.notified_at) == (referral.inviter_id, None)

    def test_what_is_spent_is_reported_as_missing(self) -> None:
        reward = offered(invite())
        claim(reward, "MEGA_PACK_15")
        _spend(reward.inviter.player, 6)

        judged = judge(reward.referrals.all()[0], "confirm fraud")

        assert judged.reversal is not None
        assert judged.reversal.shortfall == {"paid_energy": 6}
        assert Wallet.objects.get(player=reward.inviter_id).paid_energy == 0

    def test_the_two_honest_ones_count_for_the_next_reward(self) -> None:
        inviter = invite()
        reward = offered(inviter)
        claim(reward)
        fraud, *honest = reward.referrals.order_by("pk")

        judge(fraud, "confirm fraud")
        assert [status(one) for one in honest] == ["QUALIFIED"] * 2
        assert Referral.objects.unrewarded().count() == 2
        [third] = qualified(inviter, now=NOON + DAY)

        second = ReferralReward.objects.get(number=2)
        assert set(second.referrals.all()) == {*honest, third}
        assert second.claimable_at == NOON + 3 * DAY
        assert claim(second, now=NOON + 3 * DAY).is_new

    def test_they_make_one_at_once_with_another_that_waits(self) -> None:
        inviter = invite()
        reward = offered(inviter)
        qualified(inviter, 1, now=NOON - HOUR)

        judge(reward.referrals.all()[0], "cancel")

        second = ReferralReward.objects.get(number=2)
        assert second.referrals.count() == 3
        assert second.claimable_at == NOON - HOUR + timedelta(hours=48)

    def test_the_month_has_room_again(self) -> None:
        inviter = invite()
        first, second, third = (offered(inviter) for _ in range(3))
        claim(first)
        claim(second)
        judge(first.referrals.all()[0], "confirm fraud")

        third.refresh_from_db()
        assert (third.offered_at, third.deferred_until) == (NOON, None)
        assert third.notices.get(notified_at=None).kind == "REWARD_READY"
        assert claim(third).reward.place == 1

    def test_fraud_reopened_fraud_again(self) -> None:
        """A reward that was taken back by mistake comes back, and can be taken back once more."""
        reward = offered(invite())
        claim(reward, "PREMIUM_7")
        referral = reward.referrals.all()[0]
        judge(referral, "confirm fraud")
        judge(referral, "reopen", now=NOON + HOUR)
        check(NOON + 2 * HOUR)
        again = ReferralReward.objects.get(number=2)
        claim(again, "PREMIUM_7", now=NOON + 3 * DAY)

        judge(referral, "confirm fraud", now=NOON + 3 * DAY)

        assert LedgerEntry.objects.filter(type="REFERRAL_REWARD").count() == 2
        assert LedgerEntry.objects.filter(type="TAKEN_BACK").count() == 2
        assert not ReferralReward.objects.filter(revoked_at=None).exists()

    def test_every_verdict_is_in_the_audit_log(self) -> None:
        referral = rewarded()
        staff = make_staff("Operator")

        judge(referral, "confirm fraud", staff=staff)

        entry = AuditEntry.objects.get(action="referral.confirmed_as_fraud")
        assert entry.actor == staff
        assert entry.object_id == str(referral.pk)
        assert entry.details["was"] == "REWARDED"
        assert entry.details["taken"] == {"premium_days": 7}

    def test_who_looks_at_an_old_page_does_nothing(self) -> None:
        referral = counted()
        staff = make_staff("Operator")

        with pytest.raises(ChangedMeanwhileError):
            referral_reviews.judge(
                Verdict.FRAUD,
                referral_id=referral.pk,
                seen="STARTED",
                reason="Old page.",
                staff=staff,
                now=NOON,
            )

        assert status(referral) == "QUALIFIED"

    def test_a_verdict_has_a_reason(self) -> None:
        referral = started()

        with pytest.raises(BadReasonError):
            referral_reviews.judge(
                Verdict.FRAUD,
                referral_id=referral.pk,
                seen="STARTED",
                reason=" ",
                staff=User.objects.create_user("emma"),
                now=NOON,
            )

    def test_a_second_claim_after_the_revocation_is_refused_kindly(self) -> None:
        referral = rewarded()
        judge(referral, "confirm fraud")

        with pytest.raises(NoRewardError):
            claim(ReferralReward.objects.get(number=1))


def _spend(player: Player, energy: int) -> None:
    """Let the player have used so much of the paid energy."""
    ledger.post(
        player=player,
        type=EntryType.QUESTION,
        asset=Asset.PAID_ENERGY,
        direction=Direction.DEBIT,
        amount=energy,
        deltas=Deltas(paid_energy=-energy),
        source=Source.GAME,
        key="spent",
        request={},
        now=NOON,
    )
