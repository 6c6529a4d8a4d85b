"""Offers on the database: what is known of a player, what is shown, and what comes of it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.db import DatabaseError, IntegrityError, connection, transaction

from economy import grants, streaks, wallets
from economy.goods import Goods, Plan
from economy.ledger import Deltas, post
from economy.models import Asset, Direction, EntryType, LedgerEntry, Source, Streak, Wallet
from payments import catalogue, offers
from payments.errors import Refusal, RefusedError, StaleOfferError
from payments.models import Attribution, Impression, Product, Purchase
from payments.offer_rules import Touchpoint
from payments.offers import Proposal
from promos import campaigns, holdout, redemptions
from promos.models import Attempt, Campaign, Channel, DenylistEntry
from promos.rules import Reason
from quizarena.players.models import Player
from tests.concurrency import meet_after, run_together
from tests.factories import PlayerFactory, make_campaign
from tests.owner import use_application_role, use_owner_role
from tests.payments import steps

SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
# A Wednesday, and the Friday after it, 18:00 in Berlin.
NOON = datetime(2026, 11, 18, 11, tzinfo=UTC)
FRIDAY = datetime(2026, 11, 20, 17, tzinfo=UTC)


def propose(
    player: Player,
    touchpoint: Touchpoint = Touchpoint.HOME,
    *,
    now: datetime = NOON,
    about: str = "",
) -> Proposal | None:
    """Reach the touchpoint."""
    return offers.propose(player=player, touchpoint=touchpoint, now=now, about=about)


def shown(
    player: Player,
    touchpoint: Touchpoint = Touchpoint.HOME,
    *,
    now: datetime = NOON,
    about: str = "",
) -> str:
    """Reach the touchpoint; return the trigger of what is shown, or nothing."""
    proposal = propose(player, touchpoint, now=now, about=about)
    return proposal.impression.trigger if proposal else ""


def grant(player: Player, goods: Goods, *, now: datetime, key: str = "grant") -> LedgerEntry:
    """Give the player something."""
    entry, _ = grants.grant(
        player=player, goods=goods, type=EntryType.PRIZE, source=Source.SYSTEM, key=key, now=now
    )
    return entry


def left_with(player: Player, energy: int, *, now: datetime = NOON) -> None:
    """Leave the player so much energy at `now`."""
    wallets.grant_welcome_energy(player=player, now=now)
    post(
        player=player,
        type=EntryType.QUESTION,
        asset=Asset.FREE_ENERGY,
        direction=Direction.DEBIT,
        amount=20 - energy,
        deltas=Deltas(free_energy=energy - 20),
        source=Source.GAME,
        key="played",
        request={},
        now=now,
        energy_counted_until=now,
    )


def active(player: Player, *, days: int, last: datetime) -> None:
    """Let the player have played on so many days in a row, `last` being the last one."""
    for back in reversed(range(days)):
        streaks.record_activity(player=player, now=last - back * DAY)


def weekend_campaign(value: int = 40, code: str = "WEEKEND", **terms: Any) -> Campaign:
    """Return a campaign that runs and is offered at the weekend."""
    return make_campaign(code=code, value=value, is_weekend_offer=True, starts_at=NOON, **terms)


class TestWhatIsKnown:
    def test_a_newcomer_is_shown_nothing(self, player: Player) -> None:
        for touchpoint in Touchpoint:
            assert propose(player, touchpoint) is None

    @pytest.mark.parametrize(("energy", "trigger"), [(0, ""), (3, "ENERGY_LOW"), (4, "")])
    def test_energy_as_it_is_now(self, player: Player, energy: int, trigger: str) -> None:
        left_with(player, energy)

        assert shown(player) == trigger

    def test_energy_that_has_come_back_counts(self, player: Player) -> None:
        left_with(player, 0)

        later = NOON + timedelta(minutes=30)
        assert shown(player, Touchpoint.OUT_OF_ENERGY, now=later) == ""
        assert shown(player, Touchpoint.OUT_OF_ENERGY, now=later - SECOND) == "ENERGY_ZERO"

    def test_an_impression_knows_what_it_was_of(self, player: Player) -> None:
        left_with(player, 0)

        proposal = propose(player, Touchpoint.OUT_OF_ENERGY)

        assert proposal is not None
        kept = Impression.objects.get()
        assert kept == proposal.impression
        assert (kept.trigger, kept.priority, kept.event) == ("ENERGY_ZERO", 100, "OUT_OF_ENERGY")
        assert kept.prices == {"ENERGY_10": 5, "MEGA_PACK_15": 15, "PREMIUM_MONTH": 99}
        assert (kept.is_blocking, kept.shown_at, f"{kept.day}") == (True, NOON, "2026-11-18")
        assert kept.ordinal == proposal.impression.ordinal == 1

    def test_the_day_is_that_of_berlin(self, player: Player) -> None:
        left_with(player, 3, now=datetime(2026, 11, 18, 23, 10, tzinfo=UTC))

        propose(player, now=datetime(2026, 11, 18, 23, 15, tzinfo=UTC))

        assert f"{Impression.objects.get().day}" == "2026-11-19"

    def test_a_streak_that_runs(self, player: Player) -> None:
        active(player, days=8, last=NOON - DAY)

        assert shown(player) == "STREAK_GT7"

    def test_a_streak_of_which_nobody_knows_is_none(self, player: Player) -> None:
        active(player, days=8, last=NOON - 2 * DAY)

        assert shown(player) == ""

    def test_a_streak_at_risk_and_a_saver(self, player: Player) -> None:
        late = datetime(2026, 11, 18, 21, tzinfo=UTC)
        active(player, days=15, last=late - DAY)
        wallets.lock(player=player, now=late)

        assert shown(player, Touchpoint.EVENING, now=late) == "STREAK_RISK_22"
        steps.buy(player, "STREAK_SAVER_20", now=late)
        assert shown(player, Touchpoint.EVENING, now=late + 24 * HOUR - SECOND) == ""

    @pytest.mark.parametrize(
        ("plan", "days", "trigger"),
        [(Plan.STARTER, 7, "STREAK_RISK_22"), (Plan.MONTH, 30, ""), (Plan.YEAR, 365, "")],
    )
    def test_a_plan_that_freezes_keeps_a_streak_safe(
        self, player: Player, plan: Plan, days: int, trigger: str
    ) -> None:
        late = datetime(2026, 11, 18, 21, tzinfo=UTC)
        active(player, days=15, last=late - DAY)
        grant(player, Goods(premium=plan, premium_days=days), now=late)

        assert shown(player, Touchpoint.EVENING, now=late) == trigger

    def test_the_only_freeze_of_a_week_is_used_up(self, player: Player) -> None:
        late = datetime(2026, 11, 18, 21, tzinfo=UTC)
        grant(player, Goods(premium=Plan.MONTH, premium_days=30), now=late - 20 * DAY)
        active(player, days=15, last=late - 2 * DAY)
        streaks.roll_over(player=player, now=late)

        assert Streak.objects.get(player=player).current == 15
        assert shown(player, Touchpoint.EVENING, now=late) == "STREAK_RISK_22"

    def test_a_starter_that_has_ended(self, player: Player) -> None:
        grant(player, Goods(premium=Plan.STARTER, premium_days=7), now=NOON - 9 * DAY)

        assert shown(player, now=NOON + SECOND) == ""
        assert shown(player, now=NOON) == "STARTER_EXPIRED"

    def test_a_starter_that_was_taken_back_has_not_ended(self, player: Player) -> None:
        bought = steps.buy(player, "PREMIUM_STARTER", now=NOON - 7 * DAY)
        steps.refund(bought, now=NOON - 6 * DAY)

        assert shown(player, now=NOON + HOUR) == ""

    def test_a_starter_behind_which_another_plan_lies_has_not_ended(self, player: Player) -> None:
        grant(player, Goods(premium=Plan.STARTER, premium_days=7), now=NOON - 8 * DAY)
        grant(player, Goods(premium=Plan.YEAR, premium_days=365), now=NOON - 7 * DAY, key="year")

        assert shown(player) == ""

    def test_a_month_that_ends(self, player: Player) -> None:
        grant(player, Goods(premium=Plan.MONTH, premium_days=30), now=NOON - 27 * DAY)

        assert shown(player, now=NOON - SECOND) == ""
        assert shown(player, now=NOON) == "MONTH_EXPIRING"

    def test_a_month_behind_which_a_starter_lies_does_not_end(self, player: Player) -> None:
        grant(player, Goods(premium=Plan.MONTH, premium_days=30), now=NOON - 28 * DAY)
        grant(player, Goods(premium=Plan.STARTER, premium_days=7), now=NOON, key="starter")

        assert shown(player) == ""

    def test_a_subscription_does_not_end(self, player: Player) -> None:
        bought = steps.open_purchase(
            player, "PREMIUM_MONTH", now=NOON - 29 * DAY, is_subscription=True
        )
        paid = steps.pay(bought, now=NOON - 29 * DAY, subscribed_until=NOON + DAY)
        steps.credit(paid, now=NOON - 29 * DAY)

        assert shown(player) == ""
        player.subscriptions.update(canceled_at=NOON)
        assert shown(player) == "MONTH_EXPIRING"

    def test_the_third_mega_pack_in_fourteen_days(self, player: Player) -> None:
        steps.buy(player, "MEGA_PACK_15", now=NOON - 14 * DAY)
        steps.buy(player, "MEGA_PACK_15", now=NOON - 10 * DAY)
        steps.buy(player, "MEGA_PACK_15", now=NOON - SECOND)

        assert shown(player, Touchpoint.PURCHASED, about="MEGA_PACK_15") == ""
        before = NOON - timedelta(microseconds=1)
        assert (
            shown(player, Touchpoint.PURCHASED, about="MEGA_PACK_15", now=before)
            == "MEGA_THIRD_BUY"
        )

    def test_the_second_energy_in_seven_days(self, player: Player) -> None:
        steps.buy(player, "ENERGY_10", now=NOON - 7 * DAY)
        steps.buy(player, "ENERGY_10", now=NOON - SECOND)

        assert shown(player, Touchpoint.PURCHASED, about="ENERGY_10") == ""
        before = NOON - timedelta(microseconds=1)
        found = shown(player, Touchpoint.PURCHASED, about="ENERGY_10", now=before)
        assert found == "ENERGY10_SECOND_BUY"

    def test_a_refunded_purchase_does_not_count(self, player: Player) -> None:
        steps.refund(steps.buy(player, now=NOON - DAY), now=NOON - DAY)
        steps.buy(player, now=NOON)

        assert shown(player, Touchpoint.PURCHASED, about="ENERGY_10") == ""

    def test_what_is_not_for_sale_is_not_offered(self, player: Player) -> None:
        Product.objects.filter(pk="MEGA_PACK_15").update(is_for_sale=False)
        left_with(player, 0)

        proposal = propose(player, Touchpoint.OUT_OF_ENERGY)

        assert proposal is not None
        assert list(proposal.impression.prices) == ["ENERGY_10", "PREMIUM_MONTH"]
        assert shown(player, Touchpoint.LOCKED_MODE, about="WORD_ORDER", now=NOON + 7 * HOUR) == ""

    def test_a_saver_within_its_seven_days_is_not_offered(self, player: Player) -> None:
        late = datetime(2026, 11, 18, 21, tzinfo=UTC)
        active(player, days=15, last=late - DAY)
        steps.buy(player, "STREAK_SAVER_20", now=late - 6 * DAY)
        # A day was missed meanwhile, so to speak.
        Wallet.objects.get(player=player)
        post(
            player=player,
            type=EntryType.SAVER_USED,
            asset=Asset.STREAK_SAVERS,
            direction=Direction.DEBIT,
            amount=1,
            deltas=Deltas(streak_savers=-1),
            source=Source.GAME,
            key="saver",
            request={},
            now=late,
        )

        assert shown(player, Touchpoint.EVENING, now=late) == ""
        assert shown(player, Touchpoint.EVENING, now=late + DAY - HOUR) == ""

    def test_who_is_suspended_is_shown_nothing(self, player: Player) -> None:
        left_with(player, 0)
        player.suspended_at = NOON

        assert propose(player, Touchpoint.OUT_OF_ENERGY) is None

    def test_the_price_is_that_with_the_players_discount(self, player: Player) -> None:
        make_campaign(code="HALF", value=50, starts_at=NOON)
        redemptions.redeem(player=player, raw="HALF", channel=Channel.COMMAND, key="1", now=NOON)
        left_with(player, 3)

        proposal = propose(player)

        assert proposal is not None
        assert proposal.impression.prices == {"ENERGY_10": 3}


class TestCaps:
    def test_one_that_blocks_in_six_hours(self, player: Player) -> None:
        left_with(player, 0, now=NOON)
        assert shown(player, Touchpoint.OUT_OF_ENERGY) == "ENERGY_ZERO"

        assert (
            shown(player, Touchpoint.LOCKED_MODE, about="WORD_ORDER", now=NOON + 6 * HOUR - SECOND)
            == ""
        )
        found = shown(player, Touchpoint.LOCKED_MODE, about="WORD_ORDER", now=NOON + 6 * HOUR)
        assert found == "LOCKED_MODE_CLICK"

    def test_the_same_one_in_24_hours(self, player: Player) -> None:
        active(player, days=8, last=NOON)
        assert shown(player) == "STREAK_GT7"
        streaks.record_activity(player=player, now=NOON + DAY - HOUR)

        assert shown(player, now=NOON + DAY - SECOND) == ""
        assert shown(player, now=NOON + DAY) == "STREAK_GT7"

    def test_three_on_a_day_of_berlin(self, player: Player) -> None:
        active(player, days=31, last=NOON)
        left_with(player, 3, now=NOON)
        first = [shown(player) for _ in range(3)]
        grant(player, Goods(premium=Plan.MONTH, premium_days=3), now=NOON)

        assert first == ["ENERGY_LOW", "STREAK_MILESTONE_30", "STREAK_GT7"]
        assert shown(player, now=datetime(2026, 11, 18, 22, 59, 59, tzinfo=UTC)) == ""
        assert shown(player, now=datetime(2026, 11, 18, 23, tzinfo=UTC)) == "MONTH_EXPIRING"

    def test_what_is_muted_stays_away_for_72_hours(self, player: Player) -> None:
        active(player, days=8, last=NOON)
        proposal = propose(player)
        assert proposal is not None
        muted_at = NOON + HOUR
        offers.mute(player=player, impression_id=proposal.impression.pk, now=muted_at)
        for day in (1, 2, 3):
            streaks.record_activity(player=player, now=NOON + day * DAY)

        assert shown(player, now=muted_at + 72 * HOUR - SECOND) == ""
        assert shown(player, now=muted_at + 72 * HOUR) == "STREAK_GT7"

    def test_muted_again_it_stays_away_for_72_hours_from_then(self, player: Player) -> None:
        active(player, days=8, last=NOON)
        proposal = propose(player)
        assert proposal is not None
        for late in (HOUR, 80 * HOUR):
            offers.mute(player=player, impression_id=proposal.impression.pk, now=NOON + late)

        for day in range(1, 7):
            streaks.record_activity(player=player, now=NOON + day * DAY)

        assert shown(player, now=NOON + 152 * HOUR - SECOND) == ""
        assert shown(player, now=NOON + 152 * HOUR) == "STREAK_GT7"

    def test_not_now_is_not_for_three_days(self, player: Player) -> None:
        active(player, days=8, last=NOON)
        proposal = propose(player)
        assert proposal is not None
        offers.dismiss(player=player, impression_id=proposal.impression.pk, now=NOON)
        streaks.record_activity(player=player, now=NOON + DAY)

        assert shown(player, now=NOON + DAY) == "STREAK_GT7"
        assert Impression.objects.filter(dismissed_at=NOON, muted_at=None).count() == 1


class TestComeback:
    def test_twenty_energy_that_are_really_twenty_more(self, player: Player) -> None:
        wallets.lock(player=player, now=NOON - 4 * DAY)
        active(player, days=1, last=NOON - 4 * DAY)

        proposal = propose(player)

        assert proposal is not None
        assert (proposal.impression.trigger, proposal.gift) == ("COMEBACK_3D", 20)
        energy = wallets.energy_at(player=player, now=NOON)
        assert (energy.free, energy.paid) == (20, 20)
        entry = LedgerEntry.objects.get(idempotency_key="comeback:2026-11-14")
        assert (entry.type, entry.asset, entry.amount) == ("COMEBACK", "PAID_ENERGY", 20)
        assert Impression.objects.get().entry == entry
        assert Purchase.objects.count() == 0

    def test_once_per_absence(self, player: Player) -> None:
        active(player, days=1, last=NOON - 10 * DAY)
        first = shown(player)

        # Still nothing played, a day later and three.
        assert [first, shown(player, now=NOON + DAY), shown(player, now=NOON + 3 * DAY)] == [
            "COMEBACK_3D",
            "",
            "",
        ]
        assert Wallet.objects.get(player=player).paid_energy == 20

    def test_the_next_absence_is_another_one(self, player: Player) -> None:
        active(player, days=1, last=NOON - 10 * DAY)
        shown(player)
        streaks.record_activity(player=player, now=NOON)

        assert shown(player, now=NOON + 4 * DAY) == "COMEBACK_3D"
        assert Wallet.objects.get(player=player).paid_energy == 40

    def test_after_the_first_round_of_the_day_it_is_not_too_late(self, player: Player) -> None:
        active(player, days=1, last=NOON - 4 * DAY)
        streaks.record_activity(player=player, now=NOON)

        assert shown(player, Touchpoint.ROUND_OVER) == "COMEBACK_3D"

    @pytest.mark.parametrize(("days", "is_given"), [(3, False), (4, True)])
    def test_a_round_that_ends_after_midnight_is_not_too_late(
        self, player: Player, days: int, is_given: bool
    ) -> None:
        active(player, days=1, last=NOON - days * DAY)
        streaks.record_activity(player=player, now=NOON)

        late = shown(player, Touchpoint.ROUND_OVER, now=NOON + DAY)

        assert late == ("COMEBACK_3D" if is_given else "")
        assert shown(player, now=NOON + DAY + HOUR) == ""
        assert LedgerEntry.objects.filter(type="COMEBACK").count() == int(is_given)

    def test_who_was_welcomed_on_the_day_is_not_the_day_after(self, player: Player) -> None:
        active(player, days=1, last=NOON - 4 * DAY)
        shown(player)
        streaks.record_activity(player=player, now=NOON)

        assert shown(player, now=NOON + DAY + HOUR) == ""
        assert Wallet.objects.get(player=player).paid_energy == 20

    def test_two_days_after_the_return_it_is_too_late(self, player: Player) -> None:
        active(player, days=1, last=NOON - 10 * DAY)
        streaks.record_activity(player=player, now=NOON)
        streaks.record_activity(player=player, now=NOON + DAY)

        assert shown(player, now=NOON + 2 * DAY) == ""

    def test_what_the_caps_do_not_allow_is_not_given(self, player: Player) -> None:
        active(player, days=1, last=NOON - 4 * DAY)
        for trigger in ("ENERGY_LOW", "STREAK_GT7", "STREAK_MILESTONE_30"):
            store(player, trigger=trigger)

        assert shown(player) == ""
        assert not LedgerEntry.objects.filter(type="COMEBACK").exists()


class TestWeekend:
    def test_the_price_that_is_shown_is_the_price_of_the_invoice(self, player: Player) -> None:
        campaign = weekend_campaign(scope="PREMIUM_ANY")
        proposal = propose(player, now=FRIDAY)
        assert proposal is not None
        impression = proposal.impression
        _, result = offers.take_discount(player=player, impression_id=impression.pk, now=FRIDAY)
        assert result.redemption is not None

        purchase = offers.take(
            player=player,
            impression_id=impression.pk,
            product_code="PREMIUM_MONTH",
            redemption_id=result.redemption.pk,
            now=FRIDAY,
        )

        assert impression.campaign == campaign
        assert impression.prices == {
            "PREMIUM_STARTER": 18,
            "PREMIUM_MONTH": 60,
            "PREMIUM_SEASON": 150,
            "PREMIUM_YEAR": 300,
        }
        assert (purchase.stars, purchase.base_stars, purchase.percent) == (60, 99, 40)
        assert Attempt.objects.get().channel == "OFFER"
        assert Attribution.objects.get().impression == impression

    @pytest.mark.parametrize(
        "terms",
        [
            {"status": "PAUSED"},
            {"status": "ENDED"},
            {"status": "DRAFT"},
            {"ends_at": FRIDAY},
            {"for_language": "uk"},
            {"for_first_purchase": True},
            {"for_lapsed_days": 5},
            {"is_weekend_offer": False},
            # So little that it makes nothing cheaper that this player could use.
            {"scope": "PRODUCT", "product_code": "GONE"},
            {"stars_max": 1, "scope": "PREMIUM_ANY"},
        ],
    )
    def test_not_without_a_campaign_for_this_player(
        self, player: Player, terms: dict[str, Any]
    ) -> None:
        steps.buy(player, now=NOON)
        status = terms.pop("status", "ACTIVE")
        fields = {"is_weekend_offer": True, "starts_at": NOON, "value": 40, **terms}
        make_campaign(code="WEEKEND", status=status, **fields)

        assert shown(player, now=FRIDAY) == ""

    def test_one_that_has_not_begun(self, player: Player) -> None:
        make_campaign(code="WEEKEND", is_weekend_offer=True, starts_at=FRIDAY + SECOND)

        assert shown(player, now=FRIDAY) == ""
        assert shown(player, now=FRIDAY + SECOND) == "WEEKEND_FLASH"

    def test_not_one_of_which_the_player_is_held_out(self, player: Player) -> None:
        keys = {
            holdout.is_held_out(key=key, percent=50, player_id=player.pk): key
            for key in (UUID(int=number) for number in range(64))
        }
        weekend_campaign(holdout_percent=50, holdout_key=keys[True])

        assert shown(player, now=FRIDAY) == ""

        weekend_campaign(code="WEEKEND2", holdout_percent=50, holdout_key=keys[False])
        assert shown(player, now=FRIDAY) == "WEEKEND_FLASH"

    def test_not_without_a_shared_code(self, player: Player) -> None:
        campaign = weekend_campaign()
        campaign.codes.update(revoked_at=NOON)

        assert shown(player, now=FRIDAY) == ""

    def test_not_to_whom_no_code_is_for(self, player: Player) -> None:
        weekend_campaign()
        DenylistEntry.objects.create(player=player, reason="Fraud.", at=NOON)

        assert shown(player, now=FRIDAY) == ""

    def test_not_to_who_has_it_already_or_has_used_it(self, player: Player) -> None:
        weekend_campaign()
        redemptions.redeem(
            player=player, raw="WEEKEND", channel=Channel.COMMAND, key="1", now=FRIDAY
        )

        assert shown(player, now=FRIDAY) == ""

    def test_of_several_the_best_that_is_for_this_player(self, player: Player) -> None:
        weekend_campaign(60, code="BEST", for_language="uk")
        second = weekend_campaign(50, code="SECOND")
        weekend_campaign(20, code="THIRD")

        proposal = propose(player, now=FRIDAY)

        assert proposal is not None
        assert proposal.impression.campaign == second

    def test_a_second_tap_gets_the_same_hold(self, player: Player) -> None:
        weekend_campaign()
        proposal = propose(player, now=FRIDAY)
        assert proposal is not None
        take = partial(offers.take_discount, player=player, impression_id=proposal.impression.pk)

        results = [take(now=FRIDAY), take(now=FRIDAY), take(now=FRIDAY + SECOND)]

        assert len({result.redemption for _, result in results}) == 1

    def test_what_was_stopped_meanwhile_is_refused_and_is_no_failure(self, player: Player) -> None:
        campaign = weekend_campaign()
        proposal = propose(player, now=FRIDAY)
        assert proposal is not None
        campaigns.end(campaign_id=campaign.pk, reason="Enough.", now=FRIDAY, staff=None)

        results = [
            offers.take_discount(player=player, impression_id=proposal.impression.pk, now=FRIDAY)
            for _ in range(6)
        ]

        assert {result.reason for _, result in results} == {Reason.ENDED}
        assert Attempt.objects.count() == 0

    def test_on_monday_the_weekend_is_over(self, player: Player) -> None:
        weekend_campaign()
        proposal = propose(player, now=FRIDAY)
        assert proposal is not None
        take = partial(offers.take_discount, player=player, impression_id=proposal.impression.pk)

        monday = datetime(2026, 11, 22, 23, tzinfo=UTC)
        with pytest.raises(StaleOfferError):
            take(now=monday)
        assert take(now=monday - SECOND)[1].redemption is not None

    def test_of_one_that_is_no_weekends_there_is_no_discount(self, player: Player) -> None:
        left_with(player, 3)
        proposal = propose(player)
        assert proposal is not None

        with pytest.raises(StaleOfferError):
            offers.take_discount(player=player, impression_id=proposal.impression.pk, now=NOON)


class TestTaking:
    @pytest.fixture
    def impression(self, player: Player) -> Impression:
        """Return the offer of somebody without energy."""
        left_with(player, 0)
        proposal = propose(player, Touchpoint.OUT_OF_ENERGY)
        assert proposal is not None
        return proposal.impression

    def take(self, impression: Impression, code: str = "ENERGY_10", **how: Any) -> Purchase:
        """Tap a product."""
        details: dict[str, Any] = {"player": impression.player, "now": NOON, **how}
        with transaction.atomic():
            return offers.take(impression_id=impression.pk, product_code=code, **details)

    def test_click_and_purchase_are_attributed(self, impression: Impression) -> None:
        purchase = self.take(impression)

        attribution = Attribution.objects.get()
        assert (attribution.purchase, attribution.impression) == (purchase, impression)
        impression.refresh_from_db()
        assert impression.clicked_at == NOON

    def test_a_purchase_that_was_open_by_another_road(self, impression: Impression) -> None:
        before = steps.open_purchase(impression.player)

        purchase = self.take(impression)

        assert purchase == before
        assert Attribution.objects.get().purchase == before
        assert Purchase.objects.count() == 1

    def test_the_last_click_wins(self, impression: Impression) -> None:
        self.take(impression)
        second = store(impression.player, trigger="ENERGY_LOW", prices={"ENERGY_10": 5}, ordinal=2)

        purchase = self.take(second, now=NOON + SECOND)

        attribution = Attribution.objects.get()
        assert (attribution.purchase, attribution.impression) == (purchase, second)

    def test_after_the_payment_nothing_changes_any_more(self, impression: Impression) -> None:
        first = self.take(impression)
        steps.pay(first)
        second = store(impression.player, trigger="ENERGY_LOW", prices={"ENERGY_10": 5}, ordinal=2)

        other = self.take(second)

        assert other != first
        assert Attribution.objects.get(purchase=first).impression == impression
        assert Attribution.objects.get(purchase=other).impression == second

    def test_one_offer_can_sell_two_products(self, impression: Impression) -> None:
        self.take(impression)
        self.take(impression, "MEGA_PACK_15")

        assert Attribution.objects.filter(impression=impression).count() == 2

    def test_what_was_not_offered_cannot_be_taken(self, impression: Impression) -> None:
        with pytest.raises(StaleOfferError):
            self.take(impression, "PREMIUM_YEAR")
        with pytest.raises(StaleOfferError):
            self.take(impression, player=PlayerFactory.create())
        assert Purchase.objects.count() == 0

    def test_it_never_costs_more_than_was_shown(self, impression: Impression) -> None:
        Product.objects.filter(pk="ENERGY_10").update(stars=6)

        with transaction.atomic(), pytest.raises(RefusedError) as refused:
            offers.take(
                player=impression.player,
                impression_id=impression.pk,
                product_code="ENERGY_10",
                now=NOON,
            )

        assert refused.value.refusal == Refusal.WRONG_AMOUNT
        assert Purchase.objects.count() == Attribution.objects.count() == 0
        impression.refresh_from_db()
        assert impression.clicked_at == NOON

    def test_it_may_cost_less(self, impression: Impression) -> None:
        Product.objects.filter(pk="ENERGY_10").update(stars=4)

        assert self.take(impression).stars == 4

    def test_who_has_it_meanwhile_is_refused_and_has_clicked(self, impression: Impression) -> None:
        grant(impression.player, Goods(premium=Plan.YEAR, premium_days=365), now=NOON)

        with transaction.atomic(), pytest.raises(RefusedError):
            offers.take(
                player=impression.player,
                impression_id=impression.pk,
                product_code="PREMIUM_MONTH",
                now=NOON,
            )

        impression.refresh_from_db()
        assert impression.clicked_at == NOON

    def test_the_first_click_counts(self, impression: Impression) -> None:
        self.take(impression)
        self.take(impression, now=NOON + SECOND)

        impression.refresh_from_db()
        assert impression.clicked_at == NOON

    def test_others_cannot_dismiss_or_mute(self, impression: Impression) -> None:
        stranger = PlayerFactory.create()

        for verb in (offers.dismiss, offers.mute):
            with pytest.raises(StaleOfferError):
                verb(player=stranger, impression_id=impression.pk, now=NOON)


class TestStatements:
    def test_one_when_nothing_is_due(self, player: Player, django_assert_num_queries: Any) -> None:
        with django_assert_num_queries(1):
            assert propose(player) is None

    def test_four_with_what_is_written(
        self, player: Player, django_assert_num_queries: Any
    ) -> None:
        left_with(player, 0)

        # Facts, reservations, products; the impression.
        with django_assert_num_queries(4):
            assert propose(player, Touchpoint.OUT_OF_ENERGY) is not None

    def test_seven_at_a_weekend(self, player: Player, django_assert_num_queries: Any) -> None:
        weekend_campaign()
        wallets.grant_welcome_energy(player=player, now=NOON)

        # Facts, reservations, products, the code, what can be bought, the prices; the impression.
        with django_assert_num_queries(7):
            assert propose(player, now=FRIDAY) is not None

    def test_one_at_a_weekend_afterwards(
        self, player: Player, django_assert_num_queries: Any
    ) -> None:
        weekend_campaign()
        propose(player, now=FRIDAY)

        with django_assert_num_queries(1):
            assert propose(player, now=FRIDAY + HOUR) is None


class TestForgetting:
    def test_what_nothing_has_come_of_goes_after_180_days(self, player: Player) -> None:
        store(player, shown_at=NOON)
        bought = store(player, trigger="ENERGY_LOW", ordinal=2)
        with transaction.atomic():
            offers.take(player=player, impression_id=bought.pk, product_code="ENERGY_10", now=NOON)
        active(player, days=1, last=NOON - 4 * DAY)
        assert shown(player) == "COMEBACK_3D"

        assert offers.purge(now=NOON + 180 * DAY, limit=10) == 0
        assert offers.purge(now=NOON + 180 * DAY + SECOND, limit=10) == 1
        assert Impression.objects.count() == 2


# --- The database ---------------------------------------------------------------------------------


def store(player: Player, **fields: Any) -> Impression:
    """Store an impression by a road that does not pass through the rules."""
    shown_at = fields.get("shown_at", NOON)
    known = Impression.objects.filter(player=player, day=shown_at.date()).count()
    values = {
        "trigger": "STREAK_GT7",
        "priority": 50,
        "event": "HOME",
        "is_blocking": False,
        "prices": {"ENERGY_10": 5},
        "shown_at": shown_at,
        "day": shown_at.date(),
        "ordinal": known + 1,
        **fields,
    }
    return Impression.objects.create(player=player, **values)


class TestDatabaseSaysNo:
    """Each rule again, by a road that does not pass through the verbs."""

    @pytest.mark.parametrize(
        ("after", "is_allowed"), [(24 * HOUR - SECOND, False), (24 * HOUR, True)]
    )
    def test_the_same_one(self, player: Player, after: timedelta, is_allowed: bool) -> None:
        store(player)

        if is_allowed:
            store(player, shown_at=NOON + after)
        else:
            with pytest.raises(IntegrityError, match="impression_same_once_in_24_hours"):
                store(player, shown_at=NOON + after)

    @pytest.mark.parametrize(
        ("after", "is_allowed"), [(6 * HOUR - SECOND, False), (6 * HOUR, True)]
    )
    def test_one_that_blocks(self, player: Player, after: timedelta, is_allowed: bool) -> None:
        store(player, trigger="ENERGY_ZERO", is_blocking=True)

        blocked = partial(
            store, player, trigger="LOCKED_MODE_CLICK", is_blocking=True, shown_at=NOON + after
        )
        if is_allowed:
            blocked()
        else:
            with pytest.raises(IntegrityError, match="impression_blocking_once_in_6_hours"):
                blocked()

    def test_24_hours_are_24_on_the_day_of_a_clock_change(self, player: Player) -> None:
        before = datetime(2026, 10, 24, 11, tzinfo=UTC)
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL TIME ZONE 'Europe/Berlin'")
        store(player, shown_at=before)

        store(player, shown_at=before + 24 * HOUR)

    def test_a_fourth_of_a_day(self, player: Player) -> None:
        for trigger in ("ENERGY_LOW", "STREAK_GT7", "STREAK_MILESTONE_30"):
            store(player, trigger=trigger)

        with pytest.raises(IntegrityError, match="impression_three_a_day"):
            store(player, trigger="MONTH_EXPIRING")

    def test_two_that_are_the_first(self, player: Player) -> None:
        store(player)

        with pytest.raises(IntegrityError, match="impression_one_after_the_other"):
            store(player, trigger="ENERGY_LOW", ordinal=1)

    @pytest.mark.parametrize(
        ("fields", "constraint"),
        [
            ({"trigger": "XMAS"}, "impression_trigger_is_known"),
            ({"event": "XMAS"}, "impression_event_is_known"),
            ({"trigger": "COMEBACK_3D", "prices": {}}, "impression_gives_or_sells"),
            ({"prices": {}}, "impression_gives_or_sells"),
            ({"trigger": "WEEKEND_FLASH"}, "impression_of_a_weekend_has_its_campaign"),
        ],
    )
    def test_what_makes_no_sense(
        self, player: Player, fields: dict[str, Any], constraint: str
    ) -> None:
        with pytest.raises(IntegrityError, match=constraint):
            store(player, **fields)

    @pytest.mark.parametrize(
        "change",
        [
            {"trigger": "ENERGY_LOW"},
            {"prices": {"ENERGY_10": 4}},
            {"shown_at": NOON - DAY},
            {"ordinal": 2},
            {"is_blocking": True},
        ],
    )
    def test_what_was_shown_stays(self, player: Player, change: dict[str, Any]) -> None:
        impression = store(player)

        with pytest.raises(DatabaseError, match="Cannot update rows"):
            Impression.objects.filter(pk=impression.pk).update(**change)

    def test_a_purchase_of_something_else(self, player: Player) -> None:
        impression = store(player)
        purchase = steps.open_purchase(player, "MEGA_PACK_15")

        with pytest.raises(DatabaseError, match="attributed to an offer of its product"):
            Attribution.objects.create(purchase=purchase, impression=impression, at=NOON)

    def test_a_purchase_of_somebody_else(self, player: Player) -> None:
        impression = store(PlayerFactory.create())
        purchase = steps.open_purchase(player)

        with pytest.raises(DatabaseError, match="attributed to an offer of its product"):
            Attribution.objects.create(purchase=purchase, impression=impression, at=NOON)

    def test_a_purchase_that_is_paid(self, player: Player) -> None:
        impression = store(player)
        purchase = steps.pay(steps.open_purchase(player))

        with pytest.raises(DatabaseError, match="attributed to an offer of its product"):
            Attribution.objects.create(purchase=purchase, impression=impression, at=NOON)

    def test_what_has_sold_something_stays(self, player: Player) -> None:
        impression = store(player)
        purchase = steps.open_purchase(player)
        Attribution.objects.create(purchase=purchase, impression=impression, at=NOON)

        constraints = "SET CONSTRAINTS ALL IMMEDIATE; DELETE FROM payments_impression"
        with pytest.raises(IntegrityError), connection.cursor() as cursor:
            cursor.execute(constraints)

    @pytest.mark.parametrize("table", ["payments_impression", "payments_attribution"])
    @pytest.mark.usefixtures("owner")
    def test_truncate(self, player: Player, table: str) -> None:
        with pytest.raises(DatabaseError, match="Cannot truncate"), connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {table} CASCADE")

    @pytest.mark.usefixtures("owner")
    def test_an_attribution_is_never_deleted(self, player: Player) -> None:
        impression = store(player)
        purchase = steps.open_purchase(player)
        Attribution.objects.create(purchase=purchase, impression=impression, at=NOON)

        with pytest.raises(DatabaseError, match="Cannot delete"), connection.cursor() as cursor:
            cursor.execute("DELETE FROM payments_attribution")

    def test_a_weekend_offer_is_a_discount(self, db: None) -> None:
        with pytest.raises(IntegrityError, match="campaign_weekend_offer_is_a_discount"):
            make_campaign(grant=True, is_weekend_offer=True)


# --- Events that meet -----------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
class TestConcurrency:
    @pytest.fixture
    def player(self, transactional_db: None) -> Player:
        """Return a player without energy, with a long streak, back after days."""
        catalogue.seed_catalogue(app_config=apps.get_app_config("payments"))
        player = PlayerFactory.create()
        active(player, days=8, last=NOON - DAY)
        left_with(player, 0)
        return player

    def test_one_of_two_that_block_is_shown(
        self, player: Player, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert sorted(self.race(player, monkeypatch)) == ["", "ENERGY_ZERO"]

    def test_without_the_constraints_both_are(
        self, player: Player, monkeypatch: pytest.MonkeyPatch, without_caps: None
    ) -> None:
        """Show that the test above can fail: take the constraints away, and it must."""
        assert self.race(player, monkeypatch) == ["ENERGY_ZERO", "ENERGY_ZERO"]

    def race(self, player: Player, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """Let a player who is out of energy tap on two devices."""
        meet_after(monkeypatch, offers, "_look")
        results: list[str] = run_together(
            partial(shown, player, Touchpoint.OUT_OF_ENERGY),
            partial(shown, player, Touchpoint.OUT_OF_ENERGY),
        )
        return results

    def test_the_loser_gets_the_next_one(
        self, player: Player, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        streaks.record_activity(player=player, now=NOON)
        Streak.objects.filter(player=player).update(current=30, best=30)
        meet_after(monkeypatch, offers, "_look")

        results = run_together(partial(shown, player), partial(shown, player))

        assert sorted(results) == ["STREAK_GT7", "STREAK_MILESTONE_30"]

    def test_a_fourth_of_the_day_is_not_shown(
        self, player: Player, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store(player, trigger="ENERGY_LOW")
        store(player, trigger="MONTH_EXPIRING")
        Streak.objects.filter(player=player).update(current=30, best=30)
        meet_after(monkeypatch, offers, "_look")

        results = run_together(
            partial(shown, player), partial(shown, player, Touchpoint.OUT_OF_ENERGY)
        )

        assert sum(map(bool, results)) == 1
        assert Impression.objects.count() == 3

    def test_a_comeback_is_rewarded_once(
        self, player: Player, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = NOON + 4 * DAY
        meet_after(monkeypatch, offers, "_look")

        results = run_together(partial(shown, player, now=now), partial(shown, player, now=now))

        assert sorted(results) == ["", "COMEBACK_3D"]
        assert Wallet.objects.get(player=player).paid_energy == 20


@pytest.fixture
def without_caps(transactional_db: None) -> Iterator[None]:
    """Take the constraints away that keep the caps, and put them back."""
    names = (
        "impression_one_after_the_other",
        "impression_blocking_once_in_6_hours",
        "impression_same_once_in_24_hours",
    )
    constraints = [one for one in Impression._meta.constraints if one.name in names]
    use_owner_role()
    with connection.schema_editor() as editor:
        for constraint in constraints:
            editor.remove_constraint(Impression, constraint)
    use_application_role()
    yield
    use_owner_role()
    Impression.objects.all().delete()
    with connection.schema_editor() as editor:
        for constraint in constraints:
            editor.add_constraint(Impression, constraint)
    use_application_role()
