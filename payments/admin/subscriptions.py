"""Subscriptions in the admin: until when they are paid, and whether they renew."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from economy.admin.players import OfPlayer
from payments.admin.purchase_display import SECTION_LENGTH, breaking, purchase_table
from payments.models import GRACE, Purchase, Subscription, SubscriptionState
from quizarena.players.admin import TimelineSection
from quizarena.staff.desk import age, badge, object_link

STATE_COLOURS = {
    SubscriptionState.ACTIVE: "success",
    SubscriptionState.CANCELED: "warning",
    SubscriptionState.GRACE: "danger",
    SubscriptionState.ENDED: "",
}


class StateFilter(admin.SimpleListFilter):
    """What a subscription is now."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        """Return the states."""
        return list(SubscriptionState.choices)

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Subscription]
    ) -> QuerySet[Subscription]:
        """Return those in the state, which follows from time."""
        now = timezone.now()
        conditions = {
            SubscriptionState.ACTIVE: Q(expires_at__gt=now, canceled_at=None),
            SubscriptionState.CANCELED: Q(expires_at__gt=now, canceled_at__isnull=False),
            SubscriptionState.GRACE: Q(
                expires_at__lte=now, expires_at__gt=now - GRACE, canceled_at=None
            ),
            SubscriptionState.ENDED: Q(expires_at__lte=now - GRACE)
            | Q(expires_at__lte=now, canceled_at__isnull=False),
        }
        state = self.value()
        if state not in SubscriptionState.values:
            return queryset
        return queryset.filter(conditions[SubscriptionState(state)])


@admin.register(Subscription)
class SubscriptionAdmin(OfPlayer[Subscription]):
    """Monthly subscriptions, the one that is paid for longest first."""

    list_display = ("what", "whose", "state", "paid_until", "canceled", "failed")
    list_filter = (StateFilter,)
    list_select_related = ("player", "purchase")
    ordering = ("-expires_at",)
    change_form_outer_after_template = "players/story.html"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("what", "whose"),
                    ("state", "paid_until"),
                    ("canceled", "failed"),
                    ("graced", "notified"),
                    "cancellation",
                )
            },
        ),
    )

    class Media:
        css = {"all": ["economy/economy.css", "payments/payments.css"]}

    @display(description="Began")
    def what(self, subscription: Subscription) -> str:
        return age(subscription.purchase.paid_at)

    @display(description="Player")
    def whose(self, subscription: Subscription) -> SafeString:
        return object_link(subscription.player)

    @display(description="State")
    def state(self, subscription: Subscription) -> SafeString:
        state = subscription.state(timezone.now())
        return badge(state.label, STATE_COLOURS[state])

    @display(description="Paid until")
    def paid_until(self, subscription: Subscription) -> str:
        return age(subscription.expires_at)

    @display(description="Cancelled")
    def canceled(self, subscription: Subscription) -> str:
        return age(subscription.canceled_at)

    @display(description="Renewal failed")
    def failed(self, subscription: Subscription) -> str:
        return age(subscription.failed_at)

    @display(description="Days of grace")
    def graced(self, subscription: Subscription) -> SafeString | str:
        return object_link(subscription.grace_entry) if subscription.grace_entry else "–"

    @display(description="Cancelled at Telegram")
    def cancellation(self, subscription: Subscription) -> SafeString | str:
        if subscription.cancel_due_at is None:
            return "–"
        return format_html(
            "not yet: next try {}, {} so far. {}",
            age(subscription.cancel_due_at),
            subscription.cancel_tries,
            breaking(subscription.cancel_error),
        )

    @display(description="Player notified")
    def notified(self, subscription: Subscription) -> str:
        return age(subscription.grace_notified_at)

    def page_context(self, request: HttpRequest, obj: Subscription) -> dict[str, Any]:
        """Show what was paid for it: the first purchase and its renewals."""
        paid = Purchase.objects.filter(Q(pk=obj.pk) | Q(renews=obj.pk)).order_by("-opened_at")
        latest = TimelineSection(title="Latest payments", **purchase_table(paid[:SECTION_LENGTH]))
        return {"chapters": [latest]}
