"""The API of promos: redeeming and testing codes, running campaigns, taking back grants."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from math import ceil
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from promos import campaigns, planning, redemptions, statistics
from promos.errors import IllegalMoveError, IncompleteError, KeyReusedError, Refusal
from promos.models import (
    Campaign,
    CampaignKind,
    CampaignStatus,
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
from quizarena.api.problems import Problem, conflict, forbidden, no_player
from quizarena.api.schema import IDEMPOTENCY_KEY, REPLAYED, refusals
from quizarena.api.views import ApiView
from quizarena.players.models import Player
from quizarena.staff import audit, limits

# Longer than any code with its hyphens: nobody has typed it.
CODE_MAX_LENGTH = 128
# So many campaigns are on a page.
PAGE = 50

# Where a client can move a campaign; the rest of its life happens by itself.
TARGETS = [
    (target.value, target.label)
    for target in (CampaignStatus.ACTIVE, CampaignStatus.PAUSED, CampaignStatus.ENDED)
]

# --- What is refused ------------------------------------------------------------------------------

# Each reason why a code is not accepted: title, and what to do about it.
_REFUSALS = {
    Refusal.INVALID: (
        "There is no such code",
        "Check how it is written: the fifth failure within a day blocks the player for an hour.",
    ),
    Refusal.EXPIRED: (
        "The code is no longer valid",
        "Its campaign is over, or all uses are taken. Offer another code.",
    ),
    Refusal.ALREADY_USED: (
        "The code has been used",
        "The player has used it before, or it works once and another player has used it.",
    ),
    Refusal.NOT_APPLICABLE: (
        "The code is not for this player",
        "It is for other players, for example new ones or another language. Offer another code.",
    ),
    Refusal.RATE_LIMITED: (
        "The player has failed too often",
        "Ask again at the time in `blocked_until`, with a new Idempotency-Key.",
    ),
    Refusal.PAUSED: (
        "The code is paused",
        "It may work again later. Ask then, with a new Idempotency-Key.",
    ),
}


def refused(refusal: Refusal, *, blocked_until: datetime | None = None) -> Problem:
    """Return the problem of a code that is not accepted; why exactly is not for whoever guesses."""
    title, detail = _REFUSALS[refusal]
    until = timezone.localtime(blocked_until).isoformat() if blocked_until else None
    return Problem(
        refusal.value,
        status=refusal.http_status,
        title=title,
        detail=detail,
        more={"blocked_until": until} if until else None,
    )


def status_changed(campaign: Campaign) -> Problem:
    """Return the problem of a campaign that is not as the client has seen it."""
    return conflict(
        "status_changed",
        title="The campaign has changed",
        detail="`current_status` is its status now. Get the campaign again before you decide.",
        more={"current_status": campaign.status},
    )


def illegal_move(campaign: Campaign, why: str) -> Problem:
    """Return the problem of a move that does not exist from where the campaign is."""
    return conflict(
        "illegal_move",
        title="Status change not allowed",
        detail=why,
        more={"current_status": campaign.status},
    )


def incomplete(error: IncompleteError) -> Problem:
    """Return the problem of a campaign that nobody could use."""
    return Problem(
        "campaign_incomplete",
        status=status.HTTP_422_UNPROCESSABLE_ENTITY,
        title="The campaign is not ready",
        detail="Operators have to complete it in the admin: see `reasons`.",
        more={"reasons": list(error.reasons)},
    )


def needs_second_person(*, limit: int) -> Problem:
    """Return the problem of a campaign that can cost more Stars than a client may start."""
    return forbidden(
        "needs_second_person",
        title="A second person has to approve",
        detail="It can cost more than `stars_max`, or has no limit. Staff start it in the admin.",
        more={"stars_max": limit},
    )


def not_applied(redemption: Redemption) -> Problem:
    """Return the problem of a redemption that has given nothing."""
    return conflict(
        "not_applied",
        title="Nothing to roll back",
        detail="The redemption has given nothing: see `current_status`.",
        more={"current_status": redemption.status},
    )


def refund_instead() -> Problem:
    """Return the problem of a discount, of which there is nothing to take back but the purchase."""
    return conflict(
        "refund_the_purchase",
        title="Refund the purchase instead",
        detail="A discount gives nothing by itself. The refund of its purchase revokes it.",
    )


# --- What is read and written ---------------------------------------------------------------------


class CampaignBody(serializers.ModelSerializer[Campaign]):
    """A campaign as the API shows it."""

    value = serializers.IntegerField(
        help_text="Days of Premium, points of energy, or per cent off."
    )
    product = serializers.CharField(
        source="product_code", help_text="What a discount with the scope PRODUCT is for."
    )
    applied = serializers.IntegerField(help_text="Uses, whether or not refunded afterwards.")
    held = serializers.IntegerField(
        source="reserved", help_text="Discounts that are reserved for players now."
    )
    stars_held = serializers.IntegerField(
        source="stars_reserved", help_text="What the reserved discounts take off."
    )

    class Meta:
        model = Campaign
        fields = (
            "id", "name", "status", "kind", "value", "scope", "product",
            "starts_at", "ends_at", "uses_max", "stars_max",
            "for_new_players", "for_first_purchase", "for_language", "for_level",
            "for_lapsed_days", "held", "applied", "stars_held", "stars_given",
            "created_at", "changed_at",
        )  # fmt: skip
        read_only_fields = fields


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
        max_length=CODE_MAX_LENGTH, help_text="As it was typed: blanks, hyphens and case are free."
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


class CampaignsWanted(StrictSerializer):
    """Which campaigns are listed."""

    status = serializers.ChoiceField(CampaignStatus.choices, required=False)
    kind = serializers.ChoiceField(CampaignKind.choices, required=False)
    cursor = serializers.RegexField(
        r"^[0-9]{1,18}$",
        required=False,
        trim_whitespace=False,
        help_text="What `next` of the page before says.",
    )


class CampaignsPage(serializers.Serializer[Any]):
    """Some of the campaigns."""

    results = CampaignBody(many=True)
    next = serializers.CharField(allow_null=True, help_text="Cursor of the next page, if any.")


class NewStatus(StrictSerializer):
    """Where a campaign is to go."""

    status = serializers.ChoiceField(TARGETS)
    expected_status = serializers.ChoiceField(
        CampaignStatus.choices,
        help_text="Where you have seen it. If it is somewhere else by now, nothing happens.",
    )
    reason = reason_field()


class StatisticsBody(serializers.Serializer[Any]):
    """What has come of a campaign."""

    attempts = serializers.IntegerField(help_text="How often its codes were entered.")
    accepted = serializers.IntegerField(help_text="Redemptions, whatever became of them.")
    held = serializers.IntegerField(help_text="Discounts that are reserved for players now.")
    applied = serializers.IntegerField(help_text="Uses, whether or not refunded afterwards.")
    revoked = serializers.IntegerField(help_text="Of those the ones that went back.")
    refusals = serializers.DictField(
        child=serializers.IntegerField(), help_text="How often, by what stood against it."
    )
    stars_given = serializers.IntegerField(help_text="What its discounts have taken off.")


class NewRollback(StrictSerializer):
    """Why a redemption is rolled back."""

    reason = reason_field()


# --- What can be asked ----------------------------------------------------------------------------

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
_CAMPAIGN = {
    "id": 1,
    "name": "Advent",
    "status": "ACTIVE",
    "kind": "PERCENT_DISCOUNT",
    "value": 20,
    "scope": "PREMIUM_ANY",
    "product": "",
    "starts_at": "2026-11-22T00:00:00+01:00",
    "ends_at": "2026-12-25T00:00:00+01:00",
    "uses_max": 500,
    "stars_max": None,
    "for_new_players": False,
    "for_first_purchase": True,
    "for_language": "",
    "for_level": "",
    "for_lapsed_days": None,
    "held": 1,
    "applied": 41,
    "stars_held": 20,
    "stars_given": 812,
    "created_at": "2026-11-20T09:30:00+01:00",
    "changed_at": "2026-11-21T10:00:00+01:00",
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
                *(refused(refusal) for refusal in _REFUSALS if refusal != Refusal.RATE_LIMITED),
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
                            "campaign": _CAMPAIGN,
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


class Campaigns(ApiView):
    """All campaigns."""

    scopes: ClassVar = {"GET": Scope.PROMOS_READ}

    @extend_schema(
        operation_id="list_campaigns",
        summary="List campaigns",
        tags=["promos"],
        parameters=[CampaignsWanted],
        responses={
            200: OpenApiResponse(
                CampaignsPage,
                description=f"The newest first, {PAGE} on a page.",
                examples=[OpenApiExample("A page", value={"results": [_CAMPAIGN], "next": "1"})],
            )
        },
    )
    def get(self, request: Request) -> Response:
        """Return a page of campaigns, the newest first."""
        filters = CampaignsWanted.read(request.query_params.dict())
        if cursor := filters.pop("cursor", None):
            filters["pk__lt"] = int(cursor)
        # One more than fits tells whether there is a next page: nobody counts.
        found = list(Campaign.objects.filter(**filters).order_by("-pk")[: PAGE + 1])
        page = found[:PAGE]
        more = str(page[-1].pk) if len(found) > PAGE else None
        return Response(CampaignsPage({"results": page, "next": more}).data)


class OneCampaign(ApiView):
    """A campaign."""

    scopes: ClassVar = {"GET": Scope.PROMOS_READ}

    @extend_schema(
        operation_id="get_campaign",
        summary="Get a campaign",
        tags=["promos"],
        responses={
            200: OpenApiResponse(
                CampaignBody,
                description="As it is now",
                examples=[OpenApiExample("Running", value=_CAMPAIGN)],
            )
        },
    )
    def get(self, request: Request, campaign_id: int) -> Response:
        """Return the campaign as it is now."""
        return Response(CampaignBody(get_object_or_404(Campaign, pk=campaign_id)).data)


class Status(ApiView):
    """Where a campaign is in its life."""

    scopes: ClassVar = {"POST": Scope.PROMOS_WRITE}

    @extend_schema(
        operation_id="set_campaign_status",
        summary="Start, pause, unpause or end a campaign",
        description="ACTIVE starts a draft and unpauses what is paused; what is EXPIRED, DEPLETED "
        "or ENDED never comes back.",
        tags=["promos"],
        parameters=[IDEMPOTENCY_KEY, REPLAYED],
        request=NewStatus,
        responses={
            200: OpenApiResponse(
                CampaignBody,
                description="Done",
                examples=[OpenApiExample("Paused", value={**_CAMPAIGN, "status": "PAUSED"})],
            ),
            **refusals(
                status_changed(Campaign(status=CampaignStatus.DEPLETED)),
                illegal_move(Campaign(status=CampaignStatus.PAUSED), "Its window is over."),
                incomplete(IncompleteError(["It has no code."])),
                needs_second_person(limit=5_000),
            ),
        },
        examples=[
            OpenApiExample(
                "Pause",
                value={
                    "status": "PAUSED",
                    "expected_status": "ACTIVE",
                    "reason": "The shop is closed tonight.",
                },
                request_only=True,
            )
        ],
    )
    def post(self, request: Request, campaign_id: int) -> Response:
        """Move the campaign, if it is still where the client has seen it."""
        wanted = NewStatus.read(request.data)
        now = timezone.now()
        return idempotency.once(
            request,
            effect=partial(
                _set_status,
                campaign_id=campaign_id,
                target=wanted["status"],
                expected=wanted["expected_status"],
                reason=wanted["reason"],
                client=client_of(request),
                now=now,
            ),
            now=now,
        )


# What brings a campaign to a status; only a draft is started.
_MOVES: dict[str, Callable[..., Campaign]] = {
    CampaignStatus.ACTIVE: campaigns.unpause,
    CampaignStatus.PAUSED: campaigns.pause,
    CampaignStatus.ENDED: campaigns.end,
}


def _set_status(
    *,
    campaign_id: int,
    target: str,
    expected: str,
    reason: str,
    client: ApiClient,
    now: datetime,
) -> Answer:
    """Move the campaign. Locks it first, so that what is expected is compared with what is."""
    # What one client lets run on a day is added up: its starts wait for each other.
    ApiClient.objects.select_for_update(no_key=True).get(pk=client.pk)
    try:
        campaign = campaigns.lock(campaign_id)
    except Campaign.DoesNotExist:
        raise Http404 from None
    if campaign.status != expected:
        raise status_changed(campaign)
    is_start = (campaign.status, target) == (CampaignStatus.DRAFT, CampaignStatus.ACTIVE)
    if is_start and planning.why_a_second_person(campaign, staff=None, client=client, now=now):
        raise needs_second_person(limit=limits.of_api_clients(planning.DAY_COST.name))
    move = partial(campaigns.start, client=client) if is_start else _MOVES[target]
    why = f"By the API client {client}: {reason}"
    try:
        moved = move(campaign_id=campaign_id, reason=why, now=now, staff=None)
    except IncompleteError as error:
        raise incomplete(error) from error
    except IllegalMoveError as error:
        raise illegal_move(campaign, str(error)) from error
    return Answer(status=status.HTTP_200_OK, body=CampaignBody(moved).data)


class Statistics(ApiView):
    """What has come of a campaign."""

    scopes: ClassVar = {"GET": Scope.PROMOS_READ}

    @extend_schema(
        operation_id="get_campaign_statistics",
        summary="Get the statistics of a campaign",
        description="The same numbers as on the campaign's page in the admin.",
        tags=["promos"],
        responses={
            200: OpenApiResponse(
                StatisticsBody,
                description="Until now",
                examples=[
                    OpenApiExample(
                        "Advent",
                        value={
                            "attempts": 71,
                            "accepted": 52,
                            "held": 1,
                            "applied": 41,
                            "revoked": 2,
                            "refusals": {"HAS_BOUGHT": 15, "USED_BY_PLAYER": 4},
                            "stars_given": 812,
                        },
                    )
                ],
            )
        },
    )
    def get(self, request: Request, campaign_id: int) -> Response:
        """Count attempts and redemptions."""
        campaign = get_object_or_404(Campaign, pk=campaign_id)
        attempts = statistics.attempts(campaign)
        funnel = statistics.funnel(campaign, attempts=sum(attempts.values()))
        # What was accepted has no reason.
        attempts.pop("", None)
        counted = {
            "attempts": funnel.attempts,
            "accepted": funnel.accepted,
            "held": funnel.reserved,
            "applied": funnel.used,
            "revoked": funnel.refunded,
            "refusals": attempts,
            "stars_given": campaign.stars_given,
        }
        return Response(StatisticsBody(counted).data)


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
