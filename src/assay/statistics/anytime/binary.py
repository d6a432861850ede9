"""Two rates compared at any time: errors, abstentions, judged passes, latency above a limit."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from assay.errors import InputError
from assay.statistics.anytime.blocks import Block
from assay.statistics.anytime.evidence import log_mean_exp

Alternative: TypeAlias = Literal["above", "below"]

PRIOR = 0.18
"""Pseudo-counts of each outcome in an arm's rate: what Turner, Ly and Grünwald found to lose least."""
ODDS = (1.2, 1.5, 2.0, 4.0, 12.0)
"""How far from the null the canary may be, in odds ratios: from hard to find to not to be missed."""
_EDGE = 1e-9
_STEPS = 60


@dataclass(slots=True)
class RateTest:
    """Evidence that the canary's rate lies above (or below) ``ratio`` · control's rate + ``margin``.

    The null is the other side of that line, and may drift: it need only hold at each moment.

    - Harm in a bad outcome: "above", margin 0. Non-inferiority: "below", with the margin allowed.
    - Harm in a good outcome: "below", margin 0. Non-inferiority: "above", with minus the margin.

    Method: for a block of n_a control and n_b canary outcomes, a bet on the rates (θa, θb) is
    worth Π p(y; θa) p(y; θb) / Π p(y; θ°a) p(y; θ°b), where θ° is the point of the null nearest
    to θ in n_a·KL + n_b·KL. That is an e-variable for every convex null, whatever the block's
    sizes (Turner, Ly and Grünwald, arXiv 2106.02693; Turner and Grünwald, arXiv 2203.09785). The
    bets are made from past blocks only. Here their capitals are mixed: θb as estimated, θb at
    some odds ratios from the null, and, where an equal canary is the alternative, θb = θa.

    Why a mixture: canary values until harm is found at a share of 10 %, α 5 %, median of 2,000
    runs, for the estimate alone / the mixture / ``MeanTest`` (400 runs): errors 5→10 %: 267 / 227 /
    232; 1→3 %: 411 / 376 / 445; 0→2 %: 102 / 120 / 333. Until an equal canary that fails at 5 % is
    shown not to be worse by .05: 244 / 176 / 208; by .02: 1,440 / 878 / 1,237; by .01: 5,732 /
    3,465 / never within 4,000.
    """

    alternative: Alternative
    margin: float = 0.0
    ratio: float = 1.0
    log_e: float = 0.0
    peak: float = 0.0
    control: float = 0.0
    control_n: int = 0
    canary: float = 0.0
    canary_n: int = 0
    _weights: list[float] = field(default_factory=list, repr=False)
    _capital: list[float] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        low, high = null_span(self.margin, self.ratio)
        if self.alternative not in ("above", "below") or not low < high:
            raise InputError(
                f"no rates lie on {self.ratio:g} · control {self.margin:+g} ({self.alternative!r}); "
                "give above or below, a ratio above 0 and a margin between -1 and 1"
            )
        self._weights = weights(self.alternative, self.margin, self.ratio)
        self._capital = [0.0] * len(self._weights)

    def add(self, block: Block) -> None:
        """Take one block of outcomes, each 0 or 1. Raises InputError for another value."""
        if any(value not in (0.0, 1.0) for value in (*block.control, *block.canary)):
            raise InputError("an outcome is neither 0 nor 1; compare such values by their means")
        a, b = math.fsum(block.control), math.fsum(block.canary)
        n_a, n_b = len(block.control), len(block.canary)
        rate_a = (self.control + PRIOR) / (self.control_n + 2 * PRIOR)
        for at, rate_b in enumerate(self._bets(rate_a)):
            self._capital[at] += self._gain(rate_a, rate_b, (a, n_a), (b, n_b))
        self.log_e = log_mean_exp(self._capital, self._weights)
        self.peak = max(self.peak, self.log_e)
        self.control, self.control_n = self.control + a, self.control_n + n_a
        self.canary, self.canary_n = self.canary + b, self.canary_n + n_b

    def _bets(self, rate_a: float) -> list[float]:
        """The canary's rate as each bettor sees it, in the order of the weights."""
        line = min(1 - _EDGE, max(_EDGE, self.ratio * rate_a + self.margin))
        bets = [(self.canary + PRIOR) / (self.canary_n + 2 * PRIOR)]
        for odds in ODDS:
            times = odds if self.alternative == "above" else 1 / odds
            bets.append(times * line / (1 - line + times * line))
        if len(self._weights) > len(bets):
            bets.append(rate_a)
        return bets

    def _gain(self, rate_a: float, rate_b: float, a: tuple[float, int], b: tuple[float, int]) -> float:
        """What the bet on these two rates earns on a block of (bad, n) outcomes; 0 where it lies in the null."""
        line = self.ratio * rate_a + self.margin
        if not (rate_b > line if self.alternative == "above" else rate_b < line):
            return 0.0
        null_a = nearest(rate_a, rate_b, a[1], b[1], self.margin, self.ratio)
        null_b = self.ratio * null_a + self.margin
        return _log_ratio(a, rate_a, null_a) + _log_ratio(b, rate_b, null_b)


def nearest(rate_a: float, rate_b: float, n_a: int, n_b: int, margin: float, ratio: float) -> float:
    """The control's rate at the point of canary = ratio · control + margin that is nearest in n_a·KL + n_b·KL.

    The root of the derivative, which is a cubic with one root between the two rates, by Newton's
    method kept inside that bracket.
    """
    if margin == 0 and ratio == 1:
        return (n_a * rate_a + n_b * rate_b) / (n_a + n_b)
    low, high = null_span(margin, ratio)
    other = (rate_b - margin) / ratio
    low, high = (min(high - _EDGE, max(low + _EDGE, end)) for end in (min(rate_a, other), max(rate_a, other)))
    x = (low + high) / 2
    for _ in range(_STEPS):
        y = ratio * x + margin
        slope = n_a * (x - rate_a) * y * (1 - y) + n_b * ratio * (y - rate_b) * x * (1 - x)
        low, high = (low, x) if slope > 0 else (x, high)
        curve = (
            n_a * y * (1 - y)
            + n_a * (x - rate_a) * ratio * (1 - 2 * y)
            + n_b * ratio * ratio * x * (1 - x)
            + n_b * ratio * (y - rate_b) * (1 - 2 * x)
        )
        new = x - slope / curve if curve > 0 else math.inf
        if not low <= new <= high:
            new = (low + high) / 2
        if abs(new - x) <= 1e-16 + 1e-10 * min(x, 1 - x, y, 1 - y):
            return new
        x = new
    return x


def null_span(margin: float, ratio: float) -> tuple[float, float]:
    """The control's rates for which the canary's, on the line, is a rate; empty (low ≥ high) where there are none."""
    if not ratio > 0 or not math.isfinite(ratio) or not -1 < margin < 1:
        return 0.0, 0.0
    return max(0.0, -margin / ratio), min(1.0, (1 - margin) / ratio)


def weights(alternative: Alternative, margin: float, ratio: float) -> list[float]:
    """Log weights of the bets: the estimate, the odds ratios, and the equal canary where it is in the alternative."""
    far = margin > 0 or ratio > 1 if alternative == "below" else margin < 0 or ratio < 1
    estimate, equal = (0.2, 0.4) if far else (0.5, 0.0)
    each = (1 - estimate - equal) / len(ODDS)
    return [math.log(weight) for weight in (estimate, *(each,) * len(ODDS), *((equal,) if far else ()))]


def _log_ratio(outcomes: tuple[float, int], rate: float, null: float) -> float:
    bad, n = outcomes
    return bad * math.log(rate / null) + (n - bad) * math.log((1 - rate) / (1 - null))
