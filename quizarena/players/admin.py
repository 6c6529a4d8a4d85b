"""Players, as support sees them: one page with the whole story."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.decorators import display

from quizarena.players import names, services
from quizarena.players.models import Player
from quizarena.staff.decisions import Decision, ReasonForm, decide
from quizarena.staff.desk import ReadOnlyAdmin, age, badge, button, own_user, row_number
from quizarena.staff.errors import BadReasonError


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineSection:
    """A table on the player's page."""

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[object]]
    # A link to all of it; the table shows the latest.
    more: SafeString | None = None

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


def matching_term(players: QuerySet[Player], term: str) -> QuerySet[Player]:
    """Return of `players` the one with this Telegram id, or those whose user names begin so.

    In either case, with or without an @; all of them for an empty term. Both are indexed.
    """
    term = term.strip().removeprefix("@")
    if term.isdecimal():
        return players.filter(telegram_id=row_number(term) or 0)
    if "\0" in term:  # PostgreSQL takes no text with one.
        return players.none()
    return players.filter(username__istartswith=term) if term else players


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


@admin.register(Player)
class PlayerAdmin(ReadOnlyAdmin[Player]):
    """Find a player by Telegram id or user name, see the story, suspend and unsuspend."""

    list_display = ("name", "telegram", "language", "standing", "seen", "joined")
    list_filter = ("language", StandingFilter)
    search_fields = ("telegram_id", "username")
    search_help_text = "Telegram id, or beginning of a user name"
    ordering = ("-id",)
    actions = ("suspend", "unsuspend")
    change_form_outer_after_template = "players/story.html"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("first_name", "last_name"),
                    ("username", "telegram"),
                    ("language", "standing"),
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
        if player.deleted_at is not None:
            return badge("deleted", "info")
        if player.suspended_at is not None:
            return badge("suspended", "danger")
        if player.bot_blocked_at is not None:
            return badge("has blocked the bot", "warning")
        return badge("active", "success")

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
        """Return every section that this user may read."""
        sections = [source(request, obj) for source in _timeline_sources]
        return {"chapters": [section for section in sections if section]}

    def buttons(self, request: HttpRequest, obj: Player) -> list[SafeString]:
        """Offer to reset an improper name."""
        if not self.has_reset_name_permission(request) or obj.deleted_at is not None:
            return []
        return [button("Reset the name", "players_player_reset_name", obj.pk)]

    def get_urls(self) -> list[URLPattern]:
        """Add the page on which a name is reset."""
        view = self.admin_site.admin_view(self.reset_name_view)
        return [
            path("<int:pk>/reset-name/", view, name="players_player_reset_name"),
            *super().get_urls(),
        ]

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

    def has_suspend_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may suspend players and end their suspension."""
        return request.user.has_perm("players.suspend_player")

    def is_action_due(self, action: str, obj: Player) -> bool:
        """Offer the one of the two that changes something."""
        if obj.deleted_at is not None:
            return False
        return action == ("suspend" if obj.suspended_at is None else "unsuspend")

    @admin.action(description="Suspend", permissions=["suspend"])
    def suspend(self, request: HttpRequest, queryset: QuerySet[Player]) -> None:
        """Keep the players from playing."""
        now = timezone.now()
        self.act(
            request,
            queryset,
            verb="suspended",
            service=lambda player: services.suspend(player_id=player.pk, now=now),
            refusal="suspended already",
        )

    @admin.action(description="Readmit", permissions=["suspend"])
    def unsuspend(self, request: HttpRequest, queryset: QuerySet[Player]) -> None:
        """Let the players in again."""
        self.act(
            request,
            queryset,
            verb="readmitted",
            service=lambda player: services.unsuspend(player_id=player.pk),
            refusal="not suspended",
        )
