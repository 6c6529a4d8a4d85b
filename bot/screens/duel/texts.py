"""Every sentence about duels; see bot/chat/phrases.py."""

from collections.abc import Sequence
from datetime import datetime
from html import escape
from urllib.parse import urlencode

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bot.chat import dates, phrases, question_texts
from economy.streaks import StreakChange
from quizarena.game import duels
from quizarena.game.duel_play import Answer, View
from quizarena.game.duel_rules import (
    ACCEPT_WITHIN,
    FREE_PER_DAY,
    PLAY_WITHIN,
    SERIES_LENGTH,
    DuelResult,
    DuelState,
)
from quizarena.game.duel_terms import Terms
from quizarena.game.errors import DuelLimitError
from quizarena.game.models import Duel, DuelNotice, DuelNoticeKind, DuelPrice, DuelQuestion
from quizarena.players import names
from quizarena.players.models import Player

# A round that is not answered yet, or not to be seen yet.
BLANK = "⬜"
HOUR_S = 3_600


# --- The page, and what a duel costs --------------------------------------------------------------


def page(terms: Terms) -> str:
    """Return what a duel is, and what the next one costs."""
    rules = _(
        "Two players answer the same questions, each in their own time. More right answers win. "
        "Duels cost no energy, and accepting one is always free."
    )
    return _("⚔️ <b>Duels</b>") + f"\n\n{rules}\n\n{cost(terms)}"


def cost(terms: Terms) -> str:
    """Return what the next duel costs that the player creates."""
    if terms.price is DuelPrice.FREE:
        return ngettext(
            "🆓 You can still create {count} duel for free today.",
            "🆓 You can still create {count} duels for free today.",
            terms.free_left,
        ).format(count=terms.free_left)
    if terms.price is DuelPrice.PREMIUM:
        return _("👑 With Premium your duels are free.")
    used_up = _("Your {free} free duels of today are used up.").format(free=FREE_PER_DAY)
    if terms.tickets:
        owned = _("A further one costs a duel ticket 🎟; you have {count}.").format(
            count=terms.tickets
        )
        back = _("If nobody accepts, the ticket comes back.")
        return f"{used_up} {owned} {back}"
    return used_up + " " + _("A further one costs a duel ticket 🎟, or nothing with Premium.")


def choose_length(terms: Terms, *, is_open: bool) -> str:
    """Return the question for the number of rounds."""
    if is_open:
        head = _("🎲 <b>Random opponent</b>")
        rules = _(
            "If somebody of about your level is waiting, you play at once and for free. Otherwise "
            "your duel waits up to {hours} hours for somebody."
        ).format(hours=ACCEPT_WITHIN.seconds // HOUR_S)
    else:
        head = _("👥 <b>Challenge a friend</b>")
        rules = _(
            "You get a link to send. Your friend has {hours} hours to accept; you can play your "
            "part at once."
        ).format(hours=ACCEPT_WITHIN.seconds // HOUR_S)
    return f"{head}\n\n{rules}\n\n{cost(terms)}\n\n" + _("How many questions?")


def used_up(*, owned: int) -> str:
    """Return that the free duels of the day are used up, as a page of its own."""
    head = _("🎟 <b>This duel costs a ticket</b>")
    words = _("Your {free} free duels of today are used up.").format(free=FREE_PER_DAY)
    if owned:
        words += " " + ngettext(
            "You have {count} ticket.", "You have {count} tickets.", owned
        ).format(count=owned)
    else:
        words += " " + _("You have no ticket. Tomorrow there are two free duels again.")
    return f"{head}\n\n{words}"


def limit(refusal: DuelLimitError) -> str:
    """Return why there can be no further duel now."""
    if refusal.is_of_day:
        return _("You have created {limit} duels today, that is the most. Go on tomorrow!").format(
            limit=refusal.limit
        )
    return _("You have {limit} duels going on, that is the most. Finish one of them first.").format(
        limit=refusal.limit
    )


def no_questions() -> str:
    """Return the apology for a duel that cannot be made."""
    return _("There are not enough questions for this duel, sorry.")


def already_open() -> str:
    """Return the note that the player waits for an opponent already."""
    return _("You are waiting for an opponent already.")


# --- Invitations ----------------------------------------------------------------------------------


def link(duel: Duel) -> str:
    """Return the link of a duel."""
    return f"https://t.me/{settings.TELEGRAM_BOT_USERNAME}?start=duel_{duel.token}"


def share(duel: Duel) -> str:
    """Return the address at which Telegram offers to send the link to a chat of one's choice."""
    return f"https://t.me/share/url?{urlencode({'url': link(duel), 'text': challenge(duel)})}"


def challenge(duel: Duel) -> str:
    """Return what stands above the link when it is shared."""
    return ngettext(
        "I challenge you to a German duel: {count} question. Can you beat me?",
        "I challenge you to a German duel: {count} questions. Can you beat me?",
        duel.length,
    ).format(count=duel.length)


def invitation(duel: Duel) -> str:
    """Return whose link it is, and what accepting it means."""
    head = _("⚔️ <b>{name} challenges you to a duel!</b>").format(name=name(duel.creator))
    rules = ngettext(
        "{count} question, the same for both. It costs no energy, and you have {hours} hours.",
        "{count} questions, the same for both. They cost no energy, and you have {hours} hours.",
        duel.length,
    ).format(count=duel.length, hours=PLAY_WITHIN.days * 24)
    return f"{head}\n\n{rules}"


def own_link() -> str:
    """Return the note above one's own duel, when one has followed its link."""
    return _("🔗 This is your own link. Send it to a friend!")


def gone(duel: Duel) -> str:
    """Return why a duel cannot be accepted any more."""
    match DuelState(duel.state):
        case DuelState.CANCELED:
            return _("{name} has taken this duel back.").format(name=name(duel.creator))
        case DuelState.EXPIRED if duel.accepted_at is None:
            return _("This duel has expired: nobody has accepted it within {hours} hours.").format(
                hours=ACCEPT_WITHIN.seconds // HOUR_S
            )
        case _:
            return _("Somebody else was faster: this duel is taken.")


def unknown() -> str:
    """Return the kind answer to a link or a button of a duel that is not there."""
    return _("There is no such duel, or it is not yours.")


def absent(player: Player) -> str:
    """Return that the other player cannot play."""
    if player.suspended_at is not None:
        return _("The other player cannot play at the moment.")
    return _("{name} cannot play at the moment.").format(name=name(player))


def too_far() -> str:
    """Return that an open duel is of another level."""
    return _("This duel is of a level that is too far from yours.")


def against(player: Player) -> str:
    """Return the note over the chat when a duel begins."""
    return _("You play against {name}!").format(name=names.public_name(player))


def accepted_already() -> str:
    """Return the note that a duel cannot be taken back."""
    return _("This duel cannot be taken back any more.")


def canceled() -> str:
    """Return the note over the chat when a duel was taken back."""
    return _("The duel is taken back.")


# --- A duel ---------------------------------------------------------------------------------------


def name(player: Player | None) -> str:
    """Return by which name a player reads of another one, as HTML."""
    return _("Somebody") if player is None else escape(names.public_name(player))


def card(view: View) -> str:
    """Return where one of the player's duels stands, while it is live."""
    duel = view.duel
    lines = [head(view), "", *_grids(view)]
    if duel.state == DuelState.PENDING:
        lines += ["", _pending(view)]
    else:
        lines += ["", *_whose_turn(view)]
    return "\n".join(lines)


def head(view: View) -> str:
    """Return against whom a duel is, and how many rounds it has."""
    rounds = ngettext("{count} question", "{count} questions", view.duel.length).format(
        count=view.duel.length
    )
    if view.opponent is None:
        line = _("⚔️ <b>Duel</b> · {rounds}").format(rounds=rounds)
    else:
        line = _("⚔️ <b>Duel against {name}</b> · {rounds}").format(
            name=name(view.opponent), rounds=rounds
        )
    if view.duel.game is not None:
        line += "\n" + _("Best of three, duel {game} of {games}").format(
            game=view.duel.game, games=SERIES_LENGTH
        )
    return line


def _pending(view: View) -> str:
    until = dates.short(view.duel.deadline)
    if view.is_asked:
        return _("{name} would like to play against you. You can accept until {time}.").format(
            name=name(view.opponent), time=until
        )
    if view.duel.is_open:
        return _("⏳ Waiting for an opponent of about your level, until {time}.").format(time=until)
    if view.opponent is not None:
        return _("⏳ {name} can accept until {time}.").format(name=name(view.opponent), time=until)
    return _("⏳ Send the link to a friend. It can be accepted until {time}.").format(time=until)


def _whose_turn(view: View) -> list[str]:
    duel, length = view.duel, view.duel.length
    if view.has_finished:
        line = _("⏳ Waiting for {name}, who has answered {answered} of {count}.").format(
            name=name(view.opponent), answered=view.other_answered, count=length
        )
    else:
        line = _("👉 It is your turn: you have answered {answered} of {count}.").format(
            answered=len(view.own), count=length
        )
    return [line, _("Until {time}.").format(time=dates.short(duel.deadline))]


def _grids(view: View) -> list[str]:
    """Return a line of squares for each player; what the player may not see yet is blank."""
    length = view.duel.length
    lines = [_row(_("You"), view.own, length)]
    if view.opponent is not None and not view.is_asked:
        lines.append(_row(name(view.opponent), view.other, length))
    return lines


def _row(who: str, outcomes: Sequence[bool], length: int) -> str:
    squares = question_texts.grid(outcomes) + BLANK * (length - len(outcomes))
    return f"{squares} {who}"


def question(view: View) -> str:
    """Return the question that waits, with its level, its mode and its number."""
    asked: DuelQuestion | None = view.next
    assert asked is not None
    above = question_texts.head(
        level=asked.level,
        mode=asked.version.question_row.category,
        number=asked.number,
        length=view.duel.length,
    )
    return f"⚔️ {above}\n\n<b>{escape(asked.version.question)}</b>"


def feedback(answered: Answer) -> str:
    """Return whether the answer was right, why, and what the other player has made of it."""
    text = question_texts.feedback(answered.question.version, choice=answered.choice)
    view = answered.view
    if view.opponent is None or view.duel.accepted_at is None:
        return text
    if answered.other_is_correct is None:
        other = _("👤 {name} has not answered this one yet.")
    elif answered.other_is_correct:
        other = _("👤 {name}: right ✅")
    else:
        other = _("👤 {name}: wrong ❌")
    return f"{text}\n{other.format(name=name(view.opponent))}"


def feedback_and(answered: Answer, text: str) -> str:
    """Return one message that answers the last tap and goes on with `text`."""
    return f"{feedback(answered)}\n\n{question_texts.DIVIDER}\n\n{text}"


def result(view: View, *, decider: Duel | None, streak: StreakChange | None = None) -> str:
    """Return how a duel has ended: squares, right answers, who has won, how the series stands."""
    duel = view.duel
    lines = [head(view), "", *_grids(view), "", _outcome(view)]
    series = _series(view, decider)
    if series:
        lines += ["", series]
    if streak is not None and streak.is_first_of_day:
        grown = ngettext("🔥 Streak: {days} day", "🔥 Streak: {days} days", streak.current)
        lines += ["", grown.format(days=streak.current)]
    if view.is_creator and duels.has_returned_ticket(duel):
        lines.append(_("🎟 Your ticket has come back."))
    return "\n".join(lines)


def card_title(view: View) -> str:
    """Return what stands at the top of the picture of a duel."""
    return _("Duel won!") if view.has_won else _("Duel: a draw")


def card_score(view: View) -> str:
    """Return what stands largest on the picture of a duel, the player's own answers first."""
    return f"{sum(view.own)} : {sum(view.other)}"


def card_words(view: View) -> str:
    """Return what goes with the picture of a duel, wherever it is forwarded to."""
    text = _("Quiz Arena, duel: {own}:{other}").format(own=sum(view.own), other=sum(view.other))
    return f"{text}\n{question_texts.grid(view.own)}"


def _outcome(view: View) -> str:
    duel = view.duel
    right = [sum(view.own), sum(view.other)]
    other = name(view.opponent)
    match DuelState(duel.state):
        case DuelState.CANCELED:
            return _("This duel was taken back.")
        case DuelState.EXPIRED if duel.accepted_at is None:
            return _("⌛ Nobody has accepted this duel in time.")
        case DuelState.EXPIRED:
            return _("⌛ Time is up. Neither of you has answered everything, so nobody wins.")
        case DuelState.WALKOVER if view.has_won:
            return _("🏆 <b>You win!</b> {name} has not answered everything in time.").format(
                name=other
            )
        case DuelState.WALKOVER:
            return _("⌛ {name} wins: you have not answered everything in time.").format(name=other)
    if duel.result == DuelResult.DRAW:
        return _("🤝 <b>A draw, {own}:{other}!</b>").format(own=right[0], other=right[1])
    if view.has_won:
        return _("🏆 <b>You win {own}:{other}!</b>").format(own=right[0], other=right[1])
    return _("{name} wins {other}:{own}. Next time it is your turn!").format(
        name=other, own=right[0], other=right[1]
    )


def _series(view: View, decider: Duel | None) -> str:
    """Return how a best of three stands; nothing of a duel that is alone."""
    games = duels.games_of(view.duel)
    winners = [game.winner_id for game in games]
    own = winners.count(view.player_id)
    other = sum(winner is not None for winner in winners) - own
    if not games:
        return ""
    if decider is not None:
        return _("🏅 Best of three: {own}:{other}. The third duel decides; it has begun.").format(
            own=own, other=other
        )
    if own == other:
        return _("🏅 Best of three: {own}:{other}, a draw.").format(own=own, other=other)
    if own > other:
        return _("🏅 <b>You win the best of three {own}:{other}!</b>").format(own=own, other=other)
    return _("🏅 {name} wins the best of three {other}:{own}.").format(
        name=name(view.opponent), own=own, other=other
    )


# --- My duels -------------------------------------------------------------------------------------


def mine(live: Sequence[View], ended: Sequence[View]) -> str:
    """Return the player's duels: whose turn it is, until when, and how the last ones ended."""
    lines = [_("📋 <b>My duels</b>")]
    if not live and not ended:
        return "\n\n".join([*lines, _("None yet. Challenge somebody!")])
    if live:
        lines += ["", *[_live_line(view) for view in live]]
    if ended:
        lines += ["", _("<b>The last ones</b>"), *[_ended_line(view) for view in ended]]
    return "\n".join(lines)


def _live_line(view: View) -> str:
    until = dates.short(view.duel.deadline)
    if view.is_asked:
        words = _("👉 {name} asks you for a duel, until {time}")
    elif view.can_play and view.opponent is None:
        words = _("👉 your part is open; nobody has accepted yet, until {time}")
    elif view.can_play:
        words = _("👉 your turn against {name}, {answered}/{count}, until {time}")
    elif view.opponent is None:
        words = _("⏳ nobody has accepted yet, until {time}")
    elif view.duel.state == DuelState.PENDING:
        words = _("⏳ {name} has not accepted yet, until {time}")
    else:
        words = _("⏳ waiting for {name}, until {time}")
    return words.format(
        name=name(view.opponent), answered=len(view.own), count=view.duel.length, time=until
    )


def _ended_line(view: View) -> str:
    if view.opponent is None:
        return _("⌛ nobody has accepted")
    other = name(view.opponent)
    if not view.duel.result:
        return _("⌛ {name}: expired").format(name=other)
    sign = {True: "🏆", False: "▫️", None: "🤝"}[view.has_won]
    return f"{sign} {other} {sum(view.own)}:{sum(view.other)}"


# --- Messages -------------------------------------------------------------------------------------


def notice(due: DuelNotice, view: View, *, decider: Duel | None, now: datetime) -> str | None:
    """Return what a notice says; None if it is not so any more."""
    duel = view.duel
    if due.kind == DuelNoticeKind.RESULT:
        return result(view, decider=decider)
    if not duel.is_live or now >= duel.deadline:
        return None  # How it has ended is said by another one.
    if due.kind == DuelNoticeKind.ENDING:
        return None if view.has_finished else _ending(view, now=now)
    if view.is_creator and duel.price != DuelPrice.SERIES:
        return None if _has_opened_since(duel) else _accepted(view)
    if view.is_asked:
        return _asked(view)
    is_turn = not view.has_finished and view.other_answered >= duel.length
    return _your_turn(view) if is_turn else None


def _has_opened_since(duel: Duel) -> bool:
    """Return whether the creator has opened the questions, and seen who plays, since acceptance."""
    started, accepted = duel.creator_started_at, duel.accepted_at
    return started is not None and accepted is not None and started > accepted


def _accepted(view: View) -> str:
    words = _("⚔️ <b>{name} has accepted your duel!</b>").format(name=name(view.opponent))
    if view.has_finished:
        return f"{words}\n" + _("You have played your part; I will tell you how it ends.")
    return "\n".join([words, *_whose_turn(view)])


def _asked(view: View) -> str:
    if view.duel.series_id is not None:
        words = _("⚔️ <b>{name} challenges you to a best of three.</b>")
    else:
        words = _("⚔️ <b>{name} would like a rematch.</b>")
    until = _("You can accept until {time}.").format(time=dates.short(view.duel.deadline))
    return f"{words.format(name=name(view.opponent))}\n{until}"


def _your_turn(view: View) -> str:
    words = _("⚔️ <b>{name} has answered everything.</b>").format(name=name(view.opponent))
    return "\n".join([words, *_whose_turn(view)])


def _ending(view: View, *, now: datetime) -> str:
    left = phrases.time_until(view.duel.deadline - now)
    return _(
        "⏳ <b>Your duel against {name} ends {wait}.</b>\nYou have answered {answered} of {count}."
    ).format(name=name(view.opponent), wait=left, answered=len(view.own), count=view.duel.length)


# --- Buttons --------------------------------------------------------------------------------------


def button_friend() -> str:
    """Return the label of the button that makes a duel for a friend."""
    return _("👥 Challenge a friend")


def button_anybody() -> str:
    """Return the label of the button that looks for an opponent."""
    return _("🎲 Random opponent")


def button_mine(*, waiting: int) -> str:
    """Return the label of the button that lists one's duels; `waiting` are those that wait."""
    label = _("📋 My duels")
    return f"{label} ({waiting})" if waiting else label


def button_rounds(length: int, *, costs_ticket: bool) -> str:
    """Return the label of the button that makes a duel of so many rounds."""
    return f"🎟 {length}" if costs_ticket else str(length)


def button_ticket() -> str:
    """Return the label of the button that leads to the duel ticket in the shop."""
    return _("🎟 Duel ticket")


def button_accept() -> str:
    """Return the label of the button that accepts a duel."""
    return _("⚔️ Accept and play")


def button_play() -> str:
    """Return the label of the button that shows the first question."""
    return _("▶️ Play my part")


def button_continue() -> str:
    """Return the label of the button that leads to the question that waits."""
    return _("▶️ Continue")


def button_decider() -> str:
    """Return the label of the button that leads to the third duel of a series."""
    return _("▶️ The third duel")


def button_share() -> str:
    """Return the label of the button that sends the link to a friend."""
    return _("📨 Send to a friend")


def button_copy() -> str:
    """Return the label of the button that copies the link."""
    return _("📋 Copy the link")


def button_cancel() -> str:
    """Return the label of the button that takes a duel back."""
    return _("✖️ Take it back")


def button_pause() -> str:
    """Return the label of the button that leaves a question for later."""
    return _("⏸ Pause")


def button_rematch() -> str:
    """Return the label of the button that asks for another duel."""
    return _("🔁 Rematch")


def button_series() -> str:
    """Return the label of the button that makes a best of three."""
    return _("🏅 Best of three")


def button_of(view: View) -> str:
    """Return the label of the button that opens one of the player's duels."""
    if view.opponent is not None:
        who = names.public_name(view.opponent)
    else:
        who = _("waiting") if view.duel.is_live else _("nobody")
    if view.can_play or view.is_asked:
        sign = "👉"
    else:
        sign = "⚔️" if view.duel.is_live or view.duel.result else "⌛"
    return f"{sign} {who} · {view.duel.length}"
