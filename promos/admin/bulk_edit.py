"""One change of several drafts in the admin: what is changed, what comes of it for each, done."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
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
from promos.admin.tagging import MAY_RUN, TagsField, choose_again
from promos.bulk_edits import Change, Line
from promos.errors import PromosError
from promos.models import Campaign
from quizarena.players.models import Language
from quizarena.staff import selections
from quizarena.staff.decisions import Decision, decide
from quizarena.staff.desk import MomentInput, StaffAdmin, own_user, row_number

LEVELS = ("A1", "A2", "B1", "B2")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


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


def seen_of(chosen: QuerySet[Campaign]) -> str:
    """Return these drafts as they are shown now, from the oldest."""
    return ",".join(
        f"{pk}:{(changed_at - _EPOCH) // _MICROSECOND}"
        for pk, changed_at in chosen.order_by("pk").values_list("pk", "changed_at")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """The drafts of a choice that are changed together: no more than DRAFTS_MAX."""

    key: str
    number: int
    rows: Sequence[str]

    @property
    def count(self) -> int:
        """Return in how many parts the choice is changed."""
        return max(1, -(-len(self.rows) // bulk_edits.DRAFTS_MAX))

    @property
    def seen(self) -> str:
        """Return the drafts of this part."""
        first = (self.number - 1) * bulk_edits.DRAFTS_MAX
        return ",".join(self.rows[first : first + bulk_edits.DRAFTS_MAX])

    def page(self, number: int) -> str:
        """Return the address of a part of this choice."""
        query = {"chosen": self.key} | ({"part": f"{number}"} if self.count > 1 else {})
        return f"{reverse('admin:promos_campaign_drafts')}?{urlencode(query)}"

    def label(self, number: int) -> str:
        """Return which drafts a part has, counted from the oldest."""
        first = (number - 1) * bulk_edits.DRAFTS_MAX + 1
        last = min(len(self.rows), number * bulk_edits.DRAFTS_MAX)
        return f"{first:,}" if first == last else f"{first:,} to {last:,}"

    @property
    def note(self) -> SafeString:
        """Return which part this is, with the way to every other one; empty for the only one."""
        if self.count == 1:
            return SafeString("")
        links = format_html_join(
            ", ",
            '<a href="{}" class="underline">{}</a>',
            (
                (self.page(number), self.label(number))
                for number in range(1, self.count + 1)
                if number != self.number
            ),
        )
        return format_html(
            " These are the drafts {} of {} that you have chosen, from the oldest: {} at most are"
            " changed at once. The others: {}.",
            self.label(self.number),
            f"{len(self.rows):,}",
            bulk_edits.DRAFTS_MAX,
            links,
        )


def first_page(request: HttpRequest, chosen: QuerySet[Campaign]) -> str:
    """Keep the choice, as it is shown now; return the address where its first part is changed."""
    rows = seen_of(chosen)
    part = _Part(key=selections.keep(request, rows), number=1, rows=rows.split(","))
    return part.page(1)


def _part(request: HttpRequest) -> _Part:
    """Return the part that an address or a form names; without rows if it is no longer stored."""
    asked = request.POST if request.method == "POST" else request.GET
    key, rows = asked.get("chosen", ""), selections.kept(request, asked.get("chosen", ""))
    part = _Part(key=key, number=1, rows=rows.split(",") if rows else ())
    return replace(part, number=min(row_number(asked.get("part", "")) or 1, part.count))


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
    this = _part(request)
    carried = request.POST.get("seen", this.seen)
    if not carried:
        return choose_again(request, model_admin=model_admin)
    seen = _read_seen(carried)
    existing = set(Campaign.objects.filter(pk__in=list(seen)).values_list("pk", flat=True))
    seen = {pk: at for pk, at in seen.items() if pk in existing}
    if not seen or len(seen) > bulk_edits.DRAFTS_MAX:
        raise Http404("The form names no draft, or too many.")
    staff = own_user(request)

    class Form(BulkForm):
        seen = forms.CharField(initial=carried, widget=forms.HiddenInput)
        chosen = forms.CharField(initial=this.key, required=False, widget=forms.HiddenInput)
        part = forms.CharField(initial=this.number, required=False, widget=forms.HiddenInput)

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
        note=format_html("{}{}", _NOTE, this.note),
        form=Form,
        preview=preview,
        headers=("Campaign", "What changes"),
        execute=execute,
        refusals=(PromosError,),
        back=reverse("admin:promos_campaign_changelist"),
        # On to the next part, whose page has the way to all the others.
        done=this.page(this.number + 1) if this.number < this.count else "",
        confirm="Change all",
        fresh_factor=True,
    )
    return decide(request, decision, model_admin=model_admin)


_NOTE = "What is not ticked stays as it is. All drafts are changed, or none of them."
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
