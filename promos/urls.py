"""What of the API is about promos, under /api/v1/promos/."""

from django.urls import path

from promos.api import campaigns, redemptions

urlpatterns = [
    path("redeem/", redemptions.Redeem.as_view(), name="promo-redeem"),
    path("test/", redemptions.Test.as_view(), name="promo-test"),
    path("campaigns/", campaigns.Campaigns.as_view(), name="promo-campaigns"),
    path("campaigns/<int:campaign_id>/", campaigns.OneCampaign.as_view(), name="promo-campaign"),
    path("campaigns/<int:campaign_id>/status/", campaigns.Status.as_view(), name="promo-status"),
    path("campaigns/<int:campaign_id>/terms/", campaigns.Terms.as_view(), name="promo-terms"),
    path(
        "campaigns/<int:campaign_id>/statistics/",
        campaigns.Statistics.as_view(),
        name="promo-statistics",
    ),
    path(
        "redemptions/<int:redemption_id>/rollback/",
        redemptions.Rollback.as_view(),
        name="promo-rollback",
    ),
]
