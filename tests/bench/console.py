"""The operators' console: list and page of campaigns, with few codes and with a million."""

import resource
import sys
import time
from collections.abc import Iterator
from statistics import quantiles

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client

from promos.models import Campaign
from tests.bench.clients import clients
from tests.bench.report import Figure
from tests.let_in import let_in

# So many campaigns and codes there are, beside so few. Half of the codes are the first one's.
MANY = (10_000, 1_000_000)
FEW = (100, 1_000)
WARMING_UP = 5
REQUESTS = 40
LIST = "/admin/promos/campaign/"

# A tenth of the codes has been redeemed, each by a player of its own, within the last thirty days;
# for each there is a refused try, too. Behind the triggers: they would count one by one.
_POPULATE = """
SET LOCAL session_replication_role = replica;
INSERT INTO promos_campaign
  (key, name, kind, value, scope, product_code, starts_at, ends_at, uses_max, for_new_players,
   for_first_purchase, for_language, for_level, is_weekend_offer, is_approved, status, created_at,
   changed_at, reserved, applied, stars_reserved, stars_given, holdout_percent, tags)
SELECT gen_random_uuid(), 'Console ' || number, 'PERCENT_DISCOUNT', 20, 'ANY', '',
  now() - interval '30 days', now() + interval '30 days', 1000000, false, false, '', '',
  false, false,
  (ARRAY['DRAFT', 'ACTIVE', 'ACTIVE', 'PAUSED', 'ENDED'])[1 + number % 5],
  now(), now(), 0, 0, 0, 0, 0, '{{}}'
FROM generate_series({campaigns_before}, {campaigns} - 1) AS number;

CREATE TEMPORARY TABLE bench_new ON COMMIT DROP AS
SELECT number,
  {first} + CASE WHEN number % 2 = 0 THEN 0 ELSE number / 2 % {campaigns} END AS campaign_id,
  {first_player} + number AS telegram_id, now() - number % 30 * interval '1 day' AS at
FROM generate_series({codes_before}, {codes} - 1) AS number;

INSERT INTO promos_batch
  (campaign_id, key, prefix, size, made, skipped, created_at, derivation, pepper_id)
SELECT {first}, gen_random_uuid(), 'CONSOLE', count(*), count(*), '{{}}', now(), 1, ''
FROM bench_new WHERE campaign_id = {first};
INSERT INTO promos_code (campaign_id, batch_id, is_shared, digest, pepper_id, label)
SELECT campaign_id,
  CASE WHEN campaign_id = {first} THEN (SELECT max(id) FROM promos_batch) END,
  false, sha256(number::text::bytea), 'bench', 'CONSOLE-••••'
FROM bench_new;

DELETE FROM bench_new WHERE number / 2 % 10 <> 0;
INSERT INTO players_player
  (telegram_id, first_name, last_name, username, language, awaits, created_at, last_seen_at)
SELECT telegram_id, 'Bench', '', '', 'de', '', now(), now() FROM bench_new;
INSERT INTO promos_redemption
  (campaign_id, code_id, is_shared, player_id, attempt_number, status, created_at, changed_at,
   reserved_until, is_locked_for_payment, stars_off)
SELECT campaign_id, code.id, false, player.id, 1,
  (ARRAY['APPLIED', 'EXPIRED', 'RESERVED'])[1 + number / 20 % 3], at, at,
  at + interval '15 minutes', false, 0
FROM bench_new
JOIN promos_code AS code USING (campaign_id)
JOIN players_player AS player USING (telegram_id)
WHERE code.digest = sha256(number::text::bytea);
INSERT INTO promos_attempt
  (player_id, digest, code_id, campaign_id, redemption_id, refusal, detail, channel,
   idempotency_key, at)
SELECT redemption.player_id, code.digest, code.id, code.campaign_id, accepted.id,
  CASE WHEN accepted.id IS NULL THEN 'E_PROMO_ALREADY_USED' ELSE '' END,
  CASE WHEN accepted.id IS NULL THEN 'USED_BY_PLAYER' ELSE '' END,
  'LINK', 'console:' || side, redemption.created_at
FROM bench_new
JOIN players_player AS player USING (telegram_id)
JOIN promos_redemption AS redemption ON redemption.player_id = player.id
JOIN promos_code AS code ON code.id = redemption.code_id
CROSS JOIN generate_series(1, 2) AS side
LEFT JOIN promos_redemption AS accepted ON accepted.id = redemption.id AND side = 1;
UPDATE promos_campaign SET
  reserved = (SELECT count(*) FROM promos_redemption
          WHERE campaign_id = promos_campaign.id AND status = 'RESERVED'),
  applied = (SELECT count(*) FROM promos_redemption
             WHERE campaign_id = promos_campaign.id AND status = 'APPLIED')
"""
FIRST_TELEGRAM_ID = 7 * 10**15


def measure(*, repetitions: int, seconds: int) -> Iterator[Figure]:
    """Look at list and page with few campaigns and codes, then with many."""
    before = (0, 0)
    measured: dict[tuple[int, int], tuple[dict[str, list[float]], float]] = {}
    for size in (FEW, MANY):
        first = _populate(before=before, size=size)
        pages = {"campaign list": LIST, "campaign page": f"{LIST}{first}/change/"}
        # A process of its own: what it needs at most is what these pages need.
        with clients() as pool:
            measured[size] = pool.submit(_look, pages, repetitions).result()
        before = size
    (few, megabytes_few), (many, megabytes_many) = measured[FEW], measured[MANY]
    sizes: dict[str, str | int | float] = {
        "campaigns": MANY[0],
        "codes": MANY[1],
        "requests": REQUESTS,
    }
    for page, samples in many.items():
        what = f"{page}, 10 thousand campaigns and 1 million codes"
        yield Figure(what=f"{what}: p95", unit="ms", samples=samples, settings=sizes)
        yield Figure(
            what=f"{what}: ratio to 100 campaigns and 1 thousand codes",
            unit="ratio",
            samples=[mine / least for mine, least in zip(samples, few[page], strict=True)],
            settings=sizes,
        )
    yield Figure(
        what="campaign list and page: peak memory to that with 1 thousand codes",
        unit="ratio",
        samples=[megabytes_many / megabytes_few],
        target="flat",
        settings={**sizes, "megabytes": round(megabytes_many)},
    )


def _populate(*, before: tuple[int, int], size: tuple[int, int]) -> int:
    """Add what is missing to so many campaigns and codes; return the campaign with most of them."""
    with transaction.atomic(), connection.cursor() as cursor:
        oldest = Campaign.objects.filter(name="Console 0").values_list("pk", flat=True).first()
        if oldest is None:
            cursor.execute("SELECT nextval('promos_campaign_id_seq')")
            oldest = cursor.fetchone()[0] + 1
        cursor.execute(
            _POPULATE.format(
                campaigns_before=before[0],
                campaigns=size[0],
                codes_before=before[1],
                codes=size[1],
                first=oldest,
                first_player=FIRST_TELEGRAM_ID,
            )
        )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
    return int(oldest)


def _look(pages: dict[str, str], repetitions: int) -> tuple[dict[str, list[float]], float]:
    """Fetch every page again and again as an administrator.

    Return the p95 in milliseconds of each repetition by page, and how many MB it took at most.
    """
    client = Client()
    user, _ = User.objects.get_or_create(username="bench", is_staff=True, is_superuser=True)
    let_in(client, user)
    taken: dict[str, list[float]] = {}
    for page, address in pages.items():
        for _ in range(WARMING_UP):
            assert client.get(address).status_code == 200, address
        taken[page] = [
            quantiles([_milliseconds(client, address) for _ in range(REQUESTS)], n=20)[-1]
            for _ in range(repetitions)
        ]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts in KiB, macOS in bytes.
    return taken, peak * (1 if sys.platform == "darwin" else 1024) / 1e6


def _milliseconds(client: Client, address: str) -> float:
    """Return how long it takes to get a page."""
    began = time.perf_counter()
    client.get(address)
    return (time.perf_counter() - began) * 1000
