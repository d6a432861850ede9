"""Citations: do those given support their sentence, and does every sentence have them?

As ALCE (Gao et al. 2023, arXiv 2305.14627). A sentence is *recalled* if its citations together support it; a
sentence without one is not. A citation is *precise* if its sentence is recalled and the citation matters: it
supports the sentence alone, or the others do not without it. Here a citation's text is its quote, and sentences
that state nothing (a heading, "Here is what I found:") need none. Support is judged by the rubric ``claim``,
or by the lexical check where no judge knows it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from assay.documents import Citation
from assay.evaluation.judges.claims import Claim
from assay.evaluation.judging import Judge
from assay.evaluation.samples import Answered, Failed, Passage, Sample
from assay.evaluation.scorers.abstaining import unanswered
from assay.evaluation.scorers.checking import Check, check_by
from assay.evaluation.scorers.definition import failure, identified, stated, told, unscored
from assay.evaluation.scoring import Measured, Metric, Spent
from assay.scores import Scored, Unscored

RECALL = Metric("citation_recall", judged=True)
PRECISION = Metric("citation_precision", judged=True)
RESOLVES = Metric("citation_resolves")
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Citations:
    """``citation_recall``, ``citation_precision`` and ``citation_resolves``, shares of one answer.

    A citation resolves if its quote stands at its place in a passage that the writer was given; one that does
    not supports nothing. A citation on no sentence of the answer is not precise. Unscored for an abstention
    and an answer without a claim; precision and resolving also where nothing is cited, and resolving where
    the passages are not known (quotes are then taken at their word). Detail: ``sentences`` with ``start``, ``end``,
    ``recalled`` and ``citations`` as {``document``, ``start``, ``end``, ``resolves``, ``precise``}, and ``astray``, the
    citations on no sentence.
    """

    judge: Judge | None = None

    @property
    def name(self) -> str:
        return "citations"

    @property
    def identity(self) -> str:
        return identified(self.name, _VERSION, check=check_by(self.judge).identity)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        return (RECALL, PRECISION, RESOLVES)

    async def score(self, sample: Sample) -> Mapping[str, Measured]:
        outcome = sample.outcome
        if isinstance(outcome, Failed):
            return unscored(self.metrics, failure(outcome))
        if (reason := unanswered(outcome)) is not None:
            return unscored(self.metrics, reason)
        sentences = stated(outcome.text)
        if not sentences:
            return unscored(self.metrics, "the answer makes no claim")
        attached, astray = _attached(outcome, sentences)
        judging = _Judging(check_by(self.judge), sample.case.question, outcome)
        rows = [await judging.sentence(claim, cited) for claim, cited in zip(sentences, attached, strict=True)]
        if judging.failed is not None:
            return unscored(self.metrics, f"a sentence could not be judged: {judging.failed}", judging.spent)
        return told(_measured(outcome, rows, astray), judging.spent)


def _measured(answer: Answered, rows: Sequence[dict[str, Any]], astray: Sequence[Citation]) -> dict[str, Measured]:
    cited = [row for sentence in rows for row in sentence["citations"]]
    lost = [_row(citation, _resolves(answer, citation), precise=False) for citation in astray]
    every = [*cited, *lost]
    detail = {"sentences": list(rows), "astray": lost}
    precision: Scored | Unscored = Unscored("nothing is cited")
    resolves: Scored | Unscored = Unscored("nothing is cited")
    if every:
        precision = Scored(sum(row["precise"] for row in every) / len(every))
        resolves = (
            Unscored("the passages are not known")
            if answer.passages is None
            else Scored(sum(bool(row["resolves"]) for row in every) / len(every))
        )
    return {
        RECALL.name: Measured(Scored(sum(row["recalled"] for row in rows) / len(rows)), detail),
        PRECISION.name: Measured(precision, detail),
        RESOLVES.name: Measured(resolves, detail),
    }


@dataclass(slots=True)
class _Judging:
    """The checks of one answer; the first that could not be made is in ``failed``, and none is made after it."""

    check: Check
    question: str
    answer: Answered
    spent: Spent = field(default_factory=Spent)
    failed: str | None = None

    async def sentence(self, claim: Claim, cited: Sequence[Citation]) -> dict[str, Any]:
        """The row of a sentence and its citations."""
        known = [(citation, _resolves(self.answer, citation)) for citation in cited]
        evidence = [_evidence(self.answer, citation) for citation, resolves in known if resolves is not False]
        recalled = bool(evidence) and await self._holds(claim, evidence)
        rows, at = [], 0
        for citation, resolves in known:
            precise = False
            if resolves is not False:
                others = evidence[:at] + evidence[at + 1 :]
                precise = recalled and await self._matters(claim, evidence[at], others)
                at += 1
            rows.append(_row(citation, resolves, precise=precise))
        return {"start": claim.start, "end": claim.end, "recalled": recalled, "citations": rows}

    async def _matters(self, claim: Claim, one: Passage, others: Sequence[Passage]) -> bool:
        if not others or await self._holds(claim, [one]):
            return True
        return not await self._holds(claim, others)

    async def _holds(self, claim: Claim, evidence: Sequence[Passage]) -> bool:
        if self.failed is not None:
            return False
        found = await self.check(claim.text, evidence, self.question)
        self.spent += found.spent
        if isinstance(found.score, Unscored):
            self.failed = found.score.reason
        return bool(found.holds)


def _attached(answer: Answered, sentences: Sequence[Claim]) -> tuple[list[list[Citation]], list[Citation]]:
    """The citations of each claim, and those whose sentence is none of the answer's.

    A citation belongs to every claim that its sentence overlaps, wherever the answer says it.
    """
    attached: list[list[Citation]] = [[] for _ in sentences]
    astray: list[Citation] = []
    for citation in dict.fromkeys(answer.citations):
        places = list(_places(answer.text, citation.sentence.strip()))
        on = [i for i, c in enumerate(sentences) if any(start < c.end and c.start < end for start, end in places)]
        for i in on:
            attached[i].append(citation)
        if not on:
            astray.append(citation)
    return attached, astray


def _places(text: str, sentence: str) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    at = text.find(sentence) if sentence else -1
    while at >= 0:
        found.append((at, at + len(sentence)))
        at = text.find(sentence, at + len(sentence))
    return found


def _resolves(answer: Answered, citation: Citation) -> bool | None:
    """Whether the quote stands where the citation says; None where the passages are not known."""
    if answer.passages is None:
        return None
    return bool(citation.quote.strip()) and any(_holds(passage, citation) for passage in answer.passages)


def _holds(passage: Passage, citation: Citation) -> bool:
    if passage.document != citation.document or not passage.start <= citation.start < citation.end <= passage.end:
        return False
    return passage.text[citation.start - passage.start : citation.end - passage.start] == citation.quote


def _evidence(answer: Answered, citation: Citation) -> Passage:
    title = next((p.title for p in answer.passages or () if _holds(p, citation)), "")
    return Passage(citation.document, citation.start, citation.end, citation.quote, title)


def _row(citation: Citation, resolves: bool | None, *, precise: bool) -> dict[str, Any]:
    return {
        "document": citation.document,
        "start": citation.start,
        "end": citation.end,
        "resolves": resolves,
        "precise": precise,
    }
