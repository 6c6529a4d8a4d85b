"""What of the API is about promos, under /api/v1/promos/."""

from django.urls import path

from promos import api

urlpatterns = [
    path("redeem/", api.Redeem.as_view(), name="promo-redeem"),
    path("test/", api.Test.as_view(), name="promo-test"),
    path("campaigns/", api.Campaigns.as_view(), name="promo-campaigns"),
    path("campaigns/<int:campaign_id>/", api.OneCampaign.as_view(), name="promo-campaign"),
    path("campaigns/<int:campaign_id>/status/", api.Status.as_view(), name="promo-status"),
    path(
        "campaigns/<int:campaign_id>/statistics/",
        api.Statistics.as_view(),
        name="promo-statistics",
    ),
    path(
        "redemptions/<int:redemption_id>/rollback/", api.Rollback.as_view(), name="promo-rollback"
    ),
]
