"""Experiments on made-up users, with fixed seeds, through the very code that decides in a server."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from assay.rollouts.experiments.deciding import EVERY_SECONDS, decide, due, next_shares
from assay.rollouts.experiments.evidence import Evidence
from assay.rollouts.traffic.events import ExperimentEnded, SharesChanged
from assay.rollouts.traffic.observations import Observation
from assay.rollouts.traffic.plan import Design, Guard, Policy
from assay.rollouts.traffic.state import Experiment

QUALITY = Guard("quality", "quality", "share", allowed=0.0, harm=0.0, higher_is_better=True)
ERRORS = Guard("errors", "errors", "share", allowed=0.05, harm=0.0)
RELEASES = ("aa" * 32, "bb" * 32, "cc" * 32, "dd" * 32)
Values = Callable[[random.Random, str, int], Mapping[str, float]]


def design(
    arms: int = 2,
    *,
    policy: Policy = "fixed",
    shares: Sequence[float] = (),
    metric: Guard = QUALITY,
    guards: tuple[Guard, ...] = (),
    floor: float = 0.1,
    alpha: float = 0.05,
    longest: float = 7 * 86_400.0,
) -> Design:
    named = tuple(zip("ABCD"[:arms], RELEASES[:arms], strict=True))
    return Design(
        named,
        metric,
        guards,
        policy,
        tuple(shares) or (1 / arms,) * arms,
        floor if policy == "thompson" else 0.0,
        alpha,
        "user",
        0.5,
        longest,
    )


def rates(by_arm: Mapping[str, float], metric: str = "quality") -> Values:
    """Whether an answer was good: 1 or 0, at each arm's rate."""

    def values(generator: random.Random, arm: str, at: int) -> Mapping[str, float]:
        return {metric: float(generator.random() < by_arm[arm])}

    return values


@dataclass
class Simulated:
    """What became of one experiment."""

    evidence: Evidence
    experiment: Experiment
    end: ExperimentEnded | None = None
    shares: list[tuple[float, ...]] = field(default_factory=list)
    units: int = 0


def simulate(
    plan: Design,
    values: Values,
    *,
    seed: int,
    units: int,
    per_second: float = 1.0,
    look: int = 10,
    ends: bool = True,
) -> Simulated:
    """``units`` users, each with one answer; looked at after every ``look`` of them. Where it never ``ends``, only
    the shares change."""
    generator = random.Random(seed)
    evidence, experiment, changed = Evidence(plan), Experiment("e1", plan, 0.0, plan.shares), 0.0
    run = Simulated(evidence, experiment, shares=[plan.shares])
    for at in range(1, units + 1):
        (arm,) = generator.choices(evidence.arms, weights=run.experiment.shares)
        seen = values(generator, arm, at)
        share = run.experiment.shares[evidence.arms.index(arm)]
        evidence.add(Observation(f"u{at}", arm, run.experiment.epoch, f"t{at}", seen, propensity=share))
        run.units = at
        now = at / per_second
        if at % look and at < units:
            continue
        event = decide(run.experiment, evidence, now, changed=changed) if ends else changes(run, now, changed)
        if isinstance(event, ExperimentEnded):
            run.end = event
            break
        if event is not None:
            evidence.open(event.shares, event.observations)
            run.shares.append(event.shares)
            changed = now
            before = run.experiment
            run.experiment = Experiment(before.id, plan, 0.0, event.shares, before.epoch + 1, event.observations)
    return run


def changes(run: Simulated, now: float, changed: float) -> SharesChanged | None:
    """The shares alone."""
    if now - changed < EVERY_SECONDS or not due(run.experiment, run.evidence):
        return None
    return SharesChanged("e1", next_shares(run.evidence), run.evidence.position)


@pytest.fixture(scope="session")
def make() -> SimpleNamespace:
    """The helpers of this file; test modules cannot import a conftest."""
    return SimpleNamespace(
        design=design, rates=rates, simulate=simulate, quality=QUALITY, errors=ERRORS, releases=RELEASES
    )
