"""What people see: a round in the chat page, and the admin, in a real Chromium."""

import os
import re
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from tests.sandbox import Sandbox
from tests.stack import Stack

# What a loaded machine takes a while for is no fault of a page.
expect.set_options(timeout=30_000)

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(
        CHROMIUM is None and not os.environ.get("CI"),
        reason="no Chromium is installed (Debian: apt install chromium)",
    ),
]


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
    """Open a window as wide as a telephone; an error of the page's own script fails the test."""
    window = browser.new_page(viewport={"width": 390, "height": 800})
    errors: list[str] = []
    window.on("pageerror", lambda error: errors.append(str(error)))
    yield window
    window.close()
    assert errors == []


def test_a_newcomer_plays_a_round_in_the_chat_page(stack: Stack, page: Page) -> None:
    page.goto(stack.sandbox.url)
    chat = page.get_by_test_id("chat").first
    chat.get_by_test_id("start").click()
    chat.get_by_test_id("inline-button").filter(has_text="Deutsch").click()
    chat.get_by_test_id("inline-button").filter(has_text="A1").click()

    for number in range(1, 11):
        _shows(chat, f" {number}/10")
        chat.get_by_test_id("inline-button").filter(has_text="richtig").click()

    _shows(chat, "10 von 10 Fragen richtig")
    _shows(chat, "🟩" * 10)
    expect(chat.get_by_test_id("inline-button").first).to_have_text("🔁 Noch einmal spielen")


def test_two_friends_play_a_duel_in_their_chats(stack: Stack, browser: Browser) -> None:
    both = browser.new_page(viewport={"width": 1300, "height": 900})
    both.goto(stack.sandbox.url)
    anna, oleh = both.get_by_test_id("chat").nth(0), both.get_by_test_id("chat").nth(1)
    for chat in (anna, oleh):
        chat.get_by_test_id("start").click()
        _press(chat, "Deutsch")
        _press(chat, "A1")

    _write(anna, "/duel")
    _press(anna, "Freund")
    # Options of the round above have a 3 in them, too.
    _shows(anna, "Wie viele Fragen?")
    _press(anna, "3")
    _shows(anna, "Duell · 3 Fragen")
    [link] = stack.rows("SELECT token FROM game_duel")[0]
    _write(oleh, f"/start duel_{link}")
    _press(oleh, "Annehmen und spielen")
    for number in range(1, 4):
        _shows(oleh, f" {number}/3")
        _press(oleh, "richtig")
    _shows(oleh, "Jetzt ist Anna dran: 0 von 3")

    _press(anna, "Meinen Teil spielen")
    for number in range(1, 4):
        _shows(anna, f" {number}/3")
        anna.get_by_test_id("inline-button").filter(has_text="falsch").last.click()
    _shows(anna, "🟥🟥🟥 Du\n🟩🟩🟩 Oleh")
    stack.wait_for(
        lambda: stack.rows("SELECT state, result FROM game_duel") == [("COMPLETED", "OPPONENT")]
    )
    both.close()


def test_support_finds_the_player_and_an_editor_the_questions(stack: Stack, page: Page) -> None:
    stack.say(stack.sandbox.add_player("Marlene", language_code="de"), "/start")
    passwords = _passwords(stack)

    _log_in(page, stack, "support", passwords["support"])
    page.goto(f"{stack.url}/admin/players/player/")
    expect(page.locator("body")).to_contain_text("Marlene")
    page.goto(f"{stack.url}/admin/bot/inboxupdate/")
    expect(page.locator("body")).to_contain_text("message")
    page.context.clear_cookies()

    _log_in(page, stack, "editor", passwords["editor"])
    page.goto(f"{stack.url}/admin/game/question/")
    expect(page.locator("body")).to_contain_text("ARTIKEL_SPRINT-1")
    answer = page.goto(f"{stack.url}/admin/players/player/")
    assert answer is not None
    assert answer.status == 403


def test_an_operator_runs_a_campaign_and_players_redeem_and_buy(
    stack: Stack, browser: Browser, page: Page
) -> None:
    desk = browser.new_page(viewport={"width": 1280, "height": 900})
    _log_in(desk, stack, "operator", _passwords(stack)["operator"])

    desk.goto(f"{stack.url}/admin/promos/campaign/add/")
    desk.fill("[name=name]", "Herbst")
    desk.check("[name=kind][value=PERCENT_DISCOUNT]")
    desk.fill("[name=percent]", "40")
    desk.fill("[name=uses_max]", "100")
    desk.fill("[name=stars_max]", "2000")
    desk.fill("[name=shared_code]", "HERBST26")
    desk.fill("[name=batch_size]", "100")
    expect(desk.get_by_text("up to 2,000 Stars")).to_be_visible()
    desk.click("button[name=save]")
    expect(desk).to_have_url(re.compile(r"/campaign/\d+/change/$"))
    campaign = desk.url
    stack.wait_for(lambda: stack.rows("SELECT made FROM promos_batch") == [(100,)], timeout=90)
    _decide(desk, campaign, "Start")
    expect(desk.locator("body")).to_contain_text("active")

    page.goto(stack.sandbox.url)
    chat = page.get_by_test_id("chat").first
    chat.get_by_test_id("start").click()
    _write(page, "/promo herbst-26")
    _shows(chat, "Dein Code gilt")
    chat.get_by_test_id("inline-button").filter(has_text="10 Energiepunkte").click()
    chat.get_by_test_id("inline-button").filter(has_text="Bezahlen").click()
    page.get_by_test_id("pay-confirm").click()
    _shows(chat, "Dein Kauf ist da")

    desk.goto(campaign)
    expect(desk.locator("body")).to_contain_text("1 of 100")
    expect(desk.locator("body")).to_contain_text("2 of 2,000")
    _decide(desk, campaign, "Pause")
    emma = stack.sandbox.add_player("Emma", language_code="en")
    stack.say(emma, "/start")
    refused = stack.say(emma, "/promo HERBST26")
    assert "paused" in refused["text"]
    _decide(desk, campaign, "Unpause")
    accepted = stack.say(emma, "/promo HERBST26")
    assert "Your code is accepted" in accepted["text"]
    desk.close()


def test_the_api_documents_itself(stack: Stack, page: Page) -> None:
    _log_in(page, stack, "support", _passwords(stack)["support"])
    page.goto(f"{stack.url}/api/docs/")

    expect(page.get_by_text("/readyz")).to_be_visible()


def test_what_the_bot_offers_inline_is_shared_with_somebody_else(page: Page) -> None:
    with Sandbox() as sandbox:
        anna, oleh = 7_000_000_001, 7_000_000_002
        sandbox.say(anna, "/start")
        markup = {"inline_keyboard": [[{"text": "Share", "switch_inline_query": "#7"}]]}
        sandbox.call("sendMessage", chat_id=anna, text="Six of seven!", reply_markup=markup)
        page.goto(sandbox.url)
        phone = page.get_by_test_id("chat").first
        phone.get_by_test_id("inline-button").click()
        expect(phone.get_by_test_id("composer")).to_have_value("@quizarena_bot #7")

        query = sandbox.wait_for(lambda: _inline_query(sandbox))
        content = {"message_text": "Beat that!"}
        result = {
            "type": "article",
            "id": "1",
            "title": "My result",
            "input_message_content": content,
        }
        sandbox.call("answerInlineQuery", inline_query_id=query["id"], results=[result])
        phone.get_by_test_id("inline-result").filter(has_text="My result").click()
        phone.get_by_test_id("inline-result").filter(has_text="Send to Oleh").click()

        sandbox.wait_for(lambda: sandbox.last_message(oleh))
        assert query["query"] == "#7"
        assert sandbox.last_message(oleh)["text"] == "Beat that!"
        expect(phone.get_by_test_id("composer")).to_have_value("")


def _inline_query(sandbox: Sandbox) -> dict[str, Any]:
    """Return the inline query that the bot has got; nothing is in it as long as there is none."""
    updates = sandbox.call("getUpdates")
    return next((it["inline_query"] for it in updates if "inline_query" in it), {})


def _passwords(stack: Stack) -> dict[str, str]:
    """Hand out fresh passwords, and return them by the names of those who have them."""
    lines = stack.manage("staff_passwords").splitlines()
    return dict(line.split()[1:] for line in lines if line)


def _decide(desk: Page, campaign: str, verb: str) -> None:
    """Let the operator do something with a campaign, for a reason."""
    desk.goto(campaign)
    desk.get_by_role("link", name=verb, exact=True).first.click()
    desk.fill("[name=reason]", "As planned.")
    desk.locator("button[name=preview]").click()
    desk.locator("button[name=confirm]").click()
    expect(desk.get_by_text(f"1 {verb.lower()}")).to_be_visible()


def _write(where: Page | Locator, text: str) -> None:
    """Let the player of the page's first chat, or of this chat, write."""
    where.get_by_test_id("composer").first.fill(text)
    where.get_by_test_id("send").first.click()


def _shows(chat: Locator, text: str) -> None:
    """Wait until a message of the chat has the text; a notice may stand below it by then."""
    expect(chat.get_by_test_id("bubble").filter(has_text=text).last).to_be_visible()


def _press(chat: Locator, label: str) -> None:
    """Let the player of the chat press the newest button with the label."""
    chat.get_by_test_id("inline-button").filter(has_text=label).last.click()


def _log_in(page: Page, stack: Stack, name: str, password: str) -> None:
    """Log in to the admin as a member of staff."""
    page.goto(f"{stack.url}/admin/login/")
    page.fill("input[name=username]", name)
    page.fill("input[name=password]", password)
    page.locator("form button[type=submit], form input[type=submit]").first.click()
    expect(page).to_have_url(re.compile(r"/admin/$"))
