"""The search over everything: what it finds, for whom, and by which indexes."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from payments.models import SupportRequest
from promos import derivation
from promos.models import Code
from quizarena.players.models import Player
from quizarena.staff import search
from tests.factories import NOON, PlayerFactory, make_campaign, make_staff
from tests.payments.steps import buy
from tests.promos.test_console_codes import make_batch

pytestmark = pytest.mark.django_db

ADDRESS = "/admin/search/"


@pytest.fixture
def support(client: Client) -> Client:
    client.force_login(make_staff("Support"))
    return client


def titles(client: Client, term: str) -> dict[str, list[str]]:
    """Return the titles of what the page shows, by kind."""
    results = client.post(ADDRESS, {"s": term}).context["results"]
    return {result.source.title: [one.title for one in result.found] for result in results}


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        ("anna", {"Anna Bauer (@quiz_fan)", "Marianna Koval", "Ben (@annabella)"}),
        ("bauer ANNA", {"Anna Bauer (@quiz_fan)"}),
        ("an", {"Anna Bauer (@quiz_fan)", "Ben (@annabella)"}),
        ("@quiz", {"Anna Bauer (@quiz_fan)"}),
        ("700000001", {"Anna Bauer (@quiz_fan)"}),
        ("оксан", {"Оксана"}),
        ("anna schmidt", set()),
        ("50%", set()),
        ("%%", set()),
        ("🌸 _", set()),
        ("anna, Anna!", {"Anna Bauer (@quiz_fan)", "Marianna Koval"}),
        ("(bauer)", {"Anna Bauer (@quiz_fan)"}),
        ("9" * 30, set()),
        ("\0", set()),
        ("a" * 301, set()),
    ],
)
def test_players_are_found_by_names_user_name_and_telegram_id(
    support: Client, term: str, expected: set[str]
) -> None:
    people = [
        ("Anna", "Bauer", "quiz_fan", 700000001),
        ("Marianna", "Koval", "", 700000002),
        ("Ben", "", "annabella", 700000003),
        ("Оксана", "", "", 700000004),
    ]
    for first, last, username, telegram_id in people:
        PlayerFactory.create(
            first_name=first, last_name=last, username=username, telegram_id=telegram_id
        )

    assert set(titles(support, term).get("Players", [])) == expected


def test_everything_else_is_found_by_what_people_copy(support: Client) -> None:
    anna = PlayerFactory.create(first_name="Anna", last_name="", username="anna")
    purchase = buy(anna)
    campaign = make_campaign(name="Autumn sale", code="HERBST-20")
    code = campaign.codes.get()
    asked = SupportRequest.objects.create(player=anna, text="Where is it?", asked_at=NOON)

    bought = {"Purchases": ["10 energy points for @anna"]}
    assert titles(support, str(purchase.pk)) == bought
    assert titles(support, purchase.charge_id or "") == bought
    assert titles(support, (purchase.payload or "")[:12]) == bought
    assert titles(support, "herbst 20") == {"Promo codes": [f"#{code.pk} {code.label}"]}
    assert titles(support, "autumn") == {"Campaigns": ["Autumn sale"]}
    assert titles(support, f"#{asked.pk}")["Support requests"] == [f"No. {asked.pk} of @anna"]


PLAYED = {"Players", "Duels"}
SOLD = {"Purchases", "Promo codes", "Campaigns", "Batches"}
KINDS: dict[str, set[str]] = {
    "Support": {*PLAYED, *SOLD, "Support requests"},
    "Operator": {*PLAYED, *SOLD},
    "Finance": {"Players", *SOLD, "Support requests"},
    "Administrator": {*PLAYED, *SOLD, "Support requests"},
    "Editor": set(),
    "Security": set(),
}


@pytest.mark.parametrize("role", KINDS)
def test_a_role_finds_what_it_may_view(client: Client, role: str) -> None:
    anna = PlayerFactory.create(first_name="Zoé", username="zoe")
    buy(anna)
    user = make_staff(role)
    client.force_login(user)

    assert set(search.titles(user=user)) == KINDS[role]
    assert set(titles(client, "Zoé")) == KINDS[role] & {"Players"}


def test_who_searches_by_a_code_learns_nothing_secret(support: Client) -> None:
    batch = make_batch(prefix="SUMMER")
    seed = bytes(batch.seed or b"").hex()
    first, *others = derivation.raw_codes(batch)

    (found,) = titles(support, first)["Promo codes"]
    assert re.fullmatch(r"#\d+ SUMMER-[•-]+", found)
    shown = support.post(ADDRESS, {"s": "SUMMER"}).content.decode()
    assert f"Batch {batch.pk}" in shown
    assert [one for code in (first, *others) for one in code.split("-")[1:] if one in shown] == []
    digests = [bytes(code.digest).hex() for code in Code.objects.all()]
    for secret in (seed, seed[:12], *digests, digests[0][:12]):
        assert titles(support, secret) == {}


def test_nobody_finds_what_the_role_may_not_view(client: Client) -> None:
    anna = PlayerFactory.create(first_name="Anna")
    purchase = buy(anna)
    client.force_login(make_staff("Editor"))

    assert titles(client, "Anna") == titles(client, str(purchase.pk)) == {}
    assert "You can search: nothing with your role." in " ".join(
        client.post(ADDRESS, {"s": "Anna"}).content.decode().split()
    )
    client.logout()
    assert client.post(ADDRESS, {"s": "Anna"}).status_code == 302


def test_a_term_in_an_address_is_not_searched_for(support: Client) -> None:
    PlayerFactory.create(first_name="Anna")

    answer = support.get(ADDRESS, {"s": "Anna", "extended": "1"})

    assert answer.context["results"] == []
    page = support.get("/admin/").content.decode()
    assert 'hx-post="/admin/search/"' in page
    assert "hx-get" not in page.split("search-input-command")[1].split(">")[0]


def test_the_palette_gets_a_list(support: Client) -> None:
    anna = PlayerFactory.create(first_name="<b>Anna", last_name="", username="")

    shown = support.post(ADDRESS, {"s": "anna", "extended": "1"}).content.decode()
    nothing = support.post(ADDRESS, {"s": "zzz", "extended": "1"}).content.decode()

    assert f'href="/admin/players/player/{anna.pk}/change/"' in shown
    assert "&lt;b&gt;Anna" in shown
    assert "Nothing found." in nothing
    assert support.post(ADDRESS, {"s": " ", "extended": "1"}).content == b""


def test_every_search_of_big_tables_has_its_index() -> None:
    PlayerFactory.create_batch(2)
    support = make_staff("Support")

    with CaptureQueriesContext(connection) as queries:
        search.search(term="anna bauer", user=support)
        search.search(term="a7b8c9d0-0000-4000-8000-000000000000", user=support)
    plans = []
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        for query in queries:
            if query["sql"].startswith("SELECT") and "players_player" in query["sql"]:
                cursor.execute("EXPLAIN " + query["sql"].replace("%", "%%"), [])
                plans.append("\n".join(line for (line,) in cursor.fetchall()))

    shown = "\n".join(plans)
    assert "Bitmap Index Scan on player_names" in shown
    assert "player_username_prefix" in shown
    assert "payments_purchase_charge_id" in shown
    assert "payments_purchase_payload" in shown
    assert "Seq Scan on players_player" not in shown
    assert "Seq Scan on payments_purchase" not in shown


def test_a_search_costs_the_same_however_much_it_finds(support: Client) -> None:
    PlayerFactory.create(first_name="Anna")
    titles(support, "anna")
    with CaptureQueriesContext(connection) as one:
        titles(support, "anna")
    for _ in range(11):
        buy(PlayerFactory.create(first_name="Anna"))
        make_campaign(name="Anna's week")

    with CaptureQueriesContext(connection) as many:
        found = titles(support, "anna")

    assert {kind: len(shown) for kind, shown in found.items()} == {"Players": 10, "Campaigns": 10}
    assert len(many) <= len(one) <= 30


def test_a_common_name_finds_at_most_two_hundred(support: Client) -> None:
    Player.objects.bulk_create(
        PlayerFactory.build(
            first_name="Anna", telegram_id=700000000 + number, created_at=NOON + timedelta(number)
        )
        for number in range(201)
    )

    with CaptureQueriesContext(connection) as queries:
        page = support.get("/admin/players/player/", {"q": "anna"})

    assert page.status_code == 200
    assert any("LIMIT 200" in query["sql"] for query in queries)
    assert len(titles(support, "anna")["Players"]) == 10
