"""What follows from the evidence: pure rules, so that every process decides the same and anybody can check it.

In this order: units that were not split as planned, harm, time that is over, and only then what lets the
candidate go on. Whatever stops a candidate depends on no clock but its longest time.
"""

from __future__ import annotations

from typing import TypeAlias

from assay.rollouts.evidence.rollout import Evidence
from assay.rollouts.evidence.wording import waiting as waiting
from assay.rollouts.evidence.wording import (
    why_advanced,
    why_harm,
    why_inconclusive,
    why_mismatch,
    why_promoted,
    why_shadowed,
)
from assay.rollouts.traffic.events import Advanced, Decision, Promoted, Reason, RolledBack
from assay.rollouts.traffic.state import Rollout
from assay.statistics.anytime.evidence import threshold

Decided: TypeAlias = Advanced | Promoted | RolledBack

MISMATCH_ALPHA = 0.001
"""The chance to stop a rollout whose units were split as planned: small, since it comes on top of alpha."""


def decide(rollout: Rollout, evidence: Evidence, at: float) -> Decided | None:
    """What happens now to a rollout in this state; None where it waits. ``at`` is in seconds since the epoch."""
    stopped = alarmed(rollout, evidence, at)
    if stopped is not None or rollout.paused:
        return stopped
    plan = rollout.plan
    if at - rollout.started >= plan.longest_seconds:
        return _back(rollout, evidence, at, "inconclusive", why_inconclusive(rollout, evidence))
    if rollout.phase == "shadow":
        return _after_shadow(rollout, evidence, at)
    if rollout.phase == "canary":
        return _after_stage(rollout, evidence, at)
    return None


def alarmed(rollout: Rollout, evidence: Evidence, at: float) -> RolledBack | None:
    """The way back that the evidence alone asks for, in any phase, paused or not; asked after each observation,
    it comes out at the same one in every process."""
    if not rollout.paused and mismatched(evidence):
        return _back(rollout, evidence, at, "mismatch", why_mismatch(rollout, evidence))
    if harmed(evidence):
        return _back(rollout, evidence, at, "harm", why_harm(rollout, evidence))
    return None


def mismatched(evidence: Evidence) -> bool:
    """Whether units were split otherwise than planned."""
    return evidence.mismatch >= threshold(MISMATCH_ALPHA)


def harmed(evidence: Evidence) -> bool:
    """Whether some guard was shown to be worse than its harm allows."""
    return evidence.harm_peak >= threshold(evidence.plan.alpha)


def _after_shadow(rollout: Rollout, evidence: Evidence, at: float) -> Advanced | None:
    shadow, done = rollout.plan.shadow, evidence.shadow
    if shadow is None:
        ended = "there is no shadow in the plan"
    elif done.answers >= shadow.answers:
        ended = f"{done.answers:,} copies were answered"
    elif done.answers and done.cost * (1 + 1 / done.answers) > shadow.cost:
        ended = f"copies have cost {done.cost:.2f} USD and another would go beyond the {shadow.cost:.2f} allowed"
    elif at - rollout.since >= shadow.seconds:
        ended = f"its time is over with {done.answers:,} of {shadow.answers:,} copies answered"
    else:
        return None
    why = why_shadowed(rollout, evidence, ended)
    return Advanced(rollout.id, 0, Decision(evidence.position, at, evidence.findings(), why))


def _after_stage(rollout: Rollout, evidence: Evidence, at: float) -> Advanced | Promoted | None:
    plan = rollout.plan
    seen = evidence.units(rollout.stage).candidate
    if seen < plan.least_answers or at - rollout.since < plan.least_seconds:
        return None
    if rollout.stage < len(plan.stages) - 1:
        why = why_advanced(rollout, evidence)
        return Advanced(rollout.id, rollout.stage + 1, Decision(evidence.position, at, evidence.findings(), why))
    if evidence.unsafe or not plan.guards:  # nothing asked is nothing shown
        return None
    return Promoted(rollout.id, Decision(evidence.position, at, evidence.findings(), why_promoted(rollout, evidence)))


def _back(rollout: Rollout, evidence: Evidence, at: float, reason: Reason, why: str) -> RolledBack:
    return RolledBack(rollout.id, reason, Decision(evidence.position, at, evidence.findings(), why))
