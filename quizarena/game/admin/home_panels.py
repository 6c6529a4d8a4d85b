"""What the home page shows of questions."""

from datetime import datetime, timedelta

from django.contrib.auth.models import User

from economy.wallets import business_zone
from quizarena.game import review_accuracy
from quizarena.game.models import DailySet, Question, QuestionReport
from quizarena.staff import dates, home, inbox
from quizarena.staff.desk import badge, object_link
from quizarena.staff.home import ROWS_SHOWN, Content, Panel

DAYS_AHEAD = 7


def _reports(user: User, now: datetime) -> Content:
    reports = QuestionReport.objects.unresolved().select_related("question").order_by("id")
    withdrawn = Question.objects.filter(withdrawn_at__isnull=False)
    numbers = inbox.count({"reports": reports, "withdrawn": withdrawn.order_by("pk")})
    return Content(
        figures=[
            ("Open reports", inbox.shown(numbers["reports"])),
            ("Questions withdrawn", inbox.shown(numbers["withdrawn"])),
        ],
        rows=[
            (object_link(report.question), f"{report.get_reason_display()}")
            for report in reports[:ROWS_SHOWN]
        ],
    )


def _days(user: User, now: datetime) -> Content:
    today = now.astimezone(business_zone()).date()
    days = [today + timedelta(days=ahead) for ahead in range(DAYS_AHEAD)]
    drawn = {one.day: one for one in DailySet.objects.filter(day__in=days)}
    return Content(
        rows=[
            (
                object_link(drawn[day], dates.day(day)) if day in drawn else dates.day(day),
                badge("drawn", "success") if day in drawn else "is drawn on the day",
            )
            for day in days
        ]
    )


def _reviews(user: User, now: datetime) -> Content:
    """Return how well the scheduler of reviews predicts. One statement."""
    latest = review_accuracy.latest()
    if latest is None or latest.month_log_loss is None:
        return Content(empty="Nothing has been predicted yet.")
    loss = f"{latest.month_log_loss:.3f}"
    is_high = latest.month_log_loss > review_accuracy.TARGET
    return Content(
        figures=[
            ("Log loss, 30 days", badge(loss, "danger") if is_high else loss),
            ("At most", f"{review_accuracy.TARGET:.2f}"),
        ],
        note=f"Of {latest.month_predictions:,} answers in reviews until {dates.day(latest.day)}.",
    )


for panel in (
    Panel(
        name="reports",
        title="What players report",
        roles=("Editor",),
        permission="game.view_questionreport",
        draw=_reports,
        page="game_questionreport_changelist",
        more="Question reports",
        order=10,
    ),
    Panel(
        name="challenges",
        title="Daily challenges",
        roles=("Editor",),
        permission="game.view_dailyset",
        draw=_days,
        page="game_dailyset_changelist",
        more="Daily challenges",
        order=20,
    ),
    Panel(
        name="reviews",
        title="Predictions of reviews",
        roles=("Operator",),
        permission="game.view_playday",
        draw=_reviews,
        page="game_playday_changelist",
        more="Play",
        order=30,
    ),
):
    home.declare(panel)
