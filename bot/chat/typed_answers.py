"""Which question a message answers: that of a round or the card of a review."""

from datetime import datetime, timedelta

from django.utils import timezone
from telegram import Update

from bot.chat import taps
from bot.queue.models import OutgoingCall
from quizarena.game import grading, reviews, rounds
from quizarena.game.models import ReviewQuestion, RoundQuestion
from quizarena.players.models import Awaited

# So long after a question was shown a message is taken for its answer: later the player hardly
# means it any more.
ANSWERED_WITHIN = timedelta(minutes=30)


def question_of(update: Update, awaited: Awaited | None) -> RoundQuestion | ReviewQuestion | None:
    """Return the question that a message answers, if it answers one.

    If the open round and the open review both wait for a text, it is the question that has come to
    the chat last. Only what was written after that question was shown, and within ANSWERED_WITHIN
    after it has come: a message that arrives late, or twice, does not answer the next one. Whatever
    else the bot has asked for comes first, and nobody's answer is as long as a letter.
    """
    message, user = update.message, update.effective_user
    if message is None or not message.text or user is None or awaited is not None:
        return None
    if message.text.startswith("/") or len(message.text) > grading.TYPED_MAX:
        return None
    written_at = taps.written_at(update, now=timezone.now())
    since = written_at - ANSWERED_WITHIN
    asked = rounds.typed_question(telegram_id=user.id)
    card = reviews.typed_question(telegram_id=user.id)
    later = since if card is None else max(since, card.shown_at)
    if asked is not None and _has_come(asked, chat_id=user.id, since=later):
        return asked if asked.shown_at <= written_at else None
    if card is not None and since <= card.shown_at <= written_at:
        return card
    return None


def _has_come(asked: RoundQuestion, *, chat_id: int, since: datetime) -> bool:
    """Return whether the question of a round has come to the chat since then.

    It comes again when the player continues the round.
    """
    if asked.shown_at >= since:
        return True
    shown_again = OutgoingCall.objects.filter(
        chat_key=chat_id, round_question=asked.pk, created_at__gte=since
    )
    return shown_again.exists()
