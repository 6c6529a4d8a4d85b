"""A broadcast over real HTTP, small; `make prove-broadcast` is the big one."""

import pytest

from tests.bot.messages import broadcast_proof
from tests.stack import Stack

pytestmark = pytest.mark.slow


def test_a_broadcast_reaches_everybody_once_though_senders_and_workers_die(stack: Stack) -> None:
    report = broadcast_proof.run(stack, recipients=240, kills=2, too_many=2)

    assert report.wrong == []
    assert report.kills == 2
    # One limited chat stops all of the broadcast, so that few others are limited, too.
    assert report.too_many >= 2
    assert report.outcomes["SENT"] >= 150
    # Two had blocked the bot, one does so while it runs.
    assert report.outcomes["BLOCKED"] >= 2
    assert report.answers >= 10
