"""What players ask about their payments, and the answers. Product rules, section 5.9."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.defaultfilters import pluralize
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminTextareaWidget,
    UnfoldBooleanWidget,
)

from economy.admin.players import OfPlayer
from payments import support, support_files, support_templates
from payments.admin import support_thread
from payments.admin.purchase_display import purchases_of_player
from payments.errors import AnsweredError, NotAnsweredError
from payments.models import SupportFile, SupportRequest, SupportTemplate
from quizarena.players import notes
from quizarena.players.admin import NoteForm
from quizarena.players.errors import NoteError
from quizarena.players.models import Language
from quizarena.staff import dates, search
from quizarena.staff.decisions import Decision, decide
from quizarena.staff.desk import (
    StaffChangeList,
    age,
    badge,
    button,
    link,
    object_link,
    own_user,
    row_number,
)

TEXT_IN_LIST = 80


def _find_requests(term: str) -> Iterable[search.Found]:
    """Find by the number that the player was given."""
    number = row_number(term.removeprefix("#"))
    for asked in SupportRequest.objects.filter(pk=number or 0).select_related("player"):
        yield search.Found(
            title=f"No. {asked.pk} of {asked.player}",
            detail=f"{'waits' if asked.answered_at is None else 'answered'}, "
            f"asked {dates.moment(asked.asked_at)}",
            page="payments_supportrequest_change",
            pk=asked.pk,
        )


search.declare(
    search.SearchSource(
        title="Support requests",
        symbol="contact_support",
        permission="payments.view_supportrequest",
        find=_find_requests,
    )
)


class AnswerForm(forms.Form):
    """What support writes to the player."""

    answer = forms.CharField(
        max_length=SupportRequest._meta.get_field("answer").max_length,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 8}),
        help_text="The bot sends this text to the player unchanged.",
    )
    solves = forms.BooleanField(
        label="This solves it",
        required=False,
        initial=True,
        widget=UnfoldBooleanWidget,
        help_text="Otherwise what the player writes next belongs to this request.",
    )

    def clean_answer(self) -> str:
        """Refuse a template of which something is not filled in."""
        text: str = self.cleaned_data["answer"]
        if missing := support_templates.unfilled(text):
            raise forms.ValidationError(
                f"Nothing is known to put in place of {{{missing[0]}}}: write it yourself."
            )
        return text


def _answer_form(text: str) -> type[AnswerForm]:
    """Return the form, filled in with a template."""

    class FilledAnswerForm(AnswerForm):
        """An answer that begins with a template."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.initial = {"answer": text}

    return FilledAnswerForm


@admin.register(SupportRequest)
class SupportRequestAdmin(OfPlayer[SupportRequest]):
    """What waits for an answer first, the oldest of it on top."""

    list_display = ("asked", "question", "whose", "state", "owner", "who")
    list_display_links = ("asked", "question")
    list_select_related = ("player", "answered_by", "thread", "thread__solved_by", "solved_by")
    ordering = ("-answered_at", "id")
    list_before_template = "payments/support_durations.html"
    change_form_outer_after_template = "payments/thread.html"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("whose", "language"),
                    ("asked", "state"),
                    ("owner", "first_answer"),
                    ("solved",),
                )
            },
        ),
    )

    class Media:
        css = {"all": ["economy/economy.css", "payments/payments.css"]}

    @display(description="Asked")
    def asked(self, asked: SupportRequest) -> str:
        return age(asked.asked_at)

    @display(description="Question")
    def question(self, asked: SupportRequest) -> str:
        text = " ".join(asked.text.split()) or "(pictures, no words yet)"
        return text if len(text) <= TEXT_IN_LIST else f"{text[: TEXT_IN_LIST - 1]}…"

    @display(description="Player")
    def whose(self, asked: SupportRequest) -> SafeString:
        return object_link(asked.player)

    @display(description="Language")
    def language(self, asked: SupportRequest) -> str:
        """Return in which language to answer."""
        return Language(asked.player.language).staff_name

    @display(description="State")
    def state(self, asked: SupportRequest) -> SafeString:
        if asked.answered_at is None:
            return badge("waiting for an answer", "danger")
        if asked.answered_by_id is None:
            return badge("closed: the player is deleted", "info")
        if not asked.notified_at:
            return badge("being sent", "warning")
        if asked.first.solved_at is None:
            return badge("answered, not solved", "warning")
        return badge("solved", "success")

    @display(description="Answered by")
    def who(self, asked: SupportRequest) -> str:
        return str(asked.answered_by or "–")

    @display(description="Assigned to")
    def owner(self, asked: SupportRequest) -> str:
        """Return who has claimed it in the inbox."""
        known: dict[str, User] | None = getattr(asked, "owners", None)
        found = support_thread.owners([asked]) if known is None else known
        return str(found.get(str(asked.pk), "–"))

    @display(description="First answer")
    def first_answer(self, asked: SupportRequest) -> str:
        return support_thread.first_answer_of(asked.first)

    @display(description="Solved")
    def solved(self, asked: SupportRequest) -> str:
        return support_thread.solved_of(asked.first)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        """Return the list that knows at once who has claimed what."""
        return _RequestList

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show above the list how long players wait."""
        now = timezone.now()
        durations = [
            *_in_words("First answer", support.first_answers(now=now)),
            *_in_words("Solved", support.solutions(now=now)),
        ]
        return super().changelist_view(request, {"durations": durations, **(extra_context or {})})

    def get_urls(self) -> list[URLPattern]:
        """Add the page of the answer, and the files that players have sent along."""
        wrap, name = self.admin_site.admin_view, "payments_supportrequest"
        return [
            path("<int:pk>/answer/", wrap(self.answer_view), name=f"{name}_answer"),
            path("<int:pk>/solve/", wrap(self.solve_view), name=f"{name}_solve"),
            path("<int:pk>/note/", wrap(self.note_view), name=f"{name}_note"),
            path("<int:pk>/files/", wrap(self.want_files_view), name=f"{name}_files"),
            path("<int:pk>/files/<int:number>/", wrap(self.file_view), name=f"{name}_file"),
            *super().get_urls(),
        ]

    def buttons(self, request: HttpRequest, obj: SupportRequest) -> list[SafeString]:
        """Offer what is due: files, an answer, whose it is, that it is solved, and a note."""
        offered: list[SafeString] = []
        if obj.player.deleted_at is not None:
            return offered
        if request.user.has_perm("payments.answer_supportrequest"):
            thread = list(support.thread_of(obj))
            there = SupportFile.objects.filter(request__in=thread, error="").count()
            if there < sum(len(one.attachments) for one in thread):
                offered.append(button("Load the pictures", "payments_supportrequest_files", obj.pk))
            waiting = [one for one in thread if one.answered_at is None]
            if waiting:
                last = waiting[-1].pk
                offered.append(button("Answer", "payments_supportrequest_answer", last))
                offered.append(_assign_button(last))
            elif thread[0].solved_at is None:
                offered.append(button("Solved", "payments_supportrequest_solve", obj.pk))
        if request.user.has_perm("players.add_note"):
            offered.append(button("Add a note", "payments_supportrequest_note", obj.pk))
        return offered

    def page_context(self, request: HttpRequest, obj: SupportRequest) -> dict[str, Any]:
        """Show the conversation, and the player's purchases below it."""
        section = purchases_of_player(request, obj.player)
        return {
            "thread": support_thread.context(request, obj),
            "chapters": [section] if section else [],
        }

    def want_files_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Have a worker fetch what the player has sent along; Telegram is not waited for here."""
        if not request.user.has_perm("payments.answer_supportrequest"):
            raise PermissionDenied
        asked = get_object_or_404(SupportRequest.objects.select_related("player"), pk=pk)

        def execute(cleaned: dict[str, Any]) -> str:
            with transaction.atomic():
                count = sum(
                    support_files.want(request=one, now=timezone.now())
                    for one in support.thread_of(asked)
                )
                self.log_verb(request, asked, "loaded files", details={"files": count})
            files = f"{count} file{pluralize(count)}"
            return f"{files} from Telegram will be here soon. Reload this page then."

        decision = Decision(
            title=f"Load the files of {asked.player}",
            note="The files are fetched from Telegram and deleted here after a day.",
            execute=execute,
            refusals=(AnsweredError,),
            back=reverse("admin:payments_supportrequest_change", args=[pk]),
            confirm="Load",
        )
        return decide(request, decision, model_admin=self)

    def file_view(self, request: HttpRequest, pk: int, number: int) -> HttpResponse:
        """Return one fetched file: a picture to be shown, all else to be saved."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        files = SupportFile.objects.filter(request=pk, number=number, content__isnull=False)
        content = bytes(get_object_or_404(files).content or b"")
        kind = support_files.content_type(content)
        response = HttpResponse(content, content_type=kind)
        response["Content-Security-Policy"] = "default-src 'none'; sandbox"
        response["Cache-Control"] = "private, no-store"
        if not kind.startswith("image/"):
            response["Content-Disposition"] = f'attachment; filename="support-{pk}-{number + 1}"'
        return response

    def answer_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Answer the player; a template that was chosen is in the box already."""
        if not request.user.has_perm("payments.answer_supportrequest"):
            raise PermissionDenied
        asked = self._asked(pk)
        player = asked.player
        chosen = _template_of(request.GET.get("template", ""))
        text = support_templates.fill(chosen, player=player) if chosen else ""

        def execute(cleaned: dict[str, Any]) -> str:
            now, staff = timezone.now(), own_user(request)
            with transaction.atomic():
                # What the player has written since this page was opened waits on.
                answered = support.answer(
                    request_id=pk, text=cleaned["answer"], staff=staff, now=now
                )
                self.log_verb(request, answered, "answered")
                sent = f"The bot sends the answer to {player}."
                if not cleaned["solves"]:
                    return sent
                try:
                    self.log_verb(
                        request, support.solve(request_id=pk, staff=staff, now=now), "solved"
                    )
                except NotAnsweredError:
                    return f"{sent} The player has written again, so it is not solved."
            return f"{sent} The request is solved."

        decision = Decision(
            title=f"Answer {player} ({Language(player.language).staff_name})",
            note=format_html("{}{}", _lines(_waiting_text(asked)), _template_links(asked)),
            form=_answer_form(text),
            execute=execute,
            refusals=(AnsweredError,),
            back=reverse("admin:payments_supportrequest_change", args=[pk]),
            confirm="Send",
        )
        return decide(request, decision, model_admin=self)

    def solve_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Store that nothing more is to be done about an answered request."""
        if not request.user.has_perm("payments.answer_supportrequest"):
            raise PermissionDenied
        asked = self._asked(pk)

        def execute(cleaned: dict[str, Any]) -> str:
            with transaction.atomic():
                solved = support.solve(request_id=pk, staff=own_user(request), now=timezone.now())
                self.log_verb(request, solved, "solved")
            return "The request is solved. What the player writes next is a new one."

        decision = Decision(
            title=f"Solved: {asked}",
            note="The player is sent nothing. What they write next is a new request.",
            execute=execute,
            refusals=(AnsweredError, NotAnsweredError),
            back=reverse("admin:payments_supportrequest_change", args=[pk]),
            confirm="Solved",
        )
        return decide(request, decision, model_admin=self)

    def note_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Write an internal note into the conversation."""
        may_write = request.user.has_perm("players.add_note")
        if not self.has_view_permission(request) or not may_write:
            raise PermissionDenied
        asked = self._asked(pk)

        def execute(cleaned: dict[str, Any]) -> str:
            notes.add(
                player=asked.player,
                text=cleaned["text"],
                is_pinned=cleaned["is_pinned"],
                author=own_user(request),
                now=timezone.now(),
                subject=asked.first,
            )
            return "The note is stored."

        decision = Decision(
            title=f"Add a note to the request of {asked.player}",
            form=NoteForm,
            execute=execute,
            refusals=(NoteError,),
            back=reverse("admin:payments_supportrequest_change", args=[pk]),
            confirm="Save",
            note="Only staff see it, here and on the player's page. It can be edited; all versions "
            "stay.",
        )
        return decide(request, decision, model_admin=self)

    def _asked(self, pk: int) -> SupportRequest:
        requests = SupportRequest.objects.select_related("player", "thread")
        return get_object_or_404(requests, pk=pk)


class _RequestList(StaffChangeList):
    """A page of requests, with who has claimed them."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        known = support_thread.owners(self.result_list)
        for asked in self.result_list:
            asked.owners = known


def _in_words(label: str, durations: support.Durations) -> list[tuple[str, str]]:
    """Return how long it has taken in the last 30 days."""
    days = support.SHOWN_DAYS // timedelta(days=1)
    if durations.median is None or durations.p90 is None:
        return [(f"{label}, last {days} days", "none")]
    return [
        (f"{label}, median of {days} days", dates.span(durations.median)),
        (f"{label}, 9 of 10 within", dates.span(durations.p90)),
    ]


def _assign_button(pk: int) -> SafeString:
    """Return the way to the request's page in the inbox, where it is claimed and handed over."""
    return render_to_string(
        "unfold/components/button.html",
        {
            "href": reverse("inbox-item", args=["support-requests", pk]),
            "variant": "default",
            "size": "xs",
            "children": "Claim or hand over",
        },
    )


def _waiting_text(asked: SupportRequest) -> str:
    """Return what the answer will be to: all that waits of the thread up to this message."""
    waiting = support.thread_of(asked).filter(answered_at=None, pk__lte=asked.pk)
    return "\n\n".join(one.text or "(pictures, no words yet)" for one in waiting)


def _template_of(key: str) -> SupportTemplate | None:
    return SupportTemplate.objects.filter(pk=row_number(key) or 0, is_active=True).first()


def _template_links(asked: SupportRequest) -> SafeString:
    """Return a link for each template, which fills it in."""
    templates = SupportTemplate.objects.filter(is_active=True).order_by("name")
    links = format_html_join(
        " ",
        "{}",
        (
            (
                link(
                    template,
                    "payments_supportrequest_answer",
                    asked.pk,
                    query=f"template={template.pk}",
                ),
            )
            for template in templates
        ),
    )
    if not links:
        return SafeString("")
    return format_html('<span class="payments-templates">Begin with: {}</span>', links)


def _lines(text: str) -> SafeString:
    return format_html('<span class="payments-text">{}</span>', text)
