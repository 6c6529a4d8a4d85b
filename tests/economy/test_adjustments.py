"""What staff may change by hand, and how much of it on one day."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction

from economy import adjustments, entitlements, grants, streaks, wallets
from economy.errors import (
    DailyLimitError,
    InvalidEntryError,
    KeyReusedError,
    NotEnoughError,
    OverCapError,
)
from economy.goods import Goods, Plan
from economy.models import Asset, EntryType, LedgerEntry, Source, Wallet
from quizarena.players.models import Player
from tests.concurrency import meet_after, run_together
from tests.factories import PlayerFactory, make_staff

# A Sunday in winter: 12:00 in Berlin.
NOON = datetime(2026, 11, 22, 11, tzinfo=UTC)
HALF_AN_HOUR = timedelta(minutes=30)
WINTER_MIDNIGHT = datetime(2026, 11, 22, 23, tzinfo=UTC)


def adjust(
    player: Player,
    amount: int,
    *,
    staff: User,
    asset: Asset = Asset.PAID_ENERGY,
    key: str = "a",
    now: datetime = NOON,
    reason: str = "The round hung.",
) -> LedgerEntry:
    """Adjust what the player owns; return the entry."""
    entry, _ = adjustments.adjust(
        player=player, asset=asset, amount=amount, reason=reason, staff=staff, now=now, key=key
    )
    return entry


def owned(player: Player) -> tuple[int, int, int, int]:
    """Return free and paid energy, savers and tickets, as stored."""
    wallet = Wallet.objects.get(player=player)
    return wallet.free_energy, wallet.paid_energy, wallet.streak_savers, wallet.duel_tickets


@transaction.atomic
def play(player: Player, questions: int, *, now: datetime = NOON) -> None:
    """Let the player pay for so many questions."""
    for number in range(questions):
        wallets.charge_question(player=player, key=f"q{now}:{number}", now=now)


@pytest.mark.django_db
class TestAdjusting:
    def test_it_is_an_entry_with_its_reason_and_the_member_of_staff(self) -> None:
        support = make_staff("Support")
        player = PlayerFactory.create()

        entry = adjust(player, 10, staff=support, reason=" The round hung. ")

        assert (entry.type, entry.asset, entry.direction, entry.amount, entry.source) == (
            "STAFF_ADJUSTMENT",
            "PAID_ENERGY",
            "CREDIT",
            10,
            "STAFF",
        )
        assert (entry.staff, entry.reason) == (support, "The round hung.")
        assert owned(player) == (20, 10, 0, 0)

    @pytest.mark.parametrize(
        ("asset", "expected"),
        [
            (Asset.FREE_ENERGY, (13, 5, 5, 5)),
            (Asset.PAID_ENERGY, (10, 8, 5, 5)),
            (Asset.STREAK_SAVERS, (10, 5, 8, 5)),
            (Asset.DUEL_TICKETS, (10, 5, 5, 8)),
        ],
    )
    def test_every_asset_of_the_wallet_goes_up_and_down(
        self, asset: Asset, expected: tuple[int, int, int, int]
    ) -> None:
        finance = make_staff("Finance")
        player = PlayerFactory.create()
        play(player, 10)
        for other in (Asset.PAID_ENERGY, Asset.STREAK_SAVERS, Asset.DUEL_TICKETS):
            adjust(player, 5, asset=other, staff=finance, key=f"given:{other}")

        adjust(player, 4, asset=asset, staff=finance, key="up")
        adjust(player, -1, asset=asset, staff=finance, key="down")

        assert owned(player) == expected

    def test_the_same_key_is_one_adjustment(self) -> None:
        support = make_staff("Support")
        player = PlayerFactory.create()

        first, again = adjust(player, 50, staff=support), adjust(player, 50, staff=support)

        assert first.pk == again.pk
        assert owned(player) == (20, 50, 0, 0)

    def test_the_same_key_for_another_amount_is_a_conflict(self) -> None:
        support = make_staff("Support")
        player = PlayerFactory.create()
        adjust(player, 10, staff=support)

        with pytest.raises(KeyReusedError):
            adjust(player, 11, staff=support)

    def test_nothing_becomes_negative(self) -> None:
        support = make_staff("Support")
        player = PlayerFactory.create()
        adjust(player, 3, staff=support)

        with pytest.raises(NotEnoughError) as refused:
            adjust(player, -4, staff=support, key="b")

        assert (refused.value.owned, refused.value.needed) == (3, 4)
        assert owned(player) == (20, 3, 0, 0)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"amount": 0},
            {"amount": 1_000_001},
            {"amount": -1_000_001},
            {"reason": "  "},
            {"reason": "x" * 501},
            {"asset": Asset.PURCHASE},
            {"asset": Asset.GOODS},
            {"now": datetime(2026, 11, 22, 12)},  # noqa: DTZ001
            {"key": ""},
        ],
    )
    def test_what_makes_no_sense_is_refused_before_anything_is_written(
        self, wrong: dict[str, Any]
    ) -> None:
        administrator = make_staff("Administrator")
        player = PlayerFactory.create()

        with pytest.raises(InvalidEntryError):
            adjust(player, **{"amount": 1, "staff": administrator, **wrong})

        assert not LedgerEntry.objects.exists()


@pytest.mark.django_db
class TestFreeEnergy:
    def test_what_has_regenerated_comes_first(self) -> None:
        support = make_staff("Support")
        player = PlayerFactory.create()
        play(player, 10)
        later = NOON + 2 * HALF_AN_HOUR + timedelta(minutes=5)

        entry = adjust(player, 5, asset=Asset.FREE_ENERGY, staff=support, now=later)

        assert (entry.free_energy, entry.free_energy_after) == (7, 17)
        assert entry.metadata == {"regenerated": 2}
        # The started interval is not lost.
        energy = wallets.energy_at(player=player, now=later + timedelta(minutes=25))
        assert energy.free == 18

    def test_a_top_up_since_the_last_touch_is_reported(self) -> None:
        support = make_staff("Support")
        player = PlayerFactory.create()
        play(player, 20, now=WINTER_MIDNIGHT - timedelta(minutes=45))

        entry = adjust(player, -3, asset=Asset.FREE_ENERGY, staff=support, now=WINTER_MIDNIGHT)

        assert (entry.free_energy, entry.free_energy_after) == (17, 17)
        assert entry.metadata == {"regenerated": 1, "topped_up": 19}

    def test_it_stops_at_twenty(self) -> None:
        support = make_staff("Support")
        player = PlayerFactory.create()
        play(player, 3)

        adjust(player, 3, asset=Asset.FREE_ENERGY, staff=support)
        with pytest.raises(OverCapError) as refused:
            adjust(player, 1, asset=Asset.FREE_ENERGY, staff=support, key="b")

        assert (refused.value.owned, refused.value.cap) == (20, 20)
        assert owned(player) == (20, 0, 0, 0)

    def test_it_stops_at_nothing(self) -> None:
        support = make_staff("Support")
        player = PlayerFactory.create()

        adjust(player, -20, asset=Asset.FREE_ENERGY, staff=support)
        with pytest.raises(NotEnoughError):
            adjust(player, -1, asset=Asset.FREE_ENERGY, staff=support, key="b")

        assert owned(player) == (0, 0, 0, 0)


@pytest.mark.django_db
class TestDailyLimit:
    @pytest.mark.parametrize(
        ("role", "units", "premium_days"),
        [
            ("Support", 50, 30),
            ("Finance", 500, 365),
            ("Administrator", 5_000, 3_660),
            ("Operator", 0, 0),
            ("Editor", 0, 0),
        ],
    )
    def test_each_role_has_its_own(self, role: str, units: int, premium_days: int) -> None:
        left = adjustments.left_today(staff=make_staff(role), now=NOON)

        assert (left.units, left.premium_days) == (units, premium_days)

    def test_who_has_two_roles_has_the_larger_limit(self) -> None:
        both = make_staff("Support")
        both.groups.add(Group.objects.get(name="Finance"))

        assert adjustments.left_today(staff=both, now=NOON).units == 500

    def test_a_superuser_has_what_an_administrator_has(self) -> None:
        owner = User.objects.create_superuser("owner")

        assert adjustments.left_today(staff=owner, now=NOON).units == 5_000

    def test_the_limit_is_reached_exactly_and_the_refusal_says_what_is_left(self) -> None:
        support = make_staff("Support")
        player = PlayerFactory.create()
        adjust(player, 40, staff=support)

        with pytest.raises(DailyLimitError) as refused:
            adjust(player, 11, staff=support, key="b")
        adjust(player, 10, staff=support, key="c")

        assert (refused.value.asked, refused.value.left, refused.value.limit) == (11, 10, 50)
        assert str(refused.value) == "11 units asked for, 10 of 50 left today"
        assert owned(player) == (20, 50, 0, 0)

    def test_taking_counts_like_giving_whatever_the_asset_and_the_player(self) -> None:
        support = make_staff("Support")
        adjust(PlayerFactory.create(), 20, staff=support)
        adjust(PlayerFactory.create(), -20, asset=Asset.FREE_ENERGY, staff=support)

        assert adjustments.left_today(staff=support, now=NOON).units == 10

    def test_another_member_of_staff_has_a_limit_of_their_own(self) -> None:
        player = PlayerFactory.create()
        adjust(player, 50, staff=make_staff("Support"))
        colleague = make_staff("Support", username="colleague")

        adjust(player, 50, staff=colleague, key="b")

        assert owned(player) == (20, 100, 0, 0)

    @pytest.mark.parametrize(
        ("midnight", "a_day"),
        [
            (WINTER_MIDNIGHT, timedelta(hours=24)),
            # The nights in which the clocks change end a day of 23 and one of 25 hours.
            (datetime(2026, 3, 28, 23, tzinfo=UTC), timedelta(hours=23)),
            (datetime(2026, 10, 24, 22, tzinfo=UTC), timedelta(hours=25)),
        ],
    )
    def test_it_begins_anew_at_midnight_in_berlin(
        self, midnight: datetime, a_day: timedelta
    ) -> None:
        support = make_staff("Support")
        player = PlayerFactory.create()
        a_second = timedelta(seconds=1)

        adjust(player, 50, staff=support, now=midnight - a_second)
        adjust(player, 50, staff=support, now=midnight, key="b")
        with pytest.raises(DailyLimitError):
            adjust(player, 1, staff=support, now=midnight + a_day - a_second, key="c")
        adjust(player, 50, staff=support, now=midnight + a_day, key="d")

        assert owned(player)[1] == 150

    def test_a_replay_is_answered_when_the_limit_is_used_up(self) -> None:
        support = make_staff("Support")
        player = PlayerFactory.create()
        first = adjust(player, 50, staff=support)

        assert adjust(player, 50, staff=support).pk == first.pk

    def test_an_adjustment_can_be_previewed(self) -> None:
        support = make_staff("Support")
        player = PlayerFactory.create()
        play(player, 10)

        change = adjustments.preview(
            player=player,
            asset=Asset.FREE_ENERGY,
            amount=5,
            staff=support,
            now=NOON + HALF_AN_HOUR,
        )

        assert (change.before, change.after) == (11, 16)
        assert LedgerEntry.objects.count() == 11

    def test_a_preview_refuses_what_would_be_refused(self) -> None:
        support = make_staff("Support")
        player = PlayerFactory.create()
        ask: Callable[..., Any] = partial(
            adjustments.preview, player=player, staff=support, now=NOON
        )

        with pytest.raises(DailyLimitError):
            ask(asset=Asset.PAID_ENERGY, amount=51)
        with pytest.raises(NotEnoughError):
            ask(asset=Asset.PAID_ENERGY, amount=-1)
        with pytest.raises(OverCapError):
            ask(asset=Asset.FREE_ENERGY, amount=1)


@pytest.mark.django_db
class TestPremium:
    def grant(self, player: Player, staff: User, *, days: int = 30, key: str = "p") -> LedgerEntry:
        """Grant days of Premium Month."""
        entry, _ = adjustments.grant_premium(
            player=player,
            plan=Plan.MONTH,
            days=days,
            reason="The bot was down.",
            staff=staff,
            now=NOON,
            key=key,
        )
        return entry

    def test_a_grant_is_an_entry_with_its_entitlement(self) -> None:
        support = make_staff("Support")
        player = PlayerFactory.create()

        entry = self.grant(player, support)

        assert (entry.type, entry.asset, entry.amount) == ("STAFF_GRANT", "GOODS", 1)
        assert (entry.staff, entry.reason) == (support, "The bot was down.")
        assert entitlements.premium_until(player=player, now=NOON) == NOON + timedelta(days=30)

    def test_days_have_a_daily_limit_too(self) -> None:
        support = make_staff("Support")
        player = PlayerFactory.create()
        self.grant(player, support, days=23)

        with pytest.raises(DailyLimitError) as refused:
            self.grant(player, support, days=8, key="q")
        self.grant(player, support, days=7, key="r")

        assert str(refused.value) == "8 days of Premium asked for, 7 of 30 left today"
        assert entitlements.premium_until(player=player, now=NOON) == NOON + timedelta(days=30)

    def test_the_same_key_is_one_grant(self) -> None:
        support = make_staff("Support")
        player = PlayerFactory.create()

        assert self.grant(player, support).pk == self.grant(player, support).pk

    def test_a_reason_is_needed(self) -> None:
        player = PlayerFactory.create()

        with pytest.raises(InvalidEntryError, match="reason"):
            adjustments.grant_premium(
                player=player,
                plan=Plan.MONTH,
                days=1,
                reason=" ",
                staff=make_staff("Support"),
                now=NOON,
                key="p",
            )

        assert not LedgerEntry.objects.exists()

    def test_revoking_takes_what_is_left_and_names_who_did_it(self) -> None:
        support = make_staff("Support")
        player = PlayerFactory.create()
        entry = self.grant(player, support)
        later = NOON + timedelta(days=10)

        _, reversal = [
            adjustments.revoke_premium(
                entry=entry, reason="By mistake.", staff=support, now=later, key="r"
            )
            for _ in range(2)
        ]

        assert (reversal.taken, reversal.shortfall) == ({"premium_days": 20}, {"premium_days": 10})
        assert (reversal.entry.type, reversal.entry.staff, reversal.entry.reason) == (
            "TAKEN_BACK",
            support,
            "By mistake.",
        )
        assert entitlements.premium_until(player=player, now=later) is None
        assert LedgerEntry.objects.filter(reverses=entry).count() == 1

    def test_what_was_bought_is_not_revoked_here(self) -> None:
        player = PlayerFactory.create()
        bought, _ = grants.grant(
            player=player,
            goods=Goods(premium=Plan.MONTH, premium_days=30),
            type=EntryType.PURCHASE_CREDIT,
            source=Source.PURCHASE,
            asset=Asset.PURCHASE,
            amount=99,
            key="credit:purchase:1",
            now=NOON,
        )

        with pytest.raises(InvalidEntryError, match="Only grants by staff"):
            adjustments.revoke_premium(
                entry=bought, reason="Why?", staff=make_staff("Finance"), now=NOON, key="r"
            )

        assert entitlements.premium_until(player=player, now=NOON) == NOON + timedelta(days=30)


@pytest.mark.django_db
def test_a_saver_that_has_a_day_to_save_is_used_before_staff_can_take_it() -> None:
    support = make_staff("Support")
    player = PlayerFactory.create()
    adjust(player, 1, asset=Asset.STREAK_SAVERS, staff=support)
    streaks.record_activity(player=player, now=NOON)

    with pytest.raises(NotEnoughError):
        adjust(
            player,
            -1,
            asset=Asset.STREAK_SAVERS,
            staff=support,
            now=NOON + timedelta(days=2),
            key="b",
        )


@pytest.mark.django_db(transaction=True)
class TestConcurrency:
    @pytest.fixture(autouse=True)
    def _roles(self) -> None:
        """Bring the roles back, which the flush after the test before has taken."""
        call_command("migrate", verbosity=0)

    def test_five_times_ten_on_fifty_is_a_hundred(self, monkeypatch: pytest.MonkeyPatch) -> None:
        finance = make_staff("Finance")
        player = PlayerFactory.create()
        adjust(player, 50, staff=finance)
        meet_after(monkeypatch, wallets, "lock")

        results = run_together(
            *(partial(adjust, player, 10, staff=finance, key=f"p{n}") for n in range(5))
        )

        assert [type(result).__name__ for result in results] == ["LedgerEntry"] * 5
        assert owned(player) == (20, 100, 0, 0)
        # Each entry states the sum up to it.
        entries = LedgerEntry.objects.filter(player=player).order_by("pk")
        assert list(entries.values_list("paid_energy_after", flat=True)) == [
            0, 50, 60, 70, 80, 90, 100,
        ]  # fmt: skip

    def test_two_at_once_do_not_pass_the_limit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        support = make_staff("Support")
        one, other = PlayerFactory.create_batch(2)
        meet_after(monkeypatch, adjustments, "left_today")

        results = run_together(
            partial(adjust, one, 30, staff=support), partial(adjust, other, 30, staff=support)
        )

        assert sorted(type(result).__name__ for result in results) == [
            "DailyLimitError",
            "LedgerEntry",
        ]
        assert adjustments.left_today(staff=support, now=NOON).units == 20

    def test_without_the_lock_two_at_once_pass_the_limit(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the test above can fail: take the lock away, and it must."""
        support = make_staff("Support")
        one, other = PlayerFactory.create_batch(2)
        monkeypatch.setattr(adjustments, "lock_staff", lambda _: None)
        meet_after(monkeypatch, adjustments, "left_today")

        results = run_together(
            partial(adjust, one, 30, staff=support), partial(adjust, other, 30, staff=support)
        )

        assert [type(result).__name__ for result in results] == ["LedgerEntry"] * 2

    def test_two_at_once_do_not_pass_the_cap_of_free_energy(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        staff = [make_staff("Support"), make_staff("Finance")]
        player = PlayerFactory.create()
        play(player, 10)
        meet_after(monkeypatch, wallets, "energy_of")

        results = run_together(
            *(
                partial(adjust, player, 6, asset=Asset.FREE_ENERGY, staff=one, key=one.username)
                for one in staff
            )
        )

        assert sorted(type(result).__name__ for result in results) == [
            "LedgerEntry",
            "OverCapError",
        ]
        assert owned(player)[0] == 16

    def test_without_the_lock_only_the_database_saves_the_cap(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the test above can fail: take the lock away, and both believe to fit in."""
        staff = [make_staff("Support"), make_staff("Finance")]
        player = PlayerFactory.create()
        play(player, 10)
        monkeypatch.setattr(
            wallets, "lock", lambda **asked: Wallet.objects.get(player=asked["player"])
        )
        meet_after(monkeypatch, wallets, "energy_of")

        results = run_together(
            *(
                partial(adjust, player, 6, asset=Asset.FREE_ENERGY, staff=one, key=one.username)
                for one in staff
            )
        )

        assert sorted(type(result).__name__ for result in results) == [
            "IntegrityError",
            "LedgerEntry",
        ]

    def test_a_player_who_plays_meanwhile_loses_nothing(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        support = make_staff("Support")
        player = PlayerFactory.create()
        play(player, 10)
        meet_after(monkeypatch, wallets, "lock")

        run_together(
            partial(adjust, player, 5, asset=Asset.FREE_ENERGY, staff=support),
            partial(play, player, 1, now=NOON + timedelta(seconds=1)),
        )

        assert owned(player)[0] == 14


@pytest.mark.django_db
def test_the_database_wants_a_reason_of_staff() -> None:
    player, staff = PlayerFactory.create(), make_staff("Support")

    for column, value in (("staff_id", None), ("reason", "")):
        row: dict[str, Any] = {"staff_id": staff.pk, "reason": "A test.", column: value}
        with (
            pytest.raises(IntegrityError, match="entry_of_staff_has_staff_and_reason"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(
                "INSERT INTO economy_ledgerentry"
                " (player_id, type, asset, direction, amount, free_energy, paid_energy,"
                "  streak_savers, duel_tickets, source, idempotency_key, fingerprint, metadata,"
                "  staff_id, reason, created_at)"
                " VALUES (%(player)s, 'STAFF_ADJUSTMENT', 'PAID_ENERGY', 'CREDIT', 1, 0, 1,"
                "  0, 0, 'STAFF', 'a', '', '{}', %(staff_id)s, %(reason)s, now())",
                {"player": player.pk, **row},
            )
