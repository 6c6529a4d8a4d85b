"""The reasons for which a question can be reported."""

from telegram import InlineKeyboardMarkup

from bot.chat import navigation
from bot.chat.navigation import Data, button
from bot.screens.reports import texts
from quizarena.game.report_rules import ReportReason


def reasons(version_id: int) -> InlineKeyboardMarkup:
    """Return a button for each reason, and the one that takes the question away."""
    rows = [
        [button(texts.button_reason(reason), Data.REPORT_AS, version_id, reason.value)]
        for reason in ReportReason
    ]
    return InlineKeyboardMarkup([*rows, [navigation.close()]])
