"""Who was seen, and has voted: units are what is assigned, so units, not answers, are the independent draws.

A unit of live votes once a stage on each guard, one of the candidate once a rollout, each with its first
value. Assignment moves units only towards the candidate, and who moves at a stage is a fresh random
draw from those that were live's: these may be compared with those that stay, whatever either said before.
Units that the candidate had before are no fresh draw: if chance gave it unhappy ones, they would say so
again at every stage. Nor do newcomers vote for it whom the share before had drawn already: those of its
regulars that the same share drew have voted, and the rest would be a mix with too few of them in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

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
    """Ballots, of live by stage and unit and of the candidate by unit. ``ratio`` is the evidence that units are not
    split as ``shares`` say."""

    shares: Sequence[float]
    ratio: SampleRatio = field(default_factory=SampleRatio)
    _ballots: list[dict[str, int]] = field(default_factory=list)
    _counts: list[list[int]] = field(default_factory=list)
    _candidates: dict[str, int] = field(default_factory=dict)

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
        if held is None:
            self._admit(stage, unit, candidate=candidate)
            held = self._ballots[stage][unit] = int(candidate)
        elif (held & CANDIDATE) != candidate:
            return None
        return self._candidates.get(unit, CANDIDATE) if candidate else held

    def cast(self, stage: int, unit: str, ballot: int) -> None:
        """Keep what a unit has voted on."""
        if ballot & CANDIDATE:
            self._candidates[unit] = ballot
        else:
            self._ballots[stage][unit] = ballot

    def _admit(self, stage: int, unit: str, *, candidate: bool) -> None:
        self._counts[stage][candidate] += 1
        if any(unit in later for later in self._ballots[stage + 1 :]):
            return  # recorded late: a draw of its own was counted for it already
        share, before = self.shares[stage], self._before(stage, unit)
        if before is None:
            self._drawn(share, candidate=candidate)
            return
        earlier, ballot = before
        if not ballot & CANDIDATE:
            # Who is live's at one share is the candidate's at the next with what that adds, of what was left.
            self._drawn(added(self.shares[earlier], share), candidate=candidate)
        elif not candidate:  # none of the candidate's ever moves back, unless the split is broken
            self._drawn(share, candidate=False)

    def _before(self, stage: int, unit: str) -> tuple[int, int] | None:
        """The last earlier stage that saw the unit, with its ballot there."""
        for earlier in range(stage - 1, -1, -1):
            ballot = self._ballots[earlier].get(unit)
            if ballot is not None:
                return earlier, ballot
        return None

    def _drawn(self, share: float, *, candidate: bool) -> None:
        self.ratio.add("candidate" if candidate else "live", {"live": 1 - share, "candidate": share})


def added(before: float, share: float) -> float:
    """Which part of those that were live's at one share are the candidate's at a larger one."""
    return (share - before) / (1 - before)


def voting_shares(stages: Sequence[float]) -> tuple[float, ...]:
    """The candidate's share, by stage, of the units that vote: of those that the shares before had not drawn."""
    return tuple(added(before, share) for before, share in pairwise((0.0, *stages)))
