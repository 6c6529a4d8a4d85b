"""Monthly statements and liabilities in the admin, on pages that can be printed."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget

from economy.models import EntryType
from economy.statements import ASSET_NAMES, REGENERATION
from payments import liability
from payments.models import Liability, MonthlyStatement, Product
from payments.monthly import RECORDED_LATE, STARS
from quizarena.players.admin import TimelineSection
from quizarena.staff import dates
from quizarena.staff.desk import ReadOnlyAdmin, age, badge

# Ten years.
MONTHS_SHOWN = 120
PART_NAMES = {
    "paid_energy": "Paid energy",
    "streak_savers": "Streak savers",
    "duel_tickets": "Duel tickets",
    "premium": "Premium",
    "modes": "Modes",
}
# What is counted in hours.
_OF_TIME = ("premium", "modes")


@admin.register(MonthlyStatement)
class MonthlyStatementAdmin(ReadOnlyAdmin[MonthlyStatement]):
    """The accounts of a month; the page of the list is the statement with a box for the month."""

    fields = ("month", "counted_until", "counted_at", "is_closed")

    class Media:
        css = {"all": ["economy/economy.css", "payments/payments.css"]}

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the statement of the chosen month, or of the latest."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        months = list(
            MonthlyStatement.objects.order_by("-month").values_list("month", flat=True)[
                :MONTHS_SHOWN
            ]
        )
        form = _MonthForm(months, request.GET or None)
        chosen = form.cleaned_data["month"] if form.is_bound and form.is_valid() else ""
        month = date.fromisoformat(chosen) if chosen else next(iter(months), None)
        statement = MonthlyStatement.objects.filter(month=month).first() if month else None
        context = {
            **self.admin_site.each_context(request),
            "title": "Monthly statements",
            "opts": self.opts,
            "media": self.media,
            "form": form,
            **(_statement(statement) if statement else {}),
        }
        return TemplateResponse(request, "payments/statement.html", context)


class _MonthForm(forms.Form):
    """Which month."""

    month = forms.ChoiceField(label="Month", widget=UnfoldAdminSelectWidget)

    def __init__(self, months: list[date], data: Any = None) -> None:
        super().__init__(data)
        choices = [(month.isoformat(), f"{month:%B %Y}") for month in months]
        field = self.fields["month"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices


def _statement(statement: MonthlyStatement) -> dict[str, Any]:
    """Return what the page shows of a statement."""
    products = {product.code: product.title("en") for product in Product.objects.all()}
    return {
        "statement": statement,
        "month": f"{statement.month:%B %Y}",
        "until": dates.to_the_second(statement.counted_until),
        "zone": dates.zone_name(),
        "state": "closed" if statement.is_closed else "not closed yet",
        "counted": dates.moment(statement.counted_at),
        "accounts": [
            _account(name, account, products) for name, account in statement.accounts.items()
        ],
    }


def _account(name: str, account: Mapping[str, Any], products: Mapping[str, str]) -> dict[str, Any]:
    """Return one account as a table whose last line is its closing."""

    def reason(code: str) -> str:
        if code == RECORDED_LATE:
            return "of earlier months, recorded late"
        if name == STARS:
            return products.get(code, "unknown product")
        return "regeneration" if code == REGENERATION else EntryType(code).label

    credits_, debits = account["credits"], account["debits"]
    rows = [
        ["Opening", "", "", f"{account['opening']:,}"],
        *([reason(code), f"{units:,}", "", ""] for code, units in sorted(credits_.items())),
        *([reason(code), "", f"{units:,}", ""] for code, units in sorted(debits.items())),
        ["Total", f"{sum(credits_.values()):,}", f"{sum(debits.values()):,}", ""],
        ["Closing", "", "", f"{account['closing']:,}"],
    ]
    is_right = account["closing"] == account["counted"]
    return {
        "name": "Stars" if name == STARS else ASSET_NAMES[name].capitalize(),
        "headers": ["Reason", "Credit", "Debit", "Balance"],
        "rows": rows,
        "shortfall": f"{account['shortfall']:,}" if account["shortfall"] else "",
        "check": badge("adds up", "success") if is_right else badge("does not add up", "danger"),
        "counted": f"{account['counted']:,}",
        "is_stars": name == STARS,
    }


@admin.register(Liability)
class LiabilityAdmin(ReadOnlyAdmin[Liability]):
    """What players have paid for and still own, night by night, the latest first."""

    list_display = ("of_day", "total", "counted")
    list_before_template = "payments/liability_method.html"
    change_form_outer_after_template = "players/story.html"
    ordering = ("-day",)
    fields = ("of_day", "total", "counted")

    class Media:
        css = {"all": ["economy/economy.css", "payments/payments.css"]}

    @display(description="Day")
    def of_day(self, one: Liability) -> str:
        return dates.day(one.day)

    @display(description="Stars")
    def total(self, one: Liability) -> str:
        return f"{one.stars:,}"

    @display(description="Counted")
    def counted(self, one: Liability) -> str:
        return age(one.counted_at)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """State the method above the list."""
        return super().changelist_view(
            request, {**(extra_context or {}), "liability_method": liability.METHOD}
        )

    def page_context(self, request: HttpRequest, obj: Liability) -> dict[str, Any]:
        """Show what it consists of, and how it was counted."""
        parts = TimelineSection(
            title="By kind of goods",
            headers=["What", "Players", "Unused", "Stars"],
            rows=[
                [
                    PART_NAMES.get(part["part"], part["part"]),
                    f"{part['players']:,}",
                    f"{part['units']:,}{' h' if part['part'] in _OF_TIME else ''}",
                    f"{part['stars']:,}",
                ]
                for part in obj.parts
            ],
        )
        method = TimelineSection(
            title="How it is counted", headers=["Rule"], rows=[[line] for line in liability.METHOD]
        )
        return {"chapters": [parts, method]}
