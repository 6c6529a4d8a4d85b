"""Two accounts are two persons, and who has power over accounts has none over money."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from io import StringIO

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from quizarena.players.models import Player
from quizarena.staff import accounts, approvals, apps
from quizarena.staff.errors import DependentError
from quizarena.staff.models import AccountChange, ApprovalRequest, AuditEntry
from tests.concurrency import overlap
from tests.factories import PlayerFactory, make_staff
from tests.owner import as_owner

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
KIND = "suspend"


@pytest.fixture(autouse=True)
def _kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make an action known that Support and superusers approve."""
    monkeypatch.setattr(approvals, "kinds", {})
    approvals.register(
        kind=KIND,
        label="Suspend",
        permission="players.suspend_player",
        preview=_preview,
        perform=_perform,
    )


def _preview(*, request: ApprovalRequest, now: datetime) -> approvals.Rows:
    return [["Suspended", "no", "yes"]]


def _perform(*, request: ApprovalRequest, now: datetime) -> None:
    pass


@pytest.fixture(autouse=True)
def _quick_hashes(settings: Settings) -> None:
    """Hash passwords in no time: nobody attacks these."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def ask(maker: User) -> ApprovalRequest:
    """Ask for something at noon."""
    return approvals.ask(
        kind=KIND,
        subject=Player.objects.first() or PlayerFactory.create(),
        parameters={},
        reason="Cheats.",
        maker=maker,
        now=NOON,
    )


def approve(request: ApprovalRequest, checker: User) -> ApprovalRequest:
    """Approve it an hour later."""
    return approvals.approve(request_id=request.pk, checker=checker, now=NOON + HOUR)


def approve_by_sql(request: ApprovalRequest, checker: User) -> None:
    """Approve it by a road that does not pass through the services."""
    with transaction.atomic():
        ApprovalRequest.objects.filter(pk=request.pk).update(
            status="APPROVED", decided_by=checker, decided_at=NOON + HOUR
        )


def changes(user: User) -> list[tuple[str, str | None]]:
    """Return what was done to the account, and by whom."""
    rows = AccountChange.objects.filter(user=user).order_by("pk").select_related("actor")
    return [(row.change, row.actor.username if row.actor else None) for row in rows]


class TestTheDatabaseWritesItDown:
    def test_whatever_decides_who_somebody_is(self) -> None:
        olena, support = make_staff("Security"), Group.objects.get(name="Support")

        with accounts.changing(by=olena, now=NOON):
            anna = User.objects.create_user("anna")
            anna.groups.add(support)
            anna.set_password("x")
            anna.save()
            anna.is_active = False
            anna.save()
        User.objects.filter(pk=anna.pk).update(is_superuser=True)
        anna.groups.clear()
        anna.email = "anna@example.org"
        anna.save()

        assert changes(anna) == [
            ("MADE", "security"),
            ("ROLES", "security"),
            ("PASSWORD", "security"),
            ("ACCESS", "security"),
            ("ACCESS", None),
            ("ROLES", None),
            ("ACCESS", None),
        ]
        assert AccountChange.objects.filter(user=anna, at=NOON).count() == 4

    def test_what_a_block_said_ends_with_it(self) -> None:
        olena, berta = make_staff("Security"), make_staff("Security", username="berta")

        with accounts.changing(by=olena, now=NOON):
            with accounts.changing(by=berta, now=NOON):
                inner = User.objects.create_user("inner")
            outer = User.objects.create_user("outer")
        after = User.objects.create_user("after")

        assert [changes(user)[0][1] for user in (inner, outer, after)] == [
            "berta",
            "security",
            None,
        ]

    def test_a_login_that_renews_a_hash_is_ones_own_doing(
        self, client: Client, settings: Settings
    ) -> None:
        anna = make_staff("Support", password="right-horse")
        settings.PASSWORD_HASHERS = [
            f"{Pbkdf2.__module__}.{Pbkdf2.__qualname__}",
            "django.contrib.auth.hashers.MD5PasswordHasher",
        ]

        assert client.login(username="support", password="right-horse")

        assert changes(anna)[-1] == ("PASSWORD", "support")

    def test_ones_own_new_password_is_ones_own_doing(self, client: Client) -> None:
        anna = make_staff("Support", password="right-horse")
        client.force_login(anna)

        answer = client.post(
            "/admin/password_change/",
            {
                "old_password": "right-horse",
                "new_password1": "a-new-horse-24",
                "new_password2": "a-new-horse-24",
            },
        )

        assert answer.status_code == 302
        assert changes(anna)[-1] == ("PASSWORD", "support")

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE staff_accountchange SET actor_id = NULL",
            "DELETE FROM staff_accountchange",
            "TRUNCATE staff_accountchange",
        ],
    )
    @pytest.mark.usefixtures("owner")
    def test_it_is_for_ever(self, statement: str) -> None:
        make_staff("Support")
        connection.check_constraints()

        with (
            pytest.raises(DatabaseError, match=r"Cannot (update or delete|truncate)"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)

    def test_nobody_changes_their_own_access(self) -> None:
        olena = make_staff("Security")

        with (
            pytest.raises(IntegrityError, match="nobody_changes_their_own_access"),
            accounts.changing(by=olena, now=NOON),
        ):
            olena.groups.clear()

        assert olena.groups.count() == 1


class Pbkdf2(PBKDF2PasswordHasher):
    """Django's own, in no time."""

    iterations = 1


class TestWhoMayApprove:
    """Both roads: the service says why, and the database refuses."""

    def refuse(self, maker: User, checker: User, why: str) -> None:
        request = ask(maker)
        with pytest.raises(DependentError, match=why):
            approve(request, checker)
        with pytest.raises(DatabaseError, match="has to be a second person"):
            approve_by_sql(request, checker)
        request.refresh_from_db()
        assert request.status == "OPEN"

    def test_somebody_independent_may(self) -> None:
        request = ask(make_staff("Operator"))

        assert approve(request, make_staff("Support")).status == "APPROVED"

    @pytest.mark.parametrize("change", ["MADE", "ROLES", "PASSWORD", "ACCESS"])
    def test_who_asks_has_no_power_over_who_approves(self, change: str) -> None:
        maker = make_staff("Operator")
        checker = make_staff("Support", is_active=change != "ACCESS")
        with accounts.changing(by=maker, now=NOON - timedelta(days=400)):
            match change:
                case "MADE":
                    checker = User.objects.create_superuser("puppet")
                case "ROLES":
                    checker.groups.add(Group.objects.get(name="Finance"))
                case "PASSWORD":
                    checker.set_password("mine")
                    checker.save()
                case "ACCESS":
                    checker.is_active = True
                    checker.save()

        self.refuse(maker, checker, "one of them has made or changed the account of the other")

    def test_who_approves_has_no_power_over_who_asks(self) -> None:
        maker = make_staff("Operator")
        with accounts.changing(by=None, now=NOON - timedelta(days=400)):
            owner = User.objects.create_superuser("owner")
        with accounts.changing(by=owner, now=NOON - timedelta(days=400)):
            maker.set_password("mine")
            maker.save()

        self.refuse(maker, owner, "one of them has made or changed the account of the other")

    @pytest.mark.parametrize("changer", ["security", None])
    def test_whose_account_somebody_has_changed_waits_for_72_hours(
        self, changer: str | None
    ) -> None:
        by = make_staff("Security") if changer else None
        maker, checker = make_staff("Operator"), make_staff("Support")
        with accounts.changing(by=by, now=NOON + HOUR - timedelta(hours=71, minutes=59)):
            checker.set_password("mine")
            checker.save()

        self.refuse(maker, checker, "approves nothing for 72 hours; until 2 Mar 2026, 14:01")

    def test_after_72_hours_it_may(self) -> None:
        checker = make_staff("Support")
        with accounts.changing(by=None, now=NOON + HOUR - timedelta(hours=72)):
            checker.set_password("mine")
            checker.save()

        assert approve(ask(make_staff("Operator")), checker).status == "APPROVED"

    def test_a_new_superuser_waits_too(self) -> None:
        maker = make_staff("Operator")
        with accounts.changing(by=None, now=NOON):
            owner = User.objects.create_superuser("owner")

        self.refuse(maker, owner, "approves nothing for 72 hours")

    def test_ones_own_new_password_changes_nothing(self) -> None:
        checker = make_staff("Support")
        with accounts.changing(by=checker, now=NOON):
            checker.set_password("mine")
            checker.save()

        assert approve(ask(make_staff("Operator")), checker).status == "APPROVED"

    def test_the_page_says_why(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(timezone, "now", lambda: NOON + HOUR)
        request = ask(make_staff("Operator"))
        with accounts.changing(by=None, now=NOON):
            owner = User.objects.create_superuser("owner")
        client.force_login(owner)

        answer = client.get(f"/admin/staff/approvalrequest/{request.pk}/approve/", follow=True)

        assert "Refused: the account of owner was made or changed" in answer.content.decode()


class TestSecurityStandsAlone:
    @pytest.mark.parametrize(
        ("first", "second"), [("Security", "Finance"), ("Finance", "Security")]
    )
    def test_nobody_holds_security_and_another_role(self, first: str, second: str) -> None:
        user = make_staff(first)

        with pytest.raises(IntegrityError, match="Cannot hold Security"), transaction.atomic():
            user.groups.add(Group.objects.get(name=second))
        with pytest.raises(IntegrityError, match="Cannot hold Security"), transaction.atomic():
            user.groups.add(*Group.objects.all())

        assert [group.name for group in user.groups.all()] == [first]

    def test_one_goes_from_one_to_the_other(self) -> None:
        user = make_staff("Finance")

        user.groups.set([Group.objects.get(name="Security")])

        assert [group.name for group in user.groups.all()] == ["Security"]

    def test_the_form_says_so(self, client: Client) -> None:
        client.force_login(make_staff("Security"))
        finance = make_staff("Finance")

        answer = client.post(
            f"/admin/auth/user/{finance.pk}/change/",
            {
                "username": "finance",
                "is_active": "on",
                "groups": [Group.objects.get(name=name).pk for name in ("Finance", "Security")],
            },
        )

        assert "Security cannot be combined with other roles" in answer.content.decode()
        assert [group.name for group in finance.groups.all()] == ["Finance"]

    def test_it_has_no_right_to_money_promos_or_players(self) -> None:
        permissions = make_staff("Security").get_all_permissions()

        assert {name.partition(".")[0] for name in permissions} == {"auth", "api", "staff"}

    def test_nobody_changes_their_own_roles_at_the_desk(self, client: Client) -> None:
        olena = make_staff("Security")
        client.force_login(olena)
        finance = Group.objects.get(name="Finance")

        answer = client.post(
            f"/admin/auth/user/{olena.pk}/change/",
            {"username": "security", "email": "o@example.org", "groups": [finance.pk]},
        )

        assert answer.status_code == 302
        olena.refresh_from_db()
        assert (olena.email, olena.is_active) == ("o@example.org", True)
        assert [group.name for group in olena.groups.all()] == ["Security"]

    def test_what_the_desk_does_is_written_down_with_who_did_it(self, client: Client) -> None:
        client.force_login(make_staff("Security"))
        passwords = {"password1": "a-new-horse-24", "password2": "a-new-horse-24"}
        form = {"username": "berta", "usable_password": "true", **passwords}

        client.post("/admin/auth/user/add/", form)
        berta = User.objects.get(username="berta")
        client.post(
            f"/admin/auth/user/{berta.pk}/change/",
            {
                "username": "berta",
                "is_active": "on",
                "groups": [Group.objects.get(name="Finance").pk],
            },
        )
        client.post(
            f"/admin/auth/user/{berta.pk}/password/", {"usable_password": "true", **passwords}
        )

        assert changes(berta) == [
            ("MADE", "security"),
            ("ROLES", "security"),
            ("PASSWORD", "security"),
        ]

    def test_no_account_is_made_or_left_without_a_password(self, client: Client) -> None:
        client.force_login(make_staff("Security"))
        anna = make_staff("Support", password="right-horse")

        for address in ("add", f"{anna.pk}/password"):
            page = client.get(f"/admin/auth/user/{address}/").content.decode()
            assert "Password-based authentication" not in page
            assert "LDAP" not in page
        client.post(f"/admin/auth/user/{anna.pk}/password/", {"usable_password": "false"})

        anna.refresh_from_db()
        assert anna.has_usable_password()

    def test_the_page_of_an_account_shows_no_hash(self, client: Client) -> None:
        client.force_login(make_staff("Security"))
        anna = make_staff("Support", password="right-horse")

        page = client.get(f"/admin/auth/user/{anna.pk}/change/").content.decode()

        assert "Set another password" in page
        assert "salt" not in page
        assert "md5" not in page


@pytest.mark.django_db(transaction=True)
class TestConcurrency:
    def test_of_two_roles_given_at_once_one_is_refused(self) -> None:
        anna = User.objects.create_user("anna")

        first, second = overlap(partial(_give, anna, "Security"), partial(_give, anna, "Finance"))

        assert (first, type(second)) == (None, IntegrityError)
        assert [group.name for group in anna.groups.all()] == ["Security"]

    def test_without_the_lock_of_the_account_both_are_given(self) -> None:
        """Show that the test above can fail: take the lock away, and it must."""
        anna = User.objects.create_user("anna")

        with _without_the_lock_of_the_account():
            results = overlap(partial(_give, anna, "Security"), partial(_give, anna, "Finance"))

        assert results == [None, None]
        assert anna.groups.count() == 2


def _give(user: User, role: str) -> None:
    user.groups.add(Group.objects.get(name=role))


@contextmanager
def _without_the_lock_of_the_account() -> Iterator[None]:
    with as_owner() as cursor:
        cursor.execute("SELECT pg_get_functiondef('public.staff_security_stands_alone'::regproc)")
        (definition,) = cursor.fetchone()
        unlocked = re.sub(r"PERFORM .*? FOR NO KEY UPDATE;", "", definition)
        assert unlocked != definition
        cursor.execute(unlocked)
    try:
        yield
    finally:
        with as_owner() as cursor:
            cursor.execute(definition)


class TestTheFirstAccount:
    def run(self, name: str) -> tuple[str, str]:
        out = StringIO()
        call_command("security_account", name, stdout=out)
        username, password = out.getvalue().split()
        return username, password

    def test_it_is_made_on_the_command_line(self, client: Client, settings: Settings) -> None:
        settings.ENVIRONMENT = "production"

        name, password = self.run("olena")

        assert client.login(username=name, password=password)
        olena = User.objects.get(username="olena")
        assert [group.name for group in olena.groups.all()] == ["Security"]
        assert (olena.is_staff, olena.is_superuser) == (True, False)
        assert AuditEntry.objects.filter(action="user.security_given").count() == 1

    def test_a_second_time_it_gives_another_password(self, client: Client) -> None:
        _, first = self.run("olena")
        _, second = self.run("olena")

        assert not client.login(username="olena", password=first)
        assert client.login(username="olena", password=second)

    def test_who_has_another_role_keeps_it(self) -> None:
        make_staff("Finance", username="berta")

        with pytest.raises(CommandError, match=r"berta has the role Finance.*Choose another name"):
            self.run("berta")

    def test_a_migration_says_that_nobody_can_manage_accounts(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def warning() -> str:
            apps.warn_if_nobody_manages_accounts(verbosity=1, using="default")
            return capsys.readouterr().err

        make_staff("Administrator")
        assert warning() == (
            "No account can manage staff accounts yet: run `manage.py security_account NAME`.\n"
        )
        self.run("olena")
        assert warning() == ""
