"""A support request as a conversation: what the player and staff wrote."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Model, Prefetch
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from payments import support, support_files
from payments.models import SupportFile, SupportRequest
from quizarena.players import notes
from quizarena.players.models import NoteVersion, StaffMessage
from quizarena.staff.dates import span
from quizarena.staff.desk import badge, exactly, link
from quizarena.staff.models import InboxClaim


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that somebody has written."""

    at: datetime
    # "player", "staff" or "note": on which side it stands, and how.
    side: str
    who: object
    text: str
    # Pictures and other files, and what is to be known about it.
    files: tuple[SafeString, ...] = ()
    about: object = ""


def entries(request: HttpRequest, asked: SupportRequest) -> list[Entry]:
    """Return the conversation, the oldest first; notes for those who may read them."""
    thread = list(
        support.thread_of(asked)
        .select_related("answered_by")
        .prefetch_related(Prefetch("files", support_files.beginnings()))
    )
    found = [entry for one in thread for entry in _exchange(one, asked)]
    first = thread[0]
    until = first.solved_at or timezone.now()
    messages = StaffMessage.objects.filter(
        player=asked.player_id, at__gte=first.asked_at, at__lte=until
    )
    found += [_message(one) for one in messages.select_related("author")]
    if request.user.has_perm("players.view_note"):
        found += [_note(one) for one in notes.on(first)]
    return sorted(found, key=lambda entry: entry.at)


def _exchange(one: SupportRequest, shown: SupportRequest) -> list[Entry]:
    files = {file.number: file for file in one.files.all()}
    written = [
        Entry(
            at=one.asked_at,
            side="player",
            who=one.player if one is shown else shown.player,
            text=one.text or "(no words yet)",
            files=tuple(
                shown_file(one, number, files.get(number)) for number in range(len(one.attachments))
            ),
            about=f"no. {one.pk}",
        )
    ]
    if one.answer and one.answered_at:
        written.append(
            Entry(
                at=one.answered_at,
                side="staff",
                who=one.answered_by,
                text=one.answer,
                about="sent" if one.notified_at else badge("being sent", "warning"),
            )
        )
    return written


def _message(message: StaffMessage) -> Entry:
    state: object = "message, sent" if message.notified_at else badge("message waits", "warning")
    return Entry(at=message.at, side="staff", who=message.author, text=message.text, about=state)


def _note(version: NoteVersion) -> Entry:
    edited = f", version {version.number}" if version.number > 1 else ""
    return Entry(
        at=version.at,
        side="note",
        who=version.author,
        text=version.text,
        about=link(
            f"internal note{edited}: edit, versions",
            "players_player_note",
            version.note.player_id,
            version.note_id,
        ),
    )


def shown_file(asked: SupportRequest, number: int, file: SupportFile | None) -> SafeString:
    """Return a picture, a link to another file, or how far it is; `file` is of `beginnings`."""
    kind = asked.attachments[number]["kind"]
    if file is None:
        return badge(f"{kind}, not loaded", "info")
    begin = getattr(file, "begin", None)
    if begin is None:
        return badge(f"{kind}: {file.error or 'being loaded'}", "danger" if file.error else "info")
    address = reverse("admin:payments_supportrequest_file", args=[asked.pk, number])
    if support_files.content_type(bytes(begin)).startswith("image/"):
        return format_html(
            '<a href="{}"><img src="{}" alt="{}" class="payments-picture"></a>',
            address,
            address,
            f"{kind} {number + 1}",
        )
    return format_html('<a href="{}">{}</a>', address, f"{kind} {number + 1}")


def context(request: HttpRequest, asked: SupportRequest) -> list[dict[str, Any]]:
    """Return the conversation as its template takes it."""
    return [
        {
            "at": exactly(entry.at),
            "side": entry.side,
            "who": entry.who,
            "text": entry.text,
            "files": entry.files,
            "about": entry.about,
        }
        for entry in entries(request, asked)
    ]


def first_answer_of(first: SupportRequest) -> str:
    """Return how long the thread has waited for its first answer, or still does."""
    if first.answered_at is None:
        return f"none yet, for {span(timezone.now() - first.asked_at)}"
    return f"after {span(first.answered_at - first.asked_at)}"


def solved_of(first: SupportRequest) -> str:
    """Return how long it took until the thread was solved, and by whom; or that it is not."""
    if first.solved_at is None:
        return "not yet"
    by = f", by {first.solved_by}" if first.solved_by else ""
    return f"after {span(first.solved_at - first.asked_at)}{by}"


def owners(asked: list[Model]) -> dict[str, User]:
    """Return who has claimed which of the requests in the inbox, by their keys."""
    claims = InboxClaim.objects.filter(
        object_type=SupportRequest._meta.label_lower,
        object_id__in=[str(one.pk) for one in asked],
        owner__isnull=False,
    )
    return {one.object_id: one.owner for one in claims.select_related("owner") if one.owner}
