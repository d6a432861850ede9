"""An application's recorded answers, scored: the file's scorers and judge over its traces."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from assay.evaluation.artifacts.environment import environment
from assay.evaluation.artifacts.run_file import write
from assay.evaluation.records import Run
from assay.evaluation.running.limiter import Limiter
from assay.evaluation.running.live import recorded, score
from assay.evaluation.running.progress import Watcher
from assay.releases import parts
from assay.releases.measuring.evaluating import RUNS, scorers_of
from assay.releases.project import Project
from assay.stores.traces import TraceStore

SEVERAL = "several releases"


async def score_traces(
    project: Project,
    *,
    limit: int,
    release: str | None = None,
    scorers: Sequence[str] | None = None,
    judge: str | None = None,
    progress: Watcher | None = None,
) -> tuple[Run, Path, int]:
    """A run over the newest recorded answers, its artifact, and how many traces could not be used.

    Raises NotFound where no answer was recorded, InputError, ModelError, StoreError.
    """
    chosen = project.manifest.evaluation
    database = parts.database(project)
    try:
        traces = TraceStore(database)
        found = recorded(traces, limit, release=release)
        releases = {str(sample.case.provenance.get("release")) for sample in found.samples}
        run = await score(
            found.samples,
            scorers_of(project, database, scorers, judge),
            subject=releases.pop() if len(releases) == 1 else SEVERAL,
            limiter=Limiter(chosen.concurrency),
            progress=progress,
            environment=environment(project.file.directory),
        )
        return run, write(run, project.state / RUNS), found.unrecorded
    finally:
        database.close()
