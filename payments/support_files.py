"""The pictures and files that players send to support, fetched when somebody wants to see them.

Telegram keeps them, and serves them under an address with the bot's token (Bot API getFile). So a
worker fetches them, and the page shows what it has fetched. Product rules, section 5.9.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import BinaryField, F, QuerySet
from django.db.models.functions import Substr
from django.utils import timezone

from payments import telegram
from payments.models import SupportFile, SupportRequest
from quizarena import sweeps

KEEP_FOR = timedelta(days=1)
TRIES_MAX = 4
# Doubled with each try. Whoever dies with a file has left it to the next try.
RETRY_AFTER = timedelta(seconds=30)
BATCH = 20
# By its first bytes: what a file says of itself is the sender's word.
_TYPES = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
    b"%PDF-": "application/pdf",
}


@transaction.atomic
def want(*, request: SupportRequest, now: datetime) -> int:
    """Have a worker fetch what the player has sent along; return how many files that is.

    What is there already stays, and what has failed is tried again.
    """
    for number in range(len(request.attachments)):
        file, is_new = SupportFile.objects.select_for_update().get_or_create(
            request=request, number=number, defaults={"wanted_at": now, "due_at": now}
        )
        if not is_new and file.error and file.due_at is None:
            file.wanted_at, file.due_at, file.tries, file.error = now, now, 0, ""
            file.save(update_fields=["wanted_at", "due_at", "tries", "error"])
    return len(request.attachments)


def want_photos(*, request: SupportRequest, now: datetime) -> None:
    """Have a worker fetch the photos at once, so that support sees them in the conversation."""
    SupportFile.objects.bulk_create(
        [
            SupportFile(request=request, number=number, wanted_at=now, due_at=now)
            for number, attached in enumerate(request.attachments)
            if attached["kind"] == "photo"
        ],
        ignore_conflicts=True,
    )


def fetch(*, until: datetime) -> int:
    """Fetch what is wanted, until it is `until`; return how many files are there now."""
    return sweeps.one_by_one(due=_due, apply=_fetch, until=until)


def purge(*, now: datetime) -> int:
    """Delete what was wanted more than KEEP_FOR ago; return how many files that were."""
    return SupportFile.objects.filter(wanted_at__lt=now - KEEP_FOR).delete()[0]


def beginnings() -> QuerySet[SupportFile]:
    """Return the files without their content, of which a conversation can have gigabytes.

    `begin` is as much of it as content_type looks at; None without content.
    """
    begin = Substr("content", 1, 12, output_field=BinaryField())
    return SupportFile.objects.defer("content").annotate(begin=begin)


def content_type(content: bytes) -> str:
    """Return what a browser may take the file for."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return next(
        (name for begin, name in _TYPES.items() if content.startswith(begin)),
        "application/octet-stream",
    )


def _due(seen: Collection[int]) -> list[int]:
    due = SupportFile.objects.filter(due_at__lte=timezone.now()).exclude(pk__in=seen)
    return list(due.order_by("due_at").values_list("pk", flat=True)[:BATCH])


def _fetch(file_id: int) -> int:
    """Claim one file, ask Telegram for it, and keep what came; return whether it is there."""
    now = timezone.now()
    claimed = SupportFile.objects.filter(pk=file_id, due_at__lte=now).update(
        tries=F("tries") + 1, due_at=now + RETRY_AFTER
    )
    if not claimed:
        return False
    file = SupportFile.objects.select_related("request").get(pk=file_id)
    waits = SupportFile.objects.filter(pk=file_id, due_at__isnull=False, tries=file.tries)
    try:
        content = telegram.file(file.request.attachments[file.number]["file_id"])
    except telegram.TelegramError as error:
        is_final = isinstance(error, telegram.RejectedError) or file.tries >= TRIES_MAX
        due_at = None if is_final else now + RETRY_AFTER * 2**file.tries
        waits.update(due_at=due_at, error=str(error))
        return False
    return waits.update(due_at=None, content=content, error="") == 1
