"""What staff come to the desk for, from the first page to the end, in a real Chromium."""

import base64
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django_otp.oath import TOTP
from playwright.sync_api import Browser, Page, expect

from quizarena.local import handbook
from tests.sandbox import buttons
from tests.stack import Stack
from tests.stories.browsing import NEEDS_CHROMIUM, log_in, passwords

pytestmark = NEEDS_CHROMIUM

SEASON_STARS = 249
# While this stands, the database credits no purchase.
FAULT = """
CREATE FUNCTION out_of_order() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'The disk is full'; END $$;
CREATE TRIGGER a_fault BEFORE INSERT ON economy_ledgerentry FOR EACH ROW
    WHEN (NEW.type = 'PURCHASE_CREDIT') EXECUTE FUNCTION out_of_order()
"""
# Eleven minutes pass for who has shown a second factor.
FACTORS_GROW_OLD = """
from quizarena.staff.sessions import SessionStore
for row in SessionStore.get_model_class().objects.all():
    session = SessionStore(row.session_key)
    if "factor_at" in session:
        session["factor_at"] -= 660
        session.save()
"""
# A thousand people have been playing for three months.
REGULARS = """
INSERT INTO players_player
  (telegram_id, first_name, last_name, username, language, created_at, last_seen_at, awaits)
SELECT 800000000 + n, 'Player ' || n, '', '', 'de', now() - interval '90 days', now(), ''
FROM generate_series(1, 1000) AS n
"""
# Everybody whom the campaign compares plays today; so many of each group buy 10 energy.
ALL_PLAY = """
INSERT INTO economy_streakday (player_id, day, outcome, length)
SELECT player_id, (now() AT TIME ZONE 'Europe/Berlin')::date, 'PLAYED', 1 FROM promos_participant
"""
SOME_BUY = """
INSERT INTO economy_ledgerentry
  (player_id, type, asset, direction, amount, free_energy, paid_energy, streak_savers,
   duel_tickets, free_energy_after, paid_energy_after, streak_savers_after, duel_tickets_after,
   source, idempotency_key, fingerprint, metadata, reason, created_at)
SELECT player_id, 'PURCHASE_CREDIT', 'PURCHASE', 'CREDIT', 5, 0, 10, 0, 0, 0, 0, 0, 0,
       'PURCHASE', 'purchase', '', '{}', '', now()
FROM (SELECT player_id, is_held_out,
             row_number() OVER (PARTITION BY is_held_out ORDER BY player_id) AS number
      FROM promos_participant) AS compared
WHERE number <= CASE WHEN is_held_out THEN 20 ELSE 200 END
"""


def test_support_answers_i_paid_and_got_nothing_from_the_search_to_the_replay(
    stack: Stack, page: Page
) -> None:
    marlene = _player(stack, "Marlene", stars=5)
    with _fault(stack):
        _buy(stack, marlene, "10 energy")
        stack.wait_for(lambda: _statuses(stack) == ["PAID_UNCREDITED"])
        stack.say(marlene, "/paysupport I paid and got nothing.")

        log_in(page, stack, "support", passwords(stack)["support"])
        page.wait_for_load_state("load")
        page.keyboard.press("Control+k")
        page.locator("#search-input-command").press_sequentially("marlene")
        page.locator("#command-results-list").get_by_text("Marlene").first.click()
        expect(page.locator("body")).to_contain_text("I paid and got nothing.")
        page.get_by_role("link", name="10 energy points").first.click()
        page.get_by_role("link", name="Replay credit").click()
        _give_reason(page, "Paid, and not delivered because of a full disk.")
        page.get_by_role("button", name="Preview").click()
        expect(page.locator("body")).to_contain_text("not delivered")
    # Until here recovery, which comes every five minutes, could not be faster.
    page.get_by_role("button", name="Replay credit").click()
    expect(page.locator("body")).to_contain_text("Credited: 10 paid energy")

    page.goto(f"{stack.url}/admin/inbox/")
    page.get_by_role("link", name="Answer").first.click()
    page.get_by_role("link", name="Answer").first.click()
    page.fill("[name=answer]", "Your 10 points are there now. Sorry for the wait!")
    page.get_by_role("button", name="Send").click()

    assert _statuses(stack) == ["CREDITED"]
    assert stack.value("SELECT paid_energy FROM economy_wallet") == 10
    stack.wait_for(lambda: _reads(stack, marlene, "Your 10 points are there now."))
    page.goto(f"{stack.url}/admin/inbox/")
    expect(page.locator("body")).to_contain_text("Nothing waits.")


def test_a_refund_over_the_limit_takes_two_persons_and_a_fresh_code(
    stack: Stack, browser: Browser, page: Page
) -> None:
    anna = _player(stack, "Anna", stars=SEASON_STARS)
    _buy(stack, anna, "Season")
    stack.wait_for(lambda: _statuses(stack) == ["CREDITED"])
    given = passwords(stack)
    purchase = stack.value("SELECT id FROM payments_purchase")
    desk = browser.new_page(viewport={"width": 1280, "height": 900})

    log_in(desk, stack, "administrator", given["administrator"])
    app = _set_up_factor(desk, stack)
    log_in(page, stack, "finance", given["finance"])
    page.goto(f"{stack.url}/admin/payments/purchase/{purchase}/change/")
    page.get_by_role("link", name="Refund", exact=True).click()
    expect(page.locator("body")).to_contain_text("A second person has to approve it")
    _give_reason(page, "Bought by mistake.")
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("button", name="Ask for approval").click()
    expect(page.locator("body")).to_contain_text("needs a second person")
    expect(page.get_by_role("link", name="Refund", exact=True)).to_have_count(0)
    assert stack.sandbox.stars(anna) == 0

    stack.manage("shell", "--no-imports", "--command", FACTORS_GROW_OLD)
    desk.goto(f"{stack.url}/admin/inbox/")
    desk.get_by_role("link", name="Decide").click()
    expect(desk.locator("body")).to_contain_text("Bought by mistake.")
    desk.get_by_role("link", name="Approve").click()
    desk.get_by_role("button", name="Approve").click()
    desk.fill("[name=factor-code]", _next_code(app, stack))
    desk.get_by_role("button", name="Continue").click()
    expect(desk.locator("body")).to_contain_text("Approved: Refund")

    stack.wait_for(lambda: _statuses(stack) == ["REFUNDED"])
    assert stack.sandbox.stars(anna) == SEASON_STARS
    page.reload()
    expect(page.locator("body")).to_contain_text("refunded")
    desk.close()


def test_an_editor_works_off_a_report(stack: Stack, page: Page) -> None:
    emma = _player(stack, "Emma", stars=0)
    stack.say(emma, "/play")
    stack.tap(emma, _label(stack, emma, "Quick mix"))
    stack.tap(emma, _label(stack, emma, "richtig"))
    stack.sandbox.tap(emma, "🚩 Report")
    stack.wait_for(lambda: _label(stack, emma, "typo"))
    stack.sandbox.tap(emma, _label(stack, emma, "typo"))
    stack.wait_for(lambda: stack.value("SELECT count(*) FROM game_questionreport") == 1)

    log_in(page, stack, "editor", passwords(stack)["editor"])
    page.get_by_role("link", name="Restore or keep out").click()
    page.get_by_role("link", name=re.compile("QUICK_MIX")).last.click()
    page.fill("[name=question]", "Was ist richtig?")
    page.get_by_role("button", name="Save", exact=True).click()
    page.goto(f"{stack.url}/admin/inbox/")
    page.get_by_role("link", name="Restore or keep out").click()
    page.get_by_role("link", name=re.compile("QUICK_MIX")).last.click()
    page.get_by_role("link", name="Keep in play").click()
    _give_reason(page, "The typo is corrected.")
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("button", name="Keep in play").click()

    expect(page.locator("body")).to_contain_text("The question is")
    decided = "SELECT verdict, note FROM game_questionreport"
    assert stack.rows(decided) == [("RESTORED", "The typo is corrected.")]
    changed = "SELECT version FROM game_question WHERE question = 'Was ist richtig?'"
    assert stack.value(changed) == 2
    page.goto(f"{stack.url}/admin/inbox/")
    expect(page.locator("body")).to_contain_text("Nothing waits.")


def test_an_operator_runs_a_campaign_with_a_holdout_and_reads_what_it_has_brought(
    stack: Stack, page: Page
) -> None:
    stack.execute(REGULARS)
    log_in(page, stack, "operator", passwords(stack)["operator"])
    app = _set_up_factor(page, stack)
    page.goto(f"{stack.url}/admin/promos/campaign/add/")
    page.fill("[name=name]", "Advent")
    page.locator("[name=kind][value=ENERGY_GRANT]").check()
    page.fill("[name=energy]", "10")
    page.fill("[name=holdout_percent]", "20")
    page.fill("[name=uses_max]", "100")
    page.fill("[name=shared_code]", "advent-2026")
    page.get_by_role("button", name="Save draft").click()
    uplift = page.locator("section.uplift")
    expect(uplift).to_contain_text("20% of the segment are held out")
    expect(uplift).to_contain_text("The comparison begins with the campaign.")

    stack.manage("shell", "--no-imports", "--command", FACTORS_GROW_OLD)
    _decide(page, "Start", "Energy for the holidays.")
    page.fill("[name=factor-code]", _next_code(app, stack))
    page.get_by_role("button", name="Continue").click()
    expect(page.locator("body")).to_contain_text("1 started: Advent")
    counted = "SELECT count(*) FROM promos_uplift WHERE counted_until IS NOT NULL"
    stack.run_now("promos.tasks.measure_uplift")
    stack.wait_for(lambda: stack.value(counted) == 1)
    groups = "SELECT count(*) FROM promos_participant GROUP BY is_held_out ORDER BY is_held_out"
    (offered,), (held_out,) = stack.rows(groups)
    assert offered + held_out == 1000
    page.reload()
    expect(uplift).to_contain_text(f"{offered} players were offered it, {held_out} are held out.")
    bought = uplift.locator("tr", has_text="Players who bought")
    expect(bought).to_contain_text("0.0% 0.0% – – Too few to conclude")

    stack.execute(ALL_PLAY)
    stack.execute(SOME_BUY)
    _decide(page, "End", "The holidays are over.")
    expect(page.locator("body")).to_contain_text("1 ended: Advent")
    final = "SELECT count(*) FROM promos_uplift WHERE counted_until = ends_at"
    stack.run_now("promos.tasks.measure_uplift")
    stack.wait_for(lambda: stack.value(final) == 1)
    page.reload()
    expect(uplift).to_contain_text("the final count, since the campaign is over")
    expect(bought).to_contain_text(f"{200 / offered:.1%} {20 / held_out:.1%} +")
    expect(bought).to_contain_text("More than in the holdout.")
    played = uplift.locator("tr", has_text="Active days per player")
    expect(played).to_contain_text("1.00 1.00 +0.00")
    expect(played).to_contain_text("No clear difference")


def test_the_question_mark_leads_into_the_handbook(stack: Stack, page: Page) -> None:
    if not handbook.is_current():
        handbook.build()
    log_in(page, stack, "support", passwords(stack)["support"])
    page.goto(f"{stack.url}/admin/payments/purchase/queue/")

    help_with_this = page.get_by_role("link", name="Handbook: help with this page")
    page.goto(stack.url + str(help_with_this.get_attribute("href")))

    expect(page.locator("h1")).to_have_text("I paid and got nothing")
    picture = page.get_by_role("img", name="The preview of a replay")
    expect(picture).to_have_js_property("complete", True)
    assert picture.evaluate("image => image.naturalWidth") == 1280
    page.keyboard.press("/")
    page.get_by_role("textbox", name="Search").press_sequentially("streak")
    page.locator(".md-search-result__link", has_text="My streak is gone").first.click()
    expect(page.locator("h1")).to_have_text("My streak is gone")


@contextmanager
def _fault(stack: Stack) -> Iterator[None]:
    """Let no purchase be credited inside."""
    stack.execute(FAULT)
    try:
        yield
    finally:
        stack.execute("DROP FUNCTION out_of_order CASCADE")


def _player(stack: Stack, name: str, *, stars: int) -> int:
    """Return somebody with so many Stars who has said hello."""
    player = stack.sandbox.add_player(name, language_code="en")
    stack.sandbox.set_stars(player, stars)
    stack.say(player, "/start")
    stack.tap(player, "English")
    stack.tap(player, _label(stack, player, "A1"))
    return player


def _buy(stack: Stack, player: int, product: str) -> None:
    """Let the player buy a product of the shop, and pay for it."""
    stack.say(player, "/shop")
    stack.tap(player, _label(stack, player, product))
    assert stack.sandbox.buy(player)["state"] == "paid"


def _label(stack: Stack, player: int, part: str) -> str:
    """Return what the newest button says that has `part` in it; nothing if there is none."""
    for message in reversed(stack.messages_from_bot(player)):
        for one in buttons(message):
            if part in one["text"]:
                return str(one["text"])
    return ""


def _reads(stack: Stack, player: int, words: str) -> bool:
    return any(words in message.get("text", "") for message in stack.messages_from_bot(player))


def _statuses(stack: Stack) -> list[str]:
    return [status for (status,) in stack.rows("SELECT status FROM payments_purchase")]


def _give_reason(page: Page, reason: str) -> None:
    page.fill("[name=reason]", reason)


def _decide(page: Page, verb: str, reason: str) -> None:
    """Take a decision from the page of what it is about, for a reason."""
    page.get_by_role("link", name=verb, exact=True).click()
    _give_reason(page, reason)
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("button", name=verb, exact=True).click()


def _set_up_factor(page: Page, stack: Stack) -> bytes:
    """Set up an authenticator app, and return what it keeps."""
    page.goto(f"{stack.url}/admin/my-sign-in/")
    page.get_by_role("link", name="Set it up").click()
    secret = page.locator("code.desk-secret").inner_text().replace(" ", "")
    app = base64.b32decode(secret)
    page.fill("[name=code]", _code(app, at=time.time()))
    page.get_by_role("button", name="Confirm").click()
    page.get_by_role("link", name="I have saved them").click()
    return app


def _next_code(app: bytes, stack: Stack) -> str:
    """Return a code that has not been used, since each is good once.

    It may be the app's next: a clock half a minute fast is let in, too.
    """
    used = stack.value("SELECT last_t FROM otp_totp_totpdevice WHERE key = %s", app.hex())
    return _code(app, at=max(time.time(), (used + 1) * 30))


def _code(app: bytes, *, at: float) -> str:
    """Return what the app shows then."""
    shown = TOTP(app)
    shown.time = at
    return f"{shown.token():06}"
