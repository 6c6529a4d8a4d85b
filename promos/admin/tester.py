"""Test a code as a player, real or made up: would it work, and what stands against it.

Nothing is written: no attempt, no reservation, no failure that counts towards a block.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from economy.admin.players import players_found
from economy.timeline import minute
from economy.wallets import business_zone
from promos import redemptions
from promos.admin.explanations import EXPLANATIONS, PLAYER_ANSWERS
from promos.admin.sections import in_lines
from promos.models import RESERVATION_TTL, Campaign, CampaignKind, Code, Redemption, Scope
from promos.rules import Person, Reason, Terms
from quizarena.players.models import Language, Player
from quizarena.staff import dates
from quizarena.staff.desk import StaffAdmin

LEVELS = ("A1", "A2", "B1", "B2")
NO_PLAYER = "No player matches."
# Who plays every day has been here for so long.
REGULAR_FOR = timedelta(days=30)


class TesterForm(forms.Form):
    """A code, and who enters it."""

    code = forms.CharField(
        max_length=200,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    who = forms.ChoiceField(
        label="Entered by",
        choices=[
            ("new", "a new player"),
            ("regular", "a player who plays every day"),
            ("lapsed", "a player who has been away"),
            ("player", "one particular player"),
        ],
        initial="new",
        widget=UnfoldAdminSelectWidget,
    )
    player = forms.CharField(
        max_length=64,
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text="Telegram id, or user name.",
    )
    days = forms.IntegerField(
        label="Away for days",
        min_value=1,
        max_value=3650,
        initial=30,
        required=False,
        widget=UnfoldAdminIntegerFieldWidget,
    )
    language = forms.ChoiceField(
        choices=Language.for_staff(), required=False, widget=UnfoldAdminSelectWidget
    )
    level = forms.ChoiceField(
        choices=[("", "not known yet"), *((level, level) for level in LEVELS)],
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    has_bought = forms.BooleanField(
        label="Has bought something", required=False, widget=UnfoldBooleanWidget
    )

    def clean(self) -> dict[str, Any]:
        """Return the form with the one player who is meant, if one is."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("who") == "player":
            term = cleaned.get("player", "").strip()
            found = list(Player.objects.filter(pk__in=players_found(term))[:2]) if term else []
            exact = [one for one in found if one.username == term.removeprefix("@")]
            if len(exact or found) == 1:
                cleaned["player"] = (exact or found)[0]
            else:
                self.add_error("player", no_single_player(found))
        if cleaned.get("who") == "lapsed" and cleaned.get("days") is None:
            self.add_error("days", "Enter the number of days.")
        return cleaned


def no_single_player(found: Sequence[Player]) -> str:
    return "Several players match: enter the Telegram id." if found else NO_PLAYER


def page(request: HttpRequest, *, model_admin: StaffAdmin[Any]) -> HttpResponse:
    """Ask for a code and a person, and show what would come of it. The view checks who may."""
    form = TesterForm(request.POST or None)
    context = {
        **model_admin.admin_site.each_context(request),
        "title": "Test as a player",
        "opts": model_admin.opts,
        "media": model_admin.media,
        "form": form,
    }
    if form.is_valid():
        asked = form.cleaned_data
        if asked["who"] == "player":
            context |= of_player(player=asked["player"], raw=asked["code"])
        else:
            context |= _of_somebody(asked)
    return TemplateResponse(request, "promos/tester.html", context)


def of_player(*, player: Player, raw: str) -> dict[str, Any]:
    """Return what would come of the player entering the code now, as `tester_verdict` shows it."""
    now = timezone.now()
    found = redemptions.examine(player=player, raw=raw, now=now)
    notes = []
    if player.suspended_at is not None:
        notes.append("The player is suspended: the bot does not process the code.")
    return _verdict(
        title=f"If {player} entered it now",
        person=found.person,
        terms=found.terms,
        reasons=found.reasons,
        reservation=found.reservation,
        code=redemptions.find(raw),
        notes=notes,
    )


def _of_somebody(asked: dict[str, Any]) -> dict[str, Any]:
    """Return what would come of a made-up person entering the code now."""
    now = timezone.now()
    code = redemptions.find(asked["code"])
    person = _made_up(asked, today=now.astimezone(business_zone()).date())
    terms = terms_of(code) if code is not None else None
    notes = []
    if code is not None and code.campaign.holdout_percent:
        notes.append(
            f"The campaign holds out {code.campaign.holdout_percent}% of its players. Such a "
            "player is taken for one of the others. Whether a particular player is held out, "
            "a test as that player shows."
        )
    return _verdict(
        title="If such a player entered it now",
        person=person,
        terms=terms,
        reasons=redemptions.refusal_reasons_for(person=person, terms=terms, now=now),
        reservation=None,
        code=code,
        notes=notes,
    )


def _made_up(asked: dict[str, Any], *, today: date) -> Person:
    """Return the person whom the form describes."""
    last = {
        "new": None,
        "regular": today,
        "lapsed": today - timedelta(days=asked["days"] or 0),
    }[asked["who"]]
    return Person(
        language=asked["language"] or Language.GERMAN,
        level=asked["level"],
        first_active_on=None if last is None else last - REGULAR_FOR,
        last_active_on=last,
        has_bought=asked["has_bought"],
    )


def terms_of(code: Code) -> Terms:
    """Return what decides about a code, as it is for somebody who has never entered it."""
    campaign = code.campaign
    return Terms(
        status=campaign.status,
        starts_at=campaign.starts_at,
        ends_at=campaign.ends_at,
        uses_max=campaign.uses_max,
        applied=campaign.applied,
        reserved=campaign.reserved,
        is_revoked=code.stopped_at is not None,
        is_used_by_other=not code.is_shared and code.redemptions.exclude(status="EXPIRED").exists(),
        for_new_players=campaign.for_new_players,
        for_first_purchase=campaign.for_first_purchase,
        for_language=campaign.for_language,
        for_level=campaign.for_level,
        for_lapsed_days=campaign.for_lapsed_days,
    )


# --- The verdict ----------------------------------------------------------------------------------


def _verdict(
    *,
    title: str,
    person: Person,
    terms: Terms | None,
    reasons: list[Reason],
    reservation: Redemption | None,
    code: Code | None,
    notes: list[str],
) -> dict[str, Any]:
    """Return the verdict as its template shows it."""
    if reasons:
        sentence = f"It would not work. The player would see: {PLAYER_ANSWERS[reasons[0].refusal]}"
        if len(reasons) > 1:
            notes = [
                *notes,
                "All of these reasons apply; the first one decides what the player sees.",
            ]
    elif reservation is not None:
        until = (
            "its invoice is paid or closed"
            if reservation.is_locked_for_payment
            else minute(reservation.reserved_until)
        )
        sentence = f"This discount is reserved for the player already, until {until}."
    else:
        sentence = f"It would work: {gives(code.campaign)}." if code else ""
    return {
        "verdict": {
            "title": title,
            "works": not reasons,
            "sentence": sentence,
            "notes": notes,
            "against": {
                "headers": ["Reason", "Here"],
                "rows": [
                    [
                        in_lines(EXPLANATIONS[reason]),
                        in_lines(_here(reason, person, terms) or "–"),
                    ]
                    for reason in reasons
                ],
            },
        }
    }


def gives(campaign: Campaign) -> str:
    """Return what a campaign gives, in words."""
    if campaign.kind == CampaignKind.PREMIUM_GRANT:
        return f"{campaign.value} days of Premium"
    if campaign.kind == CampaignKind.ENERGY_GRANT:
        return f"{campaign.value:,} energy"
    what = (
        campaign.product_code if campaign.scope == Scope.PRODUCT else (campaign.get_scope_display())
    )
    return f"{campaign.value}% off {what}, reserved for {RESERVATION_TTL.seconds // 60} minutes"


def _here(reason: Reason, person: Person, terms: Terms | None) -> str:
    """Return the facts behind a reason, if there are any to tell."""
    if reason is Reason.BLOCKED:
        return f"blocked until {minute(person.blocked_until)}"
    return (
        _here_of_campaign(reason, terms) or _here_of_person(reason, person, terms) if terms else ""
    )


def _here_of_campaign(reason: Reason, terms: Terms) -> str:
    return {
        Reason.NOT_STARTED: "a draft"
        if terms.status == "DRAFT"
        else f"begins {minute(terms.starts_at)}",
        Reason.EXPIRED: f"ended {minute(terms.ends_at)}",
        Reason.DEPLETED: f"{terms.applied:,} of {terms.uses_max or 0:,} used",
        Reason.ALL_HELD: f"{terms.applied:,} used and {terms.reserved:,} reserved of "
        f"{terms.uses_max or 0:,}",
    }.get(reason, "")


def _language(code: str | None) -> str:
    return Language(code).staff_name if code in Language.values else "none"


def _here_of_person(reason: Reason, person: Person, terms: Terms) -> str:
    """Return what the campaign asks for, and what the person is."""
    return {
        Reason.NOT_NEW: f"first played {_day(person.first_active_on)}",
        Reason.LANGUAGE: f"for {_language(terms.for_language)}, the player has "
        f"{_language(person.language)}",
        Reason.LEVEL: f"for {terms.for_level}, the player's is {person.level or 'not known'}",
        Reason.NOT_LAPSED: f"for {terms.for_lapsed_days} days or more, last played "
        f"{_day(person.last_active_on)}",
    }.get(reason, "")


def _day(day: date | None) -> str:
    return "never" if day is None else dates.day(day)
