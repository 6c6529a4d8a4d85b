"""Offers, from the pause to the receipt, through the sandbox over HTTP."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from bot.queue import client, outbox
from bot.queue.models import OutgoingCall
from bot.screens.offers import touchpoints
from economy import entitlements, grants, streaks, wallets
from economy.goods import Goods, Plan
from economy.models import EntryType, LedgerEntry, Source, Wallet
from payments.models import Attribution, Impression, Product, Purchase, PurchaseStatus
from payments.offer_rules import Touchpoint
from promos import campaigns
from promos.models import Campaign, Redemption
from quizarena.players.models import Player
from tests.bot.screens.buyers import buy, newcomer, pay, row, tap, texts, toast, travel
from tests.conftest import Road
from tests.game.test_round import bank as bank  # noqa: PLC0414 - The same questions here.
from tests.payments.campaigns import running
from tests.sandbox import buttons

Json = dict[str, Any]
DAY = timedelta(days=1)
# A Wednesday, and a Friday after it, 18:00 in Berlin.
NOON = datetime(2026, 11, 18, 11, tzinfo=UTC)
FRIDAY = datetime(2026, 11, 20, 17, tzinfo=UTC)


@pytest.fixture
def noon() -> Iterator[time_machine.Traveller]:
    """Let it be noon of a Wednesday, and nobody's evening or weekend."""
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def anna(road: Road, noon: time_machine.Traveller) -> int:
    """Return a player who has said hello an hour ago."""
    return before(road, noon)


def before(road: Road, noon: time_machine.Traveller, *, language: str = "en") -> int:
    """Return a player who has said hello an hour before noon."""
    noon.move_to(NOON - timedelta(hours=1))
    player = newcomer(road, language=language)
    noon.move_to(NOON)
    return player


def labels(message: Json) -> list[str]:
    """Return what stands on a message's buttons."""
    return [str(button["text"]) for button in buttons(message)]


def data(message: Json) -> list[str]:
    """Return what the buttons of a message mean."""
    return [str(button["callback_data"]) for button in buttons(message)]


def spend(player: int, *, leave: int) -> None:
    """Leave the player so much energy."""
    for number in range(20 - leave):
        wallets.charge_question(player=row(player), key=f"spent:{number}", now=timezone.now())


def active(player: int, *, days: int, last: datetime) -> None:
    """Let the player have played on so many days in a row, `last` being the last one."""
    for back in reversed(range(days)):
        streaks.record_activity(player=row(player), now=last - back * DAY)


def out_of_energy(road: Road, player: int, key: str = "k1") -> Json:
    """Let a player who has no energy left tap on a mode; return the screen."""
    road.say(player, "/play")
    return tap(road, player, f"play:ARTIKEL_SPRINT:{key}")


def triggers() -> list[str]:
    """Return what was shown, the oldest first."""
    return list(Impression.objects.order_by("pk").values_list("trigger", flat=True))


class TestOutOfEnergy:
    def test_the_screen_says_both_how_to_wait_and_how_not_to(self, road: Road, anna: int) -> None:
        spend(anna, leave=0)

        screen = out_of_energy(road, anna)

        assert screen["text"] == (
            "🪫 Your energy is used up.\n\n"
            "📅 Today's daily challenge costs no energy.\n"
            "⚡ The next point comes in 30 minutes.\n"
            "🔋 All 20 points are back in 10 h, by 00:00 at the latest.\n\n"
            "Your answers so far are kept. See you soon!\n\n"
            "💡 Would you rather go on right away?\n\n"
            "10 energy points · ⭐ 5\n🔋 10 energy points\n\n"
            "Mega Pack · ⭐ 15\n"
            "🔋 15 energy points · 🔓 24 h: Cases, Separable verbs, Word order\n\n"
            "Premium Month · ⭐ 99\n👑 Premium Month: 30 days"
        )
        shown = Impression.objects.get()
        assert data(screen) == [
            "daily",
            f"offer:{shown.pk}:ENERGY_10",
            f"offer:{shown.pk}:MEGA_PACK_15",
            f"offer:{shown.pk}:PREMIUM_MONTH",
            f"later:{shown.pk}",
            f"mute:{shown.pk}",
        ]
        assert labels(screen)[-2:] == ["Not now", "🔕 Do not show for 3 days"]

    def test_when_the_caps_say_no_the_plain_screen_is_there(self, road: Road, anna: int) -> None:
        spend(anna, leave=0)
        out_of_energy(road, anna)

        screen = out_of_energy(road, anna, "k2")

        assert screen["text"].endswith("Your answers so far are kept. See you soon!")
        assert labels(screen) == ["📅 Daily challenge", "🛍 Shop", "◀️ Back"]
        assert triggers() == ["ENERGY_ZERO"]

    @pytest.mark.usefixtures("bank")
    def test_in_the_middle_of_a_round(self, road: Road, anna: int) -> None:
        spend(anna, leave=1)
        road.say(anna, "/play")
        question = tap(road, anna, "play:ARTIKEL_SPRINT:k1")

        tap(road, anna, data(question)[0])

        result, offer = texts(road, anna)[-2:]
        assert "🪫 Your energy is used up." in result
        assert offer.startswith("💡 Would you rather go on right away?")

    def test_an_offer_is_a_row_before_it_is_a_message(self, road: Road, anna: int) -> None:
        """Both are of one transaction: without the commit there is neither."""
        spend(anna, leave=0)
        road.say(anna, "/play")
        road.sandbox.tap(anna, "Article sprint")
        road.fetch()
        before = OutgoingCall.objects.count()

        road.work()

        assert triggers() == ["ENERGY_ZERO"]
        call = OutgoingCall.objects.filter(method="editMessageText").latest("pk")
        assert OutgoingCall.objects.count() > before
        assert f"offer:{Impression.objects.get().pk}:ENERGY_10" in str(call.parameters)
        assert call.state == "PENDING"


class TestLockedMode:
    def test_the_tap_leads_to_what_opens_it(self, road: Road, anna: int) -> None:
        road.say(anna, "/play")

        screen = road.tap(anna, "🔒 Cases")

        assert screen["text"] == (
            "🔒 “Cases” is locked.\n\nThis opens it for you:\n\n"
            "Mega Pack · ⭐ 15\n🔋 15 energy points · 🔓 24 h: Cases, Separable verbs, Word order"
            "\n\nPremium opens it, too:\n"
            "• Premium Starter: 7 days of unlimited energy and all modes: to try everything.\n\n"
            "🎁 Once a day you can try a locked mode: 3 questions, for the usual energy."
        )
        assert labels(screen) == [
            "🎁 Try 3 questions",
            "Mega Pack · ⭐ 15",
            "Premium Starter · ⭐ 29",
            "Not now",
            "🔕 Do not show for 3 days",
        ]

    def test_when_the_caps_say_no_it_is_a_page_that_offers_nothing(
        self, road: Road, anna: int
    ) -> None:
        road.say(anna, "/play")
        road.tap(anna, "🔒 Cases")
        road.say(anna, "/play")

        again = road.tap(anna, "🔒 Word order")

        assert triggers() == ["LOCKED_MODE_CLICK"]
        assert again["text"] == (
            "🔒 “Word order” is locked.\n\nWhat opens it\n"
            "• Mega Pack: 15 energy points, and 24 hours of cases, separable verbs and word order: "
            "to practise what is hard.\n"
            "• Premium Starter: 7 days of unlimited energy and all modes: to try everything.\n\n"
            "🎁 Once a day you can try a locked mode: 3 questions, for the usual energy."
        )
        assert labels(again) == [
            "🎁 Try 3 questions",
            "Mega Pack · ⭐ 15",
            "Premium Starter · ⭐ 29",
            "🛍 Shop",
            "◀️ Back",
        ]
        assert toast(road, anna).startswith("🔒 “Word order” is open with Premium")


class TestAtRest:
    @pytest.mark.parametrize("way", ["/start", "/wallet", "home", "wallet"])
    def test_low_energy_is_shown_below_the_screen(self, road: Road, anna: int, way: str) -> None:
        spend(anna, leave=3)

        if way.startswith("/"):
            road.sandbox.say(anna, way)
            travel(road)
            travel(road)
        else:
            tap(road, anna, way)
            travel(road)

        assert texts(road, anna)[-1] == (
            "🪫 3 energy points left.\n\n"
            "One comes back every 30 minutes, and all of them at 00:00. If you do not want to "
            "wait:\n\n10 energy points · ⭐ 5\n🔋 10 energy points"
        )

    def test_who_is_here_for_the_first_time_is_left_alone(
        self, road: Road, noon: time_machine.Traveller
    ) -> None:
        running(is_weekend_offer=True)
        noon.move_to(FRIDAY)

        newcomer(road)

        assert triggers() == []

    @pytest.mark.parametrize("command", ["/shop", "/help", "/play", "/stats", "/promo"])
    def test_nobody_is_disturbed_anywhere_else(self, road: Road, anna: int, command: str) -> None:
        spend(anna, leave=3)

        road.say(anna, command)

        assert triggers() == []

    @pytest.mark.usefixtures("bank")
    def test_after_a_round_and_not_within(self, road: Road, anna: int) -> None:
        active(anna, days=8, last=NOON - DAY)
        road.say(anna, "/play")
        question = tap(road, anna, "play:ARTIKEL_SPRINT:k1")
        question = tap(road, anna, data(question)[0])
        within = triggers()

        tap(road, anna, data(question)[-1])
        travel(road)

        assert within == []
        assert texts(road, anna)[-1].startswith("🔥 9 days in a row!\n\nTime for something new?")

    def test_a_present_for_coming_back(
        self, road: Road, anna: int, noon: time_machine.Traveller
    ) -> None:
        active(anna, days=1, last=NOON)
        noon.move_to(NOON + 4 * DAY)

        road.say(anna, "/start")
        travel(road)

        present = road.sandbox.last_message(anna)
        assert present["text"] == (
            "👋 Nice to see you again!\n\n🎁 A present for you: 20 energy points. They are in your "
            "wallet already, and they never expire."
        )
        assert labels(present) == ["▶️ Play", "◀️ Back"]
        assert Wallet.objects.get().paid_energy == 20
        wallet = road.say(anna, "/wallet")
        assert "Welcome back" in wallet["text"]

    def test_an_evening_reminder_can_ask_for_it(
        self, road: Road, anna: int, noon: time_machine.Traveller
    ) -> None:
        active(anna, days=15, last=NOON - DAY)
        noon.move_to(datetime(2026, 11, 18, 21, tzinfo=UTC))

        with outbox.collecting():
            client.run(
                touchpoints.send_offer(
                    client.bot(),
                    player=row(anna),
                    touchpoint=Touchpoint.EVENING,
                    now=timezone.now(),
                )
            )
        travel(road)

        assert texts(road, anna)[-1] == (
            "🔥 Your streak of 15 days ends at 00:00.\n\nOne answered question is enough to "
            "keep it. If you cannot play any more today, this saves the day:\n\n"
            "Streak saver · ⭐ 20\n🛟 1 streak saver"
        )

    def test_what_blocks_nothing_stands_beside_the_plain_screen(
        self, road: Road, anna: int, noon: time_machine.Traveller
    ) -> None:
        active(anna, days=15, last=NOON - DAY)
        noon.move_to(datetime(2026, 11, 18, 21, tzinfo=UTC))
        road.say(anna, "/play")

        road.tap(anna, "🔒 Cases")
        travel(road)

        assert triggers() == ["STREAK_RISK_22"]
        assert toast(road, anna).startswith("🔒 “Cases” is open with Premium")
        assert texts(road, anna)[-1].startswith("🔥 Your streak of 15 days ends at 00:00.")


class TestPremium:
    def test_a_starter_that_has_ended_and_a_month_that_ends(
        self, road: Road, anna: int, noon: time_machine.Traveller
    ) -> None:
        grant(anna, Goods(premium=Plan.STARTER, premium_days=7), now=NOON - 8 * DAY, key="1")
        road.say(anna, "/start")
        travel(road)
        ended = road.sandbox.last_message(anna)
        grant(anna, Goods(premium=Plan.MONTH, premium_days=30), now=NOON, key="2")
        noon.move_to(NOON + 28 * DAY)
        road.say(anna, "/start")
        travel(road)

        assert triggers()[:2] == ["STARTER_EXPIRED", "MONTH_EXPIRING"]
        assert ended["text"].startswith("👑 Your Premium ended on 17 Nov 2026, 12:00.")
        assert labels(ended)[0] == "Premium Month · ⭐ 99"
        assert labels(road.sandbox.last_message(anna))[:2] == [
            "Premium Season · ⭐ 249",
            "Premium Year · ⭐ 499",
        ]

    def test_after_the_third_mega_pack(self, road: Road, anna: int) -> None:
        for _ in range(3):
            buy(road, anna, "MEGA_PACK_15")
        travel(road)

        assert texts(road, anna)[-1] == (
            "💡 3 Mega Packs in 14 days – you like to play!\n\nWith Premium all modes are open, "
            "and energy does not run out:\n\nPremium Starter · ⭐ 29\n👑 Premium Starter: 7 days"
        )
        assert texts(road, anna)[-2].startswith("✅ Thank you!")

    def test_after_the_second_energy(self, road: Road, anna: int) -> None:
        buy(road, anna, "ENERGY_10")
        first = triggers()
        buy(road, anna, "ENERGY_10")
        travel(road)

        assert first == []
        assert texts(road, anna)[-1].startswith("💡 Would you like to try something else, too?")
        assert triggers() == ["ENERGY10_SECOND_BUY"]


class TestButtons:
    def test_from_the_offer_to_the_receipt(self, road: Road, anna: int) -> None:
        spend(anna, leave=0)
        screen = out_of_energy(road, anna)

        tap(road, anna, data(screen)[2])
        assert pay(road, anna)["state"] == "paid"
        travel(road)

        purchase = Purchase.objects.get()
        assert purchase.status == PurchaseStatus.CREDITED
        assert (purchase.product_id, purchase.paid_stars) == ("MEGA_PACK_15", 15)
        assert purchase.attribution.impression == Impression.objects.get()
        assert Impression.objects.get().clicked_at == NOON

    def test_an_invoice_that_was_open_before_is_attributed(self, road: Road, anna: int) -> None:
        spend(anna, leave=0)
        road.say(anna, "/shop")
        tap(road, anna, "buy:ENERGY_10")
        screen = out_of_energy(road, anna)

        tap(road, anna, data(screen)[1])
        assert pay(road, anna)["state"] == "paid"

        assert Purchase.objects.count() == 1
        assert Attribution.objects.get().purchase == Purchase.objects.get()

    def test_two_taps_send_one_invoice(self, road: Road, anna: int) -> None:
        spend(anna, leave=0)
        screen = out_of_energy(road, anna)
        message = screen["message_id"]

        for _ in range(2):
            road.sandbox.tap(anna, data(screen)[1], message_id=message)
            travel(road)

        invoices = [one for one in road.sandbox.chat(anna) if "invoice" in one]
        assert len(invoices) == 1
        assert toast(road, anna).startswith("The invoice is on its way")

    def test_not_now(self, road: Road, anna: int) -> None:
        spend(anna, leave=3)
        road.say(anna, "/start")
        travel(road)

        home = tap(road, anna, f"later:{Impression.objects.get().pk}")

        assert home["text"].startswith("👋 Hello, Anna!")
        assert toast(road, anna) == "All right!"
        assert Impression.objects.filter(dismissed_at=NOON, muted_at=None).exists()

    def test_not_for_three_days(self, road: Road, anna: int, noon: time_machine.Traveller) -> None:
        spend(anna, leave=0)
        screen = out_of_energy(road, anna)
        tap(road, anna, data(screen)[-1])
        noon.move_to(NOON + 2 * DAY)
        for number in range(20):
            wallets.charge_question(player=row(anna), key=f"b{number}", now=timezone.now())

        again = out_of_energy(road, anna, "k2")

        assert toast(road, anna).startswith("🪫 No energy left.")
        assert labels(again) == ["📅 Daily challenge", "🛍 Shop", "◀️ Back"]
        assert Impression.objects.filter(muted_at=NOON, dismissed_at=None).exists()

    @pytest.mark.parametrize("verb", ["later", "mute", "flash", "offer"])
    @pytest.mark.parametrize("which", ["another's", "unknown", "", "x", "0", "-1", "9" * 30])
    def test_a_button_that_is_not_the_players_is_answered_kindly(
        self, road: Road, anna: int, verb: str, which: str
    ) -> None:
        if which == "another's":
            spend(anna, leave=0)
            out_of_energy(road, anna)
            which = f"{Impression.objects.get().pk}:ENERGY_10"
            anna = newcomer(road)
        road.say(anna, "/start")

        tap(road, anna, f"{verb}:{which}"[:64])

        assert toast(road, anna) == "This offer is over. The /shop shows what there is now."
        assert not Impression.objects.exclude(clicked_at=None, dismissed_at=None, muted_at=None)

    def test_what_costs_more_meanwhile_is_shown_with_its_price(self, road: Road, anna: int) -> None:
        spend(anna, leave=0)
        screen = out_of_energy(road, anna)
        Product.objects.filter(pk="ENERGY_10").update(stars=7)

        page = tap(road, anna, data(screen)[1])

        assert toast(road, anna).startswith("The price has changed.")
        assert page["text"].startswith("🛍 10 energy points · ⭐ 7")
        assert Purchase.objects.count() == 0

    def test_what_the_player_has_meanwhile_is_refused_kindly(self, road: Road, anna: int) -> None:
        spend(anna, leave=0)
        screen = out_of_energy(road, anna)
        grant(anna, Goods(premium=Plan.YEAR, premium_days=365), now=NOON, key="year")

        tap(road, anna, data(screen)[3])

        assert toast(road, anna) == "You have a higher Premium plan at the moment."
        assert entitlements.premium_at(player=row(anna), at=NOON) == Plan.YEAR


class TestWeekend:
    @pytest.fixture
    def campaign(self, noon: time_machine.Traveller) -> Campaign:
        """Return a campaign of this weekend."""
        return running(is_weekend_offer=True, scope="PREMIUM_ANY")

    def test_from_the_offer_to_the_price_on_the_invoice(
        self, road: Road, anna: int, campaign: Campaign, noon: time_machine.Traveller
    ) -> None:
        noon.move_to(FRIDAY)
        road.say(anna, "/start")
        travel(road)
        offer = road.sandbox.last_message(anna)

        held = tap(road, anna, data(offer)[0])
        tap(road, anna, data(held)[1])
        checkout = pay(road, anna)
        travel(road)

        assert offer["text"] == (
            "🎉 Only this weekend: −40 %\n\n"
            "Premium Starter · ⭐ 29 ⭐ 18\n👑 Premium Starter: 7 days\n\n"
            "Premium Month · ⭐ 99 ⭐ 60\n👑 Premium Month: 30 days\n\n"
            "Premium Season · ⭐ 249 ⭐ 150\n👑 Premium Season: 90 days\n\n"
            "Premium Year · ⭐ 499 ⭐ 300\n👑 Premium Year: 365 days\n\n"
            "Until 22 Nov 2026, 23:59 at the latest, and while there is any left. When you take "
            "it, the price is kept for you for 15 minutes."
        )
        assert labels(offer) == ["🎉 Take −40 %", "Not now", "🔕 Do not show for 3 days"]
        assert held["text"] == (
            "🎉 The discount is yours.\n🏷 −40 % · 15 minutes left\n\n"
            "Premium Starter · ⭐ 29 ⭐ 18\nPremium Month · ⭐ 99 ⭐ 60\n"
            "Premium Season · ⭐ 249 ⭐ 150\nPremium Year · ⭐ 499 ⭐ 300"
        )
        purchase = Purchase.objects.get()
        assert checkout["state"] == "paid"
        assert (purchase.product_id, purchase.paid_stars) == ("PREMIUM_MONTH", 60)
        assert purchase.attribution.impression.campaign == campaign
        assert Redemption.objects.get().status == "APPLIED"

    def test_one_that_was_ended_meanwhile(
        self, road: Road, anna: int, campaign: Campaign, noon: time_machine.Traveller
    ) -> None:
        noon.move_to(FRIDAY)
        road.say(anna, "/start")
        travel(road)
        offer = road.sandbox.last_message(anna)
        campaigns.end(campaign_id=campaign.pk, reason="Enough.", now=FRIDAY, staff=None)

        answer = tap(road, anna, data(offer)[0])

        assert answer["text"].startswith("⌛ This offer is over.")
        assert labels(answer) == ["▶️ Play", "◀️ Back"]

    def test_on_monday_it_is_over(
        self, road: Road, anna: int, campaign: Campaign, noon: time_machine.Traveller
    ) -> None:
        noon.move_to(FRIDAY)
        road.say(anna, "/start")
        travel(road)
        offer = road.sandbox.last_message(anna)
        noon.move_to(datetime(2026, 11, 22, 23, tzinfo=UTC))

        tap(road, anna, data(offer)[0])

        assert toast(road, anna) == "This offer is over. The /shop shows what there is now."
        assert not Redemption.objects.exists()


class TestLanguages:
    @pytest.mark.parametrize(
        ("language", "begin", "buttons_"),
        [
            ("de", "🪫 Noch 3 Energiepunkte.", ["Jetzt nicht", "🔕 3 Tage nicht zeigen"]),
            ("uk", "🪫 Залишилося 3 одиниці енергії.", ["Не зараз", "🔕 Не показувати 3 дні"]),
        ],
    )
    def test_in_the_players_language(
        self,
        road: Road,
        noon: time_machine.Traveller,
        language: str,
        begin: str,
        buttons_: list[str],
    ) -> None:
        player = before(road, noon, language=language)
        spend(player, leave=3)
        road.say(player, "/start")
        travel(road)

        offer = road.sandbox.last_message(player)

        assert offer["text"].startswith(begin)
        assert labels(offer)[1:] == buttons_


def grant(player: int, goods: Goods, *, now: datetime, key: str) -> LedgerEntry:
    """Give the player something."""
    entry, _ = grants.grant(
        player=Player.objects.get(telegram_id=player),
        goods=goods,
        type=EntryType.PRIZE,
        source=Source.SYSTEM,
        key=key,
        now=now,
    )
    return entry
