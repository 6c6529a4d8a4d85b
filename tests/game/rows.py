"""One row of each of the game's tables, as its constraints want it, and a second one beside it.

Without the way there: whom and what a row refers to need not exist (behind_the_guards).
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeAlias

from django.db.models import Model

from quizarena.game import models as game

Fields: TypeAlias = Mapping[str, Any]

# A Wednesday in Berlin, an hour ahead, and the Monday of its week.
DAY = date(2026, 12, 16)
MONDAY = date(2026, 12, 14)
NOON = datetime(2026, 12, 16, 11, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
TOMORROW = DAY + timedelta(days=1)

# What is answered, finished or ended has more than what is not.
ANSWERED: Fields = {"answered_at": NOON, "choice": 0, "is_correct": False}
ACCEPTED: Fields = {
    "opponent_id": 2,
    "state": "ACCEPTED",
    "accepted_at": NOON,
    "deadline": NOON + 48 * HOUR,
}
COMPLETED: Fields = {
    **ACCEPTED,
    "state": "COMPLETED",
    "ended_at": NOON + HOUR,
    "result": "CREATOR",
    "creator_score": 2,
    "opponent_score": 1,
}
ROSE: Fields = {"group_id": 1, "number": 1, "outcome": "ROSE", "place": 1, "points": 10}
PRIVATE: Fields = {
    "kind": "PRIVATE",
    "day": None,
    "token": "one",
    "creator_id": 1,
    "creation_key": "one",
    "level": "A1",
    "price": "FREE",
    "created_on": DAY,
    "day_number": 1,
    "length": 5,
    "closes_at": NOON + 24 * HOUR,
}
RUNNING: Fields = {"state": "RUNNING", "started_at": NOON + 2 * HOUR, "rounds": 3}
CALLED_OFF: Fields = {"state": "CALLED_OFF", "ended_at": NOON, "call_off": "TOO_FEW"}
SPRINTED: Fields = {"state": "FINISHED", "finished_at": NOON, "answered": 0, "correct": 0}
OVER: Fields = {"state": "FINISHED", "finished_at": NOON}
PRIZED: Fields = {"place": 1, "prize": {"duel_tickets": 1}, "prize_entry_id": 1}
DECIDED: Fields = {
    "state": "DISMISSED",
    "decided_at": NOON,
    "decided_by_id": 1,
    "note": "A slow clock.",
}
RESOLVED: Fields = {
    "resolved_at": NOON,
    "resolved_by_id": 1,
    "verdict": "RESTORED",
    "note": "It is right.",
}

_TITLES = {"title_de": "Artikel", "title_en": "Articles", "title_uk": "Артиклі"}
_TEXTS = {"text_de": "Der Tisch.", "text_en": "The table.", "text_uk": "Стіл."}
_SHOWN = {"version_id": 1, "order": [0, 1], "number": 1, "level": "A1"}

# A row, and what another one has different so that both can stand there.
ROWS: dict[type[Model], tuple[Fields, Fields]] = {
    game.Badge: (
        {"player_id": 1, "kind": "CUP_FIRST", "tournament_id": 1, "awarded_at": NOON},
        {"player_id": 2, "kind": "CUP_SECOND"},
    ),
    game.BoardCount: (
        {"span": "DAY", "begins_on": DAY, "points": 10, "players": 1},
        {"points": 20},
    ),
    game.CupPrize: (
        {"place_from": 1, "place_to": 1, "paid_energy": 1},
        {"place_from": 2, "place_to": 2},
    ),
    game.DailyAnswer: (
        {"run_id": 1, "number": 1, "choice": 0, "is_correct": False, "answered_at": NOON},
        {"number": 2},
    ),
    game.DailyQuestion: ({**_SHOWN, "set_id": 1}, {"number": 2}),
    game.DailyRun: ({"player_id": 1, "set_id": 1, "started_at": NOON}, {"player_id": 2}),
    game.DailySet: (
        {"day": DAY, "starts_at": NOON, "ends_at": NOON + HOUR, "drawn_at": NOON},
        {"day": TOMORROW},
    ),
    game.DayPoints: (
        {"player_id": 1, "day": DAY, "points": 10, "reached_at": NOON},
        {"player_id": 2},
    ),
    game.Duel: (
        {
            "token": "one",
            "creator_id": 1,
            "length": 3,
            "level": "A1",
            "creation_key": "one",
            "price": "FREE",
            "created_on": DAY,
            "day_number": 1,
            "created_at": NOON,
            "deadline": NOON + 6 * HOUR,
        },
        {"token": "two", "creation_key": "two", "day_number": 2},
    ),
    game.DuelAnswer: (
        {"duel_id": 1, "player_id": 1, "number": 1, "shown_at": NOON, **ANSWERED},
        {"number": 2},
    ),
    game.DuelNotice: (
        {"duel_id": 1, "player_id": 1, "kind": "TURN", "due_at": NOON},
        {"kind": "ENDING"},
    ),
    game.DuelQuestion: ({**_SHOWN, "duel_id": 1}, {"number": 2}),
    game.FairPlayFinding: (
        {
            "kind": "FAST_ANSWERS",
            "player_id": 1,
            "first_day": DAY,
            "last_day": DAY,
            "figures": {},
            "found_at": NOON,
        },
        {"player_id": 2},
    ),
    game.FirstDayCohort: (
        {"day": DAY, "started": 1, "answered": 0, "finished_round": 0, "counted_at": NOON},
        {"day": TOMORROW},
    ),
    game.LeagueGroup: ({"week": MONDAY, "tier": 1, "number": 1}, {"number": 2}),
    game.LeagueMember: ({"player_id": 1, "week": MONDAY, "joined_at": NOON}, {"player_id": 2}),
    game.LeaguePlayer: ({"player_id": 1, "tier": 1}, {"player_id": 2}),
    game.Pairing: (
        {"tournament_id": 1, "round_id": 1, "player_id": 1, "opponent_id": 2},
        {"player_id": 2, "opponent_id": 1},
    ),
    game.PastAnswers: (
        {"player_id": 1, "mode": "WORD_ORDER", "level": "A1", "answered": 1, "correct": 0},
        {"level": "A2"},
    ),
    game.Placement: ({"player_id": 1, "day": DAY, "started_at": NOON}, {"player_id": 2}),
    game.PlacementQuestion: ({**_SHOWN, "placement_id": 1, "shown_at": NOON}, {"number": 2}),
    game.PlayDay: (
        {
            "day": DAY,
            "active_players": 1,
            "new_players": 0,
            "rounds": 0,
            "challenges": 0,
            "answers": 1,
            "right": 0,
            "counted_at": NOON,
        },
        {"day": TOMORROW},
    ),
    game.PlayDayMode: (
        {"day": DAY, "mode": "DUEL", "level": "A1", "answers": 1, "right": 0},
        {"level": "A2"},
    ),
    game.PlayerLevel: (
        {
            "player_id": 1,
            "mode": "ARTIKEL_SPRINT",
            "level": "A1",
            "reason": "CHOSEN",
            "since": NOON,
        },
        {"player_id": 2},
    ),
    game.PointEvent: (
        {
            "player_id": 1,
            "key": "one",
            "kind": "ANSWER",
            "earned": 10,
            "points": 10,
            "day_total": 10,
            "week_total": 10,
            "at": NOON,
            "day": DAY,
            "week": MONDAY,
        },
        {"key": "two"},
    ),
    game.Question: (
        {
            "quiz_id": "one",
            "question": "Welcher Artikel?",
            "option_1": "der",
            "option_2": "die",
            "correct_option_id": 0,
            "explanation": "Darum.",
            "level": "A1",
            "category": "ARTIKEL_SPRINT",
            "key": "artikel",
        },
        {"quiz_id": "two"},
    ),
    game.QuestionCount: ({"id": 1, "day": DAY, "counted_at": NOON}, {"id": 2}),
    game.QuestionFigures: (
        {
            "version_id": 1,
            "chosen": [0, 0],
            "seconds": [0],
            "level_chosen": [0, 0],
            "counted_at": NOON,
        },
        {"version_id": 2},
    ),
    game.QuestionImport: (
        {"file_name": "a.csv", "content": b"a", "uploaded_by_id": 1, "changed_at": NOON},
        {},
    ),
    game.QuestionReport: (
        {
            "player_id": 1,
            "question_id": 1,
            "version_id": 1,
            "reason": "WRONG",
            "reported_at": NOON,
        },
        {"player_id": 2},
    ),
    game.QuestionVersion: (
        {
            "question_row_id": 1,
            "number": 1,
            "question": "Welcher Artikel?",
            "options": ["der", "die"],
            "correct_option_id": 0,
            "explanation": "Darum.",
            "created_at": NOON,
        },
        {"number": 2},
    ),
    game.Review: ({"player_id": 1, "started_at": NOON, "length": 1}, {"player_id": 2}),
    game.ReviewAccuracy: (
        {"day": DAY, "predictions": 0, "month_predictions": 0, "counted_at": NOON},
        {"day": TOMORROW},
    ),
    game.ReviewCard: (
        {
            "player_id": 1,
            "question_id": 1,
            "origin": "SAVED",
            "created_at": NOON,
            "created_on": DAY,
            "state": 1,
            "step": 0,
            "due_at": NOON,
        },
        {"question_id": 2},
    ),
    game.ReviewDay: ({"player_id": 1, "day": DAY, "cards": 1}, {"player_id": 2}),
    game.ReviewLog: (
        {
            "question_id": 1,
            "card_id": 1,
            "choice": 0,
            "is_right": True,
            "rating": 3,
            "elapsed_ms": 0,
            "answered_at": NOON,
            "before_state": 1,
            "before_due_at": NOON,
        },
        {"question_id": 2},
    ),
    game.ReviewQuestion: (
        {
            "version_id": 1,
            "order": [0, 1],
            "review_id": 1,
            "number": 1,
            "card_id": 1,
            "shown_at": NOON,
            "is_answered": True,
        },
        {"number": 2, "card_id": 2},
    ),
    game.Round: (
        {"player_id": 1, "mode": "ARTIKEL_SPRINT", "start_key": "one", "started_at": NOON},
        {"player_id": 2},
    ),
    game.RoundQuestion: (
        {
            "version_id": 1,
            "order": [0, 1],
            "round_id": 1,
            "number": 1,
            "player_id": 1,
            "mode": "ARTIKEL_SPRINT",
            "question_id": 1,
            "shown_at": NOON,
        },
        {"round_id": 2},
    ),
    game.RuleCard: (
        {"slug": "one", "level": "A1", "topic_id": 1, "examples": [], **_TITLES, **_TEXTS},
        {"slug": "two"},
    ),
    game.Sprint: ({"player_id": 1, "start_key": "one", "started_at": NOON}, {"player_id": 2}),
    game.SprintAnswer: ({"sprint_id": 1, "number": 1, **ANSWERED}, {"number": 2}),
    game.SprintQuestion: ({"sprint_id": 1, "number": 1, "version_id": 1}, {"number": 2}),
    game.Topic: ({"slug": "one", "level": "A1", **_TITLES}, {"slug": "two"}),
    game.Tournament: (
        {
            "kind": "CUP",
            "day": DAY,
            "created_at": NOON,
            "length": 7,
            "opens_at": NOON,
            "closes_at": NOON + 2 * HOUR,
        },
        {"day": TOMORROW},
    ),
    game.TournamentAnswer: (
        {"pairing_id": 1, "number": 1, "shown_at": NOON, **ANSWERED},
        {"number": 2},
    ),
    game.TournamentNotice: (
        {
            "tournament_id": 1,
            "player_id": 1,
            "kind": "ROUND",
            "round_number": 1,
            "due_at": NOON,
        },
        {"round_number": 2},
    ),
    game.TournamentPlayer: (
        {"tournament_id": 1, "player_id": 1, "registered_at": NOON},
        {"player_id": 2},
    ),
    game.TournamentQuestion: ({**_SHOWN, "round_id": 1}, {"number": 2}),
    game.TournamentRound: (
        {
            "tournament_id": 1,
            "number": 1,
            "begins_at": NOON,
            "deadline": NOON + 30 * MINUTE,
            "ended_at": NOON + 10 * MINUTE,
        },
        {"number": 2},
    ),
    game.WeekPoints: (
        {"player_id": 1, "week": MONDAY, "points": 10, "reached_at": NOON},
        {"player_id": 2},
    ),
}


def row(model: type[Model], **fields: Any) -> Model:
    """Return a row that is right but for `fields`; it is not stored."""
    first, _ = ROWS[model]
    return model(**{**first, **fields})


def store(*rows: Model) -> None:
    """Store the rows."""
    for one in rows:
        one.save(force_insert=True)
