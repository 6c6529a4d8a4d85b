"""Standings of a cup in the messages that show them: many at once, each player's own."""

import json
from collections.abc import Sequence
from threading import Event
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from bot import application
from bot.chat import boards
from bot.chat.models import TournamentBoard
from bot.queue import inbox, intake
from bot.queue.models import OutgoingCall
from bot.screens.tournament import texts
from bot.tasks import update_boards
from quizarena.game import tournament_play
from quizarena.game.models import Tournament
from quizarena.game.tournament_play import View
from quizarena.players.models import Player
from tests.concurrency import DEADLINE_S, another_connection, meet_after, run_together
from tests.game.touring import (
    MINUTE,
    STARTS,
    bank,
    begun,
    cup,
    pairing_of,
    play,
    play_round,
    show,
    tap,
)
from tests.sandbox import buttons

NOW = STARTS + 2 * MINUTE


@pytest.fixture(autouse=True)
def _bank(db: None) -> None:
    bank()


def watching(players: list[Player], tournament: Tournament) -> None:
    """Let each of the players have a message that shows the standings of before."""
    for number, one in enumerate(players, 1):
        boards.watch(
            player=one,
            tournament=tournament,
            message_id=number,
            update_id=number,
            version=boards.version_now(tournament),
        )


def updated() -> dict[int, str]:
    """Let the job edit what has changed; return the texts by chat."""
    with time_machine.travel(NOW, tick=False):
        update_boards()
    calls = OutgoingCall.objects.filter(method="editMessageText").order_by("pk")
    return {call.chat_key or 0: str(call.parameters["text"]) for call in calls}


def statements() -> int:
    """Let the job edit what has changed; return what that costs, BEGIN and COMMIT included."""
    with CaptureQueriesContext(connection) as queries:
        updated()
    return len(queries)


class TestManyAtOnce:
    def test_each_player_reads_their_own_place(self) -> None:
        players = begun(13)
        watching(players, cup())
        for one in players[:12]:
            play(one, cup(), [True] * 7, now=STARTS)

        sent = updated()

        assert len(sent) == 13
        assert "🥇 P1 M. · 0 P. · 7 ✓" in sent[players[12].telegram_id]
        assert sent[players[12].telegram_id].endswith("…\n<b>13. P13 M. · 0 P. · 0 ✓</b>")
        assert "<b>🥇 P1 M. · 0 P. · 7 ✓</b>" in sent[players[0].telegram_id]
        assert sent[players[0].telegram_id].endswith("10. P10 M. · 0 P. · 7 ✓")

    def test_who_is_suspended_meanwhile_has_no_button_that_is_refused(self) -> None:
        first, second, *_ = players = begun(4)
        watching(players, cup())
        Player.objects.filter(pk=first.pk).update(suspended_at=STARTS)
        for one in players:
            play(one, cup(), [True] * 7, now=STARTS)

        updated()

        edits = OutgoingCall.objects.filter(method="editMessageText")
        under = {edit.chat_key: buttons(edit.parameters) for edit in edits}
        assert under[first.telegram_id] == []
        assert under[second.telegram_id] != []

    def test_twenty_messages_cost_no_more_statements_than_four(self) -> None:
        players = begun(21)
        watching(players[:4], cup())
        play(players[20], cup(), [True] * 7, now=STARTS)
        four = statements()
        TournamentBoard.objects.all().delete()
        watching(players[:20], cup())
        play(players[19], cup(), [True] * 7, now=STARTS)

        assert (four, statements()) == (19, 19)

    def test_one_that_cannot_be_edited_holds_up_no_other(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        players = begun(4)
        watching(players[:3], cup())
        usual = texts.against

        def broken(view: View) -> str:
            assert view.entry is not None
            assert view.entry.player_id != players[1].pk
            return usual(view)

        monkeypatch.setattr(texts, "against", broken)
        play(players[3], cup(), [True] * 7, now=STARTS)

        sent = updated()

        assert set(sent) == {players[0].telegram_id, players[2].telegram_id}
        due = TournamentBoard.objects.exclude(version=boards.version_now(cup()))
        assert [board.player for board in due] == [players[1]]

    @pytest.mark.django_db(transaction=True)
    def test_a_message_that_is_being_tapped_is_left_alone(self) -> None:
        players = begun(4)
        watching(players[:2], cup())
        play(players[3], cup(), [True] * 7, now=STARTS)

        with another_connection() as tapping:
            tapping.execute("BEGIN")
            tapping.execute(
                "SELECT FROM bot_tournamentboard WHERE player_id = %s FOR UPDATE", [players[0].pk]
            )
            sent = updated()
            tapping.execute("ROLLBACK")

        assert set(sent) == {players[1].telegram_id}


@pytest.mark.django_db(transaction=True)
class TestOfOneWhoGoesOn:
    """The player taps the way home just after the job has looked who has gone on."""

    @pytest.fixture(autouse=True)
    def _quiet(self, settings: Settings) -> None:
        settings.PLAYER_ACTIONS_PER_SECOND = None

    def test_what_the_tap_leads_to_is_the_later_edit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert edits_of_both(monkeypatch) == ["standings", "home"]

    def test_without_the_lock_the_standings_come_back(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(inbox, "lock_idle", set)

        assert edits_of_both(monkeypatch) == ["home", "standings"]

    def test_who_is_being_answered_is_left_alone(self) -> None:
        players = begun(4)
        watching(players[:2], cup())
        play(players[3], cup(), [True] * 7, now=STARTS)

        with another_connection() as working:
            working.execute("BEGIN")
            working.execute("SELECT pg_advisory_xact_lock(%s)", [players[0].telegram_id])
            sent = updated()
            working.execute("ROLLBACK")

        assert set(sent) == {players[1].telegram_id}
        due = TournamentBoard.objects.exclude(version=boards.version_now(cup()))
        assert [board.player for board in due] == [players[0]]


def edits_of_both(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let the job and a tap of the player edit one message at once; return in which order."""
    players = begun(4)
    watching(players[:1], cup())
    play(players[3], cup(), [True] * 7, now=STARTS)
    looked, look = Event(), boards.gone_on

    def gone_on(board_ids: Sequence[int]) -> set[int]:
        found = look(board_ids)
        looked.set()
        return found

    monkeypatch.setattr(boards, "gone_on", gone_on)
    # The job continues once the tap has been worked on, or waits for it.
    meet_after(monkeypatch, boards, "gone_on")

    def go_home() -> None:
        looked.wait(DEADLINE_S)
        intake.arrive(raw=json.dumps(tap_of(players[0], "home")).encode(), now=NOW)
        inbox.work(
            handle=application.handle,
            slow_down=application.slow_down,
            give_up=application.give_up,
            until=NOW,
        )

    with time_machine.travel(NOW, tick=False):
        assert run_together(update_boards, go_home) == [1, None]
    calls = OutgoingCall.objects.filter(method="editMessageText").order_by("pk")
    return ["standings" if "🏆" in call.parameters["text"] else "home" for call in calls]


def tap_of(player: Player, data: str) -> dict[str, Any]:
    """Return the update in which the player taps the message of `watching`."""
    person = {"id": player.telegram_id, "is_bot": False, "first_name": player.first_name}
    chat = {"id": player.telegram_id, "type": "private", "first_name": player.first_name}
    message = {"message_id": 1, "date": int(NOW.timestamp()), "chat": chat, "text": "…"}
    return {
        "update_id": 1_000,
        "callback_query": {
            "id": "1",
            "from": person,
            "chat_instance": "1",
            "message": message,
            "data": data,
        },
    }


class TestWhatIsShared:
    """What is read for many at once is what is read for one."""

    def test_views(self) -> None:
        players = begun(5)
        for number, one in enumerate(players):
            play(one, cup(), [True] * number + [False] * (7 - number), now=STARTS)
        show(players[0], cup(), now=STARTS + MINUTE)
        tap(players[0], pairing_of(players[0], cup()), 1, now=STARTS + MINUTE)

        shared = tournament_play.views_of(cup(), players=players)

        for one in players:
            view, past = shared[one.pk]
            assert view == tournament_play.view_of(cup(), player=one)
            assert past == tournament_play.past_of(cup(), player=one)
            assert [pairing.round.number for pairing in past] == [1]

    def test_the_version_of_what_is_shown_is_that_of_now(self) -> None:
        players = begun(4)
        seen: list[tuple[int, int]] = []
        for one in players:
            board = tournament_play.board_of(cup())
            seen.append((boards.version_of(board), boards.version_now(cup())))
            play(one, cup(), [True] * 7, now=STARTS)
        board = tournament_play.board_of(cup())
        seen.append((boards.version_of(board), boards.version_now(cup())))

        assert seen == [(one, one) for one in (1_000, 1_001, 1_002, 1_003, 2_000)]

    def test_what_was_read_while_the_last_round_ended_is_out_of_date(self) -> None:
        players = begun(4)
        before = cup()
        for _ in range(3):
            play_round(before, dict.fromkeys(players, 7), now=STARTS)
        view = tournament_play.view_of(before, player=players[0])

        shown = texts.board_for(view, player=players[0])

        assert cup().state == "FINISHED"
        assert shown.current is None
        assert boards.version_of(shown) == 0

    def test_only_who_is_listed_or_asked_for_is_read(self) -> None:
        players = begun(13)
        play_round(cup(), dict.fromkeys(players[:12], 7) | {players[12]: 0}, now=STARTS)

        board = tournament_play.board_of(cup(), first=10, also=[players[12].pk])

        assert len(board.standings) == 13
        assert len(board.players) == 11
        assert players[12].pk in board.players


def test_a_round_costs_as_many_statements_for_forty_as_for_four() -> None:
    """What a player's own page of a cup costs: the round, the pairing, the order, the names."""
    players = begun(40)
    one = players[0]

    with CaptureQueriesContext(connection) as queries:
        view = tournament_play.see(player=one, tournament_id=cup().pk)
        tournament_play.board_of(view.tournament, first=10, also=[one.pk])

    # `cup()` of the test is one of them.
    assert len(queries) == 9
