"""What staff decide about one or several campaigns: start, pause, end, clone, revoke."""

from collections.abc import Iterable, Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
)
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from promos import (
    operations,
    planning,
)
from promos.admin.tagging import choose_again
from promos.errors import PromosError
from promos.models import (
    RUNNING,
    Campaign,
    CampaignStatus,
)
from promos.operations import Action
from quizarena.staff import selections
from quizarena.staff.decisions import Decision, DecisionForm, decide
from quizarena.staff.desk import (
    ReadOnlyAdmin,
    own_user,
)
from quizarena.staff.errors import StaffError
from quizarena.staff.models import ApprovalRequest

REFUSALS = (PromosError, StaffError)
MAY_RUN = "promos.run_campaign"
# A notice about hundreds of campaigns would cover the page that it stands on.
NAMED_MAX = 10


# --- Decisions ------------------------------------------------------------------------------------


def _seen(campaigns: Iterable[Campaign]) -> str:
    """Return the campaigns with the status that staff see, as an address holds them."""
    return ",".join(f"{campaign.pk}:{campaign.status}" for campaign in campaigns)


def address_of(verb: Action, campaigns: Iterable[Campaign]) -> str:
    """Return the address of the decision about campaigns as they are shown."""
    page = reverse("admin:promos_campaign_decide", args=[verb.value])
    return f"{page}?{urlencode({'seen': _seen(campaigns)})}"


def page_of_several(request: HttpRequest, verb: Action, campaigns: Iterable[Campaign]) -> str:
    """Keep the choice, as it is shown; return the address of the decision about it."""
    page = reverse("admin:promos_campaign_decide", args=[verb.value])
    return f"{page}?{urlencode({'chosen': selections.keep(request, _seen(campaigns))})}"


def verb_button(verb: Action, campaign: Campaign) -> SafeString:
    """Return a link to the decision that looks like a button."""
    return format_html(
        '<a class="promos-button{}" href="{}">{}</a>',
        " promos-danger" if verb is Action.KILL else "",
        address_of(verb, [campaign]),
        _label(verb),
    )


def _read_seen(text: str) -> dict[int, str]:
    """Return the statuses that were seen, by campaign. Raises ValidationError for anything else."""
    pairs = [pair.partition(":") for pair in text.split(",")]
    if not all(
        pk.isdecimal() and len(pk) < 19 and status in CampaignStatus.values
        for pk, _, status in pairs
    ):
        raise forms.ValidationError("Choose the campaigns again.")
    return {int(pk): status for pk, _, status in pairs}


class _SeenField(forms.CharField):
    """Campaigns with the status that was seen; it travels with the form."""

    widget = forms.HiddenInput

    def clean(self, value: Any) -> dict[int, str]:
        """Return the statuses by campaign."""
        return _read_seen(super().clean(value))


def decide_together(
    request: HttpRequest, verb: Action, *, model_admin: ReadOnlyAdmin[Campaign]
) -> HttpResponse:
    """Ask for a reason, show what would come of it for each campaign, and do it."""
    asked = request.GET.get("chosen", "")
    carried = request.POST.get("seen") or (
        selections.kept(request, asked) if asked else request.GET.get("seen", "")
    )
    if asked and not carried:
        return choose_again(request, model_admin=model_admin)
    try:
        found = Campaign.objects.in_bulk(_read_seen(carried))
    except forms.ValidationError:
        raise Http404("No campaign was chosen.") from None
    if not found:
        raise Http404("No such campaign.")
    chosen = [campaign for _, campaign in sorted(found.items())]
    only = chosen[0] if len(chosen) == 1 else None
    label = _label(verb)

    class Form(DecisionForm):
        seen = _SeenField(initial=carried)

    doing = _Doing(verb=verb, request=request, chosen=chosen)
    decision = Decision(
        title=f"{label}: {only or f'{len(chosen):,} campaigns'}",
        note=_NOTES.get(verb, ""),
        form=Form,
        preview=doing.preview,
        headers=("Campaign", "Now", "Afterwards"),
        execute=doing.execute,
        refusals=REFUSALS,
        back=reverse("admin:promos_campaign_change", args=[only.pk])
        if only
        else reverse("admin:promos_campaign_changelist"),
        done=doing.copy_page,
        confirm=label,
        fresh_factor=verb in (Action.START, Action.UNPAUSE),
    )
    return decide(request, decision, model_admin=model_admin)


class _Doing:
    """One verb, done to each of the chosen campaigns in a transaction of its own."""

    def __init__(self, *, verb: Action, request: HttpRequest, chosen: list[Campaign]) -> None:
        self._verb = verb
        self._request = request
        self._chosen = chosen
        self._now = timezone.now()
        self._copy: Campaign | None = None

    def _do(self, campaign: Campaign, cleaned: dict[str, Any]) -> Campaign | ApprovalRequest:
        """Do it to one. Raises one of REFUSALS."""
        return operations.execute(
            self._verb,
            campaign_id=campaign.pk,
            seen=cleaned["seen"].get(campaign.pk, ""),
            reason=cleaned["reason"],
            now=self._now,
            staff=own_user(self._request),
            decision=cleaned["decision"],
        )

    def preview(self, cleaned: dict[str, Any]) -> list[list[object]]:
        """Return what would come of it: it is executed and rolled back, which cannot differ."""
        rows = []
        for campaign in self._chosen:
            try:
                with transaction.atomic():
                    after: object = _after(self._verb, self._do(campaign, cleaned))
                    transaction.set_rollback(True)
            except REFUSALS as error:
                after = format_html("<em>Refused: {}</em>", _why(error))
            rows.append([campaign.name, campaign.get_status_display(), after])
        return rows

    def copy_page(self) -> str:
        """Return where the one copy is edited that was made; empty if it is not one."""
        if self._copy is None or len(self._chosen) > 1:
            return ""
        return reverse("admin:promos_campaign_edit", args=[self._copy.pk])

    def execute(self, cleaned: dict[str, Any]) -> str:
        """Do it, and name what was refused. Raises PromosError if that is all of them.

        Of many the first are named, and the others counted.
        """
        done: list[str] = []
        asked: list[str] = []
        refused = []
        for campaign in self._chosen:
            try:
                outcome = self._do(campaign, cleaned)
            except REFUSALS as error:
                refused.append(f"{campaign} ({_why(error)})")
            else:
                (asked if isinstance(outcome, ApprovalRequest) else done).append(str(campaign))
                if self._verb is Action.CLONE and isinstance(outcome, Campaign):
                    self._copy = outcome
        notice = f"not {self._verb.past}: {_named(refused, between='; ')}"
        if not done and not asked:
            raise PromosError(notice)
        if refused:
            messages.warning(self._request, f"{capfirst(notice)}.")
        waiting = f"A second person has to approve the start: {_named(asked)}."
        if not done:
            return waiting
        if asked:
            messages.info(self._request, waiting)
        if self._copy is not None and len(self._chosen) == 1:
            return f"This is the copy of {done[0]}: a draft with the same terms, without codes."
        return f"{len(done):,} {self._verb.past}: {_named(done)}."


def _label(verb: Action) -> str:
    return "Kill switch" if verb is Action.KILL else verb.value.capitalize()


def _named(campaigns: Sequence[str], *, between: str = ", ") -> str:
    """Return the first NAMED_MAX of them, and how many more there are."""
    left = len(campaigns) - NAMED_MAX
    shown = [*campaigns[:NAMED_MAX], *([f"and {left:,} more"] if left > 0 else [])]
    return between.join(shown)


def _why(error: Exception) -> str:
    return str(error).rstrip(".")


_NOTES = {
    Action.PAUSE: "Players cannot enter its codes meanwhile. Reservations stay good.",
    Action.END: "It cannot be started again. Reservations stay good until they run out.",
    Action.CLONE: "A draft with the same terms, without codes.",
    Action.KILL: "It ends, and every reservation is released, also for open invoices. A player who "
    "pays such an invoice all the same gets the product at its price.",
}


def _after(verb: Action, outcome: Campaign | ApprovalRequest) -> str:
    """Return in words what has come of it."""
    if isinstance(outcome, ApprovalRequest):
        costs = dict(outcome.preview)["Costs"]
        return (
            f"waits for a second person, since it can cost {costs}: what one person starts on a "
            f"day may cost up to {planning.day_limit(staff=outcome.maker):,}"
        )
    if verb is Action.CLONE:
        return f"stays; {outcome.name} is a draft"
    if verb is Action.KILL:
        return f"{outcome.get_status_display()}, and {outcome.reserved:,} reservations released"
    return outcome.get_status_display()


# --- The page of one ------------------------------------------------------------------------------


def may_revoke(campaign: Campaign) -> bool:
    return (
        not campaign.is_discount
        and campaign.status not in (CampaignStatus.DRAFT, *RUNNING)
        and campaign.applied > 0
        and campaign.revoking_since is None
    )
