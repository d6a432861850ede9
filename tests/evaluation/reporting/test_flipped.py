"""A case that several metrics judge otherwise is one case, in every face of a report."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from rich.console import Console

from assay.evaluation.reporting.flipped import counted, flipped
from assay.evaluation.reporting.html import html_report
from assay.evaluation.reporting.markdown import markdown_summary
from assay.evaluation.reporting.summary import Report
from assay.evaluation.reporting.terminal import terminal_report
from assay.evaluation.verdicts import Flip


def flip(case: str, metric: str, before: float, after: float) -> Flip:
    return Flip(case, "What of it?", metric, before, after, f"old-{case}", f"new-{case}")


FLIPS = (
    flip("handbook-0001", "correctness", 1.0, 0.0),
    flip("handbook-0002", "correctness", 0.0, 1.0),
    flip("handbook-0003", "correctness", 0.8, 0.4),
    flip("handbook-0001", "faithfulness", 1.0, 0.2),
    flip("handbook-0003", "faithfulness", 0.2, 0.9),
    flip("handbook-0001", "citation_recall", 1.0, 0.0),
    flip("handbook-0002", "citation_recall", 0.4, 0.6),
)


@pytest.fixture
def flips_of(make_report: Callable[..., Report]) -> Report:
    found = make_report(12)
    assert found.comparison is not None
    return replace(found, comparison=replace(found.comparison, flips=FLIPS))


def test_each_case_comes_once_losses_first(flips_of: Report) -> None:
    assert flips_of.comparison is not None
    found = flipped(flips_of.comparison)
    assert [(each.case, each.worse, len(each.changes)) for each in found] == [
        ("handbook-0001", True, 3),
        ("handbook-0003", True, 2),
        ("handbook-0002", False, 2),
    ]
    assert [change.metric for change in found[1].changes] == ["correctness", "faithfulness"]
    assert counted(found) == "2 cases worse, 1 better"
    assert counted(found[:1]) == "1 case worse, 0 better"


def test_a_metric_that_should_be_low_gains_by_falling(flips_of: Report) -> None:
    assert flips_of.comparison is not None
    falling = replace(flips_of.comparison, flips=(flip("a", "latency", 1.0, 0.0), flip("b", "latency", 0.0, 1.0)))
    assert [(each.case, each.worse) for each in flipped(falling)] == [("b", True), ("a", False)]


def test_the_terminal_shows_a_case_once_with_its_metrics(flips_of: Report) -> None:
    console = Console(file=io.StringIO(), width=80, force_terminal=False, highlight=False)
    console.print(terminal_report(flips_of))
    assert isinstance(console.file, io.StringIO)
    told = console.file.getvalue().partition("\nflips")[2]
    assert len(re.findall(r"^  handbook-0001  before old", told, re.MULTILINE)) == 1
    assert told.count("  before ") == 3
    assert told.count("→") == len(FLIPS)
    assert "citation_recall 1.00 → 0.00" in told


def test_markdown_and_the_page_show_a_case_once_with_its_metrics(flips_of: Report) -> None:
    told = markdown_summary(flips_of).partition("Flips: 2 cases worse, 1 better")[2].partition("</details>")[0]
    assert told.count("handbook-0001") == 1
    assert "1.00 → 0.00<br>1.00 → 0.00<br>1.00 → 0.20" in told
    page = html_report(flips_of).partition('id="flips"')[2].partition("</section>")[0]
    assert len(re.findall(r">handbook-0001<", page)) == 1
    assert "Worse: 2 cases" in page
    assert "Better: 1 case<" in page
