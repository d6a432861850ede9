"""Two retrievers' rankings drawn into one list, and which of the two is preferred.

The passages at the top that both have in the same places belong to neither: crediting them by a coin would bury a
difference between two similar rankings under noise (Chapelle, Joachims, Radlinski and Yue 2012, 4.3). Behind them
the rankings are drawn by team draft.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from scipy.special import betaln, xlog1py, xlogy

from assay.rollouts.traffic.events import Finding
from assay.scores import Estimate
from assay.statistics.anytime.evidence import threshold
from assay.statistics.anytime.interleaving import Preference, SignTest, Slot, team_draft
from assay.statistics.anytime.sequences import named

PREFERENCES: dict[str, Preference] = {"first": "first", "second": "second", "tie": "tie"}
_STEPS = 60


@dataclass(frozen=True, slots=True)
class Draft:
    """``shared`` items that both rankings begin with, then ``slots``, each a team's pick."""

    shared: tuple[str, ...]
    slots: tuple[Slot, ...]

    @property
    def items(self) -> tuple[str, ...]:
        return (*self.shared, *(slot.item for slot in self.slots))


def draft(first: Sequence[str], second: Sequence[str], *, seed: str, length: int) -> Draft:
    """At most ``length`` items of two rankings, each without repeats; the same seed gives the same list."""
    same = 0
    while same < min(len(first), len(second), length) and first[same] == second[same]:
        same += 1
    drawn = team_draft(first[same:], second[same:], seed=seed, length=length - same)
    return Draft(tuple(first[:same]), tuple(drawn))


@dataclass(slots=True)
class Wins:
    """Questions on which one of the two was preferred, folded one by one; ``alpha`` is for the bounds."""

    alpha: float
    test: SignTest = field(default_factory=SignTest)

    def add(self, preference: str) -> None:
        """Take one question's preference. Raises KeyError for what is none."""
        self.test.add(PREFERENCES[preference])

    @property
    def questions(self) -> int:
        return self.test.first + self.test.second + self.test.ties

    @property
    def decided(self) -> bool:
        return self.test.peak >= threshold(self.alpha)

    def rate(self) -> Estimate | None:
        """How often the second is preferred where one is; None before the first such question."""
        return win_rate(self.test.second, self.test.first, ties=self.test.ties, alpha=self.alpha)

    def finding(self, metric: str, arms: Sequence[str]) -> Finding:
        """Wins of the second as the candidate's, those of the first as live's; the bounds are those of its rate."""
        test, rate = self.test, self.rate()
        lead = test.second - test.first
        return Finding(
            f"{metric}: {arms[1]} vs {arms[0]}",
            test.peak if lead < 0 else 0.0,
            test.peak if lead > 0 else 0.0,
            test.second,
            test.first,
            rate.value if rate else None,
            1 - rate.value if rate else None,
            rate.low if rate else None,
            rate.high if rate else None,
        )


def win_rate(wins: int, losses: int, *, ties: int = 0, alpha: float = 0.05) -> Estimate | None:
    """The share of wins with bounds that hold at all times; None where nothing was won.

    Method: the rates against which Krichevsky and Trofimov's mixture has not yet earned 1/alpha, which for one half
    is what ``SignTest`` counts.
    """
    n = wins + losses
    if not n:
        return None
    mixture = float(betaln(wins + 0.5, losses + 0.5) - betaln(0.5, 0.5))

    def kept(rate: float) -> bool:
        return mixture - float(xlogy(wins, rate) + xlog1py(losses, -rate)) < threshold(alpha)

    share = wins / n
    return Estimate(share, _edge(kept, share, 0.0), _edge(kept, share, 1.0), n, ties, named("mixture", alpha))


def _edge(kept: Callable[[float], bool], inside: float, outside: float) -> float:
    """Where the interval ends between a rate that is in it and one that may not be, rounded outwards."""
    if kept(outside):
        return outside
    for _ in range(_STEPS):
        middle = (inside + outside) / 2
        if kept(middle):
            inside = middle
        else:
            outside = middle
    return outside
