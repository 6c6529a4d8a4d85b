"""Templates: terms under a name, from which campaigns and broadcasts begin."""

from datetime import timedelta
from functools import partial

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError
from django.test import Client

from promos import campaign_templates
from quizarena.staff import draft_templates
from quizarena.staff.errors import TemplateNameError
from quizarena.staff.models import AuditEntry, DraftTemplate
from tests.bot.messages.broadcast_steps import make_broadcast
from tests.concurrency import run_together
from tests.factories import NOON, make_campaign, make_staff
from tests.promos.desk import page, submit

pytestmark = pytest.mark.django_db

LIST = "/admin/staff/drafttemplate/"
CAMPAIGNS = "/admin/promos/campaign/"
BROADCASTS = "/admin/bot/broadcast/"


@pytest.fixture
def operator() -> User:
    """Return who runs campaigns and broadcasts."""
    return make_staff("Operator")


@pytest.fixture
def desk(client: Client, operator: User) -> Client:
    """Return a browser in which the operator is signed in."""
    client.force_login(operator)
    return client


def saved(staff: User, name: str = "Weekend") -> DraftTemplate:
    """Return a template of a campaign that lasts a week."""
    campaign = make_campaign(
        name="Summer",
        kind="PERCENT_DISCOUNT",
        value=30,
        scope="PREMIUM_ANY",
        uses_max=77,
        for_language="de",
        tags=["schools"],
        starts_at=NOON,
        ends_at=NOON + timedelta(days=7),
    )
    return draft_templates.save(
        kind="campaign",
        name=name,
        terms=campaign_templates.terms_of(campaign),
        staff=staff,
        now=NOON,
    )


class TestVerbs:
    def test_it_is_saved_renamed_and_deleted_with_a_record(self, operator: User) -> None:
        template = saved(operator)
        draft_templates.rename(
            template_id=template.pk, name="  Long   weekend ", staff=operator, now=NOON
        )
        draft_templates.delete(template_id=template.pk, staff=operator)

        assert not DraftTemplate.objects.exists()
        entries = AuditEntry.objects.filter(action__startswith="template.").order_by("pk")
        assert [entry.summary for entry in entries] == [
            "Template Weekend: saved.",
            "Template Long weekend: renamed.",
            "Template Long weekend: deleted.",
        ]
        assert entries[2].details["terms"]["uses_max"] == 77

    def test_a_name_is_given_once_in_a_kind(self, operator: User) -> None:
        saved(operator)
        other = saved(operator, name="Other")

        with pytest.raises(TemplateNameError, match="There is a template “WEEKEND” already"):
            saved(operator, name="WEEKEND")
        with pytest.raises(TemplateNameError):
            draft_templates.rename(template_id=other.pk, name="weekend", staff=operator, now=NOON)
        with pytest.raises(TemplateNameError, match="needs a name"):
            saved(operator, name="  ")
        draft_templates.save(kind="broadcast", name="Weekend", terms={}, staff=operator, now=NOON)

    def test_what_is_gone_says_so(self, operator: User) -> None:
        template = saved(operator)
        draft_templates.delete(template_id=template.pk, staff=operator)

        with pytest.raises(TemplateNameError, match="has been deleted"):
            draft_templates.delete(template_id=template.pk, staff=operator)

    def test_the_database_refuses_a_second_one_of_the_name(self, operator: User) -> None:
        template = saved(operator)
        template.pk, template.name = None, "wEEKEND"

        with pytest.raises(IntegrityError, match="drafttemplate_name_is_unique"):
            template.save(force_insert=True)


@pytest.mark.django_db(transaction=True)
def test_of_two_that_save_a_name_at_once_one_is_refused(operator: User) -> None:
    save = partial(
        draft_templates.save, kind="campaign", name="Same", terms={}, staff=operator, now=NOON
    )

    results = run_together(save, save)

    assert sorted(type(result).__name__ for result in results) == [
        "DraftTemplate",
        "TemplateNameError",
    ]


class TestCampaigns:
    def test_from_a_campaign_to_a_new_one(self, desk: Client) -> None:
        campaign = make_campaign(
            name="Summer",
            kind="ENERGY_GRANT",
            value=25,
            scope="ANY",
            uses_max=77,
            tags=["schools"],
            starts_at=NOON,
            ends_at=NOON + timedelta(days=7),
        )
        assert "Save as template" in page(desk, f"{CAMPAIGNS}{campaign.pk}/change/")
        asked = page(desk, f"{CAMPAIGNS}{campaign.pk}/template/")
        assert "It says: 25 energy, for everybody, for 7 days." in asked

        shown = submit(
            desk, f"{CAMPAIGNS}{campaign.pk}/template/", {"name": "School week", "confirm": "1"}
        )

        assert "Saved as the template School week." in shown
        template = DraftTemplate.objects.get()
        form = desk.get(f"{CAMPAIGNS}add/", {"template": str(template.pk)}).context["form"]
        assert {name: form[name].value() for name in ("name", "kind", "energy", "uses_max")} == {
            "name": "School week",
            "kind": "ENERGY_GRANT",
            "energy": 25,
            "uses_max": 77,
        }
        assert form["tags"].value() == "schools"
        begin, end = form["starts_at"].value(), form["ends_at"].value()
        assert end - begin == timedelta(days=7)

    def test_a_holdout_is_kept_as_a_share(self, desk: Client, operator: User) -> None:
        terms = campaign_templates.terms_of(make_campaign(holdout_percent=10))
        template = draft_templates.save(
            kind="campaign", name="Measured", terms=terms, staff=operator, now=NOON
        )

        form = desk.get(f"{CAMPAIGNS}add/", {"template": str(template.pk)}).context["form"]

        assert form["holdout_percent"].value() == 10
        assert "but a holdout of 10%" in page(desk, LIST)
        assert "holdout_key" not in terms

    def test_one_without_an_end_begins_without_one(self, operator: User) -> None:
        terms = campaign_templates.terms_of(make_campaign(ends_at=None))

        assert campaign_templates.window_of(terms, starts_at=NOON) is None
        assert campaign_templates.in_words(terms).endswith("without an end")

    @pytest.mark.parametrize("given", ["", "x", "²", "0", "9" * 40])
    def test_a_template_that_is_none_fills_in_nothing(self, desk: Client, given: str) -> None:
        form = desk.get(f"{CAMPAIGNS}add/", {"template": given}).context["form"]

        assert form["name"].value() is None


class TestBroadcasts:
    def test_from_a_broadcast_to_a_new_one(self, desk: Client, operator: User) -> None:
        broadcast = make_broadcast(for_language="de", for_premium=False)

        shown = submit(
            desk, f"{BROADCASTS}{broadcast.pk}/template/", {"name": "Greeting", "confirm": "1"}
        )

        assert "Saved as the template Greeting." in shown
        template = DraftTemplate.objects.get(kind="broadcast")
        form = desk.get(f"{BROADCASTS}add/", {"template": str(template.pk)}).context["form"]
        assert (form["name"].value(), form["text_de"].value()) == ("Greeting", "<b>Hallo!</b>")
        assert 'value="False" selected' in str(form["for_premium"])
        assert form["for_language"].value() == "de"

    def test_a_template_of_something_else_fills_in_nothing(
        self, desk: Client, operator: User
    ) -> None:
        template = saved(operator)

        form = desk.get(f"{BROADCASTS}add/", {"template": str(template.pk)}).context["form"]

        assert not form["name"].value()


class TestDesk:
    def test_the_list_says_what_each_is(self, desk: Client, operator: User) -> None:
        saved(operator)

        shown = page(desk, LIST, {"kind": "campaign"})

        assert "Weekend Campaign 30% off every Premium plan, for language de, for 7 days" in shown
        assert "Weekend" not in page(desk, LIST, {"kind": "broadcast"})

    def test_one_begins_from_it_renames_and_deletes_it(self, desk: Client, operator: User) -> None:
        template = saved(operator)
        shown = desk.get(f"{LIST}{template.pk}/change/").content.decode()
        assert f'href="{CAMPAIGNS}add/?template={template.pk}"' in shown

        renamed = submit(desk, f"{LIST}{template.pk}/rename/", {"name": "Sunday", "confirm": "1"})
        assert "The template is called Sunday now." in renamed
        deleted = submit(desk, f"{LIST}{template.pk}/remove/", {"confirm": "1"})
        assert "The template Sunday is deleted." in deleted
        assert not DraftTemplate.objects.exists()

    @pytest.mark.parametrize("what", ["change", "rename", "remove"])
    def test_support_sees_none(self, client: Client, operator: User, what: str) -> None:
        template = saved(operator)
        client.force_login(make_staff("Support"))

        assert client.get(f"{LIST}{template.pk}/{what}/").status_code == 403
