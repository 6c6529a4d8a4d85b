"""What a page of the admin is called in its own heading, for templates."""

from typing import Any

from django import template
from django.urls import reverse
from django.utils.text import capfirst

register = template.Library()


@register.simple_tag(takes_context=True)
def own_name(context: template.Context) -> str:
    """Return what the heading says behind the list to which the page belongs; "" if nothing.

    A page that stands in the sidebar is called as there, another one by its title. The page of an
    object, and the list itself, are named by Unfold.
    """
    # The admin's classes render templates while they are imported, and those look for this module.
    from quizarena.staff import navigation

    request: Any = context.get("request")
    opts: Any = context.get("opts")
    if request is None or opts is None:
        return ""
    if name := navigation.name_of_view(request.path):
        return name
    if any(context.get(name) for name in ("cl", "original", "object")):
        return ""
    its_list = reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist")
    title = str(context.get("title") or "")
    is_list = request.path == its_list or title == str(capfirst(opts.verbose_name_plural))
    return "" if is_list else title
