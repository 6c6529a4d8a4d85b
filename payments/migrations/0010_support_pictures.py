import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0009_subscription_cancellation"),
        ("players", "0004_started_at"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="SupportFile",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveSmallIntegerField()),
                ("wanted_at", models.DateTimeField()),
                ("due_at", models.DateTimeField(null=True)),
                ("tries", models.PositiveSmallIntegerField(default=0)),
                ("content", models.BinaryField(null=True)),
                ("error", models.TextField(blank=True, default="")),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("due_at__isnull", False)),
                        fields=["due_at"],
                        name="supportfile_due",
                    ),
                    models.Index(fields=["wanted_at"], name="supportfile_wanted"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("content", None), ("due_at__isnull", False)),
                            models.Q(
                                ("due_at", None),
                                models.Q(
                                    ("content__isnull", False),
                                    models.Q(("error", ""), _negated=True),
                                    _connector="XOR",
                                ),
                            ),
                            _connector="OR",
                        ),
                        name="supportfile_waits_or_is_there_or_failed",
                    )
                ],
            },
        ),
        migrations.RemoveConstraint(
            model_name="supportrequest",
            name="supportrequest_says_something",
        ),
        migrations.AddField(
            model_name="supportrequest",
            name="album",
            field=models.CharField(blank=True, default="", max_length=64),
        ),
        migrations.AddField(
            model_name="supportrequest",
            name="attachments",
            field=models.JSONField(default=list),
        ),
        migrations.AlterField(
            model_name="supportrequest",
            name="text",
            field=models.TextField(blank=True, max_length=4096),
        ),
        migrations.AddIndex(
            model_name="supportrequest",
            index=models.Index(
                condition=models.Q(("album", ""), _negated=True),
                fields=["player", "album"],
                name="supportrequest_album",
            ),
        ),
        migrations.AddConstraint(
            model_name="supportrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("text", ""), _negated=True),
                    models.Q(("attachments", []), _negated=True),
                    _connector="OR",
                ),
                name="supportrequest_says_something",
            ),
        ),
        migrations.AddField(
            model_name="supportfile",
            name="request",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="files",
                to="payments.supportrequest",
            ),
        ),
        migrations.AddConstraint(
            model_name="supportfile",
            constraint=models.UniqueConstraint(
                fields=("request", "number"), name="supportfile_one_each"
            ),
        ),
        # Before, every request had words.
        migrations.RunSQL(
            sql=migrations.RunSQL.noop,
            reverse_sql="UPDATE payments_supportrequest SET text = '(pictures)' WHERE text = ''",
        ),
    ]
