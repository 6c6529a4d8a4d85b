"""Premium by the month: renewals, days of grace, and the end."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, transaction
from pytest_django.fixtures import Settings

from economy import entitlements
from economy.models import PremiumSpan
from payments import purchases, subscriptions, tasks
from payments.errors import Refusal, RefusedError
from payments.models import Purchase, Subscription
from quizarena.players.models import Player
from quizarena.staff.models import Alert
from tests.factories import PlayerFactory
from tests.payments import steps
from tests.payments.steps import DAY, MINUTE, NOON, SECOND
from tests.sandbox import Sandbox

pytestmark = pytest.mark.django_db

MONTH = 30 * DAY


@pytest.fixture
def first(player: Player) -> Purchase:
    """Return the purchase that began a subscription at noon."""
    return steps.buy(player, "PREMIUM_MONTH", is_subscription=True)


def renew(first: Purchase, *, now: datetime, **changes: Any) -> Purchase:
    """Let Telegram renew it and tell us at once."""
    return steps.credit(steps.pay(first, now=now, is_renewal=True, **changes), now=now)


def premium_left(player: Player, *, at: datetime) -> timedelta:
    """Return how much Premium the player has before them."""
    spans = PremiumSpan.objects.live(at).filter(player=player)
    return sum((span.ends_at - max(at, span.starts_at) for span in spans), timedelta())


class TestBeginning:
    """The first payment."""

    def test_it_lasts_thirty_days(self, first: Purchase) -> None:
        assert first.subscription.expires_at == NOON + MONTH
        assert first.subscription.player == first.player
        assert premium_left(first.player, at=NOON) == MONTH
        assert first.subscription.state(NOON) == "ACTIVE"

    def test_it_lasts_as_long_as_telegram_says(self, player: Player) -> None:
        purchase = steps.open_purchase(player, "PREMIUM_MONTH", is_subscription=True)

        steps.credit(steps.pay(purchase, subscribed_until=NOON + MONTH + MINUTE))

        assert Subscription.objects.get().expires_at == NOON + MONTH + MINUTE

    @pytest.mark.parametrize("code", ["PREMIUM_STARTER", "PREMIUM_SEASON", "ENERGY_10", "NOTHING"])
    def test_only_the_month_can_be_subscribed_to(self, player: Player, code: str) -> None:
        with pytest.raises(RefusedError) as refused:
            steps.open_purchase(player, code, is_subscription=True)

        assert refused.value.refusal == Refusal.NOT_FOR_SALE

    def test_a_player_has_one_at_a_time(self, first: Purchase) -> None:
        with pytest.raises(RefusedError) as refused:
            steps.open_purchase(first.player, "PREMIUM_MONTH", is_subscription=True)

        assert refused.value.refusal == Refusal.SUBSCRIBED

    def test_a_month_can_be_bought_beside_it(self, first: Purchase) -> None:
        steps.buy(first.player, "PREMIUM_MONTH")

        assert premium_left(first.player, at=NOON) == 60 * DAY
        assert Subscription.objects.count() == 1

    def test_wanting_it_in_another_way_closes_the_open_invoice(self, player: Player) -> None:
        once = steps.open_purchase(player, "PREMIUM_MONTH")

        monthly = steps.open_purchase(player, "PREMIUM_MONTH", is_subscription=True)

        assert (once != monthly, monthly.is_subscription) == (True, True)
        assert steps.again(once).status == "FAILED"
        assert steps.timeline(once) == ["OPENED", "INVOICE_SENT", "FAILED"]


class TestRenewal:
    """Telegram takes the Stars of the next month by itself."""

    def test_it_is_a_purchase_of_its_own_and_extends(self, first: Purchase) -> None:
        renewal = renew(first, now=NOON + MONTH - MINUTE)

        assert (renewal.status, renewal.renews, renewal.payload) == ("CREDITED", first, None)
        assert (renewal.product_id, renewal.paid_stars) == ("PREMIUM_MONTH", 99)
        first.subscription.refresh_from_db()
        assert first.subscription.expires_at == NOON + 2 * MONTH - MINUTE
        assert premium_left(first.player, at=NOON) == 2 * MONTH
        assert [amount for _, _, amount in steps.entries(first.player)] == [99, 99]

    def test_telling_it_again_renews_once(self, first: Purchase) -> None:
        paid = steps.payment(first, paid_at=NOON + MONTH, is_renewal=True)

        for _ in range(3):
            purchases.record_payment(paid, now=NOON + MONTH)
            purchases.credit(charge_id=paid.charge_id, now=NOON + MONTH)

        assert first.renewals.count() == 1
        assert premium_left(first.player, at=NOON + MONTH) == MONTH

    def test_renewals_may_overtake_each_other(self, first: Purchase) -> None:
        renew(first, now=NOON + 2 * MONTH)
        renew(first, now=NOON + MONTH)

        first.subscription.refresh_from_db()
        assert first.subscription.expires_at == NOON + 3 * MONTH

    def test_one_that_overtakes_the_first_payment_begins_it(self, player: Player) -> None:
        purchase = steps.open_purchase(player, "PREMIUM_MONTH", is_subscription=True)
        waiting = steps.pay(purchase)
        renew(waiting, now=NOON + MONTH)

        steps.credit(waiting, now=NOON + MONTH + MINUTE)

        subscription = Subscription.objects.get()
        assert subscription.purchase == purchase
        assert subscription.expires_at == NOON + 2 * MONTH

    def test_another_price_waits_for_review(self, first: Purchase) -> None:
        renewal = renew(first, now=NOON + MONTH, stars=149)

        assert (renewal.status, renewal.problem) == ("CREDIT_REVIEW", "AMOUNT")
        first.subscription.refresh_from_db()
        assert first.subscription.expires_at == NOON + MONTH

    def test_a_second_charge_that_is_no_renewal_waits_for_review(self, first: Purchase) -> None:
        second = steps.pay(first, now=NOON + MINUTE)

        assert (second.status, second.problem) == ("CREDIT_REVIEW", "SECOND_CHARGE")
        assert (second.is_subscription, second.renews) == (False, None)

    @pytest.mark.out_of_order
    def test_what_somebody_else_pays_does_not_renew_it(self, first: Purchase) -> None:
        bert = PlayerFactory.create()

        paid = steps.pay(first, now=NOON + MONTH, is_renewal=True, payer=steps.payer(bert))
        purchases.replay_credit(purchase_id=paid.pk, now=NOON + MONTH)

        assert (paid.problem, paid.player, paid.renews) == ("FOREIGN_PLAYER", bert, None)
        first.subscription.refresh_from_db()
        assert first.subscription.expires_at == NOON + MONTH
        assert premium_left(bert, at=NOON + MONTH) == MONTH
        assert premium_left(first.player, at=NOON + MONTH) == timedelta(0)

    def test_a_renewal_after_it_was_cancelled_says_that_it_goes_on(self, first: Purchase) -> None:
        subscriptions.cancel(player=first.player, now=NOON + DAY)
        # Telegram has agreed.
        Subscription.objects.update(cancel_due_at=None)

        renew(first, now=NOON + MONTH)

        first.subscription.refresh_from_db()
        assert first.subscription.canceled_at is None

    def test_a_renewal_that_was_faster_than_the_cancellation_changes_nothing(
        self, first: Purchase
    ) -> None:
        subscriptions.cancel(player=first.player, now=NOON + DAY)

        renew(first, now=NOON + MONTH)

        first.subscription.refresh_from_db()
        assert first.subscription.canceled_at == NOON + DAY
        assert first.subscription.cancel_due_at == NOON + DAY
        assert first.subscription.expires_at == NOON + 2 * MONTH

    def test_a_cancellation_after_the_renewal_was_paid_stays(self, first: Purchase) -> None:
        paid = steps.pay(first, now=NOON + MONTH, is_renewal=True)
        first.subscription.expires_at = NOON + 2 * MONTH
        first.subscription.save()
        subscriptions.cancel(player=first.player, now=NOON + MONTH + MINUTE)

        steps.credit(paid, now=NOON + MONTH + 2 * MINUTE)

        first.subscription.refresh_from_db()
        assert first.subscription.canceled_at == NOON + MONTH + MINUTE


class TestGrace:
    """A renewal that does not come in time."""

    @staticmethod
    def give(first: Purchase, *, now: datetime) -> bool:
        return subscriptions.give_grace(purchase_id=first.pk, now=now)

    def test_premium_goes_on_for_three_days(self, first: Purchase) -> None:
        assert self.give(first, now=NOON + MONTH - SECOND) is False
        assert self.give(first, now=NOON + MONTH) is True

        until = entitlements.premium_until(player=first.player, now=NOON + MONTH)
        assert until == NOON + 33 * DAY
        first.subscription.refresh_from_db()
        assert first.subscription.state(NOON + 33 * DAY - SECOND) == "GRACE"
        assert first.subscription.state(NOON + 33 * DAY) == "ENDED"

    def test_it_is_given_once(self, first: Purchase) -> None:
        assert self.give(first, now=NOON + MONTH) is True
        assert self.give(first, now=NOON + MONTH + MINUTE) is False

        assert premium_left(first.player, at=NOON + MONTH) == 3 * DAY

    def test_the_job_gives_it_to_all_who_have_it_to_get(self, first: Purchase) -> None:
        other = steps.buy(PlayerFactory.create(), "PREMIUM_MONTH", is_subscription=True)
        steps.buy(PlayerFactory.create(), "PREMIUM_MONTH", now=NOON + DAY, is_subscription=True)
        with time_machine.travel(NOON + MONTH, tick=False):
            assert tasks.give_grace() == 2
            assert tasks.give_grace() == 0

        graced = Subscription.objects.exclude(grace_entry=None)
        assert {subscription.purchase for subscription in graced} == {first, other}

    def test_it_is_not_given_when_three_days_have_passed(self, first: Purchase) -> None:
        assert self.give(first, now=NOON + 33 * DAY) is False
        assert self.give(first, now=NOON + 33 * DAY - SECOND) is True

    def test_what_is_cancelled_gets_none(self, first: Purchase) -> None:
        subscriptions.cancel(player=first.player, now=NOON + DAY)

        assert self.give(first, now=NOON + MONTH) is False

    def test_the_rest_of_it_is_taken_back_by_the_renewal(self, first: Purchase) -> None:
        self.give(first, now=NOON + MONTH)

        renew(first, now=NOON + 31 * DAY)

        # One day of grace is used up; the month that was paid comes whole.
        assert premium_left(first.player, at=NOON + 31 * DAY) == MONTH
        first.subscription.refresh_from_db()
        assert first.subscription.expires_at == NOON + 61 * DAY
        assert first.subscription.grace_entry is None

    def test_the_next_missing_renewal_gets_it_again(self, first: Purchase) -> None:
        self.give(first, now=NOON + MONTH)
        renew(first, now=NOON + 31 * DAY)

        assert self.give(first, now=NOON + 61 * DAY) is True
        assert premium_left(first.player, at=NOON + 61 * DAY) == 3 * DAY

    def test_whose_renewal_came_first_gets_none(self, first: Purchase) -> None:
        renew(first, now=NOON + MONTH)

        assert self.give(first, now=NOON + MONTH + MINUTE) is False


class TestEnd:
    """The player has enough, or gets the Stars back."""

    def test_what_is_cancelled_runs_until_its_end(self, first: Purchase) -> None:
        subscription = subscriptions.cancel(player=first.player, now=NOON + DAY)

        assert subscription is not None
        assert subscription.state(NOON + MONTH - SECOND) == "CANCELED"
        assert subscription.state(NOON + MONTH) == "ENDED"
        assert premium_left(first.player, at=NOON + DAY) == 29 * DAY
        assert subscriptions.cancel(player=first.player, now=NOON + DAY) is None

    def test_who_has_none_cannot_cancel(self, player: Player) -> None:
        assert subscriptions.cancel(player=player, now=NOON) is None
        assert subscriptions.current(player=player, now=NOON) is None

    def test_what_is_cancelled_can_go_on_until_its_end(self, first: Purchase) -> None:
        assert subscriptions.resume(player=first.player, now=NOON) is None

        subscriptions.cancel(player=first.player, now=NOON + DAY)
        Subscription.objects.update(cancel_due_at=None)

        resumed = subscriptions.resume(player=first.player, now=NOON + MONTH - SECOND)
        assert resumed == first.subscription
        # The player has to switch it on in Telegram.
        assert resumed.canceled_at == NOON + DAY
        assert subscriptions.resume(player=first.player, now=NOON + MONTH) is None

    def test_what_was_not_cancelled_at_telegram_yet_simply_continues(self, first: Purchase) -> None:
        subscriptions.cancel(player=first.player, now=NOON + DAY)

        resumed = subscriptions.resume(player=first.player, now=NOON + DAY)

        assert resumed is not None
        assert (resumed.canceled_at, resumed.cancel_due_at) == (None, None)
        assert not Subscription.objects.cancel_due(NOON + MONTH).exists()

    def test_telegram_tells_what_the_player_has_done(self, first: Purchase) -> None:
        def hear(state: str, *, at: datetime) -> Subscription | None:
            return subscriptions.apply_subscription_update(
                payload=first.payload or "",
                telegram_id=first.player.telegram_id,
                state=state,
                now=at,
            )

        canceled = hear("canceled", at=NOON + DAY)
        assert canceled is not None
        assert canceled.canceled_at == NOON + DAY
        assert hear("canceled", at=NOON + 2 * DAY) is None
        active = hear("active", at=NOON + 3 * DAY)
        assert active is not None
        assert active.canceled_at is None
        failed = hear("failed", at=NOON + MONTH)
        assert failed is not None
        assert failed.failed_at == NOON + MONTH
        assert list(Subscription.objects.grace_notice_due()) == [failed]

    def test_what_telegram_tells_of_others_changes_nothing(self, first: Purchase) -> None:
        bert = PlayerFactory.create()
        hear = subscriptions.apply_subscription_update

        telegram_id = first.player.telegram_id
        assert hear(payload="?", telegram_id=telegram_id, state="canceled", now=NOON) is None
        payload = first.payload or ""
        assert (
            hear(payload=payload, telegram_id=bert.telegram_id, state="canceled", now=NOON) is None
        )
        assert Subscription.objects.get().canceled_at is None

    def test_a_refund_of_the_running_month_ends_it_at_once(self, first: Purchase) -> None:
        steps.refund(first, now=NOON + DAY)

        first.subscription.refresh_from_db()
        assert first.subscription.state(NOON + DAY) == "ENDED"
        assert premium_left(first.player, at=NOON + DAY) == timedelta(0)
        # Whoever was refunded can begin again.
        again = steps.buy(first.player, "PREMIUM_MONTH", now=NOON + 2 * DAY, is_subscription=True)
        assert again.status == "CREDITED"

    def test_a_refund_of_a_month_that_is_over_leaves_the_paid_one(self, first: Purchase) -> None:
        renew(first, now=NOON + MONTH)

        steps.refund(first, now=NOON + 31 * DAY)

        first.subscription.refresh_from_db()
        assert first.subscription.state(NOON + 31 * DAY) == "CANCELED"
        assert first.subscription.expires_at == NOON + 2 * MONTH
        assert premium_left(first.player, at=NOON + 31 * DAY) == 29 * DAY

    def test_a_refund_of_a_renewal_cancels_it(self, first: Purchase) -> None:
        renewal = renew(first, now=NOON + MONTH)

        steps.refund(renewal, now=NOON + 31 * DAY)

        first.subscription.refresh_from_db()
        assert first.subscription.canceled_at == NOON + 31 * DAY
        assert first.subscription.state(NOON + 31 * DAY) == "ENDED"
        assert entitlements.premium_at(player=first.player, at=NOON + 31 * DAY) is None


class TestTellingTelegram:
    """A cancellation is sent to Telegram until it agrees."""

    @staticmethod
    def ask(first: Purchase, now: datetime) -> bool:
        """Let the job take its turn."""
        return subscriptions.cancel_at_telegram(purchase_id=first.pk, now=now)

    @staticmethod
    def telegram_is_away(settings: Settings) -> None:
        """Let nobody answer."""
        settings.TELEGRAM_API_URL = "http://127.0.0.1:1"

    def test_a_failure_is_tried_again_less_and_less_often_and_the_third_tells_staff(
        self, first: Purchase, settings: Settings
    ) -> None:
        self.telegram_is_away(settings)
        subscriptions.cancel(player=first.player, now=NOON)
        alerts = Alert.objects.filter(kind="subscription_not_canceled", resolved_at=None)

        at, waits, alerted = NOON, [], []
        for _ in range(6):
            assert self.ask(first, at) is False
            due_at = Subscription.objects.get().cancel_due_at
            assert due_at is not None
            # Not before its time.
            assert self.ask(first, due_at - SECOND) is False
            waits.append(due_at - at)
            alerted.append(alerts.count())
            at = due_at

        minute, hour = 60 * SECOND, 3_600 * SECOND
        assert waits == [
            30 * SECOND, 2 * minute, 10 * minute, hour, 6 * hour, 6 * hour,
        ]  # fmt: skip
        assert alerted == [0, 0, 1, 1, 1, 1]
        held = Subscription.objects.get()
        assert held.cancel_tries == 6
        assert held.cancel_error == "editUserStarSubscription: ConnectError"

    def test_a_refusal_tells_staff_at_once(self, first: Purchase, sandbox: Sandbox) -> None:
        """Telegram does not know the charge."""
        sandbox.add_player("Anna")
        subscriptions.cancel(player=first.player, now=NOON)

        assert self.ask(first, NOON) is False

        alert = Alert.objects.get(kind="subscription_not_canceled")
        assert alert.summary.startswith(
            "Telegram has not cancelled a subscription and may renew it: editUserStarSubscription:"
        )
        assert Subscription.objects.get().cancel_due_at == NOON + 30 * SECOND

    def test_when_nothing_is_left_to_renew_a_refusal_ends_it(
        self, first: Purchase, sandbox: Sandbox
    ) -> None:
        subscriptions.cancel(player=first.player, now=NOON)
        over = NOON + MONTH + 3 * DAY
        self.ask(first, NOON)
        assert Alert.objects.filter(resolved_at=None).count() == 1

        assert self.ask(first, over - SECOND) is False
        assert Subscription.objects.get().cancel_due_at is not None
        Subscription.objects.update(cancel_due_at=over)
        self.ask(first, over)

        assert Subscription.objects.get().cancel_due_at is None
        assert Alert.objects.filter(resolved_at=None).count() == 0

    def test_telegrams_own_word_ends_it(self, first: Purchase, settings: Settings) -> None:
        self.telegram_is_away(settings)
        subscriptions.cancel(player=first.player, now=NOON)
        self.ask(first, NOON)

        subscriptions.apply_subscription_update(
            payload=first.payload or "",
            telegram_id=first.player.telegram_id,
            state="canceled",
            now=NOON + SECOND,
        )

        held = Subscription.objects.get()
        assert (held.cancel_due_at, held.cancel_tries, held.cancel_error) == (None, 0, "")
        assert held.canceled_at == NOON

    def test_a_refund_of_what_never_was_credited_cancels_too(self, player: Player) -> None:
        """Or Telegram would renew what nobody has."""
        paid = steps.pay(steps.open_purchase(player, "PREMIUM_MONTH", is_subscription=True))

        steps.ask_refund(paid)

        held = Subscription.objects.get()
        assert (held.purchase, held.canceled_at, held.cancel_due_at) == (paid, NOON, NOON)

    def test_two_workers_ask_once(self, first: Purchase) -> None:
        subscriptions.cancel(player=first.player, now=NOON)

        # The second one comes while the first is asking Telegram.
        assert subscriptions._claim_cancellation(purchase_id=first.pk, now=NOON) is not None
        assert subscriptions._claim_cancellation(purchase_id=first.pk, now=NOON) is None

    def test_the_database_knows_no_cancellation_of_what_goes_on(self, first: Purchase) -> None:
        rule = "subscription_canceled_here_before_at_telegram"
        with pytest.raises(IntegrityError, match=rule), transaction.atomic():
            Subscription.objects.update(cancel_due_at=NOON)
