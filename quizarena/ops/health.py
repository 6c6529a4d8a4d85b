"""Is it alive, and is it ready? For load balancers, compose and people."""

import time
from datetime import datetime
from functools import cache
from threading import Lock
from typing import Any

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from redis.backoff import NoBackoff
from redis.retry import Retry
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from quizarena.ops import heartbeats
from quizarena.ops.heartbeats import PROCESSES

# Whoever asks again within this gets the last answer: asking often costs nothing.
REPORT_SECONDS_MAX = 1.0
_REPORT: dict[str, Any] = {"type": "object", "additionalProperties": True}


class _Public(APIView):
    """A view for everybody: who asks about health has no account."""

    authentication_classes: list[Any] = []
    permission_classes = [AllowAny]


class Alive(_Public):
    """The web process answers."""

    @extend_schema(summary="Is the web process alive?", responses={200: OpenApiResponse(_REPORT)})
    def get(self, request: Request) -> Response:
        """Return 200 as long as the process can answer at all."""
        return Response({"alive": True})


class Ready(_Public):
    """Everything that a player's tap needs is there."""

    @extend_schema(
        summary="Is everything there that an update needs?",
        responses={200: OpenApiResponse(_REPORT), 503: OpenApiResponse(_REPORT)},
        examples=[
            OpenApiExample(
                "Ready",
                value={
                    "ready": True,
                    "database": True,
                    "broker": True,
                    **dict.fromkeys(PROCESSES, True),
                    "restarting": [],
                    "oldest_inbox_seconds": 0.0,
                    "oldest_outbox_seconds": 0.0,
                },
            )
        ],
    )
    def get(self, request: Request) -> Response:
        """Return 200 with the state of each part, or 503 when one of them is missing.

        A process that keeps restarting is named in `restarting` and counts as missing. The ages of
        the oldest waiting inbox and outbox rows are in seconds; they inform, since a backlog is a
        reason to add workers, not to take the web process out. The answer may be a second old.
        """
        answer = recent_report()
        return Response(answer, status=200 if answer["ready"] else 503)


_report_lock = Lock()
_last_report: tuple[float, dict[str, Any]] | None = None


def recent_report() -> dict[str, Any]:
    """Return the report, a second old at most."""
    global _last_report  # noqa: PLW0603 -- one answer for all threads is the point.
    with _report_lock:
        if _last_report is None or time.monotonic() - _last_report[0] > REPORT_SECONDS_MAX:
            _last_report = (time.monotonic(), report(now=timezone.now()))
        return _last_report[1]


def report(*, now: datetime) -> dict[str, Any]:
    """Return the state of each part, and under `ready` whether none of them is missing."""
    parts: dict[str, Any] = {"database": False, "broker": _broker_answers()}
    parts |= dict.fromkeys(PROCESSES, False)
    parts["restarting"] = []
    try:
        restarting = heartbeats.restarting(now=now)
        for name in PROCESSES:
            parts[name] = name not in restarting and heartbeats.seen_recently(name, now=now)
        parts["restarting"] = sorted(restarting)
        parts |= _ages(now=now)
        parts["database"] = True
    except DatabaseError:
        connection.close()
    return {"ready": all(parts[part] for part in ("database", "broker", *PROCESSES)), **parts}


@cache
def _broker(url: str) -> redis.Redis:
    """Return the client of this process; its pool keeps the connections."""
    # Tried once more at once: a pooled connection may have been closed meanwhile.
    once_more = Retry(NoBackoff(), 1)
    return redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1, retry=once_more)


def _broker_answers() -> bool:
    """Return whether Redis answers a PING within a second or two."""
    try:
        return bool(_broker(settings.REDIS_URL).ping())
    except redis.RedisError:
        return False


def _ages(*, now: datetime) -> dict[str, float]:
    """Return how many seconds the oldest inbox and outbox rows have been due."""
    with connection.cursor() as cursor:
        # `ops` lies below `bot` in the layers, so it names the tables and not the models.
        cursor.execute(
            """
            SELECT
              (SELECT extract(epoch FROM %s - min(due_at)) FROM bot_inboxupdate
               WHERE state IN ('NEW', 'WORKING')),
              (SELECT extract(epoch FROM %s - min(due_at)) FROM bot_outgoingcall
               WHERE state IN ('PENDING', 'SENDING'))
            """,
            [now, now],
        )
        inbox, outbox = cursor.fetchone()
    return {
        "oldest_inbox_seconds": max(0.0, round(float(inbox or 0), 3)),
        "oldest_outbox_seconds": max(0.0, round(float(outbox or 0), 3)),
    }
