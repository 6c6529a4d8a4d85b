"""Staff ask what Telegram knows of a purchase: a worker asks Telegram, the page shows the answer.

Question and answer are entries of the audit log about the purchase.
"""

from datetime import datetime
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import QuerySet

from payments import reconciliation, telegram
from payments.errors import PaymentsError
from payments.models import DifferenceKind, Purchase
from quizarena.staff import audit, dates
from quizarena.staff.models import AuditEntry

ASKED = "purchase.recheck_asked"
ANSWERED = "purchase.rechecked"
FAILED = "purchase.recheck_failed"


def ask(*, purchase: Purchase, staff: User) -> None:
    """Write down who asks, and have a worker ask Telegram.

    Raises OperationalError without the broker; then nothing is written down.
    """
    # Its module imports this one.
    from payments.tasks import recheck

    recheck.apply_async((str(purchase.pk), staff.pk), queue="bulk", retry=False)
    audit.record(
        actor=staff,
        action=ASKED,
        obj=purchase,
        summary=f"{purchase}: Telegram is asked about it.",
    )


def execute(*, purchase_id: UUID, staff_id: int, now: datetime) -> AuditEntry:
    """Ask Telegram, set right what can be, and write the answer down; return it.

    Not inside a transaction: each healing is committed by itself.
    """
    staff = User.objects.get(pk=staff_id)
    try:
        checked = reconciliation.recheck(purchase_id=purchase_id, now=now)
    except (telegram.TelegramError, PaymentsError) as error:
        purchase = Purchase.objects.get(pk=purchase_id)
        why = f"{purchase}: Telegram could not be asked ({str(error).removesuffix('.')})."
        return audit.record(actor=staff, action=FAILED, obj=purchase, summary=f"{why} Try again.")
    summary = f"{checked.purchase}: {_in_words(checked)}"
    return audit.record(actor=staff, action=ANSWERED, obj=checked.purchase, summary=summary)


def of_purchase(purchase: Purchase) -> QuerySet[AuditEntry]:
    """Return what was asked and answered about the purchase, the latest first."""
    return audit.of_object(purchase).filter(action__in=(ASKED, ANSWERED, FAILED))


def _in_words(checked: reconciliation.Recheck) -> str:
    """Return what Telegram says, and what has become of it."""
    lines = [
        f"{'paid' if line.gross_nanostars >= 0 else 'given back'} "
        f"{reconciliation.in_stars(abs(line.gross_nanostars))} Stars on "
        f"{dates.to_the_second(line.at)}"
        for line in checked.lines
    ]
    statement = f"Telegram says: {'; '.join(lines) or 'no transaction of this purchase'}."
    if checked.is_too_young:
        return (
            f"{statement} It was paid only minutes ago and is not compared yet. Re-check it later."
        )
    if not checked.found:
        return f"{statement} Our records agree."
    differences = [
        DifferenceKind(difference.kind).label + (" (set right)" if difference.is_healed else "")
        for difference in checked.found
    ]
    return f"{statement} Differences: {'; '.join(differences)}."
