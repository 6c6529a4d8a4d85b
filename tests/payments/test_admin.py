"""Payments in the admin: search, timeline, actions and revenue."""

import html
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from kombu.exceptions import OperationalError
from pytest_django.fixtures import Settings

from payments import approvals as refund_approvals
from payments import purchases, reconciliation, revenue, subscriptions, support, tasks
from payments.models import (
    Difference,
    Problem,
    Product,
    Purchase,
    ReconciliationRun,
    Refund,
    StarTransaction,
    SupportRequest,
)
from quizarena.celery import app
from quizarena.players.models import Player
from quizarena.staff import approvals, dates
from quizarena.staff.models import ApprovalRequest, AuditEntry
from tests.conftest import Road
from tests.factories import PlayerFactory, make_staff
from tests.payments.steps import (
    DAY,
    NOON,
    Delivery,
    ask_refund,
    buy,
    credit,
    open_purchase,
    owned,
    pay,
    payment,
    refund,
)

pytestmark = pytest.mark.django_db

PURCHASES = "/admin/payments/purchase/"
QUEUE = f"{PURCHASES}queue/"
REVENUE = f"{PURCHASES}revenue/"
PRODUCTS = "/admin/payments/product/"
REFUNDS = "/admin/payments/refund/"
SUBSCRIPTIONS = "/admin/payments/subscription/"
RUNS = "/admin/payments/reconciliationrun/"
REQUESTS = "/admin/payments/supportrequest/"


@pytest.fixture
def staff(client: Client) -> User:
    """Return the member of support who is logged in."""
    user = make_staff("Support")
    client.force_login(user)
    return user


def log_in(client: Client, role: str) -> User:
    """Let somebody else sit down."""
    user = make_staff(role)
    client.force_login(user)
    return user


def read(client: Client, address: str, query: dict[str, Any] | None = None) -> str:
    """Return what a page says, tags aside."""
    answer = client.get(address, query)
    assert answer.status_code == 200, address
    return text(answer.content)


def text(content: bytes) -> str:
    """Return the words of a page."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", content.decode())).split())


def page(purchase: Purchase, name: str = "change") -> str:
    """Return the address of a page of the purchase."""
    return f"{PURCHASES}{purchase.pk}/{name}/"


def in_review(player: Player, code: str = "ENERGY_10", *, now: datetime = NOON) -> Purchase:
    """Return a purchase for which too few Stars were paid."""
    return pay(open_purchase(player, code, now=now), stars=3, now=now)


class TestList:
    def test_it_tells_what_was_bought_by_whom(self, client: Client, staff: User) -> None:
        buy(PlayerFactory.create(username="anna"))

        assert "ENERGY_10 credited 5 @anna –" in read(client, PURCHASES)

    def test_it_tells_what_is_unusual(self, client: Client, staff: User) -> None:
        in_review(PlayerFactory.create(username="anna"))

        assert (
            "ENERGY_10 in review 3 of 5 @anna another amount than the price "
            "paid without a pre-checkout"
        ) in read(client, PURCHASES)

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ({}, ["mega", "energy"]),
            ({"q": "700000001"}, ["energy"]),
            ({"q": "@Ann"}, ["energy"]),
            ({"q": "charge-mega"}, ["mega"]),
            ({"q": "nobody"}, []),
            ({"q": "999999999999999999999999"}, []),
            ({"status__exact": "CREDIT_REVIEW"}, ["mega"]),
            ({"product__code__exact": "ENERGY_10"}, ["energy"]),
            ({"remark": "problem"}, ["mega"]),
            ({"remark": "problem:AMOUNT"}, ["mega"]),
            ({"remark": "problem:CURRENCY"}, []),
            ({"remark": "flag"}, ["mega"]),
            ({"remark": "flag:UNCHECKED"}, ["mega"]),
            ({"remark": "flag:LATE"}, []),
        ],
    )
    def test_purchases_are_found(
        self, client: Client, staff: User, query: dict[str, str], expected: list[str]
    ) -> None:
        anna = PlayerFactory.create(telegram_id=700000001, username="anna_b")
        olena = PlayerFactory.create(telegram_id=700000002, username="olena")
        energy = buy(anna)
        mega = open_purchase(olena, "MEGA_PACK_15", now=NOON + timedelta(hours=1))
        mega = pay(mega, charge_id="charge-mega-1", stars=1)

        listed = client.get(PURCHASES, query).content.decode()

        names = {str(energy.pk): "energy", str(mega.pk): "mega"}
        found = re.findall(r'href="/admin/payments/purchase/([0-9a-f-]{36})/change/', listed)
        assert [names[pk] for pk in dict.fromkeys(found)] == expected

    def test_a_purchase_is_found_by_its_id_and_by_its_payload(
        self, client: Client, staff: User
    ) -> None:
        purchase = open_purchase(PlayerFactory.create())
        other = buy(PlayerFactory.create(), "MEGA_PACK_15")
        assert purchase.payload is not None

        for term in (str(purchase.pk), purchase.pk.hex, purchase.payload, purchase.payload[:20]):
            listed = client.get(PURCHASES, {"q": term}).content.decode()
            assert page(purchase) in listed
            assert page(other) not in listed

    @pytest.mark.parametrize(
        ("query", "index"),
        [
            ({"status__exact": "CREDIT_REVIEW"}, "purchase_stuck"),
            ({"status__exact": "REFUNDED"}, "purchase_refunded"),
            ({"product__code__exact": "ENERGY_10"}, "purchase_of_product"),
            ({"remark": "problem"}, "purchase_noteworthy"),
            ({"remark": "problem:AMOUNT"}, "purchase_noteworthy"),
            ({"remark": "flag"}, "purchase_noteworthy"),
            ({"remark": "flag:LATE"}, "purchase_noteworthy"),
            ({"q": "charge-"}, "payments_purchase_charge_id"),
            ({"q": "charge-"}, "payments_purchase_payload"),
        ],
    )
    def test_filter_and_search_use_their_index(
        self, client: Client, staff: User, query: dict[str, str], index: str
    ) -> None:
        with CaptureQueriesContext(connection) as queries:
            client.get(PURCHASES, query)
        rows = next(
            query["sql"]
            for query in queries
            if 'FROM "payments_purchase"' in query["sql"] and "LIMIT" in query["sql"]
        )
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_indexscan = off")
            # Without the players: in an empty table they could be joined in any order.
            conditions = rows.partition(" WHERE ")[2].partition(" ORDER BY")[0].replace("%", "%%")
            cursor.execute(f"EXPLAIN SELECT FROM payments_purchase WHERE {conditions}", [])
            plan = "\n".join(line for (line,) in cursor.fetchall())
        assert index in plan

    @pytest.mark.parametrize(
        "path",
        [PURCHASES, REFUNDS, SUBSCRIPTIONS, REQUESTS, RUNS, QUEUE],
    )
    def test_a_list_counts_nothing_and_asks_no_more_for_more_rows(
        self, client: Client, path: str
    ) -> None:
        client.force_login(make_staff("Administrator"))

        def statements() -> list[str]:
            with CaptureQueriesContext(connection) as queries:
                assert client.get(path).status_code == 200
            return [query["sql"] for query in queries]

        def add(number: int) -> None:
            for _ in range(number):
                player = PlayerFactory.create()
                ask_refund(buy(player, "PREMIUM_MONTH", is_subscription=True))
                in_review(player)
                support.ask(player=player, text="Where is it?", now=NOON)
                ReconciliationRun.objects.create(
                    is_full=False, started_at=NOON, finished_at=NOON, differences=1
                )

        statements()
        add(1)
        few = statements()
        add(4)

        assert [sql for sql in few if "COUNT(" in sql.upper()] == []
        assert len(statements()) == len(few)

    def test_nobody_changes_a_purchase_not_even_a_superuser(self, admin_client: Client) -> None:
        purchase = buy(PlayerFactory.create())

        answers = [
            admin_client.post(page(purchase), {"status": "FAILED"}),
            admin_client.post(page(purchase, "delete"), {"post": "yes"}),
            admin_client.post(f"{PURCHASES}add/", {"stars": "9"}),
        ]

        assert [answer.status_code for answer in answers] == [403, 403, 403]

    def test_the_players_page_leads_to_the_purchases(self, client: Client, staff: User) -> None:
        player = PlayerFactory.create(telegram_id=700000001)
        purchase = buy(player)

        answer = client.get(f"/admin/players/player/{player.pk}/change/").content.decode()

        assert page(purchase) in answer


class TestPage:
    def test_the_timeline_tells_every_event_with_its_evidence(
        self, client: Client, staff: User
    ) -> None:
        purchase = buy(PlayerFactory.create())

        shown = read(client, page(purchase))

        kinds = ["opened created", "invoice sent", "pre-checkout approved", "paid", "credited"]
        places = [shown.index(kind, shown.index("Timeline")) for kind in kinds]
        assert places == sorted(places)
        assert "stars 5" in shown
        assert f"entry {purchase.credit_entry_id}" in shown
        assert '"telegram_payment_charge_id":' in shown

    def test_it_leads_to_player_wallet_entries_and_subscription(
        self, client: Client, staff: User
    ) -> None:
        player = PlayerFactory.create()
        purchase = refund(buy(player, "PREMIUM_MONTH", is_subscription=True))

        shown = client.get(page(purchase)).content.decode()

        for address in (
            f"/admin/players/player/{player.pk}/change/",
            f"/admin/economy/wallet/{player.pk}/change/",
            f"/admin/economy/ledgerentry/{purchase.credit_entry_id}/change/",
            f"/admin/economy/ledgerentry/{purchase.refund_entry_id}/change/",
            f"/admin/payments/subscription/{purchase.pk}/change/",
            f"/admin/payments/refund/{purchase.refund.pk}/change/",
        ):
            assert address in shown

    def test_it_tells_how_far_a_refund_is(self, client: Client, staff: User) -> None:
        purchase = buy(PlayerFactory.create())
        asked = ask_refund(purchase)
        Refund.objects.filter(pk=asked.pk).update(tries=2, last_error="refundStarPayment: 500 Oops")

        shown = read(client, page(purchase))

        assert "credited, refund under way" in shown
        assert "API Wrong product. Telegram did not refund 2" in shown
        assert "refundStarPayment: 500 Oops" in shown

    def test_it_tells_what_telegram_and_reconciliation_say(
        self, client: Client, staff: User
    ) -> None:
        purchase = buy(PlayerFactory.create())
        StarTransaction.objects.create(
            transaction_id=str(purchase.charge_id),
            stars=4,
            at=NOON,
            is_ours=True,
            partner={},
            seen_at=NOON,
        )
        run = ReconciliationRun.objects.create(
            is_full=True, started_at=NOON, finished_at=NOON, differences=1
        )
        Difference.objects.create(
            run=run, kind="AMOUNT", purchase=purchase, details={"ours": 5, "telegram": 4}
        )

        shown = read(client, page(purchase))

        assert (
            "Telegram's list When Stars Commission of the affiliate Charge id Read "
            f"22 Nov 2026, 12:00:00 +4 – {purchase.charge_id}" in shown
        )
        assert "the amounts differ open" in shown

    @pytest.mark.parametrize(
        ("role", "expected"),
        [
            ("Support", ["replay", "refund", "recheck"]),
            ("Finance", ["refund", "recheck"]),
            ("Operator", []),
        ],
    )
    def test_each_action_has_its_own_permission(
        self, client: Client, role: str, expected: list[str]
    ) -> None:
        purchase = in_review(PlayerFactory.create())
        log_in(client, role)

        shown = client.get(page(purchase)).content.decode()
        answers = {
            name: client.get(page(purchase, name)).status_code
            for name in ("replay", "refund", "recheck")
        }

        assert [name for name in answers if page(purchase, name) in shown] == expected
        assert [name for name, code in answers.items() if code == 200] == expected
        assert set(answers.values()) <= {200, 403}

    def test_only_what_can_be_done_is_offered(self, client: Client, staff: User) -> None:
        player = PlayerFactory.create()
        offered = {
            name: re.findall(
                rf"{PURCHASES}{purchase.pk}/(replay|refund|recheck)/",
                client.get(page(purchase)).content.decode(),
            )
            for name, purchase in (
                ("credited", buy(player)),
                ("open", open_purchase(player, "MEGA_PACK_15")),
                ("refunded", refund(buy(player, "STREAK_SAVER_20"))),
            )
        }

        assert offered == {
            "credited": ["refund", "recheck"],
            "open": ["recheck"],
            "refunded": ["recheck"],
        }


class TestRefund:
    def test_it_shows_what_is_taken_back_and_asks_telegram(
        self, client: Client, staff: User
    ) -> None:
        player = PlayerFactory.create(username="anna")
        purchase = buy(player)
        address = page(purchase, "refund")

        shown = text(client.post(address, {"reason": "Wrong one.", "preview": "1"}).content)
        answer = client.post(address, {"reason": "Wrong one.", "confirm": "1"}, follow=True)

        assert "Paid energy 10 delivered 10 taken back" in shown
        assert "Paid energy in the wallet 10 0" in shown
        assert "5 Stars are being refunded" in text(answer.content)
        asked = Refund.objects.get(purchase=purchase)
        assert (asked.source, asked.staff, asked.reason) == ("STAFF", staff, "Wrong one.")
        entry = AuditEntry.objects.get(action="purchase.refund_asked")
        assert (entry.actor, entry.object_id) == (staff, str(purchase.pk))

    def test_a_preview_changes_nothing(self, client: Client, staff: User) -> None:
        purchase = buy(PlayerFactory.create())

        client.post(page(purchase, "refund"), {"reason": "Wrong one.", "preview": "1"})

        assert Refund.objects.count() == 0

    def test_there_is_no_refund_without_a_reason(self, client: Client, staff: User) -> None:
        purchase = buy(PlayerFactory.create())

        answer = client.post(page(purchase, "refund"), {"reason": " ", "confirm": "1"})

        assert "This field is required." in text(answer.content)
        assert Refund.objects.count() == 0

    def test_a_large_one_waits_for_a_second_person(self, client: Client, staff: User) -> None:
        purchase = buy(PlayerFactory.create(username="anna"), "PREMIUM_SEASON")
        address = page(purchase, "refund")

        asked = read(client, address)
        answer = client.post(address, {"reason": "Wrong one.", "confirm": "1"}, follow=True)

        assert "A second person has to approve it, because it is more than 100 Stars." in asked
        assert "Approval requested" in text(answer.content)
        assert "Approvals Asked By Why State Decided by" in text(answer.content)
        assert Refund.objects.count() == 0

        log_in(client, "Finance")
        request = ApprovalRequest.objects.get()
        shown = read(client, f"/admin/staff/approvalrequest/{request.pk}/change/")
        assert "Refund: ⭐ 249 – @anna – Premium Season" in shown
        assert "May be approved by Finance or Administrator, but not by support" in shown
        client.post(f"/admin/staff/approvalrequest/{request.pk}/approve/", {"confirm": "1"})
        assert "support, approved by finance" in read(client, page(purchase))

    def test_what_waits_for_a_second_person_says_so_in_place_of_the_button(
        self, client: Client, staff: User
    ) -> None:
        purchase = buy(PlayerFactory.create(username="anna"), "PREMIUM_SEASON")
        stuck = in_review(PlayerFactory.create(username="ben"))
        assert page(purchase, "refund") in client.get(page(purchase)).content.decode()
        assert page(stuck, "refund") in client.get(QUEUE).content.decode()
        for one, about in ((purchase, "⭐ 249 – @anna – Premium Season"), (stuck, "⭐ 3 – @ben")):
            approvals.ask(
                kind=refund_approvals.REFUND,
                subject=one,
                title=about,
                parameters={},
                reason="Wrong one.",
                maker=staff,
                now=timezone.now(),
            )

        on_page, in_queue = client.get(page(purchase)).content, client.get(QUEUE).content

        first, second = (
            f", asked by support at {dates.moment(one.asked_at)}"
            for one in ApprovalRequest.objects.order_by("id")
        )
        assert f"Waits for approval: ⭐ 249 – @anna – Premium Season {first}" in text(on_page)
        assert page(purchase, "refund") not in on_page.decode()
        assert f"Waits for approval: ⭐ 3 – @ben {second}" in text(in_queue)
        assert page(stuck, "refund") not in in_queue.decode()
        assert page(stuck, "recheck") in in_queue.decode()
        # Nobody is waited for once it is refunded in another way.
        refund(purchase)
        assert "Waits for approval" not in client.get(page(purchase)).content.decode()

    def test_what_is_refunded_already_says_so(self, client: Client, staff: User) -> None:
        purchase = refund(buy(PlayerFactory.create()))

        for step in ("preview", "confirm"):
            answer = client.post(page(purchase, "refund"), {"reason": "Again.", step: "1"})

            shown = text(answer.content)
            assert "Refused: It has been refunded, or a refund is under way." in shown


class TestReplay:
    def test_it_credits_and_is_recorded(self, client: Client, staff: User) -> None:
        player = PlayerFactory.create(username="anna")
        purchase = in_review(player)
        address = page(purchase, "replay")

        shown = text(client.post(address, {"reason": "Our mistake.", "preview": "1"}).content)
        answer = client.post(address, {"reason": "Our mistake.", "confirm": "1"}, follow=True)

        assert "Replay the credit only if we charged the wrong amount" in shown
        assert "Goods not delivered 10 paid energy for @anna" in shown
        assert "Credited: 10 paid energy." in text(answer.content)
        assert owned(player) == (10, 0, 0)
        assert AuditEntry.objects.get(action="purchase.credit_replayed").actor == staff

    def test_what_nobody_knows_the_goods_of_is_refused(self, client: Client, staff: User) -> None:
        open_one = open_purchase(PlayerFactory.create())
        unknown = purchases.record_payment(payment(open_one, payload="not ours"), now=NOON)

        for step in ("preview", "confirm"):
            answer = client.post(page(unknown, "replay"), {"reason": "Try.", step: "1"})

            assert "Refused: Unknown product. Refund this payment." in text(answer.content)

    def test_what_is_credited_meanwhile_is_refused_before_it_is_confirmed(
        self, client: Client, staff: User
    ) -> None:
        purchase = buy(PlayerFactory.create())

        answer = client.post(page(purchase, "replay"), {"reason": "Again.", "preview": "1"})

        assert "Refused: It is credited." in text(answer.content)

    def test_what_could_not_be_delivered_says_why_and_is_delivered(
        self, client: Client, staff: User, player: Player, delivery: Delivery
    ) -> None:
        delivery.breaks()
        purchase = credit(pay(open_purchase(player, "MEGA_PACK_15")))
        delivery.works()

        assert "No modes today." in read(client, page(purchase))
        assert "No modes today." in read(client, QUEUE)
        client.post(page(purchase, "replay"), {"reason": "It works again.", "confirm": "1"})

        assert owned(player) == (15, 0, 0)


class TestQueue:
    def test_the_oldest_comes_first_with_why_and_what_next(
        self, client: Client, staff: User
    ) -> None:
        later = in_review(PlayerFactory.create(username="olena"), now=NOON + timedelta(hours=2))
        first = pay(open_purchase(PlayerFactory.create(username="anna"), "MEGA_PACK_15"))
        buy(PlayerFactory.create(username="berta"))

        with time_machine.travel(NOON + timedelta(hours=5), tick=False):
            shown = client.get(QUEUE).content.decode()

        page_text = text(shown.encode())
        assert page_text.index(
            "5 hours ago Mega Pack MEGA_PACK_15 @anna 15 Stars"
        ) < page_text.index("3 hours ago 10 energy points ENERGY_10")
        assert "@berta" not in page_text
        assert "Recovery tries it every 5 minutes" in page_text
        assert "Refund it. Replay the credit only if we charged the wrong amount." in page_text
        for purchase in (first, later):
            for name in ("replay", "refund", "recheck"):
                assert page(purchase, name) in shown

    @pytest.mark.parametrize("problem", Problem)
    def test_every_problem_has_its_advice(
        self, client: Client, staff: User, problem: Problem
    ) -> None:
        purchase = in_review(PlayerFactory.create())
        Purchase.objects.filter(pk=purchase.pk).update(problem=problem)

        assert problem.label in read(client, QUEUE)

    def test_a_refund_under_way_offers_no_second_one(self, client: Client, staff: User) -> None:
        purchase = in_review(PlayerFactory.create())
        ask_refund(purchase)

        shown = client.get(QUEUE).content.decode()

        assert "A refund is under way" in shown
        assert page(purchase, "refund") not in shown

    def test_nothing_waits(self, client: Client, staff: User) -> None:
        assert "Nothing is waiting." in read(client, QUEUE)

    def test_the_sidebar_tells_how_many_wait(self, client: Client, staff: User) -> None:
        in_review(PlayerFactory.create())
        in_review(PlayerFactory.create())

        assert "Payments in review 2" in read(client, "/admin/")

    def test_the_sidebar_keeps_to_the_index_of_the_few_that_wait(
        self, client: Client, staff: User
    ) -> None:
        for _ in range(12):
            client.get("/admin/")

        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT sum(generic_plans), sum(custom_plans) > 0 FROM pg_prepared_statements "
                "WHERE statement LIKE '%%payments_purchase%%status%%IN%%LIMIT%%'",
                [],
            )
            assert cursor.fetchone() == (0, True)


class TestRecheck:
    def bought(self, road: Road, *faults: str, per_mille: int = 0) -> Purchase:
        """Let a player buy energy in the sandbox; Telegram's message about it may be lost.

        So many thousandths may go to an affiliate.
        """
        telegram_id = road.sandbox.add_player("Anna")
        road.sandbox.come_through_affiliate(telegram_id, per_mille=per_mille)
        road.sandbox.top_up(telegram_id, 100)
        player = PlayerFactory.create(telegram_id=telegram_id)
        purchase = open_purchase(player, now=datetime.now(UTC))
        link = road.sandbox.call(
            "createInvoiceLink",
            title="10 energy",
            description="10 energy",
            payload=purchase.payload,
            provider_token="",
            currency="XTR",
            prices=[{"label": "10 energy", "amount": 5}],
        )
        checkout = road.sandbox.buy(telegram_id, link=link, faults=faults, wait=False)
        road.fetch()
        road.sandbox.wait_for(lambda: road.sandbox.checkout(checkout["id"])["state"] == "paid")
        road.travel()
        return Purchase.objects.get(pk=purchase.pk)

    def test_a_payment_that_was_never_reported_is_credited(
        self, client: Client, staff: User, road: Road
    ) -> None:
        purchase = self.bought(road, "payment_lost")
        assert purchase.status == "PRECHECKOUT_OK"

        shown = self.rechecked(client, purchase, staff)

        assert "Telegram says: paid 5 Stars on" in shown
        assert "Telegram has a payment that is missing here (set right)." in shown
        purchase.refresh_from_db()
        assert (purchase.status, purchase.flags) == ("CREDITED", ["HEALED"])
        assert AuditEntry.objects.get(action="purchase.rechecked").actor == staff

    def test_a_refund_that_was_made_elsewhere_is_carried_out(
        self, client: Client, staff: User, road: Road
    ) -> None:
        purchase = self.bought(road)
        assert purchase.status == "CREDITED"
        road.sandbox.call(
            "refundStarPayment",
            user_id=purchase.player.telegram_id,
            telegram_payment_charge_id=purchase.charge_id,
        )

        shown = self.rechecked(client, purchase, staff)

        assert "refunded by Telegram, not here (set right)" in shown
        purchase.refresh_from_db()
        assert purchase.status == "REFUNDED"

    def test_what_has_just_been_paid_is_not_said_to_agree(
        self, client: Client, staff: User, road: Road
    ) -> None:
        """Telegram's list has no line of it yet."""
        purchase = buy(PlayerFactory.create(), now=datetime.now(UTC))

        shown = self.rechecked(client, purchase, staff)

        assert "It was paid only minutes ago and is not compared yet" in shown
        assert "Our records agree." not in shown

    def test_through_an_affiliate_the_books_agree(
        self, client: Client, staff: User, road: Road
    ) -> None:
        purchase = self.bought(road, per_mille=100)
        [line] = road.sandbox.transactions()
        assert (line["amount"], line["nanostar_amount"]) == (4, 500_000_000)
        assert line["source"]["affiliate"]["nanostar_amount"] == 500_000_000

        shown = self.rechecked(client, purchase, staff)

        assert "Telegram says: paid 5 Stars on" in shown
        assert "Our records agree." in shown
        assert "Commission of the affiliate" in read(client, page(purchase))

    def test_nothing_differs(self, client: Client, staff: User, road: Road) -> None:
        purchase = self.bought(road)

        shown = self.rechecked(client, purchase, staff)

        assert "Our records agree." in shown

    def test_telegram_does_not_answer(
        self, client: Client, staff: User, settings: Settings
    ) -> None:
        settings.TELEGRAM_API_URL = "http://127.0.0.1:9"
        purchase = buy(PlayerFactory.create())

        shown = self.rechecked(client, purchase, staff)

        assert (
            "Telegram could not be asked (getStarTransactions: ConnectError). Try again." in shown
        )

    def test_without_the_broker_nothing_is_asked(
        self, client: Client, staff: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def without_broker(*args: object, **options: object) -> None:
            raise OperationalError("Connection refused.")

        monkeypatch.setattr(tasks.recheck, "apply_async", without_broker)
        purchase = buy(PlayerFactory.create())

        client.post(page(purchase, "recheck"), {"confirm": "1"})

        assert "Refused: Connection refused." in read(client, page(purchase))
        assert not AuditEntry.objects.filter(action="purchase.recheck_asked").exists()

    def rechecked(self, client: Client, purchase: Purchase, staff: User) -> str:
        """Ask, let the worker take the task, and return what the purchase's page says then."""
        with app.connection_for_read() as broker, broker.SimpleQueue("bulk") as queue:
            queue.clear()
            answer = client.post(page(purchase, "recheck"), {"confirm": "1"}, follow=True)
            message = queue.get(timeout=5)
            message.ack()
        assert "Telegram is being asked." in text(answer.content)
        assert message.headers["task"] == "payments.tasks.recheck"
        assert message.payload[0] == [str(purchase.pk), staff.pk]
        tasks.recheck(*message.payload[0])
        return read(client, page(purchase))


class TestProducts:
    FORM = {
        "is_for_sale": "on",
        "position": "1",
        "title_de": "10 Energiepunkte",
        "description_de": "10 Punkte, die nicht verfallen – für Tage, an denen du mehr spielen "
        "willst.",
        "title_en": "10 energy points",
        "description_en": "10 points that never expire, for days on which you want to play more.",
        "title_uk": "10 одиниць енергії",
        "description_uk": "10 одиниць, що не згорають, – для днів, коли хочеться грати більше.",
    }

    def test_a_text_is_changed_and_the_history_has_both(self, client: Client) -> None:
        operator = log_in(client, "Operator")

        answer = client.post(
            f"{PRODUCTS}ENERGY_10/change/", {**self.FORM, "title_de": "Zehn Energie"}
        )

        assert answer.status_code == 302
        product = Product.objects.get(pk="ENERGY_10")
        assert (product.stars, product.is_for_sale) == (5, True)
        assert product.title("de") == "Zehn Energie"
        assert product.description("uk") == (
            "10 одиниць, що не згорають, – для днів, коли хочеться грати більше."
        )
        entry = AuditEntry.objects.get(action="product.changed")
        assert entry.actor == operator
        assert entry.details["changed"] == {"title_de": ["10 Energiepunkte", "Zehn Energie"]}
        history = read(client, f"{PRODUCTS}ENERGY_10/history/")
        assert "title_de: 10 Energiepunkte Zehn Energie" in history

    PRICE = f"{PRODUCTS}ENERGY_10/price/"

    def test_a_price_is_changed_with_a_reason_and_open_invoices_keep_theirs(
        self, client: Client
    ) -> None:
        purchase = open_purchase(PlayerFactory.create())
        log_in(client, "Operator")

        seen = text(client.post(self.PRICE, {"stars": "6", "reason": "Autumn"}).content)
        assert "Price 5 Stars 6 Stars" in seen
        assert "Open invoices 1 keep their price" in seen
        assert "A second person – is not needed" in seen
        answer = client.post(
            self.PRICE, {"stars": "6", "reason": "Autumn", "confirm": "1"}, follow=True
        )
        open_purchase(PlayerFactory.create())

        assert "ENERGY_10 costs 6 Stars." in text(answer.content)
        purchase.refresh_from_db()
        assert purchase.stars == 5
        page = read(client, f"{PRODUCTS}ENERGY_10/change/")
        assert "1 at 5 Stars keep their price 1 at 6 Stars keep their price" in page
        assert "Reference price: 6 Stars, the highest of 90 days" in page
        assert "5 Stars until" in page
        assert "ENERGY_10: 5 → 6 Stars. Autumn" in read(client, f"{PRODUCTS}ENERGY_10/history/")

    def test_a_large_cut_waits_for_a_second_person(self, client: Client) -> None:
        log_in(client, "Operator")
        cut = {"stars": "1", "reason": "Autumn"}

        seen = text(client.post(self.PRICE, cut).content)
        assert "it is more than 30% below the reference price of 5 Stars" in seen
        answer = client.post(self.PRICE, {**cut, "confirm": "1"}, follow=True)

        assert "a second person has to approve the price" in text(answer.content)
        waits = "Waits for approval: 10 energy points: ⭐ 5 → 1 , asked by operator at"
        product = client.get(f"{PRODUCTS}ENERGY_10/change/").content
        assert waits in text(product)
        assert self.PRICE not in product.decode()
        assert Product.objects.get(pk="ENERGY_10").stars == 5

    @pytest.mark.parametrize(
        ("stars", "sentence"),
        [
            ("0", "greater than or equal to 1"),
            ("10001", "less than or equal to 10000"),
            ("5", "Refused: It costs 5 Stars already."),
        ],
    )
    def test_what_is_no_price_is_refused(self, client: Client, stars: str, sentence: str) -> None:
        log_in(client, "Operator")

        answer = client.post(self.PRICE, {"stars": stars, "reason": "Autumn", "confirm": "1"})

        assert sentence in text(answer.content)
        assert Product.objects.get(pk="ENERGY_10").stars == 5

    def test_who_may_only_look_changes_no_price(self, client: Client) -> None:
        log_in(client, "Finance")

        assert client.get(self.PRICE).status_code == 403

    @pytest.mark.parametrize(
        ("field", "value", "error"),
        [
            ("title_uk", "", "This field is required"),
            ("title_de", "x" * 33, "at most 32 characters"),
            ("description_en", "x" * 256, "at most 255 characters"),
        ],
    )
    def test_what_telegram_would_not_take_is_refused(
        self, client: Client, field: str, value: str, error: str
    ) -> None:
        log_in(client, "Operator")

        answer = client.post(f"{PRODUCTS}ENERGY_10/change/", {**self.FORM, field: value})

        assert error in text(answer.content)
        assert Product.objects.get(pk="ENERGY_10").stars == 5

    def test_what_is_delivered_is_shown_and_stays(self, client: Client) -> None:
        log_in(client, "Operator")

        client.post(f"{PRODUCTS}ENERGY_10/change/", {**self.FORM, "paid_energy": "1000"})

        assert "10 paid energy" in read(client, f"{PRODUCTS}ENERGY_10/change/")
        assert Product.objects.get(pk="ENERGY_10").paid_energy == 10

    def test_nobody_adds_or_deletes_one_not_even_a_superuser(self, admin_client: Client) -> None:
        answers = [
            admin_client.post(f"{PRODUCTS}add/", self.FORM),
            admin_client.post(f"{PRODUCTS}ENERGY_10/delete/", {"post": "yes"}),
        ]

        assert [answer.status_code for answer in answers] == [403, 403]

    def test_support_reads_and_does_not_change(self, client: Client, staff: User) -> None:
        assert "10 Energiepunkte" in read(client, f"{PRODUCTS}ENERGY_10/change/")
        assert client.post(f"{PRODUCTS}ENERGY_10/change/", self.FORM).status_code == 403


class TestRefunds:
    def test_what_is_under_way_and_what_failed_is_found(self, client: Client, staff: User) -> None:
        refund(buy(PlayerFactory.create(username="anna")))
        ask_refund(buy(PlayerFactory.create(username="berta", first_name="Berta")))
        failed = ask_refund(buy(PlayerFactory.create(username="carla", first_name="Carla")))
        Refund.objects.filter(pk=failed.pk).update(last_error="refundStarPayment: 500", tries=1)

        def names(query: dict[str, str]) -> list[str]:
            return re.findall(r"@(anna|berta|carla)", read(client, REFUNDS, query))

        assert names({}) == ["carla", "berta", "anna"]
        assert names({"state": "open"}) == ["carla", "berta"]
        assert names({"state": "failed"}) == ["carla"]
        assert names({"q": "anna"}) == ["anna"]

    def test_the_page_tells_the_error(self, client: Client, staff: User) -> None:
        failed = ask_refund(buy(PlayerFactory.create()))
        Refund.objects.filter(pk=failed.pk).update(last_error="refundStarPayment: 500", tries=1)

        assert "refundStarPayment: 500" in read(client, f"{REFUNDS}{failed.pk}/change/")


class TestSubscriptions:
    def test_each_state_is_shown_and_found(self, client: Client, staff: User) -> None:
        for name, days in (("active", 0), ("cancelled", 1), ("grace", -31), ("over", -40)):
            player = PlayerFactory.create(username=name)
            buy(player, "PREMIUM_MONTH", now=NOON + days * DAY, is_subscription=True)
            if name == "cancelled":
                subscriptions.cancel(player=player, now=NOON + 2 * DAY)

        def names(state: str) -> list[str]:
            with time_machine.travel(NOON + 2 * DAY - timedelta(hours=1), tick=False):
                shown = read(client, SUBSCRIPTIONS, {"state": state} if state else {})
            return re.findall(r"@(active|cancelled|grace|over)", shown)

        assert names("") == ["cancelled", "active", "grace", "over"]
        assert names("ACTIVE") == ["active"]
        assert names("CANCELED") == ["cancelled"]
        assert names("GRACE") == ["grace"]
        assert names("ENDED") == ["over"]

    def test_the_page_shows_what_was_paid_for_it(self, client: Client, staff: User) -> None:
        first = buy(PlayerFactory.create(), "PREMIUM_MONTH", is_subscription=True)
        renewal = purchases.record_payment(
            payment(first, charge_id="renewal-1", is_renewal=True), now=NOON + 30 * DAY
        )

        shown = client.get(f"{SUBSCRIPTIONS}{first.pk}/change/").content.decode()

        assert page(first) in shown
        assert page(renewal) in shown


class TestReconciliation:
    def test_a_run_leads_to_its_differences(self, client: Client) -> None:
        log_in(client, "Finance")
        player = PlayerFactory.create(username="anna")
        purchase = buy(player)
        run = ReconciliationRun.objects.create(
            is_full=True, started_at=NOON, finished_at=NOON, differences=2
        )
        Difference.objects.create(
            run=run, kind="UNHEARD_PAYMENT", purchase=purchase, charge_id="c-1", is_healed=True
        )
        Difference.objects.create(run=run, kind="WALLET", player=player, details={"paid_energy": 1})

        assert "everything 2 differences" in read(client, RUNS)
        shown = client.get(f"{RUNS}{run.pk}/change/").content.decode()
        assert page(purchase) in shown
        assert f"/admin/players/player/{player.pk}/change/" in shown
        page_text = text(shown.encode())
        assert page_text.index("a wallet is not the sum") < page_text.index(
            "Telegram has a payment"
        )

    def test_a_run_says_what_it_has_looked_at_and_what_it_has_left_out(
        self, client: Client
    ) -> None:
        log_in(client, "Finance")
        ReconciliationRun.objects.create(
            is_full=False,
            started_at=NOON,
            finished_at=NOON,
            compared_from=NOON - timedelta(days=3),
            compared_until=NOON - timedelta(minutes=5),
            compared=41,
            left_out=2,
        )

        shown = read(client, RUNS)

        assert "no differences in what was compared" in shown
        compared = "41 payments and refunds from 19 Nov 2026, 12:00:00 to 22 Nov 2026, 11:55:00"
        assert compared in shown
        assert "2 younger ones are left to the next run" in shown

        ReconciliationRun.objects.update(compared=1, left_out=1, differences=1)
        shown = read(client, RUNS)

        assert "1 payment or refund from 19 Nov 2026" in shown
        assert "1 younger one is left to the next run" in shown
        assert "1 difference" in shown
        assert "1 differences" not in shown

    def test_run_now_puts_a_run_into_the_queue(self, client: Client) -> None:
        log_in(client, "Finance")

        assert f"{RUNS}run/" in client.get(RUNS).content.decode()
        with (
            app.connection_for_read() as broker,
            broker.SimpleQueue("bulk") as queue,
        ):
            queue.clear()
            answer = client.post(f"{RUNS}run/", {"is_full": "on", "confirm": "1"}, follow=True)
            message = queue.get(timeout=5)
            message.ack()

        assert "The reconciliation is queued." in text(answer.content)
        assert message.headers["task"] == "payments.tasks.reconcile"
        assert message.payload[1] == {"is_full": True}
        assert AuditEntry.objects.get(action="reconciliation.run").summary == (
            "Reconciliation of everything."
        )

    def test_support_starts_none(self, client: Client, staff: User) -> None:
        assert client.get(f"{RUNS}run/").status_code == 403
        assert client.get(RUNS).status_code == 403

    def test_lines_of_an_invoice_are_found_by_their_index(self) -> None:
        lines = reconciliation.lines_of(open_purchase(PlayerFactory.create()))
        with CaptureQueriesContext(connection) as queries:
            list(lines)
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("EXPLAIN " + queries[0]["sql"].replace("%", "%%"), [])
            plan = "\n".join(line for (line,) in cursor.fetchall())
        assert "startransaction_of_payload" in plan


class TestSupport:
    def test_what_waits_comes_first_the_oldest_on_top(self, client: Client, staff: User) -> None:
        asked = [
            support.ask(player=PlayerFactory.create(), text=f"Question {word}", now=NOON)
            for word in ("one", "two", "three", "four")
        ]
        for request, hour in ((asked[0], 1), (asked[2], 2)):
            support.answer(
                request_id=request.pk, text="Yes.", staff=staff, now=NOON + timedelta(hours=hour)
            )

        shown = read(client, REQUESTS)

        assert re.findall(r"Question (one|two|three|four)", shown) == [
            "two",
            "four",
            "three",
            "one",
        ]

    def test_support_answers_with_the_purchases_beside(self, client: Client, staff: User) -> None:
        player = PlayerFactory.create(username="anna")
        purchase = buy(player)
        asked = support.ask(player=player, text="Where is\nmy energy?", now=NOON)
        address = f"{REQUESTS}{asked.pk}/"

        shown = client.get(f"{address}change/").content.decode()
        form = read(client, f"{address}answer/")
        answer = client.post(
            f"{address}answer/", {"answer": "It is there now.", "confirm": "1"}, follow=True
        )

        assert page(purchase) in shown
        assert "Where is my energy?" in form
        assert "The bot sends the answer to @anna." in text(answer.content)
        asked.refresh_from_db()
        assert (asked.answer, asked.answered_by) == ("It is there now.", staff)
        assert AuditEntry.objects.get(action="supportrequest.answered").actor == staff

    def test_whoever_is_slower_hears_of_it(self, client: Client, staff: User) -> None:
        asked = support.ask(player=PlayerFactory.create(), text="Where is it?", now=NOON)
        support.answer(request_id=asked.pk, text="Here.", staff=staff, now=NOON)

        answer = client.post(f"{REQUESTS}{asked.pk}/answer/", {"answer": "There.", "confirm": "1"})

        assert "Refused: This question has been answered already." in text(answer.content)
        assert SupportRequest.objects.get().answer == "Here."

    def test_finance_reads_and_does_not_answer(self, client: Client) -> None:
        asked = support.ask(player=PlayerFactory.create(), text="Where is it?", now=NOON)
        log_in(client, "Finance")

        assert "Where is it?" in read(client, f"{REQUESTS}{asked.pk}/change/")
        assert client.get(f"{REQUESTS}{asked.pk}/answer/").status_code == 403


class TestRevenue:
    def test_days_are_days_of_berlin_and_refunds_count_when_they_end(self, client: Client) -> None:
        log_in(client, "Operator")
        # 23:59 and midnight in Berlin.
        late, midnight = NOON + timedelta(hours=11, minutes=59), NOON + timedelta(hours=12)
        buy(PlayerFactory.create(), now=late)
        month = buy(PlayerFactory.create(), "PREMIUM_MONTH", now=midnight)
        refund(month, now=NOON + 2 * DAY)

        with time_machine.travel(NOON + 3 * DAY, tick=False):
            shown = read(client, REVENUE)

        named = "10 energy points ENERGY_10 1 5 0 5 Premium Month PREMIUM_MONTH 1 99 −99 0"
        assert f"{named} Total 2 104 −99 5" in shown
        assert "24 Nov 2026 0 0 −99 −99 23 Nov 2026 1 99 0 99 22 Nov 2026 1 5 0 5" in shown

    def test_bars_are_stacked_with_refunds_below_zero(self, client: Client) -> None:
        log_in(client, "Operator")
        refund(buy(PlayerFactory.create()))

        with time_machine.travel(NOON, tick=False):
            shown = html.unescape(client.get(REVENUE).content.decode())

        assert re.findall(r'"label": "([^"]+)", "data": \[[^\]]*, (-?\d+)\]', shown) == [
            ("10 energy points", "5"),
            ("10 energy points, refunded", "-5"),
        ]

    def test_other_money_is_not_counted_as_stars(self, client: Client) -> None:
        log_in(client, "Operator")
        pay(open_purchase(PlayerFactory.create()), currency="EUR")

        with time_machine.travel(NOON, tick=False):
            assert "Nothing was sold." in read(client, REVENUE)

    def test_it_is_two_queries(self) -> None:
        buy(PlayerFactory.create())
        with CaptureQueriesContext(connection) as queries:
            revenue.by_day(first_day=NOON.date(), last_day=NOON.date())

        assert len(queries) == 2


def test_a_purchase_that_is_not_there(client: Client, staff: User) -> None:
    for name in ("refund", "replay", "recheck"):
        assert client.get(f"{PURCHASES}{uuid4()}/{name}/").status_code == 404
