"""Every sentence about levels and the placement; see bot/chat/phrases.py."""

from collections.abc import Mapping
from html import escape

from django.utils.translation import gettext as _

from bot.chat import level_texts, phrases, question_texts
from quizarena.game.models import PLACEMENT_LENGTH, Level, Mode, PlacementQuestion
from quizarena.game.placements import PlacementAnswer


def overview(levels: Mapping[Mode, Level]) -> str:
    """Return the player's level in each mode, and what a level does."""
    lines = [f"{escape(phrases.mode_name(mode))}: <b>{level}</b>" for mode, level in levels.items()]
    does = _(
        "Most questions are of your level, some are easier or harder. It rises and falls with your "
        "answers, and I tell you when it does. Where shall I change it?"
    )
    return "\n".join([_("🎓 <b>Your level</b>"), "", *lines, "", does])


def choose(mode: Mode | None) -> str:
    """Return the question for the level of a mode, or of all of them."""
    where = phrases.mode_name(mode) if mode else all_modes()
    asked = _("🎓 <b>{mode}: which level?</b>").format(mode=escape(where))
    return f"{asked}\n\n{level_texts.meanings()}"


def chosen(mode: Mode | None, level: Level) -> str:
    """Return the confirmation, as a note over the chat."""
    where = phrases.mode_name(mode) if mode else all_modes()
    return _("{mode}: your level is {level} now.").format(mode=where, level=level)


def all_modes() -> str:
    """Return what stands for every mode at once."""
    return _("All modes")


def question(asked: PlacementQuestion) -> str:
    """Return a question with its number."""
    bar = "●" * asked.number + "○" * (PLACEMENT_LENGTH - asked.number)
    head = _("<i>Placement, without energy</i>")
    return (
        f"{head}\n{bar} {asked.number}/{PLACEMENT_LENGTH}"
        f"\n\n<b>{escape(asked.version.question)}</b>"
    )


def feedback(answer: PlacementAnswer) -> str:
    """Return whether the answer was right, the right answer, and why."""
    assert answer.graded.choice is not None
    return question_texts.feedback(answer.graded.version, choice=answer.graded.choice)


def feedback_and_question(answer: PlacementAnswer) -> str:
    """Return one message that answers the last tap and asks on."""
    assert answer.next is not None
    return f"{feedback(answer)}\n\n{question_texts.DIVIDER}\n\n{question(answer.next)}"


def result(answer: PlacementAnswer) -> str:
    """Return the feedback on the last question and the level that was found."""
    assert answer.level is not None
    found = _(
        "🎓 <b>You begin at {level}.</b>\n\nThat holds for all modes. Your level rises and falls "
        "with your answers, and you can change it at any time in /settings."
    ).format(level=answer.level)
    return f"{feedback(answer)}\n\n{question_texts.DIVIDER}\n\n{found}"


def taken_today(level: Level | str | None) -> str:
    """Return why no second placement can be taken today, as a notice over the chat."""
    return _(
        "You have taken the placement today, it found {level}. You can take it again tomorrow, or "
        "choose a level yourself."
    ).format(level=level)


def no_placement() -> str:
    """Return the apology for a bank with too few questions."""
    return _("There are too few questions for a placement, sorry. Please choose a level yourself.")


def button_pause() -> str:
    """Return the label of the button that leads out of the placement, which can be resumed."""
    return _("⏸ Pause")


def button_play() -> str:
    """Return the label of the button that leads from the placement to the first question."""
    return _("▶️ Let's go")
