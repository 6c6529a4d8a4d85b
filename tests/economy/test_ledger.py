"""The ledger: append-only, once per key, and the only hand on a wallet."""

from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from economy import grants, ledger, wallets
from economy.errors import InvalidEntryError, KeyReusedError, NotEnoughError
from economy.goods import Goods, Plan
from economy.ledger import Deltas
from economy.models import Asset, Direction, EntryType, LedgerEntry, Source, Wallet
from quizarena.players.models import Player
from tests.concurrency import run_together, wait_for_waiting
from tests.factories import PlayerFactory, make_staff

NOON = datetime(2026, 11, 22, 11, tzinfo=UTC)

pytestmark = pytest.mark.django_db


def give(
    player: Player, amount: int, *, key: str, now: datetime = NOON
) -> tuple[LedgerEntry, bool]:
    """Post a credit of paid energy."""
    return ledger.post(
        player=player,
        type=EntryType.PRIZE,
        asset=Asset.PAID_ENERGY,
        direction=Direction.CREDIT,
        amount=amount,
        deltas=Deltas(paid_energy=amount),
        source=Source.SYSTEM,
        key=key,
        request={"amount": amount},
        now=now,
    )


def test_an_entry_moves_the_wallet_and_carries_the_balance_after_it() -> None:
    player = PlayerFactory.create()

    first, is_new = give(player, 7, key="a")
    second, _ = give(player, 5, key="b")

    assert (is_new, first.paid_energy_after, second.paid_energy_after) == (True, 7, 12)
    assert Wallet.objects.get(player=player).paid_energy == 12


def test_the_same_key_and_request_return_the_first_entry_and_change_nothing() -> None:
    player = PlayerFactory.create()
    first, _ = give(player, 7, key="a")

    again, is_new = give(player, 7, key="a")

    assert (again.pk, is_new) == (first.pk, False)
    assert Wallet.objects.get(player=player).paid_energy == 7


def test_the_same_key_with_another_request_is_a_conflict() -> None:
    player = PlayerFactory.create()
    give(player, 7, key="a")

    with pytest.raises(KeyReusedError):
        give(player, 8, key="a")


def test_the_same_key_of_two_players_is_two_entries() -> None:
    give(PlayerFactory.create(), 7, key="a")
    _, is_new = give(PlayerFactory.create(), 7, key="a")

    assert is_new


def test_a_negative_balance_is_refused_with_what_is_owned_and_needed() -> None:
    player = PlayerFactory.create()
    give(player, 3, key="a")

    with pytest.raises(NotEnoughError) as refused, transaction.atomic():
        ledger.post(
            player=player,
            type=EntryType.TAKEN_BACK,
            asset=Asset.PAID_ENERGY,
            direction=Direction.DEBIT,
            amount=5,
            deltas=Deltas(paid_energy=-5),
            source=Source.SYSTEM,
            key="b",
            request={},
            now=NOON,
        )

    assert (refused.value.asset, refused.value.owned, refused.value.needed) == ("paid_energy", 3, 5)
    assert Wallet.objects.get(player=player).paid_energy == 3


def test_posting_is_one_statement(django_assert_num_queries: Any) -> None:
    player = PlayerFactory.create()

    with django_assert_num_queries(1):
        give(player, 7, key="a")


@pytest.mark.parametrize("amount", [0, -1, 1_000_001])
def test_an_amount_that_makes_no_sense_is_refused_before_anything_is_written(amount: int) -> None:
    player = PlayerFactory.create()

    with pytest.raises(InvalidEntryError):
        give(player, amount, key="a")

    assert not LedgerEntry.objects.exists()


def test_a_naive_instant_is_refused() -> None:
    with pytest.raises(InvalidEntryError, match="time zone"):
        give(PlayerFactory.create(), 1, key="a", now=datetime(2026, 1, 1))  # noqa: DTZ001


@pytest.mark.parametrize("type_", [EntryType.STAFF_ADJUSTMENT, EntryType.STAFF_GRANT])
@pytest.mark.parametrize(("has_staff", "reason"), [(False, "A test."), (True, ""), (True, " ")])
def test_an_entry_of_staff_without_staff_or_reason_is_refused_before_anything_is_written(
    type_: EntryType, has_staff: bool, reason: str, django_assert_num_queries: Any
) -> None:
    player, staff = PlayerFactory.create(), make_staff("Support") if has_staff else None

    with (
        django_assert_num_queries(0),
        pytest.raises(InvalidEntryError, match="a member of staff and a reason"),
    ):
        ledger.post(
            player=player,
            type=type_,
            asset=Asset.PAID_ENERGY,
            direction=Direction.CREDIT,
            amount=1,
            deltas=Deltas(paid_energy=1),
            source=Source.STAFF,
            key="a",
            request={},
            now=NOON,
            staff=staff,
            reason=reason,
        )


def test_an_entry_is_reversed_once_whatever_the_key() -> None:
    player = PlayerFactory.create()
    prize, _ = give(player, 7, key="a")

    def reverse(key: str) -> tuple[LedgerEntry, bool]:
        return ledger.post(
            player=player,
            type=EntryType.TAKEN_BACK,
            asset=Asset.PAID_ENERGY,
            direction=Direction.DEBIT,
            amount=7,
            deltas=Deltas(paid_energy=-7),
            source=Source.SYSTEM,
            key=key,
            request={"key": key},
            now=NOON,
            reverses=prize,
        )

    first, is_new = reverse("b")
    again = reverse("c")

    assert (is_new, again) == (True, (first, False))
    assert Wallet.objects.get(player=player).paid_energy == 0


@pytest.mark.usefixtures("owner")
class TestDatabaseSaysNo:
    """Each rule again, by a road that does not pass through the services."""

    @pytest.mark.parametrize(
        ("statement", "says"),
        [
            ("UPDATE economy_ledgerentry SET amount = 9", "append_only|Cannot update"),
            ("DELETE FROM economy_ledgerentry", "append_only|Cannot"),
            ("TRUNCATE economy_ledgerentry CASCADE", "Cannot truncate the ledger"),
            ("UPDATE economy_wallet SET paid_energy = 99", "only by a ledger entry"),
            ("UPDATE economy_wallet SET energy_counted_until = now()", "only by a ledger entry"),
            ("DELETE FROM economy_wallet", "only by a ledger entry"),
            ("TRUNCATE economy_wallet CASCADE", "Cannot truncate wallets"),
        ],
    )
    def test_nobody_writes_past_the_ledger(self, statement: str, says: str) -> None:
        give(PlayerFactory.create(), 7, key="a")

        with connection.cursor() as cursor:
            # Deferred foreign keys would refuse a TRUNCATE before our guard does.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            with pytest.raises(DatabaseError, match=says), transaction.atomic():
                cursor.execute(statement)

    def test_nobody_makes_a_wallet_by_hand(self) -> None:
        player = PlayerFactory.create()

        with pytest.raises(DatabaseError, match="only by a ledger entry"), transaction.atomic():
            Wallet.objects.create(
                player=player,
                free_energy=20,
                paid_energy=1_000,
                streak_savers=0,
                duel_tickets=0,
                energy_counted_until=NOON,
                changed_at=NOON,
            )


def test_a_question_takes_free_energy_first_and_then_paid() -> None:
    player = PlayerFactory.create()
    give(player, 2, key="a")

    charges = [wallets.charge_question(player=player, key=f"q{n}", now=NOON) for n in range(22)]

    buckets = [charge.entry.asset for charge in charges if charge.entry]
    assert buckets == ["FREE_ENERGY"] * 20 + ["PAID_ENERGY"] * 2


def test_what_regenerated_is_part_of_the_next_entry() -> None:
    player = PlayerFactory.create()
    for number in range(5):
        wallets.charge_question(player=player, key=f"q{number}", now=NOON)

    charge = wallets.charge_question(player=player, key="q5", now=NOON + timedelta(minutes=65))

    assert charge.entry is not None
    assert (charge.entry.free_energy, charge.entry.metadata) == (1, {"regenerated": 2})
    assert charge.energy.free == 16
    assert charge.energy.counted_until == NOON + timedelta(minutes=60)


def test_consuming_is_two_statements(django_assert_num_queries: Any) -> None:
    player = PlayerFactory.create()
    wallets.charge_question(player=player, key="q1", now=NOON)

    with django_assert_num_queries(2):
        wallets.charge_question(player=player, key="q2", now=NOON)


@pytest.mark.django_db(transaction=True)
class TestGrantWhileAQuestionWaits:
    """A question waits for the wallet that a grant of Premium holds."""

    @staticmethod
    def ask_while_premium_is_granted(player: Player) -> wallets.Charge:
        """Grant Premium, and before that is committed ask a question, which has to wait."""
        granted, asked = Event(), Event()

        def grant() -> None:
            with transaction.atomic():
                grants.grant(
                    player=player,
                    goods=Goods(premium=Plan.MONTH, premium_days=30),
                    type=EntryType.PRIZE,
                    source=Source.SYSTEM,
                    key="premium",
                    now=NOON,
                )
                granted.set()
                assert asked.wait(5)
                wait_for_waiting()

        def ask() -> wallets.Charge:
            assert granted.wait(5)
            asked.set()
            with transaction.atomic():
                return wallets.charge_question(player=player, key="q", now=NOON)

        charge: wallets.Charge = run_together(grant, ask)[1]
        return charge

    def test_it_is_not_charged(self) -> None:
        player = PlayerFactory.create()
        wallets.grant_welcome_energy(player=player, now=NOON)

        charge = self.ask_while_premium_is_granted(player)

        assert (charge.plan, charge.entry) == (Plan.MONTH, None)
        assert Wallet.objects.get(player=player).free_energy == 20

    def test_without_reading_again_it_would_be(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Show that the test above can fail: what the statement that waited has read is old."""
        player = PlayerFactory.create()
        wallets.grant_welcome_energy(player=player, now=NOON)
        blind = wallets._LOCK_WITH_PLAN.replace(" AS has_changed", " AND false AS has_changed")
        monkeypatch.setattr(wallets, "_LOCK_WITH_PLAN", blind)

        charge = self.ask_while_premium_is_granted(player)

        assert (charge.plan, charge.entry is None) == (None, False)
