"""A result in a terminal, readable at 80 columns. Everything here gives rich renderables and prints nothing."""

from __future__ import annotations

from collections.abc import Iterator

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from assay.evaluation.reporting.decisions import decisions, told
from assay.evaluation.reporting.flipped import Flipped, counted, flipped
from assay.evaluation.reporting.markup import shown
from assay.evaluation.reporting.summary import MetricSummary, Report, Summary
from assay.evaluation.reporting.wording import (
    change,
    clipped,
    count,
    difference,
    estimate,
    probability,
    value,
    verdict_reason,
    verdict_word,
)
from assay.evaluation.verdicts import Comparison, Verdict

STYLES = {
    "pass": "green",
    "fail": "red",
    "inconclusive": "yellow",
    "reported": "dim",
    "better": "green",
    "worse": "red",
}
MOST_FLIPS = 10
MOST_REASONS = 8


def terminal_report(report: Report, *, flips: int = MOST_FLIPS) -> Group:
    """All that a person needs to see: numbers, the comparison, regressed slices, flips, what is missing, the verdict.

    The verdict is last, where a terminal leaves it in sight. ``flips`` says how many of them are listed.
    """
    parts: list[RenderableType] = [heading(report), Text(), metric_table(report)]
    if any(each.uncorrected and each.estimate for each in report.summary.metrics):
        parts.append(Text("* uncorrected: judged by a model, checked by nobody", "dim"))
    comparison = report.comparison
    if comparison is not None:
        parts += [Text(f"\nagainst {_plain(comparison.baseline, 40)}", "bold"), comparison_table(comparison)]
        parts += reason_lines(comparison)
        parts += slice_lines(comparison)
        parts += flip_parts(comparison, flips)
    parts += missing_lines(report.summary)
    if comparison is not None:
        parts += [Text(), verdict_line(comparison.verdict)]
    return Group(*parts)


def heading(report: Report) -> Text:
    """What was measured on what."""
    run, summary = report.run, report.summary
    counts = [f"{summary.answered:,} answered", f"{summary.abstained:,} abstained"]
    counts += [f"{summary.failed:,} failed"] if summary.failed else []
    repeats = f" × {run.repeats}" if run.repeats > 1 else ""
    told = f"  {count(summary.cases, 'case')}{repeats}: {', '.join(counts)}"
    spent = [] if summary.total_cost is None else [value("dollars", summary.total_cost)]
    if summary.latency_p50 is not None and summary.latency_p95 is not None:
        p50, p95 = summary.latency_p50.value, summary.latency_p95.value
        spent.append(f"p50 {value('milliseconds', p50)}, p95 {value('milliseconds', p95)}")
    name = f"{_plain(run.label, 30)} on {_plain(run.dataset, 30)}"
    return Text.assemble((name, "bold"), told, ("\n" + "  ".join(spent) if spent else "", "dim"))


def metric_table(report: Report) -> Table:
    """Each metric with its interval, and the baseline's."""
    before = report.baseline_summary
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("metric", overflow="fold")
    table.add_column("value [95 % interval]", no_wrap=True)
    if before is not None:
        table.add_column("baseline", no_wrap=True)
    table.add_column("scored", justify="right", no_wrap=True)
    for each in report.summary.metrics:
        old = None if before is None else before.metric(each.metric.name)
        unscored = sum(each.unscored.values())
        scored = f"{each.estimate.n if each.estimate else 0:,}" + (f" (−{unscored:,})" if unscored else "")
        cells = [Text(_plain(each.metric.name, 40)), _believed(each)]
        if before is not None:
            cells.append(Text("–" if old is None or old.best is None else value(each.metric.kind, old.best.value)))
        table.add_row(*cells, Text(scored))
    return table


def _believed(found: MetricSummary) -> Text:
    mark = ("*", "yellow") if found.uncorrected and found.estimate else ("", "")
    told = Text.assemble(estimate(found.metric.kind, found.best), mark)
    if found.corrected is not None and found.estimate is not None:
        told.append(f"\njudge alone {value(found.metric.kind, found.estimate.value)}", "dim")
    return told


def comparison_table(comparison: Comparison) -> Table:
    """Each difference with its interval, and what was decided or at least shown."""
    # Every column in full at 80 columns: what is cut off of a verdict is worse than what is cut off of a name.
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in ("metric", "difference [95 % interval]", "p", "verdict"):
        table.add_column(name, no_wrap=True)
    for each in comparison.metrics:
        word = verdict_word(each.verdict) if each.guard is not None else change(each)
        table.add_row(
            Text(_plain(each.metric.name, 19)),
            Text(difference(each.metric.kind, each.difference)),
            Text(probability(each.p_adjusted)),
            Text("–", "dim") if word == "no difference shown" else Text(word, STYLES[word]),
        )
    return table


def reason_lines(comparison: Comparison) -> Iterator[Text]:
    """Why each guard that does not hold does not."""
    for each in decisions(comparison):
        word = verdict_word(each.verdict)
        if word != "pass":
            name, reason = _plain(each.guard.metric, 24), _plain(told(comparison, each), 300)
            yield Text.assemble((f"{name} {word}", STYLES[word]), f": {reason}")


def slice_lines(comparison: Comparison) -> Iterator[Text]:
    """The slices on which a metric is worse than the baseline."""
    found = [(of, each) for of in comparison.metrics for each in of.slices]
    if found:
        yield Text("slices that regressed", "bold red")
    for of, each in found:
        name = f"{_plain(each.tag, 30)} = {_plain(each.value, 30)}"
        yield Text(f"  {name}: {of.metric.name} {difference(of.metric.kind, each.difference)}, n {each.difference.n:,}")


def flip_parts(comparison: Comparison, most: int = MOST_FLIPS) -> Iterator[RenderableType]:
    """The cases whose judgement changed most, losses first, each once with its metrics and both traces."""
    found = flipped(comparison)
    if not found:
        return
    yield Text.assemble(("\nflips", "bold"), f"  {counted(found)}")
    for each in found[:most]:
        yield from _flip(each)
    if len(found) > most:
        yield Text(f"  … and {len(found) - most:,} more", "dim")


def _flip(of: Flipped) -> Iterator[Text]:
    ids = [(when, _plain(id, 12)) for when, id in (("before", of.trace_before), ("after", of.trace_after)) if id]
    traces = "".join(f"  {when} {id}" for when, id in ids)
    yield Text.assemble(("  " + _plain(of.case, 20), "bold"), (traces, "dim"))
    yield Text(f"    {_plain(of.question, 75)}")
    for step in of.changes:
        changed = (f"{step.before:.2f} → {step.after:.2f}", "red" if step.gain < 0 else "green")
        yield Text.assemble(f"    {_plain(step.metric, 40)} ", changed)


def missing_lines(summary: Summary) -> Iterator[Text]:
    """What failed and what has no score, the commonest first."""
    rows = [(number, f"failed: {kind}") for kind, number in summary.failures.items()]
    held: dict[tuple[str, int], list[str]] = {}
    for of in summary.metrics:
        for reason, number in of.unscored.items():
            held.setdefault((reason, number), []).append(of.metric.name)
    rows += [(number, f"unscored: {reason} ({', '.join(names)})") for (reason, number), names in held.items()]
    rows.sort(key=lambda row: -row[0])
    for number, words in rows[:MOST_REASONS]:
        yield Text(f"{number:>5,} {_plain(words, 300)}", "yellow")
    if len(rows) > MOST_REASONS:
        yield Text(f"      … and {len(rows) - MOST_REASONS:,} more reasons", "dim")


def verdict_line(verdict: Verdict | None) -> Text:
    """The verdict in one sentence."""
    if verdict is None:
        return Text("compared; no metric is guarded, so there is no verdict", "dim")
    word, reason = verdict_word(verdict), _plain(verdict_reason(verdict), 1000)
    return Text.assemble((word, f"bold {STYLES[word]}"), f": {reason}" if reason else "")


def _plain(text: str, limit: int) -> str:
    """One line that gives the terminal no orders."""
    return clipped(shown(text), limit)
