"""Opening a purchase, the pre-checkout, and what becomes of every payment."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from economy import entitlements
from economy.goods import Plan
from economy.models import LedgerEntry, ModeSpan
from payments import payload, purchases
from payments.errors import NotCreditableError, Refusal, RefusedError
from payments.models import Product, Purchase, PurchaseEvent
from quizarena.players import services as players
from quizarena.players.models import Player
from quizarena.staff.models import Alert
from tests.factories import PlayerFactory
from tests.owner import behind_the_guards
from tests.payments import steps
from tests.payments.steps import DAY, MINUTE, NOON, SECOND

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
WEEK = 7 * DAY


def refusal_in_the_shop(player: Player, code: str, *, now: datetime = NOON) -> Refusal | None:
    """Tap a product, and return why it cannot be bought."""
    try:
        steps.open_purchase(player, code, now=now)
    except RefusedError as refused:
        return refused.refusal
    return None


class TestOpening:
    """The price is fixed, and there is one open purchase per player and product."""

    def test_what_it_is_of_and_what_it_costs_is_written_down(self, player: Player) -> None:
        purchase = steps.open_purchase(player, "MEGA_PACK_15")

        purchase = steps.again(purchase)
        assert purchase.status == "INVOICE_SENT"
        assert (purchase.base_stars, purchase.percent, purchase.stars) == (15, 0, 15)
        assert purchase.goods == {
            "asset_breakdown": {
                "paid_energy": 15,
                "mode_codes": ["CASES_PRACTICE", "TRENNBARE_VERBEN", "WORD_ORDER"],
            },
            "mode_hours": 24,
        }
        assert (purchase.opened_at, purchase.changed_at) == (NOON, NOON)
        assert steps.timeline(purchase) == ["OPENED", "INVOICE_SENT"]

    def test_a_second_tap_gets_the_first_purchase(self, player: Player) -> None:
        first = steps.open_purchase(player)
        second = steps.open_purchase(player, now=NOON + MINUTE)

        assert first == second
        assert steps.again(first).opened_at == NOON
        # The card was sent once more, so its time begins again.
        assert steps.again(first).changed_at == NOON + MINUTE

    def test_other_players_and_products_have_their_own(self, player: Player) -> None:
        taps = [
            (player, "ENERGY_10"),
            (player, "MEGA_PACK_15"),
            (PlayerFactory.create(), "ENERGY_10"),
        ]

        assert len({steps.open_purchase(who, code).pk for who, code in taps}) == 3

    def test_a_tap_after_it_was_approved_still_gets_the_same(self, player: Player) -> None:
        first = steps.open_purchase(player)
        steps.check_out(first)

        assert steps.open_purchase(player) == first
        assert steps.again(first).status == "PRECHECKOUT_OK"

    @pytest.mark.parametrize("is_paid", [True, False])
    def test_after_it_is_paid_or_failed_a_tap_opens_another(
        self, player: Player, is_paid: bool
    ) -> None:
        first = steps.open_purchase(player)
        if is_paid:
            steps.pay(first)
        else:
            purchases.fail_stale(now=NOON + 30 * MINUTE, limit=10)

        assert steps.open_purchase(player) != first

    def test_a_change_of_the_price_does_not_touch_what_is_open(self, player: Player) -> None:
        purchase = steps.open_purchase(player)
        Product.objects.filter(code="ENERGY_10").update(stars=9, paid_energy=90)

        assert steps.open_purchase(player).stars == 5
        assert steps.check_out(purchase) is None
        steps.credit(steps.pay(purchase))
        assert steps.owned(player) == (10, 0, 0)
        assert steps.open_purchase(player).stars == 9

    def test_sixty_a_day_and_what_is_open_can_still_be_paid(self, player: Player) -> None:
        for number in range(60):
            steps.open_purchase(player, "ENERGY_10", now=NOON + number * SECOND)
            if number < 59:
                Purchase.objects.update(status="FAILED")

        (still_open,) = Purchase.objects.open()
        assert steps.open_purchase(player, "ENERGY_10", now=NOON + MINUTE).pk == still_open.pk
        with pytest.raises(RefusedError) as refused:
            steps.open_purchase(player, "MEGA_PACK_15", now=NOON + MINUTE)
        assert refused.value.refusal == "TOO_MANY_TODAY"
        assert Purchase.objects.count() == 60
        steps.open_purchase(PlayerFactory.create(), "MEGA_PACK_15", now=NOON + MINUTE)

    def test_the_day_is_one_of_berlin(
        self, player: Player, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(purchases, "OPENED_A_DAY_MAX", 1)
        before_midnight = datetime(2026, 11, 2, 22, 59, 59, tzinfo=UTC)
        steps.open_purchase(player, "ENERGY_10", now=before_midnight)

        with pytest.raises(RefusedError):
            steps.open_purchase(player, "MEGA_PACK_15", now=before_midnight)
        steps.open_purchase(player, "MEGA_PACK_15", now=before_midnight + SECOND)

    def test_a_lower_price_is_what_the_next_tap_opens_at(self, player: Player) -> None:
        dear = steps.open_purchase(player)
        Product.objects.filter(code="ENERGY_10").update(stars=3)

        cheap = steps.open_purchase(player)

        dear.refresh_from_db()
        assert (cheap.stars, cheap.status, dear.status) == (3, "INVOICE_SENT", "FAILED")
        assert steps.open_purchase(player) == cheap

    @pytest.mark.parametrize("code", ["ENERGY_10", "NOTHING"])
    def test_what_is_not_for_sale_is_refused(self, player: Player, code: str) -> None:
        Product.objects.filter(code=code).update(is_for_sale=False)

        assert refusal_in_the_shop(player, code) == Refusal.NOT_FOR_SALE
        assert Purchase.objects.count() == 0

    def test_who_is_suspended_is_refused(self, player: Player) -> None:
        players.suspend(player_id=player.pk, now=NOON)
        player.refresh_from_db()

        assert refusal_in_the_shop(player, "ENERGY_10") == Refusal.SUSPENDED

    def test_a_streak_saver_is_sold_once_in_seven_days(self, player: Player) -> None:
        steps.buy(player, "STREAK_SAVER_20")

        with pytest.raises(RefusedError) as refused:
            steps.open_purchase(player, "STREAK_SAVER_20", now=NOON + WEEK - SECOND)
        assert (refused.value.refusal, refused.value.until) == (Refusal.TOO_SOON, NOON + WEEK)

        steps.buy(player, "STREAK_SAVER_20", now=NOON + WEEK)
        # The window slides.
        at = NOON + 2 * WEEK - SECOND
        assert refusal_in_the_shop(player, "STREAK_SAVER_20", now=at) == Refusal.TOO_SOON

    def test_a_saver_that_was_refunded_does_not_count(self, player: Player) -> None:
        steps.refund(steps.buy(player, "STREAK_SAVER_20"))

        assert refusal_in_the_shop(player, "STREAK_SAVER_20") is None

    def test_a_saver_that_was_paid_and_not_credited_counts(self, player: Player) -> None:
        steps.pay(steps.open_purchase(player, "STREAK_SAVER_20"))

        assert refusal_in_the_shop(player, "STREAK_SAVER_20") == Refusal.TOO_SOON

    def test_the_saver_of_somebody_else_does_not_count(self, player: Player) -> None:
        steps.buy(PlayerFactory.create(), "STREAK_SAVER_20")

        assert refusal_in_the_shop(player, "STREAK_SAVER_20") is None

    @pytest.mark.parametrize(
        ("active", "wanted", "refusal"),
        [
            ("PREMIUM_STARTER", "PREMIUM_STARTER", None),
            ("PREMIUM_STARTER", "PREMIUM_MONTH", None),
            ("PREMIUM_MONTH", "PREMIUM_STARTER", "LOWER_PLAN"),
            ("PREMIUM_MONTH", "PREMIUM_MONTH", None),
            ("PREMIUM_MONTH", "PREMIUM_YEAR", None),
            ("PREMIUM_SEASON", "PREMIUM_MONTH", "LOWER_PLAN"),
            ("PREMIUM_YEAR", "PREMIUM_SEASON", "LOWER_PLAN"),
            ("PREMIUM_YEAR", "PREMIUM_YEAR", None),
            ("PREMIUM_YEAR", "MEGA_PACK_15", None),
        ],
    )
    def test_a_lower_plan_than_the_active_one_is_refused(
        self, player: Player, active: str, wanted: str, refusal: str | None
    ) -> None:
        steps.buy(player, active)

        assert refusal_in_the_shop(player, wanted) == refusal

    def test_a_lower_plan_is_sold_when_the_higher_one_has_ended(self, player: Player) -> None:
        steps.buy(player, "PREMIUM_MONTH")

        end = NOON + 30 * DAY
        assert refusal_in_the_shop(player, "PREMIUM_STARTER", now=end - SECOND) == "LOWER_PLAN"
        assert refusal_in_the_shop(player, "PREMIUM_STARTER", now=end) is None

    def test_renewing_the_same_plan_extends_it(self, player: Player) -> None:
        steps.buy(player, "PREMIUM_MONTH")
        steps.buy(player, "PREMIUM_MONTH", now=NOON + DAY)

        assert entitlements.premium_until(player=player, now=NOON + DAY) == NOON + 60 * DAY


class TestPreCheckout:
    """Telegram asks before it takes the Stars."""

    def test_yes_is_written_down(self, player: Player) -> None:
        purchase = steps.open_purchase(player)

        assert steps.check_out(purchase, query="q") is None

        purchase = steps.again(purchase)
        assert purchase.status == "PRECHECKOUT_OK"
        assert purchase.evidence == {
            "query": "q",
            "from": player.telegram_id,
            "stars": 5,
            "currency": "XTR",
            "refusal": "",
        }

    def test_an_invoice_of_which_we_have_not_heard_that_it_was_made(self, player: Player) -> None:
        purchase = purchases.open_purchase(player=player, product_code="ENERGY_10", now=NOON)

        assert purchase.status == "CREATED"
        assert steps.check_out(purchase) is None

    @pytest.mark.parametrize(
        ("changes", "refusal"),
        [
            ({"payload": "nobody's"}, "UNKNOWN"),
            ({"payload": ""}, "UNKNOWN"),
            ({"telegram_id": 1}, "NOT_YOURS"),
            ({"stars": 4}, "WRONG_AMOUNT"),
            ({"stars": 6}, "WRONG_AMOUNT"),
            ({"currency": "EUR"}, "WRONG_AMOUNT"),
        ],
    )
    def test_what_does_not_fit_is_refused(
        self, player: Player, changes: dict[str, Any], refusal: str
    ) -> None:
        purchase = steps.open_purchase(player)

        assert steps.check_out(purchase, **changes) == refusal

        assert steps.again(purchase).status == "INVOICE_SENT"
        # The refusal is no end: who it belongs to can still pay it.
        assert steps.check_out(purchase) is None

    def test_a_refusal_stays_on_the_timeline(self, player: Player) -> None:
        purchase = steps.open_purchase(player)

        steps.check_out(purchase, query="q", stars=6)

        event = PurchaseEvent.objects.get(kind="REFUSED")
        assert (event.evidence["refusal"], event.evidence["stars"]) == ("WRONG_AMOUNT", 6)
        assert event.status == "INVOICE_SENT"

    def test_a_payload_with_another_signature_is_unknown(self, player: Player) -> None:
        purchase = steps.open_purchase(player)
        assert purchase.payload is not None

        assert steps.check_out(purchase, payload=purchase.payload[:-1] + "!") == "UNKNOWN"

    def test_a_row_that_was_changed_behind_our_back_is_refused(self, player: Player) -> None:
        """The payload is bound to the price."""
        purchase = steps.open_purchase(player)
        with behind_the_guards() as cursor:
            cursor.execute("UPDATE payments_purchase SET stars = 1, base_stars = 1")

        assert steps.check_out(steps.again(purchase)) == "WRONG_AMOUNT"

    def test_what_has_failed_is_refused(self, player: Player) -> None:
        purchase = steps.open_purchase(player)
        purchases.fail_stale(now=NOON + 30 * MINUTE, limit=10)

        assert steps.check_out(purchase, now=NOON + 31 * MINUTE) == "EXPIRED"
        assert steps.again(purchase).status == "FAILED"

    @pytest.mark.parametrize("until", ["paid", "credited", "review", "refunded"])
    def test_what_has_been_paid_is_refused(self, player: Player, until: str) -> None:
        purchase = steps.pay(steps.open_purchase(player), stars=7 if until == "review" else 5)
        if until == "credited":
            steps.credit(purchase)
        if until == "refunded":
            steps.refund(purchase)

        assert steps.check_out(purchase) == "ALREADY_PAID"

    def test_the_rules_are_looked_at_again(self, player: Player) -> None:
        energy = steps.open_purchase(player)
        saver = steps.open_purchase(player, "STREAK_SAVER_20")
        starter = steps.open_purchase(player, "PREMIUM_STARTER")

        Product.objects.filter(code="ENERGY_10").update(is_for_sale=False)
        steps.buy(player, "PREMIUM_MONTH")
        steps.credit(steps.pay(saver))
        second = self.another_open(player, saver)

        assert steps.check_out(energy) == "NOT_FOR_SALE"
        assert steps.check_out(starter) == "LOWER_PLAN"
        assert steps.check_out(second, now=NOON + WEEK - SECOND) == "TOO_SOON"
        assert steps.check_out(second, now=NOON + WEEK) is None

    def test_who_is_suspended_meanwhile_is_refused(self, player: Player) -> None:
        purchase = steps.open_purchase(player)
        players.suspend(player_id=player.pk, now=NOON)

        assert steps.check_out(purchase) == "SUSPENDED"
        players.unsuspend(player_id=player.pk)
        assert steps.check_out(purchase) is None

    def test_a_query_that_comes_again_gets_the_yes_it_got(self, player: Player) -> None:
        purchase = steps.open_purchase(player)
        assert steps.check_out(purchase, query="q") is None
        Product.objects.update(is_for_sale=False)
        players.suspend(player_id=player.pk, now=NOON)

        assert steps.check_out(purchase, query="q", now=NOON + MINUTE) is None
        assert steps.timeline(purchase) == ["OPENED", "INVOICE_SENT", "APPROVED"]
        assert steps.check_out(purchase, query="another") == "SUSPENDED"
        # Also when something else has happened in between, even its end.
        assert steps.check_out(purchase, query="q") is None
        steps.pay(purchase)
        assert steps.check_out(purchase, query="q") is None

    def test_a_query_that_comes_again_gets_the_no_it_got(self, player: Player) -> None:
        purchase = steps.open_purchase(player)
        players.suspend(player_id=player.pk, now=NOON)
        assert steps.check_out(purchase, query="q") == "SUSPENDED"
        players.unsuspend(player_id=player.pk)

        assert steps.check_out(purchase, query="q") == "SUSPENDED"
        assert steps.check_out(purchase, query="another") is None
        assert steps.check_out(purchase, query="q") == "SUSPENDED"

    @staticmethod
    def another_open(player: Player, like: Purchase) -> Purchase:
        """Return an open purchase that the shop would not have opened."""
        pk = uuid4()
        purchase = Purchase.objects.create(
            pk=pk,
            player=player,
            product=like.product,
            goods=like.goods,
            base_stars=like.base_stars,
            stars=like.stars,
            payload=payload.sign(
                purchase_id=pk,
                telegram_id=player.telegram_id,
                product="STREAK_SAVER_20",
                stars=20,
            ),
            opened_at=NOON,
            changed_at=NOON,
        )
        return steps.again(purchase)


class TestRecording:
    """Whatever Telegram took has a row, and nothing of it changes any more."""

    def test_the_evidence_is_kept(self, player: Player) -> None:
        purchase = steps.open_purchase(player)
        steps.check_out(purchase)
        paid = steps.payment(purchase, raw={"all": "that Telegram said"})

        purchase = purchases.record_payment(paid, now=NOON + SECOND)

        assert purchase.status == "PAID_UNCREDITED"
        assert (purchase.charge_id, purchase.provider_charge_id) == (
            paid.charge_id,
            paid.provider_charge_id,
        )
        assert (purchase.paid_stars, purchase.paid_currency) == (5, "XTR")
        assert (purchase.paid_at, purchase.changed_at) == (NOON, NOON + SECOND)
        assert (purchase.problem, purchase.flags) == ("", [])
        assert PurchaseEvent.objects.get(kind="PAID").evidence == {"all": "that Telegram said"}
        assert LedgerEntry.objects.filter(asset="PURCHASE").count() == 0

    def test_telling_it_three_times_records_it_once(self, player: Player) -> None:
        purchase = steps.open_purchase(player)
        paid = steps.payment(purchase)

        for minutes in range(3):
            assert purchases.record_payment(paid, now=NOON + minutes * MINUTE) == purchase
            steps.credit(steps.again(purchase))

        assert steps.timeline(purchase) == ["OPENED", "INVOICE_SENT", "PAID", "CREDITED"]
        assert Purchase.objects.count() == 1
        assert steps.owned(player) == (10, 0, 0)

    @pytest.mark.parametrize("is_sent", [False, True])
    def test_before_the_pre_checkout_is_stored(self, player: Player, is_sent: bool) -> None:
        purchase = purchases.open_purchase(player=player, product_code="ENERGY_10", now=NOON)
        if is_sent:
            purchases.invoice_sent(purchase, now=NOON)

        purchase = steps.credit(steps.pay(purchase))

        assert (purchase.status, purchase.flags) == ("CREDITED", ["UNCHECKED"])

    def test_after_the_invoice_has_failed(self, player: Player) -> None:
        purchase = steps.open_purchase(player)
        purchases.fail_stale(now=NOON + 30 * MINUTE, limit=10)
        # Meanwhile the player has opened another one, which stays open.
        other = steps.open_purchase(player, now=NOON + 31 * MINUTE)

        late = steps.pay(purchase, now=NOON + 32 * MINUTE)
        late = steps.credit(late, now=NOON + 32 * MINUTE)

        assert (late, late.status, late.flags) == (purchase, "CREDITED", ["LATE"])
        assert steps.again(other).status == "INVOICE_SENT"
        assert steps.owned(player) == (10, 0, 0)

    @pytest.mark.parametrize(
        ("changes", "problem"),
        [
            ({"stars": 4}, "AMOUNT"),
            ({"stars": 6}, "AMOUNT"),
            ({"currency": "EUR"}, "CURRENCY"),
            ({"currency": "EUR", "stars": 4}, "CURRENCY"),
        ],
    )
    def test_another_amount_or_currency_waits_for_staff(
        self, player: Player, changes: dict[str, Any], problem: str
    ) -> None:
        purchase = steps.open_purchase(player)
        steps.check_out(purchase)

        paid = steps.pay(purchase, **changes)

        assert paid == purchase
        assert (paid.status, paid.problem) == ("CREDIT_REVIEW", problem)
        assert paid.paid_stars == changes.get("stars", 5)
        alert = Alert.objects.get()
        assert (alert.kind, alert.key) == ("payment_in_review", str(purchase.pk))
        assert alert.details == {"purchase": str(purchase.pk), "charge": paid.charge_id}
        # The job does not deliver it by itself; staff can.
        assert steps.credit(paid).status == "CREDIT_REVIEW"
        assert steps.entries(player) == []
        purchases.replay_credit(purchase_id=paid.pk, now=NOON)
        assert steps.owned(player) == (10, 0, 0)
        assert Alert.objects.filter(resolved_at=None).count() == 0

    def test_an_unknown_payload_is_kept(self, player: Player) -> None:
        purchase = steps.open_purchase(player)

        kept = steps.pay(purchase, payload="nobody's", charge_id="strange")

        assert (kept.status, kept.problem) == ("CREDIT_REVIEW", "UNKNOWN_PAYLOAD")
        assert (kept.player, kept.product, kept.goods, kept.payload) == (player, None, None, None)
        assert (kept.charge_id, kept.paid_stars, kept.paid_at) == ("strange", 5, NOON)
        assert Alert.objects.get().key == str(kept.pk)
        assert steps.again(purchase).status == "INVOICE_SENT"
        with pytest.raises(NotCreditableError, match="Refund this payment"):
            purchases.replay_credit(purchase_id=kept.pk, now=NOON)
        assert steps.refund(kept).status == "REFUNDED"

    def test_an_unknown_payer_is_met(self, player: Player) -> None:
        payer = {"id": 42, "is_bot": False, "first_name": "Zoë", "language_code": "uk"}

        kept = steps.pay(steps.open_purchase(player), payload="nobody's", payer=payer)

        assert (kept.player.telegram_id, kept.player.first_name) == (42, "Zoë")
        assert kept.player.language == "uk"

    def test_what_somebody_else_has_paid_is_theirs_and_waits_for_staff(
        self, player: Player
    ) -> None:
        purchase, bert = steps.open_purchase(player), PlayerFactory.create()

        kept = steps.pay(purchase, payer=steps.payer(bert))

        assert kept != purchase
        assert (kept.status, kept.problem) == ("CREDIT_REVIEW", "FOREIGN_PLAYER")
        assert (kept.player, kept.product_id, kept.stars) == (bert, "ENERGY_10", 5)
        assert Alert.objects.count() == 1
        # The invoice still waits for its owner.
        assert steps.credit(steps.pay(purchase)).status == "CREDITED"
        purchases.replay_credit(purchase_id=kept.pk, now=NOON)
        assert steps.owned(player) == steps.owned(bert) == (10, 0, 0)

    @pytest.mark.parametrize("is_credited", [False, True])
    def test_a_second_charge_is_kept_beside_the_first(
        self, player: Player, is_credited: bool
    ) -> None:
        purchase = steps.pay(steps.open_purchase(player))
        if is_credited:
            steps.credit(purchase)

        second = steps.pay(purchase)

        assert second != purchase
        assert (second.status, second.problem) == ("CREDIT_REVIEW", "SECOND_CHARGE")
        assert (second.player, second.product_id, second.payload) == (player, "ENERGY_10", None)
        assert Alert.objects.get().key == str(second.pk)
        assert steps.again(purchase).charge_id != second.charge_id
        assert steps.refund(second).status == "REFUNDED"
        assert steps.credit(purchase).status == "CREDITED"

    def test_a_charge_after_a_refund_is_a_second_one(self, player: Player) -> None:
        purchase = steps.refund(steps.buy(player))

        assert steps.pay(purchase).problem == "SECOND_CHARGE"

    def test_a_charge_that_comes_again_with_another_story_changes_nothing(
        self, player: Player
    ) -> None:
        purchase = steps.pay(steps.open_purchase(player), charge_id="one")

        payment = steps.payment(
            purchase, charge_id="one", stars=99, payload="nobody's", payer={"id": 1}
        )
        assert purchases.record_payment(payment, now=NOON + MINUTE) == purchase

        assert steps.again(purchase).paid_stars == 5
        assert Purchase.objects.count() == 1


class TestHonouring:
    """No rule refuses what has been paid; it is credited and flagged."""

    def test_a_suspended_player(self, player: Player) -> None:
        purchase = steps.open_purchase(player)
        steps.check_out(purchase)
        players.suspend(player_id=player.pk, now=NOON)

        self.is_honoured(purchase, flags=["SUSPENDED"])
        assert steps.owned(player) == (10, 0, 0)

    def test_a_player_who_has_blocked_the_bot(self, player: Player) -> None:
        purchase = steps.open_purchase(player)
        steps.check_out(purchase)
        players.bot_blocked(telegram_id=player.telegram_id, now=NOON)

        self.is_honoured(purchase, flags=["BOT_BLOCKED"])

    def test_a_product_that_was_withdrawn(self, player: Player) -> None:
        purchase = steps.open_purchase(player)
        steps.check_out(purchase)
        Product.objects.filter(code="ENERGY_10").update(is_for_sale=False, paid_energy=1)

        self.is_honoured(purchase, flags=["NOT_FOR_SALE"])
        assert steps.owned(player) == (10, 0, 0)

    def test_a_lower_plan_than_the_active_one(self, player: Player) -> None:
        purchase = steps.open_purchase(player, "PREMIUM_STARTER")
        steps.check_out(purchase)
        steps.buy(player, "PREMIUM_MONTH")

        self.is_honoured(purchase, flags=["LOWER_PLAN"])
        # Its days lie behind the higher plan.
        assert entitlements.premium_at(player=player, at=NOON) == Plan.MONTH
        assert entitlements.premium_until(player=player, now=NOON) == NOON + 37 * DAY

    def test_a_second_saver_in_the_window(self, player: Player) -> None:
        first = steps.open_purchase(player, "STREAK_SAVER_20", now=NOON - 31 * MINUTE)
        purchases.fail_stale(now=NOON, limit=10)
        steps.buy(player, "STREAK_SAVER_20")

        self.is_honoured(first, flags=["TOO_SOON", "LATE"])
        assert steps.owned(player) == (0, 2, 0)

    def test_a_third_mega_pack_on_top_of_two(self, player: Player) -> None:
        for _ in range(2):
            steps.buy(player, "MEGA_PACK_15")
        purchase = steps.open_purchase(player, "MEGA_PACK_15")
        steps.check_out(purchase)

        self.is_honoured(purchase, flags=[])
        assert steps.owned(player) == (45, 0, 0)
        ends = (
            ModeSpan.objects.live(NOON).filter(mode="WORD_ORDER").values_list("ends_at", flat=True)
        )
        assert max(ends) == NOON + 72 * HOUR

    def test_premium_after_one_that_has_expired(self, player: Player) -> None:
        steps.buy(player, "PREMIUM_STARTER", now=NOON - 30 * DAY)
        purchase = steps.open_purchase(player, "PREMIUM_STARTER")
        steps.check_out(purchase)

        self.is_honoured(purchase, flags=[])
        assert entitlements.premium_until(player=player, now=NOON) == NOON + WEEK

    def test_everything_at_once(self, player: Player) -> None:
        purchase = steps.open_purchase(player, "PREMIUM_STARTER", now=NOON - HOUR)
        purchases.fail_stale(now=NOON, limit=10)
        steps.buy(player, "PREMIUM_YEAR")
        Product.objects.update(is_for_sale=False)
        players.suspend(player_id=player.pk, now=NOON)
        players.bot_blocked(telegram_id=player.telegram_id, now=NOON)

        self.is_honoured(
            purchase, flags=["SUSPENDED", "NOT_FOR_SALE", "LOWER_PLAN", "BOT_BLOCKED", "LATE"]
        )

    @staticmethod
    def is_honoured(purchase: Purchase, *, flags: list[str]) -> None:
        """Pay it, and see that it is credited all the same."""
        paid = steps.credit(steps.pay(purchase))
        assert (paid.status, paid.problem, paid.flags) == ("CREDITED", "", flags)
        assert Alert.objects.count() == 0


class TestStale:
    """What nobody pays for half an hour is closed."""

    @pytest.mark.parametrize("status", ["CREATED", "INVOICE_SENT", "PRECHECKOUT_OK"])
    def test_it_fails_after_thirty_minutes(self, player: Player, status: str) -> None:
        purchase = purchases.open_purchase(player=player, product_code="ENERGY_10", now=NOON)
        if status == "INVOICE_SENT":
            purchases.invoice_sent(purchase, now=NOON)
        if status == "PRECHECKOUT_OK":
            steps.check_out(purchase)
        assert steps.again(purchase).status == status

        almost = NOON + 30 * MINUTE - timedelta(microseconds=1)
        assert purchases.fail_stale(now=almost, limit=10) == 0
        assert purchases.fail_stale(now=NOON + 30 * MINUTE, limit=10) == 1
        assert purchases.fail_stale(now=NOON + 31 * MINUTE, limit=10) == 0

        purchase = steps.again(purchase)
        assert (purchase.status, purchase.evidence) == (
            "FAILED",
            {"why": "unpaid for 30 minutes"},
        )

    def test_a_yes_gives_it_half_an_hour_more(self, player: Player) -> None:
        purchase = steps.open_purchase(player)
        steps.check_out(purchase, now=NOON + 29 * MINUTE)

        assert purchases.fail_stale(now=NOON + 58 * MINUTE, limit=10) == 0
        assert purchases.fail_stale(now=NOON + 59 * MINUTE, limit=10) == 1

    def test_what_is_paid_is_left_alone(self, player: Player) -> None:
        for stars in (5, 7):
            steps.pay(steps.open_purchase(player), stars=stars)
        steps.buy(player)

        assert purchases.fail_stale(now=NOON + DAY, limit=10) == 0

    def test_a_run_closes_the_oldest_first_and_no_more_than_its_limit(self, player: Player) -> None:
        young = steps.open_purchase(player, now=NOON + MINUTE)
        old = steps.open_purchase(PlayerFactory.create())

        assert purchases.fail_stale(now=NOON + HOUR, limit=1) == 1

        assert steps.again(old).status == "FAILED"
        assert steps.again(young).status == "INVOICE_SENT"
