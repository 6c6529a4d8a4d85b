"""Any sequence of steps of players, purchases, operators, jobs and the clock, on one campaign."""

from collections import Counter
from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from promos import campaigns, counters, reservations
from promos.errors import IllegalMoveError, NotAttachableError
from promos.models import Block, Campaign, Redemption
from tests.factories import NOON, PlayerFactory, make_campaign
from tests.promos.steps import CODE, attach, redeem

USES_MAX, STARS_MAX, PLAYERS = 3, 10, 5

pytestmark = pytest.mark.django_db


class Life(RuleBasedStateMachine):
    """Five players on three uses and ten Stars."""

    @initialize()
    def begin(self) -> None:
        """Begin with a campaign of which nothing is used."""
        self.everything = transaction.atomic()
        self.everything.__enter__()
        self.campaign = make_campaign(
            code=CODE, uses_max=USES_MAX, stars_max=STARS_MAX, ends_at=NOON + timedelta(hours=4)
        )
        self.players = PlayerFactory.create_batch(PLAYERS)
        self.now = NOON
        self.moves: dict[int, list[str]] = {}

    def teardown(self) -> None:
        """Verify the counters as every night; leave nothing behind."""
        try:
            assert counters.find_differing(now=self.now) == []
        finally:
            transaction.set_rollback(True)
            self.everything.__exit__(None, None, None)

    def rows(self) -> list[Redemption]:
        """Return all redemptions, oldest first."""
        return list(Redemption.objects.select_related("player").order_by("pk"))

    def chosen(self, number: int) -> Redemption:
        """Return one of the redemptions."""
        rows = self.rows()
        return rows[number % len(rows)]

    def is_good(self, row: Redemption) -> bool:
        """Return whether a redemption is a reservation that is kept or not over."""
        end = row.locked_until if row.is_locked_for_payment else row.reserved_until
        return row.status == "RESERVED" and end is not None and end > self.now

    # What players and their purchases do.

    @rule(who=st.integers(0, PLAYERS - 1))
    def enter(self, who: int) -> None:
        """Enter the code: what is accepted is reserved, what is refused has changed nothing."""
        Block.objects.all().delete()
        before = {row.pk: row.status for row in self.rows()}
        status = Campaign.objects.get().status

        result = redeem(self.players[who], now=self.now)

        if result.redemption is not None:
            assert result.redemption.status == "RESERVED"
            assert result.redemption.player == self.players[who]
            assert result.redemption.pk in before or status == "ACTIVE"
            assert self.is_good(result.redemption)
        else:
            # At most the player's own reservation that was over has been released.
            after = {row.pk: row.status for row in self.rows()}
            changed = {pk for pk in after if after[pk] != before.get(pk)}
            assert {after[pk] for pk in changed} <= {"EXPIRED"}
            assert after.keys() == before.keys()

    @precondition(lambda self: self.rows())
    @rule(number=st.integers(0, 20), stars_off=st.integers(0, STARS_MAX + 1))
    def attach(self, number: int, stars_off: int) -> None:
        """Attach a reservation to a purchase: it works if it is good and the budget allows."""
        row = self.chosen(number)
        others = sum(
            each.stars_off for each in self.rows() if each.pk != row.pk and each.status != "EXPIRED"
        )
        fits = stars_off <= row.stars_off or others + stars_off <= STARS_MAX
        try:
            attach(row, stars_off, now=self.now)
            assert self.is_good(row)
            assert fits
        except NotAttachableError:
            assert not (self.is_good(row) and fits)

    @precondition(lambda self: self.rows())
    @rule(number=st.integers(0, 20), verb=st.sampled_from(["apply", "release", "revoke"]))
    def end_purchase(self, number: int, verb: str) -> None:
        """Credit, drop or refund a purchase: it works once, from where it can."""
        row = self.chosen(number)
        origin = "APPLIED" if verb == "revoke" else "RESERVED"

        moved = getattr(reservations, verb)(redemption_id=row.pk, now=self.now)

        assert moved == (row.status == origin)

    @precondition(lambda self: self.rows())
    @rule(number=st.integers(0, 20))
    def keep(self, number: int) -> None:
        """Approve a pre-checkout: it works exactly for a good reservation."""
        row = self.chosen(number)

        is_locked = reservations.lock_for_payment(redemption_id=row.pk, now=self.now)
        assert is_locked == self.is_good(row)

    # What jobs, operators and the clock do.

    @rule()
    def expire(self) -> None:
        """Run the job: afterwards no reservation is over that is not locked for payment."""
        reservations.expire(now=self.now, limit=100)

        assert not Redemption.objects.lapsed(self.now).exists()

    @rule()
    def roll_over(self) -> None:
        """Run the job: afterwards what runs is within its window and has a use left."""
        campaigns.roll_over(now=self.now, limit=10)

        campaign = Campaign.objects.get()
        if campaign.status in ("ACTIVE", "PAUSED"):
            assert campaign.applied < USES_MAX
            assert campaign.ends_at is not None
            assert campaign.ends_at > self.now

    @rule(verb=st.sampled_from(["pause", "unpause", "pause", "unpause", "unpause", "end"]))
    def operate(self, verb: str) -> None:
        """Let an operator do something; nothing that is over comes back."""
        before = Campaign.objects.get().status
        try:
            getattr(campaigns, verb)(
                campaign_id=self.campaign.pk, reason="", now=self.now, staff=None
            )
        except IllegalMoveError:
            assert Campaign.objects.get().status == before
        else:
            assert before in ("ACTIVE", "PAUSED")

    @rule(seconds=st.sampled_from([1, 60, 899, 900, 901, 3_600]))
    def wait(self, seconds: int) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)

    # What always holds.

    @invariant()
    def nothing_is_overrun_and_all_is_counted(self) -> None:
        """The counters are the rows; nobody has two; redemptions go along their arrows."""
        rows, campaign = self.rows(), Campaign.objects.get()
        held = [row.stars_off for row in rows if row.status == "RESERVED"]
        given = [row.stars_off for row in rows if row.status in ("APPLIED", "REVOKED")]
        assert (campaign.reserved, campaign.applied) == (len(held), len(given))
        assert (campaign.stars_reserved, campaign.stars_given) == (sum(held), sum(given))
        assert len(held + given) <= 3
        assert sum(held + given) <= 10
        live = Counter(row.player_id for row in rows if row.status != "EXPIRED")
        turns = Counter(row.player_id for row in rows)
        assert max(live.values(), default=0) <= 1
        assert max(turns.values(), default=0) <= 2
        for row in rows:
            way = self.moves.setdefault(row.pk, [])
            if way[-1:] != [row.status]:
                way.append(row.status)
            assert way in (
                ["RESERVED"],
                ["RESERVED", "APPLIED"],
                ["RESERVED", "EXPIRED"],
                ["RESERVED", "APPLIED", "REVOKED"],
            )


@pytest.mark.slow
@pytest.mark.out_of_order
def test_whatever_happens_nothing_is_overrun_and_all_is_counted() -> None:
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=30,
            stateful_step_count=40,
            deadline=None,
        ),
    )
