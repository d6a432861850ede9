"""Everything that can happen to an environment's traffic. One stream of events per environment, so that what is
live and which rollout is under way can never disagree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from assay.rollouts.traffic.plan import Design, Plan

Arm: TypeAlias = Literal["live", "candidate"]
Reason: TypeAlias = Literal["gate", "harm", "inconclusive", "mismatch", "aborted", "unbuildable"]
"""Why a candidate went back: the offline gate failed; a guard showed harm; time was over without evidence; users
were not split as they should have been; a person said so; the candidate cannot be opened here."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one guard's evidence came to when a decision was taken.

    ``harm`` and ``safe`` are natural logarithms of e-values: against "no worse than harm allows" and against
    "worse than is allowed". ``candidate`` and ``live`` are the observed means (or exceedance shares) over ``n``
    candidate and ``m`` live units that counted; ``low`` and ``high`` bound the difference, or the ratio, at any time.
    """

    guard: str
    harm: float
    safe: float
    n: int
    m: int
    candidate: float | None
    live: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """``observations`` is the version of the rollout's stream of observations that was looked at, ``at`` the
    time by which; with the plan and the events before, these give the same findings again."""

    observations: int
    at: float
    findings: tuple[Finding, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Deployed:
    """A release was made live directly: the first one, by hand, or because the code under it changed."""

    release: str
    why: str
    by: str
    kind: Literal["deployed"] = "deployed"


@dataclass(frozen=True, slots=True)
class Started:
    """A candidate set out against what is live; ``risk`` is what the quarter's budget is charged once it is past its
    gate: before, nothing can be promoted."""

    rollout: str
    candidate: str
    baseline: str
    plan: Plan
    risk: float
    quarter: str
    why: str
    by: str
    kind: Literal["started"] = "started"


@dataclass(frozen=True, slots=True)
class Gated:
    """The offline gate's verdict; ``comparison`` names the file that it can be recomputed from, None where a person
    let the candidate past without one, and says ``why``."""

    rollout: str
    verdict: Literal["pass", "fail", "inconclusive", "skipped"]
    comparison: str | None
    why: str
    by: str
    kind: Literal["gated"] = "gated"

    @property
    def passed(self) -> bool:
        """Whether the candidate goes on."""
        return self.verdict in ("pass", "skipped")


@dataclass(frozen=True, slots=True)
class Advanced:
    """The next phase began: ``stage`` counts the plan's shares from 0."""

    rollout: str
    stage: int
    decision: Decision
    kind: Literal["advanced"] = "advanced"


@dataclass(frozen=True, slots=True)
class Promoted:
    rollout: str
    decision: Decision
    kind: Literal["promoted"] = "promoted"


@dataclass(frozen=True, slots=True)
class RolledBack:
    rollout: str
    reason: Reason
    decision: Decision
    kind: Literal["rolled_back"] = "rolled_back"


@dataclass(frozen=True, slots=True)
class Aborted:
    """The kill switch: traffic is the live release's from the next request on."""

    rollout: str
    why: str
    by: str
    kind: Literal["aborted"] = "aborted"


@dataclass(frozen=True, slots=True)
class Paused:
    """The share stays as it is and nothing is decided but harm."""

    rollout: str
    why: str
    by: str
    kind: Literal["paused"] = "paused"


@dataclass(frozen=True, slots=True)
class Resumed:
    rollout: str
    by: str
    kind: Literal["resumed"] = "resumed"


@dataclass(frozen=True, slots=True)
class Pinned:
    """Units, by their hash, that always get an arm and do not count; None takes the pin away."""

    rollout: str
    units: Mapping[str, Arm | None] = field(default_factory=dict)
    by: str = ""
    kind: Literal["pinned"] = "pinned"


@dataclass(frozen=True, slots=True)
class ExperimentStarted:
    experiment: str
    design: Design
    why: str
    by: str
    kind: Literal["experiment_started"] = "experiment_started"


@dataclass(frozen=True, slots=True)
class SharesChanged:
    """An adaptive policy's next shares, in the order of the arms, from the first ``observations``."""

    experiment: str
    shares: tuple[float, ...]
    observations: int
    kind: Literal["shares_changed"] = "shares_changed"


@dataclass(frozen=True, slots=True)
class ExperimentEnded:
    """``winner`` names the arm that was shown to be best; None where none was. Traffic is the live release's again:
    a winner reaches users by a rollout."""

    experiment: str
    reason: Literal["found", "harm", "inconclusive", "mismatch", "stopped", "unbuildable"]
    winner: str | None
    decision: Decision
    by: str = ""
    kind: Literal["experiment_ended"] = "experiment_ended"


Event: TypeAlias = (
    Deployed
    | Started
    | Gated
    | Advanced
    | Promoted
    | RolledBack
    | Aborted
    | Paused
    | Resumed
    | Pinned
    | ExperimentStarted
    | SharesChanged
    | ExperimentEnded
)
