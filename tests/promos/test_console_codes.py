"""Codes at the desk: ordered, imported, revoked, and looked up."""

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import redis
from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.fixtures import Settings

from promos import batches, denylist, derivation, redemptions, uploads
from promos.admin.explanations import EXPLANATIONS, PLAYER_ANSWERS
from promos.errors import Refusal
from promos.models import Attempt, Batch, Block, Campaign, Code, DenylistEntry
from promos.rules import Reason
from quizarena.players.models import Player
from quizarena.staff.models import AuditEntry
from tests.factories import PlayerFactory, make_campaign, make_staff
from tests.promos.desk import enter, page, submit, text

pytestmark = pytest.mark.django_db

BATCHES = "/admin/promos/batch/"
CODES = "/admin/promos/code/"
ATTEMPTS = "/admin/promos/attempt/"
REDEMPTIONS = "/admin/promos/redemption/"
WHY = "/admin/promos/attempt/why/"
DECISION = "5b0ee2a4-9f0e-4c0e-9f5e-2f6d6b1f1a10"
MADE = re.compile(r"SUMMER-[34679ACDEFGHJKMNPQRTWXY]{4}-[A-Z\d]{4}-[A-Z\d]{4}")


@pytest.fixture
def operator(client: Client) -> Client:
    """Return a browser in which an operator is logged in."""
    client.force_login(make_staff("Operator"))
    return client


@pytest.fixture
def support(client: Client) -> Client:
    """Return a browser in which support is logged in."""
    client.force_login(make_staff("Support"))
    return client


def make_batch(*, size: int = 3, prefix: str = "SUMMER", campaign: Campaign | None = None) -> Batch:
    """Return a batch that is made."""
    batch = batches.order(
        campaign_id=(campaign or make_campaign()).pk,
        size=size,
        prefix=prefix,
        now=timezone.now(),
        staff=None,
    )
    batches.make(batch_id=batch.pk)
    batch.refresh_from_db()
    return batch


class TestBatches:
    def test_an_order_shows_what_codes_look_like_and_then_orders_them(
        self, operator: Client
    ) -> None:
        campaign = make_campaign()
        address = f"{BATCHES}order/{campaign.pk}/"
        values = {"size": "250", "beginning": "sum-mer", "decision": DECISION}

        preview = submit(operator, address, {**values, "preview": "1"})

        assert MADE.search(preview)
        assert "Codes 250" in preview
        assert "SUMMER-••••" in preview
        assert not Batch.objects.exists()

        assert "250 codes" in submit(operator, address, {**values, "confirm": "1"})
        batch = Batch.objects.get()
        assert (batch.campaign, batch.size, batch.prefix) == (campaign, 250, "SUMMER")
        assert AuditEntry.objects.get(action="batch.ordered").actor == batch.created_by

    def test_an_order_that_is_sent_twice_is_one(self, operator: Client) -> None:
        values = {"size": "5", "beginning": "", "decision": DECISION, "confirm": "1"}
        address = f"{BATCHES}order/{make_campaign().pk}/"

        submit(operator, address, values)
        submit(operator, address, values)

        assert Batch.objects.count() == 1
        assert AuditEntry.objects.filter(action="batch.ordered").count() == 1

    @pytest.mark.parametrize(
        ("values", "sentence"),
        [
            ({"size": "0"}, "greater than or equal to 1"),
            ({"size": "1000001"}, "less than or equal to 1000000"),
            ({"beginning": "ÄRGER"}, "A prefix has up to 12 letters A to Z and digits."),
            ({"beginning": "ABCDEFGHIJKLM"}, "A prefix has up to 12 letters A to Z and digits."),
        ],
    )
    def test_what_cannot_be_made_is_not_ordered(
        self, operator: Client, values: dict[str, str], sentence: str
    ) -> None:
        address = f"{BATCHES}order/{make_campaign().pk}/"
        form = {"size": "5", "beginning": "", "decision": DECISION, "confirm": "1", **values}

        assert sentence in submit(operator, address, form)
        assert not Batch.objects.exists()

    def test_nothing_is_ordered_for_a_campaign_that_is_over(self, operator: Client) -> None:
        address = f"{BATCHES}order/{make_campaign(status='ENDED').pk}/"
        form = {"size": "5", "beginning": "", "decision": DECISION, "confirm": "1"}

        assert "Refused: It is ended." in submit(operator, address, form)

    def test_the_bar_asks_again_until_the_codes_are_made(self, operator: Client) -> None:
        batch = batches.order(
            campaign_id=make_campaign().pk, size=4, prefix="", now=timezone.now(), staff=None
        )
        address = f"{BATCHES}{batch.pk}/progress/"

        before = operator.get(address)
        batches.make(batch_id=batch.pk)
        after = operator.get(address)

        assert "hx-get" in before.content.decode()
        assert "0 of 4" in text(before.content)
        assert "HX-Refresh" not in before
        assert "hx-get" not in after.content.decode()
        assert after["HX-Refresh"] == "true"

    def test_the_list_of_a_campaign_leads_to_what_can_be_done_for_it(
        self, operator: Client
    ) -> None:
        campaign = make_campaign()
        make_batch(campaign=campaign)
        make_batch(prefix="OTHER")

        listed = page(operator, BATCHES, {"campaign__id__exact": str(campaign.pk)})

        assert "SUMMER-••••" in listed
        assert "OTHER" not in listed
        assert "Order a batch Import codes" in listed

    def test_revoking_shows_what_stops_and_what_stays(self, operator: Client) -> None:
        campaign = make_campaign(kind="ENERGY_GRANT", value=5, scope="ANY")
        batch = make_batch(campaign=campaign)
        raw, other, *_ = derivation.raw_codes(batch)
        assert enter(PlayerFactory.create(), raw)
        address = f"{BATCHES}{batch.pk}/revoke/"

        preview = submit(operator, address, {"reason": "The box is lost.", "preview": "1"})

        assert "Codes that can be entered 3 0" in preview
        assert "Used by players 1 1" in preview
        batch.refresh_from_db()
        assert batch.revoked_at is None

        done = submit(operator, address, {"reason": "The box is lost.", "confirm": "1"})
        assert "3 codes do not work any more" in done
        newcomer = PlayerFactory.create()
        assert redemptions.refusal_reasons(player=newcomer, raw=other, now=timezone.now()) == [
            "REVOKED"
        ]
        assert "The box is lost." in AuditEntry.objects.get(action="batch.revoked").summary
        again = submit(operator, address, {"reason": "The box is lost.", "preview": "1"})
        assert "Refused: the batch is revoked already." in again


class TestImport:
    LINES = (
        "Code;name\nGIFT-0001;Anna\nGIFT-0002;Olena\nshort;x\ngift 0001;again\nTAKEN999;y\n"
        "Gutscheincode;z\n1,23457E+15;Excel\n"
    )

    def test_a_file_is_previewed_and_then_imported(self, operator: Client) -> None:
        make_campaign(code="TAKEN999")
        campaign = make_campaign(kind="ENERGY_GRANT", value=5, scope="ANY")
        file = SimpleUploadedFile("codes.csv", b"\xef\xbb\xbf" + self.LINES.encode())

        upload, preview = uploaded(operator, campaign, {"file": file})

        assert "This would be imported: 2 new, 5 left out , from the column “Code”" in preview
        assert "The first codes are GIFT0001, GIFT0002 ." in preview
        assert "4 A code has 8 to 32 letters A to Z and digits." in preview
        assert "5 The same as line 2." in preview
        assert "6 Taken already." in preview
        assert "7 It is a heading, not a code." in preview
        assert "8 Excel has rounded this number" in preview
        assert not Code.objects.filter(campaign=campaign).exists()

        address = f"{BATCHES}import/{campaign.pk}/"
        done = submit(operator, address, {"upload": upload, "confirm": "1"})
        assert "2 codes imported, 5 left out." in done
        assert "GIFT" not in done
        assert enter(PlayerFactory.create(), "gift-0002")
        assert "The upload has expired" in submit(
            operator, address, {"upload": upload, "confirm": "1"}
        )

    def test_a_heading_never_becomes_a_code(self, operator: Client) -> None:
        campaign = make_campaign(kind="ENERGY_GRANT", value=5, scope="ANY")
        file = SimpleUploadedFile(
            "codes.csv", "Gutscheincode;Gültig bis\r\nGIFT-0001;31.12.\r\n".encode("cp1252")
        )

        upload, _ = uploaded(operator, campaign, {"file": file})
        submit(operator, f"{BATCHES}import/{campaign.pk}/", {"upload": upload, "confirm": "1"})

        assert Code.objects.count() == 1
        assert enter(PlayerFactory.create(), "Gutscheincode") is None
        assert enter(PlayerFactory.create(), "GIFT-0001")

    def test_typed_codes_are_taken_too(self, operator: Client) -> None:
        _, preview = uploaded(operator, make_campaign(), {"text": "GIFT-0001\n"})

        assert "1 new" in preview

    def test_nobody_else_can_see_or_confirm_an_upload(self, operator: Client) -> None:
        campaign = make_campaign()
        address = f"{BATCHES}import/{campaign.pk}/"
        upload, _ = uploaded(operator, campaign, {"text": "GIFT-0001\n"})
        operator.force_login(make_staff("Operator", username="another"))

        seen = page(operator, address, {"upload": upload})
        answer_to_another = submit(operator, address, {"upload": upload, "confirm": "1"})

        assert "The upload has expired" in seen
        assert "GIFT" not in seen
        assert "The upload has expired" in answer_to_another
        assert not Code.objects.exists()

    @pytest.mark.parametrize(
        ("content", "sentence"),
        [
            (
                b"\xff\xfe\x00",
                "The file begins like UTF-16 text, but is not",
            ),
            (b"GIFT-0001\n" * 100_001, "The file has more than 100,000 rows"),
            (b"GIFT-0001;Anna\nGIFT-0002;Olena\n", "none of them is called “code”"),
        ],
    )
    def test_a_file_that_cannot_be_read_says_so(
        self, operator: Client, content: bytes, sentence: str
    ) -> None:
        address = f"{BATCHES}import/{make_campaign().pk}/"

        answer = operator.post(address, {"file": SimpleUploadedFile("codes.csv", content)})

        assert sentence in text(answer.content)

    def test_without_codes_nothing_can_be_confirmed(self, operator: Client) -> None:
        campaign = make_campaign()
        address = f"{BATCHES}import/{campaign.pk}/"

        assert "Choose a file, or type the codes." in submit(operator, address, {"text": " "})
        answer = operator.post(address, {"text": "short"}, follow=True)
        assert 'name="confirm"' not in answer.content.decode()

    def test_an_upload_that_waits_cannot_be_read_where_it_waits(
        self, operator: Client, settings: Settings
    ) -> None:
        campaign = make_campaign()
        upload, _ = uploaded(operator, campaign, {"text": "GIFT-0001\nGIFT-0002\n"})
        owner = User.objects.get(username="operator")

        [name] = [each for each in raw_cache().keys("*") if upload.encode() in each]
        stored = raw_cache().get(name)

        assert stored
        assert b"GIFT" not in stored
        found = uploads.kept(owner_id=owner.pk, upload=UUID(upload))
        assert found is not None
        assert found.lines == ["GIFT-0001", "GIFT-0002"]
        settings.SECRET_KEY = "another secret key, as after a rotation"
        assert uploads.kept(owner_id=owner.pk, upload=UUID(upload)) is None

    def test_what_was_imported_waits_no_longer(self, operator: Client) -> None:
        campaign = make_campaign()
        upload, _ = uploaded(operator, campaign, {"text": "GIFT-0001\n"})

        submit(operator, f"{BATCHES}import/{campaign.pk}/", {"upload": upload, "confirm": "1"})

        assert not [each for each in raw_cache().keys("*") if upload.encode() in each]


def uploaded(client: Client, campaign: Campaign, values: dict[str, Any]) -> tuple[str, str]:
    """Send codes to be imported; return under which id they wait, and the words of the preview."""
    answer = client.post(f"{BATCHES}import/{campaign.pk}/", values, follow=True)
    content = answer.content.decode()
    return re.findall(r'name="upload" value="([^"]+)"', content)[0], text(answer.content)


def raw_cache() -> Any:
    """Return the server in which the cache is, as an intruder would ask it."""
    return redis.Redis.from_url(settings.CACHES["default"]["LOCATION"])


class TestCodes:
    def test_what_was_drawn_is_nowhere_to_be_seen(self, operator: Client) -> None:
        batch = make_batch()
        raw = list(derivation.raw_codes(batch))
        player = PlayerFactory.create()
        enter(player, raw[0])
        code = Code.objects.order_by("pk").first()
        assert code is not None

        seen = "".join(
            page(operator, address)
            for address in (
                BATCHES,
                f"{BATCHES}{batch.pk}/change/",
                CODES,
                f"{CODES}{code.pk}/change/",
                ATTEMPTS,
                REDEMPTIONS,
                f"/admin/players/player/{player.pk}/change/",
            )
        )

        assert "SUMMER-••••" in seen
        assert [part for code in raw for part in code.split("-")[1:] if part in seen] == []

    def test_the_page_of_a_code_is_its_whole_life(self, support: Client) -> None:
        first = PlayerFactory.create(username="anna")
        second = PlayerFactory.create(username="olena")
        enter(second, "GIFT0001")  # Before there was such a code.
        campaign = make_campaign(kind="ENERGY_GRANT", value=5, scope="ANY")
        batches.take_in(
            campaign_id=campaign.pk, lines=iter(["GIFT0001"]), now=timezone.now(), staff=None
        )
        enter(first, "gift-0001")
        enter(second, "GIFT0001")
        code = Code.objects.get()

        shown = page(support, f"{CODES}{code.pk}/change/")

        assert "for one player" in shown
        assert "imported" in shown
        assert re.search(r"@anna applied Used", shown)
        assert "@olena already used Another player has used this code; it works once." in shown
        assert "@olena invalid There is no such code." in shown

    def test_codes_are_found_by_number_and_batch(self, support: Client) -> None:
        make_batch(prefix="SPRING")
        batch = make_batch(prefix="SUMMER")
        code = Code.objects.filter(batch=batch).order_by("pk").first()
        assert code is not None

        of_batch = page(support, CODES, {"batch__id__exact": str(batch.pk)})
        of_number = page(support, CODES, {"q": f"#{code.pk}"})

        assert "SPRING" not in of_batch
        assert of_batch.count("SUMMER-••••") == 3
        assert of_number.count("SUMMER-••••") == 1
        assert "SUMMER" not in page(support, CODES, {"q": "SUMMER"})


class TestAttempts:
    @pytest.fixture(autouse=True)
    def _some(self) -> None:
        make_campaign(code="HELLO26", name="Autumn")
        make_campaign(code="PAUSED26", status="PAUSED", name="Winter")
        anna = PlayerFactory.create(telegram_id=700000001, username="anna_b")
        olena = PlayerFactory.create(telegram_id=700000002, username="olena")
        enter(anna, "HELLO26")
        enter(anna, "WRONG26")
        enter(olena, "PAUSED26")

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ({}, ["PAUSED", "INVALID", ""]),
            ({"refusal": "E_PROMO_INVALID"}, ["INVALID"]),
            ({"reason": "PAUSED"}, ["PAUSED"]),
            ({"channel__exact": "API"}, []),
            ({"q": "700000001"}, ["INVALID", ""]),
            ({"q": "@ANNA"}, ["INVALID", ""]),
            ({"q": "nobody"}, []),
            ({"q": "#0"}, []),
            ({"q": "HELLO26"}, []),
        ],
    )
    def test_they_are_found(
        self, support: Client, query: dict[str, str], expected: list[str]
    ) -> None:
        listed = support.get(ATTEMPTS, query).context["cl"].result_list

        assert [attempt.refusal.removeprefix("E_PROMO_") for attempt in listed] == expected

    def test_those_of_a_code_and_of_a_campaign_are_found(self, support: Client) -> None:
        code = Code.objects.get(label="HELLO26")

        of_code = page(support, ATTEMPTS, {"q": f"#{code.pk}"})
        of_campaign = page(support, REDEMPTIONS, {"campaign__id__exact": str(code.campaign_id)})

        assert "@anna_b" in of_code
        assert "@olena" not in of_code
        assert "Reserved until" in of_campaign

    def test_a_player_s_page_tells_them(self, support: Client) -> None:
        player = Player.objects.get(username="anna_b")

        story = page(support, f"/admin/players/player/{player.pk}/change/")

        assert "Deny promo codes" in story
        assert "Promo codes Entered an unknown code invalid There is no such code." in story
        assert "Promo codes Entered HELLO26 of Autumn " in story

    def test_an_attempt_shows_the_answer_to_the_player(self, support: Client) -> None:
        attempt = Attempt.objects.get(detail="PAUSED")

        shown = page(support, f"{ATTEMPTS}{attempt.pk}/change/")

        assert "The code is paused for the moment." in shown
        assert "by staff or by the guard against guessing" in shown


class TestWhy:
    def test_one_search_says_why_a_code_did_not_work(self, support: Client) -> None:
        make_campaign(code="HELLO26", name="Autumn", for_language="uk", ends_at=None)
        player = PlayerFactory.create(username="anna", language="de")
        enter(player, "HELLO26")

        answer = submit(support, WHY, {"code": "hello-26", "player": "anna"})

        assert "to an open end" in answer

        assert "Campaign Autumn" in answer
        assert "not applicable It is for players with another language." in answer
        assert "It would not work. The player would see: The code is not for this player." in answer
        assert "for Ukrainian, the player has German" in answer

    def test_a_code_that_nobody_made_is_known_by_those_who_tried_it(self, support: Client) -> None:
        enter(PlayerFactory.create(username="anna"), "GUESS123")
        enter(PlayerFactory.create(username="olena"), "GUESS456")

        answer = submit(support, WHY, {"code": "GUESS123"})

        assert "Unknown: it was mistyped, or is not ours." in answer
        assert "@anna" in answer
        assert "@olena" not in answer

    def test_a_blocked_and_denied_player_is_known_as_such(self, support: Client) -> None:
        player = PlayerFactory.create(username="anna")
        for number in range(5):
            enter(player, f"WRONG{number}")
        denylist.deny(
            player=player,
            reason="Sells codes.",
            now=timezone.now(),
            staff=make_staff("Administrator"),
        )

        answer = page(support, WHY, {"player": "anna"})

        assert "Blocked @anna, until" in answer
        assert "On the deny list @anna: Sells codes." in answer

    def test_something_must_be_asked(self, support: Client) -> None:
        assert "Type a code, a player, or both." in submit(support, WHY, {"code": " "})
        assert "No player matches." in submit(support, WHY, {"player": "nobody"})

    def test_every_reason_and_refusal_has_words(self) -> None:
        assert set(EXPLANATIONS) == set(Reason)
        assert set(PLAYER_ANSWERS) == set(Refusal)


class TestDenyList:
    def test_a_player_is_put_on_it_and_taken_off(self, support: Client) -> None:
        make_campaign(code="HELLO26")
        player = PlayerFactory.create(username="anna_b")
        PlayerFactory.create(username="anna_bella")
        form = {"player": "@Anna_b", "reason": "Sells codes."}

        assert "Anna Müller (@anna_b" in submit(
            support, "/admin/promos/denylistentry/deny/", {**form, "preview": "1"}
        )
        assert not DenylistEntry.objects.exists()

        submit(support, "/admin/promos/denylistentry/deny/", {**form, "confirm": "1"})
        assert DenylistEntry.objects.get().player == player
        assert enter(player, "HELLO26") is None
        assert "@anna_b Sells codes." in page(support, "/admin/promos/denylistentry/")

        submit(
            support,
            f"/admin/promos/denylistentry/allow/{player.pk}/",
            {"reason": "A mistake.", "confirm": "1"},
        )
        assert not DenylistEntry.objects.exists()
        assert enter(player, "HELLO26")
        assert set(
            AuditEntry.objects.filter(object_type="players.player").values_list("action", flat=True)
        ) == {"promo.denied", "promo.allowed"}

    def test_nobody_is_put_on_it_twice(self, support: Client) -> None:
        player = PlayerFactory.create(username="anna")
        address = f"/admin/promos/denylistentry/deny/{player.pk}/"

        submit(support, address, {"reason": "First.", "confirm": "1"})
        answer = submit(support, address, {"reason": "Second.", "confirm": "1"})

        assert "Refused: @anna is on the deny list already." in answer
        assert DenylistEntry.objects.get().reason == "First."

    @pytest.mark.parametrize("term", ["nobody", "12345", "anna"])
    def test_the_player_must_be_one(self, support: Client, term: str) -> None:
        PlayerFactory.create(username="anna")
        PlayerFactory.create(username="Anna")
        form = {"player": term, "reason": "x", "confirm": "1"}

        submit(support, "/admin/promos/denylistentry/deny/", form)

        assert not DenylistEntry.objects.exists()


class TestBlocks:
    def test_a_block_is_lifted_and_what_failed_before_does_not_count_again(
        self, support: Client
    ) -> None:
        make_campaign(code="HELLO26")
        player = PlayerFactory.create(username="anna")
        for number in range(5):
            enter(player, f"WRONG{number}")
        assert enter(player, "HELLO26") is None
        address = f"/admin/promos/block/lift/{player.pk}/"

        submit(support, address, {"reason": "Misprint.", "confirm": "1"})

        enter(player, "WRONG6")
        assert enter(player, "HELLO26")
        assert AuditEntry.objects.get(action="promo.unblocked").details == {"reason": "Misprint."}

    def test_a_block_that_is_over_cannot_be_lifted(self, support: Client) -> None:
        player = PlayerFactory.create(username="anna")
        over = timezone.now() - timedelta(minutes=1)
        Block.objects.create(player=player, since=over, until=over)

        answer = submit(
            support,
            f"/admin/promos/block/lift/{player.pk}/",
            {"reason": "x", "confirm": "1"},
        )

        assert "Refused: @anna is not blocked." in answer

    def test_the_list_shows_those_in_force_first(self, support: Client) -> None:
        now = timezone.now()
        for name, minutes in (("anna", -5), ("olena", 30)):
            player = PlayerFactory.create(username=name)
            Block.objects.create(player=player, since=now, until=now + timedelta(minutes=minutes))

        listed = page(support, "/admin/promos/block/")

        assert listed.index("@olena blocked") < listed.index("@anna over")
        assert "@anna" not in page(support, "/admin/promos/block/", {"in_force": "yes"})


class TestLists:
    @pytest.mark.parametrize(
        "path",
        [
            "promos/batch/",
            "promos/code/",
            "promos/attempt/",
            "promos/attempt/?reason=UNKNOWN",
            "promos/redemption/",
            "promos/block/",
            "promos/denylistentry/",
        ],
    )
    def test_they_never_count_and_take_no_more_statements_for_more_rows(
        self, client: Client, path: str
    ) -> None:
        client.force_login(make_staff("Administrator"))
        staff = make_staff("Support")
        client.get(f"/admin/{path}")
        with CaptureQueriesContext(connection) as few:
            client.get(f"/admin/{path}")
        for number in range(3):
            campaign = make_campaign(code=f"HELLO2{number}")
            make_batch(campaign=campaign)
            player = PlayerFactory.create()
            enter(player, f"HELLO2{number}")
            enter(player, "WRONG")
            now = timezone.now()
            Block.objects.create(player=player, since=now, until=now)
            denylist.deny(player=player, reason="x", now=now, staff=staff)

        with CaptureQueriesContext(connection) as many:
            client.get(f"/admin/{path}")

        assert len(many) == len(few)
        assert [query["sql"] for query in many if "COUNT(" in query["sql"].upper()] == []
