"""Is it alive, and is it ready? For load balancers, compose and people."""

from datetime import datetime
from typing import Any

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from quizarena.ops import heartbeats

PROCESSES = ("worker", "beat", "sender")
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
                    "worker": True,
                    "beat": True,
                    "sender": True,
                    "oldest_inbox_seconds": 0.0,
                    "oldest_outbox_seconds": 0.0,
                },
            )
        ],
    )
    def get(self, request: Request) -> Response:
        """Return 200 with the state of each part, or 503 when one of them is missing.

        The ages of the oldest waiting inbox and outbox rows are in seconds; they inform, since a
        backlog is a reason to add workers, not to take the web process out.
        """
        report: dict[str, Any] = {"database": False, "broker": _broker_answers()}
        report |= dict.fromkeys(PROCESSES, False)
        try:
            now = timezone.now()
            report |= {name: heartbeats.seen_lately(name, now=now) for name in PROCESSES}
            report |= _ages(now=now)
            report["database"] = True
        except DatabaseError:
            connection.close()
        ready = all(report[part] for part in ("database", "broker", *PROCESSES))
        return Response({"ready": ready, **report}, status=200 if ready else 503)


def _broker_answers() -> bool:
    """Return whether Redis answers a PING within a second."""
    client = redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1, retry=None
    )
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()


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
