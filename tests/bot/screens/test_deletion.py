"""/delete_me: explained, confirmed, cancelled."""

from datetime import timedelta

import pytest
import time_machine

from quizarena.players.models import DeletionRequest
from tests.bot.screens.buyers import newcomer, pay, subscribe, tap, travel
from tests.conftest import NOON, Road
from tests.sandbox import buttons


@pytest.mark.parametrize("language", ["en", "de", "uk"])
def test_a_deletion_is_explained_confirmed_and_cancelled(road: Road, language: str) -> None:
    anna = newcomer(road, language=language)

    explained = road.say(anna, "/delete_me")
    assert not DeletionRequest.objects.exists()
    asked = tap(road, anna, "delete-me")
    again = tap(road, anna, "delete-me")
    shown = road.say(anna, "/delete_me")
    with time_machine.travel(NOON + timedelta(days=8)):
        waits = road.say(anna, "/delete_me")
    kept = tap(road, anna, "keep-me")

    assert waits["text"] not in (explained["text"], asked["text"], kept["text"])
    assert buttons(waits)[0]["callback_data"] == "keep-me"
    assert explained["text"] != asked["text"] == again["text"] == shown["text"] != kept["text"]
    assert explained["text"].startswith("🗑")
    request = DeletionRequest.objects.get()
    assert request.state == "CANCELLED"
    assert request.due_at - request.asked_at == timedelta(days=7)
    assert request.asked_at >= NOON


def test_a_subscription_is_to_be_cancelled_first(road: Road) -> None:
    anna = newcomer(road)
    explained = road.say(anna, "/delete_me")["message_id"]
    link = subscribe(road, anna)
    pay(road, anna, link=link)
    travel(road)

    shown = road.say(anna, "/delete_me")
    road.sandbox.tap(anna, "delete-me", message_id=explained)
    travel(road)

    assert shown["text"].endswith("then send /delete_me once more.")
    assert buttons(shown)[0]["callback_data"] == "subscription"
    assert not DeletionRequest.objects.exists()
