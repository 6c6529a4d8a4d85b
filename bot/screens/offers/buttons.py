"""The buttons under an offer."""

from collections.abc import Sequence

from telegram import InlineKeyboardButton, InlineKeyboardMarkup

from bot.chat import goods_texts, navigation, phrases
from bot.chat.navigation import Data, button
from bot.screens.offers import texts
from payments.catalogue import Offer
from payments.models import Impression
from payments.offers import Proposal


def offer(
    proposal: Proposal, *, beside: Sequence[Sequence[InlineKeyboardButton]] = ()
) -> InlineKeyboardMarkup:
    """Return the ways to what is offered, and the ways not to see it now or for some days.

    Between them stand the rows `beside`. A present asks for nothing.
    """
    shown = proposal.impression
    if proposal.gift:
        return navigation.way_back()
    if proposal.campaign is not None:
        take = [[button(texts.button_discount(proposal.campaign), Data.FLASH, shown.pk)]]
    else:
        take = _offered(shown, proposal.products)
    return InlineKeyboardMarkup([*take, *beside, *_refusing(shown)])


def offer_discounted(shown: Impression, products: Sequence[Offer]) -> InlineKeyboardMarkup:
    """Return the ways to what the discount of an offer makes cheaper, and the way out."""
    out = [button(phrases.button_back(), Data.HOME)]
    return InlineKeyboardMarkup([*_offered(shown, products), out])


def _offered(shown: Impression, products: Sequence[Offer]) -> list[list[InlineKeyboardButton]]:
    """Return one button for each product, with the discount that its price includes."""
    rows = []
    for offered in products:
        reservation = [offered.reservation.pk] if offered.reservation else []
        label = goods_texts.button_product(offered)
        rows.append([button(label, Data.OFFER, shown.pk, offered.product.pk, *reservation)])
    return rows


def _refusing(shown: Impression) -> list[list[InlineKeyboardButton]]:
    """Return the ways not to want an offer."""
    return [
        [button(texts.button_snooze(), Data.LATER, shown.pk)],
        [button(texts.button_mute(), Data.MUTE, shown.pk)],
    ]
