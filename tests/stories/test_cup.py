"""A cup of eight in their chats; the worker is killed in the middle of round 2."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

import psycopg
import pytest

from tests.sandbox import buttons
from tests.stack import Stack

pytestmark = pytest.mark.slow

PLAYERS = 8
ROUNDS = 3
QUESTIONS = 7
# Of each player's answers so many are right: nobody is better by chance.
RIGHT = (7, 6, 5, 4, 3, 2, 1, 0)

# All have registered in the hour that has just ended, whatever time of day it is.
# Of yesterday: in the afternoon the job opens that of today.
CUP = """
WITH cup AS (
  INSERT INTO game_tournament
    (kind, day, token, creation_key, level, price, created_at, length, state, opens_at, closes_at,
     call_off, reason)
  VALUES ('CUP', current_date - 1, '', '', '', '', now() - interval '1 hour', %s, 'OPEN',
          now() - interval '1 hour', now(), '', '')
  RETURNING id
)
INSERT INTO game_tournamentplayer (tournament_id, player_id, registered_at)
SELECT cup.id, player.id, now() - interval '1 minute' FROM cup, players_player AS player
"""


def test_a_cup_of_eight_is_complete_though_the_worker_dies_in_round_2(stack: Stack) -> None:
    players = [stack.sandbox.add_player(f"Player {number}") for number in range(PLAYERS)]
    for player in players:
        stack.say(player, "/start")
        stack.tap(player, "English")
    stack.execute(CUP, QUESTIONS)

    for number in range(1, ROUNDS + 1):
        for player in players:
            _begin(stack, player, number)
        for question in range(1, QUESTIONS + 1):
            is_killed = (number, question) == (2, 4)
            with _answers_waiting(stack) if is_killed else nullcontext():
                for place, player in enumerate(players):
                    _answer(stack, player, question, is_right=question <= RIGHT[place])
                if is_killed:
                    stack.wait_for(lambda: stack.inbox("WORKING") and stack.inbox("NEW"))
                    stack.kill("worker")
            if is_killed:
                stack.start("worker")
        stack.wait_for(partial(_has_ended, stack, number))

    tried_twice = "SELECT count(*) FROM bot_inboxupdate WHERE attempts > 1"
    assert stack.value(tried_twice) > 0
    assert stack.rows("SELECT state, rounds FROM game_tournament") == [("FINISHED", 3)]
    answers = """
        SELECT round.number, count(*), count(DISTINCT (pairing.player_id, answer.number)),
               count(*) FILTER (WHERE answer.is_correct)
        FROM game_tournamentanswer AS answer
        JOIN game_pairing AS pairing ON pairing.id = answer.pairing_id
        JOIN game_tournamentround AS round ON round.id = pairing.round_id
        GROUP BY 1 ORDER BY 1
    """
    assert stack.rows(answers) == [(1, 56, 56, 28), (2, 56, 56, 28), (3, 56, 56, 28)]
    meetings = "SELECT count(*), count(DISTINCT (player_id, opponent_id)) FROM game_pairing"
    assert stack.rows(meetings) == [(24, 24)]
    places = "SELECT place FROM game_tournamentplayer ORDER BY place"
    assert stack.rows(places) == [(place,) for place in range(1, 9)]
    winner = """
        SELECT player.first_name FROM game_tournamentplayer AS entry
        JOIN players_player AS player ON player.id = entry.player_id WHERE entry.place = 1
    """
    assert stack.value(winner) == "Player 0"
    # Everybody reads it in the end.
    for player in players:
        stack.wait_for(partial(_reads, stack, player, "Place "))


@contextmanager
def _answers_waiting(stack: Stack) -> Iterator[None]:
    """Have the answers to the round wait inside, in the midst of their transactions."""
    stack.wait_for(lambda: not stack.inbox("NEW", "WORKING"))
    with psycopg.connect(stack.postgres.owner_url) as connection:
        connection.execute("SELECT FROM game_pairing WHERE outcome = '' FOR UPDATE")
        yield


def _begin(stack: Stack, player: int, number: int) -> None:
    """Let the player open the round from the latest message that offers it."""
    stack.wait_for(lambda: _reads(stack, player, f"Round {number}"))
    stack.tap(player, "▶️ Play the round")


def _answer(stack: Stack, player: int, question: int, *, is_right: bool) -> None:
    """Let the player answer without waiting for what comes of it."""
    wanted = "richtig" if is_right else "falsch"

    def shown() -> list[Any]:
        # Below it may stand that the round has begun: both were on their way at once.
        return [
            it["text"]
            for message in stack.messages_from_bot(player)
            if f"{question}/{QUESTIONS}" in message.get("text", "")
            for it in buttons(message)
            if it["text"].startswith(wanted)
        ]

    stack.sandbox.tap(player, stack.wait_for(shown)[0])


def _has_ended(stack: Stack, number: int) -> bool:
    return bool(stack.value("SELECT count(ended_at) FROM game_tournamentround") == number)


def _reads(stack: Stack, player: int, words: str) -> bool:
    return any(words in message.get("text", "") for message in stack.messages_from_bot(player))
