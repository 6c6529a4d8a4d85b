"""Unfold's admin site, without work for what no page of ours shows."""

from typing import Any

from django.contrib import admin
from django.contrib.admin import sites
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from unfold.apps import BasicAppConfig
from unfold.sites import UnfoldAdminSite


class DeskSite(UnfoldAdminSite):
    """The site of all pages of the admin."""

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:
        """Return all apps and models that the user may see, once somebody looks at them.

        Django puts them into every page for a sidebar, and ours has a list of its own
        (quizarena/staff/navigation.py).
        """
        if app_label is not None:
            return super().get_app_list(request, app_label)
        made = super().get_app_list
        return SimpleLazyObject(lambda: made(request))


class DeskSiteConfig(BasicAppConfig):
    """Unfold with our site (INSTALLED_APPS)."""

    def ready(self) -> None:
        """Take the place of Django's site before any page registers."""
        admin.site = sites.site = DeskSite()
