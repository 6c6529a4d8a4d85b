"""Pictures that players send to support: fetched by a worker, shown in the admin."""

import base64
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.fixtures import Settings

from bot.queue import client, outbox
from payments import support_files, tasks
from payments.models import SupportFile, SupportRequest
from quizarena.players.models import Player
from quizarena.staff.models import AuditEntry
from tests.conftest import Road
from tests.factories import make_staff
from tests.payments.steps import NOON

pytestmark = pytest.mark.django_db

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def known_file(road: Road, content: bytes, name: str) -> str:
    """Return the id of a file with this content that Telegram keeps."""
    anna = road.sandbox.add_player("Anna")
    road.say(anna, "/start")
    with outbox.collecting():
        client.run(client.bot().send_document(anna, content, filename=name))
    road.send()
    return str(road.sandbox.last_message(anna)["document"]["file_id"])


def request_with(*file_ids: str, player: Player) -> SupportRequest:
    """Store a request with these files."""
    attachments = [{"kind": "photo", "file_id": file_id} for file_id in file_ids]
    return SupportRequest.objects.create(
        player=player, text="Look.", attachments=attachments, asked_at=NOON
    )


def page(path: str) -> Any:
    """Return a page as support sees it."""
    client = Client()
    client.force_login(make_staff("Support"))
    return client.get(path)


class TestSeeing:
    def test_from_the_button_to_the_picture(self, road: Road, player: Player) -> None:
        asked = request_with(known_file(road, PNG, "a.png"), player=player)
        address = f"/admin/payments/supportrequest/{asked.pk}"
        client = Client()
        client.force_login(make_staff("Support"))
        before = client.get(f"{address}/change/").content.decode()

        client.post(
            f"{address}/files/",
            {"confirm": "1", "decision": "7a1c2f3e-8d36-4d4e-9a2b-0f6c1d2e3f40"},
        )
        assert tasks.fetch_support_files() == 1
        after = client.get(f"{address}/change/").content.decode()
        picture = client.get(f"{address}/files/0/")

        assert "photo, not loaded" in before
        assert "Load the pictures" in before
        assert f'src="{address}/files/0/"' in after
        assert "Load the pictures" not in after
        assert (picture.content, picture["Content-Type"]) == (PNG, "image/png")
        assert picture["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert road.sandbox.token not in after
        assert AuditEntry.objects.filter(action="supportrequest.loaded_files").count() == 1

    def test_the_conversation_reads_the_beginnings_of_files_alone(
        self, client: Client, player: Player
    ) -> None:
        asked = request_with("a", "b", player=player)
        SupportFile.objects.create(
            request=asked, number=0, wanted_at=NOON, content=PNG + bytes(1_000_000)
        )
        SupportFile.objects.create(request=asked, number=1, wanted_at=NOON, content=b"words")
        client.force_login(make_staff("Support"))

        with CaptureQueriesContext(connection) as queries:
            shown = client.get(f"/admin/payments/supportrequest/{asked.pk}/change/")

        assert 'alt="photo 1"' in shown.content.decode()
        assert 'alt="photo 2"' not in shown.content.decode()
        column = '"payments_supportfile"."content"'
        whole = [one["sql"].replace(f"SUBSTRING({column}, 1, 12)", "") for one in queries]
        assert [sql for sql in whole if column in sql] == []

    def test_what_is_no_picture_is_saved_and_not_shown(self, road: Road, player: Player) -> None:
        html = b"<html><script>alert(1)</script>"
        asked = request_with(known_file(road, html, "a.png"), player=player)
        support_files.want(request=asked, now=timezone.now())
        tasks.fetch_support_files()

        answer = page(f"/admin/payments/supportrequest/{asked.pk}/files/0/")

        assert answer["Content-Type"] == "application/octet-stream"
        assert answer["Content-Disposition"].startswith("attachment")

    def test_nobody_else_sees_it(self, client: Client, road: Road, player: Player) -> None:
        asked = request_with(known_file(road, PNG, "a.png"), player=player)
        support_files.want(request=asked, now=timezone.now())
        tasks.fetch_support_files()
        address = f"/admin/payments/supportrequest/{asked.pk}/files/0/"

        stranger = client.get(address)
        client.force_login(make_staff("Editor"))
        editor = client.get(address)

        assert (stranger.status_code, editor.status_code) == (302, 403)


class TestFetching:
    def test_a_file_that_telegram_does_not_have(self, road: Road, player: Player) -> None:
        asked = request_with("nothing", player=player)
        support_files.want(request=asked, now=timezone.now())

        assert tasks.fetch_support_files() == 0

        file = SupportFile.objects.get()
        assert (file.due_at, file.tries) == (None, 1)
        assert file.error == "getFile: 400 Bad Request: invalid file_id"

    def test_a_file_that_is_too_large(
        self, road: Road, player: Player, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("payments.telegram.FILE_BYTES_MAX", len(PNG) - 1)
        asked = request_with(known_file(road, PNG, "a.png"), player=player)
        support_files.want(request=asked, now=timezone.now())

        tasks.fetch_support_files()

        assert SupportFile.objects.get().error == f"getFile: larger than {len(PNG) - 1} bytes"

    def test_while_telegram_is_away_it_is_tried_again(
        self, road: Road, player: Player, settings: Settings
    ) -> None:
        asked = request_with(known_file(road, PNG, "a.png"), player=player)
        support_files.want(request=asked, now=timezone.now())
        address, settings.TELEGRAM_API_URL = settings.TELEGRAM_API_URL, "http://127.0.0.1:1"

        away = tasks.fetch_support_files()
        error = SupportFile.objects.get().error
        settings.TELEGRAM_API_URL = address
        too_early = tasks.fetch_support_files()
        with time_machine.travel(timezone.now() + timedelta(minutes=2), tick=True):
            again = tasks.fetch_support_files()

        assert (away, too_early, again) == (0, 0, 1)
        assert error == "getFile: ConnectError"
        assert bytes(SupportFile.objects.get().content or b"") == PNG

    def test_a_day_later_it_is_gone_and_can_be_fetched_again(
        self, road: Road, player: Player
    ) -> None:
        asked = request_with(known_file(road, PNG, "a.png"), player=player)
        now = timezone.now()
        support_files.want(request=asked, now=now)
        tasks.fetch_support_files()

        kept = support_files.purge(now=now + timedelta(hours=24))
        gone = support_files.purge(now=now + timedelta(hours=24, seconds=1))

        assert (kept, gone) == (0, 1)
        assert support_files.want(request=asked, now=now) == 1
        assert tasks.fetch_support_files() == 1
