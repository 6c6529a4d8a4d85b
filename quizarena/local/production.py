"""Run a command with settings as in production, and secrets that are made up for it.

    python -m quizarena.local.production python manage.py check --deploy

For checks and for building the image: nothing that this environment names is ever reached.
"""

import os
import secrets
import subprocess
import sys


def environment() -> dict[str, str]:
    """Return everything that production's settings require, with secrets of this call alone."""
    return {
        "ENVIRONMENT": "production",
        "SECRET_KEY": secrets.token_urlsafe(64),
        "DATABASE_URL": "postgresql://quizarena:password@database.invalid/quizarena",
        "REDIS_URL": "redis://broker.invalid:6379/0",
        "ALLOWED_HOSTS": "quiz.invalid,127.0.0.1",
        "PUBLIC_URL": "https://quiz.invalid",
        "TELEGRAM_BOT_TOKEN": f"1000000001:{secrets.token_urlsafe(32)}",
        "TELEGRAM_WEBHOOK_SECRET": secrets.token_urlsafe(32),
        "PAYMENT_PAYLOAD_KEYS": f"one:{secrets.token_urlsafe(32)}",
        "PROMO_PEPPERS": f"one:{secrets.token_urlsafe(32)}",
        "TELEGRAM_API_URL": "https://telegram.invalid",
    }


if __name__ == "__main__":
    sys.exit(subprocess.call(sys.argv[1:], env={**os.environ, **environment()}))
