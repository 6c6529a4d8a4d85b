"""How often a client may ask."""

from typing import TYPE_CHECKING

import redis
import structlog
from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from quizarena.api.models import ApiClient

if TYPE_CHECKING:
    # It loads rest_framework's settings, which name this module.
    from rest_framework.views import APIView

log = structlog.get_logger(__name__)


class PerClient(SimpleRateThrottle):
    """Counts the requests of each client in the cache; settings.API_RATE says how many are fine."""

    scope = "api"

    def get_rate(self) -> str:
        """Return the rate ("120/min")."""
        return str(settings.API_RATE)

    def get_cache_key(self, request: Request, view: "APIView") -> str | None:
        """Return whose requests are counted; who has no token is not let in anyway."""
        if not isinstance(request.auth, ApiClient):
            return None
        return self.cache_format % {"scope": self.scope, "ident": request.auth.pk}

    def allow_request(self, request: Request, view: "APIView") -> bool:
        """Return whether the client may continue; without Redis no request is counted."""
        try:
            return super().allow_request(request, view)
        except redis.RedisError:
            log.warning("api.not_throttled")
            return True
