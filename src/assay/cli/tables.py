"""Tables and lines that commands print for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from rich import box
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from assay.answering.calibration import Calibration
    from assay.evaluation.artifacts.experiments import Experiment
    from assay.ingestion.verify import Verification
    from assay.releases.inspection import IndexState, Status
    from assay.stores.traces import TraceSummary

CURVE_STEPS = 10
TOLD = ("faithfulness", "correctness", "abstention")
"""Metrics that a list of runs shows, where they were measured."""


def trace_table(found: Sequence[TraceSummary]) -> Table:
    """Recorded answers, newest first."""
    # The question takes what the others leave: without a ratio rich would shorten the ids.
    table = Table(box=box.SIMPLE_HEAD, expand=True)
    for name in ("trace", "when", "took", "release", "outcome"):
        table.add_column(name, no_wrap=True)
    table.add_column("question", no_wrap=True, overflow="ellipsis", ratio=1)
    for each in found:
        when = datetime.fromtimestamp(each.started / 1e9).strftime("%m-%d %H:%M:%S")
        # The root is stored last and carries the release: without it the answer is still made, or was cut off.
        ended = each.abstained or ("answered" if each.release else "unfinished")
        outcome = f"[red]{escape(each.error.partition(':')[0])}[/]" if each.error else ended
        table.add_row(
            each.id[:12],
            when,
            f"{each.milliseconds:.0f} ms",
            (each.release or "")[:12],
            outcome,
            escape(each.question or ""),
        )
    return table


def index_table(found: Sequence[IndexState]) -> Table:
    """The indexes that exist."""
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("index", no_wrap=True, min_width=12)  # whole: `assay index drop` asks for it
    for name in ("status", "documents", "chunks", "chunker", "embedder", "store"):
        table.add_column(name)
    for each in found:
        recipe = each.row.recipe
        state = "active" if each.row.active else each.row.status
        table.add_row(
            each.row.id,
            state,
            str(each.documents),
            str(each.chunks),
            f"{recipe.chunker} {recipe.max_tokens}",
            recipe.embedder.partition(":")[0],
            recipe.backend,
        )
    return table


def status_lines(state: Status) -> Iterator[str]:
    """The application at a glance, as markup."""
    yield f"[bold]{escape(state.name)}[/]  release {state.release[:12]}  index {state.index or 'not built yet'}"
    yield f"{state.documents} documents, {state.chunks} chunks"
    if state.pending:
        yield f"[yellow]{state.pending} documents wait for the next `assay ingest`[/]"
    for failure in state.failed:
        kept = "  (the version indexed before is still in use)" if failure.stale else ""
        yield f"[red]failed[/]  {escape(failure.uri)}: {escape(failure.error)}{kept}"
    if state.index is None and not state.failed:
        yield "run `assay ingest`"


def verification_lines(found: Verification) -> Iterator[str]:
    """What was compared and what was found, as markup."""
    yield (
        f"ledger {found.documents} documents, {found.chunks} chunks = "
        f"{found.vectors} vectors = {found.lexical} lexical entries"
        if found.ok
        else f"ledger {found.chunks} chunks, {found.vectors} vectors, {found.lexical} lexical entries"
    )
    for finding in found.findings:
        colour = "dim" if finding.kind == "failed" else "red"
        yield f"[{colour}]{finding.kind}[/]  {escape(finding.name)}: {escape(finding.detail)}"
    yield "[green]clean[/]" if found.ok else "[red]not clean[/]: `assay index verify --repair` mends it"


def calibration_lines(fitted: Calibration) -> Iterator[str]:
    """The threshold, the ranking's quality and the curve."""
    yield f"AUROC {fitted.auroc}  ({fitted.auroc.n} cases, {fitted.auroc.method})"
    yield ""
    yield "threshold  answered                wrong among the answers"
    step = max(1, (len(fitted.curve) - 1) // CURVE_STEPS)
    for point in fitted.curve[::step]:
        error = str(point.error) if point.error else "nothing answered"
        yield f"{point.threshold:>9.2f}  {point.coverage}    {error}"
    yield ""
    if fitted.met:
        yield f"chosen: {fitted.threshold:.4f}, {fitted.rule}"
        yield f"        answers {fitted.chosen.coverage}, of which wrong {fitted.chosen.error}"
    else:
        yield f"no threshold gives {fitted.rule}"


def experiment_lines(found: Sequence[Experiment], *, searched: str = "") -> Iterator[str]:
    """Runs, newest first, with the means of a few quality metrics, as markup; ``experiments show`` tells all."""
    if not found:
        yield f"no run is such: {escape(searched)}" if searched else "no run is kept yet: `assay eval` makes one"
    for each in found:
        run = each.summary
        when = datetime.fromtimestamp(run.started).strftime("%Y-%m-%d %H:%M")
        times = f" × {run.repeats}" if run.repeats > 1 else ""
        failed = f", [red]{run.failed} failed[/]" if run.failed else ""
        yield (
            f"[bold]{run.id[:8]}[/]  {when}  {escape(run.label)} ({run.subject[:8]}) "
            f"on {escape(run.dataset)}, {run.cases} cases{times}{failed}"
        )
        shown = [name for name in TOLD if name in run.means] or list(run.means)[:3]
        means = [f"{name} {mean.value:.3f}" for name in shown if (mean := run.means[name]).value is not None]
        if means:
            yield f"          [dim]{'  '.join(means)}[/]"
