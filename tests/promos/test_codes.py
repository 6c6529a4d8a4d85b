"""Codes: how they are read, hashed, made and shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from promos import batches, campaigns, codes, redemptions
from promos.models import Batch, Code
from quizarena.staff.models import AuditEntry
from tests.factories import NOON, PlayerFactory, make_campaign
from tests.promos.steps import redeem

prefixes = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", max_size=12)
seeds = st.binary(min_size=32, max_size=32)


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("HALLO2026", "HALLO2026"),
        ("hallo2026", "HALLO2026"),
        ("  Hallo 2026\n", "HALLO2026"),
        ("hallo-2026", "HALLO2026"),
        ("HAL LO--20\t26-", "HALLO2026"),
        ("hallo_2026", "HALLO2026"),
        ("hallo–2026", "HALLO2026"),
        ("hallo—2026", "HALLO2026"),
        ("hallo‑2026", "HALLO2026"),
        ("hallo\u00a02026", "HALLO2026"),
        ("", ""),
        (" - ", ""),
    ],
)
def test_a_code_is_read_whatever_its_case_blanks_and_hyphens(typed: str, read: str) -> None:
    assert codes.normalised(typed) == read


def test_a_code_is_stored_as_hmac_sha256_with_the_first_pepper(settings: Settings) -> None:
    settings.PROMO_PEPPERS = {"fresh": "fresh-pepper", "local": "local-promo-pepper"}

    pepper_id, digest = codes.digest("HALLO2026")

    # By `openssl dgst -sha256 -hmac`.
    assert pepper_id == "fresh"
    assert digest.hex() == "5b9e4d4ff49022d80087def812a2238a9c8e985bfb0be4118b15de5d4576ad09"
    assert {name: each.hex()[:8] for name, each in codes.digests("HALLO2026").items()} == {
        "fresh": "5b9e4d4f",
        "local": "cfda6b40",
    }


@pytest.mark.django_db
class TestRotation:
    """A pepper that is replaced is kept for the codes that it has hashed."""

    def test_old_codes_work_and_what_is_made_gets_the_new_pepper(self, settings: Settings) -> None:
        settings.PROMO_PEPPERS = {"old": "old-pepper"}
        make_campaign(code="HALLO2026")
        settings.PROMO_PEPPERS = {"new": "new-pepper", "old": "old-pepper"}
        make_campaign(code="NEULICH2026")

        accepted = [redeem(PlayerFactory.create(), raw) for raw in ("hallo2026", "neulich2026")]

        assert [result.refusal for result in accepted] == [None, None]
        told = Code.objects.order_by("pk").values_list("label", "pepper_id")
        assert list(told) == [("HALLO2026", "old"), ("NEULICH2026", "new")]

    def test_without_its_pepper_a_code_is_not_known(self, settings: Settings) -> None:
        settings.PROMO_PEPPERS = {"old": "old-pepper"}
        make_campaign(code="HALLO2026")
        settings.PROMO_PEPPERS = {"new": "new-pepper"}

        assert redeem(PlayerFactory.create(), "HALLO2026").reason == "UNKNOWN"
        assert redemptions.find("HALLO2026") is None

    def test_a_code_of_the_old_pepper_cannot_be_made_again(self, settings: Settings) -> None:
        settings.PROMO_PEPPERS = {"old": "old-pepper"}
        make_campaign(code="HALLO2026")
        settings.PROMO_PEPPERS = {"new": "new-pepper", "old": "old-pepper"}
        other = make_campaign()

        with pytest.raises(ValueError, match="taken already"):
            campaigns.share_code(campaign_id=other.pk, raw="hallo-2026", now=NOON)
        report = batches.take_in(
            campaign_id=other.pk, lines=iter(["HALLO2026", "DANKE2026"]), now=NOON, staff=None
        )

        assert (report.added, report.refused) == (1, [(1, "taken already")])


class TestMade:
    def test_no_letter_looks_like_another(self) -> None:
        assert len(set(codes.ALPHABET)) == len(codes.ALPHABET)
        assert not set("0O1IL2Z5S8BUV") & set(codes.ALPHABET)

    @given(seed=seeds, prefix=prefixes)
    def test_at_least_ten_characters_are_random(self, seed: bytes, prefix: str) -> None:
        [code] = codes.made_from(seed, prefix=prefix, first=7, count=1)

        assert code.startswith(prefix)
        assert len(code) - len(prefix) >= 10
        assert len(code) <= 32

    def test_every_letter_can_stand_everywhere(self) -> None:
        made = list(codes.made_from(bytes(32), prefix="", first=0, count=2_000))

        assert len(set(made)) == 2_000
        for letters in zip(*made, strict=True):
            assert set(letters) == set("34679ACDEFGHJKMNPQRTWXY")

    def test_a_seed_makes_the_same_codes_wherever_one_begins(self) -> None:
        seed = bytes(range(32))
        whole = list(codes.made_from(seed, prefix="X", first=0, count=100))

        assert list(codes.made_from(seed, prefix="X", first=40, count=60)) == whole[40:]
        assert list(codes.made_from(bytes(32), prefix="X", first=0, count=100)) != whole

    @given(seed=seeds, prefix=prefixes)
    def test_what_is_read_out_is_read_in_again(self, seed: bytes, prefix: str) -> None:
        [code] = codes.made_from(seed, prefix=prefix, first=0, count=1)

        assert codes.normalised(codes.readable(code, prefix=prefix).lower()) == code

    def test_it_is_read_in_groups_of_four(self) -> None:
        assert codes.readable("SUMMER3479ACDEFGHJ", prefix="SUMMER") == "SUMMER-3479-ACDE-FGHJ"
        assert codes.readable("3479ACDEFGHJ", prefix="") == "3479-ACDE-FGHJ"


@pytest.mark.django_db
class TestShown:
    """What is shown later never reveals what was drawn, however long the code is."""

    @pytest.mark.parametrize("prefix", ["", "A", "SUMMER", "ABCDEFGHIJKL"])
    def test_of_a_made_code_only_the_prefix_is_shown(self, prefix: str) -> None:
        campaign = make_campaign(status="DRAFT")
        batch = batches.order(campaign_id=campaign.pk, size=20, prefix=prefix, now=NOON, staff=None)
        seed = bytes(Batch.objects.get().seed or b"")
        batches.make(batch_id=batch.pk)

        labels = set(Code.objects.values_list("label", flat=True))

        assert labels == {f"{prefix}-••••" if prefix else "••••"}
        # Nor does anything else that is written down about it.
        shown = "".join([*labels, *map(str, Code.objects.all()), *map(str, Batch.objects.all())])
        shown += "".join(AuditEntry.objects.values_list("summary", flat=True))
        for code in codes.made_from(seed, prefix="", first=0, count=20):
            assert code[:4] not in shown
            assert code[-4:] not in shown

    @pytest.mark.parametrize("length", range(8, 33))
    def test_of_ones_own_codes_nothing_is_shown(self, length: int) -> None:
        campaign = make_campaign(status="DRAFT")
        raw = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"[:length]

        batches.take_in(campaign_id=campaign.pk, lines=iter([raw]), now=NOON, staff=None)

        assert Code.objects.get().label == "••••"

    def test_a_shared_code_is_shown_since_nothing_in_it_was_drawn(self) -> None:
        make_campaign(code="hallo-2026")

        assert str(Code.objects.get()) == "HALLO2026"
