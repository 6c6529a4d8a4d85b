"""Rule cards at the desk: written line by line, previewed in three languages."""

import re
from html import unescape

import pytest
from django.test import Client

from quizarena.game import rule_cards
from quizarena.game.models import RuleCard, Topic
from quizarena.staff.models import AuditEntry
from tests.factories import make_staff
from tests.game.carded import entry, make_card, make_topic, topic_entry

pytestmark = pytest.mark.django_db

LIST = "/admin/game/rulecard/"


@pytest.fixture
def editor(client: Client) -> Client:
    """Return a browser in which an editor is logged in."""
    client.force_login(make_staff("Editor"))
    return client


def text(html: bytes) -> str:
    """Return what one reads on a page."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html.decode())).split())


def form(**fields: str) -> dict[str, str]:
    """Return a filled in form."""
    return {
        "level": "A1",
        "topic": str(make_topic().pk),
        "is_shown": "on",
        "title_de": "Artikel",
        "title_en": "Articles",
        "title_uk": "Артиклі",
        "text_de": "Auf Deutsch.",
        "text_en": "In English.",
        "text_uk": "Українською.",
        "examples": "Der Tisch. | The table. | Стіл.",
        "table": "der   den\n  die",
        **fields,
    }


def test_a_card_is_added_behind_the_others(editor: Client) -> None:
    make_card(number=7)

    answer = editor.post(f"{LIST}add/", {"slug": "mine", **form()})

    assert answer.status_code == 302
    card = RuleCard.objects.get(slug="mine")
    assert card.number == 8
    assert card.examples == [{"de": "Der Tisch.", "en": "The table.", "uk": "Стіл."}]
    assert card.table == ["der   den", "  die"]


def test_a_change_is_audited_and_no_seed_takes_it_back(editor: Client) -> None:
    shipped = {"topics": [topic_entry()], "cards": [entry()]}
    rule_cards.seed(shipped=shipped)
    card = RuleCard.objects.get()

    answer = editor.post(f"{LIST}{card.pk}/change/", form(title_en="By hand"))
    rule_cards.seed(shipped=shipped)

    assert answer.status_code == 302
    card.refresh_from_db()
    assert (card.slug, card.title_en) == ("articles", "By hand")
    changed = AuditEntry.objects.get(action="rulecard.changed").details["changed"]
    assert changed["title_en"] == ["Three articles", "By hand"]


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"examples": "Der Tisch."}, "Line 1: write German | English | Ukrainian."),
        ({"table": "x" * 31}, "Line 1 has 31 characters: 30 is the most."),
        ({"table": "\n".join("x" * 13)}, "The table has at most 12 lines."),
        ({"text_uk": "ї" * 501}, "Ensure this value has at most 500 characters (it has 501)."),
        ({"title_de": ""}, "This field is required."),
    ],
)
def test_a_card_that_would_not_read_well_is_refused_with_the_reason(
    editor: Client, fields: dict[str, str], problem: str
) -> None:
    card = make_card()

    page = editor.post(f"{LIST}{card.pk}/change/", form(**fields))

    assert page.status_code == 200
    assert problem in text(page.content)
    assert RuleCard.objects.get().title_en == "Three articles"


def test_the_page_shows_the_card_as_players_of_each_language_see_it(editor: Client) -> None:
    card = make_card()

    page = text(editor.get(f"{LIST}{card.pk}/change/").content)

    table = "der Tisch die Tische die Lampe die Lampen"
    assert (
        "German 📖 Drei Artikel A1 · Der, die, das Jedes Nomen hat einen Artikel. "
        f"• Der Tisch ist neu. {table} "
        "English 📖 Three articles A1 · Genders Every noun has an article. "
        f"• Der Tisch ist neu. The table is new. {table} "
        "Ukrainian 📖 Три артиклі A1 · Рід Кожен іменник має артикль. "
        f"• Der Tisch ist neu. Стіл новий. {table}"
    ) in page


def test_the_preview_shows_what_is_typed_and_stores_nothing(editor: Client) -> None:
    card = make_card()

    page = text(editor.post(f"{LIST}{card.pk}/preview/", form(title_en="<b>New</b>")).content)
    wrong = text(editor.post(f"{LIST}{card.pk}/preview/", form(examples="Ja.")).content)

    assert "English 📖 <b>New</b> A1 · Genders In English." in page
    assert wrong == "Examples: Line 1: write German | English | Ukrainian."
    empty = text(editor.post(f"{LIST}{card.pk}/preview/", form(title_uk="")).content)
    assert empty == "Title (Ukrainian): This field is required."
    assert RuleCard.objects.get().title_en == "Three articles"


def test_a_card_can_be_hidden_and_none_can_be_deleted(editor: Client) -> None:
    card = make_card()
    hidden = {name: value for name, value in form().items() if name != "is_shown"}

    editor.post(f"{LIST}{card.pk}/change/", hidden)

    assert rule_cards.id_of("articles") is None
    assert editor.post(f"{LIST}{card.pk}/delete/", {"post": "yes"}).status_code == 403
    assert "hidden" in text(editor.get(LIST).content)


def test_cards_are_found_by_slug_and_title(editor: Client) -> None:
    make_card()
    make_card("dative", title_uk="Давальний відмінок", title_en="Dative")

    assert "Dative" in text(editor.get(LIST, {"q": "давальний"}).content)
    assert "Three articles" not in text(editor.get(LIST, {"q": "dat"}).content)


def test_a_topic_is_renamed_and_added(editor: Client) -> None:
    topic = make_topic()
    titles = {"title_de": "Artikel", "title_en": "Articles", "title_uk": "Артиклі"}

    editor.post(f"/admin/game/topic/{topic.pk}/change/", {"level": "A2", **titles})
    editor.post("/admin/game/topic/add/", {"slug": "new", "level": "B1", **titles})

    topic.refresh_from_db()
    assert (topic.slug, topic.level, topic.title_en) == ("article-gender", "A2", "Articles")
    assert Topic.objects.get(slug="new").number == 1
