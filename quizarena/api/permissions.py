"""What a client may do: every view says which scope each of its methods needs."""

from typing import TYPE_CHECKING

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from quizarena.api.models import ApiClient, Scope
from quizarena.api.problems import Problem, forbidden

if TYPE_CHECKING:
    from rest_framework.views import APIView


class HasScope(BasePermission):
    """The client's token has the scope in the view's `scopes` for this method.

    A view that is no ApiView, or a method without a scope, is a mistake and answers nobody.
    """

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Return False without a client, which becomes a 401. Raises Problem without the scope."""
        # It loads rest_framework's settings, which name this module.
        from quizarena.api.views import ApiView

        client = request.auth
        if not isinstance(client, ApiClient) or not isinstance(view, ApiView):
            return False
        method = str(request.method)
        if method not in view.allowed_methods:
            return True  # There is nothing to do: rest_framework answers 405.
        scope = view.scopes["GET" if method == "HEAD" else method]
        if not client.may(scope):
            raise insufficient_scope(scope)
        return True


def insufficient_scope(scope: Scope) -> Problem:
    """Return the problem of a token without the scope."""
    return forbidden(
        "insufficient_scope",
        title="Insufficient scope",
        detail=f"The token needs the scope {scope}. Ask an administrator to add it.",
        more={"scope": scope.value},
    )
