"""What the home page shows of questions."""

from datetime import datetime, timedelta

from django.contrib.auth.models import User

from economy.wallets import business_zone
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
):
    home.declare(panel)
