"""Promo campaigns that run, for the tests of those who redeem and buy."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from promos import campaigns
from promos.models import Campaign, Redemption
from quizarena.players.models import Player

# The code that everybody can use.
CODE = "HELLO2026"


def running(*, code: str = CODE, value: int = 40, **terms: Any) -> Campaign:
    """Return a campaign that runs since an hour ago, a discount unless `terms` say otherwise."""
    began = timezone.now() - timedelta(hours=1)
    begun = {"created_at": began, "changed_at": began, "starts_at": began}
    terms = {"name": f"Test {code}", "kind": "PERCENT_DISCOUNT", "value": value, **begun, **terms}
    campaign = Campaign.objects.create(**terms)
    campaigns.share_code(campaign_id=campaign.pk, raw=code, now=began)
    return campaigns.start(campaign_id=campaign.pk, reason="Test.", now=began, staff=None)


def counted(campaign: Campaign) -> tuple[int, int, int, int]:
    """Return what a campaign counts: reserved, applied, Stars reserved, Stars given."""
    campaign = Campaign.objects.get(pk=campaign.pk)
    return campaign.reserved, campaign.applied, campaign.stars_reserved, campaign.stars_given


def redemption(player: Player) -> Redemption:
    """Return the player's newest redemption as it is now."""
    return Redemption.objects.filter(player=player).latest("pk")
