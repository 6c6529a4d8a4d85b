"""Standings of a cup in the messages that show them: many at once, each player's own."""

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bot.chat import boards
from bot.chat.models import TournamentBoard
from bot.queue.models import OutgoingCall
from bot.screens.tournament import texts
from bot.tasks import update_boards
from quizarena.game import tournament_play
from quizarena.game.models import Tournament
from quizarena.game.tournament_play import View
from quizarena.players.models import Player
from tests.concurrency import another_connection
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

    def test_twenty_messages_cost_no_more_statements_than_four(self) -> None:
        players = begun(21)
        watching(players[:4], cup())
        play(players[20], cup(), [True] * 7, now=STARTS)
        four = statements()
        TournamentBoard.objects.all().delete()
        watching(players[:20], cup())
        play(players[19], cup(), [True] * 7, now=STARTS)

        assert (four, statements()) == (18, 18)

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
