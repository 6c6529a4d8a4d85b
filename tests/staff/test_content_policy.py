"""No page runs a script that is not a file of ours."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from tests.factories import InboxUpdateFactory, make_staff

pytestmark = pytest.mark.django_db

POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
# A script in the page itself; a handler in an attribute; an address that is one.
INLINE = re.compile(
    r"<script(?![^>]*\bsrc=)(?![^>]*application/json)|<[^>]*\son[a-z]+\s*=|javascript:",
    re.IGNORECASE,
)


@pytest.mark.parametrize(
    "page",
    [
        *("/admin/login/", "/admin/", "/admin/players/player/", "/admin/my-sign-in/"),
        *("/admin/inbox/", "/admin/inbox/dead-updates/4711/", "/admin/pages/"),
        *("/admin/promos/campaign/add/", "/admin/nothing/", "/api/docs/", "/api/v1/nothing/"),
    ],
)
def test_every_answer_says_what_a_page_may_load(client: Client, page: str) -> None:
    InboxUpdateFactory.create(dead=True, update_id=4711)
    client.force_login(make_staff("Administrator"))

    answer = client.get(page)

    assert answer.headers["Content-Security-Policy"] == POLICY
    assert INLINE.findall(answer.content.decode()) == []


def test_no_template_of_ours_has_a_script_in_it() -> None:
    ours = [
        template
        for package in ("quizarena", "economy", "promos", "payments", "bot")
        for directory in ("templates", "overrides")
        for template in Path(settings.BASE_DIR, package).rglob(f"{directory}/**/*.html")
    ]

    assert len(ours) > 30
    assert "command.html" in {path.name for path in ours}
    assert [path.name for path in ours if INLINE.search(path.read_text())] == []


@pytest.mark.parametrize(
    "page", ["<script>go()</script>", '<a onclick="go()">', '<a href="javascript:go()">']
)
def test_what_it_looks_for_is_found(page: str) -> None:
    assert INLINE.search(page)
    assert not INLINE.search('<script src="x.js"></script><a x-on:click="y" href="/online=1">')
