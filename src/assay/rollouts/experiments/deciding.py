"""What follows from an experiment's evidence: pure rules, so that every process decides the same.

In this order: units that were not split as the shares say, harm, an arm that is best, time that is over, and only
then the next shares of an adaptive policy. Whatever ends an experiment depends on no clock but its longest time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, TypeAlias

from assay.rollouts.evidence.deciding import MISMATCH_ALPHA
from assay.rollouts.experiments import wording
from assay.rollouts.experiments.evidence import Evidence
from assay.rollouts.traffic.events import Decision, ExperimentEnded, SharesChanged
from assay.rollouts.traffic.state import Experiment
from assay.statistics.anytime.evidence import threshold
from assay.statistics.anytime.thompson import top_two

Decided: TypeAlias = ExperimentEnded | SharesChanged

LEADER = 0.8
"""How often the arm that is best in a draw gets the next user, else the best other one. One half finds the best arm
soonest, and would leave two arms at equal shares for good; more of it gives more users the better answers meanwhile."""
EVERY_SECONDS = 60.0
"""Shares change at most this often: each change moves users to another arm."""
EVERY_VOTES = 50
EVERY_PART = 0.1
"""Shares change when so many units more have voted, or such a part of those that had, whichever is more."""


def decide(experiment: Experiment, evidence: Evidence, at: float, *, changed: float) -> Decided | None:
    """What happens now; None where it goes on as it is.

    ``at`` is in seconds since the epoch, ``changed`` when the shares last did, or the experiment started.
    """
    ended = alarmed(experiment, evidence, at)
    if ended is not None:
        return ended
    if at - experiment.started >= experiment.design.longest_seconds:
        return _ended(experiment, evidence, at, "inconclusive", None, wording.why_inconclusive(evidence))
    if at - changed >= EVERY_SECONDS and due(experiment, evidence):
        return SharesChanged(experiment.id, next_shares(evidence), evidence.position)
    return None


def alarmed(experiment: Experiment, evidence: Evidence, at: float) -> ExperimentEnded | None:
    """The end that the evidence alone asks for; asked after each observation, it comes out at the same one in every
    process."""
    if evidence.mismatch >= threshold(MISMATCH_ALPHA):
        return _ended(experiment, evidence, at, "mismatch", None, wording.why_mismatch(evidence))
    harmed = evidence.harmed
    if harmed is not None:
        return _ended(experiment, evidence, at, "harm", None, wording.why_harm(evidence, harmed))
    found = evidence.found
    if found is not None:
        return _ended(experiment, evidence, at, "found", found, wording.why_found(evidence, found))
    return None


def due(experiment: Experiment, evidence: Evidence) -> bool:
    """Whether so many have voted since the shares last changed that they change again.

    That depends on how many voted and never on what they said: else an epoch would end at a moment that its values
    chose, and the tests within it would not hold.
    """
    if experiment.design.policy != "thompson":
        return False
    before = evidence.votes_at(experiment.since_observation)
    return evidence.votes - before >= needed(before)


def needed(before: int) -> int:
    """How many more must vote before the shares change again, after so many that had voted when they last did."""
    return max(EVERY_VOTES, math.ceil(EVERY_PART * before))


def next_shares(evidence: Evidence) -> tuple[float, ...]:
    """Top-two Thompson sampling's, in the order of the arms, none below the floor."""
    found = top_two(evidence.posteriors(), floor=evidence.design.floor, leader=LEADER)
    return tuple(found[arm] for arm in evidence.arms)


def waiting(experiment: Experiment, evidence: Evidence, at: float) -> str:
    """What an experiment waits for now, in words."""
    left = experiment.started + experiment.design.longest_seconds - at
    return wording.waits(evidence, left)


def spelt(shares: Sequence[float]) -> str:
    """Shares as people read them."""
    return ", ".join(wording.percent(share) for share in shares)


def _ended(
    experiment: Experiment,
    evidence: Evidence,
    at: float,
    reason: Literal["found", "harm", "inconclusive", "mismatch"],
    winner: str | None,
    why: str,
) -> ExperimentEnded:
    decision = Decision(evidence.position, at, evidence.findings(), why)
    return ExperimentEnded(experiment.id, reason, winner, decision)
