"""A decision: asked, shown beforehand, changed if need be, and carried out when confirmed."""

import re
from typing import Any

import pytest
from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path

from quizarena import urls
from quizarena.players.models import Player
from quizarena.staff.decisions import Decision, DecisionForm, decide
from tests.factories import PlayerFactory, make_staff
from tests.staff.test_approvals import text

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]

PAGE = "/rename/"
DECISION = "5b0ee2a4-9f0e-4c0e-9f5e-2f6d6b1f1a10"


class TooRudeError(Exception):
    """Nobody is called like that."""


class NameForm(DecisionForm):
    """A name, and how to write it."""

    field_order = ("name", "style", "reason")

    name = forms.CharField()
    style = forms.ChoiceField(choices=[("plain", "As it is"), ("upper", "In capitals")])


def written(cleaned: dict[str, Any]) -> str:
    """Return the name as it was decided, unless it is too rude."""
    if cleaned["name"] == "rude":
        raise TooRudeError("nobody is called rude")
    return str(cleaned["name"].upper() if cleaned["style"] == "upper" else cleaned["name"])


def rename(request: HttpRequest) -> HttpResponse:
    """Let staff rename the only player."""
    player = Player.objects.get()

    def preview(cleaned: dict[str, Any]) -> list[list[object]]:
        return [["User name", player.username, written(cleaned)]]

    def execute(cleaned: dict[str, Any]) -> str:
        player.username = written(cleaned)
        player.save()
        return f"Renamed by decision {cleaned['decision']}."

    decision = Decision(
        title="Rename the player",
        note="Names are seen by all.",
        form=NameForm,
        preview=preview,
        execute=execute,
        refusals=(TooRudeError,),
        back="/admin/players/player/",
    )
    return decide(request, decision, model_admin=admin.site.get_model_admin(Player))  # type: ignore[arg-type]


urlpatterns = [path("rename/", rename), *urls.urlpatterns]


@pytest.fixture
def support(client: Client) -> Client:
    """Return a browser in which support is logged in, and a player called anna."""
    PlayerFactory.create(username="anna")
    client.force_login(make_staff("Support"))
    return client


def send(client: Client, step: str, **fields: str) -> HttpResponse:
    """Press a button of the page."""
    filled = {
        "name": "berta",
        "style": "upper",
        "reason": "She asked for it.",
        "decision": DECISION,
        **fields,
    }
    return client.post(PAGE, {**filled, step: "1"}, follow=True)  # type: ignore[return-value]


def name() -> str:
    """Return what the player is called."""
    return str(Player.objects.get().username)


def test_the_page_asks_first(support: Client) -> None:
    page = support.get(PAGE).content.decode()

    assert "Names are seen by all." in page
    assert 'name="preview"' in page
    assert 'name="confirm"' not in page
    assert re.search(r'name="decision" value="[0-9a-f-]{36}"', page)


def test_it_shows_what_would_come_of_it_and_does_nothing(support: Client) -> None:
    page = send(support, "preview").content

    assert "Style In capitals Reason She asked for it." in text(page)
    assert "User name anna BERTA" in text(page)
    assert 'name="confirm"' in page.decode()
    assert f'name="decision" value="{DECISION}"' in page.decode()
    assert name() == "anna"


def test_it_can_be_changed_once_more(support: Client) -> None:
    page = send(support, "edit").content.decode()

    assert 'name="preview"' in page
    assert 'value="berta"' in page
    assert name() == "anna"


def test_confirmed_it_is_done_and_one_is_back(support: Client) -> None:
    answer: Any = send(support, "confirm")

    assert answer.redirect_chain == [("/admin/players/player/", 302)]
    assert f"Renamed by decision {DECISION}." in text(answer.content)
    assert name() == "BERTA"


@pytest.mark.parametrize("step", ["preview", "confirm"])
def test_what_is_refused_says_so_above_the_form(support: Client, step: str) -> None:
    page = send(support, step, name="rude").content

    assert "Refused: nobody is called rude." in text(page)
    assert 'name="preview"' in page.decode()
    assert name() == "anna"


@pytest.mark.parametrize("step", ["preview", "confirm"])
def test_without_a_reason_nothing_is_done(support: Client, step: str) -> None:
    page = send(support, step, reason=" ").content

    assert "This field is required." in text(page)
    assert name() == "anna"
