"""Which arm should the next user get? Top-two Thompson sampling, with a floor on every arm's share."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from assay.errors import InputError

_POINTS = 1024


@dataclass(frozen=True, slots=True)
class Posterior:
    """What is believed of an arm's mean, as a normal distribution."""

    mean: float
    sd: float


def beta_posterior(successes: float, n: int) -> Posterior:
    """Of a rate, from successes among n and a uniform prior. Raises InputError unless 0 ≤ successes ≤ n."""
    if not 0 <= successes <= n:
        raise InputError(f"{successes:g} successes among {n}")
    a, b = successes + 1, n - successes + 1
    return Posterior(a / (a + b), math.sqrt(a * b / ((a + b) ** 2 * (a + b + 1))))


def normal_posterior(total: float, squares: float, n: int, *, low: float, high: float) -> Posterior:
    """Of a mean of values in [low, high], from their sum and sum of squares.

    The prior is worth one value at each bound.
    """
    if n < 0 or not low < high:
        raise InputError(f"{n} values in [{low:g}, {high:g}]")
    count = n + 2
    mean = (total + low + high) / count
    variance = max(0.0, (squares + low * low + high * high) / count - mean * mean)
    return Posterior(mean, math.sqrt(variance / count))


def best(posteriors: Mapping[str, Posterior]) -> dict[str, float]:
    """The probability that each arm has the largest mean, by quadrature; sums to 1."""
    if not posteriors or not all(posterior.sd > 0 for posterior in posteriors.values()):
        raise InputError("a choice among arms needs a posterior with a spread above 0 for each")
    normal = ndtri((np.arange(_POINTS) + 0.5) / _POINTS)
    chances = {}
    for arm, own in posteriors.items():
        drawn = own.mean + own.sd * normal
        beaten = np.ones(_POINTS)
        for other, posterior in posteriors.items():
            if other != arm:
                beaten *= ndtr((drawn - posterior.mean) / posterior.sd)
        chances[arm] = float(beaten.mean())
    total = math.fsum(chances.values())
    return {arm: chance / total for arm, chance in chances.items()}


def top_two(posteriors: Mapping[str, Posterior], *, floor: float = 0.05, leader: float = 0.5) -> dict[str, float]:
    """The share of the next users for each arm; larger means are better.

    With probability ``leader`` the arm that is best in a draw from the posteriors, else the best
    other one of a draw repeated until it differs (Russo 2016, arXiv 1602.08448): α_i (β + (1 - β)
    Σ_{j≠i} α_j / (1 - α_j)). Then mixed with equal shares so that none is below ``floor``, which
    keeps the weights of the estimate bounded. Raises InputError for fewer than two arms, a floor
    outside (0, 1/arms), or a leader's probability outside (0, 1).
    """
    count = len(posteriors)
    if count < 2 or not 0 < floor * count < 1 or not 0 < leader < 1:
        raise InputError(f"{count} arms cannot each have a share of at least {floor:g}")
    chances = best(posteriors)
    odds = {arm: chance / max(1 - chance, 1e-12) for arm, chance in chances.items()}
    raw = {
        arm: chance * (leader + (1 - leader) * math.fsum(odds[other] for other in odds if other != arm))
        for arm, chance in chances.items()
    }
    total = math.fsum(raw.values())
    return {arm: floor + (1 - count * floor) * share / total for arm, share in raw.items()}
