"""Duels: the page, a link, the questions, the result, and one's own. Product rules, section 11."""

from collections.abc import Callable
from html import unescape

from telegram import InlineKeyboardMarkup, Update

from bot.chat import cards, question_texts, taps
from bot.chat.answered import below
from bot.chat.context import Context
from bot.chat.navigation import Data
from bot.chat.screen import Screen
from bot.screens.duel import buttons, texts
from economy.streaks import StreakChange
from quizarena.game import duel_play, duel_terms, duels
from quizarena.game.duel_play import View
from quizarena.game.duel_rules import LENGTHS
from quizarena.game.errors import (
    DuelAbsentError,
    DuelAnsweredError,
    DuelGoneError,
    DuelLimitError,
    DuelOverError,
    DuelTooFarError,
    GameError,
    NoDuelError,
    OpenDuelError,
    OwnDuelError,
    StaleTapError,
    TicketNeededError,
    TooFewDuelQuestionsError,
)
from quizarena.game.models import Duel, DuelPrice

# How the start parameter of a duel begins (t.me/<bot>?start=duel_<token>).
LINK = "duel_"
# That of the page of duels, where one makes them.
NEW_BY_LINK = "challenge"

Page = tuple[str, InlineKeyboardMarkup]


# --- Making one -----------------------------------------------------------------------------------


async def page(update: Update, context: Context) -> None:
    """Say what a duel is and costs, in place of the tapped message if any."""
    terms = duel_terms.terms(player=context.player, now=context.now)
    waiting = duel_play.waiting_for(context.player, now=context.now)
    text, keyboard = texts.page(terms), buttons.page(waiting=waiting)
    if update.callback_query is None:
        await taps.send_message(update, text, keyboard)
        return
    await update.callback_query.answer()
    await taps.edit_message(update.callback_query, text, keyboard)


async def page_by_link(update: Update, context: Context, parameter: str, *, is_first: bool) -> None:
    """Answer the button above inline results: nobody can be challenged yet."""
    await page(update, context)


async def new(update: Update, context: Context) -> None:
    """Ask how many questions there shall be."""
    query = taps.tap(update)
    (kind,) = taps.arguments(query, 1)
    if kind not in (buttons.LINK, buttons.OPEN):
        await taps.stale(update, context)
        return
    await query.answer()
    await taps.edit_message(query, *_choose_length(update, context, kind))


async def make(update: Update, context: Context) -> None:
    """Make a duel, or find one that waits; show its card, or the first question of the latter."""
    query = taps.tap(update)
    kind, length, with_ticket, key = taps.arguments(query, 4)
    if length not in map(str, LENGTHS) or kind not in (buttons.LINK, buttons.OPEN) or not key:
        await taps.stale(update, context)
        return
    begin = duels.find_opponent if kind == buttons.OPEN else duels.create
    try:
        duel = begin(
            player=context.player,
            length=int(length),
            key=key,
            with_ticket=with_ticket == "1",
            now=context.now,
        )
    except TicketNeededError as refusal:
        # It was free when the button was shown, or the ticket has been used meanwhile.
        shown = _choose_length(update, context, kind) if refusal.owned else _used_up()
        await query.answer()
        await taps.edit_message(query, *shown)
        return
    except OpenDuelError as refusal:
        await query.answer(texts.already_open())
        await _show(update, context, refusal.duel.pk)
        return
    except GameError as refusal:
        await query.answer(unescape(_refusal(refusal)), show_alert=True)
        return
    if duel.opponent_id == context.player.pk:
        await _begin(update, context, duel)
        return
    await query.answer()
    await _show(update, context, duel.pk)


def _choose_length(update: Update, context: Context, kind: str) -> Page:
    terms = duel_terms.terms(player=context.player, now=context.now)
    is_open = kind == buttons.OPEN
    # Whoever cannot create one may still find one.
    if not is_open and terms.price is DuelPrice.TICKET and not terms.tickets:
        return _used_up()
    text = texts.choose_length(terms, is_open=is_open)
    return text, buttons.lengths(kind, terms, key=f"u{update.update_id}")


def _used_up() -> Page:
    return texts.used_up(owned=0), buttons.used_up()


# --- Accepting one --------------------------------------------------------------------------------


async def followed(update: Update, context: Context, parameter: str, *, is_first: bool) -> None:
    """Show whose duel a link is of, or kindly why it cannot be accepted."""
    token = parameter.removeprefix(LINK)
    try:
        duel = duels.invitation(player=context.player, token=token, now=context.now)
    except OwnDuelError as refusal:
        text, keyboard = _page_of(context, refusal.duel.pk)
        await taps.send_message(update, f"{texts.own_link()}\n\n{text}", keyboard)
        return
    except GameError as refusal:
        await taps.send_message(update, _refusal(refusal), buttons.gone())
        return
    if duel.accepted_at is not None:
        await taps.send_message(update, *_page_of(context, duel.pk))
        return
    await taps.send_message(update, texts.invitation(duel), buttons.invitation(duel))


async def take(update: Update, context: Context) -> None:
    """Accept a duel and turn the message into its first question."""
    query = taps.tap(update)
    (token,) = taps.arguments(query, 1)
    try:
        duel = duels.accept(player=context.player, token=token, now=context.now)
    except OwnDuelError as refusal:
        await query.answer(texts.own_link())
        await _show(update, context, refusal.duel.pk)
        return
    except GameError as refusal:
        await query.answer(unescape(_refusal(refusal)), show_alert=True)
        return
    await _begin(update, context, duel)


async def _begin(update: Update, context: Context, duel: Duel) -> None:
    """Turn the message into the question that waits in a duel that has just been accepted."""
    query = taps.tap(update)
    await query.answer(texts.against(duel.creator))
    view = duel_play.play(player=context.player, duel_id=duel.pk, now=context.now)
    await taps.edit_message(query, *_question_or_page(context, view))


async def cancel(update: Update, context: Context) -> None:
    """Take a duel back that nobody has accepted."""
    query = taps.tap(update)
    try:
        duel = duels.cancel(player=context.player, duel_id=_id(update), now=context.now)
    except DuelGoneError as refusal:
        await query.answer(texts.accepted_already(), show_alert=True)
        await _show(update, context, refusal.duel.pk)
        return
    except (NoDuelError, ValueError):
        await taps.stale(update, context)
        return
    await query.answer(texts.canceled())
    await _show(update, context, duel.pk)


# --- Playing --------------------------------------------------------------------------------------


async def show(update: Update, context: Context) -> None:
    """Turn the message into one of the player's duels, or its result."""
    await _open(update, context, duel_play.look)


async def play(update: Update, context: Context) -> None:
    """Turn the message into the question that waits for the player, or into where it stands."""
    await _open(update, context, duel_play.play)


async def _open(update: Update, context: Context, see: Callable[..., View]) -> None:
    query = taps.tap(update)
    try:
        view = see(player=context.player, duel_id=_id(update), now=context.now)
    except (NoDuelError, ValueError):
        await taps.stale(update, context)
        return
    await query.answer()
    await taps.edit_message(query, *_question_or_page(context, view))


async def answer(update: Update, context: Context) -> None:
    """Grade the tap; turn the message into the feedback and the next question, or what follows."""
    query = taps.tap(update)
    duel_id, number, option_index = taps.arguments(query, 3)
    try:
        answered = duel_play.answer(
            player=context.player,
            duel_id=int(duel_id),
            number=int(number),
            option_index=int(option_index),
            now=context.now,
        )
    except DuelAnsweredError:
        await query.answer(question_texts.already_answered())
        return
    except DuelOverError as refusal:
        await query.answer()
        await _show(update, context, refusal.duel.pk)
        return
    except (StaleTapError, ValueError):
        await taps.stale(update, context)
        return
    await query.answer(question_texts.toast(is_correct=answered.is_correct))
    cards.order_milestone(answered.streak, player=context.player, now=context.now)
    view = answered.view
    text, keyboard = _question_or_page(context, view, streak=answered.streak)
    keyboard = below(answered.question.version, keyboard)
    if not view.duel.is_live and view.has_won:
        await taps.celebrate(query, texts.feedback(answered), text, keyboard)
    else:
        await taps.edit_message(query, texts.feedback_and(answered, text), keyboard)


# --- Again, and one's own -------------------------------------------------------------------------


async def again(update: Update, context: Context) -> None:
    """Ask the other player for another duel, or accept the one that they have asked for."""
    query = taps.tap(update)
    _, kind, with_ticket = taps.arguments(query, 3)
    try:
        duel = duels.again(
            player=context.player,
            duel_id=_id(update),
            best_of_three=kind == buttons.THREE,
            with_ticket=with_ticket == "1",
            now=context.now,
        )
    except TicketNeededError as refusal:
        await query.answer()
        await taps.edit_message(
            query,
            texts.used_up(owned=refusal.owned),
            buttons.again_with_ticket(_id(update), kind, owned=refusal.owned),
        )
        return
    except (StaleTapError, ValueError):
        await taps.stale(update, context)
        return
    except GameError as refusal:
        await query.answer(unescape(_refusal(refusal)), show_alert=True)
        return
    if duel.opponent_id == context.player.pk and duel.is_live:
        await _begin(update, context, duel)
        return
    await query.answer()
    await _show(update, context, duel.pk)


async def mine(update: Update, context: Context) -> None:
    """List the player's duels."""
    query = taps.tap(update)
    live, ended = duel_play.mine(player=context.player, now=context.now)
    await query.answer()
    await taps.edit_message(query, texts.mine(live, ended), buttons.mine(live, ended))


# --- What they share ------------------------------------------------------------------------------


async def _show(update: Update, context: Context, duel_id: int) -> None:
    await taps.edit_message(taps.tap(update), *_page_of(context, duel_id))


def _page_of(context: Context, duel_id: int) -> Page:
    view = duel_play.look(player=context.player, duel_id=duel_id, now=context.now)
    return _question_or_page(context, view)


def _question_or_page(context: Context, view: View, *, streak: StreakChange | None = None) -> Page:
    """Return the question that waits, where the duel stands, or its result, which is then seen."""
    if view.next is not None:
        return texts.question(view), buttons.options(view)
    if view.duel.is_live:
        return texts.card(view), buttons.card(view)
    duels.mark_seen(player=context.player, duel=view.duel, now=context.now)
    cards.order_duel(view.duel, player=context.player, now=context.now)
    decider = duels.decider_of(view.duel)
    return texts.result(view, decider=decider, streak=streak), buttons.result(view, decider)


def _id(update: Update) -> int:
    """Return the duel that the button names. Raises ValueError if it names none."""
    return int(taps.arguments(taps.tap(update), 1)[0])


def _refusal(refusal: GameError) -> str:
    """Return why something about duels is not possible, in words, as HTML."""
    match refusal:
        case DuelLimitError():
            return texts.limit(refusal)
        case DuelGoneError():
            return texts.gone(refusal.duel)
        case DuelAbsentError():
            return texts.absent(refusal.player)
        case DuelTooFarError():
            return texts.too_far()
        case TooFewDuelQuestionsError():
            return texts.no_questions()
    return texts.unknown()


SCREEN = Screen(
    commands={"duel": page},
    buttons={
        Data.DUEL_ANSWER: answer,
        Data.DUEL_PLAY: play,
        Data.DUEL_SHOW: show,
        Data.DUEL: page,
        Data.DUELS: mine,
        Data.DUEL_NEW: new,
        Data.DUEL_MAKE: make,
        Data.DUEL_TAKE: take,
        Data.DUEL_CANCEL: cancel,
        Data.DUEL_AGAIN: again,
    },
    links={LINK: followed, NEW_BY_LINK: page_by_link},
)
