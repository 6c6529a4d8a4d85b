"""What Celery runs for the game."""

from datetime import timedelta

from django.utils import timezone

from quizarena.celery import app
from quizarena.game import (
    cups,
    daily,
    duels,
    fair_play,
    imports,
    leaderboards,
    leagues,
    past_answers,
    play_counts,
    question_counts,
    reports,
    review_accuracy,
    rounds,
    sprints,
    tournaments,
)
from quizarena.players import retention

# How long one task may work before it lets other tasks have the process.
WORK_FOR = timedelta(seconds=5)
PURGE_BATCH = 5_000


@app.task
def refund_withdrawn() -> int:
    """Give back the questions that were withdrawn while a player had them; return how many."""
    return rounds.refund_withdrawn(until=timezone.now() + WORK_FOR)


@app.task
def finish_sprints() -> int:
    """Finish the sprints whose time is over; return how many."""
    return sprints.finish_due(until=timezone.now() + WORK_FOR)


@app.task
def work_on_imports() -> int:
    """Check or import one uploaded file with questions; return how many there were."""
    return imports.work(now=timezone.now())


@app.task
def draw_daily_challenge() -> int:
    """Draw today's questions unless somebody has; return 1, or 0 if the bank does not suffice."""
    return int(daily.draw_today(now=timezone.now()))


@app.task
def update_leagues() -> int:
    """Give places in league groups and finish weeks that are over; return of how many rows."""
    until, done = timezone.now() + WORK_FOR, 0
    while (batch := leagues.update(now=timezone.now())) and timezone.now() < until:
        done += batch
    return done + batch


@app.task
def count_boards() -> int:
    """Count how many players have how many points; return 1, or 0 if somebody else is at it."""
    return int(leaderboards.count(now=timezone.now()))


@app.task
def finish_duels() -> int:
    """End the duels whose time has passed; return how many."""
    return duels.finish_due(until=timezone.now() + WORK_FOR)


@app.task
def count_play() -> int:
    """Count today and the days whose count is not final; return how many."""
    now = timezone.now()
    return play_counts.count(now=now, until=now + WORK_FOR)


@app.task
def count_questions() -> int:
    """Add to the figures of questions the days that are over; return how many days.

    Then withdraw the questions that mislead.
    """
    now = timezone.now()
    counted = question_counts.count(now=now, until=now + WORK_FOR)
    if counted:
        reports.withdraw_misleading(until=timezone.now() + WORK_FOR)
    return counted


@app.task
def count_review_accuracy() -> int:
    """Count how well reviews were predicted on the days that are over; return how many."""
    return review_accuracy.count(now=timezone.now())


@app.task
def find_fair_play() -> int:
    """List what staff should look at for fair play; return how much of it is new."""
    return fair_play.find(now=timezone.now())


@app.task
def run_tournaments() -> int:
    """Open the day's cup, and take the steps of tournaments that are due; return how many."""
    opened = cups.open_registration(now=timezone.now())
    return opened + tournaments.run_due(until=timezone.now() + WORK_FOR)


@app.task
def purge_round_questions() -> int:
    """Delete the questions of rounds from before 400 days, in batches; return how many."""
    return retention.purge(
        table="game_roundquestion",
        batch=lambda: past_answers.purge(now=timezone.now(), limit=PURGE_BATCH),
        limit=PURGE_BATCH,
    )
