"""The whole stack, started once for all stories, and the windows of those who look at it."""

from collections.abc import Iterator
from datetime import UTC

import pytest
import time_machine
from playwright.sync_api import Browser, Page, sync_playwright

from tests.stack import Stack, running_stack
from tests.stories.browsing import CHROMIUM


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    """Let the test have the machine's time, as the processes of the stack do."""
    with time_machine.travel(time_machine.escape_hatch.datetime.datetime.now(UTC)) as traveller:
        yield traveller


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Start the servers and the sandbox of all stories; take `stack`, where everything runs."""
    with running_stack(tmp_path_factory.mktemp("stack")) as stack:
        yield stack


@pytest.fixture
def stack(running: Stack) -> Stack:
    """Return the whole stack, running, ready and without players."""
    running.begin("web", "webhook", "worker", "sender", "beat")
    return running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start the system's Chromium, which is never left to look for anything outside."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Open a window as wide as a telephone; an error of the page's own script, or
    something that the content policy stops, fails the test."""
    window = browser.new_page(viewport={"width": 390, "height": 800})
    errors: list[str] = []
    window.on("pageerror", lambda error: errors.append(str(error)))
    window.on(
        "console",
        lambda said: errors.append(said.text) if "Content Security" in said.text else None,
    )
    yield window
    window.close()
    assert errors == []
