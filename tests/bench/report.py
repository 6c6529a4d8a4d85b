"""Figures as a table for people and as JSON lines for programs."""

import json
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version

from django.db import connection
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured thing: its samples in order, and the target of docs/measured.md."""

    what: str
    unit: str
    samples: Sequence[float]
    target: str = ""
    settings: dict[str, str | int | float] = field(default_factory=dict)

    @property
    def median(self) -> float:
        """The middle sample."""
        return statistics.median(self.samples)


def machine() -> dict[str, str | int]:
    """Say where the figures come from."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        postgres = cursor.fetchone()[0]
        cursor.execute("SHOW synchronous_commit")
        synchronous_commit = cursor.fetchone()[0]
    return {
        "machine": platform.machine(),
        "cores": os.cpu_count() or 0,
        "python": platform.python_version(),
        "postgresql": postgres,
        "synchronous_commit": synchronous_commit,
        **{name: version(name) for name in ("django", "granian", "celery", "python-telegram-bot")},
    }


def publish(figures: Sequence[Figure]) -> None:
    """Print everything that was measured."""
    table = Table(title="Quiz Arena, measured")
    for heading in ("what", "median", "min", "max", "unit", "target"):
        table.add_column(heading, justify="left" if heading in ("what", "unit") else "right")
    for figure in figures:
        table.add_row(
            figure.what,
            _short(figure.median),
            _short(min(figure.samples)),
            _short(max(figure.samples)),
            figure.unit,
            figure.target,
        )
    console = Console(width=120)
    console.print(", ".join(f"{name} {value}" for name, value in machine().items()))
    console.print(table)
    print(json.dumps({"machine": machine()}))
    for figure in figures:
        print(json.dumps({**asdict(figure), "median": figure.median}))


def _short(number: float) -> str:
    """Return a number with about three digits."""
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"
