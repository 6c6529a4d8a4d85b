"""Campaigns in the API: listed, read, moved, and counted."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, ClassVar

from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from promos import campaigns, planning, statistics, tags
from promos.api.problems import (
    illegal_move,
    incomplete,
    needs_second_person,
    status_changed,
    terms_not_possible,
)
from promos.errors import BadTermsError, IllegalMoveError, IncompleteError
from promos.models import (
    HOLDOUT_MAX,
    OVER,
    Campaign,
    CampaignKind,
    CampaignStatus,
)
from quizarena.api import idempotency
from quizarena.api.authentication import client_of
from quizarena.api.idempotency import Answer
from quizarena.api.models import ApiClient, Scope
from quizarena.api.parsing import StrictSerializer, reason_field, words_field
from quizarena.api.schema import IDEMPOTENCY_KEY, REPLAYED, refusals
from quizarena.api.views import ApiView
from quizarena.staff import limits

# So many campaigns are on a page.
PAGE = 50
# Before blanks and hyphens are unified.
TAG_AS_SENT_MAX = 100
# Where a client can move a campaign; the rest of its life happens by itself.
TARGETS = [
    (target.value, target.label)
    for target in (CampaignStatus.ACTIVE, CampaignStatus.PAUSED, CampaignStatus.ENDED)
]


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

    holdout_percent = serializers.IntegerField(
        help_text="Of a hundred players so many get nothing, for comparison."
    )
    tags = serializers.ListField(child=serializers.CharField(), help_text="In order.")

    class Meta:
        model = Campaign
        fields = (
            "id", "name", "status", "kind", "value", "scope", "product",
            "starts_at", "ends_at", "uses_max", "stars_max",
            "for_new_players", "for_first_purchase", "for_language", "for_level",
            "for_lapsed_days", "holdout_percent", "tags",
            "held", "applied", "stars_held", "stars_given", "created_at", "changed_at",
        )  # fmt: skip
        read_only_fields = fields


class CampaignsWanted(StrictSerializer):
    """Which campaigns are listed."""

    status = serializers.ChoiceField(CampaignStatus.choices, required=False)
    kind = serializers.ChoiceField(CampaignKind.choices, required=False)
    tag = words_field(
        max_length=TAG_AS_SENT_MAX,
        help_text="Those that have this tag, however it is written.",
        required=False,
    )
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


class NewTerms(StrictSerializer):
    """What of a campaign is to be otherwise; what is left out stays."""

    holdout_percent = serializers.IntegerField(
        required=False,
        min_value=0,
        max_value=HOLDOUT_MAX,
        help_text="Of a draft with a shared code only.",
    )
    tags = serializers.ListField(
        child=words_field(max_length=TAG_AS_SENT_MAX, help_text="A tag."),
        required=False,
        max_length=tags.TAGS_MAX,
        help_text="All that it has then. They are stored in lower case and in order.",
    )
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


CAMPAIGN_EXAMPLE = {
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
    "holdout_percent": 10,
    "tags": ["advent", "schools"],
    "held": 1,
    "applied": 41,
    "stars_held": 20,
    "stars_given": 812,
    "created_at": "2026-11-20T09:30:00+01:00",
    "changed_at": "2026-11-21T10:00:00+01:00",
}


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
                examples=[
                    OpenApiExample("A page", value={"results": [CAMPAIGN_EXAMPLE], "next": "1"})
                ],
            )
        },
    )
    def get(self, request: Request) -> Response:
        """Return a page of campaigns, the newest first."""
        filters = CampaignsWanted.read(request.query_params.dict())
        if cursor := filters.pop("cursor", None):
            filters["pk__lt"] = int(cursor)
        if tag := filters.pop("tag", None):
            filters |= _tagged(tag)
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
                examples=[OpenApiExample("Running", value=CAMPAIGN_EXAMPLE)],
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
                examples=[OpenApiExample("Paused", value={**CAMPAIGN_EXAMPLE, "status": "PAUSED"})],
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
    campaign = _lock(campaign_id)
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


class Terms(ApiView):
    """What of a campaign a client can change."""

    scopes: ClassVar = {"POST": Scope.PROMOS_WRITE}

    @extend_schema(
        operation_id="set_campaign_terms",
        summary="Change the holdout or the tags of a campaign",
        description="The same rules as in the admin: the holdout is fixed once the campaign has "
        "started, and goes with a shared code only; tags can change in every state.",
        tags=["promos"],
        parameters=[IDEMPOTENCY_KEY, REPLAYED],
        request=NewTerms,
        responses={
            200: OpenApiResponse(
                CampaignBody,
                description="Done",
                examples=[OpenApiExample("Changed", value=CAMPAIGN_EXAMPLE)],
            ),
            **refusals(
                terms_not_possible(BadTermsError("holdout_percent", campaigns.NO_UNIQUE_CODES)),
                status_changed(Campaign(status=CampaignStatus.ACTIVE)),
                illegal_move(Campaign(status=CampaignStatus.ENDED), "It is ended: clone it."),
            ),
        },
        examples=[
            OpenApiExample(
                "A tenth gets nothing",
                value={
                    "holdout_percent": 10,
                    "expected_status": "DRAFT",
                    "reason": "We want to know what it brings.",
                },
                request_only=True,
            )
        ],
    )
    def post(self, request: Request, campaign_id: int) -> Response:
        """Change the campaign, if it is still where the client has seen it."""
        wanted = NewTerms.read(request.data)
        now = timezone.now()
        return idempotency.once(
            request,
            effect=partial(
                _set_terms,
                campaign_id=campaign_id,
                wanted=wanted,
                client=client_of(request),
                now=now,
            ),
            now=now,
        )


def _set_terms(
    *, campaign_id: int, wanted: dict[str, Any], client: ApiClient, now: datetime
) -> Answer:
    """Change the campaign. Locks it first, so that what is expected is compared with what is."""
    names = ("holdout_percent", "tags")
    terms: dict[str, Any] = {name: wanted[name] for name in names if name in wanted}
    campaign = _lock(campaign_id)
    if campaign.status != wanted["expected_status"]:
        raise status_changed(campaign)
    why = f"By the API client {client}: {wanted['reason']}"
    try:
        if "tags" in terms:
            terms["tags"] = tags.in_order(terms["tags"])
        if campaign.status in OVER and terms.keys() == {"tags"}:
            changed = tags.replace(campaign, terms["tags"], now=now, staff=None, reason=why)
        else:
            changed = planning.edit(
                campaign_id=campaign_id,
                terms=terms,
                seen_at=campaign.changed_at,
                now=now,
                staff=None,
                reason=why,
            )
    except BadTermsError as error:
        raise terms_not_possible(error) from error
    except IllegalMoveError as error:
        raise illegal_move(campaign, str(error)) from error
    return Answer(status=status.HTTP_200_OK, body=CampaignBody(changed).data)


def _tagged(tag: str) -> dict[str, Any]:
    """Return the filter of campaigns that have the tag; none has what cannot be one."""
    try:
        return {"tags__contains": [tags.normalise(tag)]}
    except BadTermsError:
        return {"pk__in": []}


def _lock(campaign_id: int) -> Campaign:
    try:
        return campaigns.lock(campaign_id)
    except Campaign.DoesNotExist:
        raise Http404 from None


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
