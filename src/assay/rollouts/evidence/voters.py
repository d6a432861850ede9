"""Who was seen, and has voted: units are what is assigned, so units, not answers, are the independent draws.

A unit of live votes once a stage on each guard, one of the candidate once a rollout, each with its first
value. Assignment moves units only towards the candidate, and who moves at a stage is a fresh random
draw from those that were live's: these may be compared with those that stay, whatever either said before.
Units that the candidate had before are no fresh draw: if chance gave it unhappy ones, they would say so
again at every stage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from assay.statistics.anytime.srm import SampleRatio

CANDIDATE = 1
"""The lowest bit of a ballot: whether its unit is the candidate's. Each other bit is a guard that it voted on."""


@dataclass(frozen=True, slots=True)
class Units:
    """Units that counted in a stage, by arm."""

    live: int = 0
    candidate: int = 0


@dataclass(slots=True)
class Voters:
    """Ballots by stage and unit. ``ratio`` is the evidence that units are not split as ``shares`` say."""

    shares: Sequence[float]
    ratio: SampleRatio = field(default_factory=SampleRatio)
    _ballots: list[dict[str, int]] = field(default_factory=list)
    _counts: list[list[int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._ballots = [{} for _ in self.shares]
        self._counts = [[0, 0] for _ in self.shares]

    def units(self, stage: int) -> Units:
        """Those seen in a stage; none before the first."""
        if not 0 <= stage < len(self.shares):
            return Units()
        return Units(*self._counts[stage])

    def ballot(self, stage: int, unit: str, *, candidate: bool) -> int | None:
        """The unit's ballot in a stage; None where it was seen with the other arm there, and so cannot vote."""
        held = self._ballots[stage].get(unit)
        if held is not None:
            return held if (held & CANDIDATE) == candidate else None
        ballot = self._admitted(stage, unit, candidate=candidate)
        self._ballots[stage][unit] = ballot
        return ballot

    def cast(self, stage: int, unit: str, ballot: int) -> None:
        """Keep what a unit has voted on."""
        self._ballots[stage][unit] = ballot

    def _admitted(self, stage: int, unit: str, *, candidate: bool) -> int:
        self._counts[stage][candidate] += 1
        share, before = self.shares[stage], self._before(stage, unit)
        if before is None:
            self._drawn(share, candidate=candidate)
            return int(candidate)
        earlier, ballot = before
        if not ballot & CANDIDATE:
            # Who is live's at one share is the candidate's at the next with what that adds, of what was left.
            self._drawn((share - self.shares[earlier]) / (1 - self.shares[earlier]), candidate=candidate)
            return int(candidate)
        if not candidate:  # none of the candidate's ever moves back, unless the split is broken
            self._drawn(share, candidate=False)
            return 0
        return ballot

    def _before(self, stage: int, unit: str) -> tuple[int, int] | None:
        """The last earlier stage that saw the unit, with its ballot there."""
        for earlier in range(stage - 1, -1, -1):
            ballot = self._ballots[earlier].get(unit)
            if ballot is not None:
                return earlier, ballot
        return None

    def _drawn(self, share: float, *, candidate: bool) -> None:
        self.ratio.add("candidate" if candidate else "live", {"live": 1 - share, "candidate": share})
