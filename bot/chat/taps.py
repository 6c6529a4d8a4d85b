"""Reading a tap, and answering on the player's screen."""

from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any, Protocol

from telegram import CallbackQuery, InlineKeyboardMarkup, Message, Update
from telegram.constants import ParseMode

from bot.chat import phrases
from bot.chat.context import Context
from bot.queue import outbox
from bot.queue.models import InboxUpdate
from quizarena.game.models import RoundQuestion
from quizarena.players.models import Awaited

# Telegram deletes a message of the last 48 hours (Bot API deleteMessage); its clock is not ours.
MAY_DELETE = timedelta(hours=47)
# How exact the date of a message is.
DATED_TO = timedelta(seconds=1)
# As many pictures as an album has, and something in between.
ALBUM_MAX = 20


class Show(Protocol):
    """Shows the player what a tap has led to: `edit_message` or `send_below`."""

    def __call__(
        self,
        query: CallbackQuery,
        text: str,
        keyboard: InlineKeyboardMarkup,
        *,
        shows: RoundQuestion | None = None,
    ) -> Coroutine[Any, Any, None]:
        """Show `text` with its buttons."""


def tap(update: Update) -> CallbackQuery:
    """Return the callback query of an update that is one."""
    assert update.callback_query is not None
    return update.callback_query


def arguments(query: CallbackQuery, count: int) -> list[str]:
    """Return what stands behind the first word of the button's data, padded to `count` parts."""
    parts = (query.data or "").split(":")[1:]
    return [*parts, *[""] * count][:count]


def words(update: Update) -> str:
    """Return what the message says, or what stands under its picture."""
    message = update.message
    return (message.text or message.caption or "") if isinstance(message, Message) else ""


def written_at(update: Update, *, now: datetime) -> datetime:
    """Return when a message was written, at the latest; anything else is of now.

    An update may wait for long before it is worked on. Telegram dates a message to the second.
    """
    message = update.message
    return now if message is None else min(message.date + DATED_TO, now)


def is_from_a_person(message: Message) -> bool:
    """Return whether somebody has written or sent something.

    All else is a service message: something was pinned, or a timer set. Their kinds grow with every
    version of the Bot API, so this asks for what people send.
    """
    return message.text is not None or message.effective_attachment is not None


def is_rest_of_album(update: Update) -> bool:
    """Return whether the message is of an album whose first picture has come before.

    Each picture is an update of its own (Bot API Message.media_group_id). The player's updates are
    worked on one after the other, so the earlier one is in the inbox.
    """
    message = update.message
    if message is None or message.media_group_id is None or message.from_user is None:
        return False
    earlier = InboxUpdate.objects.filter(
        player_key=message.from_user.id, update_id__lt=update.update_id
    ).order_by("-update_id")[:ALBUM_MAX]
    return message.media_group_id in earlier.values_list(
        "payload__message__media_group_id", flat=True
    )


def is_awaited(update: Update, what: Awaited, awaited: Awaited | None) -> bool:
    """Return whether the message is what the bot has asked for; a command is a change of mind."""
    return awaited is what and update.message is not None and not words(update).startswith("/")


async def send_message(
    update: Update,
    text: str,
    keyboard: InlineKeyboardMarkup,
    *,
    shows: RoundQuestion | None = None,
    effect: str | None = None,
) -> None:
    """Answer with a message of its own; `shows` is the question that the player sees with it."""
    assert isinstance(update.effective_message, Message)
    with outbox.asking(shows.pk if shows else None):
        await update.effective_message.reply_text(
            text, parse_mode=ParseMode.HTML, reply_markup=keyboard, message_effect_id=effect
        )


async def edit_message(
    query: CallbackQuery,
    text: str,
    keyboard: InlineKeyboardMarkup,
    *,
    shows: RoundQuestion | None = None,
) -> None:
    """Turn the tapped message into `text`; where it cannot be edited, say it anew.

    That is so for what is too old, and for an invoice. `shows` is the question that the player
    sees with it.
    """
    formatted: dict[str, Any] = {"parse_mode": ParseMode.HTML, "reply_markup": keyboard}
    message = query.message
    with outbox.asking(shows.pk if shows else None):
        if isinstance(message, Message) and message.is_accessible and message.invoice is None:
            await query.edit_message_text(text, **formatted)
        else:
            await query.get_bot().send_message(query.from_user.id, text, **formatted)


async def edit_buttons(query: CallbackQuery, keyboard: InlineKeyboardMarkup) -> None:
    """Change the buttons of the tapped message, if it is not too old for that."""
    message = query.message
    if isinstance(message, Message) and message.is_accessible:
        await query.edit_message_reply_markup(keyboard)


async def send_below(
    query: CallbackQuery,
    text: str,
    keyboard: InlineKeyboardMarkup,
    *,
    shows: RoundQuestion | None = None,
) -> None:
    """Say `text` below the tapped message, which stays without its buttons.

    `shows` is the question that the player sees with it.
    """
    message = query.message
    if isinstance(message, Message) and message.is_accessible:
        await query.edit_message_reply_markup(None)
    with outbox.asking(shows.pk if shows else None):
        await query.get_bot().send_message(
            query.from_user.id, text, parse_mode=ParseMode.HTML, reply_markup=keyboard
        )


async def celebrate(
    query: CallbackQuery, above: str, text: str, keyboard: InlineKeyboardMarkup
) -> None:
    """Turn the tapped message into `above` and send `text` below it, with confetti.

    Only a new message in a private chat can have an effect.
    """
    await edit_message(query, above, InlineKeyboardMarkup([]))
    await query.get_bot().send_message(
        query.from_user.id,
        text,
        parse_mode=ParseMode.HTML,
        reply_markup=keyboard,
        message_effect_id=phrases.CONFETTI,
    )


async def close(update: Update, context: Context, *, note: str = "") -> None:
    """Delete the tapped message, with a note over the chat if there is one to give.

    One that is too old to be deleted loses its buttons.
    """
    query = tap(update)
    await query.answer(note or None)
    message = query.message
    if not isinstance(message, Message) or not message.is_accessible:
        return
    if context.now - message.date < MAY_DELETE:
        await query.delete_message()
    else:
        await query.edit_message_reply_markup(None)


async def stale(update: Update, context: Context) -> None:
    """Answer kindly to a button whose time is over, or that never was one of ours."""
    await tap(update).answer(phrases.stale())
