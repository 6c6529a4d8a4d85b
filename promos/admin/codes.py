"""Codes in the admin: batches to order, download and revoke; imports; a page for each code."""

from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    QueryDict,
)
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from promos import archives, batches, code_files, codes, uploads
from promos.admin import downloads
from promos.admin.sections import (
    attempts_of,
    attempts_section,
    campaign_link,
    in_lines,
    redemptions_section,
)
from promos.code_files import CodeFile
from promos.errors import PromosError
from promos.models import (
    LIVE_ARCHIVE,
    OVER,
    UNFINISHED_ARCHIVE,
    ArchiveStatus,
    Batch,
    BatchArchive,
    Campaign,
    Code,
    Redemption,
    RedemptionStatus,
)
from quizarena import tables
from quizarena.staff.decisions import Decision, ReasonForm, decide
from quizarena.staff.desk import (
    ReadOnlyAdmin,
    age,
    badge,
    button,
    link,
    object_link,
    own_user,
    row_number,
)
from quizarena.staff.fresh_factor import fresh_factor
from quizarena.tables import UnreadableFileError


def may_run(request: HttpRequest) -> bool:
    """Return whether the user runs campaigns, and so has codes made and revoked."""
    return request.user.has_perm("promos.run_campaign")


# --- What is asked --------------------------------------------------------------------------------


class OrderForm(forms.Form):
    """How many codes, and how they begin; one form is one order, however often it is sent."""

    decision = forms.UUIDField(initial=uuid4, widget=forms.HiddenInput)
    size = forms.IntegerField(
        label="How many",
        min_value=1,
        max_value=batches.SIZE_MAX,
        initial=1000,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=f"1 to {batches.SIZE_MAX:,}.",
    )
    beginning = forms.CharField(
        label="Prefix",
        max_length=24,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="Up to 12 letters A to Z and digits, or empty. Only the prefix can be read here "
        "later.",
    )

    def clean_beginning(self) -> str:
        """Return the prefix as codes have it."""
        prefix = codes.normalised(self.cleaned_data["beginning"])
        if not batches.PREFIX.fullmatch(prefix):
            raise forms.ValidationError("A prefix has up to 12 letters A to Z and digits.")
        return prefix


class ImportForm(forms.Form):
    """Codes from elsewhere, as a file or typed."""

    file = forms.FileField(
        label="File",
        required=False,
        widget=UnfoldAdminFileFieldWidget,
        help_text="CSV, text, or Excel (.xlsx).",
    )
    text = forms.CharField(
        label="Or type the codes",
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 8, "spellcheck": "false"}),
    )

    def clean(self) -> dict[str, Any]:
        """Return what was read as `codes`, from one of the two."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        file, text = cleaned.get("file"), cleaned.get("text", "")
        if bool(file) == bool(text.strip()):
            raise forms.ValidationError("Choose a file, or type the codes.")
        cleaned["codes"] = read_codes(file=file, text=text)
        return cleaned


def read_codes(*, file: "UploadedFile[bytes] | None", text: str = "") -> CodeFile:
    """Return the codes of a file, or of what was typed. Raises ValidationError with the reason."""
    try:
        # One byte more than is read is enough to see that it is too many.
        return (
            code_files.read_text(text)
            if file is None
            else code_files.read(file.read(tables.BYTES_MAX + 1))
        )
    except UnreadableFileError as error:
        raise forms.ValidationError(str(error)) from None


class ConfirmForm(forms.Form):
    """Which upload is confirmed."""

    upload = forms.UUIDField(widget=forms.HiddenInput)


# --- Batches --------------------------------------------------------------------------------------


@admin.register(Batch)
class BatchAdmin(ReadOnlyAdmin[Batch]):
    """Batches of unique codes, newest first."""

    list_display = ("number", "campaign_name", "like", "progress", "state", "taken", "ordered")
    list_display_links = ("number",)
    list_select_related = ("campaign", "created_by", "downloaded_by")
    linked_lookups = ("campaign__id__exact",)
    ordering = ("-id",)
    list_before_template = "promos/batch_list.html"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("campaign_name", "like"),
                    ("progress", "state"),
                    ("ordered", "taken"),
                    ("download", "revoked"),
                )
            },
        ),
    )

    class Media:
        css = {"all": ["promos/codes.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Batch]:
        """Return the batches; what they are made from stays in the database."""
        live = BatchArchive.objects.filter(batch=OuterRef("pk"), status__in=LIVE_ARCHIVE)
        return (
            super()
            .get_queryset(request)
            .defer("seed")
            .annotate(has_seed=Q(seed__isnull=False), archive=Subquery(live.values("status")[:1]))
        )

    @display(description="Batch")
    def number(self, batch: Batch) -> str:
        return str(batch.pk)

    @display(description="Campaign")
    def campaign_name(self, batch: Batch) -> str | SafeString:
        return campaign_link(batch.campaign)

    @display(description="Pattern")
    def like(self, batch: Batch) -> SafeString:
        return _in_one_line(codes.label(prefix=batch.prefix))

    @display(description="Generated")
    def progress(self, batch: Batch) -> SafeString:
        return render_to_string("promos/batch_progress.html", progress_of(batch))

    @display(description="State")
    def state(self, batch: Batch) -> SafeString:
        if batch.revoked_at is not None:
            return badge("revoked", "danger")
        if batch.downloaded_at is not None:
            return badge("downloaded", "success")
        if batch.made < batch.size:
            return badge("being made", "info")
        archive = batch.archive  # type: ignore[attr-defined]  # Annotated above.
        if archive is None:
            return badge("to be downloaded", "warning")
        return badge(
            "ready for download" if archive == ArchiveStatus.READY else "being packed", "info"
        )

    @display(description="Downloaded")
    def taken(self, batch: Batch) -> str | SafeString:
        return _by(batch.downloaded_by, batch.downloaded_at)

    @display(description="Ordered")
    def ordered(self, batch: Batch) -> str | SafeString:
        return _by(batch.created_by, batch.created_at)

    @display(description="Revoked")
    def revoked(self, batch: Batch) -> str:
        """Return when it was revoked; the history has by whom and why."""
        return age(batch.revoked_at)

    @display(description="Download")
    def download(self, batch: Batch) -> SafeString:
        """Return how far the file is, and until when it is kept."""
        return render_to_string("promos/archive_progress.html", downloads.packing_of(batch))

    def buttons(self, request: HttpRequest, obj: Batch) -> list[SafeString]:
        """Return what the user may do with the batch."""
        found = [_codes_button(f"batch__id__exact={obj.pk}")]
        if may_run(request) and obj.revoked_at is None:
            archive = archives.live_archive(obj)
            if archive is not None and archives.is_there(archive, now=timezone.now()):
                found.append(button("Download ZIP", "promos_batch_download", obj.pk))
            if (
                obj.made == obj.size
                and obj.downloaded_at is None
                and (archive is None or archive.status not in UNFINISHED_ARCHIVE)
            ):
                label = "Prepare download" if len(found) == 1 else "Prepare anew"
                found.append(button(label, "promos_batch_prepare", obj.pk))
            found.append(button("Revoke", "promos_batch_revoke", obj.pk))
        return found

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the batches; those of one campaign with what can be done for it."""
        asked = request.GET.get("campaign__id__exact", "")
        campaign = Campaign.objects.filter(pk=row_number(asked) or 0).first()
        context = {
            "campaign": campaign and campaign_link(campaign),
            "campaign_buttons": code_buttons(request, campaign) if campaign else [],
        }
        return super().changelist_view(request, {**context, **(extra_context or {})})

    def get_urls(self) -> list[URLPattern]:
        """Add the pages of what is done with codes."""
        view = self.admin_site.admin_view
        return [
            path("order/<int:campaign_id>/", view(self.order_view), name="promos_batch_order"),
            path("import/<int:campaign_id>/", view(self.import_view), name="promos_batch_import"),
            path("<int:pk>/prepare/", view(self.prepare_view), name="promos_batch_prepare"),
            path("<int:pk>/packing/", view(downloads.packing_view), name="promos_batch_packing"),
            path("<int:pk>/download/", view(self.download_view), name="promos_batch_download"),
            path("<int:pk>/revoke/", view(self.revoke_view), name="promos_batch_revoke"),
            path("<int:pk>/progress/", view(self.progress_view), name="promos_batch_progress"),
            *super().get_urls(),
        ]

    def progress_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show how far a batch is, for a page that asks again and again until it is made."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = progress_of(get_object_or_404(Batch.objects.defer("seed"), pk=pk))
        response = TemplateResponse(request, "promos/batch_progress.html", context)
        if not context["moves"]:
            # What can be done with it has changed.
            response["HX-Refresh"] = "true"
        return response

    def order_view(self, request: HttpRequest, campaign_id: int) -> HttpResponse:
        """Order a batch for a campaign."""
        if not may_run(request):
            raise PermissionDenied
        campaign = get_object_or_404(Campaign, pk=campaign_id)

        def preview(cleaned: dict[str, Any]) -> list[list[object]]:
            # Of a seed that nothing keeps: none of these will be made.
            made = codes.made_from(codes.draw_seed(), prefix=cleaned["beginning"], first=0, count=3)
            return [
                ["Codes", f"{cleaned['size']:,}"],
                [
                    "Examples",
                    in_lines(
                        ", ".join(
                            codes.readable(code, prefix=cleaned["beginning"]) for code in made
                        )
                    ),
                ],
                ["Shown here later as", codes.label(prefix=cleaned["beginning"])],
                ["Each works", "once, for one player"],
            ]

        def execute(cleaned: dict[str, Any]) -> str:
            batch = batches.order(
                campaign_id=campaign.pk,
                size=cleaned["size"],
                prefix=cleaned["beginning"],
                now=timezone.now(),
                staff=own_user(request),
                key=cleaned["decision"],
            )
            return f"Batch {batch.pk} is ordered: {batch.size:,} codes. They are being made."

        decision = Decision(
            title=f"Order codes for {campaign}",
            execute=execute,
            preview=preview,
            headers=("What", "Value"),
            form=OrderForm,
            refusals=(PromosError,),
            back=_list_of(campaign),
            confirm="Order",
            fresh_factor=True,
        )
        return decide(request, decision, model_admin=self)

    def revoke_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Let no code of a batch work any more."""
        if not may_run(request):
            raise PermissionDenied
        batch = get_object_or_404(self.get_queryset(request), pk=pk)

        def preview(cleaned: dict[str, Any]) -> list[list[object]]:
            if batch.revoked_at is not None:
                raise PromosError("the batch is revoked already")
            used = Redemption.objects.filter(
                campaign=batch.campaign_id, code__batch=batch
            ).aggregate(
                reserved=Count("pk", filter=Q(status=RedemptionStatus.RESERVED)),
                applied=Count("pk", filter=Q(status=RedemptionStatus.APPLIED)),
            )
            return [
                ["Codes that can be entered", f"{batch.made:,}", "0"],
                ["Codes still to be made", f"{batch.size - batch.made:,}", "0"],
                ["Reserved for players now", f"{used['reserved']:,}", f"{used['reserved']:,}"],
                ["Used by players", f"{used['applied']:,}", f"{used['applied']:,}"],
            ]

        def execute(cleaned: dict[str, Any]) -> str:
            count = batches.revoke(
                batch_id=batch.pk,
                reason=cleaned["reason"],
                now=timezone.now(),
                staff=own_user(request),
            )
            return f"Batch {batch.pk} is revoked: {count:,} codes do not work any more."

        decision = Decision(
            title=f"Revoke batch {batch.pk}: {batch}",
            execute=execute,
            preview=preview,
            form=ReasonForm,
            refusals=(PromosError,),
            back=reverse("admin:promos_batch_change", args=[batch.pk]),
            note="These codes stop working, and this cannot be undone. What is reserved or used "
            "stays.",
            confirm="Revoke",
            fresh_factor=True,
        )
        return decide(request, decision, model_admin=self)

    def prepare_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Let a worker pack the codes for a download."""
        if not may_run(request):
            raise PermissionDenied
        return downloads.prepare(request, pk, model_admin=self)

    @fresh_factor
    def download_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Hand over the ZIP with the codes; each time is recorded."""
        if not may_run(request):
            raise PermissionDenied
        return downloads.download(request, pk, model_admin=self)

    @fresh_factor
    def import_view(self, request: HttpRequest, campaign_id: int) -> HttpResponse:
        """Take in codes from elsewhere: read, shown what would come of it, confirmed."""
        if not may_run(request):
            raise PermissionDenied
        campaign = get_object_or_404(Campaign, pk=campaign_id)
        form = ImportForm(request.POST or None, request.FILES or None)
        context: dict[str, Any] = {}
        if "confirm" in request.POST:
            form = ImportForm()
            if done := _taken_in(request, campaign):
                return done
        elif form.is_valid():
            address = keep_for_preview(request, campaign, form.cleaned_data["codes"])
            return HttpResponseRedirect(address)
        elif "upload" in request.GET and (waiting := _waiting(request, request.GET)):
            context = _previewed(*waiting)
        context |= {
            **self.admin_site.each_context(request),
            "title": f"Import codes for {campaign}",
            "opts": self.opts,
            "media": self.media,
            "form": form,
            "back": _list_of(campaign),
        }
        return TemplateResponse(request, "promos/code_import.html", context)


def progress_of(batch: Batch) -> dict[str, Any]:
    """Return how far a batch is, as its template shows it."""
    moves = batch.made < batch.size and batch.revoked_at is None
    done = batch.made == batch.size
    return {
        "batch": batch,
        "moves": moves,
        "per_cent": round(100 * batch.made / batch.size, 1),
        "count": f"{batch.size:,}" if done else f"{batch.made:,} of {batch.size:,}",
    }


def code_buttons(request: HttpRequest, campaign: Campaign) -> list[SafeString]:
    """Return what the user may do about the codes of a campaign; with a holdout it has one code."""
    found = [_codes_button(f"campaign__id__exact={campaign.pk}")]
    if may_run(request) and campaign.status not in OVER and not campaign.holdout_percent:
        found += [
            button("Order a batch", "promos_batch_order", campaign.pk),
            button("Import codes", "promos_batch_import", campaign.pk),
        ]
    return found


def _codes_button(query: str) -> SafeString:
    """Return a link to a list of codes that looks like a button."""
    address = reverse("admin:promos_code_changelist")
    return render_to_string(
        "unfold/components/button.html",
        {"href": f"{address}?{query}", "variant": "default", "children": "Codes"},
    )


def _list_of(campaign: Campaign) -> str:
    return f"{reverse('admin:promos_batch_changelist')}?campaign__id__exact={campaign.pk}"


def _by(who: object, when: Any) -> str | SafeString:
    """Return who did it and when, or that nobody has."""
    if when is None:
        return "–"
    return format_html("<span>{}, {}</span>", who or "command line", age(when))


def _in_one_line(label: str) -> SafeString:
    """Return the label of a code, which does not break."""
    return format_html('<span class="codes-like">{}</span>', label)


# --- The import -----------------------------------------------------------------------------------


def keep_for_preview(request: HttpRequest, campaign: Campaign, found: CodeFile) -> str:
    """Let codes that were read wait to be confirmed; return the address of their preview."""
    upload = uploads.keep(owner_id=own_user(request).pk, found=found)
    return f"{reverse('admin:promos_batch_import', args=[campaign.pk])}?upload={upload}"


def _waiting(request: HttpRequest, given: QueryDict) -> tuple[UUID, CodeFile] | None:
    """Return the upload that `given` names; None, with a message, if it is gone."""
    named = ConfirmForm(given)
    if named.is_valid():
        upload: UUID = named.cleaned_data["upload"]
        found = uploads.kept(owner_id=own_user(request).pk, upload=upload)
        if found is not None:
            return upload, found
    messages.error(request, "The upload has expired. Choose the file again.")
    return None


def _previewed(upload: UUID, found: CodeFile) -> dict[str, Any]:
    """Return what would become of the codes if they were imported now."""
    report = batches.preview(lines=iter(found.lines), problems=found.problems)
    left_out = f", {report.refused_count:,} left out" if report.refused_count else ""
    shown = len(report.refused)
    return {
        "report": report,
        "counts": f"{report.added:,} new{left_out}",
        "heading": found.heading,
        "refused_title": "Left out"
        if shown == report.refused_count
        else f"Left out, the first {shown}",
        "refused": {
            "headers": ["Line", "Why"],
            "rows": [
                [f"{line:,}", in_lines(f"{why[:1].upper()}{why[1:]}.")]
                for line, why in sorted(report.refused)
            ],
        },
        "confirm_form": ConfirmForm(initial={"upload": upload}),
    }


def _taken_in(request: HttpRequest, campaign: Campaign) -> HttpResponse | None:
    """Take in what was confirmed and show the codes; None, with a message, if that cannot be."""
    waiting = _waiting(request, request.POST)
    if waiting is None:
        return None
    upload, found = waiting
    try:
        report = batches.take_in(
            campaign_id=campaign.pk,
            lines=iter(found.lines),
            problems=found.problems,
            now=timezone.now(),
            staff=own_user(request),
        )
    except PromosError as error:
        messages.error(request, f"Refused: {str(error).removesuffix('.')}.")
        return None
    uploads.drop(owner_id=own_user(request).pk, upload=upload)
    notice = f"{report.added:,} codes imported, {report.refused_count:,} left out."
    messages.success(request, notice)
    address = reverse("admin:promos_code_changelist")
    return HttpResponseRedirect(f"{address}?campaign__id__exact={campaign.pk}")


# --- Codes ----------------------------------------------------------------------------------------


@admin.register(Code)
class CodeAdmin(ReadOnlyAdmin[Code]):
    """Codes, of which nobody can read what was drawn; the page of one is its whole life."""

    list_display = ("number", "shown", "kind", "campaign_name", "batch_name", "state")
    list_display_links = ("number", "shown")
    list_select_related = ("campaign", "batch", "batch__campaign")
    linked_lookups = ("campaign__id__exact", "batch__id__exact")
    search_fields = ("id",)
    search_help_text = "#number of a code"
    list_before_template = "promos/code_lists.html"
    ordering = ("-id",)
    change_form_outer_after_template = "players/story.html"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("number", "shown"),
                    ("campaign_name", "campaign_state"),
                    ("kind", "batch_name"),
                    ("state", "revoked"),
                )
            },
        ),
    )

    class Media:
        css = {"all": ["promos/codes.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Code]:
        """Return the codes, each with whether it is reserved or used."""
        live = Redemption.objects.filter(code=OuterRef("pk")).exclude(
            status=RedemptionStatus.EXPIRED
        )
        return super().get_queryset(request).defer("digest").annotate(is_used=Exists(live))

    @display(description="Code")
    def number(self, code: Code) -> str:
        """Return its number, by which the desk knows it."""
        return f"#{code.pk}"

    @display(description="Label")
    def shown(self, code: Code) -> SafeString:
        return _in_one_line(code.label)

    @display(description="Kind")
    def kind(self, code: Code) -> str:
        return "shared by all" if code.is_shared else "for one player"

    @display(description="Campaign")
    def campaign_name(self, code: Code) -> str | SafeString:
        return campaign_link(code.campaign)

    @display(description="Campaign is")
    def campaign_state(self, code: Code) -> str:
        return code.campaign.get_status_display()

    @display(description="Batch")
    def batch_name(self, code: Code) -> str | SafeString:
        """Return a link to the batch, if it was made in one."""
        if code.batch is not None:
            return object_link(code.batch, f"Batch {code.batch_id}")
        return "–" if code.is_shared else "imported"

    @display(description="State")
    def state(self, code: Code) -> SafeString:
        if code.stopped_at is not None:
            return badge("revoked", "danger")
        if code.is_used:  # type: ignore[attr-defined]  # Annotated above.
            return badge("in use" if code.is_shared else "used", "info")
        return badge("unused", "success")

    @display(description="Revoked")
    def revoked(self, code: Code) -> str:
        return age(code.stopped_at)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Code], search_term: str
    ) -> tuple[QuerySet[Code], bool]:
        """Find a code by its number. What players type would stay in the logs of web servers."""
        if term := search_term.strip().removeprefix("#"):
            queryset = queryset.filter(pk=int(term)) if term.isdecimal() else queryset.none()
        return queryset, False

    def page_context(self, request: HttpRequest, obj: Code) -> dict[str, Any]:
        """Show everything that happened to the code."""
        number = f"q=%23{obj.pk}"
        chapters = [
            redemptions_section(
                obj.redemptions.order_by("-created_at", "-id"),
                columns=("When", "Player", "Status", "Taken off"),
                more=link("All redemptions", "promos_redemption_changelist", query=number),
            ),
            attempts_section(
                attempts_of(obj),
                columns=("When", "Player", "Outcome", "Why", "By"),
                more=link("All attempts", "promos_attempt_changelist", query=number),
            ),
        ]
        return {"chapters": chapters}
