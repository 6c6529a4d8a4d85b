"""Rule cards for tests."""

from typing import Any

from quizarena.game.models import RuleCard, Topic

JsonObject = dict[str, Any]


def entry(slug: str = "articles", **fields: Any) -> JsonObject:
    """Return a card as it is shipped."""
    return {
        "id": slug,
        "level": "A1",
        "topic": "article-gender",
        "title": {"de": "Drei Artikel", "en": "Three articles", "uk": "Три артиклі"},
        "text": {
            "de": "Jedes Nomen hat einen Artikel.",
            "en": "Every noun has an article.",
            "uk": "Кожен іменник має артикль.",
        },
        "examples": [
            {"de": "Der Tisch ist neu.", "en": "The table is new.", "uk": "Стіл новий."},
        ],
        "table": ["der Tisch    die Tische", "die Lampe    die Lampen"],
        **fields,
    }


def topic_entry(slug: str = "article-gender", **fields: Any) -> JsonObject:
    """Return a topic as it is shipped."""
    return {
        "id": slug,
        "level": "A1",
        "title": {"de": "Der, die, das", "en": "Genders", "uk": "Рід"},
        **fields,
    }


def make_topic(slug: str = "article-gender", **fields: Any) -> Topic:
    """Return a topic, the stored one if there is one of this slug."""
    stored: Topic = Topic.objects.get_or_create(
        slug=slug,
        defaults={
            "level": "A1",
            "title_de": "Der, die, das",
            "title_en": "Genders",
            "title_uk": "Рід",
            **fields,
        },
    )[0]
    return stored


def make_card(slug: str = "articles", **fields: Any) -> RuleCard:
    """Return a new card."""
    topic = fields.pop("topic", None) or make_topic()
    made = entry(slug)
    texts = {
        f"{name}_{language}": made[name][language]
        for name in ("title", "text")
        for language in ("de", "en", "uk")
    }
    return RuleCard.objects.create(
        **{
            "slug": slug,
            "level": "A1",
            "topic": topic,
            "examples": made["examples"],
            "table": made["table"],
            **texts,
            **fields,
        }
    )
