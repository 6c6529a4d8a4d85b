"""Players, as support sees them: one page with the whole story."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldBooleanWidget

from quizarena.players import names, notes, screens, services, staff_timeline, timeline, why
from quizarena.players.errors import NoteError, SuspensionError
from quizarena.players.models import (
    MESSAGE_MAX_LENGTH,
    NOTE_MAX_LENGTH,
    Language,
    NoteVersion,
    Player,
)
from quizarena.staff import reasons, search
from quizarena.staff.decisions import Decision, DecisionForm, ReasonForm, decide
from quizarena.staff.desk import ReadOnlyAdmin, age, badge, button, own_user, row_number
from quizarena.staff.errors import BadReasonError

# A search by name finds so many players at most, whatever the name.
NAMESAKES_MAX = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineSection:
    """A table on the player's page."""

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[object]]
    # A link to all of it; the table shows the latest.
    more: SafeString | None = None
    # Of use to who looks for a mistake of ours.
    is_technical: bool = False

    @property
    def table(self) -> dict[str, Sequence[object]]:
        """Return what Unfold's table component takes."""
        return {"headers": self.headers, "rows": self.rows}


TimelineSource = Callable[[HttpRequest, Player], TimelineSection | None]
_timeline_sources: list[TimelineSource] = []


def timeline_source(source: TimelineSource) -> TimelineSource:
    """Let `source` add a section to every player's page, or None for who may not read it.

    The apps above know what a player did, and players cannot know these apps: their admin modules
    decorate a function with this. Sections come in the order of INSTALLED_APPS.
    """
    _timeline_sources.append(source)
    return source


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Something that the summary on top of a player's page says."""

    label: str
    value: str | SafeString


FactSource = Callable[[HttpRequest, Player], Iterable[Fact]]
ButtonSource = Callable[[HttpRequest, Player], Iterable[SafeString]]
_fact_sources: list[FactSource] = []
_button_sources: list[ButtonSource] = []


def fact_source(source: FactSource) -> FactSource:
    """Let `source` add what the user may read to the summary of every player's page."""
    _fact_sources.append(source)
    return source


def button_source(source: ButtonSource) -> ButtonSource:
    """Let `source` offer what the user may decide about a player."""
    _button_sources.append(source)
    return source


def matching_term(players: QuerySet[Player], term: str) -> QuerySet[Player]:
    """Return of `players` those whom the term names, in either case; all for an empty term.

    A number is a Telegram id, what begins with an @ is the beginning of a user name. Anything else
    can also be parts of first and last name, and names at most NAMESAKES_MAX. All are indexed.
    """
    term = term.strip()
    username = term.removeprefix("@")
    if "\0" in term:  # PostgreSQL takes no text with one.
        return players.none()
    if username.isdecimal():
        return players.filter(telegram_id=row_number(username) or 0)
    if username != term:
        return players.filter(username__istartswith=username)
    return players.filter(pk__in=_ids_named(term)) if term else players


def _ids_named(term: str) -> list[int]:
    """Return whom the term names; whoever is called so at Telegram has room behind user names."""
    known = Player.objects.filter(username__istartswith=term).values_list("pk", flat=True)
    ids = list(known[:NAMESAKES_MAX])
    if len(ids) < NAMESAKES_MAX:
        ids += Player.objects.named(term).values_list("pk", flat=True)[: NAMESAKES_MAX - len(ids)]
    return ids


def _find_players(term: str) -> Iterable[search.Found]:
    for player in matching_term(Player.objects.all(), term).order_by("-pk")[: search.FOUND_MAX]:
        name = f"{player.first_name} {player.last_name}".strip()
        yield search.Found(
            title=f"{name} (@{player.username})" if player.username else name,
            detail=str(player.telegram_id),
            page="players_player_change",
            pk=player.pk,
        )


search.declare(
    search.SearchSource(
        title="Players", symbol="group", permission="players.view_player", find=_find_players
    )
)


class NoteForm(forms.Form):
    """What staff should know about a player."""

    text = forms.CharField(
        label="Note",
        max_length=NOTE_MAX_LENGTH,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
    )
    is_pinned = forms.BooleanField(
        label="Pin it to the top of the player's page",
        required=False,
        widget=UnfoldBooleanWidget,
    )


class EditNoteForm(NoteForm):
    """The next version of a note, after the one that was shown."""

    shown = forms.IntegerField(widget=forms.HiddenInput)


class MessageForm(DecisionForm):
    """What the bot sends to a player, and why."""

    field_order = ("text", "reason")

    text = forms.CharField(
        label="Message",
        max_length=MESSAGE_MAX_LENGTH,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 6}),
        help_text="The bot sends this text to the player unchanged.",
    )


class StandingFilter(admin.SimpleListFilter):
    """Who is kept from playing, and by whom."""

    title = "status"
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        """Return the two ways out of the game."""
        return [("suspended", "suspended by staff"), ("blocked", "has blocked the bot")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Player]) -> QuerySet[Player]:
        """Return the players who stand so."""
        if self.value() == "suspended":
            return queryset.filter(suspended_at__isnull=False)
        if self.value() == "blocked":
            return queryset.filter(bot_blocked_at__isnull=False, deleted_at=None)
        return queryset


staff_timeline.declare()


@fact_source
def facts_of_player(request: HttpRequest, player: Player) -> Iterable[Fact]:
    """Say whether the player can play, in which language, and when the player was last here."""
    yield Fact(label="Status", value=standing_of(player))
    yield Fact(label="Language", value=Language(player.language).staff_name)
    yield Fact(label="Last seen", value=age(player.last_seen_at))


def standing_of(player: Player) -> SafeString:
    """Return whether the player can play, and who prevents it."""
    if player.deleted_at is not None:
        return badge("deleted", "info")
    if player.suspended_at is not None:
        return badge("suspended", "danger")
    if player.bot_blocked_at is not None:
        return badge("has blocked the bot", "warning")
    return badge("active", "success")


@admin.register(Player)
class PlayerAdmin(ReadOnlyAdmin[Player]):
    """Find a player by Telegram id or user name, see the story, suspend and unsuspend."""

    list_display = ("name", "telegram", "spoken", "standing", "seen", "joined")
    list_filter = ("language", StandingFilter)
    search_fields = ("telegram_id", "username", "first_name", "last_name")
    search_help_text = (
        f"Telegram id, @ and beginning of a user name, or name (at most {NAMESAKES_MAX} of a name)"
    )
    ordering = ("-id",)
    change_form_outer_before_template = "players/summary.html"
    change_form_outer_after_template = "players/timeline.html"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("first_name", "last_name"),
                    ("username", "telegram"),
                    ("spoken", "standing"),
                    ("shown_as", "is_hidden"),
                    ("seen", "joined"),
                    ("suspended_at", "bot_blocked_at"),
                )
            },
        ),
    )

    def get_form(
        self, request: HttpRequest, obj: Player | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """Explain since when the player cannot play."""
        kwargs["help_texts"] = {"suspended_at": "Since when staff have suspended the player."}
        return super().get_form(request, obj, change, **kwargs)

    @display(description="Player", header=True)
    def name(self, player: Player) -> list[str]:
        initials = f"{player.first_name[:1]}{player.last_name[:1]}"
        username = f"@{player.username}" if player.username else ""
        return [f"{player.first_name} {player.last_name}".strip(), username, initials]

    @display(description="Language")
    def spoken(self, player: Player) -> str:
        """Return the player's language as staff call it."""
        return Language(player.language).staff_name

    @display(description="Telegram id")
    def telegram(self, player: Player) -> str:
        """Return the Telegram id as one copies it, without thousands separators."""
        return str(player.telegram_id)

    @display(description="Shown as")
    def shown_as(self, player: Player) -> str:
        """Return the name that others see, or would if the player did not hide."""
        return names.public_name(player, viewer=player)

    @display(description="Status")
    def standing(self, player: Player) -> SafeString:
        """Return whether the player can play, and who prevents it."""
        return standing_of(player)

    @display(description="Last seen")
    def seen(self, player: Player) -> str:
        return age(player.last_seen_at)

    @display(description="Joined")
    def joined(self, player: Player) -> str:
        return age(player.created_at)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Player], search_term: str
    ) -> tuple[QuerySet[Player], bool]:
        """Find the players whom the term names."""
        return matching_term(queryset, search_term), False

    def page_context(self, request: HttpRequest, obj: Player) -> dict[str, Any]:
        """Return the summary, a page of the timeline, and every section that this user may read."""
        sections = list(filter(None, (source(request, obj) for source in _timeline_sources)))
        asked = request.GET
        shown = timeline.page(
            player=obj,
            user=own_user(request),
            only=asked.get("kind", ""),
            before=asked.get("before", ""),
        )
        is_read = request.user.has_perm("players.view_note")
        return {
            "facts": [fact for source in _fact_sources for fact in source(request, obj)],
            "notes": notes.of_player(obj) if is_read else [],
            "may_edit_notes": request.user.has_perm("players.change_note"),
            "kinds": timeline.kinds(user=own_user(request)),
            "kind": asked.get("kind", ""),
            "events": shown.events,
            "older": shown.older and _address_of(kind=asked.get("kind", ""), older=shown.older),
            "newest": _address_of(kind=asked.get("kind", "")),
            "is_first_page": "before" not in asked,
            "sections": [one for one in sections if one.rows and not one.is_technical],
            # Without rows, but maybe with something to decide.
            "empty_sections": [one for one in sections if not one.rows],
            "technical_sections": [one for one in sections if one.rows and one.is_technical],
        }

    def buttons(self, request: HttpRequest, obj: Player) -> list[SafeString]:
        """Return what the user may decide about the player; not what needs one who is there."""
        may = request.user.has_perm
        suspension = "suspend" if obj.suspended_at is None else "unsuspend"
        own = [
            ("players.view_player", "Why?", "why"),
            ("players.view_player", "See what the player sees", "screens"),
            ("players.add_note", "Add a note", "note_add"),
            ("players.write_staffmessage", "Write to the player", "write"),
            ("players.reset_name_player", "Reset the name", "reset_name"),
            ("players.suspend_player", suspension.capitalize(), suspension),
        ]
        return [
            *(
                button(label, f"players_player_{name}", obj.pk)
                for permission, label, name in own
                if may(permission) and obj.deleted_at is None
            ),
            *(one for source in _button_sources for one in source(request, obj)),
        ]

    def get_urls(self) -> list[URLPattern]:
        """Add the pages of what staff decide about a player."""
        wrap, name = self.admin_site.admin_view, "players_player"
        return [
            path("<int:pk>/why/", wrap(self.why_view), name=f"{name}_why"),
            path("<int:pk>/screens/", wrap(self.screens_view), name=f"{name}_screens"),
            path("<int:pk>/reset-name/", wrap(self.reset_name_view), name=f"{name}_reset_name"),
            path("<int:pk>/suspend/", wrap(self.suspend_view), name=f"{name}_suspend"),
            path("<int:pk>/unsuspend/", wrap(self.unsuspend_view), name=f"{name}_unsuspend"),
            path("<int:pk>/write/", wrap(self.write_view), name=f"{name}_write"),
            path("<int:pk>/notes/add/", wrap(self.add_note_view), name=f"{name}_note_add"),
            path(
                "<int:pk>/notes/<int:note_id>/",
                wrap(self.note_view),
                name=f"{name}_note",
            ),
            *super().get_urls(),
        ]

    def why_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Answer why something is as it is with the player."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return why.page(request, pk, model_admin=self)

    def screens_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show what the bot would send to the player now."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return screens.page(request, pk, model_admin=self)

    def reset_name_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask for the reason, show by which name others see the player then, and reset it."""
        if not self.has_reset_name_permission(request):
            raise PermissionDenied
        player = get_object_or_404(Player, pk=pk, deleted_at=None)

        def preview(cleaned: dict[str, Any]) -> list[tuple[str, str, str]]:
            found = names.preview_reset(player)
            return [("Shown as", found.before, found.after)]

        def execute(cleaned: dict[str, Any]) -> str:
            names.reset(player_id=pk, staff=own_user(request), reason=cleaned["reason"])
            return "The name is reset."

        decision = Decision(
            title=f"{player}: reset the name",
            form=ReasonForm,
            preview=preview,
            execute=execute,
            refusals=(BadReasonError,),
            back=reverse("admin:players_player_change", args=[pk]),
            note="The player can choose another name, but not this one again.",
        )
        return decide(request, decision, model_admin=self)

    def has_reset_name_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may take improper names away."""
        return request.user.has_perm("players.reset_name_player")

    # --- Suspension -------------------------------------------------------------------------------

    def suspend_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask why, show what it means, and keep the player from playing."""
        return self._decide_suspension(
            request,
            pk,
            verb="suspended",
            service=lambda: services.suspend(player_id=pk, now=timezone.now()),
            refusal="the player is suspended already",
            rows=[
                ("Game", "can play", "cannot play, and is notified at the next message"),
                ("Premium and Stars", "stay", "stay; Premium runs on"),
                ("Answers about payments", "by /paysupport", "by /paysupport"),
            ],
        )

    def unsuspend_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask why, show what it means, and let the player in again."""
        return self._decide_suspension(
            request,
            pk,
            verb="unsuspended",
            service=lambda: services.unsuspend(player_id=pk),
            refusal="the player is not suspended",
            rows=[("Game", "cannot play", "can play at once")],
        )

    def _decide_suspension(
        self,
        request: HttpRequest,
        pk: int,
        *,
        verb: str,
        service: Callable[[], bool],
        refusal: str,
        rows: Sequence[tuple[str, str, str]],
    ) -> HttpResponse:
        if not request.user.has_perm("players.suspend_player"):
            raise PermissionDenied
        player = get_object_or_404(Player, pk=pk, deleted_at=None)

        def preview(cleaned: dict[str, Any]) -> Sequence[tuple[str, str, str]]:
            if (player.suspended_at is not None) == (verb == "suspended"):
                raise SuspensionError(refusal)
            return rows

        def execute(cleaned: dict[str, Any]) -> str:
            why = reasons.normalise(cleaned["reason"])
            with transaction.atomic():
                if not service():
                    raise SuspensionError(refusal)
                self.log_verb(
                    request,
                    player,
                    verb,
                    summary=f"{player}: {verb}: {why}",
                    details={"reason": why},
                )
            return f"{player} is {verb}."

        decision = Decision(
            title=f"{'Suspend' if verb == 'suspended' else 'Unsuspend'} {player}",
            form=ReasonForm,
            preview=preview,
            execute=execute,
            refusals=(BadReasonError, SuspensionError),
            back=_page_of(pk),
        )
        return decide(request, decision, model_admin=self)

    # --- Messages and notes -----------------------------------------------------------------------

    def write_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask for a text and the reason, show it, and have the bot send it."""
        if not request.user.has_perm("players.write_staffmessage"):
            raise PermissionDenied
        player = get_object_or_404(Player, pk=pk, deleted_at=None)

        def preview(cleaned: dict[str, Any]) -> list[tuple[object, ...]]:
            reached = "has blocked the bot: it is sent once the player is back"
            return [("Delivery", "–", reached if player.bot_blocked_at else "at once")]

        def execute(cleaned: dict[str, Any]) -> str:
            notes.write_to(
                decision=cleaned["decision"],
                player=player,
                text=cleaned["text"],
                reason=cleaned["reason"],
                author=own_user(request),
                now=timezone.now(),
            )
            return f"The bot sends the message to {player}."

        decision = Decision(
            title=f"Write to {player} ({Language(player.language).staff_name})",
            form=MessageForm,
            preview=preview,
            execute=execute,
            refusals=(BadReasonError, NoteError),
            back=_page_of(pk),
            confirm="Send",
        )
        return decide(request, decision, model_admin=self)

    def add_note_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask for a note and write it down."""
        if not request.user.has_perm("players.add_note"):
            raise PermissionDenied
        player = get_object_or_404(Player, pk=pk, deleted_at=None)

        def execute(cleaned: dict[str, Any]) -> str:
            notes.add(
                player=player,
                text=cleaned["text"],
                is_pinned=cleaned["is_pinned"],
                author=own_user(request),
                now=timezone.now(),
            )
            return "The note is stored."

        decision = Decision(
            title=f"Add a note about {player}",
            form=NoteForm,
            execute=execute,
            refusals=(NoteError,),
            back=_page_of(pk),
            confirm="Save",
            note="Only staff see it. It can be edited; all versions stay.",
        )
        return decide(request, decision, model_admin=self)

    def note_view(self, request: HttpRequest, pk: int, note_id: int) -> HttpResponse:
        """Show all versions of a note, and ask for the next one."""
        if not request.user.has_perm("players.view_note"):
            raise PermissionDenied
        versions = list(
            NoteVersion.objects.filter(note=note_id, note__player=pk)
            .select_related("author", "note__player")
            .order_by("-number")
        )
        if not versions:
            raise Http404("There is no such note.")
        is_there = versions[0].note.player.deleted_at is None
        may_edit = is_there and request.user.has_perm("players.change_note")
        if request.method == "POST" and not may_edit:
            raise PermissionDenied
        latest = versions[0]
        form = EditNoteForm(
            request.POST or None,
            initial={
                "text": latest.text,
                "is_pinned": latest.is_pinned,
                "shown": latest.number,
            },
        )
        if request.method == "POST" and form.is_valid():
            shown = next(
                (one for one in versions if one.number == form.cleaned_data["shown"]), latest
            )
            try:
                notes.edit(
                    shown=shown,
                    text=form.cleaned_data["text"],
                    is_pinned=form.cleaned_data["is_pinned"],
                    author=own_user(request),
                    now=timezone.now(),
                )
            except NoteError as error:
                form.add_error(None, f"Refused: {error}.")
            else:
                self.message_user(request, "The note is stored.", messages.SUCCESS)
                return HttpResponseRedirect(_page_of(pk))
        context = {
            **self.admin_site.each_context(request),
            "title": f"Note about {latest.note.player}",
            "opts": self.opts,
            "media": self.media,
            "form": form if may_edit else None,
            "back": _page_of(pk),
            "table": {
                "headers": ["Version", "When", "Who", "Pinned", "Text"],
                "rows": [
                    [
                        str(one.number),
                        age(one.at),
                        str(one.author),
                        "yes" if one.is_pinned else "no",
                        format_html('<span class="desk-lines">{}</span>', one.text),
                    ]
                    for one in versions
                ],
            },
        }
        return TemplateResponse(request, "players/note.html", context)


def _page_of(pk: int) -> str:
    return reverse("admin:players_player_change", args=[pk])


def _address_of(*, kind: str, older: str = "") -> str:
    """Return the address of a page of the timeline."""
    query = {name: value for name, value in (("kind", kind), ("before", older)) if value}
    return f"?{urlencode(query)}#timeline"
