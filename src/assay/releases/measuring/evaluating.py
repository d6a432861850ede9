"""Measuring a release: the file's cases and scorers, the judge, the runs, and what they are compared with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from assay.errors import InputError, NotFound
from assay.evaluation.artifacts import comparison_file
from assay.evaluation.artifacts.environment import environment
from assay.evaluation.artifacts.run_file import write
from assay.evaluation.cases import Dataset
from assay.evaluation.comparison import compare
from assay.evaluation.datasets.files import read_dataset
from assay.evaluation.guards import guards, measured
from assay.evaluation.labelling.correction import corrected, reasons
from assay.evaluation.labelling.joining import labelled
from assay.evaluation.labelling.population import judged_metrics
from assay.evaluation.records import Run
from assay.evaluation.running import experiment
from assay.evaluation.running.forecast import Forecast, forecast
from assay.evaluation.running.limiter import Limiter
from assay.evaluation.running.making import Limits
from assay.evaluation.running.progress import Watcher
from assay.evaluation.running.timing import apart_of, comparable, warnings
from assay.evaluation.scorers.opening import open_scorers
from assay.evaluation.scoring import Metric, Scorer
from assay.evaluation.verdicts import Comparison, Guard
from assay.releases import parts
from assay.releases.application import Application
from assay.releases.build import open_application
from assay.releases.history.snapshots import Snapshots, at_revision
from assay.releases.measuring.bench import bench
from assay.releases.measuring.subject import ReleaseSubject
from assay.releases.project import Project
from assay.stores.database import Database
from assay.stores.evaluations import EvaluationStore
from assay.stores.labels import LabelStore
from assay.stores.verdicts import VerdictStore

ALWAYS = ("errors", "latency", "cost")
"""Scorers that cost nothing and that every report shows."""
THIS = "this file"
RUNS = "runs"
COMPARISONS = "comparisons"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to measure; None takes what the application's file says.

    ``limit`` keeps the first so many cases, ``tags`` those that have these; ``against`` names a baseline
    (``live``, a kept release, ``git:REVISION``, another application file); ``gated`` asks the file's gate,
    ``whole_gate`` refuses to do so where a guard's metric is not measured, rather than to leave that guard out.
    With ``fresh_latency`` both releases are asked anew where their answers were not timed side by side.
    """

    datasets: Sequence[str] | None = None
    scorers: Sequence[str] | None = None
    judge: str | None = None
    repeats: int | None = None
    concurrency: int | None = None
    limit: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    against: str | None = None
    gated: bool = True
    whole_gate: bool = True
    bounds: Mapping[str, tuple[float | None, float | None]] | None = None
    fresh_latency: bool = False


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The run with its artifact's file, and likewise the baseline's with the comparison where there is one.

    ``kept`` is the comparison's file, ``notices`` what a person should know before reading on; ``differences``
    where a comparison that was computed again comes out otherwise than its file says.
    """

    run: Run
    artifact: Path
    baseline: Run | None = None
    baseline_artifact: Path | None = None
    comparison: Comparison | None = None
    kept: Path | None = None
    notices: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Bench:
    """Everything that the two runs share."""

    dataset: Dataset
    scorers: tuple[Scorer, ...]
    store: EvaluationStore
    labels: LabelStore
    repeats: int
    limits: Limits


async def evaluate(project: Project, wanted: Wanted, progress: Watcher | None = None) -> Evaluated:
    """Run the file's release, and its baseline where one is named, on the same cases; keep both artifacts.

    Raises InputError, NotFound, ConfigError, ModelError, StoreError; what was finished before is kept.
    """
    other = baseline(project, wanted.against) if wanted.against else None
    label = wanted.against or ""
    with _bench(project, wanted) as bench:
        notices: list[str] = []
        if other is None:
            [run] = await _run({THIS: project}, bench, progress, notices)
            return Evaluated(run, write(run, project.state / RUNS), notices=tuple(notices))
        # Before anything is asked: a guard that nothing measures would be found out only after hours.
        metrics = [metric for scorer in bench.scorers for metric in scorer.metrics]
        asked = asked_guards(project, metrics, wanted, notices)
        if other.release.digest == project.release.digest:
            notices.append(f"{label} is this very release ({project.release.short}): nothing has changed")
            [run] = await _run({THIS: project}, bench, progress, notices)
            [against] = await _run({label: other}, bench, progress, notices)
        else:
            both = {THIS: project, label: other}
            run, against = await _run(both, bench, progress, notices, retime=wanted.fresh_latency)
        artifact, beside = write(run, project.state / RUNS), write(against, project.state / RUNS)
        comparison = compared(run, against, asked, notices, alpha=project.manifest.evaluation.alpha)
        kept = comparison_file.write(comparison, (run, artifact), (against, beside), asked, project.state / COMPARISONS)
        return Evaluated(run, artifact, against, beside, comparison, kept, tuple(notices))


def compared(
    run: Run, against: Run, guards: Sequence[Guard], notices: list[str] | None = None, *, alpha: float
) -> Comparison:
    """The comparison by these guards; one of a time looks only at what was timed side by side. ``notices`` gets
    what there is to say of times that no guard is of. Raises InputError."""
    if notices is not None:
        notices += warnings(run, against, guards)
    return compare(comparable(run, against, guards), against, guards, alpha=alpha)


async def foreseen(project: Project, wanted: Wanted) -> Mapping[str, Forecast]:
    """What ``evaluate`` would do now, by label: calls, tokens, money, minutes. Calls no model."""
    projects = {THIS: project}
    if wanted.against:
        projects[wanted.against] = baseline(project, wanted.against)
    with _bench(project, wanted) as bench:
        async with AsyncExitStack() as stack:
            subjects = {label: ReleaseSubject(await _opened(each, label, stack)) for label, each in projects.items()}
            retimed = wanted.fresh_latency and len({each.release.digest for each in projects.values()}) > 1
            anew = (
                await apart_of(list(subjects.values()), bench.dataset, bench.repeats, bench.store)
                if retimed
                else frozenset()
            )
            return {
                label: await forecast(
                    subject,
                    bench.dataset,
                    bench.scorers,
                    store=bench.store,
                    repeats=bench.repeats,
                    concurrency=bench.limits.asking.most,
                    anew=anew,
                )
                for label, subject in subjects.items()
            }


def baseline(project: Project, name: str) -> Project:
    """What a release is compared with: a kept release by name or digest, ``git:REVISION``, or a file.

    Raises NotFound, InputError, ConfigError.
    """
    if name.startswith("git:"):
        return at_revision(project, name.removeprefix("git:"))
    if name.endswith(".toml") or Path(name).is_dir():
        return Project.load(Path(name))
    database = parts.database(project)
    try:
        snapshots = Snapshots(database)
        return snapshots.load(snapshots.find(name), project)
    finally:
        database.close()


def dataset_of(project: Project, wanted: Wanted) -> Dataset:
    """The cases that are asked. Raises InputError where there are none."""
    chosen = project.manifest.evaluation
    base = None if wanted.datasets else project.file.directory
    files = list(wanted.datasets or chosen.datasets)
    if not files:
        raise InputError('no cases: name a file with --dataset, or datasets = ["evals/*.jsonl"] in [evaluation]')
    dataset = read_dataset(files, base=base)
    cases = [case for case in dataset.cases if all(case.tags.get(key) == value for key, value in wanted.tags.items())]
    if not cases:
        raise InputError(_untagged(dataset, wanted.tags))
    return replace(dataset, cases=tuple(cases[: wanted.limit] if wanted.limit else cases))


def _untagged(dataset: Dataset, tags: Mapping[str, str]) -> str:
    """Why no case is left, with what there is to choose from."""
    told = ", ".join(f"{key}={value}" for key, value in tags.items())
    said = f"none of the {len(dataset.cases)} cases of {dataset.name} is tagged {told}"
    for key, value in tags.items():
        values = sorted({case.tags[key] for case in dataset.cases if key in case.tags})
        if not values:
            known = sorted({name for case in dataset.cases for name in case.tags})
            return f"{said}; the tags are: {', '.join(known) or 'none'}"
        if value not in values:
            return f"{said}; {key} is one of: {', '.join(values[:20])}"
    return said


@contextmanager
def _bench(project: Project, wanted: Wanted) -> Iterator[_Bench]:
    chosen = project.manifest.evaluation
    dataset = dataset_of(project, wanted)
    database: Database = parts.database(project)
    try:
        scorers = scorers_of(project, database, wanted.scorers, wanted.judge)
        concurrency = wanted.concurrency or chosen.concurrency
        yield _Bench(
            dataset,
            scorers,
            EvaluationStore(database),
            LabelStore(database),
            wanted.repeats or chosen.repeats,
            Limits(Limiter(concurrency), Limiter(concurrency)),
        )
    finally:
        database.close()


def scorers_of(
    project: Project, database: Database, names: Sequence[str] | None, judge: str | None
) -> tuple[Scorer, ...]:
    """The scorers of these names, by default the file's, and ALWAYS, with the judge and the verdicts kept.

    Raises InputError, PluginError, ModelError.
    """
    chosen = project.manifest.evaluation
    wanted = list(names or chosen.scorers)
    opened = bench(project.file.path, verdicts=VerdictStore(database)).open(judge or chosen.judge)
    return open_scorers([*wanted, *(name for name in ALWAYS if name not in wanted)], judge=opened)


async def _run(
    projects: Mapping[str, Project],
    bench: _Bench,
    progress: Watcher | None,
    notices: list[str],
    *,
    retime: bool = False,
) -> tuple[Run, ...]:
    """The runs of these releases by label, side by side."""
    async with AsyncExitStack() as stack:
        entrants = []
        for label, project in projects.items():
            application = await _opened(project, label, stack)
            if application.notice:
                notices.append(f"{label}: {application.notice}")
            entrants.append(experiment.Entrant(ReleaseSubject(application), label, environment(project.file.directory)))
        runs = await experiment.run_side_by_side(
            entrants,
            bench.dataset,
            bench.scorers,
            store=bench.store,
            repeats=bench.repeats,
            limits=bench.limits,
            progress=progress,
            retime=retime,
        )
    runs = tuple(with_labels(run, bench.labels) for run in runs)
    notices += [f"{run.label}: {reason}" for run in runs for reason in reasons(corrected(run))]
    return runs


async def _opened(project: Project, label: str, stack: AsyncExitStack) -> Application:
    """Closed with the stack. Raises NotFound saying whose index there is not."""
    try:
        application = open_application(project)
    except NotFound as error:
        raise NotFound(f"{label} ({project.release.short}): {error}") from error
    stack.push_async_callback(application.close)
    return application


def with_labels(run: Run, store: LabelStore) -> Run:
    """The run with all labels of its answers that there are now. Raises StoreError."""
    return labelled(run, store.labels(), {metric: store.draws(metric) for metric in judged_metrics(run)})


def asked_guards(project: Project, metrics: Sequence[Metric], wanted: Wanted, notices: list[str]) -> list[Guard]:
    """The guards that are wanted of what is measured; ``notices`` gets those that are left out. Raises InputError."""
    if wanted.bounds is not None:
        return guards(wanted.bounds, metrics)
    gate = project.manifest.evaluation.gate if wanted.gated else {}
    bounds = {name: (bound.margin, bound.ratio) for name, bound in gate.items()}
    if not wanted.whole_gate:
        left_out = [name for name in bounds if not measured(name, metrics)]
        bounds = {name: bound for name, bound in bounds.items() if name not in left_out}
        notices.extend(f"evaluation.gate.{name} is not asked: nothing measures it here" for name in left_out)
    return guards(bounds, metrics)
