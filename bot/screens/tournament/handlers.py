"""The daily cup and private tournaments: pages, a link, questions, standings. Section 11."""

from telegram import CallbackQuery, InlineKeyboardMarkup, Message, Update

from bot.chat import boards, cards, question_texts, taps
from bot.chat.answered import below
from bot.chat.context import Context
from bot.chat.navigation import Data
from bot.chat.screen import Screen
from bot.screens.tournament import buttons, texts
from quizarena.game import (
    cups,
    duel_terms,
    private_tournaments,
    tournament_play,
    tournaments,
)
from quizarena.game.errors import (
    DuelLimitError,
    GameError,
    NoTournamentError,
    RegistrationClosedError,
    RoundAnsweredError,
    RoundOverError,
    StaleTapError,
    TicketNeededError,
    TooFewPlayersError,
    TooFewTournamentQuestionsError,
    TournamentFullError,
)
from quizarena.game.models import QuestionVersion
from quizarena.game.tournament_play import Board, View
from quizarena.game.tournament_rules import TournamentState

# How the start parameter of a private tournament begins (t.me/<bot>?start=tournament_<token>).
LINK = "tournament_"

Page = tuple[str, InlineKeyboardMarkup]


# --- The cup --------------------------------------------------------------------------------------


async def cup_page(update: Update, context: Context) -> None:
    """Show today's cup, in place of the tapped message if any."""
    if update.callback_query is None:
        await taps.send_message(update, *_cup_page(context, _cup_view(context)))
        return
    await update.callback_query.answer()
    await _turn_into_cup_page(update, context)


async def register(update: Update, context: Context) -> None:
    """Register for today's cup."""
    await _registration(update, context, registers=True)


async def leave_cup(update: Update, context: Context) -> None:
    """Do not play today's cup after all."""
    await _registration(update, context, registers=False)


async def _registration(update: Update, context: Context, *, registers: bool) -> None:
    query = taps.tap(update)
    try:
        if registers:
            cups.register(player=context.player, now=context.now)
            note = texts.registered()
        else:
            cups.leave(player=context.player, now=context.now)
            note = texts.left()
    except GameError as refusal:
        await query.answer(_refusal(refusal), show_alert=True)
    else:
        await query.answer(note)
    await _turn_into_cup_page(update, context)


async def _turn_into_cup_page(update: Update, context: Context) -> None:
    view = _cup_view(context)
    shown = _standings(context, view)
    await taps.edit_message(taps.tap(update), *_cup_page(context, view, shown))
    if view is not None:
        _watch(update, context, view, shown)


def _cup_view(context: Context) -> View | None:
    """Return today's cup as the player sees it, if there is one."""
    cup = cups.of_day(cups.today(context.now))
    if cup is None:
        return None
    return tournament_play.look(player=context.player, tournament_id=cup.pk, now=context.now)


def _cup_page(context: Context, view: View | None, shown: Board | None = None) -> Page:
    cup = view.tournament if view is not None else None
    if view and view.tournament.state in (TournamentState.RUNNING, TournamentState.FINISHED):
        return _page(context, view, shown)
    is_open = cups.is_open(context.now) and (cup is None or cup.state == TournamentState.OPEN)
    keyboard = buttons.cup_page(
        is_open=is_open, is_registered=view is not None and view.entry is not None
    )
    return texts.cup_page(cup, view, now=context.now), keyboard


# --- Private tournaments --------------------------------------------------------------------------


async def private_page(update: Update, context: Context) -> None:
    """Say what a private tournament is and costs, and list those that the player has."""
    query = taps.tap(update)
    await query.answer()
    await taps.edit_message(query, *_private_page(update, context))


def _private_page(update: Update, context: Context) -> Page:
    terms = duel_terms.terms(player=context.player, now=context.now)
    mine = private_tournaments.mine(context.player)
    keyboard = buttons.private_page(terms, mine, key=f"u{update.update_id}")
    return texts.private_page(terms), keyboard


async def make(update: Update, context: Context) -> None:
    """Make a private tournament and show its lobby."""
    query = taps.tap(update)
    length, with_ticket, key = taps.arguments(query, 3)
    if length not in map(str, private_tournaments.LENGTHS) or not key:
        await taps.stale(update, context)
        return
    try:
        tournament = private_tournaments.create(
            player=context.player,
            length=int(length),
            key=key,
            with_ticket=with_ticket == "1",
            now=context.now,
        )
    except TicketNeededError:
        # It was free when the button was shown, or the ticket has been used meanwhile.
        await query.answer()
        await taps.edit_message(query, *_private_page(update, context))
        return
    except DuelLimitError as refusal:
        await query.answer(texts.limit(refusal), show_alert=True)
        return
    await query.answer()
    await _show(update, context, tournament.pk)


async def followed(update: Update, context: Context, parameter: str, *, is_first: bool) -> None:
    """Show whose tournament a link is of, or kindly why nobody can take part any more."""
    token = parameter.removeprefix(LINK)
    try:
        tournament = private_tournaments.of_link(token=token, now=context.now)
    except NoTournamentError:
        await taps.send_message(update, texts.unknown(), buttons.gone())
        return
    view = tournament_play.view_of(tournament, player=context.player)
    if view.entry is not None:
        await taps.send_message(update, *_page(context, view))
        return
    if tournament.state != TournamentState.OPEN:
        await taps.send_message(update, texts.has_begun(), buttons.gone())
        return
    board = tournament_play.board_of(tournament)
    text = texts.invitation(tournament, board)
    await taps.send_message(update, text, buttons.invitation(tournament))


async def join(update: Update, context: Context) -> None:
    """Take part in a private tournament, and show its lobby."""
    query = taps.tap(update)
    (token,) = taps.arguments(query, 1)
    try:
        entry = private_tournaments.join(player=context.player, token=token, now=context.now)
    except GameError as refusal:
        await query.answer(_refusal(refusal), show_alert=True)
        return
    await query.answer(texts.registered())
    await _show(update, context, entry.tournament_id)


async def leave(update: Update, context: Context) -> None:
    """Leave a lobby; the creator takes the tournament back with that."""
    query = taps.tap(update)
    try:
        tournament = private_tournaments.leave(
            player=context.player, tournament_id=_id(query), now=context.now
        )
    except RegistrationClosedError as refusal:
        await query.answer(_refusal(refusal), show_alert=True)
        await _show(update, context, _id(query))
        return
    except (NoTournamentError, ValueError):
        await taps.stale(update, context)
        return
    await query.answer(texts.called_off(tournament) if tournament.call_off else texts.left())
    await taps.edit_message(query, *_private_page(update, context))


async def start(update: Update, context: Context) -> None:
    """Begin a private tournament, and turn its lobby into the standings."""
    query = taps.tap(update)
    try:
        private_tournaments.start(player=context.player, tournament_id=_id(query), now=context.now)
    except (TooFewPlayersError, TooFewTournamentQuestionsError) as refusal:
        await query.answer(_refusal(refusal), show_alert=True)
        return
    except RegistrationClosedError as refusal:
        await query.answer(_refusal(refusal), show_alert=True)
        await _show(update, context, _id(query))
        return
    except (NoTournamentError, ValueError):
        await taps.stale(update, context)
        return
    await query.answer()
    await _show(update, context, _id(query))


# --- Playing --------------------------------------------------------------------------------------


async def show(update: Update, context: Context) -> None:
    """Turn the message into where a tournament stands."""
    query = taps.tap(update)
    try:
        view = tournament_play.look(
            player=context.player, tournament_id=_id(query), now=context.now
        )
    except (NoTournamentError, ValueError):
        await taps.stale(update, context)
        return
    await query.answer()
    await _show_view(update, context, view)


async def play(update: Update, context: Context) -> None:
    """Turn the message into the question that waits for the player, or into where it stands."""
    query = taps.tap(update)
    try:
        view = tournament_play.play(
            player=context.player, tournament_id=_id(query), now=context.now
        )
    except (NoTournamentError, ValueError):
        await taps.stale(update, context)
        return
    await query.answer()
    if view.next is None or view.pairing is None:
        await _show_view(update, context, view)
        return
    if view.current is not None:
        _mark_round_seen(context, view)
    # From now on the message is a question, which nobody else edits.
    boards.unwatch(player=context.player, tournament=view.tournament)
    keyboard = buttons.options(
        view.next, pairing_id=view.pairing.pk, tournament_id=view.tournament.pk
    )
    await taps.edit_message(query, texts.question(view), keyboard)


async def answer(update: Update, context: Context) -> None:
    """Grade the tap; turn the message into the feedback and the next question, or the standings."""
    query = taps.tap(update)
    pairing_id, number, option_index = taps.arguments(query, 3)
    try:
        answered = tournament_play.answer(
            player=context.player,
            pairing_id=int(pairing_id),
            number=int(number),
            option_index=int(option_index),
            now=context.now,
        )
    except RoundAnsweredError:
        await query.answer(question_texts.already_answered())
        return
    except RoundOverError as refusal:
        await query.answer(texts.round_over())
        await _show(update, context, refusal.tournament_id)
        return
    except (StaleTapError, ValueError):
        await taps.stale(update, context)
        return
    await query.answer(question_texts.toast(is_correct=answered.is_correct))
    if answered.next is not None:
        keyboard = buttons.options(
            answered.next, pairing_id=answered.pairing.pk, tournament_id=answered.tournament_id
        )
        text = texts.next_question(answered)
        keyboard = below(answered.question.version, keyboard)
        await taps.edit_message(query, texts.feedback_and(answered, text), keyboard)
    else:
        view = tournament_play.see(player=context.player, tournament_id=answered.tournament_id)
        shown = _standings(context, view)
        text, keyboard = _page(context, view, shown)
        above = texts.feedback_above(answered)
        version = answered.question.version
        await taps.edit_message(query, above + text, below(version, keyboard))
        _watch(update, context, view, shown, above=above, answered=version)
    cards.order_milestone(answered.streak, player=context.player, now=context.now)


# --- What they share ------------------------------------------------------------------------------


async def _show(update: Update, context: Context, tournament_id: int) -> None:
    view = tournament_play.look(player=context.player, tournament_id=tournament_id, now=context.now)
    await _show_view(update, context, view)


async def _show_view(update: Update, context: Context, view: View) -> None:
    shown = _standings(context, view)
    await taps.edit_message(taps.tap(update), *_page(context, view, shown))
    _watch(update, context, view, shown)


def _standings(context: Context, view: View | None) -> Board | None:
    """Return the standings that are shown and watched, if the tournament is played."""
    if view is None or view.tournament.state != TournamentState.RUNNING:
        return None
    return texts.board_for(view, player=context.player)


def _watch(
    update: Update,
    context: Context,
    view: View,
    shown: Board | None,
    *,
    above: str = "",
    answered: QuestionVersion | None = None,
) -> None:
    """Have the standings that the player sees kept up to date, as long as it is played."""
    message = taps.tap(update).message
    if shown is None or view.entry is None:
        boards.unwatch(player=context.player, tournament=view.tournament)
    elif isinstance(message, Message) and message.is_accessible:
        boards.watch(
            player=context.player,
            tournament=view.tournament,
            message_id=message.message_id,
            update_id=update.update_id,
            above=above,
            answered=answered,
            version=boards.version_of(shown),
        )


def _page(context: Context, view: View, shown: Board | None = None) -> Page:
    """Return where a tournament stands; its result, or that a round has begun, is then seen."""
    tournament = view.tournament
    if view.pairing is not None and view.current is not None:
        _mark_round_seen(context, view)
    if tournament.state in (TournamentState.FINISHED, TournamentState.CALLED_OFF):
        tournaments.mark_seen(player=context.player, tournament=tournament, now=context.now)
        cards.order_cup(tournament, player=context.player, now=context.now)
    return texts.page(view, player=context.player, shown=shown), buttons.page(view)


def _mark_round_seen(context: Context, view: View) -> None:
    """Note that the player need not be notified of the round any more."""
    assert view.current is not None
    tournaments.mark_seen(
        player=context.player,
        tournament=view.tournament,
        round_number=view.current.number,
        now=context.now,
    )


def _id(query: CallbackQuery) -> int:
    """Return the tournament that the button names. Raises ValueError if it names none."""
    return int(taps.arguments(query, 1)[0])


def _refusal(refusal: GameError) -> str:
    """Return why something about tournaments is not possible, in words."""
    match refusal:
        case TournamentFullError():
            return texts.full(limit=refusal.limit)
        case RegistrationClosedError():
            return texts.registration_closed()
        case TooFewPlayersError():
            return texts.too_few(refusal)
        case TooFewTournamentQuestionsError():
            return texts.no_questions()
    return texts.unknown()


SCREEN = Screen(
    commands={"cup": cup_page},
    buttons={
        Data.TOURNAMENT_ANSWER: answer,
        Data.TOURNAMENT_PLAY: play,
        Data.TOURNAMENT: show,
        Data.CUP: cup_page,
        Data.CUP_REGISTER: register,
        Data.CUP_LEAVE: leave_cup,
        Data.TOURNAMENTS: private_page,
        Data.TOURNAMENT_MAKE: make,
        Data.TOURNAMENT_JOIN: join,
        Data.TOURNAMENT_LEAVE: leave,
        Data.TOURNAMENT_START: start,
    },
    links={LINK: followed},
)
