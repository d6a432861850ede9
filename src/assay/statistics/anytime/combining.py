"""Several questions at once: weighted means of e-values for harm, every guard at full α for promotion.

- *Harm*: the weighted mean of the guards' e-processes is an e-process for "no guard is violated",
  however they depend on each other; a rollout rolls back when it reaches 1/α.
- *Promotion* asks that every guard's own e-process has reached 1/α (intersection-union test,
  Berger 1982): a candidate that violates one of them passes that one with probability at most α,
  so nothing is divided by their number.
- *Which of several arms differs*: e-values adjusted by closed testing (Vovk and Wang 2021, Annals
  of Statistics 49(3), algorithm 1).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from assay.errors import InputError
from assay.statistics.anytime.evidence import log_mean_exp, threshold


def average(log_es: Mapping[str, float], weights: Mapping[str, float] | None = None) -> float:
    """The log of the weighted mean e-value; equal weights unless given.

    Raises InputError without an e-value, and for weights that are not positive or miss a name.
    """
    names = sorted(log_es)
    shares = normalised(dict.fromkeys(names, 1.0) if weights is None else weights)
    if set(shares) != set(names):
        raise InputError(f"weights are given for {sorted(shares)}, evidence for {names}")
    return log_mean_exp([log_es[name] for name in names], [math.log(shares[name]) for name in names])


@dataclass(slots=True)
class Averaged:
    """One e-process from several, by fixed weights; a guard without evidence yet counts as 1."""

    weights: Mapping[str, float]
    log_e: float = 0.0
    peak: float = 0.0

    def update(self, log_es: Mapping[str, float]) -> None:
        """Take the guards' evidence as it stands. Raises InputError for a guard without a weight."""
        unknown = sorted(set(log_es) - set(self.weights))
        if unknown:
            raise InputError(f"the guard {unknown[0]!r} has no weight")
        self.log_e = average({name: log_es.get(name, 0.0) for name in self.weights}, self.weights)
        self.peak = max(self.peak, self.log_e)


def closed(log_es: Mapping[str, float]) -> dict[str, float]:
    """Log e-values adjusted so that acting on those at 1/α or more is wrong for any of them with probability ≤ α.

    An adjusted value is the least mean over all sets that hold it: with itself, the smaller ones.
    """
    ascending = sorted(log_es, key=lambda name: (log_es[name], name))
    adjusted: dict[str, float] = {}
    for name in ascending:
        chosen, least = [log_es[name]], log_es[name]
        for other in ascending:
            if other != name:
                chosen.append(log_es[other])
                least = min(least, log_mean_exp(chosen, [-math.log(len(chosen))] * len(chosen)))
        adjusted[name] = least
    return {name: adjusted[name] for name in log_es}


def all_crossed(peaks: Iterable[float], alpha: float) -> bool:
    """Whether every guard has reached 1/α at some time. Raises InputError without a guard."""
    reached = [peak >= threshold(alpha) for peak in peaks]
    if not reached:
        raise InputError("nothing was asked; a promotion needs at least one guard")
    return all(reached)


def split(alpha: float, weights: Mapping[str, float]) -> dict[str, float]:
    """α divided by weight, for questions that are each decided alone."""
    threshold(alpha)
    return {name: alpha * share for name, share in normalised(weights).items()}


def normalised(weights: Mapping[str, float]) -> dict[str, float]:
    """Weights that sum to 1. Raises InputError where there is none, or one is not a positive number."""
    if not weights or not all(weight > 0 and math.isfinite(weight) for weight in weights.values()):
        raise InputError(f"the weights {dict(weights)} are not all positive numbers")
    total = math.fsum(weights.values())
    return {name: weight / total for name, weight in weights.items()}
