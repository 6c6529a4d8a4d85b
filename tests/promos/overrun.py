"""The proof that no campaign is overrun: `make prove-promos`, with ARGS="--seed 7" that one again.

Processes with connections of their own redeem, attach, lock, apply, release, expire, revoke, pause
and end, all at once and on few campaigns with small limits; meanwhile some are killed by
SIGKILL and started anew, and one looks, as often as it can, whether anything is over its limit. An
hour passes in four seconds, so that reservations run out.
"""

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from promos.models import Campaign
    from quizarena.players.models import Player

# So much faster than the real one goes the clock of this world.
SPEED = 900
BEGINNING = datetime(2026, 11, 22, 12, tzinfo=UTC)
# So many campaigns run at once, and so many players try at once.
SLOTS = 12
CROWD = 64
# The redemptions that everybody meddles with.
RING = 128
PLAYERS_PER_OPERATION = 0.1
# A worker is killed so often.
KILL_EVERY_SECONDS = 1.0
SAMPLE_EVERY_SECONDS = 0.05

# What a process does next, and how often.
OPERATIONS = {
    "redeem": 46,
    "attach": 12,
    "keep": 6,
    "apply": 12,
    "release": 8,
    "revoke": 4,
    "take_back": 2,
    "expire": 4,
    "pause": 2,
    "unpause": 3,
    "end": 1,
}

_SAMPLE = """
SELECT campaign.id, campaign.uses_max, campaign.stars_max,
  campaign.reserved, campaign.applied, campaign.stars_reserved, campaign.stars_given,
  count(*) FILTER (WHERE status_of = 'RESERVED'),
  count(*) FILTER (WHERE status_of IN ('APPLIED', 'REVOKED')),
  coalesce(sum(stars_off) FILTER (WHERE status_of = 'RESERVED'), 0),
  coalesce(sum(stars_off) FILTER (WHERE status_of IN ('APPLIED', 'REVOKED')), 0)
FROM promos_campaign AS campaign
LEFT JOIN (SELECT campaign_id, status AS status_of, stars_off FROM promos_redemption) AS redemption
  ON redemption.campaign_id = campaign.id
WHERE campaign.status IN ('ACTIVE', 'PAUSED')
GROUP BY campaign.id
"""


@dataclass(kw_only=True)
class Report:
    """What has been done, and everything that was wrong."""

    seed: int
    operations: int = 0
    kills: int = 0
    samples: int = 0
    seconds: float = 0.0
    outcomes: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)


class World:
    """What all processes share: memory that survives whoever is killed, and a place for notes."""

    def __init__(self, *, operations: int, processes: int, seed: int, directory: Path) -> None:
        context = get_context("fork")
        self.operations, self.seed = operations, seed
        self.done = context.RawArray("Q", processes)
        # The generation of the campaign in each slot.
        self.generations = context.RawArray("Q", SLOTS)
        self.ring = context.RawArray("Q", RING)
        self.samples = context.RawValue("Q", 0)
        self.is_over = context.RawValue("b", 0)
        self.began = time.time()
        self.players: list[Player] = []
        self._notes = directory / "wrong"
        self._outcomes = directory

    @property
    def count(self) -> int:
        """How many operations have been done."""
        return sum(self.done)

    def now(self) -> datetime:
        """Return what the clock shows."""
        return BEGINNING + timedelta(seconds=(time.time() - self.began) * SPEED)

    def note(self, wrong: str) -> None:
        """Write down something that must not be."""
        with self._notes.open("a") as notes:
            notes.write(json.dumps(wrong) + "\n")

    def wrong(self) -> list[str]:
        """Return everything that was written down."""
        if not self._notes.exists():
            return []
        return [json.loads(line) for line in self._notes.read_text().splitlines()]

    def keep_outcomes(self, name: str, outcomes: Counter[str]) -> None:
        """Write down how a process's operations have ended so far."""
        unfinished = self._outcomes / f"unfinished-{name}"
        unfinished.write_text(json.dumps(outcomes))
        unfinished.replace(self._outcomes / f"outcomes-{name}")

    def outcomes(self) -> dict[str, int]:
        """Return how operations have ended, but for the last few of whoever was killed."""
        total: Counter[str] = Counter()
        for each in self._outcomes.glob("outcomes-*"):
            total.update(json.loads(each.read_text()))
        return dict(sorted(total.items()))


def run(
    *,
    operations: int,
    processes: int,
    seed: int,
    kill_every_seconds: float = KILL_EVERY_SECONDS,
    progress: Callable[[Report], None] | None = None,
) -> Report:
    """Let `processes` do so many operations on the configured database, and prove the outcome."""
    from django.db import connections

    report = Report(seed=seed)
    with TemporaryDirectory() as directory:
        world = World(
            operations=operations, processes=processes, seed=seed, directory=Path(directory)
        )
        _finish(world)
        # A child must not share its parent's connection.
        connections.close_all()
        for _ in _while_they_work(world, processes, kill_every_seconds, report):
            report.operations, report.samples = world.count, world.samples.value
            report.seconds = time.time() - world.began
            if progress is not None:
                progress(report)
        if not world.wrong():
            _prove(world)
        report.outcomes, report.wrong = world.outcomes(), world.wrong()
    return report


def _while_they_work(
    world: World, processes: int, kill_every_seconds: float, report: Report
) -> Iterator[None]:
    """Start the processes, kill and start them again until all is done; yield now and then."""
    context = get_context("fork")
    chance = Random(f"{world.seed}:killer")
    lives = [0] * processes

    def start(number: int) -> BaseProcess:
        lives[number] += 1
        process = context.Process(target=_work, args=(world, number, lives[number]))
        process.start()
        return process

    sampler = context.Process(target=_sample, args=(world,))
    sampler.start()
    workers = [start(number) for number in range(processes)]
    kill_at = time.time() + kill_every_seconds
    while world.count < world.operations and not world.wrong():
        time.sleep(0.05)
        if time.time() >= kill_at:
            number = chance.randrange(processes)
            workers[number].kill()
            workers[number].join()
            workers[number] = start(number)
            report.kills += 1
            kill_at = time.time() + kill_every_seconds
        yield
    for worker in workers:
        worker.join()
    world.is_over.value = 1
    sampler.join()
    yield


# --- The world ------------------------------------------------------------------------------------


def _finish(world: World) -> None:
    """Make the players and the first campaigns."""
    from quizarena.players.models import Player

    count = int(world.operations * PLAYERS_PER_OPERATION) + CROWD + SLOTS * 32
    world.players = Player.objects.bulk_create(
        Player(
            telegram_id=8 * 10**15 + number,
            first_name="Anna",
            created_at=BEGINNING,
            last_seen_at=BEGINNING,
        )
        for number in range(count)
    )
    for slot in range(SLOTS):
        _open(world, slot, generation=0)


def _code(slot: int, generation: int) -> str:
    return f"OVERRUN{slot}X{generation}"


def _open(world: World, slot: int, generation: int) -> None:
    """Start the campaign of this generation in a slot, unless somebody has done so."""
    from django.db import transaction

    from promos import campaigns
    from promos.errors import BadBatchError
    from promos.models import Campaign

    chance = Random(f"{world.seed}:{slot}:{generation}")
    is_grant = slot % 4 == 3
    with suppress(BadBatchError), transaction.atomic():
        campaign = Campaign.objects.create(
            name=_code(slot, generation),
            kind="ENERGY_GRANT" if is_grant else "PERCENT_DISCOUNT",
            value=5 if is_grant else 20,
            starts_at=BEGINNING,
            uses_max=chance.randint(1, 10),
            stars_max=None if is_grant or slot % 3 == 0 else chance.randint(5, 60),
            created_at=BEGINNING,
            changed_at=BEGINNING,
        )
        campaigns.share_code(campaign_id=campaign.pk, raw=_code(slot, generation), now=BEGINNING)
        campaigns.start(campaign_id=campaign.pk, reason="", now=BEGINNING, staff=None)
    world.generations[slot] = max(world.generations[slot], generation)


def _work(world: World, number: int, life: int) -> None:
    """Do one operation after the other until all together have done enough."""
    from django.db import connection

    chance = Random(f"{world.seed}:{number}:{life}")
    hand = Hand(world, chance, name=f"{number}:{life}")
    outcomes: Counter[str] = Counter()
    names, weights = list(OPERATIONS), list(OPERATIONS.values())
    try:
        while world.count < world.operations and not world.is_over.value:
            [name] = chance.choices(names, weights)
            outcomes[f"{name}: {getattr(hand, name)()}"] += 1
            world.done[number] += 1
            if world.done[number] % 16 == 0:
                world.keep_outcomes(f"{number}-{life}", outcomes)
    except Exception as error:  # noqa: BLE001 -- whatever it is, it must not be.
        world.note(f"{type(error).__name__}: {error}")
    finally:
        connection.close()
    world.keep_outcomes(f"{number}-{life}", outcomes)


class Hand:
    """What one process can do; each verb returns what came of it."""

    def __init__(self, world: World, chance: Random, *, name: str) -> None:
        self.world, self.chance, self.name = world, chance, name
        self.tries = 0

    def redeem(self) -> str:
        """Let one of the players who are there enter one of the codes that are out."""
        from promos import redemptions
        from promos.models import Channel

        slot = self.chance.randrange(SLOTS)
        generation = self.world.generations[slot]
        self.tries += 1
        result = redemptions.redeem(
            player=self._player(),
            raw=_code(slot, generation),
            channel=Channel.API,
            key=f"{self.name}:{self.tries}",
            now=self.world.now(),
        )
        if result.redemption is not None:
            self.world.ring[self.chance.randrange(RING)] = result.redemption.pk
            return str(result.redemption.status)
        if result.reason in ("DEPLETED", "ENDED"):
            _open(self.world, slot, generation + 1)
        return str(result.reason)

    def attach(self) -> str:
        """Let a reservation take Stars off a purchase."""
        from django.db import transaction

        from promos import reservations
        from promos.errors import NotAttachableError
        from promos.models import Redemption

        reserved = (
            Redemption.objects.filter(pk=self._redemption_id()).select_related("player").first()
        )
        if reserved is None:
            return "none"
        with suppress(NotAttachableError), transaction.atomic():
            reservations.attach(
                redemption_id=reserved.pk,
                player=reserved.player,
                stars_off=self.chance.randint(1, 20),
                now=self.world.now(),
            )
            return "True"
        return "False"

    def keep(self) -> str:
        """Approve the pre-checkout of a purchase with a reservation."""
        return self._move("lock_for_payment")

    def apply(self) -> str:
        """Credit a purchase with a reservation."""
        return self._move("apply")

    def release(self) -> str:
        """Let a purchase with a reservation die."""
        return self._move("release")

    def revoke(self) -> str:
        """Refund a purchase with a reservation that was applied; grants are taken back instead."""
        from promos.models import Redemption

        redemption_id = self._redemption_id()
        is_discount = Redemption.objects.filter(
            pk=redemption_id, campaign__kind="PERCENT_DISCOUNT"
        ).exists()
        return self._move("revoke", redemption_id) if is_discount else "none"

    def take_back(self) -> str:
        """Take back what a grant gave."""
        from promos import redemptions
        from promos.models import Redemption

        redemption_id = self._redemption_id()
        if not Redemption.objects.filter(pk=redemption_id, campaign__kind="ENERGY_GRANT").exists():
            return "none"
        taken = redemptions.reverse(
            redemption_id=redemption_id, reason="Proof.", now=self.world.now(), staff=None
        )
        return str(taken is not None)

    def expire(self) -> str:
        """Run the job that expires reservations."""
        from promos import reservations

        return str(reservations.expire(now=self.world.now(), limit=5) > 0)

    def pause(self) -> str:
        """Pause a campaign."""
        return self._operate("pause")

    def unpause(self) -> str:
        """Let a campaign go on."""
        return self._operate("unpause")

    def end(self) -> str:
        """End a campaign with whatever is reserved of it; the next one takes its place."""
        return self._operate("end")

    def _player(self) -> "Player":
        """Return one of those who are there just now: everybody comes, stays for a while, goes."""
        first = int(self.world.count * PLAYERS_PER_OPERATION)
        return self.world.players[first + self.chance.randrange(CROWD)]

    def _redemption_id(self) -> int:
        return int(self.world.ring[self.chance.randrange(RING)])

    def _move(self, verb: str, redemption_id: int = 0) -> str:
        from promos import reservations

        move: Callable[..., bool] = getattr(reservations, verb)
        return str(move(redemption_id=redemption_id or self._redemption_id(), now=self.world.now()))

    def _operate(self, verb: str) -> str:
        from promos import campaigns
        from promos.errors import IllegalMoveError
        from promos.models import Campaign

        slot = self.chance.randrange(SLOTS)
        campaign = Campaign.objects.get(name=_code(slot, self.world.generations[slot]))
        with suppress(IllegalMoveError):
            getattr(campaigns, verb)(
                campaign_id=campaign.pk, reason="Proof.", now=self.world.now(), staff=None
            )
            return "True"
        return "False"


# --- The proof ------------------------------------------------------------------------------------


def _sample(world: World) -> None:
    """Look at all campaigns that run, again and again: rows, counters and limits."""
    from django.db import connection

    try:
        while not world.is_over.value:
            with connection.cursor() as cursor:
                cursor.execute(_SAMPLE)
                for row in cursor.fetchall():
                    _look_at(world, row)
            world.samples.value += 1
            time.sleep(SAMPLE_EVERY_SECONDS)
    finally:
        connection.close()


def _look_at(world: World, row: tuple[Any, ...]) -> None:
    """Note what is wrong with one campaign at one instant."""
    pk, uses_max, stars_max, *counts = row
    counters, (reserved, applied, stars_reserved, stars_given) = counts[:4], counts[4:]
    if counters != [reserved, applied, stars_reserved, stars_given]:
        world.note(f"Campaign {pk} counts {counters}; there are {counts[4:]}.")
    if applied + reserved > uses_max:
        world.note(f"Campaign {pk} is overrun: {applied} + {reserved} of {uses_max}.")
    if stars_max is not None and stars_given + stars_reserved > stars_max:
        world.note(
            f"Campaign {pk} is over budget: {stars_given} + {stars_reserved} of {stars_max}."
        )


def _prove(world: World) -> None:
    """Note what does not add up at the end, when nobody does anything any more."""
    from django.db.models import Count

    from economy.models import LedgerEntry
    from promos import counters, reservations
    from promos.models import Campaign, Redemption

    late = world.now() + timedelta(days=1)
    for campaign in counters.find_differing(now=late):
        world.note(f"{campaign}: the counters differ from the redemptions.")
    grants = Redemption.objects.filter(campaign__kind="ENERGY_GRANT")
    for outcome, type_, redeemed in (
        ("given", "PROMO_GRANT", grants.filter(status__in=["APPLIED", "REVOKED"])),
        ("taken back", "TAKEN_BACK", grants.filter(status="REVOKED")),
    ):
        entries = LedgerEntry.objects.filter(type=type_, source="PROMO")
        if entries.count() != redeemed.count():
            world.note(
                f"{entries.count()} grants were {outcome} for {redeemed.count()} redemptions."
            )
    twice = (
        Redemption.objects.exclude(status="EXPIRED")
        .values("campaign", "player")
        .annotate(times=Count("pk"))
        .filter(times__gt=1)
    )
    if twice.exists():
        world.note("Somebody has redeemed a campaign twice.")
    # Whatever is reserved now is given back, and can be used by others, down to the last one.
    while reservations.expire(now=late, limit=1_000):
        pass
    for pk in Redemption.objects.filter(status="RESERVED").values_list("pk", flat=True):
        reservations.release(redemption_id=pk, now=late)
    fresh = iter(world.players[-SLOTS * 32 :])
    for slot in range(SLOTS):
        campaign = Campaign.objects.get(name=_code(slot, world.generations[slot]))
        _use_up(world, campaign, fresh, now=late)
    for campaign in counters.find_differing(now=late):
        world.note(f"{campaign}: the counters differ from the redemptions at the end.")


def _use_up(
    world: World, campaign: "Campaign", players: Iterator["Player"], *, now: datetime
) -> None:
    """Note if a campaign cannot be used exactly as often as its limit has left."""
    from promos import campaigns, redemptions
    from promos.models import Channel

    if campaign.status == "PAUSED" and campaign.applied < (campaign.uses_max or 0):
        campaign = campaigns.unpause(campaign_id=campaign.pk, reason="", now=now, staff=None)
    if campaign.status != "ACTIVE":
        return
    left, used = (campaign.uses_max or 0) - campaign.applied, 0
    while redemptions.redeem(
        player=next(players), raw=campaign.name, channel=Channel.API, key="last", now=now
    ).redemption:
        used += 1
    if (used, campaign.reserved) != (left, 0):
        world.note(f"{campaign}: {left} uses were left, {used} could be used.")


# --- The program ----------------------------------------------------------------------------------


def main() -> None:
    """Migrate a fresh database, run, and say what was found; exit with 1 if that is anything."""
    parser = argparse.ArgumentParser(prog="make prove-promos")
    parser.add_argument("--operations", type=int, default=200_000)
    parser.add_argument("--processes", type=int, default=16)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "quizarena.settings")
    os.environ.setdefault("ENVIRONMENT", "local")
    os.environ.setdefault("LOG_LEVEL", "CRITICAL")

    import django

    django.setup()
    from django.core.management import call_command
    from rich.console import Console

    console = Console(highlight=False)
    call_command("migrate", verbosity=0)
    console.print(
        f"Seed {options.seed}: {options.operations:,} operations by {options.processes} processes."
    )
    reported_at = 0.0

    def progress(report: Report) -> None:
        nonlocal reported_at
        if report.seconds - reported_at >= 10:
            reported_at = report.seconds
            console.print(
                f"{report.operations:,} operations in {report.seconds:.0f} s,"
                f" {report.kills} kills, {report.samples:,} looks"
            )

    report = run(
        operations=options.operations,
        processes=options.processes,
        seed=options.seed,
        progress=progress,
    )
    for outcome, count in report.outcomes.items():
        console.print(f"  {count:>8,}  {outcome}")
    console.print(
        f"{report.operations:,} operations in {report.seconds:.0f} s, {report.kills} kills,"
        f" {report.samples:,} looks, seed {report.seed}: {len(report.wrong)} wrong."
    )
    for wrong in report.wrong[:20]:
        console.print(f"  {wrong}")
    sys.exit(1 if report.wrong else 0)


if __name__ == "__main__":
    main()
