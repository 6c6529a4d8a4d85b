"""Broadcasts for tests, and what happens to them step by step."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.contrib.auth.models import User
from django.utils import timezone

from bot.messages import broadcast_job, broadcasts
from bot.messages.broadcasts import Action
from bot.messages.models import Broadcast, BroadcastRecipient
from quizarena.staff.models import ApprovalRequest
from tests.factories import make_staff


def make_broadcast(**terms: Any) -> Broadcast:
    """Return a draft that says hello in three languages."""
    now = timezone.now()
    broadcast, _ = broadcasts.create(
        broadcast=Broadcast(
            key=uuid4(),
            **{
                "name": "Hello",
                "text_de": "<b>Hallo!</b>",
                "text_en": "<b>Hello!</b>",
                "text_uk": "<b>Привіт!</b>",
                **terms,
            },
        ),
        staff=operator(),
        now=now,
    )
    return broadcast


def operator() -> User:
    """Return the one operator of the test."""
    return User.objects.filter(username="operator").first() or make_staff("Operator")


def do(verb: Action, broadcast: Broadcast, **how: Any) -> Broadcast | ApprovalRequest:
    """Let the operator do `verb`, as the broadcast stands now; keep `broadcast` up to date."""
    broadcast.refresh_from_db()
    outcome = broadcasts.execute(
        verb,
        broadcast_id=broadcast.pk,
        **{
            "seen_at": broadcast.changed_at,
            "reason": "Because.",
            "staff": operator(),
            "now": timezone.now(),
            **how,
        },
    )
    broadcast.refresh_from_db()
    return outcome


def job(broadcast: Broadcast | None = None) -> int:
    """Let the job run once; keep `broadcast` up to date."""
    ended = broadcast_job.run(until=timezone.now() + timedelta(seconds=5))
    if broadcast is not None:
        broadcast.refresh_from_db()
    return ended


def start(**terms: Any) -> Broadcast:
    """Return a broadcast that has just begun, its list made and its first messages queued."""
    broadcast = make_broadcast(**terms)
    do(Action.SCHEDULE, broadcast)
    job(broadcast)
    return broadcast


def outcomes(broadcast: Broadcast) -> list[str]:
    """Return the outcomes of the recipients, by player."""
    rows = BroadcastRecipient.objects.filter(broadcast=broadcast).order_by("player")
    return list(rows.values_list("outcome", flat=True))
