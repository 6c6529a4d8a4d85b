"""The desk at a million players: a player's page, the search, and the home page of each role."""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from statistics import quantiles

from django.contrib.auth.models import User
from django.db import connection, models, transaction
from django.db.backends.utils import CursorWrapper
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from payments.models import Purchase, PurchaseEvent
from quizarena.ops import home_figures
from quizarena.players import admin as players_admin
from quizarena.players.models import Player
from quizarena.staff.plans import custom_plans
from tests.bench import console
from tests.bench.clients import clients
from tests.bench.report import Figure
from tests.factories import make_campaign, make_staff
from tests.let_in import let_in
from tests.payments import steps

PLAYERS = 1_000_000
# Of the one player whose page is measured.
ENTRIES = 100_000
PURCHASES = 10_000
# Of all others together.
OTHERS_ENTRIES = 400_000
OTHERS_PURCHASES = 200_000
# With half of the codes a campaign has, and a tenth of them redeemed.
CAMPAIGNS, CODES = 100, 100_000
# Whose whole page is measured, too.
WHOLE_SEARCHES = ("both names", "two letters", "purchase", "promo code")
WARMING_UP = 3
REQUESTS = 20
ROLES = ("Support", "Operator", "Finance", "Editor", "Administrator", "Security")
YEAR_SECONDS = 30_000_000
TELEGRAM_ID = 5 * 10**15
CODE = "WINTER-2026"

# The commonest first name is that of one in a hundred, the commonest last name of one in fifty.
_NAMES = """
SET LOCAL session_replication_role = replica;
INSERT INTO players_player
  (telegram_id, first_name, last_name, username, language, awaits, created_at, started_at,
   last_seen_at)
SELECT {first} + number,
  first_names[1 + number % 12] || CASE WHEN number % 9 < 1 THEN '' ELSE
    chr(97 + number % 26) || chr(97 + number / 26 % 26) END,
  last_names[1 + number / 12 % 10] || CASE WHEN number % 5 < 1 THEN '' ELSE
    chr(97 + number / 7 % 26) || chr(97 + number / 31 % 26) || chr(97 + number / 17 % 26) END,
  CASE WHEN number % 10 < 7 THEN lower(usernames[1 + number % 4]) || '_' || number ELSE '' END,
  (ARRAY['de', 'en', 'uk'])[1 + number % 3], '',
  now() - number % 400 * interval '1 day', now() - number % 400 * interval '1 day', now()
FROM generate_series(1, {players}) AS number,
  (SELECT ARRAY['Anna', 'Ben', 'Olena', 'Maria', 'Оксана', 'Lukas', 'Ahmed', 'Іван', 'Chiara',
                'Thanh', 'Mehmet', 'Zoé'] AS first_names,
          ARRAY['Schmidt', 'Müller', 'Шевченко', 'Koval', 'Nguyen', 'Rossi', 'Yılmaz', 'García',
                'Becker', ''] AS last_names,
          ARRAY['anna', 'quizfan', 'deutsch', 'lerner'] AS usernames) AS names
"""


def measure(*, repetitions: int, seconds: int) -> Iterator[Figure]:
    """Fill a database of a million players, and look at it as each role."""
    began = time.perf_counter()
    player = _populate()
    took = time.perf_counter() - began
    purchase = Purchase.objects.filter(player=player).latest("opened_at")
    for role in ROLES:
        make_staff(role, username=f"bench-{role.lower()}")
    terms = _terms(player, purchase)
    # A process of its own, which has not filled the tables.
    with clients() as pool:
        seen = pool.submit(_look, player.pk, terms, repetitions).result()
    sizes: dict[str, str | int | float] = {
        "players": PLAYERS,
        "entries of the player": ENTRIES,
        "purchases of the player": PURCHASES,
        "entries of others": OTHERS_ENTRIES,
        "purchases of others": OTHERS_PURCHASES,
        "requests": REQUESTS,
        "seconds to fill": round(took),
    }
    for one in seen:
        target = f"{one.target_ms} ms"
        yield Figure(
            what=f"{one.what}: p95", unit="ms", samples=one.p95s, target=target, settings=sizes
        )
        yield Figure(
            what=f"{one.what}: processor time of our own process, median",
            unit="ms",
            samples=one.processor,
            settings=sizes,
        )
        yield Figure(
            what=f"{one.what}: planning and execution of its {one.statements} statements",
            unit="ms",
            samples=[one.database],
            settings={**sizes, "longest": one.longest},
        )


@dataclass(kw_only=True)
class Look:
    """What a page, or a search, takes."""

    what: str
    target_ms: int
    # In milliseconds, of each repetition.
    p95s: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    # As PostgreSQL gives it, once.
    database: float = 0
    statements: int = 0
    longest: str = ""


def _look(player_id: int, terms: Sequence[tuple[str, str]], repetitions: int) -> list[Look]:
    """Look at everything again and again."""
    support, page = _client("Support"), f"/admin/players/player/{player_id}/change/"
    older = re.search(r'href="(\?before=[^"#]*)', support.get(page).content.decode())
    assert older is not None
    players = "/admin/players/player/"
    calls: list[tuple[str, int, Callable[[], None]]] = [
        ("player page", 300, partial(_get, support, page)),
        ("the next page of its timeline", 300, partial(_get, support, page + older[1])),
        ("what the player sees", 300, partial(_get, support, page.replace("change", "screens"))),
        ("its ledger alone", 300, partial(_get, support, f"{page}?kind=ledger")),
        *((f"players found by {what}", 100, partial(_find, term)) for what, term in terms),
        *(
            (f"search for {what}", 300, partial(_search, support, term))
            for what, term in terms
            if what in WHOLE_SEARCHES
        ),
        ("list of players", 300, partial(_get, support, players)),
        ("list of players by both names", 300, partial(_get, support, f"{players}?q=schmidt+anna")),
        *((f"home of {role}", 300, partial(_get, _client(role), "/admin/")) for role in ROLES),
    ]
    return [_measured(what, target, call, repetitions) for what, target, call in calls]


def _client(role: str) -> Client:
    client = Client()
    let_in(client, User.objects.get(username=f"bench-{role.lower()}"))
    return client


def _get(client: Client, address: str) -> None:
    answer = client.get(address)
    assert answer.status_code == 200, (address, answer.status_code)


def _search(client: Client, term: str) -> None:
    assert client.post("/admin/search/", {"s": term}).status_code == 200


def _find(term: str) -> None:
    """Find players alone: the search looks into all that its user may view."""
    with custom_plans():
        list(players_admin._find_players(term))


def _measured(what: str, target_ms: int, call: Callable[[], None], repetitions: int) -> Look:
    """Return what `call` takes: by the clock, of our processor, and of the database."""
    look = Look(what=what, target_ms=target_ms)
    for _ in range(WARMING_UP):
        call()
    with CaptureQueriesContext(connection) as queries:
        call()
    look.statements = len(queries)
    explained = [(_explained(query["sql"]), query["sql"]) for query in queries]
    look.database = sum(taken for taken, _ in explained)
    slowest, sql = max(explained, default=(0.0, ""))
    look.longest = f"{slowest:.1f} ms: {sql[:300]}"
    for _ in range(repetitions):
        walls, processors = [], []
        for _ in range(REQUESTS):
            began, processor = time.perf_counter(), time.process_time()
            call()
            walls.append((time.perf_counter() - began) * 1000)
            processors.append((time.process_time() - processor) * 1000)
        look.p95s.append(quantiles(walls, n=20)[-1])
        look.processor.append(sorted(processors)[REQUESTS // 2])
    return look


def _explained(sql: str) -> float:
    """Return for how many milliseconds PostgreSQL plans and executes a query."""
    if not sql.startswith(("SELECT", "(SELECT", "WITH")) or " FOR " in sql.upper()[-40:]:
        return 0.0
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, SUMMARY) " + sql.replace("%", "%%"), [])
        plan = "\n".join(line for (line,) in cursor.fetchall())
    return sum(float(found) for found in re.findall(r"(?:Planning|Execution) Time: ([\d.]+)", plan))


# --- A million players ----------------------------------------------------------------------------


def _terms(player: Player, purchase: Purchase) -> list[tuple[str, str]]:
    return [
        ("first name", "Anna"),
        ("last name", "schmidt"),
        ("both names", "schmidt anna"),
        ("a part of a name", "evchen"),
        ("a rare name", "Шевченкоab"),
        ("a part in Cyrillic that nobody has", "Ева"),
        ("two letters", "an"),
        ("a name that nobody has", "Xylophon"),
        ("@name", "@anna_10000"),
        ("Telegram id", str(player.telegram_id)),
        ("purchase", str(purchase.pk)),
        ("charge id", str(purchase.charge_id)[:12]),
        ("promo code", CODE),
    ]


def _populate() -> Player:
    """Fill the tables, behind the triggers; return the player with most of everything."""
    make_campaign(code=CODE)
    console._populate(before=(0, 0), size=(CAMPAIGNS, CODES))
    now = timezone.now()
    player = Player.objects.create(
        telegram_id=TELEGRAM_ID,
        first_name="Petra",
        last_name="Benchmark",
        username="petra_bench",
        created_at=now - timedelta(days=400),
        last_seen_at=now,
    )
    purchase = steps.buy(player, now=now - timedelta(days=399))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_NAMES.format(first=TELEGRAM_ID, players=PLAYERS))
        _fill(cursor, purchase)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
    home_figures.count(now=timezone.now())
    return player


def _fill(cursor: CursorWrapper, purchase: Purchase) -> None:
    """Copy a purchase and its entry for its player and for the others."""
    entry = purchase.credit_entry
    assert entry is not None
    player = str(purchase.player_id)
    first = Player.objects.filter(telegram_id__gt=TELEGRAM_ID).earliest("pk").pk
    for first_id, owner, entries, bought in (
        (10_000_000, player, ENTRIES, PURCHASES),
        (20_000_000, f"{first} + n", OTHERS_ENTRIES, OTHERS_PURCHASES),
    ):
        step = entries // bought
        of_purchase = f"mod(n, {step}) = 0"
        # Of a bit less than a year, in the order of their ids.
        at = f"now() - ({entries} - n) * interval '{YEAR_SECONDS // entries} seconds'"
        cursor.execute(
            "CREATE TEMPORARY TABLE bench_bought ON COMMIT DROP AS"
            " SELECT n, gen_random_uuid() AS bought_id FROM generate_series(1, %s) AS n"
            " WHERE mod(n, %s) = 0",
            [entries, step],
        )
        _copy(
            cursor,
            entry,
            f"generate_series(1, {entries}) AS n LEFT JOIN bench_bought USING (n)",
            id=f"{first_id} + n",
            player_id=owner,
            idempotency_key="coalesce('credit:purchase:' || bought_id, 'bench:' || n)",
            type=f"CASE WHEN {of_purchase} THEN 'PURCHASE_CREDIT' ELSE 'PRIZE' END",
            created_at=at,
        )
        _copy(
            cursor,
            purchase,
            "bench_bought",
            id="bought_id",
            player_id=owner,
            credit_entry_id=f"{first_id} + n",
            payload="'bench:' || bought_id",
            charge_id="'charge:' || bought_id",
            opened_at=at,
            paid_at=at,
            changed_at=at,
            receipt_sent_at=at,
        )
        for event in PurchaseEvent.objects.filter(purchase=purchase).order_by("pk"):
            _copy(cursor, event, "bench_bought", purchase_id="bought_id", at=at)
        cursor.execute("DROP TABLE bench_bought")


def _copy(cursor: CursorWrapper, template: models.Model, rows: str, **new: str) -> None:
    """Insert a copy of the template for each of the rows, with what is new about it as SQL."""
    meta = template._meta
    columns = [
        str(one.column) for one in meta.concrete_fields if one.column in new or not one.primary_key
    ]
    chosen = ", ".join(new.get(name, f'template."{name}"') for name in columns)
    names = ", ".join(f'"{name}"' for name in columns)
    cursor.execute(
        f'INSERT INTO "{meta.db_table}" ({names}) SELECT {chosen}'  # noqa: S608
        f' FROM "{meta.db_table}" AS template CROSS JOIN (SELECT * FROM {rows}) AS rows'
        " WHERE template.id = %s",
        [template.pk],
    )
