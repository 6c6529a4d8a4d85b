"""The audit log in the admin."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db import connection
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.decorators import display

from quizarena.staff.desk import (
    ReadOnlyAdmin,
    age,
    format_json,
    page_link,
)
from quizarena.staff.models import (
    AuditEntry,
)


class ActionFilter(admin.SimpleListFilter):
    """The actions that have ever happened."""

    title = "action"
    parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        """Return the distinct actions, jumping from one to the next in their index."""
        with connection.cursor() as cursor:
            cursor.execute(
                """
                WITH RECURSIVE seen AS (
                  (SELECT action FROM staff_auditentry ORDER BY action LIMIT 1)
                  UNION ALL
                  SELECT (SELECT later.action FROM staff_auditentry AS later
                          WHERE later.action > seen.action ORDER BY later.action LIMIT 1)
                  FROM seen WHERE seen.action IS NOT NULL
                )
                SELECT action FROM seen WHERE action IS NOT NULL
                """
            )
            return [(action, action) for (action,) in cursor.fetchall()]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[AuditEntry]
    ) -> QuerySet[AuditEntry]:
        """Return the entries of the chosen action."""
        return queryset.filter(action=self.value()) if self.value() else queryset


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin[AuditEntry]):
    """What staff did."""

    list_display = ("when", "who", "action", "summary")
    list_display_links = ("when", "summary")
    list_filter = ("actor", ActionFilter)
    list_select_related = ("actor",)
    search_fields = ("object_id",)
    search_help_text = "Id of an object"
    ordering = ("-id",)
    fields = ("at", "who", "action", "on", "summary", "shown_details")

    @display(description="When")
    def when(self, entry: AuditEntry) -> str:
        return age(entry.at)

    @display(description="Who")
    def who(self, entry: AuditEntry) -> str:
        return entry.by

    @display(description="Object")
    def on(self, entry: AuditEntry) -> str | SafeString:
        """Return a link to what was changed, if it has a page."""
        if not entry.object_id:
            return "–"
        label = f"{entry.object_type} {entry.object_id}"
        return page_link(label, entry.object_type, entry.object_id)

    @display(description="Details")
    def shown_details(self, entry: AuditEntry) -> SafeString:
        return format_json(entry.details)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditEntry], search_term: str
    ) -> tuple[QuerySet[AuditEntry], bool]:
        """Find everything done to the objects with this id, of whatever kind.

        The kinds are named because the index begins with them.
        """
        if search_term:
            kinds = [model._meta.label_lower for model in admin.site._registry]
            queryset = queryset.filter(object_type__in=kinds, object_id=search_term.strip())
        return queryset, False
