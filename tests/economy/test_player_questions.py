"""Why does this player (not) have it? As staff ask, for any instant of the past."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import Client

from economy import grants
from economy.goods import Goods, Plan
from economy.models import EntryType, LedgerEntry, Source
from quizarena.players.models import Player
from tests.economy.test_admin import read
from tests.factories import PlayerFactory, make_staff

pytestmark = pytest.mark.django_db

# The first of July, noon in Berlin, and what is asked ten days later.
GRANTED = datetime(2026, 7, 1, 10, tzinfo=UTC)
ASKED = GRANTED + timedelta(days=10)


@pytest.fixture
def player() -> Player:
    return PlayerFactory.create(created_at=datetime(2026, 1, 1, 11, tzinfo=UTC))


@pytest.fixture
def support(client: Client) -> Client:
    """Return a browser in which support is logged in."""
    with time_machine.travel(ASKED):
        client.force_login(make_staff("Support"))
    return client


def give(player: Player, goods: Goods, *, key: str, now: datetime = GRANTED) -> LedgerEntry:
    """Grant goods."""
    entry, _ = grants.grant(
        player=player,
        goods=goods,
        type=EntryType.PROMO_GRANT,
        source=Source.PROMO,
        key=key,
        now=now,
    )
    return entry


def ask(client: Client, player: Player, mode: str, at: str) -> str:
    """Ask and return what the page says."""
    with time_machine.travel(ASKED, tick=False):
        page = f"/admin/players/player/{player.pk}/why/"
        return read(client, page, {"question": "access", "mode": mode, "at": at})


@pytest.mark.parametrize(
    ("mode", "at", "says"),
    [
        ("PREMIUM", "2026-07-01T11:59:59", "No: Premium was not active. The player had no Premium"),
        ("PREMIUM", "2026-07-01T12:00", "Yes: Premium was active. Premium Month was active"),
        ("WORD_ORDER", "2026-07-01T12:00:00", "Yes: Word order was open. Premium Month was active"),
        ("WORD_ORDER", "2026-07-08T11:59:59", "Yes: Word order was open. Premium Month was active"),
        (
            "PREMIUM",
            "2026-07-08T12:00:00",
            "No: Premium was not active. Premium Month was the",
        ),
        ("WORD_ORDER", "2026-07-08T12:00:00", "Yes: Word order was open. A grant of Word order"),
        (
            "CASES_PRACTICE",
            "2026-07-08T12:00:00",
            "No: Cases practice was not open. Premium Month was the latest",
        ),
        (
            "WORD_ORDER",
            "2026-07-09T12:00:00",
            "No: Word order was not open. A grant was the",
        ),
        ("ARTIKEL_SPRINT", "2026-07-09T12:00:00", "Yes: Artikel sprint was open. It is free for"),
    ],
)
def test_the_past_is_explained_in_words(
    support: Client, player: Player, mode: str, at: str, says: str
) -> None:
    give(player, Goods(premium=Plan.MONTH, premium_days=7), key="month")
    give(
        player,
        Goods(mode_codes=("WORD_ORDER",), mode_hours=24 * 8),
        key="mode",
    )

    assert says in ask(support, player, mode, at)


def test_the_grant_behind_it_and_who_took_it_back_are_linked(
    support: Client, player: Player
) -> None:
    entry = give(player, Goods(premium=Plan.YEAR, premium_days=365), key="year")
    reversal = grants.reverse(
        entry=entry,
        type=EntryType.TAKEN_BACK,
        source=Source.PROMO,
        key="back",
        now=GRANTED + timedelta(days=2),
    ).entry

    with time_machine.travel(ASKED, tick=False):
        answer = support.get(
            f"/admin/players/player/{player.pk}/why/",
            {"question": "access", "mode": "PREMIUM", "at": "2026-07-05T12:00:00"},
        )
    page = answer.content.decode()

    assert f'href="/admin/economy/ledgerentry/{entry.pk}/change/"' in page
    assert f'href="/admin/economy/ledgerentry/{reversal.pk}/change/"' in page
    says = ask(support, player, "PREMIUM", "2026-07-05T12:00:00")
    assert (
        f"Since 1 Jul 2026, 12:00 Until 3 Jul 2026, 12:00 Granted by entry {entry.pk} , promo, "
        f"1 Jul 2026, 12:00 Revoked 3 Jul 2026, 12:00 Revoked by entry {reversal.pk} , "
        "grant taken back, 3 Jul 2026, 12:00"
    ) in says


def test_now_is_explained_without_being_asked(support: Client, player: Player) -> None:
    give(player, Goods(premium=Plan.YEAR, premium_days=365), key="year")

    with time_machine.travel(ASKED, tick=False):
        page = read(support, f"/admin/players/player/{player.pk}/why/")

    assert "Yes: Premium was active. Premium Year was active" in page


@pytest.mark.parametrize(
    ("mode", "at", "says"),
    [
        ("CHESS", "2026-07-05T12:00", "Select a valid choice. CHESS is not one of"),
        ("", "2026-07-05T12:00", "This field is required."),
        ("PREMIUM", "", "This field is required."),
        ("PREMIUM", "lately", "Enter a valid date/time."),
        ("PREMIUM", "2026-02-30T12:00", "Enter a valid date/time."),
        ("PREMIUM", "2026-07-11T12:00:01", "in the future: choose one in the past."),
        ("PREMIUM", "9999-12-31T23:59:59", "This instant is in the future"),
        ("PREMIUM", "2026-01-01T11:59:59", "the player joined on 1 Jan 2026, 12:00"),
        ("PREMIUM", "0001-01-01T00:00:00", "the player joined on 1 Jan 2026, 12:00"),
        ("PREMIUM", "2026-03-29T02:30:00", "it may be ambiguous or it may not exist."),
        ("PREMIUM", "2025-10-26T02:30:00", "it may be ambiguous or it may not exist."),
    ],
)
def test_nonsense_is_named(support: Client, player: Player, mode: str, at: str, says: str) -> None:
    page = ask(support, player, mode, at)

    assert says in page
    assert "Yes:" not in page
    assert "No:" not in page


def test_a_stranger_has_no_page(support: Client) -> None:
    with time_machine.travel(ASKED, tick=False):
        assert support.get("/admin/players/player/404/why/?question=access").status_code == 404


@pytest.mark.parametrize(("role", "status"), [("Operator", 200), ("Finance", 200), ("Editor", 403)])
def test_who_may_see_wallets_may_ask(
    client: Client, player: Player, role: str, status: int
) -> None:
    client.force_login(make_staff(role))

    assert client.get(f"/admin/players/player/{player.pk}/why/").status_code == status
