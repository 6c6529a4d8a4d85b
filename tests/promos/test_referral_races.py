"""Two taps, two devices, the job and staff at the same moment: one reward, and none too many."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from threading import Event
from types import ModuleType
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError

from economy.models import LedgerEntry
from promos import referral_reviews, referral_rules, referrals
from promos.errors import ChangedMeanwhileError, NotYetError
from promos.models import Inviter, Referral, ReferralNotice, ReferralReward, RewardChoice
from promos.referral_reviews import Verdict
from quizarena.players.models import Player
from tests.concurrency import (
    meet_after,
    overlap,
    run_together,
    take_row_locks_away,
    wait_for_waiting,
)
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
)

pytestmark = pytest.mark.django_db(transaction=True)


def choose(reward: ReferralReward, choice: str) -> referrals.Claim:
    """Choose, as the player's phone and tablet do."""
    player = Player.objects.get(pk=reward.inviter_id)
    return referrals.claim(
        player=player, number=reward.number, choice=RewardChoice(choice), now=NOON
    )


def without_the_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the inviter's lock away."""
    monkeypatch.setattr(
        Inviter.objects, "select_for_update", lambda **_: Inviter.objects.all(), raising=False
    )


class TestClaims:
    def test_a_reward_chosen_on_two_devices_is_given_once(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        reward = offered(invite())
        meet_after(monkeypatch, referrals, "_offer_rewards")

        results = run_together(
            partial(choose, reward, "MEGA_PACK_15"), partial(choose, reward, "PREMIUM_7")
        )

        assert sorted(result.is_new for result in results) == [False, True]
        assert results[0].entry == results[1].entry
        assert LedgerEntry.objects.filter(type="REFERRAL_REWARD").count() == 1

    def test_without_the_lock_both_believe_it_is_theirs(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the test above can fail: only the ledger's key stands in the way then."""
        reward = offered(invite())
        without_the_lock(monkeypatch)
        meet_after(monkeypatch, referrals, "_offer_rewards")

        results = run_together(
            partial(choose, reward, "MEGA_PACK_15"), partial(choose, reward, "PREMIUM_7")
        )

        assert any(isinstance(result, Exception) for result in results)

    def test_of_three_rewards_chosen_at_once_two_are_given(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        inviter = invite()
        rewards = [offered(inviter) for _ in range(3)]
        meet_after(monkeypatch, referrals, "_offer_rewards")

        results = run_together(*(partial(choose, reward, "PREMIUM_7") for reward in rewards))

        assert sorted(type(result).__name__ for result in results) == [
            "Claim", "Claim", "NotYetError",
        ]  # fmt: skip
        chosen = ReferralReward.objects.exclude(chosen_at=None).order_by("place")
        assert list(chosen.values_list("place", flat=True)) == [1, 2]
        [refusal] = [result for result in results if isinstance(result, NotYetError)]
        assert refusal.is_deferred

    def test_without_the_lock_two_rewards_want_the_same_place(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the test above can fail: the database alone refuses one of the two."""
        inviter = invite()
        rewards = [offered(inviter) for _ in range(2)]
        without_the_lock(monkeypatch)
        meet_after(monkeypatch, referrals, "_offer_rewards")

        results = run_together(*(partial(choose, reward, "PREMIUM_7") for reward in rewards))

        assert sorted(type(result).__name__ for result in results) == ["Claim", "IntegrityError"]
        assert ReferralReward.objects.exclude(chosen_at=None).count() == 1

    def test_a_tap_while_the_job_offers(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The reward's time has just come: the job offers it, and the player chooses it."""
        inviter = invite()
        qualified(inviter, 3, now=NOON - 2 * DAY)
        reward = ReferralReward.objects.get()
        meet_after(monkeypatch, referrals, "_offer_rewards")

        claimed, offered = run_together(
            partial(choose, reward, "MEGA_PACK_15"),
            partial(referrals.offer_rewards, inviter_id=inviter.pk, now=NOON),
        )

        assert offered is None
        assert claimed.is_new
        reward.refresh_from_db()
        assert reward.choice == "MEGA_PACK_15"
        assert set(reward.referrals.values_list("status", flat=True)) == {"REWARDED"}
        assert ReferralNotice.objects.filter(kind="REWARD_READY").count() == 1
        assert LedgerEntry.objects.filter(type="REFERRAL_REWARD").count() == 1

    def test_without_the_lock_the_job_offers_what_is_chosen(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the test above can fail: both offer it; notified twice, or moved back."""
        inviter = invite()
        qualified(inviter, 3, now=NOON - 2 * DAY)
        reward = ReferralReward.objects.get()
        without_the_lock(monkeypatch)
        meet_after(monkeypatch, referrals, "_offer_rewards")

        results = run_together(
            partial(choose, reward, "MEGA_PACK_15"),
            partial(referrals.offer_rewards, inviter_id=inviter.pk, now=NOON),
        )

        offers = ReferralNotice.objects.filter(kind="REWARD_READY").count()
        assert offers == 2 or any(isinstance(result, Exception) for result in results)


class TestCounting:
    def test_two_jobs_at_once_count_each_friend_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        inviter = invite()
        for _ in range(6):
            play(come(inviter, now=NOON - 2 * DAY))
        meet_after(monkeypatch, referrals, "_passed")

        results = run_together(partial(check, NOON), partial(check, NOON))

        assert sum(results) == 6
        assert sorted(ReferralReward.objects.values_list("number", flat=True)) == [1, 2]
        assert not Referral.objects.unrewarded().exists()

    def test_what_staff_are_deciding_about_is_left_to_the_next_run(self) -> None:
        inviter = invite()
        decided, other = come(inviter), come(inviter)
        make_staff("Operator")

        _, counted = overlap(partial(judge, decided, "cancel"), partial(check, NOON + HOUR))

        assert counted == 0
        assert _checked_at(decided) is None
        assert _checked_at(other) == NOON + HOUR

    def test_without_the_skipping_the_job_waits_for_staff(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the test above can fail."""
        decided = come(invite())
        make_staff("Operator")
        take_row_locks_away(monkeypatch)

        overlap(partial(judge, decided, "cancel"), partial(check, NOON + HOUR))

        assert _checked_at(decided) == NOON + HOUR

    def test_the_tenth_and_the_eleventh_start_at_once(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        inviter = invite()
        for _ in range(9):
            come(inviter, now=NOON - HOUR)
        tenth, eleventh = PlayerFactory.create_batch(2)
        meet_after(monkeypatch, referrals, "_ring")

        run_together(
            partial(referrals.bind, invited=tenth, code=inviter.code, now=NOON),
            partial(referrals.bind, invited=eleventh, code=inviter.code, now=NOON),
        )

        assert Referral.objects.held().count() == 1

    def test_without_the_lock_both_are_the_tenth(self, monkeypatch: pytest.MonkeyPatch) -> None:
        inviter = invite()
        for _ in range(9):
            come(inviter, now=NOON - HOUR)
        tenth, eleventh = PlayerFactory.create_batch(2)
        without_the_lock(monkeypatch)
        meet_after(monkeypatch, referral_rules, "assess")

        run_together(
            partial(referrals.bind, invited=tenth, code=inviter.code, now=NOON),
            partial(referrals.bind, invited=eleventh, code=inviter.code, now=NOON),
        )

        assert Referral.objects.held().count() == 0

    def test_a_player_who_follows_two_links_at_once_is_bound_once(self) -> None:
        first, second, oleh = invite(), invite(), PlayerFactory.create()

        results = run_together(
            partial(referrals.bind, invited=oleh, code=first.code, now=NOON),
            partial(referrals.bind, invited=oleh, code=second.code, now=NOON),
        )

        assert results[0] == results[1] == Referral.objects.get()


def _checked_at(referral: Referral) -> datetime | None:
    """Return when the job has last looked at an invitation."""
    return Referral.objects.values_list("checked_at", flat=True).get(pk=referral.pk)


def meanwhile(
    monkeypatch: pytest.MonkeyPatch,
    inside: tuple[ModuleType, str],
    first: Callable[[], Any],
    second: Callable[[], Any],
) -> list[Any]:
    """Call `second` when `first` has just returned from the function `inside` it.

    `first` continues once `second` has ended, or waits for a lock. Results as of `run_together`.
    """
    reached, answered = Event(), Event()
    module, name = inside
    function = getattr(module, name)

    def pausing(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        if not reached.is_set():
            reached.set()
            wait_for_waiting(unless=answered.is_set)
        return result

    def follow() -> Any:
        reached.wait(20)
        try:
            return second()
        finally:
            answered.set()

    monkeypatch.setattr(module, name, pausing)
    return run_together(first, follow)


class TestUnlinking:
    """Staff unlink a friend who comes to count at this very moment, third of three."""

    def third(self) -> Referral:
        inviter = invite()
        qualified(inviter, 2, now=NOON - 3 * DAY)
        friend = come(inviter, now=NOON - 2 * DAY)
        play(friend)
        make_staff("Operator")
        return friend

    def unlink(self, friend: Referral) -> referral_reviews.Judgement:
        return referral_reviews.judge(
            Verdict.CANCEL,
            referral_id=friend.pk,
            seen="STARTED",
            reason="Asked for by the player.",
            staff=User.objects.get(),
            now=NOON,
        )

    def test_who_was_unlinked_first_does_not_count(self, monkeypatch: pytest.MonkeyPatch) -> None:
        friend = self.third()

        unlinked, counted = meanwhile(
            monkeypatch,
            (referral_reviews, "seen_as"),
            partial(self.unlink, friend),
            partial(check, NOON),
        )

        assert unlinked.referral == friend
        assert counted == 0
        assert _status(friend) == "CANCELED"
        assert not ReferralReward.objects.exists()
        assert not ReferralNotice.objects.filter(referral=friend).exists()

    def test_who_counts_first_is_looked_at_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        friend = self.third()

        counted, unlinked = meanwhile(
            monkeypatch, (referrals, "_ring"), partial(check, NOON), partial(self.unlink, friend)
        )

        assert counted == 1
        assert type(unlinked) is ChangedMeanwhileError
        assert _status(friend) == "QUALIFIED"
        assert ReferralReward.objects.count() == 1

    def test_without_the_lock_a_friend_counts_behind_the_back_of_staff(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the tests above can fail: the reward is formed, and the database alone
        refuses to take one of its three away."""
        friend = self.third()
        without_the_lock(monkeypatch)

        unlinked, counted = meanwhile(
            monkeypatch,
            (referral_reviews, "seen_as"),
            partial(self.unlink, friend),
            partial(check, NOON),
        )

        assert counted == 1
        assert isinstance(unlinked, DatabaseError)
        assert _status(friend) == "QUALIFIED"

    def test_an_unlinked_friend_cannot_count_past_the_services(self) -> None:
        friend = self.third()
        self.unlink(friend)

        with pytest.raises(DatabaseError, match="Invalid transition"):
            Referral.objects.filter(pk=friend.pk).update(status="QUALIFIED", qualified_at=NOON)


def _status(referral: Referral) -> str:
    return Referral.objects.values_list("status", flat=True).get(pk=referral.pk)


class TestVerdicts:
    def test_two_members_of_staff_at_once_take_back_once(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        reward = offered(invite())
        claim(reward)
        referral = reward.referrals.all()[0]
        staff = make_staff("Operator")

        def judge(verdict: Verdict) -> object:
            return referral_reviews.judge(
                verdict,
                referral_id=referral.pk,
                seen="REWARDED",
                reason="Looked at it.",
                staff=staff,
                now=NOON,
            )

        results = run_together(partial(judge, Verdict.FRAUD), partial(judge, Verdict.CANCEL))

        assert sorted(type(result).__name__ for result in results) == [
            ChangedMeanwhileError.__name__,
            "Judgement",
        ]
        assert LedgerEntry.objects.filter(type="TAKEN_BACK").count() == 1

    def test_a_verdict_while_the_player_chooses(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Whoever is first: either nothing is given, or all of it is taken back."""
        reward = offered(invite())
        referral = reward.referrals.all()[0]
        staff = make_staff("Operator")

        results = run_together(
            partial(choose, reward, "MEGA_PACK_15"),
            partial(
                referral_reviews.judge,
                Verdict.FRAUD,
                referral_id=referral.pk,
                seen="QUALIFIED",
                reason="Looked at it.",
                staff=staff,
                now=NOON,
            ),
        )

        given = LedgerEntry.objects.filter(type="REFERRAL_REWARD").count()
        status = Referral.objects.get(pk=referral.pk).status
        assert (given, status) in [(0, "REJECTED_FRAUD"), (1, "REWARDED")]
        assert sum(isinstance(result, Exception) for result in results) == 1
