"""An article sprint, tap by tap, through the sandbox over HTTP."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from bot.queue.models import OutgoingCall
from economy import wallets
from economy.models import Wallet
from quizarena.game.models import (
    Question,
    QuestionReport,
    Round,
    Sprint,
    SprintAnswer,
    SprintQuestion,
)
from tests.bot.screens.buyers import newcomer, row, tap, toast
from tests.conftest import Road
from tests.game.carded import make_card as make_rule_card
from tests.game.played import TODAY, answer_daily, draw_day
from tests.game.reviewing import make_card
from tests.game.test_round import labels
from tests.game.test_sprints import make_nouns
from tests.sandbox import buttons

Json = dict[str, Any]

NOON = datetime(2026, 12, 16, 11, tzinfo=UTC)
SECOND = timedelta(seconds=1)
STALE = "This button is no longer valid. Send /play for a new round!"


@pytest.fixture(autouse=True)
def _bank(db: None) -> None:
    make_nouns()


def data(message: Json, label: str) -> str:
    """Return what the button with this label sends."""
    (found,) = [one["callback_data"] for one in buttons(message) if one["text"] == label]
    return str(found)


def start(road: Road, player: int) -> Json:
    """Let the player go through the menu to a sprint; return its first question."""
    menu = tap(road, player, "menu")
    page = tap(road, player, data(menu, labels(menu)[2]))
    return tap(road, player, data(page, "⏱ 60-second sprint"))


def test_from_the_menu_to_the_result(road: Road) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        anna = newcomer(road)

        menu = tap(road, anna, "menu")
        page = tap(road, anna, data(menu, labels(menu)[2]))
        first = tap(road, anna, data(page, "⏱ 60-second sprint"))
        clock.shift(4)
        second = tap(road, anna, data(first, "der"))
        clock.shift(13)
        third = tap(road, anna, data(second, "die"))
        clock.shift(60)
        over = tap(road, anna, data(third, "der"))

    assert page["text"] == (
        "⏱ Article sprint\n\nder, die or das? As many nouns as you can in 60 seconds. A sprint "
        "costs 1 energy, however many questions it has.\n\nPractice is a round of ten questions "
        "with explanations, at your own pace."
    )
    assert labels(page) == ["⏱ 60-second sprint", "📚 Practice", "◀️ Back"]
    assert labels(first) == ["der", "die", "das", "⏹ Stop"]
    assert first["text"].startswith("⏱ 60 s · ✅ 0/0\n\nWelcher Artikel gehört zu „Wort ")
    assert first["text"].endswith("⚡ 19/20 · next point in 30 minutes")
    assert second["text"].startswith("✅ Welcher Artikel gehört zu „Wort ")
    assert "\n\n⏱ 56 s · ✅ 1/1\n\nWelcher" in second["text"]
    assert third["text"].startswith("❌ Welcher Artikel gehört zu „Wort ")
    assert "“? – der\n\n⏱ 43 s · ✅ 1/2\n\nWelcher" in third["text"]
    assert toast(road, anna) == "⏱ Time is up!"
    assert over["text"].startswith(
        "⏱ The sprint is over.\n1 of 2 nouns right\n\n🏆 Your new best!\n\n⭐"
    )
    assert "📝 Worth another look:\n• Welcher Artikel gehört zu „Wort " in over["text"]
    assert labels(over) == [
        "🔁 Another sprint",
        "📚 Practice",
        "🔎 All answers · 🚩 Report",
        "◀️ Back",
    ]
    # One message, edited in place.
    assert {one["message_id"] for one in (page, first, second, third, over)} == {page["message_id"]}


def test_every_noun_of_a_sprint_can_be_reported(road: Road) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        anna = newcomer(road)
        message = start(road, anna)
        for article in ["der", *["die"] * 11]:
            clock.shift(2)
            message = tap(road, anna, data(message, article))
        over = tap(road, anna, data(message, "⏹ Stop"))
        first = SprintQuestion.objects.get(number=1).version
        # What is reported is what was shown.
        Question.objects.filter(pk=first.question_row_id).update(question="Besser gestellt?")

        listed = tap(road, anna, data(over, "🔎 All answers · 🚩 Report"))
        second_page = tap(road, anna, data(listed, "Next ▶️"))
        last = tap(road, anna, data(second_page, "12"))
        back = tap(road, anna, data(last, "◀️ Back"))
        again = tap(road, anna, data(back, "◀️ Previous"))
        noun = tap(road, anna, data(again, "1"))
        asked = tap(road, anna, data(noun, "🚩 Report"))
        after = tap(road, anna, data(asked, "✏️ There is a typo"))
        tap(road, anna, data(noun, "🚩 Report"))

    lines = listed["text"].split("\n")
    assert lines[0] == "⏱ Your answers · Page 1 of 2"
    assert lines[2] == f"1. ✅ {first.question} – der"
    assert lines[3].startswith("2. ❌ Welcher Artikel gehört zu „Wort ")
    assert len(lines) == 14
    assert lines[-1] == "Tap a number to see why, to read the rule or to report the noun."
    numbers = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"]
    assert labels(listed) == [*numbers, "Next ▶️", "✖️ Close"]
    assert labels(second_page) == ["11", "12", "◀️ Previous", "✖️ Close"]
    assert last["text"].startswith("❌ Welcher")
    assert back["text"] == second_page["text"]
    assert again["text"] == listed["text"]
    assert noun["text"] == f"✅ {first.question} – der\n💡 {first.explanation}"
    assert labels(noun) == ["🚩 Report", "◀️ Back"]
    # The list is one message below the result, which stays as it was.
    assert over["message_id"] < listed["message_id"] == noun["message_id"] == after["message_id"]
    assert QuestionReport.objects.get().version == first
    assert toast(road, anna) == (
        "You have reported this question already. Thank you! An editor will look at it."
    )


def test_a_noun_of_a_sprint_leads_to_its_rule(road: Road) -> None:
    make_rule_card("articles")
    Question.objects.update(rule="articles")
    with time_machine.travel(NOON, tick=False) as clock:
        anna = newcomer(road)
        first = start(road, anna)
        clock.shift(2)
        over = tap(road, anna, data(tap(road, anna, data(first, "der")), "⏹ Stop"))

        listed = tap(road, anna, data(over, "🔎 All answers · 🚩 Report"))
        noun = tap(road, anna, data(listed, "1"))
        rule = tap(road, anna, data(noun, "📖 Rule"))

    assert listed["text"].startswith("⏱ Your answers\n\n1. ✅ Welcher")
    assert labels(noun) == ["📖 Rule", "🚩 Report", "◀️ Back"]
    assert rule["text"].startswith("📖 Three articles")
    assert rule["message_id"] > noun["message_id"]


def test_the_report_of_an_older_result_still_works(road: Road) -> None:
    """Results had the report of one noun; such messages are in chats."""
    anna = newcomer(road)
    tap(road, anna, data(start(road, anna), "die"))

    asked = tap(road, anna, f"report:{SprintQuestion.objects.get(number=1).version_id}")

    assert asked["text"].startswith("🚩 What is wrong with this question?")


def test_a_sprint_of_somebody_else_is_not_listed(road: Road) -> None:
    anna, ben = newcomer(road), newcomer(road)
    over = tap(road, anna, data(tap(road, anna, data(start(road, anna), "die")), "⏹ Stop"))

    tap(road, ben, data(over, "🔎 All answers · 🚩 Report"))

    assert toast(road, ben) == STALE


def test_the_best_stands_beside_the_clock(road: Road) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        anna = newcomer(road)
        first = start(road, anna)
        clock.shift(2)
        tap(road, anna, data(first, "der"))
        over = tap(road, anna, f"sprint-end:{Sprint.objects.get().pk}")

        again = tap(road, anna, data(over, "🔁 Another sprint"))

    assert again["text"].startswith("⏱ 60 s · ✅ 0/0 · 🏆 1\n\n")
    assert again["message_id"] > over["message_id"]  # The result stays above it.


def test_practice_is_a_round_as_ever(road: Road) -> None:
    anna = newcomer(road)
    menu = tap(road, anna, "menu")
    page = tap(road, anna, data(menu, labels(menu)[2]))

    question = tap(road, anna, data(page, "📚 Practice"))

    assert "1/10" in question["text"]
    assert sorted(labels(question)[:3]) == ["das", "der", "die"]
    assert Round.objects.get().mode == "ARTIKEL_SPRINT"
    assert not Sprint.objects.exists()


def test_a_bank_without_nouns_has_rounds_only(road: Road) -> None:
    Question.objects.exclude(pk__in=Question.objects.values("pk")[:9]).update(is_enabled=False)
    anna = newcomer(road)

    menu = tap(road, anna, "menu")
    tap(road, anna, data(menu, labels(menu)[2]))

    assert Round.objects.get().mode == "ARTIKEL_SPRINT"
    tap(road, anna, "sprint-go:u1")
    assert toast(road, anna) == (
        "There are not enough nouns for a sprint yet. Please choose “Practice”."
    )


def test_two_taps_on_one_noun_are_one_answer(road: Road) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        anna = newcomer(road)
        first = start(road, anna)
        clock.shift(1)

        second = tap(road, anna, data(first, "der"))
        same = tap(road, anna, data(first, "die"))

    assert same["text"] == second["text"]
    assert SprintAnswer.objects.get().is_correct


def test_thirty_taps_in_thirty_seconds_all_count(road: Road) -> None:
    """The limit of a player's actions is no obstacle, and every answer has its edit."""
    with time_machine.travel(NOON, tick=False) as clock:
        anna = newcomer(road)
        message = start(road, anna)
        for _ in range(30):
            clock.shift(1)
            message = tap(road, anna, data(message, "der"))

    assert SprintAnswer.objects.filter(is_correct=True).count() == 30
    assert "⏱ 30 s · ✅ 30/30" in message["text"]
    assert not OutgoingCall.objects.filter(state="REFUSED").exists()


def test_a_sprint_that_is_stopped_at_once_costs_nothing(road: Road) -> None:
    anna = newcomer(road)
    first = start(road, anna)

    over = tap(road, anna, data(first, "⏹ Stop"))

    assert over["text"] == (
        "⏱ The sprint is over. You have answered nothing this time.\n\n"
        "⚡ Its energy is yours again."
    )
    assert Wallet.objects.get(player=row(anna)).free_energy == 20


def test_without_energy_it_says_when_there_is_some(road: Road) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        anna = newcomer(road)
        for number in range(20):
            first = tap(road, anna, f"sprint-go:k{number}")
            tap(road, anna, data(first, "der"))
            clock.shift(2)

        refused = tap(road, anna, "sprint-go:more")

    assert refused["text"].startswith("🪫 Your energy is used up.")
    assert Sprint.objects.count() == 20


def test_without_energy_it_offers_what_is_free(road: Road) -> None:
    with time_machine.travel(NOON, tick=False):
        anna = newcomer(road)
        for number in range(20):
            wallets.charge_question(player=row(anna), key=f"spent:{number}", now=NOON)
        make_card(row(anna), question=Question.objects.earliest("pk"), due=NOON)

        refused = tap(road, anna, "sprint-go:one")

    assert refused["text"].startswith("🪫 Your energy is used up.")
    assert labels(refused)[:2] == ["📅 Daily challenge", "🔁 Review · 1"]


def test_without_energy_a_challenge_that_is_done_is_not_offered(road: Road) -> None:
    with time_machine.travel(NOON, tick=False):
        anna = newcomer(road)
        answer_daily(row(anna), draw_day(TODAY), "1111111")
        for number in range(20):
            wallets.charge_question(player=row(anna), key=f"spent:{number}", now=NOON)

        offered = tap(road, anna, "sprint-go:one")
        refused = tap(road, anna, "sprint-go:two")

    assert "📅 Daily challenge" not in labels(offered)
    assert "📅 Daily challenge" not in labels(refused)


@pytest.mark.parametrize(
    "stale",
    [
        *("sprint-say:1:1:der", "sprint-say:x:1:der", "sprint-end:", "sprint-end:99", "sprint-say"),
        *("sprint-list:", "sprint-list:99", "sprint-list:1:x", "sprint-noun:99:1", "sprint-noun:1"),
        f"sprint-list:{2**63}",
    ],
)
def test_a_stale_button_answers_kindly(road: Road, stale: str) -> None:
    anna = newcomer(road)

    tap(road, anna, stale)

    assert toast(road, anna) == STALE
    assert not Sprint.objects.exists()


def test_the_wallet_names_a_sprint(road: Road) -> None:
    anna = newcomer(road)
    tap(road, anna, data(start(road, anna), "der"))

    wallet = road.say(anna, "/wallet")

    assert "Article sprint · −1 ⚡" in wallet["text"]


def test_practice_after_a_sprint_leaves_its_result_above(road: Road) -> None:
    anna = newcomer(road)
    first = start(road, anna)
    over = tap(road, anna, data(first, "⏹ Stop"))

    question = tap(road, anna, data(over, "📚 Practice"))

    assert question["message_id"] > over["message_id"]
    assert Round.objects.get().mode == "ARTIKEL_SPRINT"
