"""What leaves the house about an alert: its summary and links, and none of its details.

The receivers belong to others. Who needs more follows the link and logs in.
"""

import hmac
import json
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from quizarena.staff.alert_models import AlertEvent, Severity

PAGERDUTY_SUMMARY_MAX = 1_024
SIGNATURE_HEADER = "Quizarena-Signature"
# What Slack reads as markup in any text.
_SLACK_MARKUP = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_MARKS = {
    AlertEvent.RESOLVED: "✅",
    AlertEvent.TEST: "🔔",
}
_SEVERITY_MARKS = {Severity.CRITICAL: "🔴", Severity.WARNING: "🟠", Severity.INFO: "🔵"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What one delivery says, whatever way it goes."""

    delivery_id: int
    event: AlertEvent
    severity: Severity
    # Of the alert; a test has one of its own, so that nothing of an alert is resolved by it.
    deduplication_key: str
    kind: str
    label: str
    key: str
    summary: str
    at: datetime
    url: str = ""
    runbook_url: str = ""

    @property
    def title(self) -> str:
        """The first line."""
        mark = _MARKS.get(self.event) or _SEVERITY_MARKS[self.severity]
        state = "resolved" if self.event == AlertEvent.RESOLVED else self.severity.label
        return f"{mark} {self.label} ({state})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One POST: where to, with which body and headers; no repr of it has the secrets in them."""

    url: str = field(repr=False)
    body: bytes = field(repr=False)
    headers: dict[str, str] = field(repr=False)


def slack(message: Message) -> Post:
    """Return the message for an incoming webhook of Slack.

    Slack has no idempotency key: what has arrived without an answer arrives once more.
    """
    lines = [f"*{_escaped(message.title)}*", _escaped(message.summary)]
    links = [
        f"<{url}|{name}>"
        for url, name in ((message.url, "Open the alert"), (message.runbook_url, "Runbook"))
        if url
    ]
    if links:
        lines.append(" · ".join(links))
    return _post(settings.ALERT_SLACK_WEBHOOK_URL, {"text": "\n".join(lines)})


def pagerduty(message: Message) -> Post:
    """Return the event for PagerDuty's Events API v2; its dedup_key makes a repeat harmless."""
    event: dict[str, Any] = {
        "routing_key": settings.ALERT_PAGERDUTY_ROUTING_KEY,
        "dedup_key": message.deduplication_key,
        "event_action": "resolve" if message.event == AlertEvent.RESOLVED else "trigger",
    }
    if message.event != AlertEvent.RESOLVED:
        event["payload"] = {
            "summary": f"{message.label}: {message.summary}"[:PAGERDUTY_SUMMARY_MAX],
            "source": urlsplit(settings.PUBLIC_URL).hostname or "quizarena",
            "severity": message.severity.label,
            "timestamp": message.at.isoformat(),
            "component": "quizarena",
            "class": message.kind,
        }
        event["client"] = "Quiz Arena"
        if message.url:
            event["client_url"] = message.url
        if message.runbook_url:
            event["links"] = [{"href": message.runbook_url, "text": "Runbook"}]
    return _post(settings.ALERT_PAGERDUTY_URL, event)


def webhook(message: Message, *, now: datetime) -> Post:
    """Return the message as signed JSON: HMAC-SHA256 over "<timestamp>.<body>".

    The idempotency key is that of the delivery, and so the same for every attempt.
    """
    key = f"alert-delivery-{message.delivery_id}"
    post = _post(
        settings.ALERT_WEBHOOK_URL,
        {
            "id": key,
            "event": f"alert.{message.event.label}",
            "alert": message.deduplication_key,
            "severity": message.severity.label,
            "kind": message.kind,
            "label": message.label,
            "key": message.key,
            "summary": message.summary,
            "at": message.at.isoformat(),
            "url": message.url,
            "runbook_url": message.runbook_url,
        },
    )
    timestamp = str(int(now.timestamp()))
    signature = sign(post.body, timestamp=timestamp, secret=settings.ALERT_WEBHOOK_SECRET)
    post.headers["Idempotency-Key"] = key
    post.headers[SIGNATURE_HEADER] = f"t={timestamp},v1={signature}"
    return post


def sign(body: bytes, *, timestamp: str, secret: str) -> str:
    """Return the signature of a body that is sent at `timestamp` (seconds of Unix time)."""
    return hmac.new(secret.encode(), timestamp.encode() + b"." + body, sha256).hexdigest()


def plain(message: Message) -> str:
    """Return the message as lines without markup, for a chat."""
    lines = [message.title, message.summary, message.url]
    if message.runbook_url:
        lines.append(f"Runbook: {message.runbook_url}")
    return "\n".join(line for line in lines if line)


def _post(url: str, content: dict[str, Any]) -> Post:
    body = json.dumps(content, ensure_ascii=False).encode()
    return Post(url=url, body=body, headers={"Content-Type": "application/json"})


def _escaped(text: str) -> str:
    return text.translate(_SLACK_MARKUP)
