"""Attempts and redemptions as tables: on the page of a code, of a player, and in a search."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from economy.timeline import minute
from promos.admin.explanations import explain, short
from promos.errors import Refusal
from promos.models import Attempt, Campaign, Code, Redemption, RedemptionStatus
from quizarena.players.admin import TimelineSection
from quizarena.staff.desk import age, badge, object_link, page_link

# A table shows so many of the latest; the lists have all.
LENGTH = 20

STATUS_COLOURS = {
    RedemptionStatus.RESERVED: "info",
    RedemptionStatus.APPLIED: "success",
    RedemptionStatus.EXPIRED: "warning",
    RedemptionStatus.REVOKED: "danger",
}
# A refusal that says nothing against the player stands in a calmer colour.
REFUSAL_COLOURS = {Refusal.INVALID: "danger", Refusal.RATE_LIMITED: "danger"}


def campaign_link(campaign: Campaign | None) -> str | SafeString:
    """Return a link to the campaign, if there is one."""
    if campaign is None:
        return "–"
    return page_link(campaign, "promos.campaign", str(campaign.pk))


def code_link(code: Code | None) -> str | SafeString:
    """Return a link to the page of the code, if there is one."""
    return "unknown" if code is None else object_link(code, f"#{code.pk} {code.label}")


def outcome(attempt: Attempt) -> SafeString:
    """Return whether the attempt was accepted, or the refusal."""
    if not attempt.refusal:
        return badge("accepted", "success")
    refusal = Refusal(attempt.refusal)
    label = short(refusal.removeprefix("E_PROMO_"))
    return badge(label, REFUSAL_COLOURS.get(refusal, "warning"))


def why(attempt: Attempt) -> SafeString:
    """Return in a sentence what stood against it, or what has become of it."""
    sentence = explain(attempt.detail) if attempt.detail else f"{result(attempt.redemption)}."
    return in_lines(sentence)


def in_lines(text: str) -> SafeString:
    """Return text that may take several lines of a table's cell."""
    return format_html('<span class="desk-sentence">{}</span>', text)


def result(redemption: Redemption | None) -> str:
    """Return what has become of a redemption."""
    if redemption is None:
        return "–"
    if redemption.status == RedemptionStatus.APPLIED:
        return "Used"
    if redemption.status == RedemptionStatus.EXPIRED:
        return "The reservation expired unused"
    if redemption.status == RedemptionStatus.REVOKED:
        return "Used, and later refunded or taken back"
    if redemption.is_locked_for_payment:
        return "Locked for an invoice that is being paid"
    until = redemption.reserved_until
    if until is not None and until <= timezone.now():
        return "The reservation is over and is about to be released"
    return f"Reserved until {minute(until)}"


def status(redemption: Redemption) -> SafeString:
    """Return the status in its colour."""
    known = RedemptionStatus(redemption.status)
    return badge(known.label, STATUS_COLOURS[known])


_ATTEMPT = {
    "When": lambda attempt: object_link(attempt, age(attempt.at)),
    "Player": lambda attempt: object_link(attempt.player),
    "Code": lambda attempt: code_link(attempt.code),
    "Campaign": lambda attempt: campaign_link(attempt.campaign),
    "Outcome": outcome,
    "Why": why,
    "By": lambda attempt: attempt.get_channel_display(),
}
_REDEMPTION = {
    "When": lambda redemption: object_link(redemption, age(redemption.created_at)),
    "Player": lambda redemption: object_link(redemption.player),
    "Code": lambda redemption: code_link(redemption.code),
    "Campaign": lambda redemption: campaign_link(redemption.campaign),
    "Status": lambda redemption: format_html(
        "{} {}", status(redemption), in_lines(result(redemption))
    ),
    "Taken off": lambda redemption: stars(redemption.stars_off),
}


def stars(count: int) -> str:
    """Return an amount of Stars."""
    return f"{count:,} Stars" if count else "–"


def attempts_of(code: Code) -> QuerySet[Attempt]:
    """Return every attempt with the code, newest first; also those before it was ours."""
    return Attempt.objects.filter(digest=code.digest).order_by("-at", "-id")


def attempts_section(
    attempts: QuerySet[Attempt],
    *,
    columns: Sequence[str],
    title: str = "Attempts",
    more: SafeString | None = None,
) -> TimelineSection:
    """Return the first of the attempts as a table with these columns."""
    rows = attempts.select_related("player", "code", "campaign", "redemption")[:LENGTH]
    return _section(title, rows, _ATTEMPT, columns, more)


def redemptions_section(
    redemptions: QuerySet[Redemption],
    *,
    columns: Sequence[str],
    title: str = "Redemptions",
    more: SafeString | None = None,
) -> TimelineSection:
    """Return the first of the redemptions as a table with these columns."""
    rows = redemptions.select_related("player", "code", "campaign")[:LENGTH]
    return _section(title, rows, _REDEMPTION, columns, more)


def _section(
    title: str, rows: Any, shown: Any, columns: Sequence[str], more: SafeString | None
) -> TimelineSection:
    """Return rows as a section of a page."""
    cells = [[shown[column](row) for column in columns] for row in rows]
    return TimelineSection(title=title, headers=columns, rows=cells, more=more)
