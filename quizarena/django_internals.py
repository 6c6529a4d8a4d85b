"""What quizarena/prepared.py needs of Django and Django does not document, all of it.

Any release may change it. tests/test_prepared.py holds each prepared query of the product against
what Django itself sends and returns, and so says whether a release can be taken.
"""

from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from typing import Any

from django.db import connection
from django.db.models import Model, QuerySet
from django.db.models.expressions import BaseExpression
from django.db.models.query import (
    FlatValuesListIterable,
    ModelIterable,
    ValuesListIterable,
    get_related_populators,
)

AnyField = Any  # Of Django's field classes each has parameters of its own.
# A position in a row, what converts the value there, and what it is of.
Converter = tuple[int, Sequence[Callable[..., Any]], BaseExpression]


class UnpreparableError(TypeError):
    """The query cannot be prepared as it is written. Nothing has been sent to the database."""


class Compilation:
    """A queryset as Django compiles it."""

    def __init__(self, queryset: QuerySet[Any, Any]) -> None:
        built: Any = queryset
        if built._db or built._prefetch_related_lookups or built._known_related_objects:
            raise UnpreparableError("It needs another database, query or instance.")
        self._queryset = built
        self._compiler: Any = built.query.get_compiler(using=connection.alias)
        self.model: type[Model] = built.model
        self.sql: str
        self.params: Sequence[Any]
        self.sql, self.params = self._compiler.as_sql()

    @property
    def locks(self) -> bool:
        """Whether it locks the rows that it finds."""
        return bool(self._queryset.query.select_for_update)

    def converters(self) -> list[Converter]:
        """Return what makes values of the database values of the fields."""
        chosen = [selected[0] for selected in self._compiler.select]
        converters = self._compiler.get_converters(chosen)
        return [(position, *made) for position, made in converters.items()]

    def hydrate(self) -> Callable[[Sequence[Any]], Any]:
        """Return the function that makes of a row what the queryset would."""
        if self._compiler.has_extra_select:
            raise UnpreparableError("It orders by what it does not return.")
        iterable = self._queryset._iterable_class
        if iterable is FlatValuesListIterable:
            return itemgetter(0)
        if iterable is ValuesListIterable:
            return tuple
        if iterable is not ModelIterable:
            raise UnpreparableError("It returns neither instances nor values_list.")
        return _instances(self._compiler, self.model)


def _instances(compiler: Any, model: type[Model]) -> Callable[[Sequence[Any]], Any]:
    fields = compiler.klass_info["select_fields"]
    first, last = fields[0], fields[-1]
    names = [chosen[0].target.attname for chosen in compiler.select[first : last + 1]]
    populators: Any = get_related_populators
    beside = populators(compiler.klass_info, compiler.select, connection.alias)
    annotations = list((compiler.annotation_col_map or {}).items())
    alias = connection.alias

    def hydrate(row: Sequence[Any]) -> Any:
        instance = model.from_db(alias, names, row[first : last + 1])
        for populator in beside:
            populator.populate(row, instance)
        for name, position in annotations:
            setattr(instance, name, row[position])
        return instance

    return hydrate


def field_converters(table: str, fields: Sequence[AnyField]) -> list[Converter]:
    """Return what makes values of the database values of these fields of a table."""
    return [
        (position, field.get_db_converters(connection), field.get_col(table))
        for position, field in enumerate(fields)
        if field.get_db_converters(connection)
    ]


def converted(rows: Sequence[Any], converters: Sequence[Converter]) -> Iterator[list[Any]]:
    """Turn what the database returns into the values of the fields, as Django does it."""
    for found in rows:
        row = list(found)
        for position, functions, expression in converters:
            for convert in functions:
                row[position] = convert(row[position], expression, connection)
        yield row


def stored(field: AnyField, instance: Model, *, is_new: bool) -> Any:
    """Return a field's value as the database is to get it."""
    value = field.get_db_prep_save(field.pre_save(instance, is_new), connection)
    if hasattr(value, "as_sql"):
        raise UnpreparableError(f"{field.name} is an expression.")
    return value


def plain_table(model: type[Model]) -> tuple[str, AnyField, Sequence[AnyField]]:
    """Return the table of a model, its key and its fields."""
    meta: Any = model._meta
    if (
        meta.parents
        or len(meta.pk_fields) > 1
        or any(one.generated for one in meta.concrete_fields)
    ):
        raise UnpreparableError(f"{model} is not one plain table.")
    return quoted(meta.db_table), meta.pk, meta.concrete_fields


def quoted(name: str) -> str:
    """Return the name of a table or column as it stands in SQL."""
    return str(connection.ops.quote_name(name))


def now_stored(instance: Model) -> None:
    """Let an instance that was new know that its row is there."""
    instance._state.adding, instance._state.db = False, connection.alias
