"""What people type into the address of a desk's page: nothing more than the page declares."""

from collections.abc import Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import pytest
from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets, get_fields_from_path
from django.contrib.auth.models import Permission, User
from django.db import models
from django.http import QueryDict
from django.template import engines
from django.test import Client, RequestFactory
from django.urls import reverse

from promos.models import Inviter, Referral
from quizarena.players.models import Player
from quizarena.staff import accounts
from quizarena.staff.desk import StaffAdmin, UnusableQueryError
from quizarena.staff.models import Alert
from tests.api.callers import make_client
from tests.bot.messages.broadcast_steps import make_broadcast
from tests.factories import (
    NOON,
    InboxUpdateFactory,
    OutgoingCallFactory,
    PlayerFactory,
    QuestionFactory,
    make_campaign,
    make_staff,
)
from tests.payments.steps import buy

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

pytestmark = pytest.mark.django_db

admin.autodiscover()
PAGES: list[tuple[type[models.Model], Any]] = sorted(
    admin.site._registry.items(), key=lambda page: page[0]._meta.label_lower
)
NAMES = [model._meta.label_lower for model, _ in PAGES]
# What only the database and the code may know.
SECRETS = {
    "api.apiclient.token_sha256",
    "auth.user.password",
    "payments.purchase.payload",
    "promos.attempt.digest",
    "promos.batch.seed",
    "promos.code.digest",
}
RUBBISH = (
    "",
    "-1",
    "x",
    "a\0b",
    "ä'\"%",
    "²",
    "NaN",
    str(2**31),
    str(2**63),
    "9" * 5_000,
    "9999-12-31",
    "0001-01-01T00:00",
    "00000000-0000-0000-0000-000000000000",
)
# A list without the frame of the page, which stands around it whatever the address says.
LIST_ALONE = engines["django"].from_string(
    """
    {% load admin_list unfold_list %}
    {% if cl.model_admin.list_before_template %}
        {% include cl.model_admin.list_before_template %}
    {% endif %}
    {% search_form cl %}{% include "unfold/helpers/change_list_filter.html" %}
    {% unfold_result_list cl %}{% include "unfold/helpers/pagination.html" %}
    """
)
# What every list reads from its address.
OF_LISTS = ("_facets", "_popup", "_to_field", "all", "e", "o", "p", "q", "source_model")
# What other pages read from theirs.
OF_PAGES = {
    "bot/broadcast/1/progress/": ("seen",),
    "bot/broadcast/1/pause/decide/": ("seen_at",),
    "bot/broadcast/add/": ("template",),
    "bot/broadcast/me/": ("next",),
    "economy/ledgerentry/days/": ("first_day", "last_day"),
    "economy/wallet/1/change/": ("after", "as_of", "type"),
    "payments/impression/funnel/": ("first_day", "last_day"),
    "payments/purchase/revenue/": ("first_day", "last_day"),
    "players/player/1/change/": ("_changelist_filters", "before", "kind"),
    "players/player/1/why/": (
        "about",
        "at",
        "day",
        "mode",
        "product",
        "question",
        "touchpoint",
    ),
    "promos/attempt/why/": ("code", "player"),
    "promos/campaign/1/change/": ("by",),
    "promos/campaign/calendar/": ("month",),
    "promos/campaign/add/": ("template",),
    "promos/campaign/decide/pause/": ("chosen", "seen"),
    "promos/campaign/drafts/": ("chosen", "part"),
    "promos/campaign/tags/": ("chosen",),
    "promos/referral/1/fraud/judge/": ("seen",),
    "promos/referral/results/": ("first_day", "last_day"),
}


def list_of(model: type[models.Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


@cache
def declared(model: type[models.Model]) -> frozenset[str]:
    """Return the first names of all lookups that the model's page declares."""
    page: Any = admin.site._registry[model]
    filters = {one if isinstance(one, str) else one.parameter_name for one in page.list_filter}
    return frozenset(filters | {lookup.partition("__")[0] for lookup in page.linked_lookups})


def undeclared() -> Iterator[tuple[type[models.Model], str]]:
    for model, _ in PAGES:
        for field in model._meta.get_fields():
            name = field.name
            yield model, f"{name}__startswith"
            yield model, f"{name}__regex"
            if name not in declared(model):
                yield model, name
                yield model, f"{name}__isnull"
            if isinstance(field.related_model, type):
                for far in field.related_model._meta.fields:
                    yield model, f"{name}__{far.name}__startswith"


def _lookups() -> dict[str, list[str]]:
    """Return what rubbish is tried in, by list: its search, and each kind of filter where it first
    is. Fields of one class read an address alike, and a whole page for each takes minutes."""
    tried: set[tuple[object, str]] = set()
    found: dict[str, list[str]] = {}
    for name, (model, page) in zip(NAMES, PAGES, strict=True):
        found[name] = ["q"]
        by_field = [
            (one, f"{one}{how}")
            for one in page.list_filter
            if isinstance(one, str)
            for how in ("", "__exact", "__isnull", "__id__exact")
        ]
        kinds: list[tuple[tuple[object, str], str]] = [
            ((type(get_fields_from_path(model, path)[-1]), lookup.removeprefix(path)), lookup)
            for path, lookup in by_field
        ]
        kinds += [
            ((one, ""), one.parameter_name) for one in page.list_filter if not isinstance(one, str)
        ]
        kinds += [((name, one), one) for one in page.linked_lookups]
        for kind, lookup in kinds:
            if kind not in tried:
                tried.add(kind)
                found[name].append(lookup)
    return found


LOOKUPS = _lookups()
# Django's own pages of an object, and its way from the bare key: they read the key alike in all
# models whose key is of one class. The page of the object itself is ours, and tried for each.
SHARED_PAGES = ("_history", "_delete", "_")
ONE_OF_EACH_KEY = {
    type(model._meta.pk): name for name, (model, _) in zip(NAMES, PAGES, strict=True)
}.values()


@pytest.fixture
def owner(client: Client) -> Client:
    """Return the browser of a superuser, to whom every page is open."""
    client.raise_request_exception = False
    client.force_login(User.objects.create_superuser("owner"))
    return client


def enter_for(client: Client, model: type[models.Model]) -> None:
    """Let somebody in with every right over the model, and over no other if that will do.

    The sidebar of somebody who may see everything takes longer than the list beside it.
    """
    client.raise_request_exception = False
    with accounts.changing(by=None, now=NOON):
        user = User.objects.create_user("reader", is_staff=True)
        user.user_permissions.set(
            Permission.objects.filter(
                content_type__app_label=model._meta.app_label,
                content_type__model=model._meta.model_name,
            )
        )
    client.force_login(user)
    if client.get(list_of(model)).status_code == 403:  # What it lists is of another model.
        client.force_login(User.objects.create_superuser("owner"))
    assert client.get(list_of(model)).status_code == 200


class TestLookups:
    def test_every_page_is_one_of_ours(self) -> None:
        assert [name for name, (_, page) in zip(NAMES, PAGES, strict=True)
                if not isinstance(page, StaffAdmin)] == []  # fmt: skip

    def test_a_field_that_is_not_declared_filters_nothing(self) -> None:
        request = RequestFactory().get("/")
        request.user = User.objects.create_superuser("owner")
        taken = []
        for model, lookup in undeclared():
            request.GET = QueryDict(urlencode({lookup: "1"}))
            try:
                admin.site._registry[model].get_changelist_instance(request)
            except UnusableQueryError:
                continue
            taken.append(f"{model._meta.label_lower}: {lookup}")

        assert taken == []

    @pytest.mark.parametrize(
        "query",
        [
            "promos/batch/?seed__startswith=1",
            "promos/batch/?seed=1",
            "promos/code/?digest__startswith=1",
            "promos/code/?batch__seed__startswith=1",
            "promos/attempt/?digest__gt=1",
            "promos/attempt/?code__digest__startswith=1",
            "promos/redemption/?code__batch__seed__startswith=1",
            "api/apiclient/?token_sha256__startswith=1",
            "api/apiclient/?created_by__password__startswith=pbkdf2",
            "auth/user/?password__startswith=pbkdf2",
            "auth/user/?groups__user__password__startswith=pbkdf2",
            "auth/user/?groups__id__in=1",
            "staff/auditentry/?actor__password__startswith=pbkdf2",
            "staff/auditentry/?actor__id__gt=0",
            "payments/purchase/?payload__startswith=1",
            "payments/purchase/?status__regex=.",
        ],
    )
    def test_known_ways_to_a_secret_are_closed_with_a_sentence(
        self, owner: Client, query: str
    ) -> None:
        answer = owner.get(f"/admin/{query}", follow=True)

        assert answer.redirect_chain == [(f"/admin/{query.partition('?')[0]}", 302)]
        assert "This list cannot be filtered or searched like that" in answer.content.decode()

    def test_an_export_takes_no_other_filters_either(self, owner: Client) -> None:
        page = "/admin/game/question/export/"

        assert owner.get(page, {"category__startswith": "A"}).status_code == 400
        assert owner.get(page, {"category__exact": "ARTIKEL_SPRINT"}).status_code == 200

    def test_a_column_that_does_not_sort_does_not_sort(self, owner: Client) -> None:
        first, second = make_staff("Support"), make_staff("Finance")
        PlayerFactory.create(username="zoe")
        PlayerFactory.create(username="anna")

        for column in range(1, 7):
            page = owner.get(f"/admin/players/player/?o={column}").content.decode()
            assert page.index("@anna") < page.index("@zoe"), column
        page = owner.get("/admin/auth/user/?o=-1").content.decode()
        assert page.index(f"/user/{second.pk}/change/") < page.index(f"/user/{first.pk}/change/")

    def test_an_object_is_found_by_its_key_only(self, owner: Client) -> None:
        make_client("Shop")

        page = owner.get("/admin/api/apiclient/Shop/change/?_to_field=name")

        assert page.status_code == 400


class TestSecrets:
    @pytest.mark.parametrize("name", NAMES)
    def test_no_page_has_a_secret_among_its_fields(self, name: str) -> None:
        model, page = PAGES[NAMES.index(name)]
        request = RequestFactory().get("/")
        request.user = User.objects.create_superuser("owner")
        obj = model._base_manager.first() or model()

        fields = _fields(page, request, obj)

        assert {f"{name}.{field}" for field in fields} & SECRETS == set()
        # A new one would be called like one of these.
        suspicious = ("seed", "digest", "sha256", "token", "secret", "password", "payload", "hash")
        assert [
            field
            for field in fields
            if isinstance(field, str)
            and field in {one.name for one in model._meta.fields}
            and any(word in field for word in suspicious)
        ] == []


def _fields(page: "ModelAdmin[Any]", request: Any, obj: models.Model) -> list[Any]:
    return [
        *flatten_fieldsets(page.get_fieldsets(request, obj)),
        *page.get_list_display(request),
        *page.get_search_fields(request),
    ]


class TestRubbish:
    """No address that somebody types ends in an error of ours."""

    @pytest.fixture
    def rows(self) -> None:
        """Store one of most things, so that there is something to look at."""
        # In a new database the first of them is the player of the addresses above.
        _, invited = PlayerFactory.create_batch(2)
        player = Player.objects.filter(pk=1).first() or PlayerFactory.create(pk=1)
        QuestionFactory.create(pk=1)
        InboxUpdateFactory.create(update_id=1)
        OutgoingCallFactory.create(pk=1)
        make_campaign(pk=1)
        make_broadcast(pk=1)
        make_client()
        buy(player, "ENERGY_10")
        inviter = Inviter.objects.create(player=player, code="AAAAAAAAAA", created_at=NOON)
        Referral.objects.create(pk=1, inviter=inviter, invited=invited, started_at=NOON)
        Alert.objects.create(pk=1, kind="k", key="1", summary="Look.", first_at=NOON, last_at=NOON)

    def test_in_what_every_list_reads(self, client: Client, rows: None) -> None:
        queries = [{name: value} for name in OF_LISTS for value in RUBBISH]
        enter_for(client, Player)

        found = _errors(client, [f"/admin/players/player/?{urlencode(one)}" for one in queries])

        assert found == []

    @pytest.mark.parametrize("name", NAMES)
    def test_in_a_lists_search_and_filters(
        self, client: Client, rows: None, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        model, page = PAGES[NAMES.index(name)]
        monkeypatch.setattr(page, "change_list_template", LIST_ALONE)
        queries = [{lookup: value} for lookup in LOOKUPS[name] for value in RUBBISH]
        enter_for(client, model)

        assert _errors(client, [f"{list_of(model)}?{urlencode(one)}" for one in queries]) == []

    @pytest.mark.parametrize("name", NAMES)
    def test_in_the_address_of_an_object_or_of_another_page(
        self, owner: Client, rows: None, name: str
    ) -> None:
        model, page = PAGES[NAMES.index(name)]
        addresses = []
        for pattern in page.get_urls():
            if name not in ONE_OF_EACH_KEY and (pattern.name or "_").endswith(SHARED_PAGES):
                continue
            route = str(pattern.pattern)
            numbers = pattern.pattern.converters
            for value in RUBBISH:
                address = route
                for parameter, converter in numbers.items():
                    kind = type(converter).__name__.removesuffix("Converter").lower()
                    for placeholder in (f"<{kind}:{parameter}>", f"<{parameter}>"):
                        address = address.replace(placeholder, quote(value, safe=""))
                addresses.append(list_of(model) + address)

        assert _errors(owner, addresses) == []

    def test_in_the_query_of_another_page(self, owner: Client, rows: None) -> None:
        addresses = [
            f"/admin/{page}?{urlencode({name: value})}"
            for page, names in OF_PAGES.items()
            for name in names
            for value in RUBBISH
        ]
        # It wants to know which campaigns.
        assert [page for page in OF_PAGES if owner.get(f"/admin/{page}").status_code == 404] == [
            "promos/campaign/decide/pause/",
        ]

        assert _errors(owner, addresses) == []

    def test_in_the_search_over_everything(self, owner: Client, rows: None) -> None:
        for value in RUBBISH:
            for more in ({}, {"extended": "1"}):
                answer = owner.post("/admin/search/", {"s": value, **more})
                assert answer.status_code == 200, value[:20]

    def test_in_the_search_for_a_field(self, owner: Client, rows: None) -> None:
        right = {"app_label": "payments", "model_name": "purchase", "field_name": "player"}
        queries = [
            {**right, parameter: value}
            for parameter in (*right, "term", "page")
            for value in RUBBISH
        ]

        assert _errors(owner, [f"/admin/autocomplete/?{urlencode(one)}" for one in queries]) == []

    def test_in_the_address_of_a_page_of_the_site(self, owner: Client) -> None:
        addresses = [
            f"/admin/{route}{quote(value, safe='')}{end}"
            for route in ("", "auth/", "r/1/", "login/?next=", "jsi18n/?")
            for value in RUBBISH
            for end in ("", "/")
        ]

        assert _errors(owner, addresses) == []


def _errors(client: Client, addresses: Iterable[str]) -> list[str]:
    """Return the addresses that end in an error, each with what was wrong."""
    found = []
    for address in dict.fromkeys(addresses):
        answer = client.get(address)
        if answer.status_code >= 500:
            error = (getattr(answer, "exc_info", None) or (None, None))[1]
            found.append(f"{address[:120]}: {type(error).__name__} {error}"[:300])
    return found
