import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models

NOTE = """
CREATE FUNCTION public.staff_note_account_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  changed_row record := CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
BEGIN
  INSERT INTO public.staff_accountchange (user_id, change, actor_id, at) VALUES (
    CASE TG_TABLE_NAME
      WHEN 'auth_user' THEN (to_jsonb(changed_row) ->> 'id')::integer
      ELSE (to_jsonb(changed_row) ->> 'user_id')::integer
    END,
    TG_ARGV[0],
    NULLIF(current_setting('quizarena.changer', true), '')::integer,
    COALESCE(NULLIF(current_setting('quizarena.changed_at', true), '')::timestamptz, now())
  );
  RETURN NULL;
END
$$;
CREATE TRIGGER account_made AFTER INSERT ON public.auth_user
  FOR EACH ROW EXECUTE FUNCTION public.staff_note_account_change('MADE');
CREATE TRIGGER account_password AFTER UPDATE ON public.auth_user
  FOR EACH ROW WHEN (OLD.password IS DISTINCT FROM NEW.password)
  EXECUTE FUNCTION public.staff_note_account_change('PASSWORD');
CREATE TRIGGER account_access AFTER UPDATE ON public.auth_user
  FOR EACH ROW WHEN (
    (OLD.is_active, OLD.is_staff, OLD.is_superuser)
    IS DISTINCT FROM (NEW.is_active, NEW.is_staff, NEW.is_superuser)
  )
  EXECUTE FUNCTION public.staff_note_account_change('ACCESS');
CREATE TRIGGER account_roles AFTER INSERT OR UPDATE OR DELETE ON public.auth_user_groups
  FOR EACH ROW EXECUTE FUNCTION public.staff_note_account_change('ROLES');
CREATE TRIGGER account_roles AFTER INSERT OR UPDATE OR DELETE ON public.auth_user_user_permissions
  FOR EACH ROW EXECUTE FUNCTION public.staff_note_account_change('ROLES');
"""
FORGET = """
DROP TRIGGER account_roles ON public.auth_user_user_permissions;
DROP TRIGGER account_roles ON public.auth_user_groups;
DROP TRIGGER account_access ON public.auth_user;
DROP TRIGGER account_password ON public.auth_user;
DROP TRIGGER account_made ON public.auth_user;
DROP FUNCTION public.staff_note_account_change();
"""
# What the audit log knows of accounts that are there: who made, re-roled or gave a password.
REMEMBER = """
INSERT INTO public.staff_accountchange (user_id, change, actor_id, at)
SELECT account.id,
       CASE
         WHEN entry.action = 'user.added' THEN 'MADE'
         WHEN entry.details -> 'changed' ? 'groups' THEN 'ROLES'
         WHEN entry.details -> 'changed' ? 'is_active' THEN 'ACCESS'
         ELSE 'PASSWORD'
       END,
       entry.actor_id,
       entry.at
FROM public.staff_auditentry AS entry
JOIN public.auth_user AS account ON account.id::text = entry.object_id
WHERE entry.object_type = 'auth.user'
  AND entry.actor_id IS DISTINCT FROM account.id
  AND (
    entry.action = 'user.added'
    OR (
      entry.action = 'user.changed'
      AND (
        entry.details -> 'changed' ?| ARRAY['groups', 'is_active']
        OR entry.summary LIKE '%Changed password.'
      )
    )
  )
ORDER BY entry.id
"""


class Migration(migrations.Migration):
    dependencies = [
        ("staff", "0003_alerts"),
        ("auth", "0012_alter_user_first_name_max_length"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="AccountChange",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "change",
                    models.CharField(
                        choices=[
                            ("MADE", "made"),
                            ("ROLES", "other roles"),
                            ("ACCESS", "let in, kept out, or made a superuser"),
                            ("PASSWORD", "another password"),
                        ],
                        max_length=8,
                    ),
                ),
                (
                    "actor",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("at", models.DateTimeField()),
            ],
            options={
                "indexes": [
                    models.Index(fields=["user", "actor", "at"], name="accountchange_of_user")
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("change__in", ["MADE", "ROLES", "ACCESS", "PASSWORD"])),
                        name="accountchange_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("change", "PASSWORD"),
                            ("actor", None),
                            models.Q(("actor", models.F("user")), _negated=True),
                            _connector="OR",
                        ),
                        name="accountchange_nobody_changes_their_own_access",
                    ),
                ],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="accountchange",
            trigger=pgtrigger.compiler.Trigger(
                name="accountchange_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                    hash="14c74e8deeb55845f9a1c4421c4ec2bc9727451f",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_accountchange_append_only_11870",
                    table="staff_accountchange",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="accountchange",
            trigger=pgtrigger.compiler.Trigger(
                name="accountchange_never_truncated",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'Cannot truncate the changes of accounts.';",
                    hash="0500c3d7d5e13d36976a2f65f788c08c393f42ae",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_accountchange_never_truncated_839bc",
                    table="staff_accountchange",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.RunSQL(NOTE, FORGET),
        migrations.RunSQL(REMEMBER, migrations.RunSQL.noop),
    ]
