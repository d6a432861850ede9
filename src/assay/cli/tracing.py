"""``assay trace``: what happened while an answer was made, and how long each step took."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assay.cli.options import AsJson, File
from assay.cli.output import emit, note, out

if TYPE_CHECKING:
    from assay.evaluation.records import Run


def register(cli: typer.Typer) -> None:
    """Add the commands of this file."""
    trace = typer.Typer(no_args_is_help=True, help="Recorded answers, step by step.")
    trace.command("list")(trace_list)
    trace.command("show")(trace_show)
    trace.command("score")(trace_score)
    cli.add_typer(trace, name="trace")


def trace_list(
    limit: Annotated[int, typer.Option("-n", min=1, max=10_000, help="How many, newest first.")] = 20,
    release: Annotated[str, typer.Option(help="Only those of this release (a digest's beginning).")] = "",
    failed: Annotated[bool, typer.Option("--failed", help="Only those that failed.")] = False,
    shadow: Annotated[bool, typer.Option("--shadow", help="Those that a candidate made unseen, instead.")] = False,
    file: File = None,
    as_json: AsJson = False,
) -> None:
    """List recorded traces."""
    from assay.cli.tables import trace_table
    from assay.releases.inspection import opened_traces
    from assay.releases.project import Project

    with opened_traces(Project.load(file)) as traces:
        found = traces.list(limit, release=release or None, failed=failed or None, copies=shadow)
    if as_json:
        for summary in found:
            emit(asdict(summary))
        return
    out.print(trace_table(found))


def trace_show(
    trace: Annotated[str, typer.Argument(help="A trace's id, or enough of its beginning.")],
    file: File = None,
    as_json: AsJson = False,
) -> None:
    """Show a trace as a tree with durations."""
    from assay.releases.inspection import opened_traces
    from assay.releases.project import Project
    from assay.tracing.tree import as_dict, lines

    with opened_traces(Project.load(file)) as traces:
        found = traces.get(trace)
    if as_json:
        emit(as_dict(found))
        return
    for line in lines(found):
        out.print(line, markup=False)


def trace_score(
    limit: Annotated[int, typer.Option("-n", min=1, max=100_000, help="How many, newest first.")] = 100,
    release: Annotated[str, typer.Option(help="Only those of this release (a digest's beginning).")] = "",
    scorer: Annotated[
        list[str] | None, typer.Option(help="Name of a scorer. Repeatable. [default: the file's]")
    ] = None,
    judge: Annotated[str, typer.Option(help="offline, a model's name, … [default: the file's]")] = "",
    html: Annotated[Path | None, typer.Option(metavar="FILE", show_default=False)] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    file: File = None,
    as_json: AsJson = False,
) -> None:
    """Score recorded answers by the scorers that measure releases."""
    import anyio

    from assay.cli.evaluation import show_result
    from assay.cli.progress import EvaluationProgress
    from assay.releases.measuring.evaluating import Evaluated
    from assay.releases.measuring.live_scoring import score_traces
    from assay.releases.project import Project

    project = Project.load(file)
    with EvaluationProgress(quiet=quiet or as_json) as progress:

        async def scored() -> tuple[Run, Path, int]:
            return await score_traces(
                project,
                limit=limit,
                release=release or None,
                scorers=scorer or None,
                judge=judge or None,
                progress=progress,
            )

        run, artifact, unrecorded = anyio.run(scored)
    if unrecorded:
        note(f"{unrecorded} of the newest {limit} traces hold no answer with its content")
    show_result(Evaluated(run, artifact), html=html, markdown=None, junit=None, as_json=as_json)
