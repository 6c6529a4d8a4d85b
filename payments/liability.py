"""What players have paid for and still own, in Stars. Product rules, section 5.12.

The method, which the page states, too: a purchase's Stars are divided evenly among the kinds of
goods that it delivered. What was given counts as spent before what was bought, so bought units are
unused as far as the balance reaches, each at what the player has paid on average; of Premium and
modes that part counts whose time has not passed. Refunded purchases, gifts and what deleted players
had count nothing.
"""

from datetime import datetime
from typing import Any

from django.db import connection

from economy.wallets import business_zone
from payments.models import Liability

METHOD = (
    "Only what was bought with Stars and is not refunded counts.",
    "Players who are deleted own nothing any more.",
    "The Stars of a purchase are divided evenly among the kinds of goods that it delivered.",
    "Gifts count as spent first: bought units are unused as far as the balance reaches.",
    "A unit is worth what its player has paid for one on average.",
    "Premium and modes: the part of the Stars whose time has not passed yet.",
)

# One statement: purchases, wallets and spans of one instant.
_PARTS = """
WITH credited AS (
  SELECT purchase.player_id, credit_entry_id, goods -> 'asset_breakdown' AS parts,
    (goods ->> 'mode_hours')::int AS mode_hours,
    paid_stars::numeric / greatest(1, (
      SELECT count(*) FROM jsonb_object_keys(goods -> 'asset_breakdown')
    )) AS stars
  FROM payments_purchase AS purchase
  JOIN players_player AS player ON player.id = purchase.player_id
  WHERE purchase.status = 'CREDITED' AND paid_currency = 'XTR' AND player.deleted_at IS NULL
),
bought AS (
  SELECT credited.player_id, unit.asset, sum(unit.units) AS units, sum(credited.stars) AS stars
  FROM credited
  CROSS JOIN LATERAL (VALUES
    ('paid_energy', (parts ->> 'paid_energy')::int),
    ('streak_savers', (parts ->> 'streak_saver_tokens')::int),
    ('duel_tickets', (parts ->> 'friend_challenge_tickets')::int)
  ) AS unit (asset, units)
  WHERE unit.units > 0
  GROUP BY credited.player_id, unit.asset
),
unused AS (
  SELECT bought.player_id, bought.asset AS part, least(bought.units, balance.units) AS units,
    bought.stars * least(bought.units, balance.units) / bought.units AS stars
  FROM bought
  JOIN economy_wallet AS wallet USING (player_id)
  JOIN LATERAL (VALUES
    ('paid_energy', wallet.paid_energy),
    ('streak_savers', wallet.streak_savers),
    ('duel_tickets', wallet.duel_tickets)
  ) AS balance (asset, units) ON balance.asset = bought.asset
  WHERE balance.units > 0
  UNION ALL
  SELECT span.player_id, 'premium', seconds.ahead / 3600,
    credited.stars * least(1, seconds.ahead / ((parts ->> 'premium_days')::int * 86400))
  FROM economy_premiumspan AS span
  JOIN credited ON credited.credit_entry_id = span.entry_id
  CROSS JOIN LATERAL (
    SELECT extract(epoch FROM span.ends_at - greatest(span.starts_at, %(now)s)) AS ahead
  ) AS seconds
  WHERE span.revoked_at IS NULL AND span.ends_at > %(now)s
  UNION ALL
  SELECT span.player_id, 'modes', seconds.ahead / 3600,
    credited.stars / jsonb_array_length(parts -> 'mode_codes')
      * least(1, seconds.ahead / (credited.mode_hours * 3600))
  FROM economy_modespan AS span
  JOIN credited ON credited.credit_entry_id = span.entry_id
  CROSS JOIN LATERAL (
    SELECT extract(epoch FROM span.ends_at - greatest(span.starts_at, %(now)s)) AS ahead
  ) AS seconds
  WHERE span.revoked_at IS NULL AND span.ends_at > %(now)s
)
SELECT part, count(DISTINCT player_id), floor(sum(units))::bigint, round(sum(stars))::bigint
FROM unused
GROUP BY part
ORDER BY part
"""


def count(*, now: datetime) -> Liability:
    """Count the liability as of `now`, once per day of business; return that of the day."""
    day = now.astimezone(business_zone()).date()
    found = Liability.objects.filter(day=day).first()
    if found is not None:
        return found
    parts = _parts(now)
    liability = Liability(
        day=day, counted_at=now, stars=sum(part["stars"] for part in parts), parts=parts
    )
    Liability.objects.bulk_create([liability], ignore_conflicts=True)
    return Liability.objects.get(day=day)


def _parts(now: datetime) -> list[dict[str, Any]]:
    """Return what players own of each kind of goods: how many players, units or hours, Stars."""
    with connection.cursor() as cursor:
        cursor.execute(_PARTS, {"now": now})
        names = ("part", "players", "units", "stars")
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
