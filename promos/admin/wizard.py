"""The wizard: one page from what a campaign gives to its codes, with what comes of it beside it.

What is typed is looked at by the same form while somebody types and when it is sent, so the page
never promises what is refused afterwards.
"""

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from django import forms
from django.contrib import messages
from django.contrib.admin.options import HORIZONTAL
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst
from unfold.widgets import (
    INPUT_CLASSES,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from promos import (
    batches,
    campaign_templates,
    campaigns,
    codes,
    planning,
    products,
    redemptions,
)
from promos.admin.codes import keep_for_preview, read_codes
from promos.admin.looks import LANGUAGES, looks
from promos.admin.tagging import TagsField
from promos.code_files import LINES_MAX
from promos.errors import BadBatchError, BadTermsError, PromosError
from promos.models import (
    ENERGY_MAX,
    GRANT_DAYS,
    HOLDOUT_MAX,
    RUNNING,
    Campaign,
    CampaignKind,
    CampaignStatus,
    Scope,
)
from quizarena.players.models import Language
from quizarena.staff import dates, draft_templates
from quizarena.staff.desk import MomentInput, StaffAdmin, own_user

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[Campaign]
else:
    _ModelForm = forms.ModelForm

WINDOW_AND_LIMITS = ("starts_at", "ends_at", "uses_max", "stars_max")
# The preview names so many products; the others are counted.
PRODUCTS_SHOWN = 6
LEVELS = ("A1", "A2", "B1", "B2")

# step: (title, what it asks for, fields)
STEPS = (
    ("Type", "What does a code give?", ("name", "tags", "kind")),
    ("Value", "How much of it?", ("days", "energy", "percent", "scope", "product_code")),
    (
        "Who",
        "Audience (nothing ticked = everyone).",
        (
            "for_new_players",
            "for_first_purchase",
            "for_language",
            "for_level",
            "for_lapsed_days",
            "holdout_percent",
        ),
    ),
    ("When", f"{dates.zone_name()}.", ("starts_at", "ends_at", "is_weekend_offer")),
    ("Limits", "Reserved uses count towards the limit.", ("uses_max", "stars_max")),
    (
        "Codes",
        "One shared code, a batch of unique codes, your own codes, or several of these.",
        ("shared_code", "batch_size", "batch_prefix", "import_file"),
    ),
)


def _number(label: str, *, least: int = 1, most: int | None = None, help_text: str = "") -> Any:
    """Return a field for a whole number that may be left out."""
    return forms.IntegerField(
        label=label,
        required=False,
        min_value=least,
        max_value=most,
        help_text=help_text,
        widget=UnfoldAdminIntegerFieldWidget,
    )


class CampaignForm(_ModelForm):
    """The terms of a campaign, and codes to begin with."""

    days = forms.TypedChoiceField(
        label="Days of Premium",
        choices=[(days, f"{days} days") for days in GRANT_DAYS],
        coerce=int,
        empty_value=None,
        required=False,
        widget=UnfoldAdminRadioSelectWidget(radio_style=HORIZONTAL),
    )
    energy = _number("Energy", most=ENERGY_MAX)
    percent = _number("Discount (%)", most=90)
    holdout_percent = _number(
        "Holdout (%)",
        least=0,
        most=HOLDOUT_MAX,
        help_text="So many of these players, chosen at random, get nothing: neither by the code, "
        "nor by a broadcast that announces it. The campaign's page compares the others with them. "
        "For a shared code only, and fixed once the campaign has started. Empty: nobody.",
    )
    shared_code = forms.CharField(
        label="Shared code",
        required=False,
        help_text="4 to 32 letters A to Z and digits; spaces and hyphens do not count.",
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
    )
    batch_size = _number(
        "Unique codes", most=batches.SIZE_MAX, help_text="Generated in the background."
    )
    batch_prefix = forms.CharField(
        label="Prefix of the unique codes",
        required=False,
        help_text="Up to 12 letters A to Z and digits, such as SUMMER.",
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
    )
    import_file = forms.FileField(
        label="Codes of your own",
        required=False,
        help_text="CSV, text or Excel (.xlsx), a code of 8 to 32 characters on each line, "
        f"{LINES_MAX:,} at most. You see the first of them before they are imported.",
        widget=forms.FileInput(
            attrs={"accept": ".csv,.txt,.xlsx,text/*", "class": " ".join(INPUT_CLASSES)}
        ),
    )
    tags = TagsField()
    # One page is one campaign, however often it is sent.
    decision = forms.UUIDField(initial=uuid4, widget=forms.HiddenInput)
    # When the campaign was changed last, as the page has been shown.
    seen_at = forms.CharField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = Campaign
        fields = (
            "kind",
            "scope",
            "product_code",
            "for_new_players",
            "for_first_purchase",
            "for_language",
            "for_level",
            "for_lapsed_days",
            "holdout_percent",
            "name",
            "tags",
            "starts_at",
            "ends_at",
            "is_weekend_offer",
            "uses_max",
            "stars_max",
        )
        labels = {
            "kind": "Type",
            "scope": "What it is for",
            "product_code": "Product",
            "for_new_players": "New players: no answered question before today",
            "for_first_purchase": "First purchase: has never paid",
            "for_language": "Language",
            "for_level": "Level",
            "for_lapsed_days": "Inactive for at least (days)",
            "starts_at": "From",
            "ends_at": "Until",
            "is_weekend_offer": "Offer it to players at the weekend",
            "uses_max": "Uses at most",
            "stars_max": "Budget in Stars",
        }
        help_texts = {
            "name": "Internal name.",
            "ends_at": "Empty: until staff end it.",
            "uses_max": "Empty: unlimited.",
            "is_weekend_offer": "Friday 18:00 to Sunday 23:59, while it runs, to whom it is for. "
            "Needs a discount with a shared code, which players need not type.",
            "stars_max": "The most that all discounts together take off. Empty: unlimited.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._dress()
        campaign = self.instance
        if campaign._state.adding:
            self.fields["starts_at"].initial = timezone.localtime().replace(second=0)
            self.fields["kind"].initial = CampaignKind.PREMIUM_GRANT
            return
        self.fields["seen_at"].initial = campaign.changed_at.isoformat()
        self.fields[_VALUES[campaign.kind]].initial = campaign.value
        shared = campaign.codes.filter(is_shared=True, batch=None, revoked_at=None).first()
        self.fields["shared_code"].initial = shared.label if shared else ""
        if campaign.status in RUNNING:
            for name in set(self.fields) - {*planning.CHANGEABLE, "decision", "seen_at"}:
                self.fields[name].disabled = True

    def _dress(self) -> None:
        """Give the fields of the model their choices and Unfold's clothes."""
        choices: dict[str, list[tuple[str, str]]] = {
            "kind": [(kind.value, capfirst(kind.label)) for kind in CampaignKind],
            "scope": [(scope.value, capfirst(scope.label)) for scope in Scope],
            "for_language": [("", "Any"), *Language.for_staff()],
            "for_level": [("", "Any"), *((level, level) for level in LEVELS)],
        }
        for name, offered in choices.items():
            widget = (
                UnfoldAdminRadioSelectWidget(radio_style=HORIZONTAL)
                if name == "kind"
                else UnfoldAdminSelectWidget()
            )
            self.fields[name] = forms.ChoiceField(
                label=self.fields[name].label,
                choices=offered,
                required=name in ("kind", "scope"),
                widget=widget,
                initial=self.fields[name].initial,
            )
        for name in ("for_new_players", "for_first_purchase", "is_weekend_offer"):
            self.fields[name].widget = UnfoldBooleanWidget()
        for name in ("uses_max", "stars_max", "for_lapsed_days"):
            self.fields[name].widget = UnfoldAdminIntegerFieldWidget(attrs={"min": 1})
        for name in ("starts_at", "ends_at"):
            self.fields[name].widget = MomentInput()
        self.fields["name"].widget = UnfoldAdminTextInputWidget(attrs={"maxlength": 80})
        self.fields["product_code"].widget = UnfoldAdminTextInputWidget(
            attrs={"list": "products-on-sale", "autocomplete": "off"}
        )

    # --- What is wrong with it ----------------------------------------------------------------

    def clean(self) -> dict[str, Any]:
        """Put the value together, drop what the type has no use for, and check what belongs."""
        cleaned = super().clean() or self.cleaned_data
        kind = cleaned.get("kind")
        if kind:
            self._clean_value(kind, cleaned)
            if kind != CampaignKind.PERCENT_DISCOUNT:
                cleaned |= {"scope": Scope.ANY, "stars_max": None, "is_weekend_offer": False}
        if cleaned.get("scope") != Scope.PRODUCT:
            cleaned["product_code"] = ""
        elif not self._is_known(cleaned.get("product_code") or ""):
            self.add_error("product_code", "Choose one of the products for sale.")
        starts_at, ends_at = cleaned.get("starts_at"), cleaned.get("ends_at")
        if starts_at and ends_at and ends_at <= starts_at:
            self.add_error("ends_at", "The end has to be after the start.")
        for name in ("uses_max", "stars_max", "for_lapsed_days"):
            if cleaned.get(name) == 0:
                self.add_error(name, "Enter at least 1, or leave it empty.")
        if cleaned.get("for_new_players") and cleaned.get("for_lapsed_days"):
            self.add_error(
                "for_lapsed_days", "A new player cannot have been away. Choose one of the two."
            )
        self._clean_codes(cleaned)
        self._clean_holdout(cleaned)
        if cleaned.get("is_weekend_offer") and not cleaned.get("shared_code"):
            self.add_error("shared_code", "A weekend offer needs a shared code.")
        return cleaned

    def _clean_value(self, kind: str, cleaned: dict[str, Any]) -> None:
        """Take the value from the field of the type."""
        name = _VALUES[kind]
        cleaned["value"] = cleaned.get(name)
        if cleaned["value"] is not None:
            self.instance.value = cleaned["value"]
        elif name not in self.errors:
            self.add_error(name, "Enter a value.")

    def _clean_holdout(self, cleaned: dict[str, Any]) -> None:
        """Refuse unique codes beside a holdout: whoever was given one was promised something."""
        cleaned["holdout_percent"] = cleaned.get("holdout_percent") or 0
        if not cleaned["holdout_percent"]:
            return
        for name in ("batch_size", "import_file"):
            if cleaned.get(name):
                self.add_error(name, campaigns.NO_UNIQUE_CODES)

    def _is_known(self, product_code: str) -> bool:
        """Return whether there is such a product, as far as anybody knows."""
        known = {product.code for product in products.on_sale()}
        return bool(product_code) and (not known or product_code in known)

    def _clean_codes(self, cleaned: dict[str, Any]) -> None:
        """Check the codes as far as that can be done before they are made."""
        cleaned["shared_code"] = codes.normalised(cleaned.get("shared_code") or "")
        if self.has_new_shared_code:
            if not codes.SHARED.fullmatch(cleaned["shared_code"]):
                self.add_error("shared_code", "4 to 32 letters A to Z and digits.")
            elif redemptions.find(cleaned["shared_code"]) is not None:
                self.add_error("shared_code", "This code has been taken already.")
        prefix = codes.normalised(cleaned.get("batch_prefix") or "")
        if not batches.PREFIX.fullmatch(prefix):
            self.add_error("batch_prefix", "Up to 12 letters A to Z and digits.")
        elif prefix and not cleaned.get("batch_size") and "batch_size" not in self.errors:
            self.add_error("batch_size", "Enter how many codes get this prefix.")
        if file := cleaned.get("import_file"):
            try:
                cleaned["codes"] = read_codes(file=file)
            except forms.ValidationError as error:
                self.add_error("import_file", error)

    @property
    def has_new_shared_code(self) -> bool:
        """Whether a shared code was typed that the campaign does not have yet."""
        code = self.cleaned_data.get("shared_code")
        return bool(code) and code != self.fields["shared_code"].initial

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
    def draft(self) -> Campaign | None:
        """Return the campaign as far as it is filled in, or None while its value is missing."""
        cleaned = getattr(self, "cleaned_data", {})
        if cleaned.get("value") is None or not cleaned.get("starts_at"):
            return None
        terms = {name: cleaned.get(name) for name in (*planning.CHANGEABLE, *planning.FIXED)}
        return Campaign(pk=self.instance.pk, **terms)


# Where the value of each type is typed.
_VALUES: dict[str, str] = {
    CampaignKind.PREMIUM_GRANT: "days",
    CampaignKind.ENERGY_GRANT: "energy",
    CampaignKind.PERCENT_DISCOUNT: "percent",
}


# --- The page -------------------------------------------------------------------------------------


def page(
    request: HttpRequest, campaign: Campaign | None, *, model_admin: StaffAdmin[Campaign]
) -> HttpResponse:
    """Show the wizard, and store what it makes."""
    if campaign is not None and campaign.status not in (CampaignStatus.DRAFT, *RUNNING):
        messages.error(request, f"It is {campaign.get_status_display()}: clone it.")
        return HttpResponseRedirect(_page_of(campaign))
    if campaign is None and (saved := _saved(request)) is not None:
        return HttpResponseRedirect(_page_of(saved))
    form = _form(request, campaign)
    if request.method == "POST" and form.is_valid():
        try:
            saved = _save(request, form)
            found = form.cleaned_data.get("codes")
            if found is not None and saved.status == CampaignStatus.DRAFT:
                return HttpResponseRedirect(keep_for_preview(request, saved, found))
            return HttpResponseRedirect(_page_of(saved))
        except BadTermsError as error:
            form.add_error(error.field, str(error))
        except PromosError as error:
            form.add_error(None, str(error))
    name = "promos_campaign_check"
    check_page = (
        reverse(f"admin:{name}_new")
        if campaign is None
        else reverse(f"admin:{name}", args=[campaign.pk])
    )
    context = {
        **model_admin.admin_site.each_context(request),
        "title": "New campaign" if campaign is None else f"Edit {campaign}",
        "opts": model_admin.opts,
        "media": model_admin.media + forms.Media(js=["promos/wizard.js"]),
        "form": form,
        "campaign": campaign,
        "is_running": campaign is not None and campaign.status in RUNNING,
        "check_page": check_page,
        "products": products.on_sale(),
        "outlook": _outlook(form, staff=own_user(request)),
        "back": reverse("admin:promos_campaign_changelist")
        if campaign is None
        else _page_of(campaign),
    }
    return TemplateResponse(request, "promos/wizard.html", context)


def check(request: HttpRequest, campaign: Campaign | None) -> HttpResponse:
    """Return what is wrong with what was typed, and what would come of it. Stores nothing."""
    form = _form(request, campaign)
    is_good = form.is_valid()
    return JsonResponse(
        {
            "good": is_good,
            "errors": {name or "__all__": list(errors) for name, errors in form.errors.items()},
            "outlook": render_to_string(
                "promos/wizard_outlook.html",
                {"outlook": _outlook(form, staff=own_user(request))},
            ),
        }
    )


def _page_of(campaign: Campaign) -> str:
    return reverse("admin:promos_campaign_change", args=[campaign.pk])


def _form(request: HttpRequest, campaign: Campaign | None) -> CampaignForm:
    """Return the form with what was sent; a copy of the campaign keeps what is stored apart."""
    instance = None if campaign is None else Campaign.objects.get(pk=campaign.pk)
    if request.method != "POST":
        return CampaignForm(instance=instance, initial=None if campaign else _initial(request))
    return CampaignForm(request.POST, request.FILES, instance=instance)


def _initial(request: HttpRequest) -> dict[str, Any]:
    """Return what a new campaign is filled in with: the template that the address names, if any."""
    terms = draft_templates.terms_of(
        kind=campaign_templates.KIND, given=request.GET.get("template", "")
    )
    if terms is None:
        return {}
    starts_at = timezone.localtime().replace(second=0, microsecond=0)
    known = ("name", *campaign_templates.TERMS)
    return {
        **{name: value for name, value in terms.items() if name in known},
        _VALUES[terms["kind"]]: terms["value"],
        "starts_at": starts_at,
        "ends_at": campaign_templates.window_of(terms, starts_at=starts_at),
    }


def _saved(request: HttpRequest) -> Campaign | None:
    """Return the campaign that this very page has made already, if it has."""
    try:
        return Campaign.objects.filter(key=UUID(request.POST.get("decision", ""))).first()
    except ValueError:
        return None


@transaction.atomic
def _save(request: HttpRequest, form: CampaignForm) -> Campaign:
    """Store the campaign and its codes, or nothing. Raises PromosError."""
    staff, now, cleaned = own_user(request), timezone.now(), form.cleaned_data
    if form.instance._state.adding:
        form.instance.key = cleaned["decision"]
        campaign, is_new = planning.create(campaign=form.instance, now=now, staff=staff)
        if not is_new:
            return campaign
    else:
        terms = {name: cleaned[name] for name in (*planning.CHANGEABLE, *planning.FIXED)}
        campaign = planning.edit(
            campaign_id=form.instance.pk,
            terms=terms,
            seen_at=_moment(cleaned["seen_at"]),
            now=now,
            staff=staff,
        )
    messages.success(request, f"{campaign}: saved.")
    if campaign.status == CampaignStatus.DRAFT:
        _add_codes(request, form, campaign, now=now)
    return campaign


def _moment(text: str) -> datetime:
    """Return the instant that the page carries along. Raises BadTermsError if it is none."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise BadTermsError("seen_at", "Open the page again.") from None


def _add_codes(
    request: HttpRequest, form: CampaignForm, campaign: Campaign, *, now: datetime
) -> None:
    """Give a draft the codes that were asked for. Raises BadTermsError."""
    staff, cleaned = own_user(request), form.cleaned_data
    field = "shared_code"
    try:
        if form.has_new_shared_code:
            campaigns.share_code(campaign_id=campaign.pk, raw=cleaned["shared_code"], now=now)
        field = "batch_size"
        if cleaned["batch_size"]:
            batches.order(
                campaign_id=campaign.pk,
                size=cleaned["batch_size"],
                prefix=cleaned["batch_prefix"],
                now=now,
                staff=staff,
            )
    except BadBatchError as error:
        raise BadTermsError(field, str(error)) from error


# --- What comes of it -----------------------------------------------------------------------------


def _outlook(form: CampaignForm, *, staff: User) -> dict[str, Any]:
    """Return what a player reads and pays, what it costs at most, and what to think about."""
    draft = form.draft
    if draft is None:
        return {}
    fitting = products.fitting(draft) if draft.is_discount else []
    outlook = {
        "gives": planning.gives(draft),
        "segment": planning.segment(draft),
        "looks": looks(draft),
        "prices": [
            {
                "titles": [product.title(language) for language in LANGUAGES],
                "before": product.stars,
                "after": after,
            }
            for product, after in fitting[:PRODUCTS_SHOWN]
        ],
        "hidden_prices": max(0, len(fitting) - PRODUCTS_SHOWN),
    }
    if not form.errors.keys().isdisjoint(WINDOW_AND_LIMITS):
        return outlook  # Window and limits are not known yet.
    now = timezone.now()
    cost = planning.most_it_costs(draft, now=now)
    return outlook | {
        "cost": cost,
        "each": f"{cost.stars_each:,} ★ a use at most" if cost.stars_each is not None else "",
        "goods": _goods(draft),
        "is_asked": form.instance.status == CampaignStatus.DRAFT
        and planning.why_a_second_person(draft, staff=staff, now=now),
        "warnings": planning.warnings(draft, now=now),
    }


def _goods(draft: Campaign) -> str:
    """Return what all uses together give away, if they are goods and have an end."""
    if draft.is_discount or draft.uses_max is None:
        return ""
    unit = "days of Premium" if draft.kind == CampaignKind.PREMIUM_GRANT else "energy"
    return f"{draft.uses_max * draft.value:,} {unit}"
