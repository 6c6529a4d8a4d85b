"""The economy at the desk: read, adjusted within limits, verified."""

import html
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from economy import adjustments, entitlements, grants, verification, wallets
from economy.goods import Goods, Plan
from economy.models import Asset, EntryType, LedgerEntry, Source, VerificationRun, Wallet
from quizarena.players.models import Player
from quizarena.staff.models import AuditEntry
from tests.factories import PlayerFactory, make_staff
from tests.owner import as_owner, behind_the_guards

pytestmark = pytest.mark.django_db

LEDGER = "/admin/economy/ledgerentry/"
WALLETS = "/admin/economy/wallet/"
RUNS = "/admin/economy/verificationrun/"
DECISION = "5b0ee2a4-9f0e-4c0e-9f5e-2f6d6b1f1a10"


@pytest.fixture
def support(client: Client) -> Client:
    """Return a browser in which support is logged in."""
    client.force_login(make_staff("Support"))
    return client


def staff() -> User:
    """Return the member of staff who is logged in."""
    return User.objects.get(username="support")


def give(
    player: Player,
    goods: Goods,
    *,
    key: str,
    type: EntryType = EntryType.PROMO_GRANT,  # noqa: A002
) -> LedgerEntry:
    """Grant goods now."""
    entry, _ = grants.grant(
        player=player, goods=goods, type=type, source=Source.PROMO, key=key, now=timezone.now()
    )
    return entry


def read(client: Client, address: str, query: dict[str, Any] | None = None) -> str:
    """Return what a page says, tags aside."""
    answer = client.get(address, query)
    assert answer.status_code == 200
    return text(answer.content)


def text(content: bytes) -> str:
    """Return the words of a page."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", content.decode())).split())


def keys(page: str) -> set[str]:
    """Return the idempotency keys on a page."""
    return set(re.findall(r"\bkey:\w+", page))


class TestLedger:
    def test_it_shows_what_moved_and_why(self, support: Client) -> None:
        player = PlayerFactory.create(username="anna")
        give(player, Goods(paid_energy=7, premium=Plan.MONTH, premium_days=30), key="key:a")

        page = read(support, LEDGER)

        assert "@anna promo +7 paid energy, +30 days of Premium Month promo key:a" in page

    def test_what_regenerated_stands_apart(self, support: Client) -> None:
        player = PlayerFactory.create()
        # Far from midnight, which tops up.
        noon = datetime(2026, 7, 1, 12, tzinfo=UTC)
        for number, minutes in enumerate((0, 0, 65)):
            wallets.charge_question(
                player=player, key=f"q{number}", now=noon + timedelta(minutes=minutes)
            )

        assert "−1 free energy (+2 regenerated)" in read(support, LEDGER)

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ({"q": "700000001"}, {"key:anna"}),
            ({"q": "anna"}, {"key:anna"}),
            ({"q": "@ANNA"}, {"key:anna"}),
            ({"q": "key:ol"}, {"key:olena"}),
            ({"q": "nobody"}, set()),
            ({"type__exact": "PRIZE"}, {"key:olena"}),
            ({"shortfall": "yes"}, set()),
            ({}, {"key:anna", "key:olena"}),
        ],
    )
    def test_entries_are_found(
        self, support: Client, query: dict[str, str], expected: set[str]
    ) -> None:
        anna = PlayerFactory.create(telegram_id=700000001, username="anna_b")
        olena = PlayerFactory.create(telegram_id=700000002, username="olena", first_name="Olena")
        give(anna, Goods(paid_energy=7), key="key:anna")
        give(olena, Goods(paid_energy=7), key="key:olena", type=EntryType.PRIZE)

        assert keys(read(support, LEDGER, query)) == expected

    def test_finance_finds_what_was_missing(self, support: Client) -> None:
        player = PlayerFactory.create()
        granted = give(player, Goods(paid_energy=2), key="key:granted")
        now = timezone.now()
        for number in range(21):
            wallets.charge_question(player=player, key=f"q{number}", now=now)
        reversal = grants.reverse(
            entry=granted, type=EntryType.TAKEN_BACK, source=Source.PROMO, key="key:back", now=now
        )

        assert keys(read(support, LEDGER, {"shortfall": "yes"})) == {"key:back"}
        page = read(support, f"{LEDGER}{reversal.entry.pk}/change/")
        assert "Could not be reversed (already spent) Paid energy: 1" in page

    @pytest.mark.parametrize(
        ("query", "index"),
        [
            ({"type__exact": "PRIZE"}, "entry_by_type"),
            ({"q": "credit:purchase:1"}, "entry_key_prefix"),
            ({"shortfall": "yes"}, "entry_shortfall"),
        ],
    )
    def test_filter_and_search_use_their_index(
        self, support: Client, query: dict[str, str], index: str
    ) -> None:
        with CaptureQueriesContext(connection) as queries:
            support.get(LEDGER, query)
        rows = next(
            query["sql"]
            for query in queries
            if 'FROM "economy_ledgerentry"' in query["sql"] and "LIMIT" in query["sql"]
        )
        with as_owner() as cursor:
            # Of several that would do, few rows do not tell PostgreSQL which is best.
            for other in {"entry_by_type", "entry_key_prefix", "entry_shortfall"} - {index}:
                cursor.execute(f"DROP INDEX {other}")
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_sort = off")
            cursor.execute("SET LOCAL enable_indexscan = off")
            # Without the tables beside it, of which there is little to plan by in a test.
            conditions = rows.partition(" ORDER BY")[0].partition(" WHERE")[2].replace("%", "%%")
            explained = f"EXPLAIN SELECT 1 FROM economy_ledgerentry WHERE {conditions}"  # noqa: S608
            cursor.execute(explained, [])
            plan = "\n".join(line for (line,) in cursor.fetchall())
        assert index in plan

    def test_nobody_changes_an_entry_not_even_a_superuser(self, admin_client: Client) -> None:
        entry = give(PlayerFactory.create(), Goods(paid_energy=7), key="key:a")

        answers = [
            admin_client.post(f"{LEDGER}{entry.pk}/change/", {"amount": "9"}),
            admin_client.post(f"{LEDGER}{entry.pk}/delete/", {"post": "yes"}),
            admin_client.post(f"{LEDGER}add/", {"amount": "9"}),
        ]

        assert [answer.status_code for answer in answers] == [403, 403, 403]
        assert LedgerEntry.objects.get(pk=entry.pk).amount == 7


class TestStatement:
    def test_it_shows_the_running_balances(self, support: Client) -> None:
        player = PlayerFactory.create(username="anna")
        give(player, Goods(paid_energy=7), key="key:a")
        give(player, Goods(paid_energy=5, duel_tickets=2), key="key:b")

        page = read(support, f"{WALLETS}{player.pk}/change/")

        assert "+5 paid energy, +2 duel tickets 0 12 0 2" in page
        assert "+7 paid energy 0 7 0 0" in page

    def test_it_continues_where_the_page_ended(self, support: Client) -> None:
        player = PlayerFactory.create()
        for number in range(1, 61):
            give(player, Goods(paid_energy=number), key=f"key:{number}")
        address = f"{WALLETS}{player.pk}/change/"

        first = support.get(address, {"type": "PROMO_GRANT"}).content.decode()
        older = re.search(r'href="(\?[^"]*after=\d+[^"]*)"', first)
        assert older is not None
        second = read(support, address + html.unescape(older[1]))

        assert "+11 paid energy" in first
        assert "+10 paid energy" not in first
        assert "+10 paid energy" in second
        assert "+11 paid energy" not in second
        assert "type=PROMO_GRANT" in older[1]

    def test_it_is_filtered_by_type(self, support: Client) -> None:
        player = PlayerFactory.create()
        give(player, Goods(paid_energy=7), key="key:a")
        give(player, Goods(paid_energy=5), key="key:b", type=EntryType.PRIZE)

        page = read(support, f"{WALLETS}{player.pk}/change/", {"type": "PRIZE"})

        assert "+5 paid energy" in page
        assert "+7 paid energy" not in page

    def test_it_shows_the_balances_as_of_an_instant_in_berlin(self, support: Client) -> None:
        player = PlayerFactory.create()
        for hour, units in ((10, 7), (12, 5)):
            grants.grant(
                player=player,
                goods=Goods(paid_energy=units),
                type=EntryType.PROMO_GRANT,
                source=Source.PROMO,
                key=f"key:{hour}",
                now=datetime.fromisoformat(f"2026-07-01T{hour}:00:00+02:00"),
            )

        page = read(support, f"{WALLETS}{player.pk}/change/", {"as_of": "2026-07-01T11:59:59"})

        assert "As of 1 Jul 2026, 11:59:59" in page
        assert "Paid energy 7 Streak savers 0" in page
        assert "+7 paid energy" in page
        assert "+5 paid energy" not in page

    @pytest.mark.parametrize("query", ["as_of=yesterday", "type=NONSENSE", "after=x", "after=99"])
    def test_nonsense_in_the_address_shows_the_whole_statement(
        self, support: Client, query: str
    ) -> None:
        player = PlayerFactory.create()
        give(player, Goods(paid_energy=7), key="key:a")

        assert "+7 paid energy" in read(support, f"{WALLETS}{player.pk}/change/?{query}")

    def test_the_timeline_shows_how_entitlements_lie(self, support: Client) -> None:
        player = PlayerFactory.create()
        give(player, Goods(premium=Plan.SEASON, premium_days=10), key="key:season")
        give(player, Goods(premium=Plan.MONTH, premium_days=30), key="key:month")
        give(player, Goods(mode_codes=("WORD_ORDER",), mode_hours=24), key="key:mode")

        page = support.get(f"{WALLETS}{player.pk}/change/").content.decode()

        bars = re.findall(
            r'class="economy-bar economy-(\w+)".*?left: ([\d.]+)%; width: ([\d.]+)%">(\w*)<', page
        )
        assert [(status, label, round(float(width))) for status, _, width, label in bars] == [
            ("active", "Season", 25),
            ("scheduled", "Month", 75),
            ("active", "", 2),
        ]
        assert "WORD_ORDER" in page


class TestAdjusting:
    def address(self, player: Player) -> str:
        """Return the page on which the player's wallet is adjusted."""
        return f"{WALLETS}{player.pk}/adjust/"

    def asked(self, **changes: str) -> dict[str, str]:
        """Return a filled-in form."""
        return {
            "asset": "PAID_ENERGY",
            "amount": "10",
            "reason": "The round hung.",
            "decision": DECISION,
            **changes,
        }

    def test_a_preview_shows_before_and_after_and_writes_nothing(self, support: Client) -> None:
        player = PlayerFactory.create()
        give(player, Goods(paid_energy=7), key="key:a")

        answer = support.post(self.address(player), {**self.asked(), "preview": "1"})

        page = text(answer.content)
        assert "Paid energy 7 17" in page
        assert "Remaining of your limit today 50 40" in page
        assert "Confirm" in page
        assert LedgerEntry.objects.count() == 1

    def test_what_is_confirmed_is_an_entry_and_audited(self, support: Client) -> None:
        player = PlayerFactory.create(username="anna")

        answer = support.post(self.address(player), {**self.asked(), "confirm": "1"}, follow=True)

        assert answer.redirect_chain == [(f"{WALLETS}{player.pk}/change/", 302)]
        assert "+10 paid energy." in text(answer.content)
        entry = LedgerEntry.objects.get(type="STAFF_ADJUSTMENT")
        assert (entry.paid_energy, entry.reason, entry.staff) == (10, "The round hung.", staff())
        audited = AuditEntry.objects.get(action="wallet.adjusted")
        assert (audited.actor, audited.object_type, audited.object_id) == (
            staff(),
            "players.player",
            str(player.pk),
        )
        assert audited.summary == "@anna: +10 paid energy. The round hung."
        assert audited.details == {
            "entry": entry.pk,
            "moved": "+10 paid energy",
            "reason": "The round hung.",
        }

    def test_confirming_twice_is_one_adjustment(self, support: Client) -> None:
        player = PlayerFactory.create()
        asked = {**self.asked(), "confirm": "1"}
        support.post(self.address(player), asked)

        again = support.post(self.address(player), asked, follow=True)

        assert "This was done before: +10 paid energy." in text(again.content)
        assert Wallet.objects.get(player=player).paid_energy == 10
        assert AuditEntry.objects.filter(action="wallet.adjusted").count() == 1

    @pytest.mark.parametrize("step", ["preview", "confirm"])
    @pytest.mark.parametrize(
        ("change", "sentence"),
        [
            ({"amount": "51"}, "Refused: 51 units asked for, 50 of 50 left today."),
            ({"amount": "-1"}, "Refused: needs 1 paid_energy, owns 0."),
            (
                {"asset": "FREE_ENERGY", "amount": "1"},
                "Refused: owns 20 of at most 20 free energy.",
            ),
            ({"amount": "0"}, "Refused: An amount is 1 to 1,000,000, up or down, not 0.."),
            ({"amount": "many"}, "Enter a whole number."),
            ({"reason": " "}, "This field is required."),
            ({"asset": "PURCHASE"}, "PURCHASE is not one of the available choices."),
        ],
    )
    def test_a_refusal_says_why_and_writes_nothing(
        self, support: Client, step: str, change: dict[str, str], sentence: str
    ) -> None:
        player = PlayerFactory.create()

        answer = support.post(self.address(player), {**self.asked(**change), step: "1"})

        assert answer.status_code == 200
        assert sentence.removesuffix(".") in text(answer.content)
        assert not LedgerEntry.objects.exists()
        assert not AuditEntry.objects.filter(action="wallet.adjusted").exists()

    def test_what_was_previewed_can_be_changed(self, support: Client) -> None:
        player = PlayerFactory.create()

        answer = support.post(self.address(player), {**self.asked(), "edit": "1"})

        assert "Preview" in text(answer.content)
        assert 'value="10"' in answer.content.decode()
        assert "The round hung." in answer.content.decode()
        assert not LedgerEntry.objects.exists()


class TestPremium:
    def asked(self, **changes: str) -> dict[str, str]:
        """Return a filled-in form."""
        return {
            "plan": "MONTH",
            "days": "7",
            "reason": "The bot was down.",
            "decision": DECISION,
            **changes,
        }

    def test_it_is_previewed_granted_and_audited(self, support: Client) -> None:
        player = PlayerFactory.create()
        address = f"{WALLETS}{player.pk}/premium/"

        preview = text(support.post(address, {**self.asked(), "preview": "1"}).content)
        until = timezone.localtime(timezone.now() + timedelta(days=7))
        support.post(address, {**self.asked(), "confirm": "1"})

        assert f"Premium until – {until:%-d %b %Y}" in preview
        assert "Days remaining of your limit today 30 23" in preview
        end = entitlements.premium_until(player=player, now=timezone.now())
        assert end is not None
        assert timedelta(days=6, hours=23) < end - timezone.now() <= timedelta(days=7)
        assert AuditEntry.objects.get(action="wallet.premium_granted").details["moved"] == (
            "+7 days of Premium Month"
        )

    def test_more_days_than_the_limit_are_refused(self, support: Client) -> None:
        player = PlayerFactory.create()

        answer = support.post(
            f"{WALLETS}{player.pk}/premium/", {**self.asked(days="31"), "preview": "1"}
        )

        assert "Refused: 31 days of Premium asked for, 30 of 30 left today." in text(answer.content)

    def test_a_grant_of_staff_is_revoked_and_audited(self, support: Client) -> None:
        player = PlayerFactory.create()
        entry, _ = adjustments.grant_premium(
            player=player,
            plan=Plan.MONTH,
            days=30,
            reason="The bot was down.",
            staff=staff(),
            now=timezone.now() - timedelta(days=10),
            key="key:a",
        )
        address = f"{LEDGER}{entry.pk}/revoke/"
        asked = {"reason": "By mistake.", "decision": DECISION}

        assert address in support.get(f"{LEDGER}{entry.pk}/change/").content.decode()
        preview = text(support.post(address, {**asked, "preview": "1"}).content)
        support.post(address, {**asked, "confirm": "1"})
        again = support.post(address, {**asked, "confirm": "1"}, follow=True)

        assert "What Before After Premium days 20 left, 10 used 20 will be revoked" in preview
        assert entitlements.premium_until(player=player, now=timezone.now()) is None
        reversal = LedgerEntry.objects.get(reverses=entry)
        assert (reversal.staff, reversal.reason) == (staff(), "By mistake.")
        assert AuditEntry.objects.filter(action="wallet.premium_revoked").count() == 1
        assert "This was done before" in text(again.content)
        shown = text(support.post(address, {**asked, "preview": "1"}).content)
        assert "Refused: The grant is revoked already." in shown
        assert address not in support.get(f"{LEDGER}{entry.pk}/change/").content.decode()

    def test_what_was_bought_has_no_such_page(self, support: Client) -> None:
        entry, _ = grants.grant(
            player=PlayerFactory.create(),
            goods=Goods(premium=Plan.MONTH, premium_days=30),
            type=EntryType.PURCHASE_CREDIT,
            source=Source.PURCHASE,
            asset=Asset.PURCHASE,
            amount=99,
            key="credit:purchase:1",
            now=timezone.now(),
        )

        assert support.get(f"{LEDGER}{entry.pk}/revoke/").status_code == 404


class TestRoles:
    @pytest.mark.parametrize(
        ("role", "expected"),
        [
            ("Support", (200, 200, 200, 200, 200, 403)),
            ("Finance", (200, 200, 200, 200, 200, 200)),
            ("Administrator", (200, 200, 200, 200, 200, 200)),
            ("Operator", (200, 200, 403, 403, 403, 200)),
            ("Editor", (403, 403, 403, 403, 403, 403)),
        ],
    )
    def test_each_sees_and_does_what_is_theirs(
        self, client: Client, role: str, expected: tuple[int, ...]
    ) -> None:
        user = make_staff(role)
        player = PlayerFactory.create()
        entry, _ = adjustments.grant_premium(
            player=player,
            plan=Plan.MONTH,
            days=1,
            reason="A test.",
            staff=make_staff("Finance", username="other"),
            now=timezone.now(),
            key="key:a",
        )
        client.force_login(user)

        pages = (
            f"{WALLETS}{player.pk}/change/",
            f"{LEDGER}days/",
            f"{WALLETS}{player.pk}/adjust/",
            f"{WALLETS}{player.pk}/premium/",
            f"{LEDGER}{entry.pk}/revoke/",
            RUNS,
        )

        assert tuple(client.get(page).status_code for page in pages) == expected

    def test_the_sidebar_marks_the_one_page_where_we_are(self, support: Client) -> None:
        page = support.get(f"{LEDGER}days/").content.decode()

        links = re.findall(r'<a href="(/admin/economy/[^"]+)" class="([^"]*)"', page)
        active = {link for link, classes in links if " active" in f" {classes}"}
        assert active == {"/admin/economy/ledgerentry/days/"}


class TestPlayerPage:
    def test_it_shows_the_wallet_and_the_latest_entries(self, support: Client) -> None:
        player = PlayerFactory.create()
        give(player, Goods(paid_energy=7), key="key:a")

        answer = support.get(f"/admin/players/player/{player.pk}/change/")

        page = text(answer.content)
        assert "Energy 20 of 20 free, 7 paid" in page
        assert "Premium –" in page
        assert "+7 paid energy" in page
        assert f"{WALLETS}{player.pk}/adjust/" in answer.content.decode()
        assert f"{WALLETS}{player.pk}/premium/" in answer.content.decode()

    def test_a_newcomer_without_a_wallet_has_one_to_come(self, support: Client) -> None:
        player = PlayerFactory.create()

        page = read(support, f"/admin/players/player/{player.pk}/change/")

        assert "Energy 20 of 20 free, 0 paid" in page

    def test_who_may_only_look_is_offered_nothing_to_do(self, client: Client) -> None:
        client.force_login(make_staff("Operator"))
        player = PlayerFactory.create()
        give(player, Goods(paid_energy=7), key="key:a")

        page = client.get(f"/admin/players/player/{player.pk}/change/").content.decode()

        assert "20 of 20 free, 7 paid" in page
        assert "/adjust/" not in page
        assert "/premium/" not in page


class TestDays:
    def test_sources_sinks_and_supply_of_the_last_days_are_shown(self, support: Client) -> None:
        player = PlayerFactory.create()
        give(player, Goods(paid_energy=7), key="key:a")
        wallets.charge_question(player=player, key="q", now=timezone.now())

        page = read(support, f"{LEDGER}days/")

        assert "Free energy 19 Paid energy 7 Streak savers 0 Duel tickets 0" in page
        assert "welcome energy 20 0 +20 question played 0 1 −1 Total 20 1 +19" in page
        assert "promo 7 0 +7 Total 7 0 +7" in page
        assert "Nothing moved." in page

    @pytest.mark.parametrize(
        ("query", "sentence"),
        [
            ({"first_day": "2026-11-22", "last_day": "2026-11-21"}, "is after"),
            ({"first_day": "2020-01-01", "last_day": "2026-11-21"}, "At most 366 days"),
            ({"first_day": "soon", "last_day": "2026-11-21"}, "Enter a valid date."),
        ],
    )
    def test_days_that_make_no_sense_are_refused(
        self, support: Client, query: dict[str, str], sentence: str
    ) -> None:
        assert sentence in read(support, f"{LEDGER}days/", query)


class TestVerifications:
    def test_findings_are_shown_row_by_row(self, client: Client) -> None:
        client.force_login(make_staff("Finance"))
        player = PlayerFactory.create(username="anna")
        give(player, Goods(paid_energy=7), key="key:a")
        verification.verify_nightly(now=timezone.now())
        with behind_the_guards() as cursor:
            cursor.execute("UPDATE economy_wallet SET paid_energy = 1007")
        forged = verification.verify_nightly(now=timezone.now())
        VerificationRun.objects.create(started_at=timezone.now())

        runs = read(client, RUNS)
        page = read(client, f"{RUNS}{forged.pk}/change/")

        assert re.search("not finished .* 1 difference .* verified", runs)
        assert "@anna paid energy 1,007 7 –" in page


@pytest.mark.parametrize("address", [LEDGER, WALLETS, RUNS])
def test_a_list_never_counts_and_costs_the_same_for_more_rows(client: Client, address: str) -> None:
    client.force_login(make_staff("Administrator"))
    client.get(address)

    def statements() -> list[str]:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(address).status_code == 200
        return [query["sql"] for query in queries]

    give(PlayerFactory.create(), Goods(paid_energy=7), key="key:a")
    verification.verify_nightly(now=timezone.now())
    few = statements()
    for _ in range(5):
        give(PlayerFactory.create(), Goods(paid_energy=7), key="key:a")
        verification.verify_nightly(now=timezone.now())

    many = statements()
    assert len(many) == len(few)
    assert [sql for sql in many if "COUNT(" in sql.upper()] == []
