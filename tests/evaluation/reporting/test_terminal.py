"""What a terminal shows."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from rich.console import Console, RenderableType

from assay.evaluation.records import Run
from assay.evaluation.reporting.summary import Report, report
from assay.evaluation.reporting.terminal import terminal_report, verdict_line
from assay.evaluation.verdicts import Fail, Inconclusive, Pass


def shown(found: RenderableType, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=False, highlight=False)
    console.print(found)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_eighty_columns_hold_every_number_and_every_verdict(compared_report: Report) -> None:
    text = shown(terminal_report(compared_report))
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text.partition("flips")[0]
    assert "inconclusive" in text
    for each in compared_report.summary.metrics:
        assert each.metric.name in text
        assert each.estimate is not None


def test_the_verdict_is_the_last_that_is_said(make_report: Callable[..., Report]) -> None:
    found = make_report(40, verdict=Fail("correctness is worse by at least 0.04"))
    assert shown(terminal_report(found)).strip().endswith("fail: correctness is worse by at least 0.04")


def test_losses_are_listed_before_gains_with_both_traces(compared_report: Report) -> None:
    assert compared_report.comparison is not None
    flips = compared_report.comparison.flips
    worst = min(flips, key=lambda flip: flip.after - flip.before)
    text = shown(terminal_report(compared_report, flips=3))
    assert worst.after < worst.before
    assert worst.case in text
    assert text.count("before ") == 3
    assert f"and {len({flip.case for flip in flips}) - 3} more" in text


def test_regressed_slices_and_what_is_missing_are_named(make_report: Callable[..., Report]) -> None:
    text = shown(terminal_report(make_report(400)))
    assert "topic = security: correctness −0." in text
    assert "failed: ModelTimeout" in text
    assert "unscored: abstained: there is no answer to compare (correctness)" in text


def test_a_run_alone_says_nothing_of_a_comparison(make_report: Callable[..., Report]) -> None:
    text = shown(terminal_report(make_report(10, alone=True)))
    assert "against" not in text
    assert "* uncorrected" in text


@pytest.mark.parametrize("text", ["\x1b[31mred\x07", "[bold]not markup[/]", "a\nb", "\ud800"])
def test_texts_give_the_terminal_no_orders(
    text: str, make_run: Callable[..., Run], spoil: Callable[[Run, str], Run]
) -> None:
    found = shown(terminal_report(report(spoil(make_run(3), text))))
    assert "\x1b" not in found
    assert "\x07" not in found
    assert found.encode()
    assert "[bold]" in found or "bold" not in text


def test_verdicts_are_sentences() -> None:
    assert verdict_line(Pass("4 guards passed")).plain == "pass: 4 guards passed"
    assert (
        verdict_line(Inconclusive("too few", 12)).plain
        == "inconclusive: too few; 12 more cases like these would settle it"
    )
    assert "no verdict" in verdict_line(None).plain
