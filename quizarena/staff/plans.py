"""Queries that PostgreSQL has to plan for their own values."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction


@contextmanager
def custom_plans() -> Iterator[None]:
    """Plan each query in this block for the very values that it asks for. Is one transaction.

    PostgreSQL would soon keep one plan for any value of a prepared statement, and that one uses
    neither the partial index of a rare state nor the index of a beginning.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL plan_cache_mode = force_custom_plan")
        yield
