"""What of the API is about payments, under /api/v1/."""

from django.urls import path

from payments import api

urlpatterns = [
    path("products/", api.Products.as_view(), name="products"),
    path("purchases/", api.Purchases.as_view(), name="purchases"),
    path("purchases/<uuid:purchase_id>/", api.OnePurchase.as_view(), name="purchase"),
    path("purchases/<uuid:purchase_id>/refund/", api.Refunds.as_view(), name="refund"),
]
