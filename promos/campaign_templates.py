"""Templates of campaigns: what they give, to whom and for how long, without dates and codes."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from promos import lengths, planning
from promos.models import Campaign
from quizarena.staff import draft_templates

KIND = "campaign"
TERMS = (*planning.FIXED, "uses_max", "stars_max", "is_weekend_offer", "tags")
# How long a campaign of the template lasts by the clock; none for one without an end.
LASTS = "lasts_seconds"


def register() -> None:
    """Let campaigns have templates."""
    draft_templates.register(
        draft_templates.Kind(
            name=KIND,
            label="Campaign",
            permission="promos.run_campaign",
            form_page="admin:promos_campaign_add",
            in_words=in_words,
        )
    )


def terms_of(campaign: Campaign) -> dict[str, Any]:
    """Return what a template of the campaign keeps."""
    length = lengths.between(campaign.starts_at, campaign.ends_at) if campaign.ends_at else None
    return {
        **{name: getattr(campaign, name) for name in TERMS},
        LASTS: None if length is None else int(length.total_seconds()),
    }


def window_of(terms: Mapping[str, Any], *, starts_at: datetime) -> datetime | None:
    """Return when a campaign ends that begins from the template at `starts_at`."""
    seconds = terms.get(LASTS)
    return None if seconds is None else lengths.after(starts_at, timedelta(seconds=seconds))


def in_words(terms: Mapping[str, Any]) -> str:
    """Return what a campaign of the template gives, to whom and for how long."""
    draft = Campaign(**{name: terms[name] for name in TERMS if name in terms})
    seconds = terms.get(LASTS)
    return ", ".join(
        (
            planning.gives(draft),
            f"for {planning.segment(draft)}",
            "without an end" if seconds is None else f"for {_days(seconds)}",
        )
    )


def _days(seconds: int) -> str:
    days = max(1, round(seconds / 86_400))
    return "1 day" if days == 1 else f"{days:,} days"
