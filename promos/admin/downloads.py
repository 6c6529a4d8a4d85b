"""Downloads of batches in the admin: prepared, watched while they are packed, and taken.

Who may come here is checked by the page of batches (promos/admin/codes.py).
"""

from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from unfold.widgets import UnfoldAdminSelectWidget

from promos import archive_files, archives, codes, sheets
from promos.errors import PromosError
from promos.models import UNFINISHED_ARCHIVE, ArchiveStatus, Batch, BatchArchive, SheetLanguage
from quizarena.staff import dates
from quizarena.staff.decisions import Decision, decide
from quizarena.staff.desk import StaffAdmin, own_user

_KEPT = (
    "For 24 hours from the first download on, the file can be downloaded again by whoever runs "
    "campaigns; then it is deleted, and nobody can make the codes again. Every download is "
    "recorded in the audit log."
)


class ArchiveForm(forms.Form):
    """What a download looks like; one form is one archive, however often it is sent."""

    language = forms.ChoiceField(
        label="Language of the cards",
        choices=SheetLanguage.choices,
        initial=SheetLanguage.GERMAN,
        widget=UnfoldAdminSelectWidget,
        help_text="What a code gives and until when stands on each card, beside its QR code.",
    )
    decision = forms.UUIDField(initial=uuid4, widget=forms.HiddenInput)


def packing_of(batch: Batch) -> dict[str, Any]:
    """Return how far the download of a batch is, as its template shows it."""
    archive = archives.live_archive(batch)
    moves = archive is not None and archive.status in UNFINISHED_ARCHIVE
    if archive is None:
        says = "deleted" if batch.downloaded_at else "–"
    elif archive.status == ArchiveStatus.FAILED:
        says = archive.error
    elif moves:
        says = f"{archive.progress} %"
    else:
        says = f"{archive.file_bytes / 1024:,.0f} KB, {_until(archive)}"
    return {"batch": batch, "archive": archive, "moves": moves, "says": says}


def _until(archive: BatchArchive) -> str:
    """Return until when the file can be downloaded."""
    assert archive.expires_at is not None
    if archive.expires_at <= timezone.now():
        return "not kept any more"
    return f"kept until {dates.moment(archive.expires_at)}"


def _has_changed(archive: BatchArchive) -> bool:
    """Return whether the cards of the archive say something else than they would now."""
    campaign = archive.batch.campaign
    printed = (archive.printed_gives, archive.printed_ends_at)
    return printed != (sheets.gives(campaign, language=archive.language), campaign.ends_at)


def packing_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Show how far a download is, for a page that asks again and again until it is packed."""
    if not request.user.has_perm("promos.view_batch"):
        raise PermissionDenied
    context = packing_of(get_object_or_404(Batch.objects.defer("seed"), pk=pk))
    response = TemplateResponse(request, "promos/archive_progress.html", context)
    if not context["moves"]:
        response["HX-Refresh"] = "true"
    return response


def prepare(request: HttpRequest, pk: int, *, model_admin: StaffAdmin[Batch]) -> HttpResponse:
    """Let a worker pack the codes for a download."""
    batch = get_object_or_404(Batch.objects.select_related("campaign"), pk=pk)

    def preview(cleaned: dict[str, Any]) -> list[list[object]]:
        archives.check(batch)
        language = cleaned["language"]
        cards: list[list[object]] = [
            ["Cards say", sheets.gives(batch.campaign, language=language)],
            ["And", sheets.expiry(batch.campaign.ends_at, language=language)],
        ]
        if not archive_files.has_cards(batch.size):
            cards = [["Cards", f"none: more than {archive_files.CARDS_MAX:,} codes"]]
        return [
            ["Codes", f"{batch.size:,}, like {codes.label(prefix=batch.prefix)}"],
            ["In the ZIP", "a list of codes, and one with deep links"],
            *cards,
            ["The file", "packed in the background, encrypted while it is kept"],
        ]

    def execute(cleaned: dict[str, Any]) -> str:
        archives.request(
            batch_id=batch.pk,
            language=SheetLanguage(cleaned["language"]),
            decision=cleaned["decision"],
            staff=own_user(request),
            now=timezone.now(),
        )
        return "The download is being prepared. This page shows when it is ready."

    decision = Decision(
        title=f"Prepare the download of batch {batch.pk}: {batch}",
        note=_KEPT,
        execute=execute,
        preview=preview,
        headers=("What", "Value"),
        form=ArchiveForm,
        refusals=(PromosError,),
        back=reverse("admin:promos_batch_change", args=[batch.pk]),
        confirm="Prepare",
        fresh_factor=True,
    )
    return decide(request, decision, model_admin=model_admin)


def download(request: HttpRequest, pk: int, *, model_admin: StaffAdmin[Batch]) -> HttpResponseBase:
    """Hand over the ZIP with the codes; each time is recorded."""
    batch = get_object_or_404(Batch.objects.defer("seed"), pk=pk)
    back = reverse("admin:promos_batch_change", args=[batch.pk])
    archive = archives.live_archive(batch)
    if archive is None or not archives.is_there(archive, now=timezone.now()):
        messages.error(request, "There is no file: it is not ready, or was deleted.")
        return HttpResponseRedirect(back)
    if request.method == "POST":
        try:
            return _file(request, archive)
        except PromosError as error:
            messages.error(request, f"Refused: {str(error).removesuffix('.')}.")
            return HttpResponseRedirect(back)
    context = {
        **model_admin.admin_site.each_context(request),
        "title": f"Download batch {batch.pk}: {batch}",
        "opts": model_admin.opts,
        "media": model_admin.media,
        "archive": archive,
        "like": codes.label(prefix=batch.prefix),
        "kept": _KEPT,
        "until": _until(archive) if archive.downloads else None,
        "changed": archive_files.has_cards(batch.size) and _has_changed(archive),
        "back": back,
    }
    return TemplateResponse(request, "promos/batch_download.html", context)


def _file(request: HttpRequest, archive: BatchArchive) -> HttpResponseBase:
    """Return the ZIP, and record that. Raises CodesGoneError."""
    content = archives.take(archive_id=archive.pk, staff=own_user(request), now=timezone.now())
    response = StreamingHttpResponse(content, content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="{archive.filename}"'
    response["Content-Length"] = str(archive.file_bytes)
    response["Cache-Control"] = "no-store"
    return response
