"""What the chat of a member of staff sends: a code, or /unlink."""

from telegram import Update

from bot import staff_chats
from bot.chat import navigation, taps
from bot.chat.context import Context
from bot.screens.staff_chats import texts
from bot.staff_chats import TooManyWrongCodesError, WrongCodeError


async def followed(update: Update, context: Context, parameter: str) -> None:
    """Link the chat that has sent the code."""
    code = parameter.removeprefix(staff_chats.LINK)
    try:
        staff = staff_chats.link(player=context.player, code=code, now=context.now)
    except TooManyWrongCodesError:
        answer = texts.too_many_link_codes()
    except WrongCodeError:
        answer = texts.wrong_link_code()
    else:
        answer = texts.chat_linked(staff=staff.get_username())
    await taps.say(update, answer, navigation.home())


async def unlinked(update: Update, context: Context) -> None:
    """Unlink the chat (/unlink)."""
    was_linked = staff_chats.unlink_chat(player=context.player)
    answer = texts.chat_unlinked() if was_linked else texts.chat_not_linked()
    await taps.say(update, answer, navigation.home())
