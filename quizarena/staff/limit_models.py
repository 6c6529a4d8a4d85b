"""How much a role may do without a second person, and every change of that."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q

# The most that a limit can be raised to, whoever agrees; the database holds it, too.
MOST = {
    # Stars of one refund, and of a day.
    "refund-alone": 10_000,
    "refund-day": 100_000,
    # Units and days of Premium that one person moves and grants on a day.
    "adjust-units": 50_000,
    "grant-premium-days": 36_600,
    # Stars that the campaigns which one person starts on a day can cost.
    "campaign-day": 1_000_000,
    # Players whom the broadcasts of one person reach on a day.
    "broadcast-day": 1_000_000,
    # Per cent under the reference price.
    "price-cut": 90,
}

# A raise names the request that a second member of Security has approved, and is what it asked for.
CHANGE_IS_ALLOWED = """
SELECT * INTO STRICT changed FROM public.staff_limit WHERE id = NEW.limit_id FOR NO KEY UPDATE;
IF changed.value IS DISTINCT FROM NEW.before AND changed.value IS NOT NULL THEN
  RAISE EXCEPTION 'Cannot change a limit from a value that it does not have.';
END IF;
IF NEW.after > NEW.before AND NOT EXISTS (
  SELECT FROM public.staff_approvalrequest AS request
  WHERE request.id = NEW.request_id
    AND request.kind = 'limit_raise'
    AND request.status = 'APPROVED'
    AND request.subject_type = 'staff.limit'
    AND request.subject_id = NEW.limit_id::text
    AND (request.parameters ->> 'value')::bigint = NEW.after
    AND request.maker_id = NEW.changed_by_id
) THEN
  RAISE EXCEPTION 'Cannot raise a limit without the approval of a second person.';
END IF;
RETURN NEW;
"""
APPLY_CHANGE = """
UPDATE public.staff_limit SET value = NEW.after WHERE id = NEW.limit_id;
RETURN NULL;
"""
MOVED_BY_CHANGES = """
IF NEW.name <> OLD.name OR NEW.role <> OLD.role THEN
  RAISE EXCEPTION 'Cannot change whose a limit is.';
END IF;
IF NEW.value IS DISTINCT FROM OLD.value AND NEW.value IS DISTINCT FROM (
  SELECT change.after FROM public.staff_limitchange AS change
  WHERE change.limit_id = NEW.id ORDER BY change.id DESC LIMIT 1
) THEN
  RAISE EXCEPTION 'Cannot change a limit without a record of the change.';
END IF;
RETURN NEW;
"""


def _within_bounds(column: str, name: str) -> Q:
    """Return that what `column` holds is between 0 and the bound of the limit called `name`."""
    bounds = Q()
    for limit, most in MOST.items():
        bounds |= Q(**{name: limit, f"{column}__lte": most})
    return Q(**{f"{column}__gte": 0}) & bounds


class Limit(models.Model):
    """One limit of one role, once Security has something to do with it."""

    # Which limit: a name that its app has declared (quizarena.staff.limits).
    name = models.CharField(max_length=32)
    # A role, or API clients.
    role = models.CharField(max_length=32)
    # What was set last; empty as long as the default holds. Changes set it.
    value = models.PositiveIntegerField(null=True, editable=False)

    class Meta:
        permissions = [("set_limit", "Can set the limits of roles")]
        constraints = [
            models.UniqueConstraint(fields=["name", "role"], name="limit_one_per_role"),
            models.CheckConstraint(
                condition=Q(value=None) & Q(name__in=list(MOST)) | _within_bounds("value", "name"),
                name="limit_is_within_its_bounds",
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="limit_is_moved_by_changes",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                func=MOVED_BY_CHANGES,
            ),
            pgtrigger.Protect(
                name="limit_begins_with_the_default",
                operation=pgtrigger.Insert,
                condition=pgtrigger.Q(new__value__isnull=False),
            ),
            pgtrigger.Protect(name="limit_never_deleted", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.name.replace('-', ' ').capitalize()}, {self.role}"


class LimitChange(models.Model):
    """One change of a limit, for ever: who, when, from what, to what, and why."""

    limit = models.ForeignKey(Limit, on_delete=models.PROTECT, related_name="changes")
    before = models.PositiveIntegerField()
    after = models.PositiveIntegerField()
    reason = models.CharField(max_length=500)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    # Of a raise: the request that a second person has approved.
    request = models.OneToOneField(
        "staff.ApprovalRequest", null=True, on_delete=models.PROTECT, related_name="+"
    )
    at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                condition=~Q(before=F("after")), name="limitchange_changes_something"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="limitchange_has_reason"),
            models.CheckConstraint(
                condition=Q(after__lt=F("before")) | Q(request__isnull=False),
                name="limitchange_raise_was_approved",
            ),
        ]
        triggers = [
            pgtrigger.Protect(
                name="limitchange_append_only", operation=pgtrigger.Update | pgtrigger.Delete
            ),
            pgtrigger.Trigger(
                name="limitchange_never_truncated",
                level=pgtrigger.Statement,
                when=pgtrigger.Before,
                operation=pgtrigger.Truncate,
                func="RAISE EXCEPTION 'Cannot truncate the changes of limits.';",
            ),
            pgtrigger.Trigger(
                name="limitchange_allowed",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                declare=[("changed", "public.staff_limit")],
                func=CHANGE_IS_ALLOWED,
            ),
            pgtrigger.Trigger(
                name="limitchange_applies",
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                func=APPLY_CHANGE,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.limit}: {self.before:,} → {self.after:,}"
