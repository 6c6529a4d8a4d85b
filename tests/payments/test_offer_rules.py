"""The table of offers, line by line, each at its borders. No database."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from economy.goods import Goods, Plan
from payments.offer_rules import (
    RULES,
    OfferedProduct,
    PlayerSnapshot,
    Touchpoint,
    Trigger,
    due,
    worth_offering,
)

BERLIN = ZoneInfo("Europe/Berlin")
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
# A Wednesday.
NOON = datetime(2026, 11, 18, 11, tzinfo=UTC)

MODES = ("CASES_PRACTICE", "TRENNBARE_VERBEN", "WORD_ORDER")
GOODS = {
    "ENERGY_10": Goods(paid_energy=10),
    "MEGA_PACK_15": Goods(paid_energy=15, mode_codes=MODES, mode_hours=24),
    "STREAK_SAVER_20": Goods(streak_savers=1),
    "PREMIUM_STARTER": Goods(premium=Plan.STARTER, premium_days=7),
    "PREMIUM_MONTH": Goods(premium=Plan.MONTH, premium_days=30),
    "PREMIUM_SEASON": Goods(premium=Plan.SEASON, premium_days=90),
    "PREMIUM_YEAR": Goods(premium=Plan.YEAR, premium_days=365),
}
AVAILABLE = [OfferedProduct(code=code, goods=goods) for code, goods in GOODS.items()]


def player(
    touchpoint: Touchpoint = Touchpoint.HOME, *, now: datetime = NOON, **facts: Any
) -> PlayerSnapshot:
    """Return a player with full energy and nothing else, at `now`."""
    return PlayerSnapshot(touchpoint=touchpoint, now=now, zone=BERLIN, **facts)


def berlin(day: int, hour: int, minute: int = 0, second: int = 0, **date_: int) -> datetime:
    """Return an instant of November 2026 as Berlin's clocks show it."""
    parts = {"year": 2026, "month": 11, **date_}
    local = datetime(parts["year"], parts["month"], day, hour, minute, second, tzinfo=BERLIN)
    return local.astimezone(UTC)


def triggers(snapshot: PlayerSnapshot) -> list[str]:
    """Return the triggers that are due, the highest first."""
    return [rule.trigger.value for rule in due(snapshot)]


def offered(
    snapshot: PlayerSnapshot, *, available: Iterable[OfferedProduct] = AVAILABLE
) -> tuple[str, list[str]] | None:
    """Return the trigger that wins, and its products."""
    for rule in due(snapshot):
        chosen = worth_offering(rule, list(available), snapshot)
        if chosen or rule.gift:
            return rule.trigger.value, [product.code for product in chosen]
    return None


def test_the_table_is_that_of_the_product_rules() -> None:
    assert [(rule.trigger.value, rule.priority, list(rule.products)) for rule in RULES] == [
        ("ENERGY_ZERO", 100, ["ENERGY_10", "MEGA_PACK_15", "PREMIUM_MONTH"]),
        ("STREAK_RISK_22", 95, ["STREAK_SAVER_20"]),
        ("STARTER_EXPIRED", 92, ["PREMIUM_MONTH"]),
        ("LOCKED_MODE_CLICK", 90, ["MEGA_PACK_15"]),
        ("MEGA_THIRD_BUY", 88, ["PREMIUM_STARTER"]),
        ("COMEBACK_3D", 85, []),
        ("ENERGY10_SECOND_BUY", 80, ["MEGA_PACK_15"]),
        ("MONTH_EXPIRING", 70, ["PREMIUM_SEASON", "PREMIUM_YEAR"]),
        ("ENERGY_LOW", 60, ["ENERGY_10"]),
        ("STREAK_MILESTONE_30", 55, ["STREAK_SAVER_20", "PREMIUM_MONTH"]),
        ("STREAK_GT7", 50, ["MEGA_PACK_15"]),
        ("WEEKEND_FLASH", 40, []),
    ]
    assert [rule.trigger.value for rule in RULES if rule.is_blocking] == [
        "ENERGY_ZERO",
        "LOCKED_MODE_CLICK",
    ]
    assert [(rule.trigger.value, rule.gift) for rule in RULES if rule.gift] == [("COMEBACK_3D", 20)]


class TestEnergy:
    @pytest.mark.parametrize(("energy", "is_due"), [(0, True), (1, False)])
    def test_zero_is_nothing_in_both_buckets(self, energy: int, is_due: bool) -> None:
        out = player(Touchpoint.OUT_OF_ENERGY, energy=energy)

        assert ("ENERGY_ZERO" in triggers(out)) is is_due

    @pytest.mark.parametrize(
        ("energy", "is_due"), [(0, False), (1, True), (3, True), (4, False), (20, False)]
    )
    def test_low_is_one_to_three(self, energy: int, is_due: bool) -> None:
        assert ("ENERGY_LOW" in triggers(player(Touchpoint.ROUND_OVER, energy=energy))) is is_due

    @pytest.mark.parametrize("energy", [0, 3])
    def test_with_premium_energy_does_not_matter(self, energy: int) -> None:
        for touchpoint in Touchpoint:
            assert triggers(player(touchpoint, energy=energy, plan=Plan.STARTER)) == []

    def test_without_energy_everything_that_helps_is_offered(self) -> None:
        assert offered(player(Touchpoint.OUT_OF_ENERGY, energy=0)) == (
            "ENERGY_ZERO",
            ["ENERGY_10", "MEGA_PACK_15", "PREMIUM_MONTH"],
        )


class TestStreaks:
    @pytest.mark.parametrize(("streak", "is_due"), [(14, False), (15, True)])
    def test_more_than_fourteen_days_are_at_risk(self, streak: int, is_due: bool) -> None:
        late = player(Touchpoint.EVENING, now=berlin(18, 22), streak=streak)

        assert triggers(late) == (["STREAK_RISK_22"] if is_due else [])

    @pytest.mark.parametrize(
        ("clock", "is_due"),
        [((21, 59, 59), False), ((22, 0, 0), True), ((23, 59, 59), True), ((0, 0, 0), False)],
    )
    def test_from_ten_in_the_evening_to_midnight(
        self, clock: tuple[int, int, int], is_due: bool
    ) -> None:
        late = player(Touchpoint.EVENING, now=berlin(18, *clock), streak=15)

        assert triggers(late) == (["STREAK_RISK_22"] if is_due else [])

    @pytest.mark.parametrize("day", [(2026, 3, 29), (2026, 10, 25)])
    def test_ten_is_ten_on_the_days_of_a_clock_change(self, day: tuple[int, int, int]) -> None:
        year, month, number = day
        late = berlin(number, 22, year=year, month=month)

        assert triggers(player(Touchpoint.EVENING, now=late, streak=15)) == ["STREAK_RISK_22"]
        assert triggers(player(Touchpoint.EVENING, now=late - SECOND, streak=15)) == []

    def test_not_for_who_has_played_today(self) -> None:
        late = player(Touchpoint.EVENING, now=berlin(18, 22), streak=15, is_active_today=True)

        assert triggers(late) == []

    @pytest.mark.parametrize("touchpoint", list(Touchpoint))
    def test_whatever_happens_in_the_evening(self, touchpoint: Touchpoint) -> None:
        late = player(touchpoint, now=berlin(18, 22), streak=15)

        assert "STREAK_RISK_22" in triggers(late)

    def test_a_streak_that_is_safe_needs_no_saver(self) -> None:
        late = player(Touchpoint.EVENING, now=berlin(18, 22), streak=15, is_streak_safe=True)

        assert offered(late) is None

    @pytest.mark.parametrize(
        ("streak", "found"),
        [
            (7, []),
            (8, ["STREAK_GT7"]),
            (29, ["STREAK_GT7"]),
            (30, ["STREAK_MILESTONE_30", "STREAK_GT7"]),
        ],
    )
    def test_more_than_seven_and_from_thirty(self, streak: int, found: list[str]) -> None:
        assert triggers(player(streak=streak, is_active_today=True)) == found


class TestPremium:
    @pytest.mark.parametrize(
        ("ago", "is_due"),
        [(SECOND, True), (48 * HOUR, True), (48 * HOUR + SECOND, False)],
    )
    def test_a_starter_has_ended_within_48_hours(self, ago: timedelta, is_due: bool) -> None:
        found = triggers(player(starter_ended_at=NOON - ago))

        assert found == (["STARTER_EXPIRED"] if is_due else [])

    @pytest.mark.parametrize(
        ("left", "is_due"),
        [(SECOND, True), (72 * HOUR, True), (72 * HOUR + SECOND, False)],
    )
    def test_a_month_ends_within_72_hours(self, left: timedelta, is_due: bool) -> None:
        month = player(plan=Plan.MONTH, premium_until=NOON + left)

        assert offered(month) == (
            ("MONTH_EXPIRING", ["PREMIUM_SEASON", "PREMIUM_YEAR"]) if is_due else None
        )

    def test_a_month_that_renews_itself_does_not_end(self) -> None:
        month = player(plan=Plan.MONTH, premium_until=NOON + HOUR, is_renewed=True)

        assert triggers(month) == []

    @pytest.mark.parametrize("plan", [Plan.STARTER, Plan.SEASON, Plan.YEAR])
    def test_only_a_month(self, plan: Plan) -> None:
        assert triggers(player(plan=plan, premium_until=NOON + HOUR)) == []

    def test_hours_are_hours_when_the_clocks_change(self) -> None:
        now = berlin(24, 12, year=2026, month=10)

        ends = player(now=now, plan=Plan.MONTH, premium_until=now + 72 * HOUR)

        assert triggers(ends) == ["MONTH_EXPIRING"]
        assert triggers(replace(ends, premium_until=now + 72 * HOUR + SECOND)) == []


class TestLockedModes:
    @pytest.mark.parametrize("mode", MODES)
    def test_what_opens_the_mode_is_offered(self, mode: str) -> None:
        tapped = player(Touchpoint.LOCKED_MODE, about=mode)

        assert offered(tapped) == ("LOCKED_MODE_CLICK", ["MEGA_PACK_15"])

    def test_what_does_not_open_the_mode_is_no_help(self) -> None:
        assert offered(player(Touchpoint.LOCKED_MODE, about="BUSINESS_GERMAN")) is None

    def test_a_mode_that_is_open_is_none(self) -> None:
        tapped = player(
            Touchpoint.LOCKED_MODE, about="WORD_ORDER", open_modes=frozenset({"WORD_ORDER"})
        )

        assert offered(tapped) is None


class TestPurchases:
    @pytest.mark.parametrize(("times", "is_due"), [(1, False), (2, False), (3, True), (4, True)])
    def test_from_the_third_mega_pack_on(self, times: int, is_due: bool) -> None:
        bought = player(Touchpoint.PURCHASED, about="MEGA_PACK_15", times_bought=times)

        assert triggers(bought) == (["MEGA_THIRD_BUY"] if is_due else [])

    @pytest.mark.parametrize(("times", "is_due"), [(1, False), (2, True), (3, True)])
    def test_from_the_second_energy_on(self, times: int, is_due: bool) -> None:
        bought = player(Touchpoint.PURCHASED, about="ENERGY_10", times_bought=times)

        assert triggers(bought) == (["ENERGY10_SECOND_BUY"] if is_due else [])

    def test_not_after_anything_else(self) -> None:
        bought = player(Touchpoint.PURCHASED, about="STREAK_SAVER_20", times_bought=9)

        assert triggers(bought) == []

    def test_who_has_bought_is_left_alone_otherwise(self) -> None:
        bought = player(
            Touchpoint.PURCHASED, about="ENERGY_10", times_bought=1, streak=40, energy=3
        )

        assert triggers(bought) == []


class TestComeback:
    @pytest.mark.parametrize(
        ("now", "is_due"),
        [
            # Last active on Monday the 16th: Tuesday, Wednesday and Thursday have to be over.
            (berlin(19, 23, 59, 59), False),
            (berlin(20, 0), True),
            (berlin(29, 12), True),
        ],
    )
    def test_after_three_whole_days(self, now: datetime, is_due: bool) -> None:
        back = player(now=now, was_active_on=date(2026, 11, 16))

        assert ("COMEBACK_3D" in triggers(back)) is is_due

    def test_three_days_with_a_clock_change_are_three_days(self) -> None:
        friday, wednesday = date(2026, 3, 27), berlin(31, 0, year=2026, month=3)

        assert "COMEBACK_3D" in triggers(player(now=wednesday, was_active_on=friday))
        assert triggers(player(now=wednesday - SECOND, was_active_on=friday)) == []

    def test_who_has_never_played_is_not_back(self) -> None:
        assert triggers(player(was_active_on=None)) == []

    def test_once_per_absence(self) -> None:
        back = player(was_active_on=date(2026, 11, 2), is_welcomed_back=True)

        assert triggers(back) == []

    def test_it_is_not_too_late_after_the_first_round(self) -> None:
        back = player(Touchpoint.ROUND_OVER, was_active_on=date(2026, 11, 2), is_active_today=True)

        assert offered(back) == ("COMEBACK_3D", [])


class TestWeekend:
    @pytest.mark.parametrize(
        ("now", "is_due"),
        [
            (berlin(20, 17, 59, 59), False),
            (berlin(20, 18), True),
            (berlin(21, 0), True),
            (berlin(22, 23, 59, 59), True),
            (berlin(23, 0), False),
            # The clocks go back on Sunday the 25th of October.
            (berlin(23, 17, 59, 59, month=10), False),
            (berlin(23, 18, month=10), True),
            (berlin(25, 23, 59, 59, month=10), True),
            (berlin(26, 0, month=10), False),
            # And forward on Sunday the 29th of March.
            (berlin(29, 23, 59, 59, month=3), True),
            (berlin(30, 0, month=3), False),
        ],
    )
    def test_friday_evening_to_sunday_night(self, now: datetime, is_due: bool) -> None:
        found = triggers(player(now=now, has_weekend_campaign=True))

        assert found == (["WEEKEND_FLASH"] if is_due else [])

    def test_only_while_a_campaign_runs(self) -> None:
        assert triggers(player(now=berlin(21, 12))) == []


class TestCaps:
    OUT = player(Touchpoint.OUT_OF_ENERGY, energy=0)

    def test_three_offers_a_day(self) -> None:
        assert triggers(replace(self.OUT, shown_today=2)) == ["ENERGY_ZERO"]
        assert triggers(replace(self.OUT, shown_today=3)) == []

    def test_one_that_blocks_stops_the_others_that_block(self) -> None:
        late = replace(self.OUT, now=berlin(18, 22), streak=15, was_blocked_lately=True)

        assert triggers(late) == ["STREAK_RISK_22"]

    @pytest.mark.parametrize("cap", ["shown_lately", "muted"])
    def test_the_same_one_again_and_a_muted_one_make_room_for_the_next(self, cap: str) -> None:
        thirty = player(streak=30)

        capped: dict[str, Any] = {cap: frozenset({"STREAK_MILESTONE_30"})}
        found = triggers(replace(thirty, **capped))

        assert found == ["STREAK_GT7"]

    def test_the_highest_priority_wins(self) -> None:
        everything = player(
            now=berlin(21, 22),
            energy=3,
            starter_ended_at=berlin(21, 12),
            streak=30,
            was_active_on=date(2026, 11, 1),
            has_weekend_campaign=True,
        )

        assert triggers(everything) == [
            "STREAK_RISK_22",
            "STARTER_EXPIRED",
            "COMEBACK_3D",
            "ENERGY_LOW",
            "STREAK_MILESTONE_30",
            "STREAK_GT7",
            "WEEKEND_FLASH",
        ]

    def test_what_has_no_product_left_makes_room_for_the_next(self) -> None:
        without_savers = [product for product in AVAILABLE if product.code != "STREAK_SAVER_20"]
        late = player(now=berlin(18, 22), streak=15)

        assert offered(late, available=without_savers) == ("STREAK_GT7", ["MEGA_PACK_15"])
        assert offered(late, available=[]) is None


class TestNothingThatThePlayerHas:
    def test_whatever_state_a_player_is_in(self) -> None:
        """Go through every combination of what can be had, at random moments."""
        random = Random(20261122)
        offers = 0
        for plan, modes, is_safe, touchpoint in product(
            [None, *Plan], [(), MODES[:1], MODES], [False, True], list(Touchpoint)
        ):
            for _ in range(40):
                snapshot = _at_random(random, plan, modes, touchpoint, is_safe=is_safe)
                found = offered(snapshot)
                if found is None:
                    continue
                offers += 1
                for code in found[1]:
                    _assert_new(code, snapshot)
        assert offers > 1_000

    @pytest.mark.parametrize("plan", list(Plan))
    def test_a_lower_or_the_same_plan(self, plan: Plan) -> None:
        weekend = player(now=berlin(21, 12), plan=plan, has_weekend_campaign=True)
        (rule,) = due(weekend)

        codes = [product.code for product in worth_offering(rule, AVAILABLE, weekend)]

        higher = list(GOODS)[3 + plan.rank :]
        assert codes == ["STREAK_SAVER_20", *higher]


def _at_random(
    random: Random,
    plan: Plan | None,
    modes: tuple[str, ...],
    touchpoint: Touchpoint,
    *,
    is_safe: bool,
) -> PlayerSnapshot:
    """Return a player with the plan, the modes and a safe streak or none, otherwise anyhow."""
    now = NOON + random.random() * 14 * DAY
    return player(
        touchpoint,
        now=now,
        about=random.choice([*MODES, "MEGA_PACK_15", "ENERGY_10"]),
        energy=random.choice([0, 1, 3, 4, 20]),
        plan=plan,
        premium_until=now + random.random() * 4 * DAY if plan else None,
        starter_ended_at=None if plan else now - random.random() * 3 * DAY,
        open_modes=frozenset(modes),
        streak=random.choice([0, 8, 15, 30]),
        is_active_today=random.random() < 0.5,
        is_streak_safe=is_safe,
        was_active_on=(now - random.random() * 6 * DAY).date(),
        times_bought=random.randrange(5),
        has_weekend_campaign=random.random() < 0.5,
    )


def _assert_new(code: str, snapshot: PlayerSnapshot) -> None:
    """Check that the product brings the player something; written a second time here."""
    if code in ("ENERGY_10", "MEGA_PACK_15"):
        assert snapshot.plan is None
    if code == "MEGA_PACK_15":
        assert not set(MODES) <= snapshot.open_modes
    if code == "STREAK_SAVER_20":
        assert not snapshot.is_streak_safe
    if code.startswith("PREMIUM") and snapshot.plan:
        ranks = ["STARTER", "MONTH", "SEASON", "YEAR"]
        assert ranks.index(code.removeprefix("PREMIUM_")) > ranks.index(snapshot.plan)


def test_every_trigger_has_its_line() -> None:
    assert {rule.trigger for rule in RULES} == set(Trigger)
    assert len(RULES) == 12
