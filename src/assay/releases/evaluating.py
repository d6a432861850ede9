"""Measuring a release: the file's cases and scorers, the judge, the runs, and what they are compared with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from assay.errors import InputError, NotFound
from assay.evaluation import comparison_file, experiment
from assay.evaluation.artifact import read, write
from assay.evaluation.cases import Dataset
from assay.evaluation.comparison import compare
from assay.evaluation.dataset_file import read_dataset
from assay.evaluation.environment import environment
from assay.evaluation.estimate import Forecast, forecast
from assay.evaluation.guards import guards
from assay.evaluation.limiter import Limiter
from assay.evaluation.making import Limits
from assay.evaluation.progress import Watcher
from assay.evaluation.records import Run
from assay.evaluation.scorers.opening import open_scorers
from assay.evaluation.scoring import Scorer
from assay.evaluation.verdicts import Comparison, Guard
from assay.releases import parts
from assay.releases.bench import bench
from assay.releases.build import open_application
from assay.releases.project import Project
from assay.releases.snapshots import Snapshots, at_revision
from assay.releases.subject import ReleaseSubject
from assay.stores.database import Database
from assay.stores.evaluations import EvaluationStore
from assay.stores.verdicts import VerdictStore

ALWAYS = ("errors", "latency", "cost")
"""Scorers that cost nothing and that every report shows."""
RUNS = "runs"
COMPARISONS = "comparisons"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to measure; None takes what the application's file says.

    ``limit`` keeps the first so many cases, ``tags`` those that have these; ``against`` names a baseline
    (``live``, a kept release, ``git:REVISION``, another application file); ``gated`` asks the file's gate.
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
    bounds: Mapping[str, tuple[float | None, float | None]] | None = None


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The run with its artifact's file, and likewise the baseline's with the comparison where there is one.
    ``notices`` are what a person should know before reading on."""

    run: Run
    artifact: Path
    baseline: Run | None = None
    baseline_artifact: Path | None = None
    comparison: Comparison | None = None
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Bench:
    """Everything that the two runs share."""

    dataset: Dataset
    scorers: tuple[Scorer, ...]
    store: EvaluationStore
    repeats: int
    limits: Limits


async def evaluate(project: Project, wanted: Wanted, progress: Watcher | None = None) -> Evaluated:
    """Run the file's release, and its baseline where one is named, on the same cases; keep both artifacts.

    Raises InputError, NotFound, ConfigError, ModelError, StoreError; what was finished before is kept.
    """
    other = baseline(project, wanted.against) if wanted.against else None
    with _bench(project, wanted) as bench:
        notices: list[str] = []
        run = await _run(project, "this file", bench, progress, notices)
        artifact = write(run, project.state / RUNS)
        if other is None:
            return Evaluated(run, artifact, notices=tuple(notices))
        if other.release.digest == project.release.digest:
            notices.append(f"{wanted.against} is this very release ({project.release.short}): nothing has changed")
        against = await _run(other, wanted.against or "", bench, progress, notices)
        kept = write(against, project.state / RUNS)
        asked = _guards(project, run, wanted)
        comparison = compare(run, against, asked, alpha=project.manifest.evaluation.alpha)
        comparison_file.write(comparison, (run, artifact), (against, kept), asked, project.state / COMPARISONS)
        return Evaluated(run, artifact, against, kept, comparison, tuple(notices))


async def foreseen(project: Project, wanted: Wanted) -> Mapping[str, Forecast]:
    """What ``evaluate`` would do now, by label: calls, tokens, money, minutes. Calls no model."""
    found: dict[str, Forecast] = {}
    projects = {"this file": project}
    if wanted.against:
        projects[wanted.against] = baseline(project, wanted.against)
    with _bench(project, wanted) as bench:
        for label, each in projects.items():
            application = open_application(each)
            try:
                found[label] = await forecast(
                    ReleaseSubject(application),
                    bench.dataset,
                    bench.scorers,
                    store=bench.store,
                    repeats=bench.repeats,
                    concurrency=bench.limits.asking.most,
                )
            finally:
                await application.close()
    return found


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
    cases = cases[: wanted.limit] if wanted.limit else cases
    if not cases:
        raise InputError(f"none of the {len(dataset.cases)} cases has the tags {dict(wanted.tags)}")
    return replace(dataset, cases=tuple(cases))


@contextmanager
def _bench(project: Project, wanted: Wanted) -> Iterator[_Bench]:
    chosen = project.manifest.evaluation
    dataset = dataset_of(project, wanted)
    database: Database = parts.database(project)
    try:
        judge = bench(project.file.path, verdicts=VerdictStore(database)).open(wanted.judge or chosen.judge)
        names = list(wanted.scorers or chosen.scorers)
        scorers = open_scorers([*names, *(name for name in ALWAYS if name not in names)], judge=judge)
        concurrency = wanted.concurrency or chosen.concurrency
        yield _Bench(
            dataset,
            scorers,
            EvaluationStore(database),
            wanted.repeats or chosen.repeats,
            Limits(Limiter(concurrency), Limiter(concurrency)),
        )
    finally:
        database.close()


async def _run(project: Project, label: str, bench: _Bench, progress: Watcher | None, notices: list[str]) -> Run:
    async with AsyncExitStack() as stack:
        try:
            application = open_application(project)
        except NotFound as error:
            raise NotFound(f"{label} ({project.release.short}): {error}") from error
        stack.push_async_callback(application.close)
        if application.notice:
            notices.append(f"{label}: {application.notice}")
        return await experiment.run(
            ReleaseSubject(application),
            bench.dataset,
            bench.scorers,
            store=bench.store,
            repeats=bench.repeats,
            limits=bench.limits,
            progress=progress,
            label=label,
            environment=environment(project.file.directory),
        )


def _guards(project: Project, run: Run, wanted: Wanted) -> list[Guard]:
    bounds = wanted.bounds
    if bounds is None:
        gate = project.manifest.evaluation.gate if wanted.gated else {}
        bounds = {name: (bound.margin, bound.ratio) for name, bound in gate.items()}
    return guards(bounds, run.metrics)


def recomputed(project: Project | None, path: Path, against: Path | None) -> Evaluated:
    """Everything again from artifacts alone: of a run, of two, or of a comparison's file.

    The gate is the one that a comparison's file tells; for two runs that of ``project``, where there is one.
    A comparison that comes out otherwise than it says is told in ``notices``. Raises InputError.
    """
    kept = comparison_file.read(path) if against is None else None
    if kept is not None:
        folder = path.parent if (path.parent / kept.run).exists() else path.parent.parent / RUNS
        run, other = read(folder / kept.run), read(folder / kept.baseline)
        comparison = compare(run, other, kept.guards, alpha=kept.alpha)
        told = comparison_file.differences(kept.said, comparison)
        notices = told or [f"every number of {path.name} was computed again from the two runs, and is the same"]
        return Evaluated(run, folder / kept.run, other, folder / kept.baseline, comparison, tuple(notices))
    run = read(path)
    if against is None:
        return Evaluated(run, path)
    other = read(against)
    asked = _guards(project, run, Wanted()) if project is not None else []
    alpha = project.manifest.evaluation.alpha if project is not None else 0.05
    return Evaluated(run, path, other, against, compare(run, other, asked, alpha=alpha))
