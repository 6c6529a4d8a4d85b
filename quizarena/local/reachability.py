"""Whether what lies outside can be reached; if not, one sentence that says what to do."""

import json
import re
from urllib.error import HTTPError
from urllib.request import urlopen

from quizarena.local.errors import LocalError

CONNECT_SECONDS_MAX = 5
TELEGRAM_SECONDS_MAX = 10


def check_database(url: str) -> None:
    """Raise LocalError unless the PostgreSQL of DATABASE_URL answers."""
    import psycopg

    try:
        psycopg.connect(url, connect_timeout=CONNECT_SECONDS_MAX).close()
    except psycopg.OperationalError as error:
        raise LocalError(
            f"The database of DATABASE_URL does not answer ({_in_short(error)}): start it, correct "
            "the address, or unset DATABASE_URL to use an embedded one."
        ) from None
    except psycopg.Error:
        raise LocalError(
            "DATABASE_URL is no PostgreSQL address: write postgresql://user:password@host/name, "
            "or unset it to use an embedded database."
        ) from None


def check_redis(url: str) -> None:
    """Raise LocalError unless the Redis or Valkey of REDIS_URL answers."""
    import redis

    try:
        with redis.Redis.from_url(url, socket_connect_timeout=CONNECT_SECONDS_MAX) as client:
            client.ping()
    except redis.RedisError as error:
        raise LocalError(
            f"The Redis of REDIS_URL does not answer ({_in_short(error)}): start it, correct the "
            "address, or unset REDIS_URL to use an embedded one."
        ) from None
    except ValueError:
        raise LocalError(
            "REDIS_URL is no Redis address: write redis://:password@host:6379/0, or unset it to "
            "use an embedded server."
        ) from None


def bot_username(*, api_url: str, token: str) -> str:
    """Return the user name of the bot that has `token`; raise LocalError if Telegram denies it."""
    unknown = LocalError(
        "Telegram does not know this TELEGRAM_BOT_TOKEN: copy it again from @BotFather, or unset "
        "it to play in the sandbox."
    )
    if not re.fullmatch(r"\d+:[\w-]+", token, re.ASCII):
        raise unknown
    try:
        with urlopen(f"{api_url}/bot{token}/getMe", timeout=TELEGRAM_SECONDS_MAX) as answer:
            return str(json.load(answer)["result"]["username"])
    except HTTPError as error:
        if error.code in (401, 404):
            raise unknown from None
        reason = f"error {error.code}"
    except (OSError, ValueError, LookupError, TypeError) as error:
        # A broken address, an answer cut off, and an answer from something else than Telegram.
        reason = _in_short(error)
    raise LocalError(
        f"Telegram at {api_url} cannot be reached ({reason}): check the network, or unset "
        "TELEGRAM_BOT_TOKEN to play in the sandbox."
    )


def _in_short(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
