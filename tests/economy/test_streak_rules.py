"""What a day does to a streak, transition by transition, without a database."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from economy import streak_rules
from economy.streak_rules import OUTCOME_MOVES, Outcome

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = date(2026, 11, 2)
LETTERS = {
    "P": Outcome.PLAYED,
    "s": Outcome.FROZEN_SAVER,
    "f": Outcome.FROZEN_PREMIUM,
    "o": Outcome.SHIELDED,
    "m": Outcome.MISSED,
    "e": Outcome.EARNED_BACK,
}


@dataclass(kw_only=True)
class Having:
    """What a player has against missed days: the same every day, unless a day says otherwise."""

    savers_owned: int = 0
    freezes_per_week: int | None = 0
    outages: tuple[date, ...] = ()
    savers_from: date = date.min
    freezes_on: Mapping[date, int | None] = field(default_factory=dict)

    def is_shielded(self, day: date, /) -> bool:
        return day in self.outages

    def savers(self, day: date, /) -> int:
        return self.savers_owned if day >= self.savers_from else 0

    def freezes(self, day: date, /) -> int | None:
        return self.freezes_on.get(day, self.freezes_per_week)


def written(days: str, *, first: date = MONDAY) -> dict[date, Outcome]:
    """Return the days that are written as letters, one a day; a dot is a day without a record."""
    return {
        first + timedelta(days=number): LETTERS[letter]
        for number, letter in enumerate(days)
        if letter != "."
    }


def rolled(
    recorded: str,
    having: Having,
    *,
    facts: str = "",
    length: int = 0,
    first: date = MONDAY,
    before: Mapping[date, Outcome] | None = None,
) -> tuple[str, int]:
    """Roll the days of `recorded` or `facts`, as letters; return the same and the streak after."""
    count = max(len(recorded), len(facts))
    days = streak_rules.roll(
        length=length,
        first=first,
        last=first + timedelta(days=count - 1),
        recorded={**(before or {}), **written(recorded, first=first)},
        facts=written(facts, first=first),
        safety=having,
    )
    letters = {outcome: letter for letter, outcome in LETTERS.items()}
    outcomes = ["."] * count
    for day in days:
        outcomes[(day.day - first).days] = letters[day.outcome]
    return "".join(outcomes), days[-1].streak if days else 0


@pytest.mark.parametrize(
    ("facts", "having", "expected", "streak"),
    [
        # Activity adds one a day.
        ("P", Having(), "P", 1),
        ("PPP", Having(), "PPP", 3),
        # Without anything a missed day ends the streak; nothing is spent on the days after it.
        ("PP.", Having(), "PPm", 0),
        ("PP..P", Having(), "PPm.P", 1),
        ("...", Having(savers_owned=2), "...", 0),
        # A saver keeps it, one a day, and does not prolong it.
        ("P.", Having(savers_owned=1), "Ps", 1),
        ("P.P", Having(savers_owned=1), "PsP", 2),
        ("P..P", Having(savers_owned=1), "PsmP", 1),
        ("P..P", Having(savers_owned=2), "PssP", 2),
        # A saver of Wednesday does not save Tuesday.
        ("P.P", Having(savers_owned=1, savers_from=date(2026, 11, 4)), "PmP", 1),
        # Starter freezes nothing, Month one day a week, Season and Year all.
        ("P.P", Having(freezes_per_week=0), "PmP", 1),
        ("P.P", Having(freezes_per_week=1), "PfP", 2),
        ("P..P", Having(freezes_per_week=1), "PfmP", 1),
        ("P.P.P", Having(freezes_per_week=1), "PfPmP", 1),
        ("P........P", Having(freezes_per_week=None), "PffffffffP", 2),
        # The saver goes first, then the freeze.
        ("P..P", Having(savers_owned=1, freezes_per_week=1), "PsfP", 2),
        ("P...P", Having(savers_owned=1, freezes_per_week=1), "PsfmP", 1),
        # Before either: an outage of ours.
        ("P.P", Having(savers_owned=1, outages=(date(2026, 11, 3),)), "PoP", 2),
        ("P..P", Having(savers_owned=1, outages=(date(2026, 11, 3),)), "PosP", 2),
        # The plan of that very day counts.
        ("P.P", Having(freezes_on={date(2026, 11, 3): 1}), "PfP", 2),
        ("P.P", Having(freezes_on={date(2026, 11, 4): 1}), "PmP", 1),
        # What a higher plan froze counts against the one freeze of Month in the same week.
        ("P..P", Having(freezes_on={date(2026, 11, 3): None, date(2026, 11, 4): 1}), "PfmP", 1),
    ],
)
def test_each_day_follows_from_activity_and_what_was_owned(
    facts: str, having: Having, expected: str, streak: int
) -> None:
    assert rolled("", having, facts=facts) == (expected, streak)


def test_the_freeze_of_month_comes_back_on_monday() -> None:
    """Sunday is frozen by the old week, Monday by the new one, Tuesday by nothing."""
    saturday = date(2026, 11, 7)

    outcomes = rolled("", Having(freezes_per_week=1), facts="P....", first=saturday)

    assert outcomes == ("Pffm.", 0)


def test_a_freeze_of_earlier_in_the_week_counts_though_it_was_rolled_over_before() -> None:
    friday = date(2026, 11, 6)
    monday_to_thursday = written("PfPP")

    outcomes = rolled(
        "", Having(freezes_per_week=1), facts=".", first=friday, length=3, before=monday_to_thursday
    )

    assert outcomes == ("m", 0)


@pytest.mark.parametrize(
    ("recorded", "having", "facts", "expected", "streak"),
    [
        # An outage of Tuesday, declared after the streak was lost: it goes on.
        ("PmPP", Having(outages=(date(2026, 11, 3),)), "", "PoPP", 3),
        # ... up to the next missed day that nothing saves.
        ("Pm.P", Having(outages=(date(2026, 11, 3),)), "", "PomP", 1),
        # The saver that it took is free for the next missed day.
        ("Psm.", Having(outages=(date(2026, 11, 3),)), "", "Posm", 0),
        ("PsmP", Having(outages=(date(2026, 11, 3),)), "", "PosP", 2),
        # So is the freeze of the week.
        ("PfmP", Having(freezes_per_week=1, outages=(date(2026, 11, 3),)), "", "PofP", 2),
        # A day that was saved stays as it was, whatever has become free.
        (
            "PsfP",
            Having(freezes_per_week=1, outages=(date(2026, 11, 3),)),
            "",
            "PofP",
            2,
        ),
        # A day that was played or earned back needs no shield.
        ("PePP", Having(outages=(date(2026, 11, 2), date(2026, 11, 3))), "", "PePP", 3),
        # Earned back: what was lost, and what has been played since.
        ("PPm.PP", Having(), "..ee", "PPeePP", 4),
        # An answer of Tuesday night, recorded after Tuesday had been rolled over.
        ("PmP", Having(), ".P", "PPP", 3),
        ("PsP", Having(), ".P", "PPP", 3),
        ("Psm.", Having(), ".P", "PPsm", 0),
    ],
)
def test_a_day_whose_outcome_changes_changes_those_after_it(
    recorded: str, having: Having, facts: str, expected: str, streak: int
) -> None:
    assert rolled(recorded, having, facts=facts) == (expected, streak)


def test_a_day_only_gets_better() -> None:
    moves = {(old.value, new.value) for old, new in OUTCOME_MOVES}

    assert moves == {
        ("MISSED", "SHIELDED"),
        ("MISSED", "FROZEN_SAVER"),
        ("MISSED", "FROZEN_PREMIUM"),
        ("MISSED", "EARNED_BACK"),
        ("MISSED", "PLAYED"),
        ("FROZEN_SAVER", "SHIELDED"),
        ("FROZEN_SAVER", "PLAYED"),
        ("FROZEN_PREMIUM", "SHIELDED"),
        ("FROZEN_PREMIUM", "PLAYED"),
        ("SHIELDED", "PLAYED"),
        ("EARNED_BACK", "PLAYED"),
    }


@pytest.mark.parametrize(
    ("day", "is_over_at"),
    [
        (date(2026, 11, 2), datetime(2026, 11, 2, 23, tzinfo=UTC)),
        (date(2026, 7, 1), datetime(2026, 7, 1, 22, tzinfo=UTC)),
        # 23 hours long, and 25.
        (date(2026, 3, 28), datetime(2026, 3, 28, 23, tzinfo=UTC)),
        (date(2026, 3, 29), datetime(2026, 3, 29, 22, tzinfo=UTC)),
        (date(2026, 10, 24), datetime(2026, 10, 24, 22, tzinfo=UTC)),
        (date(2026, 10, 25), datetime(2026, 10, 25, 23, tzinfo=UTC)),
    ],
)
def test_a_day_ends_at_midnight_in_berlin(day: date, is_over_at: datetime) -> None:
    assert streak_rules.midnight_after(day, zone=BERLIN) == is_over_at


@pytest.mark.parametrize(
    ("lost", "until"),
    [
        (date(2026, 11, 2), datetime(2026, 11, 4, 23, tzinfo=UTC)),
        # 48 hours, also over a change of the clocks: until 01:00 on Tuesday, 23:00 on Monday.
        (date(2026, 3, 28), datetime(2026, 3, 30, 23, tzinfo=UTC)),
        (date(2026, 10, 24), datetime(2026, 10, 26, 22, tzinfo=UTC)),
    ],
)
def test_a_lost_streak_can_be_earned_back_for_48_hours(lost: date, until: datetime) -> None:
    assert streak_rules.earn_back_until(lost, zone=BERLIN) == until


def test_a_week_is_monday_to_sunday() -> None:
    sunday = streak_rules.week_of(date(2026, 11, 8))

    assert (sunday[0], sunday[-1]) == (date(2026, 11, 2), date(2026, 11, 8))
    assert streak_rules.week_of(date(2026, 11, 9))[0] == date(2026, 11, 9)
