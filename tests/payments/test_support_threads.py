"""A support request as a conversation: messages, answers, notes, templates, durations."""

import re
from datetime import timedelta
from functools import partial

import pytest
from django.contrib.auth.models import Permission, User
from django.db import DatabaseError, transaction
from django.test import Client

from payments import support, support_templates
from payments.errors import AnsweredError, NotAnsweredError, UnknownPlaceholderError
from payments.models import SupportRequest, SupportTemplate
from quizarena.players import notes
from quizarena.players.models import Player
from quizarena.staff import inbox
from quizarena.staff.models import AuditEntry, InboxClaim
from tests.concurrency import meet_after, run_together
from tests.factories import PlayerFactory, make_staff
from tests.payments.steps import DAY, MINUTE, NOON, buy

pytestmark = pytest.mark.django_db

REQUESTS = "/admin/payments/supportrequest/"
TEMPLATES = "/admin/payments/supporttemplate/"


@pytest.fixture
def staff(client: Client) -> User:
    """Return the member of support who is logged in."""
    user = make_staff("Support")
    client.force_login(user)
    return user


def ask(player: Player, text: str = "Wo ist meine Energie?", *, minutes: int = 0) -> SupportRequest:
    """Use /paysupport."""
    return support.ask(player=player, text=text, now=NOON + minutes * MINUTE)


def answer(
    request: SupportRequest, staff: User, text: str = "Da.", *, minutes: int = 10
) -> SupportRequest:
    """Answer it."""
    return support.answer(
        request_id=request.pk, text=text, staff=staff, now=NOON + minutes * MINUTE
    )


def make_template(**fields: str) -> SupportTemplate:
    """Return a template that greets by name."""
    texts = {
        "name": "Greeting",
        "text_de": "Hallo {first_name}, zu {purchase}:",
        "text_en": "Hello {first_name}, about {purchase}:",
        "text_uk": "Привіт, {first_name}, про {purchase}:",
    }
    return SupportTemplate.objects.create(**(texts | fields))


class TestThread:
    def test_what_the_player_writes_before_it_is_solved_belongs_to_it(
        self, player: Player, staff: User
    ) -> None:
        first = ask(player)
        second = ask(player, "Und?", minutes=1)
        answer(second, staff)
        third = ask(player, "Danke!", minutes=20)
        answer(third, staff, minutes=30)
        support.solve(request_id=third.pk, staff=staff, now=NOON + 40 * MINUTE)

        fourth = ask(player, "Noch etwas.", minutes=50)

        assert [first.thread, second.thread, third.thread, fourth.thread] == [
            None,
            first,
            first,
            None,
        ]
        assert list(support.thread_of(second)) == [first, second, third]

    def test_one_answer_is_for_all_that_was_written_before_it(
        self, player: Player, staff: User
    ) -> None:
        first, second, third = ask(player), ask(player, "Und?"), ask(player, "Hallo?")

        answer(second, staff)

        first.refresh_from_db()
        third.refresh_from_db()
        assert (first.answer, first.answered_by) == ("", staff)
        assert third.answered_at is None
        # Only one message goes to the player.
        assert list(SupportRequest.objects.answer_due()) == [second]

    def test_it_is_solved_when_all_is_answered_and_once(self, player: Player, staff: User) -> None:
        first = ask(player)
        solve = partial(support.solve, request_id=first.pk, staff=staff, now=NOON + DAY)
        with pytest.raises(NotAnsweredError):
            solve()
        answer(first, staff)

        solved = solve()
        with pytest.raises(AnsweredError):
            solve()

        assert (solved.solved_at, solved.solved_by) == (NOON + DAY, staff)

    def test_whoever_has_answered_has_what_is_written_next(
        self, player: Player, staff: User
    ) -> None:
        answer(ask(player), staff)

        second = ask(player, "Und?", minutes=20)

        assert InboxClaim.objects.get(object_id=str(second.pk)).owner == staff

    def test_whoever_has_claimed_it_has_what_is_written_next(
        self, player: Player, staff: User
    ) -> None:
        source = inbox.sources["support-requests"]
        inbox.claim(source=source, pk=str(ask(player).pk), staff=staff, now=NOON)

        second = ask(player, "Und?", minutes=1)

        assert InboxClaim.objects.get(object_id=str(second.pk)).owner == staff

    def test_who_has_left_has_nothing(self, player: Player, staff: User) -> None:
        answer(ask(player), staff)
        User.objects.update(is_active=False)

        second = ask(player, "Und?", minutes=20)

        assert not InboxClaim.objects.filter(object_id=str(second.pk)).exists()

    def test_who_is_not_of_support_any_more_has_nothing(self, player: Player, staff: User) -> None:
        source = inbox.sources["support-requests"]
        inbox.claim(source=source, pk=str(ask(player).pk), staff=staff, now=NOON)
        staff.groups.clear()

        second = ask(player, "Und?", minutes=20)

        # So somebody else can claim it.
        assert not InboxClaim.objects.filter(object_id=str(second.pk)).exists()


class TestDurations:
    def test_median_and_ninth_tenth_of_the_last_thirty_days(self, staff: User) -> None:
        for minutes in (10, 20, 30, 40, 120):
            request = ask(PlayerFactory.create())
            answer(request, staff, minutes=minutes)
            support.solve(request_id=request.pk, staff=staff, now=NOON + (minutes + 5) * MINUTE)

        found = support.first_answers(now=NOON + DAY)
        solved = support.solutions(now=NOON + DAY)

        assert found.median == timedelta(minutes=30)
        assert found.p90 == timedelta(minutes=88)
        assert solved.median == timedelta(minutes=35)
        assert support.first_answers(now=NOON + 40 * DAY).median is None

    def test_further_messages_of_a_thread_do_not_count(self, player: Player, staff: User) -> None:
        answer(ask(player), staff)
        answer(ask(player, "Und?", minutes=20), staff, minutes=500)

        assert support.first_answers(now=NOON + DAY).median == timedelta(minutes=10)
        assert support.solutions(now=NOON + DAY).median is None


class TestTemplates:
    def test_it_is_filled_in_in_the_players_language(self) -> None:
        player = PlayerFactory.create(first_name="Олена", language="uk")
        buy(player, "PREMIUM_MONTH")

        text = support_templates.fill(make_template(), player=player)

        assert text == "Привіт, Олена, про Преміум Місяць:"

    def test_what_is_not_there_stays_to_be_seen(self, player: Player) -> None:
        text = support_templates.fill(make_template(), player=player, language="en")

        assert text == "Hello Anna, about {purchase}:"
        assert support_templates.unfilled(text) == ["purchase"]

    @pytest.mark.parametrize(
        "text", ["Hello {frist_name}", "Hello {}", "Hello {first_name", "a } b"]
    )
    def test_what_nothing_fills_is_refused(self, text: str) -> None:
        with pytest.raises(UnknownPlaceholderError):
            support_templates.check(text)

    def test_the_page_names_the_mistake_and_what_there_is(
        self, client: Client, staff: User
    ) -> None:
        texts = {"name": "X", "text_de": "a", "text_en": "Hi {frist_name}", "text_uk": "b"}

        page = client.post(f"{TEMPLATES}add/", {**texts, "is_active": "on"}).content.decode()

        assert "There is no placeholder {frist_name}." in page
        assert "{first_name}, {purchase}, {stars}, {paid_on}" in page
        assert not SupportTemplate.objects.exists()

    def test_an_operator_sees_it_as_a_player_would_get_it(self, client: Client) -> None:
        client.force_login(make_staff("Operator"))
        player = PlayerFactory.create(username="berta", first_name="Berta")
        template = make_template()

        page = client.post(
            f"{TEMPLATES}{template.pk}/preview/", {"player": f"@{player.username}"}
        ).content.decode()

        assert "Hallo Berta, zu {purchase}:" in page
        assert "nothing for {purchase}" in page
        nobody = client.post(f"{TEMPLATES}{template.pk}/preview/", {"player": "@nobody"})
        assert "No player is found by that." in nobody.content.decode()

    def test_it_fills_the_box_and_what_is_missing_is_not_sent(
        self, client: Client, staff: User
    ) -> None:
        asked = ask(PlayerFactory.create(first_name="Berta", language="de"))
        template = make_template()
        page = f"{REQUESTS}{asked.pk}/answer/"

        shown = client.get(page, {"template": str(template.pk)}).content.decode()
        refused = client.post(page, {"answer": "Zu {purchase}:", "confirm": "1"})

        assert "Hallo Berta, zu {purchase}:" in shown
        assert "Nothing is known to put in place of {purchase}" in refused.content.decode()
        asked.refresh_from_db()
        assert asked.answered_at is None


class TestPage:
    def test_it_shows_the_conversation_in_the_order_of_time(
        self, client: Client, staff: User, player: Player
    ) -> None:
        first = ask(player, "First words")
        answer(first, staff, "An answer")
        notes.add(
            player=player,
            text="A note to us",
            is_pinned=False,
            author=staff,
            now=NOON + 15 * MINUTE,
            subject=first,
        )
        second = ask(player, "More words", minutes=20)

        page = client.get(f"{REQUESTS}{second.pk}/change/").content.decode()
        page = page[page.index('data-testid="thread"') :]

        places = [
            page.index(text) for text in ("First words", "An answer", "A note to us", "More words")
        ]
        assert places == sorted(places)

    def test_who_may_not_read_notes_does_not_see_them(self, client: Client, player: Player) -> None:
        author = make_staff("Support")
        first = ask(player)
        notes.add(
            player=player,
            text="A note to us",
            is_pinned=False,
            author=author,
            now=NOON,
            subject=first,
        )
        reader = make_staff("Editor")
        reader.user_permissions.add(Permission.objects.get(codename="view_supportrequest"))
        client.force_login(reader)

        page = client.get(f"{REQUESTS}{first.pk}/change/")

        assert page.status_code == 200
        assert "A note to us" not in page.content.decode()

    def test_answer_and_solve_at_once(self, client: Client, staff: User, player: Player) -> None:
        asked = ask(player)

        done = client.post(
            f"{REQUESTS}{asked.pk}/answer/",
            {"answer": "Da.", "solves": "on", "confirm": "1"},
            follow=True,
        )

        assert "The request is solved." in done.content.decode()
        asked.refresh_from_db()
        assert asked.solved_by == staff
        assert AuditEntry.objects.filter(action="supportrequest.solved").count() == 1

    def test_what_came_meanwhile_is_not_solved(
        self, client: Client, staff: User, player: Player
    ) -> None:
        asked = ask(player)
        ask(player, "Und?", minutes=1)

        done = client.post(
            f"{REQUESTS}{asked.pk}/answer/",
            {"answer": "Da.", "solves": "on", "confirm": "1"},
            follow=True,
        )

        assert "has written again, so it is not solved" in done.content.decode()
        asked.refresh_from_db()
        assert asked.solved_at is None

    def test_a_note_stands_here_and_with_the_player(
        self, client: Client, staff: User, player: Player
    ) -> None:
        asked = ask(player)

        client.post(f"{REQUESTS}{asked.pk}/note/", {"text": "Called before.", "confirm": "1"})

        assert [one.text for one in notes.on(asked)] == ["Called before."]
        assert [one.text for one in notes.of_player(player)] == ["Called before."]

    def test_the_list_says_whose_it_is_and_how_long_players_wait(
        self, client: Client, staff: User, player: Player
    ) -> None:
        source = inbox.sources["support-requests"]
        inbox.claim(source=source, pk=str(ask(player).pk), staff=staff, now=NOON)

        page = client.get(REQUESTS).content.decode()

        assert "First answer, last 30 days" in page
        assert re.search(r"field-owner[^>]*>\s*support\s*<", page)


class TestDatabaseSaysNo:
    def test_a_further_message_solved_alone(self, player: Player, staff: User) -> None:
        answer(ask(player), staff)
        second = ask(player, "Und?", minutes=20)
        answer(second, staff, minutes=30)

        with pytest.raises(DatabaseError, match="solved_as_a_thread"), transaction.atomic():
            SupportRequest.objects.filter(pk=second.pk).update(solved_at=NOON)

    def test_solved_without_an_answer(self, player: Player) -> None:
        ask(player)

        with pytest.raises(DatabaseError, match="solved_as_a_thread"), transaction.atomic():
            SupportRequest.objects.update(solved_at=NOON)

    def test_a_template_without_a_language(self) -> None:
        with pytest.raises(DatabaseError, match="every_language"), transaction.atomic():
            make_template(text_uk="")


@pytest.mark.django_db(transaction=True)
class TestTwoAtOnce:
    """The player writes again while support stores that it is solved."""

    def answered(self) -> SupportRequest:
        first = ask(PlayerFactory.create())
        return answer(first, make_staff("Support"))

    def together(self, first: SupportRequest) -> SupportRequest:
        assert first.answered_by is not None
        run_together(
            partial(ask, first.player, "Und?", minutes=20),
            partial(support.solve, request_id=first.pk, staff=first.answered_by, now=NOON + DAY),
        )
        first.refresh_from_db()
        return first

    def test_the_message_is_of_a_new_request_or_keeps_the_old_one_open(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = self.answered()
        meet_after(monkeypatch, support, "_lock_unsolved", "_lock_thread")

        first = self.together(first)

        is_of_it = SupportRequest.objects.filter(thread=first).exists()
        assert (first.solved_at is None) == is_of_it

    def test_without_the_lock_it_is_lost_in_a_solved_request(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Show that the test above can fail: take the lock away, and it must."""
        first = self.answered()
        monkeypatch.setattr(
            support,
            "_lock_unsolved",
            lambda player: SupportRequest.objects.get(player=player, solved_at=None),
        )
        meet_after(monkeypatch, support, "_lock_unsolved", "_lock_thread")

        first = self.together(first)

        assert first.solved_at is not None
        assert SupportRequest.objects.filter(thread=first).exists()
