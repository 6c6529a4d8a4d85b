"""The buttons under the page of invitations and the news of it."""

from telegram import CopyTextButton, InlineKeyboardButton, InlineKeyboardMarkup

from bot.chat import phrases
from bot.chat.navigation import Data, button
from bot.screens.invite import texts
from promos.models import ReferralReward, RewardChoice
from promos.referrals import Overview


def invite(seen: Overview, *, link: str) -> InlineKeyboardMarkup:
    """Return the choices that are open, the ways to pass the link on, and the way out."""
    rows = [row for reward in seen.rewards if reward.offered_at for row in _choices(reward)]
    share = InlineKeyboardButton(texts.button_share(), url=texts.share(link))
    copy = InlineKeyboardButton(texts.button_copy(), copy_text=CopyTextButton(link))
    return InlineKeyboardMarkup(
        [*rows, [share], [copy], [button(phrases.button_back(), Data.HOME)]]
    )


def _choices(reward: ReferralReward) -> list[list[InlineKeyboardButton]]:
    return [
        [
            button(
                texts.button_choice(reward, choice),
                Data.REWARD,
                reward.number,
                choice.value,
            )
        ]
        for choice in RewardChoice
    ]


def after_invitation_notice(reward: ReferralReward | None) -> InlineKeyboardMarkup:
    """Return the choices of a reward that can be chosen, and the way to the invitations."""
    rows = _choices(reward) if reward and reward.offered_at and not reward.revoked_at else []
    return InlineKeyboardMarkup([*rows, [button(phrases.button_invite(), Data.INVITE)]])


def rewarded() -> InlineKeyboardMarkup:
    """Return the ways to a round, and back to the invitations."""
    return InlineKeyboardMarkup(
        [
            [button(phrases.button_play(), Data.MENU)],
            [button(phrases.button_invite(), Data.INVITE)],
        ]
    )
