"""The way from a page of the admin into the handbook, for templates."""

from django import template
from django.http import HttpRequest

register = template.Library()


@register.simple_tag
def handbook_address(request: HttpRequest) -> str:
    """Return the address of the handbook's page about where the user is."""
    # The admin's classes render templates while they are imported, and those look for this module.
    from quizarena.staff import handbook

    return handbook.address(request)
