"""Staff themselves: users, roles and the audit log."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db import connection
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from quizarena.staff.desk import ReadOnlyAdmin, StaffAdmin, age, badge, link, pretty
from quizarena.staff.models import AuditEntry

if TYPE_CHECKING:
    _UserAdmin: TypeAlias = DjangoUserAdmin[User]
else:
    _UserAdmin = DjangoUserAdmin

admin.site.unregister((User, Group))


@admin.register(User)
class UserAdmin(_UserAdmin, StaffAdmin[User]):
    """Who may come in, in which roles. Who leaves becomes inactive: the audit log knows them."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "full_name", "roles", "standing", "last_seen")
    list_filter = ("is_active", "groups")
    filter_horizontal = ()
    ordering = ("username",)
    # What is not here cannot be given away: superusers are made on the command line only.
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("Access", {"fields": ("is_active", "groups")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    readonly_fields = ("last_login", "date_joined")

    @display(description="Name")
    def full_name(self, user: User) -> str:
        """Return the person's name."""
        return user.get_full_name() or "–"

    @display(description="Roles")
    def roles(self, user: User) -> str:
        """Return the names of the user's groups."""
        names = ", ".join(sorted(group.name for group in user.groups.all()))
        return names or ("superuser" if user.is_superuser else "–")

    @display(description="Standing")
    def standing(self, user: User) -> SafeString:
        """Return whether the user may come in."""
        return badge("active", "success") if user.is_active else badge("inactive", "danger")

    @display(description="Last login")
    def last_seen(self, user: User) -> str:
        """Return how long ago the user logged in."""
        return age(user.last_login)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Return the users with their groups."""
        return super().get_queryset(request).prefetch_related("groups")

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Return the roles as boxes to tick."""
        field: Any = super().formfield_for_manytomany(
            db_field, request, **{**kwargs, "widget": UnfoldAdminCheckboxSelectMultipleWidget()}
        )
        field.label, field.help_text = "Roles", ""
        return field

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Save the user; every user here is staff."""
        obj.is_staff = True
        super().save_model(request, obj, form, change)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Let only superusers touch superusers."""
        if obj is not None and obj.is_superuser and not request.user.is_superuser:
            return False
        return super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Return False: whoever leaves is made inactive."""
        return False


@admin.register(Group)
class GroupAdmin(ReadOnlyAdmin[Group]):
    """Roles, which `quizarena.staff.roles` keeps."""

    list_display = ("name", "members")
    ordering = ("name",)
    fields = ("name", "members", "shown_permissions")

    @display(description="Members")
    def members(self, group: Group) -> str:
        """Return the names of the active users in the role."""
        return ", ".join(user.username for user in group.user_set.all() if user.is_active) or "–"

    @display(description="May")
    def shown_permissions(self, group: Group) -> SafeString:
        """Return what the role may do, a permission a line."""
        names = group.permissions.order_by("content_type__app_label", "codename")
        return format_html_join("", "<div>{}</div>", ((permission.name,) for permission in names))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        """Return the groups with their users."""
        return super().get_queryset(request).prefetch_related("user_set")


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
        """Return how long ago it was."""
        return age(entry.at)

    @display(description="Who")
    def who(self, entry: AuditEntry) -> str:
        """Return the member of staff; without one it was the command line or a stranger."""
        return str(entry.actor or "–")

    @display(description="Object")
    def on(self, entry: AuditEntry) -> str | SafeString:
        """Return a link to what was changed, if it has a page."""
        if not entry.object_id:
            return "–"
        label = f"{entry.object_type} {entry.object_id}"
        known = {model._meta.label_lower for model in admin.site._registry}
        if entry.object_type not in known:
            return label
        return link(label, f"{entry.object_type.replace('.', '_')}_change", entry.object_id)

    @display(description="Details")
    def shown_details(self, entry: AuditEntry) -> SafeString:
        """Return the details as JSON."""
        return pretty(entry.details)

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
