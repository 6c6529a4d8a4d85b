"""What the API reads: JSON objects of a modest size, and of them every word."""

from collections.abc import Mapping
from typing import IO, Any

from django.core.validators import RegexValidator
from rest_framework import serializers, status
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

from quizarena.api.problems import Problem
from quizarena.staff import reasons

# A Telegram id has at most 52 significant bits (Bot API, User).
TELEGRAM_ID_MAX = 2**52 - 1
BODY_BYTES_MAX = 64 * 1024


class SmallJsonParser(JSONParser):
    """JSON of at most BODY_BYTES_MAX, nested as deep as Python can follow."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the parsed body. Raises ParseError, and Problem for one that is too large."""
        request = (parser_context or {})["request"]
        # No more than this is read from the stream either (RFC 9110: without it there is no body).
        if int(request.META.get("CONTENT_LENGTH") or 0) > BODY_BYTES_MAX:
            raise body_too_large()
        try:
            return super().parse(stream, media_type, parser_context)
        except RecursionError as error:
            raise ParseError from error


def body_too_large() -> Problem:
    """Return the problem of a body of more than BODY_BYTES_MAX."""
    return Problem(
        "body_too_large",
        status=status.HTTP_413_REQUEST_ENTITY_TOO_LARGE,
        title="Request body too large",
        detail=f"Send at most {BODY_BYTES_MAX // 1024} KiB.",
    )


# What JSON calls a number is no string, and the other way round; rest_framework is more generous.
_JSON_TYPES: dict[type[serializers.Field[Any, Any, Any, Any]], tuple[type, ...]] = {
    serializers.IntegerField: (int, float),
    serializers.BooleanField: (bool,),
    serializers.CharField: (str,),
    serializers.ChoiceField: (str,),
    serializers.ListField: (list,),
}


def player_field() -> serializers.IntegerField:
    """Return the field that names a player."""
    return serializers.IntegerField(
        min_value=1, max_value=TELEGRAM_ID_MAX, help_text="Telegram id of the player."
    )


def words_field(*, max_length: int, help_text: str, required: bool = True) -> serializers.CharField:
    """Return a field of something that is written, and not only of blanks."""
    return serializers.CharField(
        required=required,
        max_length=max_length,
        validators=[RegexValidator(r"^[^\x00]*[^\s\x00][^\x00]*$", "This field may not be blank.")],
        help_text=help_text,
    )


def reason_field() -> serializers.CharField:
    """Return the field that says why something is done."""
    return words_field(
        max_length=reasons.MAX_LENGTH, help_text="Stored permanently in the audit log."
    )


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses what it does not know and what only looks like the right type.

    A misspelled name would otherwise be taken for the default.
    """

    @classmethod
    def read(cls, data: Any) -> dict[str, Any]:
        """Return the values of what was sent. Raises ValidationError."""
        sent = cls(data=data)
        sent.is_valid(raise_exception=True)
        return dict(sent.validated_data)

    def to_internal_value(self, data: Any) -> Any:
        """Return the values. Raises ValidationError with everything that is wrong."""
        errors: dict[str, Any] = {}
        if isinstance(data, Mapping):
            errors = {
                str(name): serializers.ErrorDetail("Unknown field.", "unknown_field")
                for name in data.keys() - self.fields.keys()
            } | {
                name: serializers.ErrorDetail("It has the wrong JSON type.", "invalid")
                for name, field in self.fields.items()
                if data.get(name) is not None and not _is_of_its_type(field, data[name])
            }
        try:
            values = super().to_internal_value(data)
        except serializers.ValidationError as error:
            raise serializers.ValidationError({**error.detail, **errors}) from None  # type: ignore[dict-item]
        if errors:
            raise serializers.ValidationError(errors)
        return values


def _is_of_its_type(field: serializers.Field[Any, Any, Any, Any], value: Any) -> bool:
    """Return whether the value has the JSON type of the field."""
    types = next(types for kind, types in _JSON_TYPES.items() if isinstance(field, kind))
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        return False
    if isinstance(value, list) and isinstance(field, serializers.ListField):
        return all(_is_of_its_type(field.child, one) for one in value)
    return True
