"""What players enter, and what a page of the desk then says."""

import html
import re

from django.test import Client
from django.utils import timezone

from promos import redemptions
from promos.models import Attempt, Channel, Redemption
from quizarena.players.models import Player


def enter(player: Player, raw: str) -> Redemption | None:
    """Let the player enter a code now."""
    return redemptions.redeem(
        player=player,
        raw=raw,
        channel=Channel.COMMAND,
        key=f"update:{Attempt.objects.count()}",
        now=timezone.now(),
    ).redemption


def page(client: Client, address: str, query: dict[str, str] | None = None) -> str:
    """Return what a page says, tags aside."""
    answer = client.get(address, query)
    assert answer.status_code == 200
    return text(answer.content)


def text(content: bytes) -> str:
    """Return the words of a page."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", content.decode())).split())


def submit(client: Client, address: str, values: dict[str, str]) -> str:
    """Send a form, follow, and return what the page says."""
    return text(client.post(address, values, follow=True).content)
