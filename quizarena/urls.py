"""Every address of the web process."""

from django.contrib import admin
from django.urls import path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from bot.webhook import webhook
from quizarena.ops.health import Alive, Ready

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    path("healthz", Alive.as_view(), name="alive"),
    path("readyz", Ready.as_view(), name="ready"),
    path("telegram/webhook/", webhook, name="webhook"),
]
