"""Whether to answer at all, and if not, why.

What a reader may not see is not among the hits, so that lack of permission and absence
meet here as the same: no passage likely enough to answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assay.answering.context import Passage
from assay.answering.events import Abstained
from assay.answering.evidence import Evidence, Statement, Wanted, wanted
from assay.answering.reading import Reading
from assay.language.terms import ASKING, STOPWORDS, Weights, numbers, stem, terms, words

THRESHOLD = 0.45
"""Fitted on clapnq for one passage a question; fit it to an application with ``calibrate``."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The probability that the evidence answers, and why nothing is answered, if so."""

    probability: float
    abstained: Abstained | None


class Gate:
    """Lets an answer through if its evidence is likely enough to answer.

    ``threshold`` is a probability; 0 lets everything through that names something.
    """

    def __init__(self, threshold: float = THRESHOLD) -> None:
        self._threshold = threshold

    @property
    def threshold(self) -> float:
        return self._threshold

    def judge(self, reading: Reading) -> Judgement:
        """In order: a question without content; no passage likely to answer; passages that disagree."""
        probability = reading.probability
        if underspecified(reading.question):
            return Judgement(probability, UNDERSPECIFIED)
        if not reading.passages or probability < self._threshold:
            return Judgement(probability, not_in_corpus(reading))
        if opposed := conflict(reading.evidence):
            return Judgement(probability, _conflicting(opposed, reading))
        return Judgement(probability, None)


UNDERSPECIFIED = Abstained(
    "underspecified", "The question does not say what it is about: name the thing that you mean."
)
UNSUPPORTED = Abstained("unsupported", "No sentence of the answer was supported by the documents, so none is shown.")


def not_in_corpus(reading: Reading) -> Abstained:
    """Absence, with the words of the question that the evidence lacks."""
    absent = missing(reading.question, reading.context.passages, reading.weigh)[:3]
    if absent:
        told = " or ".join(f"“{word}”" for word in absent)
        return Abstained("not_in_corpus", f"The documents do not answer this: nothing found speaks of {told}.")
    return Abstained("not_in_corpus", "The documents do not answer this.")


def underspecified(question: str) -> bool:
    """Whether the question has no content of its own: no term but function words and asking words.

    "why?", "what about it", "and how do they do that" are; "python", a bare keyword, is not.
    """
    return not _content(question)


def missing(question: str, passages: Sequence[Passage], weigh: Weights, *, share: float = 0.25) -> tuple[str, ...]:
    """The words of the question that no passage or label has, as written, the weightiest first.

    Words carrying less than ``share`` of the heaviest word's weight are not named.
    """
    present = {term for p in passages for term in terms(f"{p.label}\n{p.text}")}
    content = _content(question)
    if not content:
        return ()
    heaviest = max(weigh(term) for term in content.values())
    absent = {word: weigh(term) for word, term in content.items() if term not in present}
    named = (word for word in absent if absent[word] >= share * heaviest)
    return tuple(sorted(named, key=lambda word: -absent[word]))


def conflict(evidence: Evidence, *, alike: float = 0.80, covers: float = 0.60) -> tuple[Statement, Statement] | None:
    """Two sentences of different passages that give different numbers for the same thing.

    Only for questions that want a number or a date. Both sentences must hold ``covers`` of the
    question's terms, be near-paraphrases (cosine at least ``alike``, the same terms but for the
    numbers to two thirds), and each must state numbers that the other lacks, with none in common
    beyond the question's own. Deliberately strict: a doubt is not a conflict.
    """
    if wanted(evidence.question) not in (Wanted.NUMBER, Wanted.DATE) or not evidence.asked:
        return None
    asked, given = set(evidence.asked), numbers(evidence.question)
    stated = [
        (i, statement, numbers(statement.text) - given)
        for i, statement in enumerate(evidence.statements)
        if len(asked & statement.terms) >= covers * len(asked)
    ]
    for n, (i, one, here) in enumerate(stated):
        for j, two, there in stated[n + 1 :]:
            if one.passage == two.passage or not here or not there or here & there:
                continue
            if float(evidence.encoded[i].pooled @ evidence.encoded[j].pooled) < alike:
                continue
            first, second = _wordy(one.terms), _wordy(two.terms)
            if len(first & second) * 3 >= 2 * min(len(first), len(second)):
                return one, two
    return None


def _conflicting(opposed: tuple[Statement, Statement], reading: Reading) -> Abstained:
    sides = []
    for statement in opposed:
        passage = reading.context.passages[statement.passage - 1]
        sides.append(f"{passage.label or passage.document} says “{' '.join(statement.text.split())}”")
    return Abstained("conflicting", f"The documents disagree: {sides[0]}, but {sides[1]}.")


def _wordy(found: frozenset[str]) -> frozenset[str]:
    return frozenset(term for term in found if not term[0].isdigit())


def _content(question: str) -> dict[str, str]:
    """The content words of a question, as written, with their terms."""
    return {
        word: stem(word) for word in words(question) if word.lower() not in STOPWORDS and word.lower() not in ASKING
    }
