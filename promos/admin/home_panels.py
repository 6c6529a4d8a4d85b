"""What the home page shows of campaigns."""

from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.utils.html import format_html

from promos.models import Campaign, CampaignStatus
from quizarena.staff import dates, home
from quizarena.staff.desk import badge, object_link
from quizarena.staff.home import Content, Panel

CAMPAIGNS_SHOWN = 8
SOON = timedelta(days=7)


def _running(user: User, now: datetime) -> Content:
    """Return what runs, and what ends first on top."""
    running = Campaign.objects.running().order_by("ends_at", "pk")[:CAMPAIGNS_SHOWN]
    return Content(
        rows=[
            (
                format_html(
                    "{} {} <small>{}</small>",
                    object_link(campaign),
                    badge("paused", "warning") if campaign.status == CampaignStatus.PAUSED else "",
                    _window(campaign),
                ),
                format_html("{} {}", _uses(campaign), _ending(campaign, now)),
            )
            for campaign in running
        ],
        empty="No campaign runs. Start one under Campaigns.",
        note=f"What ends first stands first; at most {CAMPAIGNS_SHOWN}.",
    )


def _window(campaign: Campaign) -> str:
    ends = dates.moment(campaign.ends_at) if campaign.ends_at else "open end"
    return f"{dates.moment(campaign.starts_at)} – {ends}"


def _uses(campaign: Campaign) -> str:
    used = f"{campaign.applied:,}"
    return f"{used} of {campaign.uses_max:,} uses" if campaign.uses_max else f"{used} uses"


def _ending(campaign: Campaign, now: datetime) -> object:
    is_soon = campaign.ends_at is not None and campaign.ends_at - now <= SOON
    return badge("ends soon", "warning") if is_soon else ""


home.declare(
    Panel(
        name="campaigns",
        title="Running campaigns",
        roles=("Operator",),
        permission="promos.run_campaign",
        draw=_running,
        page="promos_campaign_changelist",
        more="Campaigns",
        order=10,
    )
)
