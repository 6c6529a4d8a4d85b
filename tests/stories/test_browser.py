"""What people see: a round in the chat page, and the admin, in a real Chromium."""

import re
from typing import Any

from playwright.sync_api import Browser, Page, expect

from tests.sandbox import Sandbox
from tests.stack import Stack
from tests.stories.browsing import NEEDS_CHROMIUM, log_in, passwords, press, shows, write

pytestmark = NEEDS_CHROMIUM


def test_a_newcomer_plays_a_round_in_the_chat_page(stack: Stack, page: Page) -> None:
    page.goto(stack.sandbox.url)
    chat = page.get_by_test_id("chat").first
    chat.get_by_test_id("start").click()
    chat.get_by_test_id("inline-button").filter(has_text="Deutsch").click()
    chat.get_by_test_id("inline-button").filter(has_text="A1").click()

    for number in range(1, 11):
        shows(chat, f" {number}/10")
        chat.get_by_test_id("inline-button").filter(has_text="richtig").click()

    shows(chat, "10 von 10 Fragen richtig")
    shows(chat, "🟩" * 10)
    expect(chat.get_by_test_id("inline-button").first).to_have_text("🔁 Noch einmal spielen")


def test_two_friends_play_a_duel_in_their_chats(stack: Stack, browser: Browser) -> None:
    both = browser.new_page(viewport={"width": 1300, "height": 900})
    both.goto(stack.sandbox.url)
    anna, oleh = both.get_by_test_id("chat").nth(0), both.get_by_test_id("chat").nth(1)
    for chat in (anna, oleh):
        chat.get_by_test_id("start").click()
        press(chat, "Deutsch")
        press(chat, "A1")

    write(anna, "/duel")
    press(anna, "Freund")
    # Options of the round above have a 3 in them, too.
    shows(anna, "Wie viele Fragen?")
    press(anna, "3")
    shows(anna, "Duell · 3 Fragen")
    [link] = stack.rows("SELECT token FROM game_duel")[0]
    write(oleh, f"/start duel_{link}")
    press(oleh, "Annehmen und spielen")
    for number in range(1, 4):
        shows(oleh, f" {number}/3")
        press(oleh, "richtig")
    shows(oleh, "Jetzt ist Anna dran: 0 von 3")

    press(anna, "Meinen Teil spielen")
    for number in range(1, 4):
        shows(anna, f" {number}/3")
        anna.get_by_test_id("inline-button").filter(has_text="falsch").last.click()
    shows(anna, "🟥🟥🟥 Du\n🟩🟩🟩 Oleh")
    stack.wait_for(
        lambda: stack.rows("SELECT state, result FROM game_duel") == [("COMPLETED", "OPPONENT")]
    )
    both.close()


def test_support_finds_the_player_and_an_editor_the_questions(stack: Stack, page: Page) -> None:
    stack.say(stack.sandbox.add_player("Marlene", language_code="de"), "/start")
    all_passwords = passwords(stack)

    log_in(page, stack, "support", all_passwords["support"])
    page.goto(f"{stack.url}/admin/players/player/")
    expect(page.locator("body")).to_contain_text("Marlene")
    page.goto(f"{stack.url}/admin/bot/inboxupdate/")
    expect(page.locator("body")).to_contain_text("message")
    page.context.clear_cookies()

    log_in(page, stack, "editor", all_passwords["editor"])
    page.goto(f"{stack.url}/admin/game/question/")
    expect(page.locator("body")).to_contain_text("ARTIKEL_SPRINT-1")
    answer = page.goto(f"{stack.url}/admin/players/player/")
    assert answer is not None
    assert answer.status == 403


def test_an_operator_runs_a_campaign_and_players_redeem_and_buy(
    stack: Stack, browser: Browser, page: Page
) -> None:
    desk = browser.new_page(viewport={"width": 1280, "height": 900})
    log_in(desk, stack, "operator", passwords(stack)["operator"])

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
    write(page, "/promo herbst-26")
    shows(chat, "Dein Code gilt")
    chat.get_by_test_id("inline-button").filter(has_text="10 Energiepunkte").click()
    chat.get_by_test_id("inline-button").filter(has_text="Bezahlen").click()
    page.get_by_test_id("pay-confirm").click()
    shows(chat, "Dein Kauf ist da")

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
    log_in(page, stack, "support", passwords(stack)["support"])
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


def _decide(desk: Page, campaign: str, verb: str) -> None:
    """Let the operator do something with a campaign, for a reason."""
    desk.goto(campaign)
    desk.get_by_role("link", name=verb, exact=True).first.click()
    desk.fill("[name=reason]", "As planned.")
    desk.locator("button[name=preview]").click()
    desk.locator("button[name=confirm]").click()
    expect(desk.get_by_text(f"1 {verb.lower()}")).to_be_visible()
