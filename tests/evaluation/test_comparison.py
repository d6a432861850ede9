"""Two runs on the same cases: what is compared and what is adjusted."""

from __future__ import annotations

import dataclasses

from tests.evaluation.runs import metric, noisy, run

from assay.evaluation.comparison import compare
from assay.evaluation.verdicts import Guard, Inconclusive


def test_p_values_are_adjusted_over_the_metrics() -> None:
    base = noisy(60, 0.6, 7)
    ours = [min(1.0, v + 0.1) for v in base]
    found = compare(run({"faithfulness": ours, "cost": base}), run({"faithfulness": base, "cost": base}))
    one = metric(found.metrics, "faithfulness")
    assert one.p is not None
    assert one.p_adjusted is not None
    assert one.p_adjusted >= one.p


def test_a_metric_that_two_judges_measured_is_not_compared() -> None:
    ours, theirs = run({"faithfulness": noisy(50, 0.9, 9)}), run({"faithfulness": noisy(50, 0.9, 9)})
    theirs = dataclasses.replace(
        theirs, subject="other", scorers=tuple(dataclasses.replace(used, identity="2") for used in theirs.scorers)
    )
    found = compare(ours, theirs, [Guard("faithfulness", margin=0.5)])
    assert metric(found.metrics, "faithfulness").difference.n == 0
    assert isinstance(found.verdict, Inconclusive)
    assert "different judges" in found.verdict.why
