"""What every page of the operators' desk has in common.

The desk is the Django admin in Unfold's clothes. A list never counts its rows and sorts only by
what is indexed, an action calls one service per row, and whatever staff do lands in the audit log.
"""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin import ShowFacets
from django.contrib.admin.exceptions import (
    DisallowedModelAdminLookup,
    DisallowedModelAdminToField,
)
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import LogEntry
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ORDER_VAR, SEARCH_VAR
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import DataError, models, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from unfold.paginator import InfinitePaginator
from unfold.widgets import INPUT_CLASSES

from quizarena.staff import audit, dates, list_labels
from quizarena.staff.models import ApprovalRequest, AuditEntry
from quizarena.staff.plans import custom_plans

list_labels.mend()
Row = TypeVar("Row", bound=models.Model)

if TYPE_CHECKING:
    # Unfold has no types; what it extends has.
    from django.contrib.admin import ModelAdmin as _ModelAdmin
    from django.contrib.admin.views.main import ChangeList
else:
    from unfold.admin import ModelAdmin
    from unfold.views import ChangeList

    class _ModelAdmin(ModelAdmin, Generic[Row]):
        """Unfold's ModelAdmin with a place for its model's type."""


# The history page shows so many of the latest entries; the audit log has the rest.
HISTORY_LENGTH = 100
# Nothing that one searches for is longer.
SEARCH_MAX_LENGTH = 300
# Any number of so many digits fits into a bigint.
ROW_DIGITS_MAX = 18


class UnusableQueryError(SuspiciousOperation):
    """The query string asks for something that the list does not offer."""


class StaffChangeList(ChangeList):
    """A page of rows, fetched by a plan for the very values that were asked for.

    Takes only the filters and columns that the page declares. Django itself filters by any column
    of the model, so that `seed__startswith=...` would read a secret digit by digit.
    """

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        if len(request.GET.get(SEARCH_VAR, "")) > SEARCH_MAX_LENGTH:
            raise UnusableQueryError("The search is too long.")
        try:
            super().__init__(request, *args, **kwargs)
        except (
            DataError,  # A text with a zero character, say.
            DisallowedModelAdminLookup,
            DisallowedModelAdminToField,
            IncorrectLookupParameters,
        ) as error:
            raise UnusableQueryError(str(error)) from error
        if not self.is_popup:
            # A page is called as in the sidebar.
            page: Any = self.model_admin
            self.title = page.list_title(request)

    def get_filters(self, request: HttpRequest) -> Any:
        found = super().get_filters(request)
        # Each filter has taken its own parameters out of these.
        page: Any = self.model_admin
        undeclared = set(found[2]).difference(page.linked_lookups)
        if undeclared:
            raise DisallowedModelAdminLookup(f"Filtering by {min(undeclared)} not allowed")
        return found

    def get_ordering_field(self, field_name: Any) -> Any:
        sorts = field_name in (self.sortable_by or ())
        return super().get_ordering_field(field_name) if sorts else None

    def get_ordering(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> Any:
        if not self.sortable_by:
            self.params.pop(ORDER_VAR, None)
        return super().get_ordering(request, queryset)

    def get_results(self, request: HttpRequest) -> None:
        with custom_plans():
            super().get_results(request)
            self.result_list = list(self.result_list)


class StaffAdmin(_ModelAdmin[Row]):
    """A list and a form for staff: fast on big tables, and audited."""

    paginator: ClassVar[type] = InfinitePaginator  # Knows previous and next, and never counts.
    show_full_result_count = False
    show_facets = ShowFacets.NEVER  # They count, too.
    list_per_page = 50
    list_disable_select_all = True
    list_fullwidth = True
    # Sorting by a column without an index reads the whole table.
    sortable_by: ClassVar[tuple[str, ...]] = ()
    # Lookups by which other pages link to this list, beside those of its filters. All others are
    # refused, whatever Django would allow.
    linked_lookups: ClassVar[tuple[str, ...]] = ()
    change_form_outer_before_template = "staff/object_actions.html"
    # What an empty list says to who cannot add anything.
    when_empty = "Nothing has to be done for it: what happens is listed here by itself."

    class Media:
        css = {"all": ["staff/desk.css"]}

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the page of rows with a plan of its own."""
        return StaffChangeList

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Let Django pass what is declared; StaffChangeList refuses the rest."""
        return lookup in self.linked_lookups or super().lookup_allowed(lookup, value, request)

    def to_field_allowed(self, request: HttpRequest, to_field: str) -> bool:
        """Find objects by their primary key only."""
        return bool(to_field == self.opts.pk.name)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list; without filters if the address has some that the list does not offer."""
        try:
            return super().changelist_view(request, extra_context)
        except UnusableQueryError:
            self.message_user(
                request,
                "This list cannot be filtered or searched like that, so it is shown without "
                "filters. Use the filters and the search box of the page.",
                messages.WARNING,
            )
            return HttpResponseRedirect(request.path)

    def list_title(self, request: HttpRequest) -> str:
        """Return what the list is called: what the sidebar calls it, unless overridden."""
        return str(capfirst(self.opts.verbose_name_plural))

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Row | None:
        """Return the object; None for an id that no object can have."""
        try:
            with transaction.atomic():
                return super().get_object(request, object_id, from_field)
        except DataError:
            return None

    def _get_obj_does_not_exist_redirect(
        self, request: HttpRequest, opts: Any, object_id: str
    ) -> HttpResponse:
        """Lead to the list, where what there is can be found, and not to the start page."""
        notice = f"There is no {opts.verbose_name} at this address. It may have been deleted."
        self.message_user(request, notice, messages.WARNING)
        name = f"admin:{opts.app_label}_{opts.model_name}_changelist"
        return HttpResponseRedirect(reverse(name))

    def is_action_due(self, action: str, obj: Row) -> bool:
        """Return whether the object's page offers `action`: by default all, to be overridden."""
        return True

    def buttons(self, request: HttpRequest, obj: Row) -> list[SafeString]:
        """Return what stands before the actions on the object's page: by default nothing."""
        return []

    def page_context(self, request: HttpRequest, obj: Row) -> dict[str, Any]:
        """Return what the templates of one object's page take besides its fields: by default none.

        To be overridden, with the attributes that name these templates.
        """
        return {}

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Row | None = None,
    ) -> HttpResponse:
        """Show the list's actions on the page of one object, too, behind its own buttons."""
        if obj is not None:
            context["object_buttons"] = self.buttons(request, obj)
            context["object_actions"] = [
                (name, label)
                for name, label in self.get_action_choices(request, [])
                if name and name != "delete_selected" and self.is_action_due(name, obj)
            ]
            context |= self.page_context(request, obj)
        return super().render_change_form(request, context, add, change, form_url, obj)

    def response_action(
        self, request: HttpRequest, queryset: models.QuerySet[Row], *args: Any, **kwargs: Any
    ) -> HttpResponse | None:
        """Run the chosen action; one that came from an object's page returns there."""
        response = super().response_action(request, queryset, *args, **kwargs)
        if "_from_object" in request.POST and isinstance(response, HttpResponseRedirect):
            pk = request.POST[ACTION_CHECKBOX_NAME]
            name = f"admin:{self.opts.app_label}_{self.opts.model_name}_change"
            return HttpResponseRedirect(reverse(name, args=[pk]))
        return response

    def act(
        self,
        request: HttpRequest,
        queryset: models.QuerySet[Row],
        *,
        verb: str,
        service: Callable[[Row], bool],
        refusal: str,
    ) -> None:
        """Let `service` do `verb` (in the past tense) to each row, and show staff the outcome.

        A row is a transaction of its own with its audit entry. The service returns False for a row
        to which this cannot be done; these are named, with `refusal` as the reason.
        """
        done, refused = 0, []
        for row in queryset.order_by("pk"):
            with transaction.atomic():
                if service(row):
                    done += 1
                    self.log_verb(request, row, verb)
                else:
                    refused.append(str(row))
        if done:
            noun = self.opts.verbose_name if done == 1 else self.opts.verbose_name_plural
            self.message_user(request, f"{done} {noun} {verb}.", messages.SUCCESS)
        if refused:
            message = f"Not {verb}, because {refusal}: {', '.join(refused)}."
            self.message_user(request, message, messages.WARNING)

    # --- The audit log, which is the only log: Django's own is not written --------------------

    def audit_details(self, obj: Row) -> dict[str, Any]:
        """Return what an audit entry of `obj` should know besides the change itself."""
        return {}

    def log_verb(
        self,
        request: HttpRequest,
        obj: Row,
        verb: str,
        *,
        summary: str = "",
        details: dict[str, Any] | None = None,
    ) -> None:
        """Record that the user did `verb` to `obj`, as `<model>.<verb>`."""
        audit.record(
            actor=request.user,
            action=f"{self.opts.model_name}.{verb.replace(' ', '_')}",
            obj=obj,
            summary=summary or f"{obj}: {verb}.",
            details={**(details or {}), **self.audit_details(obj)},
        )

    def log_addition(self, request: HttpRequest, obj: Row, message: Any) -> LogEntry:
        """Record an added object in the audit log; the entry returned is not stored."""
        self.log_verb(request, obj, "added")
        return LogEntry()

    def log_change(self, request: HttpRequest, obj: Row, message: Any) -> LogEntry:
        """Record a change with old and new values; the entry returned is not stored."""
        entry = LogEntry(
            change_message=message if isinstance(message, str) else json.dumps(message)
        )
        values: dict[str, Any] = {}
        for part in message if isinstance(message, list) else []:
            values |= part.get("changed", {}).get("values", {})
        self.log_verb(
            request,
            obj,
            "changed",
            summary=f"{obj}: {entry.get_change_message()}",
            details={"changed": values} if values else None,
        )
        return entry

    def log_deletions(self, request: HttpRequest, queryset: Any) -> list[LogEntry]:
        """Record deleted objects in the audit log; what is returned is not stored."""
        for obj in queryset:
            self.log_verb(request, obj, "deleted")
        return []

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> list[dict[str, Any]]:
        """Return Django's message with the old and new values beside the names of the fields."""
        message: list[dict[str, Any]] = super().construct_change_message(
            request, form, formsets, add
        )
        # The form that sets a password is no model form: its values stay out of every log.
        if not add and isinstance(form, forms.ModelForm) and form.changed_data:
            message[0]["changed"]["values"] = {
                name: [_plain(form.initial.get(name)), _plain(form.cleaned_data.get(name))]
                for name in form.changed_data
            }
        return message

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show what the audit log knows about one object."""
        obj = self.get_object(request, unquote(object_id))
        if not self.has_view_or_change_permission(request, obj):
            raise PermissionDenied
        if obj is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        context = {
            **self.admin_site.each_context(request),
            "title": f"History: {obj}",
            "opts": self.opts,
            "object": obj,
            "table": {
                "headers": ["When", "Who", "What"],
                "rows": [
                    [age(entry.at), entry.by, _what_was_done(entry)]
                    for entry in audit.of_object(obj)[:HISTORY_LENGTH]
                ],
            },
            "media": self.media,
            **(extra_context or {}),
        }
        return TemplateResponse(request, "staff/history.html", context)


class ReadOnlyAdmin(StaffAdmin[Row]):
    """Something that nobody adds, edits or deletes by hand, not even a superuser."""

    def get_fields(self, request: HttpRequest, obj: Row | None = None) -> Any:
        """Return what is declared, else what the list shows: the columns' raw values are not it."""
        shown = tuple(self.get_list_display(request))
        if self.fields or shown == ("__str__",):
            return super().get_fields(request, obj)
        return shown

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return False: rows come from the product."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Row | None = None) -> bool:
        """Return False: what can be changed is changed by actions."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Row | None = None) -> bool:
        """Return False: rows are deleted by the product, if at all."""
        return False


def row_number(text: str) -> int | None:
    """Return what somebody typed as the number of a row; None for what cannot be one."""
    return int(text) if text.isdecimal() and len(text) <= ROW_DIGITS_MAX else None


def own_user(request: HttpRequest) -> User:
    """Return the member of staff."""
    assert isinstance(request.user, User)
    return request.user


def _what_was_done(entry: AuditEntry) -> SafeString:
    """Return the summary of an entry, with the old and new values of what was changed."""
    changed = entry.details.get("changed", {})
    values = format_html_join(
        "",
        "<div>{}: <del>{}</del> <ins>{}</ins></div>",
        ((name, *pair) for name, pair in changed.items()),
    )
    return format_html("<div>{}{}</div>", entry.summary, values)


def _plain(value: Any) -> Any:
    """Return a form's value as something JSON can hold and people can read."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, models.QuerySet | list | tuple):
        return sorted(str(item) for item in value)
    return str(value)


# --- How things are asked for ---------------------------------------------------------------------


class MomentInput(forms.DateTimeInput):
    """A box for a moment, in the format and the zone in which the admin shows them.

    A browser's own picker writes days and hours as the browser's language does.
    """

    def __init__(self, *, to_the_second: bool = False) -> None:
        pattern = dates.INPUT_FORMAT_TO_THE_SECOND if to_the_second else dates.INPUT_FORMAT
        example = f"29 Nov 2026, 18:00{':00' if to_the_second else ''}"
        attributes = {"class": " ".join(INPUT_CLASSES), "placeholder": example}
        super().__init__(attrs=attributes, format=pattern)


class DayInput(forms.DateInput):
    """A box for a day, as MomentInput is one for a moment."""

    def __init__(self) -> None:
        attributes = {"class": " ".join(INPUT_CLASSES), "placeholder": "29 Nov 2026"}
        super().__init__(attrs=attributes, format=dates.DAY_INPUT_FORMAT)


# --- How things are shown -------------------------------------------------------------------------


def age(moment: datetime | None) -> str:
    """Return how long ago (or in how long) `moment` is, with the exact time under the pointer."""
    if moment is None:
        return "–"
    past = timezone.now() - moment
    if abs(past) < timedelta(seconds=1):
        relative = "just now"
    else:
        relative = f"{dates.span(past)} ago" if past > timedelta() else f"in {dates.span(-past)}"
    return format_html(
        '<time datetime="{}" title="{}, {}">{}</time>',
        timezone.localtime(moment).isoformat(),
        dates.to_the_second(moment),
        dates.zone_name(),
        relative,
    )


def exactly(instant: datetime) -> SafeString:
    """Return an instant that breaks between day and time, and nowhere else."""
    day, clock = dates.to_the_second(instant).split(", ")
    return format_html("<time>{},</time> <time>{}</time>", day, clock)


def format_json(value: Any) -> SafeString:
    """Return JSON, indented, in letters that stand under each other."""
    return preformatted(json.dumps(value, indent=2, ensure_ascii=False))


def preformatted(text: str) -> SafeString:
    """Return `text` (a traceback, say) with its line breaks."""
    return format_html('<pre class="desk-pre">{}</pre>', text)


def badge(text: object, colour: str) -> SafeString:
    """Return a label in one of Unfold's colours: info, primary, success, warning or danger."""
    return render_to_string("unfold/helpers/label.html", {"text": text, "type": colour})


def with_code(name: str, code: str) -> str | SafeString:
    """Return a name as people know it, with the code that other systems use beside it in small."""
    return format_html("{} <small>{}</small>", name, code) if code and code != name else name


def link(label: object, name: str, *args: object, query: str = "") -> SafeString:
    """Return a link to the admin page `name` ("bot_inboxupdate_change")."""
    return format_html(
        '<a class="text-link" href="{}{}">{}</a>',
        reverse(f"admin:{name}", args=args),
        f"?{query}" if query else "",
        label,
    )


def object_link(obj: models.Model, label: object = "") -> SafeString:
    """Return a link to the page of `obj`."""
    name = f"{obj._meta.app_label}_{obj._meta.model_name}_change"
    return link(label or obj, name, obj.pk)


def waits(asked: ApprovalRequest) -> SafeString:
    """Return who has asked a second person for what and when, in place of the button for it."""
    moment = dates.moment(asked.asked_at)
    return format_html(
        '<span class="self-center">Waits for approval: {}, asked by {} at {}</span>',
        object_link(asked, asked.subject_name),
        asked.maker,
        moment,
    )


def may_open(request: HttpRequest, model: type[models.Model]) -> bool:
    """Return whether the user may open the pages of things of this kind."""
    of_model = admin.site._registry.get(model)
    return of_model is not None and of_model.has_view_or_change_permission(request)


def page_link(label: object, object_type: str, object_id: str) -> str | SafeString:
    """Return a link to the page of what is only known as "app.model" and id, if it has one."""
    if object_type not in {model._meta.label_lower for model in admin.site._registry}:
        return str(label)
    return link(label, f"{object_type.replace('.', '_')}_change", object_id)


def button(label: str, name: str, *args: object) -> SafeString:
    """Return a link to the admin page `name` that looks like a button."""
    return render_to_string(
        "unfold/components/button.html",
        {
            "href": reverse(f"admin:{name}", args=args),
            "variant": "default",
            "size": "xs",
            "children": label,
        },
    )
