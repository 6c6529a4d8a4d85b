"""A second person: asked, looked at anew, decided once, and never by who asked."""

import html
import re
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from quizarena.players.models import Player
from quizarena.staff import approvals, outcomes
from quizarena.staff.errors import (
    BadReasonError,
    ChangedError,
    NotAllowedError,
    NotOpenError,
    OtherRequestOpenError,
    OwnRequestError,
    RefusedError,
)
from quizarena.staff.models import ApprovalRequest, AuditEntry
from tests.concurrency import meet_after, run_together
from tests.factories import PlayerFactory, make_staff
from tests.owner import as_owner

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)
LIST = "/admin/staff/approvalrequest/"


class NameTakenError(Exception):
    """Somebody else is called like that."""


@pytest.fixture(autouse=True)
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Make an action known that renames a player; return who has approved each one done."""
    approved_by: list[str] = []

    def preview(*, request: ApprovalRequest, now: datetime) -> approvals.Rows:
        player, wanted = Player.objects.get(pk=request.subject_id), request.parameters["name"]
        if Player.objects.filter(username=wanted).exists():
            raise NameTakenError(f"{wanted} is taken")
        return [["User name", player.username, wanted], ["Rounds played", 12, 12]]

    def perform(*, request: ApprovalRequest, now: datetime) -> None:
        approved_by.append(str(request.decided_by))
        Player.objects.filter(pk=request.subject_id).update(username=request.parameters["name"])
        if request.parameters["name"] == "nobody":
            raise NameTakenError("nobody is a name that the product keeps")

    monkeypatch.setattr(approvals, "kinds", {})
    approvals.register(
        kind="rename",
        label="Rename a player",
        permission="players.suspend_player",
        preview=preview,
        perform=perform,
        refusals=(NameTakenError,),
    )
    return approved_by


def ask(
    player: Player,
    *,
    maker: User,
    name: str = "berta",
    reason: str = "She asked for it.",
    now: datetime = NOON,
) -> ApprovalRequest:
    """Ask whether the player may be renamed."""
    return approvals.ask(
        kind="rename",
        subject=player,
        parameters={"name": name},
        reason=reason,
        maker=maker,
        now=now,
    )


def anna() -> Player:
    """Return a player called anna."""
    return PlayerFactory.create(username="anna")


def name_of(player: Player) -> str:
    """Return the name that is stored."""
    player.refresh_from_db()
    return str(player.username)


@pytest.mark.django_db
class TestAsking:
    def test_a_request_keeps_what_was_shown_and_why(self) -> None:
        player, maker = anna(), make_staff("Operator")

        request = ask(player, maker=maker, reason="  She asked for it. ")

        request.refresh_from_db()
        assert request.preview == [["User name", "anna", "berta"], ["Rounds played", "12", "12"]]
        assert request.parameters == {"name": "berta"}
        assert request.reason == "She asked for it."
        assert (request.subject_type, request.subject_id) == ("players.player", str(player.pk))
        assert request.expires_at == datetime(2026, 3, 5, 12, tzinfo=UTC)
        assert name_of(player) == "anna"
        entry = AuditEntry.objects.get(action="approval.asked")
        assert entry.actor == maker
        assert entry.summary == "Rename a player of @anna: asked. She asked for it."

    def test_asking_again_returns_the_open_request(self) -> None:
        player = anna()

        first = ask(player, maker=make_staff("Operator"))
        second = ask(player, maker=make_staff("Finance"), reason="Me too.", now=LATER)

        assert second == first
        assert second.maker.username == "operator"
        assert AuditEntry.objects.filter(action="approval.asked").count() == 1

    def test_what_waits_is_found_by_its_subjects_until_it_expires(self) -> None:
        player, other, maker = anna(), PlayerFactory.create(), make_staff("Operator")
        request = ask(player, maker=maker)

        def waiting(now: datetime) -> dict[str, ApprovalRequest]:
            return approvals.waiting_about([player, other], kind="rename", now=now)

        last = NOON + approvals.EXPIRES_AFTER
        assert waiting(last - timedelta(seconds=1)) == {str(player.pk): request}
        assert waiting(last) == {}
        assert approvals.waiting_about([player], kind=("else",), now=NOON) == {}
        assert approvals.waiting_about([], kind="rename", now=NOON) == {}

    def test_asking_for_something_else_meanwhile_is_refused(self) -> None:
        player, maker = anna(), make_staff("Operator")
        first = ask(player, maker=maker)

        with pytest.raises(OtherRequestOpenError) as refusal:
            ask(player, maker=maker, name="carla")

        assert refusal.value.request == first

    def test_another_subject_has_a_request_of_its_own(self) -> None:
        maker = make_staff("Operator")

        first = ask(PlayerFactory.create(), maker=maker)
        second = ask(PlayerFactory.create(), maker=maker)

        assert second != first

    def test_after_a_decision_it_can_be_asked_again(self) -> None:
        player, maker = anna(), make_staff("Operator")
        first = ask(player, maker=maker)
        approvals.withdraw(request_id=first.pk, maker=maker, now=NOON)

        second = ask(player, maker=maker, name="carla")

        assert second != first
        assert list(ApprovalRequest.objects.about(player)) == [second, first]

    def test_after_72_hours_it_can_be_asked_again(self) -> None:
        player, maker = anna(), make_staff("Operator")
        first = ask(player, maker=maker)

        second = ask(player, maker=maker, name="carla", now=NOON + timedelta(hours=72))

        assert second != first
        first.refresh_from_db()
        assert first.status == "EXPIRED"
        assert first.decided_by is None

    @pytest.mark.parametrize("reason", ["", "  ", "x" * 501])
    def test_a_reason_is_needed(self, reason: str) -> None:
        with pytest.raises(BadReasonError):
            ask(anna(), maker=make_staff("Operator"), reason=reason)

    def test_what_is_impossible_cannot_be_asked(self) -> None:
        PlayerFactory.create(username="berta")

        with pytest.raises(NameTakenError):
            ask(anna(), maker=make_staff("Operator"))

        assert not ApprovalRequest.objects.exists()


@pytest.mark.django_db
class TestDeciding:
    def test_another_one_approves_and_it_is_done(self, done: list[str]) -> None:
        player, checker = anna(), make_staff("Support")
        request = ask(player, maker=make_staff("Operator"))

        approvals.approve(request_id=request.pk, checker=checker, now=LATER)

        request.refresh_from_db()
        assert (request.status, request.decided_by, request.decided_at) == (
            "APPROVED",
            checker,
            LATER,
        )
        assert name_of(player) == "berta"
        assert done == ["support"]
        entry = AuditEntry.objects.get(action="approval.approved")
        assert entry.actor == checker
        assert entry.details["parameters"] == {"name": "berta"}

    def test_the_maker_is_never_the_checker(self, done: list[str]) -> None:
        support = make_staff("Support")
        request = ask(anna(), maker=support)

        with pytest.raises(OwnRequestError):
            approvals.approve(request_id=request.pk, checker=support, now=LATER)
        with pytest.raises(OwnRequestError):
            approvals.decline(request_id=request.pk, checker=support, reason="No.", now=LATER)

        assert done == []

    def test_a_superuser_who_asked_is_not_the_checker_either(self) -> None:
        owner = User.objects.create_superuser("owner")
        request = ask(anna(), maker=owner)

        with pytest.raises(OwnRequestError):
            approvals.approve(request_id=request.pk, checker=owner, now=LATER)

    def test_only_who_has_the_permission_of_the_kind_decides(self) -> None:
        request, finance = ask(anna(), maker=make_staff("Operator")), make_staff("Finance")

        with pytest.raises(NotAllowedError):
            approvals.approve(request_id=request.pk, checker=finance, now=LATER)
        with pytest.raises(NotAllowedError):
            approvals.decline(request_id=request.pk, checker=finance, reason="No.", now=LATER)

    def test_who_has_left_decides_nothing(self) -> None:
        request = ask(anna(), maker=make_staff("Operator"))
        checker = make_staff("Support", is_active=False)

        with pytest.raises(NotAllowedError):
            approvals.approve(request_id=request.pk, checker=checker, now=LATER)

    def test_a_minute_before_72_hours_it_can_be_approved(self) -> None:
        request = ask(anna(), maker=make_staff("Operator"))
        last_minute = NOON + timedelta(hours=71, minutes=59)

        approvals.approve(request_id=request.pk, checker=make_staff("Support"), now=last_minute)

    def test_after_72_hours_nobody_decides_any_more(self, done: list[str]) -> None:
        maker, checker = make_staff("Operator"), make_staff("Support")
        request = ask(anna(), maker=maker)
        too_late = NOON + timedelta(hours=72)

        with pytest.raises(NotOpenError, match="it is expired"):
            approvals.approve(request_id=request.pk, checker=checker, now=too_late)
        with pytest.raises(NotOpenError):
            approvals.decline(request_id=request.pk, checker=checker, reason="No.", now=too_late)
        with pytest.raises(NotOpenError):
            approvals.withdraw(request_id=request.pk, maker=maker, now=too_late)

        assert done == []

    def test_what_has_changed_since_is_refused_with_the_preview_of_now(
        self, done: list[str]
    ) -> None:
        player = anna()
        request = ask(player, maker=make_staff("Operator"))
        Player.objects.update(username="antonia")

        with pytest.raises(ChangedError) as refusal:
            approvals.approve(request_id=request.pk, checker=make_staff("Support"), now=LATER)

        assert refusal.value.preview == [
            ["User name", "antonia", "berta"],
            ["Rounds played", "12", "12"],
        ]
        request.refresh_from_db()
        assert request.status == "OPEN"
        assert done == []

    def test_what_the_preview_refuses_stays_open_and_says_why(self) -> None:
        request = ask(anna(), maker=make_staff("Operator"))
        PlayerFactory.create(username="berta")

        with pytest.raises(RefusedError, match="berta is taken"):
            approvals.approve(request_id=request.pk, checker=make_staff("Support"), now=LATER)

        request.refresh_from_db()
        assert request.status == "OPEN"

    def test_what_the_action_refuses_stays_open_and_leaves_nothing(self) -> None:
        player = anna()
        request = ask(player, maker=make_staff("Operator"), name="nobody")

        with pytest.raises(RefusedError, match="the product keeps"):
            approvals.approve(request_id=request.pk, checker=make_staff("Support"), now=LATER)

        request.refresh_from_db()
        assert request.status == "OPEN"
        assert name_of(player) == "anna"
        assert not AuditEntry.objects.filter(action="approval.approved").exists()

    def test_declined_with_a_reason_nothing_is_done(self, done: list[str]) -> None:
        checker = make_staff("Support")
        request = ask(anna(), maker=make_staff("Operator"))

        with pytest.raises(BadReasonError):
            approvals.decline(request_id=request.pk, checker=checker, reason=" ", now=LATER)
        approvals.decline(request_id=request.pk, checker=checker, reason="Too late.", now=LATER)

        request.refresh_from_db()
        assert (request.status, request.decision_reason) == ("DECLINED", "Too late.")
        assert done == []
        entry = AuditEntry.objects.get(action="approval.declined")
        assert entry.summary == "Rename a player of @anna: declined. Too late."

    def test_what_is_decided_stays_decided(self, done: list[str]) -> None:
        maker, checker = make_staff("Operator"), make_staff("Support")
        request = ask(anna(), maker=maker)
        approvals.decline(request_id=request.pk, checker=checker, reason="No.", now=LATER)

        with pytest.raises(NotOpenError, match="it is declined by support"):
            approvals.approve(request_id=request.pk, checker=checker, now=LATER)
        with pytest.raises(NotOpenError):
            approvals.withdraw(request_id=request.pk, maker=maker, now=LATER)

        assert done == []

    def test_only_the_maker_withdraws(self) -> None:
        maker = make_staff("Operator")
        request = ask(anna(), maker=maker)

        with pytest.raises(NotAllowedError, match="only operator can withdraw it"):
            approvals.withdraw(request_id=request.pk, maker=make_staff("Support"), now=LATER)
        approvals.withdraw(request_id=request.pk, maker=maker, now=LATER)

        request.refresh_from_db()
        assert (request.status, request.decided_by) == ("WITHDRAWN", maker)

    def test_what_no_app_knows_any_more_can_only_be_withdrawn(self) -> None:
        maker = make_staff("Operator")
        request = ask(anna(), maker=maker)
        approvals.kinds.clear()

        with pytest.raises(NotAllowedError):
            approvals.approve(request_id=request.pk, checker=make_staff("Support"), now=LATER)
        approvals.withdraw(request_id=request.pk, maker=maker, now=LATER)

    def test_statements(self, django_assert_num_queries: Any) -> None:
        player, maker, checker = anna(), make_staff("Operator"), make_staff("Support")
        checker.has_perm("players.suspend_player")  # Who decides is known by then.

        # Savepoint; lock; two of the preview; insert in a savepoint; audit entry; release.
        with django_assert_num_queries(9):
            request = ask(player, maker=maker)
        # Savepoint; lock; two about the accounts; two of the preview; update; audit entry; the
        # action itself; release.
        with django_assert_num_queries(11):
            approvals.approve(request_id=request.pk, checker=checker, now=LATER)


DECIDED = "decided_at = asked_at + interval '1 hour'"


@pytest.mark.django_db
class TestDatabaseSaysNo:
    """Each rule again, by a road that does not pass through the functions."""

    @pytest.mark.parametrize(
        ("change", "rule"),
        [
            (f"status = 'APPROVED', decided_by_id = maker_id, {DECIDED}", "never_checker"),
            (
                "status = 'DECLINED', decision_reason = 'No.', decided_by_id = maker_id, "
                + DECIDED,
                "never_checker",
            ),
            (f"status = 'APPROVED', {DECIDED}", "tells_when_and_who"),
            ("status = 'APPROVED', decided_by_id = %(checker)s", "tells_when_and_who"),
            ("decided_by_id = %(checker)s", "tells_when_and_who"),
            ("decision_reason = 'Well'", "tells_when_and_who"),
            (DECIDED, "tells_when_and_who"),
            (
                f"status = 'WITHDRAWN', decided_by_id = %(checker)s, {DECIDED}",
                "withdrawn_by_its_maker",
            ),
            (
                f"status = 'DECLINED', decided_by_id = %(checker)s, {DECIDED}",
                "declined_has_reason",
            ),
            (
                "status = 'APPROVED', decided_by_id = %(checker)s, decided_at = expires_at",
                "decided_in_time",
            ),
            (f"status = 'EXPIRED', {DECIDED}", "decided_in_time"),
            (
                "status = 'EXPIRED', decided_by_id = %(checker)s, decided_at = expires_at",
                "tells_when_and_who",
            ),
            ("status = 'DONE'", "Invalid transition"),
            ("kind = 'refund'", "Cannot update"),
            ("subject_id = '0'", "Cannot update"),
            ("parameters = '{}'", "Cannot update"),
            ("preview = '[]'", "Cannot update"),
            ("reason = 'Other.'", "Cannot update"),
            ("maker_id = %(checker)s", "Cannot update"),
            ("asked_at = now()", "Cannot update"),
            ("expires_at = now()", "Cannot update"),
        ],
    )
    def test_an_open_request_is_changed_by_sql(self, change: str, rule: str) -> None:
        ask(anna(), maker=make_staff("Operator"))
        checker = make_staff("Support")

        with (
            pytest.raises(DatabaseError, match=rule),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(
                f"UPDATE staff_approvalrequest SET {change}",  # noqa: S608 - Our own literals.
                {"checker": checker.pk},
            )

    @pytest.mark.parametrize("change", ["status = 'OPEN'", "decision_reason = 'Well'"])
    def test_a_decided_request_is_changed_by_sql(self, change: str) -> None:
        maker = make_staff("Operator")
        request = ask(anna(), maker=maker)
        approvals.withdraw(request_id=request.pk, maker=maker, now=LATER)

        with (
            pytest.raises(DatabaseError, match=r"Cannot update|Invalid transition"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(f"UPDATE staff_approvalrequest SET {change}")  # noqa: S608

    @pytest.mark.parametrize(
        ("statement", "refusal"),
        [
            ("DELETE FROM staff_approvalrequest", "Cannot delete"),
            ("TRUNCATE staff_approvalrequest CASCADE", "Cannot truncate"),
        ],
    )
    @pytest.mark.usefixtures("owner")
    def test_a_request_is_removed_by_sql(self, statement: str, refusal: str) -> None:
        ask(anna(), maker=make_staff("Operator"))
        connection.check_constraints()  # Nothing is truncated while these are pending.

        with (
            pytest.raises(DatabaseError, match=refusal),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)

    @pytest.mark.parametrize(
        ("fields", "rule"),
        [
            ({}, "one_open_per_subject"),
            ({"subject_id": "0", "reason": ""}, "has_reason"),
            ({"subject_id": "0", "expires_at": NOON}, "expires_later"),
            ({"subject_id": "0", "status": "APPROVED"}, "Cannot insert"),
            ({"subject_id": "0", "status": "DONE"}, "Cannot insert"),
        ],
    )
    def test_a_request_is_inserted(self, fields: dict[str, Any], rule: str) -> None:
        maker = make_staff("Operator")
        request = ask(anna(), maker=maker)
        values = {
            "kind": "rename",
            "subject_type": "players.player",
            "subject_id": request.subject_id,
            "subject_name": "@anna",
            "preview": [],
            "reason": "Why not.",
            "maker": maker,
            "asked_at": NOON,
            "expires_at": LATER,
        }

        with pytest.raises(DatabaseError, match=rule), transaction.atomic():
            ApprovalRequest(**{**values, **fields}).save(force_insert=True)


@pytest.mark.django_db
class TestIndexes:
    """Thousands of decisions of the past cost nothing."""

    @pytest.fixture(autouse=True)
    def _a_long_past(self) -> None:
        with as_owner() as cursor:
            cursor.execute(
                """
                INSERT INTO staff_approvalrequest (
                  kind, subject_type, subject_id, subject_name, parameters, preview, reason,
                  maker_id, asked_at, expires_at, status, decision_reason
                )
                SELECT 'rename', 'players.player', number, '', '{}', '[]', 'Why not.',
                       %s, now() - number * interval '1 h', now() + (72 - number) * interval '1 h',
                       'OPEN', ''
                FROM generate_series(1, 5000) AS number
                """,
                [make_staff("Operator").pk],
            )
            cursor.execute(
                "UPDATE staff_approvalrequest SET status = 'EXPIRED', decided_at = expires_at "
                "WHERE expires_at < now()"
            )
            cursor.execute("ANALYZE staff_approvalrequest")

    def test_the_number_beside_the_page_reads_its_index(self) -> None:
        query = ApprovalRequest.objects.waiting(timezone.now()).values_list("pk", flat=True)

        assert "approval_waiting" in query[:100].explain()

    def test_the_list_is_sorted_by_its_index(self, client: Client) -> None:
        client.force_login(make_staff("Support"))
        with CaptureQueriesContext(connection) as queries:
            client.get(LIST)
        [page] = [query["sql"] for query in queries if "COALESCE" in query["sql"]]

        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN {page}")
            plan = "\n".join(line for (line,) in cursor.fetchall())

        assert "approval_by_end" in plan
        assert "Sort " not in plan


@pytest.mark.django_db(transaction=True)
class TestConcurrency:
    def test_two_checkers_do_it_once(
        self, monkeypatch: pytest.MonkeyPatch, done: list[str]
    ) -> None:
        request = ask(anna(), maker=make_staff("Operator"))
        checkers = [make_staff("Support"), make_staff("Administrator")]
        meet_after(monkeypatch, approvals, "_lock")

        results = run_together(
            *(
                partial(approvals.approve, request_id=request.pk, checker=checker, now=LATER)
                for checker in checkers
            )
        )

        assert sorted(type(result).__name__ for result in results) == [
            "ApprovalRequest",
            "NotOpenError",
        ]
        assert len(done) == 1
        refusal = next(result for result in results if isinstance(result, NotOpenError))
        assert str(refusal) == f"it is approved by {done[0]}"

    def test_approve_and_withdraw_decide_once(
        self, monkeypatch: pytest.MonkeyPatch, done: list[str]
    ) -> None:
        maker, checker, player = make_staff("Operator"), make_staff("Support"), anna()
        request = ask(player, maker=maker)
        meet_after(monkeypatch, approvals, "_lock")

        results = run_together(
            partial(approvals.approve, request_id=request.pk, checker=checker, now=LATER),
            partial(approvals.withdraw, request_id=request.pk, maker=maker, now=LATER),
        )

        assert sorted(type(result).__name__ for result in results) == [
            "ApprovalRequest",
            "NotOpenError",
        ]
        request.refresh_from_db()
        was_approved = request.status == "APPROVED"
        assert (name_of(player) == "berta") == was_approved
        assert len(done) == was_approved

    def test_without_the_lock_only_the_database_stops_the_second_one(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the tests above can fail: take the lock away, and they must."""
        request = ask(anna(), maker=make_staff("Operator"))
        checkers = [make_staff("Support"), make_staff("Administrator")]
        monkeypatch.setattr(approvals, "_lock", lambda pk: ApprovalRequest.objects.get(pk=pk))
        meet_after(monkeypatch, approvals, "preview")

        results = run_together(
            *(
                partial(approvals.approve, request_id=request.pk, checker=checker, now=LATER)
                for checker in checkers
            )
        )

        assert sorted(type(result).__name__ for result in results) == [
            "ApprovalRequest",
            "ProgrammingError",
        ]

    def test_without_lock_and_trigger_it_is_done_twice(
        self, monkeypatch: pytest.MonkeyPatch, done: list[str]
    ) -> None:
        """Show what the two of them keep from happening."""
        request = ask(anna(), maker=make_staff("Operator"))
        checkers = [make_staff("Support"), make_staff("Administrator")]
        monkeypatch.setattr(approvals, "_lock", lambda pk: ApprovalRequest.objects.get(pk=pk))
        meet_after(monkeypatch, approvals, "preview")

        with as_owner() as cursor:
            cursor.execute("ALTER TABLE staff_approvalrequest DISABLE TRIGGER USER")
        try:
            run_together(
                *(
                    partial(approvals.approve, request_id=request.pk, checker=checker, now=LATER)
                    for checker in checkers
                )
            )
        finally:
            with as_owner() as cursor:
                cursor.execute("ALTER TABLE staff_approvalrequest ENABLE TRIGGER USER")

        assert len(done) == 2

    def test_two_who_ask_at_once_get_the_same_request(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        player, makers = anna(), [make_staff("Operator"), make_staff("Finance")]
        meet_after(monkeypatch, approvals, "_lock_open_like")

        first, second = run_together(*(partial(ask, player, maker=maker) for maker in makers))

        assert first == second
        assert ApprovalRequest.objects.count() == 1
        assert AuditEntry.objects.filter(action="approval.asked").count() == 1

    def test_without_a_second_look_one_of_the_two_gets_an_error(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that both have really asked before either was stored."""
        player, makers = anna(), [make_staff("Operator"), make_staff("Finance")]
        monkeypatch.setattr(approvals, "_lock_open_like", lambda _: None)
        meet_after(monkeypatch, approvals, "_lock_open_like")

        results = run_together(*(partial(ask, player, maker=maker) for maker in makers))

        assert sorted(type(result).__name__ for result in results) == [
            "ApprovalRequest",
            IntegrityError.__name__,
        ]


def read(client: Client, address: str) -> str:
    """Return what a page says, tags aside."""
    answer = client.get(address, follow=True)
    assert answer.status_code == 200
    return text(answer.content)


def text(content: bytes) -> str:
    """Return the words of a page."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", content.decode())).split())


@pytest.mark.django_db
class TestDesk:
    def asked(self, **fields: Any) -> ApprovalRequest:
        """Return a request of now, by the operator."""
        maker = fields.pop("maker", None) or make_staff("Operator")
        return ask(anna(), maker=maker, **{"now": timezone.now(), **fields})

    def test_the_list_shows_what_is_open_first(self, client: Client) -> None:
        maker, now = make_staff("Operator"), timezone.now()
        names = ("open", "withdrawn", "expired")
        asked = {
            name: ask(
                PlayerFactory.create(username=name),
                maker=maker,
                name=f"new_{name}",
                now=now - timedelta(hours=80 if name == "expired" else 0),
            )
            for name in names
        }
        approvals.withdraw(request_id=asked["withdrawn"].pk, maker=maker, now=timezone.now())
        client.force_login(make_staff("Support"))

        page = read(client, LIST)

        places = [page.index(f"Rename a player: @{name}") for name in names]
        assert places == sorted(places)
        assert "She asked for it." in page
        assert "in 2 days" in page

    def test_the_sidebar_shows_how_many_are_open(self, client: Client) -> None:
        self.asked()
        client.force_login(make_staff("Support"))

        assert "Approvals 1" in read(client, "/admin/")

    def test_who_may_decide_is_offered_to(self, client: Client) -> None:
        request = self.asked()
        address = f"{LIST}{request.pk}/change/"

        client.force_login(User.objects.get(username="operator"))
        own = read(client, address)
        client.force_login(make_staff("Finance"))
        without = read(client, address)
        client.force_login(make_staff("Support"))
        checking = read(client, address)

        assert ("Withdraw" in own, "Approve " in own) == (True, False)
        assert "Withdraw" not in without
        assert "Decline" not in without
        assert "Withdraw" not in checking
        assert "Approve Decline" in checking

    def test_approving_shows_it_once_more_and_does_it(self, client: Client) -> None:
        request = self.asked()
        client.force_login(make_staff("Support"))

        shown = read(client, f"{LIST}{request.pk}/approve/")
        answer = client.post(f"{LIST}{request.pk}/approve/", {"confirm": "1"}, follow=True)

        assert "User name anna berta" in shown
        assert "Requested by operator: She asked for it." in shown
        assert "Approved: Rename a player: @anna." in text(answer.content)
        assert Player.objects.get().username == "berta"

    def test_an_own_request_cannot_be_approved_by_its_address_either(self, client: Client) -> None:
        support = make_staff("Support")
        request = self.asked(maker=support)
        client.force_login(support)

        shown = read(client, f"{LIST}{request.pk}/approve/")
        answer = client.post(f"{LIST}{request.pk}/approve/", {"confirm": "1"}, follow=True)

        assert "Refused: you cannot decide on your own request." in shown
        assert "Refused: you cannot decide on your own request." in text(answer.content)
        assert Player.objects.get().username == "anna"

    def test_what_has_changed_stands_beside_what_was_asked_for(self, client: Client) -> None:
        request = self.asked()
        Player.objects.update(username="antonia")
        client.force_login(make_staff("Support"))

        page = client.get(f"{LIST}{request.pk}/change/").content.decode()
        refused = client.post(f"{LIST}{request.pk}/approve/", {"confirm": "1"}, follow=True)

        assert "<del>anna</del>" in page
        assert "<ins>antonia</ins>" in page
        assert "<ins>12</ins>" not in page
        assert "cannot be approved" in page
        assert "its effect has changed since it was requested" in text(refused.content)
        assert Player.objects.get().username == "antonia"

    def test_what_has_become_impossible_says_why(self, client: Client) -> None:
        request = self.asked()
        PlayerFactory.create(username="berta")
        client.force_login(make_staff("Support"))

        page = read(client, f"{LIST}{request.pk}/change/")
        refused = client.post(f"{LIST}{request.pk}/approve/", {"confirm": "1"}, follow=True)

        assert "It would be refused now: berta is taken." in page
        assert "Refused: berta is taken." in text(refused.content)

    def test_whoever_asked_is_notified_that_it_cannot_be_approved(self, client: Client) -> None:
        request = self.asked()
        PlayerFactory.create(username="berta")
        client.force_login(make_staff("Support", username="checker"))

        # There is nothing to confirm: one is back at the request at once.
        shown = [read(client, f"{LIST}{request.pk}/approve/") for _ in range(2)]

        assert ["Refused: berta is taken." in words for words in shown] == [True, True]
        assert [(one.outcome, one.text) for one in outcomes.of(request.maker)] == [
            ("FAILED", "checker wanted to approve it, but berta is taken.")
        ]

    def test_declining_takes_a_reason(self, client: Client) -> None:
        request = self.asked()
        client.force_login(make_staff("Support"))
        address = f"{LIST}{request.pk}/decline/"

        without = client.post(address, {"confirm": "1", "reason": " "}, follow=True)
        answer = client.post(address, {"confirm": "1", "reason": "No proof."}, follow=True)
        again = client.post(address, {"confirm": "1", "reason": "No proof."}, follow=True)

        assert "This field is required." in text(without.content)
        assert "Declined: Rename a player: @anna." in text(answer.content)
        assert "No proof." in text(answer.content)
        assert "Refused: it is declined by support." in text(again.content)

    def test_the_maker_withdraws(self, client: Client) -> None:
        request = self.asked()
        client.force_login(request.maker)

        shown = read(client, f"{LIST}{request.pk}/withdraw/")
        answer = client.post(f"{LIST}{request.pk}/withdraw/", {"confirm": "1"}, follow=True)

        assert "the request can be made again" in shown
        assert "Withdrawn: Rename a player: @anna." in text(answer.content)

    def test_a_request_that_no_app_knows_any_more_still_has_its_page(self, client: Client) -> None:
        request = self.asked()
        approvals.kinds.clear()
        client.force_login(make_staff("Support"))

        page = read(client, f"{LIST}{request.pk}/change/")

        assert "rename: @anna" in page
        assert "User name anna berta" in page

    @pytest.mark.parametrize("page", ["approve", "decline", "withdraw"])
    def test_an_editor_has_no_part_in_it(self, client: Client, page: str) -> None:
        request = self.asked()
        client.force_login(make_staff("Editor"))

        assert client.get(f"{LIST}{request.pk}/{page}/").status_code == 403
        assert client.post(f"{LIST}{request.pk}/{page}/", {"confirm": "1"}).status_code == 403
