"""Queries that are compiled once and run with other parameters, beside what Django itself does."""

from collections.abc import Callable
from copy import copy
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models import Count, Model, OuterRef, QuerySet, Subquery
from django.db.models.functions import TruncDate
from django.db.transaction import TransactionManagementError
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bot.chat import dates
from bot.chat.models import ReminderSettings
from bot.queue.models import InboxUpdate
from economy import entitlements
from economy.models import PremiumSpan
from payments import purchases
from payments.models import Product, Purchase, PurchaseEvent
from promos import redemptions
from promos.models import Attempt, Redemption
from quizarena import prepared as module
from quizarena.django_internals import UnpreparableError
from quizarena.game import (
    daily,
    duel_play,
    duels,
    private_tournaments,
    reviews,
    rounds,
    rule_cards,
    tournament_play,
    tournaments,
)
from quizarena.game.models import (
    DuelAnswer,
    Mode,
    Pairing,
    Question,
    ReviewQuestion,
    Round,
    RoundQuestion,
    TournamentAnswer,
)
from quizarena.players import services as players
from quizarena.players.models import Language, Player
from quizarena.prepared import Prepared, prepared
from tests.concurrency import another_connection, run_together
from tests.factories import PlayerFactory, make_campaign
from tests.game.carded import make_card
from tests.game.test_selection import make_questions
from tests.payments.steps import NOON, buy, open_purchase
from tests.promos.steps import CODE, redeem

HOUR = timedelta(hours=1)


@prepared
def _named(*, name: str) -> QuerySet[Player]:
    return Player.objects.filter(first_name=name).order_by("pk")


@prepared
def _invoiced(*, payload: str, now: datetime, kind: str) -> QuerySet[Purchase]:
    events = PurchaseEvent.objects.filter(purchase=OuterRef("pk"), kind=kind, at__lte=now)
    return (
        Purchase.objects.select_for_update(of=("self",))
        .select_related("player", "product", "redemption__campaign")
        .annotate(happened_at=Subquery(events.values("at")[:1]))
        .filter(payload=payload, opened_at__gt=now - HOUR)
    )


@pytest.mark.django_db
class TestRows:
    """What is found is what Django finds."""

    def test_every_call_has_its_own_parameters(self) -> None:
        anna, berta = (
            PlayerFactory.create(first_name="Anna"),
            PlayerFactory.create(first_name="Berta"),
        )

        assert _named.rows(name="Anna") == [anna]
        assert _named.rows(name="Berta") == [berta]
        assert _named.rows(name="Clara") == []
        assert _named.first(name="Berta") == berta
        assert _named.first(name="Clara") is None

    def test_get_wants_exactly_one(self) -> None:
        anna = PlayerFactory.create(first_name="Anna")

        assert _named.get(name="Anna") == anna
        with pytest.raises(Player.DoesNotExist):
            _named.get(name="Berta")
        PlayerFactory.create(first_name="Anna")
        with pytest.raises(Player.MultipleObjectsReturned):
            _named.get(name="Anna")

    def test_instances_have_every_value_that_a_queryset_gives_them(self) -> None:
        purchase = open_purchase(PlayerFactory.create())
        assert purchase.payload is not None

        found = _invoiced.get(payload=purchase.payload, now=NOON + HOUR / 2, kind="OPENED")

        known = Purchase.objects.select_related("player", "product").get(pk=purchase.pk)
        assert _values(found) == _values(known)
        assert _values(found.player) == _values(known.player)
        assert found.product is not None
        assert known.product is not None
        assert _values(found.product) == _values(known.product)
        assert found.redemption is None
        assert getattr(found, "happened_at") == NOON  # noqa: B009 -- an annotation.

    def test_what_stands_beside_costs_no_further_statement(self) -> None:
        purchase = open_purchase(PlayerFactory.create(first_name="Anna"))
        assert purchase.payload is not None

        with CaptureQueriesContext(connection) as queries:
            found = _invoiced.get(payload=purchase.payload, now=NOON, kind="OPENED")
            shown = (found.player.first_name, found.product and found.product.stars)

        assert shown == ("Anna", 5)
        assert len(queries) == 1
        assert "FOR UPDATE OF" in queries[0]["sql"]

    def test_an_instant_may_be_shifted_by_the_query(self) -> None:
        purchase = open_purchase(PlayerFactory.create())
        assert purchase.payload is not None

        def is_found(now: datetime) -> bool:
            assert purchase.payload is not None
            return _invoiced.first(payload=purchase.payload, now=now, kind="OPENED") is not None

        assert is_found(NOON + HOUR - timedelta(microseconds=1))
        assert not is_found(NOON + HOUR)
        # The same instant, said in another zone.
        assert not is_found(datetime(2026, 11, 22, 13, tzinfo=timezone.get_fixed_timezone(60)))

    def test_values_come_as_tuples_or_alone(self) -> None:
        @prepared
        def _names(*, language: str) -> QuerySet[Player, tuple[int, str]]:
            players = Player.objects.filter(language=language).order_by("pk")
            return players.values_list("telegram_id", "first_name")

        @prepared
        def _ids(*, language: str) -> QuerySet[Player, int]:
            return Player.objects.filter(language=language).values_list("telegram_id", flat=True)

        PlayerFactory.create(telegram_id=1, first_name="Anna", language="de")
        PlayerFactory.create(telegram_id=2, language="uk")

        assert _names.rows(language="de") == [(1, "Anna")]
        assert _ids.rows(language="uk") == [2]

    def test_json_is_asked_for_as_json(self) -> None:
        @prepared
        def _events(*, query: str, stars: int) -> QuerySet[PurchaseEvent]:
            return PurchaseEvent.objects.filter(evidence__query=query, evidence__stars=stars)

        purchase = open_purchase(PlayerFactory.create())
        purchase.evidence = {"query": '"7"', "stars": 5}
        purchase.save(update_fields=["evidence"])

        (event,) = _events.rows(query='"7"', stars=5)
        assert event.evidence == {"query": '"7"', "stars": 5}
        assert _events.rows(query="7", stars=5) == []
        assert _events.rows(query='"7"', stars=6) == []

    def test_other_types_are_parameters_too(self) -> None:
        purchase = open_purchase(PlayerFactory.create())

        @prepared
        def _by_key(*, purchase_id: UUID, player: int) -> QuerySet[Purchase]:
            return Purchase.objects.filter(pk=purchase_id, player=player)

        assert _by_key.get(purchase_id=purchase.pk, player=purchase.player_id) == purchase
        assert _by_key.first(purchase_id=purchase.pk, player=purchase.player_id + 1) is None

    def test_threads_share_it_each_with_a_connection_of_its_own(
        self, transactional_db: None
    ) -> None:
        @prepared
        def _fresh(*, name: str) -> QuerySet[Player]:
            return Player.objects.filter(first_name=name)

        names = ["Anna", "Berta", "Clara", "Dora"]
        for name in names:
            PlayerFactory.create(first_name=name)

        found = run_together(
            *(lambda name=name: [_fresh.get(name=name) for _ in range(20)] for name in names)
        )

        assert [{player.first_name for player in players} for players in found] == [
            {"Anna"},
            {"Berta"},
            {"Clara"},
            {"Dora"},
        ]


@pytest.mark.django_db
class TestCompiling:
    """It is compiled once, and that only if the SQL is the same for all values."""

    def test_the_function_is_called_at_the_first_use_only(self) -> None:
        calls = []

        @prepared
        def _counted(*, name: str) -> QuerySet[Player]:
            calls.append(name)
            return Player.objects.filter(first_name=name)

        assert calls == []
        _counted.rows(name="Anna")
        at_first = len(calls)
        _counted.rows(name="Berta")

        assert (at_first, len(calls)) == (2, 2)
        assert "Anna" not in calls

    def test_a_constant_beside_a_parameter_stays(self) -> None:
        @prepared
        def _german(*, name: str) -> QuerySet[Player]:
            return Player.objects.filter(first_name=name, language__in=[Language.GERMAN])

        anna = PlayerFactory.create(first_name="Anna", language="de")
        PlayerFactory.create(first_name="Anna", language="uk")

        assert _german.rows(name="Anna") == [anna]

    def test_it_is_prepared_on_the_server_when_it_is_run_often(self) -> None:
        for _ in range(6):
            _named.rows(name="Anna")

        with connection.cursor() as cursor:
            cursor.execute("SELECT statement FROM pg_prepared_statements")
            statements = [statement for (statement,) in cursor.fetchall()]
        assert any("first_name" in statement for statement in statements)

    @pytest.mark.parametrize(
        ("why", "lookup"),
        [
            ("changes the SQL", lambda name: {} if "first" in name else {"first_name": name}),
            ("Made of a parameter", lambda name: {"first_name": name.upper()}),
            ("Made of a parameter", lambda name: {"first_name__contains": name}),
            ("Made of a parameter", lambda name: {"first_name__in": [name, name + "!"]}),
            ("Not in the SQL", lambda name: {"first_name": name[:0]}),
        ],
    )
    def test_a_parameter_must_arrive_as_it_is(self, why: str, lookup: Any) -> None:
        @prepared
        def _wrong(*, name: str) -> QuerySet[Player]:
            return Player.objects.filter(**lookup(name))

        with pytest.raises(UnpreparableError, match=why):
            _wrong.rows(name="Anna")

    def test_a_number_is_not_computed_on_its_way(self) -> None:
        @prepared
        def _other(*, number: int, one_more: int) -> QuerySet[Player]:
            return Player.objects.filter(telegram_id=number + 97, pk=one_more)

        with pytest.raises(UnpreparableError, match="Made of a parameter"):
            _other.rows(number=1, one_more=2)

    def test_an_instant_is_not_rounded(self) -> None:
        @prepared
        def _of_the_day(*, now: datetime) -> QuerySet[Player]:
            return Player.objects.filter(created_at__gt=now.replace(hour=0))

        with pytest.raises(UnpreparableError, match="Made of a parameter"):
            _of_the_day.rows(now=NOON)

    def test_the_current_time_zone_is_no_part_of_it(self) -> None:
        @prepared
        def _by_day(*, name: str) -> QuerySet[Player]:
            return Player.objects.filter(first_name=name).annotate(day=TruncDate("created_at"))

        with pytest.raises(UnpreparableError):
            _by_day.rows(name="Anna")

    def test_null_is_never_a_parameter(self) -> None:
        with pytest.raises(TypeError, match="NoneType"):
            _named.rows(name=None)  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        "values",
        [
            {},
            {"name": "Anna", "surname": "Müller"},
            {"name": 7},
            {"name": Language.GERMAN},
        ],
    )
    def test_every_parameter_is_there_and_of_its_type(self, values: dict[str, Any]) -> None:
        with pytest.raises(TypeError):
            _named.rows(**values)

    def test_an_instant_has_a_time_zone(self) -> None:
        with pytest.raises(TypeError, match="time zone"):
            _invoiced.rows(payload="", now=datetime(2026, 11, 22), kind="PAID")  # noqa: DTZ001

    def test_parameters_have_names_types_and_no_defaults(self) -> None:
        def positional(name: str) -> QuerySet[Player]:
            return Player.objects.filter(first_name=name)

        def with_default(*, name: str = "") -> QuerySet[Player]:
            return Player.objects.filter(first_name=name)

        def optional(*, name: str | None) -> QuerySet[Player]:
            return Player.objects.filter(first_name=name)

        def many(*, names: list[str]) -> QuerySet[Player]:
            return Player.objects.filter(first_name__in=names)

        for build in (positional, with_default, optional, many):
            with pytest.raises(UnpreparableError):
                prepared(build)

    def test_what_makes_further_queries_or_other_rows_is_refused(self) -> None:
        player = PlayerFactory.create()

        @prepared
        def _related(*, payload: str) -> QuerySet[Purchase]:
            return player.purchases.filter(payload=payload)

        @prepared
        def _prefetched(*, name: str) -> QuerySet[Player]:
            return Player.objects.prefetch_related("purchases").filter(first_name=name)

        @prepared
        def _dicts(*, name: str) -> QuerySet[Player, Any]:
            return Player.objects.filter(first_name=name).values()

        with pytest.raises(UnpreparableError):
            _related.rows(payload="")
        with pytest.raises(UnpreparableError):
            _prefetched.rows(name="")
        with pytest.raises(UnpreparableError):
            _dicts.rows(name="")

    def test_groups_are_prepared_too(self) -> None:
        @prepared
        def _buyers(*, name: str) -> QuerySet[Player]:
            players = Player.objects.filter(first_name=name)
            return players.annotate(bought=Count("purchases")).order_by("pk")

        anna = PlayerFactory.create(first_name="Anna")
        open_purchase(anna)

        assert getattr(_buyers.get(name="Anna"), "bought") == 1  # noqa: B009 -- an annotation.


class TestLocks:
    """Rows are locked as by a queryset."""

    @pytest.mark.django_db(transaction=True)
    def test_a_lock_needs_a_transaction_each_time(self) -> None:
        with transaction.atomic():
            _invoiced.first(payload="", now=NOON, kind="PAID")

        with pytest.raises(TransactionManagementError):
            _invoiced.first(payload="", now=NOON, kind="PAID")

    @pytest.mark.django_db(transaction=True)
    def test_the_row_is_locked_until_the_transaction_ends(self) -> None:
        purchase = open_purchase(PlayerFactory.create())
        assert purchase.payload is not None
        free = "SELECT count(*) FROM (SELECT FROM payments_purchase FOR UPDATE SKIP LOCKED) AS free"

        with another_connection() as other:
            with transaction.atomic():
                _invoiced.get(payload=purchase.payload, now=NOON, kind="OPENED")
                other.execute(free)
                while_locked = other.fetchone()
            other.execute(free)
            afterwards = other.fetchone()

        assert (while_locked, afterwards) == ((0,), (1,))


@pytest.mark.django_db
class TestOneInstance:
    """What is written is what Django writes."""

    def test_only_the_named_fields_are_saved(self) -> None:
        purchase = open_purchase(PlayerFactory.create())
        purchase.evidence, purchase.flags = {"a": ['"', None, 1.5]}, ["LATE", "UNCHECKED"]
        purchase.changed_at, purchase.problem = NOON + HOUR, "AMOUNT"

        with CaptureQueriesContext(connection) as queries:
            module.save(purchase, fields=["evidence", "flags", "changed_at", "flags"])

        stored = Purchase.objects.get(pk=purchase.pk)
        assert (stored.evidence, stored.flags) == ({"a": ['"', None, 1.5]}, ["LATE", "UNCHECKED"])
        assert (stored.changed_at, stored.problem) == (NOON + HOUR, "")
        assert len(queries) == 1

    def test_null_can_be_saved(self) -> None:
        player = PlayerFactory.create(suspended_at=NOON)
        player.suspended_at = None

        module.save(player, fields=["suspended_at"])

        assert Player.objects.get(pk=player.pk).suspended_at is None

    @pytest.mark.out_of_order
    def test_what_is_not_there_cannot_be_saved(self) -> None:
        player = PlayerFactory.create()
        Player.objects.all().delete()

        with pytest.raises(DatabaseError):
            module.save(player, fields=["first_name"])

    def test_a_new_instance_gets_the_key_that_the_database_makes(self) -> None:
        player = Player(
            telegram_id=7, first_name="Anna", created_at=NOON, last_seen_at=NOON.astimezone(UTC)
        )

        with CaptureQueriesContext(connection) as queries:
            module.insert(player)

        assert player.pk is not None
        assert not player._state.adding
        assert _values(Player.objects.get(telegram_id=7)) == _values(player)
        assert len(queries) == 1

    def test_a_new_instance_keeps_the_key_it_has(self) -> None:
        update = InboxUpdate(
            update_id=7, payload={"n": [1]}, received_at=NOON, due_at=NOON, kind="message"
        )

        module.insert(update)

        assert InboxUpdate.objects.get(update_id=7).payload == {"n": [1]}

    def test_a_constraint_refuses_as_ever(self) -> None:
        player = PlayerFactory.create()
        again = Player(
            telegram_id=player.telegram_id, first_name="", created_at=NOON, last_seen_at=NOON
        )

        with pytest.raises(DatabaseError, match="telegram_id"), transaction.atomic():
            module.insert(again)

        assert Product.objects.count() == 8


class Twin:
    """Lets Django do once more whatever is done prepared, and finds no difference.

    `found` are the queries of which both have found something, `written` what both have stored.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.found: set[str] = set()
        self.written: set[tuple[str, type[Model]]] = set()
        for name in ("rows", "first", "get"):
            monkeypatch.setattr(Prepared, name, self._reading(getattr(Prepared, name)))
        insert, save = self._writing(module.insert), self._writing(module.save)
        for owner in (module, entitlements, redemptions):
            monkeypatch.setattr(owner, "insert", insert)
        for owner in (module, purchases):
            monkeypatch.setattr(owner, "save", save)
        monkeypatch.setattr(purchases, "instances", self._returning(module.instances))

    def _reading(self, read: Callable[..., Any]) -> Callable[..., Any]:
        def both(query: Prepared[..., Any], **values: Any) -> Any:
            with CaptureQueriesContext(connection) as by_django:
                known = list(query.build(**values))
            with CaptureQueriesContext(connection) as prepared_once:
                result = read(query, **values)
            found = result if isinstance(result, list) else [result] if known else []
            name = _name(query)
            assert [one["sql"] for one in prepared_once] == [one["sql"] for one in by_django], name
            assert [_whole(row) for row in found] == [_whole(row) for row in known], name
            if known:
                self.found.add(name)
            return result

        return both

    def _writing(self, write: Callable[..., Any]) -> Callable[..., Any]:
        def both(instance: Any, **fields: Any) -> Any:
            again = copy(instance)
            with transaction.atomic():
                if fields:
                    again.save(update_fields=fields["fields"])
                else:
                    again.save(force_insert=True)
                known = _stored(again)
                transaction.set_rollback(True)
            result = write(instance, **fields)
            assert _stored(instance) == known
            self.written.add((write.__name__, type(instance)))
            return result

        return both

    def _returning(self, read: Callable[..., Any]) -> Callable[..., Any]:
        def both(model: type[Any], *args: Any) -> Any:
            found = read(model, *args)
            assert [_whole(one) for one in found] == [
                _whole(model.objects.get(pk=one.pk)) for one in found
            ]
            return found

        return both


@pytest.mark.django_db
class TestTheProduct:
    """What the product has prepared does what Django does: for each new release of Django."""

    def test_all_of_it_finds_and_stores_what_django_does(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_questions(30)
        make_campaign(code=CODE, grant=True, starts_at=NOON)
        player = PlayerFactory.create(telegram_id=7)
        twin = Twin(monkeypatch)

        _meet(player)
        players.lock(player)
        # The modes before Premium, which opens them all.
        buy(player, "MEGA_PACK_15")
        round_question = rounds.start(
            player=player, mode=Mode.QUICK_MIX_A1A2, key="k", now=NOON
        ).round_question
        assert entitlements.can_play(player=player, mode="WORD_ORDER", at=NOON)
        redeem(player, "NOBODY", now=NOON)
        redeem(player, now=NOON)
        bought = buy(player, "PREMIUM_MONTH")
        assert entitlements.premium_at(player=player, at=NOON)
        purchases.lock(pk=bought.pk)
        rounds.start(player=player, mode=Mode.QUICK_MIX_A1A2, key="k", now=NOON)
        # The second answer of a day finds the streak that the first has begun.
        for _ in range(2):
            shown = rounds.answer(
                player=player, round_question_id=round_question.pk, option_index=0, now=NOON
            ).next
            assert shown is not None
            rounds.outcomes(shown.round)
            assert rounds.open_question(player=player) == shown
            round_question = shown
        Round.objects.create(
            player=player,
            mode=Mode.QUICK_MIX_A1A2,
            start_key="finished",
            state="FINISHED",
            started_at=NOON,
            finished_at=NOON,
        )
        assert rounds.finished_today(player=player, now=NOON) == 1
        begun = daily.start(player=player, now=NOON)
        for number in (1, 2):
            daily.answer(
                player=player, run_id=begun.run.pk, number=number, option_index=0, now=NOON
            )
        duel = duels.create(player=player, length=3, key="k", with_ticket=False, now=NOON)
        for number in (1, 2):
            duel_play.answer(
                player=player, duel_id=duel.pk, number=number, option_index=0, now=NOON
            )
        tournament = private_tournaments.create(
            player=player, length=5, key="k", with_ticket=False, now=NOON
        )
        private_tournaments.join(player=PlayerFactory.create(), token=tournament.token, now=NOON)
        private_tournaments.start(player=player, tournament_id=tournament.pk, now=NOON)
        waiting = tournament_play.play(player=player, tournament_id=tournament.pk, now=NOON)
        assert waiting.pairing is not None
        # Whether the last answer may be the last of all depends on the others.
        for number in range(1, 6):
            tournament_play.answer(
                player=player,
                pairing_id=waiting.pairing.pk,
                number=number,
                option_index=0,
                now=NOON,
            )
        tournament_play.board_of(waiting.tournament)
        tournaments.mark_seen(player=player, tournament=tournament, round_number=1, now=NOON)
        tournaments.advance_one(tournament_id=tournament.pk, now=NOON + 25 * HOUR)
        tournament_play.past_of(tournament, player=player)
        tournaments.mark_seen(player=player, tournament=tournament, now=NOON + 25 * HOUR)
        ReminderSettings.objects.create(player=player)
        with dates.speaking_to(player):
            dates.zone()
        assert rule_cards.id_of(make_card().slug)

        reviews.add_mistake(
            player=player, question_id=Question.objects.order_by("pk")[0].pk, now=NOON
        )
        asked = reviews.start(player=player, now=NOON)
        reviews.answer(player=player, review_question_id=asked.pk, option_index=0, now=NOON)

        assert twin.found == {_name(query) for query in _of_the_product()}
        assert twin.written == {
            ("insert", Attempt),
            ("insert", DuelAnswer),
            ("insert", PremiumSpan),
            ("insert", Redemption),
            ("insert", ReviewQuestion),
            ("insert", Round),
            ("insert", RoundQuestion),
            ("insert", TournamentAnswer),
            ("save", Pairing),
            ("save", Purchase),
            ("save", RoundQuestion),
        }


def _meet(player: Player) -> None:
    """Let the player write to the bot again."""
    players.upsert_from_telegram(
        telegram_id=player.telegram_id,
        first_name=player.first_name,
        last_name=player.last_name,
        username=player.username,
        language_code="de",
        now=NOON,
    )


def _of_the_product() -> list[Prepared[..., Any]]:
    """Return every query that a module of the product has prepared."""
    root = Path(module.__file__).parent.parent
    modules = [
        import_module(".".join(path.relative_to(root).with_suffix("").parts))
        for package in ("quizarena", "economy", "promos", "payments", "bot")
        for path in (root / package).rglob("*.py")
        if "\n@prepared" in path.read_text()
    ]
    return [one for each in modules for one in vars(each).values() if isinstance(one, Prepared)]


def _name(query: Prepared[..., Any]) -> str:
    return f"{query.build.__module__}.{query.build.__qualname__}"


def _whole(row: Any) -> Any:
    """Return all that a row holds: of an instance also what is annotated and what stands beside."""
    if not isinstance(row, Model):
        return row
    held = {name: value for name, value in vars(row).items() if name != "_state"}
    beside = {name: _whole(one) for name, one in row._state.fields_cache.items()}
    return type(row), row._state.adding, row._state.db, held, beside


def _stored(instance: Model) -> dict[str, Any]:
    """Return the row of an instance, without a key that the database makes."""
    stored = type(instance)._default_manager.filter(pk=instance.pk).values().get()
    return {name: value for name, value in stored.items() if name != "id"}


def _values(instance: Any) -> dict[str, Any]:
    """Return what an instance holds."""
    return {
        field.attname: getattr(instance, field.attname) for field in instance._meta.concrete_fields
    }
