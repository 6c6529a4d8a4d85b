"""Clients of the API, and how they ask."""

import json
from collections.abc import Iterable
from typing import Any
from uuid import uuid4

from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client

from quizarena.api import clients
from quizarena.api.models import ApiClient, Scope
from quizarena.staff import approvals as staff_approvals
from tests.factories import NOON, make_staff

EVERYTHING = tuple(Scope)


def make_client(name: str = "Shop", *, scopes: Iterable[str] = EVERYTHING) -> ApiClient:
    """Return a client that was made just now; its token is on it."""
    client = make_unapproved_client(name, scopes=scopes)
    if client.scopes_to_approve:
        request = clients.ask_for_approval(
            client=client, by=client.created_by, reason="Sells.", now=NOON
        )
        checker = User.objects.filter(username="api-approver").first()
        staff_approvals.approve(
            request_id=request.pk,
            checker=checker or make_staff("Finance", username="api-approver"),
            now=NOON,
        )
    token = client.token
    client.refresh_from_db()
    client.token = token
    return client


def make_unapproved_client(name: str = "Shop", *, scopes: Iterable[str] = EVERYTHING) -> ApiClient:
    """Return a client that was made just now, and that nobody has approved."""
    maker, _ = User.objects.get_or_create(username="maker")
    return clients.add(client=ApiClient(name=name, scopes=list(scopes)), by=maker, now=NOON)


class Caller:
    """A system that asks with a token."""

    def __init__(self, client: ApiClient | None = None) -> None:
        self.client = client or make_client()
        self._browser = Client(raise_request_exception=False)

    def get(self, path: str, **headers: str) -> HttpResponse:
        """Ask for something."""
        return self.ask("GET", path, **headers)

    def post(self, path: str, body: Any, *, key: str | None = "", **headers: str) -> HttpResponse:
        """Post JSON under a key, a new one unless it is given; None sends none."""
        if key is not None:
            headers["Idempotency-Key"] = key or str(uuid4())
        return self.ask("POST", path, json.dumps(body), **headers)

    def ask(
        self,
        method: str,
        path: str,
        body: str | bytes = "",
        *,
        content_type: str = "application/json",
        **headers: str,
    ) -> HttpResponse:
        """Send any request."""
        answer = self._browser.generic(
            method,
            f"/api/v1/{path}",
            body,
            content_type=content_type,
            headers={"Authorization": f"Bearer {self.client.token}", **headers},
        )
        assert isinstance(answer, HttpResponse)
        return answer


def problem(answer: HttpResponse) -> dict[str, Any]:
    """Return the problem in an answer, which has to be one."""
    assert answer.headers["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = json.loads(answer.content)
    assert body["status"] == answer.status_code
    assert body["type"] == f"urn:quizarena:problem:{body['code']}"
    return body


def body_of(answer: HttpResponse) -> Any:
    """Return the JSON of an answer."""
    assert answer.headers["Content-Type"] == "application/json", answer.content
    return json.loads(answer.content)
