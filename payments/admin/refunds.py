"""Refunds in the admin: what is under way, and what has failed."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.decorators import display

from payments.admin.purchase_display import asked_by, breaking, price, product_label, refund_badge
from payments.admin.purchases import found
from payments.models import Purchase, Refund
from quizarena.staff.desk import ReadOnlyAdmin, age, object_link


class ProgressFilter(admin.SimpleListFilter):
    """How far refunds are."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        """Return what support asks for; each is few."""
        return [
            ("open", "not done yet"),
            ("failed", "Telegram did not refund"),
            ("incomplete", "refunded by Telegram, not completed here"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Refund]) -> QuerySet[Refund]:
        """Return those that have not come to their end."""
        if self.value() == "open":
            return queryset.filter(finished_at=None)
        if self.value() == "failed":
            return queryset.filter(finished_at=None, telegram_at=None).exclude(last_error="")
        if self.value() == "incomplete":
            return queryset.filter(finished_at=None, telegram_at__isnull=False)
        return queryset


@admin.register(Refund)
class RefundAdmin(ReadOnlyAdmin[Refund]):
    """Every refund that was ever decided, newest first. They continue automatically."""

    list_display = ("asked", "what", "stars", "whose", "who", "state", "tries", "next_try")
    list_filter = (ProgressFilter,)
    list_select_related = ("purchase__player", "purchase__product", "staff", "approved_by")
    search_fields = ("purchase__charge_id",)
    search_help_text = "Telegram id or user name, purchase, beginning of a charge id or payload"
    ordering = ("-id",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("what", "stars"),
                    ("whose", "who"),
                    "reason",
                    ("asked", "state"),
                    ("tries", "next_try"),
                    ("refunded_at_telegram", "completed"),
                    "error",
                )
            },
        ),
    )

    class Media:
        css = {"all": ["economy/economy.css", "payments/payments.css"]}

    @display(description="Asked")
    def asked(self, refund: Refund) -> str:
        return age(refund.asked_at)

    @display(description="Purchase")
    def what(self, refund: Refund) -> SafeString:
        return object_link(refund.purchase, product_label(refund.purchase))

    @display(description="Stars")
    def stars(self, refund: Refund) -> str:
        return price(refund.purchase)

    @display(description="Player")
    def whose(self, refund: Refund) -> SafeString:
        return object_link(refund.purchase.player)

    @display(description="By")
    def who(self, refund: Refund) -> str:
        return asked_by(refund)

    @display(description="State")
    def state(self, refund: Refund) -> SafeString:
        return refund_badge(refund)

    @display(description="Next try")
    def next_try(self, refund: Refund) -> str:
        return "–" if refund.finished_at else age(refund.due_at)

    @display(description="Refunded by Telegram")
    def refunded_at_telegram(self, refund: Refund) -> str:
        return age(refund.telegram_at)

    @display(description="Completed")
    def completed(self, refund: Refund) -> str:
        return age(refund.finished_at)

    @display(description="Last error")
    def error(self, refund: Refund) -> SafeString:
        return breaking(refund.last_error or "–")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Refund], search_term: str
    ) -> tuple[QuerySet[Refund], bool]:
        """Find the refunds of the purchases that the term finds."""
        if search_term.strip():
            about = found(Purchase.objects.all(), search_term)
            queryset = queryset.filter(purchase__in=about)
        return queryset, False
