"""What the database holds of a person, and that nothing of it is left of who was deleted."""

from datetime import timedelta

import pytest
import time_machine
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from psycopg import sql

from economy.models import LedgerEntry
from payments import subscriptions, support
from payments.models import Purchase, SupportRequest
from promos import denylist
from quizarena.game import reviews
from quizarena.game.models import RoundQuestion
from quizarena.ops import erasure, personal_data
from quizarena.players import deletions, notes
from quizarena.players.models import DeletionRequest, Player, StaffMessage
from quizarena.staff import alerts, audit
from tests.bot.screens.buyers import buy, row
from tests.conftest import NOON, Road
from tests.factories import make_staff
from tests.game.played import answer_round
from tests.game.reviewing import make_card, start
from tests.game.test_written_answers import make_typed
from tests.owner import as_owner, behind_the_guards

DUE = NOON + timedelta(days=7)


def erase() -> int:
    """Carry out the deletions that are due now."""
    with connection.cursor() as cursor:
        # What a transaction's end would have checked; a test has none.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
    return erasure.erase_due(until=timezone.now() + timedelta(seconds=20))


def where(needle: str) -> list[str]:
    """Return every table of which some column has the text, in whatever case."""
    with connection.cursor() as cursor:
        found = []
        for table in connection.introspection.table_names():
            rows = sql.SQL("SELECT EXISTS (SELECT FROM {} AS r WHERE r::text ILIKE %s)")
            cursor.execute(rows.format(sql.Identifier(table)), [f"%{needle}%"])
            if cursor.fetchone()[0]:
                found.append(table)
    return found


@pytest.mark.django_db
def test_every_column_that_can_name_somebody_is_decided_on() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT columns.table_name, column_name FROM information_schema.columns AS columns
            JOIN information_schema.tables AS tables USING (table_schema, table_name)
            WHERE table_schema = 'public' AND table_type = 'BASE TABLE'
              AND (
                data_type IN ('text', 'character varying', 'jsonb', 'json', 'bytea', 'inet')
                OR data_type IN ('ARRAY', 'bigint')
              )
              AND NOT EXISTS (
                SELECT FROM pg_constraint AS keys
                JOIN pg_attribute AS attribute
                  ON attribute.attrelid = keys.conrelid AND attribute.attnum = ANY (keys.conkey)
                WHERE keys.conrelid = format('public.%I', columns.table_name)::regclass
                  AND attribute.attname = column_name
                  AND (
                    keys.contype = 'f'
                    OR keys.contype = 'p' AND column_name IN ('id', 'update_id')
                  )
              )
            """
        )
        found = set(cursor.fetchall())
    decided = {
        (table, column)
        for table, fates in personal_data.COLUMNS.items()
        for columns in fates.values()
        for column in columns
    }
    # A column with choices holds one of our codes.
    undecided = {
        (table, column)
        for table, column in found - decided
        if table not in personal_data.OF_NO_PLAYER and not personal_data.has_choices(table, column)
    }

    assert not undecided, sorted(undecided)
    assert not (gone := decided - found), sorted(gone)


class TestErasure:
    def test_nothing_of_the_player_is_left_in_any_column(self, road: Road) -> None:
        anna = road.sandbox.add_player(
            "Xanthippe", username="xanthi_of_athens", language_code="en", player_id=987_654_321
        )
        road.sandbox.set_stars(anna, 1_000)
        road.say(anna, "/start")
        buy(road, anna, "ENERGY_10")
        player = row(anna)
        road.say(anna, "/paysupport Sokrates schuldet mir Geld")
        finance, editor = make_staff("Finance"), make_staff("Support")
        request = SupportRequest.objects.get()
        support.answer(request_id=request.pk, text="Ahoi Kapitän", staff=finance, now=NOON)
        audit.record(
            actor=editor,
            action="player.suspended",
            obj=player,
            summary=f"{player}: suspended, was @before_she_was called Xanthippe",
            details={"id": anna, "name": "Xanthippe"},
        )
        other = audit.record(
            actor=editor, action="x", summary=f"Asked @Xanthi_of_Athens ({anna}), not @anna"
        )
        alerts.raise_alert(
            kind=subscriptions.NOT_CANCELED,
            key="k",
            summary=f"Xanthippe ({anna})",
            details={"at": anna},
            now=NOON,
        )
        version = notes.add(
            player=player, text="Plato asks", is_pinned=True, author=editor, now=NOON
        )
        notes.edit(
            shown=version, text="Plato no longer asks", is_pinned=True, author=editor, now=NOON
        )
        notes.write_to(
            player=player, text="Lieber Kriton", reason="Xanthippe asked", author=editor, now=NOON
        )
        denylist.deny(player=player, reason="Xanthippe again", staff=editor, now=NOON)
        denylist.allow(player=player, reason="It was not Xanthippe", staff=editor)
        answer_round(player, True)
        shown = RoundQuestion.objects.get(player=player)
        shown_as = {"choice": None, "text": "Getippt von mir", "is_correct": True}
        with behind_the_guards():
            RoundQuestion.objects.filter(pk=shown.pk).update(**shown_as)
        make_card(player, question=make_typed())
        start(player)
        with transaction.atomic():
            reviews.answer_text(player=player, text="Gedächtnis", written_at=NOON, now=NOON)
        entries = LedgerEntry.objects.filter(player=player).count()

        deletions.ask(player=player, now=NOON)
        road.send()
        assert {"bot_inboxupdate", "staff_alert", "staff_auditentry"} <= {*where("xanthi")}
        assert "payments_purchaseevent" in where("987654321")
        assert where("plato") == ["players_noteversion"]
        with time_machine.travel(DUE - timedelta(seconds=1)):
            assert erase() == 0
        with time_machine.travel(DUE):
            assert erase() == 1
            assert erase() == 0

        for trace in (
            "xanthi",
            "987654321",
            "sokrates",
            "ahoi",
            "before_she_was",
            "getippt",
            "gedächtnis",
            "plato",
            "kriton",
        ):
            assert where(trace) == []
        player.refresh_from_db()
        assert (player.telegram_id, str(player)) == (
            -player.pk,
            f"Deleted player ({-player.pk})",
        )
        other.refresh_from_db()
        assert other.summary == (f"Asked Deleted player {player.pk} (-{player.pk}), not @anna")
        # What has not left before does not leave any more.
        assert not StaffMessage.objects.notice_due().exists()
        # The accounts are as they were.
        assert LedgerEntry.objects.filter(player=player).count() == entries
        assert Purchase.objects.get(player=player).status == "CREDITED"
        # The guards are back.
        with pytest.raises(DatabaseError), transaction.atomic(), as_owner() as cursor:
            cursor.execute("UPDATE staff_auditentry SET summary = ''")

        road.say(anna, "/start")
        assert row(anna).pk != player.pk

    def test_a_killed_run_is_continued(self, road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
        anna = road.sandbox.add_player("Anna", language_code="en", player_id=987_654_321)
        road.say(anna, "/paysupport Geheimnis")
        deletions.ask(player=row(anna), now=NOON)

        with time_machine.travel(DUE):
            monkeypatch.setattr(erasure, "STEPS", erasure.STEPS[:3])
            monkeypatch.setattr(erasure, "GUARDED", ("no_such_table",))
            assert erase() == 0
            assert DeletionRequest.objects.get().state == "ERASING"
            assert where("987654321") != []
            assert not deletions.cancel(player=Player.objects.get(), now=DUE)
            monkeypatch.undo()
            assert erase() == 1

        assert where("987654321") == where("geheimnis") == []


class TestDatabaseSaysNo:
    @pytest.mark.django_db
    def test_nothing_is_erased_without_a_deletion_under_way(self, road: Road) -> None:
        anna = road.sandbox.add_player("Anna")
        road.say(anna, "/start")
        asked = deletions.ask(player=row(anna), now=NOON)

        for request in (asked.pk, 0):
            with (
                pytest.raises(DatabaseError, match="no such deletion"),
                transaction.atomic(),
                connection.cursor() as cursor,
            ):
                cursor.execute("SELECT erase_personal_data(%s, 'staff_auditentry')", [request])
