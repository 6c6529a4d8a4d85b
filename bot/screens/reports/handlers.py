"""Reports of questions. Product rules, section 15.

What is asked for a report is a message of its own below the question that waits, and goes when it
is answered: the player plays on where they were.
"""

from telegram import Update
from telegram.constants import ParseMode

from bot.chat import taps
from bot.chat.context import Context
from bot.chat.navigation import Data
from bot.chat.screen import Screen
from bot.screens.reports import buttons, texts
from quizarena.game import reports
from quizarena.game.errors import AlreadyReportedError, StaleTapError, TooManyReportsError
from quizarena.game.report_rules import ReportReason


async def ask(update: Update, context: Context) -> None:
    """Ask what is wrong with an answered question, in a message below."""
    query = taps.tap(update)
    (version_id,) = taps.arguments(query, 1)
    try:
        version = reports.reportable(
            player=context.player, version_id=_number(version_id), now=context.now
        )
    except AlreadyReportedError:
        await query.answer(texts.already_reported(), show_alert=True)
        return
    except TooManyReportsError as refusal:
        await query.answer(texts.too_many(refusal.limit), show_alert=True)
        return
    except StaleTapError:
        await query.answer(texts.no_question(), show_alert=True)
        return
    await query.answer()
    await context.bot.send_message(
        context.player.telegram_id,
        texts.ask(version),
        parse_mode=ParseMode.HTML,
        reply_markup=buttons.reasons(version.pk),
        disable_notification=True,
    )


async def report(update: Update, context: Context) -> None:
    """Record the report, thank for it, and take the message away."""
    query = taps.tap(update)
    version_id, reason = taps.arguments(query, 2)
    if reason not in list(ReportReason):
        await taps.stale(update, context)
        return
    try:
        reports.report(
            player=context.player,
            version_id=_number(version_id),
            reason=ReportReason(reason),
            now=context.now,
        )
    except AlreadyReportedError:
        note = texts.already_reported()
    except TooManyReportsError as refusal:
        note = texts.too_many(refusal.limit)
    except StaleTapError:
        note = texts.no_question()
    else:
        note = texts.thanks()
    await taps.close(update, context, note=note)


def _number(text: str) -> int:
    """Return the id that a button names; 0, which none has, for what is none."""
    return int(text) if text.isdecimal() and len(text) <= 18 else 0


SCREEN = Screen(buttons={Data.REPORT: ask, Data.REPORT_AS: report})
