"""Fair play at the desk: the list, the rows behind a finding, and the verdicts."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.test import Client

from quizarena.game import fair_play
from quizarena.game.models import FairPlayFinding
from quizarena.players.models import Player
from quizarena.staff.models import AuditEntry
from tests.factories import PlayerFactory, make_staff
from tests.game.challenges import make_bank
from tests.game.played import DAY, NOON, TODAY, answer_daily, answer_round, draw_day
from tests.game.reviewing import make_card, start, tap
from tests.game.test_fair_play import FAST, NIGHT, duels, found, sprint_answers
from tests.game.test_sprints import make_nouns

pytestmark = pytest.mark.django_db

LIST = "/admin/game/fairplayfinding/"


@pytest.fixture
def operator(client: Client) -> Client:
    """Return a browser in which an operator is logged in."""
    client.force_login(make_staff("Operator"))
    return client


def text(html: bytes) -> str:
    """Return what one reads on a page."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html.decode())).split())


def only() -> FairPlayFinding:
    """Let the job look, and return the one thing that it finds."""
    fair_play.find(now=NIGHT)
    return FairPlayFinding.objects.get()


def page_of(finding: FairPlayFinding) -> str:
    """Return the address of a finding's page."""
    return f"{LIST}{finding.pk}/change/"


def named(name: str, **fields: object) -> Player:
    """Return a new player of this user name."""
    made: Player = PlayerFactory.create(username=name, **fields)
    return made


class TestList:
    def test_it_says_who_what_and_how_much(self, operator: Client) -> None:
        found(player=named("anna"))

        page = text(operator.get(LIST).content)

        assert "Answers too fast @anna 16 Dec 2026 20 of 30 answers under 0.7 s open" in page

    def test_it_is_filtered_by_state_and_found_by_either_player(self, operator: Client) -> None:
        anna, ben, cleo = named("anna"), named("ben"), named("cleo")
        found(player=anna)
        monday = TODAY - 2 * DAY
        found(
            kind="SAME_ANSWERS",
            player=ben,
            other=cleo,
            first_day=monday,
            last_day=monday + 6 * DAY,
            figures={"questions": 14, "wrong": 8},
        )

        for term in ("ben", "cleo", str(cleo.telegram_id)):
            page = text(operator.get(LIST, {"q": term}).content)
            assert (
                "Two accounts answer alike @ben – @cleo week of 14 Dec 2026 "
                "14 questions, all alike, 8 wrong open"
            ) in page
            assert "@anna" not in page
        assert "@anna" in text(operator.get(LIST, {"state__exact": "OPEN"}).content)
        assert "@anna" not in text(operator.get(LIST, {"state__exact": "CONFIRMED"}).content)
        assert "@anna" not in text(operator.get(LIST, {"kind__exact": "SAME_ANSWERS"}).content)

    def test_the_sidebar_counts_what_is_open(self, operator: Client) -> None:
        assert re.search(r"balance Fair play (?!\d)", text(operator.get("/admin/").content))
        one = found()
        found()
        assert "balance Fair play 2" in text(operator.get("/admin/").content)

        operator.post(f"{LIST}{one.pk}/dismiss/decide/", {"reason": "Fine.", "confirm": "1"})

        assert "balance Fair play 1" in text(operator.get("/admin/").content)


class TestPage:
    def test_the_answers_that_were_too_fast(self, operator: Client) -> None:
        anna = named("anna")
        played = answer_round(anna, *[True] * 12, False, took=FAST)
        answer_round(anna, *[True] * 30)
        answer_daily(anna, draw_day(TODAY), "1" * 7, took=timedelta(seconds=0.25))

        page = text(operator.get(page_of(only())).content)

        assert "20 of 50 answers under 0.7 s" in page
        assert page.count("0.70 s") == 13
        assert page.count("0.25 s") == 7
        assert (
            f"16 Dec 2026, 12:00:00 round {played.pk} Welcher Artikel passt zu „Tisch“? wrong"
        ) in page
        assert "daily challenge Welcher Artikel passt zu „Tisch“? right 0.25 s" in page

    def test_the_answers_of_a_duel_and_the_placement_that_were_too_fast(
        self, operator: Client
    ) -> None:
        make_bank("QUICK_MIX_A1A2", A1=30)
        anna, ben = named("anna"), named("ben")
        duels(anna, ben, 1)
        answer_round(anna, *[True] * 17, took=FAST)

        page = text(operator.get(page_of(only())).content)

        assert page.count("0.00 s") == 3
        assert re.search(r"duel \d+ Frage A1 \d+\? right 0\.00 s", page)

    def test_those_of_sprints_and_reviews(self, operator: Client) -> None:
        anna = named("anna")
        answer_round(anna, *[True] * 9, took=FAST)
        make_nouns()
        sprint_answers(anna, 10, took=timedelta(seconds=0.5))
        make_card(anna)
        tap(anna, start(anna), now=NOON + timedelta(seconds=0.25))

        page = text(operator.get(page_of(only())).content)

        assert "20 of 20 answers under 0.7 s" in page
        nouns = r"sprint \d+ Welcher Artikel gehört zu „Wort \d+“\? right 0\.50 s"
        assert len(re.findall(nouns, page)) == 10
        assert "review Frage 0? right 0.25 s" in page

    def test_what_both_have_answered(self, operator: Client) -> None:
        make_bank("QUICK_MIX_A1A2", A1=30)
        anna, ben = named("anna"), named("ben")
        daily_set = draw_day(TODAY)
        for player in (anna, ben):
            answer_daily(player, daily_set, "1100000")
        answer_daily(anna, draw_day(TODAY - DAY), "2222222")
        duels(anna, ben, 1, own=(True, False, False), others=(True, False, False))
        Player.objects.filter(pk=ben.pk).update(suspended_at=NOON)

        page = text(operator.get(page_of(only())).content)

        assert "In Question Right answer @anna @ben" in page
        question = "Daily challenge of 16 Dec 2026 Welcher Artikel passt zu „Tisch“? der"
        assert page.count(f"{question} wrong die wrong die") == 5
        assert page.count(f"{question} der der") == 2
        assert "Daily challenge of 15 Dec 2026" not in page
        pair = r"Duel \d+ Frage A1 \d+\? richtig \d+ wrong falsch \d+ wrong falsch"
        assert len(re.findall(pair, page)) == 2
        assert "@ben suspended" in page

    def test_the_duels_of_the_two(self, operator: Client) -> None:
        make_bank("QUICK_MIX_A1A2", A1=30)
        anna, ben, cleo = named("anna"), named("ben"), named("cleo")
        for index in range(5):
            duels(anna, ben, 1, now=NOON - 2 * DAY + index // 2 * DAY)
        duels(anna, cleo, 1)

        page = text(operator.get(page_of(only())).content)

        assert "5 duels lost, none won" in page
        assert len(re.findall(r"Duel \d+ 1\d Dec 2026, 12:00:00 completed 1:2 lost", page)) == 5
        assert "With others: 1." in page

    def test_many_rows_are_cut(self, operator: Client) -> None:
        answer_round(named("anna"), *[True] * 203, took=FAST)

        page = text(operator.get(page_of(only())).content)

        assert page.count("0.70 s") == 200
        assert "3 more are not shown." in page

    def test_nothing_can_be_edited(self, operator: Client) -> None:
        one = found()

        assert 'name="_save"' not in operator.get(page_of(one)).content.decode()
        assert operator.post(page_of(one), {"state": "CONFIRMED"}).status_code == 403

    def test_the_page_of_a_player_has_the_findings(self, client: Client) -> None:
        anna = named("anna")
        found(player=anna)
        address = f"/admin/players/player/{anna.pk}/change/"
        client.force_login(make_staff("Support"))

        page = text(client.get(address).content)

        assert (
            "Fair play What Of Figures Other player State "
            "answers too fast 16 Dec 2026 20 of 30 answers under 0.7 s – open"
        ) in page
        client.force_login(make_staff("Finance"))
        assert "answers too fast" not in text(client.get(address).content)


class TestVerdict:
    @pytest.mark.parametrize(
        ("verdict", "state"), [("dismiss", "dismissed"), ("confirm", "confirmed")]
    )
    def test_it_asks_for_a_note_and_says_what_changes(
        self, operator: Client, verdict: str, state: str
    ) -> None:
        one = found(player=named("anna"))
        address = f"{LIST}{one.pk}/{verdict}/decide/"

        page = text(operator.get(address).content)
        preview = text(operator.post(address, {"reason": "Looked at it."}).content)
        done = operator.post(address, {"reason": "Looked at it.", "confirm": "1"}, follow=True)

        assert f"{verdict.capitalize()}: Answers too fast, @anna" in page
        assert "It takes nothing from anybody" in page
        assert f"State open {state}" in preview
        assert f"The finding is {state}." in text(done.content)
        assert "by operator" in text(done.content)
        assert "Looked at it." in text(done.content)
        one.refresh_from_db()
        assert one.state == state.upper()
        entry = AuditEntry.objects.get(action=f"fairplayfinding.{state}")
        assert entry.summary == f"finding {one.pk}: {state}. Looked at it."

    def test_without_a_note_it_stays_open(self, operator: Client) -> None:
        one = found()

        operator.post(f"{LIST}{one.pk}/confirm/decide/", {"reason": " ", "confirm": "1"})

        one.refresh_from_db()
        assert one.state == "OPEN"

    def test_what_was_decided_meanwhile_is_refused(self, operator: Client) -> None:
        one = found()
        operator.post(f"{LIST}{one.pk}/dismiss/decide/", {"reason": "Fine.", "confirm": "1"})

        for step in ("preview", "confirm"):
            page = operator.post(f"{LIST}{one.pk}/confirm/decide/", {"reason": "No.", step: "1"})

            assert "Refused: The finding is dismissed already." in text(page.content)
        assert "Dismiss" not in text(operator.get(page_of(one)).content).partition("Figures")[2]

    def test_another_verdict_does_not_exist(self, operator: Client) -> None:
        assert operator.get(f"{LIST}{found().pk}/punish/decide/").status_code == 404

    def test_only_for_who_may_decide(self, client: Client) -> None:
        one = found()
        client.force_login(make_staff("Finance"))

        assert client.get(f"{LIST}{one.pk}/confirm/decide/").status_code == 403
        assert client.get(page_of(one)).status_code == 403
