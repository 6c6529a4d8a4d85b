"""What all lists have in common."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from quizarena.staff.dates import span
from quizarena.staff.models import Alert, ApprovalRequest
from tests.factories import (
    NOON,
    InboxUpdateFactory,
    OutgoingCallFactory,
    PlayerFactory,
    QuestionFactory,
    make_staff,
)

LISTS = [
    "players/player/",
    "bot/inboxupdate/",
    "bot/inboxupdate/?state__exact=DEAD",
    "bot/outgoingcall/",
    "game/question/",
    "staff/auditentry/",
    "staff/approvalrequest/",
    "staff/alert/",
    "staff/signinfailure/",
    "auth/user/",
    "auth/group/",
    "api/apiclient/",
    "ops/heartbeat/",
    "ops/backup/",
    "django_celery_beat/periodictask/",
]


@pytest.mark.django_db
class TestLists:
    @pytest.mark.parametrize("path", LISTS)
    def test_a_list_never_counts(self, client: Client, path: str) -> None:
        client.force_login(User.objects.create_superuser("owner"))

        with CaptureQueriesContext(connection) as queries:
            answer = client.get(f"/admin/{path}")

        assert answer.status_code == 200
        assert [query["sql"] for query in queries if "COUNT(" in query["sql"].upper()] == []

    def test_facets_which_count_cannot_be_asked_for(self, client: Client) -> None:
        client.force_login(make_staff("Administrator"))

        with CaptureQueriesContext(connection) as queries:
            client.get("/admin/bot/inboxupdate/?_facets=True")

        assert [query["sql"] for query in queries if "COUNT(" in query["sql"].upper()] == []

    @pytest.mark.parametrize("path", [*LISTS[:5], "staff/approvalrequest/", "staff/alert/"])
    def test_more_rows_take_no_more_statements(self, client: Client, path: str) -> None:
        client.force_login(make_staff("Administrator"))
        client.get(f"/admin/{path}")

        def statements() -> int:
            with CaptureQueriesContext(connection) as queries:
                client.get(f"/admin/{path}")
            return len(queries)

        def add(rows: int) -> None:
            for factory in (PlayerFactory, QuestionFactory):
                factory.create_batch(rows)
            InboxUpdateFactory.create_batch(rows, dead=True)
            OutgoingCallFactory.create_batch(rows)
            for number in range(rows):
                key = f"{rows}:{number}"
                Alert.objects.create(
                    kind="silence", key=key, summary="Hush.", first_at=NOON, last_at=NOON
                )
                ApprovalRequest.objects.create(
                    kind="rename",
                    subject_type="players.player",
                    subject_id=key,
                    subject_name="@anna",
                    preview=[],
                    reason="Why not.",
                    maker=maker,
                    asked_at=NOON,
                    expires_at=NOON + timedelta(hours=72),
                )

        maker = make_staff("Operator")
        add(1)
        few = statements()
        add(9)

        assert statements() == few

    def test_the_second_page_continues_where_the_first_ended(self, client: Client) -> None:
        client.force_login(make_staff("Support"))
        for number in range(60):
            PlayerFactory.create(username=f"player_{number:02}")

        first = client.get("/admin/players/player/").content.decode()
        second = client.get("/admin/players/player/?p=2").content.decode()

        assert "@player_59" in first
        assert "@player_10" in first
        assert "@player_09" not in first
        assert "@player_09" in second
        assert "@player_00" in second

    def test_every_value_has_a_plan_of_its_own(self, client: Client) -> None:
        client.force_login(make_staff("Support"))
        InboxUpdateFactory.create(dead=True)

        for _ in range(12):
            client.get("/admin/bot/inboxupdate/?state__exact=DEAD")

        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT sum(generic_plans), sum(custom_plans) FROM pg_prepared_statements "
                "WHERE statement LIKE '%%error_end%%state%%LIMIT%%'",
                [],
            )
            generic, custom = cursor.fetchone()
        assert generic == 0
        assert custom >= 5


@pytest.mark.parametrize(
    ("duration", "words"),
    [
        (timedelta(milliseconds=80), "under a second"),
        (timedelta(seconds=12.4), "12 s"),
        (timedelta(minutes=1), "1 minute"),
        (timedelta(minutes=59, seconds=59), "59 minutes"),
        (timedelta(hours=3, minutes=50), "3 hours"),
        (timedelta(days=2, hours=5), "2 days"),
    ],
)
def test_a_length_of_time_is_shown_in_the_unit_that_says_most(
    duration: timedelta, words: str
) -> None:
    assert span(duration) == words
