"""Templates: the terms of a draft under a name, from which others begin. Product rules, section 14.

What can have templates is registered by its app. A template has no effect by itself: what begins
with one is looked at by its form like anything that was typed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from quizarena.staff import audit
from quizarena.staff.errors import TemplateNameError
from quizarena.staff.models import DraftTemplate

NAME_MAX = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Something that begins from templates."""

    name: str
    label: str
    # Who may use, save, rename and delete such templates.
    permission: str
    # The page of the admin with the empty form; it takes the template as `template`.
    form_page: str
    # Returns on one line what the terms say.
    in_words: Callable[[Mapping[str, Any]], str]


_KINDS: dict[str, Kind] = {}


def register(kind: Kind) -> None:
    """Let something have templates; called when the process starts."""
    _KINDS[kind.name] = kind


def kinds() -> Mapping[str, Kind]:
    """Return what can have templates, by name."""
    return _KINDS


@transaction.atomic
def save(
    *, kind: str, name: str, terms: Mapping[str, Any], staff: User, now: datetime
) -> DraftTemplate:
    """Store terms as a template. Raises TemplateNameError for a name that is empty or taken."""
    template = DraftTemplate(
        kind=kind,
        name=_checked(name),
        terms=dict(terms),
        created_by=staff,
        created_at=now,
        changed_at=now,
    )
    _store(template)
    _record(template, "saved", staff=staff, details={"terms": template.terms})
    return template


@transaction.atomic
def rename(*, template_id: int, name: str, staff: User, now: datetime) -> DraftTemplate:
    """Give a template another name; the same one changes nothing. Locks it.

    Raises TemplateNameError for a name that is empty or taken, or if the template is gone.
    """
    template = _lock(template_id)
    before, name = template.name, _checked(name)
    if name == before:
        return template
    template.name, template.changed_at = name, now
    _store(template)
    _record(template, "renamed", staff=staff, details={"name": [before, name]})
    return template


@transaction.atomic
def delete(*, template_id: int, staff: User) -> None:
    """Delete a template; what has begun with it stays. Locks it.

    Raises TemplateNameError if it is gone.
    """
    template = _lock(template_id)
    _record(template, "deleted", staff=staff, details={"terms": template.terms})
    template.delete()


def _lock(template_id: int) -> DraftTemplate:
    template = DraftTemplate.objects.select_for_update().filter(pk=template_id).first()
    if template is None:
        raise TemplateNameError("The template has been deleted.")
    return template


def _checked(name: str) -> str:
    name = " ".join(name.split())
    if not 1 <= len(name) <= NAME_MAX:
        raise TemplateNameError(f"A template needs a name of up to {NAME_MAX} characters.")
    return name


def _store(template: DraftTemplate) -> None:
    try:
        with transaction.atomic():
            template.save()
    except IntegrityError:
        raise TemplateNameError(f"There is a template “{template.name}” already.") from None


def _record(template: DraftTemplate, verb: str, *, staff: User, details: Mapping[str, Any]) -> None:
    audit.record(
        actor=staff,
        action=f"template.{verb}",
        obj=template,
        summary=f"Template {template}: {verb}.",
        details={"kind": template.kind, **details},
    )


def terms_of(*, kind: str, given: str) -> Mapping[str, Any] | None:
    """Return the terms and the name of the template that an address names; None without one."""
    if not (given.isascii() and given.isdecimal() and len(given) < 19):
        return None
    template = DraftTemplate.objects.filter(kind=kind, pk=int(given)).first()
    return None if template is None else {**template.terms, "name": template.name}
