"""Who has invited whom, when it counts, and what it brings: every number at its border."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from economy.models import LedgerEntry, ModeSpan, PremiumSpan, Wallet
from payments.models import Product
from promos import referrals, tasks
from promos.errors import NoRewardError, NotYetError
from promos.models import Inviter, Referral, ReferralNotice, ReferralReward, RewardChoice
from quizarena.players import services as players
from quizarena.players.models import Player
from tests.factories import NOON, PlayerFactory
from tests.owner import as_owner
from tests.promos.invitations import (
    DAY,
    HOUR,
    answer,
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

BERLIN = ZoneInfo("Europe/Berlin")
SECOND = timedelta(seconds=1)


def berlin(*fields: int) -> datetime:
    """Return an instant by the clocks of Berlin."""
    return datetime(*fields, tzinfo=BERLIN).astimezone(UTC)  # type: ignore[misc, arg-type]


class TestTheLink:
    def test_a_code_has_ten_letters_without_look_alikes_and_stays(self) -> None:
        anna = PlayerFactory.create()

        first, second = invite(anna), invite(anna)

        assert re.fullmatch(r"[34679ACDEFGHJKMNPQRTWXY]{10}", first.code)
        assert first.code == second.code
        assert invite().code != first.code

    def test_only_the_first_start_is_the_first(self) -> None:
        anna = PlayerFactory.create()
        the_same = Player.objects.get(pk=anna.pk)

        assert players.start(player=anna, now=NOON)
        assert not players.start(player=anna, now=NOON)
        assert not players.start(player=the_same, now=NOON + HOUR)
        assert Player.objects.get().started_at == NOON

    def test_a_code_is_read_however_it_is_written(self) -> None:
        inviter = invite()

        referral = referrals.bind(
            invited=PlayerFactory.create(), code=inviter.code.lower(), now=NOON
        )

        assert referral is not None
        assert referral.inviter == inviter
        assert referral.status == "STARTED"

    def test_a_code_that_nobody_has_binds_nothing(self) -> None:
        assert referrals.bind(invited=PlayerFactory.create(), code="AAAAAAAAAA", now=NOON) is None
        assert not Referral.objects.exists()

    def test_who_is_bound_stays_bound(self) -> None:
        first, second = invite(), invite()
        referral = come(first)

        again = come(second, player=referral.invited, now=NOON + DAY)

        assert again == referral
        assert again.inviter == first


class TestCounting:
    @pytest.mark.parametrize(
        ("first_day", "second_day", "expected"),
        [(10, 10, "QUALIFIED"), (1, 19, "QUALIFIED"), (10, 9, "STARTED"), (20, 0, "STARTED")],
    )
    def test_twenty_answers_on_two_days(
        self, first_day: int, second_day: int, expected: str
    ) -> None:
        referral = come(invite())
        answer(referral.invited, first_day, at=NOON + HOUR)
        if second_day:
            answer(referral.invited, second_day, at=NOON + DAY)

        check(NOON + 2 * DAY)

        assert status(referral) == expected

    def test_days_are_those_of_berlin(self) -> None:
        """Half past ten in the evening UTC, and half past eleven: two days in Berlin."""
        referral = come(invite())
        answer(referral.invited, 10, at=datetime(2026, 11, 23, 22, 30, tzinfo=UTC))
        answer(referral.invited, 10, at=datetime(2026, 11, 23, 23, 30, tzinfo=UTC))

        check(NOON + 2 * DAY)

        assert status(referral) == "QUALIFIED"

    def test_one_day_of_berlin_is_one_though_utc_has_two(self) -> None:
        referral = come(invite())
        answer(referral.invited, 10, at=datetime(2026, 11, 23, 23, 30, tzinfo=UTC))
        answer(referral.invited, 10, at=datetime(2026, 11, 24, 1, 0, tzinfo=UTC))

        check(NOON + 3 * DAY)

        assert status(referral) == "STARTED"

    @pytest.mark.parametrize(
        ("last", "expected"), [(14 * DAY - SECOND, "QUALIFIED"), (14 * DAY, "STARTED")]
    )
    def test_within_fourteen_days_of_the_start(self, last: timedelta, expected: str) -> None:
        referral = come(invite())
        answer(referral.invited, 19, at=NOON + HOUR)
        answer(referral.invited, 1, at=NOON + last)

        check(NOON + 14 * DAY + HOUR)

        assert status(referral) == expected

    def test_what_was_answered_before_the_start_does_not_count(self) -> None:
        inviter, oleh = invite(), PlayerFactory.create()
        answer(oleh, 30, at=NOON - 2 * DAY)
        answer(oleh, 30, at=NOON - DAY)
        referral = come(inviter, player=oleh)
        answer(oleh, 19, at=NOON + DAY)

        check(NOON + 2 * DAY)

        assert status(referral) == "STARTED"

    def test_an_evening_that_nobody_checked_counts_later_all_the_same(self) -> None:
        referral = come(invite())
        play(referral)

        check(NOON + 60 * DAY)

        assert status(referral) == "QUALIFIED"

    def test_after_fourteen_days_it_is_not_looked_at_any_more(self) -> None:
        referral = come(invite())

        check(NOON + 14 * DAY - SECOND)
        assert Referral.objects.checkable().exists()
        check(NOON + 14 * DAY)

        referral.refresh_from_db()
        assert referral.status == "STARTED"
        assert referral.lapsed_at == NOON + 14 * DAY
        assert not Referral.objects.checkable().exists()

    def test_the_inviter_is_notified_once(self) -> None:
        inviter = invite()
        [referral] = qualified(inviter)
        check(NOON + HOUR)

        notice = ReferralNotice.objects.get()
        assert (notice.player_id, notice.kind) == (inviter.pk, "FRIEND_QUALIFIED")
        assert notice.referral == referral

    def test_the_evidence_is_kept(self) -> None:
        [referral] = qualified(invite())

        referral.refresh_from_db()
        assert (referral.answers, referral.days, referral.fast_answers) == (20, 2, 0)
        assert (referral.score, referral.reasons) == (0, [])


class TestFairness:
    def test_who_has_waited_longest_comes_first(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Pages of two, and time for one page only: after three runs everybody had a turn."""
        monkeypatch.setattr(referrals, "PAGE", 2)
        inviter = invite()
        friends = [come(inviter) for _ in range(6)]

        for hour in range(1, 4):
            now = NOON + hour * HOUR
            with time_machine.travel(now, tick=False) as clock:
                _one_page(clock, now)

        assert [Referral.objects.get(pk=friend.pk).checked_at for friend in friends] == [
            NOON + hour * HOUR for hour in (1, 1, 2, 2, 3, 3)
        ]

    def test_a_newcomer_comes_before_whom_was_looked_at(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(referrals, "PAGE", 1)
        inviter = invite()
        early = come(inviter)
        check(NOON + HOUR)
        late = come(inviter, now=NOON + 2 * HOUR)

        with time_machine.travel(NOON + 3 * HOUR, tick=False) as clock:
            _one_page(clock, NOON + 3 * HOUR)

        early.refresh_from_db()
        late.refresh_from_db()
        assert (early.checked_at, late.checked_at) == (NOON + HOUR, NOON + 3 * HOUR)

    def test_one_that_cannot_be_judged_holds_up_nobody(self) -> None:
        inviter = invite()
        broken, fine = come(inviter), come(inviter)
        play(broken)
        play(fine)
        with as_owner() as cursor:
            cursor.execute(
                f"""
                CREATE FUNCTION out_of_order() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN RAISE EXCEPTION 'out of order'; END $$;
                CREATE TRIGGER out_of_order BEFORE UPDATE OF status ON promos_referral
                FOR EACH ROW WHEN (NEW.id = {broken.pk}) EXECUTE FUNCTION out_of_order();
                """
            )

        assert check(NOON + 2 * DAY) == 1
        assert check(NOON + 30 * DAY) == 0

        assert (status(broken), status(fine)) == ("STARTED", "QUALIFIED")
        broken.refresh_from_db()
        assert broken.lapsed_at is None
        assert broken.checked_at == NOON + 30 * DAY

    def test_statements_do_not_grow_with_those_who_do_not_count(self) -> None:
        inviter = invite()
        for _ in range(3):
            answer(come(inviter).invited, 5, at=NOON + HOUR)
        with CaptureQueriesContext(connection) as three:
            check(NOON + DAY)
        for _ in range(7):
            answer(come(inviter).invited, 5, at=NOON + HOUR)
        with CaptureQueriesContext(connection) as ten:
            check(NOON + 2 * DAY)

        # The page, its recorded days; savepoint and release, what is free, the mark, what has
        # lapsed; and the empty next page.
        assert len(three) == len(ten) == 8

    def test_statements_of_one_that_counts(self) -> None:
        play(come(invite()))

        with CaptureQueriesContext(connection) as queries:
            check(NOON + 2 * DAY)

        # The eight of a page, its answers; savepoint and release, the inviter, the invitation, the
        # ring, the starts of the day, confirmed fraud, the status, the notice, and whether it was a
        # third.
        assert len(queries) == 19


def _one_page(clock: time_machine.Traveller, now: datetime) -> None:
    """Let the job have time for one page."""
    played = referrals._passed

    def late(page: list[Referral]) -> Any:
        clock.shift(HOUR / 2)
        return played(page)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(referrals, "_passed", late)
        referrals.check(now=now, until=now + HOUR / 4)


class TestRewards:
    def test_two_are_none_and_three_are_one(self) -> None:
        inviter = invite()
        qualified(inviter, 2)
        assert not ReferralReward.objects.exists()

        qualified(inviter, 1, now=NOON + HOUR)

        reward = ReferralReward.objects.get()
        assert (reward.number, reward.referrals.count()) == (1, 3)
        assert reward.claimable_at == NOON + HOUR + timedelta(hours=48)

    def test_seven_are_two_rewards_and_one_over(self) -> None:
        inviter = invite()
        qualified(inviter, 7)

        assert list(ReferralReward.objects.values_list("number", flat=True)) == [1, 2]
        assert Referral.objects.unrewarded().count() == 1

    def test_it_can_be_chosen_48_hours_after_the_third(self) -> None:
        inviter = invite()
        qualified(inviter, 3)
        reward = ReferralReward.objects.get()

        with pytest.raises(NotYetError) as refusal:
            claim(reward, now=NOON + timedelta(hours=48) - SECOND)
        assert refusal.value.at == NOON + timedelta(hours=48)
        assert not refusal.value.is_deferred

        assert claim(reward, now=NOON + timedelta(hours=48)).is_new

    def test_the_mega_pack_is_what_the_shop_sells_as_one(self) -> None:
        reward = offered(invite())

        claimed = claim(reward, "MEGA_PACK_15")

        assert Wallet.objects.get(player=reward.inviter_id).paid_energy == 15
        assert sorted(ModeSpan.objects.values_list("mode", flat=True)) == [
            "CASES_PRACTICE", "TRENNBARE_VERBEN", "WORD_ORDER",
        ]  # fmt: skip
        span = ModeSpan.objects.first()
        assert span is not None
        assert span.ends_at == NOON + timedelta(hours=24)
        entry = LedgerEntry.objects.get(type="REFERRAL_REWARD")
        assert claimed.entry == entry == ReferralReward.objects.get().entry
        assert (entry.source, entry.idempotency_key) == ("REFERRAL", "referral:1")
        assert entry.metadata["referral_reward"] == reward.pk

    def test_the_mega_pack_is_delivered_though_it_is_not_for_sale(self) -> None:
        Product.objects.filter(pk="MEGA_PACK_15").update(is_for_sale=False)

        claim(offered(invite()), "MEGA_PACK_15")

        assert LedgerEntry.objects.get(type="REFERRAL_REWARD").paid_energy == 15

    def test_premium_is_seven_days(self) -> None:
        claim(offered(invite()), "PREMIUM_7")

        span = PremiumSpan.objects.get()
        assert (span.plan, span.starts_at, span.ends_at) == ("STARTER", NOON, NOON + 7 * DAY)

    def test_all_three_are_rewarded(self) -> None:
        reward = offered(invite())

        claim(reward)

        assert list(reward.referrals.values_list("status", flat=True)) == ["REWARDED"] * 3

    @pytest.mark.parametrize("again", ["MEGA_PACK_15", "PREMIUM_7"])
    def test_whoever_chooses_again_gets_what_was_given(self, again: str) -> None:
        reward = offered(invite())
        first = claim(reward, "MEGA_PACK_15")

        second = claim(reward, again, now=NOON + HOUR)

        assert (first.is_new, second.is_new) == (True, False)
        assert second.entry == first.entry
        assert second.reward.choice == "MEGA_PACK_15"
        assert LedgerEntry.objects.filter(type="REFERRAL_REWARD").count() == 1

    def test_a_reward_of_somebody_else_is_none(self) -> None:
        reward = offered(invite())
        stranger, other = PlayerFactory.create(), invite()

        for player in (stranger, other.player):
            with pytest.raises(NoRewardError):
                referrals.claim(
                    player=player, number=reward.number, choice=RewardChoice.PREMIUM_7, now=NOON
                )

    def test_who_never_chooses_loses_nothing(self) -> None:
        reward = offered(invite())

        assert claim(reward, now=NOON + 400 * DAY).is_new

    def test_statements_of_a_claim(self) -> None:
        reward = offered(invite())
        player = reward.inviter.player
        claim(offered(invite(), now=NOON))  # What is read once per process has been read.

        with CaptureQueriesContext(connection) as queries:
            referrals.claim(player=player, number=1, choice=RewardChoice.PREMIUM_7, now=NOON)

        # Savepoint and release, the inviter, the rewards, the entry, Premium twice (what is there,
        # the new span), the reward, its three.
        assert len(queries) == 9


class TestTwoPerMonth:
    @pytest.fixture
    def inviter(self) -> Inviter:
        """Return somebody with three rewards, for two of which the month has room."""
        inviter = invite()
        for _ in range(3):
            offered(inviter)
        return inviter

    def test_the_third_waits_for_the_next_month(self, inviter: Inviter) -> None:
        first, second, third = ReferralReward.objects.order_by("number")

        assert claim(first).reward.place == 1
        assert claim(second).reward.place == 2
        with pytest.raises(NotYetError) as refusal:
            claim(third)

        assert refusal.value.is_deferred
        assert refusal.value.at == berlin(2026, 12, 1)
        assert set(third.referrals.values_list("status", flat=True)) == {"DEFERRED_LIMIT"}
        assert _unsent(inviter) == ["REWARD_READY", "REWARD_READY", "REWARD_DEFERRED"]

    def test_one_that_becomes_claimable_later_in_a_full_month_is_deferred_by_the_job(self) -> None:
        inviter = invite()
        for number in range(2):
            claim(offered(inviter, now=NOON + number * HOUR), now=NOON + number * HOUR)
        qualified(inviter, 3, now=NOON + DAY)

        with time_machine.travel(NOON + 3 * DAY, tick=False):
            assert tasks.offer_referral_rewards() == 1
            assert tasks.offer_referral_rewards() == 0

        third = ReferralReward.objects.get(number=3)
        assert third.deferred_until == berlin(2026, 12, 1)
        assert third.offered_at is None

    @pytest.mark.parametrize(
        ("claimed_at", "released_at"),
        [
            (berlin(2026, 11, 22, 13), berlin(2026, 12, 1, 0, 5)),
            # The clocks change in October (back) and in March (forward).
            (berlin(2026, 10, 20, 13), berlin(2026, 11, 1, 0, 5)),
            (berlin(2027, 3, 20, 13), berlin(2027, 4, 1, 0, 5)),
            (berlin(2026, 12, 31, 23, 59), berlin(2027, 1, 1, 0, 5)),
        ],
    )
    def test_the_job_releases_it_at_five_past_midnight_on_the_first(
        self, claimed_at: datetime, released_at: datetime
    ) -> None:
        inviter = invite(now=claimed_at)
        for _ in range(3):
            offered(inviter, now=claimed_at)
        first, second, third = ReferralReward.objects.order_by("number")
        claim(first, now=claimed_at)
        claim(second, now=claimed_at)
        ReferralNotice.objects.update(notified_at=claimed_at)

        with time_machine.travel(released_at - timedelta(minutes=6), tick=False):
            assert tasks.offer_referral_rewards() == 0
        assert ReferralReward.objects.get(pk=third.pk).deferred_until == released_at - timedelta(
            minutes=5
        )
        with time_machine.travel(released_at, tick=False):
            assert tasks.offer_referral_rewards() == 1

        third.refresh_from_db()
        assert third.deferred_until is None
        assert third.offered_at == released_at
        assert set(third.referrals.values_list("status", flat=True)) == {"QUALIFIED"}
        assert _unsent(inviter) == ["REWARD_READY"]
        assert claim(third, now=released_at).is_new

    def test_who_comes_before_the_job_need_not_wait_for_it(self, inviter: Inviter) -> None:
        first, second, third = ReferralReward.objects.order_by("number")
        claim(first)
        claim(second)

        with pytest.raises(NotYetError):
            claim(third, now=berlin(2026, 12, 1) - SECOND)
        assert claim(third, now=berlin(2026, 12, 1)).is_new
        assert set(third.referrals.values_list("status", flat=True)) == {"REWARDED"}

    def test_deferred_once_more_when_the_next_month_is_used_up_too(self, inviter: Inviter) -> None:
        for _ in range(2):
            offered(inviter, now=NOON - DAY)  # Ten start on a day, and no more.
        rewards = list(ReferralReward.objects.order_by("number"))
        december = berlin(2026, 12, 1, 0, 5)
        for reward in rewards[:2]:
            claim(reward)
        for reward in rewards[2:4]:
            claim(reward, now=december)

        with pytest.raises(NotYetError) as refusal:
            claim(rewards[4], now=december)

        assert refusal.value.at == berlin(2027, 1, 1)

    def test_no_more_are_offered_than_the_month_has_room_for(self, inviter: Inviter) -> None:
        assert _offered(inviter) == [1, 2]
        assert _unsent(inviter) == ["REWARD_READY", "REWARD_READY", "REWARD_DEFERRED"]

        claim(ReferralReward.objects.get(number=2))

        assert _offered(inviter) == [1]
        assert ReferralReward.objects.get(number=3).deferred_until == berlin(2026, 12, 1)

    def test_one_that_stays_deferred_says_nothing_again(self, inviter: Inviter) -> None:
        for _ in range(2):
            offered(inviter, now=NOON - DAY)  # Ten start on a day, and no more.
        ReferralNotice.objects.update(notified_at=NOON)

        referrals.offer_rewards(inviter_id=inviter.pk, now=berlin(2026, 12, 1))

        assert _offered(inviter) == [1, 2]
        assert _unsent(inviter) == []
        waiting = ReferralReward.objects.filter(offered_at=None)
        assert set(waiting.values_list("deferred_until", flat=True)) == {berlin(2027, 1, 1)}
        statuses = Referral.objects.filter(reward__in=waiting).values_list("status", flat=True)
        assert set(statuses) == {"DEFERRED_LIMIT"}

        for number in (1, 2):
            claim(ReferralReward.objects.get(number=number), now=berlin(2026, 12, 2))
        referrals.offer_rewards(inviter_id=inviter.pk, now=berlin(2027, 1, 1))

        assert _offered(inviter) == [3, 4]
        assert _unsent(inviter) == ["REWARD_READY", "REWARD_READY"]

    def test_a_place_that_is_free_is_for_one_that_was_deferred(self, inviter: Inviter) -> None:
        first, _, third = ReferralReward.objects.order_by("number")
        judge(first.referrals.all()[0], "cancel", now=NOON + HOUR)

        third.refresh_from_db()
        assert (third.offered_at, third.deferred_until) == (NOON + HOUR, None)
        assert set(third.referrals.values_list("status", flat=True)) == {"QUALIFIED"}

    def test_who_waited_for_the_lock_across_the_end_of_the_month(self, inviter: Inviter) -> None:
        """The tap is of November, and the job has offered it in December meanwhile."""
        first, second, third = ReferralReward.objects.order_by("number")
        claim(first)
        claim(second)
        referrals.offer_rewards(inviter_id=inviter.pk, now=berlin(2026, 12, 1))

        with pytest.raises(NotYetError) as refusal:
            claim(third, now=berlin(2026, 12, 1) - SECOND)

        assert refusal.value.is_deferred
        assert refusal.value.at == berlin(2026, 12, 1)
        assert claim(third, now=berlin(2026, 12, 1)).reward.place == 1

    def test_a_month_is_one_of_berlin(self, inviter: Inviter) -> None:
        """The last minutes of November in Berlin are before those of UTC."""
        first, second, third = ReferralReward.objects.order_by("number")
        claim(first, now=datetime(2026, 11, 30, 22, 59, tzinfo=UTC))
        claim(second, now=datetime(2026, 11, 30, 22, 59, tzinfo=UTC))

        assert claim(third, now=datetime(2026, 11, 30, 23, 0, tzinfo=UTC)).is_new


def _offered(inviter: Inviter) -> list[int]:
    """Return the numbers of the inviter's rewards that can be chosen."""
    open_ones = ReferralReward.objects.open().filter(inviter=inviter, offered_at__isnull=False)
    return list(open_ones.order_by("number").values_list("number", flat=True))


def _unsent(inviter: Inviter) -> list[str]:
    """Return the inviter's unsent notices of rewards."""
    notices = ReferralNotice.objects.filter(player=inviter.pk, notified_at=None, referral=None)
    return list(notices.order_by("pk").values_list("kind", flat=True))


class TestOverview:
    def test_who_has_invited_nobody_sees_a_link_and_nothing_else(self) -> None:
        anna = PlayerFactory.create()

        seen = referrals.overview(player=anna, now=NOON)

        assert seen.code == Inviter.objects.get().code
        assert (seen.counted, seen.on_the_way, seen.in_review, seen.claimed) == (0, 0, 0, 0)
        assert (list(seen.friends), list(seen.rewards)) == ([], [])

    def test_friends_on_the_way_with_what_they_have_done(self) -> None:
        inviter = invite()
        for number in range(7):
            come(inviter, now=NOON + number * SECOND)
        latest = Referral.objects.latest("started_at")
        answer(latest.invited, 12, at=NOON + HOUR)

        seen = referrals.overview(player=inviter.player, now=NOON + 2 * HOUR)

        assert seen.on_the_way == 7
        assert [(friend.answers, friend.days) for friend in seen.friends] == [
            (12, 1), (0, 0), (0, 0), (0, 0), (0, 0),
        ]  # fmt: skip
        assert seen.friends[0].closes_at == NOON + 6 * SECOND + 14 * DAY

    def test_rewards_that_are_coming_and_those_that_were_chosen(self) -> None:
        inviter = invite()
        claim(offered(inviter))
        qualified(inviter, 4)

        seen = referrals.overview(player=inviter.player, now=NOON + HOUR)

        assert (seen.counted, seen.claimed, seen.claimed_this_month) == (1, 1, 1)
        assert [(reward.number, reward.offered_at) for reward in seen.rewards] == [(2, None)]
        assert seen.unchosen == 1

    def test_the_first_few_rewards_of_many(self) -> None:
        inviter = invite()
        for day in range(3):
            qualified(inviter, 9, now=NOON - 3 * DAY - day * DAY)

        seen = referrals.overview(player=inviter.player, now=NOON)

        assert [reward.number for reward in seen.rewards] == [1, 2, 3, 4, 5]
        assert seen.unchosen == 9

    def test_what_can_be_chosen_comes_before_what_cannot(self) -> None:
        """The sixth is of older invitations that have come free, and its time comes first."""
        inviter = invite()
        spoilt = offered(inviter)
        for day in range(2):
            qualified(inviter, 6, now=NOON - day * DAY)
        qualified(inviter, 1, now=NOON - 3 * DAY)
        judge(spoilt.referrals.all()[0], "cancel")

        seen = referrals.overview(player=inviter.player, now=NOON)

        assert [reward.number for reward in seen.rewards] == [6, 2, 3, 4, 5]
        assert seen.rewards[0].offered_at == NOON
