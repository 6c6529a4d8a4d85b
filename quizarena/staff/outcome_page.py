"""What a member of staff sees of the approvals that they have asked for."""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from quizarena.staff import approvals, outcomes
from quizarena.staff.desk import age, badge, object_link, own_user
from quizarena.staff.models import ApprovalOutcome, Outcome

# So many notices stand on the home page; dismissing one makes room for the next.
SHOWN_MAX = 10
COLOURS = {
    Outcome.APPROVED: "success",
    Outcome.DONE: "success",
    Outcome.FAILED: "danger",
    Outcome.DECLINED: "danger",
    Outcome.EXPIRED: "warning",
}


def shown(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the notices for the user's home page."""
    return [_notice(one) for one in outcomes.of(own_user(request))[:SHOWN_MAX]]


def _notice(outcome: ApprovalOutcome) -> dict[str, Any]:
    asked = outcome.request
    is_declined = outcome.outcome == Outcome.DECLINED
    return {
        "badge": badge(outcome.get_outcome_display(), COLOURS[Outcome(outcome.outcome)]),
        "what": object_link(asked, f"{approvals.label_of(asked.kind)}: {asked.subject_name}"),
        "text": f"{outcome.text} {asked.decision_reason}" if is_declined else outcome.text,
        "since": age(outcome.at),
        "dismiss": reverse("dismiss-outcome", args=[outcome.pk]),
    }


@require_POST
def dismiss(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a notice off the user's home page; one that is not there is no mistake."""
    outcomes.dismiss(outcome_id=pk, user=own_user(request), now=timezone.now())
    return HttpResponseRedirect(reverse("admin:index"))
