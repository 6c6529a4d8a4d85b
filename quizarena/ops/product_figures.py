"""The figures of a period, of the days that were recorded of it. For Analytics and /metrics."""

from collections.abc import Callable, Sequence

from quizarena.ops.models import ProductDay

Days = Sequence[ProductDay]
# Of the recorded days of a period, the latest last; None where nothing can be said.
Measure = Callable[[Days], float | None]


def ratio(part: float | None, whole: float | None) -> float | None:
    """Return a part of a whole; of nothing there is no part."""
    return None if part is None or not whole else part / whole


def of_last(name: str) -> Measure:
    """Return what the last day of a period says."""
    return lambda days: getattr(days[-1], name) if days else None


def total(name: str) -> Measure:
    """Return the sum over a period."""
    return lambda days: sum(getattr(one, name) for one in days) if days else None


def of_cohorts(part: str) -> Measure:
    """Return a part of those who started, over the days for which it is known."""

    def share(days: Days) -> float | None:
        known = [one for one in days if getattr(one, part) is not None]
        return ratio(
            sum(getattr(one, part) for one in known), sum(one.new_players for one in known)
        )

    return share


def mean_active(days: Days) -> float | None:
    """Return how many players were active on a day, on average."""
    return ratio(sum(one.active for one in days), len(days))


def net_stars(days: Days) -> float | None:
    """Return the Stars of a period, refunds taken off."""
    return sum(one.stars - one.refunded_stars for one in days) if days else None


def conversion(days: Days) -> float | None:
    """Return how many of the active players of the last 30 days have paid in them."""
    return ratio(days[-1].payers_30, days[-1].active_30) if days else None


def arpu(days: Days) -> float | None:
    """Return the Stars of the last 30 days for each player who was active in them."""
    return ratio(days[-1].net_stars_30, days[-1].active_30) if days else None
