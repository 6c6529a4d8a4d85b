"""What is sold, who bought it, and what Telegram has to say about it. Product rules, 4 and 5."""

from payments.models.accounts import Liability, MonthlyStatement
from payments.models.export import (
    EXPORT_MOVES,
    UNFINISHED,
    Export,
    ExportKind,
    ExportPart,
    ExportStatus,
    FileFormat,
)
from payments.models.offer import Attribution, Impression
from payments.models.product import STARS_MAX, XTR, PastPrice, Product
from payments.models.purchase import (
    OPEN,
    PAID,
    PURCHASE_MOVES,
    EventKind,
    Flag,
    Problem,
    Purchase,
    PurchaseEvent,
    PurchaseStatus,
)
from payments.models.reconciliation import (
    NANOS,
    Difference,
    DifferenceKind,
    ReconciliationRun,
    StarTransaction,
)
from payments.models.refund import Refund, RefundSource
from payments.models.subscription import GRACE, Subscription, SubscriptionState
from payments.models.support import SupportFile, SupportRequest, SupportTemplate

__all__ = [
    "EXPORT_MOVES",
    "GRACE",
    "NANOS",
    "OPEN",
    "PAID",
    "PURCHASE_MOVES",
    "STARS_MAX",
    "UNFINISHED",
    "XTR",
    "Attribution",
    "Difference",
    "DifferenceKind",
    "EventKind",
    "Export",
    "ExportKind",
    "ExportPart",
    "ExportStatus",
    "FileFormat",
    "Flag",
    "Impression",
    "Liability",
    "MonthlyStatement",
    "PastPrice",
    "Problem",
    "Product",
    "Purchase",
    "PurchaseEvent",
    "PurchaseStatus",
    "ReconciliationRun",
    "Refund",
    "RefundSource",
    "StarTransaction",
    "Subscription",
    "SubscriptionState",
    "SupportFile",
    "SupportRequest",
    "SupportTemplate",
]
