"""Buying, from the shop to the goods, through the sandbox over HTTP."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.utils import timezone

from economy import grants, wallets
from economy.goods import Goods, Plan
from economy.models import EntryType, LedgerEntry, ModeSpan, PremiumSpan, Source, Wallet
from payments import purchases, subscriptions
from payments.models import Product, Purchase
from quizarena.players import services as players
from quizarena.players.models import Player
from tests.bot.screens.buyers import (
    buy,
    invoice,
    newcomer,
    newest,
    pay,
    row,
    statements,
    subscribe,
    tap,
    texts,
    toast,
    travel,
)
from tests.conftest import Road
from tests.game.test_round import bank as bank  # noqa: PLC0414 - The same questions here.
from tests.sandbox import buttons

Json = dict[str, Any]


def labels(message: Json) -> list[str]:
    """Return the labels of a message's buttons."""
    return [button["text"] for button in buttons(message)]


def in_berlin(instant: datetime | None, *, days: int) -> str:
    """Return the instant so many days of 24 hours later, as the bot writes it."""
    assert instant is not None
    later = (instant + timedelta(days=days)).astimezone(ZoneInfo("Europe/Berlin"))
    return f"{later.day} {later:%b %Y, %H:%M}"


def give_premium(player: Player, plan: Plan, *, days: int, now: datetime) -> None:
    """Grant Premium."""
    grants.grant(
        player=player,
        goods=Goods(premium=plan, premium_days=days),
        type=EntryType.PRIZE,
        source=Source.SYSTEM,
        key=f"prize:{now}",
        now=now,
    )


def bought_before(player: Player) -> None:
    """Let the player have paid for a saver with another, older invoice just now."""
    now = timezone.now()
    Purchase.objects.bulk_create(
        [
            Purchase(
                player=player,
                product_id="STREAK_SAVER_20",
                goods={"asset_breakdown": {"streak_saver_tokens": 1}},
                base_stars=1,
                stars=1,
                status="PAID_UNCREDITED",
                event="PAID",
                charge_id=f"charge-{player.pk}",
                paid_stars=1,
                paid_currency="XTR",
                paid_at=now,
                opened_at=now,
                changed_at=now,
            )
        ]
    )


class TestShelf:
    def test_it_is_grouped_by_what_products_are_good_for_with_prices_on_the_buttons(
        self, road: Road
    ) -> None:
        anna = newcomer(road)

        shop = road.say(anna, "/shop")

        assert shop["text"] == (
            "🛍 Shop\n\n"
            "⚡ 20/20\n🔋 Paid energy: 0\n🛟 Streak savers: 0\n\n"
            "🔋 Energy – play on at once\n"
            "• 10 energy points: 10 points that never expire, for days on which you want to play "
            "more.\n"
            "• Mega Pack: 15 energy points, and 24 hours of cases, separable verbs and word order: "
            "to practise what is hard.\n\n"
            "👑 Premium – no limit, and all modes\n"
            "• Premium Starter: 7 days of unlimited energy and all modes: to try everything.\n"
            "• Premium Month: 30 days of unlimited energy and all modes; one missed day a week "
            "does not break your streak.\n"
            "• Premium Season: 90 days of unlimited energy and all modes; your streak is always "
            "protected.\n"
            "• 🏅 Premium Year (best value): 365 days of unlimited energy and all modes; your "
            "streak is always protected.\n\n"
            "🧩 Extras – for your streak and for duels\n"
            "• Streak saver: Saves your streak on a day you miss. One per 7 days.\n"
            "• Duel ticket: One more duel when the two free ones of the day are played. If nobody "
            "accepts it, the ticket comes back.\n\n"
            "With the subscription Telegram takes ⭐ 99 every 30 days, until you cancel it. You "
            "can do so at any time in /wallet."
        )
        assert labels(shop) == [
            "10 energy points · ⭐ 5",
            "Mega Pack · ⭐ 15",
            "Premium Starter · ⭐ 29",
            "Premium Month · ⭐ 99",
            "Subscribe monthly ⭐ 99",
            "Premium Season · ⭐ 249",
            "🏅 Premium Year · ⭐ 499",
            "Streak saver · ⭐ 20",
            "Duel ticket · ⭐ 5",
            "🏷 Promo code",
            "◀️ Back",
        ]

    def test_the_best_value_is_that_of_the_prices_that_there_are(self, road: Road) -> None:
        anna = newcomer(road)
        Product.objects.filter(pk="PREMIUM_SEASON").update(stars=100)

        shop = road.say(anna, "/shop")

        assert "🏅 Premium Season · ⭐ 100" in labels(shop)
        assert "Premium Year · ⭐ 499" in labels(shop)
        assert shop["text"].count("best value") == 1

    def test_a_subscription_that_runs_is_shown_and_no_second_one_is_offered(
        self, road: Road
    ) -> None:
        anna = newcomer(road)
        pay(road, anna, link=subscribe(road, anna))
        travel(road)

        shop = road.say(anna, "/shop")

        assert "🔁 Subscription: renews on " in shop["text"]
        assert "With the subscription" not in shop["text"]
        assert "Subscribe monthly ⭐ 99" not in labels(shop)

    @pytest.mark.parametrize(
        ("language", "head", "why", "best", "back"),
        [
            (
                "de",
                "🧩 Extras – für deine Serie und für Duelle",
                "• Serienretter: Rettet deine Serie an einem verpassten Tag. Einer in 7 Tagen.",
                "• 🏅 Premium Jahr (bester Preis): 365 Tage",
                "◀️ Zurück",
            ),
            (
                "uk",
                "🧩 Додатково – для серії та для дуелей",
                "• Заморозка серії: Зберігає твою серію в пропущений день. Одна на 7 днів.",
                "• 🏅 Преміум Рік (найвигідніше): 365 днів",
                "◀️ Назад",
            ),
        ],
    )
    def test_it_is_in_the_players_language(
        self, road: Road, language: str, head: str, why: str, best: str, back: str
    ) -> None:
        anna = newcomer(road, language=language)

        shop = road.say(anna, "/shop")

        assert f"{head}\n{why}\n" in shop["text"]
        assert best in shop["text"]
        assert labels(shop)[-1] == back

    def test_a_saver_is_refused_for_seven_days_with_the_date_and_without_an_invoice(
        self, road: Road
    ) -> None:
        anna = newcomer(road)
        buy(road, anna, "STREAK_SAVER_20")
        travel(road)
        shop = road.say(anna, "/shop")
        last = tap(road, anna, "product:STREAK_SAVER_20")

        refusal = (
            "You have bought this already. The next one is for sale from "
            f"{in_berlin(newest(anna).paid_at, days=7)}."
        )
        assert f"⏳ {refusal}" in shop["text"]
        assert "🛟 Streak savers: 1" in shop["text"]
        assert "⏳ Streak saver · ⭐ 20" in labels(shop)
        assert toast(road, anna) == refusal
        assert last == shop

    def test_a_lower_plan_is_refused_and_premium_is_shown(self, road: Road) -> None:
        anna = newcomer(road)
        now = timezone.now()
        give_premium(row(anna), Plan.SEASON, days=90, now=now)
        shop = road.say(anna, "/shop")
        lower = tap(road, anna, "buy:PREMIUM_MONTH")

        assert f"👑 Premium until {in_berlin(now, days=90)}" in shop["text"]
        assert shop["text"].count("You have a higher Premium plan at the moment.") == 2
        assert toast(road, anna) == "You have a higher Premium plan at the moment."
        assert lower == shop
        assert not Purchase.objects.exists()

    def test_what_is_not_for_sale_is_not_shown_and_not_sold(self, road: Road) -> None:
        anna = newcomer(road)
        Product.objects.filter(pk="ENERGY_10").update(is_for_sale=False)

        shop = road.say(anna, "/shop")

        assert "10 energy points · ⭐ 5" not in labels(shop)
        for data in ("product:ENERGY_10", "buy:ENERGY_10", "buy:NO_SUCH", "subscribe:ENERGY_10"):
            assert tap(road, anna, data) == shop
            assert toast(road, anna) == "This is not for sale any more."

    def test_home_menu_and_the_command_lead_there(self, road: Road) -> None:
        anna = newcomer(road)

        for start in ("/start", "/play"):
            road.say(anna, start)
            shop = road.tap(anna, "🛍 Shop")
            travel(road)
            assert shop["text"].startswith("🛍 Shop")

    def test_who_has_no_energy_left_is_shown_the_way_there(self, road: Road) -> None:
        anna = newcomer(road)
        for number in range(20):
            wallets.charge_question(player=row(anna), key=f"question:{number}", now=timezone.now())
        road.say(anna, "/play")

        first = road.tap(anna, "Article sprint")
        road.say(anna, "/play")
        second = tap(road, anna, "play:ARTIKEL_SPRINT:second")

        assert first["text"].startswith("🪫 Your energy is used up.")
        assert labels(first)[:2] == ["📅 Daily challenge", "10 energy points · ⭐ 5"]
        assert second["text"].startswith("🪫 Your energy is used up.")
        assert labels(second) == ["📅 Daily challenge", "🛍 Shop", "◀️ Back"]

    def test_an_empty_shop_says_so(self, road: Road) -> None:
        anna = newcomer(road)
        Product.objects.update(is_for_sale=False)

        assert road.say(anna, "/shop")["text"].endswith("There is nothing to buy at the moment.")


class TestInvoice:
    @pytest.mark.parametrize("data", ["product:MEGA_PACK_15", "product:MEGA_PACK_15:"])
    def test_a_tap_on_a_product_is_its_invoice_which_says_what_it_delivers(
        self, road: Road, data: str
    ) -> None:
        anna = newcomer(road)
        road.say(anna, "/shop")

        card = tap(road, anna, data)

        assert (card["invoice"]["title"], card["invoice"]["total_amount"]) == ("Mega Pack", 15)
        assert card["invoice"]["description"] == (
            "15 energy points, and 24 hours of cases, separable verbs and word order: to practise "
            "what is hard."
        )
        assert Purchase.objects.get().product_id == "MEGA_PACK_15"

    @pytest.mark.parametrize("language", ["de", "en", "uk"])
    def test_every_description_fits_into_an_invoice(self, language: str) -> None:
        assert all(len(one.description(language)) <= 255 for one in Product.objects.all())
        assert all(len(one.title(language)) <= 32 for one in Product.objects.all())

    def test_who_goes_on_paying_a_subscription_confirms_a_plan_first(self, road: Road) -> None:
        anna = newcomer(road)
        pay(road, anna, link=subscribe(road, anna))
        travel(road)

        page = tap(road, anna, "product:PREMIUM_YEAR")
        other = tap(road, anna, "product:ENERGY_10")

        assert "🔁 Your subscription goes on: Telegram takes ⭐ 99 every 30 days" in page["text"]
        assert labels(page) == ["Buy for ⭐ 499", "Cancel the subscription", "◀️ Back"]
        assert other["invoice"]["title"] == "10 energy points"
        assert not Purchase.objects.filter(product="PREMIUM_YEAR").exists()

    def test_after_cancelling_it_a_tap_is_the_invoice_again(self, road: Road) -> None:
        anna = newcomer(road)
        pay(road, anna, link=subscribe(road, anna))
        travel(road)
        subscriptions.cancel(player=row(anna), now=timezone.now())

        card = tap(road, anna, "product:PREMIUM_YEAR")

        assert card["invoice"]["title"] == "Premium Year"

    def test_it_has_one_price_in_stars_a_button_that_pays_and_a_way_back(self, road: Road) -> None:
        anna = newcomer(road)
        road.say(anna, "/shop")

        card = invoice(road, anna, "ENERGY_10")
        back = tap(road, anna, "shop")

        assert card["invoice"]["title"] == "10 energy points"
        assert (card["invoice"]["currency"], card["invoice"]["total_amount"]) == ("XTR", 5)
        assert labels(card) == ["Pay ⭐ 5", "◀️ Back"]
        assert back["text"].startswith("🛍 Shop")
        assert newest(anna).status == "INVOICE_SENT"
        call = road.sandbox.calls("sendInvoice")[-1]
        assert call["parameters"]["provider_token"] == ""

    def test_a_double_tap_is_one_purchase_and_one_card(self, road: Road) -> None:
        anna = newcomer(road)
        shop = road.say(anna, "/shop")

        for _ in range(2):
            road.sandbox.tap(anna, "buy:ENERGY_10", message_id=shop["message_id"])
        travel(road)

        assert Purchase.objects.count() == 1
        assert len([it for it in road.sandbox.chat(anna) if "invoice" in it]) == 1
        assert toast(road, anna) == (
            "The invoice is on its way – you find it at the end of the chat."
        )

    def test_a_later_tap_brings_a_further_card_of_the_same_purchase(self, road: Road) -> None:
        anna = newcomer(road)
        invoice(road, anna, "ENERGY_10")

        with time_machine.travel(timezone.now() + timedelta(seconds=11), tick=True):
            invoice(road, anna, "ENERGY_10")
            first, second = (it for it in road.sandbox.chat(anna) if "invoice" in it)
            paid = pay(road, anna, message_id=first["message_id"])
            again = pay(road, anna, message_id=second["message_id"])

        assert Purchase.objects.count() == 1
        assert (paid["state"], again["state"]) == ("paid", "refused")
        assert again["reason"] == "You have paid this invoice already."


class TestEveryProduct:
    @pytest.mark.parametrize(
        ("code", "stars", "possession", "wallet", "days", "modes"),
        [
            ("ENERGY_10", 5, "🔋 Paid energy: 10", (10, 0, 0), 0, 0),
            ("MEGA_PACK_15", 15, "🔓 Cases, Separable verbs, Word order: until", (15, 0, 0), 0, 3),
            ("STREAK_SAVER_20", 20, "🛟 Streak savers: 1", (0, 1, 0), 0, 0),
            ("PREMIUM_STARTER", 29, "👑 Premium until", (0, 0, 0), 7, 0),
            ("PREMIUM_MONTH", 99, "👑 Premium until", (0, 0, 0), 30, 0),
            ("PREMIUM_SEASON", 249, "👑 Premium until", (0, 0, 0), 90, 0),
            ("PREMIUM_YEAR", 499, "👑 Premium until", (0, 0, 0), 365, 0),
        ],
    )
    def test_from_the_shop_to_the_receipt(
        self,
        road: Road,
        code: str,
        stars: int,
        possession: str,
        wallet: tuple[int, int, int],
        days: int,
        modes: int,
    ) -> None:
        anna = newcomer(road, stars=500)
        road.say(anna, "/shop")

        receipt = buy(road, anna, code)

        purchase = newest(anna)
        assert (purchase.status, purchase.paid_stars, purchase.flags) == ("CREDITED", stars, [])
        assert road.sandbox.stars(anna) == 500 - stars
        owned = Wallet.objects.get(player__telegram_id=anna)
        assert (owned.paid_energy, owned.streak_savers, owned.duel_tickets) == wallet
        spans = [span.ends_at - span.starts_at for span in PremiumSpan.objects.all()]
        assert spans == ([timedelta(days=days)] if days else [])
        assert ModeSpan.objects.count() == modes
        credit = LedgerEntry.objects.get(type="PURCHASE_CREDIT")
        assert (credit.amount, credit.asset) == (stars, "PURCHASE")
        assert receipt["text"].startswith("✅ Thank you! Your purchase is here.")
        assert f"· ⭐ {stars}\n" in receipt["text"]
        assert possession in receipt["text"].split("You have now")[1]
        number = f"{purchase.pk.hex[:4]}-{purchase.pk.hex[4:8]}".upper()
        assert receipt["text"].endswith(f"receipt {number}")


class TestMoneyIsHonoured:
    def test_a_payment_reported_three_times_is_credited_and_receipted_once(
        self, road: Road
    ) -> None:
        anna = newcomer(road)
        invoice(road, anna, "ENERGY_10")

        pay(road, anna, faults=["payment_doubled"])
        message = next(it for it in road.sandbox.chat(anna) if "successful_payment" in it)
        travel(road)
        purchase = newest(anna)
        paid = {
            **message["successful_payment"],
            "invoice_payload": purchase.payload,
            "telegram_payment_charge_id": purchase.charge_id,
        }
        road.sandbox.push({"message": {**message, "successful_payment": paid}})
        travel(road)

        assert LedgerEntry.objects.filter(type="PURCHASE_CREDIT").count() == 1
        assert Wallet.objects.get().paid_energy == 10
        assert sum("Your purchase is here" in text for text in texts(road, anna)) == 1
        assert Purchase.objects.count() == 1

    def test_a_payment_before_its_pre_checkout_is_credited_and_flagged(self, road: Road) -> None:
        anna = newcomer(road)
        invoice(road, anna, "ENERGY_10")

        pay(road, anna, faults=["payment_early", "pre_checkout_lost"])
        road.sandbox.wait_for(road.fetch)
        travel(road)

        assert (newest(anna).status, newest(anna).flags) == ("CREDITED", ["UNCHECKED"])
        assert "Your purchase is here" in road.sandbox.last_message(anna)["text"]

    def test_a_payment_after_the_purchase_has_failed_is_credited_and_flagged(
        self, road: Road
    ) -> None:
        anna = newcomer(road)
        invoice(road, anna, "ENERGY_10")
        later = timezone.now() + timedelta(minutes=31)
        assert purchases.fail_stale(now=later, limit=10) == 1

        pay(road, anna, faults=["payment_early", "pre_checkout_lost"])
        road.sandbox.wait_for(road.fetch)
        travel(road)

        assert (newest(anna).status, newest(anna).flags) == ("CREDITED", ["LATE"])
        assert "Your purchase is here" in road.sandbox.last_message(anna)["text"]

    @pytest.mark.parametrize(
        ("code", "violate", "flag", "reason"),
        [
            (
                "ENERGY_10",
                lambda _: Product.objects.filter(pk="ENERGY_10").update(is_for_sale=False),
                "NOT_FOR_SALE",
                "This is not for sale any more.",
            ),
            (
                "STREAK_SAVER_20",
                bought_before,
                "TOO_SOON",
                "You have bought this already. The next one is for sale from ",
            ),
            (
                "PREMIUM_STARTER",
                lambda player: give_premium(player, Plan.YEAR, days=9, now=timezone.now()),
                "LOWER_PLAN",
                "You have a higher Premium plan at the moment.",
            ),
            (
                "ENERGY_10",
                lambda player: players.suspend(player_id=player.pk, now=timezone.now()),
                "SUSPENDED",
                "You cannot buy anything at the moment. Use /paysupport.",
            ),
        ],
        ids=["not for sale", "too soon", "lower plan", "suspended"],
    )
    def test_each_rule_stops_a_pre_checkout_and_only_flags_a_payment(
        self,
        road: Road,
        code: str,
        violate: Callable[[Player], object],
        flag: str,
        reason: str,
    ) -> None:
        anna, ben = newcomer(road), newcomer(road)
        for player in (anna, ben):
            invoice(road, player, code)
        road.sandbox.network(payment_delay_s=600)

        paid = pay(road, anna, faults=["payment_delayed"])
        for player in (anna, ben):
            violate(row(player))
        refused = pay(road, ben)
        road.sandbox.let_payments_arrive()
        travel(road)

        assert paid["state"] == "paid"
        bought = Purchase.objects.get(player__telegram_id=anna, paid_stars__gt=1)
        assert (bought.status, bought.flags) == ("CREDITED", [flag])
        assert sum("Your purchase is here" in text for text in texts(road, anna)) == 1
        assert refused["state"] == "refused"
        assert refused["reason"].startswith(reason)
        assert road.sandbox.stars(ben) == 1_000

    def test_who_has_blocked_the_bot_gets_the_goods_now_and_the_receipt_when_back(
        self, road: Road
    ) -> None:
        anna = newcomer(road)
        invoice(road, anna, "ENERGY_10")
        road.sandbox.network(payment_delay_s=600)
        pay(road, anna, faults=["payment_delayed"])
        players.bot_blocked(telegram_id=anna, now=timezone.now())
        road.sandbox.let_payments_arrive()
        travel(road)

        waiting = newest(anna)

        assert (waiting.status, waiting.flags) == ("CREDITED", ["BOT_BLOCKED"])
        assert waiting.receipt_sent_at is None


class TestSubscribing:
    def test_the_link_comes_in_a_message_and_begins_a_subscription(self, road: Road) -> None:
        anna = newcomer(road)
        road.say(anna, "/shop")
        shop = road.sandbox.last_message(anna)

        link = subscribe(road, anna)
        message = road.sandbox.last_message(anna)
        pay(road, anna, link=link)
        travel(road)

        assert "Subscribe monthly ⭐ 99" in labels(shop)
        assert toast(road, anna) == "One moment, your subscription is being prepared …"
        assert labels(message) == ["Subscribe monthly ⭐ 99", "◀️ Back"]
        assert newest(anna).subscription.canceled_at is None
        assert "Your purchase is here" in road.sandbox.last_message(anna)["text"]
        assert len(road.sandbox.account(anna)["subscriptions"]) == 1

    def test_a_further_tap_shows_the_link_that_there_is(self, road: Road) -> None:
        anna = newcomer(road)
        link = subscribe(road, anna)

        again = tap(road, anna, "subscribe:PREMIUM_MONTH")

        assert buttons(again)[0]["url"] == link
        assert Purchase.objects.count() == 1

    def test_nobody_subscribes_twice(self, road: Road) -> None:
        anna = newcomer(road)
        pay(road, anna, link=subscribe(road, anna))
        travel(road)

        page = tap(road, anna, "product:PREMIUM_MONTH")
        tap(road, anna, "subscribe:PREMIUM_MONTH")

        assert labels(page) == ["Buy for ⭐ 99", "Cancel the subscription", "◀️ Back"]
        assert "🔁 Subscription: renews on " in page["text"]
        assert toast(road, anna) == "You have a subscription already. You find it in /wallet."
        assert Purchase.objects.count() == 1


class TestCost:
    """SQL statements of one update, from the claim to DONE, savepoints included."""

    @pytest.mark.parametrize(
        ("data", "limit"),
        [
            ("shop", 11),
            ("product:MEGA_PACK_15", 12),
            ("buy:ENERGY_10", 11),
            ("subscribe:PREMIUM_MONTH", 10),
            ("purchases:0", 6),
            ("wallet", 13),
        ],
    )
    def test_a_tap(self, road: Road, data: str, limit: int) -> None:
        anna = newcomer(road)
        shop = road.say(anna, "/shop")
        road.sandbox.tap(anna, data, message_id=shop["message_id"])

        cost = statements(road)

        print(f"{data}: {cost} statements")  # noqa: T201 - For `pytest -s`: the measured cost.
        assert cost <= limit

    def test_a_payment_with_its_credit_and_its_receipt(self, road: Road) -> None:
        anna = newcomer(road)
        buy(road, anna, "STREAK_SAVER_20")
        invoice(road, anna, "ENERGY_10")
        pay(road, anna)

        cost = statements(road)

        print(f"payment: {cost} statements")  # noqa: T201 - For `pytest -s`: the measured cost.
        assert cost <= 19
