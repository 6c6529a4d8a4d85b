"""What a generator yields, and what enters the bank: a question with one right option."""

from dataclasses import dataclass

CHOICES = ("choice", "picture", "mistake")
KINDS = (*CHOICES, "typed", "order")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question with its options, the right one first, and why it is right.

    `quiz_id` is the same in every build, whatever else is in the bank: a player's history hangs on
    it. `lemma`, `rule` and `frame` say what is asked about what, and in which sentence: no two
    questions of a bank share all three.
    """

    quiz_id: str
    family: str
    lemma: str
    rule: str
    frame: str
    question: str
    options: tuple[str, ...]
    explanation_de: str
    explanation_en: str
    explanation_uk: str
    level: str
    topic: str
    # How it is played: by a choice of options, a picture, a mistake to be found, or, with nothing
    # but the right answer as its option, by typing or by putting words in order.
    kind: str = "choice"
    # The mode in which it is played, of a family that has none for all of its questions.
    category: str = ""
    # Further right answers of what is typed or put in order.
    accepted: tuple[str, ...] = ()

    @property
    def has_options(self) -> bool:
        """Whether the player chooses among options."""
        return self.kind in CHOICES

    @property
    def answer(self) -> str:
        """The right option."""
        return self.options[0]
