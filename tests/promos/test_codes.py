"""Codes: how they are read, hashed, made and shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from promos import batches, campaigns, codes, derivation, redemptions
from promos.models import Attempt, Batch, Code
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


@pytest.mark.parametrize(
    "pasted",
    [
        "HAL\u200bLO2026",  # zero-width space
        "HAL\u200dLO\u200c2026",  # zero-width joiner and non-joiner
        "\ufeffHALLO2026",  # byte-order mark
        "HAL\u00adLO2026",  # soft hyphen
        "\u200fHALLO2026\u200e",  # right-to-left and left-to-right marks
        "\u2066HALLO2026\u2069",  # isolates
        "HALLO2026\ufe0f",  # variation selector
        "HALLO\u22122026",  # minus sign
        "HALLO2026.",
        "HALLO2026,",
        "(HALLO2026)!",
        '"HALLO2026"',
        "\u201eHALLO2026\u201c",  # German quotes
        "\u00abHALLO2026\u00bb",  # Ukrainian quotes
        "`HALLO2026`",
        "*HALLO2026*",
        "\U0001f381 HALLO2026 \U0001f381",  # presents
        "\u041d\u0410LLO2026",  # Cyrillic Н and А
        "h\u0430ll\u043e2026",  # Cyrillic а and о
        "\u0397\u0391LL\u039f2026",  # Greek Η, Α and Ο
        "ＨＡＬＬＯ２０２６",  # full width
        "𝗛𝗔𝗟𝗟𝗢𝟮𝟬𝟮𝟲",  # mathematical bold
        "ⒽⒶⓁⓁⓄ2026",  # circled
        "HALLO٢٠٢٦",  # Arabic-Indic digits
        "https://t.me/quiz_arena_bot?start=promo_HALLO2026",
        "t.me/quiz_arena_bot?start=promo_hallo-2026 ",
    ],
)
def test_a_code_is_read_as_messengers_and_web_pages_hand_it_over(pasted: str) -> None:
    assert codes.normalised(pasted) == "HALLO2026"


class TestNormalForm:
    @given(st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"))
    def test_what_is_stored_stays_as_it_is(self, code: str) -> None:
        """Shared, imported and made codes have never had other characters than these."""
        assert codes.normalised(code) == code

    @given(st.text())
    def test_reading_it_again_changes_nothing(self, raw: str) -> None:
        once = codes.normalised(raw)

        assert codes.normalised(once) == once

    @given(
        st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=4, max_size=32),
        st.lists(
            st.tuples(
                st.integers(0, 32),
                st.sampled_from(
                    "\u200b\u200d\ufeff\u00ad\u200f\u2060\ufe0f .,;:!?-–—_'\"„“”«»‹›’*`~|/\n"
                ),
            )
        ),
    )
    def test_what_nobody_sees_or_means_does_not_count(
        self, code: str, inserted: list[tuple[int, str]]
    ) -> None:
        pasted = code
        for place, character in inserted:
            pasted = pasted[:place] + character + pasted[place:]

        assert codes.normalised(pasted) == code

    @given(st.text("ABCEHIKMOPTXY0123456789", min_size=4, max_size=32), st.data())
    def test_letters_that_look_alike_are_the_same(self, code: str, data: st.DataObject) -> None:
        cyrillic = dict(zip("ABCEHIKMOPTXY", "АВСЕНІКМОРТХУ", strict=True))
        greek = dict(zip("ABEHIKMOPTXY", "ΑΒΕΗΙΚΜΟΡΤΧΥ", strict=True))
        mixed = "".join(
            data.draw(st.sampled_from([each, cyrillic.get(each, each), greek.get(each, each)]))
            for each in code
        )

        assert codes.normalised(mixed) == code
        assert codes.normalised(mixed.lower()) == code

    def test_letters_of_their_own_do_not_go(self) -> None:
        assert codes.normalised("GRÜSSE26") == "GRÜSSE26"
        assert codes.normalised("Привіт") == "ПPИBIT"

    def test_a_code_may_have_been_misread(self) -> None:
        assert codes.spellings("S0MMER") == ["SOMMER"]
        assert codes.spellings("LO") == ["10", "1O", "I0", "IO", "L0"]
        assert codes.spellings("SUMMER34") == []

    @pytest.mark.parametrize("code", ["ILLIL", "0O0O0O0", "O" * 64])
    def test_but_one_try_is_not_many_guesses(self, code: str) -> None:
        assert codes.spellings(code) == []


@pytest.mark.django_db
class TestMisread:
    """A spelling that leads to a real code is no failure."""

    @pytest.mark.parametrize("typed", ["S0MMER-2026", "somme\u200br2o26.", "\u0405\u041eMMER2026"])
    def test_it_leads_to_the_code(self, typed: str) -> None:
        make_campaign(code="SOMMER2026")

        result = redeem(PlayerFactory.create(), typed)

        assert result.redemption is not None
        attempt = Attempt.objects.get()
        assert (attempt.refusal, attempt.code) == ("", Code.objects.get())
        assert redemptions.find(typed) == Code.objects.get()

    def test_tried_again_with_the_same_key_it_has_the_same_answer(self) -> None:
        make_campaign(code="SOMMER2026")
        player = PlayerFactory.create()

        first = redeem(player, "S0MMER2026", key="one")
        second = redeem(player, "S0MMER2026", key="one")

        assert second.redemption == first.redemption
        assert Attempt.objects.count() == 1

    def test_a_code_that_exists_as_it_was_typed_comes_first(self) -> None:
        make_campaign(code="SOMMER2026")
        other = make_campaign(name="With a zero")
        batches.take_in(campaign_id=other.pk, lines=iter(["S0MMER2026"]), now=NOON, staff=None)

        result = redeem(PlayerFactory.create(), "S0MMER2026")

        assert result.redemption is not None
        assert result.redemption.campaign.name == "With a zero"

    def test_what_reads_like_a_shared_code_is_no_other_one(self) -> None:
        make_campaign(code="SOMMER2026")

        with pytest.raises(ValueError, match="or one that reads like it"):
            campaigns.share_code(campaign_id=make_campaign().pk, raw="S0MMER2026", now=NOON)

    def test_the_beginning_of_a_made_code_may_be_misread(self) -> None:
        campaign = make_campaign(kind="ENERGY_GRANT", value=5, scope="ANY")
        batch = batches.order(campaign_id=campaign.pk, size=1, prefix="OL", now=NOON, staff=None)
        batches.make(batch_id=batch.pk)
        [code] = derivation.raw_codes(Batch.objects.get(pk=batch.pk))

        assert redeem(PlayerFactory.create(), "0I" + code[2:]).redemption is not None

    def test_six_pasted_codes_do_not_block(self) -> None:
        player = PlayerFactory.create()
        for number in range(6):
            make_campaign(code=f"SOMMER202{number}")

        results = [redeem(player, f"\ufeffS0MMER202{number}.") for number in range(6)]

        assert [result.refusal for result in results] == [None] * 6


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
        stored = Code.objects.order_by("pk").values_list("label", "pepper_id")
        assert list(stored) == [("HALLO2026", "old"), ("NEULICH2026", "new")]

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
        key = derivation.key_of(Batch.objects.get())
        batches.make(batch_id=batch.pk)

        labels = set(Code.objects.values_list("label", flat=True))

        assert labels == {f"{prefix}-••••" if prefix else "••••"}
        # Nor does anything else that is written down about it.
        shown = "".join([*labels, *map(str, Code.objects.all()), *map(str, Batch.objects.all())])
        shown += "".join(AuditEntry.objects.values_list("summary", flat=True))
        for code in codes.made_from(key, prefix="", first=0, count=20):
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
