"""An installation in the midst of its work, for pictures of its admin."""

from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.core.management import call_command

from economy import verification
from payments import approvals, liability, monthly, support
from payments.models import Purchase
from promos.models import Campaign
from quizarena.game.models import QuestionReport, RuleCard
from quizarena.ops import home_figures
from quizarena.players import notes
from quizarena.players.models import Player
from quizarena.staff.roles import ROLES
from tests.bot.messages.broadcast_steps import make_broadcast
from tests.factories import PlayerFactory, make_campaign, make_staff
from tests.payments.steps import buy, open_purchase, pay, refund
from tests.promos.steps import redeem
from tests.staff.waiting import one_of_everything

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
NAMES = (
    *(("Marlene", "Vogt"), ("Oleh", "Kovalenko"), ("Emma", "Clarke"), ("Jonas", "Lindqvist")),
    *(("Sofia", "Rossi"), ("Mehmet", "Yilmaz"), ("Iryna", "Shevchenko"), ("Paul", "Novak")),
    *(("Lucia", "Moreno"), ("Tomasz", "Zielinski"), ("Hana", "Dvorak"), ("Ali", "Rahimi")),
)
PRODUCTS = ("ENERGY_10", "PREMIUM_MONTH", "MEGA_PACK_15", "PREMIUM_STARTER", "ENERGY_10")


def make_world(*, now: datetime) -> dict[str, object]:
    """Fill the tables; return what pictures are taken of, by name."""
    staff = {role: make_staff(role) for role in ROLES}
    players = [
        PlayerFactory.create(
            first_name=first,
            last_name=last,
            username=f"{first}_{last}".lower(),
            created_at=now - 40 * DAY,
            last_seen_at=now - number * HOUR,
        )
        for number, (first, last) in enumerate(NAMES)
    ]
    for number, player in enumerate(players[1:]):
        buy(player, PRODUCTS[number % len(PRODUCTS)], now=now - (2 * number + 1) * DAY)
    refund(buy(players[3], now=now - 3 * DAY), now=now - 2 * DAY)
    one_of_everything(now=now)
    stuck = _stuck(players[0], support_agent=staff["Support"], now=now)
    season = buy(players[2], "PREMIUM_SEASON", now=now - 2 * HOUR)
    approval = approvals.request(
        purchase_id=buy(players[6], "PREMIUM_YEAR", now=now - DAY).pk,
        reason="The player has two accounts and paid with the wrong one.",
        staff=staff["Support"],
        now=now - HOUR,
    )
    campaign = _campaigns(players, now=now)
    broadcast = make_broadcast(name="Cup on Sunday")
    verification.verify_nightly(now=now)
    monthly.count(now=now)
    liability.count(now=now)
    home_figures.count(now=now)
    return {
        "player": players[0].pk,
        "buyer": players[2].pk,
        "stuck": stuck.pk,
        "season": season.pk,
        "campaign": campaign.pk,
        "broadcast": broadcast.pk,
        "approval": approval.pk,
        "reported": QuestionReport.objects.earliest("pk").question_id,
        "card": RuleCard.objects.earliest("pk").pk,
    }


def _stuck(player: Player, *, support_agent: User, now: datetime) -> Purchase:
    """Let a player's payment wait for its credit, and ask about it."""
    buy(player, now=now - 9 * DAY)
    stuck = pay(open_purchase(player, "PREMIUM_MONTH", now=now - HOUR), now=now - HOUR)
    support.ask(player=player, text="I paid 99 Stars and got nothing.", now=now - HOUR / 2)
    notes.add(
        player=player,
        text="Speaks English with us, though the bot is in German.",
        is_pinned=True,
        author=support_agent,
        now=now - 9 * DAY,
    )
    return stuck


def _campaigns(players: list[Player], *, now: datetime) -> Campaign:
    """Let a campaign run that some have used."""
    campaign = make_campaign(
        name="Winter 2026",
        code="WINTER2026",
        uses_max=500,
        stars_max=2_000,
        ends_at=now + 12 * DAY,
    )
    make_campaign(name="Summer holidays", code="SOMMER2026", status="PAUSED")
    make_campaign(name="Welcome week", grant=True, uses_max=1_000)
    make_campaign(name="Spring 2027", status="DRAFT")
    for player in players[4:9]:
        redeem(player, "WINTER2026", now=now - HOUR)
    redeem(players[9], "WINTER2027", now=now - HOUR)
    return campaign


def seed_questions() -> None:
    """Bring the question bank and its rule cards."""
    call_command("seed", verbosity=0)
