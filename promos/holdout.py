"""The holdout of a campaign: a share of the players who get nothing of it, for comparison.

Product rules, section 8. Nothing is stored of it. Who belongs to it follows from the campaign's
secret key and the player's id, so it is the same whenever and wherever somebody looks.
"""

from hashlib import sha256
from uuid import UUID

from django.db.models import BooleanField, F, Func

from promos.models.campaign import Campaign


def is_held_out(*, key: UUID, percent: int, player_id: int) -> bool:
    """Return whether the player belongs to the holdout of a campaign with this key and share."""
    digest = sha256(key.bytes + player_id.to_bytes(8, "big")).digest()
    return int.from_bytes(digest[:4], "big") % 100 < percent


def held_out_sql(*, key: str, percent: str, player: str) -> str:
    """Return the same as SQL. The arguments are SQL themselves: columns, or placeholders."""
    digest = f"sha256(uuid_send({key}) || int8send({player}))"
    number = f"('x' || encode(substr({digest}, 1, 4), 'hex'))::bit(32)::bigint"
    return f"({percent} > 0 AND mod({number}, 100) < {percent})"


def held_out(campaign: Campaign) -> Func:
    """Return for a query of players whether each belongs to the campaign's holdout."""
    condition = held_out_sql(
        key=f"'{campaign.holdout_key}'::uuid",
        percent=str(campaign.holdout_percent),
        player="%(expressions)s",
    )
    return Func(F("pk"), template=condition, output_field=BooleanField())
