"""Sessions of staff: for twelve hours at most, for half an hour without a request, endable by name.

Django's own engine, with the account in a column, so that all sessions of one can be ended.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.backends.db import SessionStore as DatabaseSessionStore

if TYPE_CHECKING:
    from quizarena.staff.models import StaffSession

LENGTH_MAX = timedelta(hours=12)
IDLE_MAX = timedelta(minutes=30)
# A request is written down if the last one that is was so long ago: not every page is a write.
SEEN_EVERY = timedelta(minutes=1)
PURGE_BATCH = 5_000

_BEGAN = "began_at"
_SEEN = "seen_at"


class SessionStore(DatabaseSessionStore):
    """Sessions in our own table (settings.SESSION_ENGINE)."""

    @classmethod
    def get_model_class(cls) -> "type[StaffSession]":
        """Return the table; not imported above because Django asks for this engine before."""
        from quizarena.staff.models import StaffSession

        return StaffSession

    def create_model_instance(self, data: dict[str, Any]) -> "StaffSession":
        """Return the row of a session, with the account that it is of."""
        session: StaffSession = super().create_model_instance(data)  # type: ignore[assignment]
        session.user_id = int(data[SESSION_KEY]) if SESSION_KEY in data else None
        return session


def begin(session: SessionBase, *, now: datetime) -> None:
    """Let the session's time begin: somebody has signed in."""
    session[_BEGAN] = session[_SEEN] = now.timestamp()


def is_over(session: SessionBase, *, now: datetime) -> bool:
    """Return whether its twelve hours are over, or its half hour without a request."""
    began, seen = float(session.get(_BEGAN, 0)), float(session.get(_SEEN, 0))
    return (
        now.timestamp() - began >= LENGTH_MAX.total_seconds()
        or now.timestamp() - seen >= IDLE_MAX.total_seconds()
    )


def touch(session: SessionBase, *, now: datetime) -> None:
    """Write down that there was a request, once a minute."""
    if now.timestamp() - session.get(_SEEN, 0) >= SEEN_EVERY.total_seconds():
        session[_SEEN] = now.timestamp()


def end_all(*, user: User, but: str | None = None) -> int:
    """End every session of the account, except the one with the key `but`; return how many."""
    return (
        SessionStore.get_model_class()
        .objects.filter(user=user)
        .exclude(session_key=but or "")
        .delete()[0]
    )


def purge(*, now: datetime) -> int:
    """Delete sessions that nobody can go on with, at most PURGE_BATCH; return how many."""
    model = SessionStore.get_model_class()
    old = model.objects.filter(expire_date__lte=now).values("pk")[:PURGE_BATCH]
    return model.objects.filter(pk__in=old).delete()[0]
