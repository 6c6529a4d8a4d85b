"""The rule cards as the product takes them: one JSON file beside the game, made from the lexicon.

What runs has neither the lexicon nor a reader of YAML (docs/content-quality.md).
"""

import json
from dataclasses import asdict
from pathlib import Path

from content.schema import Lexicon

SHIPPED = Path(__file__).parent.parent / "quizarena" / "game" / "rule_cards.json"


def as_json(lexicon: Lexicon) -> str:
    """Return the file: the topics and the cards, both in the order of the lexicon."""
    file = {
        "topics": [asdict(topic) for topic in lexicon.topics],
        "cards": [asdict(card) for card in lexicon.rules],
    }
    return json.dumps(file, ensure_ascii=False, indent=1) + "\n"


def is_fresh(lexicon: Lexicon, path: Path = SHIPPED) -> bool:
    """Return whether the file is what the lexicon gives."""
    return path.is_file() and path.read_text(encoding="utf-8") == as_json(lexicon)


def write(lexicon: Lexicon, path: Path = SHIPPED) -> None:
    path.write_text(as_json(lexicon), encoding="utf-8")
