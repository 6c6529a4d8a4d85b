"""Days of an outage in the admin: declared for a day or a range, shown beforehand, confirmed."""

from datetime import date
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from unfold.decorators import display

from economy import streaks
from economy.charts import DaysForm
from economy.errors import EconomyError
from economy.models import OutageDay
from economy.streak_rules import Outcome
from economy.streaks import COUNTED_MAX
from quizarena.staff import dates
from quizarena.staff.decisions import Decision, ReasonForm, decide
from quizarena.staff.desk import ReadOnlyAdmin, age, button, own_user


class OutageForm(ReasonForm, DaysForm):
    """The days that an outage of ours has spoilt, and what it was."""

    field_order = ("first_day", "last_day", "reason")


@admin.register(OutageDay)
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

        def execute(cleaned: dict[str, Any]) -> str:
            return _message(streaks.shield(**cleaned, staff=own_user(request), now=now))

        def preview(cleaned: dict[str, Any]) -> list[tuple[str, str]]:
            first_day, last_day = cleaned["first_day"], cleaned["last_day"]
            effect = streaks.preview_shield(first_day=first_day, last_day=last_day, now=now)
            return _preview(effect, first_day=first_day, last_day=last_day)

        decision = Decision(
            title="Declare an outage",
            form=OutageForm,
            preview=preview,
            headers=("What", "How many"),
            execute=execute,
            refusals=(EconomyError,),
            back=reverse("admin:economy_outageday_changelist"),
            note="Whole days of business, in Berlin. They cost nobody a streak, a saver or a "
            "freeze, and cannot be undone. Say in the reason what was down, and why.",
        )
        return decide(request, decision, model_admin=self)


def _message(shielded: list[OutageDay]) -> str:
    """Return what has been declared, as a sentence."""
    if not shielded:
        return "These days are outage days already."
    days = "1 outage day" if len(shielded) == 1 else f"{len(shielded)} outage days"
    return f"{days} declared. Streaks lost on these days are restored within minutes."


def _preview(
    effect: streaks.ShieldEffect, *, first_day: date, last_day: date
) -> list[tuple[str, str]]:
    """Return what a shield would change, a fact a row."""
    days = (last_day - first_day).days + 1
    cut_off = sum(effect.restored.values()) >= COUNTED_MAX

    def counted(units: int, *, is_least: bool) -> str:
        return f"{units:,} or more" if is_least else f"{units:,}"

    return [
        ("Days", dates.days(first_day, last_day) + (f" ({days} days)" if days > 1 else "")),
        ("Outage days already", f"{effect.shielded_before:,}"),
        *(
            (label, counted(effect.restored.get(outcome, 0), is_least=cut_off))
            for outcome, label in (
                (Outcome.MISSED, "Lost streaks restored"),
                (Outcome.FROZEN_SAVER, "Streak savers returned"),
                (Outcome.FROZEN_PREMIUM, "Premium freezes returned"),
            )
        ),
        (
            "Running streaks without activity yet",
            counted(effect.waiting, is_least=effect.waiting >= COUNTED_MAX),
        ),
    ]
