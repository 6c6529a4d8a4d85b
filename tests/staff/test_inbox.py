"""The staff inbox: what waits, for whom, whose it is, and what becomes of it."""

import html
import re
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bot.queue.models import InboxUpdate
from promos import campaigns
from promos.models import Campaign
from quizarena.game import reports
from quizarena.game.models import QuestionReport
from quizarena.staff import inbox
from quizarena.staff.alert_models import AlertDelivery
from quizarena.staff.errors import ClaimedError, NotClaimedError, NotWaitingError
from quizarena.staff.models import Alert, ApprovalRequest, AuditEntry, InboxClaim
from quizarena.staff.tasks import watch_inbox
from tests.concurrency import meet_after, run_together, take_row_locks_away
from tests.factories import InboxUpdateFactory, PlayerFactory, QuestionFactory, make_staff
from tests.staff.waiting import DAY, HOUR, one_of_everything, raise_alert

ADDRESS = "/admin/inbox/"
UPDATE = f"{ADDRESS}dead-updates/4711/"


def read(client: Client, address: str = ADDRESS) -> str:
    """Return what a page says, tags aside."""
    answer = client.get(address)
    assert answer.status_code == 200, address
    words = re.sub(r"<[^>]+>", " ", answer.content.decode())
    return " ".join(html.unescape(words).split())


def waiting(user: User, **options: Any) -> list[str]:
    """Return what waits for the user: of which source, and which."""
    found = inbox.items(user=user, now=timezone.now(), **options)
    return sorted(f"{item.source.name}: {item.what}" for item in found)


def dead_update(**fields: Any) -> InboxUpdate:
    """Let an update wait for staff since an hour ago."""
    fields = {"update_id": 4711, "received_at": timezone.now() - HOUR, **fields}
    made: InboxUpdate = InboxUpdateFactory.create(dead=True, **fields)
    return made


def failed_delivery(alert: Alert, *, at: datetime) -> AlertDelivery:
    """Let an alert not get through to Slack."""
    AlertDelivery.objects.filter(alert=alert).delete()
    return AlertDelivery.objects.create(
        alert=alert,
        channel="SLACK",
        event="RAISED",
        severity="WARNING",
        state="FAILED",
        created_at=at,
        next_at=at,
        finished_at=at,
    )


def claim(staff: User) -> InboxClaim:
    """Claim that update."""
    source = inbox.sources["dead-updates"]
    return inbox.claim(source=source, pk="4711", staff=staff, now=timezone.now())


def release(staff: User) -> None:
    """Let that update wait for anybody again."""
    source = inbox.sources["dead-updates"]
    inbox.release(source=source, pk="4711", staff=staff, now=timezone.now())


def hand_over(staff: User, to: User) -> InboxClaim:
    """Hand that update over."""
    return inbox.hand_over(
        source=inbox.sources["dead-updates"],
        pk="4711",
        staff=staff,
        to=to,
        note="You know him.",
        now=timezone.now(),
    )


@pytest.mark.django_db
class TestWhatWaits:
    def test_every_source_shows_its_item(self) -> None:
        one_of_everything(now=timezone.now())

        found = waiting(make_staff("Administrator"))

        assert [re.sub(r"No\. \d+", "No. 1", line) for line in found] == [
            "alert-deliveries: Slack: The counters differ.",
            "alerts: The counters differ.",
            "approvals: Refund: ⭐ 5 – @ben – 10 energy points, asked by petra",
            "control-findings: 1 finding.",
            "dead-updates: message 4711, tried 5 times",
            "deletions: Deletion of @cleo",
            "failed-refunds: ⭐ 5 – @ben – USER_NOT_FOUND",
            "fair-play: @ben: answers too fast",
            "held-invitations: @anna invited @ben",
            "paused-campaigns: Summer",
            "payments-in-review: ⭐ 3 – @anna – another amount than the price",
            found[11],
            "reconciliation: 1 difference.",
            "support-requests: No. 1 – @anna: Where is it?",
            found[14],
        ]
        assert re.fullmatch(
            r"question-reports: test-\d+: Welcher Artikel passt zu „Tisch“\?: typing mistake",
            found[11],
        )
        assert re.fullmatch(
            r"withdrawn-questions: test-\d+: Welcher Artikel passt zu „Tisch“\?: "
            "a wrong option is chosen more often than the right one",
            found[14],
        )
        assert set(inbox.sources) == {line.partition(":")[0] for line in found}

    @pytest.mark.parametrize(
        ("role", "names"),
        [
            (
                "Support",
                (
                    "alerts alerts alerts alerts dead-updates deletions failed-refunds"
                    " fair-play payments-in-review support-requests"
                ),
            ),
            (
                "Operator",
                (
                    "alerts alerts alerts fair-play held-invitations paused-campaigns"
                    " payments-in-review"
                ),
            ),
            (
                "Finance",
                (
                    "alerts alerts approvals control-findings failed-refunds payments-in-review"
                    " reconciliation"
                ),
            ),
            ("Editor", "question-reports withdrawn-questions"),
            ("Security", ""),
        ],
    )
    def test_a_role_sees_its_business_once(self, client: Client, role: str, names: str) -> None:
        one_of_everything(now=timezone.now())
        user = make_staff(role, username="me")
        client.force_login(user)

        assert " ".join(line.partition(":")[0] for line in waiting(user)) == names
        refused = client.get(f"{ADDRESS}dead-updates/4711/").status_code
        assert refused == (200 if role == "Support" else 404)

    def test_an_approval_waits_for_who_may_decide_it_and_not_for_who_asked(self) -> None:
        now = timezone.now()
        asker, other = (make_staff("Finance", username=name) for name in ("asker", "other"))
        ApprovalRequest.objects.create(
            kind="refund",
            subject_type="payments.purchase",
            subject_id="1",
            subject_name="⭐ 5",
            preview=[],
            reason="Please.",
            maker=asker,
            asked_at=now,
            expires_at=now + 72 * HOUR,
        )

        assert waiting(other) == ["approvals: Refund: ⭐ 5, asked by asker"]
        assert waiting(asker) == waiting(make_staff("Support")) == []

    def test_a_withdrawn_question_waits_once_and_its_alert_does_not(self) -> None:
        now = timezone.now()
        editor, administrator = make_staff("Editor"), make_staff("Administrator")
        question = QuestionFactory.create(
            is_enabled=False, withdrawn_at=now, withdrawn_because="REPORTS"
        )
        raise_alert(reports.WITHDRAWN, str(question.pk), "It is not asked any more.", now=now)

        for user in (editor, administrator):
            assert [line.partition(":")[0] for line in waiting(user)] == ["withdrawn-questions"]
        QuestionReport.objects.create(
            player=PlayerFactory.create(),
            question=question,
            version=question.versions.get(),
            reason="TYPO",
            reported_at=now,
        )
        for user in (editor, administrator):
            assert [line.partition(":")[0] for line in waiting(user)] == ["question-reports"]

    def test_what_is_late_comes_first(self, client: Client) -> None:
        now = timezone.now()
        dead_update(update_id=1, received_at=now - 23 * HOUR)
        dead_update(update_id=2, received_at=now - 24 * HOUR)
        raise_alert("promo_miscounted", "1", "The counters differ.", now=now - 23.5 * HOUR)
        client.force_login(make_staff("Support"))

        page = read(client)

        rows = re.findall(r"(message \d|The counters differ).*?ago( late)?", page)
        assert rows == [("message 2", " late"), ("The counters differ", ""), ("message 1", "")]

    @pytest.mark.parametrize("move", ["unpause", "end", "roll_over"])
    def test_it_is_gone_with_its_cause(self, move: str) -> None:
        now = timezone.now()
        one_of_everything(now=now)
        operator = make_staff("Operator", username="me")
        summer = Campaign.objects.get()

        if move == "roll_over":
            Campaign.objects.update(ends_at=now)
            assert campaigns.roll_over(now=now, limit=9) == 1
        else:
            service = getattr(campaigns, move)
            service(campaign_id=summer.pk, reason="Ours.", now=now, staff=operator)

        assert "paused-campaigns: Summer" not in waiting(operator)
        assert not Alert.objects.unresolved().filter(kind=campaigns.ATTACKED).exists()

    def test_of_one_kind(self, client: Client) -> None:
        one_of_everything(now=timezone.now())
        client.force_login(make_staff("Support", username="me"))

        page = read(client, f"{ADDRESS}?source=support-requests")

        assert "Where is it?" in page
        assert "message 4711" not in page
        assert "message 4711" in read(client, f"{ADDRESS}?source=nothing-of-ours")

    def test_nothing(self, client: Client) -> None:
        client.force_login(make_staff("Editor"))

        assert "Nothing waits. Here you would see: Question reports, Questions withdrawn." in read(
            client
        )


@pytest.mark.django_db
class TestHowMuchItCosts:
    @pytest.mark.parametrize(
        ("address", "role", "statements"),
        [(ADDRESS, "Administrator", 31), ("/admin/", "Support", 26)],
    )
    def test_the_statements_do_not_grow(
        self, client: Client, address: str, role: str, statements: int
    ) -> None:
        one_of_everything(now=timezone.now())
        client.force_login(make_staff(role, username="me"))
        client.get(address)

        with CaptureQueriesContext(connection) as few:
            client.get(address)
        for number in range(150):
            dead_update(update_id=number)
        with CaptureQueriesContext(connection) as many:
            page = read(client, address)

        assert len(few) == len(many) == statements
        assert "Dead-lettered updates 100+" in page
        assert "Updates 100+" in page

    @pytest.mark.parametrize("name", inbox.sources)
    def test_a_statement_is_kept_only_where_nothing_in_it_changes(self, name: str) -> None:
        """What depends on who asks or on the time is put together each time."""
        source, now = inbox.sources[name], timezone.now()
        asked = (
            (None, now),
            (make_staff("Finance"), now + HOUR),
            (make_staff("Administrator"), now + 60 * DAY),
            (User.objects.create_superuser("owner"), now + DAY),
        )

        statements = {
            source.waiting(user=user, now=when).query.sql_with_params() for user, when in asked
        }

        assert source.is_the_same_for_all is (len(statements) == 1)

    def test_every_page_counts_anew(self, client: Client) -> None:
        client.force_login(make_staff("Support", username="me"))

        for number in range(3):
            assert ("Updates 2" in read(client)) is (number == 2)
            dead_update(update_id=number)

    def test_dead_updates_are_counted_by_their_index(self) -> None:
        """However many updates there are, only those that wait are looked at."""
        rows = inbox.waiting_for(make_staff("Support"), now=timezone.now())
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")

        plans = {
            name: queryset.values("pk")[:100].explain()
            for name, queryset in rows.items()
            if name in ("dead-updates", "payments-in-review", "support-requests", "deletions")
        }

        assert {
            name: re.findall(r"Index \w*.*?(?:using|on) (\w+)", plan)
            for name, plan in plans.items()
        } == {
            "dead-updates": ["inbox_dead"],
            "deletions": ["deletionrequest_due"],
            "payments-in-review": ["purchase_stuck"],
            "support-requests": ["supportrequest_open"],
        }

    def test_failed_deliveries_are_counted_by_the_alerts_that_are_open(self) -> None:
        """What has failed is kept for ever, and hardly any of it waits."""
        sql = str(
            inbox.waiting_for(make_staff("Administrator"), now=timezone.now())[
                "alert-deliveries"
            ].query
        )

        assert '"staff_alertdelivery"."alert_id" IN (SELECT' in sql
        assert "LEFT OUTER JOIN" not in sql


@pytest.mark.django_db
class TestClaims:
    def test_one_claims_and_the_other_is_refused(self) -> None:
        dead_update()
        anna, ben = make_staff("Support", username="anna"), make_staff("Support", username="ben")

        assert claim(anna).owner == anna
        assert claim(anna).owner == anna
        with pytest.raises(ClaimedError, match="anna has claimed it"):
            claim(ben)
        with pytest.raises(NotClaimedError):
            release(ben)
        release(anna)
        assert claim(ben).owner == ben
        assert [(one.action, one.summary) for one in AuditEntry.objects.order_by("pk")] == [
            ("inbox.claimed", "Dead-lettered update: claimed by anna."),
            ("inbox.released", "Dead-lettered update: released by anna."),
            ("inbox.claimed", "Dead-lettered update: claimed by ben."),
        ]
        assert waiting(ben, owner=ben) == ["dead-updates: message 4711, tried 5 times"]
        assert waiting(anna, owner=anna) == []

    def test_it_is_handed_over_to_whoever_may_see_it(self) -> None:
        dead_update()
        anna, ben = make_staff("Support", username="anna"), make_staff("Support", username="ben")
        editor = make_staff("Editor")
        claim(anna)

        assert hand_over(ben, ben).owner == ben
        with pytest.raises(NotWaitingError, match="it does not wait for editor"):
            hand_over(ben, editor)
        assert [user.username for user in inbox.candidates(inbox.sources["dead-updates"])] == [
            "anna",
            "ben",
        ]
        last = AuditEntry.objects.latest("pk")
        assert last.summary == "Dead-lettered update: handed over to ben. You know him."
        assert last.details == {
            "source": "dead-updates",
            "from": "anna",
            "to": "ben",
            "note": "You know him.",
        }

    @pytest.mark.parametrize("pk", ["4712", "x", "9" * 30])
    def test_what_does_not_wait_is_claimed_by_nobody(self, pk: str) -> None:
        InboxUpdateFactory.create(update_id=4712)
        source = inbox.sources["dead-updates"]

        with pytest.raises(NotWaitingError):
            inbox.claim(source=source, pk=pk, staff=make_staff("Support"), now=timezone.now())
        assert not InboxClaim.objects.exists()

    def test_claims_go_with_what_waited(self) -> None:
        dead_update()
        claim(make_staff("Support"))

        assert inbox.purge_claims(now=timezone.now()) == 0
        InboxUpdate.objects.update(state="NEW")
        assert inbox.purge_claims(now=timezone.now()) == 1
        assert not InboxClaim.objects.exists()

    @pytest.mark.parametrize("fields", [{"claimed_at": None}, {"owner": None}])
    def test_an_owner_has_claimed_at_some_time(self, fields: dict[str, Any]) -> None:
        values = {"owner": make_staff("Support"), "claimed_at": timezone.now(), **fields}

        with (
            pytest.raises(IntegrityError, match="inboxclaim_owner_has_claimed_at"),
            transaction.atomic(),
        ):
            InboxClaim.objects.create(object_type="bot.inboxupdate", object_id="1", **values)

    def test_on_the_page(self, client: Client) -> None:
        dead_update()
        ben = make_staff("Support", username="ben")
        client.force_login(make_staff("Support", username="anna"))

        client.post(UPDATE, {"do": "claim"})
        client.post(UPDATE, {"do": "note", "note": "Asked the developers."})
        assert "message 4711, tried 5 times 1 hour ago anna Try again" in read(client)
        client.post(UPDATE, {"do": "hand-over", "to": str(ben.pk), "note": "Yours."})

        page = read(client, UPDATE)
        assert "Owner ben" in page
        assert "anna Dead-lettered update: handed over to ben. Yours." in page
        assert "anna Dead-lettered update: Asked the developers." in page
        assert "Nobody has claimed" not in page
        refused = client.post(UPDATE, {"do": "claim"}, follow=True)
        assert "Dead-lettered update: ben has claimed it." in refused.content.decode()
        assert "claimed nothing" in read(client, f"{ADDRESS}?whose=mine")

    def test_the_longest_note_stands_in_the_history_whole(self, client: Client) -> None:
        dead_update()
        long_name = make_staff("Support", username="n" * 150)
        client.force_login(make_staff("Support"))
        note, one_more = f"{'x' * 299}!", "x" * 301

        client.post(UPDATE, {"do": "note", "note": one_more})
        client.post(UPDATE, {"do": "hand-over", "to": str(long_name.pk), "note": note})

        written = AuditEntry.objects.filter(action__startswith="inbox.")
        assert [one.summary[-300:] for one in written] == [note]
        assert max(len(source.label) for source in inbox.sources.values()) <= 30
        assert len(f"{'l' * 30}: handed over to {long_name}. {note}") <= 500

    def test_what_is_gone_while_its_page_is_made_leads_back(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        dead_update()
        client.force_login(make_staff("Support"))
        one = inbox.one

        def gone(**options: Any) -> inbox.Item:
            item = one(**options)
            InboxUpdate.objects.update(state="NEW")
            return item

        monkeypatch.setattr(inbox, "one", gone)

        answer = client.get(UPDATE, follow=True)

        assert answer.redirect_chain == [(ADDRESS, 302)]
        assert "Dead-lettered update: it is not waiting any more." in answer.content.decode()

    def test_a_note_needs_words(self, client: Client) -> None:
        dead_update()
        client.force_login(make_staff("Support"))

        client.post(UPDATE, {"do": "note", "note": " "})

        assert not AuditEntry.objects.filter(action="inbox.noted").exists()


@pytest.mark.django_db(transaction=True)
class TestTwoAtOnce:
    @pytest.mark.parametrize("is_new", [True, False])
    def test_one_of_two_gets_it(self, monkeypatch: pytest.MonkeyPatch, is_new: bool) -> None:
        dead_update()
        anna, ben = make_staff("Support", username="anna"), make_staff("Support", username="ben")
        if not is_new:
            claim(anna)
            release(anna)
        meet_after(monkeypatch, inbox, "_lock")

        results = run_together(partial(claim, anna), partial(claim, ben))

        assert sorted(type(one).__name__ for one in results) == ["ClaimedError", "InboxClaim"]
        winner = next(one for one in results if isinstance(one, InboxClaim))
        assert InboxClaim.objects.get().owner == winner.owner

    def test_without_the_lock_both_believe_that_it_is_theirs(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the test above can fail: take the lock away, and it must."""
        dead_update()
        anna, ben = make_staff("Support", username="anna"), make_staff("Support", username="ben")
        claim(anna)
        release(anna)
        take_row_locks_away(monkeypatch)
        meet_after(monkeypatch, inbox, "_lock")

        results = run_together(partial(claim, anna), partial(claim, ben))

        assert [type(one).__name__ for one in results] == ["InboxClaim", "InboxClaim"]


@pytest.mark.django_db
class TestAge:
    def test_an_alert_is_raised_while_something_is_late(self, client: Client) -> None:
        update = dead_update(received_at=timezone.now() - DAY + timedelta(seconds=1))

        assert watch_inbox() == 0
        InboxUpdate.objects.update(received_at=timezone.now() - DAY)
        assert watch_inbox() == 1
        assert watch_inbox() == 1

        alert = Alert.objects.unresolved().get()
        assert alert.summary == "Dead-lettered updates: 1 waiting for more than 24 hours."
        assert (alert.kind, alert.key, alert.times) == ("inbox.late", "dead-updates", 2)
        # In the inbox is what waits, and not the alert about that.
        assert waiting(make_staff("Support")) == ["dead-updates: message 4711, tried 5 times"]
        InboxUpdate.objects.filter(pk=update.pk).update(state="NEW")
        assert watch_inbox() == 0
        assert not Alert.objects.unresolved().exists()

    def test_the_alert_about_deliveries_does_not_wait_for_its_own(self) -> None:
        now = timezone.now()
        cause = raise_alert("promo_miscounted", "1", "The counters differ.", now=now - 3 * DAY)
        failed = failed_delivery(cause, at=now - 2 * DAY)
        assert watch_inbox() == 1
        about = Alert.objects.get(kind="inbox.late")
        failed_delivery(about, at=now - 2 * DAY)

        AlertDelivery.objects.filter(pk=failed.pk).update(state="PENDING", finished_at=None)

        assert watch_inbox() == 0
        assert not Alert.objects.unresolved().filter(kind="inbox.late").exists()

    def test_open_alerts_raise_no_alerts(self) -> None:
        raise_alert("promo_miscounted", "1", "The counters differ.", now=timezone.now() - 30 * DAY)

        assert watch_inbox() == 0
