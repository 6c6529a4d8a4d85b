"""Why a player has or had something, or not: in words, for staff. Product rules, section 14."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from django import forms
from django.apps import apps
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminSelectWidget

from economy import entitlements, statements, streak_rules, streaks, wallets
from economy.entitlements import Access, Reason
from economy.models import LedgerEntry, OutageDay, PremiumSpan, Span, StreakDay, Wallet
from economy.streak_rules import DAY, Outcome, midnight_after
from economy.timeline import minute
from quizarena.players import why
from quizarena.players.models import Player
from quizarena.players.why import Answer
from quizarena.staff import dates
from quizarena.staff.desk import DayInput, link, object_link

ENTRIES = 15
DAYS_AROUND = 7


# --- A mode, or Premium ---------------------------------------------------------------------------

# Stands for Premium itself among the modes of the form: nobody grants it, and it is never free.
PREMIUM = "PREMIUM"


def _things() -> list[tuple[str, str]]:
    # The game lies above the economy, so it is asked for its modes by name.
    modes = apps.get_model("game", "Round")._meta.get_field("mode").flatchoices
    return [(PREMIUM, PREMIUM.title()), *modes]


class AccessForm(why.AtForm):
    """A mode, or Premium, and an instant."""

    mode = forms.ChoiceField(
        label="What", choices=_things, initial=PREMIUM, widget=UnfoldAdminSelectWidget
    )
    field_order = ("mode", "at")


def _access(player: Player, asked: Mapping[str, Any], now: datetime) -> Answer:
    name = dict(_things())[asked["mode"]]
    access = entitlements.explain_access(player=player, mode=asked["mode"], at=asked["at"])
    return Answer(
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


# --- A balance ------------------------------------------------------------------------------------


def _balance(player: Player, asked: Mapping[str, Any], now: datetime) -> Answer:
    then = statements.balances_at(player=player, instant=asked["at"])
    if then is None:
        return Answer(sentence="Until then nothing had moved: the player had the full free energy.")
    entries = statements.statement(player=player, until=asked["at"], length=ENTRIES).entries
    return Answer(
        sentence=(
            f"At {dates.to_the_second(asked['at'])} the player had {then.energy.total} energy: "
            f"{then.energy.free} free and {then.energy.paid} bought."
        ),
        facts=(
            ("Streak savers", then.streak_savers),
            ("Duel tickets", then.duel_tickets),
            ("Free energy", "comes back with time: it needs no entry for that."),
        ),
        headers=("When", "Entry", "What moved", "By"),
        rows=[
            (
                dates.to_the_second(entry.created_at),
                object_link(entry, entry.get_type_display()),
                statements.moved(entry) or "–",
                str(entry.staff or "–"),
            )
            for entry in entries
        ],
        more=link("The whole statement", "economy_wallet_change", player.pk),
    )


# --- A day of the streak --------------------------------------------------------------------------

_OUTCOMES = {
    Outcome.PLAYED: "The player answered a question on that day.",
    Outcome.FROZEN_SAVER: "Nothing was answered; a streak saver kept the streak.",
    Outcome.FROZEN_PREMIUM: "Nothing was answered; Premium kept the streak.",
    Outcome.SHIELDED: "The day does not count: we had an outage.",
    Outcome.EARNED_BACK: "The streak ended on that day, and was earned back with perfect rounds.",
}


class DayForm(why.WhyForm):
    """A day of the business zone."""

    day = forms.DateField(label="Day", widget=DayInput())

    def clean_day(self) -> date:
        """Refuse days that are yet to come, and those before the player came."""
        day: date = self.cleaned_data["day"]
        if day > _today(self.now):
            raise ValidationError("This day is in the future.")
        joined = _today(self.player.created_at)
        if day < joined:
            raise ValidationError(f"Choose a later day: the player joined on {dates.day(joined)}.")
        return day


def _streak(player: Player, asked: Mapping[str, Any], now: datetime) -> Answer:
    day: date = asked["day"]
    around = StreakDay.objects.filter(
        player=player, day__range=(day - DAYS_AROUND * DAY, day + DAYS_AROUND * DAY)
    ).select_related("entry")
    rows = {row.day: row for row in around}
    return Answer(
        sentence=f"{dates.day(day)}: {_what_became(rows.get(day), day, player=player, now=now)}",
        facts=_what_there_was(player, day) if day < _today(now) else (),
        headers=("Day", "Outcome", "Streak", "Saver"),
        rows=[
            (
                dates.day(row.day),
                row.get_outcome_display(),
                row.streak,
                object_link(row.entry) if row.entry else "–",
            )
            for row in sorted(rows.values(), key=lambda one: one.day, reverse=True)
        ],
    )


def _what_became(row: StreakDay | None, day: date, *, player: Player, now: datetime) -> str:
    if row is None:
        if day >= _today(now) - DAY:
            return "Nothing is recorded yet: a day is decided soon after it has ended in Berlin."
        if OutageDay.objects.filter(day=day).exists():
            return "We had an outage, and the player had no streak that it could have cost."
        return "The player had no streak on that day, so there was nothing to lose."
    if row.outcome != Outcome.MISSED:
        return f"{_OUTCOMES[Outcome(row.outcome)]} Streak after it: {row.length}."
    return (
        f"Lost: nothing was answered between {minute(_over(day - DAY))} and {minute(_over(day))}"
        f" ({dates.zone_name()}), and nothing kept the streak of {row.length}."
    )


def _what_there_was(player: Player, day: date) -> Sequence[tuple[str, object]]:
    """Return what could have kept the streak when the day ended."""
    wallet = Wallet.objects.filter(player=player).first()
    if wallet is None:
        return ()
    safety = streaks.safety(wallet=wallet, first=day, last=day)
    freezes = safety.freezes(day)
    frozen = StreakDay.objects.filter(
        player=player, day__in=streak_rules.week_of(day), outcome=Outcome.FROZEN_PREMIUM
    ).count()
    return (
        ("Streak savers that were left for it", max(0, safety.savers(day))),
        ("Days that Premium keeps in that week", "all" if freezes is None else freezes),
        ("Days that it has kept in that week", frozen),
    )


def _over(day: date) -> datetime:
    return midnight_after(day, zone=wallets.business_zone())


def _today(now: datetime) -> date:
    return timezone.localtime(now, wallets.business_zone()).date()


_QUESTIONS = (
    why.Question(
        code="access",
        title="Was a mode open, or Premium active?",
        permission="economy.view_wallet",
        form=AccessForm,
        answer=_access,
    ),
    why.Question(
        code="balance",
        title="What did the player have?",
        permission="economy.view_wallet",
        form=why.AtForm,
        answer=_balance,
    ),
    why.Question(
        code="streak",
        title="What became of a day of the streak?",
        permission="economy.view_wallet",
        form=DayForm,
        answer=_streak,
    ),
)


def declare() -> None:
    """Let the page “Why?” answer these questions."""
    for question in _QUESTIONS:
        why.declare(question)
