from django.db import migrations


class Migration(migrations.Migration):
    """Let what was seen of "worker" count for each queue's worker, so that no downtime is missed."""

    dependencies = [
        ("ops", "0003_process_runs"),
    ]

    operations = [
        migrations.RunSQL(
            sql="""
                INSERT INTO ops_heartbeat (name, seen_at)
                SELECT 'worker-' || queue, seen_at
                FROM ops_heartbeat, unnest(ARRAY['critical', 'default', 'bulk']) AS queue
                WHERE name = 'worker'
                ON CONFLICT (name) DO NOTHING;
            """,
            reverse_sql="""
                INSERT INTO ops_heartbeat (name, seen_at)
                SELECT 'worker', seen_at FROM ops_heartbeat WHERE name = 'worker-default'
                ON CONFLICT (name) DO UPDATE SET seen_at = EXCLUDED.seen_at;
                DELETE FROM ops_heartbeat WHERE name LIKE 'worker-%';
            """,
        ),
    ]
