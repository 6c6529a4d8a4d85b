"""The verification of the ledger: what it finds, and that it finds nothing else."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db.backends.utils import CursorWrapper

from economy import ledger, tasks, verification, wallets
from economy.errors import InvalidEntryError
from economy.ledger import Deltas
from economy.models import (
    Asset,
    Direction,
    EntryType,
    LedgerEntry,
    Source,
    VerificationFinding,
    VerificationRun,
    Wallet,
)
from quizarena.players.models import Player
from tests.concurrency import another_connection
from tests.factories import PlayerFactory
from tests.owner import behind_the_guards

NOON = datetime(2026, 11, 22, 11, tzinfo=UTC)

pytestmark = pytest.mark.django_db


def give(player: Player, amount: int) -> LedgerEntry:
    """Post a prize of paid energy."""
    entry, _ = ledger.post(
        player=player,
        type=EntryType.PRIZE,
        asset=Asset.PAID_ENERGY,
        direction=Direction.CREDIT,
        amount=amount,
        deltas=Deltas(paid_energy=amount),
        source=Source.SYSTEM,
        key=f"prize:{amount}",
        request={},
        now=NOON,
    )
    return entry


def found(run: VerificationRun) -> list[tuple[int, str, int | None, int | None, int | None]]:
    """Return the findings: player, asset, in the wallet, by the entries, first wrong entry."""
    return list(
        VerificationFinding.objects.filter(run=run)
        .order_by("pk")
        .values_list("player_id", "asset", "in_wallet", "by_entries", "entry_id")
    )


def test_a_ledger_that_nobody_has_forged_is_verified() -> None:
    for _ in range(3):
        player = PlayerFactory.create()
        wallets.charge_question(player=player, key="q1", now=NOON)
        give(player, 7)

    run = verification.verify_nightly(now=NOON)

    assert (run.wallets, run.entries, run.differences) == (3, 9, 0)
    assert run.seconds is not None


def test_without_players_there_is_nothing_to_verify() -> None:
    run = verification.verify_nightly(now=NOON)

    assert (run.wallets, run.entries, run.differences) == (0, 0, 0)


def test_a_balance_that_no_entry_has_made_is_found() -> None:
    honest, forged = PlayerFactory.create_batch(2)
    give(honest, 7)
    give(forged, 7)
    with behind_the_guards() as cursor:
        cursor.execute(
            "UPDATE economy_wallet SET paid_energy = 1007, duel_tickets = 2 WHERE player_id = %s",
            [forged.pk],
        )

    run = verification.verify_nightly(now=NOON)

    assert found(run) == [
        (forged.pk, "duel_tickets", 2, 0, None),
        (forged.pk, "paid_energy", 1007, 7, None),
    ]
    assert run.differences == 2


def test_an_entry_that_has_vanished_is_found() -> None:
    player = PlayerFactory.create()
    give(player, 7)
    last = give(player, 5)
    with behind_the_guards() as cursor:
        cursor.execute("DELETE FROM economy_ledgerentry WHERE id = %s", [last.pk])

    run = verification.verify_nightly(now=NOON)

    assert found(run) == [(player.pk, "paid_energy", 12, 7, None)]


def test_a_balance_that_is_not_the_sum_is_found_at_the_first_wrong_entry() -> None:
    player = PlayerFactory.create()
    give(player, 1)
    second, third = give(player, 2), give(player, 3)
    give(player, 4)
    with behind_the_guards() as cursor:
        cursor.execute(
            "UPDATE economy_ledgerentry SET paid_energy_after = 99 WHERE id IN (%s, %s)",
            [second.pk, third.pk],
        )

    run = verification.verify_all(now=NOON)

    assert found(run) == [(player.pk, "paid_energy", 10, 10, second.pk)]


def test_within_a_week_the_nights_look_at_every_entry() -> None:
    players = PlayerFactory.create_batch(8)
    entries = {player.pk: give(player, 7) for player in players}
    with behind_the_guards() as cursor:
        cursor.execute("UPDATE economy_ledgerentry SET paid_energy_after = 99")

    nights = [verification.verify_nightly(now=NOON + timedelta(days=day)) for day in range(7)]

    wrong = sorted((row[0], row[4]) for night in nights for row in found(night))
    assert wrong == sorted((player, entry.pk) for player, entry in entries.items())
    assert all(night.differences in (1, 2) for night in nights)


def test_every_night_verifies_every_wallet() -> None:
    for player in PlayerFactory.create_batch(8):
        give(player, 7)
    with behind_the_guards() as cursor:
        cursor.execute("UPDATE economy_wallet SET paid_energy = 8")

    assert [
        verification.verify_nightly(now=NOON + timedelta(days=day)).differences for day in range(7)
    ] == [8] * 7


def test_entries_without_a_wallet_are_found() -> None:
    player = PlayerFactory.create()
    give(player, 7)
    with behind_the_guards() as cursor:
        cursor.execute("DELETE FROM economy_wallet")

    run = verification.verify_nightly(now=NOON)

    assert found(run) == [
        (player.pk, "duel_tickets", None, 0, None),
        (player.pk, "free_energy", None, 0, None),
        (player.pk, "paid_energy", None, 7, None),
        (player.pk, "streak_savers", None, 0, None),
    ]


def test_a_wallet_without_entries_is_found_even_if_it_is_empty() -> None:
    player = PlayerFactory.create()
    with behind_the_guards() as cursor:
        cursor.execute(
            "INSERT INTO economy_wallet VALUES (%s, 0, 0, 0, 0, NULL, now())", [player.pk]
        )

    run = verification.verify_nightly(now=NOON)

    assert (run.wallets, run.entries, run.differences) == (1, 0, 4)
    assert found(run)[0] == (player.pk, "duel_tickets", 0, None, None)


def test_every_player_is_in_exactly_one_range(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "ENTRIES_PER_RANGE", 2)
    players = PlayerFactory.create_batch(5)
    for player in players:
        give(player, 7)
    with behind_the_guards() as cursor:
        cursor.execute("UPDATE economy_wallet SET paid_energy = 8")
        # The ranges go by what the planner thinks of the table.
        cursor.execute("ANALYZE economy_ledgerentry")
    progress: list[tuple[int, int]] = []

    run = verification.verify_all(
        now=NOON, on_range=lambda done, ranges: progress.append((done, ranges))
    )

    assert [finding[0] for finding in found(run)] == [player.pk for player in players]
    assert (run.wallets, run.entries) == (5, 5)
    assert len(progress) > 1
    assert progress[-1][0] == progress[-1][1] == len(progress)


def take_verification_lock(cursor: CursorWrapper) -> bool:
    """Take the lock of a verification on another connection; return whether it was free."""
    cursor.execute("SELECT pg_try_advisory_lock(1, 0)")
    return bool(cursor.fetchone()[0])


def test_two_verifications_do_not_run_at_once() -> None:
    with another_connection() as other:
        assert take_verification_lock(other)

        with pytest.raises(verification.RunningError):
            verification.verify_nightly(now=NOON)
        assert tasks.verify_ledger() == 0
        # The lock would go some time after the connection.
        other.execute("SELECT pg_advisory_unlock_all()")

    assert not VerificationRun.objects.exists()


def test_after_a_verification_the_next_one_may_run() -> None:
    verification.verify_nightly(now=NOON)

    assert tasks.verify_ledger() == 0
    with another_connection() as other:
        assert take_verification_lock(other)
    assert VerificationRun.objects.filter(seconds__isnull=False).count() == 2


@pytest.mark.parametrize("verify", [verification.verify_nightly, verification.verify_all])
def test_a_naive_instant_is_refused(verify: Callable[..., VerificationRun]) -> None:
    with pytest.raises(InvalidEntryError, match="time zone"):
        verify(now=datetime(2026, 1, 1))  # noqa: DTZ001

    assert not VerificationRun.objects.exists()


class TestCommand:
    def test_it_reports_what_is_verified(self) -> None:
        give(PlayerFactory.create(), 7)
        out = StringIO()

        call_command("verify_ledger", stdout=out)

        assert out.getvalue().startswith("Verified: 1 wallet, 1 entry in ")

    def test_it_fails_on_any_difference_and_names_it(self) -> None:
        player = PlayerFactory.create()
        give(player, 7)
        with behind_the_guards() as cursor:
            cursor.execute("UPDATE economy_wallet SET paid_energy = 1007")
        err = StringIO()

        with pytest.raises(CommandError, match="1 difference in 1 wallet, 1 entry in "):
            call_command("verify_ledger", stderr=err)

        assert err.getvalue() == (
            f"player {player.pk}: 1,007 paid energy in the wallet, 7 by the entries\n"
        )

    def test_the_nightly_task_counts_the_differences(self) -> None:
        give(PlayerFactory.create(), 7)
        with behind_the_guards() as cursor:
            cursor.execute("UPDATE economy_wallet SET paid_energy = 1007")

        assert tasks.verify_ledger() == 1
        assert Wallet.objects.get().paid_energy == 1007
