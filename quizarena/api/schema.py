"""What drf-spectacular cannot know by itself: who may ask, and how everything can be refused."""

from collections.abc import Iterable, Iterator
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse
from rest_framework import exceptions

from quizarena.api.idempotency import KEY_PATTERN, in_progress, key_required, key_reused
from quizarena.api.models import Scope
from quizarena.api.parsing import body_too_large
from quizarena.api.permissions import insufficient_scope
from quizarena.api.problems import CONTENT_TYPE, Problem, invalid, standard_problem

Json = dict[str, Any]

PROBLEM: Json = {
    "type": "object",
    "description": "Problem details (RFC 9457). `code` is stable; `title` and `detail` may change.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What to do about it."},
        "code": {"type": "string"},
        "errors": {
            "type": "array",
            "description": "Every wrong field; an empty name means the body as a whole.",
            "items": {
                "type": "object",
                "required": ["field", "code", "detail"],
                "properties": {
                    "field": {"type": "string"},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}
_REFERENCE: Json = {"$ref": "#/components/schemas/Problem"}

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "pattern": KEY_PATTERN},
    OpenApiParameter.HEADER,
    required=True,
    description="A new one (for example a UUID) for each operation, the same one when you retry "
    "it: then you get the same answer and nothing happens twice. Stored for 7 days.",
)
REPLAYED = OpenApiParameter(
    "Idempotency-Replayed",
    {"type": "string", "enum": ["true"]},
    OpenApiParameter.HEADER,
    description="Present when this is the answer to an earlier request.",
    response=["2XX", 200, 201, 202],
)


def refusals(*problems: Problem) -> dict[Any, OpenApiResponse]:
    """Describe how an operation itself can refuse, each way with its example."""
    described: dict[Any, OpenApiResponse] = {}
    for status, same in _by_status(problems).items():
        described[(status, CONTENT_TYPE)] = OpenApiResponse(
            _REFERENCE,
            description=_codes(same),
            examples=[
                OpenApiExample(problem.code, value=problem.body(), media_type=CONTENT_TYPE)
                for problem in same
            ],
        )
    return described


def _by_status(problems: Iterable[Problem]) -> dict[int, list[Problem]]:
    found: dict[int, list[Problem]] = {}
    for problem in problems:
        found.setdefault(problem.status_code, []).append(problem)
    return found


def _codes(problems: Iterable[Problem]) -> str:
    return ", ".join(f"`{problem.code}`" for problem in problems)


def _usual(operation: Json) -> Iterator[Problem]:
    """Yield the problems that an operation has because it is like others."""
    (requirement,) = operation["security"]
    (scope,) = requirement[BearerScheme.name]
    yield standard_problem(exceptions.NotAuthenticated)
    yield standard_problem(exceptions.AuthenticationFailed)
    yield insufficient_scope(Scope(scope))
    yield standard_problem(exceptions.Throttled)
    places = {parameter["in"] for parameter in operation.get("parameters", [])}
    if "path" in places:
        yield standard_problem(exceptions.NotFound)
    if "requestBody" in operation:
        yield invalid([("reason", "required", "This field is required.")])
        yield standard_problem(exceptions.ParseError)
        yield body_too_large()
        yield standard_problem(exceptions.UnsupportedMediaType)
    if "header" in places:
        yield key_required()
        yield in_progress()
        yield key_reused()


def add_problems(result: Json, generator: Any, request: Any, public: bool) -> Json:
    """Add what operations have in common (a POSTPROCESSING_HOOK of drf-spectacular)."""
    schemas = result["components"]["schemas"]
    schemas["Problem"] = PROBLEM
    for path in result["paths"].values():
        for operation in path.values():
            if {} in operation["security"]:
                continue  # It is for everybody.
            for body in operation.get("requestBody", {}).get("content", {}).values():
                # As StrictSerializer does.
                name = body["schema"]["$ref"].rpartition("/")[2]
                schemas[name]["additionalProperties"] = False
            answers = operation["responses"]
            for status, problems in _by_status(_usual(operation)).items():
                answer = answers.setdefault(str(status), _answer(""))
                described = [answer["description"]] if answer["description"] else []
                answer["description"] = ", ".join([*described, _codes(problems)])
                answer["content"][CONTENT_TYPE].setdefault("examples", {}).update(
                    {problem.code: {"value": problem.body()} for problem in problems}
                )
            answers["default"] = _answer("Any other problem: `internal_error`, `unavailable`, …")
            operation["responses"] = dict(sorted(answers.items()))
    return result


def _answer(description: str) -> Json:
    return {"description": description, "content": {CONTENT_TYPE: {"schema": _REFERENCE}}}


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How a token is shown."""

    target_class = "quizarena.api.authentication.BearerToken"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> Json:
        """Return the security scheme."""
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "The token that an administrator gave you.",
        }

    def get_security_requirement(self, auto_schema: AutoSchema) -> dict[str, list[str]]:
        """Return the scope that the operation needs (OpenAPI 3.1 lets bearer tokens have roles)."""
        scopes = getattr(auto_schema.view, "scopes", {})
        return {self.name: [scopes[auto_schema.method]]} if auto_schema.method in scopes else {}
