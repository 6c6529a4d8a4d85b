"""When which offer is made to whom. Pure: the facts come in, an offer comes out.

RULES is the table of product rules, section 10. payments/offers.py reads the facts and keeps what
was shown; the database has the last word on how often that is.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from enum import StrEnum

from economy.energy import LOW_MAX
from economy.goods import Goods, Plan

# The caps: one blocking offer per 6 h, 3 offers a business day, the same one once per 24 h. They
# stand in the constraints of payments.models.Impression, too.
BLOCKING_EVERY = timedelta(hours=6)
SHOWN_A_DAY_MAX = 3
SAME_EVERY = timedelta(hours=24)
# What "do not show" means.
MUTED_FOR = timedelta(hours=72)

STARTER_OVER_FOR = timedelta(hours=48)
MONTH_LEFT = timedelta(hours=72)
# So many whole business days without activity, and somebody who plays again has come back.
IDLE_DAYS = 3
COMEBACK_ENERGY = 20
# For a product, how far back purchases of it count.
BOUGHT_WITHIN = {"ENERGY_10": timedelta(days=7), "MEGA_PACK_15": timedelta(days=14)}


class Trigger(StrEnum):
    """Why something is offered."""

    ENERGY_ZERO = "ENERGY_ZERO"
    STREAK_RISK_22 = "STREAK_RISK_22"
    STARTER_EXPIRED = "STARTER_EXPIRED"
    LOCKED_MODE_CLICK = "LOCKED_MODE_CLICK"
    MEGA_THIRD_BUY = "MEGA_THIRD_BUY"
    COMEBACK_3D = "COMEBACK_3D"
    ENERGY10_SECOND_BUY = "ENERGY10_SECOND_BUY"
    MONTH_EXPIRING = "MONTH_EXPIRING"
    ENERGY_LOW = "ENERGY_LOW"
    STREAK_MILESTONE_30 = "STREAK_MILESTONE_30"
    STREAK_GT7 = "STREAK_GT7"
    WEEKEND_FLASH = "WEEKEND_FLASH"


class Touchpoint(StrEnum):
    """What has just happened: the moments at which an offer may be made."""

    # The player has come: /start, the home screen, the wallet.
    HOME = "HOME"
    ROUND_OVER = "ROUND_OVER"
    # A question was due and there was no energy for it.
    OUT_OF_ENERGY = "OUT_OF_ENERGY"
    # A tap on a mode that is not open; it is about the mode.
    LOCKED_MODE = "LOCKED_MODE"
    # A purchase has been credited; it is about the product.
    PURCHASED = "PURCHASED"
    # The reminder of the evening: the player has not come.
    EVENING = "EVENING"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayerSnapshot:
    """Everything about a player that decides on offers, at one instant.

    `zone` is that of the business. `about` is the mode or the product of the touchpoint. A streak
    that may have ended unnoticed counts as 0.
    """

    touchpoint: Touchpoint
    now: datetime
    zone: tzinfo
    about: str = ""
    energy: int = 20
    # Premium: the plan, until when with all that follows it, and whether it renews itself.
    plan: Plan | None = None
    premium_until: datetime | None = None
    is_renewed: bool = False
    # When a Starter ended after which nothing has come.
    starter_ended_at: datetime | None = None
    open_modes: frozenset[str] = frozenset()
    streak: int = 0
    is_active_today: bool = False
    # A saver or a freeze would keep it through a day without activity.
    is_streak_safe: bool = False
    # The last day with activity before the player returned, today or yesterday; and whether that
    # comeback has been rewarded.
    was_active_on: date | None = None
    returned_on: date | None = None
    is_welcomed_back: bool = False
    # How often the product that the touchpoint is about was bought, within BOUGHT_WITHIN.
    times_bought: int = 0
    # An operator's campaign runs; whether it is for this player is checked when this rule is due.
    has_weekend_campaign: bool = False
    # What was shown: how often today, whether something blocking within BLOCKING_EVERY, which
    # triggers within SAME_EVERY; and which are muted.
    shown_today: int = 0
    was_blocked_lately: bool = False
    shown_lately: frozenset[str] = frozenset()
    muted: frozenset[str] = frozenset()

    @property
    def local(self) -> datetime:
        """Return the instant as the business zone's clocks show it."""
        return self.now.astimezone(self.zone)

    @property
    def idle_days(self) -> int:
        """Return how many whole days had passed without activity when the player returned."""
        if self.was_active_on is None:
            return 0
        return ((self.returned_on or self.local.date()) - self.was_active_on).days - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A line of the table: at one of its `touchpoints`, if it `holds`, `products` are offered.

    What is blocking stands in the way as a screen of its own. That may only be where the player's
    own way has ended: no energy for the next question, a door that is closed. All others are a
    message below the screen, between two actions, and need no answer.
    """

    trigger: Trigger
    priority: int
    holds: Callable[[PlayerSnapshot], bool]
    touchpoints: tuple[Touchpoint, ...]
    products: tuple[str, ...] = ()
    is_blocking: bool = False
    # Energy that is given with it, for nothing.
    gift: int = 0


# --- Conditions -----------------------------------------------------------------------------------


def _energy_zero(player: PlayerSnapshot) -> bool:
    return player.energy == 0 and player.plan is None


def _streak_at_risk(player: PlayerSnapshot) -> bool:
    return player.streak > 14 and player.local.hour >= 22 and not player.is_active_today


def _starter_expired(player: PlayerSnapshot) -> bool:
    ended_at = player.starter_ended_at
    return ended_at is not None and player.now - ended_at <= STARTER_OVER_FOR


def _locked_mode(player: PlayerSnapshot) -> bool:
    return player.plan is None and player.about not in player.open_modes


def _third_mega_pack(player: PlayerSnapshot) -> bool:
    return player.about == "MEGA_PACK_15" and player.times_bought >= 3


def _comeback(player: PlayerSnapshot) -> bool:
    return player.idle_days >= IDLE_DAYS and not player.is_welcomed_back


def _second_energy(player: PlayerSnapshot) -> bool:
    return player.about == "ENERGY_10" and player.times_bought >= 2


def _month_expiring(player: PlayerSnapshot) -> bool:
    return (
        player.plan is Plan.MONTH
        and not player.is_renewed
        and player.premium_until is not None
        and player.premium_until - player.now <= MONTH_LEFT
    )


def _energy_low(player: PlayerSnapshot) -> bool:
    return 1 <= player.energy <= LOW_MAX and player.plan is None


def _streak_of_30(player: PlayerSnapshot) -> bool:
    return player.streak >= 30


def _streak_over_7(player: PlayerSnapshot) -> bool:
    return player.streak > 7


def is_weekend(local: datetime) -> bool:
    """Return whether it is Friday 18:00 or later, Saturday or Sunday."""
    return local.weekday() in (5, 6) or (local.weekday() == 4 and local.hour >= 18)


def _weekend(player: PlayerSnapshot) -> bool:
    return player.has_weekend_campaign and is_weekend(player.local)


# --- The table ------------------------------------------------------------------------------------

_HOME, _ROUND_OVER, _PURCHASED = Touchpoint.HOME, Touchpoint.ROUND_OVER, Touchpoint.PURCHASED
_AT_REST = (_HOME, _ROUND_OVER)
# In the order of priority: the first one that holds wins.
RULES = (
    Rule(
        trigger=Trigger.ENERGY_ZERO,
        priority=100,
        holds=_energy_zero,
        touchpoints=(Touchpoint.OUT_OF_ENERGY,),
        products=("ENERGY_10", "MEGA_PACK_15", "PREMIUM_MONTH"),
        is_blocking=True,
    ),
    Rule(
        trigger=Trigger.STREAK_RISK_22,
        priority=95,
        holds=_streak_at_risk,
        # Whenever anything happens, and when nothing does.
        touchpoints=(
            *_AT_REST,
            Touchpoint.OUT_OF_ENERGY,
            Touchpoint.LOCKED_MODE,
            _PURCHASED,
            Touchpoint.EVENING,
        ),
        products=("STREAK_SAVER_20",),
    ),
    Rule(
        trigger=Trigger.STARTER_EXPIRED,
        priority=92,
        holds=_starter_expired,
        touchpoints=_AT_REST,
        products=("PREMIUM_MONTH",),
    ),
    Rule(
        trigger=Trigger.LOCKED_MODE_CLICK,
        priority=90,
        holds=_locked_mode,
        touchpoints=(Touchpoint.LOCKED_MODE,),
        products=("MEGA_PACK_15",),
        is_blocking=True,
    ),
    Rule(
        trigger=Trigger.MEGA_THIRD_BUY,
        priority=88,
        holds=_third_mega_pack,
        touchpoints=(_PURCHASED,),
        products=("PREMIUM_STARTER",),
    ),
    Rule(
        trigger=Trigger.COMEBACK_3D,
        priority=85,
        holds=_comeback,
        touchpoints=_AT_REST,
        gift=COMEBACK_ENERGY,
    ),
    Rule(
        trigger=Trigger.ENERGY10_SECOND_BUY,
        priority=80,
        holds=_second_energy,
        touchpoints=(_PURCHASED,),
        products=("MEGA_PACK_15",),
    ),
    Rule(
        trigger=Trigger.MONTH_EXPIRING,
        priority=70,
        holds=_month_expiring,
        touchpoints=_AT_REST,
        products=("PREMIUM_SEASON", "PREMIUM_YEAR"),
    ),
    Rule(
        trigger=Trigger.ENERGY_LOW,
        priority=60,
        holds=_energy_low,
        touchpoints=_AT_REST,
        products=("ENERGY_10",),
    ),
    Rule(
        trigger=Trigger.STREAK_MILESTONE_30,
        priority=55,
        holds=_streak_of_30,
        touchpoints=_AT_REST,
        products=("STREAK_SAVER_20", "PREMIUM_MONTH"),
    ),
    Rule(
        trigger=Trigger.STREAK_GT7,
        priority=50,
        holds=_streak_over_7,
        touchpoints=_AT_REST,
        products=("MEGA_PACK_15",),
    ),
    Rule(
        trigger=Trigger.WEEKEND_FLASH,
        priority=40,
        holds=_weekend,
        touchpoints=_AT_REST,
        # What the campaign makes cheaper.
    ),
)


# --- Choosing -------------------------------------------------------------------------------------


class Against(StrEnum):
    """What keeps a rule from being due."""

    TOUCHPOINT = "TOUCHPOINT"
    SHOWN_TODAY = "SHOWN_TODAY"
    SHOWN_LATELY = "SHOWN_LATELY"
    MUTED = "MUTED"
    BLOCKED_LATELY = "BLOCKED_LATELY"
    CONDITION = "CONDITION"


def against(rule: Rule, player: PlayerSnapshot) -> Against | None:
    """Return what keeps the rule from being due, first of all; None if it is due."""
    if player.touchpoint not in rule.touchpoints:
        return Against.TOUCHPOINT
    if player.shown_today >= SHOWN_A_DAY_MAX:
        return Against.SHOWN_TODAY
    if rule.trigger in player.shown_lately:
        return Against.SHOWN_LATELY
    if rule.trigger in player.muted:
        return Against.MUTED
    if rule.is_blocking and player.was_blocked_lately:
        return Against.BLOCKED_LATELY
    return None if rule.holds(player) else Against.CONDITION


def due(player: PlayerSnapshot) -> Iterator[Rule]:
    """Yield the rules that hold and that the caps allow, the highest priority first."""
    for rule in RULES:
        if against(rule, player) is None:
            yield rule


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedProduct:
    """A product that the player could buy now, and what it delivers."""

    code: str
    goods: Goods


def worth_offering(
    rule: Rule, candidates: Sequence[OfferedProduct], player: PlayerSnapshot
) -> list[OfferedProduct]:
    """Return those of the rule's products that are there and bring the player something.

    Of a rule that names none, all that are there; of one that gives something, none.
    """
    if rule.gift:
        return []
    by_code = {product.code: product for product in candidates}
    offered = (by_code[code] for code in rule.products or by_code if code in by_code)
    return [
        product
        for product in offered
        if not already_has(product.goods, player) and _unlocks_the_mode(rule, product.goods, player)
    ]


def already_has(goods: Goods, player: PlayerSnapshot) -> bool:
    """Return whether the player has what the goods are for, or the best part of it, already.

    Premium of the same or a higher plan, and with any plan energy and modes; modes that are all
    open; a saver where the streak is safe.
    """
    if goods.premium and player.plan and player.plan.rank >= goods.premium.rank:
        return True
    if player.plan and (goods.paid_energy or goods.mode_codes):
        return True
    if goods.mode_codes and player.open_modes.issuperset(goods.mode_codes):
        return True
    return bool(goods.streak_savers) and player.is_streak_safe


def _unlocks_the_mode(rule: Rule, goods: Goods, player: PlayerSnapshot) -> bool:
    """Return whether goods open the mode that was tapped, if that is what the offer is about."""
    if rule.trigger is not Trigger.LOCKED_MODE_CLICK:
        return True
    return bool(goods.premium) or player.about in goods.mode_codes
