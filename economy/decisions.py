"""Decisions of staff about a player of which the ledger keeps an entry."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from django import forms
from django.db import transaction
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget

from economy import adjustments, entitlements, grants
from economy.errors import EconomyError, InvalidEntryError
from economy.goods import DAYS_MAX, Plan
from economy.models import AMOUNT_MAX, Asset, LedgerEntry
from economy.statements import delivered, moved, words
from economy.timeline import minute
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
        help_text="Use a negative number to take away.",
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


def adjustment(player: Player, *, request: HttpRequest) -> Decision:
    """Return the decision to give the player something, or to take it."""
    staff, now = own_user(request), timezone.now()
    left = adjustments.left_today(staff=staff, now=now).units

    def preview(cleaned: dict[str, Any]) -> list[list[object]]:
        asset = cleaned["asset"]
        balance = adjustments.preview(
            player=player, asset=asset, amount=cleaned["amount"], staff=staff, now=now
        )
        after_it = left - abs(cleaned["amount"])
        return [
            [asset.label.capitalize(), f"{balance.before:,}", f"{balance.after:,}"],
            ["Remaining of your limit today", f"{left:,}", f"{after_it:,}"],
        ]

    def execute(cleaned: dict[str, Any]) -> tuple[LedgerEntry, bool, str]:
        entry, is_new = adjustments.adjust(
            player=player,
            asset=cleaned["asset"],
            amount=cleaned["amount"],
            reason=cleaned["reason"],
            staff=staff,
            now=now,
            key=f"staff:{cleaned['decision']}",
        )
        amount = f"{cleaned['amount']:+,}".replace("-", "−")
        return entry, is_new, f"{amount} {cleaned['asset'].label}."

    return _about(
        player,
        request=request,
        title=f"Adjust the balances of {player}",
        form=AdjustmentForm,
        preview=preview,
        execute=execute,
        audit_action="wallet.adjusted",
        note=f"You can move {left:,} more today.",
    )


def premium(player: Player, *, request: HttpRequest) -> Decision:
    """Return the decision to grant the player Premium."""
    staff, now = own_user(request), timezone.now()
    left = adjustments.left_today(staff=staff, now=now).premium_days

    def preview(cleaned: dict[str, Any]) -> list[list[object]]:
        days = cleaned["days"]
        adjustments.check_premium_days(days, staff=staff, now=now)
        until = entitlements.premium_until(player=player, now=now)
        # A higher plan goes before what is left of a lower one: the end is the same.
        return [
            ["Premium until", minute(until), minute((until or now) + timedelta(days=days))],
            ["Days remaining of your limit today", f"{left:,}", f"{left - days:,}"],
        ]

    def execute(cleaned: dict[str, Any]) -> tuple[LedgerEntry, bool, str]:
        entry, is_new = adjustments.grant_premium(
            player=player,
            plan=cleaned["plan"],
            days=cleaned["days"],
            reason=cleaned["reason"],
            staff=staff,
            now=now,
            key=f"staff:{cleaned['decision']}",
        )
        return entry, is_new, f"Granted: {delivered(entry).removeprefix('+')}."

    return _about(
        player,
        request=request,
        title=f"Grant {player} Premium",
        form=PremiumForm,
        preview=preview,
        execute=execute,
        audit_action="wallet.premium_granted",
        note=f"You can grant {left:,} more days today.",
    )


def revocation(entry: LedgerEntry, *, request: HttpRequest) -> Decision:
    """Return the decision to revoke a grant by staff."""
    now, granted = timezone.now(), delivered(entry).removeprefix("+")

    def preview(cleaned: dict[str, Any]) -> list[list[object]]:
        if LedgerEntry.objects.filter(reverses=entry).exists():
            raise InvalidEntryError("The grant is revoked already.")
        plan = grants.preview_reversal(entry=entry, now=now)
        names = [*plan.taken, *(set(plan.shortfall) - set(plan.taken))]
        return [
            [
                words(name),
                f"{plan.taken.get(name, 0):,} left, {plan.shortfall.get(name, 0):,} used",
                f"{plan.taken.get(name, 0):,} will be revoked",
            ]
            for name in names
        ]

    def execute(cleaned: dict[str, Any]) -> tuple[LedgerEntry, bool, str]:
        reversal = adjustments.revoke_premium(
            entry=entry,
            reason=cleaned["reason"],
            staff=own_user(request),
            now=now,
            key=f"revoke:{entry.pk}",
        )
        return reversal.entry, reversal.is_new, f"Revoked: {granted}."

    return _about(
        entry.player,
        request=request,
        title=f"Revoke {granted} of {entry.player}",
        preview=preview,
        execute=execute,
        audit_action="wallet.premium_revoked",
        note="Later grants start earlier instead; the player loses no days of other grants.",
    )


def _about(
    player: Player,
    *,
    request: HttpRequest,
    title: str,
    preview: Callable[[dict[str, Any]], Sequence[Sequence[object]]],
    execute: Callable[[dict[str, Any]], tuple[LedgerEntry, bool, str]],
    audit_action: str,
    note: str,
    form: type[DecisionForm] = DecisionForm,
) -> Decision:
    """Return a decision about the player that ends on the player's statement.

    `execute` returns what was written, whether it is new, and a sentence about it; the ledger
    entry and the audit entry are one transaction. Whoever confirms twice gets the first outcome.
    """

    @transaction.atomic
    def recorded(cleaned: dict[str, Any]) -> str:
        entry, is_new, sentence = execute(cleaned)
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
        headers=("What", "Before", "After"),
        execute=recorded,
        refusals=(EconomyError,),
        back=reverse("admin:players_player_change", args=[player.pk]),
        done=reverse("admin:economy_wallet_change", args=[player.pk]),
        note=note,
        fresh_factor=True,
    )
