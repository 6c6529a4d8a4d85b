"""Rule cards in the chat: by level and topic, and under an answer, through the sandbox."""

from typing import Any

import pytest

from quizarena.game import rule_cards
from quizarena.game.models import Level, Question, RuleCard
from tests.bot.screens.buyers import newcomer, tap, toast, travel
from tests.conftest import Road
from tests.factories import QuestionFactory
from tests.game.carded import make_card, make_topic
from tests.game.test_round import labels
from tests.sandbox import buttons

Json = dict[str, Any]


def card_text(language: str) -> str:
    """Return what the chat shows of the card of `make_card`."""
    title, topic, text, meaning = {
        "en": ("Three articles", "Genders", "Every noun has an article.", "The table is new."),
        "de": ("Drei Artikel", "Der, die, das", "Jedes Nomen hat einen Artikel.", ""),
        "uk": ("Три артиклі", "Рід", "Кожен іменник має артикль.", "Стіл новий."),
    }[language]
    example = f"• Der Tisch ist neu.\n   {meaning}" if meaning else "• Der Tisch ist neu."
    return (
        f"📖 {title}\nA1 · {topic}\n\n{text}\n\n{example}\n\n"
        "der Tisch    die Tische\ndie Lampe    die Lampen"
    )


def play(road: Road, player: int, rule: str = "") -> Json:
    """Let the player answer the first question of a round; return the message after it."""
    for number in range(3):
        QuestionFactory.create(category="QUICK_MIX_A1A2", question=f"Frage {number}?", rule=rule)
    road.sandbox.say(player, "/play")
    travel(road)
    message = tap(road, player, data(road.sandbox.last_message(player), "Quick mix"))
    return tap(road, player, data(message, "der"))


def data(message: Json, label: str) -> str:
    """Return the data of the button with this label."""
    (found,) = [one["callback_data"] for one in buttons(message) if one["text"] == label]
    return str(found)


class TestByTopic:
    def test_from_the_levels_to_a_card_and_back(self, road: Road) -> None:
        anna = newcomer(road)
        card = make_card()
        make_card("hidden", level="B1", is_shown=False)
        make_card("dative", level="A2", title_en="Dative")

        levels = road.say(anna, "/rules")
        topics = tap(road, anna, "rules:A1:0")
        shown = tap(road, anna, data(topics, "Genders"))

        assert levels["text"] == (
            "📖 Grammar rules\n\nShort cards with examples. You play at level A1.\n\n"
            "Choose a level."
        )
        assert labels(levels) == ["A1", "A2", "◀️ Back"]
        assert topics["text"] == "📖 Rules, A1\n\nChoose a topic."
        assert labels(topics) == ["Genders", "🎚 Other level", "◀️ Back"]
        # The topic has no other card of this level.
        assert shown["text"] == card_text("en")
        assert labels(shown) == ["◀️ Back"]
        assert tap(road, anna, data(shown, "◀️ Back"))["text"] == topics["text"]
        assert tap(road, anna, "rules")["text"] == levels["text"]
        assert tap(road, anna, f"rule:{card.pk}:A1:0")["text"] == card_text("en")
        assert tap(road, anna, "home")["text"].startswith("👋 Hello, Anna!")

    def test_a_topic_with_several_cards_offers_them(self, road: Road) -> None:
        anna = newcomer(road)
        make_card(number=1)
        second = make_card("second", number=0, title_en="<Second>")

        cards = tap(road, anna, f"rules-of:{second.topic_id}:A1:0")
        shown = tap(road, anna, data(cards, "<Second>"))

        assert cards["text"] == "📖 Genders · A1\n\nChoose a rule."
        assert labels(cards) == ["<Second>", "Three articles", "◀️ Back"]
        assert shown["text"].startswith("📖 <Second>\n")
        assert tap(road, anna, data(shown, "◀️ Back"))["text"] == cards["text"]

    def test_pages_have_eight_topics(self, road: Road) -> None:
        anna = newcomer(road)
        for number in range(17):
            topic = make_topic(f"topic-{number}", number=number, title_en=f"Topic {number}")
            make_card(f"card-{number}", topic=topic)

        first = tap(road, anna, "rules:A1:0")
        second = tap(road, anna, data(first, "Next ▶️"))
        third = tap(road, anna, data(second, "Next ▶️"))

        ways = ["🎚 Other level", "◀️ Back"]
        assert first["text"] == "📖 Rules, A1 · Page 1 of 3\n\nChoose a topic."
        assert labels(first) == [*(f"Topic {n}" for n in range(8)), "Next ▶️", *ways]
        assert labels(second)[8:] == ["◀️ Previous", "Next ▶️", *ways]
        assert labels(third) == ["Topic 16", "◀️ Previous", *ways]
        shown = tap(road, anna, data(third, "Topic 16"))
        assert tap(road, anna, data(shown, "◀️ Back"))["text"] == third["text"]
        # A page that is there no more is the last one.
        assert tap(road, anna, "rules:A1:99")["text"] == third["text"]

    @pytest.mark.parametrize("language", ["en", "de", "uk"])
    def test_a_card_reads_in_the_players_language(self, road: Road, language: str) -> None:
        anna = newcomer(road, language=language)
        card = make_card()

        assert tap(road, anna, f"rule:{card.pk}:A1:0")["text"] == card_text(language)

    def test_what_is_written_in_a_card_is_no_markup(self, road: Road) -> None:
        anna = newcomer(road)
        card = make_card(
            title_en="a < b",
            text_en="<b>not bold</b> & so on",
            table=["<i>"],
            examples=[{"de": "<u>", "en": "a & b", "uk": "-"}],
        )

        shown = tap(road, anna, f"rule:{card.pk}:A1:0")

        assert shown["text"] == (
            "📖 a < b\nA1 · Genders\n\n<b>not bold</b> & so on\n\n• <u>\n   a & b\n\n<i>"
        )

    def test_the_longest_card_fits_into_a_message(self, road: Road) -> None:
        anna = newcomer(road)
        example = {"de": "&" * 150, "en": "<" * 150, "uk": "-"}
        card = make_card(
            title_en="&" * 100,
            text_en="<" * 500,
            table=["&" * 30] * 12,
            examples=[example] * 5,
        )

        shown = tap(road, anna, f"rule:{card.pk}:A1:0")

        assert 2_500 < len(shown["text"]) <= 4_096

    def test_all_shipped_cards_are_found_by_their_topics(self, road: Road) -> None:
        rule_cards.seed()
        anna = newcomer(road)

        labels_of_levels = labels(road.say(anna, "/rules"))

        assert labels_of_levels == ["A1", "A2", "B1", "B2", "◀️ Back"]
        found = 0
        for level in ("A1", "A2", "B1", "B2"):
            for topic in rule_cards.topics_of(Level(level)):
                found += rule_cards.cards_of(topic_id=topic.pk, level=Level(level)).count()
        assert found == 228

    def test_without_a_card_it_says_so(self, road: Road) -> None:
        anna = newcomer(road)

        assert road.say(anna, "/rules")["text"] == "📖 There are no rule cards yet."

    @pytest.mark.parametrize(
        "stale", ["rules:C1:0", "rules-of:x:A1:0", "rules-of:1:X:0", "rule:x", "rule:", "rule:999"]
    )
    def test_a_stale_button_answers_kindly(self, road: Road, stale: str) -> None:
        anna = newcomer(road)
        make_card()
        road.say(anna, "/rules")

        tap(road, anna, stale)

        assert toast(road, anna) in (
            "This button is no longer valid. Send /play for a new round!",
            "This rule card is no longer there. /rules has the others.",
        )

    def test_it_stands_on_the_home_screen(self, road: Road) -> None:
        anna = newcomer(road)

        assert "📖 Rules" in labels(tap(road, anna, "home"))


class TestUnderAnAnswer:
    def test_the_card_comes_below_the_next_question_and_goes_again(self, road: Road) -> None:
        anna = newcomer(road)
        card = make_card()
        question = play(road, anna, rule="articles")

        assert labels(question)[-4:-2] == ["📖 Rule", "🚩 Report"]
        shown = tap(road, anna, data(question, "📖 Rule"))

        assert shown["text"] == card_text("en")
        assert labels(shown) == ["✖️ Close"]
        before = [it for it in road.sandbox.chat(anna) if it["message_id"] != shown["message_id"]]
        assert before[-1]["message_id"] == question["message_id"]
        assert before[-1]["text"] == question["text"]
        assert tap(road, anna, "close")["message_id"] == question["message_id"]
        # The question is answered as if nothing had been looked up.
        assert "✅" in tap(road, anna, data(question, "der"))["text"]
        assert RuleCard.objects.get() == card

    def test_without_a_card_there_is_no_button(self, road: Road) -> None:
        anna = newcomer(road)
        make_card(is_shown=False)

        question = play(road, anna, rule="articles")

        assert labels(question)[-3:] == ["🚩 Report", "⭐ Save question 1", "⏹ Stop"]

    def test_a_card_that_was_hidden_meanwhile_says_so(self, road: Road) -> None:
        anna = newcomer(road)
        make_card()
        question = play(road, anna, rule="articles")
        RuleCard.objects.update(is_shown=False)

        tap(road, anna, data(question, "📖 Rule"))

        assert toast(road, anna) == "This rule card is no longer there. /rules has the others."
        assert road.sandbox.last_message(anna)["message_id"] == question["message_id"]

    def test_the_result_has_it_too(self, road: Road) -> None:
        anna = newcomer(road)
        make_card()
        question = play(road, anna, rule="articles")
        while Question.objects.filter(is_enabled=True).exists() and "⏹ Stop" in labels(question):
            question = tap(road, anna, data(question, "der"))

        assert "📖 Rule" in labels(question)
        assert "🚩 Report" in labels(question)
