"""The rows behind a finding, read when staff look at it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Q
from django.utils.html import format_html
from django.utils.safestring import SafeString

from quizarena.game import points
from quizarena.game.duel_rules import DuelState
from quizarena.game.fair_play_rules import FindingKind
from quizarena.game.models import (
    SPRINT_GRACE,
    SPRINT_LENGTH,
    DailyQuestion,
    DailyRun,
    Duel,
    DuelAnswer,
    DuelQuestion,
    FairPlayFinding,
    PlacementQuestion,
    QuestionVersion,
    ReviewLog,
    RoundQuestion,
    Sprint,
    TournamentAnswer,
    TournamentQuestion,
)
from quizarena.game.play_counts import bounds
from quizarena.players.models import Player
from quizarena.staff import dates
from quizarena.staff.desk import badge, object_link

# A page shows so many rows.
SHOWN = 200


def of(finding: FairPlayFinding) -> dict[str, Any]:
    """Return the rows behind a finding as a table with its title, and a note if one is due."""
    match FindingKind(finding.kind):
        case FindingKind.FAST_ANSWERS:
            return _fast(finding)
        case FindingKind.SAME_ANSWERS:
            return _alike(finding)
        case FindingKind.ONLY_LOSES_TO:
            return _duels(finding)


def _span(finding: FairPlayFinding) -> tuple[datetime, datetime]:
    return bounds(finding.first_day)[0], bounds(finding.last_day)[1]


def _table(title: str, headers: Sequence[str], rows: Sequence[Sequence[object]]) -> dict[str, Any]:
    """Return the table; what it has no place for is counted below it."""
    left = len(rows) - SHOWN
    note = f"{left:,} more are not shown." if left > 0 else ""
    return {"title": title, "headers": headers, "rows": rows[:SHOWN], "note": note}


# --- Answers too fast -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """An answer of whatever kind of play."""

    at: datetime
    after: timedelta
    source: str | SafeString
    version: QuestionVersion
    is_correct: bool


def _fast(finding: FairPlayFinding) -> dict[str, Any]:
    """Return the answers of the day that came faster than one can read, by the server's clock."""
    found = sorted(_answers_under(points.FASTEST_ANSWER, finding), key=lambda answer: answer.at)
    rows = [
        [
            dates.to_the_second(answer.at),
            answer.source,
            answer.version.question,
            badge("right", "success") if answer.is_correct else badge("wrong", "danger"),
            f"{answer.after.total_seconds():.2f} s",
        ]
        for answer in found
    ]
    return _table("Answers under 0.7 s", ["When", "In", "Question", "Answer", "After"], rows)


def _answers_under(least: timedelta, finding: FairPlayFinding) -> Iterator[_Answer]:
    begin, end = _span(finding)
    player = finding.player
    fast = Q(answered_at__gte=begin, answered_at__lt=end) & Q(answered_at__lt=F("shown_at") + least)
    rounds = RoundQuestion.objects.filter(fast, player=player).select_related("version")
    for asked in rounds:
        assert asked.answered_at is not None
        yield _Answer(
            at=asked.answered_at,
            after=asked.answered_at - asked.shown_at,
            source=f"round {asked.round_id}",
            version=asked.version,
            is_correct=bool(asked.is_correct),
        )
    placements = PlacementQuestion.objects.filter(fast, placement__player=player)
    for one in placements.select_related("version"):
        assert one.answered_at is not None
        yield _Answer(
            at=one.answered_at,
            after=one.answered_at - one.shown_at,
            source="placement",
            version=one.version,
            is_correct=bool(one.is_correct),
        )
    given = list(DuelAnswer.objects.filter(fast, player=player).select_related("duel"))
    asked_in = _duel_questions([answer.duel_id for answer in given])
    for answer in given:
        yield _Answer(
            at=answer.answered_at,
            after=answer.answered_at - answer.shown_at,
            source=object_link(answer.duel, f"duel {answer.duel_id}"),
            version=asked_in[answer.duel_id, answer.number].version,
            is_correct=answer.is_correct,
        )
    yield from _tournament_answers_under(fast, player)
    yield from _daily_answers_under(least, finding)
    yield from _sprint_answers_under(least, finding)
    yield from _review_answers_under(least, finding)


def _tournament_answers_under(fast: Q, player: Player) -> Iterator[_Answer]:
    found = TournamentAnswer.objects.filter(fast, pairing__player=player)
    for answer in found.select_related("pairing__tournament"):
        pairing = answer.pairing
        asked = TournamentQuestion.objects.select_related("version").get(
            round=pairing.round_id, number=answer.number
        )
        yield _Answer(
            at=answer.answered_at,
            after=answer.answered_at - answer.shown_at,
            source=object_link(pairing.tournament, str(pairing.tournament)),
            version=asked.version,
            is_correct=answer.is_correct,
        )


def _daily_answers_under(least: timedelta, finding: FairPlayFinding) -> Iterator[_Answer]:
    """Return those of the challenge, which shows a question with the answer to the one before."""
    run = (
        DailyRun.objects.filter(player=finding.player, set__day=finding.first_day)
        .select_related("set")
        .first()
    )
    if run is None:
        return
    versions = _daily_versions([run.set_id])
    shown_at = run.started_at
    for answer in run.answers.order_by("number"):
        after = answer.answered_at - shown_at
        if after < least:
            yield _Answer(
                at=answer.answered_at,
                after=after,
                source=object_link(run.set, "daily challenge"),
                version=versions[run.set_id, answer.number],
                is_correct=answer.is_correct,
            )
        shown_at = answer.answered_at


def _sprint_answers_under(least: timedelta, finding: FairPlayFinding) -> Iterator[_Answer]:
    """Return those of sprints, which show a question with the answer to the one before."""
    begin, end = _span(finding)
    sprints = Sprint.objects.filter(
        player=finding.player,
        started_at__gte=begin - SPRINT_LENGTH - SPRINT_GRACE,
        started_at__lt=end,
    )
    for sprint in sprints.prefetch_related("answers", "questions__version"):
        versions = {question.number: question.version for question in sprint.questions.all()}
        shown_at = sprint.started_at
        for answer in sorted(sprint.answers.all(), key=lambda answer: answer.number):
            after = answer.answered_at - shown_at
            if after < least and begin <= answer.answered_at < end:
                yield _Answer(
                    at=answer.answered_at,
                    after=after,
                    source=f"sprint {sprint.pk}",
                    version=versions[answer.number],
                    is_correct=answer.is_correct,
                )
            shown_at = answer.answered_at


def _review_answers_under(least: timedelta, finding: FairPlayFinding) -> Iterator[_Answer]:
    begin, end = _span(finding)
    found = ReviewLog.objects.filter(
        card__player=finding.player,
        answered_at__gte=begin,
        answered_at__lt=end,
        elapsed_ms__lt=least // timedelta(milliseconds=1),
    )
    for log in found.select_related("card", "question__version"):
        yield _Answer(
            at=log.answered_at,
            after=timedelta(milliseconds=log.elapsed_ms),
            source=object_link(log.card, "review"),
            version=log.question.version,
            is_correct=log.is_right,
        )


# --- Two accounts answer alike --------------------------------------------------------------------


def _alike(finding: FairPlayFinding) -> dict[str, Any]:
    """Return what both have answered in the challenges and duels that both have finished."""
    assert finding.other is not None
    rows = [*_daily_rows(finding, finding.other), *_duel_rows(finding, finding.other)]
    headers = ["In", "Question", "Right answer", str(finding.player), str(finding.other)]
    return _table("What both have answered", headers, rows)


def _daily_rows(finding: FairPlayFinding, other: Player) -> Iterator[list[object]]:
    runs = DailyRun.objects.filter(
        player__in=[finding.player_id, other.pk],
        set__day__range=(finding.first_day, finding.last_day),
        finished_at__isnull=False,
    )
    by_set: dict[int, dict[int, DailyRun]] = {}
    for run in runs.select_related("set").prefetch_related("answers").order_by("set__day"):
        by_set.setdefault(run.set_id, {})[run.player_id] = run
    common = {pk: both for pk, both in by_set.items() if len(both) == 2}
    versions = _daily_versions(list(common))
    for set_id, both in common.items():
        own, others = (
            {answer.number: answer.choice for answer in both[player].answers.all()}
            for player in (finding.player_id, other.pk)
        )
        day = both[other.pk].set
        for number in sorted(own):
            version = versions[set_id, number]
            yield _pair(object_link(day), version, own[number], others[number])


def _duel_rows(finding: FairPlayFinding, other: Player) -> Iterator[list[object]]:
    begin, end = _span(finding)
    duels = _between(finding.player, other).filter(
        ended_at__gte=begin, ended_at__lt=end, state=DuelState.COMPLETED
    )
    found = {duel.pk: duel for duel in duels.order_by("pk")}
    asked_in = _duel_questions(list(found))
    choices = {
        (answer.duel_id, answer.number, answer.player_id): answer.choice
        for answer in DuelAnswer.objects.filter(duel__in=found)
    }
    for duel_id, number in sorted(asked_in):
        own, others = (choices[duel_id, number, player] for player in (finding.player_id, other.pk))
        link = object_link(found[duel_id], f"Duel {duel_id}")
        yield _pair(link, asked_in[duel_id, number].version, own, others)


def _pair(source: SafeString, version: QuestionVersion, own: int, other: int) -> list[object]:
    """Return what the two have chosen of a question; what is wrong stands out."""

    def shown(choice: int) -> str | SafeString:
        text = version.options[choice]
        # Not in the badge, which writes in capitals.
        is_right = choice == version.correct_option_id
        return text if is_right else format_html("{} {}", badge("wrong", "danger"), text)

    return [source, version.question, version.correct_answer, shown(own), shown(other)]


# --- Only loses against one other -----------------------------------------------------------------


def _duels(finding: FairPlayFinding) -> dict[str, Any]:
    """Return the duels of the two in that week, and how many the player has had with others."""
    assert finding.other is not None
    begin, end = _span(finding)
    ended = Q(ended_at__gte=begin, ended_at__lt=end) & ~Q(result="")
    rows = [
        [
            object_link(duel, f"Duel {duel.pk}"),
            dates.to_the_second(duel.ended_at) if duel.ended_at else "–",
            duel.get_state_display(),
            _score(duel, finding.player_id),
            "lost" if duel.winner_id == finding.other_id else "not lost",
        ]
        for duel in _between(finding.player, finding.other).filter(ended).order_by("pk")
    ]
    with_others = (
        Duel.objects.of(finding.player_id)
        .filter(ended)
        .exclude(Q(creator=finding.other) | Q(opponent=finding.other))
        .count()
    )
    table = _table("Duels of the two", ["Duel", "Ended", "State", "Right", "Outcome"], rows)
    return table | {"note": f"{table['note']} With others: {with_others:,}.".strip()}


def _score(duel: Duel, player_id: int) -> str:
    own, other = duel.creator_score, duel.opponent_score
    return f"{own}:{other}" if player_id == duel.creator_id else f"{other}:{own}"


# --- What was asked -------------------------------------------------------------------------------


def _between(one: Player, other: Player) -> Any:
    return Duel.objects.filter(Q(creator=one, opponent=other) | Q(creator=other, opponent=one))


def _duel_questions(duel_ids: Sequence[int]) -> dict[tuple[int, int], DuelQuestion]:
    asked = DuelQuestion.objects.filter(duel__in=duel_ids).select_related("version")
    return {(one.duel_id, one.number): one for one in asked}


def _daily_versions(set_ids: Sequence[int]) -> dict[tuple[int, int], QuestionVersion]:
    asked = DailyQuestion.objects.filter(set__in=set_ids).select_related("version")
    return {(one.set_id, one.number): one.version for one in asked}
