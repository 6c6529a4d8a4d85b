"""The API of payments: products, purchases with their invoice links, refunds."""

from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar
from uuid import UUID

import structlog
from django.db.models import BigIntegerField, QuerySet, Sum
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from kombu.exceptions import OperationalError
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from economy.goods import Plan
from payments import approvals, purchases, refunds, tasks
from payments.errors import NotRefundableError, Refusal, RefusedError
from payments.models import OPEN, Product, Purchase, Refund, RefundSource
from quizarena import advisory_locks
from quizarena.advisory_locks import Space
from quizarena.api import idempotency
from quizarena.api.authentication import client_of
from quizarena.api.idempotency import Answer
from quizarena.api.models import ApiClient, Scope
from quizarena.api.parsing import StrictSerializer, player_field, reason_field
from quizarena.api.problems import Problem, conflict, forbidden, no_player, unknown
from quizarena.api.schema import IDEMPOTENCY_KEY, REPLAYED, refusals
from quizarena.api.views import ApiView
from quizarena.players.models import Player
from quizarena.staff import audit, limits

# The refunds of all clients within this time count towards their limit of a day.
LIMIT_WINDOW = timedelta(hours=24)

log = structlog.get_logger(__name__)

# --- What is refused ------------------------------------------------------------------------------

# Each reason why a purchase cannot be opened: title, and what to do about it.
REFUSALS = {
    Refusal.NOT_FOR_SALE: (
        "The product is not for sale",
        "Choose one from the list of products; only some can be subscribed to.",
    ),
    Refusal.TOO_SOON: (
        "The player has bought it too recently",
        "Ask again at the time in `until`.",
    ),
    Refusal.LOWER_PLAN: (
        "The player has a higher plan",
        "Offer the same plan or a higher one, or wait until theirs has ended.",
    ),
    Refusal.SUSPENDED: (
        "The player is suspended",
        "Nothing can be sold to them until staff lift the suspension.",
    ),
    Refusal.SUBSCRIBED: (
        "The player is subscribed already",
        "Open a purchase without a subscription, or wait until theirs has ended.",
    ),
    Refusal.TOO_MANY_TODAY: (
        "The player has opened too many invoices today",
        "Open invoices can still be paid. Open new ones tomorrow (Berlin time).",
    ),
    Refusal.PROMO_EXPIRED: (
        "The discount is no longer reserved",
        "It has expired, was used, or is another player's. Redeem a code, or omit `redemption`.",
    ),
    Refusal.PROMO_NOT_FITTING: (
        "The discount does not fit the product",
        "It is for other products, and never for a subscription. Omit `redemption`.",
    ),
}


def refused(error: RefusedError) -> Problem:
    """Return the problem of a purchase that cannot be opened."""
    title, detail = REFUSALS[error.refusal]
    return conflict(
        error.refusal.value.lower(),
        title=title,
        detail=detail,
        more={"until": error.until.isoformat()} if error.until else None,
    )


def not_refundable() -> Problem:
    """Return the problem of a purchase for which there are no Stars to give back."""
    return conflict(
        "not_refundable",
        title="Nothing to refund",
        detail="The purchase was not paid: see its `status`.",
    )


def needs_staff(*, alone: int, day: int) -> Problem:
    """Return the problem of a refund that is too large for the API: over one of these limits."""
    return forbidden(
        "refund_needs_staff",
        title="Refund needs staff",
        detail="It is more than `stars_max`, or would make more than `stars_per_day_max` that the "
        "API has refunded in 24 hours. Ask staff to refund it in the admin.",
        more={
            "stars_max": alone,
            "stars_per_day_max": day,
        },
    )


def no_product() -> Problem:
    """Return the problem of a code that no product has."""
    detail = "No product has this code: see the list of products."
    return unknown("product", code="product_not_found", detail=detail)


# --- What is read and written ---------------------------------------------------------------------


class ProductText(serializers.Serializer[Any]):
    """What a product is called in one language."""

    title = serializers.CharField()
    description = serializers.CharField()


class ProductBody(serializers.ModelSerializer[Product]):
    """A product as the API shows it."""

    subscription = serializers.BooleanField(source="can_subscribe")
    premium = serializers.ChoiceField(
        [plan.value for plan in Plan], source="plan", allow_null=True, help_text="Null without."
    )
    texts = serializers.DictField(child=ProductText(), help_text="By language: de, en, uk.")

    class Meta:
        model = Product
        fields = (
            "code", "stars", "texts", "subscription", "once_per_days",
            "paid_energy", "streak_savers", "duel_tickets",
            "premium", "premium_days", "mode_codes", "mode_hours",
        )  # fmt: skip
        read_only_fields = fields


class RefundBody(serializers.ModelSerializer[Refund]):
    """A refund: asked for, and finished once the player has the Stars back."""

    class Meta:
        model = Refund
        fields = ("source", "reason", "asked_at", "finished_at")
        read_only_fields = fields


class PurchaseBody(serializers.ModelSerializer[Purchase]):
    """A purchase as the API shows it."""

    player = serializers.IntegerField(source="player.telegram_id", help_text="Telegram id.")
    product = serializers.CharField(
        source="product_id",
        allow_null=True,
        help_text="Null for a payment that belongs to no purchase of ours.",
    )
    subscription = serializers.BooleanField(source="is_subscription")
    redemption = serializers.IntegerField(
        source="redemption_id",
        allow_null=True,
        help_text="Id of the discount that it was opened with.",
    )
    invoice_link = serializers.SerializerMethodField(
        help_text="Opens the invoice in Telegram. Null until Telegram has made it, a second or two "
        "after the purchase is opened, and when it cannot be paid any more."
    )
    refund = RefundBody(allow_null=True)

    class Meta:
        model = Purchase
        fields = (
            "id", "player", "product", "subscription", "status", "base_stars", "percent", "stars",
            "redemption", "invoice_link", "opened_at", "paid_at", "refund",
        )  # fmt: skip
        read_only_fields = fields

    def get_invoice_link(self, purchase: Purchase) -> str | None:
        """Return the link while it can be used."""
        return purchase.invoice_link if purchase.status in OPEN and purchase.invoice_link else None


class NewPurchase(StrictSerializer):
    """What a player is to buy, and with which discount."""

    player = player_field()
    product = serializers.SlugField(max_length=32, help_text="Code of the product.")
    subscription = serializers.BooleanField(
        default=False, help_text="Renewed by Telegram every 30 days, for products that can be."
    )
    redemption = serializers.IntegerField(
        min_value=1,
        max_value=BigIntegerField.MAX_BIGINT,
        allow_null=True,
        default=None,
        help_text="Id of a discount reserved for the player; without one it costs the full price.",
    )


class NewRefund(StrictSerializer):
    """Why a purchase is to be refunded."""

    reason = reason_field()


# --- What can be asked ----------------------------------------------------------------------------

_PRODUCT = {
    "code": "ENERGY_10",
    "stars": 5,
    "texts": {
        "de": {
            "title": "10 Energiepunkte",
            "description": "10 Energiepunkte, die nicht verfallen.",
        },
        "en": {"title": "10 energy points", "description": "10 energy points that never expire."},
    },
    "subscription": False,
    "once_per_days": None,
    "paid_energy": 10,
    "streak_savers": 0,
    "duel_tickets": 0,
    "premium": "",
    "premium_days": 0,
    "mode_codes": [],
    "mode_hours": 0,
}
_PURCHASE = {
    "id": "6f1c3d0e-52a1-4f0c-9d53-0d6a8f1b7c11",
    "player": 700000001,
    "product": "ENERGY_10",
    "subscription": False,
    "status": "INVOICE_SENT",
    "base_stars": 5,
    "percent": 0,
    "stars": 5,
    "redemption": None,
    "invoice_link": "https://t.me/$Qm9zcyBvZiB0aGUgcXVpeg",
    "opened_at": "2026-11-22T13:00:00+01:00",
    "paid_at": None,
    "refund": None,
}
_OPENED = {**_PURCHASE, "status": "CREATED", "invoice_link": None}
_REFUNDED = {
    **_PURCHASE,
    "status": "CREDITED",
    "invoice_link": None,
    "paid_at": "2026-11-22T13:00:41+01:00",
    "refund": {
        "source": "API",
        "reason": "Bought twice by mistake.",
        "asked_at": "2026-11-22T13:05:00+01:00",
        "finished_at": None,
    },
}


def _found(purchase_id: UUID) -> Purchase:
    """Return the purchase with everything that the API shows of it. Raises Http404."""
    rows: QuerySet[Purchase] = Purchase.objects.select_related("player", "refund")
    return get_object_or_404(rows, pk=purchase_id)


class Products(ApiView):
    """What is for sale."""

    scopes: ClassVar = {"GET": Scope.PRODUCTS_READ}

    @extend_schema(
        operation_id="list_products",
        summary="List products for sale",
        tags=["products"],
        responses={
            200: OpenApiResponse(
                ProductBody(many=True),
                description="In the order of the shop.",
                examples=[OpenApiExample("Energy", value=_PRODUCT)],
            )
        },
    )
    def get(self, request: Request) -> Response:
        """Return the products for sale, in the order of the shop."""
        return Response(ProductBody(Product.objects.filter(is_for_sale=True), many=True).data)


class Purchases(ApiView):
    """Opening purchases."""

    scopes: ClassVar = {"POST": Scope.PURCHASES_WRITE}

    @extend_schema(
        operation_id="open_purchase",
        summary="Open a purchase",
        description="A player has one open purchase of a product: opening it again returns it, at "
        "the price at which it was opened; with another discount it is closed and opened anew. It "
        "is closed when nobody pays for 30 minutes. Telegram makes the link meanwhile: "
        "`invoice_link` is null at first. Ask again after a second, with the same Idempotency-Key "
        "or for the purchase itself, until it is there. If you get no answer, ask again with the "
        "same Idempotency-Key.",
        tags=["purchases"],
        parameters=[IDEMPOTENCY_KEY, REPLAYED],
        request=NewPurchase,
        responses={
            201: OpenApiResponse(
                PurchaseBody,
                description="The open purchase",
                examples=[
                    OpenApiExample("Opened", value=_OPENED),
                    OpenApiExample("A second later", value=_PURCHASE),
                ],
            ),
            **refusals(
                *(refused(RefusedError(refusal)) for refusal in REFUSALS),
                no_player(),
                no_product(),
            ),
        },
        examples=[
            OpenApiExample(
                "Energy", value={"player": 700000001, "product": "ENERGY_10"}, request_only=True
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """Open the purchase in one transaction; then a worker asks Telegram for the link."""
        wanted = NewPurchase.read(request.data)
        now = timezone.now()
        return idempotency.once(
            request,
            effect=partial(_open, **wanted, now=now),
            complete=_with_link,
            now=now,
        )


def _open(
    *, player: int, product: str, subscription: bool, redemption: int | None, now: datetime
) -> Answer:
    """Open the purchase."""
    buyer = Player.objects.filter(telegram_id=player).first()
    if buyer is None:
        raise no_player()
    if not Product.objects.filter(code=product).exists():
        raise no_product()
    try:
        purchase = purchases.open_purchase(
            player=buyer,
            product_code=product,
            is_subscription=subscription,
            redemption_id=redemption,
            now=now,
        )
    except RefusedError as error:
        raise refused(error) from error
    return Answer(status=status.HTTP_201_CREATED, body=PurchaseBody(purchase).data)


def _with_link(body: dict[str, Any]) -> Any:
    """Return the answer with the link if it is there by now; if not, have a worker make it."""
    if body["invoice_link"] is not None:
        return body
    purchase = _found(UUID(body["id"]))
    if not purchase.invoice_link and purchase.status in OPEN:
        try:
            tasks.make_invoice_link.apply_async((body["id"],), queue="critical", retry=False)
        except OperationalError as error:
            # The next tick of make_invoice_links finds it.
            log.warning("invoice_link.not_queued", purchase=body["id"], error=str(error))
    return PurchaseBody(purchase).data


class OnePurchase(ApiView):
    """A purchase."""

    scopes: ClassVar = {"GET": Scope.PURCHASES_READ}

    @extend_schema(
        operation_id="get_purchase",
        summary="Get a purchase",
        tags=["purchases"],
        responses={
            200: OpenApiResponse(
                PurchaseBody,
                description="As it is now",
                examples=[OpenApiExample("Not paid yet", value=_PURCHASE)],
            )
        },
    )
    def get(self, request: Request, purchase_id: UUID) -> Response:
        """Return the purchase as it is now."""
        return Response(PurchaseBody(_found(purchase_id)).data)


class Refunds(ApiView):
    """Giving Stars back."""

    scopes: ClassVar = {"POST": Scope.REFUNDS_WRITE}

    @extend_schema(
        operation_id="refund_purchase",
        summary="Refund a purchase",
        description="Accepted means that Telegram will be asked until the player has the Stars "
        "back; then everything that the purchase delivered is taken back, and `status` becomes "
        "`REFUNDED`. A purchase has one refund: asking again returns it.",
        tags=["purchases"],
        parameters=[IDEMPOTENCY_KEY, REPLAYED],
        request=NewRefund,
        responses={
            202: OpenApiResponse(
                PurchaseBody,
                description="Accepted",
                examples=[OpenApiExample("On its way", value=_REFUNDED)],
            ),
            **refusals(needs_staff(alone=100, day=500), not_refundable()),
        },
        examples=[
            OpenApiExample(
                "A mistake", value={"reason": "Bought twice by mistake."}, request_only=True
            )
        ],
    )
    def post(self, request: Request, purchase_id: UUID) -> Response:
        """Store the intent to refund; the saga of payments/refunds.py carries it out."""
        wanted = NewRefund.read(request.data)
        now = timezone.now()
        return idempotency.once(
            request,
            effect=partial(
                _refund,
                purchase_id=purchase_id,
                reason=wanted["reason"],
                client=client_of(request),
                now=now,
            ),
            now=now,
        )


def _refund(*, purchase_id: UUID, reason: str, client: ApiClient, now: datetime) -> Answer:
    """Decide to refund, within what the API may refund without staff."""
    _lock_the_limit()
    purchase = _found(purchase_id)
    if purchase.refund_asked_at is None:
        stars = purchase.paid_stars or 0
        recent = Refund.objects.filter(source=RefundSource.API, asked_at__gt=now - LIMIT_WINDOW)
        spent: int = recent.aggregate(stars=Sum("purchase__paid_stars", default=0))["stars"]
        alone = limits.of_api_clients(approvals.REFUND_ALONE.name)
        day = limits.of_api_clients(approvals.REFUND_DAY.name)
        if stars > alone or spent + stars > day:
            raise needs_staff(alone=alone, day=day)
        try:
            refunds.ask(purchase_id=purchase_id, source=RefundSource.API, reason=reason, now=now)
        except NotRefundableError as error:
            raise not_refundable() from error
        audit.record(
            actor=None,
            action="purchase.refund_asked",
            obj=purchase,
            summary=f"{purchase}: refund asked for by the API client {client}. {reason}",
            details={"client": client.pk},
        )
    return Answer(status=status.HTTP_202_ACCEPTED, body=PurchaseBody(_found(purchase_id)).data)


def _lock_the_limit() -> None:
    """Decide about one refund at a time: two of them must not pass the day's limit together."""
    advisory_locks.lock(Space.API_REFUND_LIMIT)
