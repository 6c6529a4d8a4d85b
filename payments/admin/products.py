"""Products in the admin: price, visibility, position and texts. What is delivered stays."""

from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from django import forms
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from economy.goods import Goods
from economy.statements import mode_name
from payments import price_changes
from payments.errors import PriceError
from payments.models import STARS_MAX, Product, Purchase
from quizarena.players.models import Language
from quizarena.staff import approvals as second_person
from quizarena.staff.decisions import Decision, ReasonForm, decide
from quizarena.staff.desk import StaffAdmin, badge, button, exactly, own_user, waits
from quizarena.staff.errors import StaffError

PRICES_SHOWN = 10
# Bot API sendInvoice: the longest title and description.
TEXTS = {"title": 32, "description": 255}


def contents(goods: Goods | None) -> str:
    """Return in words what is delivered; None is unknown."""
    if goods is None:
        return "unknown"
    parts = [
        f"{units:,} {(name.removesuffix('s') if units == 1 else name).replace('_', ' ')}"
        for name, units in goods.units.items()
        if units
    ]
    if goods.premium:
        parts.append(f"{goods.premium_days:,} days of Premium {goods.premium.title()}")
    if goods.mode_codes:
        parts.append(f"{goods.mode_hours:,} h of {', '.join(map(mode_name, goods.mode_codes))}")
    return ", ".join(parts)


def text_fields() -> dict[str, tuple[str, str]]:
    """Return the language and the text of each field of the form, by its name."""
    return {f"{text}_{code}": (code, text) for code, _ in settings.LANGUAGES for text in TEXTS}


if TYPE_CHECKING:
    _ModelForm: TypeAlias = forms.ModelForm[Product]
else:
    _ModelForm = forms.ModelForm


class ProductForm(_ModelForm):
    """What operators change, with the texts of every language."""

    class Meta:
        model = Product
        fields = ("is_for_sale", "position")
        labels: ClassVar = {"is_for_sale": "For sale"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = dict(Language.for_staff())
        for name, (language, text) in text_fields().items():
            is_title = text == "title"
            widget = UnfoldAdminTextInputWidget() if is_title else UnfoldAdminTextareaWidget()
            if not is_title:
                widget.attrs["rows"] = 2
            self.fields[name] = forms.CharField(
                label=f"{text.capitalize()}, {names[language]}",
                max_length=TEXTS[text],
                widget=widget,
            )
            self.initial[name] = self.instance.texts.get(language, {}).get(text, "")

    def save(self, commit: bool = True) -> Product:
        """Put the texts back into their languages."""
        texts: dict[str, dict[str, str]] = {}
        for name, (language, text) in text_fields().items():
            texts.setdefault(language, {})[text] = self.cleaned_data[name]
        self.instance.texts = texts
        saved: Product = super().save(commit)
        return saved


class PriceForm(ReasonForm):
    """The new price, and why."""

    stars = forms.IntegerField(
        label="Price in Stars",
        min_value=1,
        max_value=STARS_MAX,
        widget=UnfoldAdminIntegerFieldWidget,
    )
    field_order = ("stars", "reason")


@admin.register(Product)
class ProductAdmin(StaffAdmin[Product]):
    """What is for sale. Products come with the code, and nobody adds or deletes one."""

    form = ProductForm
    list_display = ("code", "title", "price", "delivers", "sale", "position")
    ordering = ("position",)
    readonly_fields = (
        "price",
        "prices",
        "code",
        "delivers",
        "window",
        "open_invoices",
        "shown_texts",
    )

    def get_fieldsets(self, request: HttpRequest, obj: Product | None = None) -> Any:
        """Return what is changed, what is not, and the texts of each language."""
        return (
            (
                None,
                {"fields": (("price", "position"), "is_for_sale", "open_invoices", "prices")},
            ),
            ("What it is", {"fields": (("code", "delivers"), "window")}),
            *self._texts(request),
        )

    def _texts(self, request: HttpRequest) -> list[tuple[str, dict[str, Any]]]:
        """Return a form for the texts of each language, or all of them to read."""
        if not self.has_change_permission(request):
            return [("Texts", {"fields": ("shown_texts",)})]
        return [
            (name, {"fields": tuple(f"{text}_{language}" for text in TEXTS)})
            for language, name in Language.for_staff()
        ]

    def get_form(
        self, request: HttpRequest, obj: Product | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """Return the form; the texts are no fields of the model."""
        kwargs["fields"] = ("is_for_sale", "position")
        return super().get_form(request, obj, change, **kwargs)

    @display(description="Title")
    def title(self, product: Product) -> str:
        return product.title("en")

    @display(description="Stars")
    def price(self, product: Product) -> str:
        return f"{product.stars:,}"

    @display(description="Prices before")
    def prices(self, product: Product) -> str | SafeString:
        """Return what it cost until when, the latest first, and the reference price."""
        past = product.past_prices.order_by("-until", "-pk")[:PRICES_SHOWN]
        rows = [(f"{price.stars:,} Stars until", exactly(price.until)) for price in past]
        reference = price_changes.reference_stars(product.pk, now=timezone.now())
        return format_html(
            "<div>Reference price: {} Stars, the highest of 90 days</div>{}",
            f"{reference:,}",
            format_html_join("", "<div>{} {}</div>", rows),
        )

    @display(description="Delivers")
    def delivers(self, product: Product) -> str:
        return contents(product.goods)

    @display(description="Shop")
    def sale(self, product: Product) -> SafeString:
        if product.is_for_sale:
            return badge("for sale", "success")
        return badge("hidden", "warning")

    @display(description="Texts")
    def shown_texts(self, product: Product) -> SafeString:
        return format_html_join(
            "",
            "<div>{}: <b>{}</b> {}</div>",
            (
                (name, product.title(language), product.description(language))
                for language, name in Language.for_staff()
            ),
        )

    @display(description="Rules")
    def window(self, product: Product) -> str:
        rules = []
        if product.once_per_days:
            rules.append(f"once in {product.once_per_days} days")
        if product.can_subscribe:
            rules.append("also as a subscription of 30 days")
        return ", ".join(rules) or "–"

    @display(description="Open invoices")
    def open_invoices(self, product: Product) -> str | SafeString:
        """Return how many can still be paid at which price, whatever the price becomes."""
        opened = Purchase.objects.open().filter(product=product).values("stars")
        prices = opened.annotate(invoices=Count("pk")).order_by("stars")
        return (
            format_html_join(
                "",
                "<div>{} at {} Stars keep their price</div>",
                ((f"{price['invoices']:,}", f"{price['stars']:,}") for price in prices),
            )
            or "none"
        )

    def buttons(self, request: HttpRequest, obj: Product) -> list[SafeString]:
        """Return the way to another price."""
        if not self.has_change_permission(request):
            return []
        asked = second_person.waiting_about([obj], kind=price_changes.CUT, now=timezone.now())
        if asked:
            return [waits(asked[str(obj.pk)])]
        return [button("Change price", "payments_product_price", obj.pk)]

    def get_urls(self) -> list[URLPattern]:
        """Add the page that changes a price."""
        view = self.admin_site.admin_view(self.price_view)
        return [
            path("<str:pk>/price/", view, name="payments_product_price"),
            *super().get_urls(),
        ]

    def price_view(self, request: HttpRequest, pk: str) -> HttpResponse:
        """Ask for the price and the reason, and set it or ask a second person."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        product, now = get_object_or_404(Product, pk=pk), timezone.now()

        def preview(cleaned: dict[str, Any]) -> list[tuple[str, str, str]]:
            rows = price_changes.preview(product=product, stars=cleaned["stars"], now=now)
            why = price_changes.why_a_second_person(
                product=product, stars=cleaned["stars"], staff=own_user(request), now=now
            )
            return [*rows, ("A second person", "–", why or "is not needed")]

        def change(cleaned: dict[str, Any]) -> str:
            changed = price_changes.change(
                product_code=pk,
                stars=cleaned["stars"],
                reason=cleaned["reason"],
                staff=own_user(request),
                now=now,
            )
            if isinstance(changed, Product):
                return f"{product} costs {changed.stars:,} Stars."
            return "Approval requested: a second person has to approve the price."

        decision = Decision(
            title=f"Change the price of {product.page_name}",
            note=f"It costs {product.stars:,} Stars. Open invoices keep their price.",
            preview=preview,
            form=PriceForm,
            execute=change,
            refusals=(PriceError, StaffError),
            back=reverse("admin:payments_product_change", args=[pk]),
            confirm="Change",
            fresh_factor=True,
        )
        return decide(request, decision, model_admin=self)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return False: what is sold is delivered by code."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Product | None = None) -> bool:
        """Return False: purchases refer to it; what is not for sale is hidden."""
        return False
