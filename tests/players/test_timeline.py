"""The page of a player: the summary, the merged timeline, and how little it reads."""

import re
from datetime import timedelta
from html import unescape

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.html import strip_tags

from economy.models import LedgerEntry
from payments.models import Purchase, SupportRequest
from quizarena.players import timeline
from quizarena.players.models import Player
from quizarena.staff.models import AuditEntry
from tests.factories import NOON, PlayerFactory, make_staff
from tests.owner import analyze, behind_the_guards
from tests.payments.steps import buy

pytestmark = pytest.mark.django_db


@pytest.fixture
def support(client: Client) -> Client:
    client.force_login(make_staff("Support"))
    return client


def address(player: Player) -> str:
    return f"/admin/players/player/{player.pk}/change/"


def text(client: Client, where: str) -> str:
    answer = client.get(where)
    assert answer.status_code == 200
    return " ".join(unescape(strip_tags(answer.content.decode())).split())


class TestSummary:
    def test_it_answers_most_calls(self, support: Client) -> None:
        anna = PlayerFactory.create(language="uk")
        purchase = buy(anna, "PREMIUM_STARTER")
        SupportRequest.objects.create(player=anna, text="Where is it?", asked_at=NOON)

        with time_machine.travel(purchase.opened_at, tick=False):
            shown = support.get(address(anna)).context["facts"]
        facts = {
            fact.label: " ".join(unescape(strip_tags(str(fact.value))).split()) for fact in shown
        }

        assert facts["Status"] == "active"
        assert facts["Language"] == "Ukrainian"
        assert facts["Premium"].startswith("Starter, until ")
        assert ", from: " in facts["Premium"]
        assert "of 20 free" in facts["Energy"]
        assert facts["Level"] == "A1"
        assert facts["Last purchase"].startswith("Premium Starter for ")
        assert facts["Open support request"].startswith("no. ")
        assert str(purchase.pk) in support.get(address(anna)).content.decode()

    def test_a_role_sees_of_it_what_it_may_view(self, client: Client) -> None:
        anna = PlayerFactory.create()
        buy(anna)
        client.force_login(make_staff("Operator"))

        shown = text(client, address(anna))

        assert "Last purchase" in shown
        assert "Open support request" not in shown
        assert "All messages" not in shown
        assert "Write to the player" not in shown


class TestTimeline:
    def test_pages_hold_everything_once_newest_first(self) -> None:
        anna, user = PlayerFactory.create(), make_staff("Administrator")
        for minute in range(7):
            AuditEntry.objects.create(
                action="player.x",
                object_type="players.player",
                object_id=str(anna.pk),
                summary=f"Action {minute}",
            )
            SupportRequest.objects.create(
                player=anna, text=f"Question {minute}", asked_at=NOON + timedelta(minutes=minute)
            )
        buy(anna)
        buy(PlayerFactory.create())

        seen, before = [], ""
        for _ in range(20):
            page = timeline.page(player=anna, user=user, before=before, length=4)
            assert len(page.events) <= 4
            seen += [(event.at, event.kind.code, str(event.what)) for event in page.events]
            if page.older is None:
                break
            before = page.older

        assert [at for at, _, _ in seen] == sorted((at for at, _, _ in seen), reverse=True)
        assert len(seen) == len(set(seen))
        kinds = [kind for _, kind, _ in seen]
        assert (kinds.count("staff"), kinds.count("support")) == (7, 7)
        assert kinds.count("purchases") == 1
        assert kinds.count("ledger") == LedgerEntry.objects.filter(player=anna).count()

    def test_one_kind_alone(self, support: Client) -> None:
        anna = PlayerFactory.create()
        buy(anna)
        SupportRequest.objects.create(player=anna, text="Where is it?", asked_at=NOON)

        shown = text(support, f"{address(anna)}?kind=support").partition("Timeline")[2]

        assert "Where is it?" in shown
        assert "Waits for an answer." in shown
        assert "pre-checkout approved" not in shown
        assert "pre-checkout approved" in text(support, address(anna))

    @pytest.mark.parametrize(
        "before",
        [
            "x",
            "e30=",
            "W10=",
            "eyJlbnRyeSI6WyJ4IiwieSJdfQ==",
            "eyJlbnRyeSI6eyJhIjoxfX0=",
            "\0",
            "é",
        ],
    )
    def test_an_address_that_we_have_not_written_begins_anew(
        self, support: Client, before: str
    ) -> None:
        anna = PlayerFactory.create()
        buy(anna)

        answer = support.get(address(anna), {"before": before, "kind": "purchases"})

        assert [event.kind.code for event in answer.context["events"]] == ["purchases"]

    def test_what_staff_may_not_view_is_not_there(self, client: Client) -> None:
        anna = PlayerFactory.create()
        SupportRequest.objects.create(player=anna, text="Where is it?", asked_at=NOON)
        client.force_login(make_staff("Operator"))

        assert "Where is it?" not in text(client, f"{address(anna)}?kind=support")
        assert "Where is it?" not in text(client, address(anna))


def _fill(player: Player, *, rows: int) -> None:
    """Give the player many entries and purchases, of which the database has to know."""
    template = LedgerEntry.objects.filter(player=player).order_by("-pk")[0]
    purchase = Purchase.objects.get(player=player)
    with behind_the_guards() as cursor:
        for table, pk, key in (
            ("economy_ledgerentry", template.pk, "idempotency_key"),
            ("payments_purchase", str(purchase.pk), "payload"),
        ):
            model = LedgerEntry if table.startswith("economy") else Purchase
            names = [str(field.column) for field in model._meta.fields]
            new = {
                "id": "gen_random_uuid()" if model is Purchase else "n + 1000000",
                key: f"{key} || n",
                "charge_id": "charge_id || n",
                "credit_entry_id": "NULL",
                "status": "'PAID_UNCREDITED'",
                "created_at": "created_at + n * interval '1 second'",
                "opened_at": "opened_at + n * interval '1 second'",
            }
            chosen = ", ".join(new.get(name, f'"{name}"') for name in names)
            columns = ", ".join(f'"{name}"' for name in names)
            cursor.execute(
                f"INSERT INTO {table} ({columns}) SELECT {chosen} FROM {table},"  # noqa: S608
                " generate_series(1, %s) n WHERE id = %s",
                [rows, pk],
            )
    analyze("economy_ledgerentry", "payments_purchase")


def test_the_page_costs_the_same_however_much_there_is(support: Client) -> None:
    anna, ben = PlayerFactory.create(), PlayerFactory.create()
    buy(anna)
    buy(ben)
    _fill(anna, rows=3_000)

    support.get(address(ben))  # What Django reads once in a process.
    with CaptureQueriesContext(connection) as of_ben:
        support.get(address(ben))
    with CaptureQueriesContext(connection) as of_anna:
        answer = support.get(address(anna))

    assert len(of_anna) == len(of_ben) <= 65
    assert len(answer.context["events"]) == 25
    plans = []
    with connection.cursor() as cursor:
        for query in of_anna:
            sql = query["sql"]
            # Not what every page counts for the sidebar (SELECT 0 FROM ...): here 3,000 wait.
            if re.match(r"SELECT \D", sql) and re.search(
                r'FROM "(economy_ledgerentry|payments_purchase|payments_purchaseevent)"', sql
            ):
                cursor.execute("EXPLAIN ANALYZE " + sql.replace("%", "%%"), [])
                plans.append([sql, *(line for (line,) in cursor.fetchall())])
    assert plans
    for plan in plans:
        rows = [int(float(found)) for found in re.findall(r"actual .*?rows=([\d.]+)", str(plan))]
        assert max(rows) <= 200, plan
        removed = re.findall(r"Rows Removed by Filter: (\d+)", str(plan))
        assert max(map(int, removed), default=0) <= 200, plan
