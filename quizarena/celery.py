"""The Celery application."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "quizarena.settings")
# Workers and beat would import every page of the admin for Django's checks, and Celery drops what
# these find. Who has a page's address to make imports the pages then.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")

app = Celery("quizarena")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
