"""Writing a broadcast: the form in steps, and how what was written looks."""

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django import forms
from django.db.models import Q, QuerySet
from django.utils import translation
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from bot.messages import broadcasts, markup
from bot.messages.models import BROADCAST_FIELDS, Broadcast, Screen
from promos.models import RUNNING, Campaign, CampaignStatus
from quizarena.players.models import Language

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[Broadcast]
else:
    _ModelForm = forms.ModelForm

LANGUAGES = dict(Language.for_staff())
SEGMENT = (
    "for_language",
    "for_active_days",
    "for_lapsed_days",
    "for_premium",
    "for_paid",
    "announces",
)
# So many campaigns can be chosen from.
CAMPAIGNS_OFFERED = 200
# step: (title, what it asks for, fields)
STEPS = (
    (
        "Text",
        f"One text for each language of the audience. Allowed tags: {markup.TAGS}.",
        ("name", "text_de", "text_en", "text_uk"),
    ),
    (
        "Button",
        "Leads to a screen or to an address. The button “No more news” is always added.",
        ("screen", "url", "label_de", "label_en", "label_uk"),
    ),
    (
        "Audience",
        "Empty fields restrict nothing. Who cannot be reached or wants no news is left out.",
        SEGMENT,
    ),
)


def _yes_or_no(label: str, yes: str, no: str) -> forms.TypedChoiceField:
    return forms.TypedChoiceField(
        label=label,
        choices=[("", "Any"), ("True", yes), ("False", no)],
        coerce=lambda chosen: chosen == "True",
        empty_value=None,
        required=False,
        widget=UnfoldAdminSelectWidget,
    )


def _announceable(broadcast: Broadcast) -> QuerySet[Campaign]:
    """Return the campaigns that are not over, the newest first, and the one that was chosen."""
    open_ones = Campaign.objects.filter(status__in=(CampaignStatus.DRAFT, *RUNNING))
    newest = open_ones.order_by("-pk").values("pk")[:CAMPAIGNS_OFFERED]
    offered = Q(pk__in=newest) | Q(pk=broadcast.announces_id)
    return Campaign.objects.filter(offered).order_by("-pk")


class BroadcastForm(_ModelForm):
    """What a broadcast says, and to whom."""

    for_premium = _yes_or_no("Premium", "with Premium", "without")
    for_paid = _yes_or_no("Purchases", "have paid", "have never paid")
    # One page is one broadcast, however often it is sent.
    decision = forms.UUIDField(initial=uuid4, widget=forms.HiddenInput)
    # When the broadcast was changed last, as the page has been shown.
    seen_at = forms.CharField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = Broadcast
        fields = BROADCAST_FIELDS
        labels = {
            "text_de": "German",
            "text_en": "English",
            "text_uk": "Ukrainian",
            "label_de": "German label",
            "label_en": "English label",
            "label_uk": "Ukrainian label",
            "screen": "Screen",
            "url": "Or an address",
            "for_language": "Language",
            "for_active_days": "Active in the last … days",
            "for_lapsed_days": "Away for … days or more",
            "announces": "Announces the campaign",
        }
        help_texts = {
            "name": "Internal name.",
            "url": "Begins with https://.",
            "announces": "Whoever is held out of the campaign does not get the broadcast.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("name", "url", "label_de", "label_en", "label_uk"):
            self.fields[name].widget = UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"})
        for name in ("text_de", "text_en", "text_uk"):
            self.fields[name].widget = UnfoldAdminTextareaWidget(attrs={"rows": 6})
        for name in ("for_active_days", "for_lapsed_days"):
            self.fields[name].widget = UnfoldAdminIntegerFieldWidget(attrs={"min": 1})
        for name, none, offered in (
            ("screen", "No screen", Screen.choices),
            ("for_language", "Any", [(code, LANGUAGES[code]) for code in Language.values]),
        ):
            self.fields[name] = forms.ChoiceField(
                label=self.fields[name].label,
                choices=[("", none), *offered],
                required=False,
                widget=UnfoldAdminSelectWidget,
            )
        self.fields["announces"] = forms.ModelChoiceField(
            label=self.fields["announces"].label,
            help_text=self.fields["announces"].help_text,
            queryset=_announceable(self.instance),
            empty_label="None",
            required=False,
            widget=UnfoldAdminSelectWidget,
        )
        if not self.instance._state.adding:
            self.fields["seen_at"].initial = self.instance.changed_at.isoformat()

    def clean(self) -> dict[str, Any]:
        """Check the markup of what is there; what is missing is an error only when it is sent."""
        cleaned = super().clean() or self.cleaned_data
        for name in ("text_de", "text_en", "text_uk"):
            if cleaned.get(name):
                try:
                    markup.check(cleaned[name])
                except markup.MarkupError as error:
                    self.add_error(name, str(error))
        if wrong := broadcasts.url_fault(cleaned.get("url", "")):
            self.add_error("url", wrong)
        if cleaned.get("url") and cleaned.get("screen"):
            self.add_error("url", "Choose a screen or an address, not both.")
        for name in ("for_active_days", "for_lapsed_days"):
            if cleaned.get(name) == 0:
                self.add_error(name, "Enter at least 1, or leave the field empty.")
        if cleaned.get("for_active_days") and cleaned.get("for_lapsed_days"):
            self.add_error(
                "for_lapsed_days",
                "A player cannot be active and away at once. Fill in one of the two.",
            )
        return cleaned

    @property
    def steps(self) -> list[dict[str, Any]]:
        """Return the steps with their fields, for the template."""
        return [
            {
                "number": number,
                "title": title,
                "question": question,
                "fields": [self[name] for name in names],
            }
            for number, (title, question, names) in enumerate(STEPS, 1)
        ]

    @property
    def draft(self) -> Broadcast:
        """Return the broadcast as far as it has been written."""
        cleaned = getattr(self, "cleaned_data", None)
        if cleaned is None:
            return self.instance
        terms = {name: cleaned.get(name) for name in BROADCAST_FIELDS}
        # What is wrong is missing here.
        texts = dict.fromkeys(set(BROADCAST_FIELDS) - set(SEGMENT), "")
        return Broadcast(
            **texts | {name: value for name, value in terms.items() if value is not None}
        )


def looks(broadcast: Broadcast) -> list[dict[str, Any]]:
    """Return how the broadcast looks in a chat, by language, as far as it has been written."""
    shown = []
    for language in broadcast.languages:
        with translation.override(language):
            text, keyboard = broadcasts.message(broadcast, language=language)
        try:
            look: SafeString | str = markup.look(text)
        except markup.MarkupError as error:
            look = format_html("<em>{}</em>", str(error))
        labels = [one.text for row in keyboard.inline_keyboard for one in row]
        shown.append({"language": LANGUAGES[language], "look": look, "buttons": labels})
    return shown


def outlook(form: BroadcastForm) -> dict[str, Any]:
    """Return whom the broadcast reaches, how it looks, and what is missing, as typed so far."""
    draft = form.draft
    return {
        "looks": looks(draft),
        "to": broadcasts.in_words(draft),
        "missing": [
            f"{LANGUAGES[field[-2:]]}: {fault}" if field[-2:] in LANGUAGES else fault
            for field, fault in broadcasts.faults(draft).items()
            if field not in form.errors
        ],
    }
