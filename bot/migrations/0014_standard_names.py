from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("bot", "0013_player_rate_limits"),
        ("game", "0004_standard_names"),
    ]

    operations = [
        migrations.RenameModel(
            old_name="Pace",
            new_name="RateLimit",
        ),
        migrations.AlterModelOptions(
            name="ratelimit",
            options={},
        ),
        migrations.RemoveConstraint(
            model_name="broadcastrecipient",
            name="recipient_settled_has_settled_at",
        ),
        migrations.RemoveConstraint(
            model_name="ratelimit",
            name="pace_limit_has_both_times",
        ),
        migrations.RemoveIndex(
            model_name="outgoingcall",
            name="outbox_useless",
        ),
        migrations.RemoveIndex(
            model_name="outgoingcall",
            name="outbox_unshown",
        ),
        migrations.RenameField(
            model_name="broadcastrecipient",
            old_name="settled_at",
            new_name="finished_at",
        ),
        migrations.RenameField(
            model_name="outgoingcall",
            old_name="doubtful",
            new_name="delivery_uncertain",
        ),
        migrations.RenameField(
            model_name="outgoingcall",
            old_name="useless_at",
            new_name="expires_at",
        ),
        migrations.RenameIndex(
            model_name="ratelimit",
            new_name="ratelimit_recently_limited",
            old_name="pace_recently_limited",
        ),
        migrations.RenameField(
            model_name="outgoingcall", old_name="showing", new_name="round_question"
        ),
        migrations.AddIndex(
            model_name="outgoingcall",
            index=models.Index(
                condition=models.Q(("expires_at__isnull", False), ("state", "PENDING")),
                fields=["expires_at"],
                name="outbox_expires",
            ),
        ),
        migrations.AddIndex(
            model_name="outgoingcall",
            index=models.Index(
                condition=models.Q(
                    ("round_question__isnull", False),
                    ("state__in", ["REFUSED", "GIVEN_UP", "MAYBE_SENT", "SUPERSEDED"]),
                ),
                fields=["id"],
                name="outbox_unshown",
            ),
        ),
        migrations.AddConstraint(
            model_name="broadcastrecipient",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("finished_at", None), ("outcome__in", ["PENDING", "QUEUED"])),
                    models.Q(
                        models.Q(("outcome__in", ["PENDING", "QUEUED"]), _negated=True),
                        ("finished_at__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="recipient_finished_has_finished_at",
            ),
        ),
        migrations.AddConstraint(
            model_name="ratelimit",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("limited_at", None), ("limited_until", None)),
                    models.Q(("limited_at__isnull", False), ("limited_until__isnull", False)),
                    _connector="OR",
                ),
                name="ratelimit_has_both_times",
            ),
        ),
    ]
