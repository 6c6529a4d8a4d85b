"""The running system: what is alive, and what runs when."""

import json
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from kombu.exceptions import OperationalError
from unfold.decorators import display

from quizarena.celery import app
from quizarena.ops import controls, heartbeats, home_panels  # noqa: F401 -- declares panels.
from quizarena.ops.analytics_admin import ProductDayAdmin  # noqa: F401 -- registers itself.
from quizarena.ops.erasure_admin import DeletionRequestAdmin, PurgeRunAdmin
from quizarena.ops.models import Backup, Downtime, Heartbeat
from quizarena.players.models import DeletionRequest, PurgeRun
from quizarena.staff.dates import span
from quizarena.staff.desk import (
    ReadOnlyAdmin,
    age,
    badge,
    exactly,
    format_json,
    with_code,
)

# All schedules stand in quizarena/beat_schedule.py, and beat copies them into these tables: what
# somebody edited here would be gone with the next start.
admin.site.unregister(
    (PeriodicTask, ClockedSchedule, CrontabSchedule, IntervalSchedule, SolarSchedule)
)

admin.site.register(DeletionRequest, DeletionRequestAdmin)
admin.site.register(PurgeRun, PurgeRunAdmin)

# What a job of beat does, where its stored name does not say it plainly.
JOB_LABELS = {
    "work-inbox": "Process the inbox",
    "grant-renewal-grace": "Grant days of grace",
    "reconcile-all-transactions": "Reconcile everything with Telegram",
    "send-reminder-notices": "Send reminders",
    "run-broadcasts": "Send broadcasts",
    "record-premium-ends": "Schedule Premium notices",
    "offer-referral-rewards": "Offer invitation rewards",
    "verify-ledger": "Verify the ledger",
    "watch-offer-funnel": "Check offers",
    "purge-impressions": "Delete old offer views",
    "purge-idempotency-records": "Delete stored API answers",
    "purge-updates-and-calls": "Delete old updates and calls",
    "purge-promo-attempts": "Delete old promo attempts",
    "measure-campaign-uplift": "Measure what campaigns bring",
    "purge-uplift-participants": "Delete who was compared",
    "purge-round-questions": "Delete old questions of rounds",
    "erase-accounts": "Delete accounts",
}


@admin.register(Heartbeat)
class HeartbeatAdmin(ReadOnlyAdmin[Heartbeat]):
    """Signs of life of the processes that serve no requests."""

    list_display = ("name", "seen", "state")
    list_display_links = None
    ordering = ("name",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Heartbeat]:
        """Leave out what no process is called any more."""
        return super().get_queryset(request).filter(name__in=heartbeats.PROCESSES)

    @display(description="Seen")
    def seen(self, heartbeat: Heartbeat) -> str:
        return age(heartbeat.seen_at)

    @display(description="State")
    def state(self, heartbeat: Heartbeat) -> SafeString:
        """Return whether the process is alive, as /readyz sees it."""
        now = timezone.now()
        if now - heartbeat.seen_at > heartbeats.FRESH:
            return badge("missing", "danger")
        if heartbeat.name in heartbeats.restarting(now=now):
            return badge("keeps restarting", "danger")
        return badge("alive", "success")


@admin.register(Backup)
class BackupAdmin(ReadOnlyAdmin[Backup]):
    """Backups and rehearsals of restoring one, as they were recorded."""

    list_display = ("what", "holds", "recorded", "bytes", "note")
    list_display_links = None
    list_filter = ("kind",)
    ordering = ("-began_at",)

    @display(description="What")
    def what(self, backup: Backup) -> str:
        return backup.get_kind_display().capitalize()

    @display(description="Everything until", ordering="began_at")
    def holds(self, backup: Backup) -> SafeString:
        return exactly(backup.began_at)

    @display(description="Recorded")
    def recorded(self, backup: Backup) -> str:
        return age(backup.recorded_at)

    @display(description="Size")
    def bytes(self, backup: Backup) -> str:
        return filesizeformat(backup.size) if backup.size else "–"


@admin.register(Downtime)
class DowntimeAdmin(ReadOnlyAdmin[Downtime]):
    """When no process of a kind was alive; too much of it on a day makes an outage day."""

    list_display = ("process", "began", "ended", "lasted", "state")
    list_display_links = None
    list_filter = ("process",)
    ordering = ("-id",)

    @display(description="From")
    def began(self, downtime: Downtime) -> SafeString:
        return exactly(downtime.began_at)

    @display(description="Until")
    def ended(self, downtime: Downtime) -> SafeString:
        return exactly(downtime.ended_at)

    @display(description="Lasted")
    def lasted(self, downtime: Downtime) -> str:
        return span(downtime.length)

    @display(description="State")
    def state(self, downtime: Downtime) -> SafeString:
        """Return whether it has been decided which days it makes outage days."""
        assessed = downtime.judged_at is not None
        return badge("assessed", "success") if assessed else badge("to be assessed", "warning")


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(ReadOnlyAdmin[PeriodicTask]):
    """The schedule: pause, resume, or run a task now."""

    list_display = ("job", "task", "rhythm", "state", "last_run", "runs")
    list_filter = ("enabled",)
    list_select_related = ("interval", "crontab", "solar", "clocked")
    ordering = ("name",)
    actions = ("pause", "resume", "run_now")
    fields = ("job", "task", "rhythm", "state", "last_run", "runs", "queue", "arguments")

    @display(description="Job")
    def job(self, task: PeriodicTask) -> str:
        """Return what it does, with the name by which beat stores it in small."""
        return with_code(
            JOB_LABELS.get(task.name, capfirst(task.name.replace("-", " "))), task.name
        )

    @display(description="Runs")
    def rhythm(self, task: PeriodicTask) -> str:
        schedule = task.crontab or task.interval or task.solar or task.clocked
        return str(getattr(schedule, "human_readable", schedule))

    @display(description="State")
    def state(self, task: PeriodicTask) -> SafeString:
        """Return whether beat runs it."""
        return badge("on", "success") if task.enabled else badge("paused", "warning")

    @display(description="Last run")
    def last_run(self, task: PeriodicTask) -> str:
        return age(task.last_run_at)

    @display(description="Times run")
    def runs(self, task: PeriodicTask) -> str:
        return str(task.total_run_count)

    @display(description="Arguments")
    def arguments(self, task: PeriodicTask) -> SafeString:
        return format_json({"args": json.loads(task.args), "kwargs": json.loads(task.kwargs)})

    def has_pause_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may steer the schedule."""
        return request.user.has_perm("django_celery_beat.change_periodictask")

    def is_action_due(self, action: str, obj: PeriodicTask) -> bool:
        """Offer the one of pause and resume that changes something."""
        if action == "pause":
            return obj.enabled and not controls.is_a_control(obj)
        return action == "run_now" or not obj.enabled

    @admin.action(description="Pause", permissions=["pause"])
    def pause(self, request: HttpRequest, queryset: QuerySet[PeriodicTask]) -> None:
        """Keep beat from running the tasks."""
        self.act(
            request,
            queryset,
            verb="paused",
            service=lambda task: _set_enabled(task, enabled=False),
            refusal="it is paused already, or it is a control, and controls cannot be paused here",
        )

    @admin.action(description="Resume", permissions=["pause"])
    def resume(self, request: HttpRequest, queryset: QuerySet[PeriodicTask]) -> None:
        """Let beat run the tasks again."""
        self.act(
            request,
            queryset,
            verb="resumed",
            service=lambda task: _set_enabled(task, enabled=True),
            refusal="not paused",
        )

    @admin.action(description="Run now", permissions=["pause"])
    def run_now(self, request: HttpRequest, queryset: QuerySet[PeriodicTask]) -> None:
        """Send the tasks to the workers at once, besides their schedule."""
        for task in queryset.order_by("pk"):
            try:
                app.send_task(
                    task.task,
                    args=json.loads(task.args),
                    kwargs=json.loads(task.kwargs),
                    queue=task.queue or None,
                    retry=False,
                )
            except OperationalError:
                message = f"{task.name} was not sent: Redis does not answer. Try again later."
                self.message_user(request, message, messages.ERROR)
            else:
                self.log_verb(request, task, "sent to the workers")
                message = f"{task.name} was sent to the workers."
                self.message_user(request, message, messages.SUCCESS)


def _set_enabled(task: Any, *, enabled: bool) -> bool:
    """Turn the task on or off, which beat notices by itself; return False if nothing is done."""
    if task.enabled == enabled or (not enabled and controls.is_a_control(task)):
        return False
    task.enabled = enabled
    task.save(update_fields=["enabled"])
    return True
