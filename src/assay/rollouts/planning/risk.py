"""The risk budget: how much chance of a false promotion a quarter may hold, who spent it, and what is left.

Each rollout may promote a release that is worse than allowed with a chance of at most its promotion's
alpha; the chance that any rollout of a quarter does so is at most the sum. It is charged when the rollout
is past its gate, since before nothing can be promoted. Who ships often cannot farm false promotions: what
was charged is gone, however the rollout ended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from assay.rollouts.traffic.events import Event, Gated, Started
from assay.rollouts.traffic.log import Entry
from assay.rollouts.traffic.transitions import Refused

LEAST = 0.001
"""A budget with less than this left admits no further rollout: it could hardly ever promote."""
UNDER_WAY = "under way"


@dataclass(frozen=True, slots=True)
class Allowance:
    """What the quarter's budget gives a rollout that starts now: ``alpha`` is what its promotion is tested at, and
    what is charged past its gate. ``next_quarter`` and ``renewed`` (seconds since the epoch) are when there is a new
    budget."""

    quarter: str
    budget: float
    spent: float
    alpha: float
    next_quarter: str
    renewed: float

    @property
    def left(self) -> float:
        """What is left before this rollout is charged."""
        return max(0.0, self.budget - self.spent)

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "left": self.left}


@dataclass(frozen=True, slots=True)
class Charge:
    """A rollout's part of the budget: ``risk`` is 0 for one that has not come past its gate. ``outcome`` is the kind
    of the event that ended it, or UNDER_WAY; ``left`` is what the budget still held afterwards."""

    rollout: str
    candidate: str
    at: float
    risk: float
    left: float
    outcome: str
    by: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def quarter_of(at: float) -> str:
    """The quarter of a moment (seconds since the epoch), in UTC: ``2026-Q4``."""
    moment = datetime.fromtimestamp(at, UTC)
    return f"{moment.year}-Q{(moment.month + 2) // 3}"


def begins(quarter: str) -> float:
    """When a quarter begins, in seconds since the epoch."""
    year, _, number = quarter.partition("-Q")
    return datetime(int(year), 3 * int(number) - 2, 1, tzinfo=UTC).timestamp()


def following(quarter: str) -> str:
    """The quarter after this one."""
    year, _, number = quarter.partition("-Q")
    return f"{int(year) + 1}-Q1" if number == "4" else f"{year}-Q{int(number) + 1}"


def allowance(spent: Mapping[str, float], *, budget: float, alpha: float, at: float) -> Allowance:
    """What a rollout that starts ``at`` would be charged; ``spent`` is by quarter, as ``Traffic`` has it.

    Half of what is left at most, so that a busy quarter's rollouts get harder to promote rather than impossible at
    once. Raises Refused, saying when the next budget begins, where too little is left.
    """
    quarter = quarter_of(at)
    used = spent.get(quarter, 0.0)
    left, later = budget - used, following(quarter)
    if left < LEAST:
        day = datetime.fromtimestamp(begins(later), UTC).strftime("%Y-%m-%d")
        raise Refused(
            f"the risk budget of {quarter} is spent: {used:.4g} of {budget:g} went to this quarter's rollouts "
            f"(`assay environment risk` lists them); a new one begins on {day} (UTC), or raise "
            "risk_per_quarter in [rollout]"
        )
    return Allowance(quarter, budget, used, min(alpha, left / 2), later, begins(later))


def charges(entries: Sequence[Entry], quarter: str, budget: float) -> tuple[Charge, ...]:
    """What each rollout of a quarter was charged, in order: 0 where it has not come past its gate."""
    passed = {entry.event.rollout for entry in entries if isinstance(entry.event, Gated) and entry.event.passed}
    outcomes = {id: kind for entry in entries if (id := _rollout(entry.event)) and (kind := _ending(entry.event))}
    found: list[Charge] = []
    left = budget
    for entry in entries:
        event = entry.event
        if isinstance(event, Started) and event.quarter == quarter:
            risk = 0.0 if event.plan.gated and event.rollout not in passed else event.risk
            left -= risk
            outcome = outcomes.get(event.rollout, UNDER_WAY)
            found.append(Charge(event.rollout, event.candidate, entry.at, risk, max(0.0, left), outcome, event.by))
    return tuple(found)


def _rollout(event: Event) -> str | None:
    found = getattr(event, "rollout", None)
    return found if isinstance(found, str) else None


def _ending(event: Event) -> str | None:
    match event.kind:
        case "promoted" | "aborted":
            return event.kind
        case "rolled_back":
            return event.reason
        case "gated" if not event.passed:
            return "gate"
        case _:
            return None
