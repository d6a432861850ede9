"""The offline judge: rubrics judged by small fitted models, without a language model and without a network.

Which method judges which rubric, and what it was fitted on, is told in ``offline_faithfulness``,
``offline_relevance`` and ``offline_correctness``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import Any

import anyio
from anyio.to_thread import run_sync

from assay.errors import InputError
from assay.evaluation.judges.offline.correctness import OfflineCorrectness
from assay.evaluation.judges.offline.faithfulness import FaithfulnessVerdict, OfflineFaithfulness
from assay.evaluation.judges.offline.relevance import OfflineRelevance, RelevanceVerdict
from assay.evaluation.judges.rubrics import shipped
from assay.evaluation.judging import Item, Verdict
from assay.models.embedding import Embedder
from assay.scores import Scored, Unscored

REVISION = 1
"""Grows when the same probability becomes another verdict here."""

_BLANK_LINE = re.compile(r"\n[ \t]*\n\s*")


class OfflineJudge:
    """Judges ``faithfulness``, ``claim``, ``relevance`` and ``correctness``.

    A score is a probability: that the whole answer is supported, that the claim is, that the answer addresses
    the question, that it is right. (For ``faithfulness`` a language model gives the share of supported claims
    instead; both are 1 where every claim is supported.) ``uncertain`` is 1 - |2p - 1|. Details are named as a
    language model's: ``claims`` and ``unsupported`` (spans of the answer), ``tp``, ``fp`` and ``fn``.
    An empty required field is Unscored. Work is done in threads, as many as there are processors.
    """

    def __init__(
        self,
        faithfulness: OfflineFaithfulness | None = None,
        relevance: OfflineRelevance | None = None,
        correctness: OfflineCorrectness | None = None,
        embedder: Embedder | None = None,
    ) -> None:
        """The judges that come with Assay, unless others are given. With an ``embedder``, which should be the
        MiniLM that Assay brings, relevance also goes by the similarity of question and answer."""
        self._faithfulness = faithfulness or OfflineFaithfulness.shipped()
        self._relevance = relevance or OfflineRelevance()
        self._correctness = correctness or OfflineCorrectness()
        self._embedder = embedder
        self._limiter = anyio.CapacityLimiter(os.cpu_count() or 1)
        self._judges: Mapping[str, Callable[[Mapping[str, str]], Verdict]] = {
            "faithfulness": self._faithful,
            "claim": self._claim,
            "relevance": self._relevant,
            "correctness": self._correct,
        }

    @property
    def identity(self) -> str:
        parts = [self._faithfulness.identity, self._relevance.identity, self._correctness.identity]
        if self._embedder is not None:
            parts.append(self._embedder.identity)
        return f"offline:{REVISION}({','.join(parts)})"

    @property
    def rubrics(self) -> frozenset[str]:
        return frozenset(self._judges)

    async def judge(self, item: Item) -> Verdict:
        """Raises InputError for a rubric or a field that it does not know, ModelError where the embedder does."""
        judge = self._judges.get(item.rubric)
        if judge is None:
            known = ", ".join(sorted(self._judges))
            raise InputError(f"the offline judge has no rubric {item.rubric!r}; it has {known}")
        rubric = shipped()[item.rubric]
        rubric.check(item)
        blank = rubric.blank(item)
        if blank is not None:
            return Verdict(Unscored(f"the {blank} is empty"))
        if item.rubric == "relevance" and self._embedder is not None:
            question, answer = item.fields["question"], item.fields["answer"]
            return _relevance(await self._relevance.judge_embedded(question, answer, self._embedder))
        return await run_sync(judge, item.fields, limiter=self._limiter)

    def _faithful(self, fields: Mapping[str, str]) -> Verdict:
        found = self._supported(fields, fields["answer"])
        if isinstance(found, Unscored):
            return Verdict(found)
        return _verdict(found.probability, _claims(found, self._faithfulness.threshold))

    def _claim(self, fields: Mapping[str, str]) -> Verdict:
        found = self._supported(fields, fields["claim"])
        if isinstance(found, Unscored):
            return Verdict(found)
        # Not the answer's probability: that was fitted on whole answers, in which more can be wrong.
        return _verdict(min(claim.probability for claim in found.claims), {})

    def _supported(self, fields: Mapping[str, str], text: str) -> FaithfulnessVerdict | Unscored:
        return self._faithfulness.judge(fields.get("question", ""), passages(fields["contexts"]), text)

    def _relevant(self, fields: Mapping[str, str]) -> Verdict:
        return _relevance(self._relevance.judge(fields["question"], fields["answer"]))

    def _correct(self, fields: Mapping[str, str]) -> Verdict:
        expected = [line for line in fields["expected"].splitlines() if line.strip()]
        found = self._correctness.judge(fields["question"], expected, fields["answer"])
        if isinstance(found, Unscored):
            return Verdict(found)
        counts = {"tp": found.tp, "fp": found.fp, "fn": found.fn}
        told = {"correct": found.correct, "form": found.form, "match": found.match, "alias": found.alias}
        return _verdict(found.probability, counts | told)


def passages(contexts: str) -> list[str]:
    """The field ``contexts`` as passages: what blank lines part."""
    return [passage for passage in _BLANK_LINE.split(contexts) if passage.strip()]


def _relevance(found: RelevanceVerdict | Unscored) -> Verdict:
    return Verdict(found) if isinstance(found, Unscored) else _verdict(found.probability, {"refused": found.refused})


def _claims(found: FaithfulnessVerdict, threshold: float) -> dict[str, Any]:
    claims = [
        {
            "claim": claim.text,
            "start": claim.start,
            "end": claim.end,
            "supported": claim.probability >= threshold,
            "probability": claim.probability,
        }
        for claim in found.claims
    ]
    return {"claims": claims, "unsupported": [list(span) for span in found.unsupported]}


def _verdict(probability: float, detail: dict[str, Any]) -> Verdict:
    return Verdict(Scored(probability), "", detail, 1 - abs(2 * probability - 1))
