"""A synthetic month of 5,000 players: nobody is shown more than the caps allow.

Whole roads would take an hour, so the month is made of what decides: the pure rules on a made-up
player, at touchpoints that come at random, in bursts and across midnight. What they choose is
stored by bulk INSERTs, under the constraints of the database, which accepts all of it. What a cap
has kept away, the database refuses: that is tried, too.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, transaction

from economy.goods import Plan
from payments.models import Impression
from payments.offer_rules import PlayerSnapshot, Rule, Touchpoint, Trigger, due, worth_offering
from promos.models import Campaign
from quizarena.players.models import Player
from tests.factories import NOON, make_campaign
from tests.payments.test_offer_rules import AVAILABLE, MODES

PLAYERS = 5_000
BERLIN = ZoneInfo("Europe/Berlin")
# October: it ends with the clocks going back.
FIRST, DAYS = datetime(2026, 10, 1, tzinfo=BERLIN).astimezone(UTC), 31
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TOUCHPOINTS = (
    *[Touchpoint.HOME] * 8,
    *[Touchpoint.ROUND_OVER] * 6,
    *[Touchpoint.OUT_OF_ENERGY] * 3,
    Touchpoint.LOCKED_MODE,
    Touchpoint.PURCHASED,
    Touchpoint.EVENING,
)


@dataclass
class Life:
    """What a made-up player has been shown and does not want to see."""

    random: Random
    shown: list[tuple[datetime, Rule]] = field(default_factory=list)
    muted: dict[str, datetime] = field(default_factory=dict)

    def instants(self) -> Iterator[datetime]:
        """Yield when something happens: sittings of a few minutes, some of them at midnight."""
        for day in range(DAYS):
            for _ in range(self.random.choice([0, 0, 0, 1, 1])):
                hour = self.random.choice([7, 12, 18, 21.7, 23.9, self.random.random() * 24])
                at = FIRST + day * DAY + hour * HOUR
                for _ in range(self.random.choice([1, 1, 4])):
                    at += timedelta(seconds=self.random.choice([0, 1, 60, 600]))
                    yield at

    def snapshot(self, now: datetime) -> PlayerSnapshot:
        """Return the player at an instant: anyhow, but with what was really shown."""
        random = self.random
        plan = random.choice([None, None, None, Plan.STARTER, Plan.MONTH])
        touchpoint = random.choice(TOUCHPOINTS)
        today = now.astimezone(BERLIN).date()
        # What is older than these is older than a day.
        lately = self.shown[-6:]
        return PlayerSnapshot(
            touchpoint=touchpoint,
            now=now,
            zone=BERLIN,
            about=random.choice([*MODES, "MEGA_PACK_15", "ENERGY_10"]),
            energy=0 if touchpoint is Touchpoint.OUT_OF_ENERGY else random.choice([1, 2, 5, 20]),
            plan=plan,
            premium_until=now + 2 * DAY if plan else None,
            starter_ended_at=now - DAY if random.random() < 0.2 else None,
            streak=random.choice([0, 8, 15, 30]),
            is_active_today=random.random() < 0.5,
            was_active_on=today - random.choice([1, 1, 5]) * DAY,
            times_bought=random.randrange(4),
            has_weekend_campaign=True,
            shown_today=sum(at.astimezone(BERLIN).date() == today for at, _ in lately),
            was_blocked_lately=any(rule.is_blocking and at > now - 6 * HOUR for at, rule in lately),
            shown_lately=frozenset(rule.trigger for at, rule in lately if at > now - 24 * HOUR),
            muted=frozenset(key for key, at in self.muted.items() if at > now - 72 * HOUR),
        )


def choose(snapshot: PlayerSnapshot) -> Rule | None:
    """Return the rule that wins and of which something is left."""
    return next(
        (rule for rule in due(snapshot) if rule.gift or worth_offering(rule, AVAILABLE, snapshot)),
        None,
    )


@pytest.mark.slow
@pytest.mark.django_db
def test_nobody_is_shown_more_than_the_caps_allow() -> None:
    random = Random(20261001)
    Player.objects.bulk_create(
        Player(telegram_id=number, created_at=NOON, last_seen_at=NOON)
        for number in range(1, PLAYERS + 1)
    )
    lives = {pk: Life(random) for pk in Player.objects.values_list("pk", flat=True)}
    reached = capped = 0
    kept_away: list[Impression] = []
    campaign = make_campaign(is_weekend_offer=True)
    for pk, life in lives.items():
        for now in sorted(life.instants()):
            reached += 1
            snapshot = life.snapshot(now)
            rule = choose(snapshot)
            if rule is not None:
                life.shown.append((now, rule))
                if random.random() < 0.1:
                    life.muted[rule.trigger] = now
                continue
            uncapped = choose(
                replace(snapshot, shown_today=0, was_blocked_lately=False, shown_lately=frozenset())
            )
            if uncapped is not None and not uncapped.gift:
                capped += 1
                if len(kept_away) < 300 and random.random() < 0.05:
                    ordinal = snapshot.shown_today + 1
                    kept_away.append(_row(pk, now, uncapped, campaign, ordinal=ordinal))

    shown = [row for pk, life in lives.items() for row in _rows(pk, life, campaign)]
    # A present has an entry of the ledger, of which the caps know nothing.
    Impression.objects.bulk_create(
        [row for row in shown if row.trigger != "COMEBACK_3D"], batch_size=5_000
    )

    assert reached > 100_000
    assert len(shown) > 30_000
    assert capped > 5_000
    assert len({row.trigger for row in shown}) == 12
    _assert_within_the_caps(shown)
    for life in lives.values():
        _assert_muted_is_muted(life)
    assert len(kept_away) == 300
    for row in kept_away:
        with pytest.raises(IntegrityError), transaction.atomic():
            row.save()


def _rows(player: int, life: Life, campaign: Campaign) -> list[Impression]:
    """Return what was shown to a player as rows."""
    ordinals: Counter[date] = Counter()
    rows = []
    for at, rule in life.shown:
        day = at.astimezone(BERLIN).date()
        ordinals[day] += 1
        rows.append(_row(player, at, rule, campaign, ordinal=ordinals[day]))
    return rows


def _row(player: int, at: datetime, rule: Rule, campaign: Campaign, *, ordinal: int) -> Impression:
    """Return a row of the database."""
    return Impression(
        player_id=player,
        trigger=rule.trigger.value,
        priority=rule.priority,
        event="HOME",
        is_blocking=rule.is_blocking,
        prices={"ENERGY_10": 5},
        campaign=campaign if rule.trigger is Trigger.WEEKEND_FLASH else None,
        shown_at=at,
        day=at.astimezone(BERLIN).date(),
        ordinal=ordinal,
    )


def _assert_within_the_caps(shown: list[Impression]) -> None:
    """Check every cap once more, by counting."""
    by_player: dict[int, list[Impression]] = defaultdict(list)
    for one in shown:
        by_player[one.player_id].append(one)
    for mine in by_player.values():
        assert max(Counter(one.day for one in mine).values()) <= 3
        _assert_apart([one.shown_at for one in mine if one.is_blocking], 6 * HOUR)
        for trigger in {one.trigger for one in mine}:
            _assert_apart([one.shown_at for one in mine if one.trigger == trigger], 24 * HOUR)


def _assert_apart(instants: list[datetime], least: timedelta) -> None:
    assert all(later - earlier >= least for earlier, later in pairwise(instants))


def _assert_muted_is_muted(life: Life) -> None:
    """Check that nothing was shown within three days after it was muted for the last time."""
    for trigger, muted_at in life.muted.items():
        later = [at for at, rule in life.shown if rule.trigger == trigger and at > muted_at]
        assert all(at >= muted_at + 72 * HOUR for at in later)
