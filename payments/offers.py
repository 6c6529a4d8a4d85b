"""Offers: what a player is shown at a touchpoint, and what comes of it. Product rules, section 10.

The rules are in payments/offer_rules.py. What is proposed is stored before anybody sees it, by an
INSERT that the constraints of Impression let through or not; so the caps hold for concurrent
touchpoints, too.
Whoever gives something locks the wallet before.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection, transaction

from economy import grants, streak_rules
from economy.energy import FREE_CAP, Energy
from economy.goods import Goods, Plan
from economy.models import EntryType, Source, active_sql
from economy.wallets import business_zone
from payments import catalogue, offer_rules, purchases
from payments.errors import Refusal, RefusedError, StaleOfferError
from payments.models import PAID, Attribution, Impression, Purchase
from payments.models.subscription import renewed_sql
from payments.offer_rules import (
    BLOCKING_EVERY,
    BOUGHT_WITHIN,
    IDLE_DAYS,
    MUTED_FOR,
    SAME_EVERY,
    SHOWN_A_DAY_MAX,
    STARTER_OVER_FOR,
    Against,
    OfferedProduct,
    PlayerSnapshot,
    Rule,
    Touchpoint,
    Trigger,
)
from promos import redemptions
from promos.models import Campaign, CampaignKind, Channel, Redemption
from promos.models.campaign import open_sql
from promos.redemptions import Result
from quizarena.players.models import Player

# Impressions that have led to no purchase are purged after this.
KEEP_FOR = timedelta(days=180)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """An offer that is stored and now has to be shown.

    `products` come with what they cost the player, `snapshot` is what it was decided on.
    """

    impression: Impression
    products: Sequence[catalogue.Offer]
    snapshot: PlayerSnapshot
    campaign: Campaign | None = None
    gift: int = 0


@transaction.atomic(savepoint=False)
def propose(
    *, player: Player, touchpoint: Touchpoint, now: datetime, about: str = ""
) -> Proposal | None:
    """Choose what to offer at a touchpoint and store that it is shown; None if there is nothing.

    `about` is the mode or product of the touchpoint. A step of the transaction that sends it: the
    caller shows what is returned. A gift (for a comeback) is granted with it. Of concurrent
    touchpoints one gets the offer, the other the next lower one, or nothing.

    One statement if nothing is due; with an offer four, with that of the weekend six. Locks the
    wallet for a gift.
    """
    if player.suspended_at is not None:
        return None
    # Whoever loses against a concurrent touchpoint reads again what was shown; at most as often as
    # there are offers on a day.
    for _ in range(SHOWN_A_DAY_MAX + 1):
        facts = _look(player=player, touchpoint=touchpoint, about=about, now=now)
        proposal = _draft(player, facts)
        if proposal is None or _store(proposal):
            return proposal
    return None


# --- What is known --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _PlayerFacts:
    """What one query finds out, and the weekend's campaigns with the digests of their codes."""

    snapshot: PlayerSnapshot
    campaigns: Sequence[tuple[Campaign, bytes]]


_PAID = ", ".join(f"'{status}'" for status in PAID)
_LOOK = f"""
SELECT
  wallet.free_energy, wallet.paid_energy, wallet.energy_counted_until, wallet.streak_savers,
  streak.current, streak.last_active_day, streak.rolled_over_through,
  active.was_active_on, active.returned_on,
  EXISTS (SELECT FROM economy_ledgerentry WHERE player_id = %(player)s
            AND idempotency_key = 'comeback:' || active.was_active_on) AS is_welcomed_back,
  (SELECT count(*) FROM economy_streakday
   WHERE player_id = %(player)s AND day BETWEEN %(monday)s AND %(today)s
     AND outcome = 'FROZEN_PREMIUM') AS frozen_this_week,
  ARRAY(SELECT mode FROM economy_modespan AS span
        WHERE player_id = %(player)s AND {active_sql("span")}) AS modes,
  (SELECT coalesce(json_agg(json_build_array(plan, starts_at, ends_at) ORDER BY starts_at), '[]')
   FROM economy_premiumspan
   WHERE player_id = %(player)s AND ends_at >= %(starter_since)s AND revoked_at IS NULL) AS premium,
  EXISTS (SELECT FROM payments_subscription AS subscription
          WHERE player_id = %(player)s AND {renewed_sql("subscription")}) AS is_renewed,
  (SELECT count(*) FROM payments_purchase
   WHERE player_id = %(player)s AND product_id = %(about)s AND status IN ({_PAID})
     AND paid_at > %(bought_since)s) AS times_bought,
  CASE WHEN %(is_weekend)s THEN (
    SELECT json_agg(json_build_object(
      'id', campaign.id, 'name', campaign.name, 'value', campaign.value,
      'scope', campaign.scope, 'product_code', campaign.product_code,
      'stars_max', campaign.stars_max, 'stars_reserved', campaign.stars_reserved,
      'stars_given', campaign.stars_given, 'ends_at', campaign.ends_at,
      'digest', encode(code.digest, 'hex')
    ) ORDER BY campaign.value DESC, campaign.id)
    FROM promos_campaign AS campaign JOIN promos_code AS code
      ON code.campaign_id = campaign.id AND code.is_shared AND code.revoked_at IS NULL
    WHERE campaign.is_weekend_offer AND {open_sql("campaign")}
  ) END AS campaigns,
  (SELECT count(*) FROM payments_impression
   WHERE player_id = %(player)s AND day = %(today)s) AS shown_today,
  EXISTS (SELECT FROM payments_impression
          WHERE player_id = %(player)s AND is_blocking
            AND shown_at > %(blocking_since)s) AS was_blocked_lately,
  ARRAY(SELECT trigger FROM payments_impression
        WHERE player_id = %(player)s AND shown_at > %(same_since)s) AS shown_lately,
  ARRAY(SELECT trigger FROM payments_impression
        WHERE player_id = %(player)s AND muted_at > %(muted_since)s) AS muted
FROM (
  -- Who came back yesterday, maybe late in the evening, is still somebody who has come back.
  SELECT CASE WHEN is_back THEN before ELSE last END AS was_active_on,
    CASE WHEN is_back THEN last ELSE %(today)s END AS returned_on
  FROM (
    SELECT last, before, last = %(yesterday)s AND last - before > %(idle_days)s AS is_back
    FROM (
      SELECT max(day) AS last, max(day) FILTER (WHERE day < %(yesterday)s) AS before
      FROM economy_streakday
      WHERE player_id = %(player)s AND outcome = 'PLAYED' AND day < %(today)s
    ) AS latest
  ) AS days
) AS active
LEFT JOIN economy_wallet AS wallet ON wallet.player_id = %(player)s
LEFT JOIN economy_streak AS streak ON streak.player_id = %(player)s
"""  # noqa: S608 -- the statuses are constants.


def _row(*, player: Player, about: str, now: datetime) -> dict[str, Any]:
    """Read everything that decides. One query."""
    local = now.astimezone(business_zone())
    today = local.date()
    values: dict[str, Any] = {
        "player": player.pk,
        "now": now,
        "today": today,
        "yesterday": today - streak_rules.DAY,
        "idle_days": IDLE_DAYS,
        "monday": streak_rules.week_of(today)[0],
        "about": about,
        "bought_since": now - BOUGHT_WITHIN.get(about, timedelta(0)),
        "starter_since": now - STARTER_OVER_FOR,
        "is_weekend": offer_rules.is_weekend(local),
        "blocking_since": now - BLOCKING_EVERY,
        "same_since": now - SAME_EVERY,
        "muted_since": now - MUTED_FOR,
    }
    with connection.cursor() as cursor:
        cursor.execute(_LOOK, values)
        names = [column.name for column in cursor.description]
        return dict(zip(names, cursor.fetchone(), strict=True))


def _look(*, player: Player, touchpoint: Touchpoint, about: str, now: datetime) -> _PlayerFacts:
    """Find out everything that decides. One query."""
    row = _row(player=player, about=about, now=now)
    zone = business_zone()
    today = now.astimezone(zone).date()
    spans = [
        _Span(
            plan=Plan(plan),
            starts_at=datetime.fromisoformat(starts_at),
            ends_at=datetime.fromisoformat(ends_at),
        )
        for plan, starts_at, ends_at in row["premium"]
    ]
    plan = next((span.plan for span in spans if span.starts_at <= now < span.ends_at), None)
    streak = _streak(row, today=today)
    snapshot = PlayerSnapshot(
        touchpoint=touchpoint,
        now=now,
        zone=zone,
        about=about,
        energy=_energy(row, now=now),
        plan=plan,
        premium_until=_premium_until(spans, now=now),
        is_renewed=row["is_renewed"],
        starter_ended_at=_starter_ended_at(spans, now=now),
        open_modes=frozenset(row["modes"]),
        streak=streak,
        is_active_today=row["last_active_day"] == today,
        is_streak_safe=_is_safe(
            savers=row["streak_savers"] or 0, plan=plan, frozen=row["frozen_this_week"]
        ),
        was_active_on=row["was_active_on"],
        returned_on=row["returned_on"],
        is_welcomed_back=row["is_welcomed_back"],
        times_bought=row["times_bought"],
        has_weekend_campaign=bool(row["campaigns"]),
        shown_today=row["shown_today"],
        was_blocked_lately=row["was_blocked_lately"],
        shown_lately=frozenset(row["shown_lately"]),
        muted=frozenset(row["muted"]),
    )
    return _PlayerFacts(
        snapshot=snapshot, campaigns=[_campaign(stored) for stored in row["campaigns"] or ()]
    )


def _energy(row: Mapping[str, Any], *, now: datetime) -> int:
    """Return how many questions the wallet is good for; who has not played has all of it."""
    if row["energy_counted_until"] is None:
        return FREE_CAP + (row["paid_energy"] or 0)
    stored = Energy(
        free=row["free_energy"],
        paid=row["paid_energy"],
        counted_until=row["energy_counted_until"],
    )
    return stored.at(now, zone=business_zone()).total


@dataclass(frozen=True, slots=True, kw_only=True)
class _Span:
    """Premium of one plan, that lasts or has ended lately."""

    plan: Plan
    starts_at: datetime
    ends_at: datetime


def _premium_until(spans: Sequence[_Span], *, now: datetime) -> datetime | None:
    """Return the end of Premium, over all plans that follow each other, if there is any."""
    return max((span.ends_at for span in spans if span.ends_at > now), default=None)


def _starter_ended_at(spans: Sequence[_Span], *, now: datetime) -> datetime | None:
    """Return when Premium ended, if its last plan was a Starter."""
    last = max(spans, key=lambda span: span.ends_at, default=None)
    if last is None or last.ends_at > now or last.plan is not Plan.STARTER:
        return None
    return last.ends_at


def _streak(row: Mapping[str, Any], *, today: date) -> int:
    """Return the streak; 0 while the days since are not rolled over yet."""
    rolled_over = row["rolled_over_through"]
    is_known = rolled_over is not None and rolled_over >= today - streak_rules.DAY
    return row["current"] if is_known else 0


def _is_safe(*, savers: int, plan: Plan | None, frozen: int) -> bool:
    """Return whether a day without activity would cost the streak nothing."""
    freezes = plan.freezes_per_week if plan else 0
    return savers > 0 or streak_rules.can_freeze(freezes, frozen=frozen)


def _campaign(stored: Mapping[str, Any]) -> tuple[Campaign, bytes]:
    """Return a campaign of the weekend with the digest of its shared code."""
    ends_at = stored["ends_at"]
    campaign = Campaign(
        pk=stored["id"],
        name=stored["name"],
        kind=CampaignKind.PERCENT_DISCOUNT,
        value=stored["value"],
        scope=stored["scope"],
        product_code=stored["product_code"],
        stars_max=stored["stars_max"],
        stars_reserved=stored["stars_reserved"],
        stars_given=stored["stars_given"],
        ends_at=datetime.fromisoformat(ends_at) if ends_at else None,
    )
    return campaign, bytes.fromhex(stored["digest"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What a touchpoint would come to: the offer, if any, and what there is against each rule."""

    snapshot: PlayerSnapshot
    proposal: Proposal | None
    against: Mapping[Trigger, Against | None]


def outlook(*, player: Player, touchpoint: Touchpoint, now: datetime, about: str = "") -> Outlook:
    """Return what `propose` would choose, and why nothing else. Writes nothing."""
    facts = _look(player=player, touchpoint=touchpoint, about=about, now=now)
    return Outlook(
        snapshot=facts.snapshot,
        proposal=None if player.suspended_at is not None else _draft(player, facts),
        against={
            rule.trigger: offer_rules.against(rule, facts.snapshot) for rule in offer_rules.RULES
        },
    )


# --- Choosing and keeping -------------------------------------------------------------------------


def _draft(player: Player, facts: _PlayerFacts) -> Proposal | None:
    """Return the best offer that is due and of which something is left for this player."""
    snapshot = facts.snapshot
    available: Sequence[catalogue.Offer] | None = None
    for rule in offer_rules.due(snapshot):
        if rule.gift:
            return _proposal(player, rule, (), snapshot)
        if available is None:
            listed = catalogue.available_products(player=player, now=snapshot.now)
            available = [offer for offer in listed if offer.refused is None]
        if rule.trigger is Trigger.WEEKEND_FLASH:
            if (weekend := _weekend(player, rule, available, facts)) is not None:
                return weekend
        elif products := _worth_offering(rule, available, snapshot):
            return _proposal(player, rule, products, snapshot)
    return None


def _weekend(
    player: Player, rule: Rule, available: Sequence[catalogue.Offer], facts: _PlayerFacts
) -> Proposal | None:
    """Return the largest discount of the weekend that the player could use, if there is one."""
    now = facts.snapshot.now
    for campaign, digest in facts.campaigns:
        found = redemptions.examine_code(player=player, digest=digest, now=now)
        if found.reasons or found.reservation is not None:
            continue  # It is not for this player, or the player has it.
        # What it would cost must be less than what it costs the player anyway.
        costs = {offer.product.pk: offer.stars for offer in available}
        cheaper = [
            offer
            for offer in catalogue.offers_with(Redemption(campaign=campaign))
            if offer.stars < costs.get(offer.product.pk, 0)
        ]
        if products := _worth_offering(rule, cheaper, facts.snapshot):
            return _proposal(player, rule, products, facts.snapshot, campaign=campaign)
    return None


def _worth_offering(
    rule: Rule, available: Sequence[catalogue.Offer], snapshot: PlayerSnapshot
) -> list[catalogue.Offer]:
    """Return what the rule offers of what is available, in its order."""
    by_code = {offer.product.pk: offer for offer in available}
    candidates = [
        OfferedProduct(code=code, goods=offer.product.goods) for code, offer in by_code.items()
    ]
    chosen = offer_rules.worth_offering(rule, candidates, snapshot)
    return [by_code[product.code] for product in chosen]


def _proposal(
    player: Player,
    rule: Rule,
    products: Sequence[catalogue.Offer],
    snapshot: PlayerSnapshot,
    *,
    campaign: Campaign | None = None,
) -> Proposal:
    """Return the offer as it would be shown; nobody has stored it yet."""
    impression = Impression(
        player=player,
        trigger=rule.trigger.value,
        priority=rule.priority,
        event=snapshot.touchpoint.value,
        is_blocking=rule.is_blocking,
        prices={offer.product.pk: offer.stars for offer in products},
        campaign_id=campaign.pk if campaign else None,
        shown_at=snapshot.now,
        day=snapshot.local.date(),
    )
    return Proposal(
        impression=impression,
        products=products,
        snapshot=snapshot,
        campaign=campaign,
        gift=rule.gift,
    )


def _store(proposal: Proposal) -> bool:
    """Store the offer, with its gift; False if the caps or a concurrent one do not allow it."""
    if not proposal.gift:
        return _insert(proposal.impression)
    with transaction.atomic():
        is_stored = _give(proposal) and _insert(proposal.impression)
        if not is_stored:
            transaction.set_rollback(True)  # No gift without its message.
    return is_stored


def _give(proposal: Proposal) -> bool:
    """Give the player what the offer gives; False if this absence has been rewarded.

    Paid energy: the free one is full after days away, and of a present nothing is to be lost.
    """
    impression, snapshot = proposal.impression, proposal.snapshot
    impression.entry, is_new = grants.grant(
        player=impression.player,
        goods=Goods(paid_energy=proposal.gift),
        type=EntryType.COMEBACK,
        source=Source.SYSTEM,
        key=f"comeback:{snapshot.was_active_on}",
        now=snapshot.now,
        metadata={"idle_days": snapshot.idle_days},
    )
    return is_new


# A third and a fourth at the same moment both want to be the third: the constraints let one in.
_INSERT = """
INSERT INTO payments_impression
  (player_id, trigger, priority, event, is_blocking, prices, campaign_id, entry_id, shown_at, day,
   ordinal)
SELECT %(player)s, %(trigger)s, %(priority)s, %(event)s, %(is_blocking)s, %(prices)s::jsonb,
  %(campaign)s::bigint, %(entry)s::bigint, %(shown_at)s, %(day)s, count(*) + 1
FROM payments_impression WHERE player_id = %(player)s AND day = %(day)s
HAVING count(*) < %(shown_a_day_max)s
ON CONFLICT DO NOTHING
RETURNING id, ordinal
"""


def _insert(impression: Impression) -> bool:
    """Insert the impression, unless one is there that does not allow it; return whether."""
    values: dict[str, Any] = {
        "player": impression.player_id,
        "trigger": impression.trigger,
        "priority": impression.priority,
        "event": impression.event,
        "is_blocking": impression.is_blocking,
        "prices": json.dumps(impression.prices),
        "campaign": impression.campaign_id,
        "entry": impression.entry_id,
        "shown_at": impression.shown_at,
        "day": impression.day,
        "shown_a_day_max": SHOWN_A_DAY_MAX,
    }
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, values)
        row = cursor.fetchone()
    if row is None:
        return False
    impression.pk, impression.ordinal = row
    return True


# --- What the player does with it -----------------------------------------------------------------


def take(
    *,
    player: Player,
    impression_id: int,
    product_code: str,
    now: datetime,
    redemption_id: int | None = None,
) -> Purchase:
    """Open the purchase of a product that was offered, and attribute it to the offer.

    It may have been open before, by whatever road: the last click wins until it is paid. A step of
    the caller's transaction; locks as `open_purchase` does. Raises StaleOfferError, and
    RefusedError with its reason, also when it costs more now than was shown: the click is written
    down all the same, so the caller may answer that kindly and commit.
    """
    impression = _made_to(player, impression_id)
    if product_code not in impression.prices:
        raise StaleOfferError
    _mark(impression, "clicked_at", now=now)
    return _open(impression, product_code, redemption_id=redemption_id, now=now)


@transaction.atomic
def _open(
    impression: Impression, product_code: str, *, redemption_id: int | None, now: datetime
) -> Purchase:
    """Open the purchase at the price that was shown, and attribute it; or do neither."""
    purchase = purchases.open_purchase(
        player=impression.player,
        product_code=product_code,
        now=now,
        redemption_id=redemption_id,
    )
    assert purchase.stars is not None
    if purchase.stars > impression.prices[product_code]:
        raise RefusedError(Refusal.WRONG_AMOUNT)
    Attribution.objects.bulk_create(
        [Attribution(purchase=purchase, impression=impression, at=now)],
        update_conflicts=True,
        unique_fields=["purchase"],
        update_fields=["impression", "at"],
    )
    return purchase


@transaction.atomic
def take_discount(
    *, player: Player, impression_id: int, now: datetime
) -> tuple[Impression, Result]:
    """Reserve the discount of a weekend for the player without a typed code; return both.

    Otherwise as `redemptions.redeem`; a second tap gets the same reservation. What has become
    impossible is refused without storing an attempt: nobody has guessed a code. Raises
    StaleOfferError for what was not offered, and when the weekend is over.
    """
    impression = _made_to(player, impression_id)
    if impression.campaign_id is None or now >= weekend_until(impression.shown_at):
        raise StaleOfferError
    _mark(impression, "clicked_at", now=now)
    digest = redemptions.shared_codes(impression.campaign_id).values_list("digest", flat=True)[0]
    found = redemptions.examine_code(player=player, digest=bytes(digest), now=now)
    if found.reasons:
        reason = found.reasons[0]
        return impression, Result(refusal=reason.refusal, reason=reason)
    result = redemptions.redeem_shared(
        player=player,
        campaign_id=impression.campaign_id,
        channel=Channel.OFFER,
        # A lapsed discount can be reserved once more, as with a typed code.
        key=f"offer:{impression.pk}:{now.timestamp():.6f}",
        now=now,
    )
    return impression, result


def weekend_until(instant: datetime) -> datetime:
    """Return when the business week of `instant` is over: Monday, 00:00."""
    sunday = streak_rules.week_of(instant.astimezone(business_zone()).date())[-1]
    return streak_rules.midnight_after(sunday, zone=business_zone())


def dismiss(*, player: Player, impression_id: int, now: datetime) -> Impression:
    """Note that the player does not want it now. Raises StaleOfferError."""
    return _mark(_made_to(player, impression_id), "dismissed_at", now=now)


def mute(*, player: Player, impression_id: int, now: datetime) -> Impression:
    """Do not show offers of the same kind for MUTED_FOR from now. Raises StaleOfferError."""
    impression = _made_to(player, impression_id)
    impression.muted_at = now
    impression.save(update_fields=["muted_at"])
    return impression


def _made_to(player: Player, impression_id: int) -> Impression:
    """Return an offer that was made to the player. Raises StaleOfferError."""
    impression = Impression.objects.filter(pk=impression_id, player=player).first()
    if impression is None:
        raise StaleOfferError
    impression.player = player
    return impression


def _mark(impression: Impression, field: str, *, now: datetime) -> Impression:
    """Note in `field` when the player did something for the first time."""
    untouched = Impression.objects.filter(pk=impression.pk, **{field: None})
    if untouched.update(**{field: now}):
        setattr(impression, field, now)
    return impression


# --- What is kept ---------------------------------------------------------------------------------


def purge(*, now: datetime, limit: int) -> int:
    """Delete at most `limit` impressions that are older than KEEP_FOR; return how many.

    What led to a purchase, and what gave something, stays.
    """
    old = Impression.objects.filter(
        shown_at__lt=now - KEEP_FOR, entry=None, attributions__isnull=True
    )
    oldest = list(old.order_by("shown_at").values_list("pk", flat=True)[:limit])
    return Impression.objects.filter(pk__in=oldest).delete()[0]
