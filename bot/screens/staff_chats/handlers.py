"""What the chat of a member of staff sends: a code, or /unlink."""

from telegram import Update

from bot.chat import navigation, taps
from bot.chat.context import Context
from bot.chat.screen import Screen
from bot.screens.staff_chats import linking, texts
from bot.screens.staff_chats.linking import TooManyWrongCodesError, WrongCodeError


async def followed(update: Update, context: Context, parameter: str, *, is_first: bool) -> None:
    """Link the chat that has sent the code."""
    code = parameter.removeprefix(linking.LINK)
    try:
        staff = linking.link(player=context.player, code=code, now=context.now)
    except TooManyWrongCodesError:
        answer = texts.too_many_link_codes()
    except WrongCodeError:
        answer = texts.wrong_link_code()
    else:
        answer = texts.chat_linked(staff=staff.get_username())
    await taps.send_message(update, answer, navigation.home())


async def unlinked(update: Update, context: Context) -> None:
    """Unlink the chat (/unlink)."""
    was_linked = linking.unlink_chat(player=context.player)
    answer = texts.chat_unlinked() if was_linked else texts.chat_not_linked()
    await taps.send_message(update, answer, navigation.home())


SCREEN = Screen(
    is_for_players=False,
    commands={"unlink": unlinked},
    links={linking.LINK: followed},
)
