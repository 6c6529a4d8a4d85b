"""What of promos the search of the admin finds: codes, campaigns and batches."""

from collections.abc import Iterable

from django.db.models import Q

from promos import redemptions
from promos.models import Batch, Campaign
from quizarena.staff import search
from quizarena.staff.desk import row_number


def _find_codes(term: str) -> Iterable[search.Found]:
    """Find the code that a player would try with this. The term is neither logged nor stored."""
    code = redemptions.find(term)
    if code is not None:
        yield search.Found(
            title=f"#{code.pk} {code.label}",
            detail=f"of {code.campaign}, {'revoked' if code.stopped_at else 'works'}",
            page="promos_code_change",
            pk=code.pk,
        )


def _find_campaigns(term: str) -> Iterable[search.Found]:
    about = Q(name__icontains=term) | Q(pk=_number(term))
    for campaign in Campaign.objects.filter(about).order_by("-pk")[: search.FOUND_MAX]:
        yield search.Found(
            title=campaign.name,
            detail=campaign.get_status_display(),
            page="promos_campaign_change",
            pk=campaign.pk,
        )


def _find_batches(term: str) -> Iterable[search.Found]:
    rows = Batch.objects.filter(Q(prefix=term.upper()) | Q(pk=_number(term)))
    for batch in rows.select_related("campaign").order_by("-pk")[: search.FOUND_MAX]:
        yield search.Found(
            title=f"Batch {batch.pk}: {batch}",
            detail=batch.prefix,
            page="promos_batch_change",
            pk=batch.pk,
        )


def _number(term: str) -> int:
    return row_number(term.removeprefix("#")) or 0


for _source in (
    search.SearchSource(
        title="Promo codes", symbol="key", permission="promos.view_code", find=_find_codes
    ),
    search.SearchSource(
        title="Campaigns",
        symbol="redeem",
        permission="promos.view_campaign",
        find=_find_campaigns,
    ),
    search.SearchSource(
        title="Batches",
        symbol="confirmation_number",
        permission="promos.view_batch",
        find=_find_batches,
    ),
):
    search.declare(_source)
