"""What staff have done, what waits for a second person, and what they must look at."""

from datetime import datetime
from typing import Any, Self

import pgtrigger
from django.conf import settings
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce

# Django looks for models in this module alone.
from quizarena.staff.alert_models import AlertDelivery, AlertRoute
from quizarena.staff.limit_models import Limit, LimitChange
from quizarena.staff.sessions import SessionStore
from quizarena.staff.template_models import DraftTemplate


def _never_truncated(name: str, table: str) -> pgtrigger.Trigger:
    """Return a trigger that keeps all rows from going at once; `table` is its name for people."""
    return pgtrigger.Trigger(
        name=name,
        level=pgtrigger.Statement,
        when=pgtrigger.Before,
        operation=pgtrigger.Truncate,
        func=f"RAISE EXCEPTION 'Cannot truncate {table}.';",
    )


class AuditEntry(models.Model):
    """One action of one member of staff, written once and never changed."""

    at = models.DateTimeField(auto_now_add=True)
    # Empty for what no member of staff has done: the product itself, an API client, somebody on
    # the command line, or a stranger who has tried to log in.
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
            _never_truncated("no_truncate", "the audit log"),
        ]

    def __str__(self) -> str:
        return self.summary

    @property
    def page_name(self) -> str:
        """Return what the heading of its page calls it: the sentence as it is written."""
        return str(self)

    @property
    def by(self) -> str:
        """Return who has done it, as far as it was a member of staff."""
        return str(self.actor or "no member of staff")


class Change(models.TextChoices):
    """What was done to an account."""

    MADE = "MADE", "made"
    ROLES = "ROLES", "other roles"
    ACCESS = "ACCESS", "let in, kept out, or made a superuser"
    PASSWORD = "PASSWORD", "another password"


class AccountChange(models.Model):
    """One change of one account that decides who somebody is, written by the database itself.

    Triggers on Django's tables write it (migration 0005), so no road passes it by.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    change = models.CharField(max_length=8, choices=Change)
    # Empty for the command line.
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
    )
    at = models.DateTimeField()

    class Meta:
        indexes = [
            # Whether one person had power over another, and since when somebody is who they are.
            models.Index(fields=["user", "actor", "at"], name="accountchange_of_user"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(change__in=Change.values), name="accountchange_is_known"
            ),
            models.CheckConstraint(
                condition=Q(change="PASSWORD") | Q(actor=None) | ~Q(actor=F("user")),
                name="accountchange_nobody_changes_their_own_access",
            ),
        ]
        triggers = [
            pgtrigger.Protect(
                name="accountchange_append_only", operation=pgtrigger.Update | pgtrigger.Delete
            ),
            _never_truncated("accountchange_never_truncated", "the changes of accounts"),
            # Another password, other roles, kept out: what has signed in before is over. Who sets
            # their own password is given a new session by Django right after.
            pgtrigger.Trigger(
                name="accountchange_ends_sessions",
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                func="DELETE FROM public.staff_staffsession WHERE user_id = NEW.user_id;"
                " RETURN NULL;",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.get_change_display()}"


class SignInFailure(models.Model):
    """Failed sign-ins of one hour with one name from one address; kept for 30 days.

    Strangers cause them, so they stand apart from the audit log, and their number is bounded
    (quizarena.staff.sign_ins).
    """

    hour = models.DateTimeField()
    # Empty is the rest: everything beyond the bounds.
    username = models.CharField("name", max_length=150, blank=True)
    # Of IPv6 the network, which is what one customer of a provider has.
    address = models.CharField(max_length=64, blank=True)
    times = models.PositiveIntegerField()
    last_at = models.DateTimeField()
    # So many of them no longer count, because Security has ended the lock-out.
    lifted_times = models.PositiveIntegerField(default=0, db_default=0)

    class Meta:
        verbose_name = "failed sign-in"
        permissions = [("lift_signinfailure", "Can end lock-outs")]
        indexes = [
            # The list.
            models.Index(fields=["-last_at", "-id"], name="signinfailure_latest"),
            # How many addresses have tried one name.
            models.Index(fields=["hour", "username"], name="signinfailure_of_name"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["hour", "address", "username"], name="signinfailure_one_per_hour"
            ),
            models.CheckConstraint(
                condition=Q(lifted_times__lte=F("times")),
                name="signinfailure_lifts_what_has_happened",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.username or 'other names'} from {self.address or 'other addresses'}"

    @property
    def page_name(self) -> str:
        """Return what the heading of its page calls it: the user name as it is written."""
        return str(self)


class StaffSession(AbstractBaseSession):
    """A session of the admin, with the account it is of (quizarena.staff.sessions)."""

    # Empty before somebody has signed in.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="+"
    )

    class Meta:
        verbose_name = "session"

    def __str__(self) -> str:
        return f"session of {self.user}"

    @classmethod
    def get_session_store_class(cls) -> type[Any]:
        """Return the engine that reads and writes it."""
        return SessionStore


class ChatLinkCode(models.Model):
    """A code that links the chat from which it is sent to a member of staff, once."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.CASCADE, related_name="+"
    )
    code_hmac = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"code of {self.user}"


class ChatLinkFailures(models.Model):
    """How often one chat has sent a wrong code recently."""

    telegram_id = models.BigIntegerField(primary_key=True)
    since = models.DateTimeField()
    times = models.PositiveSmallIntegerField()

    class Meta:
        indexes = [
            # What the purge deletes.
            models.Index(fields=["since"], name="chatlinkfailures_since"),
        ]

    def __str__(self) -> str:
        return f"{self.times} of {self.telegram_id}"


class RequestStatus(models.TextChoices):
    """Where a request for approval stands."""

    OPEN = "OPEN", "open"
    APPROVED = "APPROVED", "approved"
    DECLINED = "DECLINED", "declined"
    WITHDRAWN = "WITHDRAWN", "withdrawn"
    EXPIRED = "EXPIRED", "expired"


# Every arrow of a request's life. Nothing has to run when its time is over: an open request is
# expired by the clock, and stored as expired once somebody asks again.
REQUEST_MOVES = (
    (RequestStatus.OPEN, RequestStatus.APPROVED),
    (RequestStatus.OPEN, RequestStatus.DECLINED),
    (RequestStatus.OPEN, RequestStatus.WITHDRAWN),
    (RequestStatus.OPEN, RequestStatus.EXPIRED),
)


# The rule of quizarena.staff.approvals once more.
APPROVED_BY_A_SECOND_PERSON = """
IF EXISTS (
  SELECT FROM public.staff_accountchange AS change
  WHERE (change.user_id = NEW.decided_by_id AND change.actor_id = NEW.maker_id)
     OR (change.user_id = NEW.maker_id AND change.actor_id = NEW.decided_by_id)
     OR (change.user_id = NEW.decided_by_id
         AND change.actor_id IS DISTINCT FROM change.user_id
         AND change.at > NEW.decided_at - interval '72 hours')
) THEN
  RAISE EXCEPTION 'Cannot approve: whoever approves has to be a second person.';
END IF;
RETURN NEW;
"""


class ApprovalRequestQuerySet(models.QuerySet["ApprovalRequest"]):
    """Questions about requests."""

    def waiting(self, now: datetime) -> Self:
        """Return what can still be decided."""
        return self.filter(status=RequestStatus.OPEN, expires_at__gt=now)

    def about(self, subject: models.Model) -> Self:
        """Return what was ever asked about `subject`, the latest first."""
        return self.filter(
            subject_type=subject._meta.label_lower, subject_id=str(subject.pk)
        ).order_by("-id")


class ApprovalRequest(models.Model):
    """An action that one member of staff wants and another one has to approve."""

    # Which action: a name that its app has registered (quizarena.staff.approvals).
    kind = models.CharField(max_length=64)
    subject_type = models.CharField(max_length=64)
    subject_id = models.CharField(max_length=64)
    # What the subject was called when it was asked.
    subject_name = models.CharField("about", max_length=200)
    parameters = models.JSONField(default=dict, blank=True)
    # What it would do, as the maker saw it: rows of text.
    preview = models.JSONField()
    reason = models.CharField(max_length=500)
    maker = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    asked_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    status = models.CharField(
        max_length=9, choices=RequestStatus.choices, default=RequestStatus.OPEN
    )
    # Nobody if it expired; the maker if it was withdrawn.
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
    )
    decided_at = models.DateTimeField(null=True)
    decision_reason = models.CharField("reason", max_length=500, blank=True, default="")

    objects = ApprovalRequestQuerySet.as_manager()

    class Meta:
        verbose_name = "approval"
        indexes = [
            # The list: what is open ends in the future and so comes first.
            models.Index(
                Coalesce("decided_at", "expires_at").desc(), F("id").desc(), name="approval_by_end"
            ),
            # How many are open, on every page of the desk.
            models.Index(
                fields=["expires_at"], condition=Q(status="OPEN"), name="approval_waiting"
            ),
            # Everything that was asked about one object.
            models.Index(fields=["subject_type", "subject_id", "-id"], name="approval_of_subject"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject_type", "subject_id"],
                condition=Q(status="OPEN"),
                name="approval_one_open_per_subject",
            ),
            models.CheckConstraint(
                condition=Q(status__in=RequestStatus.values), name="approval_status_is_known"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="approval_has_reason"),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("asked_at")), name="approval_expires_later"
            ),
            models.CheckConstraint(
                condition=(
                    Q(status="OPEN", decided_at=None, decided_by=None, decision_reason="")
                    | (Q(status="EXPIRED", decided_at__isnull=False) & Q(decided_by=None))
                    | (
                        Q(status__in=["APPROVED", "DECLINED", "WITHDRAWN"])
                        & Q(decided_at__isnull=False, decided_by__isnull=False)
                    )
                ),
                name="approval_decided_tells_when_and_who",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["APPROVED", "DECLINED"]) | ~Q(decided_by=F("maker")),
                name="approval_maker_is_never_checker",
            ),
            models.CheckConstraint(
                condition=~Q(status="WITHDRAWN") | Q(decided_by=F("maker")),
                name="approval_withdrawn_by_its_maker",
            ),
            models.CheckConstraint(
                condition=~Q(status="DECLINED") | ~Q(decision_reason=""),
                name="approval_declined_has_reason",
            ),
            models.CheckConstraint(
                condition=(
                    Q(decided_at=None)
                    | Q(status="EXPIRED", decided_at__gte=F("expires_at"))
                    | (~Q(status="EXPIRED") & Q(decided_at__lt=F("expires_at")))
                ),
                name="approval_decided_in_time",
            ),
        ]
        triggers = [
            pgtrigger.Protect(
                name="approval_begins_open",
                operation=pgtrigger.Insert,
                condition=~pgtrigger.Q(new__status="OPEN"),
            ),
            pgtrigger.FSM(
                name="approval_moves",
                field="status",
                transitions=[(old.value, new.value) for old, new in REQUEST_MOVES],
            ),
            pgtrigger.ReadOnly(
                name="approval_question_stays",
                exclude=["status", "decided_by", "decided_at", "decision_reason"],
            ),
            pgtrigger.Protect(
                name="approval_decision_stays",
                operation=pgtrigger.Update,
                condition=~pgtrigger.Q(old__status="OPEN"),
            ),
            pgtrigger.Protect(name="approval_never_deleted", operation=pgtrigger.Delete),
            pgtrigger.Trigger(
                name="approval_by_a_second_person",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.Q(new__status="APPROVED"),
                func=APPROVED_BY_A_SECOND_PERSON,
            ),
            _never_truncated("approval_never_truncated", "the approvals"),
        ]

    def __str__(self) -> str:
        return f"{self.kind.replace('_', ' ').capitalize()}: {self.subject_name}"

    def status_at(self, now: datetime) -> RequestStatus:
        """Return where the request stands by the clock."""
        if self.status == RequestStatus.OPEN and self.expires_at <= now:
            return RequestStatus.EXPIRED
        return RequestStatus(self.status)


class Outcome(models.TextChoices):
    """What has become of a request, as whoever asked is notified of it."""

    APPROVED = "APPROVED", "approved"
    DONE = "DONE", "done"
    FAILED = "FAILED", "failed"
    DECLINED = "DECLINED", "declined"
    EXPIRED = "EXPIRED", "expired"


class ApprovalOutcome(models.Model):
    """A notice to whoever asked for an approval: on their home page until they dismiss it.

    Also in their linked chat, if there is one (bot/messages/approval_outcomes.py).
    """

    request = models.ForeignKey(
        ApprovalRequest, on_delete=models.PROTECT, related_name="outcomes", db_index=False
    )
    # Who has asked; once more, for the index.
    maker = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    outcome = models.CharField(max_length=8, choices=Outcome)
    # What happened, in a sentence that names no player.
    text = models.CharField(max_length=500)
    at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    dismissed_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        indexes = [
            # The notices on somebody's home page.
            models.Index(
                fields=["maker", "-id"],
                condition=Q(dismissed_at=None),
                name="approvaloutcome_shown",
            ),
            # What the bot has to send.
            models.Index(fields=["at"], condition=Q(sent_at=None), name="approvaloutcome_unsent"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["request", "outcome"],
                # The same failure again says nothing new as long as the first is there.
                condition=~Q(outcome="FAILED") | Q(dismissed_at=None),
                name="approvaloutcome_once",
            ),
            models.CheckConstraint(
                condition=Q(outcome__in=Outcome.values), name="approvaloutcome_is_known"
            ),
        ]
        triggers = [
            pgtrigger.ReadOnly(
                name="approvaloutcome_stays",
                fields=["request", "maker", "outcome", "at"],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.request}: {self.get_outcome_display()}"


class AlertQuerySet(models.QuerySet["Alert"]):
    """Questions about alerts."""

    def unresolved(self) -> Self:
        """Return what staff still have to look at, the latest first."""
        return self.filter(resolved_at=None).order_by("-last_at", "-id")


class Alert(models.Model):
    """Something that staff must look at, however often it happens until they do."""

    # Which trouble: a name that its app has declared (quizarena.staff.alerts).
    kind = models.CharField(max_length=64)
    # Whose trouble of this kind: "purchase:12".
    key = models.CharField(max_length=200)
    # As it was the last time.
    summary = models.CharField(max_length=500)
    details = models.JSONField(default=dict, blank=True)
    # What it is about, if that has a page.
    subject_type = models.CharField(max_length=64, blank=True, default="")
    subject_id = models.CharField(max_length=64, blank=True, default="")
    times = models.PositiveIntegerField(default=1)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True)
    # Nobody if the trouble has gone by itself.
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
    )
    resolve_reason = models.CharField("reason", max_length=500, blank=True, default="")

    objects = AlertQuerySet.as_manager()

    class Meta:
        permissions = [("resolve_alert", "Can resolve alert")]
        indexes = [
            # The list: open first (DESC begins with NULL), the latest of them on top.
            models.Index(fields=["-resolved_at", "-last_at", "-id"], name="alert_open_first"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "key"], condition=Q(resolved_at=None), name="alert_one_open_per_key"
            ),
            models.CheckConstraint(condition=Q(times__gte=1), name="alert_has_happened"),
            models.CheckConstraint(
                condition=Q(last_at__gte=F("first_at")), name="alert_last_is_not_before_first"
            ),
            models.CheckConstraint(
                condition=(
                    Q(resolved_by=None, resolve_reason="")
                    | (
                        Q(resolved_at__isnull=False, resolved_by__isnull=False)
                        & ~Q(resolve_reason="")
                    )
                ),
                name="alert_resolved_by_hand_has_reason",
            ),
        ]
        triggers = [
            pgtrigger.ReadOnly(name="alert_identity_stays", fields=["kind", "key", "first_at"]),
            pgtrigger.Protect(
                name="alert_resolved_stays",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__resolved_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.summary


class InboxClaim(models.Model):
    """Who has claimed something in the staff inbox; the thing itself stays in its own table."""

    # Of several sources that show the same row it is one claim.
    object_type = models.CharField(max_length=64)
    object_id = models.CharField(max_length=64)
    # Nobody once it is released.
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    claimed_at = models.DateTimeField(null=True)

    class Meta:
        # Whoever sees a thing may claim it.
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["object_type", "object_id"], name="inboxclaim_one_per_thing"
            ),
            models.CheckConstraint(
                condition=Q(owner=None, claimed_at=None)
                | Q(owner__isnull=False, claimed_at__isnull=False),
                name="inboxclaim_owner_has_claimed_at",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.object_type} {self.object_id}"


class HomeFigures(models.Model):
    """What a job has counted for a panel of the home page, and when."""

    panel = models.CharField(primary_key=True, max_length=64)
    figures = models.JSONField()
    counted_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.panel


__all__ = [
    "AccountChange",
    "Alert",
    "AlertDelivery",
    "AlertQuerySet",
    "AlertRoute",
    "ApprovalOutcome",
    "ApprovalRequest",
    "ApprovalRequestQuerySet",
    "AuditEntry",
    "Change",
    "ChatLinkCode",
    "ChatLinkFailures",
    "DraftTemplate",
    "HomeFigures",
    "InboxClaim",
    "Limit",
    "LimitChange",
    "Outcome",
    "RequestStatus",
    "SignInFailure",
    "StaffSession",
]
