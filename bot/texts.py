"""Every sentence the bot says, in the language that is active.

Sentences are English here and become German and Ukrainian through gettext (bot/locale). Messages
are Telegram HTML: whatever comes from outside goes through `escape`.
"""

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from html import escape

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bot.chat import dates, phrases
from economy.energy import FREE_CAP, Energy
from economy.errors import NoEnergyError
from economy.goods import Plan
from economy.models import (
    EntryType,
    LedgerEntry,
    NoticeKind,
    PremiumNotice,
    PremiumSpan,
    StreakDay,
    Wallet,
)
from economy.streak_rules import EARN_BACK_ROUNDS, Outcome
from economy.streaks import EarnBack, StreakChange
from economy.wallets import Charge
from quizarena.game.errors import LockedModeError
from quizarena.game.models import Round, Showing
from quizarena.game.rounds import ROUND_LENGTH, Answer
from quizarena.game.statistics import Accuracy

RIGHT, WRONG = "🟩", "🟥"
# What stands for the missing word in a question.
_GAP = re.compile("_{2,}")


def choose_mode() -> str:
    """Return the menu's question."""
    return _("🎯 <b>What would you like to play?</b>")


def question(showing: Showing, charge: Charge | None, *, now: datetime) -> str:
    """Return a question with its level and place in the round, and the energy that is left."""
    level = showing.version.question_row.level
    head = f"{level} · {phrases.mode_name(showing.mode)} ({showing.number}/{ROUND_LENGTH})"
    energy = f"\n\n{phrases.energy_line(charge.energy, charge.plan, now=now)}" if charge else ""
    return f"<i>{escape(head)}</i>\n\n<b>{escape(showing.version.question)}</b>{energy}"


def no_energy(refusal: NoEnergyError, *, now: datetime) -> str:
    """Return what to do without energy."""
    lines = [
        _("🪫 <b>Your energy is used up.</b>"),
        "",
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
    opens = _("“{mode}” is open with Premium or after a Mega Pack.").format(mode=mode)
    if refusal.access.until is None:
        return f"🔒 {opens}"
    when = dates.short(refusal.access.until)
    if isinstance(refusal.access.span, PremiumSpan):
        over = _("Your Premium ended on {when}.").format(when=when)
    else:
        over = _("Your access ended on {when}.").format(when=when)
    return f"🔒 {over} {opens}"


def round_ended(refusal: Exception, *, now: datetime) -> str:
    """Return why a round has ended before its tenth question."""
    if isinstance(refusal, NoEnergyError):
        return no_energy(refusal, now=now)
    if isinstance(refusal, LockedModeError):
        return escape(locked(refusal))
    return no_questions()


def streak_grew(change: StreakChange) -> str:
    """Return the word about the first activity of a day."""
    return ngettext("🔥 Streak: {days} day", "🔥 Streak: {days} days", change.current).format(
        days=change.current
    )


def streak_day(day: StreakDay, offer: EarnBack | None, *, now: datetime) -> str:
    """Return what has become of a day without an answer; `offer` is what its loss left open."""
    texts = {
        Outcome.FROZEN_SAVER: ngettext(
            "🛟 You did not play on {day} – a streak saver has kept your streak of {days} day.",
            "🛟 You did not play on {day} – a streak saver has kept your streak of {days} days.",
            day.length,
        ),
        Outcome.FROZEN_PREMIUM: ngettext(
            "👑 You did not play on {day} – your Premium has kept your streak of {days} day.",
            "👑 You did not play on {day} – your Premium has kept your streak of {days} days.",
            day.length,
        ),
        Outcome.SHIELDED: ngettext(
            "🛡 On {day} the game was down, sorry! Your streak of {days} day goes on.",
            "🛡 On {day} the game was down, sorry! Your streak of {days} days goes on.",
            day.length,
        ),
        Outcome.MISSED: ngettext(
            "💔 You did not play on {day}: your streak of {days} day is over.",
            "💔 You did not play on {day}: your streak of {days} days is over.",
            day.length,
        ),
    }
    text = texts[Outcome(day.outcome)].format(day=dates.short_day(day.day), days=day.length)
    return f"{text}\n{earn_back_offer(offer, now=now)}" if offer else text


def earn_back_offer(offer: EarnBack, *, now: datetime) -> str:
    """Return how a lost streak can be earned back, how far the player is, and until when."""
    offered = ngettext(
        "💪 Earn your streak of {days} day back: {rounds} rounds with ten right answers. "
        "Done: {done}. The chance is gone {wait}.",
        "💪 Earn your streak of {days} days back: {rounds} rounds with ten right answers. "
        "Done: {done}. The chance is gone {wait}.",
        offer.length,
    )
    return offered.format(
        days=offer.length,
        rounds=EARN_BACK_ROUNDS,
        done=offer.rounds_done,
        wait=phrases.time_until(offer.until - now),
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


def premium_notice(notice: PremiumNotice, *, now: datetime) -> str:
    """Return that Premium ends soon, or that it has ended, and what that means."""
    when = dates.short(notice.ends_at)
    if notice.kind == NoticeKind.ENDED:
        return _(
            "👑 Your Premium ended on {when}. Questions cost energy again, and modes with a 🔒 are "
            "locked. Your streak and all that you own stay yours. Thank you for your support!"
        ).format(when=when)
    return _(
        "👑 Your Premium ends {wait}, on {when}. Until then your energy is unlimited and every "
        "mode is open."
    ).format(wait=phrases.time_until(notice.ends_at - now), when=when)


def wallet(
    *,
    energy: Energy,
    wallet: Wallet | None,
    plan: Plan | None,
    premium_until: datetime | None,
    subscription: str,
    entries: Sequence[LedgerEntry],
    now: datetime,
) -> str:
    """Return what the player owns, and the last entries of the ledger in words."""
    lines = [
        _("👛 <b>Your wallet</b>"),
        "",
        phrases.energy_line(energy, plan, now=now),
        _("🛟 Streak savers: {count}").format(count=wallet.streak_savers if wallet else 0),
    ]
    # Nothing uses tickets yet: only who has some sees how many.
    if wallet and wallet.duel_tickets:
        lines.append(_("🎟 Duel tickets: {count}").format(count=wallet.duel_tickets))
    if premium_until is not None:
        lines.append(_("👑 Premium until {day}").format(day=dates.full(premium_until)))
    if subscription:
        lines.append(subscription)
    if entries:
        lines += ["", _("<b>Recent activity</b>"), *map(_entry, entries)]
    return "\n".join(lines)


_SIGNS = (
    ("free_energy", "⚡"),
    ("paid_energy", "🔋"),
    ("streak_savers", "🛟"),
    ("duel_tickets", "🎟"),
)


def _entry(entry: LedgerEntry) -> str:
    """Return one line of the statement: when, what moved, why."""
    deltas = [(getattr(entry, asset), sign) for asset, sign in _SIGNS]
    moved = " ".join(f"{delta:+d} {sign}".replace("-", "−") for delta, sign in deltas if delta)
    return f"{dates.short(entry.created_at)} · {escape(_why(entry))}" + (
        f" · {moved}" if moved else ""
    )


def _why(entry: LedgerEntry) -> str:
    """Return the reason of an entry as a player would say it."""
    reasons = {
        EntryType.WELCOME: _("Welcome"),
        EntryType.QUESTION: _("Question"),
        EntryType.QUESTION_RETURNED: _("Question given back"),
        EntryType.PURCHASE_CREDIT: _("Purchase"),
        EntryType.PURCHASE_REFUND: _("Refund"),
        EntryType.PROMO_GRANT: _("Promo code"),
        EntryType.REFERRAL_REWARD: _("Reward for inviting"),
        EntryType.PRIZE: _("Prize"),
        EntryType.COMEBACK: _("Welcome back"),
        EntryType.STAFF_GRANT: _("Present from the team"),
        EntryType.STAFF_ADJUSTMENT: _("Correction by the team"),
        EntryType.SAVER_USED: _("Streak saver used"),
        EntryType.EARN_BACK: _("Streak earned back"),
        EntryType.GRACE: _("Days until the renewal"),
        EntryType.SAVER_RETURNED: _("Streak saver given back"),
        EntryType.TICKET_USED: _("Duel ticket used"),
        EntryType.TAKEN_BACK: _("Removed"),
    }
    return reasons[EntryType(entry.type)]


DAY_SIGNS = {
    Outcome.PLAYED: "🟩",
    Outcome.FROZEN_SAVER: "🛟",
    Outcome.FROZEN_PREMIUM: "👑",
    Outcome.SHIELDED: "🛡",
    Outcome.EARNED_BACK: "🟨",
    Outcome.MISSED: "🟥",
}


def stats(
    *,
    current: int,
    best: int,
    earn_back: EarnBack | None,
    calendar: Sequence[tuple[date, Outcome]],
    modes: Sequence[Accuracy],
    levels: Sequence[Accuracy],
    now: datetime,
) -> str:
    """Return the streak with this month's days, and the accuracy per mode and level.

    `earn_back` is a lost streak that can still be had back.
    """
    lines = [
        _("📊 <b>Your statistics</b>"),
        "",
        ngettext("🔥 Streak: {days} day", "🔥 Streak: {days} days", current).format(days=current)
        + " · "
        + _("best: {best}").format(best=best),
    ]
    if earn_back:
        lines += [earn_back_offer(earn_back, now=now)]
    if calendar:
        lines += ["", *_weeks(calendar)]
    if modes:
        lines += ["", _("<b>Right answers</b>")]
        lines += [_accuracy(phrases.mode_name(accuracy.of), accuracy) for accuracy in modes]
        lines += [_accuracy(accuracy.of, accuracy) for accuracy in levels]
    else:
        lines += ["", _("Play a round, and you will find it here.")]
    return "\n".join(lines)


def _weeks(calendar: Sequence[tuple[date, Outcome]]) -> list[str]:
    """Return the days as rows of seven, Monday first, days before the first one left out."""
    signs = dict(calendar)
    first, last = calendar[0][0], calendar[-1][0]
    monday = first - timedelta(days=first.weekday())
    rows = []
    while monday <= last:
        week = [monday + timedelta(days=number) for number in range(7)]
        rows.append("".join(DAY_SIGNS[signs[day]] if day in signs else "⬜" for day in week))
        monday += timedelta(days=7)
    return rows


def _accuracy(name: str, accuracy: Accuracy) -> str:
    """Return one line of the accuracy: name, share, and of how many."""
    return f"{escape(name)}: {accuracy.percent} % ({accuracy.right}/{accuracy.answered})"


def feedback(graded: Showing) -> str:
    """Return whether the answer was right, the right answer, and why.

    A sentence with one gap is shown solved; another question is followed by its answer.
    """
    sign = "✅" if graded.is_correct else "❌"
    right = f"<b>{escape(graded.version.correct_answer)}</b>"
    asked = escape(graded.version.question)
    choice = ""
    if not graded.is_correct:
        assert graded.choice is not None
        choice = escape(graded.version.options[graded.choice])
    before, *after = _GAP.split(asked)
    if len(after) == 1:
        lines = [f"{sign} {before}{right}{after[0]}"]
        if choice:
            lines.append(_("You chose: {choice}").format(choice=choice))
    elif choice:
        wrong = _("❌ Not quite. The answer is {answer}; you chose {choice}.")
        lines = [asked, wrong.format(answer=right, choice=choice)]
    else:
        lines = [asked, _("✅ Right! {answer}").format(answer=right)]
    return "\n".join([*lines, f"💡 {escape(graded.version.explanation)}"])


def feedback_and_question(answer: Answer, *, now: datetime) -> str:
    """Return one message that answers the last tap and asks on."""
    assert answer.next is not None
    parts = [feedback(answer.graded)]
    if answer.streak.is_first_of_day:
        parts.append(streak_grew(answer.streak))
    asked = question(answer.next, answer.charge, now=now)
    return "\n".join(parts) + f"\n\n➖➖➖\n\n{asked}"


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
    return f"🏁 {escape(phrases.mode_name(played.mode))}\n{squares}\n{score}\n\n{verdict}"


def last_feedback_and_result(answer: Answer, outcomes: Sequence[bool], *, now: datetime) -> str:
    """Return the message after the last answer of a round, with why it was the last."""
    return "\n\n".join([feedback(answer.graded), "➖➖➖", round_over(answer, outcomes, now=now)])


def round_over(answer: Answer, outcomes: Sequence[bool], *, now: datetime) -> str:
    """Return how a round went that was played to its last question, and what follows from it."""
    parts = [result(answer.graded.round, outcomes)]
    if answer.earn_back is not None:
        parts.append(earn_back_progress(answer.earn_back, answer.streak, now=now))
    if answer.refusal is not None:
        parts.append(round_ended(answer.refusal, now=now))
    return "\n\n".join(parts)


def toast_right() -> str:
    """Return the little note over the chat for a right answer."""
    return _("Right! ✅")


def toast_wrong() -> str:
    """Return the little note over the chat for a wrong answer."""
    return _("Not quite ❌")


def already_answered() -> str:
    """Return the kind answer to a second tap on one question."""
    return _("You have answered this one already – your first answer counts.")


def question_given_back() -> str:
    """Return why another question comes instead of an answer."""
    return _("This question was taken out, and its energy is yours again. Here is another one!")


def no_questions() -> str:
    """Return the apology for a mode without questions."""
    return _("There are no questions in this mode yet. Please choose another one.")


def choose_language() -> str:
    """Return the question of /language."""
    return _("🌍 <b>Which language shall I speak with you?</b>")


def language_chosen() -> str:
    """Return the confirmation, in the language that was chosen."""
    return _("Good, I speak English with you from now on.")


def help_text(*, now: datetime) -> str:
    """Return the answer to /help."""
    return _(
        "<b>How it works</b>\n\n"
        "/play – choose a mode and answer ten questions. After every answer you see at once "
        "what is right, and why.\n"
        "Every question costs 1 energy point; a point comes back every 30 minutes, and all of them "
        "at {time}.\n"
        "/shop – more energy, streak savers, Premium\n"
        "/promo – enter a promo code\n"
        "/invite – invite friends and get rewards\n"
        "/wallet – what you own and what you have bought\n"
        "/stats – your streak and how well you answer\n"
        "/settings – reminders and your clock\n"
        "/language – Deutsch, English, Українська\n"
        "/terms – terms\n"
        "/paysupport – help with payments\n"
        "/help – this page\n\n"
        "You can stop a round at any time; what you have answered counts."
    ).format(time=phrases.top_up_time(now=now))


def terms() -> str:
    """Return the answer to /terms."""
    return _(
        "<b>Terms</b>\n\n"
        "<blockquote expandable>"
        "Quiz Arena is a game for learners of German. Playing is free. We store your Telegram "
        "id, your name as Telegram shows it, your language and your answers, for nothing but "
        "the game. Be kind to others, and do not let programs play for you: accounts that harm "
        "the game can be suspended."
        "</blockquote>\n\n"
        "<b>Purchases</b>\n\n"
        "<blockquote expandable>"
        "What you buy in the /shop is paid for in Telegram Stars and delivered at once; it can be "
        "used in this game only. A subscription is renewed every 30 days until you cancel it in "
        "/wallet. If something is wrong with a payment, use /paysupport: we answer here and can "
        "refund your Stars through Telegram. A refund removes what was bought. Telegram itself "
        "cannot help with purchases in this bot."
        "</blockquote>"
    )


def suspended() -> str:
    """Return what a suspended player is told, once."""
    return _("Your account is suspended at the moment. You cannot play for now.")


def unknown() -> str:
    """Return the answer to what the bot does not understand."""
    return _("I did not understand that. /play starts a round, /help shows what I can do.")


def sorry() -> str:
    """Return the apology for an update that we failed to work on for good."""
    return _("Something went wrong on our side, sorry. Send /play to go on.")


def too_fast() -> str:
    """Return what is said, once, to a player who acts faster than the bot follows."""
    return _("That was a bit fast for me. Take a breath and go on in a few seconds.")


def button_stop() -> str:
    """Return the label of the button that ends a round."""
    return _("⏹ Stop")


def button_again() -> str:
    """Return the label of the button that starts the same mode again."""
    return _("🔁 Play again")


def button_modes() -> str:
    """Return the label of the button that leads back to the menu."""
    return _("🎯 Choose another mode")


def chat_linked(*, staff: str) -> str:
    """Return the answer to the code of a member of staff."""
    return _(
        "🔗 This chat now gets the test messages of the staff account <b>{staff}</b>.\n\n"
        "Is this not your account? Send /unlink."
    ).format(staff=escape(staff))


def wrong_link_code() -> str:
    """Return the answer to a code that no member of staff has now."""
    return _(
        "This code is not valid (any more). Get a new one in the admin, and send it within ten "
        "minutes."
    )


def too_many_link_codes() -> str:
    """Return the answer to a code after too many wrong ones."""
    return _("Too many wrong codes from this chat. Try again in an hour.")


def chat_unlinked() -> str:
    """Return the answer to /unlink."""
    return _("This chat gets no more test messages.")


def chat_not_linked() -> str:
    """Return the answer to /unlink in a chat of nobody from staff."""
    return _("This chat is not linked to a staff account.")


def commands() -> list[tuple[str, str]]:
    """Return the bot's menu of commands with their descriptions."""
    return [
        ("play", _("Play a round")),
        ("shop", _("Energy, Premium and more")),
        ("promo", _("Enter a promo code")),
        ("invite", _("Invite friends and get rewards")),
        ("wallet", _("What you own and have bought")),
        ("stats", _("Streak and statistics")),
        ("settings", _("Reminders and your clock")),
        ("language", _("Choose the language")),
        ("help", _("How it works")),
        ("terms", _("Terms")),
        ("paysupport", _("Help with payments")),
    ]
