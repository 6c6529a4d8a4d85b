"""Everything that can stand between a player and a code, at its border."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from promos.errors import Refusal
from promos.rules import Person, Reason, Terms, reasons
from tests.factories import NOON

TODAY = date(2026, 11, 22)
YESTERDAY = date(2026, 11, 21)
MOMENT = timedelta(microseconds=1)

ANNA = Person(language="de", level="A1")
OPEN = Terms(
    status="ACTIVE", starts_at=NOON, ends_at=None, uses_max=None, applied=1_000_000, reserved=0
)
LIMITED = replace(OPEN, uses_max=3, applied=2)


@pytest.mark.parametrize(
    ("person", "terms", "expected"),
    [
        (ANNA, OPEN, []),
        # The player.
        (replace(ANNA, blocked_until=NOON + MOMENT), OPEN, ["BLOCKED"]),
        (replace(ANNA, blocked_until=NOON), OPEN, []),
        (replace(ANNA, is_suspended=True), OPEN, ["SUSPENDED"]),
        (replace(ANNA, is_denied=True), OPEN, ["DENIED"]),
        # The code.
        (ANNA, None, ["UNKNOWN"]),
        (ANNA, replace(OPEN, is_revoked=True), ["REVOKED"]),
        # The campaign's life.
        (ANNA, replace(OPEN, status="DRAFT"), ["NOT_STARTED"]),
        (ANNA, replace(OPEN, starts_at=NOON + MOMENT), ["NOT_STARTED"]),
        (ANNA, replace(OPEN, starts_at=NOON - MOMENT), []),
        (ANNA, replace(OPEN, status="ENDED"), ["ENDED"]),
        (ANNA, replace(OPEN, status="EXPIRED"), ["EXPIRED"]),
        (ANNA, replace(OPEN, ends_at=NOON), ["EXPIRED"]),
        (ANNA, replace(OPEN, ends_at=NOON + MOMENT), []),
        (ANNA, replace(OPEN, status="DEPLETED"), ["DEPLETED"]),
        (ANNA, replace(OPEN, status="PAUSED"), ["PAUSED"]),
        # Its limit.
        (ANNA, LIMITED, []),
        (ANNA, replace(LIMITED, applied=3), ["DEPLETED"]),
        (ANNA, replace(LIMITED, reserved=1), ["ALL_HELD"]),
        (ANNA, replace(LIMITED, applied=0, reserved=2), []),
        (ANNA, replace(LIMITED, applied=0, reserved=3), ["ALL_HELD"]),
        # Who has used it.
        (replace(ANNA, has_used=True, last_attempt_number=1), OPEN, ["USED_BY_PLAYER"]),
        (ANNA, replace(OPEN, is_used_by_other=True), ["USED_BY_OTHER"]),
        (replace(ANNA, last_attempt_number=1), OPEN, []),
        (replace(ANNA, last_attempt_number=2), OPEN, ["TAKEN_TWICE"]),
        # Whom it is for.
        (
            replace(ANNA, first_active_on=YESTERDAY),
            replace(OPEN, for_new_players=True),
            ["NOT_NEW"],
        ),
        (replace(ANNA, first_active_on=TODAY), replace(OPEN, for_new_players=True), []),
        (ANNA, replace(OPEN, for_new_players=True), []),
        (replace(ANNA, has_bought=True), replace(OPEN, for_first_purchase=True), ["HAS_BOUGHT"]),
        (replace(ANNA, has_bought=True), OPEN, []),
        (ANNA, replace(OPEN, for_first_purchase=True), []),
        (ANNA, replace(OPEN, for_language="uk"), ["LANGUAGE"]),
        (ANNA, replace(OPEN, for_language="de"), []),
        (ANNA, replace(OPEN, for_level="B1"), ["LEVEL"]),
        (replace(ANNA, level=""), replace(OPEN, for_level="A1"), ["LEVEL"]),
        (ANNA, replace(OPEN, for_level="A1"), []),
        (ANNA, replace(OPEN, for_lapsed_days=30), ["NOT_LAPSED"]),
        (
            replace(ANNA, last_active_on=date(2026, 10, 24)),  # 29 days.
            replace(OPEN, for_lapsed_days=30),
            ["NOT_LAPSED"],
        ),
        (
            replace(ANNA, last_active_on=date(2026, 10, 23)),  # 30 days.
            replace(OPEN, for_lapsed_days=30),
            [],
        ),
    ],
)
def test_each_reason_begins_and_ends_at_its_border(
    person: Person, terms: Terms | None, expected: list[str]
) -> None:
    assert reasons(person, terms, now=NOON, today=TODAY) == expected


def test_every_reason_is_returned_and_what_decides_comes_first() -> None:
    person = Person(
        language="en",
        first_active_on=YESTERDAY,
        last_active_on=TODAY,
        has_bought=True,
        is_suspended=True,
        is_denied=True,
        blocked_until=NOON + MOMENT,
        last_attempt_number=2,
    )
    terms = Terms(
        status="PAUSED",
        starts_at=NOON + MOMENT,
        ends_at=NOON,
        uses_max=1,
        applied=1,
        reserved=0,
        is_revoked=True,
        for_new_players=True,
        for_first_purchase=True,
        for_language="de",
        for_level="A1",
        for_lapsed_days=1,
    )

    assert reasons(person, terms, now=NOON, today=TODAY) == [
        "BLOCKED",
        "SUSPENDED",
        "DENIED",
        "REVOKED",
        "NOT_STARTED",
        "EXPIRED",
        "DEPLETED",
        "PAUSED",
        "TAKEN_TWICE",
        "NOT_NEW",
        "HAS_BOUGHT",
        "LANGUAGE",
        "LEVEL",
        "NOT_LAPSED",
    ]


@pytest.mark.parametrize(
    ("refusal", "status", "means"),
    [
        ("E_PROMO_INVALID", 404, {"UNKNOWN", "DENIED", "REVOKED", "NOT_STARTED"}),
        ("E_PROMO_EXPIRED", 410, {"EXPIRED", "ENDED", "DEPLETED", "ALL_HELD"}),
        ("E_PROMO_ALREADY_USED", 409, {"USED_BY_PLAYER", "USED_BY_OTHER", "TAKEN_TWICE"}),
        (
            "E_PROMO_NOT_APPLICABLE",
            422,
            {
                "SUSPENDED",
                "NOT_NEW",
                "HAS_BOUGHT",
                "LANGUAGE",
                "LEVEL",
                "NOT_LAPSED",
                "HELD_OUT",
                "NOTHING_TO_BUY",
            },
        ),
        ("E_PROMO_RATE_LIMITED", 429, {"BLOCKED"}),
        ("E_PROMO_PAUSED", 409, {"PAUSED"}),
    ],
)
def test_players_see_less_than_staff(refusal: str, status: int, means: set[str]) -> None:
    assert {reason.value for reason in Reason if reason.refusal == refusal} == means
    assert Refusal(refusal).http_status == status
