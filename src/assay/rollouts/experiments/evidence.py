"""What an experiment's observations come to: a pure fold, in the order in which they were recorded.

Each unit (where rankings are drawn into one, each answer) votes once on each question, with the first value that it
gives and under the shares of the epoch in which that answer was made. Decisions rest on tests that compare arms within
an epoch; what is shown of the deciding metric under adaptive shares is weighted by one over the shares, since a plain
average would then be biased.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from assay.rollouts.experiments.drafting import PREFERENCES, Wins
from assay.rollouts.experiments.duels import Duel, Tally
from assay.rollouts.traffic.events import Finding
from assay.rollouts.traffic.observations import Observation
from assay.rollouts.traffic.plan import Design, Guard
from assay.scores import Estimate
from assay.statistics.anytime.evidence import threshold
from assay.statistics.anytime.srm import SampleRatio
from assay.statistics.anytime.thompson import Posterior, best, normal_posterior
from assay.statistics.anytime.weighting import WeightedArms


@dataclass(frozen=True, slots=True)
class Harmed:
    """An arm that a guard showed to be worse than it may be."""

    arm: str
    guard: Guard
    finding: str


class Evidence:
    """The evidence of one experiment. ``position`` counts the observations so far: the version of their stream."""

    def __init__(self, design: Design) -> None:
        self.design, self.position, self.unreadable = design, 0, 0
        self.arms = tuple(name for name, _ in design.arms)
        self.ratio = SampleRatio()
        self.tallies = {arm: Tally() for arm in self.arms}
        self.weighted = WeightedArms(self.arms)
        self.wins = Wins(design.alpha)
        pairs = [(arm, other) for other, arm in combinations(self.arms, 2)]
        self._deciding = [Duel.of(*pair, design.metric, design.alpha / len(pairs)) for pair in pairs]
        asked = [(arm, guard) for guard in design.guards for arm in self.arms[1:]]
        self._guarding = [Duel.of(arm, self.arms[0], guard, design.alpha / len(asked)) for arm, guard in asked]
        self._duels: dict[str, list[Duel]] = {}
        for duel in (*self._deciding, *self._guarding):
            self._duels.setdefault(duel.guard.metric, []).append(duel)
        self._epochs: list[dict[str, float]] = []
        self._begins: list[int] = []
        self._seen: dict[str, str] = {}
        self._preferred: set[str] = set()
        self._judged = {guard.metric for guard in (design.metric, *design.guards) if guard.judged}
        self._voted: dict[str, set[str]] = {metric: set() for metric in self._duels}
        self._range = [math.inf, -math.inf]
        self._cast: list[int] = []
        self.open(design.shares, 0)

    @property
    def epochs(self) -> int:
        """How many epochs there are so far."""
        return len(self._epochs)

    @property
    def shares(self) -> Mapping[str, float]:
        """Those of the newest epoch."""
        return self._epochs[-1]

    @property
    def votes(self) -> int:
        """Units that have voted on the deciding metric."""
        return len(self._cast)

    def votes_at(self, position: int) -> int:
        """The same after so many observations."""
        return bisect_right(self._cast, position)

    def open(self, shares: Sequence[float], after: int) -> None:
        """The next epoch has these shares in the order of the arms; its observations come ``after`` so many. It may
        be opened before these are folded."""
        named = dict(zip(self.arms, shares, strict=True))
        self._epochs.append(named)
        self._begins.append(after)
        for duels in self._duels.values():
            for duel in duels:
                rates = self._rates(duel.guard, named)
                duel.open(rates[duel.arm], rates[duel.other])

    def add(self, observation: Observation | None) -> None:
        """Fold the next observation of the experiment's stream. One of an epoch that never began, or of no arm of
        the experiment, says nothing, nor does one that cannot be read (None)."""
        self.position += 1
        if observation is None:
            self.unreadable += 1
            return
        epoch = observation.stage
        if not 0 <= epoch < len(self._epochs) or self.position <= self._begins[epoch] or not observation.counts:
            return
        if self._drawn_lists:
            if observation.arm in PREFERENCES and observation.trace not in self._preferred:
                self._preferred.add(observation.trace)
                self.wins.add(observation.arm)
                self._cast.append(self.position)
        elif observation.arm in self.tallies:
            self._vote(observation)

    @property
    def mismatch(self) -> float:
        """The largest log e-value so far against "units were split as the shares say"."""
        return self.ratio.peak

    @property
    def bar(self) -> float:
        """The log e-value that an arm needs against each other one to be called best: corrected for as many arms as
        could be, since any of them could be called so by mistake."""
        return threshold(self.design.alpha) + math.log(len(self.arms))

    @property
    def harm_bar(self) -> float:
        """The log e-value at which a guard ends the experiment: corrected for arms times guards."""
        return threshold(self.design.alpha) + math.log(max(1, len(self._guarding)))

    @property
    def found(self) -> str | None:
        """The arm that was shown to be better than every other one."""
        if self._drawn_lists:
            return self._found_ranker()
        arm, strength = self.nearest
        return arm if strength >= self.bar else None

    @property
    def nearest(self) -> tuple[str, float]:
        """The arm that is nearest to being shown best, and its log e-value against the one it is least clear of."""
        least = dict.fromkeys(self.arms, math.inf)
        for duel in self._deciding:
            least[duel.arm] = min(least[duel.arm], duel.better)
            least[duel.other] = min(least[duel.other], duel.worse)
        arm = max(self.arms, key=lambda each: least[each])
        return arm, least[arm]

    @property
    def harmed(self) -> Harmed | None:
        """The first arm, in the order of the guards, that a guard showed to be worse than it may be."""
        for duel in self._guarding:
            if duel.worse >= self.harm_bar:
                return Harmed(duel.arm, duel.guard, duel.name)
        return None

    @property
    def limits(self) -> Mapping[str, float]:
        """By finding the quantile in milliseconds that is compared, where it is known."""
        duels = (*self._deciding, *self._guarding)
        return {duel.name: duel.limit for duel in duels if duel.limit is not None}

    def findings(self) -> tuple[Finding, ...]:
        """Each pair of arms on the deciding metric, then each arm on each guard. ``harm`` is the largest log e-value
        so far for worse, ``safe`` for better (of a guard: no worse than allowed); the bounds hold together."""
        if self._drawn_lists:
            return (self.wins.finding(self.design.metric.name, self.arms),)
        return tuple(duel.finding() for duel in (*self._deciding, *self._guarding))

    def posteriors(self) -> dict[str, Posterior]:
        """What is believed of each arm's mean, larger being better: for who gets which share, not for a verdict.

        The prior is worth one value at each end of what was seen.
        """
        low, high = self._range
        if not low < high:
            low, high = 0.0, self.design.metric.bound
        found = {}
        for arm, tally in self.tallies.items():
            sign = 1.0 if self.design.metric.higher_is_better else -1.0
            ends = sorted((sign * low, sign * high))
            found[arm] = normal_posterior(sign * tally.total, tally.squares, tally.n, low=ends[0], high=ends[1])
        return found

    def chances(self) -> Mapping[str, float]:
        """The probability that each arm is best, as far as is believed."""
        return best(self.posteriors())

    def mean(self, arm: str) -> Estimate | None:
        """The arm's mean on the deciding metric had all units had it, bounded at any time; None of too few values."""
        return _within(self.weighted.mean(arm, alpha=self.design.alpha), 0.0, self.design.metric.bound)

    def difference(self, arm: str, other: str) -> Estimate | None:
        """Mean of ``arm`` less mean of ``other``; the bounds of all arms against one hold together at any time."""
        found = self.weighted.difference(arm, other, alpha=self.design.alpha / (len(self.arms) - 1))
        return _within(found, -self.design.metric.bound, self.design.metric.bound)

    @property
    def _drawn_lists(self) -> bool:
        return self.design.policy == "interleave"

    def _vote(self, observation: Observation) -> None:
        unit, epoch, arm = observation.unit, observation.stage, observation.arm
        if unit not in self._seen:
            self._seen[unit] = observation.trace
            self.ratio.add(arm, self._epochs[epoch])
        # Whether some answer of one who asks often is judged has another chance in each arm: of the first it is known.
        first = self._seen[unit] == observation.trace
        for metric, duels in self._duels.items():
            value = observation.values.get(metric)
            if value is None or unit in self._voted[metric] or (metric in self._judged and not first):
                continue
            self._voted[metric].add(unit)
            if metric == self.design.metric.metric:
                self._weigh(observation, value)
            for duel in duels:
                duel.vote(epoch, arm, value)

    def _weigh(self, observation: Observation, value: float) -> None:
        metric, arm = self.design.metric, observation.arm
        self._cast.append(self.position)
        inside = min(max(value, 0.0), metric.bound) if metric.kind != "quantile" else value
        self.tallies[arm].add(inside)
        self._range = [min(self._range[0], inside), max(self._range[1], inside)]
        self.weighted.add(arm, inside, self._rates(metric, self._epochs[observation.stage]))

    def _rates(self, guard: Guard, shares: Mapping[str, float]) -> Mapping[str, float]:
        """How often a value comes from each arm: as often as its share says, but of judged ones equally often, since
        so many fewer of an arm's answers are judged as its share is larger."""
        return dict.fromkeys(shares, 1 / len(shares)) if guard.judged else shares

    def _found_ranker(self) -> str | None:
        test = self.wins.test
        if test.peak < threshold(self.design.alpha) or test.first == test.second:
            return None
        return self.arms[0] if test.first > test.second else self.arms[1]


def _within(found: Estimate | None, low: float, high: float) -> Estimate | None:
    """An estimate whose bounds say nothing that cannot be."""
    return found and replace(found, low=max(low, min(found.low, high)), high=min(high, max(found.high, low)))
