"""Staff themselves: users, roles, the audit log, and what waits for them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import UserChangeForm
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.defaultfilters import pluralize
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from quizarena.staff import (
    accounts,
    alerts,
    approvals,
    dates,
    factors,
    fresh_factor,
    home_panels,  # noqa: F401 -- importing it declares what the home page shows.
    limit_admin,  # noqa: F401 -- importing it registers the page.
    sign_ins,
    template_admin,  # noqa: F401 -- importing it registers the page of templates.
)
from quizarena.staff.alert_admin import deliveries_of, runbook_link
from quizarena.staff.decisions import Decision, ReasonForm, decide
from quizarena.staff.desk import (
    ReadOnlyAdmin,
    StaffAdmin,
    age,
    badge,
    button,
    format_json,
    link,
    own_user,
    page_link,
)
from quizarena.staff.errors import ChangedError, RefusedError, StaffError
from quizarena.staff.models import (
    Alert,
    ApprovalRequest,
    AuditEntry,
    RequestStatus,
    SignInFailure,
)
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


@admin.register(User)
class UserAdmin(_UserAdmin, StaffAdmin[User]):
    """Who may sign in, in which roles. Who leaves is made inactive: the audit log names them."""

    form = StaffUserForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
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
        """Return the member of staff; without one it was the command line or a stranger."""
        return str(entry.actor or "–")

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


@admin.register(SignInFailure)
class SignInFailureAdmin(ReadOnlyAdmin[SignInFailure]):
    """Who has failed to sign in, counted by the hour, for 30 days."""

    list_display = ("last", "name", "origin", "times")
    ordering = ("-last_at", "-id")
    search_fields = ("username", "address")
    search_help_text = "The whole name, or the whole address"
    fields = ("last", "name", "origin", "times", "locks")

    def buttons(self, request: HttpRequest, obj: SignInFailure) -> list[SafeString]:
        """Offer to end a lock-out while there is one."""
        if not self.has_lift_permission(request) or self._end(obj) is None:
            return []
        return [button("End the lock-out", "staff_signinfailure_lift", obj.pk)]

    def get_urls(self) -> list[URLPattern]:
        """Add the page that ends a lock-out."""
        view = self.admin_site.admin_view(self.lift_view)
        return [
            path("<int:pk>/lift/", view, name="staff_signinfailure_lift"),
            *super().get_urls(),
        ]

    def has_lift_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may end lock-outs."""
        return request.user.has_perm("staff.lift_signinfailure")

    def lift_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask why, and let the name and the address try again."""
        if not self.has_lift_permission(request):
            raise PermissionDenied
        failure = get_object_or_404(SignInFailure, pk=pk)

        def execute(cleaned: dict[str, Any]) -> str:
            failures = sign_ins.lift(
                failure=failure,
                by=own_user(request),
                reason=cleaned["reason"],
                now=timezone.now(),
            )
            return f"{failures} failed sign-ins no longer count."

        decision = Decision(
            title=f"End the lock-out of {failure}",
            note="The name and the address can try again. What has happened stays in the list.",
            form=ReasonForm,
            execute=execute,
            refusals=(StaffError,),
            back=_page_of(failure),
            confirm="End it",
            fresh_factor=True,
        )
        return decide(request, decision, model_admin=self)

    def _end(self, failure: SignInFailure) -> datetime | None:
        return sign_ins.locked_until(
            username=failure.username, address=failure.address, now=timezone.now()
        )

    @display(description="Locked out until")
    def locks(self, failure: SignInFailure) -> str:
        until = self._end(failure)
        return dates.to_the_second(until) if until else "not locked out"

    @display(description="Last")
    def last(self, failure: SignInFailure) -> str:
        return age(failure.last_at)

    @display(description="Name")
    def name(self, failure: SignInFailure) -> str:
        return failure.username or "other names"

    @display(description="Address")
    def origin(self, failure: SignInFailure) -> str:
        return failure.address or "other addresses"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[SignInFailure], search_term: str
    ) -> tuple[QuerySet[SignInFailure], bool]:
        """Find what one name or one address has tried."""
        if term := search_term.strip():
            queryset = queryset.filter(Q(username=term) | Q(address=term))
        return queryset, False


# --- What waits for a second person ---------------------------------------------------------------

STATUS_COLOURS = {
    RequestStatus.OPEN: "warning",
    RequestStatus.APPROVED: "success",
    RequestStatus.DECLINED: "danger",
    RequestStatus.WITHDRAWN: "info",
    RequestStatus.EXPIRED: "info",
}


@admin.register(ApprovalRequest)
class ApprovalRequestAdmin(ReadOnlyAdmin[ApprovalRequest]):
    """What somebody asks for and somebody else decides about; open requests come first."""

    list_display = ("what", "asked_by", "since", "reason", "expires", "state")
    list_select_related = ("maker", "decided_by")
    ordering = (Coalesce("decided_at", "expires_at").desc(), "-id")
    change_form_outer_after_template = "staff/preview.html"
    question = (
        None,
        {
            "fields": (
                ("what", "subject"),
                ("asked_by", "since"),
                ("state", "expires"),
                "approvers",
                "reason",
            )
        },
    )
    decision = ("Decision", {"fields": (("decider", "decided"), "decision_reason")})

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApprovalRequest]:
        """Return the requests that are the user's business."""
        return approvals.shown_to(request.user, super().get_queryset(request))

    def get_fieldsets(self, request: HttpRequest, obj: ApprovalRequest | None = None) -> Any:
        """Return what was asked and, once there is one, the decision."""
        decided = obj is not None and obj.decided_at is not None
        return (self.question, self.decision) if decided else (self.question,)

    @display(description="What")
    def what(self, request: ApprovalRequest) -> str:
        return f"{approvals.label_of(request.kind)}: {request.subject_name}"

    @display(description="About")
    def subject(self, request: ApprovalRequest) -> str | SafeString:
        return page_link(request.subject_name, request.subject_type, request.subject_id)

    @display(description="Asked by")
    def asked_by(self, request: ApprovalRequest) -> str:
        """Return the maker; not everybody may see that user's page."""
        return str(request.maker)

    @display(description="May be approved by")
    def approvers(self, request: ApprovalRequest) -> str:
        """Return whose business the decision is."""
        roles = " or ".join(approvals.roles_that_decide(request.kind)) or "nobody"
        return f"{roles}, but not by {request.maker}"

    @display(description="By")
    def decider(self, request: ApprovalRequest) -> str:
        """Return who has decided: nobody if it has expired."""
        return str(request.decided_by or "–")

    @display(description="Since")
    def since(self, request: ApprovalRequest) -> str:
        return age(request.asked_at)

    @display(description="Expires")
    def expires(self, request: ApprovalRequest) -> str:
        """Return when the time for a decision is over, if it matters."""
        return age(request.expires_at) if request.status == RequestStatus.OPEN else "–"

    @display(description="State")
    def state(self, request: ApprovalRequest) -> SafeString:
        """Return where it stands by the clock."""
        status = request.status_at(timezone.now())
        return badge(status.label, STATUS_COLOURS[status])

    @display(description="When")
    def decided(self, request: ApprovalRequest) -> str:
        return age(request.decided_at)

    def buttons(self, request: HttpRequest, obj: ApprovalRequest) -> list[SafeString]:
        """Return what the user may do about an open request."""
        if obj.status_at(timezone.now()) != RequestStatus.OPEN:
            return []
        if obj.maker_id == request.user.pk:
            return [button("Withdraw", "staff_approvalrequest_withdraw", obj.pk)]
        kind = approvals.kinds.get(obj.kind)
        if kind is None or not request.user.has_perm(kind.permission):
            return []
        return [
            button("Approve", "staff_approvalrequest_approve", obj.pk),
            button("Decline", "staff_approvalrequest_decline", obj.pk),
        ]

    def page_context(self, request: HttpRequest, obj: ApprovalRequest) -> dict[str, Any]:
        """Show below what it does, as it was asked for and, if that differs, as it is now."""
        return {"preview": _previews(obj)}

    def get_urls(self) -> list[URLPattern]:
        """Add the pages of the decisions."""
        view = self.admin_site.admin_view
        pages = {
            "approve": self.approve_view,
            "decline": self.decline_view,
            "withdraw": self.withdraw_view,
        }
        return [
            *(
                path(f"<int:pk>/{name}/", view(page), name=f"staff_approvalrequest_{name}")
                for name, page in pages.items()
            ),
            *super().get_urls(),
        ]

    def approve_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show what it does once more, and do it."""
        asked, now = self._asked(request, pk), timezone.now()
        checker = own_user(request)

        def preview(cleaned: dict[str, Any]) -> Sequence[Sequence[str]]:
            try:
                return approvals.preview(request=asked, checker=checker, now=now)
            except (ChangedError, RefusedError) as error:
                # Nothing is left to confirm, so this is all that becomes of it.
                approvals.note_in_vain(request_id=pk, checker=checker, error=error, now=now)
                raise

        def execute(cleaned: dict[str, Any]) -> str:
            approvals.approve(request_id=pk, checker=checker, now=now)
            return f"Approved: {self.what(asked)}."

        kind = approvals.kinds.get(asked.kind)
        decision = Decision(
            title=f"Approve “{self.what(asked)}”",
            note=f"Requested by {asked.maker}: {asked.reason}",
            preview=preview,
            headers=kind.headers if kind else (),
            execute=execute,
            refusals=(StaffError,),
            back=_page_of(asked),
            confirm="Approve",
            fresh_factor=True,
        )
        return decide(request, decision, model_admin=self)

    def decline_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask why not, and let it be."""
        asked = self._asked(request, pk)

        def execute(cleaned: dict[str, Any]) -> str:
            approvals.decline(
                request_id=pk,
                checker=own_user(request),
                reason=cleaned["reason"],
                now=timezone.now(),
            )
            return f"Declined: {self.what(asked)}."

        decision = Decision(
            title=f"Decline “{self.what(asked)}”",
            note=f"Requested by {asked.maker}: {asked.reason}",
            form=ReasonForm,
            execute=execute,
            refusals=(StaffError,),
            back=_page_of(asked),
            confirm="Decline",
        )
        return decide(request, decision, model_admin=self)

    def withdraw_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Withdraw one's own request."""
        asked = self._asked(request, pk)

        def execute(cleaned: dict[str, Any]) -> str:
            approvals.withdraw(request_id=pk, maker=own_user(request), now=timezone.now())
            return f"Withdrawn: {self.what(asked)}."

        decision = Decision(
            title=f"Withdraw “{self.what(asked)}”",
            note="Nothing is changed, and the request can be made again.",
            execute=execute,
            refusals=(StaffError,),
            back=_page_of(asked),
            confirm="Withdraw",
        )
        return decide(request, decision, model_admin=self)

    def _asked(self, request: HttpRequest, pk: int) -> ApprovalRequest:
        """Return the request for approval, for who may see it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        requests = self.get_queryset(request).select_related("maker", "decided_by")
        return get_object_or_404(requests, pk=pk)


def _page_of(obj: ApprovalRequest | Alert | SignInFailure) -> str:
    return reverse(f"admin:staff_{obj._meta.model_name}_change", args=[obj.pk])


def _previews(asked: ApprovalRequest) -> dict[str, Any]:
    """Return what the action does: once, or as it was and as it is now, with what differs."""
    kind, now = approvals.kinds.get(asked.kind), timezone.now()
    headers = kind.headers if kind else ()
    was: Sequence[Sequence[str]] = asked.preview
    as_asked = ("What it does", {"headers": headers, "rows": was})
    if kind is None or asked.status_at(now) != RequestStatus.OPEN:
        return {"tables": [as_asked]}
    try:
        current = approvals.preview_of(asked, now=now)
    except kind.refusals as error:
        return {
            "tables": [as_asked],
            "refusal": f"It would be refused now: {str(error).rstrip('.')}.",
        }
    if current == was:
        return {"tables": [as_asked]}
    return {
        "tables": [
            ("As requested", {"headers": headers, "rows": _marked(was, current, "del")}),
            ("As it is now", {"headers": headers, "rows": _marked(current, was, "ins")}),
        ],
        "refusal": "The effect has changed since the request, so it cannot be approved. "
        "Withdraw or decline it, and request it again.",
    }


def _marked(
    rows: Sequence[Sequence[str]], others: Sequence[Sequence[str]], tag: str
) -> list[list[str]]:
    """Return the rows with a tag around what the other row of the same beginning says otherwise."""
    partners = {row[0]: row for row in others if row}
    return [
        [
            cell
            if [cell] == list(partners.get(row[0], ())[place : place + 1])
            else format_html("<{0}>{1}</{0}>", tag, cell)
            for place, cell in enumerate(row)
        ]
        for row in rows
    ]


# --- What staff must look at ----------------------------------------------------------------------


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin[Alert]):
    """Problems, the open ones first, each with the way out beside it."""

    list_display = ("trouble", "summary", "runbook", "times", "last", "state")
    list_display_links = ("trouble", "summary")
    list_select_related = ("resolved_by",)
    ordering = ("-resolved_at", "-last_at", "-id")
    trouble_fields = (
        None,
        {
            "fields": (
                ("trouble", "state"),
                "summary",
                ("subject", "runbook"),
                ("times", "key"),
                ("first", "last"),
                "sent",
                "shown_details",
            )
        },
    )
    resolution_fields = ("Resolved", {"fields": (("resolved_by", "resolved"), "resolve_reason")})

    def get_fieldsets(self, request: HttpRequest, obj: Alert | None = None) -> Any:
        """Return what happened and, once it is resolved, how."""
        if obj is None or obj.resolved_at is None:
            return (self.trouble_fields,)
        return (self.trouble_fields, self.resolution_fields)

    @display(description="Problem")
    def trouble(self, alert: Alert) -> SafeString:
        """Return the kind, red while it is open."""
        colour = "info" if alert.resolved_at else "danger"
        return badge(alerts.label_of(alert.kind), colour)

    @display(description="About")
    def subject(self, alert: Alert) -> str | SafeString:
        label = f"{alert.subject_type.partition('.')[2]} {alert.subject_id}".strip() or "–"
        return page_link(label, alert.subject_type, alert.subject_id)

    @display(description="Runbook")
    def runbook(self, alert: Alert) -> SafeString | str:
        return runbook_link(alerts.runbook_of(alert.kind))

    @display(description="Sent")
    def sent(self, alert: Alert) -> SafeString | str:
        return deliveries_of(alert)

    @display(description="First")
    def first(self, alert: Alert) -> str:
        return age(alert.first_at)

    @display(description="Last")
    def last(self, alert: Alert) -> str:
        return age(alert.last_at)

    @display(description="State")
    def state(self, alert: Alert) -> SafeString:
        """Return whether somebody still has to look at it."""
        if alert.resolved_at is None:
            return badge("open", "warning")
        by = f"resolved by {alert.resolved_by}" if alert.resolved_by else "resolved by the system"
        return badge(by, "success")

    @display(description="By")
    def resolved_by(self, alert: Alert) -> str:
        """Return who has resolved it; nobody when the system did."""
        return str(alert.resolved_by or "–")

    @display(description="When")
    def resolved(self, alert: Alert) -> str:
        return age(alert.resolved_at)

    @display(description="Details")
    def shown_details(self, alert: Alert) -> SafeString:
        return format_json(alert.details)

    def has_resolve_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may resolve alerts."""
        return request.user.has_perm("staff.resolve_alert")

    def buttons(self, request: HttpRequest, obj: Alert) -> list[SafeString]:
        """Offer to resolve an open alert to those who may."""
        if obj.resolved_at is not None or not self.has_resolve_permission(request):
            return []
        return [button("Resolve", "staff_alert_resolve", obj.pk)]

    def get_urls(self) -> list[URLPattern]:
        """Add the page that resolves."""
        view = self.admin_site.admin_view(self.resolve_view)
        return [
            path("<int:pk>/resolve/", view, name="staff_alert_resolve"),
            *super().get_urls(),
        ]

    def resolve_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask what was done about it, and close it."""
        if not self.has_resolve_permission(request):
            raise PermissionDenied
        alert = get_object_or_404(Alert, pk=pk)

        def execute(cleaned: dict[str, Any]) -> str:
            alerts.resolve_by_hand(
                alert_id=pk,
                staff=own_user(request),
                reason=cleaned["reason"],
                now=timezone.now(),
            )
            return f"Resolved: {alert.summary}"

        decision = Decision(
            title=f"Resolve “{alerts.label_of(alert.kind)}”",
            note=alert.summary,
            form=ReasonForm,
            execute=execute,
            refusals=(StaffError,),
            back=_page_of(alert),
            confirm="Resolve",
        )
        return decide(request, decision, model_admin=self)
