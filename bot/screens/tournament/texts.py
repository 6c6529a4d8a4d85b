"""Every sentence about the cup and private tournaments; see bot/chat/phrases.py."""

from collections.abc import Sequence
from datetime import datetime
from html import escape
from urllib.parse import urlencode

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bot.chat import dates, goods_texts, phrases, question_texts
from economy.goods import Goods
from quizarena.game import cups, tournament_play
from quizarena.game.duel_rules import FREE_PER_DAY
from quizarena.game.duel_terms import Terms
from quizarena.game.errors import DuelLimitError, TooFewPlayersError
from quizarena.game.models import (
    Badge,
    BadgeKind,
    DuelPrice,
    Pairing,
    Tournament,
    TournamentNotice,
    TournamentNoticeKind,
)
from quizarena.game.swiss import Standing
from quizarena.game.tournament_play import Answer, Board, View
from quizarena.game.tournament_rules import (
    CUPS_IN_A_ROW,
    FORMATS,
    POINTS,
    CallOff,
    Outcome,
    TournamentKind,
    TournamentState,
)
from quizarena.players import names
from quizarena.players.models import Player

# So many of the first places are listed; whoever reads it is added.
SHOWN = 10
MEDALS = {1: "🥇", 2: "🥈", 3: "🥉"}
HOUR_S, MINUTE_S = 3_600, 60

_CUP, _PRIVATE = FORMATS[TournamentKind.CUP], FORMATS[TournamentKind.PRIVATE]


# --- The cup --------------------------------------------------------------------------------------


def cup_rules() -> str:
    """Return what the daily cup is."""
    return _(
        "A tournament every day, without energy. In each round you meet somebody else; both answer "
        "the same {questions} questions, and more right answers win. A round lasts {minutes} "
        "minutes, or until all have finished. Of equal points, the points of your opponents "
        "decide, then right answers (✓), then time."
    ).format(questions=_CUP.lengths[0], minutes=_CUP.round_time.seconds // MINUTE_S)


def cup_page(cup: Tournament | None, view: View | None, *, now: datetime) -> str:
    """Return where today's cup stands before it begins, or that there is none."""
    day = cups.today(now)
    lines = [_("🏆 <b>Daily cup</b>"), "", cup_rules(), ""]
    opens, starts = dates.time(cups.opens_at(day)), dates.time(cups.starts_at(day))
    if cup is not None and cup.state == TournamentState.CALLED_OFF:
        lines.append(called_off(cup))
    elif now < cups.opens_at(day):
        lines.append(
            _("Registration is open today from {opens} to {starts}; then the cup begins.").format(
                opens=opens, starts=starts
            )
        )
    elif now >= cups.starts_at(day):
        lines.append(_("There is no cup any more today. The next one is tomorrow."))
    else:
        count = view.players if view else 0
        lines.append(
            ngettext(
                "{count} player has registered.", "{count} players have registered.", count
            ).format(count=count)
        )
        if view is not None and view.entry is not None:
            lines.append(
                _("✅ You are in! The first round begins at {starts}.").format(starts=starts)
            )
        else:
            lines.append(_("The first round begins at {starts}.").format(starts=starts))
        lines.append(_("At least {count} players are needed.").format(count=_CUP.players_min))
    return "\n".join(lines)


def registered() -> str:
    """Return the note over the chat of who has registered."""
    return _("✅ You are registered!")


def left() -> str:
    """Return the note over the chat of who does not play after all."""
    return _("You are not registered any more.")


def registration_closed() -> str:
    """Return the note that nobody can register or leave any more."""
    return _("Registration is closed.")


def full(*, limit: int) -> str:
    """Return the note that all places are taken."""
    return _("All {limit} places are taken, sorry.").format(limit=limit)


# --- Private tournaments --------------------------------------------------------------------------


def private_page(terms: Terms) -> str:
    """Return what a private tournament is, and what the next one costs."""
    rules = _(
        "2 to {count} players whom you send the link. Everybody answers the same questions. Each "
        "round you meet somebody else, and it lasts {hours} hours at most. Taking part is free and "
        "costs no energy."
    ).format(count=_PRIVATE.players_max, hours=int(_PRIVATE.round_time.total_seconds()) // HOUR_S)
    return "\n\n".join(
        [
            _("👥 <b>Tournament with friends</b>"),
            rules,
            cost(terms),
            _("How many questions shall a round have?"),
        ]
    )


def cost(terms: Terms) -> str:
    """Return what the next private tournament costs its creator."""
    if terms.price is DuelPrice.FREE:
        return ngettext(
            "🆓 You can still create {count} duel or tournament for free today.",
            "🆓 You can still create {count} duels or tournaments for free today.",
            terms.free_left,
        ).format(count=terms.free_left)
    if terms.price is DuelPrice.PREMIUM:
        return _("👑 With Premium your tournaments are free.")
    return used_up(owned=terms.tickets)


def used_up(*, owned: int) -> str:
    """Return that the free ones of the day are used up, and what a further one costs."""
    words = _("Your {free} free duels and tournaments of today are used up.").format(
        free=FREE_PER_DAY
    )
    if owned:
        further = _(
            "A further one costs a duel ticket 🎟; you have {count}. It comes back if the "
            "tournament never begins."
        ).format(count=owned)
    else:
        further = _("The next one costs a duel ticket 🎟, or nothing with Premium.")
    return f"{words} {further}"


def limit(refusal: DuelLimitError) -> str:
    """Return why there can be no further tournament today."""
    return _("You have created {limit} duels and tournaments today. Go on tomorrow!").format(
        limit=refusal.limit
    )


def link(tournament: Tournament) -> str:
    """Return the link of a private tournament."""
    username = settings.TELEGRAM_BOT_USERNAME
    return f"https://t.me/{username}?start=tournament_{tournament.token}"


def share(tournament: Tournament) -> str:
    """Return the address at which Telegram offers to send the link to a chat of one's choice."""
    text = _("Join my German tournament!")
    return f"https://t.me/share/url?{urlencode({'url': link(tournament), 'text': text})}"


def lobby(view: View, board: Board) -> str:
    """Return who takes part in a private tournament that has not begun."""
    tournament = view.tournament
    lines = [
        head(tournament),
        "",
        _("{count} of {most} players:").format(count=view.players, most=_PRIVATE.players_max),
        *[f"• {name(player)}" for player in board.players.values()],
        "",
    ]
    until = dates.short(tournament.closes_at)
    if view.entry is not None and tournament.creator_id == view.entry.player_id:
        words = _("Send the link, and begin when all are here, by {time} at the latest.")
    else:
        words = _("⏳ It begins when its creator says so, by {time} at the latest.")
    return "\n".join([*lines, words.format(time=until)])


def invitation(tournament: Tournament, board: Board) -> str:
    """Return whose tournament a link is of, and what taking part means."""
    creator = board.players.get(tournament.creator_id or 0)
    lines = [
        _("🏆 <b>{name} invites you to a tournament!</b>").format(name=name(creator)),
        "",
        _("{questions} questions a round, {hours} hours each. It costs no energy.").format(
            questions=tournament.length, hours=int(_PRIVATE.round_time.total_seconds()) // HOUR_S
        ),
        _("{count} of {most} players:").format(count=len(board.players), most=_PRIVATE.players_max),
        *[f"• {name(player)}" for player in board.players.values()],
    ]
    return "\n".join(lines)


def too_few(refusal: TooFewPlayersError) -> str:
    """Return the note that a tournament cannot begin yet."""
    return _("At least {count} players are needed.").format(count=refusal.needed)


def no_questions() -> str:
    """Return the note that the bank does not suffice."""
    return _("There are not enough questions for a tournament, sorry.")


def unknown() -> str:
    """Return the kind answer to a link or a button of a tournament that is not there."""
    return _("There is no such tournament, or you do not take part in it.")


def has_begun() -> str:
    """Return the kind answer to who comes too late to take part."""
    return _("This tournament has begun or is over.")


# --- A tournament that is played ------------------------------------------------------------------


def name(player: Player | None) -> str:
    """Return by which name a player reads of another one, as HTML."""
    return _("Somebody") if player is None else escape(names.public_name(player))


def head(tournament: Tournament) -> str:
    """Return which tournament it is."""
    if tournament.day is not None:
        return _("🏆 <b>Cup of {day}</b>").format(day=dates.short_day(tournament.day))
    questions = ngettext("{count} question", "{count} questions", tournament.length).format(
        count=tournament.length
    )
    return _("🏆 <b>Tournament</b> · {questions} a round").format(questions=questions)


def board_for(view: View, *, player: Player) -> Board:
    """Return where a tournament stands, with the rows of those whom the player reads of."""
    if view.tournament.state == TournamentState.OPEN:
        return tournament_play.board_of(view.tournament)
    return tournament_play.board_of(view.tournament, first=SHOWN, also=[player.pk])


def page(
    view: View,
    *,
    player: Player,
    shown: Board | None = None,
    past: Sequence[Pairing] | None = None,
) -> str:
    """Return where a tournament stands: its lobby, its rounds and order, or its result.

    `shown` and `past` spare the queries where they are known, `shown` also to others.
    """
    tournament = view.tournament
    if tournament.state == TournamentState.CALLED_OFF:
        return f"{head(tournament)}\n\n{called_off(tournament)}"
    shown = shown or board_for(view, player=player)
    if tournament.state == TournamentState.OPEN:
        return lobby(view, shown)
    if past is None:
        past = tournament_play.past_of(tournament, player=player)
    if tournament.state == TournamentState.FINISHED:
        badges = tournament_play.badges_in(tournament, player=player)
        return result(shown, view, past, badges)
    return standings(shown, view, past)


def standings(board: Board, view: View, past: Sequence[Pairing]) -> str:
    """Return where a tournament that has begun stands: the round, the player's own, the order."""
    tournament = board.tournament
    lines = [head(tournament)]
    if board.current is not None:
        lines.append(
            _(
                "Round {number} of {rounds}, until {time}. Finished: {finished} of {players}."
            ).format(
                number=board.current.number,
                rounds=tournament.rounds,
                time=_until(tournament, board.current.deadline),
                finished=board.finished_current,
                players=len(board.standings),
            )
        )
    if view.pairing is not None:
        lines += ["", against(view)]
    lines += ["", *_past(past), *_order(board, view)]
    return "\n".join(lines)


def against(view: View) -> str:
    """Return whom the player meets in the round that is open, and what there is to do."""
    pairing = view.pairing
    assert pairing is not None
    if pairing.opponent is None:
        words = _("You have a bye: this round is a win. Your right answers count in the order.")
    else:
        words = _("⚔️ You meet <b>{name}</b>.").format(name=name(pairing.opponent))
    length = view.tournament.length
    if view.can_play:
        todo = _("👉 You have answered {answered} of {count}.").format(
            answered=pairing.answered, count=length
        )
    else:
        todo = _("✅ You have finished: {correct} of {count} right.").format(
            correct=pairing.correct, count=length
        )
    return f"{words}\n{todo}"


def _until(tournament: Tournament, instant: datetime) -> str:
    return dates.time(instant) if tournament.is_cup else dates.short(instant)


def _past(past: Sequence[Pairing]) -> list[str]:
    """Return a line for each round that has ended."""
    signs = {Outcome.WIN: "✅", Outcome.DRAW: "🤝", Outcome.LOSS: "❌", Outcome.BYE: "🆓"}
    lines = []
    for pairing in past:
        who = _("bye") if pairing.opponent_id is None else name(pairing.opponent)
        number = pairing.round.number
        lines.append(f"{signs[Outcome(pairing.outcome)]} {number}. {who}")
    return [*lines, ""] if lines else []


def _order(board: Board, view: View) -> list[str]:
    """Return the first places, and the player's own."""
    own = None if view.entry is None else view.entry.player_id
    shown = [one for one in board.standings if one.place <= SHOWN]
    lines = [_place(board, one, own) for one in shown]
    mine = [one for one in board.standings if one.score.player_id == own and one.place > SHOWN]
    return [*lines, *(["…", _place(board, mine[0], own)] if mine else [])]


def _place(board: Board, standing: Standing, own: int | None) -> str:
    score = standing.score
    shown = points(board.tournament, score.points)
    line = ngettext(
        "{place} {name} · {points} pt · {right} ✓",
        "{place} {name} · {points} pts · {right} ✓",
        1 if shown in ("1", "½") else 2,
    ).format(
        place=MEDALS.get(standing.place, f"{standing.place}."),
        name=name(board.players[score.player_id]),
        points=shown,
        right=score.right,
    )
    return f"<b>{line}</b>" if score.player_id == own else line


def points(tournament: Tournament, count: int) -> str:
    """Return points as they are shown: those of a private tournament are halves."""
    if tournament.is_cup:
        return str(count)
    whole, half = divmod(count, POINTS[Outcome.WIN])
    if not half:
        return str(whole)
    return f"{whole}½" if whole else "½"


def round_over() -> str:
    """Return the note over the chat of who answers too late."""
    return _("⌛ This round is over.")


def question(view: View) -> str:
    """Return the question that waits, with its level, its mode and its number."""
    asked = view.next
    assert asked is not None
    above = question_texts.head(
        level=asked.level,
        mode=asked.version.question_row.category,
        number=asked.number,
        length=view.tournament.length,
    )
    return f"🏆 {above}\n\n<b>{escape(asked.version.question)}</b>"


def next_question(answered: Answer) -> str:
    """Return the question after one that has just been answered."""
    asked = answered.next
    assert asked is not None
    above = question_texts.head(
        level=asked.level,
        mode=asked.version.question_row.category,
        number=asked.number,
        length=answered.length,
    )
    return f"🏆 {above}\n\n<b>{escape(asked.version.question)}</b>"


def feedback_and(answered: Answer, text: str) -> str:
    """Return one message that answers the last tap and goes on with `text`."""
    return feedback_above(answered) + text


def feedback_above(answered: Answer) -> str:
    """Return the answer to the last tap, and what divides it from what follows."""
    feedback = question_texts.feedback(answered.question.version, choice=answered.choice)
    return f"{feedback}\n\n{question_texts.DIVIDER}\n\n"


# --- Over -----------------------------------------------------------------------------------------


def called_off(tournament: Tournament) -> str:
    """Return why a tournament does not take place."""
    match CallOff(tournament.call_off):
        case CallOff.TOO_FEW:
            return _("Too few players have registered, so there is no cup today. Try tomorrow!")
        case CallOff.NOT_STARTED:
            return _("⌛ This tournament was not begun in time.")
        case CallOff.CREATOR:
            return _("This tournament was canceled by its creator.")
        case CallOff.NO_QUESTIONS:
            return _("It was called off: there are not enough questions, sorry.")
    return _("It was called off, sorry. What was played does not count.")


def result(board: Board, view: View, past: Sequence[Pairing], badges: Sequence[Badge]) -> str:
    """Return how a tournament has ended: the player's place, what it brings, and the order."""
    tournament = board.tournament
    lines = [head(tournament)]
    entry = view.entry
    if entry is not None and entry.place is not None:
        placed = _("{medal} <b>Place {place} of {players}</b>").format(
            medal=MEDALS.get(entry.place, "🏁"), place=entry.place, players=view.players
        )
        lines += ["", placed, *[f"🏅 {badge_name(badge)}" for badge in badges]]
        if entry.prize:
            goods = ", ".join(goods_texts.delivery(Goods.from_metadata(entry.prize)))
            lines.append(_("🎁 Your prize: {goods}").format(goods=goods))
    return "\n".join([*lines, "", *_past(past), *_order(board, view)])


def badge_name(badge: Badge) -> str:
    """Return what a badge is for."""
    match BadgeKind(badge.kind):
        case BadgeKind.CUP_FIRST:
            return _("First in a daily cup")
        case BadgeKind.CUP_SECOND:
            return _("Second in a daily cup")
        case BadgeKind.CUP_THIRD:
            return _("Third in a daily cup")
    return _("{count} cups in a row").format(count=CUPS_IN_A_ROW)


def card_title(cup: Tournament) -> str:
    """Return what stands at the top of the picture of a cup."""
    assert cup.day is not None
    return _("Cup of {day}").format(day=dates.short_day(cup.day))


def card_score(view: View) -> str:
    """Return what stands largest on the picture of a cup."""
    assert view.entry is not None
    return _("Place {place}").format(place=view.entry.place)


def card_words(view: View) -> str:
    """Return what goes with the picture of a cup, wherever it is forwarded to."""
    assert view.entry is not None
    return _("Quiz Arena, daily cup: place {place} of {players}").format(
        place=view.entry.place, players=view.players
    )


# --- Messages -------------------------------------------------------------------------------------


def notice(due: TournamentNotice, view: View, *, now: datetime) -> str | None:
    """Return what a notice says; None if it is not so any more."""
    tournament = view.tournament
    if due.kind == TournamentNoticeKind.CALLED_OFF:
        return f"{head(tournament)}\n\n{called_off(tournament)}"
    if due.kind == TournamentNoticeKind.RESULT:
        shown = board_for(view, player=due.player)
        past = tournament_play.past_of(tournament, player=due.player)
        return result(shown, view, past, tournament_play.badges_in(tournament, player=due.player))
    current = view.current
    if current is None or current.number != due.round_number or now >= current.deadline:
        return None  # Another one says how it goes on.
    if not view.can_play:
        return None
    if due.kind == TournamentNoticeKind.ENDING:
        left_time = phrases.time_until(current.deadline - now)
        words = _("⏳ <b>Round {number} of your tournament ends {wait}.</b>").format(
            number=current.number, wait=left_time
        )
    else:
        words = _("🏆 <b>Round {number} of {rounds} has begun!</b> It lasts until {time}.").format(
            number=current.number,
            rounds=tournament.rounds,
            time=_until(tournament, current.deadline),
        )
    return f"{words}\n{against(view)}"


# --- Buttons --------------------------------------------------------------------------------------


def button_register() -> str:
    """Return the label of the button that registers for the cup."""
    return _("✅ Register")


def button_leave() -> str:
    """Return the label of the button of who does not want to play after all."""
    return _("✖️ Do not play")


def button_take_back() -> str:
    """Return the label of the button that takes a private tournament back."""
    return _("✖️ Take it back")


def button_refresh() -> str:
    """Return the label of the button that shows where it stands now."""
    return _("🔄 Refresh")


def button_play() -> str:
    """Return the label of the button that shows the question that waits."""
    return _("▶️ Play the round")


def button_pause() -> str:
    """Return the label of the button that leaves a question for later."""
    return _("⏸ Pause")


def button_private() -> str:
    """Return the label of the button that leads to private tournaments."""
    return _("👥 Tournament with friends")


def button_length(length: int, *, costs_ticket: bool) -> str:
    """Return the label of the button that makes a tournament with so many questions a round."""
    return f"🎟 {length}" if costs_ticket else str(length)


def button_ticket() -> str:
    """Return the label of the button that leads to the duel ticket in the shop."""
    return _("🎟 Duel ticket")


def button_join() -> str:
    """Return the label of the button that takes part in a tournament."""
    return _("✅ Take part")


def button_start() -> str:
    """Return the label of the button that begins a tournament."""
    return _("▶️ Begin now")


def button_share() -> str:
    """Return the label of the button that sends the link to a friend."""
    return _("📨 Send to friends")


def button_copy() -> str:
    """Return the label of the button that copies the link."""
    return _("📋 Copy the link")


def button_of(tournament: Tournament) -> str:
    """Return the label of the button that opens one of the player's tournaments."""
    state = {
        TournamentState.OPEN: _("waits for players"),
        TournamentState.RUNNING: _("is being played"),
        TournamentState.FINISHED: _("is over"),
        TournamentState.CALLED_OFF: _("was called off"),
    }[TournamentState(tournament.state)]
    return f"🏆 {dates.short_day(tournament.created_at)} · {state}"
