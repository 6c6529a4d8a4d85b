"""Decisions of staff about a player: asked, shown beforehand, confirmed, recorded."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
)

from economy import adjustments
from economy.errors import EconomyError
from economy.goods import DAYS_MAX, Plan
from economy.models import AMOUNT_MAX, Asset, LedgerEntry
from economy.statements import moved
from quizarena.players.models import Player
from quizarena.staff import audit
from quizarena.staff.desk import ReadOnlyAdmin


class DecisionForm(forms.Form):
    """What staff decide about a player, with the reason; one form is one decision."""

    reason = forms.CharField(
        max_length=adjustments.REASON_MAX_LENGTH,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text="Stands in the ledger for ever.",
    )
    decision = forms.UUIDField(initial=uuid4, widget=forms.HiddenInput)


class AdjustmentForm(DecisionForm):
    """An asset, and how much of it."""

    field_order = ("asset", "amount", "reason")

    asset = forms.TypedChoiceField(
        coerce=Asset,
        choices=[(asset.value, asset.label.capitalize()) for asset in adjustments.COLUMNS],
        initial=Asset.PAID_ENERGY,
        widget=UnfoldAdminSelectWidget,
    )
    amount = forms.IntegerField(
        min_value=-AMOUNT_MAX,
        max_value=AMOUNT_MAX,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="Below zero to take away.",
    )


class PremiumForm(DecisionForm):
    """A plan, and for how many days."""

    field_order = ("plan", "days", "reason")

    plan = forms.TypedChoiceField(
        coerce=Plan,
        choices=[(plan.value, plan.title()) for plan in Plan],
        initial=Plan.MONTH,
        widget=UnfoldAdminSelectWidget,
    )
    days = forms.IntegerField(
        min_value=1, max_value=DAYS_MAX, initial=7, widget=UnfoldAdminIntegerFieldWidget
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a page of decision asks, shows beforehand and does."""

    title: str
    player: Player
    form: type[DecisionForm]
    # Both take the cleaned form; both raise EconomyError. The first returns rows of what, before
    # and after; the second what was written, whether it is new, and a sentence about it.
    preview: Callable[[dict[str, Any]], Sequence[Sequence[object]]]
    carry_out: Callable[[dict[str, Any]], tuple[LedgerEntry, bool, str]]
    audit_action: str
    note: str = ""


def decide(
    request: HttpRequest, decision: Decision, *, model_admin: "ReadOnlyAdmin[Any]"
) -> HttpResponse:
    """Ask, show what would come of it, and carry it out once it is confirmed.

    The ledger entry and the audit entry are one transaction. Whoever confirms twice gets the
    first outcome.
    """
    form = decision.form(request.POST or None)
    rows: Sequence[Sequence[object]] | None = None
    if request.method == "POST" and form.is_valid() and "edit" not in request.POST:
        try:
            if "confirm" in request.POST:
                return _carried_out(request, decision, form.cleaned_data)
            rows = decision.preview(form.cleaned_data)
        except EconomyError as error:
            form.add_error(None, f"Refused: {error}.")
    context = {
        **admin.site.each_context(request),
        "title": decision.title,
        "opts": model_admin.opts,
        "media": model_admin.media,
        "decision": decision,
        "form": form,
        "preview": None if rows is None else {"headers": ["", "Before", "After"], "rows": rows},
        "chosen": _chosen(form) if rows is not None else [],
    }
    return TemplateResponse(request, "economy/decision.html", context)


def _carried_out(
    request: HttpRequest, decision: Decision, cleaned: dict[str, Any]
) -> HttpResponseRedirect:
    """Carry it out, record it, and return to the player's statement."""
    with transaction.atomic():
        entry, is_new, sentence = decision.carry_out(cleaned)
        if is_new:
            audit.record(
                actor=own_user(request),
                action=decision.audit_action,
                obj=decision.player,
                summary=f"{decision.player}: {sentence} {entry.reason}",
                details={"entry": entry.pk, "moved": moved(entry), "reason": entry.reason},
            )
    told = sentence if is_new else f"This was done before: {sentence}"
    messages.success(request, told)
    return HttpResponseRedirect(reverse("admin:economy_wallet_change", args=[decision.player.pk]))


def _chosen(form: DecisionForm) -> list[tuple[object, object]]:
    """Return what was filled in, as one reads it."""
    fields = [field for field in form.visible_fields() if field.name in form.cleaned_data]
    return [
        (
            field.label,
            dict(getattr(field.field, "choices", ())).get(
                form.cleaned_data[field.name], form.cleaned_data[field.name]
            ),
        )
        for field in fields
    ]


def own_user(request: HttpRequest) -> User:
    """Return the member of staff."""
    assert isinstance(request.user, User)
    return request.user
