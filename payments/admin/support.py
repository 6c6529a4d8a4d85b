"""What players ask about their payments, and the answers. Product rules, section 5.9."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from economy.admin.players import OfPlayer
from payments import support, support_files
from payments.admin.purchase_display import purchases_of_player
from payments.errors import AnsweredError
from payments.models import SupportFile, SupportRequest
from quizarena.staff import dates, search
from quizarena.staff.decisions import Decision, decide
from quizarena.staff.desk import age, badge, button, object_link, own_user, row_number

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
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 6}),
        help_text="The bot sends this text to the player unchanged.",
    )


@admin.register(SupportRequest)
class SupportRequestAdmin(OfPlayer[SupportRequest]):
    """What waits for an answer first, the oldest of it on top."""

    list_display = ("asked", "question", "whose", "state", "who")
    list_display_links = ("asked", "question")
    list_select_related = ("player", "answered_by")
    ordering = ("-answered_at", "id")
    change_form_outer_after_template = "players/story.html"
    question_fields = (
        None,
        {"fields": (("whose", "language"), ("asked", "state"), "asked_text", "attached")},
    )
    answer_fields = ("Answer", {"fields": (("who", "notified"), "answer_text")})

    class Media:
        css = {"all": ["economy/economy.css", "payments/payments.css"]}

    def get_fieldsets(self, request: HttpRequest, obj: SupportRequest | None = None) -> Any:
        """Return the question and, once there is one, the answer."""
        is_answered = obj is not None and obj.answered_by_id is not None
        return (self.question_fields, *([self.answer_fields] if is_answered else []))

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
        return asked.player.language

    @display(description="State")
    def state(self, asked: SupportRequest) -> SafeString:
        if asked.answered_at is None:
            return badge("waiting for an answer", "danger")
        if asked.answered_by_id is None:
            return badge("closed: the player is deleted", "info")
        return badge("answered", "success") if asked.notified_at else badge("being sent", "warning")

    @display(description="Answered by")
    def who(self, asked: SupportRequest) -> str:
        return str(asked.answered_by or "–")

    @display(description="Answer sent")
    def notified(self, asked: SupportRequest) -> str:
        return age(asked.notified_at)

    @display(description="Question")
    def asked_text(self, asked: SupportRequest) -> SafeString:
        return _lines(asked.text)

    @display(description="Attachments")
    def attached(self, asked: SupportRequest) -> str | SafeString:
        if not asked.attachments:
            return "–"
        files = {file.number: file for file in asked.files.all()}
        return format_html_join(
            " ",
            "{}",
            (
                (_shown(asked, number, files.get(number)),)
                for number in range(len(asked.attachments))
            ),
        )

    @display(description="Answer")
    def answer_text(self, asked: SupportRequest) -> SafeString:
        return _lines(asked.answer)

    def get_urls(self) -> list[URLPattern]:
        """Add the page of the answer, and the files that players have sent along."""
        wrap, name = self.admin_site.admin_view, "payments_supportrequest"
        return [
            path("<int:pk>/answer/", wrap(self.answer_view), name=f"{name}_answer"),
            path("<int:pk>/files/", wrap(self.want_files_view), name=f"{name}_files"),
            path("<int:pk>/files/<int:number>/", wrap(self.file_view), name=f"{name}_file"),
            *super().get_urls(),
        ]

    def buttons(self, request: HttpRequest, obj: SupportRequest) -> list[SafeString]:
        """Offer to see what was sent along, and to answer what nobody has answered."""
        if not request.user.has_perm("payments.answer_supportrequest"):
            return []
        offered = []
        there = obj.files.filter(error="").count()
        if there < len(obj.attachments):
            offered.append(button("Load the pictures", "payments_supportrequest_files", obj.pk))
        if obj.answered_at is None:
            offered.append(button("Answer", "payments_supportrequest_answer", obj.pk))
        return offered

    def page_context(self, request: HttpRequest, obj: SupportRequest) -> dict[str, Any]:
        """Show the player's purchases beside the question."""
        section = purchases_of_player(request, obj.player)
        return {"chapters": [section]} if section else {}

    def want_files_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Have a worker fetch what the player has sent along; Telegram is not waited for here."""
        if not request.user.has_perm("payments.answer_supportrequest"):
            raise PermissionDenied
        asked = get_object_or_404(SupportRequest.objects.select_related("player"), pk=pk)

        def execute(cleaned: dict[str, Any]) -> str:
            with transaction.atomic():
                count = support_files.want(request=asked, now=timezone.now())
                self.log_verb(request, asked, "loaded files", details={"files": count})
            return f"{count} file(s) are being fetched from Telegram. Reload this page soon."

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
        """Answer the player."""
        if not request.user.has_perm("payments.answer_supportrequest"):
            raise PermissionDenied
        asked = get_object_or_404(SupportRequest.objects.select_related("player"), pk=pk)

        def execute(cleaned: dict[str, Any]) -> str:
            with transaction.atomic():
                answered = support.answer(
                    request_id=pk,
                    text=cleaned["answer"],
                    staff=own_user(request),
                    now=timezone.now(),
                )
                self.log_verb(request, answered, "answered")
            return f"The bot sends the answer to {asked.player}."

        decision = Decision(
            title=f"Answer {asked.player} ({asked.player.language})",
            note=_lines(asked.text),
            form=AnswerForm,
            execute=execute,
            refusals=(AnsweredError,),
            back=reverse("admin:payments_supportrequest_change", args=[pk]),
            confirm="Send",
        )
        return decide(request, decision, model_admin=self)


def _shown(asked: SupportRequest, number: int, file: SupportFile | None) -> str | SafeString:
    """Return a picture, a link to another file, or how far it is."""
    kind = asked.attachments[number]["kind"]
    if file is None:
        return badge(f"{kind}, not loaded", "info")
    if file.content is None:
        return badge(f"{kind}: {file.error or 'being loaded'}", "danger" if file.error else "info")
    address = reverse("admin:payments_supportrequest_file", args=[asked.pk, number])
    if support_files.content_type(bytes(file.content)).startswith("image/"):
        return format_html(
            '<a href="{}"><img src="{}" alt="{}" class="payments-picture"></a>',
            address,
            address,
            f"{kind} {number + 1}",
        )
    return format_html('<a href="{}">{}</a>', address, f"{kind} {number + 1}")


def _lines(text: str) -> SafeString:
    return format_html('<span class="payments-text">{}</span>', text)
