"""Rule cards: what a seed brings, what of it stays, what cannot be stored, and where they are."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DatabaseError, IntegrityError, transaction

from quizarena.game import rule_cards
from quizarena.game.models import Level, RuleCard, Topic
from quizarena.staff import audit
from tests.game.carded import entry, make_card, make_topic, topic_entry

pytestmark = pytest.mark.django_db


def seed(*cards: dict[str, Any], topics: tuple[dict[str, Any], ...] = ()) -> tuple[int, ...]:
    """Seed these; return how many are new, changed, unchanged and hidden."""
    shipped = {"topics": topics or (topic_entry(),), "cards": cards}
    done = rule_cards.seed(shipped=shipped)
    return done.new, done.changed, done.unchanged, done.hidden


class TestSeed:
    def test_all_that_is_shipped_comes_once(self) -> None:
        first, second = StringIO(), StringIO()

        call_command("seed", stdout=first)
        call_command("seed", stdout=second)

        assert "Rule cards: 228 new, 0 changed, 0 unchanged, 0 hidden." in first.getvalue()
        assert "Rule cards: 0 new, 0 changed, 228 unchanged, 0 hidden." in second.getvalue()
        assert Topic.objects.count() == 114
        card = RuleCard.objects.get(slug="article-three")
        assert card.title("uk") == "Три артиклі: der, die, das"
        assert card.topic.title("de") == "Der, die oder das"
        assert card.table[0] == "der Tisch    die Tische"

    def test_a_changed_text_is_corrected(self) -> None:
        assert seed(entry()) == (1, 0, 0, 0)

        done = seed(entry(level="A2"), topics=(topic_entry(level="A2"),))

        assert done == (0, 1, 0, 0)
        assert RuleCard.objects.get().level == "A2"
        assert Topic.objects.get().level == "A2"

    def test_what_an_editor_has_changed_stays(self) -> None:
        seed(entry())
        card, topic = RuleCard.objects.get(), Topic.objects.get()
        for row in (card, topic):
            type(row).objects.update(title_en="By hand")
            name = row._meta.model_name
            audit.record(actor=None, action=f"{name}.changed", obj=row, summary="By hand.")

        done = seed(entry(level="A2"), topics=(topic_entry(level="A2"),))

        assert done == (0, 0, 1, 0)
        card.refresh_from_db()
        topic.refresh_from_db()
        assert (card.title_en, card.level) == ("By hand", "A1")
        assert (topic.title_en, topic.level) == ("By hand", "A1")

    def test_a_card_that_is_shipped_no_more_is_hidden_and_comes_back(self) -> None:
        seed(entry("one"), entry("two"))

        assert seed(entry("one")) == (0, 0, 1, 1)
        assert rule_cards.id_of("two") is None
        assert seed(entry("one"), entry("two")) == (0, 1, 1, 0)
        assert rule_cards.id_of("two") is not None

    def test_a_card_that_an_editor_has_added_stays(self) -> None:
        mine = make_card("mine")
        audit.record(actor=None, action="rulecard.added", obj=mine, summary="Added.")

        assert seed(entry()) == (1, 0, 0, 0)
        assert rule_cards.id_of("mine") == mine.pk


class TestExamples:
    def test_they_are_typed_one_a_line(self) -> None:
        text = "Der Tisch ist neu. | The table is new. | Стіл новий.\n\n Ja. | Yes. | Так. "

        examples = rule_cards.read_examples(text)

        assert examples == [
            {"de": "Der Tisch ist neu.", "en": "The table is new.", "uk": "Стіл новий."},
            {"de": "Ja.", "en": "Yes.", "uk": "Так."},
        ]
        assert rule_cards.read_examples(rule_cards.examples_as_text(examples)) == examples

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("", "Give 1 to 5 examples, one a line."),
            ("\n".join(["Ja. | Yes. | Так."] * 6), "Give 1 to 5 examples, one a line."),
            ("Ja. | Yes. | Так.\nNein. | No.", "Line 2: write German | English | Ukrainian."),
            ("Ja. |  | Так.", "Line 1: write German | English | Ukrainian."),
            (f"{'J' * 151} | a | b", "Line 1: each sentence has at most 150 characters."),
        ],
    )
    def test_what_is_wrong_is_said_with_its_line(self, text: str, problem: str) -> None:
        with pytest.raises(ValueError, match="^" + problem.replace("|", r"\|") + "$"):
            rule_cards.read_examples(text)


class TestWhereTheyAre:
    def test_levels_topics_and_cards_without_what_is_hidden(self) -> None:
        cases = make_topic("cases", number=0, title_en="Cases")
        genders = make_topic(number=1)
        first = make_card("first", number=2)
        second = make_card("second", number=1)
        make_card("hidden", topic=cases, is_shown=False, level="B1")
        dative = make_card("dative", topic=cases, level="A2")

        assert rule_cards.levels() == [Level.A1, Level.A2]
        assert rule_cards.topics_of(Level.A1) == [genders]
        assert rule_cards.topics_of(Level.A2) == [cases]
        assert rule_cards.topics_of(Level.B1) == []
        assert list(rule_cards.cards_of(topic_id=genders.pk, level=Level.A1)) == [second, first]
        assert list(rule_cards.cards_of(topic_id=cases.pk, level=Level.A1)) == []
        assert rule_cards.find(dative.pk) == dative

    def test_a_slug_that_is_empty_or_unknown_or_hidden_has_no_card(self) -> None:
        hidden = make_card(is_shown=False)

        assert rule_cards.id_of("") is None
        assert rule_cards.id_of("unknown") is None
        assert rule_cards.id_of("articles") is None
        assert rule_cards.find(hidden.pk) is None
        assert rule_cards.find(2**70) is None


class TestDatabaseSaysNo:
    @pytest.mark.parametrize(
        ("fields", "constraint"),
        [
            ({"level": "C1"}, "rulecard_level_is_known"),
            ({"slug": ""}, "rulecard_has_text_in_each_language"),
            ({"title_uk": ""}, "rulecard_has_text_in_each_language"),
            ({"text_en": ""}, "rulecard_has_text_in_each_language"),
            ({"table": ["-"] * 13}, "rulecard_table_fits"),
        ],
    )
    def test_a_card_that_is_not_whole(self, fields: dict[str, Any], constraint: str) -> None:
        topic = make_topic()

        with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
            make_card(topic=topic, **fields)

    def test_a_table_of_twelve_lines_fits(self) -> None:
        make_card(table=["-"] * 12)

    @pytest.mark.parametrize(
        ("fields", "constraint"),
        [
            ({"level": "C1"}, "topic_level_is_known"),
            ({"title_de": ""}, "topic_has_title_in_each_language"),
        ],
    )
    def test_a_topic_that_is_not_whole(self, fields: dict[str, Any], constraint: str) -> None:
        with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
            make_topic(**fields)

    def test_a_slug_never_changes_and_is_there_once(self) -> None:
        card = make_card()

        with pytest.raises(DatabaseError, match="slug"), transaction.atomic():
            RuleCard.objects.update(slug="other")
        with pytest.raises(DatabaseError, match="slug"), transaction.atomic():
            Topic.objects.update(slug="other")
        with pytest.raises(IntegrityError, match="unique"), transaction.atomic():
            make_card(card.slug)
