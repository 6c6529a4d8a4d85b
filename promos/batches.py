"""Batches of unique codes: ordered, made as a job, revoked whole. Product rules, section 8."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice
from types import MappingProxyType
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.db.models import F, Q

from promos import archives, campaigns, code_files, codes, derivation
from promos.errors import BadBatchError, IllegalMoveError, KeyReusedError
from promos.models import OVER, Batch, Code, Derivation
from quizarena.staff import audit

SIZE_MAX = 1_000_000
# So many codes are one COPY and one transaction: what a dying job can lose.
CHUNK = 50_000
PREFIX = re.compile(r"[A-Z0-9]{0,12}")


@transaction.atomic
def order(
    *,
    campaign_id: int,
    size: int,
    prefix: str,
    now: datetime,
    staff: User | None,
    key: UUID | None = None,
) -> Batch:
    """Order a batch, once per `key`; a job makes it. Locks the campaign.

    Raises BadBatchError for a size or prefix out of bounds and beside a holdout, IllegalMoveError
    for a campaign that is over, KeyReusedError for a key with which another batch was ordered.
    """
    campaign = campaigns.lock(campaign_id)
    prefix = codes.normalised(prefix)
    if key is not None and (ordered := campaign.batches.filter(key=key).first()) is not None:
        if (ordered.size, ordered.prefix) != (size, prefix):
            raise KeyReusedError(
                "This form has ordered another batch already. Open the order page again."
            )
        return ordered
    if campaign.status in OVER:
        raise IllegalMoveError(f"It is {campaign.get_status_display()}.")
    if campaign.holdout_percent:
        raise BadBatchError(campaigns.NO_UNIQUE_CODES)
    if not 1 <= size <= SIZE_MAX:
        raise BadBatchError(f"A batch has 1 to {SIZE_MAX:,} codes, not {size:,}.")
    if not PREFIX.fullmatch(prefix):
        raise BadBatchError("A prefix has up to 12 letters A to Z and digits.")
    batch = Batch.objects.create(
        campaign=campaign,
        key=key or uuid4(),
        prefix=prefix,
        size=size,
        seed=codes.draw_seed(),
        derivation=Derivation.SEED_AND_PEPPER,
        pepper_id=codes.newest_pepper_id(),
        created_at=now,
        created_by=staff,
    )
    audit.record(
        actor=staff,
        action="batch.ordered",
        obj=batch,
        summary=f"{batch}: ordered.",
        details={"size": size, "prefix": prefix},
    )
    return batch


def make(*, batch_id: int) -> int:
    """Make the next CHUNK of a batch's codes; return how many were made, 0 when none is missing.

    One transaction, which locks the batch: two jobs take turns, and one that dies has made nothing
    of its chunk. Memory does not grow with the batch. Raises CodesGoneError when the pepper is gone
    with which they are made.
    """
    with transaction.atomic(durable=True):
        # of self: the campaign may be used meanwhile.
        batch = Batch.objects.select_for_update(of=("self",)).get(pk=batch_id)
        count = min(CHUNK, batch.size - batch.made)
        if count <= 0 or batch.seed is None or batch.revoked_at is not None:
            return 0
        first = batch.made + len(batch.skipped)
        try:
            with transaction.atomic():
                _copy(batch, first=first, count=count)
        except IntegrityError:
            batch.skipped += _one_by_one(batch, first=first, count=count)
        batch.made += count
        batch.save(update_fields=["made", "skipped"])
    return count


def _copy(batch: Batch, *, first: int, count: int) -> None:
    """Store the codes of `count` numbers by COPY."""
    label = codes.label(prefix=batch.prefix)
    key = derivation.key_of(batch)
    with (
        # Django does not know COPY, so it would not translate what PostgreSQL says of it.
        connection.wrap_database_errors,
        connection.cursor() as cursor,
        cursor.copy(
            "COPY promos_code (campaign_id, batch_id, is_shared, digest, pepper_id, label)"
            " FROM STDIN (FORMAT BINARY)"
        ) as copy,
    ):
        copy.set_types(["int8", "int8", "bool", "bytea", "varchar", "varchar"])
        for code in codes.made_from(key, prefix=batch.prefix, first=first, count=count):
            pepper_id, digest = codes.digest(code)
            copy.write_row((batch.campaign_id, batch.pk, False, digest, pepper_id, label))


def _one_by_one(batch: Batch, *, first: int, count: int) -> list[int]:
    """Store `count` codes from number `first` on, leaving out those that exist; return these."""
    label, key = codes.label(prefix=batch.prefix), derivation.key_of(batch)
    skipped: list[int] = []
    number = first
    while number < first + count + len(skipped):
        [code] = codes.made_from(key, prefix=batch.prefix, first=number, count=1)
        pepper_id, digest = codes.digest(code)
        if Code.objects.filter(digest=digest).exists():
            skipped.append(number)
        else:
            Code.objects.create(
                campaign_id=batch.campaign_id,
                batch=batch,
                is_shared=False,
                digest=digest,
                pepper_id=pepper_id,
                label=label,
            )
        number += 1
    return skipped


@transaction.atomic
def revoke(*, batch_id: int, reason: str, now: datetime, staff: User | None) -> int:
    """Let no code of the batch work any more; return how many that were. Locks the batch.

    What has been redeemed stays redeemed. The codes themselves are not touched: a million of them
    are as fast as one. A file with them that is kept for its download is deleted.
    """
    batch = Batch.objects.select_for_update(of=("self",)).get(pk=batch_id)
    if batch.revoked_at is not None:
        return 0
    batch.revoked_at, batch.seed = now, None
    batch.save(update_fields=["revoked_at", "seed"])
    archives.discard(batch)
    audit.record(
        actor=staff,
        action="batch.revoked",
        obj=batch,
        summary=f"{batch}: revoked. {reason}",
        details={"reason": reason, "codes": batch.made},
    )
    return batch.made


# --- Codes of one's own ---------------------------------------------------------------------------


NO_PROBLEMS: Mapping[int, str] = MappingProxyType({})


class ImportReport:
    """What became of the lines of an import; `refused` names at most a hundred of them.

    `first` are the first codes as they are read: they are shown before anything is stored.
    """

    REFUSED_MAX = 100
    FIRST_MAX = 5

    def __init__(self) -> None:
        self.added = 0
        self.first: list[str] = []
        self.refused_count = 0
        self.refused: list[tuple[int, str]] = []

    def refuse(self, line: int, why: str) -> None:
        """Count a line that is no code."""
        self.refused_count += 1
        if len(self.refused) < self.REFUSED_MAX:
            self.refused.append((line, why))


@transaction.atomic
def take_in(
    *,
    campaign_id: int,
    lines: Iterator[str],
    now: datetime,
    staff: User | None,
    problems: Mapping[int, str] = NO_PROBLEMS,
) -> ImportReport:
    """Add unique codes that operators have brought along, one a line; return what became of them.

    `problems` are lines that were no codes already where they were read.

    Locks the campaign. What is no code, or is taken, is left out and reported; the rest is added.
    Raises IllegalMoveError for a campaign that is over, BadBatchError for more than a batch holds
    and for a campaign with a holdout.
    """
    campaign = campaigns.lock(campaign_id)
    if campaign.status in OVER:
        raise IllegalMoveError(f"It is {campaign.get_status_display()}.")
    if campaign.holdout_percent:
        raise BadBatchError(campaigns.NO_UNIQUE_CODES)
    report = ImportReport()
    try:
        for fresh in _chunks_of_fresh(lines, report, problems):
            Code.objects.bulk_create(_of_ones_own(campaign_id, code) for code in fresh)
    except IntegrityError:
        raise BadBatchError("Some of these codes have just been taken; try again.") from None
    audit.record(
        actor=staff,
        action="campaign.codes_imported",
        obj=campaign,
        summary=f"{campaign}: {report.added:,} codes imported.",
        details={"added": report.added, "refused": report.refused_count},
    )
    return report


def preview(*, lines: Iterator[str], problems: Mapping[int, str] = NO_PROBLEMS) -> ImportReport:
    """Return what would become of the lines if they were taken in now. Nothing is written.

    Raises BadBatchError for more than a batch holds.
    """
    report = ImportReport()
    for _ in _chunks_of_fresh(lines, report, problems):
        pass  # Counted on the way.
    return report


def _chunks_of_fresh(
    lines: Iterator[str], report: ImportReport, problems: Mapping[int, str]
) -> Iterator[list[str]]:
    """Yield the normalised codes that can be added, a thousand lines at a time, and report all."""
    numbered = enumerate((line.strip() for line in lines), 1)
    first_lines: dict[str, int] = {}
    while chunk := list(islice(numbered, 1000)):
        for number, _ in chunk:
            if number in problems:
                report.refuse(number, problems[number])
        good = [pair for pair in chunk if pair[1] and pair[0] not in problems]
        fresh = _fresh(good, first_lines, report)
        report.added += len(fresh)
        report.first += fresh[: report.FIRST_MAX - len(report.first)]
        if report.added > SIZE_MAX:
            raise BadBatchError(f"At most {SIZE_MAX:,} codes at once.")
        yield fresh


def _fresh(
    lines: list[tuple[int, str]], first_lines: dict[str, int], report: ImportReport
) -> list[str]:
    """Return the codes of some lines that nobody has; `first_lines` knows where each was first."""
    fresh: dict[str, int] = {}
    for number, line in lines:
        code = codes.normalised(line)
        if why := _why_no_code(line, code):
            report.refuse(number, why)
        elif (first := first_lines.setdefault(code, number)) != number:
            report.refuse(number, f"the same as line {first}")
        else:
            fresh[code] = number
    # With every pepper: a code that is older than the one for new codes is taken, too.
    digests = {digest: code for code in fresh for digest in codes.digests(code).values()}
    found = Code.objects.filter(digest__in=list(digests)).values_list("digest", flat=True)
    for code in {digests[bytes(digest)] for digest in found}:
        report.refuse(fresh.pop(code), "taken already")
    return list(fresh)


def _why_no_code(line: str, code: str) -> str:
    """Return why a line cannot be taken for a code, empty if it can."""
    if code_files.is_heading(line):
        return "it is a heading, not a code"
    if code_files.is_rounded(line):
        return "Excel has rounded this number: format the column as text and fill it in again"
    if not codes.IMPORTED.fullmatch(code) or not codes.is_written_as_code(line):
        return "a code has 8 to 32 letters A to Z and digits"
    return ""


def _of_ones_own(campaign_id: int, code: str) -> Code:
    """Return a normalised code that operators have brought along."""
    pepper_id, digest = codes.digest(code)
    return Code(
        campaign_id=campaign_id,
        is_shared=False,
        digest=digest,
        pepper_id=pepper_id,
        # Nobody knows which of its characters were drawn, so none is shown.
        label="••••",
    )


def next_to_make() -> int | None:
    """Return the oldest batch that is not finished and whose pepper is there, if there is one."""
    can_be_made = Q(derivation=Derivation.SEED) | Q(pepper_id__in=settings.PROMO_PEPPERS)
    waiting = Batch.objects.filter(
        can_be_made, made__lt=F("size"), revoked_at=None, seed__isnull=False
    )
    return waiting.order_by("pk").values_list("pk", flat=True).first()
