"""The page of the search, and what Unfold's command palette (Ctrl+K) shows.

A term comes by POST alone: it may be a promo code, and addresses stay in the logs of web servers.
"""

from django.contrib import admin
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods
from unfold.dataclasses import SearchResult

from quizarena.staff import search
from quizarena.staff.desk import own_user

# What the palette shows at most; it would ask for a next page by GET.
PALETTE_MAX = 100


@sensitive_post_parameters("s")
@require_http_methods(["GET", "POST"])
def search_page(request: HttpRequest) -> HttpResponse:
    """Show what the posted term finds: to the palette as a list, else as a page."""
    user, term = own_user(request), request.POST.get("s", "").strip()
    results = search.search(term=term, user=user)
    if "extended" in request.POST:
        return _palette(request, results) if term else HttpResponse()
    context = {
        **admin.site.each_context(request),
        "title": "Search",
        "term": term,
        "results": results,
        "titles": search.titles(user=user),
    }
    return TemplateResponse(request, "staff/search.html", context)


def _palette(request: HttpRequest, results: list[search.Result]) -> HttpResponse:
    items = [
        SearchResult(
            title=one.title,
            description=f"{result.source.title}{f' · {one.detail}' if one.detail else ''}",
            link=one.url,
            icon=result.source.symbol,
        )
        for result in results
        for one in result.found
    ]
    pages = Paginator(items[:PALETTE_MAX], PALETTE_MAX)
    context = {"page_obj": pages, "results": pages.page(1), "page_counter": 0}
    return TemplateResponse(request, "staff/search_palette.html", context)
