"""What a Bot API call brings along: typed reads over JSON, forms and multipart uploads."""

import json
from dataclasses import dataclass
from typing import Any

from bot.sandbox.errors import BadRequestError


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file that came with the call."""

    name: str
    mime_type: str
    content: bytes


class Parameters:
    """The parameters of one call.

    JSON bodies bring numbers and objects, forms bring all of them as text; both read the same.
    """

    __slots__ = ("values",)

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    def text(self, name: str) -> str:
        """Return a text, empty when it was not given."""
        value = self.values.get(name)
        return "" if value is None else str(value)

    def integer(self, name: str) -> int | None:
        """Return a whole number, or None when it was not given or is none."""
        try:
            return int(self.values[name])
        except (KeyError, TypeError, ValueError):
            return None

    def flag(self, name: str) -> bool:
        """Return whether a parameter is set to true."""
        return str(self.values.get(name, "")).lower() in ("true", "1")

    def json(self, name: str) -> Any:
        """Return a nested value, or None when it was not given.

        Raise BadRequestError when it is not JSON.
        """
        value = self.values.get(name)
        if not isinstance(value, str):
            return value
        if not value:
            return None
        try:
            return json.loads(value)
        except ValueError:
            raise BadRequestError(f"can't parse {name.replace('_', ' ')} JSON object") from None

    def file(self, name: str) -> Upload | str:
        """Return an uploaded file, or the id that stands for one (empty when not given)."""
        value = self.values.get(name, "")
        if isinstance(value, str) and value.startswith("attach://"):
            value = self.values.get(value.removeprefix("attach://"), "")
        return value if isinstance(value, Upload) else str(value)

    def for_journal(self) -> dict[str, Any]:
        """Return the parameters as JSON, a file as its name and size."""
        return {
            name: {"file_name": value.name, "file_size": len(value.content)}
            if isinstance(value, Upload)
            else value
            for name, value in self.values.items()
        }
