"""Schedules are called what they do, verb-object; whoever has paused one finds it paused."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

NAMES = [
    ("sweep the inbox", "work-inbox"),
    ("tell players what they are owed", "send-transactional-notices"),
    ("go on with refunds", "complete-refunds"),
    ("make invoice links", "create-invoice-links"),
    ("cancel subscriptions", "cancel-subscriptions"),
    ("give days of grace", "grant-renewal-grace"),
    ("recover payments", "recover-payments"),
    ("close stale purchases", "fail-stale-purchases"),
    ("reconcile with Telegram", "reconcile-recent-transactions"),
    ("reconcile all of it with Telegram", "reconcile-all-transactions"),
    ("continue reconciliations", "continue-reconciliations"),
    ("remind players", "send-reminder-notices"),
    ("remind players whose hour has come", "send-scheduled-reminders"),
    ("go on with broadcasts", "run-broadcasts"),
    ("watch broadcasts", "watch-broadcasts"),
    ("give back questions that were not shown", "refund-undelivered-questions"),
    ("give back questions that were withdrawn", "refund-withdrawn-questions"),
    ("note the ends of Premium", "record-premium-ends"),
    ("revoke refunded redemptions", "revoke-refunded-redemptions"),
    ("release holds", "expire-reservations"),
    ("guard promo codes", "pause-abused-campaigns"),
    ("roll campaigns over", "update-campaign-statuses"),
    ("make promo codes", "generate-promo-codes"),
    ("finish kill switches", "complete-kill-switches"),
    ("prove campaigns", "verify-campaign-counters"),
    ("check invitations", "review-referrals"),
    ("settle rewards for invitations", "offer-referral-rewards"),
    ("settle streaks", "roll-over-streaks"),
    ("shield streaks after an outage", "shield-streaks"),
    ("prove the ledger", "verify-ledger"),
    ("guard offers", "watch-offer-funnel"),
    ("forget old impressions", "purge-impressions"),
    ("forget answers of the API", "purge-idempotency-records"),
    ("forget old updates and calls", "purge-updates-and-calls"),
]


def rename(apps: Apps, names: list[tuple[str, str]], *, using: str) -> None:
    """Rename the rows; of two with one name the older stays, since staff may have changed it."""
    tasks = apps.get_model("django_celery_beat", "PeriodicTask").objects.using(using)
    for before, after in names:
        if tasks.filter(name=before).exists():
            tasks.filter(name=after).delete()
            tasks.filter(name=before).update(name=after)


def forwards(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """Give the schedules their new names."""
    rename(apps, NAMES, using=editor.connection.alias)


def backwards(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """Give the schedules their old names."""
    rename(apps, [(after, before) for before, after in NAMES], using=editor.connection.alias)


class Migration(migrations.Migration):
    """Rename what beat has stored."""

    dependencies = [
        ("ops", "0004_workers_by_queue"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]

    operations = [migrations.RunPython(forwards, backwards)]
