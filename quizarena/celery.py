"""The Celery application."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "quizarena.settings")

app = Celery("quizarena")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
