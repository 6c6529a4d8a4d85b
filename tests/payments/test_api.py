"""Purchases and refunds through the API."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from kombu.exceptions import OperationalError
from pytest_django.fixtures import Settings

from payments import api, catalogue, invoices, purchases, refunds, tasks
from payments.errors import Refusal
from payments.models import Product, Purchase, PurchaseEvent, Refund
from quizarena.api.models import IdempotencyRecord
from quizarena.celery import app
from quizarena.players.models import Player
from quizarena.staff.models import AuditEntry
from tests.api.callers import Caller, body_of, make_client, problem
from tests.concurrency import meet_after, run_together
from tests.conftest import Road
from tests.factories import PlayerFactory
from tests.payments import steps
from tests.payments.campaigns import counted, running
from tests.sandbox import Sandbox

NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def anna(sandbox: Sandbox, db: None) -> Player:
    """Return a player who has Stars and has started the bot."""
    telegram_id = sandbox.add_player("Anna", language_code="de")
    sandbox.set_stars(telegram_id, 100)
    return PlayerFactory.create(telegram_id=telegram_id)


@pytest.fixture
def caller(db: None) -> Caller:
    """Return a client that may do everything."""
    return Caller()


def wanted(player: Player, product: str = "ENERGY_10", **more: Any) -> dict[str, Any]:
    """Return what is posted to open a purchase."""
    return {"player": player.telegram_id, "product": product, **more}


def paid(player: Player, code: str = "ENERGY_10", *, is_subscription: bool = False) -> Purchase:
    """Return a purchase that has been paid and credited just now."""
    return steps.buy(player, code, now=timezone.now(), is_subscription=is_subscription)


def without_broker(*args: object, **options: object) -> None:
    """Fail as Celery does when Redis is away."""
    raise OperationalError("Connection refused.")


class TestProducts:
    def test_what_is_for_sale_is_listed_in_the_order_of_the_shop(self, caller: Caller) -> None:
        Product.objects.filter(code="MEGA_PACK_15").update(is_for_sale=False)

        products = body_of(caller.get("products/"))

        assert [(product["code"], product["stars"]) for product in products] == [
            ("ENERGY_10", 5),
            ("STREAK_SAVER_20", 20),
            ("FRIEND_CHALLENGE_5", 5),
            ("PREMIUM_STARTER", 29),
            ("PREMIUM_MONTH", 99),
            ("PREMIUM_SEASON", 249),
            ("PREMIUM_YEAR", 499),
        ]

    def test_a_product_says_what_it_is(self, caller: Caller) -> None:
        (month,) = (
            product
            for product in body_of(caller.get("products/"))
            if product["code"] == "PREMIUM_MONTH"
        )

        assert month["texts"]["en"]["title"] == "Premium Month"
        assert (month["premium"], month["premium_days"], month["subscription"]) == (
            "MONTH",
            30,
            True,
        )


class TestOpening:
    def test_a_purchase_gets_a_link_that_can_be_paid(
        self, caller: Caller, anna: Player, road: Road, sandbox: Sandbox
    ) -> None:
        answer = caller.post("purchases/", wanted(anna))

        opened = body_of(answer)
        assert answer.status_code == 201
        assert (opened["player"], opened["product"]) == (anna.telegram_id, "ENERGY_10")
        assert (opened["status"], opened["stars"]) == ("CREATED", 5)
        assert opened["invoice_link"] is None
        assert tasks.make_invoice_links() == 1
        purchase = body_of(caller.get(f"purchases/{opened['id']}/"))
        assert purchase["status"] == "INVOICE_SENT"
        checkout = sandbox.buy(anna.telegram_id, link=purchase["invoice_link"], wait=False)
        road.fetch()
        assert sandbox.checkout(checkout["id"])["state"] == "paid"
        road.travel()
        now = body_of(caller.get(f"purchases/{purchase['id']}/"))
        assert (now["status"], now["invoice_link"]) == ("CREDITED", None)
        assert now["paid_at"] is not None

    def test_a_subscription_gets_its_link(
        self, caller: Caller, anna: Player, sandbox: Sandbox
    ) -> None:
        first = caller.post("purchases/", wanted(anna, "PREMIUM_MONTH", subscription=True), key="k")
        tasks.make_invoice_links()
        again = caller.post("purchases/", wanted(anna, "PREMIUM_MONTH", subscription=True), key="k")

        purchase = body_of(again)
        assert (body_of(first)["invoice_link"], purchase["subscription"]) == (None, True)
        assert purchase["invoice_link"].startswith(sandbox.url)

    def test_telegram_is_asked_by_a_worker_and_at_once(self, caller: Caller, anna: Player) -> None:
        with (
            app.connection_for_read() as broker,
            broker.SimpleQueue("critical") as queue,
        ):
            queue.clear()
            opened = body_of(caller.post("purchases/", wanted(anna)))
            message = queue.get(timeout=5)
            message.ack()

        assert message.headers["task"] == "payments.tasks.make_invoice_link"
        assert message.payload[0] == [opened["id"]]

    def test_an_invoice_that_the_bot_has_sent_gets_a_link_too(
        self, caller: Caller, anna: Player, sandbox: Sandbox
    ) -> None:
        sent = steps.open_purchase(anna, now=timezone.now())
        purchases.invoice_sent(purchases.lock(pk=sent.pk), now=timezone.now())
        opened = body_of(caller.post("purchases/", wanted(anna), key="k1"))
        assert (opened["id"], opened["invoice_link"]) == (str(sent.pk), None)

        assert tasks.make_invoice_link(opened["id"])

        again = body_of(caller.post("purchases/", wanted(anna), key="k1"))
        assert again["invoice_link"].startswith(sandbox.url)

    def test_without_the_broker_the_purchase_is_opened_and_the_tick_makes_the_link(
        self, caller: Caller, anna: Player, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tasks.make_invoice_link, "apply_async", without_broker)

        answer = caller.post("purchases/", wanted(anna))

        assert answer.status_code == 201
        assert tasks.make_invoice_links() == 1

    def test_the_same_request_again_opens_nothing_and_asks_telegram_nothing(
        self, caller: Caller, anna: Player, sandbox: Sandbox
    ) -> None:
        caller.post("purchases/", wanted(anna), key="k1")
        tasks.make_invoice_links()
        first = caller.post("purchases/", wanted(anna), key="k1")
        # What is over would be opened again.
        tomorrow = timezone.now() + timedelta(days=1)
        assert purchases.fail_stale(now=tomorrow, limit=10) == 1

        again = caller.post("purchases/", wanted(anna), key="k1")

        assert (again.status_code, again.content) == (201, first.content)
        assert again.headers["Idempotency-Replayed"] == "true"
        assert Purchase.objects.count() == 1
        assert len(sandbox.calls("createInvoiceLink")) == 1

    def test_another_key_gets_the_open_purchase_of_the_product(
        self, caller: Caller, anna: Player
    ) -> None:
        first = caller.post("purchases/", wanted(anna))
        second = caller.post("purchases/", wanted(anna))

        assert body_of(first)["id"] == body_of(second)["id"]
        assert body_of(first)["invoice_link"] == body_of(second)["invoice_link"]

    def test_a_discount_that_was_redeemed_makes_it_cheaper(
        self, caller: Caller, anna: Player
    ) -> None:
        campaign = running()
        reservation = body_of(
            caller.post("promos/redeem/", {"player": anna.telegram_id, "code": "hello2026"})
        )
        full = body_of(caller.post("purchases/", wanted(anna)))

        answer = caller.post("purchases/", wanted(anna, redemption=reservation["id"]))

        purchase = body_of(answer)
        assert answer.status_code == 201
        assert (purchase["base_stars"], purchase["percent"], purchase["stars"]) == (5, 40, 3)
        assert (full["redemption"], purchase["redemption"]) == (None, reservation["id"])
        assert body_of(caller.get(f"purchases/{full['id']}/"))["status"] == "FAILED"
        assert counted(campaign) == (1, 0, 2, 0)

    def test_a_reservation_that_cannot_be_used_is_refused_and_nothing_is_opened(
        self, caller: Caller, anna: Player
    ) -> None:
        running(scope="MICRO_ANY")
        others = PlayerFactory.create()
        mine, theirs = (
            body_of(
                caller.post("promos/redeem/", {"player": one.telegram_id, "code": "hello2026"})
            )["id"]
            for one in (anna, others)
        )

        answers = [
            caller.post("purchases/", wanted(anna, "PREMIUM_MONTH", redemption=mine)),
            caller.post("purchases/", wanted(anna, redemption=theirs)),
            caller.post("purchases/", wanted(anna, redemption=2**63 - 1)),
        ]

        assert [(answer.status_code, problem(answer)["code"]) for answer in answers] == [
            (409, "promo_not_fitting"),
            (409, "promo_expired"),
            (409, "promo_expired"),
        ]
        assert not Purchase.objects.exists()

    def test_while_telegram_is_away_there_is_a_purchase_without_a_link(
        self,
        caller: Caller,
        anna: Player,
        sandbox: Sandbox,
        settings: Settings,
        clock: time_machine.Traveller,
    ) -> None:
        settings.TELEGRAM_API_URL = "http://127.0.0.1:1"
        first = caller.post("purchases/", wanted(anna), key="k1")
        assert not tasks.make_invoice_link(body_of(first)["id"])
        settings.TELEGRAM_API_URL = sandbox.url
        assert tasks.make_invoice_links() == 0
        clock.shift(invoices.RETRY_AFTER)
        assert tasks.make_invoice_links() == 1

        again = caller.post("purchases/", wanted(anna), key="k1")

        assert (first.status_code, again.status_code) == (201, 201)
        assert body_of(again)["invoice_link"].startswith(sandbox.url)
        assert Purchase.objects.count() == 1
        third = caller.post("purchases/", wanted(anna), key="k1")
        assert third.content == again.content

    def test_an_invoice_that_telegram_does_not_want_has_no_link(
        self, caller: Caller, anna: Player, sandbox: Sandbox
    ) -> None:
        Product.objects.filter(code="ENERGY_10").update(
            texts={"de": {"title": "x" * 33, "description": "Zu lang."}}
        )

        opened = body_of(caller.post("purchases/", wanted(anna)))

        assert not tasks.make_invoice_link(opened["id"])
        assert len(sandbox.calls("createInvoiceLink")) == 1
        assert body_of(caller.get(f"purchases/{opened['id']}/"))["invoice_link"] is None

    def test_without_a_key_nothing_is_opened(self, caller: Caller, anna: Player) -> None:
        answer = caller.post("purchases/", wanted(anna), key=None)

        assert (answer.status_code, problem(answer)["code"]) == (400, "idempotency_key_required")
        assert not Purchase.objects.exists()


BAD: list[tuple[dict[str, Any], set[tuple[str, str]]]] = [
    ({}, {("player", "required"), ("product", "required")}),
    ({"player": None, "product": None}, {("player", "null"), ("product", "null")}),
    ({"player": "7", "product": 7}, {("player", "invalid"), ("product", "invalid")}),
    ({"player": True, "product": True}, {("player", "invalid"), ("product", "invalid")}),
    ({"player": 1.5, "product": ""}, {("player", "invalid"), ("product", "blank")}),
    ({"player": 0, "product": " "}, {("player", "min_value"), ("product", "blank")}),
    ({"player": 2**52, "product": "A" * 33}, {("player", "max_value"), ("product", "max_length")}),
    ({"player": [], "product": {}}, {("player", "invalid"), ("product", "invalid")}),
    (
        {"player": 1, "product": "A\x00"},
        {("product", "invalid"), ("product", "null_characters_not_allowed")},
    ),
    ({"player": 1, "product": "ENERGY 10"}, {("product", "invalid")}),
    (
        {"player": 1, "product": "ENERGY_10", "subscription": "yes"},
        {("subscription", "invalid")},
    ),
    ({"player": 1, "product": "ENERGY_10", "subscription": None}, {("subscription", "null")}),
    ({"player": 1, "product": "ENERGY_10", "redemption": 0}, {("redemption", "min_value")}),
    ({"player": 1, "product": "ENERGY_10", "redemption": 2**63}, {("redemption", "max_value")}),
    ({"player": 1, "product": "ENERGY_10", "redemption": "1"}, {("redemption", "invalid")}),
    (
        {"player": 1, "product": "ENERGY_10", "subscripton": True},
        {("subscripton", "unknown_field")},
    ),
]


class TestBadInput:
    """Each wrong field is named, and nothing is written."""

    @pytest.mark.parametrize(("body", "errors"), BAD)
    def test_opening(
        self, caller: Caller, body: dict[str, Any], errors: set[tuple[str, str]]
    ) -> None:
        answer = caller.post("purchases/", body)

        details = problem(answer)
        assert (answer.status_code, details["code"]) == (400, "invalid_request")
        assert {(error["field"], error["code"]) for error in details["errors"]} == errors
        assert not Purchase.objects.exists()
        assert not IdempotencyRecord.objects.exists()

    @pytest.mark.parametrize(
        ("body", "errors"),
        [
            ({}, {("reason", "required")}),
            ({"reason": None}, {("reason", "null")}),
            ({"reason": 7}, {("reason", "invalid")}),
            ({"reason": ""}, {("reason", "blank")}),
            ({"reason": " \n"}, {("reason", "blank")}),
            ({"reason": "x" * 501}, {("reason", "max_length")}),
            ({"reason": "why", "stars": 5}, {("stars", "unknown_field")}),
        ],
    )
    def test_refunding(
        self, caller: Caller, body: dict[str, Any], errors: set[tuple[str, str]]
    ) -> None:
        purchase = paid(PlayerFactory.create())

        answer = caller.post(f"purchases/{purchase.pk}/refund/", body)

        details = problem(answer)
        assert (answer.status_code, details["code"]) == (400, "invalid_request")
        assert {(error["field"], error["code"]) for error in details["errors"]} == errors
        assert not Refund.objects.exists()
        assert not IdempotencyRecord.objects.exists()

    def test_a_player_and_a_product_of_nobody_are_named(self, caller: Caller) -> None:
        player = PlayerFactory.create()

        nobody = caller.post("purchases/", {"player": 2**52 - 1, "product": "ENERGY_10"})
        nothing = caller.post("purchases/", wanted(player, "GOLD"))

        for answer, field, code in [
            (nobody, "player", "player_not_found"),
            (nothing, "product", "product_not_found"),
        ]:
            details = problem(answer)
            assert (answer.status_code, details["code"]) == (422, code)
            assert [(error["field"], error["code"]) for error in details["errors"]] == [
                (field, code)
            ]
        assert not Purchase.objects.exists()
        assert not IdempotencyRecord.objects.exists()


def suspend(player: Player) -> None:
    player.suspended_at = timezone.now()
    player.save(update_fields=["suspended_at"])


def withdraw(player: Player) -> None:
    Product.objects.update(is_for_sale=False)


def change_nothing(player: Player) -> None:
    pass


def buy(code: str) -> Callable[[Player], None]:
    def bought(player: Player) -> None:
        paid(player, code)

    return bought


def subscribe(player: Player) -> None:
    paid(player, "PREMIUM_MONTH", is_subscription=True)


def open_too_many(player: Player) -> None:
    for _ in range(purchases.OPENED_A_DAY_MAX):
        paid(player, "ENERGY_10")


REFUSED: list[tuple[str, Callable[[Player], None], dict[str, Any]]] = [
    ("suspended", suspend, {"product": "ENERGY_10"}),
    ("not_for_sale", withdraw, {"product": "ENERGY_10"}),
    ("not_for_sale", change_nothing, {"product": "ENERGY_10", "subscription": True}),
    ("too_soon", buy("STREAK_SAVER_20"), {"product": "STREAK_SAVER_20"}),
    ("lower_plan", buy("PREMIUM_MONTH"), {"product": "PREMIUM_STARTER"}),
    ("too_many_today", open_too_many, {"product": "ENERGY_10"}),
    ("subscribed", subscribe, {"product": "PREMIUM_MONTH", "subscription": True}),
]


class TestRefused:
    @pytest.mark.parametrize(("code", "arrange", "asked"), REFUSED)
    def test_every_reason_has_a_code_and_opens_nothing(
        self,
        caller: Caller,
        code: str,
        arrange: Callable[[Player], None],
        asked: dict[str, Any],
    ) -> None:
        player = PlayerFactory.create()
        arrange(player)
        before = Purchase.objects.count()

        answer = caller.post("purchases/", {"player": player.telegram_id, **asked})

        details = problem(answer)
        assert (answer.status_code, details["code"]) == (409, code)
        assert details["detail"].endswith(".")
        assert ("until" in details) == (code == "too_soon")
        assert Purchase.objects.count() == before
        assert not IdempotencyRecord.objects.exists()

    def test_every_reason_of_opening_is_known_here(self) -> None:
        only_at_checkout = {
            "UNKNOWN",
            "NOT_YOURS",
            "WRONG_AMOUNT",
            "EXPIRED",
            "ALREADY_PAID",
            "PROMO_NOT_APPLICABLE",
        }
        only_with_a_reservation = {"promo_expired", "promo_not_fitting"}

        assert set(api.REFUSALS) == set(Refusal) - only_at_checkout
        assert {code for code, _, _ in REFUSED} | only_with_a_reservation == {
            reason.lower() for reason in api.REFUSALS
        }


class TestLooking:
    def test_a_purchase_takes_two_statements(
        self, caller: Caller, django_assert_num_queries: Any
    ) -> None:
        purchase = paid(PlayerFactory.create())
        caller.get(f"purchases/{purchase.pk}/")

        # The client, and the purchase with its player and refund.
        with django_assert_num_queries(2):
            answer = caller.get(f"purchases/{purchase.pk}/")

        assert body_of(answer)["status"] == "CREDITED"
        assert body_of(answer)["refund"] is None

    def test_a_payment_of_nothing_known_can_be_looked_at(self, caller: Caller) -> None:
        opened = steps.open_purchase(PlayerFactory.create())
        kept = steps.pay(opened, payload="made up")

        body = body_of(caller.get(f"purchases/{kept.pk}/"))

        assert (body["product"], body["stars"], body["status"]) == (None, None, "CREDIT_REVIEW")


class TestRefunds:
    def test_a_refund_is_accepted_and_carried_out(
        self, caller: Caller, anna: Player, road: Road, sandbox: Sandbox
    ) -> None:
        opened = body_of(caller.post("purchases/", wanted(anna)))
        tasks.make_invoice_links()
        link = body_of(caller.get(f"purchases/{opened['id']}/"))["invoice_link"]
        sandbox.buy(anna.telegram_id, link=link, wait=False)
        road.fetch()
        road.travel()
        purchase = Purchase.objects.get()
        assert sandbox.stars(anna.telegram_id) == 95

        answer = caller.post(f"purchases/{purchase.pk}/refund/", {"reason": "By mistake."})
        tasks.finish_refunds()

        body = body_of(answer)
        assert (answer.status_code, body["status"]) == (202, "CREDITED")
        assert (body["refund"]["source"], body["refund"]["reason"]) == ("API", "By mistake.")
        assert body["refund"]["finished_at"] is None
        assert sandbox.stars(anna.telegram_id) == 100
        after = body_of(caller.get(f"purchases/{purchase.pk}/"))
        assert after["status"] == "REFUNDED"
        assert after["refund"]["finished_at"] is not None

    def test_the_audit_log_knows_which_client_it_was(self, caller: Caller) -> None:
        purchase = paid(PlayerFactory.create())

        caller.post(f"purchases/{purchase.pk}/refund/", {"reason": "By mistake."})

        entry = AuditEntry.objects.get(action="purchase.refund_asked")
        assert entry.object_id == str(purchase.pk)
        assert entry.summary.endswith("asked for by the API client Shop. By mistake.")
        assert entry.details == {"client": caller.client.pk}

    def test_the_same_request_again_is_the_same_refund(self, caller: Caller) -> None:
        purchase = paid(PlayerFactory.create())
        ask = partial(caller.post, f"purchases/{purchase.pk}/refund/", {"reason": "Mistake."})

        first, again, other_key = ask(key="k1"), ask(key="k1"), ask(key="k2")

        assert again.content == first.content == other_key.content
        assert again.headers["Idempotency-Replayed"] == "true"
        assert Refund.objects.count() == 1
        assert AuditEntry.objects.filter(action="purchase.refund_asked").count() == 1

    def test_without_a_key_nothing_is_refunded(self, caller: Caller) -> None:
        purchase = paid(PlayerFactory.create())

        answer = caller.post(f"purchases/{purchase.pk}/refund/", {"reason": "Mistake."}, key=None)

        assert (answer.status_code, problem(answer)["code"]) == (400, "idempotency_key_required")
        assert not Refund.objects.exists()

    def test_what_nobody_has_paid_cannot_be_refunded(self, caller: Caller) -> None:
        purchase = steps.open_purchase(PlayerFactory.create(), now=timezone.now())

        answer = caller.post(f"purchases/{purchase.pk}/refund/", {"reason": "Mistake."})

        assert (answer.status_code, problem(answer)["code"]) == (409, "not_refundable")

    def test_a_purchase_of_nobody_is_not_found(self, caller: Caller) -> None:
        answer = caller.post(f"purchases/{NOBODY}/refund/", {"reason": "Mistake."})

        assert (answer.status_code, problem(answer)["code"]) == (404, "not_found")

    @pytest.mark.parametrize(("most", "status"), [(5, 202), (4, 403)])
    def test_more_than_the_limit_needs_staff(
        self, caller: Caller, settings: Settings, most: int, status: int
    ) -> None:
        settings.REFUND_APPROVAL_STARS = most
        purchase = paid(PlayerFactory.create())

        answer = caller.post(f"purchases/{purchase.pk}/refund/", {"reason": "Mistake."})

        assert answer.status_code == status
        assert Refund.objects.exists() == (status == 202)
        if status == 403:
            details = problem(answer)
            assert (details["code"], details["stars_max"]) == ("refund_needs_staff", 4)

    def test_more_than_the_limit_of_a_day_needs_staff(
        self, caller: Caller, settings: Settings
    ) -> None:
        settings.REFUND_DAILY_STARS = 9
        first, second = paid(PlayerFactory.create()), paid(PlayerFactory.create())
        caller.post(f"purchases/{first.pk}/refund/", {"reason": "Mistake."})

        today = caller.post(f"purchases/{second.pk}/refund/", {"reason": "Mistake."})
        again = caller.post(f"purchases/{first.pk}/refund/", {"reason": "Mistake."})
        Refund.objects.update(asked_at=timezone.now() - timedelta(hours=24, seconds=1))
        tomorrow = caller.post(f"purchases/{second.pk}/refund/", {"reason": "Mistake."})

        assert (today.status_code, problem(today)["code"]) == (403, "refund_needs_staff")
        assert again.status_code == 202
        assert tomorrow.status_code == 202


@pytest.mark.django_db(transaction=True)
class TestConcurrency:
    def test_two_equal_requests_at_once_open_one_purchase(
        self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        catalogue_is_full()
        client = make_client()
        player = PlayerFactory.create()
        meet_after(monkeypatch, purchases, "open_purchase")

        answers = run_together(
            *[partial(Caller(client).post, "purchases/", wanted(player), key="k1")] * 2
        )

        assert sorted(answer.status_code for answer in answers) == [201, 409]
        (refused,) = [answer for answer in answers if answer.status_code == 409]
        assert problem(refused)["code"] == "request_in_progress"
        assert refused.headers["Retry-After"] == "1"
        assert PurchaseEvent.objects.filter(kind="OPENED").count() == 1

    def test_two_refunds_at_once_do_not_pass_the_days_limit_together(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert sorted(refund_two_at_once(settings, monkeypatch)) == [202, 403]

    def test_without_the_lock_they_would(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the test above can fail."""
        monkeypatch.setattr(api, "_lock_the_limit", lambda: None)

        assert refund_two_at_once(settings, monkeypatch) == [202, 202]


def catalogue_is_full() -> None:
    """Fill the shop again, which a test that commits has emptied."""
    from django.apps import apps

    catalogue.seed_catalogue(app_config=apps.get_app_config("payments"))


def refund_two_at_once(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let a client refund two purchases at once that are too much together; return the statuses."""
    catalogue_is_full()
    settings.REFUND_DAILY_STARS = 9
    client = make_client()
    bought = [paid(PlayerFactory.create()), paid(PlayerFactory.create())]
    meet_after(monkeypatch, refunds, "ask")
    answers = run_together(
        *(
            partial(Caller(client).post, f"purchases/{one.pk}/refund/", {"reason": "Mistake."})
            for one in bought
        )
    )
    return [answer.status_code for answer in answers]
