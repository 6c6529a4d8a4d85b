"""`python -m content.check [directory]`: complain of the lexicon, or count it."""

import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from content.loading import SHIPPED, LexiconError, load


def main(arguments: Sequence[str]) -> int:
    """Print every complaint and return 1, or print how much there is and return 0."""
    path = Path(arguments[0]) if arguments else SHIPPED
    try:
        lexicon = load(path)
    except LexiconError as error:
        print(error)
        print(f"{len(error.complaints)} complaints")
        return 1
    for kind in fields(lexicon):
        print(f"{kind.name}: {len(getattr(lexicon, kind.name))}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
