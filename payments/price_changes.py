"""What products cost, and who may say so. Product rules, section 4.

The reference price of a product is its highest price of the last 90 days: campaigns, budgets and
approvals count with it, and so a price that is lowered for an hour makes nothing cheap.
"""

from collections.abc import Sequence
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from payments.errors import PriceError
from payments.models import STARS_MAX, Product, Purchase
from quizarena.staff import approvals, audit, limits, reasons
from quizarena.staff.models import ApprovalRequest

# The kind of request for approval.
CUT = "price_cut"
# A price further under the reference price than that, or under so many Stars, is for two people.
CUT_PERCENT = limits.Kind(
    name="price-cut",
    label="How far under the reference price one person sets a price",
    unit="%",
    defaults=lambda: {"Operator": 30, "Administrator": 30},
)
STARS_ALONE_MIN = 5
# A renewal under this share of the reference price is credited and flagged.
RENEWAL_PERCENT_MIN = 50


def register() -> None:
    """Make price cuts and their limit known to quizarena.staff."""
    limits.declare(CUT_PERCENT)
    approvals.register(
        kind=CUT,
        label="Cut price",
        permission="payments.approve_price",
        preview=_preview,
        perform=_perform,
        refusals=(PriceError,),
    )


def reference_stars(product_code: str, *, now: datetime) -> int:
    """Return the highest price of the product in the 90 days before `now`."""
    return Product.objects.with_reference_stars(now).get(pk=product_code).reference_stars


def is_low_renewal(*, product_code: str, stars: int, now: datetime) -> bool:
    """Return whether a renewal costs less than half of the reference price."""
    return stars * 100 < reference_stars(product_code, now=now) * RENEWAL_PERCENT_MIN


def why_a_second_person(*, product: Product, stars: int, staff: User, now: datetime) -> str:
    """Return why `staff` cannot set this price alone; empty if they can.

    Many small cuts are one large one: each is compared with the reference price.
    """
    if stars >= product.stars:
        return ""
    reference = reference_stars(product.pk, now=now)
    percent = limits.of(CUT_PERCENT.name, staff=staff)
    if stars * 100 < reference * (100 - percent):
        return f"it is more than {percent}% below the reference price of {reference} Stars"
    if stars < STARS_ALONE_MIN:
        return f"it is under {STARS_ALONE_MIN} Stars"
    return ""


@transaction.atomic
def change(
    *, product_code: str, stars: int, reason: str, staff: User, now: datetime
) -> Product | ApprovalRequest:
    """Set the price, or ask a second person where one has to agree; return what there is now.

    Open invoices keep their price. Locks the request for approval or the product. Raises PriceError
    for what is no new price, BadReasonError, and OtherRequestOpenError while another price waits
    for approval.
    """
    product = Product.objects.get(pk=product_code)
    _check(product, stars)
    if why_a_second_person(product=product, stars=stars, staff=staff, now=now):
        return approvals.ask(
            kind=CUT,
            subject=product,
            title=f"{product.title('en')}: ⭐ {product.stars:,} → {stars:,}",
            parameters={"stars": stars},
            reason=reason,
            maker=staff,
            now=now,
        )
    product = _lock(product_code)
    _check(product, stars)
    if why_a_second_person(product=product, stars=stars, staff=staff, now=now):
        raise PriceError("The price has just been changed. Open the page again.")
    return _set(product, stars, reason=reasons.normalise(reason), staff=staff, now=now)


def _lock(product_code: str) -> Product:
    return Product.objects.select_for_update(no_key=True).get(pk=product_code)


def _check(product: Product, stars: int) -> None:
    if not 1 <= stars <= STARS_MAX:
        raise PriceError(f"A price is 1 to {STARS_MAX:,} Stars.")
    if stars == product.stars:
        raise PriceError(f"It costs {stars:,} Stars already.")


def _set(
    product: Product, stars: int, *, reason: str, staff: User | None, now: datetime
) -> Product:
    before = product.stars
    product.stars, product.priced_at = stars, now
    product.save(update_fields=["stars", "priced_at"])
    audit.record(
        actor=staff,
        action="product.priced",
        obj=product,
        summary=f"{product}: {before:,} → {stars:,} Stars. {reason}",
        details={"changed": {"stars": [before, stars]}, "reason": reason},
    )
    return product


def preview(*, product: Product, stars: int, now: datetime) -> list[tuple[str, str, str]]:
    """Return what a new price changes, in words."""
    _check(product, stars)
    reference = reference_stars(product.pk, now=now)
    opened = Purchase.objects.open().filter(product=product).count()
    return [
        ("Price", f"{product.stars:,} Stars", f"{stars:,} Stars"),
        ("Of the reference price", _share(product.stars, reference), _share(stars, reference)),
        ("Open invoices", f"{opened:,}", "keep their price"),
    ]


def _share(stars: int, reference: int) -> str:
    return f"{100 * stars // reference}% of {reference:,}"


def _product_of(request: ApprovalRequest) -> Product:
    return Product.objects.get(pk=request.subject_id)


def _preview(*, request: ApprovalRequest, now: datetime) -> Sequence[Sequence[str]]:
    """Return what is asked for; open invoices come and go meanwhile, and are left out."""
    rows = preview(product=_product_of(request), stars=request.parameters["stars"], now=now)
    return rows[:2]


def _perform(*, request: ApprovalRequest, now: datetime) -> None:
    """Set the price, in the name of who asked for it."""
    product, stars = _lock(request.subject_id), request.parameters["stars"]
    _check(product, stars)
    _set(product, stars, reason=request.reason, staff=request.maker, now=now)
