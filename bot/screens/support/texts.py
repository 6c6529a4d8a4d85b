"""Every sentence about help with payments; see bot/chat/phrases.py."""

from html import escape

from django.utils.translation import gettext as _

from payments.models import SupportRequest

# How much of a question stands under its answer.
QUOTE_LENGTH = 200


def ask_support(*, minutes: int, has_wallet: bool) -> str:
    """Return the answer to /paysupport (Telegram asks for that command)."""
    text = _(
        "💬 <b>Help with payments</b>\n\nWrite me in one message what is wrong, within {minutes} "
        "minutes. Our support gets it together with your purchases and answers here.\n\nTelegram's "
        "own support cannot help with purchases in this bot."
    ).format(minutes=minutes)
    receipts = _("Your receipts are in /wallet.")
    return f"{text} {receipts}" if has_wallet else text


def in_words() -> str:
    """Return the request for a question that is a text."""
    return _("Please write it in words, so that our support can work on it.")


def pictures_kept(request: SupportRequest) -> str:
    """Return the answer to a question that consists of pictures alone."""
    return _(
        "📎 <b>I have kept what you sent</b> (no. {number}). Now please write in one message what "
        "is wrong, so that our support can help."
    ).format(number=request.pk)


def too_many_questions_today() -> str:
    return _(
        "You have written to our support several times today. It has everything and will answer; "
        "tomorrow you can write again."
    )


def asked_support(request: SupportRequest) -> str:
    """Return the confirmation of a question."""
    return _(
        "✅ <b>Thank you, our support has your question</b> (no. {number}). The answer comes here."
    ).format(number=request.pk)


def too_many_questions() -> str:
    """Return kind words for somebody whose questions wait already."""
    return _(
        "We have several questions of yours and are working on them. Please wait for the first "
        "answer – we have not forgotten you."
    )


def support_answer(request: SupportRequest) -> str:
    """Return the answer of support, above the question."""
    asked = request.text or _("(pictures)")
    quote = asked if len(asked) <= QUOTE_LENGTH else f"{asked[:QUOTE_LENGTH]} …"
    return _(
        "💬 <b>Answer from support</b>\n\n{answer}\n\n<i>You asked: {question}</i>\n\nOne more "
        "question? /paysupport"
    ).format(answer=escape(request.answer), question=escape(quote))
