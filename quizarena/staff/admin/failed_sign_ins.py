"""Failed sign-ins in the admin, and the lock-outs that follow from them."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.decorators import display

from quizarena.staff import (
    dates,
    sign_ins,
)
from quizarena.staff.decisions import Decision, ReasonForm, decide
from quizarena.staff.desk import (
    ReadOnlyAdmin,
    age,
    button,
    own_user,
)
from quizarena.staff.errors import StaffError
from quizarena.staff.models import (
    SignInFailure,
)


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


def _page_of(failure: SignInFailure) -> str:
    return reverse("admin:staff_signinfailure_change", args=[failure.pk])
