"""A player's streak: activity, rollover, earning back, outages, calendar. Product rules, section 7.

The days are the truth, one row each; the streak sums them up. All that changes a player's days
happens under the lock of the player's wallet.

A day is rolled over when it has ended, by whoever comes first: the player or the nightly job. It
makes no difference who and when, because a missed day is judged by what was so when it ended: the
savers that were owned at its midnight and the plan that was active on it. A saver that is granted
later does not reach back. Before savers are removed from a wallet, `roll_over` is called, so that
days already missed use theirs first.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property

import structlog
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.utils.timezone import is_naive

from economy import ledger, streak_rules, wallets
from economy.errors import InvalidEntryError
from economy.goods import Plan
from economy.ledger import Deltas
from economy.models import (
    Asset,
    Direction,
    EntryType,
    LedgerEntry,
    OutageDay,
    PerfectRound,
    PremiumSpan,
    Source,
    Streak,
    StreakDay,
    Wallet,
)
from economy.streak_rules import DAY, EARN_BACK_ROUNDS, SHIELDABLE, Day, Outcome
from quizarena.players.models import Player
from quizarena.prepared import prepared
from quizarena.staff import audit, dates

# What staff declare reaches no further than this from today: what does is a typing error.
SHIELD_REACH = timedelta(days=31)
# Whom a shield helps is counted up to here, so that the preview of any outage takes no time.
COUNTED_MAX = 10_000

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreakChange:
    """A player's streak after an activity, and whether it was the first of the day."""

    current: int
    best: int
    is_first_of_day: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EarnBack:
    """A lost streak that can be earned back, or has just been."""

    length: int
    rounds_done: int
    until: datetime

    @property
    def is_earned(self) -> bool:
        """Whether this was the last round it took."""
        return self.rounds_done >= EARN_BACK_ROUNDS


def record_activity(*, player: Player, now: datetime) -> StreakChange:
    """Count the day of `now` as active, after rolling over the missed days before it.

    Called with every answered question and finished daily challenge: from the second time of a
    day on it is one read. The first time locks the wallet.
    """
    today = _day(now)
    streak = _streak_of.first(player_id=player.pk)
    if streak is not None and streak.last_active_day == today:
        return StreakChange(current=streak.current, best=streak.best, is_first_of_day=False)
    return _record_first_activity(player=player, today=today, now=now)


@prepared
def _streak_of(*, player_id: int) -> QuerySet[Streak]:
    return Streak.objects.filter(player_id=player_id)


@transaction.atomic
def _record_first_activity(*, player: Player, today: date, now: datetime) -> StreakChange:
    """Lock, look again, and count the day unless it has been counted meanwhile."""
    wallet = wallets.lock(player=player, now=now)
    played = StreakDay.objects.filter(player=player, day=today, outcome=Outcome.PLAYED)
    is_first = not played.exists()
    streak = _roll(player=player, wallet=wallet, facts={today: Outcome.PLAYED}, now=now)
    assert streak is not None
    return StreakChange(current=streak.current, best=streak.best, is_first_of_day=is_first)


def roll_over(*, player: Player, now: datetime) -> Streak | None:
    """Roll over the days before today, and return the streak; None before the first day.

    For each missed day of a running streak: an outage of ours costs nothing, else an owned saver
    is used, else a Premium freeze of that day's plan, else the streak is lost. Also changes
    days that were shielded after the fact. Locks the wallet if there is something to do.
    """
    if Streak.objects.due(today=_day(now)).filter(player=player).exists():
        with transaction.atomic():
            wallet = wallets.lock(player=player, now=now)
            return _roll(player=player, wallet=wallet, facts={}, now=now)
    return _streak_of.first(player_id=player.pk)


def current(*, player: Player, now: datetime) -> int:
    """Return how many days the streak has, 0 without one, as `roll_over` would leave it.

    Nothing is locked or written, so staff can look, too. One query unless days were missed; if
    none were, what is shielded after the fact is left to `roll_over`.
    """
    streak = _streak_of.first(player_id=player.pk)
    if streak is None:
        return 0
    if streak.current and streak.rolled_over_through < _day(now) - DAY:
        wallet = Wallet.objects.get(player=player)
        rolled = _rolled(streak, player=player, wallet=wallet, facts={}, now=now)
        return rolled.current if rolled else streak.current
    return streak.current


def roll_over_due(*, now: datetime, after: int, limit: int) -> list[int]:
    """Roll the next players by id over whose days are due, `limit` of them at most.

    Return their ids, none when there is nobody with an id over `after`. Each is a transaction of
    its own; one that fails is logged and left for the next time, and does not hold up the others.
    """
    due = Streak.objects.due(today=_day(now)).filter(player__gt=after).order_by("player")
    streaks = list(due.select_related("player")[:limit])
    for streak in streaks:
        try:
            roll_over(player=streak.player, now=now)
        except Exception:  # Of whatever kind: it is this player's alone.
            log.exception("streak.roll_over_failed", player=streak.pk)
    return [streak.pk for streak in streaks]


def earn_back(*, player: Player, now: datetime) -> EarnBack | None:
    """Return what the player can earn back at `now`, and how far they are; None if nothing."""
    # No window reaches further than three days back.
    recent = StreakDay.objects.filter(player=player, day__gte=_day(now) - 3 * DAY)
    lost = recent.filter(outcome=Outcome.MISSED).order_by("day").last()
    if lost is None:
        return None
    until = streak_rules.earn_back_until(lost.day, zone=wallets.business_zone())
    if now >= until:
        return None
    done = PerfectRound.objects.filter(player=player, finished_at__gte=_midnight_after(lost.day))
    return EarnBack(length=lost.length, rounds_done=done.count(), until=until)


@transaction.atomic
def record_perfect_round(*, player: Player, round_key: str, now: datetime) -> EarnBack | None:
    """Count a round of ten right answers towards the streak that the player lost.

    The third one within 48 hours after the end of the missed day gives the streak back, with what
    has been played since on top. Each loss can be made good once; a round counts once. Returns
    how far the player is, or None when there is nothing to earn back.

    Locks the wallet. A streak given back is an entry of the ledger that moves nothing in it.
    """
    roll_over(player=player, now=now)
    # After the rollover: it may have used a saver.
    wallet = wallets.lock(player=player, now=now)
    if earn_back(player=player, now=now) is None:
        return None
    PerfectRound.objects.get_or_create(
        player=player, round_key=round_key, defaults={"finished_at": now}
    )
    progress = earn_back(player=player, now=now)
    assert progress is not None
    if progress.is_earned:
        gap = _gap(player=player, now=now)
        ledger.post(
            player=player,
            type=EntryType.EARN_BACK,
            asset=Asset.GOODS,
            direction=Direction.CREDIT,
            amount=1,
            deltas=Deltas(),
            source=Source.GAME,
            key=f"earn-back:{gap[0]}",
            request={},
            now=now,
            metadata={"days": [str(day) for day in gap]},
        )
        facts = dict.fromkeys(gap, Outcome.EARNED_BACK)
        _roll(player=player, wallet=wallet, facts=facts, now=now)
    return progress


def _gap(*, player: Player, now: datetime) -> list[date]:
    """Return the days from the last loss up to the next activity, or to yesterday."""
    days = StreakDay.objects.filter(player=player).order_by("day")
    lost = days.filter(outcome=Outcome.MISSED).values_list("day", flat=True).last()
    assert lost is not None
    back = days.filter(day__gt=lost).values_list("day", flat=True).first()
    return streak_rules.days(lost, (back or _day(now)) - DAY)


def shield(
    *, first_day: date, last_day: date, staff: User, reason: str, now: datetime
) -> list[OutageDay]:
    """Declare the days an outage of ours: they cost nobody a streak, a saver or a freeze.

    Days already rolled over are changed by the job, which starts after the commit, or when the
    player comes: a lost streak is restored, a used saver is returned. Returns the days that have
    not been shielded before. Raises InvalidEntryError for days in the wrong order or far from
    today, and for a reason that is missing.
    """
    _check_shield(first_day=first_day, last_day=last_day, now=now)
    if not reason.strip():
        raise InvalidEntryError("An outage needs a reason.")
    return _shield(streak_rules.days(first_day, last_day), staff=staff, reason=reason, now=now)


def shield_downtime(*, days: Sequence[date], reason: str, now: datetime) -> list[OutageDay]:
    """Shield the days on which recorded downtime kept players from playing; like `shield`.

    However long ago they are: what is recorded is no typing error.
    """
    return _shield(days, staff=None, reason=reason, now=now)


@transaction.atomic
def _shield(
    days: Sequence[date], *, staff: User | None, reason: str, now: datetime
) -> list[OutageDay]:
    """Keep the days that are not outage days yet, and return them."""
    shielded = []
    for day in days:
        outage_day, is_new = OutageDay.objects.get_or_create(
            day=day, defaults={"staff": staff, "reason": reason, "created_at": now}
        )
        if is_new:
            shielded.append(outage_day)
    if shielded:
        which = dates.days(shielded[0].day, shielded[-1].day)
        from economy import tasks  # It calls this module.

        audit.record(
            actor=staff,
            action="streaks.shield",
            summary=f"Streaks shielded, {which}: {reason}",
            details={"days": [str(one.day) for one in shielded]},
        )
        # A broker that is away costs time and nothing else: the nightly job finds the days.
        transaction.on_commit(tasks.roll_over_streaks.delay, robust=True)
    return shielded


@dataclass(frozen=True, slots=True, kw_only=True)
class ShieldEffect:
    """What a shield would change: each number is exact up to COUNTED_MAX, and no larger.

    `restored` counts days of players by the outcome that the shield takes the place of;
    `waiting` are streaks that would end, or take a saver or a freeze, if nobody played any more.
    """

    shielded_before: int
    restored: Mapping[Outcome, int]
    waiting: int


def preview_shield(*, first_day: date, last_day: date, now: datetime) -> ShieldEffect:
    """Return what `shield` would change, or raise what it would raise. Nothing is written."""
    _check_shield(first_day=first_day, last_day=last_day, now=now)
    costly = StreakDay.objects.filter(outcome__in=SHIELDABLE, day__range=(first_day, last_day))
    outcomes = costly.exclude(day__in=OutageDay.objects.values("day")).values_list("outcome")
    waiting = Streak.objects.waiting(day=last_day)[:COUNTED_MAX]
    return ShieldEffect(
        shielded_before=len(_outage_days(first_day, last_day)),
        restored=Counter(Outcome(outcome) for (outcome,) in outcomes[:COUNTED_MAX]),
        waiting=waiting.count() if last_day >= _day(now) else 0,
    )


def _check_shield(*, first_day: date, last_day: date, now: datetime) -> None:
    """Raise InvalidEntryError for days in the wrong order or too far away."""
    today = _day(now)
    if first_day > last_day:
        raise InvalidEntryError(f"{dates.day(first_day)} is after {dates.day(last_day)}.")
    if not today - SHIELD_REACH <= first_day <= last_day <= today + SHIELD_REACH:
        raise InvalidEntryError(
            f"Choose days at most {SHIELD_REACH.days} days before or after today."
        )


def calendar(*, player: Player, month: date, now: datetime) -> list[tuple[date, Outcome]]:
    """Return the outcome of each day of the month of `month`, in order.

    Begins with the player's first active day and ends with the last day rolled over: call
    `roll_over` first. A day without a streak to lose is MISSED, or SHIELDED if the outage was ours.
    """
    streak = Streak.objects.filter(player=player).first()
    if streak is None:
        return []
    days = StreakDay.objects.filter(player=player)
    begin = days.order_by("day").values_list("day", flat=True)[0]
    first = month.replace(day=1)
    last = (first + 31 * DAY).replace(day=1) - DAY
    # Without a streak there is nothing to roll over: what is over has been missed.
    known_until = streak.rolled_over_through if streak.current else _day(now) - DAY
    first, last = max(first, begin), min(last, known_until)
    recorded = dict(days.filter(day__range=(first, last)).values_list("day", "outcome"))
    outages = _outage_days(first, last)
    return [
        (day, Outcome(recorded.get(day) or ("SHIELDED" if day in outages else "MISSED")))
        for day in streak_rules.days(first, last)
    ]


def mark_notified(*, day: StreakDay, now: datetime) -> bool:
    """Claim the notice of `day` (see StreakDay.objects.undelivered); return True once.

    False also when its outcome has changed meanwhile: then there is another notice to send.
    """
    pending = StreakDay.objects.filter(pk=day.pk, outcome=day.outcome, notified_at=None)
    return pending.update(notified_at=now) == 1


def _day(now: datetime) -> date:
    """Return the business day of an instant. Raises InvalidEntryError for a naive one."""
    if is_naive(now):
        raise InvalidEntryError("An instant needs a time zone.")
    return now.astimezone(wallets.business_zone()).date()


def _midnight_after(day: date) -> datetime:
    """Return when a business day is over."""
    return streak_rules.midnight_after(day, zone=wallets.business_zone())


def _outage_days(first: date, last: date) -> set[date]:
    """Return the days between the two that an outage of ours has spoilt."""
    return set(OutageDay.objects.filter(day__range=(first, last)).values_list("day", flat=True))


def safety(*, wallet: Wallet, first: date, last: date) -> streak_rules.Safety:
    """Return what can save the missed days of the wallet's player between the two, by the rules."""
    return _Safety(wallet=wallet, first=first, last=last)


@dataclass(frozen=True, kw_only=True)
class _Safety:
    """What can save the player's missed days from `first` on; read when first asked for."""

    wallet: Wallet
    first: date
    last: date

    def is_shielded(self, day: date) -> bool:
        return day in self._outage_days

    def savers(self, day: date) -> int:
        """Return the savers owned at the end of the day, less those used for any day since.

        That is what is in the wallet less what has been given since; what has been taken since
        is gone, whatever was owned then.
        """
        over = _midnight_after(day)
        since = sum(savers for at, savers in self._saver_moves if at >= over)
        return self.wallet.streak_savers - max(0, since)

    def freezes(self, day: date) -> int | None:
        """Return what the highest plan allows that was active at any moment of the day."""
        begins, over = _midnight_after(day - DAY), _midnight_after(day)
        plans = [
            Plan(span.plan)
            for span in self._premium
            if max(begins, span.starts_at) < min(over, span.until)
        ]
        return max(plans, key=lambda plan: plan.rank).freezes_per_week if plans else 0

    @cached_property
    def _outage_days(self) -> set[date]:
        return _outage_days(self.first, self.last)

    @cached_property
    def _premium(self) -> list[PremiumSpan]:
        return list(
            PremiumSpan.objects.filter(
                player=self.wallet.player_id,
                starts_at__lt=_midnight_after(self.last),
                ends_at__gt=_midnight_after(self.first - DAY),
            )
        )

    @cached_property
    def _saver_moves(self) -> list[tuple[datetime, int]]:
        """Return what was given and taken since the first day ended, uses aside."""
        return list(
            LedgerEntry.objects.filter(
                player=self.wallet.player_id, created_at__gte=_midnight_after(self.first)
            )
            .exclude(streak_savers=0)
            .exclude(type__in=[EntryType.SAVER_USED, EntryType.SAVER_RETURNED])
            .values_list("created_at", "streak_savers")
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rolled:
    """Days as the rules have them by now, up to `last`, beside what is stored of them."""

    days: list[Day]
    stored: Mapping[date, StreakDay]
    last: date

    @property
    def current(self) -> int:
        return self.days[-1].streak if self.days else 0


def _rolled(
    streak: Streak | None,
    *,
    player: Player,
    wallet: Wallet,
    facts: Mapping[date, Outcome],
    now: datetime,
) -> _Rolled | None:
    """Return what becomes of the days up to yesterday, or to the last of `facts`; None if nothing.

    `facts` are days that are now known to be PLAYED or EARNED_BACK. Begins with the first day that
    is not rolled over or has changed. Nothing is written.
    """
    through = [streak.rolled_over_through] if streak else []
    shieldable = StreakDay.objects.shieldable().filter(player=player).order_by("day")
    first = min(
        [*facts, *(day + DAY for day in through), *shieldable.values_list("day", flat=True)[:1]],
        default=date.max,
    )
    last = max([*facts, *through, _day(now) - DAY])
    if first > last:
        return None
    before = first - DAY
    since = min(before, *streak_rules.week_of(first))
    stored = {row.day: row for row in StreakDay.objects.filter(player=player, day__gte=since)}
    days = streak_rules.roll(
        length=stored[before].streak if before in stored else 0,
        first=first,
        last=last,
        recorded={day: Outcome(row.outcome) for day, row in stored.items()},
        facts=facts,
        safety=_Safety(wallet=wallet, first=first, last=last),
    )
    return _Rolled(days=days, stored=stored, last=last)


def _roll(
    *, player: Player, wallet: Wallet, facts: Mapping[date, Outcome], now: datetime
) -> Streak | None:
    """Bring days and streak up to date, see `_rolled`; the wallet is locked.

    Returns the streak, None if the player has none.
    """
    streak = Streak.objects.filter(player=player).first()
    rolled = _rolled(streak, player=player, wallet=wallet, facts=facts, now=now)
    if rolled is None:
        return streak
    _keep(rolled.days, stored=rolled.stored, player=player, now=now)
    current = rolled.current
    best = max(day.length for day in rolled.days) if rolled.days else 0
    active = [day for day, outcome in facts.items() if outcome is Outcome.PLAYED]
    if streak is None:
        return Streak.objects.create(
            player=player,
            current=current,
            best=best,
            last_active_day=max(active),
            rolled_over_through=rolled.last,
        )
    streak.current = current
    streak.best = max(streak.best, best)
    streak.last_active_day = max([streak.last_active_day, *active])
    streak.rolled_over_through = rolled.last
    streak.save(update_fields=["current", "best", "last_active_day", "rolled_over_through"])
    return streak


def _keep(
    rolled: list[Day], *, stored: Mapping[date, StreakDay], player: Player, now: datetime
) -> None:
    """Store the days that are new or have changed, and move the savers they took."""
    new, changed = [], []
    for day in rolled:
        row = stored.get(day.day)
        if row is None:
            row = StreakDay(player=player, day=day.day)
            new.append(row)
        elif (row.outcome, row.length) != (day.outcome, day.length):
            changed.append(row)
        if row.outcome != day.outcome:
            if row.entry_id is not None:
                _return_saver(row, now=now)
            row.entry = (
                _use_saver(player=player, day=day.day, now=now)
                if day.outcome is Outcome.FROZEN_SAVER
                else None
            )
            row.outcome, row.notified_at = day.outcome, None
        row.length = day.length
    StreakDay.objects.bulk_create(new)
    StreakDay.objects.bulk_update(changed, ["outcome", "length", "entry", "notified_at"])


def _use_saver(*, player: Player, day: date, now: datetime) -> LedgerEntry:
    """Take the saver for a missed day."""
    entry, _ = ledger.post(
        player=player,
        type=EntryType.SAVER_USED,
        asset=Asset.STREAK_SAVERS,
        direction=Direction.DEBIT,
        amount=1,
        deltas=Deltas(streak_savers=-1),
        source=Source.SYSTEM,
        key=f"saver:{day}",
        request={"day": day},
        now=now,
        metadata={"day": str(day)},
    )
    return entry


def _return_saver(row: StreakDay, *, now: datetime) -> None:
    """Return the saver of a day that has turned out not to need it."""
    ledger.post(
        player=row.player,
        type=EntryType.SAVER_RETURNED,
        asset=Asset.STREAK_SAVERS,
        direction=Direction.CREDIT,
        amount=1,
        deltas=Deltas(streak_savers=1),
        source=Source.SYSTEM,
        key=f"return:saver:{row.day}",
        request={"day": row.day},
        now=now,
        metadata={"day": str(row.day)},
        reverses=row.entry,
    )
