"""Rule cards: one rule of German each, explained in three languages, filed under a topic."""

from typing import Self

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from quizarena.game.models.question import Level

LANGUAGES = ("de", "en", "uk")
EXAMPLES_MAX = 5
EXAMPLE_MAX = 150
# A phone shows so many characters of equal width in one line.
TABLE_WIDTH = 30
TABLE_ROWS_MAX = 12
TEXT_MAX = 500

SLUG = RegexValidator(r"^[a-z0-9]+(-[a-z0-9]+)*$", "Use a-z, 0-9 and single hyphens.")


def _in_language(row: models.Model, name: str, language: str) -> str:
    """Return a text in the language; in German where it has none."""
    text: str = getattr(row, f"{name}_{language}" if language in LANGUAGES else f"{name}_de")
    return text


class Topic(models.Model):
    """What rule cards are filed under; questions name the same topics."""

    slug = models.CharField(max_length=64, unique=True, validators=[SLUG])
    level = models.CharField(max_length=2, choices=Level)
    # Where it stands among the others, from 0.
    number = models.PositiveIntegerField(default=0)
    title_de = models.CharField(max_length=100)
    title_en = models.CharField(max_length=100)
    title_uk = models.CharField(max_length=100)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(level__in=Level.values), name="topic_level_is_known"
            ),
            models.CheckConstraint(
                condition=~Q(slug="") & ~Q(title_de="") & ~Q(title_en="") & ~Q(title_uk=""),
                name="topic_has_title_in_each_language",
            ),
        ]
        triggers = [pgtrigger.ReadOnly(name="topic_slug_is_fixed", fields=["slug"])]

    def __str__(self) -> str:
        return self.title_en

    def title(self, language: str) -> str:
        return _in_language(self, "title", language)


class RuleCardQuerySet(models.QuerySet["RuleCard"]):
    """Questions about rule cards."""

    def shown(self) -> Self:
        """Return those that players see."""
        return self.filter(is_shown=True)


class RuleCard(models.Model):
    """A rule as it fits into one message: a text, examples, and maybe a table."""

    slug = models.CharField(max_length=64, unique=True, validators=[SLUG])
    level = models.CharField(max_length=2, choices=Level)
    topic = models.ForeignKey(Topic, on_delete=models.PROTECT, related_name="cards")
    # Where it stands among the others, from 0.
    number = models.PositiveIntegerField(default=0)
    title_de = models.CharField(max_length=100)
    title_en = models.CharField(max_length=100)
    title_uk = models.CharField(max_length=100)
    text_de = models.CharField(max_length=TEXT_MAX)
    text_en = models.CharField(max_length=TEXT_MAX)
    text_uk = models.CharField(max_length=TEXT_MAX)
    # A list of mappings with "de", "en" and "uk" (rule_cards.check_examples).
    examples = models.JSONField()
    table = ArrayField(
        models.CharField(max_length=TABLE_WIDTH), size=TABLE_ROWS_MAX, default=list, blank=True
    )
    is_shown = models.BooleanField("shown to players", default=True)

    objects = RuleCardQuerySet.as_manager()

    class Meta:
        verbose_name = "rule card"
        indexes = [
            # The cards of a level, by topic.
            models.Index(
                fields=["level", "topic"], condition=Q(is_shown=True), name="rulecard_shown"
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(level__in=Level.values), name="rulecard_level_is_known"
            ),
            models.CheckConstraint(
                condition=~Q(slug="")
                & ~Q(title_de="")
                & ~Q(title_en="")
                & ~Q(title_uk="")
                & ~Q(text_de="")
                & ~Q(text_en="")
                & ~Q(text_uk=""),
                name="rulecard_has_text_in_each_language",
            ),
            models.CheckConstraint(
                condition=Q(table__len__lte=TABLE_ROWS_MAX), name="rulecard_table_fits"
            ),
        ]
        # A question names its card by the slug.
        triggers = [pgtrigger.ReadOnly(name="rulecard_slug_is_fixed", fields=["slug"])]

    def __str__(self) -> str:
        return f"{self.slug}: {self.title_en}"

    @property
    def page_name(self) -> str:
        """Return what the heading of its page calls it."""
        return str(self)

    def title(self, language: str) -> str:
        return _in_language(self, "title", language)

    def text(self, language: str) -> str:
        return _in_language(self, "text", language)
