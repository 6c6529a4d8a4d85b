"""Offers in the admin: impressions with their outcome, and the funnel by trigger."""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import display

from economy.admin.players import OfPlayer
from economy.wallets import business_zone
from payments import offer_funnel
from payments.admin.purchase_display import purchase_table
from payments.charts import TRIGGER_NAMES, offers_chart, offers_table
from payments.models import Impression, Purchase, PurchaseStatus
from payments.offer_rules import Trigger
from quizarena.players.admin import TimelineSection
from quizarena.staff.desk import age, badge, object_link, with_code

# The funnel shows so many days, today being the last.
FUNNEL_DAYS = (7, 30)


def trigger_label(impression: Impression) -> str:
    """Return the name of what has caused the offer, with its code in small."""
    return with_code(TRIGGER_NAMES[Trigger(impression.trigger)], impression.trigger)


def products(impression: Impression) -> SafeString | str:
    """Return what was offered at which price, or given."""
    if impression.entry_id is not None:
        return "a gift"
    prices = ((code, stars) for code, stars in impression.prices.items())
    return format_html("<div>{}</div>", format_html_join("", "<div>{} for {}</div>", prices))


def outcome(impression: Impression) -> SafeString | str:
    """Return what has come of it, the best first; nothing is a dash."""
    sold = [attribution.purchase for attribution in impression.attributions.all()]
    if any(purchase.status == PurchaseStatus.CREDITED for purchase in sold):
        return badge("bought", "success")
    if any(purchase.status == PurchaseStatus.REFUNDED for purchase in sold):
        return badge("bought, refunded", "primary")
    if impression.clicked_at is not None:
        return badge("clicked", "info")
    if impression.muted_at is not None:
        return badge("muted", "danger")
    return badge("dismissed", "warning") if impression.dismissed_at is not None else "–"


class TriggerFilter(admin.SimpleListFilter):
    """Why something was offered."""

    title = "trigger"
    parameter_name = "trigger"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        """Return the triggers, the highest priority first."""
        return [(trigger.value, TRIGGER_NAMES[trigger]) for trigger in Trigger]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Impression]
    ) -> QuerySet[Impression]:
        """Return the offers of the trigger."""
        return queryset.filter(trigger=self.value()) if self.value() else queryset


@admin.register(Impression)
class ImpressionAdmin(OfPlayer[Impression]):
    """What was offered, the newest first."""

    list_display = ("when", "whose", "why", "event", "offered", "what_came")
    list_filter = (TriggerFilter,)
    list_select_related = ("player",)
    ordering = ("-id",)
    change_form_outer_after_template = "players/story.html"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("when", "whose"),
                    ("why", "event"),
                    ("priority", "is_blocking"),
                    ("offered", "what_came"),
                    ("campaign", "gift"),
                    ("day", "ordinal"),
                    ("clicked", "dismissed"),
                    "muted",
                )
            },
        ),
    )

    class Media:
        css = {"all": ["economy/economy.css", "payments/payments.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Impression]:
        """Fetch what was bought beside the page's rows."""
        return super().get_queryset(request).prefetch_related("attributions__purchase")

    @display(description="Shown")
    def when(self, impression: Impression) -> str:
        return age(impression.shown_at)

    @display(description="Player")
    def whose(self, impression: Impression) -> SafeString:
        return object_link(impression.player)

    @display(description="Trigger")
    def why(self, impression: Impression) -> str:
        return trigger_label(impression)

    @display(description="Offered")
    def offered(self, impression: Impression) -> SafeString | str:
        return products(impression)

    @display(description="Outcome")
    def what_came(self, impression: Impression) -> SafeString | str:
        return outcome(impression)

    @display(description="Gift")
    def gift(self, impression: Impression) -> SafeString | str:
        return object_link(impression.entry) if impression.entry else "–"

    @display(description="Clicked")
    def clicked(self, impression: Impression) -> str:
        """Return how long ago a product was tapped for the first time."""
        return age(impression.clicked_at)

    @display(description="Dismissed")
    def dismissed(self, impression: Impression) -> str:
        return age(impression.dismissed_at)

    @display(description="Muted")
    def muted(self, impression: Impression) -> str:
        """Return how long ago the player did not want to see it for some days."""
        return age(impression.muted_at)

    def page_context(self, request: HttpRequest, obj: Impression) -> dict[str, Any]:
        """Return the purchases that come from it."""
        sold = Purchase.objects.filter(attribution__impression=obj).order_by("-opened_at")
        if not sold or not request.user.has_perm("payments.view_purchase"):
            return {}
        return {
            "chapters": [TimelineSection(title="Purchases from this offer", **purchase_table(sold))]
        }

    # --- The funnel -------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        """Add the funnel."""
        view = self.admin_site.admin_view(self.funnel_view)
        return [path("funnel/", view, name="payments_impression_funnel"), *super().get_urls()]

    def funnel_view(self, request: HttpRequest) -> HttpResponse:
        """Show how far offers have come, trigger by trigger."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        now = timezone.now()
        today = timezone.localdate(now, business_zone())
        days = [today - timedelta(days=back) for back in reversed(range(max(FUNNEL_DAYS)))]
        context = {
            **self.admin_site.each_context(request),
            "title": "Offer funnel",
            "opts": self.opts,
            "media": self.media,
            **offers_chart(offer_funnel.shown_by_day(since=_midnight(days[0])), days=days),
            "periods": [
                {
                    "title": f"The last {length} days",
                    "table": offers_table(
                        offer_funnel.funnels(since=_midnight(days[-length]), until=now)
                    ),
                }
                for length in FUNNEL_DAYS
            ],
        }
        return TemplateResponse(request, "payments/funnel.html", context)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=business_zone())
