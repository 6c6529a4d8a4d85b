"""The rule cards that the product ships are those of the lexicon."""

from pathlib import Path

from content import rule_cards
from content.schema import Lexicon


def test_the_shipped_file_is_what_the_lexicon_gives(lexicon: Lexicon) -> None:
    assert rule_cards.is_fresh(lexicon), "run `make content`"


def test_a_file_that_is_missing_or_another_one_is_not_fresh(
    lexicon: Lexicon, tmp_path: Path
) -> None:
    file = tmp_path / "rule_cards.json"

    assert not rule_cards.is_fresh(lexicon, file)
    rule_cards.write(lexicon, file)
    assert rule_cards.is_fresh(lexicon, file)
    file.write_text(file.read_text(encoding="utf-8").replace("der", "die", 1), encoding="utf-8")
    assert not rule_cards.is_fresh(lexicon, file)
