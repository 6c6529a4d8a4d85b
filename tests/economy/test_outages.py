"""Outages at the desk: declared by operators, with whom that helps shown beforehand."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.test import Client

from economy import streaks
from economy.models import OutageDay
from economy.streak_rules import Outcome
from economy.streaks import ShieldEffect
from quizarena.players.models import Player
from quizarena.staff.models import AuditEntry
from tests.economy.test_admin import read, text
from tests.economy.test_streaks import at, give_savers, play
from tests.factories import PlayerFactory, make_staff

pytestmark = pytest.mark.django_db

OUTAGES = "/admin/economy/outageday/"
DECLARE = f"{OUTAGES}declare/"
# The days of tests/economy/test_streaks.py begin with the first Monday of November 2026.
MONDAY, TUESDAY, WEDNESDAY, THURSDAY = 2, 3, 4, 5


@pytest.fixture
def _lost_and_saved() -> Iterator[None]:
    """Let one player have lost a streak on Tuesday and one have used a saver; it is Wednesday."""
    with time_machine.travel(at(WEDNESDAY, 20), tick=False):
        loser, saver = PlayerFactory.create_batch(2)
        give_savers(saver, 1, now=at(MONDAY))
        play(loser, MONDAY, WEDNESDAY)
        play(saver, MONDAY, WEDNESDAY)
        yield


@pytest.fixture
def operator(client: Client) -> Client:
    """Return a browser in which an operator is logged in."""
    client.force_login(make_staff("Operator"))
    return client


def post(client: Client, button: str, **fields: str) -> str:
    """Send the form; return what the page says that comes of it."""
    filled = {
        "first_day": "2026-11-03",
        "last_day": "2026-11-03",
        "reason": "The database was down.",
        **fields,
        button: "1",
    }
    answer = client.post(DECLARE, filled, follow=True)
    assert answer.status_code == 200
    return text(answer.content)


@pytest.mark.usefixtures("_lost_and_saved")
class TestDeclaring:
    def test_a_preview_shows_whom_it_helps_and_writes_nothing(self, operator: Client) -> None:
        page = post(operator, "preview")

        assert "Days 3 Nov 2026 Outage days already 0" in page
        assert "Lost streaks restored 1 Streak savers returned 1" in page
        assert "Premium freezes returned 0 Running streaks without activity yet 0" in page
        assert not OutageDay.objects.exists()

    def test_what_is_confirmed_is_an_outage_day_and_audited(self, operator: Client) -> None:
        page = post(operator, "confirm", last_day="2026-11-04")

        assert "2 outage days declared." in page
        assert "3 Nov 2026 The database was down. operator" in page
        written = AuditEntry.objects.get(action="streaks.shield")
        assert str(written.actor) == "operator"
        assert written.details == {"days": ["2026-11-03", "2026-11-04"]}

    def test_declaring_it_again_changes_nothing(self, operator: Client) -> None:
        post(operator, "confirm")

        assert "These days are outage days already." in post(operator, "confirm", reason="Again.")
        assert OutageDay.objects.get().reason == "The database was down."

    def test_what_was_previewed_can_be_changed(self, operator: Client) -> None:
        page = post(operator, "edit")

        assert "Preview Cancel" in page
        assert not OutageDay.objects.exists()

    @pytest.mark.parametrize("button", ["preview", "confirm"])
    @pytest.mark.parametrize(
        ("fields", "says"),
        [
            ({"first_day": "2026-11-05"}, "Refused: 5 Nov 2026 is after 3 Nov 2026."),
            (
                {"first_day": "2026-10-03"},
                "Refused: Choose days at most 31 days before or after today",
            ),
            (
                {"last_day": "2026-12-06"},
                "Refused: Choose days at most 31 days before or after today",
            ),
            (
                {"first_day": "0001-01-01"},
                "Refused: Choose days at most 31 days before or after today",
            ),
            ({"first_day": "yesterday"}, "Enter a valid date."),
            ({"reason": " "}, "This field is required."),
            ({"reason": "x" * 501}, "at most 500 characters"),
        ],
    )
    def test_nonsense_is_named_and_nothing_is_written(
        self, operator: Client, fields: dict[str, str], says: str, button: str
    ) -> None:
        assert says in post(operator, button, **fields)
        assert not OutageDay.objects.exists()


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("Operator", (200, 200)),
        ("Administrator", (200, 200)),
        ("Support", (403, 403)),
        ("Finance", (403, 403)),
        ("Editor", (403, 403)),
    ],
)
def test_operators_and_administrators_declare_outages(
    client: Client, role: str, expected: tuple[int, int]
) -> None:
    client.force_login(make_staff(role))

    assert tuple(client.get(page).status_code for page in (OUTAGES, DECLARE)) == expected


def test_who_may_declare_finds_the_way_from_the_list(operator: Client) -> None:
    page = read(operator, OUTAGES)

    assert "Declare an outage" in page


def test_recorded_downtime_has_no_member_of_staff(operator: Client) -> None:
    OutageDay.objects.create(
        day=date(2026, 11, 3), reason="Recorded downtime.", created_at=datetime.now(UTC)
    )

    assert "Recorded downtime. recorded downtime" in read(operator, OUTAGES)


class TestForeseeing:
    def preview(self, first: int, last: int, *, now: datetime) -> ShieldEffect:
        """Foresee a shield of some days."""
        return streaks.preview_shield(first_day=at(first).date(), last_day=at(last).date(), now=now)

    def test_who_has_not_played_on_a_day_that_is_not_over_is_waiting(self) -> None:
        played, waiting, idle = PlayerFactory.create_batch(3)
        play(played, MONDAY, TUESDAY)
        play(waiting, MONDAY)
        play(idle, MONDAY - 9)
        streaks.roll_over_due(now=at(MONDAY), after=0, limit=9)

        assert self.preview(TUESDAY, TUESDAY, now=at(TUESDAY)).waiting == 1

    def test_days_that_are_shielded_already_give_nothing_back_again(self) -> None:
        player = PlayerFactory.create()
        play(player, MONDAY, WEDNESDAY)
        streaks.shield(
            first_day=at(TUESDAY).date(),
            last_day=at(TUESDAY).date(),
            staff=make_staff("Operator"),
            reason="Down.",
            now=at(WEDNESDAY),
        )

        assert self.preview(TUESDAY, WEDNESDAY, now=at(THURSDAY)) == ShieldEffect(
            shielded_before=1, restored={}, waiting=0
        )

    def test_it_counts_so_far_and_no_further(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(streaks, "COUNTED_MAX", 2)
        for player in PlayerFactory.create_batch(3):
            play(player, MONDAY, WEDNESDAY)

        effect = self.preview(TUESDAY, THURSDAY, now=at(THURSDAY))

        assert effect == ShieldEffect(shielded_before=0, restored={Outcome.MISSED: 2}, waiting=2)

    def test_it_is_three_statements(self, django_assert_num_queries: object) -> None:
        player: Player = PlayerFactory.create()
        play(player, MONDAY)

        with django_assert_num_queries(3):  # type: ignore[operator]
            self.preview(TUESDAY, TUESDAY, now=at(TUESDAY) + timedelta(hours=1))
