"""What finance reads of a month and of a day: counted by night, and kept."""

import pgtrigger
from django.db import models
from django.db.models import Q

from economy.models import never_truncated
from quizarena.staff import dates


class MonthlyStatement(models.Model):
    """The accounts of one month of business: what every asset and the Stars began and ended with.

    That of the running month is counted anew every night; once a month is over its statement is
    closed, and the next one begins with its balances.
    """

    # Its first day.
    month = models.DateField(unique=True)
    # Everything before this instant is counted.
    counted_until = models.DateTimeField()
    counted_at = models.DateTimeField()
    is_closed = models.BooleanField(default=False)
    # By account: the opening, the credits and the debits by reason, the closing that follows from
    # them, what players own according to wallets or payments, and the shortfall.
    accounts = models.JSONField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(month__day=1),
                name="monthlystatement_month_is_its_first_day",
            ),
        ]
        triggers = [
            pgtrigger.Protect(
                name="monthlystatement_closed_stays",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__is_closed=True),
            ),
            pgtrigger.Protect(name="monthlystatement_never_deleted", operation=pgtrigger.Delete),
            never_truncated("monthlystatement_never_truncated", "the monthly statements"),
        ]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}"

    @property
    def page_name(self) -> str:
        """Return what the heading of its page calls it."""
        return f"{self.month:%B %Y}"

    @property
    def adds_up(self) -> bool:
        """Return whether every account ends with what was counted."""
        return all(one["closing"] == one["counted"] for one in self.accounts.values())


class Liability(models.Model):
    """The Stars that players have paid for what they still own, as of one night."""

    day = models.DateField(unique=True)
    counted_at = models.DateTimeField()
    stars = models.PositiveBigIntegerField()
    # [{"part": "paid_energy", "players": 3, "units": 25, "stars": 12}]; units are whole hours of
    # Premium and modes.
    parts = models.JSONField()

    class Meta:
        verbose_name_plural = "liabilities"
        triggers = [
            pgtrigger.Protect(
                name="liability_append_only", operation=pgtrigger.Update | pgtrigger.Delete
            ),
            never_truncated("liability_never_truncated", "the liabilities"),
        ]

    def __str__(self) -> str:
        return f"{self.stars:,} Stars on {dates.day(self.day)}"
