"""Every address that Django answers; Telegram's webhook stands before it (quizarena/wsgi.py)."""

from django.contrib import admin
from django.urls import include, path, re_path, reverse_lazy
from django.views.generic import RedirectView

from quizarena.api import description
from quizarena.api.views import Nothing
from quizarena.ops import metrics
from quizarena.ops.health import Alive, Ready
from quizarena.staff import factor_pages, handbook
from quizarena.staff.admin.accounts import change_own_password
from quizarena.staff.home import all_pages
from quizarena.staff.inbox_page import inbox_page, item_page
from quizarena.staff.outcome_page import dismiss as dismiss_outcome
from quizarena.staff.search_page import search_page

# Only who answers addresses needs the pages of the admin (SimpleAdminConfig in the settings).
admin.autodiscover()

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/password_change/", change_own_password),
    path("admin/second-factor/", factor_pages.ask, name="factor"),
    path("admin/second-factor/set-up/", factor_pages.set_up, name="set_up_factor"),
    path("admin/my-sign-in/", factor_pages.my_sign_in, name="my_sign_in"),
    path(
        "admin/my-sign-in/recovery-codes/",
        factor_pages.new_recovery_codes,
        name="new_recovery_codes",
    ),
    path(
        "admin/my-sign-in/sign-out-everywhere/",
        factor_pages.sign_out_everywhere,
        name="sign_out_everywhere",
    ),
    # Instead of Unfold's, which takes the term from the address.
    path("admin/search/", admin.site.admin_view(search_page), name="search"),
    path("admin/inbox/", admin.site.admin_view(inbox_page), name="inbox"),
    path(
        "admin/inbox/<slug:source>/<str:pk>/",
        admin.site.admin_view(item_page),
        name="inbox-item",
    ),
    path(
        "admin/approval-outcomes/<int:pk>/dismiss/",
        admin.site.admin_view(dismiss_outcome),
        name="dismiss-outcome",
    ),
    re_path(
        "^handbook/(?P<path>.*)$",
        admin.site.admin_view(handbook.page, cacheable=True),
        name="handbook",
    ),
    # Headings link to Django's list of an app; here pages stand in groups, which are not apps.
    re_path(
        f"^admin/(?:{'|'.join(sorted({page._meta.app_label for page in admin.site._registry}))})/$",
        RedirectView.as_view(url=reverse_lazy("all-pages")),
    ),
    path("admin/pages/", admin.site.admin_view(all_pages), name="all-pages"),
    path("admin/", admin.site.urls),
    path("api/v1/schema/", description.Description.as_view(), name="schema"),
    path("api/v1/", include("payments.urls")),
    path("api/v1/promos/", include("promos.urls")),
    re_path("^api/v1/", Nothing.as_view()),
    path("api/docs/", description.page, name="docs"),
    path("healthz", Alive.as_view(), name="alive"),
    path("readyz", Ready.as_view(), name="ready"),
    path("metrics", metrics.page, name="metrics"),
]
