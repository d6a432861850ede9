"""What an environment's traffic is now: a fold over its events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from assay.rollouts.traffic.events import Arm
from assay.rollouts.traffic.plan import Design, Plan

Phase: TypeAlias = Literal["gate", "shadow", "canary"]


@dataclass(frozen=True, slots=True)
class Rollout:
    """A rollout under way. ``started`` and ``since`` (when this phase or stage began) are in seconds since the
    epoch; ``stage`` counts the plan's shares from 0 and is -1 before the first; ``since_observation`` is how many
    observations there were when the stage began; ``risk`` is what ``quarter``'s budget is charged past the gate."""

    id: str
    candidate: str
    baseline: str
    plan: Plan
    started: float
    since: float
    phase: Phase
    stage: int = -1
    since_observation: int = 0
    paused: bool = False
    pins: Mapping[str, Arm] = field(default_factory=dict)
    risk: float = 0.0
    quarter: str = ""

    @property
    def share(self) -> float:
        """The candidate's share of the units that are not pinned; 0 before the first stage."""
        return self.plan.stages[self.stage] if self.phase == "canary" else 0.0


@dataclass(frozen=True, slots=True)
class Experiment:
    """An experiment under way; ``shares`` are those of now, ``epoch`` counts how often they changed and
    ``since_observation`` is how many observations there were when they last did."""

    id: str
    design: Design
    started: float
    shares: tuple[float, ...]
    epoch: int = 0
    since_observation: int = 0


@dataclass(frozen=True, slots=True)
class Traffic:
    """An environment: the release that is live, and the rollout or the experiment that is under way. ``version``
    is that of its stream; ``spent`` is the risk charged by quarter ("2026-Q4")."""

    environment: str
    version: int = 0
    live: str | None = None
    rollout: Rollout | None = None
    experiment: Experiment | None = None
    spent: Mapping[str, float] = field(default_factory=dict)
