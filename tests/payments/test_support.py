"""What players ask about their payments, and one answer to each."""

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from django.db import IntegrityError, transaction

from payments import support
from payments.errors import AnsweredError, DailyLimitError, TooManyRequestsError
from payments.models import SupportRequest
from quizarena.players import services as players
from quizarena.players.models import Player
from tests.concurrency import meet_after, run_together
from tests.factories import PlayerFactory, make_staff
from tests.payments.steps import DAY, MINUTE, NOON

pytestmark = pytest.mark.django_db


def ask(player: Player, text: str = "Wo ist meine Energie?") -> SupportRequest:
    """Use /paysupport."""
    return support.ask(player=player, text=text, now=NOON)


def test_a_request_waits_for_an_answer(player: Player) -> None:
    first = ask(player, "  Wo ist meine Energie?\n")
    second = support.ask(player=PlayerFactory.create(), text="Hallo?", now=NOON - MINUTE)

    assert first.text == "Wo ist meine Energie?"
    # The oldest is answered first.
    assert list(SupportRequest.objects.unanswered()) == [second, first]


def test_the_bot_sends_the_answer(player: Player) -> None:
    request, staff = ask(player), make_staff("Support")

    support.answer(request_id=request.pk, text=" Sie ist da. ", staff=staff, now=NOON + MINUTE)

    request.refresh_from_db()
    assert (request.answer, request.answered_by) == ("Sie ist da.", staff)
    assert request.answered_at == NOON + MINUTE
    assert list(SupportRequest.objects.answer_due()) == [request]
    assert not SupportRequest.objects.unanswered().exists()


def test_there_is_one_answer(player: Player) -> None:
    request, staff = ask(player), make_staff("Support")
    support.answer(request_id=request.pk, text="Sie ist da.", staff=staff, now=NOON)

    with pytest.raises(AnsweredError):
        support.answer(request_id=request.pk, text="Nein.", staff=staff, now=NOON)

    request.refresh_from_db()
    assert request.answer == "Sie ist da."


def test_five_may_wait_at_once(player: Player) -> None:
    requests = [ask(player) for _ in range(5)]
    with pytest.raises(TooManyRequestsError):
        ask(player)
    ask(PlayerFactory.create())

    support.answer(request_id=requests[0].pk, text="Ja.", staff=make_staff("Support"), now=NOON)

    support.ask(player=player, text="Und?", now=NOON + DAY)
    assert SupportRequest.objects.filter(player=player).count() == 6


def test_five_a_day_of_berlin(player: Player) -> None:
    staff = make_staff("Support")
    before_midnight = datetime(2026, 11, 2, 22, 59, 59, tzinfo=UTC)
    for _ in range(5):
        request = support.ask(player=player, text="Und?", now=before_midnight)
        support.answer(request_id=request.pk, text="Ja.", staff=staff, now=before_midnight)

    with pytest.raises(DailyLimitError) as refused:
        support.ask(player=player, text="Und?", now=before_midnight)
    support.ask(player=player, text="Und?", now=before_midnight + timedelta(seconds=1))

    assert refused.value.limit == 5


def test_a_request_says_or_shows_something(player: Player) -> None:
    with pytest.raises(IntegrityError, match="supportrequest_says_something"), transaction.atomic():
        ask(player, "")

    pictures = [{"kind": "photo", "file_id": "f"}]
    support.ask(player=player, text="", attachments=pictures, now=NOON)


@pytest.mark.django_db(transaction=True)
class TestConcurrency:
    """Two at once."""

    def test_two_who_answer_give_one_answer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        request, staff = ask(PlayerFactory.create()), make_staff("Support")
        meet_after(monkeypatch, SupportRequest, "save")
        answer = partial(support.answer, request_id=request.pk, staff=staff, now=NOON)

        results = run_together(partial(answer, text="Ja."), partial(answer, text="Nein."))

        assert sorted(type(result).__name__ for result in results) == [
            "AnsweredError",
            "SupportRequest",
        ]

    def test_without_the_lock_the_second_answer_replaces_the_first(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the test above can fail."""
        request, staff = ask(PlayerFactory.create()), make_staff("Support")
        rows = SupportRequest.objects.get_queryset()
        monkeypatch.setattr(type(rows), "select_for_update", lambda rows, **_: rows.all())
        meet_after(monkeypatch, type(rows), "get")
        answer = partial(support.answer, request_id=request.pk, staff=staff, now=NOON)

        results = run_together(partial(answer, text="Ja."), partial(answer, text="Nein."))

        assert [type(result).__name__ for result in results] == ["SupportRequest"] * 2

    def test_the_sixth_does_not_slip_in_beside_the_fifth(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        player = PlayerFactory.create()
        for _ in range(4):
            ask(player)
        meet_after(monkeypatch, type(SupportRequest.objects.get_queryset()), "unanswered")

        results = run_together(partial(ask, player), partial(ask, player))

        assert sorted(type(result).__name__ for result in results) == [
            "SupportRequest",
            "TooManyRequestsError",
        ]

    def test_without_the_players_lock_it_does(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Show that the test above can fail: both have counted four."""
        player = PlayerFactory.create()
        for _ in range(4):
            ask(player)
        monkeypatch.setattr(players, "lock", lambda _: None)
        meet_after(monkeypatch, type(SupportRequest.objects.get_queryset()), "count")

        results = run_together(partial(ask, player), partial(ask, player))

        assert [type(result).__name__ for result in results] == ["SupportRequest"] * 2
