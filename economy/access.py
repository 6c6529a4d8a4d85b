"""Why a player has or had something, or not: in words, for staff. Product rules, section 6."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.apps import apps
from django.core.exceptions import ValidationError
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminSelectWidget

from economy import entitlements
from economy.entitlements import Access, Reason
from economy.models import LedgerEntry, PremiumSpan, Span
from economy.timeline import minute
from quizarena.players.models import Player
from quizarena.staff import dates
from quizarena.staff.desk import MomentInput, link

# Stands for Premium itself among the modes of the form: nobody grants it, and it is never free.
PREMIUM = "PREMIUM"


def _things() -> list[tuple[str, str]]:
    # The game lies above the economy, so it is asked for its modes by name.
    modes = apps.get_model("game", "Round")._meta.get_field("mode").flatchoices
    return [(PREMIUM, PREMIUM.title()), *modes]


class AccessForm(forms.Form):
    """A mode, or Premium, and an instant of the past, in the business zone."""

    mode = forms.ChoiceField(label="What", choices=_things, widget=UnfoldAdminSelectWidget)
    at = forms.DateTimeField(
        label=f"When, {dates.zone_name()}",
        widget=MomentInput(to_the_second=True),
    )

    def __init__(self, *args: Any, player: Player, now: datetime, **kwargs: Any) -> None:
        """Ask about `player`; `now` is the last instant that can be explained."""
        super().__init__(*args, **kwargs)
        self._player, self._now = player, now

    def clean_at(self) -> datetime:
        """Refuse what is yet to come, and what was before the player came."""
        at: datetime = self.cleaned_data["at"]
        if at > self._now:
            raise ValidationError("This instant is in the future: choose one in the past.")
        if at < self._player.created_at:
            raise ValidationError(
                f"Choose a later instant: the player joined on {minute(self._player.created_at)}."
            )
        return at


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """An answer: yes or no, a sentence, and what else is known of the grant behind it."""

    is_open: bool
    sentence: str
    facts: Sequence[tuple[str, str | SafeString]]


def explain(*, player: Player, mode: str, at: datetime) -> Explanation:
    """Return why the player had `mode`, or PREMIUM, at `at`, or had not."""
    name = dict(_things())[mode]
    access = entitlements.explain_access(player=player, mode=mode, at=at)
    return Explanation(
        is_open=access.is_open,
        sentence=f"{_verdict(access, name=name)} {_because(access, name=name)}",
        facts=_facts(access.span) if access.span else (),
    )


def _verdict(access: Access, *, name: str) -> str:
    state = "active" if name == PREMIUM.title() else "open"
    return f"Yes: {name} was {state}." if access.is_open else f"No: {name} was not {state}."


def _because(access: Access, *, name: str) -> str:
    span = access.span
    match access.reason:
        case Reason.PREMIUM:
            assert isinstance(span, PremiumSpan)
            return f"Premium {span.plan.title()} was active, and Premium opens everything."
        case Reason.MODE_GRANT:
            return f"A grant of {name} was active."
        case Reason.FREE_MODE:
            return "It is free for everybody; the player had no Premium."
        case Reason.LOCKED if span is None:
            return "The player had no Premium and no grant for it until then."
        case Reason.LOCKED:
            assert span is not None
            what = f"Premium {span.plan.title()}" if isinstance(span, PremiumSpan) else "A grant"
            return f"{what} was the latest, and it had ended."


def _facts(span: Span) -> list[tuple[str, str | SafeString]]:
    """Return from when to when the span lasts, the grant it comes from, and who took it back."""
    facts: list[tuple[str, str | SafeString]] = [
        ("Since", minute(span.starts_at)),
        ("Until", minute(span.until)),
        ("Granted by", _entry_link(span.entry)),
    ]
    if span.revoked_at is not None:
        reversal = LedgerEntry.objects.filter(reverses=span.entry).first()
        facts.append(("Revoked", minute(span.revoked_at)))
        if reversal is not None:
            facts.append(("Revoked by", _entry_link(reversal)))
    return facts


def _entry_link(entry: LedgerEntry) -> SafeString:
    name = link(f"entry {entry.pk}", "economy_ledgerentry_change", entry.pk)
    return format_html("{}, {}, {}", name, entry.get_type_display(), minute(entry.created_at))
