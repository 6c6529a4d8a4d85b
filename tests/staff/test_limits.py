"""How much each role may do without a second person, and who changes that."""

from datetime import UTC, datetime
from functools import partial

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, transaction
from django.test import Client
from pytest_django.fixtures import Settings

from economy import adjustments
from payments import approvals as refund_approvals
from quizarena.staff import approvals, limits, reasons
from quizarena.staff.errors import (
    BadReasonError,
    ChangedError,
    DependentError,
    LimitError,
    OwnRequestError,
    RefusedError,
)
from quizarena.staff.models import ApprovalRequest, AuditEntry, Limit, LimitChange
from tests.concurrency import meet_after, run_together
from tests.factories import PlayerFactory, make_staff
from tests.payments.steps import buy

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
LIST = "/admin/staff/limit/"


def set_limit(
    value: int,
    *,
    by: User,
    name: str = "refund-alone",
    role: str = "Support",
    reason: str = "Decided on Monday.",
) -> LimitChange | ApprovalRequest:
    """Set a limit, or ask a second person to."""
    return limits.change(name=name, role=role, value=value, reason=reason, staff=by, now=NOON)


def raise_limit(value: int, *, by: User, checker: User, name: str = "refund-alone") -> None:
    """Raise a limit by two people."""
    request = set_limit(value, by=by, name=name)
    assert isinstance(request, ApprovalRequest)
    approvals.approve(request_id=request.pk, checker=checker, now=NOON)


@pytest.fixture
def anna(db: None) -> User:
    """Return a member of Security."""
    return make_staff("Security", username="anna")


@pytest.fixture
def berta(db: None) -> User:
    """Return another one."""
    return make_staff("Security", username="berta")


@pytest.mark.django_db
class TestWhatHolds:
    def test_the_defaults_of_the_product(self) -> None:
        assert {name: limits.values(name) for name in sorted(limits.kinds)} == {
            "adjust-units": {"Support": 50, "Finance": 500, "Administrator": 5000},
            "broadcast-day": {"Operator": 10000, "Administrator": 10000},
            "campaign-day": {"Operator": 5000, "Administrator": 5000, "API clients": 5000},
            "grant-premium-days": {"Support": 30, "Finance": 365, "Administrator": 3660},
            "price-cut": {"Operator": 30, "Administrator": 30},
            "refund-alone": {
                "Support": 100,
                "Finance": 100,
                "Administrator": 100,
                "API clients": 100,
            },
            "refund-day": {
                "Support": 500,
                "Finance": 500,
                "Administrator": 500,
                "API clients": 500,
            },
        }

    def test_the_environment_gives_the_value_until_security_sets_one(
        self, settings: Settings, anna: User
    ) -> None:
        settings.REFUND_APPROVAL_STARS = 80

        assert limits.values("refund-alone")["Support"] == 80
        set_limit(60, by=anna)
        settings.REFUND_APPROVAL_STARS = 90
        assert limits.values("refund-alone")["Support"] == 60
        assert limits.values("refund-alone")["Finance"] == 90

    def test_who_has_several_roles_has_the_largest(self, anna: User) -> None:
        both, nobody = make_staff("Support"), make_staff("Editor")
        both.groups.add(make_staff("Finance").groups.get())

        assert limits.of("adjust-units", staff=both) == 500
        assert limits.of("adjust-units", staff=nobody) == 0
        assert limits.of("adjust-units", staff=None) == 50
        owner = User.objects.create_superuser("owner")
        assert limits.of("adjust-units", staff=owner) == 5000

    def test_a_lower_limit_of_refunds_holds_at_once(self, anna: User) -> None:
        purchase, staff = buy(PlayerFactory.create(), "PREMIUM_MONTH"), make_staff("Support")
        why = partial(
            refund_approvals.why_a_second_person, purchase=purchase, staff=staff, now=NOON
        )
        assert why() == ""

        set_limit(98, by=anna)

        assert why() == "it is more than 98 Stars"

    def test_a_lower_limit_of_adjustments_holds_at_once(self, anna: User) -> None:
        staff = make_staff("Support")

        set_limit(7, by=anna, name="adjust-units")

        assert adjustments.left_today(staff=staff, now=NOON).units == 7


@pytest.mark.django_db
class TestChanging:
    def test_one_person_lowers_a_limit(self, anna: User) -> None:
        changed = set_limit(50, by=anna, reason="  Too many mistakes. ")

        assert isinstance(changed, LimitChange)
        assert (changed.before, changed.after, changed.reason) == (100, 50, "Too many mistakes.")
        assert (changed.changed_by, changed.request) == (anna, None)
        assert limits.values("refund-alone")["Support"] == 50
        entry = AuditEntry.objects.get(action="limit.changed")
        assert entry.summary == "One refund, Support: 100 → 50 Stars. Too many mistakes."

    def test_two_people_raise_a_limit(self, anna: User, berta: User) -> None:
        request = set_limit(200, by=anna)

        assert isinstance(request, ApprovalRequest)
        assert str(request.subject_name) == "One refund, Support: 200 Stars"
        assert request.preview == [["One refund, Support", "100 Stars", "200 Stars"]]
        assert limits.values("refund-alone")["Support"] == 100
        with pytest.raises(OwnRequestError):
            approvals.approve(request_id=request.pk, checker=anna, now=NOON)
        approvals.approve(request_id=request.pk, checker=berta, now=NOON)
        assert limits.values("refund-alone")["Support"] == 200
        change = LimitChange.objects.get()
        assert (change.changed_by, change.request) == (anna, request)

    def test_whose_account_was_just_made_raises_nothing(self, anna: User, berta: User) -> None:
        request = set_limit(200, by=anna)
        assert isinstance(request, ApprovalRequest)
        berta.set_password("a new password of hers")
        berta.save()

        with pytest.raises(DependentError):
            approvals.approve(request_id=request.pk, checker=berta, now=NOON)

    def test_a_raise_is_of_the_limit_as_it_was_shown(self, anna: User, berta: User) -> None:
        request = set_limit(200, by=anna)
        assert isinstance(request, ApprovalRequest)
        set_limit(50, by=berta)

        with pytest.raises(ChangedError):
            approvals.approve(request_id=request.pk, checker=berta, now=NOON)

        assert limits.values("refund-alone")["Support"] == 50

    @pytest.mark.parametrize("value", [-1, 10_001, 100])
    def test_what_is_no_new_limit_is_refused(self, value: int, anna: User) -> None:
        with pytest.raises(LimitError):
            set_limit(value, by=anna)

    def test_roles_and_limits_that_are_not_declared_are_refused(self, anna: User) -> None:
        with pytest.raises(LimitError):
            set_limit(5, by=anna, role="Editor")
        with pytest.raises(LimitError):
            set_limit(5, by=anna, name="pocket-money")

    def test_a_reason_is_needed(self, anna: User) -> None:
        with pytest.raises(BadReasonError):
            set_limit(50, by=anna, reason=" ")

    def test_a_limit_comes_back_to_its_default_by_two_people(self, anna: User, berta: User) -> None:
        set_limit(50, by=anna)

        raise_limit(100, by=anna, checker=berta)

        assert [(one.before, one.after) for one in limits.history()] == [(50, 100), (100, 50)]

    def test_a_raise_that_is_not_possible_any_more_is_refused(
        self, anna: User, berta: User, settings: Settings
    ) -> None:
        request = set_limit(200, by=anna)
        assert isinstance(request, ApprovalRequest)
        settings.REFUND_APPROVAL_STARS = 300

        with pytest.raises(RefusedError, match="it is higher already"):
            approvals.approve(request_id=request.pk, checker=berta, now=NOON)


@pytest.mark.django_db
class TestDatabaseSaysNo:
    """Each rule again, by a road that does not pass through the services."""

    def refuse(self, match: str, *, before: int, after: int, by: User, **fields: object) -> None:
        limit, _ = Limit.objects.get_or_create(name="refund-alone", role="Support")
        with pytest.raises(DatabaseError, match=match), transaction.atomic():
            LimitChange.objects.create(
                limit=limit,
                before=before,
                after=after,
                changed_by=by,
                at=NOON,
                **{"reason": "Why not.", **fields},
            )

    def test_raise_without_a_request(self, anna: User) -> None:
        self.refuse("without the approval", before=100, after=200, by=anna)

    def test_raise_with_a_request_that_nobody_has_approved(self, anna: User) -> None:
        request = set_limit(200, by=anna)

        self.refuse("without the approval", before=100, after=200, by=anna, request=request)

    def test_raise_by_more_than_was_approved(self, anna: User, berta: User) -> None:
        raise_limit(200, by=anna, checker=berta)
        request = ApprovalRequest.objects.get()

        self.refuse("without the approval", before=200, after=201, by=anna, request=request)

    def test_approved_raise_applied_twice(self, anna: User, berta: User) -> None:
        raise_limit(200, by=anna, checker=berta)
        request = ApprovalRequest.objects.get()
        set_limit(50, by=anna)

        self.refuse("request_id", before=50, after=200, by=anna, request=request)

    def test_from_a_value_that_it_does_not_have(self, anna: User) -> None:
        set_limit(50, by=anna)

        self.refuse("a value that it does not have", before=60, after=40, by=anna)

    def test_over_its_bound(self, anna: User) -> None:
        self.refuse("limit_is_within_its_bounds", before=20_000, after=10_001, by=anna)

    def test_without_a_reason(self, anna: User) -> None:
        self.refuse("limitchange_has_reason", before=100, after=50, by=anna, reason="")

    def test_history_changed_or_deleted(self, anna: User) -> None:
        set_limit(50, by=anna)

        with pytest.raises(DatabaseError), transaction.atomic():
            LimitChange.objects.update(after=10)
        with pytest.raises(DatabaseError), transaction.atomic():
            LimitChange.objects.all().delete()

    def test_value_changed_without_history(self, anna: User) -> None:
        set_limit(50, by=anna)

        with pytest.raises(DatabaseError, match="without a record"), transaction.atomic():
            Limit.objects.update(value=90)
        with pytest.raises(DatabaseError), transaction.atomic():
            Limit.objects.create(name="refund-day", role="Support", value=90)
        with pytest.raises(DatabaseError), transaction.atomic():
            Limit.objects.all().delete()


@pytest.mark.django_db(transaction=True)
class TestTwoAtOnce:
    """Two members of Security lower the same limit to 50 at the same instant."""

    def lower_twice(self) -> list[str]:
        people = [make_staff("Security", username=name) for name in ("carla", "dora")]
        Limit.objects.get_or_create(name="refund-alone", role="Support")
        results = run_together(*(partial(set_limit, 50, by=person) for person in people))
        return sorted(type(result).__name__ for result in results)

    def test_the_second_one_is_shown_that_it_is_so_already(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        meet_after(monkeypatch, limits, "_lock")

        assert self.lower_twice() == ["LimitChange", "LimitError"]
        assert LimitChange.objects.count() == 1

    def test_without_the_lock_only_the_database_refuses(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the test above can fail: take the lock away, and it must."""
        monkeypatch.setattr(limits, "_lock", lambda pk: Limit.objects.get(pk=pk))
        # By then both have seen that the limit is not 50 yet.
        meet_after(monkeypatch, reasons, "normalise")

        assert "LimitError" not in self.lower_twice()


class TestPage:
    def test_security_lowers_a_limit_after_a_preview(self, client: Client, anna: User) -> None:
        client.force_login(anna)
        page = f"{LIST}set/refund-alone/Support/"
        typed = {"value": "50", "reason": "Too many mistakes."}

        shown = client.post(page, typed)
        assert "you alone, at once" in shown.content.decode()
        assert limits.values("refund-alone")["Support"] == 100
        answer = client.post(page, {**typed, "confirm": "1"}, follow=True)

        assert "One refund, Support: 50 Stars from now on." in answer.content.decode()
        assert "Too many mistakes." in answer.content.decode()

    def test_a_raise_waits_and_the_page_says_so(self, client: Client, anna: User) -> None:
        client.force_login(anna)
        page = f"{LIST}set/refund-alone/Support/"
        typed = {"value": "150", "reason": "Prices have risen.", "confirm": "1"}

        answer = client.post(page, typed, follow=True)

        words = answer.content.decode()
        assert "a second member of Security has to approve it" in words
        assert "Waits for approval" in words
        assert "asked by anna" in words

    def test_an_unknown_limit_has_no_page(self, client: Client, anna: User) -> None:
        client.force_login(anna)

        assert client.get(f"{LIST}set/pocket-money/Support/").status_code == 404
        assert client.get(f"{LIST}set/refund-alone/Editor/").status_code == 404
        assert client.get(f"{LIST}1/change/").url == LIST  # type: ignore[attr-defined]
