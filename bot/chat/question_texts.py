"""What is said about an answered question, wherever it was asked; see bot/chat/phrases.py."""

import re
from collections.abc import Sequence
from html import escape

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from bot.chat import phrases
from quizarena.game import bank
from quizarena.game.models import Kind, Mode, QuestionVersion, WritableQuestion

RIGHT, WRONG = "🟩", "🟥"
DIVIDER = "➖➖➖"
# What stands for the missing word in a question.
_GAP = re.compile("_{2,}")
# A solved question in a list has at most so many characters, its answer so many of them: ten of
# them leave the rest of a message enough of the 4,096 that Telegram takes.
SOLVED_MAX = 120
ANSWER_MAX = 60
# So many further orders of a sentence are shown beside the right one.
ALSO_MAX = 3


def head(*, level: str, mode: Mode | str, number: int, length: int) -> str:
    """Return what stands above a question: its level and mode, and how far one is."""
    bar = "●" * number + "○" * (length - number)
    return f"<i>{escape(f'{level} · {phrases.mode_name(mode)}')}</i>\n{bar} {number}/{length}"


def asked(question: WritableQuestion) -> str:
    """Return what a question asks, as its kind shows it."""
    version = question.version
    text = f"<b>{escape(version.question)}</b>"
    match version.kind:
        case Kind.PICTURE:
            # The picture on a line of its own, where a chat shows it largest.
            picture, _space, rest = version.question.partition(" ")
            return f"{escape(picture)}\n\n<b>{escape(rest)}</b>" if rest else text
        case Kind.TYPED:
            return f"{text}\n\n" + _("✍️ Write your answer as a message.")
        case Kind.ORDER:
            end = version.correct_answer[-1:]
            sentence = f"{question.sentence()} ___{end if end in '.?!' else ''}".strip()
            return f"{text}\n\n✏️ {escape(sentence)}"
    return text


def feedback(version: QuestionVersion, *, choice: int) -> str:
    """Return whether the bank's option `choice` is right, the right answer, and why.

    The explanation is in the player's language, which is active.

    A sentence with one gap is shown solved; another question is followed by its answer.
    """
    is_correct = choice == version.correct_option_id
    right = f"<b>{escape(version.correct_answer)}</b>"
    asked = escape(version.question)
    chosen = "" if is_correct else escape(version.options[choice])
    explanation = bank.explanation_for(version, get_language() or "")
    before, *after = _GAP.split(asked)
    if len(after) == 1:
        lines = [f"{'✅' if is_correct else '❌'} {before}{right}{after[0]}"]
    elif is_correct:
        lines = [asked, _("✅ Right! {answer}").format(answer=right)]
    else:
        lines = [asked, _("❌ Not quite. Right: {answer}").format(answer=right)]
    if chosen:
        lines.append(_("You chose: {choice}").format(choice=chosen))
    return "\n".join([*lines, f"💡 {escape(explanation)}"])


def feedback_written(question: WritableQuestion, *, text: str) -> str:
    """Return whether what was typed or put together is right, the right answer, and why.

    Also how it is spelled, where it was written in another way.
    """
    version, grade = question.version, question.grade(text)
    explanation = bank.explanation_for(version, get_language() or "")
    is_order = version.kind == Kind.ORDER
    right = f"<b>{escape(grade.understood or version.correct_answer)}</b>"
    before, *after = _GAP.split(escape(version.question))
    sign = "✅" if grade.is_correct else "❌"
    if len(after) == 1 and not is_order:
        lines = [f"{sign} {before}{right}{after[0]}"]
    else:
        lines = [f"{sign} {right}"]
    if grade.written:
        lines.append(
            _("✍️ It is written {answer}.").format(answer=f"<b>{escape(grade.written)}</b>")
        )
    if text and not grade.is_correct:
        lines.append(_("You answered: {answer}").format(answer=escape(text)))
    if is_order and not grade.is_correct and version.accepted:
        others = "\n".join(escape(order) for order in version.accepted[:ALSO_MAX])
        lines.append(_("Also right:") + f"\n{others}")
    return "\n".join([*lines, f"💡 {escape(explanation)}"])


def solved(version: QuestionVersion) -> str:
    """Return the question with its right answer on one line, shortened around the answer."""
    if version.kind == Kind.ORDER:
        return f"<b>{escape(_shortened(version.correct_answer, SOLVED_MAX))}</b>"
    answer = _shortened(version.correct_answer, ANSWER_MAX)
    before, *after = _GAP.split(" ".join(version.question.split()))
    room = SOLVED_MAX - len(answer)
    if len(after) != 1:
        asked = _shortened(" ".join(version.question.split()), room - len(" – "))
        return f"{escape(asked)} – <b>{escape(answer)}</b>"
    # The shorter side leaves what it does not need to the other.
    end = _shortened(after[0], max(room // 2, room - len(before)))
    beginning = _shortened(before[::-1], room - len(end))[::-1]
    return f"{escape(beginning)}<b>{escape(answer)}</b>{escape(end)}"


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def grid(outcomes: Sequence[bool]) -> str:
    """Return a square for each answer."""
    return "".join(RIGHT if right else WRONG for right in outcomes)


def toast(*, is_correct: bool) -> str:
    """Return the little note over the chat about an answer."""
    return _("Right! ✅") if is_correct else _("Not quite ❌")


def already_answered() -> str:
    """Return the kind answer to a second tap on one question."""
    return _("You have answered this one already – your first answer counts.")
