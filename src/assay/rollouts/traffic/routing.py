"""Which release answers a request: a pure function of the environment's traffic and of who asks."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from assay import traces
from assay.rollouts.traffic.assignment import assign, unit_of
from assay.rollouts.traffic.observations import Observation
from assay.rollouts.traffic.plan import Sticky
from assay.rollouts.traffic.state import Experiment, Rollout, Traffic

LIVE, CANDIDATE, SHADOW = "live", "candidate", "shadow"
INTERLEAVED = "interleaved"
"""The arm of an answer from two releases' passages, until it is known whose it cites."""
SHADOW_STAGE = -1


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, as the request says: ``identity`` names a user, ``session`` a conversation; None where unknown."""

    identity: str | None = None
    session: str | None = None


@dataclass(frozen=True, slots=True)
class Way:
    """How one request is answered: by ``release``, as ``arm`` of a rollout or an experiment with the id ``under``,
    None where there is none that this answer belongs to. The rest is what an Observation says of it."""

    release: str
    under: str | None = None
    arm: str = LIVE
    stage: int = SHADOW_STAGE
    unit: str = ""
    counts: bool = True
    propensity: float = 1.0
    fresh: bool = True

    def attributes(self) -> dict[str, traces.Attribute]:
        """What a trace says of it: enough to tell later, of a thumb, which arm it is for."""
        if self.under is None:
            return {}
        found: dict[str, traces.Attribute] = {
            traces.ROLLOUT: self.under,
            traces.ARM: self.arm,
            traces.ROLLOUT_STAGE: self.stage,
            traces.UNIT: self.unit,
        }
        if not self.counts:
            found[traces.PINNED] = True
        if self.propensity != 1.0:
            found[traces.PROPENSITY] = self.propensity
        if not self.fresh:
            found[traces.KEPT] = True
        return found

    @classmethod
    def of(cls, attributes: Mapping[str, traces.Attribute]) -> Way | None:
        """The way that a trace's attributes tell; None of an answer that belongs to nothing."""
        under, arm = attributes.get(traces.ROLLOUT), attributes.get(traces.ARM)
        stage, unit = attributes.get(traces.ROLLOUT_STAGE), attributes.get(traces.UNIT)
        release, propensity = attributes.get(traces.RELEASE, ""), attributes.get(traces.PROPENSITY, 1.0)
        if not (isinstance(under, str) and isinstance(arm, str) and isinstance(stage, int) and isinstance(unit, str)):
            return None
        share = float(propensity) if isinstance(propensity, int | float) else 1.0
        counts, fresh = traces.PINNED not in attributes, traces.KEPT not in attributes
        return cls(str(release), under, arm, stage, unit, counts, share, fresh)

    def observation(self, trace: str, values: Mapping[str, float], *, of: str | None = None) -> Observation:
        """What was seen of an answer that went this way."""
        return Observation(self.unit, self.arm, self.stage, trace, values, self.counts, self.propensity, of, self.fresh)


def way(traffic: Traffic, asker: Asker) -> Way:
    """The way of a request. Who is not known is a unit of its own. ``traffic.live`` must not be None."""
    live = traffic.live or ""
    if traffic.rollout is not None:
        return _under_rollout(traffic.rollout, asker, live)
    if traffic.experiment is not None:
        return _under_experiment(traffic.experiment, asker, live)
    return Way(live)


def _under_rollout(rollout: Rollout, asker: Asker, live: str) -> Way:
    if rollout.phase == "gate":
        return Way(live)
    unit = unit_of(rollout.id, _identity(rollout.plan.sticky, asker))
    if rollout.phase == "shadow":
        return Way(live, rollout.id, LIVE, SHADOW_STAGE, unit)
    shares = {CANDIDATE: rollout.share, LIVE: 1.0 - rollout.share}
    pinned = rollout.pins.get(unit)
    arm = pinned or assign(rollout.id, unit, shares)
    release = rollout.candidate if arm == CANDIDATE else live
    fresh = arm != CANDIDATE or _newly_drawn(rollout, unit)
    return Way(release, rollout.id, arm, rollout.stage, unit, pinned is None, shares[arm], fresh)


def _newly_drawn(rollout: Rollout, unit: str) -> bool:
    """Whether a unit of the candidate would have been live's at the share before."""
    if rollout.stage < 1:
        return True
    before = rollout.plan.stages[rollout.stage - 1]
    return assign(rollout.id, unit, {CANDIDATE: before, LIVE: 1.0 - before}) != CANDIDATE


def _under_experiment(experiment: Experiment, asker: Asker, live: str) -> Way:
    design = experiment.design
    unit = unit_of(experiment.id, _identity(design.sticky, asker))
    if design.policy == "interleave":
        return Way(live, experiment.id, INTERLEAVED, experiment.epoch, unit)
    shares = dict(zip((name for name, _ in design.arms), experiment.shares, strict=True))
    arm = assign(experiment.id, unit, shares)
    return Way(dict(design.arms)[arm], experiment.id, arm, experiment.epoch, unit, True, shares[arm])


def _identity(sticky: Sticky, asker: Asker) -> str:
    """What keeps its arm: the finest that the request tells of what is wanted, else the request itself."""
    match sticky:
        case "user" if asker.identity or asker.session:
            return asker.identity or f"session:{asker.session}"
        case "session" if asker.session:
            return asker.session
        case _:
            return f"request:{secrets.token_hex(16)}"


def fraction(salt: str, of: str) -> float:
    """A number in [0, 1) that is always the same for the same names: to choose a share of the answers."""
    return int(unit_of(salt, of)[:13], 16) / 16**13
