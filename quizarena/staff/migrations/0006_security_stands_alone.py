from django.db import migrations

# The account is locked first, so that of two roles given at the same moment one sees the other.
GUARD = """
CREATE FUNCTION public.staff_security_stands_alone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM public.auth_user WHERE id = NEW.user_id FOR NO KEY UPDATE;
  IF (
    SELECT count(*) > 1 AND bool_or(role.name = 'Security')
    FROM public.auth_user_groups AS held
    JOIN public.auth_group AS role ON role.id = held.group_id
    WHERE held.user_id = NEW.user_id
  ) THEN
    RAISE EXCEPTION 'Cannot hold Security and another role.' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER security_stands_alone AFTER INSERT OR UPDATE ON public.auth_user_groups
  FOR EACH ROW EXECUTE FUNCTION public.staff_security_stands_alone();
"""
UNGUARD = """
DROP TRIGGER security_stands_alone ON public.auth_user_groups;
DROP FUNCTION public.staff_security_stands_alone();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("staff", "0005_approved_by_a_second_person"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.RunSQL(GUARD, UNGUARD),
    ]
