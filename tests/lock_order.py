"""Records in which order transactions take locks, and holds it against docs/architecture.md.

Two transactions that take the same two locks in two orders can wait for each other for ever. Every
statement of the tests' own process is read for the tables in which it locks or changes rows; where
a transaction waits for a table's rows while it has some of a later one, the test fails.

Not seen are rows of one table that are locked one after the other, and what a trigger locks, but
for those of _TRIGGERS. Statements outside of any transaction of the code (a test's own), and a
test's preparations, are not looked at.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from quizarena.advisory_locks import Space
from quizarena.local.services import CHECKOUT

_TITLE = "## The order of locks"
_ITEM = re.compile(r"^(?P<indent> *)(?:\d+\.|-) `(?P<name>[\w.]+)`", re.MULTILINE)

_NAME = r'"?(\w+)"?'
_ROWS = re.compile(
    r"\bFOR (?:NO KEY |KEY )?(?:UPDATE|SHARE)"
    rf"(?: OF ({_NAME}(?:\s*,\s*{_NAME})*))?(\s+SKIP LOCKED)?",
    re.IGNORECASE,
)
_AFTER_TABLE = "CROSS|FOR|GROUP|INNER|JOIN|LEFT|LIMIT|ON|ORDER|SET|USING|WHERE"
_FROM = re.compile(
    rf"\b(?:FROM|JOIN|UPDATE)\s+{_NAME}(?:\s+(?:AS\s+)?(?!(?:{_AFTER_TABLE})\b){_NAME})?",
    re.IGNORECASE,
)
_CHANGE = re.compile(
    rf"\b(?:UPDATE\s+{_NAME}(?:\s+(?:AS\s+)?\w+)?\s+SET|DELETE\s+FROM\s+{_NAME})", re.IGNORECASE
)
_INSERT = re.compile(rf"\bINSERT INTO\s+{_NAME}", re.IGNORECASE)
_ADVISORY = re.compile(r"\bpg_(try_)?advisory_xact_lock\(%s, %s\)")
# What a trigger locks when a row of the table comes or changes.
_TRIGGERS = {
    "economy_ledgerentry": "economy_wallet",
    "game_pointevent": "game_weekpoints",
    "promos_redemption": "promos_campaign",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """What a statement locks, by table or advisory space; whether it waits, or skips or owns it."""

    name: str
    waits: bool = True


@cache
def ranks() -> Mapping[str, tuple[int, str | None]]:
    """Return the place of each name in the list of docs/architecture.md, and what it is below.

    What is below another is only locked while that is.
    """
    section = (CHECKOUT / "docs/architecture.md").read_text().partition(_TITLE)[2]
    found: dict[str, tuple[int, str | None]] = {}
    above = None
    for rank, item in enumerate(_ITEM.finditer(section.partition("\n## ")[0])):
        name = item["name"]
        above = name if not item["indent"] else above
        found[name] = (rank, above if item["indent"] else None)
    return found


@cache
def _tables() -> frozenset[str]:
    """Return the tables of all models, which are known before the first test."""
    models = apps.get_models(include_auto_created=True)
    return frozenset(model._meta.db_table for model in models)


@cache
def locks_of(sql: str) -> Sequence[Lock]:
    """Return what the statement locks, in its order; an advisory lock has its space in `%s`."""
    tables = _tables()
    named = [(table, alias) for table, alias in _FROM.findall(sql) if table in tables]
    aliases = {alias: table for table, alias in named}
    read = [table for table, _ in named]
    found = [Lock(name="%s", waits=one[1] is None) for one in _ADVISORY.finditer(sql)]
    for rows in _ROWS.finditer(sql):
        names = re.findall(r"\w+", rows[1]) if rows[1] else read[:1]
        waits = rows.groups()[-1] is None
        found += [Lock(name=aliases.get(name, name), waits=waits) for name in names]
    changed = [updated or deleted for updated, deleted in _CHANGE.findall(sql)]
    found += [Lock(name=table) for table in changed if table in tables]
    inserted = _INSERT.findall(sql)
    found += [Lock(name=_TRIGGERS[one]) for one in (*changed, *inserted) if one in _TRIGGERS]
    found += [Lock(name=table, waits=False) for table in inserted if table in tables]
    return found


@dataclass
class Recorder:
    """What the running transactions of a test have locked, and what was out of order."""

    # The savepoints of a test that is itself a transaction; None for one that is not.
    own_savepoints: int | None
    violations: list[str] = field(default_factory=list)
    _watched: dict[int, Callable[[], None]] = field(default_factory=dict)

    def watch(self, connection: BaseDatabaseWrapper, **_: Any) -> None:
        """Look at all that runs on a connection from now on."""
        if id(connection) in self._watched:
            return
        held: list[str] = []

        def see(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
            if self.own_savepoints is None:
                inside = connection.in_atomic_block
            else:
                inside = len(connection.savepoint_ids) > self.own_savepoints
            if not inside:
                held.clear()
            result = execute(sql, params, many, context)
            if inside:
                for lock in locks_of(str(sql)):
                    name = Space(params[0]).name if lock.name == "%s" else lock.name
                    self._take(held, name, waits=lock.waits, sql=str(sql))
            return result

        def until_the_end(end: Callable[[], None]) -> Callable[[], None]:
            def forget() -> None:
                held.clear()
                end()

            return forget

        def stop() -> None:
            connection.execute_wrappers.remove(see)
            del connection.commit, connection.rollback

        connection.execute_wrappers.append(see)
        connection.commit = until_the_end(connection.commit)  # type: ignore[method-assign]
        connection.rollback = until_the_end(connection.rollback)  # type: ignore[method-assign]
        self._watched[id(connection)] = stop

    def stop(self) -> None:
        """Look at nothing any more."""
        for stop in self._watched.values():
            stop()

    def _take(self, held: list[str], name: str, *, waits: bool, sql: str) -> None:
        if name in held or name.startswith("pg_"):
            return
        rank, above = ranks().get(name, (None, None))
        if waits and held and rank is None:
            self.violations.append(f"{name}, which has no place, after {held}: {sql}")
        elif waits and rank is not None and above not in held:
            later = [one for one in held if ranks().get(one, (-1, None))[0] > rank]
            self.violations += [f"{name} after {one}: {sql}" for one in later]
        held.append(name)


@contextmanager
def recorded() -> Iterator[Recorder]:
    """Record what the tests' connection, and each that is made meanwhile, locks."""
    connection = connections[DEFAULT_DB_ALIAS]
    recorder = Recorder(
        own_savepoints=len(connection.savepoint_ids) if connection.in_atomic_block else None
    )
    recorder.watch(connection)
    connection_created.connect(recorder.watch)
    try:
        yield recorder
    finally:
        connection_created.disconnect(recorder.watch)
        recorder.stop()
