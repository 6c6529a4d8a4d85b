"""Production starts with nothing that it would have to guess."""

import json
import os
import subprocess
import sys

import pytest
from celery import current_app
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from quizarena.celery import app
from tests.fresh_settings import load

COMPLETE = {
    "ENVIRONMENT": "production",
    "SECRET_KEY": "k" * 25 + "9" * 25 + "-a-secret-key",
    "DATABASE_URL": "postgresql://quiz:pw@127.0.0.1:1/quiz",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "ALLOWED_HOSTS": "quiz.example.org",
    "PUBLIC_URL": "https://quiz.example.org",
    "TELEGRAM_BOT_TOKEN": "123456:AAAAAAAAAAAAAAAAAAAAAAAA",
    "TELEGRAM_WEBHOOK_SECRET": "w" * 32,
    "PAYMENT_PAYLOAD_KEYS": "one:" + "p" * 32,
    "PROMO_PEPPERS": "one:" + "q" * 32,
}


def start(code: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run `code` in a Python of its own with exactly this environment."""
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env={"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "quizarena.settings"}
        | environment,
        check=False,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("debug", [{}, {"DEBUG": "1"}])
def test_production_starts_with_everything_set_and_without_debug(debug: dict[str, str]) -> None:
    assert load({**COMPLETE, **debug})["DEBUG"] is False


def test_what_is_imported_at_the_start_is_never_looked_at_for_garbage() -> None:
    code = (
        "import django, gc; django.setup();"
        "print(settings.INSTALLED_APPS[-1], gc.isenabled(), gc.get_freeze_count() > 100_000)"
    )

    done = start(f"from django.conf import settings; {code}", COMPLETE)

    assert done.stdout == "bot True True\n"


def test_a_process_that_misses_something_ends_with_its_name() -> None:
    code = "from django.conf import settings; settings.DEBUG"

    done = start(code, {"ENVIRONMENT": "production"})

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "django.core.exceptions.ImproperlyConfigured: "
        "Set SECRET_KEY to a secret of at least 50 characters and start again."
    )


@pytest.mark.parametrize("wanted", ["optional", "off"])
def test_production_asks_every_account_for_a_second_factor(wanted: str) -> None:
    assert load(COMPLETE)["STAFF_SECOND_FACTOR"] == "required"
    with pytest.raises(ImproperlyConfigured, match="STAFF_SECOND_FACTOR"):
        load({**COMPLETE, "STAFF_SECOND_FACTOR": wanted})


@pytest.mark.parametrize("missing", [*COMPLETE])
def test_production_refuses_to_start_without(missing: str) -> None:
    environment = {name: value for name, value in COMPLETE.items() if name != missing}
    if missing == "ENVIRONMENT":
        # Production is what one gets without saying so; the secrets of a laptop do not do.
        environment["SECRET_KEY"] = "local-only-secret-key"
        missing = "SECRET_KEY"

    with pytest.raises(ImproperlyConfigured, match=missing):
        load(environment)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", "short"),
        ("TELEGRAM_WEBHOOK_SECRET", "local-webhook"),
        ("PAYMENT_PAYLOAD_KEYS", "local:local-payload-key"),
        ("PAYMENT_PAYLOAD_KEYS", "a-secret-without-the-id-before-it"),
        # 23 characters each, whatever the others and the ids bring it to.
        ("PAYMENT_PAYLOAD_KEYS", f"new:{'n' * 23},old:{'o' * 32}"),
        ("PAYMENT_PAYLOAD_KEYS", f"new:{'n' * 32},old:{'o' * 23}"),
        ("PROMO_PEPPERS", f"a-long-id-for-a-short-secret:{'q' * 23}"),
        ("PROMO_PEPPERS", f"one:{'q' * 32},"),
        ("PROMO_PEPPERS", f"one:{'q' * 32},one:{'r' * 32}"),
        ("TELEGRAM_BOT_TOKEN", "1:sandbox-token"),
        ("ALLOWED_HOSTS", "*"),
        ("TELEGRAM_API_URL", "http://127.0.0.1:8001"),
        ("ENVIRONMENT", "staging"),
    ],
)
def test_production_refuses_what_is_unsafe(name: str, value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=name):
        load({**COMPLETE, name: value})


def test_every_scheduled_task_exists_and_goes_to_a_queue_that_is_consumed() -> None:
    app.loader.import_default_modules()
    queues = {queue.name for queue in settings.CELERY_TASK_QUEUES}

    assert settings.CELERY_BEAT_SCHEDULE
    for entry in settings.CELERY_BEAT_SCHEDULE.values():
        assert entry["task"] in app.tasks
        assert entry["options"].get("queue", "default") in queues
    assert queues == {"critical", "default", "bulk"}
    assert current_app.main == "quizarena"


def test_a_log_line_is_one_json_object_with_the_ids_that_are_bound() -> None:
    code = """
import logging, structlog
import django; django.setup()
with structlog.contextvars.bound_contextvars(update_id=7, player=42, request_id="r-1"):
    structlog.get_logger("bot.queue.inbox").info("update.failed", attempt=2)
    logging.getLogger("django.request").warning("plain %s", "words")
"""
    done = start(code, COMPLETE)

    ours, theirs = (json.loads(line) for line in done.stderr.splitlines())
    assert (ours["event"], ours["level"], ours["attempt"]) == ("update.failed", "info", 2)
    assert (theirs["event"], theirs["logger"]) == ("plain words", "django.request")
    for line in (ours, theirs):
        assert (line["update_id"], line["player"], line["request_id"]) == (7, 42, "r-1")


def test_no_log_line_holds_a_secret_whoever_writes_it() -> None:
    code = """
import logging, structlog
import django; django.setup()
from django.conf import settings
url = f"https://api.telegram.org/bot{settings.TELEGRAM_BOT_TOKEN}/getMe"
database = "postgresql://quiz:pass-word-1@db.example:5432/quiz"
log = structlog.get_logger("bot")
log.warning("one", error=url, hook=settings.TELEGRAM_WEBHOOK_SECRET, more={"database": database})
logging.getLogger("aiohttp").error("Cannot reach %s with %s", url, database)
try:
    raise OSError(url) from ValueError(database)
except OSError:
    log.exception("two")
    logging.getLogger("celery").exception("three %s", "words")
"""
    for style in ("json", "console"):
        done = start(code, {**COMPLETE, "LOG_FORMAT": style})

        assert done.returncode == 0, done.stderr
        for word in ("one", "Cannot reach", "two", "three words", "OSError", "api.telegram.org"):
            assert word in done.stderr
        assert done.stderr.count("/bot***/getMe") >= 4
        assert done.stderr.count("postgresql://quiz:***@db.example:5432/quiz") >= 4
        for secret in (COMPLETE["TELEGRAM_BOT_TOKEN"], COMPLETE["TELEGRAM_WEBHOOK_SECRET"]):
            assert secret not in done.stderr
        assert "pass-word-1" not in done.stderr
