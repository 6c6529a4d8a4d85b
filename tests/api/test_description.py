"""The OpenAPI description is valid, complete, and true."""

import json
from collections.abc import Iterator
from io import StringIO
from typing import Any
from uuid import UUID

import hypothesis
import pytest
import schemathesis
import yaml
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client
from django.utils import timezone
from drf_spectacular.renderers import OpenApiJsonRenderer
from pytest_django.fixtures import Settings

from payments import purchases
from promos import redemptions
from promos.models import Channel, Redemption
from quizarena.api import description as description_views
from quizarena.players.models import Player
from quizarena.wsgi import application
from tests.api.callers import make_client
from tests.factories import PlayerFactory, make_campaign, make_staff
from tests.owner import as_owner
from tests.payments import steps
from tests.sandbox import Sandbox

# Requests that schemathesis makes up for each operation, beside those for its edges.
EXAMPLES = 40


@pytest.fixture(scope="module")
def description() -> dict[str, Any]:
    """Return the description, which has to be valid and without a warning."""
    out = StringIO()
    call_command("spectacular", validate=True, fail_on_warn=True, stdout=out)
    parsed: dict[str, Any] = yaml.safe_load(out.getvalue())
    return parsed


@pytest.fixture
def staff(db: None) -> Client:
    """Return the browser of a member of staff."""
    browser = Client()
    browser.force_login(make_staff("Support"))
    return browser


@pytest.mark.django_db
class TestDescription:
    def test_it_describes_the_operations_and_their_scopes(
        self, description: dict[str, Any]
    ) -> None:
        operations = {
            (path, method): operation["security"]
            for path, methods in description["paths"].items()
            for method, operation in methods.items()
            if path.startswith("/api/")
        }

        assert operations == {
            ("/api/v1/products/", "get"): [{"token": ["products:read"]}],
            ("/api/v1/purchases/", "post"): [{"token": ["purchases:write"]}],
            ("/api/v1/purchases/{purchase_id}/", "get"): [{"token": ["purchases:read"]}],
            ("/api/v1/purchases/{purchase_id}/refund/", "post"): [{"token": ["refunds:write"]}],
            ("/api/v1/promos/redeem/", "post"): [{"token": ["promos:redeem"]}],
            ("/api/v1/promos/test/", "post"): [{"token": ["promos:test"]}],
            ("/api/v1/promos/campaigns/", "get"): [{"token": ["promos:read"]}],
            ("/api/v1/promos/campaigns/{campaign_id}/", "get"): [{"token": ["promos:read"]}],
            ("/api/v1/promos/campaigns/{campaign_id}/status/", "post"): [
                {"token": ["promos:write"]}
            ],
            ("/api/v1/promos/campaigns/{campaign_id}/terms/", "post"): [
                {"token": ["promos:write"]}
            ],
            ("/api/v1/promos/campaigns/{campaign_id}/statistics/", "get"): [
                {"token": ["promos:read"]}
            ],
            ("/api/v1/promos/redemptions/{redemption_id}/rollback/", "post"): [
                {"token": ["promos:write"]}
            ],
        }
        assert description["components"]["securitySchemes"]["token"]["scheme"] == "bearer"

    def test_every_operation_has_an_example_and_says_how_it_refuses(
        self, description: dict[str, Any]
    ) -> None:
        for path, methods in description["paths"].items():
            for operation in methods.values():
                if not path.startswith("/api/"):
                    continue
                responses = operation["responses"]
                (good,) = (responses[status] for status in responses if status.startswith("2"))
                assert good["content"]["application/json"]["examples"]
                assert {"401", "403", "429", "default"} <= set(responses)
                if "requestBody" in operation:
                    assert operation["requestBody"]["content"]["application/json"]["examples"]
                    assert {"400", "413", "415", "422"} <= set(responses)
                if any(one["in"] == "header" for one in operation.get("parameters", [])):
                    assert {"400", "409", "422"} <= set(responses)

    def test_strangers_read_neither_it_nor_the_page(self) -> None:
        browser = Client()
        browser.force_login(User.objects.create_user("player"))

        for client in (Client(), browser):
            assert client.get("/api/v1/schema/").status_code in (401, 403)
            page = client.get("/api/docs/")
            assert (page.status_code, page.headers["Location"]) == (
                302,
                "/admin/login/?next=/api/docs/",
            )

    def test_staff_and_clients_read_it_as_yaml_and_as_json(self, staff: Client) -> None:
        token = make_client(scopes=["products:read"]).token

        yaml_of_staff = staff.get("/api/v1/schema/")
        json_of_client = Client().get(
            "/api/v1/schema/",
            headers={
                "Authorization": f"Bearer {token}",
                "Accept": "application/vnd.oai.openapi+json",
            },
        )

        assert yaml_of_staff.headers["Content-Type"] == "application/vnd.oai.openapi"
        assert yaml.safe_load(yaml_of_staff.content) == json.loads(json_of_client.content)
        assert json.loads(json_of_client.content)["openapi"] == "3.1.1"

    def test_it_is_made_once(self, staff: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        first = staff.get("/api/v1/schema/")
        monkeypatch.setattr(description_views, "SchemaGenerator", None)

        again = staff.get("/api/v1/schema/")

        assert (again.status_code, again.content) == (200, first.content)

    def test_the_page_takes_nothing_from_elsewhere(self, staff: Client) -> None:
        page = staff.get("/api/docs/").content.decode()

        assert "/static/drf_spectacular_sidecar/" in page
        assert "https://" not in page


accepted = ["2xx", "403", "404", "409", "410", "422", "429"]
whole = schemathesis.openapi.from_dict(
    json.loads(description_views.rendered(OpenApiJsonRenderer)),
    config=schemathesis.Config.from_dict(
        {
            # What is well-formed may still name nobody.
            "checks": {"positive_data_acceptance": {"expected-statuses": accepted}},
        }
    ),
)
whole.app = application
described = whole.include(path_regex="^/api/")


@pytest.fixture
def token(sandbox: Sandbox, settings: Settings, db: None) -> Iterator[str]:
    """Yield a token that opens everything, where what the examples name is known."""
    settings.API_RATE = "100000/min"
    player = PlayerFactory.create(telegram_id=700_000_001)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(purchases, "uuid4", lambda: UUID("6f1c3d0e-52a1-4f0c-9d53-0d6a8f1b7c11"))
        steps.buy(player, "MEGA_PACK_15")
    _run_the_campaign_of_the_examples(player)
    # Requests share the connection of the test, as they do with Django's own client for tests.
    request_started.disconnect(close_old_connections)
    request_finished.disconnect(close_old_connections)
    yield make_client().token
    request_started.connect(close_old_connections)
    request_finished.connect(close_old_connections)


def _run_the_campaign_of_the_examples(player: Player) -> None:
    """Give energy to the player, from a campaign and by a redemption with the id 1."""
    with as_owner() as cursor:
        cursor.execute("SELECT setval(pg_get_serial_sequence('promos_redemption', 'id'), 1, false)")
    make_campaign(id=1, kind="ENERGY_GRANT", value=10, code="ADVENT2026", starts_at=timezone.now())
    redemptions.redeem(
        player=player, raw="ADVENT2026", channel=Channel.LINK, key="update:1", now=timezone.now()
    )
    assert Redemption.objects.filter(pk=1).exists()


@described.parametrize()
@hypothesis.settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    # The player and the client may stay from one request to the next.
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
def test_the_api_does_what_it_says(case: schemathesis.Case[Any], token: str) -> None:
    case.call_and_validate(headers={"Authorization": f"Bearer {token}"})
