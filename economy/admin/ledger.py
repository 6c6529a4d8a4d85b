"""The ledger in the admin: entries, statements as tables, sources and sinks."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from economy import decisions, statements
from economy.admin.players import players_found
from economy.charts import DaysForm, asset_charts
from economy.errors import EconomyError
from economy.models import (
    ASSETS,
    EntryType,
    LedgerEntry,
)
from economy.statements import ASSET_NAMES, mode_codes, moved, words
from quizarena.staff.decisions import decide
from quizarena.staff.desk import (
    ReadOnlyAdmin,
    age,
    button,
    exactly,
    format_json,
    link,
    object_link,
    with_code,
)

CHART_DAYS = 30


def why(entry: LedgerEntry) -> str | SafeString:
    """Return the type of the entry, and what staff had to say about it."""
    label = entry.get_type_display()
    if not entry.reason:
        return label
    return format_html("{}<br><small>{}: {}</small>", label, entry.staff, entry.reason)


def statement_table(entries: Iterable[LedgerEntry]) -> dict[str, Any]:
    """Return the entries, with the balances after each, as Unfold's table takes them."""
    return {
        "headers": ["When", "Why", "Moved", *ASSET_NAMES.values()],
        "rows": [
            [
                link(exactly(entry.created_at), "economy_ledgerentry_change", entry.pk),
                why(entry),
                with_code(moved(entry), mode_codes(entry)),
                *(f"{getattr(entry, f'{asset}_after'):,}" for asset in ASSETS),
            ]
            for entry in entries
        ],
    }


class ShortfallFilter(admin.SimpleListFilter):
    """What could not be reversed, because it was spent."""

    title = "shortfall"
    parameter_name = "shortfall"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        """Return the one question that finance asks."""
        return [("yes", "could not be reversed in full")]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[LedgerEntry]
    ) -> QuerySet[LedgerEntry]:
        """Return the entries that fall short."""
        return queryset.filter(shortfall__isnull=False) if self.value() else queryset


@admin.register(LedgerEntry)
class LedgerEntryAdmin(ReadOnlyAdmin[LedgerEntry]):
    """Everything that ever moved, newest first; nobody changes it."""

    list_display = ("when", "whose", "type", "movement", "source", "idempotency_key")
    list_filter = ("type", ShortfallFilter)
    list_select_related = ("player", "staff")
    search_fields = ("idempotency_key",)
    search_help_text = "Telegram id, or beginning of a user name or of an idempotency key"
    ordering = ("-id",)
    change_form_outer_before_template = "economy/buttons.html"
    fieldsets = (
        (None, {"fields": (("when", "whose"), ("type", "source"), ("movement", "about"))}),
        (
            "Balances after this entry",
            {
                "fields": (
                    ("free_energy_after", "paid_energy_after"),
                    ("streak_savers_after", "duel_tickets_after"),
                )
            },
        ),
        ("Staff", {"fields": (("staff", "reason"),)}),
        (
            "Origin",
            {
                "fields": (
                    ("reversed_entry", "reversing_entry"),
                    ("missing", "energy_counted_until"),
                    "idempotency_key",
                    "asked",
                    "remembered",
                )
            },
        ),
    )

    class Media:
        css = {"all": ["economy/economy.css"]}

    @display(description="When")
    def when(self, entry: LedgerEntry) -> str:
        return age(entry.created_at)

    @display(description="Player")
    def whose(self, entry: LedgerEntry) -> SafeString:
        return link(entry.player, "economy_wallet_change", entry.player_id)

    @display(description="Moved")
    def movement(self, entry: LedgerEntry) -> str:
        return with_code(moved(entry), mode_codes(entry))

    @display(description="About")
    def about(self, entry: LedgerEntry) -> str:
        return f"{entry.get_direction_display()} of {entry.amount:,} {entry.get_asset_display()}"

    @display(description="Reverses")
    def reversed_entry(self, entry: LedgerEntry) -> str:
        """Return a link to the entry that this one reverses."""
        return object_link(entry.reverses) if entry.reverses else "–"

    @display(description="Reversed by")
    def reversing_entry(self, entry: LedgerEntry) -> str:
        """Return a link to the entry that reverses this one."""
        reversal = LedgerEntry.objects.filter(reverses=entry).first()
        return object_link(reversal) if reversal else "–"

    @display(description="Could not be reversed (already spent)")
    def missing(self, entry: LedgerEntry) -> str:
        shortfall = entry.shortfall or {}
        return ", ".join(f"{words(name)}: {units:,}" for name, units in shortfall.items()) or "–"

    @display(description="Fingerprint of the request")
    def asked(self, entry: LedgerEntry) -> SafeString:
        return format_html('<span class="economy-breaks">{}</span>', entry.fingerprint)

    @display(description="Metadata")
    def remembered(self, entry: LedgerEntry) -> SafeString:
        return format_json(entry.metadata)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[LedgerEntry], search_term: str
    ) -> tuple[QuerySet[LedgerEntry], bool]:
        """Find the entries of players, or those whose key begins so (both indexed).

        The key of a question is not searched: a player's statement has it.
        """
        term = search_term.strip()
        if not term:
            return queryset, False
        if player_ids := players_found(term):
            return queryset.filter(player__in=player_ids), False
        keys = queryset.exclude(type=EntryType.QUESTION)
        return keys.filter(idempotency_key__startswith=term), False

    def get_urls(self) -> list[URLPattern]:
        """Add the pages of what staff decide, and of the days."""
        view = self.admin_site.admin_view
        return [
            path("days/", view(self.days_view), name="economy_ledgerentry_days"),
            path(
                "<int:entry_id>/revoke/", view(self.revoke_view), name="economy_ledgerentry_revoke"
            ),
            *super().get_urls(),
        ]

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may grant Premium, and so revoke it."""
        return request.user.has_perm("economy.grant_premium")

    def page_context(self, request: HttpRequest, obj: LedgerEntry) -> dict[str, Any]:
        """Offer to revoke a grant by staff that is not revoked yet."""
        if (
            obj.type != EntryType.STAFF_GRANT
            or not self.has_revoke_permission(request)
            or LedgerEntry.objects.filter(reverses=obj).exists()
        ):
            return {}
        return {"buttons": [button("Revoke", "economy_ledgerentry_revoke", obj.pk)]}

    def revoke_view(self, request: HttpRequest, entry_id: int) -> HttpResponse:
        """Revoke a grant by staff."""
        if not self.has_revoke_permission(request):
            raise PermissionDenied
        entry = get_object_or_404(LedgerEntry, pk=entry_id, type=EntryType.STAFF_GRANT)
        decision = decisions.revocation(entry, request=request)
        return decide(request, decision, model_admin=self)

    def days_view(self, request: HttpRequest) -> HttpResponse:
        """Show what came into being and what was spent, day by day."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        today = timezone.localdate()
        form = DaysForm(
            request.GET or {"first_day": today - timedelta(days=CHART_DAYS - 1), "last_day": today}
        )
        context = {
            **self.admin_site.each_context(request),
            "title": "By day",
            "opts": self.opts,
            "media": self.media,
            "form": form,
            "supply": [
                (ASSET_NAMES[asset].capitalize(), f"{units:,}")
                for asset, units in statements.supply().items()
            ],
        }
        if form.is_valid():
            first_day, last_day = form.cleaned_data["first_day"], form.cleaned_data["last_day"]
            try:
                flows = statements.sources_and_sinks(first_day=first_day, last_day=last_day)
            except EconomyError as error:
                form.add_error(None, str(error))
            else:
                by_day = statements.supply_by_day(
                    first_day=first_day, last_day=last_day, flows=flows
                )
                context["assets"] = [asset_charts(asset, flows, by_day) for asset in ASSETS]
        return TemplateResponse(request, "economy/days.html", context)
