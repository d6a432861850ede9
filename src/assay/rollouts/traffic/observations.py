"""What was seen of one answer under a rollout or an experiment: the raw material of every decision."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Observation:
    """``unit`` is the hash of who was assigned (a user, a session or the request itself), ``arm`` the name of the
    arm that answered ("live", "candidate", or an experiment's), or "shadow" for a copy that no user saw;
    ``stage`` the plan's stage (-1 in shadow). ``values`` holds what was measured, by metric: "errors" and
    "abstention" 0 or 1, "latency" and "first_token" in milliseconds, "cost" in US dollars, judged metrics and
    "feedback" in [0, 1]. What comes later (a judge's score, a thumb) comes as another observation of the same
    ``trace``. ``counts`` is False for units that were pinned. ``propensity`` is the probability with which
    the unit was assigned its arm; ``of`` is, for a copy, the trace of the answer that its user saw. ``fresh`` is
    False for units whose draw made them the candidate's at the stage before already, seen there or not.
    """

    unit: str
    arm: str
    stage: int
    trace: str
    values: Mapping[str, float]
    counts: bool = True
    propensity: float = 1.0
    of: str | None = None
    fresh: bool = True

    def as_event(self) -> dict[str, Any]:
        """As a line of an event stream, with short keys: there is one for every answer."""
        event: dict[str, Any] = {"kind": "o", "u": self.unit, "a": self.arm, "s": self.stage, "t": self.trace}
        event["v"] = dict(self.values)
        if not self.counts:
            event["x"] = True
        if self.propensity != 1.0:
            event["p"] = self.propensity
        if self.of is not None:
            event["of"] = self.of
        if not self.fresh:
            event["k"] = True
        return event

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> Observation:
        """Raises KeyError for an event of another kind, ValueError for one with a value that is not finite."""
        values = {str(name): float(value) for name, value in event["v"].items()}
        if not all(map(math.isfinite, values.values())):
            raise ValueError("one of its values is no finite number")
        return cls(
            unit=str(event["u"]),
            arm=str(event["a"]),
            stage=int(event["s"]),
            trace=str(event["t"]),
            values=values,
            counts=not event.get("x", False),
            propensity=float(event.get("p", 1.0)),
            of=event.get("of"),
            fresh=not event.get("k", False),
        )


def stream(rollout: str) -> str:
    """The name of the stream of a rollout's, or an experiment's, observations."""
    return f"observations/{rollout}"
