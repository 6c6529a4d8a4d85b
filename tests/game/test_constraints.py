"""Every constraint of the game's tables, violated once: what is in the catalogue stands here.

Behind the guards: a trigger of the same table would often refuse first, and a constraint that was
lost would be missed by nobody. What the triggers refuse stands in test_triggers.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, connection
from django.db.models import Model
from django.db.models.fields import PositiveIntegerRelDbTypeMixin

from quizarena.game import models as game
from tests.game.rows import (
    ANSWERED,
    COMPLETED,
    DAY,
    HOUR,
    INSTANT,
    MINUTE,
    NOON,
    OVER,
    PRIVATE,
    PRIZED,
    ROSE,
    ROWS,
    SPRINTED,
    TOMORROW,
    Fields,
    row,
    store,
)
from tests.owner import behind_the_guards

pytestmark = pytest.mark.django_db


@dataclass(frozen=True)
class Violation:
    """Fields with which the second row of a table is refused.

    `first` is what the first row has beside its own; `hidden_by` are rules that would refuse the
    same row before, and are taken away.
    """

    model: type[Model]
    second: Fields
    first: Fields = field(default_factory=dict)
    hidden_by: tuple[str, ...] = ()


def of(model: type[Model], **fields: Any) -> Violation:
    """Return a violation by the second row alone."""
    return Violation(model, fields)


def both(model: type[Model], fields: Fields, **second: Any) -> Violation:
    """Return a violation by two rows that have the same `fields`."""
    return Violation(model, {**fields, **second}, first=fields)


LATER = NOON + INSTANT
# What an inner tuple of options stands for.
REMATCH = {"rematch_of_id": 9, "opponent_id": 2}
WHOLE_MEMORY = {"stability": 1.0, "difficulty": 5.0, "last_review_at": NOON}

CHECKS: Mapping[str, Violation] = {
    "badge_kind_is_known": of(game.Badge, kind="X"),
    "boardcount_span_is_known": of(game.BoardCount, span="X"),
    "cupprize_contains_something": of(game.CupPrize, paid_energy=0),
    "cupprize_is_bounded": of(game.CupPrize, paid_energy=101),
    "cupprize_places_of_a_cup": of(game.CupPrize, place_to=101),
    "dailyanswer_choice_exists": of(game.DailyAnswer, choice=4),
    "dailyanswer_number_exists": of(game.DailyAnswer, number=8),
    "dailyquestion_level_is_known": of(game.DailyQuestion, level="C1"),
    "dailyquestion_number_exists": of(game.DailyQuestion, number=8),
    "dailyquestion_order_is_a_permutation": of(game.DailyQuestion, order=[0, 0]),
    "dailyrun_finished_has_score": of(game.DailyRun, finished_at=NOON),
    "dailyset_starts_before_it_ends": of(game.DailySet, ends_at=NOON),
    "daypoints_within_the_day": of(game.DayPoints, points=401),
    "duel_has_6_hours_then_48": of(game.Duel, deadline=NOON + 6 * HOUR + INSTANT),
    "duel_is_of_two": of(game.Duel, opponent_id=1),
    "duel_length_is_known": of(game.Duel, length=4),
    "duel_level_is_known": of(game.Duel, level="C1"),
    "duel_more_right_answers_win": of(game.Duel, **{**COMPLETED, "result": "DRAW"}),
    "duel_price_by_number_of_day": of(game.Duel, day_number=3),
    "duel_rematch_has_opponent": of(game.Duel, rematch_of_id=9),
    "duel_rematch_is_not_open": of(game.Duel, **REMATCH, is_open=True),
    "duel_scores_of_what_was_played": of(game.Duel, creator_score=1),
    "duel_series_has_three_games": of(game.Duel, game=2),
    "duel_state_by_its_times": of(game.Duel, ended_at=NOON),
    "duel_state_is_known": Violation(
        game.Duel, {"state": "X"}, hidden_by=("duel_state_by_its_times",)
    ),
    "duelanswer_after_its_question": of(game.DuelAnswer, shown_at=LATER),
    "duelanswer_choice_exists": of(game.DuelAnswer, choice=4),
    "duelnotice_kind_is_known": of(game.DuelNotice, kind="X"),
    "duelquestion_level_is_known": of(game.DuelQuestion, level="C1"),
    "duelquestion_number_from_one": of(game.DuelQuestion, number=0),
    "duelquestion_order_is_a_permutation": of(game.DuelQuestion, order=[1, 2]),
    "fairplayfinding_decided_wholly": of(game.FairPlayFinding, note="Why."),
    "fairplayfinding_is_of_a_day_or_of_two_in_a_week": of(game.FairPlayFinding, last_day=TOMORROW),
    "firstdaycohort_day_7_after_day_2": of(game.FirstDayCohort, day_7=0),
    "firstdaycohort_steps_among_started": of(game.FirstDayCohort, answered=2),
    "leaguegroup_tier_exists": of(game.LeagueGroup, tier=6),
    "leaguegroup_week_begins_on_monday": of(game.LeagueGroup, week=DAY),
    "leaguemember_number_exists": of(game.LeagueMember, group_id=1, number=31),
    "leaguemember_outcome_is_whole": of(game.LeagueMember, outcome="ROSE"),
    "leagueplayer_tier_exists": of(game.LeaguePlayer, tier=6),
    "pairing_correct_of_answered": of(game.Pairing, correct=1),
    "pairing_is_of_two": of(game.Pairing, opponent_id=2),
    "pairing_outcome_is_known": of(game.Pairing, outcome="X"),
    "pastanswers_correct_were_answered": of(game.PastAnswers, correct=2),
    "placement_finished_has_level": of(game.Placement, finished_at=NOON),
    "placementquestion_answered_wholly": of(game.PlacementQuestion, answered_at=NOON),
    "placementquestion_choice_exists": of(game.PlacementQuestion, **{**ANSWERED, "choice": 2}),
    "placementquestion_level_is_known": of(game.PlacementQuestion, level="C1"),
    "placementquestion_number_exists": of(game.PlacementQuestion, number=9),
    "placementquestion_order_is_a_permutation": of(game.PlacementQuestion, order=[0, 0]),
    "playday_active_have_answered": of(game.PlayDay, active_players=2),
    "playday_right_among_answers": of(game.PlayDay, right=2),
    "playdaymode_level_is_known": of(game.PlayDayMode, level="C1"),
    "playdaymode_right_among_answers": of(game.PlayDayMode, right=2),
    "playerlevel_level_is_known": of(game.PlayerLevel, level="C1"),
    "playerlevel_mode_has_levels": of(game.PlayerLevel, mode="DAILY_CHALLENGE"),
    "playerlevel_reason_is_known": of(game.PlayerLevel, reason="X"),
    "pointevent_counts_what_is_earned": of(game.PointEvent, points=11),
    "pointevent_earns_what_its_kind_does": of(game.PointEvent, earned=11),
    "pointevent_week_begins_on_its_monday": of(game.PointEvent, week=DAY),
    "pointevent_within_the_day": of(game.PointEvent, day_total=401),
    "question_accepted_of_written_answers": of(game.Question, accepted=["die"]),
    "question_category_is_known": of(game.Question, category="X"),
    "question_correct_option_exists": of(game.Question, correct_option_id=2),
    "question_level_is_known": of(game.Question, level="C1"),
    "question_options_differ": of(game.Question, option_2="der"),
    "question_options_of_its_kind": of(game.Question, option_2=""),
    "question_options_without_hole": of(game.Question, option_4="den"),
    "question_version_correct_option_exists": of(game.QuestionVersion, correct_option_id=2),
    "question_withdrawn_is_not_asked": of(
        game.Question, withdrawn_at=NOON, withdrawn_because="REPORTS"
    ),
    "question_import_keeps_file_while_needed": of(game.QuestionImport, content=None),
    "questioncount_is_one_row": of(game.QuestionCount),
    "questionfigures_parts_fit": of(game.QuestionFigures, right=1),
    "questionreport_reason_is_known": of(game.QuestionReport, reason="X"),
    "questionreport_resolved_wholly": of(game.QuestionReport, note="Why."),
    "review_length_exists": of(game.Review, length=21),
    "reviewaccuracy_loss_of_predictions": of(game.ReviewAccuracy, log_loss=0.1),
    "reviewcard_memory_is_whole": of(game.ReviewCard, stability=1.0),
    "reviewcard_origin_is_known": of(game.ReviewCard, origin="X"),
    "reviewcard_step_of_a_day": of(game.ReviewCard, **WHOLE_MEMORY, step=None),
    "reviewday_within_the_day": of(game.ReviewDay, cards=51),
    "reviewlog_choice_exists": of(game.ReviewLog, choice=4),
    "reviewlog_choice_or_text": of(game.ReviewLog, text="der"),
    "reviewlog_prediction_is_a_probability": of(game.ReviewLog, predicted=1.0),
    "reviewlog_wrong_is_again": of(game.ReviewLog, rating=1),
    "reviewquestion_number_exists": of(game.ReviewQuestion, number=21),
    "reviewquestion_order_is_a_permutation": of(game.ReviewQuestion, order=[0, 0]),
    "reviewquestion_placed_are_chips": of(game.ReviewQuestion, placed=[0]),
    "reviewquestion_undone_was_answered": of(
        game.ReviewQuestion, undone_at=NOON, is_answered=False
    ),
    "round_finished_has_finished_at": of(game.Round, finished_at=NOON),
    "roundquestion_answered_or_refunded": of(game.RoundQuestion, **ANSWERED, refunded_at=NOON),
    "roundquestion_answered_wholly": of(game.RoundQuestion, choice=0),
    "roundquestion_choice_exists": of(game.RoundQuestion, **{**ANSWERED, "choice": 2}),
    "roundquestion_order_is_a_permutation": of(game.RoundQuestion, order=[0, 0]),
    "roundquestion_placed_are_chips": of(game.RoundQuestion, placed=[0]),
    "rulecard_has_text_in_each_language": of(game.RuleCard, text_uk=""),
    "rulecard_level_is_known": of(game.RuleCard, level="C1"),
    "rulecard_table_fits": of(game.RuleCard, table=["der"] * 13),
    "sprint_ends_within_its_time": of(
        game.Sprint, **{**SPRINTED, "finished_at": NOON + MINUTE + INSTANT}
    ),
    "sprint_finished_has_its_result": of(game.Sprint, finished_at=NOON),
    "sprintanswer_choice_exists": of(game.SprintAnswer, choice=4),
    "topic_has_title_in_each_language": of(game.Topic, title_uk=""),
    "topic_level_is_known": of(game.Topic, level="C1"),
    "tournament_called_off_for_a_reason": of(game.Tournament, reason="Why."),
    "tournament_is_of_a_kind": of(game.Tournament, token="two"),
    "tournament_price_by_number_of_day": of(game.Tournament, **{**PRIVATE, "day_number": 3}),
    "tournament_registration_has_an_end": of(game.Tournament, closes_at=NOON),
    "tournament_state_by_its_times": of(game.Tournament, rounds=3),
    "tournament_state_is_known": Violation(
        game.Tournament, {"state": "X"}, hidden_by=("tournament_state_by_its_times",)
    ),
    "tournamentanswer_after_its_question": of(game.TournamentAnswer, shown_at=LATER),
    "tournamentanswer_choice_exists": of(game.TournamentAnswer, choice=4),
    "tournamentnotice_kind_is_known": of(game.TournamentNotice, kind="X"),
    "tournamentplayer_entry_of_a_prize": of(game.TournamentPlayer, prize_entry_id=1),
    "tournamentplayer_place_from_one": of(game.TournamentPlayer, place=0),
    "tournamentplayer_prize_of_a_place": of(game.TournamentPlayer, prize={}),
    "tournamentquestion_level_is_known": of(game.TournamentQuestion, level="C1"),
    "tournamentquestion_number_from_one": of(game.TournamentQuestion, number=0),
    "tournamentquestion_order_is_a_permutation": of(game.TournamentQuestion, order=[0, 0]),
    "tournamentround_ends_in_its_time": of(
        game.TournamentRound, ended_at=NOON + 30 * MINUTE + INSTANT
    ),
    "tournamentround_has_its_time": of(
        game.TournamentRound, deadline=NOON + 30 * MINUTE - INSTANT
    ),
    "tournamentround_number_from_one": of(game.TournamentRound, number=0),
    "weekpoints_within_seven_days": of(game.WeekPoints, points=2_801),
}  # fmt: skip

SINGLE: Mapping[str, Violation] = {
    "badge_of_a_place_once": of(game.Badge, kind="CUP_FIRST"),
    "badge_of_a_row_once": both(
        game.Badge, {"kind": "CUPS_IN_A_ROW"}, player_id=1, tournament_id=2
    ),
    "badge_once_per_tournament": Violation(
        game.Badge,
        {"player_id": 1, "kind": "CUP_FIRST"},
        hidden_by=("badge_of_a_place_once",),
    ),
    "boardcount_once_per_points": of(game.BoardCount, points=10),
    "cupprize_one_per_place": of(game.CupPrize, place_from=1),
    "dailyanswer_given_once": of(game.DailyAnswer, number=1),
    "dailyquestion_number_once": of(game.DailyQuestion, number=1),
    "dailyrun_one_per_player_and_day": of(game.DailyRun, player_id=1),
    "duel_number_of_day_once": of(game.Duel, day_number=1),
    "duel_one_open_per_creator": both(game.Duel, {"is_open": True}),
    "duel_one_per_acceptance_key": both(game.Duel, {"acceptance_key": "a", "opponent_id": 2}),
    "duel_one_per_creation_key": of(game.Duel, creation_key="one"),
    "duel_one_rematch": both(game.Duel, REMATCH),
    "duelanswer_given_once": of(game.DuelAnswer, number=1),
    "duelnotice_one_of_a_kind": of(game.DuelNotice, kind="TURN"),
    "duelquestion_number_once": of(game.DuelQuestion, number=1),
    "fairplayfinding_once_per_players_and_window": of(game.FairPlayFinding, player_id=1),
    "game_dailyset_day_key": of(game.DailySet, day=DAY),
    "game_duel_token_key": of(game.Duel, token="one"),
    "game_firstdaycohort_day_key": of(game.FirstDayCohort, day=DAY),
    "game_playday_day_key": of(game.PlayDay, day=DAY),
    "game_question_quiz_id_key": of(game.Question, quiz_id="one"),
    "game_reviewaccuracy_day_key": of(game.ReviewAccuracy, day=DAY),
    "game_reviewlog_question_id_key": of(game.ReviewLog, question_id=1),
    "game_rulecard_slug_key": of(game.RuleCard, slug="one"),
    "game_topic_slug_key": of(game.Topic, slug="one"),
    "game_tournamentplayer_prize_entry_id_key": both(
        game.TournamentPlayer, PRIZED, place=2
    ),
    "leaguegroup_number_once": of(game.LeagueGroup, number=1),
    "leaguemember_number_once": both(game.LeagueMember, {"group_id": 1, "number": 1}),
    "leaguemember_once_a_week": of(game.LeagueMember, player_id=1),
    "leaguemember_place_once": both(game.LeagueMember, ROSE, number=2),
    "pairing_nobody_meets_twice": of(game.Pairing, round_id=2, player_id=1, opponent_id=2),
    "pairing_one_bye_a_round": both(game.Pairing, {"opponent_id": None}),
    "pairing_one_bye_each": both(game.Pairing, {"opponent_id": None}, round_id=2, player_id=1),
    "pairing_one_per_round": of(game.Pairing, player_id=1, opponent_id=3),
    "pastanswers_one_each": of(game.PastAnswers, level="A1"),
    "placement_one_open_per_player": of(game.Placement, player_id=1, day=TOMORROW),
    "placement_one_per_day": both(
        game.Placement, {"finished_at": NOON, "level": "A1"}, player_id=1
    ),
    "placementquestion_number_once": of(game.PlacementQuestion, number=1),
    "playdaymode_once_per_mode_and_level": of(game.PlayDayMode, level="A1"),
    "playerlevel_one_per_player_and_mode": of(game.PlayerLevel, player_id=1),
    "pointevent_once_per_key": of(game.PointEvent, key="one"),
    "question_version_number_once": of(game.QuestionVersion, number=1),
    "questionreport_one_open_per_version": of(game.QuestionReport, player_id=1),
    "review_one_open_per_player": of(game.Review, player_id=1),
    "reviewcard_one_per_question": of(game.ReviewCard, question_id=1),
    "reviewquestion_card_once": of(game.ReviewQuestion, card_id=1),
    "reviewquestion_number_once": of(game.ReviewQuestion, number=1),
    "reviewquestion_one_waiting_per_review": both(game.ReviewQuestion, {"is_answered": False}),
    "round_one_open_per_player": of(game.Round, player_id=1, start_key="two"),
    "round_one_per_start_key": both(game.Round, OVER, player_id=1),
    "round_one_sample_per_player_and_day": both(
        game.Round, {**OVER, "sample_day": DAY}, player_id=1, start_key="two"
    ),
    "roundquestion_number_once": both(game.RoundQuestion, ANSWERED, round_id=1),
    "roundquestion_one_open_per_round": of(game.RoundQuestion, round_id=1, number=2),
    "sprint_one_open_per_player": of(game.Sprint, player_id=1, start_key="two"),
    "sprint_one_per_start_key": both(game.Sprint, SPRINTED, player_id=1),
    "sprintanswer_number_once": of(game.SprintAnswer, number=1),
    "sprintquestion_number_once": of(game.SprintQuestion, number=1),
    "tournament_number_of_day_once": both(
        game.Tournament, PRIVATE, token="two", creation_key="two"
    ),
    "tournament_one_cup_a_day": of(game.Tournament, day=DAY),
    "tournament_one_per_creation_key": both(
        game.Tournament, PRIVATE, token="two", day_number=2
    ),
    "tournament_token_once": both(
        game.Tournament, PRIVATE, creation_key="two", day_number=2
    ),
    "tournamentanswer_given_once": of(game.TournamentAnswer, number=1),
    "tournamentnotice_one_of_a_kind": of(game.TournamentNotice, round_number=1),
    "tournamentplayer_place_once": both(game.TournamentPlayer, {"place": 1}),
    "tournamentplayer_registers_once": of(game.TournamentPlayer, player_id=1),
    "tournamentquestion_number_once": of(game.TournamentQuestion, number=1),
    "tournamentround_number_once": of(game.TournamentRound, number=1),
    "tournamentround_one_at_a_time": both(game.TournamentRound, {"ended_at": None}),
}  # fmt: skip

VIOLATIONS = {**CHECKS, **SINGLE}


def second(model: type[Model], **fields: Any) -> Model:
    """Return the second row of a table, right but for `fields`; it is not stored."""
    _, beside = ROWS[model]
    return row(model, **{**beside, **fields})


def violate(violation: Violation) -> None:
    """Store both rows where nothing but constraints is in the way, and none that hides another."""
    table = violation.model._meta.db_table
    with behind_the_guards() as cursor:
        for hiding in violation.hidden_by:
            cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {hiding}")
            cursor.execute(f"DROP INDEX IF EXISTS {hiding}")
        store(
            row(violation.model, **violation.first),
            second(violation.model, **violation.second),
        )


@pytest.mark.parametrize("name", VIOLATIONS)
def test_it_refuses_what_it_is_there_for(name: str) -> None:
    with pytest.raises(IntegrityError) as refusal:
        violate(VIOLATIONS[name])

    cause: Any = refusal.value.__cause__
    assert cause.diag.constraint_name == name


@pytest.mark.parametrize(
    "model", [one for one in ROWS if one is not game.QuestionCount], ids=lambda one: one.__name__
)
def test_it_lets_two_rows_stand_that_are_right(model: type[Model]) -> None:
    """Show that the tests above can fail: what they change is what is refused."""
    with behind_the_guards():
        store(row(model), second(model))

    assert model._default_manager.count() == 2


def catalogue(sql: str) -> set[str]:
    """Return the names that a query of the catalogue finds in the game's tables."""
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return {name for (name,) in cursor.fetchall()}


def test_every_constraint_is_violated_here() -> None:
    checks = catalogue(
        """
        SELECT conname FROM pg_constraint JOIN pg_class AS relation ON relation.oid = conrelid
        WHERE relname LIKE 'game\\_%' AND contype = 'c'
          AND pg_get_constraintdef(pg_constraint.oid) !~ '^CHECK \\(\\("?\\w+"? >= 0\\)\\)$'
        """
    )
    single = catalogue(
        """
        SELECT index.relname FROM pg_index
        JOIN pg_class AS index ON index.oid = indexrelid
        JOIN pg_class AS relation ON relation.oid = indrelid
        WHERE relation.relname LIKE 'game\\_%' AND (indisunique OR indisexclusion)
          AND NOT indisprimary
        """
    )

    assert checks == set(CHECKS)
    assert single == set(SINGLE)


def test_no_number_is_below_zero() -> None:
    """Django's own constraints, which are not listed above."""
    positive = [
        (model._meta.db_table, column.column)
        for model in apps.get_app_config("game").get_models()
        for column in model._meta.concrete_fields
        if isinstance(column, PositiveIntegerRelDbTypeMixin)
    ]
    found = catalogue(
        """
        SELECT relname || '.' || attname FROM pg_constraint
        JOIN pg_class AS relation ON relation.oid = conrelid
        JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]
        WHERE relname LIKE 'game\\_%' AND contype = 'c' AND convalidated
          AND pg_get_constraintdef(pg_constraint.oid) ~ '^CHECK \\(\\("?\\w+"? >= 0\\)\\)$'
        """
    )

    assert {f"{table}.{column}" for table, column in positive} == found


def test_every_table_has_its_rows_here() -> None:
    assert set(ROWS) == set(apps.get_app_config("game").get_models())


def test_foreign_keys_are_kept() -> None:
    """They are Django's; that each is there and was never switched off is all that is ours."""
    wanted = sum(
        bool(column.remote_field)
        for model in apps.get_app_config("game").get_models()
        for column in model._meta.concrete_fields
    )
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT count(*), count(*) FILTER (WHERE convalidated) FROM pg_constraint
            JOIN pg_class AS relation ON relation.oid = conrelid
            WHERE relname LIKE 'game\\_%' AND contype = 'f'
            """
        )
        assert cursor.fetchone() == (wanted, wanted)
