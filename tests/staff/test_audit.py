"""The audit log: everything lands in it, and nothing leaves it."""

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction
from django.test import Client

from quizarena.staff import audit
from quizarena.staff.models import AuditEntry
from tests.factories import PlayerFactory, make_staff

pytestmark = pytest.mark.django_db


def test_an_entry_names_who_did_what_to_which_object() -> None:
    support = make_staff("Support")
    player = PlayerFactory.create(username="anna")

    audit.record(
        actor=support,
        action="player.suspended",
        obj=player,
        summary="Out.",
        details={"why": "spam"},
    )

    entry = AuditEntry.objects.get()
    assert entry.actor == support
    assert entry.action == "player.suspended"
    assert (entry.object_type, entry.object_id) == ("players.player", str(player.pk))
    assert entry.summary == "Out."
    assert entry.details == {"why": "spam"}


def test_a_summary_that_is_too_long_is_cut() -> None:
    entry = audit.record(actor=None, action="test", summary="x" * 600)

    assert len(entry.summary) == 500


@pytest.mark.usefixtures("owner")
class TestDatabaseSaysNo:
    """An entry is for ever, whatever road is taken."""

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE staff_auditentry SET summary = 'nothing happened'",
            "DELETE FROM staff_auditentry",
            "TRUNCATE staff_auditentry",
        ],
    )
    def test_entry_changed_or_removed_by_sql(self, statement: str) -> None:
        audit.record(actor=None, action="test", summary="It happened.")
        connection.check_constraints()  # Nothing is truncated while these are pending.

        with (
            pytest.raises(DatabaseError, match=r"Cannot (update or delete|truncate)"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)

        assert AuditEntry.objects.get().summary == "It happened."


class TestComingAndGoing:
    def test_a_login_is_recorded_with_the_address(self, client: Client) -> None:
        make_staff("Support", password="right-horse")

        client.post(
            "/admin/login/?next=/admin/", {"username": "support", "password": "right-horse"}
        )

        entry = AuditEntry.objects.get(action="user.logged_in")
        assert str(entry.actor) == "support"
        assert entry.details == {"address": "127.0.0.1"}

    def test_a_logout_is_recorded(self, client: Client) -> None:
        client.force_login(make_staff("Support"))

        client.post("/admin/logout/")

        assert str(AuditEntry.objects.get(action="user.logged_out").actor) == "support"


class TestUsers:
    def test_a_change_of_roles_is_recorded_with_old_and_new(self, client: Client) -> None:
        client.force_login(make_staff("Security"))
        support = make_staff("Support")
        roles = [group.pk for group in support.groups.model.objects.filter(name__in=["Finance"])]

        client.post(
            f"/admin/auth/user/{support.pk}/change/",
            {"username": "support", "is_active": "on", "groups": roles},
        )

        entry = AuditEntry.objects.get(action="user.changed")
        assert str(entry.actor) == "security"
        assert entry.details == {"changed": {"groups": [["Support"], ["Finance"]]}}

    def test_a_password_set_by_an_administrator_is_recorded_but_not_the_password(
        self, client: Client
    ) -> None:
        client.force_login(make_staff("Security"))
        support = make_staff("Support")

        client.post(
            f"/admin/auth/user/{support.pk}/password/",
            {
                "usable_password": "true",
                "password1": "a-new-horse-24",
                "password2": "a-new-horse-24",
            },
        )

        support.refresh_from_db()
        assert support.check_password("a-new-horse-24")
        entry = AuditEntry.objects.get(action="user.changed", object_id=str(support.pk))
        assert str(entry.actor) == "security"
        assert "a-new-horse-24" not in f"{entry.summary}{entry.details}"

    def test_the_validator_records_every_new_password(self) -> None:
        support = make_staff("Support")

        audit.PasswordChanges().password_changed("secret", support)

        entry = AuditEntry.objects.get(action="user.password_set")
        assert entry.object_id == str(support.pk)
        assert "secret" not in f"{entry.summary}{entry.details}"

    def test_a_new_user_is_staff_and_recorded(self, client: Client) -> None:
        client.force_login(make_staff("Security"))

        client.post(
            "/admin/auth/user/add/",
            {
                "username": "berta",
                "usable_password": "true",
                "password1": "a-new-horse-24",
                "password2": "a-new-horse-24",
            },
        )

        assert User.objects.get(username="berta").is_staff
        assert AuditEntry.objects.get(action="user.added").summary == "berta: added."


class TestDesk:
    def test_the_list_finds_everything_done_to_an_object(self, client: Client) -> None:
        client.force_login(make_staff("Administrator"))
        player = PlayerFactory.create(pk=4711)
        audit.record(actor=None, action="player.suspended", obj=player, summary="Out with 4711.")
        audit.record(
            actor=None, action="player.suspended", obj=PlayerFactory.create(), summary="Other."
        )

        page = client.get("/admin/staff/auditentry/?q=4711").content.decode()

        assert "Out with 4711." in page
        assert "Other." not in page

    def test_the_list_can_be_narrowed_to_an_action_and_an_actor(self, client: Client) -> None:
        administrator = make_staff("Administrator")
        client.force_login(administrator)
        audit.record(actor=administrator, action="player.suspended", summary="Mine.")
        audit.record(actor=administrator, action="player.readmitted", summary="Undone.")
        audit.record(actor=None, action="player.suspended", summary="Not mine.")

        page = client.get(
            f"/admin/staff/auditentry/?action=player.suspended&actor__id__exact={administrator.pk}"
        ).content.decode()

        assert "Mine." in page
        assert "Undone." not in page
        assert "Not mine." not in page

    def test_nobody_edits_the_log_not_even_a_superuser(self, admin_client: Client) -> None:
        entry = audit.record(actor=None, action="test", summary="It happened.")

        page = admin_client.get(f"/admin/staff/auditentry/{entry.pk}/change/").content.decode()

        assert "It happened." in page
        assert 'name="_save"' not in page
        assert admin_client.get("/admin/staff/auditentry/add/").status_code == 403
        assert admin_client.post(f"/admin/staff/auditentry/{entry.pk}/delete/").status_code == 403
