"""The offline relevance judge: does the answer address the question? Right or wrong is not asked.

A logistic model on how much of what is asked the answer takes up, on the kind of answer wanted
(person, time, place, number, reason) and, where the caller has an embedding model, on the cosine of
question and answer. An answer that only refuses addresses nothing and needs no model.

Fitted by ``tools/fit_offline_relevance.py`` on questions with their right answers (clapnq, product
documentation, QA-Eval) against answers to other questions, half of them those whose questions share
most words. So it tells an answer to this question from an answer to another; it has seen no answers
that are merely evasive or incomplete.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import log1p

from assay.evaluation.judges.claims import claims
from assay.evaluation.judges.offline.evidence import clock
from assay.evaluation.judges.offline.linear import Linear, coefficients
from assay.language.refusals import refuses
from assay.language.terms import asked, names, numbers, terms, words
from assay.models.embedding import Embedder
from assay.scores import Unscored

COEFFICIENTS = "relevance.json"
REVISION = 1
REFUSED = 0.02
"""The probability given to an answer that does nothing but refuse."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_UNABLE = re.compile(
    r"\W*(?:unable to (?:answer|provide|determine|find)\b|(?:no answer|n/?a|none|unknown)\W*\Z)"
    r"|.{0,30}\b(?:i|we) do(?: not|n['’]t) know\b",
    re.IGNORECASE,
)
_KINDS = {
    "person": re.compile(r"\b(?:who|whom|whose)\b", re.IGNORECASE),
    "time": re.compile(r"\b(?:when|what (?:year|date|time|day|month)|which year|how long)\b", re.IGNORECASE),
    "place": re.compile(r"\b(?:where|what (?:country|city|state|place)|which (?:country|city|state))\b", re.IGNORECASE),
    "number": re.compile(r"\bhow (?:many|much|old|far|tall|big|often|large)\b", re.IGNORECASE),
    "reason": re.compile(r"\bwhy\b", re.IGNORECASE),
}
_TIME = re.compile(
    r"\b(?:\d{4}s?|january|february|march|april|may|june|july|august|september|october|november|december|"
    r"centur(?:y|ies)|years?|months?|days?|weeks?|hours?|minutes?|today|yesterday|season|summer|winter|spring|fall)\b",
    re.IGNORECASE,
)
_REASON = re.compile(r"\b(?:because|due to|since|so that|in order|reasons?|caused?|as a result|leads? to|to)\b", re.I)


@dataclass(frozen=True, slots=True)
class RelevanceVerdict:
    """``probability`` that the answer addresses the question; whether it ``refused`` to."""

    probability: float
    refused: bool


class OfflineRelevance:
    """The judge, with the coefficients that come with Assay. Safe for use from several threads."""

    @cached_property
    def _models(self) -> tuple[Linear, Linear, str]:
        written, found = coefficients(COEFFICIENTS)
        return Linear.of(written["lexical"]), Linear.of(written["embedded"]), found

    @property
    def identity(self) -> str:
        """What a stored verdict depends on. Raises PluginError when the coefficients are damaged."""
        return f"offline-relevance:{REVISION}:{self._models[2][:16]}"

    def judge(self, question: str, answer: str, similarity: float | None = None) -> RelevanceVerdict | Unscored:
        """The verdict on ``answer``; ``similarity`` is the cosine of both texts' MiniLM vectors, if at hand.

        Unscored when question or answer has no words.
        """
        question, answer = (_SURROGATE.sub("\ufffd", text) for text in (question, answer))
        if not words(question):
            return Unscored("no question")
        if not words(answer):
            return Unscored("no answer")
        if refused(answer):
            return RelevanceVerdict(REFUSED, refused=True)
        found = features(question, answer)
        lexical, embedded, _ = self._models
        if similarity is None:
            return RelevanceVerdict(lexical(found), refused=False)
        return RelevanceVerdict(embedded({**found, **closeness(similarity)}), refused=False)

    async def judge_embedded(self, question: str, answer: str, embedder: Embedder) -> RelevanceVerdict | Unscored:
        """As ``judge``, with the similarity measured by ``embedder``, which should be MiniLM: fitted on it.

        Raises ModelError.
        """
        if not words(question) or not words(answer):
            return self.judge(question, answer)
        return self.judge(question, answer, await similarity(question, answer, embedder))


async def similarity(question: str, answer: str, embedder: Embedder) -> float:
    """The cosine of ``question`` and ``answer``. Raises ModelError."""
    (one,) = await embedder.embed([question], "query")
    (other,) = await embedder.embed([answer], "passage")
    return float(one @ other)


def refused(answer: str) -> bool:
    """Whether ``answer`` does nothing but say that it cannot answer, or says so before all else."""
    said = [claim.text for claim in claims(answer)]
    declined = [refuses(text) or _UNABLE.match(text) is not None for text in said]
    return bool(said) and declined[0] and sum(declined) * 2 >= len(said)


def closeness(cosine: float) -> dict[str, float]:
    """The features of a similarity in [-1, 1]."""
    return {"similarity": cosine, "similarity^2": cosine * abs(cosine)}


def features(question: str, answer: str) -> dict[str, float]:
    """The lexical features of a pair, each with at least one word."""
    wanted = asked(question)
    told = terms(answer)
    present = set(told)
    held = [term for term in wanted if term in present]
    stems = {term[:5] for term in present if len(term) >= 5}
    loosely = [term for term in wanted if term in present or term[:5] in stems]
    size = log1p(len(told))
    own = " ".join(set(answer.split()) - set(question.split()))
    cover = len(held) / max(len(wanted), 1)
    return {
        "cover": cover,
        "cover_loose": len(loosely) / max(len(wanted), 1),
        "shared": log1p(len(held)),
        "none_shared": float(not held),
        "opening": len(set(terms(answer[:200])) & set(wanted)) / max(len(wanted), 1),
        "longest_asked": float(bool(wanted) and max(wanted, key=len) in present),
        "asked": log1p(len(wanted)),
        "words": size,
        "cover_of_length": cover * size,
        "short": float(len(told) <= 5),
        "short_cover": cover * (len(told) <= 5),
        **_wanted_kind(question, answer, own),
    }


def _wanted_kind(question: str, answer: str, own: str) -> dict[str, float]:
    """For each kind of question, whether the answer has what such a question wants: 1, -1, or 0 if not asked."""
    there = {
        "person": bool(names(f"x {own}")),
        "time": bool(_TIME.search(own)) or bool(clock(own)),
        "place": bool(names(f"x {own}")),
        "number": bool(numbers(answer)),
        "reason": bool(_REASON.search(answer)),
    }
    return {
        f"wants_{kind}": (1.0 if there[kind] else -1.0) if pattern.search(question) else 0.0
        for kind, pattern in _KINDS.items()
    }


def embeddings_wanted(pairs: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """The distinct texts of ``pairs``, in order: what to embed when many pairs are judged at once."""
    return tuple(dict.fromkeys(text for pair in pairs for text in pair))
