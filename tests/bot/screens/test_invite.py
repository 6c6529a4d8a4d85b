"""Inviting, from the link to the reward and to its end, through the sandbox over HTTP."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.utils import timezone

from bot.queue import intake
from bot.tasks import send_notices
from economy.models import LedgerEntry, PremiumSpan, Wallet
from promos import tasks
from promos.models import Inviter, Referral, ReferralReward
from quizarena.players.models import Player
from tests.bot.screens.buyers import newcomer, notify, row, statements, tap, texts, toast, travel
from tests.conftest import Road
from tests.promos.invitations import HOUR, answer, judge, offered, play, qualified
from tests.sandbox import buttons

Json = dict[str, Any]

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 11, 22, 13, tzinfo=BERLIN)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    """Begin on a Sunday in November, at noon; the time passes on its own."""
    with time_machine.travel(NOON) as clock:
        yield clock


def say(road: Road, player: int, text: str) -> Json:
    """Let the player write, and return the bot's last message."""
    road.sandbox.say(player, text)
    travel(road)
    return road.sandbox.last_message(player)


def inviter(road: Road) -> tuple[int, Inviter]:
    """Return Anna, who has asked for her link."""
    anna = newcomer(road)
    say(road, anna, "/invite")
    return anna, Inviter.objects.get(player=row(anna))


def come(road: Road, inviter: Inviter, name: str = "Oleh", *, language: str = "en") -> int:
    """Let somebody new follow the link; return the Telegram id."""
    player = road.sandbox.add_player(name, language_code=language)
    road.sandbox.follow_link(player, f"ref_{inviter.code}")
    travel(road)
    return player


def labels(message: Json) -> list[str]:
    """Return what stands on the buttons."""
    return [button["text"] for button in buttons(message)]


class TestThePage:
    def test_the_link_can_be_shared_and_copied(self, road: Road) -> None:
        anna, she = inviter(road)

        page = road.sandbox.last_message(anna)

        link = f"https://t.me/quizarena_bot?start=ref_{she.code}"
        assert link in page["text"]
        assert labels(page) == ["📨 Send to a friend", "📋 Copy the link", "◀️ Back"]
        share, copy, _back = buttons(page)
        assert share["url"].startswith("https://t.me/share/url?")
        assert parse_qs(urlsplit(share["url"]).query) == {
            "url": [link],
            "text": ["I am learning German with Quiz Arena. Play along!"],
        }
        assert copy["copy_text"] == {"text": link}

    def test_the_page_of_somebody_who_has_invited_nobody(self, road: Road) -> None:
        anna, she = inviter(road)

        assert road.sandbox.last_message(anna)["text"] == (
            "🤝 Invite your friends\n\n"
            "For every 3 friends who come by your link and answer 20 questions on 2 days, all "
            "within 14 days, you get a reward of your choice:\n"
            "• 🔋 15 energy points · 🔓 24 h: Cases, Separable verbs, Word order\n"
            "• 👑 Premium Starter: 7 days\n\n"
            f"https://t.me/quizarena_bot?start=ref_{she.code}\n\n"
            "The next reward\n○○○ 0 of 3 friends"
        )

    def test_the_button_on_the_first_screen_leads_there_and_back(self, road: Road) -> None:
        anna = newcomer(road)

        assert tap(road, anna, "invite")["text"].startswith("🤝 Invite your friends")
        assert tap(road, anna, "home")["text"].startswith("👋 Hello, Anna!")

    def test_friends_on_their_way_and_those_who_count(self, road: Road) -> None:
        anna, she = inviter(road)
        qualified(she, now=timezone.now() + HOUR)
        come(road, she, "O<leh")
        answer(Player.objects.get(first_name="O<leh"), 13, at=timezone.now())

        page = say(road, anna, "/invite")["text"]

        assert "The next reward\n●○○ 1 of 3 friends" in page
        assert "On their way\nO<leh ●●●○○ 13 of 20 questions, 1 of 2 days · until 6 Dec" in page

    def test_what_is_coming_and_when(self, road: Road, clock: time_machine.Traveller) -> None:
        anna, she = inviter(road)
        for _ in range(3):
            offered(she, now=NOON)
        qualified(she, 3, now=NOON)
        clock.move_to(NOON + HOUR)
        for number in (1, 2):
            tap(road, anna, f"reward:{number}:PREMIUM_7")

        page = say(road, anna, "/invite")

        assert page["text"].endswith(
            "📅 Reward 3 waits until 1 Dec, 00:00 at least: there are 2 a month.\n"
            "⏳ Reward 4 is yours to choose from 24 Nov, 13:00 on.\n\n"
            "🎉 2 rewards chosen so far, 2 of 2 this month."
        )
        assert labels(page)[0] == "📨 Send to a friend"

    @pytest.mark.parametrize(
        ("language", "more"),
        [
            ("en", "and 4 more rewards"),
            ("de", "und 4 weitere Belohnungen"),
            ("uk", "та ще 4 винагороди"),
        ],
    )
    def test_of_many_rewards_the_first_few(self, road: Road, language: str, more: str) -> None:
        anna = newcomer(road, language=language)
        say(road, anna, "/invite")
        she = Inviter.objects.get()
        for day in range(3):
            qualified(she, 9, now=NOON - 3 * DAY - day * DAY)

        page = say(road, anna, "/invite")

        assert page["text"].splitlines()[-6].startswith("🎁")
        assert page["text"].endswith(f"\n{more}")
        choices = [button["callback_data"] for button in buttons(page)[:-3]]
        assert choices == [
            "reward:1:MEGA_PACK_15", "reward:1:PREMIUM_7",
            "reward:2:MEGA_PACK_15", "reward:2:PREMIUM_7",
        ]  # fmt: skip

    def test_in_german_and_in_ukrainian(self, road: Road) -> None:
        for language, begins in (("de", "🤝 Lade deine Freunde ein"), ("uk", "🤝 Запроси друзів")):
            player = newcomer(road, language=language)

            assert say(road, player, "/invite")["text"].startswith(begins)


class TestComing:
    def test_who_comes_is_greeted_with_the_name_of_the_inviter(self, road: Road) -> None:
        _anna, she = inviter(road)

        oleh = come(road, she)

        assert texts(road, oleh)[-2].startswith(
            "👋 Hello, Oleh!\n\nAnna has invited you to Quiz Arena."
        )
        assert texts(road, oleh)[-1] == "🌍 Which language shall I speak with you?"
        assert Referral.objects.get().invited == row(oleh)

    def test_the_same_update_twice_changes_nothing(self, road: Road) -> None:
        _, she = inviter(road)
        oleh = road.sandbox.add_player("Oleh", language_code="en")
        road.sandbox.follow_link(oleh, f"ref_{she.code}")
        [update] = road.sandbox.call("getUpdates", offset=road._offset)

        for _ in range(2):
            intake.arrive(raw=json.dumps(update).encode(), now=timezone.now())
            road.work()
        travel(road)

        assert Referral.objects.count() == 1
        assert len(texts(road, oleh)) == 3

    def test_a_second_start_is_never_bound(self, road: Road) -> None:
        _, she = inviter(road)
        oleh = newcomer(road)

        road.sandbox.follow_link(oleh, f"ref_{she.code}")
        travel(road)

        assert texts(road, oleh)[-1].startswith("👋 Hello again, Anna!")
        assert not Referral.objects.exists()

    def test_a_first_start_by_a_promo_code_is_a_first_start(self, road: Road) -> None:
        _, she = inviter(road)
        oleh = road.sandbox.add_player("Oleh", language_code="en")
        road.sandbox.follow_link(oleh, "promo_NOTHING")
        travel(road)

        road.sandbox.follow_link(oleh, f"ref_{she.code}")
        travel(road)

        assert not Referral.objects.exists()

    @pytest.mark.parametrize(
        ("language", "begin", "word"),
        [
            ("en", "👋 Hello again, Ben!", "it does not count for a reward"),
            ("de", "👋 Hallo noch mal, Ben!", "zählt sie für keine Belohnung"),
            ("uk", "👋 Знову привіт, Ben!", "не зараховується для винагороди"),
        ],
    )
    def test_who_plays_already_hears_that_it_does_not_count(
        self, road: Road, language: str, begin: str, word: str
    ) -> None:
        _, she = inviter(road)
        ben = road.sandbox.add_player("Ben", language_code=language)
        say(road, ben, "/start")

        answer = say(road, ben, f"/start ref_{she.code}")["text"]

        assert answer.startswith(begin)
        assert "Anna" in answer
        assert word in answer
        assert not Referral.objects.exists()

    def test_who_came_by_the_link_and_taps_it_again_is_greeted(self, road: Road) -> None:
        _, she = inviter(road)
        oleh = come(road, she)

        answer = say(road, oleh, f"/start ref_{she.code}")["text"]

        assert answer.startswith("👋 Hello, Oleh!")

    def test_ones_own_link_is_for_others(self, road: Road) -> None:
        anna, she = inviter(road)

        answer = say(road, anna, f"/start ref_{she.code}")["text"]

        assert answer.startswith("🔗 This is your own link.")

    def test_a_link_that_nobody_has(self, road: Road) -> None:
        oleh = road.sandbox.add_player("Oleh", language_code="en")
        road.sandbox.follow_link(oleh, "ref_AAAAAAAAAA")
        travel(road)

        assert texts(road, oleh)[-2].startswith("👋 Hello, Oleh!\n\nWelcome to Quiz Arena.")

    def test_ones_own_link_before_the_first_start(self, road: Road) -> None:
        oleh = road.sandbox.add_player("Oleh", language_code="en")
        say(road, oleh, "/invite")
        road.sandbox.follow_link(oleh, f"ref_{Inviter.objects.get().code}")
        travel(road)

        assert texts(road, oleh)[-2].startswith("👋 Hello, Oleh!\n\nWelcome to Quiz Arena.")
        assert Referral.objects.get().status == "REJECTED_FRAUD"


class TestTheChoice:
    """The inherited scenario: the choice by callback, the claim, and the callback once more."""

    def test_choice_claim_and_the_same_callback_again(self, road: Road) -> None:
        anna, she = inviter(road)
        offered(she, now=NOON)
        page = say(road, anna, "/invite")
        assert labels(page)[:2] == ["1 · 🔋 Mega Pack", "1 · 👑 7 days Premium"]

        first = tap(road, anna, "reward:1:MEGA_PACK_15")
        again = tap(road, anna, "reward:1:MEGA_PACK_15")

        assert first["text"].startswith(
            "🎁 Your reward 1 is here. Thank you for inviting!\n"
            "🔋 15 energy points\n🔓 24 h: Cases, Separable verbs, Word order\n\nYou have now\n"
            "🔋 Paid energy: 15"
        )
        assert again["text"] == first["text"]
        assert toast(road, anna) == "You have chosen already – here is what you got."
        assert LedgerEntry.objects.filter(type="REFERRAL_REWARD").count() == 1
        assert Wallet.objects.get(player=row(anna)).paid_energy == 15

    def test_ten_taps_before_the_first_answer(self, road: Road) -> None:
        anna, she = inviter(road)
        offered(she, now=NOON)
        page = say(road, anna, "/invite")
        for _ in range(10):
            road.sandbox.tap(anna, "reward:1:PREMIUM_7", message_id=page["message_id"])
        travel(road)
        travel(road)

        assert PremiumSpan.objects.count() == 1
        assert LedgerEntry.objects.filter(type="REFERRAL_REWARD").count() == 1

    def test_the_other_choice_afterwards_shows_what_was_given(self, road: Road) -> None:
        anna, she = inviter(road)
        offered(she, now=NOON)
        say(road, anna, "/invite")
        tap(road, anna, "reward:1:PREMIUM_7")

        answer = tap(road, anna, "reward:1:MEGA_PACK_15")

        assert "👑 Premium Starter: 7 days" in answer["text"]
        assert not Wallet.objects.get(player=row(anna)).paid_energy

    def test_statements_of_a_choice(self, road: Road) -> None:
        anna, she = inviter(road)
        for _number in (1, 2):
            offered(she, now=NOON)
        say(road, anna, "/invite")
        tap(road, anna, "reward:1:PREMIUM_7")

        messages = [it for it in road.sandbox.chat(anna) if "reply_markup" in it]
        road.sandbox.tap(anna, "reward:2:PREMIUM_7", message_id=messages[-1]["message_id"])

        assert statements(road) <= 22

    @pytest.mark.parametrize(
        "data", ["reward:x:PREMIUM_7", "reward:1:A_PONY", "reward:9999999999:PREMIUM_7"]
    )
    def test_a_button_that_is_none_of_ours(self, road: Road, data: str) -> None:
        anna, _ = inviter(road)

        tap(road, anna, data)

        assert toast(road, anna).startswith("This button is no longer valid.")

    def test_too_early(self, road: Road) -> None:
        anna, she = inviter(road)
        qualified(she, 3, now=NOON)

        tap(road, anna, "reward:1:PREMIUM_7")

        assert toast(road, anna) == "This reward is ready on 24 Nov, 13:00."

    def test_a_reward_that_is_none(self, road: Road) -> None:
        anna, _ = inviter(road)

        tap(road, anna, "reward:1:PREMIUM_7")

        assert toast(road, anna) == (
            "This reward is not there any more. /invite shows what you have."
        )


def remind(road: Road) -> None:
    """Let the bot say what it says by day, as far as the day has places."""
    send_notices(transactional=False)
    travel(road)


class TestBeingTold:
    def test_the_whole_way(self, road: Road, clock: time_machine.Traveller) -> None:
        """Three friends come, play, and count; two days later the reward can be chosen."""
        anna, she = inviter(road)
        for name in ("Oleh", "Emma", "Ivan"):
            come(road, she, name)
        for referral in Referral.objects.all():
            play(referral)
        clock.move_to(NOON + 2 * DAY)
        assert tasks.check_referrals() == 3
        remind(road)
        friends = texts(road, anna)[-1]
        clock.move_to(NOON + 4 * DAY + HOUR)
        assert tasks.offer_referral_rewards() == 1
        remind(road)
        ready = road.sandbox.last_message(anna)
        chosen = tap(road, anna, "reward:1:PREMIUM_7")

        assert friends == "\n\n".join(
            f"🤝 {name} plays along!\n●●● That makes a reward. In 48 hours you can choose it; "
            "/invite shows it."
            for name in ("Oleh", "Emma", "Ivan")
        )
        assert ready["text"] == (
            "🎁 Reward 1 for your invitations is ready. Choose:\n"
            "• 🔋 15 energy points · 🔓 24 h: Cases, Separable verbs, Word order\n"
            "• 👑 Premium Starter: 7 days"
        )
        assert labels(ready) == ["1 · 🔋 Mega Pack", "1 · 👑 7 days Premium", "🤝 Invite"]
        assert chosen["text"].startswith("🎁 Your reward 1 is here.")

    def test_of_the_first_friend_with_dots(self, road: Road) -> None:
        anna, she = inviter(road)
        qualified(she, now=NOON)

        remind(road)

        assert texts(road, anna)[-1] == "🤝 Anna plays along!\n●○○ 1 of 3 friends"

    def test_deferred_and_released(self, road: Road, clock: time_machine.Traveller) -> None:
        anna, she = inviter(road)
        for _ in range(3):
            offered(she, now=NOON)
        remind(road)
        deferred = texts(road, anna)[-1]
        say(road, anna, "/invite")
        for number in (1, 2):
            tap(road, anna, f"reward:{number}:PREMIUM_7")
        tap(road, anna, "reward:3:PREMIUM_7")
        refusal = toast(road, anna)
        clock.move_to(datetime(2026, 12, 1, 0, 5, tzinfo=BERLIN))
        tasks.offer_referral_rewards()
        clock.move_to(datetime(2026, 12, 1, 8, 0, tzinfo=BERLIN))
        remind(road)

        assert deferred.endswith(
            "📅 Reward 3 waits for you.\nThere are 2 a month. It has its turn on 1 Dec, 00:00 "
            "at the earliest; I will tell you."
        )
        assert refusal == (
            "There are 2 rewards a month. This one waits for you, until 1 Dec, 00:00 at least."
        )
        assert texts(road, anna)[-1].startswith("🎁 Reward 3 for your invitations is ready.")

    def test_what_was_taken_back(self, road: Road) -> None:
        anna, she = inviter(road)
        reward = offered(she, now=NOON)
        say(road, anna, "/invite")
        tap(road, anna, "reward:1:MEGA_PACK_15")

        judge(reward.referrals.all()[0], "confirm fraud", now=timezone.now())
        notify(road)

        assert texts(road, anna)[-1] == (
            "↩️ Reward 1 for your invitations was withdrawn.\n"
            "One of the three invitations does not count. The others count for your next reward."
            "\n\nRemoved\n🔋 15 energy points\n🔓 24 h: Cases, Separable verbs, Word order\n\n"
            "Questions? Use /paysupport."
        )

    def test_what_the_page_shows_is_not_sent_again(self, road: Road) -> None:
        anna, she = inviter(road)
        offered(she, now=NOON)
        page = say(road, anna, "/invite")

        remind(road)

        assert texts(road, anna)[-1] == page["text"]

    def test_a_reward_that_was_chosen_meanwhile_is_not_announced(self, road: Road) -> None:
        anna, she = inviter(road)
        offered(she, now=NOON)
        tap(road, anna, "reward:1:PREMIUM_7")
        before = len(texts(road, anna))

        remind(road)

        assert len(texts(road, anna)) == before
        assert ReferralReward.objects.get().notices.get().notified_at is not None
