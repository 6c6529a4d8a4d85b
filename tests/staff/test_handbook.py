"""The handbook: who reads it, how it is served, and which page helps where."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import Group
from django.test import Client, RequestFactory
from django.urls import get_resolver
from pytest_django.fixtures import Settings

from quizarena.staff import handbook, navigation
from tests.factories import PlayerFactory, make_staff
from tests.staff.test_content_policy import POLICY

pytestmark = pytest.mark.django_db

PAGES = Path(settings.BASE_DIR, "docs", "handbook")
# What stands in italics; **bold** is for the eye.
LABEL = re.compile(r"\*([^*|]+?)\*")
HELP = re.compile(r'class="desk-help" href="([^"]*)"')


@pytest.fixture
def site(tmp_path: Path, settings: Settings) -> Path:
    """A handbook of two pages and a style sheet."""
    (tmp_path / "support" / "refund").mkdir(parents=True)
    (tmp_path / "index.html").write_text("<h1>Handbook</h1>")
    (tmp_path / "support" / "refund" / "index.html").write_text("<h1>Refund a purchase</h1>")
    (tmp_path / "look.css").write_text("h1 { color: green }")
    (tmp_path.parent / "secret.txt").write_text("secret")
    settings.HANDBOOK_ROOT = tmp_path
    return tmp_path


class TestServing:
    @pytest.mark.parametrize("role", ["Support", "Editor", "Security"])
    def test_who_is_signed_in_reads_it(self, client: Client, site: Path, role: str) -> None:
        client.force_login(make_staff(role))

        answer = client.get("/handbook/support/refund/")

        assert answer.status_code == 200
        assert b"".join(answer) == b"<h1>Refund a purchase</h1>"
        assert answer.headers["Content-Type"] == "text/html"
        assert answer.headers["Content-Security-Policy"] == POLICY
        assert answer.headers["Cache-Control"] == "private, no-cache"

    def test_nobody_else_does(self, client: Client, site: Path) -> None:
        answer = client.get("/handbook/support/refund/")

        assert answer.status_code == 302
        assert answer.headers["Location"] == "/admin/login/?next=/handbook/support/refund/"

    @pytest.mark.parametrize(
        ("address", "content"),
        [("/handbook/", b"<h1>Handbook</h1>"), ("/handbook/look.css", b"h1 { color: green }")],
    )
    def test_the_cover_and_files_are_there(
        self, client: Client, site: Path, address: str, content: bytes
    ) -> None:
        client.force_login(make_staff("Support"))

        assert b"".join(client.get(address)) == content

    def test_a_page_has_one_address(self, client: Client, site: Path) -> None:
        client.force_login(make_staff("Support"))

        answer = client.get("/handbook/support/refund")

        assert answer.status_code == 302
        assert answer.headers["Location"] == "/handbook/support/refund/"

    @pytest.mark.parametrize(
        "path",
        [
            "nothing/",
            "support/",
            "../secret.txt",
            "%2e%2e/secret.txt",
            "/etc/passwd",
            "/etc",
            "a\0b",
            "x" * 300,
            "x/" * 500,
        ],
    )
    def test_what_is_not_in_it_is_not_served(self, client: Client, site: Path, path: str) -> None:
        client.force_login(make_staff("Support"))

        assert client.get(f"/handbook/{path}").status_code == 404

    def test_where_it_is_not_built_the_page_says_how(self, client: Client, site: Path) -> None:
        (site / "index.html").unlink()
        client.force_login(make_staff("Support"))

        answer = client.get("/handbook/support/refund/")

        assert answer.status_code == 404
        assert "make handbook" in answer.content.decode()


class TestHelp:
    @pytest.mark.parametrize(
        ("address", "page"),
        [
            ("/admin/", "/handbook/basics/home/"),
            ("/admin/inbox/", "/handbook/basics/inbox/"),
            ("/admin/players/player/", "/handbook/support/player/"),
            ("/admin/players/player/{}/change/", "/handbook/support/player/"),
            ("/admin/payments/purchase/", "/handbook/support/paid-and-got-nothing/"),
            ("/admin/payments/purchase/revenue/", "/handbook/finance/figures/"),
            ("/admin/promos/campaign/add/", "/handbook/operator/campaign/"),
            ("/admin/staff/alertroute/", "/handbook/administrator/alert-routing/"),
            ("/admin/django_celery_beat/periodictask/", "/handbook/administrator/jobs/"),
        ],
    )
    def test_each_page_leads_to_its_own_in_the_handbook(
        self, client: Client, address: str, page: str
    ) -> None:
        player = PlayerFactory.create()
        client.force_login(make_staff("Administrator"))

        shown = client.get(address.format(player.pk)).content.decode()

        assert HELP.findall(shown) == [page]

    @pytest.mark.parametrize(
        ("roles", "page"),
        [
            (["Finance"], "/handbook/finance/"),
            (["Editor", "Operator"], "/handbook/operator/"),
            ([], "/handbook/"),
        ],
    )
    def test_elsewhere_it_begins_with_the_role(
        self, rf: RequestFactory, roles: list[str], page: str
    ) -> None:
        request = rf.get("/somewhere/")
        request.user = make_staff("Support")
        request.user.groups.set(Group.objects.filter(name__in=roles))

        assert handbook.address(request) == page

    def test_the_menu_of_the_account_has_it(self, client: Client) -> None:
        client.force_login(make_staff("Editor"))

        assert 'href="/handbook/"' in client.get("/admin/").content.decode()


class TestPages:
    def test_every_page_of_the_sidebar_has_one(self) -> None:
        labels = [label for pages in navigation.GROUPS.values() for _, _, label in pages]

        lost = [
            label
            for label in labels
            if not any(f"{label}.".startswith(f"{one}.") for one in handbook.OF_MODELS)
        ]

        assert lost == []

    @pytest.mark.parametrize(
        "page",
        sorted(
            {
                *handbook.OF_MODELS.values(),
                *handbook.OF_ADDRESSES.values(),
                *handbook.OF_ROLES.values(),
            }
        ),
    )
    def test_every_page_that_is_linked_is_there(self, page: str) -> None:
        assert (PAGES / f"{page}index.md" if page.endswith("/") else PAGES / f"{page}.md").exists()

    def test_every_label_that_a_page_names_is_one_of_the_product(self) -> None:
        product = _source()

        lost = {
            (path.name, label)
            for path in _written()
            for label in LABEL.findall(path.read_text().replace("**", ""))
            if " ".join(label.lower().rstrip("…").replace("_", " ").split()) not in product
        }

        assert {label for _, label in lost} == {
            "Log out",  # Unfold's.
            "Export XLSX",  # Made of "Export" and the format.
        }

    def test_every_name_is_one_of_an_address(self) -> None:
        names = {name for name in get_resolver().reverse_dict if isinstance(name, str)}

        assert {name for name in handbook.OF_ADDRESSES if ":" not in name} <= names

    def test_every_page_has_a_title_and_steps_or_a_table(self) -> None:
        bare = [
            path.name
            for path in _written()
            if not path.read_text().startswith("# ")
            or not re.search(r"^(1\. |\| |- )", path.read_text(), re.MULTILINE)
        ]

        assert bare == []

    def test_pictures_are_small_and_each_is_shown(self) -> None:
        pictures = sorted((PAGES / "pictures").glob("*.png"))
        text = "".join(path.read_text() for path in _written())

        assert [path.name for path in pictures if path.stat().st_size > 120_000] == []
        assert [path.name for path in pictures if f"pictures/{path.name}" not in text] == []

    def test_nothing_leads_out_of_the_house(self) -> None:
        assert [path.name for path in _written() if "http" in path.read_text()] == []


def _source() -> str:
    """Return what the product's modules and templates say, in lower case and on one line."""
    files = (
        path
        for package in ("bot", "economy", "payments", "promos", "quizarena")
        for path in Path(settings.BASE_DIR, package).rglob("*")
        if path.suffix in (".py", ".html") and not {"migrations", "local"} & {*path.parts}
    )
    text = " ".join(path.read_text().replace("_", " ") for path in files).lower()
    return " ".join(re.sub(r'"\s*f?"', "", text).split())


def _written() -> Iterator[Path]:
    yield from sorted(PAGES.rglob("*.md"))
