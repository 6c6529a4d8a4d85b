"""What staff write down about players, and what they write to them."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, transaction
from django.test import Client

from bot import tasks
from bot.queue.models import OutgoingCall
from quizarena.players import deletions, notes, services, timeline
from quizarena.players.errors import (
    AccountDeletedError,
    BadTextError,
    NoteChangedError,
)
from quizarena.players.models import (
    DELETION_DELAY,
    DeletionRequest,
    Note,
    NoteVersion,
    Player,
    StaffMessage,
)
from quizarena.staff.errors import BadReasonError
from quizarena.staff.models import AuditEntry
from tests.concurrency import overlap, take_row_locks_away
from tests.factories import NOON, PlayerFactory, make_staff
from tests.owner import as_owner

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna() -> Player:
    player: Player = PlayerFactory.create(username="anna")
    return player


@pytest.fixture
def petra() -> User:
    return make_staff("Support", username="petra")


@pytest.fixture
def support(client: Client, petra: User) -> Client:
    client.force_login(petra)
    return client


def page(player: Player, name: str) -> str:
    return f"/admin/players/player/{player.pk}/{name}/"


def note(player: Player, author: User, text: str = "Writes in Polish.", **how: Any) -> NoteVersion:
    how = {"is_pinned": False, **how}
    return notes.add(player=player, text=text, author=author, now=NOON, **how)


def write(player: Player, author: User, text: str = "We have looked.") -> StaffMessage:
    return notes.write_to(player=player, text=text, reason="Asked", author=author, now=NOON)


def delete(player: Player) -> Player:
    """Give the player a pseudonym."""
    asked = deletions.ask(player=player, now=NOON - DELETION_DELAY)
    assert deletions.begin(request_id=asked.pk, now=NOON)
    player.refresh_from_db()
    return player


def refused(message: str, statement: str, *values: str | int) -> None:
    """Let even the owner of the tables try something that the database refuses."""
    with pytest.raises(DatabaseError, match=message), transaction.atomic(), as_owner() as cursor:
        cursor.execute(statement, values)


class TestNotes:
    def test_an_edit_adds_a_version_and_all_of_them_stay(
        self, support: Client, anna: Player
    ) -> None:
        support.post(page(anna, "notes/add"), {"text": " Writes in Polish. ", "confirm": "1"})
        first = NoteVersion.objects.get()
        where = page(anna, f"notes/{first.note_id}")
        support.post(where, {"text": "Writes in Czech.", "is_pinned": "on", "shown": "1"})
        late = support.post(where, {"text": "Writes in Slovak.", "shown": "1"})

        assert "Refused: somebody else has edited this note meanwhile" in late.content.decode()
        assert list(NoteVersion.objects.order_by("number").values_list("number", "text")) == [
            (1, "Writes in Polish."),
            (2, "Writes in Czech."),
        ]
        shown = support.get(where).content.decode()
        assert shown.index("Writes in Czech.") < shown.index("Writes in Polish.")
        summary = support.get(page(anna, "change")).content.decode().partition('id="timeline"')[0]
        assert "Writes in Czech." in summary
        assert "Writes in Polish." not in summary
        # What it says stands in the version alone.
        assert list(AuditEntry.objects.order_by("id").values_list("action", "summary"))[-2:] == [
            ("player.note_added", f"@anna: note {first.note_id}, version 1."),
            ("player.note_edited", f"@anna: note {first.note_id}, version 2."),
        ]

    def test_the_last_version_that_was_shown_is_the_one_to_edit(
        self, anna: Player, petra: User
    ) -> None:
        first = note(anna, petra)
        second = notes.edit(shown=first, text="b", is_pinned=True, author=petra, now=NOON)
        with pytest.raises(NoteChangedError):
            notes.edit(shown=first, text="c", is_pinned=True, author=petra, now=NOON)

        assert (
            notes.edit(shown=second, text="d", is_pinned=False, author=petra, now=NOON).number == 3
        )

    def test_pinned_ones_come_first_then_the_latest(self, anna: Player, petra: User) -> None:
        for text, is_pinned in (("first", False), ("pinned", True), ("last", False)):
            note(anna, petra, text, is_pinned=is_pinned)
        note(PlayerFactory.create(), petra, "of somebody else")

        assert [one.text for one in notes.of_player(anna)] == ["pinned", "last", "first"]

    @pytest.mark.parametrize("text", ["", " \n ", "a\0b", "x" * 2001])
    def test_a_text_that_is_none_is_refused(self, anna: Player, petra: User, text: str) -> None:
        with pytest.raises(BadTextError):
            note(anna, petra, text)

        assert not Note.objects.exists()
        assert note(anna, petra, "x" * 2000).number == 1

    @pytest.mark.parametrize(
        ("role", "reads"),
        [("Support", 200), ("Operator", 200), ("Finance", 200), ("Editor", 403), ("Security", 403)],
    )
    def test_who_sees_players_reads_and_writes_them(
        self, client: Client, anna: Player, petra: User, role: str, reads: int
    ) -> None:
        version = note(anna, petra)
        client.force_login(make_staff(role))
        where = page(anna, f"notes/{version.note_id}")

        assert client.get(where).status_code == reads
        assert client.get(page(anna, "notes/add")).status_code == reads
        answer = client.post(where, {"text": "Changed.", "shown": "1"})
        assert answer.status_code == (302 if reads == 200 else 403)
        assert NoteVersion.objects.count() == (2 if reads == 200 else 1)

    def test_a_note_is_found_with_its_player_only(
        self, support: Client, anna: Player, petra: User
    ) -> None:
        version = note(anna, petra)
        other = PlayerFactory.create()

        assert support.get(page(other, f"notes/{version.note_id}")).status_code == 404

    def test_the_database_keeps_every_version(self, anna: Player, petra: User) -> None:
        version = note(anna, petra)

        for change in ("text = 'x'", "text = '…'", "is_pinned = true", "at = now()"):
            refused("stays as it was written", f"UPDATE players_noteversion SET {change}")  # noqa: S608
        refused("Cannot delete", "DELETE FROM players_noteversion")
        copy = (
            "INSERT INTO players_noteversion (note_id, number, author_id, at, text, is_pinned)"
            " SELECT note_id, %s, author_id, at, %s, is_pinned FROM players_noteversion"
        )
        refused("noteversion_numbered_once", copy, version.number, "x")
        refused("noteversion_says_something", copy, 2, "")


class TestMessages:
    def test_it_is_shown_before_and_sent_once_unchanged(
        self, support: Client, anna: Player
    ) -> None:
        form = {"text": "We <b>have</b> looked & found it.", "reason": "Asked by e-mail"}

        preview = support.post(page(anna, "write"), form).content.decode()
        assert "We &lt;b&gt;have&lt;/b&gt; looked &amp; found it." in preview
        assert not StaffMessage.objects.exists()
        support.post(page(anna, "write"), {**form, "confirm": "1"})
        tasks.send_notices(transactional=True)
        tasks.send_notices(transactional=True)

        call = OutgoingCall.objects.get(chat_key=anna.telegram_id)
        assert call.parameters["text"] == "We &lt;b&gt;have&lt;/b&gt; looked &amp; found it."
        message = StaffMessage.objects.get()
        assert message.notified_at is not None
        assert AuditEntry.objects.latest("id").summary == (
            f"@anna: message {message.pk} was written: Asked by e-mail"
        )
        shown = support.get(page(anna, "change"), {"kind": "staff"}).context["events"]
        assert any(
            str(event.what).startswith("petra wrote to the player (sent ") for event in shown
        )

    def test_it_waits_for_who_has_blocked_the_bot_and_reaches_the_suspended(
        self, anna: Player, petra: User
    ) -> None:
        Player.objects.filter(pk=anna.pk).update(bot_blocked_at=NOON)
        services.suspend(player_id=anna.pk, now=NOON)
        write(anna, petra)

        tasks.send_notices(transactional=True)
        assert not OutgoingCall.objects.exists()
        Player.objects.filter(pk=anna.pk).update(bot_blocked_at=None)
        tasks.send_notices(transactional=True)

        assert OutgoingCall.objects.get().parameters["text"] == "We have looked."

    def test_without_a_text_or_a_reason_there_is_none(self, anna: Player, petra: User) -> None:
        with pytest.raises(BadTextError):
            write(anna, petra, "x" * 3501)
        with pytest.raises(BadReasonError):
            notes.write_to(player=anna, text="x", reason=" ", author=petra, now=NOON)

        assert not StaffMessage.objects.exists()
        assert write(anna, petra, "x" * 3500).text == "x" * 3500

    @pytest.mark.parametrize("role", ["Operator", "Finance", "Editor", "Security"])
    def test_only_support_writes_to_players(self, client: Client, anna: Player, role: str) -> None:
        client.force_login(make_staff(role))

        answer = client.post(page(anna, "write"), {"text": "x", "reason": "x", "confirm": "1"})

        assert answer.status_code == 403
        assert not StaffMessage.objects.exists()

    def test_the_database_keeps_what_was_written(self, anna: Player, petra: User) -> None:
        write(anna, petra)

        for change in ("text = 'x'", "text = '…', reason = '…'", "at = now()"):
            refused("stays as it was written", f"UPDATE players_staffmessage SET {change}")  # noqa: S608
        refused("Cannot delete", "DELETE FROM players_staffmessage")
        for text, reason in (("", "x"), ("x", "")):
            refused(
                "staffmessage_has_text_and_reason",
                "INSERT INTO players_staffmessage (player_id, author_id, at, text, reason)"
                " SELECT player_id, author_id, at, %s, %s FROM players_staffmessage",
                text,
                reason,
            )
        assert StaffMessage.objects.update(notified_at=NOON) == 1


class TestDeletedPlayers:
    def test_nothing_is_written_about_or_to_them(
        self, support: Client, anna: Player, petra: User
    ) -> None:
        version = note(anna, petra)
        delete(anna)

        with pytest.raises(AccountDeletedError):
            note(anna, petra)
        with pytest.raises(AccountDeletedError):
            write(anna, petra)
        with pytest.raises(AccountDeletedError):
            notes.edit(shown=version, text="x", is_pinned=False, author=petra, now=NOON)
        for name in ("write", "notes/add", "suspend", "unsuspend", "reset-name"):
            assert support.get(page(anna, name)).status_code == 404
        where = page(anna, f"notes/{version.note_id}")
        assert "<textarea" not in support.get(where).content.decode()
        assert support.post(where, {"text": "x", "shown": "1"}).status_code == 403
        shown = support.get(page(anna, "change")).content.decode()
        for name in ("write", "notes/add", "suspend", "unsuspend", "reset-name"):
            assert page(anna, name) not in shown

    def test_the_texts_of_who_is_being_deleted_can_be_erased_and_nothing_else(
        self, anna: Player, petra: User
    ) -> None:
        note(anna, petra)
        write(anna, petra)
        ben = PlayerFactory.create()
        note(ben, petra)
        write(ben, petra)
        delete(anna)

        refused("stays", "UPDATE players_noteversion SET text = '…', is_pinned = true")
        refused("stays", "UPDATE players_staffmessage SET text = '…', reason = 'x'")
        # Of others, nothing.
        refused("stays", "UPDATE players_noteversion SET text = '…'")
        refused("stays", "UPDATE players_staffmessage SET text = '…', reason = '…'")
        of_anna = NoteVersion.objects.filter(note__player=anna)
        assert of_anna.update(text="…") == 1
        sent = StaffMessage.objects.filter(player=anna)
        assert sent.update(text="…", reason="…", notified_at=NOON) == 1
        DeletionRequest.objects.update(state="DONE", ended_at=NOON, telegram_id=None, names=[])
        refused("stays", "UPDATE players_noteversion SET text = '…'")


@pytest.mark.django_db(transaction=True)
class TestRaces:
    def race(self, *, deletion_first: bool) -> list[Any]:
        """Let an account be deleted while a note about its player is written."""
        player, author = PlayerFactory.create(), make_staff("Support")
        asked = deletions.ask(player=player, now=NOON - DELETION_DELAY)
        callers = [
            lambda: deletions.begin(request_id=asked.pk, now=NOON),
            lambda: note(player, author),
        ]
        return overlap(*callers) if deletion_first else overlap(*reversed(callers))

    def test_a_note_comes_before_the_deletion_or_not_at_all(self) -> None:
        has_begun, refusal = self.race(deletion_first=True)

        assert has_begun is True
        assert isinstance(refusal, AccountDeletedError)
        assert not Note.objects.exists()

    def test_a_deletion_waits_for_a_note(self) -> None:
        version, has_begun = self.race(deletion_first=False)

        assert (version.number, has_begun) == (1, True)

    def test_without_locks_a_note_would_be_left(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Show that the tests above can fail."""
        take_row_locks_away(monkeypatch)

        has_begun, version = self.race(deletion_first=True)

        assert (has_begun, type(version)) == (True, NoteVersion)


def test_the_timeline_has_every_version_and_message(anna: Player, petra: User) -> None:
    first = note(anna, petra)
    notes.edit(shown=first, text="Writes in Czech.", is_pinned=False, author=petra, now=NOON)
    write(anna, petra)

    shown = timeline.page(player=anna, user=petra).events
    found = [(event.kind.code, str(event.detail)) for event in shown]
    for kind, text in (
        ("notes", "Writes in Polish."),
        ("notes", "Writes in Czech."),
        ("staff", "We have looked."),
    ):
        assert len([1 for code, detail in found if code == kind and text in detail]) == 1
    assert not [1 for code, detail in found if code == "staff" and "Polish" in detail]
    # An editor of questions has no players.
    assert timeline.page(player=anna, user=make_staff("Editor")).events == []
