"""Broadcasts in the admin: the list, the page on which one is written, and the page of one."""

from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
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
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from bot.chat.models import StaffPlayer
from bot.messages import broadcast_job, broadcast_templates, broadcasts
from bot.messages.broadcast_form import BroadcastForm, looks, outlook
from bot.messages.broadcasts import REFUSALS, Action
from bot.messages.models import (
    BROADCAST_FIELDS,
    Broadcast,
    BroadcastStatus,
)
from bot.messages.recipient_admin import csv_lines
from bot.screens.staff_chats import linking as staff_chats
from promos.admin import calendar
from quizarena.staff import audit, dates, draft_templates
from quizarena.staff.admin.draft_templates import save_page
from quizarena.staff.dates import span
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
)
from quizarena.staff.fresh_factor import fresh_factor
from quizarena.staff.models import ApprovalRequest, RequestStatus

MAY_RUN = "bot.run_broadcast"
STATUS_COLOURS = {
    BroadcastStatus.DRAFT: "info",
    BroadcastStatus.SCHEDULED: "primary",
    BroadcastStatus.RUNNING: "success",
    BroadcastStatus.PAUSED: "warning",
    BroadcastStatus.DONE: "default",
    BroadcastStatus.STOPPED: "danger",
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
AUDIT_SHOWN = 30


def status_badge(broadcast: Broadcast) -> SafeString:
    """Return the status in its colour."""
    status = BroadcastStatus(broadcast.status)
    return badge(status.label, STATUS_COLOURS[status])


@admin.register(Broadcast)
class BroadcastAdmin(ReadOnlyAdmin[Broadcast]):
    """What is sent to many. A form writes drafts, and decisions send them."""

    list_display = ("broadcast", "state", "whom", "progress", "when", "written_by")
    list_display_links = None
    list_filter = ("status",)
    list_select_related = ("owner", "announces")
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
            shown += [_action_button(action, obj) for action in Action if action.is_due(obj)]
            shown.append(button("Save as template", "bot_broadcast_template", obj.pk))
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
            path("<int:pk>/template/", view(self.template_view), name=f"{name}_template"),
            path("<int:pk>/preview/", view(self.preview_view), name=f"{name}_preview"),
            path("<int:pk>/progress/", view(self.progress_view), name=f"{name}_progress"),
            path("<int:pk>/export/", view(self.export_view), name=f"{name}_export"),
            path("<int:pk>/<str:action>/decide/", view(self.decide_view), name=f"{name}_decide"),
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
            messages.error(request, broadcasts.only_drafts(broadcast))
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
            "outlook": outlook(form),
            "back": reverse("admin:bot_broadcast_changelist")
            if broadcast is None
            else _page_of(broadcast),
        }
        return TemplateResponse(request, "bot/broadcast_form.html", context)

    def check_view(self, request: HttpRequest, pk: int | None = None) -> HttpResponse:
        """Return what is wrong with what was typed, and how it looks. Stores nothing."""
        self._require_run(request)
        form = self._form(request, None if pk is None else get_object_or_404(Broadcast, pk=pk))
        is_good = form.is_valid()
        return JsonResponse(
            {
                "good": is_good,
                "errors": {name or "__all__": list(errors) for name, errors in form.errors.items()},
                "outlook": render_to_string(
                    "bot/broadcast_outlook.html", {"outlook": outlook(form)}
                ),
            }
        )

    def _form(self, request: HttpRequest, broadcast: Broadcast | None) -> BroadcastForm:
        if request.method == "POST":
            return BroadcastForm(request.POST, instance=broadcast)
        terms = draft_templates.terms_of(
            kind=broadcast_templates.KIND, given=request.GET.get("template", "")
        )
        return BroadcastForm(instance=broadcast, initial=None if broadcast else terms)

    def template_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Save what a broadcast says and to whom as a template."""
        self._require_run(request)
        broadcast = get_object_or_404(Broadcast, pk=pk)
        return save_page(
            request,
            kind=broadcast_templates.KIND,
            proposal=broadcast.name,
            terms=broadcast_templates.terms_of(broadcast),
            back=_page_of(broadcast),
            model_admin=self,
        )

    def _save(self, request: HttpRequest, form: BroadcastForm) -> Broadcast:
        """Store what was written. Raises one of REFUSALS."""
        staff, now, cleaned = own_user(request), timezone.now(), form.cleaned_data
        if form.instance._state.adding:
            form.instance.key = cleaned["decision"]
            saved, _ = broadcasts.create(broadcast=form.instance, staff=staff, now=now)
        else:
            saved = broadcasts.edit(
                broadcast_id=form.instance.pk,
                terms={name: cleaned[name] for name in BROADCAST_FIELDS},
                seen_at=_moment(cleaned["seen_at"]),
                staff=staff,
                now=now,
            )
        messages.success(request, f"{saved}: saved.")
        return saved

    def decide_view(self, request: HttpRequest, pk: int, action: str) -> HttpResponse:
        """Take an action on a broadcast as it was when the member of staff saw it."""
        self._require_run(request)
        if action not in set(Action):
            raise Http404
        broadcast = get_object_or_404(Broadcast, pk=pk)
        return decide(request, _decision(request, Action(action), broadcast), model_admin=self)

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
            execute=get_code if own is None else unlink,
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

        def execute(cleaned: dict[str, Any]) -> str:
            broadcasts.preview(broadcast=broadcast, staff=staff)
            self.log_verb(request, broadcast, "sent to me", details={"player": player.pk})
            return f"The broadcast is on its way to {player}."

        decision = Decision(
            title=f"Send {broadcast} to me",
            preview=lambda _: [
                [shown["language"], player, ", ".join(shown["buttons"])]
                for shown in looks(broadcast)
            ],
            headers=("Language", "To", "Buttons"),
            execute=execute,
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

    @fresh_factor
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


def _planned(begin: datetime, end: datetime, limit: int) -> list[calendar.Dot]:
    """Return the broadcasts that start between two instants, for the calendar of campaigns."""
    planned = Broadcast.objects.filter(scheduled_at__gte=begin, scheduled_at__lt=end)
    return [
        calendar.Dot(
            at=broadcast.started_at or broadcast.scheduled_at or begin,
            name=broadcast.name,
            address=_page_of(broadcast),
            says=f"broadcast, {broadcast.get_status_display()}",
        )
        for broadcast in planned.order_by("scheduled_at", "pk")[:limit]
    ]


calendar.add_source(permission="bot.view_broadcast", between=_planned)


def _page_of(broadcast: Broadcast) -> str:
    return reverse("admin:bot_broadcast_change", args=[broadcast.pk])


def _moment(text: str) -> datetime:
    """Return the instant that the page carries along; one that is none was never seen."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise broadcasts.ChangedMeanwhileError("This page is out of date. Open it again.") from None


def _may_export(request: HttpRequest) -> bool:
    return request.user.has_perms(["bot.view_broadcastrecipient", "players.view_player"])


def _is_to_come(broadcast: Broadcast) -> bool:
    return broadcast.status in (BroadcastStatus.DRAFT, BroadcastStatus.SCHEDULED)


# --- Decisions ------------------------------------------------------------------------------------

_LABELS = {
    Action.SCHEDULE: "Send…",
    Action.WITHDRAW: "Back to draft",
    Action.PAUSE: "Pause",
    Action.CONTINUE: "Continue",
    Action.STOP: "Stop",
}
_NOTES = {
    Action.SCHEDULE: "Once it has begun, it cannot be changed, and messages cannot be recalled.",
    Action.PAUSE: "Takes seconds; messages on their way still arrive. You can continue it later.",
    Action.STOP: "Final. Players who have not received the broadcast by then will not receive it.",
}


def _action_button(action: Action, broadcast: Broadcast) -> SafeString:
    page = reverse("admin:bot_broadcast_decide", args=[broadcast.pk, action.value])
    return format_html(
        '<a class="promos-button{}" href="{}?{}">{}</a>',
        " promos-danger" if action is Action.STOP else "",
        page,
        urlencode({"seen_at": broadcast.changed_at.isoformat()}),
        _LABELS[action],
    )


def _decision(request: HttpRequest, action: Action, broadcast: Broadcast) -> Decision:
    """Return the page that asks for a reason, shows a preview, and takes the action."""
    carried = request.POST.get("seen_at") or request.GET.get("seen_at", "")

    class Form(DecisionForm):
        seen_at = forms.CharField(initial=carried, widget=forms.HiddenInput)

    class ScheduleForm(Form):
        at = forms.DateTimeField(
            label="When",
            required=False,
            widget=MomentInput,
            help_text=f"Time in {dates.zone_name()}. Leave empty to send at once.",
        )

    def execute(cleaned: dict[str, Any]) -> str:
        outcome = broadcasts.execute(
            action,
            broadcast_id=broadcast.pk,
            seen_at=_moment(cleaned["seen_at"]),
            reason=cleaned["reason"],
            staff=own_user(request),
            now=timezone.now(),
            at=cleaned.get("at"),
        )
        if isinstance(outcome, ApprovalRequest):
            return "This broadcast reaches many players, so a second person has to approve it."
        return f"{outcome}: {outcome.get_status_display()}."

    return Decision(
        title=f"{_LABELS[action].removesuffix('…')}: {broadcast}",
        note=_NOTES.get(action, ""),
        form=ScheduleForm if action is Action.SCHEDULE else Form,
        preview=lambda cleaned: _preview(action, broadcast, cleaned, staff=own_user(request)),
        headers=("What", "Now"),
        execute=execute,
        refusals=REFUSALS,
        back=_page_of(broadcast),
        confirm=_LABELS[action].removesuffix("…"),
    )


def _preview(
    action: Action, broadcast: Broadcast, cleaned: dict[str, Any], *, staff: User
) -> list[list[object]]:
    """Return what the action would do. Raises IncompleteError."""
    if action is not Action.SCHEDULE:
        return [
            ["Status", broadcast.get_status_display()],
            ["Sent so far", f"{broadcast.sent:,} of {broadcast.recipients:,}"],
        ]
    now = timezone.now()
    at = cleaned.get("at")
    if wrong := broadcasts.faults(broadcast, at=max(at or now, now)):
        raise broadcasts.IncompleteError(" ".join(wrong.values()))
    reach = broadcasts.audience(broadcast, now=now)
    needs = broadcasts.needs_approval(broadcast, staff=staff, at=at, now=now)
    return [
        ["To", broadcasts.in_words(broadcast)],
        ["Players", f"{reach:,}"],
        ["Takes", span(broadcasts.forecast(reach))],
        ["Starts", exactly(at) if at and at > now else "at once"],
        ["Second person", "has to approve" if needs else "not needed"],
    ]


def _waiting(broadcast: Broadcast) -> SafeString | None:
    """Return a link to the request that a second person has to decide, if there is one."""
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
    """Return the outcomes of the recipients as a bar, and in numbers."""
    whole = max(broadcast.recipients, 1)
    parts, begin = [], 0.0
    for field, _, kind in PARTS:
        width = 100 * getattr(broadcast, field) / whole
        parts.append({"kind": kind, "begin": f"{begin:.2f}", "width": f"{width:.2f}"})
        begin += width
    summary = f"{broadcast.finished:,} of {broadcast.recipients:,}"
    if not broadcast.is_gathered:
        summary += " and counting"
    return render_to_string("bot/broadcast_bar.html", {"parts": parts, "summary": summary})


def progress_of(broadcast: Broadcast) -> dict[str, Any]:
    """Return what the page shows of a broadcast that has begun."""
    is_running = broadcast.status == BroadcastStatus.RUNNING
    rate = broadcast_job.rate(broadcast) if is_running else 0.0
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
