"""What Prometheus reads off /metrics, who may read it, and what reading it costs."""

import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from prometheus_client.parser import text_string_to_metric_families
from pytest_django.fixtures import Settings

from economy import controls
from payments import purchases
from payments.models import ReconciliationRun
from promos.models import Redemption
from quizarena.local import production
from quizarena.ops import metrics, money_totals, timings
from quizarena.ops.models import Heartbeat, ProductDay
from quizarena.staff import alerts
from quizarena.staff.models import Alert
from tests import fresh_settings
from tests.concurrency import run_together
from tests.factories import (
    InboxUpdateFactory,
    OutgoingCallFactory,
    PlayerFactory,
    make_campaign,
)
from tests.payments import steps
from tests.promos.steps import CODE, reserve

TOKEN = "a-token-of-the-tests-for-prometheus"
# Of all factories and steps but those of promos, whose noon is an hour later.
NOON = steps.NOON
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _anew(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Configure a token, and let the first scrape of each test be read."""
    settings.METRICS_TOKEN = TOKEN
    monkeypatch.setattr(metrics, "_last_answer", None)


def scrape(client: Client, token: str = TOKEN) -> Any:
    """Ask as Prometheus does."""
    return client.get("/metrics", headers={"authorization": f"Bearer {token}"})


def samples(now: datetime = NOON) -> Mapping[str, float]:
    """Return every sample of a scrape, by its name with its labels."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(metrics.text(now=now).decode()):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sample.labels.items())
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


class TestWhoMayRead:
    def test_without_a_configured_token_there_is_no_such_page(
        self, client: Client, settings: Settings
    ) -> None:
        settings.METRICS_TOKEN = ""

        assert scrape(client, "").status_code == 404
        assert client.get("/metrics").status_code == 404

    @pytest.mark.parametrize(
        "header", [None, "", TOKEN, "Bearer", f"Bearer {TOKEN}x", f"Basic {TOKEN}", "Bearer ü€"]
    )
    def test_without_the_token_nothing_is_read(self, client: Client, header: str | None) -> None:
        answer = client.get("/metrics", headers={} if header is None else {"authorization": header})

        assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
        assert b"quizarena_" not in answer.content

    @pytest.mark.django_db
    def test_with_the_token_it_is_the_text_format(self, client: Client) -> None:
        answer = scrape(client)

        assert answer.status_code == 200
        assert answer["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert b"# HELP quizarena_inbox_waiting " in answer.content

    def test_it_is_only_read(self, client: Client) -> None:
        assert client.post("/metrics").status_code == 405

    @pytest.mark.django_db(transaction=True)
    def test_while_the_database_is_away_it_is_503_and_not_kept(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(metrics, "STATEMENTS", {"queues": "SELECT 1 / 0"})
            assert scrape(client).status_code == 503

        assert scrape(client).status_code == 200

    @pytest.mark.django_db(transaction=True)
    def test_while_the_database_is_slow_no_thread_of_web_is_kept(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # None of them takes too long for itself.
        slow = {str(number): "SELECT pg_sleep(0.15)" for number in range(20)}
        with monkeypatch.context() as patch:
            patch.setattr(metrics, "READ_SECONDS_MAX", 0.2)
            patch.setattr(metrics, "STATEMENTS", slow)
            began = time.perf_counter()
            answers = run_together(*4 * [lambda: scrape(Client())])
            assert [answer.status_code for answer in answers] == [503] * 4
            assert time.perf_counter() - began < 2

        assert scrape(client).status_code == 200

    def test_production_refuses_a_token_that_can_be_guessed(self) -> None:
        environment = {**production.environment(), "METRICS_TOKEN": 23 * "x"}
        with pytest.raises(ImproperlyConfigured, match="METRICS_TOKEN"):
            fresh_settings.load(environment)

        environment["METRICS_TOKEN"] = 24 * "x"
        found = fresh_settings.load(environment)
        assert found["METRICS_TOKEN"] == 24 * "x"
        # Prometheus asks from inside, without TLS.
        assert any(re.match(path, "metrics") for path in found["SECURE_REDIRECT_EXEMPT"])


@pytest.mark.django_db
class TestFacts:
    def test_an_empty_house_has_every_series_that_can_be_counted(self) -> None:
        found = samples()

        assert found["quizarena_inbox_waiting"] == 0
        assert found["quizarena_outbox_waiting{lane=bulk}"] == 0
        assert found["quizarena_purchase_events_total{kind=refunded}"] == 0
        assert found["quizarena_update_processing_seconds_bucket{le=+Inf}"] == 0
        assert found["quizarena_alerts_open{kind=payment_in_review}"] == 0
        assert "quizarena_active_players{window=1d}" not in found
        assert not [name for name in found if "timestamp" in name]

    def test_queues(self) -> None:
        InboxUpdateFactory.create(due_at=NOON - 90 * SECOND)
        InboxUpdateFactory.create(
            due_at=NOON, state="WORKING", claimed_at=NOON, player_key=7, attempts=1
        )
        InboxUpdateFactory.create(dead=True)
        InboxUpdateFactory.create(done=True)
        OutgoingCallFactory.create(created_at=NOON - 7 * SECOND, due_at=NOON + MINUTE)
        OutgoingCallFactory.create(created_at=NOON, lane=1, due_at=NOON)
        OutgoingCallFactory.create(created_at=NOON - MINUTE, lane=1, due_at=NOON - MINUTE)
        OutgoingCallFactory.create_batch(2, refused=True)
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO bot_ratelimit (name, free_at, limited_at, limited_until) VALUES"
                " ('chat:1', %(now)s, %(now)s, %(later)s), ('chat:2', %(now)s, %(now)s, %(now)s),"
                " ('stop', %(later)s, NULL, NULL)",
                {"now": NOON, "later": NOON + 3 * SECOND},
            )

        found = samples()

        assert found["quizarena_inbox_waiting"] == 2
        assert found["quizarena_inbox_overdue_seconds"] == 90
        assert found["quizarena_inbox_dead"] == 1
        assert found["quizarena_outbox_waiting{lane=answer}"] == 1
        assert found["quizarena_outbox_waiting{lane=bulk}"] == 2
        assert found["quizarena_outbox_oldest_seconds{lane=answer}"] == 7
        # The one that was written down first, by its number.
        assert found["quizarena_outbox_oldest_seconds{lane=bulk}"] == 0
        assert found["quizarena_outbox_overdue_seconds"] == 60
        assert found["quizarena_outbox_failed{outcome=refused}"] == 2
        assert found["quizarena_outbox_failed{outcome=given_up}"] == 0
        assert found["quizarena_rate_limited_chats"] == 1
        assert found["quizarena_sending_stopped_seconds"] == 3

    def test_money(self) -> None:
        player = PlayerFactory.create()
        steps.pay(steps.open_purchase(player))
        purchase = steps.buy(PlayerFactory.create())
        steps.ask_refund(purchase, now=NOON + SECOND)
        make_campaign(code=CODE)
        reserve(player)
        reserved = Redemption.objects.get()
        assert reserved.reserved_until is not None

        found = samples(NOON + MINUTE)

        assert found["quizarena_payments_uncredited{queue=recovery}"] == 1
        assert found["quizarena_payments_uncredited{queue=review}"] == 0
        assert found["quizarena_payments_uncredited_oldest_seconds"] == 60
        assert found["quizarena_refunds_unfinished"] == 1
        assert found["quizarena_refunds_failing"] == 0
        assert found["quizarena_refunds_oldest_seconds"] == 59
        assert found["quizarena_reservations_open"] == 1
        last = reserved.reserved_until + 5 * MINUTE
        assert samples(last)["quizarena_reservations_stale"] == 0
        assert samples(last + SECOND)["quizarena_reservations_stale"] == 1

    def test_alerts_are_counted_by_the_kinds_of_the_code_alone(self) -> None:
        for key in ("1", "2"):
            alerts.raise_alert(kind=purchases.IN_REVIEW, key=key, summary="?", details={}, now=NOON)
        alerts.resolve(kind=purchases.IN_REVIEW, key="2", now=NOON)
        Alert.objects.create(kind="of-no-app", key="1", first_at=NOON, last_at=NOON)

        found = samples()

        assert found["quizarena_alerts_open{kind=payment_in_review}"] == 1
        assert {name for name in found if name.startswith("quizarena_alerts_open")} == {
            f"quizarena_alerts_open{{kind={kind}}}" for kind in alerts.kinds
        }

    def test_controls_say_when_they_were_clean_and_what_the_last_run_has_found(self) -> None:
        with controls.running(controls.LEDGER, now=NOON):
            pass
        with controls.running(controls.LEDGER, now=NOON + MINUTE) as run:
            controls.add_finding(run, summary="Wrong.", subject=None, details={})
        with controls.running(controls.CAMPAIGN_COUNTERS, now=NOON + MINUTE) as run:
            run.findings = 2
        ReconciliationRun.objects.create(
            is_full=True, started_at=NOON, finished_at=NOON + MINUTE, differences=3
        )
        ReconciliationRun.objects.create(is_full=True, started_at=NOON, due_at=NOON)
        Heartbeat.objects.create(name="sender", seen_at=NOON)
        Heartbeat.objects.create(name="worker", seen_at=NOON)  # No process of today's.

        found = samples()

        noon = NOON.timestamp()
        clean = "quizarena_control_clean_timestamp_seconds"
        assert found[f"{clean}{{control=ledger}}"] == noon
        # Never clean: not since its first run.
        assert found[f"{clean}{{control=campaign_counters}}"] == noon + 60
        assert f"{clean}{{control=reconciliation}}" not in found
        assert found["quizarena_control_findings{control=ledger}"] == 1
        assert found["quizarena_control_clean_within_seconds{control=reconciliation}"] == 3600
        finished = "quizarena_reconciliation_finished_timestamp_seconds"
        assert found[f"{finished}{{kind=full}}"] == noon + 60
        assert found["quizarena_reconciliation_differences{kind=full}"] == 3
        assert found["quizarena_process_seen_timestamp_seconds{process=sender}"] == noon
        assert "quizarena_process_seen_timestamp_seconds{process=worker}" not in found

    def test_the_product_is_as_its_last_day_was_recorded(self) -> None:
        today = NOON.date()
        ProductDay.objects.create(**a_day(today))
        ProductDay.objects.create(**a_day(today - DAY, active=8, purchases=3, payers=2))
        for back in range(2, 63):
            # Whoever started longer ago than 30 such days does not count any more.
            cohort = {"retained_30": 5 if back > 31 + 30 else 1, "cohort_payers": 1}
            known = {**cohort, "cohort_net_stars": 40} if back > 31 else {}
            ProductDay.objects.create(**a_day(today - back * DAY, retained_1=4, **known))

        found = samples()

        end = datetime(2026, 11, 21, 23, tzinfo=UTC)
        assert found["quizarena_product_day_end_timestamp_seconds"] == end.timestamp()
        assert found["quizarena_active_players{window=1d}"] == 8
        assert found["quizarena_active_players{window=7d}"] == 20
        assert found["quizarena_active_players{window=30d}"] == 40
        assert found["quizarena_new_players"] == 10
        assert found["quizarena_day_purchases"] == 3
        assert found["quizarena_day_net_stars"] == 90
        assert found["quizarena_conversion_ratio"] == 0.1
        assert found["quizarena_arpu_stars"] == 5
        assert found["quizarena_retention_ratio{day=1}"] == 0.4
        assert "quizarena_retention_ratio{day=7}" not in found
        assert found["quizarena_retention_ratio{day=30}"] == 0.1
        assert found["quizarena_ltv_30d_stars"] == 4


def a_day(day: Any, **fields: Any) -> dict[str, Any]:
    """Return the columns of a recorded day."""
    counted = {"active": 5, "active_7": 20, "active_30": 40, "purchases": 1, "payers": 1}
    stars = {"stars": 100, "refunded_stars": 10, "payers_30": 4, "net_stars_30": 200}
    return {"day": day, "counted_at": NOON, "new_players": 10, **counted, **stars, **fields}


# The indexes through which each statement may go; nothing else of these tables is read.
INDEXES = {
    "queues": {
        "bot_ratelimit_pkey",
        "broadcast_alive",
        "inbox_dead",
        "inbox_waiting",
        "inbox_waiting_of_player",
        "outbox_failed",
        "outbox_pending",
        "outbox_waiting",
        "ratelimit_recently_limited",
    },
    # Of tables without rows either of two may look cheaper; both begin with what is open.
    "money": {
        "alertdelivery_due",
        "alertdelivery_failed",
        "approval_one_open_per_subject",
        "approval_waiting",
        "purchase_stuck",
        "redemption_by_status",
        "refund_due",
    },
    "alerts": {"alert_one_open_per_key", "alert_open_first"},
    "controls": {"controlrun_latest"},
    "reconciliations": {"payments_reconciliationrun_pkey"},
    "heartbeats": {"ops_heartbeat_pkey"},
    "payments_purchaseevent": {"payments_purchaseevent_pkey", "payments_purchase_pkey"},
    "promos_attempt": {"promos_attempt_pkey"},
}


@pytest.mark.django_db
class TestCost:
    @pytest.mark.parametrize("name", INDEXES)
    def test_no_statement_reads_a_table_that_grows(self, name: str) -> None:
        sql = {**metrics.STATEMENTS, **money_totals.STATEMENTS}[name]
        given: dict[str, Any] = {
            "now": NOON, "limited_after": NOON, "stale_before": NOON, "until": NOON,
            "position": 0, "controls": ["ledger"], "processes": ["beat"],
        }  # fmt: skip
        used = {key: value for key, value in given.items() if f"%({key})s" in sql}

        with connection.cursor() as cursor:
            # The tables are empty: what has an index is to go through it.
            cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
            cursor.execute(f"EXPLAIN {sql}", used)
            plan = "\n".join(line for (line,) in cursor.fetchall())

        assert "Seq Scan" not in plan
        found = {*re.findall(r"Index(?: Only)? Scan(?: Backward)? using (\w+)", plan)}
        assert found
        # Of a primary key that is a text there are two.
        assert {re.sub("_name_[0-9a-f]+_like$", "_pkey", one) for one in found} <= INDEXES[name]

    def test_a_scrape_is_twelve_statements_whatever_there_is(self, client: Client) -> None:
        InboxUpdateFactory.create_batch(3)
        steps.buy(PlayerFactory.create())

        with CaptureQueriesContext(connection) as queries:
            scrape(client)

        # The savepoint and its end, the time limit, seven statements, days and totals.
        assert len(queries) == 12

    def test_a_second_scraper_costs_nothing_for_five_seconds(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = scrape(client).content
        InboxUpdateFactory.create()

        with CaptureQueriesContext(connection) as queries:
            assert scrape(client).content == first
        assert len(queries) == 0
        monkeypatch.setattr(metrics, "_last_answer", (time.perf_counter() - 5.1, first))
        assert b"quizarena_inbox_waiting 1.0" in scrape(client).content

    def test_it_counts_up_to_ten_thousand(self) -> None:
        for sql in metrics.STATEMENTS.values():
            counts = sql.count("count(*) FROM (SELECT FROM")
            assert sql.count("LIMIT 10000) AS capped") == counts
        assert metrics.STATEMENTS["money"].count("LIMIT 10000\n") == 3

    def test_there_are_few_series_and_no_label_is_of_anybody(self) -> None:
        steps.buy(PlayerFactory.create(first_name="Walburga"))
        with controls.running(controls.LEDGER, now=NOON):
            pass
        text = metrics.text(now=NOON).decode()

        values = {
            (label, value)
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            for label, value in sample.labels.items()
        }
        assert len(samples()) < 300
        assert {label for label, _ in values} == {
            "control", "kind", "lane", "le", "outcome", "queue", "result", "state", "status",
        }  # fmt: skip
        assert all(re.fullmatch(r"[a-z0-9_.+-]{1,32}|\+Inf", value) for _, value in values)
        assert "Walburga" not in text

    def test_names_and_help_are_as_prometheus_wants_them(self) -> None:
        for family in text_string_to_metric_families(metrics.text(now=NOON).decode()):
            assert family.name.startswith("quizarena_")
            assert family.documentation.endswith(".")
            if family.type == "histogram":
                assert family.name.endswith("_seconds")
        for one in (*timings.COUNTERS, *money_totals.FAMILIES):
            assert one.name.endswith("_total")
