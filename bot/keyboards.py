"""The buttons under the messages, and what their data means.

Data is at most 64 bytes (Bot API InlineKeyboardButton). `Data` is the one home of its grammar.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from telegram import CopyTextButton, InlineKeyboardButton, InlineKeyboardMarkup, Message

from bot import (
    buying,
    invite_texts,
    local_time,
    offer_texts,
    promo_texts,
    reminder_texts,
    texts,
)
from bot.models import ReminderSettings, Zone
from payments.catalogue import Offer
from payments.models import Impression, Purchase, Subscription, SubscriptionState
from payments.offers import Proposal
from promos.models import ReferralReward, RewardChoice
from promos.referrals import Overview
from quizarena.game.models import Mode, Round, Showing
from quizarena.players.models import Language

# What is played in rounds; a mode that is not open is shown with a lock.
MENU = (
    Mode.QUICK_MIX_A1A2,
    Mode.ARTIKEL_SPRINT,
    Mode.CASES_PRACTICE,
    Mode.TRENNBARE_VERBEN,
    Mode.WORD_ORDER,
)
# Options up to this many characters stand two in a row.
SHORT = 16
# Purchases on one page of the list.
PURCHASES_LENGTH = 6


class Data(StrEnum):
    """The first word of a button's data."""

    MENU = "menu"
    HOME = "home"
    PLAY = "play"  # play:<mode>:<start key>
    ANSWER = "answer"  # answer:<showing>:<place>
    STOP = "stop"  # stop:<round>
    LANGUAGES = "languages"
    LANGUAGE = "language"  # language:<code>
    WALLET = "wallet"  # wallet:<entry after which the statement goes on>
    STATS = "stats"
    SHOP = "shop"
    PRODUCT = "product"  # product:<code>
    BUY = "buy"  # buy:<code>:<redemption whose discount the price has, if one has>
    SUBSCRIBE = "subscribe"  # subscribe:<code>
    PURCHASES = "purchases"  # purchases:<page>
    RECEIPT = "receipt"  # receipt:<purchase>:<page of the list>
    SUBSCRIPTION = "subscription"
    CANCEL = "cancel"
    CANCEL_BESIDE = "cancel-beside"
    RESUME = "resume"
    PROMO = "promo"
    INVITE = "invite"
    REWARD = "reward"  # reward:<number>:<choice>
    OFFER = "offer"  # offer:<impression>:<code>:<redemption whose discount the price has, if any>
    FLASH = "flash"  # flash:<impression>
    LATER = "later"  # later:<impression>
    MUTE = "mute"  # mute:<impression>
    SETTINGS = "settings"
    SWITCH = "switch"  # switch:<field of the settings>:<1 on, 0 off>
    ZONES = "zones"
    ZONE = "zone"  # zone:<IANA name>
    HOURS = "hours"
    HOUR = "hour"  # hour:<8 to 21>
    REMIND = "remind"  # remind:<1 yes, 0 no>
    NO_NEWS = "nonews"


# These take themselves away and leave the other buttons of their message (see `without`).
USED_ONCE = (Data.REMIND, Data.NO_NEWS)


class _Button(InlineKeyboardButton):
    """A button that is tapped; it knows by itself how it goes to Telegram.

    Finding that out costs python-telegram-bot a look at each of its attributes.
    """

    __slots__ = ()

    def to_dict(self, recursive: bool = True) -> dict[str, Any]:
        """Return the button as the Bot API takes it."""
        return {"text": self.text, "callback_data": self.callback_data}


def _button(label: str, *data: object) -> InlineKeyboardButton:
    return _Button(label, callback_data=":".join(str(part) for part in data))


def home() -> InlineKeyboardMarkup:
    """Return the buttons under the greeting."""
    return InlineKeyboardMarkup(
        [
            [_button(texts.button_play(), Data.MENU)],
            [
                _button(texts.button_wallet(), Data.WALLET),
                _button(texts.button_stats(), Data.STATS),
            ],
            [
                _button(buying.button_shop(), Data.SHOP),
                _button(promo_texts.button_promo(), Data.PROMO),
            ],
            [
                _button(invite_texts.button_invite(), Data.INVITE),
                _button(reminder_texts.button_settings(), Data.SETTINGS),
            ],
            [
                _button(texts.button_language(), Data.LANGUAGES),
            ],
        ]
    )


def menu(*, start_key: str, open_modes: Collection[str] | None) -> InlineKeyboardMarkup:
    """Return one button for each mode; `start_key` makes all taps on one of them one start.

    `open_modes` are those without a lock; None is all of them.
    """
    rows = []
    for mode in MENU:
        is_open = open_modes is None or mode in open_modes
        label = texts.mode_name(mode) if is_open else f"🔒 {texts.mode_name(mode)}"
        rows.append([_button(label, Data.PLAY, mode, start_key)])
    if open_modes is not None:
        rows.append([_button(buying.button_shop(), Data.SHOP)])  # What opens the locks.
    return InlineKeyboardMarkup([*rows, [_button(texts.button_back(), Data.HOME)]])


def wallet(*, older: int | None, has_subscription: bool) -> InlineKeyboardMarkup:
    """Return the ways to older entries, if there are any, to what was bought, and the way out."""
    bought = [_button(buying.button_purchases(), Data.PURCHASES)]
    if has_subscription:
        bought.append(_button(buying.button_subscription(), Data.SUBSCRIPTION))
    rows = [[_button(texts.button_older(), Data.WALLET, older)]] if older else []
    return InlineKeyboardMarkup([*rows, bought, [_button(texts.button_back(), Data.HOME)]])


def way_back() -> InlineKeyboardMarkup:
    """Return the way to a round, and the way out."""
    return InlineKeyboardMarkup(
        [
            [_button(texts.button_play(), Data.MENU)],
            [_button(texts.button_back(), Data.HOME)],
        ]
    )


def out_of_energy() -> InlineKeyboardMarkup:
    """Return the way to more energy, and the way out."""
    return InlineKeyboardMarkup(
        [
            [_button(buying.button_shop(), Data.SHOP)],
            [_button(texts.button_back(), Data.HOME)],
        ]
    )


def options(showing: Showing) -> InlineKeyboardMarkup:
    """Return the four options in the order of the showing, and the way out."""
    buttons = [
        _button(showing.text_at(place), Data.ANSWER, showing.pk, place)
        for place in range(len(showing.order))
    ]
    short = all(len(button.text) <= SHORT for button in buttons)
    rows = [buttons[:2], buttons[2:]] if short else [[button] for button in buttons]
    return InlineKeyboardMarkup(
        [*rows, [_button(texts.button_stop(), Data.STOP, showing.round_id)]]
    )


def after_round(played: Round, *, sells: bool = False, asks: bool = False) -> InlineKeyboardMarkup:
    """Return the buttons under a result.

    `sells` what would have let the round go on, `asks` whether the bot may remind.
    """
    rows = [
        [_button(texts.button_again(), Data.PLAY, played.mode, f"r{played.pk}")],
        [_button(texts.button_modes(), Data.MENU)],
    ]
    if sells:
        rows.insert(0, [_button(buying.button_shop(), Data.SHOP)])
    if asks:
        yes = _button(reminder_texts.button_yes(), Data.REMIND, 1)
        rows.append([yes, _button(reminder_texts.button_no(), Data.REMIND, 0)])
    return InlineKeyboardMarkup(rows)


def languages() -> InlineKeyboardMarkup:
    """Return one button for each language, named in itself."""
    return InlineKeyboardMarkup(
        [[_button(language.label, Data.LANGUAGE, language.value)] for language in Language]
        + [[_button(texts.button_back(), Data.HOME)]]
    )


# --- What the bot says on its own -----------------------------------------------------------------


def settings(wanted: ReminderSettings, *, now: datetime) -> InlineKeyboardMarkup:
    """Return one switch for each kind of message, the clock, the language, and the way out."""
    rows = [
        [_button(label, Data.SWITCH, field, int(not getattr(wanted, field)))]
        for field, label in reminder_texts.switches(wanted).items()
    ]
    if wanted.daily_round:
        rows.insert(2, [_button(reminder_texts.button_hour(wanted), Data.HOURS)])
    return InlineKeyboardMarkup(
        [
            *rows,
            [
                _button(reminder_texts.button_zone(wanted, now=now), Data.ZONES),
                _button(texts.button_language(), Data.LANGUAGES),
            ],
            [_button(texts.button_back(), Data.HOME)],
        ]
    )


def zones(*, now: datetime) -> InlineKeyboardMarkup:
    """Return one button for each clock, with the time that it shows, and the way back."""
    buttons = [
        _button(
            f"{reminder_texts.city(zone)} {reminder_texts.clock(zone, now=now)}", Data.ZONE, zone
        )
        for zone in Zone
    ]
    back = [_button(texts.button_back(), Data.SETTINGS)]
    return InlineKeyboardMarkup([*_in_rows(buttons, length=2), back])


def hours() -> InlineKeyboardMarkup:
    """Return one button for each hour that is not quiet, and the way back."""
    buttons = [_button(f"{hour}:00", Data.HOUR, hour) for hour in local_time.HOURS]
    back = [_button(texts.button_back(), Data.SETTINGS)]
    return InlineKeyboardMarkup([*_in_rows(buttons, length=4), back])


def _in_rows(
    buttons: Sequence[InlineKeyboardButton], *, length: int
) -> list[list[InlineKeyboardButton]]:
    return [list(buttons[first : first + length]) for first in range(0, len(buttons), length)]


def reminded(wanted: ReminderSettings, *, now: datetime) -> InlineKeyboardMarkup:
    """Return the ways to the clock and the settings, and to a round."""
    return InlineKeyboardMarkup(
        [
            [_button(reminder_texts.button_zone(wanted, now=now), Data.ZONES)],
            [_button(reminder_texts.button_settings(), Data.SETTINGS)],
            [_button(texts.button_play(), Data.MENU)],
        ]
    )


def reminder(proposal: Proposal | None) -> InlineKeyboardMarkup:
    """Return the way to a round, to what is offered with it, and to the switch of reminders."""
    offered = offer(proposal).inline_keyboard if proposal else ()
    return InlineKeyboardMarkup(
        [
            [_button(texts.button_play(), Data.MENU)],
            *offered,
            [_button(reminder_texts.button_settings(), Data.SETTINGS)],
        ]
    )


def without(message: object, data: Data) -> InlineKeyboardMarkup:
    """Return the buttons of a message but for the rows with `data`, which have done their work."""
    markup = message.reply_markup if isinstance(message, Message) else None
    return InlineKeyboardMarkup(
        [
            row
            for row in (markup.inline_keyboard if markup else ())
            if not any(str(button.callback_data).startswith(data) for button in row)
        ]
    )


def broadcast(*, label: str, screen: str, url: str) -> InlineKeyboardMarkup:
    """Return the button of a broadcast, if it has one, and the one that ends broadcasts."""
    rows = [[_button(reminder_texts.button_no_news(), Data.NO_NEWS)]]
    if url:
        rows.insert(0, [InlineKeyboardButton(label, url=url)])
    elif screen:
        rows.insert(0, [_button(label, screen)])
    return InlineKeyboardMarkup(rows)


# --- Buying ---------------------------------------------------------------------------------------


def shop(offers: Sequence[Offer]) -> InlineKeyboardMarkup:
    """Return one button for each product, the way to a discount, and the way out."""
    promo = [_button(promo_texts.button_promo(), Data.PROMO)]
    return InlineKeyboardMarkup(
        [*_products(offers), promo, [_button(texts.button_back(), Data.HOME)]]
    )


def discounted(offers: Sequence[Offer]) -> InlineKeyboardMarkup:
    """Return one button for each product that a discount makes cheaper, and the way to all."""
    return InlineKeyboardMarkup([*_products(offers), [_button(buying.button_shop(), Data.SHOP)]])


def _products(offers: Sequence[Offer]) -> list[list[InlineKeyboardButton]]:
    return [
        [_button(buying.button_product(offer), Data.PRODUCT, offer.product.pk)] for offer in offers
    ]


def refused_code(*, can_retry: bool) -> InlineKeyboardMarkup:
    """Return the way to another code, unless none is looked at now, and the way out."""
    rows = [[_button(promo_texts.button_another(), Data.PROMO)]] if can_retry else []
    return InlineKeyboardMarkup([*rows, [_button(texts.button_back(), Data.HOME)]])


def product(offer: Offer, held: Subscription | None) -> InlineKeyboardMarkup:
    """Return the ways to buy a product, if it can be bought now, and the way back.

    Who has a subscription (`held`) is not offered a second one.
    """
    sold, rows = offer.product, []
    if offer.refused is None:
        hold = [offer.hold.pk] if offer.hold else []
        rows.append([_button(buying.button_buy(offer), Data.BUY, sold.pk, *hold)])
        if sold.can_subscribe and held is None:
            label = buying.button_subscribe(sold.stars)
            rows.append([_button(label, Data.SUBSCRIBE, sold.pk)])
        if held is not None and held.canceled_at is None:
            rows.append([_button(buying.button_cancel(), Data.CANCEL_BESIDE)])
    return InlineKeyboardMarkup([*rows, [_button(texts.button_back(), Data.SHOP)]])


def invoice(purchase: Purchase, held: Subscription | None) -> InlineKeyboardMarkup:
    """Return the button that pays, which Telegram wants to be the first, and the way back.

    Beside it stands how to cancel the subscription that would go on (`held`), if there is one.
    """
    return InlineKeyboardMarkup(
        [
            [InlineKeyboardButton(buying.button_pay(purchase), pay=True)],
            *_cancel_beside(held),
            [_button(texts.button_back(), Data.SHOP)],
        ]
    )


def _cancel_beside(held: Subscription | None) -> list[list[InlineKeyboardButton]]:
    return [[_button(buying.button_cancel(), Data.CANCEL_BESIDE)]] if held else []


def link(purchase: Purchase) -> InlineKeyboardMarkup:
    """Return the button that opens the invoice of a subscription, and the way back."""
    label = buying.button_subscribe(purchase.stars)
    return InlineKeyboardMarkup(
        [
            [InlineKeyboardButton(label, url=purchase.invoice_link)],
            [_button(texts.button_back(), Data.SHOP)],
        ]
    )


def told_of_purchase(held: Subscription | None = None) -> InlineKeyboardMarkup:
    """Return the ways to a round, and to what was bought; and out of a subscription beside it."""
    return InlineKeyboardMarkup(
        [
            *_cancel_beside(held),
            [_button(texts.button_play(), Data.MENU)],
            [_button(buying.button_purchases(), Data.PURCHASES)],
        ]
    )


def told_of_subscription() -> InlineKeyboardMarkup:
    """Return the ways to the subscription, and out."""
    return InlineKeyboardMarkup(
        [
            [_button(buying.button_subscription(), Data.SUBSCRIPTION)],
            [_button(texts.button_back(), Data.HOME)],
        ]
    )


def purchases(page: Sequence[Purchase], *, number: int, has_more: bool) -> InlineKeyboardMarkup:
    """Return one button for each purchase on the page, the ways to other pages, and back."""
    rows = [
        [_button(buying.purchase(bought), Data.RECEIPT, bought.pk.hex, number)] for bought in page
    ]
    turns = [_button(buying.button_newer(), Data.PURCHASES, number - 1)] if number else []
    if has_more:
        turns.append(_button(texts.button_older(), Data.PURCHASES, number + 1))
    if not page:
        turns = [_button(buying.button_shop(), Data.SHOP)]
    return InlineKeyboardMarkup(
        [*rows, *([turns] if turns else []), [_button(texts.button_back(), Data.WALLET)]]
    )


def receipt(*, page: str) -> InlineKeyboardMarkup:
    """Return the way back to the page of the list."""
    return InlineKeyboardMarkup([[_button(texts.button_back(), Data.PURCHASES, page)]])


def subscription(held: Subscription, *, now: datetime) -> InlineKeyboardMarkup:
    """Return what can be done with a subscription, and the way back."""
    rows = [[_button(texts.button_back(), Data.WALLET)]]
    if held.state(now) is SubscriptionState.CANCELED:
        rows.insert(0, [_button(buying.button_resume(), Data.RESUME)])
    elif held.canceled_at is None:
        rows.insert(0, [_button(buying.button_cancel(), Data.CANCEL)])
    return InlineKeyboardMarkup(rows)


# --- Inviting -------------------------------------------------------------------------------------


def invite(seen: Overview, *, link: str) -> InlineKeyboardMarkup:
    """Return the choices that are open, the ways to pass the link on, and the way out."""
    rows = [row for reward in seen.rewards if reward.offered_at for row in _choices(reward)]
    share = InlineKeyboardButton(invite_texts.button_share(), url=invite_texts.share(link))
    copy = InlineKeyboardButton(invite_texts.button_copy(), copy_text=CopyTextButton(link))
    return InlineKeyboardMarkup([*rows, [share], [copy], [_button(texts.button_back(), Data.HOME)]])


def _choices(reward: ReferralReward) -> list[list[InlineKeyboardButton]]:
    return [
        [
            _button(
                invite_texts.button_choice(reward, choice),
                Data.REWARD,
                reward.number,
                choice.value,
            )
        ]
        for choice in RewardChoice
    ]


def told_of_invitation(reward: ReferralReward | None) -> InlineKeyboardMarkup:
    """Return the choices of a reward that can be chosen, and the way to the invitations."""
    rows = _choices(reward) if reward and reward.offered_at and not reward.revoked_at else []
    return InlineKeyboardMarkup([*rows, [_button(invite_texts.button_invite(), Data.INVITE)]])


def rewarded() -> InlineKeyboardMarkup:
    """Return the ways to a round, and back to the invitations."""
    return InlineKeyboardMarkup(
        [
            [_button(texts.button_play(), Data.MENU)],
            [_button(invite_texts.button_invite(), Data.INVITE)],
        ]
    )


# --- Offers ---------------------------------------------------------------------------------------


def offer(proposal: Proposal) -> InlineKeyboardMarkup:
    """Return the ways to what is offered, and the ways not to see it now or for some days.

    A present asks for nothing.
    """
    shown = proposal.impression
    if proposal.gift:
        return way_back()
    if proposal.campaign is not None:
        take = [[_button(offer_texts.button_discount(proposal.campaign), Data.FLASH, shown.pk)]]
    else:
        take = _offered(shown, proposal.wares)
    return InlineKeyboardMarkup([*take, *_refusing(shown)])


def offer_discounted(shown: Impression, wares: Sequence[Offer]) -> InlineKeyboardMarkup:
    """Return the ways to what the discount of an offer makes cheaper, and the way out."""
    out = [_button(texts.button_back(), Data.HOME)]
    return InlineKeyboardMarkup([*_offered(shown, wares), out])


def _offered(shown: Impression, wares: Sequence[Offer]) -> list[list[InlineKeyboardButton]]:
    """Return one button for each product, with the discount that its price was told with."""
    rows = []
    for ware in wares:
        hold = [ware.hold.pk] if ware.hold else []
        label = buying.button_product(ware)
        rows.append([_button(label, Data.OFFER, shown.pk, ware.product.pk, *hold)])
    return rows


def _refusing(shown: Impression) -> list[list[InlineKeyboardButton]]:
    """Return the ways not to want an offer."""
    return [
        [_button(offer_texts.button_later(), Data.LATER, shown.pk)],
        [_button(offer_texts.button_mute(), Data.MUTE, shown.pk)],
    ]
