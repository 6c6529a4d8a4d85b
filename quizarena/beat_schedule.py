"""Every schedule of the product: settings hand it to beat, which copies it into the database, where
the admin shows it (quizarena/ops/scheduler.py).

A tick that nobody took before the next one is due has nothing left to do: it expires. What runs
several times a day is an interval: a crontab would pause while the last hour of summer time comes
again. What runs once a day is a crontab, at an hour that every day has once.
"""

from typing import Any

from celery.schedules import crontab

BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "work-inbox": {
        "task": "bot.tasks.work_inbox",
        "schedule": 2.0,
        "options": {"expires": 2.0},
    },
    "send-transactional-notices": {
        "task": "bot.tasks.send_notices",
        "schedule": 2.0,
        "kwargs": {"transactional": True},
        "options": {"expires": 2.0, "queue": "critical"},
    },
    "complete-refunds": {
        "task": "payments.tasks.finish_refunds",
        "schedule": 5.0,
        "options": {"expires": 5.0, "queue": "critical"},
    },
    "create-invoice-links": {
        "task": "payments.tasks.make_invoice_links",
        "schedule": 2.0,
        "options": {"expires": 2.0, "queue": "critical"},
    },
    "cancel-subscriptions": {
        "task": "payments.tasks.cancel_subscriptions",
        "schedule": 5.0,
        "options": {"expires": 5.0, "queue": "critical"},
    },
    "send-cards": {
        "task": "bot.tasks.send_cards",
        "schedule": 2.0,
        "options": {"expires": 2.0, "queue": "bulk"},
    },
    "send-my-data": {
        "task": "bot.tasks.send_my_data",
        "schedule": 10.0,
        "options": {"expires": 10.0, "queue": "bulk"},
    },
    "deliver-alerts": {
        "task": "quizarena.staff.tasks.deliver_alerts",
        "schedule": 10.0,
        # It waits for others, which no game may.
        "options": {"expires": 10.0, "queue": "bulk"},
    },
    "expire-approvals": {
        "task": "quizarena.staff.tasks.expire_approvals",
        "schedule": 60.0,
        "options": {"expires": 60.0},
    },
    "send-approval-outcomes": {
        "task": "bot.tasks.send_approval_outcomes",
        "schedule": 10.0,
        "options": {"expires": 10.0},
    },
    "fetch-support-files": {
        "task": "payments.tasks.fetch_support_files",
        "schedule": 5.0,
        "options": {"expires": 5.0, "queue": "bulk"},
    },
    # A file takes up to some minutes; the next ticks find it taken.
    "make-exports": {
        "task": "payments.tasks.make_exports",
        "schedule": 5.0,
        "options": {"expires": 5.0, "queue": "bulk"},
    },
    "count-accounts": {
        "task": "payments.tasks.count_accounts",
        "schedule": crontab(hour="4", minute="45"),
        "options": {"expires": 3_600.0, "queue": "bulk"},
    },
    "grant-renewal-grace": {
        "task": "payments.tasks.give_grace",
        "schedule": 300.0,
        "options": {"expires": 300.0, "queue": "critical"},
    },
    "recover-payments": {
        "task": "payments.tasks.recover_payments",
        "schedule": 300.0,
        "options": {"expires": 300.0, "queue": "critical"},
    },
    "fail-stale-purchases": {
        "task": "payments.tasks.fail_stale_purchases",
        "schedule": 60.0,
        "options": {"expires": 60.0, "queue": "critical"},
    },
    "reconcile-recent-transactions": {
        "task": "payments.tasks.reconcile",
        "schedule": 900.0,
        # It waits for Telegram, for which one place of `critical` has to be enough.
        "options": {"expires": 900.0, "queue": "bulk"},
    },
    "reconcile-all-transactions": {
        "task": "payments.tasks.reconcile",
        "schedule": crontab(hour="3", minute="30"),
        "kwargs": {"is_full": True},
        # It takes longer than `critical` has for one job.
        "options": {"expires": 3_600.0, "queue": "bulk"},
    },
    # A comparison that Telegram, a time limit or the end of a worker has interrupted.
    "continue-reconciliations": {
        "task": "payments.tasks.continue_reconciliations",
        "schedule": 60.0,
        "options": {"expires": 60.0, "queue": "bulk"},
    },
    "send-reminder-notices": {
        "task": "bot.tasks.send_notices",
        "schedule": 5.0,
        "kwargs": {"transactional": False},
        "options": {"expires": 5.0, "queue": "bulk"},
    },
    "send-scheduled-reminders": {
        "task": "bot.tasks.remind_players",
        "schedule": 10.0,
        "options": {"expires": 10.0, "queue": "bulk"},
    },
    # Keeps a few seconds of messages ahead of the sender.
    "run-broadcasts": {
        "task": "bot.tasks.run_broadcasts",
        "schedule": 1.0,
        "options": {"expires": 1.0, "queue": "bulk"},
    },
    "watch-broadcasts": {
        "task": "bot.tasks.watch_broadcasts",
        "schedule": 60.0,
        "options": {"expires": 60.0},
    },
    "refund-undelivered-questions": {
        "task": "bot.tasks.refund_undelivered",
        "schedule": 10.0,
        "options": {"expires": 10.0},
    },
    "refund-withdrawn-questions": {
        "task": "quizarena.game.tasks.refund_withdrawn",
        "schedule": 10.0,
        "options": {"expires": 10.0},
    },
    # Soon after midnight, unless a player has come before.
    "draw-daily-challenge": {
        "task": "quizarena.game.tasks.draw_daily_challenge",
        "schedule": 300.0,
        "options": {"expires": 300.0},
    },
    # A player who looks at the league does it, too, for what concerns the player.
    "update-leagues": {
        "task": "quizarena.game.tasks.update_leagues",
        "schedule": 10.0,
        "options": {"expires": 10.0, "queue": "bulk"},
    },
    "count-leaderboards": {
        "task": "quizarena.game.tasks.count_boards",
        "schedule": 60.0,
        "options": {"expires": 60.0, "queue": "bulk"},
    },
    # Until then a player's own look ends a duel whose time has passed, with the same result.
    "finish-duels": {
        "task": "quizarena.game.tasks.finish_duels",
        "schedule": 60.0,
        "options": {"expires": 60.0},
    },
    # Of players who have put the phone away; all others finish theirs with a tap.
    "finish-sprints": {
        "task": "quizarena.game.tasks.finish_sprints",
        "schedule": 60.0,
        "options": {"expires": 60.0},
    },
    # For today; and for the days before it until nothing can be added to them.
    "count-play": {
        "task": "quizarena.game.tasks.count_play",
        "schedule": 3_600.0,
        "options": {"expires": 3_600.0, "queue": "bulk"},
    },
    # Each day once, when it is over; what misleads its players is withdrawn then.
    "count-questions": {
        "task": "quizarena.game.tasks.count_questions",
        "schedule": 3_600.0,
        "options": {"expires": 3_600.0, "queue": "bulk"},
    },
    # What has come to purchases and promo codes since the last run, for /metrics.
    "record-metric-totals": {
        "task": "quizarena.ops.tasks.record_metric_totals",
        "schedule": 15.0,
        "options": {"expires": 15.0},
    },
    # Today so far; the days before it once they are over, and their new players' later days.
    "record-product-days": {
        "task": "quizarena.ops.tasks.record_product_days",
        "schedule": 3_600.0,
        "options": {"expires": 3_600.0, "queue": "bulk"},
    },
    "count-home-figures": {
        "task": "quizarena.ops.tasks.count_home_figures",
        "schedule": 600.0,
        "options": {"expires": 600.0, "queue": "bulk"},
    },
    "watch-inbox": {
        "task": "quizarena.staff.tasks.watch_inbox",
        "schedule": 300.0,
        "options": {"expires": 300.0, "queue": "bulk"},
    },
    # When nothing can be added to yesterday any more; a missed night is counted by the next one.
    "count-review-accuracy": {
        "task": "quizarena.game.tasks.count_review_accuracy",
        "schedule": crontab(hour="4", minute="30"),
        "options": {"expires": 3_600.0, "queue": "bulk"},
    },
    "find-fair-play-cases": {
        "task": "quizarena.game.tasks.find_fair_play",
        "schedule": crontab(hour="4", minute="0"),
        "options": {"expires": 3_600.0, "queue": "bulk"},
    },
    # Opens cups at 16:00, begins and ends rounds. A player's look does what concerns the player's
    # tournament, with the same result.
    "run-tournaments": {
        "task": "quizarena.game.tasks.run_tournaments",
        "schedule": 5.0,
        "options": {"expires": 5.0},
    },
    # Two runs are as far apart as two edits of one message.
    "update-tournament-boards": {
        "task": "bot.tasks.update_boards",
        "schedule": 5.0,
        "options": {"expires": 5.0, "queue": "bulk"},
    },
    "import-questions": {
        "task": "quizarena.game.tasks.work_on_imports",
        "schedule": 2.0,
        "options": {"expires": 2.0, "queue": "bulk"},
    },
    "record-premium-ends": {
        "task": "economy.tasks.premium_notices",
        "schedule": 300.0,
        "options": {"expires": 300.0, "queue": "bulk"},
    },
    "revoke-refunded-redemptions": {
        "task": "payments.tasks.revoke_refunded_redemptions",
        "schedule": 300.0,
        "options": {"expires": 300.0, "queue": "critical"},
    },
    "expire-reservations": {
        "task": "promos.tasks.expire_reservations",
        "schedule": 60.0,
        "options": {"expires": 60.0},
    },
    "pause-abused-campaigns": {
        "task": "promos.tasks.guard_codes",
        "schedule": 60.0,
        "options": {"expires": 60.0},
    },
    "update-campaign-statuses": {
        "task": "promos.tasks.roll_over_campaigns",
        "schedule": 600.0,
        "options": {"expires": 600.0},
    },
    "generate-promo-codes": {
        "task": "promos.tasks.make_codes",
        "schedule": 5.0,
        "options": {"expires": 5.0, "queue": "bulk"},
    },
    "pack-promo-codes": {
        "task": "promos.tasks.make_archives",
        "schedule": 5.0,
        "options": {"expires": 5.0, "queue": "bulk"},
    },
    "complete-kill-switches": {
        "task": "promos.tasks.finish_kill_switches",
        "schedule": 5.0,
        "options": {"expires": 5.0},
    },
    "measure-campaign-uplift": {
        "task": "promos.tasks.measure_uplift",
        "schedule": 60.0,
        "options": {"expires": 60.0, "queue": "bulk"},
    },
    "verify-campaign-counters": {
        "task": "promos.tasks.verify_campaign_counters",
        "schedule": crontab(hour="3", minute="15"),
        "options": {"expires": 3_600.0, "queue": "bulk"},
    },
    "review-referrals": {
        "task": "promos.tasks.check_referrals",
        "schedule": 300.0,
        "options": {"expires": 300.0, "queue": "bulk"},
    },
    # One of these is soon after midnight of the first of a month, when what was deferred is due.
    "offer-referral-rewards": {
        "task": "promos.tasks.offer_referral_rewards",
        "schedule": 300.0,
        "options": {"expires": 300.0},
    },
    # Soon after midnight; until then a player's own touch rolls over what has ended.
    "roll-over-streaks": {
        "task": "economy.tasks.roll_over_streaks",
        "schedule": crontab(hour="0", minute="10"),
        "options": {"expires": 3_600.0, "queue": "bulk"},
    },
    # Whoever plays right after an outage finds the streak again within a minute.
    "shield-streaks": {
        "task": "quizarena.ops.tasks.shield_outages",
        "schedule": 60.0,
        "options": {"expires": 60.0},
    },
    "verify-ledger": {
        "task": "economy.tasks.verify_ledger",
        "schedule": crontab(hour="3", minute="0"),
        "options": {"expires": 3_600.0, "queue": "bulk"},
    },
    "watch-offer-funnel": {
        "task": "payments.tasks.guard_offers",
        "schedule": 3_600.0,
        "options": {"expires": 3_600.0, "queue": "bulk"},
    },
    "erase-accounts": {
        "task": "quizarena.ops.tasks.erase_accounts",
        "schedule": 600.0,
        "options": {"expires": 600.0, "queue": "bulk"},
    },
    "purge-promo-attempts": {
        "task": "promos.tasks.purge_attempts",
        "schedule": crontab(hour="4", minute="35"),
        "options": {"expires": 3_600.0, "queue": "bulk"},
    },
    "purge-uplift-participants": {
        "task": "promos.tasks.purge_participants",
        "schedule": crontab(hour="4", minute="37"),
        "options": {"expires": 3_600.0, "queue": "bulk"},
    },
    "purge-round-questions": {
        "task": "quizarena.game.tasks.purge_round_questions",
        "schedule": crontab(hour="4", minute="40"),
        "options": {"expires": 3_600.0, "queue": "bulk"},
    },
    "purge-impressions": {
        "task": "payments.tasks.purge_impressions",
        "schedule": crontab(hour="4", minute="30"),
        "options": {"expires": 3_600.0, "queue": "bulk"},
    },
    "purge-idempotency-records": {
        "task": "quizarena.api.tasks.purge_idempotency_records",
        "schedule": crontab(hour="4", minute="45"),
        "options": {"expires": 3_600.0, "queue": "bulk"},
    },
    "purge-staff-failures": {
        "task": "quizarena.staff.tasks.purge_failures",
        "schedule": crontab(hour="4", minute="50"),
        "options": {"expires": 3_600.0, "queue": "bulk"},
    },
    "purge-updates-and-calls": {
        "task": "bot.tasks.purge_expired",
        "schedule": crontab(hour="4", minute="15"),
        "options": {"expires": 3_600.0, "queue": "bulk"},
    },
}
