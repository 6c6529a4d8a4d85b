"""The API's description, for staff who are signed in and for clients with a token.

Making it takes a second of processor time, so each process makes it once.
"""

from threading import Lock
from typing import TYPE_CHECKING, Any

from django.contrib.admin.views.decorators import staff_member_required
from django.http import HttpResponse
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from quizarena.api import schema  # noqa: F401 -- importing it registers its extensions.
from quizarena.api.authentication import BearerToken
from quizarena.api.models import ApiClient

if TYPE_CHECKING:
    from rest_framework.views import APIView


class IsStaffOrClient(BasePermission):
    """A member of staff who is signed in, or any client with a token."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Return whether the user is staff or the token a client's."""
        return isinstance(request.auth, ApiClient) or request.user.is_staff


class Description(SpectacularAPIView):
    """The description as YAML or JSON, whichever is asked for."""

    authentication_classes = [BearerToken, SessionAuthentication]
    permission_classes = [IsStaffOrClient]
    schema = None

    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Return what this process has made once."""
        renderer = request.accepted_renderer
        return HttpResponse(rendered(type(renderer)), content_type=str(renderer.media_type))


_making = Lock()
_made: dict[str, str | bytes] = {}


def rendered(renderer: type[BaseRenderer]) -> str | bytes:
    """Return the description in this format; whoever comes while it is made waits for it."""
    kind = str(renderer.format)
    with _making:
        if kind not in _made:
            _made[kind] = renderer().render(_whole())
        return _made[kind]


def _whole() -> Any:
    # Neither the class nor its method has annotations.
    generator: Any = SchemaGenerator
    return generator().get_schema(request=None, public=True)


# The page reads the description with the session of who looks at it. Its script has an address of
# its own: inline scripts do not run (quizarena/staff/content_policy.py).
page = staff_member_required(SpectacularSwaggerSplitView.as_view(url_name="schema"))
