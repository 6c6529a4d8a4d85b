"""Rows of the economy that belong to players: how they are listed, and found by whose they are."""

from django.db.models import QuerySet
from django.http import HttpRequest

from quizarena.players.admin import (
    matching_term,
)
from quizarena.players.models import Player
from quizarena.staff.desk import (
    ReadOnlyAdmin,
    Row,
)

# A search by name looks at the entries of so many players at most.
NAMESAKES_MAX = 50


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
