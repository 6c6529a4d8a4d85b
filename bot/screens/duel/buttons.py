"""The ways into a duel, the options of its questions, and the ways on from a result."""

from telegram import CopyTextButton, InlineKeyboardButton, InlineKeyboardMarkup

from bot.chat import navigation, phrases
from bot.chat.navigation import Data, button
from bot.screens.duel import texts
from quizarena.game.duel_play import View
from quizarena.game.duel_rules import LENGTHS, DuelState
from quizarena.game.duel_terms import Terms
from quizarena.game.models import Duel, DuelPrice, DuelQuestion

# What a duel that is being made is for, and what somebody asks for afterwards.
LINK, OPEN = "link", "open"
ONE, THREE = "one", "three"
# The product that is a duel ticket.
TICKET = "FRIEND_CHALLENGE_5"

Rows = list[list[InlineKeyboardButton]]


def page(*, waiting: int) -> InlineKeyboardMarkup:
    """Return the ways to a duel, to those that one has, and out; `waiting` are those that wait."""
    return InlineKeyboardMarkup(
        [
            [button(texts.button_friend(), Data.DUEL_NEW, LINK)],
            [button(texts.button_anybody(), Data.DUEL_NEW, OPEN)],
            [button(texts.button_mine(waiting=waiting), Data.DUELS)],
            [button(phrases.button_back(), Data.HOME)],
        ]
    )


def lengths(kind: str, terms: Terms, *, key: str) -> InlineKeyboardMarkup:
    """Return how many rounds there can be; `key` makes all taps on one of them one duel."""
    costs_ticket = terms.price is DuelPrice.TICKET and terms.tickets > 0
    rounds = [
        button(
            texts.button_rounds(length, costs_ticket=costs_ticket),
            Data.DUEL_MAKE,
            kind,
            length,
            int(costs_ticket),
            key,
        )
        for length in LENGTHS
    ]
    return InlineKeyboardMarkup([rounds, [button(phrases.button_back(), Data.DUEL)]])


def used_up() -> InlineKeyboardMarkup:
    """Return the ways to more duels for who has no ticket, and the way back."""
    return InlineKeyboardMarkup([*more_duels(), [button(phrases.button_back(), Data.DUEL)]])


def more_duels() -> Rows:
    """Return the ways to more duels on a day: a ticket, or Premium."""
    return [
        [button(texts.button_ticket(), Data.PRODUCT, TICKET)],
        [button(phrases.button_shop(), Data.SHOP)],
    ]


def invitation(duel: Duel) -> InlineKeyboardMarkup:
    """Return the way to accept a duel, and the way out."""
    return InlineKeyboardMarkup([[_take(duel)], [button(phrases.button_back(), Data.HOME)]])


def card(view: View) -> InlineKeyboardMarkup:
    """Return what the player can do with one of their duels."""
    duel = view.duel
    rows: Rows = []
    if view.is_asked:
        rows.append([_take(duel)])
    if view.can_play:
        label = texts.button_continue() if view.own else texts.button_play()
        rows.append([button(label, Data.DUEL_PLAY, duel.pk)])
    if duel.state == DuelState.PENDING and view.is_creator:
        if duel.opponent_id is None and not duel.is_open:
            link = texts.link(duel)
            share = InlineKeyboardButton(texts.button_share(), url=texts.share(duel))
            copy = InlineKeyboardButton(texts.button_copy(), copy_text=CopyTextButton(link))
            # Nobody can play before it is sent.
            rows = [[share], [copy], *rows]
        rows.append([button(texts.button_cancel(), Data.DUEL_CANCEL, duel.pk)])
    return InlineKeyboardMarkup([*rows, *_ways_on()])


def result(view: View, decider: Duel | None) -> InlineKeyboardMarkup:
    """Return the ways on from a duel that has ended; `decider` is the third of a series."""
    duel = view.duel
    rows: Rows = []
    if decider is not None:
        rows.append([button(texts.button_decider(), Data.DUEL_PLAY, decider.pk)])
    elif duel.accepted_at is not None:
        rows.append([button(texts.button_rematch(), Data.DUEL_AGAIN, duel.pk, ONE, 0)])
        if duel.series_id is None and duel.result:
            rows.append([button(texts.button_series(), Data.DUEL_AGAIN, duel.pk, THREE, 0)])
    elif view.is_creator:
        rows.append([button(texts.button_friend(), Data.DUEL_NEW, LINK)])
    return InlineKeyboardMarkup([*rows, *_ways_on()])


def options(view: View) -> InlineKeyboardMarkup:
    """Return the options in the order that both see, and the way out."""
    asked: DuelQuestion | None = view.next
    assert asked is not None
    buttons = [
        button(asked.text_at(index), Data.DUEL_ANSWER, view.duel.pk, asked.number, index)
        for index in range(len(asked.order))
    ]
    way_out = [button(texts.button_pause(), Data.DUEL_SHOW, view.duel.pk)]
    return InlineKeyboardMarkup([*navigation.option_rows(buttons), way_out])


def again_with_ticket(duel_id: int, kind: str, *, owned: int) -> InlineKeyboardMarkup:
    """Return the way to pay for a duel after another one, or to what would pay for it."""
    label = texts.button_series() if kind == THREE else texts.button_rematch()
    rows = [[button(f"🎟 {label}", Data.DUEL_AGAIN, duel_id, kind, 1)]] if owned else more_duels()
    return InlineKeyboardMarkup([*rows, [button(phrases.button_back(), Data.DUEL_SHOW, duel_id)]])


def mine(live: list[View], ended: list[View]) -> InlineKeyboardMarkup:
    """Return one button for each duel, and the ways to another one and out."""
    rows = [
        [button(texts.button_of(view), Data.DUEL_SHOW, view.duel.pk)] for view in [*live, *ended]
    ]
    return InlineKeyboardMarkup([*rows, [button(phrases.button_back(), Data.DUEL)]])


def gone() -> InlineKeyboardMarkup:
    """Return the ways on from a duel that is not there any more."""
    return InlineKeyboardMarkup([[navigation.duel()], [button(phrases.button_back(), Data.HOME)]])


def after_notice(view: View, decider: Duel | None) -> InlineKeyboardMarkup:
    """Return what the player can do with the duel of a message."""
    return card(view) if view.duel.is_live else result(view, decider)


def _take(duel: Duel) -> InlineKeyboardButton:
    return button(texts.button_accept(), Data.DUEL_TAKE, duel.token)


def _ways_on() -> Rows:
    return [
        [button(texts.button_mine(waiting=0), Data.DUELS)],
        [button(phrases.button_back(), Data.HOME)],
    ]
