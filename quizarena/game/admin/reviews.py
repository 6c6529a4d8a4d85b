"""Review cards at the desk: which questions come back to whom, and how they were answered."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.decorators import display

from economy.admin.players import players_found
from quizarena.game.models import CardState, ReviewCard, ReviewLog
from quizarena.players.admin import TimelineSection, timeline_source
from quizarena.players.models import Player
from quizarena.staff.desk import ReadOnlyAdmin, age, badge, object_link

STATE_COLOURS = {
    CardState.LEARNING: "info",
    CardState.REVIEW: "success",
    CardState.RELEARNING: "warning",
}
RATINGS = {1: "again", 2: "hard", 3: "good", 4: "easy"}
LOG_LENGTH = 50


@admin.register(ReviewCard)
class ReviewCardAdmin(ReadOnlyAdmin[ReviewCard]):
    """All review cards, the latest first; whose they are sees who may see players."""

    list_display = ("of_question", "why", "where", "due", "last_review", "created")
    list_select_related = ("player", "question")
    list_filter = ("origin", "state")
    ordering = ("-pk",)
    search_fields = ("player__username",)
    search_help_text = "Telegram id, @ and beginning of a user name, or name"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "of_question",
                    ("why", "where", "created"),
                    ("due", "last_review"),
                    ("known_for", "how_difficult"),
                )
            },
        ),
    )
    change_form_outer_after_template = "game/review_card.html"

    def get_list_display(self, request: HttpRequest) -> Any:
        """Begin with the player, for who may see players."""
        columns = super().get_list_display(request)
        return ("of_player", *columns) if _may_see_players(request) else columns

    def get_search_fields(self, request: HttpRequest) -> Any:
        """Return what is searched; nothing for who may not see players."""
        return super().get_search_fields(request) if _may_see_players(request) else ()

    def get_fieldsets(self, request: HttpRequest, obj: ReviewCard | None = None) -> Any:
        """Begin with the player, for who may see players."""
        fieldsets = super().get_fieldsets(request, obj)
        if not _may_see_players(request):
            return fieldsets
        return [(None, {"fields": ("of_player",)}), *fieldsets]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[ReviewCard], search_term: str
    ) -> tuple[QuerySet[ReviewCard], bool]:
        """Find the cards of the players whom the term names."""
        if (term := search_term.strip()) and _may_see_players(request):
            queryset = queryset.filter(player__in=players_found(term))
        return queryset, False

    @display(description="Player")
    def of_player(self, card: ReviewCard) -> str:
        return str(card.player)

    @display(description="Question")
    def of_question(self, card: ReviewCard) -> str:
        return str(card.question)

    @display(description="Why")
    def why(self, card: ReviewCard) -> str:
        return card.get_origin_display()

    @display(description="State")
    def where(self, card: ReviewCard) -> SafeString:
        if card.last_review_at is None:
            return badge("new", "primary")
        return badge(card.get_state_display(), STATE_COLOURS[CardState(card.state)])

    @display(description="Due")
    def due(self, card: ReviewCard) -> str:
        return age(card.due_at)

    @display(description="Last review")
    def last_review(self, card: ReviewCard) -> str:
        return age(card.last_review_at)

    @display(description="Created")
    def created(self, card: ReviewCard) -> str:
        return age(card.created_at)

    @display(description="Stability")
    def known_for(self, card: ReviewCard) -> str:
        """Return after how many days nine of ten such cards are still known."""
        return "–" if card.stability is None else f"{card.stability:.1f} days"

    @display(description="Difficulty")
    def how_difficult(self, card: ReviewCard) -> str:
        return "–" if card.difficulty is None else f"{card.difficulty:.1f} of 10"

    def page_context(self, request: HttpRequest, obj: ReviewCard) -> dict[str, Any]:
        """Return the latest answers for their template."""
        logs = ReviewLog.objects.filter(card=obj).select_related("question").order_by("-pk")
        return {
            "answers": {
                "headers": ["Answered", "Right", "Rating", "After", "Predicted", "Slip"],
                "rows": [_row(log) for log in logs[:LOG_LENGTH]],
            }
        }


def _may_see_players(request: HttpRequest) -> bool:
    return request.user.has_perm("players.view_player")


def _row(log: ReviewLog) -> list[object]:
    """Return a line of the table of answers."""
    return [
        age(log.answered_at),
        "yes" if log.is_right else "no",
        RATINGS[log.rating],
        f"{log.elapsed_ms / 1_000:,.1f} s",
        "–" if log.predicted is None else f"{log.predicted:.0%}",
        age(log.question.undone_at),
    ]


@timeline_source
def cards_of_player(request: HttpRequest, player: Player) -> TimelineSection | None:
    """Show how many review cards the player has, for who may see them."""
    if not request.user.has_perm("game.view_reviewcard"):
        return None
    cards = ReviewCard.objects.filter(player=player)
    due = cards.askable().filter(due_at__lte=timezone.now()).count()
    counted = cards.aggregate(
        cards=Count("pk"),
        mistakes=Count("pk", filter=Q(origin="MISTAKE")),
    )
    latest = cards.select_related("question").order_by("-pk").first()
    return TimelineSection(
        title="Review cards",
        headers=["Cards", "Of mistakes", "Saved", "Due", "Latest"],
        rows=[
            [
                f"{counted['cards']:,}",
                f"{counted['mistakes']:,}",
                f"{counted['cards'] - counted['mistakes']:,}",
                f"{due:,}",
                object_link(latest, str(latest.question)),
            ]
        ]
        if latest is not None
        else [],
    )
