from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("economy", "0009_standard_names"),
        ("payments", "0011_link_tries"),
        ("players", "0006_standard_names"),
        ("promos", "0008_batch_derivation"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="purchase",
            name="purchase_one_open_per_hold",
        ),
        migrations.RemoveConstraint(
            model_name="subscription",
            name="subscription_canceled_before_telegram_is_told",
        ),
        migrations.RemoveConstraint(
            model_name="supportrequest",
            name="supportrequest_is_told_when_answered",
        ),
        migrations.RemoveIndex(
            model_name="purchase",
            name="purchase_refund_notice_due",
        ),
        migrations.RemoveIndex(
            model_name="subscription",
            name="subscription_grace_notice_due",
        ),
        migrations.RemoveIndex(
            model_name="supportrequest",
            name="supportrequest_answer_due",
        ),
        migrations.RenameField(
            model_name="purchase",
            old_name="delay_told_at",
            new_name="delay_notified_at",
        ),
        migrations.RenameField(
            model_name="purchase",
            old_name="refund_told_at",
            new_name="refund_notified_at",
        ),
        migrations.RenameField(
            model_name="subscription",
            old_name="grace_told_at",
            new_name="grace_notified_at",
        ),
        migrations.RenameField(
            model_name="supportrequest",
            old_name="told_at",
            new_name="notified_at",
        ),
        migrations.AddIndex(
            model_name="purchase",
            index=models.Index(
                condition=models.Q(("refund_notified_at", None), ("status", "REFUNDED")),
                fields=["paid_at"],
                name="purchase_refund_notice_due",
            ),
        ),
        migrations.AddIndex(
            model_name="subscription",
            index=models.Index(
                condition=models.Q(
                    models.Q(
                        ("failed_at__isnull", False),
                        ("grace_entry__isnull", False),
                        _connector="OR",
                    ),
                    ("canceled_at", None),
                    ("grace_notified_at", None),
                ),
                fields=["player"],
                name="subscription_grace_notice_due",
            ),
        ),
        migrations.AddIndex(
            model_name="supportrequest",
            index=models.Index(
                condition=models.Q(("answered_at__isnull", False), ("notified_at", None)),
                fields=["answered_at"],
                name="supportrequest_answer_due",
            ),
        ),
        migrations.AddConstraint(
            model_name="purchase",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status__in", ("CREATED", "INVOICE_SENT", "PRECHECKOUT_OK"))),
                fields=("redemption",),
                name="purchase_one_open_per_reservation",
            ),
        ),
        migrations.AddConstraint(
            model_name="subscription",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("cancel_due_at", None), ("canceled_at__isnull", False), _connector="OR"
                ),
                name="subscription_canceled_here_before_at_telegram",
            ),
        ),
        migrations.AddConstraint(
            model_name="supportrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("notified_at", None), ("answered_at__isnull", False), _connector="OR"
                ),
                name="supportrequest_notified_when_answered",
            ),
        ),
    ]
