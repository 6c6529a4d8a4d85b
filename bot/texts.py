"""Every sentence the bot says, in the language that is active.

Sentences are English here and become German and Ukrainian through gettext (bot/locale). Messages
are Telegram HTML: whatever comes from outside goes through `escape`.
"""

from collections.abc import Sequence
from html import escape

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from quizarena.game.models import Mode, Round, Showing
from quizarena.game.rounds import ROUND_LENGTH

RIGHT, WRONG = "🟩", "🟥"


def mode_name(mode: Mode | str) -> str:
    """Return the name of a mode as players know it."""
    names = {
        Mode.QUICK_MIX_A1A2: _("Quick mix A1–A2"),
        Mode.ARTIKEL_SPRINT: _("Article sprint"),
        Mode.DAILY_CHALLENGE: _("Daily challenge"),
        Mode.CASES_PRACTICE: _("Cases"),
        Mode.TRENNBARE_VERBEN: _("Separable verbs"),
        Mode.WORD_ORDER: _("Word order"),
    }
    return names[Mode(mode)]


def greeting(*, name: str) -> str:
    """Return the answer to /start."""
    return _(
        "👋 <b>Hello, {name}!</b>\n\nWelcome to Quiz Arena. A few quick questions a day, and "
        "your German grows.\n\nReady for a round?"
    ).format(name=escape(name))


def choose_mode() -> str:
    """Return the menu's question."""
    return _("🎯 <b>What would you like to play?</b>")


def question(showing: Showing) -> str:
    """Return a question with its place in the round."""
    head = _("Question {number} of {length} · {mode}").format(
        number=showing.number,
        length=ROUND_LENGTH,
        mode=mode_name(showing.mode),
    )
    return f"<i>{escape(head)}</i>\n\n<b>{escape(showing.version.question)}</b>"


def feedback(graded: Showing) -> str:
    """Return whether the answer was right, the right answer, and why."""
    right = escape(graded.version.correct_answer)
    if graded.is_correct:
        verdict = _("✅ Right! <b>{answer}</b>").format(answer=right)
    else:
        assert graded.choice is not None
        verdict = _("❌ Not quite. Right is <b>{answer}</b>; you chose {choice}.").format(
            answer=right, choice=escape(graded.version.options[graded.choice])
        )
    asked = escape(graded.version.question)
    return f"{asked}\n{verdict}\n💡 {escape(graded.version.explanation)}"


def feedback_and_question(graded: Showing, following: Showing) -> str:
    """Return one message that answers the last tap and asks on."""
    return f"{feedback(graded)}\n\n➖➖➖\n\n{question(following)}"


def result(played: Round, outcomes: Sequence[bool]) -> str:
    """Return how the round went."""
    if not outcomes:
        return _("⏹ <b>Round stopped.</b> Come back whenever you like!")
    answered, correct = len(outcomes), sum(outcomes)
    share = correct / answered
    if share == 1:
        verdict = _("Perfect, not a single mistake! 🏆")
    elif share >= 0.7:
        verdict = _("Very good, keep it up! 💪")
    elif share >= 0.4:
        verdict = _("Good work, every round makes you stronger. 🌱")
    else:
        verdict = _("Mistakes are how we learn. Try again! 🌱")
    score = ngettext(
        "<b>{correct} of {answered} question right</b>",
        "<b>{correct} of {answered} questions right</b>",
        answered,
    ).format(correct=correct, answered=answered)
    squares = "".join(RIGHT if right else WRONG for right in outcomes)
    return f"🏁 {escape(mode_name(played.mode))}\n{squares}\n{score}\n\n{verdict}"


def last_feedback_and_result(graded: Showing, outcomes: Sequence[bool]) -> str:
    """Return the message after the last answer of a round."""
    return f"{feedback(graded)}\n\n➖➖➖\n\n{result(graded.round, outcomes)}"


def toast_right() -> str:
    """Return the little note over the chat for a right answer."""
    return _("Right! ✅")


def toast_wrong() -> str:
    """Return the little note over the chat for a wrong answer."""
    return _("Not quite ❌")


def already_answered() -> str:
    """Return the kind answer to a second tap on one question."""
    return _("You have answered this one already – your first answer counts.")


def stale() -> str:
    """Return the kind answer to a button that has had its time."""
    return _("This button is from an earlier time. Send /play for a new round!")


def no_questions() -> str:
    """Return the apology for a mode without questions."""
    return _("There are no questions in this mode yet. Please choose another one.")


def choose_language() -> str:
    """Return the question of /language."""
    return _("🌍 <b>Which language shall I speak with you?</b>")


def language_chosen() -> str:
    """Return the confirmation, in the language that was chosen."""
    return _("Good, I speak English with you from now on.")


def help_text() -> str:
    """Return the answer to /help."""
    return _(
        "<b>How it works</b>\n\n"
        "/play – choose a mode and answer ten questions. After every answer you see at once "
        "what is right, and why.\n"
        "/language – Deutsch, English, Українська\n"
        "/terms – the rules of the house\n"
        "/help – this page\n\n"
        "You can stop a round at any time; what you have answered counts."
    )


def terms() -> str:
    """Return the answer to /terms."""
    return _(
        "<b>Terms</b>\n\n"
        "Quiz Arena is a game for learners of German. Playing is free. We store your Telegram "
        "id, your name as Telegram shows it, your language and your answers, for nothing but "
        "the game. Be kind to others, and do not let programs play for you: accounts that harm "
        "the game can be shut out."
    )


def suspended() -> str:
    """Return what a player who was shut out is told, once."""
    return _("Your account is suspended at the moment. You cannot play for now.")


def unknown() -> str:
    """Return the answer to what the bot does not understand."""
    return _("I did not understand that. /play starts a round, /help shows what I can do.")


def sorry() -> str:
    """Return the apology for an update that we failed to work on for good."""
    return _("Something went wrong on our side, sorry. Send /play to go on.")


def button_stop() -> str:
    """Return the label of the button that ends a round."""
    return _("⏹ Stop")


def button_play() -> str:
    """Return the label of the button that opens the menu."""
    return _("▶️ Play")


def button_again() -> str:
    """Return the label of the button that starts the same mode again."""
    return _("🔁 Once more")


def button_modes() -> str:
    """Return the label of the button that leads back to the menu."""
    return _("🎯 Other mode")


def button_back() -> str:
    """Return the label of the button that leads back."""
    return _("◀️ Back")


def button_language() -> str:
    """Return the label of the button that opens the choice of language."""
    return _("🌍 Language")


def commands() -> list[tuple[str, str]]:
    """Return the bot's menu of commands with their descriptions."""
    return [
        ("play", _("Play a round")),
        ("language", _("Choose the language")),
        ("help", _("How it works")),
        ("terms", _("Terms")),
    ]
