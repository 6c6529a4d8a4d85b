"""Questions about payments (Telegram asks every bot that sells for /paysupport)."""

from datetime import timedelta

from telegram import Update

from bot.chat import navigation, taps
from bot.chat.context import Context
from bot.chat.screen import Screen
from bot.screens.support import texts
from payments import support, support_files
from payments.errors import DailyLimitError, TooManyRequestsError
from quizarena.players import services as players
from quizarena.players.models import Awaited

COMMAND = "/paysupport"
# The kinds of attachment that support gets to see, as the Bot API names methods and parameters.
_ATTACHMENTS = ("photo", "document", "video")


def is_for_support(update: Update, awaited: Awaited | None) -> bool:
    """Return whether the player turns to support, which is open to everybody."""
    return taps.words(update).startswith(COMMAND) or taps.is_awaited(
        update, Awaited.PAYMENT_QUESTION, awaited
    )


def is_rest_of_album(update: Update, awaited: Awaited | None) -> bool:
    """Return whether the message is of an album that was answered already, whatever it is for."""
    return taps.is_rest_of_album(update)


async def paysupport(update: Update, context: Context) -> None:
    """Take what stands behind the command for the question; without, wait for it."""
    _command, *question = taps.words(update).split(maxsplit=1)
    if question:
        await _ask(update, context, question[0])
        return
    players.await_message(player=context.player, what=Awaited.PAYMENT_QUESTION, now=context.now)
    minutes = players.AWAITED_FOR // timedelta(minutes=1)
    is_suspended = context.player.suspended_at is not None
    text = texts.ask_support(minutes=minutes, has_wallet=not is_suspended)
    await _answer(update, context, text)


async def asked(update: Update, context: Context) -> None:
    """Take the message for the question that was awaited, if it says or shows anything."""
    question = taps.words(update).strip()
    if question.startswith(COMMAND):  # Under a picture it is no command to Telegram's library.
        question = " ".join(question.split(maxsplit=1)[1:])
    if question or _attachments(update):
        await _ask(update, context, question)
        return
    players.await_message(player=context.player, what=Awaited.PAYMENT_QUESTION, now=context.now)
    await _answer(update, context, texts.in_words())


async def keep_rest_of_album(update: Update, context: Context) -> None:
    """Keep a further picture of an album with the question that its first one has asked, if any."""
    assert update.message is not None
    request = support.add_to_album(
        player=context.player,
        album=update.message.media_group_id or "",
        text=taps.words(update).strip(),
        attachments=_attachments(update),
    )
    if request is not None:
        support_files.want_photos(request=request, now=context.now)
    if request is not None and not request.text:
        players.await_message(player=context.player, what=Awaited.PAYMENT_QUESTION, now=context.now)


async def _ask(update: Update, context: Context, question: str) -> None:
    """Hand the question to support; pictures without words are kept, and words asked for."""
    assert update.message is not None
    try:
        request = support.ask(
            player=context.player,
            text=question,
            attachments=_attachments(update),
            album=update.message.media_group_id or "",
            now=context.now,
        )
    except TooManyRequestsError:
        text = texts.too_many_questions()
    except DailyLimitError:
        text = texts.too_many_questions_today()
    else:
        # So that support sees them at once.
        support_files.want_photos(request=request, now=context.now)
        text = texts.asked_support(request) if request.text else texts.pictures_kept(request)
        if not request.text:
            players.await_message(
                player=context.player, what=Awaited.PAYMENT_QUESTION, now=context.now
            )
    await _answer(update, context, text)


async def _answer(update: Update, context: Context, text: str) -> None:
    """Answer; support is open to who is suspended, too, but no button is."""
    way_back = navigation.usable_by(context.player, navigation.way_back())
    await taps.send_message(update, text, way_back)


def _attachments(update: Update) -> list[dict[str, str]]:
    """Return what the message shows: a kind, and the file's id at Telegram."""
    message = update.message
    assert message is not None
    found: list[dict[str, str]] = []
    for kind in _ATTACHMENTS:
        attached = getattr(message, kind)
        if attached:
            # A photo comes in several sizes, the largest last.
            file = attached[-1] if kind == "photo" else attached
            found.append({"kind": kind, "file_id": file.file_id})
    return found


SCREEN = Screen(
    commands={"paysupport": paysupport},
    messages=((is_rest_of_album, keep_rest_of_album), (is_for_support, asked)),
)
