"""What a player reads of a campaign, in every language, side by side."""

from promos import previews, products
from promos.models import Campaign
from quizarena.players.models import Language

LANGUAGES = dict(Language.for_staff())


def looks(campaign: Campaign) -> list[dict[str, str]]:
    """Return what a player reads whose code is accepted, by language; it may not be stored."""
    on_sale = {product.code: product for product in products.on_sale()}
    one = on_sale.get(campaign.product_code)
    return [
        {
            "language": code,
            "name": name,
            "text": previews.player_text(
                campaign,
                language=code,
                product=one.title(code) if one else campaign.product_code,
            ),
        }
        for code, name in LANGUAGES.items()
    ]
