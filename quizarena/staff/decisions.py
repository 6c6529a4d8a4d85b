"""Decisions of staff: asked, shown beforehand, confirmed, and only then carried out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from unfold.widgets import UnfoldAdminTextareaWidget

from quizarena.staff import fresh_factor, reasons
from quizarena.staff.desk import StaffAdmin


class ReasonForm(forms.Form):
    """Why staff do it."""

    reason = forms.CharField(
        max_length=reasons.MAX_LENGTH,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text="Stored permanently in the audit log.",
    )


class DecisionForm(ReasonForm):
    """What staff decide, with the reason; one form is one decision, however often it is sent."""

    decision = forms.UUIDField(initial=uuid4, widget=forms.HiddenInput)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a page of decision asks, shows beforehand and does."""

    title: str
    # Takes the cleaned form, does it in a transaction of its own that records it in the audit log,
    # and returns a sentence about it.
    execute: Callable[[dict[str, Any]], str]
    # Takes the cleaned form and returns rows of what would come of it; without it nothing is shown.
    preview: Callable[[dict[str, Any]], Sequence[Sequence[object]]] | None = None
    headers: Sequence[str] = ("What", "Before", "After")
    # One without visible fields asks nothing: the preview is the first that one sees.
    form: type[forms.Form] = forms.Form
    # What both of them raise instead.
    refusals: tuple[type[Exception], ...]
    # Where one comes from, and goes when it is done; unless that is somewhere else, which may be
    # known only then.
    back: str
    done: str | Callable[[], str] = ""
    note: str = ""
    confirm: str = "Confirm"
    # Money, codes, accounts: carried out only for who has given a code of the second factor within
    # ten minutes; who has not is asked for one, and what was filled in stays.
    fresh_factor: bool = False


def decide(
    request: HttpRequest, decision: Decision, *, model_admin: StaffAdmin[Any]
) -> HttpResponse:
    """Ask, show what would come of it, and carry it out once it is confirmed.

    What is refused says so above the form, or where one came from if nothing is asked. The view
    itself checks who may come here.
    """
    posted = request.method == "POST"
    form = decision.form(request.POST if posted else None)
    asks = bool(form.visible_fields())
    if not asks and not posted:
        form = decision.form({})
    rows: Sequence[Sequence[object]] | None = None
    if form.is_bound and form.is_valid() and "edit" not in request.POST:
        try:
            if "confirm" in request.POST:
                question = _question(request, decision)
                if question is not None:
                    return question
                messages.success(request, decision.execute(form.cleaned_data))
                done = decision.done() if callable(decision.done) else decision.done
                return HttpResponseRedirect(done or decision.back)
            if decision.preview is not None:
                rows = decision.preview(form.cleaned_data)
        except decision.refusals as error:
            refusal = f"Refused: {str(error).removesuffix('.')}."
            if not asks:
                messages.error(request, refusal)
                return HttpResponseRedirect(decision.back)
            form.add_error(None, refusal)
    context = {
        **model_admin.admin_site.each_context(request),
        "title": decision.title,
        "opts": model_admin.opts,
        "media": model_admin.media,
        "decision": decision,
        "form": form,
        "asks": asks,
        "can_confirm": rows is not None or decision.preview is None,
        "preview": None if rows is None else {"headers": decision.headers, "rows": rows},
        "chosen": _chosen(form) if rows is not None else [],
    }
    return TemplateResponse(request, "staff/decision.html", context)


def _question(request: HttpRequest, decision: Decision) -> HttpResponse | None:
    if not decision.fresh_factor:
        return None
    return fresh_factor.ask(request, back=decision.back)


def _chosen(form: forms.Form) -> list[tuple[object, object]]:
    """Return what was filled in, as one reads it."""
    fields = [(field, form.cleaned_data.get(field.name)) for field in form.visible_fields()]
    return [
        (field.label, _in_words(field.field, value))
        for field, value in fields
        if value is not False and value not in (None, "", [])
    ]


def _in_words(field: forms.Field, value: object) -> object:
    if value is True:
        return "yes"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return dict(getattr(field, "choices", ())).get(value, value)
