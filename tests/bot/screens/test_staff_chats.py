"""Linking a chat to a member of staff: by a code from that chat, once, and not by guessing."""

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from django.utils import timezone

from bot.chat.models import StaffPlayer
from bot.screens.staff_chats import linking as staff_chats
from bot.screens.staff_chats.linking import TooManyWrongCodesError, WrongCodeError
from quizarena.staff.models import AuditEntry, ChatLinkCode, ChatLinkFailures
from tests.concurrency import meet_after, run_together, take_row_locks_away
from tests.conftest import Road
from tests.factories import PlayerFactory, make_staff

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.mark.django_db
class TestCode:
    def test_it_links_the_chat_that_sends_it_and_is_written_down(self) -> None:
        staff, player = make_staff("Operator"), PlayerFactory.create(username="anna")

        code = staff_chats.make_code(staff=staff, now=NOON)
        assert staff_chats.link(player=player, code=f" {code.lower()} ", now=NOON) == staff

        assert StaffPlayer.objects.get().player == player
        entry = AuditEntry.objects.get(action="staff.chat_linked")
        assert entry.summary == "operator gets test messages as @anna."
        assert code not in f"{entry.summary}{entry.details}"

    def test_it_is_stored_as_a_hash(self) -> None:
        code = staff_chats.make_code(staff=make_staff("Operator"), now=NOON)

        assert code not in str(ChatLinkCode.objects.values().get())

    def test_it_works_once(self) -> None:
        first, second = PlayerFactory.create(), PlayerFactory.create()
        code = staff_chats.make_code(staff=make_staff("Operator"), now=NOON)
        staff_chats.link(player=first, code=code, now=NOON)

        with pytest.raises(WrongCodeError):
            staff_chats.link(player=second, code=code, now=NOON)

        assert StaffPlayer.objects.get().player == first

    def test_it_is_valid_for_ten_minutes(self) -> None:
        staff, player = make_staff("Operator"), PlayerFactory.create()
        code = staff_chats.make_code(staff=staff, now=NOON)

        with pytest.raises(WrongCodeError):
            staff_chats.link(player=player, code=code, now=NOON + timedelta(minutes=10))
        staff_chats.link(player=player, code=code, now=NOON + timedelta(minutes=9, seconds=59))

    def test_the_next_one_takes_its_place(self) -> None:
        staff, player = make_staff("Operator"), PlayerFactory.create()
        old = staff_chats.make_code(staff=staff, now=NOON)
        staff_chats.make_code(staff=staff, now=NOON)

        with pytest.raises(WrongCodeError):
            staff_chats.link(player=player, code=old, now=NOON)

    def test_who_has_left_is_linked_to_nothing(self) -> None:
        code = staff_chats.make_code(staff=make_staff("Operator", is_active=False), now=NOON)

        with pytest.raises(WrongCodeError):
            staff_chats.link(player=PlayerFactory.create(), code=code, now=NOON)

    def test_after_five_wrong_codes_a_chat_waits_an_hour(self) -> None:
        player = PlayerFactory.create()
        code = staff_chats.make_code(staff=make_staff("Operator"), now=NOON + timedelta(minutes=55))
        for _ in range(5):
            with pytest.raises(WrongCodeError):
                staff_chats.link(player=player, code="WRONG", now=NOON)

        for minutes in (0, 59):
            with pytest.raises(TooManyWrongCodesError):
                staff_chats.link(player=player, code=code, now=NOON + timedelta(minutes=minutes))
        staff_chats.link(player=player, code=code, now=NOON + timedelta(minutes=60))

        assert StaffPlayer.objects.get().player == player

    def test_other_chats_do_not_wait_with_it(self) -> None:
        code = staff_chats.make_code(staff=make_staff("Operator"), now=NOON)
        ChatLinkFailures.objects.create(
            telegram_id=PlayerFactory.create().telegram_id, since=NOON, times=5
        )

        staff_chats.link(player=PlayerFactory.create(), code=code, now=NOON)


@pytest.mark.django_db(transaction=True)
class TestConcurrency:
    def test_of_two_chats_with_one_code_one_is_linked(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        results = self.race(monkeypatch)

        assert sorted(type(result).__name__ for result in results) == ["User", "WrongCodeError"]

    def test_without_the_lock_both_read_that_they_are_linked(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the test above can fail: take the lock away, and it must."""
        take_row_locks_away(monkeypatch)

        results = self.race(monkeypatch)

        assert [type(result).__name__ for result in results] == ["User", "User"]

    def race(self, monkeypatch: pytest.MonkeyPatch) -> list[object]:
        """Let two chats send the same code at once."""
        players = [PlayerFactory.create(), PlayerFactory.create()]
        code = staff_chats.make_code(staff=make_staff("Operator"), now=NOON)
        meet_after(monkeypatch, staff_chats, "_lock_code")
        return run_together(
            *(partial(staff_chats.link, player=player, code=code, now=NOON) for player in players)
        )


class TestTheChat:
    def test_a_wrong_code_says_what_to_do(self, road: Road) -> None:
        anna = road.sandbox.add_player("Anna", language_code="en")
        ChatLinkFailures.objects.create(telegram_id=anna, since=timezone.now(), times=4)

        assert "Get a new one in the admin" in road.say(anna, "/start link_WRONG")["text"]
        assert "Too many wrong codes" in road.say(anna, "/start link_WRONG")["text"]

        assert ChatLinkFailures.objects.get().times == 5

    def test_whoever_is_not_meant_unlinks_the_chat(self, road: Road) -> None:
        anna = road.sandbox.add_player("Anna", language_code="en")
        code = staff_chats.make_code(staff=make_staff("Operator"), now=timezone.now())
        answer = road.say(anna, f"/start link_{code}")
        assert "for the staff account operator" in answer["text"]
        assert "Send /unlink." in answer["text"]

        assert "gets no more messages for staff" in road.say(anna, "/unlink")["text"]
        assert "is not linked" in road.say(anna, "/unlink")["text"]

        assert not StaffPlayer.objects.exists()
        assert AuditEntry.objects.filter(action="staff.chat_unlinked").count() == 1
