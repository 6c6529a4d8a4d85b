"""The raw codes of a batch, made again from its seed and its pepper. Product rules, section 8."""

from collections.abc import Iterator

from promos import codes
from promos.errors import CodesGoneError
from promos.models import Batch, Derivation


def key_of(batch: Batch) -> bytes:
    """Return what the codes of a batch are made from. Raises CodesGoneError if that is gone."""
    if batch.seed is None:
        raise CodesGoneError("The codes have been downloaded already.")
    seed = bytes(batch.seed)
    if batch.derivation == Derivation.SEED:
        return seed
    try:
        return codes.batch_key(seed, pepper_id=batch.pepper_id)
    except LookupError:
        raise CodesGoneError(
            f"The codes need the pepper “{batch.pepper_id}”, which is missing in PROMO_PEPPERS."
            " Restore it."
        ) from None


def raw_codes(batch: Batch) -> Iterator[str]:
    """Return the codes of a batch that is made, as people read them, in the order of their numbers.

    Raises CodesGoneError if what they are made from is gone.
    """
    key, skipped, prefix = key_of(batch), frozenset(batch.skipped), batch.prefix
    every = enumerate(codes.made_from(key, prefix=prefix, first=0, count=batch.size + len(skipped)))
    return (codes.readable(code, prefix=prefix) for number, code in every if number not in skipped)
