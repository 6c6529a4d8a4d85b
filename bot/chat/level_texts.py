"""What levels are called and mean, wherever one is chosen; see bot/chat/phrases.py."""

from django.utils.translation import gettext as _

from bot.chat.phrases import mode_name
from quizarena.game.levels import LevelChange
from quizarena.game.models import PLACEMENT_LENGTH


def meanings() -> str:
    """Return what each level means, in a line of its own."""
    return "\n".join(
        [
            _("<b>A1</b> – my first words and sentences"),
            _("<b>A2</b> – everyday life: shopping, family, work"),
            _("<b>B1</b> – I talk about plans, opinions and reasons"),
            _("<b>B2</b> – I read and discuss more difficult texts"),
        ]
    )


def moved(change: LevelChange) -> str:
    """Return that answers have moved the level of a mode, and why."""
    if change.is_rise:
        text = _(
            "📈 <b>{mode}: your level is {level} now.</b> {right} of your last {answered} answers "
            "were right, so the questions become harder."
        )
    else:
        text = _(
            "📉 <b>{mode}: your level is {level} now.</b> {right} of your last {answered} answers "
            "were right, so the questions become easier. You can change it in /settings."
        )
    return text.format(
        mode=mode_name(change.mode),
        level=change.new,
        right=change.right,
        answered=change.answered,
    )


def button_placement() -> str:
    """Return the label of the button that starts or resumes a placement."""
    return _("🎯 Find my level: {count} questions").format(count=PLACEMENT_LENGTH)


def button_levels() -> str:
    """Return the label of the button that leads to the levels."""
    return _("🎓 My level")
