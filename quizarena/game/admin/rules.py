"""Rule cards at the desk: written in three languages, with a preview as players see it."""

from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from quizarena.game import bank, rule_cards
from quizarena.game.models import RuleCard, Topic
from quizarena.game.models.rule import EXAMPLES_MAX, LANGUAGES, TABLE_ROWS_MAX, TABLE_WIDTH
from quizarena.staff.desk import StaffAdmin, badge

if TYPE_CHECKING:
    _RuleCardForm: TypeAlias = forms.ModelForm[RuleCard]
else:
    _RuleCardForm = forms.ModelForm

LANGUAGE_NAMES = {"de": "German", "en": "English", "uk": "Ukrainian"}
TEXTS = tuple(f"{name}_{language}" for language in LANGUAGES for name in ("title", "text"))


class RuleCardForm(_RuleCardForm):
    """A rule card; its examples and its table are typed line by line."""

    examples = forms.CharField(
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
        help_text=f"One a line, at most {EXAMPLES_MAX}: German | English | Ukrainian",
    )
    table = forms.CharField(
        required=False,
        # The blanks at the beginning of a line are part of the table.
        strip=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 5, "class": "desk-pre"}),
        help_text=(
            f"At most {TABLE_ROWS_MAX} lines of {TABLE_WIDTH} characters of equal width; may be "
            "empty."
        ),
    )

    class Meta:
        model = RuleCard
        fields = ("slug", "level", "topic", "is_shown", *TEXTS, "examples", "table")
        # They stand below the name of their language.
        labels: ClassVar = {name: name.partition("_")[0].capitalize() for name in TEXTS}
        widgets = {
            f"text_{language}": UnfoldAdminTextareaWidget(attrs={"rows": 3})
            for language in LANGUAGES
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["examples"] = rule_cards.examples_as_text(self.instance.examples)
            self.initial["table"] = "\n".join(self.instance.table)

    def clean(self) -> dict[str, Any]:
        """Tidy the texts as the bank does."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        for name in TEXTS:
            if name in cleaned:
                cleaned[name] = bank.normalise_text(cleaned[name])
        return cleaned

    def clean_examples(self) -> list[dict[str, str]]:
        """Read the examples, or say which line is wrong."""
        try:
            return rule_cards.read_examples(bank.normalise_text(self.cleaned_data["examples"]))
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None

    def clean_table(self) -> list[str]:
        """Read the table; a line that is too long would break on a phone."""
        rows = [row.rstrip() for row in self.cleaned_data["table"].splitlines() if row.strip()]
        if len(rows) > TABLE_ROWS_MAX:
            raise forms.ValidationError(f"The table has at most {TABLE_ROWS_MAX} lines.")
        for number, row in enumerate(rows, 1):
            if len(row) > TABLE_WIDTH:
                raise forms.ValidationError(
                    f"Line {number} has {len(row)} characters: {TABLE_WIDTH} is the most."
                )
        return rows


@admin.register(RuleCard)
class RuleCardAdmin(StaffAdmin[RuleCard]):
    """Write cards and hide them; none is deleted, since questions name them."""

    form = RuleCardForm
    list_display = ("slug", "english_title", "level", "topic", "state")
    list_select_related = ("topic",)
    list_filter = ("level", "is_shown")
    search_fields = ("slug", "title_en")
    search_help_text = "Beginning of a slug, or part of a title"
    ordering = ("number", "pk")
    warn_unsaved_form = True
    change_form_outer_after_template = "game/rule_card.html"
    fieldsets = (
        (None, {"fields": (("slug", "is_shown"), ("level", "topic"))}),
        ("German", {"fields": ("title_de", "text_de")}),
        ("English", {"fields": ("title_en", "text_en")}),
        ("Ukrainian", {"fields": ("title_uk", "text_uk")}),
        ("Examples and table", {"fields": ("examples", "table")}),
    )

    class Media:
        css = {"all": ["economy/economy.css"]}

    def get_readonly_fields(self, request: HttpRequest, obj: RuleCard | None = None) -> Any:
        """Return what cannot be edited: questions name a card by its slug."""
        return ("slug",) if obj else ()

    @display(description="Title")
    def english_title(self, card: RuleCard) -> str:
        return card.title_en

    @display(description="State")
    def state(self, card: RuleCard) -> SafeString:
        return badge("shown", "success") if card.is_shown else badge("hidden", "danger")

    def has_delete_permission(self, request: HttpRequest, obj: RuleCard | None = None) -> bool:
        """Return False: cards are hidden."""
        return False

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[RuleCard], search_term: str
    ) -> tuple[QuerySet[RuleCard], bool]:
        """Find by the beginning of the slug or by any part of a title; there are hundreds."""
        if term := search_term.strip():
            titles = Q()
            for language in LANGUAGES:
                titles |= Q(**{f"title_{language}__icontains": term})
            queryset = queryset.filter(Q(slug__startswith=term) | titles)
        return queryset, False

    def save_model(self, request: HttpRequest, obj: RuleCard, form: Any, change: bool) -> None:
        """Store the card, a new one behind the others."""
        if not change:
            last = RuleCard.objects.order_by("-number").values_list("number", flat=True).first()
            obj.number = 0 if last is None else last + 1
        super().save_model(request, obj, form, change)

    # --- The preview --------------------------------------------------------------------------

    def page_context(self, request: HttpRequest, obj: RuleCard) -> dict[str, Any]:
        """Return the stored card as players see it; the page asks again while one types."""
        return {
            "previews": previews(obj),
            "previewed_at": reverse("admin:game_rulecard_preview", args=[obj.pk]),
            "can_edit": self.has_change_permission(request, obj),
        }

    def get_urls(self) -> list[URLPattern]:
        """Add the preview of what is being typed."""
        view = self.admin_site.admin_view(self.preview_view)
        name = "game_rulecard_preview"
        return [path("<int:pk>/preview/", view, name=name), *super().get_urls()]

    def preview_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show the card with what has been typed and not stored; nothing is."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        card = get_object_or_404(RuleCard.objects.select_related("topic"), pk=pk)
        # As on the page, the slug is no field of the form.
        form_class = self.get_form(request, card, change=True)
        form = form_class(request.POST, instance=card)
        is_valid = form.is_valid()
        context = {
            "previews": previews(card) if is_valid else [],
            "problems": [
                f"{_label(form, name)}: {error}" if name in form.fields else error
                for name, errors in form.errors.items()
                for error in errors
            ],
        }
        return TemplateResponse(request, "game/rule_card_previews.html", context)


def _label(form: Any, name: str) -> str:
    """Return what a field is called where the heading above it, which has the language, is not."""
    language = LANGUAGE_NAMES.get(name.rpartition("_")[2])
    return f"{form[name].label} ({language})" if language else str(form[name].label)


def previews(card: RuleCard) -> list[dict[str, Any]]:
    """Return the card as players of each language see it (bot/screens/rules/texts.py)."""
    return [
        {
            "language": LANGUAGE_NAMES[language],
            "title": card.title(language),
            "head": f"{card.level} · {card.topic.title(language)}",
            "text": card.text(language),
            "examples": [
                (example["de"], "" if language == "de" else example[language])
                for example in card.examples
            ],
            "table": "\n".join(card.table),
        }
        for language in LANGUAGES
    ]


@admin.register(Topic)
class TopicAdmin(StaffAdmin[Topic]):
    """The topics of rule cards, as players read them."""

    list_display = ("slug", "english_title", "level")
    list_filter = ("level",)
    search_fields = ("slug", "title_en")
    search_help_text = "Beginning of a slug, or part of a title"
    ordering = ("number", "pk")
    fields = ("slug", "level", "title_de", "title_en", "title_uk")

    def get_form(
        self, request: HttpRequest, obj: Topic | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """Return the form, in which each title says its language."""
        labels = {f"title_{code}": f"Title, {name}" for code, name in LANGUAGE_NAMES.items()}
        return super().get_form(request, obj, change, **{**kwargs, "labels": labels})

    @display(description="Title")
    def english_title(self, topic: Topic) -> str:
        return topic.title_en

    def get_readonly_fields(self, request: HttpRequest, obj: Topic | None = None) -> Any:
        """Return what cannot be edited: questions and cards name a topic by its slug."""
        return ("slug",) if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Topic | None = None) -> bool:
        """Return False: what is filed under it would be lost."""
        return False

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Topic], search_term: str
    ) -> tuple[QuerySet[Topic], bool]:
        """Find by the beginning of the slug or by any part of the title; there are hundreds."""
        if term := search_term.strip():
            queryset = queryset.filter(Q(slug__startswith=term) | Q(title_en__icontains=term))
        return queryset, False

    def save_model(self, request: HttpRequest, obj: Topic, form: Any, change: bool) -> None:
        """Store the topic, a new one behind the others."""
        if not change:
            last = Topic.objects.order_by("-number").values_list("number", flat=True).first()
            obj.number = 0 if last is None else last + 1
        super().save_model(request, obj, form, change)
