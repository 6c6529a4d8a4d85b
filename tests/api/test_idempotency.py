"""Every effect only once, whatever a client repeats."""

import json
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import QuerySet
from django.utils import timezone
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory

from quizarena.api import idempotency, tasks
from quizarena.api.idempotency import Answer
from quizarena.api.models import ApiClient, IdempotencyRecord
from quizarena.api.problems import Problem
from quizarena.staff import audit
from quizarena.staff.models import AuditEntry
from tests.api.callers import make_client
from tests.concurrency import meet_after, run_together
from tests.factories import NOON


def request(
    client: ApiClient, *, key: str = "key-1", path: str = "/api/v1/things/", **body: Any
) -> Request:
    """Return a POST of the client."""
    headers = {"Idempotency-Key": key}
    plain = APIRequestFactory().post(path, body, format="json", headers=headers)
    asked = Request(plain, parsers=[JSONParser()])
    asked.auth = client
    return asked


def leave_a_trace(*, status: int = 201, said: str = "done") -> Answer:
    """Have an effect that can be counted: nothing but the key keeps it from happening twice."""
    audit.record(actor=None, action="test.effect", summary=said)
    return Answer(status=status, body={"z": said, "a": traces()})


def traces() -> int:
    """Return how often the effect has happened."""
    return AuditEntry.objects.filter(action="test.effect").count()


def once(asked: Request, effect: Callable[[], Answer] = leave_a_trace, **more: Any) -> Response:
    """Answer the request at noon."""
    return idempotency.once(asked, effect=effect, now=NOON, **more)


def code_of(raised: pytest.ExceptionInfo[Problem]) -> tuple[int, str]:
    """Return status and code of a problem."""
    return raised.value.status_code, raised.value.code


@pytest.mark.django_db
class TestOnce:
    def test_the_same_request_again_gets_the_same_answer_and_has_no_effect(self) -> None:
        client = make_client()

        first = once(request(client, thing=1))
        again = once(request(client, thing=1))

        assert (first.status_code, first.data) == (201, {"z": "done", "a": 1})
        assert (again.status_code, json.dumps(again.data)) == (201, '{"z": "done", "a": 1}')
        assert "Idempotency-Replayed" not in first.headers
        assert again.headers["Idempotency-Replayed"] == "true"
        assert traces() == 1

    def test_the_order_of_names_does_not_make_another_request(self) -> None:
        client = make_client()
        once(request(client, one=1, two=2))

        once(request(client, two=2, one=1))

        assert traces() == 1

    @pytest.mark.parametrize("other", [{"thing": 2}, {"thing": "1"}, {"path": "/api/v1/x/"}, {}])
    def test_another_request_under_the_same_key_is_refused(self, other: dict[str, Any]) -> None:
        client = make_client()
        once(request(client, thing=1))

        with pytest.raises(Problem) as raised:
            once(request(client, **other))

        assert code_of(raised) == (422, "idempotency_key_reused")
        assert traces() == 1

    def test_two_clients_may_choose_the_same_key(self) -> None:
        once(request(make_client("One")))
        once(request(make_client("Two")))

        assert traces() == 2

    @pytest.mark.parametrize("key", ["", "two words", "ключ", "a\tb", "x" * 256])
    def test_a_request_without_a_proper_key_is_refused(self, key: str) -> None:
        with pytest.raises(Problem) as raised:
            once(request(make_client(), key=key))

        assert code_of(raised) == (400, "idempotency_key_required")
        assert traces() == 0

    def test_the_longest_key_will_do(self) -> None:
        once(request(make_client(), key="x" * 255))

        assert traces() == 1

    def test_what_an_effect_raises_leaves_nothing_and_may_be_tried_again(self) -> None:
        client = make_client()

        def fail() -> Answer:
            leave_a_trace()
            raise ValueError("half-way")

        with pytest.raises(ValueError, match="half-way"):
            once(request(client), fail)
        answer = once(request(client))

        assert (answer.status_code, traces()) == (201, 1)

    def test_a_refusal_that_is_returned_is_kept(self) -> None:
        client = make_client()
        once(request(client), partial(leave_a_trace, status=409, said="no"))

        again = once(request(client))

        assert (again.status_code, again.data["z"], traces()) == (409, "no", 1)
        assert again.content_type == "application/problem+json"


@pytest.mark.django_db
class TestCompleted:
    """What only an outside call returns is asked for after the effect, and until it is there."""

    def test_an_answer_that_could_not_be_completed_is_completed_later(self) -> None:
        client = make_client()

        def away(body: dict[str, Any]) -> dict[str, Any]:
            raise ConnectionError

        def there(body: dict[str, Any]) -> dict[str, Any]:
            return {**body, "link": "https://t.me/$x"}

        with pytest.raises(ConnectionError):
            once(request(client), complete=away)
        later = once(request(client), complete=there)

        assert later.data == {"z": "done", "a": 1, "link": "https://t.me/$x"}
        assert traces() == 1

    def test_it_happens_outside_of_the_transaction_of_the_effect(self) -> None:
        client = make_client()

        def complete(body: dict[str, Any]) -> dict[str, Any]:
            assert IdempotencyRecord.objects.get().body == '{"z":"done","a":1}'
            return {**body, "b": 2}

        once(request(client), complete=complete)

        assert IdempotencyRecord.objects.get().body == '{"z":"done","a":1,"b":2}'

    def test_of_two_completions_the_first_is_kept(self) -> None:
        client = make_client()

        def overtaken(body: dict[str, Any]) -> dict[str, Any]:
            IdempotencyRecord.objects.update(body='{"first":true}')
            return {**body, "first": False}

        answer = once(request(client), complete=overtaken)

        assert answer.data == {"first": True}


@pytest.mark.django_db(transaction=True)
class TestConcurrency:
    def test_of_two_equal_requests_at_once_one_has_the_effect(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client = make_client()
        meet_after(monkeypatch, idempotency, "_take_turn")

        results = run_together(*[partial(once, request(client))] * 2)

        assert sorted(type(result).__name__ for result in results) == ["Problem", "Response"]
        (refused,) = [result for result in results if isinstance(result, Problem)]
        assert (refused.status_code, refused.code) == (409, "request_in_progress")
        assert traces() == 1

    def test_without_the_turn_both_would_have_the_effect_and_one_fails(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the test above can fail: only the constraint undoes the second effect."""
        client = make_client()
        monkeypatch.setattr(idempotency, "_take_turn", lambda client, key: True)  # noqa: ARG005
        meet_after(monkeypatch, QuerySet, "first")

        results = run_together(*[partial(once, request(client))] * 2)

        assert sorted(type(result).__name__ for result in results) == ["IntegrityError", "Response"]

    def test_two_keys_do_not_wait_for_each_other(self, monkeypatch: pytest.MonkeyPatch) -> None:
        client = make_client()
        meet_after(monkeypatch, idempotency, "_take_turn")

        results = run_together(
            partial(once, request(client, key="key-1")), partial(once, request(client, key="key-2"))
        )

        assert [type(result).__name__ for result in results] == ["Response", "Response"]
        assert traces() == 2


@pytest.mark.django_db
class TestPurge:
    def test_answers_are_kept_for_seven_days(self) -> None:
        client = make_client()
        once(request(client))

        assert idempotency.purge(now=NOON + timedelta(days=7, seconds=-1)) == 0
        assert idempotency.purge(now=NOON + timedelta(days=7)) == 1
        assert not IdempotencyRecord.objects.exists()

    def test_the_job_deletes_them(self) -> None:
        idempotency.once(
            request(make_client()), effect=leave_a_trace, now=timezone.now() - timedelta(days=8)
        )

        assert tasks.purge_idempotency_records() == 1


@pytest.mark.django_db
class TestDatabaseSaysNo:
    """Each rule again, by a road that does not pass through the services."""

    def test_one_answer_per_client_and_key(self) -> None:
        once(request(make_client()))
        kept = IdempotencyRecord.objects.get()
        kept.pk = None

        with (
            pytest.raises(IntegrityError, match="idempotencyrecord_one_per_key"),
            transaction.atomic(),
        ):
            kept.save(force_insert=True)

    @pytest.mark.parametrize("status", [100, 500])
    def test_only_answers_are_kept(self, status: int) -> None:
        with pytest.raises(IntegrityError, match="idempotencyrecord_is_an_answer"):
            once(request(make_client()), partial(leave_a_trace, status=status))

    @pytest.mark.parametrize("change", ["status = 200", "key = 'b'", "fingerprint = ''"])
    def test_an_answer_stays_as_it_was(self, change: str) -> None:
        once(request(make_client()))

        with (
            pytest.raises(DatabaseError, match="Cannot update"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(f"UPDATE api_idempotencyrecord SET {change}")  # noqa: S608 -- constants.
