"""Queries that Django builds and compiles once in a process, and that run again and again.

To build and compile a queryset takes Django longer than PostgreSQL takes to answer it. On the few
roads where that counts the queryset is written as ever, in a function of its parameters:

    @prepared
    def _fresh(*, payload: str, now: datetime) -> QuerySet[Purchase]:
        purchases = Purchase.objects.select_for_update()
        return purchases.filter(payload=payload, opened_at__gt=now - HOUR)

    purchase = _fresh.first(payload="…", now=now)  # Or .get(…), .rows(…): instances as ever.

The function is called at the first use only, with values that stand for the parameters. So it must
not look at them: it hands them to the queryset, an instant maybe some time earlier or later. What
cannot be prepared is refused with an UnpreparableError at the first use, whatever the values:
a parameter that changes the SQL, is changed on its way or not used; a list for IN, whose length is
part of the SQL. Each value has exactly the type of its annotation and is never None, which would
have to become IS NULL. `save` and `insert` write one instance in the same way, and `instances`
reads what SQL of our own returns.

Everything else is as with a queryset: statements are seen by whoever counts them, rows are locked
only inside a transaction, psycopg prepares on the server what a connection runs often. Only signals
are not sent. Threads may share a prepared query: nothing in it belongs to a connection.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache, cached_property, partial
from inspect import Parameter, signature
from typing import Any, Generic, ParamSpec, TypeVar
from uuid import UUID

from django.db import DatabaseError, connection
from django.db.models import Model, QuerySet
from django.db.transaction import TransactionManagementError
from django.utils import timezone
from psycopg.types.json import Jsonb
from psycopg.types.numeric import Int2, Int4, Int8

from quizarena.django_internals import (
    AnyField,
    Compilation,
    Converter,
    UnpreparableError,
    converted,
    field_converters,
    now_stored,
    plain_table,
    quoted,
    stored,
)

P = ParamSpec("P")
Row = TypeVar("Row")
AnyModel = TypeVar("AnyModel", bound=Model)

# Of each type that a parameter may have: two values for the parameter of that number. No other
# parameter's pair lies as far apart, so a constant shift of one is never taken for another.
_STAND_INS: dict[type, Callable[[int], tuple[Any, Any]]] = {
    int: lambda number: (10_007 + 97 * number, 20_011 + 193 * number),
    str: lambda number: (f"first stand-in {number}", f"second stand-in {number}"),
    UUID: lambda number: (UUID(int=10_007 + number), UUID(int=20_011 + number)),
    date: lambda number: (
        date(2001, 2, 3) + timedelta(days=3 * number),
        date(2011, 11, 8) + timedelta(days=5 * number),
    ),
    datetime: lambda number: (
        datetime(2001, 2, 3, 4, 5, 6, 7, tzinfo=UTC) + timedelta(days=3 * number),
        datetime(2011, 11, 8, 10, 9, 8, 11, tzinfo=UTC) + timedelta(days=5 * number),
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Slot:
    """Where a parameter stands among those of the SQL, and how it is converted."""

    position: int
    name: str
    shift: timedelta | None
    wrap: Callable[[Any], Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Compiled:
    """What is kept of a queryset."""

    sql: str
    params: Sequence[Any]
    slots: Sequence[_Slot]
    locks: bool
    model: type[Model]
    hydrate: Callable[[Sequence[Any]], Any]
    converters: Sequence[Converter]


class Prepared(Generic[P, Row]):
    """A queryset that is compiled at the first use; see the module. Made by `prepared`."""

    def __init__(self, build: Callable[P, QuerySet[Any, Row]]) -> None:
        # Public for the test that runs what Django makes of it beside what is made here.
        self.build: Any = build
        self._types = _types(build)

    def rows(self, *args: P.args, **kwargs: P.kwargs) -> list[Row]:
        """Return everything that the query finds."""
        assert not args
        return list(self._run(kwargs))

    def first(self, *args: P.args, **kwargs: P.kwargs) -> Row | None:
        """Return the first row that the query finds; no order or limit is added to it."""
        assert not args
        return next(self._run(kwargs), None)

    def get(self, *args: P.args, **kwargs: P.kwargs) -> Row:
        """Return the one row. Raises the model's DoesNotExist or MultipleObjectsReturned."""
        assert not args
        found = list(self._run(kwargs))
        if len(found) == 1:
            return found[0]
        model: Any = self._compiled.model
        error = model.MultipleObjectsReturned if found else model.DoesNotExist
        raise error(f"{self.build.__qualname__} found {len(found)} rows.")

    def _run(self, values: dict[str, Any]) -> Iterator[Row]:
        """Send the query, and return an iterator that makes its rows."""
        _check(values, self._types)
        compiled = self._compiled
        if compiled.locks and connection.get_autocommit():
            raise TransactionManagementError("Rows cannot be locked outside of a transaction.")
        params = list(compiled.params)
        for slot in compiled.slots:
            value = values[slot.name]
            if slot.shift is not None:
                value += slot.shift
            params[slot.position] = slot.wrap(value) if slot.wrap else value
        with connection.cursor() as cursor:
            cursor.execute(compiled.sql, params)
            found = cursor.fetchall()
        return map(compiled.hydrate, converted(found, compiled.converters))

    @cached_property
    def _compiled(self) -> _Compiled:
        """Build the query twice, with different values: what differs is a parameter.

        Two threads that come here at once make the same.
        """
        stand_ins = {
            name: _STAND_INS[kind](number)
            for number, (name, kind) in enumerate(self._types.items())
        }
        # What depends on where it is compiled is no less wrong than what depends on a value.
        with timezone.override(timezone.get_fixed_timezone(345)):
            first = self._compile({name: pair[0] for name, pair in stand_ins.items()})
        other = self._compile({name: pair[1] for name, pair in stand_ins.items()})
        if first.sql != other.sql or len(first.params) != len(other.params):
            raise UnpreparableError("A parameter changes the SQL.")
        found = [
            _slot(position, pair, stand_ins)
            for position, pair in enumerate(zip(first.params, other.params, strict=True))
        ]
        slots = [slot for slot in found if slot]
        if unused := stand_ins.keys() - {slot.name for slot in slots}:
            raise UnpreparableError(f"Not in the SQL: {sorted(unused)}.")
        return _Compiled(
            sql=first.sql,
            params=first.params,
            slots=slots,
            locks=other.locks,
            model=other.model,
            hydrate=other.hydrate(),
            converters=other.converters(),
        )

    def _compile(self, values: dict[str, Any]) -> Compilation:
        return Compilation(self.build(**values))


def prepared(build: Callable[P, QuerySet[Any, Row]]) -> Prepared[P, Row]:
    """Make a prepared query of the function that builds a queryset; see the module."""
    return Prepared(build)


# --- Parameters -----------------------------------------------------------------------------------


def _types(build: Callable[..., Any]) -> dict[str, type]:
    """Return the type of each parameter."""
    parameters = signature(build).parameters.values()
    for parameter in parameters:
        if parameter.kind is not Parameter.KEYWORD_ONLY or parameter.default is not Parameter.empty:
            raise UnpreparableError(f"{parameter.name} is not keyword-only and without a default.")
        if parameter.annotation not in _STAND_INS:
            raise UnpreparableError(f"{parameter.name} is of none of the types {list(_STAND_INS)}.")
    return {parameter.name: parameter.annotation for parameter in parameters}


def _check(values: dict[str, Any], types: dict[str, Any]) -> None:
    """Raise TypeError unless every value is there and of its type."""
    if values.keys() != types.keys():
        raise TypeError(f"The parameters are {list(types)}, not {list(values)}.")
    for name, kind in types.items():
        value = values[name]
        if type(value) is not kind:
            raise TypeError(f"{name} is of {type(value)}, not {kind}.")
        if kind is datetime and value.tzinfo is None:
            raise TypeError(f"{name} needs a time zone.")


def _slot(
    position: int, found: tuple[Any, Any], stand_ins: dict[str, tuple[Any, Any]]
) -> _Slot | None:
    """Return which parameter a pair of values stands for; None for a constant."""
    wrap: Callable[[Any], Any] | None = None
    if all(isinstance(value, Jsonb) for value in found):
        wrap = partial(Jsonb, dumps=found[0].dumps)
        found = found[0].obj, found[1].obj
    if found[0] == found[1]:
        return None
    if type(found[0]) in (Int2, Int4, Int8):
        wrap = type(found[0])  # So PostgreSQL sees one type, however big the number is.
    for name, pair in stand_ins.items():
        if found == pair:
            return _Slot(position=position, name=name, shift=None, wrap=wrap)
        if {type(value) for value in (*found, *pair)} == {datetime}:
            shift = found[0] - pair[0]
            if shift == found[1] - pair[1]:
                return _Slot(position=position, name=name, shift=shift, wrap=wrap)
    raise UnpreparableError(f"Made of a parameter, but none: {found[0]!r}.")


# --- One instance ---------------------------------------------------------------------------------


def save(instance: Model, *, fields: Sequence[str]) -> None:
    """Write these fields of a stored instance, as save(update_fields=…) does; no signals are sent.

    Raises DatabaseError if its row is not there.
    """
    sql, written = _update(type(instance), tuple(fields))
    params = [stored(field, instance, is_new=False) for field in written]
    with connection.cursor() as cursor:
        cursor.execute(sql, [*params, instance.pk])
        if cursor.rowcount != 1:
            raise DatabaseError("Save with update_fields did not affect any rows.")


def insert(instance: Model) -> bool:
    """Store a new instance, as save(force_insert=True) does; no signals are sent.

    A key that the database makes is set. Return False if a trigger has skipped the row.
    """
    sql, written = _insert(type(instance), instance.pk is not None)
    params = [stored(field, instance, is_new=True) for field in written]
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        row = cursor.fetchone()
    if row is None:
        return False
    (instance.pk,) = row
    now_stored(instance)
    return True


def columns(model: type[Model]) -> str:
    """Return the columns of a model as SQL has to return them to `instances`."""
    return ", ".join(map(_column, plain_table(model)[2]))


def instances(model: type[AnyModel], sql: str, params: Mapping[str, Any]) -> list[AnyModel]:
    """Run SQL that returns `columns(model)`; return its rows as instances.

    As `objects.raw`, which works out again each time how columns and fields belong together.
    """
    names, converters = _fields(model)
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        rows = cursor.fetchall()
    return [model.from_db(connection.alias, names, row) for row in converted(rows, converters)]


@cache
def _fields(model: type[Model]) -> tuple[Sequence[str], Sequence[Converter]]:
    """Return the names of a model's fields, and how their values are converted."""
    table, _, fields = plain_table(model)
    return [field.attname for field in fields], field_converters(table, fields)


@cache
def _update(model: type[Model], names: tuple[str, ...]) -> tuple[str, Sequence[AnyField]]:
    """Return the SQL that writes these fields by the primary key, and the fields."""
    table, key, _ = plain_table(model)
    fields = [model._meta.get_field(name) for name in dict.fromkeys(names)]
    columns = ", ".join(f"{_column(field)} = %s" for field in fields)
    return f"UPDATE {table} SET {columns} WHERE {_column(key)} = %s", fields  # noqa: S608


@cache
def _insert(model: type[Model], has_key: bool) -> tuple[str, Sequence[AnyField]]:
    """Return the SQL that inserts a row, and the fields it writes."""
    table, key, fields = plain_table(model)
    fields = [field for field in fields if has_key or field is not key]
    columns, values = ", ".join(map(_column, fields)), ", ".join(["%s"] * len(fields))
    sql = f"INSERT INTO {table} ({columns}) VALUES ({values}) RETURNING {_column(key)}"  # noqa: S608
    return sql, fields


def _column(field: AnyField) -> str:
    return quoted(field.column)
