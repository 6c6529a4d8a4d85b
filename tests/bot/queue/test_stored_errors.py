"""What was stored before errors of the transport kept their text to themselves."""

from datetime import UTC, datetime
from importlib import import_module

import pytest
from django.db import connection

from bot.queue.models import InboxUpdate, OutgoingCall

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
TOKEN = "4200000001:AAbbCCddEEffGGhhIIjjKKllMMnnOOppQQr"
migration = import_module("bot.migrations.0010_errors_hold_no_secrets")


@pytest.mark.django_db
def test_tokens_and_the_texts_of_the_transport_are_scrubbed() -> None:
    errors = {
        f"No connection to Telegram: Connection timeout to host https://x/bot{TOKEN}/getMe": (
            "No connection to Telegram."
        ),
        f"No answer from Telegram: ServerTimeoutError(\n'/bot{TOKEN}/getMe')": (
            "No answer from Telegram."
        ),
        f"The token `{TOKEN}` was rejected by the server.": (
            "The token `***` was rejected by the server."
        ),
        "Forbidden: bot was blocked by the user": "Forbidden: bot was blocked by the user",
        "": "",
    }
    for error in errors:
        OutgoingCall.objects.create(
            method="sendMessage",
            parameters={},
            paced=True,
            created_at=NOON,
            due_at=NOON,
            error=error,
        )
    InboxUpdate.objects.create(
        update_id=1,
        kind="message",
        payload={},
        received_at=NOON,
        due_at=NOON,
        last_error=f"Traceback\n  /bot{TOKEN}/getMe\nOSError",
    )

    with connection.cursor() as cursor:
        cursor.execute(migration.SCRUB_CALLS)
        cursor.execute(migration.SCRUB_UPDATES)

    stored = OutgoingCall.objects.order_by("pk").values_list("error", flat=True)
    assert [*stored] == [*errors.values()]
    assert InboxUpdate.objects.get().last_error == "Traceback\n  /bot***/getMe\nOSError"
