"""How likely the evidence answers the question.

Four features of a passage go into a logistic model; an answer is as answerable as its best
passage. The features follow work on answer sentence selection and query performance prediction:
the passage's cosine; its best sentence's cosine; soft alignment of the question's *least* covered
tokens (the mean of the three lowest per-token maxima: a question is not answered where one of its
parts has no counterpart, cf. Yadav et al. 2020, arXiv 2005.01218); and how much of the weight of
the question's terms beyond the passage's title one sentence holds (the title says what a passage
is about, the rest is what is asked of it). Fitted on clapnq, one passage for each question.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp

import numpy as np

from assay.answering.context import Passage
from assay.answering.evidence import Evidence, Vectors
from assay.language.terms import Weights, coverage, terms
from assay.models.embedding import Matrix

_PASSAGE, _SENTENCE, _LEAST, _BEYOND, _INTERCEPT = 4.44, 4.52, 1.53, 1.65, -6.20


@dataclass(frozen=True, slots=True)
class Answerability:
    """A passage's log-odds of answering the question, and the four features behind them."""

    logit: float
    passage_cosine: float
    sentence_cosine: float
    least_aligned: float
    beyond_title: float

    @property
    def probability(self) -> float:
        """The probability that the passage answers."""
        return 1.0 / (1.0 + exp(-self.logit))


def answerability(
    question: Vectors, passages: Sequence[Passage], vectors: Matrix, evidence: Evidence, weigh: Weights
) -> tuple[Answerability, ...]:
    """Each passage's log-odds of answering, in the passages' order; the largest decides.

    ``question`` (d,) and ``vectors`` (passages, d) are unit vectors of one embedder. A passage
    without statements gets the log-odds of features that are all 0.
    """
    found: list[Answerability] = []
    for passage, vector in zip(passages, vectors, strict=True):
        of = [i for i, statement in enumerate(evidence.statements) if statement.passage == passage.number]
        if not of:
            found.append(Answerability(_INTERCEPT, 0.0, 0.0, 0.0, 0.0))
            continue
        title = set(terms(passage.label))
        beyond = [term for term in evidence.asked if term not in title]
        cosine = float(vector @ question)
        sentence = max(evidence.signals[i].cosine for i in of)
        tokens = np.sort(evidence.alignment[:, of].max(axis=1))[:3]
        least = float(tokens.mean()) if len(tokens) else 0.0
        held = max(coverage(beyond, evidence.statements[i].terms, weigh) for i in of)
        logit = _PASSAGE * cosine + _SENTENCE * sentence + _LEAST * least + _BEYOND * held + _INTERCEPT
        found.append(Answerability(logit, cosine, sentence, least, held))
    return tuple(found)
