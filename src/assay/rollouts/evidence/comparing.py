"""Two arms compared at any time, whatever their shares are in each stage: what one guard's tests are fed with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from assay.rollouts.traffic.plan import Guard
from assay.statistics.anytime.betting import MeanTest
from assay.statistics.anytime.binary import Alternative, RateTest
from assay.statistics.anytime.blocks import Block, Blocks
from assay.statistics.anytime.evidence import SequentialTest

YES_OR_NO = frozenset({"errors", "abstention", "gone"})
"""Metrics that are 0 or 1, which a likelihood tells more about than a mean does."""

_Test: TypeAlias = RateTest | MeanTest


@dataclass(slots=True)
class Comparison:
    """One question or several about the same values; a stage's values meet only those of the same stage.

    ``shares`` are the candidate's shares of the values, by stage. ``closed`` are the blocks since somebody last
    emptied it, for whoever wants an interval.
    """

    shares: Sequence[float]
    tests: Sequence[SequentialTest]
    closed: list[Block] = field(default_factory=list)
    candidate: float = 0.0
    live: float = 0.0
    n: int = 0
    m: int = 0
    _open: dict[int, Blocks] = field(default_factory=dict)

    def add(self, stage: int, value: float, *, candidate: bool) -> bool:
        """Take a value; whether the tests know more than before."""
        if candidate:
            self.candidate += value
            self.n += 1
        else:
            self.live += value
            self.m += 1
        queue = self._open.get(stage)
        if queue is None:
            queue = self._open[stage] = Blocks.at(self.shares[stage])
        block = queue.add("canary" if candidate else "control", value)
        if block is None:
            return False
        self.closed.append(block)
        for test in self.tests:
            test.add(block)
        return True

    def restart(self) -> None:
        """Forget what was observed and what waits in open blocks. The tests keep what they know, and ``closed`` does:
        an interval must agree with them, and not depend on whether somebody looked before."""
        self.candidate = self.live = 0.0
        self.n = self.m = 0
        self._open.clear()

    def means(self) -> tuple[float | None, float | None]:
        """The observed means of candidate and live; None without values."""
        return (self.candidate / self.n if self.n else None), (self.live / self.m if self.m else None)


def shares_of(guard: Guard, stages: Sequence[float]) -> Sequence[float]:
    """The candidate's share of a guard's values by stage: of both arms about as many answers are scored. Else these
    very ``stages``, to which an experiment adds."""
    return (0.5,) * len(stages) if guard.judged else stages


@dataclass(slots=True)
class Pairs:
    """Shadow copies beside the answers to the same questions."""

    test: MeanTest
    candidate: float = 0.0
    live: float = 0.0
    n: int = 0

    def add(self, candidate: float, live: float) -> None:
        """Take what a copy gave, and what the answer that a user saw did."""
        self.candidate += candidate
        self.live += live
        self.n += 1
        self.test.add(Block((live,), (candidate,)))


def shown(votes: Comparison, pairs: Pairs) -> tuple[float | None, float | None, int, int]:
    """The means of candidate and live, and how many values each are of: of votes, or of copies before there is one."""
    if votes.n or votes.m or not pairs.n:
        return *votes.means(), votes.n, votes.m
    return pairs.candidate / pairs.n, pairs.live / pairs.n, pairs.n, pairs.n


def harm_test(guard: Guard) -> _Test:
    """Evidence that the candidate is worse than ``harm`` allows."""
    worse: Alternative = "below" if guard.higher_is_better else "above"
    return _test(guard, worse, guard.harm)


def safe_test(guard: Guard) -> _Test:
    """Evidence that the candidate is not worse by as much as is allowed."""
    better: Alternative = "above" if guard.higher_is_better else "below"
    return _test(guard, better, guard.allowed)


def pair_test(guard: Guard) -> MeanTest:
    """Evidence of harm from a copy's value beside that of the answer to the same question.

    A bet on the two values' difference holds however they depend on each other; a likelihood, which takes the
    arms for independent, would not.
    """
    worse: Alternative = "below" if guard.higher_is_better else "above"
    if guard.kind == "quantile":
        return MeanTest(worse, 0.0, 1.0)
    return _mean_test(guard, worse, guard.harm)


def _test(guard: Guard, alternative: Alternative, bar: float) -> _Test:
    if guard.kind == "quantile":
        return RateTest(alternative)  # what is compared with what is in the limits
    if guard.kind == "share" and guard.metric in YES_OR_NO:
        return RateTest(alternative, margin=signed(guard, bar))
    return _mean_test(guard, alternative, bar)


def _mean_test(guard: Guard, alternative: Alternative, bar: float) -> MeanTest:
    if guard.kind == "share":
        return MeanTest(alternative, 0.0, 1.0, margin=signed(guard, bar))
    return MeanTest(alternative, 0.0, guard.bound, ratio=bar)


def signed(guard: Guard, bar: float) -> float:
    """The margin as the tests have it: what is worse lies below for a good outcome. People's margin shrinks by what
    the judge sees of their differences."""
    margin = bar * guard.judge_power
    return -margin if guard.higher_is_better else margin
