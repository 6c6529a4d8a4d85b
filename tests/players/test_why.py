"""“Why?”: what support is asked about a player, answered in words with the rows behind it."""

from datetime import date, datetime, timedelta

import pytest
import time_machine
from django.test import Client
from django.utils.http import urlencode

from bot.messages.models import Reminder
from economy import streaks
from payments.models import Product
from quizarena.players import services
from quizarena.players.models import Player
from tests.economy.test_admin import read
from tests.factories import NOON, OutgoingCallFactory, PlayerFactory, make_campaign, make_staff
from tests.payments import steps as payments
from tests.promos import steps as promos

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna() -> Player:
    return PlayerFactory.create(username="anna", created_at=NOON - timedelta(days=90))


@pytest.fixture
def support(client: Client) -> Client:
    client.force_login(make_staff("Support"))
    return client


def why(client: Client, player: Player, question: str, **fields: str) -> str:
    """Ask at noon, and return what the page says."""
    with time_machine.travel(NOON, tick=False):
        page = f"/admin/players/player/{player.pk}/why/"
        return read(client, page, {"question": question, **fields})


def test_what_the_player_had_at_an_instant(support: Client, anna: Player) -> None:
    payments.buy(anna, now=NOON - timedelta(hours=2))

    then = why(support, anna, "balance", at="2026-11-22T09:00:00")
    now = why(support, anna, "balance")

    assert "Until then nothing had moved: the player had the full free energy." in then
    assert "the player had 30 energy: 20 free and 10 bought." in now
    assert "Streak savers 0 Duel tickets 0" in now


def test_what_became_of_a_day_of_the_streak(support: Client, anna: Player) -> None:
    for days in (5, 4):
        streaks.record_activity(player=anna, now=NOON - timedelta(days=days))
    streaks.roll_over(player=anna, now=NOON)

    played = why(support, anna, "streak", day="2026-11-18")
    lost = why(support, anna, "streak", day="2026-11-19")
    before = why(support, anna, "streak", day="2026-11-10")
    today = why(support, anna, "streak", day="2026-11-22")
    to_come = why(support, anna, "streak", day="2026-11-23")

    assert "18 Nov 2026: The player answered a question on that day. Streak after it: 2." in played
    assert (
        "19 Nov 2026: Lost: nothing was answered between 19 Nov 2026, 00:00 and 20 Nov 2026, 00:00"
        " (Europe/Berlin), and nothing kept the streak of 2."
    ) in lost
    assert (
        "Streak savers that were left for it 0 Days that Premium keeps in that week 0"
        " Days that it has kept in that week 0"
    ) in lost
    assert "10 Nov 2026: The player had no streak on that day, so there was nothing" in before
    assert "22 Nov 2026: Nothing is recorded yet" in today
    assert "This day is in the future." in to_come
    assert date(2026, 11, 22) == NOON.date()


def test_a_day_before_the_player_came_is_refused(support: Client, anna: Player) -> None:
    for day in ("2026-08-23", "0001-01-01"):
        assert "Choose a later day: the player joined on 24 Aug 2026" in why(
            support, anna, "streak", day=day
        )
    assert "had no streak on that day" in why(support, anna, "streak", day="2026-08-24")
    assert "Choose a later instant" in why(support, anna, "balance", at="0001-01-01T00:00:00")


@pytest.mark.parametrize("utc", ["2026-10-25T00:30:00", "2026-10-25T01:30:00"])
def test_in_the_hour_that_comes_twice_it_answers_about_now(
    support: Client, anna: Player, utc: str
) -> None:
    page = f"/admin/players/player/{anna.pk}/why/"
    with time_machine.travel(datetime.fromisoformat(f"{utc}+00:00"), tick=False):
        says = read(support, page, {"question": "access"})

    assert "No: Premium was not active." in says


def test_what_a_product_costs(support: Client, anna: Player) -> None:
    payments.buy(anna, now=NOON - timedelta(hours=2))
    Product.objects.filter(pk="MEGA_PACK_15").update(is_for_sale=False)

    energy = why(support, anna, "price", product="ENERGY_10")
    hidden = why(support, anna, "price", product="MEGA_PACK_15")

    assert "costs ⭐ 5." in energy
    assert "⭐ 5 ⭐ 5" in energy
    assert "is not for sale: the shop does not show it." in hidden


def test_what_a_discount_makes_of_it(support: Client, anna: Player) -> None:
    make_campaign(name="Winter", code=promos.CODE)
    promos.reserve(anna)

    assert "by the discount of Winter" in why(support, anna, "price", product="ENERGY_10")


def test_why_an_offer_is_not_shown(support: Client, anna: Player) -> None:
    nothing = why(support, anna, "offer", touchpoint="HOME")
    locked = why(support, anna, "offer", touchpoint="LOCKED_MODE", about="WORD_ORDER")
    services.suspend(player_id=anna.pk, now=NOON)
    suspended = why(support, anna, "offer", touchpoint="HOME")

    assert "None would be shown now." in nothing
    assert (
        "Low energy no Not now. It needs: 1 to 3 energy are left, and there is no Premium."
        in nothing
    )
    assert "“Locked mode tapped” would be shown now." in locked
    assert "yes It is the most important one that is due." in locked
    assert "None: the player is suspended." in suspended


def test_why_a_code_is_refused_without_a_trace_of_it(support: Client, anna: Player) -> None:
    make_campaign(name="Winter", code=promos.CODE, grant=True)
    page = f"/admin/players/player/{anna.pk}/why/?question=code"
    promos.redeem(anna)

    with time_machine.travel(NOON, tick=False):
        by_address = support.get(f"{page}&{urlencode({'code': promos.CODE})}").content.decode()
        posted = support.post(page, {"code": promos.CODE}).content.decode()
        unknown = support.post(page, {"code": "NO-SUCH-CODE"}).content.decode()

    assert "It would not work." not in by_address
    assert "It would not work." in posted
    assert "Winter" in posted
    assert "accepted" in posted
    assert "It would not work." in unknown


def test_why_there_is_no_reward(support: Client, anna: Player) -> None:
    says = why(support, anna, "reward")

    assert (
        "A reward is for 3 invitations that count. 2 rewards can be chosen in a month."
        " 3 more have to count for the next one."
    ) in says


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ({}, "Nothing is in the way"),
        ({"bot_blocked_at": NOON}, "has blocked the bot since 22 Nov 2026, 13:00"),
        ({"suspended_at": NOON}, "is suspended since 22 Nov 2026, 13:00"),
    ],
)
def test_why_a_message_has_not_come(
    support: Client, anna: Player, state: dict[str, object], says: str
) -> None:
    Player.objects.filter(pk=anna.pk).update(**state)

    assert says in why(support, anna, "message")


def test_what_did_not_arrive_stays_in_sight_behind_what_did(support: Client, anna: Player) -> None:
    OutgoingCallFactory.create(
        chat_key=anna.telegram_id,
        method="sendMessage",
        parameters={"text": "Your streak ends tonight."},
        state="REFUSED",
        error="BadRequest: Chat not found",
        created_at=NOON - timedelta(days=2),
        finished_at=NOON - timedelta(days=2),
    )
    OutgoingCallFactory.create_batch(
        21,
        chat_key=anna.telegram_id,
        method="sendMessage",
        parameters={"text": "Right!"},
        state="SENT",
        created_at=NOON,
        finished_at=NOON,
    )
    Reminder.objects.create(
        player=anna, kind="DAILY_ROUND", day=NOON - timedelta(days=1), created_at=NOON
    )

    says = why(support, anna, "message")

    refused = "Your streak ends tonight. (refused by Telegram: BadRequest: Chat not found)"
    assert f"Last one that did not arrive 20 Nov 2026, 13:00: {refused}" in says
    assert says.count("Your streak ends tonight.") == 2
    assert says.count("Right!") == 20
    assert "Skipped before, since two were sent that day daily round on 21 Nov" in says


def test_who_got_everything_has_nothing_that_did_not_arrive(support: Client, anna: Player) -> None:
    says = why(support, anna, "message")

    assert "Last one that did not arrive none that is still stored" in says
    assert "Skipped before, since two were sent that day none" in says


def test_by_night_reminders_wait(support: Client, anna: Player) -> None:
    with time_machine.travel(NOON + timedelta(hours=14), tick=False):
        page = f"/admin/players/player/{anna.pk}/why/"
        assert "It is a quiet hour where the player lives" in read(
            support, page, {"question": "message"}
        )


@pytest.mark.parametrize(
    ("role", "asks"),
    [
        (
            "Support",
            ["access", "balance", "streak", "code", "reward", "price", "offer", "message"],
        ),
        ("Security", []),
    ],
)
def test_each_asks_about_what_they_may_see(
    client: Client, anna: Player, role: str, asks: list[str]
) -> None:
    client.force_login(make_staff(role))

    answer = client.get(f"/admin/players/player/{anna.pk}/why/")
    offered = [one.code for one in (answer.context or {}).get("questions", ())]

    assert offered == asks
    assert answer.status_code == (200 if asks else 403)
