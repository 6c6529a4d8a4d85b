"""Our books against Telegram's: every difference is found, and set right where that can be."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from economy import grants
from economy.goods import Goods
from economy.models import Asset, ControlRun, EntryType, Source
from payments import purchases, reconciliation, tasks
from payments.models import Difference, Purchase, ReconciliationRun, StarTransaction
from quizarena.players import deletions
from quizarena.players.models import Player
from quizarena.staff.models import Alert
from tests.factories import PlayerFactory
from tests.owner import behind_the_guards
from tests.payments import steps
from tests.payments.steps import DAY, MINUTE, NOON

Json = dict[str, Any]

pytestmark = pytest.mark.django_db
# What has been paid at noon is looked at from here on.
LATER = NOON + 10 * MINUTE


class Statement:
    """Telegram's list of the bot's Star transactions, served as getStarTransactions does."""

    def __init__(self) -> None:
        self.lines: list[Json] = []
        self.offsets: list[int] = []
        self.is_away = False
        # From this offset on it wants to be left alone.
        self.too_many_at: int | None = None
        statement = self

        class Handler(BaseHTTPRequestHandler):
            """Answers one call."""

            def do_POST(self) -> None:
                """Return the page that is asked for."""
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                answer = json.dumps(statement.page(**asked)).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- as inherited.
                """Keep quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        """The address that the bot takes for Telegram's."""
        return f"http://127.0.0.1:{self.server.server_port}"

    def page(self, *, offset: int, limit: int) -> Json:
        """Return a page, the oldest lines first, or an error while Telegram is away."""
        self.offsets.append(offset)
        if self.is_away:
            return {"ok": False, "error_code": 502, "description": "Bad Gateway"}
        if self.too_many_at is not None and offset >= self.too_many_at:
            return {
                "ok": False,
                "error_code": 429,
                "description": "Too Many Requests: retry after 37",
                "parameters": {"retry_after": 37},
            }
        return {"ok": True, "result": {"transactions": self.lines[offset : offset + limit]}}

    def payment(
        self,
        charge: str,
        player: Player,
        *,
        stars: int = 5,
        payload: str = "nobody's",
        at: datetime = NOON,
        **more: Any,
    ) -> None:
        """Write down that a player has paid."""
        self._write("source", charge, player, stars=stars, payload=payload, at=at, **more)

    def refund(
        self,
        charge: str,
        player: Player,
        *,
        stars: int = 5,
        payload: str = "nobody's",
        at: datetime = NOON,
        **more: Any,
    ) -> None:
        """Write down that a player has got the Stars back."""
        self._write("receiver", charge, player, stars=stars, payload=payload, at=at, **more)

    def tell(self, purchase: Purchase, **more: Any) -> None:
        """Write down the payment that our books have."""
        assert purchase.charge_id is not None
        assert purchase.paid_at is not None
        line = {
            "stars": purchase.paid_stars,
            "payload": purchase.payload or "",
            "at": purchase.paid_at,
        }
        self.payment(purchase.charge_id, purchase.player, **{**line, **more})

    def _write(
        self,
        end: str,
        charge: str,
        player: Player,
        *,
        stars: int,
        payload: str,
        at: datetime,
        nanostars: int = 0,
        **partner: Any,
    ) -> None:
        line: Json = {"id": charge, "amount": stars, "date": int(at.timestamp())}
        if nanostars:
            line["nanostar_amount"] = nanostars
        line[end] = {
            "type": "user",
            "transaction_type": "invoice_payment",
            "user": steps.payer(player),
            "invoice_payload": payload,
            **partner,
        }
        self.lines.append(line)


@pytest.fixture
def statement(settings: Settings) -> Iterator[Statement]:
    """Return Telegram's list, empty."""
    statement = Statement()
    settings.TELEGRAM_API_URL = statement.url
    yield statement
    statement.server.shutdown()
    statement.server.server_close()


def reconcile(*, now: datetime = LATER, is_full: bool = True) -> list[tuple[str, bool]]:
    """Run, and return kind and healing of each difference."""
    run = reconciliation.run(is_full=is_full, now=now)
    found = [(row.kind, row.is_healed) for row in run.found.order_by("pk")]
    assert run.differences == len(found)
    assert run.finished_at is not None
    return found


def unresolved() -> list[str]:
    """Return the keys of the open alerts."""
    return sorted(Alert.objects.filter(resolved_at=None).values_list("key", flat=True))


def charge_of(purchase: Purchase) -> str:
    """Return the charge of what has been paid."""
    assert purchase.charge_id is not None
    return purchase.charge_id


class TestDifferences:
    """What a run finds."""

    def test_books_that_agree_have_none(self, statement: Statement, player: Player) -> None:
        bought, back = steps.buy(player), steps.buy(player)
        steps.refund(back)
        for purchase in (bought, back):
            statement.tell(purchase)
        statement.refund(charge_of(back), player)

        assert reconcile() == []
        assert Alert.objects.count() == 0

    def test_a_payment_that_we_never_heard_of_is_credited(
        self, statement: Statement, player: Player
    ) -> None:
        purchase = steps.open_purchase(player)
        statement.payment("lost", player, payload=purchase.payload or "")

        assert reconcile() == [("UNHEARD_PAYMENT", True)]

        purchase = steps.again(purchase)
        assert (purchase.status, purchase.charge_id) == ("CREDITED", "lost")
        assert purchase.flags == ["HEALED", "UNCHECKED"]
        assert purchase.paid_at == NOON
        assert steps.owned(player) == (10, 0, 0)
        found = Difference.objects.get()
        assert found.purchase == purchase
        assert found.charge_id == "lost"
        assert found.details == {
            "stars": 5,
            "at": "2026-11-22T11:00:00+00:00",
            "status": "CREDITED",
        }
        alert = Alert.objects.get(kind="reconciliation_difference")
        assert alert.summary == (
            "Full reconciliation: 1 difference between Telegram's list and ours, 0 open, 1 set "
            "right by the run."
        )
        # Nothing is left to look at.
        assert alert.resolved_at == LATER

    def test_a_payment_after_the_invoice_failed_is_credited_too(
        self, statement: Statement, player: Player
    ) -> None:
        purchase = steps.open_purchase(player, now=NOON - 40 * MINUTE)
        assert purchases.fail_stale(now=NOON, limit=10) == 1
        statement.payment("lost", player, payload=purchase.payload or "")

        assert reconcile() == [("UNHEARD_PAYMENT", True)]
        assert steps.again(purchase).flags == ["HEALED", "LATE"]

    def test_an_unheard_payment_of_nothing_we_know_goes_to_review(
        self, statement: Statement, player: Player
    ) -> None:
        statement.payment("strange", player)

        assert reconcile() == [("UNHEARD_PAYMENT", False)]

        purchase = Purchase.objects.get()
        assert (purchase.status, purchase.problem) == ("CREDIT_REVIEW", "UNKNOWN_PAYLOAD")
        assert (purchase.player, purchase.paid_stars) == (player, 5)
        assert purchase.flags == ["HEALED"]

    def test_a_payment_of_this_minute_may_still_be_on_its_way(
        self, statement: Statement, player: Player
    ) -> None:
        """The list can be faster than the update; that is no difference."""
        purchase = steps.open_purchase(player)
        statement.payment("soon", player, payload=purchase.payload or "")

        assert reconcile(now=NOON + 4 * MINUTE) == []
        assert reconcile(now=NOON + 5 * MINUTE) == [("UNHEARD_PAYMENT", True)]

    def test_a_renewal_that_we_never_heard_of_is_credited(
        self, statement: Statement, player: Player
    ) -> None:
        first = steps.buy(player, "PREMIUM_MONTH", is_subscription=True)
        month = {"subscription_period": 2_592_000}
        statement.tell(first, **month)
        statement.payment(
            "renewal",
            player,
            stars=99,
            payload=first.payload or "",
            at=NOON + 30 * DAY,
            **month,
        )

        assert reconcile(now=LATER + 30 * DAY) == [("UNHEARD_PAYMENT", True)]

        renewal = Purchase.objects.get(charge_id="renewal")
        assert (renewal.status, renewal.renews) == ("CREDITED", first)
        assert renewal.flags == ["HEALED"]
        first.subscription.refresh_from_db()
        assert first.subscription.expires_at == NOON + 60 * DAY

    def test_a_refund_made_at_telegram_is_carried_out(
        self, statement: Statement, player: Player
    ) -> None:
        purchase = steps.buy(player)
        statement.tell(purchase)
        statement.refund(charge_of(purchase), player, at=NOON + MINUTE)

        assert reconcile() == [("OUTSIDE_REFUND", True)]

        purchase = steps.again(purchase)
        assert (purchase.status, purchase.refund.source) == ("REFUNDED", "TELEGRAM")
        assert steps.owned(player) == (0, 0, 0)

    def test_what_is_read_after_a_deletion_names_nobody(
        self, statement: Statement, player: Player
    ) -> None:
        request = deletions.ask(player=player, now=NOON - 7 * DAY)
        purchase = steps.buy(player)
        other = steps.buy(PlayerFactory.create(telegram_id=7))
        assert deletions.begin(request_id=request.pk, now=NOON)
        for bought in (purchase, other):
            statement.tell(bought)
        statement.refund(charge_of(purchase), player, at=NOON + MINUTE)

        assert reconcile() == [("OUTSIDE_REFUND", True)]

        lines = StarTransaction.objects.order_by("pk")
        users = [line.partner["user"] for line in lines]
        assert (users[0], users[1]["id"], users[2]) == ({"id": -player.pk}, 7, {"id": -player.pk})
        assert Player.objects.count() == 2
        assert reconcile() == []

    def test_a_payment_and_its_refund_that_we_never_heard_of_leave_nothing(
        self, statement: Statement, player: Player
    ) -> None:
        purchase = steps.open_purchase(player)
        statement.payment("lost", player, payload=purchase.payload or "")
        statement.refund("lost", player, payload=purchase.payload or "", at=NOON + MINUTE)

        assert reconcile() == [("UNHEARD_PAYMENT", True), ("OUTSIDE_REFUND", True)]
        assert steps.again(purchase).status == "REFUNDED"
        assert steps.owned(player) == (0, 0, 0)

    def test_a_refund_of_ours_that_is_under_way_is_no_difference(
        self, statement: Statement, player: Player
    ) -> None:
        purchase = steps.buy(player)
        statement.tell(purchase)
        steps.ask_refund(purchase, now=LATER)
        statement.refund(charge_of(purchase), player, at=LATER)

        assert reconcile(now=LATER + 4 * MINUTE) == []
        # The saga is stuck: the Stars are back, so the goods go, too.
        assert reconcile(now=LATER + 5 * MINUTE) == [("OUTSIDE_REFUND", True)]
        assert steps.again(purchase).status == "REFUNDED"

    def test_what_we_hold_for_paid_and_telegram_does_not(
        self, statement: Statement, player: Player
    ) -> None:
        purchase = steps.buy(player)

        assert reconcile(now=NOON + 4 * MINUTE) == []
        assert reconcile(now=NOON + 5 * MINUTE) == [("NO_PAYMENT", False)]
        found = Difference.objects.get()
        assert (found.purchase, found.charge_id) == (purchase, purchase.charge_id)
        assert (found.player, found.details) == (player, {"stars": 5})

    def test_what_we_hold_for_refunded_and_telegram_does_not(
        self, statement: Statement, player: Player
    ) -> None:
        purchase = steps.buy(player)
        statement.tell(purchase)
        steps.refund(purchase, now=LATER)

        assert reconcile(now=LATER + 4 * MINUTE) == []
        assert reconcile(now=LATER + 5 * MINUTE) == [("NO_REFUND", False)]

    @pytest.mark.parametrize(
        ("line", "details"),
        [
            ({"stars": 7}, {"ours": 5, "telegram": 7, "nanostars": 0, "currency": "XTR"}),
            (
                {"nanostars": 500_000_000},
                {"ours": 5, "telegram": 5, "nanostars": 500_000_000, "currency": "XTR"},
            ),
        ],
    )
    def test_amounts_that_differ(
        self, statement: Statement, player: Player, line: Json, details: Json
    ) -> None:
        purchase = steps.buy(player)
        statement.tell(purchase, **line)

        assert reconcile() == [("AMOUNT", False)]
        assert Difference.objects.get().details == details

    def test_a_refund_of_less_than_was_paid_differs(
        self, statement: Statement, player: Player
    ) -> None:
        purchase = steps.buy(player)
        statement.tell(purchase)
        steps.refund(purchase)
        statement.refund(charge_of(purchase), player, stars=4)

        assert reconcile() == [("AMOUNT", False)]
        assert Difference.objects.get().details["telegram"] == -4

    def test_another_currency_than_stars_differs(
        self, statement: Statement, player: Player
    ) -> None:
        purchase = steps.pay(steps.open_purchase(player), currency="EUR")
        statement.tell(purchase)

        assert reconcile() == [("AMOUNT", False)]

    def test_paid_and_not_credited_for_half_an_hour(
        self, statement: Statement, player: Player
    ) -> None:
        statement.tell(steps.pay(steps.open_purchase(player)))

        assert reconcile(now=NOON + 30 * MINUTE - steps.SECOND) == []
        assert reconcile(now=NOON + 30 * MINUTE) == [("UNCREDITED", False)]

    def test_a_credit_in_the_ledger_without_a_purchase(
        self, statement: Statement, player: Player
    ) -> None:
        entry, _ = grants.grant(
            player=player,
            goods=Goods(paid_energy=10),
            type=EntryType.PURCHASE_CREDIT,
            source=Source.PURCHASE,
            key="credit:purchase:none",
            now=NOON,
            asset=Asset.PURCHASE,
            amount=5,
        )

        assert reconcile() == [("NO_PURCHASE", False)]
        found = Difference.objects.get()
        assert found.player == player
        assert found.details == {"entry": entry.pk, "key": "credit:purchase:none", "stars": 5}

    def test_a_wallet_that_is_not_the_sum_of_its_entries(
        self, statement: Statement, player: Player
    ) -> None:
        statement.tell(steps.buy(player))
        with behind_the_guards() as cursor:
            cursor.execute("UPDATE economy_wallet SET paid_energy = 11")

        assert reconcile() == [("WALLET", False)]
        found = Difference.objects.get()
        assert found.player == player
        assert found.details == {"paid_energy": {"wallet": 11, "entries": 10}}

    def test_what_is_no_invoice_of_ours_is_kept_and_no_difference(
        self, statement: Statement, player: Player
    ) -> None:
        statement.payment("gift", player, transaction_type="gift_purchase")
        statement.lines.append(
            {
                "id": "withdrawn",
                "amount": 1_000,
                "date": int(NOON.timestamp()),
                "receiver": {"type": "fragment"},
            }
        )

        assert reconcile() == []
        assert list(
            StarTransaction.objects.order_by("pk").values_list("transaction_id", "stars", "is_ours")
        ) == [("gift", 5, False), ("withdrawn", -1_000, False)]


AFFILIATE = {
    "affiliate_user": {"id": 99, "is_bot": False, "first_name": "Affiliate"},
    "commission_per_mille": 100,
    "amount": 9,
    "nanostar_amount": 900_000_000,
}


class TestCommission:
    """An affiliate's part never reaches the bot; the player has paid it all the same."""

    def test_what_the_player_has_paid_is_the_amount_and_the_commission(
        self, statement: Statement, player: Player
    ) -> None:
        purchase = steps.buy(player, "PREMIUM_MONTH")
        statement.tell(purchase, stars=89, nanostars=100_000_000, affiliate=AFFILIATE)

        assert reconcile() == []

        line = StarTransaction.objects.get()
        assert (line.commission_nanostars, line.gross_nanostars) == (9_900_000_000, 99_000_000_000)

    def test_a_payment_that_we_never_heard_of_is_credited(
        self, statement: Statement, player: Player
    ) -> None:
        purchase = steps.open_purchase(player, "PREMIUM_MONTH")
        statement.payment(
            "lost",
            player,
            payload=purchase.payload or "",
            stars=89,
            nanostars=100_000_000,
            affiliate=AFFILIATE,
        )

        assert reconcile() == [("UNHEARD_PAYMENT", True)]

        purchase = steps.again(purchase)
        assert (purchase.status, purchase.paid_stars) == ("CREDITED", 99)
        assert Difference.objects.get().details["commission"] == "9.9"
        assert steps.entries(player) == [("PURCHASE_CREDIT", f"credit:purchase:{purchase.pk}", 99)]

    def test_of_a_refund_the_commission_goes_back_too(
        self, statement: Statement, player: Player
    ) -> None:
        purchase = steps.buy(player, "PREMIUM_MONTH")
        steps.refund(purchase)
        statement.tell(purchase, stars=89, nanostars=100_000_000, affiliate=AFFILIATE)
        back = {**AFFILIATE, "amount": -9, "nanostar_amount": -900_000_000}
        statement.refund(
            charge_of(purchase), player, stars=89, nanostars=100_000_000, affiliate=back
        )

        assert reconcile() == []

        lines = StarTransaction.objects.order_by("pk")
        assert [line.gross_nanostars for line in lines] == [99_000_000_000, -99_000_000_000]
        assert [line.commission_nanostars for line in lines] == [9_900_000_000, -9_900_000_000]

    def test_of_less_than_a_star_the_payment_and_the_refund_are_two_lines(
        self, statement: Statement, player: Player
    ) -> None:
        part = {**AFFILIATE, "amount": 4, "nanostar_amount": 500_000_000}
        purchase = steps.buy(player)
        steps.refund(purchase)
        statement.tell(purchase, stars=0, nanostars=500_000_000, affiliate=part)
        statement.refund(
            charge_of(purchase), player, stars=0, nanostars=500_000_000, affiliate=part
        )

        assert reconcile() == []
        assert StarTransaction.objects.count() == 2

    def test_a_commission_that_does_not_make_up_for_it_is_a_difference(
        self, statement: Statement, player: Player
    ) -> None:
        purchase = steps.buy(player, "PREMIUM_MONTH")
        statement.tell(purchase, stars=88, nanostars=100_000_000, affiliate=AFFILIATE)

        assert reconcile() == [("AMOUNT", False)]
        assert Difference.objects.get().details == {
            "ours": 99,
            "telegram": 88,
            "nanostars": 100_000_000,
            "commission": "9.9",
            "currency": "XTR",
        }


class TestIsolation:
    """One line that raises is a finding, and costs the others nothing."""

    def test_a_line_that_cannot_be_credited(self, statement: Statement, player: Player) -> None:
        """It names nobody who has paid."""
        lost, other = steps.open_purchase(player), steps.open_purchase(PlayerFactory.create())
        statement.payment("broken", player, payload=lost.payload or "", user={})
        statement.payment("lost", other.player, payload=other.payload or "")

        run = reconciliation.run(is_full=True, now=LATER)

        assert [
            (row.kind, row.charge_id, row.is_healed, row.details.get("error"))
            for row in run.found.order_by("pk")
        ] == [
            ("NOT_COMPARED", "broken", False, "KeyError"),
            ("UNHEARD_PAYMENT", "lost", True, None),
        ]
        assert steps.again(other).status == "CREDITED"
        assert run.finished_at is not None
        assert ControlRun.objects.get().findings == 1

    def test_a_line_that_cannot_be_read(self, statement: Statement, player: Player) -> None:
        purchase = steps.open_purchase(player)
        statement.lines.append({"id": "no-date", "amount": 5, "source": {"type": "user"}})
        statement.payment("x" * 200, player)
        statement.payment("lost", player, payload=purchase.payload or "")

        assert reconcile() == [
            ("NOT_COMPARED", False),
            ("NOT_COMPARED", False),
            ("UNHEARD_PAYMENT", True),
        ]
        errors = Difference.objects.filter(kind="NOT_COMPARED").order_by("pk")
        assert [row.details["error"] for row in errors] == ["KeyError", "DataError"]

    def test_a_refund_that_cannot_be_carried_out(
        self, statement: Statement, player: Player
    ) -> None:
        other = steps.buy(player)
        statement.tell(other)
        # Of a charge that nobody has heard of, and it names nobody who had paid.
        statement.refund("broken", player, user={})
        statement.refund(charge_of(other), player)

        assert reconcile() == [("NOT_COMPARED", False), ("OUTSIDE_REFUND", True)]
        assert Difference.objects.get(kind="NOT_COMPARED").details["step"] == "outside_refunds"


class TestRuns:
    """How often and from where runs read."""

    def test_a_second_run_changes_nothing(self, statement: Statement, player: Player) -> None:
        purchase = steps.open_purchase(player)
        back = steps.buy(player, "MEGA_PACK_15")
        statement.payment("lost", player, payload=purchase.payload or "")
        statement.payment("strange", player)
        statement.tell(back)
        statement.refund(charge_of(back), player, stars=15)
        assert [kind for kind, _ in reconcile()] == [
            "UNHEARD_PAYMENT",
            "UNHEARD_PAYMENT",
            "OUTSIDE_REFUND",
        ]
        before = list(Purchase.objects.order_by("pk").values())

        assert reconcile(is_full=False) == []
        assert reconcile() == []

        assert list(Purchase.objects.order_by("pk").values()) == before
        assert StarTransaction.objects.count() == 4

    def test_it_reads_page_by_page_and_goes_on_where_it_stopped(
        self, statement: Statement, player: Player
    ) -> None:
        for number in range(250):
            statement.payment(f"gift-{number}", player, transaction_type="gift_purchase")

        reconcile(is_full=False)
        assert statement.offsets == [0, 100, 200]
        assert ReconciliationRun.objects.latest().position == 250
        assert StarTransaction.objects.count() == 250

        statement.offsets.clear()
        statement.payment("gift-250", player, transaction_type="gift_purchase")
        reconcile(is_full=False)
        # A hundred lines are read once more, in case that one came to stand among them.
        assert statement.offsets == [150, 250]
        assert ReconciliationRun.objects.latest().position == 251
        assert StarTransaction.objects.count() == 251

    def test_a_line_that_came_late_among_others_is_found(
        self, statement: Statement, player: Player
    ) -> None:
        for number in range(120):
            statement.payment(f"gift-{number}", player, transaction_type="gift_purchase")
        reconcile(is_full=False)
        purchase = steps.open_purchase(player)
        statement.payment("late", player, payload=purchase.payload or "")
        statement.lines.insert(60, statement.lines.pop())

        assert reconcile(is_full=False) == [("UNHEARD_PAYMENT", True)]

    def test_a_full_run_reads_from_the_beginning(
        self, statement: Statement, player: Player
    ) -> None:
        for number in range(150):
            statement.payment(f"gift-{number}", player, transaction_type="gift_purchase")
        reconcile(is_full=False)
        statement.offsets.clear()

        reconcile()

        assert statement.offsets == [0, 100]

    def test_exactly_a_full_page_is_followed_by_an_empty_one(
        self, statement: Statement, player: Player
    ) -> None:
        for number in range(100):
            statement.payment(f"gift-{number}", player, transaction_type="gift_purchase")

        reconcile()

        assert statement.offsets == [0, 100]
        assert ReconciliationRun.objects.latest().position == 100

    def test_runs_of_the_day_look_at_three_days(self, statement: Statement, player: Player) -> None:
        steps.buy(player)

        assert reconcile(is_full=False, now=NOON + timedelta(days=3)) == [("NO_PAYMENT", False)]
        assert reconcile(is_full=False, now=NOON + timedelta(days=3, seconds=1)) == []
        assert reconcile(now=NOON + timedelta(days=30)) == [("NO_PAYMENT", False)]

    def test_when_telegram_is_away_the_run_says_so_and_goes_on_later(
        self, statement: Statement, player: Player
    ) -> None:
        for number in range(150):
            statement.payment(f"gift-{number}", player, transaction_type="gift_purchase")
        reconcile(is_full=False)
        statement.is_away = True

        waits = []
        at = LATER
        for _ in range(4):
            away = reconciliation.run(is_full=False, now=at)
            assert (away.error, away.finished_at) == ("getStarTransactions: 502 Bad Gateway", None)
            assert away.due_at is not None
            waits.append(away.due_at - at)
            at = away.due_at

        assert waits == [MINUTE, 5 * MINUTE, 15 * MINUTE, 15 * MINUTE]
        statement.is_away = False
        statement.offsets.clear()
        # Its time has not come: Telegram is left alone.
        assert reconciliation.run(is_full=False, now=at - steps.SECOND).finished_at is None
        assert statement.offsets == []
        again = reconciliation.run(is_full=False, now=at)
        assert (ReconciliationRun.objects.latest(), again.error) == (again, "")
        assert again.finished_at is not None
        assert statement.offsets == [50, 150]

    def test_a_full_run_waits_when_telegram_asks_and_keeps_its_position(
        self, statement: Statement, player: Player
    ) -> None:
        for number in range(250):
            statement.payment(f"gift-{number}", player, transaction_type="gift_purchase")
        statement.too_many_at = 100

        interrupted = reconciliation.run(is_full=True, now=LATER)

        assert (interrupted.position, interrupted.finished_at) == (100, None)
        assert interrupted.due_at == LATER + timedelta(seconds=37)
        assert statement.offsets == [0, 100]
        statement.too_many_at = None
        assert reconciliation.continue_unfinished(now=LATER + timedelta(seconds=36)) == 0
        assert statement.offsets == [0, 100]
        assert reconciliation.continue_unfinished(now=LATER + timedelta(seconds=37)) == 1
        # Not from the beginning.
        assert statement.offsets == [0, 100, 100, 200]
        run = ReconciliationRun.objects.get()
        assert (run.position, run.transactions, run.error) == (250, 250, "")
        assert run.finished_at is not None

    def test_a_run_whose_worker_died_goes_on_where_it_was(
        self, statement: Statement, player: Player
    ) -> None:
        for number in range(250):
            statement.payment(f"gift-{number}", player, transaction_type="gift_purchase")
        cut_off = reconciliation.run(is_full=True, now=LATER, read_for=timedelta())
        assert (cut_off.position, cut_off.finished_at) == (100, None)
        # What a worker leaves that is killed while it reads.
        assert reconciliation._claim(is_full=True, now=LATER)[1] is True

        assert reconciliation.continue_unfinished(now=LATER + 2 * MINUTE - steps.SECOND) == 0
        assert reconciliation.continue_unfinished(now=LATER + 2 * MINUTE) == 1

        assert statement.offsets == [0, 100, 200]
        assert ReconciliationRun.objects.get().finished_at is not None

    def test_what_a_dead_worker_had_found_is_not_found_twice(
        self, statement: Statement, player: Player
    ) -> None:
        purchase = steps.buy(player)
        cut_off, _ = reconciliation._claim(is_full=True, now=LATER)
        Difference.objects.create(run=cut_off, kind="NO_PAYMENT", purchase=purchase)

        assert reconcile(now=LATER + 2 * MINUTE) == [("NO_PAYMENT", False)]

    def test_two_workers_do_not_share_a_run(self, statement: Statement, player: Player) -> None:
        reconciliation._claim(is_full=True, now=LATER)

        run = reconciliation.run(is_full=True, now=LATER + MINUTE)

        assert (run.finished_at, statement.offsets) == (None, [])

    def test_the_job_leaves_it_to_the_next_one_when_telegram_is_away(
        self, statement: Statement
    ) -> None:
        statement.is_away = True
        assert tasks.reconcile() == 0

        statement.is_away = False
        assert tasks.reconcile(is_full=True) == 0
        runs = ReconciliationRun.objects.order_by("pk").values_list("is_full", "error")
        assert list(runs) == [(False, "getStarTransactions: 502 Bad Gateway"), (True, "")]

    def test_a_run_says_what_it_has_looked_at(self, statement: Statement, player: Player) -> None:
        old, young = steps.buy(player), steps.buy(player, now=LATER - 4 * MINUTE)
        for purchase in (old, young):
            statement.tell(purchase)
        unheard = steps.open_purchase(player, "STREAK_SAVER_20")
        statement.payment("soon", player, payload=unheard.payload or "", at=LATER - MINUTE)

        run = reconciliation.run(is_full=False, now=LATER)

        assert run.compared_from == LATER - 3 * DAY
        assert run.compared_until == LATER - 5 * MINUTE
        assert (run.differences, run.compared, run.left_out) == (0, 1, 2)

    def test_the_alert_closes_with_the_next_run_of_its_kind_in_which_nothing_is_open(
        self, statement: Statement, player: Player
    ) -> None:
        purchase = steps.buy(player)
        reconcile()
        reconcile(is_full=False)
        assert unresolved() == ["full_reconciliation", "reconciliation"]
        statement.tell(purchase)

        reconcile(is_full=False)
        assert unresolved() == ["full_reconciliation"]
        reconcile()

        assert unresolved() == []

    def test_a_difference_that_is_set_right_leaves_no_open_alert_beside_one_that_is_not(
        self, statement: Statement, player: Player
    ) -> None:
        steps.buy(player)
        purchase = steps.open_purchase(player)
        statement.payment("lost", player, payload=purchase.payload or "")

        reconcile()

        assert Alert.objects.get(resolved_at=None).summary == (
            "Full reconciliation: 2 differences between Telegram's list and ours, 1 open, 1 set "
            "right by the run."
        )

    def test_the_payments_of_many_are_healed_in_one_run(self, statement: Statement) -> None:
        opened = [steps.open_purchase(PlayerFactory.create()) for _ in range(120)]
        for number, purchase in enumerate(opened):
            statement.payment(f"lost-{number}", purchase.player, payload=purchase.payload or "")

        assert reconcile() == [("UNHEARD_PAYMENT", True)] * 120
        assert Purchase.objects.filter(status="CREDITED").count() == 120
        assert reconcile() == []
