"""What people do in the windows of the stories: chats of the sandbox, and the admin."""

import os
import re
import shutil
from functools import cache

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.stack import Stack

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# For a module of tests: `pytestmark = NEEDS_CHROMIUM`.
NEEDS_CHROMIUM = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(
        CHROMIUM is None and not os.environ.get("CI"),
        reason="no Chromium is installed (Debian: apt install chromium)",
    ),
]

# What a loaded machine takes a while for is no fault of a page.
expect.set_options(timeout=30_000)


@cache
def passwords(stack: Stack) -> dict[str, str]:
    """Hand out passwords, once for all stories; return them by the names of those who have them."""
    lines = stack.manage("staff_passwords").splitlines()
    return dict(line.split()[1:] for line in lines if line)


def log_in(page: Page, stack: Stack, name: str, password: str) -> None:
    """Log in to the admin as a member of staff."""
    page.goto(f"{stack.url}/admin/login/")
    page.fill("input[name=username]", name)
    page.fill("input[name=password]", password)
    page.locator("form button[type=submit], form input[type=submit]").first.click()
    expect(page).to_have_url(re.compile(r"/admin/$"))


def write(where: Page | Locator, text: str) -> None:
    """Let the player of the page's first chat, or of this chat, write."""
    where.get_by_test_id("composer").first.fill(text)
    where.get_by_test_id("send").first.click()


def shows(chat: Locator, text: str) -> None:
    """Wait until a message of the chat has the text; a notice may stand below it by then."""
    expect(chat.get_by_test_id("bubble").filter(has_text=text).last).to_be_visible()


def press(chat: Locator, label: str) -> None:
    """Let the player of the chat press the newest button with the label."""
    chat.get_by_test_id("inline-button").filter(has_text=label).last.click()
