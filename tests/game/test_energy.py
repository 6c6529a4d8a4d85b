"""What a round costs, and what the player sees of it, tap by tap through the sandbox."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from economy import wallets
from economy.goods import Goods, Plan
from economy.grants import grant
from economy.models import EntryType, LedgerEntry, Source, Wallet
from quizarena.game import rounds
from quizarena.game.models import Question, Round, RoundQuestion
from quizarena.players.models import Player
from tests.conftest import Road
from tests.game import challenges
from tests.game.test_round import bank, labels, right

__all__ = ["bank"]

# 12:00 in Berlin.
NOON = datetime(2026, 11, 2, 11, tzinfo=UTC)


@pytest.fixture
def clock() -> Any:
    """Stop the clock at noon; `clock.shift` moves it."""
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


def begin(road: Road, clock: Any) -> tuple[int, Player, dict[str, Any]]:
    """Let Anna enter and start a round; return her Telegram id, her row and the first question."""
    anna = road.sandbox.add_player("Anna", language_code="en")
    road.say(anna, "/play")
    question = road.tap(anna, "Quick mix")
    return anna, Player.objects.get(telegram_id=anna), question


def spend(player: Player, count: int) -> None:
    """Use up so many points of energy."""
    for number in range(count):
        wallets.charge_question(player=player, key=f"spent:{number}", now=NOON)


def give(player: Player, **goods: Any) -> None:
    """Grant goods at noon."""
    grant(
        player=player,
        goods=Goods(**goods),
        type=EntryType.PRIZE,
        source=Source.SYSTEM,
        key="prize",
        now=NOON,
    )


def test_every_question_costs_one_energy_and_shows_what_is_left(road: Road, clock: Any) -> None:
    anna, player, first = begin(road, clock)

    second = road.tap(anna, right(first))

    assert "⚡ 19/20 · next point in 30 minutes" in first["text"]
    assert "⚡ 18/20 · next point in 30 minutes" in second["text"]
    entries = LedgerEntry.objects.filter(player=player, type="QUESTION")
    assert [entry.amount for entry in entries] == [1, 1]
    assert Wallet.objects.get(player=player).free_energy == 18


def test_a_start_that_is_tapped_twice_costs_one_energy(road: Road, clock: Any) -> None:
    anna = road.sandbox.add_player("Anna", language_code="en")
    menu = road.say(anna, "/play")
    road.sandbox.tap(anna, "Quick mix")
    road.sandbox.tap(anna, "Quick mix", message_id=menu["message_id"])
    road.travel()

    assert Round.objects.count() == 1
    assert LedgerEntry.objects.filter(type="QUESTION").count() == 1


def test_the_last_seconds_before_a_point_are_under_a_minute(road: Road, clock: Any) -> None:
    anna, _, first = begin(road, clock)
    clock.shift(timedelta(minutes=29, seconds=1))

    second = road.tap(anna, right(first))

    assert "next point in less than a minute" in second["text"]


def test_without_energy_nothing_starts_and_the_screen_says_when_it_comes_back(
    road: Road, clock: Any
) -> None:
    anna = road.sandbox.add_player("Anna", language_code="en")
    road.say(anna, "/play")
    spend(Player.objects.get(telegram_id=anna), 20)

    screen = road.tap(anna, "Quick mix")

    assert "Your energy is used up." in screen["text"]
    assert "⚡ The next point comes in 30 minutes." in screen["text"]
    assert "🔋 All 20 points are back in 10 h, by 00:00 at the latest." in screen["text"]
    assert labels(screen)[:4] == [
        "📅 Daily challenge",
        "10 energy points · ⭐ 5",
        "Mega Pack · ⭐ 15",
        "Premium Month · ⭐ 99",
    ]
    assert not Round.objects.exists()


def test_a_second_time_within_hours_it_says_so_and_offers_nothing(road: Road, clock: Any) -> None:
    anna = road.sandbox.add_player("Anna", language_code="en")
    road.say(anna, "/play")
    spend(Player.objects.get(telegram_id=anna), 20)
    road.tap(anna, "Quick mix")
    road.say(anna, "/play")

    screen = road.tap(anna, "Quick mix")

    assert "Your energy is used up." in screen["text"]
    assert labels(screen) == ["📅 Daily challenge", "🛍 Shop", "◀️ Back"]


@pytest.mark.parametrize("answered", [0, 6, 7])
def test_what_is_free_comes_first_unless_it_is_finished(
    road: Road, clock: Any, answered: int
) -> None:
    anna, player, _ = begin(road, clock)
    spend(player, 19)
    if answered:
        challenges.play(player, [True] * answered, started=NOON, now=NOON)
    rounds.refund_question(round_question_id=RoundQuestion.objects.get().pk, now=NOON)
    wallets.charge_question(player=player, key="spent", now=NOON)
    road.say(anna, "/play")
    road.tap(anna, "Article sprint")
    road.say(anna, "/play")

    screen = road.tap(anna, "Article sprint")

    is_open = answered < 7
    assert screen["text"].split("\n") == [
        "🪫 Your energy is used up.",
        "",
        *(["📅 Today's daily challenge costs no energy."] if is_open else []),
        "⚡ The next point comes in 30 minutes.",
        "🔋 All 20 points are back in 10 h, by 00:00 at the latest.",
        "",
        "Your answers so far are kept. See you soon!",
    ]
    free = ["📅 Daily challenge"] if is_open else []
    assert labels(screen) == [*free, "🛍 Shop", "◀️ Back"]


@pytest.mark.parametrize("answered", [0, 7])
def test_where_a_round_ends_for_want_of_energy_what_is_free_comes_first(
    road: Road, clock: Any, answered: int
) -> None:
    anna, player, first = begin(road, clock)
    spend(player, 19)
    if answered:
        challenges.play(player, [True] * answered, started=NOON, now=NOON)

    road.tap(anna, right(first))

    last = road.sandbox.chat(anna)[-2]
    is_open = answered < 7
    free = ["📅 Daily challenge"] if is_open else []
    assert labels(last) == [
        *free,
        "🛍 Shop",
        "🔁 Play again",
        "🎯 Choose another mode",
        "🚩 Report",
        "⭐ Save question 1",
    ]
    assert ("📅 Today's daily challenge costs no energy.\n⚡ The next" in last["text"]) is is_open


def test_what_is_free_leads_to_the_daily_challenge(road: Road, clock: Any) -> None:
    anna = road.sandbox.add_player("Anna", language_code="en")
    road.say(anna, "/play")
    spend(Player.objects.get(), 20)
    road.tap(anna, "Quick mix")

    page = road.tap(anna, "📅 Daily challenge")

    assert page["text"].startswith("📅 Daily challenge\n\n7 questions")


def test_a_round_ends_kindly_when_the_energy_does(road: Road, clock: Any) -> None:
    anna, player, first = begin(road, clock)
    spend(player, 19)

    road.tap(anna, right(first))

    last, offer = road.sandbox.chat(anna)[-2:]
    assert "Would you rather go on right away?" in offer["text"]
    assert "🟩\n1 of 1 question right" in last["text"]
    assert "Your energy is used up." in last["text"]
    assert Round.objects.get().state == "FINISHED"
    assert Wallet.objects.get(player=player).free_energy == 0


def test_premium_plays_without_writing_anything(road: Road, clock: Any) -> None:
    anna = road.sandbox.add_player("Anna", language_code="en")
    road.say(anna, "/play")
    player = Player.objects.get(telegram_id=anna)
    spend(player, 20)
    give(player, premium=Plan.MONTH, premium_days=30)
    before = LedgerEntry.objects.count()

    question = road.tap(anna, "Quick mix")
    road.tap(anna, right(question))

    assert "👑 Premium: unlimited energy" in question["text"]
    assert LedgerEntry.objects.count() == before
    assert RoundQuestion.objects.count() == 2


def test_a_locked_mode_says_why_and_opens_with_a_mega_pack(road: Road, clock: Any) -> None:
    anna = road.sandbox.add_player("Anna", language_code="en")
    menu = road.say(anna, "/play")
    locked = road.tap(anna, "🔒 Cases")
    road.say(anna, "/play")
    road.tap(anna, "🔒 Cases")
    toasts = [toast["text"] for toast in road.sandbox.toasts(anna)]
    give(Player.objects.get(), mode_codes=("CASES_PRACTICE",), mode_hours=24)

    opened = road.say(anna, "/play")

    assert labels(menu)[3:6] == ["🔒 Cases", "🔒 Separable verbs", "🔒 Word order"]
    # Offered is what opens it, and a second time within hours nothing.
    assert "Mega Pack · ⭐ 15" in labels(locked)
    assert toasts == ["🔒 “Cases” is open with Premium or after a Mega Pack."] * 2
    assert labels(opened)[3:5] == ["Cases", "🔒 Separable verbs"]
    assert not Round.objects.exists()


@pytest.mark.parametrize("language", ["de", "en", "uk"])
@pytest.mark.parametrize(
    ("goods", "days", "says"),
    [
        ({"mode_codes": ("TRENNBARE_VERBEN",), "mode_hours": 24}, 1, "Your access ended on 3 Nov"),
        ({"premium": Plan.STARTER, "premium_days": 7}, 7, "Your Premium ended on 9 Nov"),
    ],
)
def test_a_mode_that_was_open_says_since_when_it_is_not(
    road: Road, clock: Any, language: str, goods: dict[str, Any], days: int, says: str
) -> None:
    anna = road.sandbox.add_player("Anna", language_code=language)
    road.say(anna, "/play")
    give(Player.objects.get(), **goods)
    clock.shift(timedelta(days=days))
    locked = labels(road.say(anna, "/play"))[4]
    road.tap(anna, locked)
    road.say(anna, "/play")

    road.tap(anna, locked)

    toast = road.sandbox.toasts(anna)[-1]["text"]
    assert len(toast) <= 200
    if language == "en":
        assert toast == (
            f"🔒 {says}, 12:00. “Separable verbs” is open with Premium or after a Mega Pack."
        )
    else:
        stop = "." if language == "de" else ""
        assert f"{days + 2:02}.11{stop} 12:00" in toast


def test_a_round_that_ends_with_its_access_says_so(road: Road, clock: Any) -> None:
    Question.objects.filter(category="ARTIKEL_SPRINT").update(category="CASES_PRACTICE")
    anna = road.sandbox.add_player("Anna", language_code="en")
    road.say(anna, "/start")
    give(Player.objects.get(), mode_codes=("CASES_PRACTICE",), mode_hours=24)
    road.say(anna, "/play")
    question = road.tap(anna, "Cases")
    clock.shift(timedelta(days=1))

    last = road.tap(anna, right(question))

    assert "🔒 Your access ended on 3 Nov, 12:00. “Cases” is open with" in last["text"]
    assert Round.objects.get().state == "FINISHED"


def test_the_wallet_shows_what_is_owned_and_what_moved_page_by_page(road: Road, clock: Any) -> None:
    anna, player, _ = begin(road, clock)
    spend(player, 10)

    wallet = road.say(anna, "/wallet")
    older = road.tap(anna, "⬇️ Older")

    assert "⚡ 9/20 · next point in 30 minutes" in wallet["text"]
    assert wallet["text"].count("Question · −1 ⚡") == 8
    assert "2 Nov, 12:00 · Welcome · +20 ⚡" in older["text"]
    # Two that are of no round, and the one of the round that has begun.
    assert older["text"].count("Question · −1 ⚡") == 2
    assert "2 Nov, 12:00 · Quick mix · −1 ⚡" in older["text"]
    assert "⬇️ Older" not in labels(older)


def test_the_questions_of_a_round_are_one_line_of_the_wallet(road: Road, clock: Any) -> None:
    anna, _, question = begin(road, clock)
    for _ in range(9):
        # A point comes back meanwhile: it is no part of the price.
        clock.shift(timedelta(minutes=31))
        question = road.tap(anna, right(question))
    road.tap(anna, right(question))
    road.say(anna, "/play")
    road.tap(anna, "Article sprint")

    wallet = road.say(anna, "/wallet")

    activity = wallet["text"].split("Recent activity\n")[1].split("\n")
    assert activity == [
        "2 Nov, 16:39 · Article sprint · −1 ⚡",
        "2 Nov, 16:39 · Quick mix · −10 ⚡",
        "2 Nov, 12:00 · Welcome · +20 ⚡",
    ]


def test_paid_energy_is_shown_under_premium_and_what_is_open_until_when(
    road: Road, clock: Any
) -> None:
    anna, player, _ = begin(road, clock)
    give(
        player,
        paid_energy=15,
        mode_codes=("WORD_ORDER",),
        mode_hours=24,
        premium=Plan.STARTER,
        premium_days=7,
    )

    wallet = road.say(anna, "/wallet")["text"]

    assert "👑 Premium: unlimited energy\n🔋 Paid energy: 15\n" in wallet
    assert "🔓 Word order: until 3 Nov 2026, 12:00" in wallet


def test_the_statistics_show_the_streak_and_how_well_one_answers(road: Road, clock: Any) -> None:
    anna, _, first = begin(road, clock)

    second = road.tap(anna, right(first))
    stats = road.say(anna, "/stats")

    assert "🔥 Streak: 1 day" in second["text"]
    assert "🔥 Streak: 1 day · best: 1" in stats["text"]
    assert "Quick mix: 100 % (1/1)\nA1: 100 % (1/1)" in stats["text"]


def test_the_third_answer_of_a_day_costs_fourteen_statements(
    road: Road, clock: Any, django_assert_max_num_queries: Any
) -> None:
    anna, _, first = begin(road, clock)
    second = road.tap(anna, right(first))
    third = road.tap(anna, right(second))
    # One of them looks at the level, and one is for the points, which nobody gets who has not read
    # the question.
    clock.shift(timedelta(seconds=1))
    road.sandbox.tap(anna, right(third))
    road.fetch()

    # The claim, the update itself, and the claim that finds nothing more.
    with django_assert_max_num_queries(14 + 1 + 2):
        road.work()
