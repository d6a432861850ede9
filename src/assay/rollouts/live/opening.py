"""Opening an environment to be served: what is live, settled and opened, with all that works behind it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import anyio

from assay.errors import InputError
from assay.evaluation.scorers.opening import scorer_names
from assay.evaluation.scoring import Scorer
from assay.releases import parts
from assay.releases.application import Application
from assay.releases.build import open_application
from assay.releases.history.environments import ENVIRONMENTS, point
from assay.releases.history.snapshots import Snapshots
from assay.releases.measuring.evaluating import scorers_of
from assay.releases.project import Project
from assay.rollouts.evidence.following import Follower
from assay.rollouts.live.applications import Applications
from assay.rollouts.live.deployment import Deployment
from assay.rollouts.live.feedback import FeedbackBook
from assay.rollouts.live.standing import Stand
from assay.rollouts.traffic.log import TrafficLog
from assay.stores.database import Database
from assay.stores.events import EventLog
from assay.stores.traces import TraceStore


def open_deployment(
    project: Project, environment: str, *, by: str, tell: Callable[[str], None], deploy: str | None = None
) -> Deployment:
    """Open an environment, and write down what is live there where that is new.

    ``project`` is the file's, ``by`` who starts the server; ``deploy`` makes the file's release live, for the reason
    that it gives. ``tell`` gets a line for each thing of note. Raises InputError, NotFound, ConfigError,
    PluginError, ModelError, StoreError.
    """
    if environment not in ENVIRONMENTS:
        raise InputError(f"there is no environment {environment!r}; there are: {', '.join(ENVIRONMENTS)}")
    database = parts.database(project)
    try:
        return _opened(project, environment, database, by=by, tell=tell, deploy=deploy)
    except BaseException:
        database.close()
        raise


def _opened(
    project: Project, environment: str, database: Database, *, by: str, tell: Callable[[str], None], deploy: str | None
) -> Deployment:
    events = EventLog(database)
    log = TrafficLog(events, environment, point=point)
    stand = Stand(project, database, log, events, by=by)
    standing = stand.find(deploy=deploy)
    live = open_application(here(standing.live, project))
    if live.notice:
        tell(live.notice)
    try:
        standing = stand.settle(standing)
    except BaseException:
        anyio.run(live.close)
        raise
    for notice in standing.notices:
        tell(notice)
    snapshots = Snapshots(database)

    def open_release(digest: str) -> Application:
        built = snapshots.load(digest, project)
        if built.release.digest != digest:
            now = built.release.short
            raise InputError(f"the code under release {digest[:12]} changed: it would now answer as {now}")
        return open_application(here(built, project))

    return Deployment(
        live.name,
        log,
        events,
        standing.traffic,
        Applications(open_release),
        live,
        feedback=FeedbackBook(events, TraceStore(database)),
        open_scorers=lambda metrics: scorers_for(project, database, metrics),
        follow=Follower,
        tell=tell,
        close=database.close,
    )


def here(release: Project, project: Project) -> Project:
    """A release's project with what is no part of a release as the present file has it: where its index lies, and
    what is recorded of answers. What was kept with it may be old, and whether content is recorded is for today."""
    manifest = release.manifest
    index = manifest.index.model_copy(update={"uri": project.manifest.index.uri})
    update = {"tracing": project.manifest.tracing, "index": index}
    return Project(replace(release.file, manifest=manifest.model_copy(update=update)))


def scorers_for(project: Project, database: Database, metrics: frozenset[str]) -> Sequence[Scorer]:
    """The scorers that give these metrics, as the file's evaluation has them. Raises InputError, PluginError,
    ModelError."""
    known = scorer_names()
    named = [metric for metric in sorted(metrics) if metric in known]
    others = [name for name in project.manifest.evaluation.scorers if name not in named]
    wanted = named if len(named) == len(metrics) else [*named, *others]
    found = scorers_of(project, database, wanted, None)
    return [scorer for scorer in found if any(metric.name in metrics for metric in scorer.metrics)]
