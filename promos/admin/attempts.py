"""Who tried which code, what came of it, and who is kept from trying."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from economy.admin.players import OfPlayer, players_found
from economy.timeline import minute
from promos import denylist, redemptions
from promos.admin import sections, tester
from promos.admin.explanations import PLAYER_ANSWERS, short
from promos.errors import PromosError, Refusal
from promos.models import Attempt, Block, Code, DenylistEntry, Redemption
from promos.rules import Reason
from quizarena.players.admin import Fact, button_source, fact_source
from quizarena.players.models import Player
from quizarena.staff.decisions import Decision, ReasonForm, decide
from quizarena.staff.desk import (
    ReadOnlyAdmin,
    age,
    badge,
    button,
    link,
    object_link,
    own_user,
)


class ByPlayerOrCode(ReadOnlyAdmin[Any]):
    """A list in which one searches for a player, or for a code by its number."""

    linked_lookups = ("campaign__id__exact",)
    search_fields = ("id",)
    search_help_text = "Telegram id, beginning of a user name, or #number of a code"
    list_before_template = "promos/code_lists.html"
    # What orders the rows of one player or campaign, in an index with it.
    time_field: str

    class Media:
        css = {"all": ["promos/codes.css"]}

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """Return newest first, by the index that fits what is asked for."""
        if request.GET.get("q") or "campaign__id__exact" in request.GET:
            return (f"-{self.time_field}", "-id")
        return ("-id",)

    def of_code(self, queryset: QuerySet[Any], code: Code) -> QuerySet[Any]:
        """Return the rows of a code."""
        return queryset.filter(code=code)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find what is of players, or of a code by its number.

        A code itself is not searched for here: what one types would stay in the address, and so in
        the logs. The page “Check a code” takes it.
        """
        term = search_term.strip()
        if not term:
            return queryset, False
        if not term.startswith("#"):
            return queryset.filter(player__in=players_found(term)), False
        number = term.removeprefix("#")
        code = Code.objects.filter(pk=int(number) if number.isdecimal() else 0).first()
        return self.of_code(queryset, code) if code else queryset.none(), False


# --- Attempts -------------------------------------------------------------------------------------


class RefusalFilter(admin.SimpleListFilter):
    """Which error code the player got."""

    title = "refusal"
    parameter_name = "refusal"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        """Return the error codes."""
        return [(one.value, short(one.removeprefix("E_PROMO_"))) for one in Refusal]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Attempt]) -> QuerySet[Attempt]:
        """Return the attempts that were refused so."""
        return queryset.filter(refusal=self.value()) if self.value() else queryset


class ReasonFilter(admin.SimpleListFilter):
    """What exactly stood against it."""

    title = "reason"
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        """Return the reasons."""
        return [(one.value, short(one)) for one in Reason]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Attempt]) -> QuerySet[Attempt]:
        """Return the attempts against which it stood first."""
        # The refusal, too, since the index has only what was refused.
        return (
            queryset.filter(detail=self.value()).exclude(refusal="") if self.value() else queryset
        )


@admin.register(Attempt)
class AttemptAdmin(ByPlayerOrCode):
    """Every code that was ever entered, newest first."""

    list_display = ("when", "whose", "code_name", "campaign_name", "outcome", "why", "channel")
    list_filter = (RefusalFilter, ReasonFilter, "channel")
    list_select_related = ("player", "code", "campaign", "redemption")
    time_field = "at"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("when", "channel"),
                    ("whose", "code_name"),
                    ("campaign_name", "redeemed"),
                    ("outcome", "answered"),
                    "why",
                    "idempotency_key",
                )
            },
        ),
    )

    @display(description="When")
    def when(self, attempt: Attempt) -> str:
        return age(attempt.at)

    @display(description="Player")
    def whose(self, attempt: Attempt) -> SafeString:
        return object_link(attempt.player)

    @display(description="Code")
    def code_name(self, attempt: Attempt) -> str | SafeString:
        """Return a link to the code, if there was one."""
        return sections.code_link(attempt.code)

    @display(description="Campaign")
    def campaign_name(self, attempt: Attempt) -> str | SafeString:
        return sections.campaign_link(attempt.campaign)

    @display(description="Outcome")
    def outcome(self, attempt: Attempt) -> SafeString:
        return sections.outcome(attempt)

    @display(description="Why")
    def why(self, attempt: Attempt) -> SafeString:
        return sections.why(attempt)

    @display(description="Answer to the player")
    def answered(self, attempt: Attempt) -> str:
        return (
            PLAYER_ANSWERS[Refusal(attempt.refusal)] if attempt.refusal else "What the code gives."
        )

    @display(description="Redemption")
    def redeemed(self, attempt: Attempt) -> str | SafeString:
        if attempt.redemption is None:
            return "–"
        return object_link(attempt.redemption, sections.result(attempt.redemption))

    def of_code(self, queryset: QuerySet[Attempt], code: Code) -> QuerySet[Attempt]:
        """Return the attempts with a code, by the index that its life is read from."""
        return queryset.filter(digest=code.digest)

    def get_urls(self) -> list[URLPattern]:
        """Add the search for a reason, and the test."""
        view = self.admin_site.admin_view
        return [
            path("why/", view(self.why_view), name="promos_attempt_why"),
            path("test/", view(self.test_view), name="promos_attempt_test"),
            *super().get_urls(),
        ]

    def test_view(self, request: HttpRequest) -> HttpResponse:
        """Test a code as a player."""
        if not request.user.has_perm("promos.test_campaign"):
            raise PermissionDenied
        return tester.page(request, model_admin=self)

    def why_view(self, request: HttpRequest) -> HttpResponse:
        """Find out why a code did not work. A typed code comes by POST: it leaves no trace."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        # A link may name a player, never a code.
        linked = {"player": request.GET["player"]} if "player" in request.GET else None
        form = WhyForm(request.POST if request.method == "POST" else linked)
        context = {
            **self.admin_site.each_context(request),
            "title": "Check a code",
            "opts": self.opts,
            "media": self.media,
            "form": form,
        }
        if form.is_valid():
            context |= _answer(request, **form.cleaned_data)
        return TemplateResponse(request, "promos/code_why.html", context)


class WhyForm(forms.Form):
    """A code, a player, or both."""

    code = forms.CharField(
        max_length=200,
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text="As the player has typed it.",
    )
    player = forms.CharField(
        max_length=64,
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text="Telegram id, or beginning of a user name.",
    )

    def clean(self) -> dict[str, Any]:
        """Return the form; one of the two is needed."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not cleaned.get("code", "").strip() and not cleaned.get("player", "").strip():
            raise forms.ValidationError("Type a code, a player, or both.")
        return cleaned


def _answer(request: HttpRequest, *, code: str, player: str) -> dict[str, Any]:
    """Return what is known of a code and of the players, and every attempt of theirs with it."""
    raw, term = code.strip(), player.strip()
    attempts = Attempt.objects.order_by("-at", "-id")
    facts: list[tuple[str, object]] = []
    columns = ["When", "Player", "Code", "Campaign", "Outcome", "Why", "By"]
    answer: dict[str, Any] = {}
    if raw:
        found = redemptions.find(raw)
        attempts = redemptions.attempts_with(raw).order_by("-at", "-id")
        facts += _facts_of_code(found)
        columns = [column for column in columns if column not in ("Code", "Campaign")]
    if term:
        players = list(Player.objects.filter(pk__in=players_found(term)).order_by("pk"))
        attempts = attempts.filter(player__in=players)
        facts += _facts_of_players(players)
        if len(players) == 1:
            columns.remove("Player")
            if raw:
                answer = tester.of_player(player=players[0], raw=raw)
    return {
        **answer,
        "facts": facts,
        "chapters": [sections.attempts_section(attempts, columns=columns)],
    }


def _facts_of_code(code: Code | None) -> list[tuple[str, object]]:
    """Return what is known of a code that was typed."""
    if code is None:
        return [("Code", "Unknown: it was mistyped, or is not ours.")]
    return [
        ("Code", object_link(code, f"#{code.pk} {code.label}")),
        ("Works", "no: it was revoked" if code.stopped_at else _for_whom(code)),
        ("Campaign", sections.campaign_link(code.campaign)),
        ("Campaign is", code.campaign.get_status_display()),
        ("Window", f"{minute(code.campaign.starts_at)} to {_end(code)}"),
    ]


def _end(code: Code) -> str:
    return minute(code.campaign.ends_at) if code.campaign.ends_at else "an open end"


def _for_whom(code: Code) -> str:
    return "once for each player" if code.is_shared else "once, for one player"


def _facts_of_players(players: list[Player]) -> list[tuple[str, object]]:
    """Return who was found, and who of them is kept from codes."""
    if not players:
        return [("Player", tester.NO_PLAYER)]
    found = format_html_join(", ", "{}", ((object_link(player),) for player in players))
    facts: list[tuple[str, object]] = [("Player" if len(players) == 1 else "Players", found)]
    now = timezone.now()
    blocks = Block.objects.filter(player__in=players, until__gt=now).select_related("player")
    barred = DenylistEntry.objects.filter(player__in=players).select_related("player")
    return [
        *facts,
        *(("Blocked", f"{block.player}, until {minute(block.until)}") for block in blocks),
        *(("On the deny list", f"{entry.player}: {entry.reason}") for entry in barred),
    ]


# --- Redemptions ----------------------------------------------------------------------------------


@admin.register(Redemption)
class RedemptionAdmin(ByPlayerOrCode):
    """Every use of a code, reserved or final, newest first."""

    list_display = ("when", "whose", "campaign_name", "code_name", "state", "result", "taken_off")
    list_filter = ("status",)
    list_select_related = ("player", "code", "campaign")
    time_field = "created_at"
    change_form_outer_after_template = "players/story.html"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("when", "changed"),
                    ("whose", "campaign_name"),
                    ("code_name", "taken_off"),
                    ("state", "result"),
                    ("attempt_number", "booked"),
                )
            },
        ),
    )

    @display(description="When")
    def when(self, redemption: Redemption) -> str:
        return age(redemption.created_at)

    @display(description="Last change")
    def changed(self, redemption: Redemption) -> str:
        return age(redemption.changed_at)

    @display(description="Player")
    def whose(self, redemption: Redemption) -> SafeString:
        return object_link(redemption.player)

    @display(description="Campaign")
    def campaign_name(self, redemption: Redemption) -> str | SafeString:
        return sections.campaign_link(redemption.campaign)

    @display(description="Code")
    def code_name(self, redemption: Redemption) -> str | SafeString:
        return sections.code_link(redemption.code)

    @display(description="Status")
    def state(self, redemption: Redemption) -> SafeString:
        return sections.status(redemption)

    @display(description="Result")
    def result(self, redemption: Redemption) -> SafeString:
        return sections.in_lines(sections.result(redemption))

    @display(description="Taken off")
    def taken_off(self, redemption: Redemption) -> str:
        return sections.stars(redemption.stars_off)

    @display(description="In the ledger")
    def booked(self, redemption: Redemption) -> str | SafeString:
        """Return a link to what it gave; a discount gives nothing by itself."""
        if redemption.campaign.is_discount:
            return "–"
        key = redemptions.grant_key(redemption)
        return link(key, "economy_ledgerentry_changelist", query=f"q={key}")

    def page_context(self, request: HttpRequest, obj: Redemption) -> dict[str, Any]:
        """Show the attempts that led to it or came back to it."""
        attempts = obj.attempts.order_by("-id")
        columns = ("When", "Outcome", "Why", "By")
        return {"chapters": [sections.attempts_section(attempts, columns=columns)]}


# --- Who is kept from codes -----------------------------------------------------------------------


class DenyForm(ReasonForm):
    """Whom, and why."""

    field_order = ("player", "reason")

    player = forms.CharField(
        max_length=64,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text="Telegram id, or the whole user name.",
    )

    def clean_player(self) -> Player:
        """Return the player whom the term names alone."""
        term = self.cleaned_data["player"].strip().removeprefix("@")
        by_id = term.isdecimal()
        players = (
            Player.objects.filter(telegram_id=int(term))
            if by_id
            else Player.objects.filter(username__istartswith=term, username__iexact=term)
        )
        found = list(players[:2])
        if len(found) != 1:
            raise forms.ValidationError(tester.no_single_player(found))
        return found[0]


class OnePerPlayer(OfPlayer[Any]):
    """Something that a player has at most one of."""

    @display(description="Player")
    def whose(self, row: Any) -> str:
        return str(row.player)

    @display(description="Player")
    def player_page(self, row: Any) -> SafeString:
        return object_link(row.player)


@admin.register(DenylistEntry)
class DenylistEntryAdmin(OnePerPlayer):
    """The deny list, newest first."""

    list_display = ("whose", "reason", "staff", "since")
    list_select_related = ("player", "staff")
    list_before_template = "promos/code_deny.html"
    ordering = ("-at",)
    fieldsets = ((None, {"fields": (("player_page", "since"), "reason", "by")}),)

    @display(description="Since")
    def since(self, entry: DenylistEntry) -> str:
        return age(entry.at)

    @display(description="By")
    def by(self, entry: DenylistEntry) -> str:
        return str(entry.staff or "–")

    def buttons(self, request: HttpRequest, obj: DenylistEntry) -> list[SafeString]:
        """Return the way off the list."""
        if not may_allow(request):
            return []
        return [button("Take off the list", "promos_denylistentry_allow", obj.player_id)]

    def get_urls(self) -> list[URLPattern]:
        """Add the decisions."""
        view = self.admin_site.admin_view
        return [
            path("deny/", view(self.deny_view), name="promos_denylistentry_deny"),
            path(
                "deny/<int:player_id>/",
                view(self.deny_view),
                name="promos_denylistentry_deny_player",
            ),
            path(
                "allow/<int:player_id>/", view(self.allow_view), name="promos_denylistentry_allow"
            ),
            *super().get_urls(),
        ]

    def deny_view(self, request: HttpRequest, player_id: int | None = None) -> HttpResponse:
        """Put a player on the list: the one whose page one comes from, or one that is typed."""
        if not may_deny(request):
            raise PermissionDenied
        known = get_object_or_404(Player, pk=player_id) if player_id is not None else None

        def preview(cleaned: dict[str, Any]) -> list[list[object]]:
            player = known or cleaned["player"]
            if DenylistEntry.objects.filter(player=player).exists():
                raise PromosError(f"{player} is on the deny list already")
            used = Redemption.objects.filter(player=player).exclude(status="EXPIRED").count()
            return [
                ["Player", sections.in_lines(_full_name(player)), ""],
                [
                    "New codes",
                    "work",
                    sections.in_lines("are refused as unknown codes"),
                ],
                ["Codes redeemed before", f"{used:,}", f"{used:,}, as they are"],
            ]

        def execute(cleaned: dict[str, Any]) -> str:
            player = known or cleaned["player"]
            denylist.deny(
                player=player,
                reason=cleaned["reason"],
                now=timezone.now(),
                staff=own_user(request),
            )
            return f"{player} is on the deny list."

        decision = Decision(
            title=f"Block {known or 'a player'} from promo codes",
            execute=execute,
            preview=preview,
            form=ReasonForm if known else DenyForm,
            refusals=(PromosError,),
            back=_page_of(known) if known else reverse("admin:promos_denylistentry_changelist"),
        )
        return decide(request, decision, model_admin=self)

    def allow_view(self, request: HttpRequest, player_id: int) -> HttpResponse:
        """Take a player off the list."""
        if not may_allow(request):
            raise PermissionDenied
        entry = get_object_or_404(DenylistEntry.objects.select_related("player"), player=player_id)

        def preview(cleaned: dict[str, Any]) -> list[list[object]]:
            return [["Promo codes", f"do not work: {entry.reason}", "work"]]

        def execute(cleaned: dict[str, Any]) -> str:
            denylist.allow(player=entry.player, reason=cleaned["reason"], staff=own_user(request))
            return f"{entry.player} is not on the deny list any more."

        decision = Decision(
            title=f"Unblock {entry.player} from promo codes",
            execute=execute,
            preview=preview,
            form=ReasonForm,
            refusals=(PromosError,),
            back=_page_of(entry.player),
        )
        return decide(request, decision, model_admin=self)


class InForceFilter(admin.SimpleListFilter):
    """Blocks that keep somebody out now."""

    title = "in force"
    parameter_name = "in_force"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        """Return the one question that support asks."""
        return [("yes", "in force now")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Block]) -> QuerySet[Block]:
        """Return the blocks that are not over."""
        return queryset.filter(until__gt=timezone.now()) if self.value() else queryset


@admin.register(Block)
class BlockAdmin(OnePerPlayer):
    """Players who have failed too often, those who are still blocked first."""

    list_display = ("whose", "state", "began", "ends")
    list_select_related = ("player",)
    list_filter = (InForceFilter,)
    ordering = ("-until",)
    fieldsets = ((None, {"fields": (("player_page", "state"), ("began", "ends"))}),)

    @display(description="State")
    def state(self, block: Block) -> SafeString:
        in_force = block.until > timezone.now()
        return badge("blocked", "danger") if in_force else badge("over", "success")

    @display(description="Since")
    def began(self, block: Block) -> str:
        return age(block.since)

    @display(description="Until")
    def ends(self, block: Block) -> str:
        return age(block.until)

    def buttons(self, request: HttpRequest, obj: Block) -> list[SafeString]:
        """Return the way out of a block that is in force."""
        if not may_lift(request) or obj.until <= timezone.now():
            return []
        return [button("Lift block", "promos_block_lift", obj.player_id)]

    def get_urls(self) -> list[URLPattern]:
        """Add the decision."""
        view = self.admin_site.admin_view
        return [
            path("lift/<int:player_id>/", view(self.lift_view), name="promos_block_lift"),
            *super().get_urls(),
        ]

    def lift_view(self, request: HttpRequest, player_id: int) -> HttpResponse:
        """Let a blocked player try again at once."""
        if not may_lift(request):
            raise PermissionDenied
        block = get_object_or_404(Block.objects.select_related("player"), player=player_id)

        def preview(cleaned: dict[str, Any]) -> list[list[object]]:
            return [["Can enter codes", f"from {minute(block.until)}", "at once"]]

        def execute(cleaned: dict[str, Any]) -> str:
            denylist.lift_block(
                player=block.player,
                reason=cleaned["reason"],
                now=timezone.now(),
                staff=own_user(request),
            )
            return f"{block.player} can enter codes again."

        decision = Decision(
            title=f"Lift the block of {block.player}",
            execute=execute,
            preview=preview,
            form=ReasonForm,
            refusals=(PromosError,),
            back=_page_of(block.player),
            note="What failed before the block does not count any more.",
        )
        return decide(request, decision, model_admin=self)


def may_deny(request: HttpRequest) -> bool:
    """Return whether the user may put players on the deny list."""
    return request.user.has_perm("promos.add_denylistentry")


def may_allow(request: HttpRequest) -> bool:
    """Return whether the user may take players off the deny list."""
    return request.user.has_perm("promos.delete_denylistentry")


def may_lift(request: HttpRequest) -> bool:
    """Return whether the user may lift blocks."""
    return request.user.has_perm("promos.change_block")


def _page_of(player: Player) -> str:
    return reverse("admin:players_player_change", args=[player.pk])


def _full_name(player: Player) -> str:
    """Return everything by which one recognises the player."""
    name = f"{player.first_name} {player.last_name}".strip()
    username = f"@{player.username}, " if player.username else ""
    return f"{name} ({username}{player.telegram_id})"


# --- The player's page ----------------------------------------------------------------------------


@fact_source
def bars_of_player(request: HttpRequest, player: Player) -> Iterable[Fact]:
    """Say by what the player is kept from promo codes, if that is so."""
    if not request.user.has_perm("promos.view_attempt"):
        return
    if DenylistEntry.objects.filter(player=player).exists():
        yield Fact(label="Promo codes", value=badge("on the deny list", "danger"))
    block = Block.objects.filter(player=player, until__gt=timezone.now()).first()
    if block is not None:
        value = badge(f"blocked until {minute(block.until)}", "danger")
        yield Fact(label="Promo codes", value=value)


@button_source
def promo_buttons(request: HttpRequest, player: Player) -> Iterable[SafeString]:
    """Offer to keep the player from promo codes, and to end that."""
    is_denied = DenylistEntry.objects.filter(player=player).exists()
    if is_denied and may_allow(request):
        yield button("Allow promo codes", "promos_denylistentry_allow", player.pk)
    if not is_denied and may_deny(request):
        yield button("Deny promo codes", "promos_denylistentry_deny_player", player.pk)
    is_blocked = Block.objects.filter(player=player, until__gt=timezone.now()).exists()
    if is_blocked and may_lift(request):
        yield button("Lift block", "promos_block_lift", player.pk)
