"""Promo codes, from the message to the purchase, through the sandbox over HTTP."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.utils import timezone

from economy.models import LedgerEntry, PremiumSpan, Wallet
from payments import refunds
from payments.models import Product, Purchase, RefundSource
from payments.purchases import fail_stale
from promos import campaigns, redemptions, tasks
from promos.models import Attempt, Campaign, Channel, DenylistEntry, Redemption
from quizarena.game.models import RoundQuestion
from quizarena.players import services as players
from quizarena.players.models import Player
from tests.bot.screens.buyers import (
    buy,
    newcomer,
    newest,
    notify,
    pay,
    row,
    statements,
    tap,
    texts,
    toast,
    travel,
)
from tests.conftest import Road
from tests.game.test_written_answers import make_typed
from tests.payments.campaigns import counted, redemption, running
from tests.sandbox import buttons

Json = dict[str, Any]
MINUTE = timedelta(minutes=1)


def say(road: Road, player: int, text: str) -> Json:
    """Let the player write, and return the bot's last message."""
    road.sandbox.say(player, text)
    travel(road)
    return road.sandbox.last_message(player)


def keys(message: Json) -> list[tuple[str, str]]:
    """Return label and data of a message's buttons."""
    return [(button["text"], button.get("callback_data", "")) for button in buttons(message)]


def attempts() -> list[tuple[str, str]]:
    """Return channel and refusal of every attempt, the oldest first."""
    return list(Attempt.objects.order_by("pk").values_list("channel", "refusal"))


def struck(message: Json) -> list[str]:
    """Return what of the text is struck through."""
    return [
        message["text"].encode("utf-16-le")[2 * it["offset"] : 2 * (it["offset"] + it["length"])]
        .decode("utf-16-le")
        for it in message.get("entities", [])
        if it["type"] == "strikethrough"
    ]  # fmt: skip


def discounted_invoice(road: Road, player: int, product: str = "PREMIUM_MONTH") -> Json:
    """Let the player go from the shop to the invoice; return its card."""
    _label, data = in_shop(road, player, product)
    return tap(road, player, data)


def in_shop(road: Road, player: int, product: str = "PREMIUM_MONTH") -> tuple[str, str]:
    """Let the player open the shop; return label and data of the product's button."""
    shop = say(road, player, "/shop")
    return next(key for key in keys(shop) if key[1].startswith(f"product:{product}"))


class TestWaysIn:
    @pytest.mark.parametrize(
        "text",
        ["/promo HELLO2026", "/promo hello-20 26", "/promo@quizarena_bot hello2026"],
    )
    def test_behind_the_command_however_it_is_written(self, road: Road, text: str) -> None:
        running()
        anna = newcomer(road)

        answer = say(road, anna, text)

        assert answer["text"].startswith("🏷 Your code is accepted.")
        assert attempts() == [("COMMAND", "")]

    @pytest.mark.parametrize("begin", ["/promo", "the shop", "home"])
    def test_in_the_message_that_was_asked_for(self, road: Road, begin: str) -> None:
        running()
        anna = newcomer(road)
        if begin == "the shop":
            say(road, anna, "/shop")
        elif begin == "home":
            tap(road, anna, "home")

        if begin == "/promo":
            asked = say(road, anna, "/promo")
        else:
            asked = road.tap(anna, "🏷 Promo code")
            travel(road)
        answer = say(road, anna, " hello 2026 ")

        assert asked["text"] == (
            "🏷 Your promo code\n\nSend it to me as your next message, within 15 minutes. "
            "Capitals, spaces and hyphens do not matter."
        )
        assert answer["text"].startswith("🏷 Your code is accepted.")
        assert attempts() == [("PROMPT", "")]

    def test_by_a_link(self, road: Road) -> None:
        running()
        anna = newcomer(road)

        road.sandbox.follow_link(anna, "promo_HELLO2026")
        travel(road)

        assert texts(road, anna)[-1].startswith("🏷 Your code is accepted.")
        assert attempts() == [("LINK", "")]

    def test_by_a_link_as_the_very_first_message(self, road: Road) -> None:
        running(kind="ENERGY_GRANT", value=30)
        anna = road.sandbox.add_player("Anna", language_code="uk")

        road.sandbox.follow_link(anna, "promo_HELLO2026")
        travel(road)
        travel(road)

        _start, greeting, answer, language = texts(road, anna)
        assert greeting.startswith("👋 Привіт, Anna!")
        assert answer.startswith("🎁 Код активовано. Тепер це твоє:\n🔋 ")
        assert language == "🌍 Якою мовою мені з тобою спілкуватися?"
        assert Wallet.objects.get().paid_energy == 30
        assert attempts() == [("LINK", "")]

    @pytest.mark.parametrize("instead", ["/help", "/nonsense", "a button"])
    def test_anything_else_ends_the_waiting_and_chat_words_are_no_attempts(
        self, road: Road, instead: str
    ) -> None:
        running()
        anna = newcomer(road)
        say(road, anna, "HELLO2026")
        say(road, anna, "/promo")

        if instead == "a button":
            tap(road, anna, "shop")
        else:
            say(road, anna, instead)
        answer = say(road, anna, "HELLO2026")

        assert "did not understand" in answer["text"]
        assert attempts() == []

    def test_the_waiting_ends_after_fifteen_minutes(self, road: Road) -> None:
        running()
        anna = newcomer(road)
        say(road, anna, "/promo")

        with time_machine.travel(timezone.now() + timedelta(seconds=901), tick=True):
            say(road, anna, "HELLO2026")

        assert attempts() == []

    def test_a_code_that_was_written_in_time_counts_however_late_it_is_worked_on(
        self, road: Road
    ) -> None:
        running()
        anna = newcomer(road)
        with time_machine.travel(timezone.now(), tick=False) as clock:
            say(road, anna, "/promo")
            clock.shift(timedelta(seconds=890))
            road.sandbox.say(anna, "HELLO2026")
            clock.shift(timedelta(hours=2))
            travel(road)

        assert len(attempts()) == 1

    def test_a_picture_is_no_code_and_a_mistyped_one_is_awaited_again(self, road: Road) -> None:
        running()
        anna = newcomer(road)
        say(road, anna, "/promo")
        message = {
            "message_id": 900,
            "date": 1_790_000_000,
            "chat": {"id": anna, "type": "private"},
            "from": {"id": anna, "is_bot": False, "first_name": "Anna"},
            "photo": [{"file_id": "f", "file_unique_id": "u", "width": 9, "height": 9}],
        }

        road.sandbox.push({"message": message})
        travel(road)
        asked_again = road.sandbox.last_message(anna)["text"]
        refused = say(road, anna, "WRONG2026")
        accepted = say(road, anna, "HELLO2026")
        say(road, anna, "How are you?")

        assert asked_again.startswith("🏷 Your promo code")
        assert refused["text"].startswith("🤔 This code does not work.")
        assert accepted["text"].startswith("🏷 Your code is accepted.")
        assert attempts() == [("PROMPT", "E_PROMO_INVALID"), ("PROMPT", "")]

    def test_a_mistyped_code_that_is_typed_again_is_no_answer(self, road: Road) -> None:
        make_typed()
        running()
        anna = newcomer(road)
        tap(road, anna, "play:ARTIKEL_SPRINT:k")
        say(road, anna, "/promo HELO2026")

        accepted = say(road, anna, "HELLO2026")

        assert accepted["text"].startswith("🏷 Your code is accepted.")
        assert RoundQuestion.objects.get().text is None

    def test_after_a_code_that_was_used_a_text_is_a_text(self, road: Road) -> None:
        running(kind="ENERGY_GRANT", value=30)
        anna = newcomer(road)
        say(road, anna, "/promo HELLO2026")
        say(road, anna, "/promo HELLO2026")

        answer = say(road, anna, "How are you?")

        assert "did not understand" in answer["text"]

    def test_who_is_suspended_cannot_redeem(self, road: Road) -> None:
        running()
        anna = newcomer(road)
        players.suspend(player_id=row(anna).pk, now=timezone.now())

        say(road, anna, "/promo HELLO2026")

        assert attempts() == []


class TestGrant:
    def test_energy_is_there_at_once_and_once(self, road: Road) -> None:
        campaign = running(kind="ENERGY_GRANT", value=30)
        anna = newcomer(road)

        answer = say(road, anna, "/promo HELLO2026")
        again = say(road, anna, "/promo HELLO2026")

        assert answer["text"] == (
            "🎁 Your code is redeemed. This is yours now:\n🔋 30 energy points\n\n"
            "You have now\n🔋 Paid energy: 30"
        )
        assert again["text"] == "☑️ You have already used this code."
        assert Wallet.objects.get().paid_energy == 30
        assert counted(campaign) == (0, 1, 0, 0)

    @pytest.mark.parametrize(
        ("language", "arrived", "owned", "end"),
        [
            ("de", "👑 Premium Monat: 30 Tage", "👑 Premium bis ", "%d.%m.%Y"),
            ("en", "👑 Premium Month: 30 days", "👑 Premium until ", "%-d %b %Y"),
            ("uk", "👑 Преміум Місяць: 30 днів", "👑 Преміум до ", "%d.%m.%Y"),
        ],
    )
    def test_premium_is_confirmed_in_the_players_language_with_its_end(
        self, road: Road, language: str, arrived: str, owned: str, end: str
    ) -> None:
        running(kind="PREMIUM_GRANT", value=30)
        anna = newcomer(road, language=language)

        answer = say(road, anna, "/promo HELLO2026")["text"]

        span = PremiumSpan.objects.get(player=row(anna))
        assert span.ends_at - span.starts_at == timedelta(days=30)
        assert arrived in answer
        assert f"{owned}{span.ends_at:{end}}" in answer
        assert "_" not in answer

    def test_an_update_that_comes_again_gives_once_and_answers_once(self, road: Road) -> None:
        running(kind="ENERGY_GRANT", value=30)
        anna = newcomer(road)
        road.sandbox.network(duplicate=1.0)

        say(road, anna, "/promo HELLO2026")

        assert attempts() == [("COMMAND", "")]
        assert LedgerEntry.objects.filter(type="PROMO_GRANT").count() == 1


class TestDiscount:
    @pytest.mark.parametrize(
        ("scope", "sentence", "products"),
        [
            ("ANY", "on everything in the shop", 8),
            ("MICRO_ANY", "on everything but Premium", 4),
            ("PREMIUM_ANY", "on every Premium plan", 4),
        ],
    )
    def test_the_answer_leads_straight_to_what_it_makes_cheaper(
        self, road: Road, scope: str, sentence: str, products: int
    ) -> None:
        running(scope=scope)
        anna = newcomer(road)

        answer = say(road, anna, "/promo HELLO2026")

        assert answer["text"].startswith(
            f"🏷 Your code is accepted.\n\n−40 % {sentence} · 15 minutes left\n\n"
        )
        *found, shop = keys(answer)
        assert len(found) == products == len(struck(answer))
        assert shop == ("🛍 Shop", "shop")

    def test_one_product_in_three_languages_with_old_and_new_price(self, road: Road) -> None:
        running(scope="PRODUCT", product_code="PREMIUM_MONTH")
        words = {
            "en": "−40 % on one product · 15 minutes left\n\nPremium Month · ⭐ 99 ⭐ 60",
            "de": "−40 % auf ein Produkt · noch 15 Minuten\n\nPremium Monat · ⭐ 99 ⭐ 60",
            "uk": "−40 % на один товар · ще 15 хвилин\n\nПреміум Місяць · ⭐ 99 ⭐ 60",
        }

        for language, sentence in words.items():
            player = newcomer(road, language=language)
            answer = say(road, player, "/promo HELLO2026")
            assert answer["text"].endswith(sentence)
            assert struck(answer) == ["⭐ 99"]
            assert keys(answer)[0][0].endswith(" · ⭐ 99 → ⭐ 60")
            assert keys(answer)[0][1] == f"product:PREMIUM_MONTH:{redemption(row(player)).pk}"

    def test_the_code_again_says_kindly_how_long_it_is_reserved(self, road: Road) -> None:
        campaign = running()
        anna = newcomer(road)
        now = timezone.now()
        with time_machine.travel(now, tick=False):
            say(road, anna, "/promo HELLO2026")

        with time_machine.travel(now + 3.5 * MINUTE, tick=False):
            later = say(road, anna, "/promo HELLO2026")["text"]
        with time_machine.travel(now + 14.5 * MINUTE, tick=False):
            last = say(road, anna, "/promo HELLO2026")["text"]

        assert later.startswith("🏷 You have this discount already.\n\n−40 %")
        assert "· 12 minutes left\n" in later
        assert "· 1 minute left\n" in last
        assert counted(campaign) == (1, 0, 0, 0)
        assert redemption(row(anna)).reserved_until == now + 15 * MINUTE

    def test_what_cannot_be_bought_or_gets_no_cheaper_is_left_out(self, road: Road) -> None:
        running(value=1, scope="MICRO_ANY")
        anna = newcomer(road)

        answer = say(road, anna, "/promo HELLO2026")

        # One per cent of twenty Stars, rounded up in the shop's favour, is nothing.
        assert answer["text"].endswith(
            "At the moment there is nothing that you could buy cheaper with it."
        )
        assert keys(answer) == [("🛍 Shop", "shop")]

    def test_the_shop_shows_both_prices_on_the_button_and_the_minutes(self, road: Road) -> None:
        running(scope="PREMIUM_ANY")
        anna = newcomer(road)
        say(road, anna, "/promo HELLO2026")

        shop = say(road, anna, "/shop")
        card = tap(road, anna, f"product:PREMIUM_MONTH:{redemption(row(anna)).pk}")

        assert "\n\n🏷 −40 % · 15 minutes left\n\n🔋 Energy" in shop["text"]
        reserved = f"product:PREMIUM_MONTH:{redemption(row(anna)).pk}"
        assert ("Premium Month · ⭐ 99 → ⭐ 60", reserved) in keys(shop)
        assert ("10 energy points · ⭐ 5", "product:ENERGY_10") in keys(shop)
        assert card["invoice"]["total_amount"] == 60
        assert card["invoice"]["description"].endswith("🏷 −40 %: ⭐ 60 instead of ⭐ 99")
        # A subscription would be cheaper for ever: it is not.
        assert ("Subscribe monthly ⭐ 99", "subscribe:PREMIUM_MONTH") in keys(shop)

    def test_of_two_discounts_each_product_has_the_better_one(self, road: Road) -> None:
        running(code="MICRO2026", value=60, scope="MICRO_ANY")
        running(code="ALL2026", value=20)
        anna = newcomer(road)
        say(road, anna, "/promo MICRO2026")
        say(road, anna, "/promo ALL2026")

        shop = say(road, anna, "/shop")

        assert "🏷 −60 % · 15 minutes left" in shop["text"]
        assert "🏷 −20 % · 15 minutes left" in shop["text"]
        labels = [label for label, _data in keys(shop)]
        assert "Streak saver · ⭐ 20 → ⭐ 8" in labels
        assert "Premium Month · ⭐ 99 → ⭐ 80" in labels


class TestBuying:
    def test_from_the_code_to_the_goods_and_back(self, road: Road) -> None:
        """The scenario of the regression list: discount, pre-checkout, payment, credit."""
        campaign = running(uses_max=1)
        anna = newcomer(road, stars=100)
        say(road, anna, "/promo HELLO2026")

        card = discounted_invoice(road, anna)
        attached = counted(campaign)
        checkout = pay(road, anna)
        kept = redemption(row(anna))
        travel(road)
        receipt = road.sandbox.last_message(anna)["text"]

        assert card["invoice"]["total_amount"] == 60
        assert card["invoice"]["description"].endswith("\n🏷 −40 %: ⭐ 60 instead of ⭐ 99")
        assert buttons(card)[0]["text"] == "Pay ⭐ 60"
        assert attached == (1, 0, 39, 0)
        assert checkout["state"] == "paid"
        assert (kept.status, kept.is_locked_for_payment) == ("RESERVED", True)
        purchase = newest(anna)
        assert (purchase.status, purchase.paid_stars, purchase.flags) == ("CREDITED", 60, [])
        assert redemption(row(anna)).status == "APPLIED"
        assert counted(campaign) == (0, 1, 0, 39)
        assert road.sandbox.stars(anna) == 40
        assert "Premium Month · ⭐ 60\n🏷 −40 %: ⭐ 60 instead of ⭐ 99\n" in receipt

        refunds.ask(
            purchase_id=purchase.pk, source=RefundSource.API, reason="x", now=timezone.now()
        )
        refunds.complete(purchase_id=purchase.pk, now=timezone.now())
        notify(road)

        assert newest(anna).status == "REFUNDED"
        assert redemption(row(anna)).status == "REVOKED"
        assert counted(campaign) == (0, 1, 0, 39)
        assert "⭐ 60 refunded." in road.sandbox.last_message(anna)["text"]

    def test_the_receipt_to_look_at_later_names_the_discount(self, road: Road) -> None:
        running()
        anna = newcomer(road, language="de")
        say(road, anna, "/promo HELLO2026")
        discounted_invoice(road, anna, "ENERGY_10")
        pay(road, anna)
        travel(road)

        page = tap(road, anna, f"receipt:{newest(anna).pk.hex}:0")

        assert "10 Energiepunkte · ⭐ 3\n🏷 −40 %: ⭐ 3 statt ⭐ 5\n" in page["text"]

    def test_a_tap_after_the_hold_has_lapsed_says_so_and_shows_the_full_price(
        self, road: Road
    ) -> None:
        running()
        anna = newcomer(road)
        say(road, anna, "/promo HELLO2026")
        _label, data = in_shop(road, anna)

        with time_machine.travel(timezone.now() + 16 * MINUTE, tick=True):
            answered = tap(road, anna, data)
            nothing = Purchase.objects.count()
            card = tap(road, anna, keys(answered)[0][1])

        said = [notice["text"] for notice in road.sandbox.toasts(anna) if notice["text"]]
        assert said[-1].startswith("Your discount is not valid any more.")
        assert answered["text"].startswith("🛍 Premium Month · ⭐ 99\n\n")
        assert struck(answered) == []
        assert keys(answered)[0] == ("Buy for ⭐ 99", "buy:PREMIUM_MONTH")
        assert nothing == 0
        assert card["invoice"]["total_amount"] == 99

    @pytest.mark.parametrize(
        ("terms", "stars"),
        [({}, 60), ({"scope": "PREMIUM_ANY"}, 60), ({"scope": "MICRO_ANY"}, 99)],
        ids=["for everything", "for this", "for something else"],
    )
    @pytest.mark.parametrize("data", ["product:PREMIUM_MONTH", "buy:PREMIUM_MONTH"])
    def test_a_button_from_before_the_code_takes_the_discount_that_fits(
        self, road: Road, terms: dict[str, Any], stars: int, data: str
    ) -> None:
        running(**terms)
        anna = newcomer(road)
        before = in_shop(road, anna)
        say(road, anna, "/promo HELLO2026")

        assert before == ("Premium Month · ⭐ 99", "product:PREMIUM_MONTH")
        card = tap(road, anna, data)

        assert card["invoice"]["total_amount"] == stars
        assert ("−40 %" in card["invoice"]["description"]) == (stars == 60)
        assert pay(road, anna)["state"] == "paid"
        travel(road)
        assert newest(anna).paid_stars == stars

    def test_of_two_discounts_a_button_from_before_takes_the_better_one(self, road: Road) -> None:
        running(code="SMALL2026", value=10)
        running(code="LARGE2026", value=50)
        anna = newcomer(road)
        for code in ("LARGE2026", "SMALL2026"):
            say(road, anna, f"/promo {code}")

        card = tap(road, anna, "buy:PREMIUM_MONTH")

        assert card["invoice"]["total_amount"] == 50

    def test_a_button_with_a_discount_takes_the_better_one_that_was_entered_since(
        self, road: Road
    ) -> None:
        running(code="SMALL2026", value=10)
        running(code="LARGE2026", value=50)
        anna = newcomer(road)
        say(road, anna, "/promo SMALL2026")
        label, data = in_shop(road, anna)
        say(road, anna, "/promo LARGE2026")

        assert label == "Premium Month · ⭐ 99 → ⭐ 90"
        card = tap(road, anna, data)

        assert card["invoice"]["total_amount"] == 50

    def test_without_the_quoted_one_the_other_one_does_not_make_it_dearer(self, road: Road) -> None:
        running(code="SMALL2026", value=10)
        large = running(code="LARGE2026", value=50, stars_max=49)
        anna = newcomer(road)
        for code in ("SMALL2026", "LARGE2026"):
            say(road, anna, f"/promo {code}")
        label, data = in_shop(road, anna)
        Campaign.objects.filter(pk=large.pk).update(stars_max=1)

        answered = tap(road, anna, data)

        assert label == "Premium Month · ⭐ 99 → ⭐ 50"
        assert toast(road, anna).startswith("Your discount is not valid any more.")
        assert keys(answered)[0][0] == "Buy for ⭐ 90"
        assert not Purchase.objects.exists()

    def test_a_hold_that_lapses_before_the_pre_checkout_is_refused_there(self, road: Road) -> None:
        campaign = running()
        anna = newcomer(road, language="de")
        say(road, anna, "/promo HELLO2026")
        discounted_invoice(road, anna)

        with time_machine.travel(timezone.now() + 16 * MINUTE, tick=True):
            refused = pay(road, anna)
            assert tasks.expire_reservations() == 1

        assert refused["state"] == "refused"
        assert refused["reason"] == (
            "Dein Rabatt gilt nicht mehr. Ohne ihn kannst du jederzeit im /shop kaufen."
        )
        assert redemption(row(anna)).status == "EXPIRED"
        assert counted(campaign) == (0, 0, 0, 0)
        assert road.sandbox.stars(anna) == 1_000

    def test_an_approved_pre_checkout_keeps_the_hold_until_the_payment(self, road: Road) -> None:
        running()
        anna = newcomer(road)
        say(road, anna, "/promo HELLO2026")
        discounted_invoice(road, anna)
        road.sandbox.network(payment_delay_s=600)
        assert pay(road, anna, faults=["payment_delayed"])["state"] == "paid"

        with time_machine.travel(timezone.now() + 20 * MINUTE, tick=True):
            assert tasks.expire_reservations() == 0
            shop = say(road, anna, "/shop")["text"]
            road.sandbox.let_payments_arrive()
            travel(road)

        assert "🏷 −40 % · kept for your invoice" in shop
        assert (newest(anna).status, newest(anna).flags) == ("CREDITED", [])
        assert redemption(row(anna)).status == "APPLIED"

    def test_a_payment_after_the_hold_has_lapsed_is_credited_and_flagged(self, road: Road) -> None:
        campaign = running()
        anna = newcomer(road)
        say(road, anna, "/promo HELLO2026")
        discounted_invoice(road, anna, "ENERGY_10")
        with time_machine.travel(timezone.now() + 16 * MINUTE, tick=True):
            tasks.expire_reservations()

            pay(road, anna, faults=["payment_early", "pre_checkout_lost"])
            road.sandbox.wait_for(road.fetch)
            travel(road)

        purchase = newest(anna)
        assert (purchase.status, purchase.paid_stars) == ("CREDITED", 3)
        assert purchase.flags == ["PROMO_LAPSED", "UNCHECKED"]
        assert Wallet.objects.get().paid_energy == 10
        assert redemption(row(anna)).status == "EXPIRED"
        assert counted(campaign) == (0, 0, 0, 0)

    def test_another_promo_closes_the_invoice_and_releases_its_hold(self, road: Road) -> None:
        first, second = running(code="FIRST2026", value=20), running(code="SECOND2026", value=60)
        anna = newcomer(road)
        say(road, anna, "/promo FIRST2026")
        discounted_invoice(road, anna)
        old = newest(anna)

        say(road, anna, "/promo SECOND2026")
        card = discounted_invoice(road, anna)
        cards = [it["message_id"] for it in road.sandbox.chat(anna) if "invoice" in it]
        refused = pay(road, anna, message_id=cards[0])

        old.refresh_from_db()
        assert old.status == "FAILED"
        assert (counted(first), counted(second)) == ((0, 0, 0, 0), (1, 0, 59, 0))
        assert card["invoice"]["total_amount"] == 40
        assert (refused["state"], refused["reason"]) == (
            "refused",
            "This invoice has expired. Please open the /shop again.",
        )

    def test_a_hold_moves_to_another_product(self, road: Road) -> None:
        campaign = running()
        anna = newcomer(road)
        say(road, anna, "/promo HELLO2026")
        discounted_invoice(road, anna)

        say(road, anna, "/shop")
        card = discounted_invoice(road, anna, "ENERGY_10")
        paid = pay(road, anna)
        travel(road)

        states = Purchase.objects.order_by("opened_at").values_list("product_id", "status")
        assert list(states) == [("PREMIUM_MONTH", "FAILED"), ("ENERGY_10", "CREDITED")]
        assert card["invoice"]["total_amount"] == 3
        assert paid["state"] == "paid"
        assert counted(campaign) == (0, 1, 0, 2)

    def test_the_kill_switch_between_invoice_and_pre_checkout(self, road: Road) -> None:
        campaign = running()
        anna = newcomer(road)
        say(road, anna, "/promo HELLO2026")
        discounted_invoice(road, anna)
        now = timezone.now()
        campaigns.end(campaign_id=campaign.pk, reason="Leaked.", now=now, staff=None)
        assert campaigns.release_reservations(campaign_id=campaign.pk, now=now) == 1

        refused = pay(road, anna)

        assert refused["state"] == "refused"
        assert refused["reason"].startswith("Your discount is not valid any more.")
        assert counted(campaign) == (0, 0, 0, 0)

    def test_the_budget_is_not_overrun_and_the_price_is_never_quoted_in_vain(
        self, road: Road
    ) -> None:
        campaign = running(stars_max=40)
        anna, ben = newcomer(road), newcomer(road)
        for player in (anna, ben):
            say(road, player, "/promo HELLO2026")
        _label, data = in_shop(road, ben)
        discounted_invoice(road, anna)

        answered = tap(road, ben, data)

        assert toast(road, ben).startswith("Your discount is not valid any more.")
        # 39 of 40 Stars are held: the one that is left makes nothing cheaper.
        assert keys(answered)[0] == ("Buy for ⭐ 99", "buy:PREMIUM_MONTH")
        assert counted(campaign) == (2, 0, 39, 0)

    def test_a_discount_for_something_else_is_refused_with_the_right_price(
        self, road: Road
    ) -> None:
        running(scope="PREMIUM_ANY")
        anna = newcomer(road)
        say(road, anna, "/promo HELLO2026")

        answered = tap(road, anna, f"buy:ENERGY_10:{redemption(row(anna)).pk}")

        assert toast(road, anna) == (
            "Your discount is not for this. The /shop shows what it makes cheaper."
        )
        assert keys(answered)[0] == ("Buy for ⭐ 5", "buy:ENERGY_10")

    def test_nobody_uses_the_hold_of_somebody_else(self, road: Road) -> None:
        running()
        anna, ben = newcomer(road), newcomer(road)
        say(road, anna, "/promo HELLO2026")
        say(road, ben, "/shop")

        tap(road, ben, f"buy:ENERGY_10:{redemption(row(anna)).pk}")

        assert toast(road, ben).startswith("Your discount is not valid any more.")
        assert not Purchase.objects.exists()

    def test_what_nobody_pays_gives_the_use_back(self, road: Road) -> None:
        campaign = running(uses_max=1)
        anna, ben = newcomer(road), newcomer(road)
        say(road, anna, "/promo HELLO2026")
        discounted_invoice(road, anna)
        road.sandbox.network(payment_delay_s=600)
        pay(road, anna, faults=["payment_delayed"])

        assert fail_stale(now=timezone.now() + 31 * MINUTE, limit=10) == 1

        assert counted(campaign) == (0, 0, 0, 0)
        assert say(road, ben, "/promo HELLO2026")["text"].startswith("🏷 Your code is accepted.")


def over(player: Player) -> None:
    """Let the campaign's window be over."""
    Campaign.objects.update(ends_at=timezone.now() - MINUTE)


def paused(player: Player) -> None:
    """Let an operator pause the campaign."""
    for campaign in Campaign.objects.all():
        campaigns.pause(campaign_id=campaign.pk, reason="x", now=timezone.now(), staff=None)


def denied(player: Player) -> None:
    """Put the player on the deny list."""
    DenylistEntry.objects.create(player=player, reason="Sells codes.", at=timezone.now())


class TestRefusals:
    @pytest.mark.parametrize(
        ("terms", "prepare", "refusal", "sentence"),
        [
            ({"code": "OTHER2026"}, None, "INVALID", "🤔 This code does not work."),
            ({}, denied, "INVALID", "🤔 This code does not work."),
            ({}, over, "EXPIRED", "⌛ This code has expired."),
            ({}, paused, "PAUSED", "⏸ This offer is paused at the moment."),
            (
                {"for_language": "uk"},
                None,
                "NOT_APPLICABLE",
                "🙂 This code is not for you at the moment.",
            ),
        ],
        ids=["unknown", "denied", "over", "paused", "not for the player"],
    )
    def test_each_says_why_in_kind_words_and_leads_on(
        self,
        road: Road,
        terms: dict[str, Any],
        prepare: Callable[[Player], None] | None,
        refusal: str,
        sentence: str,
    ) -> None:
        running(**terms)
        anna = newcomer(road)
        if prepare:
            prepare(row(anna))

        answer = say(road, anna, "/promo HELLO2026")

        assert answer["text"].startswith(sentence)
        assert keys(answer) == [("🏷 Enter another code", "promo"), ("◀️ Back", "home")]
        assert attempts() == [("COMMAND", f"E_PROMO_{refusal}")]
        assert not Redemption.objects.exists()

    @pytest.mark.parametrize("condition", ["for_language", "for_level", "for_first_purchase"])
    def test_a_condition_that_is_not_met_is_not_named(self, road: Road, condition: str) -> None:
        values: dict[str, Any] = {
            "for_language": "uk",
            "for_level": "B2",
            "for_first_purchase": True,
        }
        anna = newcomer(road)
        buy(road, anna, "STREAK_SAVER_20")
        running(**{condition: values[condition]})

        answer = say(road, anna, "/promo HELLO2026")

        assert answer["text"] == (
            "🙂 This code is not for you at the moment.\n\nMany offers have a condition: they are "
            "for those who are new, for a first purchase, for a language, for a level, or for some "
            "players chosen at random."
        )

    def test_after_the_fifth_failure_no_code_is_looked_at_for_an_hour(self, road: Road) -> None:
        running(kind="ENERGY_GRANT", value=30)
        anna = newcomer(road)
        now = timezone.now()

        with time_machine.travel(now, tick=False):
            answers = [say(road, anna, f"/promo WRONG{number}")["text"] for number in range(5)]
        with time_machine.travel(now + 59 * MINUTE, tick=False):
            blocked = say(road, anna, "/promo HELLO2026")
        with time_machine.travel(now + 61 * MINUTE, tick=False):
            free = say(road, anna, "/promo HELLO2026")["text"]

        until = (now + 60 * MINUTE).astimezone(ZoneInfo("Europe/Berlin"))
        wait = f"You can try again from {until:%-d %b %Y, %H:%M} on."
        assert [text.startswith("🤔 This code does not work.") for text in answers] == [True] * 5
        assert [text.endswith(wait) for text in answers] == [False] * 4 + [True]
        assert blocked["text"] == f"⏳ Too many codes that do not work.\n\n{wait}"
        assert keys(blocked) == [("◀️ Back", "home")]
        assert free.startswith("🎁 Your code is redeemed.")

    @pytest.mark.parametrize(
        ("language", "sentence"),
        [
            ("de", "🤔 Dieser Code funktioniert nicht.\n\nBitte prüfe, ob jedes Zeichen stimmt."),
            ("uk", "🤔 Цей код не працює.\n\nПеревір, будь ласка, чи правильний кожен символ."),
        ],
    )
    def test_in_the_players_language(self, road: Road, language: str, sentence: str) -> None:
        anna = newcomer(road, language=language)

        assert say(road, anna, "/promo <WRONG>")["text"] == sentence


class TestCost:
    """SQL statements from the claim to DONE, without the test's own savepoint."""

    @pytest.mark.parametrize(
        ("terms", "text", "limit"),
        [
            ({}, "/promo HELLO2026", 15),
            ({"kind": "ENERGY_GRANT", "value": 30}, "/promo HELLO2026", 16),
            ({}, "/promo WRONG2026", 12),
            ({}, "/promo", 6),
        ],
        ids=["a discount", "a grant", "a wrong code", "the question"],
    )
    def test_a_message(self, road: Road, terms: dict[str, Any], text: str, limit: int) -> None:
        running(**terms)
        anna = newcomer(road)
        road.sandbox.say(anna, text)

        cost = statements(road)

        assert cost <= limit

    def test_a_tap_on_buy_with_a_discount(self, road: Road) -> None:
        running()
        anna = newcomer(road)
        say(road, anna, "/promo HELLO2026")
        _label, data = in_shop(road, anna)
        road.sandbox.tap(anna, data)

        cost = statements(road)

        assert cost <= 20

    def test_a_payment_with_its_discount_and_its_receipt(self, road: Road) -> None:
        running()
        anna = newcomer(road)
        Product.objects.filter(pk="ENERGY_10").update(stars=10)
        say(road, anna, "/promo HELLO2026")
        discounted_invoice(road, anna, "ENERGY_10")
        pay(road, anna)

        cost = statements(road)

        assert cost <= 20


def test_a_replay_of_the_verb_under_the_same_key_is_the_same_hold(road: Road) -> None:
    running()
    anna = newcomer(road)
    road.sandbox.say(anna, "/promo HELLO2026")
    travel(road)
    key = Attempt.objects.get().idempotency_key

    again = redemptions.redeem(
        player=row(anna), raw="HELLO2026", channel=Channel.COMMAND, key=key,
        now=timezone.now(),
    )  # fmt: skip

    assert again.redemption == redemption(row(anna))
    assert Attempt.objects.count() == 1
