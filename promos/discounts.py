"""What a percentage makes of a price. Pure: no database, no clock, no Django."""

# A discount takes off this much of a price at most (product rules, section 8).
PERCENT_MAX = 90


def discounted(*, stars: int, percent: int) -> int:
    """Return the price in Stars after `percent` is taken off, rounded up, and never nothing.

    Product rules, section 5.1. Raises ValueError for a percentage or a price out of bounds.
    """
    if not 0 <= percent <= PERCENT_MAX:
        raise ValueError(f"A discount is 0 to {PERCENT_MAX}%, not {percent}%.")
    if stars < 1:
        raise ValueError(f"A price is at least one Star, not {stars}.")
    return max(1, -(-stars * (100 - percent) // 100))
