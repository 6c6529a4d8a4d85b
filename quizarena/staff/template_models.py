"""Templates of what staff prepare again and again: campaigns, broadcasts."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower


class DraftTemplate(models.Model):
    """Terms under a name, with which the form of something new is filled in."""

    # Of what: a name that its app has registered (quizarena/staff/draft_templates.py).
    kind = models.CharField(max_length=16)
    name = models.CharField(max_length=80)
    # As the form of the kind takes them.
    terms = models.JSONField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint("kind", Lower("name"), name="drafttemplate_name_is_unique"),
            models.CheckConstraint(condition=~Q(name=""), name="drafttemplate_has_a_name"),
        ]

    def __str__(self) -> str:
        return self.name
