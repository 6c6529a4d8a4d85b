"""What the API brings along."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    """Clients of the API and the answers that are kept for them."""

    name = "quizarena.api"
    verbose_name = "API"

    def ready(self) -> None:
        """Teach the OpenAPI description what is ours, and approvals of clients what they do."""
        from quizarena.api import (
            clients,
            schema,  # noqa: F401 -- importing it registers its extensions.
        )

        clients.register()
