"""The buttons, what their data means, and the ways that several screens share.

Data is at most 64 bytes (Bot API InlineKeyboardButton). `Data` is the one home of its grammar, and
stands on old messages: what is there stays understood.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from telegram import InlineKeyboardButton, InlineKeyboardMarkup

from bot.chat import goods_texts, phrases
from payments.catalogue import Offer
from quizarena.game.models import RoundQuestion, WritableQuestion
from quizarena.players.models import Player


class Data(StrEnum):
    """The first word of a button's data."""

    MENU = "menu"
    HOME = "home"
    PLAY = "play"  # play:<mode>:<start key>
    SAMPLE = "sample"  # sample:<mode>:<start key>
    ANSWER = "answer"  # answer:<round_question>:<option index>
    CHIP = "chip"  # chip:<round_question>:<number of the word>
    CHIP_BACK = "unchip"  # unchip:<round_question>:<how many have been put down>
    SKIP = "skip"  # skip:<round_question>
    STOP = "stop"  # stop:<round>
    CONTINUE = "continue"  # continue:<round>
    SPRINT = "sprint"  # sprint:<start key>
    SPRINT_START = "sprint-go"  # sprint-go:<start key>
    SPRINT_ANSWER = "sprint-say"  # sprint-say:<sprint>:<number of the question>:<article>
    SPRINT_STOP = "sprint-end"  # sprint-end:<sprint>
    # sprint-list:<sprint>:<page>, or sprint-list:<sprint> under a result
    SPRINT_ANSWERS = "sprint-list"
    SPRINT_NOUN = "sprint-noun"  # sprint-noun:<sprint>:<number of the question>
    DAILY = "daily"
    DAILY_START = "daily-start"
    DAILY_ANSWER = "daily-answer"  # daily-answer:<run>:<number of the question>:<option index>
    REVIEW = "review"
    REVIEW_ANSWER = "review-answer"  # review-answer:<review question>:<option index>
    REVIEW_CHIP = "review-chip"  # review-chip:<review question>:<number of the word>
    # review-unchip:<review question>:<how many have been put down>
    REVIEW_CHIP_BACK = "review-unchip"
    REVIEW_SKIP = "review-skip"  # review-skip:<review question>
    REVIEW_STOP = "review-stop"  # review-stop:<review>
    REVIEW_UNDO = "review-undo"  # review-undo:<review question>
    SAVE = "save"  # save:<round question>:<1 to save, 0 no longer>
    TOP = "top"  # top:<tab>
    PROFILE = "profile"
    NAME = "name"
    NO_NAME = "no-name"
    SHOW_NAME = "show-name"  # show-name:<1 yes, 0 no>
    LEAGUES = "leagues"  # leagues:<1 in, 0 out>
    DUEL = "duel"
    DUELS = "duels"
    DUEL_NEW = "duel-new"  # duel-new:<link or open>
    # duel-make:<link or open>:<rounds>:<1 if a ticket may be used>:<key>
    DUEL_MAKE = "duel-make"
    DUEL_TAKE = "duel-take"  # duel-take:<token>
    DUEL_SHOW = "duel-show"  # duel-show:<duel>
    DUEL_PLAY = "duel-play"  # duel-play:<duel>
    DUEL_ANSWER = "duel-answer"  # duel-answer:<duel>:<number of the question>:<option index>
    DUEL_CANCEL = "duel-cancel"  # duel-cancel:<duel>
    DUEL_AGAIN = "duel-again"  # duel-again:<duel>:<one or three>:<1 if a ticket may be used>
    CUP = "cup"
    CUP_REGISTER = "cup-in"
    CUP_LEAVE = "cup-out"
    TOURNAMENTS = "tours"
    TOURNAMENT = "tour"  # tour:<tournament>
    # tour-make:<questions of a round>:<1 if a ticket may be used>:<key>
    TOURNAMENT_MAKE = "tour-make"
    TOURNAMENT_JOIN = "tour-join"  # tour-join:<token>
    TOURNAMENT_LEAVE = "tour-leave"  # tour-leave:<tournament>
    TOURNAMENT_START = "tour-start"  # tour-start:<tournament>
    TOURNAMENT_PLAY = "tour-play"  # tour-play:<tournament>
    # tour-answer:<pairing>:<number of the question>:<option index>
    TOURNAMENT_ANSWER = "tour-answer"
    LEVELS = "levels"
    LEVEL = "level"  # level:<mode, or "all">:<level, if one is chosen>
    PLACEMENT = "placement"
    PLACEMENT_ANSWER = "placed"  # placed:<placement>:<number of the question>:<option index>
    RULES = "rules"  # rules:<level, if one is chosen>:<page>
    RULE_TOPIC = "rules-of"  # rules-of:<topic>:<level>:<page of the topics>
    RULE = "rule"  # rule:<card>:<level>:<page of the topics>, or rule:<card> under an answer
    CLOSE = "close"
    REPORT = "report"  # report:<version of the question>
    REPORT_AS = "report-as"  # report-as:<version of the question>:<reason>
    WELCOME = "welcome"  # welcome:<code of a language>
    BEGIN = "begin"  # begin:<level>
    LANGUAGES = "languages"
    LANGUAGE = "language"  # language:<code>
    WALLET = "wallet"  # wallet:<entry after which the statement continues>
    STATS = "stats"
    SHOP = "shop"
    # product:<code>:<redemption whose discount the price has, if one has>
    PRODUCT = "product"
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
    REMIND = "remind"  # remind:<2 daily, 1 when the streak ends, 0 no>
    GOAL = "goal"  # goal:<rounds a day, if chosen>
    NO_NEWS = "nonews"
    DELETE_ME = "delete-me"
    KEEP_ME = "keep-me"


# These change or take away themselves alone: their handlers read the other buttons of the message.
IN_THEIR_PLACE = (Data.REMIND, Data.NO_NEWS, Data.SAVE)

# Options of a question up to this many characters stand two in a row.
SHORT = 16
# Of words to be put in order so many stand in a row, and so many letters have room in it. All
# buttons of a row are as wide as its longest word.
WORDS_PER_ROW = 4
ROW_LETTERS = 24
# Three of them stand in one row up to so many.
TINY = 8
THREE = 3


class Button(InlineKeyboardButton):
    """A button that is tapped; it knows by itself how it goes to Telegram.

    Finding that out costs python-telegram-bot a look at each of its attributes.
    """

    __slots__ = ()

    def to_dict(self, recursive: bool = True) -> dict[str, Any]:
        """Return the button as the Bot API takes it."""
        return {"text": self.text, "callback_data": self.callback_data}


def button(label: str, *data: object) -> InlineKeyboardButton:
    return Button(label, callback_data=":".join(str(part) for part in data))


def play() -> InlineKeyboardButton:
    """Return the way to a round."""
    return button(phrases.button_play(), Data.MENU)


def continue_round(waiting: RoundQuestion | None) -> list[list[InlineKeyboardButton]]:
    """Return the row that leads to the open round of its latest question; none without one."""
    if waiting is None:
        return []
    label = phrases.button_continue_round(number=waiting.number, length=waiting.round.length)
    return [[button(label, Data.CONTINUE, waiting.round_id)]]


def daily() -> InlineKeyboardButton:
    """Return the way to the daily challenge."""
    return button(phrases.button_daily(), Data.DAILY)


def review(*, due: int) -> list[list[InlineKeyboardButton]]:
    """Return the row that leads to a review of so many cards; none without any."""
    return [[button(phrases.button_review(due), Data.REVIEW)]] if due else []


def free_of_energy(*, with_daily: bool, due: int = 0) -> list[list[InlineKeyboardButton]]:
    """Return the rows with what can be played without energy: today's challenge, and due cards."""
    return [*([[daily()]] if with_daily else []), *review(due=due)]


def review_now() -> InlineKeyboardButton:
    """Return the way to a review, whatever the number of cards."""
    return button(phrases.button_review(), Data.REVIEW)


def save(round_question_id: int, *, number: int, is_saved: bool) -> InlineKeyboardButton:
    """Return what saves the answered question of that number, or no longer if it is saved."""
    label = phrases.button_saved(number) if is_saved else phrases.button_save(number)
    return button(label, Data.SAVE, round_question_id, int(not is_saved))


def duel() -> InlineKeyboardButton:
    """Return the way to duels."""
    return button(phrases.button_duel(), Data.DUEL)


def cup(*, starts_at: datetime) -> InlineKeyboardButton:
    """Return the way to today's cup, for which one can register."""
    return button(phrases.button_cup(starts_at), Data.CUP)


def home(waiting: RoundQuestion | None = None, *, due: int = 0) -> InlineKeyboardMarkup:
    """Return the buttons under the greeting.

    `waiting` is the latest question of an open round, `due` how many cards are due.
    """
    return InlineKeyboardMarkup(
        [
            *continue_round(waiting),
            [daily()],
            [play()],
            *review(due=due),
            [duel()],
            [
                button(phrases.button_wallet(), Data.WALLET),
                button(phrases.button_stats(), Data.STATS),
            ],
            [
                button(phrases.button_shop(), Data.SHOP),
                button(phrases.button_promo(), Data.PROMO),
            ],
            [
                button(phrases.button_invite(), Data.INVITE),
                button(phrases.button_top(), Data.TOP),
            ],
            [
                button(phrases.button_rules(), Data.RULES),
                button(phrases.button_language(), Data.LANGUAGES),
            ],
            # Too long in Ukrainian for half of a row.
            [button(phrases.button_settings(), Data.SETTINGS)],
        ]
    )


def about_answer(version_id: int, *, card_id: int | None) -> list[InlineKeyboardButton]:
    """Return the row about an answered question: its rule, if there is a card, and the report."""
    report = button(phrases.button_report(), Data.REPORT, version_id)
    if card_id is None:
        return [report]
    return [button(phrases.button_rule(), Data.RULE, card_id), report]


def close() -> InlineKeyboardButton:
    """Return the button that takes its message away."""
    return button(phrases.button_close(), Data.CLOSE)


def way_back() -> InlineKeyboardMarkup:
    """Return the way to a round, and the way out."""
    return InlineKeyboardMarkup(
        [
            [play()],
            [button(phrases.button_back(), Data.HOME)],
        ]
    )


def usable_by(player: Player, keyboard: InlineKeyboardMarkup) -> InlineKeyboardMarkup:
    """Return the buttons that do anything for the player.

    For who is suspended, only those that lead out of the chat: the bot refuses all others.
    """
    if player.suspended_at is None:
        return keyboard
    rows = [[one for one in row if one.url] for row in keyboard.inline_keyboard]
    return InlineKeyboardMarkup([row for row in rows if row])


def option_rows(options: Sequence[InlineKeyboardButton]) -> list[list[InlineKeyboardButton]]:
    """Return the options of a question in rows, two in each if all of them are short.

    Three stand side by side if they are as short as an article, else below each other: a single
    one in a row of its own looks like another kind of button.
    """
    longest = max((len(option.text) for option in options), default=0)
    if len(options) == THREE:
        return [list(options)] if longest <= TINY else [[option] for option in options]
    if longest <= SHORT:
        return [list(options[start : start + 2]) for start in range(0, len(options), 2)]
    return [[option] for option in options]


def word_rows(words: Sequence[InlineKeyboardButton]) -> list[list[InlineKeyboardButton]]:
    """Return words in rows, as many in each as a phone shows side by side."""
    rows: list[list[InlineKeyboardButton]] = []
    for word in words:
        row = [*rows[-1], word] if rows else []
        longest = max((len(one.text) for one in row), default=0)
        if not row or len(row) > WORDS_PER_ROW or len(row) * longest > ROW_LETTERS:
            rows.append([word])
        else:
            rows[-1].append(word)
    return rows


def words_left(
    question: WritableQuestion, *, put_down: Data, take_back: Data
) -> list[list[InlineKeyboardButton]]:
    """Return the words that are left to be put in order, and what takes the last one back."""
    words = question.words() if question.chips else []
    left = [
        button(words[chip], put_down, question.pk, chip)
        for chip in question.chips
        if chip not in question.placed
    ]
    rows = word_rows(left)
    if question.placed:
        rows.append([button("⌫", take_back, question.pk, len(question.placed))])
    return rows


def products(offers: Sequence[Offer]) -> list[list[InlineKeyboardButton]]:
    """Return a row for each product; a tap brings its invoice at the price on the label."""
    return [[product(offer)] for offer in offers]


def product(offer: Offer, *, is_best: bool = False) -> InlineKeyboardButton:
    """Return the way to a product's invoice; `is_best` marks it as the best value."""
    reservation = [offer.reservation.pk] if offer.reservation else []
    label = goods_texts.button_product(offer, is_best=is_best)
    return button(label, Data.PRODUCT, offer.product.pk, *reservation)
