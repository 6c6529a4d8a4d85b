"""Accounts of staff and their roles in the admin."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import UserChangeForm
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.defaultfilters import pluralize
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from quizarena.staff import (
    accounts,
    factors,
    fresh_factor,
)
from quizarena.staff.decisions import Decision, ReasonForm, decide
from quizarena.staff.desk import (
    ReadOnlyAdmin,
    StaffAdmin,
    age,
    badge,
    button,
    link,
    own_user,
)
from quizarena.staff.errors import StaffError
from quizarena.staff.roles import SECURITY

if TYPE_CHECKING:
    _UserAdmin: TypeAlias = DjangoUserAdmin[User]
    _UserForm: TypeAlias = UserChangeForm[User]
else:
    _UserAdmin = DjangoUserAdmin
    _UserForm = UserChangeForm


admin.site.unregister((User, Group))
# django-otp has pages with secrets; they are registered as soon as they are read.
for plugin in ("otp_static", "otp_totp"):
    import_module(f"django_otp.plugins.{plugin}.admin")
admin.site.unregister((StaticDevice, TOTPDevice))
admin.site.index_template = "staff/home.html"


class StaffUserForm(_UserForm):
    """An account, with a sentence where the database would refuse."""

    # The page shows no hash.
    password: Any = None

    def clean_groups(self) -> Any:
        """Refuse Security beside another role."""
        groups = self.cleaned_data["groups"]
        if len(groups) > 1 and any(group.name == SECURITY for group in groups):
            raise forms.ValidationError(
                f"{SECURITY} cannot be combined with other roles: choose it alone, or the others."
            )
        return groups


class NewUserForm(UserCreationForm):
    """A new account. Everybody signs in with a password and a second factor."""

    usable_password: Any = None


class PasswordOfAnotherForm(AdminPasswordChangeForm):
    """Another password for an account; no account is without one."""

    usable_password: Any = None


@admin.register(User)
class UserAdmin(_UserAdmin, StaffAdmin[User]):
    """Who may sign in, in which roles. Who leaves is made inactive: the audit log names them."""

    form = StaffUserForm
    add_form = NewUserForm
    change_password_form = PasswordOfAnotherForm
    list_display = ("username", "full_name", "roles", "standing", "last_seen")
    list_filter = ("is_active", "groups")
    filter_horizontal = ()
    ordering = ("username",)
    # What is not here cannot be given away: superusers are made on the command line only.
    fieldsets = (
        (None, {"fields": ("username", "set_password")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("Access", {"fields": ("is_active", "groups")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"fields": ("username", "password1", "password2")}),)
    readonly_fields = ("set_password", "last_login", "date_joined")

    @display(description="Password")
    def set_password(self, user: User) -> SafeString:
        """Return a link to set another password; the hash is not shown."""
        return link("Set another password", "auth_user_password_change", user.pk)

    @display(description="Name")
    def full_name(self, user: User) -> str:
        return user.get_full_name() or "–"

    @display(description="Roles")
    def roles(self, user: User) -> str:
        names = ", ".join(sorted(group.name for group in user.groups.all()))
        return names or ("superuser" if user.is_superuser else "–")

    @display(description="Status")
    def standing(self, user: User) -> SafeString:
        """Return whether the user may come in."""
        return badge("active", "success") if user.is_active else badge("inactive", "danger")

    @display(description="Last login")
    def last_seen(self, user: User) -> str:
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

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Return what cannot be edited: nobody changes their own roles."""
        fields = super().get_readonly_fields(request, obj)
        return (*fields, "is_active", "groups") if obj == request.user else fields

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the form, or save it as a change by this user."""
        # Before the transaction in which accounts are locked.
        question = fresh_factor.ask_to_save(request, object_id)
        if question is not None:
            return question
        with accounts.changing(by=own_user(request), now=timezone.now()):
            return super().changeform_view(request, object_id, form_url, extra_context)

    def user_change_password(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Set a password as a change by this user."""
        if (question := fresh_factor.ask(request)) is not None:
            return question
        with accounts.changing(by=own_user(request), now=timezone.now()):
            return super().user_change_password(request, *args, **kwargs)

    def buttons(self, request: HttpRequest, obj: User) -> list[SafeString]:
        """Return what Security does with somebody else's way in."""
        if obj == request.user or not self.has_change_permission(request, obj):
            return []
        return [
            button("Sign out everywhere", "auth_user_sign_out", obj.pk),
            button("Reset the second factor", "auth_user_reset_factor", obj.pk),
        ]

    def get_urls(self) -> list[URLPattern]:
        """Add the pages that end sessions and take a lost factor away."""
        view = self.admin_site.admin_view
        return [
            path("<int:pk>/sign-out/", view(self.sign_out_view), name="auth_user_sign_out"),
            path(
                "<int:pk>/reset-factor/",
                view(self.reset_factor_view),
                name="auth_user_reset_factor",
            ),
            *super().get_urls(),
        ]

    def sign_out_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask why, and end every session of the account."""
        user = self._other(request, pk)

        def execute(cleaned: dict[str, Any]) -> str:
            ended = accounts.sign_out(user=user, by=own_user(request), reason=cleaned["reason"])
            return f"{user} is signed out everywhere: {ended} session{pluralize(ended)} ended."

        decision = Decision(
            title=f"Sign {user} out everywhere",
            note="Every session of this account ends at once. It can sign in again.",
            form=ReasonForm,
            execute=execute,
            refusals=(StaffError,),
            back=reverse("admin:auth_user_change", args=[pk]),
            confirm="Sign out everywhere",
            fresh_factor=True,
        )
        return decide(request, decision, model_admin=self)

    def reset_factor_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask why, and take the second factor away."""
        user = self._other(request, pk)

        def execute(cleaned: dict[str, Any]) -> str:
            factors.reset(
                user=user,
                by=own_user(request),
                reason=cleaned["reason"],
                now=timezone.now(),
            )
            return f"{user} sets up another second factor at the next sign-in."

        decision = Decision(
            title=f"Reset the second factor of {user}",
            note="For a lost phone. Make sure that it is really this person who asks: with the "
            "password alone, the next sign-in sets up another factor. Every session ends.",
            form=ReasonForm,
            execute=execute,
            refusals=(StaffError,),
            back=reverse("admin:auth_user_change", args=[pk]),
            confirm="Reset",
            fresh_factor=True,
        )
        return decide(request, decision, model_admin=self)

    def _other(self, request: HttpRequest, pk: int) -> User:
        """Return the account of somebody else, for who may change it."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        user = get_object_or_404(User, pk=pk)
        if user == request.user or not self.has_change_permission(request, user):
            raise PermissionDenied
        return user

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


def change_own_password(request: HttpRequest) -> HttpResponse:
    """Let the user set their own password, as a change by themselves."""
    if not isinstance(request.user, User):
        return admin.site.admin_view(admin.site.password_change)(request)
    if (question := fresh_factor.ask(request)) is not None:
        return question
    with accounts.changing(by=request.user, now=timezone.now()):
        return admin.site.admin_view(admin.site.password_change)(request)


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
