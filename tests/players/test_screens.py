"""“See what the player sees”: screens as the bot would send them, read-only."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
import time_machine
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.safestring import SafeString
from structlog.testing import capture_logs

from bot.queue.models import OutgoingCall
from economy import streaks
from economy.models import LedgerEntry, Streak, Wallet
from payments import offers
from payments.models import Impression
from payments.offer_rules import Touchpoint
from promos import referrals
from promos.models import Inviter
from quizarena.players import screens
from quizarena.players.models import Player
from tests.bot.screens.buyers import newcomer
from tests.conftest import Road
from tests.economy.test_admin import read
from tests.factories import NOON, PlayerFactory, make_staff
from tests.payments import steps as payments

pytestmark = pytest.mark.django_db

WRITES = re.compile(r"\b(INSERT|UPDATE|DELETE|MERGE|TRUNCATE)\b")
CANNOT = "This screen cannot be shown: it failed, or would have changed something."


@pytest.fixture
def anna() -> Player:
    return PlayerFactory.create(
        first_name="Anna <b>", username="anna", language="de", created_at=NOON - timedelta(days=90)
    )


@pytest.fixture
def support(client: Client) -> Client:
    client.force_login(make_staff("Support"))
    return client


def address(player: Player) -> str:
    return f"/admin/players/player/{player.pk}/screens/"


def shown(client: Client, player: Player) -> str:
    """Look at noon, and return what the page says."""
    with time_machine.travel(NOON, tick=False):
        return read(client, address(player))


def add(
    monkeypatch: pytest.MonkeyPatch,
    render: Callable[[Player, datetime], screens.Message],
    *,
    permission: str = "players.view_player",
) -> screens.PlayerScreen:
    """Let staff look at one screen more."""
    screen = screens.PlayerScreen(
        code="other", title="Other screen", permission=permission, render=render
    )
    monkeypatch.setitem(screens._screens, "other", screen)
    return screen


def test_staff_see_the_screens_in_the_language_of_the_player(support: Client, anna: Player) -> None:
    payments.buy(anna, now=NOON - timedelta(hours=2))

    page = shown(support, anna)

    assert "What @anna sees" in page
    assert "Anna <b>!" in page
    assert "🛍 Shop" in page
    assert "🕰 Meine Uhr: 13:00" in page
    assert "◀️ Zurück" in page
    assert CANNOT not in page


def test_buttons_are_there_and_cannot_be_pressed(support: Client, anna: Player) -> None:
    page = support.get(address(anna)).content.decode()

    assert page.count('class="chat-option" disabled') > 20
    assert 'lang="de"' in page
    assert "callback" not in page


def test_the_name_of_a_player_is_no_markup(support: Client, anna: Player) -> None:
    page = support.get(address(anna)).content.decode()

    assert "Anna &lt;b&gt;" in page
    assert "Anna <b>" not in page


def test_the_wallet_is_the_one_that_the_bot_sends(road: Road, client: Client) -> None:
    sent = road.say(newcomer(road), "/wallet")
    client.force_login(make_staff("Support"))

    page = read(client, address(Player.objects.get()))

    first, *_, last = [line for line in sent["text"].splitlines() if line]
    assert first in page
    assert last in page


def test_looking_writes_nothing(support: Client, anna: Player) -> None:
    payments.buy(anna, now=NOON - timedelta(hours=2))
    support.get(address(anna))
    before = [*Wallet.objects.values()], LedgerEntry.objects.count()

    with CaptureQueriesContext(connection) as queries:
        shown(support, anna)

    rendered = [query["sql"] for query in queries if "django_session" not in query["sql"]]
    assert sum("SET TRANSACTION READ ONLY" in sql for sql in rendered) == 4
    assert [sql for sql in rendered if WRITES.search(sql)] == []
    assert ([*Wallet.objects.values()], LedgerEntry.objects.count()) == before
    assert OutgoingCall.objects.count() == 0


def test_who_has_missed_days_is_seen_too(support: Client, anna: Player) -> None:
    streaks.record_activity(player=anna, now=NOON - timedelta(days=3))

    page = shown(support, anna)

    assert "Anna <b>!" in page
    assert "🔥 Serie: " not in page
    assert CANNOT not in page
    assert Streak.objects.get(player=anna).current == 1


def test_looking_costs_the_same_however_much_there_is(support: Client, anna: Player) -> None:
    payments.buy(anna, now=NOON - timedelta(hours=40))
    shown(support, anna)
    with CaptureQueriesContext(connection) as one:
        shown(support, anna)
    for hours in range(12):
        payments.buy(anna, now=NOON - timedelta(hours=30 - hours))
    with CaptureQueriesContext(connection) as many:
        shown(support, anna)

    assert len(many) == len(one) <= 50


def test_a_screen_that_would_write_is_not_shown_and_says_so(
    support: Client, anna: Player, monkeypatch: pytest.MonkeyPatch
) -> None:
    def invitations(player: Player, now: datetime) -> screens.Message:
        referrals.overview(player=player, now=now)
        raise AssertionError("it has written")

    add(monkeypatch, invitations)

    with capture_logs() as logs:
        page = shown(support, anna)

    assert f"Other screen {CANNOT}" in page
    assert "🛍 Shop" in page
    assert [(one["event"], one["screen"]) for one in logs if one["log_level"] == "error"] == [
        ("player_screen.not_shown", "other")
    ]
    assert not Inviter.objects.exists()


def test_without_the_read_only_transaction_the_screen_gets_as_far_as_writing(
    anna: Player,
) -> None:
    """Show that the test above can fail: PostgreSQL alone refuses the write."""
    with transaction.atomic():
        referrals.overview(player=anna, now=NOON)
        assert Inviter.objects.exists()


def test_an_offer_cannot_be_used_up_by_looking(
    anna: Player, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offer(player: Player, now: datetime) -> screens.Message:
        offers.propose(player=player, touchpoint=Touchpoint.HOME, about="", now=now)
        Player.objects.filter(pk=player.pk).update(last_seen_at=now)
        raise AssertionError("it has written")

    screen = add(monkeypatch, offer)

    assert screens.show(screen, player=anna, now=NOON).message is None
    assert not Impression.objects.exists()


def test_a_row_cannot_be_locked_by_looking(anna: Player, monkeypatch: pytest.MonkeyPatch) -> None:
    def lock(player: Player, now: datetime) -> screens.Message:
        Player.objects.select_for_update().get(pk=player.pk)
        raise AssertionError("it has locked")

    screen = add(monkeypatch, lock)

    assert screens.show(screen, player=anna, now=NOON).message is None


def test_writing_is_possible_again_afterwards(anna: Player) -> None:
    for screen in screens.screens(user=make_staff("Support")):
        screens.show(screen, player=anna, now=NOON)

    assert Player.objects.filter(pk=anna.pk).update(daily_goal=2) == 1


@pytest.mark.django_db(transaction=True)
def test_what_waits_for_the_commit_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []

    def send(player: Player, now: datetime) -> screens.Message:
        transaction.on_commit(lambda: sent.append("a message"))
        return screens.Message(text=SafeString("Sent"))

    screen = add(monkeypatch, send)

    assert screens.show(screen, player=PlayerFactory.create(), now=NOON).message is not None
    assert sent == []


def test_who_lacks_the_right_to_a_screen_does_not_see_it(
    support: Client, anna: Player, monkeypatch: pytest.MonkeyPatch
) -> None:
    def secret(player: Player, now: datetime) -> screens.Message:
        return screens.Message(text=SafeString("Secret"))

    add(monkeypatch, secret, permission="payments.make_export")

    assert "Other screen" not in shown(support, anna)


def test_a_suspended_player_sees_none_of_them(support: Client) -> None:
    player = PlayerFactory.create(suspended_at=NOON - timedelta(days=1))

    assert "The player is suspended since 21 Nov 2026" in shown(support, player)


def test_of_a_deleted_player_there_is_nothing_to_see(support: Client, anna: Player) -> None:
    Player.objects.filter(pk=anna.pk).update(
        telegram_id=-1,
        first_name="Deleted player",
        last_name="",
        username="",
        bot_blocked_at=NOON,
        deleted_at=NOON,
    )

    assert support.get(address(anna)).status_code == 404


def test_the_button_stands_on_the_page_of_the_player(support: Client, anna: Player) -> None:
    page = support.get(f"/admin/players/player/{anna.pk}/change/").content.decode()

    assert address(anna) in page


def test_the_languages_of_others_stay(support: Client, anna: Player) -> None:
    """The page itself stays English, whichever language the player speaks."""
    page = shown(support, anna)

    assert "Looking at it sends nothing and changes nothing" in page
    assert "Back to @anna" in page
