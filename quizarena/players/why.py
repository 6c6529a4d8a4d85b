"""“Why?”: questions that players ask support, answered in words with the rows they come from.

What can be asked, the apps above declare. One page asks and shows all of them (product rules,
section 14).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.safestring import SafeString

from quizarena.players.models import Player
from quizarena.staff import dates
from quizarena.staff.desk import MomentInput, StaffAdmin, own_user


class WhyForm(forms.Form):
    """What has to be known for an answer about `player`; `now` is when it is asked."""

    def __init__(self, *args: Any, player: Player, now: datetime, **kwargs: Any) -> None:
        """Ask about `player`."""
        super().__init__(*args, **kwargs)
        self.player, self.now = player, now


class AtForm(WhyForm):
    """An instant of the past, in the business zone; it begins with now."""

    at = forms.DateTimeField(
        label=f"When, {dates.zone_name()}", widget=MomentInput(to_the_second=True)
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Begin with now."""
        super().__init__(*args, **kwargs)
        # With its zone: in the night when an hour comes twice, a time alone could be either.
        self.initial.setdefault("at", timezone.localtime(self.now))

    def clean_at(self) -> datetime:
        """Refuse what is yet to come, and what was before the player came."""
        at: datetime = self.cleaned_data["at"]
        joined = self.player.created_at
        if at > self.now:
            raise ValidationError("This instant is in the future: choose one in the past.")
        if at < joined:
            raise ValidationError(
                f"Choose a later instant: the player joined on {dates.moment(joined)}."
            )
        return at


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A sentence, what else is known, and the rows behind it, newest first."""

    sentence: str
    facts: Sequence[tuple[str, object]] = ()
    headers: Sequence[str] = ()
    rows: Sequence[Sequence[object]] = ()
    more: SafeString | None = None

    @property
    def table(self) -> Mapping[str, Sequence[object]]:
        """Return what Unfold's table component takes."""
        return {"headers": self.headers, "rows": self.rows}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Something that support is asked, for whoever has the permission.

    `answer` takes the player, the cleaned form and the moment, and writes nothing. What is secret
    is posted: addresses stay in the logs of web servers.
    """

    code: str
    title: str
    permission: str
    answer: Callable[[Player, Mapping[str, Any], datetime], Answer]
    form: type[WhyForm] = WhyForm
    is_secret: bool = False


_questions: dict[str, Question] = {}


def declare(question: Question) -> None:
    """Let the page answer `question`; they are offered in the order of declaration."""
    _questions[question.code] = question


def questions(*, user: User | AnonymousUser) -> list[Question]:
    """Return what the user may ask."""
    return [one for one in _questions.values() if user.has_perm(one.permission)]


def page(request: HttpRequest, pk: int, *, model_admin: StaffAdmin[Any]) -> HttpResponse:
    """Show what can be asked about a player, and the answer to what is asked."""
    known = questions(user=own_user(request))
    code = request.GET.get("question", "")
    asked = next((one for one in known if one.code == code or not code), None)
    if asked is None:
        raise PermissionDenied
    player, now = get_object_or_404(Player, pk=pk), timezone.now()
    form = _form(request, asked, player=player, now=now)
    answer = None
    if form.is_valid():
        answer = asked.answer(player, form.cleaned_data, now)
    context = {
        **model_admin.admin_site.each_context(request),
        "title": f"Why? – {player}",
        "opts": model_admin.opts,
        "media": model_admin.media,
        "player": player,
        "questions": known,
        "asked": asked,
        "form": form,
        "answer": answer,
    }
    return TemplateResponse(request, "players/why.html", context)


def _form(request: HttpRequest, asked: Question, *, player: Player, now: datetime) -> WhyForm:
    """Return the form as it was filled in, or as it begins if that is enough for an answer."""
    given = request.POST if asked.is_secret else request.GET
    empty = asked.form(player=player, now=now)
    if any(name in given for name in empty.fields):
        return asked.form(given, player=player, now=now)
    begins = {
        name: empty.get_initial_for_field(field, name) for name, field in empty.fields.items()
    }
    is_enough = all(
        begins[name] is not None for name, field in empty.fields.items() if field.required
    )
    return asked.form(begins, player=player, now=now) if is_enough else empty
