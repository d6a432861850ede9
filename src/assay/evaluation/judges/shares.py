"""One scale for judges that are put together: the share of claims that are supported.

For ``faithfulness`` a language model gives this share and the offline judge the probability that every claim is
supported, two quantities whose mean is neither. A judge that has a calibrated probability for each claim
expects their mean to be supported, which is the share again, by a judge that is unsure. On RAGTruth's answers
(those that the offline judge was fitted on) this mean was .758, .900 and .965 below, within and above the
cascade's band, where people supported .759, .898 and .969 of the claims.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from assay.evaluation.judging import Item, Verdict
from assay.scores import Scored

REVISION = 2
"""In the identity of judges that put others together: from 2 on their members are on one scale."""
_BY_CLAIM = frozenset(("faithfulness", "context_recall"))


def on_one_scale(item: Item, verdict: Verdict) -> Verdict:
    """The verdict with the share of supported claims for its score, the expected one where the judge gave each
    claim a probability; as it is for other rubrics, and where the detail has none."""
    claims = verdict.detail.get("claims")
    if (
        item.rubric not in _BY_CLAIM
        or not isinstance(verdict.score, Scored)
        or not isinstance(claims, list)
        or not claims
    ):
        return verdict
    expected = [_probability(claim) for claim in claims]
    known = [each for each in expected if each is not None]
    return replace(verdict, score=Scored(sum(known) / len(known))) if len(known) == len(claims) else verdict


def _probability(claim: Any) -> float | None:
    found = claim.get("probability") if isinstance(claim, Mapping) else None
    return float(found) if isinstance(found, int | float) and 0 <= found <= 1 else None
