"""What staff write down about players, and what they write to them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Model, QuerySet

from quizarena.players import services
from quizarena.players.errors import AccountDeletedError, BadTextError, NoteChangedError
from quizarena.players.models import (
    MESSAGE_MAX_LENGTH,
    NOTE_MAX_LENGTH,
    Note,
    NoteVersion,
    Player,
    StaffMessage,
)
from quizarena.staff import audit, reasons

# So many notes of a player are shown.
SHOWN_MAX = 50


@transaction.atomic
def add(
    *,
    player: Player,
    text: str,
    is_pinned: bool,
    author: User,
    now: datetime,
    subject: Model | None = None,
) -> NoteVersion:
    """Write a note about the player; return its first version. Locks the player.

    With a `subject` it is about that alone, and stands there, too.

    Raises BadTextError, and AccountDeletedError.
    """
    words = _normalised(text, at_most=NOTE_MAX_LENGTH)
    _lock_one_who_is_there(player)
    note = Note.objects.create(
        player=player,
        subject_type=subject._meta.label_lower if subject else "",
        subject_id=str(subject.pk) if subject else "",
    )
    return _write(note, number=1, text=words, is_pinned=is_pinned, author=author, now=now)


@transaction.atomic
def edit(
    *, shown: NoteVersion, text: str, is_pinned: bool, author: User, now: datetime
) -> NoteVersion:
    """Write another version after the one that was shown; return it. Locks the player.

    Raises BadTextError, AccountDeletedError, and NoteChangedError if somebody else has written that
    version meanwhile.
    """
    words = _normalised(text, at_most=NOTE_MAX_LENGTH)
    _lock_one_who_is_there(shown.note.player)
    number = shown.number + 1
    try:
        with transaction.atomic():
            return _write(
                shown.note, number=number, text=words, is_pinned=is_pinned, author=author, now=now
            )
    except IntegrityError as error:
        raise NoteChangedError from error


def _write(
    note: Note, *, number: int, text: str, is_pinned: bool, author: User, now: datetime
) -> NoteVersion:
    version = NoteVersion.objects.create(
        note=note, number=number, author=author, at=now, text=text, is_pinned=is_pinned
    )
    # What it says stands in the version alone: the audit log is kept for ever.
    audit.record(
        actor=author,
        action="player.note_added" if number == 1 else "player.note_edited",
        obj=note.player,
        summary=f"{note.player}: note {note.pk}, version {number}.",
    )
    return version


def of_player(player: Player) -> Sequence[NoteVersion]:
    """Return the notes about the player as they read now, pinned ones first, the latest on top."""
    latest = _latest_versions(player.notes.order_by("-pk")[:SHOWN_MAX])
    return sorted(latest, key=lambda one: (one.is_pinned, one.at, one.pk), reverse=True)


def on(subject: Model) -> Sequence[NoteVersion]:
    """Return the notes on one thing as they read now."""
    notes = Note.objects.filter(subject_type=subject._meta.label_lower, subject_id=str(subject.pk))
    return list(_latest_versions(notes.order_by("-pk")[:SHOWN_MAX]))


def _latest_versions(notes: QuerySet[Note]) -> QuerySet[NoteVersion]:
    versions = NoteVersion.objects.filter(note__in=notes).select_related("author", "note")
    return versions.order_by("note", "-number").distinct("note")


@transaction.atomic
def write_to(
    *, decision: UUID, player: Player, text: str, reason: str, author: User, now: datetime
) -> StaffMessage:
    """Have the bot send the player a message by staff, one for each decision. Locks the player.

    Raises BadTextError, BadReasonError, and AccountDeletedError.
    """
    words, why = _normalised(text, at_most=MESSAGE_MAX_LENGTH), reasons.normalise(reason)
    _lock_one_who_is_there(player)
    if (found := StaffMessage.objects.filter(decision=decision).first()) is not None:
        return found
    message = StaffMessage.objects.create(
        decision=decision,
        player=player,
        author=author,
        at=now,
        text=words,
        reason=why,
    )
    audit.record(
        actor=author,
        action="player.written_to",
        obj=player,
        summary=f"{player}: message {message.pk} was written: {message.reason}",
        details={"reason": message.reason},
    )
    return message


def _lock_one_who_is_there(player: Player) -> None:
    """Keep the deletion of the account waiting: it erases what was written before it began."""
    services.lock(player)
    if not Player.objects.filter(pk=player.pk, deleted_at=None).exists():
        raise AccountDeletedError


def _normalised(text: str, *, at_most: int) -> str:
    words = text.strip()
    if not 0 < len(words) <= at_most or "\0" in words:
        raise BadTextError(f"a text has 1 to {at_most} characters")
    return words
