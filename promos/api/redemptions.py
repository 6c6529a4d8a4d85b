"""Redemptions in the API: redeeming and testing codes, and taking back what they have given."""

from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from math import ceil
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from promos import redemptions
from promos.api.campaigns import CAMPAIGN_EXAMPLE, CampaignBody
from promos.api.problems import REFUSALS, not_applied, refund_instead, refused
from promos.errors import KeyReusedError, Refusal
from promos.models import (
    Campaign,
    CampaignKind,
    Channel,
    Redemption,
    RedemptionStatus,
)
from promos.rules import Reason
from quizarena.api import idempotency
from quizarena.api.authentication import client_of
from quizarena.api.idempotency import Answer
from quizarena.api.models import ApiClient, Scope
from quizarena.api.parsing import StrictSerializer, player_field, reason_field, words_field
from quizarena.api.problems import no_player
from quizarena.api.schema import IDEMPOTENCY_KEY, REPLAYED, refusals
from quizarena.api.views import ApiView
from quizarena.players.models import Player
from quizarena.staff import audit

# Longer than any code with its hyphens: nobody has typed it.
CODE_MAX_LENGTH = 128


class CampaignName(serializers.ModelSerializer[Campaign]):
    """Which campaign it is."""

    class Meta:
        model = Campaign
        fields = ("id", "name")
        read_only_fields = fields


class RedemptionBody(serializers.ModelSerializer[Redemption]):
    """A player's use of a code."""

    player = serializers.IntegerField(source="player.telegram_id", help_text="Telegram id.")
    kind = serializers.ChoiceField(CampaignKind.choices, source="campaign.kind")
    value = serializers.IntegerField(
        source="campaign.value", help_text="Days of Premium, points of energy, or per cent off."
    )
    scope = serializers.ChoiceField(
        Campaign._meta.get_field("scope").flatchoices, source="campaign.scope"
    )
    product = serializers.CharField(
        source="campaign.product_code", help_text="What a discount with the scope PRODUCT is for."
    )
    reserved_until = serializers.DateTimeField(
        allow_null=True,
        help_text="Until when a discount is reserved; null for what arrives at once.",
    )
    campaign = CampaignName()

    class Meta:
        model = Redemption
        fields = (
            "id", "player", "status", "kind", "value", "scope", "product", "reserved_until",
            "created_at", "campaign",
        )  # fmt: skip
        read_only_fields = fields


class Entered(StrictSerializer):
    """A code that a player has entered."""

    player = player_field()
    code = words_field(
        max_length=CODE_MAX_LENGTH, help_text="As it was typed: spaces, hyphens and case are free."
    )


class Verdict(serializers.Serializer[Any]):
    """What would become of a code."""

    works = serializers.BooleanField()
    refusal = serializers.ChoiceField(
        [refusal.value for refusal in Refusal],
        allow_null=True,
        help_text="The error code that the player would get.",
    )
    reasons = serializers.ListField(
        child=serializers.ChoiceField([reason.value for reason in Reason]),
        help_text="Everything that stands against it, what decides first.",
    )
    campaign = CampaignBody(allow_null=True, help_text="Null for a code that does not exist.")


class NewRollback(StrictSerializer):
    """Why a redemption is rolled back."""

    reason = reason_field()


_REDEMPTION = {
    "id": 1,
    "player": 700000001,
    "status": "RESERVED",
    "kind": "PERCENT_DISCOUNT",
    "value": 20,
    "scope": "PREMIUM_ANY",
    "product": "",
    "reserved_until": "2026-11-22T13:15:00+01:00",
    "created_at": "2026-11-22T13:00:00+01:00",
    "campaign": {"id": 1, "name": "Advent"},
}
_GRANT = {
    **_REDEMPTION,
    "status": "REVOKED",
    "kind": "ENERGY_GRANT",
    "value": 10,
    "scope": "ANY",
    "reserved_until": None,
}
_ENTERED = OpenApiExample(
    "A code", value={"player": 700000001, "code": "advent-2026"}, request_only=True
)
_BLOCKED = refused(
    Refusal.RATE_LIMITED,
    blocked_until=datetime.fromisoformat("2026-11-22T14:00:00+01:00"),
)


def _player(telegram_id: int) -> Player:
    """Return the player. Raises Problem."""
    player = Player.objects.filter(telegram_id=telegram_id).first()
    if player is None:
        raise no_player()
    return player


class Redeem(ApiView):
    """Redeeming codes."""

    scopes: ClassVar = {"POST": Scope.PROMOS_REDEEM}

    @extend_schema(
        operation_id="redeem_promo",
        summary="Redeem a code for a player",
        description="Goods arrive at once. A discount is reserved for the player until "
        "`reserved_until`: the player uses it in the bot's shop, or you open a purchase with its "
        "`id`. Redeeming it again meanwhile returns the same reservation. Every attempt is stored "
        "and counts, also a refused one (`E_PROMO_…`); the same Idempotency-Key gets the same "
        "refusal again.",
        tags=["promos"],
        parameters=[IDEMPOTENCY_KEY, REPLAYED],
        request=Entered,
        responses={
            201: OpenApiResponse(
                RedemptionBody,
                description="Redeemed",
                examples=[OpenApiExample("A discount", value=_REDEMPTION)],
            ),
            **refusals(
                *(refused(refusal) for refusal in REFUSALS if refusal != Refusal.RATE_LIMITED),
                _BLOCKED,
                no_player(),
            ),
        },
        examples=[_ENTERED],
    )
    def post(self, request: Request) -> Response:
        """Let the player use the code, under the client's own key."""
        entered = Entered.read(request.data)
        now = timezone.now()
        sent = request.headers.get("Idempotency-Key", "")
        key = f"api:{client_of(request).pk}:{sha256(sent.encode()).hexdigest()}"
        answer = idempotency.once(
            request, effect=partial(_redeem, **entered, key=key, now=now), now=now
        )
        if answer.status_code == status.HTTP_429_TOO_MANY_REQUESTS:
            until = answer.data.get("blocked_until")
            left = datetime.fromisoformat(until) - now if until else timedelta()
            answer["Retry-After"] = str(max(0, ceil(left.total_seconds())))
        return answer


def _redeem(*, player: int, code: str, key: str, now: datetime) -> Answer:
    """Redeem the code; a refusal is an answer, too, since the try has been written down."""
    try:
        result = redemptions.redeem(
            player=_player(player), raw=code, channel=Channel.API, key=key, now=now
        )
    except KeyReusedError as error:
        # The try is kept for longer than the answer.
        raise idempotency.key_reused() from error
    if result.redemption is not None:
        return Answer(status=status.HTTP_201_CREATED, body=_shown(result.redemption.pk))
    assert result.refusal
    problem = refused(result.refusal, blocked_until=result.blocked_until)
    return Answer(status=problem.status_code, body=problem.body())


def _shown(redemption_id: int) -> Any:
    """Return a redemption as it is sent."""
    rows = Redemption.objects.select_related("player", "campaign")
    return RedemptionBody(rows.get(pk=redemption_id)).data


class Test(ApiView):
    """Trying codes without using them."""

    scopes: ClassVar = {"POST": Scope.PROMOS_TEST}

    @extend_schema(
        operation_id="test_promo",
        summary="Test a code for a player",
        description="Nothing is written, so it needs no Idempotency-Key and is no try. For systems "
        "of staff: it reveals what a guesser must not learn.",
        tags=["promos"],
        request=Entered,
        responses={
            200: OpenApiResponse(
                Verdict,
                description="What would happen now",
                examples=[
                    OpenApiExample(
                        "Not for this player",
                        value={
                            "works": False,
                            "refusal": "E_PROMO_NOT_APPLICABLE",
                            "reasons": ["HAS_BOUGHT"],
                            "campaign": CAMPAIGN_EXAMPLE,
                        },
                    )
                ],
            ),
            **refusals(no_player()),
        },
        examples=[_ENTERED],
    )
    def post(self, request: Request) -> Response:
        """Look at everything that a try would look at."""
        entered = Entered.read(request.data)
        raw, player = entered["code"], _player(entered["player"])
        against = redemptions.refusal_reasons(player=player, raw=raw, now=timezone.now())
        code = redemptions.find(raw)
        verdict = {
            "works": not against,
            "refusal": against[0].refusal if against else None,
            "reasons": against,
            "campaign": code.campaign if code else None,
        }
        return Response(Verdict(verdict).data)


class Rollback(ApiView):
    """Taking back what a redemption has given."""

    scopes: ClassVar = {"POST": Scope.PROMOS_WRITE}

    @extend_schema(
        operation_id="roll_back_redemption",
        summary="Take back what a redemption has given",
        description="What the player has used up stays used; Premium ends at once. The redemption "
        "is REVOKED and the campaign's use stays used: nobody else gets it. Rolling back again "
        "changes nothing. A discount has given nothing by itself: refund its purchase, which "
        "revokes it, too.",
        tags=["promos"],
        parameters=[IDEMPOTENCY_KEY, REPLAYED],
        request=NewRollback,
        responses={
            200: OpenApiResponse(
                RedemptionBody,
                description="Revoked",
                examples=[OpenApiExample("Energy", value=_GRANT)],
            ),
            **refusals(not_applied(Redemption(status=RedemptionStatus.EXPIRED)), refund_instead()),
        },
        examples=[
            OpenApiExample(
                "A mistake", value={"reason": "Given to the wrong player."}, request_only=True
            )
        ],
    )
    def post(self, request: Request, redemption_id: int) -> Response:
        """Take it back once."""
        wanted = NewRollback.read(request.data)
        now = timezone.now()
        return idempotency.once(
            request,
            effect=partial(
                _roll_back,
                redemption_id=redemption_id,
                reason=wanted["reason"],
                client=client_of(request),
                now=now,
            ),
            now=now,
        )


def _roll_back(*, redemption_id: int, reason: str, client: ApiClient, now: datetime) -> Answer:
    """Take the grant back, unless that is done. Locks the redemption, then the wallet."""
    rows: QuerySet[Redemption] = Redemption.objects.select_related("campaign", "code")
    redemption = get_object_or_404(rows, pk=redemption_id)
    if redemption.status != RedemptionStatus.REVOKED:
        if redemption.status != RedemptionStatus.APPLIED:
            raise not_applied(redemption)
        if redemption.campaign.is_discount:
            raise refund_instead()
        reversal = redemptions.reverse(
            redemption_id=redemption_id, reason=reason, now=now, staff=None
        )
        # None: somebody was faster.
        if reversal is not None:
            audit.record(
                actor=None,
                action="redemption.rolled_back",
                obj=redemption,
                summary=f"{redemption}: rolled back by the API client {client}. {reason}",
                details={"client": client.pk, "reason": reason},
            )
    return Answer(status=status.HTTP_200_OK, body=_shown(redemption_id))
