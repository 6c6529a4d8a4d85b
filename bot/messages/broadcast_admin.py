"""Broadcasts at the desk: the list, the page on which one is written, and the page of one."""

import csv
from collections.abc import Iterable, Iterator
from datetime import datetime
from io import StringIO
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlencode
from uuid import uuid4

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
    StreamingHttpResponse,
)
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone, translation
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from bot.chat.models import StaffPlayer
from bot.messages import broadcasts, markup
from bot.messages.broadcasts import REFUSALS, Verb
from bot.messages.models import (
    BROADCAST_TERMS,
    Broadcast,
    BroadcastRecipient,
    BroadcastStatus,
    Delivered,
    Screen,
)
from bot.screens.staff_chats import linking as staff_chats
from quizarena.players.admin import Chapter, named, tells
from quizarena.players.models import Language, Player
from quizarena.staff import audit, dates
from quizarena.staff.decisions import Decision, DecisionForm, decide
from quizarena.staff.desk import (
    MomentInput,
    ReadOnlyAdmin,
    age,
    badge,
    button,
    exactly,
    link,
    object_link,
    own_user,
    span,
)
from quizarena.staff.models import ApprovalRequest, RequestStatus

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[Broadcast]
else:
    _ModelForm = forms.ModelForm

MAY_RUN = "bot.run_broadcast"
STATUS_COLOURS = {
    BroadcastStatus.DRAFT: "info",
    BroadcastStatus.SCHEDULED: "primary",
    BroadcastStatus.RUNNING: "success",
    BroadcastStatus.PAUSED: "warning",
    BroadcastStatus.DONE: "default",
    BroadcastStatus.STOPPED: "danger",
}
OUTCOME_COLOURS = {
    Delivered.PENDING: "default",
    Delivered.QUEUED: "info",
    Delivered.SENT: "success",
    Delivered.REFUSED: "danger",
    Delivered.BLOCKED: "warning",
    Delivered.GIVEN_UP: "danger",
    Delivered.MAYBE_SENT: "warning",
    Delivered.LEFT_OUT: "default",
}
# What the bar of progress shows: (field, what it is called, class of its colour).
PARTS = (
    ("sent", "sent", "sent"),
    ("maybe_sent", "maybe sent", "maybe"),
    ("blocked", "have blocked the bot", "blocked"),
    ("left_out", "left out", "out"),
    ("refused", "refused", "failed"),
    ("given_up", "given up", "failed"),
)
LANGUAGES = {"de": "German", "en": "English", "uk": "Ukrainian"}
AUDIT_SHOWN = 30
CHAPTER_LENGTH = 20
CSV_HEADERS = ("telegram_id", "username", "outcome", f"settled_at ({dates.zone_name()})")
CSV_CHUNK = 2_000


def status_badge(broadcast: Broadcast) -> SafeString:
    """Return the status in its colour."""
    status = BroadcastStatus(broadcast.status)
    return badge(status.label, STATUS_COLOURS[status])


# --- Writing one ----------------------------------------------------------------------------------

SEGMENT = ("for_language", "for_active_days", "for_lapsed_days", "for_premium", "for_paid")
# step: (title, what it asks for, fields)
STEPS = (
    (
        "Text",
        f"In each language that it reaches, with the tags of Telegram: {markup.TAGS}.",
        ("name", "text_de", "text_en", "text_uk"),
    ),
    (
        "Button",
        "Leads to a screen or to an address; another one, “no more news”, is always there.",
        ("screen", "url", "label_de", "label_en", "label_uk"),
    ),
    (
        "Who",
        "What is empty does not matter. Who cannot be reached or wants no news is left out.",
        SEGMENT,
    ),
)


def _yes_or_no(label: str, yes: str, no: str) -> forms.TypedChoiceField:
    return forms.TypedChoiceField(
        label=label,
        choices=[("", "Any"), ("True", yes), ("False", no)],
        coerce=lambda chosen: chosen == "True",
        empty_value=None,
        required=False,
        widget=UnfoldAdminSelectWidget,
    )


class BroadcastForm(_ModelForm):
    """What a broadcast says, and to whom."""

    for_premium = _yes_or_no("Premium", "with Premium", "without")
    for_paid = _yes_or_no("Purchases", "have paid", "have never paid")
    # One page is one broadcast, however often it is sent.
    decision = forms.UUIDField(initial=uuid4, widget=forms.HiddenInput)
    # When the broadcast was changed last, as the page has been shown.
    seen_at = forms.CharField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = Broadcast
        fields = BROADCAST_TERMS
        labels = {
            "text_de": "German",
            "text_en": "English",
            "text_uk": "Ukrainian",
            "label_de": "German label",
            "label_en": "English label",
            "label_uk": "Ukrainian label",
            "screen": "Screen",
            "url": "Or an address",
            "for_language": "Language",
            "for_active_days": "Active in the last … days",
            "for_lapsed_days": "Away for … days or more",
        }
        help_texts = {"name": "Internal name.", "url": "Begins with https://."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("name", "url", "label_de", "label_en", "label_uk"):
            self.fields[name].widget = UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"})
        for name in ("text_de", "text_en", "text_uk"):
            self.fields[name].widget = UnfoldAdminTextareaWidget(attrs={"rows": 6})
        for name in ("for_active_days", "for_lapsed_days"):
            self.fields[name].widget = UnfoldAdminIntegerFieldWidget(attrs={"min": 1})
        for name, none, offered in (
            ("screen", "No screen", Screen.choices),
            ("for_language", "Any", [(code, LANGUAGES[code]) for code in Language.values]),
        ):
            self.fields[name] = forms.ChoiceField(
                label=self.fields[name].label,
                choices=[("", none), *offered],
                required=False,
                widget=UnfoldAdminSelectWidget,
            )
        if not self.instance._state.adding:
            self.fields["seen_at"].initial = self.instance.changed_at.isoformat()

    def clean(self) -> dict[str, Any]:
        """Check the markup of what is there; what is missing is told when it is to be sent."""
        cleaned = super().clean() or self.cleaned_data
        for name in ("text_de", "text_en", "text_uk"):
            if cleaned.get(name):
                try:
                    markup.check(cleaned[name])
                except markup.MarkupError as error:
                    self.add_error(name, str(error))
        if wrong := broadcasts.url_fault(cleaned.get("url", "")):
            self.add_error("url", wrong)
        if cleaned.get("url") and cleaned.get("screen"):
            self.add_error("url", "A screen or an address, not both.")
        for name in ("for_active_days", "for_lapsed_days"):
            if cleaned.get(name) == 0:
                self.add_error(name, "At least 1, or nothing at all.")
        if cleaned.get("for_active_days") and cleaned.get("for_lapsed_days"):
            self.add_error("for_lapsed_days", "Nobody is active and away.")
        return cleaned

    @property
    def steps(self) -> list[dict[str, Any]]:
        """Return the steps with their fields, for the template."""
        return [
            {
                "number": number,
                "title": title,
                "question": question,
                "fields": [self[name] for name in names],
            }
            for number, (title, question, names) in enumerate(STEPS, 1)
        ]

    @property
    def draft(self) -> Broadcast:
        """Return the broadcast as far as it has been written."""
        cleaned = getattr(self, "cleaned_data", None)
        if cleaned is None:
            return self.instance
        terms = {name: cleaned.get(name) for name in BROADCAST_TERMS}
        # What is wrong is missing here.
        texts = dict.fromkeys(set(BROADCAST_TERMS) - set(SEGMENT), "")
        return Broadcast(
            **texts | {name: value for name, value in terms.items() if value is not None}
        )


def looks(broadcast: Broadcast) -> list[dict[str, Any]]:
    """Return how the broadcast looks in a chat, by language, as far as it has been written."""
    shown = []
    for language in broadcast.languages:
        with translation.override(language):
            text, keyboard = broadcasts.message(broadcast, language=language)
        try:
            look: SafeString | str = markup.look(text)
        except markup.MarkupError as error:
            look = format_html("<em>{}</em>", str(error))
        labels = [one.text for row in keyboard.inline_keyboard for one in row]
        shown.append({"language": LANGUAGES[language], "look": look, "buttons": labels})
    return shown


def _outlook(form: BroadcastForm) -> dict[str, Any]:
    draft = form.draft
    return {
        "looks": looks(draft),
        "to": broadcasts.in_words(draft),
        "missing": [
            f"{LANGUAGES[field[-2:]]}: {told}" if field[-2:] in LANGUAGES else told
            for field, told in broadcasts.faults(draft).items()
            if field not in form.errors
        ],
    }


# --- The desk -------------------------------------------------------------------------------------


@admin.register(Broadcast)
class BroadcastAdmin(ReadOnlyAdmin[Broadcast]):
    """What is sent to many. A form writes drafts, and decisions send them."""

    list_display = ("broadcast", "state", "whom", "progress", "when", "written_by")
    list_display_links = None
    list_filter = ("status",)
    list_select_related = ("owner",)
    search_fields = ("name",)
    search_help_text = "Part of the name"
    ordering = ("-id",)
    change_form_outer_before_template = "bot/broadcast_head.html"
    change_form_outer_after_template = "bot/broadcast.html"
    fieldsets = ((None, {"fields": (("whom", "written_by"), ("when", "ended"))}),)

    class Media:
        css: ClassVar[dict[str, list[str]]] = {
            "all": ["promos/campaigns.css", "bot/broadcasts.css"]
        }

    # --- Columns and fields -------------------------------------------------------------------

    @display(description="Broadcast")
    def broadcast(self, broadcast: Broadcast) -> SafeString:
        """Return a link to its page."""
        return object_link(broadcast)

    @display(description="Status")
    def state(self, broadcast: Broadcast) -> SafeString:
        """Return the status."""
        return status_badge(broadcast)

    @display(description="To")
    def whom(self, broadcast: Broadcast) -> str:
        """Return whom it is for."""
        return broadcasts.in_words(broadcast)

    @display(description="Progress")
    def progress(self, broadcast: Broadcast) -> str | SafeString:
        """Return how far it is."""
        return progress_bar(broadcast) if broadcast.started_at else "–"

    @display(description="Starts")
    def when(self, broadcast: Broadcast) -> str | SafeString:
        """Return when it starts or has started."""
        moment = broadcast.started_at or broadcast.scheduled_at
        return exactly(moment) if moment else "–"

    @display(description="Ended")
    def ended(self, broadcast: Broadcast) -> str:
        """Return when it was over."""
        return age(broadcast.ended_at)

    @display(description="Written by")
    def written_by(self, broadcast: Broadcast) -> str:
        """Return who has prepared it."""
        return f"{broadcast.owner or '–'}"

    # --- Who may do what ----------------------------------------------------------------------

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may write broadcasts."""
        return request.user.has_perm(MAY_RUN)

    def _require_run(self, request: HttpRequest) -> None:
        if not request.user.has_perm(MAY_RUN):
            raise PermissionDenied

    def buttons(self, request: HttpRequest, obj: Broadcast) -> list[SafeString]:
        """Return what the user may do with the broadcast as it stands."""
        shown = []
        if request.user.has_perm(MAY_RUN):
            if obj.status == BroadcastStatus.DRAFT:
                shown.append(button("Edit", "bot_broadcast_edit", obj.pk))
            shown.append(button("Send to me", "bot_broadcast_preview", obj.pk))
            shown += [_verb_button(verb, obj) for verb in Verb if verb.is_due(obj)]
        if obj.started_at and _may_export(request):
            shown.append(button("Export CSV", "bot_broadcast_export", obj.pk))
        if request.user.has_perm(MAY_RUN):
            shown.append(button("My chat", "bot_broadcast_me"))
        return shown

    # --- Pages --------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        """Add the pages for writing, decisions, previews, progress and the export."""
        view = self.admin_site.admin_view
        name = "bot_broadcast"
        return [
            path("add/check/", view(self.check_view), name=f"{name}_check_new"),
            path("me/", view(self.me_view), name=f"{name}_me"),
            path("<int:pk>/edit/", view(self.write_view), name=f"{name}_edit"),
            path("<int:pk>/edit/check/", view(self.check_view), name=f"{name}_check"),
            path("<int:pk>/preview/", view(self.preview_view), name=f"{name}_preview"),
            path("<int:pk>/progress/", view(self.progress_view), name=f"{name}_progress"),
            path("<int:pk>/export/", view(self.export_view), name=f"{name}_export"),
            path("<int:pk>/<str:verb>/decide/", view(self.decide_view), name=f"{name}_decide"),
            *super().get_urls(),
        ]

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show an empty page to write on."""
        return self.write_view(request)

    def write_view(self, request: HttpRequest, pk: int | None = None) -> HttpResponse:
        """Write a broadcast, or change a draft."""
        self._require_run(request)
        broadcast = None if pk is None else get_object_or_404(Broadcast, pk=pk)
        if broadcast is not None and broadcast.status != BroadcastStatus.DRAFT:
            told = f"It is {broadcast.get_status_display()}: only a draft changes."
            messages.error(request, told)
            return HttpResponseRedirect(_page_of(broadcast))
        form = self._form(request, broadcast)
        if request.method == "POST" and form.is_valid():
            try:
                return HttpResponseRedirect(_page_of(self._save(request, form)))
            except REFUSALS as error:
                form.add_error(None, str(error))
        check = (
            reverse("admin:bot_broadcast_check_new")
            if broadcast is None
            else reverse("admin:bot_broadcast_check", args=[broadcast.pk])
        )
        context = {
            **self.admin_site.each_context(request),
            "title": "New broadcast" if broadcast is None else f"Edit {broadcast}",
            "opts": self.opts,
            "media": self.media + forms.Media(js=["promos/wizard.js"]),
            "form": form,
            "check_page": check,
            "outlook": _outlook(form),
            "back": reverse("admin:bot_broadcast_changelist")
            if broadcast is None
            else _page_of(broadcast),
        }
        return TemplateResponse(request, "bot/broadcast_form.html", context)

    def check_view(self, request: HttpRequest, pk: int | None = None) -> HttpResponse:
        """Tell the page what is wrong with what was typed, and how it looks. Stores nothing."""
        self._require_run(request)
        form = self._form(request, None if pk is None else get_object_or_404(Broadcast, pk=pk))
        is_good = form.is_valid()
        return JsonResponse(
            {
                "good": is_good,
                "errors": {name or "__all__": list(told) for name, told in form.errors.items()},
                "outlook": render_to_string(
                    "bot/broadcast_outlook.html", {"outlook": _outlook(form)}
                ),
            }
        )

    def _form(self, request: HttpRequest, broadcast: Broadcast | None) -> BroadcastForm:
        return BroadcastForm(request.POST if request.method == "POST" else None, instance=broadcast)

    def _save(self, request: HttpRequest, form: BroadcastForm) -> Broadcast:
        """Store what was written. Raises one of REFUSALS."""
        staff, now, cleaned = own_user(request), timezone.now(), form.cleaned_data
        if form.instance._state.adding:
            form.instance.key = cleaned["decision"]
            saved, _ = broadcasts.create(broadcast=form.instance, staff=staff, now=now)
        else:
            saved = broadcasts.edit(
                broadcast_id=form.instance.pk,
                terms={name: cleaned[name] for name in BROADCAST_TERMS},
                seen_at=_moment(cleaned["seen_at"]),
                staff=staff,
                now=now,
            )
        messages.success(request, f"{saved}: saved.")
        return saved

    def decide_view(self, request: HttpRequest, pk: int, verb: str) -> HttpResponse:
        """Do something with a broadcast as it was when somebody saw it."""
        self._require_run(request)
        if verb not in set(Verb):
            raise Http404
        broadcast = get_object_or_404(Broadcast, pk=pk)
        return decide(request, _decision(request, Verb(verb), broadcast), model_admin=self)

    def me_view(self, request: HttpRequest) -> HttpResponse:
        """Link the chat to which one gets test messages, or unlink it."""
        self._require_run(request)
        back = request.GET.get("next") or request.POST.get("next", "")
        if not back.startswith(reverse("admin:bot_broadcast_changelist")):
            back = reverse("admin:bot_broadcast_changelist")
        staff = own_user(request)
        own = StaffPlayer.objects.select_related("player").filter(user=staff).first()

        class Form(forms.Form):
            next = forms.CharField(initial=back, required=False, widget=forms.HiddenInput)

        def get_code(cleaned: dict[str, Any]) -> str:
            code = staff_chats.make_code(staff=staff, now=timezone.now())
            start = f"{staff_chats.LINK}{code}"
            return (
                f"Send /start {start} to the bot from your chat within ten minutes, or open "
                f"https://t.me/{settings.TELEGRAM_BOT_USERNAME}?start={start} there. The code "
                "works once."
            )

        def unlink(cleaned: dict[str, Any]) -> str:
            staff_chats.unlink(staff=staff)
            return "Your chat is unlinked."

        decision = Decision(
            title="Link your chat" if own is None else "Unlink your chat",
            note="Test messages go to the chat that sends your code to the bot, and nowhere else."
            if own is None
            else f"Your test messages go to {own.player}. To get them in another chat, unlink "
            "this one first.",
            form=Form,
            carry_out=get_code if own is None else unlink,
            refusals=REFUSALS,
            back=back,
            confirm="Get a code" if own is None else "Unlink",
        )
        return decide(request, decision, model_admin=self)

    def preview_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Send the broadcast to oneself."""
        self._require_run(request)
        broadcast, staff = get_object_or_404(Broadcast, pk=pk), own_user(request)
        own = StaffPlayer.objects.select_related("player").filter(user=staff).first()
        if own is None:
            page = reverse("admin:bot_broadcast_me")
            return HttpResponseRedirect(f"{page}?next={_page_of(broadcast)}")
        player = own.player

        def carry_out(cleaned: dict[str, Any]) -> str:
            broadcasts.preview(broadcast=broadcast, staff=staff)
            self.log_verb(request, broadcast, "sent to me", details={"player": player.pk})
            return f"On its way to {player}."

        decision = Decision(
            title=f"Send {broadcast} to me",
            preview=lambda _: [
                [shown["language"], player, ", ".join(shown["buttons"])]
                for shown in looks(broadcast)
            ],
            headers=("Language", "To", "Buttons"),
            carry_out=carry_out,
            refusals=REFUSALS,
            back=_page_of(broadcast),
            confirm="Send to me",
        )
        return decide(request, decision, model_admin=self)

    def progress_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show how far a broadcast is, for a page that asks again and again."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        broadcast = get_object_or_404(Broadcast, pk=pk)
        response = TemplateResponse(request, "bot/broadcast_progress.html", progress_of(broadcast))
        if request.GET.get("seen") != broadcast.status:
            # What can be done with it has changed.
            response["HX-Refresh"] = "true"
        return response

    def export_view(self, request: HttpRequest, pk: int) -> StreamingHttpResponse:
        """Return the recipients with their outcomes as a file, and note who took it."""
        if not _may_export(request):
            raise PermissionDenied
        broadcast = get_object_or_404(Broadcast, pk=pk)
        self.log_verb(request, broadcast, "exported")
        response = StreamingHttpResponse(
            csv_lines(broadcast), content_type="text/csv; charset=utf-8"
        )
        name = f"broadcast-{broadcast.pk}-recipients.csv"
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        return response

    def page_context(self, request: HttpRequest, obj: Broadcast) -> dict[str, Any]:
        """Return how far it is, how it looks, and what was done with it."""
        now = timezone.now()
        reach = broadcasts.audience(obj, now=now) if _is_to_come(obj) else None
        return {
            **progress_of(obj),
            "status": status_badge(obj),
            "reach": reach,
            "reach_takes": span(broadcasts.forecast(reach)) if reach else "",
            "waiting": _waiting(obj),
            "looks": looks(obj),
            "recipients_link": link(
                "Recipients",
                "bot_broadcastrecipient_changelist",
                query=f"broadcast__id__exact={obj.pk}",
            )
            if obj.started_at and request.user.has_perm("bot.view_broadcastrecipient")
            else None,
            "audit": {
                "headers": ["When", "Who", "What"],
                "rows": [
                    [age(entry.at), entry.actor or "System", entry.summary]
                    for entry in audit.of_object(obj)[:AUDIT_SHOWN]
                ],
            },
        }


def _page_of(broadcast: Broadcast) -> str:
    return reverse("admin:bot_broadcast_change", args=[broadcast.pk])


def _moment(text: str) -> datetime:
    """Return the instant that the page carries along; one that is none was never seen."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise broadcasts.ChangedMeanwhileError("Open the page again.") from None


def _may_export(request: HttpRequest) -> bool:
    return request.user.has_perms(["bot.view_broadcastrecipient", "players.view_player"])


def _is_to_come(broadcast: Broadcast) -> bool:
    return broadcast.status in (BroadcastStatus.DRAFT, BroadcastStatus.SCHEDULED)


# --- Decisions ------------------------------------------------------------------------------------

_LABELS = {
    Verb.SCHEDULE: "Send…",
    Verb.WITHDRAW: "Back to draft",
    Verb.PAUSE: "Pause",
    Verb.CONTINUE: "Continue",
    Verb.STOP: "Stop",
}
_NOTES = {
    Verb.SCHEDULE: "It cannot be changed any more once it has begun, and what was sent is sent.",
    Verb.PAUSE: "Within seconds; what is on its way still arrives. It can go on later.",
    Verb.STOP: "For good. Whoever has not got it by then will not get it.",
}


def _verb_button(verb: Verb, broadcast: Broadcast) -> SafeString:
    page = reverse("admin:bot_broadcast_decide", args=[broadcast.pk, verb.value])
    return format_html(
        '<a class="promos-button{}" href="{}?{}">{}</a>',
        " promos-danger" if verb is Verb.STOP else "",
        page,
        urlencode({"seen_at": broadcast.changed_at.isoformat()}),
        _LABELS[verb],
    )


def _decision(request: HttpRequest, verb: Verb, broadcast: Broadcast) -> Decision:
    """Return the page that asks for a reason, shows what would come of it, and does it."""
    carried = request.POST.get("seen_at") or request.GET.get("seen_at", "")

    class Form(DecisionForm):
        seen_at = forms.CharField(initial=carried, widget=forms.HiddenInput)

    class ScheduleForm(Form):
        at = forms.DateTimeField(
            label="When",
            required=False,
            widget=MomentInput,
            help_text=f"{dates.zone_name()}. Empty: at once.",
        )

    def carry_out(cleaned: dict[str, Any]) -> str:
        outcome = broadcasts.carry_out(
            verb,
            broadcast_id=broadcast.pk,
            seen_at=_moment(cleaned["seen_at"]),
            reason=cleaned["reason"],
            staff=own_user(request),
            now=timezone.now(),
            at=cleaned.get("at"),
        )
        if isinstance(outcome, ApprovalRequest):
            return "A second person has to approve it, since it reaches so many."
        return f"{outcome}: {outcome.get_status_display()}."

    return Decision(
        title=f"{_LABELS[verb].removesuffix('…')}: {broadcast}",
        note=_NOTES.get(verb, ""),
        form=ScheduleForm if verb is Verb.SCHEDULE else Form,
        preview=lambda cleaned: _foresee(verb, broadcast, cleaned, staff=own_user(request)),
        headers=("What", "Now"),
        carry_out=carry_out,
        refusals=REFUSALS,
        back=_page_of(broadcast),
        confirm=_LABELS[verb].removesuffix("…"),
    )


def _foresee(
    verb: Verb, broadcast: Broadcast, cleaned: dict[str, Any], *, staff: User
) -> list[list[object]]:
    """Return what would come of it. Raises IncompleteError."""
    if verb is not Verb.SCHEDULE:
        return [
            ["Status", broadcast.get_status_display()],
            ["Sent so far", f"{broadcast.sent:,} of {broadcast.recipients:,}"],
        ]
    if wrong := broadcasts.faults(broadcast):
        raise broadcasts.IncompleteError(" ".join(wrong.values()))
    now = timezone.now()
    reach = broadcasts.audience(broadcast, now=now)
    at = cleaned.get("at")
    needs = broadcasts.needs_approval(broadcast, staff=staff, at=at, now=now)
    return [
        ["To", broadcasts.in_words(broadcast)],
        ["Players", f"{reach:,}"],
        ["Takes", span(broadcasts.forecast(reach))],
        ["Starts", exactly(at) if at and at > now else "at once"],
        ["Second person", "has to approve it" if needs else "not needed"],
    ]


def _waiting(broadcast: Broadcast) -> SafeString | None:
    """Return a link to what a second person has to decide, if there is it."""
    asked = ApprovalRequest.objects.filter(
        kind=broadcasts.APPROVAL,
        subject_type=broadcast._meta.label_lower,
        subject_id=str(broadcast.pk),
        status=RequestStatus.OPEN,
        expires_at__gt=timezone.now(),
    ).first()
    return object_link(asked, f"Asked by {asked.maker}") if asked else None


# --- Progress -------------------------------------------------------------------------------------


def progress_bar(broadcast: Broadcast) -> SafeString:
    """Return what has become of the recipients as a bar, and in numbers."""
    whole = max(broadcast.recipients, 1)
    parts, begin = [], 0.0
    for field, _, kind in PARTS:
        width = 100 * getattr(broadcast, field) / whole
        parts.append({"kind": kind, "begin": f"{begin:.2f}", "width": f"{width:.2f}"})
        begin += width
    told = f"{broadcast.settled:,} of {broadcast.recipients:,}"
    if not broadcast.is_gathered:
        told += " and counting"
    return render_to_string("bot/broadcast_bar.html", {"parts": parts, "told": told})


def progress_of(broadcast: Broadcast) -> dict[str, Any]:
    """Return what the page shows of a broadcast that has begun."""
    is_running = broadcast.status == BroadcastStatus.RUNNING
    rate = broadcasts.rate(broadcast) if is_running else 0.0
    left = broadcast.left
    return {
        "broadcast": broadcast,
        "has_begun": broadcast.started_at is not None,
        "moves": is_running or broadcast.status == BroadcastStatus.SCHEDULED,
        "bar": progress_bar(broadcast),
        "counts": [
            (label, f"{getattr(broadcast, field):,}", kind)
            for field, label, kind in PARTS
            if getattr(broadcast, field)
        ],
        "left": f"{left:,}",
        "rate": f"{rate:.1f}" if rate else "",
        "ends": exactly(timezone.now() + broadcasts.forecast(left, per_second=rate or None))
        if is_running and left
        else None,
        "took": span(broadcast.ended_at - broadcast.started_at)
        if broadcast.ended_at and broadcast.started_at
        else "",
    }


# --- Recipients -----------------------------------------------------------------------------------


class OutcomeFilter(admin.SimpleListFilter):
    """How one broadcast has fared; across all of them nobody asks."""

    title = "outcome"
    parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        """Return the outcomes, once a broadcast is chosen."""
        return Delivered.choices if "broadcast__id__exact" in request.GET else []

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[BroadcastRecipient]
    ) -> QuerySet[BroadcastRecipient]:
        """Return those with the chosen outcome."""
        return queryset.filter(outcome=self.value()) if self.value() else queryset


@admin.register(BroadcastRecipient)
class BroadcastRecipientAdmin(ReadOnlyAdmin[BroadcastRecipient]):
    """Who gets a broadcast, and with which outcome."""

    list_display = ("who", "which", "shown_outcome", "settled", "shown_call")
    list_display_links = None
    list_filter = (OutcomeFilter,)
    list_select_related = ("player", "broadcast")
    linked_lookups = ("broadcast__id__exact",)
    search_fields = ("player__username",)
    search_help_text = "Telegram id, or beginning of a user name"
    ordering = ("-broadcast", "-player")
    fieldsets = (
        (None, {"fields": (("who", "which"), ("shown_outcome", "settled"), "shown_call")}),
    )

    @display(description="Player")
    def who(self, recipient: BroadcastRecipient) -> SafeString:
        """Return a link to the player."""
        return object_link(recipient.player)

    @display(description="Broadcast")
    def which(self, recipient: BroadcastRecipient) -> SafeString:
        """Return a link to the broadcast."""
        return object_link(recipient.broadcast)

    @display(description="Outcome")
    def shown_outcome(self, recipient: BroadcastRecipient) -> SafeString:
        """Return the outcome in its colour."""
        outcome = Delivered(recipient.outcome)
        return badge(outcome.label, OUTCOME_COLOURS[outcome])

    @display(description="Settled")
    def settled(self, recipient: BroadcastRecipient) -> str:
        """Return when that was known."""
        return age(recipient.settled_at)

    @display(description="Call")
    def shown_call(self, recipient: BroadcastRecipient) -> str | SafeString:
        """Return a link to the call, which the outbox keeps for a month."""
        number = recipient.call_id
        return link(number, "bot_outgoingcall_changelist", query=f"q={number}") if number else "–"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[BroadcastRecipient], search_term: str
    ) -> tuple[QuerySet[BroadcastRecipient], bool]:
        """Find what players got."""
        if search_term.strip():
            queryset = queryset.filter(player__in=named(Player.objects.all(), search_term))
        return queryset, False


def csv_lines(broadcast: Broadcast) -> Iterator[str]:
    """Return the recipients as lines of CSV, with the mark by which Excel knows UTF-8."""
    yield "\ufeff" + _line(CSV_HEADERS)
    rows = broadcast.addressees.order_by("player").values_list(
        "player__telegram_id", "player__username", "outcome", "settled_at"
    )
    for telegram_id, username, outcome, settled_at in rows.iterator(chunk_size=CSV_CHUNK):
        moment = dates.for_csv(settled_at) if settled_at else ""
        yield _line((telegram_id, username, outcome, moment))


def _line(cells: Iterable[object]) -> str:
    line = StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()


# --- A player's story -----------------------------------------------------------------------------


@tells
def broadcasts_of_player(request: HttpRequest, player: Player) -> Chapter | None:
    """Tell which broadcasts the player got, for who may read them."""
    if not request.user.has_perm("bot.view_broadcastrecipient"):
        return None
    rows = player.broadcasts.select_related("broadcast").order_by("-broadcast")[:CHAPTER_LENGTH]
    return Chapter(
        title="Broadcasts",
        headers=["Broadcast", "Outcome", "Done"],
        rows=[
            [object_link(row.broadcast), Delivered(row.outcome).label, age(row.settled_at)]
            for row in rows
        ],
    )


@tells
def reminders_of_player(request: HttpRequest, player: Player) -> Chapter | None:
    """Tell of what the player was reminded, and for what no place was left."""
    if not request.user.has_perm("bot.view_outgoingcall"):
        return None
    rows = player.reminders.order_by("-day", "-ordinal")[:CHAPTER_LENGTH]
    return Chapter(
        title="Reminders",
        headers=["Day", "Kind", "Place", "When"],
        rows=[
            [
                dates.day(row.day),
                row.get_kind_display(),
                row.ordinal or "skipped: two had been sent",
                age(row.created_at),
            ]
            for row in rows
        ],
    )
