"""What the ledger says: of one player now and then, and of all of them."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection

from economy import ledger, statements, wallets
from economy.errors import InvalidEntryError
from economy.ledger import Deltas
from economy.models import Asset, Direction, EntryType, LedgerEntry, Source
from economy.statements import Flow
from quizarena.players.models import Player
from tests.factories import PlayerFactory

# A Sunday in winter: 12:00 in Berlin.
NOON = datetime(2026, 11, 22, 11, tzinfo=UTC)
SUNDAY = date(2026, 11, 22)

pytestmark = pytest.mark.django_db


def move(
    player: Player,
    amount: int,
    *,
    now: datetime = NOON,
    type: EntryType = EntryType.PRIZE,  # noqa: A002 -- the ledger's own word.
    asset: Asset = Asset.PAID_ENERGY,
) -> LedgerEntry:
    """Post `amount`, up or down."""
    entry, _ = ledger.post(
        player=player,
        type=type,
        asset=asset,
        direction=Direction.CREDIT if amount > 0 else Direction.DEBIT,
        amount=abs(amount),
        deltas=Deltas(**{asset.lower(): amount}),
        source=Source.SYSTEM,
        key=f"{type}:{asset}:{amount}:{now}",
        request={},
        now=now,
    )
    return entry


def minutes(number: int) -> datetime:
    """Return the instant so many minutes after noon."""
    return NOON + timedelta(minutes=number)


class TestStatement:
    def test_the_newest_comes_first_with_the_balance_after_it(self) -> None:
        player = PlayerFactory.create()
        move(player, 7, now=minutes(0))
        move(player, -3, now=minutes(1))
        move(PlayerFactory.create(), 100, now=minutes(2))

        page = statements.statement(player=player)

        assert [(entry.paid_energy, entry.paid_energy_after) for entry in page.entries] == [
            (-3, 4),
            (7, 7),
        ]
        assert page.older is None

    def test_pages_follow_each_other_without_gap_or_overlap(self) -> None:
        player = PlayerFactory.create()
        # Two of one instant lie on the border of the pages.
        for number, minute in enumerate((0, 1, 2, 2, 3), 1):
            move(player, number, now=minutes(minute))

        first = statements.statement(player=player, length=2)
        second = statements.statement(player=player, length=2, after=first.older)
        third = statements.statement(player=player, length=2, after=second.older)

        assert [entry.amount for entry in first.entries] == [5, 4]
        assert [entry.amount for entry in second.entries] == [3, 2]
        assert [entry.amount for entry in third.entries] == [1]
        assert third.older is None

    def test_it_shows_one_type_only(self) -> None:
        player = PlayerFactory.create()
        move(player, 7)
        move(player, 5, type=EntryType.PROMO_GRANT, now=minutes(1))

        page = statements.statement(player=player, type=EntryType.PROMO_GRANT)

        assert [entry.amount for entry in page.entries] == [5]

    def test_it_ends_with_an_instant(self) -> None:
        player = PlayerFactory.create()
        move(player, 1, now=minutes(0))
        move(player, 2, now=minutes(5))
        move(player, 3, now=minutes(6))

        page = statements.statement(player=player, until=minutes(5))

        assert [entry.amount for entry in page.entries] == [2, 1]

    def test_a_page_is_one_statement_and_reads_its_rows_from_the_index(
        self, django_assert_num_queries: object
    ) -> None:
        player = PlayerFactory.create()
        last = move(player, 7)

        with django_assert_num_queries(1):  # type: ignore[operator]
            statements.statement(player=player, after=last)

        queryset = LedgerEntry.objects.filter(
            player=player, created_at__lte=NOON, id__lt=last.pk
        ).order_by("-created_at", "-id")
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_sort = off")
        plan = queryset.explain()
        assert "Index Scan using entry_statement" in plan
        assert "Sort" not in plan

    def test_a_naive_instant_is_refused(self) -> None:
        with pytest.raises(InvalidEntryError, match="time zone"):
            statements.statement(
                player=PlayerFactory.create(),
                until=datetime(2026, 1, 1),  # noqa: DTZ001
            )


class TestBalancesAt:
    def test_every_past_instant_is_answered_as_it_was(self) -> None:
        player = PlayerFactory.create()
        wallets.grant_welcome_energy(player=player, now=minutes(0))
        move(player, 7, now=minutes(10))
        move(player, 2, asset=Asset.STREAK_SAVERS, now=minutes(20))
        move(player, 3, asset=Asset.DUEL_TICKETS, now=minutes(30))
        move(player, -4, now=minutes(40))

        past = []
        for minute in (0, 9, 10, 20, 30, 39, 40, 1_000_000):
            balances = statements.balances_at(player=player, instant=minutes(minute))
            assert balances is not None
            past.append((balances.energy.paid, balances.streak_savers, balances.duel_tickets))

        assert past == [
            (0, 0, 0),
            (0, 0, 0),
            (7, 0, 0),
            (7, 2, 0),
            (7, 2, 3),
            (7, 2, 3),
            (3, 2, 3),
            (3, 2, 3),
        ]

    def test_before_the_first_entry_there_was_nothing(self) -> None:
        player = PlayerFactory.create()
        move(player, 7)

        assert statements.balances_at(player=player, instant=minutes(-1)) is None

    @pytest.mark.parametrize(
        ("minute", "free"),
        [
            (0, 15),  # Five questions were played at noon.
            (29, 15),
            (30, 16),
            (65, 17),
            (70, 16),  # One more was, after the entry that knows nothing of energy.
            (90, 17),
            (24 * 60, 20),
        ],
    )
    def test_free_energy_is_what_it_had_regenerated_to(self, minute: int, free: int) -> None:
        player = PlayerFactory.create()
        for number in range(5):
            wallets.charge_question(player=player, key=f"q{number}", now=NOON)
        move(player, 7, now=minutes(40))
        wallets.charge_question(player=player, key="later", now=minutes(70))

        balances = statements.balances_at(player=player, instant=minutes(minute))

        assert balances is not None
        assert balances.energy.free == free

    def test_at_midnight_in_berlin_it_is_topped_up(self) -> None:
        player = PlayerFactory.create()
        before_midnight = datetime(2026, 11, 22, 22, 50, tzinfo=UTC)
        for number in range(20):
            wallets.charge_question(player=player, key=f"q{number}", now=before_midnight)

        free = [
            balances.energy.free
            for second in (9 * 60 + 59, 10 * 60)
            if (
                balances := statements.balances_at(
                    player=player, instant=before_midnight + timedelta(seconds=second)
                )
            )
        ]

        assert free == [0, 20]

    def test_a_naive_instant_is_refused(self) -> None:
        with pytest.raises(InvalidEntryError, match="time zone"):
            statements.balances_at(
                player=PlayerFactory.create(),
                instant=datetime(2026, 1, 1),  # noqa: DTZ001
            )


class TestAllPlayers:
    def test_the_supply_is_what_all_of_them_own(self) -> None:
        assert statements.supply() == {
            "free_energy": 0,
            "paid_energy": 0,
            "streak_savers": 0,
            "duel_tickets": 0,
        }
        one, other = PlayerFactory.create_batch(2)
        wallets.grant_welcome_energy(player=one, now=NOON)
        move(one, 7)
        move(other, 5)
        move(other, -1, now=minutes(1))
        move(other, 2, asset=Asset.DUEL_TICKETS)

        assert statements.supply() == {
            "free_energy": 20,
            "paid_energy": 11,
            "streak_savers": 0,
            "duel_tickets": 2,
        }

    def test_sources_and_sinks_are_summed_by_day_asset_and_type(self) -> None:
        one, other = PlayerFactory.create_batch(2)
        monday = NOON + timedelta(days=1)
        move(one, 7)
        move(other, 5)
        move(one, -2, type=EntryType.TAKEN_BACK)
        move(one, 1, asset=Asset.STREAK_SAVERS, type=EntryType.PURCHASE_CREDIT)
        move(one, 3, now=monday)

        flows = statements.sources_and_sinks(first_day=SUNDAY, last_day=SUNDAY + timedelta(days=1))

        assert flows == [
            Flow(day=SUNDAY, asset="paid_energy", type="PRIZE", source=12, sink=0),
            Flow(day=SUNDAY, asset="paid_energy", type="TAKEN_BACK", source=0, sink=2),
            Flow(day=SUNDAY, asset="streak_savers", type="PURCHASE_CREDIT", source=1, sink=0),
            Flow(day=date(2026, 11, 23), asset="paid_energy", type="PRIZE", source=3, sink=0),
        ]

    def test_what_regenerates_is_a_source_of_its_own(self) -> None:
        player = PlayerFactory.create()
        wallets.charge_question(player=player, key="q1", now=NOON)
        wallets.charge_question(player=player, key="q2", now=NOON)
        wallets.charge_question(player=player, key="q3", now=minutes(65))

        flows = statements.sources_and_sinks(first_day=SUNDAY, last_day=SUNDAY)

        assert flows == [
            Flow(day=SUNDAY, asset="free_energy", type="QUESTION", source=0, sink=3),
            Flow(day=SUNDAY, asset="free_energy", type="REGENERATION", source=2, sink=0),
            Flow(day=SUNDAY, asset="free_energy", type="WELCOME", source=20, sink=0),
        ]

    @pytest.mark.parametrize(
        ("begin", "end"),
        [
            # In winter, in summer, and the days on which the clocks change.
            (datetime(2026, 11, 21, 23, tzinfo=UTC), datetime(2026, 11, 22, 23, tzinfo=UTC)),
            (datetime(2026, 7, 4, 22, tzinfo=UTC), datetime(2026, 7, 5, 22, tzinfo=UTC)),
            (datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 3, 29, 22, tzinfo=UTC)),
            (datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 10, 25, 23, tzinfo=UTC)),
        ],
    )
    def test_a_day_is_a_day_in_berlin(self, begin: datetime, end: datetime) -> None:
        player = PlayerFactory.create()
        a_second = timedelta(seconds=1)
        move(player, 1, now=begin - a_second)
        move(player, 2, now=begin)
        move(player, 4, now=end - a_second)
        move(player, 8, now=end)
        day = (begin + timedelta(hours=12)).date()

        flows = statements.sources_and_sinks(first_day=day, last_day=day)

        assert [(flow.day, flow.source) for flow in flows] == [(day, 6)]

    def test_the_supply_of_a_past_day_is_counted_back_from_now(self) -> None:
        player = PlayerFactory.create()
        day = timedelta(days=1)
        move(player, 10, now=NOON - day)
        move(player, 7)
        move(player, -3, now=minutes(1))
        move(player, 100, now=NOON + 2 * day)
        monday = SUNDAY + day
        flows = statements.sources_and_sinks(first_day=SUNDAY, last_day=monday)

        supply = statements.supply_by_day(first_day=SUNDAY, last_day=monday, flows=flows)

        assert [(on, owned["paid_energy"]) for on, owned in supply.items()] == [
            (SUNDAY, 14),
            (monday, 14),
        ]
        saturday = SUNDAY - day
        flows = statements.sources_and_sinks(first_day=saturday, last_day=SUNDAY)
        supply = statements.supply_by_day(first_day=saturday, last_day=SUNDAY, flows=flows)
        assert [owned["paid_energy"] for owned in supply.values()] == [10, 14]

    @pytest.mark.parametrize(
        ("first_day", "last_day", "says"),
        [
            (date(2026, 11, 22), date(2026, 11, 21), "22 Nov 2026 is after 21 Nov 2026"),
            (date(2025, 1, 1), date(2026, 1, 2), "At most 366 days"),
        ],
    )
    def test_days_that_make_no_sense_are_refused(
        self, first_day: date, last_day: date, says: str
    ) -> None:
        with pytest.raises(InvalidEntryError, match=says):
            statements.sources_and_sinks(first_day=first_day, last_day=last_day)
