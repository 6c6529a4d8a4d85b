"""The life of purchases, whatever happens in whatever order."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import hypothesis
import pytest
from django.db import DatabaseError, transaction
from django.db.models import Sum
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from economy import ledger, wallets
from economy.ledger import Deltas
from economy.models import Asset, Direction, EntryType, LedgerEntry, Source, Wallet
from payments import purchases, refunds
from payments.errors import NotCreditableError, NotRefundableError, Refusal, RefusedError
from payments.models import OPEN, PAID, PURCHASE_MOVES, Purchase, PurchaseEvent, Refund
from payments.purchases import Payment
from quizarena.players import services as players
from tests.factories import PlayerFactory
from tests.payments import steps
from tests.payments.steps import NOON, Delivery

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

CODES = ("MEGA_PACK_15", "STREAK_SAVER_20", "PREMIUM_STARTER", "PREMIUM_MONTH")

DEEDS = (
    "tap",
    "spend",
    "ask",
    "ask_again",
    "take",
    "take",
    "tell",
    "refund_at_telegram",
    "credit",
    "recover",
    "replay",
    "ask_refund",
    "ask_refund",
    "complete_refund",
    "close_stale",
    "delivery_changes",
    "suspend",
    "the_clock_jumps",
)
Draw = Callable[[st.SearchStrategy[Any]], Any]


def one_in(number: int) -> st.SearchStrategy[bool]:
    """Return what is true once in so many times."""
    return st.integers(1, number).map(lambda drawn: drawn == number)


class Shop(RuleBasedStateMachine):
    """Two players, and a Telegram that repeats itself, forgets and comes late."""

    @initialize()
    def begin(self) -> None:
        """Begin with two players who have tapped two products."""
        self.everything = transaction.atomic()
        self.everything.__enter__()
        self.delivery = Delivery()
        self.players = [PlayerFactory.create(), PlayerFactory.create()]
        for player in self.players:
            wallets.grant_welcome_energy(player=player, now=NOON)
        self.now = NOON
        self.opened = [
            steps.open_purchase(player, code)
            for player in self.players
            for code in ("MEGA_PACK_15", "PREMIUM_STARTER")
        ]
        self.charges: list[Payment] = []
        self.answers: dict[str, tuple[Purchase, int, Refusal | None]] = {}
        self.spent = 0

    def teardown(self) -> None:
        """Leave nothing behind."""
        try:
            self.delivery.works()
        finally:
            transaction.set_rollback(True)
            self.everything.__exit__(None, None, None)

    @rule(deed=st.sampled_from(DEEDS), data=st.data())
    def something_happens(self, deed: str, data: st.DataObject) -> None:
        """Do anything that can be done; one rule, or Hypothesis would leave out whole deeds."""
        getattr(self, deed)(data.draw)

    # What players do.

    def tap(self, draw: Draw) -> None:
        """Want a product."""
        player = draw(st.sampled_from(self.players))
        player.refresh_from_db()
        code = draw(st.sampled_from(CODES))
        try:
            purchase = steps.open_purchase(player, code, now=self.now)
        except RefusedError:
            return
        if purchase not in self.opened:
            self.opened.append(purchase)

    def spend(self, draw: Draw) -> None:
        """Spend a point of paid energy, if there is one."""
        player = draw(st.sampled_from(self.players))
        if Wallet.objects.get(player=player).paid_energy:
            self.spent += 1
            ledger.post(
                player=player,
                type=EntryType.QUESTION,
                asset=Asset.PAID_ENERGY,
                direction=Direction.DEBIT,
                amount=1,
                deltas=Deltas(paid_energy=-1),
                source=Source.GAME,
                key=f"spent:{self.spent}",
                request={},
                now=self.now,
            )

    # What Telegram does.

    def ask(self, draw: Draw) -> None:
        """Ask whether the Stars may be taken."""
        purchase = draw(st.sampled_from(self.opened))
        query = f"query:{len(self.answers)}"
        assert purchase.stars is not None
        stars = purchase.stars + draw(st.sampled_from([0, 0, 0, 1]))
        answer = steps.check_out(purchase, query=query, now=self.now, stars=stars)
        self.answers[query] = purchase, stars, answer

    def ask_again(self, draw: Draw) -> None:
        """Ask what has been asked, and get the answers that were given."""
        for query, (purchase, stars, answer) in self.answers.items():
            assert steps.check_out(purchase, query=query, now=self.now, stars=stars) == answer

    def take(self, draw: Draw) -> None:
        """Take Stars, whether we said yes or not; perhaps nobody hears of it before the repeat."""
        purchase = draw(st.sampled_from(self.opened))
        assert purchase.stars is not None
        changes: dict[str, Any] = {"paid_at": self.now}
        if draw(one_in(6)):
            changes["stars"] = purchase.stars + 1
        if draw(one_in(6)):
            changes["payload"] = "nobody's"
        if draw(one_in(6)):
            changes["payer"] = steps.payer(draw(st.sampled_from(self.players)))
        paid = steps.payment(purchase, **changes)
        self.charges.append(paid)
        if not draw(one_in(3)):
            purchases.record_payment(paid, now=self.now)

    def tell(self, draw: Draw) -> None:
        """Tell of every payment, of most not for the first time."""
        for paid in self.charges:
            kept = purchases.record_payment(paid, now=self.now)
            assert (kept.charge_id, kept.paid_stars) == (paid.charge_id, paid.stars)

    def refund_at_telegram(self, draw: Draw) -> None:
        """Refund a charge, whether we have heard of it or not."""
        if self.charges and draw(one_in(3)):
            paid = draw(st.sampled_from(self.charges))
            assert refunds.record_telegram_refund(paid, now=self.now).status == "REFUNDED"

    # What we do.

    def credit(self, draw: Draw) -> None:
        """Credit every charge, perhaps not for the first time, perhaps before it was recorded."""
        for paid in self.charges:
            if Purchase.objects.filter(charge_id=paid.charge_id).exists():
                purchases.credit(charge_id=paid.charge_id, now=self.now)
            else:
                with pytest.raises(Purchase.DoesNotExist):
                    purchases.credit(charge_id=paid.charge_id, now=self.now)

    def recover(self, draw: Draw) -> None:
        """Run the recovery for everything that it looks at."""
        due = Purchase.objects.filter(status="PAID_UNCREDITED", refund_asked_at=None)
        for charge in list(due.values_list("charge_id", flat=True)):
            assert charge is not None
            purchases.recover(charge_id=charge, now=self.now)

    def replay(self, draw: Draw) -> None:
        """Let staff replay a credit."""
        purchase = draw(st.sampled_from(self.known()))
        try:
            with transaction.atomic():
                replayed = purchases.replay_credit(purchase_id=purchase.pk, now=self.now)
        except NotCreditableError:
            assert (
                purchase.status not in {"PAID_UNCREDITED", "CREDIT_REVIEW"}
                or purchase.refund_asked_at
                or purchase.goods is None
            )
        except DatabaseError:
            assert not self.delivery.is_working
        else:
            assert replayed.status == "CREDITED"

    def ask_refund(self, draw: Draw) -> None:
        """Decide to refund something, sooner what is paid."""
        purchase = draw(st.sampled_from(self.known()[:3]))
        try:
            steps.ask_refund(purchase, now=self.now)
        except NotRefundableError:
            assert purchase.status in {*OPEN, "FAILED"}

    def complete_refund(self, draw: Draw) -> None:
        """Let Telegram give the Stars back for one that was asked for, perhaps once more."""
        asked = list(Refund.objects.order_by("pk"))
        if asked:
            refund = draw(st.sampled_from(asked))
            refunds.complete(purchase_id=refund.purchase_id, now=self.now)

    def close_stale(self, draw: Draw) -> None:
        """Run the job that closes what nobody pays."""
        purchases.fail_stale(now=self.now, limit=100)

    # What the world does.

    def delivery_changes(self, draw: Draw) -> None:
        """Let modes break, or work again."""
        (self.delivery.breaks if self.delivery.is_working else self.delivery.works)()

    def suspend(self, draw: Draw) -> None:
        """Shut a player out, or let them in again."""
        player = draw(st.sampled_from(self.players))
        if not players.suspend(player_id=player.pk, now=self.now):
            players.unsuspend(player_id=player.pk)

    def the_clock_jumps(self, draw: Draw) -> None:
        """Let time pass, or the next one have a clock that lags behind."""
        self.now += draw(st.timedeltas(min_value=timedelta(hours=-2), max_value=timedelta(days=4)))

    def known(self) -> list[Purchase]:
        """Return all purchases, those that are paid and have no refund first."""
        rows = Purchase.objects.order_by("opened_at", "charge_id", "product", "player")
        return sorted(
            rows, key=lambda row: (row.status not in PAID, row.refund_asked_at is not None)
        )

    # What always holds.

    @invariant()
    def at_most_one_credit_and_one_debit(self) -> None:
        """Compare the ledger with the purchases, both ways."""
        credited = set(
            Purchase.objects.exclude(credit_entry=None).values_list("credit_entry", "pk")
        )
        entries = LedgerEntry.objects.filter(asset="PURCHASE")
        credited_by = entries.filter(type="PURCHASE_CREDIT").values_list("pk", "metadata__purchase")
        assert {(pk, str(purchase)) for pk, purchase in credited} == set(credited_by)
        assert len({purchase for _, purchase in credited_by}) == len(credited_by)
        refunded = set(
            Purchase.objects.exclude(refund_entry=None).values_list("refund_entry", flat=True)
        )
        debits = entries.filter(type="PURCHASE_REFUND")
        assert refunded == set(debits.values_list("pk", flat=True))
        for purchase in Purchase.objects.exclude(refund_entry=None).select_related("refund_entry"):
            assert purchase.refund_entry is not None
            assert purchase.refund_entry.reverses_id == purchase.credit_entry_id
            assert purchase.refund_entry.amount == purchase.paid_stars

    @invariant()
    def the_wallet_is_the_sum_of_its_entries(self) -> None:
        """Compare the wallets with the ledger."""
        names = ("free_energy", "paid_energy", "streak_savers", "duel_tickets")
        for player in self.players:
            wallet = Wallet.objects.get(player=player)
            sums = LedgerEntry.objects.filter(player=player).aggregate(
                **{f"sum_{name}": Sum(name) for name in names}
            )
            assert {f"sum_{name}": getattr(wallet, name) for name in names} == sums

    @invariant()
    def no_recorded_charge_is_forgotten(self) -> None:
        """Look for each charge that was reported to us: it stays, with its Stars."""
        reported = {paid.charge_id: paid.stars for paid in self.charges}
        kept = dict(Purchase.objects.exclude(charge_id=None).values_list("charge_id", "paid_stars"))
        assert kept.items() <= reported.items()
        heard = PurchaseEvent.objects.filter(kind="PAID").count()
        assert heard == len(kept)

    @invariant()
    def every_status_follows_from_the_one_before(self) -> None:
        """Walk each timeline by the table of moves; what is to be refunded is not credited."""
        events = PurchaseEvent.objects.order_by("pk").values_list("purchase", "kind", "status")
        before: dict[UUID, str] = {}
        unwanted: set[UUID] = set()
        for purchase, kind, status in events:
            last = before.get(purchase)
            if last is None:
                assert status in {"CREATED", "CREDIT_REVIEW"}
            else:
                assert last == status or (last, status) in PURCHASE_MOVES
            if kind == "REFUND_ASKED":
                unwanted.add(purchase)
            assert kind != "CREDITED" or purchase not in unwanted
            before[purchase] = status
        assert before == dict(Purchase.objects.values_list("pk", "status"))

    @invariant()
    def what_was_bought_has_arrived_whole(self) -> None:
        """Compare each credit with what it delivered."""
        for purchase in Purchase.objects.filter(status="CREDITED").select_related("credit_entry"):
            assert purchase.credit_entry is not None
            goods = purchase.delivers
            assert goods is not None
            assert purchase.credit_entry.paid_energy == goods.paid_energy
            modes = purchase.credit_entry.modespans.values_list("mode", flat=True)
            assert set(modes) == set(goods.mode_codes)
            assert purchase.credit_entry.premiumspans.exists() == (goods.premium is not None)

    @invariant()
    def one_is_open_per_product(self) -> None:
        """Count what waits for a payment."""
        opened = list(Purchase.objects.open().values_list("player", "product"))
        assert len(opened) == len(set(opened))


def test_whatever_happens_to_purchases_nothing_is_lost_or_doubled() -> None:
    run_state_machine_as_test(
        Shop,
        settings=hypothesis.settings(max_examples=15, stateful_step_count=40),
    )
