"""What the tests of payments may ask for."""

from collections.abc import Iterator

import pytest

from quizarena.players.models import Player
from tests.factories import PlayerFactory
from tests.payments.steps import Delivery


@pytest.fixture
def delivery(db: None) -> Iterator[Delivery]:
    """Return a delivery that can be broken; its trigger goes with the test's transaction."""
    delivery = Delivery()
    yield delivery
    delivery.works()


@pytest.fixture
def player(db: None) -> Player:
    """Return a player who has bought nothing yet."""
    return PlayerFactory.create()
