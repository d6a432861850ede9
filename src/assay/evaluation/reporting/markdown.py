"""A result for a pull request: the verdict first, then why, and how to get the same again."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence

from assay.evaluation.reporting.decisions import brief, of_metric, of_no_metric
from assay.evaluation.reporting.flipped import counted, flipped
from assay.evaluation.reporting.markup import shown
from assay.evaluation.reporting.provenance import facts
from assay.evaluation.reporting.summary import MetricSummary, Report
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
from assay.evaluation.scoring import Kind
from assay.evaluation.verdicts import Compared, Comparison, Decided
from assay.scores import Estimate

SIGNS = {"pass": "✅", "fail": "❌", "inconclusive": "⚠️", "reported": ""}
MOST_FLIPS = 20
_SPECIAL = re.compile(r"[\\`*_\[\]|~$]")
_LINKED = re.compile(r"(?<=[@#])|(?<=\bwww)(?=\.)|(?<=:)(?=//|\w)|(?<=\bGH)(?=-\d)", re.IGNORECASE)
"""Where a mention, the number of an issue, an address or an emoji would begin: GitHub looks for these in the
finished text, so that only an element in between keeps them apart."""


def markdown_summary(report: Report, *, command: str | None = None) -> str:
    """GitHub's Markdown; ``command`` is what was typed, for whoever wants to do it again."""
    return "\n".join([*_lines(report, command), ""])


def plain(text: str, limit: int = 200) -> str:
    """Foreign text as Markdown that shows it literally, on one line."""
    escaped = _SPECIAL.sub(r"\\\g<0>", html.escape(_LINKED.sub("\0", clipped(shown(text), limit)), quote=False))
    return escaped.replace("\0", "<!-- -->")


def _lines(report: Report, command: str | None) -> Iterator[str]:
    run, summary, comparison = report.run, report.summary, report.comparison
    yield f"## {_headline(report)}"
    yield ""
    if comparison is not None and (reason := verdict_reason(comparison.verdict)):
        yield f"**Why:** {plain(reason, 1000)}"
        yield ""
    counts = f"{summary.answered:,} answered, {summary.abstained:,} abstained, {summary.failed:,} failed"
    yield f"**{plain(run.label)}** on **{plain(run.dataset)}**: {count(summary.cases, 'case')}, {counts}."
    yield ""
    yield from _compared(comparison) if comparison is not None else _metrics(report)
    if comparison is not None:
        for each in of_no_metric(comparison):
            yield from (f"**{plain(each.guard.metric)}**: {_judged(comparison, each)}", "")
        yield from _regressed(comparison)
        yield from _flips(comparison)
        yield from _folded("All metrics", _metrics(report))
    yield from _missing(report)
    yield from _folded("How to reproduce this", _reproduce(report, command))


def _headline(report: Report) -> str:
    comparison = report.comparison
    if comparison is None:
        return f"Evaluation of {plain(report.run.label)}"
    word = verdict_word(comparison.verdict)
    against = f"{plain(report.run.label)} against {plain(comparison.baseline)}"
    return f"Compared: {against}" if word == "reported" else f"{SIGNS[word]} {word.capitalize()}: {against}"


def _metrics(report: Report) -> Iterator[str]:
    before = report.baseline_summary
    yield from _table(
        ["metric", "value [95 % interval]", *([] if before is None else ["baseline"]), "scored", "unscored"],
        [
            [
                plain(each.metric.name),
                f"{estimate(each.metric.kind, each.best)}{_mark(each)}",
                *([] if before is None else [_old(before.metric(each.metric.name))]),
                f"{each.estimate.n if each.estimate else 0:,}",
                f"{sum(each.unscored.values()):,}",
            ]
            for each in report.summary.metrics
        ],
    )


def _old(found: MetricSummary | None) -> str:
    return "–" if found is None or found.best is None else _alone(found.metric.kind, found.best)


def _alone(kind: Kind, found: Estimate) -> str:
    """A value where its interval stands elsewhere."""
    return "–" if found.n == 0 else value(kind, found.value)


def _mark(found: MetricSummary) -> str:
    if found.corrected is not None:
        return " (corrected by people)"
    return " *(uncorrected)*" if found.uncorrected and found.estimate else ""


def _compared(comparison: Comparison) -> Iterator[str]:
    yield from _table(
        ["metric", "before", "after", "difference [95 % interval]", "p, adjusted", "verdict"],
        [
            [
                plain(each.metric.name),
                _alone(each.metric.kind, each.baseline),
                _alone(each.metric.kind, each.subject),
                difference(each.metric.kind, each.difference),
                probability(each.p_adjusted).replace("<", "&lt;"),
                _decided(comparison, each),
            ]
            for each in comparison.metrics
        ],
    )


def _decided(comparison: Comparison, found: Compared) -> str:
    held = of_metric(comparison, found.metric.name)
    return "<br>".join(_judged(comparison, each) for each in held) or change(found)


def _judged(comparison: Comparison, found: Decided) -> str:
    word = verdict_word(found.verdict)
    return f"{SIGNS[word]} {word}: {plain(brief(comparison, found), 400)}"


def _regressed(comparison: Comparison) -> Iterator[str]:
    rows = [
        [
            f"{plain(s.tag)} = {plain(s.value)}",
            plain(of.metric.name),
            difference(of.metric.kind, s.difference),
            f"{s.difference.n:,}",
        ]
        for of in comparison.metrics
        for s in of.slices
    ]
    if rows:
        yield "### Slices that regressed"
        yield ""
        yield from _table(["slice", "metric", "difference", "cases"], rows)


def _flips(comparison: Comparison) -> Iterator[str]:
    if not comparison.flips:
        return
    found = flipped(comparison)
    rows = [
        [
            plain(each.case, 60),
            plain(each.question, 120),
            "<br>".join(plain(change.metric) for change in each.changes),
            "<br>".join(f"{change.before:.2f} → {change.after:.2f}" for change in each.changes),
            f"{_code(each.trace_before)} → {_code(each.trace_after)}",
        ]
        for each in found[:MOST_FLIPS]
    ]
    left = len(found) - len(rows)
    table = list(_table(["case", "question", "metric", "before → after", "traces"], rows))
    yield from _folded(f"Flips: {counted(found)}", [*table, *([f"… and {left:,} more.", ""] if left else [])])


def _missing(report: Report) -> Iterator[str]:
    """A warning that cannot be overlooked: what is missing is not in the numbers above."""
    told = [f"{number:,} × {plain(kind)}" for kind, number in report.summary.failures.items()]
    if told:
        yield f"**Failed answers:** {', '.join(told)}"
        yield ""


def _reproduce(report: Report, command: str | None) -> Iterator[str]:
    if command:
        fence = "`" * (max((len(run) for run in re.findall("`+", command)), default=0) + 3)
        yield from (f"{fence}console", shown(command).replace("\n", " "), fence, "")
    for name, fact in facts(report.run).items():
        yield f"- {name}: {_code(fact, 160)}"
    if report.baseline is not None:
        yield f"- baseline's release: {_code(report.baseline.subject, 160)}"
    yield ""


def _folded(title: str, lines: Iterator[str] | Sequence[str]) -> Iterator[str]:
    yield f"<details><summary>{title}</summary>"
    yield ""
    yield from lines
    yield "</details>"
    yield ""


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(columns)} |"
    yield "|" + " --- |" * len(columns)
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def _code(text: str | None, limit: int = 12) -> str:
    return "–" if not text else f"<code>{plain(text[:limit], limit)}</code>"
