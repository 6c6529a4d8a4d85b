"""Every sentence about sprints; see bot/chat/phrases.py."""

from collections.abc import Sequence
from datetime import datetime
from html import escape

from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from bot.chat import phrases, question_texts
from economy.errors import NoEnergyError
from economy.streaks import StreakChange
from quizarena.game import bank
from quizarena.game.models import SPRINT_LENGTH
from quizarena.game.sprints import Answer, Given, Result, Step

# A result lists at most so many nouns; that leaves room for everything else in a message.
WRONG_MAX = 12
_SECONDS = int(SPRINT_LENGTH.total_seconds())


def page(best: int | None) -> str:
    """Return what a sprint is, what it costs, and the player's best."""
    parts = [
        _("⏱ <b>Article sprint</b>"),
        _(
            "<b>der, die</b> or <b>das</b>? As many nouns as you can in {seconds} seconds. "
            "A sprint costs 1 energy, however many questions it has."
        ).format(seconds=_SECONDS),
    ]
    if best:
        parts.append(_("🏆 Your best: {best}").format(best=best))
    parts.append(_("Practice is a round of ten questions with explanations, at your own pace."))
    return "\n\n".join(parts)


def question(step: Step, best: int | None, *, now: datetime) -> str:
    """Return the seconds that are left, how many were right, and the question."""
    left = step.sprint.started_at + SPRINT_LENGTH - now
    head = _("⏱ {seconds} s").format(seconds=max(0, round(left.total_seconds())))
    score = f"{head} · ✅ {step.correct}/{step.answered}"
    if best:
        score = f"{score} · 🏆 {best}"
    return f"{score}\n\n<b>{escape(step.version.question)}</b>"


def first_question(step: Step, best: int | None, *, now: datetime) -> str:
    """Return the first question, with the energy that is left after it."""
    asked = question(step, best, now=now)
    if step.charge is None:
        return asked
    return f"{asked}\n\n{phrases.energy_line(step.charge.energy, step.charge.plan, now=now)}"


def feedback(answer: Answer) -> str:
    """Return the last question on one line, solved, and whether it was right."""
    return f"{_sign(is_correct=answer.is_correct)} {question_texts.solved(answer.graded)}"


def feedback_and_question(answer: Answer, best: int | None, *, now: datetime) -> str:
    """Return one message that answers the last tap and asks on."""
    assert answer.next is not None
    return f"{feedback(answer)}\n\n{question(answer.next, best, now=now)}"


def result(over: Result, streak: StreakChange | None = None) -> str:
    """Return how a sprint went; `streak` is what its last answer did for the player's streak."""
    sprint = over.sprint
    assert sprint.answered is not None
    if not sprint.answered:
        parts = [_("⏱ <b>The sprint is over.</b> You have answered nothing this time.")]
        if over.has_returned_energy:
            parts.append(_("⚡ Its energy is yours again."))
        return "\n\n".join(parts)
    score = ngettext(
        "<b>{correct} of {answered} noun right</b>",
        "<b>{correct} of {answered} nouns right</b>",
        sprint.answered,
    ).format(correct=sprint.correct, answered=sprint.answered)
    parts = ["⏱ " + _("<b>The sprint is over.</b>") + f"\n{score}"]
    if over.is_record:
        parts.append(_("🏆 <b>Your new best!</b>"))
    elif over.best:
        parts.append(_("🏆 Your best: {best}").format(best=over.best))
    if earned := phrases.earned(over.points, is_full=False):
        parts.append(earned)
    if streak is not None and streak.is_first_of_day:
        grown = ngettext("🔥 Streak: {days} day", "🔥 Streak: {days} days", streak.current)
        parts.append(grown.format(days=streak.current))
    if over.wrong:
        listed = [f"• {question_texts.solved(version)}" for version in over.wrong[:WRONG_MAX]]
        more = len(over.wrong) - len(listed)
        if more:
            listed.append(_("and {more} more").format(more=more))
        parts.append("\n".join([_("📝 <b>Worth another look:</b>"), *listed]))
    return "\n\n".join(parts)


def answers(shown: Sequence[Given], *, page: int, pages: int) -> str:
    """Return a page of what a sprint has asked, each solved on one line."""
    head = _("⏱ <b>Your answers</b>")
    if pages > 1:
        place = _("Page {page} of {pages}").format(page=page + 1, pages=pages)
        head = f"{head} · {place}"
    lines = [
        f"{one.number}. {_sign(is_correct=one.is_correct)} {question_texts.solved(one.version)}"
        for one in shown
    ]
    hint = _("Tap a number to see why, to read the rule or to report the noun.")
    return "\n\n".join([head, "\n".join(lines), hint])


def noun(shown: Given) -> str:
    """Return an answered noun, solved, and why its article is right."""
    explanation = escape(bank.explanation_for(shown.version, get_language() or ""))
    solved = question_texts.solved(shown.version)
    return f"{_sign(is_correct=shown.is_correct)} {solved}\n💡 {explanation}"


def _sign(*, is_correct: bool) -> str:
    return "✅" if is_correct else "❌"


def time_is_up() -> str:
    """Return the note over the chat, and what stands above a celebrated result."""
    return _("⏱ Time is up!")


def no_energy(refusal: NoEnergyError, *, now: datetime) -> str:
    """Return what to do without energy."""
    return _("🪫 <b>Your energy is used up.</b>\n\n⚡ The next point comes {wait}.").format(
        wait=phrases.time_until(refusal.next_point_at - now)
    )


def not_enough_questions() -> str:
    """Return the apology for a bank without enough nouns."""
    return _("There are not enough nouns for a sprint yet. Please choose “Practice”.")


def button_sprint() -> str:
    """Return the label of the button that starts a sprint."""
    return _("⏱ {seconds}-second sprint").format(seconds=_SECONDS)


def button_practice() -> str:
    """Return the label of the button that starts a round of the mode."""
    return _("📚 Practice")


def button_again() -> str:
    """Return the label of the button that starts another sprint."""
    return _("🔁 Another sprint")


def button_answers() -> str:
    """Return the label of the button that lists what a sprint has asked."""
    return _("🔎 All answers · 🚩 Report")


def button_before() -> str:
    """Return the label of the button that leads to the page before."""
    return _("◀️ Previous")


def button_after() -> str:
    """Return the label of the button that leads to the page after."""
    return _("Next ▶️")


def button_stop() -> str:
    """Return the label of the button that ends a sprint."""
    return _("⏹ Stop")
