"""Unique codes: made by a job that may die, revoked whole, brought along."""

from collections.abc import Iterator
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, IntegrityError, transaction
from pytest_django.fixtures import Settings

from promos import batches, codes, derivation
from promos.errors import BadBatchError, CodesGoneError, IllegalMoveError, KeyReusedError
from promos.models import Batch, Campaign, Code
from quizarena.staff.models import AuditEntry
from tests.concurrency import meet_after, run_together
from tests.factories import NOON, PlayerFactory, make_campaign
from tests.promos.steps import redeem, reserve

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator() -> User:
    """Return a member of staff."""
    return User.objects.create_user("operator", is_staff=True)


@pytest.fixture
def campaign() -> Campaign:
    """Return a campaign that runs."""
    return make_campaign()


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make ten codes at a time."""
    monkeypatch.setattr(batches, "CHUNK", 10)


def order(campaign: Campaign, size: int, *, prefix: str = "SUMMER") -> Batch:
    """Order a batch."""
    return batches.order(campaign_id=campaign.pk, size=size, prefix=prefix, now=NOON, staff=None)


def make(batch: Batch) -> list[int]:
    """Let the job come until nothing is left to do; return how many codes it made each time."""
    made = []
    while count := batches.make(batch_id=batch.pk):
        made.append(count)
    return made


def key_of(batch: Batch) -> bytes:
    """Return what the codes of a batch are made from."""
    return derivation.key_of(Batch.objects.get(pk=batch.pk))


class TestMaking:
    def test_a_batch_is_made_chunk_by_chunk(self, campaign: Campaign) -> None:
        batch = order(campaign, 25)

        assert make(batch) == [10, 10, 5]

        batch.refresh_from_db()
        assert (batch.made, batch.codes.count(), batch.skipped) == (25, 25, [])
        assert batches.next_to_make() is None
        assert set(batch.codes.values_list("is_shared", "pepper_id", "label")) == {
            (False, "local", "SUMMER-••••")
        }

    def test_every_code_works_for_one_player(self, campaign: Campaign, operator: User) -> None:
        batch = order(campaign, 12)
        make(batch)

        raws = list(derivation.raw_codes(Batch.objects.get(pk=batch.pk)))

        assert len(set(raws)) == 12
        assert all(raw.startswith("SUMMER-") and len(raw) == 21 for raw in raws)
        for raw in raws:
            reserve(PlayerFactory.create(), raw.lower())
        assert redeem(PlayerFactory.create(), raws[0]).reason == "USED_BY_OTHER"

    def test_a_key_orders_one_batch(self, campaign: Campaign) -> None:
        ordering = partial(
            batches.order, campaign_id=campaign.pk, now=NOON, staff=None, key=uuid4()
        )
        batch = ordering(size=12, prefix="SUMMER")

        assert ordering(size=12, prefix="summer") == batch
        with pytest.raises(KeyReusedError):
            ordering(size=13, prefix="SUMMER")
        with pytest.raises(KeyReusedError):
            ordering(size=12, prefix="WINTER")

        assert campaign.batches.count() == 1

    def test_the_oldest_batch_is_made_first(self, campaign: Campaign) -> None:
        first, second = order(campaign, 15), order(campaign, 5)

        assert batches.next_to_make() == first.pk
        make(first)
        assert batches.next_to_make() == second.pk

    @pytest.mark.parametrize(
        ("size", "prefix", "says"),
        [
            (0, "", "1 to 1,000,000 codes, not 0"),
            (1_000_001, "", "1 to 1,000,000 codes, not 1,000,001"),
            (1, "ABCDEFGHIJKLM", "up to 12 letters A to Z and digits"),
            (1, "GRÜN", "up to 12 letters A to Z and digits"),
        ],
    )
    def test_what_makes_no_sense_is_refused(
        self, campaign: Campaign, size: int, prefix: str, says: str
    ) -> None:
        with pytest.raises(BadBatchError, match=says):
            order(campaign, size, prefix=prefix)

    @pytest.mark.parametrize("over", ["EXPIRED", "DEPLETED", "ENDED"])
    def test_a_campaign_that_is_over_gets_no_codes(self, over: str) -> None:
        campaign = make_campaign(status=over)

        with pytest.raises(IllegalMoveError, match=f"It is {over.lower()}"):
            order(campaign, 10)
        with pytest.raises(IllegalMoveError, match=f"It is {over.lower()}"):
            batches.take_in(campaign_id=campaign.pk, lines=iter([]), now=NOON, staff=None)


@pytest.mark.django_db(transaction=True)
class TestDying:
    """The job goes on where it was, and the codes are those that they would have been."""

    @pytest.fixture
    def batch(self, campaign: Campaign) -> Batch:
        """Return a batch of 25."""
        return order(campaign, 25)

    @pytest.fixture(autouse=True)
    def _the_codes_are_those_of_the_seed(self, batch: Batch) -> Iterator[None]:
        """See that the batch is whole at the end, with no code of another number."""
        yield
        assert make(batch)[-1:] in ([5], [])
        expected = codes.made_from(key_of(batch), prefix="SUMMER", first=0, count=25)
        stored = batch.codes.order_by("pk").values_list("digest", flat=True)
        assert [bytes(digest) for digest in stored] == [codes.digest(code)[1] for code in expected]

    def test_between_two_chunks(self, batch: Batch) -> None:
        batches.make(batch_id=batch.pk)

        assert Batch.objects.get().made == 10

    @pytest.mark.parametrize("after", [0, 1, 7])
    def test_in_a_chunk(self, batch: Batch, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
        batches.make(batch_id=batch.pk)
        made_from = codes.made_from

        def dying(*args: Any, **kwargs: Any) -> Iterator[str]:
            for number, code in enumerate(made_from(*args, **kwargs)):
                if number == after:
                    raise KeyboardInterrupt
                yield code

        with monkeypatch.context() as patch:
            patch.setattr(codes, "made_from", dying)
            with pytest.raises(KeyboardInterrupt):
                batches.make(batch_id=batch.pk)

        assert (Batch.objects.get().made, batch.codes.count()) == (10, 10)

    def test_after_the_codes_and_before_they_are_counted(
        self, batch: Batch, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def dying(*args: Any, **kwargs: Any) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(Batch, "save", dying)
            with pytest.raises(KeyboardInterrupt):
                batches.make(batch_id=batch.pk)

        assert (Batch.objects.get().made, Code.objects.count()) == (0, 0)

    def test_two_jobs_take_turns(self, batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
        meet_after(monkeypatch, batches, "_copy")

        made = run_together(
            lambda: batches.make(batch_id=batch.pk), lambda: batches.make(batch_id=batch.pk)
        )

        assert made == [10, 10]
        assert (Batch.objects.get().made, Batch.objects.get().skipped) == (20, [])


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_two_jobs_make_the_same_codes(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Show that taking turns can fail: take the lock away, and the codes are in the way."""
    batch = order(campaign, 25)
    monkeypatch.setattr(type(Batch.objects.all()), "select_for_update", lambda rows, **_: rows)
    meet_after(monkeypatch, codes, "label")

    run_together(lambda: batches.make(batch_id=batch.pk), lambda: batches.make(batch_id=batch.pk))

    batch.refresh_from_db()
    assert (batch.made, batch.codes.count()) == (10, 20)


class TestPepper:
    """A seed that somebody reads in a dump says nothing about the codes."""

    SEED = bytes(range(32))

    @pytest.fixture
    def batch(self, campaign: Campaign, settings: Settings) -> Batch:
        """Return a batch of two, of a seed that we know."""
        settings.PROMO_PEPPERS = {"old": "old-pepper"}
        batch = order(campaign, 2)
        Batch.objects.filter(pk=batch.pk).update(seed=self.SEED)
        batch.refresh_from_db()
        return batch

    def download(self, batch: Batch, operator: User) -> list[str]:
        """Return the codes of a batch that is made."""
        return list(derivation.raw_codes(Batch.objects.get(pk=batch.pk)))

    def test_the_codes_follow_from_the_seed_and_the_pepper(
        self, batch: Batch, operator: User, settings: Settings
    ) -> None:
        of_the_seed = list(codes.made_from(self.SEED, prefix="SUMMER", first=0, count=2))
        assert make(batch) == [2]
        key = derivation.key_of(batch)

        # HKDF-SHA256 of the pepper (RFC 5869), the seed as its salt; by openssl kdf HKDF.
        assert key.hex() == "b800308bcef31bf73c1b265de7767c85b8562f139c07709cee07f262b14c5f93"
        raws = self.download(batch, operator)
        assert raws == ["SUMMER-N9WD-JYYM-4QYH", "SUMMER-NG4D-QGWX-JHW7"]
        assert not {codes.normalised(raw) for raw in raws} & set(of_the_seed)
        assert redeem(PlayerFactory.create(), raws[0]).reason != "UNKNOWN"
        assert redeem(PlayerFactory.create(), of_the_seed[0]).reason == "UNKNOWN"

    def test_after_a_rotation_a_batch_is_made_as_it_was_ordered(
        self, batch: Batch, operator: User, settings: Settings
    ) -> None:
        key = derivation.key_of(batch)
        settings.PROMO_PEPPERS = {"new": "new-pepper", "old": "old-pepper"}

        assert make(batch) == [2]
        assert derivation.key_of(batch) == key
        raws = self.download(batch, operator)
        assert [redeem(PlayerFactory.create(), raw).reason for raw in raws] == [None, None]
        assert set(Code.objects.values_list("pepper_id", flat=True)) == {"new"}

    def test_without_its_pepper_it_waits_and_holds_up_no_other(
        self, batch: Batch, campaign: Campaign, operator: User, settings: Settings
    ) -> None:
        settings.PROMO_PEPPERS = {"new": "new-pepper"}
        other = order(campaign, 1)

        assert batches.next_to_make() == other.pk
        with pytest.raises(CodesGoneError, match="missing in PROMO_PEPPERS"):
            batches.make(batch_id=batch.pk)
        with pytest.raises(CodesGoneError, match="Restore it"):
            self.download(batch, operator)
        settings.PROMO_PEPPERS = {"new": "new-pepper", "old": "old-pepper"}
        assert batches.next_to_make() == batch.pk
        assert make(batch) == [2]

    def test_a_batch_of_the_seed_alone_is_made_and_leaves_as_it_was(
        self, campaign: Campaign, operator: User
    ) -> None:
        batch = Batch.objects.create(
            campaign=campaign,
            prefix="SUMMER",
            size=2,
            seed=self.SEED,
            derivation=1,
            created_at=NOON,
        )

        assert make(batch) == [2]
        assert self.download(batch, operator) == ["SUMMER-Q9P3-CJG4-XAKC", "SUMMER-P4KH-PARR-46H7"]

    def test_how_it_is_made_does_not_change(self, batch: Batch) -> None:
        rows = Batch.objects.filter(pk=batch.pk)

        with pytest.raises(DatabaseError, match=r"[Cc]annot update"), transaction.atomic():
            rows.update(derivation=1, pepper_id="")
        with pytest.raises(IntegrityError, match="batch_derivation_is_known"), transaction.atomic():
            Batch.objects.create(
                campaign=batch.campaign, size=1, derivation=2, pepper_id="", created_at=NOON
            )


class TestCollision:
    """A code that exists already is left out, and another one is made instead."""

    @pytest.fixture
    def batch(self, campaign: Campaign) -> Batch:
        """Return a batch of 15 of which the numbers 3, 12 and 15 are somebody else's."""
        batch = order(campaign, 15)
        made = list(codes.made_from(key_of(batch), prefix="SUMMER", first=0, count=16))
        report = batches.take_in(
            campaign_id=make_campaign().pk,
            lines=iter([made[3], made[12], made[15]]),
            now=NOON,
            staff=None,
        )
        assert report.added == 3
        return batch

    def test_the_batch_is_whole_without_it(self, batch: Batch) -> None:
        assert make(batch) == [10, 5]

        batch.refresh_from_db()
        assert (batch.made, batch.codes.count(), batch.skipped) == (15, 15, [3, 12, 15])

    def test_only_codes_of_the_batch_leave_with_it(self, batch: Batch, operator: User) -> None:
        key = key_of(batch)
        make(batch)

        raws = list(derivation.raw_codes(Batch.objects.get(pk=batch.pk)))

        made = list(codes.made_from(key, prefix="SUMMER", first=0, count=18))
        left = [code for number, code in enumerate(made) if number not in (3, 12, 15)]
        assert [codes.normalised(raw) for raw in raws] == left
        owned = set(batch.codes.values_list("digest", flat=True))
        assert {codes.digest(code)[1] for code in left} == {bytes(digest) for digest in owned}

    def test_the_job_can_die_between_a_collision_and_the_next_chunk(self, batch: Batch) -> None:
        batches.make(batch_id=batch.pk)
        batch.refresh_from_db()
        assert (batch.made, batch.skipped) == (10, [3])

        assert make(batch) == [5]


class TestRevoke:
    def test_no_code_of_it_works_any_more_and_what_was_redeemed_stays(
        self, campaign: Campaign, operator: User
    ) -> None:
        batch, other = order(campaign, 3), order(campaign, 3)
        make(batch)
        make(other)
        raws = list(derivation.raw_codes(Batch.objects.get(pk=batch.pk)))
        others = list(derivation.raw_codes(Batch.objects.get(pk=other.pk)))
        reserved = reserve(PlayerFactory.create(), raws[0])

        assert batches.revoke(batch_id=batch.pk, reason="Lost.", now=NOON, staff=operator) == 3
        assert batches.revoke(batch_id=batch.pk, reason="Lost.", now=NOON, staff=operator) == 0

        assert redeem(PlayerFactory.create(), raws[1]).reason == "REVOKED"
        assert redeem(PlayerFactory.create(), others[0]).refusal is None
        reserved.refresh_from_db()
        assert reserved.status == "RESERVED"
        entry = AuditEntry.objects.get(action="batch.revoked")
        assert entry.details == {"reason": "Lost.", "codes": 3}

    def test_a_batch_that_is_being_made_is_not_made_further(self, campaign: Campaign) -> None:
        batch = order(campaign, 25)
        batches.make(batch_id=batch.pk)

        assert batches.revoke(batch_id=batch.pk, reason="Typo.", now=NOON, staff=None) == 10

        assert batches.make(batch_id=batch.pk) == 0
        assert batches.next_to_make() is None


class TestImport:
    def test_it_tells_what_became_of_each_line(self, campaign: Campaign) -> None:
        make_campaign(code="VERGEBEN")

        report = batches.take_in(
            campaign_id=campaign.pk,
            lines=iter(
                [
                    "dank-e202-6\n",
                    "",
                    "KURZ",
                    "DANKE2026",
                    "vergeben",
                    "GRÜSSE2026",
                    " BITTE2026 ",
                    "A" * 33,
                ]
            ),
            now=NOON,
            staff=None,
        )

        assert (report.added, report.refused_count) == (2, 5)
        assert sorted(report.refused) == [
            (3, "a code has 8 to 32 letters A to Z and digits"),
            (4, "the same as line 1"),
            (5, "taken already"),
            (6, "a code has 8 to 32 letters A to Z and digits"),
            (8, "a code has 8 to 32 letters A to Z and digits"),
        ]
        reserve(PlayerFactory.create(), "danke2026")
        reserve(PlayerFactory.create(), "BITTE-2026")

    def test_a_thousand_lines_and_more_are_one_import(self, campaign: Campaign) -> None:
        lines = [f"EIGENER{number:05}" for number in range(2_500)]

        report = batches.take_in(
            campaign_id=campaign.pk, lines=iter([*lines, lines[0]]), now=NOON, staff=None
        )

        assert (report.added, report.refused_count, campaign.codes.count()) == (2_500, 1, 2_500)
        assert AuditEntry.objects.get(action="campaign.codes_imported").details == {
            "added": 2_500,
            "refused": 1,
        }

    def test_at_most_a_hundred_refused_lines_are_named(self, campaign: Campaign) -> None:
        report = batches.take_in(
            campaign_id=campaign.pk, lines=iter(["KURZ"] * 150), now=NOON, staff=None
        )

        assert (report.refused_count, len(report.refused)) == (150, 100)

    def test_more_than_a_batch_holds_is_refused_whole(
        self, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(batches, "SIZE_MAX", 1_500)

        with pytest.raises(BadBatchError, match="At most 1,500"):
            batches.take_in(
                campaign_id=campaign.pk,
                lines=(f"EIGENER{number:05}" for number in range(2_500)),
                now=NOON,
                staff=None,
            )

        assert not Code.objects.exists()


def test_the_database_keeps_codes_apart() -> None:
    first = make_campaign(code="VERGEBEN").codes.get()

    with pytest.raises(IntegrityError, match="promos_code_digest"):
        Code.objects.create(
            campaign=make_campaign(),
            is_shared=True,
            digest=first.digest,
            pepper_id="local",
            label="X",
        )
