"""The ways into the cup and into tournaments, the options of their questions, and the ways on."""

from collections.abc import Sequence

from telegram import CopyTextButton, InlineKeyboardButton, InlineKeyboardMarkup

from bot.chat import navigation, phrases
from bot.chat.navigation import Data, button
from bot.screens.tournament import texts
from quizarena.game.duel_terms import Terms
from quizarena.game.models import DuelPrice, Tournament, TournamentQuestion
from quizarena.game.private_tournaments import LENGTHS
from quizarena.game.tournament_play import View
from quizarena.game.tournament_rules import TournamentState

# The product that is a duel ticket.
TICKET = "FRIEND_CHALLENGE_5"


def cup_page(*, is_open: bool, is_registered: bool) -> InlineKeyboardMarkup:
    """Return the ways into and out of today's cup, and to private tournaments."""
    rows = [[button(texts.button_private(), Data.TOURNAMENTS)]]
    if is_open:
        label, data = (
            (texts.button_leave(), Data.CUP_LEAVE)
            if is_registered
            else (texts.button_register(), Data.CUP_REGISTER)
        )
        rows = [[button(label, data)], [button(texts.button_refresh(), Data.CUP)], *rows]
    return InlineKeyboardMarkup([*rows, _back()])


def private_page(terms: Terms, mine: Sequence[Tournament], *, key: str) -> InlineKeyboardMarkup:
    """Return the lengths of a new tournament, and those that one has.

    `key` makes all taps on one of the lengths one tournament.
    """
    costs_ticket = terms.price is DuelPrice.TICKET
    rows = [
        [
            button(
                texts.button_length(length, costs_ticket=costs_ticket),
                Data.TOURNAMENT_MAKE,
                length,
                int(costs_ticket),
                key,
            )
            for length in LENGTHS
        ]
    ]
    if costs_ticket and not terms.tickets:
        rows = [
            [button(texts.button_ticket(), Data.PRODUCT, TICKET)],
            [button(phrases.button_shop(), Data.SHOP)],
        ]
    rows += [[button(texts.button_of(one), Data.TOURNAMENT, one.pk)] for one in mine]
    return InlineKeyboardMarkup([*rows, [button(phrases.button_back(), Data.CUP)]])


def invitation(tournament: Tournament) -> InlineKeyboardMarkup:
    """Return the way to take part in a tournament, and the way out."""
    return InlineKeyboardMarkup(
        [[button(texts.button_join(), Data.TOURNAMENT_JOIN, tournament.token)], _back()]
    )


def page(view: View) -> InlineKeyboardMarkup:
    """Return what the player can do with a tournament."""
    tournament = view.tournament
    rows: list[list[InlineKeyboardButton]] = []
    if view.can_play:
        rows.append([button(texts.button_play(), Data.TOURNAMENT_PLAY, tournament.pk)])
    if tournament.state == TournamentState.OPEN and view.entry is not None:
        if tournament.creator_id == view.entry.player_id:
            link = texts.link(tournament)
            rows += [
                [InlineKeyboardButton(texts.button_share(), url=texts.share(tournament))],
                [InlineKeyboardButton(texts.button_copy(), copy_text=CopyTextButton(link))],
                [button(texts.button_start(), Data.TOURNAMENT_START, tournament.pk)],
                [button(texts.button_take_back(), Data.TOURNAMENT_LEAVE, tournament.pk)],
            ]
        else:
            rows.append([button(texts.button_leave(), Data.TOURNAMENT_LEAVE, tournament.pk)])
    if tournament.state in (TournamentState.OPEN, TournamentState.RUNNING):
        rows.append([button(texts.button_refresh(), Data.TOURNAMENT, tournament.pk)])
    if tournament.state == TournamentState.FINISHED or not tournament.is_cup:
        rows.append([button(texts.button_private(), Data.TOURNAMENTS)])
    return InlineKeyboardMarkup([*rows, _back()])


def options(
    asked: TournamentQuestion, *, pairing_id: int, tournament_id: int
) -> InlineKeyboardMarkup:
    """Return the options in the order that all see, and the way out."""
    buttons = [
        button(asked.text_at(index), Data.TOURNAMENT_ANSWER, pairing_id, asked.number, index)
        for index in range(len(asked.order))
    ]
    way_out = [button(texts.button_pause(), Data.TOURNAMENT, tournament_id)]
    return InlineKeyboardMarkup([*navigation.option_rows(buttons), way_out])


def gone() -> InlineKeyboardMarkup:
    """Return the ways on from a tournament that is not there for the player."""
    return InlineKeyboardMarkup([[button(texts.button_private(), Data.TOURNAMENTS)], _back()])


def _back() -> list[InlineKeyboardButton]:
    return [button(phrases.button_back(), Data.HOME)]
