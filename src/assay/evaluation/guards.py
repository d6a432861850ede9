"""Guards by name: what an application's gate says, as questions about metrics."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence

from assay.errors import InputError
from assay.evaluation.scoring import Metric
from assay.evaluation.verdicts import Guard

_QUANTILE = re.compile(r"(?P<metric>.+)_p(?P<percent>(?!00)\d{2})\Z")


def guards(bounds: Mapping[str, tuple[float | None, float | None]], metrics: Sequence[Metric]) -> list[Guard]:
    """Guards from (margin, ratio) by name. A name is a metric's, or with ``_p95`` behind it its quantile.

    Raises InputError for a name that no metric has, naming the nearest, for a quantile with a margin, and for a
    margin that nothing can fail.
    """
    known = {metric.name: metric for metric in metrics}
    return [_guard(name, margin, ratio, known) for name, (margin, ratio) in bounds.items()]


def measured(name: str, metrics: Sequence[Metric]) -> bool:
    """Whether one of the metrics is what a guard of this name looks at."""
    found = _QUANTILE.fullmatch(name)
    return any(metric.name in (name, found["metric"] if found else name) for metric in metrics)


def _guard(name: str, margin: float | None, ratio: float | None, known: Mapping[str, Metric]) -> Guard:
    if name in known:
        if margin is not None and margin >= 1 and known[name].kind == "share":
            raise InputError(
                f"evaluation.gate.{name}: a margin of {margin:g} lets everything pass, for it lies between 0 and 1; "
                "give the share that may be lost: { margin = 0.02 }"
            )
        return Guard(name, margin, ratio)
    found = _QUANTILE.fullmatch(name)
    if found and found["metric"] in known:
        if ratio is None:
            raise InputError(f"evaluation.gate.{name}: a quantile is guarded by a ratio: {{ ratio = 1.2 }}")
        return Guard(found["metric"], None, ratio, int(found["percent"]) / 100)
    near = difflib.get_close_matches(name, [*known, *(f"{metric}_p95" for metric in known)], 1)
    mend = f"did you mean {near[0]}?" if near else "measure with the scorer that gives it, or take the guard away"
    raise InputError(f"evaluation.gate.{name}: nothing measures it; {mend} (measured: {', '.join(sorted(known))})")
