"""Files with a player's own data: asked for by /my_data, put together and sent by a worker, once.

The file stands in the outbox until Telegram has it, and nowhere after that.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

from django.db import transaction
from django.utils import timezone
from telegram import InputFile
from telegram.constants import ParseMode

from bot.chat import dates
from bot.queue import client, outbox
from bot.queue.models import Lane
from bot.screens.my_data import texts
from quizarena import sweeps
from quizarena.ops import my_data
from quizarena.players.models import DataRequest

BATCH = 20
# A file that cannot be delivered for so long is asked for again.
TIMELY = timedelta(hours=24)
# A bigger one is packed: a bot may send 50 MB (Bot API, sendDocument).
PACKED_FROM_BYTES = 1_000_000
FILENAME = "quiz-arena-my-data.json"


def send_due(*, until: datetime) -> int:
    """Send the files that are due, until it is `until`; return how many. Each is a transaction."""

    def due(seen: Collection[int]) -> list[int]:
        waiting = DataRequest.objects.filter(sent_at=None).exclude(pk__in=seen).order_by("pk")
        return list(waiting.values_list("pk", flat=True)[:BATCH])

    return sweeps.one_by_one(due=due, apply=_send, until=until)


@transaction.atomic
def _send(request_id: int) -> bool:
    """Send the file of a request that nobody else is at; return whether it went out."""
    now = timezone.now()
    requests = DataRequest.objects.select_for_update(of=("self",), skip_locked=True)
    request = requests.select_related("player").filter(pk=request_id, sent_at=None).first()
    if request is None:
        return False
    player = request.player
    request.sent_at = now
    request.save(update_fields=["sent_at"])
    is_there = player.bot_blocked_at is None and player.deleted_at is None
    if is_there:
        with (
            dates.speaking_to(player),
            outbox.collecting(lane=Lane.BULK, expires_at=now + TIMELY),
        ):
            client.run(
                client.bot().send_document(
                    player.telegram_id,
                    _file(my_data.document(player)),
                    caption=texts.caption(),
                    parse_mode=ParseMode.HTML,
                )
            )
    return is_there


def _file(document: str) -> InputFile:
    """Return the document as a file, packed if it is big."""
    content = document.encode()
    if len(content) < PACKED_FROM_BYTES:
        return InputFile(content, filename=FILENAME)
    packed = BytesIO()
    with ZipFile(packed, "w", ZIP_DEFLATED) as archive:
        archive.writestr(FILENAME, content)
    return InputFile(packed.getvalue(), filename=f"{FILENAME}.zip")
