"""What a page looks like in a window: no value is cut off, on a wide screen or a narrow one."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Page, sync_playwright

from quizarena.game import daily
from quizarena.game.models import DailySet, Question
from tests.factories import make_staff
from tests.game.challenges import NOON, make_bank
from tests.stories.browsing import CHROMIUM, NEEDS_CHROMIUM

pytestmark = [*NEEDS_CHROMIUM, pytest.mark.django_db(transaction=True)]

# What is wider or higher than the box that it stands in, by its words.
CUT_OFF = """(boxes) => [...document.querySelectorAll(boxes)]
  .filter((box) => box.scrollWidth > box.clientWidth + 1 || box.scrollHeight > box.clientHeight + 1)
  .map((box) => box.innerText.trim())"""


@pytest.fixture
def chosen(transactional_db: None) -> DailySet:
    """Return a set of questions, the explanation of each of which is long."""
    make_bank(A1=4, A2=4, B1=3)
    Question.objects.update(explanation="Ein langer Satz, der erklärt, warum es so ist. " * 4)
    return daily.draw(day=date(2026, 12, 20), now=NOON)


@pytest.fixture
def window(chosen: DailySet, live_server: Any) -> Iterator[Page]:
    """Open a window in which an operator is signed in."""
    client = Client()
    client.force_login(make_staff("Operator"))
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        context = browser.new_context(base_url=live_server.url)
        context.add_cookies(
            [{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": live_server.url}]
        )
        yield context.new_page()
        browser.close()


def test_three_fields_in_a_row_have_room_for_their_values(chosen: DailySet, window: Page) -> None:
    address = f"/admin/game/dailyset/{chosen.pk}/change/"
    window.set_viewport_size({"width": 1280, "height": 900})

    window.goto(address)

    assert window.evaluate(CUT_OFF, ".field-row, .field-line") == []


def test_a_long_value_is_read_whole_on_a_narrow_screen(chosen: DailySet, window: Page) -> None:
    address = f"/admin/game/dailyset/{chosen.pk}/1/replace/"
    window.set_viewport_size({"width": 390, "height": 844})

    window.goto(address)
    window.fill("[name=reason]", "A mistake in it.")
    window.get_by_role("button", name="Preview").click()
    window.get_by_role("button", name="Confirm").wait_for()

    assert window.evaluate(CUT_OFF, "td[data-label]") == []
    assert window.evaluate("document.documentElement.scrollWidth") == 390
