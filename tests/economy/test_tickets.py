"""Duel tickets: which one is used, what a refund takes back, and what comes back."""

import pytest

from economy import grants, tickets
from economy.errors import NotEnoughError
from economy.models import EntryType, LedgerEntry, Source
from economy.tickets import Move, lots_of
from quizarena.players.models import Player
from tests.game.duelling import NOON, give_tickets, player, tickets_of

pytestmark = pytest.mark.django_db


def refund(entry: LedgerEntry) -> grants.Reversal:
    """Take a grant back, as a refund does."""
    return grants.reverse(
        entry=entry,
        type=EntryType.PURCHASE_REFUND,
        source=Source.PURCHASE,
        key=f"refund:{entry.pk}",
        now=NOON,
    )


@pytest.fixture
def anna() -> Player:
    """Return a player without tickets."""
    return player()


class TestLots:
    """Pure: what the moves of a player leave."""

    @pytest.mark.parametrize(
        ("moves", "left"),
        [
            ([], {}),
            ([Move(1, 2, None)], {1: 2}),
            # The oldest first, over several.
            ([Move(1, 2, None), Move(2, 1, None), Move(3, -1, None)], {1: 1, 2: 1}),
            ([Move(1, 2, None), Move(2, 5, None), Move(3, -3, None)], {1: 0, 2: 4}),
            # A reversal takes from its own.
            ([Move(1, 1, None), Move(2, 1, None), Move(3, -1, 2)], {1: 1, 2: 0}),
            # What comes back returns to where it was.
            ([Move(1, 1, None), Move(2, 1, None), Move(3, -1, None), Move(4, 1, 3)], {1: 1, 2: 1}),
        ],
    )
    def test_what_is_left(self, moves: list[Move], left: dict[int, int]) -> None:
        assert lots_of(moves).left == left


class TestUsing:
    def test_a_ticket_is_used_once_per_key(self, anna: Player) -> None:
        give_tickets(anna, 2)

        first = tickets.use(player=anna, key="duel:1", now=NOON)
        again = tickets.use(player=anna, key="duel:1", now=NOON)

        assert (first, first.type, first.duel_tickets) == (again, "TICKET_USED", -1)
        assert tickets_of(anna) == 1

    def test_without_one_nothing_is_used(self, anna: Player) -> None:
        with pytest.raises(NotEnoughError):
            tickets.use(player=anna, key="duel:1", now=NOON)

    def test_it_returns_once(self, anna: Player) -> None:
        give_tickets(anna)
        used = tickets.use(player=anna, key="duel:1", now=NOON)

        first = tickets.return_ticket(entry=used, now=NOON)
        again = tickets.return_ticket(entry=used, now=NOON)

        assert first is not None
        assert (first, first.type) == (again, "TICKET_RETURNED")
        assert (first.idempotency_key, first.reverses) == ("return:duel:1", used)
        assert tickets_of(anna) == 1


class TestRefunds:
    def test_one_that_is_used_ends_in_a_shortfall(self, anna: Player) -> None:
        bought = give_tickets(anna)
        tickets.use(player=anna, key="duel:1", now=NOON)

        reversal = refund(bought)

        assert (reversal.taken, reversal.shortfall) == ({}, {"duel_tickets": 1})
        assert tickets_of(anna) == 0

    def test_the_next_one_is_not_swallowed(self, anna: Player) -> None:
        bought = give_tickets(anna)
        tickets.use(player=anna, key="duel:1", now=NOON)
        refund(bought)

        give_tickets(anna)

        assert tickets_of(anna) == 1
        tickets.use(player=anna, key="duel:2", now=NOON)

    def test_nor_is_one_that_was_bought_before_the_refund(self, anna: Player) -> None:
        first, second = give_tickets(anna), give_tickets(anna)
        tickets.use(player=anna, key="duel:1", now=NOON)

        assert refund(first).shortfall == {"duel_tickets": 1}
        assert tickets_of(anna) == 1
        assert refund(second).taken == {"duel_tickets": 1}
        assert tickets_of(anna) == 0

    def test_the_preview_says_the_same(self, anna: Player) -> None:
        first, second = give_tickets(anna), give_tickets(anna)
        tickets.use(player=anna, key="duel:1", now=NOON)

        assert grants.preview_reversal(entry=first, now=NOON).shortfall == {"duel_tickets": 1}
        assert grants.preview_reversal(entry=second, now=NOON).taken == {"duel_tickets": 1}

    def test_one_that_was_refunded_while_in_use_does_not_come_back(self, anna: Player) -> None:
        bought, kept = give_tickets(anna), give_tickets(anna)
        first = tickets.use(player=anna, key="duel:1", now=NOON)
        second = tickets.use(player=anna, key="duel:2", now=NOON)
        refund(bought)

        assert tickets.return_ticket(entry=first, now=NOON) is None
        assert tickets_of(anna) == 0
        assert tickets.return_ticket(entry=second, now=NOON) is not None
        assert (tickets_of(anna), tickets.left_of(grant=kept)) == (1, 1)

    def test_one_that_came_back_is_taken_back_by_a_refund(self, anna: Player) -> None:
        bought = give_tickets(anna)
        used = tickets.use(player=anna, key="duel:1", now=NOON)
        tickets.return_ticket(entry=used, now=NOON)

        assert refund(bought).taken == {"duel_tickets": 1}
        assert tickets_of(anna) == 0
