"""Structured logs: one event per line, with the ids of request, update and player."""

from typing import Any

import structlog

from quizarena.redaction import redact

_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
]


def _redact_line(logger: object, name: str, line: str) -> str:
    return redact(line)


def configure(*, style: str, level: str) -> dict[str, Any]:
    """Set up structlog and return the matching Django LOGGING dictionary.

    `style` is `json` (one object per line) or `console` (for people); `level` is a level name.
    """
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    render: list[Any]
    if style == "console":
        # Plain, because the pretty tracebacks print local variables, passwords among them.
        plain = structlog.dev.plain_traceback
        render = [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=plain)]
    else:
        render = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structured": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": _SHARED,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    *render,
                    # The whole line, and so tracebacks and what libraries log.
                    _redact_line,
                ],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # One line per request is worth having only when something went wrong.
            "django_structlog.middlewares.request": {"level": "WARNING"},
            "django.server": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
            # httpx writes each address at INFO, and ours carry the bot's token.
            "httpx": {"level": "WARNING"},
            # Two lines for every wake-up and tick; a failed task is logged at ERROR.
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
        },
    }
