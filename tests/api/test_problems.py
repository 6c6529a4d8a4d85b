"""Every error of the API is a problem with a stable code."""

from typing import Any

import pytest
import redis
from django.db import OperationalError
from pytest_django.fixtures import Settings

from payments import api
from payments import urls as payments_urls
from promos import urls as promos_urls
from quizarena.api import clients, throttling
from quizarena.api.models import Scope
from tests.api.callers import Caller, body_of, make_client, problem
from tests.factories import NOON

pytestmark = pytest.mark.django_db


class TestWhoAsks:
    def test_without_a_token_the_api_asks_for_one(self) -> None:
        caller = Caller()

        answer = caller.get("products/", Authorization="")

        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert problem(answer) == {
            "type": "urn:quizarena:problem:not_authenticated",
            "title": "Authentication required",
            "status": 401,
            "detail": "Send the header `Authorization: Bearer <token>`.",
            "code": "not_authenticated",
        }

    @pytest.mark.parametrize(
        "header", ["Bearer nobody", "Bearer ", "bearer  x", "Bearer qa_ü", "Bearer a b"]
    )
    def test_a_token_of_nobody_is_refused(self, header: str) -> None:
        answer = Caller().get("products/", Authorization=header)

        assert (answer.status_code, problem(answer)["code"]) == (401, "invalid_token")

    def test_another_scheme_is_no_token(self) -> None:
        answer = Caller().get("products/", Authorization="Basic c3RhZmY6c2VjcmV0")

        assert problem(answer)["code"] == "not_authenticated"

    def test_a_revoked_token_is_refused_like_one_of_nobody(self) -> None:
        caller = Caller()
        by = caller.client.created_by
        clients.revoke(client_id=caller.client.pk, by=by, reason="Leaked.", now=NOON)

        answer = caller.get("products/")

        assert (answer.status_code, problem(answer)["code"]) == (401, "invalid_token")


NOBODY = "00000000-0000-4000-8000-000000000000"
# Every operation with the one scope that opens it.
OPERATIONS = {
    ("GET", "products/"): "products:read",
    ("POST", "purchases/"): "purchases:write",
    ("GET", f"purchases/{NOBODY}/"): "purchases:read",
    ("POST", f"purchases/{NOBODY}/refund/"): "refunds:write",
    ("POST", "promos/redeem/"): "promos:redeem",
    ("POST", "promos/test/"): "promos:test",
    ("GET", "promos/campaigns/"): "promos:read",
    ("GET", "promos/campaigns/7/"): "promos:read",
    ("POST", "promos/campaigns/7/status/"): "promos:write",
    ("GET", "promos/campaigns/7/statistics/"): "promos:read",
    ("POST", "promos/redemptions/7/rollback/"): "promos:write",
}


class TestScopes:
    @pytest.mark.parametrize("operation", OPERATIONS)
    def test_all_other_scopes_together_do_not_open_it(self, operation: tuple[str, str]) -> None:
        needed = OPERATIONS[operation]
        caller = Caller(make_client(scopes=[scope for scope in Scope if scope != needed]))

        answer = caller.ask(*operation)

        refusal = problem(answer)
        assert (answer.status_code, refusal["code"], refusal["scope"]) == (
            403,
            "insufficient_scope",
            needed,
        )

    @pytest.mark.parametrize("operation", OPERATIONS)
    def test_its_own_scope_opens_it(self, operation: tuple[str, str]) -> None:
        caller = Caller(make_client(scopes=[OPERATIONS[operation]]))

        answer = caller.ask(*operation)

        assert answer.status_code in (200, 400, 404)

    def test_head_is_as_good_as_get(self) -> None:
        caller = Caller(make_client(scopes=["products:read"]))

        assert caller.ask("HEAD", "products/").status_code == 200

    def test_every_method_of_every_view_names_a_scope(self) -> None:
        callbacks: list[Any] = [
            pattern.callback for pattern in (*payments_urls.urlpatterns, *promos_urls.urlpatterns)
        ]
        views = [callback.view_class for callback in callbacks]

        for view in views:
            methods = {
                name.upper()
                for name in ("get", "post", "put", "patch", "delete")
                if name in vars(view)
            }
            assert set(view.scopes) == methods
            assert set(view.scopes.values()) <= set(Scope)
        assert len(views) == 12


class TestThrottle:
    def test_a_client_that_asks_too_often_has_to_wait(self, settings: Settings) -> None:
        settings.API_RATE = "2/min"
        caller = Caller()

        first, second, third = (caller.get("products/") for _ in range(3))

        assert (first.status_code, second.status_code, third.status_code) == (200, 200, 429)
        assert problem(third)["code"] == "too_many_requests"
        assert 1 <= int(third.headers["Retry-After"]) <= 60

    def test_another_client_has_its_own_count(self, settings: Settings) -> None:
        settings.API_RATE = "1/min"
        busy, other = Caller(make_client("Busy")), Caller(make_client("Other"))
        busy.get("products/")

        assert busy.get("products/").status_code == 429
        assert other.get("products/").status_code == 200

    def test_without_redis_nobody_waits(self, settings: Settings) -> None:
        settings.CACHES = {
            "default": {
                "BACKEND": "django.core.cache.backends.redis.RedisCache",
                "LOCATION": "redis://127.0.0.1:1/0",
            }
        }
        settings.API_RATE = "1/min"
        caller = Caller()
        with pytest.raises(redis.RedisError):
            throttling.PerClient.cache.get("x")

        answers = [caller.get("products/").status_code for _ in range(2)]

        assert answers == [200, 200]


class TestWhatIsAsked:
    @pytest.mark.parametrize("path", ["nothing/", "products", "purchases/7/", "purchases//refund/"])
    @pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])
    def test_an_unknown_address_is_a_problem_and_no_page(self, method: str, path: str) -> None:
        answer = Caller().ask(method, path)

        assert (answer.status_code, problem(answer)["code"]) == (404, "not_found")

    def test_an_unknown_purchase_is_not_found(self) -> None:
        answer = Caller().get(f"purchases/{NOBODY}/")

        assert (answer.status_code, problem(answer)["code"]) == (404, "not_found")

    @pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "SMILE"])
    def test_a_method_that_is_not_there_says_which_are(self, method: str) -> None:
        answer = Caller().ask(method, "products/")

        assert (answer.status_code, problem(answer)["code"]) == (405, "method_not_allowed")
        assert answer.headers["Allow"] == "GET, HEAD"

    def test_another_representation_is_not_acceptable(self) -> None:
        answer = Caller().get("products/", Accept="text/html")

        assert (answer.status_code, problem(answer)["code"]) == (406, "not_acceptable")

    def test_a_form_is_no_json(self) -> None:
        answer = Caller().ask(
            "POST", "purchases/", "player=1", content_type="application/x-www-form-urlencoded"
        )

        assert (answer.status_code, problem(answer)["code"]) == (415, "unsupported_media_type")

    @pytest.mark.parametrize(
        "body",
        [
            b"{",
            b"\xff\xfe",
            b'{"player": NaN}',
            b'{"player": ' + b"9" * 5_000 + b"}",
            b"[" * 60_000,
        ],
    )
    def test_a_body_that_is_no_json_cannot_be_read(self, body: bytes) -> None:
        answer = Caller().ask("POST", "purchases/", body)

        assert (answer.status_code, problem(answer)["code"]) == (400, "malformed_request")

    def test_a_body_of_more_than_64_kib_is_too_large(self) -> None:
        answer = Caller().ask("POST", "purchases/", b" " * 65_537)

        assert (answer.status_code, problem(answer)["code"]) == (413, "body_too_large")

    @pytest.mark.parametrize("body", ["[]", '"text"', "7", "null", "true"])
    def test_a_body_that_is_no_object_is_wrong_as_a_whole(self, body: str) -> None:
        answer = Caller().ask("POST", "purchases/", body, **{"Idempotency-Key": "a"})

        refusal = problem(answer)
        assert (answer.status_code, refusal["code"]) == (400, "invalid_request")
        assert {error["field"] for error in refusal["errors"]} <= {"", "player", "product"}


class TestWhatGoesWrong:
    """What leaves the process is made to fail; there is no other way to have a mistake on hand."""

    def test_a_mistake_of_ours_is_a_problem_without_its_secrets(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*args: object, **kwargs: object) -> None:
            raise ValueError("a secret")

        monkeypatch.setattr(api.ProductBody, "to_representation", fail)

        answer = Caller().get("products/")

        assert (answer.status_code, problem(answer)["code"]) == (500, "internal_error")
        assert b"secret" not in answer.content

    def test_a_database_that_is_away_is_worth_another_try(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*args: object, **kwargs: object) -> None:
            raise OperationalError("server closed the connection")

        monkeypatch.setattr(api.ProductBody, "to_representation", fail)

        answer = Caller().get("products/")

        assert (answer.status_code, problem(answer)["code"]) == (503, "unavailable")
        assert answer.headers["Retry-After"] == "5"


def test_a_good_answer_is_plain_json() -> None:
    assert isinstance(body_of(Caller().get("products/")), list)
