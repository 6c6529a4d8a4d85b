"""How many of a group rise and fall, at every border; and which week a day is in."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from quizarena.game import league_rules
from quizarena.game.league_rules import Outcome, Tier

BERLIN = ZoneInfo("Europe/Berlin")


def outcomes(size: int, tier: Tier = Tier.GOLD) -> str:
    """Return the first letters of what becomes of a group, best first."""
    return "".join(
        league_rules.outcome(place, size=size, tier=tier).value[0] for place in range(1, size + 1)
    )


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (30, "R" * 7 + "S" * 18 + "F" * 5),
        (29, "R" * 7 + "S" * 17 + "F" * 5),
        (15, "R" * 7 + "S" * 3 + "F" * 5),
        (14, "R" * 7 + "S" * 3 + "F" * 4),
        (13, "R" * 6 + "S" * 3 + "F" * 4),
        (6, "RRRSFF"),
        (5, "RRSSF"),
        (4, "RRSF"),
        (3, "RSF"),
        (2, "RS"),
        (1, "S"),
    ],
)
def test_seven_rise_and_five_fall_and_of_few_fewer(size: int, expected: str) -> None:
    assert outcomes(size) == expected


def test_nobody_falls_out_of_bronze_and_nobody_rises_out_of_diamant() -> None:
    assert outcomes(30, Tier.BRONZE) == "R" * 7 + "S" * 23
    assert outcomes(30, Tier.DIAMANT) == "S" * 25 + "F" * 5


@pytest.mark.parametrize("size", range(1, 31))
@pytest.mark.parametrize("tier", Tier)
def test_nobody_both_rises_and_falls(size: int, tier: Tier) -> None:
    rising = league_rules.rising(size, tier=tier)
    falling = league_rules.falling(size, tier=tier)

    assert rising + falling <= size
    assert outcomes(size, tier).count("R") == rising
    assert outcomes(size, tier).count("F") == falling


@pytest.mark.parametrize(
    ("tier", "outcome", "following"),
    [
        (Tier.BRONZE, Outcome.ROSE, Tier.SILBER),
        (Tier.BRONZE, Outcome.STAYED, Tier.BRONZE),
        (Tier.SILBER, Outcome.FELL, Tier.BRONZE),
        (Tier.PLATIN, Outcome.ROSE, Tier.DIAMANT),
        (Tier.DIAMANT, Outcome.FELL, Tier.PLATIN),
        (Tier.GOLD, Outcome.LEFT, Tier.GOLD),
    ],
)
def test_the_tier_of_the_next_week(tier: Tier, outcome: Outcome, following: Tier) -> None:
    assert league_rules.next_tier(tier, outcome) is following


@pytest.mark.parametrize(
    ("day", "week"),
    [
        (date(2026, 12, 14), date(2026, 12, 14)),
        (date(2026, 12, 20), date(2026, 12, 14)),
        (date(2026, 12, 21), date(2026, 12, 21)),
        (date(2027, 1, 1), date(2026, 12, 28)),
    ],
)
def test_a_week_begins_on_monday(day: date, week: date) -> None:
    assert league_rules.week_of(day) == week


@pytest.mark.parametrize(
    ("week", "end"),
    [
        (date(2026, 12, 14), datetime(2026, 12, 20, 23, tzinfo=UTC)),
        # An hour shorter, an hour longer.
        (date(2026, 3, 23), datetime(2026, 3, 29, 22, tzinfo=UTC)),
        (date(2026, 10, 19), datetime(2026, 10, 25, 23, tzinfo=UTC)),
    ],
)
def test_it_ends_at_midnight_in_berlin(week: date, end: datetime) -> None:
    assert league_rules.ends_at(week, zone=BERLIN) == end
