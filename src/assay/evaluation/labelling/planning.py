"""What labelling some more answers would bring."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from assay.digest import Digest
from assay.evaluation.labelling.correction import LEAST
from assay.evaluation.labelling.drawing import Drawn
from assay.evaluation.labelling.population import Unit
from assay.scores import Estimate, Unscored
from assay.statistics.labelling import expected_errors
from assay.stores.labelled import Draw


@dataclass(frozen=True, slots=True)
class Next:
    """Cases to label next, by id, and the width of the corrected interval now and, as expected, after them.

    ``width`` is None where there is no corrected interval yet, ``expected`` where too few labels tell how the
    judge errs.
    """

    cases: tuple[str, ...]
    questions: tuple[str, ...]
    width: float | None
    expected: float | None


def next_cases(
    population: Sequence[Unit],
    labelled: Mapping[Digest, float],
    so_far: Drawn,
    draw: Draw,
    now: Estimate | Unscored,
) -> Next:
    """The cases of a draw that was proposed, and what they would bring.

    The variance of the corrected mean is V = Σ e²(1/π - 1)/N² + var(labels)/N, with e the judge's expected
    error on a case and π the case's probability of being drawn (Zrnic and Candès 2024, arXiv 2403.03208). The
    width that there is shrinks with the root of V after the draw over V before it.
    """
    named = {unit.digest: unit.case for unit in population}
    cases = [named[case] for case in draw.order]
    width = now.high - now.low if isinstance(now, Estimate) else None
    expected = None if width is None else _expected(width, population, labelled, so_far, draw)
    return Next(tuple(case.id for case in cases), tuple(case.question for case in cases), width, expected)


def _expected(
    width: float, population: Sequence[Unit], labelled: Mapping[Digest, float], so_far: Drawn, draw: Draw
) -> float | None:
    values = {at: labelled[unit.digest] for at, unit in enumerate(population) if unit.digest in labelled}
    before = np.array([so_far.chances.get(unit.digest, 0.0) for unit in population])
    if len(values) < LEAST or before.min() <= 0:
        return None
    own = np.array([draw.chances.get(unit.digest, 0.0) for unit in population])
    after = 1 - (1 - before) * (1 - own)
    squares = expected_errors([unit.judged for unit in population], values) ** 2
    spread = float(np.var(list(values.values()), ddof=1)) / len(population)
    then, later = (float((squares * (1 / p - 1)).sum()) / len(population) ** 2 + spread for p in (before, after))
    return width * math.sqrt(later / then) if then > 0 else width
