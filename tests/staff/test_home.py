"""The home page of each role, the sidebar, and the names of the pages."""

import html
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from payments.models import SupportRequest
from quizarena.ops import health, home_figures
from quizarena.ops.tasks import count_home_figures
from quizarena.staff import home, navigation
from tests.factories import PlayerFactory, make_campaign, make_staff
from tests.payments.steps import buy, refund
from tests.staff.waiting import one_of_everything

pytestmark = pytest.mark.django_db

PANELS = {
    "Support": ["Open requests", "Last seen trouble"],
    "Operator": ["Running campaigns", "Today and this week", "Predictions of reviews"],
    "Finance": ["Stars in and out", "Payments in review", "Last reconciliation", "Approvals"],
    "Editor": ["What players report", "Daily challenges"],
    "Administrator": ["Health", "Last clean checks"],
    "Security": ["Failed sign-ins", "Accounts changed last", "Approvals"],
}
# How many pages a role sees, group by group; one group is open at a time, below Home and Inbox.
SIDEBAR = {
    "Support": (
        "Waiting for you 5, Alerting 1, Players and wallets 5, Questions 1, Game 3, "
        "Shop 6, Accounts 1, Promos 5, Invitations and blocks 4, Messages 5"
    ),
    "Operator": (
        "Waiting for you 4, Alerting 1, Players and wallets 4, Questions 2, Game 6, "
        "Shop 4, Accounts 2, Promos 6, Invitations and blocks 4, Messages 3, "
        "Servers 2"
    ),
    "Finance": (
        "Waiting for you 4, Alerting 1, Players and wallets 4, Game 1, Shop 6, "
        "Accounts 6, Promos 5, Invitations and blocks 2, Messages 1, Jobs 1"
    ),
    "Editor": "Waiting for you 1, Questions 5",
    "Administrator": (
        "Waiting for you 6, Alerting 3, Players and wallets 5, Questions 5, Game 6, "
        "Shop 6, Accounts 6, Promos 6, Invitations and blocks 4, Messages 5, "
        "Jobs 3, Servers 4, Staff 2"
    ),
    "Security": "Waiting for you 1, Staff 6",
}


def read(client: Client, address: str = "/admin/") -> str:
    """Return what a page says, tags aside."""
    answer = client.get(address)
    assert answer.status_code == 200, address
    words = re.sub(r"<[^>]+>", " ", answer.content.decode())
    return " ".join(html.unescape(words).split())


@pytest.mark.parametrize("role", PANELS)
def test_a_role_has_its_panels_with_and_without_data(client: Client, role: str) -> None:
    client.force_login(make_staff(role, username="me"))

    empty = client.get("/admin/")
    one_of_everything(now=timezone.now())
    make_campaign(name="Winter", ends_at=timezone.now() + timedelta(days=3), uses_max=500)
    count_home_figures()
    full = client.get("/admin/")

    for page in (empty, full):
        assert page.status_code == 200
        titles = [panel["title"] for panel in page.context["panels"]]
        assert titles == PANELS[role]
    assert "Nothing waits." in empty.content.decode()
    assert ("Nothing waits." in full.content.decode()) == (role == "Security")


@pytest.mark.parametrize("role", PANELS)
def test_the_page_costs_the_same_however_much_there_is(
    client: Client, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.force_login(make_staff(role, username="me"))
    one_of_everything(now=timezone.now())
    count_home_figures()
    _more(1)

    client.get("/admin/")  # What Django reads once in a process.
    few = _statements(client, monkeypatch)
    _more(9)
    many = _statements(client, monkeypatch)

    assert many == few <= 45


def _statements(client: Client, monkeypatch: pytest.MonkeyPatch) -> int:
    """Return how many the page needs when the report about health, kept for a second, is old."""
    monkeypatch.setattr(health, "_last_report", None)
    with CaptureQueriesContext(connection) as queries:
        client.get("/admin/")
    return len(queries)


def _more(number: int) -> None:
    """Add so many of what the pages of several roles show."""
    for _ in range(number):
        make_campaign(ends_at=timezone.now() + timedelta(days=3))
        buy(PlayerFactory.create(), now=timezone.now())
        SupportRequest.objects.create(
            player=PlayerFactory.create(), text="Where is it?", asked_at=timezone.now()
        )


@pytest.mark.parametrize(
    ("role", "words"),
    [
        ("Support", "Nobody waits for an answer."),
        ("Support", "No alert is open."),
        ("Support", "Find a player, purchase, promo code, campaign … Ctrl+K"),
        ("Operator", "No campaign runs. Start one under Campaigns."),
        ("Operator", "Nothing has been counted yet."),
        ("Operator", "Nothing has been predicted yet."),
        ("Finance", "No payment is in review."),
        ("Finance", "Nothing has been compared with Telegram yet."),
        ("Finance", "No approval waits."),
        ("Editor", "16 Dec 2026 is drawn on the day"),
        ("Administrator", "Ledger verification never"),
        ("Administrator", "sender missing"),
        ("Security", "Nobody has failed to sign in within 30 days."),
    ],
)
def test_an_empty_panel_says_so(client: Client, role: str, words: str) -> None:
    client.force_login(make_staff(role))

    assert words in read(client)


def test_an_operator_sees_what_runs_and_how_it_goes(client: Client) -> None:
    make_campaign(name="Later", ends_at=timezone.now() + timedelta(days=8), uses_max=500)
    make_campaign(name="Soon", ends_at=timezone.now() + timedelta(days=7))
    make_campaign(name="Ever", status="PAUSED")
    make_campaign(name="Over", status="ENDED")
    client.force_login(make_staff("Operator"))

    page = read(client)

    assert (
        "Soon 22 Nov 2026, 13:00 – 23 Dec 2026, 12:00 0 uses ends soon"
        " Later 22 Nov 2026, 13:00 – 24 Dec 2026, 12:00 0 of 500 uses"
        " Ever paused 22 Nov 2026, 13:00 – open end 0 uses What ends first"
    ) in page
    assert "Over" not in page


def test_finance_compares_with_the_week_before(client: Client) -> None:
    """It is 12:00 in Berlin on a Wednesday."""
    now = timezone.now()
    day = timedelta(days=1)
    for ago in (timedelta(), day, 7 * day, 7 * day - timedelta(hours=1), 14 * day):
        buy(PlayerFactory.create(), now=now - ago - timedelta(minutes=1))
    refund(buy(PlayerFactory.create(), now=now - 3 * day), now=now - 2 * day)
    client.force_login(make_staff("Finance"))

    count_home_figures()

    page = read(client)
    assert "Stars in, today 5 a week before 5 Stars in, 7 days 15 a week before 5" in page
    assert "Stars out, today 0 a week before 0 Stars out, 7 days 5 a week before 0" in page
    assert "Counted at 16 Dec 2026, 12:00 (Europe/Berlin)" in page


@pytest.mark.parametrize(
    ("now", "begin", "week_ago"),
    [
        # A week after the clock went forward, and back.
        ("2027-04-03T22:30", "2027-04-03T22:00", "2027-03-27T23:30"),
        ("2026-10-31T23:30", "2026-10-31T23:00", "2026-10-24T22:30"),
    ],
)
def test_a_week_before_it_was_as_late_by_the_clock(now: str, begin: str, week_ago: str) -> None:
    spans = home_figures.spans(datetime.fromisoformat(now).replace(tzinfo=UTC))

    assert spans["today"][0] == datetime.fromisoformat(begin).replace(tzinfo=UTC)
    assert spans["week_ago"][1] == datetime.fromisoformat(week_ago).replace(tzinfo=UTC)


def test_what_was_counted_is_replaced() -> None:
    home.record(panel="days", figures={"a": 1}, now=timezone.now())
    home.record(panel="days", figures={"a": 2}, now=timezone.now())

    found = home.recorded("days")
    assert found is not None
    assert found.figures == {"a": 2}


# --- The sidebar ----------------------------------------------------------------------------------


@pytest.mark.parametrize("role", SIDEBAR)
def test_at_most_eight_entries_are_seen_at_once(client: Client, role: str) -> None:
    client.force_login(make_staff(role))

    answer = client.get("/admin/")

    first, *groups = answer.context["sidebar_navigation"]
    assert [item["title"] for item in first["items"]] == ["Home", "Inbox"]
    shown = ", ".join(f"{group['title']} {len(group['items'])}" for group in groups)
    assert shown == SIDEBAR[role]
    assert max(len(group["items"]) for group in groups) + len(first["items"]) <= 8
    assert [group["open"] for group in groups] == [True, *[False] * (len(groups) - 1)]
    assert answer.content.decode().count('<details name="sidebar"') == len(groups)


def test_the_group_of_the_page_is_open(client: Client) -> None:
    client.force_login(make_staff("Support"))

    groups = client.get("/admin/promos/campaign/").context["sidebar_navigation"]

    assert [group["title"] for group in groups if group.get("open")] == ["Promos"]
    current = [item["title"] for group in groups for item in group["items"] if item["active"]]
    assert current == ["Campaigns"]


def test_a_page_is_called_as_in_the_sidebar(client: Client) -> None:
    names = [name for pages in navigation.GROUPS.values() for name, _, _ in pages]
    found = []
    for role in ("Administrator", "Security"):
        client.force_login(make_staff(role))
        for _, items in client.get("/admin/pages/").context["groups"]:
            for item in items:
                answer = client.get(item["link"], follow=True)
                assert answer.status_code == 200
                title = str(answer.context["title"])
                assert title.startswith(item["title"]), (title, item["title"])
                found.append(item["title"])

    assert set(found) == set(names)


def test_the_keyboard_comes_to_the_content_first(client: Client) -> None:
    client.force_login(make_staff("Support"))

    page = client.get("/admin/inbox/").content.decode()

    body = page[page.index("<body") :]
    assert body.index('<a class="desk-skip" href="#content">Skip to the content</a>') < body.index(
        "<nav"
    )
    assert 'id="content"' in body
