"""Purchases in the admin: list, search, page, queue, revenue, and what staff decide about them."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from kombu.exceptions import OperationalError
from unfold.decorators import display

from economy.admin.players import players_found
from economy.errors import EconomyError
from economy.models import Wallet
from payments import approvals, purchases, rechecks, refunds, revenue
from payments.admin.products import contents
from payments.admin.purchase_display import (
    advice,
    breaking,
    entry_link,
    price,
    product_label,
    product_name,
    remarks,
    side_by_side,
    status_badge,
)
from payments.admin.purchase_sections import sections_of
from payments.charts import revenue_chart
from payments.errors import PaymentsError
from payments.models import (
    PAID,
    Flag,
    Problem,
    Product,
    Purchase,
    PurchaseStatus,
    Subscription,
)
from quizarena.staff import approvals as second_person
from quizarena.staff import dates, search
from quizarena.staff.decisions import Decision, ReasonForm, decide
from quizarena.staff.desk import (
    ReadOnlyAdmin,
    age,
    badge,
    button,
    exactly,
    link,
    object_link,
    own_user,
    waits,
)
from quizarena.staff.errors import StaffError
from quizarena.staff.models import ApprovalRequest
from quizarena.staff.plans import custom_plans

CHART_DAYS = 30
# So much of a charge id or payload one has to know to find it from any page.
REFERENCE_LENGTH_MIN = 6
# The queue shows so many of the oldest.
QUEUE_LENGTH = 100


def found(rows: QuerySet[Purchase], term: str) -> QuerySet[Purchase]:
    """Return those of a player, or whose charge id, payload or own id the term begins or is."""
    term = term.strip()
    if not term:
        return rows
    if player_ids := players_found(term):
        return rows.filter(player__in=player_ids)
    return rows.filter(_named_by(term))


def _named_by(term: str) -> Q:
    about = Q(charge_id__startswith=term) | Q(payload__startswith=term)
    with suppress(ValueError):
        about |= Q(pk=UUID(term))
    return about


def _find_purchases(term: str) -> Iterable[search.Found]:
    """Find by the whole id, or the beginning of a charge id or payload."""
    if len(term) < REFERENCE_LENGTH_MIN:
        return
    rows = Purchase.objects.filter(_named_by(term)).select_related("player", "product")
    for purchase in rows[: search.FOUND_MAX]:
        yield search.Found(
            title=f"{product_name(purchase)} for {purchase.player}",
            detail=f"{purchase.get_status_display()}, {dates.moment(purchase.opened_at)}",
            page="payments_purchase_change",
            pk=purchase.pk,
        )


search.declare(
    search.SearchSource(
        title="Purchases",
        symbol="shopping_cart",
        permission="payments.view_purchase",
        find=_find_purchases,
    )
)


def next_steps(
    request: HttpRequest, purchase: Purchase, waiting: Mapping[str, ApprovalRequest]
) -> list[SafeString]:
    """Return what the user may do about the purchase now; not what is `waiting` for somebody."""
    may, is_free = request.user.has_perm, purchase.refund_asked_at is None
    # Whoever else has refunded it meanwhile, nobody has to approve that any more.
    asked = waiting.get(str(purchase.pk)) if is_free else None
    is_stuck = purchase.status in (PurchaseStatus.PAID_UNCREDITED, PurchaseStatus.CREDIT_REVIEW)
    steps = (
        ("replay", "Replay credit", is_free and is_stuck and purchase.goods is not None),
        ("refund", "Refund", is_free and purchase.status in PAID and asked is None),
        ("recheck", "Re-check", True),
    )
    buttons = [
        button(label, f"payments_purchase_{name}", purchase.pk)
        for name, label, is_due in steps
        if is_due and may(f"payments.{name}_purchase")
    ]
    return [*([waits(asked)] if asked else []), *buttons]


# --- The list and the page ------------------------------------------------------------------------


class RemarkFilter(admin.SimpleListFilter):
    """What is unusual about a purchase."""

    title = "flag or problem"
    parameter_name = "remark"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        """Return the problems, then the flags."""
        return [
            ("problem", "any problem"),
            *((f"problem:{problem.value}", problem.label) for problem in Problem),
            ("flag", "any flag"),
            *((f"flag:{flag.value}", flag.label) for flag in Flag),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Purchase]) -> QuerySet[Purchase]:
        """Return what is unusual in this way; the conditions are those of the index."""
        kind, _, value = (self.value() or "").partition(":")
        if kind == "problem":
            return queryset.filter(problem=value) if value else queryset.exclude(problem="")
        if kind == "flag":
            flagged = queryset.exclude(flags=[])
            return flagged.filter(flags__contains=[value]) if value else flagged
        return queryset


@admin.register(Purchase)
class PurchaseAdmin(ReadOnlyAdmin[Purchase]):
    """Everything that players have bought, or wanted to, newest first."""

    list_display = ("when", "what", "state", "paid", "whose", "remarked")
    list_display_links = ("when", "what")
    list_filter = ("status", "product", RemarkFilter)
    list_select_related = ("player", "product")
    search_fields = ("charge_id",)
    search_help_text = "Telegram id or user name, purchase, beginning of a charge id or payload"
    ordering = ("-opened_at", "-id")
    change_form_outer_after_template = "players/story.html"

    class Media:
        css = {"all": ["economy/economy.css", "payments/payments.css"]}

    def get_fieldsets(self, request: HttpRequest, obj: Purchase | None = None) -> Any:
        """Return what it is of, the payment if there is one, and what it has led to."""
        if obj is None:
            return ()
        facts = [("state", "what"), ("contents", "paid"), ("whose", "wallet")]
        facts += [("opened", "changed"), ("remarked", "subscribed")]
        sets: list[Any] = [(None, {"fields": facts})]
        if obj.charge_id is not None:
            payment = [("charge", "provider"), ("paid_when", "tries"), ("credit", "reversal")]
            sets.append(("Payment", {"fields": payment}))
        sets.append(("Invoice", {"fields": [("base", "invoice"), ("number", "sent_payload")]}))
        return sets

    @display(description="Opened")
    def when(self, purchase: Purchase) -> str:
        return age(purchase.opened_at)

    @display(description="Product")
    def what(self, purchase: Purchase) -> str:
        return product_label(purchase)

    @display(description="Status")
    def state(self, purchase: Purchase) -> SafeString:
        return status_badge(purchase)

    @display(description="Stars")
    def paid(self, purchase: Purchase) -> str:
        return price(purchase)

    @display(description="Player")
    def whose(self, purchase: Purchase) -> SafeString:
        return object_link(purchase.player)

    @display(description="Flags")
    def remarked(self, purchase: Purchase) -> SafeString | str:
        return remarks(purchase)

    @display(description="Delivers")
    def contents(self, purchase: Purchase) -> str:
        return contents(purchase.delivers)

    @display(description="Wallet")
    def wallet(self, purchase: Purchase) -> SafeString | str:
        """Return a link to the player's statement, if there is one."""
        if not Wallet.objects.filter(pk=purchase.player_id).exists():
            return "none yet"
        return link("Statement", "economy_wallet_change", purchase.player_id)

    @display(description="Opened")
    def opened(self, purchase: Purchase) -> SafeString:
        return exactly(purchase.opened_at)

    @display(description="Last change")
    def changed(self, purchase: Purchase) -> SafeString:
        return exactly(purchase.changed_at)

    @display(description="Subscription")
    def subscribed(self, purchase: Purchase) -> SafeString | str:
        if not purchase.is_subscription:
            return "–"
        first = purchase.renews_id or purchase.pk
        subscription = Subscription.objects.filter(pk=first).first()
        if subscription is None:
            return "not begun"
        return object_link(subscription, subscription.state(timezone.now()).label)

    @display(description="Charge id")
    def charge(self, purchase: Purchase) -> SafeString:
        """Return the charge id, which breaks anywhere."""
        return breaking(purchase.charge_id)

    @display(description="Provider's charge id")
    def provider(self, purchase: Purchase) -> SafeString:
        return breaking(purchase.provider_charge_id or "–")

    @display(description="Paid")
    def paid_when(self, purchase: Purchase) -> SafeString | str:
        return exactly(purchase.paid_at) if purchase.paid_at else "–"

    @display(description="Retry attempts")
    def tries(self, purchase: Purchase) -> str:
        return str(purchase.recovery_tries)

    @display(description="Credit")
    def credit(self, purchase: Purchase) -> SafeString | str:
        return entry_link(purchase.credit_entry_id)

    @display(description="Refund")
    def reversal(self, purchase: Purchase) -> SafeString | str:
        return entry_link(purchase.refund_entry_id)

    @display(description="Price")
    def base(self, purchase: Purchase) -> str:
        if purchase.stars is None:
            return "unknown"
        if not purchase.percent:
            return f"{purchase.stars:,} Stars"
        return f"{purchase.stars:,} Stars: {purchase.base_stars:,} less {purchase.percent}%"

    @display(description="Link")
    def invoice(self, purchase: Purchase) -> SafeString:
        """Return where Telegram opens it, if it was asked for a link."""
        return breaking(purchase.invoice_link or "–")

    @display(description="Id")
    def number(self, purchase: Purchase) -> SafeString:
        return breaking(purchase.pk)

    @display(description="Payload")
    def sent_payload(self, purchase: Purchase) -> SafeString:
        return breaking(purchase.payload or "–")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Purchase], search_term: str
    ) -> tuple[QuerySet[Purchase], bool]:
        """Find purchases by what people copy from anywhere; everything is indexed."""
        return found(queryset, search_term), False

    def buttons(self, request: HttpRequest, obj: Purchase) -> list[SafeString]:
        """Return what the user may do about it now."""
        return next_steps(request, obj, waiting_refunds([obj]))

    def page_context(self, request: HttpRequest, obj: Purchase) -> dict[str, Any]:
        """Show refund, approvals, timeline and reconciliation below the facts."""
        return {"chapters": sections_of(request, obj)}

    # --- Pages ------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        """Add the queue, the revenue, and the pages of what staff decide."""
        view = self.admin_site.admin_view
        pages = {
            "refund": self.refund_view,
            "replay": self.replay_view,
            "recheck": self.recheck_view,
        }
        return [
            path("queue/", view(self.queue_view), name="payments_purchase_queue"),
            path("revenue/", view(self.revenue_view), name="payments_purchase_revenue"),
            *(
                path(f"<uuid:pk>/{name}/", view(page), name=f"payments_purchase_{name}")
                for name, page in pages.items()
            ),
            *super().get_urls(),
        ]

    def queue_view(self, request: HttpRequest) -> HttpResponse:
        """Show what is paid and not credited, the oldest first, with the next step beside it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        stuck = (
            Purchase.objects.stuck().select_related("player", "product").order_by("paid_at", "pk")
        )
        with custom_plans():
            rows = list(stuck[: QUEUE_LENGTH + 1])
        refunds_waiting = waiting_refunds(rows)
        context = {
            **self.admin_site.each_context(request),
            "title": "Payments in review",
            "opts": self.opts,
            "media": self.media,
            "has_more": len(rows) > QUEUE_LENGTH,
            "shown": QUEUE_LENGTH,
            "queue": {
                "headers": ["Waits", "Purchase", "Why", "Next step"],
                "rows": [
                    _waiting(request, purchase, refunds_waiting) for purchase in rows[:QUEUE_LENGTH]
                ],
            },
        }
        return TemplateResponse(request, "payments/queue.html", context)

    def revenue_view(self, request: HttpRequest) -> HttpResponse:
        """Show the Stars of the last days by product."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        last_day = timezone.localdate()
        days = [last_day - timedelta(days=back) for back in reversed(range(CHART_DAYS))]
        earned = revenue.by_day(first_day=days[0], last_day=last_day)
        names = {product.code: product.title("en") for product in Product.objects.all()}
        context = {
            **self.admin_site.each_context(request),
            "title": f"Revenue of the last {CHART_DAYS} days",
            "opts": self.opts,
            "media": self.media,
            **revenue_chart(earned, days=days, names={**names, revenue.UNKNOWN: "unknown"}),
        }
        return TemplateResponse(request, "payments/revenue.html", context)

    def _asked(self, request: HttpRequest, pk: UUID, permission: str) -> Purchase:
        """Return the purchase that a decision is about. Raises PermissionDenied."""
        if not request.user.has_perm(f"payments.{permission}"):
            raise PermissionDenied
        return get_object_or_404(
            Purchase.objects.select_related("player", "product", "credit_entry"), pk=pk
        )

    def refund_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Give the Stars back, or ask a second person to agree."""
        purchase = self._asked(request, pk, "refund_purchase")
        staff, now = own_user(request), timezone.now()
        why = approvals.why_a_second_person(purchase=purchase, staff=staff, now=now)

        def preview(cleaned: dict[str, Any]) -> Sequence[Sequence[object]]:
            rows = approvals.preview(purchase=approvals.refundable(pk), now=now)
            return [*rows, *_wallet_after_refund(purchase)]

        def execute(cleaned: dict[str, Any]) -> str:
            with transaction.atomic():
                outcome = approvals.request(
                    purchase_id=pk, reason=cleaned["reason"], staff=staff, now=now
                )
                if isinstance(outcome, ApprovalRequest):
                    return f"Approval requested: the refund of {purchase} needs a second person."
                self.log_verb(
                    request,
                    purchase,
                    "refund asked",
                    summary=f"{purchase}: refund asked for. {outcome.reason}",
                    details={"stars": purchase.paid_stars, "charge": purchase.charge_id},
                )
            return f"{price(purchase)} Stars are being refunded; Telegram is asked within seconds."

        decision = Decision(
            title=f"Refund {product_name(purchase)} of {purchase.player}",
            note=f"A second person has to approve it, because {why}."
            if why
            else "The refund is made at once and cannot be undone.",
            form=ReasonForm,
            preview=preview,
            headers=approvals.HEADERS,
            execute=execute,
            refusals=(PaymentsError, EconomyError, StaffError),
            back=_page_of(purchase),
            confirm="Ask for approval" if why else "Refund",
            fresh_factor=True,
        )
        return decide(request, decision, model_admin=self)

    def replay_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Deliver what waits in review."""
        purchase = self._asked(request, pk, "replay_purchase")

        def preview(cleaned: dict[str, Any]) -> Sequence[Sequence[object]]:
            purchases.check_replayable(purchase)
            return [
                ("Stars", f"{price(purchase)} paid", "kept"),
                ("Goods", "not delivered", f"{contents(purchase.delivers)} for {purchase.player}"),
            ]

        def execute(cleaned: dict[str, Any]) -> str:
            with transaction.atomic():
                credited = purchases.replay_credit(purchase_id=pk, now=timezone.now())
                self.log_verb(
                    request,
                    credited,
                    "credit replayed",
                    summary=f"{credited}: credit replayed. {cleaned['reason']}",
                    details={"entry": credited.credit_entry_id, "reason": cleaned["reason"]},
                )
            return f"Credited: {contents(credited.delivers)}."

        decision = Decision(
            title=f"Replay the credit of {product_name(purchase)} to {purchase.player}",
            note=advice(purchase),
            form=ReasonForm,
            preview=preview,
            execute=execute,
            refusals=(PaymentsError, EconomyError, StaffError),
            back=_page_of(purchase),
            confirm="Replay credit",
            fresh_factor=True,
        )
        return decide(request, decision, model_admin=self)

    def recheck_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Have Telegram asked what it knows of the purchase, and set right what differs."""
        purchase = self._asked(request, pk, "recheck_purchase")

        def execute(cleaned: dict[str, Any]) -> str:
            rechecks.ask(purchase=purchase, staff=own_user(request))
            return (
                "Telegram is being asked. The answer appears below under Re-checks within "
                "seconds: load this page again."
            )

        decision = Decision(
            title=f"Re-check {product_name(purchase)} of {purchase.player} with Telegram",
            note="Reads what is new in Telegram's list of transactions. A payment that is missing "
            "here is credited, and a refund that was made elsewhere is booked.",
            execute=execute,
            refusals=(OperationalError,),
            back=_page_of(purchase),
            confirm="Ask Telegram",
        )
        return decide(request, decision, model_admin=self)


def _waiting(
    request: HttpRequest, purchase: Purchase, waiting: Mapping[str, ApprovalRequest]
) -> list[object]:
    """Return the row of a purchase in the queue."""
    error = str(purchase.evidence.get("error", ""))
    return [
        age(purchase.paid_at),
        format_html(
            '<div class="payments-why"><div>{}</div><div>{}</div><div>{} Stars</div></div>',
            object_link(purchase, product_label(purchase)),
            object_link(purchase.player),
            price(purchase),
        ),
        format_html(
            '<div class="payments-why">{}{}{}</div>',
            status_badge(purchase),
            badge(Problem(purchase.problem).label, "danger") if purchase.problem else "",
            format_html("<div>{}</div>", error) if error else "",
        ),
        format_html(
            '<div class="payments-why">{}{}</div>',
            advice(purchase),
            side_by_side(next_steps(request, purchase, waiting)),
        ),
    ]


def _wallet_after_refund(purchase: Purchase) -> list[tuple[str, str, str]]:
    """Return what the player owns now, and keeps once the refund has taken its part."""
    if purchase.credit_entry is None:
        return []
    plan = refunds.preview_reversal(purchase=purchase, now=timezone.now())
    wallet = Wallet.objects.get(pk=purchase.player_id)
    rows = []
    for name, units in plan.taken.items():
        words = name.replace("_", " ").capitalize()
        if hasattr(wallet, name):
            owned = getattr(wallet, name)
            rows.append((f"{words} in the wallet", f"{owned:,}", f"{owned - units:,}"))
        else:
            rows.append((words, f"{plan.shortfall.get(name, 0):,} used", f"{units:,} taken back"))
    return rows


def waiting_refunds(purchases: Iterable[Purchase]) -> dict[str, ApprovalRequest]:
    """Return which refunds of them wait for a second person."""
    return second_person.waiting_about(purchases, kind=approvals.REFUND, now=timezone.now())


def _page_of(purchase: Purchase) -> str:
    return reverse("admin:payments_purchase_change", args=[purchase.pk])
