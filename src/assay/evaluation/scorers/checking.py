"""Is a claim supported by texts? Asked of a judge, or of the lexical check where there is none.

``claim`` is the judge's rubric, with the fields ``question``, ``contexts`` and ``claim``. The lexical check is
``assay.language.support``: it finds wrong sources, invented numbers and turned negations, not distortion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

from assay.evaluation.judging import Item, Judge
from assay.evaluation.samples import Passage
from assay.evaluation.scorers.fields import asked, joined
from assay.evaluation.scoring import Spent
from assay.language.segments import segment
from assay.language.support import THRESHOLD, Ground, ground, support
from assay.language.terms import Frequencies, count, terms
from assay.scores import Score, Scored

RUBRIC = "claim"
BAR = 0.5
"""From this score of a judge on a claim is supported, a passage useful."""


@dataclass(frozen=True, slots=True)
class Checked:
    """Whether a claim holds, None with the reason in ``score`` where that could not be told.

    ``score`` is what it was decided by: a judge's score, or the probability of the lexical check.
    """

    holds: bool | None
    score: Score
    spent: Spent = field(default_factory=Spent)


class Check(Protocol):
    """``identity`` changes with everything that can change a decision."""

    @property
    def identity(self) -> str: ...

    async def __call__(self, claim: str, evidence: Sequence[Passage], question: str) -> Checked: ...


def check_by(judge: Judge | None) -> Check:
    """The judge's check where it knows the rubric, else the lexical one."""
    return JudgedCheck(judge) if judge is not None and RUBRIC in judge.rubrics else LexicalCheck()


@dataclass(frozen=True, slots=True)
class JudgedCheck:
    """Asks a judge, whose score of at least 0.5 means supported."""

    judge: Judge

    @property
    def identity(self) -> str:
        return self.judge.identity

    async def __call__(self, claim: str, evidence: Sequence[Passage], question: str) -> Checked:
        fields = {"contexts": joined(evidence), "claim": claim}
        verdict = await self.judge.judge(Item(RUBRIC, asked(question) | fields))
        holds = verdict.score.value >= BAR if isinstance(verdict.score, Scored) else None
        return Checked(holds, verdict.score, verdict.spent)


@dataclass(frozen=True, slots=True)
class LexicalCheck:
    """Compares words; a sentence is supported as in an answer of Assay, at the same bar and with the same vetoes."""

    threshold: float = THRESHOLD

    @property
    def identity(self) -> str:
        return f"lexical:1:{self.threshold}"

    async def __call__(self, claim: str, evidence: Sequence[Passage], question: str) -> Checked:
        text = "\n\n".join(passage.text for passage in evidence)
        if (verbatim := " ".join(claim.split()) in _one_line(text)) or not terms(claim):
            # Word for word; or a claim of function words, of which nothing but its presence can be told.
            return _checked(float(verbatim), self.threshold)
        by, weights = _indexed(text, "\n".join(dict.fromkeys(passage.title for passage in evidence)))
        found = support(claim, by, weights, question=question)
        return _checked(0.0 if found.vetoed else found.probability, self.threshold)


def _checked(probability: float, threshold: float) -> Checked:
    return Checked(probability >= threshold, Scored(probability))


@lru_cache(maxsize=8)
def _one_line(text: str) -> str:
    return " ".join(text.split())


@lru_cache(maxsize=8)
def _indexed(text: str, about: str) -> tuple[Ground, Frequencies]:
    """Evidence made ready once for all claims of an answer, with how rare a word is among its sentences: there is
    no other corpus here."""
    return ground(text, about=about), count(part.of(text) for part in segment(text))
