"""Until now a request had one answer, and was done with it."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("payments", "0018_support_threads")]

    operations = [
        migrations.RunSQL(
            sql="""
            UPDATE payments_supportrequest
            SET solved_at = answered_at, solved_by_id = answered_by_id
            WHERE answered_at IS NOT NULL
            """,
            reverse_sql="UPDATE payments_supportrequest SET solved_at = NULL, solved_by_id = NULL",
        ),
    ]
