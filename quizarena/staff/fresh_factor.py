"""Asking for the second factor once more, before something that cannot be taken back."""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from quizarena.staff import factors, gate
from quizarena.staff.desk import own_user
from quizarena.staff.errors import FactorError
from quizarena.staff.forms import CodeForm

# The page that asks has what was posted in hidden fields, so that nothing has to be filled in
# again; but for these.
_NEVER_CARRIED = ("csrfmiddlewaretoken", "fresh_factor", "factor-code")

_Page = TypeVar("_Page")
_Rest = ParamSpec("_Rest")


def ask(request: HttpRequest, *, back: str = "") -> HttpResponse | None:
    """Return the page that asks for a code; None for who has given one within ten minutes.

    Who has none goes `back`, or if that is not said to where they are. The page posts the code to
    where it was asked for, together with everything that was posted there. A password is not
    carried along, and neither is a file: their form is shown once more.
    """
    now = timezone.now()
    if gate.is_fresh(request, now=now):
        return None
    if request.method != "POST":
        return gate.ask_first(request)
    asked = "fresh_factor" in request.POST
    # With a prefix, because the form that is carried along may have a field of this name, too.
    form = CodeForm(request.POST if asked else None, prefix="factor")
    if asked and form.is_valid():
        try:
            factors.verify(user=own_user(request), code=form.cleaned_data["code"], now=now)
        except FactorError as error:
            form.add_error("code", f"{error}.")
        else:
            factors.mark(request.session, now=now)
            return None
    if request.FILES or any("password" in name for name in request.POST):
        messages.warning(request, "Enter a code first. What you filled in was not stored.")
        return HttpResponseRedirect(f"{reverse('factor')}?{urlencode({'next': request.path})}")
    context = {
        **admin.site.each_context(request),
        "title": "Enter a code to go on",
        "form": form,
        "carried": list(_carried(request)),
        "back": back or request.get_full_path(),
    }
    response = TemplateResponse(request, "staff/fresh_factor.html", context)
    response.headers["Cache-Control"] = "no-store"
    return response


def fresh_factor(
    page: Callable[Concatenate[_Page, HttpRequest, _Rest], HttpResponseBase],
) -> Callable[Concatenate[_Page, HttpRequest, _Rest], HttpResponseBase]:
    """Let a page of a ModelAdmin open only for who has given a code within ten minutes.

    For downloads and forms. A decision says `fresh_factor=True` (quizarena.staff.decisions).
    """

    @wraps(page)
    def asking(
        self: _Page, request: HttpRequest, /, *args: _Rest.args, **kwargs: _Rest.kwargs
    ) -> HttpResponseBase:
        return ask(request) or page(self, request, *args, **kwargs)

    return asking


def ask_to_save(request: HttpRequest, object_id: str | None) -> HttpResponse | None:
    """Return what `ask` does for a form; None for who only looks at what there is."""
    return ask(request) if object_id is None or request.method == "POST" else None


class FreshFactorToSave:
    """Mixin for a ModelAdmin that saves and deletes only with a fresh second factor.

    Who opens the form of something new is asked at once, before anything is filled in.
    """

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Ask for a code; show or save the form."""
        question = ask_to_save(request, object_id)
        if question is not None:
            return question
        parent: Any = super()
        shown: HttpResponse = parent.changeform_view(request, object_id, form_url, extra_context)
        return shown

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Ask for a code; ask once more, or delete."""
        question = ask(request) if request.method == "POST" else None
        if question is not None:
            return question
        parent: Any = super()
        shown: HttpResponse = parent.delete_view(request, object_id, extra_context)
        return shown


def _carried(request: HttpRequest) -> Iterable[tuple[str, str]]:
    for name, values in request.POST.lists():
        if name not in _NEVER_CARRIED:
            yield from ((name, str(value)) for value in values)
