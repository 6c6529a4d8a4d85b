"""Refunds: Telegram gives the Stars back, and everything that they bought goes, once."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from economy import entitlements, ledger
from economy.goods import Plan
from economy.ledger import Deltas
from economy.models import Asset, Direction, EntryType, LedgerEntry, ModeSpan, Source
from payments import purchases, refunds, subscriptions, tasks
from payments.errors import NotCreditableError, NotRefundableError
from payments.models import Purchase, Refund, RefundSource, Subscription
from quizarena.players.models import Player
from quizarena.staff.models import Alert
from tests.conftest import Road
from tests.factories import PlayerFactory, make_staff
from tests.owner import as_owner
from tests.payments import steps
from tests.payments.steps import DAY, MINUTE, NOON, SECOND, Delivery

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def debits(player: Player) -> list[LedgerEntry]:
    """Return what has been taken back from the player."""
    return list(LedgerEntry.objects.filter(player=player, type="PURCHASE_REFUND").order_by("pk"))


def spend_energy(player: Player, points: int) -> None:
    """Spend paid energy."""
    ledger.post(
        player=player,
        type=EntryType.QUESTION,
        asset=Asset.PAID_ENERGY,
        direction=Direction.DEBIT,
        amount=points,
        deltas=Deltas(paid_energy=-points),
        source=Source.GAME,
        key="spent",
        request={},
        now=NOON,
    )


def test_refund_creates_single_debit_and_marks_refunded(player: Player) -> None:
    purchase = steps.buy(player, "ENERGY_10")

    purchase = steps.refund(purchase, now=NOON + MINUTE)

    assert purchase.status == "REFUNDED"
    [debit] = debits(player)
    assert purchase.refund_entry == debit
    assert (debit.asset, debit.direction, debit.amount) == ("PURCHASE", "DEBIT", 5)
    assert debit.idempotency_key == f"refund:{purchase.pk}"
    assert debit.reverses == purchase.credit_entry
    assert (debit.paid_energy, debit.shortfall) == (-10, None)
    assert debit.reason == "Wrong product."
    assert steps.owned(player) == (0, 0, 0)
    assert steps.timeline(purchase)[-2:] == ["REFUND_ASKED", "REFUNDED"]
    assert purchase.evidence == {"entry": debit.pk, "taken": {"paid_energy": 10}, "shortfall": {}}
    refund = Refund.objects.get()
    assert refund.telegram_at == refund.finished_at == NOON + MINUTE


def test_refund_is_idempotent_without_duplicate_debits(player: Player) -> None:
    purchase, other = steps.buy(player), steps.buy(player)

    for minutes in range(3):
        steps.refund(purchase, now=NOON + minutes * MINUTE)

    assert len(debits(player)) == 1
    assert Refund.objects.count() == 1
    assert steps.owned(player) == (10, 0, 0)
    assert steps.again(other).status == "CREDITED"
    assert steps.timeline(purchase).count("REFUNDED") == 1


def test_refund_revokes_entitlements_for_source_purchase(player: Player) -> None:
    purchase = steps.buy(player, "PREMIUM_STARTER")

    purchase = steps.refund(purchase, now=NOON + DAY)

    assert entitlements.premium_at(player=player, at=NOON + DAY) is None
    # What was yesterday stays true.
    assert entitlements.premium_at(player=player, at=NOON + HOUR) == Plan.STARTER
    [debit] = debits(player)
    assert (debit.amount, debit.shortfall) == (29, {"premium_days": 1})


def test_refund_revokes_mode_access_for_source_purchase(player: Player) -> None:
    purchase, other = steps.buy(player, "MEGA_PACK_15"), steps.buy(player, "MEGA_PACK_15")

    steps.refund(purchase, now=NOON + HOUR)

    assert steps.owned(player) == (15, 0, 0)
    lying = ModeSpan.objects.live(NOON + HOUR).filter(player=player)
    assert {(span.mode, span.entry) for span in lying} == {
        ("CASES_PRACTICE", other.credit_entry),
        ("TRENNBARE_VERBEN", other.credit_entry),
        ("WORD_ORDER", other.credit_entry),
    }
    # The other pack has moved forward and lasts its 24 hours from here.
    assert {span.ends_at for span in lying} == {NOON + 25 * HOUR}
    [debit] = debits(player)
    assert debit.shortfall == {"mode_hours": 1}


def test_refund_requires_credited_purchase(player: Player) -> None:
    """Nothing has been paid, so there are no Stars to give back."""
    waiting = steps.open_purchase(player)
    failed = steps.open_purchase(player, "STREAK_SAVER_20", now=NOON - 31 * MINUTE)
    purchases.fail_stale(now=NOON, limit=10)

    for purchase, status in ((waiting, "invoice sent"), (failed, "failed")):
        with pytest.raises(NotRefundableError, match=f"It is {status}: nothing was paid"):
            steps.ask_refund(purchase)

    assert Refund.objects.count() == 0
    assert steps.timeline(waiting) == ["OPENED", "INVOICE_SENT"]


def test_refund_after_recovery_keeps_single_credit_and_single_debit(
    player: Player, delivery: Delivery
) -> None:
    delivery.breaks()
    purchase = steps.credit(steps.pay(steps.open_purchase(player, "MEGA_PACK_15")))
    assert purchase.status == "PAID_UNCREDITED"
    delivery.works()
    assert purchase.charge_id is not None
    purchases.recover(charge_id=purchase.charge_id, now=NOON + 5 * MINUTE)

    steps.refund(purchase, now=NOON + HOUR)
    purchases.recover(charge_id=purchase.charge_id, now=NOON + 2 * HOUR)
    steps.credit(purchase, now=NOON + 2 * HOUR)
    steps.refund(purchase, now=NOON + 2 * HOUR)

    assert steps.entries(player) == [
        ("PURCHASE_CREDIT", f"credit:purchase:{purchase.pk}", 15),
        ("PURCHASE_REFUND", f"refund:{purchase.pk}", 15),
    ]
    assert steps.owned(player) == (0, 0, 0)
    assert steps.again(purchase).status == "REFUNDED"


class TestTakingBack:
    """What of it is still there."""

    def test_what_is_spent_is_reported_as_shortfall(self, player: Player) -> None:
        purchase = steps.buy(player)
        spend_energy(player, 7)

        assert refunds.preview_reversal(purchase=purchase, now=NOON).shortfall == {"paid_energy": 7}
        purchase = steps.refund(purchase)

        [debit] = debits(player)
        assert (debit.paid_energy, debit.shortfall) == (-3, {"paid_energy": 7})
        assert steps.owned(player) == (0, 0, 0)
        assert purchase.evidence == {
            "entry": debit.pk,
            "taken": {"paid_energy": 3},
            "shortfall": {"paid_energy": 7},
        }

    def test_an_upgrade_gives_the_earlier_plan_back(self, player: Player) -> None:
        steps.buy(player, "PREMIUM_MONTH")
        upgrade = steps.buy(player, "PREMIUM_SEASON", now=NOON + 10 * DAY)
        assert entitlements.premium_at(player=player, at=NOON + 11 * DAY) == Plan.SEASON

        steps.refund(upgrade, now=NOON + 15 * DAY)

        # Twenty days of the month were left when the upgrade went before them.
        assert entitlements.premium_at(player=player, at=NOON + 15 * DAY) == Plan.MONTH
        until = entitlements.premium_until(player=player, now=NOON + 15 * DAY)
        assert until == NOON + 35 * DAY

    def test_what_was_never_credited_has_nothing_to_take_back(self, player: Player) -> None:
        purchase = steps.pay(steps.open_purchase(player))
        assert refunds.preview_reversal(purchase=purchase, now=NOON).taken == {}

        purchase = steps.refund(purchase)

        assert (purchase.status, purchase.credit_entry, purchase.refund_entry) == (
            "REFUNDED",
            None,
            None,
        )
        assert steps.entries(player) == []

    def test_what_is_in_review_can_be_refunded_and_its_alert_closes(self, player: Player) -> None:
        purchase = steps.pay(steps.open_purchase(player), stars=7)
        assert Alert.objects.filter(resolved_at=None).count() == 1

        purchase = steps.refund(purchase)

        assert (purchase.status, steps.entries(player)) == ("REFUNDED", [])
        assert Alert.objects.filter(resolved_at=None).count() == 0

    def test_once_it_is_asked_for_nothing_is_credited(self, player: Player) -> None:
        purchase = steps.pay(steps.open_purchase(player))
        steps.ask_refund(purchase)

        steps.credit(purchase)
        assert purchase.charge_id is not None
        purchases.recover(charge_id=purchase.charge_id, now=NOON + 5 * MINUTE)
        with pytest.raises(NotCreditableError, match="being refunded"):
            purchases.replay_credit(purchase_id=purchase.pk, now=NOON)

        purchase = steps.again(purchase)
        assert (purchase.status, purchase.recovery_tries) == ("PAID_UNCREDITED", 0)
        assert steps.entries(player) == []

    def test_who_asks_again_gets_the_refund_that_there_is(self, player: Player) -> None:
        purchase = steps.buy(player)
        staff = make_staff("Finance")

        first = steps.ask_refund(purchase)
        second = refunds.ask(
            purchase_id=purchase.pk,
            source=RefundSource.STAFF,
            reason="Please.",
            staff=staff,
            now=NOON + MINUTE,
        )

        assert first == second
        assert (second.source, second.reason) == ("API", "Wrong product.")


class TestFromTelegram:
    """A refund that began at Telegram (Bot API refunded_payment)."""

    def test_it_ends_as_one_of_ours(self, player: Player) -> None:
        purchase = steps.buy(player)
        payment = steps.payment(purchase, charge_id=purchase.charge_id)

        for _ in range(2):
            purchase = refunds.record_telegram_refund(payment, now=NOON + MINUTE)

        assert purchase.status == "REFUNDED"
        assert (purchase.refund.source, purchase.refund.tries) == ("TELEGRAM", 0)
        assert len(debits(player)) == 1
        assert steps.owned(player) == (0, 0, 0)
        assert Refund.objects.due(NOON + DAY).count() == 0

    def test_the_answer_to_ours_finds_it_asked_for(self, player: Player) -> None:
        purchase = steps.buy(player)
        steps.ask_refund(purchase)

        refunds.record_telegram_refund(
            steps.payment(purchase, charge_id=purchase.charge_id), now=NOON + MINUTE
        )

        refund = Refund.objects.get()
        assert (refund.source, refund.finished_at) == ("API", NOON + MINUTE)
        assert refunds.finish(refund_id=refund.pk, now=NOON + DAY) is False

    @pytest.mark.parametrize("is_failed", [False, True])
    def test_of_a_payment_that_we_never_heard_of(self, player: Player, is_failed: bool) -> None:
        purchase = steps.open_purchase(player)
        if is_failed:
            purchases.fail_stale(now=NOON + 31 * MINUTE, limit=10)

        refunds.record_telegram_refund(steps.payment(purchase), now=NOON + HOUR)

        purchase = steps.again(purchase)
        assert (purchase.status, purchase.paid_stars) == ("REFUNDED", 5)
        assert steps.entries(player) == []

    def test_of_a_charge_of_nothing_we_know(self, player: Player) -> None:
        payment = steps.payment(steps.open_purchase(player), payload="nobody's")

        kept = refunds.record_telegram_refund(payment, now=NOON)

        assert (kept.status, kept.problem) == ("REFUNDED", "UNKNOWN_PAYLOAD")
        assert (kept.player, kept.charge_id) == (player, payment.charge_id)
        assert Alert.objects.filter(resolved_at=None).count() == 0


class Telegram:
    """A player at the sandbox, who pays there and is refunded there."""

    def __init__(self, road: Road) -> None:
        self.road, self.sandbox = road, road.sandbox
        self.id = self.sandbox.add_player("Anna")
        self.sandbox.say(self.id, "/start")
        self.sandbox.set_stars(self.id, 1_000)
        road.fetch()
        self.player = PlayerFactory.create(telegram_id=self.id)

    def buy(self, code: str = "ENERGY_10", *, is_subscription: bool = False) -> Purchase:
        """Buy and pay there, and credit here."""
        now = timezone.now()
        purchase = steps.open_purchase(self.player, code, now=now, is_subscription=is_subscription)
        invoice = {
            "title": code,
            "description": code,
            "payload": purchase.payload,
            "provider_token": "",
            "currency": "XTR",
            "prices": [{"label": code, "amount": purchase.stars}],
        }
        link = ""
        if is_subscription:
            link = self.sandbox.call("createInvoiceLink", subscription_period=2_592_000, **invoice)
        else:
            self.sandbox.call("sendInvoice", chat_id=self.id, **invoice)
        checkout = self.sandbox.buy(self.id, link=link, wait=False)
        self.sandbox.wait_for(self.road.fetch)
        self.sandbox.wait_for(lambda: self.sandbox.checkout(checkout["id"])["state"] == "paid")
        self.sandbox.wait_for(self.road.fetch)
        purchase = steps.credit(steps.again(purchase), now=timezone.now())
        assert purchase.status == "CREDITED"
        return purchase


@pytest.fixture
def telegram(road: Road) -> Telegram:
    """Return a player at the sandbox."""
    return Telegram(road)


def finish(refund: Refund, *, after: timedelta = timedelta()) -> bool:
    """Let the job take its turn at a refund."""
    return refunds.finish(refund_id=refund.pk, now=refund.asked_at + after)


class TestSaga:
    """Decide, tell Telegram, take back; over HTTP, with the sandbox for Telegram."""

    def test_the_stars_come_back_and_the_goods_go(self, telegram: Telegram) -> None:
        purchase = telegram.buy()
        assert telegram.sandbox.stars(telegram.id) == 995
        steps.ask_refund(purchase, now=timezone.now())

        assert tasks.finish_refunds() == 1

        assert telegram.sandbox.stars(telegram.id) == 1_000
        assert steps.again(purchase).status == "REFUNDED"
        assert steps.owned(telegram.player) == (0, 0, 0)
        assert Refund.objects.get().tries == 1
        assert tasks.finish_refunds() == 0

    def test_already_refunded_counts_as_done(self, telegram: Telegram) -> None:
        purchase = telegram.buy()
        telegram.sandbox.refund_at_telegram(telegram.id, purchase.charge_id or "")

        assert finish(steps.ask_refund(purchase, now=timezone.now())) is True

        assert steps.again(purchase).status == "REFUNDED"
        assert telegram.sandbox.stars(telegram.id) == 1_000

    def test_an_answer_that_was_lost_is_asked_for_again(self, telegram: Telegram) -> None:
        purchase = telegram.buy()
        refund = steps.ask_refund(purchase, now=timezone.now())
        telegram.sandbox.network(lose_answer={"count": 1, "methods": ["refundStarPayment"]})

        assert finish(refund) is False
        assert telegram.sandbox.stars(telegram.id) == 1_000
        assert steps.again(purchase).status == "CREDITED"
        # Its next turn is half a minute later.
        assert finish(refund, after=30 * SECOND - timedelta(microseconds=1)) is False
        assert finish(refund, after=30 * SECOND) is True

        assert steps.again(purchase).status == "REFUNDED"
        assert telegram.sandbox.stars(telegram.id) == 1_000
        assert steps.timeline(purchase)[-3:] == ["REFUND_ASKED", "REFUND_FAILED", "REFUNDED"]
        assert Alert.objects.count() == 0

    def test_tries_come_less_and_less_often_and_the_third_tells_staff(
        self, telegram: Telegram
    ) -> None:
        purchase = telegram.buy()
        refund = steps.ask_refund(purchase, now=timezone.now())
        telegram.sandbox.network(
            fail={"count": 100, "status": 500, "methods": ["refundStarPayment"]}
        )
        alerts = Alert.objects.filter(kind="refund_stuck", resolved_at=None)

        at, waits = timedelta(), []
        for number in range(1, 6):
            assert finish(refund, after=at) is False
            assert alerts.count() == (1 if number >= 3 else 0)
            row = Refund.objects.get()
            waits.append(row.due_at - refund.asked_at - at)
            at = row.due_at - refund.asked_at

        assert waits == [30 * SECOND, 2 * MINUTE, 10 * MINUTE, HOUR, HOUR]
        assert "500" in Refund.objects.get().last_error
        assert telegram.sandbox.token not in Refund.objects.get().last_error
        telegram.sandbox.network(fail={"count": 0})
        assert finish(refund, after=at) is True
        assert alerts.count() == 0

    def test_a_refusal_tells_staff_at_once(self, telegram: Telegram) -> None:
        """Telegram does not know the charge."""
        telegram.buy()
        purchase = steps.open_purchase(telegram.player, now=timezone.now())
        purchase = steps.credit(steps.pay(purchase, now=timezone.now()), now=timezone.now())

        assert finish(steps.ask_refund(purchase, now=timezone.now())) is False

        [alert] = Alert.objects.filter(kind="refund_stuck")
        assert alert.summary.startswith("5 Stars could not be refunded: refundStarPayment: 400")
        purchase = steps.again(purchase)
        assert (purchase.status, purchase.event) == ("CREDITED", "REFUND_FAILED")
        # Nothing is taken back before Telegram has given the Stars back.
        assert steps.owned(telegram.player) == (20, 0, 0)

    def test_when_telegram_is_away_nothing_is_taken_back(
        self, player: Player, settings: Settings
    ) -> None:
        settings.TELEGRAM_API_URL = "http://127.0.0.1:1"
        purchase = steps.buy(player)

        assert finish(steps.ask_refund(purchase)) is False

        assert Refund.objects.get().last_error == "refundStarPayment: ConnectError"
        assert steps.owned(player) == (10, 0, 0)

    def test_a_subscription_is_cancelled_too(self, telegram: Telegram) -> None:
        purchase = telegram.buy("PREMIUM_MONTH", is_subscription=True)
        refund = steps.ask_refund(purchase, now=timezone.now())
        telegram.sandbox.network(
            fail={"count": 1, "status": 500, "methods": ["editUserStarSubscription"]}
        )

        # The Stars do not wait for the cancellation, which is stored and tried until it is done.
        assert tasks.cancel_subscriptions() == 0
        assert finish(refund) is True
        assert telegram.sandbox.stars(telegram.id) == 1_000
        assert steps.again(purchase).status == "REFUNDED"
        later = refund.asked_at + MINUTE
        assert subscriptions.cancel_at_telegram(purchase_id=purchase.pk, now=later) is True

        self.is_cancelled(telegram)

    def test_a_subscription_that_telegram_refunds_is_cancelled_too(
        self, telegram: Telegram
    ) -> None:
        purchase = telegram.buy("PREMIUM_MONTH", is_subscription=True)
        telegram.sandbox.refund_at_telegram(telegram.id, purchase.charge_id or "")
        payment = steps.payment(purchase, charge_id=purchase.charge_id)

        assert refunds.record_telegram_refund(payment, now=timezone.now()).status == "REFUNDED"
        assert tasks.cancel_subscriptions() == 1

        purchase = steps.again(purchase)
        assert (purchase.status, purchase.refund.source) == ("REFUNDED", "TELEGRAM")
        self.is_cancelled(telegram)

    @staticmethod
    def is_cancelled(telegram: Telegram) -> None:
        """See that the subscription is over, here and there."""
        assert Subscription.objects.get().canceled_at is not None
        [subscription] = telegram.sandbox.account(telegram.id)["subscriptions"]
        assert subscription["canceled_by"] == "bot"
        assert telegram.sandbox.next_month(telegram.id) == "ended"

    def test_a_claim_is_known_before_telegram_is_asked(self, telegram: Telegram) -> None:
        purchase = telegram.buy()
        refund = steps.ask_refund(purchase, now=timezone.now())

        assert refunds._claim(refund_id=refund.pk, now=refund.asked_at) is not None

        # Whoever comes while the first one is under way, or has died, waits for its time.
        assert finish(refund) is False
        assert finish(refund, after=30 * SECOND) is True
        assert Refund.objects.get().tries == 2

    def test_one_that_is_stuck_does_not_hold_up_another(self, telegram: Telegram) -> None:
        strange = steps.pay(
            steps.open_purchase(telegram.player, now=timezone.now()), now=timezone.now()
        )
        steps.ask_refund(strange, now=timezone.now())
        purchase = telegram.buy("STREAK_SAVER_20")
        steps.ask_refund(purchase, now=timezone.now())

        assert tasks.finish_refunds() == 1

        assert steps.again(purchase).status == "REFUNDED"


# What a reversal meets: nothing of type PURCHASE_REFUND gets into the ledger.
_NO_REVERSALS = """
CREATE FUNCTION tests_no_reversals() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'No reversals today.'; END; $$;
CREATE TRIGGER tests_no_reversals BEFORE INSERT ON economy_ledgerentry
FOR EACH ROW WHEN (NEW.type = 'PURCHASE_REFUND') EXECUTE FUNCTION tests_no_reversals();
"""


def reversals_fail() -> None:
    """Let every reversal fail from now on."""
    with as_owner() as cursor:
        cursor.execute(_NO_REVERSALS)


def reversals_work() -> None:
    """Let reversals succeed again."""
    with as_owner() as cursor:
        cursor.execute("DROP FUNCTION tests_no_reversals CASCADE")


class TestIncomplete:
    """Telegram has paid, and the goods cannot be taken back."""

    def test_it_is_noted_on_the_refund_and_staff_know_at_once(self, telegram: Telegram) -> None:
        purchase = telegram.buy()
        refund = steps.ask_refund(purchase, now=timezone.now())
        reversals_fail()

        assert finish(refund) is False

        assert telegram.sandbox.stars(telegram.id) == 1_000
        refund.refresh_from_db()
        assert (refund.telegram_at, refund.finished_at) == (refund.asked_at, None)
        assert refund.last_error == "After Telegram had paid: ProgrammingError"
        purchase = steps.again(purchase)
        assert (purchase.status, purchase.event) == ("CREDITED", "REVERSAL_FAILED")
        [alert] = Alert.objects.filter(resolved_at=None)
        assert (alert.kind, alert.key) == ("refund_incomplete", str(purchase.pk))
        assert alert.summary == (
            "Telegram has refunded 5 Stars, but the goods could not be taken back: "
            "ProgrammingError."
        )
        # Its next turn asks Telegram nothing more.
        reversals_work()
        since = len(telegram.sandbox.calls("refundStarPayment"))
        assert finish(refund, after=30 * SECOND) is True
        assert len(telegram.sandbox.calls("refundStarPayment")) == since
        refund.refresh_from_db()
        assert refund.telegram_at == refund.asked_at
        assert refund.finished_at == refund.asked_at + 30 * SECOND
        assert steps.again(purchase).status == "REFUNDED"
        assert not Alert.objects.filter(resolved_at=None).exists()

    def test_of_a_refund_that_telegram_tells_of(self, player: Player) -> None:
        """The update is done; the saga goes on with what is left."""
        purchase = steps.buy(player)
        reversals_fail()

        kept = refunds.record_telegram_refund(
            steps.payment(purchase, charge_id=purchase.charge_id), now=NOON
        )

        assert kept.status == "CREDITED"
        refund = Refund.objects.get()
        assert (refund.telegram_at, refund.finished_at) == (NOON, None)
        assert Alert.objects.get(resolved_at=None).kind == "refund_incomplete"
        reversals_work()
        assert refunds.finish(refund_id=refund.pk, now=NOON) is True
        assert steps.again(purchase).status == "REFUNDED"

    def test_a_wait_that_telegram_asks_for_is_obeyed(self, telegram: Telegram) -> None:
        purchase = telegram.buy()
        refund = steps.ask_refund(purchase, now=timezone.now())
        telegram.sandbox.network(
            too_many={"count": 1, "retry_after": 50, "methods": ["refundStarPayment"]}
        )

        assert finish(refund) is False

        refund.refresh_from_db()
        assert refund.due_at == refund.asked_at + 50 * SECOND
