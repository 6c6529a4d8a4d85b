"""What a page of ours may load and run: scripts come from our own files, and from nowhere else."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

# No page has an inline script. Alpine, which Unfold's menus are written in, makes functions from
# the attributes of our own templates: that is 'unsafe-eval', and cannot be had without it. Unfold
# puts its colours into a <style>, and htmx and Chart.js style elements.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)


class ContentPolicy:
    """Middleware that sends POLICY with every answer that has none of its own."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        return response
