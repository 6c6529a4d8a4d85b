"""Redeeming a code, and taking back what it gave. Product rules, section 8.

One player's tries are one after the other: each locks the player. The campaign counts by itself
(promos/models/redemption.py), so a use is claimed by inserting a redemption, or nothing is
inserted.
"""

from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import partial
from typing import Any

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import QuerySet

from economy import grants, wallets
from economy.goods import Goods, Plan
from economy.grants import Reversal
from economy.models import EntryType, LedgerEntry, Source
from economy.streak_rules import midnight_after
from economy.wallets import business_zone, day_began
from promos import buyable, codes, reservations, rules
from promos.errors import KeyReusedError, Refusal
from promos.holdout import held_out_sql
from promos.models import (
    RESERVATION_TTL,
    Attempt,
    Block,
    Campaign,
    CampaignKind,
    Channel,
    Code,
    Redemption,
    RedemptionStatus,
)
from promos.models.code import stopped_sql
from promos.models.redemption import lapsed_sql, reserved_sql
from promos.rules import (
    BLOCK_FOR,
    FAILURES_MAX,
    FAILURES_WITHIN,
    NO_FAILURES,
    TRIES_A_DAY_MAX,
    Person,
    Reason,
    Terms,
)
from quizarena.game.statistics import level as level_of
from quizarena.players import services as players
from quizarena.players.models import Player
from quizarena.prepared import insert

# As which plan so many days of Premium are given.
PLANS = {7: Plan.STARTER, 30: Plan.MONTH, 90: Plan.SEASON}


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a try has ended: a redemption, or a refusal; `reason` is for staff.

    `blocked_until` says until when further codes are not looked at, if so.
    """

    redemption: Redemption | None = None
    refusal: Refusal | None = None
    reason: Reason | None = None
    blocked_until: datetime | None = None


class _LostRaceError(Exception):
    """Others have taken what was there a moment ago. Nothing has been changed."""


def redeem(*, player: Player, raw: str, channel: Channel, key: str, now: datetime) -> Result:
    """Let the player use a code, once per idempotency `key`; what is refused is a result, too.

    Locks the player, for goods the wallet, then the campaign, on which everybody waits who has the
    same code: so it comes last. Goods arrive at once; a discount is reserved for RESERVATION_TTL;
    a repeat returns the reservation there is. Every attempt is stored, and the fifth failure of a
    day blocks; after TRIES_A_DAY_MAX nothing is tried or stored until midnight. Raises
    KeyReusedError for a key that came with another code. At most seven statements for goods, five
    for a reservation.
    """
    return _redeem(player=player, entered=_read(raw), channel=channel, key=key, now=now)


def redeem_shared(
    *, player: Player, campaign_id: int, channel: Channel, key: str, now: datetime
) -> Result:
    """Let the player use a campaign's shared code without typing it; otherwise as `redeem`.

    That is its newest one: if it was revoked, it is refused. The campaign has had one.
    """
    digest = bytes(shared_codes(campaign_id).values_list("digest", flat=True)[0])
    entered = _Entered(exact=[digest])
    return _redeem(player=player, entered=entered, channel=channel, key=key, now=now)


def shared_codes(campaign_id: int) -> QuerySet[Code]:
    """Return the codes that everybody can use, or could, the newest first."""
    return Code.objects.filter(campaign=campaign_id, is_shared=True).order_by("-pk")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entered:
    """The HMACs of a code as it was entered, and of what it may have been misread from."""

    exact: list[bytes]
    misread: list[bytes] = field(default_factory=list)

    @property
    def digests(self) -> list[bytes]:
        """Return all of them, those of the code as it was entered first."""
        return self.exact + self.misread


def _read(raw: str) -> _Entered:
    """Return the HMACs under which the database may know what was typed."""
    code = codes.normalised(raw)[: codes.LENGTH_MAX]
    return _Entered(
        exact=list(codes.digests(code).values()),
        misread=[
            digest
            for spelling in codes.spellings(code)
            for digest in codes.digests(spelling).values()
        ],
    )


def _redeem(
    *, player: Player, entered: _Entered, channel: Channel, key: str, now: datetime
) -> Result:
    """Try the code that was entered."""
    enter = partial(_try, player=player, entered=entered, channel=channel, key=key, now=now)
    for _ in range(2):
        # What was there a moment ago may have gone: then look again, at what is left.
        with suppress(_LostRaceError):
            return enter(may_claim=True)
    return enter(may_claim=False)


@transaction.atomic
def _try(
    *,
    player: Player,
    entered: _Entered,
    channel: Channel,
    key: str,
    now: datetime,
    may_claim: bool,
) -> Result:
    """Try once. Raises _LostRaceError if what was there has gone meanwhile."""
    players.lock(player)
    known = _look_up(player=player, entered=entered, key=key, now=now)
    if known.earlier_id is not None:
        return _stored_result(known.earlier_id, digests=entered.digests, known=known, now=now)
    if known.lapsed_id is not None:
        # Its time is over, and the job that releases it has not come yet.
        reservations.lapse(redemption_id=known.lapsed_id, now=now)
        known = _look_up(player=player, entered=entered, key=key, now=now)
    if known.tries_today >= TRIES_A_DAY_MAX:
        today = now.astimezone(business_zone()).date()
        return Result(
            refusal=Refusal.RATE_LIMITED,
            reason=Reason.BLOCKED,
            blocked_until=midnight_after(today, zone=business_zone()),
        )
    attempt = Attempt(
        player=player,
        digest=known.digest or entered.exact[0],
        code_id=known.code_id,
        campaign_id=known.campaign_id,
        channel=channel,
        idempotency_key=key,
        at=now,
    )
    against = _against(known, player=player, now=now)
    redemption = _current_reservation(known, against)
    if redemption is not None:
        attempt.redemption = redemption
        insert(attempt)
        return Result(redemption=redemption)
    if (
        may_claim
        and known.reservation_id is not None
        and not _REFUSE_EVERY_CODE.intersection(against)
    ):
        raise _LostRaceError  # Its purchase has just used the reservation, or released it.
    if not against and may_claim:
        return Result(redemption=_use(known, attempt, player=player, now=now))
    reason = against[0] if against else Reason.ALL_HELD
    attempt.refusal, attempt.detail = reason.refusal, reason
    insert(attempt)
    return Result(
        refusal=reason.refusal,
        reason=reason,
        blocked_until=_block(known, player=player, reason=reason, now=now),
    )


# --- What is known --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What one query finds out about a player and a code."""

    person: Person
    failures: int
    tries_today: int
    earlier_id: int | None
    code_id: int | None
    campaign_id: int | None
    digest: bytes | None
    kind: str
    value: int
    scope: str
    product_code: str
    is_shared: bool
    reservation_id: int | None
    lapsed_id: int | None
    terms: Terms | None


_LOOK_UP = f"""
SELECT
  player.language,
  (SELECT min(day) FROM economy_streakday
   WHERE player_id = player.id AND outcome = 'PLAYED') AS first_active_on,
  (SELECT max(day) FROM economy_streakday
   WHERE player_id = player.id AND outcome = 'PLAYED' AND day < %(active_before)s
  ) AS last_active_on,
  EXISTS (SELECT FROM economy_ledgerentry
          WHERE player_id = player.id AND type = 'PURCHASE_CREDIT') AS has_bought,
  player.suspended_at IS NOT NULL AS is_suspended,
  EXISTS (SELECT FROM promos_denylistentry WHERE player_id = player.id) AS is_denied,
  block.until AS blocked_until,
  (SELECT count(*) FROM promos_attempt
   WHERE player_id = player.id AND at > %(failures_since)s AND refusal <> ''
     AND detail <> ALL (%(no_failures)s) AND (block.since IS NULL OR at > block.since)) AS failures,
  (SELECT count(*) FROM promos_attempt
   WHERE player_id = player.id AND at >= %(day_began)s) AS tries_today,
  (SELECT id FROM promos_attempt
   WHERE player_id = player.id AND idempotency_key = %(key)s) AS earlier_id,
  code.id AS code_id, code.digest, code.is_shared,
  {stopped_sql("code", "batch")} IS NOT NULL AS is_revoked,
  NOT code.is_shared AND EXISTS (
    SELECT FROM promos_redemption
    WHERE code_id = code.id AND status <> 'EXPIRED' AND player_id <> player.id
  ) AS is_used_by_other,
  code.is_shared AND {
    held_out_sql(key="campaign.holdout_key", percent="campaign.holdout_percent", player="player.id")
} AS is_held_out,
  mine.id AS live_id,
  {reserved_sql("mine")} AS is_reserved,
  {lapsed_sql("mine")} AS is_lapsed,
  coalesce((SELECT max(attempt_number) FROM promos_redemption
            WHERE campaign_id = campaign.id AND player_id = player.id), 0) AS last_attempt_number,
  campaign.id AS campaign_id, campaign.status, campaign.kind, campaign.value,
  campaign.scope, campaign.product_code,
  campaign.starts_at, campaign.ends_at, campaign.uses_max, campaign.applied, campaign.reserved,
  campaign.for_new_players, campaign.for_first_purchase, campaign.for_language,
  campaign.for_level, campaign.for_lapsed_days
FROM players_player AS player
LEFT JOIN promos_block AS block ON block.player_id = player.id
LEFT JOIN promos_code AS code ON code.digest = ANY (%(digests)s)
LEFT JOIN promos_batch AS batch ON batch.id = code.batch_id
LEFT JOIN promos_campaign AS campaign ON campaign.id = code.campaign_id
LEFT JOIN promos_redemption AS mine
  ON mine.campaign_id = campaign.id AND mine.player_id = player.id AND mine.status <> 'EXPIRED'
WHERE player.id = %(player)s
ORDER BY code.id
LIMIT 1
"""  # noqa: S608 -- what is put in are constants.


def _look_up(*, player: Player, entered: _Entered, key: str, now: datetime) -> _Known:
    """Find out everything that decides, as it is once the player is locked.

    One query; a second one for a code that nobody knows and that may have been misread.
    """
    known = _look_up_digests(player=player, digests=entered.exact, key=key, now=now)
    if known.code_id is None and known.earlier_id is None and entered.misread:
        return _look_up_digests(player=player, digests=entered.misread, key=key, now=now)
    return known


def _look_up_digests(
    *,
    player: Player,
    digests: list[bytes],
    key: str,
    now: datetime,
    active_before: date = date.max,
) -> _Known:
    with connection.cursor() as cursor:
        cursor.execute(
            _LOOK_UP,
            {
                "player": player.pk,
                "digests": digests,
                "key": key,
                "no_failures": [reason.value for reason in NO_FAILURES],
                "failures_since": now - FAILURES_WITHIN,
                "day_began": day_began(now),
                "active_before": active_before,
                "now": now,
            },
        )
        names = [column.name for column in cursor.description]
        row: dict[str, Any] = dict(zip(names, cursor.fetchone(), strict=True))
    person = Person(
        language=row["language"],
        level=level_of(player) if row["for_level"] else "",
        first_active_on=row["first_active_on"],
        last_active_on=row["last_active_on"],
        has_bought=row["has_bought"],
        is_suspended=row["is_suspended"],
        is_denied=row["is_denied"],
        blocked_until=row["blocked_until"],
        has_used=row["live_id"] is not None,
        last_attempt_number=row["last_attempt_number"],
    )
    terms = None
    if row["code_id"] is not None:
        terms = Terms(
            **{name: row[name] for name in Terms.__dataclass_fields__ if name in row},
        )
    return _Known(
        person=person,
        failures=row["failures"],
        tries_today=row["tries_today"],
        earlier_id=row["earlier_id"],
        code_id=row["code_id"],
        campaign_id=row["campaign_id"],
        digest=bytes(row["digest"]) if row["digest"] is not None else None,
        kind=row["kind"] or "",
        value=row["value"] or 0,
        scope=row["scope"] or "",
        product_code=row["product_code"] or "",
        is_shared=bool(row["is_shared"]),
        reservation_id=row["live_id"] if row["is_reserved"] else None,
        lapsed_id=row["live_id"] if row["is_lapsed"] else None,
        terms=terms,
    )


def find(raw: str) -> Code | None:
    """Return the code that a player would try with this, if there is one: so staff search."""
    known = Code.objects.select_related("campaign", "batch").order_by("pk")
    entered = _read(raw)
    return (
        known.filter(digest__in=entered.exact).first()
        or known.filter(digest__in=entered.misread).first()
    )


def attempts_with(raw: str) -> QuerySet[Attempt]:
    """Return everything that players have tried and that is read as this code."""
    return Attempt.objects.filter(digest__in=_read(raw).digests)


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What stands between a player and a code, and the facts that decide it.

    `reservation` is the discount that is reserved for the player already: the code returns it.
    """

    person: Person
    terms: Terms | None
    reasons: list[Reason]
    reservation: Redemption | None


def examine(*, player: Player, raw: str, now: datetime) -> Examination:
    """Find out what would become of the player's try, as `redeem` does. Nothing is written."""
    return _examine(player=player, entered=_read(raw), now=now)


def examine_code(*, player: Player, digest: bytes, now: datetime) -> Examination:
    """Find out what would become of the player's try with the code that has this HMAC."""
    return _examine(player=player, entered=_Entered(exact=[digest]), now=now)


def _examine(*, player: Player, entered: _Entered, now: datetime) -> Examination:
    """Look the code up as a try does."""
    known = _look_up(player=player, entered=entered, key="", now=now)
    person, terms = known.person, known.terms
    if known.lapsed_id is not None and terms is not None:
        # Its time is over: a try would release it first.
        person, terms = replace(person, has_used=False), replace(terms, reserved=terms.reserved - 1)
        known = replace(known, reservation_id=None)
    known = replace(known, person=person, terms=terms)
    reasons = _against(known, player=player, now=now)
    reservation = _current_reservation(known, reasons)
    return Examination(
        person=person,
        terms=terms,
        reasons=[] if reservation else reasons,
        reservation=reservation,
    )


def refusal_reasons(*, player: Player, raw: str, now: datetime) -> list[Reason]:
    """Return everything that stands between the player and the code. Nothing is written."""
    return examine(player=player, raw=raw, now=now).reasons


def _against(known: _Known, *, player: Player, now: datetime) -> list[Reason]:
    """Return everything that stands against the player's try, what decides first.

    A discount on what the player cannot buy would take a use, and be refused at the checkout.
    """
    found = refusal_reasons_for(person=known.person, terms=known.terms, now=now)
    if found or known.kind != CampaignKind.PERCENT_DISCOUNT:
        return found
    discount = Campaign(kind=known.kind, scope=known.scope, product_code=known.product_code)
    can_buy = any(
        discount.fits(product_code=product.code, is_premium=product.is_premium)
        for product in buyable.by(player=player, now=now)
    )
    return [] if can_buy else [Reason.NOTHING_TO_BUY]


def refusal_reasons_for(*, person: Person, terms: Terms | None, now: datetime) -> list[Reason]:
    """Return everything that stands between a person, maybe a made-up one, and a code."""
    return rules.reasons(person, terms, now=now, today=_business_day(now))


def refusal_reasons_at_checkout(
    *, redemption: Redemption, has_paid: bool, now: datetime
) -> list[Reason]:
    """Return why a reservation is not for its player any more, by the segment as it is now.

    `has_paid` is whether anything of the player's is paid. Being away ends with the day on which
    the code was entered: playing since then is what it was for. One query, for a first purchase
    two, without a segment none.
    """
    campaign, player = redemption.campaign, redemption.player
    if not campaign.has_segment:
        return []
    known = _look_up_digests(
        player=player,
        digests=[bytes(redemption.code.digest)],
        key="",
        now=now,
        active_before=_business_day(redemption.created_at)
        if campaign.for_lapsed_days
        else date.max,
    )
    assert known.terms is not None
    others = Redemption.objects.filter(player=player, is_first_purchase=True)
    has_bought = campaign.for_first_purchase and (
        has_paid
        or known.person.has_bought
        or others.exclude(pk=redemption.pk).exclude(status=RedemptionStatus.EXPIRED).exists()
    )
    person = replace(known.person, has_bought=has_bought)
    return rules.of_the_segment(person, known.terms, today=_business_day(now))


def _business_day(instant: datetime) -> date:
    return instant.astimezone(business_zone()).date()


# --- One try --------------------------------------------------------------------------------------


def _stored_result(
    attempt_id: int, *, digests: list[bytes], known: _Known, now: datetime
) -> Result:
    """Return the result that a repeat had the first time, and if the player is blocked now.

    Raises KeyReusedError if it was another code: a key has one request (product rules, section 3).
    """
    until = known.person.blocked_until
    attempt = Attempt.objects.select_related("redemption").get(pk=attempt_id)
    if bytes(attempt.digest) not in digests:
        raise KeyReusedError("The key belongs to another code.")
    return Result(
        redemption=attempt.redemption,
        refusal=Refusal(attempt.refusal) if attempt.refusal else None,
        reason=Reason(attempt.detail) if attempt.detail else None,
        blocked_until=until if attempt.refusal and until is not None and now < until else None,
    )


# With one of these no code is for the player, not even one that is reserved.
_REFUSE_EVERY_CODE = {Reason.BLOCKED, Reason.SUSPENDED, Reason.DENIED}


def _current_reservation(known: _Known, against: list[Reason]) -> Redemption | None:
    """Return the player's reservation, unless codes are closed to the player."""
    if known.reservation_id is None or _REFUSE_EVERY_CODE.intersection(against):
        return None
    return Redemption.objects.filter(
        pk=known.reservation_id, status=RedemptionStatus.RESERVED
    ).first()


# The redemption comes later; its key is constraint enough at the end of the transaction.
_ACCEPTED = """
INSERT INTO promos_attempt
  (player_id, digest, code_id, campaign_id, channel, idempotency_key, at, refusal, detail,
   redemption_id)
VALUES
  (%(player)s, %(digest)s, %(code)s, %(campaign)s, %(channel)s, %(key)s, %(at)s, '', '',
   nextval('promos_redemption_id_seq'))
RETURNING redemption_id
"""


def _use(known: _Known, attempt: Attempt, *, player: Player, now: datetime) -> Redemption:
    """Write the try down, hand over goods, and only then claim the use.

    Raises _LostRaceError if there is none left: then all of it has to be undone.
    """
    assert known.campaign_id is not None
    assert known.code_id is not None
    is_discount = known.kind == CampaignKind.PERCENT_DISCOUNT
    redemption = Redemption(
        campaign_id=known.campaign_id,
        code_id=known.code_id,
        is_shared=known.is_shared,
        player=player,
        attempt_number=known.person.last_attempt_number + 1,
        status=RedemptionStatus.RESERVED if is_discount else RedemptionStatus.APPLIED,
        created_at=now,
        changed_at=now,
        reserved_until=now + RESERVATION_TTL if is_discount else None,
    )
    with connection.cursor() as cursor:
        cursor.execute(
            _ACCEPTED,
            {
                "player": player.pk,
                "digest": bytes(attempt.digest),
                "code": known.code_id,
                "campaign": known.campaign_id,
                "channel": attempt.channel,
                "key": attempt.idempotency_key,
                "at": now,
            },
        )
        (redemption.pk,) = cursor.fetchone()
    if not is_discount:
        _deliver(redemption, known, player=player, now=now)
    if not _claim(redemption):
        raise _LostRaceError
    return redemption


def _claim(redemption: Redemption) -> bool:
    """Take one use of the campaign, which is locked then; False if the database has none left."""
    return insert(redemption)


def goods_of(*, kind: str, value: int) -> Goods:
    """Return what a campaign that is no discount gives."""
    if kind == CampaignKind.PREMIUM_GRANT:
        return Goods(premium=PLANS[value], premium_days=value)
    return Goods(paid_energy=value)


def _deliver(redemption: Redemption, known: _Known, *, player: Player, now: datetime) -> None:
    """Hand over the goods of a grant."""
    grants.grant(
        player=player,
        goods=goods_of(kind=known.kind, value=known.value),
        type=EntryType.PROMO_GRANT,
        source=Source.PROMO,
        key=grant_key(redemption),
        now=now,
        metadata={"redemption": redemption.pk, "campaign": known.campaign_id},
    )


def grant_key(redemption: Redemption) -> str:
    """Return the idempotency key under which the ledger has what a redemption gave."""
    return f"promo:{redemption.pk}"


@transaction.atomic
def reverse(
    *, redemption_id: int, reason: str, now: datetime, staff: User | None
) -> Reversal | None:
    """Take back what a grant gave, as far as it is there; None if that has been done.

    Locks the wallet, then the redemption, then the campaign.
    """
    of_player = Redemption.objects.select_related("player").get(pk=redemption_id)
    wallets.lock(player=of_player.player, now=now)
    redemption = Redemption.objects.select_for_update(of=("self",)).get(pk=redemption_id)
    if redemption.status != RedemptionStatus.APPLIED:
        return None
    entry = LedgerEntry.objects.select_related("player").get(
        player=redemption.player_id, idempotency_key=grant_key(redemption)
    )
    reversal = grants.reverse(
        entry=entry,
        type=EntryType.TAKEN_BACK,
        source=Source.PROMO,
        key=f"promo-back:{redemption.pk}",
        now=now,
        staff=staff,
        reason=reason,
    )
    # Last, as in `redeem`: it locks the campaign.
    reservations.revoke(redemption_id=redemption_id, now=now)
    return reversal


def _block(known: _Known, *, player: Player, reason: Reason, now: datetime) -> datetime | None:
    """Block the player after the fifth failure; return until when, if the player is blocked."""
    if reason is Reason.BLOCKED:
        return known.person.blocked_until
    if reason in NO_FAILURES:
        return None
    if known.failures + 1 < FAILURES_MAX:
        return None
    until = now + BLOCK_FOR
    Block.objects.update_or_create(player=player, defaults={"since": now, "until": until})
    return until
