"""The gate: is a candidate not worse than the baseline by more than is allowed?

Each guard is a question about a mean difference d (good is positive) and a null, its margin:

- **pass**: the one-sided lower bound at α lies above the null;
- **fail**: the candidate is shown to be worse than the margin allows;
- **inconclusive** otherwise, with how many more cases would settle it.

Two errors are kept at α, whatever the number of guards and however they depend on each other.

*False pass* (a candidate that is worse by the margin, or more, on any guard passes): the gate
passes only if every guard does (intersection-union test, Berger 1982). Let guard j be one on
which the candidate is truly that bad. The gate passes only if guard j passes, which happens
with probability at most α. Nothing is divided by the number of guards.

*False fail* (a candidate within the margin on all guards fails): the gate fails if any guard
does, so their p-values are adjusted by Holm's method, which keeps the chance of any false one
at most α.

The two cannot collide: a guard cannot exclude its null from both sides.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from assay.errors import InputError
from assay.scores import Estimate
from assay.statistics.contrast import EQUAL, Contrast, contrast
from assay.statistics.moments import Clusters, Floats, floats
from assay.statistics.multiplicity import holm
from assay.statistics.paired import estimate, needed, paired_differences
from assay.statistics.ratios import mean_ratio, mean_shortfall, quantile_ratio, quantile_shortfall


@dataclass(frozen=True, slots=True)
class Margin:
    """Not worse by ``margin`` or more on average. ``span`` is the largest difference possible, or None."""

    margin: float
    higher_is_better: bool = True
    span: float | None = 1.0


@dataclass(frozen=True, slots=True)
class MeanRatio:
    """The candidate's mean is below ``limit`` times the baseline's; for costs, lower being better."""

    limit: float


@dataclass(frozen=True, slots=True)
class QuantileRatio:
    """The candidate's quantile is below ``limit`` times the baseline's; for latency, lower being better."""

    limit: float
    quantile: float = 0.95


Guard: TypeAlias = Margin | MeanRatio | QuantileRatio


@dataclass(frozen=True, slots=True)
class Pass:
    pass


@dataclass(frozen=True, slots=True)
class Fail:
    pass


@dataclass(frozen=True, slots=True)
class Inconclusive:
    """``needs`` more cases like these would settle it with probability 80 %; None if no number is known to."""

    needs: int | None


Verdict: TypeAlias = Pass | Fail | Inconclusive


@dataclass(frozen=True, slots=True)
class Assessed:
    """One guard, before the others are known.

    ``effect`` is what a person reads: candidate less baseline, or candidate over baseline, with
    a 95 % interval. ``p_pass`` is small where the candidate is within the margin, ``p_fail``
    where it is outside.
    """

    guard: Guard
    effect: Estimate
    p_pass: float
    p_fail: float
    of: Contrast
    null: float


@dataclass(frozen=True, slots=True)
class Guarded:
    """One guard's verdict; ``p_fail`` is adjusted for the number of guards, ``p_pass`` needs no adjustment."""

    guard: Guard
    verdict: Verdict
    effect: Estimate
    p_pass: float
    p_fail: float


@dataclass(frozen=True, slots=True)
class Decision:
    verdict: Verdict
    guards: Mapping[str, Guarded]


def assess(
    guard: Guard,
    candidate: Sequence[float] | Floats,
    baseline: Sequence[float] | Floats,
    *,
    clusters: Clusters | None = None,
    unscored: int = 0,
) -> Assessed:
    """Ask one guard's question of two systems' values, given in the same order of cases.

    Raises InputError for lengths that differ, a margin below 0 or as large as any difference
    can be, a ratio of at most 0, or a negative value under a ratio.
    """
    if isinstance(guard, Margin):
        if guard.margin < 0:
            raise InputError(f"a margin of {guard.margin:g} is below 0; give the size that may be lost")
        if guard.span is not None and guard.margin >= guard.span:
            raise InputError(
                f"a margin of {guard.margin:g} lets everything pass: no difference is larger than {guard.span:g}; "
                "give the size that may be lost"
            )
        differences = paired_differences(candidate, baseline)
        of = contrast(differences if guard.higher_is_better else -differences, clusters=clusters, span=guard.span)
        shown = of if guard.higher_is_better else contrast(differences, clusters=clusters, span=guard.span)
        return _assessed(guard, estimate(shown, unscored=unscored), of, -guard.margin)
    first, second = _measured(guard.limit, candidate, baseline)
    if isinstance(guard, MeanRatio):
        effect = mean_ratio(first, second, clusters=clusters, unscored=unscored)
        return _assessed(guard, effect, mean_shortfall(first, second, guard.limit, clusters=clusters), 0.0)
    effect = quantile_ratio(first, second, guard.quantile, clusters=clusters, unscored=unscored)
    of = quantile_shortfall(first, second, guard.quantile, guard.limit, clusters=clusters)
    return _assessed(guard, effect, of, 0.0)


def decide(assessed: Mapping[str, Assessed], *, alpha: float = 0.05) -> Decision:
    """The verdict of all guards together, and of each. Raises InputError without a guard."""
    if not assessed:
        raise InputError("a gate needs at least one guard")
    if not 0 < alpha < 0.5:
        raise InputError(f"alpha is {alpha:g}; it must lie between 0 and 0.5")
    adjusted = dict(zip(assessed, holm([one.p_fail for one in assessed.values()]), strict=True))
    open_guards = sum(one.p_pass > alpha and adjusted[name] > alpha for name, one in assessed.items())
    power = 1 - 0.2 / max(1, open_guards)
    guards = {
        name: Guarded(one.guard, _verdict(one, adjusted[name], alpha, power), one.effect, one.p_pass, adjusted[name])
        for name, one in assessed.items()
    }
    return Decision(_overall([guarded.verdict for guarded in guards.values()]), guards)


def _assessed(guard: Guard, effect: Estimate, of: Contrast, null: float) -> Assessed:
    if isinstance(guard, Margin) or np.any(of.differences):
        return Assessed(guard, effect, of.above(null), of.below(null), of, null)
    # No cost on either side in any case: nothing was spent, so nothing more was.
    free = isinstance(guard, MeanRatio) and effect.value == 1 and of.of.groups >= EQUAL
    return Assessed(guard, effect, 0.0 if free else 1.0, 1.0, of, null)


def _verdict(one: Assessed, adjusted: float, alpha: float, power: float) -> Verdict:
    if adjusted <= alpha:
        return Fail()
    if one.p_pass <= alpha:
        return Pass()
    return Inconclusive(needed(one.of, null=one.null, alpha=alpha, power=power))


def _overall(verdicts: Sequence[Verdict]) -> Verdict:
    if any(isinstance(verdict, Fail) for verdict in verdicts):
        return Fail()
    needs = [verdict.needs for verdict in verdicts if isinstance(verdict, Inconclusive)]
    if not needs:
        return Pass()
    known = [need for need in needs if need is not None]
    return Inconclusive(max(known) if len(known) == len(needs) else None)


def _measured(
    limit: float, candidate: Sequence[float] | Floats, baseline: Sequence[float] | Floats
) -> tuple[Floats, Floats]:
    if not limit > 0 or not math.isfinite(limit):
        raise InputError(f"a ratio of {limit:g} is not above 0")
    first, second = floats(candidate, "candidate"), floats(baseline, "baseline")
    if first.size != second.size:
        raise InputError(f"{first.size} values of the candidate, {second.size} of the baseline; pair them by case")
    if first.min() < 0 or second.min() < 0:
        raise InputError("a ratio needs values that are not negative")
    return first, second
