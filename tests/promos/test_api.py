"""Promos through the API."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
import time_machine
from django.http import HttpResponse
from django.utils import timezone

from economy.models import LedgerEntry, Wallet
from promos import batches, campaigns, redemptions, reservations
from promos.api import problems
from promos.api import redemptions as api_redemptions
from promos.errors import Refusal
from promos.models import Attempt, Campaign, Channel, DenylistEntry, Redemption
from quizarena.api.models import IdempotencyRecord
from quizarena.players import services as players
from quizarena.players.models import Player
from quizarena.staff.models import AuditEntry
from tests.api.callers import Caller, body_of, make_client, problem
from tests.concurrency import meet_after, run_together
from tests.factories import NOON, PlayerFactory, make_campaign

CODE = "HALLO2026"


@pytest.fixture
def caller(db: None) -> Caller:
    """Return a client that may do everything."""
    return Caller()


@pytest.fixture
def anna(db: None) -> Player:
    """Return a player who has started the bot."""
    return PlayerFactory.create()


def entered(player: Player, code: str = CODE) -> dict[str, Any]:
    """Return what is posted for a player who has entered a code."""
    return {"player": player.telegram_id, "code": code}


def energy(**fields: Any) -> Campaign:
    """Return a campaign that gives ten points of energy to whoever enters the code."""
    return make_campaign(**{"kind": "ENERGY_GRANT", "value": 10, "code": CODE, **fields})


def owned(player: Player) -> int:
    """Return the player's paid energy."""
    return sum(Wallet.objects.filter(player=player).values_list("paid_energy", flat=True))


class TestRedeeming:
    def test_goods_arrive_at_once(self, caller: Caller, anna: Player) -> None:
        campaign = energy(name="Advent")

        answer = caller.post("promos/redeem/", entered(anna, " hallo-2026 "))

        body = body_of(answer)
        created_at = datetime.fromisoformat(body.pop("created_at"))
        assert answer.status_code == 201
        assert body == {
            "id": Redemption.objects.get().pk,
            "player": anna.telegram_id,
            "status": "APPLIED",
            "kind": "ENERGY_GRANT",
            "value": 10,
            "scope": "ANY",
            "product": "",
            "reserved_until": None,
            "campaign": {"id": campaign.pk, "name": "Advent"},
        }
        assert abs(created_at - timezone.now()) < timedelta(minutes=1)
        assert owned(anna) == 10
        assert Attempt.objects.get().channel == "API"

    def test_a_discount_is_held_for_fifteen_minutes(self, caller: Caller, anna: Player) -> None:
        make_campaign(code=CODE, scope="PRODUCT", product_code="PREMIUM_MONTH")
        now = NOON + timedelta(hours=1)

        with time_machine.travel(now, tick=False):
            body = body_of(caller.post("promos/redeem/", entered(anna)))

        assert (body["status"], body["value"]) == ("RESERVED", 20)
        assert (body["scope"], body["product"]) == ("PRODUCT", "PREMIUM_MONTH")
        assert datetime.fromisoformat(body["reserved_until"]) == now + timedelta(minutes=15)

    def test_the_same_request_again_gives_nothing_twice(self, caller: Caller, anna: Player) -> None:
        energy()

        first = caller.post("promos/redeem/", entered(anna), key="k1")
        again = caller.post("promos/redeem/", entered(anna), key="k1")

        assert (again.status_code, again.content) == (201, first.content)
        assert again.headers["Idempotency-Replayed"] == "true"
        assert owned(anna) == 10
        assert Attempt.objects.count() == 1

    def test_it_is_still_the_same_when_the_answer_is_no_longer_kept(
        self, caller: Caller, anna: Player
    ) -> None:
        energy()
        first = caller.post("promos/redeem/", entered(anna), key="k1")
        IdempotencyRecord.objects.all().delete()

        again = caller.post("promos/redeem/", entered(anna), key="k1")

        assert (again.status_code, again.content) == (201, first.content)
        assert Attempt.objects.count() == 1

    @pytest.mark.parametrize("is_locked_for_payment", [True, False])
    def test_a_key_has_one_code(
        self, caller: Caller, anna: Player, is_locked_for_payment: bool
    ) -> None:
        energy()
        make_campaign(code="ZWEITER2026")
        caller.post("promos/redeem/", entered(anna), key="k1")
        if not is_locked_for_payment:
            IdempotencyRecord.objects.all().delete()

        answer = caller.post("promos/redeem/", entered(anna, "ZWEITER2026"), key="k1")

        assert (answer.status_code, problem(answer)["code"]) == (422, "idempotency_key_reused")
        assert Attempt.objects.count() == 1

    def test_the_same_key_of_another_client_is_another_one(
        self, caller: Caller, anna: Player
    ) -> None:
        make_campaign(code=CODE)
        other = Caller(make_client("Other"))

        first = body_of(caller.post("promos/redeem/", entered(anna), key="k1"))
        second = body_of(other.post("promos/redeem/", entered(anna), key="k1"))

        assert first["id"] == second["id"]
        assert Attempt.objects.count() == 2

    def test_a_key_may_be_as_long_as_they_get(self, caller: Caller, anna: Player) -> None:
        energy()

        assert caller.post("promos/redeem/", entered(anna), key="k" * 255).status_code == 201

    def test_without_a_key_nothing_is_redeemed(self, caller: Caller, anna: Player) -> None:
        energy()

        answer = caller.post("promos/redeem/", entered(anna), key=None)

        assert (answer.status_code, problem(answer)["code"]) == (400, "idempotency_key_required")
        assert not Attempt.objects.exists()


def unknown(player: Player) -> None:
    """Leave the code to nobody."""


def not_begun(player: Player) -> None:
    energy(status="DRAFT")


def denied(player: Player) -> None:
    energy()
    DenylistEntry.objects.create(player=player, reason="Sells codes.", at=NOON)


def suspended(player: Player) -> None:
    energy()
    players.suspend(player_id=player.pk, now=NOON)


def over(player: Player) -> None:
    energy(status="EXPIRED")


def paused(player: Player) -> None:
    energy(status="PAUSED")


def used(player: Player) -> None:
    energy()
    redeem_directly(player)


def for_others(player: Player) -> None:
    energy(for_language="uk")


def blocked(player: Player) -> None:
    energy()
    for _ in range(5):
        redeem_directly(player, "WRONG")


def redeem_directly(player: Player, code: str = CODE) -> None:
    """Let the player enter the code in the bot."""
    redemptions.redeem(
        player=player,
        raw=code,
        channel=Channel.COMMAND,
        key=f"update:{Attempt.objects.count()}",
        now=timezone.now(),
    )


REFUSED: list[tuple[Callable[[Player], None], int, str]] = [
    (unknown, 404, "E_PROMO_INVALID"),
    (not_begun, 404, "E_PROMO_INVALID"),
    (denied, 404, "E_PROMO_INVALID"),
    (over, 410, "E_PROMO_EXPIRED"),
    (used, 409, "E_PROMO_ALREADY_USED"),
    (for_others, 422, "E_PROMO_NOT_APPLICABLE"),
    (suspended, 422, "E_PROMO_NOT_APPLICABLE"),
    (blocked, 429, "E_PROMO_RATE_LIMITED"),
    (paused, 409, "E_PROMO_PAUSED"),
]


class TestRefused:
    @pytest.mark.parametrize(("arrange", "status", "code"), REFUSED)
    def test_every_reason_has_its_code_and_is_kept(
        self,
        caller: Caller,
        anna: Player,
        arrange: Callable[[Player], None],
        status: int,
        code: str,
    ) -> None:
        arrange(anna)
        tried, had = Attempt.objects.count(), owned(anna)

        answer = caller.post("promos/redeem/", entered(anna), key="k1")
        again = caller.post("promos/redeem/", entered(anna), key="k1")

        details = problem(answer)
        assert (answer.status_code, details["code"]) == (status, code)
        assert set(details) - {"blocked_until"} == {"type", "title", "status", "detail", "code"}
        assert problem(again) == details
        assert again.headers["Idempotency-Replayed"] == "true"
        assert ("Retry-After" in again.headers) == (status == 429)
        assert Attempt.objects.count() == tried + 1
        assert owned(anna) == had

    def test_every_refusal_is_known_here(self) -> None:
        assert set(problems.REFUSALS) == set(Refusal)
        assert {code for _, _, code in REFUSED} == {refusal.value for refusal in Refusal}

    def test_the_fifth_failure_blocks_for_an_hour(self, caller: Caller, anna: Player) -> None:
        energy()
        now = NOON + timedelta(hours=1)
        with time_machine.travel(now, tick=False):
            failed = [
                problem(caller.post("promos/redeem/", entered(anna, "WRONG"))) for _ in range(5)
            ]
        with time_machine.travel(now + timedelta(minutes=1), tick=False):
            blocked = caller.post("promos/redeem/", entered(anna), key="k1")
        with time_machine.travel(now + timedelta(minutes=31), tick=False):
            replayed = caller.post("promos/redeem/", entered(anna), key="k1")
        with time_machine.travel(now + timedelta(hours=1), tick=False):
            late = caller.post("promos/redeem/", entered(anna), key="k1")
            anew = caller.post("promos/redeem/", entered(anna))

        assert [details["code"] for details in failed] == ["E_PROMO_INVALID"] * 5
        assert ["blocked_until" in details for details in failed] == [False] * 4 + [True]
        details = problem(blocked)
        assert (blocked.status_code, details["code"]) == (429, "E_PROMO_RATE_LIMITED")
        assert datetime.fromisoformat(details["blocked_until"]) == now + timedelta(hours=1)
        assert [answer.headers["Retry-After"] for answer in (blocked, replayed, late)] == [
            "3540",
            "1740",
            "0",
        ]
        assert (late.status_code, anew.status_code) == (429, 201)

    def test_a_refusal_that_is_no_longer_kept_is_the_same(
        self, caller: Caller, anna: Player
    ) -> None:
        caller.post("promos/redeem/", entered(anna), key="k1")
        energy()
        IdempotencyRecord.objects.all().delete()

        again = caller.post("promos/redeem/", entered(anna), key="k1")

        assert (again.status_code, problem(again)["code"]) == (404, "E_PROMO_INVALID")
        assert Attempt.objects.count() == 1


class TestDryRun:
    def test_it_tells_every_reason_and_writes_nothing(self, caller: Caller, anna: Player) -> None:
        campaign = energy(status="PAUSED", for_language="uk", for_level="B2")

        body = body_of(caller.post("promos/test/", entered(anna, "hallo 2026"), key=None))

        assert (body["works"], body["refusal"]) == (False, "E_PROMO_PAUSED")
        assert body["reasons"] == ["PAUSED", "LANGUAGE", "LEVEL"]
        assert body["campaign"]["id"] == campaign.pk
        assert not Attempt.objects.exists()
        assert not IdempotencyRecord.objects.exists()

    def test_what_would_work_says_so_and_stays(self, caller: Caller, anna: Player) -> None:
        energy()

        verdicts = [body_of(caller.post("promos/test/", entered(anna), key=None)) for _ in range(6)]

        assert [(one["works"], one["refusal"], one["reasons"]) for one in verdicts] == [
            (True, None, [])
        ] * 6
        assert (owned(anna), Redemption.objects.count()) == (0, 0)

    def test_a_code_of_nobody_has_no_campaign(self, caller: Caller, anna: Player) -> None:
        body = body_of(caller.post("promos/test/", entered(anna), key=None))

        assert body == {
            "works": False,
            "refusal": "E_PROMO_INVALID",
            "reasons": ["UNKNOWN"],
            "campaign": None,
        }


class TestCampaigns:
    def test_they_are_listed_in_pages_the_newest_first_and_never_counted(
        self, caller: Caller, django_assert_num_queries: Any
    ) -> None:
        made = [make_campaign(status="DRAFT").pk for _ in range(101)]
        first = body_of(caller.get("promos/campaigns/"))

        # The client, and the page.
        with django_assert_num_queries(2) as done:
            second = body_of(caller.get(f"promos/campaigns/?cursor={first['next']}"))
        third = body_of(caller.get(f"promos/campaigns/?cursor={second['next']}"))

        assert "COUNT" not in str(done.captured_queries)
        assert [len(page["results"]) for page in (first, second, third)] == [50, 50, 1]
        assert third["next"] is None
        listed = [one["id"] for page in (first, second, third) for one in page["results"]]
        assert listed == made[::-1]

    def test_a_page_that_is_just_full_is_the_last(self, caller: Caller) -> None:
        for _ in range(50):
            make_campaign(status="DRAFT")

        page = body_of(caller.get("promos/campaigns/"))

        assert (len(page["results"]), page["next"]) == (50, None)

    @pytest.mark.parametrize(
        ("query", "names"),
        [
            ("status=ACTIVE", ["active grant", "active discount"]),
            ("kind=PREMIUM_GRANT", ["paused grant", "active grant"]),
            ("status=PAUSED&kind=PREMIUM_GRANT", ["paused grant"]),
            ("status=ENDED", []),
        ],
    )
    def test_they_are_filtered_by_status_and_kind(
        self, caller: Caller, query: str, names: list[str]
    ) -> None:
        make_campaign(name="active discount")
        make_campaign(name="active grant", grant=True)
        make_campaign(name="paused grant", grant=True, status="PAUSED")

        page = body_of(caller.get(f"promos/campaigns/?{query}"))

        assert [campaign["name"] for campaign in page["results"]] == names

    def test_a_campaign_says_what_it_is(self, caller: Caller) -> None:
        campaign = make_campaign(name="Advent", uses_max=500, for_first_purchase=True)

        body = body_of(caller.get(f"promos/campaigns/{campaign.pk}/"))

        assert (body["name"], body["status"], body["kind"]) == (
            "Advent",
            "ACTIVE",
            "PERCENT_DISCOUNT",
        )
        assert (body["value"], body["scope"], body["product"]) == (20, "ANY", "")
        assert (body["uses_max"], body["stars_max"], body["ends_at"]) == (500, None, None)
        assert body["for_first_purchase"]
        assert (body["held"], body["applied"], body["stars_given"]) == (0, 0, 0)
        assert (body["holdout_percent"], body["tags"]) == (0, [])

    def test_they_are_filtered_by_tag_however_it_is_written(self, caller: Caller) -> None:
        make_campaign(name="Advent", tags=["advent", "schools"])
        make_campaign(name="Summer", tags=["summer"])

        page = body_of(caller.get("promos/campaigns/?tag=SCHOOLS"))
        unknown = body_of(caller.get("promos/campaigns/?tag=a,b"))

        assert [campaign["name"] for campaign in page["results"]] == ["Advent"]
        assert unknown["results"] == []

    def test_a_tag_that_is_too_long_is_not_taken_for_its_beginning(self, caller: Caller) -> None:
        make_campaign(tags=["x" * 24])

        longest = body_of(caller.get(f"promos/campaigns/?tag={'x' * 24}"))
        too_long = body_of(caller.get(f"promos/campaigns/?tag={'x' * 25}"))

        assert [len(found["results"]) for found in (longest, too_long)] == [1, 0]

    @pytest.mark.parametrize("path", ["", "statistics/"])
    @pytest.mark.parametrize("pk", [1, 2**70])
    def test_a_campaign_of_nobody_is_not_found(self, caller: Caller, pk: int, path: str) -> None:
        answer = caller.get(f"promos/campaigns/{pk}/{path}")

        assert (answer.status_code, problem(answer)["code"]) == (404, "not_found")


def move(
    caller: Caller, campaign: Campaign, target: str, *, expected: str, key: str = ""
) -> HttpResponse:
    """Ask to move the campaign, which the client has seen in the status `expected`."""
    return caller.post(
        f"promos/campaigns/{campaign.pk}/status/",
        {"status": target, "expected_status": expected, "reason": "Planned."},
        key=key,
    )


class TestStatus:
    @pytest.mark.parametrize(
        ("before", "target", "action"),
        [
            ("DRAFT", "ACTIVE", "campaign.started"),
            ("ACTIVE", "PAUSED", "campaign.paused"),
            ("PAUSED", "ACTIVE", "campaign.unpaused"),
            ("DRAFT", "ENDED", "campaign.ended"),
            ("ACTIVE", "ENDED", "campaign.ended"),
            ("PAUSED", "ENDED", "campaign.ended"),
        ],
    )
    def test_it_moves_and_the_audit_log_knows_which_client_it_was(
        self, caller: Caller, before: str, target: str, action: str
    ) -> None:
        campaign = make_campaign(name="Advent", code=CODE, stars_max=100, status=before)

        answer = move(caller, campaign, target, expected=before)

        assert (answer.status_code, body_of(answer)["status"]) == (200, target)
        campaign.refresh_from_db()
        assert campaign.status == target
        entry = AuditEntry.objects.get(action=action)
        verb = action.removeprefix("campaign.")
        assert entry.summary == f"Advent: {verb}. By the API client Shop: Planned."

    @pytest.mark.parametrize(
        ("before", "target", "why"),
        [
            ("DRAFT", "PAUSED", "It is draft, not active."),
            ("ACTIVE", "ACTIVE", "It is active, not paused."),
            ("PAUSED", "PAUSED", "It is paused, not active."),
            ("EXPIRED", "ACTIVE", "It is expired, not paused."),
            ("DEPLETED", "ACTIVE", "It is depleted, not paused."),
            ("ENDED", "ACTIVE", "It is ended, not paused."),
            ("DEPLETED", "PAUSED", "It is depleted, not active."),
            ("ENDED", "ENDED", "It is ended already."),
        ],
    )
    def test_what_cannot_be_says_why(
        self, caller: Caller, before: str, target: str, why: str
    ) -> None:
        campaign = energy(status=before)

        answer = move(caller, campaign, target, expected=before)

        details = problem(answer)
        assert (answer.status_code, details["code"]) == (409, "illegal_move")
        assert (details["detail"], details["current_status"]) == (why, before)
        assert Campaign.objects.get().status == before
        assert not IdempotencyRecord.objects.exists()

    def test_what_is_used_up_does_not_come_back_though_no_job_has_noted_it(
        self, caller: Caller, anna: Player
    ) -> None:
        campaign = energy(uses_max=1)
        redeem_directly(anna)
        move(caller, campaign, "PAUSED", expected="ACTIVE")

        answer = move(caller, campaign, "ACTIVE", expected="PAUSED")

        assert answer.status_code == 409
        assert problem(answer)["detail"] == "All of its uses have been applied."

    def test_a_draft_that_nobody_could_use_says_what_is_missing(self, caller: Caller) -> None:
        campaign = make_campaign(status="DRAFT", ends_at=NOON + timedelta(minutes=1), stars_max=9)

        answer = move(caller, campaign, "ACTIVE", expected="DRAFT")

        details = problem(answer)
        assert (answer.status_code, details["code"]) == (422, "campaign_incomplete")
        assert details["reasons"] == ["Its window has ended already.", "It has no code."]
        assert Campaign.objects.get().status == "DRAFT"

    def test_an_expensive_draft_needs_a_second_person(self, caller: Caller) -> None:
        campaign = energy(status="DRAFT", uses_max=None)

        answer = move(caller, campaign, "ACTIVE", expected="DRAFT")

        details = problem(answer)
        assert (answer.status_code, details["code"], details["stars_max"]) == (
            403,
            "needs_second_person",
            5000,
        )
        assert Campaign.objects.get().status == "DRAFT"
        assert not AuditEntry.objects.filter(action="campaign.started").exists()

    def test_who_has_not_seen_the_last_change_changes_nothing(self, caller: Caller) -> None:
        campaign = energy()
        move(caller, campaign, "PAUSED", expected="ACTIVE")

        answer = move(caller, campaign, "ENDED", expected="ACTIVE")

        details = problem(answer)
        assert (answer.status_code, details["code"], details["current_status"]) == (
            409,
            "status_changed",
            "PAUSED",
        )
        assert Campaign.objects.get().status == "PAUSED"

    def test_the_same_request_again_is_one_move(self, caller: Caller) -> None:
        campaign = energy()

        first = move(caller, campaign, "PAUSED", expected="ACTIVE", key="k1")
        campaigns.unpause(campaign_id=campaign.pk, reason="On.", now=timezone.now(), staff=None)
        again = move(caller, campaign, "PAUSED", expected="ACTIVE", key="k1")

        assert (again.status_code, again.content) == (200, first.content)
        assert Campaign.objects.get().status == "ACTIVE"

    def test_a_campaign_of_nobody_is_not_found(self, caller: Caller) -> None:
        answer = move(caller, Campaign(pk=7), "PAUSED", expected="ACTIVE")

        assert (answer.status_code, problem(answer)["code"]) == (404, "not_found")


def set_terms(caller: Caller, campaign: Campaign, *, key: str = "", **terms: Any) -> HttpResponse:
    """Ask to change the campaign, which the client has seen as a draft."""
    body = {"expected_status": "DRAFT", "reason": "Planned.", **terms}
    return caller.post(f"promos/campaigns/{campaign.pk}/terms/", body, key=key)


class TestTerms:
    def test_a_draft_gets_a_holdout_and_tags_and_keeps_the_rest(self, caller: Caller) -> None:
        campaign = make_campaign(name="Advent", status="DRAFT", code=CODE, uses_max=500)

        answer = set_terms(caller, campaign, holdout_percent=10, tags=["Schools", " advent "])

        body = body_of(answer)
        assert (answer.status_code, body["holdout_percent"], body["tags"], body["uses_max"]) == (
            200,
            10,
            ["advent", "schools"],
            500,
        )
        campaign.refresh_from_db()
        assert (campaign.holdout_percent, campaign.tags) == (10, ["advent", "schools"])
        entry = AuditEntry.objects.get(action="campaign.edited")
        assert entry.summary == (
            "Advent: changed holdout percent, tags. By the API client Shop: Planned."
        )

    def test_the_reason_is_kept_whole_even_where_the_sentence_is_cut(self, caller: Caller) -> None:
        campaign = make_campaign(status="DRAFT")

        set_terms(caller, campaign, tags=["advent"], reason="a" * 500)

        entry = AuditEntry.objects.get(action="campaign.edited")
        assert len(entry.summary) == 500
        assert entry.details["reason"] == f"By the API client Shop: {'a' * 500}"

    def test_what_is_left_out_stays(self, caller: Caller) -> None:
        campaign = make_campaign(status="DRAFT", holdout_percent=10, tags=["advent"])

        set_terms(caller, campaign, holdout_percent=0)

        campaign.refresh_from_db()
        assert (campaign.holdout_percent, campaign.tags) == (0, ["advent"])

    @pytest.mark.parametrize(
        ("terms", "field"),
        [
            ({"holdout_percent": 51}, "holdout_percent"),
            ({"holdout_percent": -1}, "holdout_percent"),
            ({"holdout_percent": None}, "holdout_percent"),
            ({"tags": "advent"}, "tags"),
            ({"tags": [" "]}, "tags.0"),
            ({"tags": [str(number) for number in range(11)]}, "tags"),
            ({"tags": [7]}, "tags"),
        ],
    )
    def test_what_is_no_such_term_changes_nothing(
        self, caller: Caller, terms: dict[str, Any], field: str
    ) -> None:
        campaign = make_campaign(status="DRAFT", tags=["advent"])

        answer = set_terms(caller, campaign, **terms)

        details = problem(answer)
        assert (answer.status_code, details["code"]) == (400, "invalid_request")
        assert [error["field"] for error in details["errors"]] == [field]
        campaign.refresh_from_db()
        assert (campaign.holdout_percent, campaign.tags) == (0, ["advent"])

    def test_a_holdout_beside_unique_codes_is_refused_with_the_wizards_words(
        self, caller: Caller
    ) -> None:
        campaign = make_campaign(status="DRAFT")
        batches.order(campaign_id=campaign.pk, size=3, prefix="", now=NOON, staff=None)

        answer = set_terms(caller, campaign, holdout_percent=10)

        assert (answer.status_code, problem(answer)["code"]) == (422, "terms_not_possible")
        assert problem(answer)["errors"] == [
            {
                "field": "holdout_percent",
                "code": "terms_not_possible",
                "detail": "A campaign with a holdout has a shared code only, no unique ones.",
            }
        ]

    def test_what_is_no_tag_is_refused_with_the_wizards_words(self, caller: Caller) -> None:
        campaign = make_campaign(status="DRAFT")

        answer = set_terms(caller, campaign, tags=["summer", "a, b"])

        assert (answer.status_code, problem(answer)["code"]) == (422, "terms_not_possible")
        assert problem(answer)["detail"] == (
            "“a, b” is no tag: it has up to 24 letters, digits, spaces and hyphens."
        )

    def test_the_holdout_of_what_runs_is_fixed_and_its_tags_are_not(self, caller: Caller) -> None:
        campaign = energy()

        fixed = set_terms(caller, campaign, holdout_percent=10, expected_status="ACTIVE")
        free = set_terms(caller, campaign, tags=["advent"], expected_status="ACTIVE")

        assert (fixed.status_code, problem(fixed)["code"]) == (409, "illegal_move")
        assert (free.status_code, body_of(free)["tags"]) == (200, ["advent"])

    def test_tags_of_what_is_over_can_change_and_nothing_else(self, caller: Caller) -> None:
        campaign = make_campaign(status="ENDED", tags=["advent"])
        ended_at = campaign.changed_at

        fixed = set_terms(caller, campaign, holdout_percent=10, expected_status="ENDED")
        both = set_terms(
            caller, campaign, holdout_percent=10, tags=["summer"], expected_status="ENDED"
        )
        free = set_terms(caller, campaign, tags=["Summer"], expected_status="ENDED")

        assert [problem(one)["code"] for one in (fixed, both)] == ["illegal_move"] * 2
        assert (free.status_code, body_of(free)["tags"]) == (200, ["summer"])
        campaign.refresh_from_db()
        assert (campaign.tags, campaign.changed_at) == (["summer"], ended_at)
        entry = AuditEntry.objects.get(action="campaign.tagged")
        assert entry.details == {
            "tags": [["advent"], ["summer"]],
            "reason": "By the API client Shop: Planned.",
        }

    def test_who_has_not_seen_that_it_started_changes_nothing(self, caller: Caller) -> None:
        answer = set_terms(caller, energy(), tags=["advent"])

        assert (answer.status_code, problem(answer)["code"]) == (409, "status_changed")
        assert Campaign.objects.get().tags == []

    def test_the_same_request_again_is_one_change(self, caller: Caller) -> None:
        campaign = make_campaign(status="DRAFT")

        first = set_terms(caller, campaign, tags=["advent"], key="t1")
        again = set_terms(caller, campaign, tags=["advent"], key="t1")

        assert (again.status_code, again.content) == (200, first.content)
        assert AuditEntry.objects.filter(action="campaign.edited").count() == 1

    def test_a_campaign_of_nobody_is_not_found(self, caller: Caller) -> None:
        answer = set_terms(caller, Campaign(pk=7), tags=[])

        assert (answer.status_code, problem(answer)["code"]) == (404, "not_found")


class TestStatistics:
    def test_everything_that_has_come_of_a_campaign_is_counted(self, caller: Caller) -> None:
        campaign = make_campaign(code=CODE, for_language="de")
        german = [PlayerFactory.create(language="de") for _ in range(4)]
        for player in [*german, PlayerFactory.create(language="uk")]:
            redeem_directly(player)
        held, used, refunded, gone = Redemption.objects.order_by("pk")
        now = timezone.now()
        for redemption, stars in [(used, 7), (refunded, 4)]:
            reservations.attach(
                redemption_id=redemption.pk, player=redemption.player, stars_off=stars, now=now
            )
            assert reservations.apply(redemption_id=redemption.pk, now=now)
        assert reservations.revoke(redemption_id=refunded.pk, now=now)
        assert reservations.release(redemption_id=gone.pk, now=now)
        redeem_directly(used.player)

        body = body_of(caller.get(f"promos/campaigns/{campaign.pk}/statistics/"))

        assert held.status == "RESERVED"
        assert body == {
            "attempts": 6,
            "accepted": 4,
            "held": 1,
            "applied": 2,
            "revoked": 1,
            "refusals": {"LANGUAGE": 1, "USED_BY_PLAYER": 1},
            "stars_given": 11,
        }

    def test_a_campaign_without_anything_has_zeros(
        self, caller: Caller, django_assert_num_queries: Any
    ) -> None:
        campaign = make_campaign()
        caller.get("promos/campaigns/")

        # The client, the campaign, its attempts, its redemptions.
        with django_assert_num_queries(4):
            body = body_of(caller.get(f"promos/campaigns/{campaign.pk}/statistics/"))

        assert body.pop("refusals") == {}
        assert set(body.values()) == {0}


def roll_back(caller: Caller, redemption: Redemption, *, key: str = "") -> HttpResponse:
    """Ask to roll the redemption back."""
    path = f"promos/redemptions/{redemption.pk}/rollback/"
    return caller.post(path, {"reason": "Wrong player."}, key=key)


class TestRollback:
    def test_a_grant_is_taken_back_once_and_its_use_stays_used(
        self, caller: Caller, anna: Player
    ) -> None:
        campaign = energy(uses_max=5)
        redeem_directly(anna)
        redemption = Redemption.objects.get()

        first = roll_back(caller, redemption, key="k1")
        again = roll_back(caller, redemption, key="k1")
        other_key = roll_back(caller, redemption)

        assert [answer.status_code for answer in (first, again, other_key)] == [200, 200, 200]
        assert first.content == again.content == other_key.content
        assert body_of(first)["status"] == "REVOKED"
        assert owned(anna) == 0
        assert LedgerEntry.objects.filter(type="TAKEN_BACK").count() == 1
        campaign.refresh_from_db()
        assert (campaign.reserved, campaign.applied) == (0, 1)
        entry = AuditEntry.objects.get(action="redemption.rolled_back")
        assert entry.summary.endswith("rolled back by the API client Shop. Wrong player.")
        assert entry.details == {"client": caller.client.pk, "reason": "Wrong player."}

    def test_a_reservation_has_given_nothing(self, caller: Caller, anna: Player) -> None:
        make_campaign(code=CODE)
        redeem_directly(anna)

        answer = roll_back(caller, Redemption.objects.get())

        details = problem(answer)
        assert (answer.status_code, details["code"], details["current_status"]) == (
            409,
            "not_applied",
            "RESERVED",
        )
        assert Redemption.objects.get().status == "RESERVED"

    def test_a_discount_goes_back_with_its_purchase(self, caller: Caller, anna: Player) -> None:
        make_campaign(code=CODE)
        redeem_directly(anna)
        redemption = Redemption.objects.get()
        reservations.apply(redemption_id=redemption.pk, now=timezone.now())

        before = roll_back(caller, redemption)
        reservations.revoke(redemption_id=redemption.pk, now=timezone.now())
        after = roll_back(caller, redemption)

        assert (before.status_code, problem(before)["code"]) == (409, "refund_the_purchase")
        assert (after.status_code, body_of(after)["status"]) == (200, "REVOKED")
        assert not AuditEntry.objects.filter(action="redemption.rolled_back").exists()

    def test_a_redemption_of_nobody_is_not_found(self, caller: Caller) -> None:
        answer = roll_back(caller, Redemption(pk=7))

        assert (answer.status_code, problem(answer)["code"]) == (404, "not_found")


PLAYER_AND_CODE: list[tuple[dict[str, Any], set[tuple[str, str]]]] = [
    ({}, {("player", "required"), ("code", "required")}),
    ({"player": None, "code": None}, {("player", "null"), ("code", "null")}),
    ({"player": "7", "code": 7}, {("player", "invalid"), ("code", "invalid")}),
    ({"player": True, "code": True}, {("player", "invalid"), ("code", "invalid")}),
    ({"player": 0, "code": ""}, {("player", "min_value"), ("code", "blank")}),
    ({"player": 2**52, "code": " \t"}, {("player", "max_value"), ("code", "blank")}),
    ({"player": 1.5, "code": "x" * 129}, {("player", "invalid"), ("code", "max_length")}),
    ({"player": [], "code": {}}, {("player", "invalid"), ("code", "invalid")}),
    (
        {"player": 1, "code": "A\x00"},
        {("code", "invalid"), ("code", "null_characters_not_allowed")},
    ),
    ({"player": 1, "code": "\ud800"}, {("code", "surrogate_characters_not_allowed")}),
    ({"player": 1, "code": CODE, "cod": CODE}, {("cod", "unknown_field")}),
]
REASONS: list[tuple[dict[str, Any], set[tuple[str, str]]]] = [
    ({"reason": None}, {("reason", "null")}),
    ({"reason": 7}, {("reason", "invalid")}),
    ({"reason": " \n"}, {("reason", "blank")}),
    ({"reason": "x" * 501}, {("reason", "max_length")}),
    ({"reason": "why", "stars": 5}, {("stars", "unknown_field")}),
]


class TestBadInput:
    """Each wrong field is named, and nothing is written."""

    @pytest.mark.parametrize("path", ["promos/redeem/", "promos/test/"])
    @pytest.mark.parametrize(("body", "errors"), PLAYER_AND_CODE)
    def test_a_code_and_whose(
        self, caller: Caller, path: str, body: dict[str, Any], errors: set[tuple[str, str]]
    ) -> None:
        named_and_nothing_written(caller.post(path, body), errors)

    @pytest.mark.parametrize("path", ["promos/redeem/", "promos/test/"])
    def test_a_player_of_nobody(self, caller: Caller, path: str) -> None:
        energy()

        answer = caller.post(path, {"player": 2**52 - 1, "code": CODE})

        details = problem(answer)
        assert (answer.status_code, details["code"]) == (422, "player_not_found")
        assert [error["field"] for error in details["errors"]] == ["player"]
        assert not Attempt.objects.exists()
        assert not IdempotencyRecord.objects.exists()

    @pytest.mark.parametrize(
        ("body", "errors"),
        [
            ({}, {("status", "required"), ("expected_status", "required"), ("reason", "required")}),
            (
                {"status": None, "expected_status": None, "reason": "why"},
                {("status", "null"), ("expected_status", "null")},
            ),
            (
                {"status": 1, "expected_status": ["ACTIVE"], "reason": "why"},
                {("status", "invalid"), ("expected_status", "invalid")},
            ),
            (
                {"status": "DEPLETED", "expected_status": "active", "reason": "why"},
                {("status", "invalid_choice"), ("expected_status", "invalid_choice")},
            ),
            (
                {"status": "", "expected_status": "", "reason": ""},
                {
                    ("status", "invalid_choice"),
                    ("expected_status", "invalid_choice"),
                    ("reason", "blank"),
                },
            ),
            *(
                ({"status": "PAUSED", "expected_status": "ACTIVE", **body}, errors)
                for body, errors in REASONS
            ),
        ],
    )
    def test_a_status(
        self, caller: Caller, body: dict[str, Any], errors: set[tuple[str, str]]
    ) -> None:
        campaign = energy()

        answer = caller.post(f"promos/campaigns/{campaign.pk}/status/", body)

        named_and_nothing_written(answer, errors)
        assert Campaign.objects.get().status == "ACTIVE"

    @pytest.mark.parametrize(("body", "errors"), [({}, {("reason", "required")}), *REASONS])
    def test_a_rollback(
        self, caller: Caller, anna: Player, body: dict[str, Any], errors: set[tuple[str, str]]
    ) -> None:
        energy()
        redeem_directly(anna)
        redemption = Redemption.objects.get()

        answer = caller.post(f"promos/redemptions/{redemption.pk}/rollback/", body)

        named_and_nothing_written(answer, errors, attempts=1)
        assert Redemption.objects.get().status == "APPLIED"

    @pytest.mark.parametrize(
        ("query", "errors"),
        [
            ("status=active&kind=GIFT", {("status", "invalid_choice"), ("kind", "invalid_choice")}),
            ("status=&cursor=", {("status", "invalid_choice"), ("cursor", "blank")}),
            ("cursor=-1", {("cursor", "invalid")}),
            ("cursor=9999999999999999999", {("cursor", "invalid")}),
            ("cursor=%D9%A1", {("cursor", "invalid")}),
            ("page=2", {("page", "unknown_field")}),
        ],
    )
    def test_a_list(self, caller: Caller, query: str, errors: set[tuple[str, str]]) -> None:
        named_and_nothing_written(caller.get(f"promos/campaigns/?{query}"), errors)

    @pytest.mark.parametrize("path", ["campaigns/1/status/", "redemptions/1/rollback/"])
    def test_without_a_key_nothing_is_done(self, caller: Caller, path: str) -> None:
        body = {"status": "PAUSED", "expected_status": "ACTIVE", "reason": "why"}

        answer = caller.post(
            f"promos/{path}", body if "status" in path else {"reason": "why"}, key=None
        )

        assert (answer.status_code, problem(answer)["code"]) == (400, "idempotency_key_required")


def named_and_nothing_written(
    answer: HttpResponse, errors: set[tuple[str, str]], *, attempts: int = 0
) -> None:
    """Check that exactly these fields are named, and that nothing came of the request."""
    details = problem(answer)
    assert (answer.status_code, details["code"]) == (400, "invalid_request")
    assert {(error["field"], error["code"]) for error in details["errors"]} == errors
    assert Attempt.objects.count() == attempts
    assert not IdempotencyRecord.objects.exists()


@pytest.mark.django_db(transaction=True)
class TestConcurrency:
    def test_two_equal_requests_at_once_are_one_try(self, monkeypatch: pytest.MonkeyPatch) -> None:
        energy()
        player, client = PlayerFactory.create(), make_client()
        meet_after(monkeypatch, redemptions, "redeem")

        answers = run_together(
            *[partial(Caller(client).post, "promos/redeem/", entered(player), key="k1")] * 2
        )

        assert sorted(answer.status_code for answer in answers) == [201, 409]
        (refused,) = [answer for answer in answers if answer.status_code == 409]
        assert problem(refused)["code"] == "request_in_progress"
        assert (owned(player), Attempt.objects.count()) == (10, 1)

    def test_two_keys_at_once_are_one_redemption(self, monkeypatch: pytest.MonkeyPatch) -> None:
        energy()
        player, client = PlayerFactory.create(), make_client()
        meet_after(monkeypatch, redemptions, "_look_up")

        answers = run_together(
            *[partial(Caller(client).post, "promos/redeem/", entered(player))] * 2
        )

        codes = sorted(
            (answer.status_code, "" if answer.status_code == 201 else problem(answer)["code"])
            for answer in answers
        )
        assert codes == [(201, ""), (409, "E_PROMO_ALREADY_USED")]
        assert (owned(player), Redemption.objects.count()) == (10, 1)

    def test_of_two_who_have_seen_the_same_one_moves_the_campaign(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert pause_twice_at_once(monkeypatch) == ["", "status_changed"]
        assert AuditEntry.objects.filter(action="campaign.paused").count() == 1

    def test_without_the_lock_both_would(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Show that the test above can fail."""
        monkeypatch.setattr(campaigns, "lock", lambda pk: Campaign.objects.get(pk=pk))

        assert pause_twice_at_once(monkeypatch) == ["", ""]
        assert AuditEntry.objects.filter(action="campaign.paused").count() == 2

    def test_two_rollbacks_at_once_take_back_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        energy()
        player, client = PlayerFactory.create(), make_client()
        redeem_directly(player)
        redemption = Redemption.objects.get()
        meet_after(monkeypatch, api_redemptions, "get_object_or_404")

        answers = run_together(*[partial(roll_back, Caller(client), redemption)] * 2)

        assert [answer.status_code for answer in answers] == [200, 200]
        assert owned(player) == 0
        assert AuditEntry.objects.filter(action="redemption.rolled_back").count() == 1


def pause_twice_at_once(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let two clients that have seen an active campaign pause it at once; return the refusals."""
    campaign = energy()
    callers = [Caller(make_client(name=name)) for name in ("first", "second")]
    meet_after(monkeypatch, campaigns, "lock")
    answers = run_together(
        *[partial(move, caller, campaign, "PAUSED", expected="ACTIVE") for caller in callers]
    )
    return sorted(
        "" if answer.status_code == 200 else problem(answer)["code"] for answer in answers
    )
