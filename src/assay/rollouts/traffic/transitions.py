"""The state machine: pure, so that every process that has read the same events is in the same state.

```
                    ┌────────── gate failed ─────────────┐
Started → gate ─────┤                                    ▼
                    └→ shadow → canary 0 → … → canary n → Promoted | RolledBack | Aborted
```

Whatever an event would break is refused, not repaired: no second rollout beside the first, no stage
skipped, no traffic before the gate, no promotion but from the last stage.
"""

from __future__ import annotations

from dataclasses import replace
from functools import singledispatch

from assay.errors import InputError
from assay.rollouts.traffic.events import (
    Aborted,
    Advanced,
    Deployed,
    Event,
    ExperimentEnded,
    ExperimentStarted,
    Gated,
    Paused,
    Pinned,
    Promoted,
    Resumed,
    RolledBack,
    SharesChanged,
    Started,
)
from assay.rollouts.traffic.state import Experiment, Rollout, Traffic


class Refused(InputError):
    """An event that cannot happen in this state."""


def transition(traffic: Traffic, event: Event, at: float) -> Traffic:
    """The state after an event that was recorded ``at`` (seconds since the epoch). Raises Refused."""
    after = _after(event, traffic, at)
    return replace(after, version=traffic.version + 1)


@singledispatch
def _after(event: object, traffic: Traffic, at: float) -> Traffic:  # noqa: ARG001
    raise Refused(f"an event of kind {type(event).__name__} is not known")


@_after.register
def _deployed(event: Deployed, traffic: Traffic, at: float) -> Traffic:  # noqa: ARG001
    _free(traffic)
    return replace(traffic, live=event.release)


@_after.register
def _started(event: Started, traffic: Traffic, at: float) -> Traffic:
    _free(traffic)
    if traffic.live is None:
        raise Refused(f"nothing is live in {traffic.environment} yet, so there is nothing to compare with")
    if event.baseline != traffic.live:
        raise Refused(f"release {event.baseline[:12]} is not live in {traffic.environment} any more")
    if event.candidate == traffic.live:
        raise Refused(f"release {event.candidate[:12]} is live in {traffic.environment} already")
    rollout = Rollout(
        event.rollout,
        event.candidate,
        event.baseline,
        event.plan,
        at,
        at,
        "gate",
        risk=event.risk,
        quarter=event.quarter,
    )
    return replace(traffic, rollout=rollout) if event.plan.gated else _opened(traffic, rollout, at)


@_after.register
def _gated(event: Gated, traffic: Traffic, at: float) -> Traffic:
    rollout = _current(traffic, event.rollout)
    if rollout.phase != "gate":
        raise Refused(f"rollout {rollout.id} is past its gate")
    if event.passed:
        return _opened(traffic, rollout, at)
    return replace(traffic, rollout=None)


def _opened(traffic: Traffic, rollout: Rollout, at: float) -> Traffic:
    """Past the gate: shadow where the plan has it, else the first share of traffic. From here on the candidate can
    be promoted, which is what the risk budget is charged for."""
    spent = {**traffic.spent, rollout.quarter: traffic.spent.get(rollout.quarter, 0.0) + rollout.risk}
    charged = replace(traffic, spent=spent)
    if rollout.plan.shadow is not None:
        return replace(charged, rollout=replace(rollout, phase="shadow", since=at))
    return replace(charged, rollout=replace(rollout, phase="canary", stage=0, since=at))


@_after.register
def _advanced(event: Advanced, traffic: Traffic, at: float) -> Traffic:
    rollout = _current(traffic, event.rollout)
    if rollout.phase == "gate":
        raise Refused(f"rollout {rollout.id} has not passed its gate")
    if event.stage != rollout.stage + 1:
        raise Refused(f"rollout {rollout.id} is in stage {rollout.stage}; {event.stage} does not follow")
    if event.stage >= len(rollout.plan.stages):
        raise Refused(f"rollout {rollout.id} has no stage {event.stage}; it can be promoted or go back")
    if rollout.paused:
        raise Refused(f"rollout {rollout.id} is paused")
    moved = replace(rollout, phase="canary", stage=event.stage, since=at, since_observation=event.decision.observations)
    return replace(traffic, rollout=moved)


@_after.register
def _promoted(event: Promoted, traffic: Traffic, at: float) -> Traffic:  # noqa: ARG001
    rollout = _current(traffic, event.rollout)
    if rollout.phase != "canary" or rollout.stage != len(rollout.plan.stages) - 1:
        raise Refused(f"rollout {rollout.id} is promoted from its last stage only")
    if rollout.paused:
        raise Refused(f"rollout {rollout.id} is paused")
    return replace(traffic, live=rollout.candidate, rollout=None)


@_after.register
def _rolled_back(event: RolledBack, traffic: Traffic, at: float) -> Traffic:  # noqa: ARG001
    _current(traffic, event.rollout)
    return replace(traffic, rollout=None)


@_after.register
def _aborted(event: Aborted, traffic: Traffic, at: float) -> Traffic:  # noqa: ARG001
    _current(traffic, event.rollout)
    return replace(traffic, rollout=None)


@_after.register
def _paused(event: Paused, traffic: Traffic, at: float) -> Traffic:  # noqa: ARG001
    return replace(traffic, rollout=replace(_current(traffic, event.rollout), paused=True))


@_after.register
def _resumed(event: Resumed, traffic: Traffic, at: float) -> Traffic:  # noqa: ARG001
    return replace(traffic, rollout=replace(_current(traffic, event.rollout), paused=False))


@_after.register
def _pinned(event: Pinned, traffic: Traffic, at: float) -> Traffic:  # noqa: ARG001
    rollout = _current(traffic, event.rollout)
    pins = {**rollout.pins, **{unit: arm for unit, arm in event.units.items() if arm is not None}}
    for unit, arm in event.units.items():
        if arm is None:
            pins.pop(unit, None)
    return replace(traffic, rollout=replace(rollout, pins=pins))


@_after.register
def _experiment_started(event: ExperimentStarted, traffic: Traffic, at: float) -> Traffic:
    _free(traffic)
    if traffic.live is None:
        raise Refused(f"nothing is live in {traffic.environment} yet, so an experiment has nothing to fall back on")
    return replace(traffic, experiment=Experiment(event.experiment, event.design, at, event.design.shares))


@_after.register
def _shares_changed(event: SharesChanged, traffic: Traffic, at: float) -> Traffic:  # noqa: ARG001
    experiment = _experiment(traffic, event.experiment)
    if experiment.design.policy != "thompson":
        raise Refused(f"the shares of experiment {experiment.id} are fixed")
    if len(event.shares) != len(experiment.shares) or abs(sum(event.shares) - 1) > 1e-9:
        raise Refused(f"experiment {experiment.id} has {len(experiment.shares)} arms, whose shares add up to 1")
    if min(event.shares) < experiment.design.floor - 1e-9:
        raise Refused(f"no arm of experiment {experiment.id} may get less than {experiment.design.floor:g}")
    changed = replace(experiment, shares=event.shares, epoch=experiment.epoch + 1, since_observation=event.observations)
    return replace(traffic, experiment=changed)


@_after.register
def _experiment_ended(event: ExperimentEnded, traffic: Traffic, at: float) -> Traffic:  # noqa: ARG001
    _experiment(traffic, event.experiment)
    return replace(traffic, experiment=None)


def _free(traffic: Traffic) -> None:
    """Refuse where traffic is being moved already."""
    where = traffic.environment
    if traffic.rollout is not None:
        raise Refused(
            f"rollout {traffic.rollout.id} is under way in {where}; wait for it, or end it: `assay rollout abort`"
        )
    if traffic.experiment is not None:
        raise Refused(f"experiment {traffic.experiment.id} is under way in {where}; end it: `assay experiment stop`")


def _current(traffic: Traffic, id: str) -> Rollout:
    rollout = traffic.rollout
    if rollout is None:
        raise Refused(f"no rollout is under way in {traffic.environment}")
    if rollout.id != id:
        raise Refused(f"rollout {id} is over; {rollout.id} is under way in {traffic.environment}")
    return rollout


def _experiment(traffic: Traffic, id: str) -> Experiment:
    experiment = traffic.experiment
    if experiment is None or experiment.id != id:
        raise Refused(f"experiment {id} is not under way in {traffic.environment}")
    return experiment
