"""What is taken out of a text before it is logged or stored."""

import pytest
from pytest_django.fixtures import Settings

from quizarena.redaction import redact


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        (
            "https://api.telegram.org/bot4200000001:AAbbCCddEEffGGhhIIjjKKllMMnnOOppQQr/getMe",
            "https://api.telegram.org/bot***/getMe",
        ),
        ("/bot4200000001%3AAAbbCCddEEffGGhhIIjjKKllMMnnOOppQQr/getMe", "/bot***/getMe"),
        ("postgresql://quiz:s3cret@db:5432/quiz", "postgresql://quiz:***@db:5432/quiz"),
        ("redis://:s3cret@cache:6379/0", "redis://:***@cache:6379/0"),
        (
            "http://127.0.0.1:8000/ of anna@example.org",
            "http://127.0.0.1:8000/ of anna@example.org",
        ),
        ("player 4200000001: question 17", "player 4200000001: question 17"),
        ("2026-11-29T07:47:00.123456Z", "2026-11-29T07:47:00.123456Z"),
    ],
)
def test_tokens_and_passwords_are_taken_out_and_nothing_else(text: str, redacted: str) -> None:
    assert redact(text) == redacted


def test_the_secrets_in_use_are_taken_out(settings: Settings) -> None:
    settings.TELEGRAM_WEBHOOK_SECRET = "a-webhook-secret-of-24-ch"
    settings.PROMO_PEPPERS = {"new": "a-pepper-of-24-characters"}

    text = "said a-webhook-secret-of-24-ch and a-pepper-of-24-characters"

    assert redact(text) == "said *** and ***"
