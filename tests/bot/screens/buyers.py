"""Players who buy, step by step."""

from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from bot.queue.models import RateLimit
from bot.tasks import send_notices
from payments.models import Purchase
from payments.tasks import make_invoice_links
from quizarena.players.models import Player
from tests.conftest import Road
from tests.owner import as_owner
from tests.sandbox import buttons

Json = dict[str, Any]


def newcomer(road: Road, *, stars: int = 1_000, language: str = "en") -> int:
    """Return the Telegram id of a player who has said hello and has Stars."""
    player = road.sandbox.add_player("Anna", language_code=language)
    road.sandbox.set_stars(player, stars)
    road.say(player, "/start")
    return player


def row(telegram_id: int) -> Player:
    """Return the player's row."""
    return Player.objects.get(telegram_id=telegram_id)


def newest(telegram_id: int) -> Purchase:
    """Return the player's newest purchase."""
    return Purchase.objects.filter(player__telegram_id=telegram_id).latest("opened_at")


def travel(road: Road) -> None:
    """Take everything that is under way to its end, as if the chat had been at rest."""
    RateLimit.objects.all().delete()
    road.travel()


def tap(road: Road, player: int, data: str) -> Json:
    """Let the player tap a button with this data, wherever it was; return the last message."""
    messages = [it for it in road.sandbox.chat(player) if "reply_markup" in it]
    road.sandbox.tap(player, data, message_id=messages[-1]["message_id"])
    travel(road)
    return road.sandbox.last_message(player)


def toast(road: Road, player: int) -> str:
    """Return the last notice over the player's chat."""
    return str(road.sandbox.toasts(player)[-1]["text"])


def invoice(road: Road, player: int, product: str) -> Json:
    """Let the player ask for an invoice and return its message."""
    return tap(road, player, f"buy:{product}")


def pay(road: Road, player: int, **how: Any) -> Json:
    """Let the player press Pay on the newest invoice, or on a link; return the checkout.

    What Telegram reports of the payment waits for the next `travel`.
    """
    checkout = road.sandbox.buy(player, wait=False, **how)
    if "pre_checkout_lost" not in how.get("faults", ()):
        road.sandbox.wait_for(road.fetch)
        road.work()
    if "payment_early" not in how.get("faults", ()):
        road.sandbox.wait_for(lambda: road.sandbox.checkout(checkout["id"])["state"] != "waiting")
    return road.sandbox.checkout(checkout["id"])


def buy(road: Road, player: int, product: str) -> Json:
    """Let the player buy the product; return the bot's last message."""
    invoice(road, player, product)
    assert pay(road, player)["state"] == "paid"
    travel(road)
    return road.sandbox.last_message(player)


def subscribe(road: Road, player: int) -> str:
    """Let the player ask for a subscription; return the link that the bot sends."""
    tap(road, player, "subscribe:PREMIUM_MONTH")
    make_invoice_links()
    notify(road)
    link = buttons(road.sandbox.last_message(player))[0]["url"]
    return str(link)


def notify(road: Road) -> None:
    """Let the sweep send players what is due to them."""
    send_notices(transactional=True)
    RateLimit.objects.all().delete()
    road.send()


def texts(road: Road, player: int) -> list[str]:
    """Return what the bot has said that is still in the chat, oldest first."""
    return [it["text"] for it in road.sandbox.chat(player) if it.get("text")]


def statements(road: Road) -> int:
    """Work on the one update that waits; return how many SQL statements that took.

    Without the last, empty claim, and without the savepoint that is the test's own transaction.
    """
    road.fetch()
    with CaptureQueriesContext(connection) as queries:
        assert road.work() == 1
    return len(queries) - 1 - 2


def cannot_be_credited() -> None:
    """Let the ledger refuse every credit of a purchase, until `can_be_credited`."""
    with as_owner() as cursor:
        cursor.execute(
            """
            CREATE FUNCTION out_of_order() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION 'The ledger is out of order.'; END $$;
            CREATE TRIGGER out_of_order BEFORE INSERT ON economy_ledgerentry FOR EACH ROW
            WHEN (NEW.type = 'PURCHASE_CREDIT') EXECUTE FUNCTION out_of_order();
            """
        )


def can_be_credited() -> None:
    """Let the ledger take credits again."""
    with as_owner() as cursor:
        cursor.execute("DROP TRIGGER out_of_order ON economy_ledgerentry")
