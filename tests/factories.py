"""Rows for tests, complete without a word; say what matters to the test."""

from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import factory
from django.contrib.auth.models import Group, User
from django.db import models
from factory.django import DjangoModelFactory

from bot.queue.models import InboxUpdate, OutgoingCall
from promos import campaigns
from promos.models import Campaign
from quizarena.game.models import Question
from quizarena.players.models import Player
from quizarena.staff import accounts

# The declarations of factory_boy have no types.
declare: Any = factory
Row = TypeVar("Row", bound=models.Model)

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class RowFactory(DjangoModelFactory[Row]):
    """Makes rows, and several of them in one statement."""

    class Meta:
        abstract = True

    @classmethod
    def create_batch(cls, size: int, **fields: Any) -> list[Row]:
        """Store so many rows as one statement does."""
        rows: list[Row] = cls.build_batch(size, **fields)
        stored: list[Row] = cls._meta.model._default_manager.bulk_create(rows)
        return stored


class PlayerFactory(RowFactory[Player]):
    """A player who can play."""

    class Meta:
        model = Player

    telegram_id = declare.Sequence(lambda number: 700_000_000 + number)
    first_name = "Anna"
    last_name = "Müller"
    username = declare.Sequence(lambda number: f"anna_{number}")
    created_at = NOON
    last_seen_at = NOON


class QuestionFactory(RowFactory[Question]):
    """An enabled question whose second option is right."""

    class Meta:
        model = Question

    quiz_id = declare.Sequence(lambda number: f"test-{number:04}")
    question = "Welcher Artikel passt zu „Tisch“?"
    option_1 = "die"
    option_2 = "der"
    option_3 = "das"
    option_4 = "den"
    correct_option_id = 1
    explanation = "„Tisch“ ist maskulin."
    level = "A1"
    category = "ARTIKEL_SPRINT"
    key = "artikel-tisch"


class InboxUpdateFactory(RowFactory[InboxUpdate]):
    """A message that nobody has worked on."""

    class Meta:
        model = InboxUpdate

    class Params:
        dead = declare.Trait(
            state="DEAD",
            attempts=5,
            claimed_at=NOON,
            last_error="Traceback (most recent call last):\nValueError: no such mode\n",
        )
        done = declare.Trait(state="DONE", attempts=1, claimed_at=NOON, done_at=NOON)

    update_id = declare.Sequence(lambda number: 5_000 + number)
    kind = "message"
    player_key = 700_000_000
    payload = declare.LazyAttribute(
        lambda update: {"update_id": update.update_id, "message": {"text": "/start"}}
    )
    received_at = NOON
    due_at = NOON


class OutgoingCallFactory(RowFactory[OutgoingCall]):
    """A message that waits to be sent."""

    class Meta:
        model = OutgoingCall

    class Params:
        refused = declare.Trait(
            state="REFUSED",
            attempts=1,
            claimed_at=NOON,
            finished_at=NOON,
            error="Bad Request: chat not found",
        )
        sent = declare.Trait(
            state="SENT", attempts=1, claimed_at=NOON, finished_at=NOON, message_id=77
        )

    method = "sendMessage"
    chat_key = 700_000_000
    parameters = declare.LazyAttribute(lambda call: {"chat_id": call.chat_key, "text": "Hallo!"})
    paced = True
    created_at = NOON
    due_at = NOON


class CampaignFactory(RowFactory[Campaign]):
    """A draft that takes 20% off everything and never ends; `grant` gives a week of Premium."""

    class Meta:
        model = Campaign

    class Params:
        grant = declare.Trait(kind="PREMIUM_GRANT", value=7)

    name = declare.Sequence(lambda number: f"Campaign {number}")
    kind = "PERCENT_DISCOUNT"
    value = 20
    starts_at = NOON
    created_at = NOON
    changed_at = NOON


# By which way a campaign gets where it is.
_WAYS = {
    "DRAFT": [],
    "ACTIVE": ["ACTIVE"],
    "PAUSED": ["ACTIVE", "PAUSED"],
    "EXPIRED": ["ACTIVE", "EXPIRED"],
    "DEPLETED": ["ACTIVE", "DEPLETED"],
    "ENDED": ["ENDED"],
}


def make_campaign(*, status: str = "ACTIVE", code: str = "", **fields: Any) -> Campaign:
    """Return a campaign in `status`, with `code` as the one that everybody can use."""
    campaign: Campaign = CampaignFactory.create(**fields)
    if code:
        campaigns.share_code(campaign_id=campaign.pk, raw=code, now=NOON)
    for step in _WAYS[status]:
        Campaign.objects.filter(pk=campaign.pk).update(status=step)
    campaign.refresh_from_db()
    return campaign


def make_staff(role: str, *, username: str = "", **fields: Any) -> User:
    """Return a member of staff in the role, who has been there for years and may approve."""
    with accounts.changing(by=None, now=NOON - timedelta(days=2_000)):
        user = User.objects.create_user(username=username or role.lower(), is_staff=True, **fields)
        user.groups.add(Group.objects.get(name=role))
    return user
