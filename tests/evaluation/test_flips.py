"""Cases that are judged otherwise than before."""

from __future__ import annotations

from tests.evaluation.runs import run

from assay.evaluation.comparison import compare


def test_flips_are_listed_worst_first_with_the_traces_of_both() -> None:
    found = compare(
        run({"faithfulness": [0.0, 0.4, 1.0, 0.51]}, label="new"),
        run({"faithfulness": [1.0, 0.9, 0.0, 0.49]}, label="old"),
    )
    assert [(flip.case, flip.before, flip.after) for flip in found.flips] == [
        ("c0", 1.0, 0.0),
        ("c1", 0.9, 0.4),
        ("c2", 0.0, 1.0),
    ]
    assert (found.flips[0].trace_before, found.flips[0].trace_after) == ("old0", "new0")
