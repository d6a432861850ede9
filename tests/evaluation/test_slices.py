"""Slices that regressed."""

from __future__ import annotations

from tests.evaluation.runs import metric, noisy, run

from assay.evaluation.comparison import compare


def test_a_slice_that_regressed_is_named() -> None:
    base = noisy(120, 0.8, 6)
    tags = [{"language": "de" if i % 3 == 0 else "en"} for i in range(120)]
    ours = [max(0.0, v - 0.5) if i % 3 == 0 else v for i, v in enumerate(base)]
    found = metric(
        compare(run({"faithfulness": ours}, tags=tags), run({"faithfulness": base}, tags=tags)).metrics, "faithfulness"
    )
    assert [(each.tag, each.value) for each in found.slices] == [("language", "de")]
    assert found.slices[0].difference.high < 0
