"""The offline faithfulness judge: is every claim of an answer supported by its contexts? No model is called.

Two logistic models in a row: one gives each claim its risk from lexical features, one joins the
claims of an answer. Both were fitted on people's marks of RAGTruth (Niu et al. 2024, arXiv
2401.00396), the second on risks of claims that the first had not seen. The coefficients lie in
``faithfulness.json``; ``tools/fit_offline_judge.py`` makes them and prints how well they do
on unseen sources.

It finds invented numbers, names and clauses, foreign sources, and records turned round. It does
not know meaning: a paraphrase in other words looks like an invention, and a swap of two names that
both stand in the same sentence is seldom seen.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from assay.evaluation.judges.offline.evidence import Evidence, evidence
from assay.evaluation.judges.offline.linear import Linear, coefficients
from assay.evaluation.judges.offline.summary import examine, summary
from assay.scores import Unscored

COEFFICIENTS = "faithfulness.json"
REVISION = 2
"""Raised with every change of a feature's meaning, so that stored verdicts are not mistaken for new ones."""

_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class ClaimVerdict:
    """A claim at [start, end) of the answer and the calibrated probability that it is supported."""

    start: int
    end: int
    text: str
    probability: float


@dataclass(frozen=True, slots=True)
class FaithfulnessVerdict:
    """``probability`` that every claim is supported, calibrated; the claims; spans taken for unsupported."""

    probability: float
    claims: tuple[ClaimVerdict, ...]
    unsupported: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class OfflineFaithfulness:
    """The judge. Safe for use from several threads; equal inputs give equal verdicts.

    ``threshold``: a claim whose probability of support is below it is reported as unsupported.
    """

    threshold: float
    _claim: Linear = field(repr=False)
    _answer: Linear = field(repr=False)
    _digest: str = field(repr=False)

    @classmethod
    def shipped(cls) -> OfflineFaithfulness:
        """The judge with the coefficients that come with Assay. Raises PluginError when they are damaged."""
        written, found = coefficients(COEFFICIENTS)
        return cls(float(written["threshold"]), Linear.of(written["claim"]), Linear.of(written["answer"]), found)

    @property
    def identity(self) -> str:
        """What a stored verdict depends on: kind, revision of the code, digest of the coefficients."""
        return f"offline-faithfulness:{REVISION}:{self._digest[:16]}"

    def judge(self, question: str | None, contexts: Sequence[str], answer: str) -> FaithfulnessVerdict | Unscored:
        """The verdict on ``answer`` against ``contexts``; offsets are characters of ``answer``.

        A context that is JSON is read as data. Unscored when there is no context with words, or
        when the answer claims nothing, as "I don't know" does.
        """
        by = _indexed(tuple(_scalar(context) for context in contexts))
        if not by.words:
            return Unscored("no contexts")
        examined = examine(_scalar(question or ""), by, _scalar(answer))
        if not examined:
            return Unscored("no claims")
        risks = [self._claim(one.features) for one in examined]
        verdicts = tuple(
            ClaimVerdict(one.claim.start, one.claim.end, answer[one.claim.start : one.claim.end], 1.0 - risk)
            for one, risk in zip(examined, risks, strict=True)
        )
        unsupported = tuple((claim.start, claim.end) for claim in verdicts if claim.probability < self.threshold)
        return FaithfulnessVerdict(1.0 - self._answer(summary(examined, risks)), verdicts, unsupported)


@lru_cache(maxsize=8)
def _indexed(contexts: tuple[str, ...]) -> Evidence:
    """The index of the contexts: the claims of an answer, asked one by one, share it."""
    return evidence(contexts)


def _scalar(text: str) -> str:
    """``text`` with lone surrogates, which the stemmer cannot take, replaced one by one."""
    return _SURROGATE.sub("\ufffd", text)
