"""Databases of a measurement's own, so that it leaves nothing for the next one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import redis
from django.conf import settings
from django.db import connection

from quizarena.ops import database_roles


@contextmanager
def fresh(name: str) -> Iterator[None]:
    """Let everything here, and every process that it starts, speak to a copy of the database.

    At the end the copy is dropped, and what waits in Redis is deleted.
    """
    usual: str = connection.settings_dict["NAME"]
    maintain(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    maintain(f'CREATE DATABASE "{name}" TEMPLATE "{usual}"')
    url = os.environ["DATABASE_URL"]
    os.environ["DATABASE_URL"] = urlsplit(url)._replace(path=f"/{name}").geturl()
    try:
        with connected_to(name):
            with database_roles.as_owner():
                database_roles.protect()  # A copy has none of the rights in a database.
            yield
    finally:
        os.environ["DATABASE_URL"] = url
        maintain(f'DROP DATABASE "{name}" WITH (FORCE)')
        with redis.Redis.from_url(settings.REDIS_URL) as client:
            client.flushdb()


@contextmanager
def connected_to(name: str) -> Iterator[None]:
    """Connect this process to another database of the same server."""
    usual = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = name
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = usual


def maintain(statement: str) -> None:
    """Run a statement about databases, which no transaction can contain, as their owner."""
    with database_roles.as_owner(), connection.cursor() as cursor:
        cursor.execute(statement)
