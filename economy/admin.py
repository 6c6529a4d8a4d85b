"""The economy at the desk: ledger, wallets and statements, ledger checks, sources and sinks."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget

from economy import controls, decisions, entitlements, player_questions, statements, wallets
from economy.charts import DaysForm, asset_charts
from economy.energy import FREE_CAP
from economy.errors import EconomyError
from economy.models import (
    ASSETS,
    ControlRun,
    EntryType,
    LedgerEntry,
    OutageDay,
    PremiumSpan,
    Streak,
    VerificationFinding,
    VerificationRun,
    Wallet,
)
from economy.outages import OutageDayAdmin
from economy.statements import ASSET_NAMES, mode_codes, moved, words
from economy.timeline import minute, timeline
from quizarena.players import timeline as timelines
from quizarena.players.admin import (
    Fact,
    TimelineSection,
    button_source,
    fact_source,
    matching_term,
)
from quizarena.players.models import Player
from quizarena.staff import dates
from quizarena.staff.decisions import Decision, decide
from quizarena.staff.desk import (
    MomentInput,
    ReadOnlyAdmin,
    Row,
    age,
    badge,
    button,
    exactly,
    format_json,
    link,
    object_link,
    span,
    with_code,
)

# A search by name looks at the entries of so many players at most.
NAMESAKES_MAX = 50
FINDINGS_SHOWN = 200
CHART_DAYS = 30

player_questions.declare()

# --- How things are shown -------------------------------------------------------------------------


def why(entry: LedgerEntry) -> str | SafeString:
    """Return the type of the entry, and what staff had to say about it."""
    label = entry.get_type_display()
    if not entry.reason:
        return label
    return format_html("{}<br><small>{}: {}</small>", label, entry.staff, entry.reason)


def statement_table(entries: Iterable[LedgerEntry]) -> dict[str, Any]:
    """Return the entries, with the balances after each, as Unfold's table takes them."""
    return {
        "headers": ["When", "Why", "Moved", *ASSET_NAMES.values()],
        "rows": [
            [
                link(exactly(entry.created_at), "economy_ledgerentry_change", entry.pk),
                why(entry),
                with_code(moved(entry), mode_codes(entry)),
                *(f"{getattr(entry, f'{asset}_after'):,}" for asset in ASSETS),
            ]
            for entry in entries
        ],
    }


def players_found(term: str) -> list[int]:
    """Return the ids of the players whom the term names."""
    return list(
        matching_term(Player.objects.all(), term).values_list("pk", flat=True)[:NAMESAKES_MAX]
    )


class OfPlayer(ReadOnlyAdmin[Row]):
    """Something that belongs to a player, and is found by the player."""

    search_fields = ("player__username",)
    search_help_text = "Telegram id, @ and beginning of a user name, or name"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Row], search_term: str
    ) -> tuple[QuerySet[Row], bool]:
        """Find what belongs to the players whom the term names."""
        if term := search_term.strip():
            queryset = queryset.filter(player__in=players_found(term))
        return queryset, False


# --- The ledger -----------------------------------------------------------------------------------


class ShortfallFilter(admin.SimpleListFilter):
    """What could not be reversed, because it was spent."""

    title = "shortfall"
    parameter_name = "shortfall"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        """Return the one question that finance asks."""
        return [("yes", "could not be reversed in full")]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[LedgerEntry]
    ) -> QuerySet[LedgerEntry]:
        """Return the entries that fall short."""
        return queryset.filter(shortfall__isnull=False) if self.value() else queryset


@admin.register(LedgerEntry)
class LedgerEntryAdmin(ReadOnlyAdmin[LedgerEntry]):
    """Everything that ever moved, newest first; nobody changes it."""

    list_display = ("when", "whose", "type", "movement", "source", "idempotency_key")
    list_filter = ("type", ShortfallFilter)
    list_select_related = ("player", "staff")
    search_fields = ("idempotency_key",)
    search_help_text = "Telegram id, or beginning of a user name or of an idempotency key"
    ordering = ("-id",)
    change_form_outer_before_template = "economy/buttons.html"
    fieldsets = (
        (None, {"fields": (("when", "whose"), ("type", "source"), ("movement", "about"))}),
        (
            "Balances after this entry",
            {
                "fields": (
                    ("free_energy_after", "paid_energy_after"),
                    ("streak_savers_after", "duel_tickets_after"),
                )
            },
        ),
        ("Staff", {"fields": (("staff", "reason"),)}),
        (
            "Origin",
            {
                "fields": (
                    ("reversed_entry", "reversing_entry"),
                    ("missing", "energy_counted_until"),
                    "idempotency_key",
                    "asked",
                    "remembered",
                )
            },
        ),
    )

    class Media:
        css = {"all": ["economy/economy.css"]}

    @display(description="When")
    def when(self, entry: LedgerEntry) -> str:
        return age(entry.created_at)

    @display(description="Player")
    def whose(self, entry: LedgerEntry) -> SafeString:
        return link(entry.player, "economy_wallet_change", entry.player_id)

    @display(description="Moved")
    def movement(self, entry: LedgerEntry) -> str:
        return with_code(moved(entry), mode_codes(entry))

    @display(description="About")
    def about(self, entry: LedgerEntry) -> str:
        return f"{entry.get_direction_display()} of {entry.amount:,} {entry.get_asset_display()}"

    @display(description="Reverses")
    def reversed_entry(self, entry: LedgerEntry) -> str:
        """Return a link to the entry that this one reverses."""
        return object_link(entry.reverses) if entry.reverses else "–"

    @display(description="Reversed by")
    def reversing_entry(self, entry: LedgerEntry) -> str:
        """Return a link to the entry that reverses this one."""
        reversal = LedgerEntry.objects.filter(reverses=entry).first()
        return object_link(reversal) if reversal else "–"

    @display(description="Could not be reversed (already spent)")
    def missing(self, entry: LedgerEntry) -> str:
        shortfall = entry.shortfall or {}
        return ", ".join(f"{words(name)}: {units:,}" for name, units in shortfall.items()) or "–"

    @display(description="Fingerprint of the request")
    def asked(self, entry: LedgerEntry) -> SafeString:
        return format_html('<span class="economy-breaks">{}</span>', entry.fingerprint)

    @display(description="Metadata")
    def remembered(self, entry: LedgerEntry) -> SafeString:
        return format_json(entry.metadata)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[LedgerEntry], search_term: str
    ) -> tuple[QuerySet[LedgerEntry], bool]:
        """Find the entries of players, or those whose key begins so (both indexed).

        The key of a question is not searched: a player's statement has it.
        """
        term = search_term.strip()
        if not term:
            return queryset, False
        if player_ids := players_found(term):
            return queryset.filter(player__in=player_ids), False
        keys = queryset.exclude(type=EntryType.QUESTION)
        return keys.filter(idempotency_key__startswith=term), False

    def get_urls(self) -> list[URLPattern]:
        """Add the pages of what staff decide, and of the days."""
        view = self.admin_site.admin_view
        return [
            path("days/", view(self.days_view), name="economy_ledgerentry_days"),
            path(
                "<int:entry_id>/revoke/", view(self.revoke_view), name="economy_ledgerentry_revoke"
            ),
            *super().get_urls(),
        ]

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may grant Premium, and so revoke it."""
        return request.user.has_perm("economy.grant_premium")

    def page_context(self, request: HttpRequest, obj: LedgerEntry) -> dict[str, Any]:
        """Offer to revoke a grant by staff that is not revoked yet."""
        if (
            obj.type != EntryType.STAFF_GRANT
            or not self.has_revoke_permission(request)
            or LedgerEntry.objects.filter(reverses=obj).exists()
        ):
            return {}
        return {"buttons": [button("Revoke", "economy_ledgerentry_revoke", obj.pk)]}

    def revoke_view(self, request: HttpRequest, entry_id: int) -> HttpResponse:
        """Revoke a grant by staff."""
        if not self.has_revoke_permission(request):
            raise PermissionDenied
        entry = get_object_or_404(LedgerEntry, pk=entry_id, type=EntryType.STAFF_GRANT)
        decision = decisions.revocation(entry, request=request)
        return decide(request, decision, model_admin=self)

    def days_view(self, request: HttpRequest) -> HttpResponse:
        """Show what came into being and what was spent, day by day."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        today = timezone.localdate()
        form = DaysForm(
            request.GET or {"first_day": today - timedelta(days=CHART_DAYS - 1), "last_day": today}
        )
        context = {
            **self.admin_site.each_context(request),
            "title": "By day",
            "opts": self.opts,
            "media": self.media,
            "form": form,
            "supply": [
                (ASSET_NAMES[asset].capitalize(), f"{units:,}")
                for asset, units in statements.supply().items()
            ],
        }
        if form.is_valid():
            first_day, last_day = form.cleaned_data["first_day"], form.cleaned_data["last_day"]
            try:
                flows = statements.sources_and_sinks(first_day=first_day, last_day=last_day)
            except EconomyError as error:
                form.add_error(None, str(error))
            else:
                by_day = statements.supply_by_day(
                    first_day=first_day, last_day=last_day, flows=flows
                )
                context["assets"] = [asset_charts(asset, flows, by_day) for asset in ASSETS]
        return TemplateResponse(request, "economy/days.html", context)


# --- Wallets --------------------------------------------------------------------------------------


class StatementForm(forms.Form):
    """Which entries of a statement are shown."""

    type = forms.ChoiceField(
        label="Why",
        required=False,
        choices=[("", "Everything"), *((one.value, one.label.capitalize()) for one in EntryType)],
        widget=UnfoldAdminSelectWidget,
    )
    as_of = forms.DateTimeField(
        label="As of",
        required=False,
        widget=MomentInput(to_the_second=True),
    )
    after = forms.IntegerField(required=False, widget=forms.HiddenInput)


@admin.register(Wallet)
class WalletAdmin(OfPlayer[Wallet]):
    """What a player owns; the page of one wallet is the player's statement."""

    list_display = ("whose", "free", "paid", "savers", "tickets", "changed")
    list_select_related = ("player",)
    ordering = ("-player",)
    change_form_outer_before_template = "economy/buttons.html"
    change_form_outer_after_template = "economy/statement.html"
    fieldsets = (
        (
            "Now",
            {"fields": (("whose", "premium"), ("free", "paid"), ("savers", "tickets"), "changed")},
        ),
    )

    class Media:
        css = {"all": ["economy/economy.css"]}

    @display(description="Player")
    def whose(self, wallet: Wallet) -> SafeString:
        """Return a link to the player, or in the list to the wallet."""
        return object_link(wallet.player)

    @display(description="Free energy")
    def free(self, wallet: Wallet) -> str:
        """Return the free energy as it has regenerated by now."""
        return f"{wallets.energy_of(wallet, now=timezone.now()).free} of {FREE_CAP}"

    @display(description="Paid energy")
    def paid(self, wallet: Wallet) -> str:
        return f"{wallet.paid_energy:,}"

    @display(description="Streak savers")
    def savers(self, wallet: Wallet) -> str:
        return f"{wallet.streak_savers:,}"

    @display(description="Duel tickets")
    def tickets(self, wallet: Wallet) -> str:
        return f"{wallet.duel_tickets:,}"

    @display(description="Premium")
    def premium(self, wallet: Wallet) -> str:
        """Return the plan and until when, if there is one."""
        return premium_of(wallet.player, now=timezone.now())

    @display(description="Last entry")
    def changed(self, wallet: Wallet) -> str:
        return age(wallet.changed_at)

    def get_urls(self) -> list[URLPattern]:
        """Add the pages of what staff decide about a player."""
        view = self.admin_site.admin_view
        return [
            path("<int:player_id>/adjust/", view(self.adjust_view), name="economy_wallet_adjust"),
            path(
                "<int:player_id>/premium/", view(self.premium_view), name="economy_wallet_premium"
            ),
            *super().get_urls(),
        ]

    def page_context(self, request: HttpRequest, obj: Wallet) -> dict[str, Any]:
        """Return the statement below the balances."""
        return {
            "buttons": player_buttons(request, obj.player),
            **_statement_context(request, obj.player),
        }

    def adjust_view(self, request: HttpRequest, player_id: int) -> HttpResponse:
        """Give a player something, or take it."""
        return self._decide(
            request, player_id, permission="economy.adjust_wallet", decision=decisions.adjustment
        )

    def premium_view(self, request: HttpRequest, player_id: int) -> HttpResponse:
        """Grant a player Premium."""
        return self._decide(
            request, player_id, permission="economy.grant_premium", decision=decisions.premium
        )

    def _decide(
        self,
        request: HttpRequest,
        player_id: int,
        *,
        permission: str,
        decision: Callable[..., Decision],
    ) -> HttpResponse:
        if not request.user.has_perm(permission):
            raise PermissionDenied
        player = get_object_or_404(Player, pk=player_id)
        return decide(request, decision(player, request=request), model_admin=self)


def premium_of(player: Player, *, now: datetime) -> str:
    """Return the plan and the end of Premium, if there is one."""
    plan = entitlements.premium_at(player=player, at=now)
    if plan is None:
        return "–"
    return f"{plan.title()}, until {minute(entitlements.premium_until(player=player, now=now))}"


def player_buttons(request: HttpRequest, player: Player) -> list[SafeString]:
    """Return what the user may ask and decide about the player."""
    buttons = [
        ("economy.adjust_wallet", "Adjust", "economy_wallet_adjust"),
        ("economy.grant_premium", "Grant Premium", "economy_wallet_premium"),
    ]
    return [
        button(label, name, player.pk)
        for permission, label, name in buttons
        if request.user.has_perm(permission)
    ]


def _statement_context(request: HttpRequest, player: Player) -> dict[str, Any]:
    """Return the page of the statement that is asked for, with all that stands around it."""
    form = StatementForm(request.GET)
    asked = form.cleaned_data if form.is_valid() else {}
    as_of: datetime | None = asked.get("as_of")
    page = statements.statement(
        player=player,
        after=player.entries.filter(pk=asked.get("after") or 0).first(),
        type=EntryType(asked["type"]) if asked.get("type") else None,
        until=as_of,
    )
    older = request.GET.copy()
    if page.older:
        older["after"] = str(page.older.pk)
    newest = request.GET.copy()
    newest.pop("after", None)
    return {
        "statement_form": form,
        "statement": statement_table(page.entries),
        "older": f"?{older.urlencode()}" if page.older else None,
        "newest": f"?{newest.urlencode()}" if asked.get("after") else None,
        "as_of": as_of,
        "balances_then": _balances_then(player, as_of) if as_of else None,
        "timeline": timeline(player, at=as_of or timezone.now()),
    }


def _balances_then(player: Player, instant: datetime) -> list[tuple[str, str]]:
    """Return what the player owned at `instant`."""
    balances = statements.balances_at(player=player, instant=instant)
    plan = entitlements.premium_at(player=player, at=instant)
    energy = balances.energy if balances else None
    return [
        ("Free energy", f"{energy.free if energy else 0} of {FREE_CAP}"),
        ("Paid energy", f"{energy.paid if energy else 0:,}"),
        ("Streak savers", f"{balances.streak_savers if balances else 0:,}"),
        ("Duel tickets", f"{balances.duel_tickets if balances else 0:,}"),
        ("Premium", plan.title() if plan else "–"),
    ]


# --- Outages --------------------------------------------------------------------------------------

admin.site.register(OutageDay, OutageDayAdmin)


# --- Ledger checks --------------------------------------------------------------------------------


@admin.register(VerificationRun)
class VerificationRunAdmin(ReadOnlyAdmin[VerificationRun]):
    """The verifications of the ledger, and what they have found."""

    list_display = ("when", "outcome", "scope", "took")
    ordering = ("-id",)
    fields = ("when", "outcome", "scope", "took")
    change_form_outer_after_template = "players/story.html"

    @display(description="When")
    def when(self, run: VerificationRun) -> str:
        return age(run.started_at)

    @display(description="Outcome")
    def outcome(self, run: VerificationRun) -> SafeString:
        noun = "difference" if run.differences == 1 else "differences"
        wrong = f"{run.differences:,} {noun}" if run.differences else ""
        return _outcome(wrong=wrong, is_finished=run.seconds is not None, right="verified")

    @display(description="Checked")
    def scope(self, run: VerificationRun) -> str:
        return f"{run.wallets:,} wallets, {run.entries:,} entries"

    @display(description="Took")
    def took(self, run: VerificationRun) -> str:
        return "–" if run.seconds is None else span(timedelta(seconds=run.seconds))

    def page_context(self, request: HttpRequest, obj: VerificationRun) -> dict[str, Any]:
        """Return the findings, row by row."""
        return {"chapters": [_findings(obj)]} if obj.differences else {}


def _outcome(*, wrong: str, is_finished: bool, right: str) -> SafeString:
    if wrong:
        return badge(wrong, "danger")
    return badge(right, "success") if is_finished else badge("not finished", "warning")


def _findings(run: VerificationRun) -> TimelineSection:
    """Return the first findings of a verification."""
    findings = run.findings.select_related("player").order_by("pk")[:FINDINGS_SHOWN]
    hidden = run.differences - len(findings)
    return TimelineSection(
        title=f"Findings, the first {FINDINGS_SHOWN}" if hidden else "Findings",
        headers=["Player", "Asset", "In the wallet", "Sum of the entries", "First wrong entry"],
        rows=[
            [
                object_link(finding.player),
                finding.get_asset_display(),
                _units(finding.in_wallet, missing="no wallet"),
                _units(finding.by_entries, missing="no entries"),
                _first_wrong_entry(finding),
            ]
            for finding in findings
        ],
    )


class ControlFilter(admin.SimpleListFilter):
    """Which control."""

    title = "control"
    parameter_name = "control"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        """Return the controls that there are."""
        return [(code, control.label) for code, control in controls.CONTROLS.items()]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[ControlRun]
    ) -> QuerySet[ControlRun]:
        """Return the runs of one control."""
        return queryset.filter(control=self.value()) if self.value() else queryset


@admin.register(ControlRun)
class ControlRunAdmin(ReadOnlyAdmin[ControlRun]):
    """How each run of a control has ended, the latest first."""

    list_display = ("which", "when", "outcome", "examined", "times", "details")
    list_filter = (ControlFilter,)
    list_select_related = ("reconciliation", "ledger_verification")
    ordering = ("-id",)
    fields = ("which", "when", "outcome", "examined", "times", "details")
    change_form_outer_after_template = "players/story.html"

    @display(description="Control")
    def which(self, run: ControlRun) -> str:
        control = controls.CONTROLS.get(run.control)
        return control.label if control else run.control

    @display(description="Latest run")
    def when(self, run: ControlRun) -> str:
        """Return how long ago the latest of its runs began."""
        return age(run.last_at)

    @display(description="Outcome")
    def outcome(self, run: ControlRun) -> SafeString:
        wrong = f"{run.findings:,} finding(s)" if run.findings else ""
        if run.error:
            wrong = f"ended with {run.error}"
        return _outcome(wrong=wrong, is_finished=run.finished_at is not None, right="clean")

    @display(description="Checked")
    def examined(self, run: ControlRun) -> str:
        return f"{run.checked:,}"

    @display(description="Runs")
    def times(self, run: ControlRun) -> str:
        return f"{run.runs:,}"

    @display(description="Details")
    def details(self, run: ControlRun) -> SafeString | str:
        """Return a link to the row in which the control itself keeps its results."""
        for name in ("reconciliation", "ledger_verification"):
            if (result := getattr(run, name, None)) is not None:
                return object_link(result)
        return "–"

    def page_context(self, request: HttpRequest, obj: ControlRun) -> dict[str, Any]:
        """Return the findings, row by row."""
        findings = obj.found.order_by("pk")[:FINDINGS_SHOWN]
        if not findings:
            return {}
        rows = [[finding.summary, format_json(finding.details)] for finding in findings]
        return {
            "chapters": [TimelineSection(title="Found", headers=["What", "Details"], rows=rows)]
        }


def _units(units: int | None, *, missing: str) -> str:
    return missing if units is None else f"{units:,}"


def _first_wrong_entry(finding: VerificationFinding) -> str | SafeString:
    """Return a link to the first entry whose balance is not the sum up to it."""
    if finding.entry_id is None:
        return "–"
    return link(f"entry {finding.entry_id}", "economy_ledgerentry_change", finding.entry_id)


# --- The player's page ----------------------------------------------------------------------------


@fact_source
def holdings_of_player(request: HttpRequest, player: Player) -> Iterable[Fact]:
    """Say what the player owns now and how long the streak is, for who may see wallets."""
    if not request.user.has_perm("economy.view_wallet"):
        return
    now = timezone.now()
    wallet = Wallet.objects.filter(player=player).first()
    energy = wallets.energy_of(wallet, now=now) if wallet else None
    yield Fact(label="Premium", value=_premium_with_origin(player, now=now))
    yield Fact(
        label="Energy",
        value=f"{energy.free if energy else FREE_CAP} of {FREE_CAP} free, "
        f"{wallet.paid_energy if wallet else 0:,} paid",
    )
    if wallet and (wallet.streak_savers or wallet.duel_tickets):
        owned = f"{wallet.streak_savers:,} streak savers, {wallet.duel_tickets:,} duel tickets"
        yield Fact(label="Also owns", value=owned)
    streak = Streak.objects.filter(player=player).first()
    if streak is not None:
        counted = f"{streak.current:,} {'day' if streak.current == 1 else 'days'}"
        last = f"last active {dates.day(streak.last_active_day)}"
        yield Fact(label="Streak", value=f"{counted}, {last}, best {streak.best:,}")


def _premium_with_origin(player: Player, *, now: datetime) -> str | SafeString:
    """Return the plan, its end and the entry of the ledger that it comes from, if there is one."""
    spans = PremiumSpan.objects.live(now).filter(player=player).select_related("entry")
    span, shown = spans.first(), premium_of(player, now=now)
    if span is None:
        return shown
    origin = object_link(span.entry, span.entry.get_type_display())
    return format_html("{}, from: {}", shown, origin)


button_source(player_buttons)


def _entry_line(entry: LedgerEntry, player: Player) -> timelines.Line:
    return timelines.Line(
        what=link(moved(entry), "economy_ledgerentry_change", entry.pk),
        detail=why(entry),
    )


def _entries(player: Player) -> QuerySet[LedgerEntry]:
    return LedgerEntry.objects.filter(player=player).select_related("staff")


def _premium_line(span: PremiumSpan, player: Player) -> timelines.Line:
    status = span.status(timezone.now()).label
    what = f"Premium {span.plan.title()}: {minute(span.starts_at)} – {minute(span.until)}"
    return timelines.Line(
        what=link(what, "economy_ledgerentry_change", span.entry_id), detail=status
    )


timelines.declare(
    timelines.Kind(
        code="ledger",
        label="Ledger",
        permission="economy.view_ledgerentry",
        streams=(
            timelines.Stream(
                name="entry",
                rows=lambda player: _entries(player).exclude(type=EntryType.QUESTION),
                order=("created_at", "id"),
                at=lambda entry: entry.created_at,
                line=_entry_line,
            ),
        ),
    )
)
timelines.declare(
    timelines.Kind(
        code="questions",
        label="Energy for questions",
        permission="economy.view_ledgerentry",
        is_frequent=True,
        streams=(
            timelines.Stream(
                name="question",
                rows=lambda player: _entries(player).filter(type=EntryType.QUESTION),
                order=("created_at", "id"),
                at=lambda entry: entry.created_at,
                line=_entry_line,
            ),
        ),
    )
)
timelines.declare(
    timelines.Kind(
        code="premium",
        label="Premium",
        permission="economy.view_wallet",
        streams=(
            timelines.Stream(
                name="premium",
                # By the end, which has the index; spans are laid behind each other.
                rows=lambda player: PremiumSpan.objects.filter(player=player),
                order=("ends_at", "id"),
                at=lambda span: span.laid_at,
                line=_premium_line,
            ),
        ),
    )
)
