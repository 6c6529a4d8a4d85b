"""Tags of campaigns: words by which operators find again what belongs together.

They decide about nothing, so campaigns in every state can have others. Product rules, section 8.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime

from django.contrib.auth.models import User
from django.db import connection, transaction

from promos import campaigns
from promos.errors import BadTermsError
from promos.models import OVER, Campaign
from quizarena.staff import audit

LENGTH_MAX = 24
TAGS_MAX = 10
_FOREIGN = re.compile(r"[^\w -]|_")


def normalise(tag: str) -> str:
    """Return a tag as it is stored: in lower case, with single spaces and hyphens inside only.

    Raises BadTermsError for one that is empty, too long, or has other characters.
    """
    text = unicodedata.normalize("NFC", tag).lower()
    text = re.sub(r"-+", "-", re.sub(r"\s+", " ", text)).strip(" -")
    if not text or len(text) > LENGTH_MAX or _FOREIGN.search(text):
        raise BadTermsError(
            "tags",
            f"“{tag.strip()[:40]}” is no tag: it has up to {LENGTH_MAX} letters, digits, spaces"
            " and hyphens.",
        )
    return text


def read(text: str) -> list[str]:
    """Return the tags that somebody has typed between commas, in order, each once.

    Raises BadTermsError for what is no tag, and for too many.
    """
    return in_order(one for one in text.split(",") if one.strip())


def in_order(tags: Iterable[str]) -> list[str]:
    """Return tags as they are stored: normalised, in order, each once.

    Raises BadTermsError for what is no tag, and for too many.
    """
    found = sorted({normalise(one) for one in tags})
    if len(found) > TAGS_MAX:
        raise BadTermsError("tags", f"A campaign has at most {TAGS_MAX} tags.")
    return found


def written(tags: Sequence[str]) -> str:
    """Return tags as one types them."""
    return ", ".join(tags)


def after(campaign: Campaign, *, add: Iterable[str] = (), remove: Iterable[str] = ()) -> list[str]:
    """Return what the tags of the campaign would be. Raises BadTermsError for too many."""
    tags = sorted((set(campaign.tags) - set(remove)) | set(add))
    if len(tags) > TAGS_MAX:
        raise BadTermsError("tags", f"{campaign} would have more than {TAGS_MAX} tags.")
    return tags


@transaction.atomic
def change(
    *,
    campaign_id: int,
    add: Sequence[str] = (),
    remove: Sequence[str] = (),
    now: datetime,
    staff: User | None,
) -> Campaign:
    """Add and remove tags, which are normalised, of a campaign in whatever state. Locks it.

    What is there already, or is not there, changes nothing; a campaign that is over keeps its end.
    Raises BadTermsError for too many.
    """
    campaign = campaigns.lock(campaign_id)
    tags = after(campaign, add=add, remove=remove)
    return replace(campaign, tags, now=now, staff=staff)


def replace(
    campaign: Campaign, tags: list[str], *, now: datetime, staff: User | None, reason: str = ""
) -> Campaign:
    """Give a locked campaign, in whatever state, these tags: normalised, in order, not too many."""
    before = campaign.tags
    if tags == before:
        return campaign
    campaign.tags = tags
    if campaign.status not in OVER:
        campaign.changed_at = now
    campaign.save(update_fields=["tags", "changed_at"])
    audit.record(
        actor=staff,
        action="campaign.tagged",
        obj=campaign,
        summary=f"{campaign}: tags {written(tags) or 'removed'}. {reason}".strip(),
        details={"tags": [before, tags], **({"reason": reason} if reason else {})},
    )
    return campaign


def in_use() -> list[str]:
    """Return every tag that a campaign has, in order."""
    with connection.cursor() as cursor:
        cursor.execute(
            'SELECT DISTINCT tag COLLATE "C" AS tag'
            " FROM promos_campaign, unnest(tags) AS tag ORDER BY tag"
        )
        return [tag for (tag,) in cursor.fetchall()]


@transaction.atomic
def change_all(
    *,
    campaign_ids: Sequence[int],
    add: Sequence[str],
    remove: Sequence[str],
    now: datetime,
    staff: User | None,
) -> None:
    """Do the same to several campaigns, or to none of them. Locks them in order."""
    for pk in sorted(campaign_ids):
        change(campaign_id=pk, add=add, remove=remove, now=now, staff=staff)
