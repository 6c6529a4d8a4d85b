"""Every trigger of the game's tables refuses what it is there for, and nobody else's: by SQL.

Each is tried as the application. Where that has not even the right to try, the owner does, whom
the trigger stops: so each is seen to be there. And every map of states is held against its trigger,
move by move. What the constraints refuse stands in test_constraints.py.
"""

from collections.abc import Callable, Mapping
from functools import partial
from itertools import product
from typing import Any, TypeAlias

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models import Model

from quizarena.game import models as game
from tests.game.rows import (
    ACCEPTED,
    ANSWERED,
    CALLED_OFF,
    COMPLETED,
    DECIDED,
    HOUR,
    INSTANT,
    NOON,
    OVER,
    PRIZED,
    RESOLVED,
    RUNNING,
    SECOND,
    SPRINTED,
    TOMORROW,
    row,
    store,
)
from tests.owner import as_owner, behind_the_guards

pytestmark = pytest.mark.django_db

Write: TypeAlias = Callable[[], Any]
# The table and the name of a trigger.
Name: TypeAlias = tuple[type[Model], str]

# They count and keep, and let what they count happen.
REFUSING_NOTHING: set[Name] = {
    (game.PointEvent, "count_points"),
    (game.Question, "count_version"),
    (game.Question, "keep_first_version"),
    (game.Question, "keep_next_version"),
    (game.ReviewCard, "count_card"),
    (game.ReviewCard, "uncount_card"),
}


def insert(model: type[Model], **fields: Any) -> Write:
    """Return what stores one more row, right but for `fields`."""
    return partial(store, row(model, **fields))


def update(model: type[Model], **fields: Any) -> Write:
    """Return what changes the rows."""
    return partial(model._base_manager.update, **fields)


def delete(model: type[Model]) -> Write:
    """Return what deletes the rows."""
    return lambda: model._base_manager.all()._raw_delete("default")


def truncate(model: type[Model]) -> Write:
    """Return what empties the table."""

    def empty() -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {model._meta.db_table}")

    return empty


def unmet() -> None:
    """Let a player meet somebody who meets nobody, as far as the end of a transaction."""
    store(row(game.Pairing, opponent_id=3))
    with connection.cursor() as cursor:
        cursor.execute(f"SET CONSTRAINTS {stored_name(game.Pairing, 'both_meet')} IMMEDIATE")


VERSION = row(game.QuestionVersion, pk=1)
# A question with two options, in an order of three.
THREE = {"order": [0, 1, 2]}
ROUND = {"pk": 1, "ended_at": None}

# What is there, and what is refused.
REFUSALS: Mapping[Name, tuple[list[Model], Write]] = {
    (game.Badge, "append_only"): ([row(game.Badge)], update(game.Badge, kind="CUP_THIRD")),
    (game.DailyAnswer, "final"): ([row(game.DailyAnswer)], update(game.DailyAnswer, choice=1)),
    (game.DailyAnswer, "on_its_day"): (
        [row(game.DailySet, pk=1), row(game.DailyRun, pk=1)],
        insert(game.DailyAnswer, answered_at=NOON + HOUR),
    ),
    (game.DailyQuestion, "before_the_first_run"): (
        [row(game.DailySet, pk=1), row(game.DailyRun)],
        insert(game.DailyQuestion),
    ),
    (game.DailyQuestion, "never_deleted"): ([row(game.DailyQuestion)], delete(game.DailyQuestion)),
    (game.DailyQuestion, "not_again"): (
        [
            VERSION,
            row(game.DailySet, pk=1),
            row(game.DailySet, pk=2, day=TOMORROW),
            row(game.DailyQuestion),
        ],
        insert(game.DailyQuestion, set_id=2),
    ),
    (game.DailyQuestion, "order_of_its_options"): ([VERSION], insert(game.DailyQuestion, **THREE)),
    (game.DailyQuestion, "slot_is_fixed"): (
        [row(game.DailyQuestion)],
        update(game.DailyQuestion, number=2),
    ),
    (game.DailyRun, "finished_once"): (
        [row(game.DailyRun, finished_at=NOON, score=7)],
        update(game.DailyRun, score=6),
    ),
    (game.DailyRun, "on_its_day"): (
        [row(game.DailySet, pk=1)],
        insert(game.DailyRun, started_at=NOON + HOUR),
    ),
    (game.DailySet, "append_only"): ([row(game.DailySet)], update(game.DailySet, day=TOMORROW)),
    (game.DayPoints, "never_truncated"): ([], truncate(game.DayPoints)),
    (game.DayPoints, "only_events"): ([], insert(game.DayPoints)),
    (game.Duel, "accepted_once"): ([row(game.Duel)], update(game.Duel, opponent_id=2)),
    (game.Duel, "begins_pending"): ([], insert(game.Duel, **ACCEPTED)),
    (game.Duel, "duel_moves"): ([row(game.Duel)], update(game.Duel, state="COMPLETED")),
    (game.Duel, "ended_by_its_answers"): (
        [row(game.Duel, **ACCEPTED)],
        update(game.Duel, state="COMPLETED"),
    ),
    (game.Duel, "ended_once"): (
        [row(game.Duel, **COMPLETED)],
        update(game.Duel, creator_started_at=NOON),
    ),
    (game.Duel, "making_stays"): ([row(game.Duel)], update(game.Duel, level="A2")),
    (game.Duel, "never_deleted"): ([row(game.Duel)], delete(game.Duel)),
    (game.DuelAnswer, "answered_in_turn"): (
        [row(game.Duel, pk=1)],
        insert(game.DuelAnswer, player_id=3),
    ),
    (game.DuelAnswer, "append_only"): ([row(game.DuelAnswer)], update(game.DuelAnswer, choice=1)),
    (game.DuelNotice, "notified_once"): (
        [row(game.DuelNotice, notified_at=NOON)],
        update(game.DuelNotice, notified_at=None),
    ),
    (game.DuelQuestion, "append_only"): (
        [row(game.DuelQuestion)],
        update(game.DuelQuestion, number=2),
    ),
    (game.DuelQuestion, "one_for_each_round"): (
        [VERSION, row(game.Duel, pk=1)],
        insert(game.DuelQuestion, number=4),
    ),
    (game.DuelQuestion, "order_of_its_options"): ([VERSION], insert(game.DuelQuestion, **THREE)),
    (game.FairPlayFinding, "begins_open"): ([], insert(game.FairPlayFinding, **DECIDED)),
    (game.FairPlayFinding, "decided_once"): (
        [row(game.FairPlayFinding, **DECIDED)],
        update(game.FairPlayFinding, note="After all."),
    ),
    (game.FairPlayFinding, "finding_moves"): (
        [row(game.FairPlayFinding)],
        update(game.FairPlayFinding, state="X"),
    ),
    (game.FairPlayFinding, "never_deleted"): (
        [row(game.FairPlayFinding)],
        delete(game.FairPlayFinding),
    ),
    (game.FairPlayFinding, "subject_is_fixed"): (
        [row(game.FairPlayFinding)],
        update(game.FairPlayFinding, found_at=NOON + HOUR),
    ),
    (game.LeagueGroup, "finished_once"): (
        [row(game.LeagueGroup, finished_at=NOON)],
        update(game.LeagueGroup, finished_at=None),
    ),
    (game.LeagueGroup, "finishes_wholly"): (
        [row(game.LeagueGroup, pk=1), row(game.LeagueMember, group_id=1, number=1)],
        update(game.LeagueGroup, finished_at=NOON),
    ),
    (game.LeagueGroup, "group_stays"): ([row(game.LeagueGroup)], update(game.LeagueGroup, tier=2)),
    (game.LeagueGroup, "never_deleted"): ([row(game.LeagueGroup)], delete(game.LeagueGroup)),
    (game.LeagueMember, "member_stays"): (
        [row(game.LeagueMember)],
        update(game.LeagueMember, player_id=2),
    ),
    (game.LeagueMember, "moves"): (
        [row(game.LeagueGroup, pk=1, finished_at=NOON)],
        insert(game.LeagueMember, group_id=1, number=1),
    ),
    (game.LeagueMember, "never_deleted"): ([row(game.LeagueMember)], delete(game.LeagueMember)),
    (game.Pairing, "begins_without_answers"): ([], insert(game.Pairing, answered=1)),
    (game.Pairing, "both_meet"): ([], unmet),
    (game.Pairing, "never_deleted"): ([row(game.Pairing)], delete(game.Pairing)),
    (game.Pairing, "only_answers"): ([row(game.Pairing)], update(game.Pairing, answered=1)),
    (game.Pairing, "outcome_by_answers"): (
        [row(game.Pairing)],
        update(game.Pairing, outcome="WIN"),
    ),
    (game.Pairing, "pair_stays"): ([row(game.Pairing)], update(game.Pairing, opponent_id=3)),
    (game.Pairing, "started_once"): (
        [row(game.Pairing, started_at=NOON)],
        update(game.Pairing, started_at=None),
    ),
    (game.Placement, "finished_once"): (
        [row(game.Placement, finished_at=NOON, level="A1")],
        update(game.Placement, level="B2"),
    ),
    (game.Placement, "finished_with_all_answers"): (
        [row(game.Placement)],
        update(game.Placement, finished_at=NOON, level="B2"),
    ),
    (game.PlacementQuestion, "answered_once"): (
        [row(game.Placement, pk=1), row(game.PlacementQuestion, **ANSWERED)],
        update(game.PlacementQuestion, choice=1),
    ),
    (game.PlacementQuestion, "as_it_was_shown"): (
        [row(game.Placement, pk=1), row(game.PlacementQuestion)],
        update(game.PlacementQuestion, level="B2"),
    ),
    (game.PlacementQuestion, "of_an_open_placement"): (
        [row(game.Placement, pk=1, finished_at=NOON, level="A1")],
        insert(game.PlacementQuestion),
    ),
    (game.PlacementQuestion, "order_of_its_options"): (
        [VERSION, row(game.Placement, pk=1)],
        insert(game.PlacementQuestion, **THREE),
    ),
    (game.PlayerLevel, "key_is_fixed"): (
        [row(game.PlayerLevel)],
        update(game.PlayerLevel, mode="WORD_ORDER"),
    ),
    (game.PlayerLevel, "moved_by_answers"): (
        [],
        insert(game.PlayerLevel, level="A2", reason="RAISED"),
    ),
    (game.PointEvent, "append_only"): ([row(game.PointEvent)], update(game.PointEvent, points=9)),
    (game.PointEvent, "never_truncated"): ([], truncate(game.PointEvent)),
    (game.QuestionImport, "question_import_moves"): (
        [row(game.QuestionImport)],
        update(game.QuestionImport, state="IMPORTED", content=None),
    ),
    (game.QuestionReport, "report_is_fixed"): (
        [row(game.QuestionReport)],
        update(game.QuestionReport, reason="TYPO"),
    ),
    (game.QuestionReport, "report_never_deleted"): (
        [row(game.QuestionReport)],
        delete(game.QuestionReport),
    ),
    (game.QuestionReport, "report_resolved_once"): (
        [row(game.QuestionReport, **RESOLVED)],
        update(game.QuestionReport, note="After all."),
    ),
    (game.QuestionVersion, "append_only"): (
        [row(game.QuestionVersion)],
        update(game.QuestionVersion, explanation="Deshalb."),
    ),
    (game.Review, "as_it_began"): ([row(game.Review)], update(game.Review, length=2)),
    (game.ReviewCard, "of_whom_and_when"): (
        [row(game.ReviewCard)],
        update(game.ReviewCard, created_at=NOON - HOUR),
    ),
    (game.ReviewCard, "only_new_saved_are_deleted"): (
        [row(game.ReviewCard, origin="MISTAKE")],
        delete(game.ReviewCard),
    ),
    (game.ReviewDay, "only_cards"): ([row(game.ReviewDay)], update(game.ReviewDay, cards=0)),
    (game.ReviewLog, "append_only"): ([row(game.ReviewLog)], update(game.ReviewLog, rating=4)),
    (game.ReviewLog, "never_deleted"): ([row(game.ReviewLog)], delete(game.ReviewLog)),
    (game.ReviewLog, "never_truncated"): ([], truncate(game.ReviewLog)),
    (game.ReviewQuestion, "answered_once"): (
        [row(game.ReviewQuestion)],
        update(game.ReviewQuestion, is_answered=False),
    ),
    (game.ReviewQuestion, "as_it_was_shown"): (
        [row(game.ReviewQuestion)],
        update(game.ReviewQuestion, number=2),
    ),
    (game.ReviewQuestion, "never_deleted"): (
        [row(game.ReviewQuestion)],
        delete(game.ReviewQuestion),
    ),
    (game.ReviewQuestion, "order_of_its_options"): (
        [VERSION],
        insert(game.ReviewQuestion, **THREE),
    ),
    (game.Round, "round_moves"): ([row(game.Round, **OVER)], update(game.Round, state="STOPPED")),
    (game.RoundQuestion, "answered_once"): (
        [row(game.RoundQuestion, **ANSWERED)],
        update(game.RoundQuestion, choice=1),
    ),
    (game.RoundQuestion, "order_of_its_options"): ([VERSION], insert(game.RoundQuestion, **THREE)),
    (game.RoundQuestion, "refunded_once"): (
        [row(game.RoundQuestion, refunded_at=NOON)],
        update(game.RoundQuestion, refunded_at=None),
    ),
    (game.RuleCard, "rulecard_slug_is_fixed"): (
        [row(game.RuleCard)],
        update(game.RuleCard, slug="two"),
    ),
    (game.Sprint, "finished_once"): (
        [row(game.Sprint, **SPRINTED)],
        update(game.Sprint, start_key="two"),
    ),
    (game.Sprint, "never_deleted"): ([row(game.Sprint)], delete(game.Sprint)),
    (game.Sprint, "result_counts"): (
        [row(game.Sprint)],
        update(game.Sprint, **{**SPRINTED, "answered": 1}),
    ),
    (game.Sprint, "sprint_moves"): ([row(game.Sprint)], update(game.Sprint, state="X")),
    (game.SprintAnswer, "append_only"): (
        [row(game.SprintAnswer)],
        update(game.SprintAnswer, choice=1),
    ),
    (game.SprintAnswer, "in_time"): (
        [row(game.Sprint, pk=1)],
        insert(game.SprintAnswer, answered_at=NOON + 62 * SECOND + INSTANT),
    ),
    (game.SprintQuestion, "append_only"): (
        [row(game.SprintQuestion)],
        update(game.SprintQuestion, number=2),
    ),
    (game.Topic, "topic_slug_is_fixed"): ([row(game.Topic)], update(game.Topic, slug="two")),
    (game.Tournament, "begins_open"): ([], insert(game.Tournament, **RUNNING)),
    (game.Tournament, "ended_once"): (
        [row(game.Tournament, **CALLED_OFF)],
        update(game.Tournament, call_off="CREATOR"),
    ),
    (game.Tournament, "finished_with_its_rounds"): (
        [row(game.Tournament, **RUNNING)],
        update(game.Tournament, state="FINISHED", ended_at=NOON + 4 * HOUR),
    ),
    (game.Tournament, "making_stays"): ([row(game.Tournament)], update(game.Tournament, length=5)),
    (game.Tournament, "never_deleted"): ([row(game.Tournament)], delete(game.Tournament)),
    (game.Tournament, "start_stays"): (
        [row(game.Tournament, **RUNNING)],
        update(game.Tournament, rounds=4),
    ),
    (game.Tournament, "starts_with_enough"): (
        [row(game.Tournament)],
        update(game.Tournament, **RUNNING),
    ),
    (game.Tournament, "tournament_moves"): (
        [row(game.Tournament, **RUNNING)],
        update(game.Tournament, state="OPEN"),
    ),
    (game.TournamentAnswer, "answered_in_turn"): (
        [
            row(game.Tournament, pk=1, **RUNNING),
            row(game.TournamentRound, **ROUND),
            row(game.Pairing, pk=1),
        ],
        insert(game.TournamentAnswer),
    ),
    (game.TournamentAnswer, "append_only"): (
        [row(game.TournamentAnswer)],
        update(game.TournamentAnswer, choice=1),
    ),
    (game.TournamentNotice, "notified_once"): (
        [row(game.TournamentNotice, notified_at=NOON)],
        update(game.TournamentNotice, notified_at=None),
    ),
    (game.TournamentPlayer, "place_stays"): (
        [row(game.TournamentPlayer, place=1)],
        update(game.TournamentPlayer, place=2),
    ),
    (game.TournamentPlayer, "prize_granted_once"): (
        [row(game.TournamentPlayer, **PRIZED)],
        update(game.TournamentPlayer, prize_entry_id=2),
    ),
    (game.TournamentPlayer, "registered_in_time"): (
        [row(game.Tournament, pk=1)],
        insert(game.TournamentPlayer, registered_at=NOON + 2 * HOUR),
    ),
    (game.TournamentPlayer, "registration_stays"): (
        [row(game.TournamentPlayer)],
        update(game.TournamentPlayer, player_id=2),
    ),
    (game.TournamentQuestion, "append_only"): (
        [row(game.TournamentQuestion)],
        update(game.TournamentQuestion, number=2),
    ),
    (game.TournamentQuestion, "order_of_its_options"): (
        [VERSION],
        insert(game.TournamentQuestion, **THREE),
    ),
    (game.TournamentQuestion, "questions_of_a_round"): (
        [VERSION, row(game.Tournament, pk=1), row(game.TournamentRound, **ROUND)],
        insert(game.TournamentQuestion, number=8),
    ),
    (game.TournamentRound, "ended_once"): (
        [row(game.TournamentRound)],
        update(game.TournamentRound, ended_at=None),
    ),
    (game.TournamentRound, "never_deleted"): (
        [row(game.TournamentRound)],
        delete(game.TournamentRound),
    ),
    (game.TournamentRound, "rounds_in_order"): (
        [row(game.Tournament, pk=1, **RUNNING)],
        insert(game.TournamentRound, **{**ROUND, "number": 2}),
    ),
    (game.TournamentRound, "times_stay"): (
        [row(game.TournamentRound, **ROUND)],
        update(game.TournamentRound, deadline=NOON + HOUR),
    ),
    (game.WeekPoints, "never_truncated"): ([], truncate(game.WeekPoints)),
    (game.WeekPoints, "only_events"): ([], insert(game.WeekPoints)),
}


def stored_name(model: type[Model], name: str) -> str:
    """Return the name under which PostgreSQL has a trigger."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND tgname ~ %s",
            [model._meta.db_table, f"^pgtrigger_{name}_[0-9a-f]{{5}}$"],
        )
        (found,) = cursor.fetchone()
    return str(found)


def refusal(write: Write) -> Any:
    """Return what PostgreSQL says to somebody whom it refuses."""
    with pytest.raises(DatabaseError) as refused, transaction.atomic():
        write()
    cause: Any = refused.value.__cause__
    return cause.diag


NO_RIGHT = "42501"


@pytest.mark.parametrize("name", REFUSALS, ids=lambda it: f"{it[0]._meta.db_table}-{it[1]}")
def test_it_refuses_what_it_is_there_for(name: Name) -> None:
    given, write = REFUSALS[name]
    with behind_the_guards():
        store(*given)

    said = refusal(write)
    if said.sqlstate == NO_RIGHT:
        with as_owner():
            said = refusal(write)

    assert f"{stored_name(*name)}()" in (said.context or "").splitlines()[0]


def test_every_trigger_is_tried_here() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT relname, substring(tgname FROM '^pgtrigger_(\\w+)_[0-9a-f]{5}$'), tgenabled
            FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
            WHERE relname LIKE 'game\\_%' AND NOT tgisinternal
            """
        )
        found = cursor.fetchall()

    tried = {(model._meta.db_table, name) for model, name in {*REFUSALS, *REFUSING_NOTHING}}
    assert {(table, name) for table, name, _ in found} == tried
    assert len(found) == len(tried)
    assert {enabled for _, _, enabled in found} == {"O"}


# --- States ---------------------------------------------------------------------------------------

# Every state, and every move that is allowed.
MOVES: Mapping[Name, tuple[str, set[str]]] = {
    (game.Duel, "duel_moves"): (
        "PENDING ACCEPTED COMPLETED WALKOVER EXPIRED CANCELED",
        {
            "PENDING ACCEPTED",
            "PENDING CANCELED",
            "PENDING EXPIRED",
            "ACCEPTED COMPLETED",
            "ACCEPTED WALKOVER",
            "ACCEPTED EXPIRED",
        },
    ),
    (game.FairPlayFinding, "finding_moves"): (
        "OPEN DISMISSED CONFIRMED",
        {"OPEN DISMISSED", "OPEN CONFIRMED"},
    ),
    (game.QuestionImport, "question_import_moves"): (
        "WAITING CHECKED CONFIRMED IMPORTED REFUSED DISCARDED",
        {
            "WAITING CHECKED",
            "WAITING REFUSED",
            "CHECKED CONFIRMED",
            "CHECKED DISCARDED",
            "CONFIRMED IMPORTED",
            "CONFIRMED REFUSED",
        },
    ),
    (game.Round, "round_moves"): ("OPEN FINISHED STOPPED", {"OPEN FINISHED", "OPEN STOPPED"}),
    (game.Sprint, "sprint_moves"): ("OPEN FINISHED", {"OPEN FINISHED"}),
    (game.Tournament, "tournament_moves"): (
        "OPEN RUNNING FINISHED CALLED_OFF",
        {"OPEN RUNNING", "OPEN CALLED_OFF", "RUNNING FINISHED", "RUNNING CALLED_OFF"},
    ),
}


@pytest.mark.parametrize("name", MOVES, ids=lambda it: it[1])
def test_a_trigger_allows_the_moves_of_its_map_and_no_other(name: Name) -> None:
    """On a table of its own: beside it, other triggers of the real one refuse the same moves."""
    states, allowed = MOVES[name]
    model, trigger = name
    field: Any = model._meta.get_field("state")
    assert [value for value, _ in field.choices] == states.split()

    with as_owner() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE moving (state varchar(12)) ON COMMIT DROP")
        cursor.execute(
            "CREATE TRIGGER moves BEFORE UPDATE ON moving"
            f" FOR EACH ROW EXECUTE FUNCTION {stored_name(model, trigger)}()"
        )
        done = set()
        for old, new in product([*states.split(), "X"], repeat=2):
            cursor.execute("DELETE FROM moving")
            cursor.execute("INSERT INTO moving VALUES (%s)", [old])
            try:
                with transaction.atomic():
                    cursor.execute("UPDATE moving SET state = %s", [new])
            except DatabaseError as error:
                assert "Invalid transition" in str(error)  # noqa: PT017
            else:
                done.add(f"{old} {new}")

    # Who stays has not moved.
    assert {move for move in done if len(set(move.split())) > 1} == allowed


def test_every_map_of_states_is_held_against_its_trigger() -> None:
    maps = {name for name in REFUSALS if name[1].endswith("_moves")}

    assert maps == set(MOVES)
