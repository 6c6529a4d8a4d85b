"""Every sentence about reports of questions; see bot/chat/phrases.py."""

from html import escape

from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from bot.chat import question_texts
from quizarena.game import bank
from quizarena.game.models import QuestionVersion
from quizarena.game.report_rules import ReportReason


def ask(version: QuestionVersion) -> str:
    """Return the question what is wrong, with the question that it is about."""
    head = _("🚩 <b>What is wrong with this question?</b>")
    explanation = escape(bank.explanation_for(version, get_language() or ""))
    return f"{head}\n\n{question_texts.solved(version)}\n💡 {explanation}"


def button_reason(reason: ReportReason) -> str:
    """Return the label of the button that reports for this reason."""
    match reason:
        case ReportReason.WRONG:
            return _("❌ The answer is wrong")
        case ReportReason.UNCLEAR:
            return _("❓ It is unclear")
        case ReportReason.TWO_RIGHT:
            return _("✌️ Two answers are right")
        case ReportReason.TYPO:
            return _("✏️ There is a typo")


def thanks() -> str:
    """Return the note over the chat about a report."""
    return _("Thank you! An editor will look at this question.")


def already_reported() -> str:
    """Return the note over the chat about a second report of one question."""
    return _("You have reported this question already. Thank you! An editor will look at it.")


def too_many(limit: int) -> str:
    """Return the note over the chat about a report too many."""
    return ngettext(
        "You can report {limit} question a day. Thank you for your help! More tomorrow.",
        "You can report {limit} questions a day. Thank you for your help! More tomorrow.",
        limit,
    ).format(limit=limit)


def no_question() -> str:
    """Return the note over the chat about a question that the player has not answered."""
    return _("Only a question that you have answered can be reported.")
