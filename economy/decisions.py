"""Decisions of staff about a player of which the ledger keeps an entry."""

from collections.abc import Callable, Sequence
from typing import Any

from django import forms
from django.db import transaction
from django.http import HttpRequest
from django.urls import reverse
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget

from economy import adjustments
from economy.errors import EconomyError
from economy.goods import DAYS_MAX, Plan
from economy.models import AMOUNT_MAX, Asset, LedgerEntry
from economy.statements import moved
from quizarena.players.models import Player
from quizarena.staff import audit
from quizarena.staff.decisions import Decision, DecisionForm
from quizarena.staff.desk import own_user


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


def about(
    player: Player,
    *,
    request: HttpRequest,
    title: str,
    preview: Callable[[dict[str, Any]], Sequence[Sequence[object]]],
    carry_out: Callable[[dict[str, Any]], tuple[LedgerEntry, bool, str]],
    audit_action: str,
    note: str,
    form: type[DecisionForm] = DecisionForm,
) -> Decision:
    """Return a decision about the player that ends on the player's statement.

    `carry_out` returns what was written, whether it is new, and a sentence about it; the ledger
    entry and the audit entry are one transaction. Whoever confirms twice gets the first outcome.
    """

    @transaction.atomic
    def recorded(cleaned: dict[str, Any]) -> str:
        entry, is_new, sentence = carry_out(cleaned)
        if not is_new:
            return f"This was done before: {sentence}"
        audit.record(
            actor=own_user(request),
            action=audit_action,
            obj=player,
            summary=f"{player}: {sentence} {entry.reason}",
            details={"entry": entry.pk, "moved": moved(entry), "reason": entry.reason},
        )
        return sentence

    return Decision(
        title=title,
        form=form,
        preview=preview,
        headers=("", "Before", "After"),
        carry_out=recorded,
        refusals=(EconomyError,),
        back=reverse("admin:players_player_change", args=[player.pk]),
        done=reverse("admin:economy_wallet_change", args=[player.pk]),
        note=note,
    )
