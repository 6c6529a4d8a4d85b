"""Fair play: what is found, once, what staff decide, and what the database refuses."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction

from economy.models import LedgerEntry
from quizarena.game import fair_play, placements, tasks
from quizarena.game.errors import FindingDecidedError
from quizarena.game.fair_play_rules import FindingState
from quizarena.game.models import DayPoints, FairPlayFinding
from quizarena.players.models import Player
from quizarena.staff.errors import BadReasonError
from quizarena.staff.models import AuditEntry
from tests.concurrency import meet_after, run_together, take_row_locks_away
from tests.factories import PlayerFactory, make_staff
from tests.game.challenges import make_bank
from tests.game.duelling import accepted, finish, play
from tests.game.played import DAY, NOON, TODAY, answer_daily, answer_round, draw_day
from tests.game.reviewing import make_card
from tests.game.reviewing import start as review
from tests.game.reviewing import tap as review_tap
from tests.game.test_sprints import begin, make_nouns, say

HOUR = timedelta(hours=1)
INSTANT = timedelta(microseconds=1)
FAST = timedelta(milliseconds=700) - INSTANT
MONDAY, SUNDAY = date(2026, 12, 14), date(2026, 12, 20)
# When the week of NOON ends in Berlin.
WEEK_ENDS = datetime(2026, 12, 20, 23, tzinfo=UTC)
# Four in the morning of the day after.
NIGHT = datetime(2026, 12, 17, 3, tzinfo=UTC)


def players(number: int) -> list[Player]:
    """Return so many new players."""
    return [PlayerFactory.create() for _ in range(number)]


def findings(*, now: datetime = NIGHT) -> list[tuple[str, int, int | None, dict[str, int]]]:
    """Do what the job does; return everything that has been found."""
    fair_play.find(now=now)
    rows = FairPlayFinding.objects.order_by("first_day", "pk")
    return list(rows.values_list("kind", "player_id", "other_id", "figures"))


def found(**fields: Any) -> FairPlayFinding:
    """Store a finding about a fast player."""
    usual: dict[str, Any] = {
        "kind": "FAST_ANSWERS",
        "player": fields.pop("player", None) or PlayerFactory.create(),
        "first_day": TODAY,
        "last_day": TODAY,
        "figures": {"fast": 20, "answers": 30},
        "found_at": NIGHT,
    }
    return FairPlayFinding.objects.create(**(usual | fields))


def duels(
    loser: Player,
    winner: Player,
    number: int,
    *,
    now: datetime = NOON,
    own: tuple[bool, ...] = (True, False, False),
    others: tuple[bool, ...] = (True, True, False),
) -> None:
    """Let the two play so many duels; who wins creates the first half, at most two a day each."""
    for _ in range(number):
        duel = accepted(winner, loser, 3, now=now)
        play(winner, duel, others, now=now)
        play(loser, duel, own, now=now)


def sprint_answers(player: Player, number: int, *, took: timedelta) -> None:
    """Let the player give so many answers in a sprint, each after so long."""
    sprint = begin(player).sprint
    for one in range(1, number + 1):
        say(player, sprint, one, after=(one * took).total_seconds())


@pytest.mark.django_db
class TestFastAnswers:
    @pytest.mark.parametrize(("fast", "is_found"), [(19, False), (20, True)])
    def test_twenty_on_a_day(self, fast: int, is_found: bool) -> None:
        (anna,) = players(1)
        answer_round(anna, *[True] * fast, took=FAST)
        answer_round(anna, *[True] * 10)

        expected = [("FAST_ANSWERS", anna.pk, None, {"fast": 20, "answers": 30})]
        assert findings() == (expected if is_found else [])

    def test_seven_tenths_of_a_second_are_time_enough(self) -> None:
        (anna,) = players(1)
        answer_round(anna, *[True] * 19, took=FAST)
        answer_round(anna, True, took=FAST + INSTANT)

        assert findings() == []

    def test_each_day_counts_for_itself(self) -> None:
        (anna,) = players(1)
        midnight = datetime(2026, 12, 15, 23, tzinfo=UTC)
        answer_round(anna, *[True] * 10, at=midnight - INSTANT, took=FAST)
        answer_round(anna, *[True] * 19, at=midnight, took=FAST)

        assert findings() == []

    def test_a_day_of_25_hours_is_one(self) -> None:
        (anna,) = players(1)
        begin, end = (
            datetime(2026, 10, 24, 22, tzinfo=UTC),
            datetime(2026, 10, 25, 23, tzinfo=UTC),
        )
        answer_round(anna, *[True] * 10, at=begin, took=FAST)
        answer_round(anna, *[True] * 10, at=end - INSTANT, took=FAST)

        findings(now=end + 4 * HOUR)

        assert FairPlayFinding.objects.get().first_day == date(2026, 10, 25)

    def test_a_challenge_shows_each_question_with_the_answer_before(self) -> None:
        (anna,) = players(1)
        answer_daily(anna, draw_day(TODAY), "1" * 7, took=FAST)
        answer_round(anna, *[True] * 13, took=FAST)

        assert findings() == [("FAST_ANSWERS", anna.pk, None, {"fast": 20, "answers": 20})]

    def test_duels_and_the_placement_count_too(self) -> None:
        make_bank("QUICK_MIX_A1A2", A1=30)
        anna, ben = players(2)
        duels(anna, ben, 2)
        answer_round(anna, *[True] * 13, took=FAST)
        question = placements.start(player=anna, now=NOON)
        placements.answer(
            player=anna,
            placement_id=question.placement_id,
            number=1,
            option_index=0,
            now=NOON,
        )

        assert findings() == [("FAST_ANSWERS", anna.pk, None, {"fast": 20, "answers": 20})]

    @pytest.mark.parametrize(("took", "is_found"), [(FAST, True), (FAST + INSTANT, False)])
    def test_a_sprint_shows_each_question_with_the_answer_before(
        self, took: timedelta, is_found: bool
    ) -> None:
        make_nouns()
        (anna,) = players(1)
        sprint_answers(anna, 20, took=took)

        expected = [("FAST_ANSWERS", anna.pk, None, {"fast": 20, "answers": 20})]
        assert findings() == (expected if is_found else [])

    def test_a_sprint_over_midnight_is_counted_by_its_answers(self) -> None:
        """The first day that the job looks at begins within the sprint."""
        make_nouns()
        (anna,) = players(1)
        midnight = datetime(2026, 12, 9, 23, tzinfo=UTC)
        # Ten seconds before midnight; the first answer takes nine, the others are fast.
        sprint = begin(anna, now=midnight - timedelta(seconds=10)).sprint
        for number in range(1, 22):
            say(anna, sprint, number, after=9.6 + 0.5 * (number - 1))

        fair_play.find(now=midnight + 6 * DAY + HOUR)

        rows = FairPlayFinding.objects.values_list("first_day", "figures")
        assert list(rows) == [(date(2026, 12, 10), {"fast": 20, "answers": 20})]

    @pytest.mark.parametrize(("took", "is_found"), [(FAST, True), (FAST + INSTANT, False)])
    def test_reviews_count_too(self, took: timedelta, is_found: bool) -> None:
        (anna,) = players(1)
        for _ in range(7):
            make_card(anna)
        asked = review(anna)
        for _ in range(7):
            answered = review_tap(anna, asked, now=asked.shown_at + took)
            asked = answered.next or asked
        answer_round(anna, *[True] * 13, took=FAST)

        expected = [("FAST_ANSWERS", anna.pk, None, {"fast": 20, "answers": 20})]
        assert findings() == (expected if is_found else [])

    def test_a_missed_night_is_made_up_for_within_a_week(self) -> None:
        anna, ben = players(2)
        answer_round(anna, *[True] * 20, at=NOON - 6 * DAY, took=FAST)
        answer_round(ben, *[True] * 20, at=NOON - 7 * DAY, took=FAST)

        assert [one[1] for one in findings(now=NOON)] == [anna.pk]


@pytest.mark.django_db
class TestSameAnswers:
    # Right, right, and five times the same wrong option.
    ALIKE = "1100000"

    def test_two_challenges_alike(self) -> None:
        anna, ben, cleo = players(3)
        for day in (TODAY - DAY, TODAY):
            daily_set = draw_day(day)
            answer_daily(anna, daily_set, "1110022")
            answer_daily(ben, daily_set, "1110022")
            answer_daily(cleo, daily_set, "1111022")

        assert findings() == [("SAME_ANSWERS", anna.pk, ben.pk, {"questions": 14, "wrong": 8})]
        one = FairPlayFinding.objects.get()
        assert (one.first_day, one.last_day, one.found_at) == (MONDAY, SUNDAY, NIGHT)

    @pytest.mark.parametrize(
        ("first", "second", "is_found"),
        [
            # Seven questions are not ten.
            ("0000000", "", False),
            # Five wrong ones, and four.
            ("1100022", "1111111", True),
            ("1110022", "1111111", False),
            # What is right in both days counts among the questions.
            ("1111111", "0000011", True),
        ],
    )
    def test_the_borders(self, first: str, second: str, is_found: bool) -> None:
        anna, ben = players(2)
        for day, choices in ((TODAY - DAY, first), (TODAY, second)):
            if choices:
                daily_set = draw_day(day)
                answer_daily(anna, daily_set, choices)
                answer_daily(ben, daily_set, choices)

        assert bool(findings()) is is_found

    def test_one_answer_that_differs_is_enough_for_both(self) -> None:
        anna, ben = players(2)
        for day, other in (
            (TODAY - 2 * DAY, "0000000"),
            (TODAY - DAY, "0000000"),
            (TODAY, "0002000"),
        ):
            daily_set = draw_day(day)
            answer_daily(anna, daily_set, "0000000")
            answer_daily(ben, daily_set, other)

        assert findings() == []

    def test_the_same_mistakes_with_other_options_are_not_alike(self) -> None:
        anna, ben = players(2)
        for day in (TODAY - DAY, TODAY):
            daily_set = draw_day(day)
            answer_daily(anna, daily_set, "0000000")
            answer_daily(ben, daily_set, "2222222")

        assert findings() == []

    def test_only_what_both_have_finished_is_compared(self) -> None:
        anna, ben = players(2)
        answer_daily(anna, draw_day(TODAY - 2 * DAY), "2222222")
        unfinished = draw_day(TODAY)
        for day in (TODAY - DAY,):
            daily_set = draw_day(day)
            answer_daily(anna, daily_set, "0000000")
            answer_daily(ben, daily_set, "0000000")
        answer_daily(anna, unfinished, "000000")
        answer_daily(ben, unfinished, "000000")

        assert findings() == []

    def test_duels_of_the_two_are_compared_too(self) -> None:
        make_bank("QUICK_MIX_A1A2", A1=30)
        anna, ben = players(2)
        daily_set = draw_day(TODAY)
        answer_daily(anna, daily_set, self.ALIKE)
        answer_daily(ben, daily_set, self.ALIKE)
        duels(anna, ben, 1, own=(True, False, False), others=(True, False, False))

        assert findings() == [("SAME_ANSWERS", anna.pk, ben.pk, {"questions": 10, "wrong": 7})]

    def test_a_duel_that_differs_counts_against_it(self) -> None:
        make_bank("QUICK_MIX_A1A2", A1=30)
        anna, ben = players(2)
        for day in (TODAY - DAY, TODAY):
            daily_set = draw_day(day)
            answer_daily(anna, daily_set, self.ALIKE)
            answer_daily(ben, daily_set, self.ALIKE)
        duels(anna, ben, 1)

        assert findings() == []

    def test_a_week_is_monday_to_sunday(self) -> None:
        anna, ben = players(2)
        for day in (MONDAY - DAY, MONDAY):
            daily_set = draw_day(day)
            answer_daily(anna, daily_set, "0000000")
            answer_daily(ben, daily_set, "0000000")

        assert findings() == []

    @pytest.mark.parametrize(("others", "is_found"), [(97, True), (98, False)])
    def test_a_mistake_that_a_hundred_make_points_at_nobody(
        self, others: int, is_found: bool
    ) -> None:
        """Two and ninety-eight are a hundred."""
        anna, ben = players(2)
        common, rare = draw_day(TODAY - DAY), draw_day(TODAY)
        for player in (anna, ben, *players(others)):
            answer_daily(player, common, "1111110")
        for player in (anna, ben):
            answer_daily(player, rare, "1110000")

        assert bool(findings()) is is_found


@pytest.mark.django_db
class TestOnlyLoses:
    @pytest.fixture(autouse=True)
    def _bank(self, db: None) -> None:
        make_bank("QUICK_MIX_A1A2", A1=30)

    def lose(self, loser: Player, winner: Player, number: int) -> None:
        """Let somebody lose so many duels, two on each day from Monday on."""
        for index in range(number):
            duels(loser, winner, 1, now=NOON - 2 * DAY + index // 2 * DAY)

    @pytest.mark.parametrize(("lost", "is_found"), [(4, False), (5, True)])
    def test_five_duels_lost_against_one(self, lost: int, is_found: bool) -> None:
        anna, ben = players(2)
        self.lose(anna, ben, lost)

        expected = [("ONLY_LOSES_TO", anna.pk, ben.pk, {"lost": 5})]
        assert findings() == (expected if is_found else [])

    def test_who_beats_somebody_else_is_just_weaker(self) -> None:
        anna, ben, cleo = players(3)
        self.lose(anna, ben, 5)
        duels(cleo, anna, 1)

        assert findings() == []

    def test_losing_to_others_too_changes_nothing(self) -> None:
        anna, ben, cleo = players(3)
        self.lose(anna, ben, 5)
        duels(anna, cleo, 1)

        assert [one[1:3] for one in findings()] == [(anna.pk, ben.pk)]

    def test_one_duel_drawn_is_enough(self) -> None:
        anna, ben = players(2)
        self.lose(anna, ben, 5)
        duels(anna, ben, 1, own=(True, True, False))

        assert findings() == []

    def test_a_walkover_is_lost_and_a_duel_that_nobody_finished_is_none(self) -> None:
        anna, ben = players(2)
        self.lose(anna, ben, 4)
        begin = NOON - 2 * DAY
        walkover, expired = accepted(anna, ben, now=begin), accepted(anna, ben, now=begin)
        play(ben, walkover, (True, True, True), now=begin)
        finish(walkover, now=begin + 48 * HOUR)
        finish(expired, now=begin + 48 * HOUR)

        assert findings() == [("ONLY_LOSES_TO", anna.pk, ben.pk, {"lost": 5})]

    def test_a_duel_counts_in_the_week_in_which_it_ended(self) -> None:
        anna, ben = players(2)
        self.lose(anna, ben, 4)
        late = accepted(ben, anna, now=WEEK_ENDS - HOUR)
        play(ben, late, (True, True, True), now=WEEK_ENDS - HOUR)
        play(anna, late, (False, False, False), now=WEEK_ENDS)

        assert findings(now=WEEK_ENDS + 4 * HOUR) == []


@pytest.mark.django_db
class TestOnce:
    def test_found_again_it_is_the_same_with_the_latest_figures(self) -> None:
        (anna,) = players(1)
        answer_round(anna, *[True] * 20, took=FAST)
        assert fair_play.find(now=NOON) == 1
        answer_round(anna, True, took=FAST)

        assert fair_play.find(now=NIGHT) == 0

        one = FairPlayFinding.objects.get()
        assert (one.figures, one.found_at) == ({"fast": 21, "answers": 21}, NOON)

    def test_what_was_decided_stays_as_it_was_seen(self) -> None:
        (anna,) = players(1)
        answer_round(anna, *[True] * 20, took=FAST)
        fair_play.find(now=NOON)
        fair_play.decide(
            FindingState.DISMISSED,
            finding_id=FairPlayFinding.objects.get().pk,
            note="A slow clock.",
            staff=make_staff("Operator"),
            now=NOON,
        )
        answer_round(anna, True, took=FAST)

        assert fair_play.find(now=NIGHT) == 0

        one = FairPlayFinding.objects.get()
        assert (one.state, one.figures) == ("DISMISSED", {"fast": 20, "answers": 20})

    def test_another_day_is_another_finding(self) -> None:
        (anna,) = players(1)
        for at in (NOON - DAY, NOON):
            answer_round(anna, *[True] * 20, at=at, took=FAST)

        assert fair_play.find(now=NIGHT) == 2

    def test_nothing_else_changes(self) -> None:
        (anna,) = players(1)
        answer_round(anna, *[True] * 20, took=FAST)

        with time_machine.travel(NIGHT, tick=False):
            assert tasks.find_fair_play() == 1

        anna.refresh_from_db()
        assert anna.suspended_at is None
        assert not LedgerEntry.objects.exists()
        assert not DayPoints.objects.exists()

    def test_who_is_suspended_is_not_listed(self) -> None:
        anna = PlayerFactory.create(suspended_at=NOON)
        answer_round(anna, *[True] * 20, took=FAST)

        assert findings() == []

    @pytest.mark.parametrize(("suspended", "is_found"), [(0, True), (1, True), (2, False)])
    def test_of_two_one_who_is_not_suspended_is_enough(
        self, suspended: int, is_found: bool
    ) -> None:
        two = [
            PlayerFactory.create(suspended_at=NOON if number < suspended else None)
            for number in range(2)
        ]
        for day in (TODAY - DAY, TODAY):
            daily_set = draw_day(day)
            for player in two:
                answer_daily(player, daily_set, "0000000")

        assert bool(findings()) is is_found


@pytest.mark.django_db(transaction=True)
class TestConcurrency:
    def find_twice(self, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
        """Let the job run twice, both having counted before either has recorded anything."""
        for player in players(2):
            answer_round(player, *[True] * 20, took=FAST)
        meet_after(monkeypatch, fair_play, "_suspended")
        return run_together(*[partial(fair_play.find, now=NIGHT)] * 2)

    def test_two_jobs_find_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        results = self.find_twice(monkeypatch)

        assert sum(results) == 2
        assert FairPlayFinding.objects.count() == 2

    def test_without_the_conflict_being_looked_at_one_of_two_jobs_fails(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the test above can fail: both want to record the same."""
        recorded, _, _ = fair_play._RECORD.partition("ON CONFLICT")
        monkeypatch.setattr(fair_play, "_RECORD", f"{recorded} RETURNING true")

        results = self.find_twice(monkeypatch)

        assert "IntegrityError" in [type(result).__name__ for result in results]

    def decide_twice(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """Let one dismiss what another one confirms at the same time."""
        pk = found().pk
        first, second = make_staff("Operator"), make_staff("Support")
        meet_after(monkeypatch, fair_play, "_lock")

        def decide(verdict: FindingState, staff: User) -> FairPlayFinding:
            return fair_play.decide(
                verdict, finding_id=pk, note="Looked at.", staff=staff, now=NIGHT
            )

        results = run_together(
            partial(decide, FindingState.DISMISSED, first),
            partial(decide, FindingState.CONFIRMED, second),
        )
        return sorted(type(result).__name__ for result in results)

    def test_of_two_verdicts_the_second_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self.decide_twice(monkeypatch) == ["FairPlayFinding", "FindingDecidedError"]
        assert AuditEntry.objects.filter(object_type="game.fairplayfinding").count() == 1

    def test_without_the_lock_the_database_has_to_stop_the_second(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the test above can fail: both have seen an open finding."""
        take_row_locks_away(monkeypatch)

        results = self.decide_twice(monkeypatch)

        assert "FindingDecidedError" not in results
        assert "FairPlayFinding" in results


@pytest.mark.django_db
class TestDecision:
    @pytest.mark.parametrize("verdict", [FindingState.DISMISSED, FindingState.CONFIRMED])
    def test_it_keeps_who_when_and_why(self, verdict: FindingState) -> None:
        one, staff = found(), make_staff("Operator")

        fair_play.decide(
            verdict, finding_id=one.pk, note="  A slow clock. ", staff=staff, now=NIGHT
        )

        one.refresh_from_db()
        assert (one.state, one.note, one.decided_by, one.decided_at) == (
            verdict.value,
            "A slow clock.",
            staff,
            NIGHT,
        )
        entry = AuditEntry.objects.get(action=f"fairplayfinding.{verdict.lower()}")
        assert (entry.actor, entry.object_id) == (staff, str(one.pk))
        assert entry.details["reason"] == "A slow clock."
        assert entry.details["figures"] == {"fast": 20, "answers": 30}

    def test_without_a_note_nothing_is_decided(self) -> None:
        one = found()

        with pytest.raises(BadReasonError):
            fair_play.decide(
                FindingState.CONFIRMED,
                finding_id=one.pk,
                note=" ",
                staff=make_staff("Operator"),
                now=NIGHT,
            )

        one.refresh_from_db()
        assert one.state == "OPEN"

    def test_a_second_verdict_is_refused(self) -> None:
        one, staff = found(), make_staff("Operator")
        decide = partial(fair_play.decide, finding_id=one.pk, note="No.", staff=staff, now=NIGHT)
        decide(FindingState.DISMISSED)

        with pytest.raises(FindingDecidedError, match="The finding is dismissed already"):
            decide(FindingState.CONFIRMED)


@pytest.mark.django_db
class TestDatabaseSaysNo:
    def refused(self, match: str, change: Callable[[], Any]) -> None:
        """See the change refused."""
        with pytest.raises(DatabaseError, match=match), transaction.atomic():
            change()

    def test_the_same_twice(self) -> None:
        one = found()

        self.refused(
            "fairplayfinding_once_per_players_and_window", partial(found, player=one.player)
        )

    @pytest.mark.parametrize(
        "fields",
        [
            {"other": "later"},
            {"last_day": TODAY + DAY},
            {"kind": "SAME_ANSWERS"},
            {"kind": "SAME_ANSWERS", "other": "earlier", "first_day": MONDAY, "last_day": SUNDAY},
            {"kind": "SAME_ANSWERS", "other": "later", "first_day": TODAY, "last_day": TODAY},
            {"kind": "SAME_ANSWERS", "other": "later", "first_day": MONDAY, "last_day": TODAY},
            {"kind": "ONLY_LOSES_TO", "first_day": MONDAY, "last_day": SUNDAY},
            {"kind": "ONLY_LOSES_TO", "other": "same", "first_day": MONDAY, "last_day": SUNDAY},
            {"kind": "TOO_CLEVER"},
        ],
    )
    def test_a_finding_that_cannot_be(self, fields: dict[str, Any]) -> None:
        earlier, same, later = players(3)
        others = {"earlier": earlier, "same": same, "later": later}
        if "other" in fields:
            fields = fields | {"other": others[fields["other"]]}

        self.refused(
            "fairplayfinding_is_of_a_day_or_of_two_in_a_week", partial(found, player=same, **fields)
        )

    @pytest.mark.parametrize(
        "fields",
        [
            {"state": "DISMISSED"},
            {"state": "CONFIRMED", "decided_at": NIGHT, "note": "Why."},
            {"note": "Why."},
            {"decided_at": NIGHT},
        ],
    )
    def test_half_a_decision(self, fields: dict[str, Any]) -> None:
        one = found()

        self.refused(
            "fairplayfinding_decided_wholly",
            partial(FairPlayFinding.objects.filter(pk=one.pk).update, **fields),
        )

    def test_a_finding_that_begins_decided(self) -> None:
        self.refused(
            "Cannot insert",
            partial(
                found,
                state="DISMISSED",
                decided_at=NIGHT,
                decided_by=make_staff("Operator"),
                note="Why.",
            ),
        )

    def test_what_was_decided_or_found_stays(self) -> None:
        one, staff = found(), make_staff("Operator")
        rows = FairPlayFinding.objects.filter(pk=one.pk)
        self.refused(
            "(?i)cannot|invalid", partial(rows.update, first_day=TODAY - DAY, last_day=TODAY - DAY)
        )
        self.refused("(?i)cannot|invalid", partial(rows.update, player=PlayerFactory.create()))
        fair_play.decide(
            FindingState.DISMISSED, finding_id=one.pk, note="No.", staff=staff, now=NIGHT
        )

        self.refused("(?i)cannot|invalid", partial(rows.update, note="Yes."))
        self.refused("(?i)cannot|invalid", partial(rows.update, state="CONFIRMED"))
        self.refused("(?i)cannot|invalid", partial(rows.update, figures={}))

    def test_nothing_is_deleted(self) -> None:
        one = found()

        with connection.cursor() as cursor:
            self.refused(
                "(?i)delete|permission denied",
                lambda: cursor.execute("DELETE FROM game_fairplayfinding WHERE id = %s", [one.pk]),
            )
