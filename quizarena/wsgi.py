"""The WSGI application that granian serves (docs/architecture.md, decision 8)."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "quizarena.settings")

application = get_wsgi_application()
