"""Two releases' retrieval on a dataset's questions, decided by interleaving, question by question."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from assay.digest import digest_text
from assay.documents import PUBLIC
from assay.errors import InputError
from assay.evaluation.cases import Case, Dataset
from assay.evaluation.scorers.ranking import ndcg
from assay.retrieval.found import Found
from assay.rollouts.experiments.drafting import Wins, draft
from assay.scores import Estimate
from assay.statistics.anytime.interleaving import Preference, credit
from assay.statistics.contrast import contrast
from assay.statistics.paired import compare, needed, paired_differences

DEPTH = 10


class Searching(Protocol):
    """What is asked: an opened application is one."""

    async def search(self, question: str, *, k: int, groups: frozenset[str]) -> Found: ...


@dataclass(frozen=True, slots=True)
class Asked:
    """One question: the documents that each ranking found, which is preferred, and what nDCG says of each."""

    case: str
    first: tuple[str, ...]
    second: tuple[str, ...]
    preference: Preference
    first_ndcg: float
    second_ndcg: float


@dataclass(frozen=True, slots=True)
class Ndcg:
    """What a test of nDCG, paired by question, says of the same questions: the second's less the first's, the
    p-value of no difference, and how many more such questions would be ``needed`` (None: not known)."""

    first: float
    second: float
    difference: Estimate
    p_value: float
    needed: int | None


@dataclass(slots=True)
class Ranked:
    """How far the comparison has come; ``left`` questions were not asked any more."""

    k: int
    wins: Wins
    asked: list[Asked] = field(default_factory=list)
    left: int = 0

    @property
    def preferred(self) -> Preference | None:
        """The ranker that was shown to be preferred; None where none was."""
        if not self.wins.decided:
            return None
        return "second" if self.wins.test.second > self.wins.test.first else "first"

    def ndcg(self) -> Ndcg | None:
        """None of fewer than two questions."""
        if len(self.asked) < 2:
            return None
        first = [each.first_ndcg for each in self.asked]
        second = [each.second_ndcg for each in self.asked]
        found = compare(second, first)
        of = contrast(paired_differences(second, first), clusters=None, span=1.0)
        more = None if found.p_value <= self.wins.alpha else needed(of, alpha=self.wins.alpha / 2)
        return Ndcg(sum(first) / len(first), sum(second) / len(second), found.difference, found.p_value, more)

    def as_dict(self) -> dict[str, Any]:
        """As JSON: counts, the second's win rate with its bounds, and what nDCG says."""
        test, rate, paired = self.wins.test, self.wins.rate(), self.ndcg()
        return {
            "k": self.k,
            "questions": len(self.asked),
            "left": self.left,
            "first": test.first,
            "second": test.second,
            "ties": test.ties,
            "evidence": test.peak,
            "alpha": self.wins.alpha,
            "preferred": self.preferred,
            "second_wins": {"rate": rate.value, "low": rate.low, "high": rate.high} if rate else None,
            "ndcg": None
            if paired is None
            else {
                "first": paired.first,
                "second": paired.second,
                "difference": paired.difference.value,
                "low": paired.difference.low,
                "high": paired.difference.high,
                "p_value": paired.p_value,
                "needed": paired.needed,
            },
        }


def asked_cases(dataset: Dataset) -> list[Case]:
    """The cases whose relevant documents are known, in an order that depends on nothing but their ids: a file may be
    sorted by subject. Raises InputError where there is none."""
    cases = [case for case in dataset.cases if case.relevant]
    if not cases:
        raise InputError(f"no case of {dataset.name} says which documents are relevant; rankings need that")
    return sorted(cases, key=lambda case: digest_text(case.id))


async def ranked(
    first: Searching,
    second: Searching,
    cases: Sequence[Case],
    *,
    alpha: float = 0.05,
    k: int = DEPTH,
    told: Callable[[Ranked], None] = lambda _: None,
) -> Ranked:
    """Ask one question after the other until one ranker is shown to be preferred, or none is left.

    ``told`` is called after each. Raises whatever a search raises.
    """
    found = Ranked(k, Wins(alpha))
    async for asked in _each(first, second, cases, k):
        found.asked.append(asked)
        found.wins.add(asked.preference)
        told(found)
        if found.wins.decided:
            break
    found.left = len(cases) - len(found.asked)
    return found


async def _each(first: Searching, second: Searching, cases: Sequence[Case], k: int) -> AsyncIterator[Asked]:
    for case in cases:
        groups = frozenset({PUBLIC, *(case.access or ())})
        rankings = [_documents(await each.search(case.question, k=2 * k, groups=groups), k) for each in (first, second)]
        yield judged(case, rankings[0], rankings[1], k)


def judged(case: Case, first: Sequence[str], second: Sequence[str], k: int = DEPTH) -> Asked:
    """One question's rankings of documents: relevant ones that are drawn credit the team whose pick they are."""
    relevant = frozenset(case.relevant or ())
    made = draft(first, second, seed=str(case.asked), length=k)
    gains = ndcg(first, relevant, k), ndcg(second, relevant, k)
    return Asked(case.id, tuple(first), tuple(second), credit(made.slots, relevant), *gains)


def _documents(found: Found, k: int) -> list[str]:
    """Each document at the place of its best passage."""
    return list(dict.fromkeys(hit.chunk.document for hit in found.hits))[:k]
