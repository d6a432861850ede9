"""Values, verdicts and guards in words."""

from __future__ import annotations

import math

import pytest

from assay.evaluation.reporting import wording
from assay.evaluation.scoring import Kind, Metric
from assay.evaluation.verdicts import Fail, Guard, Inconclusive, Pass
from assay.scores import Estimate


@pytest.mark.parametrize(
    ("kind", "number", "words"),
    [
        ("share", 0.8417, "0.842"),
        ("share", -0.2, "−0.200"),
        ("milliseconds", 12.34, "12.3 ms"),
        ("milliseconds", 840.2, "840 ms"),
        ("milliseconds", 1240.0, "1.24 s"),
        ("dollars", 0.00126, "$0.001260"),
        ("dollars", 12.5, "$12.50"),
        ("dollars", 0.0, "$0"),
        ("dollars", 0.0000004, "$0.000000400"),
        ("count", 1234.0, "1,234"),
    ],
)
def test_values_have_units(kind: Kind, number: float, words: str) -> None:
    assert wording.value(kind, number) == words


def test_bounds_are_in_the_unit_of_the_value() -> None:
    found = Estimate(900.0, 600.0, 1800.0, 9, 0, "t")
    assert wording.estimate("milliseconds", found) == "0.90 s [0.60, 1.80]"
    assert wording.difference("milliseconds", Estimate(-12, -30, 6, 9, 0, "t")) == "−12.0 ms [−30.0, +6.0]"


def test_what_costs_nothing_has_no_decimals() -> None:
    assert wording.estimate("dollars", Estimate(0.0, 0.0, 0.0, 9, 0, "t")) == "$0 [0, 0]"
    assert wording.estimate("dollars", Estimate(0.0004, 0.0, 0.0008, 9, 0, "t")) == "$0.000400 [0, 0.000800]"


def test_an_open_interval_and_an_empty_one_are_said() -> None:
    assert wording.estimate("share", Estimate(0.5, -math.inf, math.inf, 1, 0, "one value")) == "0.500 [−∞, ∞]"
    assert wording.estimate("share", None) == "–"
    assert wording.difference("share", Estimate(0.0, -math.inf, math.inf, 0, 9, "none")) == "no case has both"


def test_verdicts_say_what_would_settle_them() -> None:
    assert wording.verdict_word(None) == "reported"
    assert wording.verdict_word(Pass()) == "pass"
    assert wording.verdict_reason(Fail("worse")) == "worse"
    assert wording.verdict_reason(Inconclusive("too few", 1)) == "too few; 1 more case like these would settle it"
    assert wording.verdict_reason(Inconclusive("too few", 1240)).startswith("too few; 1,240 more cases")
    assert wording.verdict_reason(Inconclusive("lost scores", None)) == "lost scores"


def test_guards_are_clauses() -> None:
    latency = Metric("latency", "milliseconds", higher_is_better=False)
    assert wording.guard_words(Guard("f", margin=0.02), Metric("f")) == "not worse by more than 0.020"
    words = wording.guard_words(Guard("latency", ratio=1.2, quantile=0.95), latency)
    assert words == "p95 not worse than 1.2 times the baseline's"


def test_clipped_text_is_one_line_of_that_length() -> None:
    assert wording.clipped("a\n b\t c", 10) == "a b c"
    assert wording.clipped("word " * 50, 20) == "word word word word…"
