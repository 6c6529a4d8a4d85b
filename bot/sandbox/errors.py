"""Telegram's refusals, in Telegram's own words."""


class BotApiError(Exception):
    """The sandbox refuses a Bot API call. Nothing has been changed."""

    status = 400
    prefix = ""

    def __init__(self, description: str) -> None:
        super().__init__(self.prefix + description)
        self.description = self.prefix + description
        self.parameters: dict[str, int] = {}


class BadRequestError(BotApiError):
    """The call makes no sense, or not any more."""

    prefix = "Bad Request: "


class UnauthorizedError(BotApiError):
    """The token is well formed and belongs to no bot."""

    status = 401

    def __init__(self) -> None:
        super().__init__("Unauthorized")


class ForbiddenError(BotApiError):
    """The person has blocked this bot."""

    status = 403
    prefix = "Forbidden: "


class NotFoundError(BotApiError):
    """There is no such method, or the token is not a token at all."""

    status = 404

    def __init__(self) -> None:
        super().__init__("Not Found")


class ConflictError(BotApiError):
    """Webhook and long polling exclude each other, and so do two pollers."""

    status = 409
    prefix = "Conflict: "


class TooManyRequestsError(BotApiError):
    """The bot is to be silent for `retry_after` seconds."""

    status = 429

    def __init__(self, *, retry_after: int) -> None:
        super().__init__(f"Too Many Requests: retry after {retry_after}")
        self.parameters = {"retry_after": retry_after}


class OrderedError(BotApiError):
    """Somebody ordered this answer in the network panel or in a test."""

    def __init__(self, *, status: int, description: str) -> None:
        super().__init__(description)
        self.status = status


class ImpossibleError(Exception):
    """A person cannot do this in the chat. Nothing has been changed."""
