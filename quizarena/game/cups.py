"""The daily cup: who registers for it, and when it opens. Product rules, section 11.

What happens from the end of registration on stands in tournaments.py.
"""

from datetime import date, datetime

from django.db import transaction

from economy.wallets import business_zone
from quizarena.game import tournaments
from quizarena.game.errors import RegistrationClosedError
from quizarena.game.models import Badge, Tournament, TournamentPlayer
from quizarena.game.tournament_rules import (
    FORMATS,
    REGISTRATION_CLOSES,
    REGISTRATION_OPENS,
    TournamentKind,
)
from quizarena.players.models import Player


def today(now: datetime) -> date:
    """Return the business day of an instant."""
    return now.astimezone(business_zone()).date()


def opens_at(day: date) -> datetime:
    """Return when registration for the cup of the day opens."""
    return datetime.combine(day, REGISTRATION_OPENS, tzinfo=business_zone())


def starts_at(day: date) -> datetime:
    """Return when registration for the cup of the day closes, and its first round begins."""
    return datetime.combine(day, REGISTRATION_CLOSES, tzinfo=business_zone())


def is_open(now: datetime) -> bool:
    """Return whether one can register for a cup now."""
    day = today(now)
    return opens_at(day) <= now < starts_at(day)


def of_day(day: date) -> Tournament | None:
    """Return the cup of the day; None if its registration has not been opened."""
    return Tournament.objects.filter(day=day).first()


def open_registration(*, now: datetime) -> bool:
    """Make today's cup while one can register for it; return whether this call has made it.

    Two at once make one.
    """
    day = today(now)
    if not is_open(now) or of_day(day) is not None:
        return False
    made = Tournament.objects.bulk_create(
        [
            Tournament(
                kind=TournamentKind.CUP,
                day=day,
                created_at=now,
                length=FORMATS[TournamentKind.CUP].lengths[0],
                opens_at=opens_at(day),
                closes_at=starts_at(day),
            )
        ],
        ignore_conflicts=True,
    )
    return bool(made)


@transaction.atomic
def register(*, player: Player, now: datetime) -> TournamentPlayer:
    """Register the player for today's cup; a second time is the same. Locks the cup.

    Raises RegistrationClosedError before and after registration, and TournamentFullError for the
    hundred and first.
    """
    open_registration(now=now)
    return tournaments.register(_lock_today(now=now), player=player, now=now)


@transaction.atomic
def leave(*, player: Player, now: datetime) -> None:
    """Let the player not play today's cup after all. Locks it.

    Raises RegistrationClosedError once it has begun.
    """
    tournaments.leave(_lock_today(now=now), player=player, now=now)


def _lock_today(*, now: datetime) -> Tournament:
    cup = of_day(today(now))
    locked = None if cup is None else tournaments.lock(cup.pk)
    if locked is None:
        raise RegistrationClosedError(None)
    return locked


def badges_of(player: Player) -> list[Badge]:
    """Return the badges of the player, the first ones first."""
    return list(Badge.objects.filter(player=player).order_by("pk"))
