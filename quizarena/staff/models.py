"""What staff have done."""

import pgtrigger
from django.conf import settings
from django.db import models


class AuditEntry(models.Model):
    """One action of one member of staff, written once and never changed."""

    at = models.DateTimeField(auto_now_add=True)
    # Empty for what was done from the command line.
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT)
    # A verb with its noun: "question.changed", "inbox.try_again", "login".
    action = models.CharField(max_length=64)
    object_type = models.CharField(max_length=64, blank=True, default="")
    object_id = models.CharField(max_length=64, blank=True, default="")
    summary = models.CharField(max_length=500)
    details = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name_plural = "audit log"
        indexes = [
            # Everything that was done to one object.
            models.Index(fields=["object_type", "object_id", "-id"], name="audit_of_object"),
            # Everything that one person did.
            models.Index(fields=["actor", "-id"], name="audit_of_actor"),
            # Everything of one kind, and which kinds there are.
            models.Index(fields=["action", "-id"], name="audit_of_action"),
        ]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
            pgtrigger.Trigger(
                name="no_truncate",
                level=pgtrigger.Statement,
                when=pgtrigger.Before,
                operation=pgtrigger.Truncate,
                func="RAISE EXCEPTION 'Cannot truncate the audit log.';",
            ),
        ]

    def __str__(self) -> str:
        return self.summary
