"""Takes the pictures of the handbook: `make handbook-pictures`, or some of them by name.

A module of tests by form only, which nobody collects unasked: it needs the database of the tests,
their clock, and Chromium.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from tests.handbook.world import make_world, seed_questions
from tests.stories.browsing import CHROMIUM

DIRECTORY = Path(settings.BASE_DIR, "docs", "handbook", "pictures")
SIZE_MAX = 120_000
# Of so many colours one is not missed in a page of text.
COLOURS = (128, 64, 32, 16)
WIDTH = 1280

Steps = Callable[[Page], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One picture: whose window it is of, where, and after which steps."""

    name: str
    role: str
    address: str
    height: int = 800
    steps: Steps | None = None


def _fill(**values: str) -> Steps:
    """Return the steps that fill in a form and ask for its preview."""

    def steps(page: Page) -> None:
        for name, value in values.items():
            page.fill(f"[name={name}]", value)
        page.get_by_role("button", name="Preview").click()
        page.wait_for_load_state("networkidle")

    return steps


def _check_a_code(page: Page) -> None:
    page.fill("[name=code]", "sommer-2026")
    page.fill("[name=player]", "sofia_rossi")
    page.get_by_role("button", name="Search", exact=True).click()
    page.wait_for_load_state("networkidle")


def _search(page: Page) -> None:
    page.keyboard.press("Control+k")
    page.locator("#search-input-command").press_sequentially("marlene")
    page.locator("#command-results-list a").first.wait_for()


PICTURES = (
    Picture(name="home", role="Support", address="/admin/", height=900),
    Picture(name="home-operator", role="Operator", address="/admin/", height=900),
    Picture(name="inbox", role="Administrator", address="/admin/inbox/", height=900),
    Picture(name="search", role="Support", address="/admin/", steps=_search),
    Picture(name="player", role="Support", address="/admin/players/player/{player}/change/"),
    Picture(name="why", role="Support", address="/admin/players/player/{player}/why/"),
    Picture(name="stuck-payment", role="Support", address="/admin/payments/purchase/queue/"),
    Picture(
        name="replay",
        role="Support",
        address="/admin/payments/purchase/{stuck}/replay/",
        height=640,
        steps=_fill(reason="Paid, and not delivered."),
    ),
    Picture(
        name="refund",
        role="Finance",
        address="/admin/payments/purchase/{season}/refund/",
        steps=_fill(reason="Bought by mistake."),
    ),
    Picture(
        name="check-a-code",
        role="Support",
        address="/admin/promos/attempt/why/",
        height=900,
        steps=_check_a_code,
    ),
    Picture(name="campaign-new", role="Operator", address="/admin/promos/campaign/add/"),
    Picture(name="campaign", role="Operator", address="/admin/promos/campaign/{campaign}/change/"),
    Picture(name="broadcast", role="Operator", address="/admin/bot/broadcast/{broadcast}/change/"),
    Picture(
        name="approval", role="Finance", address="/admin/staff/approvalrequest/{approval}/change/"
    ),
    Picture(
        name="statement",
        role="Finance",
        address="/admin/payments/monthlystatement/",
    ),
    Picture(name="export", role="Finance", address="/admin/payments/export/new/ledger/"),
    Picture(name="report", role="Editor", address="/admin/game/question/{reported}/change/"),
    Picture(name="reports", role="Editor", address="/admin/game/questionreport/", height=520),
    Picture(name="rule-card", role="Editor", address="/admin/game/rulecard/{card}/change/"),
    Picture(name="users", role="Security", address="/admin/auth/user/", height=560),
    Picture(name="alerts", role="Administrator", address="/admin/staff/alert/", height=640),
    Picture(name="alert-routing", role="Administrator", address="/admin/staff/alertroute/"),
)


def test_take(live_server: Any, transactional_db: None) -> None:
    seed_questions()
    world = make_world(now=timezone.now())
    wanted = set(os.environ.get("PICTURES", "").split())
    chosen = [one for one in PICTURES if not wanted or one.name in wanted]
    sessions = {role: _session(role) for role in {one.role for one in chosen}}

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        for one in chosen:
            context = browser.new_context(viewport={"width": WIDTH, "height": one.height})
            context.add_cookies(
                [
                    {
                        "name": settings.SESSION_COOKIE_NAME,
                        "value": sessions[one.role],
                        "url": live_server.url,
                    }
                ]
            )
            page = context.new_page()
            page.goto(live_server.url + one.address.format_map(world))
            page.wait_for_load_state("networkidle")
            if one.steps is not None:
                one.steps(page)
            if "TEXTS" in os.environ:
                Path(os.environ["TEXTS"], f"{one.name}.txt").write_text(page.inner_text("body"))
            (DIRECTORY / f"{one.name}.png").write_bytes(_small(page.screenshot()))
            context.close()
        browser.close()


def _session(role: str) -> str:
    client = Client()
    client.force_login(User.objects.get(username=role.lower()))
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def _small(png: bytes) -> bytes:
    """Return the picture with as many colours as fit into SIZE_MAX."""
    full = Image.open(BytesIO(png)).convert("RGB")
    for colours in COLOURS:
        reduced = BytesIO()
        full.quantize(colours, dither=Image.Dither.NONE).save(reduced, "PNG", optimize=True)
        if len(reduced.getvalue()) <= SIZE_MAX:
            return reduced.getvalue()
    raise AssertionError("The picture is too large: let it be lower.")
