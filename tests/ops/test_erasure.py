"""When an account is deleted, what it waits for, and what becomes of a run that dies."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest
import time_machine
from django.conf import settings
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import Client
from django.utils import translation

from bot.messages import my_data
from bot.queue.models import OutgoingCall
from payments import refunds, subscriptions, support
from payments.errors import AnsweredError, NotRefundableError
from payments.models import (
    Difference,
    Purchase,
    ReconciliationRun,
    Refund,
    Subscription,
    SupportRequest,
)
from payments.tasks import purge_impressions
from promos import denylist
from quizarena.game import duels
from quizarena.ops import erasure
from quizarena.players import data_requests, deletions, names
from quizarena.players import services as players
from quizarena.players.models import DeletionRequest, Player, PurgeRun
from quizarena.staff import audit
from quizarena.staff.models import AuditEntry
from tests.concurrency import overlap, take_row_locks_away
from tests.conftest import NOON
from tests.factories import InboxUpdateFactory, PlayerFactory, make_staff
from tests.game.challenges import make_bank
from tests.ops.test_database_roles import logged_in
from tests.ops.test_personal_data import DUE, erase, where
from tests.owner import as_owner
from tests.payments import steps

HOUR = timedelta(hours=1)
BEFORE = NOON - HOUR


def wish(**changes: Any) -> DeletionRequest:
    """Return the deletion that a new player has asked for at noon."""
    player = PlayerFactory.create(
        telegram_id=987_654_321, first_name="Xanthippe", username="xanthi", **changes
    )
    return deletions.ask(player=player, now=NOON)


def begun() -> DeletionRequest:
    """Return a deletion of which everything but the beginning is to be done."""
    request = wish()
    assert deletions.begin(request_id=request.pk, now=DUE)
    request.refresh_from_db()
    return request


# --- What it waits for ----------------------------------------------------------------------------

End = Callable[[], object]


def _paid(player: Player) -> End:
    purchase = steps.pay(steps.open_purchase(player, now=BEFORE), now=BEFORE)
    return lambda: steps.credit(purchase, now=DUE)


def _in_review(player: Player) -> End:
    purchase = steps.pay(steps.open_purchase(player, now=BEFORE), now=BEFORE, stars=4)
    assert purchase.status == "CREDIT_REVIEW"
    return lambda: steps.refund(purchase, now=DUE)


def _checked_out(player: Player) -> End:
    purchase = steps.open_purchase(player, now=BEFORE)
    assert steps.check_out(purchase, now=BEFORE) is None
    return lambda: steps.credit(steps.pay(purchase, now=DUE), now=DUE)


def _to_be_refunded(player: Player) -> End:
    purchase = steps.buy(player, now=BEFORE)
    steps.ask_refund(purchase, now=BEFORE)
    return lambda: refunds.complete(purchase_id=purchase.pk, now=DUE)


def _subscribed(player: Player) -> End:
    steps.buy(player, "PREMIUM_MONTH", now=BEFORE, is_subscription=True)

    def telegram_agrees() -> None:
        # The first run has cancelled it.
        subscription = Subscription.objects.get()
        assert subscription.canceled_at == subscription.cancel_due_at == DUE
        Subscription.objects.update(cancel_due_at=None)

    return telegram_agrees


def _writing(player: Player) -> End:
    update = InboxUpdateFactory.create(player_key=player.telegram_id)

    def worked_on() -> None:
        type(update).objects.update(state="WORKING", attempts=1, claimed_at=DUE)
        type(update).objects.update(state="DONE", done_at=DUE)

    return worked_on


def _duelling(player: Player) -> End:
    make_bank("QUICK_MIX_A1A2", A1=30)
    duel = duels.create(player=player, length=5, key="k", with_ticket=False, now=DUE - HOUR)
    # The first run has cancelled it.
    return lambda: type(duel).objects.get(state="CANCELED")


def _suspended(player: Player) -> End:
    assert players.suspend(player_id=player.pk, now=DUE - HOUR)
    return lambda: players.unsuspend(player_id=player.pk)


def _denied(player: Player) -> End:
    staff = make_staff("Operator")
    denylist.deny(player=player, reason="Many accounts", now=DUE - HOUR, staff=staff)
    return lambda: denylist.allow(player=player, reason="A mistake of ours", staff=staff)


WAITS = [
    (_paid, "a payment that is not credited"),
    (_in_review, "a payment that is not credited"),
    (_checked_out, "a payment that Telegram is making"),
    (_to_be_refunded, "a refund that is not complete"),
    (_subscribed, "a subscription that is not cancelled at Telegram"),
    (_writing, "an update that is being worked on"),
    (_duelling, "a duel that nobody has accepted"),
    (_suspended, "a suspension, which staff have to lift"),
    (_denied, "the deny list of promo codes, which staff have to take the player off"),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("begin", "reason"), WAITS)
def test_nobody_is_deleted_before_this_has_ended(
    begin: Callable[[Player], End], reason: str, client: Client
) -> None:
    request = wish()
    end = begin(request.player)
    support_staff = make_staff("Support")
    address = f"/admin/players/deletionrequest/{request.pk}/change/"

    request.player.refresh_from_db()
    assert erasure.obstacles(player=request.player, now=DUE) == [reason]
    with time_machine.travel(DUE, tick=False):
        client.force_login(support_staff)
        page = client.get(address).content.decode()
        assert erase() == 0
    request.refresh_from_db()
    assert (request.state, request.player.first_name) == ("ASKED", "Xanthippe")
    assert reason in page

    with time_machine.travel(DUE, tick=False):
        end()
        assert erase() == 1
    request.refresh_from_db()
    assert request.state == "DONE"
    assert where("xanthi") == where("987654321") == []


@pytest.mark.django_db
def test_who_waits_can_still_cancel() -> None:
    request = wish()
    _paid(request.player)

    with time_machine.travel(DUE, tick=False):
        assert erase() == 0
        assert deletions.cancel(player=request.player, now=DUE)
        Purchase.objects.get()
        assert erase() == 0
    request.player.refresh_from_db()
    assert request.player.first_name == "Xanthippe"


@pytest.mark.django_db
def test_a_subscription_that_is_cancelled_already_holds_nothing_up() -> None:
    request = wish()
    _subscribed(request.player)
    subscriptions.cancel(player=request.player, now=NOON)
    Subscription.objects.update(cancel_due_at=None)

    assert erasure.obstacles(player=request.player, now=DUE) == []


@pytest.mark.django_db(transaction=True)
class TestRefundMeanwhile:
    """A refund needs to know whose Stars they were."""

    @staticmethod
    def race(*, deletion_first: bool) -> list[Any]:
        request = wish()
        purchase = steps.buy(request.player, now=BEFORE)
        # The job would go on and erase, and does not say what a deletion waits for.
        callers = [
            lambda: erasure._begin(request, now=DUE),
            lambda: steps.ask_refund(purchase, now=DUE),
        ]
        return overlap(*callers) if deletion_first else overlap(*reversed(callers))

    def test_one_that_is_asked_for_while_it_begins_is_refused(self) -> None:
        reasons, refund = self.race(deletion_first=True)

        assert reasons == []
        assert isinstance(refund, NotRefundableError)
        assert not Refund.objects.exists()

    def test_it_does_not_begin_while_one_is_asked_for(self) -> None:
        refund, reasons = self.race(deletion_first=False)

        assert isinstance(refund, Refund)
        assert reasons == ["a refund that is not complete"]
        assert Player.objects.get().first_name == "Xanthippe"

    def test_without_locks_both_would_be(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Show that the tests above can fail."""
        take_row_locks_away(monkeypatch)

        reasons, refund = self.race(deletion_first=True)

        assert (reasons, type(refund)) == ([], Refund)


@pytest.mark.django_db(transaction=True)
class TestSentMeanwhile:
    """What is being sent to an account when its deletion begins is erased with it."""

    @staticmethod
    def calls_left() -> int:
        request = wish()
        data_requests.ask(player=request.player, now=NOON)
        with time_machine.travel(DUE, tick=False):
            sent, erased = overlap(lambda: my_data.send_due(until=DUE + HOUR), erase)
        assert (sent, erased) == (1, 1)
        return OutgoingCall.objects.filter(chat_key=987_654_321).count()

    def test_a_file_of_ones_data(self) -> None:
        assert self.calls_left() == 0

    def test_without_the_lock_it_would_stay(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Show that the test above can fail."""
        monkeypatch.setattr(players, "addressee", lambda pk: Player.objects.get(pk=pk))

        assert self.calls_left() == 1


# --- A run that dies ------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_run_may_die_anywhere_and_the_next_one_completes_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    request = wish()
    player = request.player
    steps.buy(player, now=BEFORE)
    support.ask(player=player, text="Xanthippe fragt", now=NOON)
    audit.record(actor=make_staff("Support"), action="x", obj=player, summary=f"{player}: x")
    InboxUpdateFactory.create(done=True, player_key=player.telegram_id)
    run, begin, calls = erasure._run, deletions.begin, 0

    def begin_and_die(**known: Any) -> bool:
        begin(**known)
        raise RuntimeError

    with time_machine.travel(DUE, tick=False):
        monkeypatch.setattr(deletions, "begin", begin_and_die)
        assert erase() == 0
        request.refresh_from_db()
        assert (request.state, Player.objects.get().first_name) == ("ASKED", "Xanthippe")
        monkeypatch.setattr(deletions, "begin", begin)

        # Each run comes one statement further than the one before, and dies in its transaction:
        # nothing public is called there.
        for survived in range(100):
            calls = 0

            def run_or_die(*statement: Any, survived: int = survived) -> int:
                nonlocal calls
                calls += 1
                with transaction.atomic():
                    rows = run(*statement)
                    if calls > survived:
                        raise RuntimeError
                return rows

            monkeypatch.setattr(erasure, "_run", run_or_die)
            if erase() == 1:
                break
            request.refresh_from_db()
            assert (request.state, request.telegram_id) == ("ERASING", 987_654_321)
            assert not deletions.cancel(player=player, now=DUE)

    # More than each statement once: some were repeated.
    assert survived >= len(erasure.STEPS) + len(erasure.GUARDED)
    request.refresh_from_db()
    assert (request.state, request.telegram_id, request.names) == ("DONE", None, [])
    assert where("xanthi") == where("987654321") == []
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_trigger WHERE tgenabled <> 'O'")
        assert cursor.fetchone() == (0,)


@pytest.mark.django_db
def test_the_calls_of_all_players_are_not_read_for_one() -> None:
    known: dict[str, Any] = {
        "player_id": 1,
        "telegram_id": 7,
        "begun_at": NOON,
        "limit": 1_000,
    }
    plans = []
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO bot_inboxupdate (update_id, kind, payload, state, player_key, received_at,
                                         due_at, attempts, last_error, done_at)
            SELECT n, 'callback_query', '{}', 'DONE', n % 100, now(), now(), 1, '', now()
            FROM generate_series(1, 3000) AS n;
            INSERT INTO bot_outgoingcall (method, chat_key, parameters, lane, paced, state,
                                          created_at, due_at, finished_at, attempts, claim_number,
                                          delivery_uncertain, error, caused_by_id, file_id)
            SELECT 'x', CASE WHEN n % 2 = 0 THEN n % 100 END, '{}', 1, false, 'SENT',
                   now(), now(), now(), 1, 0, false, '', n, ''
            FROM generate_series(1, 3000) AS n;
            """
        )
    with as_owner() as cursor:
        cursor.execute("ANALYZE bot_inboxupdate, bot_outgoingcall")
        for step in erasure.STEPS:
            if step.table == "bot_outgoingcall":
                cursor.execute(f"EXPLAIN {step.statement}", known)
                plans.append("\n".join(line for (line,) in cursor.fetchall()))

    by_chat, by_cause = plans
    assert "chat_key = '7'" in by_chat
    assert "caused_by_id = cause.update_id" in by_cause


# --- What is seen of a deleted player -------------------------------------------------------------


@pytest.mark.django_db
def test_a_deleted_player_is_called_so_and_stays_so(client: Client) -> None:
    player = begun().player
    player.refresh_from_db()
    client.force_login(make_staff("Support"))

    shown = []
    for language in ("en", "de", "uk"):
        with translation.override(language):
            shown.append(names.public_name(player))
    assert shown == ["Deleted player", "Gelöschter Spieler", "Видалений гравець"]
    page = client.get(f"/admin/players/player/{player.pk}/change/").content.decode()
    assert ">deleted</span>" in " ".join(page.split()).replace("> ", ">").replace(" <", "<")
    assert ">Suspend<" not in page
    assert "Reset the name" not in page
    assert client.get(f"/admin/players/player/{player.pk}/reset-name/").status_code == 404
    # Who has read the row before writes nothing back.
    for written in ({"first_name": "Xanthippe"}, {"bot_blocked_at": None}, {"reset_name": "X"}):
        with pytest.raises(IntegrityError, match="has_a_pseudonym"), transaction.atomic():
            Player.objects.filter(pk=player.pk).update(**written)
    # Whoever comes back is somebody else.
    back = players.upsert_from_telegram(
        telegram_id=987_654_321,
        first_name="Xanthippe",
        last_name="",
        username="",
        language_code="en",
        now=DUE,
    )
    assert back.pk != player.pk
    with pytest.raises(NotRefundableError):
        steps.ask_refund(steps.buy(player, now=BEFORE), now=DUE)


@pytest.mark.django_db
def test_what_telegram_refunds_of_a_deleted_player_is_taken_back() -> None:
    request = wish()
    purchase = steps.buy(request.player, now=BEFORE)
    payment = steps.payment(purchase, charge_id=purchase.charge_id)
    with time_machine.travel(DUE, tick=False):
        assert erase() == 1

    for _ in range(2):
        assert refunds.record_telegram_refund(payment, now=DUE).status == "REFUNDED"

    assert [kind for kind, _, _ in steps.entries(request.player)] == [
        "PURCHASE_CREDIT",
        "PURCHASE_REFUND",
    ]
    assert steps.owned(request.player)[1] == 0
    assert Refund.objects.get().finished_at is not None
    assert where("xanthi") == where("987654321") == []


@pytest.mark.django_db
def test_what_support_has_not_answered_is_closed(client: Client) -> None:
    request = wish()
    staff = make_staff("Support")
    being_sent = support.ask(player=request.player, text="Und jetzt?", now=NOON)
    support.answer(request_id=being_sent.pk, text="Da.", staff=staff, now=NOON)
    waiting = support.ask(player=request.player, text="Wo sind meine Sterne?", now=NOON)
    client.force_login(staff)

    with time_machine.travel(DUE, tick=False):
        assert erase() == 1

    assert not SupportRequest.objects.unanswered().exists()
    assert not SupportRequest.objects.answer_due().exists()
    waiting.refresh_from_db()
    assert (waiting.text, waiting.answer, waiting.answered_by) == ("…", "", None)
    being_sent.refresh_from_db()
    assert (being_sent.solved_at is None, being_sent.solved_by) == (False, None)
    page = client.get(f"/admin/payments/supportrequest/{waiting.pk}/change/").content.decode()
    assert "closed: the player is deleted" in page
    with pytest.raises(AnsweredError):
        support.answer(request_id=waiting.pk, text="Zu spät.", staff=staff, now=DUE)
    # Nothing but this is closed without an answer.
    open_one = support.ask(player=PlayerFactory.create(), text="?", now=NOON)
    for written in ({"answered_at": NOON}, {"answer": "…"}, {"notified_at": NOON}):
        with pytest.raises(IntegrityError), transaction.atomic():
            SupportRequest.objects.filter(pk=open_one.pk).update(**written)


@pytest.mark.django_db
def test_staff_see_deletions_and_purges(client: Client) -> None:
    request = begun()
    purge_impressions()
    client.force_login(make_staff("Administrator"))

    deletions_page = client.get("/admin/players/deletionrequest/").content.decode()
    page = client.get(f"/admin/players/deletionrequest/{request.pk}/change/").content.decode()
    purges = client.get("/admin/players/purgerun/").content.decode()

    assert "being carried out" in deletions_page
    assert f'href="/admin/players/deletionrequest/{request.pk}/change/"' in deletions_page
    assert "what is on its way to the player" in page
    # Who it was is nobody's business any more.
    for text in (deletions_page, page):
        assert "Xanthippe" not in text
        assert "987654321" not in text
    assert "Offer views" in purges
    assert "complete" in purges
    for path in (f"deletionrequest/{request.pk}/delete/", "deletionrequest/add/", "purgerun/add/"):
        assert client.get(f"/admin/players/{path}").status_code == 403
    assert PurgeRun.objects.count() == 1


# --- The function ---------------------------------------------------------------------------------

FUNCTIONS = {
    "erase_personal_data(bigint,text)": True,
    "without_personal_data(text,bigint,text,text,text[],boolean,boolean)": False,
    "document_without_personal_data(jsonb,bigint,text,text,text[],boolean,boolean)": False,
}


@pytest.mark.django_db
class TestFunction:
    """See bot/migrations/0020_erase_personal_data.py."""

    @pytest.mark.parametrize(("function", "is_for_the_application"), FUNCTIONS.items())
    def test_whose_it_is_and_who_may_call_it(
        self, function: str, is_for_the_application: bool
    ) -> None:
        application, owner = settings.DATABASE_APPLICATION, settings.DATABASE_OWNER or {}
        with connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT prosecdef, proconfig[1], pg_get_userbyid(proowner),
                       ARRAY(SELECT DISTINCT grantee::regrole::text
                             FROM aclexplode(proacl) WHERE grantee <> proowner)
                FROM pg_proc WHERE oid = %s::regprocedure
                """,
                [function],
            )
            assert cursor.fetchone() == (
                is_for_the_application,
                "search_path=pg_catalog, public, pg_temp",
                owner["USER"],
                [application["USER"]] if is_for_the_application else [],
            )

    def test_the_application_cannot_call_what_it_uses(self) -> None:
        with (
            logged_in(**settings.DATABASE_APPLICATION) as application,
            pytest.raises(psycopg.Error, match="permission denied for function"),
        ):
            application.execute("SELECT without_personal_data('', 1, '', '', '{}', true, true)")

    @pytest.mark.parametrize("state", ["ASKED", "CANCELLED", "DONE"])
    def test_it_works_for_a_deletion_that_has_begun_alone(self, state: str) -> None:
        request = begun() if state == "DONE" else wish()
        if state == "CANCELLED":
            assert deletions.cancel(player=request.player, now=NOON)
        if state == "DONE":
            assert deletions.finish(request_id=request.pk, now=DUE)

        with pytest.raises(DatabaseError, match="no such deletion"), transaction.atomic():
            call(request, "staff_auditentry")

    @pytest.mark.parametrize(
        "target",
        ["economy_ledgerentry", "economy_wallet", "players_player", "staff_auditentry; --", ""],
    )
    def test_it_works_on_the_tables_that_it_names_alone(self, target: str) -> None:
        with pytest.raises(DatabaseError, match="Nothing is erased in"), transaction.atomic():
            call(begun(), target)

    def test_it_replaces_the_names_and_nothing_else(self) -> None:
        request = begun()
        staff = make_staff("Support")
        own = audit.record(
            actor=staff, action="x", obj=request.player, summary="Xanthippe (987654321), Xanthippes"
        )
        other = audit.record(actor=staff, action="x", summary="Xanthippe and 9876543210")
        rows = AuditEntry.objects.order_by("pk")
        before = list(rows.values())

        assert call(request, "staff_auditentry") == 1
        assert call(request, "staff_auditentry") == 0

        pk = request.player_id
        assert list(rows.values()) == [
            {**row, "summary": f"Deleted player {pk} (-{pk}), Xanthippes"}
            if row["id"] == own.pk
            else row
            for row in before
        ]
        assert rows.get(pk=other.pk).summary == "Xanthippe and 9876543210"

    @pytest.mark.parametrize(
        "name", ["5", "true", "null", ",", ":", "}", '"', "\\", ".", "id", "@anna_k", "Xan 'thi'"]
    )
    def test_a_name_breaks_no_document(self, name: str) -> None:
        request = wish()
        Player.objects.filter(pk=request.player_id).update(first_name=name)
        staff, pk = make_staff("Support"), request.player_id
        details = {
            "id": 987_654_321,
            "stars": 5,
            "true": True,
            "names": [name, f"Called {name}", "Xanthi", None],
            "987654321": "",
        }
        own = audit.record(
            actor=staff, action="x", obj=request.player, summary="5. @was_called", details=details
        )
        about = audit.record(actor=staff, action="x", summary="x", details=details)
        other = audit.record(
            actor=staff, action="x", summary=f"@anna_k, {name}", details={"x": f"@anna_k {name}"}
        )

        with time_machine.travel(DUE, tick=False):
            assert erase() == 1

        is_a_word = name not in {",", ":", "}", '"', "\\", "."}
        called = f"Deleted player {pk}" if is_a_word else name
        for entry in (own, about):
            entry.refresh_from_db()
            assert entry.details == {
                "id": -pk,
                "stars": 5,
                "true": True,
                "names": [called, f"Called {called}", f"Deleted player {pk}", None],
                f"-{pk}": "",
            }
        assert own.summary == f"{called if name == '5' else '5'}. Deleted player {pk}"
        # What is of others has nobody's names but the username.
        other.refresh_from_db()
        assert (other.summary, other.details) == (
            f"@anna_k, {name}",
            {"x": f"@anna_k {name}"},
        )

    def test_who_has_no_username_is_erased_as_others_are(self) -> None:
        request = wish()
        Player.objects.filter(pk=request.player_id).update(username="")
        staff, pk = make_staff("Support"), request.player_id
        entry = audit.record(
            actor=staff, action="x", summary="@ 987654321", details={"a": "Xanthippe 987654321 @"}
        )

        with time_machine.travel(DUE, tick=False):
            assert erase() == 1

        entry.refresh_from_db()
        assert (entry.summary, entry.details) == (
            f"@ -{pk}",
            {"a": f"Deleted player {pk} -{pk} @"},
        )

    def test_a_line_of_telegrams_that_was_unreadable_is_erased_too(self) -> None:
        request = wish()
        run = ReconciliationRun.objects.create(is_full=True, started_at=NOON, due_at=NOON)
        line = {"id": "c", "source": {"user": {"id": 987_654_321, "first_name": "Xanthippe"}}}
        found = Difference.objects.create(run=run, kind="NOT_COMPARED", details={"line": line})

        with time_machine.travel(DUE, tick=False):
            assert erase() == 1

        found.refresh_from_db()
        pk = request.player_id
        user = {"id": -pk, "first_name": f"Deleted player {pk}"}
        assert found.details == {"line": {"id": "c", "source": {"user": user}}}

    def test_what_is_rolled_back_brings_the_guards_back(self) -> None:
        request = begun()
        audit.record(
            actor=make_staff("Support"), action="x", obj=request.player, summary="987654321"
        )
        begun_here = transaction.savepoint()
        assert call(request, "staff_auditentry") == 1
        transaction.savepoint_rollback(begun_here)

        with pytest.raises(DatabaseError), as_owner() as cursor:
            cursor.execute("UPDATE staff_auditentry SET summary = ''")
        assert AuditEntry.objects.filter(summary="987654321").exists()

    def test_the_application_cannot_erase_by_another_way(self) -> None:
        with logged_in(**settings.DATABASE_APPLICATION) as application:
            for statement, says in (
                ("UPDATE staff_auditentry SET summary = ''", "permission denied"),
                ("DELETE FROM staff_auditentry", "permission denied"),
                ("DELETE FROM payments_purchase", "permission denied"),
                ("DELETE FROM payments_supportrequest", "permission denied"),
                ("DELETE FROM players_deletionrequest", "permission denied"),
                ("ALTER TABLE staff_auditentry DISABLE TRIGGER USER", "must be owner"),
            ):
                with pytest.raises(psycopg.Error, match=says):
                    application.execute(statement)

    @pytest.mark.parametrize(
        ("changes", "says"),
        [
            ({"names": ["Sokrates"]}, "the names of its player"),
            ({"telegram_id": 1}, "the names of its player"),
            ({"begun_at": DUE - timedelta(seconds=1)}, "times_fit_its_state"),
            ({"due_at": NOON}, "stays what was asked for"),
            ({}, ""),
        ],
    )
    def test_a_deletion_begins_with_what_its_player_is_called(
        self, changes: dict[str, Any], says: str
    ) -> None:
        request = wish()
        begins = {
            "state": "ERASING",
            "begun_at": DUE,
            "telegram_id": 987_654_321,
            "names": ["@xanthi", "Xanthippe"],
            **changes,
        }
        rows = DeletionRequest.objects.filter(pk=request.pk)

        if not says:
            assert rows.update(**begins) == 1
            with pytest.raises(DatabaseError, match="what it has begun with"), transaction.atomic():
                rows.update(names=["Sokrates"])
            return
        with pytest.raises(DatabaseError, match=says), transaction.atomic():
            rows.update(**begins)

    def test_a_deletion_begins_with_asking(self) -> None:
        with pytest.raises(DatabaseError, match="begins with asking"), transaction.atomic():
            DeletionRequest.objects.create(
                player=PlayerFactory.create(),
                state="ERASING",
                asked_at=NOON,
                due_at=DUE,
                begun_at=DUE,
                telegram_id=1,
            )


def call(request: DeletionRequest, target: str) -> int:
    """Call the function as the application; return of how many rows it says it was."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
        cursor.execute("SELECT erase_personal_data(%s, %s)", [request.pk, target])
        return int(cursor.fetchone()[0])
