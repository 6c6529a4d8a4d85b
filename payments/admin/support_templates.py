"""The answers that support gives often."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from economy.admin.players import players_found
from payments import support_templates
from payments.errors import UnknownPlaceholderError
from payments.models import SupportTemplate
from quizarena.players.models import Language, Player
from quizarena.staff.desk import StaffAdmin, badge, button

TEXT_IN_LIST = 80


class TemplateForm(forms.ModelForm):  # type: ignore[type-arg]
    """A template, none of whose texts has a placeholder that nothing fills."""

    def clean(self) -> dict[str, Any]:
        """Check the text of each language."""
        cleaned: dict[str, Any] = super().clean() or {}
        for name in ("text_de", "text_en", "text_uk"):
            try:
                support_templates.check(cleaned.get(name) or "")
            except UnknownPlaceholderError as error:
                self.add_error(name, str(error))
        return cleaned


class PreviewForm(forms.Form):
    """With whom a template is to be seen."""

    player = forms.CharField(
        max_length=64,
        widget=UnfoldAdminTextInputWidget,
        help_text="Telegram id, @ and beginning of a user name, or name.",
    )


@admin.register(SupportTemplate)
class SupportTemplateAdmin(StaffAdmin[SupportTemplate]):
    """The answers that support gives often."""

    form = TemplateForm
    list_display = ("name", "beginning", "is_active")
    ordering = ("name",)
    list_before_template = "payments/placeholders.html"
    fields = ("name", "text_de", "text_en", "text_uk", "is_active")

    class Media:
        css = {"all": ["payments/payments.css"]}

    @display(description="In English")
    def beginning(self, template: SupportTemplate) -> str:
        text = " ".join(template.text_en.split())
        return text if len(text) <= TEXT_IN_LIST else f"{text[: TEXT_IN_LIST - 1]}…"

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show above the list which placeholders there are."""
        return super().changelist_view(
            request, {"placeholders": _placeholders(), **(extra_context or {})}
        )

    def get_form(
        self,
        request: HttpRequest,
        obj: SupportTemplate | None = None,
        change: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Say below each text which placeholders there are."""
        names = ", ".join(f"{{{name}}}" for name in support_templates.PLACEHOLDERS)
        texts = ("text_de", "text_en", "text_uk")
        kwargs["help_texts"] = dict.fromkeys(texts, f"Placeholders: {names}.")
        return super().get_form(request, obj, change, **kwargs)

    def has_delete_permission(
        self, request: HttpRequest, obj: SupportTemplate | None = None
    ) -> bool:
        """Return False: one that is not offered is out of the way."""
        return False

    def get_urls(self) -> list[URLPattern]:
        """Add the preview."""
        view = self.admin_site.admin_view(self.preview_view)
        return [
            path("<int:pk>/preview/", view, name="payments_supporttemplate_preview"),
            *super().get_urls(),
        ]

    def buttons(self, request: HttpRequest, obj: SupportTemplate) -> list[SafeString]:
        """Offer to see it as a player would get it."""
        return [button("Preview with a player", "payments_supporttemplate_preview", obj.pk)]

    def preview_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show the template in every language as one player would get it. Writes nothing."""
        may_see = request.user.has_perm("players.view_player")
        if not self.has_view_permission(request) or not may_see:
            raise PermissionDenied
        template = get_object_or_404(SupportTemplate, pk=pk)
        form = PreviewForm(request.POST or None)
        rows: list[list[object]] = []
        if form.is_valid():
            found = players_found(form.cleaned_data["player"].strip())
            player = Player.objects.filter(pk__in=found[:1], deleted_at=None).first()
            if player is None:
                form.add_error("player", "No player is found by that.")
            else:
                rows = _as_sent(template, player)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Preview: {template}",
            "opts": self.opts,
            "media": self.media,
            "form": form,
            "back": reverse("admin:payments_supporttemplate_change", args=[pk]),
            "table": {"headers": ["Language", "Text"], "rows": rows} if rows else None,
        }
        return TemplateResponse(request, "payments/template_preview.html", context)


def _placeholders() -> list[tuple[str, str]]:
    return [
        (f"{{{name}}}", meaning)
        for name, (meaning, _find) in support_templates.PLACEHOLDERS.items()
    ]


def _as_sent(template: SupportTemplate, player: Player) -> list[list[object]]:
    """Return the template filled in for the player, in every language, theirs marked."""
    rows: list[list[object]] = []
    for code, name in Language.for_staff():
        text = support_templates.fill(template, player=player, language=code)
        missing = support_templates.unfilled(text)
        note = badge(f"nothing for {{{missing[0]}}}", "warning") if missing else ""
        own = badge(f"of {player}", "info") if code == player.language else ""
        rows.append(
            [
                format_html("{} {}", name, own),
                format_html(
                    "{} {}", format_html('<span class="payments-text">{}</span>', text), note
                ),
            ]
        )
    return rows
