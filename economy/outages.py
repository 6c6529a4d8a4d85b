"""Outage days at the desk: declared for a day or a range, shown beforehand, confirmed."""

from datetime import date
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from economy import streaks
from economy.adjustments import REASON_MAX_LENGTH
from economy.charts import DaysForm
from economy.decisions import own_user
from economy.errors import EconomyError
from economy.models import OutageDay
from economy.streak_rules import Outcome
from economy.streaks import COUNTED_MAX
from quizarena.staff.desk import ReadOnlyAdmin, age, button


class OutageForm(DaysForm):
    """The days that an outage of ours has spoilt, and what it was."""

    reason = forms.CharField(
        max_length=REASON_MAX_LENGTH,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text="What was down, and why.",
    )


class OutageDayAdmin(ReadOnlyAdmin[OutageDay]):
    """The days that cost nobody a streak. They can be declared, and not be taken back."""

    list_display = ("day", "reason", "declared_by", "when")
    list_display_links = None
    list_select_related = ("staff",)
    ordering = ("-day",)
    list_before_template = "economy/buttons.html"

    class Media:
        css = {"all": ["economy/economy.css"]}

    @display(description="Declared by")
    def declared_by(self, outage_day: OutageDay) -> str:
        """Return the member of staff, or that it is recorded downtime."""
        return str(outage_day.staff or "recorded downtime")

    @display(description="When")
    def when(self, outage_day: OutageDay) -> str:
        """Return how long ago it was declared."""
        return age(outage_day.created_at)

    def has_declare_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may declare an outage."""
        return request.user.has_perm("economy.declare_outage")

    def get_urls(self) -> list[URLPattern]:
        """Add the page on which an outage is declared."""
        view = self.admin_site.admin_view(self.declare_view)
        return [path("declare/", view, name="economy_outageday_declare"), *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Offer above the list to declare an outage."""
        buttons = []
        if self.has_declare_permission(request):
            buttons.append(button("Declare an outage", "economy_outageday_declare"))
        return super().changelist_view(request, {**(extra_context or {}), "buttons": buttons})

    def declare_view(self, request: HttpRequest) -> HttpResponse:
        """Ask for the days and the reason, show whom it helps, and declare what is confirmed."""
        if not self.has_declare_permission(request):
            raise PermissionDenied
        now = timezone.now()
        today = timezone.localdate(now)
        form = OutageForm(request.POST or None, initial={"first_day": today, "last_day": today})
        preview = None
        if request.method == "POST" and form.is_valid() and "edit" not in request.POST:
            first_day, last_day = form.cleaned_data["first_day"], form.cleaned_data["last_day"]
            try:
                if "confirm" in request.POST:
                    shielded = streaks.shield(
                        first_day=first_day,
                        last_day=last_day,
                        staff=own_user(request),
                        reason=form.cleaned_data["reason"],
                        now=now,
                    )
                    self.message_user(request, _told(shielded), messages.SUCCESS)
                    return HttpResponseRedirect(reverse("admin:economy_outageday_changelist"))
                foreseen = streaks.foresee_shield(first_day=first_day, last_day=last_day, now=now)
            except EconomyError as error:
                form.add_error(None, f"Refused: {str(error).removesuffix('.')}.")
            else:
                preview = _preview(foreseen, first_day=first_day, last_day=last_day)
        context = {
            **self.admin_site.each_context(request),
            "title": "Declare an outage",
            "opts": self.opts,
            "media": self.media,
            "form": form,
            "preview": preview,
        }
        return TemplateResponse(request, "economy/outage.html", context)


def _told(shielded: list[OutageDay]) -> str:
    """Return what has been declared, as a sentence."""
    if not shielded:
        return "These days were outage days before."
    days = "1 outage day" if len(shielded) == 1 else f"{len(shielded)} outage days"
    return f"{days} declared. Streaks that these days have cost go on within minutes."


def _preview(
    foreseen: streaks.Shielding, *, first_day: date, last_day: date
) -> list[tuple[str, str]]:
    """Return what a shield would change, a fact a row."""
    days = (last_day - first_day).days + 1
    cut_off = sum(foreseen.given_back.values()) >= COUNTED_MAX

    def counted(units: int, *, is_least: bool) -> str:
        return f"{units:,} or more" if is_least else f"{units:,}"

    return [
        ("Days", f"{first_day}" if days == 1 else f"{first_day} to {last_day} ({days} days)"),
        ("Outage days already", f"{foreseen.shielded_before:,}"),
        *(
            (label, counted(foreseen.given_back.get(outcome, 0), is_least=cut_off))
            for outcome, label in (
                (Outcome.MISSED, "Lost streaks that go on"),
                (Outcome.FROZEN_SAVER, "Streak savers given back"),
                (Outcome.FROZEN_PREMIUM, "Premium freezes given back"),
            )
        ),
        (
            "Running streaks not played for yet",
            counted(foreseen.waiting, is_least=foreseen.waiting >= COUNTED_MAX),
        ),
    ]
