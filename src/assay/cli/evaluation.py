"""``assay eval`` and ``assay experiments``: is this release better, worse or not worse, and how sure are we?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assay.cli.options import AsJson, File
from assay.cli.output import emit, note, out
from assay.errors import InputError

if TYPE_CHECKING:
    from assay.evaluation.running.forecast import Forecast
    from assay.evaluation.verdicts import Verdict
    from assay.releases.measuring.evaluating import Evaluated
    from assay.releases.project import Project

Output = Annotated[Path | None, typer.Option(metavar="FILE", show_default=False)]


def register(cli: typer.Typer) -> None:
    """Add the commands of this file."""
    group = typer.Typer(invoke_without_command=True, help="Measure this release on the application's cases.")
    group.callback()(evaluate)
    group.command("recompute")(recompute)
    cli.add_typer(group, name="eval")
    experiments = typer.Typer(
        no_args_is_help=True,
        help="Evaluations that were made, with every answer and score. (`assay experiment`, without an s, compares "
        "releases before users.)",
    )
    experiments.command("list")(experiments_list)
    experiments.command("show")(experiments_show)
    experiments.command("compare")(experiments_compare)
    experiments.command("export-mlflow")(experiments_export)
    cli.add_typer(experiments, name="experiments")


def evaluate(
    context: typer.Context,
    against: Annotated[
        str | None,
        typer.Option(help="Compare with: live, a kept release, git:REVISION, another file.", show_default=False),
    ] = None,
    gate: Annotated[
        bool, typer.Option("--gate", help="Exit 0 for pass, 1 for fail, 2 for inconclusive; compares with live.")
    ] = False,
    fresh_latency: Annotated[
        bool,
        typer.Option("--fresh-latency", help="Ask both releases anew where they were not timed side by side."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say calls, tokens, money and minutes; do nothing.")
    ] = False,
    dataset: Annotated[list[str] | None, typer.Option(help="File or glob of cases. Repeatable.")] = None,
    scorer: Annotated[list[str] | None, typer.Option(help="Name of a scorer. Repeatable.")] = None,
    judge: Annotated[
        str | None, typer.Option(help="offline, a model's name, panel:A,B, cascade:offline,A.", show_default=False)
    ] = None,
    tag: Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help="Only cases with it. Repeatable.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="Only so many cases; 0 for all.")] = 0,
    repeats: Annotated[int, typer.Option(min=0, help="Ask each case so often; 0 for the file's number.")] = 0,
    concurrency: Annotated[int, typer.Option(min=0, help="Calls at once, at most; 0 for the file's.")] = 0,
    html: Output = None,
    markdown: Output = None,
    junit: Output = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    file: File = None,
    as_json: AsJson = False,
) -> None:
    """Ask every case, score every answer, and compare with another release on the same cases.

    What was answered and scored before, by the same release and scorers, is not done again.
    """
    if context.invoked_subcommand is not None:
        return
    import anyio

    from assay.cli.progress import EvaluationProgress
    from assay.releases.history.snapshots import LIVE
    from assay.releases.measuring.evaluating import Wanted, evaluate, foreseen
    from assay.releases.project import Project

    for option, given in (("--against", against), ("--judge", judge)):
        if given is not None and not given.strip():  # a variable that was not set: a gate must not pass by it
            raise InputError(f"{option} is empty; name one, or leave the option out")
    project = Project.load(file)
    if gate and not project.manifest.evaluation.gate:
        raise InputError(
            "--gate: the file has no [evaluation.gate]; say there how much worse a release may be, "
            "such as faithfulness = { margin = 0.05 }"
        )
    if fresh_latency and not (gate or against):
        raise InputError("--fresh-latency compares two releases: name the other with --against, or use --gate")
    wanted = Wanted(
        datasets=dataset or None,
        scorers=scorer or None,
        judge=judge,
        repeats=repeats or None,
        concurrency=concurrency or None,
        limit=limit or None,
        tags=_tags(tag or []),
        against=against or (LIVE if gate else None),
        whole_gate=gate or not scorer,
        fresh_latency=fresh_latency,
    )
    if dry_run:
        _foresee(anyio.run(foreseen, project, wanted), as_json=as_json)
        return
    with EvaluationProgress(quiet=quiet or as_json) as progress:
        found = anyio.run(evaluate, project, wanted, progress)
    show_result(found, html=html, markdown=markdown, junit=junit, as_json=as_json)
    if not as_json:
        note(f"kept as {found.artifact}" + (f", compared in {found.kept}" if found.kept else ""))
    if gate:
        raise typer.Exit(_status(found.comparison.verdict if found.comparison else None))


def recompute(
    run: Annotated[Path, typer.Argument(help="The artifact of a run, or the file of a comparison.")],
    baseline: Annotated[Path | None, typer.Argument(help="The artifact to compare it with.")] = None,
    file: File = None,
    html: Output = None,
    markdown: Output = None,
    junit: Output = None,
    as_json: AsJson = False,
) -> None:
    """Compute every number again from artifacts alone: of a run, of two, or of a comparison.

    Exits 1 where a comparison's file says something else than its two runs give.
    """
    from assay.errors import ConfigError
    from assay.releases.measuring.recomputing import recomputed
    from assay.releases.project import Project

    project: Project | None = None
    try:
        project = Project.load(file)
    except ConfigError:
        if file is not None:
            raise
    found = recomputed(project, run, baseline)
    show_result(found, html=html, markdown=markdown, junit=junit, as_json=as_json)
    if found.differences:
        raise typer.Exit(1)


def experiments_list(
    query: Annotated[list[str] | None, typer.Argument(help="Words, or conditions such as 'faithfulness>0.8'.")] = None,
    file: File = None,
    as_json: AsJson = False,
) -> None:
    """List the runs that were made, newest first."""
    from dataclasses import asdict

    from assay.cli.tables import experiment_lines
    from assay.evaluation.artifacts.experiments import listing
    from assay.releases.measuring.evaluating import RUNS
    from assay.releases.project import Project

    found = listing(Project.load(file).state / RUNS, " ".join(query or []))
    if as_json:
        emit([asdict(each.summary) | {"file": str(each.path)} for each in found.runs])
        return
    for line in experiment_lines(found.runs, searched=" ".join(query or [])):
        out.print(line)
    for problem in found.unreadable:
        note(problem)


def experiments_show(
    run: Annotated[str, typer.Argument(help="A run's id, enough of its beginning, or 'latest'.")] = "latest",
    html: Output = None,
    markdown: Output = None,
    file: File = None,
    as_json: AsJson = False,
) -> None:
    """Show a run."""
    experiments_compare(run, "", html=html, markdown=markdown, file=file, as_json=as_json)


def experiments_compare(
    run: Annotated[str, typer.Argument(help="A run's id, enough of its beginning, or 'latest'.")],
    baseline: Annotated[str, typer.Argument(help="The run to compare it with.")],
    html: Output = None,
    markdown: Output = None,
    file: File = None,
    as_json: AsJson = False,
) -> None:
    """Compare two runs that were made, with the labels that there are now."""
    from assay.evaluation.artifacts.experiments import find
    from assay.releases.measuring.evaluating import RUNS
    from assay.releases.measuring.labelling import opened_labels
    from assay.releases.measuring.recomputing import recomputed
    from assay.releases.project import Project

    project = Project.load(file)
    folder = project.state / RUNS
    first, second = find(folder, run), find(folder, baseline) if baseline else None
    with opened_labels(project) as labels:
        found = recomputed(project, first, second, labels)
    show_result(found, html=html, markdown=markdown, junit=None, as_json=as_json)


def experiments_export(
    run: Annotated[str, typer.Argument(help="A run's id, enough of its beginning, or 'latest'.")] = "latest",
    tracking_uri: Annotated[
        str, typer.Option(help="MLflow's address or folder. [default: MLflow's own]", show_default=False)
    ] = "",
    experiment: Annotated[str, typer.Option(help="MLflow's experiment. [default: the application's name]")] = "",
    file: File = None,
) -> None:
    """Write a run into MLflow: parameters, metrics, the artifact and the report. Needs the extra 'mlflow'."""
    from assay.evaluation.artifacts.experiments import find
    from assay.evaluation.reporting.mlflow_export import connect, export
    from assay.evaluation.reporting.summary import report
    from assay.releases.measuring.evaluating import RUNS
    from assay.releases.measuring.recomputing import recomputed
    from assay.releases.project import Project

    project = Project.load(file)
    client = connect(tracking_uri or None)
    found = recomputed(project, find(project.state / RUNS, run), None)
    artifact = found.artifact.read_text("utf-8")
    id = export(report(found.run), client, artifact=artifact, experiment=experiment or project.name)
    out.print(f"exported as MLflow run {id}", markup=False)


def _tags(options: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for option in options:
        key, equals, value = option.partition("=")
        if not equals or not key:
            raise InputError(f"--tag {option!r}: write KEY=VALUE")
        found[key] = value
    return found


def _status(verdict: Verdict | None) -> int:
    from assay.evaluation.verdicts import Fail, Pass

    return 0 if isinstance(verdict, Pass) else 1 if isinstance(verdict, Fail) else 2


def _foresee(found: Mapping[str, Forecast], *, as_json: bool) -> None:
    """What would be done, by label."""
    from dataclasses import asdict

    if as_json:
        emit({label: asdict(each) for label, each in found.items()})
        return
    from assay.cli.forecasts import forecast_table

    for label, each in found.items():
        out.print(forecast_table(label, each))


def show_result(
    found: Evaluated,
    *,
    html: Path | None,
    markdown: Path | None,
    junit: Path | None,
    as_json: bool,
) -> None:
    """Print a result, and write the files that were asked for."""
    from dataclasses import asdict

    from assay.evaluation.artifacts.comparison_file import as_dict, bounded
    from assay.evaluation.artifacts.run_file import summary
    from assay.evaluation.reporting.html import html_report
    from assay.evaluation.reporting.junit import junit_xml
    from assay.evaluation.reporting.markdown import markdown_summary
    from assay.evaluation.reporting.summary import report
    from assay.evaluation.reporting.terminal import terminal_report

    told = report(found.run, comparison=found.comparison, baseline=found.baseline)
    for path, write in ((html, html_report), (markdown, markdown_summary), (junit, junit_xml)):
        if path is not None:
            _write(path, write(told))
    if as_json:
        emit(
            bounded(
                {
                    "run": asdict(summary(found.run)),
                    "metrics": [asdict(each) for each in told.summary.metrics],
                    "artifact": str(found.artifact),
                    "baseline": asdict(summary(found.baseline)) if found.baseline else None,
                    "baseline_artifact": str(found.baseline_artifact) if found.baseline_artifact else None,
                    "comparison": as_dict(found.comparison) if found.comparison else None,
                    "comparison_file": str(found.kept) if found.kept else None,
                    "notices": list(found.notices),
                    "differences": list(found.differences),
                }
            )
        )
        return
    for notice in (*found.notices, *found.differences):
        note(notice)
    out.print(terminal_report(told))


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error
    note(f"wrote {path}")
