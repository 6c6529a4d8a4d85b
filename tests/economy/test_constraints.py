"""What the constraints of the economy say, and what the migrations see of it."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.db.models import CheckConstraint, Q

CHECKS = [
    constraint
    for model in apps.get_app_config("economy").get_models()
    for constraint in model._meta.constraints
    if isinstance(constraint, CheckConstraint)
]


def values(condition: Q) -> Iterator[Any]:
    """Yield what the condition compares with."""
    for child in condition.children:
        if isinstance(child, Q):
            yield from values(child)
        elif isinstance(child, tuple):
            yield child[1]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_values_are_listed_so_that_a_further_one_needs_a_migration(check: CheckConstraint) -> None:
    assert isinstance(check.condition, Q)

    assert not [value for value in values(check.condition) if isinstance(value, type)]
