"""What players may do until when. Days from NOON stand for instants."""

from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Barrier
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import DatabaseError, IntegrityError, OperationalError, connection, transaction

from economy import entitlements, grants, ledger
from economy.entitlements import Reason
from economy.goods import Goods, Plan
from economy.models import (
    Asset,
    Direction,
    EntryType,
    LedgerEntry,
    ModeSpan,
    PremiumNotice,
    PremiumSpan,
    Source,
    SpanStatus,
)
from quizarena.players.models import Player
from tests.concurrency import DEADLINE_S, meet_after, run_together
from tests.factories import PlayerFactory

NOON = datetime(2026, 11, 22, 11, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
STARTER, MONTH, SEASON, YEAR = Plan.STARTER, Plan.MONTH, Plan.SEASON, Plan.YEAR
UPDATE = "UPDATE economy_premiumspan SET"

pytestmark = pytest.mark.django_db


def day(number: float) -> datetime:
    """Return NOON and so many days of 86,400 s."""
    return NOON + timedelta(days=number)


def give(player: Player, goods: Goods, *, key: str, now: datetime) -> LedgerEntry:
    """Grant goods, whoever gives them."""
    with transaction.atomic():
        entry, _ = grants.grant(
            player=player,
            goods=goods,
            type=EntryType.PRIZE,
            source=Source.SYSTEM,
            key=key,
            now=now,
        )
    return entry


def give_premium(player: Player, plan: Plan, days: int, *, key: str, now: datetime) -> LedgerEntry:
    """Grant days of Premium."""
    return give(player, Goods(premium=plan, premium_days=days), key=key, now=now)


def give_modes(player: Player, *modes: str, hours: int, key: str, now: datetime) -> LedgerEntry:
    """Grant hours of modes."""
    return give(player, Goods(mode_codes=modes, mode_hours=hours), key=key, now=now)


def reverse(entry: LedgerEntry, *, now: datetime) -> None:
    """Reverse a grant."""
    with transaction.atomic():
        grants.reverse(
            entry=entry,
            type=EntryType.TAKEN_BACK,
            source=Source.SYSTEM,
            key=f"back:{entry.pk}",
            now=now,
        )


def spans(player: Player) -> list[tuple[str, str, float, float, float | None]]:
    """Return the player's Premium: grant, plan, first day, end, and when it was revoked."""
    return [
        (
            span.entry.idempotency_key,
            span.plan,
            (span.starts_at - NOON) / timedelta(days=1),
            (span.ends_at - NOON) / timedelta(days=1),
            (span.revoked_at - NOON) / timedelta(days=1) if span.revoked_at else None,
        )
        for span in PremiumSpan.objects.filter(player=player).order_by("starts_at", "ends_at")
    ]


# On a day, under a key, a plan of so many days comes; or, without a plan, that grant is reversed.
Event = tuple[float, str] | tuple[float, str, Plan, int]


@pytest.mark.parametrize(
    ("happened", "lie", "plans"),
    [
        pytest.param(
            [(0, "a", MONTH, 30)],
            [("a", "MONTH", 0, 30, None)],
            {-1: None, 0: MONTH, 29.9: MONTH, 30: None},
            id="a first plan",
        ),
        pytest.param(
            [(0, "a", MONTH, 30), (10, "b", MONTH, 30)],
            [("a", "MONTH", 0, 30, None), ("b", "MONTH", 30, 60, None)],
            {29: MONTH, 30: MONTH, 59: MONTH, 60: None},
            id="the same plan extends",
        ),
        pytest.param(
            [(0, "a", STARTER, 7), (2, "b", MONTH, 30)],
            [
                ("a", "STARTER", 0, 2, None),
                ("b", "MONTH", 2, 32, None),
                ("a", "STARTER", 32, 37, None),
            ],
            {1: STARTER, 2: MONTH, 31: MONTH, 32: STARTER, 36.9: STARTER, 37: None},
            id="a higher plan starts at once and the rest of the lower one follows",
        ),
        pytest.param(
            [(0, "a", SEASON, 90), (2, "b", STARTER, 7)],
            [("a", "SEASON", 0, 90, None), ("b", "STARTER", 90, 97, None)],
            {2: SEASON, 89: SEASON, 90: STARTER, 97: None},
            id="a lower plan waits",
        ),
        pytest.param(
            [(0, "a", STARTER, 7), (1, "b", MONTH, 30), (2, "c", YEAR, 365)],
            [
                ("a", "STARTER", 0, 1, None),
                ("b", "MONTH", 1, 2, None),
                ("c", "YEAR", 2, 367, None),
                ("b", "MONTH", 367, 396, None),
                ("a", "STARTER", 396, 402, None),
            ],
            {0: STARTER, 1: MONTH, 2: YEAR, 367: MONTH, 396: STARTER, 402: None},
            id="two upgrades",
        ),
        pytest.param(
            [(0, "a", STARTER, 7), (0, "b", MONTH, 30)],
            [("b", "MONTH", 0, 30, None), ("a", "STARTER", 30, 37, None)],
            {0: MONTH, 30: STARTER},
            id="an upgrade at the same instant leaves nothing behind",
        ),
        pytest.param(
            [(0, "a", YEAR, 365), (1, "b", STARTER, 7), (2, "c", MONTH, 30)],
            [
                ("a", "YEAR", 0, 365, None),
                ("c", "MONTH", 365, 395, None),
                ("b", "STARTER", 395, 402, None),
            ],
            {394: MONTH, 395: STARTER},
            id="a plan in between goes in between",
        ),
        pytest.param(
            [(0, "a", MONTH, 30), (30, "b", STARTER, 7)],
            [("a", "MONTH", 0, 30, None), ("b", "STARTER", 30, 37, None)],
            {29: MONTH, 30: STARTER},
            id="the instant of the end is free",
        ),
        pytest.param(
            [(0, "a", YEAR, 1), (5, "b", STARTER, 7), (20, "c", MONTH, 30)],
            [
                ("a", "YEAR", 0, 1, None),
                ("b", "STARTER", 5, 12, None),
                ("c", "MONTH", 20, 50, None),
            ],
            {0: YEAR, 3: None, 5: STARTER, 15: None, 20: MONTH},
            id="expired and bought again, for ever",
        ),
        pytest.param(
            [(0, "a", MONTH, 30), (10, "a")],
            [("a", "MONTH", 0, 30, 10)],
            {9: MONTH, 10: None},
            id="the active plan is revoked",
        ),
        pytest.param(
            [(0, "a", STARTER, 7), (2, "b", MONTH, 30), (5, "b")],
            [("a", "STARTER", 0, 2, None), ("b", "MONTH", 2, 32, 5), ("a", "STARTER", 5, 10, None)],
            {1: STARTER, 2: MONTH, 4: MONTH, 5: STARTER, 9: STARTER, 10: None},
            id="the upgrade is revoked and the earlier plan gets its time back",
        ),
        pytest.param(
            [(0, "a", MONTH, 30), (1, "b", MONTH, 30), (2, "c", MONTH, 30), (5, "a")],
            [("a", "MONTH", 0, 30, 5), ("b", "MONTH", 5, 35, None), ("c", "MONTH", 35, 65, None)],
            {4: MONTH, 5: MONTH, 64: MONTH, 65: None},
            id="the first of three is revoked",
        ),
        pytest.param(
            [(0, "a", MONTH, 30), (1, "b", MONTH, 30), (2, "c", MONTH, 30), (5, "b")],
            [("a", "MONTH", 0, 30, None), ("b", "MONTH", 30, 60, 5), ("c", "MONTH", 30, 60, None)],
            {5: MONTH, 59: MONTH, 60: None},
            id="the one in the middle is revoked",
        ),
        pytest.param(
            [(0, "a", MONTH, 30), (1, "b", MONTH, 30), (2, "c", MONTH, 30), (5, "c")],
            [("a", "MONTH", 0, 30, None), ("b", "MONTH", 30, 60, None), ("c", "MONTH", 60, 90, 5)],
            {59: MONTH, 60: None},
            id="the last is revoked",
        ),
        pytest.param(
            [(0, "a", STARTER, 7), (2, "b", MONTH, 30), (5, "a")],
            [
                ("a", "STARTER", 0, 2, None),
                ("b", "MONTH", 2, 32, None),
                ("a", "STARTER", 32, 37, 5),
            ],
            {1: STARTER, 4: MONTH, 32: None},
            id="what was passed before the upgrade stays when the rest is revoked",
        ),
        pytest.param(
            [(0, "a", STARTER, 7), (8, "a"), (9, "b", STARTER, 7)],
            [("a", "STARTER", 0, 7, None), ("b", "STARTER", 9, 16, None)],
            {6: STARTER, 8: None, 9: STARTER},
            id="what has passed cannot be revoked",
        ),
        pytest.param(
            [(0, "a", MONTH, 30), (0, "a"), (0, "b", MONTH, 30)],
            [("a", "MONTH", 0, 30, 0), ("b", "MONTH", 0, 30, None)],
            {0: MONTH, 30: None},
            id="revoked at the instant it starts it never was",
        ),
    ],
)
def test_premium_lies_end_to_end_and_its_past_stays(
    happened: list[Event],
    lie: list[tuple[str, str, float, float, float | None]],
    plans: dict[float, Plan | None],
) -> None:
    player = PlayerFactory.create()
    entries: dict[str, LedgerEntry] = {}

    for event in happened:
        match event:
            case (number, key, plan, days):
                entries[key] = give_premium(player, plan, days, key=key, now=day(number))
            case (number, key):
                reverse(entries[key], now=day(number))

    assert spans(player) == lie
    assert {at: entitlements.premium_at(player=player, at=day(at)) for at in plans} == plans


def test_premium_holds_from_its_first_instant_up_to_not_at_its_last() -> None:
    player = PlayerFactory.create()
    give_premium(player, MONTH, 30, key="a", now=NOON)
    instants = [NOON - MICROSECOND, NOON, day(30) - MICROSECOND, day(30)]

    plans = [entitlements.premium_at(player=player, at=instant) for instant in instants]

    assert plans == [None, MONTH, MONTH, None]


def test_an_upgrade_a_microsecond_before_the_end_keeps_that_microsecond() -> None:
    player = PlayerFactory.create()
    give_premium(player, STARTER, 7, key="a", now=NOON)

    give_premium(player, MONTH, 30, key="b", now=day(7) - MICROSECOND)

    assert entitlements.premium_at(player=player, at=day(37) - 2 * MICROSECOND) is MONTH
    assert entitlements.premium_at(player=player, at=day(37) - MICROSECOND) is STARTER
    assert entitlements.premium_until(player=player, now=day(8)) == day(37)


def test_the_first_plan_of_a_grant_that_continues_is_one_row() -> None:
    player = PlayerFactory.create()
    first = give_premium(player, MONTH, 30, key="a", now=NOON)
    before = PremiumSpan.objects.values().get(entry=first)

    give_premium(player, STARTER, 7, key="b", now=day(3))

    assert PremiumSpan.objects.values().get(entry=first) == before


def test_seven_days_are_604800_seconds_also_when_the_clocks_change() -> None:
    player = PlayerFactory.create()
    noon_in_berlin = datetime(2026, 10, 24, 12, tzinfo=ZoneInfo("Europe/Berlin"))

    give_premium(player, STARTER, 7, key="a", now=noon_in_berlin)
    give_premium(player, STARTER, 7, key="b", now=noon_in_berlin)

    assert entitlements.premium_until(player=player, now=noon_in_berlin) == datetime(
        2026, 11, 7, 10, tzinfo=UTC
    )


def test_premium_until_is_the_end_of_all_plans_that_follow_each_other() -> None:
    player = PlayerFactory.create()
    give_premium(player, STARTER, 7, key="a", now=NOON)
    give_premium(player, MONTH, 30, key="b", now=day(1))

    assert entitlements.premium_until(player=player, now=day(1)) == day(37)
    assert entitlements.premium_until(player=player, now=day(37)) is None
    assert entitlements.premium_until(player=PlayerFactory.create(), now=NOON) is None


def test_a_clock_that_lags_behind_rewrites_no_history() -> None:
    player = PlayerFactory.create()
    give_premium(player, STARTER, 7, key="a", now=NOON)
    give_premium(player, MONTH, 30, key="b", now=day(2))

    give_premium(player, YEAR, 365, key="c", now=day(1))

    assert spans(player) == [
        ("a", "STARTER", 0, 2, None),
        ("c", "YEAR", 2, 367, None),
        ("b", "MONTH", 367, 397, None),
        ("a", "STARTER", 397, 402, None),
    ]


def test_a_clock_that_lags_behind_a_revocation_rewrites_no_history() -> None:
    player = PlayerFactory.create()
    reverse(give_premium(player, MONTH, 30, key="a", now=NOON), now=day(2))

    give_premium(player, STARTER, 7, key="b", now=day(1))

    assert spans(player) == [("a", "MONTH", 0, 30, 2), ("b", "STARTER", 2, 9, None)]


def test_a_revocation_with_a_clock_that_lags_behind_rewrites_no_history() -> None:
    player = PlayerFactory.create()
    give_premium(player, STARTER, 7, key="a", now=NOON)
    month = give_premium(player, MONTH, 30, key="b", now=day(3))

    reverse(month, now=day(1))

    assert spans(player) == [
        ("a", "STARTER", 0, 3, None),
        ("a", "STARTER", 3, 7, None),
        ("b", "MONTH", 3, 33, 3),
    ]


@pytest.mark.parametrize(
    ("at", "status"),
    [
        (day(0) - MICROSECOND, SpanStatus.SCHEDULED),
        (day(0), SpanStatus.ACTIVE),
        (day(7) - MICROSECOND, SpanStatus.ACTIVE),
        (day(7), SpanStatus.EXPIRED),
    ],
)
def test_a_status_follows_from_time(at: datetime, status: SpanStatus) -> None:
    player = PlayerFactory.create()
    give_premium(player, STARTER, 7, key="a", now=NOON)

    assert PremiumSpan.objects.get().status(at) == status


def test_a_revoked_span_was_active_before() -> None:
    player = PlayerFactory.create()
    reverse(give_premium(player, STARTER, 7, key="a", now=NOON), now=day(2))
    span = PremiumSpan.objects.get()

    assert span.status(day(2) - MICROSECOND) == SpanStatus.ACTIVE
    assert span.status(day(2)) == SpanStatus.REVOKED
    assert span.status(day(8)) == SpanStatus.REVOKED


def test_players_do_not_share_premium() -> None:
    give_premium(PlayerFactory.create(), MONTH, 30, key="a", now=NOON)

    assert entitlements.premium_at(player=PlayerFactory.create(), at=NOON) is None


def test_whether_a_player_has_premium_is_one_query(django_assert_num_queries: Any) -> None:
    player = PlayerFactory.create()
    give_premium(player, MONTH, 30, key="a", now=NOON)

    with django_assert_num_queries(1):
        entitlements.premium_at(player=player, at=NOON)


class TestModes:
    """Access to a mode: Premium, then a grant, then the free modes."""

    def test_a_grant_opens_each_of_its_modes_for_its_hours(self) -> None:
        player = PlayerFactory.create()

        give_modes(player, "WORD_ORDER", "CASES_PRACTICE", hours=24, key="a", now=NOON)

        def opened(mode: str, at: datetime) -> bool:
            return entitlements.can_play(player=player, mode=mode, at=at)

        assert opened("WORD_ORDER", NOON)
        assert opened("CASES_PRACTICE", day(1) - MICROSECOND)
        assert not opened("CASES_PRACTICE", day(1))
        assert not opened("CASES_PRACTICE", NOON - MICROSECOND)
        assert not opened("TRENNBARE_VERBEN", NOON)

    def test_grants_of_a_mode_stack_any_number_of_times(self) -> None:
        player = PlayerFactory.create()
        for number in range(5):
            give_modes(player, "WORD_ORDER", hours=24, key=f"{number}", now=NOON)

        give_modes(player, "WORD_ORDER", hours=24, key="later", now=day(0.5))
        give_modes(player, "WORD_ORDER", hours=24, key="after the end", now=day(9))

        ends = ModeSpan.objects.order_by("starts_at").values_list("ends_at", flat=True)
        assert list(ends) == [day(1), day(2), day(3), day(4), day(5), day(6), day(10)]

    def test_modes_that_end_apart_are_extended_apart(self) -> None:
        player = PlayerFactory.create()
        give_modes(player, "WORD_ORDER", hours=48, key="a", now=NOON)

        give_modes(player, "WORD_ORDER", "CASES_PRACTICE", hours=24, key="b", now=day(1))

        ends = ModeSpan.objects.filter(entry__idempotency_key="b").order_by("mode")
        assert list(ends.values_list("mode", "ends_at")) == [
            ("CASES_PRACTICE", day(2)),
            ("WORD_ORDER", day(3)),
        ]

    def test_a_grant_that_is_reversed_moves_later_ones_forward(self) -> None:
        player = PlayerFactory.create()
        first = give_modes(player, "WORD_ORDER", hours=24, key="a", now=NOON)
        give_modes(player, "WORD_ORDER", hours=24, key="b", now=NOON)

        reverse(first, now=day(0.25))

        span = ModeSpan.objects.get(entry__idempotency_key="b")
        assert (span.starts_at, span.ends_at) == (day(0.25), day(1.25))

    def test_the_free_modes_are_open_to_everybody(self, django_assert_num_queries: Any) -> None:
        player = PlayerFactory.create()

        with django_assert_num_queries(0):
            opened = {
                mode: entitlements.can_play(player=player, mode=mode, at=NOON)
                for mode in ("QUICK_MIX_A1A2", "ARTIKEL_SPRINT", "DAILY_CHALLENGE")
            }

        assert opened == {"QUICK_MIX_A1A2": True, "ARTIKEL_SPRINT": True, "DAILY_CHALLENGE": True}
        assert not entitlements.can_play(player=player, mode="WORD_ORDER", at=NOON)

    def test_premium_opens_every_mode(self) -> None:
        player = PlayerFactory.create()
        give_premium(player, STARTER, 7, key="a", now=NOON)

        assert entitlements.can_play(player=player, mode="WORD_ORDER", at=day(6))
        assert not entitlements.can_play(player=player, mode="WORD_ORDER", at=day(7))


class TestExplanations:
    """Why a player has access, or has not, at any instant."""

    @pytest.mark.parametrize(
        ("at", "reason", "key", "until"),
        [
            (-1, Reason.LOCKED, None, None),
            (0, Reason.MODE_GRANT, "pack", 1),
            (0.5, Reason.PREMIUM, "month", 3),
            (2, Reason.PREMIUM, "month", 3),
            (3, Reason.LOCKED, "month", 3),
            (4, Reason.MODE_GRANT, "second pack", 5),
            (5, Reason.LOCKED, "second pack", 5),
        ],
    )
    def test_the_past_is_explained_as_it_was(
        self, at: float, reason: Reason, key: str | None, until: float | None
    ) -> None:
        player = PlayerFactory.create()
        give_modes(player, "WORD_ORDER", hours=24, key="pack", now=NOON)
        month = give_premium(player, MONTH, 30, key="month", now=day(0.5))
        reverse(month, now=day(3))
        give_modes(player, "WORD_ORDER", hours=24, key="second pack", now=day(4))

        access = entitlements.explain_access(player=player, mode="WORD_ORDER", at=day(at))

        assert access.reason == reason
        assert access.is_open == (reason != Reason.LOCKED)
        assert (access.entry and access.entry.idempotency_key) == key
        assert access.until == (None if until is None else day(until))

    def test_a_free_mode_needs_no_grant(self) -> None:
        access = entitlements.explain_access(
            player=PlayerFactory.create(), mode="ARTIKEL_SPRINT", at=NOON
        )

        assert (access.reason, access.is_open, access.until) == (Reason.FREE_MODE, True, None)

    def test_what_was_revoked_before_it_began_has_opened_nothing(self) -> None:
        player = PlayerFactory.create()
        give_premium(player, MONTH, 30, key="a", now=NOON)
        reverse(give_premium(player, STARTER, 7, key="b", now=day(1)), now=day(2))

        access = entitlements.explain_access(player=player, mode="WORD_ORDER", at=day(31))

        assert access.entry
        assert access.entry.idempotency_key == "a"

    def test_a_mode_grant_of_another_mode_explains_nothing(self) -> None:
        player = PlayerFactory.create()
        give_modes(player, "CASES_PRACTICE", hours=24, key="a", now=NOON)

        access = entitlements.explain_access(player=player, mode="WORD_ORDER", at=NOON)

        assert (access.reason, access.entry) == (Reason.LOCKED, None)


class TestNotices:
    """Players are notified of the end of Premium before and after it, once each."""

    @staticmethod
    def notices() -> list[tuple[str, float]]:
        """Return all notices: kind, and the day of the end they are about."""
        rows = PremiumNotice.objects.order_by("pk").values_list("kind", "ends_at")
        return [(kind, (ends_at - NOON) / timedelta(days=1)) for kind, ends_at in rows]

    @pytest.mark.parametrize(
        ("now", "kinds"),
        [
            (day(4) - MICROSECOND, []),
            (day(4), ["THREE_DAYS_LEFT"]),
            (day(6) - MICROSECOND, ["THREE_DAYS_LEFT"]),
            (day(6), ["ONE_DAY_LEFT"]),
            (day(7) - MICROSECOND, ["ONE_DAY_LEFT"]),
            (day(7), ["ENDED"]),
            (day(10) - MICROSECOND, ["ENDED"]),
            (day(10), []),
        ],
    )
    def test_a_notice_comes_in_its_time_and_not_after_it(
        self, now: datetime, kinds: list[str]
    ) -> None:
        give_premium(PlayerFactory.create(), STARTER, 7, key="a", now=NOON)

        written = entitlements.premium_notices(now=now, limit=100)

        assert written == len(kinds)
        assert self.notices() == [(kind, 7) for kind in kinds]

    def test_each_notice_comes_once_however_often_the_job_runs(self) -> None:
        give_premium(PlayerFactory.create(), STARTER, 7, key="a", now=NOON)

        for quarter in range(4 * 12):
            entitlements.premium_notices(now=day(quarter / 4), limit=100)

        assert self.notices() == [("THREE_DAYS_LEFT", 7), ("ONE_DAY_LEFT", 7), ("ENDED", 7)]

    def test_an_end_that_another_plan_follows_is_none(self) -> None:
        player = PlayerFactory.create()
        give_premium(player, STARTER, 7, key="a", now=NOON)
        give_premium(player, MONTH, 30, key="b", now=day(1))

        for number in range(45):
            entitlements.premium_notices(now=day(number), limit=100)

        assert self.notices() == [("THREE_DAYS_LEFT", 37), ("ONE_DAY_LEFT", 37), ("ENDED", 37)]

    def test_an_end_that_has_moved_gets_another_notice(self) -> None:
        player = PlayerFactory.create()
        give_premium(player, STARTER, 7, key="a", now=NOON)
        entitlements.premium_notices(now=day(5), limit=100)
        extension = give_premium(player, STARTER, 7, key="b", now=day(5))
        entitlements.premium_notices(now=day(12), limit=100)

        reverse(extension, now=day(12.5))
        entitlements.premium_notices(now=day(12.5), limit=100)

        assert self.notices() == [("THREE_DAYS_LEFT", 7), ("THREE_DAYS_LEFT", 14)]

    def test_what_was_reversed_gets_no_notice_of_its_end(self) -> None:
        player = PlayerFactory.create()
        starter = give_premium(player, STARTER, 7, key="a", now=NOON)
        month = give_premium(player, MONTH, 30, key="b", now=day(1))
        reverse(starter, now=day(2))
        reverse(month, now=day(2))

        assert entitlements.premium_notices(now=day(2), limit=100) == 0

    def test_only_notices_that_are_still_true_are_left_to_send(self) -> None:
        player = PlayerFactory.create()
        give_premium(player, STARTER, 7, key="a", now=NOON)
        entitlements.premium_notices(now=day(4), limit=100)
        assert PremiumNotice.objects.undelivered().count() == 1

        extension = give_premium(player, STARTER, 7, key="b", now=day(5))
        assert PremiumNotice.objects.undelivered().count() == 0

        reverse(extension, now=day(5))
        assert PremiumNotice.objects.undelivered().count() == 1

    def test_a_notice_is_marked_once(self) -> None:
        give_premium(PlayerFactory.create(), STARTER, 7, key="a", now=NOON)
        entitlements.premium_notices(now=day(4), limit=100)
        notice = PremiumNotice.objects.undelivered().get()

        first = entitlements.mark_notified(notice_ids=[notice.pk], now=day(4))
        again = entitlements.mark_notified(notice_ids=[notice.pk], now=day(5))

        assert (first, again) == (1, 0)
        assert PremiumNotice.objects.undelivered().count() == 0
        assert PremiumNotice.objects.get().notified_at == day(4)

    @pytest.mark.parametrize(
        ("written", "sent", "timely"),
        [
            (4, 6 - 1 / 1440, True),
            (4, 6, False),
            (6, 7 - 1 / 1440, True),
            (6, 7, False),
            (7, 10 - 1 / 1440, True),
            (7, 10, False),
        ],
    )
    def test_a_notice_not_sent_in_its_time_is_not_sent_later(
        self, written: float, sent: float, timely: bool
    ) -> None:
        give_premium(PlayerFactory.create(), STARTER, 7, key="a", now=NOON)
        entitlements.premium_notices(now=day(written), limit=100)
        notice = PremiumNotice.objects.get()

        assert entitlements.is_timely(notice=notice, now=day(sent)) is timely

    def test_the_job_works_in_batches_and_leaves_nobody_out(self) -> None:
        for number in range(5):
            give_premium(PlayerFactory.create(), STARTER, 7, key="a", now=day(number / 24))

        batches = [entitlements.premium_notices(now=day(4.5), limit=2) for _ in range(4)]

        assert batches == [2, 2, 1, 0]


def run(*statements: str) -> None:
    """Execute SQL in a transaction of its own."""
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


class TestDatabaseSaysNo:
    """Each rule again, by a road that does not pass through the services."""

    @staticmethod
    def span(entry: LedgerEntry, first: float, end: float, **fields: Any) -> PremiumSpan:
        """Store a span from one day to another."""
        return PremiumSpan.objects.create(
            **{
                "player": entry.player,
                "entry": entry,
                "plan": STARTER,
                "starts_at": day(first),
                "ends_at": day(end),
                "laid_at": NOON,
                **fields,
            }
        )

    def test_premium_of_a_player_never_overlaps(self) -> None:
        entry = give_premium(PlayerFactory.create(), MONTH, 30, key="a", now=NOON)

        self.span(entry, 30, 31)
        with pytest.raises(IntegrityError, match="premiumspan_never_overlap"), transaction.atomic():
            self.span(entry, 29, 30)

    def test_access_to_a_mode_never_overlaps(self) -> None:
        entry = give_modes(PlayerFactory.create(), "WORD_ORDER", hours=24, key="a", now=NOON)
        fields = {
            "player": entry.player,
            "entry": entry,
            "starts_at": NOON,
            "ends_at": day(1),
            "laid_at": NOON,
        }

        ModeSpan.objects.create(mode="CASES_PRACTICE", **fields)
        with pytest.raises(IntegrityError, match="modespan_never_overlap"), transaction.atomic():
            ModeSpan.objects.create(mode="WORD_ORDER", **fields)

    @pytest.mark.parametrize(
        ("fields", "says"),
        [
            ({"ends_at": day(40)}, "premiumspan_ends_after_it_starts"),
            ({"plan": "DECADE"}, "premiumspan_plan_is_known"),
            ({"laid_at": day(41)}, "begins now or later"),
            ({"revoked_at": NOON}, "is not revoked yet"),
        ],
    )
    def test_a_span_that_makes_no_sense_is_refused(self, fields: dict[str, Any], says: str) -> None:
        entry = give_premium(PlayerFactory.create(), MONTH, 30, key="a", now=NOON)

        with pytest.raises(DatabaseError, match=says), transaction.atomic():
            self.span(entry, 40, 41, **fields)

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ("starts_at = starts_at - interval '1 day'", "past"),
            ("starts_at = starts_at + interval '1 day', laid_at = '2026-11-25Z'", "past"),
            ("ends_at = '2026-11-24Z', laid_at = '2026-11-25Z'", "past"),
            ("laid_at = laid_at - interval '1 day'", "past"),
            ("revoked_at = '2026-11-24Z'", "past"),
            ("plan = 'YEAR'", "grant_stays|Cannot update"),
            ("entry_id = entry_id + 1", "grant_stays|Cannot update"),
            ("player_id = player_id + 1", "grant_stays|Cannot update"),
        ],
    )
    def test_the_past_and_the_grant_of_a_span_stay(self, change: str, says: str) -> None:
        give_premium(PlayerFactory.create(), MONTH, 30, key="a", now=NOON)

        with pytest.raises(DatabaseError, match=says):
            run(f"{UPDATE} {change}")

    def test_a_span_that_is_revoked_stays_revoked(self) -> None:
        entry = give_premium(PlayerFactory.create(), MONTH, 30, key="a", now=NOON)
        reverse(entry, now=day(1))

        with pytest.raises(DatabaseError, match="past"), transaction.atomic():
            PremiumSpan.objects.update(revoked_at=None, laid_at=day(2))

    @pytest.mark.parametrize("table", ["economy_premiumspan", "economy_modespan"])
    @pytest.mark.parametrize(
        ("statement", "cascade", "says"),
        [("DELETE FROM", "", "Cannot delete"), ("TRUNCATE", " CASCADE", "Cannot truncate")],
    )
    @pytest.mark.usefixtures("owner")
    def test_no_entitlement_disappears(
        self, statement: str, table: str, cascade: str, says: str
    ) -> None:
        player = PlayerFactory.create()
        give_premium(player, MONTH, 30, key="a", now=NOON)
        give_modes(player, "WORD_ORDER", hours=24, key="b", now=NOON)

        with pytest.raises(DatabaseError, match=says):
            # Deferred foreign keys would refuse a TRUNCATE before our guard does.
            run("SET CONSTRAINTS ALL IMMEDIATE", f"{statement} {table}{cascade}")

    def test_an_end_is_noticed_once(self) -> None:
        give_premium(PlayerFactory.create(), STARTER, 7, key="a", now=NOON)
        entitlements.premium_notices(now=day(4), limit=1)
        notice = PremiumNotice.objects.get()

        notice.pk = None
        with pytest.raises(IntegrityError, match="premiumnotice_once"), transaction.atomic():
            notice.save(force_insert=True)


@pytest.mark.django_db(transaction=True)
class TestConcurrency:
    """Two at once. The entry of a grant locks the wallet, and so all that is the player's."""

    def test_two_plans_at_once_lie_end_to_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        player = PlayerFactory.create()
        meet_after(monkeypatch, ledger, "post")

        run_together(
            partial(give_premium, player, STARTER, 7, key="a", now=NOON),
            partial(give_premium, player, STARTER, 7, key="b", now=NOON),
        )

        assert [row[2:4] for row in spans(player)] == [(0, 7), (7, 14)]

    def test_without_the_lock_one_of_two_plans_is_lost(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the test above can fail: post the entries before, and nothing locks."""
        player = PlayerFactory.create()
        goods = Goods(premium=STARTER, premium_days=7)
        posted = {
            key: ledger.post(
                player=player,
                type=EntryType.PRIZE,
                asset=Asset.GOODS,
                direction=Direction.CREDIT,
                amount=1,
                deltas=ledger.Deltas(),
                source=Source.SYSTEM,
                key=key,
                request={},
                now=NOON,
                metadata=goods.metadata(),
            )
            for key in ("a", "b")
        }
        monkeypatch.setattr(ledger, "post", lambda *, key, **_: posted[key])
        meet_after(monkeypatch, entitlements, "_laid_out")

        results = run_together(
            partial(give, player, goods, key="a", now=NOON),
            partial(give, player, goods, key="b", now=NOON),
        )

        # The exclusion constraint stops one of them, or both until PostgreSQL calls it a deadlock.
        refused = [result for result in results if not isinstance(result, LedgerEntry)]
        assert [type(one) for one in refused] in ([IntegrityError], [OperationalError])

    def test_two_jobs_at_once_write_one_notice(self, monkeypatch: pytest.MonkeyPatch) -> None:
        give_premium(PlayerFactory.create(), STARTER, 7, key="a", now=NOON)
        meet_before_writing(monkeypatch)
        job = partial(entitlements.premium_notices, now=day(4), limit=100)

        assert run_together(job, job) == [1, 1]
        assert PremiumNotice.objects.count() == 1

    def test_without_the_constraint_two_jobs_at_once_would_write_two(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the jobs above do meet: who does not ignore the conflict runs into it."""
        give_premium(PlayerFactory.create(), STARTER, 7, key="a", now=NOON)
        meet_before_writing(monkeypatch, ignore_conflicts=False)
        job = partial(entitlements.premium_notices, now=day(4), limit=100)

        results = run_together(job, job)

        assert {type(result).__name__ for result in results} == {"IntegrityError", "int"}


def meet_before_writing(monkeypatch: pytest.MonkeyPatch, **options: Any) -> None:
    """Make two jobs wait for each other before they write the notices that both have found due."""
    write = PremiumNotice.objects.bulk_create
    barrier = Barrier(2)

    def meeting(notices: list[PremiumNotice], **given: Any) -> Any:
        if notices:
            barrier.wait(DEADLINE_S)
        return write(notices, **{**given, **options})

    monkeypatch.setattr(PremiumNotice.objects, "bulk_create", meeting)
