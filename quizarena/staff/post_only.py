"""What somebody sees who opens an address that only takes a form: from a history, or signing in.

Django answers with an empty page, for which a browser shows an error of its own.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


class PostOnlyPage:
    """Middleware that answers with a page of ours where the admin takes only a form."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        is_opened = request.method == "GET" and request.path.startswith("/admin/")
        if response.status_code != 405 or not is_opened:
            return response
        page = render(request, "405.html", status=405)
        page.headers["Allow"] = response.headers["Allow"]
        return page
