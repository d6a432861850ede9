"""pass^k: how often would an agent succeed k times out of k?

The unbiased estimate of tau-bench (Yao et al. 2024, arXiv 2406.12045): for a case tried n times with c
successes C(c, k) / C(n, k), averaged over cases. It falls with k, where pass@k (any of k) rises: it says
whether an agent can be relied on. An aggregate over the repeats of a run, not a score of one sample.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import comb

from assay.errors import InputError
from assay.evaluation.records import Result
from assay.evaluation.samples import Failed
from assay.scores import Score, Scored, Unscored

SUCCESS = 1.0


@dataclass(frozen=True, slots=True)
class PassK:
    """pass^k of each case by its id, and their mean, Unscored where no case could be scored."""

    k: int
    cases: Mapping[str, Score]

    @property
    def mean(self) -> Score:
        values = [score.value for score in self.cases.values() if isinstance(score, Scored)]
        return Scored(sum(values) / len(values)) if values else Unscored(f"no case was tried {self.k} times")


def pass_k(results: Iterable[Result], k: int, *, metric: str = "final_state", success: float = SUCCESS) -> PassK:
    """pass^k over the repeats in ``results``; a try succeeds where ``metric`` is at least ``success``.

    A failed answer is a try without success. A try that is Unscored for another reason is not counted,
    and a case with fewer than k tries left is Unscored. Raises InputError for a k below 1.
    """
    if k < 1:
        raise InputError(f"pass^k: k is {k}; it must be at least 1")
    tries: dict[str, list[bool]] = {}
    for result in results:
        known = tries.setdefault(result.case.id, [])
        score = result.score(metric)
        if isinstance(score, Scored):
            known.append(score.value >= success)
        elif isinstance(result.outcome, Failed):
            known.append(False)
    return PassK(k, {case: _of(outcomes, k) for case, outcomes in tries.items()})


def _of(outcomes: list[bool], k: int) -> Score:
    n, c = len(outcomes), sum(outcomes)
    if n < k:
        return Unscored(f"{n} scored tries, {k} are needed")
    return Scored(comb(c, k) / comb(n, k))
