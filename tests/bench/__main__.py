"""Measure: `make bench`, or a part of it with `make bench ARGS="road --repetitions 3"`."""

import argparse
import os
import shutil
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.bench.report import Figure

PARTS = (
    "statements",
    "selection",
    "economy",
    "payments",
    "promos",
    "console",
    "desk",
    "referrals",
    "offers",
    "acknowledgements",
    "checkout",
    "road",
    "cup",
    "cup_costs",
    "learner",
    "content",
)


def main() -> None:
    """Migrate a fresh database, measure what was asked for, and print the figures."""
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"One of {', '.join(PARTS)}.")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=8, help="Length of one sample.")
    options = parser.parse_args()
    options.parts = options.parts or PARTS
    if unknown := {*options.parts} - {*PARTS}:
        parser.error(
            f"there is no part {', '.join(sorted(unknown))}: choose from {', '.join(PARTS)}"
        )
    if {"acknowledgements", "checkout"} & {*options.parts} and not shutil.which("wrk"):
        sys.exit("error: the servers are measured with wrk: install it (Debian: apt install wrk).")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "quizarena.settings")
    os.environ.setdefault("ENVIRONMENT", "local")
    os.environ.setdefault("LOG_LEVEL", "ERROR")
    # The players of a benchmark act as fast as they are answered.
    os.environ.setdefault("PLAYER_ACTIONS_PER_SECOND", "0")

    import django

    django.setup()
    from django.core.management import call_command

    from tests.bench import report
    from tests.owner import log_in_as_owner

    print("Preparing the database.", file=sys.stderr)
    call_command("migrate", verbosity=0)
    call_command("seed", verbosity=0)
    # What is measured runs in processes of their own, as the application; here tables are filled
    # behind the triggers.
    log_in_as_owner()
    figures = []
    for figure in _measure(options):
        print(f"{figure.what}: {figure.median:.3g} {figure.unit}", file=sys.stderr)
        figures.append(figure)
    report.publish(figures)


def _measure(options: argparse.Namespace) -> "Iterator[Figure]":
    from tests.bench import (
        acknowledgements,
        checkout,
        console,
        content,
        cup,
        cup_costs,
        databases,
        desk,
        economy,
        learner,
        offers,
        payments,
        promos,
        referrals,
        road,
        selection,
        statements,
    )

    measured = (
        ("statements", statements),
        ("selection", selection),
        ("economy", economy),
        ("payments", payments),
        ("promos", promos),
        ("console", console),
        ("desk", desk),
        ("referrals", referrals),
        ("offers", offers),
        ("acknowledgements", acknowledgements),
        ("checkout", checkout),
        ("road", road),
        ("cup", cup),
        ("cup_costs", cup_costs),
        ("learner", learner),
        ("content", content),
    )
    for part, module in measured:
        if part in options.parts:
            with databases.fresh(f"bench_{part}"):
                yield from module.measure(repetitions=options.repetitions, seconds=options.seconds)


if __name__ == "__main__":
    main()
