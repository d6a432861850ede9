"""What a rollout's observations come to: a pure fold, in the order in which they were recorded.

Each observation says in which stage it was made, so the evidence does not depend on when anybody
looked, nor on which process did. Harm is an e-process for each guard, and their mean, with equal
weights, is what a way back is decided by; safety is an e-process for each guard by itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from assay.rollouts.evidence.amounts import AmountEvidence
from assay.rollouts.evidence.shadows import COPY, ShadowCount, ShadowPairs, learnable
from assay.rollouts.evidence.tails import TailEvidence
from assay.rollouts.evidence.voters import Units, Voters, voting_shares
from assay.rollouts.traffic.events import Finding
from assay.rollouts.traffic.observations import Observation
from assay.rollouts.traffic.plan import Guard, Plan
from assay.statistics.anytime.evidence import log_mean_exp, threshold

_Guarded: TypeAlias = AmountEvidence | TailEvidence
_HALF = math.log(0.5)


class Evidence:
    """The evidence of one rollout. ``position`` counts the observations so far: the version of their stream;
    ``unreadable`` those that could not be read, and say nothing."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.position, self.unreadable = plan, 0, 0
        shares = voting_shares(plan.stages)
        self._guards = [_guarded(guard, shares, plan.alpha) for guard in plan.guards]
        self._ballots = [(each, each.guard.metric, 2 << at) for at, each in enumerate(self._guards)]
        self._metrics = tuple(dict.fromkeys(guard.metric for guard in plan.guards))
        self._voters = Voters(plan.stages)
        self._pairs = ShadowPairs(self._metrics)
        self._paired: dict[str, int] = {}
        self._each = [0.0] * len(self._guards)
        self._weights = [-math.log(len(self._guards))] * len(self._guards) if self._guards else []
        self._harm = self._harm_peak = 0.0

    def add(self, observation: Observation | None) -> None:
        """Fold the next observation of the rollout's stream; None for one that cannot be read."""
        self.position += 1
        if observation is None:
            self.unreadable += 1
        elif observation.arm == COPY or observation.stage < 0:
            self._shadow(observation)
        elif observation.counts and observation.stage < len(self.plan.stages):
            self._vote(observation)

    @property
    def harm(self) -> float:
        """The log e-value, now, against "no guard is worse than its harm allows"."""
        return self._harm

    @property
    def harm_peak(self) -> float:
        """The largest that it has been."""
        return self._harm_peak

    @property
    def mismatch(self) -> float:
        """The largest log e-value so far against "units were split as planned"."""
        return self._voters.ratio.peak

    @property
    def unsafe(self) -> tuple[str, ...]:
        """The guards that are not yet shown to be no worse than allowed, in the plan's order."""
        bar = threshold(self.plan.promotion_alpha)
        return tuple(each.guard.name for each in self._guards if each.safe < bar)

    @property
    def shadow(self) -> ShadowCount:
        """What shadow has done so far."""
        return self._pairs.count

    @property
    def clipped(self) -> Mapping[str, int]:
        """By guard how many values counted as the bound that they were beyond."""
        return {each.guard.name: each.clipped for each in self._guards}

    @property
    def limits(self) -> Mapping[str, float]:
        """By quantile guard live's quantile in milliseconds, as far as it is known."""
        return {each.guard.name: each.limit for each in self._guards if isinstance(each, TailEvidence) and each.limit}

    @property
    def split(self) -> tuple[Units, float]:
        """Units that were drawn for an arm, over all stages, and how many of them should be the candidate's."""
        ratio = self._voters.ratio
        drawn = Units(ratio.counts.get("live", 0), ratio.counts.get("candidate", 0))
        return drawn, ratio.expected.get("candidate", 0.0)

    def units(self, stage: int) -> Units:
        """How many units of each arm were seen in a stage, those that the candidate had before included."""
        return self._voters.units(stage)

    def findings(self) -> tuple[Finding, ...]:
        """What each guard came to, in the plan's order: its own log e-values, ``harm`` now and ``safe`` the largest so
        far, which is what counts; what was observed; and bounds that hold at any time."""
        return tuple(each.finding(self._harm_of(each)) for each in self._guards)

    def _vote(self, observation: Observation) -> None:
        candidate = observation.arm == "candidate"
        if not candidate and observation.arm != "live":
            return
        stage, unit, values = observation.stage, observation.unit, observation.values
        held = self._voters.ballot(stage, unit, candidate=candidate)
        if held is None or (candidate and not observation.fresh):
            return
        ballot = held
        for guarded, metric, bit in self._ballots:
            value = None if ballot & bit else values.get(metric)
            if value is not None and guarded.vote(stage, value, candidate=candidate):
                ballot |= bit
        if ballot != held:
            self._voters.cast(stage, unit, ballot)
            self._weigh()

    def _shadow(self, observation: Observation) -> None:
        for pair in self._pairs.add(observation):
            for guarded, metric, bit in self._ballots:
                ballot = self._paired.get(pair.unit, 0)
                if metric == pair.metric and not ballot & bit and guarded.pair(pair.candidate, pair.live):
                    self._paired[pair.unit] = ballot | bit
                    self._weigh()
        seen = learnable(observation)
        for guarded, metric, _ in self._ballots:
            if metric in seen:
                guarded.learn(seen[metric])

    def _weigh(self) -> None:
        """Average the guards' evidence of harm; a guard without evidence counts as 1."""
        each = [self._harm_of(guarded) for guarded in self._guards]
        if each != self._each:
            self._each = each
            self._harm = log_mean_exp(each, self._weights)
            self._harm_peak = max(self._harm_peak, self._harm)

    def _harm_of(self, guarded: _Guarded) -> float:
        """Of copies and votes together: half of what was staked stays out of shadow, and all of it goes on to the
        votes. Each factor is a fair bet given what came before, whichever of the two it is on."""
        if self.plan.shadow is None:
            return guarded.harm
        copies = guarded.copies_harm
        together = max(copies, 0.0) + math.log1p(math.exp(-abs(copies)))
        return guarded.harm + together + _HALF


def _guarded(guard: Guard, shares: Sequence[float], alpha: float) -> _Guarded:
    kind = TailEvidence if guard.kind == "quantile" else AmountEvidence
    return kind.of(guard, shares, alpha)
