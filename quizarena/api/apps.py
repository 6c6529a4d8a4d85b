"""What the API brings along."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    """Clients of the API and the answers that are kept for them."""

    name = "quizarena.api"
    verbose_name = "API"

    def ready(self) -> None:
        """Teach approvals of clients what they do."""
        from quizarena.api import clients

        clients.register()
