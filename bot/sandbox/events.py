"""Live news for the chat page, as server-sent events."""

import asyncio
import json
from typing import Any

# A page that is this far behind loads everything again instead.
BACKLOG = 2_000


class Events:
    """Hands each piece of news to every open page."""

    def __init__(self) -> None:
        self._subscribers: set[asyncio.Queue[str]] = set()

    def publish(self, kind: str, **content: Any) -> None:
        """Notify all open pages; with none open this costs nothing."""
        if not self._subscribers:
            return
        event = as_event(kind, **content)
        for queue in self._subscribers:
            if queue.full():
                while not queue.empty():
                    queue.get_nowait()
                queue.put_nowait(as_event("reload"))
            else:
                queue.put_nowait(event)

    def subscribe(self) -> asyncio.Queue[str]:
        """Return a queue that fills with events until `unsubscribe`; an empty text is the end."""
        queue: asyncio.Queue[str] = asyncio.Queue(maxsize=BACKLOG)
        self._subscribers.add(queue)
        return queue

    def unsubscribe(self, queue: asyncio.Queue[str]) -> None:
        """Stop filling `queue`."""
        self._subscribers.discard(queue)

    def close(self) -> None:
        """End all streams."""
        for queue in self._subscribers:
            while not queue.empty():
                queue.get_nowait()
            queue.put_nowait("")

    @property
    def is_watched(self) -> bool:
        """Whether any page is open."""
        return bool(self._subscribers)


def as_event(kind: str, **content: Any) -> str:
    """Return one server-sent event."""
    return f"data: {json.dumps({'type': kind, **content}, ensure_ascii=False)}\n\n"
