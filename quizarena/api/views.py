"""What all views of the API are, and what answers where no app has any."""

from collections.abc import Mapping
from typing import Any, ClassVar, NoReturn

from rest_framework.exceptions import NotFound
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.views import APIView

from quizarena.api.models import Scope


class ApiView(APIView):
    """A view for clients with a token; the settings say how they are known, let in and counted."""

    http_method_names = ["get", "head", "post", "put", "patch", "delete"]
    # For each method the scope that it needs. A method without one answers nobody.
    scopes: ClassVar[Mapping[str, Scope]]


class Nothing(APIView):
    """Every unknown address under the API: a problem like all others, not a page."""

    schema = None
    authentication_classes: list[Any] = []
    permission_classes = [AllowAny]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> NoReturn:
        """Answer 404, whatever the method."""
        raise NotFound
