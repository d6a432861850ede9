"""What people are asked for each metric, and on which scale they answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

STEPS = 5
"""Of the graded scale: 1 is 0, 5 is 1."""


@dataclass(frozen=True, slots=True)
class Question:
    """``words`` as they are shown; ``graded`` takes 1 to 5, otherwise yes or no. ``evidence`` and ``expected`` say
    what the rater needs to see."""

    words: str
    graded: bool = False
    evidence: bool = True
    expected: bool = False


QUESTIONS: Mapping[str, Question] = {
    "faithfulness": Question("Do the passages support everything that the answer says?"),
    "correctness": Question("Is the answer right, held against the expected one?", evidence=False, expected=True),
    "correctness_f1": Question(
        "How much of the expected answer is said, with nothing against it?", True, evidence=False, expected=True
    ),
    "relevance": Question("How well does the answer address the question?", True, evidence=False),
    "citation_recall": Question("How much of what the answer says is supported by what it cites?", True),
    "citation_precision": Question("How many of the citations support the sentence that they stand on?", True),
    "context_precision": Question("How useful for the question are the passages?", True, expected=True),
    "context_recall": Question("How much of the expected answer do the passages state?", True, expected=True),
}


def question(metric: str, graded: bool | None = None) -> Question:
    """What to ask for a metric; ``graded`` overrules its scale."""
    found = QUESTIONS.get(metric, Question(f"How good is this answer by {metric}?", True, expected=True))
    if graded is None or graded == found.graded:
        return found
    return Question(found.words, graded, found.evidence, found.expected)


def value_of(key: str, asked: Question) -> float | None:
    """The value of a key that gives one: y, n, or a step of the scale; None for any other key."""
    if key in ("y", "n"):
        return 1.0 if key == "y" else 0.0
    if asked.graded and key.isdecimal() and key.isascii() and 1 <= int(key) <= STEPS:
        return (int(key) - 1) / (STEPS - 1)
    return None
