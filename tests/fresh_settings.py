"""The settings as a process would have them that starts with another environment."""

import os
import runpy
from typing import Any

import pytest
from django.conf import settings


def load(environment: dict[str, str]) -> dict[str, Any]:
    """Return what the settings are with exactly this environment.

    Raises ImproperlyConfigured as they do. In this process: to start one takes a second.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            patch.delenv(name)
        for name, value in environment.items():
            patch.setenv(name, value)
        return runpy.run_path(str(settings.BASE_DIR / "quizarena" / "settings.py"))
