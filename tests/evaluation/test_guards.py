"""What an application's gate says, as questions about metrics."""

from __future__ import annotations

import pytest

from assay.errors import InputError
from assay.evaluation.guards import guards, measured
from assay.evaluation.scoring import Metric
from assay.evaluation.verdicts import Guard

METRICS = (
    Metric("faithfulness", judged=True),
    Metric("latency", "milliseconds", higher_is_better=False),
    Metric("pass_p50", "share"),
)


def test_a_metric_is_guarded_by_a_margin_or_a_ratio_and_its_quantile_by_a_ratio() -> None:
    assert guards({"faithfulness": (0.02, None), "latency": (None, 1.1), "latency_p99": (None, 1.5)}, METRICS) == [
        Guard("faithfulness", 0.02, None),
        Guard("latency", None, 1.1),
        Guard("latency", None, 1.5, 0.99),
    ]


def test_a_metric_whose_name_looks_like_a_quantile_is_that_metric() -> None:
    assert guards({"pass_p50": (0.1, None)}, METRICS) == [Guard("pass_p50", 0.1, None)]


@pytest.mark.parametrize(
    ("name", "bound", "said"),
    [
        ("faithfullness", (0.1, None), "did you mean faithfulness"),
        ("latency_p9", (None, 1.2), "did you mean latency_p95"),
        ("latency_p00", (None, 1.2), "nothing measures it"),
        ("correctness", (0.1, None), "measure with the scorer that gives it.*measured: faithfulness, latency"),
        ("latency_p95", (20.0, None), "guarded by a ratio"),
        ("faithfulness", (2.0, None), "lets everything pass.*give the share"),
        ("faithfulness", (1.0, None), "lets everything pass"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_its_mend(
    name: str, bound: tuple[float | None, float | None], said: str
) -> None:
    with pytest.raises(InputError, match=said) as raised:
        guards({name: bound}, METRICS)
    assert f"evaluation.gate.{name}" in str(raised.value)


def test_a_margin_in_milliseconds_may_be_large() -> None:
    assert guards({"latency": (200.0, None)}, METRICS) == [Guard("latency", 200.0, None)]


def test_it_is_known_which_guards_a_run_can_answer() -> None:
    assert [measured(name, METRICS) for name in ("latency", "latency_p95", "cost", "cost_p95")] == [
        True,
        True,
        False,
        False,
    ]
