"""What a player will read of a campaign, for who prepares it. The bot stands above, and tells it.

The bot calls `tell_with` when the process starts; until then the facts are told plainly.
"""

from collections.abc import Callable

from promos.models import HOLD_FOR, Campaign, CampaignKind, Scope

# The languages that operators check; the others follow them.
LANGUAGES = ("de", "en")

_MINUTES = int(HOLD_FOR.total_seconds() // 60)
_GIVES = {
    "de": {
        CampaignKind.PREMIUM_GRANT: "Du bekommst {value} Tage Premium.",
        CampaignKind.ENERGY_GRANT: "Du bekommst {value} Energiepunkte.",
        CampaignKind.PERCENT_DISCOUNT: "{value} % Rabatt auf {scope}, {minutes} Minuten lang "
        "für dich reserviert.",
    },
    "en": {
        CampaignKind.PREMIUM_GRANT: "You get {value} days of Premium.",
        CampaignKind.ENERGY_GRANT: "You get {value} energy points.",
        CampaignKind.PERCENT_DISCOUNT: "{value}% off {scope}, held for you for {minutes} minutes.",
    },
}
_SCOPES = {
    "de": {
        Scope.ANY: "alles",
        Scope.MICRO_ANY: "jedes kleine Produkt",
        Scope.PREMIUM_ANY: "jeden Premium-Plan",
    },
    "en": {
        Scope.ANY: "everything",
        Scope.MICRO_ANY: "every small product",
        Scope.PREMIUM_ANY: "every Premium plan",
    },
}


def _plainly(campaign: Campaign, language: str, product: str) -> str:
    """Return what the campaign gives, in a sentence."""
    sentence = _GIVES[language][CampaignKind(campaign.kind)]
    scope = _SCOPES[language].get(Scope(campaign.scope), product)
    return sentence.format(value=campaign.value, scope=scope, minutes=_MINUTES)


_tell: Callable[[Campaign, str, str], str] = _plainly


def tell_with(tell: Callable[[Campaign, str, str], str]) -> None:
    """Let `tell` say what a player reads when a code of the campaign is accepted.

    It gets the campaign, which may not be stored, the language, and in this language the title
    of the one product that the campaign is for, if it is for one.
    """
    global _tell  # noqa: PLW0603 -- set once, at the start of the process.
    _tell = tell


def told(campaign: Campaign, *, language: str, product: str = "") -> str:
    """Return what a player reads when a code of the campaign is accepted."""
    return _tell(campaign, language, product)
