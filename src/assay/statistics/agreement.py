"""How far raters agree, and how a judge's verdicts compare with people's."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from assay.errors import InputError
from assay.scores import Estimate, Unscored
from assay.statistics.bootstrap import Statistic, bca
from assay.statistics.moments import Floats
from assay.statistics.proportions import proportion

Level: TypeAlias = Literal["nominal", "ordinal", "interval"]


@dataclass(frozen=True, slots=True)
class Confusion:
    """A judge's verdicts against people's; counts of cases."""

    true_positive: int
    false_negative: int
    false_positive: int
    true_negative: int

    @property
    def accuracy(self) -> Estimate:
        right = self.true_positive + self.true_negative
        return proportion(right, right + self.false_negative + self.false_positive)

    @property
    def sensitivity(self) -> Estimate | Unscored:
        """Of the cases people call positive, the share that the judge does."""
        return _share(self.true_positive, self.false_negative, "people call no case positive")

    @property
    def specificity(self) -> Estimate | Unscored:
        """Of the cases people call negative, the share that the judge does."""
        return _share(self.true_negative, self.false_positive, "people call no case negative")

    @property
    def precision(self) -> Estimate | Unscored:
        """Of the cases the judge calls positive, the share that people do."""
        return _share(self.true_positive, self.false_positive, "the judge calls no case positive")


def confusion(people: Sequence[bool], judge: Sequence[bool]) -> Confusion:
    """Count verdicts. Raises InputError where the two differ in length, or there are none."""
    if len(people) != len(judge) or not len(people):
        raise InputError(f"{len(people)} labels, {len(judge)} verdicts; give both for each case")
    truth, said = np.asarray(people, dtype=bool), np.asarray(judge, dtype=bool)
    cells = [truth & said, truth & ~said, ~truth & said, ~truth & ~said]
    return Confusion(*(int(cell.sum()) for cell in cells))


def cohen_kappa(first: Sequence[Hashable], second: Sequence[Hashable]) -> Estimate | Unscored:
    """Cohen's κ of two raters (1960), with a bootstrap interval over cases.

    Unscored where both give one same category throughout: chance agreement is then complete.
    """
    if len(first) != len(second) or not len(first):
        raise InputError(f"{len(first)} ratings against {len(second)}; give both raters' for each case")
    place = {value: i for i, value in enumerate(dict.fromkeys([*first, *second]))}
    size = len(place)
    if size < 2:
        return Unscored("both raters give one category only")
    cells = np.zeros((len(first), size * size))
    cells[np.arange(len(first)), [place[a] * size + place[b] for a, b in zip(first, second, strict=True)]] = 1

    def kappa(sums: Floats) -> Floats:
        table = sums.reshape(-1, size, size) / len(first)
        observed = np.einsum("bii->b", table)
        chance = np.einsum("bi,bi->b", table.sum(1), table.sum(2))
        return _ratio(observed - chance, 1 - chance)

    return _bootstrapped(kappa, cells, "Cohen's kappa, bootstrap over cases")


def krippendorff_alpha(ratings: Sequence[Mapping[str, float]], *, level: Level = "nominal") -> Estimate | Unscored:
    """Krippendorff's α (2011) with a bootstrap interval over cases.

    ``ratings`` holds, for each case, each rater's value; a rater may be missing. A case with
    one rating says nothing about agreement and is counted as unscored. Unscored where no case
    has two ratings, or all ratings are one value: then nothing could have been disagreed on.
    """
    paired = [list(case.values()) for case in ratings if len(case) > 1]
    if not paired:
        return Unscored("no case has two ratings")
    values = sorted({value for case in paired for value in case})
    if len(values) < 2:
        return Unscored("every rating is the same: agreement cannot be told from chance")
    alone = len(ratings) - len(paired)
    method = f"Krippendorff's alpha ({level}), bootstrap over cases"
    if level == "interval":
        return _bootstrapped(_interval_alpha, _squares(paired), method, unscored=alone)
    place = {value: i for i, value in enumerate(values)}
    counts = np.zeros((len(paired), len(values)))
    for row, case in enumerate(paired):
        for value in case:
            counts[row, place[value]] += 1
    return _bootstrapped(_alpha(len(values), level), _pairs(counts), method, unscored=alone)


def _pairs(counts: Floats) -> Floats:
    """Each case's part of the coincidence matrix, flattened: cases × (values squared)."""
    many = counts.sum(1)
    outer = counts[:, :, None] * counts[:, None, :]
    outer[:, np.arange(counts.shape[1]), np.arange(counts.shape[1])] -= counts
    return np.asarray((outer / (many - 1)[:, None, None]).reshape(len(counts), -1), dtype=np.float64)


def _alpha(size: int, level: Level) -> Statistic:
    """α from sums of coincidences; one row for each resample."""

    def alpha(sums: Floats) -> Floats:
        table = sums.reshape(-1, size, size)
        totals = table.sum(2)
        distance, n = _distances(totals, level), totals.sum(1)
        observed = (table * distance).sum((1, 2)) / n
        chance = (totals[:, :, None] * totals[:, None, :] * distance).sum((1, 2))
        return np.asarray(1 - _ratio(observed, chance / (n * (n - 1))), dtype=np.float64)

    return alpha


def _distances(totals: Floats, level: Level) -> Floats:
    if level == "nominal":
        return np.asarray(1.0 - np.eye(totals.shape[1]), dtype=np.float64)[None]
    # Ordinal: two values are as far apart as there are ratings between them, half of each included.
    middle = np.cumsum(totals, axis=1) - totals / 2
    return np.asarray((middle[:, :, None] - middle[:, None, :]) ** 2, dtype=np.float64)


def _squares(paired: Sequence[Sequence[float]]) -> Floats:
    """Each case's squared differences, count, sum and sum of squares: squared distances need no more."""
    rows = []
    for case in paired:
        x = np.asarray(case, dtype=np.float64)
        within = 2 * (x.size * float(x @ x) - float(x.sum()) ** 2) / (x.size - 1)
        rows.append((within, x.size, float(x.sum()), float(x @ x)))
    return np.asarray(rows, dtype=np.float64)


def _interval_alpha(sums: Floats) -> Floats:
    within, n, total, squares = sums.T
    expected = 2 * (n * squares - total * total) / (n * (n - 1))
    return np.asarray(1 - _ratio(within / n, expected), dtype=np.float64)


def _bootstrapped(statistic: Statistic, rows: Floats, method: str, unscored: int = 0) -> Estimate:
    value = float(statistic(rows.sum(0, keepdims=True))[0])
    low, high = bca(rows, statistic)
    if not low < high:
        low, high = -1.0, 1.0
        method = f"{method}: too few cases"
    return Estimate(value, min(value, low), max(value, high), len(rows), unscored, method)


def _ratio(above: Floats, below: Floats) -> Floats:
    """Where a resample holds one value only nothing is defined; it is left out."""
    found = np.full(below.shape, np.nan)
    np.divide(above, below, out=found, where=below > 1e-12)
    return found


def _share(hits: int, misses: int, reason: str) -> Estimate | Unscored:
    return proportion(hits, hits + misses) if hits + misses else Unscored(reason)
