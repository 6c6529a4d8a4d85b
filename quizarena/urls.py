"""Every address that Django answers; Telegram's webhook stands before it (quizarena/wsgi.py)."""

from django.contrib import admin
from django.urls import path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from quizarena.ops.health import Alive, Ready

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    path("healthz", Alive.as_view(), name="alive"),
    path("readyz", Ready.as_view(), name="ready"),
]
