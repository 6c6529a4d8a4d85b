"""Handing goods over and taking exactly those back."""

import string
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar

import hypothesis
import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Sum
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from economy import entitlements, grants, ledger, tickets, wallets
from economy.errors import InvalidEntryError, KeyReusedError, NoEnergyError, NotEnoughError
from economy.goods import Goods, Plan
from economy.grants import Reversal, ReversalPlan
from economy.ledger import Deltas
from economy.models import (
    Asset,
    Direction,
    EntryType,
    LedgerEntry,
    ModeSpan,
    PremiumSpan,
    Source,
    Wallet,
)
from quizarena.players.models import Player
from tests.concurrency import meet_after, run_together
from tests.factories import PlayerFactory
from tests.owner import as_owner

NOON = datetime(2026, 11, 22, 11, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MEGA_PACK = Goods(
    paid_energy=15, mode_codes=("CASES_PRACTICE", "TRENNBARE_VERBEN", "WORD_ORDER"), mode_hours=24
)
PREMIUM_MONTH = Goods(premium=Plan.MONTH, premium_days=30)

pytestmark = pytest.mark.django_db


def give(
    player: Player, goods: Goods, *, key: str, now: datetime = NOON, **more: Any
) -> tuple[LedgerEntry, bool]:
    """Grant goods, as a prize unless given otherwise."""
    with transaction.atomic():
        return grants.grant(
            player=player,
            goods=goods,
            key=key,
            now=now,
            **{"type": EntryType.PRIZE, "source": Source.SYSTEM, **more},
        )


def reverse(
    entry: LedgerEntry, *, key: str = "back", now: datetime = NOON, **more: Any
) -> Reversal:
    """Reverse a grant."""
    with transaction.atomic():
        return grants.reverse(
            entry=entry,
            key=key,
            now=now,
            **{"type": EntryType.TAKEN_BACK, "source": Source.SYSTEM, **more},
        )


def spend(
    player: Player, amount: int, unit: str, *, key: str = "spent", now: datetime = NOON
) -> None:
    """Take units out of the wallet for something that was played."""
    ledger.post(
        player=player,
        type=EntryType.TICKET_USED,
        asset=grants.ASSET_OF[unit],
        direction=Direction.DEBIT,
        amount=amount,
        deltas=Deltas(**{unit: -amount}),
        source=Source.GAME,
        key=key,
        request={},
        now=now,
    )


@contextmanager
def ledger_that_does_not_look_for_a_reversal() -> Iterator[None]:
    """Let the trigger of the ledger post a second reversal of an entry."""
    with as_owner() as cursor:
        cursor.execute(
            "SELECT pg_get_functiondef(tgfoid) FROM pg_trigger"
            " WHERE tgname LIKE 'pgtrigger_apply_to_wallet%'"
        )
        (function,) = cursor.fetchone()
        changed = function.replace("NEW.reverses_id IS NOT NULL AND", "false AND")
        assert changed != function
        cursor.execute(changed)
    try:
        yield
    finally:
        with as_owner() as cursor:
            cursor.execute(function)


def owned(player: Player) -> tuple[int, int, int]:
    """Return paid energy, streak savers and duel tickets."""
    wallet = Wallet.objects.get(player=player)
    return wallet.paid_energy, wallet.streak_savers, wallet.duel_tickets


class TestGoods:
    """What can be handed over at all."""

    @pytest.mark.parametrize(
        "parts",
        [
            {},
            {"paid_energy": 0},
            {"paid_energy": -1},
            {"paid_energy": 100_001},
            {"streak_savers": -1, "duel_tickets": 2},
            {"premium": Plan.MONTH},
            {"premium_days": 30},
            {"premium": Plan.MONTH, "premium_days": -1},
            {"premium": Plan.MONTH, "premium_days": 3_661},
            {"mode_codes": ("WORD_ORDER",)},
            {"mode_hours": 24},
            {"mode_codes": ("WORD_ORDER",), "mode_hours": -1},
            {"mode_codes": ("WORD_ORDER", "WORD_ORDER"), "mode_hours": 24},
            {"mode_codes": ("word order",), "mode_hours": 24},
            {"mode_codes": ("",), "mode_hours": 24},
        ],
    )
    def test_what_makes_no_sense_is_refused(self, parts: dict[str, Any]) -> None:
        with pytest.raises(InvalidEntryError):
            Goods(**parts)

    @pytest.mark.parametrize(
        ("goods", "breakdown"),
        [
            (Goods(paid_energy=10), {"paid_energy": 10}),
            (Goods(streak_savers=1), {"streak_saver_tokens": 1}),
            (Goods(duel_tickets=1), {"friend_challenge_tickets": 1}),
            (PREMIUM_MONTH, {"premium_days": 30}),
            (
                MEGA_PACK,
                {
                    "paid_energy": 15,
                    "mode_codes": ["CASES_PRACTICE", "TRENNBARE_VERBEN", "WORD_ORDER"],
                },
            ),
        ],
    )
    def test_the_breakdown_has_the_keys_that_apply(
        self, goods: Goods, breakdown: dict[str, Any]
    ) -> None:
        assert goods.breakdown() == breakdown
        assert Goods.from_metadata(goods.metadata()) == goods

    def test_plans_have_ranks_and_freezes(self) -> None:
        assert [(plan.value, plan.rank, plan.freezes_per_week) for plan in Plan] == [
            ("STARTER", 1, 0),
            ("MONTH", 2, 1),
            ("SEASON", 3, None),
            ("YEAR", 4, None),
        ]


class TestGrant:
    """One entry, and all that it delivers."""

    def test_a_purchase_is_one_credit_of_its_stars(self) -> None:
        player = PlayerFactory.create()

        entry, is_new = give(
            player,
            MEGA_PACK,
            key="credit:purchase:7",
            type=EntryType.PURCHASE_CREDIT,
            source=Source.PURCHASE,
            asset=Asset.PURCHASE,
            amount=15,
            metadata={"charge": "abc"},
        )

        assert is_new
        assert (entry.direction, entry.asset, entry.amount) == ("CREDIT", "PURCHASE", 15)
        assert entry.metadata == {
            "charge": "abc",
            "asset_breakdown": {
                "paid_energy": 15,
                "mode_codes": ["CASES_PRACTICE", "TRENNBARE_VERBEN", "WORD_ORDER"],
            },
            "mode_hours": 24,
        }
        assert owned(player) == (15, 0, 0)
        assert set(ModeSpan.objects.values_list("mode", "ends_at", "entry")) == {
            ("CASES_PRACTICE", NOON + 24 * HOUR, entry.pk),
            ("TRENNBARE_VERBEN", NOON + 24 * HOUR, entry.pk),
            ("WORD_ORDER", NOON + 24 * HOUR, entry.pk),
        }
        assert LedgerEntry.objects.count() == 1

    @pytest.mark.parametrize(
        ("goods", "asset", "amount"),
        [
            (Goods(paid_energy=10), "PAID_ENERGY", 10),
            (Goods(streak_savers=2), "STREAK_SAVERS", 2),
            (Goods(duel_tickets=3), "DUEL_TICKETS", 3),
            (Goods(paid_energy=10, duel_tickets=3), "GOODS", 1),
            (MEGA_PACK, "GOODS", 1),
            (PREMIUM_MONTH, "GOODS", 1),
        ],
    )
    def test_a_gift_is_about_its_one_asset_or_one_parcel_of_goods(
        self, goods: Goods, asset: str, amount: int
    ) -> None:
        entry, _ = give(PlayerFactory.create(), goods, key="a")

        assert (entry.asset, entry.amount) == (asset, amount)

    def test_premium_names_its_grant(self) -> None:
        entry, _ = give(PlayerFactory.create(), PREMIUM_MONTH, key="a")

        span = PremiumSpan.objects.get()
        assert (span.entry, span.plan) == (entry, "MONTH")
        assert (span.starts_at, span.ends_at) == (NOON, NOON + 30 * DAY)

    def test_the_same_key_and_goods_return_the_first_entry_and_change_nothing(self) -> None:
        player = PlayerFactory.create()
        goods = replace(PREMIUM_MONTH, paid_energy=5)
        first, _ = give(player, goods, key="a", request={"purchase": 7})

        again, is_new = give(player, goods, key="a", now=NOON + DAY, request={"purchase": 7})

        assert (again.pk, is_new) == (first.pk, False)
        assert owned(player) == (5, 0, 0)
        assert PremiumSpan.objects.count() == 1

    @pytest.mark.parametrize(
        ("goods", "more"),
        [
            (Goods(paid_energy=11), {}),
            (Goods(paid_energy=10), {"request": {"purchase": 8}}),
            (Goods(paid_energy=10), {"type": EntryType.PROMO_GRANT}),
            (Goods(paid_energy=10), {"asset": Asset.PURCHASE, "amount": 5}),
        ],
    )
    def test_the_same_key_for_anything_else_is_a_conflict(
        self, goods: Goods, more: dict[str, Any]
    ) -> None:
        player = PlayerFactory.create()
        give(player, Goods(paid_energy=10), key="a", request={"purchase": 7})

        with pytest.raises(KeyReusedError):
            give(player, goods, key="a", **more)

    @pytest.mark.parametrize(
        "more",
        [
            {"asset": Asset.PURCHASE},
            {"amount": 5},
            {"asset": Asset.PURCHASE, "amount": 0},
            {"asset": Asset.PURCHASE, "amount": 1_000_001},
            {"now": datetime(2026, 1, 1)},  # noqa: DTZ001
            {"key": ""},
        ],
    )
    def test_what_makes_no_sense_is_refused_before_anything_is_written(
        self, more: dict[str, Any]
    ) -> None:
        with pytest.raises(InvalidEntryError):
            give(PlayerFactory.create(), MEGA_PACK, **{"key": "a", **more})

        assert not LedgerEntry.objects.exists()
        assert not ModeSpan.objects.exists()

    def test_staff_grant_under_their_name_with_a_reason(self) -> None:
        staff = User.objects.create_user("berta")

        entry, _ = give(
            PlayerFactory.create(),
            Goods(paid_energy=10),
            key="a",
            type=EntryType.STAFF_GRANT,
            source=Source.STAFF,
            staff=staff,
            reason="Lost in an outage.",
        )

        assert (entry.staff, entry.reason) == (staff, "Lost in an outage.")

    @pytest.mark.parametrize(
        ("goods", "statements"), [(Goods(paid_energy=10), 1), (PREMIUM_MONTH, 3), (MEGA_PACK, 3)]
    )
    def test_a_grant_takes_few_statements(
        self, goods: Goods, statements: int, django_assert_num_queries: Any
    ) -> None:
        player = PlayerFactory.create()

        with django_assert_num_queries(statements):
            grants.grant(
                player=player,
                goods=goods,
                type=EntryType.PRIZE,
                source=Source.SYSTEM,
                key="a",
                now=NOON,
            )


class TestReverse:
    """Exactly one grant is reversed, and what is spent is reported."""

    def test_what_is_still_there_is_taken(self) -> None:
        player = PlayerFactory.create()
        goods = Goods(paid_energy=10, streak_savers=1, duel_tickets=2)
        entry, _ = give(player, goods, key="a")
        give(player, Goods(paid_energy=3), key="b")

        reversal = reverse(entry)

        assert reversal.is_new
        assert reversal.taken == {"paid_energy": 10, "streak_savers": 1, "duel_tickets": 2}
        assert reversal.shortfall == {}
        assert reversal.entry.shortfall is None
        assert owned(player) == (3, 0, 0)

    def test_a_refund_is_one_debit_of_the_same_asset_and_amount(self) -> None:
        player = PlayerFactory.create()
        credit, _ = give(
            player,
            MEGA_PACK,
            key="credit:purchase:7",
            type=EntryType.PURCHASE_CREDIT,
            source=Source.PURCHASE,
            asset=Asset.PURCHASE,
            amount=15,
        )

        refund = reverse(
            credit, key="refund:7", type=EntryType.PURCHASE_REFUND, source=Source.PURCHASE
        ).entry

        assert (refund.type, refund.direction) == ("PURCHASE_REFUND", "DEBIT")
        assert (refund.asset, refund.amount) == ("PURCHASE", 15)
        assert (refund.reverses, refund.idempotency_key) == (credit, "refund:7")
        assert refund.metadata == credit.metadata

    @pytest.mark.parametrize(
        ("goods", "spent", "taken", "shortfall", "left"),
        [
            (
                Goods(paid_energy=10),
                (4, "paid_energy"),
                {"paid_energy": 6},
                {"paid_energy": 4},
                (0, 0, 0),
            ),
            (Goods(streak_savers=1), (1, "streak_savers"), {}, {"streak_savers": 1}, (0, 0, 0)),
            (
                Goods(duel_tickets=5),
                (1, "duel_tickets"),
                {"duel_tickets": 4},
                {"duel_tickets": 1},
                (0, 0, 0),
            ),
            (
                Goods(paid_energy=10, streak_savers=2),
                (10, "paid_energy"),
                {"streak_savers": 2},
                {"paid_energy": 10},
                (0, 0, 0),
            ),
        ],
    )
    def test_what_is_spent_is_reported_and_not_clipped_silently(
        self,
        goods: Goods,
        spent: tuple[int, str],
        taken: dict[str, int],
        shortfall: dict[str, int],
        left: tuple[int, int, int],
    ) -> None:
        player = PlayerFactory.create()
        entry, _ = give(player, goods, key="a")
        spend(player, *spent)

        reversal = reverse(entry)

        assert (reversal.taken, reversal.shortfall) == (taken, shortfall)
        assert reversal.entry.shortfall == shortfall
        assert (reversal.entry.asset, reversal.entry.amount) == (entry.asset, entry.amount)
        assert owned(player) == left

    @pytest.mark.parametrize(
        ("after", "taken", "shortfall"),
        [
            (timedelta(0), {"premium_days": 30}, {}),
            (DAY - timedelta(microseconds=1), {"premium_days": 30}, {}),
            (DAY, {"premium_days": 29}, {"premium_days": 1}),
            (12.5 * DAY, {"premium_days": 18}, {"premium_days": 12}),
            (30 * DAY, {}, {"premium_days": 30}),
            (400 * DAY, {}, {"premium_days": 30}),
        ],
    )
    def test_whole_days_of_premium_that_have_passed_are_missing(
        self, after: timedelta, taken: dict[str, int], shortfall: dict[str, int]
    ) -> None:
        player = PlayerFactory.create()
        entry, _ = give(player, PREMIUM_MONTH, key="a")

        reversal = reverse(entry, now=NOON + after)

        assert (reversal.taken, reversal.shortfall) == (taken, shortfall)
        assert entitlements.premium_at(player=player, at=NOON + after) is None

    def test_days_that_wait_behind_another_plan_are_not_missing(self) -> None:
        player = PlayerFactory.create()
        month, _ = give(player, PREMIUM_MONTH, key="a")
        give(player, Goods(premium=Plan.YEAR, premium_days=365), key="b", now=NOON + 2 * DAY)

        reversal = reverse(month, now=NOON + 100 * DAY)

        assert reversal.shortfall == {"premium_days": 2}

    def test_the_hours_of_the_mode_that_was_open_longest_are_missing(self) -> None:
        player = PlayerFactory.create()
        give(player, Goods(mode_codes=("WORD_ORDER",), mode_hours=48), key="a")
        pack, _ = give(player, MEGA_PACK, key="b")

        reversal = reverse(pack, now=NOON + 5.5 * HOUR)

        assert reversal.taken == {"paid_energy": 15, "mode_hours": 19}
        assert reversal.shortfall == {"mode_hours": 5}

    def test_only_the_entitlements_of_this_grant_are_revoked(self) -> None:
        player = PlayerFactory.create()
        give(player, Goods(premium=Plan.STARTER, premium_days=7), key="starter")
        month, _ = give(player, PREMIUM_MONTH, key="month", now=NOON + 2 * DAY)
        pack, _ = give(player, MEGA_PACK, key="pack", now=NOON + 2 * DAY)

        reverse(month, now=NOON + 3 * DAY)

        assert entitlements.premium_at(player=player, at=NOON + 3 * DAY) is Plan.STARTER
        assert entitlements.premium_until(player=player, now=NOON + 3 * DAY) == NOON + 8 * DAY
        assert set(ModeSpan.objects.values_list("entry", "revoked_at")) == {(pack.pk, None)}

    def test_taking_back_again_returns_the_first_outcome_whatever_the_key(self) -> None:
        player = PlayerFactory.create()
        entry, _ = give(player, Goods(paid_energy=10), key="a")
        spend(player, 4, "paid_energy")
        first = reverse(entry, key="refund")
        give(player, Goods(paid_energy=10), key="b")

        again = [reverse(entry, key=key, now=NOON + DAY) for key in ("refund", "another")]

        assert again == [replace(first, is_new=False)] * 2
        assert owned(player) == (10, 0, 0)

    def test_a_key_that_belongs_to_something_else_is_a_conflict(self) -> None:
        player = PlayerFactory.create()
        entry, _ = give(player, PREMIUM_MONTH, key="a")
        other, _ = give(player, Goods(paid_energy=1), key="b")
        reverse(other, key="back")

        for key in ("a", "b", "back"):
            with pytest.raises(KeyReusedError):
                reverse(entry, key=key)

        assert PremiumSpan.objects.get().revoked_at is None

    def test_only_a_grant_can_be_reversed(self) -> None:
        player = PlayerFactory.create()
        entry, _ = give(player, Goods(paid_energy=10), key="a")
        reversing = reverse(entry).entry

        for no_grant in (reversing, wallets.grant_welcome_energy(player=player, now=NOON)):
            with pytest.raises(InvalidEntryError, match="is not a grant"):
                reverse(no_grant, key="again")

    def test_what_would_be_taken_is_known_before(self) -> None:
        player = PlayerFactory.create()
        goods = Goods(
            paid_energy=10,
            premium=Plan.STARTER,
            premium_days=7,
            mode_codes=("WORD_ORDER",),
            mode_hours=24,
        )
        entry, _ = give(player, goods, key="a")
        spend(player, 4, "paid_energy")

        plan = grants.preview_reversal(entry=entry, now=NOON + 3 * DAY)

        assert plan == ReversalPlan(
            taken={"paid_energy": 6, "premium_days": 4},
            shortfall={"paid_energy": 4, "premium_days": 3, "mode_hours": 24},
        )
        reversal = reverse(entry, now=NOON + 3 * DAY)
        assert (reversal.taken, reversal.shortfall) == (plan.taken, plan.shortfall)

    @pytest.mark.parametrize(
        ("goods", "statements"), [(Goods(paid_energy=10), 2), (PREMIUM_MONTH, 4), (MEGA_PACK, 4)]
    )
    def test_taking_back_takes_few_statements(
        self, goods: Goods, statements: int, django_assert_num_queries: Any
    ) -> None:
        player = PlayerFactory.create()
        wallets.grant_welcome_energy(player=player, now=NOON)
        give(player, goods, key="a")
        entry = LedgerEntry.objects.select_related("player").get(idempotency_key="a")

        with django_assert_num_queries(statements):
            grants.reverse(
                entry=entry,
                type=EntryType.TAKEN_BACK,
                source=Source.SYSTEM,
                key="back",
                now=NOON,
            )


class TestDatabaseSaysNo:
    """The amount of a reversal, by a road that does not pass through the services."""

    @pytest.mark.parametrize(
        ("delta", "shortfall"), [(-5, None), (-5, {"paid_energy": 4}), (-10, {"paid_energy": 1})]
    )
    def test_a_debit_and_its_shortfall_make_its_amount(
        self, delta: int, shortfall: dict[str, int] | None
    ) -> None:
        player = PlayerFactory.create()
        entry, _ = give(player, Goods(paid_energy=10), key="a")

        with pytest.raises(IntegrityError, match="entry_paid_energy_moves_its_amount"):
            self.debit(player, delta, shortfall, reverses=entry)

    def test_only_a_reversal_falls_short(self) -> None:
        player = PlayerFactory.create()
        give(player, Goods(paid_energy=10), key="a")

        with pytest.raises(IntegrityError, match="entry_falls_short_only_as_a_reversal"):
            self.debit(player, -5, {"paid_energy": 5})

    @staticmethod
    def debit(
        player: Player,
        delta: int,
        shortfall: dict[str, int] | None,
        reverses: LedgerEntry | None = None,
    ) -> None:
        """Post a debit of ten points of paid energy."""
        with transaction.atomic():
            ledger.post(
                player=player,
                type=EntryType.TAKEN_BACK,
                asset=Asset.PAID_ENERGY,
                direction=Direction.DEBIT,
                amount=10,
                deltas=Deltas(paid_energy=delta),
                source=Source.SYSTEM,
                key="b",
                request={},
                now=NOON,
                shortfall=shortfall,
                reverses=reverses,
            )


@pytest.mark.django_db(transaction=True)
class TestConcurrency:
    """Two at once."""

    def test_parallel_grants_of_one_key_give_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        player = PlayerFactory.create()
        goods = replace(PREMIUM_MONTH, paid_energy=5)
        meet_after(monkeypatch, ledger, "post")
        call = partial(give, player, goods, key="a")

        results = run_together(call, call)

        assert sorted(is_new for _, is_new in results) == [False, True]
        assert owned(player) == (5, 0, 0)
        assert entitlements.premium_until(player=player, now=NOON) == NOON + 30 * DAY

    def test_if_the_ledger_did_not_know_the_key_both_would_give(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the test above can fail: let each caller have a key of its own."""
        player = PlayerFactory.create()
        goods = replace(PREMIUM_MONTH, paid_energy=5)
        post, letters = ledger.post, iter(string.ascii_lowercase)
        monkeypatch.setattr(ledger, "post", lambda **asked: post(**{**asked, "key": next(letters)}))
        meet_after(monkeypatch, ledger, "post")
        call = partial(give, player, goods, key="a")

        results = run_together(call, call)

        assert [is_new for _, is_new in results] == [True, True]
        assert owned(player) == (10, 0, 0)
        assert entitlements.premium_until(player=player, now=NOON) == NOON + 60 * DAY

    def test_what_is_spent_meanwhile_is_missing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        player = PlayerFactory.create()
        entry, _ = give(player, Goods(duel_tickets=10), key="a")
        meet_after(monkeypatch, wallets, "lock")

        reversal, spent = run_together(partial(reverse, entry), partial(self.look_and_spend, entry))

        if isinstance(spent, NotEnoughError):
            assert (reversal.taken, reversal.shortfall) == ({"duel_tickets": 10}, {})
        else:
            assert reversal.taken == {"duel_tickets": 9}
            assert reversal.shortfall == {"duel_tickets": 1}
        assert owned(player) == (0, 0, 0)

    def test_without_the_lock_what_is_spent_meanwhile_is_not_seen(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the test above can fail: the database refuses what was read too early."""
        player = PlayerFactory.create()
        entry, _ = give(player, Goods(duel_tickets=10), key="a")
        self.take_the_lock_away(monkeypatch)

        results = run_together(partial(reverse, entry), partial(self.look_and_spend, entry))

        # Both have seen ten, so whoever writes second asks for too much.
        assert [type(result) for result in results].count(NotEnoughError) == 1

    def test_two_who_reverse_at_once_reverse_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        player = PlayerFactory.create()
        entry, _ = give(player, replace(PREMIUM_MONTH, paid_energy=5), key="a")
        give(player, Goods(paid_energy=5), key="b")
        meet_after(monkeypatch, wallets, "lock")

        results = run_together(
            partial(reverse, entry, key="refund"), partial(reverse, entry, key="staff")
        )

        assert sorted(reversal.is_new for reversal in results) == [False, True]
        assert results[0].entry == results[1].entry
        assert owned(player) == (5, 0, 0)

    def test_if_the_ledger_did_not_look_the_second_would_take_again(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the test above can fail: only the last guard of the database is left."""
        player = PlayerFactory.create()
        entry, _ = give(player, Goods(paid_energy=5), key="a")
        give(player, Goods(paid_energy=5), key="b")
        meet_after(monkeypatch, wallets, "lock")

        with ledger_that_does_not_look_for_a_reversal():
            results = run_together(
                partial(reverse, entry, key="refund"), partial(reverse, entry, key="staff")
            )

        assert sorted(type(result).__name__ for result in results) == ["IntegrityError", "Reversal"]

    @staticmethod
    def look_and_spend(entry: LedgerEntry) -> None:
        """Spend a ticket of a grant as every verb does that spends: lock, look, write."""
        with transaction.atomic():
            wallets.lock(player=entry.player, now=NOON)
            if tickets.left_of(grant=entry) < 1:
                raise NotEnoughError(asset="duel_tickets", owned=0, needed=1)
            spend(entry.player, 1, "duel_tickets")

    @staticmethod
    def take_the_lock_away(monkeypatch: pytest.MonkeyPatch) -> None:
        """Let everybody read the wallet without its lock, and both before either writes."""

        def look(*, player: Player, now: datetime) -> Wallet:
            return Wallet.objects.get(player=player)

        monkeypatch.setattr(wallets, "lock", look)
        meet_after(monkeypatch, tickets, "left_of")


class Queue:
    """What of some grants is left, counted down: an oracle that knows no instants of its own."""

    def __init__(self) -> None:
        self.at = NOON
        self.waiting: list[tuple[str, int, timedelta]] = []

    def left(self, now: datetime) -> list[tuple[str, int, timedelta]]:
        """Return key, rank and time left of each grant at `now`, the one in front first."""
        passed = max(timedelta(0), now - self.at)
        left = []
        for key, rank, time in self.waiting:
            used = min(time, passed)
            passed -= used
            if time > used:
                left.append((key, rank, time - used))
        return left

    def add(self, key: str, rank: int, time: timedelta, *, at: datetime) -> None:
        """Let a grant in behind everything of its rank or above."""
        left = self.left(at)
        place = sum(other >= rank for _, other, _ in left)
        self.at, self.waiting = at, [*left[:place], (key, rank, time), *left[place:]]

    def remove(self, key: str, *, at: datetime) -> timedelta:
        """Let a grant go, and return what was left of it."""
        left = self.left(at)
        gone = sum((time for other, _, time in left if other == key), timedelta(0))
        if gone:
            self.at, self.waiting = at, [row for row in left if row[0] != key]
        return gone


MODES = ("CASES_PRACTICE", "WORD_ORDER")


@st.composite
def parcels(draw: st.DrawFn) -> Goods:
    """Return any goods, small enough to be used up within a run."""
    premium = draw(st.none() | st.sampled_from(Plan))
    modes = tuple(draw(st.sets(st.sampled_from(MODES))))
    return Goods(
        paid_energy=draw(st.integers(min_value=0 if premium or modes else 1, max_value=5)),
        streak_savers=draw(st.integers(min_value=0, max_value=2)),
        premium=premium,
        premium_days=draw(st.integers(min_value=1, max_value=3)) if premium else 0,
        mode_codes=modes,
        mode_hours=draw(st.integers(min_value=1, max_value=48)) if modes else 0,
    )


Draw = Callable[[st.SearchStrategy[Any]], Any]

DEEDS = (
    "grant",
    "grant",
    "grant_again",
    "reverse",
    "ask_questions",
    "use_a_saver",
    "the_clock_goes_on",
    "the_clock_is_set_back",
)
# What has to happen in a run, or the run has shown nothing of it.
EVENTS = {
    "granted",
    "granted again",
    "reversed",
    "reversed, but for what was used",
    "reversed again",
    "a question for nothing, with Premium",
    "a question for free energy",
    "a question for paid energy",
    "a question without energy",
    "a saver used",
    "the clock went on",
    "the clock was set back",
}


class Economy(RuleBasedStateMachine):
    """Whatever happens in whatever order, nobody gets or loses what nobody decided."""

    happened: ClassVar[Counter[str]] = Counter()

    @initialize()
    def begin(self) -> None:
        """Begin with a player who has the first energy."""
        self.everything = transaction.atomic()
        self.everything.__enter__()
        self.player = PlayerFactory.create()
        self.now = self.clock = NOON
        wallets.grant_welcome_energy(player=self.player, now=NOON)
        self.granted: dict[str, tuple[LedgerEntry, Goods]] = {}
        self.reversed: dict[str, Reversal] = {}
        self.premium = Queue()
        self.modes = {mode: Queue() for mode in MODES}
        # What premium_at has answered, for instants that are history.
        self.answered: dict[datetime, Plan | None] = {}
        self.units = {"paid_energy": 0, "streak_savers": 0}
        self.charges = 0

    def teardown(self) -> None:
        """Leave nothing behind."""
        transaction.set_rollback(True)
        self.everything.__exit__(None, None, None)

    @rule(deed=st.sampled_from(DEEDS), data=st.data())
    def something_happens(self, deed: str, data: st.DataObject) -> None:
        """Do anything that can be done; one rule, or Hypothesis would leave out whole deeds."""
        getattr(self, deed)(data.draw)

    def grant(self, draw: Draw) -> None:
        """Give something new."""
        goods = draw(parcels())
        key = f"grant:{len(self.granted)}"
        entry, is_new = give(self.player, goods, key=key, now=self.now)
        assert is_new
        at = self.written()
        self.granted[key] = entry, goods
        for unit in self.units:
            self.units[unit] += goods.units[unit]
        if goods.premium:
            self.premium.add(key, goods.premium.rank, goods.premium_time, at=at)
        for mode in goods.mode_codes:
            self.modes[mode].add(key, 0, goods.mode_time, at=at)
        self.happened["granted"] += 1

    def grant_again(self, draw: Draw) -> None:
        """Deliver every grant once more."""
        for key, (entry, goods) in self.granted.items():
            assert give(self.player, goods, key=key, now=self.now) == (entry, False)
            self.happened["granted again"] += 1

    def reverse(self, draw: Draw) -> None:
        """Reverse any grant, perhaps not for the first time."""
        if not self.granted:
            return
        key = draw(st.sampled_from(sorted(self.granted)))
        entry, goods = self.granted[key]
        reversal = reverse(entry, key=f"back:{key}", now=self.now)
        if key in self.reversed:
            assert reversal == replace(self.reversed[key], is_new=False)
            self.happened["reversed again"] += 1
            return
        at = self.written()
        self.reversed[key] = reversal
        for unit in self.units:
            missing = max(0, goods.units[unit] - self.units[unit])
            assert reversal.shortfall.get(unit, 0) == missing
            assert reversal.taken.get(unit, 0) == goods.units[unit] - missing
            self.units[unit] -= goods.units[unit] - missing
        left = self.premium.remove(key, at=at)
        assert reversal.shortfall.get("premium_days", 0) == (goods.premium_time - left) // DAY
        hours = [
            (goods.mode_time - self.modes[mode].remove(key, at=at)) // HOUR
            for mode in goods.mode_codes
        ]
        assert reversal.shortfall.get("mode_hours", 0) == max(hours, default=0)
        self.happened["reversed" + ", but for what was used" * bool(reversal.shortfall)] += 1

    def ask_questions(self, draw: Draw) -> None:
        """Charge one question, or so many that free energy is used up."""
        for _ in range(draw(st.sampled_from([1, 25]))):
            self.ask_a_question()

    def ask_a_question(self) -> None:
        """Charge a question, which is nothing to whoever has Premium."""
        self.charges += 1
        key = f"question:{self.charges}"
        try:
            charge = wallets.charge_question(player=self.player, key=key, now=self.now)
        except NoEnergyError:
            assert self.units["paid_energy"] == 0
            self.happened["a question without energy"] += 1
            return
        assert charge.plan == entitlements.premium_at(player=self.player, at=self.now)
        assert (charge.entry is None) == (charge.plan is not None)
        if charge.entry is None:
            self.happened["a question for nothing, with Premium"] += 1
            return
        self.written()
        self.units["paid_energy"] += charge.entry.paid_energy
        bucket = "paid" if charge.entry.paid_energy else "free"
        self.happened[f"a question for {bucket} energy"] += 1

    def use_a_saver(self, draw: Draw) -> None:
        """Spend a streak saver, if there is one."""
        if not self.units["streak_savers"]:
            return
        self.charges += 1
        spend(self.player, 1, "streak_savers", key=f"saver:{self.charges}", now=self.now)
        self.written()
        self.units["streak_savers"] -= 1
        self.happened["a saver used"] += 1

    def the_clock_goes_on(self, draw: Draw) -> None:
        """Let time pass."""
        self.remember()
        self.now += draw(st.timedeltas(min_value=timedelta(0), max_value=4 * DAY))
        self.happened["the clock went on"] += 1

    def the_clock_is_set_back(self, draw: Draw) -> None:
        """Let the next one have a clock that lags behind."""
        self.remember()
        self.now -= draw(st.timedeltas(min_value=timedelta(0), max_value=DAY))
        self.happened["the clock was set back"] += 1

    @invariant()
    def the_wallet_is_the_sum_of_its_entries(self) -> None:
        """Compare the wallet with the ledger and with what has been given and spent."""
        wallet = Wallet.objects.get(player=self.player)
        names = ("free_energy", "paid_energy", "streak_savers", "duel_tickets")
        sums = LedgerEntry.objects.filter(player=self.player).aggregate(
            **{f"sum_{name}": Sum(name) for name in names}
        )
        assert {f"sum_{name}": getattr(wallet, name) for name in names} == sums
        assert all(total >= 0 for total in sums.values())
        assert wallet.free_energy <= 20
        assert {unit: getattr(wallet, unit) for unit in self.units} == self.units

    @invariant()
    def nobody_loses_time(self) -> None:
        """Compare what is left of each grant with the oracle, to the microsecond."""
        at = max(self.now, self.clock)
        for key, (entry, _) in self.granted.items():
            left = entitlements.left(entry=entry, now=at)
            assert left.premium == self.time_left(self.premium, key, at)
            for mode, queue in self.modes.items():
                assert left.modes.get(mode, timedelta(0)) == self.time_left(queue, key, at)

    @invariant()
    def the_highest_plan_is_in_front(self) -> None:
        """Compare the plan with the oracle."""
        at = max(self.now, self.clock)
        plan = entitlements.premium_at(player=self.player, at=at)
        ranks = [rank for _, rank, _ in self.premium.left(at)]
        assert (plan.rank if plan else None) == (ranks[0] if ranks else None)

    @invariant()
    def the_past_is_answered_as_it_was(self) -> None:
        """Ask again what has been asked before."""
        for at, plan in self.answered.items():
            assert entitlements.premium_at(player=self.player, at=at) == plan

    def written(self) -> datetime:
        """Return the instant of an entry that is written now: the ledger never goes back."""
        self.clock = max(self.clock, self.now)
        self.answered = {at: plan for at, plan in self.answered.items() if at < self.clock}
        return self.clock

    def remember(self) -> None:
        """Remember what plan the player has now."""
        self.answered[self.now] = entitlements.premium_at(player=self.player, at=self.now)

    @staticmethod
    def time_left(queue: Queue, key: str, at: datetime) -> timedelta:
        """Return what the oracle knows to be left of a grant."""
        return sum((time for other, _, time in queue.left(at) if other == key), timedelta(0))


@pytest.mark.slow
def test_whatever_happens_the_books_balance() -> None:
    run_state_machine_as_test(
        Economy,
        settings=hypothesis.settings(max_examples=15, stateful_step_count=25),
    )

    assert set(Economy.happened) == EVENTS
