"""Who asks: `Authorization: Bearer <token>` (RFC 6750)."""

import structlog
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from rest_framework import status
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from quizarena.api import clients
from quizarena.api.models import ApiClient
from quizarena.api.problems import Problem


class BearerToken(BaseAuthentication):
    """A client that shows its token becomes `request.auth`; nobody is logged in."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, ApiClient] | None:
        """Return the client, or None when there is no token.

        Raises AuthenticationFailed for a token that is unknown or revoked, without saying which,
        and Problem while the client waits for a second person.
        """
        scheme, _, token = get_authorization_header(request).partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        client = clients.find(token=token.strip().decode("latin-1"), now=timezone.now())
        if client is None:
            raise AuthenticationFailed
        structlog.contextvars.bind_contextvars(api_client=client.pk)
        if client.scopes_to_approve:
            raise not_approved(client.scopes_to_approve)
        return AnonymousUser(), client

    def authenticate_header(self, request: Request) -> str:
        """Return what WWW-Authenticate says, which also makes a missing token a 401."""
        return "Bearer"


def client_of(request: Request) -> ApiClient:
    """Return the client, on a view that only clients may use."""
    assert isinstance(request.auth, ApiClient)
    return request.auth


def not_approved(scopes: list[str]) -> Problem:
    """Return the problem of a client with money scopes that only one person has opened."""
    return Problem(
        "client_not_approved",
        status=status.HTTP_403_FORBIDDEN,
        title="Client not approved",
        detail="A second member of staff has to approve its scopes for money; until then it can "
        "do nothing.",
        more={"scopes": scopes},
    )
