"""Every sentence about the daily challenge; see bot/chat/phrases.py."""

from datetime import date, datetime, timedelta
from html import escape

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bot.chat import dates, phrases, question_texts
from economy.streak_rules import DAY
from economy.streaks import StreakChange
from quizarena.game.daily import Answer, Progress, Standing
from quizarena.game.models import DAILY_LENGTH, DailyQuestion, Mode


def page(progress: Progress | None, *, now: datetime) -> str:
    """Return what the challenge is, or how far the player has come; and until when it is there."""
    until = phrases.top_up_time(now=now)
    if progress is None:
        rules = _(
            "{questions} questions, the same for everyone today. They cost no energy, and you can "
            "pause until {time}."
        ).format(questions=DAILY_LENGTH, time=until)
    else:
        rules = _("You have answered {answered} of {questions}. Go on until {time}.").format(
            answered=len(progress.outcomes), questions=DAILY_LENGTH, time=until
        )
    return _("📅 <b>Daily challenge</b>") + f"\n\n{rules}"


def question(asked: DailyQuestion) -> str:
    """Return a question with its level and number."""
    head = question_texts.head(
        level=asked.level,
        mode=Mode.DAILY_CHALLENGE,
        number=asked.number,
        length=DAILY_LENGTH,
    )
    return f"{head}\n\n<b>{escape(asked.version.question)}</b>"


def feedback(answered: Answer) -> str:
    """Return whether the answer was right, the right answer, and why."""
    return question_texts.feedback(answered.question.version, choice=answered.choice)


def feedback_and_question(answered: Answer) -> str:
    """Return one message that answers the last tap and asks on."""
    asked = answered.progress.next
    assert asked is not None
    return f"{feedback(answered)}\n\n{question_texts.DIVIDER}\n\n{question(asked)}"


def result(
    progress: Progress,
    standing: Standing,
    streak: StreakChange | None = None,
    points: int | None = None,
) -> str:
    """Return a finished challenge: grid, right answers, time, standing, and when the next comes.

    `streak` is what it did for the player's streak, and `points` what it has brought, if it has
    just been finished.
    """
    run = progress.run
    assert run.finished_at is not None
    score = _("<b>{correct} of {questions} right</b> in {time}").format(
        correct=run.score, questions=DAILY_LENGTH, time=took(run.finished_at - run.started_at)
    )
    lines = [
        _("🏁 Daily challenge of {day}").format(day=dates.short_day(run.set.day)),
        question_texts.grid(progress.outcomes),
        score,
        "",
        placed(standing),
    ]
    if streak is not None and streak.is_first_of_day:
        grown = ngettext("🔥 Streak: {days} day", "🔥 Streak: {days} days", streak.current)
        lines.append(grown.format(days=streak.current))
    if points:
        lines.append(phrases.earned(points, is_full=False))
    next_at = dates.time(run.set.ends_at)
    lines += ["", _("The next challenge is there at {time}.").format(time=next_at)]
    return "\n".join(lines)


def took(time: timedelta) -> str:
    """Return how long a run took, in the two units that say most."""
    seconds = int(time.total_seconds())
    minutes, hours = seconds // 60, seconds // 3600
    if minutes < 1:
        return _("{seconds} s").format(seconds=seconds)
    if hours < 1:
        return _("{minutes} min {seconds} s").format(minutes=minutes, seconds=seconds % 60)
    return _("{hours} h {minutes} min").format(hours=hours, minutes=minutes % 60)


def placed(standing: Standing) -> str:
    """Return how the player compares with those who have finished so far."""
    if standing.percent is None:
        return _("🥇 You are the first today!")
    if not standing.percent:
        return ngettext(
            "👥 {others} other player has finished so far.",
            "👥 {others} other players have finished so far.",
            standing.others,
        ).format(others=standing.others)
    if standing.others == 1:
        return _("📈 Better than the other player who has finished so far.")
    return ngettext(
        "📈 Better than {percent} % of {others} other player so far.",
        "📈 Better than {percent} % of {others} other players so far.",
        standing.others,
    ).format(percent=standing.percent, others=standing.others)


def share(progress: Progress) -> str:
    """Return the address at which Telegram offers to send the result to a chat of one's choice.

    It says nothing about the questions, so that whoever reads it can play, too.
    """
    return phrases.share_address(card_words(progress))


def card_words(progress: Progress) -> str:
    """Return what goes with a result, wherever it is shared: nothing about its questions."""
    text = _("Quiz Arena, daily challenge of {day}: {correct}/{questions}").format(
        day=dates.short_day(progress.run.set.day),
        correct=progress.run.score,
        questions=DAILY_LENGTH,
    )
    return f"{text}\n{question_texts.grid(progress.outcomes)}"


def card_title(progress: Progress) -> str:
    """Return what stands at the top of a result's picture."""
    return _("Daily challenge of {day}").format(day=dates.short_day(progress.run.set.day))


def card_score(progress: Progress) -> str:
    """Return what stands largest on a result's picture."""
    return _("{correct} of {questions} right").format(
        correct=progress.run.score, questions=DAILY_LENGTH
    )


def over(day: date, *, today: date) -> str:
    """Return the kind answer to a question of a day that is over; today's comes below."""
    if day == today - DAY:
        return _("That was yesterday's challenge; here is today's.")
    return _("That challenge is over; here is today's.")


def none_today() -> str:
    """Return the apology for a day without a challenge."""
    return _("There is no challenge today, sorry. /play has other questions for you.")


def button_start() -> str:
    """Return the label of the button that starts the challenge."""
    return _("▶️ Start")


def button_continue() -> str:
    """Return the label of the button that leads to the question that waits."""
    return _("▶️ Continue")


def button_pause() -> str:
    """Return the label of the button that leaves a question for later."""
    return _("⏸ Pause")
