"""Every sentence about questions and rounds; see bot/chat/phrases.py."""

from collections.abc import Sequence
from datetime import datetime
from html import escape

from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from bot.chat import dates, goods_texts, level_texts, phrases, question_texts
from economy.energy import FREE_CAP
from economy.errors import NoEnergyError
from economy.models import PremiumSpan
from economy.streak_rules import EARN_BACK_ROUNDS
from economy.streaks import EarnBack, StreakChange
from economy.wallets import Charge
from payments.catalogue import Offer
from quizarena.game.errors import LockedModeError
from quizarena.game.models import SAMPLE_LENGTH, Round, RoundQuestion
from quizarena.game.rounds import Answer, Start, Stop


def choose_mode() -> str:
    """Return the menu's question."""
    return _("🎯 <b>What would you like to play?</b>")


def question(round_question: RoundQuestion, charge: Charge | None, *, now: datetime) -> str:
    """Return a question with its level and place in the round, and the energy that is left."""
    head = question_texts.head(
        level=round_question.version.question_row.level,
        mode=round_question.mode,
        number=round_question.number,
        length=round_question.round.length,
    )
    energy = f"\n\n{phrases.energy_line(charge.energy, charge.plan, now=now)}" if charge else ""
    return f"{head}\n\n{question_texts.asked(round_question)}{energy}"


def first_question(started: Start, charge: Charge, *, now: datetime) -> str:
    """Return the question that a start has brought, below what it has done to another round."""
    asked = question(started.round_question, charge, now=now)
    if not started.has_returned_energy:
        return asked
    ended = _("⏹ Your other round has ended, and its open question's energy is yours again.")
    return f"{ended}\n\n{asked}"


def no_energy(refusal: NoEnergyError, *, with_daily: bool, due: int, now: datetime) -> str:
    """Return what to do without energy: what is free comes first, today's challenge and cards."""
    free = [_("📅 Today's daily challenge costs no energy.")] if with_daily else []
    if due:
        free.append(_("🔁 The review of your mistakes costs no energy."))
    lines = [
        _("🪫 <b>Your energy is used up.</b>"),
        "",
        *free,
        _("⚡ The next point comes {wait}.").format(
            wait=phrases.time_until(refusal.next_point_at - now)
        ),
        _("🔋 All {cap} points are back {wait}, by {time} at the latest.").format(
            cap=FREE_CAP,
            wait=phrases.time_until(refusal.full_at - now),
            time=phrases.top_up_time(now=now),
        ),
        "",
        _("Your answers so far are kept. See you soon!"),
    ]
    return "\n".join(lines)


def no_energy_toast(refusal: NoEnergyError, *, now: datetime) -> str:
    """Return the note over the chat for a start without energy."""
    return _("🪫 No energy left. The next point comes {next}.").format(
        next=phrases.time_until(refusal.next_point_at - now)
    )


def locked(refusal: LockedModeError) -> str:
    """Return why a mode cannot be played: it was never open, or what opened it is over.

    Fits into a notice over the chat: at most 200 characters (Bot API answerCallbackQuery).
    """
    mode = phrases.mode_name(refusal.mode)
    opened = _("“{mode}” is open with Premium or after a Mega Pack.").format(mode=mode)
    return " ".join(filter(None, ["🔒", _over(refusal), opened]))


def _over(refusal: LockedModeError) -> str:
    """Return when the player's access to a mode has ended; nothing for who never had any."""
    if refusal.access.until is None:
        return ""
    when = dates.short(refusal.access.until)
    if isinstance(refusal.access.span, PremiumSpan):
        return _("Your Premium ended on {when}.").format(when=when)
    return _("Your access ended on {when}.").format(when=when)


def locked_mode(
    refusal: LockedModeError, opening: Sequence[Offer], *, has_sample: bool, now: datetime
) -> str:
    """Return the page of a locked mode: what opens it, and whether it can be tried today."""
    mode = escape(phrases.mode_name(refusal.mode))
    head = _("🔒 <b>“{mode}” is locked.</b>").format(mode=mode)
    over = _over(refusal)
    parts = [f"{head}\n{over}" if over else head, *opens(opening), sample(has_sample, now=now)]
    return "\n\n".join(parts)


def beside_offer(opening: Sequence[Offer], *, has_sample: bool, now: datetime) -> str:
    """Return what stands below the offer of what opens a mode: Premium, and today's sample."""
    plans = [_opener(offer) for offer in opening if offer.product.plan is not None]
    also = [_("Premium opens it, too:") + "\n" + "\n".join(plans)] if plans else []
    return "\n\n".join([*also, sample(has_sample, now=now)])


def opens(opening: Sequence[Offer]) -> list[str]:
    """Return the paragraph with what opens a mode; none if nothing is for sale."""
    if not opening:
        return []
    return ["\n".join([_("<b>What opens it</b>"), *map(_opener, opening)])]


def _opener(offer: Offer) -> str:
    name = escape(goods_texts.title(offer.product))
    return f"• <b>{name}</b>: {escape(offer.product.description(get_language() or ''))}"


def sample(has_sample: bool, *, now: datetime) -> str:
    """Return whether a locked mode can be tried today, and what that is."""
    if not has_sample:
        return _("🎁 You have had today's sample. From {time} on there is another one.").format(
            time=phrases.top_up_time(now=now)
        )
    return ngettext(
        "🎁 Once a day you can try a locked mode: {count} question, for the usual energy.",
        "🎁 Once a day you can try a locked mode: {count} questions, for the usual energy.",
        SAMPLE_LENGTH,
    ).format(count=SAMPLE_LENGTH)


def sample_over(played: Round, opening: Sequence[Offer], *, now: datetime) -> str:
    """Return what follows a sample of a locked mode: what opens it."""
    mode = escape(phrases.mode_name(played.mode))
    over = _("🎁 That was today's sample of “{mode}”.").format(mode=mode)
    return "\n\n".join([over, *opens(opening)])


def button_sample() -> str:
    """Return the label of the button that starts a sample of a locked mode."""
    return ngettext("🎁 Try {count} question", "🎁 Try {count} questions", SAMPLE_LENGTH).format(
        count=SAMPLE_LENGTH
    )


def round_ended(refusal: Exception, *, with_daily: bool, due: int, now: datetime) -> str:
    """Return why a round has ended before its tenth question."""
    if isinstance(refusal, NoEnergyError):
        return no_energy(refusal, with_daily=with_daily, due=due, now=now)
    if isinstance(refusal, LockedModeError):
        return escape(locked(refusal))
    return no_questions()


def streak_grew(change: StreakChange) -> str:
    """Return the word about the first activity of a day."""
    return ngettext("🔥 Streak: {days} day", "🔥 Streak: {days} days", change.current).format(
        days=change.current
    )


def earn_back_progress(progress: EarnBack, streak: StreakChange, *, now: datetime) -> str:
    """Return what a round without a mistake does for a lost streak, or that it is back."""
    if progress.is_earned:
        earned = ngettext(
            "🎉 <b>Your streak is back: {days} day!</b> You have earned it.",
            "🎉 <b>Your streak is back: {days} days!</b> You have earned it.",
            streak.current,
        )
        return earned.format(days=streak.current)
    counted = ngettext(
        "💪 {done} of {rounds} perfect rounds for your lost streak of {days} day. "
        "The chance is gone {wait}.",
        "💪 {done} of {rounds} perfect rounds for your lost streak of {days} days. "
        "The chance is gone {wait}.",
        progress.length,
    )
    return counted.format(
        done=progress.rounds_done,
        rounds=EARN_BACK_ROUNDS,
        days=progress.length,
        wait=phrases.time_until(progress.until - now),
    )


def feedback(graded: RoundQuestion) -> str:
    """Return whether the answer was right, the right answer, and why."""
    if graded.choice is None:
        return question_texts.feedback_written(graded, text=graded.text or "")
    return question_texts.feedback(graded.version, choice=graded.choice)


def feedback_and_question(answer: Answer, *, now: datetime) -> str:
    """Return one message that answers the last tap and asks on."""
    assert answer.next is not None
    parts = [feedback(answer.graded)]
    if answer.streak.is_first_of_day:
        parts.append(streak_grew(answer.streak))
    if answer.level is not None:
        parts.append(level_texts.moved(answer.level))
    asked = question(answer.next, answer.charge, now=now)
    return "\n".join(parts) + f"\n\n{question_texts.DIVIDER}\n\n{asked}"


def result(played: Round, graded: Sequence[RoundQuestion]) -> str:
    """Return how the round went, with the right answers to what was wrong."""
    if not graded:
        return _("⏹ <b>Round stopped.</b> Come back whenever you like!")
    outcomes = [bool(one.is_correct) for one in graded]
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
    squares = question_texts.grid(outcomes)
    went = f"🏁 {escape(phrases.mode_name(played.mode))}\n{squares}\n{score}\n\n{verdict}"
    wrong = [f"• {question_texts.solved(one.version)}" for one in graded if not one.is_correct]
    if not wrong:
        return went
    return "\n".join([went, "", _("📝 <b>Worth another look:</b>"), *wrong])


def share(played: Round, graded: Sequence[RoundQuestion]) -> str:
    """Return the address at which Telegram offers to send the result to a chat of one's choice."""
    outcomes = [bool(one.is_correct) for one in graded]
    text = _("Quiz Arena, {mode}: {correct}/{questions}").format(
        mode=phrases.mode_name(played.mode), correct=sum(outcomes), questions=len(outcomes)
    )
    return phrases.share_address(f"{text}\n{question_texts.grid(outcomes)}")


def stopped(stop: Stop, graded: Sequence[RoundQuestion], *, points: int) -> str:
    """Return how a round went that its player has given up, and the points it has brought."""
    went = result(stop.played, graded)
    if points:
        went = f"{went}\n\n{phrases.earned(points, is_full=False)}"
    if not stop.has_returned_energy:
        return went
    returned = _("⚡ The open question's energy is yours again.")
    return f"{went}\n\n{returned}"


def round_over(
    answer: Answer,
    graded: Sequence[RoundQuestion],
    *,
    points: int,
    with_daily: bool,
    due: int,
    now: datetime,
) -> str:
    """Return how a round went that was played to its last question, and what follows from it.

    `points` are those of all its answers. `with_daily` names today's challenge and `due` cards the
    review where the energy is used up.
    """
    parts = [result(answer.graded.round, graded)]
    is_full = answer.earned is not None and answer.earned.is_full
    if earned := phrases.earned(points, is_full=is_full):
        parts.append(earned)
    if answer.level is not None:
        parts.append(level_texts.moved(answer.level))
    if answer.earn_back is not None:
        parts.append(earn_back_progress(answer.earn_back, answer.streak, now=now))
    if answer.refusal is not None:
        parts.append(round_ended(answer.refusal, with_daily=with_daily, due=due, now=now))
    return "\n\n".join(parts)


def question_refunded() -> str:
    """Return why another question comes instead of an answer."""
    return _("This question was taken out, and its energy is yours again. Here is another one!")


def no_questions() -> str:
    """Return the apology for a mode without questions."""
    return _("There are no questions in this mode yet. Please choose another one.")


def button_skip() -> str:
    """Return the label of the button of who does not know the answer."""
    return _("🤷 I don't know")


def button_repeat() -> str:
    """Return the label of the button that asks again what was wrong."""
    return _("📝 Repeat mistakes")


def button_stop() -> str:
    """Return the label of the button that ends a round."""
    return _("⏹ Stop")


def button_again() -> str:
    """Return the label of the button that starts the same mode again."""
    return _("🔁 Play again")


def button_modes() -> str:
    """Return the label of the button that leads back to the menu."""
    return _("🎯 Choose another mode")


def may_remind(*, now: datetime) -> str:
    """Return the question that is asked once, after the first round."""
    return _(
        "🔔 <b>May I remind you?</b>\n\nEvery day when you have not played yet, or only at {time} "
        "when a day without a question would end your streak. You can change that at any time in "
        "/settings."
    ).format(time=dates.streak_risk_time(dates.zone().key, now=now))


def button_daily_reminder(*, hour: int) -> str:
    """Return the label of the button for a reminder every day."""
    return _("⏰ Daily at {hour}:00").format(hour=hour)


def button_streak_reminder() -> str:
    """Return the label of the button for a reminder when the streak is at risk."""
    return _("🔥 Only when my streak ends")


def first_day() -> str:
    """Return the kind word after the second round of the first day."""
    return _(
        "🌱 <b>Two rounds on your first day: a great start!</b>\n\nA little every day is what "
        "helps most. New questions are waiting for you tomorrow."
    )


def button_no() -> str:
    """Return the label of the button that does not."""
    return _("No, thanks")
