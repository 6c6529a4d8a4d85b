"""The pages of the staff inbox: the list of what waits, and who takes one of it on."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.middleware.csrf import get_token
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_http_methods, require_safe
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from quizarena.staff import audit, inbox
from quizarena.staff.dates import span
from quizarena.staff.desk import age, badge, own_user
from quizarena.staff.errors import BadReasonError, InboxError
from quizarena.staff.inbox import Item, Source

TITLE = "Inbox"
HISTORY_SHOWN = 50
# With whose it was and what it is about, the history has room for so much (audit.record).
NOTE_LENGTH_MAX = 300


class NoteForm(forms.Form):
    """What somebody has found out."""

    note = forms.CharField(
        max_length=NOTE_LENGTH_MAX,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text="Stored permanently in the audit log.",
    )


class HandOverForm(forms.Form):
    """Who is to have it."""

    to = forms.ModelChoiceField(queryset=User.objects.none(), widget=UnfoldAdminSelectWidget)
    note = forms.CharField(
        max_length=NOTE_LENGTH_MAX,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text="Stored permanently in the audit log.",
    )

    def __init__(self, source: Source, data: Any = None) -> None:
        super().__init__(data, auto_id="hand-over-%s")
        field = self.fields["to"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = inbox.candidates(source)


@require_safe
def inbox_page(request: HttpRequest) -> HttpResponse:
    """Show what waits: all of it, of one source, or what the user has claimed."""
    user, now = own_user(request), timezone.now()
    sources = {source.name: source for source in inbox.seen_by(user)}
    only = sources.get(request.GET.get("source", ""))
    is_mine = request.GET.get("whose") == "mine"
    found = inbox.items(user=user, now=now, only=only, owner=user if is_mine else None)
    numbers = inbox.count(inbox.waiting_for(user, now=now))
    address = reverse("inbox")
    tabs = [("Everything", address, only is None and not is_mine, "")]
    tabs += [("Mine", f"{address}?whose=mine", is_mine, "")]
    tabs += [
        (source.title, f"{address}?source={name}", source is only, inbox.shown(numbers[name]))
        for name, source in sources.items()
        if numbers[name] or source is only
    ]
    context = {
        **admin.site.each_context(request),
        "title": TITLE,
        "tabs": tabs,
        "is_mine": is_mine,
        "is_everything": only is None,
        "is_full": len(found) == inbox.PER_SOURCE,
        "shown_max": inbox.PER_SOURCE,
        "titles": [source.title for source in sources.values()],
        "table": {
            "headers": ["What", "Which", "Since", "Owner", "Next step"],
            "rows": [row(item, request=request, now=now) for item in found],
        },
    }
    return TemplateResponse(request, "staff/inbox.html", context)


def row(item: Item, *, request: HttpRequest, now: datetime) -> list[Any]:
    """Return an item as a row of a table."""
    return [
        badge(item.kind, "danger" if item.late_at <= now else "info"),
        format_html(
            '<span class="desk-sentence"><a class="text-link" href="{}">{}</a></span>',
            page_of(item),
            item.what,
        ),
        waits(item, now=now),
        item.owner or _claim_button(item, request),
        format_html('<a class="text-link" href="{}">{}</a>', item.address, item.source.step),
    ]


def waits(item: Item, *, now: datetime) -> SafeString:
    """Return how long it has waited, with the instant under the pointer; and whether it is late."""
    shown = age(item.since)
    if item.late_at > now:
        return format_html("{}", shown)
    return format_html('<span class="desk-steps">{} {}</span>', shown, badge("late", "danger"))


def page_of(item: Item) -> str:
    """Return the address of the item's page in the inbox."""
    return reverse("inbox-item", args=[item.source.name, item.pk])


def _claim_button(item: Item, request: HttpRequest) -> SafeString:
    return format_html(
        '<form method="post" action="{}">'
        '<input type="hidden" name="csrfmiddlewaretoken" value="{}">'
        '<button class="desk-small-button" name="do" value="claim" aria-label="Claim: {}">Claim'
        "</button></form>",
        page_of(item),
        get_token(request),
        item.what,
    )


@require_http_methods(["GET", "POST"])
def item_page(request: HttpRequest, source: str, pk: str) -> HttpResponse:
    """Show one item with its history; claim it, release it, hand it over, or write a note."""
    user, now = own_user(request), timezone.now()
    chosen = inbox.sources.get(source)
    if chosen is None or not chosen.is_seen_by(user):
        raise Http404("There is no such source.")
    note_form = NoteForm(request.POST if request.POST.get("do") == "note" else None)
    hand_over_form = HandOverForm(
        chosen, request.POST if request.POST.get("do") == "hand-over" else None
    )
    try:
        if request.method == "POST":
            done = _do(request, chosen, pk, note_form, hand_over_form, now=now)
            if done:
                messages.success(request, done)
                return HttpResponseRedirect(reverse("inbox-item", args=[source, pk]))
        item = inbox.one(source=chosen, pk=pk, user=user, now=now)
        obj = inbox.row_of(source=chosen, pk=pk, user=user, now=now)
    except (InboxError, BadReasonError) as error:
        messages.warning(request, f"{chosen.label}: {error}.")
        return HttpResponseRedirect(reverse("inbox"))
    history = audit.of_object(obj).filter(action__startswith="inbox.")[:HISTORY_SHOWN]
    context = {
        **admin.site.each_context(request),
        "title": f"{item.kind}: {item.what}",
        "item": item,
        "is_mine": item.owner == user,
        "waits": waits(item, now=now),
        "late_after": span(chosen.late_after),
        "note_form": note_form,
        "hand_over_form": hand_over_form,
        "history": {
            "headers": ["When", "Who", "What"],
            "rows": [
                [
                    age(entry.at),
                    entry.actor or "–",
                    format_html('<span class="desk-sentence">{}</span>', entry.summary),
                ]
                for entry in history
            ],
        },
    }
    return TemplateResponse(request, "staff/inbox_item.html", context)


def _do(
    request: HttpRequest,
    source: Source,
    pk: str,
    note_form: NoteForm,
    hand_over_form: HandOverForm,
    *,
    now: datetime,
) -> str:
    """Do what was posted and say so; empty if a form is not filled in. Raises InboxError."""
    user = own_user(request)
    match request.POST.get("do"):
        case "claim":
            inbox.claim(source=source, pk=pk, staff=user, now=now)
            return "It is yours. Whoever else opens it sees that."
        case "release":
            inbox.release(source=source, pk=pk, staff=user, now=now)
            return "It waits for anybody again."
        case "hand-over" if hand_over_form.is_valid():
            to = hand_over_form.cleaned_data["to"]
            note = hand_over_form.cleaned_data["note"]
            inbox.hand_over(source=source, pk=pk, staff=user, to=to, note=note, now=now)
            return f"{to} has it now."
        case "note" if note_form.is_valid():
            inbox.note(
                source=source, pk=pk, staff=user, text=note_form.cleaned_data["note"], now=now
            )
            return "The note stands in the history."
    return ""
