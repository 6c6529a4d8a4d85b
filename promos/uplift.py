"""What a campaign brings: recording who is compared, and counting what they have done.

Product rules, section 8. Both groups are those of the segment as it was when the campaign began,
whether or not they ever came to know of it or used its code (intention to treat): whoever looked at
users of the code alone would compare keen players with all others. What is decided by time is
looked at as it was at the beginning, so nothing that the campaign has caused moves anybody in or
out. Every page of players is one transaction under the lock of the comparison, so the next run
continues where the last one has ended, or died.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Greatest
from django.utils import timezone

from economy.wallets import business_zone
from promos.holdout import held_out_sql
from promos.models import (
    OVER,
    Campaign,
    CampaignStatus,
    GroupCount,
    Participant,
    Uplift,
)
from quizarena.game.statistics import level_sql
from quizarena.players.models import Player

# So many players are looked at in one transaction.
PAGE = 5_000
# A running campaign is counted again after so long.
COUNT_EVERY = timedelta(hours=1)
# So long after the end of a campaign it is still known who was compared; the figures stay.
PARTICIPANTS_KEPT_FOR = timedelta(days=90)


def run(*, until: datetime) -> int:
    """Begin, record and count what is due; return how many players were looked at.

    Any number may run at once: a comparison that another job has locked is left to it.
    """
    now = timezone.now()
    _begin_due(now=now)
    looked_at = 0
    for campaign_id in _unfinished(now=now):
        while timezone.now() < until:
            step = _continue(campaign_id=campaign_id)
            if step is None:
                break
            looked_at += step
    return looked_at


def _begin_due(*, now: datetime) -> None:
    """Begin the comparison of each campaign with a holdout that has begun; none that never did."""
    due = Campaign.objects.filter(
        holdout_percent__gt=0, authorised_at__isnull=False, starts_at__lte=now, uplift=None
    ).exclude(status=CampaignStatus.DRAFT)
    due = due.exclude(status__in=OVER, changed_at__lte=F("starts_at"))
    begun = due.values_list("pk", Greatest("starts_at", "authorised_at"))
    # Another job may have begun one meanwhile.
    Uplift.objects.bulk_create(
        [Uplift(campaign_id=pk, begins_at=begins_at) for pk, begins_at in begun],
        ignore_conflicts=True,
    )


def _unfinished(*, now: datetime) -> list[int]:
    """Return the comparisons that are to be recorded or counted, those without a count first.

    Who is compared should be recorded soon after the begin, however much there is to count.
    """
    due = Uplift.objects.filter(
        Q(counted_until=None)
        | Q(counting_until__isnull=False)
        | Q(counted_until__lte=now - COUNT_EVERY, ends_at=None)
        | Q(campaign__status__in=OVER, ends_at=None)
        | Q(counted_until__lt=F("ends_at"))
    )
    new_ones_first = F("counted_until").asc(nulls_first=True)
    return list(due.order_by(new_ones_first, "pk").values_list("pk", flat=True))


@transaction.atomic(durable=True)
def _continue(*, campaign_id: int) -> int | None:
    """Take a comparison a page further; return how many players that were, None if none is due.

    Locks it, unless another job has.
    """
    rows = Uplift.objects.select_for_update(of=("self",), no_key=True, skip_locked=True)
    uplift = rows.select_related("campaign").filter(pk=campaign_id).first()
    if uplift is None:
        return None
    now = timezone.now()
    if uplift.recorded_at is None:
        return _record(uplift, now=now)
    _close(uplift)
    if uplift.counting_until is None:
        until = min(now, uplift.ends_at or now)
        since = uplift.counted_until
        if since is not None and (
            since >= until or (uplift.ends_at is None and since > now - COUNT_EVERY)
        ):
            return None
        uplift.counting_until, uplift.counted_to = until, 0
    return _count(uplift)


def _close(uplift: Uplift) -> None:
    """Note when the campaign has ended, if it has."""
    campaign = uplift.campaign
    if uplift.ends_at is None and campaign.status in OVER:
        ended_at = min(campaign.changed_at, campaign.ends_at or campaign.changed_at)
        uplift.ends_at = max(ended_at, uplift.begins_at)
        uplift.save(update_fields=["ends_at"])


# --- Who is compared ------------------------------------------------------------------------------

# The segment as promos/rules.py has it, as it was at the beginning. Whom no code helps is left out.
# That a player has blocked the bot is often found out by the message that announces the campaign,
# which goes to one of the groups only: whoever is found out since the beginning stays in.
# Of the language alone nobody keeps what it was: it is the one when they are recorded.
_RECORD = f"""
INSERT INTO promos_participant (uplift_id, player_id, is_held_out)
SELECT campaign.id, player.id, {
    held_out_sql(key="campaign.holdout_key", percent="campaign.holdout_percent", player="player.id")
}
FROM promos_campaign AS campaign, players_player AS player
WHERE campaign.id = %(campaign)s
  AND player.id > %(after)s AND player.id <= %(last)s
  AND player.created_at < %(begins_at)s
  AND player.deleted_at IS NULL
  AND (player.suspended_at IS NULL OR player.suspended_at > %(begins_at)s)
  AND (player.bot_blocked_at IS NULL OR player.bot_blocked_at > %(begins_at)s)
  AND NOT EXISTS (
    SELECT FROM promos_denylistentry WHERE player_id = player.id AND at <= %(begins_at)s)
  AND (campaign.for_language = '' OR player.language = campaign.for_language)
  AND (NOT campaign.for_new_players OR NOT EXISTS (
    SELECT FROM economy_streakday
    WHERE player_id = player.id AND outcome = 'PLAYED' AND day < %(first_day)s))
  AND (NOT campaign.for_first_purchase OR NOT EXISTS (
    SELECT FROM economy_ledgerentry
    WHERE player_id = player.id AND type = 'PURCHASE_CREDIT' AND created_at < %(begins_at)s))
  AND (campaign.for_lapsed_days IS NULL OR %(first_day)s - campaign.for_lapsed_days >= (
    SELECT max(day) FROM economy_streakday
    WHERE player_id = player.id AND outcome = 'PLAYED' AND day < %(first_day)s))
  AND (campaign.for_level = '' OR campaign.for_level = {
    level_sql("player.id", before="%(begins_at)s")
})
ON CONFLICT DO NOTHING
"""  # noqa: S608 -- what is put in are constants.


def _record(uplift: Uplift, *, now: datetime) -> int:
    """Record who of the next PAGE players is compared; return how many were looked at."""
    following = Player.objects.filter(pk__gt=uplift.recorded_to).order_by("pk")
    page = list(following.values_list("pk", flat=True)[:PAGE])
    if not page:
        uplift.recorded_at = now
        uplift.save(update_fields=["recorded_at"])
        return 0
    _execute(
        _RECORD,
        campaign=uplift.pk,
        after=uplift.recorded_to,
        last=page[-1],
        begins_at=uplift.begins_at,
        first_day=uplift.begins_at.astimezone(business_zone()).date(),
    )
    uplift.recorded_to = page[-1]
    uplift.save(update_fields=["recorded_to"])
    return len(page)


# --- What they have done --------------------------------------------------------------------------

_COUNT = """
INSERT INTO promos_groupcount AS counted
  (uplift_id, until, is_held_out, players, buyers, purchases, purchases_squared,
   stars, stars_squared, active_players, active_days, active_days_squared)
SELECT %(uplift)s, %(until)s, participant.is_held_out, count(*),
  count(*) FILTER (WHERE bought.times > 0), sum(bought.times), sum(bought.times * bought.times),
  sum(bought.stars), sum(bought.stars * bought.stars),
  count(*) FILTER (WHERE played.days > 0), sum(played.days), sum(played.days * played.days)
FROM promos_participant AS participant
CROSS JOIN LATERAL (
  SELECT count(*) AS times, coalesce(sum(amount), 0)::bigint AS stars FROM economy_ledgerentry
  WHERE player_id = participant.player_id AND type = 'PURCHASE_CREDIT'
    AND created_at >= %(begins_at)s AND created_at < %(until)s
) AS bought
CROSS JOIN LATERAL (
  SELECT count(*) AS days FROM economy_streakday
  WHERE player_id = participant.player_id AND outcome = 'PLAYED'
    AND day >= %(first_day)s AND day <= %(last_day)s
) AS played
WHERE participant.uplift_id = %(uplift)s
  AND participant.player_id > %(after)s AND participant.player_id <= %(last)s
GROUP BY participant.is_held_out
ON CONFLICT (uplift_id, until, is_held_out) DO UPDATE SET
  players = counted.players + excluded.players,
  buyers = counted.buyers + excluded.buyers,
  purchases = counted.purchases + excluded.purchases,
  purchases_squared = counted.purchases_squared + excluded.purchases_squared,
  stars = counted.stars + excluded.stars,
  stars_squared = counted.stars_squared + excluded.stars_squared,
  active_players = counted.active_players + excluded.active_players,
  active_days = counted.active_days + excluded.active_days,
  active_days_squared = counted.active_days_squared + excluded.active_days_squared
"""


def _count(uplift: Uplift) -> int:
    """Add the next PAGE participants to the count; return how many those were.

    After the last one the count is the one that is shown, and the earlier one goes.
    """
    until = uplift.counting_until
    assert until is not None
    following = uplift.participants.filter(player__gt=uplift.counted_to).order_by("player")
    page = list(following.values_list("player", flat=True)[:PAGE])
    if not page:
        uplift.counts.exclude(until=until).delete()
        uplift.counted_until, uplift.counting_until, uplift.counted_to = until, None, 0
        uplift.save(update_fields=["counted_until", "counting_until", "counted_to"])
        return 0
    zone = business_zone()
    _execute(
        _COUNT,
        uplift=uplift.pk,
        after=uplift.counted_to,
        last=page[-1],
        begins_at=uplift.begins_at,
        until=until,
        first_day=uplift.begins_at.astimezone(zone).date(),
        # What ends at midnight does not have the day that begins then.
        last_day=(until - timedelta(microseconds=1)).astimezone(zone).date(),
    )
    uplift.counted_to = page[-1]
    uplift.save(update_fields=["counting_until", "counted_to"])
    return len(page)


def _execute(sql: str, **parameters: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)


def counts(uplift: Uplift) -> dict[bool, GroupCount]:
    """Return the latest complete count of each group, by whether it is held out."""
    latest = uplift.counts.filter(until=uplift.counted_until) if uplift.counted_until else []
    return {one.is_held_out: one for one in latest}


# --- Purging --------------------------------------------------------------------------------------


@transaction.atomic
def purge_participants(*, now: datetime, limit: int) -> int:
    """Delete who was compared in campaigns that are long over and counted; return how many rows."""
    over = Uplift.objects.filter(
        ends_at__lt=now - PARTICIPANTS_KEPT_FOR, counted_until__gte=F("ends_at")
    )
    due = Participant.objects.filter(uplift__in=over).order_by("uplift", "player")
    deleted, _ = Participant.objects.filter(
        pk__in=list(due.values_list("pk", flat=True)[:limit])
    ).delete()
    return deleted
