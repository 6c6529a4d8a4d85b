"""Every sentence about reviews; see bot/chat/phrases.py."""

from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bot.chat import phrases, question_texts
from quizarena.game.models import NEW_CARDS_PER_DAY, ReviewQuestion
from quizarena.game.reviews import Answer, Summary


def question(asked: ReviewQuestion) -> str:
    """Return a card with its level and mode, and how far one is in the review."""
    row = asked.version.question_row
    head = question_texts.head(
        level=row.level, mode=row.category, number=asked.number, length=asked.review.length
    )
    return f"{head}\n\n{question_texts.asked(asked)}"


def feedback(answered: Answer) -> str:
    """Return whether the answer was right, the right answer, and why."""
    if answered.choice is None:
        return question_texts.feedback_written(answered.question, text=answered.text or "")
    return question_texts.feedback(answered.question.version, choice=answered.choice)


def feedback_and_question(answered: Answer) -> str:
    """Return one message that answers the last tap and asks on."""
    assert answered.next is not None
    return f"{feedback(answered)}\n\n{question_texts.DIVIDER}\n\n{question(answered.next)}"


def result(summary: Summary, answered: Answer | None = None, *, now: datetime) -> str:
    """Return how a review went, what it has brought, and when a card is due next."""
    score = ngettext(
        "<b>{correct} of {answered} card right</b>",
        "<b>{correct} of {answered} cards right</b>",
        summary.answered,
    ).format(correct=summary.right, answered=summary.answered)
    lines = [_("🏁 Review"), score]
    streak = answered.streak if answered is not None else None
    if streak is not None and streak.is_first_of_day:
        grown = ngettext("🔥 Streak: {days} day", "🔥 Streak: {days} days", streak.current)
        lines.append(grown.format(days=streak.current))
    earned = answered.earned if answered is not None else None
    is_full = earned is not None and earned.is_full
    if gained := phrases.earned(summary.points, is_full=is_full):
        lines.append(gained)
    lines += ["", next_due(summary.next_due_at, due=summary.due, now=now)]
    return "\n".join(lines)


def next_due(next_due_at: datetime | None, *, due: int, now: datetime) -> str:
    """Return how many cards are due now, or when the next one will be."""
    if due:
        return ngettext("🔁 {count} card is due now.", "🔁 {count} cards are due now.", due).format(
            count=phrases.count_up_to_99(due)
        )
    if next_due_at is None:
        return _("Questions that you answer wrong come back here, and those that you save with ⭐.")
    return _("The next card is due {wait}.").format(wait=phrases.time_until(next_due_at - now))


def nothing_due(next_due_at: datetime | None, *, now: datetime) -> str:
    """Return the answer when no card is due: what a review is, and when the next one will be."""
    head = _("🔁 <b>Review</b>") + "\n\n" + _("No card is due. It costs no energy.")
    return f"{head}\n\n{next_due(next_due_at, due=0, now=now)}"


def nothing_due_toast() -> str:
    """Return the note over the chat when no card is due."""
    return _("No card is due now.")


def undone() -> str:
    """Return the note over the chat about an answer that was a slip."""
    return _("Taken back: try it again.")


def too_late() -> str:
    """Return the kind answer to a slip that cannot be taken back any more."""
    return _("This answer cannot be taken back any more. The card comes back anyway.")


def saved(number: int) -> str:
    """Return the note over the chat about a saved question."""
    return _("⭐ Question {number} is saved for /review.").format(number=number)


def unsaved(number: int) -> str:
    """Return the note over the chat about a question that is no longer saved."""
    return _("Question {number} is no longer saved.").format(number=number)


def stays() -> str:
    """Return why a question stays in the review."""
    return _("This one stays in /review until you know it.")


def day_is_full() -> str:
    """Return why a question cannot be saved today."""
    return ngettext(
        "{most} new card a day is the most. You can save it tomorrow.",
        "{most} new cards a day are the most. You can save more tomorrow.",
        NEW_CARDS_PER_DAY,
    ).format(most=NEW_CARDS_PER_DAY)


def button_next() -> str:
    """Return the label of the button that leads to the next card."""
    return _("▶️ Next")


def button_skip() -> str:
    """Return the label of the button of who does not know the answer."""
    return _("🤷 I don't know")


def button_slip() -> str:
    """Return the label of the button that takes a wrong answer back."""
    return _("↩️ That was a slip")


def button_stop() -> str:
    """Return the label of the button that ends a review."""
    return _("⏹ Stop")
