"""Whole updates in a cup of 100: from a tap to the answer that the sandbox accepted.

How fast taps arrive, and what processor time one of them takes of which part, says whether they
could be answered in time at all: what arrives in a second may not take more than the processors
have.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from bot.chat.navigation import Data
from bot.queue.models import OutgoingCall
from quizarena.game import cups, tournaments
from quizarena.game.models import Tournament, TournamentPlayer, TournamentRound
from quizarena.game.tournament_rules import FORMATS, TournamentKind
from quizarena.players.models import Player
from tests.bench import road
from tests.bench.processes import SECRET, cpu_seconds, everything
from tests.bench.report import Figure
from tests.sandbox import Sandbox

PLAYERS = 100
PER_SECOND = 50
# Nobody waits longer for anything here.
DEADLINE_S = 120


def measure(*, repetitions: int, seconds: int) -> Iterator[Figure]:
    """Measure each round of a cup in which all play at once, at a fixed rate."""
    answers = FORMATS[TournamentKind.CUP].lengths[0] * PLAYERS
    with Sandbox() as sandbox, everything(sandbox) as url:
        sandbox.set_webhook(f"{url}/telegram/webhook/", secret_token=SECRET)
        players = [sandbox.add_player(f"Player {number}") for number in range(PLAYERS)]
        for player in players:
            sandbox.say(player, "/start")
        greeted = OutgoingCall.objects.filter(method="sendMessage", state="SENT")
        _wait_until(greeted.count, PLAYERS)
        greetings = {one: sandbox.last_message(one)["message_id"] for one in players}
        cup = begin()
        crowd = road.Crowd(sandbox, taps=(f"{Data.TOURNAMENT_ANSWER}:",))
        rounds: list[list[float]] = []
        rates: list[float] = []
        used: dict[str, list[float]] = {}
        for number in range(1, (cup.rounds or 0) + 1):
            for player in players:
                play = f"{Data.TOURNAMENT_PLAY}:{cup.pk}"
                crowd.ready.append((player, greetings[player], play))
            waits: list[float] = []
            started, before = time.monotonic(), cpu_seconds()
            # The last answer leads to no question, so it is not among the waits.
            while (len(waits) < answers or crowd.ready) and (
                time.monotonic() < started + DEADLINE_S
            ):
                waits += road.run(crowd, seconds=1, per_second=PER_SECOND)
            rounds.append(waits)
            taps = answers + PLAYERS
            rates.append(taps / (time.monotonic() - started))
            ended = TournamentRound.objects.filter(tournament=cup, ended_at__isnull=False)
            _wait_until(ended.count, number)
            for part, seconds_used in cpu_seconds().items():
                spent = seconds_used - before.get(part, 0.0)
                used.setdefault(part, []).append(spent * 1_000 / taps)
    settings: dict[str, str | int | float] = {"players": PLAYERS, "taps a second": PER_SECOND}
    yield Figure(
        what=f"taps that arrived in a cup of {PLAYERS}, each round",
        unit="taps/s",
        samples=rates,
        settings=settings,
    )
    for part, samples in used.items():
        yield Figure(
            what=f"CPU per tap in a cup of {PLAYERS}, its notices and standings with it: {part}",
            unit="ms",
            samples=samples,
            settings=settings,
        )
    yield Figure(
        what=f"tap to accepted answer in a cup of {PLAYERS}, {PER_SECOND}/s: p50",
        unit="ms",
        samples=[statistics.median(waits) * 1_000 for waits in rounds],
        settings=settings,
    )
    yield Figure(
        what=f"tap to accepted answer in a cup of {PLAYERS}, {PER_SECOND}/s: p95",
        unit="ms",
        samples=[road.p95_ms(waits) for waits in rounds],
        target="<= 100",
        settings=settings,
    )


def begin() -> Tournament:
    """Begin a cup in which everybody plays, whatever time of day it is."""
    now = timezone.now()
    begun = timedelta(seconds=1)
    with transaction.atomic():
        cup = Tournament.objects.create(
            kind=TournamentKind.CUP,
            # Not today: in the afternoon the job opens today's.
            day=cups.today(now) - timedelta(days=1),
            created_at=now - begun,
            length=FORMATS[TournamentKind.CUP].lengths[0],
            opens_at=now - begun,
            closes_at=now + begun,
        )
        for player in Player.objects.all():
            TournamentPlayer.objects.create(tournament=cup, player=player, registered_at=now)
    time.sleep(begun.total_seconds())
    with transaction.atomic():
        locked = tournaments.lock(cup.pk)
        assert locked is not None
        tournaments.advance(locked, now=timezone.now())
    _wait_until(TournamentRound.objects.filter(tournament=cup).count, 1)
    cup.refresh_from_db()
    return cup


def _wait_until(count: Callable[[], int], expected: int) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while (found := count()) != expected:
        assert time.monotonic() < deadline, f"{found} of {expected}"
        time.sleep(0.1)
