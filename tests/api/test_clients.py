"""Clients, their tokens, and the page where they are made."""

import re
from datetime import timedelta
from hashlib import sha256

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client

from quizarena.api import clients
from quizarena.api.models import ApiClient
from quizarena.staff import approvals
from quizarena.staff.errors import ChangedError
from quizarena.staff.models import ApprovalRequest, AuditEntry
from tests.api.callers import Caller, make_client, make_unapproved_client, problem
from tests.factories import NOON, make_staff

pytestmark = pytest.mark.django_db


APPROVALS = "/admin/staff/approvalrequest/"


@pytest.fixture
def desk(client: Client) -> Client:
    """Return the browser of Security."""
    client.force_login(make_staff("Security"))
    return client


class TestToken:
    def test_a_token_has_256_bits_and_a_prefix_and_is_stored_as_a_hash(self) -> None:
        client = make_client()

        assert re.fullmatch(r"qa_[\w-]{43}", client.token)
        stored = ApiClient.objects.values().get(pk=client.pk)
        assert stored["token_sha256"] == sha256(client.token.encode()).hexdigest()
        assert client.token not in str(stored)

    def test_the_token_is_gone_once_the_client_is_read_again(self) -> None:
        client = make_client()

        assert ApiClient.objects.get(pk=client.pk).token == ""

    def test_the_client_is_found_by_it(self) -> None:
        client = make_client()

        assert clients.find(token=client.token, now=NOON) == client
        assert clients.find(token=client.token + "x", now=NOON) is None

    def test_a_revoked_client_is_not_found(self) -> None:
        client = make_client()

        clients.revoke(client_id=client.pk, by=client.created_by, reason="Leaked.", now=NOON)

        assert clients.find(token=client.token, now=NOON) is None

    def test_revoking_again_changes_nothing(self) -> None:
        client = make_client()
        by = client.created_by
        clients.revoke(client_id=client.pk, by=by, reason="Leaked.", now=NOON)

        later = NOON + timedelta(days=1)

        assert not clients.revoke(client_id=client.pk, by=by, reason="Again.", now=later)
        assert ApiClient.objects.get().revoked_at == NOON
        assert AuditEntry.objects.filter(action="apiclient.revoked").count() == 1


class TestLastUsed:
    def test_it_is_kept_to_the_hour(self) -> None:
        client = make_client()

        for minutes, kept_minutes in [(0, 0), (59, 0), (60, 60), (119, 60)]:
            clients.find(token=client.token, now=NOON + timedelta(minutes=minutes))
            kept = ApiClient.objects.get().last_used_at
            assert kept == NOON + timedelta(minutes=kept_minutes)

    def test_most_requests_take_one_statement(self, django_assert_num_queries: object) -> None:
        client = make_client()
        clients.find(token=client.token, now=NOON)

        with django_assert_num_queries(1):  # type: ignore[operator]
            clients.find(token=client.token, now=NOON + timedelta(minutes=1))


class TestDatabaseSaysNo:
    """Each rule again, by a road that does not pass through the services."""

    @pytest.mark.parametrize(
        "sql",
        [
            "UPDATE api_apiclient SET token_sha256 = 'another'",
            "UPDATE api_apiclient SET created_at = now()",
            "DELETE FROM api_apiclient",
            "UPDATE api_apiclient SET scopes = '{}'",
        ],
    )
    @pytest.mark.usefixtures("owner")
    def test_a_client_keeps_its_token_and_some_scope(self, sql: str) -> None:
        make_client()

        with (
            pytest.raises(DatabaseError, match=r"Cannot|apiclient_may_do_something"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(sql)

    def test_a_revoked_client_never_comes_back(self) -> None:
        client = make_client()
        clients.revoke(client_id=client.pk, by=client.created_by, reason="Leaked.", now=NOON)

        with pytest.raises(DatabaseError, match="Cannot update"), transaction.atomic():
            ApiClient.objects.update(revoked_at=None)


class TestSecondPerson:
    """What gives money away opens to a client only when two persons want it."""

    def test_until_then_the_client_can_do_nothing(self) -> None:
        client = make_unapproved_client(scopes=["products:read", "refunds:write"])

        answer = Caller(client).get("products/")

        assert answer.status_code == 403
        refusal = problem(answer)
        assert (refusal["code"], refusal["scopes"]) == ("client_not_approved", ["refunds:write"])

    @pytest.mark.parametrize(
        ("scope", "waits"),
        [
            ("products:read", False),
            ("purchases:read", False),
            ("purchases:write", False),
            ("refunds:write", True),
            ("promos:redeem", False),
            ("promos:test", False),
            ("promos:read", False),
            ("promos:write", True),
        ],
    )
    def test_which_scopes_wait(self, scope: str, waits: bool) -> None:
        assert bool(make_unapproved_client(scopes=[scope]).scopes_to_approve) is waits

    def test_security_asks_and_finance_approves(self, client: Client) -> None:
        olena, berta = make_staff("Security"), make_staff("Finance")
        made = clients.add(
            client=ApiClient(name="Shop", scopes=["products:read", "refunds:write"]),
            by=olena,
            now=NOON,
        )
        client.force_login(olena)
        page = client.get(f"/admin/api/apiclient/{made.pk}/change/").content.decode()
        assert "awaits approval" in page
        assert "Ask for approval" in page

        asked = client.get(f"/admin/api/apiclient/{made.pk}/ask/").content.decode()
        assert "To approve: Refund purchases (refunds:write)." in asked

        client.post(f"/admin/api/apiclient/{made.pk}/ask/", {"reason": "The shop.", "confirm": "1"})
        request = ApprovalRequest.objects.get()
        assert client.get(f"{APPROVALS}{request.pk}/change/").status_code == 200
        assert "Approve" not in client.get(f"{APPROVALS}{request.pk}/change/").content.decode()
        client.force_login(berta)
        shown = client.get(f"{APPROVALS}{request.pk}/change/").content.decode()
        assert "Refund purchases (refunds:write)" in shown
        client.post(f"{APPROVALS}{request.pk}/approve/", {"confirm": "1"})

        assert ApiClient.objects.get().approved_scopes == ["refunds:write"]
        assert Caller(made).get("products/").status_code == 200

    def test_a_scope_that_is_added_waits_and_one_that_goes_is_forgotten(self, desk: Client) -> None:
        made = make_client(scopes=["refunds:write", "products:read"])
        assert made.scopes_to_approve == []

        for scopes, missing in [
            (["refunds:write", "promos:write"], ["promos:write"]),
            (["products:read"], []),
            (["refunds:write", "products:read"], ["refunds:write"]),
        ]:
            page = f"/admin/api/apiclient/{made.pk}/change/"
            answer = desk.post(page, {"name": "Shop", "scopes": scopes}, follow=True)
            assert ("can do nothing until a second person" in answer.content.decode()) is bool(
                missing
            )
            assert ApiClient.objects.get().scopes_to_approve == missing

    def test_what_was_asked_for_and_has_changed_is_not_approved(self) -> None:
        made = make_unapproved_client(scopes=["refunds:write"])
        request = clients.ask_for_approval(client=made, by=made.created_by, reason="x", now=NOON)
        made.scopes = ["refunds:write", "promos:write"]
        clients.change(client=made)

        with pytest.raises(ChangedError):
            approvals.approve(request_id=request.pk, checker=make_staff("Finance"), now=NOON)

    def test_the_database_wants_the_second_person_too(self) -> None:
        made = make_unapproved_client(scopes=["refunds:write"])
        request = clients.ask_for_approval(client=made, by=made.created_by, reason="x", now=NOON)

        for sql in [
            "UPDATE api_apiclient SET approved_scopes = '{refunds:write}'",
            """
            INSERT INTO api_apiclient
              (name, token_sha256, scopes, approved_scopes, created_by_id, created_at)
            SELECT 'x', 'x', scopes, scopes, created_by_id, created_at FROM api_apiclient
            """,
        ]:
            with (
                pytest.raises(DatabaseError, match="Cannot approve"),
                transaction.atomic(),
                connection.cursor() as cursor,
            ):
                cursor.execute(sql)
        assert request.status == "OPEN"


class TestAdmin:
    def test_a_new_client_is_shown_its_token_once(self, desk: Client) -> None:
        answer = desk.post(
            "/admin/api/apiclient/add/",
            {"name": "Web shop", "scopes": ["products:read", "purchases:write"]},
        )

        page = answer.content.decode()
        (token,) = re.findall(r"qa_[\w-]{43}", page)
        made = clients.find(token=token, now=NOON)
        assert made is not None
        assert made.scopes == ["products:read", "purchases:write"]
        assert token not in desk.get(f"/admin/api/apiclient/{made.pk}/change/").content.decode()
        assert "no-store" in answer.headers["Cache-Control"]

    def test_making_and_changing_are_in_the_audit_log_without_the_token(self, desk: Client) -> None:
        desk.post("/admin/api/apiclient/add/", {"name": "Shop", "scopes": ["products:read"]})
        made = ApiClient.objects.get()

        desk.post(
            f"/admin/api/apiclient/{made.pk}/change/",
            {"name": "Shop", "scopes": ["products:read", "refunds:write"]},
        )

        added, changed = AuditEntry.objects.filter(object_type="api.apiclient").order_by("pk")
        assert (added.action, added.details) == ("apiclient.added", {"scopes": ["products:read"]})
        assert changed.action == "apiclient.changed"
        assert changed.details["scopes"] == ["products:read", "refunds:write"]
        assert made.token_sha256 not in str([added.details, changed.details])

    @pytest.mark.parametrize("scopes", [[], ["everything"]])
    def test_a_client_has_scopes_that_exist(self, desk: Client, scopes: list[str]) -> None:
        answer = desk.post("/admin/api/apiclient/add/", {"name": "Shop", "scopes": scopes})

        assert answer.status_code == 200
        assert not ApiClient.objects.exists()

    def test_a_client_is_revoked_with_a_reason(self, desk: Client) -> None:
        made = make_client()

        answer = desk.post(
            f"/admin/api/apiclient/{made.pk}/revoke/", {"reason": "Leaked.", "confirm": "1"}
        )

        assert answer.status_code == 302
        assert clients.find(token=made.token, now=NOON) is None
        entry = AuditEntry.objects.get(action="apiclient.revoked")
        assert entry.summary == "Shop: revoked. Leaked."
        assert entry.actor is not None

    def test_what_is_revoked_can_only_be_looked_at(self, desk: Client) -> None:
        made = make_client()
        clients.revoke(client_id=made.pk, by=made.created_by, reason="Leaked.", now=NOON)

        page = desk.get(f"/admin/api/apiclient/{made.pk}/change/").content.decode()

        assert 'name="_save"' not in page
        assert desk.get(f"/admin/api/apiclient/{made.pk}/revoke/").status_code == 403

    def test_nobody_deletes_a_client(self, admin_client: Client) -> None:
        made = make_client()

        answer = admin_client.post(f"/admin/api/apiclient/{made.pk}/delete/", {"post": "yes"})

        assert answer.status_code == 403
