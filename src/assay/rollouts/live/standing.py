"""What an environment stands at when a server starts: which release it answers with, settled before a port is open.

A kept release is built from its files under the code that is installed now. Where that code has changed, what would
answer is another release than the one that was live, and the stream says so: traces and events name what really
answers.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from assay.errors import AssayError, InputError
from assay.releases.history.environments import Pointed
from assay.releases.history.snapshots import Snapshots
from assay.releases.project import Project
from assay.releases.store import ReleaseStore
from assay.rollouts.live.conducting import decision
from assay.rollouts.traffic.events import Deployed, Event, ExperimentEnded, RolledBack
from assay.rollouts.traffic.log import TrafficLog
from assay.rollouts.traffic.state import Traffic
from assay.rollouts.traffic.transitions import transition
from assay.stores.blobs import BlobStore
from assay.stores.database import Database
from assay.stores.events import Conflict, EventLog


@dataclass(frozen=True, slots=True)
class Standing:
    """The release to answer with, and the events that say so, which are not written yet: only a server that could
    open it and listen may write them. ``notices`` is what a person should know; ``deploy`` why the file's release
    was asked for."""

    traffic: Traffic
    live: Project
    events: tuple[Event, ...] = ()
    notices: tuple[str, ...] = ()
    deploy: str | None = None


class Stand:
    """Settles what an environment stands at. Methods block and may raise StoreError."""

    def __init__(
        self,
        project: Project,
        database: Database,
        log: TrafficLog,
        events: EventLog,
        *,
        by: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``project`` is the file's, ``by`` who starts the server."""
        self._project, self._log, self._events, self._by, self._clock = project, log, events, by, clock
        self._database = database
        self._snapshots = Snapshots(database)

    def find(self, *, deploy: str | None = None) -> Standing:
        """What to answer with. ``deploy`` makes the file's release live at once, for the reason that it gives.

        Raises InputError where the live release cannot be built here, and where ``deploy`` is asked for while
        traffic is being moved.
        """
        traffic = self._log.traffic()
        if deploy is not None:
            return self._deployed(traffic, deploy)
        if traffic.live is None:
            return self._first(traffic)
        return self._standing(traffic, traffic.live)

    def settle(self, standing: Standing) -> Standing:
        """Write down what was found, and keep its files. Where another process was faster, what it made of it."""
        while standing.events:
            self.keep(standing.live)
            try:
                traffic = self._log.append(standing.traffic, *standing.events)
                return replace(standing, traffic=traffic, events=())
            except Conflict:
                again = self.find(deploy=standing.deploy)
                if again.live.release.digest != standing.live.release.digest:
                    raise InputError(
                        f"release {again.live.release.short} has just been made live in {self._log.environment} by "
                        "another process; start again"
                    ) from None
                standing = again
        return standing

    def keep(self, project: Project) -> None:
        """Keep a release, so that every process can build it."""
        ReleaseStore(BlobStore(self._database)).keep(project.release)
        self._snapshots.keep(project)

    def _first(self, traffic: Traffic) -> Standing:
        """Nothing is live yet: what the environment was let point at, else the file's release."""
        pointed: Pointed | None = self._snapshots.environments().get(self._log.environment)
        if pointed is None or pointed.digest == self._project.release.digest:
            why = "the first release" if pointed is None else "it was what answered before"
            return Standing(traffic, self._project, (self._deployment(self._project, why),))
        found = self._standing(traffic, pointed.digest)
        if found.events:
            return found
        return Standing(
            traffic, found.live, (self._deployment(found.live, "it was what answered before"),), found.notices
        )

    def _deployed(self, traffic: Traffic, why: str) -> Standing:
        if traffic.live == self._project.release.digest and traffic.rollout is None and traffic.experiment is None:
            return Standing(traffic, self._project, notices=(f"release {self._project.release.short} is live already",))
        event = self._deployment(self._project, why)
        transition(traffic, event, 0.0)  # refused here, before anything is opened
        return Standing(traffic, self._project, (event,), deploy=why)

    def _standing(self, traffic: Traffic, live: str) -> Standing:
        try:
            built = self._snapshots.load(live, self._project)
        except AssayError as error:
            raise InputError(
                f"release {live[:12]}, which is live in {self._log.environment}, cannot be built here: {error}; "
                "`assay serve --deploy WHY` makes the file's release live instead"
            ) from error
        now, notices = str(built.release.digest), self._differs(built)
        if now == live:
            broken = self._broken(traffic)
            return Standing(traffic, built, () if broken is None else (self._ended(traffic, broken),), notices)
        why = f"the code under it changed from {live[:12]}"
        events: tuple[Event, ...] = (self._deployment(built, why),)
        if traffic.rollout is not None or traffic.experiment is not None:
            told = f"the code under the live release {live[:12]} changed: it would now answer as {now[:12]}"
            events = (self._ended(traffic, told), *events)
        return Standing(traffic, built, events, notices)

    def _differs(self, built: Project) -> tuple[str, ...]:
        own = self._project.release
        if own.digest == built.release.digest:
            return ()
        return (
            f"assay.toml describes release {own.short}, live is {built.release.short}: "
            "`assay rollout start` brings it to users",
        )

    def _broken(self, traffic: Traffic) -> str | None:
        """Why what is under way cannot go on, where one of its releases cannot be built as it was started."""
        if traffic.rollout is not None:
            wanted = {traffic.rollout.candidate: "the candidate"}
        elif traffic.experiment is not None:
            wanted = {digest: f"arm {name}" for name, digest in traffic.experiment.design.arms}
        else:
            return None
        for digest, what in wanted.items():
            try:
                now = str(self._snapshots.load(digest, self._project).release.digest)
            except AssayError as error:
                return f"{what}, release {digest[:12]}, cannot be built: {error}"
            if now != digest:
                return f"the code under {what}, release {digest[:12]}, changed: it would now answer as {now[:12]}"
        return None

    def _ended(self, traffic: Traffic, why: str) -> Event:
        at = self._clock()
        if traffic.rollout is not None:
            id = traffic.rollout.id
            return RolledBack(id, "unbuildable", decision(self._events, id, at, why))
        assert traffic.experiment is not None
        id = traffic.experiment.id
        return ExperimentEnded(id, "unbuildable", None, decision(self._events, id, at, why))

    def _deployment(self, project: Project, why: str) -> Deployed:
        return Deployed(str(project.release.digest), why, self._by)
