"""One change of several drafts in the admin: what is changed, what comes of it for each, done."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldBooleanSwitchWidget,
)

from promos import bulk_edits
from promos.admin.tagging import MAY_RUN, TagsField
from promos.bulk_edits import Change, Line
from promos.errors import PromosError
from promos.models import Campaign
from quizarena.players.models import Language
from quizarena.staff.decisions import Decision, decide
from quizarena.staff.desk import MomentInput, StaffAdmin, own_user

LEVELS = ("A1", "A2", "B1", "B2")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# Of a larger choice no parts are linked.
PARTS_LINKED = 5


def _tick(label: str, help_text: str = "") -> forms.BooleanField:
    return forms.BooleanField(
        label=label, required=False, help_text=help_text, widget=UnfoldBooleanSwitchWidget
    )


def _number(label: str, help_text: str = "") -> forms.IntegerField:
    return forms.IntegerField(
        label=label,
        required=False,
        min_value=1,
        max_value=2**31 - 1,
        help_text=help_text,
        widget=UnfoldAdminIntegerFieldWidget,
    )


class BulkForm(forms.Form):
    """What is changed; what is not ticked stays as it is in each draft."""

    change_window = _tick("Change the window")
    starts_at = forms.DateTimeField(label="From", required=False, widget=MomentInput)
    ends_at = forms.DateTimeField(
        label="Until", required=False, widget=MomentInput, help_text="Empty: until staff end it."
    )
    change_uses = _tick("Change the uses")
    uses_max = _number("Uses at most", "Empty: unlimited.")
    change_budget = _tick("Change the budget")
    stars_max = _number("Budget in Stars", "Of discounts. Empty: unlimited.")
    change_audience = _tick("Change the audience", "Nothing chosen below: everybody.")
    for_new_players = _tick("New players")
    for_first_purchase = _tick("First purchase")
    for_language = forms.ChoiceField(
        label="Language",
        required=False,
        choices=[("", "Any"), *Language.for_staff()],
        widget=UnfoldAdminSelectWidget,
    )
    for_level = forms.ChoiceField(
        label="Level",
        required=False,
        choices=[("", "Any"), *((level, level) for level in LEVELS)],
        widget=UnfoldAdminSelectWidget,
    )
    for_lapsed_days = forms.IntegerField(
        label="Inactive for at least (days)",
        required=False,
        min_value=1,
        max_value=32_767,
        widget=UnfoldAdminIntegerFieldWidget,
    )
    add_tags = TagsField(label="Add tags")
    remove_tags = TagsField(label="Remove tags")
    seen = forms.CharField(widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        """Ask for something to change, and for a start if the window is."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("change_window") and not cleaned.get("starts_at"):
            self.add_error("starts_at", "Enter when it starts.")
        change = self.change
        if not self.errors and not (change.terms or change.add_tags or change.remove_tags):
            raise forms.ValidationError("Tick or fill in what to change.")
        return cleaned

    @property
    def change(self) -> Change:
        """Return what was asked for."""
        cleaned = self.cleaned_data
        names = [
            *(("starts_at", "ends_at") if cleaned.get("change_window") else ()),
            *(("uses_max",) if cleaned.get("change_uses") else ()),
            *(("stars_max",) if cleaned.get("change_budget") else ()),
            *(bulk_edits.SEGMENT if cleaned.get("change_audience") else ()),
        ]
        return Change(
            terms={name: cleaned.get(name) for name in names},
            add_tags=cleaned.get("add_tags") or (),
            remove_tags=cleaned.get("remove_tags") or (),
        )


def page_of(chosen: QuerySet[Campaign]) -> str:
    """Return the address where these drafts are changed, as they are shown now."""
    seen = ",".join(
        f"{pk}:{(changed_at - _EPOCH) // _MICROSECOND}"
        for pk, changed_at in chosen.order_by("pk").values_list("pk", "changed_at")
    )
    return f"{reverse('admin:promos_campaign_drafts')}?{urlencode({'seen': seen})}"


def too_many(chosen: QuerySet[Campaign]) -> SafeString:
    """Return what to do about more campaigns than are changed at once: they are linked in parts."""
    pks = list(chosen.order_by("pk").values_list("pk", flat=True))
    most = bulk_edits.DRAFTS_MAX
    said = format_html(
        "{} campaigns are chosen, and {} drafts at most are changed at once.", f"{len(pks):,}", most
    )
    if len(pks) > PARTS_LINKED * most:
        return format_html("{} Choose fewer with the filters, and try again.", said)
    parts = [pks[first : first + most] for first in range(0, len(pks), most)]
    links = format_html_join(
        ", ",
        '<a href="{}" class="underline">{} to {}</a>',
        (
            (
                page_of(Campaign.objects.filter(pk__in=part)),
                number * most + 1,
                number * most + len(part),
            )
            for number, part in enumerate(parts)
        ),
    )
    return format_html("{} Change them in parts, from the oldest: {}.", said, links)


def _read_seen(text: str) -> dict[int, datetime]:
    """Return when each was changed last, as it was seen; nothing for what is not readable."""
    pairs = [pair.partition(":") for pair in text.split(",")]
    if not all(
        pk.isascii()
        and pk.isdecimal()
        and len(pk) < 19
        and at.isascii()
        and at.isdecimal()
        and len(at) < 17
        for pk, _, at in pairs
    ):
        return {}
    return {int(pk): _EPOCH + int(at) * _MICROSECOND for pk, _, at in pairs}


def view(request: HttpRequest, *, model_admin: StaffAdmin[Campaign]) -> HttpResponse:
    """Change several drafts at once."""
    if not request.user.has_perm(MAY_RUN):
        raise PermissionDenied
    carried = request.POST.get("seen") or request.GET.get("seen", "")
    seen = _read_seen(carried)
    existing = set(Campaign.objects.filter(pk__in=list(seen)).values_list("pk", flat=True))
    seen = {pk: at for pk, at in seen.items() if pk in existing}
    if not seen:
        raise Http404("The address names no draft.")
    if len(seen) > bulk_edits.DRAFTS_MAX:
        chosen = Campaign.objects.filter(pk__in=list(seen))
        model_admin.message_user(request, too_many(chosen), messages.ERROR)
        return HttpResponseRedirect(reverse("admin:promos_campaign_changelist"))
    staff = own_user(request)

    class Form(BulkForm):
        seen = forms.CharField(initial=carried, widget=forms.HiddenInput)

        def clean(self) -> dict[str, Any]:
            cleaned = super().clean()
            return {**cleaned, "change": self.change}

    def preview(cleaned: dict[str, Any]) -> list[list[object]]:
        lines = bulk_edits.preview(
            seen=seen, change=cleaned["change"], now=timezone.now(), staff=staff
        )
        rows: list[list[object]] = [[str(line.campaign), _in_words(line)] for line in lines]
        if any(line.refusal for line in lines):
            rows.append(["All of them", format_html("<em>{}</em>", _NONE)])
        return rows

    def execute(cleaned: dict[str, Any]) -> str:
        lines = bulk_edits.apply(
            seen=seen, change=cleaned["change"], now=timezone.now(), staff=staff
        )
        changed = [str(line.campaign) for line in lines if line.changes]
        if not changed:
            return "There was nothing to change."
        return f"{len(changed)} of {len(lines)} drafts changed: {', '.join(changed)}."

    decision = Decision(
        title="Edit 1 draft" if len(seen) == 1 else f"Edit {len(seen)} drafts",
        note="What is not ticked stays as it is. All drafts are changed, or none of them.",
        form=Form,
        preview=preview,
        headers=("Campaign", "What changes"),
        execute=execute,
        refusals=(PromosError,),
        back=reverse("admin:promos_campaign_changelist"),
        confirm="Change all",
        fresh_factor=True,
    )
    return decide(request, decision, model_admin=model_admin)


_NONE = (
    "Nothing would be changed while one of them is refused. Leave it out, or change what is asked."
)


def _in_words(line: Line) -> SafeString | str:
    if line.refusal:
        return format_html("<em>Refused: {}</em>", line.refusal)
    if not line.changes:
        return "nothing"
    return format_html_join(
        SafeString("<br>"), "{}: {} → {}", (tuple(change) for change in line.changes)
    )
