"""Inviting friends: /invite, the link, and the choice of a reward. Product rules, section 9."""

from telegram import Update

from bot.chat import navigation, phrases, taps
from bot.chat.context import Context
from bot.chat.navigation import Data
from bot.chat.screen import Screen
from bot.screens.invite import buttons, texts
from economy.holdings import holdings
from promos import referrals
from promos.errors import NoRewardError, NotYetError
from promos.models import RewardChoice
from quizarena.game import rounds

# How the start parameter of an invitation begins (t.me/<bot>?start=ref_<code>).
LINK = "ref_"


async def invite(update: Update, context: Context) -> None:
    """Show the link, how far the player's friends are, and what is coming when."""
    seen = referrals.overview(player=context.player, now=context.now)
    text = texts.overview(seen, now=context.now)
    keyboard = buttons.invite(seen, link=texts.link(seen.code))
    if update.callback_query is None:
        await taps.send_message(update, text, keyboard)
    else:
        await update.callback_query.answer()
        await taps.edit_message(update.callback_query, text, keyboard)


async def followed(update: Update, context: Context, parameter: str, *, is_first: bool) -> None:
    """Greet; a new player is bound to the inviter, and the greeting names them.

    Other players are not bound, and the answer says so: to them the link is a way to the game.
    """
    name, code = context.player.first_name, parameter.removeprefix(LINK)
    greeting = phrases.greeting(name=name)
    if is_first:
        referral = referrals.bind(invited=context.player, code=code, now=context.now)
        if referral is not None and referral.inviter_id != context.player.pk:
            greeting = texts.greeting(name=name, inviter=referral.inviter.player.first_name)
    else:
        inviter = referrals.inviter_with(code=code)
        if inviter is None or referrals.is_bound(invited=context.player, inviter=inviter):
            pass  # An unknown link, or the one that has brought them: a greeting is enough.
        elif inviter.pk == context.player.pk:
            greeting = texts.own_link()
        else:
            greeting = texts.plays_already(name=name, inviter=inviter.player.first_name)
    await taps.send_message(
        update, greeting, navigation.home(rounds.open_question(player=context.player))
    )


async def choose(update: Update, context: Context) -> None:
    """Hand over the reward that was tapped, once; say what was given, or why not yet."""
    query = taps.tap(update)
    number, chosen = taps.arguments(query, 2)
    if not number.isdecimal() or len(number) > 9 or chosen not in RewardChoice.values:
        await query.answer(phrases.stale())
        return
    choice = RewardChoice(chosen)
    try:
        claim = referrals.claim(
            player=context.player, number=int(number), choice=choice, now=context.now
        )
    except NotYetError as refusal:
        await query.answer(texts.not_yet(refusal), show_alert=True)
        return
    except NoRewardError:
        await query.answer(texts.no_reward(), show_alert=True)
        return
    await query.answer(None if claim.is_new else texts.chosen_before())
    owned = holdings(player=context.player, now=context.now)
    text = texts.claimed(claim, owned, now=context.now)
    await taps.edit_message(query, text, buttons.rewarded())


SCREEN = Screen(
    commands={"invite": invite},
    buttons={Data.INVITE: invite, Data.REWARD: choose},
    links={LINK: followed},
)
