"""Two arms of an experiment on one question, and how far the evidence for either answer has come."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

from assay.rollouts.evidence.amounts import AmountEvidence
from assay.rollouts.evidence.tails import TailEvidence
from assay.rollouts.traffic.events import Finding
from assay.rollouts.traffic.plan import Guard

_Compared: TypeAlias = AmountEvidence | TailEvidence


@dataclass(slots=True)
class Duel:
    """``arm`` against ``other`` on what ``guard`` asks: worse than its ``harm``, or not worse than ``allowed``.

    ``worse`` and ``better`` are the largest log e-values so far. Values of an epoch meet those of the same epoch
    only: within it the shares stand still, so who got which arm depends on nothing that was seen, and the tests hold
    under adaptive shares as under fixed ones. An epoch's end must depend on how many values there were, never on
    what they were.
    """

    arm: str
    other: str
    guard: Guard
    worse: float
    _shares: list[float]
    _compared: _Compared

    @classmethod
    def of(cls, arm: str, other: str, guard: Guard, alpha: float) -> Duel:
        """``alpha`` is for the bounds that are shown."""
        shares: list[float] = []
        kind = TailEvidence if guard.kind == "quantile" else AmountEvidence
        # Not as a judged one: at which rates its values come is said to ``open``.
        return cls(arm, other, guard, 0.0, shares, kind.of(replace(guard, judged=False), shares, alpha))

    @property
    def better(self) -> float:
        return self._compared.safe

    @property
    def name(self) -> str:
        """``errors: B vs A``."""
        return f"{self.guard.name}: {self.arm} vs {self.other}"

    @property
    def limit(self) -> float | None:
        """The other arm's quantile in milliseconds, where that is what is compared and it is known."""
        return self._compared.limit if isinstance(self._compared, TailEvidence) else None

    def open(self, arm: float, other: float) -> None:
        """The next epoch, in which the arms' values come in at these rates."""
        self._shares.append(arm / (arm + other))

    def vote(self, epoch: int, arm: str, value: float) -> None:
        """Take a unit's value, where it is one of these two arms'."""
        if arm == self.arm or arm == self.other:
            self._compared.vote(epoch, value, candidate=arm == self.arm)
            self.worse = max(self.worse, self._compared.harm)

    def finding(self) -> Finding:
        """What it comes to: ``arm`` stands as the candidate, ``other`` as live."""
        return replace(self._compared.finding(self.worse), guard=self.name)


@dataclass(slots=True)
class Tally:
    """The values that one arm's units gave, as they are."""

    n: int = 0
    total: float = 0.0
    squares: float = 0.0

    def add(self, value: float) -> None:
        self.n += 1
        self.total += value
        self.squares += value * value

    @property
    def mean(self) -> float | None:
        return self.total / self.n if self.n else None
