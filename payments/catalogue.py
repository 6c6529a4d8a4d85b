"""What the shop begins with, and why somebody cannot buy something. Product rules, section 4."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar, cast

from django.apps import AppConfig
from django.apps import apps as global_apps
from django.apps.registry import Apps
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS
from django.db.models import Case, Model, OuterRef, QuerySet, Subquery, When

from economy.goods import Goods, Plan
from economy.models import PremiumSpan
from payments.errors import Refusal, RefusedError
from payments.models import PAID, Product, Purchase
from promos import products
from promos.buyable import Buyable
from promos.discounts import discounted
from promos.models import Redemption
from quizarena.players.models import Player

Row = TypeVar("Row", bound=Model)

# The catalogue on the first day, in the order of the shop: what is new comes last, since products
# that are there keep their position. Afterwards operators change price, visibility and texts in
# admin, and nothing here touches them.
PRODUCTS: tuple[dict[str, Any], ...] = (
    {
        "code": "ENERGY_10",
        "stars": 5,
        "paid_energy": 10,
        "texts": {
            "de": {
                "title": "10 Energiepunkte",
                "description": "10 Punkte, die nicht verfallen – für Tage, an denen du mehr "
                "spielen willst.",
            },
            "en": {
                "title": "10 energy points",
                "description": "10 points that never expire, for days on which you want to "
                "play more.",
            },
            "uk": {
                "title": "10 одиниць енергії",
                "description": "10 одиниць, що не згорають, – для днів, коли хочеться грати "
                "більше.",
            },
        },
    },
    {
        "code": "MEGA_PACK_15",
        "stars": 15,
        "paid_energy": 15,
        "mode_codes": ["CASES_PRACTICE", "TRENNBARE_VERBEN", "WORD_ORDER"],
        "mode_hours": 24,
        "texts": {
            "de": {
                "title": "Mega-Paket",
                "description": "15 Energiepunkte und 24 Stunden Fälle (den/dem), trennbare "
                "Verben und Wortstellung – um zu üben, was schwerfällt.",
            },
            "en": {
                "title": "Mega Pack",
                "description": "15 energy points, and 24 hours of cases, separable verbs and "
                "word order: to practise what is hard.",
            },
            "uk": {
                "title": "Мегапакет",
                "description": "15 одиниць енергії та 24 години відмінків, відокремлюваних "
                "дієслів і порядку слів – щоб тренувати складне.",
            },
        },
    },
    {
        "code": "STREAK_SAVER_20",
        "stars": 20,
        "streak_savers": 1,
        "once_per_days": 7,
        "texts": {
            "de": {
                "title": "Serienretter",
                "description": "Rettet deine Serie an einem verpassten Tag. Einer in 7 Tagen.",
            },
            "en": {
                "title": "Streak saver",
                "description": "Saves your streak on a day you miss. One per 7 days.",
            },
            "uk": {
                "title": "Заморозка серії",
                "description": "Зберігає твою серію в пропущений день. Одна на 7 днів.",
            },
        },
    },
    {
        "code": "FRIEND_CHALLENGE_5",
        "stars": 5,
        "duel_tickets": 1,
        "texts": {
            "de": {
                "title": "Duell-Ticket",
                "description": "Ein Duell mehr, wenn die zwei kostenlosen des Tages gespielt sind. "
                "Nimmt niemand an, bekommst du das Ticket zurück.",
            },
            "en": {
                "title": "Duel ticket",
                "description": "One more duel when the two free ones of the day are played. If "
                "nobody accepts it, the ticket comes back.",
            },
            "uk": {
                "title": "Квиток на дуель",
                "description": "Ще одна дуель, коли дві безкоштовні за день уже використано. Якщо "
                "її ніхто не прийме, квиток повернеться.",
            },
        },
    },
    {
        "code": "PREMIUM_STARTER",
        "stars": 29,
        "premium": Plan.STARTER.value,
        "premium_days": 7,
        "texts": {
            "de": {
                "title": "Premium Starter",
                "description": "7 Tage unbegrenzte Energie und alle Modi – um alles "
                "auszuprobieren.",
            },
            "en": {
                "title": "Premium Starter",
                "description": "7 days of unlimited energy and all modes: to try everything.",
            },
            "uk": {
                "title": "Преміум Стартовий",
                "description": "7 днів необмеженої енергії та всі режими – щоб спробувати все.",
            },
        },
    },
    {
        "code": "PREMIUM_MONTH",
        "stars": 99,
        "premium": Plan.MONTH.value,
        "premium_days": 30,
        "can_subscribe": True,
        "texts": {
            "de": {
                "title": "Premium Monat",
                "description": "30 Tage unbegrenzte Energie und alle Modi; ein verpasster Tag pro "
                "Woche beendet deine Serie nicht.",
            },
            "en": {
                "title": "Premium Month",
                "description": "30 days of unlimited energy and all modes; one missed day a week "
                "does not break your streak.",
            },
            "uk": {
                "title": "Преміум Місяць",
                "description": "30 днів необмеженої енергії та всі режими; один пропущений день "
                "на тиждень не перериває серію.",
            },
        },
    },
    {
        "code": "PREMIUM_SEASON",
        "stars": 249,
        "premium": Plan.SEASON.value,
        "premium_days": 90,
        "texts": {
            "de": {
                "title": "Premium Saison",
                "description": "90 Tage unbegrenzte Energie und alle Modi; deine Serie ist immer "
                "geschützt.",
            },
            "en": {
                "title": "Premium Season",
                "description": "90 days of unlimited energy and all modes; your streak is always "
                "protected.",
            },
            "uk": {
                "title": "Преміум Сезон",
                "description": "90 днів необмеженої енергії та всі режими; твоя серія завжди "
                "під захистом.",
            },
        },
    },
    {
        "code": "PREMIUM_YEAR",
        "stars": 499,
        "premium": Plan.YEAR.value,
        "premium_days": 365,
        "texts": {
            "de": {
                "title": "Premium Jahr",
                "description": "365 Tage unbegrenzte Energie und alle Modi; deine Serie ist immer "
                "geschützt.",
            },
            "en": {
                "title": "Premium Year",
                "description": "365 days of unlimited energy and all modes; your streak is always "
                "protected.",
            },
            "uk": {
                "title": "Преміум Рік",
                "description": "365 днів необмеженої енергії та всі режими; твоя серія завжди "
                "під захистом.",
            },
        },
    },
)


def seed_catalogue(
    *,
    app_config: AppConfig,
    apps: Apps = global_apps,
    using: str = DEFAULT_DB_ALIAS,
    **kwargs: Any,
) -> None:
    """Add the products that are missing; a receiver of post_migrate, and safe to repeat."""
    try:
        product_model = apps.get_model("payments", "Product")
    except LookupError:
        return  # A partial migration that has not come to the products.
    product_model._base_manager.using(using).bulk_create(
        [
            product_model(position=position, **product)
            for position, product in enumerate(PRODUCTS, 1)
        ],
        ignore_conflicts=True,
    )


def on_sale() -> list[products.Product]:
    """Return what is for sale as promos have to know it, in the shop's order."""
    return [
        _for_promos(product, stars=product.stars)
        for product in Product.objects.filter(is_for_sale=True)
    ]


def at_reference_price(now: datetime) -> list[products.Product]:
    """Return every product at its reference price, for sale now or not (product rules, 4)."""
    return [
        _for_promos(product, stars=product.reference_stars)
        for product in Product.objects.with_reference_stars(now)
    ]


def _for_promos(product: Product, *, stars: int) -> products.Product:
    return products.Product(
        code=product.pk,
        titles={language: product.title(language) for language, _ in settings.LANGUAGES},
        stars=stars,
        premium_days=product.premium_days,
        energy=product.paid_energy,
    )


def goods_of(product_code: str) -> Goods:
    """Return what a product delivers, for sale or not. Raises LookupError if there is none."""
    product = Product.objects.filter(pk=product_code).first()
    if product is None:
        raise LookupError(product_code)
    return product.goods


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What the rules look at: the plan the player has, and when the product was last paid for."""

    active_plan: Plan | None
    # Of what is sold once in some days; None of all else.
    last_paid_at: datetime | None


def with_circumstances(
    rows: QuerySet[Row], *, player: Any, product: Any, now: datetime
) -> QuerySet[Row]:
    """Return `rows` with the circumstances of `player` and `product`: ids or OuterRefs.

    When something was paid last is looked up of what is sold once in some days only: for all others
    it decides nothing, and of a player with many purchases each look reads all of them.
    """
    is_rare = {f"{'' if rows.model is Product else 'product__'}once_per_days__isnull": False}
    plans = PremiumSpan.objects.active(now).filter(player=player)
    paid = Purchase.objects.filter(player=player, product=product, status__in=PAID)
    annotated: Any = rows.annotate(
        active_plan=Subquery(plans.values("plan")[:1]),
        last_paid_at=Case(
            When(**is_rare, then=Subquery(paid.order_by("-paid_at").values("paid_at")[:1]))
        ),
    )
    return cast("QuerySet[Row]", annotated)


def circumstances(row: Any) -> Circumstances:
    """Return what `with_circumstances` has found out about one row."""
    return Circumstances(
        active_plan=Plan(row.active_plan) if row.active_plan else None,
        last_paid_at=row.last_paid_at,
    )


def refusals(
    *, product: Product, player: Player, found: Circumstances, now: datetime
) -> list[RefusedError]:
    """Return every reason why the player cannot buy the product at `now`; product rules, 5.1.

    The same plan can be renewed, a higher one be bought any time; a lower one would only lie
    behind what the player has.
    """
    reasons = []
    if player.suspended_at is not None:
        reasons.append(RefusedError(Refusal.SUSPENDED))
    if not product.is_for_sale:
        reasons.append(RefusedError(Refusal.NOT_FOR_SALE))
    if product.once_per_days and found.last_paid_at is not None:
        again_at = found.last_paid_at + timedelta(days=product.once_per_days)
        if now < again_at:
            reasons.append(RefusedError(Refusal.TOO_SOON, until=again_at))
    if product.plan and found.active_plan and product.plan.rank < found.active_plan.rank:
        reasons.append(RefusedError(Refusal.LOWER_PLAN))
    return reasons


def refusals_of(purchase: Any, *, now: datetime) -> list[RefusedError]:
    """Return what the rules have against a purchase that was fetched with its circumstances."""
    return refusals(
        product=purchase.product,
        player=purchase.player,
        found=circumstances(purchase),
        now=now,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A product as one player sees it: `refused` says why it cannot be bought now.

    `stars` is what it would cost now: with `reservation`, the discount that makes it cheapest.
    """

    product: Product
    refused: RefusedError | None
    stars: int
    reservation: Redemption | None = None


def is_premium(product_code: str) -> bool:
    """Return whether a product is a Premium plan, for sale or not."""
    return Product.objects.filter(pk=product_code).exclude(premium="").exists()


def titles(codes: Collection[str], *, language: str) -> dict[str, str]:
    """Return what these products are called, those that are not for sale any more included."""
    return {code: one.title(language) for code, one in Product.objects.in_bulk(set(codes)).items()}


def available_products(*, player: Player, now: datetime) -> list[Offer]:
    """Return what is for sale, in the shop's order, as the player sees it. Two queries."""
    reservations = _reservations(player, now=now)
    products = with_circumstances(
        Product.objects.filter(is_for_sale=True), player=player.pk, product=OuterRef("pk"), now=now
    )
    return [
        _offer(product, player=player, reservations=reservations, now=now) for product in products
    ]


def buyable_by(player: Player, now: datetime) -> list[Buyable]:
    """Return what the player could buy at `now`, as promos have to know it. One query.

    Suspension is left out: promos check it themselves and report it as a reason of its own.
    """
    products = with_circumstances(
        Product.objects.filter(is_for_sale=True), player=player.pk, product=OuterRef("pk"), now=now
    )
    return [
        Buyable(code=product.pk, is_premium=product.plan is not None)
        for product in products
        if {
            error.refusal
            for error in refusals(
                product=product, player=player, found=circumstances(product), now=now
            )
        }
        <= {Refusal.SUSPENDED}
    ]


def reservation_for_tap(
    *, player: Player, product_code: str, quoted: int | None, now: datetime
) -> int | None:
    """Return with which discount a tap opens the purchase, so that no screen has promised less.

    `quoted` is the one with which the button shows the price; a better one that the player has
    entered since wins. What is not reserved any more stays: it will be refused. One query, with a
    choice two.
    """
    reserved = {reservation.pk: reservation for reservation in _reservations(player, now=now)}
    if not reserved.keys() - {quoted} or (quoted is not None and quoted not in reserved):
        return quoted
    product = Product.objects.filter(pk=product_code).first()
    best = _best(product, list(reserved.values())) if product else None
    if best is None or (
        quoted is not None and best.campaign.value < reserved[quoted].campaign.value
    ):
        return quoted
    return best.pk


def offers_with(reservation: Redemption) -> list[Offer]:
    """Return what a reservation, which may not be stored, makes cheaper for a newcomer."""
    priced = [(one, _price(one, reservation)) for one in Product.objects.filter(is_for_sale=True)]
    return [
        Offer(product=product, refused=None, stars=stars, reservation=reservation)
        for product, stars in priced
        if stars < product.stars
    ]


def _offer(
    product: Product, *, player: Player, reservations: Sequence[Redemption], now: datetime
) -> Offer:
    """Return the product, fetched with its circumstances, as the player sees it."""
    reasons = refusals(product=product, player=player, found=circumstances(product), now=now)
    best = _best(product, reservations)
    return Offer(
        product=product,
        refused=next(iter(reasons), None),
        stars=_price(product, best) if best else product.stars,
        reservation=best,
    )


def _reservations(player: Player, *, now: datetime) -> list[Redemption]:
    return list(Redemption.objects.reserved(now).select_related("campaign").filter(player=player))


def _best(product: Product, reservations: Sequence[Redemption]) -> Redemption | None:
    """Return the discount that makes the product cheapest, if one does."""
    best = min(reservations, key=lambda reservation: _price(product, reservation), default=None)
    return best if best is not None and _price(product, best) < product.stars else None


def _price(product: Product, reservation: Redemption) -> int:
    """Return what the product costs with the discount, if it is for it and its budget suffices."""
    campaign = reservation.campaign
    stars = discounted(stars=product.stars, percent=campaign.value)
    spent = campaign.stars_given + campaign.stars_reserved - reservation.stars_off
    fits = campaign.fits(product_code=product.pk, is_premium=product.plan is not None) and (
        campaign.stars_max is None or spent + product.stars - stars <= campaign.stars_max
    )
    return stars if fits else product.stars
