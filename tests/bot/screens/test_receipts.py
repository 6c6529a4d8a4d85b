"""What players read about their money, once; and where they find it again."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from bot.messages import notices
from bot.tasks import send_notices
from payments import purchases, subscriptions, support
from payments.models import Purchase, Subscription, SupportRequest
from payments.tasks import cancel_subscriptions, give_grace
from quizarena.players import services as players
from tests.bot.screens.buyers import (
    buy,
    can_be_credited,
    cannot_be_credited,
    invoice,
    newcomer,
    newest,
    notify,
    pay,
    row,
    subscribe,
    tap,
    texts,
    toast,
    travel,
)
from tests.bot.screens.test_shop import labels
from tests.concurrency import run_together
from tests.conftest import Road
from tests.factories import make_staff
from tests.owner import as_owner
from tests.sandbox import buttons

Json = dict[str, Any]
DAY = timedelta(days=1)


def said(road: Road, player: int, words: str) -> int:
    """Return how many messages say this."""
    return sum(words in text for text in texts(road, player))


def subscribed(road: Road, **how: Any) -> int:
    """Return a player who has begun a subscription."""
    player = newcomer(road, **how)
    pay(road, player, link=subscribe(road, player))
    travel(road)
    return player


class TestReceipt:
    def test_the_sweep_sends_no_second_one(self, road: Road) -> None:
        anna = newcomer(road)
        buy(road, anna, "ENERGY_10")

        notify(road)

        assert said(road, anna, "Your purchase is here") == 1

    def test_who_was_suspended_gets_it(self, road: Road) -> None:
        anna = newcomer(road)
        invoice(road, anna, "ENERGY_10")
        pay(road, anna)
        players.suspend(player_id=row(anna).pk, now=timezone.now())

        travel(road)

        assert said(road, anna, "Your purchase is here") == 1

    def test_who_has_blocked_the_bot_gets_it_when_back(self, road: Road) -> None:
        anna = newcomer(road)
        invoice(road, anna, "ENERGY_10")
        pay(road, anna)
        players.bot_blocked(telegram_id=anna, now=timezone.now())
        travel(road)
        notify(road)
        assert said(road, anna, "Your purchase is here") == 0

        players.bot_unblocked(telegram_id=anna)
        notify(road)

        assert said(road, anna, "Your purchase is here") == 1

    def test_a_payment_that_could_not_be_credited_is_announced_at_once_and_its_goods_later(
        self, road: Road
    ) -> None:
        anna = newcomer(road)
        invoice(road, anna, "ENERGY_10")
        cannot_be_credited()
        pay(road, anna, faults=["payment_doubled"])
        travel(road)
        notify(road)
        late = road.sandbox.last_message(anna)["text"]

        can_be_credited()
        purchases.recover(charge_id=newest(anna).charge_id or "", now=timezone.now())
        notify(road)
        notify(road)

        assert late.startswith("⏳ Your payment of ⭐ 5 has arrived.")
        assert said(road, anna, "has arrived.") == 1
        assert said(road, anna, "Your purchase is here") == 1
        assert "🔋 Paid energy: 10" in road.sandbox.last_message(anna)["text"]

    def test_a_payment_on_its_ordinary_road_is_not_called_late(self, road: Road) -> None:
        anna = newcomer(road)
        invoice(road, anna, "ENERGY_10")
        pay(road, anna)
        road.fetch()

        assert newest(anna).status == "PAID_UNCREDITED"
        notify(road)

        assert said(road, anna, "has arrived.") == 0

    def test_a_payment_in_review_is_announced_kindly_once(self, road: Road) -> None:
        anna = newcomer(road)
        paid = {
            "currency": "XTR",
            "total_amount": 7,
            "invoice_payload": "from elsewhere",
            "telegram_payment_charge_id": "charge-unknown",
            "provider_payment_charge_id": "p",
        }
        person = {"id": anna, "is_bot": False, "first_name": "Anna", "language_code": "en"}
        chat = {"id": anna, "type": "private"}
        message = {"message_id": 9, "date": 1_790_000_000, "chat": chat, "from": person}

        for _ in range(2):
            road.sandbox.push({"message": {**message, "successful_payment": paid}})
            travel(road)
        notify(road)

        assert newest(anna).status == "CREDIT_REVIEW"
        assert said(road, anna, "⏳ Your payment of ⭐ 7 has arrived.") == 1
        assert said(road, anna, "Your purchase is here") == 0

    @pytest.mark.django_db(transaction=True)
    def test_two_sweeps_at_once_send_one(self, transactional_db: None, road: Road) -> None:
        anna = newcomer(road)
        invoice(road, anna, "ENERGY_10")
        pay(road, anna)
        players.bot_blocked(telegram_id=anna, now=timezone.now())
        travel(road)
        players.bot_unblocked(telegram_id=anna)

        counts = run_together(*[partial(send_notices, transactional=True)] * 2)
        road.send()

        assert sorted(counts) == [0, 1]
        assert said(road, anna, "Your purchase is here") == 1


class TestRefund:
    def test_the_player_hears_once_what_was_taken_back(self, road: Road) -> None:
        anna = newcomer(road)
        buy(road, anna, "MEGA_PACK_15")
        purchase = newest(anna)

        road.sandbox.refund_at_telegram(anna, purchase.charge_id or "")
        travel(road)
        notify(road)

        text = road.sandbox.last_message(anna)["text"]
        assert text.startswith("↩️ ⭐ 15 refunded.\nMega Pack\n\nRemoved\n")
        assert "🔋 15 energy points" in text
        assert said(road, anna, "⭐ 15 refunded.") == 1

    def test_of_what_never_arrived_nothing_is_taken(self, road: Road) -> None:
        anna = newcomer(road)
        invoice(road, anna, "ENERGY_10")
        cannot_be_credited()
        pay(road, anna)
        travel(road)

        road.sandbox.refund_at_telegram(anna, newest(anna).charge_id or "")
        travel(road)

        text = road.sandbox.last_message(anna)["text"]
        assert text.startswith("↩️ ⭐ 5 refunded.")
        assert "Removed" not in text


class TestPurchases:
    def test_nobody_has_bought_anything_yet(self, road: Road) -> None:
        anna = newcomer(road)
        road.say(anna, "/wallet")

        page = road.tap(anna, "🧾 Purchases")

        assert page["text"].endswith("You have not bought anything yet.")
        assert labels(page) == ["🛍 Shop", "◀️ Back"]

    def test_each_has_a_page_with_its_status_in_words(self, road: Road) -> None:
        anna = newcomer(road)
        buy(road, anna, "ENERGY_10")
        page = tap(road, anna, "purchases")

        receipt = tap(road, anna, buttons(page)[0]["callback_data"])

        purchase = newest(anna)
        assert labels(page)[0] == "✅ 10 energy points · ⭐ 5 · 16 Dec"
        assert "✅ Paid and delivered." in receipt["text"]
        assert purchase.charge_id is not None
        assert purchase.charge_id in receipt["text"]
        assert labels(receipt) == ["◀️ Back"]
        road.sandbox.refund_at_telegram(anna, purchase.charge_id)
        travel(road)
        again = tap(road, anna, f"receipt:{purchase.pk.hex}:0")
        assert "↩️ Refunded on " in again["text"]
        assert "Removed\n🔋 10 energy points" in again["text"]

    def test_the_list_has_pages(self, road: Road) -> None:
        anna = newcomer(road)
        now = timezone.now()
        Purchase.objects.bulk_create(
            Purchase(
                player=row(anna),
                product_id="ENERGY_10",
                goods={"asset_breakdown": {"paid_energy": 10}},
                base_stars=5,
                stars=5,
                status="PAID_UNCREDITED",
                event="PAID",
                charge_id=f"charge-{number}",
                paid_stars=number,
                paid_currency="XTR",
                paid_at=now,
                opened_at=now + timedelta(seconds=number),
                changed_at=now,
            )
            for number in range(1, 9)
        )

        first = tap(road, anna, "purchases:0")
        second = tap(road, anna, "purchases:1")

        assert len(labels(first)) == 8
        assert "⭐ 8" in labels(first)[0]
        assert labels(first)[6:] == ["⬇️ Older", "◀️ Back"]
        assert len(labels(second)) == 4
        assert "⭐ 2" in labels(second)[0]
        assert labels(second)[2:] == ["⬆️ Newer", "◀️ Back"]
        tap(road, anna, "purchases:99999999999999999999")
        assert road.sandbox.last_message(anna)["text"].endswith("bought anything yet.")

    @pytest.mark.parametrize("data", ["receipt:", "receipt:xx:0", f"receipt:{'0' * 32}:0"])
    def test_a_receipt_that_never_was(self, road: Road, data: str) -> None:
        anna = newcomer(road)

        tap(road, anna, data)

        assert toast(road, anna).startswith("This button is no longer valid.")

    def test_another_players_receipt_is_none(self, road: Road) -> None:
        anna, ben = newcomer(road), newcomer(road)
        buy(road, anna, "ENERGY_10")

        tap(road, ben, f"receipt:{newest(anna).pk.hex}:0")

        assert toast(road, ben).startswith("This button is no longer valid.")


class TestSubscription:
    def test_it_is_cancelled_in_the_wallet_and_at_telegram(self, road: Road) -> None:
        anna = subscribed(road)
        wallet = road.say(anna, "/wallet")
        page = tap(road, anna, "subscription")

        canceled = tap(road, anna, "cancel")
        assert cancel_subscriptions() == 1

        assert "🔁 Subscription: renews on " in wallet["text"]
        assert "🔁 Subscription" in labels(wallet)
        assert labels(page) == ["Cancel the subscription", "◀️ Back"]
        assert "🔁 Subscription: cancelled, runs until " in canceled["text"]
        assert labels(canceled) == ["Switch the renewal on again", "◀️ Back"]
        assert road.sandbox.account(anna)["subscriptions"][0]["canceled_by"] == "bot"
        assert road.sandbox.next_month(anna) == "ended"

    def test_the_player_switches_it_on_again_in_telegram(self, road: Road) -> None:
        anna = subscribed(road)
        tap(road, anna, "cancel")
        assert cancel_subscriptions() == 1

        how = tap(road, anna, "resume")
        before = Subscription.objects.get().canceled_at
        road.sandbox.enable_subscription(anna)
        travel(road)

        assert how["text"].startswith("🔁 Almost done")
        assert before is not None
        assert Subscription.objects.get().canceled_at is None
        assert road.sandbox.last_message(anna)["text"].startswith("Your subscription continues.")

    def test_cancelled_in_telegram_is_applied_and_announced(self, road: Road) -> None:
        anna = subscribed(road)

        road.sandbox.cancel_subscription(anna)
        travel(road)

        assert Subscription.objects.get().canceled_at is not None
        assert road.sandbox.last_message(anna)["text"].startswith("Your subscription is cancelled.")

    def test_a_renewal_has_a_receipt_of_its_own(self, road: Road) -> None:
        anna = subscribed(road)

        assert road.sandbox.next_month(anna) == "renewed"
        travel(road)

        assert Purchase.objects.count() == 2
        assert said(road, anna, "🔁 Your subscription has been renewed.") == 1

    def test_a_failed_renewal_is_announced_once_with_what_to_do(self, road: Road) -> None:
        anna = subscribed(road, stars=100)

        for _ in range(2):
            assert road.sandbox.next_month(anna) == "failed"
            travel(road)
        notify(road)

        assert said(road, anna, "⚠️ Your subscription could not be renewed.") == 1
        assert "Settings → My Stars" in road.sandbox.last_message(anna)["text"]
        page = tap(road, anna, "subscription")
        assert "could not be renewed, Premium until " in page["text"]
        road.sandbox.top_up(anna, 500)
        assert road.sandbox.next_month(anna) == "renewed"
        travel(road)
        assert Subscription.objects.get().failed_at is None
        assert said(road, anna, "🔁 Your subscription has been renewed.") == 1

    def test_days_of_grace_that_begin_in_silence_are_announced(self, road: Road) -> None:
        anna = subscribed(road)
        expired = Subscription.objects.get().expires_at + timedelta(hours=1)

        with time_machine.travel(expired, tick=True):
            assert give_grace() == 1
            notify(road)
            notify(road)

        assert said(road, anna, "⚠️ Your subscription could not be renewed.") == 1

    def test_grace_that_is_over_is_not_announced_any_more(self, road: Road) -> None:
        anna = subscribed(road)
        players.bot_blocked(telegram_id=anna, now=timezone.now())
        expires_at = Subscription.objects.get().expires_at
        with time_machine.travel(expires_at + timedelta(hours=1), tick=True):
            give_grace()
        players.bot_unblocked(telegram_id=anna)

        with time_machine.travel(expires_at + timedelta(days=4), tick=True):
            notify(road)

        assert said(road, anna, "could not be renewed") == 0
        assert Subscription.objects.get().grace_notified_at is not None

    @pytest.mark.parametrize("state", ["canceled", "active", "failed", "dancing"])
    def test_what_belongs_to_nobody_changes_nothing(self, road: Road, state: str) -> None:
        anna, ben = subscribed(road), newcomer(road)
        change = {"user": {"id": ben}, "invoice_payload": newest(anna).payload, "state": state}

        road.sandbox.push({"subscription": change})
        travel(road)

        held = Subscription.objects.get()
        assert (held.canceled_at, held.failed_at) == (None, None)

    def test_in_its_days_of_grace_it_can_be_cancelled_too(self, road: Road) -> None:
        anna = subscribed(road)
        expires_at = Subscription.objects.get().expires_at

        with time_machine.travel(expires_at + timedelta(hours=1), tick=True):
            tap(road, anna, "cancel")
            assert cancel_subscriptions() == 1

        assert Subscription.objects.get().canceled_at is not None
        assert toast(road, anna).startswith("Your subscription is cancelled.")
        assert road.sandbox.account(anna)["subscriptions"][0]["canceled_by"] == "bot"

    @pytest.mark.parametrize(
        ("later", "note", "is_over"),
        [
            (-DAY, "Dein Abo ist gekündigt. Premium läuft bis 15.01.", False),
            (DAY, "Dein Abo ist gekündigt. Premium läuft bis 18.01.", True),
        ],
        ids=["in its month", "in its days of grace"],
    )
    def test_the_note_says_until_when_with_one_full_stop(
        self, road: Road, later: timedelta, note: str, is_over: bool
    ) -> None:
        anna = subscribed(road, language="de")

        with time_machine.travel(Subscription.objects.get().expires_at + later, tick=True):
            page = tap(road, anna, "cancel")

        assert toast(road, anna) == note
        assert ("Premium gibt es im /shop." in page["text"]) == is_over
        assert "Meine Sterne" not in page["text"]

    def test_who_has_none_gets_a_kind_answer(self, road: Road) -> None:
        anna = newcomer(road)

        for data in ("subscription", "cancel", "resume"):
            tap(road, anna, data)
            assert toast(road, anna).startswith("This button is no longer valid.")

    def test_a_renewal_that_was_faster_than_the_cancellation_changes_nothing(
        self, road: Road
    ) -> None:
        anna = subscribed(road)
        subscriptions.cancel(player=row(anna), now=timezone.now() - timedelta(minutes=1))

        assert road.sandbox.next_month(anna) == "renewed"
        travel(road)

        assert Subscription.objects.get().canceled_at is not None
        assert cancel_subscriptions() == 1
        assert road.sandbox.next_month(anna) == "ended"

    def test_what_telegram_does_not_know_yet_continues_at_once(self, road: Road) -> None:
        anna = subscribed(road)
        tap(road, anna, "cancel")

        page = tap(road, anna, "resume")

        assert "🔁 Subscription: renews on " in page["text"]
        assert cancel_subscriptions() == 0
        assert road.sandbox.next_month(anna) == "renewed"


class TestALongerPlanBesideASubscription:
    """Who buys a longer plan reads that the month continues, before and after, and can end it."""

    @pytest.mark.parametrize(
        ("language", "note", "button"),
        [
            (
                "en",
                (
                    "🔁 Your subscription goes on: Telegram takes ⭐ 99 every 30 days until "
                    "you cancel it."
                ),
                "Cancel the subscription",
            ),
            (
                "de",
                (
                    "🔁 Dein Abo läuft weiter: Telegram zieht alle 30 Tage ⭐ 99 ein, bis du es "
                    "kündigst."
                ),
                "Abo kündigen",
            ),
            (
                "uk",
                (
                    "🔁 Твоя підписка триває: Telegram списує ⭐ 99 кожні 30 днів, доки ти її не "
                    "скасуєш."
                ),
                "Скасувати підписку",
            ),
        ],
    )
    def test_on_the_page_on_the_invoice_and_on_the_receipt(
        self, road: Road, language: str, note: str, button: str
    ) -> None:
        anna = subscribed(road, language=language)

        page = tap(road, anna, "product:PREMIUM_SEASON")
        card = invoice(road, anna, "PREMIUM_SEASON")
        pay(road, anna)
        travel(road)
        receipt = road.sandbox.last_message(anna)

        for shown in (page, receipt):
            assert note in shown["text"]
            assert button in labels(shown)
        assert card["invoice"]["description"].startswith(note)
        assert button in labels(card)

    @pytest.mark.parametrize("where", ["page", "invoice", "receipt"])
    def test_the_button_cancels_and_leaves_the_message(self, road: Road, where: str) -> None:
        anna = subscribed(road)
        shown = tap(road, anna, "product:PREMIUM_SEASON")
        if where != "page":
            shown = invoice(road, anna, "PREMIUM_SEASON")
        if where == "receipt":
            pay(road, anna)
            travel(road)
            shown = road.sandbox.last_message(anna)

        for _ in range(2):
            road.sandbox.tap(anna, "cancel-beside", message_id=shown["message_id"])
            travel(road)
            assert toast(road, anna).startswith("Your subscription is cancelled.")

        assert Subscription.objects.get().canceled_at is not None
        assert cancel_subscriptions() == 1
        assert road.sandbox.next_month(anna) == "ended"

    @pytest.mark.parametrize("code", ["ENERGY_10", "PREMIUM_SEASON"])
    def test_where_nothing_goes_on_nothing_is_said(self, road: Road, code: str) -> None:
        anna = subscribed(road) if code == "ENERGY_10" else newcomer(road)

        page = tap(road, anna, f"product:{code}")
        card = invoice(road, anna, code)
        pay(road, anna)
        travel(road)
        receipt = road.sandbox.last_message(anna)

        for shown in (page, card, receipt):
            assert "Cancel the subscription" not in labels(shown)
            assert "goes on" not in shown.get("text", "")

    def test_the_receipts_of_renewals_say_nothing_of_it(self, road: Road) -> None:
        anna = subscribed(road)
        assert road.sandbox.next_month(anna) == "renewed"
        travel(road)

        assert "goes on" not in road.sandbox.last_message(anna)["text"]


class TestAnswer:
    def test_it_comes_once_with_the_question_and_as_it_was_written(self, road: Road) -> None:
        anna = newcomer(road)
        now = timezone.now()
        asked = support.ask(player=row(anna), text="Where <b> is it?", now=now)
        support.answer(
            request_id=asked.pk, text="Here & now <3", staff=make_staff("Support"), now=now
        )

        notify(road)
        notify(road)

        assert said(road, anna, "💬 Answer from support\n\nHere & now <3\n\n") == 1
        assert "You asked: Where <b> is it?" in road.sandbox.last_message(anna)["text"]
        assert SupportRequest.objects.get().notified_at is not None


class TestOneBadRow:
    def test_what_cannot_be_sent_stays_due_and_holds_up_nobody(self, road: Road) -> None:
        anna = newcomer(road)
        buy(road, anna, "ENERGY_10")
        Purchase.objects.update(receipt_sent_at=None)
        now = timezone.now()
        asked = support.ask(player=row(anna), text="Where?", now=now)
        support.answer(request_id=asked.pk, text="Here.", staff=make_staff("Support"), now=now)
        with as_owner() as cursor:
            cursor.execute("ALTER TABLE economy_modespan RENAME TO economy_gone")
        notify(road)
        with as_owner() as cursor:
            cursor.execute("ALTER TABLE economy_gone RENAME TO economy_modespan")

        assert said(road, anna, "Here.") == 1
        assert notices.RECEIPTS.due().count() == 1
