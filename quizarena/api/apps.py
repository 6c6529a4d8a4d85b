"""What the API brings along."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    """Clients of the API and the answers that are kept for them."""

    name = "quizarena.api"
    verbose_name = "API"

    def ready(self) -> None:
        """Teach the OpenAPI description what is ours."""
        from quizarena.api import schema  # noqa: F401 -- importing it registers its extensions.
