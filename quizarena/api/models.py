"""Who may use the API and for what, and the answers that they were given."""

from datetime import datetime, timedelta
from typing import Self

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

# How long an answer is kept for a client that asks again.
KEPT_FOR = timedelta(days=7)
# The longest Idempotency-Key.
KEY_MAX_LENGTH = 255


class Scope(models.TextChoices):
    """What a client may do; every method of every view names one."""

    PRODUCTS_READ = "products:read", "See what is for sale"
    PURCHASES_READ = "purchases:read", "See purchases"
    PURCHASES_WRITE = "purchases:write", "Open purchases"
    REFUNDS_WRITE = "refunds:write", "Refund purchases"
    PROMOS_REDEEM = "promos:redeem", "Redeem promo codes for players"
    PROMOS_TEST = "promos:test", "Test promo codes, and see every reason against one"
    PROMOS_READ = "promos:read", "See campaigns and their statistics"
    PROMOS_WRITE = "promos:write", "Start, pause and end campaigns, take back grants"


# What gives away money or what is worth money: no one person opens it to a program.
MONEY_SCOPES = frozenset({Scope.REFUNDS_WRITE, Scope.PROMOS_WRITE})
# The kind of approval that opens them (quizarena.api.clients).
APPROVAL = "api.money_scopes"
ONLY_APPROVED = """
IF TG_OP = 'INSERT' AND NEW.approved_scopes <> '{}' THEN
  RAISE EXCEPTION 'Cannot approve the scopes of a new client.';
END IF;
IF TG_OP = 'UPDATE' AND EXISTS (
  SELECT FROM unnest(NEW.approved_scopes) AS scope
  WHERE scope <> ALL (OLD.approved_scopes) AND NOT EXISTS (
    SELECT FROM public.staff_approvalrequest AS request
    WHERE request.kind = 'api.money_scopes'
      AND request.subject_type = 'api.apiclient'
      AND request.subject_id = NEW.id::text
      AND request.status = 'APPROVED'
      AND request.parameters -> 'scopes' ? scope
  )
) THEN
  RAISE EXCEPTION 'Cannot approve scopes without a second person.';
END IF;
RETURN NEW;
"""


class ApiClient(models.Model):
    """Another system that uses the API with a token of its own."""

    name = models.CharField(max_length=100, unique=True)
    # The token itself is shown once and kept nowhere. It has 256 bits, so a plain hash hides it.
    token_sha256 = models.CharField(max_length=64, unique=True, editable=False)
    scopes = ArrayField(models.CharField(max_length=32))
    # Those of MONEY_SCOPES to which a second person has agreed.
    approved_scopes = ArrayField(models.CharField(max_length=32), default=list, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        editable=False,
    )
    created_at = models.DateTimeField(editable=False)
    # To the hour: not every request writes.
    last_used_at = models.DateTimeField(null=True, editable=False)
    revoked_at = models.DateTimeField(null=True, editable=False)

    # The token itself, only on the instance that quizarena.api.clients has just stored.
    token = ""

    class Meta:
        verbose_name = "API client"
        permissions = [("approve_apiclient", "Can approve money scopes of API clients")]
        constraints = [
            models.CheckConstraint(
                condition=Q(scopes__len__gt=0), name="apiclient_may_do_something"
            ),
        ]
        triggers = [
            pgtrigger.ReadOnly(
                name="token_stays", fields=["token_sha256", "created_by", "created_at"]
            ),
            pgtrigger.Protect(
                name="revoked_stays",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__revoked_at__isnull=False),
            ),
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
            pgtrigger.Trigger(
                name="scopes_approved_by_a_second_person",
                operation=pgtrigger.Insert | pgtrigger.Update,
                when=pgtrigger.Before,
                func=ONLY_APPROVED,
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def may(self, scope: Scope) -> bool:
        """Return whether the client has the scope."""
        return scope in self.scopes

    @property
    def scopes_to_approve(self) -> list[str]:
        """Return the scopes for which a second person is missing; until then it may do nothing."""
        return sorted(MONEY_SCOPES.intersection(self.scopes).difference(self.approved_scopes))


class IdempotencyRecordQuerySet(models.QuerySet["IdempotencyRecord"]):
    """Questions about stored answers."""

    def outdated(self, now: datetime) -> Self:
        """Return those that nobody can ask for any more."""
        return self.filter(answered_at__lte=now - KEPT_FOR)


class IdempotencyRecord(models.Model):
    """The answer to a request that has had its effect, for the client that asks again.

    Written in the transaction of the effect: there is the one exactly when there is the other.
    """

    client = models.ForeignKey(
        ApiClient, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    # The client's Idempotency-Key.
    key = models.CharField(max_length=KEY_MAX_LENGTH)
    # SHA-256 of method, address and body: the same key belongs to the same request.
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    # JSON as it was sent, so that it is sent again to the letter.
    body = models.TextField()
    answered_at = models.DateTimeField()

    objects = IdempotencyRecordQuerySet.as_manager()

    class Meta:
        indexes = [
            # What the purge deletes.
            models.Index(fields=["answered_at"], name="idempotencyrecord_answered"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["client", "key"], name="idempotencyrecord_one_per_key"),
            models.CheckConstraint(
                condition=Q(status__gte=200, status__lt=500), name="idempotencyrecord_is_an_answer"
            ),
        ]
        triggers = [
            # The body may get what only an outside call returns (quizarena.api.idempotency).
            pgtrigger.ReadOnly(name="answer_stays", exclude=["body"]),
        ]

    def __str__(self) -> str:
        return f"{self.status} {self.key}"
